"""What each function may do: the hand-written policies of .chalice/, with the names of one stage.

They use CloudFormation's words: `${Stage}`, `${AWS::Partition}`, `${AWS::Region}` and `${AWS::AccountId}`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from infra.paths import ROOT


@dataclass(frozen=True)
class Place:
    """Where a stage is. By default wherever the template is used: then CloudFormation fills in the rest."""

    partition: str = "${AWS::Partition}"
    region: str = "${AWS::Region}"
    account: str = "${AWS::AccountId}"


def rendered_policies(stage: str, place: Place) -> Iterator[tuple[str, str]]:
    """Each policy's file name and its JSON."""
    for template in sorted((ROOT / ".chalice").glob("policy-*.json")):
        document = json.loads(template.read_text())
        yield template.name, json.dumps(_filled(document, stage, place), indent=1) + "\n"


def _filled(value: Any, stage: str, place: Place) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, stage, place) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, stage, place) for item in value]
    return _named(value, stage, place) if isinstance(value, str) else value


def _named(text: str, stage: str, place: Place) -> Any:
    values = {
        "${Stage}": stage,
        "${AWS::Partition}": place.partition,
        "${AWS::Region}": place.region,
        "${AWS::AccountId}": place.account,
    }
    for name, value in values.items():
        text = text.replace(name, value)
    return {"Fn::Sub": text} if "${AWS::" in text else text
