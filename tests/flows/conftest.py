"""The whole thing for real: the deployment package in the local cloud, with the simulated carrier. Once for all flows."""

import pytest
import requests
from rich.console import Console

from localdev import stack as stacks
from localdev.terminal import Steps
from localdev.waiting import wait_for


class Api:
    """The stack's API as a client uses it."""

    def __init__(self, stack):
        self.stack, self.http = stack, requests.Session()
        self.http.trust_env = False
        self.http.headers["Authorization"] = f"Bearer {stack.api_key}"

    def call(self, method, path, **kwargs):
        """One request."""
        return self.http.request(method, self.stack.url + path, timeout=60, **kwargs)

    def send(self, to="+447700900123", text="Hello", headers=None, **fields):
        """POST /send; the response."""
        return self.call("POST", "/send", json={"to": to, "text": text, **fields}, headers=headers)

    def message(self, message_id):
        """GET /messages/{id}; the message."""
        return self.call("GET", f"/messages/{message_id}").json()

    def ended(self, message_id, status="delivered", reports=1, timeout=30):
        """The message, once it has that status and that many entries in its history. Raises TimeoutError."""

        def reached():
            message = self.message(message_id)
            return message if message["status"] == status and len(message["history"]) >= reports else None

        return wait_for(reached, timeout, f"{status} for {message_id}", every=0.1)


@pytest.fixture(scope="session")
def stack_directory(tmp_path_factory):
    """Not `.local`: a `make up` of whoever runs the tests stays as it is."""
    return tmp_path_factory.mktemp("stack")


@pytest.fixture(scope="session")
def stack(stack_directory):
    """A stack that ends with the tests, also when these are killed."""
    running, _ = stacks.up(stack_directory, Steps(Console(quiet=True)), leashed=True)
    yield running
    stacks.down(stack_directory)


@pytest.fixture(scope="session")
def api(stack):
    client = Api(stack)
    yield client
    client.http.close()


class Carrier:
    """The simulated carrier's own view."""

    def __init__(self, url):
        self.url, self.http = url, requests.Session()
        self.http.trust_env = False

    def get(self, path):
        return self.http.get(self.url + path, timeout=10).json()

    def post(self, path, body):
        answer = self.http.post(self.url + path, json=body, timeout=10)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def accepted(self, message_id):
        """How often it took this text."""
        return self.get(f"/_carrier/messages?client_ref={message_id}")["messages"]

    def settled(self, message_id):
        """The text with its receipts, once all were answered."""

        def done():
            (message,) = self.accepted(message_id)
            return message if all(receipt["settled"] for receipt in message["receipts"]) else None

        return wait_for(done, 30, f"the receipts for {message_id}", every=0.1)


@pytest.fixture(scope="session")
def carrier(stack):
    return Carrier(stack.carrier_url)
