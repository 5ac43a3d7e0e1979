"""The clock and the worker: retries, schedules, lapsed leases. Time is moved by moving `now`."""

import json
from datetime import timedelta

import pytest
from botocore.endpoint import Endpoint
from test_send import answers_with

from chalicelib import dispatching, sending, store, submitting
from chalicelib.errors import (
    AccountRefused,
    OutcomeUnknown,
    ProviderThrottled,
    RecipientRefused,
    StoreUnavailable,
)
from chalicelib.messages import DeliveryReceipt, Submission, rfc3339
from chalicelib.providers.dummy import Dummy
from chalicelib.status import Status

TAKEN = Submission(("dummy-1",))


@pytest.fixture
def later(monkeypatch):
    """Moves the clock of the worker and of the sweep."""
    real = sending.now

    def move(**by):
        moved = lambda: real() + timedelta(**by)  # noqa: E731
        monkeypatch.setattr(sending, "now", moved)
        monkeypatch.setattr(submitting, "now", moved)
        monkeypatch.setattr(dispatching, "now", moved)

    return move


def ticket(message_id):
    message = store.get(message_id)
    return json.dumps({"message_id": message_id, "due_at": rfc3339(message.due_at)})


def outbox(aws):
    """The tickets on the queue, and how long each is held back."""
    url = aws["sqs"].get_queue_url(QueueName="smsignal-test-outbox")["QueueUrl"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed"]
    return sum(map(int, aws["sqs"].get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()))


def test_a_throttled_text_is_submitted_again_when_it_is_due(http, aws, monkeypatch, later):
    answers_with(monkeypatch, ProviderThrottled("throttled", "slower", retry_after=1))
    message_id = http.send().json_body["id"]
    assert outbox(aws) == 1
    answers_with(monkeypatch, TAKEN)
    later(seconds=20)
    assert dispatching.handle(ticket(message_id)).status is Status.SENDING
    message = store.get(message_id)
    assert (message.attempts, message.error) == (2, None)


def test_a_ticket_that_comes_twice_submits_once(http, monkeypatch, later):
    answers_with(monkeypatch, ProviderThrottled("throttled", "slower"))
    message_id = http.send().json_body["id"]
    handed = answers_with(monkeypatch, TAKEN)
    same = ticket(message_id)
    later(seconds=20)
    assert dispatching.handle(same) is not None
    assert dispatching.handle(same) is None
    assert len(handed) == 1


def test_an_asynchronous_text_waits_on_the_outbox(http, aws, monkeypatch):
    handed = answers_with(monkeypatch, TAKEN)
    message_id = http.send(headers={"Prefer": "respond-async"}).json_body["id"]
    assert (outbox(aws), handed) == (1, [])
    assert dispatching.handle(ticket(message_id)).status is Status.SENDING
    assert len(handed) == 1


def test_a_scheduled_text_waits_for_its_time_and_the_sweep_finds_it(http, aws, monkeypatch, later):
    handed = answers_with(monkeypatch, TAKEN)
    send_at = sending.now() + timedelta(hours=2)
    answer = http.send(send_at=rfc3339(send_at))
    assert (answer.status_code, answer.json_body["status"]) == (202, "created")
    assert (dispatching.dispatch(), outbox(aws), handed) == (0, 0, [])
    later(hours=1, minutes=59, seconds=30)
    assert (dispatching.dispatch(), outbox(aws)) == (1, 1)


def test_a_sweep_reads_only_what_is_due_however_much_waits(http, aws, monkeypatch, later):
    """The items that DynamoDB looked at, and not only those that it returned."""
    soon, far = (rfc3339(sending.now() + timedelta(days=days)) for days in (1, 300))
    waiting = [{"to": "+33612345678", "text": "later", "send_at": far}] * 100
    http.call("POST", "/send/batch", json.dumps({"messages": waiting}).encode())
    http.send(send_at=soon)
    looked_at = []
    parse = Endpoint.make_request

    def watched(self, operation_model, request_dict):
        answer = parse(self, operation_model, request_dict)
        looked_at.append(answer[1].get("ScannedCount", 0))
        return answer

    monkeypatch.setattr(Endpoint, "make_request", watched)
    later(days=1, minutes=1)
    assert (dispatching.dispatch(), sum(looked_at)) == (1, 1)


def test_a_schedule_in_the_past_is_sent_at_once(http):
    answer = http.send(send_at="2020-01-01T00:00:00Z")
    assert (answer.status_code, answer.json_body["status"]) == (201, "sending")


class TestAnInterruptedSend:
    """The Lambda died after it claimed the text: nothing was recorded, and the lease lapses."""

    @pytest.fixture
    def claimed(self, http, monkeypatch):
        def claim(**fields):
            with monkeypatch.context() as dying:
                dying.setattr(sending, "submit", lambda message, adapter: message)
                return http.send(**fields).json_body["id"]

        return claim

    def test_it_is_held_not_submitted_again(self, claimed, monkeypatch, later):
        handed = answers_with(monkeypatch, TAKEN)
        message_id = claimed()
        later(minutes=5)
        dispatching.handle(ticket(message_id))
        message = store.get(message_id)
        assert (handed, message.status) == ([], Status.CREATED)
        assert (message.error.error_class.value, message.error.code) == ("unknown", "interrupted")

    def test_it_becomes_unknown_at_its_deadline(self, claimed, monkeypatch, later):
        handed = answers_with(monkeypatch, TAKEN)
        message_id = claimed()
        later(minutes=5)
        dispatching.handle(ticket(message_id))
        later(hours=73)
        dispatching.handle(ticket(message_id))
        assert (handed, store.get(message_id).status) == ([], Status.UNKNOWN)

    def test_it_is_submitted_again_when_the_caller_would_rather_have_it_twice(self, claimed, monkeypatch, later):
        handed = answers_with(monkeypatch, TAKEN)
        message_id = claimed(on_unknown="resend")
        later(minutes=5)
        dispatching.handle(ticket(message_id))
        assert (len(handed), store.get(message_id).status) == (1, Status.SENDING)

    def test_receipts_alone_deliver_it_once_its_holder_is_known_to_be_dead(self, claimed, monkeypatch, later):
        message_id = claimed()
        receipt = DeliveryReceipt(Status.DELIVERED, "delivered", message_id, "theirs-1", per_segment=True)
        store.advance(message_id, "dummy", receipt, sending.now())
        assert store.get(message_id).status is Status.SENT
        later(minutes=5)
        dispatching.handle(ticket(message_id))
        message = store.get(message_id)
        assert (message.status, message.due_at, message.holders) == (Status.DELIVERED, None, ())

    def test_it_is_found_by_the_sweep(self, claimed, aws, later):
        claimed()
        later(minutes=5)
        assert dispatching.dispatch() == 1


def test_an_unknown_outcome_waits_for_a_receipt_until_the_deadline(http, monkeypatch, later):
    answers_with(monkeypatch, OutcomeUnknown("no_reply", "no reply"))
    message_id = http.send().json_body["id"]
    handed = answers_with(monkeypatch, TAKEN)
    later(hours=71)
    assert dispatching.dispatch() == 0
    later(hours=73)
    dispatching.handle(ticket(message_id))
    assert (handed, store.get(message_id).status) == ([], Status.UNKNOWN)


def test_a_text_whose_receipt_never_comes_becomes_unknown(http, later):
    message_id = http.send().json_body["id"]
    later(hours=73)
    assert dispatching.dispatch() == 1
    dispatching.handle(ticket(message_id))
    message = store.get(message_id)
    assert (message.status, message.error.code, message.due_at) == (Status.UNKNOWN, "no_receipt", None)


def test_a_text_without_status_report_waits_for_none(http):
    assert store.get(http.send(status_report=False).json_body["id"]).due_at is None


def test_a_text_that_never_got_through_expires_with_the_reason(http, monkeypatch, later):
    answers_with(monkeypatch, ProviderThrottled("throttled", "slower"))
    message_id = http.send(validity_seconds=3600).json_body["id"]
    later(hours=2)
    dispatching.handle(ticket(message_id))
    message = store.get(message_id)
    assert (message.status, message.due_at) == (Status.EXPIRED, None)


def test_a_text_whose_next_try_would_be_too_late_expires_with_the_reason(http, monkeypatch):
    answers_with(monkeypatch, ProviderThrottled("throttled", "slower", retry_after=3600))
    answer = http.send(validity_seconds=60)
    assert (answer.status_code, answer.json_body["code"]) == (502, "throttled")
    message = store.get(answer.json_body["message"]["id"])
    assert (message.status, message.error.code, message.due_at) == (Status.EXPIRED, "throttled", None)


def test_a_text_that_was_tried_often_enough_is_refused(http, monkeypatch, later):
    answers_with(monkeypatch, ProviderThrottled("throttled", "slower"))
    message_id = http.send().json_body["id"]
    for _ in range(30):
        message = store.get(message_id)
        if message.due_at is None:
            break
        dispatching.handle(ticket(message_id))
    assert (message.status, message.attempts, message.error.code) == (Status.REFUSED, 20, "throttled")


def test_trouble_with_the_account_is_counted_for_an_alarm(http, monkeypatch, capsys):
    answers_with(monkeypatch, AccountRefused("no_credit", "top up"))
    http.send()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (line,) = [line for line in lines if "_aws" in line]
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["stage", "provider"]]
    assert [line[name["Name"]] for name in directive["Metrics"]] == [1]
    assert (line["stage"], line["provider"]) == ("test", "dummy")


def test_a_queued_text_waits_out_trouble_with_the_account(http, monkeypatch):
    answers_with(monkeypatch, AccountRefused("no_credit", "top up"))
    message_id = http.send(headers={"Prefer": "respond-async"}).json_body["id"]
    dispatching.handle(ticket(message_id))
    message = store.get(message_id)
    assert (message.status, message.error.code) == (Status.CREATED, "no_credit")
    assert message.due_at - message.created_on > timedelta(minutes=4)


def test_a_queued_text_that_is_refused_is_over(http, monkeypatch):
    answers_with(monkeypatch, RecipientRefused("barred", "barred"))
    message_id = http.send(headers={"Prefer": "respond-async"}).json_body["id"]
    dispatching.handle(ticket(message_id))
    message = store.get(message_id)
    assert (message.status, message.due_at) == (Status.REFUSED, None)


@pytest.mark.parametrize("status", ["created", "sending"])
def test_a_provider_that_lost_its_settings_keeps_its_texts_waiting(http, monkeypatch, later, status):
    headers = {"Prefer": "respond-async"} if status == "created" else {}
    message_id = http.send(headers=headers).json_body["id"]
    monkeypatch.setattr(Dummy, "required", ("api_key",))
    due_at = store.get(message_id).due_at
    later(hours=73)
    dispatching.handle(ticket(message_id))
    message = store.get(message_id)
    assert (message.status.value, message.holders) == (status, ())
    assert message.due_at > due_at


def test_the_worker_gives_back_only_the_tickets_that_failed(http, aws, monkeypatch):
    from chalice.test import Client

    from app import app

    answers_with(monkeypatch, TAKEN)
    good = http.send(headers={"Prefer": "respond-async"}).json_body["id"]
    bad = http.send(headers={"Prefer": "respond-async"}).json_body["id"]
    claim = store.claim

    def failing(message_id, *rest):
        if message_id == bad:
            raise StoreUnavailable("throttled")
        return claim(message_id, *rest)

    monkeypatch.setattr(store, "claim", failing)
    records = [{"messageId": name, "body": ticket(message_id), "receiptHandle": name} for name, message_id in
               (("one", good), ("two", bad))]  # fmt: skip
    with Client(app, project_dir="tests") as client:
        answer = client.lambda_.invoke("submit_message", {"Records": records})
    assert answer.payload == {"batchItemFailures": [{"itemIdentifier": "two"}]}
    assert store.get(good).status is Status.SENDING
