"""The work of a status callback, the same for every peer: Vonage's signature is verified, then one conditional write.

It does what smsignal does with a receipt for a text of one segment: the same condition, the same attributes, one request.
https://developer.vonage.com/en/getting-started/concepts/signing-messages (checked 2026-11-25)
"""

import hmac
import json
import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

import boto3

TABLE = os.environ["MESSAGES_TABLE"]
#: Vonage's words: our status, and its rank.
STATUSES = {
    "accepted": ("sent", 2),
    "buffered": ("sent", 2),
    "unknown": ("unknown", 3),
    "failed": ("undelivered", 4),
    "rejected": ("rejected", 4),
    "expired": ("expired", 4),
    "delivered": ("delivered", 5),
}

dynamodb = boto3.client("dynamodb")
parameter = boto3.client("ssm").get_parameter(Name=os.environ["SECRET_NAME"], WithDecryption=True)
SECRET = json.loads(parameter["Parameter"]["Value"])["signature_secret"]


class NotAuthentic(Exception):
    """The callback is not the provider's: answer 403."""


def apply(params: Mapping[str, str]) -> None:
    """Verify a callback and store what it reports. Raises NotAuthentic."""
    verify(params)
    advance(params)


def verify(params: Mapping[str, str]) -> None:
    """The signature over all parameters but itself, in order of their names, and its age."""
    names = sorted(name for name in params if name != "sig")
    text = "".join(f"&{name}={re.sub('[&=]', '_', params[name])}" for name in names)
    good = hmac.new(SECRET.encode(), text.encode(), "sha256").hexdigest()
    if not hmac.compare_digest(params.get("sig", "").lower().encode(), good.encode()):
        raise NotAuthentic
    if not -300 <= time.time() - int(params.get("timestamp", 0)) <= 86_700:
        raise NotAuthentic


def advance(params: Mapping[str, str]) -> None:
    """One write, which moves the status forward or does nothing."""
    status, rank = STATUSES[params["status"]]
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    entry = {"at": now, "status": status, "source": "receipt", "outcome": "applied", "became": status}
    entry |= {"provider_status": params["status"], "detail": f"segment {params['messageId']}", "price": params["price"]}
    values: dict[str, Any] = {
        ":provider": {"S": "vonage"},
        ":rank": {"N": str(rank)},
        ":one": {"N": "1"},
        ":true": {"BOOL": True},
        ":status": {"S": status},
        ":now": {"S": now},
        ":entry": {"L": [{"M": {name: {"S": value} for name, value in entry.items()}}]},
        ":price": {"S": params["price"]},
        ":currency": {"S": "EUR"},
    }
    with suppress(dynamodb.exceptions.ConditionalCheckFailedException):  # a late one: the status only moves forward
        dynamodb.update_item(
            TableName=TABLE,
            Key={"message_id": {"S": params["client-ref"]}},
            UpdateExpression=(
                "SET #status = :status, #rank = :rank, updated_on = :now, history = list_append(history, :entry), "
                "#sequence = #sequence + :one, revision = revision + :one, price = if_not_exists(price, :price), "
                "currency = if_not_exists(currency, :currency) REMOVE #error, due_at, due_shard"
            ),
            ConditionExpression=("provider = :provider AND #rank < :rank AND #segments = :one AND is_counted = :true"),
            ExpressionAttributeNames={
                "#status": "status",
                "#rank": "rank",
                "#sequence": "sequence",
                "#segments": "segments",
                "#error": "error",
            },
            ExpressionAttributeValues=values,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
