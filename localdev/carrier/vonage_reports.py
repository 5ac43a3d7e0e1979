"""Vonage's Reports API: what became of a text, for those whose receipts did not come.

https://developer.vonage.com/en/api/reports (checked 2026-11-23)
"""

from typing import Any

from werkzeug.wrappers import Request, Response

from localdev.carrier.core import Carrier, as_json
from localdev.carrier.ledger import Message


def records(carrier: Carrier, api_key: str, api_secret: str, request: Request) -> Response:
    """Answer `GET /v2/reports/records?account_id=&product=SMS&direction=outbound&id=<id[,id]>`, with Basic auth."""
    basic = request.authorization
    if basic is None or (basic.username, basic.password) != (api_key, api_secret):
        return as_json({"title": "Unauthorized", "detail": "wrong credentials"}, 401)
    asked = request.args
    if (asked.get("account_id"), asked.get("product"), asked.get("direction")) != (api_key, "SMS", "outbound"):
        return as_json({"title": "Invalid params", "detail": "account_id, product and direction are needed"}, 422)
    wanted = [one for one in asked.get("id", "").split(",") if one]
    by_id = {segment: message for message in carrier.ledger.messages() for segment in message.segments}
    found = [_record(by_id[one], one) for one in wanted if one in by_id]
    missing = [one for one in wanted if one not in by_id]
    return as_json({"records": found, "items_count": len(found), "ids_not_found": ",".join(missing)})


def _record(message: Message, segment: str) -> dict[str, Any]:
    """What is true of a segment: its last genuine receipt, sent or not; one that has none planned arrived unnoticed."""
    genuine = [one for one in message.receipts if one.provider_message_id == segment and one.kind == "genuine"]
    return {
        "message_id": segment,
        "client_ref": message.client_ref,
        "status": genuine[-1].status if genuine else "delivered",
        "error_code": "0",
        "total_price": "0.03330000",
        "currency": "EUR",
    }
