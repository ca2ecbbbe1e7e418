"""A run: discover, read, evaluate, locate and report."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from azkvlint import __version__
from azkvlint.config.run_config import CheckSettings, Config, Notice, today
from azkvlint.engine.required_attributes import evaluated_types
from azkvlint.engine.rule_store import builtin_rules, load_folder, select_rules
from azkvlint.linter.compiled_rules import CompiledRules, UnitSettings
from azkvlint.linter.git_checkout import repository
from azkvlint.linter.group_instances import group_findings, merge_module_problems, without_addresses
from azkvlint.linter.inventory import Inventory, inventory_of
from azkvlint.linter.suppressions import policy_of
from azkvlint.linter.test_folders import FoldersOfTests
from azkvlint.linter.undeployed import Undeployed, without_deployment
from azkvlint.linter.unit_result import UnitResult, merge_declarations, repeated_vaults
from azkvlint.linter.workers import evaluate_units, limit_of, set_readable_files, within_limit
from azkvlint.model.finding import (
    ARM_TEMPLATE,
    BICEP_FILE,
    INPUT_INCOMPLETE,
    INPUT_UNREADABLE,
    SETTING_WITHOUT_EFFECT,
    STACK_FILE,
    TERRAFORM_MODULE,
    TERRAFORM_PLAN,
    TERRAGRUNT_UNIT,
    UNIT_KINDS,
    Finding,
    Problem,
    Report,
    Repository,
    is_complete,
)
from azkvlint.model.location import Location, static_address
from azkvlint.model.rule import Rule, Severity
from azkvlint.model.suppression import OVERRIDE
from azkvlint.readers.discover import JSON, STDIN, STDIN_NAME, declares_variable, discover, is_module_file
from azkvlint.readers.missing_modules import FETCH, unfetched_submodules
from azkvlint.readers.units import Unit
from azkvlint.util.errors import EXIT_CLEAN, EXIT_FINDINGS, EXIT_INCOMPLETE, UsageError
from azkvlint.util.project_boundary import checkout_of, is_within, real_path, root_of
from azkvlint.util.project_files import reported_name, reported_path

if TYPE_CHECKING:
    from azkvlint.linter.baseline import Baseline
    from azkvlint.linter.result_cache import ResultCache
    from azkvlint.linter.world_names import NamesByRoot
    from azkvlint.util.file_tracker import Snapshot

_NOTHING = "nothing to check in"
Progress: TypeAlias = Callable[[int, int], None]


def lint(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    settings: CheckSettings | None = None,
    progress: Progress | None = None,
    cache: ResultCache | None = None,
) -> Report:
    """Check files and folders, and return the report. Failures of an input are reported as Problems.

    Raise UsageError for a path that does not exist and for invalid settings, and RuleError for invalid rule files.
    ``progress`` is called with the numbers of finished units and of all units. Results of unchanged inputs come from
    the ``cache``; the report is the same without one. One process runs one check at a time.
    """
    named = [paths] if isinstance(paths, str | os.PathLike) else paths
    return check(config_for((os.fspath(path) for path in named), settings), progress, cache)


def config_for(named: Iterable[str], settings: CheckSettings | None = None) -> Config:
    """Return the configuration of a run with these settings. Raise UsageError for values of other types."""
    paths, settings = tuple(sorted(named)), settings or CheckSettings()
    if isinstance(settings, Config):
        return msgspec.structs.replace(settings, paths=paths)
    if not paths:
        raise UsageError("no path to check", "name files or folders")
    try:
        checked = msgspec.convert(msgspec.structs.asdict(settings), CheckSettings)
        today(Config(paths=(), as_of=checked.as_of))
    except msgspec.ValidationError as error:
        from azkvlint.syntax.json_faults import shape_fault

        raise UsageError(f"invalid settings: {shape_fault(error)}") from None
    except ValueError:
        raise UsageError(f"invalid settings: `as_of` is not a date: {settings.as_of}", "write YYYY-MM-DD") from None
    return Config(paths=paths, **msgspec.structs.asdict(checked))


def check(
    config: Config,
    progress: Progress | None = None,
    cache: ResultCache | None = None,
    prepared: Prepared | None = None,
    compiled: CompiledRules | None = None,
) -> Report:
    """Evaluate all inputs of ``config``. Failures of an input are reported as Problems.

    Raise UsageError and RuleError. ``progress`` is called with the numbers of finished units and of all units. Results
    of unchanged inputs come from the ``cache``; the report is the same without one. ``prepared`` is what an earlier run
    with the same settings has prepared, ``compiled`` are the rules of earlier runs with any settings.
    """
    snapshot = None if cache is None else cache.snapshot
    return report_of(config, *_evaluate_all(config, progress, cache, prepared, compiled), snapshot=snapshot)


def check_in(
    whole: Config, config: Config, progress: Progress | None = None, cache: ResultCache | None = None
) -> Report | None:
    """Return the report of ``config`` from an evaluation of ``whole``, which selects more rules; None if that fails.

    A result does not depend on what else is selected, but an input may exceed a limit, or another rule may crash. The
    report has the counts of ``whole``.
    """
    known, _, root, units, problems = _evaluate_all(whole, progress, cache)
    if any(map(_is_failed, units)):
        return None
    rules = rules_of(config)
    selected = {rule.id for rule in rules}
    units = [unit.of_rules(selected) for unit in units]
    return report_of(config, known, rules, root, units, problems, snapshot=None if cache is None else cache.snapshot)


def _is_failed(unit: UnitResult) -> bool:
    """Return whether a unit was not evaluated because of an error, or has an error of a rule."""
    from azkvlint.engine.evaluator import RULE_CRASHED  # loaded by the evaluation

    errors = [problem.code for problem in unit.problems if problem.level == "error"]
    return bool(errors) and (not unit.kinds or RULE_CRASHED in errors)


class Prepared:
    """What depends on the settings of a check alone: the rules, compiled, and the policy for comments.

    Checks of many inputs, one after the other, share it. ``compiled`` are the rules of earlier checks.
    """

    def __init__(self, config: Config, compiled: CompiledRules | None = None) -> None:
        self.known = all_rules(config.rules, examples=False)
        self.rules = rules_of(config)
        self.policy = policy_of(self.known, self.rules, today(config), config.peer_tools)
        self.relevant = evaluated_types(self.known)
        self.compiled = CompiledRules() if compiled is None else compiled
        self.compiled.of(config, self.rules, self.relevant)


def combined_result(config: Config, progress: Progress | None = None, cache: ResultCache | None = None) -> UnitResult:
    """Return the combined result of all units. Raise as ``check`` does."""
    return total_of(config, *_evaluate_all(config, progress, cache))[0]


def _evaluate_all(
    config: Config,
    progress: Progress | None,
    cache: ResultCache | None,
    prepared: Prepared | None = None,
    compiled: CompiledRules | None = None,
) -> tuple[tuple[Rule, ...], tuple[Rule, ...], str, list[UnitResult], list[Problem]]:
    """Return all rules, the selected rules, the root of the run, the results of its units and further problems."""
    set_readable_files(config)
    if prepared is None:
        known, rules = all_rules(config.rules, examples=False), rules_of(config)
    else:
        known, rules = prepared.known, prepared.rules
    root, pairs, problems = unit_results(config, known, rules, progress, cache, prepared, compiled)
    return known, rules, root, [result for _, result in pairs], problems


def report_of(
    config: Config,
    known: Sequence[Rule],
    rules: tuple[Rule, ...],
    root: str,
    units: Sequence[UnitResult],
    problems: Sequence[Problem] = (),
    *,
    snapshot: Snapshot | None = None,
) -> Report:
    """Return the report on the units of a run, whose paths start from ``root``.

    ``known`` are all rules, ``rules`` the selected ones, ``problems`` those of no unit. Runs with the same ``snapshot``
    search the scripts once. Raise UsageError for an invalid baseline.
    """
    total, units = total_of(config, known, rules, root, units, problems)
    evaluated, skipped = merge_declarations(total.declarations)
    folders = FoldersOfTests(config, root, _source_root(config, root), total.read, snapshot, units)
    undeployed = Undeployed(units, folders)
    worlds = _names_of_worlds(units)

    def selected(findings: Iterable[Finding], *, is_explained: bool = True) -> tuple[Finding, ...]:
        marked = map(undeployed.mark, map(folders.mark, findings))
        limited = map(folders.limit_severity, group_findings(marked, worlds) if is_explained else marked)
        # A comment for another tool hides nothing, here or from a comparison with the state before it.
        return tuple(
            one
            for one in limited
            if max(one.severity, Severity.INFO if one.accepted is None else one.accepted.severity)
            >= config.min_severity
        )

    findings = selected(total.findings)
    test_folders = () if config.include_tests else tuple(sorted(folders.marked))
    found = (*total.problems, *folders.problems())
    return Report(
        findings=findings,
        test_folders=test_folders,
        unknown=selected(total.unknown, is_explained=config.explain),
        suppressed=selected(total.suppressed),
        passes=selected(_passing(units)),
        configuration=config.display_path,
        includes_tests=config.include_tests,
        root=_source_root(config, root),
        problems=tuple(dict.fromkeys(found)),
        rules=tuple(rules),
        sources=tuple(dict.fromkeys(total.read)),
        resource_counts=dict(sorted(total.resource_counts.items())),
        unit_counts=_counts_by_kind(total.kinds.values()),
        passed=total.passed,
        version=__version__,
        repository=repository_of(config, root),
        evaluated=evaluated,
        skipped=skipped,
        directives=tuple(one for one in total.directives if one.kind != OVERRIDE),
    )


def _names_of_worlds(units: Sequence[UnitResult]) -> NamesByRoot | None:
    """Return the names of the base worlds of roots. Few inputs have parameter files."""
    if not any(unit.world for unit in units):
        return None
    from azkvlint.linter.world_names import names_by_root

    return names_by_root(units)


def _counts_by_kind(kinds: Iterable[str]) -> dict[str, int]:
    """Return the number of inputs of each kind, in the order of reports."""
    counts = Counter(kinds)
    return {kind: counts[kind] for kind in UNIT_KINDS if counts[kind]}


def _source_root(config: Config, root: str) -> str:
    """Return the base folder of source paths. The source of a plan may be outside ``root``."""
    if not config.source_root or is_within(real_path(config.source_root), root):
        return root
    return root_of(config.source_root)


def repository_of(config: Config, root: str) -> Repository | None:
    """Return the checkout of a run: that of the inputs, or of the source of a plan."""
    return repository(root) or (repository(config.source_root) if config.source_root else None)


def _passing(units: Iterable[UnitResult]) -> Iterator[Finding]:
    for unit in without_decided(list(units)):
        if unit.control_answers is not None:
            yield from unit.control_answers.passes


def baseline_of(report: Report, config: Config) -> bytes:
    """Return the baseline of a report, for ``--baseline``."""
    from azkvlint.linter.baseline import baseline_document

    return baseline_document(report, config.baseline, config.strict)


def _baseline(config: Config) -> Baseline | None:
    """Return the baseline of a run, if it applies. Raise UsageError if the file is not a baseline."""
    if not config.baseline:
        return None
    from azkvlint.linter.baseline import Baseline

    baseline = Baseline(config.baseline)
    return None if config.no_ignores else baseline


def total_of(
    config: Config,
    known: Sequence[Rule],
    rules: Sequence[Rule],
    root: str,
    units: Sequence[UnitResult],
    problems: Sequence[Problem] = (),
) -> tuple[UnitResult, list[UnitResult]]:
    """Return the combined result with configuration and baseline applied, and the units."""
    baseline = _baseline(config)
    units, configuration_result = _apply_overrides(config, known, rules, root, units)
    units = _without_run_folder(_without_secret_texts(units), root)
    total = combine(units)
    total.problems += [*undeclared_variables(config, units, root), *problems]
    total.add(configuration_result)
    total.problems = problems_of_run(config, root, total.read, total.problems)
    if baseline is not None:
        total.problems += baseline.apply(total, config, rules, root, [result.root for result in units])
    return total, units


def _without_run_folder(units: list[UnitResult], root: str) -> list[UnitResult]:
    """Return the units with fingerprints that do not depend on the folder of the run. In a checkout none does."""
    if checkout_of(root) is not None:
        return units
    from azkvlint.linter.run_folder import without_run_folder

    return without_run_folder(units, root)


def _without_secret_texts(units: list[UnitResult]) -> list[UnitResult]:
    """Return the units with secret strings redacted. Few inputs have any."""
    if not any(unit.secret_texts for unit in units):
        return units
    from azkvlint.linter.redaction import without_secret_texts

    return [without_secret_texts(unit) if unit.secret_texts else unit for unit in units]


def unit_results(
    config: Config,
    known: Sequence[Rule],
    rules: tuple[Rule, ...],
    progress: Progress | None,
    cache: ResultCache | None = None,
    prepared: Prepared | None = None,
    compiled: CompiledRules | None = None,
) -> tuple[str, list[tuple[Unit, UnitResult]], list[Problem]]:
    """Return the root of the run, every unit with its result, and further problems. ``known`` are all rules."""
    if prepared is None:
        policy, relevant = policy_of(known, rules, today(config), config.peer_tools), evaluated_types(known)
    else:
        policy, relevant = prepared.policy, prepared.relevant
    inventory, is_of_earlier_run = _inventory(config, cache), cache is not None and cache.snapshot is not None
    sources, root, others = inventory.sources, inventory.root, inventory.others
    results: list[UnitResult] = []
    if compiled is None:
        compiled = prepared.compiled if prepared is not None else cache.compiled if cache is not None else None
    cache = cache if cache is not None and cache.is_used(sources) else None
    settings = UnitSettings(config, rules, root, policy, relevant)
    if cache is not None:
        cache.begin(settings)
    try:

        def find() -> list[Unit]:
            return inventory.units(relevant, config.default_worlds)

        units = find() if cache is None else cache.units(sources, inventory.read_for_units, find)
        some = None if cache is None else cache.partial
        evaluated = rules if some is None else tuple(rule for rule in rules if rule.id in some)
        found = evaluate_units(units, settings._replace(rules=evaluated), cache, compiled)
        for index, result in enumerate(within_limit(units, found, limit_of(units, sources))):
            if progress is not None:
                progress(index, len(units))
            results.append(result)
        pairs = without_deployment(list(zip(units, results, strict=True)), inventory.commands)
        if cache is not None:
            cache.save(units)
    finally:
        if cache is not None:
            cache.end()
    problems = list(unused_exclusions(config, inventory.matched, root))
    if others.states:
        from azkvlint.linter.state_files import state_file_problems  # few folders contain any

        problems += state_file_problems(others.states)
    if others.names:
        from azkvlint.readers.other_languages import unread_declarations  # a file alone has no others

        # The commands of an earlier run may be older than a text.
        known_without = () if is_of_earlier_run else inventory.commands.without_vaults()
        problems += unread_declarations(others.names, root, known_without)
    return root, pairs, problems


def _inventory(config: Config, cache: ResultCache | None) -> Inventory:
    """Return the files of a run: those of an earlier one, if only texts of files have changed since."""
    if cache is None or cache.snapshot is None:
        return inventory_of(config)
    return cache.snapshot.once((config.paths, config.exclude, config.parameters), lambda: inventory_of(config))


def unused_exclusions(config: Config, matched: Container[int], root: str) -> Iterator[Problem]:
    """Yield the problems of globs that exclude nothing. ``matched`` are the indexes of those that do.

    A glob of a configuration file may be about folders outside the inputs of this run.
    """
    folders = [real_path(path) for path in config.paths if path != STDIN and os.path.isdir(path)]
    for index, (base, pattern) in enumerate(config.exclude):
        if index in matched or not any(not base or is_within(real_path(base), folder) for folder in folders):
            continue
        at = Location(path=reported_name(root, config.file)) if base and config.file else None
        hint = "" if base else "patterns are relative to the current folder or to an input"
        level, text = "note" if base else "warning", f"the exclude pattern '{pattern}' matches nothing"
        yield Problem(code=SETTING_WITHOUT_EFFECT, level=level, message=text, at=at, hint=hint)


def _apply_overrides(
    config: Config, known: Sequence[Rule], rules: Iterable[Rule], root: str, units: Sequence[UnitResult]
) -> tuple[list[UnitResult], UnitResult]:
    """Return the units with overrides applied, and a result with the problems of the configuration."""
    configuration_result = UnitResult(problems=list(notice_problems(config.notices, root)))
    if config.overrides:
        from azkvlint.linter.apply_overrides import Overrides

        overriding = Overrides(config, known, rules, root)
        units = [overriding.apply(result) for result in units]
        # An input that could not be read may contain the target of an override.
        is_complete = not any(problem.level == "error" for result in units for problem in result.problems)
        configuration_result.problems += overriding.problems + (overriding.unused() if is_complete else [])
        configuration_result.directives, configuration_result.used = overriding.directives(), overriding.used
    return list(units), configuration_result


def notice_problems(notices: Iterable[Notice], root: str) -> Iterator[Problem]:
    """Yield the problems of the settings, with paths relative to the root of the run."""
    for notice in notices:
        at = Location(path=reported_name(root, notice.file)) if notice.file else None
        yield Problem(code=notice.code, level=notice.level, message=notice.message, at=at, hint=notice.hint)


def combine(units: Iterable[UnitResult]) -> UnitResult:
    """Return the combined result of units. A plan's result for a resource replaces that of its source.

    Problems of directives that no unit has used come last.
    """
    units = list(units)
    total = UnitResult()
    for unit in without_decided(units):
        total.add(unit)
    total.resource_counts.subtract(repeated_vaults(units))
    total.problems += [total.unused[mark] for mark in sorted(total.unused.keys() - total.used)]
    return total


# The kinds of inputs that variables of the command line apply to.
_WITH_VARIABLES = (TERRAFORM_MODULE, TERRAGRUNT_UNIT, STACK_FILE)


def without_decided(units: Sequence[UnitResult]) -> Iterator[UnitResult]:
    """Yield the units; those of Terraform source without the resources that a plan of the same root has decided.

    Only a plan that the command line names decides. One that was found in a folder adds to its source: a checkout can
    contain a plan of anything. A template that another one links or a Terraform module deploys, or a module with a
    caller that only evaluation has found, is evaluated with the arguments of its caller instead of on its own.
    """
    deploying = [(number, unit) for number, unit in enumerate(units) if unit.deployed]
    decided_by_root: dict[str, frozenset[str]] = {}
    for unit in units:
        if unit.from_plan and not unit.adds_to_source:
            decided_by_root[unit.root] = decided_by_root.get(unit.root, frozenset()) | unit.decided
    if any(unit.adds_to_source for unit in units):
        from azkvlint.linter.found_plans import without_duplicates

        units = without_duplicates(units)
    for number, unit in enumerate(units):
        if unit.standalone_templates and any(_deploys(other, index, unit, number) for index, other in deploying):
            yield UnitResult(read=unit.read, directives=unit.directives, kinds=unit.kinds)
        else:
            yield unit if unit.from_plan and not unit.adds_to_source else _without_plan_resources(unit, decided_by_root)


def _deploys(unit: UnitResult, number: int, other: UnitResult, number_of_other: int) -> bool:
    """Return whether one unit deploys another. Of two that deploy each other, the first is not considered deployed."""
    if number == number_of_other or not unit.deployed.issuperset(other.standalone_templates):
        return False
    return (
        number < number_of_other
        or not unit.standalone_templates
        or not other.deployed.issuperset(unit.standalone_templates)
    )


def undeclared_variables(config: Config, units: Sequence[UnitResult], root: str) -> Iterator[Problem]:
    """Yield problems of variables that no root module declares.

    As in Terraform, a value on the command line is an error, and one in a file a warning.
    """
    if not any(kind in _WITH_VARIABLES for unit in units for kind in unit.kinds.values()):
        # An input that cannot be read may be a module.
        if not any(problem.level == "error" for unit in units for problem in unit.problems):
            yield from _variables_without_module(config, units)
        return
    roots = [unit.undeclared_variables for unit in units if unit.undeclared_variables is not None]
    names = sorted(frozenset.intersection(*roots) if roots else config.required_variables)
    others = [
        os.path.join(root, path) for unit in units if unit.undeclared_variables is None for path in unit.read
    ] if names else []  # fmt: skip
    for name in names:
        # A module without resources of Key Vault was not evaluated, and may declare it.
        if any(declares_variable(folder, name) for folder in others if os.path.isdir(folder)):
            continue
        is_required = name in config.required_variables
        option = "--var" if is_required else "--var-file or the configuration"
        text = f"input variable `{name}`, set with {option}, is not declared in any root module"
        hint = f'declare variable "{name}", or remove the value'
        level = "error" if is_required else "warning"
        yield Problem(code=SETTING_WITHOUT_EFFECT, level=level, message=text, hint=hint)


def _variables_without_module(config: Config, units: Sequence[UnitResult]) -> Iterator[Problem]:
    """Yield problems of variables of the command line if the input has no Terraform module to set them in."""
    kinds = {kind for unit in units for kind in unit.kinds.values()}
    hint = "specify the Terraform module too"
    if TERRAFORM_PLAN in kinds:
        hint = "a plan contains the values of its variables"
    elif kinds & {BICEP_FILE, ARM_TEMPLATE}:
        hint = "`--parameters` sets the parameters of templates and Bicep files"
    subjects = [f"input variable `{name}`, set with --var," for name in sorted(config.required_variables)]
    subjects += [f"variable file `{file}`" for file in config.required_variable_files]
    for subject in subjects:
        text = f"{subject} has no effect: the input contains no Terraform module"
        yield Problem(code=SETTING_WITHOUT_EFFECT, level="error", message=text, hint=hint)


def _without_plan_resources(unit: UnitResult, decided_by_root: Mapping[str, frozenset[str]]) -> UnitResult:
    """Return a unit without the resources that plans have decided, which are counted there."""
    if not unit.root or unit.root not in decided_by_root:
        return unit
    # Whether a conditional resource exists is decided by the plan.
    decided = decided_by_root[unit.root] | unit.assumed
    answers = unit.control_answers
    if answers is not None:
        answers = msgspec.structs.replace(
            answers,
            passes=tuple(without_addresses(answers.passes, decided)),
            vaults=tuple(vault for vault in answers.vaults if static_address(vault.address) not in decided),
        )
    return msgspec.structs.replace(
        unit,
        control_answers=answers,
        resource_counts=Counter(),
        passed=0,
        findings=without_addresses(unit.findings, decided),
        unknown=without_addresses(unit.unknown, decided),
        suppressed=without_addresses(unit.suppressed, decided),
        declarations=[
            msgspec.structs.replace(declaration, reason="the plan contains no instance", condition="", instances=0)
            if declaration.address in unit.assumed - decided_by_root[unit.root]
            else declaration
            for declaration in unit.declarations
        ],
    )


def rules_of(config: Config) -> tuple[Rule, ...]:
    """Return the selected rules, built-in and custom, by id, with parameters set."""
    return select_rules(known_rules(config), config.select, config.ignore, config.profiles)


def known_rules(config: Config) -> tuple[Rule, ...]:
    """Return all rules, built-in and custom, with parameters set."""
    rules = all_rules(config.rules, examples=False)
    if config.are_rules_found:
        from azkvlint.engine.parameters import refuse_unsound_patterns

        refuse_unsound_patterns(rules)
    if config.settings:
        from azkvlint.engine.parameters import with_settings

        rules = with_settings(rules, config.settings)
    return rules


def all_rules(folders: Sequence[str], *, examples: bool = True) -> tuple[Rule, ...]:
    """Return the built-in rules, and those in custom folders or files."""
    rules = builtin_rules(examples=examples)
    if folders:
        for folder in folders:
            rules += load_folder(folder, others=rules)
    return rules


def exit_code(report: Report, settings: CheckSettings) -> int:
    """Return the exit code of a check: 1 for findings at or above ``fail_on``, if that is a severity."""
    counted = report.counted(report.findings + (report.unknown if settings.strict else ()))
    has_findings = settings.fail_on is not None and any(finding.severity >= settings.fail_on for finding in counted)
    return exit_code_of(report.sources, report.problems, has_findings)


def exit_code_of(sources: Sequence[str], problems: Iterable[Problem], has_findings: bool) -> int:
    """Return the exit code of a run that has read ``sources``. Every command uses this function.

    Invariant: 0 means that at least one input was read, and that nothing was unreadable. No note, warning, setting or
    environment variable changes that. 3 takes precedence over 1.
    """
    if not is_complete(sources, problems):
        return EXIT_INCOMPLETE
    return EXIT_FINDINGS if has_findings else EXIT_CLEAN


def _folders_without_input(config: Config, root: str, read: Iterable[str]) -> list[str]:
    """Return the folders among the inputs of a run that contain no input; ``read`` are the paths that were read."""
    folders = [path for path in config.paths if os.path.isdir(path)]
    parents: set[str] = set()
    for path in read if folders else ():
        name = path if path != STDIN_NAME else ""
        while name and name not in parents:
            parents.add(name)
            name = name.rpartition("/")[0] or os.curdir  # the path of the root itself
    return [
        path
        for path in folders
        if reported_path(root, real_path(path)) not in parents and not _has_source(path, config)
    ]


def _has_source(folder: str, config: Config) -> bool:
    """Return whether a folder has source code, which may be read through its callers only. JSON files may be
    anything.
    """
    names = [os.path.basename(source.file) for source in discover([folder], config.exclude)[0]]
    return any(is_module_file(name) or not name.lower().endswith(JSON) for name in names)


def problems_of_run(config: Config, root: str, read: Iterable[str], problems: list[Problem]) -> list[Problem]:
    """Return the problems of all units as a run reports them, with that of folders that contain no input."""
    if config.second_opinions and any(problem.is_syntax_error for problem in problems):
        from azkvlint.readers.terraform.second_opinions import with_second_opinions

        problems = with_second_opinions(problems, root)
    unread = _folders_without_input(config, root, read)
    missing = _unfetched_submodules(config, problems)
    problems = [*problems, *map(_submodule_problem, [] if unread else missing)]
    return merge_module_problems([*problems, _no_input_problem(unread, missing)] if unread else problems)


def _unfetched_submodules(config: Config, problems: Iterable[Problem]) -> list[str]:
    """Return the git submodules in the folders of a run that are not checked out and that no problem names."""
    folders = [real_path(path) for path in config.paths if path != STDIN and os.path.isdir(path)]
    found: list[str] = []
    for checkout in sorted({root_of(folder) for folder in folders}):
        for name in unfetched_submodules(checkout):
            is_named = any(f"`{name}`" in problem.message for problem in problems if problem.hint == FETCH)
            if not is_named and any(is_within(os.path.join(checkout, name), folder) for folder in folders):
                found.append(name)
    return found


def _submodule_problem(name: str) -> Problem:
    text = f"the git submodule `{name}` is not checked out, so nothing in it was checked"
    return Problem(code=INPUT_INCOMPLETE, level="note", message=text, hint=FETCH)


def is_without_input(problem: Problem) -> bool:
    """Return whether a problem states that a folder contains no input, and that nothing is missing there."""
    from azkvlint.readers.reader import MAKE_INPUT

    return problem.message.startswith(_NOTHING) and problem.hint == MAKE_INPUT


def _no_input_problem(paths: Sequence[str], submodules: Sequence[str]) -> Problem:
    if submodules:
        names = ", ".join(f"`{name}`" for name in submodules)
        text = f"the git submodule {names} is" if len(submodules) == 1 else f"the git submodules {names} are"
        message = f"{_NOTHING} {', '.join(paths)}: {text} not checked out"
        return Problem(code=INPUT_UNREADABLE, level="error", message=message, hint=FETCH)
    what = "no Terraform module, plan, Bicep file, ARM template or what-if result was found"
    from azkvlint.readers.reader import MAKE_INPUT

    message = f"{_NOTHING} {', '.join(paths)}: {what}"
    return Problem(code=INPUT_UNREADABLE, level="error", message=message, hint=MAKE_INPUT)
