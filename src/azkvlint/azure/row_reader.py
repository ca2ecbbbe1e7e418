"""Read YAML files of rows about Azure types into structs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from azkvlint.syntax.row_reader import RowReader, child, entries, place_of
from azkvlint.syntax.yaml_nodes import Node, ScalarNode
from azkvlint.util.project_files import read_data

_T = TypeVar("_T")
AZURE_TYPE = re.compile(r"((Microsoft|NGINX)\.[A-Za-z]+|Terraform)(/[A-Za-z0-9]+)+")
_PROPERTY = re.compile(r"properties(\.[A-Za-z][A-Za-z0-9_]*)+")


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
