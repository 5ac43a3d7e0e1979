"""The exception tree. Each exception says what happened and whose fault it is.

TextMessageError
├── InvalidMessage            the request cannot become a text; names the fields
├── IdempotencyKeyReused      the same Idempotency-Key with another body
├── MessageNotFound
├── StoreUnavailable          DynamoDB does not answer: nothing was changed, try again
├── ConfigurationError        the stage's settings or secrets are missing or wrong
├── UnknownProvider           no adapter of that name
├── CallbackError             a provider's request that we do not act on
│   ├── CallbackNotAuthentic      its signature is missing, wrong or too old
│   │   └── CallbackUnsigned          it has none, by a fault of its provider's: it is to come again
│   └── CallbackUnreadable        it cannot be parsed
└── SubmissionError           the provider did not take the text; `error_class` says why
├── RecipientRefused      recipient   final
├── ContentRefused        content     final
├── SenderRefused         sender      final
├── AccountRefused        account     credentials, credit, permission
├── ProviderUnavailable   provider    the provider failed and surely did not take it
├── ProviderThrottled     throttled   too fast; `retry_after` when the provider says
└── OutcomeUnknown        unknown     it may have been taken: never repeated blindly
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar


class ErrorClass(str, Enum):
    """Whose fault a failure is; it decides what happens next (see docs/statuses.md)."""

    RECIPIENT = "recipient"
    CONTENT = "content"
    SENDER = "sender"
    ACCOUNT = "account"
    PROVIDER = "provider"
    THROTTLED = "throttled"
    UNKNOWN = "unknown"


class TextMessageError(Exception):
    """Whatever smsignal raises on purpose."""


class InvalidMessage(TextMessageError):
    """A request that cannot become a text. `errors` maps each field to a sentence that says what to do."""

    def __init__(self, errors: dict[str, str]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{field}: {sentence}" for field, sentence in errors.items()))


class IdempotencyKeyReused(TextMessageError):
    """The same Idempotency-Key came with another body."""


class MessageNotFound(TextMessageError):
    """No message has that id."""


class TooLate(TextMessageError):
    """The text is in no state for what was asked."""


class StoreUnavailable(TextMessageError):
    """DynamoDB, or where the secrets are, did not answer or refused for load. The same call may be made again."""


class ConfigurationError(TextMessageError):
    """The stage's settings or secrets are missing or wrong; the sentence says which and what to do."""


class UnknownProvider(TextMessageError):
    """No adapter has that name."""


class CallbackError(TextMessageError):
    """A provider's request that we do not act on."""


class CallbackNotAuthentic(CallbackError):
    """The signature is missing, wrong, or older than the provider's window."""


class CallbackUnsigned(CallbackNotAuthentic):
    """It has no signature at all, where its provider always signs but for a fault of its own: it is to send it again."""


class CallbackUnreadable(CallbackError):
    """The request is authentic, or unsigned, but cannot be parsed."""


class SubmissionError(TextMessageError):
    """The provider did not take the text.

    `code` is our word for it (`throttled`, `no_credit`, ...), `provider_code` the provider's, `retry_after` seconds.
    """

    error_class: ClassVar[ErrorClass]

    def __init__(
        self, code: str, detail: str, *, provider_code: str | None = None, retry_after: float | None = None
    ) -> None:
        self.code, self.detail, self.provider_code, self.retry_after = code, detail, provider_code, retry_after
        super().__init__(f"{self.error_class.value}: {code}: {detail}")


class RecipientRefused(SubmissionError):
    """This recipient cannot be reached by a text: not a mobile, barred, opted out."""

    error_class = ErrorClass.RECIPIENT


class ContentRefused(SubmissionError):
    """This text is not carried: too long, filtered, malformed."""

    error_class = ErrorClass.CONTENT


class SenderRefused(SubmissionError):
    """This sender may not be used for that recipient."""

    error_class = ErrorClass.SENDER


class AccountRefused(SubmissionError):
    """The account at the provider is the trouble: credentials, credit, permissions."""

    error_class = ErrorClass.ACCOUNT


class ProviderUnavailable(SubmissionError):
    """The provider failed, and surely did not take the text."""

    error_class = ErrorClass.PROVIDER


class ProviderThrottled(SubmissionError):
    """Too many texts too fast; the provider did not take this one."""

    error_class = ErrorClass.THROTTLED


class OutcomeUnknown(SubmissionError):
    """The reply was lost: the provider may have taken the text."""

    error_class = ErrorClass.UNKNOWN
