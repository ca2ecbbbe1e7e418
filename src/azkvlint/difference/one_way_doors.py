"""One-way doors: changes of vaults, managed HSMs and keys that cannot be undone, whether or not a rule fails.

Sources: learn.microsoft.com/azure/key-vault/general/soft-delete-overview (retention is fixed on creation, purge
protection cannot be disabled, the name of a deleted vault is reserved), .../managed-hsm/soft-delete-overview (a deleted
managed HSM is billed until it is purged), and the documentation of azurerm_key_vault and of ``features``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import msgspec

from azkvlint.access.principals import existence_doubt
from azkvlint.azure.azurerm.providers import PROVIDER_PREFIX, PROVIDER_TYPE
from azkvlint.derived.access_policies import POLICIES, VAULTS
from azkvlint.derived.assignments import GRANTS
from azkvlint.derived.vaults import MANAGED_HSMS, RBAC
from azkvlint.linter.access import Cleaner
from azkvlint.model.difference import OneWayDoor
from azkvlint.model.finding import TERRAFORM_MODULE, TERRAFORM_PLAN, TERRAGRUNT_UNIT, OfRoot
from azkvlint.model.location import Location
from azkvlint.model.pattern import has_holes
from azkvlint.model.resource import Resource, ResourceGraph
from azkvlint.model.value import Link, ListValue, Origin, Path, Plain, Scalar, Unknown
from azkvlint.readers.read_result import ReadResult
from azkvlint.util.text import pluralize

PURGE_PROTECTION, RETENTION, DELETED, REPLACED = "purge-protection", "retention", "deleted", "replaced"
KEY_DESTROYED, HSM, TENANT_CHANGED, PREVENTED = "key-destroyed", "hsm", "tenant", "prevent-destroy"
KEYS = ("microsoft.keyvault/vaults/keys", "microsoft.keyvault/managedhsms/keys")
_OTHER_OBJECTS = ("microsoft.keyvault/vaults/secrets", "microsoft.keyvault/vaults/certificates")

PURGE: Path = ("properties", "enablePurgeProtection")
RETENTION_DAYS: Path = ("properties", "softDeleteRetentionInDays")
TENANT: Path = ("properties", "tenantId")
MODE: Path = ("properties", "createMode")
_PROPERTIES = "properties"
_RECOVER = "recover"
_MAY_RECOVER = "whether the deployment recovers the vault, which keeps its properties: {}"
_NAME: Path = ("name",)
LOCATION: Path = ("location",)
_GROUP: Path = ("resourceGroupName",)
_OF_KEYS: tuple[Path, ...] = (("properties", "kty"), ("properties", "keySize"), ("properties", "curveName"))
_FEATURES: Mapping[str, Path] = {
    VAULTS: ("features", "keyVault", "purgeSoftDeleteOnDestroy"),
    MANAGED_HSMS: ("features", "keyVault", "purgeSoftDeletedHardwareSecurityModulesOnDestroy"),
    KEYS[0]: ("features", "keyVault", "purgeSoftDeletedKeysOnDestroy"),
    KEYS[1]: ("features", "keyVault", "purgeSoftDeletedHardwareSecurityModuleKeysOnDestroy"),
}
IGNORED: Path = ("derived", "ignoredChanges")
_PREVENTED: Path = ("derived", "preventDestroy")
_LIFECYCLE = frozenset({("provider",), IGNORED, _PREVENTED})
_OF_VAULTS = _LIFECYCLE | {PURGE, RETENTION_DAYS, RBAC, TENANT, MODE, _NAME, LOCATION, _GROUP}
REQUIRED: Mapping[str, frozenset[Path]] = {
    VAULTS: _OF_VAULTS,
    MANAGED_HSMS: _OF_VAULTS,
    **{type_: _LIFECYCLE | {*_OF_KEYS, _NAME, ("parent",)} for type_ in KEYS},
    **{type_: _LIFECYCLE | {_NAME, ("parent",)} for type_ in _OTHER_OBJECTS},
    **dict.fromkeys((POLICIES, *GRANTS), frozenset({IGNORED})),
    PROVIDER_TYPE.lower(): frozenset(_FEATURES.values()),
}
"""The attributes that one-way doors and what stays are computed from, by type in lower case."""

# What a change of these arguments of azurerm does: they are ForceNew.
_REPLACING: Mapping[str, Mapping[str, Path]] = {
    VAULTS: {"name": _NAME, "location": LOCATION, "resource_group_name": _GROUP},
    MANAGED_HSMS: {
        "name": _NAME, "location": LOCATION, "resource_group_name": _GROUP, "purge_protection_enabled": PURGE,
        "soft_delete_retention_days": RETENTION_DAYS,
    },
    **{
        type_: {"name": _NAME, "key_type": _OF_KEYS[0], "key_size": _OF_KEYS[1], "curve": _OF_KEYS[2]}
        for type_ in KEYS
    },
    **{type_: {"name": _NAME} for type_ in _OTHER_OBJECTS},
}  # fmt: skip
_DEFAULT_RETENTION = 90
# The actions of a plan on what exists already, such as what it imports.
_EXISTING = ("no-op", "import", "update", "read")
NOUNS = {VAULTS: "key vault", MANAGED_HSMS: "managed HSM"}
STAYS = (
    "only a deployment stack or a deployment in complete mode deletes it; otherwise it stays, and nothing manages it"
)
GRANT_STAYS = (
    "only a deployment stack deletes the role assignment or access policy; otherwise it stays, and nothing manages it"
)
TERRAFORM_KINDS = (TERRAFORM_MODULE, TERRAFORM_PLAN, TERRAGRUNT_UNIT)
"""The kinds of inputs whose resources are identified by their addresses."""


class Doubt(msgspec.Struct, frozen=True):
    """A value that is not known, and why."""

    why: str


class ResourceState(OfRoot, frozen=True, kw_only=True):
    """A vault, managed HSM or key in one state of a deployment, or an object that ``prevent_destroy`` may protect.

    Its type is in lower case.

    ``name`` is empty if it is not known; ``identity`` is a name with its unknown parts, by which templates declare a
    resource. ``facts`` are the values of the attributes in ``REQUIRED`` that are set. ``purges``: the provider purges
    it when it is destroyed. ``condition`` is set if it only may exist. ``parent`` is the address of its vault or
    managed HSM. ``defaults`` are those of the facts that are not set.
    ``origin`` distinguishes it from those of other ones, and ``was`` is its address in BASE if HEAD has another one.
    ``ignored`` are the attributes whose changes Terraform ignores.
    ``is_ambiguous``: another resource has its address on the other side. ``is_imported``: an ``import`` block names it.
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
    defaults: frozenset[Path] = frozenset()
    is_azurerm: bool = False
    is_imported: bool = False
    is_ambiguous: bool = False
    ignored: frozenset[str] = frozenset()
    origin: str = ""
    was: str = ""

    @property
    def label(self) -> str:
        """Return the address, with what distinguishes the resource from others that have the same one."""
        own = f" (`{self.name}`)" if self.is_ambiguous and self.name else ""
        return f"{self.address}{own}{self.origin}"

    @property
    def group(self) -> str:
        """Return the resource group in lower case; "" if it is not known."""
        found = self.facts.get(_GROUP)
        return found.lower() if isinstance(found, str) else ""

    @property
    def is_inside(self) -> bool:
        """Return whether it is in a vault or managed HSM, so that its name is unique only there."""
        return self.type not in NOUNS

    @property
    def recovers(self) -> bool:
        """Return whether Azure ignores the properties that are declared, because of ``createMode``."""
        return str(self.facts.get(MODE, "")).lower() == _RECOVER

    @property
    def recovery_doubt(self) -> str:
        """Return what decides whether Azure ignores the properties that are declared; "" if that is known."""
        mode = self.facts.get(MODE)
        return _MAY_RECOVER.format(mode.why) if isinstance(mode, Doubt) else ""

    @property
    def purge_protection(self) -> bool | Doubt:
        """Return whether purge protection is enabled."""
        found = self.facts.get(PURGE)
        if found is None:
            return Doubt("the default of managed HSMs is not documented") if self.type == MANAGED_HSMS else False
        return found if isinstance(found, Doubt) else str(found).lower() == "true"

    @property
    def prevents_destroy(self) -> bool | Doubt:
        """Return whether Terraform refuses any plan that destroys it."""
        found = self.facts.get(_PREVENTED)
        return found if isinstance(found, Doubt) else found is True

    @property
    def retention(self) -> int | None:
        """Return the soft-delete retention in days; None if it is not known."""
        found = self.facts.get(RETENTION_DAYS, _DEFAULT_RETENTION)
        return int(found) if isinstance(found, int | float) else None


class ResourcePair(NamedTuple):
    """A resource of BASE and the same one of HEAD, or one of them alone.

    ``why`` is set if it is destroyed nevertheless, and created again. ``doubt`` is what would decide whether they are
    the same, or whether one of them alone is. ``successor`` is another resource that HEAD declares in place of one of
    a template. ``is_elsewhere``: another template or base world of the other side deploys it. ``recovered`` is the one
    of HEAD if Azure keeps all properties that it has in BASE, or may keep them. ``refused`` is the one of BASE, at its
    block in HEAD, if Terraform refuses to destroy it.
    """

    before: ResourceState | None
    after: ResourceState | None
    why: str = ""
    doubt: str = ""
    successor: ResourceState | None = None
    is_elsewhere: bool = False
    recovered: ResourceState | None = None
    refused: ResourceState | None = None


def states_of(read: ReadResult, graph: ResourceGraph, clean: Cleaner) -> list[ResourceState]:
    """Return the vaults, managed HSMs and keys that a root deploys or removes."""
    providers = [one for one in graph.resources.values() if one.type == PROVIDER_TYPE]
    imported = frozenset(map(clean.text, read.imported))
    found = []
    for resource in graph.resources.values():
        type_ = resource.type.lower()
        # A deployment that recovers a vault deploys it, with the properties that it had.
        if type_ in _REPLACING and (not resource.existing or _recovers(resource.select(MODE))):
            provider = _provider(resource, graph, providers)
            facts = dict(_facts(resource, type_, clean))
            if type_ in _OTHER_OBJECTS and facts.get(_PREVENTED, False) is False:
                continue
            feature = _FEATURES.get(type_)
            flag = None if provider is None or feature is None else provider.select(feature)
            name = facts.get(_NAME)
            is_terraform = read.kind in TERRAFORM_KINDS
            found.append(
                ResourceState(
                    address=clean.text(resource.address),
                    type=type_,
                    name=name if isinstance(name, str) else "",
                    # Where nothing is known of its name, a resource has that of its declaration.
                    identity=clean.text(resource.name) if not is_terraform and has_holes(resource.name) else "",
                    at=clean.location(resource.at) or resource.at,
                    is_terraform=is_terraform,
                    action=resource.action or "",
                    facts=facts,
                    purges=bool(flag.value) if isinstance(flag, Scalar) else None,
                    condition=_condition(resource, clean),
                    parent=clean.text(_parent(resource)),
                    defaults=frozenset(_defaults(resource, type_)),
                    is_azurerm=resource.declared_as.startswith("azurerm_"),
                    ignored=frozenset(ignored_changes(resource)),
                    is_imported=not imported.isdisjoint(_import_addresses(clean.text(resource.address))),
                )
            )
    return found


def _recovers(mode: object) -> bool:
    return isinstance(mode, Scalar) and str(mode.value).lower() == _RECOVER


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


def _import_addresses(address: str) -> tuple[str, str]:
    """Return the addresses by which ``import`` blocks can name a resource: its own, and that of any instance."""
    resource, bracket, _ = address.rpartition("[")
    return address, f"{resource if bracket and address.endswith(']') else address}[*]"


def ignored_changes(resource: Resource) -> Iterator[str]:
    """Yield the attributes in ``ignore_changes``, or ``all``."""
    found = resource.select(IGNORED)
    yield from (item.text for item in found.items) if isinstance(found, ListValue) else ()


def with_ignored_changes(before: ResourceState, after: ResourceState) -> ResourceState:
    """Return a state with the values that it has in BASE where Terraform, or Azure, ignores changes."""
    if after.recovers:
        # Azure ignores only properties: not the location or resource group, and not what Terraform does with it.
        facts = {path: value for path, value in after.facts.items() if path[0] != _PROPERTIES}
        facts |= {path: value for path, value in before.facts.items() if path[0] == _PROPERTIES}
        return msgspec.structs.replace(after, facts=facts, defaults=before.defaults)
    if not after.ignored:
        return after
    every = (before.facts.keys() | after.facts.keys()) - _LIFECYCLE
    paths = {path for path in every if not after.ignored.isdisjoint(("all", ".".join(map(str, path))))}
    facts = {path: value for path, value in after.facts.items() if path not in paths}
    facts |= {path: value for path, value in before.facts.items() if path in paths}
    return msgspec.structs.replace(after, facts=facts, name=before.name if _NAME in paths else after.name)


def _defaults(resource: Resource, type_: str) -> Iterator[Path]:
    for path in REQUIRED[type_]:
        value = resource.select(path)
        if isinstance(value, Scalar) and value.origin == Origin.DEFAULT:
            yield path


def _condition(resource: Resource, clean: Cleaner) -> str:
    if resource.assumption is not None:
        return clean.text(existence_doubt(resource, None))
    return clean.text("; ".join(sorted(resource.conditions)))


def _parent(resource: Resource) -> str:
    value = resource.attributes.fields.get("parent")
    return value.target if isinstance(value, Link) else ""


def staying(state: ResourceState | None) -> ResourceState | None:
    """Return a state unless the plan removes the resource."""
    return None if state is None or state.action in ("delete", "forget") else state


def reason_of(before: ResourceState, after: ResourceState | None) -> str:
    """Return why Terraform replaces a resource that keeps its address; "" if it does not, as far as known."""
    if after is None or not after.is_terraform:
        return ""
    if after.action == "replace":
        return "" if before.action == after.action else "planned by Terraform"
    for argument, path in _REPLACING[after.type].items():
        old, new = before.facts.get(path), after.facts.get(path)
        is_known = not isinstance(old, Doubt | None) and not isinstance(new, Doubt | None)
        if is_known and has_other_text(old, new):
            return f"`{argument}` changes from `{old}` to `{new}`"
    return ""


def has_other_text(old: object, new: object) -> bool:
    """Return whether two values differ, apart from case and spaces: `West Europe` is `westeurope`."""
    one, other = (str(value).lower().replace(" ", "") for value in (old, new))
    return one != other


def _why(pair: ResourcePair) -> str:
    """Return why a resource is destroyed and created again; "" if it is not, as far as known."""
    if pair.why or pair.before is None or _refused(pair):
        return pair.why
    return reason_of(pair.before, pair.after)


def _refused(pair: ResourcePair) -> str:
    """Return why Terraform would replace a resource, if it refuses to destroy that; else ""."""
    if pair.why or pair.before is None or pair.after is None or pair.after.prevents_destroy is not True:
        return ""
    return reason_of(pair.before, pair.after)


def _replacement_doubt(pair: ResourcePair, after: ResourceState | None) -> str:
    """Return what would decide whether a resource is replaced."""
    if pair.doubt or after is None:
        return pair.doubt
    prevents = after.prevents_destroy
    # Terraform makes no plan that it refuses.
    is_open = not pair.why and not after.action
    return after.condition or (prevents.why if is_open and isinstance(prevents, Doubt) else "")


class Doors:
    """Finds the doors between pairs of states. ``today`` is the day on which the change is applied."""

    def __init__(self, today: date) -> None:
        self._today = today

    def between(self, pairs: Iterable[ResourcePair], gone: str = "") -> Iterator[OneWayDoor]:
        """Yield the doors of one root, whose resources are paired. ``gone`` is what HEAD does not have of the root."""
        # What BASE removes as well is the same on both sides.
        listed = [
            pair
            for pair in pairs
            if (pair.before is None or staying(pair.before) is not None) and not pair.is_elsewhere
        ]
        ending = {
            pair.before.address
            for pair in listed
            if pair.before is not None and (staying(pair.after) is None or _why(pair))
        }
        ending -= {pair.refused.address for pair in listed if pair.refused is not None}
        keys = [pair.before for pair in listed if pair.before is not None and pair.before.type in KEYS]
        for pair in listed:
            before, after = pair.before, pair.after
            known = after or before
            if pair.refused is not None:
                yield _door_of_refusal(pair, pair.refused)
                continue
            if known is not None and known.is_inside:
                if before is not None and before.parent not in ending:
                    yield from self._key(pair, gone)
                continue
            kept = staying(after)
            if before is None:
                if kept is not None and not kept.is_imported and kept.action not in _EXISTING:
                    yield from (_possible(door, pair.doubt) for door in self._created(kept))
            elif kept is not None and before.action == kept.action == "create":
                known_texts = {door.text for door in self._created(before)}
                yield from (door for door in self._created(kept) if door.text not in known_texts)
            elif kept is None:
                yield from self._deleted(pair, sum(key.parent == before.address for key in keys), gone)
            else:
                yield from self._changed(pair, before, kept)

    def _created(self, after: ResourceState) -> Iterator[OneWayDoor]:
        if after.recovers:
            return
        protection = after.purge_protection
        retention = _days(after)
        doubt = after.condition or (protection.why if isinstance(protection, Doubt) else "")
        if after.type == MANAGED_HSMS:
            text = (
                f"{after.label} is created: {retention} and purge protection of a managed HSM cannot be changed "
                "afterwards, and a deleted managed HSM is billed until it is purged"
            )
            yield door_of(HSM, after, text, after.condition)
        elif protection is False:
            text = f"{after.label} is created with {retention}, which cannot be changed afterwards"
            yield door_of(RETENTION, after, text, after.condition)
        else:
            text = f"{after.label} is created with purge protection and {retention}; neither can be changed afterwards"
            yield door_of(PURGE_PROTECTION, after, text, doubt)

    def _changed(self, pair: ResourcePair, before: ResourceState, after: ResourceState) -> Iterator[OneWayDoor]:
        if _refused(pair):
            yield _refusal(pair, after)
            return
        why = _why(pair)
        if why:
            doubt = _replacement_doubt(pair, after)
            yield self._ended(before, after, REPLACED, f"{'may be' if doubt else 'is'} replaced ({why})", doubt)
            return
        if pair.doubt:
            yield self._ended(before, after, DELETED, "may be deleted", pair.doubt)
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
                f"purge protection of {after.label} is turned on: it cannot be turned off again, and the name of a "
                f"deleted {NOUNS[after.type]} stays reserved for {_number(after)}"
            )
            yield door_of(PURGE_PROTECTION, after, text, doubt)

    def _deleted(self, pair: ResourcePair, keys: int, gone: str) -> Iterator[OneWayDoor]:
        before, after = pair.before, pair.after
        if before is None or before.action == "create" or (after is not None and after.action == "forget"):
            return
        verb = "is deleted"
        if pair.successor is not None:
            verb += f" (the template declares {pair.successor.label} instead, which is another {NOUNS[before.type]})"
        if keys:
            verb += f", with {pluralize(keys, 'declared key')}"
        yield self._ended(before, after, DELETED, verb, _deletion_doubt(pair, before, gone))

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
        door = door_of(kind, after or before, f"{before.label} {verb}: {rest}", doubt, is_in_base=after is None)
        return msgspec.structs.replace(door, resource=before.address, name=before.name, free_on=free_on)

    def _key(self, pair: ResourcePair, gone: str) -> Iterator[OneWayDoor]:
        before, after = pair.before, pair.after
        if before is None or before.action == "create" or (after is not None and after.action == "forget"):
            return
        why = _why(pair)
        kept = staying(after)
        if kept is not None and _refused(pair):
            yield _refusal(pair, kept)
            return
        if before.type not in KEYS:
            return
        if why:
            verb, doubt = f"is replaced ({why})", _replacement_doubt(pair, kept)
        elif kept is None:
            verb, doubt = "is deleted", _deletion_doubt(pair, before, gone)
        elif pair.doubt:
            verb, doubt = "may be deleted", pair.doubt
        elif kept.condition and not before.condition:
            verb, doubt = "may be deleted", kept.condition
        else:
            return
        purges = before.purges if after is None or after.purges is None else after.purges
        rest = "data that it encrypts cannot be decrypted once the key is purged"
        if purges:
            rest += ", which the provider does at once unless purge protection prevents it"
        yield door_of(KEY_DESTROYED, after or before, f"{before.label} {verb}: {rest}", doubt, is_in_base=after is None)


def door_of(kind: str, state: ResourceState, text: str, doubt: str, *, is_in_base: bool = False) -> OneWayDoor:
    """Return the one-way door of a resource."""
    return OneWayDoor(
        kind=kind, resource=state.address, name=state.name, root=state.root, world=state.world, text=text, at=state.at,
        is_in_base=is_in_base, is_certain=not doubt, doubt=doubt,
    )  # fmt: skip


def _refusal(pair: ResourcePair, after: ResourceState) -> OneWayDoor:
    """Return that Terraform refuses a plan that replaces a resource."""
    text = f"{after.label} would be replaced ({_refused(pair)}): Terraform refuses this (`prevent_destroy`)"
    return door_of(PREVENTED, after, text, pair.doubt or after.condition)


def _door_of_refusal(pair: ResourcePair, state: ResourceState) -> OneWayDoor:
    """Return that Terraform refuses a plan that destroys a resource."""
    why = f" ({pair.why})" if pair.why else ""
    text = f"{state.label} would be destroyed{why}: Terraform refuses this (`prevent_destroy`)"
    return door_of(PREVENTED, state, text, pair.doubt or state.condition)


def _possible(door: OneWayDoor, doubt: str) -> OneWayDoor:
    """Return a one-way door that is not certain, if there is a doubt."""
    if not doubt:
        return door
    return msgspec.structs.replace(door, is_certain=False, doubt=door.doubt or doubt)


def _deletion_doubt(pair: ResourcePair, before: ResourceState, gone: str) -> str:
    """Return what would decide whether a resource that HEAD does not declare is deleted."""
    if pair.after is not None:
        return pair.after.condition
    doubts = [one for one in (before.condition, pair.doubt) if one]
    if gone:
        doubts.append(f"HEAD does not contain its {gone}")
    elif not before.is_terraform:
        doubts.append(STAYS)
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
