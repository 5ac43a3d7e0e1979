"""The carrier's behaviour, chosen by the last four digits of the recipient; all other numbers are reached.

Written in words of no provider: a dialect turns a status, a reason or a refusal into its own codes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Step:
    """One receipt per segment that the carrier will send."""

    status: str
    after: float = 1  # in callback delays from the acceptance
    kind: str = "genuine"  # forged, truncated, tampered, stale, unsigned
    reason: str = ""  # why it failed
    segments: str = "all"  # first, rest
    copies: int = 1  # every second copy has the bytes of the one before
    late: bool = False  # wait for late_seconds on top

    def of(self, segments: Sequence[str]) -> Sequence[str]:
        """Return those of the segments that this step is about."""
        return {"all": segments, "first": segments[:1], "rest": segments[1:]}[self.segments]


ACCEPTED = Step("accepted")
DELIVERED = Step("delivered", 2)
FAILED = Step("failed", 2, reason="unreachable")


@dataclass(frozen=True)
class Scenario:
    """What becomes of a submission and of its receipts."""

    name: str
    about: str
    receipts: tuple[Step, ...] = (ACCEPTED, DELIVERED)
    refusal: str = ""  # the submission is refused for this
    rest_refused: str = ""  # the first segment is accepted, the others are refused for this
    fault: str = ""  # what happens to the reply
    accepts: bool = True  # whether the text is taken, whatever the reply says
    attempts: int = 0  # how many attempts of one client reference go wrong; 0: all


def _gone(name: str, about: str, *receipts: Step) -> Scenario:
    return Scenario(name, about, receipts)


def _ended(status: str, about: str, reason: str = "", name: str = "") -> Scenario:
    return Scenario(name or status, about, (ACCEPTED, Step(status, 2, reason=reason)))


def _untrue(kind: str, about: str) -> Scenario:
    return Scenario(kind, about, (ACCEPTED, replace(DELIVERED, kind=kind)))


def _refused(refusal: str, about: str, attempts: int = 0) -> Scenario:
    name = f"{refusal}_{attempts}_times" if attempts else refusal
    return Scenario(name, about, refusal=refusal, attempts=attempts)


def _taken(fault: str, about: str, name: str = "") -> Scenario:
    return Scenario(name or fault, about, fault=fault)


def _lost(fault: str, about: str, name: str = "", attempts: int = 0) -> Scenario:
    return Scenario(name or fault, about, fault=fault, accepts=False, attempts=attempts)


NORMAL = Scenario("delivered", "accepted, delivered")
LATE = replace(DELIVERED, late=True)
TRIPLED = replace(ACCEPTED, copies=3), replace(DELIVERED, copies=3)
REVERSED = replace(DELIVERED, after=1), replace(ACCEPTED, after=2)
BUFFERED = replace(ACCEPTED, status="buffered")
FIRST = replace(DELIVERED, segments="first")
REST_FAILED = replace(FAILED, segments="rest")
FORGED = replace(DELIVERED, kind="forged", after=1)
BELATED = replace(ACCEPTED, after=2), replace(DELIVERED, after=3)
AT_ONCE = replace(ACCEPTED, after=0), replace(DELIVERED, after=0)

SCENARIOS = {
    # the order and the number of receipts
    "9001": NORMAL,
    "9002": _gone("late", "accepted; delivered comes late_seconds later", ACCEPTED, LATE),
    "9003": _gone("duplicate", "each receipt three times at once: twice the same bytes, once signed anew", *TRIPLED),
    "9004": _gone("out_of_order", "delivered, accepted", *REVERSED),
    "9005": _gone("silent", "no receipt at all"),
    "9006": _gone("stuck", "accepted, nothing more", ACCEPTED),
    "9007": _gone("buffered", "buffered, delivered", BUFFERED, DELIVERED),
    "9008": _gone("only_final", "delivered, nothing before it", DELIVERED),
    "9009": _gone("half_silent", "accepted; first segment delivered, the rest silent", ACCEPTED, FIRST),
    "9010": _gone(
        "partial_failure", "accepted; first segment delivered, the rest failed", ACCEPTED, FIRST, REST_FAILED
    ),
    "9011": _gone(
        "delivered_then_failed", "accepted, delivered, failed", ACCEPTED, DELIVERED, replace(FAILED, after=3)
    ),
    "9012": _gone(
        "failed_then_delivered", "accepted, failed, delivered", ACCEPTED, FAILED, replace(DELIVERED, after=3)
    ),
    # receipts that are not to be believed
    "9101": _gone("forged", "delivered with a wrong signature, nothing more", FORGED),
    "9102": _gone("forged_then_delivered", "forged delivered; then the true accepted, delivered", FORGED, *BELATED),
    "9103": _gone("forged_then_failed", "forged delivered; then the true failed", FORGED, FAILED),
    "9104": _untrue("truncated", "accepted; delivered lacks a field that was signed"),
    "9105": _untrue("tampered", "accepted; failed, altered to delivered after signing"),
    "9106": _untrue("stale", "accepted; delivered with a true signature, stale_seconds old"),
    "9107": _untrue("unsigned", "accepted; delivered without timestamp, nonce and signature"),
    # other ends
    "9201": _ended("rejected", "accepted, rejected as spam", "spam"),
    "9202": _ended("failed", "accepted, failed (unreachable)", "unreachable"),
    "9203": _ended("expired", "accepted, expired (absent)", "absent"),
    "9204": _ended("unknown", "accepted, unknown", "unknown"),
    "9205": _ended("teleported", "accepted, then a status nobody has heard of", name="unheard_of"),
    "9206": _ended("failed", "accepted, failed (opted out)", "opted_out", name="opted_out"),
    "9207": _ended("deleted", "accepted, deleted", "unknown"),
    # the reply
    "9301": _lost("http_500", "HTTP 500, not accepted"),
    "9302": _lost("http_429", "HTTP 429 in plain text, not accepted"),
    "9303": _lost("http_401", "HTTP 401 in plain text, not accepted"),
    "9304": _taken("hang", "accepted, but the reply never comes"),
    "9305": _taken("cut", "accepted, but the reply breaks off in the middle"),
    "9306": Scenario("overtake", "accepted; both receipts come before the reply", AT_ONCE, fault="overtake"),
    "9307": _taken("slow", "accepted; the reply takes slow_seconds"),
    "9308": _taken("not_json", "accepted, but the reply is HTML under HTTP 200"),
    "9309": _lost("hang", "the reply never comes, not accepted", "hang_lost"),
    "9310": _taken("http_500", "HTTP 500, although accepted", "http_500_accepted"),
    "9311": _lost("http_500", "HTTP 500 twice per client reference, then fine", "http_500_2_times", attempts=2),
    "9312": _lost("http_429", "HTTP 429 twice per client reference, then fine", "http_429_2_times", attempts=2),
    # the submission refused
    "9401": _refused("throttled", "always throttled"),
    "9402": _refused("throttled", "throttled twice per client reference, then fine", attempts=2),
    "9403": _refused("invalid_number", "the number is invalid"),
    "9404": _refused("credentials", "the credentials are invalid"),
    "9405": _refused("internal", "internal error"),
    "9407": _refused("barred", "the number is barred"),
    "9409": _refused("no_credit", "no credit"),
    "9410": Scenario("partly_throttled", "first segment accepted, the rest throttled", rest_refused="throttled"),
    "9415": _refused("sender", "the sender is not allowed"),
}


def scenario_for(to: str) -> Scenario:
    """Return the scenario that the recipient's last four digits ask for."""
    return SCENARIOS.get(to[-4:], NORMAL)
