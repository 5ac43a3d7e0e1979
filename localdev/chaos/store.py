"""A store that fails: a proxy between the Lambdas and DynamoDB that throttles, breaks, delays, and loses replies of writes
that were done.

Faults come in bursts, for the store's clients ask three times: what fails once by itself is never seen above them.
"""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterable
from types import TracebackType
from typing import Any

import urllib3
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

BURST, LONGEST = 0.012, 12  # how often a burst begins, and how many requests it reaches at most
#: What happens to a request in a burst, and how often.
FAULTS = {
    "ThrottlingException": 4,
    "ProvisionedThroughputExceededException": 2,
    "InternalServerError": 2,
    "lost reply": 3,
    "lost request": 1,
    "delay": 2,
}
SLOW = 0.4  # seconds at most
HOP = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding"})


class Connection(WSGIRequestHandler):
    """Says nothing, and hangs up without an answer when the application says so."""

    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: Any) -> None:
        """Nothing."""

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        self.close_connection = True


class FaultyStore:
    """The proxy, for as long as the block lasts; `counts` says what it did to how many requests."""

    def __init__(self, endpoint: str, seed: int) -> None:
        self._endpoint = endpoint
        self._chance = random.Random(seed)
        self._left, self._until = 0, 0.0
        self._lock = threading.Lock()
        self._pool = urllib3.PoolManager(maxsize=64, retries=False, timeout=30)
        self._server = make_server("127.0.0.1", 0, self._application, threaded=True, request_handler=Connection)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self.counts: Counter[str] = Counter()
        self.url = f"http://127.0.0.1:{self._server.port}"

    def __enter__(self) -> "FaultyStore":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def rage(self, until: float) -> None:
        """Fail until then (time.monotonic), and no more."""
        self._until = until

    def _fault(self) -> str | None:
        with self._lock:
            self.counts["requests"] += 1
            if time.monotonic() > self._until:
                return None
            if not self._left and self._chance.random() < BURST:
                self._left = self._chance.randint(1, LONGEST)
            if not self._left:
                return None
            self._left -= 1
            (fault,) = self._chance.choices(list(FAULTS), list(FAULTS.values()))
            self.counts[fault] += 1
            return fault

    def _application(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request, fault = Request(environ), self._fault()
        body = request.get_data()
        if fault == "lost request":
            raise ConnectionAbortedError
        if fault and fault[0].isupper():
            return _refused(fault)(environ, start_response)
        if fault == "delay":
            time.sleep(self._chance.uniform(0, SLOW))
        reply = self._forwarded(request, body)
        if fault == "lost reply":
            raise ConnectionAbortedError
        return reply(environ, start_response)

    def _forwarded(self, request: Request, body: bytes) -> Response:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP}
        answer = self._pool.request(
            request.method,
            self._endpoint + request.full_path.rstrip("?"),
            body=body,
            headers=headers,
            decode_content=False,
        )
        kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in HOP]
        return Response(answer.data, answer.status, headers=kept)


def _refused(code: str) -> Response:
    namespace = "com.amazon.coral.availability" if code == "ThrottlingException" else "com.amazonaws.dynamodb.v20120810"
    content = json.dumps({"__type": f"{namespace}#{code}", "message": "made by the chaos run"})
    return Response(content, 500 if code == "InternalServerError" else 400, content_type="application/x-amz-json-1.0")
