"""Telnyx's messaging API: submissions, webhooks signed with Ed25519, incoming texts, and the message as it stands.

https://developers.telnyx.com/api/messaging/send-message, https://developers.telnyx.com/docs/messaging/messages/receiving-webhooks
(checked 2026-11-25)
"""

import base64
import json
import secrets
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from werkzeug.wrappers import Request, Response

from localdev.carrier import faults, segments
from localdev.carrier.callbacks import HttpRequest, Letter
from localdev.carrier.core import Carrier, Handler, as_json
from localdev.carrier.ledger import Message
from localdev.carrier.scenarios import Scenario, Step
from localdev.carrier.settings import setting

PRICE = Decimal("0.0051")
#: HTTP status, code and title of each refusal.
REFUSALS: Mapping[str, tuple[int, str, str]] = {
    "throttled": (429, "10011", "Too many requests"),
    "invalid_number": (422, "40310", "Invalid 'to' address"),
    "credentials": (401, "10009", "Authentication failed"),
    "internal": (500, "10007", "Unexpected error"),
    "barred": (400, "40300", "Blocked due to STOP message"),
    "no_credit": (403, "20100", "Insufficient Funds"),
    "sender": (400, "40305", "Invalid 'from' address"),
    "text": (422, "10005", "The 'text' parameter is required"),
    "key": (422, "10027", "Idempotency key was used for another request"),
}
STATUSES = {
    "accepted": "sent",
    "buffered": "sent",
    "failed": "delivery_failed",
    "rejected": "delivery_failed",
    "deleted": "sending_failed",
    "unknown": "delivery_unconfirmed",
}
CODES = {"rejected": ("40003", "Blocked as spam - permanent"), "failed": ("40008", "Undeliverable")}


@dataclass(frozen=True)
class TelnyxSettings:
    """The Telnyx account that the carrier pretends to host."""

    api_key: str = setting("local-api-key", "API key", secret=True)
    signing_seed: str = setting("01" * 32, "the seed of the key that signs, 32 bytes in hexadecimal", secret=True)


class Telnyx:
    """One account's messages, as the outside sees them."""

    name = "telnyx"
    Settings = TelnyxSettings

    def __init__(self, carrier: Carrier, settings: TelnyxSettings) -> None:
        """Join the carrier."""
        self.carrier = carrier
        self.settings = settings
        self._answers: dict[str, tuple[bytes, bytes]] = {}  # by Idempotency-Key: what was asked, what was answered

    def routes(self) -> Mapping[tuple[str, str], Handler]:
        """Return the endpoints."""
        return {("POST", "/v2/messages"): self.submit, ("GET", "/v2/messages/<message_id>"): self.show}

    def submit(self, request: Request) -> Response:
        """Answer a submission; one that is repeated with the same key and body is answered as at first, and not sent again."""
        asked, key = request.get_data(), request.headers.get("Idempotency-Key", "")
        body = request.get_json(force=True, silent=True)
        params = body if isinstance(body, dict) else {}
        scenario = self.carrier.scenario(params.get("to", ""), _reference(params))
        known = self._answers.get(key)
        refusal = self._refusal(request, params) or ("key" if known and known[0] != asked else scenario.refusal)
        self.carrier.ledger.add_request(
            {
                "dialect": self.name,
                "client_ref": _reference(params),
                "outcome": "refused" if refusal and not scenario.refusal else scenario.name,
                "statuses": [REFUSALS[refusal][1]] if refusal else ["queued"],
                "params": params,
            }
        )
        if refusal:
            return _refused(refusal)
        if known:
            return Response(known[1], mimetype="application/json")
        if not scenario.accepts:
            return faults.spoiled(self.carrier, scenario.fault, Response(status=500))
        message = self._accepted(params, scenario)
        reply = as_json({"data": self._payload(message, "queued")})
        if key:
            self._answers[key] = (asked, reply.get_data())
        return faults.spoiled(self.carrier, scenario.fault, reply)

    def show(self, request: Request, message_id: str) -> Response:
        """Answer how a message stands: as its last genuine receipt has it, sent or not."""
        if not self._knows(request):
            return _refused("credentials")
        found = next((one for one in self.carrier.ledger.messages() if message_id in one.segments), None)
        if found is None:
            return as_json({"errors": [{"code": "10005", "title": "Resource not found"}]}, 404)
        genuine = [one.status for one in found.receipts if one.kind == "genuine"]
        status = STATUSES.get(genuine[-1], genuine[-1]) if genuine else "delivered"
        return as_json({"data": self._payload(found, status)})

    def incoming(self, order: Mapping[str, Any]) -> Iterator[tuple[str, Letter]]:
        """Write the request that brings a handset's text, in one piece however long it is."""
        message_id, text = str(uuid.uuid4()), order["text"]
        word = text.strip().upper()
        payload = {
            "record_type": "message",
            "direction": "inbound",
            "id": message_id,
            "type": "SMS",
            "from": {"phone_number": order["from"], "carrier": "Simulated", "line_type": "Wireless"},
            "to": [{"phone_number": order["to"], "carrier": "Telnyx", "status": "webhook_delivered"}],
            "text": text,
            "autoresponse_type": word if word in ("STOP", "START", "HELP") else None,
            "media": [],
            "parts": _parts(text),
            "received_at": _now(),
            "errors": [],
        }
        event = partial(self._event, order["url"], "message.received", payload, order.get("kind", "genuine"))
        letter = Letter(event)
        for _ in range(order.get("copies", 1)):
            yield message_id, letter

    def _refusal(self, request: Request, params: Mapping[str, Any]) -> str:
        to = str(params.get("to", ""))
        checks = {
            "credentials": self._knows(request),
            "throttled": not self.carrier.full,
            "invalid_number": to.startswith("+") and to[1:].isdigit(),
            "sender": params.get("from") or params.get("messaging_profile_id"),
            "text": params.get("text"),
        }
        return next((refusal for refusal, passed in checks.items() if not passed), "")

    def _knows(self, request: Request) -> bool:
        return request.headers.get("Authorization") == f"Bearer {self.settings.api_key}"

    def _accepted(self, params: Mapping[str, Any], scenario: Scenario) -> Message:
        message = Message(
            dialect=self.name,
            client_ref=_reference(params),
            to=params["to"],
            frm=params.get("from", ""),
            text=params["text"],
            type="text",
            ttl=None,
            callback_url=params.get("webhook_url", ""),
            segments=[str(uuid.uuid4())],  # one id for the whole text
        )
        self.carrier.accept(message, scenario, self._receipt, report=True)
        return message

    def _payload(self, message: Message, status: str, reason: str = "") -> dict[str, Any]:
        code, title = CODES.get(reason, ("", ""))
        return {
            "record_type": "message",
            "direction": "outbound",
            "id": message.segments[0],
            "type": "SMS",
            "from": {"phone_number": message.frm, "carrier": "Telnyx", "line_type": "Wireless"},
            "to": [{"phone_number": message.to, "status": status, "carrier": "Simulated", "line_type": "Wireless"}],
            "text": message.text,
            "parts": _parts(message.text),
            "encoding": "GSM-7" if segments.is_gsm(message.text) else "UCS-2",
            "cost": {"amount": str(PRICE * _parts(message.text)), "currency": "USD"},
            "errors": [{"code": code, "title": title}] if code else [],
            "received_at": message.accepted_at.isoformat(),
            "completed_at": None if status in ("queued", "sent") else _now(),
            "webhook_url": message.callback_url,
        }

    def _receipt(self, message: Message, message_id: str, step: Step) -> HttpRequest:
        status = STATUSES.get(step.status, step.status)
        kind = "message.sent" if status == "sent" else "message.finalized"
        return self._event(message.callback_url, kind, self._payload(message, status, step.status), step.kind)

    def _event(self, url: str, event_type: str, payload: Mapping[str, Any], kind: str) -> HttpRequest:
        event = {"event_type": event_type, "id": str(uuid.uuid4()), "occurred_at": _now(), "record_type": "event"}
        meta = {"attempt": 1, "delivered_to": url}
        body = json.dumps({"data": {**event, "payload": payload}, "meta": meta}).encode()
        at = str(int(time.time() - (self.carrier.settings.stale_seconds if kind == "stale" else 0)))
        headers = {"Content-Type": "application/json"}
        if kind != "unsigned":
            seed = secrets.token_bytes(32) if kind == "forged" else bytes.fromhex(self.settings.signing_seed)
            signature = Ed25519PrivateKey.from_private_bytes(seed).sign(at.encode() + b"|" + body)
            headers |= {"Telnyx-Timestamp": at, "Telnyx-Signature-Ed25519": base64.b64encode(signature).decode()}
        if kind == "tampered":
            body = body.replace(b'"delivered"', b'"delivery_failed"').replace(b'"text": "', b'"text": "Yes, ')
        return HttpRequest("POST", url, headers, body[:-1] if kind == "truncated" else body)


def public_key(seed: str) -> str:
    """Return the key that verifies what this seed's key signs, as Telnyx shows it."""
    return base64.b64encode(
        Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)).public_key().public_bytes_raw()
    ).decode()


def _refused(refusal: str) -> Response:
    status, code, title = REFUSALS[refusal]
    return as_json({"errors": [{"code": code, "title": title, "detail": title}]}, status)


def _parts(text: str) -> int:
    return len(segments.split(text, not segments.is_gsm(text)))


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _reference(params: Mapping[str, Any]) -> str | None:
    """Return the id of the customer's: Telnyx carries none but in the webhook's URL."""
    ticket = urlsplit(str(params.get("webhook_url", ""))).path.rpartition("/")[2]
    return ticket.partition("-")[0] or None
