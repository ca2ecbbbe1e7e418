"""Resources that HEAD moves to a place that counts less: a folder of tests, or a path or address that settings name.

Their results are those without that place, and the move is one of the checks that HEAD turns off.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

import msgspec

from azkvlint.config.influences import BY_FIELD, OVERRIDE, TEST_FOLDER, VARIABLES
from azkvlint.config.run_config import Config
from azkvlint.derived.access_policies import VAULTS
from azkvlint.derived.vaults import MANAGED_HSMS
from azkvlint.difference.finding_changes import FindingOccurrence, items_of, restricted
from azkvlint.difference.inputs import checked
from azkvlint.difference.matching import FAILED, RootMatches
from azkvlint.difference.sides import DeclaredResource, Side
from azkvlint.difference.turned_off import sorted_with
from azkvlint.linter.test_folders import FoldersOfTests
from azkvlint.linter.workers import set_readable_files
from azkvlint.model.difference import TurnedOff
from azkvlint.model.finding import EXTERNAL, Finding, Outcome
from azkvlint.model.location import Location, static_address
from azkvlint.model.pattern import has_holes

_Key: TypeAlias = tuple[str, str]
_VAULTS = frozenset({VAULTS.lower(), MANAGED_HSMS.lower()})
_IN_TESTS = "in a folder of tests and examples"
_EXCLUDED = "at a path that the configuration of BASE excludes"
_OVERRIDDEN = "where an override of BASE applies"


class BaseResource(NamedTuple):
    """The resource of BASE that a resource of HEAD was: its root, its address, and its declaration."""

    root: str
    address: str
    declared: DeclaredResource


class Moved(NamedTuple):
    """Resources by the root and address of HEAD, with the reason why they count less there, and where they are."""

    why: Mapping[_Key, str]
    at: Mapping[_Key, Location]


def neutral(config: Config) -> Config:
    """Return a configuration in which no place or address changes a result."""
    overrides = tuple(one for one in config.overrides if not (one.paths or one.resources))
    return msgspec.structs.replace(config, exclude=(), overrides=overrides, include_tests=True, test_folders=None)


def origins(roots: RootMatches) -> dict[_Key, BaseResource]:
    """Return the resource of BASE for each resource of HEAD that BASE has.

    It has the same name, if that is unique; or else the same address in the same root, or anywhere if that resource of
    BASE is nowhere else in HEAD.
    """
    left: dict[_Key, BaseResource] = {}
    for root in roots.base.roots:
        for address, declared in root.resources.items():
            left[roots.key_of(root.path, address)] = BaseResource(root.path, address, declared)
    rest = {(root.path, address): declared for root in roots.head.roots for address, declared in root.resources.items()}
    found: dict[_Key, BaseResource] = {}

    def match(pairs: Iterable[tuple[_Key, _Key]]) -> None:
        for key, old in list(pairs):
            found[key] = left.pop(old)
            del rest[key]

    old_names, new_names = _by_name((key, one.declared) for key, one in left.items()), _by_name(rest.items())
    match((key, old_names[name]) for name, key in new_names.items() if name in old_names)
    match((key, key) for key in rest if key in left and left[key].declared.type == rest[key].type)
    addressed = {(one.declared.type, static_address(key[1])): one for key, one in left.items()}
    for key, declared in rest.items():
        origin = addressed.get((declared.type, static_address(key[1])))
        if origin is not None:
            found[key] = origin
    return found


def _by_name(resources: Iterable[tuple[_Key, DeclaredResource]]) -> dict[tuple[str, str], _Key]:
    """Return the resources with a known name that no other one of their type has."""
    found: dict[tuple[str, str], list[_Key]] = {}
    for key, declared in resources:
        if not has_holes(declared.identity):
            found.setdefault((declared.type, declared.identity), []).append(key)
    return {name: keys[0] for name, keys in found.items() if len(keys) == 1}


class _PlaceRules:
    """Decides which resources count less where they are in HEAD."""

    def __init__(self, roots: RootMatches, base: Config, head: Config) -> None:
        self._roots = roots
        self._base, self._config = base, head
        self._were_in_tests: dict[tuple[str, str], bool] = {}
        self._folders = [_folders(base, roots.base), _folders(head, roots.head)]

    def moved(self, everywhere: Mapping[_Key, BaseResource], roots: RootMatches) -> Moved:
        """Return the resources that count less in HEAD. ``roots`` are those with all resources of HEAD."""
        why: dict[_Key, str] = {}
        at: dict[_Key, Location] = {}
        seen = {(root.path, address) for root in self._roots.head.roots for address in root.resources}
        has_overrides = any(one.paths or one.resources for one in self._config.overrides)
        for root in roots.head.roots:
            for address, declared in root.resources.items():
                key = root.path, address
                origin = everywhere.get(key)
                if origin is None:
                    continue
                at[key] = declared.at
                if key not in seen:
                    why[key] = _EXCLUDED
                elif self._is_in_tests(root.path, declared) and not self._was_in_tests(origin):
                    why[key] = _IN_TESTS
                elif has_overrides and self._is_elsewhere(key, declared, origin):
                    why[key] = _OVERRIDDEN
        return Moved(why, at)

    def may_move(self, known: Mapping[_Key, BaseResource]) -> bool:
        """Return whether any resource may count less, which another check decides."""
        head = self._roots.head
        if not head.report.includes_tests:
            for root in head.roots:
                for address, declared in root.resources.items():
                    origin = known.get((root.path, address))
                    if origin and self._is_in_tests(root.path, declared) and not self._was_in_tests(origin):
                        return True
        if any(one.paths or one.resources for one in self._config.overrides):
            for root in head.roots:
                for address, declared in root.resources.items():
                    origin = known.get((root.path, address))
                    if origin is not None and self._is_elsewhere((root.path, address), declared, origin):
                        return True
        total = sum(len(root.resources) for root in self._roots.base.roots)
        return bool(self._config.exclude) and len(known) < total

    def _is_in_tests(self, root: str, declared: DeclaredResource) -> bool:
        return self._folders[1].include(root, declared.at.path)

    def _was_in_tests(self, origin: BaseResource) -> bool:
        key = origin.root, origin.declared.at.path
        if key not in self._were_in_tests:
            # What deploys it is read in BASE.
            set_readable_files(self._base)
            self._were_in_tests[key] = self._folders[0].include(*key)
            set_readable_files(self._config)
        return self._were_in_tests[key]

    def _is_elsewhere(self, key: _Key, declared: DeclaredResource, origin: BaseResource) -> bool:
        is_moved = not self._roots.is_same_path(origin.declared.at.path, declared.at.path)
        return is_moved or origin.declared.identity != declared.identity or origin.address != key[1]


def _folders(config: Config, side: Side) -> FoldersOfTests:
    return FoldersOfTests(config, side.report.root, side.report.root, side.report.sources)


def without_places(
    roots: RootMatches, base: Config, head: Config, *, is_accepted: bool
) -> tuple[Side, list[TurnedOff]]:
    """Return HEAD with the results that its moved resources have elsewhere, and the entries of these moves."""
    known = origins(roots)
    places = _PlaceRules(roots, base, head)
    if not places.may_move(known):
        return roots.head, []
    side = checked(neutral(head), roots.head.label)
    every = RootMatches(roots.base, side)
    known = origins(every)
    moved = places.moved(known, every)
    if not moved.why:
        return roots.head, []
    items = list(_weaker(roots, every, moved, known))
    entries = list(_entries(items, moved, every))
    return (roots.head if is_accepted else _with_items(roots, items)), entries


def _weaker(
    roots: RootMatches, every: RootMatches, moved: Moved, known: Mapping[_Key, BaseResource]
) -> Iterator[FindingOccurrence]:
    """Yield the results that a move hides or weakens, and that did not count as little in BASE."""
    now = {(item.rule, *item.key): _strength(item) for item in items_of(roots, roots.head)}
    before = {
        (item.rule, item.occurrence.root, item.occurrence.address): _strength(item)
        for item in items_of(roots, roots.base)
    }
    for item in items_of(every, every.head):
        if item.key in moved.why:
            origin = known[item.key]
            strength = now.get((item.rule, *item.key), -1)
            was = before.get((item.rule, origin.root, origin.address))
            if strength < _strength(item, is_counted=True) and (was is None or strength < was):
                yield item


def _strength(item: FindingOccurrence, *, is_counted: bool = False) -> int:
    """Return how much a result counts: suppressed by the configuration, unknown, in tests, or by its severity."""
    finding = item.finding
    if finding.suppressed is not None and finding.suppressed.kind == EXTERNAL:
        return 0
    if item.outcome != FAILED:
        return 1
    in_tests = finding.in_tests and not is_counted
    return 2 + int(finding.severity) if in_tests else 10 + int(finding.severity)


def without_variable_files(
    roots: RootMatches, head: Config, files: Mapping[str, str], *, is_accepted: bool
) -> tuple[Side, list[TurnedOff]]:
    """Return HEAD with the findings that it has without the variable ``files`` that it adds, and their entries."""
    side = checked(msgspec.structs.replace(head, unread_files=frozenset(files)), roots.head.label) if files else None
    if side is None:
        return roots.head, []
    every = RootMatches(roots.base, side)
    of_base = set(every.observed.values())
    now = {(item.rule, *item.key): _strength(item) for item in items_of(roots, roots.head)}
    items = [
        item
        for item in items_of(every, every.head)
        if item.outcome == FAILED and item.key[0] in of_base and now.get((item.rule, *item.key), -1) < _strength(item)
    ]
    names = ", ".join(f"`{name}`" for name in sorted(set(files.values())))
    entries = [
        TurnedOff(
            kind=VARIABLES.kind,
            text=f"without {names}, {item.rule} fails on {item.occurrence.address}",
            at=item.finding.at,
            rules=(item.rule,),
            resource=item.occurrence.address,
        )
        for item in items
    ]
    return (roots.head if is_accepted or not items else _with_items(roots, items)), entries


def _entries(items: Iterable[FindingOccurrence], moved: Moved, every: RootMatches) -> Iterator[TurnedOff]:
    """Yield one entry for each resource with a hidden result, and for each vault that moves into tests."""
    rules: dict[_Key, set[str]] = {}
    for item in items:
        rules.setdefault(item.key, set()).add(item.rule)
    vaults = {
        (root.path, address)
        for root in every.head.roots
        for address, declared in root.resources.items()
        if declared.type in _VAULTS
    }
    for key, why in moved.why.items():
        if key in rules or (why != _OVERRIDDEN and key in vaults):
            kind = TEST_FOLDER if why == _IN_TESTS else OVERRIDE if why == _OVERRIDDEN else BY_FIELD["exclude"]
            yield TurnedOff(
                kind=kind.kind,
                text=f"{key[1]} is now {why}",
                at=moved.at[key],
                rules=tuple(sorted(rules.get(key, ()))),
                resource=key[1],
            )


def _with_items(roots: RootMatches, items: Iterable[FindingOccurrence]) -> Side:
    """Return HEAD with other results in place of its own."""
    replaced = {(item.rule, *item.key): item for item in items}
    report = roots.head.report

    def kept(findings: Iterable[Finding]) -> Iterator[Finding]:
        for finding in findings:
            rest = tuple(
                one for one in finding.occurrences if (finding.rule.id, *roots.key(roots.head, one)) not in replaced
            )
            if rest:
                yield restricted(finding, rest)

    added: dict[int, list[FindingOccurrence]] = {}
    for item in items:
        added.setdefault(id(item.finding), []).append(item)
    more = [
        msgspec.structs.replace(
            restricted(listed[0].finding, tuple(item.occurrence for item in listed)), in_tests=False
        )
        for listed in added.values()
    ]
    report = msgspec.structs.replace(
        report,
        findings=sorted_with(
            kept(report.findings), (one for one in more if one.suppressed is None and one.outcome is Outcome.FAIL)
        ),
        unknown=sorted_with(
            kept(report.unknown), (one for one in more if one.suppressed is None and one.outcome is not Outcome.FAIL)
        ),
        suppressed=sorted_with(kept(report.suppressed), (one for one in more if one.suppressed is not None)),
    )
    return msgspec.structs.replace(roots.head, report=report)
