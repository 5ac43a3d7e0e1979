"""Which texts a run sends: the same for the same seed."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

#: How often each of the carrier's scenarios is met, by the recipient's last digits (localdev/carrier/scenarios.py).
SHARES: Mapping[str, int] = {
    "9001": 22,  # delivered
    "9002": 4,  # late
    "9003": 8,  # each receipt three times
    "9004": 8,  # out of order
    "9005": 1,  # no receipt
    "9006": 1,  # nothing after the first
    "9008": 4,  # delivered only
    "9010": 3,  # the first segment delivered, the rest failed
    "9011": 3,  # delivered, then failed
    "9012": 3,  # failed, then delivered
    "9101": 3,  # forged
    "9102": 4,  # forged, then the truth: delivered
    "9103": 3,  # forged, then the truth: failed
    "9104": 1,  # truncated after signing
    "9105": 3,  # tampered with
    "9107": 1,  # unsigned
    "9201": 3,  # rejected
    "9202": 3,  # failed
    "9203": 3,  # expired
    "9305": 4,  # accepted, the reply cut
    "9306": 4,  # the receipts before the reply
    "9307": 1,  # a slow reply
    "9308": 1,  # accepted, the reply unreadable
    "9310": 3,  # 500, although accepted
    "9311": 3,  # 500 twice, then fine
    "9312": 3,  # 429 twice, then fine
    "9402": 4,  # throttled twice, then fine
    "9403": 1,  # refused: the number
    "9409": 1,  # refused: no credit
    "9410": 2,  # the first segment taken, the rest throttled
}
HANGING, HANGS = "9304", 3  # the reply never comes: each of these takes a provider's whole time-out
LONG = frozenset({"9010", "9410"})  # need several segments
WORDS = "A text that goes its way through the storm and must arrive once, whatever happens around it. "


@dataclass(frozen=True)
class Text:
    """One text as a client posts it."""

    key: str  #: its Idempotency-Key
    to: str
    text: str

    @property
    def scenario(self) -> str:
        """The digits that choose what the carrier does."""
        return self.to[-4:]

    def body(self) -> dict[str, str]:
        """What is posted to /send."""
        return {"to": self.to, "text": self.text, "reference": self.key}


def texts(count: int, seed: int) -> Iterator[Text]:
    """So many texts, in an order and with contents that depend on the seed alone."""
    chance = random.Random(seed)
    digits = chance.choices(list(SHARES), list(SHARES.values()), k=count)
    for number in chance.sample(range(count), min(HANGS, count // 100)):
        digits[number] = HANGING
    for number, scenario in enumerate(digits):
        yield Text(
            key=f"chaos-{seed}-{number}",
            to=f"+447{number % 100_000:05d}{scenario}",
            text=_content(chance, number, long=scenario in LONG or chance.random() < 0.15),
        )


def _content(chance: random.Random, number: int, long: bool) -> str:
    greeting = chance.choice(("Hello", "Grüß Gott", "Привет", "こんにちは"))
    return f"{greeting} {number}. " + WORDS * (chance.randint(2, 4) if long else 0)
