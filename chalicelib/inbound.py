"""Incoming texts: stored once, however often the provider repeats them; the stream signals each as `Message Received`."""

from __future__ import annotations

import hashlib
from datetime import datetime

from chalicelib import store
from chalicelib.encoding import count_segments, encoding_of
from chalicelib.messages import Direction, HistoryEntry, IncomingText, TextMessage
from chalicelib.status import Status


def receive(provider: str, text: IncomingText, now: datetime) -> TextMessage:
    """Store an incoming text; a repeated one meets itself. Raises StoreUnavailable."""
    message = TextMessage(
        id=_id(provider, text),
        direction=Direction.INCOMING,
        frm=text.frm,
        to=text.to,
        text=text.text,
        encoding=encoding_of(text.text),
        segments=max(1, count_segments(text.text)),
        status=Status.RECEIVED,
        created_on=now,
        updated_on=now,
        status_report=False,
        provider=provider,
        provider_message_ids=(text.provider_message_id,),
        history=(HistoryEntry(now, Status.RECEIVED, "provider", "applied"),),
    )
    try:
        store.create(message)
    except store.Conflict as conflict:
        return conflict.current or message
    return message


def _id(provider: str, text: IncomingText) -> str:
    """An id that is the same each time the provider tells of the same text."""
    return hashlib.blake2b(f"{provider}\0{text.provider_message_id}".encode(), digest_size=16).hexdigest()
