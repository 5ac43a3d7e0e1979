"""What providers tell us: their receipts move our texts forward, their incoming texts are stored. Verified before anything."""

from __future__ import annotations

from chalicelib import inbound, logs, store
from chalicelib.errors import MessageNotFound, StoreUnavailable
from chalicelib.messages import DeliveryReceipt, IncomingText
from chalicelib.providers.base import Callback, Reply
from chalicelib.stage import now, provider
from chalicelib.status import Status

log = logs.logger(__name__)


def apply_callback(name: str, callback: Callback) -> Reply:
    """Verify a provider's request, store all that it reports, and say what the provider wants to hear.

    Each report is applied by itself: when the store fails for one, the others stand, and StoreUnavailable at the end makes
    the provider send them all again, which changes nothing for those that stand.
    Raises UnknownProvider, CallbackNotAuthentic, CallbackUnreadable, StoreUnavailable.
    """
    adapter = provider(name)
    adapter.verify_callback(callback, now())
    failure: StoreUnavailable | None = None
    for report in adapter.parse_callback(callback):
        try:
            _apply(name, report)
        except StoreUnavailable as error:
            failure = error
    if failure:
        raise failure
    return adapter.acknowledge()


def _apply(name: str, report: DeliveryReceipt | IncomingText) -> None:
    if isinstance(report, IncomingText):
        inbound.receive(name, report, now())
        return
    about = {"provider": name, "message_id": report.message_id, "provider_status": report.provider_status}
    if report.status is Status.UNKNOWN:
        log.warning("receipt of an unknown outcome", extra={**about, "class": "unknown"})
    try:
        if report.message_id is None:
            raise MessageNotFound("the receipt carries no id of ours")
        store.advance(report.message_id, name, report, now())
    except MessageNotFound:
        log.warning("receipt for no text of ours", extra=about)
