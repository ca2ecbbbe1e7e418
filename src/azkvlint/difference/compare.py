"""Compare two sides: findings, one-way doors and access."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from azkvlint.config.run_config import Config, today
from azkvlint.config.weakened import Weakening
from azkvlint.derived.access_policies import VAULTS
from azkvlint.derived.vaults import MANAGED_HSMS
from azkvlint.difference.access_changes import access_changes
from azkvlint.difference.deployed import (
    DeployedSetting,
    as_declared,
    kept_of,
    notes_of,
    recovered_vaults,
    rejections_of,
    settings_of,
    tenant_doors,
)
from azkvlint.difference.finding_changes import compare_findings, in_new_environments
from azkvlint.difference.gates import FailOnGate, broken, met_by
from azkvlint.difference.inputs import access_over, added_variable_files, before_and_after, relative_to, two_sides
from azkvlint.difference.left_behind import left_behind, unmanaged
from azkvlint.difference.matching import RootMatches
from azkvlint.difference.one_way_doors import Doors
from azkvlint.difference.places import without_places, without_variable_files
from azkvlint.difference.replacement import Paired, pair_resources
from azkvlint.difference.sides import Side
from azkvlint.difference.turned_off import (
    acceptance_entries,
    added_acceptances,
    added_suppressions,
    suppression_entries,
    without_acceptances,
    without_suppressions,
)
from azkvlint.difference.turned_off_settings import counted_entries, hidden_by_own, setting_entries
from azkvlint.difference.unread import are_comparable
from azkvlint.difference.value_files import other_value_files
from azkvlint.linter.linter import exit_code_of, is_without_input, known_rules
from azkvlint.model.difference import (
    ACCEPTED,
    BY_BASE,
    BY_ITSELF,
    BY_NONE,
    BY_REPORTS,
    GONE,
    NEW,
    AccessChange,
    ConfigurationBasis,
    Difference,
    FindingChange,
    KeptSetting,
    OneWayDoor,
    TurnedOff,
)
from azkvlint.model.finding import INPUT_INCOMPLETE, SETTING_WITHOUT_EFFECT, Finding, Problem
from azkvlint.util.errors import UsageError
from azkvlint.util.text import pluralize, visible

_NAMED = 5
_DEFAULT, _STRICT = "default", "strict"
_ACCESS = "access"
_COMPARED_STRICTLY = frozenset({VAULTS, MANAGED_HSMS})


def compare(
    configs: Sequence[Config],
    words: Sequence[str],
    gates: Sequence[FailOnGate],
    basis: ConfigurationBasis,
    weakenings: Sequence[Weakening] = (),
    own: Callable[[], Config] | None = None,
    label: str = "",
) -> Difference:
    """Return the difference between two inputs, or between the states before and after one.

    ``configs`` are the configurations of the inputs ``words``, as ``basis`` states. What files that cannot be read may
    declare is unknown; if nothing else of a side is read, there is no difference but the problems. Unless rules are
    selected, resources that met a rule of the profile strict before are compared by it too. ``weakenings`` are the
    settings that HEAD changes, and ``own`` returns the configuration of HEAD. ``label`` names BASE if it is a commit.
    Raise UsageError for inputs that cannot be compared.
    """
    is_extended = not any(config.profiles or config.select for config in configs)
    if is_extended:
        configs = [_with_strict_rules(config) for config in configs]
    base, head, names = _read(configs, words, label)
    is_empty = len(words) == 2 and os.path.isdir(words[0]) and _is_empty(base)
    base = _without_errors(base) if is_empty else base
    errors = _errors(base, head, has_base=not is_empty)
    if errors and (base is head or not are_comparable((base, head))):
        return Difference(
            base=names[0], head=names[1], report=head.report, changes=(), doors=(), access=(), gates=(),
            problems=errors, is_compared=False,
        )  # fmt: skip
    values = list(other_value_files(base, head, words)) if len(words) == 2 else []
    unlike = list(_unlike(base, head, words)) if len(words) == 2 and not errors else []
    ran, problems = _rules_of_both(base, head)
    has_access = base.access is not None and head.access is not None
    roots, basis, entries = _sides(
        base, head, basis if has_access else ConfigurationBasis(kind=BY_REPORTS), configs, words, weakenings
    )
    head = roots.head
    gates = met_by(gates, has_access=has_access)
    paired = pair_resources(roots.worlds, roots.in_base, roots.unread) if has_access else []
    changes = compare_findings(roots, ran, recovered_vaults(pair for one in paired for pair in one.pairs))
    report = head.report
    if is_extended and has_access:
        changes = tuple(_regressions(changes, roots))
        shown = {id(change.whole) for change in changes}
        report = msgspec.structs.replace(
            report, findings=tuple(one for one in report.findings if _is_default(one) or id(one) in shown)
        )
    settings = [setting for one in paired for setting in settings_of(one.pairs)]
    changes = tuple(in_new_environments(changes, settings, roots))
    doors, access, notes = _deployed(roots, paired, settings, configs) if has_access else ((), (), ())
    if basis.kind == BY_NONE and entries:
        if weakenings and own is not None:
            entries += hidden_by_own(head, own)
        entries = list(counted_entries(entries, changes, {address for _, address in roots.addresses(is_base=True)}))
    found = Difference(
        base=names[0], head=names[1], report=report, changes=changes, doors=doors, access=access, gates=(),
        problems=(*errors, *unlike, *problems, *_new_warnings(base, head), *values), has_access=has_access,
        base_root=base.report.root, turned_off=tuple(dict.fromkeys(entries)), basis=basis, kept=notes,
    )  # fmt: skip
    return msgspec.structs.replace(found, gates=tuple(broken(found, gates, is_strict=configs[-1].strict)))


def _deployed(
    roots: RootMatches, paired: Sequence[Paired], settings: Sequence[DeployedSetting], configs: Sequence[Config]
) -> tuple[tuple[OneWayDoor, ...], tuple[AccessChange, ...], tuple[KeptSetting, ...]]:
    """Return the one-way doors, the changes of access and what stays, if HEAD is deployed over BASE."""
    left = left_behind(paired)
    rejections = [*rejections_of(settings), *(door for one in left.values() for door in one.doors)]
    doors = tuple(_doors(paired, Doors(today(configs[-1])), rejections))
    stays = {place: one.resources for place, one in left.items() if one.resources}
    doubts = {text: doubt for one in left.values() for text, doubt in one.doubts.items()}
    notes = (*notes_of(settings), *(note for one in paired for note in unmanaged(one.pairs)))
    kept = kept_of(settings)
    declared = as_declared(pair for one in paired for pair in one.pairs)
    recovered = None
    if declared:  # the deployment may recover vaults
        more = {place: {**stays.get(place, {}), **one.recovered} for place, one in left.items()}
        recovered = access_over(roots.head, kept, more)
        kept = {place: {**kept.get(place, {}), **declared.get(place, {})} for place in {*kept, *declared}}
    access = access_changes(roots, paired, access_over(roots.head, kept, stays), doubts, recovered)
    return doors, tuple(access), notes


def _read(configs: Sequence[Config], words: Sequence[str], label: str) -> tuple[Side, Side, tuple[str, str]]:
    """Return the checked sides and their names: two inputs, or the states before and after one."""
    if len(words) == 1:
        return *before_and_after(configs[0], words[0]), ("before", "after")
    base, head = two_sides(configs[0], configs[1], words)
    return msgspec.structs.replace(base, label=label or base.label), head, (label or words[0], words[1])


def _new_warnings(base: Side, head: Side) -> list[Problem]:
    """Return the warnings that only HEAD has, and what either side does not evaluate: it may differ, and is not shown.

    What neither evaluates is listed once.
    """
    known = {_problem_key(one, base) for one in base.report.problems}
    found = [
        one
        for one in head.report.problems
        if (one.code == INPUT_INCOMPLETE and one.level != "error")
        or (one.level == "warning" and _problem_key(one, head) not in known)
    ]
    listed = {_problem_key(one, head) for one in head.report.problems}
    return found + [
        msgspec.structs.replace(one, message=f"BASE: {one.message}")
        for one in base.report.problems
        if base is not head
        and one.code == INPUT_INCOMPLETE
        and one.level != "error"
        and _problem_key(one, base) not in listed
    ]


def _sides(
    base: Side,
    head: Side,
    basis: ConfigurationBasis,
    configs: Sequence[Config],
    words: Sequence[str],
    weakenings: Sequence[Weakening],
) -> tuple[RootMatches, ConfigurationBasis, list[TurnedOff]]:
    """Return the sides, with what HEAD turns off undone unless it is accepted, and the entries of that.

    ``configs`` are those with which the sides were checked.
    """
    roots = RootMatches(base, head)
    if basis.kind == BY_ITSELF:
        return roots, basis, []
    if basis.kind == BY_NONE and (base.report.suppressed or any(not one.tool for one in base.report.directives)):
        basis = ConfigurationBasis(kind=BY_BASE)  # kvlint is in use there
    is_accepted = basis.kind == ACCEPTED
    entries = list(setting_entries(weakenings, configs[0], base, head))
    if basis.kind != BY_REPORTS:
        head, moves = without_places(roots, configs[0], configs[1], is_accepted=is_accepted)
        entries += moves
        roots = RootMatches(base, head) if head is not roots.head else roots
        files = added_variable_files(base, words)
        head, values = without_variable_files(roots, configs[1], files, is_accepted=is_accepted)
        entries += values
        roots = RootMatches(base, head) if head is not roots.head else roots
    added = added_suppressions(roots)
    entries += suppression_entries(added, roots)
    if added and not is_accepted:
        head = without_suppressions(head, added)
        roots = RootMatches(base, head)
    accepted = added_acceptances(roots)
    entries += acceptance_entries(accepted)
    if accepted and not is_accepted:
        roots = RootMatches(base, without_acceptances(head, accepted))
    return roots, basis, entries


def exit_code(difference: Difference) -> int:
    """Return the exit code: 1 if a gate is broken, 3 if an input could not be read."""
    return exit_code_of(difference.report.sources or ("report",), difference.problems, bool(difference.gates))


def _is_empty(side: Side) -> bool:
    """Return whether a side contains no input, and nothing of it is missing."""
    return bool(side.errors) and not side.report.sources and all(map(is_without_input, side.errors))


def _without_errors(side: Side) -> Side:
    report = msgspec.structs.replace(side.report, problems=())
    found = None if side.access is None else msgspec.structs.replace(side.access, problems=())
    return msgspec.structs.replace(side, report=report, access=found)


def _errors(base: Side, head: Side, *, has_base: bool) -> tuple[Problem, ...]:
    """Return the problems that make a comparison incomplete, with the side that each is about."""
    if base is head:
        return tuple(head.errors)
    found = [
        msgspec.structs.replace(problem, message=f"{name}: {problem.message}")
        for name, side in (("BASE", base), ("HEAD", head))
        for problem in side.errors
    ]
    for name, side in (("BASE", base), ("HEAD", head)):
        if not side.report.sources and (has_base or side is head):
            text = f"{name}: '{side.label}' contains nothing to check"
            found.append(Problem(code=INPUT_INCOMPLETE, level="error", message=text))
    return tuple(found)


def _problem_key(problem: Problem, side: Side) -> tuple[str, str, str]:
    """Return the identity of a problem on both sides."""
    path = "" if problem.at is None else relative_to(side.folder)(problem.at.path)
    return problem.code, problem.message, path


def _unlike(base: Side, head: Side, words: Sequence[str]) -> Iterator[Problem]:
    """Yield a warning if two folders have nothing in common: everything is new or gone then.

    Raise UsageError for two files of different kinds, or without a common resource: one of them is the wrong file.
    """
    is_folder = all(os.path.isdir(word) for word in words)
    kinds = [set(side.report.unit_counts) for side in (base, head)]
    if all(kinds) and not kinds[0] & kinds[1] and not is_folder:
        old, new = (" and ".join(sorted(one)) for one in kinds)
        text = f"'{visible(base.label)}' contains a {old}, and '{visible(head.label)}' a {new}"
        raise UsageError(text, "compare two inputs of one kind")
    if not base.report.sources:
        text = f"'{visible(base.label)}' contains nothing to check: everything is new"
        yield Problem(code=SETTING_WITHOUT_EFFECT, level="warning", message=text)
    resources = [_resources(side) for side in (base, head)]
    if not all(resources) or resources[0] & resources[1]:
        return
    text = f"'{visible(base.label)}' and '{visible(head.label)}' have no resource in common"
    if not is_folder:
        raise UsageError(text, "compare two states of one deployment")
    yield Problem(
        code=SETTING_WITHOUT_EFFECT, level="warning", message=f"{text}: everything is new or gone",
        hint="compare two states of one deployment",
    )  # fmt: skip


def _resources(side: Side) -> set[tuple[str, ...]]:
    """Return what identifies the resources of a side: types with addresses or names."""
    found: set[tuple[str, ...]] = set()
    for root in side.roots:
        found |= {("address", *one) for one in root.addresses} | {("name", *one) for one in root.names}
    report = side.report
    for finding in (*report.findings, *report.unknown, *report.suppressed):
        for one in finding.occurrences:
            found |= {("address", one.type.lower(), one.address), ("name", one.type.lower(), one.full_name.lower())}
    return found


def _rules_of_both(base: Side, head: Side) -> tuple[set[str], list[Problem]]:
    """Return the rules that ran on both sides, and a warning about the others."""
    sets = [{rule.id for rule in side.report.rules} for side in (base, head)]
    problems = []
    for only, name in ((sets[0] - sets[1], "BASE"), (sets[1] - sets[0], "HEAD")):
        if only:
            ids = sorted(only)
            listed = ", ".join(ids[:_NAMED]) + (f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else "")
            verb = "is" if len(ids) == 1 else "are"
            text = f"{pluralize(len(ids), 'rule')} ran on {name} only and {verb} not compared: {listed}"
            hint = "compare with the same configuration and version"
            problems.append(Problem(code=SETTING_WITHOUT_EFFECT, level="warning", message=text, hint=hint))
    return sets[0] & sets[1], problems


def _with_strict_rules(config: Config) -> Config:
    """Return the configuration with the strict rules for vaults and managed HSMs, except for access, which is compared
    by itself.
    """
    others = [
        rule.id
        for rule in known_rules(config)
        if rule.profile == _STRICT
        and (rule.category == _ACCESS or not _COMPARED_STRICTLY.issuperset(map(str.lower, rule.resources)))
    ]
    return msgspec.structs.replace(config, profiles=(_STRICT,), ignore=(*config.ignore, *others))


def _is_default(finding: Finding) -> bool:
    return finding.rule.profile == _DEFAULT


def _regressions(changes: Iterable[FindingChange], roots: RootMatches) -> Iterator[FindingChange]:
    """Yield the changes of default rules, and those of strict rules on resources that met them on one side.

    A finding of a strict rule is left out if a finding of a default rule with the same state has the same cause.
    """
    listed = list(changes)
    reasons = {(one.state, one.finding.rule.id, one.finding.resource) for one in listed}
    kept = [roots.addresses(is_base=True), roots.addresses(is_base=False)]
    for change in listed:
        finding = change.finding
        if _is_default(finding):
            yield change
        elif change.state == NEW or (change.state == GONE and not change.note):
            side = roots.head if change.state == NEW else roots.base
            keys = [roots.key(side, one) for one in finding.occurrences]
            is_kept = all(key in kept[0] and key in kept[1] for key in keys)
            is_same = any((change.state, rule, finding.resource) in reasons for rule in finding.rule.same_cause)
            if is_kept and not is_same:
                yield change


def _doors(paired: Iterable[Paired], doors: Doors, rejections: Iterable[OneWayDoor]) -> Iterator[OneWayDoor]:
    for one in paired:
        yield from doors.between(one.pairs, one.gone)
        yield from tenant_doors(one.pairs)
    yield from rejections
