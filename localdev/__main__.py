"""The local cloud's commands: `python -m localdev --help`. The Makefile has a target for each."""

import argparse
import os
import sys

from localdev import environment, operations, signals


def main() -> int:
    """Do one command; returns the exit code."""
    options = _parser().parse_args()
    signals.exit_cleanly()
    if options.stage == "local":
        environment.isolate()
    try:
        from localdev import commands  # only now: what it imports takes a moment, and may read the environment

        if options.command in operations.COMMANDS:
            return operations.do(options)
        return int(getattr(commands, options.command)(options))
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localdev", description=__doc__)
    parser.set_defaults(stage="local")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    up = commands.add_parser("up", help="start the local stack in the background")
    commands.add_parser("down", help="end the local stack")
    run = commands.add_parser("run", help="start it, send a first text, and show what happens until Ctrl-C")
    run.add_argument("--provider", default=None, help="the provider of the first text, else the stage's own")
    for command in (up, run):
        port = os.environ.get("LOCAL_PORT")
        command.add_argument("--port", type=int, default=port, help="the local cloud's, if it is free ($LOCAL_PORT)")
    for name, about in (("key", "make an API key"), ("revoke", "revoke an API key")):
        command = commands.add_parser(name, help=about)
        command.add_argument("--stage", default="local", help="the stage, default local")
        if name == "key":
            command.add_argument("--scopes", default="send,read", help="of send, read, admin; default send,read")
            command.add_argument("--label", default=None, help="what it is for")
        else:
            command.add_argument("key", help="the key, or the id in the middle of it")
    operations.add_to(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
