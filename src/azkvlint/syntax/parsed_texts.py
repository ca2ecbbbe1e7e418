"""Keep parsed texts between the checks of one process, so that a change makes only one file be parsed again."""

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
