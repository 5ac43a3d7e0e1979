"""Powertools for AWS Lambda: https://docs.aws.amazon.com/powertools/python/latest/core/event_handler/api_gateway/"""
# mypy: ignore-errors

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from receipt import NotAuthentic, apply

app = APIGatewayRestResolver()


@app.get("/callback/<provider>")
def callback(provider: str) -> Response[str]:
    """A status callback."""
    apply(app.current_event.query_string_parameters)
    return Response(200, "text/plain", "")


@app.exception_handler(NotAuthentic)
def refuse(_: NotAuthentic) -> Response[str]:
    """It is not the provider's."""
    return Response(403, "text/plain", "")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """What Lambda calls."""
    return app.resolve(event, context)
