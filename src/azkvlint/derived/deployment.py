"""The order of deployment: whether an access grant exists before the objects and services that require it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TypeAlias

from azkvlint.derived.assignments import ASSIGNMENTS, COVERS, COVERS_NEEDS, Coverage
from azkvlint.derived.companions import Sure
from azkvlint.derived.consumer_permissions import Reader, held
from azkvlint.derived.grants import DEPLOYER, NEEDS, Grant, grants_of
from azkvlint.derived.identities import assigned_to
from azkvlint.derived.registry import Context, absent, derived, known, unknown, unknown_as
from azkvlint.derived.secret_access import (
    ALL_NEEDS,
    ALL_READERS,
    ELSEWHERE,
    MAY_REFER,
    Reading,
    holder_of,
    readers_of,
    readings_of,
    vaults_read,
)
from azkvlint.derived.vaults import BY_ROLES, POLICIES, RBAC, VAULTS, model_of
from azkvlint.graph.pseudo_resources import AFTER, GRANT_TYPES, GRANTS, STARTS, UNRESOLVED
from azkvlint.graph.references import reference_of
from azkvlint.model.location import static_address
from azkvlint.model.resource import Reference, Resource
from azkvlint.model.value import Answer, Link, ListValue, Scalar, Unknown, Value

# By type of object: permissions, any of which is sufficient to write it.
_WRITES = {
    f"{VAULTS}/secrets": ("secrets/set",),
    f"{VAULTS}/keys": ("keys/create", "keys/import"),
    f"{VAULTS}/certificates": ("certificates/create", "certificates/import"),
}
_ASSUMED = "resources that exist only under an assumption"
_LATE = "grants that are not created before the last object"
_KEPT = {type_: f"grants to the deployment identity, of {type_}" for type_ in _WRITES}


@derived(
    "waitsForGrant",
    of=_WRITES,
    label="dependency on the role assignment or access policy",
    reads={
        **NEEDS,
        **COVERS_NEEDS,
        **dict.fromkeys(_WRITES, (("parent",),)),
        VAULTS: (*NEEDS[VAULTS], *COVERS_NEEDS.get(VAULTS, ()), RBAC),
        ASSIGNMENTS: (*COVERS_NEEDS[ASSIGNMENTS], *NEEDS[ASSIGNMENTS]),
    },
)
def _waits_for_grant(resource: Resource, context: Context) -> Answer:
    """Return whether an object depends on a grant to the deployment identity, if there is one on its vault."""
    type_ = resource.type.lower()
    certain, perhaps = _grants(type_, context) if type_ in _WRITES else ({}, {})
    if not certain and not perhaps:
        return absent(resource)
    above = resource.attributes.fields.get("parent")
    if (
        isinstance(above, Link)
        and above.target in context.index.resources
        and _has_none(above.target, certain, perhaps)
    ):
        return absent(resource)
    made_after = resource.select(("derived", AFTER))
    if not isinstance(made_after, ListValue) or above is None:
        return absent(resource)
    reference = reference_of(resource.address, "parent", above, context.index)
    if reference is None:
        return absent(resource)
    vault = reference.targets[0] if len(reference.targets) == 1 else ""
    grants = certain.get(vault, [])
    may_be = [*grants, *perhaps.get(vault, ()), *perhaps.get("", ())]
    if reference.anything or reference.candidates:
        may_be = [grant for found in (certain, perhaps) for those in found.values() for grant in those]
    context.index.pairs.add(len(may_be))
    if _is_any_assumed(context):
        # A grant that may exist independently of the object does not make the result unknown.
        may_be = [grant for grant in may_be if not context.index.resources[grant].exists_apart_from(resource)]
        grants = [grant for grant in grants if not context.index.resources[grant].exists_apart_from(resource)]
    if not may_be:
        return absent(resource)
    before = frozenset(str(item.value) for item in made_after.items if isinstance(item, Scalar))
    late = _late(tuple(may_be), before, context)
    # One grant is enough; whether a possible grant is enough is not known.
    if not late or not set(grants) <= set(late):
        return known(resource, True)
    inline = _in_vault(resource, vault, context)
    if isinstance(inline, Unknown) or inline:
        return inline if isinstance(inline, Unknown) else known(resource, True)
    if not grants or len(late) < len(may_be):
        return unknown(resource, f"`{late[0]}` may allow creating the object")
    if UNRESOLVED in before:
        return unknown(resource, f"the dependency on `{grants[0]}` cannot be traced")
    return known(resource, False, grants[0])


def _has_none(vault: str, certain: Mapping[str, list[str]], perhaps: Mapping[str, list[str]]) -> bool:
    """Return whether there are no grants on a vault."""
    return vault not in certain and vault not in perhaps and "" not in perhaps


def _in_vault(resource: Resource, address: str, context: Context) -> bool | Unknown:
    """Return whether the vault's own policies let the deployment identity write an object.

    The object always depends on its vault.
    """
    vault = context.index.resources.get(address)
    if vault is None:
        return False
    model, found = model_of(vault), grants_of(vault, context)
    if isinstance(model, Scalar) and model.value == BY_ROLES:
        return False
    doubts = [found] if isinstance(found, Unknown) else []
    for one in () if isinstance(found, Unknown) else found:
        kind = one.identity.kind_of(resource.at)
        lets = any(word in one.permissions for word in _WRITES[resource.type.lower()])
        if isinstance(kind, Scalar) and kind.value != DEPLOYER:
            continue
        unsure = [why for why in (kind, model, None if lets else one.doubt) if isinstance(why, Unknown)]
        if lets and not unsure:
            return True
        if lets or one.doubt is not None:
            doubts += unsure
    return unknown(resource, doubts[0].why) if doubts else False


@derived(
    "waitsForAccess",
    of=ALL_READERS,
    label="dependency on the role assignment or access policy",
    reads=ALL_NEEDS,
)
def _waits_for_access(resource: Resource, context: Context) -> Answer:
    """Return whether a service depends on the grants without which it cannot read its keys, secrets or certificates.

    Absent if none is needed: a vault has the policy itself, or the identity does not exist before the service.
    """
    made_after = resource.select(("derived", AFTER))
    holder = holder_of(resource, context) if isinstance(made_after, ListValue) else None
    if not isinstance(made_after, ListValue) or holder is None:
        return absent(resource)
    before = frozenset(str(item.value) for item in made_after.items if isinstance(item, Scalar))
    found: Answer = absent(resource)
    doubts: dict[bool, Unknown] = {}
    for reading in readings_of(resource, holder if isinstance(holder, Resource) else None, context):
        vaults, is_certain = vaults_read(reading, resource, context)
        readers, why = _readers(reading, resource, holder, context) if vaults else ((), "")
        if not is_certain or len(vaults) > 1:
            why = why or unknown_as(reading.value, MAY_REFER).why
        if why and is_certain in doubts:
            continue
        for vault, reader in product(vaults, readers):
            one = _depends(reading, context.index.resources[vault], reader, resource, before, context)
            if one is None:
                continue
            if isinstance(one, Scalar) and one.value is True:
                found = one
            elif isinstance(one, Scalar) and not why:
                return one
            else:
                doubts.setdefault(is_certain, unknown(reading.value, why) if why else unknown_as(one, why))
    # A certain reference is a better reason than a value that may be none.
    return doubts.get(True, doubts.get(False, found))


def _readers(
    reading: Reading, resource: Resource, holder: Resource | Unknown, context: Context
) -> tuple[Sequence[Reader], str]:
    """Return the identities that may read and exist before the service; and why it is not known which one reads.

    Grants to an identity outside the input are not in it either.
    """
    anyone = Reader(unless=resource)
    if isinstance(holder, Unknown):
        return [anyone], holder.why
    readers, why = readers_of(reading, holder, assigned_to(holder, context), context)
    if why:
        return ([], "") if why == ELSEWHERE else ([anyone], why)
    why = "any of several identities may read the vault" if len(readers) > 1 else ""
    # The documentation does not state which identity reads.
    named = [reader if reader.key[0] else anyone for reader in readers]
    return [reader for reader in named if reader.resource is not resource], why


def _depends(
    reading: Reading, vault: Resource, reader: Reader, resource: Resource, before: frozenset[str], context: Context
) -> Value | None:
    """Return whether a service depends on the grants on a vault that an identity needs; None if it needs none."""
    permissions = held(vault, reading.thing, reader, reading.use.permissions, context)
    if permissions.sure is Sure.NO:
        return None
    found: Value | None = None
    for certain, possible in zip(permissions.certain, permissions.possible, strict=True):
        grants = [context.index.resources[address] for address in sorted(possible)]
        if any(one.address in certain and not _is_created(one) for one in grants):
            continue
        grants = [one for one in grants if one.address in certain or not one.exists_apart_from(resource)]
        late = _late(tuple(one.address for one in grants if _is_created(one)), before, context)
        if not certain <= set(late):
            found = known(resource, True) if found is None else found
        elif late:
            first = next((address for address in late if address in certain), late[0])
            is_traced = not _untraced(late, before)
            if permissions.sure is Sure.YES and len(late) == len(grants) and is_traced:
                return known(reading.value, False, first)
            doubt = unknown_as(model_of(vault), f"`{first}` may be what lets it read the vault").why
            found = unknown(reading.value, doubt if is_traced else f"the dependency on `{first}` cannot be traced")
    return found


def _is_created(grant: Resource) -> bool:
    """Return whether a grant is a resource of its own that is created now."""
    is_grant = grant.declared_as in GRANTS or (grant.declared_as.lower() in GRANT_TYPES and not grant.existing)
    return is_grant and grant.action in (None, "create", "replace")


def _is_any_assumed(context: Context) -> bool:
    """Return whether any resource exists only under an assumption."""
    found = context.cache.get(_ASSUMED)
    if found is None:
        resources = context.index.resources.values()
        found = context.cache[_ASSUMED] = any(one.assumption is not None for one in resources)
    return bool(found)


def _late(grants: tuple[str, ...], before: frozenset[str], context: Context) -> list[str]:
    """Return the grants that are not certainly created before an object: not themselves, or all in a module or loop.

    The objects of one vault follow each other, and often depend on the same resources.
    """
    last: tuple[tuple[str, ...], frozenset[str], list[str]] | None = context.cache.get(_LATE)
    if last is not None and last[:2] == (grants, before):
        return last[2]
    starts = tuple(one for one in before if one.endswith(STARTS))
    late = [
        grant
        for grant in grants
        if not any(place in before or place.startswith(starts) for place in (grant, static_address(grant)))
    ]
    context.cache[_LATE] = grants, before, late
    return late


def _untraced(grants: Sequence[str], before: frozenset[str]) -> bool:
    """Return whether any of some grants may be created before an object."""
    starts = tuple(one.removeprefix(UNRESOLVED) for one in before if one.startswith(UNRESOLVED))
    return any(place.startswith(starts) for grant in grants for place in (grant, static_address(grant)))


_Grants: TypeAlias = "tuple[dict[str, list[str]], dict[str, list[str]]]"


def _grants(type_: str, context: Context) -> _Grants:
    """Return the certain and the possible grants that let the deployment identity write such objects, by vault.

    A grant that may be for any vault is under the empty name.
    """
    key = _KEPT[type_]
    found = context.cache.get(key)
    if not isinstance(found, tuple):
        found = context.cache[key] = ({}, {})
        index = context.index
        for policy in index.of_type(POLICIES):
            above = policy.attributes.fields.get("parent")
            sure = None if above is None else _lets_deployer_write(type_, policy, context)
            if above is not None and sure is not False:
                reference = reference_of(policy.address, "parent", above, index)
                if reference is not None:
                    _note(found, policy, reference, sure)
        # Coverage is slow to compute, and few assignments are to the deployment identity.
        assignments = [one for one in index.of_type(ASSIGNMENTS) if one.stays]
        checked = ((one, _lets_deployer_write(type_, one, context)) for one in assignments)
        theirs = {one.address: sure for one, sure in checked if sure is not False}
        if theirs:
            for reference in Coverage(index).references(COVERS, frozenset({ASSIGNMENTS})):
                if reference.source in theirs:
                    _note(found, index.resources[reference.source], reference, theirs[reference.source])
    return found


def _note(found: _Grants, grant: Resource, reference: Reference, sure: bool | None) -> None:
    """Record a grant; ``sure`` is None if it is not known whether its principal is the deployment identity."""
    for vault in reference.targets:
        found[0 if sure else 1].setdefault(vault, []).append(grant.address)
    for vault in (*reference.candidates, *([""] if reference.anything else ())):
        found[1].setdefault(vault, []).append(grant.address)


def _lets_deployer_write(type_: str, grant: Resource, context: Context) -> bool | None:
    """Return whether a grant lets the deployment identity write such objects; None if that is not known.

    A grant that exists already is not waited for.
    """
    if not _is_created(grant):
        return False
    found = grants_of(grant, context)
    if isinstance(found, Unknown):
        return None
    answers = [_lets_write(type_, one) for one in found]
    return True if True in answers else None if None in answers else False


def _lets_write(type_: str, grant: Grant) -> bool | None:
    kind = grant.identity.kind_of(grant.item.at)
    is_someone_else = isinstance(kind, Scalar) and kind.value != DEPLOYER
    lets = any(word in grant.permissions for word in _WRITES[type_])
    if is_someone_else or not (lets or grant.doubt is not None):
        return False
    return True if lets and isinstance(kind, Scalar) else None
