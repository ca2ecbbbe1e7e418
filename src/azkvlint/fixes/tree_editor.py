"""The operations that the editors of all languages share, on containers of items.

Blocks, objects and arrays of any language are containers; a layout shows where their parts are on lines.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import ClassVar

import msgspec

from azkvlint.model.fix import Address, Code, Literal, Refusal, TextEdit, apply
from azkvlint.syntax import ast

_BLANK = " \t"


class Commas(Enum):
    """Whether commas separate the items of a container: in HCL blocks and between lines they do not."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


class TreeElement(msgspec.Struct, frozen=True, gc=False, eq=False):
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
    items: Sequence[TreeElement]
    commas: Commas
    node: object = None
    is_root: bool = False
    is_array: bool = False

    def find(self, name: str, *, any_case: bool = False) -> TreeElement | None:
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

    def inner_indent(self, box: Container, beside: TreeElement | None = None) -> str:
        """Return the indentation of the items of a container."""
        for item in (*((beside,) if beside is not None else ()), *box.items):
            if self.starts_line(item.start):
                return self.indent(item.start)
        return self.indent(box.start) + self.unit

    # --- insertion ---------------------------------------------------------------------------------------------------

    def insert(
        self, box: Container, after: TreeElement | None, write: Callable[[str, bool], str], *, spaced: bool = False
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
        if not spaced:
            return [*edits, self.edit(line_end, line_end, text)]
        following = self.text[line_end : box.end if box.is_root else box.end - 1]
        if not following.strip():  # an empty line before the bracket is the one before the new item
            return [*edits, self.edit(line_end, line_end + max(following.rfind(self.newline), 0), text)]
        is_spaced = not following.split(self.newline, 2)[1].strip()
        return [*edits, self.edit(line_end, line_end, text if is_spaced else text + self.newline)]

    def _insert_on_line(self, box: Container, after: TreeElement, write: Callable[[str, bool], str]) -> list[TextEdit]:
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

    def remove(self, box: Container, item: TreeElement) -> list[TextEdit]:
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


class Spot(msgspec.Struct, frozen=True, gc=False):
    """The innermost item that contains an address, and its container; ``inner`` if a container itself is addressed."""

    box: Container
    item: TreeElement
    inner: Container | None = None


class TreeEditor:
    """An editor of one text. Operations return the edits, none if there is nothing to change, or raise Refusal.

    A ``container`` is a block, a declaration or an object. Its address is the span or pointer of a Location: that of
    its header, of the whole, or of an attribute in it. A ``path`` are the names from the container to a value.
    """

    any_case = False
    is_focused = False
    """Whether only a part of the text is parsed."""
    separators: ClassVar[tuple[str, str]] = "", ","
    """What follows an object's member and an array's item on its line."""

    def __init__(self, layout: Layout, root: Container) -> None:
        self.layout, self.root = layout, root
        self.text = layout.text

    # --- the language, by default one with the expressions of ``syntax.ast`` -----------------------------------------

    def is_valid(self, text: str) -> bool:
        """Return whether a text has no syntax error."""
        raise NotImplementedError

    def is_valid_part(self, text: str) -> bool:
        """Return whether the text of a part, as ``part_around`` finds them, has no syntax error."""
        return self.is_valid(text)

    def widen(self) -> None:
        """Parse all of the text, of which only a part was parsed."""
        raise NotImplementedError

    def container(self, node: object) -> Container | None:
        """Return the container that a node is; None if it is another expression."""
        raise NotImplementedError

    def inside(self, item: TreeElement) -> Container | None:
        """Return the container that is an item's body or value; None if the value is another expression."""
        return self.container(item.node)

    def within(self, item: TreeElement, start: int, end: int) -> Container | None:
        """Return the outermost container in an item that contains a span."""
        return self.container(_enclosing(item.node, start, end))

    def strings(self, item: TreeElement, start: int, end: int) -> list[tuple[int, int]]:
        """Return the spans of the string literals between two offsets of an item."""
        return _literals(item.node, start, end)

    def is_same(self, node: object, value: Literal) -> bool:
        """Return whether a literal has a value."""
        return _is_literal(self.text, node, value)

    def is_conditional(self, node: object) -> bool:
        """Return whether a value depends on a condition."""
        return isinstance(node, ast.Conditional)

    def string(self, value: str) -> str:
        """Return a string literal."""
        raise NotImplementedError

    def key(self, name: str) -> str:
        """Return a name as it is written."""
        raise NotImplementedError

    def code(self, text: str) -> str:
        """Return an expression as a value."""
        return text.replace("\n", self.layout.newline)

    def members(self, body: Mapping[str, Literal], indent: str, one_line: bool) -> list[str]:
        """Return the members of a new object."""
        colon = self.layout.colon
        return [f"{self.key(name)}{colon}{self.write(value, indent, one_line)}" for name, value in body.items()]

    def place(self, box: Container, path: tuple[str, ...], value: Literal) -> list[TextEdit]:
        """Insert the first name of a path that the container does not have."""
        value = nested(path[1:], value)
        others = [item for item in box.items if not item.is_block]
        after = others[-1] if others else None
        return self.layout.insert(
            box, after, lambda indent, one_line: self.members({path[0]: value}, indent, one_line)[0]
        )

    def new_block(self, box: Container, name: str, body: Mapping[str, Literal]) -> list[TextEdit]:
        """Insert an object, or an item into the array of a name."""
        item = box.find(name, any_case=self.any_case)
        if item is None:
            return self.place(box, (name,), body)
        array = self.inside(item)
        if array is None or not array.is_array:
            raise Refusal(f"`{name}` is already set")
        if any(self.is_same(one.node, body) for one in array.items):
            return []
        after = array.items[-1] if array.items else None
        return self.layout.insert(array, after, lambda indent, one_line: self.write(body, indent, one_line))

    def align(self, box: Container, item: TreeElement, key: str | None) -> Iterable[TextEdit]:  # noqa: ARG002  # for HCL
        """Return the edits that keep names and values in columns when an item is renamed, or removed (None)."""
        return ()

    # --- the operations ----------------------------------------------------------------------------------------------

    def set_value(self, container: Address, path: tuple[str, ...], value: Literal) -> tuple[TextEdit, ...]:
        """Replace the value at a path in a container, or insert it.

        Missing containers are created: in HCL as blocks or as objects, as is usual there.
        """
        if not path:
            return self.replace_value(container, value)
        box = self.container_at(container, path)
        while True:
            item = box.find(path[0], any_case=self.any_case)
            if item is None:
                return self.checked(self.place(box, path, value), (box, path[0]))
            if len(path) == 1:
                return self.checked(self.replace(item, value), (box, path[0]))
            box, path = self.members_of(item), path[1:]

    def replace_value(self, at: Address, value: Literal) -> tuple[TextEdit, ...]:
        """Replace the value at an address: that of an attribute, or an expression in it."""
        spot, (start, end) = self.locate(at), self.span(at)
        item = spot.item
        if item.is_block or start < item.value or (start, end) == (item.value, item.end):
            names = () if item.name is None else ((spot.box, item.name),)
            return self.checked(self.replace(item, value, conditional=True), *names)
        if not _has_node(item.node, start, end):
            raise Refusal("the place is not a value")
        new = self.write(value, self.layout.indent(start), not self.layout.starts_line(item.start))
        return self.checked([self.layout.edit(start, end, new)])

    def replace_text(self, at: Address, old: str, new: str) -> tuple[TextEdit, ...]:
        """Replace a part of the string literals at an address, which contain it once."""
        item, (start, end) = self.locate(at).item, self.span(at)
        if start == item.start and not item.is_block:
            end = item.end
        if not old or any(mark in "\"'\\${}%\r\n" for mark in new):
            raise Refusal("the string would need escapes")
        found: list[int] = []
        for first, last in self.strings(item, start, end):
            offset = self.text.find(old, first, last)
            while offset >= 0:
                found.append(offset)
                offset = self.text.find(old, offset + 1, last)
        if len(found) != 1:
            raise Refusal("the string to replace occurs several times" if found else "the string is not there")
        return self.checked([self.layout.edit(found[0], found[0] + len(old), new)])

    def remove(self, container: Address, path: tuple[str, ...]) -> tuple[TextEdit, ...]:
        """Remove the item at a path, or at the address itself, with its lines and the comment after it."""
        found = self.lookup(container, path)
        if found is None:
            return ()
        box, item = found
        names = () if item.name is None else ((box, item.name),)
        return self.checked([*self.layout.remove(box, item), *self.align(box, item, None)], *names)

    def rename(self, container: Address, path: tuple[str, ...], name: str) -> tuple[TextEdit, ...]:
        """Rename the item at a path, or at the address itself."""
        found = self.lookup(container, path)
        if found is None:
            return ()
        box, item = found
        if item.name is None or (item.is_block and not self.text.startswith(item.name, item.start)):
            raise Refusal("only arguments, properties and blocks can be renamed")
        if item.name == name:
            return ()
        if box.find(name, any_case=self.any_case) not in {None, item} and not item.is_block:
            raise Refusal(f"`{name}` is already set")
        key = self.string(name) if self.text[item.start] in "\"'" else self.key(name)
        edits = [self.layout.edit(item.start, item.key_end, key), *self.align(box, item, key)]
        return self.checked(edits, (box, item.name), (box, name))

    def add_block(self, container: Address, name: str, body: Mapping[str, Literal]) -> tuple[TextEdit, ...]:
        """Add a block, an object or an array's item, unless there is an equal one. Mappings in it are blocks in HCL."""
        box = self.container_at(container, (name,))
        return self.checked(self.new_block(box, name, body), (box, name))

    def add_decorator(self, container: Address, name: str) -> tuple[TextEdit, ...]:
        """Add a decorator. ``secure`` is a secure type in an ARM template, and ``sensitive = true`` in Terraform."""
        raise NotImplementedError

    # --- addresses ---------------------------------------------------------------------------------------------------

    def span(self, at: Address) -> tuple[int, int]:
        """Return the span of an address. Raise Refusal."""
        start, end = at[0] if at else None, at[-1] if at else None
        if len(at) != 2 or not isinstance(start, int) or not isinstance(end, int):
            raise Refusal("the place is not known")
        return start, end

    def locate(self, at: Address) -> Spot:
        """Return the item at an address. Raise Refusal."""
        start, end = self.span(at)
        box = self.root
        while True:
            item = item_at(box, start, end)
            if item is None and box.is_root and self.is_focused:
                self.widen()
                box = self.root
                item = item_at(box, start, end)
            if item is None:
                raise Refusal("the place is not a value or a block")
            inner = None if start == item.start else self.within(item, start, end)
            if inner is None or (inner.start, inner.end) == (start, end):
                return Spot(box, item, inner)
            box = inner

    def container_at(self, at: Address, path: tuple[str, ...]) -> Container:
        """Return the container that an address means: the one at the address, or the one around an attribute."""
        spot = self.locate(at)
        item, inner = spot.item, spot.inner
        if inner is None:
            inner = self.inside(item)
            is_own = item.name == path[0] and not item.is_block
            if inner is not None and not item.is_block and (inner.is_array or (is_own and not inner.find(path[0]))):
                inner = None
            if inner is None and not item.is_block and (is_own or not spot.box.is_root):
                inner = spot.box
        if inner is None or inner.is_array:
            raise Refusal("the value is an expression" if inner is None else "the value is a list")
        return inner

    def members_of(self, item: TreeElement) -> Container:
        """Return the container with the members of an item. Raise Refusal."""
        box = self.inside(item)
        if box is None:
            raise Refusal(f"the value of `{item.name}` is an expression")
        if box.is_array:
            raise Refusal(f"the value of `{item.name}` is a list")
        return box

    def lookup(self, at: Address, path: tuple[str, ...]) -> tuple[Container, TreeElement] | None:
        """Return the item at a path and its container; None if there is none."""
        if not path:
            spot = self.locate(at)
            return spot.box, spot.item
        box = self.container_at(at, path)
        while True:
            item = box.find(path[0], any_case=self.any_case)
            if item is None or len(path) == 1:
                return None if item is None else (box, item)
            box, path = self.members_of(item), path[1:]

    def replace(self, item: TreeElement, value: Literal, *, conditional: bool = False) -> list[TextEdit]:
        """Replace the value of an item, unless it is that value."""
        if item.is_block:
            raise Refusal(f"`{item.name}` is a block" if item.name else "the place is not a value")
        written = self.text[item.value : item.end]
        if written == self.code(value.text) if isinstance(value, Code) else self.is_same(item.node, value):
            return []
        if self.is_conditional(item.node) and not conditional:
            raise Refusal(f"the value of `{item.name}` depends on a condition")
        new = self.write(value, self.layout.indent(item.start), not self.layout.starts_line(item.start))
        return [self.layout.edit(item.value, item.end, new)]

    def checked(self, edits: Iterable[TextEdit], *names: tuple[Container, str]) -> tuple[TextEdit, ...]:
        """Return the edits in order, without those that change nothing. Raise Refusal if the result does not parse.

        ``names`` are those that the operation changes, each with its container.
        """
        kept: list[TextEdit] = []
        changes = dict.fromkeys(edit for edit in edits if self.text[edit.start : edit.end] != edit.replacement)
        for edit in sorted(changes, key=lambda edit: (edit.start, edit.end)):
            if kept and kept[-1].end == edit.start:
                last = kept.pop()
                kept.append(self.layout.edit(last.start, edit.end, last.replacement + edit.replacement))
            else:
                kept.append(edit)
        if kept and not self._is_valid_with(kept):
            raise Refusal("the result would not parse")
        if kept and names:
            changed = tuple((box.start, name.lower() if self.any_case else name) for box, name in names)
            kept[0] = msgspec.structs.replace(kept[0], names=changed)
        return tuple(kept)

    def _is_valid_with(self, edits: Sequence[TextEdit]) -> bool:
        """Return whether the text has no syntax error after edits in order.

        If all of them are inside of a part that is valid by itself, only that is parsed: many edits are made in a file.
        """
        part = self.part_around(edits[0].start, edits[-1].end)
        if part is not None:
            start, end = part
            moved = [self.layout.edit(one.start - start, one.end - start, one.replacement) for one in edits]
            if self.is_valid_part(apply(self.text[start:end], moved)):
                return True
        return self.is_valid(apply(self.text, edits))

    def part_around(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the span of a part of the file around two offsets that is valid by itself; None without one."""
        item = item_at(self.root, start, end)
        return (item.start, item.end) if item is not None and item.start < start and end < item.end else None

    # --- literals ----------------------------------------------------------------------------------------------------

    def write(self, value: Literal, indent: str, one_line: bool) -> str:
        """Return a value as code; ``indent`` is the indentation of the line on which it starts."""
        if isinstance(value, Code):
            return self.code(value.text)
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            return self.string(value)
        if isinstance(value, int):
            return str(value)
        inner = indent + self.layout.unit
        if isinstance(value, Mapping):
            members = self.members(value, indent if one_line else inner, one_line)
            return self._bracketed("{}", members, indent, one_line, self.separators[0])
        one_line = one_line or not any(
            isinstance(item, Mapping | Sequence) and not isinstance(item, str) for item in value
        )
        items = [self.write(item, indent if one_line else inner, one_line) for item in value]
        return self._bracketed("[]", items, indent, one_line, self.separators[1])

    def _bracketed(self, marks: str, parts: list[str], indent: str, one_line: bool, separator: str) -> str:
        if not parts:
            return marks
        if one_line:
            padding = self.layout.padding if marks == "{}" else ""
            return marks[0] + padding + ", ".join(parts) + padding + marks[1]
        newline = self.layout.newline
        lines = f"{separator}{newline}{indent}{self.layout.unit}".join(parts)
        return f"{marks[0]}{newline}{indent}{self.layout.unit}{lines}{newline}{indent}{marks[1]}"


def focused(text: str, focus: tuple[int, int]) -> str:
    """Return the part of a text in the focus, with its offsets in the text."""
    start, end = focus
    return " " * start + text[start:end] + "\n"


def item_at(box: Container, start: int, end: int) -> TreeElement | None:
    """Return the item of a container that contains a span. Items are in order."""
    index = bisect_right(box.items, start, key=lambda item: item.start)
    item = box.items[index - 1] if index else None
    return item if item is not None and end <= item.end else None


def nested(path: tuple[str, ...], value: Literal, make: Callable[[dict[str, Literal]], Literal] = dict) -> Literal:
    """Return the value within an object for each name of a path."""
    for name in reversed(path):
        value = make({name: value})
    return value


def _enclosing(root: object, start: int, end: int) -> ast.Object | ast.Array | None:
    """Return the outermost object or array in an expression that contains a span."""
    pending = [root] if isinstance(root, ast.Node) else []
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Object | ast.Array) and node.start <= start and end <= node.end:
            return node
        pending += ast.children(node)
    return None


def _is_literal(text: str, node: object, value: Literal) -> bool:
    """Return whether an expression in a text is a literal with a value, or the code of one."""
    match node, value:
        case ast.Node(), Code():
            return text[node.start : node.end] == value.text
        case ast.Literal(), _:
            return type(node.value) is type(value) and node.value == value
        case ast.Unary(operator="-", operand=ast.Literal(value=int() as number)), int():
            return not isinstance(value, bool) and -number == value
        case ast.Array(items=items), Sequence() if not isinstance(value, str) and len(items) == len(value):
            return all(_is_literal(text, item, one) for item, one in zip(items, value, strict=True))
        case ast.Object(members=members, resources=()), Mapping() if len(members) == len(value):
            found = {one.key: one.value for one in members if isinstance(one, ast.Property)}
            return found.keys() == value.keys() and all(
                _is_literal(text, found[key], one) for key, one in value.items()
            )
    return False


def _has_node(root: object, start: int, end: int) -> bool:
    """Return whether an expression in a tree has a span."""
    pending = [root] if isinstance(root, ast.Node) else []
    while pending:
        node = pending.pop()
        if (node.start, node.end) == (start, end) and not isinstance(node, ast.Property):
            return True
        pending += ast.children(node)
    return False


def _literals(root: object, start: int, end: int) -> list[tuple[int, int]]:
    """Return the spans of the string literals of a tree between two offsets."""
    found: list[tuple[int, int]] = []
    pending = [root] if isinstance(root, ast.Node) else []
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Literal) and isinstance(node.value, str) and start <= node.start and node.end <= end:
            found.append((node.start, node.end))
        pending += ast.children(node)
    return found
