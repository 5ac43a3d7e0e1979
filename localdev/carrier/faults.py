"""What can happen to a reply on its way, whatever the provider."""

from collections.abc import Iterator

from werkzeug.wrappers import Response

from localdev.carrier.core import Carrier

PLAIN = {
    "http_401": (401, "Unauthorized"),
    "http_429": (429, "Too Many Requests"),
    "http_500": (500, "Internal Server Error"),
}


def spoiled(carrier: Carrier, fault: str, reply: Response) -> Response:
    """Return the reply as the fault leaves it; ConnectionAbortedError where nothing is left."""
    if fault in PLAIN:
        status, text = PLAIN[fault]
        return Response(text, status, mimetype="text/plain")
    if fault == "slow":
        carrier.stopping.wait(carrier.settings.slow_seconds)
    if fault == "hang":
        carrier.stopping.wait(carrier.settings.hold_seconds)
        raise ConnectionAbortedError
    if fault == "not_json":
        return Response("<html><body>OK</body></html>", mimetype="text/html")
    return _cut(reply) if fault == "cut" else reply


def _cut(reply: Response) -> Response:
    body = reply.get_data()

    def half() -> Iterator[bytes]:
        yield body[: len(body) // 2]
        raise ConnectionAbortedError

    return Response(half(), reply.status, headers=dict(reply.headers))  # promises the whole length
