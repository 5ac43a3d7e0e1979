"""What a month costs: smsignal, from what was measured, and an always-on server that would do the same. Pure arithmetic.

The prices are in prices.json, with their date and sources; so is all that is assumed and not measured.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import Any

MINUTES = 365 * 24 * 60 / 12  # of a month
SECONDS, HOURS = MINUTES * 60, MINUTES / 60
GB = 1e9
#: At so many MB a Lambda has one processor: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
ONE_PROCESSOR = 1769
SQS_POLLS = 5 * 3  # a minute and queue
STREAM_LOOKS = 4  # a second and shard
LARGEST_BATCH = 100  # records: chalicelib/blueprints/streams.py
STREAM_CHANGES = 2  # besides receipts: stored, taken by the provider
CONNECTIONS = 25  # new ones a second that one load balancer unit bears
MOST = 1e9  # texts a month; nobody looks further
Lines = dict[str, float]


@dataclass(frozen=True)
class Milliseconds:
    """CPU for one invocation, of a whole processor."""

    send: float
    callback: float
    change: float  #: the stream's reader, for one record
    another_change: float  #: for each further record of its batch
    subscriber: float
    sweep: float

    def of_text(self, receipts: float, changes: float) -> float:
        """All that is computed for one text."""
        return self.send + receipts * self.callback + changes * self.change + self.subscriber


@dataclass(frozen=True)
class Measured:
    """What one text takes, from its sending to its last receipt."""

    cpu: Milliseconds
    written: Mapping[str, float]  #: DynamoDB's write units of all requests, by table and index
    swept: float  #: read units of one sweep that finds nothing
    sweeps: int  #: requests of one
    stored: int  #: bytes, indexes included


@dataclass(frozen=True)
class Memory:
    """MB, as .chalice/config.json has it."""

    api: int
    others: int


@lru_cache(maxsize=1)
def data() -> Mapping[str, Any]:
    """prices.json."""
    found: dict[str, Any] = json.loads(Path(__file__).with_name("prices.json").read_text())
    return found


def price(name: str) -> float:
    """Dollars for one of it."""
    return float(data()["prices"][name]["dollars"])


def assumed(name: str) -> float:
    """Something that is not measured."""
    return float(data()["assumptions"][name]["value"])


def smsignal(texts: float, measured: Measured, memory: Memory) -> Lines:
    """A month of so many texts: dollars, by service."""
    receipts, cpu = assumed("receipts"), measured.cpu
    changes = receipts + STREAM_CHANGES
    batch = batch_size(texts * changes / SECONDS)
    relayed = cpu.change + (batch - 1) * cpu.another_change
    calls = [
        (texts, memory.api, cpu.send, 2 * assumed("store_ms") + assumed("provider_ms")),
        (texts * receipts, memory.api, cpu.callback, assumed("store_ms")),
        (texts * changes / batch, memory.others, relayed, ceil(batch / 10) * assumed("bus_ms")),
        (texts, memory.others, cpu.subscriber, 0),
        (MINUTES, memory.others, cpu.sweep, measured.sweeps * assumed("store_ms")),
    ]
    invocations = sum(count for count, *_ in calls)
    return {
        "API Gateway": texts * (1 + receipts) * price("api_gateway_rest_request"),
        "Lambda": sum(count * invocation(size, work, wait) for count, size, work, wait in calls),
        "DynamoDB": texts * sum(measured.written.values()) * price("dynamodb_write_unit"),
        "EventBridge": texts * changes * price("eventbridge_event"),
        "logs": invocations * assumed("log_bytes") / GB * price("logs_gb"),
        "storage, after a year": texts * assumed("kept_months") * measured.stored / GB * _kept_gb(),
        "clock and queues": MINUTES * (measured.swept * price("dynamodb_read_unit") + _polls() * price("sqs_request")),
    }


def batch_size(records_a_second: float) -> float:
    """How many records of the stream come at once, on average."""
    return min(max(records_a_second / (assumed("stream_shards") * STREAM_LOOKS), 1.0), LARGEST_BATCH)


def duration(memory: int, cpu: float, wait: float) -> float:
    """Milliseconds of an invocation: a Lambda with less memory has less than one processor, and waits as long."""
    return cpu * max(1.0, ONE_PROCESSOR / memory) + wait


def invocation(memory: int, cpu: float, wait: float) -> float:
    """Dollars for one."""
    gb_seconds = memory / 1024 * ceil(duration(memory, cpu, wait)) / 1000
    return gb_seconds * price("lambda_gb_second") + price("lambda_request")


def server(texts: float, measured: Measured) -> Lines:
    """A month of the always-on kind: a load balancer, servers, a database with a standby; the cheapest that bear the peak."""
    receipts = assumed("receipts")
    changes = receipts + STREAM_CHANGES
    average = texts / SECONDS
    peak, disk = average * assumed("peak"), assumed("disk_gb")
    load = peak * measured.cpu.of_text(receipts, changes) / 1000 / assumed("server_load")
    each = disk * price("disk_gb_month") + HOURS * price("public_address_hour")  # whatever kind it is
    counts = [(max(assumed("instances"), ceil(load / kind["processors"])), kind["hour"]) for kind in data()["servers"]]
    servers = min(count * (HOURS * hour + each) for count, hour in counts)
    units = max(1.0, average * (1 + receipts) / CONNECTIONS)
    kept = texts * assumed("kept_months") * measured.stored / GB
    return {
        "load balancer": HOURS * (price("load_balancer_hour") + units * price("load_balancer_unit_hour"))
        + 2 * HOURS * price("public_address_hour"),
        "servers": servers,
        "database": HOURS * _database(peak * changes),
        "storage, after a year": max(disk, kept) * price("database_gb_month"),
    }


def _database(writes: float) -> float:
    """Dollars an hour of the smallest that bears so many writes a second, or of several of the largest."""
    kinds = data()["databases"]
    fitting = [kind["hour"] for kind in kinds if kind["writes_a_second"] >= writes]
    largest = kinds[-1]
    return float(min(fitting, default=ceil(writes / largest["writes_a_second"]) * largest["hour"]))


def _kept_gb() -> float:
    return price("dynamodb_gb_month") + price("dynamodb_recovery_gb_month")


def _polls() -> float:
    return assumed("queues") * SQS_POLLS


def crossing(ours: Callable[[float], float], theirs: Callable[[float], float]) -> float | None:
    """From how many texts a month on the server is cheaper for the first time; None when it never is."""
    texts = 1_000.0
    while texts < MOST:
        if ours(texts) > theirs(texts):
            return texts
        texts *= 1.02
    return None
