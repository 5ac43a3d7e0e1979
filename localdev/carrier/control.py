"""The control API under /_carrier: the ledger to read, and the levers to pull."""

import dataclasses
import threading
from collections.abc import Callable, Mapping
from typing import Any

from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.wrappers import Request, Response

from localdev.carrier.core import Carrier, Dialect, Handler, as_json
from localdev.carrier.scenarios import SCENARIOS
from localdev.carrier.settings import changed, shown

TEXTS = ("url", "from", "to", "text")
OPTIONS: dict[str, Callable[[Any], bool]] = {
    "dialect": lambda value: isinstance(value, str),
    "format": lambda value: value in ("get", "post", "json"),
    "order": lambda value: value == "random" or (isinstance(value, list) and all(type(n) is int for n in value)),
    "copies": lambda value: type(value) is int and 1 <= value <= 100,
    "omit_concat": lambda value: isinstance(value, bool),
    "kind": lambda value: value in ("genuine", "forged", "truncated", "tampered", "stale", "unsigned"),
}


class Control:
    """What tests and the chaos run talk to."""

    def __init__(self, carrier: Carrier, dialects: Mapping[str, Dialect]) -> None:
        """Watch over a carrier and the dialects it speaks."""
        self.carrier = carrier
        self.dialects = dialects
        self._lock = threading.Lock()

    def routes(self) -> Mapping[tuple[str, str], Handler]:
        """Return the endpoints."""
        return {
            ("GET", "/_carrier/health"): self.health,
            ("GET", "/_carrier/scenarios"): self.scenarios,
            ("GET", "/_carrier/messages"): self.messages,
            ("GET", "/_carrier/requests"): self.requests,
            ("GET", "/_carrier/incoming"): self.incoming,
            ("POST", "/_carrier/incoming"): self.bring,
            ("POST", "/_carrier/replay"): self.replay,
            ("GET", "/_carrier/settings"): self.show,
            ("POST", "/_carrier/settings"): self.change,
        }

    def health(self, _: Request) -> Response:
        """Say that the carrier is up, and whether it has callbacks left to send."""
        counts = {"accepted": self.carrier.ledger.accepted, "pending": self.carrier.callbacks.pending}
        return as_json({"status": "ok", "dialects": list(self.dialects)} | counts)

    def scenarios(self, _: Request) -> Response:
        """Return the table of scenarios."""
        return as_json({digits: dataclasses.asdict(scenario) for digits, scenario in SCENARIOS.items()})

    def messages(self, request: Request) -> Response:
        """Return accepted messages; `client_ref`, `to`, `after` and `limit` choose among them."""
        args = request.args
        found = self.carrier.ledger.messages(args.get("client_ref"), args.get("to"), args.get("after", 0, int))
        return as_json({"messages": [message.as_json() for message in found[: args.get("limit", None, int)]]})

    def requests(self, request: Request) -> Response:
        """Return every submission, refused ones too."""
        return as_json({"requests": self.carrier.ledger.requests(request.args.get("client_ref"))})

    def incoming(self, _: Request) -> Response:
        """Return the requests that carried incoming texts."""
        return as_json({"incoming": list(self.carrier.ledger.incoming())})

    def bring(self, request: Request) -> Response:
        """Let a handset send a text."""
        order = _body(request)
        if not all(isinstance(order.get(name), str) for name in TEXTS):
            raise BadRequest(f"needs the strings {', '.join(TEXTS)}")
        for name in order.keys() - set(TEXTS):
            if name not in OPTIONS or not OPTIONS[name](order[name]):
                raise BadRequest(f"not understood: {name}")
        dialect = self.dialects.get(order.get("dialect", next(iter(self.dialects))))
        if dialect is None:
            raise BadRequest("no such dialect")
        return as_json({"provider_message_ids": self.carrier.bring(dialect, order)}, 202)

    def replay(self, request: Request) -> Response:
        """Send the receipts of a client reference again, byte for byte."""
        client_ref = _body(request).get("client_ref")
        if not isinstance(client_ref, str) or not self.carrier.ledger.messages(client_ref):
            raise NotFound("no message has this client_ref")
        return as_json({"replayed": self.carrier.replay(client_ref)}, 202)

    def show(self, _: Request) -> Response:
        """Return the settings, without the secrets."""
        accounts = {name: shown(dialect.settings) for name, dialect in self.dialects.items()}
        return as_json(shown(self.carrier.settings) | accounts)

    def change(self, request: Request) -> Response:
        """Change settings, all or none: the carrier's at the top, a dialect's under its name."""
        body = _body(request)
        with self._lock:
            try:
                accounts = {name: changed(self.dialects[name].settings, body.pop(name)) for name in self._named(body)}
                self.carrier.settings = changed(self.carrier.settings, body)
            except ValueError as error:
                raise BadRequest(str(error)) from error
            for name, settings in accounts.items():
                self.dialects[name].settings = settings
        return self.show(request)

    def _named(self, body: Mapping[str, Any]) -> list[str]:
        return [name for name in self.dialects if isinstance(body.get(name), dict)]


def _body(request: Request) -> dict[str, Any]:
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise BadRequest("needs a JSON object")
    return body
