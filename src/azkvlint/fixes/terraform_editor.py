"""Edit Terraform files in HCL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from azkvlint.fixes.tree_editor import Commas, Container, Layout, TreeEditor, TreeElement, focused, nested
from azkvlint.model.fix import Address, Literal, Refusal, TextEdit
from azkvlint.syntax import ast
from azkvlint.syntax.hcl.parse import Block, Body, HclFile, parse_file
from azkvlint.syntax.hcl.tokens import gap, identifier, quoted

_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Arguments that stay behind those of the resource.
_LAST = frozenset({"depends_on", "provider", "providers", "tags"})
_LIFECYCLE, _DEPENDS_ON = "lifecycle", "depends_on"


class _Columns(NamedTuple):
    """Arguments on consecutive lines whose ``=`` follow names of a ``width``, which can be wider than all names."""

    items: Sequence[TreeElement]
    width: int
    is_wide: bool


class _Blocks(dict[str, Literal]):
    """The body of a new block. Mappings of this type in it are nested blocks, others are objects."""


class TerraformEditor(TreeEditor):
    """An editor of a .tf, .tofu, .tfvars or .hcl file."""

    def __init__(self, path: str, text: str, focus: tuple[int, int] | None = None) -> None:
        layout = Layout(path, text, lambda at: gap(text, at).end())
        super().__init__(layout, Container(0, len(text), _items(_file(text, focus).body), Commas.NONE, is_root=True))
        self.is_focused = focus is not None
        blocks = [(item, self.inside(item)) for item in self.root.items if item.is_block]
        layout.learn_unit((item.start, one.start) for item, box in blocks if box is not None for one in box.items)

    def widen(self) -> None:
        """Parse all of the text."""
        self.is_focused = False
        self.root = msgspec.structs.replace(self.root, items=_items(_file(self.text).body))

    # --- the language ------------------------------------------------------------------------------------------------

    def inside(self, item: TreeElement) -> Container | None:
        """Return the body of a block, for a dynamic block that of its content, or the object or array of a value."""
        node = item.node
        if isinstance(node, Block) and node.type == "dynamic":
            node = next((block for block in node.body.blocks if block.type == "content"), None)
        if isinstance(node, ast.Call) and node.name == "jsonencode" and len(node.arguments) == 1:
            node = node.arguments[0]
        return self.container(node)

    def container(self, node: object) -> Container | None:
        """Return the container that a block, an object or an array is."""
        if isinstance(node, Block):
            return Container(node.brace, node.end, _items(node.body), Commas.NONE, node)
        if isinstance(node, ast.Array):
            items = [TreeElement(one.start, one.end, None, one.start, one.start, one) for one in node.items]
            return Container(node.start, node.end, items, Commas.REQUIRED, node, is_array=True)
        if isinstance(node, ast.Object):
            items = [self._member(one) for one in node.members if isinstance(one, ast.Property)]
            return Container(node.start, node.end, items, Commas.OPTIONAL, node)
        return None

    def _member(self, node: ast.Property) -> TreeElement:
        text, start = self.text, node.start
        word = identifier(text, start)
        if not isinstance(node.key, str):
            return TreeElement(start, node.end, None, start, node.value.start, node.value)
        end = word.end() if word is not None else quoted(text, start + 1).end() + 1
        value = gap(text, gap(text, end).end() + 1).end()
        return TreeElement(start, node.end, node.key, end, value, node.value)

    def within(self, item: TreeElement, start: int, end: int) -> Container | None:
        """Return the outermost container in an item that contains a span."""
        node = item.node
        if not isinstance(node, Block):
            return super().within(item, start, end)
        return self.container(node) if node.brace <= start and end <= node.end else None

    def is_valid(self, text: str) -> bool:
        """Return whether a text has no syntax error."""
        return _parse(text) is not None

    def strings(self, item: TreeElement, start: int, end: int) -> list[tuple[int, int]]:
        """Return the spans of the string literals between two offsets of an item."""
        if not isinstance(item.node, Block):
            return super().strings(item, start, end)
        inner = [one for one in _items(item.node.body) if one.start < end and start < one.end]
        return [span for one in inner for span in self.strings(one, start, end)]

    def string(self, value: str) -> str:
        """Return a string literal."""
        content = "".join(_ESCAPES.get(mark, mark if mark >= " " else f"\\u{ord(mark):04x}") for mark in value)
        return '"' + content.replace("${", "$${").replace("%{", "%%{") + '"'

    def key(self, name: str) -> str:
        """Return a name, in quotes if it is not an identifier."""
        word = identifier(name)
        return name if word is not None and word.end() == len(name) else self.string(name)

    def container_at(self, at: Address, path: tuple[str, ...]) -> Container:
        """Return the container that an address means. The values in ``locals`` are not arguments."""
        box = super().container_at(at, path)
        if isinstance(box.node, Block) and box.node.type == "locals" and box.find(path[0]) is None:
            raise Refusal("the value is an expression")
        return box

    # --- writing -----------------------------------------------------------------------------------------------------

    def members(self, body: Mapping[str, Literal], indent: str, one_line: bool) -> list[str]:
        """Return the members of a new object or block, with values of one line in columns."""
        groups: list[list[tuple[str, str]]] = [[]]
        for name, value in body.items():
            written = self.key(name), self._value(value, indent, one_line)
            if one_line or isinstance(value, _Blocks) or "\n" in written[1]:
                groups += [[written], []]
            else:
                groups[-1].append(written)
        parts: list[str] = []
        for group in groups:
            width = max((len(key) for key, _ in group), default=0)
            parts += [key.ljust(width) + value for key, value in group]
        return parts

    def _value(self, value: Literal, indent: str, one_line: bool) -> str:
        """Return what follows a name: ``= value``, or the body of a block."""
        if not isinstance(value, _Blocks):
            return f" = {self.write(value, indent, one_line)}"
        newline, inner, lines = self.layout.newline, indent + self.layout.unit, ""
        parts = self.members(value, inner, False)
        for index, (part, one) in enumerate(zip(parts, value.values(), strict=True)):
            lines += (newline if index and isinstance(one, _Blocks) else "") + f"{newline}{inner}{part}"
        return f" {{{lines}{newline}{indent}}}" if parts else " {}"

    def place(self, box: Container, path: tuple[str, ...], value: Literal) -> list[TextEdit]:
        """Insert an argument after the others and before nested blocks, or a block at the end."""
        node, blocks = box.node, False
        if isinstance(node, Block):
            is_body = path[0] == "body" and node.labels[:1] != () and node.labels[0].startswith("azapi_")
            blocks = node.type != "module" and not is_body
        value = nested(path[1:], value, _Blocks if blocks else dict)
        return self._insert(box, _anchor(box, path[0], isinstance(value, _Blocks)), path[0], value)

    def _insert(self, box: Container, after: TreeElement | None, name: str, value: Literal) -> list[TextEdit]:
        named = [item for item in box.items if item.name is not None]
        is_quoted = bool(named) and all(self.text[item.start] == '"' for item in named)
        key, width, edits = self.string(name) if is_quoted else self.key(name), 0, list[TextEdit]()
        is_single = not isinstance(value, _Blocks) and "\n" not in self.write(value, "", False)
        following = [one for one in box.items if after is not None and self._follows(after, one)]
        near = [after, *following] if after is not None and is_single else []
        columns = next((columns for one in near if (columns := self._columns(box, one))), None)
        if columns is not None:
            width = max(len(key), columns.width)
            edits = self._pad(columns.items, width)
        colon = after is not None and not after.is_block and ":" in self.text[after.key_end : after.value]

        def write(indent: str, one_line: bool) -> str:
            if colon:
                return f"{key}: {self.write(value, indent, one_line)}"
            return key.ljust(0 if one_line else width) + self._value(value, indent, one_line)

        spaced = isinstance(value, _Blocks) or (after is None and isinstance(box.node, Block))
        return [*edits, *self.layout.insert(box, after, write, spaced=spaced)]

    def new_block(self, box: Container, name: str, body: Mapping[str, Literal]) -> list[TextEdit]:
        """Insert a block, or an object into an object."""
        if not isinstance(box.node, Block):
            return super().new_block(box, name, body)
        if any(self._is_equal(item, body) for item in box.items if item.is_block and item.name == name):
            return []
        return self._insert(box, _anchor(box, name, True), name, _blocks(body))

    def _is_equal(self, item: TreeElement, body: Mapping[str, Literal]) -> bool:
        """Return whether a block has exactly these arguments and blocks."""
        box = self.inside(item)
        if box is None or len(box.items) != len(body):
            return False
        for one in box.items:
            value = body.get(one.name or "")
            if isinstance(value, Mapping) and one.is_block:
                is_same = self._is_equal(one, value)
            else:
                is_same = value is not None and self.is_same(one.node, value)
            if not is_same:
                return False
        return True

    def add_decorator(self, container: Address, name: str) -> tuple[TextEdit, ...]:
        """Mark a variable or an output as sensitive: the decorator ``secure`` of Bicep."""
        if name != "secure":
            raise Refusal("Terraform has no decorators")
        return self.set_value(container, ("sensitive",), True)

    # --- columns -----------------------------------------------------------------------------------------------------

    def align(self, box: Container, item: TreeElement, key: str | None) -> Iterable[TextEdit]:
        """Return the edits that keep the ``=`` of a group in one column, as ``terraform fmt`` does."""
        columns = self._columns(box, item)
        if columns is None:
            return []
        group = [one for one in columns.items if one is not item or key is not None]
        lengths = [len(key) if one is item and key is not None else one.key_end - one.start for one in group]
        width = max(lengths, default=0)
        if columns.is_wide:
            width = max(width, columns.width)
        return [edit for one, length in zip(group, lengths, strict=True) for edit in self._pad([one], width, length)]

    def _pad(self, group: Iterable[TreeElement], width: int, length: int | None = None) -> list[TextEdit]:
        edits: list[TextEdit] = []
        for item in group:
            spaces = width + 1 - (item.key_end - item.start if length is None else length)
            edits.append(self.layout.edit(item.key_end, self._sign(item), " " * spaces))
        return edits

    def _sign(self, item: TreeElement) -> int:
        return gap(self.text, item.key_end).end()

    def _columns(self, box: Container, item: TreeElement) -> _Columns | None:
        """Return the arguments on consecutive lines around one if their ``=`` are in one column."""
        items, first = box.items, box.items.index(item)
        last = first
        while first and self._is_single(items[first - 1]) and self._follows(items[first - 1], items[first]):
            first -= 1
        while (
            last + 1 < len(items) and self._follows(items[last], items[last + 1]) and self._is_single(items[last + 1])
        ):
            last += 1
        group = items[first : last + 1]
        width, longest = self._sign(item) - item.start - 1, max(one.key_end - one.start for one in group)
        is_aligned = all(self._sign(one) - one.start - 1 == width for one in group) and width >= longest
        # The argument of a block on one line, which an insertion expands, has a group of its own.
        is_group = self._is_single(item) or (isinstance(box.node, Block) and len(items) == 1 and not item.is_block)
        return _Columns(group, width, width > longest) if is_aligned and is_group and self._is_short(item) else None

    def _is_short(self, item: TreeElement) -> bool:
        """Return whether a value is on one line or a heredoc."""
        return self.text.startswith("<<", item.value) or "\n" not in self.text[item.start : item.end]

    def _is_single(self, item: TreeElement) -> bool:
        """Return whether an item is ``name = value`` on a line of its own."""
        text = self.text
        if item.is_block or item.name is None or not self._is_short(item):
            return False
        sign = self._sign(item)
        is_plain = text.startswith("=", sign) and not text[item.key_end : sign].strip(" ")
        return is_plain and self.layout.starts_line(item.start) and self._next_line(item) is not None

    def _next_line(self, item: TreeElement) -> int | None:
        """Return the offset of the next line if nothing else is on the last line of an item."""
        comma = self.layout.comma(item.end, Commas.OPTIONAL)
        line_end = self.layout.line_end(item.end if comma is None else comma + 1)
        return None if line_end is None else line_end + len(self.layout.newline)

    def _follows(self, item: TreeElement, other: TreeElement) -> bool:
        return self._next_line(item) == self.layout.line_start(other.start)


def _items(body: Body) -> list[TreeElement]:
    """Return the arguments and blocks of a body in order. A dynamic block has the name of what it creates."""
    items = [
        TreeElement(one.start, one.end, name, one.start + len(name), one.value_start, one.expression())
        for name, one in body.attributes.items()
    ]
    for block in body.blocks:
        name = block.labels[0] if block.type == "dynamic" and block.labels else block.type
        items.append(TreeElement(block.start, block.end, name, block.start + len(block.type), block.brace, block, True))
    return sorted(items, key=lambda item: item.start)


def _file(text: str, focus: tuple[int, int] | None = None) -> HclFile:
    """Return a file, or what is in the focus with the offsets in the file. Raise Refusal for a syntax error."""
    file = _parse(text if focus is None else focused(text, focus))
    if file is None:
        raise Refusal("the file has a syntax error")
    return file


# The same declarations are edited again after each accepted fix.
@lru_cache(64)
def _parse(text: str) -> HclFile | None:
    """Return a file; None if it has a syntax error, at any level."""
    file = parse_file(text)
    pending = [] if file.faults else [file.body]
    while pending:
        body = pending.pop()
        if body.faults or any(one.expression() is None for one in body.attributes.values()):
            return None
        pending += [block.body for block in body.blocks]
    return None if file.faults else file


def _anchor(box: Container, name: str, is_block: bool) -> TreeElement | None:
    """Return the item after which a new one belongs; None for the start."""
    if not isinstance(box.node, Block):
        return _last(box.items)
    if is_block:
        same = [item for item in box.items if item.is_block and item.name == name]
        return _last(same) or _last(_before_meta_arguments(box.items, name))
    first = next((item.start for item in box.items if item.is_block), box.end)
    arguments = [item for item in box.items if item.start < first]
    return _last([item for item in arguments if item.name not in _LAST] or arguments)


def _before_meta_arguments(items: Sequence[TreeElement], name: str) -> Sequence[TreeElement]:
    """Return the items after which a new block comes. ``lifecycle`` and ``depends_on`` come last.

    Source: developer.hashicorp.com/terraform/language/style (order of parameters).
    """
    while items and items[-1].name == _DEPENDS_ON:
        items = items[:-1]
    first = next((item for item in items if item.is_block and item.name == _LIFECYCLE), None)
    return items if first is None or name == _LIFECYCLE else items[: items.index(first)]


def _last(items: Sequence[TreeElement]) -> TreeElement | None:
    return items[-1] if items else None


def _blocks(body: Mapping[str, Literal]) -> _Blocks:
    """Return the body of a block with nested blocks, arguments first."""
    found = {name: _blocks(value) if isinstance(value, Mapping) else value for name, value in body.items()}
    return _Blocks(sorted(found.items(), key=lambda one: isinstance(one[1], _Blocks)))
