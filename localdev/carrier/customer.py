"""The other end of the callbacks: a server that keeps each request and answers as it is told."""

import threading
from dataclasses import dataclass
from typing import Any

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from localdev.carrier.server import Connection


@dataclass(frozen=True)
class Received:
    """A request as it came in."""

    method: str
    query: str
    content_type: str
    body: bytes
    params: dict[str, str]
    headers: dict[str, str]


class Customer:
    """Collects callbacks; also a context manager."""

    def __init__(self, *codes: int) -> None:
        """Answer with these codes in turn, and 200 after that; 0 hangs up."""
        self.received: list[Received] = []
        self._codes = list(codes)
        self._changed = threading.Condition()
        self._server = make_server("127.0.0.1", 0, self._application, threaded=True, request_handler=Connection)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.port}/callback"

    def wait(self, count: int, seconds: float = 20) -> list[Received]:
        """Return the requests as soon as there are so many; TimeoutError when they do not come."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.received) >= count, seconds):
                raise TimeoutError(f"{len(self.received)} of {count} callbacks came")
            return list(self.received)

    def __enter__(self) -> "Customer":
        """Listen."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._thread.join()

    def _application(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        body = request.get_data(parse_form_data=False, cache=True)
        json = request.get_json() if request.is_json else {}
        params = request.args.to_dict() | request.form.to_dict() | json
        query = request.query_string.decode()
        with self._changed:
            self.received.append(Received(request.method, query, request.mimetype, body, params, dict(request.headers)))
            code = self._codes.pop(0) if self._codes else 200
            self._changed.notify_all()
        if code == 0:
            raise ConnectionAbortedError
        return Response(status=code, headers={"Location": self.url})(environ, start_response)
