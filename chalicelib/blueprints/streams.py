"""The stream's reader: each change of a text becomes an event on the bus."""

from __future__ import annotations

from chalice.app import Blueprint, DynamoDBEvent

from chalicelib.config import messages_stream_arn

streams = Blueprint(__name__)


@streams.on_dynamodb_record(stream_arn=messages_stream_arn(), starting_position="TRIM_HORIZON", batch_size=100)
def on_message_change(event: DynamoDBEvent) -> None:
    """Publish what changed, in order per message."""
    # Here: the API's Lambda imports this module too, only to know the handler's name.
    from chalicelib.relay import relay

    relay(record for record in event)
