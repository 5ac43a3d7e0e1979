"""Who is measured, and that they all do the same: the same answer, the same item in the table, a forged callback refused."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench import events, packages
from bench.events import Event
from bench.runtime import Answer, Function, Package
from bench.stage import Stage

#: The names of the peers, as people know them.
NAMES = {"powertools": "Powertools", "fastapi": "FastAPI with Mangum", "django": "Django with apig-wsgi"}
#: What differs between two texts with the same story.
OWN = ("message_id", "day", "position", "due_shard", "created_on", "updated_on", "submitted_on", "history")


class Unequal(Exception):
    """A subject does not do what smsignal does, so that a comparison would say nothing."""


@dataclass(frozen=True)
class Subject:
    """One of those that are compared in a flow, `send` or `callback`."""

    name: str
    flow: str
    package: Package
    as_made: Package | None = None  #: without bytecode, as its own tools make it
    verifies: bool = True

    @property
    def is_ours(self) -> bool:
        """Whether it is smsignal."""
        return self.name == "smsignal"


def subjects(*, peers: bool = True) -> list[Subject]:
    """All of them, with their packages made anew; each flow begins with smsignal."""
    ours = packages.smsignal()
    made = []
    for flow in ("send", "callback"):
        bare = packages.floor(flow)
        made += [Subject("smsignal", flow, ours)]
        made += [Subject("floor", flow, packages.compiled(bare), bare, verifies=False)]
    for name in NAMES if peers else ():
        peer = packages.peer(name)
        made.append(Subject(NAMES[name], "callback", packages.compiled(peer), peer))
    return made


class Given:
    """Events without end: a callback is for a text that has none yet."""

    def __init__(self, stage: Stage, text: dict[str, Any]) -> None:
        self._stage, self._text = stage, text

    def of(self, flow: str, count: int) -> list[Event]:
        """So many events of a flow."""
        if flow == "send":
            return [events.send(self._stage.token)] * count
        return [events.callback(message_id) for message_id in self._stage.copies(self._text, count)]


def checked(stage: Stage, compared: Sequence[Subject]) -> Given:
    """See to it that all do the same; returns what they can be given. Raises Unequal."""
    sent = {subject.name: _sent(stage, subject) for subject in compared if subject.flow == "send"}
    ours = sent["smsignal"]
    for name, item in sent.items():
        if _kinds(item) != _kinds(ours):
            raise Unequal(f"{name} stores another text than smsignal does: {_kinds(item) ^ _kinds(ours)}")
    given = Given(stage, ours)
    told = {subject.name: _told(stage, ours, subject) for subject in compared if subject.flow == "callback"}
    for name, what in told.items():
        if what != told["smsignal"]:
            raise Unequal(f"{name} does not do with a callback what smsignal does:\n{what}\n{told['smsignal']}")
    return given


def _sent(stage: Stage, subject: Subject) -> dict[str, Any]:
    with Function(subject.package, stage.variables) as function:
        answer = function.invoke(events.send(stage.token))
    _expect(subject, answer, 201)
    return stage.item(json.loads(answer.body["body"])["id"])


def _told(stage: Stage, text: dict[str, Any], subject: Subject) -> tuple[Any, ...]:
    """What a callback does: to the item, and what is said."""
    (message_id,) = stage.copies(text, 1)
    with Function(subject.package, stage.variables) as function:
        if subject.verifies:
            _expect(subject, function.invoke(events.callback(message_id, forged=True)), 403)
            if stage.item(message_id)["status"] != text["status"]:
                raise Unequal(f"{subject.name} believes a forged callback")
        answer = function.invoke(events.callback(message_id))
    _expect(subject, answer, 200)
    item = stage.item(message_id)
    entry = {name: value for name, value in item["history"]["L"][-1]["M"].items() if name not in ("at", "detail")}
    content_type = answer.body.get("headers", {}).get("Content-Type") or str(answer.body).lower()
    said = answer.body["body"], "text/plain" in content_type
    return said, entry, {name: value for name, value in item.items() if name not in OWN}


def _expect(subject: Subject, answer: Answer, status: int) -> None:
    if answer.body.get("statusCode") != status:
        raise Unequal(f"{subject.name} answers {answer.body} instead of {status}")


def _kinds(item: dict[str, Any]) -> set[tuple[str, str]]:
    return {(name, kind) for name, value in item.items() for kind in value}


def pairs(compared: Sequence[Subject]) -> Iterator[tuple[Subject, Subject]]:
    """Each of the others with smsignal in the same flow."""
    ours = {subject.flow: subject for subject in compared if subject.is_ours}
    yield from ((subject, ours[subject.flow]) for subject in compared if not subject.is_ours)
