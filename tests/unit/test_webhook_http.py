"""Posting to a client's URL: never inside, to the address that was looked at, whose certificate is that of the name."""

import socket
import ssl

import certifi
import pytest
import trustme

from chalicelib import webhook_http
from chalicelib.webhook_http import Answer
from tests.unit.conftest import Receiver

URL = "https://client.example.com/hooks"


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
     "::1", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "fd00:ec2::254"],
)  # fmt: skip
def test_an_address_that_is_not_public_is_not_posted_to(monkeypatch, address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = [(socket.AF_INET, 1, 6, "", ("8.8.8.8", 443)), (family, 1, 6, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    answer = webhook_http.post(URL, {}, b"{}")
    assert answer == Answer(None, "the host has an address that is not public")


def test_the_address_that_was_looked_at_is_the_one_that_is_connected_to(monkeypatch, receiver):
    """The name leads inside at the second look: nobody looks a second time."""
    answers = iter([[(socket.AF_INET, 1, 6, "", ("127.0.0.1", 0))]])
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: next(answers) if host == "client.test" else real(host, *rest, **more),
    )
    url = receiver.url.replace("127.0.0.1", "client.test")
    assert webhook_http.post(url, {}, b"{}", loopback=True).status == 200
    ((headers, _),) = receiver.requests
    assert headers["host"].startswith("client.test:")


@pytest.fixture
def encrypted(tmp_path, monkeypatch):
    """A receiver with a certificate for `client.test`, where every name leads."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setattr(certifi, "where", lambda: str(tmp_path / "authority.pem"))
    authority.issue_cert("client.test").configure_cert(context)
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _, *rest, **more: real("127.0.0.1", *rest, **more))
    made = Receiver(context)
    yield made
    made.close()


def test_the_certificate_must_be_that_of_the_name(encrypted):
    for _ in range(2):
        assert webhook_http.post(encrypted.url, {}, b"{}", loopback=True).status == 200
        other = webhook_http.post(encrypted.url.replace("client.test", "other.test"), {}, b"{}", loopback=True)
        assert (other.status, other.reason) == (None, "no answer: SSLCertVerificationError")
    assert len(encrypted.requests) == 2


def test_loopback_is_open_to_a_local_stack_only(receiver):
    assert webhook_http.post(receiver.url, {}, b"{}").status is None
    assert webhook_http.post(receiver.url, {}, b"{}", loopback=True).status == 200


def test_a_receiver_that_does_not_listen_is_a_reason_and_no_exception():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    answer = webhook_http.post(f"http://127.0.0.1:{port}/", {}, b"{}", loopback=True)
    assert (answer.status, answer.reason) == (None, "no answer: NewConnectionError")
    assert webhook_http.post("https://host.invalid/", {}, b"{}").status is None


def test_a_receiver_that_says_nothing_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(webhook_http, "TOTAL", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        answer = webhook_http.post(f"http://127.0.0.1:{silent.getsockname()[1]}/", {}, b"{}", loopback=True)
    assert (answer.status, answer.reason) == (None, "no answer: TimeoutError")
