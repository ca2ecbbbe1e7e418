"""Evaluate the units of a run, in one process or in several."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from azkvlint.config.run_config import Config
from azkvlint.evaluation.budget import UnitWork, limit_of_run
from azkvlint.linter.compiled_rules import CompiledRules, UnitSettings
from azkvlint.linter.unit_result import UnitResult, evaluate_unit, in_world, with_plan_note, with_source_mismatch
from azkvlint.model.finding import INPUT_INCOMPLETE, INPUT_UNREADABLE, TERRAFORM_MODULE, Problem
from azkvlint.model.location import Location, Region
from azkvlint.readers.discover import BICEP, STDIN, Source, is_terragrunt_file
from azkvlint.readers.terraform import TerraformSettings
from azkvlint.readers.units import Unit
from azkvlint.util.errors import OUT_OF_MEMORY, InputError, UsageError
from azkvlint.util.file_tracker import editor_texts, file_tracker
from azkvlint.util.processes import collect_recent_garbage, in_processes
from azkvlint.util.project_boundary import USE_A_COPY, begin_run, real_path_of_read
from azkvlint.util.project_files import MAX_FILE

if TYPE_CHECKING:
    from azkvlint.linter.result_cache import ResultCache
    from azkvlint.readers.plan.document import Plan
    from azkvlint.readers.read_result import ReadResult

# The number of bytes from which a second process saves time: far fewer for Bicep and Terraform, whose parsers are in
# Python, than for JSON. A plan cannot be split, and inputs with several plans are rare.
_PAYS_FROM = 3_000_000
_WEIGHT_OF_BICEP = 5
_WEIGHT_OF_TERRAFORM = 8
_CHUNKS_EACH = 8
_LINKED = "the folder was not read: it is a symbolic link that leads out of the project"
_NO_SOURCE = "the Terraform source of the plan was not found, or several modules match"
# Allocated in advance, because no memory is left when it is needed.
NO_MEMORY = InputError("not evaluated: not enough memory", "provide more memory, or check fewer inputs at once")
# The maximum number of processes per processor: a configuration file may set any number.
_MOST_EACH = 4
_OVER_LIMIT = "not evaluated: the preceding inputs exceed the work limit of the run"
_KILLED, _KILLED_HINT = (
    "not evaluated: the worker process was terminated from outside",
    "provide more memory, or run with `--jobs 1`",
)


def evaluate_units(
    units: Sequence[Unit],
    settings: UnitSettings,
    cache: ResultCache | None = None,
    compiled: CompiledRules | None = None,
) -> Iterator[UnitResult]:
    """Evaluate the units, and yield their results in their order, whatever the number of processes.

    Results in the ``cache`` are reused. ``compiled`` are the rules of earlier runs.
    """
    if cache is not None and settings.config.jobs == 1:
        yield from _one_after_the_other(units, settings, cache, compiled)
        return
    earlier = [None if cache is None else cache.result_of(unit) for unit in units]
    pending = [unit for unit, result in zip(units, earlier, strict=True) if result is None]
    results = _evaluate_units(pending, settings, compiled)
    yield from results if cache is None else _with_earlier(units, earlier, results, cache)


def _one_after_the_other(
    units: Sequence[Unit], settings: UnitSettings, cache: ResultCache, compiled: CompiledRules | None
) -> Iterator[UnitResult]:
    """Evaluate the units in this process, and yield each result as soon as it is known."""
    worker: Worker | None = None
    for unit in units:
        result = cache.result_of(unit)
        if result is None:
            worker = worker or Worker(settings, compiled)
            result = cache.add(unit, worker.evaluate(unit))
        yield result


def _with_earlier(
    units: Sequence[Unit], earlier: Sequence[UnitResult | None], results: Iterator[UnitResult], cache: ResultCache
) -> Iterator[UnitResult]:
    """Yield the earlier result of each unit, or the next one of ``results``, which is added to the cache."""
    for unit, result in zip(units, earlier, strict=True):
        yield cache.add(unit, next(results)) if result is None else result


def limit_of(units: Sequence[Unit], sources: Sequence[Source]) -> int:
    """Return the limit of the work that the units of a run may cause, of which ``sources`` are all files."""
    return limit_of_run(len(units), sum(_bytes_of(source) for source in sources))


def within_limit(units: Sequence[Unit], found: Iterable[UnitResult], limit: int) -> Iterator[UnitResult]:
    """Yield the results of the units up to the first that exceeds the limit of the run. The others are problems.

    What is left out depends on the order of the units only, and ``found`` is consumed no further than needed.
    """
    results, work = iter(found), 0
    for unit in units:
        if work > limit:
            yield _nothing_to_evaluate(unit.source.path) if unit.quiet else _over_limit(unit)
            continue
        result = next(results)
        work += result.work
        yield result


def _over_limit(unit: Unit) -> UnitResult:
    """Return the result for a unit that the run has no more work left for."""
    path = unit.source.path
    error = InputError(_OVER_LIMIT, f"check the input separately: `kvlint {path}`")
    return UnitResult(problems=[input_problem(path, error)], read=[path])


def _evaluate_units(
    units: Sequence[Unit], settings: UnitSettings, compiled: CompiledRules | None
) -> Iterator[UnitResult]:
    jobs = min(_jobs(units, settings.config.jobs), len(units))
    # The content of standard input is not available to other processes.
    if jobs < 2 or editor_texts():
        worker = Worker(settings, compiled)
        yield from map(worker.evaluate, units)
        return
    size = max(1, len(units) // (jobs * _CHUNKS_EACH))
    chunks = [units[at : at + size] for at in range(0, len(units), size)]
    results = in_processes(jobs, chunks, _worker_function, settings, file_tracker().is_on)
    for chunk, results_of_chunk in zip(chunks, results, strict=True):
        # None: the process was killed, for example for lack of memory. There is no retry.
        yield from [_killed_result(unit) for unit in chunk] if results_of_chunk is None else results_of_chunk


def set_readable_files(config: Config) -> None:
    """Set the files that a run may read."""
    begin_run((*config.paths, *config.parameters), config.variable_files, config.outputs)


class Worker:
    """Evaluates units. Files that several of them need are read once."""

    def __init__(self, settings: UnitSettings, compiled: CompiledRules | None = None) -> None:
        config = settings.config
        shared = CompiledRules() if compiled is None else compiled
        ready = shared.of(config, settings.rules, settings.relevant)
        self.required = ready.required
        self.evaluator = ready.evaluator
        self.explain = config.explain
        self.with_excerpts, self.with_references = config.with_excerpts, config.with_references
        self.policy = settings.policy
        self.no_ignores = config.no_ignores
        self.source_root = config.source_root
        terraform = terraform_settings(config, settings.root)
        self.reader = shared.reader(self.required, settings.root, terraform, peer_comments=not config.no_ignores)

    def evaluate(self, unit: Unit) -> UnitResult:
        """Evaluate one unit. Failures are reported as Problems."""
        work = UnitWork()
        result, files = file_tracker().track(lambda: self._evaluate_recorded(unit, work))
        if unit.world:
            result = in_world(result, unit.world)
        result.files, result.work = files, work.steps
        collect_recent_garbage()
        return result

    def _evaluate_recorded(self, unit: Unit, work: UnitWork) -> UnitResult:
        for source in (unit.source, unit.parameters, unit.compiled):
            if source is not None and source.file:
                file_tracker().record(source.file)
        return self._evaluate(unit, work)

    def _evaluate(self, unit: Unit, work: UnitWork) -> UnitResult:
        path = unit.source.path
        if unit.quiet:
            return _nothing_to_evaluate(path)
        if unit.source.is_link:
            return UnitResult(problems=[_link_problem(unit.source)])
        try:
            read = self._read(unit, work)
            if unit.module or is_terragrunt_file(os.path.basename(unit.source.file)):
                return self._of_both_tools(unit, self._of_module(unit, read), work)
            if read is None:
                return UnitResult()  # the file may not be an input of kvlint
            result = self._evaluate_read(read)
            if read.plan is not None:
                return self._at_source(result, read, read.plan, unit)
            if unit.compiled is None:
                result.standalone_templates = files_of(unit)
                return result
            path = unit.compiled.path
            return self._with_compiled(result, read, Unit(source=unit.compiled, parameters=unit.parameters))
        except InputError as error:
            return UnitResult(problems=[input_problem(path, error)], read=[path])
        except UsageError:  # a report would overwrite an input
            raise
        except OUT_OF_MEMORY:
            return UnitResult(problems=[input_problem(path, NO_MEMORY)], read=[path])
        # A bug that one input triggers must not lose the findings of the others.
        except Exception as error:  # noqa: BLE001
            return UnitResult(problems=[input_problem(path, internal_error(error))], read=[path])

    def _evaluate_read(self, read: ReadResult) -> UnitResult:
        return evaluate_unit(
            read, self.required, self.evaluator, self.explain, self.policy, with_excerpts=self.with_excerpts,
            with_references=self.with_references,
        )  # fmt: skip

    def _at_source(self, result: UnitResult, read: ReadResult, plan: Plan, unit: Unit) -> UnitResult:
        """Return the results of a plan, reported at its Terraform source if that is found."""
        found, difference = self.reader.source_of(plan, unit.source.file, self.source_root, read.work)
        if difference:
            return with_source_mismatch(result, read, difference)
        source = self._with_suppressions(found)
        if source is None:
            return with_plan_note(result, read.path, _NO_SOURCE, len(result.findings) + len(result.unknown))
        from azkvlint.linter.merge_plan_and_source import merge_source

        merged = merge_source(result, read, source, self.required, self.evaluator, self.policy)
        merged.adds_to_source = not unit.source.is_explicit
        return merged

    def _with_compiled(self, result: UnitResult, read: ReadResult, compiled: Unit) -> UnitResult:
        """Return the results of a Bicep file with those of the template that was compiled from it."""
        known = self._read(compiled, read.work)
        if known is None:
            return result
        from azkvlint.linter.merge_bicep_and_arm import merge_template
        from azkvlint.readers.read_result import without_places

        # Most results of the template are those of the Bicep file, so only the others are located.
        template = without_places(known)
        found = self._evaluate_read(template)
        return merge_template(result, found, read, known, self.explain)

    def _of_module(self, unit: Unit, read: ReadResult | None) -> UnitResult:
        """Return the results of a Terraform module, which may have nothing to evaluate."""
        if read is None:
            return _nothing_to_evaluate(unit.source.path)
        result = self._evaluate_read(read)
        result.standalone_templates = files_of(unit)
        return result

    def _of_both_tools(self, unit: Unit, result: UnitResult, work: UnitWork) -> UnitResult:
        """Return the results of a module as OpenTofu and as Terraform reads it, of which ``result`` are OpenTofu's."""
        read = self._with_suppressions(self.reader.read_as_terraform(unit, work))
        if read is None:
            return result
        from azkvlint.linter.merge_tools import merge_tools

        return merge_tools(result, self._of_module(unit, read))

    def _read(self, unit: Unit, work: UnitWork | None) -> ReadResult | None:
        return self._with_suppressions(self.reader.read(unit, work))

    def _with_suppressions(self, read: ReadResult | None) -> ReadResult | None:
        """Return an input without suppressions, if the run ignores them."""
        if read is None or not self.no_ignores:
            return read
        from azkvlint.readers.read_result import without_suppressions

        return without_suppressions(read)


def _link_problem(source: Source) -> Problem:
    """Return the problem of a link to a folder outside of the project."""
    at = Location(path=source.path)
    if source.is_code:
        return Problem(code=INPUT_UNREADABLE, level="error", message=_LINKED, at=at, hint=USE_A_COPY)
    return Problem(code=INPUT_INCOMPLETE, level="note", message=_LINKED, at=at)


def _nothing_to_evaluate(path: str) -> UnitResult:
    """Return the result of a Terraform module without resources that any rule checks."""
    return UnitResult(read=[path], kinds={path: TERRAFORM_MODULE})


def files_of(unit: Unit) -> tuple[str, ...]:
    """Return the files of a template, or the folder of a module, that no command line names, also not in a script."""
    if unit.source.is_explicit or unit.deployed or unit.source.file.lower().endswith(BICEP):
        return ()
    files = (unit.source, unit.parameters) if unit.parameters is not None else (unit.source,)
    return tuple(real_path_of_read(source.file) for source in files)


def terraform_settings(config: Config, root: str) -> TerraformSettings:
    """Return the settings of Terraform root modules; paths of files are relative to the root of the run."""
    files = tuple((os.path.relpath(file, root).replace(os.sep, "/"), file) for file in config.variable_files)
    return TerraformSettings(
        variables=config.variables, files=files, closed=config.closed, unread=config.unread_files, tool=config.tool
    )


def _worker_function(settings: UnitSettings, is_tracking: bool) -> Callable[[Sequence[Unit]], list[UnitResult]]:
    """Initialize a worker process, and return the function that evaluates units."""
    set_readable_files(settings.config)
    if is_tracking and not file_tracker().is_on:
        file_tracker().start()
    worker = Worker(settings)
    return lambda units: [worker.evaluate(unit) for unit in units]


def _killed_result(unit: Unit) -> UnitResult:
    path = unit.source.path
    return UnitResult(problems=[input_problem(path, InputError(_KILLED, _KILLED_HINT))], read=[path])


def _jobs(units: Sequence[Unit], requested: int) -> int:
    """Return the number of processes: as requested, within limits, or as many as save time."""
    if requested:
        return min(requested, _MOST_EACH * _processors())
    work = sum(_size(unit) for unit in units) if len(units) > 1 else 0
    return min(_processors(), max(1, work // _PAYS_FROM))


def _size(unit: Unit) -> int:
    """Return the size of a unit in bytes, weighted by the cost of reading it."""
    if unit.module:
        return unit.size * _WEIGHT_OF_TERRAFORM
    file = unit.source.file
    try:
        size = 0 if file == STDIN else os.stat(file).st_size
    except OSError:
        return 0
    return size * _WEIGHT_OF_BICEP if file.lower().endswith(BICEP) else size


def _bytes_of(source: Source) -> int:
    """Return the size of a file; a link has only that of its own."""
    try:
        return min(os.lstat(source.file).st_size, MAX_FILE)
    except OSError:
        return 0


def _processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # unavailable on macOS and Windows
        return os.cpu_count() or 1


def internal_error(error: Exception) -> InputError:
    """Return the error for a bug in kvlint: its location, without its message, which may contain a value of the
    input.
    """
    from traceback import extract_tb

    frame = extract_tb(error.__traceback__)[-1]
    place = f"{frame.filename.replace(chr(92), '/').rpartition('/')[2]}:{frame.lineno}"
    return InputError(f"internal error: {type(error).__name__} at {place}", "report this bug with the place above")


def problem_of(path: str, error: Exception) -> Problem:
    """Return the problem of an input that could not be evaluated."""
    if isinstance(error, OUT_OF_MEMORY):
        return input_problem(path, NO_MEMORY)
    return input_problem(path, error if isinstance(error, InputError) else internal_error(error))


def input_problem(path: str, error: InputError) -> Problem:
    """Return the problem of an input that cannot be read."""
    region = None
    if error.line is not None:
        column = error.column or 1
        region = Region(error.line, column, error.line, column)
    at = Location(path=path, region=region)
    return Problem(code=INPUT_UNREADABLE, level="error", message=error.message, at=at, hint=error.hint or "")
