"""The webhook endpoints of all API keys: one item, read at most once a minute by each container, written by hand and by a 410."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from pynamodb.exceptions import DoesNotExist

from chalicelib.models import ApiKeyRecord as Record
from chalicelib.store_table import Refused, translated, update
from chalicelib.webhooks import Endpoint

#: No API key has such an id.
KEY = "#webhooks"
CACHE_SECONDS = 30.0

_cache: dict[str, tuple[float, Mapping[str, Endpoint]]] = {}


def endpoint(key_id: str, good: Callable[[Endpoint], bool] = bool) -> Endpoint | None:
    """The endpoint of an API key, if it is good; nothing is refused for what was so half a minute ago. Raises StoreUnavailable."""
    for fresh in (False, True):
        known = endpoints(fresh=fresh).get(key_id)
        if known and good(known):
            return known
    return None


def endpoints(*, fresh: bool = False) -> Mapping[str, Endpoint]:
    """All endpoints by the id of their API key, as they were half a minute ago at the most; `fresh`: as they are.

    Raises StoreUnavailable.
    """
    now = time.monotonic()
    expires, known = _cache.get(KEY, (0.0, {}))
    if fresh or expires <= now:
        known, _ = _read()
        _cache[KEY] = (now + CACHE_SECONDS, known)
    return known


def change(key_id: str, new: Callable[[Endpoint | None], Endpoint | None]) -> Endpoint | None:
    """Change one endpoint, or make or remove it; returns what it now is. Raises StoreUnavailable."""
    while True:
        known, revision = _read()
        after = new(known.get(key_id))
        every = {**known, key_id: after} if after else {name: one for name, one in known.items() if name != key_id}
        text = json.dumps([asdict(one) for one in every.values() if one])
        unchanged = Record.revision == revision if revision else Record.revision.does_not_exist()
        try:
            update(Record(KEY), [Record.endpoints.set(text), Record.revision.set(revision + 1)], unchanged)
        except Refused:
            continue  # somebody else changed another one
        _cache.clear()
        return after


def _read() -> tuple[dict[str, Endpoint], int]:
    try:
        with translated():
            record = Record.get(KEY, consistent_read=True)
    except DoesNotExist:
        return {}, 0
    kept = [_endpoint(one) for one in json.loads(record.endpoints)]
    return {one.key_id: one for one in kept}, int(record.revision)


def _endpoint(kept: dict[str, Any]) -> Endpoint:
    lists: dict[str, Any] = {name: tuple(value) for name, value in kept.items() if isinstance(value, list)}
    return Endpoint(**{**kept, **lists})
