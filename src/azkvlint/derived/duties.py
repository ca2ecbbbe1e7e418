"""The duties of each principal over a vault, by all its policies and role assignments together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache

import msgspec

from azkvlint.azure.roles import DATA
from azkvlint.derived.access_policies import POLICIES, VAULTS
from azkvlint.derived.answers import known, known_list, known_object, unknown
from azkvlint.derived.assignments import ACTIVE, ASSIGNMENTS, COVERS, COVERS_NEEDS, Coverage
from azkvlint.derived.grants import NEEDS, Grant, grants_of
from azkvlint.derived.registry import Context, derived
from azkvlint.derived.vaults import BY_ROLES, RBAC, model_of
from azkvlint.graph.references import references_by
from azkvlint.model.resource import Reference, Resource
from azkvlint.model.value import Answer, Scalar, Unknown, Value

# Duties: permissions, any of which is sufficient to have the duty.
_DUTIES: Mapping[str, frozenset[str]] = {
    "manage secrets": frozenset({"secrets/set"}),
    "use secrets": frozenset({"secrets/get"}),
    "manage keys": frozenset({"keys/create", "keys/import"}),
    "use keys": frozenset({"keys/sign", "keys/decrypt", "keys/unwrapkey"}),
}
_ASSIGN = "assign roles"
# A built-in role with all permissions on a kind of objects is one of an officer, whose purpose is to manage them.
_OFFICERS: Mapping[str, str] = {"secrets": "use secrets", "keys": "use keys"}
# The maximum number of grants that a note lists.
_MOST = 5


def _duties_of(grant: Grant) -> frozenset[str]:
    words = grant.permissions.keys()
    found = {duty for duty, permissions in _DUTIES.items() if not permissions.isdisjoint(words)}
    if grant.role:
        found -= {duty for kind, duty in _OFFICERS.items() if _every(kind) <= words}
    return frozenset(found | {_ASSIGN} if grant.assigns else found)


@cache
def _every(kind: str) -> frozenset[str]:
    """Return the permissions on a kind of objects that a data action allows."""
    return frozenset(word for word in DATA.values() if word.partition("/")[0] == kind)


class _Holder:
    """One principal: its grants, whether each is certain, and the resulting duties."""

    def __init__(self, grant: Grant) -> None:
        self.identity = grant.identity
        self.duties: dict[str, str] = {}
        self.doubt: Unknown | None = None
        self.perhaps: set[str] = set()

    def add(self, grant: Grant, certain: bool) -> None:
        """Add one grant."""
        if certain:
            for duty in sorted(_duties_of(grant)):
                self.duties.setdefault(duty, grant.source.address)
        else:
            self.perhaps |= _duties_of(grant)
        self.doubt = grant.doubt if self.doubt is None else self.doubt


class _Sources:
    """The sources of grants: by vault, those that certainly or possibly apply to it; and those for any vault."""

    def __init__(self, references: Iterable[Reference], context: Context) -> None:
        self.by_vault: dict[str, list[tuple[str, bool]]] = {}
        self.anywhere: set[str] = set()
        self.doubt: Unknown | None = None
        for reference in references:
            for certain, vaults in ((True, reference.targets), (False, reference.candidates)):
                for vault in vaults:
                    self.by_vault.setdefault(vault, []).append((reference.source, certain))
            if reference.anything:
                self._anywhere(grants_of(context.index.resources[reference.source], context))

    def _anywhere(self, grants: tuple[Grant, ...] | Unknown) -> None:
        for grant in () if isinstance(grants, Unknown) else grants:
            self.anywhere |= _duties_of(grant)
            self.doubt = grant.doubt if self.doubt is None else self.doubt
        if isinstance(grants, Unknown):
            self.doubt = grants


_ALL_TYPES = {**COVERS_NEEDS, **NEEDS}


@derived(
    "principals",
    of=VAULTS,
    label="separation of duties",
    reads={
        type_: (*COVERS_NEEDS.get(type_, ()), *NEEDS.get(type_, ()), *((RBAC,) if type_ == VAULTS else ()))
        for type_ in _ALL_TYPES
    },
)
def _principals(resource: Resource, context: Context) -> Answer:
    model = model_of(resource)
    if isinstance(model, Unknown):
        return model
    by_roles = isinstance(model, Scalar) and model.value == BY_ROLES
    sources = _kept("assignments", _assignments, context) if by_roles else _kept("policies", _policies, context)
    found = [] if by_roles else [(resource.address, True)]
    holders: dict[str, _Holder] = {}
    for address, certain in found + sources.by_vault.get(resource.address, []):
        source = context.index.resources[address]
        grants = grants_of(source, context)
        if isinstance(grants, Unknown):
            return grants
        sure = certain and source.exists_with(resource)
        for number, grant in enumerate(grants):
            # Grants to unknown principals are never combined.
            key = grant.identity.key or f"{address} {number}"
            holders.setdefault(key, _Holder(grant)).add(grant, sure)
    return known_list(resource, _duties_by_principal(resource, holders, sources))


def _duties_by_principal(vault: Resource, holders: Mapping[str, _Holder], sources: _Sources) -> Iterator[Value]:
    """Yield each principal with its duties; a duty is unknown if it depends on two principals being the same."""
    duties: dict[str, set[str]] = {"": set(sources.anywhere)}
    for holder in holders.values():
        duties.setdefault(holder.identity.family, set()).update(holder.duties, holder.perhaps)
    for holder in holders.values():
        own = holder.identity.family
        same = set().union(*(some for family, some in duties.items() if not own or family != own))
        doubt = sources.doubt if holder.doubt is None else holder.doubt
        if doubt is None and (same | holder.perhaps) - set(holder.duties):
            why = f"{holder.identity.subject} may have other permissions"
            doubt = unknown(vault, why)
        parts = [f"{duty} (`{address}`)" for duty, address in holder.duties.items()][:_MOST]
        note = (
            f"{holder.identity.subject} can {', '.join(parts[:-1])}{' and ' if parts[1:] else ''}{''.join(parts[-1:])}"
        )
        items: list[Value] = [known(vault, duty) for duty in holder.duties]
        if doubt is not None:
            items.append(doubt)
        all_duties = known_list(vault, items, note)
        # A message contains equal notes only once.
        kind = msgspec.structs.replace(holder.identity.kind_of(vault.at), note=note)
        yield known_object(vault, {"duties": all_duties, "kind": kind})
    if sources.doubt is not None or sources.anywhere:
        yield unknown(vault, "a role assignment or access policy with an unknown scope may apply to the vault")


def _kept(name: str, make: Callable[[Context], Iterable[Reference]], context: Context) -> _Sources:
    """Return the sources of all vaults, computed once per graph."""
    found = context.cache.get(name)
    if not isinstance(found, _Sources):
        found = context.cache[name] = _Sources(make(context), context)
    return found


def _assignments(context: Context) -> Iterable[Reference]:
    """Return the vaults that the scope of each role assignment contains."""
    return Coverage(context.index).references(COVERS, frozenset({ASSIGNMENTS, ACTIVE}))


def _policies(context: Context) -> Iterable[Reference]:
    """Return the vault of each separate access policy."""
    return references_by("parent", frozenset({POLICIES}), context.index)
