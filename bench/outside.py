"""What stands outside of what is measured: a provider that takes every text, and the parameter store with its secret.

Both are one small HTTP server on 127.0.0.1, and every subject asks it for the same.
"""

from __future__ import annotations

import hmac
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qsl

HOST = "127.0.0.1"
SIGNATURE_SECRET = "bench-signature-secret"  # of what this machine sends to itself


class _Outside(ThreadingHTTPServer):
    daemon_threads = True
    provider: str  #: the URL that the secret names


@contextmanager
def outside(provider: str | None = None) -> Iterator[str]:
    """The URL of the provider and of the parameter store, for as long as the block lasts; `provider` is that of another one."""
    server = _Outside((HOST, 0), Provider)
    server.provider = provider or f"http://{HOST}:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://{HOST}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def signed(params: Mapping[str, str]) -> dict[str, str]:
    """A callback's parameters with the time and Vonage's signature (HMAC with SHA-256)."""
    params = {**params, "timestamp": str(int(time.time()))}
    text = "".join(f"&{name}={re.sub('[&=]', '_', params[name])}" for name in sorted(params))
    return {**params, "sig": hmac.new(SIGNATURE_SECRET.encode(), text.encode(), "sha256").hexdigest()}


def _secret(base_url: str) -> dict[str, str]:
    return {
        "api_key": "benchkey",
        "api_secret": "bench-api-secret",
        "signature_secret": SIGNATURE_SECRET,
        "signature_method": "sha256",
        "base_url": base_url,
    }


class Provider(BaseHTTPRequestHandler):
    """It answers as Vonage and as the parameter store do."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    numbers = count(1)

    def do_POST(self) -> None:
        """A text, or a question for a parameter."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("X-Amz-Target") == "AmazonSSM.GetParameter":
            self._reply(self._parameter(json.loads(body)["Name"]), "application/x-amz-json-1.1")
        else:
            self._reply(self._taken(dict(parse_qsl(body.decode()))), "application/json")

    def _parameter(self, name: str) -> dict[str, Any]:
        assert isinstance(self.server, _Outside)
        value = json.dumps(_secret(self.server.provider))
        return {"Parameter": {"Name": name, "Type": "SecureString", "Value": value, "Version": 1}}

    def _taken(self, form: Mapping[str, str]) -> dict[str, Any]:
        taken = {
            "to": form["to"],
            "message-id": f"{next(self.numbers):032X}",
            "status": "0",
            "remaining-balance": "15.53590000",
            "message-price": "0.03330000",
            "network": "20810",
            "client-ref": form["client-ref"],
        }
        return {"message-count": "1", "messages": [taken]}

    def _reply(self, answer: dict[str, Any], content_type: str) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""
