"""How a text travels: its encoding, its length, and the segments that the handset receives.

A text is sent in the GSM 7-bit default alphabet when that has every character of it, and else in UCS-2. A
segment holds 140 octets. Where a text needs several, each gives 6 of them up to a header that says which text
it belongs to, of how many segments, and its place.

Sources:
    3GPP TS 23.038 (formerly GSM 03.38), 6.2.1 default alphabet, 6.2.1.1 extension table, 6.2.3 UCS2:
        https://www.3gpp.org/dynareport/23038.htm
    3GPP TS 23.040, 9.2.3.24.1 concatenated short messages: https://www.3gpp.org/dynareport/23040.htm

No national language table is used: few networks and fewer providers support them.
"""

from __future__ import annotations

from enum import Enum


class Encoding(str, Enum):
    """The two encodings of a text; the value is what the API and the tables say."""

    GSM_7 = "GSM-7"  #: one septet a character, two for those of the extension table
    UCS_2 = "UCS-2"  #: UTF-16 code units, two for a character beyond U+FFFF, such as an emoji

    # Else str() gives the name, and so does format() from Python 3.12 on.
    __str__ = str.__str__


# In the order of the codes, less 0x1B, the escape. 0x09 is the capital cedilla; the small one is not GSM-7.
_DEFAULT = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
_EXTENSION = "\f^{}\\[~]|€"
# Sets rather than patterns: to compile a pattern costs more at a cold start than it saves on a text.
_GSM_7 = frozenset(_DEFAULT + _EXTENSION)

# Units in a segment: of a text that fits into one, and of one that does not.
_ROOM = {Encoding.GSM_7: (160, 153), Encoding.UCS_2: (70, 67)}


def encoding_of(text: str) -> Encoding:
    """Return GSM-7 when the alphabet and its extension table have the whole text, else UCS-2."""
    return Encoding.GSM_7 if _GSM_7.issuperset(text) else Encoding.UCS_2


def units(text: str) -> int:
    """Return the length without headers: in septets (GSM-7) or UTF-16 code units (UCS-2)."""
    return _units(text, encoding_of(text))


def count_segments(text: str) -> int:
    """Return the number of segments: 0 for an empty text, and at times more than units / 153 or 67."""
    return len(split(text))


def split(text: str) -> tuple[str, ...]:
    """Return the segments in order; joined they give the text, and an empty text has none.

    A text of up to 160 septets or 70 code units is one segment. A longer one fills each segment but the last
    up to 153 or 67, or to one less where the next character needs two units: neither an escape pair nor a
    surrogate pair is divided. The standard ends at 255 segments and providers much earlier: that limit is the
    caller's.

    Never raises: a lone surrogate is one code unit.
    """
    encoding = encoding_of(text)
    alone, together = _ROOM[encoding]
    if _units(text, encoding) <= alone:
        return (text,) if text else ()
    segments = []
    start = 0
    while start < len(text):
        end = _end_of_segment(text, start, together, encoding)
        segments.append(text[start:end])
        start = end
    return tuple(segments)


def _units(text: str, encoding: Encoding) -> int:
    if encoding is Encoding.GSM_7:
        return len(text) + sum(map(text.count, _EXTENSION))
    return len(text.encode("utf-16-be", "surrogatepass")) // 2


def _end_of_segment(text: str, start: int, room: int, encoding: Encoding) -> int:
    """Return where the longest segment ends that begins at start and fits into the room."""
    end = min(start + room, len(text))
    # No character takes more than two units, so half of the excess, rounded up, is never too much to drop.
    while (excess := _units(text[start:end], encoding) - room) > 0:
        end -= (excess + 1) // 2
    # Two halves of a pair that stand in the text as two characters become one again on the air.
    if "\ud800" <= text[end - 1] <= "\udbff" and "\udc00" <= text[end : end + 1] <= "\udfff":
        end -= 1
    return end
