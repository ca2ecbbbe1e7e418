"""Compile regular expressions on first use.

Compiling the two hundred patterns of kvlint takes longer than checking a small plan, and a run needs few of them. A
wheel contains their compiled form for the version of Python that built it; any other version compiles the patterns.
"""

from __future__ import annotations

import _sre  # type: ignore[import-not-found]  # private
import re
import sys
from collections.abc import Iterable
from typing import Any, AnyStr, cast

import msgspec

_METHODS = ("match", "fullmatch", "search", "finditer", "findall", "split", "sub", "subn")
# The versions of Python that have the same compiled form.
_FORMAT = f"{sys.implementation.cache_tag} {_sre.MAGIC} {_sre.CODESIZE} {sys.byteorder}"


class _Compiled(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The arguments with which ``re`` creates a pattern. ``code`` consists of unsigned integers."""

    flags: int
    code: bytes
    groups: int
    names: dict[str, int]
    group_names: tuple[str | None, ...]


_COMPILED: dict[str, _Compiled] = {}


class LazyPattern:
    """A pattern whose first use replaces its own methods with those of the compiled pattern."""

    def __init__(self, text: str | bytes, flags: re.RegexFlag | int) -> None:
        self.source = text, flags

    def __getattr__(self, name: str) -> Any:
        text, flags = self.source
        compiled = _compile(text, flags)
        for method in _METHODS:
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


def regex(text: AnyStr, flags: re.RegexFlag | int = 0) -> re.Pattern[AnyStr]:
    """Return a pattern that is compiled on first use. Call its methods; the functions of ``re`` do not accept it."""
    return cast("re.Pattern[AnyStr]", LazyPattern(text, flags))


def add_compiled(data: bytes) -> None:
    """Use the compiled patterns that ``compiled_patterns`` returned, if it ran on this version of Python."""
    form, patterns = msgspec.msgpack.decode(data, type=tuple[str, msgspec.Raw])
    if form == _FORMAT:
        _COMPILED.update(msgspec.msgpack.decode(patterns, type=dict[str, _Compiled]))


def compiled_patterns(patterns: Iterable[LazyPattern]) -> bytes:
    """Return the compiled form of patterns, for ``add_compiled``."""
    found: dict[str, _Compiled] = {}
    for text, flags in (pattern.source for pattern in patterns):
        if _key(text, flags).isprintable():  # others, such as surrogates, are not worth an encoding
            found[_key(text, flags)] = _compiled(text, int(flags))
    return msgspec.msgpack.encode((_FORMAT, dict(sorted(found.items()))))


def _key(text: str | bytes, flags: int) -> str:
    return f"{int(flags)} {text!r}"


def _compile(text: str | bytes, flags: int) -> re.Pattern[Any]:
    known = _COMPILED.get(_key(text, flags)) if _COMPILED else None
    if known is None:
        return re.compile(text, flags)
    code = memoryview(known.code).cast("I").tolist()
    pattern: re.Pattern[Any] = _sre.compile(text, known.flags, code, known.groups, known.names, known.group_names)
    return pattern


def _compiled(text: str | bytes, flags: int) -> _Compiled:
    from array import array
    from re import _compiler, _parser  # type: ignore[attr-defined]  # private

    tree = _parser.parse(text, flags)
    names = tree.state.groupdict
    group_names = [None] * tree.state.groups
    for name, group in names.items():
        group_names[group] = name
    code = array("I", _compiler._code(tree, flags)).tobytes()  # noqa: SLF001  # what re.compile calls
    return _Compiled(flags | tree.state.flags, code, tree.state.groups - 1, names, tuple(group_names))
