"""What an invocation of each function costs in CPU, when it is warm: the deployed package under AWS's runtime client."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bench import events, packages
from bench.bill import Milliseconds
from bench.bus import bus
from bench.runtime import Function, Package
from bench.stage import Stage
from bench.workers import Worker

Event = dict[str, Any]

API, STREAM = "app.app", "chalicelib.blueprints.streams.on_message_change"
SUBSCRIBER = "chalicelib.blueprints.subscribers.log_outcome"
CLOCK = "chalicelib.blueprints.outbox.dispatch_due"
WARM = 5
BATCH = 10  # records of the larger of the two batches that the stream's reader is given


def measure(here: Stage, times: int, say: Callable[[str], None]) -> Milliseconds:
    """Medians of so many warm invocations."""
    with Worker(here.variables) as worker:
        ids = worker.do("probes:templates")
    before, after = here.item(ids["waiting"]), here.item(ids["delivered"])
    count = times + WARM
    given: dict[str, tuple[str, list[Event]]] = {
        "send": (API, [events.send(here.token)] * count),
        "callback": (API, [events.callback(one) for one in here.copies(before, count)]),
        "change": (STREAM, [_stream(before, after, 1)] * count),
        "batch": (STREAM, [_stream(before, after, BATCH)] * count),
        "subscriber": (SUBSCRIBER, [_change()] * count),
        "sweep": (CLOCK, [_tick()] * count),
    }
    with bus() as url:
        unpacked = packages.smsignal()
        variables = {**here.variables, "AWS_ENDPOINT_URL_EVENTBRIDGE": url}
        found = {
            name: _median(replace(unpacked, handler=handler), variables, all_of_them)
            for name, (handler, all_of_them) in given.items()
        }
    say("CPU of an invocation: " + ", ".join(f"{name} {cpu:.2f} ms" for name, cpu in found.items()))
    each = (found.pop("batch") - found["change"]) / (BATCH - 1)
    return Milliseconds(**found, another_change=each)


def _median(unpacked: Package, variables: Mapping[str, str], given: list[Event]) -> float:
    with Function(unpacked, variables) as function:
        cpu = [function.invoke(event).cpu for event in given]
    return 1000 * statistics.median(
        later - earlier for earlier, later in zip(cpu[WARM - 1 :], cpu[WARM:], strict=False)
    )


def _stream(before: Event, after: Event, count: int) -> Event:
    """Records of a text's last receipt, as the table's stream has them."""
    record = {
        "eventID": "1",
        "eventName": "MODIFY",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:000000000000:table/smsignal-dev-messages/stream/2026",
        "dynamodb": {
            "ApproximateCreationDateTime": 1795622892.0,
            "Keys": {"message_id": after["message_id"]},
            "OldImage": {**before, "message_id": after["message_id"]},
            "NewImage": after,
            "SequenceNumber": "1",
            "SizeBytes": 2000,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    }
    return {"Records": [record] * count}


def _change() -> Event:
    """What a subscriber is given."""
    detail = {
        "id": "0" * 32 + "-4",
        "sequence": 4,
        "message_id": "0" * 32,
        "direction": "outgoing",
        "status": "delivered",
        "previous_status": "sent",
        "occurred_at": "2026-11-25T16:08:12.000Z",
        "from": "smsignal",
        "to": "+33612345678",
        "provider": "vonage",
        "reference": None,
        "metadata": {},
        "segments": 1,
        "price": "0.0333",
        "currency": "EUR",
        "error": None,
    }
    return _from_bus("smsignal.dev", "Message Status Changed", detail)


def _tick() -> Event:
    return _from_bus("aws.events", "Scheduled Event", {})


def _from_bus(source: str, detail_type: str, detail: Event) -> Event:
    return {
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "account": "000000000000",
        "time": "2026-11-25T16:08:12Z",
        "region": "us-east-1",
        "resources": [],
        "source": source,
        "detail-type": detail_type,
        "detail": detail,
    }
