"""The simulated carrier as a background process, with accounts that nobody else knows."""

import json
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from localdev import environment
from localdev.carrier.telnyx import public_key
from localdev.processes import NotStarted, Service
from localdev.waiting import wait_for

START = 15.0  # seconds


@dataclass(frozen=True)
class Accounts:
    """What both sides know of an account at each provider that the carrier plays: its settings there, by provider."""

    vonage: Mapping[str, str]
    twilio: Mapping[str, str]
    telnyx: Mapping[str, str]

    @classmethod
    def random(cls) -> "Accounts":
        """Some made up now."""
        vonage = {"api_key": secrets.token_hex(4), "api_secret": secrets.token_urlsafe(12)}
        vonage |= {"signature_secret": secrets.token_urlsafe(32), "signature_method": "sha256"}
        twilio = {"account_sid": f"AC{secrets.token_hex(16)}", "auth_token": secrets.token_hex(16)}
        telnyx = {"api_key": secrets.token_urlsafe(32), "signing_seed": secrets.token_hex(32)}
        return cls(vonage, twilio, telnyx)

    def secrets(self, carrier_url: str) -> dict[str, dict[str, str]]:
        """The secret of each provider's adapter, with the carrier in the provider's place."""
        telnyx = {"api_key": self.telnyx["api_key"], "public_key": public_key(self.telnyx["signing_seed"])}
        return {
            "vonage": {**self.vonage, "base_url": carrier_url, "reports_url": carrier_url},
            "twilio": {**self.twilio, "base_url": carrier_url},
            "telnyx": {**telnyx, "base_url": carrier_url},
        }


def service(directory: Path) -> Service:
    """The process of the carrier of a directory."""
    return Service("carrier", directory)


def start(directory: Path, accounts: Accounts, leashed: bool = False, port: int = 0) -> str:
    """Start it, on a free port unless one is given, and return its URL. Raises NotStarted."""
    command = [sys.executable, "-m", "localdev.carrier", "--port", str(port)]
    credentials = {
        f"CARRIER_{provider}_{name}".upper(): value
        for provider, account in vars(accounts).items()
        for name, value in account.items()
    }
    carrier = service(directory)
    process = carrier.start(command, environment.isolated() | credentials, leashed)
    # It says where it listens in one line, when it does.
    wait_for(lambda: process.poll() is not None or carrier.output.read_text().endswith("\n"), START, "the carrier")
    if process.poll() is not None:
        raise NotStarted(carrier)
    return str(json.loads(carrier.output.read_text())["url"])
