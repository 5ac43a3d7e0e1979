"""One request to a provider, one answer: what an adapter describes and reads, and the only place that sends it.

Timeouts, network errors, 429 and 5xx are handled here, once for all. No request is ever repeated here: whether a text may be
submitted again is decided by whoever knows the whole story (sending.py), from the error's class.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.errors import AccountRefused, OutcomeUnknown, ProviderThrottled, ProviderUnavailable, SubmissionError

#: Seconds to connect, and between two bytes of the reply. API Gateway gives up after 29.
CONNECT_TIMEOUT, READ_TIMEOUT = 3.05, 15.0


@dataclass(frozen=True)
class HttpRequest:
    """A request to a provider. The body is `form`, `json` or `content`; `auth` is a user and a password for HTTP Basic."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    json: Any = None
    content: bytes | None = None
    auth: tuple[str, str] | None = None


@dataclass(frozen=True)
class HttpResponse:
    """A provider's answer."""

    status: int
    headers: Mapping[str, str]  #: names in lower case
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises OutcomeUnknown: an answer that cannot be read may well be a yes."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise OutcomeUnknown("unreadable_reply", "the provider's reply is not JSON") from None


def exchange(request: HttpRequest, to: str) -> HttpResponse:
    """One request, one answer, whatever its status; `to` names who is asked. Raises ProviderUnavailable, OutcomeUnknown."""
    import requests  # here: a callback's container never needs it

    from chalicelib.http_session import session

    try:
        # A fresh connection each time: one kept over a Lambda's freeze is often dead, and a text written to a dead
        # connection has an unknown outcome.
        with session() as connecting:
            reply = connecting.request(
                request.method,
                request.url,
                headers=dict(request.headers),
                params=dict(request.query),
                data=request.content if request.content is not None else request.form,
                json=request.json,
                auth=request.auth,
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                allow_redirects=False,
            )
    except requests.exceptions.RequestException as error:
        if _never_sent(error):
            raise ProviderUnavailable("unreachable", f"no connection to {to}") from error
        raise OutcomeUnknown("no_reply", f"the reply of {to} was lost") from error
    return HttpResponse(
        reply.status_code, {name.lower(): value for name, value in reply.headers.items()}, reply.content
    )


def _never_sent(error: Exception) -> bool:
    """Whether the connection was never made. One that broke later may have carried the text."""
    from requests.exceptions import ConnectTimeout, InvalidSchema, InvalidURL, MissingSchema
    from urllib3.exceptions import NewConnectionError, SSLError

    reason = getattr(error.args[0] if error.args else None, "reason", None)
    certificate = isinstance(reason, SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(reason)
    unusable = isinstance(error, InvalidURL | InvalidSchema | MissingSchema)
    return certificate or unusable or isinstance(error, ConnectTimeout) or isinstance(reason, NewConnectionError)


def error_from_status(response: HttpResponse) -> SubmissionError:
    """The error class of an HTTP status, for providers that say no more.

    A 5xx may come from a gateway in front of a provider that took the text, so only 503 is read as a plain failure.
    """
    code, status = str(response.status), response.status
    if status == 429:
        return ProviderThrottled(
            "throttled", "the provider asks for fewer requests", provider_code=code, retry_after=retry_after(response)
        )
    if status == 503:
        return ProviderUnavailable(
            "unavailable", "the provider is unavailable", provider_code=code, retry_after=retry_after(response)
        )
    if status >= 500:
        return OutcomeUnknown("server_error", f"the provider failed with HTTP {status}", provider_code=code)
    if status in (401, 402, 403):
        return AccountRefused("credentials", f"the provider refused the account with HTTP {status}", provider_code=code)
    return ProviderUnavailable("bad_request", f"the provider answered HTTP {status}", provider_code=code)


def retry_after(response: HttpResponse) -> float | None:
    """Seconds of the `Retry-After` header, when it is a number (RFC 9110, 10.2.3)."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdigit() else None
