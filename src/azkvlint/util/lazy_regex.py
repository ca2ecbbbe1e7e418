"""Regular expressions that are compiled when they are first used.

kvlint has some two hundred of them, and compiling them all takes longer than judging a small plan; a run needs few.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast

_METHODS = ("match", "fullmatch", "search", "finditer", "findall", "split", "sub", "subn")


class _LazyPattern:
    """Stands for a pattern: the first use puts the compiled one's methods into its place, so a later use finds them."""

    def __init__(self, text: str | bytes, flags: re.RegexFlag | int) -> None:
        self._source = text, flags

    def __getattr__(self, name: str) -> Any:
        text, flags = self._source
        compiled: re.Pattern[Any] = re.compile(text, flags)
        for method in _METHODS:
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


def regex(text: AnyStr, flags: re.RegexFlag | int = 0) -> re.Pattern[AnyStr]:
    """Return a pattern that is not compiled yet. It is used by its methods; the functions of ``re`` do not take it."""
    return cast("re.Pattern[AnyStr]", _LazyPattern(text, flags))
