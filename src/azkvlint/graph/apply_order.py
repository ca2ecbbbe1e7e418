"""What Terraform makes before something else: the words in which readers say so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from azkvlint.graph.pseudo_resources import beside
from azkvlint.model.location import Location
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.value import ListValue, MapValue, Origin, Path, Scalar, Unknown, Value

# What is written past the control plane, by whoever applies the plan, and who a grant is for, by Terraform type.
OBJECTS = frozenset({"azurerm_key_vault_secret", "azurerm_key_vault_key", "azurerm_key_vault_certificate"})
PRINCIPALS: Mapping[str, str] = {
    "azurerm_role_assignment": "principal_id",
    "azurerm_key_vault_access_policy": "object_id",
}
# Data sources whose ``object_id`` is whoever applies the plan.
CLIENTS = ("azurerm_client_config", "azuread_client_config")
AFTER, OF_DEPLOYER = "after", "ofDeployer"
# What stands for something that cannot be looked into.
ANYTHING = "?"
_ASKED: Path = ("derived", "waitsForGrant")
_AFTER: Path = ("derived", AFTER)


def asks_for_order(required: RequiredAttributes) -> bool:
    """Whether any rule asks what waits for what."""
    return any(path[:2] == _ASKED for paths in required.paths.values() for path in paths)


def asks_what_is_after(required: RequiredAttributes) -> bool:
    """Whether any rule asks for all that something waits for, and not only whether it waits for a grant."""
    wider = ((), _AFTER[:1], _AFTER)
    return any(path[:2] in wider for paths in required.paths.values() for path in paths)


def after(attributes: MapValue, addresses: Iterable[str]) -> MapValue:
    """``attributes`` of what is made after all that has these addresses, without the keys of instances."""
    return beside(attributes, {AFTER: listed(addresses, attributes.at)})


def listed(addresses: Iterable[str], at: Location) -> ListValue:
    """What something is made after, as a value."""
    items = tuple(Scalar(at=at, value=address, origin=Origin.DERIVED) for address in sorted(addresses))
    return ListValue(at=at, items=items, origin=Origin.DERIVED)


def of_deployer(attributes: MapValue, *, certain: bool) -> MapValue:
    """``attributes`` of a grant to whoever applies the plan, or perhaps to them."""
    return beside(attributes, {OF_DEPLOYER: for_deployer(attributes.at, certain=certain)})


def for_deployer(at: Location, *, certain: bool) -> Value:
    """That a grant is to whoever applies the plan, or perhaps to them."""
    perhaps = Unknown(at=at, origin=Origin.DERIVED, why="whom it is for is not known")
    return Scalar(at=at, value=True, origin=Origin.DERIVED) if certain else perhaps
