"""What several of the unit tests need: a client's server, somebody else's queue."""

import pytest

from chalicelib import config
from tests.webhook_server import WebhookServer


class Receiver:
    """A client's server: it keeps each request, and answers as it is told; with a certificate for `client.test`, if any."""

    def __init__(self, tls=None):
        self.requests, self.answer, self.headers = [], 200, {}
        self._server = WebhookServer(self._handle, tls)
        self.url = f"http{'s' if tls else ''}://{'client.test' if tls else '127.0.0.1'}:{self._server.port}/hooks?a=b"

    def _handle(self, headers, body):
        self.requests.append((headers, body))
        return self.answer, self.headers

    def close(self):
        """Listen no more."""
        self._server.close()


@pytest.fixture
def receiver(monkeypatch):
    """A client's server on this machine, to which a local stack may post."""
    monkeypatch.setenv("SMSIGNAL_WEBHOOKS_TO", "loopback")
    config.settings.cache_clear()
    made = Receiver()
    yield made
    made.close()


def make_queue(aws, name="theirs"):
    """A queue of another application's: its ARN."""
    url = aws["sqs"].create_queue(QueueName=name)["QueueUrl"]
    return aws["sqs"].get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
