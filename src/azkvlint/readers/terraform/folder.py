"""The files of one folder -> one module: its declarations, merged as Terraform merges them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from azkvlint.readers.discover import is_override, module_files, names_in
from azkvlint.syntax import ast
from azkvlint.syntax.hcl.document import Attribute, Block, File
from azkvlint.syntax.hcl.parse import parse_file
from azkvlint.syntax.parsed_texts import PARSED_TEXTS
from azkvlint.syntax.positions import source_text
from azkvlint.util.errors import InputError
from azkvlint.util.project_files import MAX_FILE, read_bytes

LOCK_FILE = ".terraform.lock.hcl"
# Blocks that deploy nothing of their own.
_IDLE = frozenset({"check", "import", "action"})


class Piece(NamedTuple):
    """An attribute, and the reported path of its file."""

    path: str
    attribute: Attribute


class Part(NamedTuple):
    """A block, and the reported path of its file."""

    path: str
    block: Block


class Declaration:
    """A top-level block of a module, with its overrides from override files. ``local`` is its address in the module."""

    __slots__ = ("_attributes", "_blocks", "block", "local", "overrides", "path")

    def __init__(self, local: str, part: Part) -> None:
        self.local = local
        self.path, self.block = part
        self.overrides: list[Part] = []
        self._attributes: dict[str, Piece] | None = None
        self._blocks: list[Part] | None = None

    @property
    def attributes(self) -> Mapping[str, Piece]:
        """Return the attributes by name."""
        if self._attributes is None:
            self._attributes = {}
            for path, block in (Part(self.path, self.block), *self.overrides):
                self._attributes |= {name: Piece(path, found) for name, found in block.body.attributes.items()}
        return self._attributes

    @property
    def arguments(self) -> frozenset[str]:
        """Return the names of all attributes and blocks that are written."""
        return frozenset(self.attributes) | {_type_of(part.block) for part in self.blocks}

    @property
    def is_damaged(self) -> bool:
        """Return whether a part of the declaration could not be read."""
        return bool(self.block.body.faults) or any(part.block.body.faults for part in self.overrides)

    @property
    def blocks(self) -> list[Part]:
        """Return the blocks in it; those of an override replace all of the same type (a dynamic one's is its label)."""
        if self._blocks is None:
            found = [Part(self.path, block) for block in self.block.body.blocks]
            for path, over in self.overrides:
                types = {_type_of(block) for block in over.body.blocks}
                found = [part for part in found if _type_of(part.block) not in types]
                found += [Part(path, block) for block in over.body.blocks]
            self._blocks = found
        return self._blocks


def _type_of(block: Block) -> str:
    return block.labels[0] if block.type == "dynamic" and block.labels else block.type


class ModuleFile(NamedTuple):
    """One file of a module, under the name that reports call it."""

    path: str
    parsed: File


class Folder:
    """A module as written. ``path`` is the reported path of its folder, ``directory`` the real path.

    ``resources`` also contains data sources (``data.TYPE.NAME``) and ephemeral resources. ``twins`` are declarations
    with a duplicate address, ``misfits`` are blocks of unsupported types; Terraform rejects both. ``unreadable`` are
    files by their reported path, ``names`` the names of all entries of the folder.
    """

    def __init__(
        self,
        path: str,
        directory: str,
        files: tuple[ModuleFile, ...],
        overrides: frozenset[str] = frozenset(),
        unreadable: Mapping[str, InputError] | None = None,
        names: frozenset[str] = frozenset(),
    ) -> None:
        self.path = path
        self.directory = directory
        self.files = files
        self.unreadable = unreadable or {}
        self.names = names
        self.variables: dict[str, Declaration] = {}
        self.outputs: dict[str, Declaration] = {}
        self.resources: dict[str, Declaration] = {}
        self.modules: dict[str, Declaration] = {}
        self.providers: list[Part] = []
        self.settings: list[Part] = []
        self.removed: list[Part] = []
        self.moved: list[Part] = []
        self.locals: dict[str, Piece] = {}
        self.duplicates: list[Part] = []
        self.misfits: list[Part] = []
        for file in files:
            for block in file.parsed.body.blocks:
                self._add(Part(file.path, block), file.path in overrides)

    def _add(self, part: Part, overrides: bool) -> None:
        block = part.block
        labels = block.labels
        match block.type:
            case "resource" if len(labels) == 2:
                self._declare(self.resources, f"{labels[0]}.{labels[1]}", part, overrides)
            case "data" | "ephemeral" if len(labels) == 2:
                self._declare(self.resources, f"{block.type}.{labels[0]}.{labels[1]}", part, overrides)
            case "variable" if len(labels) == 1:
                self._declare(self.variables, labels[0], part, overrides)
            case "output" if len(labels) == 1:
                self._declare(self.outputs, labels[0], part, overrides)
            case "module" if len(labels) == 1:
                self._declare(self.modules, labels[0], part, overrides)
            case "locals":
                for name, found in block.body.attributes.items():
                    if overrides or name not in self.locals:
                        self.locals[name] = Piece(part.path, found)
            case "provider" | "terraform" | "removed" | "moved" as word:
                {
                    "provider": self.providers,
                    "terraform": self.settings,
                    "removed": self.removed,
                    "moved": self.moved,
                }[word].append(part)
            case _ if block.type not in _IDLE:
                self.misfits.append(part)

    def _declare(self, where: dict[str, Declaration], name: str, part: Part, overrides: bool) -> None:
        have = where.get(name)
        if have is None:
            where[name] = Declaration(name, part)
        elif overrides:
            have.overrides.append(part)
        else:
            self.duplicates.append(part)

    @property
    def is_damaged(self) -> bool:
        """Return whether a part of its files could not be read or understood."""
        return bool(self.unreadable or self.misfits) or any(file.parsed.faults for file in self.files)

    @property
    def declares_root(self) -> bool:
        """Return whether the folder is a root module by declaration: it configures a provider or a backend."""
        blocks = (block for part in self.settings for block in part.block.body.blocks)
        return bool(self.providers) or any(block.type in ("backend", "cloud") for block in blocks)


class ModuleSource(NamedTuple):
    """The module that a call names. ``is_foreign``: its caller cannot edit it, so reports are about the call."""

    folder: Folder
    is_foreign: bool


def load_folder(path: str, directory: str) -> Folder:
    """Return the module in a folder. Raises InputError if the folder cannot be listed."""
    names = names_in(directory)
    files: list[ModuleFile] = []
    overrides: set[str] = set()
    unreadable: dict[str, InputError] = {}
    for name in sorted(module_files(names), key=lambda name: (is_override(name), name)):
        reported = f"{path}/{name}" if path not in ("", ".") else name
        try:
            files.append(ModuleFile(reported, parse(os.path.join(directory, name))))
        except InputError as error:
            unreadable[reported] = error
        if is_override(name):
            overrides.add(reported)
    return Folder(path, directory, tuple(files), frozenset(overrides), unreadable, names)


def parse(file: str, *, variables: bool = False) -> File:
    """Parse one file; ``variables``: it is a variable definitions file. Raises InputError if it cannot be read."""
    return parse_text(file, source_text(read_bytes(file, MAX_FILE)), variables=variables)


def parse_text(file: str, text: str, *, variables: bool = False) -> File:
    """Parse the text of a file in the syntax that its name implies."""
    if not file.endswith(".json"):
        return PARSED_TEXTS.parsed(parse_file, text)
    from azkvlint.syntax.hcl.json_file import parse_json_file

    return parse_json_file(text, variables=variables)


def calls(folder: Folder) -> Iterator[tuple[str, str | None]]:
    """Yield the modules that a folder calls: the call's name, and its source if that is a literal."""
    for name, declaration in folder.modules.items():
        piece = declaration.attributes.get("source")
        node = piece.attribute.expression() if piece is not None else None
        source = node.value if isinstance(node, ast.Literal) else None
        yield name, source if isinstance(source, str) else None


def removed_types(folder: Folder) -> set[str]:
    """Return the resource types in the removed blocks of a module."""
    return {steps[-2] for part in folder.removed if (steps := removed_steps(part))}


def removed_steps(part: Part) -> list[str]:
    """Return the steps of ``from`` if it is one managed resource, in this module or in one that it called."""
    written = part.block.body.attributes.get("from")
    steps = list(traversal_steps(written.expression())) if written is not None else []
    own = steps
    while len(own) > 2 and own[0] == "module":
        own = own[2:]
    return steps if len(own) == 2 and own[0] != "module" else []


def traversal_steps(node: ast.Node | None) -> Iterator[str]:
    """Yield the names of a reference such as ``network_acls[0].ip_rules``, without its indexes."""
    match node:
        case ast.Name(name=name) | ast.Literal(value=str() as name):
            yield from name.split(".")
        case ast.Member(of=of, name=name):
            yield from traversal_steps(of)
            yield name
        case ast.Item(of=of):
            yield from traversal_steps(of)
