"""Errors as clients see them: RFC 9457 `application/problem+json`, ours and Chalice's alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from chalice.app import Response

from chalicelib import errors, keys, logs
from chalicelib.messages import TextMessage

log = logs.logger(__name__)

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
CONTENT_TYPE = "application/problem+json"
Headers = dict[str, str | list[str]]
View = TypeVar("View", bound=Callable[..., Any])

#: (status, code, title) of each exception; the first that fits.
PROBLEMS: tuple[tuple[type[Exception], int, str, str], ...] = (
    (errors.InvalidMessage, 422, "invalid_field", "A field is not valid"),
    (errors.IdempotencyKeyReused, 422, "idempotency_key_reused", "The Idempotency-Key was used for another request"),
    (errors.UnknownProvider, 404, "unknown_provider", "There is no such provider"),
    (errors.MessageNotFound, 404, "not_found", "There is no such message"),
    (errors.TooLate, 409, "too_late", "The text is in no state for that"),
    (errors.CallbackUnsigned, 503, "not_signed", "The callback is not signed; send it again"),
    (errors.CallbackNotAuthentic, 403, "not_authentic", "The callback is not authentic"),
    (errors.CallbackUnreadable, 400, "unreadable", "The callback cannot be read"),
    (errors.StoreUnavailable, 503, "store_unavailable", "The message store does not answer; try again"),
    (errors.ConfigurationError, 502, "not_configured", "The provider is not configured"),
    (keys.NotAuthenticated, 401, "not_authenticated", "An API key is needed"),
    (keys.ScopeMissing, 403, "scope_missing", "The API key may not do this"),
)
#: What Chalice and API Gateway answer by themselves.
CODES = {400: "bad_request", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 413: "too_large",
         415: "unsupported_media_type", 429: "throttled", 500: "internal_error"}  # fmt: skip
TITLES = {400: "The request cannot be read", 403: "Not allowed", 404: "There is nothing here",
          405: "This method is not allowed here", 413: "The body is too large",
          415: "The content type is not supported", 429: "Too many requests", 500: "Something went wrong here"}  # fmt: skip


class Refused(Exception):
    """A request that is answered with one of the standard problems."""

    def __init__(self, status: int, detail: str) -> None:
        self.status, self.detail = status, detail
        super().__init__(detail)


def problem(
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    fields: dict[str, str] | None = None,
    message: TextMessage | None = None,
    headers: Headers | None = None,
) -> Response:
    """The answer; `fields` are named one by one in `errors`, `message` is the text if one was stored."""
    body: dict[str, Any] = {
        "type": f"urn:smsignal:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "errors": [{"field": field, "message": sentence} for field, sentence in (fields or {}).items()],
    }
    if message:
        body["message"] = message.as_json()
        headers = {**(headers or {}), "Location": f"/messages/{message.id}"}
    return Response(json.dumps(body), headers={**(headers or {}), "Content-Type": CONTENT_TYPE}, status_code=status)


def reported(view: View) -> View:
    """Turn what a view raises on purpose into its problem. Anything else is a fault: logged, and a 500 without detail."""

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return view(*args, **kwargs)
        except Refused as refusal:
            return _standard(refusal.status, refusal.detail)
        except (errors.TextMessageError, keys.NotAuthenticated, keys.ScopeMissing) as error:
            return problem_of(error)

    return wrapper  # type: ignore[return-value]


def as_problems(event: Any, get_response: Callable[[Any], Response]) -> Response:
    """HTTP middleware: whatever Chalice itself answers with an error becomes a problem."""
    response = get_response(event)
    if response.status_code < 400 or response.headers.get("Content-Type") == CONTENT_TYPE:
        return response
    said = response.body.get("Message") if isinstance(response.body, dict) else None
    kept = {name: value for name, value in response.headers.items() if name.lower() != "content-type"}
    return _standard(response.status_code, said or TITLES.get(response.status_code, "See the status"), kept)


def refuse_other_methods(app: Any) -> None:
    """Give each route the methods that it lacks, to answer 405: by itself API Gateway says that a token is missing."""
    for path, known in [(path, sorted(methods)) for path, methods in app.routes.items()]:

        def refuse(*_: Any, known: list[str] = known, **__: Any) -> Response:
            return _standard(405, f"the methods here are {', '.join(known)}", {"Allow": ", ".join(known)})

        others = [method for method in METHODS if method not in known]
        app.route(path, methods=others, content_types=["*/*"], name=f"refuse {path}")(refuse)


def _standard(status: int, detail: str, headers: Headers | None = None) -> Response:
    return problem(status, CODES.get(status, "error"), TITLES.get(status, "Error"), detail, headers=headers)


def problem_of(error: Exception) -> Response:
    """The answer to an exception of ours."""
    for kind, status, code, title in PROBLEMS:
        if isinstance(error, kind):
            if status >= 500 and not isinstance(error, errors.CallbackUnsigned):  # which anybody can send
                log.error("request failed", extra={"code": code, "error": str(error)})
            headers: Headers | None = {"WWW-Authenticate": "Bearer"} if status == 401 else None
            if isinstance(error, errors.StoreUnavailable):
                headers = {"Retry-After": "1"}
            fields = error.errors if isinstance(error, errors.InvalidMessage) else None
            return problem(status, code, title, str(error), fields=fields, headers=headers)
    raise error
