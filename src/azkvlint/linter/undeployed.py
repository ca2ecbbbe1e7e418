"""Recognize code that nothing in a run deploys, which reports list after what is deployed.

These are modules and templates that require values and that nothing calls, that have no parameter file and that no
command deploys, what only tests and examples call, copies of compiled templates, and what only a compiled template has
that differs from its Bicep file. In a repository of modules nothing is deployed, and nothing differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import msgspec

from azkvlint.linter.test_folders import FoldersOfTests
from azkvlint.linter.unit_result import UnitResult
from azkvlint.model.finding import ARM_TEMPLATE, Finding
from azkvlint.readers.units import DeploymentCommands, Unit


def without_deployment(
    pairs: Sequence[tuple[Unit, UnitResult]], commands: DeploymentCommands
) -> list[tuple[Unit, UnitResult]]:
    """Return the units of a run with their results, of which those that nothing deploys are marked."""
    pairs = [(unit, _without_deployed_template(unit, result, commands)) for unit, result in pairs]
    waiting = [_waits_for_caller(unit, result) for unit, result in pairs]
    # The scripts are searched only if the order can differ.
    if not any(waiting) or all(waiting):
        return list(pairs)
    return [
        (unit, msgspec.structs.replace(result, is_undeployed=True))
        if is_waiting and not commands.deploy(unit.source.file)
        else (unit, result)
        for (unit, result), is_waiting in zip(pairs, waiting, strict=True)
    ]


def _without_deployed_template(unit: Unit, result: UnitResult, commands: DeploymentCommands) -> UnitResult:
    """Return the result of a unit, whose compiled template is not outdated if a command deploys it."""
    is_deployed = bool(result.outdated) and unit.compiled is not None and commands.deploy(unit.compiled.file)
    return msgspec.structs.replace(result, outdated="") if is_deployed else result


def _waits_for_caller(unit: Unit, result: UnitResult) -> bool:
    """Return whether an input that the command line does not name can only be deployed by something else."""
    is_alone = unit.parameters is None and not unit.source.is_explicit
    # An ARM template with required parameters may be linked by an address, and deployed from the portal.
    is_for_callers = result.is_for_callers and ARM_TEMPLATE not in result.kinds.values()
    return is_alone and (is_for_callers or unit.copied) and bool(result.read)


class Undeployed:
    """The roots of results in ``units`` that nothing deploys; none unless code outside of tests is deployed."""

    def __init__(self, units: Sequence[UnitResult], folders: FoldersOfTests) -> None:
        self._units = units
        self._folders = folders
        deployed = {root for unit in units if not unit.is_undeployed for root in _roots(unit)}
        self._deployed = deployed - {unit.outdated for unit in units}
        self._known: dict[str, bool] = {}

    def mark(self, finding: Finding) -> Finding:
        """Return a finding, marked if nothing deploys its root. One at a place in tests has the mark of these."""
        is_at_tests = finding.in_tests and self._folders.include("", finding.at.path)
        if is_at_tests or finding.source or not self._include(finding.root):
            return finding
        return msgspec.structs.replace(finding, is_undeployed=True)

    def _include(self, root: str) -> bool:
        if root not in self._known:
            self._known[root] = self._is_undeployed(root) and self._has_deployed
        return self._known[root]

    def _is_undeployed(self, root: str) -> bool:
        """Return whether nothing deploys a root: it waits for a caller, or is a test or example."""
        return root != "" and (root not in self._deployed or self._is_in_tests(root))

    def _is_in_tests(self, root: str) -> bool:
        return self._folders.include(root, f"{root}/-")

    @cached_property
    def _has_deployed(self) -> bool:
        """Return whether a root outside of tests is deployed that has resources."""
        units = (unit for unit in self._units if unit.resource_counts and not unit.is_undeployed)
        return any(not self._is_in_tests(root) for unit in units for root in _roots(unit))


def _roots(unit: UnitResult) -> Iterator[str]:
    """Yield the paths by which results name their root: of a Bicep file, also that of its compiled template."""
    if unit.root:
        yield unit.root
    yield from unit.read
