"""Webhooks as they go over the wire, after the Standard Webhooks specification. Pure: no clock, no I/O.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md (checked 2026-11-25)
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from chalicelib.changes import StatusChange
from chalicelib.messages import rfc3339

#: The event types, by the `detail-type` of the same event on the bus.
TYPES = {
    "Message Status Changed": "message.status_changed",
    "Message Received": "message.received",
    "Message Price Changed": "message.price_changed",
}
#: Seconds after each failed attempt, give or take a fifth; after the last one the webhook is given up: 28 hours in all.
BACKOFF = (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200)
JITTER = 0.2
#: A receiver's Retry-After is heeded from the usual delay up to this.
LONGEST_WAIT = 43_200
PREFIX = "whsec_"


@dataclass(frozen=True)
class Endpoint:
    """Where the changes of one API key's texts go, and what they are signed with."""

    key_id: str
    secrets: tuple[str, ...]  #: `whsec_…`, the newest first; each signs
    url: str | None = None  #: None: only texts that name a `webhook_url` are told of
    types: tuple[str, ...] = ()  #: none given: all
    statuses: tuple[str, ...] = ()  #: none given: all
    disabled: str | None = None  #: why nothing is sent any more

    def wants(self, change: StatusChange) -> bool:
        """Whether a change passes the filters."""
        wanted = not self.types or TYPES[change.kind] in self.types
        return wanted and (not self.statuses or change.status.value in self.statuses)


def body_of(change: StatusChange) -> bytes:
    """The JSON that is sent: the event of the bus, with its type and the time of the change."""
    event = {"type": TYPES[change.kind], "timestamp": rfc3339(change.occurred_at), "data": change.as_json()}
    return json.dumps(event, separators=(",", ":")).encode()


def headers_of(webhook_id: str, body: bytes, secrets: Sequence[str], now: datetime) -> dict[str, str]:
    """`webhook-id` (the same in every attempt), `webhook-timestamp`, and a signature with each secret."""
    timestamp = str(int(now.timestamp()))
    text = f"{webhook_id}.{timestamp}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(_key(secret), text, hashlib.sha256)).decode() for secret in secrets]
    return {
        "content-type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def new_secret(random_bytes: bytes) -> str:
    """A secret of these 24 to 64 bytes, as the specification writes it."""
    return PREFIX + base64.b64encode(random_bytes).decode()


def wait_after(attempts: int, retry_after: float | None = None) -> float | None:
    """Seconds until the next attempt, after so many that failed; None when it is given up."""
    if attempts > len(BACKOFF):
        return None
    usual = BACKOFF[attempts - 1] * random.uniform(1 - JITTER, 1 + JITTER)
    return usual if retry_after is None else min(max(usual, retry_after), LONGEST_WAIT)


def check_url(url: str, *, loopback: bool = False) -> str:
    """A URL that webhooks may go to, as far as can be told without asking where it leads. Raises ValueError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    host = parts.hostname or ""
    local = loopback and host in ("127.0.0.1", "localhost", "::1")
    if parts.scheme != "https" and not (local and parts.scheme == "http"):
        raise ValueError("must be an https URL")
    if not host or parts.username is not None or parts.fragment or len(url) > 2048 or port == 0:
        raise ValueError(
            "must be a URL with a host, without a user, a password or a fragment, of at most 2048 characters"
        )
    if not url.isascii() or any(character.isspace() for character in url):
        raise ValueError("must be a URL of ASCII characters, without spaces")
    return url


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        return secret.encode()  # a receiver's own secret, taken as it is
