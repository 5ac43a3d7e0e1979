"""Who is told of changes in the flows of signals, and what each was told: queues, functions by their logs, webhook receivers."""

import json
import re
from collections import Counter, defaultdict
from itertools import pairwise

from standardwebhooks import Webhook

from tests.webhook_server import WebhookServer


class Ledger:
    """What one subscriber was told, by event id, in the order in which it came."""

    def __init__(self):
        self.told = []  # (id, what it said)

    def add(self, change):
        """One change, as contract.md has it. What is told again says how long the text is and its currency as they are now."""
        said = {name: value for name, value in change.items() if name not in ("segments", "currency")}
        self.told.append((change["id"], said))

    def once(self):
        """The changes without repeats. Fails when a repeat says something else than the first."""
        found = {}
        for event_id, change in self.told:
            assert found.setdefault(event_id, change) == change, f"{event_id} says two things"
        return found

    def of(self, ids):
        """The ids of the changes of these texts."""
        return {event_id for event_id in self.once() if event_id.split(":")[0] in ids}


class Queue(Ledger):
    """An SQS queue that is attached to the bus."""

    def __init__(self, stack, name):
        super().__init__()
        self._sqs = stack.cloud.client("sqs")
        self.url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        asked = {"QueueUrl": self.url, "AttributeNames": ["QueueArn"]}
        self.arn = self._sqs.get_queue_attributes(**asked)["Attributes"]["QueueArn"]

    def of(self, ids):
        self.empty()
        return super().of(ids)

    def empty(self):
        """Take off what has come."""
        while taken := self._sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            for one in taken:
                self.add(json.loads(one["Body"])["detail"])
            entries = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(taken)]
            self._sqs.delete_message_batch(QueueUrl=self.url, Entries=entries)

    def policy(self):
        """The policy that it has."""
        found = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["Policy"]).get("Attributes", {})
        return json.loads(found["Policy"])["Statement"] if found.get("Policy") else []


class Receiver(Ledger):
    """A client's server for webhooks. A flaky one handles each, and then says at first that it did not."""

    def __init__(self, failures=()):
        super().__init__()
        self.secret, self.answers, self.attempts = None, Counter(), Counter()
        self._failures, self._server = failures, WebhookServer(self._handle)
        self.url = f"http://127.0.0.1:{self._server.port}/hooks"

    def _handle(self, headers, body):
        event = Webhook(self.secret).verify(body, headers)
        assert headers["webhook-id"] == event["data"]["id"]
        self.add(event["data"])
        self.attempts[headers["webhook-id"]] += 1
        first = self.attempts[headers["webhook-id"]] == 1
        failures = self._failures
        answer = failures[len(self.attempts) % len(failures)] if failures and first else 200
        self.answers[answer] += 1
        return answer, {}

    def close(self):
        """Listen no more."""
        self._server.close()


class Logs:
    """A function's log: which event ids it speaks of, line by line."""

    def __init__(self, stack, function):
        self._logs, self.group = stack.cloud.client("logs"), f"/aws/lambda/{function}"

    def lines(self, pattern=""):
        """The lines so far, in order."""
        try:
            pages = self._logs.get_paginator("filter_log_events").paginate(logGroupName=self.group)
            found = [event["message"] for page in pages for event in page["events"]]
        except self._logs.exceptions.ResourceNotFoundException:
            return []  # it was never called
        return [line for line in found if pattern in line]

    def told(self, pattern=""):
        """The event ids in the lines, in order, repeats too."""
        return [event_id for line in self.lines(pattern) for event_id in re.findall(r"[0-9a-f]{32}:\d+", line)]

    def of(self, ids):
        """The ids of the changes of these texts."""
        return {event_id for event_id in self.told() if event_id.split(":")[0] in ids}


def by_text(event_ids):
    """The sequences by message id, in the order of the ids."""
    found = defaultdict(list)
    for event_id in event_ids:
        message_id, sequence = event_id.split(":")
        found[message_id].append(int(sequence))
    return found


def rises(numbers):
    """Whether each is more than the one before it."""
    return all(one < other for one, other in pairwise(numbers))
