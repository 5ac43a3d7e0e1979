"""The registry: a provider is found by the name of its file, and only the one that is asked for is loaded."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import import_module, util
from pkgutil import iter_modules

from chalicelib.errors import UnknownProvider
from chalicelib.providers.base import Provider


def names() -> list[str]:
    """The names of all adapters."""
    return sorted(module.name for module in iter_modules(__path__) if module.name != "base")


@lru_cache(maxsize=32)
def adapter(name: str) -> type[Provider]:
    """The adapter class of that name. Raises UnknownProvider."""
    module = f"{__name__}.{name}"
    known = re.fullmatch(r"[a-z][a-z0-9_]*", name) and name != "base"
    if not known or util.find_spec(module) is None:
        raise UnknownProvider(f"there is no provider '{name}'")
    members = vars(import_module(module)).values()
    (found,) = (
        member
        for member in members
        if isinstance(member, type) and issubclass(member, Provider) and member.__module__ == module
    )
    return found
