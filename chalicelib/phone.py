"""Who a text is from and to: a phone number (E.164), a short code, or an alphanumeric sender ID.

Clients are read strictly, so that a recipient has one spelling here; providers leniently, so that no callback
is lost to theirs.

Sources:
    ITU-T E.164, https://www.itu.int/rec/T-REC-E.164: 15 digits at most; no country code begins with 0. The
        shortest numbers in use have 7 digits (Niue: country code 683 and 4 digits).
    3GPP TS 23.040, 9.1.2.5, https://www.3gpp.org/dynareport/23040.htm: an alphanumeric address has 10 octets,
        so 11 characters of the default alphabet.
"""

from __future__ import annotations

from enum import Enum
from string import ascii_letters, digits

# The default alphabet has more; this is what networks let through. Letters, digits and space go everywhere;
# - _ + & are Twilio's (https://www.twilio.com/docs/messaging/api/alphasender-resource); most operators take
# the full stop (https://46elks.com/kb/text-sender-id). A provider that takes less says so itself.
_ALPHANUMERIC = frozenset(ascii_letters + digits + " -_.&+")

_RECIPIENT_FORM = "Write the recipient in E.164: + and 7 to 15 digits, country code first, no spaces."
_RECIPIENT_IMPOSSIBLE = "Check the country code and count the digits: no phone number is written like this."
_RECIPIENT_PREFIX = "Leave out the national prefix, such as a 0, that follows the country code."
_SENDER_FORM = (
    "Give as sender a phone number in E.164 (+ and 7 to 15 digits), a short code (3 to 8 digits), or a name"
    " of 1 to 11 characters: letters (at least one), digits, - _ . & +, and spaces inside it; not + at first."
)


def recipient(value: str) -> str:
    """Return the recipient of an outgoing text, as typed: E.164 with its `+`.

    Raises ValueError when it is not E.164, or when no number of its country has this length; the sentence
    says what to do and never contains the number.
    """
    if not _is_e164(value):
        raise ValueError(_RECIPIENT_FORM)
    # Here, since a callback needs this module but not that one, which takes far longer to import than this.
    import phonenumbers

    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        raise ValueError(_RECIPIENT_IMPOSSIBLE) from None
    # Possible, not valid: number ranges open faster than metadata is updated, and to refuse a real number
    # is to lose a text. is_possible_number() would also pass a number that lacks its area code.
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise ValueError(_RECIPIENT_IMPOSSIBLE)
    # The parser forgives the 0 in +4407…: kept, it would be a second spelling, which no opt-out matches.
    if phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) != value:
        raise ValueError(_RECIPIENT_PREFIX)
    return value


def sender(value: str) -> str:
    """Return the sender of an outgoing text, as typed: E.164, short code, or alphanumeric sender ID.

    Raises ValueError when it is none of the three; the sentence says what to do and never contains it.
    """
    if _is_e164(value) or _is_short_code(value) or _is_alphanumeric(value):
        return value
    raise ValueError(_SENDER_FORM)


class SenderKind(str, Enum):
    """What stands in `from`."""

    NUMBER = "number"
    SHORT_CODE = "short_code"
    ALPHANUMERIC = "alphanumeric"


def sender_kind(value: str) -> SenderKind:
    """What a sender that `sender` let through is."""
    if _is_e164(value):
        return SenderKind.NUMBER
    return SenderKind.SHORT_CODE if _is_short_code(value) else SenderKind.ALPHANUMERIC


def from_provider(value: str) -> str:
    """Return an address from a provider in our spelling; never raises.

    `336…` and `00336…` become `+336…`. Short codes, alphanumeric sender IDs and what cannot be read stay.
    White space around any of them goes: a `+` that was not escaped in a form arrives as a space.
    """
    value = value.strip()
    if value.startswith("00") and _is_e164("+" + value[2:]):
        return "+" + value[2:]
    # Up to 8 digits are a short code much more often than a phone number.
    if len(value) >= 9 and _is_e164("+" + value):
        return "+" + value
    return value


def country_of(value: str) -> str | None:
    """The country of a number in E.164, as ISO 3166-1 has it (`FR`); None when no single one has it."""
    import phonenumbers

    try:
        country: str | None = phonenumbers.region_code_for_number(phonenumbers.parse(value))
    except phonenumbers.NumberParseException:
        return None
    return country


def mask(value: str) -> str:
    """Return an address fit for logs, `+336******89`: of the same length, with 6 digits at most.

    Up to 8 characters show the last two only. An alphanumeric sender ID stays unless it has over 6 digits.
    """
    if _is_alphanumeric(value) and sum(map(str.isdigit, value)) <= 6:
        return value
    shown = 4 if len(value) > 8 else 0
    return value[:shown] + "*" * (len(value) - shown - 2) + value[-2:]


def _is_e164(value: str) -> bool:
    return value[:1] == "+" and value[1:2] != "0" and _is_digits(value[1:], 7, 15)


def _is_short_code(value: str) -> bool:
    # The lengths of smsServices in libphonenumber's metadata, but for China (up to 12) and Japan (up to 10):
    # https://github.com/google/libphonenumber/blob/master/resources/ShortNumberMetadata.xml
    return _is_digits(value, 3, 8)


def _is_alphanumeric(value: str) -> bool:
    # What begins with + is a mistyped number, and a space at either end gets lost on the way.
    return (
        len(value) <= 11
        and _ALPHANUMERIC.issuperset(value)
        and any(map(str.isalpha, value))
        and value[:1] != "+"
        and value == value.strip()
    )


def _is_digits(value: str, least: int, most: int) -> bool:
    return least <= len(value) <= most and value.isascii() and value.isdigit()
