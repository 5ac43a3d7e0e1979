"""What the simulated carrier answers to a submission."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from localdev.carrier.customer import Customer
from localdev.carrier.segments import split
from localdev.carrier.server import CarrierServer
from localdev.carrier.settings import Settings
from localdev.carrier.vonage_rules import METHODS, VonageSettings, signature

KEY, SECRET, SIGNATURE_SECRET = "key12345", "api-secret-of-the-test", "signature-secret-of-the-test"
FORM = {
    "api_key": KEY,
    "api_secret": SECRET,
    "from": "AcmeInc",
    "to": "447700900000",
    "text": "Hi",
    "client-ref": "r-1",
}
LONG = "x" * 161

# the payload and the digests of the fact sheet
PAYLOAD = {
    "msisdn": "447700900000",
    "to": "AcmeInc",
    "network-code": "23410",
    "messageId": "0A0000001234567B",
    "price": "0.03330000",
    "status": "delivered",
    "scts": "2610081203",
    "err-code": "0",
    "api-key": "abcd1234",
    "client-ref": "m&1=2",
    "message-timestamp": "2026-10-08 12:03:05",
    "timestamp": "1791460985",
    "nonce": "ec11dd3e-1e7f-4db5-9467-82b02cd223b9",
}
VECTORS = {
    "md5hash": "9993ef1c21a52d6b1ff18ebb22b525f9",
    "md5": "e7c10921e6a384315c50a28c153b6f9d",
    "sha256": "487e57a901c31f8b3ee27ccb65bdd785c21556c7c0a2fe7990b5be4714978bc6",
}


@pytest.fixture(scope="module")
def carrier():
    account = VonageSettings(api_key=KEY, api_secret=SECRET, signature_secret=SIGNATURE_SECRET)
    with CarrierServer(settings=Settings(callback_delay=0.02, slow_seconds=0.3), vonage=account) as server:
        yield server


@pytest.fixture
def customer():
    with Customer() as listening:
        yield listening


def submit(carrier, timeout=20, auth=None, **changes):
    names = {name: name if name.startswith("api") else name.replace("_", "-") for name in changes}
    form = FORM | {names[name]: value for name, value in changes.items()}
    form = {name: value for name, value in form.items() if value is not None}
    return requests.post(f"{carrier.url}/sms/json", data=form, timeout=timeout, auth=auth)


def statuses(reply):
    assert reply.status_code == 200
    assert reply.json()["message-count"] == str(len(reply.json()["messages"]))
    return [entry["status"] for entry in reply.json()["messages"]]


def ledger(carrier, what="messages", **query):
    return requests.get(f"{carrier.url}/_carrier/{what}", params=query, timeout=20).json()[what]


def test_an_accepted_text_is_answered_and_entered(carrier):
    entry = submit(carrier, client_ref="plain", ttl="20000").json()["messages"][0]
    message = ledger(carrier, client_ref="plain")[0]
    assert entry["message-id"] == message["segments"][0]
    assert {name: entry[name] for name in ("to", "status", "message-price", "network", "client-ref")} == {
        "to": "447700900000",
        "status": "0",
        "message-price": "0.03330000",
        "network": "23410",
        "client-ref": "plain",
    }
    expected = {"from": "AcmeInc", "to": "447700900000", "text": "Hi", "type": "text", "ttl": 20000}
    assert expected.items() <= message.items()


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        pytest.param({"to": None}, "2", id="no recipient"),
        pytest.param({"from": None}, "2", id="no sender"),
        pytest.param({"text": None}, "2", id="no text"),
        pytest.param({"text": ""}, "2", id="empty text"),
        pytest.param({"type": "binary"}, "2", id="binary without body"),
        pytest.param({"to": "+447700900000"}, "3", id="plus sign"),
        pytest.param({"to": "447700"}, "3", id="too short"),
        pytest.param({"to": "4477009000001234"}, "3", id="too long"),
        pytest.param({"to": "07700900000"}, "6", id="no such prefix"),
        pytest.param({"from": "+33123456789"}, "15", id="sender with plus sign"),
        pytest.param({"from": "AcmeIncorporated"}, "15", id="sender too long"),
        pytest.param({"from": "Acmé"}, "15", id="sender not alphanumeric"),
        pytest.param({"from": "Acme Inc"}, "0", id="spaces in the sender are dropped"),
        pytest.param({"type": "utf8"}, "3", id="no such type"),
        pytest.param({"ttl": "19999"}, "3", id="ttl too short"),
        pytest.param({"ttl": "604800001"}, "3", id="ttl too long"),
        pytest.param({"ttl": "604800000"}, "0", id="longest ttl"),
        pytest.param({"status_report_req": "True"}, "3", id="a boolean as Python writes it"),
        pytest.param({"client_ref": "x" * 41}, "3", id="client-ref too long"),
        pytest.param({"text": "x" * 3201}, "12", id="text too long"),
        pytest.param({"callback": "http://h/" + "x" * 92}, "23", id="callback of 101 characters"),
        pytest.param({"callback": "ftp://h/"}, "23", id="callback is not http"),
        pytest.param({"api_secret": "wrong"}, "4", id="wrong secret"),
        pytest.param({"api_key": "wrong"}, "4", id="wrong key"),
        pytest.param({"api_secret": None}, "2", id="no secret"),
        pytest.param({"sig": "00"}, "32", id="secret and signature"),
        pytest.param({"sig": "00", "api_secret": None}, "2", id="signature without timestamp"),
    ],
)
def test_a_submission_is_validated(carrier, changes, status):
    assert statuses(submit(carrier, **changes)) == [status]


def test_basic_credentials(carrier):
    bare = {"api_secret": None, "api_key": None}
    form = {name: value for name, value in FORM.items() if name not in bare}
    url = f"{carrier.url}/sms/json"
    assert statuses(requests.post(url, data=form, auth=(KEY, SECRET), timeout=20)) == ["0"]
    assert statuses(requests.post(url, data=form, auth=(KEY, "wrong"), timeout=20)) == ["4"]
    assert statuses(requests.post(url, data=form, timeout=20)) == ["2"]
    assert statuses(requests.post(url, data=form | {"sig": "00"}, auth=(KEY, SECRET), timeout=20)) == ["32"]


@pytest.mark.parametrize("method", METHODS)
def test_a_signed_submission(carrier, method):
    requests.post(f"{carrier.url}/_carrier/settings", json={"vonage": {"signature_method": method}}, timeout=20)
    form = {name: value for name, value in FORM.items() if name != "api_secret"} | {"text": "a=b&c é"}
    form["timestamp"] = str(int(time.time()))
    url = f"{carrier.url}/sms/json"
    signed = form | {"sig": signature(form, SIGNATURE_SECRET, method)}
    assert statuses(requests.post(url, data=signed, timeout=20)) == ["0"]
    assert statuses(requests.post(url, data=signed | {"text": "else"}, timeout=20)) == ["14"]
    old = form | {"timestamp": str(int(time.time()) - 301)}
    old["sig"] = signature(old, SIGNATURE_SECRET, method)
    assert statuses(requests.post(url, data=old, timeout=20)) == ["14"]


@pytest.mark.parametrize("method", ["md5", "sha1", "sha256", "sha512"])
def test_the_vendor_signs_as_we_do(carrier, method):
    vonage = pytest.importorskip("vonage_http_client")
    requests.post(f"{carrier.url}/_carrier/settings", json={"vonage": {"signature_method": method}}, timeout=20)
    form = {name: value for name, value in FORM.items() if name != "api_secret"} | {"text": "a=b&c é"}
    auth = vonage.Auth(api_key=KEY, signature_secret=SIGNATURE_SECRET, signature_method=method)
    form["sig"] = auth.sign_params(form)  # adds the timestamp
    assert statuses(requests.post(f"{carrier.url}/sms/json", data=form, timeout=20)) == ["0"]


@pytest.mark.parametrize(("method", "digest"), VECTORS.items())
def test_signature_vectors(method, digest):
    assert signature(PAYLOAD, "s3cr3ts3cr3ts3cr3t", method) == digest


@pytest.mark.parametrize(
    ("text", "unicode", "lengths"),
    [
        pytest.param("x" * 160, False, [160], id="one of GSM"),
        pytest.param(LONG, False, [153, 8], id="two of GSM"),
        pytest.param("€" * 80, False, [80], id="two septets each"),
        pytest.param("x" * 152 + "€" + "x" * 10, False, [152, 11], id="a pair of septets is not cut"),
        pytest.param("x" * 306, False, [153, 153], id="two full ones"),
        pytest.param("é" * 70, True, [70], id="one of UCS-2"),
        pytest.param("é" * 71, True, [67, 4], id="two of UCS-2"),
        pytest.param("x" * 66 + "😀" * 3, True, [66, 3], id="a pair of surrogates is not cut"),
    ],
)
def test_segments(text, unicode, lengths):
    parts = split(text, unicode)
    assert [len(part) for part in parts] == lengths
    assert "".join(parts) == text


@pytest.mark.parametrize(
    ("changes", "recorded", "segments"),
    [
        pytest.param({"text": "Привет €"}, "?????? €", 1, id="mangled as text"),
        pytest.param({"text": "Привет €", "type": "unicode"}, "Привет €", 1, id="kept as unicode"),
        pytest.param({"text": LONG}, LONG, 2, id="one id per segment"),
        pytest.param({"text": "x" * 71, "type": "unicode"}, "x" * 71, 2, id="unicode segments are shorter"),
    ],
)
def test_the_text_as_the_handset_shows_it(carrier, request, changes, recorded, segments):
    ref = request.node.callspec.id
    reply = submit(carrier, client_ref=ref, **changes)
    message = ledger(carrier, client_ref=ref)[0]
    assert statuses(reply) == ["0"] * segments
    assert message["text"] == recorded
    assert message["segments"] == [entry["message-id"] for entry in reply.json()["messages"]]
    assert len(set(message["segments"])) == segments


@pytest.mark.parametrize(
    ("digits", "status"),
    [("9401", "1"), ("9403", "3"), ("9404", "4"), ("9405", "5"), ("9407", "7"), ("9409", "9"), ("9415", "15")],
)
def test_a_refusal_scenario(carrier, digits, status):
    reply = submit(carrier, to=f"44770090{digits}", client_ref=digits)
    assert statuses(reply) == [status]
    assert ledger(carrier, client_ref=digits) == []
    assert ledger(carrier, "requests", client_ref=digits)[0]["statuses"] == [status]


def test_throttling_says_how_long(carrier):
    entry = submit(carrier, to="447700909401").json()["messages"][0]
    assert entry == {"status": "1", "error-text": "Throughput Rate Exceeded - please wait [ 250 ] and retry"}


def test_throttled_twice_per_client_reference(carrier):
    answers = {ref: [statuses(submit(carrier, to="447700909402", client_ref=ref))[0] for _ in "123"] for ref in "ab"}
    assert answers == {"a": ["1", "1", "0"], "b": ["1", "1", "0"]}


def test_partial_acceptance(carrier):
    assert statuses(submit(carrier, to="447700909410", text="x" * 400, client_ref="part")) == ["0", "1", "1"]
    assert len(ledger(carrier, client_ref="part")[0]["segments"]) == 1


@pytest.mark.parametrize(
    ("digits", "code", "accepted"),
    [("9301", 500, False), ("9302", 429, False), ("9303", 401, False), ("9310", 500, True)],
)
def test_an_http_error_in_plain_text(carrier, digits, code, accepted):
    reply = submit(carrier, to=f"44770090{digits}", client_ref=digits)
    assert (reply.status_code, reply.headers["Content-Type"].partition(";")[0]) == (code, "text/plain")
    assert len(ledger(carrier, client_ref=digits)) == accepted


@pytest.mark.parametrize(("digits", "code"), [("9311", 500), ("9312", 429)])
def test_an_http_error_twice(carrier, digits, code):
    replies = [submit(carrier, to=f"44770090{digits}", client_ref=digits).status_code for _ in "123"]
    assert replies == [code, code, 200]


def test_a_reply_that_is_not_json(carrier):
    reply = submit(carrier, to="447700909308", client_ref="html")
    assert (reply.status_code, reply.text[:6]) == (200, "<html>")
    assert len(ledger(carrier, client_ref="html")) == 1


def test_a_slow_reply(carrier):
    start = time.monotonic()
    assert statuses(submit(carrier, to="447700909307")) == ["0"]
    assert time.monotonic() - start >= 0.3


def test_a_reply_cut_in_the_middle(carrier, customer):
    with pytest.raises(requests.RequestException):
        submit(carrier, to="447700909305", client_ref="cut", callback=customer.url)
    assert [r.params["client-ref"] for r in customer.wait(2)] == ["cut", "cut"]


@pytest.mark.parametrize(("digits", "receipts"), [("9304", 2), ("9309", 0)])
def test_a_reply_that_never_comes(digits, receipts):
    account = VonageSettings(api_key=KEY, api_secret=SECRET)
    with CarrierServer(settings=Settings(callback_delay=0.02), vonage=account) as carrier, Customer() as customer:
        with pytest.raises(requests.Timeout):
            submit(carrier, to=f"44770090{digits}", timeout=0.3, callback=customer.url)
        assert len(ledger(carrier)) == bool(receipts)
        assert len(customer.wait(receipts)) == receipts
        start = time.monotonic()
    assert time.monotonic() - start < 5


def test_a_hanging_reply_ends_after_its_time():
    brief, account = Settings(hold_seconds=0.1), VonageSettings(api_key=KEY, api_secret=SECRET)
    with CarrierServer(settings=brief, vonage=account) as carrier, pytest.raises(requests.ConnectionError):
        submit(carrier, to="447700909309")


def test_a_hanging_reply_is_released_at_the_end():
    account = VonageSettings(api_key=KEY, api_secret=SECRET)
    with ThreadPoolExecutor(1) as pool:
        with CarrierServer(vonage=account) as carrier:
            reply = pool.submit(submit, carrier, to="447700909304")
            while not ledger(carrier):
                assert not reply.done()
        assert isinstance(reply.exception(timeout=10), requests.ConnectionError)


def test_receipts_overtake_the_reply(carrier, customer):
    reply = submit(carrier, to="447700909306", callback=customer.url)
    assert [r.params["status"] for r in customer.received] == ["accepted", "delivered"]
    assert statuses(reply) == ["0"]


def test_requests_are_kept_without_secrets(carrier):
    submit(carrier, client_ref="seen", api_secret="a-wrong-one")
    submit(carrier, client_ref="seen", to="1")
    seen = ledger(carrier, "requests", client_ref="seen")
    assert [entry["statuses"] for entry in seen] == [["4"], ["3"]]
    assert seen[0]["params"]["api_secret"] == "***"
    assert SECRET not in str(ledger(carrier, "requests"))
    assert "a-wrong-one" not in str(ledger(carrier, "requests"))
