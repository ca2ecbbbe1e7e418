"""Fixes of findings, the edits of texts that they make, and the findings for which none is offered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec

from azkvlint.model.effect import Effect
from azkvlint.model.finding import Finding
from azkvlint.model.location import Location, Region


class Fix(msgspec.Struct, frozen=True, kw_only=True):
    """A proven fix of ``finding``: with its ``edits``, the finding is gone, and nothing else is reported.

    ``title`` is an instruction such as ``Set `purge_protection_enabled = true```. ``effects`` are those for which it is
    not safe. The offsets of ``edits`` refer to the texts that were checked. ``comment`` is what the author wrote beside
    the changed values. ``fixed_by`` are the findings whose fixes have removed this one too, which has no edits then.
    """

    finding: Finding
    title: str
    edits: tuple[TextEdit, ...]
    effects: tuple[Effect, ...] = ()
    comment: str = ""
    fixed_by: tuple[Finding, ...] = ()

    @property
    def rule(self) -> str:
        """Return the id of the rule."""
        return self.finding.rule.id

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of the finding."""
        return self.finding.fingerprint

    @property
    def is_safe(self) -> bool:
        """Return whether the fix has no effect of ``effect.CLASSES``."""
        return not self.effects

    @property
    def at(self) -> Location:
        """Return the place of the finding."""
        return self.finding.at


class Replacement(msgspec.Struct, frozen=True, kw_only=True):
    """A replacement in a file. Columns of ``region`` count code points, those of the others code units."""

    path: str
    region: Region
    utf16: Region
    utf8: Region
    text: str


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """A fix for reports. ``whole`` are its changes as one, if they are in one file and that shows no secret."""

    title: str
    effects: tuple[Effect, ...]
    changes: tuple[Replacement, ...]
    whole: Replacement | None = None


def suggestion_key(finding: Finding) -> tuple[object, ...]:
    """Return what identifies a finding in a report."""
    return finding.rule.id, finding.resource, finding.root, finding.at.position_key, finding.fingerprint


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A finding without a fix, and the reason: one clause."""

    finding: Finding
    reason: str


class FixResult(msgspec.Struct, frozen=True, kw_only=True):
    """The fixes of a report and the refusals.

    ``texts`` are the changed files by reported path, if the fixes were proven together, and ``originals`` what they
    were; ``is_written``: they were written. ``outdated`` are the templates that were compiled from changed files.
    """

    fixes: tuple[Fix, ...]
    refusals: tuple[Refused, ...]
    texts: Mapping[str, bytes] = {}
    originals: Mapping[str, bytes] = {}
    is_written: bool = False
    outdated: tuple[str, ...] = ()


Name: TypeAlias = tuple[int, str]
"""A name in a container, with the offset at which the container starts."""


class TextEdit(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """A replacement in the file ``path``, as reports show it, of the code points from ``start`` to ``end``.

    ``names`` are those that the operation sets, removes or renames, if it is the first edit of one.
    """

    path: str
    start: int
    end: int
    replacement: str
    names: tuple[Name, ...] = ()


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
