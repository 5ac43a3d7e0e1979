"""Whose certificates we believe. Reading the authorities takes 17 ms of CPU, three times what a whole text takes, so each container
reads them once, though each text has a connection of its own.
"""

from __future__ import annotations

import ssl
from functools import lru_cache


@lru_cache(maxsize=2)
def trusting(bundle: str) -> ssl.SSLContext:
    """A context for clients that believes the authorities in a PEM file. Raises OSError when that cannot be read."""
    from urllib3.util.ssl_ import create_urllib3_context

    context = create_urllib3_context()
    context.load_verify_locations(bundle)
    return context
