"""Processes that use the stage as Lambdas do: each with its own memory, and to be killed at any moment.

Each function is the life of one: it gets its end of a pipe, over which it tells what it does, and what to do.
"""

import json
import os
from pathlib import Path

import stand_ins
from chalice.test import Client

from chalicelib import dispatching, sending, store
from chalicelib.messages import Submission
from chalicelib.providers.dummy import Dummy


def submit(connection):
    """A provider that tells of each text that it was given."""

    def submit(self, message):
        connection.send(("submitted", message.id))
        return Submission((f"dummy-{message.id}",))

    return submit


def start(connection, url):
    os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = url
    stand_ins.install(setattr)
    Dummy.submit = submit(connection)


def post(connection, url, token, barrier, keys):
    """POST /send through the real route, once with each Idempotency-Key, all processes at the same moment."""
    from app import app

    start(connection, url)
    http = Client(app, project_dir=str(Path(__file__).parent)).http
    body = json.dumps({"to": "+33612345678", "text": "Your code is 123456"}).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    for key in keys:
        barrier.wait(30)
        answer = http.post("/send", headers={**headers, "Idempotency-Key": key}, body=body)
        connection.send(("answered", key, answer.status_code, answer.json_body["id"]))
    connection.send(("done",))


def work(connection, url, barrier, tickets):
    """Handle tickets of the outbox, all processes at the same moment."""
    start(connection, url)
    for ticket in tickets:
        barrier.wait(30)
        dispatching.handle(ticket)
    connection.send(("done",))


def receive(connection, url, barrier, message_id, receipts):
    """Apply receipts, all processes at the same moment."""
    start(connection, url)
    for receipt in receipts:
        barrier.wait(30)
        store.advance(message_id, "dummy", receipt, sending.now())
    connection.send(("done",))


def send_and_stop(connection, url, message, moment):
    """Send a text, but go no further than `moment`: before, during or after the call to the provider."""
    start(connection, url)

    def stop(*_):
        connection.send(("stopped",))
        connection.recv()  # for ever, or until the test is gone

    if moment == "before":
        Dummy.submit = stop
    if moment == "during":
        Dummy.submit = lambda self, message: connection.send(("submitted", message.id)) or stop()
    if moment == "after":
        store.change = stop
    sending.send(message)
