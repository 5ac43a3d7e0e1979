"""What was given up: listed with its reasons, and put back to where it was to go."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from chalicelib import store
from chalicelib.delivering import enqueue, letters
from chalicelib.replaying import changes_of
from chalicelib.signals import publish
from chalicelib.store_once import REDRIVEN
from infra.errors import Stopped
from infra.signals import handing, readers
from infra.signals.place import Place
from infra.stack import Show

#: Queues whose entries go back to another queue as they are, and that queue.
BACK = {"outbox-dead": "outbox", "sandbox-dead": "sandbox"}
SHOWN = 200  # entries of a queue that are looked at for their reasons
PAGES = 20  # of the stream that are read for one batch


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
                count = sum(int(attributes[one]) for one in asked)
                yield DeadQueue(name, count, _reasons(sqs, url, min(count, SHOWN)))


def is_dead(name: str) -> bool:
    """Whether a queue's name is that of one for what was given up."""
    return name.startswith("dead-") or name.endswith("-dead") or name == "unsignalled"


def redrive(place: Place, name: str, show: Show) -> int:
    """Put what is in a queue back; returns how many. What cannot be put back stays there. Raises Stopped."""
    if not is_dead(name):
        raise Stopped(f"'{name}' is no dead-letter queue; see: make dlq STAGE={place.stage}")
    url, sqs, count = place.queue_url(name), place.client("sqs"), 0
    put_back, left = _way_back(place, name), []
    for entry in _entries(sqs, url, hide=60):
        try:
            put_back(entry)
        except Exception as error:  # whatever is wrong with one, those behind it are put back
            show(f"left where it is: {error}")
            left.append(entry)
            continue
        sqs.delete_message(QueueUrl=url, ReceiptHandle=entry["ReceiptHandle"])
        count += 1
        show(f"{count} put back")
    _show_again(sqs, url, left)
    return count


def _way_back(place: Place, name: str) -> Callable[[Mapping[str, Any]], None]:
    if name in BACK:
        return lambda entry: _send(place, BACK[name], entry["Body"])
    if name == "webhooks-dead":
        return lambda entry: _send(place, "webhooks", _afresh(entry["Body"]))
    if name == "attached-dead":
        return lambda entry: _put_back(place, entry, _call_reader)
    return lambda entry: _put_back(place, entry, _tell_batch_again)


def _put_back(place: Place, entry: Mapping[str, Any], put_back_batch: Callable[[Place, Any], None]) -> None:
    """An event, in Lambda's envelope or in that of the bus, or a pointer to changes."""
    body = json.loads(entry["Body"])
    if "DDBStreamBatchInfo" in body:
        put_back_batch(place, body)
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
        if not found:
            raise Stopped(f"text {message_id} has no change {sequence or 'that was signalled'}")
        if failed := publish(found):
            raise Stopped(f"the event bus refused it again: {failed[0][1]}")
        enqueue(letter for change in found for letter in letters(message, change))


def _tell_batch_again(place: Place, body: Mapping[str, Any]) -> None:
    """What the stage's own reader gave up, to everybody."""
    records = _records(place, body["DDBStreamBatchInfo"])
    ids = [record["dynamodb"]["Keys"]["message_id"]["S"] for record in records]
    _tell_again(place, [(message_id, 0) for message_id in dict.fromkeys(ids)])


def _call_reader(place: Place, body: Mapping[str, Any]) -> None:
    """What another reader of the stream gave up, to that one alone, through the filter that it has now."""
    arn = body["requestContext"]["functionArn"].removesuffix(":$LATEST")
    mine = [one for one in readers.attached(place) if readers.same(one["FunctionArn"], arn)]
    wanted = [status for one in mine for status in readers.statuses_of(one)]
    found = _records(place, body["DDBStreamBatchInfo"])
    records = [one for one in found if not wanted or _status(one) in wanted]
    if records:
        handing.call(place, arn, {"Records": records})


def _status(record: Mapping[str, Any]) -> str | None:
    status: str | None = record["dynamodb"].get("NewImage", {}).get("status", {}).get("S")
    return status


def _records(place: Place, batch: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The records of a batch that was given up, as Lambda gets them. The stream keeps them for 24 hours."""
    streams, found = place.client("dynamodbstreams"), []
    where = {"StreamArn": batch["streamArn"], "ShardId": batch["shardId"]}
    first, last = batch["startSequenceNumber"], int(batch["endSequenceNumber"])
    try:
        iterator = streams.get_shard_iterator(
            **where, ShardIteratorType="AT_SEQUENCE_NUMBER", SequenceNumber=first
        ).get("ShardIterator")
        for _ in range(PAGES):  # a page may be empty, and more follow
            page = streams.get_records(ShardIterator=iterator) if iterator else {"Records": []}
            found += [one for one in page["Records"] if int(one["dynamodb"]["SequenceNumber"]) <= last]
            iterator = page.get("NextShardIterator")
            if found and int(found[-1]["dynamodb"]["SequenceNumber"]) >= last:
                break
    except (streams.exceptions.TrimmedDataAccessException, streams.exceptions.ResourceNotFoundException):
        since = batch["approximateArrivalOfFirstRecord"]
        raise Stopped(f"the stream keeps nothing that is older than a day: make replay SINCE={since}") from None
    for record in found:  # boto3 made a datetime of what Lambda is given as seconds
        record["dynamodb"]["ApproximateCreationDateTime"] = record["dynamodb"][
            "ApproximateCreationDateTime"
        ].timestamp()
    return [{**record, "eventSourceARN": batch["streamArn"]} for record in found]


def _reasons(sqs: Any, url: str, shown: int) -> dict[str, int]:
    """The reasons of the first entries, and how often each stands; they are only looked at, and go back at once."""
    entries = list(islice(_entries(sqs, url, hide=30), shown))
    _show_again(sqs, url, entries)
    return dict(Counter(map(_reason, entries)))


def _show_again(sqs: Any, url: str, entries: Sequence[Mapping[str, Any]]) -> None:
    """Hide entries no longer."""
    for start in range(0, len(entries), 10):
        back = [
            {"Id": str(number), "ReceiptHandle": entry["ReceiptHandle"], "VisibilityTimeout": 0}
            for number, entry in enumerate(entries[start : start + 10])
        ]
        sqs.change_message_visibility_batch(QueueUrl=url, Entries=back)


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
        # Without a wait SQS asks a part of its servers only, and may find nothing where there is something.
        asked = {"MaxNumberOfMessages": 10, "WaitTimeSeconds": 1, "VisibilityTimeout": hide}
        found = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], **asked).get("Messages", [])
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
