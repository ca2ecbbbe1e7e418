"""Which files and folders a result depends on, and in which state they were: a repeated run reads only what changed.

``util.project_files`` records every access. Nothing is recorded unless the tracker is started, as watching does.
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
"""What tells one state of a file, or of the names in a folder, from another; empty where there is nothing."""
States: TypeAlias = dict[str, State]
"""States by path; the path of the names in a folder ends with a separator."""
# A file that was changed this short a time before it was looked at may change again without another time stamp.
_TICK, _COARSE_TICK, _SECOND = 30_000_000, 2_000_000_000, 1_000_000_000


class FileTracker:
    """The files and folders that were accessed, each with its state before it was first read."""

    def __init__(self) -> None:
        self.is_on = False
        self._states: States = {}
        self._seen: list[set[str]] = []
        self._cached: dict[tuple[int, Hashable], frozenset[str]] = {}

    def start(self) -> None:
        """Record from here on, and every state anew."""
        self.is_on = True
        self._states.clear()
        self._cached.clear()

    def stop(self) -> None:
        """Record no more."""
        self.is_on = False
        self._states.clear()
        self._cached.clear()

    def record(self, path: str) -> None:
        """Record a file or folder that is about to be accessed, whether it exists or not."""
        if self.is_on:
            if path not in self._states:
                self._states[path] = state_of(path)
            if self._seen:
                self._seen[-1].add(path)

    def record_names(self, folder: str) -> None:
        """Record a folder whose names are about to be listed."""
        if self.is_on:
            self.record(folder.rstrip(os.sep) + os.sep)

    def track(self, work: Callable[[], _T]) -> tuple[_T, States]:
        """Return the result of ``work``, and the states of what it depends on."""
        if not self.is_on:
            return work(), {}
        result, seen = self._run_tracked(work)
        return result, {path: self._states[path] for path in seen}

    def cached(self, cache: MutableMapping[_K, _T], key: _K, work: Callable[[], _T]) -> _T:
        """Return the entry of a cache, made by ``work`` the first time. Later users depend on the same files."""
        entry = id(cache), key
        if key in cache:
            self._add(self._cached.get(entry, ()))
            return cache[key]
        if not self.is_on:
            found = cache[key] = work()
            return found
        found, seen = self._run_tracked(work)
        cache[key] = found
        self._cached[entry] = frozenset(seen)
        self._add(seen)
        return found

    def _run_tracked(self, work: Callable[[], _T]) -> tuple[_T, set[str]]:
        self._seen.append(set())
        try:
            result = work()
        except BaseException:
            self._add(self._seen.pop())
            raise
        return result, self._seen.pop()

    def _add(self, seen: Iterable[str]) -> None:
        if self._seen:
            self._seen[-1].update(seen)


def state_of(path: str) -> State:
    """Return the state of a file, or of the names in a folder, as it is now."""
    try:
        if path.endswith(os.sep):
            return ("names", *sorted(os.listdir(path)))
        found = os.stat(path)
    except (OSError, ValueError):
        return ()
    if stat.S_ISDIR(found.st_mode):
        return "folder", found.st_dev, found.st_ino
    since = time_ns() - found.st_mtime_ns
    tick = _TICK if found.st_mtime_ns % _SECOND else _COARSE_TICK
    # What may change unseen is the same as nothing, so it is looked at once more.
    unsure = (object(),) if since < tick else ()
    return found.st_dev, found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns, *unsure


FILE_TRACKER = FileTracker()
"""The tracker of this process; processes that it starts as copies of itself begin with the same."""


def cached(cache: MutableMapping[_K, _T], key: _K, work: Callable[[], _T]) -> _T:
    """Return the entry of a cache of what was read, made by ``work`` the first time."""
    return FILE_TRACKER.cached(cache, key, work)
