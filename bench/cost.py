"""The cost: dollars for a million texts at each memory size, and a month of smsignal against one of an always-on server.

Measured are DynamoDB's units, the bytes that are stored, and the CPU of each function; what is assumed and what things cost is in
prices.json. The arithmetic is in bill.py.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from bench import bill, functions
from bench.bill import Measured, Memory, Milliseconds
from bench.encrypted import encrypted
from bench.figures import Figure
from bench.stage import Stage, stage
from bench.workers import Worker
from infra.paths import ROOT

TIMES, QUICK_TIMES = 60, 12  # invocations of each function
SIZES = (256, 512, 1024, 1769, 3008)  # MB
MONTHS = (1_000, 1_000_000, 100_000_000)  # texts
MILLION = 1_000_000
#: What DynamoDB adds to each item and to each entry of an index when it counts storage.
OVERHEAD = 100
INDEXES = {"by_recipient": ("message_id", "recipient", "position"), "by_day": ("message_id", "day", "position")}


def measure(quick: bool, say: Callable[[str], None], cpu: Milliseconds | None = None) -> list[Figure]:
    """The bills. `cpu` is measured here unless it is given."""
    with encrypted() as (provider, trust), stage(provider, trust) as here:
        cpu = cpu or functions.measure(here, QUICK_TIMES if quick else TIMES, say)
        return figures(_measured(here, cpu))


def figures(measured: Measured) -> list[Figure]:
    """All bills of what was measured."""
    usual = memory()
    return [
        *_by_memory(measured, usual),
        *_by_service(measured, usual),
        *_months(measured, usual),
        _crossing(measured, usual),
    ]


def memory() -> Memory:
    """As it is deployed: .chalice/config.json."""
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    return Memory(config["lambda_functions"]["api_handler"]["lambda_memory_size"], config["lambda_memory_size"])


def _measured(here: Stage, cpu: Milliseconds) -> Measured:
    with Worker(here.variables) as worker:
        taken: dict[str, Any] = worker.do("probes:text")
        item = here.item(taken.pop("id"))
    sweep = taken.pop("a sweep")
    return Measured(
        cpu=cpu,
        written=sum((Counter(one["by index"]) for one in taken.values()), Counter()),
        swept=sweep["units read"],
        sweeps=sweep["requests"],
        stored=stored_bytes(item),
    )


def _by_memory(measured: Measured, usual: Memory) -> list[Figure]:
    made = []
    for size in SIZES:
        lines = bill.smsignal(MILLION, measured, Memory(size, usual.others))
        waits = 2 * bill.assumed("store_ms") + bill.assumed("provider_ms")
        took = bill.duration(size, measured.cpu.send, waits)
        note = f"a send takes {took:.0f} ms, of which it waits {waits:.0f}" + (
            "; as deployed" if size == usual.api else ""
        )
        made.append(_dollars(f"a million texts in a month, the API with {size:,} MB", sum(lines.values()), note))
    return made


def _by_service(measured: Measured, usual: Memory) -> list[Figure]:
    lines = bill.smsignal(MILLION, measured, usual)
    notes = {
        "DynamoDB": "for each text "
        + ", ".join(f"{units:g} write units of {name}" for name, units in measured.written.items()),
        "storage, after a year": f"{measured.stored:,} bytes for a text, twelve months of as many, with point-in-time recovery",
        "clock and queues": "paid also when nothing is sent, and half of it for asking the queues",
    }
    return [_dollars(f"of which {name}", dollars, notes.get(name, "")) for name, dollars in lines.items()]


def _months(measured: Measured, usual: Memory) -> list[Figure]:
    prices = bill.data()
    idle = bill.smsignal(0, measured, usual)
    note = f"list prices of {prices['region']}, {prices['as_of']} (bench/prices.json): check yours"
    made = [_dollars("a month in which nothing is sent", sum(idle.values()), note)]
    for texts in MONTHS:
        ours, theirs = bill.smsignal(texts, measured, usual), bill.server(texts, measured)
        made.append(_dollars(f"a month of {texts:,} texts", sum(ours.values())))
        made.append(_dollars(f"a month of {texts:,} texts, always-on servers", sum(theirs.values()), _told(theirs)))
    return made


def _crossing(measured: Measured, usual: Memory) -> Figure:
    def ours(texts: float) -> float:
        return sum(bill.smsignal(texts, measured, usual).values())

    def theirs(texts: float) -> float:
        return sum(bill.server(texts, measured).values())

    found = bill.crossing(ours, theirs)
    note = "below it smsignal is cheaper, above it the servers, if nobody's work on them is counted"
    if found is None:
        found, note = bill.MOST, "smsignal is cheaper up to here at least"
    return Figure("cost", "where the two cross", round(found, -4), "texts a month", note=note)


def _told(lines: Mapping[str, float]) -> str:
    return ", ".join(f"{name} ${dollars:,.0f}" for name, dollars in lines.items())


def _dollars(name: str, dollars: float, note: str = "") -> Figure:
    return Figure("cost", name, round(dollars, 2), "$", note=note)


def stored_bytes(item: Mapping[str, Any]) -> int:
    """What DynamoDB counts for an item and for its entries in the two list indexes."""
    entries = [{name: item[name] for name in names} for names in INDEXES.values()]
    return sum(OVERHEAD + _attributes(one) for one in (item, *entries))


def _attributes(item: Mapping[str, Any]) -> int:
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(value: Mapping[str, Any]) -> int:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html"""
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        return len(content.strip("-0.").replace(".", "")) // 2 + 2
    if kind == "L":
        return 3 + sum(1 + _size(one) for one in content)
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + _size(one) for name, one in content.items())
    return 1
