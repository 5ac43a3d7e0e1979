"""What the commands print: colours and motion on a terminal, plain lines in a pipe."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


def console() -> Console:
    """The standard output. Lines are as long as they are: the terminal breaks them, and a pasted command stays whole."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a sign that cannot be shown is no reason to fail
    return Console(highlight=False, soft_wrap=True)


class Steps:
    """A line for each step of a longer way, with the time that it took."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show the step while it goes on, and how it ended."""
        started = time.monotonic()
        try:
            with self._console.status(name):
                yield
        except BaseException:
            self._print("[red]✗[/]", name, started)
            raise
        self._print("[green]✓[/]", name, started)

    def note(self, text: str) -> None:
        """Say something that one should know of the last step."""
        self._console.print(f"    {text}")

    def _print(self, mark: str, name: str, started: float) -> None:
        self._console.print(f"  {mark} {name:<20} {time.monotonic() - started:5.1f} s")
