"""Happenings on a stack as lines: the change of a text, the reaction of a subscriber."""

from datetime import datetime

from rich.console import Console
from rich.text import Text

from chalicelib.changes import StatusChange
from chalicelib.status import FAILED, Status
from localdev.watch import Reaction

COLOURS = {Status.DELIVERED: "green", Status.RECEIVED: "green", Status.UNKNOWN: "yellow"} | dict.fromkeys(FAILED, "red")
REMEMBERED = 1000  # texts, to say how long their way took


class Live:
    """A line for each thing that happens."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._created: dict[str, datetime] = {}

    def show(self, happening: StatusChange | Reaction) -> None:
        """Print it."""
        line = self._reaction(happening) if isinstance(happening, Reaction) else self._change(happening)
        self._console.print(line)

    def _change(self, change: StatusChange) -> Text:
        began = self._created.setdefault(change.message_id, change.occurred_at)
        if len(self._created) > REMEMBERED:
            self._created.pop(next(iter(self._created)))
        status = Text(f"{change.status.value:<12}", COLOURS.get(change.status, "cyan"))
        seconds = (change.occurred_at - began).total_seconds()
        since = f"{seconds:+7.2f} s" if seconds else " " * 9
        return Text.assemble(
            "  ",
            _clock(change.occurred_at),
            f"  {change.message_id[:8]}  ",
            status,
            f"{since}  ",
            change.to,
            _remark(change),
        )

    def _reaction(self, reaction: Reaction) -> Text:
        said = Text.assemble((reaction.subscriber, "magenta"), f": {reaction.line}")
        return Text.assemble("  ", _clock(reaction.at), f"  {(reaction.message_id or '')[:8]:8}  └ ", said)


def _clock(at: datetime) -> tuple[str, str]:
    return f"{at.astimezone():%H:%M:%S}.{at.microsecond // 1000:03}", "dim"


def _remark(change: StatusChange) -> str:
    """What one would want to know of the change beside its status."""
    if change.text is not None:
        return f"  from {change.frm}: {change.text}"
    if change.kind == "Message Price Changed":
        return f"  costs {change.price} {change.currency}"
    if change.error:
        return f"  {change.error.code}: {change.error.detail}" if change.error.detail else f"  {change.error.code}"
    return ""
