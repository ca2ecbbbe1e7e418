"""Compile regular expressions on first use.

Compiling the two hundred patterns of kvlint takes longer than checking a small plan, and a run needs few of them.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast

_METHODS = ("match", "fullmatch", "search", "finditer", "findall", "split", "sub", "subn")


class _LazyPattern:
    """A pattern whose first use replaces its own methods with those of the compiled pattern."""

    def __init__(self, text: str | bytes, flags: re.RegexFlag | int) -> None:
        self._source = text, flags

    def __getattr__(self, name: str) -> Any:
        text, flags = self._source
        compiled: re.Pattern[Any] = re.compile(text, flags)
        for method in _METHODS:
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


def regex(text: AnyStr, flags: re.RegexFlag | int = 0) -> re.Pattern[AnyStr]:
    """Return a pattern that is compiled on first use. Call its methods; the functions of ``re`` do not accept it."""
    return cast("re.Pattern[AnyStr]", _LazyPattern(text, flags))
