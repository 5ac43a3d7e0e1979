"""Plivo's Messaging API. It echoes nothing of ours, so the URL for receipts carries our id in its path, which Plivo signs.

https://www.plivo.com/docs/messaging/api/messages, https://www.plivo.com/docs/messaging/concepts/callbacks,
https://www.plivo.com/docs/messaging/concepts/signature-validation and
https://www.plivo.com/docs/messaging/troubleshooting/error-codes (checked 2026-11-25)
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote

from chalicelib.errors import (
    AccountRefused,
    CallbackNotAuthentic,
    CallbackUnreadable,
    ContentRefused,
    ErrorClass,
    OutcomeUnknown,
    RecipientRefused,
    SenderRefused,
    SubmissionError,
)
from chalicelib.http import HttpRequest, HttpResponse, error_from_status
from chalicelib.messages import DeliveryReceipt, IncomingText, MessageError, Submission, TextMessage
from chalicelib.phone import from_provider
from chalicelib.providers.base import Callback, Provider, matches, price, utc
from chalicelib.status import FAILED, Status

#: HTTP statuses of a refusal; the others, and answers without an `error`, have the usual class.
REFUSALS: Mapping[int, tuple[type[SubmissionError], str]] = {
    **dict.fromkeys((400, 409, 422), (ContentRefused, "bad_request")),
    401: (AccountRefused, "credentials"),
    402: (AccountRefused, "no_credit"),  # Plivo's pages do not have it
    403: (AccountRefused, "not_permitted"),  # the account is not verified, or the country not enabled
    **dict.fromkeys((404, 405), (AccountRefused, "not_found")),  # all that the URL names is the account
}
#: A refused request has no code, only a sentence, of which no list exists: whose fault it is, by the parameter that it names.
BLAMED: Sequence[tuple[str, type[SubmissionError], str]] = (
    (r"\bdst\b|destination|recipient", RecipientRefused, "invalid_recipient"),
    (r"\bsrc\b|source|sender|powerpack", SenderRefused, "invalid_sender"),
    (r"\burl\b", AccountRefused, "invalid_callback_url"),
)
#: Said for some two minutes after a text failed with 900; with which HTTP status, nobody says:
#: https://support.plivo.com/hc/en-us/articles/17000088423
NO_CREDIT = r"insufficient (account )?(credit|balance|fund)"

#: `ErrorCode`, and the status that it makes of a failure; None: what `Status` says.
ERRORS: Mapping[str, tuple[Status | None, ErrorClass, str]] = {
    "10": (Status.REJECTED, ErrorClass.CONTENT, "illegal_message"),
    "20": (Status.UNDELIVERED, ErrorClass.PROVIDER, "network"),
    "30": (Status.REJECTED, ErrorClass.CONTENT, "spam"),
    "40": (Status.REFUSED, ErrorClass.SENDER, "invalid_sender"),
    "50": (Status.UNDELIVERED, ErrorClass.RECIPIENT, "invalid_recipient"),
    "60": (Status.REFUSED, ErrorClass.PROVIDER, "loop"),
    "70": (Status.UNDELIVERED, ErrorClass.RECIPIENT, "inactive"),
    "80": (Status.UNDELIVERED, ErrorClass.RECIPIENT, "unreachable"),
    "90": (Status.REFUSED, ErrorClass.PROVIDER, "unroutable"),
    "100": (Status.REJECTED, ErrorClass.RECIPIENT, "blocked_by_carrier"),
    "110": (Status.REFUSED, ErrorClass.CONTENT, "too_long"),
    "200": (Status.REFUSED, ErrorClass.RECIPIENT, "opted_out"),
    "201": (Status.REFUSED, ErrorClass.SENDER, "sender_not_allowed"),  # from US toll-free to Canada
    "300": (Status.REFUSED, ErrorClass.PROVIDER, "not_dispatched"),
    "420": (Status.EXPIRED, ErrorClass.PROVIDER, "expired"),  # in Plivo's queue
    "900": (Status.REFUSED, ErrorClass.ACCOUNT, "no_credit"),
    "910": (Status.REFUSED, ErrorClass.ACCOUNT, "account_barred"),
    "1000": (None, ErrorClass.UNKNOWN, "unknown"),
}
V3_HEADERS = r"x-plivo-signature-(ma-)?v3(-nonce)?"
#: When it happened, in a callback and in a record of the API: the first that is told.
TIMES = ("deliveryreporttime", "messageupdatedtime", "senttime", "queuedtime")


class Plivo(Provider):
    """Settings: `auth_id`, `auth_token` (the new and the old one while it is changed), of the account or of a subaccount;
    `main_auth_token` of the main account, where those are of a subaccount; `callback_secret` and `incoming_token`, without which
    no callback is believed that has only a V2 signature; `currency` of the account; `base_url`.
    """

    name = "plivo"
    docs = "https://www.plivo.com/docs/messaging/api/messages"
    STATUSES: ClassVar[Mapping[str, Status]] = {
        "queued": Status.SENDING,
        "sent": Status.SENT,  # often the last word: in the US, Canada and others no carrier reports more
        "delivered": Status.DELIVERED,
        "read": Status.DELIVERED,
        "undelivered": Status.UNDELIVERED,
        "failed": Status.REFUSED,  # by Plivo, before any carrier had it
        "rejected": Status.REJECTED,
    }
    required = ("auth_id", "auth_token")
    validity = (5, 10_799)
    ticketed = True
    fetches_status = True
    prices = "receipt"
    incoming = True
    authenticity = "HMAC-SHA256: V3 over URL and body, or V2 over the URL and a token in it"

    def build_request(self, message: TextMessage) -> HttpRequest:
        """One JSON object; Plivo finds the encoding itself. Several recipients would be joined with `<` in `dst`: never here."""
        body: dict[str, Any] = {
            "src": message.frm.removeprefix("+"),
            "dst": message.to.removeprefix("+"),
            "text": message.text,
            "type": "sms",
        }
        # `callback_url` would be another thing: it makes Plivo answer at once, and without an id.
        if url := self.callback_url(message):
            body |= {"url": url, "method": "POST"}
        if (seconds := self.validity_of(message)) is not None:
            body["message_expiry"] = seconds
        return HttpRequest("POST", self._url(), json=body, auth=self._auth)

    def parse_response(self, response: HttpResponse) -> Submission:
        """Any 2xx that names the text; of its segments and its price only receipts tell."""
        reply = _object(response)
        ids = reply.get("message_uuid")
        ids = [ids] if isinstance(ids, str) else ids if isinstance(ids, list) else []
        if named := tuple(one for one in ids if isinstance(one, str) and one):
            return Submission(named, self.quoted(reply.get("message") or "") or None)
        if error := self.parse_error(response):
            raise error
        if reply.get("message_uuid") == [] and reply.get("invalid_number"):  # of older pages
            raise RecipientRefused("invalid_recipient", "the provider calls the number invalid")
        raise OutcomeUnknown("unreadable_reply", "the provider's reply names no text")

    def parse_error(self, response: HttpResponse) -> SubmissionError | None:
        """`error` is a sentence, which may be an object where parameters were checked."""
        error = _object(response).get("error") or ""
        sentence = error if isinstance(error, str) else json.dumps(error)
        refusal = REFUSALS.get(402 if re.search(NO_CREDIT, sentence, re.IGNORECASE) else response.status)
        if not sentence or refusal is None:
            return None
        if refusal[0] is ContentRefused:
            blamed = ((kind, code) for pattern, kind, code in BLAMED if re.search(pattern, sentence, re.IGNORECASE))
            refusal = next(blamed, refusal)
        kind, code = refusal
        return kind(code, self.quoted(sentence), provider_code=str(response.status))

    def verify_callback(self, callback: Callback, now: datetime) -> None:
        """V3 where there is anything of it, so that nobody can fall back to V2 with a body of his own; else V2.

        Each header may hold several signatures, of which one must be good: Plivo makes one with each token that is valid, and
        those with `-ma-` with the main account's. No time is signed; a replayed receipt changes nothing.
        """
        if callback.ticket and not callback.url.endswith(f"/{callback.ticket}"):
            raise CallbackNotAuthentic("what the URL ends in is not what is read of it")
        version = "v3" if any(re.fullmatch(V3_HEADERS, name) for name in callback.headers) else "v2"
        nonce = callback.headers.get(f"x-plivo-signature-{version}-nonce", "")
        names = (f"x-plivo-signature-{version}", f"x-plivo-signature-ma-{version}")
        given = [one.strip() for name in names for one in callback.headers.get(name, "").split(",")]
        text = _signed_v3(callback, nonce) if version == "v3" else callback.url + nonce
        tokens = self.secrets("auth_token") + self.secrets("main_auth_token")
        known = [_signature(text, token) for token in tokens]
        # With a dot in it the nonce could be one that swallowed the last fields.
        if not nonce or (version == "v3" and "." in nonce) or not any(matches(one, known) for one in given):
            raise CallbackNotAuthentic(f"the {version.upper()} signature is missing or wrong")
        if version == "v2":
            self._verify_url(callback)

    def _verify_url(self, callback: Callback) -> None:
        """V2 leaves the body out: only a URL that nobody else knows makes it credible, and only for what that URL is for."""
        self.verify_ticket(callback)
        is_for_texts = matches(callback.ticket, self.secrets("incoming_token"))
        if _is_receipt(_fields(callback)) is is_for_texts:
            raise CallbackNotAuthentic("the URL is not one for what the body says, which V2 signatures do not cover")

    def parse_callback(self, callback: Callback) -> Sequence[DeliveryReceipt | IncomingText]:
        """A receipt, which has a status, or an incoming text, which has none."""
        fields = _fields(callback)
        if not fields.get("messageuuid"):
            raise CallbackUnreadable("it names no message")
        if _is_receipt(fields):
            return (self._receipt(fields, self.ticket_of(callback)),)
        if fields.get("from") and fields.keys() & {"text", "type"}:  # a picture may come without a text
            to = from_provider(fields.get("to", ""))
            return (IncomingText(from_provider(fields["from"]), to, fields.get("text", ""), fields["messageuuid"]),)
        raise CallbackUnreadable("it is neither a receipt nor an incoming text")

    def _receipt(self, fields: Mapping[str, str], message_id: str | None) -> DeliveryReceipt:
        word, code = fields["status"].strip(), fields.get("errorcode", "").strip()
        said = self.STATUSES.get(word.lower(), Status.UNKNOWN)
        number = code.lstrip("0")  # 000 is no error
        made, kind, reason = ERRORS.get(number, (None, ErrorClass.UNKNOWN, said.value))
        status = made or said if said in FAILED else said
        detail = self.quoted(fields.get("errormessage", "")) or None
        is_part, segments = _extent(fields)
        # The amount may be of the whole text, whichever part the receipt is of; the rate is of one segment. The first price
        # that is told stands, and nothing is charged for what is but queued.
        amount = price(fields.get("totalrate" if is_part and fields.get("units") != "1" else "totalamount"))
        amount = None if amount is None or status is Status.SENDING else abs(amount)
        return DeliveryReceipt(
            status=status,
            provider_status=f"{word} {code}" if number else word,
            message_id=message_id,
            provider_message_id=fields["messageuuid"],
            per_segment=is_part,
            error=MessageError(kind, reason, code if number else None, detail) if status in FAILED else None,
            price=amount,
            currency=None if amount is None else self.settings.get("currency", "USD"),  # Plivo does not say
            segments=segments,
            occurred_on=_time(fields),
        )

    def fetch_status(self, message: TextMessage) -> Sequence[DeliveryReceipt]:
        """The record of the text. One of a single unit may be of the first part only, where we count more."""
        receipts = []
        for theirs in message.provider_message_ids:
            response = self.exchange(HttpRequest("GET", self._url(theirs), auth=self._auth))
            if response.status != 200:
                raise error_from_status(response)
            record = _object(response)
            if not record.get("message_state"):
                raise OutcomeUnknown("unreadable_reply", "the provider's reply names no state")
            fields = {name.replace("_", ""): str(value or "") for name, value in record.items()}
            fields |= {"status": fields["messagestate"], "messageuuid": fields.get("messageuuid") or theirs}
            fields["partinfo"] = f"1 of {message.segments}" if fields.get("units") == "1" else ""
            receipts.append(self._receipt(fields, message.id))
        return receipts

    def _url(self, theirs: str = "") -> str:
        """Of the texts, or of one of them; Plivo wants the slash at its end."""
        base_url = self.settings.get("base_url", "https://api.plivo.com").rstrip("/")
        account = quote(self.settings["auth_id"], safe="")
        return f"{base_url}/v1/Account/{account}/Message/" + (f"{quote(theirs, safe='')}/" if theirs else "")

    @property
    def _auth(self) -> tuple[str, str]:
        return self.settings["auth_id"], next(iter(self.secrets("auth_token")), "")


def _object(response: HttpResponse) -> Mapping[str, Any]:
    """The JSON object of an answer; an empty one where there is none."""
    try:
        reply = response.json()
    except OutcomeUnknown:
        return {}
    return reply if isinstance(reply, dict) else {}


def _fields(callback: Callback) -> dict[str, str]:
    """The fields, which Plivo sends as a query or a form only; their names in lower case, since some are written either way."""
    pairs = callback.query if callback.method == "GET" else callback.form()
    return {name.lower(): value for name, value in pairs}


def _is_receipt(fields: Mapping[str, str]) -> bool:
    return bool(fields.get("status", "").strip())


def _extent(fields: Mapping[str, str]) -> tuple[bool, int | None]:
    """Whether a receipt is of one part of a long text, and how many segments the text has.

    By today's page one receipt is of the whole text, has its `Units`, and `PartInfo` and `ParentMessageUUID` are reserved:
    https://www.plivo.com/docs/messaging/api/message/message-status-callbacks. By an older one each part has its own, "1 of 2" and
    with an id of its own: https://support.plivo.com/support/solutions/articles/17000012022. Both are read.
    """
    units, parent = fields.get("units", "").strip(), fields.get("parentmessageuuid", "")
    if found := re.fullmatch(r"\s*[0-9]+\s+of\s+([0-9]{1,3})\s*", fields.get("partinfo", ""), re.IGNORECASE):
        if (parts := int(found.group(1))) > 1:
            return True, parts
    elif parent and parent != fields["messageuuid"]:
        return True, None
    return False, int(units) if re.fullmatch("[0-9]{1,3}", units) else None


def _time(fields: Mapping[str, str]) -> datetime | None:
    """When it happened. A time without an offset may be India's as well as UTC, so it is none."""
    told = next(filter(None, (fields.get(name, "").strip() for name in TIMES)), "")
    return utc(told) if re.search(r"([zZ]|GMT|[0-9][+ -][0-9]{2}:?[0-9]{2})$", told) else None


def _signed_v3(callback: Callback, nonce: str) -> str:
    """What V3 signs: names and values in order; those of a query with marks between them, those of a form without."""
    form = [] if callback.method == "GET" else callback.form()
    params = "".join(f"{name}{value}" for name, value in sorted(form))
    query = "&".join(f"{name}={value}" for name, value in sorted(callback.query))
    mark, dot = "?" if query or form else "", "." if query and form else ""
    return f"{callback.url}{mark}{query}{dot}{params}.{nonce}"


def _signature(text: str, token: str) -> str:
    digest = hmac.new(token.encode(), text.encode(errors="surrogatepass"), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()
