"""The other providers that the carrier plays, over real HTTP with real signatures."""

import json

import pytest

from localdev.waiting import wait_for

PROVIDERS = ("twilio", "telnyx")
#: The carrier's scenario, and what becomes of the text.
ENDS = {
    "9001": "delivered",
    "9004": "delivered",
    "9012": "delivered",
    "9102": "delivered",
    "9103": "undelivered",
    "9203": "expired",
    "9306": "delivered",
}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_each_scenario_ends_as_it_must(api, carrier, provider):
    sent = {end: api.send(to=f"+4477009{end}", provider=provider).json() for end in ENDS}
    ended = {end: api.ended(message["id"], ENDS[end]) for end, message in sent.items()}
    assert {message["provider"] for message in ended.values()} == {provider}
    for message in ended.values():
        assert len(carrier.accepted(message["id"])) == 1
        codes = {(receipt["genuine"], receipt["code"]) for receipt in carrier.settled(message["id"])["receipts"]}
        assert codes <= {(True, 200), (False, 403)}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_forged_or_spoilt_callback_changes_nothing(api, carrier, provider):
    spoilt = ["9101", "9104", "9105", "9107"]
    if provider == "telnyx":
        spoilt.append("9106")  # Twilio signs no time, so none of its callbacks can be too old
    for end in spoilt:
        message = api.send(to=f"+4477009{end}", provider=provider).json()
        receipts = carrier.settled(message["id"])["receipts"]
        assert [receipt["code"] for receipt in receipts if not receipt["genuine"]]
        assert all(receipt["code"] in (400, 403) for receipt in receipts if not receipt["genuine"])
        assert api.message(message["id"])["status"] in ("sending", "sent")


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("end", "status", "kind"), [("9403", 422, "recipient"), ("9407", 422, "recipient"), ("9415", 422, "sender")]
)
def test_a_refusal_tells_whose_fault_it_is(api, provider, end, status, kind):
    answer = api.send(to=f"+4477009{end}", provider=provider)
    assert (answer.status_code, answer.json()["message"]["error"]["class"]) == (status, kind)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_who_opts_out_is_marked(api, stack, carrier, provider):
    order = {"dialect": provider, "from": "+447700900055", "to": "+447700900001", "text": "STOP"}
    carrier.post("/_carrier/incoming", {**order, "url": f"{stack.url}/incoming/{provider}"})

    def stored():
        found = api.call("GET", "/messages?direction=incoming").json()["messages"]
        return next((one for one in found if one["provider"] == provider), None)

    message = wait_for(stored, 30, "the incoming text")
    assert (message["text"], message["metadata"]) == ("STOP", {"opt_out": "stop"})


def test_what_aws_itself_reports_comes_by_its_topic(api, stack):
    """AWS's own API is not in the local cloud; the way from its topic into the store is."""
    sns = stack.cloud.client("sns")
    text = {
        "originationNumber": "+447700900077",
        "destinationNumber": "+447700900001",
        "messageBody": "Hi",
        "inboundMessageId": "1",
    }
    topic = f"arn:aws:sns:{stack.region}:000000000000:smsignal-{stack.stage}-aws-eum"
    # On AWS every message has a subject and attributes, if empty ones, and Chalice reads both; the local cloud leaves them out.
    attributes = {"by": {"DataType": "String", "StringValue": "AWS"}}
    sns.publish(TopicArn=topic, Message=json.dumps(text), Subject="two-way", MessageAttributes=attributes)

    def stored():
        found = api.call("GET", "/messages?direction=incoming").json()["messages"]
        return next((one for one in found if one["provider"] == "aws_eum"), None)

    message = wait_for(stored, 30, "the incoming text")
    assert (message["from"], message["text"], message["status"]) == ("+447700900077", "Hi", "received")


def test_a_lost_reply_is_repeated_and_sent_once_where_the_provider_discards_repeats(api, carrier):
    message = api.ended(api.send(to="+447700909305", provider="telnyx").json()["id"])  # the reply breaks off
    assert message["status"] == "delivered"
    assert len(carrier.accepted(message["id"])) == 1
