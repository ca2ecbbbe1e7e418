"""One-way doors: changes of vaults, managed HSMs and keys that cannot be undone, whether or not a rule fails.

Sources: learn.microsoft.com/azure/key-vault/general/soft-delete-overview (retention is fixed on creation, purge
protection cannot be disabled, the name of a deleted vault is reserved), .../managed-hsm/soft-delete-overview (a deleted
managed HSM is billed until it is purged), and the documentation of azurerm_key_vault and of ``features``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta

import msgspec

from azkvlint.access.principals import existence_doubt
from azkvlint.azure.azurerm.providers import PROVIDER_PREFIX, PROVIDER_TYPE
from azkvlint.derived.vaults import MANAGED_HSMS, VAULTS
from azkvlint.linter.access import Cleaner
from azkvlint.model.difference import OneWayDoor
from azkvlint.model.finding import TERRAFORM_MODULE, TERRAFORM_PLAN, TERRAGRUNT_UNIT
from azkvlint.model.location import Location, static_address
from azkvlint.model.resource import Resource, ResourceGraph
from azkvlint.model.value import Link, Path, Plain, Scalar, Unknown
from azkvlint.readers.read_result import ReadResult
from azkvlint.util.text import pluralize

PURGE_PROTECTION, RETENTION, DELETED, REPLACED = "purge-protection", "retention", "deleted", "replaced"
KEY_DESTROYED, HSM = "key-destroyed", "hsm"
KEYS = ("microsoft.keyvault/vaults/keys", "microsoft.keyvault/managedhsms/keys")

_PURGE: Path = ("properties", "enablePurgeProtection")
_RETENTION: Path = ("properties", "softDeleteRetentionInDays")
_MODE: Path = ("properties", "createMode")
_NAME: Path = ("name",)
_LOCATION: Path = ("location",)
_GROUP: Path = ("resourceGroupName",)
_OF_KEYS: tuple[Path, ...] = (("properties", "kty"), ("properties", "keySize"), ("properties", "curveName"))
_FEATURES: Mapping[str, Path] = {
    VAULTS: ("features", "keyVault", "purgeSoftDeleteOnDestroy"),
    MANAGED_HSMS: ("features", "keyVault", "purgeSoftDeletedHardwareSecurityModulesOnDestroy"),
    KEYS[0]: ("features", "keyVault", "purgeSoftDeletedKeysOnDestroy"),
    KEYS[1]: ("features", "keyVault", "purgeSoftDeletedHardwareSecurityModuleKeysOnDestroy"),
}
_OF_VAULTS = frozenset({_PURGE, _RETENTION, _MODE, _NAME, _LOCATION, _GROUP, ("provider",)})
REQUIRED: Mapping[str, frozenset[Path]] = {
    VAULTS: _OF_VAULTS,
    MANAGED_HSMS: _OF_VAULTS,
    **{type_: frozenset({*_OF_KEYS, _NAME, ("parent",), ("provider",)}) for type_ in KEYS},
    PROVIDER_TYPE.lower(): frozenset(_FEATURES.values()),
}
"""The attributes that one-way doors are computed from, by type in lower case."""

# What a change of these arguments of azurerm does: they are ForceNew.
_REPLACING: Mapping[str, Mapping[str, Path]] = {
    VAULTS: {"name": _NAME, "location": _LOCATION, "resource_group_name": _GROUP},
    MANAGED_HSMS: {
        "name": _NAME, "location": _LOCATION, "resource_group_name": _GROUP, "purge_protection_enabled": _PURGE,
        "soft_delete_retention_days": _RETENTION,
    },
    **{
        type_: {"name": _NAME, "key_type": _OF_KEYS[0], "key_size": _OF_KEYS[1], "curve": _OF_KEYS[2]}
        for type_ in KEYS
    },
}  # fmt: skip
_DEFAULT_RETENTION = 90
_NOUNS = {VAULTS: "key vault", MANAGED_HSMS: "managed HSM"}
TERRAFORM_KINDS = (TERRAFORM_MODULE, TERRAFORM_PLAN, TERRAGRUNT_UNIT)
"""The kinds of inputs whose resources are identified by their addresses."""


class Doubt(msgspec.Struct, frozen=True):
    """A value that is not known, and why."""

    why: str


class ResourceState(msgspec.Struct, frozen=True, kw_only=True):
    """A vault, managed HSM or key in one state of a deployment. Its type is in lower case.

    ``name`` is empty if it is not known; ``identity`` is a name with its unknown parts, by which templates declare a
    resource. ``facts`` are the values of the attributes in ``REQUIRED`` that are set. ``purges``: the provider purges
    it when it is destroyed. ``condition`` is set if it only may exist. ``parent`` is the address of its vault or
    managed HSM.
    """

    address: str
    type: str
    name: str
    identity: str
    at: Location
    is_terraform: bool
    action: str = ""
    facts: Mapping[Path, Plain | Doubt] = {}
    purges: bool | None = None
    condition: str = ""
    parent: str = ""

    @property
    def purge_protection(self) -> bool | Doubt:
        """Return whether purge protection is enabled."""
        found = self.facts.get(_PURGE)
        if found is None:
            return Doubt("the default of managed HSMs is not documented") if self.type == MANAGED_HSMS else False
        return found if isinstance(found, Doubt) else str(found).lower() == "true"

    @property
    def retention(self) -> int | None:
        """Return the soft-delete retention in days; None if it is not known."""
        found = self.facts.get(_RETENTION, _DEFAULT_RETENTION)
        return int(found) if isinstance(found, int | float) else None


def states_of(read: ReadResult, graph: ResourceGraph, clean: Cleaner) -> list[ResourceState]:
    """Return the vaults, managed HSMs and keys that a root deploys or removes."""
    providers = [one for one in graph.resources.values() if one.type == PROVIDER_TYPE]
    found = []
    for resource in graph.resources.values():
        type_ = resource.type.lower()
        if type_ in _REPLACING and not resource.existing:
            provider = _provider(resource, graph, providers)
            flag = None if provider is None else provider.select(_FEATURES[type_])
            facts = dict(_facts(resource, type_, clean))
            name = facts.get(_NAME)
            is_terraform = read.kind in TERRAFORM_KINDS
            found.append(
                ResourceState(
                    address=clean.text(resource.address),
                    type=type_,
                    name=name if isinstance(name, str) else "",
                    identity="" if is_terraform else clean.text(resource.name),
                    at=clean.location(resource.at) or resource.at,
                    is_terraform=is_terraform,
                    action=resource.action or "",
                    facts=facts,
                    purges=bool(flag.value) if isinstance(flag, Scalar) else None,
                    condition=_condition(resource, clean),
                    parent=clean.text(_parent(resource)),
                )
            )
    return found


def _provider(resource: Resource, graph: ResourceGraph, providers: Sequence[Resource]) -> Resource | None:
    link = resource.attributes.fields.get("provider")
    found = graph.resources.get(link.target) if isinstance(link, Link) else None
    if found is None:
        found = next((one for one in providers if one.address == f"{PROVIDER_PREFIX}azurerm"), None)
    return found


def _facts(resource: Resource, type_: str, clean: Cleaner) -> Iterator[tuple[Path, Plain | Doubt]]:
    for path in REQUIRED[type_]:
        value = resource.select(path)
        if isinstance(value, Scalar):
            is_text = isinstance(value.value, str)
            yield (
                path,
                Doubt("the value is sensitive")
                if value.sensitive
                else (clean.text(str(value.value)) if is_text else value.value),
            )
        elif isinstance(value, Unknown):
            yield path, Doubt(clean.text(value.why))


def _condition(resource: Resource, clean: Cleaner) -> str:
    if resource.assumption is not None:
        return clean.text(existence_doubt(resource, None))
    return clean.text("; ".join(sorted(resource.conditions)))


def _parent(resource: Resource) -> str:
    value = resource.attributes.fields.get("parent")
    return value.target if isinstance(value, Link) else ""


def _kept(state: ResourceState | None) -> ResourceState | None:
    """Return a state unless the plan removes the resource."""
    return None if state is None or state.action in ("delete", "forget") else state


class Doors:
    """Finds the doors between pairs of states. ``today`` is the day on which the change is applied."""

    def __init__(self, today: date) -> None:
        self._today = today

    def between(
        self, pairs: Iterable[tuple[ResourceState | None, ResourceState | None]], *, is_root_gone: bool = False
    ) -> Iterator[OneWayDoor]:
        """Yield the doors of one root, whose resources are paired. ``is_root_gone``: HEAD does not have the root."""
        # What BASE removes as well is the same on both sides.
        listed = [pair for pair in pairs if pair[0] is None or _kept(pair[0]) is not None]
        ending = {
            before.address
            for before, after in listed
            if before is not None and (_kept(after) is None or self._reason(before, after))
        }
        keys = [before for before, after in listed if before is not None and before.type in KEYS]
        for before, after in listed:
            if before is None and after is None:
                continue
            known = after or before
            if known is not None and known.type in KEYS:
                if before is not None and before.parent not in ending:
                    yield from self._key(before, after, is_root_gone=is_root_gone)
                continue
            kept = _kept(after)
            if before is None:
                if kept is not None:
                    yield from self._created(kept)
            elif kept is not None and before.action == kept.action == "create":
                known_texts = {door.text for door in self._created(before)}
                yield from (door for door in self._created(kept) if door.text not in known_texts)
            elif kept is None:
                count = sum(key.parent == before.address for key in keys)
                yield from self._deleted(before, after, count, is_root_gone=is_root_gone)
            else:
                yield from self._changed(before, kept)

    def _created(self, after: ResourceState) -> Iterator[OneWayDoor]:
        if str(after.facts.get(_MODE, "")).lower() == "recover":
            return
        protection = after.purge_protection
        retention = _days(after)
        doubt = after.condition or (protection.why if isinstance(protection, Doubt) else "")
        if after.type == MANAGED_HSMS:
            text = (
                f"{after.address} is created: {retention} and purge protection of a managed HSM cannot be changed "
                "afterwards, and a deleted managed HSM is billed until it is purged"
            )
            yield self._door(HSM, after, text, after.condition)
        elif protection is False:
            text = f"{after.address} is created with {retention}, which cannot be changed afterwards"
            yield self._door(RETENTION, after, text, after.condition)
        else:
            text = (
                f"{after.address} is created with purge protection and {retention}; neither can be changed afterwards"
            )
            yield self._door(PURGE_PROTECTION, after, text, doubt)

    def _changed(self, before: ResourceState, after: ResourceState) -> Iterator[OneWayDoor]:
        why = self._reason(before, after)
        if why:
            yield self._ended(before, after, REPLACED, f"is replaced ({why})", after.condition)
            return
        if after.condition and not before.condition:
            yield self._ended(before, after, DELETED, "may be deleted", after.condition)
        elif before.condition and not after.condition:
            yield from (_possible(door, before.condition) for door in self._created(after))
            return
        old, new = before.purge_protection, after.purge_protection
        if new is not False and old is not True and not (isinstance(old, Doubt) and isinstance(new, Doubt)):
            doubt = new.why if isinstance(new, Doubt) else after.condition
            if isinstance(old, Doubt):
                doubt = f"whether it is on already: {old.why}"
            text = (
                f"purge protection of {after.address} is turned on: it cannot be turned off again, and the name of a "
                f"deleted {_NOUNS[after.type]} stays reserved for {_number(after)}"
            )
            yield self._door(PURGE_PROTECTION, after, text, doubt)
        if before.retention is not None and after.retention is not None and before.retention != after.retention:
            text = (
                f"the soft-delete retention of {after.address} cannot change from {before.retention} to "
                f"{pluralize(after.retention, 'day')}: it is fixed when the {_NOUNS[after.type]} is created"
            )
            yield self._door(RETENTION, after, text, after.condition)

    def _reason(self, before: ResourceState, after: ResourceState | None) -> str:
        """Return why Terraform replaces a resource; "" if it does not, as far as known."""
        if after is None or not after.is_terraform:
            return ""
        if after.action == "replace":
            return "" if before.action == after.action else "planned by Terraform"
        # Terraform itself moves a resource to its first instance and back.
        is_same = static_address(before.address) == static_address(after.address)
        if not is_same and before.name and before.name == after.name:
            return f"its address changes to {after.address} without a `moved` block"
        for argument, path in _REPLACING[after.type].items():
            old, new = before.facts.get(path), after.facts.get(path)
            is_known = not isinstance(old, Doubt | None) and not isinstance(new, Doubt | None)
            if is_known and str(old).lower().replace(" ", "") != str(new).lower().replace(" ", ""):
                return f"`{argument}` changes from `{old}` to `{new}`"
        return ""

    def _deleted(
        self, before: ResourceState, after: ResourceState | None, keys: int, *, is_root_gone: bool
    ) -> Iterator[OneWayDoor]:
        if before.action == "create" or (after is not None and after.action == "forget"):
            return
        verb = "is deleted"
        if keys:
            verb += f", with {pluralize(keys, 'declared key')}"
        yield self._ended(before, after, DELETED, verb, _deletion_doubt(before, after, is_root_gone=is_root_gone))

    def _ended(
        self, before: ResourceState, after: ResourceState | None, kind: str, verb: str, doubt: str
    ) -> OneWayDoor:
        """Return the door of a vault or managed HSM that is deleted, replaced, or perhaps so."""
        retention, protection = before.retention, before.purge_protection
        purges = before.purges if after is None or after.purges is None else after.purges
        free_on = "" if retention is None else _day_after(self._today, retention)
        day = free_on or "the end of the retention"
        name = f"the name `{before.name}`" if before.name else "its name"
        if protection is True:
            rest = f"purge protection keeps it recoverable until {day}, when {name} is free again"
        elif protection is False and purges:
            free_on = self._today.isoformat()
            what = "its keys" if before.type == MANAGED_HSMS else "its keys, secrets and certificates"
            rest = f"the provider purges it, so {what} cannot be recovered, and {name} is free at once"
        else:
            rest = f"unless it is purged before, it is recoverable until {day}, when {name} is free again"
        if before.type == MANAGED_HSMS and not (protection is False and purges):
            rest += "; until then it is billed"
        door = self._door(kind, after or before, f"{before.address} {verb}: {rest}", doubt, is_in_base=after is None)
        return msgspec.structs.replace(door, resource=before.address, free_on=free_on)

    def _key(self, before: ResourceState, after: ResourceState | None, *, is_root_gone: bool) -> Iterator[OneWayDoor]:
        if before.action == "create" or (after is not None and after.action == "forget"):
            return
        why = self._reason(before, after)
        kept = _kept(after)
        if why:
            verb, doubt = f"is replaced ({why})", "" if kept is None else kept.condition
        elif kept is None:
            verb, doubt = "is deleted", _deletion_doubt(before, after, is_root_gone=is_root_gone)
        elif kept.condition and not before.condition:
            verb, doubt = "may be deleted", kept.condition
        else:
            return
        purges = before.purges if after is None or after.purges is None else after.purges
        rest = "data that it encrypts cannot be decrypted once the key is purged"
        if purges:
            rest += ", which the provider does at once unless purge protection prevents it"
        yield self._door(
            KEY_DESTROYED, after or before, f"{before.address} {verb}: {rest}", doubt, is_in_base=after is None
        )

    def _door(self, kind: str, state: ResourceState, text: str, doubt: str, *, is_in_base: bool = False) -> OneWayDoor:
        return OneWayDoor(
            kind=kind, resource=state.address, text=text, at=state.at, is_in_base=is_in_base, is_certain=not doubt,
            doubt=doubt,
        )  # fmt: skip


def _possible(door: OneWayDoor, doubt: str) -> OneWayDoor:
    """Return a one-way door that is not certain."""
    return msgspec.structs.replace(door, is_certain=False, doubt=door.doubt or doubt)


def _deletion_doubt(before: ResourceState, after: ResourceState | None, *, is_root_gone: bool) -> str:
    """Return what would decide whether a resource that HEAD does not declare is deleted."""
    if after is not None:
        return after.condition
    doubts = [before.condition] if before.condition else []
    if is_root_gone:
        doubts.append("HEAD does not contain its root module or template")
    elif not before.is_terraform:
        doubts.append("only a deployment stack or a deployment in complete mode deletes it")
    return "; ".join(doubts)


def _day_after(day: date, days: int) -> str:
    """Return the day some days later; "" if no calendar has it. Azure rejects such a retention."""
    try:
        return (day + timedelta(days=days)).isoformat()
    except OverflowError:
        return ""


def _days(state: ResourceState) -> str:
    return f"a soft-delete retention of {_number(state)}"


def _number(state: ResourceState) -> str:
    return "an unknown number of days" if state.retention is None else pluralize(state.retention, "day")
