"""The order of deployment: whether an access grant exists before the objects and services that require it."""

from __future__ import annotations

from collections.abc import Sequence

from azkvlint.derived.access_policies import VAULTS
from azkvlint.derived.answers import absent, known, unknown, unknown_as
from azkvlint.derived.companions import Sure
from azkvlint.derived.consumer_permissions import NEEDS as PERMISSION_NEEDS
from azkvlint.derived.consumer_permissions import Held, VaultReader, held_any, held_anywhere, new_thing
from azkvlint.derived.grants import DEPLOYER
from azkvlint.derived.registry import Context, derived, joined
from azkvlint.derived.vaults import model_of
from azkvlint.graph.pseudo_resources import AFTER, GRANT_TYPES, GRANTS, STARTS, UNRESOLVED
from azkvlint.graph.references import reference_of
from azkvlint.model.location import static_address
from azkvlint.model.resource import Resource
from azkvlint.model.value import Answer, ListValue, Scalar, Value

# By type of object: permissions, any of which is sufficient to write it.
_WRITES = {
    f"{VAULTS}/secrets": ("secrets/set",),
    f"{VAULTS}/keys": ("keys/create", "keys/import"),
    f"{VAULTS}/certificates": ("certificates/create", "certificates/import"),
}
_LATE = "grants that are not created before the last object"
_DEPLOYER = VaultReader(kind=DEPLOYER)


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
        one = depends(permissions, vault, resource, before, context)
        if isinstance(one, Scalar) and one.value is True:
            found = one
        elif one is not None:
            return one if len(places) == 1 else unknown(resource, unknown_as(above, "the vault is not known").why)
    return found


def depends(
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
            doubt = unknown_as(model, f"`{first}` may give access to the vault").why
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
