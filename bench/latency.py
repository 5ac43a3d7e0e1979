"""How long a change takes from the provider's callback to a subscriber, on the local stack, where all parts of the way are real.

A text is sent over the simulated carrier to a number of which it never reports; then its receipt is posted, signed, to the API, and
the time runs until a queue that hangs on the event bus has the change. For information only: what API Gateway, Lambda, the stream
and the bus take in AWS is not what they take in the local cloud, whose runtime polls.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests
from rich.console import Console

from bench.figures import Figure
from bench.outside import signed
from bench.receipts import receipt_of
from localdev import stack as stacks
from localdev.stack import Stack
from localdev.terminal import Steps
from localdev.watch import Watch

TEXTS, WARM = 60, 5
#: The simulated carrier never reports on numbers that end so.
RECIPIENT = "+447700909005"
PATIENCE = 30.0  # seconds
NOTE = f"local stack, one callback at a time, {TEXTS} texts; in AWS the parts are others, so this says only that nothing waits"


def callback_to_subscriber(say: Callable[[str], None]) -> list[Figure]:
    """The median and the 99th percentile."""
    with TemporaryDirectory(prefix="smsignal-bench-") as directory:
        say("a local stack comes up")
        stack, _ = stacks.up(Path(directory), Steps(Console(quiet=True)), leashed=True)
        try:
            times = _times(stack)
        finally:
            stacks.down(Path(directory))
    return figures(times)


def figures(times: list[float]) -> list[Figure]:
    """From the seconds of each callback."""
    milliseconds = sorted(1000 * seconds for seconds in times)
    least, most = milliseconds[0], milliseconds[-1]
    highest = statistics.quantiles(milliseconds, n=100, method="inclusive")[98]
    name = "callback to subscriber"
    return [
        Figure("pipeline", f"{name}, median", statistics.median(milliseconds), "ms", least, most, note=NOTE),
        Figure("pipeline", f"{name}, 99th percentile", highest, "ms", note=NOTE),
    ]


def _times(stack: Stack) -> list[float]:
    parameter = stack.cloud.client("ssm").get_parameter(Name=f"/smsignal/{stack.stage}/vonage", WithDecryption=True)
    secret = json.loads(parameter["Parameter"]["Value"])
    with requests.Session() as http, Watch(stack) as watch:
        http.trust_env = False  # neither a proxy nor a .netrc
        return [_time(stack, secret, http, watch) for _ in range(TEXTS + WARM)][WARM:]


def _time(stack: Stack, secret: dict[str, str], http: requests.Session, watch: Watch) -> float:
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    body = {"to": RECIPIENT, "text": "Your code is 123456", "provider": "vonage"}
    message_id = _answered(http.post(f"{stack.url}/send", json=body, headers=headers, timeout=PATIENCE)).json()["id"]
    _seen(watch, message_id, "sending")
    params = receipt_of(message_id) | {"api-key": secret["api_key"]}
    params = signed(params, secret["signature_secret"], secret["signature_method"])
    begun = time.monotonic()
    _answered(http.get(f"{stack.url}/callback/vonage", params=params, timeout=PATIENCE))
    return _seen(watch, message_id, "delivered") - begun


def _answered(answer: requests.Response) -> requests.Response:
    answer.raise_for_status()
    return answer


def _seen(watch: Watch, message_id: str, status: str) -> float:
    """When the subscriber's queue had that change."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found: list[Any] = watch.changes(seconds=1)
        if any(change.message_id == message_id and change.status.value == status for change in found):
            return time.monotonic()
    raise TimeoutError(f"the change to {status} did not come within {PATIENCE:g} seconds")
