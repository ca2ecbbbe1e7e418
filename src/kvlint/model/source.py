"""Where things are: regions of text, and locations that also name the resource."""

from __future__ import annotations

import msgspec


class Region(msgspec.Struct, frozen=True, order=True, gc=False):
    """A stretch of text. Lines and columns are 1-based, the end is exclusive, columns count code points."""

    start_line: int
    start_column: int
    end_line: int
    end_column: int


class Location(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What (``address``, ``attribute``) and where (``path``, ``region``).

    ``path`` is POSIX and relative to the root of the run, never absolute. ``attribute`` is an attribute path
    in Azure's vocabulary. ``region`` is None while nobody has asked for it, or where the input has no lines.

    Readers give what a region is made from where someone asks: ``span``, the first and the last offset (exclusive, in
    code points) in the text, or ``pointer``, the steps from the outermost JSON value.
    """

    path: str
    region: Region | None = None
    address: str | None = None
    attribute: str | None = None
    span: tuple[int, int] | None = None
    pointer: tuple[str | int, ...] | None = None


class Excerpt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The text of a region, and the lines around it, free of secrets: ready to be printed.

    ``utf16`` and ``context_utf16`` are the region and the context with columns in UTF-16 code units, where those differ
    from code points (a character beyond U+FFFF stands before them on their line). They are counted in the file's own
    text, which ``context_text`` need not be: it may start within a line, and secrets in it have been replaced.
    """

    text: str
    context: Region
    context_text: str
    utf16: Region | None = None
    context_utf16: Region | None = None
