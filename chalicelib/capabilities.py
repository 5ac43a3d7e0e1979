"""What each provider can do, as data: one row of the matrix that `GET /providers` and docs/providers.md show.

It is read off the adapter's class, so that neither can say anything else than the code does. What a provider cannot do is done by
smsignal where it can be (`emulated`): it holds a text until its time has come, and stops submitting one whose validity is over.
"""

from __future__ import annotations

from typing import Any

from chalicelib.providers import adapter, names
from chalicelib.providers.base import Provider


def capabilities(kind: type[Provider]) -> dict[str, Any]:
    """The row of one kind."""
    reports = kind.authenticity is not None
    least, most = kind.validity or (None, None)
    return {
        "name": kind.name,
        "docs": kind.docs,
        "settings": list(kind.required),
        "senders": sorted(kind.value for kind in kind.senders),
        "receipts": ("segment" if kind.receipts_per_segment else "text") if reports else None,
        "authenticity": kind.authenticity,
        "covers_body": kind.covers_body if reports else None,
        "message_id_in": ("url" if kind.ticketed else "reference" if kind.echoes_message_id else "look-up")
        if reports
        else None,
        "incoming": kind.incoming,
        "opt_outs": kind.opt_outs,
        "price_with": kind.prices,
        "validity": {"by": "provider", "least": least, "most": most} if kind.validity else {"by": "smsignal"},
        "schedule": {"by": "smsignal"},
        "fetches_status": kind.fetches_status,
        "discards_duplicates": kind.discards_duplicates,
    }


def matrix() -> list[dict[str, Any]]:
    """The rows of all adapters, by name."""
    return [capabilities(adapter(name)) for name in names()]
