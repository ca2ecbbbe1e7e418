"""Compare two sides: findings, one-way doors and access, with the gates of ``--fail-on``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from azkvlint.access.capabilities import CAPABILITIES
from azkvlint.config.run_config import Config, today
from azkvlint.difference.inputs import Side, before_and_after, two_sides
from azkvlint.difference.matching import Roots, compare_findings, moved_address, pair_states
from azkvlint.difference.one_way_doors import Doors
from azkvlint.linter.linter import exit_code_of
from azkvlint.model.access import AccessReport, Path, Principal
from azkvlint.model.difference import (
    CHANGED,
    GAINED,
    GONE,
    LOST,
    NEW,
    UNKNOWN,
    AccessChange,
    BrokenGate,
    Difference,
    FindingChange,
    OneWayDoor,
    counted,
)
from azkvlint.model.finding import Finding, Problem
from azkvlint.model.problem_codes import INPUT_INCOMPLETE, SETTING_WITHOUT_EFFECT
from azkvlint.model.rule import SEVERITIES, Severity
from azkvlint.util.errors import UsageError, did_you_mean
from azkvlint.util.plural import pluralize
from azkvlint.util.safe_text import visible

ONE_WAY, ACCESS_LOST, ACCESS_GAINED, NO_GATE = "one-way", "access-lost", "access-gained", "none"
GATES = (NEW, *(f"{NEW}:{name}" for name in SEVERITIES), ONE_WAY, ACCESS_LOST, ACCESS_GAINED, NO_GATE)
"""The conditions of ``--fail-on``."""
_YES, _PERHAPS, _NO = "yes", "perhaps", "no"
_LEVELS = (_NO, _PERHAPS, _YES)
_NAMED = 5
_DEFAULT, _STRICT = "default", "strict"


class Gate(msgspec.Struct, frozen=True):
    """A condition of ``--fail-on``; ``severity`` is the least of new findings that meet it."""

    text: str
    kind: str
    severity: Severity = Severity.INFO


def gates_of(words: Iterable[str]) -> tuple[Gate, ...]:
    """Return the gates of ``--fail-on``; new findings if there is none. Raise UsageError for conflicting ones."""
    parts = [part.strip().lower() for word in words for part in word.split(",") if part.strip()]
    found: dict[str, Gate] = {}
    for part in parts or [NEW]:
        if part not in GATES:
            hint = did_you_mean(part, list(GATES)) or f"write {NEW}, {NEW}:high, {ONE_WAY}, {ACCESS_LOST} or others"
            raise UsageError(f"--fail-on: `{part}` is not a condition", hint)
        kind, _, severity = part.partition(":")
        gate = Gate(part, kind, SEVERITIES[severity] if severity else Severity.INFO)
        old = found.setdefault(kind, gate)
        if old != gate:
            raise UsageError(f"--fail-on: `{old.text}` conflicts with `{gate.text}`", "write one of them")
    if NO_GATE in found and len(found) > 1:
        other = next(gate.text for kind, gate in found.items() if kind != NO_GATE)
        raise UsageError(f"--fail-on: `{NO_GATE}` conflicts with `{other}`", "write one of them")
    return tuple(gate for kind, gate in found.items() if kind != NO_GATE)


def compare(configs: Sequence[Config], words: Sequence[str], gates: Sequence[Gate]) -> Difference:
    """Return the difference between two inputs, or between the states before and after one.

    ``configs`` are the configurations of the inputs ``words``. If a side is incomplete, there is no difference but the
    problems. Unless rules are selected, resources that met a rule of the profile strict before are compared by it too.
    Raise UsageError for inputs that cannot be compared.
    """
    is_extended = not any(config.profiles or config.select for config in configs)
    if is_extended:
        configs = [msgspec.structs.replace(config, profiles=(_STRICT,)) for config in configs]
    if len(words) == 1:
        base, head = before_and_after(configs[0], words[0])
        names = "before", "after"
    else:
        base, head = two_sides(configs[0], configs[1], words)
        names = words[0], words[1]
    errors = _errors(base, head)
    if errors:
        return Difference(
            base=names[0], head=names[1], report=head.report, changes=(), doors=(), access=(), gates=(), problems=errors
        )
    if len(words) == 2:
        _refuse_unlike(base, head)
    ran, problems = _rules_of_both(base, head)
    roots = Roots(base, head)
    has_access = base.access is not None and head.access is not None
    changes = compare_findings(roots, ran)
    report = head.report
    if is_extended and has_access:
        changes = tuple(_regressions(changes, roots))
        shown = {id(change.whole) for change in changes}
        report = msgspec.structs.replace(
            report, findings=tuple(one for one in report.findings if _is_default(one) or id(one) in shown)
        )
    doors = tuple(_doors(roots, Doors(today(configs[-1]))))
    access = tuple(_access_changes(roots)) if has_access else ()
    known = set(base.report.problems)
    warnings = [one for one in head.report.problems if one.level == "warning" and one not in known]
    found = Difference(
        base=names[0], head=names[1], report=report, changes=changes, doors=doors, access=access, gates=(),
        problems=(*problems, *warnings), has_access=has_access,
    )  # fmt: skip
    return msgspec.structs.replace(found, gates=tuple(_broken(found, gates, is_strict=configs[-1].strict)))


def exit_code(difference: Difference) -> int:
    """Return the exit code: 1 if a gate is broken, 3 if an input could not be read."""
    return exit_code_of(difference.report.sources or ("report",), difference.problems, bool(difference.gates))


# --- what cannot be compared ------------------------------------------------------------------------------------------


def _errors(base: Side, head: Side) -> tuple[Problem, ...]:
    """Return the problems that make a comparison impossible, with the side that each is about."""
    if base is head:
        return tuple(head.errors)
    found = [
        msgspec.structs.replace(problem, message=f"{name}: {problem.message}")
        for name, side in (("BASE", base), ("HEAD", head))
        for problem in side.errors
    ]
    for name, side in (("BASE", base), ("HEAD", head)):
        if not side.report.sources:
            text = f"{name}: '{side.label}' contains nothing to check"
            found.append(Problem(code=INPUT_INCOMPLETE, level="error", message=text))
    return tuple(found)


def _refuse_unlike(base: Side, head: Side) -> None:
    """Raise UsageError for inputs of different kinds, and for inputs that have nothing in common."""
    kinds = [set(side.report.unit_counts) for side in (base, head)]
    if all(kinds) and not kinds[0] & kinds[1]:
        old, new = (" and ".join(sorted(one)) for one in kinds)
        text = f"'{visible(base.label)}' contains a {old}, and '{visible(head.label)}' a {new}"
        raise UsageError(text, "compare two inputs of one kind")
    resources = [_resources(side) for side in (base, head)]
    if not all(resources) or resources[0] & resources[1]:
        return
    repositories = [side.report.repository for side in (base, head)]
    is_same = repositories[0] is not None and repositories[1] is not None and repositories[0].uri == repositories[1].uri
    if not is_same or base.folder != head.folder or base.report.root == head.report.root:
        text = f"'{visible(base.label)}' and '{visible(head.label)}' have no resource in common"
        raise UsageError(text, "compare two states of one deployment")


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


# --- rules of the profile strict --------------------------------------------------------------------------------------


def _is_default(finding: Finding) -> bool:
    return finding.rule.profile == _DEFAULT


def _regressions(changes: Iterable[FindingChange], roots: Roots) -> Iterator[FindingChange]:
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
        elif change.state in (NEW, GONE) and not change.note:
            side = roots.head if change.state == NEW else roots.base
            keys = [roots.key(side, one) for one in finding.occurrences]
            is_kept = all(key in kept[0] and key in kept[1] for key in keys)
            is_same = any((change.state, rule, finding.resource) in reasons for rule in finding.rule.same_cause)
            if is_kept and not is_same:
                yield change


# --- one-way doors ----------------------------------------------------------------------------------------------------


def _doors(roots: Roots, doors: Doors) -> Iterator[OneWayDoor]:
    base = {one.path: one for one in roots.base.roots}
    head = {one.path: one for one in roots.head.roots}
    for path, state in base.items():
        other = head.get(roots.observed.get(path, ""))
        yield from doors.between(pair_states(state, other, roots.in_head), is_root_gone=other is None)
    old = set(roots.observed.values())
    for path, state in head.items():
        if path not in old:
            yield from doors.between(pair_states(None, state, roots.in_head))


# --- access -----------------------------------------------------------------------------------------------------------


class _Access(NamedTuple):
    """The best path of a principal to a capability on a vault."""

    level: int
    path: Path
    principal: Principal
    vault: str


class _Group(NamedTuple):
    """What several changes of access have in common: the levels, the principal and the steps of the path."""

    was: int
    now: int
    principal: str
    is_lockout: bool
    steps: tuple[tuple[str, str], ...]


_Key = tuple[str, str, str, str]


def _access_changes(roots: Roots) -> Iterator[AccessChange]:
    """Yield what principals gain and lose, with the vaults on which this is the same in one change."""
    base, head = roots.base.access, roots.head.access
    if base is None or head is None:
        return
    old_key, new_key = _keys(roots, base, head)
    old, new = _best(base, old_key), _best(head, new_key)
    levels: dict[tuple[str, str, str], list[int]] = {}
    for number, side in enumerate((old, new)):
        for (root, vault, principal, _), one in side.items():
            known = levels.setdefault((root, vault, principal), [0, 0])
            known[number] = max(known[number], one.level)
    groups: dict[_Group, list[tuple[str, str, _Access]]] = {}
    for key in sorted({*old, *new}, key=_order):
        before, after = old.get(key), new.get(key)
        was, now = (0 if one is None else one.level for one in (before, after))
        shown = (after if now >= was else before) or before or after
        if was == now or shown is None:
            continue
        total = levels[key[:3]]
        is_lockout = total[0] == _LEVELS.index(_YES) and total[1] == 0
        text = tuple((step.kind, step.text) for step in shown.path.steps)
        groups.setdefault(_Group(was, now, key[2], is_lockout, text), []).append((key[3], shown.vault, shown))
    labels = {one.name: one.label for one in CAPABILITIES}
    for group, found in groups.items():
        names = tuple(dict.fromkeys(capability for capability, _, _ in found))
        yield AccessChange(
            direction=GAINED if group.now > group.was else LOST,
            principal=found[0][2].principal,
            capabilities=names,
            labels=tuple(labels.get(name, name) for name in names),
            vaults=tuple(dict.fromkeys(vault for _, vault, _ in found)),
            path=_placed_path(found[0][2].path, roots) if group.now < group.was else found[0][2].path,
            before=_LEVELS[group.was],
            after=_LEVELS[group.now],
            is_lockout=group.is_lockout,
        )


def _order(key: _Key) -> tuple[object, ...]:
    names = [one.name for one in CAPABILITIES]
    return key[2], key[0], key[1], names.index(key[3]) if key[3] in names else len(names)


def _keys(
    roots: Roots, base: AccessReport, head: AccessReport
) -> tuple[Callable[[int, str], tuple[str, str, str]], Callable[[int, str], tuple[str, str, str]]]:
    """Return functions that map a vault and principal of each side to root, vault and principal of HEAD."""
    moved = {root.path: root.moved for root in roots.head.roots}
    addresses = {(vault.root, vault.address) for vault in head.vaults}
    by_name: dict[tuple[str, str, str], list[str]] = {}
    for vault in head.vaults:
        by_name.setdefault((vault.root, vault.type.lower(), vault.name.lower()), []).append(vault.address)
    known: dict[int, tuple[str, str]] = {}
    for number, vault in enumerate(base.vaults):
        root = roots.observed.get(vault.root, f"\0{vault.root}")
        address = moved_address(vault.address, moved.get(root, {}))
        named = by_name.get((root, vault.type.lower(), vault.name.lower()), [])
        if (root, address) not in addresses and len(named) == 1:
            address = named[0]
        known[number] = root, address

    def of_base(number: int, principal: str) -> tuple[str, str, str]:
        root, address = known[number]
        return root, address, moved_address(principal, moved.get(root, {}))

    def of_head(number: int, principal: str) -> tuple[str, str, str]:
        vault = head.vaults[number]
        return vault.root, vault.address, principal

    return of_base, of_head


def _best(report: AccessReport, key_of: Callable[[int, str], tuple[str, str, str]]) -> dict[_Key, _Access]:
    found: dict[_Key, _Access] = {}
    for row in report.rows:
        level = 2 if row.path.is_certain else 1
        for vault in row.vaults:
            key = (*key_of(vault, row.principal.key), row.capability)
            known = found.get(key)
            if known is None or known.level < level:
                found[key] = _Access(level, row.path, row.principal, report.vaults[vault].name)
    return found


def _placed_path(path: Path, roots: Roots) -> Path:
    """Return a path of BASE with its places as HEAD names them."""
    steps = tuple(
        step if step.at is None else msgspec.structs.replace(step, at=roots.in_head(step.at)) for step in path.steps
    )
    return msgspec.structs.replace(path, steps=steps)


# --- gates ------------------------------------------------------------------------------------------------------------


def _broken(difference: Difference, gates: Iterable[Gate], *, is_strict: bool) -> Iterator[BrokenGate]:
    """Yield the gates that are broken. What is only possible or unknown counts if the run is strict."""
    for gate in gates:
        if gate.kind == NEW:
            worse = [one for one in counted(difference.changes, difference.report) if _is_worse(one, is_strict)]
            count = sum(one.finding.severity >= gate.severity for one in worse)
        elif gate.kind == ONE_WAY:
            count = sum(one.is_certain or is_strict for one in difference.doors)
        else:
            direction = LOST if gate.kind == ACCESS_LOST else GAINED
            count = sum(
                one.direction == direction
                and (one.is_certain or is_strict or (one.after == _YES and direction == GAINED))
                for one in difference.access
            )
        if count:
            yield BrokenGate(gate=f"--fail-on {gate.text}", count=count)


def _is_worse(change: FindingChange, is_strict: bool) -> bool:
    if change.state == CHANGED:
        return change.is_worse and (change.finding.suppressed is None)
    return change.state == NEW or (is_strict and change.state == UNKNOWN)
