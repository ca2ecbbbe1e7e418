"""Blocks, objects and arrays of any language as containers of items, and where their parts are on lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum

import msgspec

from azkvlint.model.fix import Refusal, TextEdit

_BLANK = " \t"


class Commas(Enum):
    """Whether commas separate the items of a container: in HCL blocks and between lines they do not."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


class Item(msgspec.Struct, frozen=True, gc=False, eq=False):
    """A block, ``name = value`` or an array's item, from ``start`` to ``end``.

    The name as written ends at ``key_end``, the value is from ``value`` to ``end``. Items without a name are found by
    their span only. ``node`` is the tree of the value; ``is_block``: the item has a header instead of a value.
    """

    start: int
    end: int
    name: str | None
    key_end: int
    value: int
    node: object
    is_block: bool = False


class Container(msgspec.Struct, frozen=True, gc=False, eq=False):
    """A block's body, an object or an array with its brackets at ``start`` and before ``end``; the root has none."""

    start: int
    end: int
    items: Sequence[Item]
    commas: Commas
    node: object = None
    is_root: bool = False
    is_array: bool = False

    def find(self, name: str, *, any_case: bool = False) -> Item | None:
        """Return the item of a name. Raise Refusal if there are several."""
        found = [item for item in self.items if item.name == name]
        if not found and any_case:
            found = [item for item in self.items if item.name is not None and item.name.lower() == name.lower()]
        if len(found) > 1:
            raise Refusal(f"`{name}` occurs several times")
        return found[0] if found else None


class Layout:
    """The lines of a text. ``skip`` returns the offset after blanks and comments that begin at an offset on a line."""

    def __init__(self, path: str, text: str, skip: Callable[[int], int]) -> None:
        breaks, returns = text.count("\n"), text.count("\r")
        if returns and not breaks == returns == text.count("\r\n"):
            raise Refusal("the file has mixed line ends")
        self.path, self.text, self.skip = path, text, skip
        self.newline = "\r\n" if returns else "\n"
        self.unit = "  "
        self.padding = " "
        # What stands between a key and its value.
        self.colon = ": "

    def learn_unit(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Set the indentation of a level to that of the first pair of an outer and an inner offset on two lines."""
        for outer, inner in pairs:
            outside, inside = self.indent(outer), self.indent(inner)
            if self.starts_line(inner) and inside.startswith(outside) and len(inside) > len(outside):
                self.unit = inside[len(outside) :]
                return

    def edit(self, start: int, end: int, replacement: str) -> TextEdit:
        """Return an edit of this file."""
        return TextEdit(path=self.path, start=start, end=end, replacement=replacement)

    def line_start(self, at: int) -> int:
        """Return the offset of the line of an offset."""
        start = self.text.rfind("\n", 0, at) + 1
        return 1 if start == 0 and self.text.startswith("\ufeff") and at else start

    def indent(self, at: int) -> str:
        """Return the blanks at the start of a line."""
        start = self.line_start(at)
        return self.text[start : self._blanks_after(start)]

    def starts_line(self, at: int) -> bool:
        """Return whether only blanks precede an offset on its line."""
        return self._blanks_before(at) == self.line_start(at)

    def line_end(self, at: int) -> int | None:
        """Return the offset of the line break if only blanks and comments are before it; None otherwise."""
        stop = self.skip(at)
        if stop < len(self.text) and self.text[stop] not in "\r\n":
            return None
        is_between = stop < len(self.text) and self.text[stop] == "\n" and stop > at and self.text[stop - 1] == "\r"
        return stop - 1 if is_between else stop

    def comma(self, at: int, commas: Commas) -> int | None:
        """Return the offset of the comma after an item that ends at ``at``; None without one."""
        if commas is Commas.NONE:
            return None
        stop = self.skip(at)
        while commas is Commas.REQUIRED and self.text[stop : stop + 1] in {"\r", "\n"}:
            stop = self.skip(stop + 1)
        return stop if self.text.startswith(",", stop) else None

    def inner_indent(self, box: Container, beside: Item | None = None) -> str:
        """Return the indentation of the items of a container."""
        for item in (*((beside,) if beside is not None else ()), *box.items):
            if self.starts_line(item.start):
                return self.indent(item.start)
        return self.indent(box.start) + self.unit

    # --- insertion ---------------------------------------------------------------------------------------------------

    def insert(
        self, box: Container, after: Item | None, write: Callable[[str, bool], str], *, spaced: bool = False
    ) -> list[TextEdit]:
        """Insert what ``write`` returns for an indentation, and for whether it is on one line, after an item.

        ``spaced``: with an empty line before it. Without an item, it becomes the first one.
        """
        if after is None:
            return self._insert_first(box, write, spaced)
        comma = self.comma(after.end, box.commas)
        line_end = self.line_end(after.end if comma is None else comma + 1)
        if line_end is None:
            return self._insert_on_line(box, after, write)
        indent, edits = self.inner_indent(box, after), list[TextEdit]()
        if box.commas is Commas.REQUIRED and comma is None:
            edits.append(self.edit(after.end, after.end, ","))
        gap = self.newline * 2 if spaced else self.newline
        text = gap + indent + write(indent, False) + ("," if comma is not None else "")
        return [*edits, self.edit(line_end, line_end, text)]

    def _insert_on_line(self, box: Container, after: Item, write: Callable[[str, bool], str]) -> list[TextEdit]:
        """Insert after an item that is followed by others on its line; a block is expanded to several lines."""
        if box.commas is not Commas.NONE:
            return [self.edit(after.end, after.end, f", {write(self.indent(after.start), True)}")]
        base, close = self.indent(box.start), box.end - 1
        if len(box.items) > 1 or self.skip(after.end) != close:
            raise Refusal("the block has several arguments on one line")
        indent, first = base + self.unit, self._blanks_after(box.start + 1)
        text = self.newline + indent + write(indent, False) + self.newline + base
        return [
            self.edit(box.start + 1, first, self.newline + indent),
            self.edit(self._blanks_before(close), close, text),
        ]

    def _insert_first(self, box: Container, write: Callable[[str, bool], str], spaced: bool) -> list[TextEdit]:
        """Insert before all items."""
        base, close = self.indent(box.start), box.end - 1
        end = len(self.text[:close].rstrip())
        indent = self.inner_indent(box)
        if not box.items and self.line_start(end) > box.start:
            indent = self.indent(end)  # of the last comment
        if box.items:
            line_end = self.line_end(box.start + 1)
            if line_end is None:
                raise Refusal("the block has several arguments on one line")
            comma = "," if box.commas is Commas.REQUIRED else ""
            text = self.newline + indent + write(indent, False) + comma + (self.newline if spaced else "")
            return [self.edit(line_end, line_end, text)]
        tail = self.text[end:close]
        after = self.comma(box.end, Commas.OPTIONAL)
        follows = self.line_end(box.end if after is None else after + 1) is None
        if box.commas is not Commas.NONE and follows and "\n" not in self.text[box.start : close]:
            return [self.edit(end, close, (tail or self.padding) + write(base, True) + (tail or self.padding))]
        text = self.newline + indent + write(indent, False)
        if "\n" in tail:
            return [self.edit(end, end, text)]
        return [self.edit(end, close, text + self.newline + base)]

    # --- removal -----------------------------------------------------------------------------------------------------

    def remove(self, box: Container, item: Item) -> list[TextEdit]:
        """Remove an item with its comma; if it is alone on its lines, with these and the comment after it."""
        before = max((other for other in box.items if other.end <= item.start), key=lambda one: one.end, default=None)
        is_last = all(other.end <= item.end for other in box.items)
        comma = self.comma(item.end, box.commas)
        start, end = item.start, item.end if comma is None else comma + 1
        line_end = self.line_end(end)
        is_alone = self.starts_line(start) and line_end is not None
        edits: list[TextEdit] = []
        if is_last and comma is None and before is not None and (box.commas is Commas.REQUIRED or not is_alone):
            other = self.comma(before.end, box.commas)
            if other is not None:
                edits.append(self.edit(other, other + 1, ""))
        if is_alone and line_end is not None:
            return [*edits, self._remove_lines(box, start, line_end)]
        if is_last:
            start = max(self._blanks_before(start), edits[0].end if edits else 0)
        if not is_last or before is None:
            end = self._blanks_after(end)
        return [*edits, self.edit(start, end, "")]

    def _remove_lines(self, box: Container, start: int, line_end: int) -> TextEdit:
        """Remove the lines up to a line break, and the empty line that would be left beside another or a bracket."""
        text, first = self.text, self.line_start(start)
        last = min(len(text), line_end + len(self.newline))
        rest = self._blanks_after(last)
        is_before_blank = text.startswith(self.newline, rest)
        previous = self.line_start(max(0, first - 1))
        if previous < first and not text[previous:first].strip():
            if is_before_blank or rest >= len(text) or (not box.is_root and rest == box.end - 1):
                first = previous
        elif is_before_blank and (box.is_root or previous <= box.start < first) and (first == 0 or not box.is_root):
            last = rest + len(self.newline)
        return self.edit(first, last, "")

    # --- blanks ------------------------------------------------------------------------------------------------------

    def _blanks_before(self, at: int) -> int:
        while at and self.text[at - 1] in _BLANK:
            at -= 1
        return at

    def _blanks_after(self, at: int) -> int:
        while at < len(self.text) and self.text[at] in _BLANK:
            at += 1
        return at
