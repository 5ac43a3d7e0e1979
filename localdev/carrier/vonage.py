"""Vonage's SMS API: submissions, delivery receipts and incoming texts.

https://developer.vonage.com/en/api/sms (checked 2026-11-23)
"""

import json
import random
import secrets
import threading
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import urlencode

from werkzeug.wrappers import Request, Response

from localdev.carrier import faults, segments
from localdev.carrier.callbacks import HttpRequest, Letter
from localdev.carrier.core import Carrier, Handler, as_json
from localdev.carrier.ledger import Message
from localdev.carrier.scenarios import Scenario, Step
from localdev.carrier.vonage_reports import records
from localdev.carrier.vonage_rules import ERRORS, VonageSettings, refusal, sender, signature

PRICE = Decimal("0.03330000")
NETWORKS = {"44": "23410", "33": "20810", "49": "26201", "1": "310004"}
REFUSALS = {
    "throttled": "1",
    "invalid_number": "3",
    "credentials": "4",
    "internal": "5",
    "barred": "7",
    "no_credit": "9",
    "sender": "15",
}
REASONS = {"": "0", "unknown": "1", "absent": "2", "spam": "6", "opted_out": "9", "unreachable": "12"}
SECRET = ("api_secret", "sig")


class Vonage:
    """One account's SMS API, as the outside sees it."""

    name = "vonage"
    Settings = VonageSettings

    def __init__(self, carrier: Carrier, settings: VonageSettings) -> None:
        """Join the carrier."""
        self.carrier = carrier
        self.settings = settings
        self._balance = Decimal("1000000.00000000")
        self._lock = threading.Lock()

    def routes(self) -> Mapping[tuple[str, str], Handler]:
        """Return the endpoints."""
        return {("POST", "/sms/json"): self.submit, ("GET", "/v2/reports/records"): self.report}

    def submit(self, request: Request) -> Response:
        """Answer a submission; HTTP 200 even to a refused one."""
        params, basic = request.form.to_dict(), request.authorization
        known = (basic.username or "", basic.password or "") if basic and basic.type == "basic" else None
        status = refusal(params, known, self.settings) or ("1" if self.carrier.full else "")
        if status:
            return self._answered(params, "refused", [_refused(status)])
        scenario = self.carrier.scenario(params["to"], params.get("client-ref"))
        if scenario.refusal:
            return self._answered(params, scenario.name, [_refused(REFUSALS[scenario.refusal])])
        entries = self._accepted(params, scenario) if scenario.accepts else []
        return faults.spoiled(self.carrier, scenario.fault, self._answered(params, scenario.name, entries))

    def report(self, request: Request) -> Response:
        """Answer what became of texts."""
        return records(self.carrier, self.settings.api_key, self.settings.api_secret, request)

    def incoming(self, order: Mapping[str, Any]) -> Iterator[tuple[str, Letter]]:
        """Write one request per part of a handset's text; the order of the parts is given, or `random`."""
        text = order["text"]
        unicode = not segments.is_gsm(text)
        parts, reference = segments.split(text, unicode), secrets.token_hex(2).upper()
        for number in _sequence(order.get("order"), len(parts)):
            params = self._part(order, parts[number - 1], "unicode" if unicode else "text")
            if len(parts) > 1 and not order.get("omit_concat"):
                params |= {"concat": "true", "concat-ref": reference}
                params |= {"concat-total": str(len(parts)), "concat-part": str(number)}
            kind, form = order.get("kind", "genuine"), order.get("format")
            letter = Letter(partial(self._request, order["url"], params, kind, form))
            for _ in range(order.get("copies", 1)):
                yield params["messageId"], letter

    def _accepted(self, params: Mapping[str, str], scenario: Scenario) -> list[dict[str, str]]:
        kind = params.get("type", "text")
        text = params.get("text", params.get("body", ""))
        text = text if kind != "text" else segments.mangled(text)
        count = len(segments.split(text, kind == "unicode")) if kind != "binary" else 1
        taken = 1 if scenario.rest_refused else count
        message = Message(
            dialect=self.name,
            client_ref=params.get("client-ref"),
            to=params["to"],
            frm=sender(params),
            text=text,
            type=kind,
            ttl=int(params["ttl"]) if "ttl" in params else None,
            callback_url=params.get("callback") or self.settings.callback_url,
            segments=[secrets.token_hex(8).upper() for _ in range(taken)],
        )
        report = params.get("status-report-req", "1") in ("1", "true")
        self.carrier.accept(message, scenario, self._receipt, report)
        entries = [self._entry(message, message_id) for message_id in message.segments]
        return entries + [_refused(REFUSALS[scenario.rest_refused]) for _ in range(count - taken)]

    def _entry(self, message: Message, message_id: str) -> dict[str, str]:
        with self._lock:
            self._balance -= PRICE
            balance = str(self._balance)
        entry = {"to": message.to, "message-id": message_id, "status": "0", "remaining-balance": balance}
        entry |= {"message-price": str(PRICE), "network": _network(message.to)}
        return entry | ({"client-ref": message.client_ref} if message.client_ref else {})

    def _answered(self, params: Mapping[str, str], outcome: str, entries: list[dict[str, str]]) -> Response:
        self.carrier.ledger.add_request(
            {
                "dialect": self.name,
                "client_ref": params.get("client-ref"),
                "outcome": outcome,
                "statuses": [entry["status"] for entry in entries],
                "params": {key: "***" if key in SECRET else value for key, value in params.items()},
            }
        )
        return as_json({"message-count": str(len(entries)), "messages": entries})

    def _receipt(self, message: Message, message_id: str, step: Step) -> HttpRequest:
        params = {
            "msisdn": message.to,
            "to": message.frm,
            "network-code": _network(message.to),
            "messageId": message_id,
            "price": str(PRICE),
            "status": step.status,
            "scts": f"{datetime.now(timezone.utc):%y%m%d%H%M}",
            "err-code": REASONS[step.reason],
            "api-key": self.settings.api_key,
        }
        if message.client_ref:
            params["client-ref"] = message.client_ref
        return self._request(message.callback_url, params, step.kind)

    def _part(self, order: Mapping[str, Any], text: str, kind: str) -> dict[str, str]:
        params = {
            "api-key": self.settings.api_key,
            "msisdn": order["from"].lstrip("+"),
            "to": order["to"].lstrip("+"),
            "messageId": secrets.token_hex(8).upper(),
            "text": text,
            "type": kind,
        }
        words = text.split()
        return params | ({"keyword": words[0].upper()} if words else {})

    def _request(self, url: str, params: dict[str, str], kind: str, form: str | None = None) -> HttpRequest:
        age = self.carrier.settings.stale_seconds if kind == "stale" else 0
        at = datetime.now(timezone.utc) - timedelta(seconds=age)
        params = params | {"message-timestamp": f"{at:%Y-%m-%d %H:%M:%S}"}
        if self.settings.signature_secret and kind != "unsigned":
            params |= {"timestamp": str(int(at.timestamp())), "nonce": str(uuid.uuid4())}
            params = self._signed(params, kind)
        return _encoded(url, params, form or self.settings.callback_format)

    def _signed(self, params: dict[str, str], kind: str) -> dict[str, str]:
        secret, method = self.settings.signature_secret, self.settings.signature_method
        signed = dict(params)
        if kind == "forged":
            secret = secrets.token_hex(16)
        if kind == "tampered":
            signed |= {"status": "failed", "err-code": "12"} if "status" in params else {"text": "Yes"}
        digest = signature(signed, secret, method)
        if kind == "truncated":
            del params["err-code" if "status" in params else "type"]
        return params | {"sig": digest.upper()}


def _refused(status: str) -> dict[str, str]:
    return {"status": status, "error-text": ERRORS[status]}


def _network(number: str) -> str:
    return next((code for prefix, code in NETWORKS.items() if number.startswith(prefix)), "99999")


def _sequence(wanted: Any, count: int) -> list[int]:
    numbers = list(range(1, count + 1))
    if wanted == "random":
        random.shuffle(numbers)
    return [n for n in wanted if n in numbers] if isinstance(wanted, list) else numbers


def _encoded(url: str, params: dict[str, str], form: str) -> HttpRequest:
    if form == "json":
        return HttpRequest("POST", url, {"Content-Type": "application/json"}, json.dumps(params).encode())
    query = urlencode(params)
    if form == "post":
        return HttpRequest("POST", url, {"Content-Type": "application/x-www-form-urlencoded"}, query.encode())
    return HttpRequest("GET", f"{url}{'&' if '?' in url else '?'}{query}", {})
