"""A whole run: discover, read, evaluate, place, report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import msgspec

from kvlint import __version__
from kvlint.config import Config
from kvlint.engine.builtin import builtin_rules, load_folder
from kvlint.engine.demand import demand_of
from kvlint.engine.evaluate import Evaluator, Verdicts
from kvlint.engine.select import chosen
from kvlint.errors import EXIT_CLEAN, EXIT_FINDINGS, EXIT_NOT_WHOLE, InputError
from kvlint.model.graph import Demand
from kvlint.model.report import Finding, Problem, Report
from kvlint.model.rule import Rule
from kvlint.model.source import Excerpt, Location, Region
from kvlint.readers.build import build_graph
from kvlint.readers.derive.attributes import with_needs
from kvlint.readers.discover import Source, discover, read_source
from kvlint.readers.plan.document import MAKE_PLAN_JSON
from kvlint.readers.plan.positions import positions
from kvlint.readers.plan.read import PlanRead, read_plan
from kvlint.readers.problems import CANNOT_READ
from kvlint.readers.repository import repository

Progress: TypeAlias = Callable[[int, int], None]
Places: TypeAlias = dict[str, tuple[Region, Excerpt]]


def check(config: Config, progress: Progress | None = None) -> Report:
    """Judge everything that ``config`` names. What goes wrong with an input is a Problem.

    Raises UsageError and RuleError.

    ``progress`` is told how many sources are done, and of how many.
    """
    rules = rules_of(config)
    sources, root = discover(config.paths)
    demand = with_needs(demand_of(rules))
    evaluator = Evaluator(rules, config.explain)
    total = Verdicts(findings=[], undecided=[], problems=[], judged=Counter(), passed=0)
    read: list[str] = []
    for done, source in enumerate(sources):
        if progress is not None:
            progress(done, len(sources))
        if _check_source(source, demand, evaluator, total, config.explain):
            read.append(source.path)
    if not read and not total.problems:
        total.problems.append(_nothing(config.paths))
    shown = [finding for finding in total.findings if finding.severity >= config.min_severity]
    doubts = [finding for finding in total.undecided if finding.severity >= config.min_severity]
    return Report(
        findings=_sorted(shown),
        undecided=_sorted(doubts),
        problems=tuple(total.problems),
        rules=tuple(rules),
        sources=tuple(read),
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


def judge_plan(path: str, data: bytes, demand: Demand, evaluator: Evaluator) -> tuple[PlanRead, Verdicts]:
    """Read one plan and judge it. Raises InputError if it is none."""
    read = read_plan(path, data, demand)
    verdicts = evaluator.evaluate(build_graph(read.resources, demand, read.closed))
    return read, verdicts


def _check_source(source: Source, demand: Demand, evaluator: Evaluator, total: Verdicts, explain: bool) -> bool:
    """Judge one source into ``total``; False for a file that holds nothing to judge."""
    try:
        data = read_source(source)
        if data is None:
            return False
        read, verdicts = judge_plan(source.path, data, demand, evaluator)
    except InputError as error:
        total.problems.append(_problem(source.path, error))
        return True
    # A mistake of ours on one input must not take the findings on the others with it.
    except Exception as error:  # noqa: BLE001
        total.problems.append(_problem(source.path, broken_here(error)))
        return True
    problems = read.problems + verdicts.problems
    told = verdicts.findings + (verdicts.undecided if explain else [])
    places = positions(read.plan, read.numbers, _addresses(told, problems))
    total.findings += (_placed(finding, places) for finding in verdicts.findings)
    total.undecided += (_placed(finding, places) for finding in verdicts.undecided)
    total.problems += (_placed_problem(problem, places) for problem in problems)
    total.judged += verdicts.judged
    total.passed += verdicts.passed
    return True


def _addresses(findings: Iterable[Finding], problems: Iterable[Problem]) -> set[str]:
    """The resources whose place somebody will want to see."""
    found: set[str] = set()
    for finding in findings:
        found.add(finding.resource)
        found.update(note.at.address for note in finding.related if note.at.address is not None)
    found.update(
        problem.at.address for problem in problems if problem.at is not None and problem.at.address is not None
    )
    return found


def _placed(finding: Finding, places: Places) -> Finding:
    """The finding with its region and excerpt, and the regions of what it is related to."""
    place = places.get(finding.resource)
    if place is None or finding.at.region is not None:
        return finding
    region, excerpt = place
    return msgspec.structs.replace(
        finding,
        at=msgspec.structs.replace(finding.at, region=region),
        excerpt=excerpt,
        related=tuple(
            msgspec.structs.replace(note, at=_located(note.at, places)) if note.at.address in places else note
            for note in finding.related
        ),
    )


def _located(at: Location, places: Places) -> Location:
    place = places.get(at.address or "")
    return at if place is None else msgspec.structs.replace(at, region=place[0])


def _placed_problem(problem: Problem, places: Places) -> Problem:
    return problem if problem.at is None else msgspec.structs.replace(problem, at=_located(problem.at, places))


def broken_here(error: Exception) -> InputError:
    """What to say of an error of kvlint's own: where, and not the error's text, which may hold a value of the input."""
    from traceback import extract_tb

    frame = extract_tb(error.__traceback__)[-1]
    place = f"{frame.filename.replace(chr(92), '/').rpartition('/')[2]}:{frame.lineno}"
    return InputError(f"internal error: {type(error).__name__} at {place}", "please report it")


def _problem(path: str, error: InputError) -> Problem:
    region = None
    if error.line is not None:
        column = error.column or 1
        region = Region(error.line, column, error.line, column)
    at = Location(path=path, region=region)
    return Problem(code=CANNOT_READ, level="error", message=error.message, at=at, hint=error.hint or "")


def _nothing(paths: Sequence[str]) -> Problem:
    message = f"nothing to check in {', '.join(paths)}: no Terraform or OpenTofu plan in JSON was found"
    return Problem(code=CANNOT_READ, level="error", message=message, hint=MAKE_PLAN_JSON)


def _sorted(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=_order))


def _order(finding: Finding) -> tuple[str, int, int, str, str]:
    region = finding.at.region
    line, column = (region.start_line, region.start_column) if region is not None else (0, 0)
    return finding.at.path, line, column, finding.rule.id, finding.resource
