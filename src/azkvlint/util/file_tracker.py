"""Record the files and folders that a result depends on, with their states, so that ``--watch`` rereads only changes.

``util.project_files`` records every access. The tracker records only while it is on.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Hashable, Iterable, MutableMapping
from time import time_ns
from typing import TypeAlias, TypeVar

_T = TypeVar("_T")
_K = TypeVar("_K", bound=Hashable)
State: TypeAlias = tuple[object, ...]
"""Values that identify one state of a file or of the names in a folder; empty if it does not exist."""
States: TypeAlias = dict[str, State]
"""States by path; the path of a folder's names ends with a separator."""
# A file modified this recently (in ns) may change again within the resolution of its time stamp.
_TICK, _COARSE_TICK, _SECOND = 30_000_000, 2_000_000_000, 1_000_000_000


class FileTracker:
    """The files and folders that were accessed, each with its state before the first access."""

    def __init__(self) -> None:
        self.is_on = False
        self._states: States = {}
        self._seen: list[set[str]] = []
        self._cached: dict[tuple[int, Hashable], frozenset[str]] = {}

    def start(self) -> None:
        """Start recording, with no recorded states."""
        self.is_on = True
        self._states.clear()
        self._cached.clear()

    def stop(self) -> None:
        """Stop recording."""
        self.is_on = False
        self._states.clear()
        self._cached.clear()

    def record(self, path: str) -> None:
        """Record a file or folder before its first access, whether or not it exists."""
        if self.is_on:
            if path not in self._states:
                self._states[path] = state_of(path)
            if self._seen:
                self._seen[-1].add(path)

    def record_names(self, folder: str) -> None:
        """Record a folder before its names are listed."""
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


def state_of(path: str) -> State:
    """Return the current state of a file, or of the names in a folder."""
    try:
        if path.endswith(os.sep):
            return ("names", *sorted(os.listdir(path)))
        result = os.stat(path)
    except (OSError, ValueError):
        return ()
    if stat.S_ISDIR(result.st_mode):
        return "folder", result.st_dev, result.st_ino
    since = time_ns() - result.st_mtime_ns
    tick = _TICK if result.st_mtime_ns % _SECOND else _COARSE_TICK
    # A recent file gets a state that equals no other, so it is read again next time.
    never_equal = (object(),) if since < tick else ()
    return (
        result.st_dev,
        result.st_ino,
        result.st_mode,
        result.st_size,
        result.st_mtime_ns,
        result.st_ctime_ns,
        *never_equal,
    )


FILE_TRACKER = FileTracker()
"""The tracker of this process; forked processes start with a copy."""


def cached(cache: MutableMapping[_K, _T], key: _K, work: Callable[[], _T]) -> _T:
    """Return the cached value for ``key``, computing it with ``work`` the first time and tracking its files."""
    return FILE_TRACKER.cached(cache, key, work)
