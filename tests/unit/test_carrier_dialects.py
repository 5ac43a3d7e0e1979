"""The simulated Twilio and Telnyx: what they answer, and that their callbacks are signed as the vendors' own packages want it."""

import pytest
import requests
from telnyx.lib.webhook_verification import WebhookVerificationError, verify_webhook_signature
from twilio.request_validator import RequestValidator

from localdev.carrier.customer import Customer
from localdev.carrier.server import CarrierServer
from localdev.carrier.settings import Settings
from localdev.carrier.telnyx import TelnyxSettings, public_key
from localdev.carrier.twilio import TwilioSettings

SID, TOKEN, KEY, SEED = "AC" + "1" * 32, "auth-token-of-the-test", "api-key-of-the-test", "02" * 32
REFERENCE = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def carrier():
    accounts = {"twilio": TwilioSettings(SID, TOKEN), "telnyx": TelnyxSettings(KEY, SEED)}
    with CarrierServer(settings=Settings(callback_delay=0.02), **accounts) as server:
        yield server


@pytest.fixture
def customer():
    with Customer() as listening:
        yield listening


def twilio(carrier, auth=(SID, TOKEN), **changes):
    form = {"To": "+447700900000", "From": "AcmeInc", "Body": "Hi", **changes}
    return requests.post(f"{carrier.url}/2010-04-01/Accounts/{SID}/Messages.json", data=form, auth=auth, timeout=20)


def telnyx(carrier, key=KEY, idempotency_key=None, **changes):
    headers = {"Authorization": f"Bearer {key}"} | ({"Idempotency-Key": idempotency_key} if idempotency_key else {})
    body = {"to": "+447700900000", "from": "AcmeInc", "text": "Hi", **changes}
    return requests.post(f"{carrier.url}/v2/messages", json=body, headers=headers, timeout=20)


def test_twilio_takes_a_text_and_tells_its_price_later_to_who_asks(carrier):
    answer = twilio(carrier, Body="x" * 161)
    assert (answer.status_code, answer.json()["status"], answer.json()["num_segments"]) == (201, "queued", "2")
    assert answer.json()["price"] is None
    url = f"{carrier.url}/2010-04-01/Accounts/{SID}/Messages/{answer.json()['sid']}.json"
    shown = requests.get(url, auth=(SID, TOKEN), timeout=20).json()
    assert (shown["status"], shown["price"], shown["price_unit"]) == ("delivered", "-0.0150", "USD")
    assert requests.get(url, auth=(SID, "wrong"), timeout=20).status_code == 401


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"To": "447700900000"}, 400, 21211),
        ({"To": "+447700909407"}, 400, 21610),
        ({"To": "+447700909401"}, 429, 20429),
        ({"Body": ""}, 400, 21602),
        ({"ValidityPeriod": "36001"}, 400, 21624),
        ({"StatusCallback": "https://my_host.example.com"}, 400, 21609),
        ({"auth": (SID, "wrong")}, 401, 20003),
    ],
)
def test_twilio_refuses_in_its_own_words(carrier, changes, status, code):
    answer = twilio(carrier, **changes)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_twilios_callbacks_are_signed_as_its_own_package_wants_it(carrier, customer):
    url = f"{customer.url}/callback/twilio/{REFERENCE}"
    twilio(carrier, StatusCallback=f"{url}#rc=5")
    requests_made = customer.wait(2)
    assert {one.params["MessageStatus"] for one in requests_made} == {"sent", "delivered"}
    for one in requests_made:
        assert RequestValidator(TOKEN).validate(url, one.params, one.headers["X-Twilio-Signature"])
        assert not RequestValidator("other").validate(url, one.params, one.headers["X-Twilio-Signature"])
    answer = requests.get(f"{carrier.url}/_carrier/messages", params={"client_ref": REFERENCE}, timeout=20).json()
    assert [one["dialect"] for one in answer["messages"]] == ["twilio"]


def test_twilio_marks_who_opts_out(carrier, customer):
    order = {"dialect": "twilio", "url": f"{customer.url}/in", "from": "+447700900001", "to": "+447700900000"}
    requests.post(f"{carrier.url}/_carrier/incoming", json={**order, "text": "Stop"}, timeout=20)
    (one,) = customer.wait(1)
    assert (one.params["Body"], one.params["OptOutType"]) == ("Stop", "STOP")


def test_telnyx_takes_a_text_once_for_each_idempotency_key(carrier):
    first, again = (telnyx(carrier, idempotency_key="once", text="x" * 161) for _ in range(2))
    assert (first.status_code, first.json()["data"]["parts"]) == (200, 2)
    assert again.json() == first.json()
    other = telnyx(carrier, idempotency_key="once", text="other")
    assert (other.status_code, other.json()["errors"][0]["code"]) == (422, "10027")
    url = f"{carrier.url}/v2/messages/{first.json()['data']['id']}"
    shown = requests.get(url, headers={"Authorization": f"Bearer {KEY}"}, timeout=20).json()["data"]
    assert (shown["to"][0]["status"], shown["cost"]) == ("delivered", {"amount": "0.0102", "currency": "USD"})


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"to": "447700900000"}, 422, "40310"),
        ({"to": "+447700909407"}, 400, "40300"),
        ({"to": "+447700909401"}, 429, "10011"),
        ({"text": ""}, 422, "10005"),
        ({"key": "wrong"}, 401, "10009"),
    ],
)
def test_telnyx_refuses_in_its_own_words(carrier, changes, status, code):
    answer = telnyx(carrier, **changes)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)


def test_telnyxs_webhooks_are_signed_as_its_own_package_wants_it(carrier, customer):
    url = f"{customer.url}/callback/telnyx/{REFERENCE}"
    telnyx(carrier, webhook_url=url)
    came = customer.wait(2)
    statuses = {one.params["data"]["payload"]["to"][0]["status"] for one in came}
    assert statuses == {"sent", "delivered"}  # in any order: each has a thread of its own
    for one in came:
        verify_webhook_signature(one.body, dict(one.headers), public_key(SEED))
        with pytest.raises(WebhookVerificationError):
            verify_webhook_signature(one.body + b" ", dict(one.headers), public_key(SEED))
        assert one.params["data"]["payload"]["webhook_url"] == url


def test_telnyx_marks_who_opts_out(carrier, customer):
    order = {"dialect": "telnyx", "url": f"{customer.url}/in", "from": "+447700900001", "to": "+447700900000"}
    requests.post(f"{carrier.url}/_carrier/incoming", json={**order, "text": "STOP"}, timeout=20)
    (one,) = customer.wait(1)
    payload = one.params["data"]["payload"]
    assert (payload["text"], payload["autoresponse_type"], payload["direction"]) == ("STOP", "STOP", "inbound")
