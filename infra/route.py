"""Which provider a text would get, and why, without sending it: `python -m infra.route --stage dev --to +33612345678`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from datetime import datetime, timezone

from chalicelib.compose import compose
from chalicelib.errors import InvalidMessage, StoreUnavailable
from chalicelib.messages import TextMessage
from chalicelib.phone import country_of, mask, sender_kind
from chalicelib.providers import adapter
from chalicelib.routing import Candidate, Route, Rule
from chalicelib.store_circuits import Circuit
from infra.console import run, say
from infra.errors import Stopped
from infra.stack import Show
from infra.stage import Stage, read_stage


def explain(stage: Stage, message: TextMessage, circuits: Mapping[str, Circuit], now: datetime) -> list[str]:
    """The decision, a line each: every rule until the one that decides, then its providers in order."""
    route = stage.checked_route()
    if route is None:
        provider = stage.environment.get("SMSIGNAL_PROVIDER", "sandbox")
        return [f"Stage {stage.name} has no route: SMSIGNAL_PROVIDER carries everything.", f"  1. {provider}"]
    lines = [f"To {mask(message.to)} ({country_of(message.to) or 'no country'}), {message.priority.value} priority:"]
    for rule in route.rules:
        lines.append(
            f"  rule '{rule.name}': {'holds' if rule.admits(message) else 'does not hold'} ({_conditions(rule)})"
        )
        if rule.admits(message):
            break
    return [*lines, "Tried in this order:", *_ordered(route, message, circuits, now)]


def _ordered(route: Route, message: TextMessage, circuits: Mapping[str, Circuit], now: datetime) -> list[str]:
    placed = enumerate(route.candidates(message), start=1)
    lines = [f"  {n}. {one.provider}: {one.place}{_state(one, message, circuits, now)}" for n, one in placed]
    if any(one.share < 100 for one in route.candidates(message)):
        lines.append("Where a tier has several providers, the text's id chooses by weight: this is one text's order.")
    return lines


def _conditions(rule: Rule) -> str:
    priorities = [one.value for one in rule.priority]
    given = {"to": rule.to, "country": rule.country, "from": rule.frm, "priority": priorities}
    return "; ".join(f"{name} {', '.join(values)}" for name, values in given.items() if values) or "no conditions"


def _state(one: Candidate, message: TextMessage, circuits: Mapping[str, Circuit], now: datetime) -> str:
    if sender_kind(message.frm) not in adapter(one.provider).senders:
        return f" - passed over: it cannot send from {sender_kind(message.frm).value}"
    share = circuits.get(one.provider, Circuit()).share(now)
    return "" if share == 1 else f" - it failed lately, and gets {share:.0%} of its texts now"


def _live(stage: Stage, route: Route | None) -> Mapping[str, Circuit]:
    """What the stage knows of its providers. Raises Stopped."""
    import os

    if stage.name == "local":
        raise Stopped("LIVE=1 asks a stage on AWS, and the local one is none; leave it out")
    os.environ["SMSIGNAL_STAGE"] = stage.name  # before the tables are named
    from chalicelib import store_circuits

    try:
        return store_circuits.read(route.providers) if route else {}
    except StoreUnavailable as error:
        raise Stopped(f"stage '{stage.name}' cannot be asked how its providers fare: {error}") from None


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.route", description="Explain a route without sending a text."
    )
    parser.add_argument("--stage", default="dev")
    parser.add_argument("--to", required=True, help="the recipient, in E.164")
    parser.add_argument("--from", dest="frm", help="the sender (default: the stage's)")
    parser.add_argument("--priority", default="normal", help="high, normal or bulk")
    parser.add_argument(
        "--live", action="store_true", help="ask the deployed stage which providers it leaves out just now"
    )
    arguments = parser.parse_args()

    def command(_: Show) -> None:
        stage, now = read_stage(arguments.stage), datetime.now(timezone.utc)
        sender = arguments.frm or stage.environment.get("SMSIGNAL_DEFAULT_SENDER") or "smsignal"
        asked = {"to": arguments.to, "from": sender, "priority": arguments.priority, "text": "-"}
        try:
            message = compose(asked, now=now)
        except InvalidMessage as error:
            raise Stopped(str(error)) from None
        circuits = _live(stage, stage.checked_route()) if arguments.live else {}
        for line in explain(stage, message, circuits, now):
            say(line)

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
