"""Keep parsed texts, and what depends on them, between the checks of one process: a change concerns only one file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, TypeVarTuple

_T = TypeVar("_T")
_Arguments = TypeVarTuple("_Arguments")


class ParsedTexts:
    """The parsed texts of the current check and of the one before. Nothing is kept unless a check has begun.

    What parsers return depends on their arguments alone, and is not changed, except that parts of it are parsed or
    computed on first use.
    """

    def __init__(self) -> None:
        self._before: dict[tuple[object, ...], Any] = {}
        self._now: dict[tuple[object, ...], Any] | None = None

    def begin(self) -> None:
        """Begin a check. What the last one did not use is dropped."""
        self._before, self._now = self._now or {}, {}

    @property
    def is_on(self) -> bool:
        """Return whether anything is kept."""
        return self._now is not None

    def keep(self, key: object, value: object) -> None:
        """Keep a value for the next check. Its key is an object that is kept itself."""
        if self._now is not None:
            self._now[key,] = value

    def kept(self, key: object) -> Any:
        """Return the value that was kept in the check before; None if there is none."""
        return self._before.get((key,))

    def parsed(self, parse: Callable[[*_Arguments], _T], *arguments: *_Arguments) -> _T:
        """Return ``parse(*arguments)``, from an earlier call if there was one."""
        if self._now is None:
            return parse(*arguments)
        key = (parse, *arguments)
        found: _T | None = self._now.get(key) or self._before.get(key)
        if found is None:
            found = parse(*arguments)
        self._now[key] = found
        return found


PARSED_TEXTS = ParsedTexts()
"""The texts of this process."""
