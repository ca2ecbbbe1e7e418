"""What reading looks at, for whom wants to know later whether it would find the same again.

Nothing is written down unless somebody has asked for it, as watching does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, MutableMapping
from typing import TypeAlias, TypeVar

_T = TypeVar("_T")
_K = TypeVar("_K", bound=Hashable)
State: TypeAlias = tuple[object, ...]
"""What tells one state of a file, or of the names in a folder, from another; empty of what is not there."""
Found: TypeAlias = dict[str, State]
"""States by path. That of the names in a folder stands under its path with a separator behind it."""


class Looks:
    """Which files and folders were looked at, and in which state each was before it was first read.

    ``state_of`` returns the state of a file, or of the names in a folder, as it is now.
    """

    def __init__(self, state_of: Callable[[str], State]) -> None:
        self._state_of = state_of
        self.is_on = False
        self._states: Found = {}
        self._seen: list[set[str]] = []
        self._shared: dict[tuple[int, Hashable], frozenset[str]] = {}

    def start(self) -> None:
        """Take notes from here on, and of every state anew."""
        self.is_on = True
        self._states.clear()
        self._shared.clear()

    def stop(self) -> None:
        """Take no more notes."""
        self.is_on = False
        self._states.clear()
        self._shared.clear()

    def at(self, path: str) -> None:
        """Take note of a file or folder that is about to be looked at, whether it exists or not."""
        if self.is_on:
            if path not in self._states:
                self._states[path] = self._state_of(path)
            if self._seen:
                self._seen[-1].add(path)

    def into(self, folder: str) -> None:
        """Take note of a folder whose names are about to be listed."""
        if self.is_on:
            self.at(folder.rstrip(os.sep) + os.sep)

    def during(self, work: Callable[[], _T]) -> tuple[_T, Found]:
        """Return what ``work`` gives, and what it looked at."""
        if not self.is_on:
            return work(), {}
        result, seen = self._part(work)
        return result, {path: self._states[path] for path in seen}

    def shared(self, kept: MutableMapping[_K, _T], key: _K, work: Callable[[], _T]) -> _T:
        """Return what is ``kept`` under a key, made by ``work`` the first time.

        Who gets it later has looked at the same.
        """
        mark = id(kept), key
        if key in kept:
            self._add(self._shared.get(mark, ()))
            return kept[key]
        if not self.is_on:
            found = kept[key] = work()
            return found
        found, seen = self._part(work)
        kept[key] = found
        self._shared[mark] = frozenset(seen)
        self._add(seen)
        return found

    def _part(self, work: Callable[[], _T]) -> tuple[_T, set[str]]:
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
