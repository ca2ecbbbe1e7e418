"""A whole run: discover, read, evaluate, place, report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from kvlint import __version__
from kvlint.config import Config
from kvlint.engine.builtin import builtin_rules, load_folder
from kvlint.engine.select import chosen
from kvlint.errors import EXIT_CLEAN, EXIT_FINDINGS, EXIT_NOT_WHOLE
from kvlint.judged import Judged, once
from kvlint.model.report import Finding, Problem, Report
from kvlint.model.rule import Rule
from kvlint.readers.discover import discover
from kvlint.readers.problems import CANNOT_READ
from kvlint.readers.read import MAKE_INPUT
from kvlint.readers.repository import repository
from kvlint.readers.units import units_of
from kvlint.work import judge_units

Progress: TypeAlias = Callable[[int, int], None]


def check(config: Config, progress: Progress | None = None) -> Report:
    """Judge everything that ``config`` names. What goes wrong with an input is a Problem.

    Raises UsageError and RuleError.

    ``progress`` is told how many units are done, and of how many.
    """
    rules = rules_of(config)
    sources, root = discover(config.paths)
    given, _ = discover(config.parameters)
    units = units_of(sources, given)
    total = Judged()
    for done, judged in enumerate(judge_units(units, config, rules, root)):
        if progress is not None:
            progress(done, len(units))
        total.add(judged)
    if not total.read and not total.problems:
        total.problems.append(_nothing(config.paths))
    shown = [finding for finding in total.findings if finding.severity >= config.min_severity]
    doubts = [finding for finding in total.undecided if finding.severity >= config.min_severity]
    return Report(
        findings=_sorted(once(shown)),
        undecided=_sorted(once(doubts)),
        problems=tuple(dict.fromkeys(total.problems)),
        rules=tuple(rules),
        sources=tuple(dict.fromkeys(total.read)),
        judged=dict(sorted(total.judged.items())),
        passed=total.passed,
        version=__version__,
        repository=repository(root),
    )


def rules_of(config: Config) -> tuple[Rule, ...]:
    """The built-in rules and the user's own, as far as they are selected, in id order."""
    return chosen(all_rules(config.rules), config.select, config.ignore)


def all_rules(folders: Sequence[str]) -> tuple[Rule, ...]:
    """The built-in rules, and those in the user's own folders or files."""
    rules = builtin_rules()
    if folders:
        from pathlib import Path

        for folder in folders:
            rules += load_folder(Path(folder), others=rules)
    return rules


def exit_code(report: Report, config: Config) -> int:
    """0 nothing at or above ``fail_on``, 1 findings, 3 the answer is not whole, which beats 1."""
    if any(problem.level == "error" for problem in report.problems):
        return EXIT_NOT_WHOLE
    counted = report.findings + (report.undecided if config.strict else ())
    return EXIT_FINDINGS if any(finding.severity >= config.fail_on for finding in counted) else EXIT_CLEAN


def _nothing(paths: Sequence[str]) -> Problem:
    message = f"nothing to check in {', '.join(paths)}: no plan, template, Bicep file or what-if result was found"
    return Problem(code=CANNOT_READ, level="error", message=message, hint=MAKE_INPUT)


def _sorted(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=_order))


def _order(finding: Finding) -> tuple[str, int, int, str, str]:
    region = finding.at.region
    line, column = (region.start_line, region.start_column) if region is not None else (0, 0)
    return finding.at.path, line, column, finding.rule.id, finding.resource
