"""The simulated carrier as a background process, with an account that nobody else knows."""

import json
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

from localdev import environment
from localdev.processes import NotStarted, Service
from localdev.waiting import wait_for

START = 15.0  # seconds


@dataclass(frozen=True)
class Account:
    """What both sides of a provider's account know."""

    api_key: str
    api_secret: str
    signature_secret: str
    signature_method: str = "sha256"

    @classmethod
    def random(cls) -> "Account":
        """One made up now."""
        return cls(secrets.token_hex(4), secrets.token_urlsafe(12), secrets.token_urlsafe(32))


def service(directory: Path) -> Service:
    """The process of the carrier of a directory."""
    return Service("carrier", directory)


def start(directory: Path, account: Account, leashed: bool = False, port: int = 0) -> str:
    """Start it, on a free port unless one is given, and return its URL. Raises NotStarted."""
    command = [sys.executable, "-m", "localdev.carrier", "--port", str(port)]
    credentials = {f"CARRIER_VONAGE_{name.upper()}": value for name, value in vars(account).items()}
    carrier = service(directory)
    process = carrier.start(command, environment.isolated() | credentials, leashed)
    # It says where it listens in one line, when it does.
    wait_for(lambda: process.poll() is not None or carrier.output.read_text().endswith("\n"), START, "the carrier")
    if process.poll() is not None:
        raise NotStarted(carrier)
    return str(json.loads(carrier.output.read_text())["url"])
