"""What one Bicep file takes from others: variables, functions and types."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from azkvlint.evaluation.values import Result
from azkvlint.model.location import Location
from azkvlint.model.value import Scalar, Unknown
from azkvlint.readers.bicep import local_files
from azkvlint.syntax import ast

if TYPE_CHECKING:
    from azkvlint.readers.bicep.module_evaluation import Instance

# Imports of imports of imports, and so on, with nothing between.
_MAX_HOPS = 50


class Imports:
    """The names that one file may use, its own and those of others. A file that cannot be read brings nothing."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self._there: dict[int, Instance | None] = {}

    def value(self, node: ast.Import, name: str) -> Result:
        """What a variable of another file amounts to."""
        there = self.of(node)
        found = there.value(name) if there is not None and name in there.file.symbols else None
        if found is None and there is not None and name in there.file.imported:
            found = there.value(name)
        at = self.instance.place(node)
        return found if found is not None else Unknown(at=at, why=f"the import '{name}' cannot be read")

    def function(self, space: str, name: str, hops: int = 0) -> tuple[Instance, ast.Function] | None:
        """A function by its name here, or by its name in the file that ``space`` stands for."""
        instance = self.instance
        if space:
            there = self.of(instance.file.namespaces[space])
            return None if there is None or hops > _MAX_HOPS else there.imports.function("", name, hops + 1)
        node = instance.file.symbols.get(name)
        if node is not None:
            return (instance, node) if isinstance(node, ast.Function) else None
        found = instance.file.imported.get(name)
        there = None if found is None or hops > _MAX_HOPS else self.of(found[0])
        return None if found is None or there is None else there.imports.function("", found[1], hops + 1)

    def type(self, name: str, hops: int = 0) -> tuple[Instance, ast.TypeDeclaration] | None:
        """A declared type by its name here (``name`` or ``alias.name``), and the file that it stands in."""
        instance = self.instance
        own = instance.file.types.get(name)
        if own is not None:
            return instance, own
        space, dot, inner = name.partition(".")
        if dot and space in instance.file.namespaces:
            source, name = instance.file.namespaces[space], inner
        elif name in instance.file.imported:
            source, name = instance.file.imported[name]
        else:
            return None
        there = self.of(source) if hops < _MAX_HOPS else None
        return None if there is None else there.imports.type(name, hops + 1)

    def of(self, node: ast.Import) -> Instance | None:
        """The file that an import names, read without parameters; None if it cannot be read."""
        if node.start not in self._there:
            path = node.path.value if isinstance(node.path, ast.Literal) else None
            self._there[node.start] = (
                local_files.imported(self.instance, path, self.instance.place(node.path))
                if isinstance(path, str)
                else None
            )
        return self._there[node.start]


class Namespace:
    """All that a file exports, under one name."""

    def __init__(self, instance: Instance, node: ast.Import) -> None:
        self.instance = instance
        self.node = node
        self.at = instance.place(node)

    def member(self, name: str, at: Location) -> Result:
        """A variable of the file."""
        found = self.instance.imports.value(self.node, name)
        return msgspec.structs.replace(found, at=at) if isinstance(found, Unknown) else found

    def item(self, index: Result, at: Location) -> Result:
        """A variable by its name."""
        if isinstance(index, Scalar) and isinstance(index.value, str):
            return self.member(index.value, at)
        return Unknown(at=at, why="what is imported is no array")
