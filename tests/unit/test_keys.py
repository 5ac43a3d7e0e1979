"""API keys: made, believed, refused, revoked, remembered for a minute at most."""

import pytest

from chalicelib import keys, sending
from chalicelib.store_keys import get_key, revoke_key


@pytest.fixture
def made(aws):
    return keys.create(("send", "read"), sending.now(), "ci")


def test_a_key_is_believed_for_its_scopes_alone(made):
    token, key = made
    assert keys.authenticate(token, "send") == key
    with pytest.raises(keys.ScopeMissing, match="admin"):
        keys.authenticate(token, "admin")


def test_only_a_hash_is_stored(made, aws):
    token, key = made
    secret = token.rsplit("_", 1)[1] if token.count("_") == 2 else token.split("_", 2)[2]
    item = aws["dynamodb"].get_item(TableName="smsignal-test-api-keys", Key={"key_id": {"S": key.key_id}})["Item"]
    assert secret not in str(item)
    assert item["scopes"] == {"L": [{"S": "send"}, {"S": "read"}]}
    assert item["label"] == {"S": "ci"}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: token[:-1],
        lambda token: token.replace("sms_", "smz_"),
        lambda token: token + "x",
        lambda token: "sms_" + "0" * 16 + token[20:],
        lambda token: "",
        lambda token: "\u00e9" * 64,
    ],
    ids=["one character", "cut short", "another prefix", "too long", "another key's", "nothing", "not ASCII"],
)
def test_anything_else_is_refused(made, spoil):
    with pytest.raises(keys.NotAuthenticated):
        keys.authenticate(spoil(made[0]), "send")


def test_a_revoked_key_is_refused_within_a_minute(made, monkeypatch):
    token, key = made
    keys.authenticate(token, "send")
    assert revoke_key(key.key_id, sending.now())
    clock = keys.time.monotonic() + keys.CACHE_SECONDS
    monkeypatch.setattr(keys.time, "monotonic", lambda: clock)
    with pytest.raises(keys.NotAuthenticated):
        keys.authenticate(token, "send")
    assert keys.CACHE_SECONDS <= 60


def test_revoking_twice_keeps_the_first_time(made):
    _, key = made
    revoke_key(key.key_id, sending.now())
    first = get_key(key.key_id).revoked_on
    assert revoke_key(key.key_id, sending.now())
    assert get_key(key.key_id).revoked_on == first
    assert not revoke_key("0" * 16, sending.now())


def test_a_warm_container_asks_the_store_once(made, requests_made):
    for _ in range(3):
        keys.authenticate(made[0], "send")
    assert dict(requests_made) == {"GetItem": 1}


def test_made_up_keys_do_not_fill_the_memory(made, monkeypatch):
    monkeypatch.setattr(keys, "CACHE_SIZE", 5)
    for number in range(20):
        with pytest.raises(keys.NotAuthenticated):
            keys.authenticate(f"sms_{number:016x}_{'x' * 43}", "send")
    assert len(keys._cache) <= 5


@pytest.mark.parametrize("scopes", [(), ("send", "fly")])
def test_scopes_that_do_not_exist_are_named(aws, scopes):
    with pytest.raises(ValueError, match="scopes are send, read, admin"):
        keys.create(scopes, sending.now())
