"""Edit ARM templates, with comments and trailing commas, and Terraform files in JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from azkvlint.fixes.tree_editor import Commas, Container, Layout, TreeEditor, TreeElement, item_at
from azkvlint.model.fix import Address, Literal, Refusal, TextEdit
from azkvlint.syntax import ast
from azkvlint.syntax.arm_expression import is_expression, parse_expression, unescaped
from azkvlint.syntax.json_decoder import COMMENT, MAX_DEPTH, decode_string, decode_text
from azkvlint.syntax.json_positions import JsonArray, JsonObject, JsonScalar, NotJsonError, Plain, Value, parse
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex

_GAP = regex(rf"[ \t\r]*+(?:{COMMENT}[ \t\r]*+)*+")
_SECURE = {"string": "securestring", "object": "secureObject"}
# Within the objects of the file, of a kind, a type and a name: at this level, each object is a block or in one.
_LEVEL_OF_BLOCKS = 4
# Members of files that a program has written: a plan, and the template that Bicep compiles.
_GENERATED = frozenset({"format_version", "terraform_version"})


class JsonEditor(TreeEditor):
    """An editor of an ARM template, or of a .tf.json file (``terraform``), whose blocks may be in arrays."""

    separators = ",", ","

    def __init__(self, path: str, text: str, *, terraform: bool) -> None:
        self.terraform, self.any_case = terraform, not terraform
        root = self._parse(text)
        if root is None:
            raise Refusal("the file has a syntax error")
        super().__init__(Layout(path, text, lambda at: _end_of_gap(text, at)), _root(text, root))
        if is_generated(root):
            raise Refusal("the file is generated")
        boxes = [*_containers(root)]
        self.layout.learn_unit((box.start, item.start) for box in boxes for item in box.items[:1])
        self.layout.padding = " " if any(text.startswith("{ ", box.start) for box in boxes) else ""
        members = [item for box in boxes if not box.is_array for item in box.items]
        if 2 * sum(text[item.value - 1] == ":" for item in members) > len(members):
            self.layout.colon = ":"

    def _parse(self, text: str) -> Value | None:
        """Return the value of a file's text; None after a syntax error."""
        if self.terraform:
            return _terraform_value(text, is_file=True)
        try:
            decode_text(text)
            return parse(text.replace("\ufeff", " ", 1) if text.startswith("\ufeff") else text, _scalar, MAX_DEPTH)
        except (InputError, NotJsonError, ValueError):
            return None

    # --- the language ------------------------------------------------------------------------------------------------

    def container(self, node: object) -> Container | None:
        """Return the container that an object or array is."""
        return _container(node) if isinstance(node, JsonObject | JsonArray) else None

    def inside(self, item: TreeElement) -> Container | None:
        """Return the object or array that is an item's value; of a Terraform block in an array, the only object."""
        value = item.node
        if self.terraform and isinstance(value, JsonArray) and len(value.items) == 1:
            value = value.items[0] if isinstance(value.items[0], JsonObject) else value
        return self.container(value)

    def within(self, item: TreeElement, start: int, end: int) -> Container | None:
        """Return the container that is an item's value if it contains a span."""
        return self.container(item.node) if item.value <= start and end <= item.end else None

    def is_valid(self, text: str) -> bool:
        """Return whether a text has no syntax error."""
        return self._parse(text) is not None

    def is_valid_part(self, text: str) -> bool:
        """Return whether an object of a file has no syntax error."""
        return (_terraform_value(text, is_file=False) if self.terraform else self._parse(text)) is not None

    def part_around(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the span of the innermost object around two offsets; None without one.

        In Terraform, the objects around blocks are kinds, types and names, which are valid only where they are.
        """
        found: tuple[int, int] | None = None
        box: Container | None = self.root
        level = 0
        while box is not None:
            item = item_at(box, start, end)
            box = None if item is None else self.container(item.node)
            if box is None or not (box.start < start and end < box.end):
                break
            if not box.is_array:
                level += 1
                if not self.terraform or level >= _LEVEL_OF_BLOCKS:
                    found = box.start, box.end
        return found

    def strings(self, item: TreeElement, start: int, end: int) -> list[tuple[int, int]]:
        """Return the spans of the string literals between two offsets of an item."""
        node = item.node
        if isinstance(node, JsonScalar):
            return [(item.value, item.end)] if isinstance(node.value, str) and start < item.end else []
        box = self.inside(item)
        return [] if box is None else [span for one in box.items for span in self.strings(one, start, end)]

    def is_same(self, node: object, value: Literal) -> bool:
        """Return whether a JSON value is a literal."""
        if isinstance(value, Mapping):
            members = {one.key: one.value for one in node.members} if isinstance(node, JsonObject) else {}
            is_object = isinstance(node, JsonObject) and members.keys() == value.keys()
            return is_object and all(self.is_same(members[key], one) for key, one in value.items())
        if isinstance(value, Sequence) and not isinstance(value, str):
            items = node.items if isinstance(node, JsonArray) else []
            is_array = isinstance(node, JsonArray) and len(items) == len(value)
            return is_array and all(self.is_same(item, one) for item, one in zip(items, value, strict=True))
        expected = decode_string(self.write(value, "", True)) if not isinstance(value, bool | int) else value
        return isinstance(node, JsonScalar) and type(node.value) is type(expected) and node.value == expected

    def is_conditional(self, node: object) -> bool:
        """Return whether a value depends on a condition."""
        text = node.value if isinstance(node, JsonScalar) else None
        if self.terraform or not isinstance(text, str) or not text or not is_expression(text):
            return False
        try:
            expression = parse_expression(text[1:-1])
        except InputError:
            return True
        return isinstance(expression, ast.Call) and expression.name.lower() == "if"

    def string(self, value: str) -> str:
        """Return a string that is not an expression."""
        if self.terraform:
            value = value.replace("${", "$${").replace("%{", "%%{")
        elif value and (is_expression(value) or unescaped(value) != value):
            value = f"[{value}"
        return json.dumps(value, ensure_ascii=False)

    def code(self, text: str) -> str:
        """Return a string that is an expression."""
        return json.dumps(f"${{{text}}}" if self.terraform else f"[{text}]", ensure_ascii=False)

    def key(self, name: str) -> str:
        """Return a key."""
        return json.dumps(name, ensure_ascii=False)

    def add_decorator(self, container: Address, name: str) -> tuple[TextEdit, ...]:
        """Mark a parameter, a variable or an output as secure: the decorator ``secure`` of Bicep."""
        if name != "secure":
            raise Refusal("JSON has no decorators")
        if self.terraform:
            return self.set_value(container, ("sensitive",), True)
        item = self.container_at(container, ("type",)).find("type", any_case=True)
        written = item.node.value if item is not None and isinstance(item.node, JsonScalar) else None
        if item is None or not isinstance(written, str):
            raise Refusal("the parameter has no type")
        if written.lower() in {secure.lower() for secure in _SECURE.values()}:
            return ()
        if written.lower() not in _SECURE:
            raise Refusal("only strings and objects can be secure")
        return self.checked(self.replace(item, _SECURE[written.lower()]))

    # --- addresses ---------------------------------------------------------------------------------------------------

    def span(self, at: Address) -> tuple[int, int]:
        """Return the span of a pointer's target: that of a key is the member. Raise Refusal."""
        if len(at) == 2 and isinstance(at[0], int):
            return super().span(at)
        item = self.root.items[0]
        for step in at:
            box = self.container(item.node)
            found: TreeElement | None = None
            if box is not None and isinstance(step, str):
                found = box.find(step)
            elif box is not None and box.is_array and isinstance(step, int) and 0 <= step < len(box.items):
                found = box.items[step]
            if found is None:
                raise Refusal("the place is not in the file")
            item = found
        return item.start, item.end


def is_generated(value: Value) -> bool:
    """Return whether a program has written a document: a plan, or a template that Bicep has compiled."""
    if not isinstance(value, JsonObject):
        return False
    members = {member.key: member.value for member in value.members}
    metadata = members.get("metadata")
    is_compiled = isinstance(metadata, JsonObject) and any(one.key == "_generator" for one in metadata.members)
    return is_compiled or not _GENERATED.isdisjoint(members)


def _terraform_value(text: str, *, is_file: bool) -> Value | None:
    """Return the value of a file of Terraform, or of an object in one; None after a syntax error."""
    # Templates need no parser of Terraform, which takes longer to import than a small template to check.
    from azkvlint.syntax.hcl.json_file import has_faults, parse_value
    from azkvlint.syntax.hcl.tokens import HclSyntaxError

    try:
        value = parse_value(text)
    except HclSyntaxError:
        return None
    return None if is_file and has_faults(value) else value


def _scalar(written: str, _at: int) -> Plain:
    """Return the value of a scalar or key that a decoder has accepted."""
    if written.startswith('"'):
        return decode_string(written)
    try:
        value: Plain = json.loads(written)
    except ValueError:  # Python reads no integer of thousands of digits
        return written
    return value


def _end_of_gap(text: str, at: int) -> int:
    match = _GAP.match(text, at)
    return at if match is None else match.end()


def _root(text: str, value: Value) -> Container:
    item = TreeElement(value.start, value.end, None, value.start, value.start, value)
    return Container(0, len(text), [item], Commas.NONE, is_root=True)


def _container(value: JsonObject | JsonArray) -> Container:
    if isinstance(value, JsonArray):
        items = [TreeElement(one.start, one.end, None, one.start, one.start, one) for one in value.items]
        return Container(value.start, value.end, items, Commas.REQUIRED, value, is_array=True)
    items = [
        TreeElement(one.start, one.value.end, one.key, one.key_end, one.value.start, one.value) for one in value.members
    ]
    return Container(value.start, value.end, items, Commas.REQUIRED, value)


def _containers(value: Value) -> Iterator[Container]:
    """Yield the containers in a value, outer ones first."""
    pending = [value]
    while pending:
        value = pending.pop()
        if isinstance(value, JsonObject | JsonArray):
            yield _container(value)
            pending += value.items if isinstance(value, JsonArray) else [one.value for one in value.members]
