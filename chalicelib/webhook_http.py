"""Posting to a URL that a client chose, which may be meant to reach what only we can reach.

The name is resolved once, here; every address that it has must be a public one; and the connection goes to the very address that
was looked at, so that a name that answers differently a moment later gains nothing. Redirects are not followed, proxies not used.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

#: Seconds to connect, and for all of it.
CONNECT, TOTAL = 5.0, 15.0
#: Of an answer no more is read: nothing in it is used.
MOST_READ = 16_384


class NotAllowed(Exception):
    """The URL leads to an address that webhooks may not go to."""


@dataclass(frozen=True)
class Answer:
    """What a receiver said, or why it said nothing."""

    status: int | None
    reason: str
    retry_after: float | None = None


def post(url: str, headers: dict[str, str], body: bytes, *, loopback: bool = False) -> Answer:
    """One attempt; never raises for what the receiver does."""
    import urllib3  # here: only the function that delivers needs it

    parts, end = urlsplit(url), time.monotonic() + TOTAL
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection = _connection(parts.hostname or "", port, secure, loopback)
    except NotAllowed as error:
        return Answer(None, str(error))
    except OSError as error:
        return Answer(None, f"the host cannot be found: {type(error).__name__}")
    host = parts.netloc if parts.port else parts.hostname
    try:
        connection.request(
            "POST", target, body, {"host": host, "user-agent": "smsignal", **headers}, preload_content=False
        )
        connection.timeout = max(0.1, end - time.monotonic())
        if connection.sock:
            connection.sock.settimeout(connection.timeout)
        response = connection.getresponse()
        _read(response, connection, end)
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        return Answer(None, f"no answer: {type(error).__name__}")
    finally:
        connection.close()
    wait = response.headers.get("retry-after", "")
    return Answer(response.status, f"HTTP {response.status}", float(wait) if wait.isdigit() else None)


def _read(response: Any, connection: Any, end: float) -> None:
    """The beginning of the answer, as long as there is time: a receiver that drips must not hold anybody up."""
    left = MOST_READ
    while left > 0 and time.monotonic() < end:
        if connection.sock:
            connection.sock.settimeout(max(0.1, end - time.monotonic()))
        piece = response.read(min(left, 1024))
        if not piece:
            return
        left -= len(piece)


def _connection(host: str, port: int, secure: bool, loopback: bool) -> Any:
    """A connection to an address that was looked at, which still asks for the certificate of the name."""
    from urllib3.connection import HTTPConnection, HTTPSConnection

    address = _public_address(host, port, loopback)
    kind = HTTPSConnection if secure else HTTPConnection
    options: dict[str, Any] = {"timeout": CONNECT}
    if secure:
        import certifi

        from chalicelib.tls import trusting

        options |= {"ssl_context": trusting(certifi.where()), "server_hostname": host}
    return kind(address, port, **options)


def _public_address(host: str, port: int, loopback: bool) -> str:
    """One of the addresses of a host, all of which must be public. Raises NotAllowed, OSError when it has none."""
    asked = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    found = sorted(
        (str(info[4][0]) for info in asked), key=lambda text: ":" in text
    )  # Lambda has no IPv6 to the outside
    for text in found:
        address = ip_address(text.partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None) or address
        if not (mapped.is_global and not mapped.is_multicast) and not (loopback and mapped.is_loopback):
            raise NotAllowed("the host has an address that is not public")
    return found[0]
