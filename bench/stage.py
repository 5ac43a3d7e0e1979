"""A stage of smsignal in DynamoDB Local, and what every function is told of it."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config

from bench.outside import outside
from chalicelib.store import due_shard
from infra.paths import ROOT
from infra.stage import read_stage
from localdev import dynamodb_local, environment
from localdev.tables import create_tables

STAGE = "dev"
BATCH = 25  #: items of a BatchWriteItem


@dataclass(frozen=True)
class Stage:
    """The tables, with a client of them, and the variables of the functions."""

    tables: Any
    variables: Mapping[str, str]
    token: str  #: an API key

    def item(self, message_id: str) -> dict[str, Any]:
        """A stored text."""
        found = self.tables.get_item(TableName=table("messages"), Key={"message_id": {"S": message_id}})
        return dict(found["Item"])

    def copies(self, item: Mapping[str, Any], count: int) -> list[str]:
        """Store a text so many times under new ids, which are returned."""
        ids = [uuid4().hex for _ in range(count)]
        for start in range(0, count, BATCH):
            puts = [{"PutRequest": {"Item": _as(item, one)}} for one in ids[start : start + BATCH]]
            answer = self.tables.batch_write_item(RequestItems={table("messages"): puts})
            if answer["UnprocessedItems"]:
                raise RuntimeError("DynamoDB Local did not take all texts")
        return ids


@contextmanager
def stage(provider: str | None = None, trust: Mapping[str, str] | None = None) -> Iterator[Stage]:
    """DynamoDB Local with empty tables, and the outside. Raises what dynamodb_local raises.

    `provider` is the URL of one over TLS (encrypted.py), and `trust` the variables by which it is believed.
    """
    with dynamodb_local.running() as dynamodb_url, outside(provider) as outside_url:
        variables = (
            read_stage(STAGE).environment
            | dict(trust or {})
            | {
                "AWS_ENDPOINT_URL_DYNAMODB": dynamodb_url,
                "AWS_ENDPOINT_URL_SSM": outside_url,
                # Of the floor and the peers, who have no code to make them:
                "MESSAGES_TABLE": table("messages"),
                "KEYS_TABLE": table("api-keys"),
                "SECRET_NAME": f"/smsignal/{STAGE}/vonage",
            }
        )
        tables = tables_at(dynamodb_url)
        create_tables(tables, STAGE)
        yield Stage(tables, variables, _key(variables))


def tables_at(url: str) -> Any:
    """A client of a DynamoDB Local."""
    access = {name.lower(): value for name, value in environment.AWS.items() if "KEY" in name}
    config = Config(account_id_endpoint_mode="disabled")
    return boto3.client("dynamodb", endpoint_url=url, region_name=environment.REGION, config=config, **access)


def _key(variables: Mapping[str, str]) -> str:
    """An API key, made by smsignal's own code, in a process that sees the stage."""
    command = [sys.executable, "-m", "localdev.apikeys", "bench", "send"]
    env = environment.isolated() | dict(variables)
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=True)
    return str(json.loads(done.stdout))


def _as(item: Mapping[str, Any], message_id: str) -> dict[str, Any]:
    """The text under another id: all that is derived from it follows, so that the indexes are spread as they are."""
    copied = copy.deepcopy(dict(item))
    old = item["message_id"]["S"]
    copied["message_id"] = {"S": message_id}
    for name in ("position", "day"):
        value = copied[name]["S"]
        copied[name] = {"S": value.replace(old, message_id).replace(f"#{old[0]}", f"#{message_id[0]}")}
    if "due_shard" in copied:
        copied["due_shard"] = {"S": due_shard(message_id)}
    return copied


def table(name: str) -> str:
    """The name of one of the stage's tables."""
    return f"smsignal-{STAGE}-{name}"
