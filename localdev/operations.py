"""The commands that look after a stage's signals, one function each; the work is done in infra/signals."""

import argparse
from argparse import Namespace
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

STATUSES = "comma-separated statuses; default all"


def add_to(commands: Any) -> None:
    """Add the commands to the parser's."""

    def add(name: str, about: str) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = commands.add_parser(name, help=about, description=about)
        command.add_argument("--stage", default="local", help="the stage, default local")
        return command

    webhook = add("webhook", "where the changes of an API key's texts go; makes the secret that signs them")
    webhook.add_argument("key", help="the API key, or the id in the middle of it")
    webhook.add_argument("--url", help="https; without one, only texts that name a webhook_url are told of")
    webhook.add_argument("--types", help="message.status_changed, message.received, message.price_changed; default all")
    webhook.add_argument("--status", help=STATUSES)
    webhook.add_argument("--rotate", action="store_true", help="add a new secret; both sign until the next one")
    webhook.add_argument("--enable", action="store_true", help="send again, after the receiver said 410 Gone")
    webhook.add_argument("--remove", action="store_true", help="send nothing any more")
    webhook.add_argument("--show", action="store_true", help="show the secrets")
    attach = add("attach", "have a Lambda function, SQS queue, SNS topic or state machine told of changes")
    attach.add_argument("arn")
    attach.add_argument("--status", help=STATUSES)
    attach.add_argument(
        "--via", choices=("bus", "stream"), default="bus", help="default bus; stream: a function, in order"
    )
    attach.add_argument("--role", help="with which the bus starts a state machine; default: one is made")
    add("detach", "tell it no more").add_argument("arn")
    add("subscribers", "list who is told of changes")
    replay = add("replay", "tell changes again, with the ids that they had")
    replay.add_argument("--message", help="those of one text")
    replay.add_argument("--since", help="those from this moment on (RFC 3339)")
    replay.add_argument("--until", help="and before this one; default now")
    replay.add_argument(
        "--subscriber", help="to this one only, as `make subscribers` lists it; webhooks, webhooks/<key id>"
    )
    add("dlq", "list what was given up, with the reasons")
    add("redrive", "put back what was given up").add_argument("queue", help="a name from `make dlq`")


def do(options: Namespace) -> int:
    """Do one of them; returns the exit code."""
    from chalicelib.errors import TextMessageError
    from infra.errors import Stopped
    from localdev.commands import enter, failed, unreachable

    if not enter(options.stage):
        return failed("The stack is down. Start it first: make up")
    try:
        COMMANDS[options.command](options)
    except (Stopped, TextMessageError, ValueError) as error:
        return failed(str(error))
    except (BotoCoreError, ClientError) as error:
        return failed(unreachable(options.stage, error))
    return 0


def webhook(options: Namespace) -> None:
    """Make, change, show or remove the endpoint of an API key."""
    from infra.signals.webhook import set_endpoint
    from localdev.terminal import console

    out = console()
    key_id = options.key.split("_")[1] if options.key.startswith("sms_") else options.key
    if options.types is not None or options.status is not None:
        filters = {"types": _listed(options.types), "statuses": _listed(options.status)}
    else:
        filters = None
    endpoint, made = set_endpoint(
        key_id, url=options.url, filters=filters, rotate=options.rotate, enable=options.enable, remove=options.remove
    )
    if endpoint is None:
        out.print(f"Key {key_id} has no webhooks any more.")
        return
    out.print(f"Key {key_id}: {endpoint.url or 'only texts that name a webhook_url'}")
    out.print(f"  types     {', '.join(endpoint.types) or 'all'}\n  statuses  {', '.join(endpoint.statuses) or 'all'}")
    if endpoint.disabled:
        out.print(f"  disabled: {endpoint.disabled}. To send again: ENABLE=1")
    for secret in endpoint.secrets if options.show or made else ():
        out.print(f"  secret    {secret}", markup=False)
    out.print("Lambdas that are running learn of it within half a minute.")


def attach(options: Namespace) -> None:
    """Attach a subscriber."""
    from infra.signals import readers, rules
    from infra.signals.place import this_stage
    from infra.signals.words import check_words
    from localdev.terminal import console

    place, statuses = this_stage(), _listed(options.status)
    check_words({"statuses": statuses})
    if options.via == "stream":
        readers.attach(place, options.arn, statuses)
        order = "every write to a text, in order per text"
    else:
        rules.attach(place, options.arn, statuses, options.role)
        order = "at least once, in no order"
    told = ", ".join(statuses) or "all changes"
    console().print(f"{options.arn} is told of {told} by way of the {options.via}: {order}.")


def detach(options: Namespace) -> None:
    """Detach a subscriber, however it was attached."""
    from infra.errors import Stopped
    from infra.signals import readers, rules
    from infra.signals.place import this_stage
    from localdev.terminal import console

    place = this_stage()
    on_stream = ":lambda:" in options.arn and readers.detach(place, options.arn)
    if not rules.detach(place, options.arn) and not on_stream:
        raise Stopped(f"{options.arn} is not attached to stage '{place.stage}'")
    console().print(f"{options.arn} is told of nothing any more.")


def subscribers(options: Namespace) -> None:
    """List the subscribers."""
    from infra.signals import readers, rules
    from infra.signals.place import this_stage
    from localdev.terminal import console

    place, out = this_stage(), console()
    for _, arn, pattern in sorted(rules.attached(place), key=lambda one: one[1]):
        wanted = ", ".join(pattern.get("detail", {}).get("status", [])) or "all changes"
        out.print(f"bus     {arn.rpartition(':')[2]:32} {wanted}\n        {arn}", markup=False)
    for mapping in readers.attached(place):
        wanted = ", ".join(readers.statuses_of(mapping)) or "every write"
        out.print(f"stream  {mapping['FunctionArn'].rpartition(':')[2]:32} {wanted}", markup=False)


def replay(options: Namespace) -> None:
    """Tell changes again."""
    from infra.signals import replay as telling
    from infra.signals.place import this_stage
    from localdev.terminal import console

    since, until = _time(options.since), _time(options.until)
    told = telling.changes(options.message, since, until, datetime.now(timezone.utc))
    count = telling.replay(this_stage(), told, options.subscriber, console().print)
    console().print(f"{count} changes were told again, to {options.subscriber or 'everybody'}.")


def dlq(options: Namespace) -> None:
    """List what was given up."""
    from infra.signals import dead
    from infra.signals.place import this_stage
    from localdev.terminal import console

    out, total = console(), 0
    for queue in sorted(dead.queues(this_stage()), key=lambda one: one.name):
        total += queue.count
        out.print(f"{queue.count:6}  {queue.name}")
        for reason, count in queue.reasons.items():
            out.print(f"          {count} × {reason}", markup=False)
    out.print("Nothing was given up." if not total else "To put it back: make redrive QUEUE=<name>")


def redrive(options: Namespace) -> None:
    """Put back what was given up."""
    from infra.signals import dead
    from infra.signals.place import this_stage
    from localdev.terminal import console

    count = dead.redrive(this_stage(), options.queue, console().print)
    console().print(f"{count} were put back from {options.queue}.")


COMMANDS: dict[str, Callable[[Namespace], None]] = {
    "webhook": webhook,
    "attach": attach,
    "detach": detach,
    "subscribers": subscribers,
    "replay": replay,
    "dlq": dlq,
    "redrive": redrive,
}


def _time(text: str | None) -> datetime | None:
    """A moment. Raises ValueError."""
    from chalicelib.messages import parse_rfc3339

    try:
        return parse_rfc3339(text) if text else None
    except ValueError:
        raise ValueError(f"'{text}' is no moment: write one like 2026-11-25T09:00:00Z") from None


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(one.strip() for one in (text or "").split(",") if one.strip())
