"""Read YAML files of rows into structs, and collect their faults: in a checkout and at build, never in a wheel."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from azkvlint.syntax.yaml_nodes import MapNode, Node, ScalarNode, compose, data
from azkvlint.util.errors import TableError
from azkvlint.util.project_files import read_data

_T = TypeVar("_T")
AZURE_TYPE = re.compile(r"((Microsoft|NGINX)\.[A-Za-z]+|Terraform)(/[A-Za-z0-9]+)+")
_PROPERTY = re.compile(r"properties(\.[A-Za-z][A-Za-z0-9_]*)+")


class Place(msgspec.Struct, frozen=True):
    """A line of a file."""

    path: str
    line: int
    column: int


class RowReader:
    """Reads files of one table."""

    def __init__(self) -> None:
        self._faults: list[str] = []

    def fault(self, place: Place, text: str) -> None:
        """Record a fault."""
        self._faults.append(f"{place.path}:{place.line}:{place.column}: {text}")

    def raise_faults(self) -> None:
        """Raise TableError if there is any fault."""
        if self._faults:
            raise TableError(tuple(self._faults))

    def compose(self, path: str, text: str, type_: type[_T]) -> tuple[Node, _T] | None:
        """Return a file as nodes and as ``type_``, which has a ``source``; None, with a fault, if it is not valid."""
        document = compose(text)
        for one in document.faults:
            self.fault(Place(path, one.line, one.column), one.text)
        start = Place(path, 1, 1)
        file = self.convert(document.root, type_, start) if document.root and not document.faults else None
        if document.root is None or file is None:
            return None
        source = child(document.root, "source")
        if not isinstance(source, ScalarNode) or not str(source.value).strip():
            self.fault(start, "`source` is empty")
        return document.root, file

    def convert(self, node: Node, type_: type[_T], place: Place) -> _T | None:
        """Return a node as ``type_``; None, with a fault, if it does not have that form."""
        try:
            return msgspec.convert(data(node), type_)
        except msgspec.ValidationError as error:
            self.fault(place, str(error))
            return None


def entries(node: Node | None) -> tuple[tuple[ScalarNode, Node], ...]:
    """Return the keys and values of a mapping; of anything else none."""
    return node.entries if isinstance(node, MapNode) else ()


def child(node: Node, name: str) -> Node | None:
    """Return the value of a key in a mapping."""
    return next((value for key, value in entries(node) if key.value == name), None)


def place_of(path: str, key: ScalarNode) -> Place:
    """Return the place of a key."""
    return Place(path, key.line, key.column)


class TypesFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table by Azure type. ``source`` is that of all rows."""

    source: str
    types: dict[str, Any]


def load_by_type(name: str, row: type[_T]) -> dict[str, _T]:
    """Return a table with one row for each Azure type. Raise TableError with the faults of all rows."""
    reader, path = RowReader(), f"data/{name}.yaml"
    found = {}
    for key, node in _types(reader, path, name):
        converted = reader.convert(node, row, place_of(path, key))
        if converted is not None:
            found[str(key.value)] = converted
    reader.raise_faults()
    return found


def load_by_property(name: str, row: type[_T], faults_of: Callable[[_T], Iterable[str]]) -> dict[str, dict[str, _T]]:
    """Return a table with one row for each property of an Azure type. Raise TableError with the faults of all rows."""
    reader, path = RowReader(), f"data/{name}.yaml"
    found: dict[str, dict[str, _T]] = {}
    for type_, properties in _types(reader, path, name):
        rows = found[str(type_.value)] = {}
        for key, node in entries(properties):
            place = place_of(path, key)
            converted = reader.convert(node, row, place)
            if not _PROPERTY.fullmatch(str(key.value)):
                reader.fault(place, f"`{key.value}` is not a path such as properties.sku.name")
            if converted is not None:
                rows[str(key.value)] = converted
                for text in faults_of(converted):
                    reader.fault(place, text)
    reader.raise_faults()
    return found


def _types(reader: RowReader, path: str, name: str) -> Iterator[tuple[ScalarNode, Node]]:
    """Yield the Azure types of a file with their nodes."""
    composed = reader.compose(path, read_data(f"{name}.yaml").decode(), TypesFile)
    for key, node in entries(child(composed[0], "types")) if composed is not None else ():
        if not AZURE_TYPE.fullmatch(str(key.value)):
            reader.fault(place_of(path, key), f"`{key.value}` is not an Azure type such as Microsoft.KeyVault/vaults")
        yield key, node
