"""Parse a Terraform file in JSON into the same blocks and attributes as one in HCL.

The context decides what is a block and what an attribute; source: "JSON Configuration Syntax" in Terraform's
documentation (developer.hashicorp.com/terraform/language/syntax/json).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

import msgspec
from msgspec.structs import force_setattr

from azkvlint.syntax import ast
from azkvlint.syntax.hcl.expressions import HclExpressionParser
from azkvlint.syntax.hcl.parse import REPEATED, Attribute, Block, Body, HclFile
from azkvlint.syntax.hcl.tokens import (
    END,
    MAX_BRACKETS,
    MAX_FAULTS,
    HclSyntaxError,
    Scanner,
    assemble,
    number_of,
    total_matcher,
    unexpected,
)
from azkvlint.syntax.json_positions import (
    JsonArray,
    JsonMember,
    JsonObject,
    JsonScalar,
    NotJsonError,
    Plain,
    TooDeepError,
    Value,
    parse,
)
from azkvlint.util.lazy_regex import regex
from azkvlint.util.text import SURROGATE

if TYPE_CHECKING:
    from json import JSONDecodeError


class Mode(Enum):
    """The interpretation of strings: templates, literals, or references without quotes."""

    TEMPLATE = "template"
    LITERAL = "literal"
    REFERENCE = "reference"


class BlockSchema(msgspec.Struct, frozen=True):
    """A kind of block: its number of labels, its nested blocks, and the modes of its attributes.

    Members that are not named in ``blocks`` are attributes.
    """

    labels: int = 0
    blocks: Mapping[str, BlockSchema] = {}
    modes: Mapping[str, Mode] = {}
    mode: Mode = Mode.TEMPLATE


_PLAIN = BlockSchema()
_CONDITIONS = {"precondition": _PLAIN, "postcondition": _PLAIN}
_REFERENCES = dict.fromkeys(("depends_on", "provider", "providers"), Mode.REFERENCE)
_LIFECYCLE = BlockSchema(
    blocks=_CONDITIONS, modes=dict.fromkeys(("ignore_changes", "replace_triggered_by"), Mode.REFERENCE)
)
_PROVISIONER = BlockSchema(1, {"connection": _PLAIN})
# A content block may contain dynamic blocks, to any depth.
_CONTENT_BLOCKS: dict[str, BlockSchema] = {}
_DYNAMIC = BlockSchema(1, {"content": BlockSchema(0, _CONTENT_BLOCKS)})
_CONTENT_BLOCKS["dynamic"] = _DYNAMIC
_RESOURCE = BlockSchema(
    2,
    {"lifecycle": _LIFECYCLE, "provisioner": _PROVISIONER, "connection": _PLAIN, "dynamic": _DYNAMIC},
    _REFERENCES,
)
_FROM_TO = {"from": Mode.REFERENCE, "to": Mode.REFERENCE, "provider": Mode.REFERENCE}
_TERRAFORM = BlockSchema(
    blocks={
        "required_providers": _PLAIN,
        "backend": BlockSchema(1),
        "cloud": BlockSchema(blocks={"workspaces": _PLAIN}),
        "provider_meta": BlockSchema(1),
    }
)
_ROOT = BlockSchema(
    blocks={
        "resource": _RESOURCE,
        "data": _RESOURCE,
        "ephemeral": _RESOURCE,
        "variable": BlockSchema(1, {"validation": _PLAIN}, {"default": Mode.LITERAL, "type": Mode.REFERENCE}),
        "output": BlockSchema(1, {"precondition": _PLAIN}, _REFERENCES),
        "module": BlockSchema(1, modes=_REFERENCES),
        "provider": BlockSchema(1, {"dynamic": _DYNAMIC}),
        "check": BlockSchema(1, {"data": _RESOURCE, "assert": _PLAIN}),
        "terraform": _TERRAFORM,
        "locals": _PLAIN,
        "moved": BlockSchema(modes=_FROM_TO),
        "import": BlockSchema(modes=_FROM_TO),
        "removed": BlockSchema(0, {"lifecycle": _PLAIN, "provisioner": _PROVISIONER}, _FROM_TO),
    },
    mode=Mode.LITERAL,
)
_VARIABLES = BlockSchema(mode=Mode.LITERAL)
# Blocks of Terragrunt files.
TERRAGRUNT = BlockSchema(
    blocks={
        "terraform": BlockSchema(blocks={"extra_arguments": BlockSchema(1)}),
        "locals": _PLAIN,
        "include": _PLAIN,
        "dependency": BlockSchema(1),
        "feature": BlockSchema(1),
        "generate": BlockSchema(1),
        "remote_state": _PLAIN,
        "stack": BlockSchema(1),
        "unit": BlockSchema(1),
    }
)

# Blocks of the files of a Terraform Stack.
STACK = BlockSchema(
    blocks={
        "component": BlockSchema(1, modes=_REFERENCES),
        "deployment": BlockSchema(1),
        "locals": _PLAIN,
        "output": BlockSchema(1, modes=_REFERENCES),
        "provider": BlockSchema(2, {"config": BlockSchema(0, {"dynamic": _DYNAMIC})}),
        "removed": BlockSchema(modes={**_FROM_TO, **_REFERENCES}),
        "required_providers": _PLAIN,
        "stack": BlockSchema(1),
        "variable": _ROOT.blocks["variable"],
    }
)

_blank = total_matcher(r"[ \t\r\n]*+")
_number = regex(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+").fullmatch
_bracket = regex(r'"(?:[^"\\]|\\.)*+"|([{\[])|[}\]]').finditer
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
# Constants that Python's decoder accepts although they are not JSON.
_CONSTANTS = frozenset(("NaN", "Infinity", "-Infinity"))
# Messages of the standard library with kvlint's wording for each.
_EXPECTED = {
    "Expecting value": "a value",
    "Expecting property name": "a key in double quotes",
    "Expecting ':' delimiter": "`:`",
    "Extra data": "the end of the file",
}
_IN_STRING = {
    "Unterminated string": "this string is not closed",
    "Invalid control character": "a string contains a control character",
    "Invalid \\": "this character cannot be escaped with a backslash",
}

# The labels so far, the member whose key is the block's last label, and its value.
_LabeledBlock: TypeAlias = tuple[tuple[str, ...], JsonMember, Value]


def parse_json_file(text: str, *, variables: bool = False, root: BlockSchema = _ROOT) -> HclFile:
    """Return the blocks and attributes of a file in JSON. Never raises: invalid JSON is one fault.

    ``root`` are the allowed blocks, by default those of a .tf.json or .tofu.json file. ``variables``: it is a variables
    file, in which everything is an attribute. In other files, too, top-level members that are not blocks are
    attributes. Members named ``//`` are comments.
    """
    try:
        value = parse_value(text)
    except HclSyntaxError as error:
        return HclFile(text, Body({}, ()), (), (ast.Fault(f"invalid JSON: {error.message}", error.at),))
    body = _body(_VARIABLES if variables else root, [value])
    return HclFile(text, Body(body.attributes, body.blocks), sorted(_comments(value)), body.faults)


def has_faults(value: Value) -> bool:
    """Return whether the value of a .tf.json file is invalid: a block is not an object, or an argument is repeated."""
    return bool(_body(_ROOT, [value]).faults)


class _JsonSource(msgspec.Struct, gc=False):
    """The value of an attribute, or the content of a block, in one member of an object."""

    kind: BlockSchema
    value: Value
    mode: Mode = Mode.TEMPLATE

    def expression(self, attribute: Attribute) -> ast.Expression:
        return lower(self.value, self.mode, attribute.start, attribute.value_start)

    def body(self, _block: Block) -> Body:
        return _body(self.kind, [self.value])


def _body(kind: BlockSchema, values: list[Value]) -> Body:
    """Return the body of ``values``, which are objects or arrays of objects."""
    attributes: dict[str, Attribute] = {}
    blocks: list[Block] = []
    faults: list[ast.Fault] = []
    for member in _members(values, faults):
        inner = kind.blocks.get(member.key)
        if inner is None or (kind.mode is Mode.LITERAL and isinstance(member.value, JsonScalar)):
            mode = kind.modes.get(member.key, kind.mode)
            source = _JsonSource(kind, member.value, mode)
            value = member.value
            # Terraform rejects a repeated argument. The last one counts, at its own position; a repeated key that
            # stands for several blocks of a provider is not supported.
            if attributes.pop(member.key, None) is not None:
                faults.append(ast.Fault(REPEATED, member.start))
            attributes[member.key] = Attribute(member.key, member.start, value.end, value.start, source)
        else:
            blocks += _blocks(inner, member, faults)
    return Body(attributes, blocks, faults[:MAX_FAULTS])


def _blocks(kind: BlockSchema, member: JsonMember, faults: list[ast.Fault]) -> Iterator[Block]:
    """Yield the blocks of a kind. Each level of labels may be an array."""
    labeled: list[_LabeledBlock] = [((), member, member.value)]
    for _ in range(kind.labels):
        labeled = [
            ((*labels, inner.key), inner, inner.value)
            for labels, _, value in labeled
            for inner in _members([value], faults)
        ]
    for labels, key, outer in labeled:
        for value in _objects([outer], faults):
            yield Block(member.key, labels, key.start, key.key_end, value.start, value.end, _JsonSource(kind, value))


def _members(values: list[Value], faults: list[ast.Fault]) -> Iterator[JsonMember]:
    """Yield the members of all objects except comments."""
    for value in _objects(values, faults):
        for member in value.members:
            if member.key != "//":
                yield member


def _objects(values: list[Value], faults: list[ast.Fault]) -> Iterator[JsonObject]:
    """Yield the objects among values and in arrays among them."""
    for value in values:
        if isinstance(value, JsonObject):
            yield value
        elif isinstance(value, JsonArray):
            for item in value.items:
                if isinstance(item, JsonObject):
                    yield item
                elif not isinstance(item, JsonScalar) or item.value is not None:
                    faults.append(ast.Fault("expected an object", item.start))
        elif value.value is not None:
            faults.append(ast.Fault("expected an object, or an array of objects", value.start))


def _comments(root: Value) -> Iterator[tuple[int, int]]:
    """Yield the spans of members named ``//``."""
    pending = [root]
    while pending:
        value = pending.pop()
        if isinstance(value, JsonArray):
            pending += value.items
        elif isinstance(value, JsonObject):
            for member in value.members:
                if member.key == "//":
                    yield member.start, member.value.end
                else:
                    pending.append(member.value)


def parse_value(text: str) -> Value:
    """Parse JSON into a value with positions. Raise Unexpected for the first fault."""
    import json

    fault = None
    text = text.replace("\ufeff", " ", 1) if text.startswith("\ufeff") else text
    try:
        json.JSONDecoder(parse_int=str, parse_float=str).decode(text)
    except json.JSONDecodeError as error:
        fault = _fault(text, error)
    except RecursionError:
        pass  # reported below, with its position
    first = fault
    try:
        value = parse(text, _ScalarDecoder(text).decode, MAX_BRACKETS)
    except TooDeepError as error:
        first = HclSyntaxError("the nesting is too deep", error.at)
    except HclSyntaxError as error:
        first = error
    except NotJsonError:
        pass
    if first is None:
        return value
    raise first if fault is None or first.at < fault.at else fault


class _ScalarDecoder:
    """Decoder for the scalars and keys of a text."""

    def __init__(self, text: str) -> None:
        import json

        self.text = text
        self.raw = json.JSONDecoder().decode

    def decode(self, written: str, at: int) -> Plain:
        """Decode the scalar ``written`` at an offset. Raise Unexpected; LostError if it is not JSON."""
        if written[0] == '"':
            try:
                found = str(self.raw(written)) if "\\" in written else written[1:-1]
            except ValueError:
                raise NotJsonError from None
            if not found.isascii() and SURROGATE.search(found):
                raise HclSyntaxError("this escape is not a Unicode character", at)
            return found
        if written in _WORDS:
            return _WORDS[written]
        if written in _CONSTANTS:
            raise unexpected(self.text + END, at, "a value")
        if _number(written) is None:
            raise NotJsonError
        return number_of(written, at)


def _fault(text: str, error: JSONDecodeError) -> HclSyntaxError:
    """Return the fault that the standard library's decoder found."""
    at, message = error.pos, error.msg
    wording = next((words for start, words in _IN_STRING.items() if message.startswith(start)), None)
    if wording is not None:
        return HclSyntaxError(wording, at)
    expected = next((words for start, words in _EXPECTED.items() if message.startswith(start)), None)
    if expected is None:
        opened: list[str] = []
        for match in _bracket(text, 0, at):
            if match[1]:
                opened.append(match[1])
            elif match[0] in {"}", "]"}:
                opened.pop()
        is_object = opened[-1] == "{"
        expected = "`,` or `}`" if is_object else "`,` or `]`"
        if message.startswith("Illegal trailing comma"):  # since Python 3.13, at the comma
            at, expected = _blank(text, at + 1).end(), "a key in double quotes" if is_object else "a value"
    return unexpected(text + END, at, expected)


def lower(value: Value, mode: Mode, start: int, end: int) -> ast.Expression:
    """Return the expression of a value. Raise Unexpected.

    All nodes get the span of the member with the nearest key, which is from ``start`` to ``end``; so do those of values
    in an array.
    """
    if isinstance(value, JsonScalar):
        if isinstance(value.value, str) and mode is not Mode.LITERAL:
            return _text(value.value, mode, start, end, value.start)
        return ast.Literal(start, end, value.value)
    if isinstance(value, JsonArray):
        return ast.Array(start, end, tuple([lower(item, mode, start, end) for item in value.items]))
    last: dict[str, JsonMember] = {}
    for member in value.members:
        if member.key in last and member.key != "//":
            raise HclSyntaxError(REPEATED, member.start)
        last[member.key] = member
    return ast.Object(start, end, tuple([_property(member, mode) for member in last.values()]))


def _property(member: JsonMember, mode: Mode) -> ast.Property:
    """Return one member of an object, whose key may be a template."""
    key: str | ast.Expression = member.key
    if mode is not Mode.LITERAL and "{" in member.key:
        node = _text(member.key, Mode.TEMPLATE, member.start, member.key_end, member.start)
        key = node.value if isinstance(node, ast.Literal) and isinstance(node.value, str) else node
    return ast.Property(member.start, member.value.end, key, lower(member.value, mode, member.start, member.value.end))


def _text(text: str, mode: Mode, start: int, end: int, at: int) -> ast.Expression:
    """Parse a string at an offset according to its mode."""
    if mode is Mode.TEMPLATE and "{" not in text:
        return ast.Literal(start, end, text)
    reader = HclExpressionParser(Scanner(text))
    try:
        if mode is Mode.REFERENCE and "${" not in text:
            node = reader.read_expression(0, len(text))
        else:
            node = assemble(reader.lines(0, len(text)), 0, len(text))
    except HclSyntaxError as error:
        raise HclSyntaxError(error.message, at) from None
    _set_spans(node, start, end)
    return node


def _set_spans(root: ast.Node, start: int, end: int) -> None:
    pending: list[object] = [root]
    while pending:
        node = pending.pop()
        if isinstance(node, tuple):
            pending += node
        elif isinstance(node, ast.Node):
            force_setattr(node, "start", start)
            force_setattr(node, "end", end)
            pending += [getattr(node, name) for name in node.__struct_fields__[2:]]
