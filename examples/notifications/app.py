"""Notifications in step with their texts: an application of its own that smsignal tells of changes.

There are two ways to be told, and a function for each; attach the one that you want (README.md). By either a change may come twice,
and by the bus old news may come after new. The one conditional write in `keep` makes nothing of both.
"""

import logging
import os
from functools import lru_cache

import boto3
from chalice import Chalice

app = Chalice(app_name="notifications")
log = logging.getLogger("notifications")
log.setLevel(logging.INFO)


@app.lambda_function()
def on_bus(event, context):
    """Told by the event bus: one event, with the change as its `detail`."""
    change = event["detail"]
    keep(change["message_id"], change["sequence"], change["status"], change["reference"], change["price"])


@app.lambda_function()
def on_stream(event, context):
    """Told by the table's stream: each write to a text, as it was and as it is. A write that raised `sequence` is a change."""
    for record in event["Records"]:
        old, new = (plain(record["dynamodb"].get(image, {})) for image in ("OldImage", "NewImage"))
        if new and int(new["sequence"]) > int(old.get("sequence", 0)):
            keep(new["message_id"], int(new["sequence"]), new["status"], new.get("reference"), new.get("price"))


def plain(image):
    """The strings and numbers of an image, without DynamoDB's types; numbers as text."""
    return {name: value.get("S", value.get("N")) for name, value in image.items()}


def keep(message_id, sequence, status, reference, price):
    """Write down what became of a text, unless this, or something newer, is written down already."""
    values = {
        ":sequence": {"N": str(sequence)},
        ":event": {"S": f"{message_id}:{sequence}"},
        ":status": {"S": status},
        ":reference": {"S": reference} if reference else {"NULL": True},
        ":price": {"S": price} if price else {"NULL": True},
    }
    names = ("sequence", "event", "status", "reference", "price")
    try:
        dynamodb().update_item(
            TableName=os.environ["TABLE"],
            Key={"message_id": {"S": message_id}},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in names),
            ConditionExpression="attribute_not_exists(#sequence) OR #sequence < :sequence",
            ExpressionAttributeNames={f"#{name}": name for name in names},
            ExpressionAttributeValues=values,
        )
    except dynamodb().exceptions.ConditionalCheckFailedException:
        log.info("nothing new %s:%s", message_id, sequence)
    else:
        log.info("kept %s:%s %s", message_id, sequence, status)


@lru_cache(maxsize=1)
def dynamodb():
    """The client, made when it is first used."""
    return boto3.client("dynamodb")
