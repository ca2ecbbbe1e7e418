"""The option ``--watch``: check, and repeat the check for inputs that changed, until interrupted."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import date, datetime
from time import sleep
from typing import Any, NoReturn

from azkvlint.config.run_config import Config, today
from azkvlint.linter.first_units import FirstReport, FirstUnits
from azkvlint.linter.linter import Prepared, Progress, check
from azkvlint.linter.result_cache import ResultCache
from azkvlint.model.finding import Report
from azkvlint.readers.discover import SKIPPED, STDIN
from azkvlint.util.errors import KvlintError, UsageError
from azkvlint.util.project_boundary import current_folder, real_path
from azkvlint.util.project_files import walk
from azkvlint.util.text import pluralize, visible


class IncrementalRun:
    """Repeats one run. Results of inputs that have not changed come from the ``cache``."""

    def __init__(self, cache: ResultCache | None = None) -> None:
        self._cache = ResultCache() if cache is None else cache
        self._prepared: tuple[Config, date, Prepared] | None = None
        self._first = FirstUnits(self._cache)

    @property
    def reevaluated(self) -> tuple[str, ...]:
        """Return the reported paths of the units that the last check evaluated."""
        return tuple(unit.source.path for unit in self._cache.evaluated if not unit.quiet)

    @property
    def evaluated_first(self) -> int:
        """Return the number of units that ``check_first`` has evaluated the last time."""
        return len(self._first.evaluated)

    @property
    def unit_count(self) -> int:
        """Return the number of units of the last check."""
        return self._cache.unit_count

    @property
    def dependencies(self) -> Collection[str]:
        """Return the files and folders on which the results depend. A folder of names ends with a separator."""
        return self._cache.dependencies

    def check(self, config: Config, progress: Progress | None = None) -> Report:
        """Return the report that ``linter.linter.check`` would return now. Raise UsageError and RuleError."""
        return check(config, progress, self._cache, self._prepare(config))

    def check_first(
        self,
        config: Config,
        files: Collection[str],
        receive: Callable[[FirstReport], object],
        stop: Callable[[], object],
    ) -> None:
        """Evaluate the units that read some files (real paths), and pass on preliminary reports on them.

        The next check reuses the results. ``stop`` raises an error to end this. Raise UsageError and RuleError.
        """
        prepared = self._prepare(config) or Prepared(config)
        self._first.check(config, prepared, files, receive, stop)

    def _prepare(self, config: Config) -> Prepared | None:
        """Return what depends on the settings and the day; None with custom rules, which may have changed."""
        if config.rules:
            return None
        key, kept = (config, today(config)), self._prepared
        if kept is None or kept[:2] != key:
            kept = self._prepared = (*key, Prepared(config))
        return kept[2]


# Milliseconds: the pause that ends a burst of changes, the maximum length of a burst, and the interval for checking
# whether a missing folder exists. Editors and formatters write a file several times within tens of milliseconds.
_QUIET, _LONGEST, _LOOK_AGAIN = 100, 1500, 1000
# The maximum numbers of inputs and of lines of an error message that are printed.
_NAMES = 3


class Watch:
    """One watch. ``configure`` returns the configuration, ``publish`` writes the reports, ``say`` prints a line.

    Changes of ``outputs``, the report files, are ignored. ``progress`` returns the progress bar of a check. Results of
    earlier runs may be in the ``cache``.
    """

    def __init__(
        self,
        configure: Callable[[], Config],
        publish: Callable[[Report, Config], object],
        say: Callable[[str], None],
        outputs: Collection[str],
        progress: Callable[[], AbstractContextManager[Progress | None]] = nullcontext,
        cache: ResultCache | None = None,
    ) -> None:
        self._configure = configure
        self._publish = publish
        self._say = say
        self._outputs = tuple(map(real_path, outputs))
        self._progress = progress
        self._run = IncrementalRun(cache)
        self._last: Report | None = None
        self._has_published = False
        self._fault = ""
        self._is_relative = False

    def run(self, paths: Collection[str]) -> NoReturn:
        """Check until a KeyboardInterrupt. Raise KvlintError if nothing can be watched or the first check fails."""
        if STDIN in paths:
            raise UsageError("--watch cannot read standard input", "name files or folders")
        watcher = _watcher()
        self._is_relative = not all(map(os.path.isabs, paths))
        _collect_garbage()
        self.check()
        while True:
            self._watch_folders(watcher, paths)

    def _watch_folders(self, watcher: Any, paths: Collection[str]) -> None:
        """Check after each change, until the set of folders to watch is different."""
        watched = folders_of(paths, self._run.dependencies)
        is_new = True
        for is_changed in self._changes(watcher, watched):
            # Changes before this watcher was ready were not reported.
            if not (is_changed or is_new or self._fault):
                continue
            is_new = False
            self.check(is_change=is_changed)
            if folders_of(paths, self._run.dependencies) != watched:
                return

    def _changes(self, watcher: Any, folders: Collection[str]) -> Iterator[bool]:
        """Yield repeatedly whether anything has changed, until one of the folders is removed."""
        changes = watcher.watch(
            *folders, watch_filter=self._is_relevant, step=_QUIET, debounce=_LONGEST, rust_timeout=_LOOK_AGAIN,
            yield_on_timeout=True, recursive=False, ignore_permission_denied=True,
        )  # fmt: skip
        try:
            for changed in changes:
                yield bool(changed)
        except FileNotFoundError:
            sleep(_QUIET / 1000)
        except OSError as error:
            hint = "raise the limit of the system (`fs.inotify.max_user_watches` on Linux), or specify fewer folders"
            raise KvlintError(f"the system cannot watch {pluralize(len(folders), 'folder')}: {error}", hint) from error

    def _is_relevant(self, _change: object, path: str) -> bool:
        name = os.path.basename(path)
        is_output = any(path == file or path.startswith(f"{file}.") for file in self._outputs)
        return not is_output and not name.endswith(("~", ".swp", ".swx", ".swo"))

    def check(self, is_change: bool = True) -> None:
        """Check once, and publish the report if it changed. Invalid settings are reported once.

        That nothing changed is printed only after a change of files.
        """
        if self._is_relative:
            current_folder()  # if it was removed, relative paths cannot be resolved
        try:
            config = self._configure()
            with self._progress() as progress:
                report = self._run.check(config, progress)
        except KvlintError as error:
            if error.message != self._fault:
                self._report_error(error)
            self._fault = error.message
            return
        self._fault = ""
        if report == self._last:
            if is_change and self._run.reevaluated:
                self._say(f"{_now()} {self._summary()}: no changes")
            return
        self._say(f"{_now()} checking")
        try:
            self._publish(report, config)
        except KvlintError as error:
            self._report_error(error)
            return
        self._last, self._has_published = report, True
        self._say(f"{_now()} {self._summary()}; watching for changes")

    def _report_error(self, error: KvlintError) -> None:
        """Print an error, and publish the next report in any case. Raise the error if no report was published yet."""
        if not self._has_published:
            raise error
        text = "; ".join(map(visible, error.message.splitlines()[:_NAMES]))
        self._say(f"{_now()} error: {text}; the reports were not updated")
        self._last = None

    def _summary(self) -> str:
        names, units = tuple(map(visible, self._run.reevaluated)), self._run.unit_count
        listed = ", ".join(dict.fromkeys(names[:_NAMES])) + (", ..." if len(names) > _NAMES else "")
        return f"checked {len(names)} of {units}" + (f" ({listed})" if len(names) < units and listed else "")


def folders_of(paths: Iterable[str], dependencies: Iterable[str]) -> frozenset[str]:
    """Return the folders to watch: those below the inputs, and those of all dependencies.

    A missing folder is replaced by its nearest existing parent.
    """
    folders: set[str] = set()
    for path in map(real_path, paths):
        if os.path.isdir(path):
            folders.update(_below(path))
        folders.add(_nearest(os.path.dirname(path)))
    parents = {os.path.dirname(path) for path in dependencies}
    parents |= {os.path.dirname(real_path(path)) for path in dependencies if os.path.islink(path)}
    return frozenset(folders.union(map(_nearest, parents)))


def _below(folder: str) -> Iterator[str]:
    for folder_path, folders, _ in walk(folder):
        folders[:] = [name for name in folders if name not in SKIPPED]
        yield folder_path


def _nearest(folder: str) -> str:
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    return folder


def _now() -> str:
    return datetime.now().astimezone().strftime("%H:%M:%S")


def _watcher() -> Any:
    try:
        import watchfiles
    except ImportError as error:
        raise UsageError("--watch requires the package `watchfiles`", "run `pip install watchfiles`") from error
    return watchfiles


def _collect_garbage() -> None:
    """Enable garbage collection, which a single run does without: a watch runs for days."""
    import gc

    gc.enable()
