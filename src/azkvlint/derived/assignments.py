"""Roles of role assignments and custom roles: their names, the operations they allow, and the scopes they cover."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from azkvlint.azure.azurerm.providers import PROVIDER_TYPE, SUBSCRIPTION
from azkvlint.azure.roles import role_by_id
from azkvlint.derived.access_policies import VAULTS
from azkvlint.derived.answers import absent, known, known_list, or_absent, unknown
from azkvlint.derived.companions import Sure
from azkvlint.derived.operations import operations_of, operations_of_built_in
from azkvlint.derived.permissions import DEFINITIONS
from azkvlint.derived.registry import Context, also_reads, derived
from azkvlint.derived.vaults import MANAGED_HSMS
from azkvlint.graph.references import (
    Index,
    may_equal,
    parse_id,
    reference_of,
    scope_level,
    type_of_any,
    without_conditional_targets,
)
from azkvlint.model.pattern import (
    TERRAFORM,
    DeclaredHole,
    declared_hole,
    has_holes,
    join_texts,
    parts_of,
    split_text,
    strip_text,
    text_form,
)
from azkvlint.model.resource import Reference, Resource
from azkvlint.model.value import Absent, Answer, Link, ListValue, Origin, Path, Scalar, Unknown, Value

SCOPE = ("scope",)
_LEVELS = {
    "microsoft.resources/resourcegroups": "resource group",
    "microsoft.resources/subscriptions": "subscription",
    "microsoft.management/managementgroups": "management group",
}
# The levels whose roles apply to deleted vaults and managed HSMs, which belong to the subscription.
DELETED_AT = ("subscription", "management group", "tenant")
_VAULT_TYPES = ("microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms")
# A scope inside a vault: a role at this level has no permission on the vault itself.
OBJECT = "object"
_OBJECTS = tuple(f"{type_}/" for type_ in _VAULT_TYPES)
_DEPTH = 2  # how deep inside a vault a scope may be: a key's version is in the key


def level_of(answer: Answer, index: Index) -> Value | None:
    """Return the level of one scope: tenant, management group, subscription, resource group, resource or object."""
    match answer:
        case Unknown() if scope_level(answer.text):
            return known(answer, str(_level(answer.text)), f"the scope is `{answer.text}`")
        case Scalar(value=str() as text):
            level = _level(text)
            if level is None:
                return unknown(answer, f"`{answer.display()}` is not a scope")
            return known(answer, level, f"the scope is `{answer.display()}`")
        case Link(target=target, type=type_):
            found = index.resources.get(target)
            level = _level_of_type(found.type if found is not None else type_)
            return known(answer, level, f"the scope is `{target}`")
        case Unknown(types=types):
            levels = tuple(sorted({_level_of_type(type_) for type_ in types}))
            if len(levels) == 1:
                return known(answer, levels[0])
            return msgspec.structs.replace(answer, one_of=levels)
        case Absent():
            return None
        case _:
            return unknown(answer, f"`{answer.display()}` is not a scope")


def _level_of_type(type_: str) -> str:
    """Return the level of a scope that is a resource of an Azure type."""
    certain = type_.lower()
    return OBJECT if certain.startswith(_OBJECTS) else _LEVELS.get(certain, "resource")


def _level(text: str) -> str | None:
    """Return the level of an id, or its pattern: ``object`` for a key, secret or certificate."""
    level = scope_level(text)
    parts = text.strip("/").lower().split("/")
    # subscriptions/S/resourceGroups/R/providers/Microsoft.KeyVault/vaults/NAME has eight parts.
    inside = level == "resource" and len(parts) > 8 and "/".join(parts[5:7]) in _VAULT_TYPES
    return OBJECT if inside else level


class Coverage:
    """The vaults that a scope contains. Indexed, so that the cost depends on the number of covered vaults only.

    ``types`` are the types (lower case) of other resources to cover instead of vaults.
    """

    def __init__(self, index: Index, types: tuple[str, ...] = _VAULT_TYPES) -> None:
        self.index = index
        vaults = [vault for type_ in types for vault in index.of_type(type_) if vault.stays]
        self.all = tuple(vault.address for vault in vaults)
        self._places: dict[tuple[str, str], list[str]] = {}
        for vault in vaults:
            self._places.setdefault(_place(vault, index), []).append(vault.address)
        self._candidates: dict[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], str]] = {}
        self._known: dict[tuple[str, str, str], tuple[tuple[str, ...], tuple[str, ...]]] = {}

    def references(self, via: str, types: frozenset[str]) -> Iterator[Reference]:
        """Yield the vaults that each resource with a scope certainly and possibly covers."""
        for resource in self.index.of_types(types):
            if resource.stays:
                answer = resource.select(SCOPE)
                if not isinstance(answer, Absent):
                    yield self.covered(resource, via, answer)

    def covered(self, resource: Resource, via: str, scope: Value) -> Reference:
        """Return the vaults that one scope of a resource certainly and possibly covers."""
        reference = self._covered(resource.address, via, scope)
        self.index.pairs.connect(len(reference.targets) + len(reference.candidates))
        return without_conditional_targets(reference, resource, self.index)

    def _covered(self, source: str, via: str, scope: Value) -> Reference:
        if isinstance(scope, Unknown) and scope_level(scope.text) is None:
            candidates, outside = self._perhaps(scope)
            return Reference(
                source=source, via=via, value=scope, candidates=candidates, anything=not scope.closed,
                outside=outside, hops=scope.hops,
            )  # fmt: skip
        level = level_of(scope, self.index)
        word = str(level.value) if isinstance(level, Scalar) else ""
        if word in ("resource", OBJECT):
            return self._scope_reference(source, via, scope)
        targets, candidates = self._within(word, *_named(scope, self.index)) if word else ((), ())
        hops = scope.hops if isinstance(scope, Link) else ()
        return Reference(source=source, via=via, value=scope, targets=targets, candidates=candidates, hops=hops)

    def _perhaps(self, scope: Unknown) -> tuple[tuple[str, ...], str]:
        """Return the vaults that the candidates of a scope cover, and the type of a candidate outside the graph.

        Computed once for all scopes with the same candidates.
        """
        question = (scope.candidates, scope.types)
        certain = self._candidates.get(question)
        if certain is None:
            type_ = type_of_any(scope.types).removeprefix("?")
            parts = [self._covered("", "", Link(at=scope.at, target=one, type=type_)) for one in scope.candidates]
            found = dict.fromkeys(vault for part in parts for vault in part.targets + part.candidates)
            certain = tuple(found), next((part.outside for part in parts if part.outside), "")
            self._candidates[question] = certain
        return certain

    def _within(self, level: str, subscription: str, group: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the vaults that are certainly in a scope of a level, and those that may be."""
        question = (level, subscription, group)
        found = self._known.get(question)
        if found is None:
            found = self._known[question] = self._looked_up(level, subscription, group)
        return found

    def _looked_up(self, level: str, subscription: str, group: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        if level == "tenant":
            return self.all, ()
        if level == "management group" or not (subscription if level == "subscription" else group):
            return (), self.all
        certain: list[str] = []
        perhaps: list[str] = []
        for (own_subscription, own_group), addresses in self._places.items():
            if level == "subscription":
                fits = _may_be(own_subscription, subscription)
                sure = own_subscription == subscription
            else:
                # A vault that is not created yet has no subscription ID, only the name of its resource group.
                fits = _may_be(own_group, group) and (not subscription or _may_be(own_subscription, subscription))
                sure = own_group == group and (not subscription or own_subscription in ("", subscription))
            if fits:
                (certain if sure else perhaps).extend(addresses)
        return tuple(certain), tuple(perhaps)

    def _scope_reference(self, source: str, via: str, scope: Value) -> Reference:
        """Return the reference of a scope that is one resource: the vault, or an object in it."""
        value = scope
        text = scope.string
        if text:
            # subscriptions/S/resourceGroups/R/providers/Microsoft.KeyVault/vaults/NAME has eight parts.
            whole = join_texts(["", *split_text(strip_text(text, "/"), "/")[:8]], "/")
            value = scope.with_string(whole)
        for _ in range(_DEPTH):
            inner = self.index.resources.get(value.target) if isinstance(value, Link) else None
            above = inner.attributes.fields.get("parent") if inner is not None and _is_inside(inner) else None
            value = above if above is not None else value
        found = reference_of(source, via, value, self.index)
        return found or Reference(source=source, via=via, value=scope)


def _is_inside(resource: Resource) -> bool:
    """Return whether a resource is in a vault or managed HSM."""
    return resource.type.lower().startswith(_OBJECTS)


def _place(vault: Resource, index: Index) -> tuple[str, str]:
    """Return the subscription and resource group of a vault in lower case; empty where not known."""
    for name in ("id", "resourceGroupId"):
        value = vault.attributes.fields.get(name)
        place = _named(value, index) if value is not None else ("", "")
        if any(place):
            return place
    group = vault.select(("resourceGroupName",))
    subscription = _in_provider(_provider_subscription(vault), index)
    return subscription, (str(group.value).lower() if isinstance(group, Scalar) else "")


def _provider_subscription(resource: Resource) -> str:
    """Return the subscription of the provider that creates a resource, as IDs in Terraform source have it.

    Empty for vaults, which have an ID there, and for plans, whose IDs do not name the provider.
    """
    provider = resource.attributes.fields.get("provider")
    if resource.type.lower() in _VAULT_TYPES or resource.action is not None or not isinstance(provider, Link):
        return ""
    return _hole_of_provider(provider.target)


def _may_be(own: str, expected: str) -> bool:
    """Return whether two names, or their patterns, can be the same; an empty one is not known."""
    return not own or may_equal(own, expected)


_BELOW_TENANT = ("subscription", "resource group", "resource", OBJECT)


def contains(outer: Value, inner: Value, index: Index) -> Sure:
    """Return whether a scope is, or contains, another one."""
    if _same_scope(outer, inner):
        return Sure.YES
    levels = [level_of(scope, index) for scope in (outer, inner)]
    above, below = (str(level.value) if isinstance(level, Scalar) else "" for level in levels)
    if above == "tenant":
        return Sure.YES
    if above in ("", "management group") or not below:
        return Sure.PERHAPS if above in ("", "management group", "subscription", "resource group") else Sure.NO
    if above not in _BELOW_TENANT[:2] or below not in _BELOW_TENANT[_BELOW_TENANT.index(above) :]:
        return Sure.NO
    (subscription, group), (own_subscription, own_group) = (_named(scope, index) for scope in (outer, inner))
    pairs = [(own_subscription, subscription)]
    if above == "resource group":
        pairs.append((own_group, group))
    elif not any(own for own, _ in pairs) and own_group:
        # In templates and new deployments, a group without an ID is in the subscription of the deployment.
        return Sure.PERHAPS
    if not all(_may_be(own, expected) or not expected for own, expected in pairs):
        return Sure.NO
    return Sure.YES if all(own == expected for own, expected in pairs) else Sure.PERHAPS


def _same_scope(one: Value, other: Value) -> bool:
    if isinstance(one, Link) or isinstance(other, Link):
        return isinstance(one, Link) and isinstance(other, Link) and one.target == other.target
    return one.text != "" and one.text.lower().rstrip("/") == other.text.lower().rstrip("/")


def _parts(text: str) -> tuple[str, str]:
    """Return the subscription and resource group at the start of an id or scope, in lower case; empty if missing."""
    parts = text.strip("/").lower().split("/")
    if parts[0] != "subscriptions" or len(parts) < 2:
        return "", ""
    return parts[1], (parts[3] if len(parts) > 3 and parts[2] == "resourcegroups" else "")


def _named(scope: Value, index: Index) -> tuple[str, str]:
    """Return the subscription and resource group of a scope in lower case; empty where not known."""
    subscription, group = _written(scope, index)
    return _in_provider(subscription, index), group


def _in_provider(subscription: str, index: Index) -> str:
    """Return the ID of the subscription of a provider in Terraform source, if the provider has one; else the same."""
    for provider in index.of_type(PROVIDER_TYPE.lower()) if has_holes(subscription) else ():
        own = provider.select((SUBSCRIPTION,))
        if isinstance(own, Scalar) and subscription == _hole_of_provider(provider.address):
            return str(own.value).lower()
    return subscription


def _hole_of_provider(address: str) -> str:
    """Return what stands for the subscription of a provider in IDs of Terraform source, in lower case."""
    return declared_hole(TERRAFORM, address, "subscription").text.lower()


def _written(scope: Value, index: Index) -> tuple[str, str]:
    """Return the subscription and resource group of a scope as they are written."""
    if isinstance(scope, Scalar | Unknown):
        return _parts(scope.text)
    if isinstance(scope, Link) and scope.target in index.resources:
        target = index.resources[scope.target]
        text = target.select(("id",)).text
        if text:
            return _parts(text)
        name = target.select(("name",))
        is_group = target.type.lower() == "microsoft.resources/resourcegroups"
        return "", (str(name.value).lower() if is_group and isinstance(name, Scalar) else "")
    return "", ""


ASSIGNMENTS = "microsoft.authorization/roleassignments"
# Assignments by privileged identity management: active ones, and those that the principal is eligible to activate.
ACTIVE = "microsoft.authorization/roleassignmentschedulerequests"
ELIGIBLE = "microsoft.authorization/roleeligibilityschedulerequests"
GRANTS = (ASSIGNMENTS, ACTIVE, ELIGIBLE)
# Other resources that have a scope.
_EXTENSIONS = ("microsoft.authorization/locks", "microsoft.insights/diagnosticsettings")
# Only followed as a reference, from a scope to the vaults in it.
COVERS = "derived.covers"

ROLE: tuple[Path, ...] = (("properties", "roleDefinitionName"), ("properties", "roleDefinitionId"))
# The attributes that identify a custom role, and its permissions.
_CUSTOM: tuple[Path, ...] = (("name",), ("properties", "roleName"))
_PERMISSIONS: Path = ("properties", "permissions")
# The attributes that are the id of a role definition.
_IDS = ("id", "role_definition_resource_id")
SCOPE_NEEDS: Mapping[str, tuple[Path, ...]] = {
    "microsoft.resources/resourcegroups": (("name",), ("id",)),
    "microsoft.resources/subscriptions": (("id",),),
    "microsoft.management/managementgroups": (("id",),),
}
# A scope may be an object in a vault: the reference is followed to the vault.
COVERS_NEEDS: Mapping[str, tuple[Path, ...]] = {
    **dict.fromkeys(GRANTS, (SCOPE,)),
    **dict.fromkeys((VAULTS, MANAGED_HSMS), (("id",), ("resourceGroupName",))),
    **{f"{VAULTS}/{kind}": (("parent",),) for kind in ("keys", "secrets", "certificates")},
    f"{MANAGED_HSMS}/keys": (("parent",),),
    **SCOPE_NEEDS,
    PROVIDER_TYPE.lower(): ((SUBSCRIPTION,),),
}


_OF_GRANTS: Mapping[str, tuple[Path, ...]] = dict.fromkeys(GRANTS, ROLE)
# The attributes that are read to find the role of an assignment, and the permissions of that role.
ROLE_NEEDS: Mapping[str, tuple[Path, ...]] = {**_OF_GRANTS, DEFINITIONS: (*_CUSTOM, _PERMISSIONS)}


@derived("roleName", of=GRANTS, label="role", reads={**_OF_GRANTS, DEFINITIONS: _CUSTOM})
def role_name(resource: Resource, context: Context) -> Answer:
    """Return the name of the role that an assignment assigns; its id if the name is not known."""
    name = resource.select(("properties", "roleDefinitionName"))
    if isinstance(name, Scalar):
        return name
    looked_up = _name_of_looked_up(name, context)
    if looked_up is not None:
        return known(name, looked_up)
    role = resource.select(("properties", "roleDefinitionId"))
    by_id = role_by_id(role.text)
    if by_id is not None:
        return known(resource, by_id)
    definition = _definition(role, context)
    if definition is not None:
        looked_up = role_by_id(definition.name) if definition.existing else None
        if looked_up is not None:
            return known(resource, looked_up)
        own = definition.select(("properties", "roleName"))
        # A data source that is looked up by id may be any role: the id identifies it.
        has_id = definition.existing and role.text
        if isinstance(own, Scalar) or (isinstance(own, Unknown) and not has_id):
            return own
        if not has_id:
            return known(resource, definition.name)
    if isinstance(role, Scalar):
        return msgspec.structs.replace(role, origin=Origin.DERIVED)
    guid = role.text.rstrip("/").rpartition("/")[2]
    if guid and not has_holes(guid):
        # The GUID alone identifies the role, whatever its scope. It is not a built-in role.
        return known(role, guid)
    if isinstance(role, Unknown) or isinstance(name, Unknown):
        return role if isinstance(role, Unknown) else name
    # Every assignment has a role: it is outside the graph, or a caller sets the variable that is null here.
    return unknown(resource, "the role ID has no value")


def _name_of_looked_up(name: Answer, context: Context) -> str | None:
    """Return the name of the built-in role whose definition a data source reads by its ID, if ``name`` is that name."""
    text = name.string
    if not isinstance(text, DeclaredHole) or text.path != "name":
        return None
    definition = context.index.resources.get(text_form(text.address))
    if definition is None or not definition.existing or definition.type.lower() != DEFINITIONS:
        return None
    return role_by_id(definition.name)


def _definition(role: Answer, context: Context) -> Resource | None:
    """Return the custom role that a role assignment names, if it is in the graph."""
    if isinstance(role, Absent):
        return None
    text = role.text
    # Privileged identity management requires the subscription ID before the role ID.
    last = next(reversed(parts_of(role.string)), None)
    behind = text_form(last.address) if isinstance(last, DeclaredHole) and last.path in _IDS else ""
    if text and not behind:
        # The provider appends the scope to its own id of a definition; the GUID in both is the name in Azure.
        same = context.index.named(DEFINITIONS, text.rstrip("/").rpartition("/")[2].lower())
        return same[0] if len(same) == 1 else None
    reference = None if behind else reference_of("", "", role, context.index)
    targets = (behind,) if behind else reference.targets if reference is not None else ()
    found = context.index.resources.get(targets[0]) if len(targets) == 1 else None
    return found if found is not None and found.type.lower() == DEFINITIONS else None


@derived("mayCoverVaults", of=GRANTS, label="scope that can contain a vault", reads=(SCOPE,))
def _may_cover_vaults(resource: Resource, context: Context) -> Answer:
    """Return whether the scope can be, contain, or be in a vault: it is not a resource of another type."""
    scope = resource.select(SCOPE)
    types = _types_of_scope(scope, context.index)
    if isinstance(scope, Unknown) and not types:
        return scope
    return known(resource if isinstance(scope, Absent) else scope, not types or any(map(_is_around_vaults, types)))


def _types_of_scope(scope: Answer, index: Index) -> tuple[str, ...]:
    """Return the types that a scope can have, "" for any; nothing if that is not known."""
    match scope:
        case Link(target=target, type=type_):
            found = index.resources.get(target)
            return (found.type if found is not None else type_,)
        case Unknown(types=types) if types:
            return types
    if scope_level(scope.text) not in (None, "resource"):
        return ("",)
    parts = parse_id(scope.text)
    return () if parts is None or has_holes(parts.type) else (parts.type,)


def _is_around_vaults(type_: str) -> bool:
    lower = type_.lower()
    return not lower or lower in _LEVELS or lower in _VAULT_TYPES or lower.startswith(_OBJECTS)


@derived("operations", of=(DEFINITIONS, *GRANTS), label="allowed operation", reads=ROLE_NEEDS)
def operations(resource: Resource, context: Context) -> Answer:
    """Return the operations on key vaults that a role definition, or the role of an assignment, allows."""
    if resource.type.lower() == DEFINITIONS:
        return operations_of(resource)
    name = role_name(resource, context)
    if not isinstance(name, Scalar):
        declared = declared_role(resource, context)
        return name if declared is None else _located_at(resource, operations_of(declared))
    own = operations_of_built_in(str(name.value).lower())
    if own is None:
        custom = custom_role(resource, name, context)
        if custom is None:
            return unknown(name, f"role `{name.display()}` is not declared in the scanned files")
        if isinstance(custom, Unknown):
            return custom
        return _located_at(resource, operations_of(custom))
    note = "" if name.sensitive else f"allowed by role `{name.value}`"
    items: list[Value] = [known(name, one, note, sensitive=name.sensitive) for one in own.certain]
    if own.possible:
        items.append(unknown(name, own.why))
    return known_list(name, items)


def _located_at(resource: Resource, found: Value) -> Value:
    """Return the operations of a custom role, located at its assignment."""
    if isinstance(found, ListValue):
        items = tuple(msgspec.structs.replace(item, at=resource.at) for item in found.items)
        return msgspec.structs.replace(found, at=resource.at, items=items)
    return msgspec.structs.replace(found, at=resource.at)


def declared_role(resource: Resource, context: Context) -> Resource | None:
    """Return the custom role whose ID a role assignment has, if it is declared here; its name may be unknown."""
    found = _definition(resource.select(("properties", "roleDefinitionId")), context)
    return None if found is None or found.existing else found


def custom_role(resource: Resource, name: Scalar, context: Context) -> Resource | Unknown | None:
    """Return the custom role that an assignment refers to by id or by name."""
    definition: Resource | Unknown | None = _definition(resource.select(("properties", "roleDefinitionId")), context)
    if definition is None:
        kept: dict[str, Resource | Unknown] | None = context.cache.get("roles")
        if kept is None:
            kept = context.cache["roles"] = {}
            for one in (one for one in context.index.of_type(DEFINITIONS) if not one.existing):
                own = one.select(("properties", "roleName"))
                kept[own.text.lower() if isinstance(own, Scalar) else ""] = own if isinstance(own, Unknown) else one
        definition = kept.get(str(name.value).lower(), kept.get(""))
    # The operations of a role that is only looked up are not known.
    return None if isinstance(definition, Resource) and definition.existing else definition


@derived(
    "scopeLevel",
    of=(*GRANTS, *_EXTENSIONS),
    label="scope level",
    reads={**dict.fromkeys((*GRANTS, *_EXTENSIONS), (SCOPE,)), **SCOPE_NEEDS},
)
def _scope_level(resource: Resource, context: Context) -> Answer:
    scope = resource.select(SCOPE)
    if isinstance(scope, Absent) and resource.type.lower() in GRANTS:
        # Every assignment requires a scope, so a caller sets the variable that is null here.
        return unknown(scope, "`scope` has no value")
    return or_absent(level_of(scope, context.index), resource)


@derived(
    "scopeLevels",
    of=DEFINITIONS,
    label="assignable scope level",
    reads={DEFINITIONS: (("properties", "assignableScopes"), SCOPE), **SCOPE_NEEDS},
)
def _scope_levels(resource: Resource, context: Context) -> Answer:
    """Return the levels at which a custom role can be assigned.

    The provider defaults to the role's own scope.
    """
    scopes = resource.select(("properties", "assignableScopes"))
    if isinstance(scopes, Absent) or (isinstance(scopes, ListValue) and not scopes.items):
        level = level_of(resource.select(SCOPE), context.index)
        return known_list(resource, (level,)) if level is not None else absent(resource)
    if isinstance(scopes, ListValue):
        levels = (level_of(scope, context.index) for scope in scopes.items)
        return known_list(scopes, (x for x in levels if x is not None))
    return scopes if isinstance(scopes, Unknown) else absent(resource)


also_reads(COVERS, COVERS_NEEDS)
