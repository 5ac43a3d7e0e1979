"""What Vonage reports of a text that was delivered."""


def receipt_of(message_id: str) -> dict[str, str]:
    """The parameters of its callback, before they are signed."""
    return {
        "msisdn": "33612345678",
        "to": "smsignal",
        "network-code": "20810",
        "messageId": message_id[:16].upper(),
        "price": "0.03330000",
        "status": "delivered",
        "scts": "2611251608",
        "err-code": "0",
        "api-key": "benchkey",
        "client-ref": message_id,
        "message-timestamp": "2026-11-25 16:08:11",
    }
