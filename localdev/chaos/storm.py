"""One run: a stack of its own, the storm, the calm after it, and what every side then says."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from chalicelib.changes import StatusChange
from chalicelib.messages import rfc3339
from chalicelib.status import Status
from localdev import cloud
from localdev import stack as stacks
from localdev.chaos.case import Case
from localdev.chaos.clients import Client, Told, post_all
from localdev.chaos.evidence import Events, carrier, cases, rows
from localdev.chaos.killer import Killer
from localdev.chaos.plan import texts
from localdev.chaos.store import FaultyStore
from localdev.stack import Stack
from localdev.terminal import Steps

STORM = 0.55  # of the time; the rest is for what follows: leases lapse after 90 s, and the clock looks once a minute
SOON = timedelta(minutes=5)  # a text that is due later than that waits for something else than this run
PROCESSES = 12  # of the API at most: each takes the local cloud a second of a core to start
CALLBACK_TRIES = 10  # of the carrier, the last after a minute and a half; a real one goes on for a day
QUIET = 2.0  # seconds between two looks at what is still going on
READINGS = 5  # at most, for one that nothing disturbs
PATIENCE = 10.0  # seconds for signals that are still on their way when all else is done


@dataclass(frozen=True)
class Run:
    """What came of a run."""

    seed: int
    asked: int
    seconds: float
    cases: Sequence[Case]
    told: Sequence[Told]
    faults: Counter[str]
    kills: Counter[str]
    quiet: bool  #: whether everything had come to rest when the ledger was drawn
    aside: int  #: pointers to changes that the stream's reader could not publish


def run(count: int, seed: int, minutes: float, console: Console) -> Run:
    """Make a storm. Raises what localdev.stack.up does."""
    with TemporaryDirectory(prefix="smsignal-chaos-") as directory, _stack(Path(directory), console) as stack:
        started = time.monotonic()
        end = started + minutes * 60
        client = Client(stack)
        with Events(stack) as events, FaultyStore(stack.aws_endpoint_url, seed) as store:
            _prepare(stack, store)
            pid = cloud.service(Path(directory)).pid()
            until = started + (end - started) * STORM
            with Steps(console).step("storm"), Killer(pid or 0, seed, until) as killer:
                store.rage(until)
                told = post_all(client, list(texts(count, seed)), until)
                _wait(lambda: not carrier(stack, "health")["pending"], until)
            store.rage(0)
            with Steps(console).step("calm"):
                quiet = _wait(lambda: _is_quiet(stack), end)
            with Steps(console).step("ledger"):
                found = _undisturbed(stack, client, told, events)
            seconds = time.monotonic() - started
            return Run(seed, count, seconds, found, told, store.counts, killer.counts, quiet, _set_aside(stack))


def _undisturbed(stack: Stack, client: Client, told: Sequence[Told], events: Events) -> list[Case]:
    """The cases, read while nothing changed: else the sides would speak of different moments."""
    for _ in range(READINGS):
        _wait(lambda: _all_signalled(stack, events.changes), time.monotonic() + PATIENCE)
        before = sorted(rows(stack), key=str)
        found = cases(stack, client, told, list(events.changes))
        if sorted(rows(stack), key=str) == before:
            break
    return found


@contextmanager
def _stack(directory: Path, console: Console) -> Iterator[Stack]:
    """One of its own, which ends with this process: a `make up` that runs is not touched."""
    try:
        yield stacks.up(directory, Steps(console), leashed=True)[0]
    finally:
        stacks.down(directory)


def _prepare(stack: Stack, store: FaultyStore) -> None:
    _quieten(stack)
    _limit(stack)
    carrier(stack, "settings", {"callback_attempts": CALLBACK_TRIES})
    _put_between(stack, store)


def _put_between(stack: Stack, store: FaultyStore) -> None:
    """Have every Lambda reach DynamoDB through the faulty store."""
    functions = stack.cloud.client("lambda")
    for function in functions.list_functions()["Functions"]:
        variables = {**function["Environment"]["Variables"], "AWS_ENDPOINT_URL_DYNAMODB": store.url}
        functions.update_function_configuration(
            FunctionName=function["FunctionName"], Environment={"Variables": variables}
        )


def _limit(stack: Stack) -> None:
    """Let so many run at once; to whoever comes then API Gateway says 429, as in an account at its limit."""
    client = stack.cloud.client("lambda")
    client.put_function_concurrency(FunctionName=f"smsignal-{stack.stage}", ReservedConcurrentExecutions=PROCESSES)


def _quieten(stack: Stack) -> None:
    """Have the application's own subscribers sleep: each event would start a process, and the run listens by itself."""
    events = stack.cloud.client("events")
    for rule in events.list_rules()["Rules"]:
        targets = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        if rule.get("EventPattern") and any(":lambda:" in target["Arn"] for target in targets):
            events.disable_rule(Name=rule["Name"])


def _is_quiet(stack: Stack) -> bool:
    """Whether the carrier has told everything, and no text is being handled or will be soon."""
    if carrier(stack, "health")["pending"]:
        return False
    soon = rfc3339(datetime.now(timezone.utc) + SOON)
    waiting = [row for _, status, row in rows(stack) if status == Status.CREATED.value or row.holders]
    return not any(row.holders or (row.due_at and row.due_at < soon) for row in waiting)


def _all_signalled(stack: Stack, changes: Sequence[StatusChange]) -> bool:
    """Whether as many different signals have come as there were changes."""
    return len({change.id for change in list(changes)}) >= sum(row.sequence for _, _, row in rows(stack))


def _set_aside(stack: Stack) -> int:
    sqs = stack.cloud.client("sqs")
    url = sqs.get_queue_url(QueueName=f"smsignal-{stack.stage}-unsignalled")["QueueUrl"]
    name = "ApproximateNumberOfMessages"
    return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])


def _wait(condition: Callable[[], bool], until: float) -> bool:
    while not (reached := condition()) and time.monotonic() < until:
        time.sleep(QUIET)
    return reached
