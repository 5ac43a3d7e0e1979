"""The callback and incoming routes, through the sandbox provider's own signed requests."""

import json
from datetime import timedelta

import boto3
import pytest

from chalicelib import sending, store
from chalicelib.messages import DeliveryReceipt
from chalicelib.providers.sandbox import Sandbox
from chalicelib.status import Status


@pytest.fixture
def text(http):
    """A text that the sandbox took."""
    return store.get(http.send(provider="sandbox").json_body["id"])


def signed(message_id, word, at=None):
    """A receipt as the sandbox sends it: path, headers, body."""
    adapter = Sandbox({"secret": "sandbox-secret", "stage": "test"})
    queued = json.dumps(
        {"url": "https://sms.example.com/api/callback/sandbox", "message_id": message_id, "status": word}
    )
    request = adapter.report(queued, at or sending.now())
    return request.headers, request.content


def call_back(http, message_id, word, at=None):
    headers, body = signed(message_id, word, at)
    return http.call("POST", "/callback/sandbox", body, headers)


def test_receipts_move_a_text_forward_and_are_kept(http, text):
    for word in ("sent", "delivered"):
        answer = call_back(http, text.id, word)
        assert (answer.status_code, answer.body) == (200, b"")
    message = store.get(text.id)
    assert message.status is Status.DELIVERED
    assert [(entry.status.value, entry.outcome) for entry in message.history] == [
        ("created", "applied"), ("sending", "applied"), ("sent", "applied"), ("delivered", "applied"),
    ]  # fmt: skip
    assert message.sequence == 4
    assert message.due_at is None


@pytest.mark.parametrize(
    ("words", "status", "outcomes"),
    [
        (("delivered", "sent"), "delivered", ["applied", "stale"]),
        (("delivered", "delivered"), "delivered", ["applied", "duplicate"]),
        (("delivered", "undelivered"), "delivered", ["applied", "stale"]),
        (("undelivered", "rejected"), "undelivered", ["applied", "stale"]),
        (("rejected", "delivered"), "delivered", ["applied", "applied"]),
        (("expired", "sent", "expired"), "expired", ["applied", "stale", "duplicate"]),
        (("on the moon", "delivered"), "delivered", ["applied", "applied"]),
        (("on the moon", "sent"), "unknown", ["applied", "stale"]),
    ],
    ids=lambda value: " then ".join(value) if isinstance(value, tuple) else None,
)
def test_whatever_the_order_the_status_never_falls(http, text, words, status, outcomes):
    sequences = []
    for word in words:
        assert call_back(http, text.id, word).status_code == 200
        sequences.append(store.get(text.id).sequence)
    message = store.get(text.id)
    assert message.status.value == status
    receipts = [entry for entry in message.history if entry.source == "receipt"]
    assert [entry.outcome for entry in receipts] == outcomes
    assert [entry.provider_status for entry in receipts] == list(words)
    assert sequences[-1] == 2 + outcomes.count("applied")


def test_a_failure_says_whose_fault_it_is_until_the_handset_proves_otherwise(http, text):
    call_back(http, text.id, "rejected")
    assert store.get(text.id).error.code == "rejected"
    call_back(http, text.id, "delivered")
    assert store.get(text.id).error is None


def test_an_unknown_word_is_kept_raw_and_logged(http, text, capsys):
    call_back(http, text.id, "on the moon")
    message = store.get(text.id)
    assert message.history[-1].provider_status == "on the moon"
    line = next(json.loads(line) for line in capsys.readouterr().out.splitlines() if "unknown outcome" in line)
    assert (line["class"], line["provider_status"]) == ("unknown", "on the moon")


FORGERIES = {
    "no signature": lambda headers, body: ({"Content-Type": "application/json"}, body),
    "another body": lambda headers, body: (headers, body.replace(b"delivered", b"rejected!")),
    "a body cut short": lambda headers, body: (headers, body[:-1]),
    "another time": lambda headers, body: ({**headers, "X-Sandbox-Timestamp": "1"}, body),
    "a signature that is not ASCII": lambda headers, body: ({**headers, "X-Sandbox-Signature": "\u00e9" * 64}, body),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_callback_is_403_and_changes_nothing(http, text, forge):
    headers, body = forge(*signed(text.id, "delivered"))
    answer = http.call("POST", "/callback/sandbox", body, headers)
    assert (answer.status_code, answer.json_body["code"]) == (403, "not_authentic")
    assert store.get(text.id) == text


def test_a_callback_from_yesterday_is_refused(http, text):
    answer = call_back(http, text.id, "delivered", sending.now() - timedelta(days=1))
    assert answer.status_code == 403
    assert store.get(text.id) == text


def test_a_replayed_callback_changes_no_status_and_signals_nothing(http, text):
    headers, body = signed(text.id, "delivered")
    for _ in range(3):
        assert http.call("POST", "/callback/sandbox", body, headers).status_code == 200
    message = store.get(text.id)
    assert (message.status, message.sequence) == (Status.DELIVERED, 3)
    assert [entry.outcome for entry in message.history][2:] == ["applied", "duplicate", "duplicate"]


def test_a_thousand_replays_do_not_grow_the_history_without_end(http, text, monkeypatch):
    from chalicelib import transitions

    monkeypatch.setattr(transitions, "HISTORY_LIMIT", 5)
    for _ in range(10):
        call_back(http, text.id, "delivered")
    assert len(store.get(text.id).history) == 5


@pytest.mark.parametrize("message_id", ["0" * 32, "no id at all", ""], ids=["unknown", "malformed", "empty"])
def test_a_receipt_for_no_text_of_ours_is_taken_and_logged(http, capsys, message_id):
    assert call_back(http, message_id, "delivered").status_code == 200
    assert "receipt for no text of ours" in capsys.readouterr().out


def test_a_receipt_of_another_provider_does_not_touch_the_text(http, text):
    receipt = DeliveryReceipt(Status.DELIVERED, "delivered", text.id)
    with pytest.raises(store.MessageNotFound):
        store.advance(text.id, "dummy", receipt, sending.now())
    assert store.get(text.id) == text


def test_a_receipt_that_overtakes_the_providers_answer_still_lands(http, monkeypatch):
    original = Sandbox.submit

    def submit(self, message):
        call_back(http, message.id, "delivered")
        return original(self, message)

    monkeypatch.setattr(Sandbox, "submit", submit)
    answer = http.send(provider="sandbox")
    assert (answer.status_code, answer.json_body["status"]) == (201, "delivered")
    assert answer.json_body["provider_message_ids"] == [f"sandbox-{answer.json_body['id']}"]
    assert [entry["outcome"] for entry in answer.json_body["history"]] == ["applied", "applied", "stale"]


def test_the_store_down_is_503_so_that_the_provider_tries_again(http, text):
    boto3.client("dynamodb").delete_table(TableName="smsignal-test-messages")
    answer = call_back(http, text.id, "delivered")
    assert (answer.status_code, answer.json_body["code"]) == (503, "store_unavailable")


@pytest.mark.parametrize("path", ["/callback/pigeon", "/incoming/pigeon", "/callback/base", "/callback/..%2Fdummy"])
def test_a_provider_that_does_not_exist_is_404(http, path):
    answer = http.call("POST", path, b"{}")
    assert (answer.status_code, answer.json_body["code"]) == (404, "unknown_provider")


def test_a_provider_that_makes_no_callbacks_believes_none(http):
    assert http.call("POST", "/callback/dummy", b"{}").status_code == 403
    assert http.call("GET", "/callback/console").status_code == 403


def test_an_authentic_callback_that_cannot_be_read_is_400(http):
    adapter = Sandbox({"secret": "sandbox-secret", "stage": "test"})
    timestamp = str(int(sending.now().timestamp()))
    body = b'{"status": "delivered"}'
    headers = {"X-Sandbox-Timestamp": timestamp, "X-Sandbox-Signature": adapter._signature(timestamp, body)}
    answer = http.call("POST", "/callback/sandbox", body, headers)
    assert (answer.status_code, answer.json_body["code"]) == (400, "unreadable")


def test_the_sandbox_queues_what_the_last_digits_choose(http, aws):
    http.send(provider="sandbox", to="+33612340003")
    url = aws["sqs"].get_queue_url(QueueName="smsignal-test-sandbox")["QueueUrl"]
    attributes = aws["sqs"].get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesDelayed"])
    assert attributes["Attributes"]["ApproximateNumberOfMessagesDelayed"] == "2"
    assert http.send(provider="sandbox", to="+33612340001").json_body["code"] == "invalid_recipient"
