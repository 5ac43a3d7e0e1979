"""The clock and the worker: retries, schedules, lapsed leases, and texts whose outcome stays unknown.

Every minute `dispatch` puts what is due within the next minute on the outbox queue, delayed to the second. Whoever takes it off
first claims it with one conditional write on `due_at`, so a text that is found or delivered twice is handled once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta

from chalicelib import inbound, logs, outbox, store
from chalicelib.choosing import next_choice
from chalicelib.config import route
from chalicelib.errors import (
    AccountRefused,
    ConfigurationError,
    InvalidMessage,
    OutcomeUnknown,
    StoreUnavailable,
    SubmissionError,
    TextMessageError,
    UnknownProvider,
)
from chalicelib.messages import Direction, TextMessage
from chalicelib.pacing import paced
from chalicelib.providers.base import Provider
from chalicelib.receipts import claim_parked
from chalicelib.retries import ACCOUNT_DELAY, LEASE, MAX_ATTEMPTS, held_until, price_due, report_due, valid_until
from chalicelib.stage import now, provider
from chalicelib.status import FINAL, Status
from chalicelib.submitting import submit
from chalicelib.transitions import ended, in_doubt, passed_on, postponed, priced_later, put_off, still_waiting

log = logs.logger(__name__)

SWEEP = timedelta(seconds=60)
INTERRUPTED = OutcomeUnknown("interrupted", "whoever submitted this text did not say what came of it")


def dispatch() -> int:
    """Enqueue everything that is due before the next sweep; returns how many texts there were."""
    at = now()
    return outbox.put(store.due(at + SWEEP), at)


def submit_queued(tickets: Iterable[tuple[str, str]]) -> list[str]:
    """Handle tickets, each an identifier and a body; returns the identifiers of those to be tried again."""
    failed = []
    for identifier, body in tickets:
        try:
            handle(body)
        except StoreUnavailable:
            log.exception("ticket goes back to the queue")
            failed.append(identifier)
    return failed


def handle(ticket: str) -> TextMessage | None:
    """Do what is due for one text; None when somebody else did, or it is not needed any more. Raises StoreUnavailable."""
    asked, at = json.loads(ticket), now()
    message = store.claim(asked["message_id"], asked["due_at"], at + LEASE)
    if message is None:
        return None
    if message.direction is Direction.INCOMING:  # parts of it are missing
        return store.change(message, lambda current: inbound.joined(current, at))
    try:
        message, adapter = _routed(message, at)
    except (ConfigurationError, InvalidMessage, UnknownProvider, StoreUnavailable) as error:
        return _wait_for_settings(message, error, at)
    if message.status is not Status.CREATED:
        return _reconcile(message, adapter, at)
    if in_doubt(message) and not (adapter.discards_duplicates or message.resend_on_unknown):
        return _hold(message, at)
    if at >= valid_until(message) or message.attempts > MAX_ATTEMPTS:
        return _end(message, at)
    return submit(message, adapter, inline=False) if message.has_slot else _in_turn(message, adapter, at)


def _routed(message: TextMessage, at: datetime) -> tuple[TextMessage, Provider]:
    """The text with the provider that is to have it now: the route may choose another than when it was stored."""
    doubtful = in_doubt(message) and not message.resend_on_unknown
    settled = message.status is not Status.CREATED or message.has_slot or doubtful
    if settled or not message.routed or route() is None:
        return message, provider(message.provider)
    choice = next_choice(message, at)
    if choice.adapter.name != message.provider:
        name, why = choice.adapter.name, choice.why
        message = store.change(message, lambda current: passed_on(current, name, why, at))
    return message, choice.adapter


def _in_turn(message: TextMessage, adapter: Provider, at: datetime) -> TextMessage:
    """Submit a text if its sender is free, else have it wait for its moment."""
    try:
        (placed,) = paced([message], at)
    except StoreUnavailable:
        # The claim is made, and a claim that nobody speaks of again looks like a submission whose outcome is unknown.
        placed = message
    if placed.due_at == message.due_at:
        return submit(message, adapter, inline=False)
    waiting = store.change(message, lambda current: put_off(current, placed))
    outbox.enqueue([waiting], at)
    return waiting


def _wait_for_settings(message: TextMessage, error: TextMessageError, at: datetime) -> TextMessage:
    log.error("provider not configured", extra={"message_id": message.id, "error": str(error)})
    due_at = at + timedelta(seconds=ACCOUNT_DELAY)
    if message.status is Status.CREATED:
        why = INTERRUPTED if in_doubt(message) else AccountRefused("not_configured", str(error))
        return _postpone(message, why, due_at, at)
    if message.status in FINAL:  # only its price is not known
        return store.change(message, lambda current: priced_later(current, price_due(message.updated_on, at)))
    return store.change(message, lambda current: still_waiting(current, due_at))


def _reconcile(message: TextMessage, adapter: Provider, at: datetime) -> TextMessage:
    """No final receipt came in time: look whether one is parked, ask the provider if it can be asked, then give up.

    Or one came, but the price is known only to who asks for it.
    """
    if len(message.holders) > 1 and not message.is_counted:
        # Whoever submitted it died, and only its receipts tell that it went out.
        message = _postpone(message, INTERRUPTED, held_until(message), at)
    message = claim_parked(message)
    if adapter.fetches_status and (message.status not in FINAL or message.price is None):
        message = _asked(message, adapter, at)
    if message.status in FINAL:
        again = price_due(message.updated_on, at) if adapter.prices == "fetch" else None
        return store.change(message, lambda current: priced_later(current, again))
    submitted = message.submitted_on or message.created_on
    due_at = report_due(message, submitted, at, asks=adapter.fetches_status)
    if due_at <= at:
        return _end(message, at)
    return store.change(message, lambda current: still_waiting(current, due_at))


def _asked(message: TextMessage, adapter: Provider, at: datetime) -> TextMessage:
    try:
        receipts = adapter.fetch_status(message)
    except SubmissionError as error:
        log.warning("status not fetched", extra={"message_id": message.id, "code": error.code})
        return message
    for receipt in receipts:
        store.advance(message.id, message.provider, receipt, at)
    return store.get(message.id)


def _hold(message: TextMessage, at: datetime) -> TextMessage:
    """Wait for a receipt to tell what became of a text; when its time is up nobody knows."""
    deadline = held_until(message)
    return _end(message, at) if at >= deadline else _postpone(message, INTERRUPTED, deadline, at)


def _end(message: TextMessage, at: datetime) -> TextMessage:
    return store.change(message, lambda current: ended(current, at))


def _postpone(
    message: TextMessage, why: AccountRefused | OutcomeUnknown, due_at: datetime, at: datetime
) -> TextMessage:
    return store.change(message, lambda current: postponed(current, why, due_at, at))
