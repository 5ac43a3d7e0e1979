"""Vonage's Messages API: texts go out as JSON, and every callback is signed with a JWT that has a hash of its body.

https://developer.vonage.com/en/api/messages, https://developer.vonage.com/en/messages/concepts/messages-status-callbacks and
https://developer.vonage.com/en/messages/concepts/signed-webhooks (checked 2026-11-25)
"""

from __future__ import annotations

import hashlib
import json
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, ClassVar

from chalicelib import errors
from chalicelib.encoding import Encoding
from chalicelib.http import HttpRequest, HttpResponse, error_from_status, retry_after
from chalicelib.jwt import claims_of, segment
from chalicelib.messages import DeliveryReceipt, IncomingText, MessageError, Submission, TextMessage
from chalicelib.phone import from_provider
from chalicelib.providers.base import MESSAGE_ID, Callback, Provider, as_word, inside, matches, price, utc
from chalicelib.status import FAILED, Status

REFUSED, REJECTED, UNDELIVERED, UNKNOWN = Status.REFUSED, Status.REJECTED, Status.UNDELIVERED, Status.UNKNOWN
#: What is wrong: the exception if an answer says so, the status if a receipt does; nobody says which code comes where. Numbers are
#: those of https://developer.vonage.com/en/api-errors/messages (from 1420 on only third parties explain them), words those of
#: https://developer.vonage.com/en/api-errors, except `to`, `from`, `webhook_url`: names in an answer's `invalid_parameters`.
CODES: Mapping[str, tuple[type[errors.SubmissionError], str, Status]] = {
    code: (kind, word, status)
    for kind, word, status, codes in (
        (errors.ProviderThrottled, "throttled", REFUSED, "1000"),
        (errors.ProviderThrottled, "throttled", REJECTED, "1241"),
        (errors.ContentRefused, "missing_parameter", REFUSED, "1010"),
        (errors.ContentRefused, "invalid_parameter", REFUSED, "1020 1130 1150 invalid-params"),
        (errors.ContentRefused, "too_long", REFUSED, "1090"),
        (errors.ContentRefused, "spam", REJECTED, "1210"),
        (errors.ContentRefused, "regulation", REFUSED, "1476"),
        (errors.ContentRefused, "regulation", REJECTED, "1480 1481 1482 1483"),  # India's filters
        (errors.RecipientRefused, "invalid_recipient", REFUSED, "1040 1170 1430 to"),
        (errors.RecipientRefused, "barred", REFUSED, "1050"),
        (errors.RecipientRefused, "fraud", REFUSED, "1470 1472"),
        (errors.RecipientRefused, "absent", UNDELIVERED, "1180"),
        (errors.RecipientRefused, "inactive", UNDELIVERED, "1190"),
        (errors.RecipientRefused, "busy", UNDELIVERED, "1220"),
        (errors.RecipientRefused, "unreachable", UNDELIVERED, "1260"),
        (errors.RecipientRefused, "recipient_no_credit", UNDELIVERED, "1290"),
        (errors.RecipientRefused, "opted_out", REJECTED, "1240"),
        (errors.RecipientRefused, "age_restricted", REJECTED, "1270"),
        (errors.RecipientRefused, "blocked_by_carrier", REJECTED, "1280"),
        (errors.SenderRefused, "invalid_sender", REFUSED, "1120 1420 from"),
        (errors.AccountRefused, "account_barred", REFUSED, "1060 account-suspended"),
        (errors.AccountRefused, "no_credit", REFUSED, "1070 low-balance"),
        (errors.AccountRefused, "not_permitted", REFUSED, "1080 1140 1460 forbidden unprovisioned"),
        (errors.AccountRefused, "invalid_callback_url", REFUSED, "webhook_url"),
        (errors.AccountRefused, "recipient_not_allowed", REFUSED, "1160"),  # a trial account reaches its own list only
        (errors.AccountRefused, "credentials", REFUSED, "1110 unauthorized jwt-expired jwt-revoked invalid-api-key"),
        (errors.ProviderUnavailable, "provider_error", REFUSED, "1030 1331"),
        (errors.ProviderUnavailable, "unavailable", REFUSED, "1100 undeliverable"),  # the word is a receipt's status
        (errors.ProviderUnavailable, "portability", UNDELIVERED, "1200"),
        (errors.ProviderUnavailable, "network", UNDELIVERED, "1230"),
        (errors.ProviderUnavailable, "unroutable", UNDELIVERED, "1250"),
        (errors.OutcomeUnknown, "duplicate", UNKNOWN, "1320"),  # "already sent", and what became of that is not said
        (errors.OutcomeUnknown, "unknown", UNKNOWN, "1330"),
        (errors.OutcomeUnknown, "expired", Status.EXPIRED, "1360"),
    )
    for code in codes.split()
}
#: Vonage repeats for a day, and nobody says if it signs anew. A short window could lose receipts for good; a replay alters nothing.
MAX_AGE = "86700"
AHEAD = 300  # seconds by which Vonage's clock may be ahead of ours


class VonageMessages(Provider):
    """Settings: `application_id`, `private_key` (PEM), or `api_key`, `api_secret`, or all four; `signature_secret` (two while it
    is changed), without which no callback is believed; `signature_max_age` in seconds; `base_url`, `reports_url`.
    """

    name = "vonage_messages"
    docs = "https://developer.vonage.com/en/api/messages"
    STATUSES: ClassVar[Mapping[str, Status]] = {
        **dict.fromkeys(("delivered", "read"), Status.DELIVERED),
        "rejected": REJECTED,
        "undeliverable": REFUSED,
        # The Reports API has the words of the SMS API, too.
        **dict.fromkeys(("submitted", "accepted", "buffered"), Status.SENT),
        "expired": Status.EXPIRED,
        "failed": UNDELIVERED,
        **dict.fromkeys(("unknown", "deleted"), UNKNOWN),
    }
    validity = (20, 604_800)
    fetches_status = True
    prices = "receipt"
    incoming = True
    authenticity = "a JWT (HS256) with a hash of the body"

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        application, key = settings.get("application_id"), settings.get("private_key")
        account = settings.get("api_key") and settings.get("api_secret")
        self.fetches_status = bool(account)
        if bool(application) is not bool(key) or not (application or account):
            pairs = "application_id and private_key, or api_key and api_secret"
            raise errors.ConfigurationError(f"the provider {self.name} lacks {pairs}; see docs/deploying.md")

    def build_request(self, message: TextMessage) -> HttpRequest:
        """One JSON object. Numbers go without `+`; the validity goes in seconds."""
        encoding = "unicode" if message.encoding is Encoding.UCS_2 else "text"
        body: dict[str, Any] = {"message_type": "text", "channel": "sms", "sms": {"encoding_type": encoding}}
        body |= {"from": message.frm.removeprefix("+"), "to": message.to.removeprefix("+")}
        body |= {"text": message.text, "client_ref": message.id}
        if (seconds := self.validity_of(message)) is not None:
            body["ttl"] = seconds
        if url := self.callback_url(message):
            body |= {"webhook_url": url, "webhook_version": "v1"}  # v0.1 tells no segments
        url = self.settings.get("base_url", "https://api.nexmo.com").rstrip("/") + "/v1/messages"
        if application_id := self.settings.get("application_id"):
            headers = {"Authorization": f"Bearer {_jwt(application_id, self.settings['private_key'])}"}
            return HttpRequest("POST", url, headers, json=body)
        return HttpRequest("POST", url, json=body, auth=(self.settings["api_key"], self.settings["api_secret"]))

    def parse_response(self, response: HttpResponse) -> Submission:
        """One id, however long the text is; only receipts tell segments and price."""
        if not (message_uuid := as_word(inside(response.json(), "message_uuid"))):
            raise errors.OutcomeUnknown("unreadable_reply", "the provider's reply names no message")
        return Submission((message_uuid,), str(response.status))

    def parse_error(self, response: HttpResponse) -> errors.SubmissionError | None:
        """A problem of RFC 7807. After a 5xx the HTTP status decides, whatever is said, and where nothing is said."""
        try:
            problem = response.json()
        except errors.OutcomeUnknown:
            return None
        code = _code(problem)
        kind, word, _ = meaning = CODES.get(code, CODES["invalid-params"])
        if response.status >= 500 or (code not in CODES and response.status != 422):
            return None
        wrong = inside(problem, "invalid_parameters")
        names = (
            [as_word(inside(one, "name")) for one in wrong if inside(one, "name")] if isinstance(wrong, list) else []
        )
        if word.endswith("_parameter"):
            kind, word, _ = next((CODES[name] for name in names if name in CODES), meaning)
        elif word == "provider_error":
            kind = errors.OutcomeUnknown  # it may have broken after the text was queued
        said = as_word(inside(problem, "detail")) or as_word(inside(problem, "title"))
        detail, code = self.quoted(": ".join([said, *names])), code or str(response.status)
        return kind(word, detail, provider_code=code, retry_after=retry_after(response))

    def verify_callback(self, callback: Callback, now: datetime) -> None:
        """The JWT's signature, by HS256 and nothing else; then who made it, for whom, when, and for which body."""
        account, secrets = self.settings.get("api_key"), self.secrets("signature_secret")
        if not secrets:
            raise errors.CallbackNotAuthentic("set signature_secret: without it no callback is believed")
        scheme, _, token = callback.headers.get("authorization", "").strip().partition(" ")
        if scheme.lower() != "bearer":
            raise errors.CallbackUnsigned("it is not signed")
        claims = claims_of(token.strip(), secrets, ("HS256",))
        if claims.get("iss") != "Vonage" or (account and claims.get("api_key") != account):
            raise errors.CallbackNotAuthentic("the signature is not Vonage's for this account")
        self._verify_age(claims.get("iat"), now)
        if not matches(as_word(claims.get("payload_hash")).lower(), _hashes(callback)):
            raise errors.CallbackNotAuthentic("the signature is of another body")

    def _verify_age(self, made: Any, now: datetime) -> None:
        limit = self.settings.get("signature_max_age", MAX_AGE)
        if not limit.isdecimal():
            raise errors.ConfigurationError("vonage_messages: signature_max_age is a number of seconds")
        if not isinstance(made, int | float) or not -AHEAD <= int(now.timestamp()) - made <= int(limit):
            raise errors.CallbackNotAuthentic("the signature is not of this time")

    def parse_callback(self, callback: Callback) -> Sequence[DeliveryReceipt | IncomingText]:
        """A receipt, which has a status, or an incoming text, of v1 or v0.1; of an application's other channels nothing."""
        event = callback.json()
        if (as_word(inside(event, "channel")) or as_word(inside(event, "to", "type"))).lower() not in (
            "",
            "sms",
            "mms",
        ):
            return ()
        if not as_word(inside(event, "message_uuid")):
            raise errors.CallbackUnreadable("it names no message")
        if as_word(event.get("status")):
            return (self._receipt(event),)
        if event.get("message_type") or event.get("message"):
            return (self._incoming(event),)
        raise errors.CallbackUnreadable("it is neither a receipt nor an incoming text")

    def _receipt(self, event: Mapping[str, Any]) -> DeliveryReceipt:
        word, problem, ours = as_word(event.get("status")), event.get("error"), as_word(event.get("client_ref"))
        code, status = _code(problem), self.STATUSES.get(word.lower(), UNKNOWN)
        untold = (errors.OutcomeUnknown, status.value, status)
        kind, reason, meant = CODES.get(code) or CODES.get(word.lower(), untold)
        if status in FAILED and status is not Status.EXPIRED:
            status = meant  # `rejected` is said of whatever did not arrive
        said = next(
            (as_word(inside(problem, name)) for name in ("detail", "reason", "title") if inside(problem, name)), ""
        )
        error = MessageError(kind.error_class, reason, code or None, self.quoted(said) or None)
        amount, segments = price(as_word(inside(event, "usage", "price"))), as_word(inside(event, "sms", "count_total"))
        return DeliveryReceipt(
            status=status,
            provider_status=f"{word} {code}".strip(),
            message_id=ours if MESSAGE_ID.fullmatch(ours) else None,
            provider_message_id=as_word(event["message_uuid"]),
            error=error if status in FAILED else None,
            price=None if amount is None else abs(amount),
            currency=None if amount is None else as_word(inside(event, "usage", "currency")) or None,
            segments=int(segments) if re.fullmatch("[1-9][0-9]{0,2}", segments) else None,
            occurred_on=utc(as_word(event.get("timestamp"))),
        )

    def _incoming(self, event: Mapping[str, Any]) -> IncomingText:
        """Vonage has joined its segments. An MMS may have no words, and still somebody wrote."""
        frm, to = (from_provider(as_word(inside(event, who, "number") or event.get(who))) for who in ("from", "to"))
        if not frm:
            raise errors.CallbackUnreadable("it has no sender")
        text, at = (
            event.get("text") or inside(event, "message", "content", "text"),
            utc(as_word(event.get("timestamp"))),
        )
        return IncomingText(frm, to, text if isinstance(text, str) else "", as_word(event["message_uuid"]), at)

    def fetch_status(self, message: TextMessage) -> Sequence[DeliveryReceipt]:
        """From the Reports API, which takes no JWT: https://developer.vonage.com/en/api/reports."""
        key, secret, ids = self.settings.get("api_key"), self.settings.get("api_secret"), message.provider_message_ids
        if not key or not secret:
            raise errors.AccountRefused("credentials", "Vonage's Reports API needs the settings api_key and api_secret")
        url = self.settings.get("reports_url", "https://api.nexmo.com").rstrip("/") + "/v2/reports/records"
        query = {"account_id": key, "product": "MESSAGES", "direction": "outbound", "id": ",".join(ids)}
        response = self.exchange(HttpRequest("GET", url, query=query, auth=(key, secret)))
        if response.status != 200:
            raise error_from_status(response)
        records = inside(response.json(), "records")
        events = [_as_event(record, message.id) for record in records] if isinstance(records, list) else []
        return [self._receipt(event) for event in events if event["message_uuid"] in ids and event["status"]]


def _as_event(record: Any, message_id: str) -> dict[str, Any]:
    """A record of the Reports API in the words of a receipt."""
    known = {"message_uuid": inside(record, "message_id"), "client_ref": message_id, "status": inside(record, "status")}
    usage = {"price": inside(record, "total_price"), "currency": inside(record, "currency")}
    error = {"code": inside(record, "error_code"), "reason": inside(record, "error_code_description")}
    return {**known, "timestamp": inside(record, "date_finalized"), "usage": usage, "error": error}


def _code(problem: Any) -> str:
    """What CODES knows an error by: the end of its `type`, a `title` that is a number, or the `code` of v0.1."""
    end = as_word(inside(problem, "type")).rpartition("#")[2]
    numbers = (end, as_word(inside(problem, "title")), as_word(inside(problem, "code")))
    return next((number for number in numbers if number.strip("0").isdecimal()), end if end in CODES else "")


def _jwt(application_id: str, private_key: str) -> str:
    """For one request, by RS256 in pure Python: some 25 ms for a key of 2048 bits. Raises AccountRefused."""
    import rsa
    from pyasn1 import error
    from pyasn1.codec.der import decoder

    pem, now = private_key.replace("\\n", "\n"), int(time.time())  # line breaks may come escaped twice
    claims = {"application_id": application_id, "iat": now, "exp": now + 900, "jti": str(uuid.uuid4())}
    signed = ".".join(segment(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    try:
        pkcs1 = "BEGIN RSA PRIVATE KEY" in pem
        der = rsa.pem.load_pem(pem, "RSA PRIVATE KEY" if pkcs1 else "PRIVATE KEY")
        # PKCS#8 (RFC 5208) is a version, the algorithm, and the key as in PKCS#1.
        key = rsa.PrivateKey.load_pkcs1(der if pkcs1 else bytes(decoder.decode(der)[0][2]), "DER")
        return f"{signed}.{segment(rsa.sign(signed.encode(), key, 'SHA-256'))}"
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, error.PyAsn1Error):
        raise errors.AccountRefused("credentials", "private_key must be an RSA key in PEM without a password") from None


def _hashes(callback: Callback) -> list[str]:
    """Of the body, and of its JSON without white space: no page tells what is hashed, and that JSON is all that is read."""
    texts = [callback.body]
    with suppress(errors.CallbackUnreadable, RecursionError):
        for escaped in (False, True):
            compact = json.dumps(callback.json(), separators=(",", ":"), ensure_ascii=escaped)
            texts.append(compact.encode(errors="surrogatepass"))
    return [hashlib.sha256(text).hexdigest() for text in texts]
