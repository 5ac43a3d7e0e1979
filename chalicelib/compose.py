"""From what a client asked to a TextMessage: every field is checked here, once, and trusted from then on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from chalicelib import phone
from chalicelib.encoding import count_segments, encoding_of
from chalicelib.errors import InvalidMessage
from chalicelib.messages import Direction, HistoryEntry, Priority, TextMessage, parse_rfc3339
from chalicelib.status import Status
from chalicelib.webhooks import check_url

MAX_SEGMENTS = 10
MAX_SCHEDULE = timedelta(days=365)
METADATA_BYTES = 2048


def compose(
    body: Mapping[str, Any], *, now: datetime, default_sender: str | None = None, webhooks_to_loopback: bool = False
) -> TextMessage:
    """The text that a client's JSON object asks for, with a random id. Raises InvalidMessage naming every bad field.

    Its provider is the one that the client names, or none yet (choosing.py).
    """
    checked = _Checked(body)
    to = checked.field("to", _recipient, required=True)
    text = checked.field("text", _text, required=True)
    frm = checked.field("from", _sender, default=default_sender)
    values = {
        "status_report": checked.field("status_report", _boolean, default=True),
        "fail_silently": checked.field("fail_silently", _boolean, default=False),
        "provider": checked.field("provider", _string(64), default=""),
        "reference": checked.field("reference", _string(255)),
        "metadata": checked.field("metadata", _metadata, default={}),
        "validity_seconds": checked.field("validity_seconds", _validity),
        "send_at": checked.field("send_at", lambda value: _send_at(value, now)),
        "priority": checked.field("priority", _priority, default=Priority.NORMAL),
        "webhook_url": checked.field("webhook_url", lambda value: _webhook_url(value, webhooks_to_loopback)),
        "resend_on_unknown": checked.field("on_unknown", _on_unknown, default=False),
    }
    if frm is None and "from" not in checked.errors:
        checked.errors["from"] = "name a sender: this stage has no default one"
    checked.finish()
    return TextMessage(
        id=uuid4().hex,
        direction=Direction.OUTGOING,
        frm=frm,
        to=to,
        text=text,
        encoding=encoding_of(text),
        segments=count_segments(text),
        status=Status.CREATED,
        created_on=now,
        updated_on=now,
        history=(HistoryEntry(now, Status.CREATED, "client", "applied", became=Status.CREATED),),
        fingerprint=fingerprint(body),
        **values,
    )


def fingerprint(body: Mapping[str, Any]) -> str:
    """What makes two requests the same: their JSON, whatever the order of the fields."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def id_of_key(key_id: str, idempotency_key: str) -> str:
    """The message id that an Idempotency-Key of this API key stands for: 32 hexadecimal digits, like any other."""
    return hashlib.blake2b(f"{key_id}\0{idempotency_key}".encode(), digest_size=16).hexdigest()


class _Checked:
    """Takes the fields of a body one by one and gathers what is wrong with them."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.body, self.known = body, set[str]()
        self.errors: dict[str, str] = {}

    def field(self, name: str, check: Callable[[Any], Any], *, required: bool = False, default: Any = None) -> Any:
        self.known.add(name)
        value = self.body.get(name)
        if value is None:
            if required:
                self.errors[name] = "is required"
            return default
        try:
            return check(value)
        except ValueError as error:
            self.errors[name] = str(error)
            return default

    def finish(self) -> None:
        unknown = self.body.keys() - self.known
        self.errors |= {name: f"is not a field; the fields are {', '.join(sorted(self.known))}" for name in unknown}
        if self.errors:
            raise InvalidMessage(self.errors)


def _recipient(value: Any) -> str:
    return phone.recipient(_string(32)(value))


def _sender(value: Any) -> str:
    return phone.sender(_string(32)(value))


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be a string of at least one character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half of a surrogate pair, which is no character") from None
    segments = count_segments(value)
    if segments > MAX_SEGMENTS:
        raise ValueError(f"takes {segments} segments in {encoding_of(value).value}; at most {MAX_SEGMENTS} are sent")
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _string(longest: int) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if not isinstance(value, str) or not 1 <= len(value) <= longest:
            raise ValueError(f"must be a string of 1 to {longest} characters")
        return value

    return check


def _metadata(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ValueError("must be an object whose values are strings")
    if len(json.dumps(value).encode()) > METADATA_BYTES:
        raise ValueError(f"is larger than {METADATA_BYTES} bytes")
    return value


def _validity(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 604_800:
        raise ValueError("must be a whole number of seconds, 1 to 604800 (7 days)")
    return value


def _send_at(value: Any, now: datetime) -> datetime:
    try:
        at = parse_rfc3339(_string(64)(value))
    except ValueError:
        raise ValueError("must be an RFC 3339 time with an offset, such as 2026-11-23T09:30:00Z") from None
    if at > now + MAX_SCHEDULE:
        raise ValueError(f"is more than {MAX_SCHEDULE.days} days away")
    return at


def _priority(value: Any) -> Priority:
    try:
        return Priority(value)
    except ValueError:
        raise ValueError("must be high, normal or bulk") from None


def _webhook_url(value: Any, loopback: bool) -> str:
    return check_url(_string(2048)(value), loopback=loopback)


def _on_unknown(value: Any) -> bool:
    if value not in ("hold", "resend"):
        raise ValueError("must be hold or resend")
    return bool(value == "resend")
