"""Handing a text that somebody holds to its provider, once, and recording what came of it.

Where a route names others, the next one gets a text that its provider failed to take; never one that may be out, unless the client
said so (`on_unknown`), and never one that is refused for what it says or to whom.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import circuits, logs, outbox, store
from chalicelib.aws import QueueRefused
from chalicelib.choosing import Choice, next_choice
from chalicelib.config import settings
from chalicelib.errors import (
    AccountRefused,
    ConfigurationError,
    ErrorClass,
    InvalidMessage,
    OutcomeUnknown,
    StoreUnavailable,
    SubmissionError,
    UnknownProvider,
)
from chalicelib.messages import Submission, TextMessage
from chalicelib.providers.base import Provider
from chalicelib.retries import LEASE, RETRIED, due_after, last_chance, outlived, report_due, valid_until
from chalicelib.stage import now
from chalicelib.status import Status
from chalicelib.transitions import accepted, expired, in_doubt, postponed, refused, rerouted

log = logs.logger(__name__)

#: A client that waits is not kept for yet another provider after this: one may take 18 seconds, and API Gateway gives up after 29.
PATIENCE = timedelta(seconds=8)


def submit(message: TextMessage, adapter: Provider, *, inline: bool = True) -> TextMessage:
    """Hand a claimed text to its provider, and to the next one if that fails; record the outcome; return what then stands.

    `inline` means that a client waits for the answer: it is then not kept waiting for many providers, and a refusal of the
    account is final, since the client is told so and may turn elsewhere.
    """
    started, failed = now(), dict[str, SubmissionError]()
    while True:
        outcome = _outcome(message, adapter)
        at = now()
        if isinstance(outcome, Submission):
            break
        failed[adapter.name] = outcome
        successor = _successor(message, outcome, failed, at) if not inline or at - started < PATIENCE else None
        if successor is None:
            break
        try:
            message = _passed_on(message, outcome, successor, at)
        except StoreUnavailable:
            break  # nobody knows of another provider, so none may have it
        if message.status is not Status.CREATED or message.provider != successor.adapter.name:
            return message  # a receipt of the first one overtook its reply
        adapter = successor.adapter
    return _recorded(message, adapter, outcome, at, inline and all(map(_of_account, failed.values())))


def _successor(message: TextMessage, error: SubmissionError, failed: Collection[str], at: datetime) -> Choice | None:
    """The provider that is to have a text which its own did not take; None when there is none, or it must not go elsewhere."""
    may_go = error.error_class in RETRIED or (error.error_class is ErrorClass.UNKNOWN and message.resend_on_unknown)
    if not (message.routed and may_go) or at >= valid_until(message):
        return None
    try:
        return next_choice(message, at, without=failed)
    except (InvalidMessage, ConfigurationError, UnknownProvider, StoreUnavailable):
        return None


def _passed_on(message: TextMessage, error: SubmissionError, successor: Choice, at: datetime) -> TextMessage:
    """The text as the next provider's, stored before that one is given it, so that its receipts are believed."""
    name, why = successor.adapter.name, successor.why
    return store.change(message, lambda current: rerouted(current, error, name, why, at + LEASE, at))


def _of_account(error: SubmissionError) -> bool:
    return error.error_class is ErrorClass.ACCOUNT


def _recorded(
    message: TextMessage, adapter: Provider, outcome: Submission | SubmissionError, at: datetime, account_is_final: bool
) -> TextMessage:
    def transition(current: TextMessage) -> TextMessage:
        if isinstance(outcome, Submission):
            due = report_due(current, at, at, asks=adapter.fetches_status) if current.status_report else None
            return accepted(current, outcome, at, due)
        over = account_is_final and _of_account(outcome)
        due = None if over else due_after(current, outcome, at, safe=adapter.discards_duplicates)
        if due is None and in_doubt(current):
            due = last_chance(current, at)  # this attempt failed, but an earlier one may be on the handset
        if due:
            return postponed(current, outcome, due, at)
        end = expired if outlived(current, outcome) and not over else refused
        return end(current, outcome, at)

    try:
        message = store.change(message, transition)
    except StoreUnavailable:
        # The text may be out already, so this must not look like a failure to the client. Its receipt still finds it by our
        # id; without one its lease lapses, and it is handled as an unknown outcome.
        log.exception("outcome not stored", extra={"message_id": message.id})
        return transition(message)
    if message.status is Status.CREATED:
        enqueue(message)
    return message if adapter.echoes_message_id else _linked(message)


def _linked(message: TextMessage) -> TextMessage:
    """Make the text findable by the ids that the provider gave it, for its receipts carry nothing else."""
    from chalicelib.receipts import claim_parked

    try:
        return claim_parked(message)
    except StoreUnavailable:
        log.exception("provider's ids not linked", extra={"message_id": message.id})  # tried again when the text is due
        return message


def enqueue(*messages: TextMessage) -> None:
    """Have the outbox take it from here. Each text is stored with its due time: if the queue fails, the clock finds it."""
    try:
        outbox.enqueue(messages, now())
    except (BotoCoreError, ClientError, QueueRefused):
        log.exception("outbox unavailable", extra={"message_ids": [message.id for message in messages]})


def _outcome(message: TextMessage, adapter: Provider) -> Submission | SubmissionError:
    try:
        outcome: Submission | SubmissionError = adapter.submit(message)
    except SubmissionError as error:
        outcome = error
    except Exception:
        # A fault in an adapter: the request may have left, so it counts as unknown, and the log has the trace.
        log.exception("adapter failed", extra={"message_id": message.id, "provider": message.provider})
        outcome = OutcomeUnknown("adapter_failed", "the adapter failed; see the log")
    if isinstance(outcome, SubmissionError):
        about = {
            "message_id": message.id,
            "provider": message.provider,
            "class": outcome.error_class.value,
            "code": outcome.code,
            "provider_code": outcome.provider_code,
            "attempt": message.attempts,
        }
        _count_failure(message, outcome)
        if isinstance(outcome, AccountRefused):  # nothing goes out until somebody does something: set an alarm on it
            about |= logs.metric("AccountRefused", now(), stage=settings().stage, provider=message.provider)
        log.warning("text not submitted", extra=about)
    elif message.routed:
        circuits.succeeded(message.provider)
    return outcome


def _count_failure(message: TextMessage, error: SubmissionError) -> None:
    """A provider that fails is left out for a while, where a route has others; what is wrong with the text is not its fault."""
    if not message.routed:
        return
    if error.error_class in RETRIED or error.error_class is ErrorClass.UNKNOWN:
        circuits.failed(message.provider, now())
    else:
        circuits.succeeded(message.provider)
