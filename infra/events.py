"""How events reach the functions, where Chalice's decorators cannot say it. Deployment and package set the same."""

from __future__ import annotations

from typing import Any

#: What the bus or the unsignalled queue refuses comes again, in order, for six hours; then a pointer to it goes to the queue
#: and the stream moves on. A batch that fails is halved, so that one bad record does not hold the others. Four batches of a
#: shard at a time, which keeps up with all that a shard can take; the changes of one message stay in order.
STREAM: dict[str, Any] = {
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
    "BisectBatchOnFunctionError": True,
    "MaximumRetryAttempts": 100,
    "MaximumRecordAgeInSeconds": 21_600,
    "ParallelizationFactor": 4,
}
#: The function says which texts go back to the queue; without this all ten would, or none.
QUEUE: dict[str, Any] = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}
#: A subscriber that fails is called twice more, for up to six hours; then the event goes to its queue `dead-<function>`.
SUBSCRIBER: dict[str, Any] = {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 21_600}
DEAD_QUEUE: dict[str, Any] = {"MessageRetentionPeriod": 1_209_600, "SqsManagedSseEnabled": True}  # 14 days
#: The next minute makes good what this one missed.
CLOCK: dict[str, Any] = {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
#: Where the changes go that the stream gives up: one of the stage's queues.
GIVEN_UP_CHANGES = "unsignalled"


def dead_queue(function: str) -> str:
    """The queue of the events that a function failed at: each has its own, so that they can be put back to it."""
    return f"dead-{function}"
