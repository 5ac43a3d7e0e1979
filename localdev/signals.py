"""Signals that end a command: every one of them lets it clean up, and none interrupts that."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def exit_cleanly() -> None:
    """Let SIGTERM and the closing of the terminal end this process as Ctrl-C does: by an exception."""
    signal.signal(signal.SIGTERM, _exit)
    signal.signal(signal.SIGHUP, _exit)


def _exit(number: int, _: FrameType | None) -> None:
    if number == signal.SIGHUP:  # the terminal is gone: what is still printed must not fail
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
    raise SystemExit(128 + number)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep signals waiting until the block has ended."""
    caught: list[int] = []
    before = {number: signal.signal(number, lambda got, _: caught.append(got)) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if caught:
        signal.raise_signal(caught[0])
