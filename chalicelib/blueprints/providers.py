"""What each provider can do, and which of them this stage uses."""

from __future__ import annotations

from chalice.app import Blueprint, Response

from chalicelib.blueprints.problems import reported
from chalicelib.blueprints.requests import authorized
from chalicelib.config import route, settings

providers = Blueprint(__name__)


@providers.route("/providers", methods=["GET"])
@reported
def list_providers() -> Response:
    """The capability matrix."""
    from chalicelib.capabilities import matrix  # here: it loads every adapter

    authorized(providers.current_request, "read")
    known = route()
    used = known.providers if known else [settings().provider]
    return Response({"providers": [{**row, "in_route": row["name"] in used} for row in matrix()]})
