"""What API Gateway itself answers, in the API's own form: RFC 9457, as chalicelib/blueprints/problems.py writes it.

Each type of answer: https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
"""

from __future__ import annotations

import json
from typing import Any

NOT_FOUND = (404, "not_found", "There is nothing here")
FORBIDDEN = (403, "forbidden", "Not allowed")
THROTTLED = (429, "throttled", "Too many requests")
UNREADABLE = (400, "bad_request", "The request cannot be read")
FAULT = (500, "internal_error", "Something went wrong here")
TIMEOUT = (504, "timeout", "No answer in time")

#: A path that does not exist is a missing token to API Gateway, and with `Authorization: Bearer` a bad signature or, with no
#: type of its own, DEFAULT_4XX. So everything else that can happen here is named, and what is left is a path not found.
ANSWERS = {
    "MISSING_AUTHENTICATION_TOKEN": NOT_FOUND,
    "RESOURCE_NOT_FOUND": NOT_FOUND,
    "INVALID_SIGNATURE": NOT_FOUND,
    "EXPIRED_TOKEN": NOT_FOUND,
    "DEFAULT_4XX": NOT_FOUND,
    "ACCESS_DENIED": FORBIDDEN,
    "WAF_FILTERED": FORBIDDEN,
    "THROTTLED": THROTTLED,
    "QUOTA_EXCEEDED": THROTTLED,
    "BAD_REQUEST_BODY": UNREADABLE,
    "BAD_REQUEST_PARAMETERS": UNREADABLE,
    "REQUEST_TOO_LARGE": (413, "too_large", "The body is too large"),
    "UNSUPPORTED_MEDIA_TYPE": (415, "unsupported_media_type", "The content type is not supported"),
    "INTEGRATION_TIMEOUT": TIMEOUT,
    "INTEGRATION_FAILURE": TIMEOUT,
    "DEFAULT_5XX": FAULT,
}


def responses() -> dict[str, dict[str, Any]]:
    """The answers, in the words of `put_gateway_response` and of `x-amazon-apigateway-gateway-responses`."""
    return {kind: _response(*answer) for kind, answer in ANSWERS.items()}


def apply(apigateway: Any, api_id: str) -> bool:
    """Give an API these answers; whether any of them was another. A new deployment makes them seen."""
    present = {item["responseType"]: item for item in apigateway.get_gateway_responses(restApiId=api_id)["items"]}
    changed = False
    for kind, wanted in responses().items():
        if any(present.get(kind, {}).get(name) != value for name, value in wanted.items()):
            apigateway.put_gateway_response(restApiId=api_id, responseType=kind, **wanted)
            changed = True
    return changed


def _response(status: int, code: str, title: str) -> dict[str, Any]:
    problem = {
        "type": f"urn:smsignal:problem:{code}",
        "title": title,
        "status": status,
        "detail": title,
        "code": code,
        "errors": [],
    }
    headers = {"Content-Type": "application/problem+json"} | ({"Retry-After": "1"} if status == 429 else {})
    return {
        "statusCode": str(status),
        "responseParameters": {f"gatewayresponse.header.{name}": f"'{value}'" for name, value in headers.items()},
        "responseTemplates": {"application/json": json.dumps(problem)},
    }
