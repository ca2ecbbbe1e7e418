"""Derived attributes for the order in which Terraform applies resources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from azkvlint.graph.pseudo_resources import with_derived
from azkvlint.model.location import Location
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.value import ListValue, MapValue, Origin, Path, Scalar, Unknown, Value

# Data-plane objects that the deployment identity creates, and the principal attribute of role assignments and access
# policies, by Terraform type.
OBJECTS = frozenset({"azurerm_key_vault_secret", "azurerm_key_vault_key", "azurerm_key_vault_certificate"})
PRINCIPALS: Mapping[str, str] = {
    "azurerm_role_assignment": "principal_id",
    "azurerm_key_vault_access_policy": "object_id",
}
# Data sources with the deployment identity as ``object_id``.
CLIENTS = ("azurerm_client_config", "azuread_client_config")
AFTER, OF_DEPLOYER = "after", "ofDeployer"
# The address of a dependency that cannot be resolved.
UNRESOLVED = "?"
_ORDER: Path = ("derived", "waitsForGrant")
_AFTER: Path = ("derived", AFTER)


def requires_order(required: RequiredAttributes) -> bool:
    """Return whether a rule requires the apply order."""
    return any(path[:2] == _ORDER for paths in required.paths.values() for path in paths)


def requires_all_dependencies(required: RequiredAttributes) -> bool:
    """Return whether a rule requires all dependencies, and not only those on role assignments and access policies."""
    wider = ((), _AFTER[:1], _AFTER)
    return any(path[:2] in wider for paths in required.paths.values() for path in paths)


def with_dependencies(attributes: MapValue, addresses: Iterable[str]) -> MapValue:
    """Return ``attributes`` with the addresses, without instance keys, of everything applied before the resource."""
    return with_derived(attributes, {AFTER: dependency_list(addresses, attributes.at)})


def dependency_list(addresses: Iterable[str], at: Location) -> ListValue:
    """Return addresses as a derived list."""
    items = tuple(Scalar(at=at, value=address, origin=Origin.DERIVED) for address in sorted(addresses))
    return ListValue(at=at, items=items, origin=Origin.DERIVED)


def with_deployer_mark(attributes: MapValue, *, certain: bool) -> MapValue:
    """Return ``attributes`` of a role assignment or access policy of the deployment identity, or possibly of it."""
    return with_derived(attributes, {OF_DEPLOYER: deployer_mark(attributes.at, certain=certain)})


def deployer_mark(at: Location, *, certain: bool) -> Value:
    """Return the value of the mark for the deployment identity: true, or unknown."""
    unknown = Unknown(at=at, origin=Origin.DERIVED, why="whom it is for is not known")
    return Scalar(at=at, value=True, origin=Origin.DERIVED) if certain else unknown
