"""The duties that each principal has over a vault, by all its policies and role assignments together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from azkvlint.derived.assignments import ACTIVE, ASSIGNMENTS, COVERS, COVERS_NEEDS
from azkvlint.derived.grants import NEEDS, Grant, grants_of
from azkvlint.derived.registry import Context, derived, known, known_list, known_object, unknown
from azkvlint.derived.scope import Coverage
from azkvlint.derived.vaults import POLICIES, RBAC, VAULTS, model_of
from azkvlint.graph.references import references_by
from azkvlint.model.resource import Reference, Resource
from azkvlint.model.value import Answer, Scalar, Unknown, Value

# Duties, and the permissions any of which is one.
_DUTIES: Mapping[str, frozenset[str]] = {
    "manage-secrets": frozenset({"secrets/set"}),
    "use-secrets": frozenset({"secrets/get"}),
    "manage-keys": frozenset({"keys/create", "keys/import"}),
    "use-keys": frozenset({"keys/sign", "keys/decrypt", "keys/unwrapkey"}),
}
_ASSIGN = "assign-roles"
# An officer's role holds everything over a kind of objects; what it is given for is to manage them.
_OFFICERS: Mapping[str, tuple[str, ...]] = {
    "key vault administrator": ("manage-secrets", "manage-keys"),
    "key vault secrets officer": ("manage-secrets",),
    "key vault crypto officer": ("manage-keys",),
}
# Of many grants so many are told.
_MOST = 5


def _duties_of(grant: Grant) -> frozenset[str]:
    found = _OFFICERS.get(grant.role)
    if found is None:
        words = grant.permissions.keys()
        found = tuple(duty for duty, permissions in _DUTIES.items() if not permissions.isdisjoint(words))
    return frozenset((*found, _ASSIGN) if grant.assigns else found)


class _Holder:
    """One principal: its grants, whether each is certain, and the duties that they amount to."""

    def __init__(self, grant: Grant) -> None:
        self.identity = grant.identity
        self.duties: dict[str, str] = {}
        self.doubt: Unknown | None = None
        self.perhaps: set[str] = set()

    def add(self, grant: Grant, certain: bool) -> None:
        """Take one more grant."""
        if certain:
            for duty in sorted(_duties_of(grant)):
                self.duties.setdefault(duty, grant.source.address)
        else:
            self.perhaps |= _duties_of(grant)
        self.doubt = grant.doubt if self.doubt is None else self.doubt


class _Sources:
    """Where grants come from: by vault, what certainly or perhaps is for it; and what may be for any vault."""

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
    label="duties of principals",
    reads={
        type_: (*COVERS_NEEDS.get(type_, ()), *NEEDS.get(type_, ()), *((RBAC,) if type_ == VAULTS else ()))
        for type_ in _ALL_TYPES
    },
)
def _principals(resource: Resource, context: Context) -> Answer:
    model = model_of(resource.select(RBAC))
    if isinstance(model, Unknown):
        return model
    by_roles = isinstance(model, Scalar) and model.value == "rbac"
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
            # Of whom nothing is known nobody can say that it is the same twice.
            key = grant.identity.key or f"{address} {number}"
            holders.setdefault(key, _Holder(grant)).add(grant, sure)
    return known_list(resource, _told(resource, holders, sources))


def _told(vault: Resource, holders: Mapping[str, _Holder], sources: _Sources) -> Iterator[Value]:
    """Each principal with its duties; not known is one that it has only if it is the same as another one here."""
    duties: dict[str, set[str]] = {"": set(sources.anywhere)}
    for holder in holders.values():
        duties.setdefault(holder.identity.family, set()).update(holder.duties, holder.perhaps)
    for holder in holders.values():
        own = holder.identity.family
        same = set().union(*(some for family, some in duties.items() if not own or family != own))
        doubt = sources.doubt if holder.doubt is None else holder.doubt
        if doubt is None and (same | holder.perhaps) - set(holder.duties):
            why = f"whether {holder.identity.label} has other rights too is not known"
            doubt = unknown(vault, why)
        parts = [f"{duty} by {address}" for duty, address in holder.duties.items()][:_MOST]
        note = f"{holder.identity.label} has {', '.join(parts)}"
        items: list[Value] = [known(vault, duty) for duty in holder.duties]
        if doubt is not None:
            items.append(doubt)
        told = known_list(vault, items, note)
        yield known_object(vault, {"duties": told, "kind": holder.identity.kind_of(vault.at)})
    if sources.doubt is not None or sources.anywhere:
        why = "a grant of which it is not known for which vault it is may be for this one"
        yield unknown(vault, why)


def _kept(name: str, make: Callable[[Context], Iterable[Reference]], context: Context) -> _Sources:
    """The sources of all vaults, made once for a graph."""
    found = context.cache.get(name)
    if not isinstance(found, _Sources):
        found = context.cache[name] = _Sources(make(context), context)
    return found


def _assignments(context: Context) -> Iterable[Reference]:
    """The vaults that the scope of each role assignment contains."""
    return Coverage(context.index).references(COVERS, frozenset({ASSIGNMENTS, ACTIVE}))


def _policies(context: Context) -> Iterable[Reference]:
    """The vault of each separate access policy."""
    return references_by("parent", frozenset({POLICIES}), context.index)
