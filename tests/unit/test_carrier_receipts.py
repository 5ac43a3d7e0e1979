"""The receipts that the simulated carrier sends: their fields, signatures, order and repetition."""

import hashlib
import time
from datetime import datetime

import pytest
import requests

from localdev.carrier.customer import Customer
from localdev.carrier.server import CarrierServer
from localdev.carrier.settings import Settings
from localdev.carrier.vonage_rules import VonageSettings

KEY, SECRET, SIGNATURE_SECRET = "key12345", "api-secret-of-the-test", "signature-secret-of-the-test"
TWO_SEGMENTS = "x" * 161
BOTH = [("accepted", "genuine"), ("delivered", "genuine")]


@pytest.fixture(scope="module")
def carrier():
    account = VonageSettings(api_key=KEY, api_secret=SECRET, signature_secret=SIGNATURE_SECRET)
    pace = Settings(callback_delay=0.1, late_seconds=0.3, retry_seconds=0.02, callback_attempts=4)
    with CarrierServer(settings=pace, vonage=account) as server:
        yield server


@pytest.fixture
def customer():
    with Customer() as listening:
        yield listening


def change(carrier, **settings):
    answer = requests.post(f"{carrier.url}/_carrier/settings", json={"vonage": settings}, timeout=20)
    assert answer.status_code == 200


def submit(carrier, to="447700900000", text="Hi", **more):
    form = {"api_key": KEY, "api_secret": SECRET, "from": "AcmeInc", "to": to, "text": text}
    reply = requests.post(f"{carrier.url}/sms/json", data=form | more, timeout=20).json()
    assert {entry["status"] for entry in reply["messages"]} == {"0"}
    return [entry["message-id"] for entry in reply["messages"]]


def settled(carrier, client_ref):
    """Return the receipts of a message as soon as no attempt is left to make."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        url = f"{carrier.url}/_carrier/messages"
        messages = requests.get(url, params={"client_ref": client_ref}, timeout=20).json()["messages"]
        receipts = [receipt for message in messages for receipt in message["receipts"]]
        if all(receipt["settled"] for receipt in receipts):
            return sorted(receipts, key=lambda receipt: receipt["at"])
        time.sleep(0.02)
    raise TimeoutError


def genuine(params, method="md5hash"):
    """Check a signature without the carrier's own code."""
    params = dict(params)
    if method != "md5hash":
        vonage = pytest.importorskip("vonage_http_client")
        auth = vonage.Auth(api_key=KEY, signature_secret=SIGNATURE_SECRET, signature_method=method)
        return auth.check_signature(params)
    digest = params.pop("sig").lower()
    cleaned = {key: params[key].replace("&", "_").replace("=", "_") for key in sorted(params)}
    text = "".join(f"&{key}={value}" for key, value in cleaned.items())
    return digest == hashlib.md5((text + SIGNATURE_SECRET).encode()).hexdigest()


def test_the_fields_of_a_receipt(carrier, customer):
    (message_id,) = submit(carrier, **{"callback": customer.url, "client-ref": "fields"})
    accepted, delivered = (received.params for received in customer.wait(2))
    assert delivered.keys() == accepted.keys()
    expected = {
        "msisdn": "447700900000",
        "to": "AcmeInc",
        "network-code": "23410",
        "messageId": message_id,
        "price": "0.03330000",
        "status": "delivered",
        "err-code": "0",
        "api-key": KEY,
        "client-ref": "fields",
    }
    assert expected.items() <= delivered.items()
    others = {"scts", "message-timestamp", "timestamp", "nonce", "sig"}
    assert delivered.keys() - expected.keys() == others
    assert len(delivered["scts"]) == 10
    assert abs(time.time() - int(delivered["timestamp"])) < 60
    assert delivered["sig"] == delivered["sig"].upper()
    assert accepted["nonce"] != delivered["nonce"]


@pytest.mark.parametrize(
    ("form", "method", "content_type"),
    [
        pytest.param("get", "GET", "", id="query string"),
        pytest.param("post", "POST", "application/x-www-form-urlencoded", id="form"),
        pytest.param("json", "POST", "application/json", id="JSON"),
    ],
)
def test_the_three_formats_carry_the_same(carrier, customer, form, method, content_type):
    change(carrier, callback_format=form)
    submit(carrier, **{"callback": f"{customer.url}?", "client-ref": "a&b=ü"})
    received = customer.wait(2)[0]
    change(carrier, callback_format="get")
    assert (received.method, received.content_type) == (method, content_type)
    assert received.params["client-ref"] == "a&b=ü"
    assert genuine(received.params)


@pytest.mark.parametrize("method", ["md5hash", "md5", "sha1", "sha256", "sha512"])
def test_a_receipt_is_signed(carrier, customer, method):
    change(carrier, signature_method=method)
    submit(carrier, **{"callback": customer.url, "client-ref": "a&b=ü"})
    received = customer.wait(2)
    change(carrier, signature_method="md5hash")
    assert [genuine(each.params, method) for each in received] == [True, True]


def test_without_a_signature_secret_nothing_is_signed(carrier, customer):
    change(carrier, signature_secret="")
    submit(carrier, callback=customer.url)
    received = customer.wait(2)
    change(carrier, signature_secret=SIGNATURE_SECRET)
    assert not {"timestamp", "nonce", "sig"} & received[0].params.keys()


def test_a_callback_keeps_its_own_query_which_is_not_signed(carrier, customer):
    submit(carrier, callback=f"{customer.url}?id=7")
    params = dict(customer.wait(2)[0].params)
    assert params.pop("id") == "7"
    assert genuine(params)


def test_the_default_callback(carrier, customer):
    change(carrier, callback_url=customer.url)
    (message_id,) = submit(carrier)
    change(carrier, callback_url="")
    assert {each.params["messageId"] for each in customer.wait(2)} == {message_id}


@pytest.mark.parametrize("wanted", ["0", "false"])
def test_no_receipt_when_none_is_wanted(carrier, customer, wanted):
    submit(carrier, **{"callback": customer.url, "client-ref": f"none-{wanted}", "status-report-req": wanted})
    assert settled(carrier, f"none-{wanted}") == []


def test_each_segment_has_receipts_of_its_own(carrier, customer):
    ids = submit(carrier, text=TWO_SEGMENTS, callback=customer.url)
    received = {(each.params["messageId"], each.params["status"]) for each in customer.wait(4)}
    assert received == {(each, status) for each in ids for status in ("accepted", "delivered")}


@pytest.mark.parametrize(
    ("digits", "receipts"),
    [
        ("0000", BOTH),
        ("9001", BOTH),
        ("9002", BOTH),
        ("9003", [("accepted", "genuine")] * 3 + [("delivered", "genuine")] * 3),
        ("9004", BOTH[::-1]),
        ("9005", []),
        ("9006", BOTH[:1]),
        ("9007", [("buffered", "genuine"), ("delivered", "genuine")]),
        ("9008", BOTH[1:]),
        ("9011", [*BOTH, ("failed", "genuine")]),
        ("9012", [("accepted", "genuine"), ("failed", "genuine"), ("delivered", "genuine")]),
        ("9101", [("delivered", "forged")]),
        ("9102", [("delivered", "forged"), *BOTH]),
        ("9103", [("delivered", "forged"), ("failed", "genuine")]),
        ("9104", [("accepted", "genuine"), ("delivered", "truncated")]),
        ("9105", [("accepted", "genuine"), ("delivered", "tampered")]),
        ("9106", [("accepted", "genuine"), ("delivered", "stale")]),
        ("9107", [("accepted", "genuine"), ("delivered", "unsigned")]),
        ("9201", [("accepted", "genuine"), ("rejected", "genuine")]),
        ("9202", [("accepted", "genuine"), ("failed", "genuine")]),
        ("9203", [("accepted", "genuine"), ("expired", "genuine")]),
        ("9204", [("accepted", "genuine"), ("unknown", "genuine")]),
        ("9205", [("accepted", "genuine"), ("teleported", "genuine")]),
        ("9206", [("accepted", "genuine"), ("failed", "genuine")]),
        ("9207", [("accepted", "genuine"), ("deleted", "genuine")]),
    ],
)
def test_a_scenario_of_receipts(carrier, customer, digits, receipts):
    submit(carrier, to=f"44770090{digits}", **{"callback": customer.url, "client-ref": digits})
    entered = settled(carrier, digits)
    assert [(each["status"], each["kind"]) for each in entered] == receipts
    assert [each["code"] for each in entered] == [200] * len(receipts)
    assert len(customer.received) == len(receipts)
    for each in customer.received:
        believable = [e["kind"] in ("genuine", "stale") for e in entered if e["status"] == each.params["status"]]
        assert ("sig" in each.params and genuine(each.params)) in believable


@pytest.mark.parametrize(
    ("digits", "receipts"),
    [
        ("9009", [{("accepted", 0), ("accepted", 1)}, {("delivered", 0)}]),
        ("9010", [{("accepted", 0), ("accepted", 1)}, {("delivered", 0), ("failed", 1)}]),
    ],
)
def test_a_scenario_of_segments(carrier, customer, digits, receipts):
    ids = submit(carrier, f"44770090{digits}", TWO_SEGMENTS, **{"callback": customer.url, "client-ref": digits})
    entered = [(each["status"], ids.index(each["provider_message_id"])) for each in settled(carrier, digits)]
    assert [set(entered[:2]), set(entered[2:])] == receipts


def test_a_late_receipt_is_late(carrier, customer):
    start = time.monotonic()
    submit(carrier, "447700909002", callback=customer.url)
    customer.wait(2)
    assert time.monotonic() - start >= 0.5


def test_duplicates_are_both_exact_and_signed_anew(carrier, customer):
    submit(carrier, "447700909003", callback=customer.url)
    queries = [each.query for each in customer.wait(6) if each.params["status"] == "delivered"]
    assert sorted(queries.count(query) for query in set(queries)) == [1, 2]


@pytest.mark.parametrize(
    ("digits", "changed"),
    [
        pytest.param("9101", {}, id="forged"),
        pytest.param("9104", {"err-code": "0"}, id="truncated"),
        pytest.param("9105", {"status": "failed", "err-code": "12"}, id="tampered"),
    ],
)
def test_what_is_wrong_with_a_false_receipt(carrier, customer, digits, changed):
    submit(carrier, f"44770090{digits}", **{"callback": customer.url, "client-ref": f"false-{digits}"})
    settled(carrier, f"false-{digits}")
    params = customer.received[-1].params
    assert params["status"] == "delivered"
    assert not genuine(params)
    assert genuine(params | changed) == bool(changed)


def test_a_stale_receipt_is_validly_signed_an_hour_ago(carrier, customer):
    submit(carrier, "447700909106", callback=customer.url)
    params = customer.wait(2)[-1].params
    assert genuine(params)
    assert time.time() - int(params["timestamp"]) == pytest.approx(3600, abs=60)


@pytest.mark.parametrize(
    ("codes", "attempts"),
    [
        pytest.param([503, 429, 0, 200], [503, 429, None, 200], id="again after 5xx, 429 and no answer"),
        pytest.param([500] * 9, [500] * 4, id="not for ever"),
        pytest.param([404], [404], id="not after another 4xx"),
        pytest.param([403], [403], id="not after a refusal"),
        pytest.param([302], [302], id="no redirect is followed"),
    ],
)
def test_a_callback_is_tried_again(carrier, request, codes, attempts):
    ref = hashlib.md5(request.node.name.encode()).hexdigest()
    with Customer(*codes) as customer:
        submit(carrier, "447700909006", **{"callback": customer.url, "client-ref": ref})
        (receipt,) = settled(carrier, ref)
    assert [attempt["code"] for attempt in receipt["attempts"]] == attempts
    assert len(customer.received) == len(attempts)
    assert len({each.query for each in customer.received}) == 1


def test_the_wait_between_attempts_doubles(carrier):
    with Customer(500, 500, 500, 500) as customer:
        submit(carrier, "447700909006", **{"callback": customer.url, "client-ref": "doubling"})
        (receipt,) = settled(carrier, "doubling")
    times = [datetime.fromisoformat(attempt["at"]).timestamp() for attempt in receipt["attempts"]]
    assert all(times[n + 1] - times[n] >= 0.02 * 2**n for n in range(3))
