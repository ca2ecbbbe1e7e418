"""The access that HEAD does not declare and that stays nevertheless: BASE is taken as deployed.

A deployment of a template deletes no role assignment: it leaves what the template does not contain, and complete mode
does not delete role assignments either. Only a deployment stack does. Terraform destroys what its configuration does
not contain, unless a ``removed`` block with ``destroy = false`` keeps it, and does not change the arguments in
``ignore_changes`` of what exists. Azure rejects another principal or scope
under the name of a role assignment (RoleAssignmentUpdateNotPermitted), and another name for the same principal, role
and scope (RoleAssignmentExists): a deployment stack deletes only after it has created.

Sources: learn.microsoft.com/azure/azure-resource-manager/templates/deployment-modes, .../deployment-complete-mode-
deletion, .../azure/role-based-access-control/troubleshooting, and developer.hashicorp.com/terraform/language/block/
removed and .../language/meta-arguments/lifecycle.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import msgspec

from azkvlint.access.principals import existence_doubt
from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.derived.access_policies import POLICIES, VAULTS
from azkvlint.derived.assignments import ASSIGNMENTS, SCOPE
from azkvlint.difference.one_way_doors import GRANT_STAYS, NOUNS, STAYS, ResourcePair, ignored_changes
from azkvlint.difference.replacement import Paired, moved_address, moved_by_itself
from azkvlint.difference.sides import RootState
from azkvlint.model.difference import KeptSetting, OneWayDoor
from azkvlint.model.location import Location, static_address
from azkvlint.model.pattern import has_holes, is_guid_of_texts
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Link, ListValue, MapValue, Path, Scalar, Unknown, Value

REJECTED_ASSIGNMENT, UNMANAGED = "role-assignment", "unmanaged"
_PRINCIPAL, _ROLE = ("properties", "principalId"), ("properties", "roleDefinitionId")
_CONDITION = ("properties", "condition")
_ADDED = "add"
_EITHER = "whether the `removed` block destroys it"
_SAME_NAME = "whether the principals differ"
_OTHER_NAME = "whether the names differ"
_Key: TypeAlias = tuple[str, ...]
_NAME: Path = ("name",)
# In place of a path: all arguments, apart from those of Terraform itself.
_EVERY: Path = ("all",)
_OF_TERRAFORM = ("derived", "provider")


class Left(NamedTuple):
    """What stays of BASE in one root of HEAD, by its address there, and why Azure rejects what HEAD declares.

    ``doubts`` are what would decide it, by the doubt that the existence of these resources has in a matrix.
    ``recovered`` are the vaults of BASE that HEAD may recover.
    """

    resources: dict[str, Resource]
    doubts: dict[str, str]
    doors: list[OneWayDoor]
    recovered: dict[str, Resource]


def left_behind(paired: Iterable[Paired]) -> dict[tuple[str, str], Left]:
    """Return what stays of BASE by the roots and base worlds of HEAD."""
    found: dict[tuple[str, str], Left] = {}
    for one in paired:
        before, after = one.roots
        if before is None or after is None:
            continue
        left = Left({}, {}, [], {})
        if after.is_terraform:
            _forgotten(before, after, left)
            _ignored(before, after, left)
        else:
            _of_template(before, after, left)
            _vaults(one, before, after, left)
        _recovered(one, before, left)
        if left.resources or left.doors or left.recovered:
            found[after.path, after.world] = left
    return found


def _forgotten(before: RootState, after: RootState, left: Left) -> None:
    """Add what Terraform only removes from its state."""
    for address, resource in before.grants.items():
        new = moved_address(address, after.moved)
        ending = after.removed.get(new) or after.removed.get(static_address(new))
        if new in after.grants or ending is None or ending[0] != "forget":
            continue
        _keep(left, resource, new, "" if ending[1] else _EITHER, after)


def _ignored(before: RootState, after: RootState, left: Left) -> None:
    """Add what Terraform updates, with the arguments of BASE that HEAD has in ``ignore_changes``."""
    for address, old in before.grants.items():
        new_address = moved_address(address, after.moved)
        if new_address not in after.grants and moved_by_itself(new_address) not in before.grants:
            new_address = moved_by_itself(new_address)
        new = after.grants.get(new_address)
        if new is None or new.type != old.type or old.existing or not old.conditions <= new.conditions:
            continue
        kept = _not_updated(old, new, after.moved)
        if kept is not None and not (kept.name == new.name and _is_equal(kept, new)):
            left.resources[new_address] = kept


def _not_updated(old: Resource, new: Resource, moved: Mapping[str, str]) -> Resource | None:
    """Return a resource of HEAD with the ignored arguments of BASE; None if it ignores no changes."""
    paths = [_path(one, new) for one in ignored_changes(new)]
    if not paths:
        return None
    was, attributes = _placed_map(old.attributes, new.at, moved), new.attributes
    if _EVERY in paths:
        fields = {name: value for name, value in attributes.fields.items() if name in _OF_TERRAFORM}
        fields |= {name: value for name, value in was.fields.items() if name not in _OF_TERRAFORM}
        attributes = msgspec.structs.replace(was, fields=fields)
    else:
        for path in paths:
            attributes = _with_value(attributes, path, was.select(path))
    is_renamed = _EVERY in paths or _NAME in paths
    return msgspec.structs.replace(
        new,
        attributes=attributes,
        shared_attributes=None,
        name=old.name if is_renamed else new.name,
        name_pattern=old.name_pattern if is_renamed else new.name_pattern,
    )


def _path(ignored: str, resource: Resource) -> Path:
    """Return the path of an ignored argument. An object of arguments may be the only item of a list."""
    first, *rest = ignored.split(".")
    mapped = RESOURCES.get(resource.declared_as)
    listed = None if mapped is None else mapped.listed.get(first)
    return (first, *rest) if listed is None else (*listed.split("."), 0, *rest)


def _with_value(value: Value, path: Path, new: Answer) -> Any:
    """Return a value with another one at a path in it; without that, if there is none."""
    if not path:
        return new
    step, rest = path[0], path[1:]
    if isinstance(value, MapValue) and isinstance(step, str):
        inner = value.fields.get(step)
        found = _with_value(MapValue(at=value.at, fields={}) if inner is None else inner, rest, new)
        fields = {name: one for name, one in value.fields.items() if name != step}
        return msgspec.structs.replace(value, fields=fields if isinstance(found, Absent) else {**fields, step: found})
    if isinstance(value, ListValue) and isinstance(step, int) and step < len(value.items):
        items = list(value.items)
        items[step] = _with_value(items[step], rest, new)
        return msgspec.structs.replace(value, items=tuple(items))
    return value


def _of_template(before: RootState, after: RootState, left: Left) -> None:
    """Add what a template does not declare any more, and what Azure does not let it change."""
    news = {_identity(one): one for one in after.grants.values() if not one.existing}
    olds = {_identity(one): one for one in before.grants.values() if not one.existing and one.type.lower() != VAULTS}
    created = {_content(one): one for key, one in news.items() if key not in olds and one.type.lower() == ASSIGNMENTS}
    for key, old in olds.items():
        new = news.get(key)
        if new is None:
            if _is_replaced(old, after) or after.removed.get(old.address, ("", False))[0] == "delete":
                continue
            other = created.get(_content(old)) if all(_content(old)[:3]) else None
            if other is not None:
                left.doors.append(_door(other, old, after))
            address = old.address if old.address not in after.grants else address_of_left(old.address)
            _keep(left, old, address, GRANT_STAYS, after)
        elif old.type.lower() == POLICIES:
            # Access policies of a separate resource are added to those that the vault has.
            if key[1].endswith(_ADDED) and not _is_replaced(old, after) and not _is_equal(old, new):
                _keep(left, old, address_of_left(old.address), GRANT_STAYS, after)
        elif old.type.lower() == ASSIGNMENTS and _text(old, _PRINCIPAL) != _text(new, _PRINCIPAL):
            is_certain = all(isinstance(one.select(_PRINCIPAL), Scalar) for one in (old, new))
            left.doors.append(_rejected(new, after, "" if is_certain else _SAME_NAME))
            if is_certain:
                _keep(left, old, new.address, "", after)
            else:
                _keep(left, old, address_of_left(old.address), _SAME_NAME, after)


def _vaults(paired: Paired, before: RootState, after: RootState, left: Left) -> None:
    """Add the vaults that a template does not declare any more: roles of HEAD on their group reach them too."""
    referred = {one.name.lower() for one in after.grants.values() if one.existing and one.type.lower() == VAULTS}
    for pair in paired.pairs:
        vault = None if pair.before is None else before.grants.get(pair.before.was or pair.before.address)
        is_left = pair.after is None and not pair.doubt and not pair.is_elsewhere
        if not is_left or vault is None or vault.type.lower() != VAULTS or vault.existing:
            continue
        if vault.name.lower() not in referred:
            _keep(left, vault, address_of_left(vault.address), STAYS, after)


def _recovered(paired: Paired, before: RootState, left: Left) -> None:
    """Add the vaults that HEAD recovers, or may recover: Azure ignores the properties that are declared, and keeps
    those of BASE.
    """
    for pair in paired.pairs:
        old, new = pair.before, pair.recovered
        vault = None if old is None else before.grants.get(old.was or old.address)
        if new is not None and vault is not None and not vault.existing:
            found = left.recovered if new.recovery_doubt else left.resources
            found[new.address] = msgspec.structs.replace(
                vault, address=new.address, attributes=_placed_map(vault.attributes, new.at, {}), shared_attributes=None
            )


def address_of_left(address: str) -> str:
    """Return the address of a resource of BASE that stays beside the one that HEAD has at its address."""
    return f"{address} of BASE"


def _identity(resource: Resource) -> _Key:
    """Return what identifies a resource in Azure: its type, its name, and what it is in."""
    name = resource.name or resource.address
    above = _text(resource, SCOPE) or _text(resource, ("parent",)) or _text(resource, ("resourceGroupName",))
    return resource.type.lower(), name.lower(), above


def _is_equal(one: Resource, other: Resource) -> bool:
    """Return whether two resources have the same attributes, wherever these are written."""
    return _placed_map(one.attributes, one.at, {}) == _placed_map(other.attributes, one.at, {})


def _content(resource: Resource) -> _Key:
    """Return what only one role assignment may have: a principal, a role and a scope; and its condition."""
    return (
        _text(resource, _PRINCIPAL), _text(resource, _ROLE), _text(resource, SCOPE), _text(resource, _CONDITION)
    )  # fmt: skip


def _text(resource: Resource, path: Path) -> str:
    value = resource.select(path)
    return (value.target if isinstance(value, Link) else value.text).lower()


def _is_replaced(policy: Resource, after: RootState) -> bool:
    """Return whether an access policy is of a vault that the template deploys: that sets all policies of the vault."""
    if policy.type.lower() != POLICIES:
        return False
    vault = _text(policy, ("parent",))
    return any(
        not one.existing and one.type.lower() == VAULTS and vault in (one.address.lower(), _text(one, ("id",)))
        for one in after.grants.values()
    )


def _door(new: Resource, old: Resource, after: RootState) -> OneWayDoor:
    """Return that Azure rejects another name for the same assignment."""
    doubt = "; ".join(new.conditions) or ("" if _are_different(old.name, new.name) else _OTHER_NAME)
    was = "" if old.address == new.address else f" ({old.address} in BASE)"
    text = (
        f"the role assignment {new.address} has another name than the existing one{was} with the same principal, role "
        "and scope, which stays: Azure rejects this (RoleAssignmentExists)"
    )
    return _door_of(new, after, text, doubt)


def _rejected(new: Resource, after: RootState, doubt: str) -> OneWayDoor:
    """Return that Azure rejects another principal under the name of an assignment."""
    text = (
        f"the role assignment {new.address} has the name of the existing one and another principal: Azure rejects this "
        "(RoleAssignmentUpdateNotPermitted)"
    )
    return _door_of(new, after, text, doubt)


def _door_of(new: Resource, after: RootState, text: str, doubt: str) -> OneWayDoor:
    return OneWayDoor(
        kind=REJECTED_ASSIGNMENT, resource=new.address, root=after.path, world=after.world, text=text, at=new.at,
        is_certain=not doubt, doubt=doubt,
    )  # fmt: skip


def _are_different(one: str, other: str) -> bool:
    """Return whether two names certainly differ: both are written, or both are computed from what is written."""
    return all(not has_holes(name) or is_guid_of_texts(name) for name in (one, other))


def _keep(left: Left, old: Resource, address: str, doubt: str, after: RootState) -> None:
    """Add a resource of BASE, with the addresses of HEAD in its references."""
    kept = msgspec.structs.replace(
        old,
        address=address,
        attributes=_placed_map(old.attributes, old.at, after.moved),
        shared_attributes=None,
        conditions=old.conditions | {doubt} if doubt else old.conditions,
        variants=None,
        action=None,
    )
    left.resources[address] = kept
    if doubt:
        left.doubts[existence_doubt(kept, None)] = doubt


def _placed_map(value: MapValue, at: Location, moved: Mapping[str, str]) -> MapValue:
    fields = {name: _placed(one, at, moved) for name, one in value.fields.items()}
    return msgspec.structs.replace(value, at=at, fields=fields)


def _placed(value: Value, at: Location, moved: Mapping[str, str]) -> Value:
    """Return a value of BASE as one of HEAD: all of it is at the place of its resource, because HEAD has no other."""
    if isinstance(value, MapValue):
        return _placed_map(value, at, moved)
    if isinstance(value, ListValue):
        return msgspec.structs.replace(value, at=at, items=tuple(_placed(one, at, moved) for one in value.items))
    if isinstance(value, Link):
        return msgspec.structs.replace(value, at=at, target=moved_address(value.target, moved))
    if isinstance(value, Unknown):
        candidates = tuple(moved_address(one, moved) for one in value.candidates)
        return msgspec.structs.replace(value, at=at, candidates=candidates)
    return msgspec.structs.replace(value, at=at)


def unmanaged(pairs: Iterable[ResourcePair]) -> Iterator[KeptSetting]:
    """Yield the vaults and managed HSMs that Terraform only removes from its state."""
    for pair in pairs:
        before, after = pair.before, pair.after
        if before is not None and after is not None and before.type in NOUNS and after.action == "forget":
            text = f"{before.label} stays as it is, and nothing manages it any more"
            yield KeptSetting(
                kind=UNMANAGED, resource=before.address, name=before.name, root=after.root, world=after.world,
                text=text, at=after.at,
            )  # fmt: skip
