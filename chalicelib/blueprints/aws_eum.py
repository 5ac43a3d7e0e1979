"""What AWS End User Messaging reports: through the stage's SNS topic, or by itself on the account's event bus.

Nobody but those two may call these functions (IAM sees to it), so there is no signature to verify. What cannot be handled is
tried again and then kept on the queue `dead-<function>`.
"""

from __future__ import annotations

import json

from chalice.app import Blueprint, CloudWatchEvent, SNSEvent

from chalicelib.config import settings
from chalicelib.receipts import apply_delivered

aws_eum = Blueprint(__name__)

NAME = "aws_eum"
#: https://docs.aws.amazon.com/sms-voice/latest/userguide/monitor-event-bridge.html
PATTERN = {"source": ["aws.sms-voice"], "detail-type": ["Text Message Delivery Status Updated"]}


@aws_eum.on_sns_message(topic=settings().resource("aws-eum"))
def aws_eum_message(event: SNSEvent) -> None:
    """A receipt by way of a configuration set, or an incoming text by way of a two-way number."""
    apply_delivered(NAME, event.message)


@aws_eum.on_cw_event(PATTERN)
def aws_eum_event(event: CloudWatchEvent) -> None:
    """A receipt that AWS puts on the event bus."""
    apply_delivered(NAME, json.dumps(event.detail))
