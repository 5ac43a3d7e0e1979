"""The routes for providers: status callbacks and incoming texts. All of them take either kind.

What follows the provider's name is a ticket: which text a receipt is for, where the provider echoes nothing else, or a token that
only the provider can know, where it signs nothing (providers/base.py).
"""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint, Response

from chalicelib import receipts
from chalicelib.blueprints.problems import Refused, reported
from chalicelib.blueprints.requests import public_url
from chalicelib.providers.base import Callback

callbacks = Blueprint(__name__)

MAX_BODY = 1_048_576
ANY = ["*/*"]  # providers send forms, JSON and, with GET, whatever they like


@callbacks.route("/callback/{provider}", methods=["GET", "POST"], content_types=ANY)
@reported
def receive_callback(provider: str) -> Response:
    """A status callback."""
    return _received(callbacks.current_request, provider)


@callbacks.route("/callback/{provider}/{ticket}", methods=["GET", "POST"], content_types=ANY)
@reported
def receive_callback_with_ticket(provider: str, ticket: str) -> Response:
    """A status callback to the URL of one text."""
    return _received(callbacks.current_request, provider, ticket)


@callbacks.route("/incoming/{provider}", methods=["GET", "POST"], content_types=ANY)
@reported
def receive_incoming(provider: str) -> Response:
    """An incoming text."""
    return _received(callbacks.current_request, provider)


@callbacks.route("/incoming/{provider}/{ticket}", methods=["GET", "POST"], content_types=ANY)
@reported
def receive_incoming_with_ticket(provider: str, ticket: str) -> Response:
    """An incoming text from a provider that proves itself by a token in the URL."""
    return _received(callbacks.current_request, provider, ticket)


def _received(request: Any, provider: str, ticket: str = "") -> Response:
    if len(request.raw_body) > MAX_BODY:
        raise Refused(413, f"the body is larger than {MAX_BODY} bytes")
    path = request.path.replace("{provider}", provider).replace("{ticket}", ticket)
    reply = receipts.apply_callback(
        provider,
        Callback(
            method=request.method,
            url=f"{public_url(request) or ''}{path}",
            headers={name.lower(): value for name, value in request.headers.items()},
            query=_pairs(request.query_params),
            body=request.raw_body,
            ticket=ticket,
        ),
    )
    return Response(reply.body, headers={"Content-Type": reply.content_type}, status_code=reply.status)


def _pairs(parameters: Any) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name in parameters or () for value in parameters.getlist(name))
