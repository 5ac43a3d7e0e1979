"""Every read and write of API keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pynamodb.exceptions import DoesNotExist

from chalicelib.models import ApiKeyRecord
from chalicelib.store_table import translated


@dataclass(frozen=True)
class ApiKey:
    """One API key, as it is stored: never with its secret."""

    key_id: str
    secret_hash: str
    scopes: tuple[str, ...]
    created_on: datetime
    label: str | None = None
    revoked_on: datetime | None = None


def put_key(key: ApiKey) -> None:
    """Store a new key. Raises StoreUnavailable."""
    with translated():
        ApiKeyRecord(**vars(key)).save(condition=ApiKeyRecord.key_id.does_not_exist())


def get_key(key_id: str) -> ApiKey | None:
    """The key with that public part, or None. Raises StoreUnavailable."""
    try:
        with translated():
            record = ApiKeyRecord.get(key_id, consistent_read=True)
    except DoesNotExist:
        return None
    return ApiKey(record.key_id, record.secret_hash, record.scopes, record.created_on, record.label, record.revoked_on)


def revoke_key(key_id: str, now: datetime) -> bool:
    """Mark a key as revoked; False when there is none. Raises StoreUnavailable."""
    if get_key(key_id) is None:
        return False
    with translated():
        ApiKeyRecord(key_id).update(
            actions=[ApiKeyRecord.revoked_on.set(ApiKeyRecord.revoked_on | now)],
            condition=ApiKeyRecord.key_id.exists(),
        )
    return True
