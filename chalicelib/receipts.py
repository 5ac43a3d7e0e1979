"""What providers tell us: their receipts move our texts forward, their incoming texts are stored. Verified before anything."""

from __future__ import annotations

from chalicelib import inbound, logs, store, store_references
from chalicelib.errors import MessageNotFound, StoreUnavailable
from chalicelib.messages import DeliveryReceipt, IncomingText, TextMessage
from chalicelib.providers.base import Callback, Provider, Reply
from chalicelib.retries import PRICE_ASKS
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
    _apply_all(adapter, callback)
    return adapter.acknowledge()


def apply_delivered(name: str, body: str) -> None:
    """Store what a service of AWS handed to one of our functions, which IAM lets nobody else do.

    Raises CallbackUnreadable, ConfigurationError, StoreUnavailable.
    """
    _apply_all(provider(name), Callback("POST", "", {"content-type": "application/json"}, body=body.encode()))


def _apply_all(adapter: Provider, callback: Callback) -> None:
    name = adapter.name
    failure: StoreUnavailable | None = None
    for report in adapter.parse_callback(callback):
        try:
            _apply(name, report, price_later=adapter.prices == "fetch")
        except StoreUnavailable as error:
            failure = error
    if failure:
        raise failure


def _apply(name: str, report: DeliveryReceipt | IncomingText, *, price_later: bool = False) -> None:
    if isinstance(report, IncomingText):
        inbound.receive(name, report, now())
        return
    about = {"provider": name, "message_id": report.message_id, "provider_status": report.provider_status}
    if report.status is Status.UNKNOWN:
        log.warning("receipt of an unknown outcome", extra={**about, "class": "unknown"})
    try:
        at = now()
        price_due = at + PRICE_ASKS[0] if price_later else None
        store.advance(_message_id(name, report), name, report, at, price_due)
    except MessageNotFound as error:
        log.warning("receipt for no text of ours", extra={**about, "reason": str(error)})


def _message_id(name: str, receipt: DeliveryReceipt) -> str:
    """Our id: the one that the provider echoed, or the one that its own id stands for. Raises MessageNotFound."""
    if receipt.message_id is not None:
        return receipt.message_id
    if receipt.provider_message_id is None:
        raise MessageNotFound("it carries no id")
    known = store_references.resolve(name, receipt.provider_message_id, receipt, now())
    if known is None:
        raise MessageNotFound("its id is not known yet: parked until a text claims it")
    return known


def claim_parked(message: TextMessage) -> TextMessage:
    """Tie the provider's ids to the text, and apply the receipts that came before it was known what they were for.

    For providers that do not echo our id. Whoever comes second, the receipt or this, applies the receipt; one that is applied
    twice changes nothing. Returns the text as it now stands. Raises StoreUnavailable.
    """
    parked = [
        receipt
        for provider_message_id in message.provider_message_ids
        for receipt in store_references.link(message.provider, provider_message_id, message.id, now())
    ]
    for receipt in parked:
        store.advance(message.id, message.provider, receipt, now())
    return store.get(message.id) if parked else message
