"""What stands in for the AWS services beside DynamoDB: queues that remember, and a parameter store with nothing in it."""

import json
from collections import defaultdict

from chalicelib import aws
from chalicelib.messages import rfc3339


def ticket(message):
    """What the outbox holds for a text."""
    return json.dumps({"message_id": message.id, "due_at": rfc3339(message.due_at)})


class Queues:
    """The stage's queues: what was put on each, with its delay in seconds."""

    def __init__(self):
        self.sent = defaultdict(list)

    def send(self, name, messages):
        batch = list(messages)
        self.sent[name] += batch
        return len(batch)

    def take(self, name):
        """The bodies on a queue, which then is empty."""
        taken, self.sent[name] = self.sent[name], []
        return [body for body, _ in taken]


class NoParameters:
    """The client of a parameter store that has no parameter."""

    class exceptions:
        class ParameterNotFound(Exception):
            pass

    def get_parameter(self, **_):
        raise self.exceptions.ParameterNotFound


def install(replace):
    """Put them in place with `replace(module, name, value)`; returns the queues."""
    queues = Queues()
    replace(aws, "send_to_queue", queues.send)
    replace(aws, "client", {"ssm": NoParameters()}.__getitem__)
    return queues
