"""Several edits, each made on the text that the ones before it result in, as edits of the first text."""

from __future__ import annotations

from typing import NamedTuple

from azkvlint.fixes.sources import Sources
from azkvlint.model.fix import Name, Refusal, TextEdit


class _Part(NamedTuple):
    """A part of the present text: what is kept from ``start`` to ``end`` of the first text, or what is ``new``."""

    start: int
    end: int
    new: str | None = None

    @property
    def length(self) -> int:
        return self.end - self.start if self.new is None else len(self.new)

    def cut(self, start: int, end: int) -> _Part:
        """Return what is between two offsets in the part."""
        if self.new is None:
            return _Part(self.start + start, self.start + end)
        return _Part(self.start, self.end, self.new[start:end])


class Steps:
    """Edits of ``sources`` one after the other; ``now`` are the sources with all of them.

    The edits are composed, not found by comparing texts: an edit never contains text that no step has changed.
    """

    def __init__(self, sources: Sources) -> None:
        self._before = sources
        self.now = sources
        self._parts: dict[str, list[_Part]] = {}
        self._names: dict[str, dict[Name, None]] = {}

    def add(self, edits: tuple[TextEdit, ...]) -> None:
        """Make edits, whose offsets refer to the present texts. Raise Refusal if they overlap."""
        now = self.now.edited(edits)
        by_path: dict[str, list[TextEdit]] = {}
        for edit in dict.fromkeys(edits):
            by_path.setdefault(edit.path, []).append(edit)
        for path, of_file in by_path.items():
            parts = self._parts.get(path) or [_Part(0, len(self._before.text(path)))]
            names = self._names.setdefault(path, {})
            for at, name in (one for edit in of_file for one in edit.names):
                place = _original(parts, at)
                if place is not None:  # else its container is new, and has a name itself
                    names[place, name] = None
            of_file.sort(key=lambda edit: (edit.start, edit.end))
            self._parts[path] = _edited(parts, of_file)
            try:
                part = self.now.editor(path).part_around(of_file[0].start, of_file[-1].end)
            except Refusal:
                part = None
            if part is not None:
                longer = sum(len(edit.replacement) - (edit.end - edit.start) for edit in of_file)
                now.focus[path] = part[0], part[1] + longer
        self.now = now

    @property
    def edits(self) -> tuple[TextEdit, ...]:
        """Return the edits of the first texts."""
        return tuple(edit for path, parts in self._parts.items() for edit in self._of_file(path, parts))

    def _of_file(self, path: str, parts: list[_Part]) -> list[TextEdit]:
        text, names = self._before.text(path), tuple(self._names[path])
        edits: list[TextEdit] = []
        at, new = 0, ""
        for part in (*parts, _Part(len(text), len(text))):
            if part.new is not None:
                new += part.new
                continue
            if new != text[at : part.start]:
                edits.append(TextEdit(path=path, start=at, end=part.start, replacement=new, names=names))
                names = ()
            at, new = part.end, ""
        return edits


def _original(parts: list[_Part], at: int) -> int | None:
    """Return the offset in the first text of one in the present text; None if it is in a new part."""
    for part in parts:
        if at < part.length:
            return None if part.new is not None else part.start + at
        at -= part.length
    return None


def _edited(parts: list[_Part], edits: list[TextEdit]) -> list[_Part]:
    """Return the parts with edits in order, whose offsets refer to the text of the parts."""
    found: list[_Part] = []
    pending = iter(parts)
    part, at = next(pending, _Part(0, 0)), 0

    def take(until: int, *, is_kept: bool) -> None:
        nonlocal part, at
        while at < until:
            count = min(part.length, until - at)
            if is_kept and count:
                found.append(part.cut(0, count))
            at += count
            part = part.cut(count, part.length)
            if not part.length:
                part = next(pending, _Part(0, 0))

    for edit in edits:
        take(edit.start, is_kept=True)
        found.append(_Part(0, 0, edit.replacement))
        take(edit.end, is_kept=False)
    found += [one for one in (part, *pending) if one.length]
    return found
