"""Whether one identity has permissions on one object of a vault, by its access policies and role assignments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

import msgspec

from azkvlint.derived.access_policies import POLICIES, VAULTS
from azkvlint.derived.assignments import (
    ACTIVE,
    ASSIGNMENTS,
    COVERS,
    COVERS_NEEDS,
    GRANTS,
    OBJECT,
    SCOPE,
    Coverage,
    level_of,
)
from azkvlint.derived.companions import Companions, Sure, companions
from azkvlint.derived.grants import APPLICATIONS, DEPLOYER, RESOURCE_FAMILY, Grant, grants_of
from azkvlint.derived.grants import NEEDS as GRANT_NEEDS
from azkvlint.derived.identities import is_for, is_user, owner_in
from azkvlint.derived.registry import Context
from azkvlint.derived.vaults import BY_POLICIES, BY_ROLES, RBAC, model_of
from azkvlint.model.pattern import DeclaredHole, has_holes, parts_of, split_text, text_form
from azkvlint.model.resource import Resource
from azkvlint.model.value import Answer, Link, Path, Scalar

NEEDS: Mapping[str, tuple[Path, ...]] = {
    **{type_: paths for type_, paths in COVERS_NEEDS.items() if not type_.startswith(VAULTS)},
    **GRANT_NEEDS,
    **{type_: (*GRANT_NEEDS[type_], *COVERS_NEEDS[type_]) for type_ in (ASSIGNMENTS, ACTIVE)},
    **{f"{VAULTS}/{kind}": (("parent",), ("name",)) for kind in ("keys", "secrets", "certificates")},
    VAULTS: (*GRANT_NEEDS[VAULTS], *COVERS_NEEDS[VAULTS], RBAC, ("name",)),
}
_KINDS = ("keys", "secrets", "certificates")
_APPLICATION_TYPE = "terraform/applications"


class VaultReader(msgspec.Struct, frozen=True):
    """An identity that reads a vault: of a resource, or the service principal of an application of Microsoft's.

    With neither it is not known. ``unless``: then it is any managed identity, except for the one of this resource.
    ``kind``: it is the one that this word means in ``Identity.kind``, such as that of the deployment.
    """

    resource: Resource | None = None
    application: str = ""
    unless: Resource | None = None
    kind: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Return what distinguishes it from others."""
        own = self.resource.address if self.resource is not None else self.application or self.kind
        return own, "" if self.unless is None else self.unless.address


_ANYONE = VaultReader()


class Thing(msgspec.Struct, frozen=True):
    """A key, secret or certificate of a vault: its kind, its name, and its address in the graph; empty if not known."""

    kind: str = ""
    name: str = ""
    address: str = ""


class _SourceGrants(msgspec.Struct, frozen=True):
    """What the policies of one resource, or an assignment, give to an identity.

    ``scope`` is the thing that it is limited to; None covers the vault. ``grants`` are those for the identity, with how
    certain it is that they are for it; None if the grants are not known. ``limit`` is how certain it is on the vault.
    """

    source: str
    scope: Thing | None
    grants: tuple[tuple[Grant, Sure], ...] | None = None
    limit: Sure = Sure.YES

    def sure_of(self, word: str) -> Sure:
        """Return whether a permission is given."""
        if self.grants is None:
            return Sure.PERHAPS
        return min(self.limit, max(min(sure, _permits(grant, word)) for grant, sure in self.grants))


class Held(msgspec.Struct, frozen=True):
    """Whether permissions are held, all of them; and for each the grants by address that certainly or possibly give it.

    ``possible`` contains the certain ones too.
    """

    sure: Sure
    certain: tuple[frozenset[str], ...] = ()
    possible: tuple[frozenset[str], ...] = ()


def new_thing(kind: str) -> Thing:
    """Return an object that does not exist yet, so that no grant on a declared one is on it."""
    return Thing(kind, address="new")


def thing_in(answer: Answer, context: Context) -> Thing:
    """Return the key, secret or certificate that an ID, a URL or a link identifies."""
    if isinstance(answer, Link):
        return _thing_of(context.index.resources.get(answer.target))
    text = answer.string
    first, *_ = parts_of(text) or ("",)
    if isinstance(first, DeclaredHole):
        of_graph = _thing_of(context.index.resources.get(text_form(first.address)))
        if of_graph.kind:
            return of_graph
        if not isinstance(first.address, str) or "/" in first.address:
            within = _thing_at([text_form(step) for step in split_text(first.address, "/")])
            if within.kind:
                return within
    return _thing_at([text_form(step) for step in split_text(text, "/")])


def _thing_of(resource: Resource | None) -> Thing:
    kind = resource.type.lower().removeprefix(f"{VAULTS}/") if resource is not None else ""
    if resource is None or kind not in _KINDS:
        return Thing()
    return Thing(kind, resource.select(("name",)).text.rpartition("/")[2].lower(), resource.address)


def _thing_at(steps: Sequence[str]) -> Thing:
    """Return what the steps of an ID or URL name."""
    words = [step.lower() for step in steps]
    at = next((at for at, word in enumerate(words[:-1]) if word in _KINDS and words[at + 1]), None)
    return Thing() if at is None else Thing(words[at], words[at + 1])


def _is_same(one: Thing, other: Thing) -> Sure:
    """Return whether two things in one vault are the same."""
    if not one.kind or not other.kind:
        return Sure.PERHAPS
    if one.kind != other.kind:
        # The secret of a certificate has its name.
        related = "keys" not in (one.kind, other.kind) and one.name == other.name
        return Sure.PERHAPS if related else Sure.NO
    if one.address and other.address:
        return Sure.YES if one.address == other.address else Sure.NO
    if one.name and one.name == other.name:
        return Sure.YES
    is_known = one.name and other.name and not has_holes(one.name) and not has_holes(other.name)
    return Sure.NO if is_known else Sure.PERHAPS


def held(vault: Resource, thing: Thing, reader: VaultReader, words: Sequence[str], context: Context) -> Held:
    """Return whether an identity has all of some permissions on a thing in a vault."""
    kept: dict[object, Held] = context.cache.setdefault("held permissions", {})
    key = (vault.address, thing, reader.key, tuple(words))
    if key not in kept:
        sure = dict.fromkeys(words, Sure.NO)
        certain, possible = ({word: set[str]() for word in words} for _ in range(2))
        for given in _grants_on(vault, reader, context):
            limit = Sure.YES if given.scope is None else _is_same(given.scope, thing)
            for word in words if limit is not Sure.NO else ():
                here = min(limit, given.sure_of(word))
                sure[word] = max(sure[word], here)
                if here is not Sure.NO:
                    possible[word].add(given.source)
                if here is Sure.YES:
                    certain[word].add(given.source)
        sources = (tuple(map(frozenset, found.values())) for found in (certain, possible))
        kept[key] = Held(min(sure.values()), *sources)
    return kept[key]


def held_any(vault: Resource, thing: Thing, reader: VaultReader, words: Sequence[str], context: Context) -> Held:
    """Return whether an identity has any of some permissions on a thing in a vault, as if that was one permission."""
    kept: dict[object, Held] = context.cache.setdefault("any held permissions", {})
    key = (vault.address, thing, reader.key, tuple(words))
    if key not in kept:
        found: dict[str, Sure] = {}
        for given in _grants_on(vault, reader, context):
            limit = Sure.YES if given.scope is None else _is_same(given.scope, thing)
            here = min(limit, max(map(given.sure_of, words)))
            found[given.source] = max(found.get(given.source, Sure.NO), here)
        certain = frozenset(source for source, sure in found.items() if sure is Sure.YES)
        possible = frozenset(source for source, sure in found.items() if sure is not Sure.NO)
        kept[key] = Held(max(found.values(), default=Sure.NO), (certain,), (possible,))
    return kept[key]


def held_anywhere(reader: VaultReader, words: Sequence[str], context: Context) -> Held:
    """Return whether an identity may have any of some permissions on a vault that is not known."""
    kept: dict[object, Held] = context.cache.setdefault("held permissions", {})
    key = (reader.key, tuple(words))
    if key not in kept:
        named = (_policies(context), _covering(context))
        possible = {
            source.address
            for one in named
            for source in one.naming_any()
            if _may_permit(source, reader, words, context)
        }
        kept[key] = Held(Sure.PERHAPS if possible else Sure.NO, (frozenset(),), (frozenset(possible),))
    return kept[key]


def _may_permit(source: Resource, reader: VaultReader, words: Sequence[str], context: Context) -> bool:
    grants = grants_of(source, context)
    return not isinstance(grants, tuple) or any(
        is_reader(grant, reader, context) is not Sure.NO and any(_permits(grant, word) is not Sure.NO for word in words)
        for grant in grants
    )


def _permits(grant: Grant, word: str) -> Sure:
    return Sure.YES if word in grant.permissions else Sure.PERHAPS if grant.doubt is not None else Sure.NO


def is_reader(grant: Grant, reader: VaultReader, context: Context) -> Sure:
    """Return whether a policy or assignment is for the identity that reads."""
    if reader.resource is not None:
        return is_for(grant, reader.resource, context)
    if reader.kind:
        kind = grant.identity.kind_of(grant.item.at)
        return Sure.PERHAPS if not isinstance(kind, Scalar) else Sure.YES if kind.value == reader.kind else Sure.NO
    if reader.unless is not None:
        is_other = grant.identity.kind == DEPLOYER or is_for(grant, reader.unless, context) is Sure.YES
        return Sure.NO if is_other or is_user(grant) else Sure.PERHAPS
    if not reader.application:
        return Sure.NO if is_user(grant) else Sure.PERHAPS
    if grant.identity.kind == DEPLOYER or is_user(grant):
        return Sure.NO
    owner, declared = owner_in(grant.principal), context.index.of_type(_APPLICATION_TYPE)
    found = next((one for one in declared if one.address.lower() == owner), None)
    if found is not None:
        client = found.select(APPLICATIONS[_APPLICATION_TYPE])
        same = client.text.lower() == reader.application
        return Sure.PERHAPS if not isinstance(client, Scalar) else Sure.YES if same else Sure.NO
    return Sure.NO if grant.identity.family == RESOURCE_FAMILY else Sure.PERHAPS


def _grants_on(vault: Resource, reader: VaultReader, context: Context) -> Iterator[_SourceGrants]:
    """Yield what access policies and role assignments on a vault, or on a thing in it, give to an identity.

    They are found once for each vault and identity, and those that may be on any vault once for all vaults: a vault
    may have hundreds of secrets for which they are necessary.
    """
    kept: dict[object, tuple[_SourceGrants, ...]] = context.cache.setdefault("given permissions", {})
    lists = []
    key: object = (vault.address, reader.key)
    if key not in kept:
        kept[key] = tuple(_grants_from(_sources(vault, context), vault, reader, context))
    lists.append(kept[key])
    for family, _ in _families(vault, context):
        key = (id(family), reader.key)
        if key not in kept:
            loose = ((source, Sure.PERHAPS) for source in family.loose())
            kept[key] = tuple(_grants_from(loose, None, reader, context))
        lists.append(kept[key])
    context.index.pairs.add(sum(map(len, lists)))
    yield from chain(*lists)


def _grants_from(
    sources: Iterable[tuple[Resource, Sure]], vault: Resource | None, reader: VaultReader, context: Context
) -> Iterator[_SourceGrants]:
    """Yield what access policies and assignments on a vault, or on any vault, give to an identity."""
    every: dict[object, dict[str, _SourceGrants | None]] = context.cache.setdefault("permissions of an identity", {})
    of_reader = every.setdefault(reader.key, {})
    of_anyone = every.setdefault(_ANYONE.key, {})
    for source, limit in sources:
        address = source.address
        if address not in of_anyone and reader.unless is not None:
            of_anyone[address] = _grants_to(source, _ANYONE, context)
        if address not in of_reader:
            of_reader[address] = (
                _grants_to(source, reader, context)
                if reader.unless is None
                else _grants_to_others(of_anyone[address], reader.unless, context)
            )
        given = of_reader[address]
        if given is None:
            continue
        is_there = vault is None or (source.conditions <= vault.conditions and source.assumption == vault.assumption)
        yield given if is_there and limit is Sure.YES else msgspec.structs.replace(given, limit=Sure.PERHAPS)


def _grants_to(source: Resource, reader: VaultReader, context: Context) -> _SourceGrants | None:
    """Return what the policies of one resource, or an assignment, give to an identity; None if nothing."""
    grants = grants_of(source, context)
    if not isinstance(grants, tuple):
        return _SourceGrants(source.address, _scope_of(source, context))
    found = ((grant, is_reader(grant, reader, context)) for grant in grants)
    own = tuple((grant, sure) for grant, sure in found if sure is not Sure.NO)
    return _SourceGrants(source.address, _scope_of(source, context), own) if own else None


def _grants_to_others(given: _SourceGrants | None, unless: Resource, context: Context) -> _SourceGrants | None:
    """Return what of the grants to any identity is given to any managed identity except for that of a resource.

    Many services may read with any identity but their own, and most grants are the same for all of them.
    """
    if given is None or given.grants is None:
        return given
    others = tuple(
        one
        for one in given.grants
        if one[0].identity.kind != DEPLOYER and is_for(one[0], unless, context) is not Sure.YES
    )
    if len(others) == len(given.grants):
        return given
    return msgspec.structs.replace(given, grants=others) if others else None


def _sources(vault: Resource, context: Context) -> Iterator[tuple[Resource, Sure]]:
    """Yield what grants access to a vault under its permission model, without what may be on any vault."""
    for family, limit in _families(vault, context):
        if family is _policies(context):
            yield vault, limit
        for one, sure in family.known(vault.address):
            yield one, min(sure, limit)


def _families(vault: Resource, context: Context) -> Iterator[tuple[Companions, Sure]]:
    """Yield the access policies and the role assignments where the permission model of a vault uses them."""
    model = model_of(vault)
    word = model.value if isinstance(model, Scalar) else ""
    if word != BY_ROLES:
        yield _policies(context), Sure.YES if word == BY_POLICIES else Sure.PERHAPS
    if word != BY_POLICIES:
        yield _covering(context), Sure.YES if word == BY_ROLES else Sure.PERHAPS


def _policies(context: Context) -> Companions:
    return companions(context, "parent", POLICIES)


def _covering(context: Context) -> Companions:
    found: Companions | None = context.cache.get("assignments by vault")
    if found is None:
        references = Coverage(context.index).references(COVERS, frozenset({ASSIGNMENTS, ACTIVE}))
        found = context.cache["assignments by vault"] = Companions(references, context)
    return found


def _scope_of(source: Resource, context: Context) -> Thing | None:
    """Return the thing in a vault that an assignment is limited to; None if it covers all of the vault."""
    if source.type.lower() not in GRANTS:
        return None
    scope = source.select(SCOPE)
    level = level_of(scope, context.index)
    return thing_in(scope, context) if isinstance(level, Scalar) and level.value == OBJECT else None
