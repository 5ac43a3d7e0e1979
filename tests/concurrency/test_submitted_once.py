"""However many ask, retry, sweep or work at the same moment: a text goes to its provider once."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import partial

import clients
from racing import attempt, race, races
from stand_ins import ticket

from chalicelib import dispatching, keys, sending, store
from chalicelib.compose import id_of_key
from chalicelib.errors import TooLate
from chalicelib.messages import rfc3339
from chalicelib.stage import now
from chalicelib.status import Status
from chalicelib.transitions import canceled


def test_twilio_ruby_519_the_same_idempotency_key_from_fifty_clients_sends_once(stage, submitted):
    asked = replace(stage.compose(), id=id_of_key("a key", "order-7"))
    answers = race(*[lambda: sending.send(asked)] * 50)
    assert submitted == [asked.id]
    assert {message.id for message, _ in answers} == {asked.id}
    assert [replayed for _, replayed in answers].count(False) == 1
    assert [change.sequence for change in stage.changes()[asked.id]] == [1, 2]


def test_the_same_idempotency_keys_over_the_route_of_several_lambdas_send_once_each(stage, processes):
    token, _ = keys.create(("send",), now())
    orders, barrier = [f"order-{number}" for number in range(12)], processes.barrier(4)
    told = [client.hear_until("done") for client in [processes(clients.post, token, barrier, orders) for _ in range(4)]]
    answers = [what for process in told for what in process if what[0] == "answered"]
    submissions = Counter(what[1] for process in told for what in process if what[0] == "submitted")
    ids = {(order, message_id) for _, order, _, message_id in answers}
    assert (len(answers), len(ids), len(dict(ids))) == (48, 12, 12)
    assert {status for _, _, status, _ in answers} <= {201, 202}
    assert submissions == dict.fromkeys(dict(ids).values(), 1)


def test_a_batch_that_is_repeated_while_it_is_sent_sends_each_text_once(stage, submitted, gate):
    for at_once in gate.some_orders(20):
        batch = [stage.compose() for _ in range(2)]
        repeat = partial(sending.send_all, batch)
        _, again = at_once(lambda repeat=repeat: (repeat(), stage.drain()), repeat)
        stage.work()
        assert [text.id for text in again] == [text.id for text in batch]
        assert [submitted.count(text.id) for text in batch] == [1, 1]


def test_jasmin_657_many_workers_with_the_same_ticket_submit_once(stage, submitted):
    for _ in range(20):
        message = stage.store()
        handled = race(*[partial(dispatching.handle, ticket(message))] * 5)
        assert len([one for one in handled if one]) == 1
    assert len(submitted) == len(set(submitted)) == 20


def test_post_office_248_workers_in_several_processes_take_each_text_once(stage, processes):
    messages = [stage.store() for _ in range(20)]
    barrier, tickets = processes.barrier(3), [ticket(message) for message in messages]
    workers = [processes(clients.work, barrier, tickets) for _ in range(3)]
    submissions = Counter(message_id for worker in workers for _, message_id in worker.hear_until("done"))
    assert submissions == dict.fromkeys((message.id for message in messages), 1)
    assert {store.get(message.id).attempts for message in messages} == {1}


def test_playsms_488_two_sweeps_at_once_submit_each_text_once(stage, submitted):
    messages = [stage.store() for _ in range(20)]
    assert race(dispatching.dispatch, dispatching.dispatch) == [20, 20]
    tickets = stage.queues.take("outbox")
    race(*[partial(dispatching.handle, one) for one in tickets])
    assert sorted(submitted) == sorted(message.id for message in messages)


def test_two_workers_in_every_order_submit_once(stage, submitted, every_order):
    orders = 0
    for at_once in every_order():
        message, orders = stage.store(), orders + 1
        at_once(*[partial(dispatching.handle, ticket(message))] * 2)
        assert submitted.count(message.id) == 1
        assert store.get(message.id).status is Status.SENDING
    assert orders > 2


def test_a_send_and_the_sweep_in_every_order_submit_once(stage, submitted, every_order, later):
    """A scheduled text whose moment has come, while its client asks for it again with the same key."""
    later(hours=2)
    for at_once in every_order():
        asked = stage.compose(send_at=rfc3339(now() + timedelta(hours=1)))
        first, _ = sending.send(asked)
        repeated = replace(asked, created_on=now())
        _, (again, replayed) = at_once(partial(dispatching.handle, ticket(first)), partial(sending.send, repeated))
        assert (again.id, replayed, submitted.count(asked.id)) == (asked.id, True, 1)


class TestACancelAndAClaim:
    """Exactly one wins: the text goes out and the client is told that it is too late, or it is canceled and stays."""

    @staticmethod
    def winner(submitted, stands, canceling, claimed):
        """Who won, after all that must hold then."""
        if isinstance(canceling, TooLate):
            assert (claimed.status, stands.status, submitted.count(stands.id)) == (Status.SENDING, Status.SENDING, 1)
        else:
            assert (claimed, stands.status, submitted.count(stands.id)) == (None, Status.CANCELED, 0)
        assert (stands.sequence, len(stands.history)) == (2, 2)
        return stands.status

    @staticmethod
    def cancel(message):
        return attempt(TooLate, lambda: store.change(message, lambda current: canceled(current, now())))

    @staticmethod
    def read_and_cancel(message_id):
        return attempt(TooLate, lambda: store.change(store.get(message_id), lambda current: canceled(current, now())))

    def test_let_loose_two_hundred_times(self, stage, submitted):
        messages = stage.store_many(200)
        results = races(
            [
                (
                    stage.late(self.cancel(message), number % 2),
                    stage.late(partial(dispatching.handle, ticket(message)), number // 2 % 2),
                )
                for number, message in enumerate(messages)
            ]
        )
        stored = stage.all_messages()
        for message, result in zip(messages, results, strict=True):
            self.winner(submitted, stored[message.id], *result)

    def test_in_every_order(self, stage, submitted, every_order):
        winners = Counter()
        for at_once in every_order():
            message = stage.store()
            results = at_once(self.read_and_cancel(message.id), partial(dispatching.handle, ticket(message)))
            winners[self.winner(submitted, store.get(message.id), *results)] += 1
        assert set(winners) == {Status.SENDING, Status.CANCELED}

    def test_two_cancels_are_one(self, stage, every_order):
        for at_once in every_order():
            message = stage.store()
            results = at_once(self.cancel(message), self.cancel(message))
            assert not [result for result in results if isinstance(result, TooLate)]
            assert store.get(message.id).sequence == 2


def test_playsms_579_what_is_scheduled_for_later_never_touches_the_queue(stage, submitted):
    far = [sending.send(stage.compose(send_at=rfc3339(now() + timedelta(days=300))))[0] for _ in range(30)]
    near = stage.store()
    assert list(store.due(now() + dispatching.SWEEP)) == [(near.id, near.due_at)]
    assert (stage.work(), submitted) == (1, [near.id])
    assert {store.get(message.id).attempts for message in far} == {0}
