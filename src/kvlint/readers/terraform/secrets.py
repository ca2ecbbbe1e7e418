"""What an excerpt of a Terraform file must not show: values behind names that speak of secrets, and sensitive ones."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from kvlint.readers.places import is_address, names_secret, tells_secret
from kvlint.syntax import tree
from kvlint.syntax.hcl.document import Attribute, Block, File

Span: TypeAlias = tuple[int, int]

# What a permission is for is no secret: ``secret_permissions``.
_NO_SECRET = "permissions"
# What an app is given may be anything.
_SETTINGS = "app_settings"
_TRUE = (True, "true")


class FileSecrets:
    """What must not be shown of one file. ``found`` are places whose values turned out to be secret."""

    def __init__(self, file: File, found: Sequence[Span]) -> None:
        self._found = sorted(found)
        self._longest = max((end - start for start, end in found), default=0)
        # By the identity of attributes, which the file keeps: many findings are shown with the same lines.
        self._spans: dict[int, tuple[Span, ...]] = {}
        # Only the blocks that somebody sees are looked into.
        self._blocks = sorted(((block.start, block.end, block) for block in file.body.blocks), key=_span)
        own = [(one.start, one.end, one, False) for one in file.body.attributes.values()]
        self._attributes: dict[int, list[_Attribute]] = {-1: sorted(own, key=_span)}

    def within(self, low: int, high: int) -> list[Span]:
        """Return what must not be shown between two offsets."""
        first, last = bisect_left(self._found, (low - self._longest, 0)), bisect_left(self._found, (high, 0))
        spans = [span for span in self._found[first:last] if low < span[1]]
        spans += self._of(self._attributes[-1], low, high)
        for index in range(max(bisect_left(self._blocks, low, key=_start) - 1, 0), len(self._blocks)):
            start, _, block = self._blocks[index]
            if start >= high:
                break
            if index not in self._attributes:
                self._attributes[index] = sorted(_in_block(block), key=_span)
            spans += self._of(self._attributes[index], low, high)
        return spans

    def _of(self, attributes: Sequence[_Attribute], low: int, high: int) -> Iterator[Span]:
        """Return what must not be shown of the attributes between two offsets; they are not within each other."""
        for index in range(max(bisect_left(attributes, low, key=_start) - 1, 0), len(attributes)):
            start, end, attribute, sensitive = attributes[index]
            if start >= high:
                return
            if end > low:
                spans = self._spans.get(id(attribute))
                if spans is None:
                    found = [(attribute.value_start, end)] if sensitive else _in_attribute(attribute)
                    spans = self._spans[id(attribute)] = tuple(found)
                yield from spans


# Where it starts and ends, and whether its value is secret whatever it is.
_Attribute: TypeAlias = tuple[int, int, Attribute, bool]


def _start(one: tuple[int, int, object] | _Attribute) -> int:
    return one[0]


def _span(one: tuple[int, int, object] | _Attribute) -> Span:
    return one[0], one[1]


def _in_block(outer: Block) -> Iterator[_Attribute]:
    """All attributes in a block."""
    waiting = [outer]
    while waiting:
        block = waiting.pop()
        sensitive = _is_sensitive(block)
        for name, attribute in block.body.attributes.items():
            yield attribute.start, attribute.end, attribute, sensitive and name == "default"
        waiting += block.body.blocks


def _is_sensitive(block: Block) -> bool:
    """Whether a block is a variable whose values are secret."""
    if block.type != "variable":
        return False
    found = (block.body.attributes.get(name) for name in ("sensitive", "ephemeral"))
    nodes = (attribute.expression() for attribute in found if attribute is not None)
    return any(isinstance(node, tree.Literal) and node.value in _TRUE for node in nodes)


def _in_attribute(attribute: Attribute) -> Iterator[Span]:
    node = attribute.expression()
    secret = speaks_of_secret(attribute.name) or attribute.name == _SETTINGS
    if node is None:
        # What is no expression may hold anything.
        if secret:
            yield attribute.value_start, attribute.end
    elif secret and not _is_of_objects(node):
        # In JSON an item has no place of its own, so the whole is hidden.
        if _tells(node):
            yield attribute.value_start, attribute.end
    else:
        yield from _secrets(node, secret)


def _is_of_objects(node: tree.Node) -> bool:
    """Whether a value is an object, or a list of them, whose members speak for themselves."""
    if isinstance(node, tree.Array):
        return all(isinstance(item, tree.Object) for item in node.items)
    return isinstance(node, tree.Object)


def speaks_of_secret(name: object) -> bool:
    """Whether what stands behind a name is secret."""
    return isinstance(name, str) and names_secret(name) and not name.lower().endswith(_NO_SECRET)


def _secrets(node: tree.Node, secret: bool) -> Iterator[Span]:
    """The secrets in an expression. ``secret``: it stands behind a name that speaks of one."""
    match node:
        case tree.Object(members=members):
            for member in members:
                if isinstance(member, tree.Property):
                    named = speaks_of_secret(member.key)
                    yield from _secrets(member.value, named or (secret and not isinstance(member.value, tree.Object)))
        case tree.Array(items=items):
            for item in items:
                yield from _secrets(item, secret and not isinstance(item, tree.Object))
        case tree.Call(name="sensitive") if _tells(node):
            yield node.start, node.end
        case tree.Literal(value=str() as text) if secret or tells_secret(text):
            if _tells(node):
                yield node.start, node.end
        case _ if not secret:
            for child in _children(node):
                yield from _secrets(child, secret=False)
        case _ if _tells(node):
            yield node.start, node.end


def _tells(node: tree.Node) -> bool:
    """Whether an expression holds a text of its own."""
    if isinstance(node, tree.Literal):
        return isinstance(node.value, str) and bool(node.value) and not is_address(node.value)
    return any(_tells(child) for child in _children(node))


def _children(node: tree.Node) -> Iterator[tree.Node]:
    for name in node.__struct_fields__:
        value = getattr(node, name)
        if isinstance(value, tree.Node):
            yield value
        elif isinstance(value, tuple):
            yield from (item for item in value if isinstance(item, tree.Node))
