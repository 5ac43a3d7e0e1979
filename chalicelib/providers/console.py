"""Writes each text to the log, masked, and calls it accepted: to see a first text without an account."""

from __future__ import annotations

from chalicelib import logs
from chalicelib.messages import Submission, TextMessage
from chalicelib.phone import mask
from chalicelib.providers.base import Provider

log = logs.logger(__name__)


class Console(Provider):
    """No request leaves, so no receipt comes: the text stays `sending`."""

    name = "console"
    docs = "docs/providers.md"

    def submit(self, message: TextMessage) -> Submission:
        """Log it: sender, recipient and length, never the text itself."""
        log.info(
            "text submitted",
            extra={
                "message_id": message.id,
                "from": message.frm,
                "to": mask(message.to),
                "text": f"{'*' * min(len(message.text), 8)} ({len(message.text)} characters)",
                "segments": message.segments,
            },
        )
        return Submission((f"console-{message.id}",))
