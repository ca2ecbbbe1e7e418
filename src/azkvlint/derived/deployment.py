"""The order of deployment: whether an access grant exists before the objects that require it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from azkvlint.derived.assignments import ASSIGNMENTS, COVERS, COVERS_NEEDS, Coverage
from azkvlint.derived.grants import DEPLOYER, NEEDS, Grant, grants_of
from azkvlint.derived.registry import Context, absent, derived, known, unknown
from azkvlint.derived.vaults import BY_ROLES, POLICIES, RBAC, VAULTS, model_of
from azkvlint.graph.pseudo_resources import AFTER, GRANTS, UNRESOLVED
from azkvlint.graph.references import reference_of
from azkvlint.model.location import static_address
from azkvlint.model.resource import Reference, Resource
from azkvlint.model.value import Answer, Link, ListValue, Scalar, Unknown

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
    late = late_grants(tuple(may_be), before, context)
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


def is_created(grant: Resource) -> bool:
    """Return whether a grant is a resource of its own that is created now."""
    return grant.declared_as in GRANTS and grant.action in (None, "create", "replace")


def _is_any_assumed(context: Context) -> bool:
    """Return whether any resource exists only under an assumption."""
    found = context.cache.get(_ASSUMED)
    if found is None:
        resources = context.index.resources.values()
        found = context.cache[_ASSUMED] = any(one.assumption is not None for one in resources)
    return bool(found)


def late_grants(grants: tuple[str, ...], before: frozenset[str], context: Context) -> list[str]:
    """Return the grants that are not created before an object, neither themselves nor one of the modules around them.

    The objects of one vault follow each other, and often depend on the same resources.
    """
    last: tuple[tuple[str, ...], frozenset[str], list[str]] | None = context.cache.get(_LATE)
    if last is not None and last[:2] == (grants, before):
        return last[2]
    modules = tuple(f"{module}." for module in before if module.rpartition(".")[0].endswith("module"))
    places = ((grant, static_address(grant)) for grant in grants)
    late = [grant for grant, place in places if place not in before and not place.startswith(modules)]
    context.cache[_LATE] = grants, before, late
    return late


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
    if not is_created(grant):
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
