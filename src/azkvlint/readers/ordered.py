"""Resources that need access to a vault before they are created, so that the order of changes matters."""

from __future__ import annotations

from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.azure.consumers import is_consumer
from azkvlint.graph.pseudo_resources import OBJECTS


def is_ordered(type_: str) -> bool:
    """Return whether resources of a type need grants: because azurerm writes to a vault, or because they read one.

    The type is one of Azure or of azurerm.
    """
    if "/" in type_:
        return is_consumer(type_)
    mapped = RESOURCES.get(type_)
    return type_ in OBJECTS or (mapped is not None and is_consumer(mapped.type))
