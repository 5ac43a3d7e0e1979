"""The routes to send: one text, answered with what came of it; or up to a hundred, answered before they are submitted."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from chalice.app import Blueprint, Request, Response

from chalicelib.blueprints.problems import Headers, Refused, problem, problem_of, reported
from chalicelib.blueprints.requests import authorized, header, public_url
from chalicelib.config import settings
from chalicelib.errors import ErrorClass, InvalidMessage, TextMessageError, UnknownProvider
from chalicelib.messages import TextMessage
from chalicelib.stage import now
from chalicelib.status import FAILED, Status
from chalicelib.store_keys import ApiKey

send = Blueprint(__name__)

MAX_BODY, MAX_BATCH_BODY, MAX_BATCH = 65_536, 1_048_576, 100
#: What a refusal means to an HTTP client, by whose fault it is.
REFUSALS = {ErrorClass.RECIPIENT: 422, ErrorClass.CONTENT: 422, ErrorClass.SENDER: 422}


@send.route("/send", methods=["POST"])
@reported
def send_message() -> Response:
    """Send one text (contract.md, POST /send)."""
    from chalicelib import sending  # here: a callback needs none of it

    request = send.current_request
    key = authorized(request, "send")
    message = _composed(_json_object(request, MAX_BODY), request, key, header(request, "idempotency-key"))
    later = "respond-async" in (header(request, "prefer") or "")
    try:
        stored, replayed = sending.send(message, later=later)
    except UnknownProvider as error:
        raise InvalidMessage({"provider": str(error)}) from None
    return _answer(stored, replayed)


@send.route("/send/batch", methods=["POST"])
@reported
def send_batch() -> Response:
    """Send up to a hundred texts; each has a result of its own, in order, and a bad one does not spoil the rest."""
    from chalicelib import sending

    request = send.current_request
    key = authorized(request, "send")
    asked = _json_object(request, MAX_BATCH_BODY)
    bodies = asked.get("messages")
    if asked.keys() - {"messages"} or not isinstance(bodies, list) or not 1 <= len(bodies) <= MAX_BATCH:
        raise InvalidMessage({"messages": f"must be a list of 1 to {MAX_BATCH} texts, and the only field"})
    batch_key = header(request, "idempotency-key")
    composed = [_try_composing(body, place, request, key, batch_key) for place, body in enumerate(bodies)]
    good = [text for text in composed if isinstance(text, TextMessage)]
    stored = iter(sending.send_all(good))
    results = [next(stored) if isinstance(text, TextMessage) else text for text in composed]
    return Response({"results": [_result(result) for result in results]}, status_code=202)


def _try_composing(
    body: Any, place: int, request: Request, key: ApiKey, batch_key: str | None
) -> TextMessage | TextMessageError:
    own_key = None if batch_key is None else f"{batch_key}#{place}"
    try:
        if not isinstance(body, dict):
            raise InvalidMessage({f"messages[{place}]": "must be an object"})
        return _composed(body, request, key, own_key)
    except TextMessageError as error:
        return error


def _result(result: TextMessage | TextMessageError) -> dict[str, Any]:
    if isinstance(result, TextMessage):
        return {"status": 202, "message": result.as_json()}
    told = problem_of(result)
    return {"status": told.status_code, "problem": json.loads(told.body)}


def _json_object(request: Request, limit: int) -> dict[str, Any]:
    if len(request.raw_body) > limit:
        raise Refused(413, f"the body is larger than {limit} bytes")
    try:
        body = json.loads(request.raw_body)
    except ValueError:
        raise Refused(400, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise Refused(400, "the body is not a JSON object")
    return body


def _composed(body: dict[str, Any], request: Request, key: ApiKey, idempotency_key: str | None) -> TextMessage:
    from chalicelib.compose import compose, id_of_key

    config = settings()
    message = compose(
        body, now=now(), default_sender=config.default_sender, webhooks_to_loopback=config.webhooks_to_loopback
    )
    message = replace(message, key_id=key.key_id)
    if message.webhook_url:
        _check_signing(key)
    if base := public_url(request):
        message = replace(message, public_url=base)
    if idempotency_key is None:
        return message
    if not 1 <= len(idempotency_key) <= 255:
        raise InvalidMessage({"Idempotency-Key": "must have 1 to 255 characters"})
    return replace(message, id=id_of_key(key.key_id, idempotency_key))


def _check_signing(key: ApiKey) -> None:
    """A webhook without a signature is worth nothing to its receiver."""
    from chalicelib.store_webhooks import endpoint

    if endpoint(key.key_id) is None:
        raise InvalidMessage(
            {"webhook_url": "this API key has no secret to sign webhooks with: make webhook KEY=<its id>"}
        )


def _answer(message: TextMessage, replayed: bool) -> Response:
    headers: Headers = {"Location": f"/messages/{message.id}"}
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    never_taken = message.status in FAILED and message.submitted_on is None
    if never_taken and message.error and not message.fail_silently:
        status = REFUSALS.get(message.error.error_class, 502)
        detail = message.error.detail or message.error.code
        title = "The text was refused"
        return problem(status, message.error.code, title, detail, message=message, headers=headers)
    waiting = message.status is Status.CREATED
    return Response(message.as_json(), headers=headers, status_code=202 if waiting else 201)
