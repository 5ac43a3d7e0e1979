"""JSON logs, one line a record. The one place that sees to it that no full phone number is written.

Texts and credentials are never passed to a logger; numbers go through `phone.mask` at the call, and whatever looks like one
in a finished line is masked again here.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.phone import mask

#: A run of digits as long as a phone number, standing by itself (the hexadecimal of an id does not).
NUMBER = re.compile(r"(?<![\w.:+-])\+?\d{9,15}(?![\w.:-])")
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


if TYPE_CHECKING:
    _StreamHandler = logging.StreamHandler[Any]
else:  # subscriptable since Python 3.11
    _StreamHandler = logging.StreamHandler


def _masked(value: Any) -> Any:
    """The same, ready for JSON, with the numbers in every string masked."""
    if isinstance(value, dict):
        return {name: _masked(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(inner) for inner in value]
    if value is None or isinstance(value, int | float):
        return value
    return NUMBER.sub(lambda found: mask(found.group()), str(value))


class JsonFormatter(logging.Formatter):
    """A record as one JSON object: level, logger, message, and what was passed as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, masked."""
        line = {"level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        line |= {name: value for name, value in vars(record).items() if name not in STANDARD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(_masked(line), ensure_ascii=False)


class _Stdout(_StreamHandler):
    """The standard output as it is now, not as it was when this was made: Lambda and tests replace it."""

    @property
    def stream(self) -> Any:
        return sys.stdout

    @stream.setter
    def stream(self, _value: Any) -> None:
        """It is always the current one."""


def logger(name: str) -> logging.Logger:
    """The logger of a module; the first call sets up the whole tree."""
    root = logging.getLogger("chalicelib")
    if not root.handlers:
        handler = _Stdout()
        handler.setFormatter(JsonFormatter())
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        root.propagate = False  # Lambda's root handler would write each line twice
    return logging.getLogger(name)


def metric(name: str, at: datetime, **dimensions: str) -> dict[str, Any]:
    """What to pass as `extra` for CloudWatch to count one more of something, without a request for it.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    directive = {
        "Namespace": "smsignal",
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": "Count"}],
    }
    marker = {"Timestamp": int(at.timestamp() * 1000), "CloudWatchMetrics": [directive]}
    return {"_aws": marker, name: 1, **dimensions}
