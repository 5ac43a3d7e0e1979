"""What an adapter is: it describes a request, reads a response, and verifies and reads callbacks. It does no I/O of its own.

Timeouts, network errors, 429 and 5xx are handled here, once for all. No request is ever repeated here: whether a text may be
submitted again is decided by whoever knows the whole story (sending.py), from the error's class.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from chalicelib.errors import (
    AccountRefused,
    CallbackNotAuthentic,
    CallbackUnreadable,
    ConfigurationError,
    OutcomeUnknown,
    ProviderThrottled,
    ProviderUnavailable,
    SubmissionError,
)
from chalicelib.messages import DeliveryReceipt, IncomingText, Submission, TextMessage
from chalicelib.phone import mask
from chalicelib.status import Status

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


@dataclass(frozen=True)
class Callback:
    """A request that a provider made to us, as we got it."""

    method: str
    url: str  #: the public URL, without the query
    headers: Mapping[str, str] = field(default_factory=dict)  #: names in lower case
    query: Sequence[tuple[str, str]] = ()  #: decoded
    body: bytes = b""

    def params(self) -> dict[str, str]:
        """The query, the form or the flat JSON object, whichever this request carries. Raises CallbackUnreadable."""
        if self.method == "GET":
            return dict(self.query)
        try:
            text = self.body.decode()
            if "json" not in self.headers.get("content-type", ""):
                return dict(parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text)))
            loaded = json.loads(text)
        except (ValueError, RecursionError):
            raise CallbackUnreadable("the body is neither a form nor JSON") from None
        if not isinstance(loaded, dict):
            raise CallbackUnreadable("the JSON body is not an object")
        return {name: value if isinstance(value, str) else str(value) for name, value in loaded.items()}


@dataclass(frozen=True)
class Reply:
    """What the provider wants to hear when its callback is stored."""

    status: int = 200
    body: str = ""
    content_type: str = "text/plain"


class Provider:
    """One provider. An adapter's module holds one subclass; the module's name is the provider's name everywhere."""

    name: ClassVar[str]
    docs: ClassVar[str]  #: the provider's own page
    #: The provider's words for a status, and ours. What is not in it is `unknown`, kept raw and logged.
    STATUSES: ClassVar[Mapping[str, Status]] = {}
    #: The settings without which nothing works.
    required: ClassVar[tuple[str, ...]] = ()
    #: The provider sends our id back with each receipt, so no look-up is needed.
    echoes_message_id: ClassVar[bool] = True
    #: The provider discards a second submission of the same id of ours.
    discards_duplicates: ClassVar[bool] = False
    #: Receipts come for each segment of a text by itself.
    receipts_per_segment: ClassVar[bool] = False

    #: The provider can be asked what became of a text (`fetch_status`).
    fetches_status: ClassVar[bool] = False

    def __init__(self, settings: Mapping[str, str]) -> None:
        missing = [name for name in self.required if not settings.get(name)]
        if missing:
            raise ConfigurationError(
                f"the provider {self.name} lacks its settings {', '.join(missing)}; see docs/deploying.md"
            )
        self.settings = settings

    # What an adapter writes, in reading order. One that does not speak HTTP overrides `submit` instead of the first two.

    def build_request(self, message: TextMessage) -> HttpRequest:
        """The request that submits the text."""
        raise NotImplementedError

    def parse_response(self, response: HttpResponse) -> Submission:
        """What a 2xx answer says. Raises a SubmissionError when it is a refusal all the same."""
        raise NotImplementedError

    def parse_error(self, response: HttpResponse) -> SubmissionError | None:
        """What another answer says, where the provider says more than its HTTP status does."""
        return None

    def verify_callback(self, callback: Callback, now: datetime) -> None:
        """Raises CallbackNotAuthentic unless the provider made this request, and lately."""
        raise CallbackNotAuthentic(f"{self.name} makes no callbacks")

    def parse_callback(self, callback: Callback) -> Sequence[DeliveryReceipt | IncomingText]:
        """The receipts and incoming texts in it. Raises CallbackUnreadable."""
        raise CallbackUnreadable(f"{self.name} makes no callbacks")

    def fetch_status(self, message: TextMessage) -> Sequence[DeliveryReceipt]:
        """Ask what became of a text that was submitted. Raises a SubmissionError when there is no answer."""
        raise NotImplementedError

    def acknowledge(self) -> Reply:
        """The answer to a callback that is stored."""
        return Reply()

    # What an adapter need not touch.

    def quoted(self, text: object) -> str:
        """The provider's own sentence, fit to be stored and logged: no credentials, numbers masked, and an end."""
        sentence = str(text)
        for value in sorted(self.settings.values(), key=len, reverse=True):
            sentence = sentence.replace(value, "***") if len(value) >= 6 else sentence
        return re.sub(r"\+?\d{7,15}", lambda number: mask(number.group()), sentence)[:200]

    def submit(self, message: TextMessage) -> Submission:
        """Hand the text over, once. Raises a SubmissionError whose class says what may happen next."""
        response = self.exchange(self.build_request(message))
        if response.status < 300:
            return self.parse_response(response)
        raise self.parse_error(response) or error_from_status(response)

    def exchange(self, request: HttpRequest) -> HttpResponse:
        """One request, one answer, whatever its status. Raises ProviderUnavailable, OutcomeUnknown."""
        import requests  # here: a callback's container never needs it

        try:
            # A fresh connection each time: one kept over a Lambda's freeze is often dead, and a text written to a dead
            # connection has an unknown outcome.
            reply = requests.request(
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
                raise ProviderUnavailable("unreachable", f"no connection to {self.name}") from error
            raise OutcomeUnknown("no_reply", f"the reply of {self.name} was lost") from error
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


def price(value: object) -> Decimal | None:
    """A price as providers write them, or None where there is none that can be read."""
    try:
        amount = Decimal(str(value).strip()) if value not in (None, "") else None
    except InvalidOperation:
        return None
    return amount if amount is not None and amount.is_finite() else None
