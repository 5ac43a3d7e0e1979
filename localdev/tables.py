"""A stage's tables by DynamoDB's own API, where there is no CloudFormation: in DynamoDB Local, in moto."""

from __future__ import annotations

from typing import Any

from infra.resources import properties

WANTED = ("TableName", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")


def create_tables(dynamodb: Any, stage: str) -> None:
    """Make them, from the very template that deploys them."""
    for one in properties("AWS::DynamoDB::Table", stage):
        request = {name: value for name, value in one.items() if name in WANTED}
        if stream := one.get("StreamSpecification"):
            request["StreamSpecification"] = {**stream, "StreamEnabled": True}
        dynamodb.create_table(**request)
