"""Sinch's SMS REST API ("XMS"), with the token of a service plan. Sinch signs callbacks only where its account manager turns it on.

https://developers.sinch.com/docs/sms/api-reference/sms/tag/Batches/ and .../tag/Delivery-reports/ and .../tag/Webhooks/,
https://developers.sinch.com/docs/sms/api-reference/status-codes/, and on signatures
https://github.com/sinch/sinch-sdk-python/tree/main/examples/sinch_events (checked 2026-11-25)
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from chalicelib.errors import (
    AccountRefused,
    CallbackNotAuthentic,
    CallbackUnreadable,
    ConfigurationError,
    ContentRefused,
    ErrorClass,
    OutcomeUnknown,
    RecipientRefused,
    SenderRefused,
    SubmissionError,
)
from chalicelib.http import HttpRequest, HttpResponse, error_from_status
from chalicelib.logs import logger
from chalicelib.messages import DeliveryReceipt, IncomingText, MessageError, Submission, TextMessage, rfc3339
from chalicelib.phone import from_provider
from chalicelib.providers.base import MESSAGE_ID, Callback, Provider, as_word, matches, utc
from chalicelib.status import FAILED, Status

log = logger(__name__)

#: `code` of a 400 or a 403.
REFUSALS: Mapping[str, tuple[type[SubmissionError], str]] = {
    "syntax_invalid_json": (ContentRefused, "malformed"),
    "syntax_invalid_parameter_format": (RecipientRefused, "invalid_recipient"),  # Sinch's own example is a number
    "syntax_constraint_violation": (ContentRefused, "malformed"),  # most often too long: all else is checked before
    "blocked_account": (AccountRefused, "account_barred"),
    "illegal_number_type": (RecipientRefused, "invalid_recipient"),  # a kind of number that the region may not send to
    "unknown_group": (RecipientRefused, "invalid_recipient"),
    "unknown_campaign": (SenderRefused, "not_registered"),
    # Unverified: today's page cuts the word off after `missing_cal`, Sinch's older pages have it whole. Either is read.
    "missing_callback_url": (AccountRefused, "missing_callback_url"),
    "missing_cal": (AccountRefused, "missing_callback_url"),
    "invalid_argument": (ContentRefused, "malformed"),  # `error.status`: some requests are answered in this other shape
}
#: `code` of a receipt, from 402 on; these are no HTTP statuses. Smaller ones are the carrier's: Sinch's two lists of those
#: disagree, so they are kept raw. 414 to 418 are for MMS.
ERRORS: Mapping[str, tuple[ErrorClass, str]] = {
    "402": (ErrorClass.PROVIDER, "unroutable"),
    "403": (ErrorClass.PROVIDER, "internal_error"),
    "404": (
        ErrorClass.PROVIDER,
        "temporary_failure",
    ),  # the only one of which Sinch says that the text may be sent again
    "405": (ErrorClass.CONTENT, "placeholder"),  # a ${...} that has no value: see `_body`
    "406": (ErrorClass.PROVIDER, "expired"),
    "407": (ErrorClass.ACCOUNT, "canceled"),
    "408": (ErrorClass.PROVIDER, "rejected"),
    "410": (ErrorClass.SENDER, "invalid_sender"),
    "411": (ErrorClass.CONTENT, "too_long"),
    "412": (ErrorClass.ACCOUNT, "not_permitted"),  # the recipient's region is not provisioned
    "413": (ErrorClass.ACCOUNT, "account_barred"),  # or out of credit: Sinch does not tell which
}
SIGNATURE = "x-sinch-webhook-signature"
#: Sinch repeats a callback for 22 hours and 45 minutes, and nobody says whether it signs each attempt anew. A window of minutes
#: could lose for good every receipt that is later; a replayed one changes nothing, since a status only moves forward.
MAX_AGE = "86700"
AHEAD = 300  # seconds by which Sinch's clock may be ahead of ours


class Sinch(Provider):
    """Settings: `service_plan_id`, `api_token`; `region` (`us`) or `base_url`; `callback_secret`, which proves receipts' URLs, and
    `incoming_token`, which proves that of incoming texts; `webhook_secret` where Sinch signs (several while it is changed): then
    the signature is demanded in place of both, at the dashboard's URL; `signature_max_age` in seconds; `max_segments`.
    """

    name = "sinch"
    docs = "https://developers.sinch.com/docs/sms/api-reference/sms/tag/Batches/"
    #: In lower case: Sinch's pages write `Delivered`, its Python package `DELIVERED`.
    STATUSES: ClassVar[Mapping[str, Status]] = {
        "queued": Status.SENDING,
        "dispatched": Status.SENT,
        "delivered": Status.DELIVERED,
        "failed": Status.UNDELIVERED,
        "expired": Status.EXPIRED,
        "rejected": Status.REJECTED,
        "deleted": Status.REJECTED,
        "aborted": Status.REFUSED,  # it never got to the carrier
        "cancelled": Status.REFUSED,  # at Sinch, and by somebody else: our own cancelling is over before a submission
        "canceled": Status.REFUSED,
        "unknown": Status.UNKNOWN,  # the carrier took it, and said nothing that could be read
    }
    required = ("service_plan_id", "api_token", "callback_secret")
    validity = (1, 259_200)
    ticketed = True
    fetches_status = True
    incoming = True
    authenticity = "a proof in the URL; HMAC-SHA256 of the body where Sinch signs"
    covers_body = False  # unless webhook_secret is set

    def build_request(self, message: TextMessage) -> HttpRequest:
        """A batch of one. Sinch finds the encoding itself."""
        signing, url = bool(self.secrets("webhook_secret")), self.callback_url(message)
        reported = message.status_report if signing else url is not None
        batch: dict[str, Any] = {
            "type": "mt_text",
            "from": message.frm,
            "to": [message.to],
            **_body(message.text),
            "client_reference": message.id,
            "delivery_report": "per_recipient" if reported else "none",  # without it there are no receipts
        }
        if reported and not signing:
            batch["callback_url"] = url  # where Sinch signs, the dashboard's URL cannot be overridden
        # Counted from when the text was due, as smsignal does itself: a text that waited here has less time left at Sinch.
        # Sinch's default is its maximum, so a longer validity goes without saying.
        seconds = self.validity_of(message)
        if seconds is not None and seconds == message.validity_seconds:
            batch["expire_at"] = rfc3339((message.send_at or message.created_on) + timedelta(seconds=seconds))
        if self.settings.get("max_segments"):
            batch["max_number_of_message_parts"] = self._number("max_segments", "")
        return self._request("POST", "batches", json=batch)

    def parse_response(self, response: HttpResponse) -> Submission:
        """The batch's id. Segments, price and status are not told: Sinch takes texts into its queue before it looks at them."""
        reply = response.json()
        number = reply.get("id") if isinstance(reply, dict) else None
        if not isinstance(number, str) or not number:
            raise OutcomeUnknown("unreadable_reply", "the provider's reply names no batch")
        return Submission((number,))

    def parse_error(self, response: HttpResponse) -> SubmissionError | None:
        """`code` and `text`, or the same inside `error`. For a code that is not in the table the HTTP status decides."""
        usual = error_from_status(response)
        if response.status == 404:
            return AccountRefused("unknown_account", "no such service plan in this region", provider_code="404")
        if response.status not in (400, 403):
            return None
        try:
            reply = response.json()
        except OutcomeUnknown:
            return None
        told = reply if isinstance(reply, dict) else {}
        inner = told.get("error")
        code, text = told.get("code"), told.get("text")
        if isinstance(inner, dict):
            code, text = inner.get("status"), inner.get("message")
        word = as_word(code)
        kind, ours = REFUSALS.get(word.lower(), (type(usual), usual.code))
        return kind(ours, self.quoted(text or usual.detail), provider_code=word or usual.provider_code)

    def verify_callback(self, callback: Callback, now: datetime) -> None:
        """Where Sinch signs, HMAC-SHA256 of `body.nonce.time`, and not too old. Else the URL, which only Sinch got from us.

        The header that names the algorithm is not signed, so it has no say.
        """
        secrets = self.secrets("webhook_secret")
        if not secrets:
            self.verify_ticket(callback)
            return
        given, nonce, timestamp = (callback.headers.get(SIGNATURE + part, "") for part in ("", "-nonce", "-timestamp"))
        signed = b"%s.%s.%s" % (callback.body, _encoded(nonce), _encoded(timestamp))
        good = [b64encode(hmac.digest(secret.encode(), signed, "sha256")).decode() for secret in secrets]
        if not matches(given, good):
            raise CallbackNotAuthentic("the signature is missing or wrong")
        at, limit = utc(timestamp), self._number("signature_max_age", MAX_AGE)
        if at is None or not -AHEAD <= (now - at).total_seconds() <= limit:
            raise CallbackNotAuthentic("the signature is not of this time")

    def parse_callback(self, callback: Callback) -> Sequence[DeliveryReceipt | IncomingText]:
        """A report about one recipient, one about a batch, or an incoming text: `type` says which."""
        event = callback.json()
        kind = as_word(event.get("type")).lower() if isinstance(event, dict) else ""
        if kind.startswith("mo_"):
            return (_incoming(event),)
        if "delivery_report" not in kind:
            raise CallbackUnreadable("it is neither a receipt nor an incoming text")
        receipts = self._receipts(event, self._message_id(callback, event))
        if not receipts and event.get("statuses") != []:  # a batch that was cancelled in time has an empty report
            raise CallbackUnreadable("it names no text or no status")
        return receipts

    def _message_id(self, callback: Callback, report: Mapping[str, Any]) -> str | None:
        """Our id: the one that the URL proves, or the one that is signed, or came to the URL that is known to Sinch alone."""
        # The token of that URL may look like an id of ours.
        if not self.secrets("webhook_secret") and callback.ticket not in self.secrets("incoming_token"):
            return self.ticket_of(callback)
        ours = as_word(report.get("client_reference"))
        return ours if MESSAGE_ID.fullmatch(ours) else None

    def _receipts(self, report: Mapping[str, Any], ours: str | None) -> tuple[DeliveryReceipt, ...]:
        """Of a report about one recipient, or of each status in one about a batch: a batch of ours has but one recipient."""
        batch, statuses = as_word(report.get("batch_id")), report.get("statuses")
        items = statuses if isinstance(statuses, list) else [report]
        readable = [item for item in items if isinstance(item, dict) and as_word(item.get("status"))]
        if len(readable) < len(items):
            log.warning("sinch: %d of %d statuses cannot be read", len(items) - len(readable), len(items))
        return tuple(self._receipt(item, ours, batch or None) for item in readable if ours or batch)

    def _receipt(self, item: Mapping[str, Any], ours: str | None, batch: str | None) -> DeliveryReceipt:
        word, code = as_word(item.get("status")), as_word(item.get("code"))
        status = self.STATUSES.get(word.lower(), Status.UNKNOWN)
        if status is Status.REFUSED and code == "406":
            status = Status.EXPIRED
        kind, reason = ERRORS.get(code, (ErrorClass.UNKNOWN, status.value))
        if word.lower() == "deleted":
            kind, reason = ErrorClass.RECIPIENT, "deleted"  # "an invalid MSISDN or opted out subscriber"
        parts = item.get("number_of_message_parts")  # told only if max_segments is set
        return DeliveryReceipt(
            status=status,
            provider_status=word if code in ("", "0") else f"{word} {code}",
            message_id=ours,
            provider_message_id=batch,
            error=MessageError(kind, reason, code or None) if status in FAILED else None,
            segments=parts if type(parts) is int and 0 < parts < 256 else None,
            occurred_on=utc(as_word(item.get("at")) or as_word(item.get("operator_status_at"))),
        )

    def fetch_status(self, message: TextMessage) -> Sequence[DeliveryReceipt]:
        """The batch's report. If the batch's id was lost, the reports that carry our id: only those of texts that ended."""
        path, query = "delivery_reports", {"client_reference": message.id, "start_date": rfc3339(message.created_on)}
        if message.provider_message_ids:
            path, query = f"batches/{message.provider_message_ids[0]}/delivery_report", {"type": "full"}
        response = self.exchange(self._request("GET", path, query=query))
        if response.status != 200:
            raise error_from_status(response)
        reply = response.json()
        found = reply.get("delivery_reports", [reply]) if isinstance(reply, dict) else []
        reports = [report for report in found if isinstance(report, dict)] if isinstance(found, list) else []
        if (
            not message.provider_message_ids
        ):  # should Sinch not look at the query, other texts' reports are no news of this one
            reports = [report for report in reports if report.get("client_reference") == message.id]
        return [receipt for report in reports for receipt in self._receipts(report, message.id)]

    def _request(self, method: str, path: str, **carried: Any) -> HttpRequest:
        host = self.settings.get("base_url") or f"https://{self.settings.get('region') or 'us'}.sms.api.sinch.com"
        url = f"{host.rstrip('/')}/xms/v1/{self.settings['service_plan_id']}/{path}"
        return HttpRequest(method, url, {"Authorization": f"Bearer {self.settings['api_token']}"}, **carried)

    def _number(self, name: str, usual: str) -> int:
        value = self.settings.get(name, usual)
        if not value.isdecimal():
            raise ConfigurationError(f"sinch: {name} is a whole number")
        return int(value)


def _body(text: str) -> dict[str, Any]:
    """The text, with each `$` as a parameter that stands for one, if Sinch could see a placeholder in it.

    Sinch puts the value of a parameter in place of `${its name}`, and says of no way to write these characters themselves:
    https://developers.sinch.com/docs/sms/resources/message-info/message-parameterization/. What it puts together is the text
    again; should it look for placeholders once more, it finds none that has a value, and aborts the text (405).
    """
    if "${" not in text:
        return {"body": text}
    name = "S"
    while f"${{{name}}}" in text:
        name += "S"
    return {"body": text.replace("$", f"${{{name}}}"), "parameters": {name: {"default": "$"}}}


def _incoming(event: Mapping[str, Any]) -> IncomingText:
    """A binary message (base64 and UDH) and one that is but a picture have no text, and still somebody wrote."""
    frm, number, body = as_word(event.get("from")), as_word(event.get("id")), event.get("body")
    if not frm or not number:
        raise CallbackUnreadable("the incoming text has no sender or no id")
    if isinstance(body, dict):  # mo_media
        body = body.get("message") or body.get("subject")
    text = body if isinstance(body, str) and as_word(event.get("type")).lower() != "mo_binary" else ""
    to = from_provider(as_word(event.get("to")))
    return IncomingText(from_provider(frm), to, text, number, utc(as_word(event.get("received_at"))))


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")  # half an emoji in a forged header must not end in an exception
