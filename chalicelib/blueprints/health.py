"""Is it up? Without a key, and without touching the store, so that it costs nothing to ask."""

from __future__ import annotations

from chalice.app import Blueprint

from chalicelib.config import settings

health = Blueprint(__name__)


@health.route("/health", methods=["GET"])
def get_health() -> dict[str, str]:
    """The stage that answers."""
    return {"status": "ok", "stage": settings().stage}
