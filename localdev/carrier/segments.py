"""How a text is cut into segments, written for the carrier alone so that it can contradict the product.

GSM 03.38: 160 septets, or 153 each when there are several; UCS-2: 70 UTF-16 units, or 67 each.
https://www.etsi.org/deliver/etsi_ts/123000_123099/123038/ (checked 2026-11-23)
"""

from collections.abc import Callable

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("\f^{}\\[~]|€")


def is_gsm(text: str) -> bool:
    """Whether every character has a place in the GSM alphabet or its extension."""
    return all(character in BASIC or character in EXTENSION for character in text)


def mangled(text: str) -> str:
    """Return what a handset shows of a text that went out as GSM: strangers become question marks."""
    return "".join(c if c in BASIC or c in EXTENSION else "?" for c in text)


def split(text: str, unicode: bool) -> list[str]:
    """Cut a text into segments; a pair of septets or surrogates stays together."""
    size = _units if unicode else _septets
    alone, joined = (70, 67) if unicode else (160, 153)
    if sum(map(size, text)) <= alone:
        return [text]
    return _cut(text, size, joined)


def _cut(text: str, size: Callable[[str], int], room: int) -> list[str]:
    parts, used = [""], 0
    for character in text:
        used += size(character)
        if used > room:
            parts.append("")
            used = size(character)
        parts[-1] += character
    return parts


def _septets(character: str) -> int:
    return 2 if character in EXTENSION else 1


def _units(character: str) -> int:
    return 2 if ord(character) > 0xFFFF else 1
