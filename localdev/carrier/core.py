"""The carrier behind every dialect: which scenario a submission meets, what is sent, and when."""

import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Protocol

from werkzeug.wrappers import Response

from localdev.carrier import scenarios
from localdev.carrier.callbacks import Callback, Callbacks, HttpRequest, Letter
from localdev.carrier.ledger import Ledger, Message, Receipt
from localdev.carrier.scenarios import Scenario, Step
from localdev.carrier.settings import Settings

LOG = logging.getLogger(__name__)
LIMIT = 200_000  # callbacks waiting, and receipts remembered

Write = Callable[[Message, str, Step], HttpRequest]
Handler = Callable[..., Response]  # of the request, and of what the path names


class Dialect(Protocol):
    """A provider's API: how it is spoken to, and how it speaks."""

    name: str
    settings: Any

    def routes(self) -> Mapping[tuple[str, str], Handler]:
        """Return the provider's endpoints by method and path; `<name>` in a path is an argument."""

    def incoming(self, order: Mapping[str, Any]) -> Iterable[tuple[str, Letter]]:
        """Return the requests, with their ids, that bring a handset's text to the customer."""


class Carrier:
    """Accepts texts and sends receipts, as well or as badly as the scenario says."""

    def __init__(self, settings: Settings) -> None:
        """Start with an empty ledger."""
        self.settings = settings
        self.ledger = Ledger(LIMIT)
        self.callbacks = Callbacks(lambda: self.settings)
        self.stopping = threading.Event()
        self._attempts: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def full(self) -> bool:
        """Whether more callbacks wait than can be kept."""
        return self.callbacks.pending >= LIMIT

    def scenario(self, to: str, client_ref: str | None) -> Scenario:
        """Return the scenario of this attempt: after N tries one that goes wrong N times is over."""
        found = scenarios.scenario_for(to)
        if found.attempts and self._attempt(client_ref or to) > found.attempts:
            return scenarios.NORMAL
        return found

    def accept(self, message: Message, scenario: Scenario, write: Write, report: bool) -> None:
        """Enter a message, and plan its receipts unless none are wanted."""
        message.scenario = scenario.name
        planned = list(self._planned(message, scenario, write)) if report and message.callback_url else []
        message.receipts = [receipt for receipt, _ in planned]
        self.ledger.add(message)
        LOG.info("accepted %s, %d segments, %s", masked(message.to), len(message.segments), scenario.name)
        for receipt, seconds in planned:
            if scenario.fault == "overtake":
                self.callbacks.attempt(receipt)
            else:
                self.callbacks.schedule(receipt, seconds)

    def replay(self, client_ref: str) -> int:
        """Send every receipt of the message again, byte for byte; return how many."""
        again = [
            (message, receipt)
            for message in self.ledger.messages(client_ref)
            for receipt in list(message.receipts)
            if receipt.attempts and not receipt.replayed
        ]
        for message, old in again:
            receipt = Receipt(old.letter, [], False, old.provider_message_id, old.status, old.kind, replayed=True)
            self.ledger.add_receipt(message, receipt)
            self.callbacks.schedule(receipt, 0)
        return len(again)

    def bring(self, dialect: Dialect, order: Mapping[str, Any]) -> list[str]:
        """Send a handset's text to the customer; return the ids of its parts in the order they are sent."""
        ids: list[str] = []
        for message_id, letter in dialect.incoming(order):
            if message_id not in ids:  # a copy goes out together with the first
                ids.append(message_id)
            callback = Callback(letter)
            self.ledger.add_incoming({"provider_message_id": message_id, "dialect": dialect.name}, callback)
            self.callbacks.schedule(callback, (len(ids) - 1) * self.settings.callback_delay)
        return ids

    def _planned(self, message: Message, scenario: Scenario, write: Write) -> Iterable[tuple[Receipt, float]]:
        for step in scenario.receipts:
            seconds = step.after * self.settings.callback_delay + step.late * self.settings.late_seconds
            for message_id in step.of(message.segments):
                for copy in range(step.copies):
                    if copy % 2 == 0:
                        letter = Letter(partial(write, message, message_id, step))
                    yield Receipt(letter, [], False, message_id, step.status, step.kind), seconds

    def _attempt(self, key: str) -> int:
        with self._lock:
            count = self._attempts.pop(key, 0) + 1
            self._attempts[key] = count
            if len(self._attempts) > LIMIT:
                self._attempts.popitem(last=False)
            return count


def as_json(content: Any, status: int = 200) -> Response:
    """Return a JSON reply."""
    return Response(json.dumps(content), status, mimetype="application/json")


def masked(number: str) -> str:
    """Return a phone number that no longer identifies anyone."""
    return f"{number[:2]}***{number[-2:]}"
