"""`make run`: the stack, a first text and its way, and whatever happens afterwards, until Ctrl-C."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
from botocore.exceptions import BotoCoreError
from rich.console import Console

from chalicelib.changes import StatusChange
from chalicelib.status import FAILED, Status
from localdev import stack as stacks
from localdev.live import Live
from localdev.signals import heed
from localdev.stack import Stack
from localdev.terminal import Steps
from localdev.watch import Reaction, Watch

#: Ofcom keeps these numbers for dramas: https://www.ofcom.org.uk/phones-and-broadband/phone-numbers/numbers-for-drama
RECIPIENT = "+447700900123"
TEXT = "Hello from smsignal"
ENDED = FAILED | {Status.DELIVERED, Status.UNKNOWN}
FIRST_TEXT = 30.0  # seconds that its way is waited for
REACTION = 5.0  # seconds after its end that a reaction is waited for
LIVELY = 5.0  # seconds after a change in which there may be more at any moment
TICK = 0.1


class Ended(Exception):
    """The run cannot go on; the text says why."""


def run(directory: Path, provider: str | None, port: int | None, console: Console) -> None:
    """Bring the stack up unless it runs, show what happens on it, and take down what was brought up. Raises Ended."""
    stack, started = stacks.up(directory, Steps(console), port=port, leashed=True)
    if not started:
        console.print(f"Using the stack that is up: {stack.url}")
        console.print("It has the code that it was started with; for the present one: make down up")
    try:
        _show(stack, provider, console)
    except BotoCoreError:
        raise Ended("The local cloud has stopped.") from None
    finally:
        if started:
            stacks.down(directory)
        still_up = stacks.current(directory)
        console.print("The stack is still up. To end it: make down" if still_up else "The stack is stopped.")


def _show(stack: Stack, provider: str | None, console: Console) -> None:
    live = Live(console)
    with Watch(stack) as watch:
        body = {"to": RECIPIENT, "text": TEXT} | ({"provider": provider} if provider else {})
        message = _send(stack, body)
        console.print(f"\nA first text, to {message['to']} by way of {message['provider']}:\n")
        _follow(message["id"], watch, live)
        _guide(stack, body, console)
        for batch in _happenings(watch):
            for happening in batch:
                live.show(happening)


def _send(stack: Stack, body: dict[str, str]) -> dict[str, Any]:
    try:
        with requests.Session() as http:
            http.trust_env = False  # neither a proxy nor a .netrc
            headers = {"Authorization": f"Bearer {stack.api_key}"}
            answer = http.post(f"{stack.url}/send", json=body, headers=headers, timeout=60)
        said: dict[str, Any] = answer.json()
    except requests.RequestException as error:
        raise Ended(f"The first text was not answered: {error}") from None
    if not answer.ok:
        raise Ended(f"The first text was not sent (HTTP {answer.status_code}): {said.get('detail', said)}")
    return said


def _follow(message_id: str, watch: Watch, live: Live) -> None:
    """Show what happens until that text has ended and somebody has reacted to it, or nothing more can be expected."""
    ended, end = False, time.monotonic() + FIRST_TEXT
    for batch in _happenings(watch):
        for happening in batch:
            live.show(happening)
        if any(_ends(happening, message_id) for happening in batch):
            ended, end = True, time.monotonic() + REACTION
        reacted = ended and any(isinstance(happening, Reaction) for happening in batch)
        if reacted or time.monotonic() > end:
            return


def _ends(happening: StatusChange | Reaction, message_id: str) -> bool:
    if isinstance(happening, Reaction):
        return False
    return happening.message_id == message_id and happening.status in ENDED


def _happenings(watch: Watch) -> Iterator[list[StatusChange | Reaction]]:
    """What happens, for ever, in batches; an empty one now and then."""
    lively = time.monotonic() + LIVELY
    while True:
        heed()
        changes = watch.changes(seconds=0 if time.monotonic() < lively else 1)
        batch: list[StatusChange | Reaction] = [*changes, *watch.reactions()]
        if changes:
            lively = time.monotonic() + LIVELY
        elif not batch:
            time.sleep(TICK)
        yield sorted(batch, key=lambda one: one.at if isinstance(one, Reaction) else one.occurred_at)


def _guide(stack: Stack, body: dict[str, str], console: Console) -> None:
    """How to go on from here."""
    headers = f"-H 'Authorization: Bearer {stack.api_key}' -H 'Content-Type: application/json'"
    console.print(f"\n  URL       {stack.url}\n  API key   {stack.api_key}\n\nSend one yourself:\n")
    console.print(f"  curl {stack.url}/send {headers} -d '{json.dumps(body)}'\n", markup=False)
    console.print("The recipient's last four digits choose what becomes of it:")
    if body.get("provider") == "sandbox":
        console.print(
            "  0001 refused, 0002 rejected, 0003 undelivered, 0004 expired (chalicelib/providers/sandbox.py)\n"
        )
    else:
        console.print(
            f"  9201 rejected, 9203 expired, 9403 refused, … all of them: {stack.carrier_url}/_carrier/scenarios\n"
        )
    console.print("Whatever happens from now on is shown here, until Ctrl-C:\n")
