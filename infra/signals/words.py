"""The words of a filter: the types of events and the statuses that there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chalicelib.status import Status
from chalicelib.webhooks import TYPES
from infra.errors import Stopped

WORDS = {"types": sorted(TYPES.values()), "statuses": [status.value for status in Status]}


def check_words(filters: Mapping[str, Sequence[str]]) -> None:
    """Raises Stopped when a word of a filter is none of its kind, `types` or `statuses`."""
    for kind, words in filters.items():
        if wrong := [word for word in words if word not in WORDS[kind]]:
            raise Stopped(f"{', '.join(wrong)} is not one of the {kind}: {', '.join(WORDS[kind])}")
