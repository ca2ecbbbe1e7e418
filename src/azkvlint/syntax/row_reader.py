"""Read YAML files of rows into structs, and collect their faults: in a checkout and at build, never in a wheel."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from azkvlint.syntax.yaml_nodes import ListNode, MapNode, Node, ScalarNode, compose, data
from azkvlint.util.errors import TableError, did_you_mean
from azkvlint.util.project_files import read_data

_T = TypeVar("_T")
_AT_FIELD = re.compile(r"(?P<text>.*) - at `\$\.(?P<field>\w+)`")
_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(?P<field>.*)`")


def load_table(name: str, type_: type[_T]) -> _T:
    """Return a file of the folder ``data`` as ``type_``. Raise TableError with its faults."""
    reader, path = RowReader(), f"data/{name}.yaml"
    composed = reader.compose(path, read_data(f"{name}.yaml").decode(), type_)
    if composed is None:
        raise TableError(reader.faults)
    return composed[1]


class TableLine(msgspec.Struct, frozen=True):
    """A line of a file."""

    path: str
    line: int
    column: int


class RowReader:
    """Reads files of one table."""

    def __init__(self) -> None:
        self._faults: list[str] = []

    def fault(self, place: TableLine, text: str) -> None:
        """Record a fault."""
        self._faults.append(f"{place.path}:{place.line}:{place.column}: {text}")

    @property
    def faults(self) -> tuple[str, ...]:
        """Return the faults."""
        return tuple(self._faults)

    def raise_faults(self) -> None:
        """Raise TableError if there is any fault."""
        if self._faults:
            raise TableError(self.faults)

    def compose(self, path: str, text: str, type_: type[_T]) -> tuple[Node, _T] | None:
        """Return a file as nodes and as ``type_``; None, with a fault, if it is not valid or has no ``source``."""
        document = compose(text)
        for one in document.faults:
            self.fault(TableLine(path, one.line, one.column), one.text)
        start = TableLine(path, 1, 1)
        file = self.convert(document.root, type_, start) if document.root and not document.faults else None
        if document.root is None or file is None:
            return None
        source = child(document.root, "source")
        if hasattr(type_, "source") and not (isinstance(source, ScalarNode) and str(source.value).strip()):
            self.fault(start, "`source` is empty")
        return document.root, file

    def convert(
        self, node: Node, type_: type[_T], place: TableLine, added: Mapping[str, Any] | None = None
    ) -> _T | None:
        """Return a node as ``type_``; None, with a fault, if it does not have that form. ``added`` replaces fields."""
        row = data(node)
        try:
            return msgspec.convert(row if added is None else {**row, **added}, type_)
        except msgspec.ValidationError as error:
            self.fault(place, _text_of(str(error), type_))
            return None


def _text_of(text: str, type_: type) -> str:
    """Return the text of a fault, with what a field of ``type_`` accepts."""
    if found := _UNKNOWN_FIELD.fullmatch(text):
        hint = did_you_mean(found["field"], [*get_type_hints(type_)])
        return f"{text} ({hint})" if hint else text
    found = _AT_FIELD.fullmatch(text)
    if found is None or not text.startswith("Invalid enum value"):
        return text
    words = ", ".join(filter(None, map(str, get_args(get_type_hints(type_)[found["field"]]))))
    return f"`{found['field']}`: {found['text'].removeprefix('Invalid enum value ')} is none of {words}"


def entries(node: Node | None) -> tuple[tuple[ScalarNode, Node], ...]:
    """Return the keys and values of a mapping; of anything else none."""
    return node.entries if isinstance(node, MapNode) else ()


def items(node: Node | None) -> tuple[Node, ...]:
    """Return the items of a sequence; of anything else none."""
    return node.items if isinstance(node, ListNode) else ()


def child(node: Node, name: str) -> Node | None:
    """Return the value of a key in a mapping."""
    return next((value for key, value in entries(node) if key.value == name), None)


def place_of(path: str, key: ScalarNode) -> TableLine:
    """Return the place of a key."""
    return TableLine(path, key.line, key.column)
