"""Telnyx's Messaging API v2. It carries no id of ours but in the callback's URL, which its signed callbacks repeat in their body.

https://developers.telnyx.com/api-reference/messages/send-a-message,
https://developers.telnyx.com/docs/messaging/messages/receiving-webhooks and
https://developers.telnyx.com/docs/development/api-fundamentals/idempotency (checked 2026-11-25)
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar
from urllib.parse import quote

from chalicelib.encoding import Encoding
from chalicelib.errors import (
    AccountRefused,
    CallbackNotAuthentic,
    CallbackUnreadable,
    ConfigurationError,
    ContentRefused,
    OutcomeUnknown,
    ProviderThrottled,
    ProviderUnavailable,
    RecipientRefused,
    SenderRefused,
    SubmissionError,
)
from chalicelib.http import HttpRequest, HttpResponse, error_from_status
from chalicelib.messages import DeliveryReceipt, IncomingText, MessageError, Submission, TextMessage
from chalicelib.phone import SenderKind, from_provider, sender_kind
from chalicelib.providers.base import Callback, Provider, price, utc
from chalicelib.status import FAILED, Status

REFUSED, REJECTED, UNDELIVERED = Status.REFUSED, Status.REJECTED, Status.UNDELIVERED
#: Codes of errors, whether the API answers with them or a receipt tells them; the status is for the receipt. Few have a known HTTP
#: status. https://developers.telnyx.com/docs/messaging/messages/error-codes/index, of which the page on webhooks (that is older)
#: differs in four, so Telnyx's words are kept too; and https://developers.telnyx.com/development/api-fundamentals/api-errors.
MEANINGS: Sequence[tuple[str, type[SubmissionError], str, Status]] = (
    # 20002 to 20100 and 10039 are what customers report; no page of Telnyx's that explains them was found.
    ("10009 20002 20006 40311 40313", AccountRefused, "credentials", REFUSED),
    ("10010 20014", AccountRefused, "not_permitted", REFUSED),
    ("20012 20013 40312 40314", AccountRefused, "account_barred", REFUSED),
    ("20100", AccountRefused, "no_credit", REFUSED),
    ("40333", AccountRefused, "spend_limit", REFUSED),
    ("10039 40309 40331", AccountRefused, "recipient_not_allowed", REFUSED),
    ("10003", AccountRefused, "invalid_callback_url", REFUSED),
    ("10004 10006", AccountRefused, "messaging_profile", REFUSED),  # a parameter is missing, or is no id
    ("10011 40318", ProviderThrottled, "throttled", REFUSED),  # too many requests; too many texts in the queue
    ("40011 40016 40018", ProviderThrottled, "quota", REJECTED),  # the carrier's
    ("40014", ProviderThrottled, "queue_expired", Status.EXPIRED),
    ("10001 10002 10016 40310", RecipientRefused, "invalid_recipient", REFUSED),
    ("40012", RecipientRefused, "invalid_recipient", UNDELIVERED),
    ("40001", RecipientRefused, "not_mobile", UNDELIVERED),
    ("40004", RecipientRefused, "blocked_by_carrier", REJECTED),
    ("40020", RecipientRefused, "traffic_inflation", REFUSED),  # one-time codes are held up for a day
    ("40300", RecipientRefused, "opted_out", REFUSED),
    ("40301 40319", SenderRefused, "unroutable", REFUSED),  # this recipient cannot be reached from this sender
    ("40305 40306 40307 40308 40325", SenderRefused, "invalid_sender", REFUSED),
    ("40013", SenderRefused, "invalid_sender", REJECTED),
    ("40100 40150 40151 40155 40315 40320 40321 40323", SenderRefused, "sender_not_usable", REFUSED),
    ("40010 40019 40329 40330 47000", SenderRefused, "not_registered", REJECTED),
    ("40003", SenderRefused, "blocked_by_carrier", REJECTED),  # for good, as one of spam
    ("40302 40328", ContentRefused, "too_long", REFUSED),
    ("40304 40316 40317", ContentRefused, "illegal_message", REFUSED),
    ("40009", ContentRefused, "illegal_message", REJECTED),
    ("40015 40322", ContentRefused, "content_filter", REFUSED),
    ("40002 40017", ContentRefused, "spam", REJECTED),
    ("40006 40007 40008", ProviderUnavailable, "network", UNDELIVERED),
    ("40005", OutcomeUnknown, "expired", Status.EXPIRED),
    ("10007 10008", OutcomeUnknown, "server_error", REFUSED),  # it broke off, who knows where
)
CODES = {code: (kind, word, status) for codes, kind, word, status in MEANINGS for code in codes.split()}
#: `autoresponse_type`; `info` is the settings' word: https://developers.telnyx.com/docs/messaging/messages/advanced-opt-in-out
OPT_OUTS = {"stop": "stop", "start": "start", "help": "help", "info": "help"}
#: Telnyx makes three attempts, and three more if there is another URL, with growing pauses. Nobody says how long they are, nor
#: whether each is signed anew, so the 300 seconds of its own libraries might lose the later ones. An hour has room for all, and
#: a replay in it changes nothing: a status only moves forward, and an incoming text has the same id again.
MAX_AGE = "3600"
AHEAD = 300  # seconds by which Telnyx's clock may be ahead of ours


class Telnyx(Provider):
    """Settings: `api_key`; `public_key`, with which callbacks are verified (several while it is changed, the new one first), and
    without which none is believed; `messaging_profile_id`, needed for names as senders; `signature_max_age` in seconds; `base_url`.
    """

    name = "telnyx"
    docs = "https://developers.telnyx.com/api-reference/messages/send-a-message"
    STATUSES: ClassVar[Mapping[str, Status]] = {
        **dict.fromkeys(("scheduled", "queued", "sending"), Status.SENDING),
        "sent": Status.SENT,
        **dict.fromkeys(("delivered", "read"), Status.DELIVERED),
        "delivery_failed": Status.UNDELIVERED,
        "sending_failed": Status.REFUSED,
        "delivery_unconfirmed": Status.UNKNOWN,  # the carrier never said
        "expired": Status.EXPIRED,
        "cancelled": Status.REFUSED,  # at Telnyx, and by somebody else: our own cancelling is over before a submission
    }
    required = ("api_key",)
    ticketed = True
    discards_duplicates = True
    fetches_status = True
    prices = "receipt"
    incoming = True
    opt_outs = True
    authenticity = "Ed25519 over time and body"

    def build_request(self, message: TextMessage) -> HttpRequest:
        """A JSON object, and our id as the key against repeats: Telnyx then compares the body byte for byte."""
        body: dict[str, Any] = {"from": message.frm, "to": message.to, "text": message.text, "type": "SMS"}
        profile = self.settings.get("messaging_profile_id")
        if profile and sender_kind(message.frm) is SenderKind.ALPHANUMERIC:
            body["messaging_profile_id"] = profile
        if message.encoding is Encoding.UCS_2:
            body["encoding"] = "ucs2"  # else a profile's smart encoding may replace characters of the text
        if not message.status_report:
            body["use_profile_webhooks"] = False  # else the profile's URL gets the reports
        elif url := self.callback_url(message):
            body["webhook_url"] = url
        url, authorization = self._messages
        headers = {"Content-Type": "application/json", "Idempotency-Key": message.id, **authorization}
        content = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
        return HttpRequest("POST", url, headers, content=content)

    def parse_response(self, response: HttpResponse) -> Submission:
        """The text's id and its segments. A cost that it names is not the last word, unless no report will follow."""
        payload = _object(_object(response.json()).get("data"))
        message_id, word = _text(payload.get("id")), _word(payload)
        if not message_id:
            raise OutcomeUnknown("unreadable_reply", "the provider's reply names no text")
        amount, currency = (None, None) if payload.get("webhook_url") else _cost(payload)
        return Submission((message_id,), word or None, _segments(payload), amount, currency)

    def parse_error(self, response: HttpResponse) -> SubmissionError | None:
        """`errors` say what is wrong. Of what they do not say, or with a 5xx, the HTTP status decides."""
        try:
            error, code = _first_known(_object(response.json()).get("errors"))
        except OutcomeUnknown:
            error, code = {}, ""
        usual, reset = error_from_status(response), response.headers.get("x-ratelimit-reset", "")
        kind, word, _ = CODES.get(code, (type(usual), usual.code, REFUSED))
        # The key was used with another body (422), or the first request still runs: what that is answered no page tells.
        repeated = response.status in (400, 409, 422) and b"idempoten" in response.body.lower()
        if response.status >= 500 and kind is not OutcomeUnknown:
            kind, word = type(usual), usual.code
        elif repeated or (response.status in (408, 409) and code not in CODES):
            kind, word = OutcomeUnknown, "repeated" if repeated else "no_reply"
        elif kind is RecipientRefused and _text(_object(error.get("source")).get("pointer")).endswith("/from"):
            kind, word = SenderRefused, "invalid_sender"  # the codes for a malformed number do not say which
        sentence, wait = self._sentence(error) or usual.detail, usual.retry_after
        if wait is None and response.status == 429 and re.fullmatch("[0-9]{1,4}", reset):
            wait = float(reset)  # seconds; a longer number would be a time
        return kind(word, sentence, provider_code=code or usual.provider_code, retry_after=wait)

    def verify_callback(self, callback: Callback, now: datetime) -> None:
        """Ed25519 over `time|body`. The URL is not signed, and so nothing is read from it."""
        keys = [key for one in self.secrets("public_key") if (key := _decoded(one, 32))]
        if not keys:
            raise CallbackNotAuthentic("set public_key to the one that Telnyx shows: 32 bytes in base64")
        timestamp = callback.headers.get("telnyx-timestamp", "")
        self._verify_age(timestamp, now)  # first, for it costs nothing
        signature = _decoded(callback.headers.get("telnyx-signature-ed25519", ""), 64)
        signed = timestamp.encode() + b"|" + callback.body
        if signature is None or not any(_is_signed(signed, signature, key) for key in keys):
            raise CallbackNotAuthentic("the signature is missing or wrong")

    def _verify_age(self, timestamp: str, now: datetime) -> None:
        limit = self.settings.get("signature_max_age", MAX_AGE)
        if not re.fullmatch("[0-9]{1,9}", limit):
            raise ConfigurationError("telnyx: signature_max_age is a number of seconds")
        if not re.fullmatch("[0-9]{1,12}", timestamp):
            raise CallbackNotAuthentic("the signature has no time")
        if not -AHEAD <= now.timestamp() - int(timestamp) <= int(limit):
            raise CallbackNotAuthentic("the signature is not of this time")

    def parse_callback(self, callback: Callback) -> Sequence[DeliveryReceipt | IncomingText]:
        """One event: an incoming text, or how an outgoing one stands. That tells its recipient's status, not the event's type."""
        event = _object(callback.json())
        data, meta = _object(event.get("data")), _object(event.get("meta"))
        payload, kind = _object(data.get("payload")), data.get("event_type")
        if "time_clicked" in data:
            return ()  # somebody clicked a link that Telnyx shortened
        if kind == "message.received" or (kind is None and payload.get("direction") == "inbound"):
            return (_incoming(payload, data),)
        urls = _text(payload.get("webhook_url")), _text(meta.get("delivered_to"))
        tickets = [url.partition("?")[0].rpartition("/")[2] for url in urls]
        ours = next(filter(None, (self.ticket_of(replace(callback, ticket=ticket)) for ticket in tickets)), None)
        theirs = _text(payload.get("id")) or None
        if not _word(payload) or not (ours or theirs):
            raise CallbackUnreadable("it is neither an incoming text nor the status of one of ours")
        return (self._receipt(payload, ours, theirs, data.get("occurred_at")),)

    def _receipt(self, payload: Mapping[str, Any], ours: str | None, theirs: str | None, at: object) -> DeliveryReceipt:
        word, (error, code) = _word(payload), _first_known(payload.get("errors"))
        status, why = self.STATUSES.get(word.lower(), Status.UNKNOWN), None
        if status in FAILED:
            kind, reason, meant = CODES.get(code, (OutcomeUnknown, word.lower(), status))
            why = MessageError(kind.error_class, reason, code or None, self._sentence(error))
            status = meant if word.lower() in ("delivery_failed", "sending_failed") else status
        # What a text costs before its end may lack the carrier's fee.
        amount, currency = (None, None) if status in (Status.SENDING, Status.SENT) else _cost(payload)
        status_said, segments, moment = f"{word} {code}".strip(), _segments(payload), utc(_text(at))
        return DeliveryReceipt(status, status_said, ours, theirs, False, why, amount, currency, segments, moment)

    def fetch_status(self, message: TextMessage) -> Sequence[DeliveryReceipt]:
        """The text as Telnyx has it, for ten days."""
        receipts = []
        for theirs in message.provider_message_ids:
            url, authorization = self._messages
            response = self.exchange(HttpRequest("GET", f"{url}/{quote(theirs, safe='')}", authorization))
            if response.status != 200:
                raise error_from_status(response)
            payload = _object(_object(response.json()).get("data"))
            if not _word(payload):
                raise OutcomeUnknown("unreadable_reply", "the provider's reply has no status")
            at = payload.get("completed_at") or payload.get("sent_at")
            receipts.append(self._receipt(payload, message.id, theirs, at))
        return receipts

    def _sentence(self, error: Mapping[str, Any]) -> str | None:
        said = [_text(error.get("title")), _text(error.get("detail"))]
        return self.quoted(": ".join(filter(None, dict.fromkeys(said)))) or None

    @property
    def _messages(self) -> tuple[str, dict[str, str]]:
        """The API's URL, and the header that opens it."""
        base_url = self.settings.get("base_url", "https://api.telnyx.com").rstrip("/")
        return f"{base_url}/v2/messages", {"Authorization": f"Bearer {self.settings['api_key']}"}


def _is_signed(signed: bytes, signature: bytes, key: bytes) -> bool:
    import ecdsa

    try:
        return bool(ecdsa.VerifyingKey.from_string(key, curve=ecdsa.Ed25519).verify(signature, signed))
    except (ecdsa.BadSignatureError, ecdsa.errors.MalformedPointError):
        return False


def _decoded(value: str, length: int) -> bytes | None:
    """So many bytes in base64, or None: bits that do not count must be zero, so that one signature has one spelling."""
    try:
        decoded = base64.b64decode(value, validate=True)
    except ValueError:
        return None
    return decoded if len(decoded) == length and base64.b64encode(decoded).decode() == value else None


def _incoming(payload: Mapping[str, Any], data: Mapping[str, Any]) -> IncomingText:
    theirs, frm = _text(payload.get("id")), _address(payload.get("from"))
    if not theirs or not frm:
        raise CallbackUnreadable("the incoming text has no sender or no id")
    at = utc(_text(payload.get("received_at")) or _text(data.get("occurred_at")))
    marked = OPT_OUTS.get(_text(payload.get("autoresponse_type")).strip().lower())
    return IncomingText(frm, _address(payload.get("to")), _text(payload.get("text")), theirs, at, opt_out=marked)


def _address(value: object) -> str:
    """`from` is an object and `to` a list of them, or either is the number itself."""
    one = value[0] if isinstance(value, list) and value else value
    return from_provider(_text(one.get("phone_number") if isinstance(one, dict) else one))


def _word(payload: Mapping[str, Any]) -> str:
    """The status, which is the recipient's; there is but one."""
    to = payload.get("to")
    return _text(_object(to[0] if isinstance(to, list) and to else to).get("status")).strip()


def _cost(payload: Mapping[str, Any]) -> tuple[Decimal | None, str | None]:
    cost = _object(payload.get("cost"))
    amount, currency = price(_text(cost.get("amount"))), _text(cost.get("currency")).upper()
    return (None, None) if amount is None else (abs(amount), currency or None)


def _segments(payload: Mapping[str, Any]) -> int | None:
    parts = _text(payload.get("parts"))
    return int(parts) if re.fullmatch("[1-9][0-9]{0,3}", parts) else None


def _first_known(errors: object) -> tuple[Mapping[str, Any], str]:
    """The first error whose code is in the table, or else the first, and its code."""
    found = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    coded = [(error, _text(error.get("code")).strip()) for error in found]
    return next((one for one in coded if one[1] in CODES), coded[0] if coded else ({}, ""))


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    """A text, or a number as one; empty where there is neither."""
    return str(value) if isinstance(value, str | int | float) else ""
