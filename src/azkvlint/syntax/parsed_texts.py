"""Keep parsed texts, and what depends on them, between the checks of one process: a change concerns only one file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, TypeVarTuple

from azkvlint.syntax.positions import MarkedText

_T = TypeVar("_T")
_Arguments = TypeVarTuple("_Arguments")


# A text that many checks have not used is dropped, and sooner the longer the texts are: each edit makes a new one.
_CHECKS, _CHARACTERS = 4, 2_000_000


def _identity(argument: object) -> object:
    """Return what distinguishes an argument: a text with a byte order mark equals one without."""
    return (argument, argument.is_utf8) if isinstance(argument, MarkedText) else argument


class ParsedTexts:
    """The parsed texts of the last checks, and what was computed from them. Nothing is kept unless a check has begun.

    What parsers return depends on their arguments alone, and is not changed, except that parts of it are parsed or
    computed on first use.
    """

    def __init__(self) -> None:
        self._older: dict[tuple[object, ...], Any] = {}
        self._newer: dict[tuple[object, ...], Any] = {}
        self._checks = self._characters = 0

    def begin(self) -> None:
        """Begin a check."""
        # Checks that use nothing, because nothing has changed, do not count.
        self._checks = self._checks + 1 if self._newer else 1
        if self._checks > _CHECKS or self._characters > _CHARACTERS:
            self._older, self._newer = self._newer, {}
            self._checks, self._characters = 1, 0

    def parsed(self, parse: Callable[[*_Arguments], _T], *arguments: *_Arguments) -> _T:
        """Return ``parse(*arguments)``, from an earlier call if there was one."""
        if not self._checks:
            return parse(*arguments)
        key = (parse, *map(_identity, arguments))
        found: _T | None = self._found(key)
        if found is None:
            found = self._newer[key] = parse(*arguments)
            self._characters += sum(len(one) for one in arguments if isinstance(one, str))
        return found

    def _found(self, key: tuple[object, ...]) -> Any:
        found = self._newer.get(key)
        if found is None and (found := self._older.pop(key, None)) is not None:
            self._newer[key] = found
        return found


PARSED_TEXTS = ParsedTexts()
"""The texts of this process."""
