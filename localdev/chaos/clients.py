"""Good clients: each text is posted with a key of its own, and again with the same key until there is an answer, a bounded
number of times.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import requests

from localdev.chaos.plan import Text
from localdev.stack import Stack

CLIENTS = 16
STAGGER = 0.8  # seconds between the beginnings of two clients: all at once, each would wait for a cold start of its own
TRIES = 20
PATIENCE = 35.0  # seconds for an answer: API Gateway gives up after 29
LONGEST_PAUSE = 2.0  # seconds between two tries


@dataclass(frozen=True)
class Told:
    """What a client was told: the last HTTP status and the message's id, both None when nobody ever answered."""

    text: Text
    status: int | None
    message_id: str | None
    answers: tuple[str, ...]  #: of every try: an HTTP status, or what went wrong instead


class Client:
    """The stack's API for many threads."""

    def __init__(self, stack: Stack) -> None:
        self._url, self._key = stack.url, stack.api_key
        self._local = threading.local()

    def post(self, text: Text) -> Told:
        """POST /send until the text is answered for."""
        answers: list[str] = []
        for attempt in range(TRIES):
            if attempt:
                time.sleep(min(LONGEST_PAUSE, 0.1 * 2**attempt))
            try:
                answer = self._call("POST", "/send", json=text.body(), headers={"Idempotency-Key": text.key})
                body = answer.json()
            except (requests.RequestException, ValueError) as error:
                answers.append(type(error).__name__)
                continue
            answers.append(str(answer.status_code))
            message = body.get("message") if answer.status_code >= 400 else body
            if isinstance(message, dict) and "id" in message:  # a refusal carries the text that was stored, too
                return Told(text, answer.status_code, message["id"], tuple(answers))
            if answer.status_code < 500 and answer.status_code != 429:
                return Told(text, answer.status_code, None, tuple(answers))
        return Told(text, None, None, tuple(answers))

    def message(self, message_id: str) -> dict[str, Any] | None:
        """GET /messages/{id}; None when there is none."""
        answer = self._call("GET", f"/messages/{message_id}")
        if answer.status_code == 404:
            return None
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def _call(self, method: str, path: str, **options: Any) -> requests.Response:
        if not hasattr(self._local, "http"):
            self._local.http = requests.Session()
            self._local.http.trust_env = False
            self._local.http.headers["Authorization"] = f"Bearer {self._key}"
        answer: requests.Response = self._local.http.request(method, self._url + path, timeout=PATIENCE, **options)
        return answer


def post_all(client: Client, texts: Sequence[Text], until: float) -> list[Told]:
    """Post texts with all clients at once; none is begun after `until` (time.monotonic)."""
    left, told, lock = iter(texts), list[Told](), threading.Lock()

    def work(number: int) -> None:
        time.sleep(number * STAGGER)
        while time.monotonic() < until:
            with lock:
                text = next(left, None)
            if text is None:
                return
            told.append(client.post(text))

    clients = min(CLIENTS, 1 + len(texts) // 15)
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(work, range(clients)))
    return told


def read_all(client: Client, ids: Iterable[str]) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """GET all of them: ids and messages."""
    wanted = list(ids)
    with ThreadPoolExecutor(4) as pool:
        yield from zip(wanted, pool.map(client.message, wanted), strict=True)
