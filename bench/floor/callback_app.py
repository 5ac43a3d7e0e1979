"""The floor of a callback: a bare Chalice app of one route that makes the same request to DynamoDB and answers.

It verifies nothing.
"""
# mypy: ignore-errors

from chalice import Chalice, Response
from receipt import advance

app = Chalice(app_name="floor")


@app.route("/callback/{provider}", methods=["GET"])
def callback(provider: str) -> Response:
    """Store what is reported."""
    advance(app.current_request.query_params)
    return Response("", headers={"Content-Type": "text/plain"})
