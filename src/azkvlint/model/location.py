"""Where things are: regions of text, and locations that also name the resource."""

from __future__ import annotations

import msgspec

from azkvlint.util.lazy_regex import regex

# A key is text in quotes, a number, or "*" for one that stands for all of them.
_KEY = regex(r'\[(?:[0-9]+|\*|"(?:[^"\\]|\\.)*+")\]')


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

    ``cause`` is where a value comes from that was written elsewhere: a default, a local, an argument of a module call.
    It may have a cause itself, and there are no circles. Two places are one if path and region (or span, or pointer)
    are: whoever tells places apart must leave the cause aside, which ``==`` does not.
    """

    path: str
    region: Region | None = None
    address: str | None = None
    attribute: str | None = None
    span: tuple[int, int] | None = None
    pointer: tuple[str | int, ...] | None = None
    cause: Location | None = None

    @property
    def position_key(self) -> tuple[object, ...]:
        """What tells this place from others, its cause aside. The address tells places apart that have no region."""
        if self.region is not None:
            return self.path, self.region
        exact = self.span if self.pointer is None else self.pointer
        return (self.path, exact) if exact is not None else (self.path, None, self.address)


class Target(msgspec.Struct, frozen=True, order=True, gc=False):
    """What a comment can be about: an attribute, or a block with its header from ``start`` to ``head_end``.

    Offsets are in code points, ends exclusive. An attribute has no header: there ``head_end`` is ``end``.
    """

    start: int
    head_end: int
    end: int


class SourceComments(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The ``comments`` of a file by their spans, markers included, and what they can be about; both in order.

    Two targets overlap only where one lies within the other. Unless ``has_directives``, comments in this language hold
    no directives of kvlint, only those for other tools.
    """

    text: str
    comments: tuple[tuple[int, int], ...]
    targets: tuple[Target, ...]
    has_directives: bool = True


class Excerpt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The text of a region, and the lines around it, free of secrets: ready to be printed.

    Both are empty, and ``is_shown`` is false, where the file holds values that nobody can tell from secrets.

    ``utf16`` and ``context_utf16`` are the region and the context with columns in UTF-16 code units, where those differ
    from code points (a character beyond U+FFFF stands before them on their line). They are counted in the file's own
    text, which ``context_text`` need not be: it may start within a line, and secrets in it have been replaced.

    ``line_hash`` is GitHub's fingerprint of the line (see ``linehash``): empty where a secret could be worked out from
    it, None of a place in no source, which a line does not tell from others.
    """

    text: str
    context: Region
    context_text: str
    utf16: Region | None = None
    context_utf16: Region | None = None
    line_hash: str | None = None
    is_shown: bool = True


def static_address(address: str) -> str:
    """An address without the keys of instances: ``module.a["x"].kv[0]`` gives ``module.a.kv``."""
    return _KEY.sub("", address) if "[" in address else address
