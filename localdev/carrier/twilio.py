"""Twilio's Messages resource: submissions, status callbacks, incoming texts, and the message as it stands.

https://www.twilio.com/docs/messaging/api/message-resource, https://www.twilio.com/docs/usage/security (checked 2026-11-25)
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from email.utils import format_datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from werkzeug.wrappers import Request, Response

from localdev.carrier import faults, segments
from localdev.carrier.callbacks import HttpRequest, Letter
from localdev.carrier.core import Carrier, Handler, as_json
from localdev.carrier.ledger import Message
from localdev.carrier.scenarios import Scenario, Step
from localdev.carrier.settings import setting

PRICE = Decimal("0.0075")
#: HTTP status, code and sentence of each refusal.
REFUSALS: Mapping[str, tuple[int, int, str]] = {
    "throttled": (429, 20429, "Too Many Requests"),
    "invalid_number": (400, 21211, "The 'To' number is not a valid phone number."),
    "credentials": (401, 20003, "Authenticate"),
    "internal": (500, 20500, "An internal server error has occurred"),
    "barred": (400, 21610, "Attempt to send to unsubscribed recipient"),
    "no_credit": (403, 20005, "Account is not active"),
    "sender": (400, 21606, "The 'From' phone number is not a valid, SMS-capable number for your account"),
    "text": (400, 21602, "Message body is required."),
    "url": (400, 21609, "The 'StatusCallback' URL is not a valid URL"),
    "validity": (400, 21624, "Invalid validity period"),
}
STATUSES = {
    "accepted": "sent",
    "buffered": "sent",
    "failed": "undelivered",
    "rejected": "undelivered",
    "expired": "undelivered",
    "deleted": "failed",
}
CODES = {"rejected": "30007", "expired": "30036", "failed": "30003", "deleted": "30008"}


@dataclass(frozen=True)
class TwilioSettings:
    """The Twilio account that the carrier pretends to host."""

    account_sid: str = setting("AC" + "0" * 32, "Account SID")
    auth_token: str = setting("local-auth-token", "auth token", secret=True)


class Twilio:
    """One account's messages, as the outside sees them."""

    name = "twilio"
    Settings = TwilioSettings

    def __init__(self, carrier: Carrier, settings: TwilioSettings) -> None:
        """Join the carrier."""
        self.carrier = carrier
        self.settings = settings

    def routes(self) -> Mapping[tuple[str, str], Handler]:
        """Return the endpoints."""
        messages = "/2010-04-01/Accounts/<account>/Messages"
        return {("POST", f"{messages}.json"): self.submit, ("GET", f"{messages}/<sid>.json"): self.show}

    def submit(self, request: Request, account: str) -> Response:
        """Answer a submission."""
        params = request.form.to_dict()
        refusal = self._refusal(request, account, params)
        scenario = self.carrier.scenario(params.get("To", ""), _reference(params))
        refusal = refusal or scenario.refusal
        self.carrier.ledger.add_request(
            {
                "dialect": self.name,
                "client_ref": _reference(params),
                "outcome": "refused" if refusal and not scenario.refusal else scenario.name,
                "statuses": [str(REFUSALS[refusal][1])] if refusal else ["queued"],
                "params": params,
            }
        )
        if refusal:
            status, code, text = REFUSALS[refusal]
            problem = {"code": code, "message": text, "status": status}
            return as_json({**problem, "more_info": f"https://www.twilio.com/docs/errors/{code}"}, status)
        message = self._accepted(params, scenario) if scenario.accepts else None
        reply = as_json(self._resource(message, "queued"), 201) if message else Response(status=500)
        return faults.spoiled(self.carrier, scenario.fault, reply)

    def show(self, request: Request, account: str, sid: str) -> Response:
        """Answer how a message stands: as its last genuine receipt has it, sent or not."""
        found = next((one for one in self.carrier.ledger.messages() if sid in one.segments), None)
        if not self._knows(request, account) or found is None:
            status, code = (404, 20404) if self._knows(request, account) else (401, 20003)
            return as_json({"code": code, "message": "not found or not allowed", "status": status}, status)
        genuine = [one.status for one in found.receipts if one.kind == "genuine"]
        return as_json(self._resource(found, STATUSES.get(genuine[-1], genuine[-1]) if genuine else "delivered"))

    def incoming(self, order: Mapping[str, Any]) -> Iterator[tuple[str, Letter]]:
        """Write the request that brings a handset's text, in one piece however long it is."""
        sid, text = f"SM{secrets.token_hex(16)}", order["text"]
        params = {
            **dict.fromkeys(("MessageSid", "SmsSid", "SmsMessageSid"), sid),
            "AccountSid": self.settings.account_sid,
            "From": order["from"],
            "To": order["to"],
            "Body": text,
            "NumMedia": "0",
            "NumSegments": str(len(segments.split(text, not segments.is_gsm(text)))),
            "SmsStatus": "received",
            "ApiVersion": "2010-04-01",
        }
        word = text.strip().upper()
        params |= {"OptOutType": word} if word in ("STOP", "START", "HELP") else {}
        letter = Letter(partial(self._request, order["url"], params, order.get("kind", "genuine")))
        for _ in range(order.get("copies", 1)):
            yield sid, letter

    def _refusal(self, request: Request, account: str, params: Mapping[str, str]) -> str:
        validity = params.get("ValidityPeriod", "36000")
        checks = {
            "credentials": self._knows(request, account),
            "throttled": not self.carrier.full,
            "invalid_number": params.get("To", "").startswith("+") and params["To"][1:].isdigit(),
            "sender": params.get("From") or params.get("MessagingServiceSid"),
            "text": 0 < len(params.get("Body", "")) <= 1600,
            "validity": validity.isdigit() and 1 <= int(validity) <= 36_000,
            "url": "_" not in urlsplit(params.get("StatusCallback", "")).netloc,
        }
        return next((refusal for refusal, passed in checks.items() if not passed), "")

    def _knows(self, request: Request, account: str) -> bool:
        basic, here = request.authorization, self.settings
        given = (basic.username, basic.password) if basic and basic.type == "basic" else None
        return account == here.account_sid and given == (here.account_sid, here.auth_token)

    def _accepted(self, params: Mapping[str, str], scenario: Scenario) -> Message:
        message = Message(
            dialect=self.name,
            client_ref=_reference(params),
            to=params["To"],
            frm=params.get("From", ""),
            text=params["Body"],
            type="text",
            ttl=int(params["ValidityPeriod"]) if "ValidityPeriod" in params else None,
            callback_url=params.get("StatusCallback", ""),
            segments=[f"SM{secrets.token_hex(16)}"],  # one id for the whole text
        )
        self.carrier.accept(message, scenario, self._receipt, report=True)
        return message

    def _resource(self, message: Message, status: str) -> dict[str, Any]:
        count = len(segments.split(message.text, not segments.is_gsm(message.text)))
        at = format_datetime(message.accepted_at)
        ended = status not in ("queued", "sent")
        return {
            "sid": message.segments[0],
            "account_sid": self.settings.account_sid,
            "status": status,
            "direction": "outbound-api",
            "from": message.frm,
            "to": message.to,
            "body": message.text,
            "num_segments": str(count),
            "price": str(-PRICE * count)
            if ended
            else None,  # told to who asks later, as what it takes from the account
            "price_unit": "USD",
            "error_code": None,
            "error_message": None,
            **dict.fromkeys(("date_created", "date_updated", "date_sent"), at),
        }

    def _receipt(self, message: Message, sid: str, step: Step) -> HttpRequest:
        status = STATUSES.get(step.status, step.status)
        params = {
            **dict.fromkeys(("MessageSid", "SmsSid"), sid),
            **dict.fromkeys(("MessageStatus", "SmsStatus"), status),
            "AccountSid": self.settings.account_sid,
            "From": message.frm,
            "To": message.to,
            "ApiVersion": "2010-04-01",
        }
        if status in ("delivered", "undelivered"):
            params["RawDlrDoneDate"] = f"{datetime.now(timezone.utc):%y%m%d%H%M}"
        if status in ("failed", "undelivered"):
            params["ErrorCode"] = CODES[step.status]
        return self._request(message.callback_url, params, step.kind)

    def _request(self, url: str, params: dict[str, str], kind: str) -> HttpRequest:
        url = urlunsplit((*urlsplit(url)[:4], ""))  # the fragment says how to repeat, and never leaves
        token = secrets.token_hex(16) if kind == "forged" else self.settings.auth_token
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if kind != "unsigned":
            headers["X-Twilio-Signature"] = signature(url, params, token)
        if kind == "tampered":
            params = params | {"MessageStatus": "failed", "Body": "Yes"}
        if kind == "truncated":
            params = dict(list(params.items())[:-1])
        return HttpRequest("POST", url, headers, urlencode(params).encode())


def signature(url: str, params: Mapping[str, str], token: str) -> str:
    """Return Base64 of HMAC-SHA1 over the URL and every parameter, sorted by name."""
    text = url + "".join(f"{name}{params[name]}" for name in sorted(params))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def _reference(params: Mapping[str, str]) -> str | None:
    """Return the id of the customer's: Twilio carries none but in the callback's URL."""
    ticket = urlsplit(params.get("StatusCallback", "")).path.rpartition("/")[2]
    return ticket.partition("-")[0] or None
