"""Find the secrets in the text of one file of Terraform: what excerpts and edits hide."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from azkvlint.azure.azurerm.secret_attributes import APP_SETTINGS
from azkvlint.syntax.hcl.parse import Attribute, Block, HclFile
from azkvlint.values.secrecy import Span, Spans, has_literal, is_marked, names_secret, secret_spans

# Arguments that mark a variable or output as secret.
SECRET_FLAGS = ("sensitive", "ephemeral")


class TerraformFileSecrets:
    """The secrets of one file. ``found`` are the ranges whose values are known to be secret."""

    def __init__(self, file: HclFile, found: Sequence[Span]) -> None:
        self.found: Sequence[Span] = found
        self.cache: dict[tuple[Span, ...], Any] = {}
        self._found = Spans(found)
        # By the identity of attributes, which the file keeps: many findings are shown with the same lines.
        self._spans: dict[int, tuple[Span, ...]] = {}
        self._values: dict[Span, int] = {}
        # Only blocks that a report shows are parsed.
        self._blocks = sorted(((block.start, block.end, block) for block in file.body.blocks), key=_span)
        own = [(one.start, one.end, one, False) for one in file.body.attributes.values()]
        self._attributes: dict[int, list[_Attribute]] = {-1: sorted(own, key=_span)}
        # Blocks all of whose attributes were searched and have no secret. One line may have thousands of blocks, and
        # each place in it is shown with many of them.
        self._without_secrets: set[int] = set()

    def within(self, low: int, high: int) -> list[Span]:
        """Return the secret spans between two offsets. Of an attribute, the name is not secret."""
        spans = list(self._of(self._attributes[-1], low, high))
        for index in range(max(bisect_left(self._blocks, low, key=_start) - 1, 0), len(self._blocks)):
            start, end, block = self._blocks[index]
            if start >= high:
                break
            if index in self._without_secrets:
                continue
            if index not in self._attributes:
                self._attributes[index] = sorted(_in_block(block), key=_span)
            secrets = list(self._of(self._attributes[index], low, high))
            spans += secrets
            if not secrets and low <= start and end <= high:
                self._without_secrets.add(index)
        found = self._found.within(low, high)
        return [*((self._values.get(span, span[0]), span[1]) for span in found), *spans]

    def _of(self, attributes: Sequence[_Attribute], low: int, high: int) -> Iterator[Span]:
        """Return the secret spans of the attributes between two offsets; attributes are not nested."""
        for index in range(max(bisect_left(attributes, low, key=_start) - 1, 0), len(attributes)):
            start, end, attribute, sensitive = attributes[index]
            if start >= high:
                return
            if end > low:
                self._values[start, end] = attribute.value_start
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
    """Yield all attributes in a block."""
    is_variable = outer.type == "variable"
    is_secret = is_variable and is_sensitive(outer)
    waiting = [(outer, False)]
    while waiting:
        block, is_below = waiting.pop()
        for name, attribute in block.body.attributes.items():
            is_hidden = is_secret and name == "default" if is_variable else is_below
            sensitive = is_hidden and is_written(attribute)
            yield attribute.start, attribute.end, attribute, sensitive
        waiting += [(inner, is_below or _is_of_secret(inner)) for inner in block.body.blocks]


def _is_of_secret(block: Block) -> bool:
    """Return whether a nested block is named for a secret: ``secret { }``, ``dynamic "credential" { }``."""
    return any(map(names_secret, (block.type, *block.labels)))


def is_sensitive(block: Block) -> bool:
    """Return whether a variable is sensitive: by its name, or by arguments that are not certainly false."""
    attributes = block.body.attributes
    flags = [attributes[flag].expression() for flag in SECRET_FLAGS if flag in attributes]
    return any(map(names_secret, block.labels)) or is_marked(flags)


def is_written(attribute: Attribute) -> bool:
    """Return whether an attribute contains a literal value, not only references."""
    node = attribute.expression()
    return node is None or has_literal(node)


def _in_attribute(attribute: Attribute) -> Iterator[Span]:
    node = attribute.expression()
    secret = names_secret(attribute.name) or attribute.name == APP_SETTINGS
    if node is None:
        # A value that is not a valid expression may contain anything.
        if secret:
            yield attribute.value_start, attribute.end
    elif secret:
        # It is unknown which part of the value is the secret.
        if has_literal(node):
            yield attribute.value_start, attribute.end
    else:
        yield from secret_spans(node)
