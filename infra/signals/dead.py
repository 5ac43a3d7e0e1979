"""What was given up: listed with its reasons, and put back to where it was to go."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from chalicelib import store
from chalicelib.delivering import enqueue, letters
from chalicelib.replaying import changes_of
from chalicelib.signals import publish
from chalicelib.store_once import REDRIVEN
from infra.errors import Stopped
from infra.signals import handing
from infra.signals.place import Place
from infra.stack import Show

#: Queues whose entries go back to another queue as they are, and that queue.
BACK = {"outbox-dead": "outbox", "sandbox-dead": "sandbox"}
SHOWN = 200  # entries of a queue that are looked at for their reasons


@dataclass(frozen=True)
class DeadQueue:
    """One queue of what was given up."""

    name: str  #: without `smsignal-<stage>-`
    count: int
    reasons: Mapping[str, int]  #: of those that were looked at


def queues(place: Place) -> Iterator[DeadQueue]:
    """Every dead-letter queue of the stage, empty ones too."""
    sqs = place.client("sqs")
    for page in sqs.get_paginator("list_queues").paginate(QueueNamePrefix=place.resource("")):
        for url in page.get("QueueUrls", []):
            name = url.rpartition("/")[2].removeprefix(place.resource(""))
            if is_dead(name):
                asked = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
                attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=asked)["Attributes"]
                yield DeadQueue(name, sum(int(attributes[one]) for one in asked), _reasons(sqs, url))


def is_dead(name: str) -> bool:
    """Whether a queue's name is that of one for what was given up."""
    return name.startswith("dead-") or name.endswith("-dead") or name == "unsignalled"


def redrive(place: Place, name: str, show: Show) -> int:
    """Put what is in a queue back; returns how many. What cannot be put back stays there. Raises Stopped."""
    if not is_dead(name):
        raise Stopped(f"'{name}' is no dead-letter queue; see: make dlq STAGE={place.stage}")
    url, sqs, count = place.queue_url(name), place.client("sqs"), 0
    put_back = _way_back(place, name)
    for entry in _entries(sqs, url, hide=60):
        try:
            put_back(entry)
        except Stopped as stopped:
            show(f"left where it is: {stopped}")
            continue
        sqs.delete_message(QueueUrl=url, ReceiptHandle=entry["ReceiptHandle"])
        count += 1
        show(f"{count} put back")
    return count


def _way_back(place: Place, name: str) -> Callable[[Mapping[str, Any]], None]:
    if name in BACK:
        return lambda entry: _send(place, BACK[name], entry["Body"])
    if name == "webhooks-dead":
        return lambda entry: _send(place, "webhooks", _afresh(entry["Body"]))
    return lambda entry: _put_back(place, entry)


def _put_back(place: Place, entry: Mapping[str, Any]) -> None:
    """An event, in Lambda's envelope or in that of the bus, or a pointer to changes."""
    body = json.loads(entry["Body"])
    if "DDBStreamBatchInfo" in body:
        _tell_again(place, _messages_of_batch(place, body["DDBStreamBatchInfo"]))
    elif "requestPayload" in body:
        event = {**body["requestPayload"], "resources": [REDRIVEN]}
        handing.hand_over(place, body["requestContext"]["functionArn"].removesuffix(":$LATEST"), event)
    elif "message_id" in body:
        _tell_again(place, [(body["message_id"], int(body["sequence"]))])
    elif target := entry.get("MessageAttributes", {}).get("TARGET_ARN", {}).get("StringValue"):
        handing.hand_over(place, target, {**body, "resources": [REDRIVEN]})
    elif "Records" in body:  # an event that a function called by a topic failed at
        raise Stopped("it does not say which function it was for")
    else:
        raise Stopped("nobody knows where it belongs")


def _tell_again(place: Place, wanted: list[tuple[str, int]]) -> None:
    """Publish changes to everybody, the webhooks too; `sequence` 0 means all of a text."""
    for message_id, sequence in wanted:
        message = store.get(message_id)
        found = [change for change in changes_of(message) if sequence in (0, change.sequence)]
        if failed := publish(found):
            raise Stopped(f"the event bus refused it again: {failed[0][1]}")
        enqueue(letter for change in found for letter in letters(message, change))


def _messages_of_batch(place: Place, batch: Mapping[str, Any]) -> list[tuple[str, int]]:
    """The texts in a batch that the stream gave up. The stream keeps them for 24 hours."""
    streams = place.client("dynamodbstreams")
    where = {"StreamArn": batch["streamArn"], "ShardId": batch["shardId"]}
    try:
        iterator = streams.get_shard_iterator(
            **where, ShardIteratorType="AT_SEQUENCE_NUMBER", SequenceNumber=batch["startSequenceNumber"]
        )["ShardIterator"]
        records = streams.get_records(ShardIterator=iterator, Limit=batch["batchSize"])["Records"]
    except streams.exceptions.TrimmedDataAccessException:
        since = batch["approximateArrivalOfFirstRecord"]
        raise Stopped(f"the stream keeps nothing that is older than a day: make replay SINCE={since}") from None
    ids = [record["dynamodb"]["Keys"]["message_id"]["S"] for record in records]
    return [(message_id, 0) for message_id in dict.fromkeys(ids)]


def _reasons(sqs: Any, url: str) -> dict[str, int]:
    """The reasons of the first entries, and how often each stands; they are only looked at, and go back at once."""
    entries = list(islice(_entries(sqs, url, hide=30), SHOWN))
    for start in range(0, len(entries), 10):
        back = [
            {"Id": str(number), "ReceiptHandle": entry["ReceiptHandle"], "VisibilityTimeout": 0}
            for number, entry in enumerate(entries[start : start + 10])
        ]
        sqs.change_message_visibility_batch(QueueUrl=url, Entries=back)
    return dict(Counter(map(_reason, entries)))


def _reason(entry: Mapping[str, Any]) -> str:
    """Why it is there, as far as it says so itself."""
    attributes = entry.get("MessageAttributes", {})
    if "ERROR_CODE" in attributes:
        message = attributes.get("ERROR_MESSAGE", {}).get("StringValue", "")
        return f"{attributes['ERROR_CODE']['StringValue']} {message}".strip()
    try:
        body = json.loads(entry["Body"])
    except ValueError:
        return "it cannot be read"
    if "reason" in body:
        return str(body["reason"])
    said = body.get("responsePayload")
    if isinstance(said, dict) and "errorType" in said:
        return f"{said['errorType']}: {said.get('errorMessage', '')}"[:200]
    if "requestContext" in body:
        return str(body["requestContext"].get("condition", "given up"))
    return "it was taken off too often, and never handled"


def _entries(sqs: Any, url: str, hide: int) -> Iterator[dict[str, Any]]:
    """Each entry once, hidden from others for so many seconds."""
    seen: set[str] = set()
    while True:
        asked = {"MaxNumberOfMessages": 10, "VisibilityTimeout": hide, "MessageAttributeNames": ["All"]}
        found = sqs.receive_message(QueueUrl=url, **asked).get("Messages", [])
        new = [entry for entry in found if entry["MessageId"] not in seen]
        if not new:
            return
        seen |= {entry["MessageId"] for entry in new}
        yield from new


def _send(place: Place, queue: str, body: str) -> None:
    place.client("sqs").send_message(QueueUrl=place.queue_url(queue), MessageBody=body)


def _afresh(body: str) -> str:
    """A letter as it was at first: with all its attempts before it."""
    letter = json.loads(body)
    letter.pop("reason", None)
    return json.dumps({**letter, "attempts": 0, "not_before": 0.0})
