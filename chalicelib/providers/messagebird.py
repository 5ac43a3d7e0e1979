"""MessageBird's classic SMS API; not that of Bird's new platform.

https://github.com/messagebird/openapi-specs (sms), https://github.com/messagebird/python-rest-api (request_validator.py) and
https://docs.bird.com/connectivity-platform/troubleshooting/sms-errors-and-error-codes (checked 2026-11-25). What only the old
https://developers.messagebird.com could say is marked as unverified.

A status report is a GET whose signature covers its URL as it was written, and API Gateway tells neither the order nor the escaping
of parameters. So the URL ends in our id and a proof that we wrote it, which only MessageBird gets to know; the signature of the
parameters comes on top, where their writing can be guessed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote, quote_plus, urlencode

from chalicelib.errors import (
    AccountRefused,
    CallbackNotAuthentic,
    CallbackUnreadable,
    ConfigurationError,
    ContentRefused,
    ErrorClass,
    OutcomeUnknown,
    ProviderUnavailable,
    RecipientRefused,
    SenderRefused,
    SubmissionError,
)
from chalicelib.http import HttpRequest, HttpResponse, error_from_status
from chalicelib.jwt import claims_of
from chalicelib.messages import DeliveryReceipt, IncomingText, MessageError, Submission, TextMessage
from chalicelib.phone import from_provider
from chalicelib.providers.base import MESSAGE_ID, Callback, Provider, Reply, matches, price, utc
from chalicelib.status import FAILED, Status

#: `code` of an error: php-rest-api, ResponseError.php. Which 4xx 21, 25, 98 and 99 come with is unverified: any will do.
REFUSALS: Mapping[str, tuple[type[SubmissionError], str]] = {
    "2": (AccountRefused, "credentials"),
    "9": (RecipientRefused, "invalid_recipient"),  # "no (correct) recipients found", unless `parameter` says otherwise
    "10": (ContentRefused, "invalid_parameter"),
    "20": (ProviderUnavailable, "not_found"),  # base_url leads to something else
    "21": (ContentRefused, "bad_request"),
    "25": (AccountRefused, "no_credit"),
    **dict.fromkeys(["98", "99"], (OutcomeUnknown, "internal_error")),  # unverified: whether it broke before or after
    "103": (RecipientRefused, "opted_out"),  # seen in receipts only
}
#: `parameter` of the codes 9 and 10, without an s: MessageBird's own example has `recipient`, the field is `recipients`.
PARAMETERS: Mapping[str, tuple[type[SubmissionError], str]] = {
    "recipient": (RecipientRefused, "invalid_recipient"),
    "originator": (SenderRefused, "invalid_sender"),
    "body": (ContentRefused, "malformed"),
    "reporturl": (AccountRefused, "invalid_callback_url"),
}
#: `statusErrorCode`, which comes only where a network gives one, else `statusReason`: docs.bird.com, "SMS Platform Extended Error
#: Codes". 103 is not there, but https://github.com/nyaruka/courier (handlers/messagebird) reads it in production.
CAUSES: Mapping[str, tuple[ErrorClass, str]] = {
    **dict.fromkeys(["1", "2", "3", "5", "9", "10", "11"], (ErrorClass.RECIPIENT, "invalid_recipient")),
    "12": (ErrorClass.RECIPIENT, "barred"),
    "34": (ErrorClass.PROVIDER, "network"),
    "103": (ErrorClass.RECIPIENT, "opted_out"),
    "unknown subscriber": (ErrorClass.RECIPIENT, "invalid_recipient"),
    "unavailable subscriber": (ErrorClass.RECIPIENT, "unreachable"),
    "received network error": (ErrorClass.PROVIDER, "network"),
    "incorrect number": (ErrorClass.RECIPIENT, "invalid_recipient"),  # from here on the spelling is unverified
    "carrier rejected": (ErrorClass.UNKNOWN, "rejected"),
    "opted out": (ErrorClass.RECIPIENT, "opted_out"),
    "capacity limit reached": (ErrorClass.THROTTLED, "quota"),
    "insufficient balance": (ErrorClass.ACCOUNT, "no_credit"),
}
#: What a `delivery_failed` is when it never went out, or was turned away.
NOT_UNDELIVERED = {"opted_out": Status.REFUSED, "no_credit": Status.REFUSED, "rejected": Status.REJECTED}

ALGORITHMS = ("HS256", "HS384", "HS512")
#: MessageBird's libraries allow 1 second after a token's life, so it must sign repeated reports anew. A minute more loses none to a
#: clock or a queue, and what is replayed within it changes nothing.
LEEWAY = "60"


class MessageBird(Provider):
    """Settings: `access_key`; `callback_secret`, which proves our URLs; `signing_key`, or `incoming_token` for
    incoming texts; `signature` and `url_hash`, `optional` or `required`; `signature_leeway` in seconds; `base_url`.
    """

    name = "messagebird"
    docs = "https://developers.messagebird.com/api/sms-messaging/"
    STATUSES: ClassVar[Mapping[str, Status]] = {
        "scheduled": Status.SENDING,
        "buffered": Status.SENDING,
        "sent": Status.SENT,
        "delivered": Status.DELIVERED,
        "expired": Status.EXPIRED,
        "delivery_failed": Status.UNDELIVERED,
    }
    required = ("access_key", "callback_secret")
    validity = (1, 604_800)  # no limits are documented
    ticketed = True
    fetches_status = True
    prices = "receipt"
    incoming = True
    authenticity = "a proof in the URL; HMAC (JWT) of URL and body, as far as it can be checked"
    covers_body = False  # not the parameters of every GET

    def build_request(self, message: TextMessage) -> HttpRequest:
        """One recipient a request, since the id that comes back is the request's. Numbers go without `+`."""
        fields = {
            "originator": message.frm.removeprefix("+"),
            "recipients": [message.to.removeprefix("+")],
            "body": message.text,
            "datacoding": "auto",  # `plain`, the default, would lose what GSM-7 lacks
            "reference": message.id if message.status_report else None,  # without one nothing is reported to anybody
            "reportUrl": self.callback_url(message),
            "validity": self.validity_of(message),
        }
        return self._request("POST", "/messages", {name: value for name, value in fields.items() if value is not None})

    def parse_response(self, response: HttpResponse) -> Submission:
        """A message and its recipients. Its `sent` means that it is accepted; a failure may be told at once, though."""
        reply = response.json()
        if isinstance(reply, dict) and reply.get("id"):
            told = [self._receipt(_params(item)) for item in _listed(reply, "recipients", "items")]
            it, ids = told[0] if told else DeliveryReceipt(Status.UNKNOWN, ""), (str(reply["id"]),)
            return Submission(ids, it.provider_status or None, it.segments, it.price, it.currency, it.error)
        raise self._refusal(reply) or OutcomeUnknown("unreadable_reply", "the provider's reply names no message")

    def parse_error(self, response: HttpResponse) -> SubmissionError | None:
        """The `errors` of a 4xx. A 5xx may come after the text was taken, whatever it says; 429 has a class of its own."""
        with suppress(OutcomeUnknown):  # no JSON: its HTTP status is all that it says
            if response.status < 500 and response.status != 429:
                return self._refusal(response.json())
        return None

    def _refusal(self, reply: object) -> SubmissionError | None:
        refusals = []
        for error in _listed(reply, "errors"):
            code, parameter = str(error.get("code")), str(error.get("parameter")).lower().rstrip("s")
            if code in REFUSALS:
                kind, word = PARAMETERS.get(parameter, REFUSALS[code]) if code in ("9", "10") else REFUSALS[code]
                refusals.append(kind(word, self.quoted(error.get("description") or ""), provider_code=code))
        return min(refusals, key=lambda error: not isinstance(error, OutcomeUnknown), default=None)  # a doubt first

    def verify_callback(self, callback: Callback, now: datetime) -> None:
        """The signature, as far as it reaches; and the end of the URL, signed or not, since our id is read from it."""
        if not self._verify_signature(callback, now) or callback.ticket:
            self.verify_ticket(callback)

    def _verify_signature(self, callback: Callback, now: datetime) -> bool:
        """Whether the signature covers the URL too. Raises CallbackNotAuthentic when it is wrong, or lacks where it is demanded."""
        must_be_covered = self.settings.get("url_hash", "optional") != "optional"
        must_be_signed = self.settings.get("signature", "optional") != "optional" or must_be_covered
        keys, token = self.secrets("signing_key"), callback.headers.get("messagebird-signature-jwt", "")
        if not keys or not token:
            # Whether every status report, a GET, has the header is unverified. What has a body has it.
            if must_be_signed or (keys and callback.method != "GET"):
                raise CallbackNotAuthentic("the signature is missing, or signing_key is not set")
            return False
        claims = claims_of(token, keys, ALGORITHMS)
        self._verify_time(claims, now)
        body = hashlib.sha256(callback.body).hexdigest() if callback.body else ""
        if not matches(str(claims.get("payload_hash") or ""), [body]):
            raise CallbackNotAuthentic("the signature is of another body")
        urls = [hashlib.sha256(url).hexdigest() for url in _urls(callback)]
        covered = matches(str(claims.get("url_hash") or ""), urls)
        if not covered and (must_be_covered or not callback.query):  # without parameters there is one way to write it
            raise CallbackNotAuthentic("the signature is of another URL")
        return covered

    def _verify_time(self, claims: Mapping[str, Any], now: datetime) -> None:
        leeway, begin, end = self.settings.get("signature_leeway", LEEWAY), claims.get("nbf"), claims.get("exp")
        if not leeway.isdecimal():
            raise ConfigurationError("messagebird: signature_leeway is a number of seconds")
        if claims.get("iss") != "MessageBird" or not isinstance(begin, int | float) or not isinstance(end, int | float):
            raise CallbackNotAuthentic("the signature does not say whose it is and when")
        if not begin - int(leeway) <= now.timestamp() <= end + int(leeway):
            raise CallbackNotAuthentic("the signature is not of this time")

    def parse_callback(self, callback: Callback) -> Sequence[DeliveryReceipt | IncomingText]:
        """A receipt, which has a status, or an incoming text. Names in any case; of repeated ones the last, as courier does."""
        params = {name.lower(): value for name, value in callback.params().items()}
        if not params.get("status", "").strip():
            return (_incoming(params),)
        # The proven id first: the parameters may not be covered.
        ours = self.ticket_of(callback) or params.get("reference", "")
        receipt = self._receipt(params, ours if MESSAGE_ID.fullmatch(ours) else None)
        if not receipt.message_id and not receipt.provider_message_id:
            raise CallbackUnreadable("it names no message")
        return (receipt,)

    def _receipt(self, params: Mapping[str, str], message_id: str | None = None) -> DeliveryReceipt:
        word, said = params.get("status", "").strip(), params.get("statusreason", "").strip()
        code, reason = params.get("statuserrorcode", "").strip().lstrip("0"), re.sub("[ _-]+", " ", said.lower())
        status = self.STATUSES.get(word.lower(), Status.UNKNOWN)
        kind, why = CAUSES.get(code) or CAUSES.get(reason) or (ErrorClass.UNKNOWN, status.value)
        if status is Status.UNDELIVERED:
            status = NOT_UNDELIVERED.get(why, status)
        elif status is Status.EXPIRED and reason == "dlr not received":
            status = Status.UNKNOWN  # the network may have delivered it, and never says
        amount, parts = price(params.get("price[amount]")), params.get("messagepartcount", "")
        return DeliveryReceipt(
            status=status,
            provider_status=self.quoted(f"{word} {code or (said if status is Status.UNKNOWN else '')}".strip()),
            message_id=message_id,
            provider_message_id=params.get("id") or None,
            error=MessageError(kind, why, code or None, self.quoted(said) or None) if status in FAILED else None,
            price=amount and abs(amount),
            currency=params.get("price[currency]") or None if amount is not None else None,
            segments=int(parts) if re.fullmatch("[1-9][0-9]{0,2}", parts) else None,
            occurred_on=utc(params.get("statusdatetime")),
        )

    def fetch_status(self, message: TextMessage) -> Sequence[DeliveryReceipt]:
        """The message with its one recipient, in the words of the receipts."""
        receipts: list[DeliveryReceipt] = []
        for theirs in message.provider_message_ids:
            response = self.exchange(self._request("GET", f"/messages/{quote(theirs, safe='')}"))
            if response.status != 200:
                raise error_from_status(response)
            told = [_params(item) | {"id": theirs} for item in _listed(response.json(), "recipients", "items")]
            receipts += [self._receipt(params, message.id) for params in told if params.get("status")]
        return receipts

    def acknowledge(self) -> Reply:
        """The OK that courier answers with, https://github.com/nyaruka/courier."""
        return Reply(200, "OK")

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> HttpRequest:
        base_url = self.settings.get("base_url", "https://rest.messagebird.com").rstrip("/")
        headers = {"Authorization": f"AccessKey {self.settings['access_key']}"}
        return HttpRequest(method, base_url + path, headers, json=body)


def _listed(reply: Any, *path: str) -> list[Mapping[str, Any]]:
    """The objects of a list that is somewhere in a reply, as far as they can be read."""
    for name in path:
        reply = reply.get(name) if isinstance(reply, dict) else None
    return [one for one in reply if isinstance(one, dict)] if isinstance(reply, list) else []


def _params(item: Mapping[str, Any]) -> dict[str, str]:
    """A recipient of the API's JSON, written like the parameters of a receipt."""
    amounts = item.get("price")
    inner = {f"price[{name}]": value for name, value in amounts.items()} if isinstance(amounts, dict) else {}
    return {name.lower(): str(value) for name, value in {**item, **inner}.items() if value is not None}


def _incoming(params: Mapping[str, str]) -> IncomingText:
    """A text to a number or, under other names, to a short code: as courier's handler and its tests have them."""

    def first(*names: str) -> str:
        return next((params[name] for name in names if params.get(name)), "")

    frm, theirs = first("originator", "sender"), first("mid", "id", "message_id")
    if not frm or not theirs or not params.keys() & {"body", "message", "mediaurls"}:
        raise CallbackUnreadable("it is neither a receipt nor an incoming text")
    text = first("message", "body") if "shortcode" in params else first("body", "message")
    to, at = first("shortcode", "recipient", "receiver"), first("createddatetime", "receive_datetime")
    # 20260101100004: in which time zone is unverified.
    at = re.sub(r"^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$", r"\1-\2-\3T\4:\5:\6", at)
    return IncomingText(from_provider(frm), from_provider(to), text, theirs, utc(at))


def _urls(callback: Callback) -> list[bytes]:
    """The ways in which MessageBird may have written the URL: with parameters six, three orders, and a space as `+` or `%20`.

    By name, escaped like a form, is how MessageBird shows them (ExampleRequestSignatureValidation.java in its java-rest-api); the
    others are API Gateway's and that of https://support.messagebird.com/hc/en-us/articles/360001869258.
    """
    given, page = list(callback.query), ("id", "reference", "recipient", "status", "statusDatetime")
    by_name = sorted(given, key=lambda pair: pair[0])
    by_page = sorted(given, key=lambda pair: [*page, pair[0]].index(pair[0]))
    ways = [(order, escape) for order in (by_name, by_page, given) for escape in (quote_plus, quote) if order]
    ends = ["?" + urlencode(order, errors="surrogatepass", quote_via=escape) for order, escape in ways] or [""]
    return [f"{callback.url}{end}".encode(errors="surrogatepass") for end in ends]
