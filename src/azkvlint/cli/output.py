"""Output: reports to files and standard output; messages and the progress bar to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from azkvlint.model.finding import Problem
from azkvlint.util.errors import KvlintError, UsageError
from azkvlint.util.project_boundary import absolute_path

if TYPE_CHECKING:
    from azkvlint.linter.linter import Progress


def print_error(error: KvlintError) -> None:
    """Print an error with its hint to stderr."""
    from azkvlint.util.text import visible

    hint = f" ({error.hint})" if error.hint else ""
    for line in f"{error.message}{hint}".split("\n"):
        print_line(f"error: {visible(line)}")


def print_line(line: str) -> None:
    """Print one line to stderr. A closed stderr does not stop the run."""
    try:
        print(f"kvlint: {line}", file=sys.stderr, flush=True)
    except OSError:
        stop_writing(sys.stderr)


def print_problems(problems: Sequence[Problem]) -> None:
    """Print each problem to stderr, for runs whose reports do not contain them."""
    if not problems:
        return
    from azkvlint.reporters.phrases import place, problem_text

    for problem in problems:
        at = "" if problem.at is None else f"{place(problem.at)}: "
        print_line(f"{at}{problem.level}[{problem.code}] {problem_text(problem)}")


def write(content: str | bytes, file: str = "") -> bool:
    """Write to standard output, or to a file atomically. Return whether the reader is still connected."""
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    if file:
        from azkvlint.util.output_files import write_file, write_for_editors

        with _file_errors(file):
            (write_for_editors if is_for_editors(file) else write_file)(file, data)
        return True
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The reader closed the pipe. Other reports and the exit code are still needed.
        stop_writing(sys.stdout)
        return False
    except OSError as error:
        stop_writing(sys.stdout)
        raise KvlintError(f"cannot write to standard output: {error.strerror}") from error
    return True


def append(content: str, file: str) -> None:
    """Append to a file, which is created if it does not exist."""
    from azkvlint.util.output_files import append_file

    with _file_errors(file):
        append_file(file, content.encode("utf-8", "backslashreplace"))


@contextmanager
def _file_errors(file: str) -> Iterator[None]:
    """Convert the errors of writing a file into UsageError."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot write '{file}': {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"cannot write '{file}': the path is not valid") from error


def stop_writing(stream: TextIO) -> None:
    """Stop writing to stdout or stderr. Otherwise Python reports the error again when it closes the stream."""
    from azkvlint.util.output_files import silence

    silence(stream.fileno())


def is_for_editors(file: str) -> bool:
    """Return whether a file is in ``.sarif``, the folder in which editors look for SARIF logs."""
    return os.path.basename(os.path.dirname(absolute_path(file))) == ".sarif"


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """Yield the callback of a progress bar on stderr; None if stderr is not a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    bar = _Bar()
    try:
        yield bar.update
    finally:
        bar.stop()


class _Bar:
    """A progress bar that appears after one second, drawn from a thread of its own."""

    def __init__(self) -> None:
        from threading import Lock, Timer

        self._lock = Lock()
        self._stopped = False
        self._done, self._total = 0, 0
        self._widget: Any = None
        self._task: Any = None
        self._timer = Timer(1.0, self._show)
        self._timer.daemon = True
        self._timer.start()

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import Progress as ProgressBar

        with self._lock:
            if self._stopped:
                return
            self._widget = ProgressBar(console=Console(stderr=True), transient=True)
            total = self._total if self._total > 1 else None
            self._task = self._widget.add_task("checking", total=total, completed=self._done)
            self._widget.start()

    def update(self, done: int, total: int) -> None:
        """Update the number of sources that are done, and their total."""
        with self._lock:
            self._done, self._total = done, total
            if self._widget is not None:
                self._widget.update(self._task, completed=done)

    def stop(self) -> None:
        """Remove the bar, or prevent it from appearing."""
        self._timer.cancel()
        with self._lock:
            self._stopped = True
            if self._widget is not None:
                self._widget.stop()
