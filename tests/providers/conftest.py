"""What the tests of the adapters share: an outgoing text, and a provider made of a bare socket."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlencode

import pytest

from chalicelib.encoding import count_segments, encoding_of
from chalicelib.messages import Direction, TextMessage
from chalicelib.providers.base import Callback
from chalicelib.status import Status

NOW = datetime(2026, 11, 23, 3, 12, 45, tzinfo=timezone.utc)
ID = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def outgoing() -> Callable[..., TextMessage]:
    """A function that makes an outgoing text; what is not given is usual."""

    def make(**given: Any) -> TextMessage:
        text = given.get("text", "Your code is 4711")
        usual = {
            "id": ID,
            "direction": Direction.OUTGOING,
            "frm": "+33123456789",
            "to": "+33987654321",
            "text": text,
            "encoding": encoding_of(text),
            "segments": count_segments(text),
            "status": Status.CREATED,
            "created_on": NOW,
            "updated_on": NOW,
            "public_url": "https://sms.example.com/api",
        }
        return TextMessage(**{**usual, **given})

    return make


class Wire:
    """A provider's server: it keeps each request, answers with `reply`, byte for byte, and hangs up.

    `reply` may be a function of the request; an empty one is no answer at all. Nothing is answered before `answering`.
    """

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.reply: bytes | Callable[[bytes], bytes] = b""
        self.tls: ssl.SSLContext | None = None
        self.answering = threading.Event()
        self.answering.set()
        self._open = True
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._address = self._socket.getsockname()
        self.url = f"http://127.0.0.1:{self._address[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Refuse connections from now on."""
        if self._open:
            self._open = False
            self.answering.set()
            socket.create_connection(self._address).close()  # wakes the thread up
            self._thread.join()
            self._socket.close()

    def _serve(self) -> None:
        while True:
            accepted, _ = self._socket.accept()
            if not self._open:
                accepted.close()
                return
            # A client may hang up at any time: it distrusts our certificate, or has lost its patience.
            with contextlib.suppress(OSError), self._encrypted(accepted) as connection:
                request = _read(connection)
                self.requests.append(request)
                self.answering.wait()
                connection.sendall(self.reply(request) if callable(self.reply) else self.reply)

    def _encrypted(self, connection: socket.socket) -> socket.socket:
        return self.tls.wrap_socket(connection, server_side=True) if self.tls else connection


def _read(connection: socket.socket) -> bytes:
    request, length = b"", 0
    while not (end := request.find(b"\r\n\r\n") + 4) > 4 or len(request) < end + length:
        more = connection.recv(65536)
        if not more:
            break
        request += more
        found = re.search(rb"content-length: *(\d+)", request, re.IGNORECASE)
        length = int(found.group(1)) if found else 0
    return request


@pytest.fixture
def wire() -> Iterator[Wire]:
    server = Wire()
    yield server
    server.close()


@pytest.fixture
def http() -> Callable[..., bytes]:
    """A function that writes an HTTP reply; `cut` leaves out its end, which its length had promised."""

    def make(status: int = 200, body: str = "", headers: str = "", cut: int = 0) -> bytes:
        payload = body.encode()
        head = (
            f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(payload) + cut}\r\nConnection: close\r\n{headers}\r\n"
        )
        return head.encode() + payload

    return make


@pytest.fixture(params=["query", "form", "json"])
def carried(request: pytest.FixtureRequest) -> Callable[[dict[str, str]], Callback]:
    """A function that makes a callback of parameters, in each of the three ways that providers have of carrying them."""
    url = "https://sms.example.com/api/callback/any"
    ways: dict[str, Callable[[dict[str, str]], Callback]] = {
        "query": lambda params: Callback("GET", url, query=tuple(params.items())),
        "form": lambda params: Callback("POST", url, body=urlencode(params).encode()),
        "json": lambda params: Callback(
            "POST", url, {"content-type": "application/json"}, body=json.dumps(params).encode()
        ),
    }
    return ways[request.param]
