"""The tables, as PynamoDB models. Only store.py imports this; infra/resources.yaml makes them.

The attributes of a message hold the very types of TextMessage, so that one loop turns one into the other. Both list indexes
are keyed so that no key gets hotter as traffic grows (a shard of the message id is part of it) and hold keys only, so that a
change of status writes to neither. `due` is sparse: an item is in it only while something is to be done.
"""

from __future__ import annotations

from typing import Any

from pynamodb.attributes import BooleanAttribute, TTLAttribute, UnicodeAttribute
from pynamodb.connection.table import TableConnection
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from chalicelib.attributes import (
    DecimalAttribute,
    EnumAttribute,
    ErrorAttribute,
    HistoryAttribute,
    IntegerAttribute,
    SegmentsAttribute,
    StringMapAttribute,
    StringsAttribute,
    TimeAttribute,
)
from chalicelib.aws import tables_client
from chalicelib.config import settings
from chalicelib.encoding import Encoding
from chalicelib.messages import Direction, Priority
from chalicelib.status import Status


class _Record(Model):
    """A model that does not make a client of its own, as PynamoDB has it, but uses the one of all tables."""

    @classmethod
    def _get_connection(cls) -> TableConnection:
        made = cls._connection is not None
        table = super()._get_connection()
        if not made:
            table.connection._client = tables_client()  # there is no public way to give it one (PynamoDB 6.1)
        return table


class ByRecipient(GlobalSecondaryIndex[Any]):
    """Outgoing texts to one number, by time."""

    class Meta:
        index_name = "by_recipient"
        projection = KeysOnlyProjection()

    recipient = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)


class ByDay(GlobalSecondaryIndex[Any]):
    """All texts of one UTC day, by time, in shards."""

    class Meta:
        index_name = "by_day"
        projection = KeysOnlyProjection()

    day = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)


class Due(GlobalSecondaryIndex[Any]):
    """What still needs something done, by the time it is due, in shards."""

    class Meta:
        index_name = "due"
        projection = KeysOnlyProjection()

    due_shard = UnicodeAttribute(hash_key=True)
    due_at = TimeAttribute(range_key=True)


class MessageRecord(_Record):
    """One text. Attributes have the names and the types of TextMessage, but for the key and those of the indexes."""

    class Meta:
        table_name = settings().resource("messages")

    id = UnicodeAttribute(hash_key=True, attr_name="message_id")
    direction = EnumAttribute(Direction)
    frm = UnicodeAttribute()
    to = UnicodeAttribute()
    text = UnicodeAttribute()
    encoding = EnumAttribute(Encoding)
    segments = IntegerAttribute()
    status = EnumAttribute(Status)
    created_on = TimeAttribute()
    updated_on = TimeAttribute()
    status_report = BooleanAttribute()
    provider = UnicodeAttribute()
    provider_message_ids = StringsAttribute()
    price = DecimalAttribute(null=True)
    currency = UnicodeAttribute(null=True)
    error = ErrorAttribute(null=True)
    reference = UnicodeAttribute(null=True)
    metadata = StringMapAttribute()
    history = HistoryAttribute()
    fail_silently = BooleanAttribute()
    validity_seconds = IntegerAttribute(null=True)
    send_at = TimeAttribute(null=True)
    resend_on_unknown = BooleanAttribute()
    priority = EnumAttribute(Priority)
    public_url = UnicodeAttribute(null=True)
    key_id = UnicodeAttribute(null=True)
    webhook_url = UnicodeAttribute(null=True)
    routed = BooleanAttribute()
    passed = StringsAttribute()
    fingerprint = UnicodeAttribute(null=True)
    sequence = IntegerAttribute()
    revision = IntegerAttribute()
    attempts = IntegerAttribute()
    holders = StringsAttribute()
    may_be_out = BooleanAttribute()
    has_slot = BooleanAttribute()
    due_at = TimeAttribute(null=True)
    submitted_on = TimeAttribute(null=True)
    is_counted = BooleanAttribute()
    parts = SegmentsAttribute()
    fragments = StringMapAttribute()

    rank = IntegerAttribute()
    recipient = UnicodeAttribute(null=True)
    day = UnicodeAttribute()
    position = UnicodeAttribute()
    due_shard = UnicodeAttribute(null=True)

    by_recipient = ByRecipient()
    by_day = ByDay()
    due = Due()


class ProviderReferenceRecord(_Record):
    """`provider#id` to our message, and receipts that wait for a message to claim them; gone after their time.

    Also what else is shared between Lambdas for a while: when a sender is free again, how a provider fares.
    """

    class Meta:
        table_name = settings().resource("provider-references")

    reference = UnicodeAttribute(hash_key=True)
    message_id = UnicodeAttribute(null=True)
    parked = StringsAttribute(null=True)  #: receipts, as JSON
    free_at = IntegerAttribute(null=True)  #: of a sender with a rate: milliseconds since 1970
    failures = IntegerAttribute(null=True)  #: of a provider, lately
    failed_at = IntegerAttribute(null=True)  #: milliseconds since 1970, as the next one
    open_until = IntegerAttribute(null=True)  #: a provider that fails is left out until then
    trips = IntegerAttribute(null=True)  #: how often in a row it was
    expires_on = TTLAttribute(null=True)


class ApiKeyRecord(_Record):
    """One API key: its public part, and the hash of its secret."""

    class Meta:
        table_name = settings().resource("api-keys")

    key_id = UnicodeAttribute(hash_key=True)
    secret_hash = UnicodeAttribute()
    scopes = StringsAttribute()
    label = UnicodeAttribute(null=True)
    created_on = TimeAttribute()
    revoked_on = TimeAttribute(null=True)
    endpoints = UnicodeAttribute(null=True)  #: of all keys' webhooks, as JSON, in an item of its own
    revision = IntegerAttribute(null=True)
