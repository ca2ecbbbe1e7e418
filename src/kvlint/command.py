"""``kvlint PATH...``: from arguments to written reports and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from kvlint.arguments import Arguments
from kvlint.check import Progress, check, exit_code
from kvlint.config import Config
from kvlint.errors import KvlintError, UsageError
from kvlint.model.report import Report
from kvlint.model.rule import Severity
from kvlint.reporters import REPORTERS, Options


def run_check(arguments: Arguments) -> int:
    """Check what the arguments name, write every report, and answer the exit code."""
    targets = _targets(arguments)
    config = _config(arguments, targets)
    with _progress() as progress:
        report = check(config, progress)
    for name, file in targets:
        _write(REPORTERS[name](report, _options(arguments, file)), file)
    _warn_of_size(report, [name for name, _ in targets])
    return exit_code(report, config)


def print_error(error: KvlintError) -> None:
    """One line on stderr for each thing that is wrong, and how to mend it."""
    hint = f" ({error.hint})" if error.hint else ""
    for line in f"{error.message}{hint}".splitlines():
        print(f"kvlint: {line}", file=sys.stderr)


def _config(arguments: Arguments, targets: list[tuple[str, str]]) -> Config:
    return Config(
        paths=arguments.paths,
        select=_words(arguments.select),
        ignore=_words(arguments.ignore),
        rules=arguments.rules,
        min_severity=_severity("--min-severity", arguments.min_severity),
        fail_on=_severity("--fail-on", arguments.fail_on),
        strict=arguments.strict,
        # SARIF leaves undecided questions out, and of thousands it costs time to say what is not known.
        explain=any(name != "sarif" for name, _ in targets),
    )


def _words(values: tuple[str, ...]) -> tuple[str, ...]:
    """``--select KV1,KV2 --select KV3`` names three."""
    return tuple(word.strip() for value in values for word in value.split(",") if word.strip())


def _severity(option: str, word: str) -> Severity:
    for severity in Severity:
        if severity.label == word.lower():
            return severity
    known = ", ".join(severity.label for severity in Severity)
    raise UsageError(f"{option} {word}: there is no such severity", f"one of {known}")


def _targets(arguments: Arguments) -> list[tuple[str, str]]:
    """The formats to write, each with its file ("" is stdout)."""
    targets = [(name, file) for name, _, file in (word.partition("=") for word in arguments.formats or ("text",))]
    for name, _ in targets:
        if name not in REPORTERS:
            raise UsageError(f"there is no format '{name}'", f"one of {', '.join(REPORTERS)}")
    open_ends = [name for name, file in targets if not file]
    if arguments.output and len(open_ends) != 1:
        raise UsageError("--output takes exactly one format without a file of its own", "write -f sarif=report.sarif")
    if len(open_ends) > 1:
        raise UsageError("only one format can go to the standard output", "write -f sarif=report.sarif")
    return [(name, file or arguments.output) for name, file in targets]


def _options(arguments: Arguments, file: str) -> Options:
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


def _write(content: str | bytes, file: str) -> None:
    """To stdout, or to a file that is complete or not there at all."""
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    if not file:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    partial = f"{file}.{os.getpid()}.partial"
    try:
        with open(partial, "wb") as out:
            out.write(data)
        os.replace(partial, file)
    except OSError as error:
        if os.path.exists(partial):
            os.unlink(partial)
        raise UsageError(f"'{file}' cannot be written: {error.strerror}") from error


# GitHub shows the first 5,000 results of an upload.
_SHOWN_RESULTS = 5000


def _warn_of_size(report: Report, formats: list[str]) -> None:
    if "sarif" in formats and len(report.findings) > _SHOWN_RESULTS:
        text = f"{len(report.findings):,} results; GitHub code scanning stores the first {_SHOWN_RESULTS:,}"
        print(f"kvlint: {text} (raise --min-severity, or split the input)", file=sys.stderr)


@contextmanager
def _progress() -> Iterator[Progress | None]:
    """A bar on stderr once the work has taken a second, and only where somebody looks at it."""
    if not sys.stderr.isatty():
        yield None
        return
    from threading import Lock, Timer

    lock, state = Lock(), {"done": 0, "total": 0}
    bars: list[tuple[object, object]] = []

    def start() -> None:
        from rich.console import Console
        from rich.progress import Progress as Bar

        with lock:
            bar = Bar(console=Console(stderr=True), transient=True)
            bars.append((bar, bar.add_task("checking", total=state["total"] if state["total"] > 1 else None)))
            bar.start()

    def tell(done: int, total: int) -> None:
        with lock:
            state.update(done=done, total=total)
            for bar, task in bars:
                bar.update(task, completed=done)  # type: ignore[attr-defined]  # rich is not imported at module level

    timer = Timer(1.0, start)
    timer.daemon = True
    timer.start()
    try:
        yield tell
    finally:
        timer.cancel()
        with lock:
            for bar, _ in bars:
                bar.stop()  # type: ignore[attr-defined]  # the same
