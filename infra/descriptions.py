"""What botocore reads of the AWS services, made short: every new container reads it before its first request.

Of a service's description most is prose, which is there for help() and for documentation. The regions of a service are looked up by
the prefix of its host's name; those of the hundreds of services that are left out are never looked up.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any


def shorten(data: Path, kept: Collection[str]) -> None:
    """Shorten the files in botocore's folder `data`, of which only the services `kept` are left."""
    prefixes = set(kept)
    for path in sorted(data.glob("*/*/service-2.json.gz")):
        description = json.loads(gzip.decompress(path.read_bytes()))
        prefixes.add(description["metadata"]["endpointPrefix"])
        path.write_bytes(gzip.compress(_packed(without_prose(description)), mtime=0))
    endpoints = json.loads((data / "endpoints.json").read_text())
    for partition in endpoints["partitions"]:
        services = partition["services"]
        partition["services"] = {name: services[name] for name in services if name in prefixes}
    (data / "endpoints.json").write_bytes(_packed(endpoints))


def without_prose(description: Any) -> Any:
    """The same without its texts for readers. A parameter may be called `documentation`: then it is no text."""
    if isinstance(description, dict):
        texts = {name for name in ("documentation",) if isinstance(description.get(name), str)}
        return {name: without_prose(value) for name, value in description.items() if name not in texts}
    if isinstance(description, list):
        return [without_prose(value) for value in description]
    return description


def _packed(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
