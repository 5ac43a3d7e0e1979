"""The sandbox provider: what its callbacks look like, for the conformance suite, and what the last digits choose."""

import json

import pytest

from chalicelib.providers.base import Callback
from chalicelib.providers.sandbox import Sandbox
from chalicelib.stage import now as clock
from chalicelib.status import Status

SETTINGS = {"secret": "s3cret-of-the-sandbox", "stage": "test"}


def callback(word, now):
    queued = json.dumps({"url": "https://sms.example.com", "message_id": "0" * 32, "status": word})
    request = Sandbox(SETTINGS).report(queued, now)
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Callback(request.method, request.url, headers, body=request.content)


def genuine_callback(now):
    return callback("delivered", now)


@pytest.mark.parametrize("status", [Status.SENT, Status.DELIVERED, Status.REJECTED, Status.UNDELIVERED, Status.EXPIRED])
def test_a_receipt_carries_our_id_and_the_status(status):
    (receipt,) = Sandbox(SETTINGS).parse_callback(callback(status.value, clock()))
    assert (receipt.message_id, receipt.status) == ("0" * 32, status)
    assert (receipt.error is not None) == (status not in (Status.SENT, Status.DELIVERED))
