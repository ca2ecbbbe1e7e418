"""Derived attributes for the order in which Terraform applies resources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from azkvlint.graph.pseudo_resources import beside
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
ANYTHING = "?"
_ASKED: Path = ("derived", "waitsForGrant")
_AFTER: Path = ("derived", AFTER)


def asks_for_order(required: RequiredAttributes) -> bool:
    """Return whether a rule requires the apply order."""
    return any(path[:2] == _ASKED for paths in required.paths.values() for path in paths)


def asks_what_is_after(required: RequiredAttributes) -> bool:
    """Return whether a rule requires all dependencies, and not only those on role assignments and access policies."""
    wider = ((), _AFTER[:1], _AFTER)
    return any(path[:2] in wider for paths in required.paths.values() for path in paths)


def after(attributes: MapValue, addresses: Iterable[str]) -> MapValue:
    """Return ``attributes`` with the addresses, without instance keys, of everything applied before the resource."""
    return beside(attributes, {AFTER: listed(addresses, attributes.at)})


def listed(addresses: Iterable[str], at: Location) -> ListValue:
    """Return addresses as a derived list."""
    items = tuple(Scalar(at=at, value=address, origin=Origin.DERIVED) for address in sorted(addresses))
    return ListValue(at=at, items=items, origin=Origin.DERIVED)


def of_deployer(attributes: MapValue, *, certain: bool) -> MapValue:
    """Return ``attributes`` of a role assignment or access policy of the deployment identity, or possibly of it."""
    return beside(attributes, {OF_DEPLOYER: for_deployer(attributes.at, certain=certain)})


def for_deployer(at: Location, *, certain: bool) -> Value:
    """Return the value of the mark for the deployment identity: true, or unknown."""
    perhaps = Unknown(at=at, origin=Origin.DERIVED, why="whom it is for is not known")
    return Scalar(at=at, value=True, origin=Origin.DERIVED) if certain else perhaps
