"""The floor of a send: a bare Chalice app of one route that makes the same requests to DynamoDB and to the provider, and answers.

It checks nothing, and knows nothing of what can go wrong.
"""
# mypy: ignore-errors

import json
import os
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any
from uuid import uuid4

import boto3
import requests
from chalice import Chalice, Response

TABLE, KEYS = os.environ["MESSAGES_TABLE"], os.environ["KEYS_TABLE"]

app = Chalice(app_name="floor")
dynamodb = boto3.client("dynamodb")
parameter = boto3.client("ssm").get_parameter(Name=os.environ["SECRET_NAME"], WithDecryption=True)
SECRET = json.loads(parameter["Parameter"]["Value"])


@app.route("/send", methods=["POST"])
def send() -> Response:
    """Store the text, hand it to the provider, store what that said, and answer."""
    request = app.current_request
    key = api_key(request.headers["authorization"].split("_")[1])
    body, message_id, now = request.json_body, uuid4().hex, datetime.now(timezone.utc)
    item = new_item(body, message_id, now, key)
    dynamodb.put_item(
        TableName=TABLE,
        Item=item,
        ConditionExpression="attribute_not_exists(message_id)",
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )
    form = {"from": "smsignal", "to": body["to"][1:], "text": body["text"], "client-ref": message_id}
    form |= {"status-report-req": "1", "callback": f"{item['public_url']['S']}/callback/vonage"}
    auth = SECRET["api_key"], SECRET["api_secret"]
    reply = requests.post(f"{SECRET['base_url']}/sms/json", data=form, auth=auth, timeout=15).json()
    accept(message_id, reply["messages"][0], datetime.now(timezone.utc))
    answer = {"id": message_id, "status": "sending", "created_on": rfc3339(now)}
    return Response(answer, headers={"Location": f"/messages/{message_id}"}, status_code=201)


@lru_cache(maxsize=1000)
def api_key(key_id: str) -> str:
    """The key, read once, as smsignal does in a new container."""
    return str(
        dynamodb.get_item(TableName=KEYS, Key={"key_id": {"S": key_id}}, ConsistentRead=True)["Item"]["key_id"]["S"]
    )


def new_item(body: dict[str, Any], message_id: str, now: datetime, key: str) -> dict[str, Any]:
    """The item as smsignal stores it."""
    at, context = rfc3339(now), app.current_request.context
    strings = {
        "message_id": message_id, "direction": "outgoing", "frm": "smsignal", "to": body["to"], "text": body["text"],
        "encoding": "GSM-7", "status": "created", "created_on": at, "updated_on": at, "provider": "vonage",
        "priority": "normal", "public_url": f"https://{context['domainName']}/{context['stage']}", "key_id": key,
        "fingerprint": "0" * 64, "due_at": rfc3339(now + timedelta(seconds=90)), "recipient": body["to"],
        "day": f"{at[:10]}#{message_id[0]}", "position": f"{at}#{message_id}", "due_shard": message_id[0],
    }  # fmt: skip
    entry = {"at": at, "status": "created", "source": "client", "outcome": "applied", "became": "created"}
    flags = {
        "fail_silently": False,
        "resend_on_unknown": False,
        "routed": False,
        "may_be_out": False,
        "has_slot": False,
    }
    numbers = {"segments": 1, "sequence": 1, "revision": 1, "attempts": 1, "rank": 0}
    return {
        **{name: {"S": value} for name, value in strings.items()},
        **{name: {"N": str(value)} for name, value in numbers.items()},
        **{name: {"BOOL": value} for name, value in (flags | {"status_report": True, "is_counted": False}).items()},
        "provider_message_ids": {"L": []}, "passed": {"L": []}, "holders": {"L": [{"S": uuid4().hex}]},
        "metadata": {"M": {}}, "parts": {"M": {}}, "fragments": {"M": {}},
        "history": {"L": [{"M": {name: {"S": value} for name, value in entry.items()}}]},
    }  # fmt: skip


def accept(message_id: str, taken: dict[str, str], now: datetime) -> None:
    """The text is the provider's."""
    at = rfc3339(now)
    entry = {"at": at, "status": "sending", "source": "submit", "outcome": "applied", "became": "sending"}
    entry |= {"provider_status": taken["status"], "price": taken["message-price"]}
    dynamodb.update_item(
        TableName=TABLE,
        Key={"message_id": {"S": message_id}},
        UpdateExpression=(
            "SET #status = :status, updated_on = :now, provider_message_ids = :ids, price = :price, currency = :currency, "
            "history = list_append(history, :entry), #sequence = :two, holders = :none, due_at = :due, submitted_on = :now, "
            "is_counted = :true, #rank = :one, revision = :two"
        ),
        ConditionExpression="revision = :one",
        ExpressionAttributeNames={"#status": "status", "#sequence": "sequence", "#rank": "rank"},
        ExpressionAttributeValues={
            ":status": {"S": "sending"}, ":now": {"S": at}, ":ids": {"L": [{"S": taken["message-id"]}]},
            ":price": {"S": taken["message-price"]}, ":currency": {"S": "EUR"}, ":one": {"N": "1"}, ":two": {"N": "2"},
            ":entry": {"L": [{"M": {name: {"S": value} for name, value in entry.items()}}]}, ":none": {"L": []},
            ":due": {"S": rfc3339(now + timedelta(hours=1))}, ":true": {"BOOL": True},
        },
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )  # fmt: skip


def rfc3339(at: datetime) -> str:
    """UTC, in milliseconds."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
