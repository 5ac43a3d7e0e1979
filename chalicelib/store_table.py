"""The one way of writing to a table: conditional, and with the stored item handed back when the condition fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from pynamodb.exceptions import PynamoDBConnectionError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from chalicelib.aws import tables_client
from chalicelib.errors import StoreUnavailable, TextMessageError
from chalicelib.store_update import Update


class Refused(TextMessageError):
    """The write's condition failed. `item` is what is stored, in DynamoDB's own JSON; empty when nothing is."""

    def __init__(self, item: dict[str, Any]) -> None:
        self.item = item
        super().__init__("the condition of the write failed")


def put(record: Model, condition: Condition) -> None:
    """Store a whole item. Raises Refused, StoreUnavailable."""
    kwargs = record.get_save_kwargs_from_instance(condition=condition, return_values_on_condition_failure="ALL_OLD")
    _write("put_item", kwargs)


def put_all(records: Sequence[Model], condition: Condition) -> None:
    """Store up to 100 whole items in one request, all or none; one that is sent twice is done once.

    Raises Refused when one of them cannot be, StoreUnavailable.
    """
    puts = [{"Put": record.get_save_kwargs_from_instance(condition=condition)} for record in records]
    _write("transact_write_items", {"TransactItems": puts, "ClientRequestToken": uuid4().hex})


def update(record: Model, actions: Sequence[Action], condition: Condition, **options: str) -> dict[str, Any]:
    """Change an item; returns DynamoDB's answer. Raises Refused, StoreUnavailable."""
    kwargs = record.get_update_kwargs_from_instance(
        list(actions), condition=condition, return_values_on_condition_failure="ALL_OLD"
    )
    return _write("update_item", {**kwargs, **options})


def change_item(record: type[Model], key: dict[str, Any], change: Update) -> None:
    """Change an item as it is written out. Raises Refused, StoreUnavailable."""
    where = {"TableName": record.Meta.table_name, "Key": key}
    _write("update_item", {**where, **change.parameters(), "ReturnValuesOnConditionCheckFailure": "ALL_OLD"})


def _write(operation: str, kwargs: dict[str, Any]) -> dict[str, Any]:
    # Model.save and Model.update cannot ask for the stored item on refusal (PynamoDB 6.1); the client below them can.
    with translated():
        answer: dict[str, Any] = getattr(tables_client(), operation)(**kwargs)
    return answer


@contextmanager
def translated() -> Iterator[None]:
    """PynamoDB's and botocore's exceptions in our words."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except PynamoDBConnectionError as error:
        why = error.cause_response_code or type(error.cause).__name__
        raise StoreUnavailable(f"the message store did not answer: {why}") from error
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ConditionalCheckFailedException", "TransactionCanceledException"):
            raise Refused(error.response.get("Item", {})) from None
        raise StoreUnavailable(f"the message store refused: {error.response['Error']['Code']}") from error
    except BotoCoreError as error:
        raise StoreUnavailable(f"the message store did not answer: {type(error).__name__}") from error
