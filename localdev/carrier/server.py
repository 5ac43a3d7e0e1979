"""The carrier on a port: every dialect and the control API behind one threaded HTTP server."""

import logging
import threading
from collections.abc import Iterable
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from localdev.carrier.control import Control
from localdev.carrier.core import Carrier, Dialect, as_json
from localdev.carrier.settings import Settings
from localdev.carrier.telnyx import Telnyx
from localdev.carrier.twilio import Twilio
from localdev.carrier.vonage import Vonage

LOG = logging.getLogger(__name__)
DIALECTS: tuple[type[Any], ...] = (Vonage, Twilio, Telnyx)


class Connection(WSGIRequestHandler):
    """Logs no query string, and hangs up when a reply is given up."""

    disable_nagle_algorithm = True  # head and body go out in two writes

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Name the path, not the query."""
        LOG.debug("%s %s %s", self.command, getattr(self, "path", "").partition("?")[0], code)

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say no more: the message may quote the request."""
        LOG.debug("a request could not be read")

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:
        """Expect no further request on this connection."""
        self.close_connection = True


class CarrierServer:
    """A carrier that listens; also a context manager."""

    def __init__(
        self, host: str = "127.0.0.1", port: int = 0, settings: Settings | None = None, **accounts: Any
    ) -> None:
        """Bind the port; `accounts` holds the settings of dialects by their names."""
        self.carrier = Carrier(settings or Settings())
        dialects: dict[str, Dialect] = {
            kind.name: kind(self.carrier, accounts.get(kind.name) or kind.Settings()) for kind in DIALECTS
        }
        self._routes = Map(merge_slashes=False)
        handlers = [Control(self.carrier, dialects).routes(), *(dialect.routes() for dialect in dialects.values())]
        for (method, path), handler in (item for some in handlers for item in some.items()):
            self._routes.add(Rule(path, methods=[method], endpoint=handler))
        self._server = make_server(host, port, self._application, threaded=True, request_handler=Connection)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self._server.port}"

    def start(self) -> "CarrierServer":
        """Answer requests and send callbacks, in threads."""
        self.carrier.callbacks.start()
        self._thread.start()
        return self

    def stop(self) -> None:
        """Release the replies that hang, and end."""
        self.carrier.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self.carrier.callbacks.stop()

    def __enter__(self) -> "CarrierServer":
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def _application(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        try:
            handler, arguments = self._routes.bind_to_environ(environ).match()
            response: Response = handler(request, **arguments)
        except HTTPException as problem:
            response = as_json({"error": problem.description}, problem.code or 500)
        return response(environ, start_response)
