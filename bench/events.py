"""The events that API Gateway makes of an HTTP request (REST API, Lambda proxy integration, payload version 1.0).

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html#api-gateway-simple-proxy-for-lambda-input-format
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bench.outside import signed
from bench.receipts import receipt_of

Event = dict[str, Any]

#: What a client's request brings along; a provider's has no less.
HEADERS = {
    "Accept": "*/*",
    "Accept-Encoding": "gzip, deflate",
    "Host": "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com",
    "User-Agent": "bench/1.0",
    "X-Amzn-Trace-Id": "Root=1-65d1f4a2-1f2e3d4c5b6a798807162534",
    "X-Forwarded-For": "203.0.113.7",
    "X-Forwarded-Port": "443",
    "X-Forwarded-Proto": "https",
}


def send(token: str) -> Event:
    """POST /send."""
    body = {"to": "+33612345678", "text": "Your code is 123456", "provider": "vonage"}
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    return _event("POST", "/send", "/send", headers=headers, body=json.dumps(body))


def callback(message_id: str, *, forged: bool = False) -> Event:
    """GET /callback/vonage: the receipt that a text was delivered."""
    params = signed(receipt_of(message_id))
    if forged:
        params["price"] = "0.00000000"
    return _event(
        "GET", "/callback/{provider}", "/callback/vonage", path_parameters={"provider": "vonage"}, query=params
    )


def _event(
    method: str,
    resource: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    path_parameters: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    body: str | None = None,
) -> Event:
    all_headers = HEADERS | dict(headers or {})
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": all_headers,
        "multiValueHeaders": {name: [value] for name, value in all_headers.items()},
        "queryStringParameters": dict(query) if query else None,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} if query else None,
        "pathParameters": dict(path_parameters) if path_parameters else None,
        "stageVariables": None,
        "requestContext": {
            "resourceId": "abc123",
            "resourcePath": resource,
            "httpMethod": method,
            "extendedRequestId": "Tabc1234DoEEFRw=",
            "requestTime": "25/Nov/2026:16:08:12 +0000",
            "path": f"/api{path}",
            "accountId": "000000000000",
            "protocol": "HTTP/1.1",
            "stage": "api",
            "domainPrefix": "a1b2c3d4e5",
            "requestTimeEpoch": 1795622892000,
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "identity": {"sourceIp": "203.0.113.7", "userAgent": "bench/1.0"},
            "domainName": "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com",
            "apiId": "a1b2c3d4e5",
        },
        "body": body,
        "isBase64Encoded": False,
    }
