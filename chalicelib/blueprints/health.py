"""What anybody may ask, without a key and without touching the store: is it up, and how is it spoken to?"""

from __future__ import annotations

from pathlib import Path

from chalice.app import Blueprint, Response

from chalicelib.config import settings

health = Blueprint(__name__)


@health.route("/health", methods=["GET"])
def get_health() -> dict[str, str]:
    """The stage that answers."""
    return {"status": "ok", "stage": settings().stage}


@health.route("/openapi.json", methods=["GET"])
def get_openapi() -> Response:
    """The API in OpenAPI 3.1, for client generators and the curious."""
    document = Path(__file__).parent.with_name("openapi.json").read_text()
    return Response(document, headers={"Content-Type": "application/json"})
