"""Replacements in the text of a file, and the values that they write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec


class TextEdit(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """A replacement in the file ``path``, as reports show it, of the code points from ``start`` to ``end``."""

    path: str
    start: int
    end: int
    replacement: str


class Refusal(Exception):
    """An edit cannot be made: ``reason`` is one clause for users, without a full stop."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Code(msgspec.Struct, frozen=True, gc=False):
    """An expression in the language of the file: in JSON without the brackets or ``${}`` around it."""

    text: str


Literal: TypeAlias = "bool | int | str | Code | Sequence[Literal] | Mapping[str, Literal]"
Address: TypeAlias = tuple[int, int] | tuple[str | int, ...]
"""A span or a pointer, as in ``model.location.Location``."""


def apply(text: str, edits: Sequence[TextEdit]) -> str:
    """Return the text with all edits of one file applied; their offsets refer to ``text``.

    Equal edits count once. Insertions at one place follow each other in the order of ``edits``. Raise Refusal if two
    edits overlap.
    """
    parts: list[str] = []
    at = 0
    for edit in sorted(dict.fromkeys(edits), key=lambda edit: (edit.start, edit.end)):
        if not 0 <= edit.start <= edit.end <= len(text):
            raise Refusal("an edit is outside the file")
        if edit.start < at:
            raise Refusal("two edits change the same place")
        parts += (text[at : edit.start], edit.replacement)
        at = edit.end
    return "".join([*parts, text[at:]])
