"""Which providers may carry a text, in which order: a stage's route, as data. Pure: no clock, no state of any provider.

    {"rules": [
      {"name": "codes to France", "country": ["FR"], "priority": ["high"], "tiers": [{"acme": 80, "other": 20}, "third"]},
      {"tiers": ["acme", "other"]}
    ]}

The first rule whose conditions all hold decides. Its tiers are tried one after the other; inside one, each text goes to the
provider that its id and the weights choose, always the same one, and then to the others of that tier. The last rule has no
conditions, so that every text has a way. docs/routing.md is the user's guide.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.errors import ConfigurationError
from chalicelib.messages import Priority, TextMessage
from chalicelib.phone import country_of

CONDITIONS = ("to", "country", "from", "priority")


@dataclass(frozen=True)
class Candidate:
    """A provider that a route names for a text, and where."""

    provider: str
    rule: str
    tier: int  #: from 1
    share: int  #: percent of the tier's texts

    @property
    def place(self) -> str:
        """Where in the route: `rule 'codes to France', tier 1 (80 %)`."""
        return f"rule '{self.rule}', tier {self.tier}" + (f" ({self.share} %)" if self.share < 100 else "")


@dataclass(frozen=True)
class Rule:
    """Conditions, all of which must hold where given, and tiers of providers with their weights."""

    name: str
    tiers: tuple[Mapping[str, float], ...]
    to: tuple[str, ...] = ()  #: prefixes of the recipient, with `+`
    country: tuple[str, ...] = ()  #: ISO 3166-1, of the recipient
    frm: tuple[str, ...] = ()  #: senders
    priority: tuple[Priority, ...] = ()

    def admits(self, message: TextMessage) -> bool:
        """Whether the text meets every condition."""
        return (
            (not self.to or message.to.startswith(self.to))
            and (not self.frm or message.frm in self.frm)
            and (not self.priority or message.priority in self.priority)
            and (not self.country or country_of(message.to) in self.country)
        )


@dataclass(frozen=True)
class Route:
    """The rules of a stage, in order."""

    rules: tuple[Rule, ...]

    @property
    def providers(self) -> list[str]:
        """All that it names, each once, in the order in which it names them."""
        return list(dict.fromkeys(name for rule in self.rules for tier in rule.tiers for name in tier))

    def candidates(self, message: TextMessage) -> list[Candidate]:
        """The providers for a text, the first choice first."""
        rule = next(rule for rule in self.rules if rule.admits(message))
        found: dict[str, Candidate] = {}
        for number, tier in enumerate(rule.tiers, start=1):
            total = sum(tier.values())
            for name in sorted(tier, key=lambda name: _lot(message.id, name, tier[name])):
                found.setdefault(name, Candidate(name, rule.name, number, round(100 * tier[name] / total)))
        return list(found.values())


def _lot(message_id: str, provider: str, weight: float) -> float:
    """The lower, the earlier: weighted rendezvous hashing, so that a text that is asked about again has the same answer.

    https://en.wikipedia.org/wiki/Rendezvous_hashing
    """
    digest = hashlib.blake2b(f"{message_id}/{provider}".encode(), digest_size=8).digest()
    return -math.log((int.from_bytes(digest, "big") + 1) / 2**64) / weight


def parse_route(text: str, known: Collection[str] | None = None) -> Route:
    """The route in a JSON document; `known` are the providers that exist. Raises ConfigurationError, naming the place."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"the route is not JSON: {error}") from None
    if not isinstance(document, dict) or document.keys() != {"rules"}:
        raise ConfigurationError('the route must be an object like {"rules": [{"tiers": ["<provider>"]}]}')
    rules = document["rules"]
    if not isinstance(rules, list) or not rules:
        raise ConfigurationError("the route's 'rules' must be a list of at least one rule")
    parsed = tuple(_rule(rule, number, known) for number, rule in enumerate(rules, start=1))
    for number, rule in enumerate(parsed, start=1):
        last, open_to_all = number == len(parsed), not (rule.to or rule.country or rule.frm or rule.priority)
        if last and not open_to_all:
            raise ConfigurationError(
                f"{_at(number)}: the last rule must have no conditions, so that every text has a way"
            )
        if open_to_all and not last:
            raise ConfigurationError(f"{_at(number)}: it has no conditions, so no text ever reaches the rules after it")
    return Route(parsed)


def _rule(rule: Any, number: int, known: Collection[str] | None) -> Rule:
    if not isinstance(rule, dict):
        raise ConfigurationError(f"{_at(number)} must be an object")
    if unknown := rule.keys() - {"name", "tiers", *CONDITIONS}:
        raise ConfigurationError(f"{_at(number)}: '{min(unknown)}' is not one of name, tiers, {', '.join(CONDITIONS)}")
    tiers = rule.get("tiers")
    if not isinstance(tiers, list) or not tiers:
        raise ConfigurationError(f"{_at(number)}: 'tiers' must be a list of at least one tier")
    name = rule.get("name", f"{number}")
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"{_at(number)}: 'name' must be a string")
    return Rule(
        name=name,
        tiers=tuple(_tier(tier, number, place, known) for place, tier in enumerate(tiers, start=1)),
        to=_condition(rule, "to", r"\+[1-9]\d{0,14}", 'prefixes such as "+33"', number),
        country=_condition(rule, "country", "[A-Z]{2}", 'countries such as "FR"', number),
        frm=_condition(rule, "from", ".+", "senders", number),
        priority=tuple(Priority(one) for one in _condition(rule, "priority", "high|normal|bulk", "priorities", number)),
    )


def _tier(tier: Any, number: int, place: int, known: Collection[str] | None) -> dict[str, float]:
    weights = {tier: 1} if isinstance(tier, str) else tier
    at = f"{_at(number)}, tier {place}"
    if not isinstance(weights, dict) or not weights:
        raise ConfigurationError(f'{at} must be a provider or an object of weights like {{"acme": 80, "other": 20}}')
    for name, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < math.inf:
            raise ConfigurationError(f"{at}: the weight of '{name}' must be a number above 0")
        if known is not None and name not in known:
            raise ConfigurationError(f"{at}: there is no provider '{name}'; there are {', '.join(sorted(known))}")
    return {str(name): float(weight) for name, weight in weights.items()}


def _condition(rule: Mapping[str, Any], name: str, form: str, what: str, number: int) -> tuple[str, ...]:
    values: Sequence[Any] = rule.get(name, [])
    good = isinstance(values, list) and all(isinstance(value, str) and re.fullmatch(form, value) for value in values)
    if not good or (name in rule and not values):
        raise ConfigurationError(f"{_at(number)}: '{name}' must be a list of {what}")
    return tuple(values)


def _at(number: int) -> str:
    return f"rule {number} of the route"
