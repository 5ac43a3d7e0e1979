"""Calls that AWS refuses for a while, until something of ours that was made a moment ago is known everywhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

#: What passes by itself: IAM takes some seconds to know a role and what it may, Lambda to finish its last change, and API Gateway
#: takes one deployment every five.
PASSING = (
    "InvalidParameterValueException",
    "ResourceInUseException",
    "ResourceConflictException",
    "TooManyRequestsException",
)
TRIES, PAUSE = 20, 3.0


def settled(call: Callable[..., Any], **request: Any) -> Any:
    """Call, again while what stands in the way passes by itself; returns the answer. Raises ClientError."""
    for _ in range(TRIES - 1):
        try:
            return call(**request)
        except ClientError as error:
            if error.response["Error"]["Code"] not in PASSING:
                raise
            time.sleep(PAUSE)
    return call(**request)
