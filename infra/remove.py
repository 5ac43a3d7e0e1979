"""The end of a stage: `python -m infra.remove --stage dev`. Tables, queues, logs and secrets are kept."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from chalicelib.config import NO_STREAM
from infra.build import build
from infra.chalice import chalice
from infra.console import console, run, say
from infra.deploy import chalice_environment, open_session
from infra.policies import Place
from infra.record import Record, forget
from infra.recovery import put_right
from infra.resources import resources_stack
from infra.stack import Show
from infra.stage import Stage, read_stage


def remove(stage_name: str, region: str | None = None, show: Show = print) -> None:
    """Remove a stage's functions, its API and its stack of resources. Raises Stopped, and botocore's exceptions."""
    stage = read_stage(stage_name)
    session, place = open_session(region)
    stack = resources_stack(session, stage, show)
    present = stack.status is not None
    _remove_functions(session, stage, place, stack.outputs.get("MessagesStreamArn", NO_STREAM), show)
    if present:
        stack.delete()


def _remove_functions(session: Any, stage: Stage, place: Place, stream_arn: str, show: Show) -> None:
    record = Record.of(stage)
    record.check_place(stage, place)
    put_right(record, session, stage, stream_arn)
    project = build(stage, place)
    record.put_into(project, stage)
    chalice(project, "delete", "--stage", stage.name, environment=chalice_environment(place, stream_arn), show=show)
    forget(stage)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m infra.remove", description="Remove a stage; its tables are kept.")
    parser.add_argument("--stage", required=True)
    parser.add_argument("--region", help="default: that of your AWS configuration")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    arguments = parser.parse_args()
    question = f"This ends the stage {arguments.stage} and its URL for ever. Type its name to go on: "
    if not arguments.yes and console.input(question) != arguments.stage:
        return 1

    def command(show: Show) -> None:
        remove(arguments.stage, arguments.region or None, show)
        say("Its tables, queues, logs and secrets are kept (docs/deploying.md, Removing a stage)")

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
