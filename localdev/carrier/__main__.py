"""The carrier as a process: `python -m localdev.carrier --help`."""

import argparse
import json
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any

from localdev.carrier.scenarios import SCENARIOS
from localdev.carrier.server import DIALECTS, CarrierServer
from localdev.carrier.settings import Settings, add_options, from_options

ABOUT = """\
A simulated carrier. It speaks providers' APIs over real HTTP, calls back with their own signatures,
and prints {"url": ...} when it listens. SIGTERM or SIGINT ends it. Give secrets through the environment.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal comes."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        settings = from_options(Settings, options)
        accounts = {kind.name: from_options(kind.Settings, options, f"{kind.name}_") for kind in DIALECTS}
    except ValueError as error:
        parser.error(str(error))
    _log_to_stderr(options.log_level)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with CarrierServer(options.host, options.port, settings, **accounts) as server:
        sys.stdout.write(json.dumps({"url": server.url}) + "\n")
        sys.stdout.flush()
        stopped.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    table = "".join(f"  {digits}  {scenario.about}\n" for digits, scenario in SCENARIOS.items())
    parser = argparse.ArgumentParser(
        prog="python -m localdev.carrier",
        description=ABOUT,
        epilog=f"The recipient's last four digits choose what happens; others are simply delivered:\n{table}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on, default 127.0.0.1")
    parser.add_argument("--port", default=0, type=int, help="port to listen on, default any free one")
    levels: dict[str, Any] = {"choices": ("debug", "info", "warning"), "default": "info"}
    parser.add_argument("--log-level", help="what goes to standard error, default info", **levels)
    add_options(parser.add_argument_group("pace"), Settings)
    for kind in DIALECTS:
        add_options(parser.add_argument_group(kind.name), kind.Settings, f"{kind.name}_")
    return parser


def _log_to_stderr(level: str) -> None:
    log = logging.getLogger("localdev.carrier")
    log.setLevel(level.upper())
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)


if __name__ == "__main__":
    sys.exit(main())
