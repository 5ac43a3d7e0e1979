"""An update written out in DynamoDB's own words.

PynamoDB makes an object of each name, value and operator in an expression, which takes longer than to sign the request: too long
for what every text and every receipt do. The attributes, and what they make of a value, are the model's all the same.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from pynamodb.models import Model


class Update:
    """The changes to one item, and the conditions under which they are made, by the names that the model's attributes have."""

    def __init__(self, record: type[Model]) -> None:
        self._fields = _fields(record)
        self._names: dict[str, str] = {}
        self._values: dict[str, Any] = {}
        self._set: list[str] = []
        self._removed: list[str] = []
        self._conditions: list[str] = []

    def require(self, name: str, operator: str, value: Any) -> None:
        """Change nothing unless this holds of what is stored: `=`, `<`, ..."""
        self._conditions.append(f"{self._name(name)} {operator} {self._value(name, value)}")

    def set(self, name: str, value: Any) -> None:
        """Store a value; None removes the attribute."""
        if value is None:
            self._removed.append(self._name(name))
        else:
            self._set.append(f"{self._name(name)} = {self._value(name, value)}")

    def set_once(self, name: str, value: Any) -> None:
        """Store a value where there is none yet."""
        path = self._name(name)
        self._set.append(f"{path} = if_not_exists({path}, {self._value(name, value)})")

    def add(self, name: str, number: int) -> None:
        """Count."""
        path = self._name(name)
        self._set.append(f"{path} = {path} + {self._value(name, number)}")

    def append(self, name: str, items: Any) -> None:
        """Lengthen a list."""
        path = self._name(name)
        self._set.append(f"{path} = list_append({path}, {self._value(name, items)})")

    def parameters(self) -> dict[str, Any]:
        """Of an UpdateItem, but for its table and key."""
        removing = f" REMOVE {', '.join(self._removed)}" if self._removed else ""
        return {
            "UpdateExpression": f"SET {', '.join(self._set)}{removing}",
            "ConditionExpression": " AND ".join(self._conditions),
            "ExpressionAttributeNames": self._names,
            "ExpressionAttributeValues": self._values,
        }

    def _name(self, name: str) -> str:
        """A stand-in, since many a name is a reserved word."""
        stand_in = f"#{name}"
        self._names[stand_in] = self._fields[name][0]
        return stand_in

    def _value(self, name: str, value: Any) -> str:
        _, kind, serialize = self._fields[name]
        placeholder = f":{len(self._values)}"
        self._values[placeholder] = {kind: serialize(value)}
        return placeholder


@lru_cache(maxsize=4)
def _fields(record: type[Model]) -> dict[str, tuple[str, str, Callable[[Any], Any]]]:
    """Of each attribute: its name in the table, its type there, and what makes a value fit for it."""
    known = record.get_attributes().items()
    return {name: (attribute.attr_name, attribute.attr_type, attribute.serialize) for name, attribute in known}
