"""One function for each command of `python -m localdev`; each returns the exit code."""

import os
import sys
from argparse import Namespace

from chalicelib.errors import StoreUnavailable
from infra.errors import Stopped
from localdev import apikeys, environment, stack
from localdev.deployment import NotDeployed
from localdev.processes import NotStarted
from localdev.run import Ended
from localdev.run import run as run_until_stopped
from localdev.terminal import Steps, console

#: Why there may be no stack.
NO_STACK = (Stopped, NotStarted, NotDeployed, TimeoutError)


def up(options: Namespace) -> int:
    """Start the stack, or say that it is up."""
    out = console()
    try:
        running, started = stack.up(stack.default_directory(), Steps(out), port=options.port)
    except NO_STACK as error:
        return failed(str(error))
    out.print("The stack is up:" if started else "The stack is up already:", running.url)
    out.print(f"Its API key is in {stack.default_directory() / 'stack.json'}. To end it: make down")
    return 0


def down(_: Namespace) -> int:
    """End the stack, or say that it is down."""
    ran = stack.down(stack.default_directory())
    console().print("The stack is down." if ran else "The stack is down already.")
    return 0


def run(options: Namespace) -> int:
    """The main job; Ctrl-C is its usual end."""
    try:
        run_until_stopped(stack.default_directory(), options.provider, options.port, console())
    except (Ended, *NO_STACK) as error:
        return failed(str(error))
    except KeyboardInterrupt:
        return 0
    return 0


def key(options: Namespace) -> int:
    """Make a key and show it, this once."""
    scopes = [scope.strip() for scope in options.scopes.split(",") if scope.strip()]
    if not enter(options.stage):
        return failed("The stack is down. Start it first: make up")
    try:
        token, key_id = apikeys.create(scopes, options.label)
    except ValueError as error:
        return failed(f"No key was made: {error}.")
    except StoreUnavailable as error:
        return failed(unreachable(options.stage, error))
    stage = "" if options.stage == "local" else f" STAGE={options.stage}"
    console().print(
        f"{token}\n\nIt may {', '.join(scopes)}. It is shown this once.\nTo revoke it: make revoke KEY={key_id}{stage}"
    )
    return 0


def revoke(options: Namespace) -> int:
    """Revoke a key."""
    if not enter(options.stage):
        return failed("The stack is down, and its keys with it.")
    parts = options.key.split("_")
    key_id = parts[1] if options.key.startswith("sms_") else options.key
    try:
        known = apikeys.revoke(key_id)
    except StoreUnavailable as error:
        return failed(unreachable(options.stage, error))
    if not known:
        return failed(f"Stage '{options.stage}' has no key {key_id}.")
    console().print(f"Key {key_id} is revoked. A Lambda that has just used it lets it in for a minute more.")
    return 0


def enter(stage: str) -> bool:
    """Make this process one of the stage's; False when it is a local one that is down."""
    os.environ["SMSIGNAL_STAGE"] = stage
    if stage != "local":
        return True
    running = stack.current(stack.default_directory())
    if running:
        os.environ.update(environment.talking_to(running.aws_endpoint_url))
    return running is not None


def unreachable(stage: str, error: BaseException) -> str:
    while error.__cause__:  # the first of them says what AWS, or botocore, said
        error = error.__cause__
    reason = str(error).rstrip(".")
    return f"Stage '{stage}' cannot be reached: {reason}. Is it deployed, and are AWS credentials and a region set?"


def failed(why: str) -> int:
    print(why, file=sys.stderr)
    return 1
