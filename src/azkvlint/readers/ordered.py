"""Resources that need access to a vault before they are created, so that the order of changes matters."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeAlias

from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.azure.consumers import is_consumer
from azkvlint.graph.pseudo_resources import OBJECTS, UNRESOLVED

Grants: TypeAlias = frozenset[str]
NO_GRANT: Grants = frozenset()
ANY_GRANT: Grants = frozenset({UNRESOLVED})
# Longer chains of references are not followed.
_DEEPEST = 100


class GrantOrder:
    """The grants that declarations wait for, worked out once for each and for all that it names."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Grants] = {}
        self._depth = 0

    def once(self, key: Hashable, make: Callable[[], Grants]) -> Grants:
        """Return what ``make`` returned for a key first."""
        found = self._known.get(key)
        if found is None:
            if self._depth > _DEEPEST:
                return ANY_GRANT
            self._known[key] = NO_GRANT  # nothing waits for itself
            self._depth += 1
            try:
                found = self._known[key] = make()
            finally:
                self._depth -= 1
        return found


def is_ordered(type_: str) -> bool:
    """Return whether resources of a type need grants: because azurerm writes to a vault, or because they read one.

    The type is one of Azure or of azurerm.
    """
    if "/" in type_:
        return is_consumer(type_)
    mapped = RESOURCES.get(type_)
    return type_ in OBJECTS or (mapped is not None and is_consumer(mapped.type))
