"""A Lambda that is killed while it sends (powertools-lambda-python#8049, #738, #4759): nobody knows what became of its text."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import clients
import pytest
import stand_ins
from botocore.exceptions import ClientError

from chalicelib import config, dispatching, sending, store
from chalicelib.errors import ConfigurationError, OutcomeUnknown, ProviderThrottled, StoreUnavailable, TooLate
from chalicelib.messages import DeliveryReceipt
from chalicelib.providers.dummy import Dummy
from chalicelib.retries import MAX_ATTEMPTS
from chalicelib.stage import now
from chalicelib.status import Status
from chalicelib.transitions import canceled

MOMENTS = pytest.mark.parametrize("moment", ["before", "during", "after"])


@pytest.fixture
def killed(stage, processes):
    """Sends a text from a process that is killed before, during or after its call to the provider.

    Returns the text as it stands, and how often its provider was given it.
    """

    def send(moment, **fields):
        message = stage.compose(**fields)
        sender = processes(clients.send_and_stop, message, moment)
        told = sender.hear_until("stopped")
        sender.kill()
        return store.get(message.id), told.count(("submitted", message.id))

    return send


def receipt(status):
    return DeliveryReceipt(status, status.value)


@MOMENTS
def test_powertools_8049_a_text_is_held_and_is_unknown_at_its_deadline(stage, killed, submitted, later, moment):
    message, times = killed(moment)
    assert (message.status, len(message.holders), times) == (Status.CREATED, 1, moment != "before")
    later(seconds=20)
    assert stage.work() == 0  # its lease holds
    later(minutes=2)
    assert stage.work() == 1
    held = store.get(message.id)
    assert (held.status, held.error.code, held.holders) == (Status.CREATED, "interrupted", ())
    later(hours=71)
    assert stage.work() == 0
    later(hours=73)
    assert stage.work() == 1
    ended = store.get(message.id)
    assert (ended.status, ended.due_at, submitted) == (Status.UNKNOWN, None, [])
    assert [change.sequence for change in stage.changes()[message.id]] == [1, 2]


@MOMENTS
@pytest.mark.parametrize("held", [False, True], ids=["its lease holds", "it is held"])
def test_powertools_738_a_receipt_tells_what_became_of_the_text(stage, killed, submitted, later, moment, held):
    message, _ = killed(moment)
    if held:
        later(minutes=2)
        assert stage.work() == 1
    store.advance(message.id, "dummy", receipt(Status.SENT), now())
    later(minutes=10)
    stage.work()
    assert store.get(message.id).status is Status.SENT  # nobody gives it up before its deadline
    store.advance(message.id, "dummy", receipt(Status.DELIVERED), now())
    later(days=5)
    assert (stage.work(), submitted) == (0, [])
    assert store.get(message.id).status is Status.DELIVERED


@MOMENTS
def test_powertools_4759_a_text_is_submitted_again_when_its_client_would_rather_have_it_twice(
    stage, killed, submitted, later, moment
):
    message, _ = killed(moment, on_unknown="resend")
    later(minutes=2)
    assert stage.work() == 1
    assert (submitted, store.get(message.id).status) == ([message.id], Status.SENDING)
    assert stage.work() == 0


@MOMENTS
def test_a_text_is_submitted_again_where_the_provider_discards_duplicates(
    stage, killed, submitted, later, monkeypatch, moment
):
    message, _ = killed(moment)
    monkeypatch.setattr(Dummy, "discards_duplicates", True)
    later(minutes=2)
    assert stage.work() == 1
    assert (submitted, store.get(message.id).status) == ([message.id], Status.SENDING)


def test_a_worker_that_is_killed_leaves_its_text_as_doubtful_as_a_sender_does(stage, submitted, later, monkeypatch):
    message = stage.store()
    die_of(stage, monkeypatch)
    later(minutes=3)
    assert (stage.work(), submitted) == (1, [])
    assert store.get(message.id).error.code == "interrupted"


class Died(BaseException):
    """As if by SIGKILL: nothing catches it."""


def die_of(stage, monkeypatch, submitted=None):
    """Let a worker die in the provider's hands, once."""

    def submit(_, message):
        if submitted is not None:
            submitted.append(message.id)
        raise Died

    with monkeypatch.context() as dying:
        dying.setattr(Dummy, "submit", submit)
        with pytest.raises(Died):
            stage.work()


def test_a_text_that_kills_whoever_submits_it_is_not_sent_for_ever(stage, monkeypatch, later):
    """With `resend`, a Lambda that runs out of memory over the provider's answer sends, and pays, each time."""
    submitted = []
    stage.store(resend_on_unknown=True)
    for number in range(MAX_ATTEMPTS + 5):
        later(minutes=3 * number)
        try:
            die_of(stage, monkeypatch, submitted)
        except pytest.fail.Exception:
            break  # nobody died: it was not submitted again
    assert len(submitted) <= MAX_ATTEMPTS


def test_a_doubt_outlives_missing_settings(stage, submitted, later, monkeypatch):
    """The text may be out; that its provider's secret cannot be read when its lease lapses makes that no less likely."""
    message = stage.store()
    die_of(stage, monkeypatch)
    later(minutes=3)
    with monkeypatch.context() as broken:
        broken.setattr(dispatching, "provider", _no_settings)
        assert stage.work() == 1
    for minutes in (20, 40):
        later(minutes=minutes)
        stage.work()
    assert (submitted, store.get(message.id).status) == ([], Status.CREATED)


def _no_settings(_):
    raise ConfigurationError("the secret is no JSON object")


def test_a_text_that_nobody_began_to_submit_is_not_in_doubt(stage, submitted, later, monkeypatch):
    """The parameter store is throttled while a worker, which just took the text, starts: surely nothing left."""
    message = stage.store()
    config.provider_settings.cache_clear()
    with monkeypatch.context() as broken, suppress(ClientError, StoreUnavailable):
        broken.setattr(stand_ins.NoParameters, "get_parameter", _throttled)
        stage.work()
    later(minutes=30)
    stage.work()
    assert (submitted, store.get(message.id).status) == ([message.id], Status.SENDING)


def _throttled(*_, **__):
    raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "GetParameter")


def test_a_worker_that_dies_at_the_deadline_does_not_put_it_off_for_days(stage, submitted, later, monkeypatch):
    message = stage.store()
    die_of(stage, monkeypatch)
    later(minutes=3)
    stage.work()
    later(hours=73)
    with monkeypatch.context() as dying:
        dying.setattr(store, "change", _die)
        with pytest.raises(Died):
            stage.work()
    later(hours=74)
    stage.work()
    assert store.get(message.id).status is Status.UNKNOWN


def _die(*_):
    raise Died


def test_a_doubt_is_not_called_a_refusal_when_it_is_too_late_to_try_again(stage, later, monkeypatch):
    """The reply is lost, and with it the last moment of a short validity: the text may well be on the handset."""
    monkeypatch.setattr(Dummy, "submit", _no_reply)
    message = stage.compose(on_unknown="resend", validity_seconds=20)
    later(seconds=25)
    sending.send(message)
    assert store.get(message.id).status is not Status.REFUSED


def _no_reply(*_):
    raise OutcomeUnknown("no_reply", "no reply")


class TestADoubtThatALaterAttemptCannotLift:
    """The first attempt may be on the handset, whatever becomes of the second; with `resend` there is a second."""

    @pytest.fixture
    def doubtful(self, stage, later, monkeypatch):
        """A text whose first submission nobody spoke of again."""
        message = stage.store(resend_on_unknown=True)
        die_of(stage, monkeypatch)
        later(minutes=3)
        return message

    @pytest.fixture
    def throttled(self, stage, doubtful, monkeypatch):
        """The same, whose second submission was certainly not taken."""
        monkeypatch.setattr(Dummy, "submit", _slower)
        stage.work()
        assert store.get(doubtful.id).error.code == "throttled"
        return doubtful

    def test_it_cannot_be_taken_back(self, throttled):
        with pytest.raises(TooLate):
            store.change(store.get(throttled.id), lambda current: canceled(current, now()))

    def test_in_the_end_nobody_knows(self, stage, throttled, later):
        later(hours=30)
        while stage.work():
            pass
        assert store.get(throttled.id).status is Status.UNKNOWN

    def test_waiting_for_its_turn_makes_it_no_less_doubtful(self, stage, doubtful, later, monkeypatch):
        monkeypatch.setattr(
            dispatching, "paced", lambda texts, at: [replace(texts[0], due_at=at + HOUR, has_slot=True)]
        )
        assert stage.work() == 1
        later(hours=30)
        while stage.work():
            pass
        assert store.get(doubtful.id).status is Status.UNKNOWN


HOUR = timedelta(hours=1)


def _slower(*_):
    raise ProviderThrottled("throttled", "slower")
