"""Incoming texts: stored once, however often the provider repeats them; the stream signals each as `Message Received`.

Of a long text that the provider hands over in parts, the parts are gathered in one item, which is signalled when it is whole, or
when its time is up: then with a mark where a part is missing.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

from chalicelib import store
from chalicelib.encoding import count_segments, encoding_of
from chalicelib.errors import MessageNotFound
from chalicelib.messages import Direction, HistoryEntry, IncomingText, Part, TextMessage
from chalicelib.status import Status

#: How long the parts of a text may be apart; a handset sends them within seconds, a carrier's queue takes minutes.
GATHERING = timedelta(minutes=10)
GAP = "[…]"


def receive(provider: str, text: IncomingText, now: datetime) -> TextMessage:
    """Store an incoming text, or a part of one; a repeated one meets itself. Raises StoreUnavailable."""
    if text.part and text.part.total > 1:
        return _gather(provider, text, text.part, now)
    message = _message(_id(provider, text.provider_message_id), provider, text, now)
    try:
        store.create(message)
    except store.Conflict as conflict:
        return conflict.current or message
    return message


def joined(message: TextMessage, now: datetime) -> TextMessage:
    """A long text as far as it came: whole, or with a mark for each gap. What is joined already stays as it is."""
    if message.status is Status.RECEIVED:
        return message
    pieces = [message.fragments.get(str(number), GAP) for number in range(1, message.segments + 1)]
    missing = pieces.count(GAP)
    detail = f"{missing} of {message.segments} parts missing" if missing else None
    text = "".join(pieces)
    return replace(
        message,
        text=text,
        encoding=encoding_of(text),
        status=Status.RECEIVED,
        history=(
            *message.history,
            HistoryEntry(now, Status.RECEIVED, "provider", "applied", None, detail, Status.RECEIVED),
        ),
        sequence=1,
        updated_on=now,
        due_at=None,
        holders=(),
        fragments={},
    )


def _gather(provider: str, text: IncomingText, part: Part, now: datetime) -> TextMessage:
    """Add a part to its text. Handsets use a reference again and again, so a text that is whole makes room for the next one."""
    at = text.received_on or now
    earlier, today = (at - GATHERING).date().isoformat(), at.date().isoformat()
    if earlier != today and (joining := _joined_to(provider, text, part, earlier, now)):
        return joining
    for generation in count():
        first = replace(
            _message(_gathering_id(provider, text, part, today, generation), provider, text, now),
            text="",
            segments=part.total,
            status=Status.CREATED,
            history=(),
            sequence=0,
            due_at=now + GATHERING,
            fragments={str(part.number): text.text},
        )
        try:
            store.create(first)
        except store.Conflict as conflict:
            if conflict.current and (added := _added(conflict.current, text, part, now)):
                return added
            continue
        return first
    raise AssertionError("there is always another generation")


def _joined_to(provider: str, text: IncomingText, part: Part, day: str, now: datetime) -> TextMessage | None:
    """The text that was begun before midnight and lacks this part, with it; None when there is none."""
    for generation in count():
        try:
            begun = store.get(_gathering_id(provider, text, part, day, generation))
        except MessageNotFound:
            return None
        if added := _added(begun, text, part, now):
            return added
    return None


def _added(stored: TextMessage, text: IncomingText, part: Part, now: datetime) -> TextMessage | None:
    """The text with this part; None when it has another in its place, and so is another text."""
    if text.provider_message_id in stored.provider_message_ids:
        return stored
    after = store.change(stored, lambda current: _with_part(current, text, part, now))
    return after if text.provider_message_id in after.provider_message_ids else None


def _gathering_id(provider: str, text: IncomingText, part: Part, day: str, generation: int) -> str:
    return _id(provider, f"{text.frm}\0{text.to}\0{part.reference}\0{part.total}\0{day}\0{generation}")


def _with_part(message: TextMessage, text: IncomingText, part: Part, now: datetime) -> TextMessage:
    taken = message.status is Status.RECEIVED or str(part.number) in message.fragments
    if taken or text.provider_message_id in message.provider_message_ids:
        return message
    fragments = {**message.fragments, str(part.number): text.text}
    ids = (*message.provider_message_ids, text.provider_message_id)
    gathered = replace(message, fragments=fragments, provider_message_ids=ids)
    return joined(gathered, now) if len(fragments) == part.total else gathered


def _message(message_id: str, provider: str, text: IncomingText, now: datetime) -> TextMessage:
    return TextMessage(
        id=message_id,
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
        metadata={"opt_out": text.opt_out} if text.opt_out else {},
        provider=provider,
        provider_message_ids=(text.provider_message_id,),
        history=(HistoryEntry(now, Status.RECEIVED, "provider", "applied", became=Status.RECEIVED),),
    )


def _id(provider: str, theirs: str) -> str:
    """An id that is the same each time the provider tells of the same text."""
    return hashlib.blake2b(f"{provider}\0{theirs}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
