"""A whole run: discover, read, evaluate, place, report."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from azkvlint import __version__
from azkvlint.config.run_config import Config, Notice, today
from azkvlint.engine.required_attributes import evaluated_types
from azkvlint.engine.rule_selection import chosen
from azkvlint.engine.rule_store import builtin_rules, load_folder
from azkvlint.linter.declarations import merged
from azkvlint.linter.git_checkout import repository
from azkvlint.linter.group_instances import grouped, one_per_module, without_addresses
from azkvlint.linter.suppressions import policy_of
from azkvlint.linter.test_folders import FoldersOfTests
from azkvlint.linter.unit_result import UnitResult
from azkvlint.linter.workers import begin, evaluate_units
from azkvlint.model.finding import Finding, Problem, Report, Repository, is_complete
from azkvlint.model.location import Location, static_address
from azkvlint.model.problem_codes import INPUT_UNREADABLE
from azkvlint.model.rule import Rule
from azkvlint.readers.discover import STDIN_NAME, discover
from azkvlint.readers.reader import MAKE_INPUT
from azkvlint.readers.template_names import JSON
from azkvlint.readers.terraform.names import is_module_file
from azkvlint.readers.units import Unit, units_of
from azkvlint.util.errors import EXIT_CLEAN, EXIT_FINDINGS, EXIT_INCOMPLETE
from azkvlint.util.project_boundary import is_within, real_path, root_of
from azkvlint.util.project_files import reported_name, reported_path

if TYPE_CHECKING:
    from azkvlint.linter.baseline import Baseline

Progress: TypeAlias = Callable[[int, int], None]


def check(config: Config, progress: Progress | None = None) -> Report:
    """Evaluate everything that ``config`` names. What goes wrong with an input is a Problem.

    Raises UsageError and RuleError.

    ``progress`` is called with the number of units that are done, and of all.
    """
    return report_of(config, *_evaluated(config, progress))


def combined_result(config: Config, progress: Progress | None = None) -> UnitResult:
    """Return the combined result of all units. Raises as ``check`` does."""
    return total_of(config, *_evaluated(config, progress))[0]


def _evaluated(
    config: Config, progress: Progress | None
) -> tuple[tuple[Rule, ...], tuple[Rule, ...], str, list[UnitResult]]:
    """Return all rules, the selected ones, the root of the run, and the results of its units."""
    begin(config)
    known, rules = all_rules(config.rules, examples=False), rules_of(config)
    root, pairs = unit_results(config, known, rules, progress)
    return known, rules, root, [result for _, result in pairs]


def report_of(
    config: Config, known: Sequence[Rule], rules: tuple[Rule, ...], root: str, units: Sequence[UnitResult]
) -> Report:
    """Return the report on the units of a run, whose paths start from ``root``.

    ``known`` are all rules, ``rules`` the selected ones. Raises UsageError for a baseline that is none.
    """
    total, units = total_of(config, known, rules, root, units)
    evaluated, skipped = merged(total.declarations)
    folders = FoldersOfTests(config, root, _start(config, root), total.read)

    def selected(findings: Iterable[Finding], *, is_explained: bool = True) -> tuple[Finding, ...]:
        found = (folders.marked(finding) for finding in findings if finding.severity >= config.min_severity)
        return grouped(found) if is_explained else tuple(found)

    return Report(
        findings=selected(total.findings),
        undecided=selected(total.undecided, is_explained=config.explain),
        suppressed=selected(total.suppressed),
        passes=selected(_passes(units)),
        configuration=config.shown,
        includes_tests=config.include_tests,
        root=_start(config, root),
        problems=tuple(dict.fromkeys(total.problems)),
        rules=tuple(rules),
        sources=tuple(dict.fromkeys(total.read)),
        resource_counts=dict(sorted(total.resource_counts.items())),
        passed=total.passed,
        version=__version__,
        repository=repository_of(config, root),
        evaluated=evaluated,
        skipped=skipped,
    )


def _start(config: Config, root: str) -> str:
    """Return the folder that paths of source start from; a plan may be in another one."""
    if not config.source_root or is_within(real_path(config.source_root), root):
        return root
    return root_of(config.source_root)


def repository_of(config: Config, root: str) -> Repository | None:
    """Return the checkout that a run is about: a plan need not lie in that of its source."""
    return repository(root) or (repository(config.source_root) if config.source_root else None)


def _passes(units: Iterable[UnitResult]) -> Iterator[Finding]:
    """Yield what passes, where the units have it."""
    for unit in without_decided(list(units)):
        if unit.control_answers is not None:
            yield from unit.control_answers.passes


def baseline_of(report: Report, config: Config) -> bytes:
    """Return a baseline of all that was found: a file for ``--baseline``."""
    from azkvlint.linter.baseline import document_of

    return document_of(report, config.baseline, config.strict)


def _baseline(config: Config) -> Baseline | None:
    """Return the baseline of a run, if it has one that counts. Raises UsageError for what is none."""
    if not config.baseline:
        return None
    from azkvlint.linter.baseline import Baseline

    found = Baseline(config.baseline)
    return None if config.no_ignores else found


def total_of(
    config: Config, known: Sequence[Rule], rules: Sequence[Rule], root: str, units: Sequence[UnitResult]
) -> tuple[UnitResult, list[UnitResult]]:
    """Return what judging everything gave, as the configuration and the baseline want it, and the units that make it
    up.
    """
    baseline = _baseline(config)
    found, more = _as_configured(config, known, rules, root, units)
    found = _without_secret_texts(found)
    total = combine(found)
    total.add(more)
    if any(problem.is_syntax_error for problem in total.problems):
        from azkvlint.readers.terraform.second_opinions import with_second_opinions

        total.problems = with_second_opinions(total.problems, root)
    unread = _unread(config, root, total.read)
    if unread:
        total.problems.append(_nothing(unread))
    total.problems = one_per_module(total.problems)
    if baseline is not None:
        total.problems += baseline.applied(total, config, rules, root, [result.root for result in found])
    return total, found


def _without_secret_texts(units: list[UnitResult]) -> list[UnitResult]:
    """Return the units without the texts that no report shows. Few inputs have any."""
    if not any(unit.secret_texts for unit in units):
        return units
    from azkvlint.linter.redaction import without_secret_texts

    return [without_secret_texts(unit) if unit.secret_texts else unit for unit in units]


def unit_results(
    config: Config, known: Sequence[Rule], rules: tuple[Rule, ...], progress: Progress | None
) -> tuple[str, list[tuple[Unit, UnitResult]]]:
    """Return the root of the run, and every unit of it with its result. ``known`` are all rules."""
    policy, relevant = policy_of(known, rules, today(config), config.peer_tools), evaluated_types(known)
    sources, root = discover(config.paths, config.exclude)
    given, _ = discover(config.parameters)
    units = units_of(sources, given, relevant)
    found: list[UnitResult] = []
    for done, result in enumerate(evaluate_units(units, config, rules, root, policy, relevant)):
        if progress is not None:
            progress(done, len(units))
        found.append(result)
    return root, list(zip(units, found, strict=True))


def _as_configured(
    config: Config, known: Sequence[Rule], rules: Iterable[Rule], root: str, units: Sequence[UnitResult]
) -> tuple[list[UnitResult], UnitResult]:
    """Return the units with the overrides of the configuration, and a result with the problems of the configuration."""
    more = UnitResult(problems=list(notice_problems(config.notices, root)))
    if config.overrides:
        from azkvlint.linter.apply_overrides import Overriding

        overriding = Overriding(config, known, rules, root)
        units = [overriding.on(result) for result in units]
        # What could not be read may hold what an override is about.
        is_whole = not any(problem.level == "error" for result in units for problem in result.problems)
        more.problems += overriding.problems + (overriding.unused() if is_whole else [])
        more.directives, more.used = overriding.said(), overriding.used
    return list(units), more


def notice_problems(notices: Iterable[Notice], root: str) -> Iterator[Problem]:
    """Yield the problems of the settings, at their places below the root of the run."""
    for one in notices:
        at = Location(path=reported_name(root, one.file)) if one.file else None
        yield Problem(code=one.code, level=one.level, message=one.message, at=at, hint=one.hint)


def combine(units: Iterable[UnitResult]) -> UnitResult:
    """Return the combined result of units: a plan's result for a resource replaces that of its source.

    The problems of directives that no unit has used come last.
    """
    units = list(units)
    total = UnitResult()
    for unit in without_decided(units):
        total.add(unit)
    total.problems += [total.unused[mark] for mark in sorted(total.unused.keys() - total.used)]
    total.problems += _undeclared(units)
    return total


def without_decided(units: Sequence[UnitResult]) -> Iterator[UnitResult]:
    """Yield the units, those of source without what a plan of the same root has decided.

    A template that Terraform deploys, from its file, or a module whose caller was found only by evaluating it, is
    evaluated with the values that it is given there, and not by itself.
    """
    deploying = [(number, unit) for number, unit in enumerate(units) if unit.deployed]
    answered: dict[str, frozenset[str]] = {}
    for unit in units:
        if unit.from_plan:
            answered[unit.root] = answered.get(unit.root, frozenset()) | unit.decided
    for number, unit in enumerate(units):
        if unit.standalone_templates and any(_deploys(other, at, unit, number) for at, other in deploying):
            yield UnitResult(read=unit.read, directives=unit.directives)
        else:
            yield unit if unit.from_plan else _without(unit, answered)


def _deploys(one: UnitResult, number: int, other: UnitResult, number_of_other: int) -> bool:
    """Return whether one unit deploys another. Of those that deploy each other, the first is not deployed."""
    if number == number_of_other or not one.deployed.issuperset(other.standalone_templates):
        return False
    return (
        number < number_of_other
        or not one.standalone_templates
        or not other.deployed.issuperset(one.standalone_templates)
    )


def _undeclared(units: Iterable[UnitResult]) -> Iterator[Problem]:
    """Yield what options give values to and no Terraform root declares: Terraform would refuse it."""
    roots = [unit.undeclared_variables for unit in units if unit.undeclared_variables is not None]
    for name in sorted(frozenset.intersection(*roots)) if roots else ():
        text = f"no root module declares the variable '{name}' that --var or --var-file gives a value to"
        yield Problem(code=INPUT_UNREADABLE, level="warning", message=text)


def _without(unit: UnitResult, answered: Mapping[str, frozenset[str]]) -> UnitResult:
    """Return a unit without what plans have decided. What it has in common with them is counted there."""
    if not unit.root or unit.root not in answered:
        return unit
    # Whether a resource exists is what the plan says.
    known = answered[unit.root] | unit.assumed
    answers = unit.control_answers
    if answers is not None:
        answers = msgspec.structs.replace(
            answers,
            passes=tuple(without_addresses(answers.passes, known)),
            vaults=tuple(one for one in answers.vaults if static_address(one.address) not in known),
        )
    return msgspec.structs.replace(
        unit,
        control_answers=answers,
        resource_counts=Counter(),
        passed=0,
        findings=without_addresses(unit.findings, known),
        undecided=without_addresses(unit.undecided, known),
        suppressed=without_addresses(unit.suppressed, known),
        declarations=[
            msgspec.structs.replace(one, reason="the plan has no instance of it", condition="", instances=0)
            if one.address in unit.assumed - answered[unit.root]
            else one
            for one in unit.declarations
        ],
    )


def rules_of(config: Config) -> tuple[Rule, ...]:
    """Return the built-in rules and the user's own, as far as they are selected, in id order, with the parameters as
    set.
    """
    return chosen(known_rules(config), config.select, config.ignore, config.profiles)


def known_rules(config: Config) -> tuple[Rule, ...]:
    """Return the built-in rules and the user's own, whether they are selected or not, with the parameters as set."""
    rules = all_rules(config.rules, examples=False)
    if config.are_rules_found:
        from azkvlint.engine.parameters import refuse_unsound_patterns

        refuse_unsound_patterns(rules)
    if config.settings:
        from azkvlint.engine.parameters import with_settings

        rules = with_settings(rules, config.settings)
    return rules


def all_rules(folders: Sequence[str], *, examples: bool = True) -> tuple[Rule, ...]:
    """Return the built-in rules, and those in the user's own folders or files."""
    rules = builtin_rules(examples=examples)
    if folders:
        for folder in folders:
            rules += load_folder(folder, others=rules)
    return rules


def exit_code(report: Report, config: Config) -> int:
    """Return the exit code of a check: 1 for findings at or above ``fail_on``."""
    counted = report.counted(report.findings + (report.undecided if config.strict else ()))
    has_findings = any(finding.severity >= config.fail_on for finding in counted)
    return exit_code_of(report.sources, report.problems, has_findings)


def exit_code_of(sources: Sequence[str], problems: Iterable[Problem], has_findings: bool) -> int:
    """Return the exit code of a run that has read ``sources``. Every command gets its exit code here.

    Invariant: 0 means that at least one input was read, and that everything that should have been readable was. No
    note, warning, setting or environment variable changes that. 3 beats 1.
    """
    if not is_complete(sources, problems):
        return EXIT_INCOMPLETE
    return EXIT_FINDINGS if has_findings else EXIT_CLEAN


def _unread(config: Config, root: str, read: Iterable[str]) -> list[str]:
    """Return the folders among the paths of a run in which there is no input, given the paths that were ``read``."""
    folders = [path for path in config.paths if os.path.isdir(path)]
    around: set[str] = set()
    for path in read if folders else ():
        name = path if path != STDIN_NAME else ""
        while name and name not in around:
            around.add(name)
            name = name.rpartition("/")[0] or os.curdir  # which the root itself is called
    return [
        path for path in folders if reported_path(root, real_path(path)) not in around and not _has_source(path, config)
    ]


def _has_source(folder: str, config: Config) -> bool:
    """Return whether a folder has source code, which is read by itself or through its callers. JSON may be anything."""
    names = [os.path.basename(source.file) for source in discover([folder], config.exclude)[0]]
    return any(is_module_file(name) or not name.lower().endswith(JSON) for name in names)


def _nothing(paths: Sequence[str]) -> Problem:
    """Return the problem that there is no input in ``paths``."""
    what = "no Terraform module, plan, template, Bicep file or what-if result was found"
    message = f"nothing to check in {', '.join(paths)}: {what}"
    return Problem(code=INPUT_UNREADABLE, level="error", message=message, hint=MAKE_INPUT)
