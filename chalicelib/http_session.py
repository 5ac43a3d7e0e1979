"""A session of requests whose connections believe the authorities that this container has read already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import certifi
from requests import PreparedRequest, Session
from requests.adapters import HTTPAdapter

from chalicelib.tls import trusting


class Trusting(HTTPAdapter):
    """By itself requests reads the authorities anew for each connection.

    https://requests.readthedocs.io/en/latest/api/#requests.adapters.HTTPAdapter.build_connection_pool_key_attributes
    """

    def build_connection_pool_key_attributes(self, request: PreparedRequest, verify: Any, cert: Any = None) -> Any:
        """Connections of one host share a context."""
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        if bundle := _bundle(verify):
            pool.pop("ca_certs", None)
            pool["ssl_context"] = trusting(bundle)
        return host, pool

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """The context has what is to be verified, and urllib3 would read a file that is named here."""
        if not _bundle(verify):
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]


def _bundle(verify: Any) -> str | None:
    """The PEM file to be believed: certifi's, or that of REQUESTS_CA_BUNDLE; None for a folder, which is read as it is needed."""
    bundle = certifi.where() if verify is True else verify
    return bundle if isinstance(bundle, str) and not Path(bundle).is_dir() else None


def session() -> Session:
    """A new session, without a connection yet; to be closed."""
    made = Session()
    made.mount("https://", Trusting())
    return made
