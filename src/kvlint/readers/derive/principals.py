"""The duties that each principal has over a vault, by all its policies and role assignments together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kvlint.model.graph import Resource
from kvlint.model.value import Absent, ListValue, MapValue, Scalar, Unknown, Value
from kvlint.readers.derive.assignments import ACTIVE, ASSIGNMENTS, COVERS, COVERS_NEEDS
from kvlint.readers.derive.attribute import Context, Derived
from kvlint.readers.derive.grants import NEEDS, Grant, grants_of
from kvlint.readers.derive.scope import Coverage
from kvlint.readers.derive.vaults import POLICIES, RBAC, VAULTS, model_of
from kvlint.readers.references import reference_of

# Of many grants so many are told.
_MOST = 5


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
            for duty in sorted(grant.duties):
                self.duties.setdefault(duty, grant.source.address)
        else:
            self.perhaps |= grant.duties
        self.doubt = grant.doubt if self.doubt is None else self.doubt


def _principals(resource: Resource, context: Context) -> Value | None:
    if resource.type.lower() != VAULTS:
        return None
    model = model_of(resource.select(RBAC))
    if isinstance(model, Unknown):
        return model
    sources = _covering(context) if isinstance(model, Scalar) and model.value == "rbac" else _policies(context)
    holders: dict[str, _Holder] = {}
    found = [(resource.address, True)] if sources is _policies(context) else []
    for address, certain in found + sources.get(resource.address, []):
        source = context.index.resources[address]
        grants = grants_of(source, context)
        if isinstance(grants, Unknown):
            return grants
        sure = certain and source.conditions <= resource.conditions
        for number, grant in enumerate(grants):
            # Of whom nothing is known nobody can say that it is the same twice.
            key = grant.identity.key or f"{address} {number}"
            holders.setdefault(key, _Holder(grant)).add(grant, sure)
    return ListValue(at=resource.at, items=tuple(_told(resource, holders)), origin="derived")


def _told(vault: Resource, holders: Mapping[str, _Holder]) -> Iterator[Value]:
    """Each principal with its duties; not known is one that it has only if it is the same as another one here."""
    duties: dict[str, set[str]] = {}
    for holder in holders.values():
        duties.setdefault(holder.identity.family, set()).update(holder.duties, holder.perhaps)
    for holder in holders.values():
        own = holder.identity.family
        same = set().union(*(some for family, some in duties.items() if not own or family != own))
        doubt = holder.doubt
        if doubt is None and (same | holder.perhaps) - set(holder.duties):
            why = f"whether {holder.identity.label} has other rights too is not known"
            doubt = Unknown(at=vault.at, why=why, origin="derived")
        parts = [f"{duty} by {address}" for duty, address in holder.duties.items()][:_MOST]
        note = f"{holder.identity.label} has {', '.join(parts)}"
        items: list[Value] = [Scalar(at=vault.at, value=duty, origin="derived") for duty in holder.duties]
        if doubt is not None:
            items.append(doubt)
        told = ListValue(at=vault.at, items=tuple(items), origin="derived", note=note)
        kind = holder.identity.kind_of(vault.at)
        yield MapValue(at=vault.at, fields={"duties": told, "kind": kind}, origin="derived")


def _covering(context: Context) -> dict[str, list[tuple[str, bool]]]:
    """By vault, the role assignments whose scope certainly or perhaps contains it."""
    found: dict[str, list[tuple[str, bool]]] | None = context.kept.get("covering")
    if found is None:
        found = context.kept["covering"] = {}
        for reference in Coverage(context.index).references(COVERS, frozenset({ASSIGNMENTS, ACTIVE})):
            for certain, vaults in ((True, reference.targets), (False, reference.candidates)):
                for vault in vaults:
                    found.setdefault(vault, []).append((reference.source, certain))
    return found


def _policies(context: Context) -> dict[str, list[tuple[str, bool]]]:
    """By vault, the separate access policies that certainly or perhaps are for it."""
    found: dict[str, list[tuple[str, bool]]] | None = context.kept.get("separate policies")
    if found is None:
        found = context.kept["separate policies"] = {}
        for policy in context.index.of_type(POLICIES):
            above = policy.select(("parent",))
            if not policy.stays or isinstance(above, Absent):
                continue
            reference = reference_of(policy.address, "", above, context.index)
            for certain, vaults in ((True, reference.targets), (False, reference.candidates)) if reference else ():
                for vault in vaults:
                    found.setdefault(vault, []).append((policy.address, certain))
    return found


_ALL_TYPES = {**COVERS_NEEDS, **NEEDS}
ATTRIBUTES: Mapping[str, Derived] = {
    "principals": Derived(
        _principals,
        {
            type_: (*COVERS_NEEDS.get(type_, ()), *NEEDS.get(type_, ()), *((RBAC,) if type_ == VAULTS else ()))
            for type_ in _ALL_TYPES
        },
    )
}
