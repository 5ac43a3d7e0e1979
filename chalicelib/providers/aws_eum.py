"""AWS End User Messaging SMS (`pinpoint-sms-voice-v2`), by boto3: the function's role is the credential, and AWS calls no URL.

Receipts come over SNS, for texts with a configuration set, and over EventBridge; incoming texts come over SNS.
https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_SendTextMessage.html and, of the user guide
https://docs.aws.amazon.com/sms-voice/latest/userguide/: configuration-sets-event-types.html, configuration-sets-event-format.html,
monitor-event-bridge.html, two-way-sms-payload.html (checked 2026-11-25)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, ClassVar

from chalicelib.errors import (
    AccountRefused,
    CallbackUnreadable,
    ContentRefused,
    ErrorClass,
    OutcomeUnknown,
    ProviderThrottled,
    ProviderUnavailable,
    RecipientRefused,
    SenderRefused,
    SubmissionError,
)
from chalicelib.http import CONNECT_TIMEOUT, READ_TIMEOUT, HttpResponse, error_from_status, retry_after
from chalicelib.messages import DeliveryReceipt, IncomingText, MessageError, Priority, Submission, TextMessage
from chalicelib.phone import from_provider
from chalicelib.providers.base import MESSAGE_ID, Callback, Provider, price, utc
from chalicelib.status import FAILED, Status

Refusal = tuple[type[SubmissionError], str]
UNREACHABLE: Refusal = (ProviderUnavailable, "unreachable")
CREDENTIALS: Refusal = (AccountRefused, "credentials")
INVALID_SENDER: Refusal = (SenderRefused, "invalid_sender")
REGION: Refusal = (AccountRefused, "region")  # none is set, or the service is not in it
SETTING: Refusal = (AccountRefused, "invalid_setting")

#: `Reason` of an error, else its name. One that has neither here is told by its HTTP status. Of every service:
#: https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/CommonErrors.html (some of them come with HTTP 400).
REFUSALS: Mapping[str, Refusal] = {
    "DESTINATION_PHONE_NUMBER_OPTED_OUT": (RecipientRefused, "opted_out"),
    "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION": (RecipientRefused, "protect_blocked"),
    "DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE": (RecipientRefused, "protect_blocked"),
    "DESTINATION_PHONE_NUMBER_NOT_VERIFIED": (AccountRefused, "recipient_not_allowed"),  # the account is in the sandbox
    "NO_ORIGINATION_IDENTITIES_FOUND": (SenderRefused, "no_sender"),
    "MESSAGE_TYPE_MISMATCH": (SenderRefused, "message_type"),
    "RESOURCE_NOT_ACTIVE": (AccountRefused, "resource_not_active"),
    "ConflictException": (AccountRefused, "conflict"),
    **dict.fromkeys(("COUNTRY_NOT_ENABLED", "DESTINATION_COUNTRY_BLOCKED"), (RecipientRefused, "country_blocked")),
    "SENDER_ID_NOT_REGISTERED": (SenderRefused, "sender_not_registered"),
    "SENDER_ID_REQUIRES_REGISTRATION": (SenderRefused, "sender_not_registered"),
    **dict.fromkeys(("INVALID_IDENTITY_FOR_DESTINATION_COUNTRY", "NUMBER_CAPABILITIES_MISMATCH"), INVALID_SENDER),
    **dict.fromkeys(("SENDER_ID_NOT_SUPPORTED", "INTERNATIONAL_SENDING_NOT_SUPPORTED"), INVALID_SENDER),
    "PRICE_OVER_THRESHOLD": (RecipientRefused, "too_expensive"),
    "MAXIMUM_SIZE_EXCEEDED": (ContentRefused, "too_long"),
    "ValidationException": (ContentRefused, "invalid_parameter"),  # unless it names a field: FIELDS
    "SerializationException": (ContentRefused, "malformed"),
    "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT": (AccountRefused, "no_credit"),
    "ServiceQuotaExceededException": (AccountRefused, "quota"),
    **dict.fromkeys(("INSUFFICIENT_ACCOUNT_REPUTATION", "ACCOUNT_DISABLED"), (AccountRefused, "account_barred")),
    "AccessDeniedException": (AccountRefused, "not_permitted"),  # without a reason: by IAM
    **dict.fromkeys(("CHANNEL_NOT_ENABLED", "RESOURCE_NOT_ACCESSIBLE"), (AccountRefused, "not_permitted")),
    "ResourceNotFoundException": (AccountRefused, "no_such_resource"),
    **dict.fromkeys(("ThrottlingException", "TooManyRequestsException"), (ProviderThrottled, "throttled")),
    "InternalServerException": (OutcomeUnknown, "internal_error"),  # it may have broken after the text was queued
    **dict.fromkeys(("UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException"), CREDENTIALS),
    **dict.fromkeys(("MissingAuthenticationTokenException", "ExpiredTokenException", "RequestExpired"), CREDENTIALS),
}
#: Whose fault a field is that botocore or the service does not like. How the service spells them is not documented.
FIELDS: Mapping[str, Refusal] = {
    "destinationphonenumber": (RecipientRefused, "invalid_recipient"),
    "originationidentity": INVALID_SENDER,
    "messagebody": (ContentRefused, "invalid_text"),
    **dict.fromkeys(("configurationset", "protectconfiguration", "messagetype", "maxprice"), SETTING),
}
#: `ResourceType`: what the text is from; the others are settings.
SENDERS = frozenset({"phone-number", "sender-id", "rcs-agent"})
#: The service repeats what it was given when it finds fault with it: their sentences may hold the text.
REPEATING = frozenset({"ValidationException", "SerializationException"})
#: botocore's exceptions that come before anything was sent. After any other the text may be out.
NEVER_SENT: Mapping[str, Refusal] = {
    **dict.fromkeys(("EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError"), UNREACHABLE),
    **dict.fromkeys(("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"), CREDENTIALS),
    **dict.fromkeys(("BaseEndpointResolverError", "EndpointProviderError", "InvalidRegionError"), REGION),
}
#: `eventType` of a failure.
ERRORS: Mapping[str, tuple[ErrorClass, str]] = {
    "TEXT_INVALID": (ErrorClass.RECIPIENT, "invalid_recipient"),
    "TEXT_UNREACHABLE": (ErrorClass.RECIPIENT, "unreachable"),
    "TEXT_CARRIER_UNREACHABLE": (ErrorClass.PROVIDER, "network"),
    "TEXT_BLOCKED": (ErrorClass.RECIPIENT, "barred"),
    "TEXT_CARRIER_BLOCKED": (ErrorClass.CONTENT, "blocked_by_carrier"),
    "TEXT_SPAM": (ErrorClass.CONTENT, "spam"),
    "TEXT_INVALID_MESSAGE": (ErrorClass.CONTENT, "illegal_message"),
    "TEXT_PROTECT_BLOCKED": (ErrorClass.RECIPIENT, "protect_blocked"),
    "RCS_PROTECT_BLOCKED": (ErrorClass.RECIPIENT, "protect_blocked"),
}


class AwsEum(Provider):
    """Settings, none of which must be: `configuration_set`, with which receipts come over SNS; `region`, if it is not the
    function's own; `origination_pool`, which then sends every text, whatever its `from`; `protect_configuration`; `max_price`
    of a text in USD (`0.08`); `message_type` (TRANSACTIONAL) and `bulk_message_type`, that of texts of priority `bulk`; `currency`.
    """

    name = "aws_eum"
    docs = "https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_SendTextMessage.html"
    STATUSES: ClassVar[Mapping[str, Status]] = {
        "TEXT_QUEUED": Status.SENDING,
        "TEXT_PENDING": Status.SENDING,
        "TEXT_SENT": Status.SENT,  # it is in the API's list, but "not supported"
        "TEXT_SUCCESSFUL": Status.SENT,  # final for some countries, and yet TEXT_DELIVERED may follow
        "TEXT_DELIVERED": Status.DELIVERED,
        "TEXT_INVALID": Status.UNDELIVERED,
        "TEXT_UNREACHABLE": Status.UNDELIVERED,
        "TEXT_CARRIER_UNREACHABLE": Status.UNDELIVERED,
        "TEXT_BLOCKED": Status.REJECTED,
        "TEXT_CARRIER_BLOCKED": Status.REJECTED,
        "TEXT_SPAM": Status.REJECTED,
        "TEXT_INVALID_MESSAGE": Status.REJECTED,
        "TEXT_PROTECT_BLOCKED": Status.REFUSED,
        "TEXT_TTL_EXPIRED": Status.EXPIRED,
        "TEXT_UNKNOWN": Status.UNKNOWN,  # also when nothing was heard for 72 hours
        # A pool that holds an RCS agent tries that one first, and SMS after it.
        "RCS_QUEUED": Status.SENDING,
        "RCS_SENT": Status.SENT,
        "RCS_DELIVERED": Status.DELIVERED,
        "RCS_READ": Status.DELIVERED,
        "RCS_FALLEN_BACK_TO_SMS": Status.SENDING,
        "RCS_FAILED": Status.UNDELIVERED,
        "RCS_PROTECT_BLOCKED": Status.REFUSED,
        "RCS_TTL_EXPIRED": Status.EXPIRED,
    }
    validity = (5, 259_200)
    prices = "receipt"
    incoming = True
    authenticity = "IAM: SNS or EventBridge calls the function"

    def __init__(self, settings: Mapping[str, str]) -> None:
        super().__init__(settings)
        # Over SNS our id comes back as `context`. The documented events of EventBridge have none: those are told by AWS's own id.
        self.echoes_message_id = bool(settings.get("configuration_set"))

    def submit(self, message: TextMessage) -> Submission:
        """One call. AWS has no token against doubles, so botocore must not repeat it by itself."""
        from botocore.exceptions import BotoCoreError, ClientError

        parameters = self.parameters(message)
        try:
            client = _client(self.settings.get("region") or None)
            client.close()  # a connection that was kept over a Lambda's freeze is often dead; this makes the next one fresh
            message_id = client.send_text_message(**parameters).get("MessageId")
        except ClientError as error:
            raise self._refusal(error.response) from None
        except BotoCoreError as error:
            raise _failure(error) from error
        except (AttributeError, TypeError):
            message_id = None  # so fails botocore at a reply whose JSON is no object
        if not message_id:
            raise OutcomeUnknown("unreadable_reply", "the provider's reply names no message")
        return Submission((message_id,))

    def parameters(self, message: TextMessage) -> dict[str, Any]:
        """Those of `SendTextMessage`. There is none for a callback's URL, and none for the encoding: AWS looks for itself."""
        settings = self.settings
        kind = settings.get("message_type") or "TRANSACTIONAL"
        if message.priority is Priority.BULK:
            kind = settings.get("bulk_message_type") or kind
        wanted: dict[str, Any] = {
            "DestinationPhoneNumber": message.to,
            "OriginationIdentity": settings.get("origination_pool") or message.frm,
            "MessageBody": message.text,
            "MessageType": kind.upper(),
            "ConfigurationSetName": settings.get("configuration_set") or None,
            "ProtectConfigurationId": settings.get("protect_configuration") or None,
            "MaxPrice": settings.get("max_price") or None,
            "TimeToLive": self.validity_of(message),
            "Context": {"message_id": message.id},
        }
        return {name: value for name, value in wanted.items() if value is not None}

    def _refusal(self, answer: Mapping[str, Any]) -> SubmissionError:
        """`Reason`, `Fields` and `ResourceType` stand beside `Error`, not in it."""
        error, about = answer.get("Error") or {}, answer.get("ResponseMetadata") or {}
        name, sentence = str(error.get("Code", "")), str(error.get("Message", ""))
        reason = str(answer.get("Reason") or "").upper()
        response = HttpResponse(about.get("HTTPStatusCode", 500), about.get("HTTPHeaders") or {}, b"")
        if reason not in REFUSALS and name not in REFUSALS:
            return error_from_status(response)
        kind, code = REFUSALS.get(reason) or REFUSALS[name]
        if name in REPEATING:
            fields = [str(field.get("Name")) for field in answer.get("Fields") or ()]
            if reason not in REFUSALS:
                kind, code = _fault(" ".join([*fields, sentence])) or (kind, code)
            sentence = ": ".join(filter(None, (reason or name, ", ".join(fields))))
        if kind is AccountRefused and answer.get("ResourceType") in SENDERS:
            kind = SenderRefused
        wait = retry_after(response) if kind is ProviderThrottled else None
        return kind(code, self.quoted(sentence or reason or name), provider_code=reason or name, retry_after=wait)

    def parse_callback(self, callback: Callback) -> Sequence[DeliveryReceipt | IncomingText]:
        """One event: SNS's `Message` or EventBridge's `detail`. Those of MMS, voice and registrations mean nothing to us."""
        event = callback.json()
        if not isinstance(event, dict):
            raise CallbackUnreadable("it is no JSON object")
        if "eventType" not in event and "inboundMessageId" in event:
            return (_incoming(event),)
        if not _word(event, "eventType").upper().startswith(("TEXT_", "RCS_")):
            return ()
        context = event.get("context")
        ours = str(context.get("message_id")) if isinstance(context, dict) else ""
        message_id = ours if MESSAGE_ID.fullmatch(ours) else None
        if message_id is None and self.echoes_message_id:
            # EventBridge tells again, without our id, what SNS tells with it, and tells of others' texts too: they would be kept
            # for a text that never comes to claim them.
            return ()
        return (self._receipt(event, message_id),)

    def _receipt(self, event: Mapping[str, Any], message_id: str | None) -> DeliveryReceipt:
        word = _word(event, "eventType")
        status = self.STATUSES.get(word.upper(), Status.UNKNOWN)
        failed = status in FAILED and event.get("isFinal") is not False
        kind, code = ERRORS.get(word.upper(), (ErrorClass.UNKNOWN, status.value))
        detail = self.quoted(event.get("messageStatusDescription") or "") or None
        amount, parts, at = _price(event), event.get("totalMessageParts"), event.get("eventTimestamp")
        return DeliveryReceipt(
            # A failure before the last event is none yet.
            status=status if failed or status not in FAILED else Status.SENDING,
            provider_status=word,
            message_id=message_id,
            provider_message_id=_word(event, "messageId"),
            error=MessageError(kind, code, word, detail) if failed else None,
            price=amount,
            currency=None if amount is None else self.settings.get("currency") or "USD",  # no event says
            segments=parts if type(parts) is int and parts > 0 else None,
            occurred_on=utc(at) if isinstance(at, int) else None,  # milliseconds
        )


def _incoming(event: Mapping[str, Any]) -> IncomingText:
    """It has no time. Nobody says whether a long one comes whole, and whether STOP comes here when AWS handles it."""
    text = event.get("messageBody") or ""
    if not isinstance(text, str):
        raise CallbackUnreadable("its messageBody is no text")
    sender, to = (from_provider(_word(event, name)) for name in ("originationNumber", "destinationNumber"))
    return IncomingText(sender, to, text, _word(event, "inboundMessageId"))


def _word(event: Mapping[str, Any], name: str) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not value.strip():
        raise CallbackUnreadable(f"it has no {name}")
    return value.strip()


def _price(event: Mapping[str, Any]) -> Decimal | None:
    """Of all segments, with the carrier's fee. Nothing at all is no price before the last event: nobody says that it is one."""
    amount, fee = price(event.get("totalMessagePrice")), price(event.get("totalCarrierFee"))
    try:
        total = None if amount is None else abs(amount + (fee or 0))
    except ArithmeticError:
        return None
    return total if total or event.get("isFinal") is not False else None


def _fault(told: str) -> Refusal | None:
    """What is said of the first field that is named."""
    told = told.lower().replace("_", "")
    return next((said for field, said in FIELDS.items() if field in told), None)


def _failure(error: Exception) -> SubmissionError:
    """What an exception of botocore's own means: whether anything was sent."""
    names = [kind.__name__ for kind in type(error).__mro__]
    if "ParamValidationError" in names:
        kind, code = _fault(str(error)) or REFUSALS["ValidationException"]
        return kind(code, "botocore does not take such parameters", provider_code=names[0])
    found = next((NEVER_SENT[name] for name in names if name in NEVER_SENT), None)
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        found = UNREACHABLE
    if found is None:
        return OutcomeUnknown("no_reply", "the reply of AWS was lost", provider_code=names[0])
    kind, code = found
    return kind(code, "AWS could not be asked", provider_code=names[0])


@lru_cache(maxsize=2)
def _client(region: str | None) -> Any:
    import boto3
    from botocore.config import Config

    once = Config(connect_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT, retries={"total_max_attempts": 1})
    return boto3.client("pinpoint-sms-voice-v2", region_name=region, config=once)
