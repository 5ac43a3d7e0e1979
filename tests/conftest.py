"""What every test stands on: a stage named `test`, tables as infra/resources.yaml has them, and no way out to a real AWS."""

import os
from collections import Counter
from pathlib import Path

os.environ.update(
    AWS_ACCESS_KEY_ID="test",
    AWS_SECRET_ACCESS_KEY="test",
    AWS_DEFAULT_REGION="us-east-1",
    AWS_CONFIG_FILE="/dev/null",
    AWS_SHARED_CREDENTIALS_FILE="/dev/null",
    AWS_ACCOUNT_ID_ENDPOINT_MODE="disabled",  # moto does not know the endpoint that boto3 then calls
    SMSIGNAL_STAGE="test",
    SMSIGNAL_PROVIDER="dummy",
    SMSIGNAL_DEFAULT_SENDER="smsignal",
    SMSIGNAL_PUBLIC_URL="https://sms.example.com/api",
)
os.environ.pop("AWS_PROFILE", None)

import boto3
import pytest
from botocore.endpoint import Endpoint
from chalice.test import Client
from moto import mock_aws
from moto.moto_api._internal import moto_api_backend

from chalicelib import aws as aws_clients
from chalicelib import circuits, config, keys, sending, store_rates, store_webhooks
from chalicelib.providers import sandbox
from infra.resources import properties
from localdev import dynamodb_local
from localdev.tables import create_tables

NOT_RUN = pytest.StashKey[str]()


def pytest_terminal_summary(terminalreporter, config):
    """Skipped tests are easily overlooked: these are worth a line of their own."""
    if reason := config.stash.get(NOT_RUN, None):
        terminalreporter.write_line(f"tests on DynamoDB Local not run: {reason}", yellow=True, bold=True)


@pytest.fixture(scope="session")
def dynamodb_url(request):
    """A DynamoDB Local that runs; where it cannot, the tests are skipped, and the summary says so."""
    try:
        with dynamodb_local.running() as url:
            yield url
    except dynamodb_local.Unavailable as reason:
        request.config.stash[NOT_RUN] = str(reason)
        pytest.skip(str(reason))


def make_tables(dynamodb):
    """The stage's tables."""
    create_tables(dynamodb, "test")


def make_queues(sqs):
    """The stage's queues."""
    for one in properties("AWS::SQS::Queue", "test"):
        sqs.create_queue(QueueName=one["QueueName"])


def forget():
    """What a new container starts with: no key and no setting remembered."""
    for cached in (
        config.settings,
        config.provider_settings,
        config.rates,
        config.route,
        aws_clients.queue_url,
        sandbox._queue,
    ):
        cached.cache_clear()
    keys._cache.clear()
    store_rates._free_at.clear()
    circuits.forget()
    store_webhooks._cache.clear()


@pytest.fixture(scope="session")
def moto():
    """One moto for all tests: its start, and each boto3 client, costs half a second."""
    with mock_aws():
        yield {name: boto3.client(name) for name in ("dynamodb", "sqs", "ssm")}


@pytest.fixture
def aws(moto):
    """A stage in moto, as new."""
    moto_api_backend.reset()
    forget()
    make_tables(moto["dynamodb"])
    make_queues(moto["sqs"])
    moto["ssm"].put_parameter(Name="/smsignal/test/sandbox", Value='{"secret": "sandbox-secret"}', Type="SecureString")
    yield moto
    forget()


@pytest.fixture
def requests_made(monkeypatch):
    """Counts the requests that leave botocore, by operation, retries included."""
    made = Counter()
    original = Endpoint._do_get_response

    def counted(self, request, operation_model, context):
        made[operation_model.name] += 1
        return original(self, request, operation_model, context)

    monkeypatch.setattr(Endpoint, "_do_get_response", counted)
    return made


@pytest.fixture
def key(aws):
    """A token with all scopes."""
    return keys.create(("send", "read", "admin"), sending.now())[0]


class Http:
    """The routes, called as API Gateway calls them."""

    def __init__(self, key):
        from app import app

        # Not the repository's .chalice: its environment variables would replace those above.
        self.http, self.key = Client(app, project_dir=str(Path(__file__).parent)).http, key

    def call(self, method, path, body=None, headers=None):
        """The response; its `json_body` is parsed."""
        given = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"} | (headers or {})
        return self.http.request(method, path, headers=given, body=body if body is not None else b"")

    def send(self, headers=None, **fields):
        """POST /send with sensible fields."""
        import json

        body = {"to": "+33612345678", "text": "Your code is 123456", **fields}
        body = {name: value for name, value in body.items() if value is not ...}
        return self.call("POST", "/send", json.dumps(body).encode(), headers)

    def get(self, path):
        """GET with the key."""
        return self.call("GET", path)


@pytest.fixture
def http(key):
    return Http(key)
