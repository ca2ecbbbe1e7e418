"""What the names in a question refer to in a root."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from azkvlint.access.holdings import is_known_name, is_selected, object_in, object_name, scope_text
from azkvlint.access.questions import CERTIFICATES, OPTIONS, AccessSelectors, NameCandidate, matches
from azkvlint.derived.access_policies import VAULTS
from azkvlint.derived.assignments import GRANTS, SCOPE, Coverage, contains
from azkvlint.derived.companions import Sure
from azkvlint.derived.registry import Context
from azkvlint.derived.vaults import MANAGED_HSMS
from azkvlint.graph.references import Index, parent_of
from azkvlint.model.access import VaultObject
from azkvlint.model.pattern import has_holes
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Link, Value

# A certificate also creates a key and a secret of its name.
_CREATED_BY: Mapping[str, tuple[str, ...]] = {
    "secrets": ("secrets", CERTIFICATES),
    "keys": ("keys", CERTIFICATES),
    CERTIFICATES: (CERTIFICATES,),
}
_OBJECT_TYPES: Mapping[str, str] = {
    **{f"{VAULTS}/{kind}": kind for kind in OPTIONS},
    f"{MANAGED_HSMS}/keys": "keys",
}
_CONTAINERS = ("microsoft.resources/resourcegroups", "microsoft.resources/subscriptions")


def object_candidates(kind: str, objects: Iterable[VaultObject]) -> list[NameCandidate[VaultObject]]:
    """Return the objects that a question about secrets, keys or certificates may name, as objects of that kind."""
    found: list[NameCandidate[VaultObject]] = []
    for one in objects:
        if one.kind in _CREATED_BY[kind]:
            own = one if one.kind == kind else msgspec.structs.replace(one, kind=kind)
            found.append(NameCandidate(one.name, (one.name, *filter(None, (one.address,))), own))
    return found


def may_be_selected(only: Iterable[str], selected: Iterable[str]) -> bool:
    """Return whether an access that is limited to objects may be to one that a question is about."""
    words = frozenset(selected)
    return any(is_selected(one, words) is not Sure.NO for one in only)


class AssignmentScope(msgspec.Struct, frozen=True):
    """A scope of role assignments: the texts of the scopes that may contain it, and the vaults that it may contain."""

    around: frozenset[str]
    vaults: frozenset[str]


class RootSelection:
    """What the words of the options may select in one root, which its other roots decide.

    ``vaults`` are to be reported, ``objects`` are those that words may name, and ``selected`` those that they do name
    here. ``text`` removes secrets from a text.
    """

    def __init__(
        self, context: Context, vaults: Sequence[Resource], words: AccessSelectors, text: Callable[[str], str]
    ) -> None:
        self._context, self._words, self._text = context, words, text
        self.vaults = [vault for vault in vaults if not words.vaults or self._is_named(vault)]
        self.objects: list[VaultObject] = []
        self.selected: dict[str, frozenset[str]] | None = None
        if words.are_about_objects:
            self._select({vault.address: vault for vault in self.vaults})

    def _is_named(self, vault: Resource) -> bool:
        """Return whether a word may name a vault; one with a root or parameter file begins with the name."""
        names = [self._text(name).lower() for name in (vault.name, vault.address)]
        words = [word.strip().lower() for word in self._words.vaults]
        return any(word in name or word.startswith(name) for word in words for name in names)

    def _select(self, vaults: Mapping[str, Resource]) -> None:
        kinds = [kind for kind, words in self._words.objects.items() if words]
        self.objects = list(dict.fromkeys(self._objects(vaults, kinds)))
        selected: dict[str, set[str]] = {}
        for kind in kinds:
            candidates = object_candidates(kind, self.objects)
            for word in self._words.objects[kind]:
                for one in matches(word, candidates):
                    selected.setdefault(one.value.vault, set()).update(one.value.words)
        self.selected = {address: frozenset(words) for address, words in selected.items()}
        self.vaults = [vault for vault in self.vaults if vault.address in selected]

    def _objects(self, vaults: Mapping[str, Resource], kinds: Iterable[str]) -> Iterator[VaultObject]:
        """Yield the objects that the root declares, and those that only role assignments name."""
        index = self._context.index
        required = {declared for kind in kinds for declared in _CREATED_BY[kind]}
        seen: set[tuple[str, str]] = set()
        for type_, kind in _OBJECT_TYPES.items():
            for resource in index.of_type(type_) if kind in required else ():
                for vault in _vaults_with(resource, index):
                    if vault in vaults and not has_holes(resource.name):
                        seen.add((vault, f"{kind}/{object_name(resource)}".lower()))
                        yield VaultObject(kind=kind, name=object_name(resource), address=resource.address, vault=vault,
                                          at=resource.at)  # fmt: skip
        coverage = Coverage(index)
        for source, scope in _scopes_in(index):
            kind, _, name = object_in(scope, index).partition("/")
            if kind in required and is_known_name(name):
                for vault in coverage.covered(source, "scope", scope).targets:
                    if vault in vaults and (vault, f"{kind}/{name}".lower()) not in seen:
                        seen.add((vault, f"{kind}/{name}".lower()))
                        yield VaultObject(kind=kind, name=name, address="", vault=vault, at=source.at)

    def scopes(self) -> list[NameCandidate[AssignmentScope]]:
        """Return the scopes that words may name."""
        if not self._words.scopes:
            return []
        index = self._context.index
        scopes: dict[str, tuple[Resource, Value]] = {}
        for source, scope in _scopes_in(index):
            scopes.setdefault(scope_text(scope, index), (source, scope))
        declared = dict(scopes)
        for resource in (one for type_ in _CONTAINERS for one in index.of_type(type_)):
            declared.setdefault(resource.address, (resource, Link(at=resource.at, target=resource.address)))
        candidates = [NameCandidate(self._text(text), self._names(text), text) for text in declared]
        chosen = {one.label: one for word in self._words.scopes for one in matches(word, candidates)}
        coverage = Coverage(index)
        found = {}
        for label, one in chosen.items():
            source, scope = declared[one.value]
            covered = coverage.covered(source, "scope", scope)
            inside = coverage.all if covered.anything else (*covered.targets, *covered.candidates)
            around = (text for text, (_, other) in scopes.items() if contains(other, scope, index) is not Sure.NO)
            found[label] = AssignmentScope(frozenset(map(self._text, around)), frozenset(inside))
        nothing = AssignmentScope(frozenset(), frozenset())
        return [NameCandidate(one.label, one.names, found.get(one.label, nothing)) for one in candidates]

    def _names(self, text: str) -> tuple[str, ...]:
        """Return the names of a scope: its text, its last segment, and the name of a resource."""
        resource = self._context.index.resources.get(text)
        own = () if resource is None or has_holes(resource.name) else (resource.name,)
        return tuple(dict.fromkeys(map(self._text, (text, *([text.rpartition("/")[2]] if "/" in text else []), *own))))


def _vaults_with(resource: Resource, index: Index) -> tuple[str, ...]:
    """Return the vaults that certainly have an object."""
    reference = parent_of(resource, index)
    return reference.targets if reference is not None and resource.stays else ()


def _scopes_in(index: Index) -> Iterator[tuple[Resource, Value]]:
    """Yield the role assignments of a root with their scopes."""
    for source in (one for type_ in GRANTS for one in index.of_type(type_)):
        scope = source.select(SCOPE)
        if source.stays and not source.existing and not isinstance(scope, Absent):
            yield source, scope
