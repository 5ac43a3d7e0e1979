"""The routes to look at texts, take one back, and forget one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chalice.app import Blueprint, Response

from chalicelib import store
from chalicelib.blueprints.problems import reported
from chalicelib.blueprints.requests import authorized, query
from chalicelib.errors import InvalidMessage
from chalicelib.messages import Direction, parse_rfc3339
from chalicelib.phone import from_provider
from chalicelib.stage import now
from chalicelib.status import Status
from chalicelib.transitions import canceled, erased

if TYPE_CHECKING:
    from chalicelib.store_lists import Filter

messages = Blueprint(__name__)

#: The filters of a list, and the forms of their values.
FILTERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "to": (from_provider, "a number"),  # a + that was not escaped in the URL is a space
    "status": (Status, f"one of {', '.join(status.value for status in Status)}"),
    "direction": (Direction, f"one of {', '.join(direction.value for direction in Direction)}"),
    "since": (parse_rfc3339, "an RFC 3339 time such as 2026-11-23T09:30:00Z"),
    "until": (parse_rfc3339, "an RFC 3339 time such as 2026-11-23T09:30:00Z"),
}


@messages.route("/messages/{message_id}", methods=["GET"])
@reported
def get_message(message_id: str) -> Response:
    """One text with its history."""
    authorized(messages.current_request, "read")
    return Response(store.get(message_id).as_json())


@messages.route("/messages", methods=["GET"])
@reported
def list_messages() -> Response:
    """A page of texts, newest first."""
    from chalicelib.store_lists import page

    authorized(messages.current_request, "read")
    asked = query(messages.current_request)
    found, cursor = page(_filter(asked), _limit(asked.get("limit", "50")), asked.get("cursor"))
    return Response({"messages": [message.as_json() for message in found], "next_cursor": cursor})


@messages.route("/messages/{message_id}/cancel", methods=["POST"], content_types=["*/*"])
@reported
def cancel_message(message_id: str) -> Response:
    """Take back a text that was not submitted yet; 409 when it is too late. Canceling twice is canceling."""
    authorized(messages.current_request, "send")
    message = store.change(store.get(message_id), lambda current: canceled(current, now()))
    return Response(message.as_json())


@messages.route("/messages/{message_id}", methods=["DELETE"])
@reported
def erase_message(message_id: str) -> Response:
    """Forget text and numbers; what was counted and paid stays. Erasing twice is erasing."""
    authorized(messages.current_request, "admin")
    store.change(store.get(message_id), lambda current: erased(current, now()))
    return Response("", status_code=204)


def _filter(asked: dict[str, str]) -> Filter:
    from chalicelib.store_lists import Filter

    wanted: dict[str, Any] = {"until": now()}
    wrong = dict.fromkeys(asked.keys() - FILTERS.keys() - {"limit", "cursor"}, "is not a filter")
    for name, (read, form) in FILTERS.items():
        try:
            if name in asked:
                wanted[name] = read(asked[name])
        except ValueError:
            wrong[name] = f"must be {form}"
    if wrong:
        raise InvalidMessage(wrong)
    return Filter(**wanted)


def _limit(value: str) -> int:
    if not value.isdigit() or not 1 <= int(value) <= 100:
        raise InvalidMessage({"limit": "must be a whole number, 1 to 100"})
    return int(value)
