"""The routes for clients: send a text, look at one, list them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chalice.app import Blueprint, Response

from chalicelib import store
from chalicelib.blueprints.problems import Headers, Refused, problem, reported
from chalicelib.blueprints.requests import authorized, header, public_url, query
from chalicelib.config import settings
from chalicelib.errors import ErrorClass, InvalidMessage, UnknownProvider
from chalicelib.messages import Direction, TextMessage, parse_rfc3339
from chalicelib.phone import from_provider
from chalicelib.stage import now
from chalicelib.status import Status
from chalicelib.store_keys import ApiKey

if TYPE_CHECKING:
    from chalicelib.store_lists import Filter

messages = Blueprint(__name__)

MAX_BODY = 65_536
#: The filters of a list, and the forms of their values.
FILTERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "to": (from_provider, "a number"),  # a + that was not escaped in the URL is a space
    "status": (Status, f"one of {', '.join(status.value for status in Status)}"),
    "direction": (Direction, f"one of {', '.join(direction.value for direction in Direction)}"),
    "since": (parse_rfc3339, "an RFC 3339 time such as 2026-11-23T09:30:00Z"),
    "until": (parse_rfc3339, "an RFC 3339 time such as 2026-11-23T09:30:00Z"),
}
#: What a refusal means to an HTTP client, by whose fault it is.
REFUSALS = {ErrorClass.RECIPIENT: 422, ErrorClass.CONTENT: 422, ErrorClass.SENDER: 422}


@messages.route("/send", methods=["POST"])
@reported
def send_message() -> Response:
    """Send one text (contract.md, POST /send)."""
    from chalicelib.sending import send  # here: a callback needs none of it

    request = messages.current_request
    key = authorized(request, "send")
    message = _composed(_json_object(request), key, header(request, "idempotency-key"))
    if base := public_url(request):
        message = replace(message, callback_url=f"{base}/callback/{message.provider}")
    later = "respond-async" in (header(request, "prefer") or "")
    try:
        stored, replayed = send(message, later=later)
    except UnknownProvider as error:
        raise InvalidMessage({"provider": str(error)}) from None
    return _answer(stored, replayed)


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


def _json_object(request: Any) -> dict[str, Any]:
    if len(request.raw_body) > MAX_BODY:
        raise Refused(413, f"the body is larger than {MAX_BODY} bytes")
    try:
        body = json.loads(request.raw_body)
    except ValueError:
        raise Refused(400, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise Refused(400, "the body is not a JSON object")
    return body


def _composed(body: dict[str, Any], key: ApiKey, idempotency_key: str | None) -> TextMessage:
    from chalicelib.compose import compose, id_of_key

    config = settings()
    message = compose(body, now=now(), default_provider=config.provider, default_sender=config.default_sender)
    if idempotency_key is None:
        return message
    if not 1 <= len(idempotency_key) <= 255:
        raise InvalidMessage({"Idempotency-Key": "must have 1 to 255 characters"})
    return replace(message, id=id_of_key(key.key_id, idempotency_key))


def _answer(message: TextMessage, replayed: bool) -> Response:
    headers: Headers = {"Location": f"/messages/{message.id}"}
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    if message.status is Status.REFUSED and message.error and not message.fail_silently:
        status = REFUSALS.get(message.error.error_class, 502)
        detail = message.error.detail or message.error.code
        title = "The text was refused"
        return problem(status, message.error.code, title, detail, message=message, headers=headers)
    waiting = message.status is Status.CREATED
    return Response(message.as_json(), headers=headers, status_code=202 if waiting else 201)


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
