"""What kvlint writes where: reports to files and the standard output, lines and a progress bar to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from azkvlint.model.finding import Problem
from azkvlint.util.errors import KvlintError, UsageError
from azkvlint.util.output_files import append_file, silence, write_file, write_for_editors
from azkvlint.util.project_boundary import absolute_path

if TYPE_CHECKING:
    from azkvlint.linter.linter import Progress


def print_error(error: KvlintError) -> None:
    """One line on stderr for each thing that is wrong, and how to mend it."""
    from azkvlint.util.safe_text import visible

    hint = f" ({error.hint})" if error.hint else ""
    for line in f"{error.message}{hint}".split("\n"):
        print_line(visible(line))


def print_line(line: str) -> None:
    """One line on stderr. That nobody reads it any more is no reason to stop."""
    try:
        print(f"kvlint: {line}", file=sys.stderr, flush=True)
    except OSError:
        abandon(sys.stderr)


def print_problems(problems: Sequence[Problem]) -> None:
    """A line on stderr for each problem, for whom no report shows them."""
    if not problems:
        return
    from azkvlint.reporters.phrases import place, problem_text

    for problem in problems:
        at = "" if problem.at is None else f"{place(problem.at)}: "
        print_line(f"{at}{problem.level} {problem.code} {problem_text(problem)}")


def write(content: str | bytes, file: str = "") -> bool:
    """To stdout, or to a file that is complete or not there at all. Whether anybody reads it still."""
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    if file:
        with _telling(file):
            (write_for_editors if is_for_editors(file) else write_file)(file, data)
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


def append(content: str, file: str) -> None:
    """To the end of a file, which need not be there yet."""
    with _telling(file):
        append_file(file, content.encode("utf-8", "backslashreplace"))


@contextmanager
def _telling(file: str) -> Iterator[None]:
    """Raises UsageError in the place of what the system says while a file is written."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"'{file}' cannot be written: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"'{file}' cannot be written: no file can have this path") from error


def abandon(stream: TextIO) -> None:
    """Write no more to stdout or stderr, or Python complains again when it closes it."""
    silence(stream.fileno())


def is_for_editors(file: str) -> bool:
    """Return whether a file lies in the folder in which editors look for SARIF logs."""
    return os.path.basename(os.path.dirname(absolute_path(file))) == ".sarif"


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """Yield a bar on stderr once the work has taken a second, and only where somebody looks at it."""
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
