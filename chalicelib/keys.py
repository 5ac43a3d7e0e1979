"""API keys: `sms_<key id>_<secret>`. Shown once, stored as a hash, compared in constant time, cached for a minute.

The secret has 256 random bits, so a plain SHA-256 is enough: there is nothing to guess that a slow hash would protect.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Iterable
from datetime import datetime

from chalicelib.errors import TextMessageError
from chalicelib.store_keys import ApiKey, get_key, put_key

SCOPES = ("send", "read", "admin")
CACHE_SECONDS = 60.0
CACHE_SIZE = 1000
TOKEN = re.compile(r"sms_([0-9a-f]{16})_([0-9A-Za-z_-]{43})")

_cache: dict[str, tuple[float, ApiKey | None]] = {}


class NotAuthenticated(TextMessageError):
    """No API key, or one that is wrong or revoked."""


class ScopeMissing(TextMessageError):
    """The key is good, but not for this."""


def create(scopes: Iterable[str], now: datetime, label: str | None = None) -> tuple[str, ApiKey]:
    """Make a key; returns the token, which is not kept anywhere, and what is stored. Raises ValueError for a bad scope."""
    scopes = tuple(dict.fromkeys(scopes))
    wrong = [scope for scope in scopes if scope not in SCOPES]
    if wrong or not scopes:
        raise ValueError(f"scopes are {', '.join(SCOPES)}; not {', '.join(wrong) or 'none'}")
    key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    key = ApiKey(key_id, _hash(secret), scopes, now, label)
    put_key(key)
    return f"sms_{key_id}_{secret}", key


def authenticate(token: str, scope: str) -> ApiKey:
    """The key behind a token, if it has that scope. Raises NotAuthenticated, ScopeMissing, StoreUnavailable."""
    found = TOKEN.fullmatch(token)
    if not found:
        raise NotAuthenticated("send 'Authorization: Bearer <api key>'; make a key with: make key SCOPES=send,read")
    key_id, secret = found.groups()
    key = _cached(key_id)
    # Compared also when there is no such key, so that the time tells nothing.
    known = hmac.compare_digest(key.secret_hash if key else _hash(""), _hash(secret))
    if key is None or not known or key.revoked_on is not None:
        raise NotAuthenticated("this API key is not known, or was revoked")
    if scope not in key.scopes:
        raise ScopeMissing(f"this API key lacks the scope '{scope}'")
    return key


def _cached(key_id: str) -> ApiKey | None:
    now = time.monotonic()
    expires, key = _cache.get(key_id, (0.0, None))
    if expires > now:
        return key
    key = get_key(key_id)
    if len(_cache) >= CACHE_SIZE:  # a flood of made-up keys must not fill the memory
        _cache.clear()
    _cache[key_id] = (now + CACHE_SECONDS, key)
    return key


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
