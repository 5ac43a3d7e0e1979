"""What each side says at the end: the carrier, the API, the table and the bus, gathered into one case for each text."""

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

import requests

from chalicelib.changes import StatusChange
from chalicelib.compose import id_of_key
from localdev.chaos.case import Case, Row
from localdev.chaos.clients import Client, Told, read_all
from localdev.stack import Stack
from localdev.watch import Watch

FIELDS = ("message_id", "sequence", "due_at", "holders", "submitted_on", "status")


class Events:
    """All that goes over the bus while the block lasts, as a subscriber gets it: in any order, some of it twice."""

    def __init__(self, stack: Stack) -> None:
        self._watch = Watch(stack)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.changes: list[StatusChange] = []

    def __enter__(self) -> "Events":
        self._watch.__enter__()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._watch.__exit__(kind, error, trace)

    def _work(self) -> None:
        while not self._ended.is_set():
            self.changes += self._watch.changes(1)


def rows(stack: Stack) -> Iterator[tuple[str, str, Row]]:
    """Every text in the table, past the API and past the faulty store: its id, its status and what else there is."""
    pages = stack.cloud.client("dynamodb").get_paginator("scan")
    names = {f"#{name}": name for name in FIELDS}
    asked = {"ProjectionExpression": ",".join(names), "ExpressionAttributeNames": names, "ConsistentRead": True}
    for page in pages.paginate(TableName=stack.messages_table, **asked):
        for item in page["Items"]:
            due_at = item.get("due_at", {}).get("S")
            row = Row(int(item["sequence"]["N"]), due_at, len(item["holders"]["L"]), "submitted_on" in item)
            yield item["message_id"]["S"], item["status"]["S"], row


def carrier(stack: Stack, path: str, change: Mapping[str, Any] | None = None) -> Any:
    """What the carrier says of itself, once it is changed."""
    with requests.Session() as http:
        http.trust_env = False
        answer = http.request(
            "POST" if change else "GET", f"{stack.carrier_url}/_carrier/{path}", json=change, timeout=60
        )
        answer.raise_for_status()
        return answer.json()


def cases(stack: Stack, client: Client, told: Sequence[Told], changes: Sequence[StatusChange]) -> list[Case]:
    """One case for each text that was posted."""
    key_id = stack.api_key.split("_")[1]
    taken, signalled = defaultdict(list), defaultdict(list)
    for message in carrier(stack, "messages")["messages"]:
        taken[message["client_ref"]].append(message)
    for change in changes:
        signalled[change.message_id].append(change)
    by_id = {one.message_id or id_of_key(key_id, one.text.key): one for one in told}
    stored = dict(read_all(client, by_id))
    table = {message_id: row for message_id, _, row in rows(stack)}
    return [
        Case(
            message_id=message_id,
            told=one.status,
            scenario=one.text.scenario,
            taken=taken[message_id],
            stored=stored[message_id],
            row=table.get(message_id),
            changes=signalled[message_id],
        )
        for message_id, one in by_id.items()
    ]
