"""Resources of azurerm that need access to a vault before they are created, so that the order of changes matters."""

from __future__ import annotations

from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.azure.consumers import is_consumer
from azkvlint.graph.pseudo_resources import OBJECTS


def is_ordered(type_: str) -> bool:
    """Return whether resources of a type need grants: because they are in a vault, or because they read one."""
    mapped = RESOURCES.get(type_)
    return type_ in OBJECTS or (mapped is not None and is_consumer(mapped.type))
