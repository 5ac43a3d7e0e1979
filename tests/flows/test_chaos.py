"""The chaos run in small, and its ledger: one that finds nothing proves nothing, so each verdict is shown a text that is wrong."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timezone

import pytest

from chalicelib.changes import StatusChange
from chalicelib.messages import Direction
from chalicelib.status import Status
from localdev.chaos.case import Case, Row, in_doubt, standing
from localdev.chaos.ledger import VERDICTS, judge
from localdev.chaos.plan import texts
from localdev.processes import ROOT

ID, SEGMENT, OTHER = "0" * 32, "AA", "BB"


def test_a_small_storm_loses_nothing_and_tells_nothing_false(tmp_path):
    out = tmp_path / "chaos.json"
    command = [sys.executable, "-m", "localdev.chaos", "--texts", "60", "--minutes", "0.6", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(out.read_text())
    assert told["verdicts"] == dict.fromkeys(VERDICTS, 0)
    assert told["findings"] == [] and told["posted"] > 0
    assert told["store_faults"] or told["kills"], "there was no storm"


def test_a_seed_stands_for_the_same_texts():
    assert list(texts(200, 7)) == list(texts(200, 7)) != list(texts(200, 8))


def entry(status, source="receipt", outcome="applied", word=None, segment=SEGMENT):
    detail = f"segment {segment}" if source == "receipt" else None
    return {"status": status, "source": source, "outcome": outcome, "provider_status": word or status, "detail": detail}


def receipt(status, segment=SEGMENT, codes=(200,), genuine=True):
    attempts = [{"code": code} for code in codes]
    return {"provider_message_id": segment, "status": status, "genuine": genuine, "attempts": attempts}


def change(sequence, status, before):
    return StatusChange(
        kind="Message Status Changed",
        sequence=sequence,
        message_id=ID,
        direction=Direction.OUTGOING,
        status=Status(status),
        previous_status=before and Status(before),
        occurred_at=datetime(2026, 11, 23, tzinfo=timezone.utc),
        frm="smsignal",
        to="+447700900123",
        provider="vonage",
        reference=None,
        metadata={},
        segments=1,
        price=None,
        currency=None,
        error=None,
    )


SENDING = entry("sending", "submit", word="0")
HISTORY = [SENDING, entry("sent", word="accepted"), entry("delivered")]
REPORTED = {"receipts": [receipt("accepted"), receipt("delivered")]}
SIGNALS = [change(1, "created", None), change(2, "sending", "created"), change(3, "sent", "sending")]
GOOD = Case(
    message_id=ID,
    told=201,
    scenario="9001",
    taken=[REPORTED],
    stored={"status": "delivered", "segments": 1, "status_report": True, "error": None, "history": HISTORY},
    row=Row(sequence=4, due_at=None, holders=0, submitted=True),
    changes=[*SIGNALS, change(4, "delivered", "sent")],
)


def but(**other):
    """The good text, but for what its store, its row or anything else of it says."""
    stored = {**GOOD.stored, **{name: other.pop(name) for name in set(other) & set(GOOD.stored)}}
    row = replace(GOOD.row, **{name: other.pop(name) for name in set(other) & set(vars(GOOD.row))})
    return replace(GOOD, **{"stored": stored, "row": row, **other})


def taken(*receipts):
    return [{"receipts": list(receipts)}]


def at(status, *history, signals=3, **other):
    """A text that got no further than that."""
    row = {"sequence": signals, "due_at": "2026-11-26T00:00:00.000Z", **other}
    return but(status=status, history=list(history), changes=GOOD.changes[:signals], **row)


NOT_TAKEN_YET = at("created", entry("created", "submit", "unknown"), signals=1, taken=[], submitted=False)

RIGHT = {
    "delivered": GOOD,
    "signals twice and in disorder": but(changes=[*reversed(GOOD.changes), GOOD.changes[1]]),
    "sent, its last receipt never acknowledged": at(
        "sent", *HISTORY[:2], taken=taken(receipt("accepted"), receipt("delivered", codes=(502, None)))
    ),
    "a forged receipt, and not believed": at(
        "sent", *HISTORY[:2], taken=taken(receipt("accepted"), receipt("delivered", codes=(403,), genuine=False))
    ),
    "held, and taken by nobody": NOT_TAKEN_YET,
    "no answer, and nothing stored": replace(GOOD, told=None, stored=None, row=None, taken=[], changes=[]),
    "two segments in any order": but(
        segments=2,
        history=[SENDING, entry("delivered"), entry("sent", segment=OTHER, word="accepted"), entry("delivered", segment=OTHER)],
        taken=taken(receipt("delivered"), receipt("accepted", OTHER), receipt("delivered", OTHER)),
    ),
}  # fmt: skip

WRONG = {
    "promised, and not stored": ("lost", replace(GOOD, stored=None, row=None, taken=[], changes=[])),
    "taken, and not stored": ("lost", replace(GOOD, told=None, stored=None, row=None, changes=[])),
    "sending, and taken by nobody": ("lost", at("sending", SENDING, signals=2, taken=[])),
    "refused, and taken": ("lost", but(status="refused", history=[], changes=[], sequence=0)),
    "waiting for nobody": ("lost", replace(NOT_TAKEN_YET, row=replace(NOT_TAKEN_YET.row, due_at=None))),
    "delivered, acknowledged, and still sent": ("lost", at("sent", *HISTORY[:2])),
    "delivered, acknowledged, and still sent long after its submission": ("lost", at("sent", *HISTORY[:2], submitted=False)),
    "failed, acknowledged, and still sent": (
        "lost",
        at("sent", *HISTORY[:2], taken=taken(receipt("accepted"), receipt("failed"))),
    ),
    "accepted, acknowledged, and still sending": (
        "lost",
        at("sending", SENDING, signals=2, taken=taken(receipt("accepted"))),
    ),
    "taken twice": ("sent twice", but(taken=[REPORTED, REPORTED])),
    "a history that falls": ("backwards", but(history=[SENDING, entry("delivered"), entry("sent", word="accepted")])),
    "signals that fall": (
        "backwards",
        but(changes=[*SIGNALS[:2], change(3, "delivered", "sending"), change(4, "sent", "delivered")]),
    ),
    "a forged receipt believed": (
        "forged",
        but(taken=taken(receipt("accepted"), receipt("delivered", genuine=False))),
    ),
    "a receipt for another segment": ("forged", but(taken=taken(receipt("accepted"), receipt("delivered", OTHER)))),
    "a word misunderstood": ("forged", but(history=[SENDING, entry("delivered", word="accepted")])),
    "a change without its signal": ("unsignalled", but(changes=[*SIGNALS[:2], GOOD.changes[3]])),
    "the last change without its signal": ("unsignalled", but(changes=SIGNALS)),
    "one id, two contents": (
        "contradicted",
        but(changes=[*GOOD.changes, replace(GOOD.changes[3], to="+447700900999")]),
    ),
    "signals that do not follow": ("contradicted", but(changes=[*SIGNALS, change(4, "delivered", "created")])),
    "a signal of a change that was none": ("contradicted", but(changes=[*GOOD.changes, change(5, "delivered", "delivered")])),
    "a last signal that says something else": ("contradicted", but(status="sent", taken=taken(), changes=GOOD.changes)),
}  # fmt: skip


@pytest.mark.parametrize("case", RIGHT.values(), ids=RIGHT)
def test_nothing_is_wrong_with(case):
    assert judge(case) == []


@pytest.mark.parametrize(("verdict", "case"), WRONG.values(), ids=WRONG)
def test_the_ledger_finds(verdict, case):
    assert verdict in {finding.verdict for finding in judge(case)}


def test_each_verdict_is_shown_to_be_found():
    assert {verdict for verdict, _ in WRONG.values()} == set(VERDICTS)


def test_a_text_that_arrived_while_it_is_being_submitted_has_a_column_of_its_own():
    case = at("sent", entry("sent", word="accepted"), entry("delivered"), submitted=False, holders=1)
    assert in_doubt(case) and judge(case) == []


@pytest.mark.parametrize(
    ("case", "where"),
    [
        (GOOD, "delivered"),
        (NOT_TAKEN_YET, "waiting"),
        (replace(NOT_TAKEN_YET, row=replace(NOT_TAKEN_YET.row, holders=1)), "leased"),
        (replace(NOT_TAKEN_YET, stored={**NOT_TAKEN_YET.stored, "error": {"class": "unknown"}}), "held"),
        (replace(GOOD, stored=None), "nothing"),
    ],
)
def test_where_a_text_stands(case, where):
    assert standing(case) == where
