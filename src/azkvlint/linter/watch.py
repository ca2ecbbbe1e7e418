"""``--watch``: check, and check again what a change affects, until it is interrupted."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from time import sleep
from typing import Any, NoReturn

import msgspec

from azkvlint.config.run_config import Config, today
from azkvlint.engine.required_attributes import evaluated_types
from azkvlint.linter.linter import Progress, all_rules, report_of, rules_of
from azkvlint.linter.suppressions import policy_of
from azkvlint.linter.unit_result import UnitResult
from azkvlint.linter.workers import begin, evaluate_units
from azkvlint.model.finding import Report
from azkvlint.readers.discover import SKIPPED, STDIN, discover
from azkvlint.readers.units import Unit, units_of
from azkvlint.util.errors import KvlintError, UsageError
from azkvlint.util.file_tracker import FILE_TRACKER, State, state_of
from azkvlint.util.plural import pluralize
from azkvlint.util.project_boundary import current_folder, real_path
from azkvlint.util.project_files import FILE_BUFFER, walk
from azkvlint.util.safe_text import visible


class IncrementalRun:
    """Repeats one run. ``reevaluated`` are the reported paths of the units that the last check had to evaluate.

    ``seen`` are all files and folders that the results depend on; a folder whose names matter ends with a separator.
    """

    def __init__(self) -> None:
        self.reevaluated: tuple[str, ...] = ()
        self.units = 0
        self._request: object = None
        self._results: dict[Unit, UnitResult] = {}

    @property
    def seen(self) -> Collection[str]:
        """Return the files and folders that the results depend on."""
        return {path for result in self._results.values() for path in result.files}

    def check(self, config: Config, progress: Progress | None = None) -> Report:
        """Return the report that ``check`` would make now. Raises UsageError and RuleError, as it does."""
        FILE_BUFFER.clear()
        FILE_TRACKER.start()
        try:
            return self._check(config, progress)
        finally:
            FILE_TRACKER.stop()

    def _check(self, config: Config, progress: Progress | None) -> Report:
        begin(config)
        rules = rules_of(config)
        known = all_rules(config.rules, examples=False)
        policy = policy_of(known, rules, today(config), config.peer_tools)
        sources, root = discover(config.paths, config.exclude)
        given, _ = discover(config.parameters)
        relevant = evaluated_types(known)
        units = units_of(sources, given, relevant)
        asked = config, rules, root, policy.today, policy.known
        if asked != self._request:
            self._request, self._results = asked, {}
        found = self._unchanged(units)
        waiting = [unit for unit in units if _key(unit) not in found]
        for done, result in enumerate(evaluate_units(waiting, config, rules, root, policy, relevant)):
            if progress is not None:
                progress(done, len(waiting))
            found[_key(waiting[done])] = result
        self._results = found
        self.reevaluated, self.units = tuple(unit.source.path for unit in waiting if not unit.quiet), len(units)
        return report_of(config, known, rules, root, [found[_key(unit)] for unit in units])

    def _unchanged(self, units: Collection[Unit]) -> dict[Unit, UnitResult]:
        """Return the results of the units whose files have not changed."""
        states: dict[str, State] = {}
        found: dict[Unit, UnitResult] = {}
        for key in map(_key, units):
            result = self._results.get(key)
            # The files that a unit depends on are unknown where its process died.
            if (
                result is not None
                and result.files
                and all(
                    state == (states[path] if path in states else states.setdefault(path, state_of(path)))
                    for path, state in result.files.items()
                )
            ):
                found[key] = result
        return found


def _key(unit: Unit) -> Unit:
    """Return a unit without what tells nothing about who it is."""
    return msgspec.structs.replace(unit, size=0)


# Milliseconds without a change that end a burst of them, how long a burst may last, and how often is looked whether a
# folder that was missing is there. Editors and formatters write a file several times within some ten milliseconds.
_QUIET, _LONGEST, _LOOK_AGAIN = 100, 1500, 1000
# How many names of checked inputs, and how many lines of faults, are printed.
_NAMES = 3


class Watch:
    """One watch. ``configure`` returns what to check, ``publish`` writes the reports on it, ``say`` prints a line.

    ``outputs`` are the files that reports are written to: what happens to those is no change. ``progress`` returns
    what shows how far a check is.
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
            # Changes before this watcher was ready were not reported.
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
        """Return whether a change may change an answer."""
        name = os.path.basename(path)
        own = any(path == file or path.startswith(f"{file}.") for file in self._outputs)
        return not own and not name.endswith(("~", ".swp", ".swx", ".swo"))

    def check(self, is_asked: bool = True) -> None:
        """One check, and its reports if there is anything new. Wrong settings are reported once.

        That there is nothing new is reported only after a change.
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
            if is_asked and self._again.reevaluated:
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
        """Print what is wrong, and write the next report in any case. Raises it if no report was ever written."""
        if not self._has_published:
            raise error
        text = "; ".join(map(visible, error.message.splitlines()[:_NAMES]))
        self._say(f"{_now()} {text}; the reports are as they were")
        self._last = None

    def _checked(self) -> str:
        names, units = tuple(map(visible, self._again.reevaluated)), self._again.units
        shown = ", ".join(dict.fromkeys(names[:_NAMES])) + (", ..." if len(names) > _NAMES else "")
        return f"checked {len(names)} of {units}" + (f" ({shown})" if len(names) < units and shown else "")


def folders_of(paths: Iterable[str], seen: Iterable[str]) -> frozenset[str]:
    """Return the folders in which a change may matter: those below the inputs, and those of everything that was looked
    at.

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
