"""What Azure keeps of a deployed vault or managed HSM, whatever HEAD declares: BASE is taken as deployed.

Sources: learn.microsoft.com/azure/key-vault/general/access-control-default (the default of API version 2026-02-01 is
that of new vaults; an existing vault keeps its permission model), .../soft-delete-overview (purge protection cannot be
disabled, the retention cannot change), .../azure-resource-manager/templates/deployment-modes (the location cannot
change) and .../move-subscription (access policies belong to the tenant of the vault).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

import msgspec

from azkvlint.derived.access_policies import VAULTS
from azkvlint.derived.vaults import BY_POLICIES, BY_ROLES, RBAC
from azkvlint.difference.one_way_doors import (
    LOCATION,
    MODE,
    NOUNS,
    PURGE,
    PURGE_PROTECTION,
    RETENTION,
    RETENTION_DAYS,
    TENANT,
    TENANT_CHANGED,
    Doubt,
    ResourcePair,
    ResourceState,
    door_of,
    has_other_text,
    reason_of,
    staying,
)
from azkvlint.model.difference import KeptSetting, OneWayDoor
from azkvlint.model.resource import Resource
from azkvlint.model.value import MapValue, Path, Plain, Scalar
from azkvlint.util.text import pluralize

# What Azure keeps, by root with its base world, then by address.
Kept: TypeAlias = Mapping[tuple[str, str], Mapping[str, Mapping[Path, Plain]]]
_REJECTED = "Azure rejects this"


class DeployedSetting(NamedTuple):
    """A setting of a deployed vault that HEAD declares otherwise: what Azure keeps, in words.

    ``is_rejected``: the deployment fails. Otherwise only a new environment gets what HEAD declares.
    """

    kind: str
    path: Path
    value: Plain
    text: str
    after: ResourceState
    is_rejected: bool


def settings_of(pairs: Iterable[ResourcePair]) -> Iterator[DeployedSetting]:
    """Yield the settings that Azure keeps of the vaults and managed HSMs that stay."""
    for pair in pairs:
        before, after = pair.before, staying(pair.after)
        is_deployed = before is not None and before.type in NOUNS and before.action != "create"
        if not is_deployed or before is None or after is None or before.condition or pair.why or pair.doubt:
            continue
        if not reason_of(before, after):
            yield from _purge_protection(before, after)
            yield from _retention(before, after)
            yield from _model(before, after)
            yield from _location(before, after)


def _purge_protection(before: ResourceState, after: ResourceState) -> Iterator[DeployedSetting]:
    if before.purge_protection is not True or after.purge_protection is not False:
        return
    noun = NOUNS[after.type]
    if _is_left_out(after, PURGE):
        text = (
            f"purge protection of {after.label} is not set any more: unchanged on the existing {noun}; a new "
            "environment gets no purge protection"
        )
        yield DeployedSetting(PURGE_PROTECTION, PURGE, True, text, after, is_rejected=False)
    else:
        text = f"purge protection of {after.label} cannot be turned off once it is on: {_REJECTED}"
        yield DeployedSetting(PURGE_PROTECTION, PURGE, True, text, after, is_rejected=True)


def _retention(before: ResourceState, after: ResourceState) -> Iterator[DeployedSetting]:
    old, new, noun = before.retention, after.retention, NOUNS[after.type]
    if old is None or new is None or old == new:
        return
    if _is_left_out(after, RETENTION_DAYS):
        text = (
            f"the soft-delete retention of {after.label} is not set any more: unchanged on the existing {noun} "
            f"({pluralize(old, 'day')}); a new environment gets {pluralize(new, 'day')}"
        )
        yield DeployedSetting(RETENTION, RETENTION_DAYS, old, text, after, is_rejected=False)
    else:
        text = (
            f"the soft-delete retention of {after.label} cannot change from {old} to {pluralize(new, 'day')}: it is "
            f"fixed when the {noun} is created. {_REJECTED}"
        )
        yield DeployedSetting(RETENTION, RETENTION_DAYS, old, text, after, is_rejected=True)


def _model(before: ResourceState, after: ResourceState) -> Iterator[DeployedSetting]:
    """Yield the permission model, if only the default of a newer API version differs."""
    if after.type != VAULTS or not _is_left_out(after, RBAC):
        return
    if before.facts.get(RBAC) is False and after.facts.get(RBAC) is True:
        text = (
            f"the permission model of {after.label} is not set, and its default changes with the API version: "
            f"unchanged on the existing key vault ({BY_POLICIES}); a new environment gets {BY_ROLES}"
        )
        yield DeployedSetting("permission-model", RBAC, False, text, after, is_rejected=False)


def _location(before: ResourceState, after: ResourceState) -> Iterator[DeployedSetting]:
    """Yield another location, which Azure rejects; Terraform replaces the vault."""
    old, new = before.facts.get(LOCATION), after.facts.get(LOCATION)
    if after.is_terraform or not (isinstance(old, str) and isinstance(new, str)):
        return
    if has_other_text(old, new):
        text = f"the location of {after.label} cannot change from {old} to {new}: {_REJECTED} (InvalidResourceLocation)"
        yield DeployedSetting("location", LOCATION, old, text, after, is_rejected=True)


def _is_left_out(state: ResourceState, path: Path) -> bool:
    """Return whether a request to Azure does not have a property. azurerm sends its own defaults."""
    return not state.is_azurerm and (path in state.defaults or path not in state.facts)


def notes_of(settings: Iterable[DeployedSetting]) -> Iterator[KeptSetting]:
    """Yield what stays as it is on existing vaults."""
    for one in settings:
        if not one.is_rejected:
            after = one.after
            yield KeptSetting(
                kind=one.kind, resource=after.address, name=after.name, root=after.root, world=after.world,
                text=one.text, at=after.at,
            )  # fmt: skip


def rejections_of(settings: Iterable[DeployedSetting]) -> Iterator[OneWayDoor]:
    """Yield what Azure rejects."""
    return (door_of(one.kind, one.after, one.text, one.after.condition) for one in settings if one.is_rejected)


def tenant_doors(pairs: Iterable[ResourcePair]) -> Iterator[OneWayDoor]:
    """Yield the vaults that move to another tenant."""
    for pair in pairs:
        before, after = pair.before, pair.after
        if before is not None and after is not None and has_other_tenant(pair):
            text = (
                f"the tenant of {after.label} changes from {before.facts[TENANT]} to {after.facts[TENANT]}: every "
                "access policy of the old tenant is void"
            )
            yield door_of(TENANT_CHANGED, after, text, after.condition)


def has_other_tenant(pair: ResourcePair) -> bool:
    """Return whether a vault of BASE stays and certainly gets another tenant."""
    before, after = pair.before, staying(pair.after)
    if before is None or after is None or before.type != VAULTS or before.action == "create":
        return False
    old, new = before.facts.get(TENANT), after.facts.get(TENANT)
    is_known = not isinstance(old, Doubt | None) and not isinstance(new, Doubt | None)
    return is_known and str(old).lower() != str(new).lower()


def recovered_vaults(pairs: Iterable[ResourcePair]) -> set[tuple[str, str]]:
    """Return the roots and addresses of the vaults of BASE that HEAD certainly recovers."""
    every = (pair.recovered for pair in pairs)
    return {(one.root, one.address) for one in every if one is not None and one.recovers}


def as_declared(pairs: Iterable[ResourcePair]) -> Kept:
    """Return the settings of vaults that HEAD may recover, if it does not: purge protection stays enabled."""
    found: dict[tuple[str, str], dict[str, dict[Path, Plain]]] = {}
    for pair in pairs:
        before, after = pair.before, pair.recovered
        if before is not None and after is not None and after.recovery_doubt:
            own = found.setdefault((after.root, after.world), {}).setdefault(after.address, {MODE: "default"})
            if before.purge_protection is True:
                own[PURGE] = True
    return found


def kept_of(settings: Iterable[DeployedSetting]) -> Kept:
    """Return the settings by root and address, as the access to existing vaults has them."""
    found: dict[tuple[str, str], dict[str, dict[Path, Plain]]] = {}
    for one in settings:
        after = one.after
        if one.path in (PURGE, RBAC):  # on which access depends
            of_root = found.setdefault((after.root, after.world), {})
            of_root.setdefault(after.address, {})[one.path] = one.value
    return found


def with_settings(vault: Resource, settings: Mapping[Path, Plain]) -> Resource:
    """Return a vault with other values of some properties."""
    if not settings:
        return vault
    properties = vault.attributes.fields.get("properties")
    fields = dict(properties.fields) if isinstance(properties, MapValue) else {}
    for path, value in settings.items():
        fields[str(path[-1])] = Scalar(at=vault.at, value=value)
    rest = properties.rest if isinstance(properties, MapValue) else None
    whole = MapValue(at=vault.at, fields=fields, rest=rest)
    attributes = msgspec.structs.replace(vault.attributes, fields={**vault.attributes.fields, "properties": whole})
    return msgspec.structs.replace(vault, attributes=attributes, shared_attributes=None)
