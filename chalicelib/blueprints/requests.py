"""What every route reads of a request: headers, query, the API key, and the URL that the outside sees."""

from __future__ import annotations

from typing import Any

from chalicelib import keys
from chalicelib.config import settings
from chalicelib.store_keys import ApiKey


def header(request: Any, name: str) -> str | None:
    """One header, or None."""
    value = request.headers.get(name)
    return None if value is None else str(value)


def query(request: Any) -> dict[str, str]:
    """The query parameters; of one given twice, the last."""
    return {name: request.query_params.getlist(name)[-1] for name in request.query_params or {}}


def authorized(request: Any, scope: str) -> ApiKey:
    """The API key of the request. Raises keys.NotAuthenticated, keys.ScopeMissing, StoreUnavailable."""
    scheme, _, token = (header(request, "authorization") or "").partition(" ")
    return keys.authenticate(token.strip() if scheme.lower() == "bearer" else "", scope)


def public_url(request: Any) -> str | None:
    """The stage's URL as providers reach it: the configured one, else that of this API Gateway.

    Never from Host or X-Forwarded headers: whoever sets them would choose where receipts go.
    """
    context = request.context
    derived = f"https://{context['domainName']}/{context['stage']}" if context.get("domainName") else None
    return settings().public_url or derived
