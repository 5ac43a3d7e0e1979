"""The webhook endpoint of an API key: made, changed, its secret changed in two steps, disabled and removed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace

from chalicelib import store_webhooks
from chalicelib.config import settings
from chalicelib.store_keys import get_key
from chalicelib.webhooks import Endpoint, check_url, new_secret
from infra.errors import Stopped
from infra.signals.words import check_words

SECRET_BYTES = 32
#: While a secret is changed two sign: the new one and the one before it.
SECRETS = 2


def set_endpoint(
    key_id: str,
    *,
    url: str | None = None,
    filters: Mapping[str, Sequence[str]] | None = None,
    rotate: bool = False,
    enable: bool = False,
    remove: bool = False,
) -> tuple[Endpoint | None, bool]:
    """Change what is given; returns what the endpoint now is, and whether it has a new secret. Raises Stopped, ValueError."""
    if get_key(key_id) is None:
        raise Stopped(f"there is no API key {key_id}")
    if url:
        check_url(url, loopback=settings().webhooks_to_loopback or settings().stage == "local")
    check_words(filters or {})
    made = False

    def changed(known: Endpoint | None) -> Endpoint | None:
        nonlocal made
        if remove:
            return None
        made = known is None or rotate
        endpoint = known or Endpoint(key_id, ())
        if made:
            new = new_secret(secrets.token_bytes(SECRET_BYTES))
            endpoint = replace(endpoint, secrets=(new, *endpoint.secrets)[:SECRETS])
        if url:
            endpoint = replace(endpoint, url=url, disabled=None)
        if filters is not None:
            endpoint = replace(endpoint, types=tuple(filters["types"]), statuses=tuple(filters["statuses"]))
        return replace(endpoint, disabled=None) if enable else endpoint

    return store_webhooks.change(key_id, changed), made
