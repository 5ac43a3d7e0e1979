"""Takes every text and does nothing with it: for tests, and for a stage that must not send."""

from __future__ import annotations

from chalicelib.messages import Submission, TextMessage
from chalicelib.providers.base import Provider


class Dummy(Provider):
    """No request leaves, so no receipt comes: the text stays `sending`."""

    name = "dummy"
    docs = "docs/providers.md"

    def submit(self, message: TextMessage) -> Submission:
        """Take it."""
        return Submission((f"dummy-{message.id}",))
