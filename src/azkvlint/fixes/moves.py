"""Findings and declarations at their places in texts with edits, without another evaluation."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import accumulate
from typing import NamedTuple, TypeVar

import msgspec

from azkvlint.model.finding import Declaration, Evidence, Finding, Note
from azkvlint.model.fix import TextEdit
from azkvlint.model.location import Location

_T = TypeVar("_T", Evidence, Note)


class _Changed(Exception):
    """A place is not known, because an edit replaces a part of it and of the text around it, or an item of a list."""


class _FileOffsets(NamedTuple):
    """The edits of a file in order: where they start and end, and by how much the text before each becomes longer."""

    starts: list[int]
    ends: list[int]
    longer: list[int]


class Moves:
    """Where places are after edits that do not touch each other."""

    def __init__(self, edits: Iterable[TextEdit]) -> None:
        by_path: dict[str, list[TextEdit]] = {}
        for edit in dict.fromkeys(edits):
            by_path.setdefault(edit.path, []).append(edit)
        self._files: dict[str, _FileOffsets] = {}
        for path, of_file in by_path.items():
            of_file.sort(key=lambda edit: (edit.start, edit.end))
            changes = (len(edit.replacement) - (edit.end - edit.start) for edit in of_file)
            starts, ends = [edit.start for edit in of_file], [edit.end for edit in of_file]
            self._files[path] = _FileOffsets(starts, ends, [*accumulate(changes, initial=0)])

    def finding(self, finding: Finding) -> Finding | None:
        """Return a finding with the places that it has after the edits; None if one of them is not known."""
        try:
            return msgspec.structs.replace(
                finding,
                at=self._location(finding.at),
                resource_at=None if finding.resource_at is None else self._location(finding.resource_at),
                attribute_at=None if finding.attribute_at is None else self._location(finding.attribute_at),
                callers=tuple(map(self._location, finding.callers)),
                evidence=tuple(map(self._with_place, finding.evidence)),
                related=tuple(map(self._with_place, finding.related)),
            )
        except _Changed:
            return None

    def declaration(self, declaration: Declaration) -> Declaration:
        """Return a declaration at its place after the edits, or without a place if that is not known."""
        try:
            return msgspec.structs.replace(declaration, at=self._location(declaration.at))
        except _Changed:
            return msgspec.structs.replace(declaration, at=Location(path=declaration.at.path))

    def _with_place(self, one: _T) -> _T:
        at = self._location(one.at)
        return one if at is one.at else msgspec.structs.replace(one, at=at)

    def _location(self, at: Location) -> Location:
        file = self._files.get(at.path)
        cause = None if at.cause is None else self._location(at.cause)
        span = at.span
        if file is not None:
            if span is None:
                raise _Changed
            span = _moved(span, file)
        if span == at.span and cause is at.cause:
            return at
        return msgspec.structs.replace(at, span=span, cause=cause)


def _moved(span: tuple[int, int], file: _FileOffsets) -> tuple[int, int]:
    """Return a span after edits. What is inserted at its start or end is not a part of it."""
    start, end = span
    before, last = bisect_right(file.ends, start), bisect_left(file.starts, end)
    is_cut = before < len(file.starts) and file.starts[before] < start
    if is_cut or (last and file.ends[last - 1] > end):
        raise _Changed
    return start + file.longer[before], end + file.longer[max(before, last)]
