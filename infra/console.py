"""What the commands of this folder show, and how they end."""

from __future__ import annotations

from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from infra.errors import Stopped
from infra.stack import Show

console = Console(highlight=False, soft_wrap=True)


def say(line: str, style: str = "") -> None:
    """Print a line as it is."""
    console.print(line, style=style, markup=False)


def run(command: Callable[[Show], None]) -> int:
    """Run a command that shows its steps; returns the process's exit status. What stops it is told in one sentence."""
    try:
        command(lambda step: say(step, "dim"))
    except Stopped as stopped:
        say(f"Stopped: {stopped}", "red")
    except ClientError as error:
        say(f"AWS refused: {error}", "red")
    except BotoCoreError as error:
        say(f"AWS cannot be asked: {error}", "red")
    else:
        return 0
    return 1
