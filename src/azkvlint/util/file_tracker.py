"""Record the files and folders that a result depends on, with their states, so that results can be reused.

``util.project_files`` records every access. The tracker records only while it is on. The state of a file with an
unsaved text of an editor is that text.
"""

from __future__ import annotations

import os
import stat
from collections import UserDict
from collections.abc import Callable, Hashable, Iterable, Iterator, MutableMapping
from time import time_ns
from typing import Any, TypeAlias, TypeVar

from azkvlint.util.project_boundary import real_path
from azkvlint.util.run_state import part_of_run

_T = TypeVar("_T")
# Values that are remembered between runs.
_MOST_REMEMBERED = 100_000
_R = TypeVar("_R")
_K = TypeVar("_K", bound=Hashable)
State: TypeAlias = tuple[object, ...]
"""Values that identify one state of a file or of the entries of a folder; empty if it does not exist.

The first value of other states than those of files is NAMES, FOLDER, LINK (a broken link), PLACE or TEXT.
"""
States: TypeAlias = dict[str, State]
"""States by path; the path of a folder's names ends with a separator, and that of a place with a separator and a dot.

The place of a folder is whether it is a link, and whether it is the top of a checkout: both decide what may be read.
"""
NAMES, FOLDER, LINK, PLACE, TEXT = "names", "folder", "link", "place", "text"
Remembered: TypeAlias = dict[Hashable, tuple[Any, States]]
"""Values by key, each with the states of the files that it depends on."""
_PLACE_ENDING = f"{os.sep}{os.curdir}"
# A file changed this recently (in ns) may change again within the resolution of its time stamp.
_TICK, _COARSE_TICK, _SECOND = 30_000_000, 2_000_000_000, 1_000_000_000


class EditorTexts(UserDict[str, bytes]):
    """Unsaved texts of an editor by real path; the files need not exist."""

    def __init__(self) -> None:
        super().__init__()
        self._names: frozenset[str] | None = None
        self._folders: set[tuple[int, int] | None] | None = None

    def __setitem__(self, file: str, text: bytes) -> None:
        self._names = self._folders = None
        super().__setitem__(file, text)

    def __delitem__(self, file: str) -> None:
        self._names = self._folders = None
        super().__delitem__(file)

    def text_of(self, file: str, *, is_link: bool | None = None) -> bytes | None:
        """Return the text that replaces a file, under any of its paths; ``is_link``: whether it is a link, if known."""
        if not self.data:
            return None
        if self._names is None:
            self._names = frozenset(map(os.path.basename, self.data))
        # Few names have a text, and resolving a path takes long.
        if os.path.basename(file) not in self._names and not (os.path.islink(file) if is_link is None else is_link):
            return None
        return self.data.get(real_path(file))

    def names_in(self, folder: str) -> list[str]:
        """Return the names in a folder that have a text."""
        if not self.data or not self._may_contain_texts(folder):
            return []
        real = real_path(folder)
        return [os.path.basename(file) for file in self.data if os.path.dirname(file) == real]

    def _may_contain_texts(self, folder: str) -> bool:
        """Return whether a folder may have a text. Resolving its path takes longer than to compare what it is."""
        if self._folders is None:
            self._folders = {_identity(parent) for parent in set(map(os.path.dirname, self.data))}
        return None in self._folders or _identity(folder) in self._folders


def _identity(folder: str) -> tuple[int, int] | None:
    """Return what identifies a folder under any of its paths; None if it does not exist."""
    try:
        found = os.stat(folder)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def editor_texts() -> EditorTexts:
    """Return the unsaved texts of the current run."""
    return part_of_run(EditorTexts)


class Snapshot:
    """The states of files, and what was computed of them, for runs between which only ``editor_texts`` change.

    These replace files that exist, so they add no name to a folder.
    """

    def __init__(self) -> None:
        self._states: States = {}
        self._names: set[str] = set()
        self._values: dict[Hashable, Any] = {}

    def states(self) -> States:
        """Return the states that do not depend on a text of an earlier run or of this one. A tracker adds more."""
        self._names.update(map(os.path.basename, editor_texts()))
        states = self._states
        for path in [path for path, state in states.items() if self._may_be_text(path, state)]:
            del states[path]
        return states

    def _may_be_text(self, path: str, state: State) -> bool:
        """Return whether a text may replace a file, or what a link leads to."""
        target = state[-1] if state else ""
        return os.path.basename(path) in self._names or (
            isinstance(target, str) and os.path.basename(target) in self._names
        )

    def once(self, key: Hashable, work: Callable[[], _T]) -> _T:
        """Return the value of ``work``, which depends on no text that is replaced, computed the first time."""
        if key not in self._values:
            self._values[key] = work()
        value: _T = self._values[key]
        return value

    def renew(self) -> None:
        """Take the files as they are now."""
        self._states = {}
        self._names.clear()
        self._values.clear()


class FileTracker:
    """The files and folders that were accessed, each with its state before the first access."""

    def __init__(self) -> None:
        self.is_on = False
        self._remembered: Remembered = {}
        # The keys of those whose files are known not to have changed.
        self._current: set[Hashable] = set()
        self._states: States = {}
        self._seen: list[set[str]] = []
        self._cached: dict[tuple[int, Hashable], frozenset[str]] = {}
        self._places: dict[str, tuple[str, ...]] = {}

    def start(self, remembered: Remembered | None = None, snapshot: Snapshot | None = None) -> None:
        """Start recording, with the states of a ``snapshot`` only, and with what earlier runs have ``remembered``."""
        self.is_on = True
        self._clear()
        if snapshot is not None:
            self._states = snapshot.states()
        self._remembered = {} if remembered is None else remembered
        if len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.clear()

    def stop(self) -> None:
        """Stop recording."""
        self.is_on = False
        self._clear()
        self._remembered = {}

    def _clear(self) -> None:
        self._states = {}
        self._current.clear()
        self._cached.clear()
        self._places.clear()

    def record(self, path: str) -> None:
        """Record a file or folder before its first access, whether or not it exists."""
        if self.is_on:
            folder = os.path.dirname(path.rstrip(os.sep))
            places = self._places.get(folder)
            if places is None:
                places = self._record_places(folder)
            if path not in self._states:
                self._states[path] = state_of(path)
            if self._seen:
                seen = self._seen[-1]
                seen.add(path)
                seen.update(places)

    def is_link(self, path: str) -> bool | None:
        """Return whether a path that was recorded is a link; None if that is not in its state."""
        state = self._states.get(path)
        return None if state is None or state[:1] == (TEXT,) else bool(state) and isinstance(state[-1], str)

    def recorded_state(self, path: str) -> State:
        """Return the state of a path that was recorded; one that equals no other if none was."""
        state = self._states.get(path)
        return (object(),) if state is None else state

    def _record_places(self, folder: str) -> tuple[str, ...]:
        """Record the places of a folder and of all folders above it, and return their paths."""
        above = os.path.dirname(folder)
        places: tuple[str, ...] = ()
        if above != folder:
            place, known = f"{folder}{_PLACE_ENDING}", self._places.get(above)
            self._states[place] = state_of(place)
            places = (place, *(self._record_places(above) if known is None else known))
        self._places[folder] = places
        return places

    def record_names(self, folder: str) -> None:
        """Record a folder before its entries are listed: their names, and which of them are folders and links."""
        if self.is_on:
            self.record(folder.rstrip(os.sep) + os.sep)

    def track(self, work: Callable[[], _T]) -> tuple[_T, States]:
        """Return the result of ``work`` and the states of the files that it depends on."""
        if not self.is_on:
            return work(), {}
        result, paths = self._run_tracked(work)
        return result, {path: self._states[path] for path in paths}

    def cached(self, cache: MutableMapping[_K, _T], key: _K, work: Callable[[], _T]) -> _T:
        """Return the cached value for ``key``, computed by ``work`` the first time, with its files tracked."""
        entry = id(cache), key
        if key in cache:
            self._add(self._cached.get(entry, ()))
            return cache[key]
        if not self.is_on:
            value = cache[key] = work()
            return value
        value, paths = self._run_tracked(work)
        cache[key] = value
        self._cached[entry] = frozenset(paths)
        self._add(paths)
        return value

    def remembered(self, key: Hashable, work: Callable[[], _T]) -> _T:
        """Return the value of ``work``, that of an earlier run if no file that it depends on has changed since."""
        return self.extended(key, work, lambda value: value)

    def extended(self, key: Hashable, work: Callable[[], _T], extend: Callable[[_T], _R]) -> _R:
        """Return what ``extend`` returns for a remembered value, which it may change.

        The value then also depends on the files that ``extend`` reads.
        """
        if not self.is_on:
            return extend(work())
        known = self._remembered.get(key)
        if known is None or not self._is_current(key, known[1]):
            known = self._remembered[key] = self.track(work)
            self._current.add(key)
        value, states = known
        result, more = self.track(lambda: extend(value))
        states.update(more)
        self._add(states)
        return result

    def _is_current(self, key: Hashable, states: States) -> bool:
        """Return whether the files of a remembered value have not changed since an earlier run."""
        if key not in self._current and all(self.state_now(path) == state for path, state in states.items()):
            self._current.add(key)
        return key in self._current

    def state_now(self, path: str) -> State:
        """Return the state of a path in this run: that before the first access, or the current one."""
        state = self._states.get(path)
        if state is None:
            state = self._states[path] = state_of(path)
        return state

    def _run_tracked(self, work: Callable[[], _T]) -> tuple[_T, set[str]]:
        self._seen.append(set())
        try:
            result = work()
        except BaseException:
            self._add(self._seen.pop())
            raise
        return result, self._seen.pop()

    def _add(self, paths: Iterable[str]) -> None:
        if self._seen:
            self._seen[-1].update(paths)


def is_place(path: str) -> bool:
    """Return whether a recorded path is that of a place."""
    return path.endswith(_PLACE_ENDING)


def state_of(path: str, *, on_disk: bool = False) -> State:
    """Return the current state of a file, of the names in a folder, or of a place.

    ``on_disk``: as if an editor had no text of a file.
    """
    try:
        if path.endswith(os.sep):
            return (NAMES, *sorted({*_entries_of(path), *editor_texts().names_in(path)}))
        if path.endswith(_PLACE_ENDING):
            folder = path[: -len(_PLACE_ENDING)]
            target = real_path(folder) if os.path.islink(folder) else ""
            return (PLACE, target, *state_of(os.path.join(folder, ".git")))
        result = os.lstat(path)
    except (OSError, ValueError):
        text = editor_texts().text_of(path, is_link=False)
        return () if text is None else (TEXT, real_path(path), text)
    is_link = stat.S_ISLNK(result.st_mode)
    text = None if on_disk else editor_texts().text_of(path, is_link=is_link)
    if text is not None:
        return TEXT, real_path(path), text
    if not is_link:
        return _state_of_target(result)
    target = real_path(path)
    try:
        return (*_state_of_target(os.stat(path)), target)
    except OSError:
        return LINK, target


def _entries_of(folder: str) -> Iterator[str]:
    """Yield the name of each entry of a folder, with what it is unless that is a file. Raise OSError.

    A slash, which no name contains, separates the two; after a link follows what it leads to.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                yield f"{entry.name}/{_kind_of(entry)}/{os.readlink(entry)}"
            elif entry.is_file(follow_symlinks=False):
                yield entry.name
            else:
                yield f"{entry.name}/{_kind_of(entry)}"


def _kind_of(entry: os.DirEntry[str]) -> str:
    """Return what an entry is, or what a link leads to: a folder, a file, or something else."""
    try:
        return "folder" if entry.is_dir() else "file" if entry.is_file() else "other"
    except OSError:  # a link to itself
        return "other"


def state_of_names(folder: str) -> State:
    """Return a state that changes with the names in a folder. Raise OSError."""
    return _last_change(os.stat(folder))


def _state_of_target(result: os.stat_result) -> State:
    if stat.S_ISDIR(result.st_mode):
        return FOLDER, result.st_dev, result.st_ino
    return _last_change(result)


def _last_change(result: os.stat_result) -> State:
    """Return the state of a file or folder by the times of its last change."""
    # A program can set the time of a modification, but on POSIX not that of the last change.
    changed = result.st_ctime_ns if os.name == "posix" else result.st_mtime_ns
    # A file that has just changed gets a state that equals no other, so it is read again next time.
    tick = _TICK if changed % _SECOND else _COARSE_TICK
    never_equal = (object(),) if time_ns() - changed < tick else ()
    return (
        result.st_dev,
        result.st_ino,
        result.st_mode,
        result.st_size,
        result.st_mtime_ns,
        result.st_ctime_ns,
        *never_equal,
    )


def file_tracker() -> FileTracker:
    """Return the tracker of the current run."""
    return part_of_run(FileTracker)


def cached(cache: MutableMapping[_K, _T], key: _K, work: Callable[[], _T]) -> _T:
    """Return the cached value for ``key``, computing it with ``work`` the first time and tracking its files."""
    return file_tracker().cached(cache, key, work)
