"""Twilio's Programmable Messaging. It carries no id of ours but in the callback's URL, which it signs together with all parameters.

https://www.twilio.com/docs/messaging/api/message-resource, https://www.twilio.com/docs/messaging/guides/track-outbound-message-status,
https://www.twilio.com/docs/messaging/guides/webhook-request, https://www.twilio.com/docs/usage/security and
https://www.twilio.com/docs/usage/webhooks/webhook-shared-keys (checked 2026-11-25)
"""

from __future__ import annotations

import base64
import hashlib
import hmac
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
    OutcomeUnknown,
    ProviderThrottled,
    ProviderUnavailable,
    RecipientRefused,
    SenderRefused,
    SubmissionError,
)
from chalicelib.http import HttpRequest, HttpResponse, error_from_status, retry_after
from chalicelib.messages import DeliveryReceipt, IncomingText, MessageError, Submission, TextMessage
from chalicelib.phone import from_provider
from chalicelib.providers.base import Callback, Provider, Reply, matches, price, utc
from chalicelib.status import FAILED, Status

Meaning = tuple[type[SubmissionError], str, Status]
REFUSED, REJECTED, UNDELIVERED = Status.REFUSED, Status.REJECTED, Status.UNDELIVERED
#: The code of an error, whether the API answers with it or a receipt tells it; the status is for the receipt.
#: https://www.twilio.com/docs/api/errors. Which HTTP status a code comes with is told of a few only: it does not matter here.
CODES: Mapping[str, Meaning] = {
    **dict.fromkeys(("20003", "70051"), (AccountRefused, "credentials", REFUSED)),  # a suspended account has 20003 too
    **dict.fromkeys(("10001", "20005", "20403", "30002", "90010"), (AccountRefused, "account_barred", REFUSED)),
    "20404": (AccountRefused, "unknown_account", REFUSED),
    "21408": (AccountRefused, "not_permitted", REFUSED),  # the recipient's region is not enabled
    "21608": (AccountRefused, "recipient_not_allowed", REFUSED),  # a trial account reaches its own list only
    "21609": (AccountRefused, "invalid_callback_url", REFUSED),
    **dict.fromkeys(("21701", "21702", "21703", "21704", "21705"), (AccountRefused, "messaging_service", REFUSED)),
    **dict.fromkeys(("14107", "20429"), (ProviderThrottled, "throttled", REFUSED)),  # surely not taken
    **dict.fromkeys(("21611", "30001"), (ProviderThrottled, "queue_full", REFUSED)),
    **dict.fromkeys(("30022", "30023", "30027"), (ProviderThrottled, "quota", UNDELIVERED)),
    **dict.fromkeys(("21211", "21604"), (RecipientRefused, "invalid_recipient", REFUSED)),
    **dict.fromkeys(("21614", "21635"), (RecipientRefused, "not_mobile", REFUSED)),
    "21610": (RecipientRefused, "opted_out", REFUSED),
    "30003": (RecipientRefused, "unreachable", UNDELIVERED),
    "30004": (RecipientRefused, "blocked_by_carrier", REJECTED),
    "30005": (RecipientRefused, "invalid_recipient", UNDELIVERED),
    "30006": (RecipientRefused, "not_mobile", UNDELIVERED),
    **dict.fromkeys(("21601", "21603", "21606", "21659", "21660"), (SenderRefused, "invalid_sender", REFUSED)),
    **dict.fromkeys(("21709", "21712"), (SenderRefused, "invalid_sender", REFUSED)),  # not of this Messaging Service
    "21612": (SenderRefused, "unroutable", REFUSED),  # this recipient cannot be reached from this sender
    **dict.fromkeys(("30018", "30024", "30032", "30034"), (SenderRefused, "not_registered", REJECTED)),
    "21602": (ContentRefused, "missing_parameter", REFUSED),
    **dict.fromkeys(("21605", "21617"), (ContentRefused, "too_long", REFUSED)),
    "21618": (ContentRefused, "illegal_message", REFUSED),
    **dict.fromkeys(("21624", "90007", "90014"), (ContentRefused, "invalid_validity", REFUSED)),
    **dict.fromkeys(("35114", "35115", "35117", "35118"), (ContentRefused, "invalid_schedule", REFUSED)),
    "30007": (ContentRefused, "content_filter", REJECTED),
    "30017": (ProviderUnavailable, "network", UNDELIVERED),
    "30008": (OutcomeUnknown, "unknown", UNDELIVERED),
    "30036": (OutcomeUnknown, "expired", Status.EXPIRED),
    "30410": (OutcomeUnknown, "carrier_timeout", UNDELIVERED),  # not tried again by Twilio, lest the text come twice
}

#: Else Twilio repeats a callback once at most, and only if it could not connect. It does not send or sign a fragment.
#: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
REPEAT = "rc=5&rp=5xx,ct,rt"
SIGNATURE, SIGNED_HOW = "x-twilio-signature", "x-twilio-webhooks-signature-settings"
DIGESTS = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}


class Twilio(Provider):
    """Settings: `account_sid`; `auth_token`, with which callbacks are signed (several while it is changed, the new one first);
    `api_key_sid` and `api_key_secret`, to send with these instead; `messaging_service_sid`, to send through this service;
    `shared_key`, if callbacks are signed with one, and its `shared_key_algorithm`; `base_url`.
    """

    name = "twilio"
    docs = "https://www.twilio.com/docs/messaging/api/message-resource"
    STATUSES: ClassVar[Mapping[str, Status]] = {
        "accepted": Status.SENDING,
        "scheduled": Status.SENDING,
        "queued": Status.SENDING,
        "sending": Status.SENDING,
        "sent": Status.SENT,
        "delivered": Status.DELIVERED,
        "read": Status.DELIVERED,
        "undelivered": Status.UNDELIVERED,
        "failed": Status.REFUSED,
        "canceled": Status.REFUSED,  # at Twilio, and by somebody else: our own cancelling is over before a submission
        "partially_delivered": Status.UNKNOWN,  # Twilio lists the word, and does not say what it means
    }
    required = ("account_sid", "auth_token")
    validity = (1, 36_000)
    ticketed = True
    fetches_status = True
    prices = "fetch"
    incoming = True
    opt_outs = True
    authenticity = "HMAC-SHA1 or HMAC-SHA256 of URL and parameters"

    def build_request(self, message: TextMessage) -> HttpRequest:
        """One form. Twilio finds the encoding itself."""
        form = {"To": message.to, "From": message.frm, "Body": message.text}
        if service := self.settings.get("messaging_service_sid"):
            form["MessagingServiceSid"] = service
        if (seconds := self.validity_of(message)) is not None:
            form["ValidityPeriod"] = str(seconds)
        if url := self.callback_url(message):
            form["StatusCallback"] = f"{url}#{REPEAT}"
        return HttpRequest("POST", f"{self._messages_url}.json", form=form, auth=self._auth)

    def parse_response(self, response: HttpResponse) -> Submission:
        """The text's id and its segments, unless a Messaging Service has yet to choose the sender. The price comes later."""
        reply = response.json()
        if not isinstance(reply, dict) or not isinstance(reply.get("sid"), str) or not reply["sid"]:
            raise OutcomeUnknown("unreadable_reply", "the provider's reply names no text")
        word, code = str(reply.get("status") or ""), _code(reply.get("error_code"))
        kind, reason, _ = CODES.get(code or "", (OutcomeUnknown, "unknown", REFUSED))
        if word.lower() == "failed" and kind is not OutcomeUnknown:  # of another failure `fetch_status` tells more
            raise kind(reason, self.quoted(reply.get("error_message") or word), provider_code=code)
        return Submission((reply["sid"],), word or None, segments=_segments(reply))

    def parse_error(self, response: HttpResponse) -> SubmissionError | None:
        """`code` says what is wrong. For one that is not in the table, or with a 5xx, the HTTP status decides."""
        try:
            reply = response.json()
        except OutcomeUnknown:
            return None
        code = _code(reply.get("code")) if isinstance(reply, dict) else None
        if code is None:
            return None
        usual = error_from_status(response)
        kind, word = type(usual), usual.code
        if response.status < 500 and code in CODES:
            kind, word, _ = CODES[code]
        # Twilio's newer services write errors as RFC 9457 has it: `detail` and `title`, no `message`.
        sentence = reply.get("message") or reply.get("detail") or reply.get("title") or usual.detail
        return kind(word, self.quoted(sentence), provider_code=code, retry_after=retry_after(response))

    def verify_callback(self, callback: Callback, now: datetime) -> None:
        """The signature over URL and parameters. It has no time: a replayed receipt or text changes nothing."""
        if callback.ticket and not callback.url.endswith(f"/{callback.ticket}"):
            raise CallbackNotAuthentic("the ticket is not the one of the URL")  # which alone is signed
        keys, digest = self._keys(callback.headers.get(SIGNED_HOW, ""))
        parameters = _signed_parameters(callback)
        try:
            texts = [url + parameters for url in _urls(callback.full_url)]
        except UnicodeEncodeError:  # half an emoji in a forged query
            raise CallbackNotAuthentic("the URL cannot be one that Twilio was given") from None
        good = [_signature(text, key, digest) for text in texts for key in keys]
        if not matches(callback.headers.get(SIGNATURE, ""), good):
            raise CallbackNotAuthentic("the signature is missing or wrong, or the key that it is made with is not set")

    def _keys(self, how: str) -> tuple[list[str], str]:
        """What a callback must be signed with: the auth token, or, where its header says so, the shared key."""
        if not how.strip():
            return self.secrets("auth_token"), "sha1"
        named = re.search(r"(?:^|,)\s*algorithm\s*=\s*(\w+)", how)
        algorithm = named.group(1).upper() if named else "HMAC_SHA1"
        if algorithm not in DIGESTS or algorithm != self.settings.get("shared_key_algorithm", "HMAC_SHA256"):
            raise CallbackNotAuthentic("it is not signed as shared_key_algorithm says")
        return self.secrets("shared_key"), DIGESTS[algorithm]

    def parse_callback(self, callback: Callback) -> Sequence[DeliveryReceipt | IncomingText]:
        """A receipt, which has `MessageStatus`, or an incoming text, which has a body, if an empty one. Both have `SmsStatus`."""
        params = callback.params()
        sid = params.get("MessageSid") or params.get("SmsSid") or params.get("SmsMessageSid")
        if not sid:
            raise CallbackUnreadable("it names no message")
        is_text = bool(params.keys() & {"Body", "NumMedia"})
        word = (params.get("MessageStatus") or ("" if is_text else params.get("SmsStatus", ""))).strip()
        if word.lower() not in ("", "receiving", "received"):
            error = params.get("ErrorCode"), params.get("ErrorMessage")
            return (self._receipt(word, *error, message_id=self.ticket_of(callback), provider_message_id=sid),)
        if is_text and params.get("From", "").strip():
            return (_incoming(params, sid),)
        if word and not is_text:
            return ()  # how an incoming text stands: it comes by itself
        raise CallbackUnreadable("it is neither a receipt nor an incoming text")

    def fetch_status(self, message: TextMessage) -> Sequence[DeliveryReceipt]:
        """The text as Twilio has it, with the price, once there is one."""
        return [self._fetched(sid, message.id) for sid in message.provider_message_ids]

    def _fetched(self, sid: str, message_id: str) -> DeliveryReceipt:
        url = f"{self._messages_url}/{quote(sid, safe='')}.json"
        response = self.exchange(HttpRequest("GET", url, auth=self._auth))
        if response.status != 200:
            raise error_from_status(response)
        reply = response.json()
        if not isinstance(reply, dict) or not isinstance(reply.get("status"), str) or not reply["status"]:
            raise OutcomeUnknown("unreadable_reply", "the provider's reply has no status")
        amount, unit = price(reply.get("price")), reply.get("price_unit")
        return self._receipt(
            reply["status"],
            reply.get("error_code"),
            reply.get("error_message"),
            message_id=message_id,
            provider_message_id=sid,
            price=None if amount is None else abs(amount),  # it is negative: taken from the account
            currency=None if amount is None or not unit else str(unit).upper(),
            segments=_segments(reply),
            occurred_on=utc(reply.get("date_sent" if reply["status"] == "sent" else "date_updated")),
        )

    def acknowledge(self) -> Reply:
        """Empty TwiML: of another answer to an incoming text nobody says for sure that it is not sent to the handset."""
        return Reply(200, '<?xml version="1.0" encoding="UTF-8"?><Response/>', "text/xml")

    def _receipt(self, word: str, code: object, sentence: object, **known: Any) -> DeliveryReceipt:
        status, number = self.STATUSES.get(word.lower(), Status.UNKNOWN), _code(code)
        if status not in FAILED:
            return DeliveryReceipt(status, word if number is None else f"{word} {number}", **known)
        kind, reason, status = CODES.get(number or "", (OutcomeUnknown, word.lower(), status))
        error = MessageError(kind.error_class, reason, number, self.quoted(sentence) if sentence else None)
        return DeliveryReceipt(status, word if number is None else f"{word} {number}", error=error, **known)

    @property
    def _messages_url(self) -> str:
        base_url = self.settings.get("base_url", "https://api.twilio.com").rstrip("/")
        return f"{base_url}/2010-04-01/Accounts/{self.settings['account_sid']}/Messages"

    @property
    def _auth(self) -> tuple[str, str]:
        """Also with an API key the URL has the account's SID."""
        user, password = self.settings.get("api_key_sid"), self.settings.get("api_key_secret")
        return (user, password) if user and password else (self.settings["account_sid"], self.secrets("auth_token")[0])


def _incoming(params: Mapping[str, str], sid: str) -> IncomingText:
    """A text, which Twilio joins itself, however long. `OptOutType` comes with Advanced Opt-Out only."""
    marked = params.get("OptOutType", "").strip().lower()
    return IncomingText(
        frm=from_provider(params["From"]),
        to=from_provider(params.get("To", "")),
        text=params.get("Body", ""),
        provider_message_id=sid,
        opt_out=marked if marked in ("stop", "start", "help") else None,
    )


def _code(value: object) -> str | None:
    """The code of an error, be it a number or a text; None where there is none."""
    found = re.fullmatch(r"0*([1-9][0-9]{0,8})", str(value).strip())
    return found.group(1) if found else None


def _segments(reply: Mapping[str, Any]) -> int | None:
    """`num_segments`; 0 means that a Messaging Service has yet to choose the sender."""
    count = _code(reply.get("num_segments"))
    return None if count is None else int(count)


def _urls(url: str) -> list[str]:
    """The URL with and without its port, as Twilio's own packages try it: which one is signed is not always the same."""
    found = re.fullmatch(r"(https?)://(?:[^/?#@]*@)?([^/?#:]+)(:[0-9]+)?(.*)", url, re.DOTALL)
    if not found:
        return [url]
    scheme, host, port, rest = found.groups()
    default = ":443" if scheme == "https" else ":80"
    return [f"{scheme}://{host}{rest}", f"{scheme}://{host}{port or default}{rest}"]


def _signed_parameters(callback: Callback) -> str:
    """What is signed after the URL: the names and values of a form, sorted, each pair once. What is in the URL is not repeated.

    Of a JSON body the URL has the hash. This must choose as `Callback.params` does, or one thing would be signed and another read.
    """
    if callback.method == "GET":
        return ""
    if "json" not in callback.headers.get("content-type", ""):
        return "".join(name + value for name, value in sorted(set(callback.form())))
    if not matches(dict(callback.query).get("bodySHA256", "").lower(), [hashlib.sha256(callback.body).hexdigest()]):
        raise CallbackNotAuthentic("the URL lacks the hash of the body")
    return ""


def _signature(text: str, key: str, digest: str) -> str:
    signature = hmac.new(key.encode(), text.encode(errors="surrogatepass"), digest).digest()
    return base64.b64encode(signature).decode()
