"""Add the results of plans that were found in folders to those of their sources, each result once.

A result of such a plan removes none of its source: a checkout can contain a plan that was made from anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec

from azkvlint.linter.unit_result import UnitResult
from azkvlint.model.finding import Finding
from azkvlint.model.location import static_address

_Key: TypeAlias = tuple[str, str]


class _RootUnits:
    """What the units of a root say, its plans aside."""

    def __init__(self) -> None:
        self.total = UnitResult()
        self.vaults: set[str] = set()
        self.passed: set[_Key] = set()
        self.failed: set[_Key] = set()

    def add(self, unit: UnitResult) -> None:
        """Add a unit."""
        self.total.add(unit)
        self.failed.update(map(_key, unit.findings))
        if unit.control_answers is not None:
            self.vaults.update(static_address(vault.address) for vault in unit.control_answers.vaults)
            self.passed.update((one.rule.id, static_address(one.resource)) for one in unit.control_answers.passes)


def without_duplicates(units: Sequence[UnitResult]) -> list[UnitResult]:
    """Return the units; plans that add to their source without what a source of the same root has too."""
    roots = {unit.root for unit in units if unit.adds_to_source}
    sources: dict[str, _RootUnits] = {}
    for unit in units:
        if unit.root in roots and not unit.from_plan:
            sources.setdefault(unit.root, _RootUnits()).add(unit)
    planned: dict[str, set[_Key]] = {}
    found: list[UnitResult] = []
    for unit in units:
        source = sources.get(unit.root) if unit.adds_to_source else None
        if source is None:
            found.append(unit)
            continue
        added = _added_to(unit, source)
        keys = {_key(finding) for finding in added.findings}
        planned.setdefault(unit.root, set()).update(keys)
        source.failed |= keys  # a second plan of the same source adds to both
        found.append(added)
    return [_without_decided_unknown(unit, planned.get(unit.root, set())) for unit in found]


def _added_to(plan: UnitResult, source: _RootUnits) -> UnitResult:
    """Return what a plan adds to its source."""
    suppressed = {_key(finding) for finding in source.total.suppressed}
    unknown = {_key(finding) for finding in source.total.unknown}
    evaluated = {(one.type.lower(), static_address(one.address)) for one in source.total.declarations if not one.reason}
    answers = plan.control_answers
    if answers is not None:
        answers = msgspec.structs.replace(
            answers,
            vaults=tuple(one for one in answers.vaults if static_address(one.address) not in source.vaults),
            passes=tuple(one for one in answers.passes if not _has_passed(one, source)),
        )
    return msgspec.structs.replace(
        plan,
        findings=_without(plan.findings, source.failed),
        unknown=_without(plan.unknown, source.failed | unknown | suppressed),
        suppressed=_without(plan.suppressed, source.failed | suppressed),
        resource_counts=Counter(plan.resource_counts) - source.total.resource_counts,
        passed=max(plan.passed - source.total.passed, 0),
        control_answers=answers,
        declarations=[
            one for one in plan.declarations if (one.type.lower(), static_address(one.address)) not in evaluated
        ],
    )


def _has_passed(finding: Finding, source: _RootUnits) -> bool:
    address = static_address(finding.resource)
    return address in source.vaults or (finding.rule.id, address) in source.passed


def _without_decided_unknown(unit: UnitResult, planned: set[_Key]) -> UnitResult:
    """Return a source without the unknown results that fail in a plan of it."""
    if unit.from_plan or not planned:
        return unit
    return msgspec.structs.replace(unit, unknown=_without(unit.unknown, planned))


def _without(findings: Iterable[Finding], keys: set[_Key]) -> list[Finding]:
    return [finding for finding in findings if _key(finding) not in keys]


def _key(finding: Finding) -> _Key:
    return finding.rule.id, finding.resource
