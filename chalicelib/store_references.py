"""`provider#id` to our message: for receipts that carry nothing but the provider's own id.

The item under that key is written from two sides, each with one request: the text that the provider took (`link`) and the receipt
(`resolve`). Whichever comes second finds the other there, so no receipt is lost to being early.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from pynamodb.expressions.condition import size

from chalicelib.messages import DeliveryReceipt
from chalicelib.models import ProviderReferenceRecord as Record
from chalicelib.store_table import Refused, update

#: Receipts come within days; a look-up that is kept longer only costs.
KEPT = timedelta(days=30)
#: A flood of receipts for an id that nobody claims must not grow its item without end.
MOST_PARKED = 50


def resolve(provider: str, provider_message_id: str, receipt: DeliveryReceipt, now: datetime) -> str | None:
    """Our id of the text, or None: then the receipt is parked until the text claims it. Raises StoreUnavailable."""
    kept = json.dumps(receipt.as_json())
    waiting = Record.parked.does_not_exist() | (size(Record.parked) < MOST_PARKED)
    try:
        update(
            Record(_key(provider, provider_message_id)),
            [Record.parked.set((Record.parked | []).append([kept])), Record.expires_on.set(now + KEPT)],
            Record.message_id.does_not_exist() & waiting,
        )
    except Refused as refused:
        found = refused.item.get("message_id")
        return str(found["S"]) if found else None
    return None


def link(provider: str, provider_message_id: str, message_id: str, now: datetime) -> list[DeliveryReceipt]:
    """Tie a provider's id to a text; returns the receipts that are parked there. Raises StoreUnavailable.

    They stay there until the item's time is over: should whoever called die before it applied them, they can be asked for again.
    """
    try:
        answer = update(
            Record(_key(provider, provider_message_id)),
            [Record.message_id.set(message_id), Record.expires_on.set(now + KEPT)],
            Record.message_id.does_not_exist() | (Record.message_id == message_id),
            ReturnValues="ALL_OLD",
        )
    except Refused:  # the provider gave two texts one id: whatever it reports is about the first
        return []
    parked = answer.get("Attributes", {}).get("parked", {"L": []})["L"]
    return [DeliveryReceipt.from_json(json.loads(kept["S"])) for kept in parked]


def _key(provider: str, provider_message_id: str) -> str:
    """Providers differ with themselves over the case of hexadecimal ids; whether two are the same never depends on it."""
    return f"{provider}#{provider_message_id.strip().lower()}"
