"""The units of a run, evaluated one after the other, or by several processes where that pays."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

from azkvlint.config.run_config import Config, today
from azkvlint.derived.attributes import with_needs
from azkvlint.engine.evaluator import Evaluator
from azkvlint.engine.required_attributes import required_by
from azkvlint.linter.merge_plan_and_source import from_other_source, on_source
from azkvlint.linter.suppressions import Policy
from azkvlint.linter.unit_result import UnitResult, evaluate_unit
from azkvlint.model.finding import Problem
from azkvlint.model.location import Location, Region
from azkvlint.model.problem_codes import INPUT_INCOMPLETE, INPUT_UNREADABLE
from azkvlint.model.rule import Rule
from azkvlint.readers.discover import STDIN
from azkvlint.readers.read_result import ReadResult, without_suppressions
from azkvlint.readers.reader import Reader
from azkvlint.readers.template_names import BICEP
from azkvlint.readers.terraform.settings import TerraformSettings
from azkvlint.readers.units import Unit
from azkvlint.util.errors import InputError, UsageError
from azkvlint.util.file_tracker import FILE_TRACKER
from azkvlint.util.processes import in_processes
from azkvlint.util.project_boundary import begin_run, real_path
from azkvlint.util.project_files import EDITOR_TEXTS

# Bytes that a second process must have to do before starting it pays: of Bicep and Terraform, which are read in Python,
# far less than of JSON. A plan cannot be shared out, and several of them seldom come at once.
_PAYS_FROM = 3_000_000
_WEIGHT_OF_BICEP = 5
_WEIGHT_OF_TERRAFORM = 8
_CHUNKS_EACH = 8
_LINKED = "the folder is a symbolic link that leads out of the project, so it was not read"
# Made ahead, for when there is no memory left.
NO_MEMORY = InputError("there is not enough memory to check it", "give kvlint more memory, or check less at once")
# Processes for each processor, at most: a configuration file may ask for any number.
_MOST_EACH = 4
_ENDED, _ALONE = "a process that was to judge it was ended from outside", "give it more memory, or try --jobs 1"


def evaluate_units(
    units: Sequence[Unit],
    config: Config,
    rules: tuple[Rule, ...],
    root: str,
    policy: Policy | None = None,
    relevant: frozenset[str] = frozenset(),
) -> Iterator[UnitResult]:
    """Evaluate the units, and yield the results in their order.

    ``policy`` is what directives in comments are checked against; without one they do not count. For ``relevant`` see
    RequiredAttributes.
    """
    jobs = min(_jobs(units, config.jobs), len(units))
    # A process that starts anew knows nothing of what standard input held.
    if jobs < 2 or EDITOR_TEXTS:
        worker = Worker(config, rules, root, policy, relevant)
        yield from map(worker.evaluate, units)
        return
    size = max(1, len(units) // (jobs * _CHUNKS_EACH))
    chunks = [units[at : at + size] for at in range(0, len(units), size)]
    found = in_processes(jobs, chunks, _prepared, config, rules, root, policy, relevant, FILE_TRACKER.is_on)
    for chunk, answers in zip(chunks, found, strict=True):
        # Without an answer the process was killed, such as by a system without memory. Nothing is tried again.
        yield from [_ended(unit) for unit in chunk] if answers is None else answers


def begin(config: Config) -> None:
    """Set what a run may read."""
    begin_run((*config.paths, *config.parameters), config.variable_files, config.outputs)


class Worker:
    """Evaluates units. What several of them share is read once."""

    def __init__(
        self,
        config: Config,
        rules: tuple[Rule, ...],
        root: str,
        policy: Policy | None = None,
        relevant: frozenset[str] = frozenset(),
    ) -> None:
        required = required_by(rules, today(config), relevant)
        if config.with_controls:
            from azkvlint.engine.vault_ownership import with_owners

            required = with_owners(required)
        self.required = with_needs(required)
        self.evaluator = Evaluator(rules, config.explain, config.with_controls)
        self.explain = config.explain
        self.policy = policy
        self.no_ignores = config.no_ignores
        self.source_root = config.source_root
        self.reader = Reader(
            self.required, root, terraform_settings(config, root), peer_comments=bool(config.peer_tools)
        )

    def evaluate(self, unit: Unit) -> UnitResult:
        """Evaluate one unit. What goes wrong with it is a Problem."""
        result, looked = FILE_TRACKER.track(lambda: self._evaluate(unit))
        result.files = looked
        return result

    def _evaluate(self, unit: Unit) -> UnitResult:
        path = unit.source.path
        if unit.quiet:
            return UnitResult(read=[path])
        if unit.source.is_link:
            at = Location(path=path)
            return UnitResult(problems=[Problem(code=INPUT_INCOMPLETE, level="note", message=_LINKED, at=at)])
        try:
            read = self._read(unit)
            if read is None:
                # A module may have nothing to evaluate. Any other file may be no input of kvlint at all.
                return UnitResult(read=[path]) if unit.module else UnitResult()
            result = evaluate_unit(read, self.required, self.evaluator, self.explain, self.policy)
            if read.plan is not None:
                source, difference = self.reader.source_of(read.plan, unit.source.file, self.source_root)
                if difference:
                    return from_other_source(result, read, difference)
                return on_source(
                    result, read, self._with_suppressions(source), self.required, self.evaluator, self.policy
                )
            if unit.compiled is None:
                result.standalone_templates = _files_of(unit)
                return result
            path = unit.compiled.path
            known = self._read(Unit(source=unit.compiled, parameters=unit.parameters))
            if known is None:
                return result
            from azkvlint.linter.merge_bicep_and_arm import merged

            compiled = evaluate_unit(known, self.required, self.evaluator, self.explain, self.policy)
            return merged(result, compiled, read, known)
        except InputError as error:
            return UnitResult(problems=[_problem(path, error)], read=[path])
        except UsageError:  # a report is to be written to an input
            raise
        except MemoryError:
            return UnitResult(problems=[_problem(path, NO_MEMORY)], read=[path])
        # A mistake of ours on one input must not take the findings on the others with it.
        except Exception as error:  # noqa: BLE001
            return UnitResult(problems=[_problem(path, broken_here(error))], read=[path])

    def _read(self, unit: Unit) -> ReadResult | None:
        return self._with_suppressions(self.reader.read(unit))

    def _with_suppressions(self, read: ReadResult | None) -> ReadResult | None:
        """Return what was read, without what its author says of findings if that is not to count."""
        return without_suppressions(read) if read is not None and self.no_ignores else read


def _files_of(unit: Unit) -> tuple[str, ...]:
    """Return the files of a template, or the folder of a module, that the command line does not name."""
    if unit.source.asked or unit.source.file.lower().endswith(BICEP):
        return ()
    files = (unit.source, unit.parameters) if unit.parameters is not None else (unit.source,)
    return tuple(real_path(source.file) for source in files)


def terraform_settings(config: Config, root: str) -> TerraformSettings:
    """Return the settings of Terraform roots; files have their path below the root of the run."""
    files = tuple((os.path.relpath(file, root).replace(os.sep, "/"), file) for file in config.variable_files)
    return TerraformSettings(variables=config.variables, files=files, closed=config.closed)


def _prepared(
    config: Config,
    rules: tuple[Rule, ...],
    root: str,
    policy: Policy | None,
    relevant: frozenset[str],
    is_noting: bool,
) -> Callable[[Sequence[Unit]], list[UnitResult]]:
    """Make a worker process ready for its work, and return what it does with some units."""
    begin(config)
    if is_noting and not FILE_TRACKER.is_on:
        FILE_TRACKER.start()
    worker = Worker(config, rules, root, policy, relevant)
    return lambda units: [worker.evaluate(unit) for unit in units]


def _ended(unit: Unit) -> UnitResult:
    """Return the result for a unit whose process has ended."""
    path = unit.source.path
    return UnitResult(problems=[_problem(path, InputError(_ENDED, _ALONE))], read=[path])


def _jobs(units: Sequence[Unit], asked: int) -> int:
    """Return how many processes to use: what was asked for, within reason, or as many as there is work for."""
    if asked:
        return min(asked, _MOST_EACH * _processors())
    work = sum(_size(unit) for unit in units) if len(units) > 1 else 0
    return min(_processors(), max(1, work // _PAYS_FROM))


def _size(unit: Unit) -> int:
    """Return the bytes of a unit, counted more often where reading them takes longer."""
    if unit.module:
        return unit.size * _WEIGHT_OF_TERRAFORM
    file = unit.source.file
    try:
        size = 0 if file == STDIN else os.stat(file).st_size
    except OSError:
        return 0
    return size * _WEIGHT_OF_BICEP if file.lower().endswith(BICEP) else size


def _processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def broken_here(error: Exception) -> InputError:
    """Return what to say of an error of kvlint's own: where, and not the error's text, which may hold a value of the
    input.
    """
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
    return Problem(code=INPUT_UNREADABLE, level="error", message=error.message, at=at, hint=error.hint or "")
