"""Vonage's signature, and what its SMS API demands of a submission.

https://developer.vonage.com/en/getting-started/concepts/signing-messages,
https://developer.vonage.com/en/api/sms (checked 2026-11-23)
"""

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from localdev.carrier.settings import setting

METHODS = ("md5hash", "md5", "sha1", "sha256", "sha512")
FRESH = 300  # seconds between the timestamp of a signature and now

ERRORS = {
    "1": "Throughput Rate Exceeded - please wait [ 250 ] and retry",
    "2": "Missing Parameters",
    "3": "Invalid Parameters",
    "4": "Invalid Credentials",
    "5": "Internal Error",
    "6": "Invalid Message",
    "7": "Number Barred",
    "9": "Partner Quota Violation",
    "12": "Message Too Long",
    "14": "Invalid Signature",
    "15": "Invalid Sender Address",
    "23": "Invalid Callback URL",
    "32": "Signature And API Secret Disallowed",
}


@dataclass(frozen=True)
class VonageSettings:
    """The Vonage account that the carrier pretends to host."""

    api_key: str = setting("abcd1234", "API key")
    api_secret: str = setting("local-api-secret", "API secret", secret=True)
    signature_secret: str = setting("local-signature-secret", "signature secret; empty: sign nothing", secret=True)
    signature_method: str = setting("md5hash", "the account's signature method", METHODS)
    callback_format: str = setting("get", "how callbacks come", ("get", "post", "json"))
    callback_url: str = setting("", "where receipts go when the request names no callback")


def signature(params: Mapping[str, str], secret: str, method: str) -> str:
    """Return the hex digest over every parameter but `sig`."""
    pairs = sorted((key, value) for key, value in params.items() if key != "sig")
    text = "".join(f"&{key}={value.replace('&', '_').replace('=', '_')}" for key, value in pairs)
    if method == "md5hash":
        return hashlib.md5((text + secret).encode(), usedforsecurity=False).hexdigest()
    return hmac.new(secret.encode(), text.encode(), method).hexdigest()


def refusal(params: Mapping[str, str], basic: tuple[str, str] | None, account: VonageSettings) -> str:
    """Return the status that a submission is refused with, or an empty string."""
    return _unauthorised(params, basic, account) or next((code for code, bad in RULES if bad(params)), "")


def _unauthorised(params: Mapping[str, str], basic: tuple[str, str] | None, account: VonageSettings) -> str:
    key, secret = basic or (params.get("api_key", ""), params.get("api_secret", ""))
    if not key or not (secret or "sig" in params):
        return "2"
    if secret and "sig" in params:
        return "32"
    if key != account.api_key:
        return "4"
    if secret:
        return "" if hmac.compare_digest(secret.encode(), account.api_secret.encode()) else "4"
    return _badly_signed(params, account)


def _badly_signed(params: Mapping[str, str], account: VonageSettings) -> str:
    if not params.get("timestamp"):
        return "2"
    expected = signature(params, account.signature_secret, account.signature_method)
    genuine = hmac.compare_digest(params["sig"].lower().encode(), expected.encode())
    fresh = params["timestamp"].isdigit() and abs(time.time() - int(params["timestamp"])) <= FRESH
    return "" if account.signature_secret and genuine and fresh else "14"


def _lacks_content(params: Mapping[str, str]) -> bool:
    if params.get("type") == "binary":
        return not (params.get("body") and params.get("udh"))
    return not params.get("text")


def _outside(name: str, least: int, most: int) -> Callable[[Mapping[str, str]], bool]:
    def bad(params: Mapping[str, str]) -> bool:
        value = params.get(name, str(least))
        return not (re.fullmatch("[0-9]+", value) and least <= int(value) <= most)

    return bad


def _unlike(name: str, pattern: str, default: str) -> Callable[[Mapping[str, str]], bool]:
    return lambda params: not re.fullmatch(pattern, params.get(name, default), re.DOTALL)


def sender(params: Mapping[str, Any]) -> str:
    """Return the sender as handsets show it: without spaces."""
    return str(params["from"]).replace(" ", "")


RULES: tuple[tuple[str, Callable[[Mapping[str, str]], bool]], ...] = (
    ("2", lambda params: not params.get("from") or not params.get("to")),
    ("2", _lacks_content),
    ("3", _unlike("to", "[0-9]{7,15}", "")),  # no plus sign, no spaces
    ("6", lambda params: params["to"].startswith("0")),  # no country begins so
    ("15", lambda params: not re.fullmatch("[1-9][0-9]{2,14}|[A-Za-z0-9]{1,11}", sender(params))),
    ("15", lambda params: sender(params).startswith("00")),
    ("3", _unlike("type", "text|unicode|binary", "text")),
    ("3", _outside("ttl", 20_000, 604_800_000)),
    ("3", _unlike("status-report-req", "0|1|true|false", "1")),
    ("3", _unlike("client-ref", ".{0,40}", "")),
    ("3", _outside("message-class", 0, 3)),
    ("12", lambda params: len(params.get("text", "")) > 3200),
    ("23", _unlike("callback", r"https?://[!-~]+", "http://default")),
    ("23", lambda params: len(params.get("callback", "")) > 100),
)
