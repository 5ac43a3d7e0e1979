"""Infobip's SMS API, version 3. Each account has a host of its own, so `base_url` must be set.

https://www.infobip.com/docs/api/channels/sms/outbound-sms/send-sms-messages (OpenAPI 3.210.0) and
https://www.infobip.com/docs/essentials/api-essentials/response-status-and-error-codes (checked 2026-11-25)
"""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from chalicelib.errors import (
    AccountRefused,
    CallbackNotAuthentic,
    CallbackUnreadable,
    ConfigurationError,
    ContentRefused,
    ErrorClass,
    OutcomeUnknown,
    ProviderThrottled,
    ProviderUnavailable,
    RecipientRefused,
    SenderRefused,
    SubmissionError,
)
from chalicelib.http import HttpRequest, HttpResponse, error_from_status
from chalicelib.logs import logger
from chalicelib.messages import DeliveryReceipt, IncomingText, MessageError, Submission, TextMessage
from chalicelib.phone import from_provider
from chalicelib.providers.base import MESSAGE_ID, Callback, Provider, as_word, matches, price, utc
from chalicelib.status import FAILED, Status

log = logger(__name__)

#: `groupId/id` of a text that was surely not sent.
REFUSALS: Mapping[str, tuple[type[SubmissionError], str]] = {
    **dict.fromkeys(("5/8", "5/51", "5/52"), (RecipientRefused, "invalid_recipient")),
    **dict.fromkeys(("5/10", "5/14"), (RecipientRefused, "barred")),  # by a do-not-disturb service, by a blocklist
    **dict.fromkeys(("5/12", "5/17"), (AccountRefused, "no_credit")),
    **dict.fromkeys(("5/6", "5/19"), (AccountRefused, "not_permitted")),  # network or route, not set up on this account
    **dict.fromkeys(("4/87", "5/87"), (RecipientRefused, "fraud_filter")),
    "5/11": (SenderRefused, "invalid_sender"),
    "5/13": (SenderRefused, "barred"),
    "5/18": (AccountRefused, "recipient_not_allowed"),  # a trial account reaches one number only
    "5/20": (ProviderThrottled, "flooding"),  # to one number in an hour: the 7th identical text, or the 21st
    "5/21": (ProviderUnavailable, "internal_error"),
    "5/24": (ContentRefused, "malformed"),
    "5/25": (ContentRefused, "too_long"),
    "5": (ProviderUnavailable, "rejected"),
}
#: The last word of the property that an HTTP 400 complains of, in the spelling of either version of the API.
FIELDS: Mapping[str, tuple[type[SubmissionError], str]] = {
    "to": (RecipientRefused, "invalid_recipient"),
    **dict.fromkeys(("sender", "from"), (SenderRefused, "invalid_sender")),
    **dict.fromkeys(("url", "notifyurl"), (AccountRefused, "invalid_callback_url")),
}
#: `error.id` of a receipt; `permanent` is not read, for it is said of 628, "temporary handset failure", and not of 351.
ERRORS: Mapping[str, tuple[ErrorClass, str]] = {
    **dict.fromkeys(("1", "351", "352"), (ErrorClass.RECIPIENT, "invalid_recipient")),
    **dict.fromkeys(("6", "27"), (ErrorClass.RECIPIENT, "absent")),
    **dict.fromkeys(("9", "13", "604", "2049", "2050", "2052"), (ErrorClass.RECIPIENT, "barred")),
    **dict.fromkeys(("11", "12", "32", "568", "628", "629"), (ErrorClass.RECIPIENT, "unreachable")),
    "31": (ErrorClass.RECIPIENT, "busy"),
    **dict.fromkeys(("33", "256"), (ErrorClass.RECIPIENT, "inbox_full")),
    **dict.fromkeys(("34", "500", "502", "503", "630", "631"), (ErrorClass.PROVIDER, "network")),
    **dict.fromkeys(("345", "4097", "4102"), (ErrorClass.PROVIDER, "unroutable")),
    "355": (ErrorClass.CONTENT, "too_long"),
    **dict.fromkeys(("368", "2053"), (ErrorClass.SENDER, "invalid_sender")),
    **dict.fromkeys(("541", "542", "609", "4202"), (ErrorClass.THROTTLED, "quota")),
    **dict.fromkeys(("560", "566", "569"), (ErrorClass.RECIPIENT, "blocked_by_carrier")),
    **dict.fromkeys(("561", "607"), (ErrorClass.CONTENT, "content_filter")),
    **dict.fromkeys(("573", "603"), (ErrorClass.RECIPIENT, "opted_out")),
    "608": (ErrorClass.RECIPIENT, "fraud_filter"),
    "3041": (ErrorClass.RECIPIENT, "deactivated"),
    "4099": (ErrorClass.ACCOUNT, "no_credit"),
    **dict.fromkeys(("811", "4098", "4100", "4101"), (ErrorClass.UNKNOWN, "expired")),
    **dict.fromkeys(("4103", "4104"), (ErrorClass.THROTTLED, "flooding")),
    "5492": (ErrorClass.CONTENT, "duplicate"),
}
#: The settings of each further proof: who or where, and its secret.
PROOFS = (("basic_user", "basic_password"), ("header_name", "header_value"), ("hmac_header", "hmac_secret"))


class Infobip(Provider):
    """Settings: `api_key`, `base_url` of the account, `callback_secret`; `incoming_token`, for the URLs in the dashboard.
    Further proofs that a subscription's security profile gives, each of which must hold once it is set: `basic_user` and
    `basic_password`; `header_name` and `header_value`; `hmac_header`, `hmac_secret` and `hmac_algorithm`.
    """

    name = "infobip"
    docs = "https://www.infobip.com/docs/api/channels/sms"
    #: `status.groupId/status.id`, since one id stands in two groups; the group alone is for ids that are not here.
    STATUSES: ClassVar[Mapping[str, Status]] = {
        **dict.fromkeys(("0", "1"), Status.SENDING),  # 7 PENDING_ENROUTE, 26 PENDING_ACCEPTED
        "1/3": Status.SENT,  # PENDING_WAITING_DELIVERY
        "2": Status.UNDELIVERED,  # 9 UNDELIVERABLE_NOT_DELIVERED
        "2/4": Status.REJECTED,  # UNDELIVERABLE_REJECTED_OPERATOR
        "2/31": Status.REFUSED,  # UNDELIVERABLE_NOT_SENT
        "3/2": Status.SENT,  # DELIVERED_TO_OPERATOR is no delivery, whatever its group is called
        "3/5": Status.DELIVERED,  # DELIVERED_TO_HANDSET
        "4/15": Status.EXPIRED,  # EXPIRED_EXPIRED
        "4/29": Status.UNKNOWN,  # EXPIRED_DLR_UNKNOWN
        "4/87": Status.REFUSED,  # SIGNALS_BLOCKED, charged
        "5": Status.REFUSED,
        "5/23": Status.SENDING,  # REJECTED_DUPLICATE_MESSAGE_ID tells of the second; the first is on its way
    }
    required = ("api_key", "base_url", "callback_secret")
    validity = (1, 172_800)
    ticketed = True
    discards_duplicates = True
    fetches_status = True
    prices = "receipt"
    incoming = True
    authenticity = "token in the URL; Basic, a header or HMAC too, if set"
    covers_body = False

    def build_request(self, message: TextMessage) -> HttpRequest:
        """One JSON object. Numbers go without `+`; Infobip finds the encoding, and takes an id of ours once only."""
        delivery: dict[str, Any] = {"notify": message.status_report, "intermediateReport": message.status_report}
        # Nothing tells of credentials for a text's own URL: with a further proof, the subscription that has it reports.
        if (url := self.callback_url(message)) and not any(self.settings.get(secret) for _, secret in PROOFS):
            delivery["url"] = url
        text: dict[str, Any] = {
            "sender": message.frm.removeprefix("+"),
            "destinations": [{"to": message.to.removeprefix("+"), "messageId": message.id}],
            "content": {"text": message.text},
            "webhooks": {"contentType": "application/json", "callbackData": message.id, "delivery": delivery},
        }
        if (seconds := self.validity_of(message)) is not None:
            text["options"] = {"validityPeriod": {"amount": seconds, "timeUnit": "SECONDS"}}  # else they are minutes
        body = {"messages": [text], "options": {"includeSmsCountInResponse": True}}
        return self._request("POST", "/sms/3/messages", json=body)

    def parse_response(self, response: HttpResponse) -> Submission:
        """HTTP 200 also carries refusals: the text has a status of its own. A duplicate was taken the first time."""
        entry = (_objects(response.json(), "messages") or [{}])[0]
        if not (status := _dict(entry.get("status"))):
            raise OutcomeUnknown("unreadable_reply", "the provider's reply names no message")
        key = _key(status)
        if key[:2] not in ("0/", "1/", "3/") and key != "5/23":
            kind, word = _found(REFUSALS, key) or (OutcomeUnknown, "unknown_refusal")
            sentence = f"{as_word(status.get('description'))} {as_word(status.get('action'))}".strip()
            raise kind(word, self.quoted(sentence), provider_code=as_word(status.get("id")) or None)
        segments, number = _count({**entry, **_dict(entry.get("details"))}), as_word(entry.get("messageId"))
        return Submission((number,) if number else (), as_word(status.get("name")) or key, segments or None)

    def parse_error(self, response: HttpResponse) -> SubmissionError | None:
        """In the shape of version 3 or in the older one. What is no JSON is told by its HTTP status."""
        try:
            reply = _dict(response.json())
        except OutcomeUnknown:
            return None
        old = _dict(_dict(reply.get("requestError")).get("serviceException"))
        code = as_word(reply.get("errorCode")) or as_word(old.get("messageId"))
        if not code or response.status not in (400, 401, 403):
            return None
        fields = {as_word(one.get("property")): one.get("violation") for one in _objects(reply, "violations")}
        fields |= _dict(old.get("validationErrors"))
        sentence = as_word(reply.get("description")) or as_word(old.get("text"))
        detail = self.quoted("; ".join([sentence, *(f"{name}: {said}" for name, said in fields.items())]))
        if response.status != 400:
            return AccountRefused("credentials", detail, provider_code=code)
        wrong = [FIELDS[word] for name in fields if (word := name.rpartition(".")[2].lower()) in FIELDS]
        kind, word = wrong[0] if wrong else (ContentRefused, "bad_request")
        return kind(word, detail, provider_code=code)

    def verify_callback(self, callback: Callback, now: datetime) -> None:
        """The token in the URL, and whatever else is set."""
        self.verify_ticket(callback)
        for header, known in self._proofs(callback.body):
            if not matches(callback.headers.get(header.lower(), "").strip(), known):
                raise CallbackNotAuthentic("a proof that is set for Infobip's subscription is missing or wrong")

    def _proofs(self, body: bytes) -> Iterator[tuple[str, list[str]]]:
        """For each further proof that is set: the header that carries it, and the values that are good."""
        for name, secret in PROOFS:
            given, values = self.settings.get(name, ""), self.secrets(secret)
            if not given and not self.settings.get(secret):
                continue
            # A space parts the new secret from the old one: one with a space inside would be as good as its shortest word.
            if not given or not values or min(map(len, values)) < 8:
                raise ConfigurationError(f"infobip: {name} goes with {secret}: 8 characters or more, no spaces")
            if name == "basic_user":
                yield "authorization", [f"Basic {b64encode(f'{given}:{one}'.encode()).decode()}" for one in values]
            elif name == "header_name":
                yield given, values
            else:
                yield given, [good for value in values for good in self._signatures(value, body)]

    def _signatures(self, secret: str, body: bytes) -> list[str]:
        """Infobip's pages name the algorithms and nothing else (unverified): over the body, hexadecimal and base64 are good."""
        algorithm = re.sub("hmac|[_-]", "", self.settings.get("hmac_algorithm", "HMAC_SHA_256").lower())
        if not re.fullmatch("md5|sha(1|224|256|384|512)", algorithm):
            raise ConfigurationError("infobip: hmac_algorithm is named as in Infobip's profile, such as HMAC_SHA_256")
        digest = hmac.new(secret.encode(), body, algorithm).digest()
        return [digest.hex(), digest.hex().upper(), b64encode(digest).decode()]

    def parse_callback(self, callback: Callback) -> Sequence[DeliveryReceipt | IncomingText]:
        """A batch: each receipt has a status, each incoming text a sender. What cannot be read does not hold up the rest."""
        items = _objects(callback.json(), "results")
        # A token for the dashboard's URLs may look like an id of ours; only a ticket has a proof behind it.
        ticket = self.ticket_of(callback) if len(items) == 1 and "-" in callback.ticket else None
        events = [event for item in items if (event := self._receipt(item, ticket) or _incoming(item))]
        if not events:
            raise CallbackUnreadable("it has neither a receipt nor an incoming text")
        if len(events) < len(items):
            log.warning("infobip: %d of %d items cannot be read", len(items) - len(events), len(items))
        return tuple(events)

    def _receipt(self, item: Mapping[str, Any], ticket: str | None = None) -> DeliveryReceipt | None:
        """In the names of either version. `ticket` is for one that has lost all that we gave to its text."""
        told, cause = _dict(item.get("status")), _dict(item.get("error"))
        ids = [as_word(item.get("messageId")), as_word(item.get("callbackData"))]
        ours, theirs = next(filter(MESSAGE_ID.fullmatch, ids), ticket), ids[0] or None
        if not told or not (ours or theirs):
            return None
        status, word = _found(self.STATUSES, _key(told)) or Status.UNKNOWN, as_word(told.get("name")) or _key(told)
        # EC_MESSAGE_CANCELED: not passed on within its validity, for smsignal cancels nothing at Infobip.
        if as_word(cause.get("id")) == "4100" and (status in FAILED or status is Status.UNKNOWN):
            status = Status.EXPIRED
        error = self._error(told, cause, status) if status in FAILED else None
        amount, currency = _price(item)
        count, at = _count(item) or None, utc(as_word(item.get("doneAt")) or as_word(item.get("sentAt")))
        return DeliveryReceipt(
            status, word, ours, theirs, error=error, price=amount, currency=currency, segments=count, occurred_on=at
        )

    def _error(self, status: Mapping[str, Any], cause: Mapping[str, Any], ours: Status) -> MessageError:
        """The error says more than the status, where there is one: 0 is none."""
        kind, word = _found(REFUSALS, _key(status)) or (OutcomeUnknown, ours.value)
        error_class, word = ERRORS.get(code := as_word(cause.get("id")), (kind.error_class, word))
        told = status if code in ("", "0") else cause
        detail = self.quoted(as_word(told.get("description"))) or None
        return MessageError(error_class, word, as_word(told.get("id")) or None, detail)

    def fetch_status(self, message: TextMessage) -> Sequence[DeliveryReceipt]:
        """From the logs of the last 48 hours. Never from /reports, which tells each only once: a callback would miss it."""
        response = self.exchange(self._request("GET", "/sms/3/logs", query={"messageId": message.id}))
        if response.status != 200:
            raise error_from_status(response)
        receipts = map(self._receipt, _objects(response.json(), "results"))
        return [receipt for receipt in receipts if receipt and receipt.message_id == message.id]

    def _request(self, method: str, path: str, **carried: Any) -> HttpRequest:
        host = self.settings["base_url"].strip().rstrip("/")
        host = host if "://" in host else f"https://{host}"  # as the dashboard shows it
        headers = {"Authorization": f"App {self.settings['api_key']}", "Accept": "application/json"}
        return HttpRequest(method, host + path, headers, **carried)


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(loaded: object, name: str) -> list[dict[str, Any]]:
    """The list of that name; what is no object in it is an empty one."""
    found = _dict(loaded).get(name)
    return [_dict(one) for one in found] if isinstance(found, list) else []


def _key(status: Mapping[str, Any]) -> str:
    return f"{as_word(status.get('groupId'))}/{as_word(status.get('id'))}"


def _found(table: Mapping[str, Any], key: str) -> Any:
    """The row of the group and the id, or else that of the group."""
    return table.get(key, table.get(key.partition("/")[0]))


def _count(item: Mapping[str, Any]) -> int | None:
    """The segments: `messageCount`, or `smsCount` in version 2."""
    count = as_word(item.get("messageCount")) or as_word(item.get("smsCount"))
    return int(count) if re.fullmatch("[0-9]{1,3}", count) else None


def _price(item: Mapping[str, Any]) -> tuple[Decimal | None, str | None]:
    """Unverified: `pricePerMessage`, "price per one message", is taken to be that of one segment."""
    cost = _dict(item.get("price"))
    amount, count = price(cost.get("pricePerMessage")), _count(item)
    if amount is None or count is None or not -12 < amount.adjusted() < 9:  # beyond, no sum fits into a table
        return None, None
    return amount.copy_abs() * count, as_word(cost.get("currency")) or None


def _incoming(item: Mapping[str, Any]) -> IncomingText | None:
    """The whole text, joined, with its keyword. One without `text` is read all the same: somebody wrote."""
    frm, to, number = (as_word(item.get(name)) for name in ("from", "to", "messageId"))
    if not frm or not number or not item.keys() & {"text", "cleanText", "receivedAt"}:
        return None
    text = item["text"] if isinstance(item.get("text"), str) else as_word(item.get("cleanText"))
    return IncomingText(from_provider(frm), from_provider(to), text, number, utc(as_word(item.get("receivedAt"))))
