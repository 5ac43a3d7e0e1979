"""Callbacks on their way: due requests in one heap, sent by a few threads, tried again as a carrier would."""

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone

import requests

from localdev.carrier.settings import Settings

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class HttpRequest:
    """A request as it goes over the wire."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes = b""


class Letter:
    """A request written when it is first sent; each later attempt, copy and replay has the same bytes."""

    def __init__(self, write: Callable[[], HttpRequest]) -> None:
        """Keep the function that writes the request."""
        self._write = write
        self._lock = threading.Lock()
        self._request: HttpRequest | None = None

    def request(self) -> HttpRequest:
        """Return the request, written now if it was not before."""
        with self._lock:
            if self._request is None:
                self._request = self._write()
            return self._request


@dataclass(frozen=True)
class Attempt:
    """One try: the HTTP code answered, or the error that kept an answer away."""

    at: datetime
    code: int | None
    error: str | None = None

    @property
    def again(self) -> bool:
        """Whether the carrier tries again: no answer, 429 or 5xx, and never after another 4xx."""
        return self.code is None or self.code == 429 or self.code >= 500


@dataclass
class Callback:
    """A request to the customer, and what came of it."""

    letter: Letter
    attempts: list[Attempt] = field(default_factory=list)
    settled: bool = False


class Callbacks:
    """Sends callbacks when they are due."""

    def __init__(self, settings: Callable[[], Settings], workers: int = 16) -> None:
        """Prepare the threads; `start` lets them run."""
        self._settings = settings
        self._due: list[tuple[float, int, Callback]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._running = 0
        self._stopped = False
        self._local = threading.local()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]

    def start(self) -> None:
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Send nothing more; a request under way is given a moment."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        patience = time.monotonic() + 1
        for thread in self._threads:
            thread.join(max(0, patience - time.monotonic()))

    @property
    def pending(self) -> int:
        """How many callbacks wait for their first or next attempt, or are being tried."""
        with self._changed:
            return len(self._due) + self._running

    def schedule(self, callback: Callback, seconds: float) -> None:
        """Send a callback after so many seconds."""
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._numbers), callback))
            self._changed.notify()

    def attempt(self, callback: Callback) -> None:
        """Try a callback now, in this thread, and schedule the next attempt if there must be one."""
        outcome = self._post(callback.letter.request())
        callback.attempts.append(outcome)
        settings, tries = self._settings(), len(callback.attempts)
        if outcome.again and tries < settings.callback_attempts:
            self.schedule(callback, settings.retry_seconds * 2 ** (tries - 1))
        else:
            callback.settled = True
        LOG.info("callback attempt %d: %s", tries, outcome.code or outcome.error)

    def _work(self) -> None:
        while (callback := self._next()) is not None:
            try:
                self.attempt(callback)
            except Exception:
                LOG.exception("a callback could not be written")
            with self._changed:
                self._running -= 1

    def _next(self) -> Callback | None:
        with self._changed:
            while not self._stopped:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    self._running += 1
                    self._changed.notify()  # let another thread wait for the one that is due next
                    return heapq.heappop(self._due)[2]
                self._changed.wait(wait)
        return None

    def _post(self, request: HttpRequest) -> Attempt:
        at, settings = datetime.now(timezone.utc), self._settings()
        try:
            answer = self._session().request(
                request.method,
                request.url,
                headers=request.headers,
                data=request.body,
                timeout=settings.callback_timeout,
                allow_redirects=False,
            )
        except (requests.RequestException, ValueError) as error:
            return Attempt(at, None, type(error).__name__)
        return Attempt(at, answer.status_code)

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = False  # neither proxies nor netrc between two local processes
            self._local.session.headers["Connection"] = "close"
        session: requests.Session = self._local.session
        return session
