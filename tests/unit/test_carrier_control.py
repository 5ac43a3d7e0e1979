"""The simulated carrier as a process, its control API, and what it remembers."""

import ast
import json
import os
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import requests

from localdev.carrier.callbacks import Callback, Callbacks, HttpRequest, Letter
from localdev.carrier.customer import Customer
from localdev.carrier.ledger import Ledger, Message, Receipt
from localdev.carrier.scenarios import SCENARIOS
from localdev.carrier.server import CarrierServer
from localdev.carrier.settings import Settings
from localdev.carrier.vonage_rules import VonageSettings

ROOT = Path(__file__).resolve().parents[2]
KEY, SECRET, SIGNATURE_SECRET = "key12345", "api-secret-of-the-test", "signature-secret-of-the-test"
FORM = {
    "api_key": KEY,
    "api_secret": SECRET,
    "from": "AcmeInc",
    "to": "447700900000",
    "text": "Hi",
    "client-ref": "r-1",
}
HANDSET = {"from": "+447700900001", "to": "+447700900000"}


@pytest.fixture
def carrier():
    account = VonageSettings(api_key=KEY, api_secret=SECRET, signature_secret=SIGNATURE_SECRET)
    with CarrierServer(settings=Settings(callback_delay=0.05), vonage=account) as server:
        yield server


@pytest.fixture
def customer():
    with Customer() as listening:
        yield listening


def get(carrier, what, **query):
    return requests.get(f"{carrier.url}/_carrier/{what}", params=query, timeout=20).json()


def post(carrier, what, order):
    return requests.post(f"{carrier.url}/_carrier/{what}", json=order, timeout=20)


def submit(url, **changes):
    form = FORM | {name.replace("_", "-"): value for name, value in changes.items()}
    return requests.post(f"{url}/sms/json", data=form, timeout=20).json()


def quiet(carrier):
    """Wait until no callback is left to send."""
    deadline = time.monotonic() + 20
    while get(carrier, "health")["pending"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_replay_repeats_every_byte(carrier, customer):
    submit(carrier.url, callback=customer.url)
    customer.wait(2)
    quiet(carrier)
    assert post(carrier, "replay", {"client_ref": "r-1"}).json() == {"replayed": 2}
    queries = [each.query for each in customer.wait(4)]
    assert sorted(queries[:2]) == sorted(queries[2:])
    quiet(carrier)
    receipts = get(carrier, "messages", client_ref="r-1")["messages"][0]["receipts"]
    assert [receipt["replayed"] for receipt in receipts] == [False, False, True, True]
    assert post(carrier, "replay", {"client_ref": "r-1"}).json() == {"replayed": 2}
    assert post(carrier, "replay", {"client_ref": "nobody"}).status_code == 404


def test_messages_are_chosen_by_query(carrier):
    for ref, to in (("a", "447700900001"), ("b", "447700900001"), ("c", "447700900002")):
        submit(carrier.url, client_ref=ref, to=to)

    def refs(**query):
        return [message["client_ref"] for message in get(carrier, "messages", **query)["messages"]]

    assert refs() == ["a", "b", "c"]
    assert refs(to="447700900001") == ["a", "b"]
    assert refs(client_ref="c") == ["c"]
    assert refs(client_ref="z") == []
    assert refs(after=1, limit=1) == ["b"]


@pytest.mark.parametrize("form", ["get", "post", "json"])
def test_a_short_incoming_text(carrier, customer, form):
    order = HANDSET | {"url": customer.url, "text": "stop it", "format": form}
    (message_id,) = post(carrier, "incoming", order).json()["provider_message_ids"]
    params = customer.wait(1)[0].params
    expected = {
        "api-key": KEY,
        "msisdn": "447700900001",
        "to": "447700900000",
        "messageId": message_id,
        "text": "stop it",
        "type": "text",
        "keyword": "STOP",
    }
    assert expected.items() <= params.items()
    assert params.keys() - expected.keys() == {"message-timestamp", "timestamp", "nonce", "sig"}
    assert customer.received[0].method == ("GET" if form == "get" else "POST")


def test_a_long_incoming_text_in_a_given_order_and_twice(carrier, customer):
    text = "ж" * 67 + "щ" * 67 + "я"
    order = HANDSET | {"url": customer.url, "text": text, "order": [3, 1, 2], "copies": 2}
    ids = post(carrier, "incoming", order).json()["provider_message_ids"]
    parts = [each.params for each in customer.wait(6)]
    assert [part["concat-part"] for part in parts] == ["3", "3", "1", "1", "2", "2"]
    assert [part["messageId"] for part in parts[::2]] == ids
    assert {(part["concat"], part["concat-total"], part["type"]) for part in parts} == {("true", "3", "unicode")}
    assert len({part["concat-ref"] for part in parts}) == 1
    assert "".join(part["text"] for part in sorted(parts[::2], key=lambda part: part["concat-part"])) == text
    quiet(carrier)
    assert [each["codes"] for each in get(carrier, "incoming")["incoming"]] == [[200]] * 6


def test_a_long_incoming_text_in_random_order_without_concat(carrier, customer):
    order = HANDSET | {"url": customer.url, "text": "x" * 400, "order": "random", "omit_concat": True}
    post(carrier, "incoming", order)
    parts = [each.params for each in customer.wait(3)]
    assert sorted(len(part["text"]) for part in parts) == [94, 153, 153]
    assert not any(name.startswith("concat") for part in parts for name in part)


@pytest.mark.parametrize(
    "wrong",
    [
        {"text": None},
        {"order": "backwards"},
        {"copies": 0},
        {"format": "xml"},
        {"kind": "odd"},
        {"x": 1},
        {"dialect": "x"},
    ],
)
def test_an_incoming_text_that_is_not_understood(carrier, wrong):
    assert post(carrier, "incoming", HANDSET | {"url": "http://h/", "text": "Hi"} | wrong).status_code == 400


def test_settings_change_all_or_none(carrier):
    assert post(carrier, "settings", {"callback_delay": 1, "vonage": {"callback_format": "json"}}).status_code == 200
    for wrong in ({"late_seconds": 9, "no_such": 1}, {"late_seconds": 9, "vonage": {"callback_format": "xml"}}):
        assert post(carrier, "settings", wrong).status_code == 400
    settings = get(carrier, "settings")
    assert (settings["callback_delay"], settings["late_seconds"]) == (1.0, 5.0)
    assert settings["vonage"]["callback_format"] == "json"
    assert not {"api_secret", "signature_secret"} & settings["vonage"].keys()


@pytest.mark.parametrize("wrong", [{"callback_delay": -1}, {"callback_delay": "1"}, {"callback_attempts": True}, [1]])
def test_a_setting_that_makes_no_sense(carrier, wrong):
    assert post(carrier, "settings", wrong).status_code == 400


def test_other_paths_and_methods(carrier):
    assert requests.get(f"{carrier.url}/nothing", timeout=20).status_code == 404
    assert requests.get(f"{carrier.url}/sms/json", timeout=20).status_code == 405
    assert get(carrier, "scenarios").keys() == SCENARIOS.keys()


def test_the_ledger_forgets_the_oldest():
    ledger = Ledger(limit=12)
    for number in range(10):
        receipts = [Receipt(Letter(lambda: HttpRequest("GET", "", {}))) for _ in range(2)]
        ledger.add(Message("vonage", f"r{number % 3}", "1", "2", "", "text", None, "", ["id"], receipts=receipts))
        ledger.add_request({"client_ref": None})
    assert [message.number for message in ledger.messages()] == [7, 8, 9, 10]
    assert [message.number for message in ledger.messages("r1")] == [8]
    assert len(ledger.requests()) == 3
    assert ledger.accepted == 10


def test_a_slow_customer_delays_no_other_callback(carrier, customer):
    callbacks = Callbacks(lambda: Settings(callback_timeout=30), workers=3)
    callbacks.start()
    with socket.create_server(("127.0.0.1", 0)) as mute:  # takes connections and never answers
        slow = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        for url in (slow, slow, customer.url, customer.url):
            callbacks.schedule(Callback(Letter(partial(HttpRequest, "GET", url, {}))), 0.05)
        customer.wait(2)
        callbacks.stop()


@pytest.fixture
def process():
    secrets = {"API_KEY": KEY, "API_SECRET": SECRET, "SIGNATURE_SECRET": SIGNATURE_SECRET}
    environment = os.environ | {f"CARRIER_VONAGE_{name}": value for name, value in secrets.items()}
    command = [sys.executable, "-m", "localdev.carrier", "--callback-delay", "0.02", "--log-level", "debug"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        yield running
        running.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_ends_cleanly_and_logs_no_secret(process, customer, number):
    url = json.loads(process.stdout.readline())["url"]
    submit(url, callback=customer.url, to="447700901234")
    received = customer.wait(2)
    with pytest.raises(requests.Timeout):  # this one still hangs when the end comes
        requests.post(f"{url}/sms/json", data=FORM | {"to": "447700909309"}, timeout=0.2)
    process.send_signal(number)
    output, log = process.communicate(timeout=20)
    assert (process.returncode, output) == (0, "")
    assert "44***34" in log
    for private in (SECRET, SIGNATURE_SECRET, "7700901234", received[0].params["sig"], "Traceback"):
        assert private not in log


def test_the_help_explains_every_scenario():
    command = [sys.executable, "-m", "localdev.carrier", "--help"]
    text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout
    assert all(f"  {digits}  {scenario.about}" in text for digits, scenario in SCENARIOS.items())


def test_a_wrong_option_is_refused():
    command = [sys.executable, "-m", "localdev.carrier"]
    environment = os.environ | {"CARRIER_VONAGE_SIGNATURE_METHOD": "crc32"}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert "signature_method" in ended.stderr


def test_the_carrier_knows_nothing_of_the_product():
    for path in (ROOT / "localdev" / "carrier").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        names += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        assert not any(name.split(".")[0] == "chalicelib" for name in names), path.name
