"""docs/signals.md says what the code does."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from chalicelib.changes import StatusChange
from chalicelib.signals import status_change
from chalicelib.stage import now
from chalicelib.store import get
from chalicelib.webhooks import TYPES, headers_of, new_secret

PAGE = (Path(__file__).parents[2] / "docs" / "signals.md").read_text()
SECRET, OTHER = new_secret(b"a" * 32), new_secret(b"b" * 32)


@pytest.fixture
def is_genuine():
    """The page's own function."""
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "def is_genuine" in block)
    names = {}
    exec(code, names)
    return names["is_genuine"]


def signed(at=None):
    """A body and its headers, with two signatures."""
    body = b'{"type":"message.status_changed"}'
    return headers_of("m:1", body, (SECRET, OTHER), at or now()), body


@pytest.mark.parametrize("secret", [SECRET, OTHER])
def test_what_the_page_checks_with_agrees_with_the_reference_package(is_genuine, secret):
    headers, body = signed()
    assert is_genuine(secret, headers, body)
    assert Webhook(secret).verify(body, headers)


def test_what_is_forged_altered_or_old_is_believed_by_neither(is_genuine):
    headers, body = signed()
    for secret, told in (
        (new_secret(b"c" * 32), (headers, body)),
        (SECRET, (headers, body + b" ")),
        (SECRET, ({**headers, "webhook-id": "m:2"}, body)),
        (SECRET, ({**headers, "webhook-signature": ""}, body)),
        (SECRET, signed(now() - timedelta(seconds=305))),
    ):
        assert not is_genuine(secret, *told)
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(told[1], told[0])


def test_every_kind_and_every_field_of_an_event_is_there(http):
    for kind, name in TYPES.items():
        assert f"| `{kind}` | `{name}` |" in PAGE
    event = status_change(None, get(http.send().json_body["id"])).as_json()
    (shown,) = re.findall(r"```json\n(\{\"version\".*?)```", PAGE, re.DOTALL)
    assert list(event) == re.findall(r"\"(\w+)\": ", shown)
    assert StatusChange.from_event("Message Status Changed", event).as_json() == event
