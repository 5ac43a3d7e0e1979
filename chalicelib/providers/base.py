"""What an adapter is: it describes a request, reads a response, and verifies and reads callbacks. It does no I/O of its own.

What an adapter can do is told by attributes of its class; `capabilities.py` makes the matrix of them. What several adapters need
is here: the ticket that takes our id through a callback's URL, secrets of which two are good while they change, and readers
of providers' prices and times.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode

from chalicelib.errors import CallbackNotAuthentic, CallbackUnreadable, ConfigurationError, SubmissionError
from chalicelib.http import HttpRequest, HttpResponse, error_from_status, exchange
from chalicelib.messages import DeliveryReceipt, IncomingText, Submission, TextMessage
from chalicelib.phone import SenderKind, mask
from chalicelib.status import Status

MESSAGE_ID = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True)
class Callback:
    """A request that a provider made to us, as we got it."""

    method: str
    url: str  #: the public URL, without the query
    headers: Mapping[str, str] = field(default_factory=dict)  #: names in lower case
    query: Sequence[tuple[str, str]] = ()  #: decoded; of API Gateway's order only that of one name's values is known
    body: bytes = b""
    ticket: str = ""  #: what follows the provider's name in the path

    @property
    def full_url(self) -> str:
        """The URL with its query, escaped anew: the very one that was called only if its query was written so too."""
        return f"{self.url}?{urlencode(list(self.query), errors='surrogatepass')}" if self.query else self.url

    def params(self) -> dict[str, str]:
        """The query, the form or the flat JSON object, whichever this request carries. Raises CallbackUnreadable."""
        if self.method == "GET":
            return dict(self.query)
        if "json" not in self.headers.get("content-type", ""):
            return dict(self.form())
        loaded = self.json()
        if not isinstance(loaded, dict):
            raise CallbackUnreadable("the JSON body is not an object")
        return {name: value if isinstance(value, str) else str(value) for name, value in loaded.items()}

    def form(self) -> list[tuple[str, str]]:
        """The body as a form: every field as often as it comes, blanks too. Raises CallbackUnreadable."""
        try:
            text = self.body.decode()
            return parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))
        except ValueError:
            raise CallbackUnreadable("the body is neither a form nor JSON") from None

    def json(self) -> Any:
        """The body as JSON. Raises CallbackUnreadable."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise CallbackUnreadable("the body is neither a form nor JSON") from None


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

    # What the provider can do (`GET /providers`, docs/providers.md).

    #: What may stand in `from`.
    senders: ClassVar[frozenset[SenderKind]] = frozenset(SenderKind)
    #: The seconds of validity that the provider takes, least and most; None: it takes none, and only smsignal keeps time.
    validity: ClassVar[tuple[int, int] | None] = None
    #: The provider sends our id back with each receipt, so no look-up is needed. May hang on the settings.
    echoes_message_id: bool = True
    #: ... and what carries it is the callback's URL (`callback_url`, `ticket_of`).
    ticketed: ClassVar[bool] = False
    #: The provider discards a second submission of the same id of ours.
    discards_duplicates: ClassVar[bool] = False
    #: Receipts come for each segment of a text by itself.
    receipts_per_segment: ClassVar[bool] = False
    #: The provider can be asked what became of a text (`fetch_status`). May hang on the settings.
    fetches_status: bool = False
    #: When the price is known: `submission`, `receipt`, `fetch` (some time after the end, for who asks), or None: never.
    prices: ClassVar[str | None] = None
    #: Incoming texts are read, and whether the provider marks those that opt out.
    incoming: ClassVar[bool] = False
    opt_outs: ClassVar[bool] = False
    #: How a callback shows that the provider made it, in a few words, and whether that covers all that it reports.
    authenticity: ClassVar[str | None] = None
    covers_body: ClassVar[bool] = True

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

    # What an adapter calls.

    def callback_url(self, message: TextMessage) -> str | None:
        """Where the provider is to report this text; None when no report is wanted, or our own URL is not known."""
        if not message.status_report or not message.public_url:
            return None
        url = f"{message.public_url}/callback/{self.name}"
        return f"{url}/{self.ticket(message.id)}" if self.ticketed else url

    def ticket(self, message_id: str) -> str:
        """Our id, as it travels in the callback's URL: with a proof that we wrote it, if `callback_secret` is set."""
        secrets = self.secrets("callback_secret")
        return f"{message_id}-{self._proof(message_id, secrets[0])}" if secrets else message_id

    def ticket_of(self, callback: Callback) -> str | None:
        """Our id in the callback's URL, or None. Whether it can be believed is for `verify_callback` to say."""
        message_id = callback.ticket.partition("-")[0]
        token = matches(callback.ticket, self.secrets("incoming_token"))  # which may look like an id, and is a secret
        return message_id if MESSAGE_ID.fullmatch(message_id) and not token else None

    def verify_ticket(self, callback: Callback) -> None:
        """For a provider that signs nothing: only who got the URL from us can know it. Raises CallbackNotAuthentic.

        The URL of a receipt ends in the text's ticket, proven with one of `callback_secret`; that of incoming texts, which the
        user gave to the provider, ends in one of `incoming_token`.
        """
        message_id, _, proof = callback.ticket.partition("-")
        proofs = [self._proof(message_id, secret) for secret in self.secrets("callback_secret")]
        if not matches(proof, proofs) and not matches(callback.ticket, self.secrets("incoming_token")):
            raise CallbackNotAuthentic("the URL lacks its token; see docs/providers.md")

    def secrets(self, name: str) -> list[str]:
        """The values of a secret setting: the old one and the new one, with a space between them, while it is changed."""
        return re.findall(r"[^\s,]+", self.settings.get(name, ""))

    def validity_of(self, message: TextMessage) -> int | None:
        """The seconds of validity to ask the provider for: the nearest that it takes; None when nothing is to be asked."""
        if message.validity_seconds is None or self.validity is None:
            return None
        least, most = self.validity
        return min(max(message.validity_seconds, least), most)

    def exchange(self, request: HttpRequest) -> HttpResponse:
        """One request, one answer, whatever its status. Raises ProviderUnavailable, OutcomeUnknown."""
        return exchange(request, self.name)

    def quoted(self, text: object) -> str:
        """The provider's own sentence, fit to be stored and logged: no credentials, numbers masked, and an end."""
        sentence = str(text)
        known = {part for value in self.settings.values() for part in (value, *value.split())}
        for value in sorted(known, key=len, reverse=True):
            sentence = sentence.replace(value, "***") if len(value) >= 6 else sentence
        return re.sub(r"\+?\d{7,15}", lambda number: mask(number.group()), sentence)[:200]

    # What an adapter need not touch.

    def submit(self, message: TextMessage) -> Submission:
        """Hand the text over, once. Raises a SubmissionError whose class says what may happen next."""
        response = self.exchange(self.build_request(message))
        if response.status < 300:
            return self.parse_response(response)
        raise self.parse_error(response) or error_from_status(response)

    def _proof(self, message_id: str, secret: str) -> str:
        text = f"{self.name}/{message_id}".encode(errors="surrogatepass")
        return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()[:32]


def matches(given: str, known: Sequence[str]) -> bool:
    """Whether a signature or a token is one of those that are good, in constant time."""
    text = given.encode(errors="surrogatepass")  # half an emoji in a forged callback must not end in an exception
    compared = [hmac.compare_digest(text, one.encode(errors="surrogatepass")) for one in known]
    return any(compared)


def inside(value: Any, *path: str) -> Any:
    """What is at the end of a path of names in JSON, or None where it does not lead."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def as_word(value: object) -> str:
    """A string without white space around it, or a number as one: providers write now this, now that. Else an empty one."""
    return str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def price(value: object) -> Decimal | None:
    """A price as providers write them, or None where there is none that can be read."""
    try:
        amount = Decimal(str(value).strip()) if value not in (None, "") else None
    except InvalidOperation:
        return None
    # No text costs so much; and sums of such numbers, or their text in the store, would burst.
    return amount if amount is not None and amount.is_finite() and abs(amount.adjusted()) < 20 else None


def utc(value: object) -> datetime | None:
    """A time as providers write them, in UTC, or None where there is none that can be read.

    RFC 3339 with or without colon in its offset (a `+` that became a space too), RFC 2822, and numbers: seconds or milliseconds
    since 1970. Without an offset it is UTC.
    """
    text = str(value).strip() if value not in (None, "") else ""
    try:
        if re.fullmatch(r"\d{9,10}|\d{12,13}", text):
            return datetime.fromtimestamp(int(text) / (1000 if len(text) > 10 else 1), timezone.utc)
        found = re.fullmatch(
            r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:[.,](\d+))?\s*(?:(Z|z)|([+ -])(\d\d):?(\d\d))?", text
        )
        if not found:
            at = parsedate_to_datetime(text)
        else:
            moment, fraction, _, sign, hours, minutes = found.groups()
            offset = f"{'-' if sign == '-' else '+'}{hours or '00'}:{minutes or '00'}"
            at = datetime.fromisoformat(f"{moment}.{(fraction or '')[:6]:0<6}{offset}")
        return (at if at.tzinfo else at.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
