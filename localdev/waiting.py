"""To wait for a condition, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(condition: Callable[[], T | None], timeout: float, what: str = "it", every: float = 0.05) -> T:
    """The first truthy result of `condition`; TimeoutError names `what` did not happen."""
    end = time.monotonic() + timeout
    while True:
        if found := condition():
            return found
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {timeout:g} seconds")
        time.sleep(every)
