"""What happens on a stack, as it happens: the changes on its bus, and what its subscribers write to their logs.

It listens as any other stack would: with a queue that a rule of the bus fills (docs/signals.md).
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from secrets import token_hex
from types import TracebackType
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.changes import StatusChange
from localdev.stack import Stack

#: What Lambda itself writes around the lines of a function.
PLATFORM = ("INIT_START ", "START ", "END ", "REPORT ")


@dataclass(frozen=True)
class Reaction:
    """A line that a subscriber wrote."""

    at: datetime
    subscriber: str
    line: str
    message_id: str | None = None


class Watch:
    """The queue, for as long as the block lasts."""

    def __init__(self, stack: Stack) -> None:
        self._source = stack.event_source
        self._name = f"smsignal-{stack.stage}-watch-{token_hex(4)}"
        self._sqs, self._events = stack.cloud.client("sqs"), stack.cloud.client("events")
        self._reactions = _Reactions(stack)

    def __enter__(self) -> "Watch":
        self._url = self._sqs.create_queue(QueueName=self._name)["QueueUrl"]
        asked = {"QueueUrl": self._url, "AttributeNames": ["QueueArn"]}
        arn = self._sqs.get_queue_attributes(**asked)["Attributes"]["QueueArn"]
        self._events.put_rule(Name=self._name, EventPattern=json.dumps({"source": [self._source]}))
        self._events.put_targets(Rule=self._name, Targets=[{"Id": "queue", "Arn": arn}])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        with suppress(BotoCoreError, ClientError):  # the local cloud may be gone by now
            self._events.remove_targets(Rule=self._name, Ids=["queue"])
            self._events.delete_rule(Name=self._name)
            self._sqs.delete_queue(QueueUrl=self._url)

    def changes(self, seconds: int) -> list[StatusChange]:
        """The changes that have come; waits for the first of them, if need be, as long as that."""
        asked = {"QueueUrl": self._url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": seconds}
        received = self._sqs.receive_message(**asked).get("Messages", [])
        for one in received:
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=one["ReceiptHandle"])
        events = [json.loads(one["Body"]) for one in received]
        changes = [StatusChange.from_event(event["detail-type"], event["detail"]) for event in events]
        return sorted(changes, key=lambda change: (change.occurred_at, change.sequence))

    def reactions(self) -> Iterator[Reaction]:
        """What subscribers have written since the last time."""
        return self._reactions.new()


class _Reactions:
    """The logs of the functions that a rule of the bus calls for events of the stack."""

    def __init__(self, stack: Stack) -> None:
        self._logs = stack.cloud.client("logs")
        self._groups = dict(_subscribers(stack))
        self._since = int(datetime.now(timezone.utc).timestamp() * 1000)
        self._seen: set[str] = set()

    def new(self) -> Iterator[Reaction]:
        """Each line once, in the order of their times."""
        lines = sorted(
            (event["timestamp"], name, event["message"], event["logStreamName"])
            for group, name in self._groups.items()
            for event in self._events(group)
            if event["logStreamName"] not in self._seen
        )
        for milliseconds, name, message, stream in lines:
            self._seen.add(stream)  # ministack opens one for each call, and writes all its lines at once
            if message.strip() and not message.startswith(PLATFORM):
                yield _reaction(datetime.fromtimestamp(milliseconds / 1000, timezone.utc), name, message.rstrip())

    def _events(self, group: str) -> list[dict[str, Any]]:
        try:
            return list(self._logs.filter_log_events(logGroupName=group, startTime=self._since)["events"])
        except self._logs.exceptions.ResourceNotFoundException:
            return []  # it was never called


def _subscribers(stack: Stack) -> Iterator[tuple[str, str]]:
    """The log groups of the subscribers, and the names of their functions in our code."""
    events, functions = stack.cloud.client("events"), stack.cloud.client("lambda")
    for rule in events.list_rules()["Rules"]:
        if stack.event_source not in json.loads(rule.get("EventPattern", "{}")).get("source", []):
            continue
        for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]:
            _, is_function, name = target["Arn"].partition(":function:")
            if is_function:
                handler = functions.get_function_configuration(FunctionName=name)["Handler"]
                yield f"/aws/lambda/{name}", handler.rpartition(".")[2]


def _reaction(at: datetime, subscriber: str, line: str) -> Reaction:
    """A line of our JSON logs in a few words; any other as it is."""
    try:
        record = json.loads(line)
    except ValueError:
        record = None
    if not isinstance(record, dict) or "message" not in record:
        return Reaction(at, subscriber, line)
    known = ("level", "logger", "message", "message_id", "event")
    rest = [f"{name}={value}" for name, value in record.items() if name not in known]
    return Reaction(at, subscriber, " ".join([record["message"], *rest]), record.get("message_id"))
