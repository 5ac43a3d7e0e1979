"""What the carrier has seen and done, in memory and bounded; tests read the truth here."""

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from localdev.carrier.callbacks import Callback


def now() -> datetime:
    """Return the time."""
    return datetime.now(timezone.utc)


@dataclass
class Receipt(Callback):
    """A receipt for one segment; `kind` says whether it can be believed."""

    provider_message_id: str = ""
    status: str = ""
    kind: str = "genuine"
    replayed: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the receipt and its attempts."""
        attempts = list(self.attempts)
        return {
            "provider_message_id": self.provider_message_id,
            "status": self.status,
            "kind": self.kind,
            "genuine": self.kind == "genuine",
            "replayed": self.replayed,
            "settled": self.settled,
            "at": attempts[0].at.isoformat() if attempts else None,
            "code": attempts[-1].code if attempts else None,
            "attempts": [{"at": a.at.isoformat(), "code": a.code, "error": a.error} for a in attempts],
        }


@dataclass(eq=False)
class Message:
    """A text as the carrier took it."""

    dialect: str
    client_ref: str | None
    to: str
    frm: str
    text: str
    type: str
    ttl: int | None
    callback_url: str
    segments: list[str]  # their ids
    scenario: str = ""
    receipts: list[Receipt] = field(default_factory=list)
    accepted_at: datetime = field(default_factory=now)
    number: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return all that is known of the message."""
        plain = (
            "number",
            "dialect",
            "scenario",
            "client_ref",
            "to",
            "text",
            "type",
            "ttl",
            "callback_url",
            "segments",
        )
        return {name: getattr(self, name) for name in plain} | {
            "from": self.frm,
            "accepted_at": self.accepted_at.isoformat(),
            "receipts": [receipt.as_json() for receipt in list(self.receipts)],
        }


class Ledger:
    """The messages accepted and the requests seen; the oldest make room for new ones."""

    def __init__(self, limit: int = 200_000) -> None:
        """Keep at most so many messages and receipts together, and a quarter as many requests."""
        self._limit = limit
        self._lock = threading.Lock()
        self._messages: dict[int, Message] = {}
        self._by_ref: dict[str | None, deque[Message]] = {}
        self._requests: deque[dict[str, Any]] = deque(maxlen=limit // 4)
        self._incoming: deque[tuple[dict[str, Any], Callback]] = deque(maxlen=limit // 4)
        self._count = 0
        self._weight = 0

    def add(self, message: Message) -> None:
        """Enter a message with the receipts planned for it."""
        with self._lock:
            self._count += 1
            message.number = self._count
            self._messages[message.number] = message
            self._by_ref.setdefault(message.client_ref, deque()).append(message)
            self._grow(1 + len(message.receipts))

    def add_receipt(self, message: Message, receipt: Receipt) -> None:
        """Enter one more receipt of a message."""
        with self._lock:
            message.receipts.append(receipt)
            if message.number in self._messages:
                self._grow(1)

    def add_request(self, entry: dict[str, Any]) -> None:
        """Enter a submission, whatever came of it."""
        with self._lock:
            self._requests.append({"at": now().isoformat()} | entry)

    def add_incoming(self, entry: dict[str, Any], callback: Callback) -> None:
        """Enter an incoming text's request to the customer."""
        with self._lock:
            self._incoming.append((entry, callback))

    def messages(self, client_ref: str | None = None, to: str | None = None, after: int = 0) -> list[Message]:
        """Return the messages of a client reference or recipient, in the order of their acceptance."""
        with self._lock:
            chosen = list(self._messages.values()) if client_ref is None else list(self._by_ref.get(client_ref, ()))
        return [m for m in chosen if m.number > after and to in (None, m.to)]

    def requests(self, client_ref: str | None = None) -> list[dict[str, Any]]:
        """Return the submissions, refused ones too."""
        with self._lock:
            chosen = list(self._requests)
        return [entry for entry in chosen if client_ref in (None, entry["client_ref"])]

    def incoming(self) -> Iterator[dict[str, Any]]:
        """Return the requests that carried incoming texts."""
        with self._lock:
            chosen = list(self._incoming)
        for entry, callback in chosen:
            yield entry | {
                "settled": callback.settled,
                "codes": [attempt.code for attempt in list(callback.attempts)],
            }

    @property
    def accepted(self) -> int:
        """How many messages were ever accepted."""
        return self._count

    def _grow(self, by: int) -> None:
        self._weight += by
        while self._weight > self._limit and len(self._messages) > 1:
            oldest = self._messages.pop(next(iter(self._messages)))
            self._weight -= 1 + len(oldest.receipts)
            namesakes = self._by_ref[oldest.client_ref]
            namesakes.popleft()  # the oldest of all is the oldest of its own
            if not namesakes:
                del self._by_ref[oldest.client_ref]
