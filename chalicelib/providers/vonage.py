"""Vonage's SMS API, once Nexmo's: the account's "Messaging API type" must be SMS API, or callbacks come in another format.

https://developer.vonage.com/en/api/sms, https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts and
https://developer.vonage.com/en/getting-started/concepts/signing-messages (checked 2026-11-23)
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from chalicelib.encoding import Encoding
from chalicelib.errors import (
    AccountRefused,
    CallbackNotAuthentic,
    CallbackUnreadable,
    ConfigurationError,
    ContentRefused,
    ErrorClass,
    OutcomeUnknown,
    ProviderThrottled,
    RecipientRefused,
    SenderRefused,
    SubmissionError,
)
from chalicelib.http import HttpRequest, HttpResponse, error_from_status
from chalicelib.messages import DeliveryReceipt, IncomingText, MessageError, Part, Submission, TextMessage
from chalicelib.phone import from_provider
from chalicelib.providers.base import Callback, Provider, matches, price, utc
from chalicelib.status import FAILED, Status

#: `status` of an answer: https://developer.vonage.com/en/messaging/sms/guides/troubleshooting-sms
REFUSALS: Mapping[str, tuple[type[SubmissionError], str]] = {
    "1": (ProviderThrottled, "throttled"),
    "2": (ContentRefused, "missing_parameter"),
    "3": (RecipientRefused, "invalid_recipient"),  # "invalid parameters": text, sender and URL have codes of their own
    "4": (AccountRefused, "credentials"),
    "5": (OutcomeUnknown, "internal_error"),  # it may have broken after the text was queued
    "6": (RecipientRefused, "invalid_recipient"),  # most often an unknown prefix
    "7": (RecipientRefused, "barred"),
    "8": (AccountRefused, "account_barred"),
    "9": (AccountRefused, "no_credit"),
    "10": (ProviderThrottled, "too_many_connections"),
    "11": (AccountRefused, "not_permitted"),
    "12": (ContentRefused, "too_long"),
    "14": (AccountRefused, "credentials"),
    "15": (SenderRefused, "invalid_sender"),
    "22": (RecipientRefused, "invalid_network"),
    "23": (AccountRefused, "invalid_callback_url"),
    "29": (AccountRefused, "recipient_not_allowed"),  # a trial account reaches its own list only
    "32": (AccountRefused, "credentials"),
    "33": (RecipientRefused, "deactivated"),
}
#: `err-code` of a receipt: https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts
ERRORS: Mapping[str, tuple[ErrorClass, str]] = {
    "2": (ErrorClass.RECIPIENT, "absent"),
    "3": (ErrorClass.RECIPIENT, "inactive"),
    "4": (ErrorClass.RECIPIENT, "barred"),
    "5": (ErrorClass.PROVIDER, "portability"),
    "6": (ErrorClass.CONTENT, "spam"),
    "7": (ErrorClass.RECIPIENT, "busy"),
    "8": (ErrorClass.PROVIDER, "network"),
    "9": (ErrorClass.RECIPIENT, "opted_out"),
    "10": (ErrorClass.CONTENT, "illegal_message"),
    "11": (ErrorClass.PROVIDER, "unroutable"),
    "12": (ErrorClass.RECIPIENT, "unreachable"),
    "13": (ErrorClass.RECIPIENT, "age_restricted"),
    "14": (ErrorClass.RECIPIENT, "blocked_by_carrier"),
    "15": (ErrorClass.RECIPIENT, "recipient_no_credit"),
    "16": (ErrorClass.PROVIDER, "quota"),
    "50": (ErrorClass.SENDER, "entity_filter"),
    "51": (ErrorClass.SENDER, "header_filter"),
    "52": (ErrorClass.CONTENT, "content_filter"),
    "53": (ErrorClass.RECIPIENT, "consent_filter"),
    "54": (ErrorClass.CONTENT, "regulation"),
}
#: With one of these a `failed` text was turned away, not lost on the way.
TURNED_AWAY = frozenset({"6", "9", "14", "50", "51", "52", "53"})
CLEANED = str.maketrans("&=", "__")
METHODS = ("md5hash", "md5", "sha1", "sha256", "sha512")
#: Vonage repeats a callback for 24 hours, and nobody says whether it signs each attempt anew. A window of minutes could
#: lose for good every receipt that is later; a replayed one changes nothing, since a status only moves forward.
MAX_AGE = "86700"
AHEAD = 300  # seconds by which Vonage's clock may be ahead of ours


class Vonage(Provider):
    """Settings: `api_key`, `api_secret`; `signature_secret` (the old and the new one while it is changed) and
    `signature_method` as in the dashboard, without which no callback is believed; `signature_max_age` in seconds;
    `currency` of the account; `base_url`.
    """

    name = "vonage"
    docs = "https://developer.vonage.com/en/api/sms"
    STATUSES: ClassVar[Mapping[str, Status]] = {
        "accepted": Status.SENT,
        "buffered": Status.SENT,
        "delivered": Status.DELIVERED,
        "expired": Status.EXPIRED,
        "failed": Status.UNDELIVERED,
        "undeliv": Status.UNDELIVERED,
        "rejected": Status.REJECTED,
        "unknown": Status.UNKNOWN,
        "deleted": Status.UNKNOWN,
    }
    required = ("api_key", "api_secret")
    validity = (20, 604_800)
    receipts_per_segment = True
    fetches_status = True
    prices = "submission"
    incoming = True
    authenticity = "one of five signatures over all parameters"

    def build_request(self, message: TextMessage) -> HttpRequest:
        """One form. Numbers go without `+`; the secret goes in a header, where no access log keeps it."""
        form = {
            "from": message.frm.removeprefix("+"),
            "to": message.to.removeprefix("+"),
            "text": message.text,
            "client-ref": message.id,
            "status-report-req": "1" if message.status_report else "0",
        }
        if message.encoding is Encoding.UCS_2:
            form["type"] = "unicode"  # Vonage does not look: it would replace what GSM-7 lacks
        if (seconds := self.validity_of(message)) is not None:
            form["ttl"] = str(seconds * 1000)
        # A longer URL would have the text refused (status 23); without one, Vonage uses the dashboard's.
        if (url := self.callback_url(message)) and len(url) <= 100:
            form["callback"] = url
        base_url = self.settings.get("base_url", "https://rest.nexmo.com").rstrip("/")
        return HttpRequest("POST", f"{base_url}/sms/json", form=form, auth=self._auth)

    def parse_response(self, response: HttpResponse) -> Submission:
        """HTTP 200 also carries refusals: one entry for each segment, with a status of its own."""
        reply = response.json()
        entries = reply.get("messages") if isinstance(reply, dict) else None
        if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
            raise OutcomeUnknown("unreadable_reply", "the provider's reply names no message")
        taken = [entry for entry in entries if str(entry.get("status")) == "0"]
        if not taken:
            refusals = [self._refusal(entry) for entry in entries]
            raise next((error for error in refusals if isinstance(error, OutcomeUnknown)), refusals[0])
        # Where only some segments were taken, the text is partly out and must not be submitted again; all segments count,
        # so that it can never become `delivered`.
        refused = [self._refusal(entry) for entry in entries if entry not in taken]
        prices = [price(entry.get("message-price")) for entry in taken]
        known = [amount for amount in prices if amount is not None]
        total = sum(known, Decimal(0)) if len(known) == len(taken) else None
        return Submission(
            provider_message_ids=tuple(str(entry["message-id"]) for entry in taken if entry.get("message-id")),
            provider_status=",".join(dict.fromkeys(str(entry.get("status")) for entry in entries)),
            segments=len(entries),
            price=total,
            currency=None if total is None else self._currency,
            error=MessageError.of(refused[0], f"{len(refused)} of {len(entries)} segments refused: ")
            if refused
            else None,
        )

    def _refusal(self, entry: Mapping[str, Any]) -> SubmissionError:
        code, text = str(entry.get("status")), str(entry.get("error-text", "no reason given"))
        # Of a code that nobody has described only this is safe to say: neither submit again, nor tell that it is lost.
        kind, word = REFUSALS.get(code, (OutcomeUnknown, "unknown_refusal"))
        wait = re.search(r"wait \[ *(\d{1,9}) *\]", text) if kind is ProviderThrottled else None
        seconds = int(wait.group(1)) / 1000 if wait else None
        return kind(word, self.quoted(text), provider_code=code, retry_after=seconds)

    def verify_callback(self, callback: Callback, now: datetime) -> None:
        """The signature over all parameters, then its age. What is signed is what `parse_callback` reads."""
        params = callback.params()
        if not params:
            return  # the dashboard tries a URL with an empty request: it says nothing that could be false
        secrets = self.secrets("signature_secret")
        if not secrets:
            raise CallbackNotAuthentic(
                "set signature_secret, and have Vonage sign: unsigned callbacks are not believed"
            )
        given, method = params.pop("sig", "").lower(), self.settings.get("signature_method", "md5hash")
        if not matches(given, _signatures(params, secrets, method)):
            raise CallbackNotAuthentic("the signature is missing or wrong")
        self._verify_age(params.get("timestamp", ""), now)

    def _verify_age(self, timestamp: str, now: datetime) -> None:
        limit = self.settings.get("signature_max_age", MAX_AGE)
        if not limit.isdecimal():
            raise ConfigurationError("vonage: signature_max_age is a number of seconds")
        if not re.fullmatch(r"[0-9]{1,12}", timestamp):
            raise CallbackNotAuthentic("the signature has no time")
        if not -AHEAD <= now.timestamp() - int(timestamp) <= int(limit):
            raise CallbackNotAuthentic("the signature is not of this time")

    def parse_callback(self, callback: Callback) -> Sequence[DeliveryReceipt | IncomingText]:
        """A receipt, which has a status, or an incoming text, which has a sender and a type."""
        params = callback.params()
        if not params:
            return ()
        if not params.get("messageId"):
            raise CallbackUnreadable("it names no message")
        if params.get("status", "").strip():
            return (self._receipt(params),)
        if params.get("msisdn") and params.keys() & {"text", "type", "keyword"}:
            return (_incoming(params),)
        raise CallbackUnreadable("it is neither a receipt nor an incoming text")

    def _receipt(self, params: Mapping[str, str]) -> DeliveryReceipt:
        word, code, ours = params["status"], params.get("err-code", "0"), params.get("client-ref", "")
        status = self.STATUSES.get(word, Status.UNKNOWN)
        if word == "failed" and code in TURNED_AWAY:
            status = Status.REJECTED
        kind, reason = ERRORS.get(code, (ErrorClass.UNKNOWN, status.value))
        amount = price(params.get("price"))
        return DeliveryReceipt(
            status=status,
            provider_status=word if code in ("", "0") else f"{word} {code}",
            message_id=ours if re.fullmatch("[0-9a-f]{32}", ours) else None,
            provider_message_id=params["messageId"],
            per_segment=True,
            error=MessageError(kind, reason, code or None) if status in FAILED else None,
            price=amount,
            currency=None if amount is None else self._currency,
        )

    def fetch_status(self, message: TextMessage) -> Sequence[DeliveryReceipt]:
        """From the Reports API: https://developer.vonage.com/en/api/reports. Its words are those of the receipts."""
        base_url = self.settings.get("reports_url", "https://api.nexmo.com").rstrip("/")
        query = {"account_id": self.settings["api_key"], "product": "SMS", "direction": "outbound"}
        query["id"] = ",".join(message.provider_message_ids)
        response = self.exchange(HttpRequest("GET", f"{base_url}/v2/reports/records", query=query, auth=self._auth))
        if response.status != 200:
            raise error_from_status(response)
        reply = response.json()
        records = reply.get("records") if isinstance(reply, dict) else None
        return [self._receipt(_as_receipt(record, message.id)) for record in records or () if record.get("message_id")]

    @property
    def _auth(self) -> tuple[str, str]:
        return self.settings["api_key"], self.settings["api_secret"]

    @property
    def _currency(self) -> str:
        return self.settings.get("currency", "EUR")  # no payload says


def _incoming(params: Mapping[str, str]) -> IncomingText:
    """A binary text has no `text`, and still somebody wrote."""
    return IncomingText(
        frm=from_provider(params["msisdn"]),
        to=from_provider(params.get("to", "")),
        text=params.get("text", ""),
        provider_message_id=params["messageId"],
        received_on=utc(params.get("message-timestamp")),
        part=_part(params),
    )


def _part(params: Mapping[str, str]) -> Part | None:
    """Which part of a long text; Vonage does not join them, and a carrier may leave the fields out."""
    total, number = params.get("concat-total", ""), params.get("concat-part", "")
    if params.get("concat") != "true" or not (total.isdecimal() and number.isdecimal()):
        return None
    return (
        Part(params.get("concat-ref", ""), int(total), int(number)) if 1 <= int(number) <= int(total) <= 255 else None
    )


def _as_receipt(record: Mapping[str, Any], message_id: str) -> dict[str, str]:
    names = {"messageId": "message_id", "status": "status", "err-code": "error_code", "price": "total_price"}
    return {name: str(record.get(theirs) or "") for name, theirs in names.items()} | {"client-ref": message_id}


def _signatures(params: Mapping[str, str], secrets: Sequence[str], method: str) -> list[str]:
    """The signatures that are good for these parameters.

    Vonage's libraries disagree on blank values: Java's leaves them out, Python's signs them. Either is good here: a blank is
    taken for nothing. Names are cleaned like Java's, or one could swallow its neighbour.
    """
    if method not in METHODS:
        raise ConfigurationError(f"vonage: signature_method is one of {', '.join(METHODS)}")
    filled = {name: value for name, value in params.items() if value.strip()}
    readings = [params] if len(filled) == len(params) else [params, filled]
    return [_digest(_signed(one), _encoded(secret), method) for one in readings for secret in secrets]


def _signed(params: Mapping[str, str]) -> bytes:
    return _encoded("".join(f"&{name.translate(CLEANED)}={params[name].translate(CLEANED)}" for name in sorted(params)))


def _digest(text: bytes, secret: bytes, method: str) -> str:
    if method == "md5hash":
        return hashlib.md5(text + secret, usedforsecurity=False).hexdigest()
    return hmac.digest(secret, text, method).hex()


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")  # half an emoji in a forged callback must not end in an exception
