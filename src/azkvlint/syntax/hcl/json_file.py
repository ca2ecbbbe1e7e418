"""A Terraform file in JSON -> the same blocks and attributes that one in Terraform's own language is made of.

What is a block there and what an attribute depends on where it stands; source: "JSON Configuration Syntax" in
Terraform's documentation (developer.hashicorp.com/terraform/language/syntax/json).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

import msgspec

from azkvlint.syntax import ast
from azkvlint.syntax.hcl.document import Attribute, Block, Body, File
from azkvlint.syntax.hcl.json_expressions import Mode, lower
from azkvlint.syntax.hcl.json_value import JsonArray, JsonObject, Member, Scalar, Value, read
from azkvlint.syntax.hcl.tokens import MAX_FAULTS, Unexpected


class Kind(msgspec.Struct, frozen=True):
    """A kind of block: how many labels it has, what blocks may stand in it, and how its attributes are to be read.

    Blocks that are not named in ``blocks`` cannot be told from attributes, and are attributes.
    """

    labels: int = 0
    blocks: Mapping[str, Kind] = {}
    modes: Mapping[str, Mode] = {}
    mode: Mode = Mode.TEMPLATE


_PLAIN = Kind()
_CONDITIONS = {"precondition": _PLAIN, "postcondition": _PLAIN}
_REFERENCES = dict.fromkeys(("depends_on", "provider", "providers"), Mode.REFERENCE)
_LIFECYCLE = Kind(blocks=_CONDITIONS, modes=dict.fromkeys(("ignore_changes", "replace_triggered_by"), Mode.REFERENCE))
_PROVISIONER = Kind(1, {"connection": _PLAIN})
# A content may have dynamic blocks in it, to any depth.
_CONTENT_BLOCKS: dict[str, Kind] = {}
_DYNAMIC = Kind(1, {"content": Kind(0, _CONTENT_BLOCKS)})
_CONTENT_BLOCKS["dynamic"] = _DYNAMIC
_RESOURCE = Kind(
    2,
    {"lifecycle": _LIFECYCLE, "provisioner": _PROVISIONER, "connection": _PLAIN, "dynamic": _DYNAMIC},
    _REFERENCES,
)
_FROM_TO = {"from": Mode.REFERENCE, "to": Mode.REFERENCE, "provider": Mode.REFERENCE}
_TERRAFORM = Kind(
    blocks={
        "required_providers": _PLAIN,
        "backend": Kind(1),
        "cloud": Kind(blocks={"workspaces": _PLAIN}),
        "provider_meta": Kind(1),
    }
)
_ROOT = Kind(
    blocks={
        "resource": _RESOURCE,
        "data": _RESOURCE,
        "ephemeral": _RESOURCE,
        "variable": Kind(1, {"validation": _PLAIN}, {"default": Mode.LITERAL, "type": Mode.REFERENCE}),
        "output": Kind(1, {"precondition": _PLAIN}, _REFERENCES),
        "module": Kind(1, modes=_REFERENCES),
        "provider": Kind(1, {"dynamic": _DYNAMIC}),
        "check": Kind(1, {"data": _RESOURCE, "assert": _PLAIN}),
        "terraform": _TERRAFORM,
        "locals": _PLAIN,
        "moved": Kind(modes=_FROM_TO),
        "import": Kind(modes=_FROM_TO),
        "removed": Kind(0, {"lifecycle": _PLAIN, "provisioner": _PROVISIONER}, _FROM_TO),
    },
    mode=Mode.LITERAL,
)
_VARIABLES = Kind(mode=Mode.LITERAL)
# Files of Terragrunt and of Terraform Stacks.
TERRAGRUNT = Kind(
    blocks={
        "terraform": Kind(blocks={"extra_arguments": Kind(1)}),
        "locals": _PLAIN,
        "include": _PLAIN,
        "dependency": Kind(1),
        "feature": Kind(1),
        "generate": Kind(1),
        "remote_state": _PLAIN,
        "component": Kind(1),
        "stack": Kind(1),
        "unit": Kind(1),
    }
)

# The labels that were met so far, the key that stands for the block, and what is in it.
_Labelled: TypeAlias = tuple[tuple[str, ...], Member, Value]


def parse_json_file(text: str, *, variables: bool = False, root: Kind = _ROOT) -> File:
    """Return the blocks and attributes of a file in JSON. Never raises: what is not JSON is one fault.

    ``root`` are the blocks that it may have, by default those of a .tf.json or .tofu.json file.
    ``variables``: it is a file of variables, in which all is attributes. In other files, too, what is on the top level
    and no block is an attribute. A file's comments are the members of the name ``//``.
    """
    try:
        value = read(text)
    except Unexpected as error:
        return File(text, Body({}, ()), (), (ast.Fault(f"not JSON: {error.message}", error.at),))
    body = _body(_VARIABLES if variables else root, [value])
    return File(text, Body(body.attributes, body.blocks), sorted(_comments(value)), body.faults)


class _Source(msgspec.Struct, gc=False):
    """What one member of an object holds: an attribute's value, or a block's body."""

    kind: Kind
    value: Value
    mode: Mode = Mode.TEMPLATE

    def expression(self, attribute: Attribute) -> ast.Expression:
        """The expression of an attribute. Raises Unexpected."""
        return lower(self.value, self.mode, attribute.start, attribute.value_start)

    def body(self, _block: Block) -> Body:
        """The attributes and blocks within a block."""
        return _body(self.kind, [self.value])


def _body(kind: Kind, values: list[Value]) -> Body:
    """The body that ``values`` make, which are objects or arrays of them."""
    attributes: dict[str, Attribute] = {}
    blocks: list[Block] = []
    faults: list[ast.Fault] = []
    for member in _members(values, faults):
        inner = kind.blocks.get(member.key)
        if inner is None or (kind.mode is Mode.LITERAL and isinstance(member.value, Scalar)):
            mode = kind.modes.get(member.key, kind.mode)
            source = _Source(kind, member.value, mode)
            value = member.value
            # Of a key that is given twice the last one counts, and stands where it was given last.
            attributes.pop(member.key, None)
            attributes[member.key] = Attribute(member.key, member.start, value.end, value.start, source)
        else:
            blocks += _blocks(inner, member, faults)
    return Body(attributes, blocks, faults[:MAX_FAULTS])


def _blocks(kind: Kind, member: Member, faults: list[ast.Fault]) -> Iterator[Block]:
    """The blocks of a kind, level by level of labels, each of which may be an array."""
    found: list[_Labelled] = [((), member, member.value)]
    for _ in range(kind.labels):
        found = [
            ((*labels, inner.key), inner, inner.value)
            for labels, _, value in found
            for inner in _members([value], faults)
        ]
    for labels, key, outer in found:
        for value in _objects([outer], faults):
            yield Block(member.key, labels, key.start, key.head, value.start, value.end, _Source(kind, value))


def _members(values: list[Value], faults: list[ast.Fault]) -> Iterator[Member]:
    """The members of all objects, comments left out."""
    for value in _objects(values, faults):
        for member in value.members:
            if member.key != "//":
                yield member


def _objects(values: list[Value], faults: list[ast.Fault]) -> Iterator[JsonObject]:
    """All objects among values and in arrays among them."""
    for value in values:
        if isinstance(value, JsonObject):
            yield value
        elif isinstance(value, JsonArray):
            for item in value.items:
                if isinstance(item, JsonObject):
                    yield item
                elif not isinstance(item, Scalar) or item.value is not None:
                    faults.append(ast.Fault("expected an object", item.start))
        elif value.value is not None:
            faults.append(ast.Fault("expected an object, or an array of objects", value.start))


def _comments(root: Value) -> Iterator[tuple[int, int]]:
    """Where the members of the name ``//`` stand."""
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
