"""Which provider carries a text: the one that the client names, else the stage's route decides, with what is known of each.

A provider is passed over when it is left out for failing, cannot send what is asked, or has no credentials. Why each was chosen or
passed over goes into the text's history.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib import circuits, providers
from chalicelib.config import route, settings
from chalicelib.errors import ConfigurationError, InvalidMessage, StoreUnavailable, UnknownProvider
from chalicelib.messages import TextMessage
from chalicelib.phone import sender_kind
from chalicelib.providers.base import Provider
from chalicelib.stage import provider
from chalicelib.transitions import chosen, in_doubt


@dataclass(frozen=True)
class Choice:
    """A provider for a text, and the sentence that says why it and not another."""

    adapter: Provider
    why: str


def choose(message: TextMessage, now: datetime) -> tuple[TextMessage, Provider]:
    """The new text with its provider. Raises InvalidMessage, UnknownProvider, ConfigurationError, StoreUnavailable."""
    if message.provider or route() is None:
        message = replace(message, provider=message.provider or settings().provider)
        adapter = provider(message.provider)
        _check(message, adapter)
        return message, adapter
    choice = next_choice(replace(message, routed=True), now)
    return chosen(message, choice.adapter.name, choice.why, now), choice.adapter


def next_choice(message: TextMessage, now: datetime, without: Collection[str] = ()) -> Choice:
    """The first of the route's providers for a text that may have it, but for those in `without`.

    When all that are left fail, the first of them is tried all the same: a text must not wait for a provider to come back when
    there is no other. Raises InvalidMessage, when none can send what is asked, and what the last one raised when none is set up.
    """
    known = route()
    if known is None:
        raise ConfigurationError("the stage has no route any more")
    candidates = [one for one in known.candidates(message) if one.provider not in without]
    if in_doubt(message):
        candidates.sort(key=lambda one: _risk(message, one.provider))
    passed_over: list[str] = []
    failing: Choice | None = None
    fault: InvalidMessage | ConfigurationError | UnknownProvider | StoreUnavailable | None = None
    for candidate in candidates:
        try:
            adapter = provider(candidate.provider)
            _check(message, adapter)
        except (InvalidMessage, ConfigurationError, UnknownProvider, StoreUnavailable) as error:
            fault = error
            passed_over.append(f"{candidate.provider} passed over: {error}")
            continue
        why = circuits.why_left_out(candidate.provider, known.providers, message.id, now)
        if why is None:
            return Choice(adapter, "; ".join([f"{candidate.provider}: {candidate.place}", *passed_over]))
        passed_over.append(f"{candidate.provider} passed over: {why}")
        if failing is None:
            failing = Choice(
                adapter, f"{candidate.provider}: {candidate.place}, though it fails, for there is no other"
            )
    if failing:
        return replace(failing, why="; ".join([failing.why, *passed_over]))
    raise fault or ConfigurationError("the route names no further provider")


def _risk(message: TextMessage, name: str) -> int:
    """How bad it may be if that provider gets a text that may be out: should it be sent twice, then not by the same."""
    if name not in (*message.passed, message.provider):
        return 1
    return 0 if providers.adapter(name).discards_duplicates else 2


def _check(message: TextMessage, adapter: Provider) -> None:
    """What a provider cannot do is said before anything is stored. Raises InvalidMessage."""
    kind = sender_kind(message.frm)
    if kind not in adapter.senders:
        can = ", ".join(sorted(one.value for one in adapter.senders))
        raise InvalidMessage({"from": f"the provider {adapter.name} cannot send from {kind.value}; it can from {can}"})
