"""POST /send: what a client asks, gets and is told."""

import json

import boto3
import pytest

from chalicelib import keys, sending, store
from chalicelib.errors import (
    AccountRefused,
    ContentRefused,
    OutcomeUnknown,
    ProviderThrottled,
    ProviderUnavailable,
    RecipientRefused,
    SenderRefused,
)
from chalicelib.providers.dummy import Dummy


def answers_with(monkeypatch, outcome):
    """Let the provider answer so; returns the list of texts that it was handed."""
    handed = []

    def submit(self, message):
        handed.append(message)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(Dummy, "submit", submit)
    return handed


def stored_count():
    return boto3.client("dynamodb").describe_table(TableName="smsignal-test-messages")["Table"]["ItemCount"]


def test_a_text_is_stored_submitted_and_answered_with_its_message(http):
    answer = http.send(reference="order-7", metadata={"shop": "paris"})
    assert answer.status_code == 201
    message = answer.json_body
    assert answer.headers["Location"] == f"/messages/{message['id']}"
    assert message["status"] == "sending"
    assert message["from"] == "smsignal"
    assert message["to"] == "+33612345678"
    assert message["encoding"] == "GSM-7"
    assert message["segments"] == 1
    assert message["reference"] == "order-7"
    assert message["metadata"] == {"shop": "paris"}
    assert [entry["status"] for entry in message["history"]] == ["created", "sending"]
    assert http.get(f"/messages/{message['id']}").json_body == message


def test_postmangovsg_1362_a_curly_quote_that_doubles_the_bill_is_told_before_it_is_paid(http):
    plain, curly = (
        http.send(text=quote * 80, headers={"Prefer": "respond-async"}).json_body for quote in ("'", "\u2019")
    )
    assert (plain["encoding"], plain["segments"]) == ("GSM-7", 1)
    assert (curly["encoding"], curly["segments"]) == ("UCS-2", 2)


BAD = {
    "no recipient": ({"to": ...}, "to"),
    "a recipient that is not E.164": ({"to": "0612345678"}, "to"),
    "a recipient that is no string": ({"to": 33612345678}, "to"),
    "an impossible recipient": ({"to": "+331"}, "to"),
    "no text": ({"text": ...}, "text"),
    "an empty text": ({"text": ""}, "text"),
    "a text of eleven segments": ({"text": "a" * (153 * 10 + 1)}, "text"),
    "half a surrogate pair": ({"text": "\ud83d"}, "text"),
    "a sender no network takes": ({"from": "far too long a name"}, "from"),
    "a sender with an odd character": ({"from": "caf\u00e9!"}, "from"),
    "an unknown provider": ({"provider": "pigeon"}, "provider"),
    "a provider that is no name": ({"provider": "../dummy"}, "provider"),
    "a field that does not exist": ({"txt": "hello"}, "txt"),
    "a status_report that is no boolean": ({"status_report": "yes"}, "status_report"),
    "a reference that is too long": ({"reference": "r" * 256}, "reference"),
    "metadata with a number": ({"metadata": {"a": 1}}, "metadata"),
    "metadata that is too large": ({"metadata": {"a": "x" * 2048}}, "metadata"),
    "a validity of nothing": ({"validity_seconds": 0}, "validity_seconds"),
    "a validity that is true": ({"validity_seconds": True}, "validity_seconds"),
    "a send_at without an offset": ({"send_at": "2026-11-23T09:00:00"}, "send_at"),
    "a send_at ten years away": ({"send_at": "2036-11-23T09:00:00Z"}, "send_at"),
    "an on_unknown of its own": ({"on_unknown": "pray"}, "on_unknown"),
}


@pytest.mark.parametrize(("fields", "named"), BAD.values(), ids=BAD)
def test_a_bad_field_is_named_and_nothing_is_stored_or_sent(http, monkeypatch, fields, named):
    handed = answers_with(monkeypatch, AssertionError("nothing is submitted"))
    answer = http.send(**fields)
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in answer.json_body["errors"]] == [named]
    assert "message" not in answer.json_body
    assert (handed, stored_count()) == ([], 0)


def test_every_bad_field_is_named_at_once(http):
    errors = http.send(to="x", text="", colour="red").json_body["errors"]
    assert {error["field"] for error in errors} == {"to", "text", "colour"}


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"{", {}, 400, "bad_request"),
        (b"[]", {}, 400, "bad_request"),
        (b"\xff\xfe", {}, 400, "bad_request"),
        (b'{"text":"' + b"x" * 70_000 + b'"}', {}, 413, "too_large"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        (b"{}", {"Authorization": ""}, 401, "not_authenticated"),
        (b"{}", {"Authorization": "Bearer sms_0000000000000000_" + "x" * 43}, 401, "not_authenticated"),
    ],
    ids=["cut short", "not an object", "not UTF-8", "too large", "not JSON", "no key", "a made-up key"],
)
def test_a_request_that_cannot_be_read_is_a_problem(http, body, headers, status, code):
    answer = http.call("POST", "/send", body, headers)
    assert (answer.status_code, answer.json_body["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert stored_count() == 0


def test_a_key_without_the_scope_may_not_send(http):
    http.key = keys.create(("read",), sending.now())[0]
    answer = http.send()
    assert (answer.status_code, answer.json_body["code"]) == (403, "scope_missing")
    assert stored_count() == 0


def test_a_method_that_a_route_lacks_is_405_and_says_which_there_are(http):
    answer = http.call("DELETE", "/send")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert answer.json_body["code"] == "method_not_allowed"


def test_no_default_sender_and_no_from_names_the_field(http, monkeypatch):
    monkeypatch.setenv("SMSIGNAL_DEFAULT_SENDER", "")
    from chalicelib import config

    config.settings.cache_clear()
    assert [error["field"] for error in http.send().json_body["errors"]] == ["from"]


REFUSALS = {
    "recipient": (RecipientRefused("barred", "barred"), 422),
    "content": (ContentRefused("too_long", "too long"), 422),
    "sender": (SenderRefused("sender", "not yours"), 422),
    "account": (AccountRefused("no_credit", "top up"), 502),
}


@pytest.mark.parametrize(("error", "status"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is_final_stored_and_told_with_its_message(http, monkeypatch, error, status):
    answers_with(monkeypatch, error)
    answer = http.send()
    assert (answer.status_code, answer.json_body["code"]) == (status, error.code)
    message = answer.json_body["message"]
    assert answer.headers["Location"] == f"/messages/{message['id']}"
    assert message["status"] == "refused"
    assert message["error"]["class"] == error.error_class.value
    assert http.get(f"/messages/{message['id']}").json_body == message


def test_a_refusal_is_answered_201_when_it_is_to_fail_silently(http, monkeypatch):
    answers_with(monkeypatch, RecipientRefused("barred", "barred"))
    answer = http.send(fail_silently=True)
    assert (answer.status_code, answer.json_body["status"]) == (201, "refused")


WAITING = {
    "throttled": (ProviderThrottled("throttled", "slower", retry_after=5), "throttled", "postponed"),
    "down": (ProviderUnavailable("unreachable", "no connection"), "provider", "postponed"),
    "silent": (OutcomeUnknown("no_reply", "no reply"), "unknown", "unknown"),
    "a faulty adapter": (ZeroDivisionError(), "unknown", "unknown"),
}


@pytest.mark.parametrize(("error", "kind", "outcome"), WAITING.values(), ids=WAITING)
def test_a_provider_in_trouble_is_a_202_and_the_text_is_kept_with_its_due_time(http, monkeypatch, error, kind, outcome):
    answers_with(monkeypatch, error)
    answer = http.send()
    assert answer.status_code == 202
    assert answer.json_body["status"] == "created"
    assert answer.json_body["error"]["class"] == kind
    assert answer.json_body["history"][-1]["outcome"] == outcome
    stored = store.get(answer.json_body["id"])
    assert stored.due_at is not None
    assert stored.due_at > stored.created_on


def test_a_retry_waits_at_least_as_long_as_the_provider_asks(http, monkeypatch):
    answers_with(monkeypatch, ProviderThrottled("throttled", "slower", retry_after=5))
    stored = store.get(http.send().json_body["id"])
    assert (stored.due_at - stored.created_on).total_seconds() >= 5


def test_an_asynchronous_send_is_answered_before_anything_is_submitted(http, monkeypatch):
    handed = answers_with(monkeypatch, AssertionError("nothing is submitted yet"))
    answer = http.send(headers={"Prefer": "respond-async"})
    assert (answer.status_code, answer.json_body["status"], handed) == (202, "created", [])


class TestIdempotencyKey:
    def test_the_same_key_and_body_meet_the_same_message_and_send_once(self, http, monkeypatch):
        handed = []
        original = Dummy.submit
        monkeypatch.setattr(Dummy, "submit", lambda self, message: handed.append(message) or original(self, message))
        first = http.send(headers={"Idempotency-Key": "order-7"})
        again = http.send(headers={"Idempotency-Key": "order-7"})
        assert (first.status_code, again.status_code) == (201, 201)
        assert "Idempotent-Replayed" not in first.headers
        assert again.headers["Idempotent-Replayed"] == "true"
        assert again.json_body == first.json_body
        assert len(handed) == 1

    def test_the_order_of_the_fields_is_no_difference(self, http):
        bodies = [{"to": "+33612345678", "text": "a"}, {"text": "a", "to": "+33612345678"}]
        headers = {"Idempotency-Key": "k"}
        ids = {http.call("POST", "/send", json.dumps(body).encode(), headers).json_body["id"] for body in bodies}
        assert len(ids) == 1

    def test_another_body_under_the_same_key_is_refused(self, http):
        http.send(headers={"Idempotency-Key": "order-7"})
        answer = http.send(headers={"Idempotency-Key": "order-7"}, text="something else")
        assert (answer.status_code, answer.json_body["code"]) == (422, "idempotency_key_reused")

    def test_another_client_with_the_same_key_has_a_message_of_its_own(self, http):
        first = http.send(headers={"Idempotency-Key": "order-7"}).json_body["id"]
        http.key = keys.create(("send",), sending.now())[0]
        assert http.send(headers={"Idempotency-Key": "order-7"}).json_body["id"] != first

    def test_a_repeated_refusal_is_told_again(self, http, monkeypatch):
        handed = answers_with(monkeypatch, RecipientRefused("barred", "barred"))
        answers = [http.send(headers={"Idempotency-Key": "k"}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [422, 422]
        assert answers[1].headers["Idempotent-Replayed"] == "true"
        assert len(handed) == 1

    def test_a_key_that_is_too_long_is_refused(self, http):
        answer = http.send(headers={"Idempotency-Key": "k" * 256})
        assert [error["field"] for error in answer.json_body["errors"]] == ["Idempotency-Key"]


class TestTheStoreDown:
    def test_before_the_send_nothing_leaves_and_the_client_is_told_to_try_again(self, http, monkeypatch):
        http.send()  # the key is cached from here on
        handed = answers_with(monkeypatch, AssertionError("nothing is submitted"))
        boto3.client("dynamodb").delete_table(TableName="smsignal-test-messages")
        answer = http.send()
        assert (answer.status_code, answer.json_body["code"]) == (503, "store_unavailable")
        assert answer.headers["Retry-After"]
        assert handed == []

    def test_after_the_provider_took_the_text_it_is_no_failure(self, http, monkeypatch):
        original = Dummy.submit

        def submit(self, message):
            boto3.client("dynamodb").delete_table(TableName="smsignal-test-messages")
            return original(self, message)

        monkeypatch.setattr(Dummy, "submit", submit)
        answer = http.send()
        assert (answer.status_code, answer.json_body["status"]) == (201, "sending")
