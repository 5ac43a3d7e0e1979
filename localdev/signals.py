"""Signals that end a command: every one of them lets it clean up, and none interrupts that."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_got: list[int] = []


def exit_cleanly() -> None:
    """Let SIGTERM and the closing of the terminal end this process as Ctrl-C does: by an exception."""
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup wants it
            signal.signal(number, _end)


def heed() -> None:
    """Raise the exception of a signal that came: Python drops it when it falls into a finalizer, of a socket say."""
    if _got:
        raise KeyboardInterrupt if _got[0] == signal.SIGINT else SystemExit(128 + _got[0])


def _end(number: int, _: FrameType | None) -> None:
    if number == signal.SIGHUP:  # the terminal is gone: what is still printed must not fail
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
    _got.append(number)
    heed()


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
