"""send_text: the predecessor's call, from Python."""

import inspect
from decimal import Decimal

import pytest
from test_send import answers_with

from chalicelib import store
from chalicelib.errors import InvalidMessage, RecipientRefused, StoreUnavailable, TextMessageError
from chalicelib.messages import Submission
from chalicelib.sending import send_text


def test_its_signature_is_the_contracts():
    assert str(inspect.signature(send_text, eval_str=True)).startswith(
        "(text: str, frm: str, to: str, fail_silently: bool = True, status_report: bool = False)"
    )


def test_a_text_is_sent_and_has_what_the_predecessors_had(aws, monkeypatch):
    answers_with(monkeypatch, Submission(("1",), price=Decimal("0.03330000"), currency="EUR"))
    message = send_text("hello", "smsignal", "+33612345678", status_report=True)
    assert (message.frm, message.to, message.text) == ("smsignal", "+33612345678", "hello")
    assert (message.direction.value, message.status.value) == ("outgoing", "sending")
    assert (message.direction, message.status) == ("outgoing", "sending")
    assert message.price == Decimal("0.0333")
    assert message.created_on.utcoffset().total_seconds() == 0
    assert message.public_url == "https://sms.example.com/api"
    assert store.get(message.id) == message


def test_a_refusal_is_silent_unless_it_is_asked_for(aws, monkeypatch):
    answers_with(monkeypatch, RecipientRefused("barred", "this number is barred", provider_code="7"))
    assert send_text("hello", "smsignal", "+33612345678").status.value == "refused"
    with pytest.raises(RecipientRefused, match="barred") as caught:
        send_text("hello", "smsignal", "+33612345678", fail_silently=False)
    assert caught.value.provider_code == "7"


def test_a_text_that_was_never_valid_is_refused_and_not_stored(aws):
    message = send_text("hello", "smsignal", "0612345678")
    assert (message.status.value, message.error.error_class.value) == ("refused", "recipient")
    with pytest.raises(store.MessageNotFound):
        store.get(message.id)
    with pytest.raises(InvalidMessage):
        send_text("hello", "smsignal", "0612345678", fail_silently=False)


def test_the_store_down_is_never_silent(aws):
    aws["dynamodb"].delete_table(TableName="smsignal-test-messages")
    with pytest.raises(StoreUnavailable):
        send_text("hello", "smsignal", "+33612345678")
    assert issubclass(StoreUnavailable, TextMessageError)
