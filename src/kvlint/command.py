"""``kvlint PATH...``: from arguments to written reports and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from kvlint.arguments import Arguments
from kvlint.check import Progress, baseline_of, check, exit_code
from kvlint.config import Config
from kvlint.errors import EXIT_CLEAN, KvlintError, UsageError
from kvlint.model.report import Problem, Report
from kvlint.model.rule import Severity
from kvlint.reporters import REPORTERS, Options
from kvlint.settings import ABOUT_RULES, Settled, settled


def run_check(arguments: Arguments) -> int:
    """Check what the arguments name, write every report, and answer the exit code."""
    said = settled(arguments, "check")
    if arguments.show_settings:
        return show_settings(said, "check")
    arguments = said.arguments
    targets = targets_of(said, REPORTERS)
    _refuse_two_in_one(arguments.write_baseline, targets)
    config = config_of(said, targets)
    with progress_bar() as progress:
        report = check(config, progress)
    for name, file in targets:
        write(REPORTERS[name](report, options_for(arguments, file)), file)
    if arguments.write_baseline:
        write(baseline_of(report, config), arguments.write_baseline)
    if ("text", "") not in targets or arguments.quiet > arguments.verbose:
        tell_problems([one for one in report.problems if one.level != "note" or arguments.verbose])
    _warn_of_size(report, [name for name, _ in targets])
    return exit_code(report, config)


def print_error(error: KvlintError) -> None:
    """One line on stderr for each thing that is wrong, and how to mend it."""
    from kvlint.reporters.safe import visible

    hint = f" ({error.hint})" if error.hint else ""
    for line in f"{error.message}{hint}".split("\n"):
        tell(visible(line))


def tell(line: str) -> None:
    """One line on stderr. That nobody reads it any more is no reason to stop."""
    try:
        print(f"kvlint: {line}", file=sys.stderr, flush=True)
    except OSError:
        abandon(sys.stderr)


def tell_problems(problems: Sequence[Problem]) -> None:
    """A line on stderr for each problem, for whom no report shows them."""
    if not problems:
        return
    from kvlint.reporters.safe import visible
    from kvlint.reporters.wording import place

    for problem in problems:
        at = "" if problem.at is None else f"{place(problem.at)}: "
        hint = f" ({visible(problem.hint)})" if problem.hint else ""
        tell(f"{at}{problem.level} {problem.code} {visible(problem.message)}{hint}")


def config_of(said: Settled, targets: list[tuple[str, str]]) -> Config:
    """What the settings ask for. Raises UsageError for a value that is none."""
    arguments, label = said.arguments, said.label
    config = Config(
        # A report is in the order of its input, and the order of the words is no part of the question.
        paths=tuple(sorted(arguments.paths)),
        parameters=tuple(sorted(arguments.parameters)),
        variables=_variables(label("variables"), arguments.variables),
        variable_files=_files(label("variable_files"), arguments.variable_files),
        closed=arguments.closed,
        source_root=_folder(label("source_root"), arguments.source_root),
        as_of=_day(label("as_of"), arguments.as_of),
        jobs=_jobs(label("jobs"), arguments.jobs),
        exclude=_globs(said),
        select=words_of(label("select"), arguments.select),
        ignore=words_of(label("ignore"), arguments.ignore),
        profiles=words_of(label("profiles"), arguments.profiles, "profile", "default, strict, cmk or all"),
        settings=arguments.settings,
        rules=arguments.rules,
        min_severity=_severity(label("min_severity"), arguments.min_severity),
        fail_on=_severity(label("fail_on"), arguments.fail_on),
        strict=arguments.strict,
        # SARIF leaves undecided questions out, and of thousands it costs time to say what is not known.
        # Overrides and baselines need to know where each is.
        explain=any(name != "sarif" for name, _ in targets)
        or (said.file is not None and bool(said.file.overrides))
        or bool(arguments.baseline or arguments.write_baseline),
        file=said.file.file if said.file is not None else "",
        base=said.base,
        overrides=said.file.overrides if said.file is not None else (),
        no_ignores=arguments.no_ignores,
        baseline=_baseline(arguments),
        notices=said.notices,
    )
    if said.elsewhere & ABOUT_RULES:
        from kvlint.asked import refuse_unknown_rules

        refuse_unknown_rules(said, config)
    return config


def _baseline(arguments: Arguments) -> str:
    """The baseline to read; none if it is only about to be written."""
    file, written = arguments.baseline, arguments.write_baseline
    is_first = bool(written) and os.path.realpath(file) == os.path.realpath(written) and not os.path.lexists(file)
    return "" if is_first else file


def _globs(said: Settled) -> tuple[tuple[str, str], ...]:
    if not said.arguments.exclude and not said.arguments.extend_exclude:
        return ()
    from kvlint.asked import globs_of

    return globs_of(said)


def words_of(
    option: str, values: tuple[str, ...], what: str = "rule", hint: str = "kvlint rules lists all rules"
) -> tuple[str, ...]:
    """Words given together or one by one: ``--select KV1,KV2 --select KV3`` names three."""
    words = tuple(word.strip() for value in values for word in value.split(",") if word.strip())
    if values and not words:
        raise UsageError(f"{option} names no {what}", hint)
    return words


def _variables(option: str, words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        if not word.partition("=")[0].strip() or "=" not in word:
            raise UsageError(f"{option} {word.partition('=')[0]}: NAME=VALUE was expected")
    return words


def _files(option: str, files: tuple[str, ...]) -> tuple[str, ...]:
    for file in files:
        if not os.path.isfile(file):
            raise UsageError(f"{option} {file}: there is no such file")
    return files


def _folder(option: str, folder: str) -> str:
    if folder and not os.path.isdir(folder):
        raise UsageError(f"{option} {folder}: there is no such folder")
    return folder


def _day(option: str, word: str) -> str:
    if word:
        from datetime import date

        try:
            date.fromisoformat(word)
        except ValueError:
            raise UsageError(f"{option} {word}: a day was expected", "write YYYY-MM-DD") from None
    return word


def _jobs(option: str, word: str) -> int:
    if not word.isdecimal() or len(word) > _MOST_DIGITS:
        raise UsageError(f"{option} {word}: a number of processes was expected", "0 takes as many as pay")
    return int(word)


def _severity(option: str, word: str) -> Severity:
    for severity in Severity:
        if severity.label == word.lower():
            return severity
    known = ", ".join(severity.label for severity in Severity)
    raise UsageError(f"{option} {word}: there is no such severity", f"one of {known}")


def targets_of(said: Settled, known: Collection[str]) -> list[tuple[str, str]]:
    """The formats to write, each with its file ("" is stdout). Raises UsageError for one that is not ``known``."""
    formats, output = said.arguments.formats, said.arguments.output
    targets = [(name, file) for name, _, file in (word.partition("=") for word in formats or ("text",))]
    for name, _ in targets:
        if name not in known:
            at = f"{said.label('formats')}: " if "formats" in said.elsewhere else ""
            raise UsageError(f"{at}there is no format '{name}'", f"one of {', '.join(known)}")
    open_ends = [name for name, file in targets if not file]
    if output and len(open_ends) != 1:
        option = said.label("output")
        raise UsageError(f"{option} takes exactly one format without a file of its own", "write -f sarif=report.sarif")
    targets = [(name, file or output) for name, file in targets]
    targets = [(name, "" if file == "-" else file) for name, file in targets]
    files = [os.path.abspath(file) if file else "" for _, file in targets]
    if files.count("") > 1:
        raise UsageError("only one format can go to the standard output", "write -f sarif=report.sarif")
    if len(set(files)) < len(files):
        raise UsageError("two formats go to one file", "write -f json=report.json -f sarif=report.sarif")
    return targets


def _refuse_two_in_one(baseline: str, targets: list[tuple[str, str]]) -> None:
    """Raise UsageError if a report and a baseline would be written to one file, or one to the standard output."""
    if baseline == "-":
        raise UsageError("--write-baseline needs a file")
    if baseline and os.path.realpath(baseline) in {os.path.realpath(file) for _, file in targets if file}:
        raise UsageError(f"a report and the baseline go to one file, '{baseline}'")


def show_settings(said: Settled, command: str) -> int:
    """Write every setting of a command, and where it comes from."""
    from kvlint.shown import shown_settings

    write(shown_settings(said, command))
    return EXIT_CLEAN


def options_for(arguments: Arguments, file: str) -> Options:
    """How a report is to look in ``file``, or on the standard output."""
    terminal = not file and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    width = 80
    if terminal:
        from shutil import get_terminal_size

        width = get_terminal_size().columns
    return Options(
        terminal=terminal,
        color=terminal and not os.environ.get("NO_COLOR"),
        width=width,
        verbosity=arguments.verbose - arguments.quiet,
        statistics=arguments.statistics,
    )


def write(content: str | bytes, file: str = "") -> None:
    """To stdout, or to a file that is complete or not there at all."""
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    if file:
        try:
            _to_file(data, file)
        except OSError as error:
            raise UsageError(f"'{file}' cannot be written: {error.strerror}") from error
        return
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Whoever read it has seen enough; other reports and the exit code are still wanted.
        abandon(sys.stdout)
    except OSError as error:
        abandon(sys.stdout)
        raise KvlintError(f"the standard output cannot be written: {error.strerror}") from error


def abandon(stream: TextIO) -> None:
    """Write no more to stdout or stderr, or Python complains again when it closes it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _to_file(data: bytes, file: str) -> None:
    if os.path.exists(file) and not os.path.isfile(file):  # a pipe or device is written to, never replaced
        with open(file, "wb") as out:
            out.write(data)
        return
    file = os.path.realpath(file)
    partial = f"{file}.{os.getpid()}.partial"
    try:
        with open(partial, "wb") as out:
            out.write(data)
        os.replace(partial, file)
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


# GitHub shows the first 5,000 results of an upload.
_MOST_DIGITS = 3
_SHOWN_RESULTS = 5000


def _warn_of_size(report: Report, formats: list[str]) -> None:
    if "sarif" in formats and len(report.findings) > _SHOWN_RESULTS:
        text = f"{len(report.findings):,} results; GitHub code scanning stores the first {_SHOWN_RESULTS:,}"
        tell(f"{text} (raise --min-severity, or split the input)")


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """A bar on stderr once the work has taken a second, and only where somebody looks at it."""
    if not sys.stderr.isatty():
        yield None
        return
    bar = _Bar()
    try:
        yield bar.tell
    finally:
        bar.stop()


class _Bar:
    """A progress bar that shows itself after a second, from a thread of its own, unless it is stopped before."""

    def __init__(self) -> None:
        from threading import Lock, Timer

        self._lock = Lock()
        self._stopped = False
        self._done, self._total = 0, 0
        self._shown: Any = None
        self._task: Any = None
        self._timer = Timer(1.0, self._show)
        self._timer.daemon = True
        self._timer.start()

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import Progress as Shown

        with self._lock:
            if self._stopped:
                return
            self._shown = Shown(console=Console(stderr=True), transient=True)
            total = self._total if self._total > 1 else None
            self._task = self._shown.add_task("checking", total=total, completed=self._done)
            self._shown.start()

    def tell(self, done: int, total: int) -> None:
        """How many sources are done, and of how many."""
        with self._lock:
            self._done, self._total = done, total
            if self._shown is not None:
                self._shown.update(self._task, completed=done)

    def stop(self) -> None:
        """Take the bar away, also if it is only about to be shown."""
        self._timer.cancel()
        with self._lock:
            self._stopped = True
            if self._shown is not None:
                self._shown.stop()
