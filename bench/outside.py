"""What stands outside of what is measured: a provider that takes every text, and the parameter store with its secret.

Both are one small HTTP server, and every subject asks it for the same.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from bench.serving import Handler, serving
from localdev.carrier.vonage_rules import signature

SIGNATURE_SECRET, SIGNATURE_METHOD = "bench-signature-secret", "sha256"  # of what this machine sends to itself


@contextmanager
def outside(provider: str | None = None) -> Iterator[str]:
    """The URL of the provider and of the parameter store, for as long as the block lasts; `provider` is that of another one."""

    class Outside(Provider):
        elsewhere = provider

    with serving(Outside) as address:
        yield f"http://{address}"


def signed(params: Mapping[str, str], secret: str = SIGNATURE_SECRET, method: str = SIGNATURE_METHOD) -> dict[str, str]:
    """A callback's parameters with the time and Vonage's signature."""
    params = {**params, "timestamp": str(int(time.time()))}
    return {**params, "sig": signature(params, secret, method)}


class Provider(Handler):
    """It answers as Vonage and as the parameter store do."""

    numbers = count(1)
    elsewhere: ClassVar[str | None] = None  #: the provider that the secret names, where it is not this one

    def do_POST(self) -> None:
        """A text, or a question for a parameter."""
        body = self.body()
        if self.headers.get("X-Amz-Target") == "AmazonSSM.GetParameter":
            self._answer(self._parameter(json.loads(body)["Name"]), "application/x-amz-json-1.1")
        else:
            self._answer(self._taken(dict(parse_qsl(body.decode()))), "application/json")

    def _answer(self, answer: Mapping[str, Any], content_type: str) -> None:
        self.reply(200, json.dumps(answer).encode(), {"Content-Type": content_type})

    def _parameter(self, name: str) -> dict[str, Any]:
        secret = {
            "api_key": "benchkey",
            "api_secret": "bench-api-secret",
            "signature_secret": SIGNATURE_SECRET,
            "signature_method": SIGNATURE_METHOD,
            "base_url": self.elsewhere or f"http://{self.headers['Host']}",
        }
        return {"Parameter": {"Name": name, "Type": "SecureString", "Value": json.dumps(secret), "Version": 1}}

    def _taken(self, form: Mapping[str, str]) -> dict[str, Any]:
        taken = {
            "to": form["to"],
            "message-id": f"{next(self.numbers):032X}",
            "status": "0",
            "remaining-balance": "15.53590000",
            "message-price": "0.03330000",
            "network": "20810",
            "client-ref": form["client-ref"],
        }
        return {"message-count": "1", "messages": [taken]}
