"""A provider over TLS, as all of them are: its certificate is verified for each text, on a connection of that text's own.

What is measured here is the handing over alone, against `requests` as it is, which reads the certificate authorities for each
connection. Everything else in this folder compares code, and its provider speaks no TLS, which would cost both sides the same.
"""

from __future__ import annotations

import ssl
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import certifi
import requests
import trustme

from bench.figures import Figure, of_runs
from bench.outside import Provider
from bench.serving import HOST, serving
from bench.workers import Worker
from chalicelib.http import HttpRequest, exchange

TIMES, QUICK_TIMES = 100, 10
MS = 1000.0
FORM = {"to": "33612345678", "text": "Your code is 123456", "client-ref": "0" * 32}


def measure(quick: bool, say: Callable[[str], None]) -> list[Figure]:
    """The CPU of both, in turn."""
    with encrypted() as (url, variables), Worker(variables) as worker:
        took = worker.do("encrypted:handing_over", url=url, times=QUICK_TIMES if quick else TIMES)
    ours, theirs = took["smsignal"], took["requests"]
    each = [one / other for one, other in zip(ours, theirs, strict=True)]
    ratio = statistics.median(ours) / statistics.median(theirs)
    say(f"{len(ours)} texts handed over TLS by each")
    return [
        of_runs("floor", "handing a text over TLS", "ms CPU", ours),
        of_runs("floor", "handing a text over TLS, requests as it is", "ms CPU", theirs),
        Figure("floor", "handing a text over TLS, of requests as it is", ratio, "×", min(each), max(each), 0.5, judged=False,
               note="the ratios above are of code alone, with a provider that speaks no TLS"),
    ]  # fmt: skip


def handing_over(url: str, times: int) -> Mapping[str, list[float]]:
    """Milliseconds of CPU for each text."""
    request = HttpRequest("POST", f"{url}/sms/json", form=FORM)
    ways: dict[str, Callable[[], object]] = {
        "smsignal": lambda: exchange(request, "the provider"),
        "requests": lambda: requests.post(request.url, data=FORM, timeout=15),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(times + 1):
        for name, hand_over in ways.items():
            began = time.thread_time()
            hand_over()
            if number:  # the first one imports and reads what is read once
                took[name].append((time.thread_time() - began) * MS)
    return took


@contextmanager
def encrypted() -> Iterator[tuple[str, dict[str, str]]]:
    """The URL of a provider, and the variables by which a process believes its certificate, beside all that are believed."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    with TemporaryDirectory(prefix="smsignal-bench-") as folder, serving(Provider, context) as address:
        bundle = Path(folder) / "authorities.pem"
        bundle.write_bytes(Path(certifi.where()).read_bytes() + authority.cert_pem.bytes())
        yield f"https://{address}", {"REQUESTS_CA_BUNDLE": str(bundle)}
