"""The order of deployment: whether an access grant exists before the objects and services that require it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from azkvlint.derived.companions import Sure
from azkvlint.derived.consumer_permissions import NEEDS as PERMISSION_NEEDS
from azkvlint.derived.consumer_permissions import Held, Reader, held, held_any, held_anywhere, new_thing
from azkvlint.derived.grants import DEPLOYER
from azkvlint.derived.identities import assigned_to
from azkvlint.derived.registry import Context, absent, derived, joined, known, unknown, unknown_as
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
from azkvlint.derived.vaults import VAULTS, model_of
from azkvlint.graph.pseudo_resources import AFTER, GRANT_TYPES, GRANTS, STARTS, UNRESOLVED
from azkvlint.graph.references import reference_of
from azkvlint.model.location import static_address
from azkvlint.model.resource import Resource
from azkvlint.model.value import Answer, ListValue, Scalar, Unknown, Value

# By type of object: permissions, any of which is sufficient to write it.
_WRITES = {
    f"{VAULTS}/secrets": ("secrets/set",),
    f"{VAULTS}/keys": ("keys/create", "keys/import"),
    f"{VAULTS}/certificates": ("certificates/create", "certificates/import"),
}
_LATE = "grants that are not created before the last object"
_DEPLOYER = Reader(kind=DEPLOYER)


@derived(
    "waitsForGrant",
    of=_WRITES,
    label="dependency on the role assignment or access policy",
    reads=joined(PERMISSION_NEEDS, dict.fromkeys(_WRITES, (("parent",),))),
)
def _waits_for_grant(resource: Resource, context: Context) -> Answer:
    """Return whether an object depends on a grant to the deployment identity, if there is one on its vault."""
    type_, above = resource.type.lower(), resource.attributes.fields.get("parent")
    made_after = resource.select(("derived", AFTER))
    if type_ not in _WRITES or above is None or not isinstance(made_after, ListValue):
        return absent(resource)
    reference = reference_of(resource.address, "parent", above, context.index)
    if reference is None:
        return absent(resource)
    before = frozenset(str(item.value) for item in made_after.items if isinstance(item, Scalar))
    words, thing = _WRITES[type_], new_thing(type_.rpartition("/")[2])
    vaults = [context.index.resources[address] for address in (*reference.targets, *reference.candidates)]
    # None is a vault that may be outside the input.
    places = [*vaults, None] if reference.anything else vaults
    found: Answer = absent(resource)
    for vault in places:
        permissions = (
            held_anywhere(_DEPLOYER, words, context)
            if vault is None
            else held_any(vault, thing, _DEPLOYER, words, context)
        )
        one = _depends(permissions, vault, resource, before, context)
        if isinstance(one, Scalar) and one.value is True:
            found = one
        elif one is not None:
            return one if len(places) == 1 else unknown(resource, unknown_as(above, "the vault is not known").why)
    return found


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
            there = context.index.resources[vault]
            permissions = held(there, reading.thing, reader, reading.use.permissions, context)
            one = _depends(permissions, there, resource, before, context, reading.value)
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
    permissions: Held,
    vault: Resource | None,
    resource: Resource,
    before: frozenset[str],
    context: Context,
    at: Value | None = None,
) -> Value | None:
    """Return whether a resource depends on the grants on a vault that give permissions; None if none is necessary.

    ``at`` is what needs them, if it is not the resource itself.
    """
    if permissions.sure is Sure.NO:
        return None
    where = resource if at is None else at
    found: Value | None = None
    for certain, possible in zip(permissions.certain, permissions.possible, strict=True):
        context.index.pairs.add(len(possible))
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
                return known(where, False, first)
            model = absent(resource) if vault is None else model_of(vault)
            doubt = unknown_as(model, f"`{first}` may be what gives access to the vault").why
            found = unknown(where, doubt if is_traced else f"the dependency on `{first}` cannot be traced")
    return found


def _is_created(grant: Resource) -> bool:
    """Return whether a grant is a resource of its own that is created now."""
    is_grant = grant.declared_as in GRANTS or (grant.declared_as.lower() in GRANT_TYPES and not grant.existing)
    return is_grant and grant.action in (None, "create", "replace")


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
