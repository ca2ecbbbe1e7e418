"""Regions of text, and locations that also name the resource and the attribute."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from azkvlint.util.lazy_regex import regex

# An instance key is a quoted string, a number, or "*" for all of them.
_KEY = regex(r'\[(?:[0-9]+|\*|"(?:[^"\\]|\\.)*+")\]')

# Links of a chain of locals, variables and module calls that a report shows.
_MOST_CAUSES = 20


class Region(msgspec.Struct, frozen=True, order=True, gc=False, array_like=True):
    """A range of text. Lines and columns are 1-based, the end is exclusive, columns count code points."""

    start_line: int
    start_column: int
    end_line: int
    end_column: int


class Location(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """A place (``path``, ``region``) with its resource and attribute (``address``, ``attribute``).

    ``path`` is POSIX and relative to the root of the run, never absolute. ``attribute`` is an attribute path in Azure's
    vocabulary. ``region`` is computed on request, and None where the input has no lines. Readers set what it is
    computed from: ``span``, the first and last offset (exclusive, in code points), or ``pointer``, the steps from the
    outermost JSON value. ``cause`` is where a value was written that is used elsewhere: a default, a local, an argument
    of a module call. Causes can be chained, without cycles. Two places are the same if path and region (or span, or
    pointer) are: compare ``position_key``, because ``==`` includes the cause.
    """

    path: str
    region: Region | None = None
    address: str | None = None
    attribute: str | None = None
    span: tuple[int, int] | None = None
    pointer: tuple[str | int, ...] | None = None
    cause: Location | None = None

    def caused_by(self, cause: Location) -> Location:
        """Return this place with a cause. Of a long chain of causes, those nearest to the origin are kept."""
        length, last = 1, cause.cause
        while last is not None:
            length, last = length + 1, last.cause
        if length >= _MOST_CAUSES and cause.cause is not None:
            cause = cause.cause
        return msgspec.structs.replace(self, cause=cause)

    @property
    def position_key(self) -> tuple[object, ...]:
        """Return the identity of this place without its cause. Places without a region differ by address."""
        if self.region is not None:
            return self.path, self.region
        exact = self.span if self.pointer is None else self.pointer
        return (self.path, exact) if exact is not None else (self.path, None, self.address)

    @property
    def order(self) -> tuple[object, ...]:
        """Return the path, line and column that places are sorted by; one without a region is first in its file."""
        region = self.region
        return self.path, (0, 0) if region is None else (region.start_line, region.start_column)


class Target(msgspec.Struct, frozen=True, order=True, gc=False):
    """What a comment can apply to: an attribute, or a block with its header from ``start`` to ``head_end``.

    Offsets are in code points, ends exclusive. An attribute has no header: its ``head_end`` is ``end``.
    """

    start: int
    head_end: int
    end: int


class SourceComments(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The ``comments`` of a file by their spans, markers included, and their possible targets; both in order.

    Two targets overlap only if one contains the other.
    """

    text: str
    comments: tuple[tuple[int, int], ...]
    targets: tuple[Target, ...]


class Excerpt(msgspec.Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """The text of a region and the lines around it, redacted and ready to print.

    Both are empty, and ``is_shown`` is false, if the file holds values that may be secrets. ``utf16`` and
    ``context_utf16`` are the region and the context with columns in UTF-16 code units, if those differ from code points
    (characters beyond U+FFFF precede them on their line). They refer to the file's own text, while ``context_text`` may
    start within a line and has secrets replaced. ``line_hash`` is GitHub's fingerprint of the line (see
    ``graph.region_lookup.LineHashes``): empty if a secret could be derived from it, None for a place outside source.
    """

    text: str
    context: Region
    context_text: str
    utf16: Region | None = None
    context_utf16: Region | None = None
    line_hash: str | None = None
    is_shown: bool = True


class LazyExcerpt:
    """A function that cuts an excerpt when it is first called. A large input has thousands of them."""

    __slots__ = ("_cut", "_excerpt")

    def __init__(self, cut: Callable[[], Excerpt]) -> None:
        self._cut = cut
        self._excerpt: Excerpt | None = None

    def __call__(self) -> Excerpt:
        """Return the excerpt."""
        if self._excerpt is None:
            self._excerpt = self._cut()
        return self._excerpt


# The region of a place, and a function that cuts its excerpt: most places are shown without one.
Place: TypeAlias = tuple[Region, Callable[[], Excerpt]]


def static_address(address: str) -> str:
    """Return an address without instance keys: ``module.a["x"].kv[0]`` becomes ``module.a.kv``."""
    return _KEY.sub("", address) if "[" in address else address
