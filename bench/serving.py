"""Small HTTP servers on 127.0.0.1: what stands in for all that a function talks to."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any

HOST = "127.0.0.1"


class Handler(BaseHTTPRequestHandler):
    """Connections stay open, and nothing waits for more to send."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def body(self) -> bytes:
        """The request's."""
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Answer."""
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


class Server(ThreadingHTTPServer):
    """One of them; it listens from the beginning, and answers once it is started."""

    daemon_threads = True

    def __init__(self, handler: type[Handler], tls: SSLContext | None = None) -> None:
        super().__init__((HOST, 0), handler)
        self.address = f"{HOST}:{self.server_address[1]}"
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    def start(self) -> None:
        """Answer from now on."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        """Listen no more."""
        self.shutdown()
        self.server_close()

    def handle_error(self, *about: Any) -> None:
        """A client that was ended in the middle of its question, or does not trust us, is no fault."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(*about)


@contextmanager
def serving(handler: type[Handler], tls: SSLContext | None = None) -> Iterator[str]:
    """The address of a server, `host:port`, for as long as the block lasts."""
    server = Server(handler, tls)
    server.start()
    try:
        yield server.address
    finally:
        server.stop()
