"""``kvlint PATH...``: from arguments to written reports and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

import msgspec

from kvlint.arguments import Arguments
from kvlint.check import Progress, check, exit_code
from kvlint.config import Config
from kvlint.errors import EXIT_CLEAN, EXIT_FINDINGS, KvlintError, UsageError
from kvlint.model.report import Problem, Report
from kvlint.model.rule import Severity
from kvlint.readers.discover import STDIN, hold_stdin
from kvlint.reporters import FINDINGS_ONLY, REPORTERS, SARIF_INCLUDED, TELL_PROBLEMS, Options


def run_check(arguments: Arguments) -> int:
    """Check what the arguments name, write every report, and answer the exit code."""
    targets = targets_of(arguments, REPORTERS)
    if arguments.stdin_filename:
        arguments = _with_stdin(arguments)
    included = _included(arguments.sarif_include)
    if arguments.summary_file and os.path.abspath(arguments.summary_file) in _files_of(targets):
        raise UsageError("the summary and a report go to one file")
    if arguments.summary_file and arguments.watch:
        raise UsageError("--watch adds no summaries, of which every check would write one", "leave --summary-file out")

    def configure() -> Config:
        config = config_of(arguments, targets)
        if included:
            wanted = config.explain or "undecided" in included
            config = msgspec.structs.replace(config, explain=wanted, answers="passed" in included)
        return config

    def publish(report: Report, config: Config) -> int:
        return _published(report, config, arguments, targets, included)

    if arguments.watch:
        from kvlint.watch import Watch

        files = [file for _, file in targets if file]
        Watch(configure, publish, tell, files, progress_bar).run((*arguments.paths, *arguments.rules))
    config = configure()
    with progress_bar() as progress:
        report = check(config, progress)
    return publish(report, config)


def _published(
    report: Report,
    config: Config,
    arguments: Arguments,
    targets: Sequence[tuple[str, str]],
    included: frozenset[str],
) -> int:
    """Write every report that was asked for, and answer the exit code.

    Raises BrokenPipeError where a watch goes on for nobody.
    """
    is_read = False
    for name, file in targets:
        options = options_for(arguments, file)
        if name == "sarif":
            root_uri = _root_uri(arguments.sarif_root_uri, file, report.root)
            category = arguments.sarif_category
            options = msgspec.structs.replace(options, included=included, category=category, root_uri=root_uri)
        is_read = write(REPORTERS[name](report, options), file) or is_read
    if arguments.watch and not is_read:
        raise BrokenPipeError
    if arguments.summary_file:
        _add_summary(report, arguments)
    shown = any(name in TELL_PROBLEMS for name, file in targets if not file)
    if not shown or arguments.quiet > arguments.verbose:
        tell_problems([one for one in report.problems if one.level != "note" or arguments.verbose])
    _warn_of_size(report, [name for name, _ in targets])
    code = exit_code(report, config)
    return EXIT_CLEAN if arguments.exit_zero and code == EXIT_FINDINGS else code


def _add_summary(report: Report, arguments: Arguments) -> None:
    """Add the summary to what the file already holds: other steps of a build may have written there."""
    from kvlint.reporters.markdown import markdown

    file = arguments.summary_file
    before = os.path.getsize(file) if os.path.isfile(file) else 0
    text = markdown(report, options_for(arguments, file), before)
    try:
        with open(file, "ab") as out:
            out.write((b"\n" if before else b"") + text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise UsageError(f"'{file}' cannot be written: {error.strerror}") from error


def _with_stdin(arguments: Arguments) -> Arguments:
    """The arguments with the file that standard input stands for in the place of ``-``. Raises UsageError."""
    name = arguments.stdin_filename
    if STDIN not in arguments.paths:
        raise UsageError(
            "--stdin-filename says what - stands for, and no - was given", f"kvlint - --stdin-filename {name}"
        )
    if arguments.watch:
        raise UsageError("--watch cannot watch the standard input", "name files or folders")
    hold_stdin(name)
    paths = tuple(name if path == STDIN else path for path in arguments.paths)
    return msgspec.structs.replace(arguments, paths=paths)


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
    from kvlint.reporters.wording import place, problem_text

    for problem in problems:
        at = "" if problem.at is None else f"{place(problem.at)}: "
        tell(f"{at}{problem.level} {problem.code} {problem_text(problem)}")


def config_of(arguments: Arguments, targets: list[tuple[str, str]]) -> Config:
    """What the arguments ask for. Raises UsageError for a value that is none."""
    return Config(
        # A report is in the order of its input, and the order of the words is no part of the question.
        paths=tuple(sorted(arguments.paths)),
        parameters=tuple(sorted(arguments.parameters)),
        variables=_variables(arguments.variables),
        variable_files=_files("--var-file", arguments.variable_files),
        closed=arguments.closed,
        source_root=_folder(arguments.source_root),
        as_of=_day(arguments.as_of),
        jobs=_jobs(arguments.jobs),
        select=words_of("--select", arguments.select),
        ignore=words_of("--ignore", arguments.ignore),
        profiles=words_of("--profile", arguments.profiles, "profile", "default, strict, cmk or all"),
        settings=arguments.settings,
        rules=arguments.rules,
        min_severity=_severity("--min-severity", arguments.min_severity),
        fail_on=_severity("--fail-on", arguments.fail_on),
        strict=arguments.strict,
        # Of thousands of undecided questions it costs time to say what is not known, and not every format tells them.
        explain=bool(arguments.summary_file) or any(_explains(name, arguments) for name, _ in targets),
    )


def _explains(name: str, arguments: Arguments) -> bool:
    return name != "sarif" and (arguments.strict or name not in FINDINGS_ONLY)


def words_of(
    option: str, values: tuple[str, ...], what: str = "rule", hint: str = "kvlint rules lists all rules"
) -> tuple[str, ...]:
    """Words given together or one by one: ``--select KV1,KV2 --select KV3`` names three."""
    words = tuple(word.strip() for value in values for word in value.split(",") if word.strip())
    if values and not words:
        raise UsageError(f"{option} names no {what}", hint)
    return words


def _variables(words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        name, equals, _ = word.partition("=")
        if not name.strip() or not equals:
            # What is no name may be a value, which may be a secret.
            raise UsageError(f"--var {name if equals else '...'}: NAME=VALUE was expected")
    return words


def _files(option: str, files: tuple[str, ...]) -> tuple[str, ...]:
    for file in files:
        if not os.path.isfile(file):
            raise UsageError(f"{option} {file}: there is no such file")
    return files


def _folder(folder: str) -> str:
    if folder and not os.path.isdir(folder):
        raise UsageError(f"--source-root {folder}: there is no such folder")
    return folder


def _day(word: str) -> str:
    if word:
        from datetime import date

        try:
            date.fromisoformat(word)
        except ValueError:
            raise UsageError(f"--as-of {word}: a day was expected", "write YYYY-MM-DD") from None
    return word


def _jobs(word: str) -> int:
    if not word.isdecimal() or len(word) > _MOST_DIGITS:
        raise UsageError(f"--jobs {word}: a number of processes was expected", "0 takes as many as pay")
    return int(word)


def _severity(option: str, word: str) -> Severity:
    for severity in Severity:
        if severity.label == word.lower():
            return severity
    known = ", ".join(severity.label for severity in Severity)
    raise UsageError(f"{option} {word}: there is no such severity", f"one of {known}")


def _included(values: tuple[str, ...]) -> frozenset[str]:
    words = words_of("--sarif-include", values, "kind of result", f"one of {', '.join(SARIF_INCLUDED)}")
    for word in words:
        if word not in SARIF_INCLUDED:
            raise UsageError(f"--sarif-include {word}: one of {', '.join(SARIF_INCLUDED)} was expected")
    return frozenset(words)


def _root_uri(word: str, file: str, root: str) -> str:
    """The URI of the folder that a log's paths start from. Editors look for logs in .sarif, and for it in them."""
    if word:
        if not word.startswith("file:///"):
            raise UsageError(f"--sarif-root-uri {word}: a URI that begins with file:/// was expected")
        return word if word.endswith("/") else f"{word}/"
    if not file or not _is_for_editors(file):
        return ""
    from pathlib import Path

    return f"{Path(root).resolve().as_uri().rstrip('/')}/"


def targets_of(arguments: Arguments, known: Collection[str]) -> list[tuple[str, str]]:
    """The formats to write, each with its file ("" is stdout). Raises UsageError for one that is not ``known``."""
    if arguments.color not in _COLOR:
        raise UsageError(f"--color {arguments.color}: one of {', '.join(_COLOR)} was expected")
    targets = [(name, file) for name, _, file in (word.partition("=") for word in arguments.formats or ("text",))]
    for name, _ in targets:
        if name not in known:
            raise UsageError(f"there is no format '{name}'", f"one of {', '.join(known)}")
    open_ends = [name for name, file in targets if not file]
    if arguments.output and len(open_ends) != 1:
        raise UsageError("--output takes exactly one format without a file of its own", "write -f sarif=report.sarif")
    targets = [(name, file or arguments.output) for name, file in targets]
    targets = [(name, "" if file == "-" else file) for name, file in targets]
    files = _files_of(targets)
    if files.count("") > 1:
        raise UsageError("only one format can go to the standard output", "write -f sarif=report.sarif")
    if len(set(files)) < len(files):
        raise UsageError("two formats go to one file", "write -f json=report.json -f sarif=report.sarif")
    return targets


def _files_of(targets: Sequence[tuple[str, str]]) -> list[str]:
    return [os.path.abspath(file) if file else "" for _, file in targets]


def options_for(arguments: Arguments, file: str) -> Options:
    """How a report is to look in ``file``, or on the standard output."""
    terminal = not file and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    width = 80
    if terminal:
        from shutil import get_terminal_size

        width = get_terminal_size().columns
    return Options(
        terminal=terminal,
        color=not file and _has_color(arguments.color, terminal),
        width=width,
        verbosity=arguments.verbose - arguments.quiet,
        statistics=arguments.statistics,
        suppressed=arguments.show_suppressed,
        strict=arguments.strict,
    )


def _has_color(word: str, terminal: bool) -> bool:
    """Whether the standard output is to have colors: what the option says, then the environment, then what it is."""
    if word != "auto":
        return word == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return terminal or bool(os.environ.get("FORCE_COLOR")) or os.environ.get("CLICOLOR_FORCE", "0") not in ("", "0")


def write(content: str | bytes, file: str = "") -> bool:
    """To stdout, or to a file that is complete or not there at all. Whether anybody reads it still."""
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    if file:
        try:
            _to_file(data, file)
        except OSError as error:
            raise UsageError(f"'{file}' cannot be written: {error.strerror}") from error
        return True
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Whoever read it has seen enough; other reports and the exit code are still wanted.
        abandon(sys.stdout)
        return False
    except OSError as error:
        abandon(sys.stdout)
        raise KvlintError(f"the standard output cannot be written: {error.strerror}") from error
    return True


def abandon(stream: TextIO) -> None:
    """Write no more to stdout or stderr, or Python complains again when it closes it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _is_for_editors(file: str) -> bool:
    """Whether a file lies in the folder in which editors look for SARIF logs."""
    return os.path.basename(os.path.dirname(os.path.abspath(file))) == ".sarif"


def _to_file(data: bytes, file: str) -> None:
    for_editors = _is_for_editors(file)
    # A pipe or device is written to, never replaced.
    if not for_editors and os.path.exists(file) and not os.path.isfile(file):
        with open(file, "wb") as out:
            out.write(data)
        return
    if for_editors:
        # A link there may have come with the checkout: it is replaced, not what it leads to. No other folder is made.
        file = os.path.abspath(file)
        if not os.path.lexists(os.path.dirname(file)):
            os.mkdir(os.path.dirname(file))
    else:
        file = os.path.realpath(file)
    partial = f"{file}.{os.getpid()}.partial"
    try:
        with open(partial, "xb" if for_editors else "wb") as out:
            out.write(data)
        os.replace(partial, file)
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


# GitHub shows the first 5,000 results of an upload.
_MOST_DIGITS = 3
_COLOR = ("auto", "always", "never")
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
