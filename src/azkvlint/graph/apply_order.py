"""The order in which Terraform applies resources, as attributes that readers add."""

from __future__ import annotations

from collections.abc import Iterable

from azkvlint.graph.pseudo_resources import with_derived
from azkvlint.model.location import Location
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.value import ListValue, MapValue, Origin, Path, Scalar

# What the deployment identity writes through the data plane, and the types of grants, in Terraform.
OBJECTS = frozenset({"azurerm_key_vault_secret", "azurerm_key_vault_key", "azurerm_key_vault_certificate"})
GRANTS = frozenset({"azurerm_role_assignment", "azurerm_key_vault_access_policy"})
AFTER = "after"
# What stands for something that cannot be looked into.
UNRESOLVED = "?"
_ORDER: Path = ("derived", "waitsForGrant")


def requires_order(required: RequiredAttributes) -> bool:
    """Return whether any rule depends on the order in which Terraform applies resources."""
    return any(path[:2] == _ORDER for paths in required.paths.values() for path in paths)


def with_dependencies(attributes: MapValue, addresses: Iterable[str]) -> MapValue:
    """Return ``attributes`` of what is made after all that has these addresses, without the keys of instances."""
    return with_derived(attributes, {AFTER: dependency_list(addresses, attributes.at)})


def dependency_list(addresses: Iterable[str], at: Location) -> ListValue:
    """Return what something is made after, as a value."""
    items = tuple(Scalar(at=at, value=address, origin=Origin.DERIVED) for address in sorted(addresses))
    return ListValue(at=at, items=items, origin=Origin.DERIVED)
