"""Merge the results of a module as OpenTofu and as Terraform reads it, which differ if it has ``.tofu`` files.

No file decides which of them deploys: a lock file, for example, is a file of the checkout too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from azkvlint.linter.unit_result import UnitResult
from azkvlint.model.finding import ControlAnswers, Declaration, Finding, Problem


def merge_tools(opentofu: UnitResult, terraform: UnitResult) -> UnitResult:
    """Return the results of both readings, each once. What fails in one of them fails."""
    failed = {_subject(finding) for finding in (*opentofu.findings, *terraform.findings)}
    unknown = _union(opentofu.unknown, terraform.unknown)
    return msgspec.structs.replace(
        opentofu,
        findings=_union(opentofu.findings, terraform.findings),
        unknown=[finding for finding in unknown if _subject(finding) not in failed],
        suppressed=_union(opentofu.suppressed, terraform.suppressed),
        problems=[*opentofu.problems, *_of_other_files(opentofu, terraform)],
        resource_counts=Counter(opentofu.resource_counts) | Counter(terraform.resource_counts),
        kinds=terraform.kinds | opentofu.kinds,
        passed=max(opentofu.passed, terraform.passed),
        unused=terraform.unused | opentofu.unused,
        used=opentofu.used | terraform.used,
        directives=list(dict.fromkeys([*opentofu.directives, *terraform.directives])),
        undeclared_variables=_in_both(opentofu.undeclared_variables, terraform.undeclared_variables),
        deployed=opentofu.deployed | terraform.deployed,
        texts_read=opentofu.texts_read | terraform.texts_read,
        control_answers=_answers(opentofu, terraform),
        declarations=_declarations(opentofu.declarations, terraform.declarations),
        assumed=opentofu.assumed | terraform.assumed,
        secret_texts=opentofu.secret_texts | terraform.secret_texts,
        secret_lines=opentofu.secret_lines | terraform.secret_lines,
    )


def _subject(finding: Finding) -> tuple[str, str]:
    return finding.rule.id, finding.resource


def _union(some: Sequence[Finding], others: Iterable[Finding]) -> list[Finding]:
    """Return findings of both, those of one rule, resource and place once."""
    known = {(*_subject(finding), finding.at.position_key) for finding in some}
    return [*some, *(finding for finding in others if (*_subject(finding), finding.at.position_key) not in known)]


def _of_other_files(opentofu: UnitResult, terraform: UnitResult) -> list[Problem]:
    """Return the problems of Terraform's reading that are new and in files that have no finding or problem otherwise.

    The same place may have another problem where Terraform lacks what a ``.tofu`` file declares: it cannot be deployed.
    """
    paths = {problem.at.path for problem in opentofu.problems if problem.at is not None}
    paths |= {one.at.path for one in opentofu.declarations}
    known = set(opentofu.problems)
    return [
        problem
        for problem in terraform.problems
        if problem not in known and problem.at is not None and problem.at.path not in paths
    ]


def _in_both(some: frozenset[str] | None, others: frozenset[str] | None) -> frozenset[str] | None:
    if some is None or others is None:
        return some if others is None else others
    return some & others


def _declarations(some: Sequence[Declaration], others: Iterable[Declaration]) -> list[Declaration]:
    known = {(one.type.lower(), one.address, one.at.position_key) for one in some}
    return [*some, *(one for one in others if (one.type.lower(), one.address, one.at.position_key) not in known)]


def _answers(opentofu: UnitResult, terraform: UnitResult) -> ControlAnswers | None:
    """Return the answers of both readings. A result counts as passed only if it passes wherever it exists."""
    some, others = opentofu.control_answers, terraform.control_answers
    if some is None or others is None:
        return some if others is None else others
    open_ = {_subject(finding) for unit in (opentofu, terraform) for finding in (*unit.findings, *unit.unknown)}
    vaults = {vault.address: vault for vault in (*others.vaults, *some.vaults)}
    passes = {_subject(finding): finding for finding in (*others.passes, *some.passes)}
    return ControlAnswers(
        vaults=tuple(vaults[address] for address in sorted(vaults)),
        passes=tuple(finding for subject, finding in sorted(passes.items()) if subject not in open_),
        owners={**others.owners, **some.owners},
    )
