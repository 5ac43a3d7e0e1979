"""A stage on AWS's own DynamoDB Local, whose conditional writes and streams are the real thing, for what happens at once."""

import multiprocessing
import sys
from dataclasses import replace
from datetime import timedelta

import boto3
import pytest
import stand_ins
from botocore.endpoint import Endpoint
from racing import LONGEST, Gate

from chalicelib import aws, dispatching, models, signals, store, store_table
from chalicelib.compose import compose
from chalicelib.messages import Submission
from chalicelib.providers.dummy import Dummy
from chalicelib.stage import now
from tests.conftest import forget, make_tables

MESSAGES = "smsignal-test-messages"
RECORDS = (models.MessageRecord, models.ProviderReferenceRecord, models.ApiKeyRecord)


@pytest.fixture(scope="session")
def dynamodb(dynamodb_url):
    """Clients of the tables and of their streams."""
    return {name: boto3.client(name, endpoint_url=dynamodb_url) for name in ("dynamodb", "dynamodbstreams")}


@pytest.fixture(scope="session")
def connections(dynamodb_url):
    """The store's connections, which know the endpoint; made once, since each takes a quarter of a second."""
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb_url)
        aws.tables_client.cache_clear()
        for record in RECORDS:
            patch.setattr(record, "_connection", None)
            made[record] = record._get_connection()
            assert made[record].connection.client.meta.endpoint_url == dynamodb_url
    aws.tables_client.cache_clear()
    return made


class Stage:
    """A stage as new, and its outside: what was put on its queues, and what its stream tells."""

    def __init__(self, dynamodb, queues):
        self.tables, self.streams, self.queues = dynamodb["dynamodb"], dynamodb["dynamodbstreams"], queues

    def compose(self, **fields):
        """A text that a client asks for."""
        body = {"provider": "dummy", "to": "+33612345678", "text": "Your code is 123456", **fields}
        return compose(body, now=now(), default_sender="smsignal")

    def store(self, **changes):
        """A text that is stored, and that nobody has taken."""
        message = replace(self.compose(), due_at=now(), **changes)
        store.create(message)
        return message

    def store_many(self, count, **changes):
        """The same, so many."""
        messages = [replace(self.compose(), due_at=now(), **changes) for _ in range(count)]
        for start in range(0, count, store.MOST_AT_ONCE):
            assert store.create_all(messages[start : start + store.MOST_AT_ONCE])
        return messages

    def late(self, act, by):
        """The act, begun as late as so many requests take: without it the one that has less to do wins every race."""

        def begun_late():
            for _ in range(by):
                self.tables.list_tables()
            return act()

        return begun_late

    def work(self):
        """What the clock and the workers do in a minute; returns how many tickets there were."""
        dispatching.dispatch()
        return self.drain()

    def drain(self):
        """What the workers do with the tickets that are on the queue; returns how many there were."""
        tickets = self.queues.take("outbox")
        for ticket in tickets:
            dispatching.handle(ticket)
        return len(tickets)

    def all_messages(self):
        """Every text in the table, by its id."""
        pages = self.tables.get_paginator("scan").paginate(TableName=MESSAGES)
        return {message.id: message for page in pages for message in map(store.from_image, page["Items"])}

    def changes(self):
        """What is signalled: the changes that the stream's records make, in order, for each text."""
        found = {}
        for record in self._records():
            images = record["dynamodb"]
            before = store.from_image(images["OldImage"]) if "OldImage" in images else None
            if change := signals.status_change(before, store.from_image(images["NewImage"])):
                found.setdefault(change.message_id, []).append(change)
        return found

    def _records(self):
        arn = self.tables.describe_table(TableName=MESSAGES)["Table"]["LatestStreamArn"]
        for shard in self.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
            position = self.streams.get_shard_iterator(
                StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while position:
                page = self.streams.get_records(ShardIterator=position)
                yield from page["Records"]
                position = page.get("NextShardIterator") if page["Records"] else None


@pytest.fixture
def stage(dynamodb, connections, monkeypatch):
    """A stage with empty tables."""
    tables = dynamodb["dynamodb"]
    for name in tables.list_tables()["TableNames"]:
        tables.delete_table(TableName=name)
    make_tables(tables)
    for record, connection in connections.items():
        monkeypatch.setattr(record, "_connection", connection)
        monkeypatch.setattr(store_table, "tables_client", lambda client=connection.connection.client: client)
    forget()
    yield Stage(dynamodb, stand_ins.install(monkeypatch.setattr))
    forget()


@pytest.fixture(autouse=True)
def _restless():
    """Let threads take turns so often that each finds the others in the middle of something."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-3)
    yield
    sys.setswitchinterval(usual)


@pytest.fixture
def gate(monkeypatch):
    """Lets through requests in an order (racing.py)."""
    gate, original = Gate(), Endpoint._do_get_response

    def in_turn(self, *given):
        gate.turns.before_request()
        return original(self, *given)

    monkeypatch.setattr(Endpoint, "_do_get_response", in_turn)
    return gate


@pytest.fixture
def every_order(gate):
    """Iterates over all orders in which the requests of several actors can reach the store."""
    return gate.every_order


@pytest.fixture
def submitted(monkeypatch):
    """The texts that the provider was given; it takes each."""
    given = []

    def submit(self, message):
        given.append(message.id)
        return Submission((f"dummy-{message.id}",))

    monkeypatch.setattr(Dummy, "submit", submit)
    return given


@pytest.fixture
def later(monkeypatch):
    """Moves the clock of all use cases so far ahead of the real one."""
    users = [module for name, module in sys.modules.items() if name.startswith("chalicelib.") and _has_clock(module)]

    def move(**by):
        for module in users:
            monkeypatch.setattr(module, "now", lambda: now() + timedelta(**by))

    return move


def _has_clock(module):
    return getattr(module, "now", None) is now and module.__name__ != now.__module__


class Process:
    """One client in a process of its own (clients.py)."""

    def __init__(self, context, life, *given):
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=life, args=(theirs, *given), daemon=True)
        self._process.start()
        theirs.close()

    def hear(self):
        """The next that it tells."""
        assert self._connection.poll(LONGEST), "the process says nothing"
        return self._connection.recv()

    def hear_until(self, word):
        """All that it tells before that word."""
        return list(iter(self.hear, (word,)))

    def kill(self):
        """End it, by SIGKILL: it can do nothing about it."""
        self._process.kill()
        self._process.join(LONGEST)
        self._connection.close()


@pytest.fixture(scope="session")
def _forks():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", "clients", "app"])
    return context


@pytest.fixture
def processes(stage, dynamodb_url, _forks):
    """A function that starts a process with one of the lives in clients.py; its `barrier` makes what several wait at."""
    started = []

    def start(life, *given):
        started.append(Process(_forks, life, dynamodb_url, *given))
        return started[-1]

    start.barrier = _forks.Barrier
    yield start
    for process in started:
        process.kill()
