"""A provider inside the stage that needs no account: its receipts come through the real callback route, signed.

The last four digits of the recipient choose what happens:

    0001  refused at once        0004  expired
    0002  rejected               0005  never heard of again
    0003  undelivered            any other: delivered

A submission puts the receipts to come on the stage's `sandbox` queue, delayed; the function `sandbox_report` takes them off and
posts them to the message's callback URL, as a provider would.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from chalicelib.errors import (
    CallbackNotAuthentic,
    CallbackUnreadable,
    ErrorClass,
    ProviderUnavailable,
    RecipientRefused,
)
from chalicelib.http import HttpRequest
from chalicelib.messages import DeliveryReceipt, IncomingText, MessageError, Submission, TextMessage
from chalicelib.providers.base import Callback, Provider
from chalicelib.status import FAILED, Status

#: Seconds after the submission, and the word.
OUTCOMES: dict[str, tuple[tuple[int, str], ...]] = {
    "0002": ((1, "sent"), (2, "rejected")),
    "0003": ((1, "sent"), (2, "undelivered")),
    "0004": ((1, "sent"), (2, "expired")),
    "0005": (),
}
DELIVERED = ((1, "sent"), (2, "delivered"))
MAX_AGE = 300  # seconds


class Sandbox(Provider):
    """Reports what the recipient's last digits choose."""

    name = "sandbox"
    docs = "docs/providers.md"
    STATUSES = {status.value: status for status in (Status.SENT, Status.DELIVERED, *FAILED)}  # noqa: RUF012
    required = ("secret", "stage")
    authenticity = "HMAC-SHA256 of time and body"

    def submit(self, message: TextMessage) -> Submission:
        """Take the text and queue the receipts to come."""
        if message.to.endswith("0001"):
            raise RecipientRefused("invalid_recipient", "the sandbox refuses numbers that end in 0001")
        if url := self.callback_url(message):
            for delay, word in OUTCOMES.get(message.to[-4:], DELIVERED):
                report = {"url": url, "message_id": message.id, "status": word}
                self._queue(json.dumps(report), delay)
        return Submission((f"sandbox-{message.id}",), provider_status="accepted", segments=message.segments)

    def report(self, body: str, now: datetime) -> HttpRequest:
        """The callback that a queued receipt asks for."""
        queued = json.loads(body)
        text = json.dumps({"message_id": queued["message_id"], "status": queued["status"]})
        timestamp = str(int(now.timestamp()))
        headers = {
            "Content-Type": "application/json",
            "X-Sandbox-Timestamp": timestamp,
            "X-Sandbox-Signature": self._signature(timestamp, text.encode()),
        }
        return HttpRequest("POST", queued["url"], headers, content=text.encode())

    def deliver(self, body: str, now: datetime) -> None:
        """Post a queued receipt to its callback URL. Raises ProviderUnavailable unless it was taken: the queue tries again."""
        status = self.exchange(self.report(body, now)).status
        if status >= 300:
            raise ProviderUnavailable("callback_failed", f"the callback was answered with HTTP {status}")

    def verify_callback(self, callback: Callback, now: datetime) -> None:
        """HMAC-SHA256 of `timestamp.body` with the stage's sandbox secret, at most five minutes old."""
        timestamp = callback.headers.get("x-sandbox-timestamp", "")
        given = callback.headers.get("x-sandbox-signature", "")
        if not hmac.compare_digest(given.encode(), self._signature(timestamp, callback.body).encode()):
            raise CallbackNotAuthentic("the signature is missing or wrong")
        if not timestamp.isdigit() or abs(now.timestamp() - int(timestamp)) > MAX_AGE:
            raise CallbackNotAuthentic("the signature is too old")

    def parse_callback(self, callback: Callback) -> Sequence[DeliveryReceipt | IncomingText]:
        """One receipt."""
        try:
            word, message_id = callback.params()["status"], callback.params()["message_id"]
        except KeyError:
            raise CallbackUnreadable("it names no status or no message") from None
        status = self.STATUSES.get(word, Status.UNKNOWN)
        error = (
            MessageError(ErrorClass.RECIPIENT, word, word, "as the sandbox was asked to") if status in FAILED else None
        )
        return (DeliveryReceipt(status, word, message_id, f"sandbox-{message_id}", error=error),)

    def _signature(self, timestamp: str, body: bytes) -> str:
        return hmac.new(self.settings["secret"].encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()

    def _queue(self, body: str, delay: int) -> None:
        client, url = _queue(f"smsignal-{self.settings['stage']}-sandbox")
        client.send_message(QueueUrl=url, MessageBody=body, DelaySeconds=delay)


@lru_cache(maxsize=1)
def _queue(name: str) -> tuple[Any, str]:
    import boto3

    client = boto3.client("sqs")
    return client, client.get_queue_url(QueueName=name)["QueueUrl"]
