"""What every use case needs of the stage: its clock and its providers."""

from __future__ import annotations

from datetime import datetime, timezone

from chalicelib import providers
from chalicelib.config import provider_settings
from chalicelib.providers.base import Provider


def now() -> datetime:
    """The clock: UTC, in the milliseconds that the store keeps."""
    at = datetime.now(timezone.utc)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def provider(name: str) -> Provider:
    """The adapter of that name with this stage's settings. Raises UnknownProvider, ConfigurationError."""
    return providers.adapter(name)(provider_settings(name))
