"""The main job over real HTTP: text in, provider's API, signed callbacks back, the table, the stream, the subscriber."""

import json
from collections import Counter
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
import requests

from localdev import carrier_process
from localdev.carrier_process import Accounts
from localdev.waiting import wait_for

PREFIX = "+4477009"  # the last four digits are the carrier's scenario


@pytest.fixture
def dialect(carrier):
    """Sets how the carrier calls back; as it was, afterwards."""
    before = carrier.get("/_carrier/settings")["vonage"]

    def change(**settings):
        carrier.post("/_carrier/settings", {"vonage": settings})

    yield change
    carrier.post("/_carrier/settings", {"vonage": {"callback_format": before["callback_format"]}})


def statuses(message):
    return [entry["status"] for entry in message["history"] if entry["outcome"] == "applied"]


@pytest.mark.parametrize("form", ["get", "post", "json"])
def test_a_text_is_delivered_whatever_form_the_callbacks_have(api, dialect, form):
    dialect(callback_format=form)
    answer = api.send(reference="order-7")
    assert answer.status_code == 201
    message = api.ended(answer.json()["id"])
    # A container that starts cold may let `delivered` overtake `sent`, which then changes nothing.
    assert [status for status in statuses(message) if status != "sent"] == ["created", "sending", "delivered"]
    assert (message["price"], message["currency"], message["reference"]) == ("0.03330000", "EUR", "order-7")


def test_a_long_text_is_delivered_when_all_its_segments_are(api, carrier):
    message = api.ended(api.send(text="z" * 400).json()["id"])
    assert (message["segments"], len(message["provider_message_ids"]), message["price"]) == (3, 3, "0.09990000")
    assert len(carrier.accepted(message["id"])) == 1


def test_a_text_in_another_alphabet_arrives_as_it_was_written(api, carrier):
    message = api.ended(api.send(text="Ваш код 123456 😀").json()["id"])
    assert message["encoding"] == "UCS-2"
    assert carrier.accepted(message["id"])[0]["text"] == "Ваш код 123456 😀"


ENDS = {
    "9001": "delivered",
    "9003": "delivered",
    "9004": "delivered",
    "9008": "delivered",
    "9011": "delivered",
    "9012": "delivered",
    "9102": "delivered",
    "9103": "undelivered",
    "9201": "rejected",
    "9202": "undelivered",
    "9203": "expired",
    "9204": "unknown",
    "9205": "unknown",
    "9206": "rejected",
    "9306": "delivered",
    "9307": "delivered",
    "9305": "delivered",
    "9308": "delivered",
    "9310": "delivered",
}


def test_whatever_the_carrier_does_the_text_ends_as_it_should_and_goes_out_once(api, carrier):
    sent = {digits: api.send(to=PREFIX + "0" + digits, text="hello").json() for digits in ENDS}
    ends = {digits: api.ended(message["id"], ENDS[digits])["status"] for digits, message in sent.items()}
    assert ends == ENDS
    taken = {digits: len(carrier.accepted(message["id"])) for digits, message in sent.items()}
    assert set(taken.values()) == {1}, taken


@pytest.mark.parametrize("digits", ["9101", "9104", "9105", "9107"])
def test_a_forged_or_spoilt_receipt_is_403_and_believed_by_nobody(api, carrier, digits):
    message_id = api.send(to=f"{PREFIX}0{digits}").json()["id"]
    taken = carrier.settled(message_id)
    false = [receipt for receipt in taken["receipts"] if receipt["kind"] != "genuine"]
    assert false
    assert {receipt["code"] for receipt in false} == {403}
    assert api.message(message_id)["status"] in ("sending", "sent")


REFUSED = {"9403": (422, "recipient"), "9407": (422, "recipient"), "9415": (422, "sender"), "9409": (502, "account"),
           "9404": (502, "account"), "9303": (502, "account")}  # fmt: skip


@pytest.mark.parametrize("digits", REFUSED)
def test_a_refusal_is_told_with_whose_fault_it_is(api, digits):
    answer = api.send(to=f"{PREFIX}0{digits}")
    status, kind = REFUSED[digits]
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert answer.json()["message"]["error"]["class"] == kind
    assert answer.headers["Location"] == f"/messages/{answer.json()['message']['id']}"


def test_a_throttled_text_is_a_202_and_gets_through_by_itself(api, carrier):
    answer = api.send(to=f"{PREFIX}09402")
    assert (answer.status_code, answer.json()["error"]["class"]) == (202, "throttled")
    message = api.ended(answer.json()["id"], timeout=60)
    assert Counter(entry["outcome"] for entry in message["history"])["postponed"] == 2
    assert len(carrier.accepted(message["id"])) == 1


def test_repeating_a_request_with_its_key_sends_nothing_more(api, carrier):
    answers = [api.send(headers={"Idempotency-Key": "flow-1"}, to="+447700900555") for _ in range(3)]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert [answer.headers.get("Idempotent-Replayed") for answer in answers] == [None, "true", "true"]
    message = api.ended(answers[0].json()["id"])
    assert len(carrier.accepted(message["id"])) == 1
    other = api.send(headers={"Idempotency-Key": "flow-1"}, to="+447700900555", text="another")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_replayed_callbacks_change_nothing(api, carrier):
    before = api.ended(api.send().json()["id"])
    carrier.settled(before["id"])
    carrier.post("/_carrier/replay", {"client_ref": before["id"]})
    carrier.settled(before["id"])
    after = api.message(before["id"])
    assert (after["status"], after["updated_on"]) == ("delivered", before["updated_on"])
    assert sorted(entry["outcome"] for entry in after["history"][-2:]) == ["duplicate", "stale"]


@pytest.mark.parametrize("form", ["get", "post", "json"])
def test_an_incoming_text_is_stored_once_however_often_it_is_told(api, carrier, stack, form):
    order = {"url": f"{stack.url}/incoming/vonage", "from": "447700900001", "to": "447700900002", "copies": 2}
    carrier.post("/_carrier/incoming", {**order, "text": f"STOP {form}", "format": form})

    def found():
        listed = api.call("GET", "/messages?direction=incoming&to=%2B447700900002").json()["messages"]
        return [message for message in listed if message["text"] == f"STOP {form}"]

    (message,) = wait_for(found, 20, "the incoming text", every=0.1)
    assert (message["from"], message["status"], message["direction"]) == ("+447700900001", "received", "incoming")


def test_a_long_incoming_text_comes_in_one_piece(api, carrier, stack):
    text = " ".join(f"word{number}" for number in range(60))
    order = {"url": f"{stack.url}/incoming/vonage", "from": "447700900001", "to": "447700900003", "order": "random"}
    carrier.post("/_carrier/incoming", {**order, "text": text, "copies": 2})

    def found():
        listed = api.call("GET", "/messages?direction=incoming&to=%2B447700900003&status=received").json()
        return listed["messages"]

    assert [message["text"] for message in wait_for(found, 30, "the whole text", every=0.2)] == [text]


@pytest.mark.parametrize(
    ("digits", "ends"), [("0001", "refused"), ("0002", "rejected"), ("0003", "undelivered"), ("0777", "delivered")]
)
def test_the_sandbox_reports_through_the_real_callback_route(api, digits, ends):
    answer = api.send(provider="sandbox", to=f"{PREFIX}0{digits}", fail_silently=True)
    assert answer.status_code == 201
    assert api.ended(answer.json()["id"], ends, timeout=60)["provider"] == "sandbox"


def test_what_is_not_there_is_a_problem_too(api):
    for method, path, status in (("GET", "/nowhere", 404), ("DELETE", "/send", 405), ("GET", "/callback/pigeon", 404)):
        answer = api.call(method, path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json"), path
        assert answer.json()["status"] == status


def test_without_a_key_nobody_sends(stack):
    answer = requests.post(f"{stack.url}/send", json={"to": "+447700900123", "text": "x"}, timeout=30)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_the_carrier_gone_is_a_202_and_nothing_is_lost(api, stack, stack_directory):
    """Last: it ends the carrier and starts another in its place."""
    kept = stack.cloud.client("ssm").get_parameter(Name="/smsignal/local/vonage", WithDecryption=True)
    settings = json.loads(kept["Parameter"]["Value"])
    names = ("api_key", "api_secret", "signature_secret", "signature_method")
    accounts = replace(Accounts.random(), vonage={name: settings[name] for name in names})
    carrier_process.service(stack_directory).stop()
    answer = api.send(to="+447700900666")
    assert (answer.status_code, answer.json()["error"]["class"]) == (202, "provider")
    carrier_process.start(stack_directory, accounts, leashed=True, port=urlsplit(stack.carrier_url).port)
    assert api.ended(answer.json()["id"], timeout=90)["status"] == "delivered"
