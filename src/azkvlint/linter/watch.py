"""``--watch``: check, and check again whatever a change reaches, until somebody ends it."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from time import sleep
from typing import Any, NoReturn

from azkvlint.config.run_config import Config
from azkvlint.linter.incremental import IncrementalRun
from azkvlint.linter.linter import Progress
from azkvlint.model.finding import Report
from azkvlint.readers.discover import SKIPPED, STDIN
from azkvlint.util.errors import KvlintError, UsageError
from azkvlint.util.plural import pluralize
from azkvlint.util.project_files import current_folder, real_path, walk
from azkvlint.util.safe_text import visible

# Milliseconds without a change that end a burst of them, how long a burst may last, and how often is looked whether a
# folder that was missing is there. Editors and formatters write a file several times within some ten milliseconds.
_QUIET, _LONGEST, _LOOK_AGAIN = 100, 1500, 1000
# How many names of what was checked again are told, and how many lines of what is wrong.
_NAMES = 3


class Watch:
    """One watch. ``configure`` says anew what to check, ``publish`` writes the reports on it, ``say`` tells a line.

    ``outputs`` are the files that reports are written to: what happens to those is no change. ``progress`` gives what
    is told how far a check is, while that runs.
    """

    def __init__(
        self,
        configure: Callable[[], Config],
        publish: Callable[[Report, Config], object],
        say: Callable[[str], None],
        outputs: Collection[str],
        progress: Callable[[], AbstractContextManager[Progress | None]] = nullcontext,
    ) -> None:
        self._configure = configure
        self._publish = publish
        self._say = say
        self._outputs = tuple(map(real_path, outputs))
        self._progress = progress
        self._again = IncrementalRun()
        self._last: Report | None = None
        self._has_published = False
        self._fault = ""
        self._is_relative = False

    def run(self, paths: Collection[str]) -> NoReturn:
        """Check until a KeyboardInterrupt. Raises KvlintError where nothing can be watched or checked even once."""
        if STDIN in paths:
            raise UsageError("--watch cannot watch the standard input", "name files or folders")
        watcher = _watcher()
        self._is_relative = not all(map(os.path.isabs, paths))
        _collect_garbage()
        self.check()
        while True:
            self._until_other_folders(watcher, paths)

    def _until_other_folders(self, watcher: Any, paths: Collection[str]) -> None:
        """Check after each change, until there are other folders to watch than at the start."""
        watched = folders_of(paths, self._again.seen)
        is_new = True
        for is_changed in self._changes(watcher, watched):
            # What has happened before this watcher was ready, nobody has told.
            if not (is_changed or is_new or self._fault):
                continue
            is_new = False
            self.check(is_asked=is_changed)
            if folders_of(paths, self._again.seen) != watched:
                return

    def _changes(self, watcher: Any, folders: Collection[str]) -> Iterator[bool]:
        """Now and then whether anything has changed, until one of the folders is gone."""
        changes = watcher.watch(
            *folders, watch_filter=self._counts, step=_QUIET, debounce=_LONGEST, rust_timeout=_LOOK_AGAIN,
            yield_on_timeout=True, recursive=False, ignore_permission_denied=True,
        )  # fmt: skip
        try:
            for changed in changes:
                yield bool(changed)
        except FileNotFoundError:
            sleep(_QUIET / 1000)
        except OSError as error:
            hint = "raise its limit (on Linux fs.inotify.max_user_watches), or name fewer folders"
            raise KvlintError(
                f"the system does not watch {pluralize(len(folders), 'folder')}: {error}", hint
            ) from error

    def _counts(self, _change: object, path: str) -> bool:
        """Whether a change may change an answer."""
        name = os.path.basename(path)
        own = any(path == file or path.startswith(f"{file}.") for file in self._outputs)
        return not own and not name.endswith(("~", ".swp", ".swx", ".swo"))

    def check(self, is_asked: bool = True) -> None:
        """One check, and its reports if there is anything new. What is wrong with the question is told once.

        That there is nothing new is told only to who has changed something.
        """
        if self._is_relative:
            current_folder()  # once it is gone, no relative path comes back
        try:
            config = self._configure()
            with self._progress() as progress:
                report = self._again.check(config, progress)
        except KvlintError as error:
            if error.message != self._fault:
                self._tell_fault(error)
            self._fault = error.message
            return
        self._fault = ""
        if report == self._last:
            if is_asked and self._again.rejudged:
                self._say(f"{_now()} {self._checked()}: nothing new")
            return
        self._say(f"{_now()} checking")
        try:
            self._publish(report, config)
        except KvlintError as error:
            self._tell_fault(error)
            return
        self._last, self._has_published = report, True
        self._say(f"{_now()} {self._checked()}; watching for changes")

    def _tell_fault(self, error: KvlintError) -> None:
        """Tell what is wrong; the next report will be written whatever it is. What never worked is wrong for good."""
        if not self._has_published:
            raise error
        text = "; ".join(map(visible, error.message.splitlines()[:_NAMES]))
        self._say(f"{_now()} {text}; the reports are as they were")
        self._last = None

    def _checked(self) -> str:
        names, units = tuple(map(visible, self._again.rejudged)), self._again.units
        shown = ", ".join(dict.fromkeys(names[:_NAMES])) + (", ..." if len(names) > _NAMES else "")
        return f"checked {len(names)} of {units}" + (f" ({shown})" if len(names) < units and shown else "")


def folders_of(paths: Iterable[str], seen: Iterable[str]) -> frozenset[str]:
    """The folders in which a change may matter: those below the inputs, and those of everything that was looked at.

    For one that is missing it is the nearest around it.
    """
    found: set[str] = set()
    for path in map(real_path, paths):
        if os.path.isdir(path):
            found.update(_below(path))
        found.add(_nearest(os.path.dirname(path)))
    around = {os.path.dirname(path) for path in seen}
    around |= {os.path.dirname(real_path(path)) for path in seen if os.path.islink(path)}
    return frozenset(found.union(map(_nearest, around)))


def _below(folder: str) -> Iterator[str]:
    for here, folders, _ in walk(folder):
        folders[:] = [name for name in folders if name not in SKIPPED]
        yield here


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
        raise UsageError("--watch needs the package watchfiles", "pip install watchfiles") from error
    return watchfiles


def _collect_garbage() -> None:
    """A single run is over before garbage matters; this one lasts for days."""
    import gc

    gc.enable()
