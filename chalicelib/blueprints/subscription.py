"""How a function of this application subscribes to changes: the decorators for subscribers.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

from chalice.app import Blueprint, CloudWatchEvent

from chalicelib import logs
from chalicelib.changes import StatusChange
from chalicelib.config import settings

log = logs.logger(__name__)

Reaction = Callable[[StatusChange], None]


def subscriber(
    blueprint: Blueprint,
    *,
    status: Sequence[str] = (),
    kind: Sequence[str] = (),
    provider: Sequence[str] = (),
    direction: Sequence[str] = (),
    metadata: Mapping[str, Sequence[str]] | None = None,
    once: bool = False,
) -> Callable[[Reaction], Any]:
    """Have a function called with each change that passes all the filters that are given; it becomes a Lambda of its own.

    `kind` is `Message Status Changed`, `Message Received` or `Message Price Changed`. A change may come again, and out of order
    (`StatusChange.id`, `.sequence`); with `once` the function is not called again for one that it has handled, at the price of
    one conditional write. An exception has it called again twice, then the event goes to the queue `dead-<function>`.
    """
    given = {"status": status, "provider": provider, "direction": direction, "metadata": metadata or {}}
    pattern: dict[str, Any] = {"source": [settings().event_source]}
    if kind:
        pattern["detail-type"] = list(kind)
    if detail := {name: _as_pattern(values) for name, values in given.items() if values}:
        pattern["detail"] = detail

    def register(function: Reaction) -> Any:
        @wraps(function)
        def handler(event: CloudWatchEvent) -> None:
            change = StatusChange.from_event(event.detail_type, event.detail)
            if once:
                _once(function, change, event)
            else:
                function(change)

        return blueprint.on_cw_event(pattern, name=function.__name__)(handler)

    return register


def _as_pattern(values: Any) -> Any:
    if isinstance(values, Mapping):
        return {name: list(wanted) for name, wanted in values.items()}
    return list(values)


def _once(function: Reaction, change: StatusChange, event: CloudWatchEvent) -> None:
    """Handle a change unless another call has, or is about to; a call that failed, or died, may try again."""
    from chalicelib import store_once

    # Lambda's own retries of a call have its id; what `make redrive` puts back was handled by nobody.
    holder = str(getattr(event.context, "aws_request_id", ""))
    redriven = store_once.REDRIVEN in event.resources
    if not store_once.claim(function.__name__, change.id, holder, force=redriven):
        log.info("change seen before", extra={"event": change.id, "subscriber": function.__name__})
        return
    try:
        function(change)
    except BaseException:
        store_once.release(function.__name__, change.id)
        raise
