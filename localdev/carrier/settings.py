"""What can be set, said once: each field is an option, an environment variable and a run-time setting."""

import argparse
import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

S = TypeVar("S")


def setting(default: str | int | float, about: str, choices: tuple[str, ...] = (), secret: bool = False) -> Any:
    """Make a field that explains itself; a secret one is never shown."""
    return field(default=default, repr=not secret, metadata={"about": about, "choices": choices, "secret": secret})


@dataclass(frozen=True)
class Settings:
    """The carrier's pace, the same for every provider it plays."""

    callback_delay: float = setting(0.5, "seconds between the statuses of a message")
    late_seconds: float = setting(5.0, "how late a late receipt is")
    slow_seconds: float = setting(2.0, "how long a slow reply takes")
    stale_seconds: float = setting(3600.0, "how long ago a stale receipt was signed")
    hold_seconds: float = setting(60.0, "how long a reply that never comes keeps the socket open")
    callback_timeout: float = setting(10.0, "seconds to wait for the answer to a callback")
    callback_attempts: int = setting(8, "how often a callback is tried")
    retry_seconds: float = setting(0.2, "wait before the second attempt; doubles with each further one")


def add_options(parser: argparse._ArgumentGroup, kind: type[Any], prefix: str = "") -> None:
    """Give the parser one option per field, whose default may come from the environment."""
    for item in dataclasses.fields(kind):
        name = f"{prefix}{item.name}"
        variable = f"CARRIER_{name.upper()}"
        shown = "" if item.metadata["secret"] else f", default {item.default or 'none'}"
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            default=os.environ.get(variable, item.default),
            type=type(item.default),
            choices=item.metadata["choices"] or None,
            metavar=None if item.metadata["choices"] else type(item.default).__name__.upper(),
            help=f"{item.metadata['about']} (${variable}{shown})",
        )


def from_options(kind: type[S], options: argparse.Namespace, prefix: str = "") -> S:
    """Read back what `add_options` put on the command line."""
    names = [item.name for item in dataclasses.fields(kind)]  # type: ignore[arg-type]
    return changed(kind(), {name: getattr(options, prefix + name) for name in names})


def changed(settings: S, changes: Mapping[str, Any]) -> S:
    """Return the settings with the changes; ValueError names the first that makes no sense."""
    fields = {item.name: item for item in dataclasses.fields(settings)}  # type: ignore[arg-type]
    values = {}
    for name, value in changes.items():
        if name not in fields:
            raise ValueError(f"no such setting: {name}")
        values[name] = _checked(fields[name], value)
    return dataclasses.replace(settings, **values)  # type: ignore[type-var]


def _checked(item: "dataclasses.Field[Any]", value: Any) -> Any:
    kind: type[Any] = type(item.default)
    if kind is float and type(value) is int:
        value = float(value)
    choices = item.metadata["choices"]
    if type(value) is not kind or not (value in choices if choices else kind is str or value >= 0):
        raise ValueError(f"not a value for {item.name}")
    return value


def shown(settings: Any) -> dict[str, Any]:
    """Return the settings that may be seen."""
    return {
        item.name: getattr(settings, item.name) for item in dataclasses.fields(settings) if not item.metadata["secret"]
    }
