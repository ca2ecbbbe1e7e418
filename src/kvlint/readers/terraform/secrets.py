"""What an excerpt of a Terraform file must not show: values behind names that speak of secrets, and sensitive ones."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from kvlint.readers.places import is_address, names_secret
from kvlint.syntax import tree
from kvlint.syntax.hcl.document import Attribute, Block, Body, File

Span: TypeAlias = tuple[int, int]

# What a permission is for is no secret: ``secret_permissions``.
_NO_SECRET = "permissions"
_TRUE = (True, "true")


class FileSecrets:
    """What must not be shown of one file. ``found`` are places whose values turned out to be secret."""

    def __init__(self, file: File, found: Sequence[Span]) -> None:
        self._file = file
        self._found = found
        self._attributes: list[tuple[int, int, Attribute, bool]] | None = None

    def within(self, low: int, high: int) -> list[Span]:
        """What must not be shown between two offsets."""
        if self._attributes is None:
            self._attributes = sorted(_attributes(self._file.body), key=lambda one: one[:2])
        spans = [span for span in self._found if span[0] < high and low < span[1]]
        index = bisect_left(self._attributes, (low,))
        # Attributes do not lie within each other, so only one can reach over ``low``.
        for start, end, attribute, sensitive in self._attributes[max(index - 1, 0) :]:
            if start >= high:
                break
            if end > low:
                spans += [(attribute.value_start, end)] if sensitive else _in_attribute(attribute)
        return spans


def _attributes(body: Body) -> Iterator[tuple[int, int, Attribute, bool]]:
    """All attributes of a file, and whether the value of each is secret whatever it is."""
    waiting: list[tuple[Body, bool]] = [(body, False)]
    while waiting:
        here, sensitive = waiting.pop()
        for name, attribute in here.attributes.items():
            yield attribute.start, attribute.end, attribute, sensitive and name == "default"
        waiting += [(block.body, _is_sensitive(block)) for block in here.blocks]


def _is_sensitive(block: Block) -> bool:
    """Whether a block is a variable whose values are secret."""
    if block.type != "variable":
        return False
    found = (block.body.attributes.get(name) for name in ("sensitive", "ephemeral"))
    nodes = (attribute.expression() for attribute in found if attribute is not None)
    return any(isinstance(node, tree.Literal) and node.value in _TRUE for node in nodes)


def _in_attribute(attribute: Attribute) -> Iterator[Span]:
    node = attribute.expression()
    secret = _speaks(attribute.name)
    if node is None:
        # What is no expression may hold anything.
        if secret:
            yield attribute.value_start, attribute.end
    elif secret and not isinstance(node, tree.Object | tree.Array):
        if _tells(node):
            yield attribute.value_start, attribute.end
    else:
        yield from _secrets(node, secret)


def _speaks(name: object) -> bool:
    return isinstance(name, str) and names_secret(name) and not name.lower().endswith(_NO_SECRET)


def _secrets(node: tree.Node, secret: bool) -> Iterator[Span]:
    """The secrets in an expression. ``secret``: it stands behind a name that speaks of one."""
    match node:
        case tree.Object(members=members):
            for member in members:
                if isinstance(member, tree.Property):
                    named = _speaks(member.key)
                    nested = isinstance(member.value, tree.Object | tree.Array)
                    yield from _secrets(member.value, named or (secret and not nested))
        case tree.Array(items=items):
            for item in items:
                yield from _secrets(item, secret and not isinstance(item, tree.Object))
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
