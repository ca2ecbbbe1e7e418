"""The order in which Terraform applies resources, as attributes that readers add."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from azkvlint.graph.pseudo_resources import with_derived
from azkvlint.model.location import Location
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.value import ListValue, MapValue, Origin, Path, Scalar, Unknown, Value

# What the deployment identity writes through the data plane, and the principal of a grant, by Terraform type.
OBJECTS = frozenset({"azurerm_key_vault_secret", "azurerm_key_vault_key", "azurerm_key_vault_certificate"})
PRINCIPALS: Mapping[str, str] = {
    "azurerm_role_assignment": "principal_id",
    "azurerm_key_vault_access_policy": "object_id",
}
# Data sources whose ``object_id`` is the deployment identity.
CLIENTS = ("azurerm_client_config", "azuread_client_config")
AFTER, OF_DEPLOYER = "after", "ofDeployer"
# What stands for something that cannot be looked into.
UNRESOLVED = "?"
_ORDER: Path = ("derived", "waitsForGrant")
_AFTER: Path = ("derived", AFTER)


def requires_order(required: RequiredAttributes) -> bool:
    """Return whether any rule asks what waits for what."""
    return any(path[:2] == _ORDER for paths in required.paths.values() for path in paths)


def requires_all_dependencies(required: RequiredAttributes) -> bool:
    """Return whether any rule asks for all that something waits for, and not only whether it waits for a grant."""
    wider = ((), _AFTER[:1], _AFTER)
    return any(path[:2] in wider for paths in required.paths.values() for path in paths)


def with_dependencies(attributes: MapValue, addresses: Iterable[str]) -> MapValue:
    """Return ``attributes`` of what is made after all that has these addresses, without the keys of instances."""
    return with_derived(attributes, {AFTER: dependency_list(addresses, attributes.at)})


def dependency_list(addresses: Iterable[str], at: Location) -> ListValue:
    """Return what something is made after, as a value."""
    items = tuple(Scalar(at=at, value=address, origin=Origin.DERIVED) for address in sorted(addresses))
    return ListValue(at=at, items=items, origin=Origin.DERIVED)


def with_deployer_mark(attributes: MapValue, *, certain: bool) -> MapValue:
    """Return ``attributes`` of a grant to the deployment identity; unless it is certain, perhaps to it."""
    return with_derived(attributes, {OF_DEPLOYER: deployer_mark(attributes.at, certain=certain)})


def deployer_mark(at: Location, *, certain: bool) -> Value:
    """Return the value that marks a grant to the deployment identity, or perhaps to it."""
    perhaps = Unknown(at=at, origin=Origin.DERIVED, why="whom it is for is not known")
    return Scalar(at=at, value=True, origin=Origin.DERIVED) if certain else perhaps
