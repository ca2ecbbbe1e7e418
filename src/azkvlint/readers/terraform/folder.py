"""The files of one folder -> one module: its declarations, merged as Terraform merges them, and its secrets.

A module with many callers is read once in a kvlint run. Root modules are not kept: there may be thousands of them, and
each is read once anyway. Secrets, which an excerpt must not show, are known by their names or are sensitive.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple, TypeAlias

import msgspec

from azkvlint.azure.azurerm.azapi import AZAPI, POLICY_DEFINITIONS, WITH_TEMPLATE
from azkvlint.azure.azurerm.resources import RESOURCES, is_vault_related
from azkvlint.azure.azurerm.secret_attributes import exposing_arguments
from azkvlint.evaluation.budget import MAX_ITEMS
from azkvlint.model.location import Location
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.value import Absent, Path, Scalar
from azkvlint.readers.discover import OPENTOFU, is_of_opentofu, is_override, module_files, names_in
from azkvlint.readers.terraform.file_secrets import SECRET_FLAGS, TerraformFileSecrets
from azkvlint.readers.terraform.map_arguments import TerraformArgumentMap
from azkvlint.syntax import ast
from azkvlint.syntax.hcl.expressions import parse_reference
from azkvlint.syntax.hcl.parse import Attribute, Block, HclFile, parse_file
from azkvlint.syntax.texts import parsed_texts, source_text
from azkvlint.util.errors import InputError
from azkvlint.util.file_tracker import cached
from azkvlint.util.lazy_regex import regex
from azkvlint.util.project_files import MAX_FILE, read_bytes, reported_path, resolve_inside
from azkvlint.values.paths import ANY, names_of, path_of
from azkvlint.values.secrecy import Span, is_marked

LOCK_FILE = ".terraform.lock.hcl"
# Blocks that deploy nothing of their own.
_IDLE = frozenset({"action"})
# The maximum number of cached modules; few projects have more, and the others are read again.
_MOST = 500
_KEY_VAULT = "key_vault"
DEPENDS_ON = "depends_on"


class FileAttribute(msgspec.Struct, gc=False, eq=False):
    """An attribute, and the reported path of its file. It has the same ``literal`` in every use of a module."""

    path: str
    attribute: Attribute
    _at: Location | None = None
    _literal: Scalar | Absent | None = None

    @property
    def at(self) -> Location:
        """Return the location of the attribute."""
        if self._at is None:
            self._at = Location(path=self.path, span=(self.attribute.start, self.attribute.end))
        return self._at

    @property
    def literal(self) -> Scalar | Absent | None:
        """Return the value of the attribute, located there, if it is a literal."""
        if self._literal is None:
            node = self.attribute.expression()
            if type(node) is ast.Literal:
                self._literal = Absent(at=self.at) if node.value is None else Scalar(at=self.at, value=node.value)
        return self._literal


class FileBlock(msgspec.Struct, eq=False):
    """A block, and the reported path of its file."""

    path: str
    block: Block
    _at: Location | None = None
    _attributes: dict[str, FileAttribute] | None = None
    _blocks: list[FileBlock] | None = None
    _arguments: frozenset[str] | None = None

    @property
    def at(self) -> Location:
        """Return the location of its head."""
        if self._at is None:
            self._at = Location(path=self.path, span=(self.block.start, self.block.head))
        return self._at

    @property
    def attributes(self) -> dict[str, FileAttribute]:
        """Return its attributes by name."""
        if self._attributes is None:
            self._attributes = {
                name: FileAttribute(self.path, found) for name, found in self.block.body.attributes.items()
            }
        return self._attributes

    @property
    def blocks(self) -> list[FileBlock]:
        """Return the blocks in it."""
        if self._blocks is None:
            self._blocks = [FileBlock(self.path, block) for block in self.block.body.blocks]
        return self._blocks

    @property
    def arguments(self) -> frozenset[str]:
        """Return the names of all attributes and blocks that are written."""
        if self._arguments is None:
            self._arguments = _names_in(self)
        return self._arguments

    @property
    def is_damaged(self) -> bool:
        """Return whether a part of it could not be read."""
        return bool(self.block.body.faults)


class ExposingArgument(NamedTuple):
    """An argument that shows its value: the attribute in which it is, and the paths at which it may be there."""

    name: str
    piece: FileAttribute
    paths: tuple[Path, ...]


class TerraformDeclaration:
    """A top-level block of a module, with its overrides from override files. ``local`` is its address in the module.

    What does not depend on the use of the module is computed once.
    """

    def __init__(self, local: str, layers: tuple[FileBlock, ...]) -> None:
        self.local = local
        self.layers = layers
        self.path, self.block = layers[0].path, layers[0].block
        self.at = layers[0].at

    def overridden_by(self, part: FileBlock) -> TerraformDeclaration:
        """Return the declaration with another override."""
        return TerraformDeclaration(self.local, (*self.layers, part))

    @property
    def overrides(self) -> tuple[FileBlock, ...]:
        """Return the blocks in override files."""
        return self.layers[1:]

    @cached_property
    def type(self) -> str:
        """Return the Terraform type of a resource or data source."""
        mode, _, rest = self.local.partition(".")
        return rest.partition(".")[0] if mode in ("data", "ephemeral") else mode

    @cached_property
    def attributes(self) -> Mapping[str, FileAttribute]:
        """Return the attributes by name."""
        found = self.layers[0].attributes
        for part in self.overrides:
            found = found | part.attributes
        return found

    @cached_property
    def arguments(self) -> frozenset[str]:
        """Return the names of all attributes and blocks that are written."""
        return _names_in(self)

    @property
    def is_marked(self) -> bool:
        """Return whether a variable or output is marked as secret, or may be."""
        written = self.attributes
        return is_marked(written[flag].attribute.expression() for flag in SECRET_FLAGS if flag in written)

    @property
    def is_damaged(self) -> bool:
        """Return whether a part of the declaration could not be read."""
        return any(part.is_damaged for part in self.layers)

    @cached_property
    def blocks(self) -> list[FileBlock]:
        """Return the blocks in it; those of an override replace all of the same type (a dynamic one's is its label)."""
        found = self.layers[0].blocks
        for part in self.overrides:
            types = {_type_of(inner.block) for inner in part.blocks}
            found = [one for one in found if _type_of(one.block) not in types] + part.blocks
        return found

    @cached_property
    def references(self) -> frozenset[tuple[str, ...]]:
        """Return all references in its expressions, without their indexes."""
        nodes = [piece.attribute.expression() for name, piece in self.attributes.items() if name != DEPENDS_ON]
        waiting = [*self.blocks]
        while waiting:
            part = waiting.pop()
            nodes += [attribute.expression() for attribute in part.block.body.attributes.values()]
            waiting += part.blocks
        written = (node for node in nodes if node is not None and type(node) is not ast.Literal)
        found = {names for node in written for names in references_in(node)}
        return frozenset(found.union(dependencies_in(self.attributes.get(DEPENDS_ON))))

    @cached_property
    def exposing(self) -> tuple[ExposingArgument, ...]:
        """Return the arguments that show their values and are not literals."""
        found: list[ExposingArgument] = []
        for name in exposing_arguments(self.type, self.arguments):
            block, _, attribute = name.rpartition(".")
            # JSON writes a block as one object, or as a list of them.
            if (piece := self.attributes.get(block or attribute)) is not None:
                found.append(ExposingArgument(name, piece, ((attribute,), (ANY, attribute)) if block else ((),)))
            written = [part.attributes for part in self.blocks if part.block.type == block] if block else []
            found += [ExposingArgument(name, inner[attribute], ((),)) for inner in written if attribute in inner]
        return tuple(one for one in found if one.piece.literal is None)

    @cached_property
    def literal_count(self) -> int:
        """Return how many instances it makes, as far as the number is a literal: at least 0."""
        if "for_each" in self.attributes or any(may_disable(part.block) for part in self.blocks):
            return 0
        if "count" not in self.attributes:
            return 1
        match self.attributes["count"].attribute.expression():
            case ast.Literal(value=int(number)) if 0 <= number <= MAX_ITEMS:
                return int(number)
        return 0


Written: TypeAlias = FileAttribute | FileBlock | TerraformDeclaration
"""What has a location of its own: an attribute, or a block by its head."""


def may_disable(block: Block) -> bool:
    """Return whether a block decides whether its resource or module exists: ``lifecycle { enabled = ... }``."""
    return block.type == "lifecycle" and "enabled" in block.body.attributes


def references_in(node: ast.Node) -> Iterator[tuple[str, ...]]:
    """Yield all references in an expression, without their indexes, and those in the indexes."""
    if type(node) is ast.Literal:
        return
    names = path_of(node) if isinstance(node, (ast.Name, ast.Member, ast.Item, ast.Splat)) else ()
    if not names:
        for part in ast.children(node):
            yield from references_in(part)
        return
    yield names_of(names)
    here: ast.Node = node
    while isinstance(here, (ast.Member, ast.Item, ast.Splat)):
        if isinstance(here, ast.Item):
            yield from references_in(here.index)
        here = here.of


def dependencies_in(piece: FileAttribute | None) -> Iterator[tuple[str, ...]]:
    """Yield all references in ``depends_on``. Items in quotation marks are references too.

    Source: Terraform's internal/configs/depends_on.go (shimTraversalInString).
    """
    node = piece.attribute.expression() if piece is not None else None
    for item in node.items if isinstance(node, ast.Array) else (node,):
        quoted = item.value if isinstance(item, ast.Literal) else None
        written = parse_reference(quoted) if isinstance(quoted, str) else item
        if written is not None:
            yield from references_in(written)


def _names_in(written: FileBlock | TerraformDeclaration) -> frozenset[str]:
    return frozenset(written.attributes) | {_type_of(part.block) for part in written.blocks}


def _type_of(block: Block) -> str:
    return block.labels[0] if block.type == "dynamic" and block.labels else block.type


class ModuleFile:
    """One file of a module, under the name that reports call it. ``parts`` are its top-level blocks."""

    def __init__(self, path: str, parsed: HclFile) -> None:
        self.path = path
        self.parsed = parsed
        self.parts = [FileBlock(path, block) for block in parsed.body.blocks]
        self._declarations: dict[FileBlock, TerraformDeclaration] = {}
        self._secrets: TerraformFileSecrets | None = None

    def secrets(self, found: Iterable[Span]) -> TerraformFileSecrets:
        """Return its secrets, those of the last call if they are the same: many roots share a module."""
        known, spans = self._secrets, tuple(sorted(found))
        if known is None or known.found != spans:
            known = self._secrets = TerraformFileSecrets(self.parsed, spans)
        return known

    def declaration(self, part: FileBlock, local: str) -> TerraformDeclaration:
        """Return the declaration of one of its blocks, without overrides."""
        found = self._declarations.get(part)
        if found is None:
            found = self._declarations[part] = TerraformDeclaration(local, (part,))
        return found


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
        self.variables: dict[str, TerraformDeclaration] = {}
        self.outputs: dict[str, TerraformDeclaration] = {}
        self.resources: dict[str, TerraformDeclaration] = {}
        self.modules: dict[str, TerraformDeclaration] = {}
        self.providers: list[FileBlock] = []
        self.settings: list[FileBlock] = []
        self.checks: list[FileBlock] = []
        self.removed: list[FileBlock] = []
        self.moved: list[FileBlock] = []
        self.imports: list[FileBlock] = []
        self.locals: dict[str, FileAttribute] = {}
        self.duplicates: list[FileBlock] = []
        self.misfits: list[FileBlock] = []
        for file in files:
            for part in file.parts:
                self._add(file, part, file.path in overrides)

    def _add(self, file: ModuleFile, part: FileBlock, overrides: bool) -> None:
        block = part.block
        labels = block.labels
        match block.type:
            case "resource" if len(labels) == 2:
                self._declare(self.resources, f"{labels[0]}.{labels[1]}", file, part, overrides)
            case "data" | "ephemeral" if len(labels) == 2:
                self._declare(self.resources, f"{block.type}.{labels[0]}.{labels[1]}", file, part, overrides)
            case "variable" if len(labels) == 1:
                self._declare(self.variables, labels[0], file, part, overrides)
            case "output" if len(labels) == 1:
                self._declare(self.outputs, labels[0], file, part, overrides)
            case "module" if len(labels) == 1:
                self._declare(self.modules, labels[0], file, part, overrides)
            case "locals":
                for name, found in part.attributes.items():
                    if overrides or name not in self.locals:
                        self.locals[name] = found
            case "check" | "provider" | "terraform" | "removed" | "moved" | "import" as word:
                {
                    "check": self.checks,
                    "provider": self.providers,
                    "terraform": self.settings,
                    "removed": self.removed,
                    "moved": self.moved,
                    "import": self.imports,
                }[word].append(part)
            case _ if block.type not in _IDLE:
                self.misfits.append(part)

    def _declare(
        self, where: dict[str, TerraformDeclaration], name: str, file: ModuleFile, part: FileBlock, overrides: bool
    ) -> None:
        have = where.get(name)
        if have is None:
            where[name] = file.declaration(part, name)
        elif overrides:
            where[name] = have.overridden_by(part)
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


def load_folder(path: str, directory: str, tool: str = OPENTOFU) -> Folder:
    """Return the module in a folder as a tool reads it. Raises InputError if the folder cannot be listed."""
    names = names_in(directory)
    files: list[ModuleFile] = []
    overrides: set[str] = set()
    unreadable: dict[str, InputError] = {}
    for name in sorted(module_files(names, tool), key=lambda name: (is_override(name), name)):
        reported = f"{path}/{name}" if path not in ("", ".") else name
        try:
            files.append(parsed_texts().parsed(_module_file, _text_of(os.path.join(directory, name)), reported))
        except InputError as error:
            unreadable[reported] = error
        if is_override(name):
            overrides.add(reported)
    return Folder(path, directory, tuple(files), frozenset(overrides), unreadable, names)


def _text_of(file: str) -> str:
    return source_text(read_bytes(file, MAX_FILE))


def _module_file(text: str, path: str) -> ModuleFile:
    return ModuleFile(path, parse_text(path, text))


def parse(file: str, *, variables: bool = False) -> HclFile:
    """Parse one file; ``variables``: it is a variable definitions file. Raises InputError if it cannot be read."""
    return parse_text(file, _text_of(file), variables=variables)


def parse_text(file: str, text: str, *, variables: bool = False) -> HclFile:
    """Parse the text of a file in the syntax that its name implies."""
    if not file.endswith(".json"):
        return parse_file(text)
    from azkvlint.syntax.hcl.json_file import parse_json_file

    return parse_json_file(text, variables=variables)


def _calls(folder: Folder) -> Iterator[tuple[str, str | None]]:
    """Yield the modules that a folder calls: the call's name, and its source if that is a literal."""
    for name, declaration in folder.modules.items():
        piece = declaration.attributes.get("source")
        node = piece.attribute.expression() if piece is not None else None
        source = node.value if isinstance(node, ast.Literal) else None
        yield name, source if isinstance(source, str) else None


def _removed_types(folder: Folder) -> set[str]:
    """Return the resource types in the removed blocks of a module."""
    return {steps[-2] for part in folder.removed if (steps := removed_steps(part))}


def removed_steps(part: FileBlock) -> list[str]:
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


_TYPE = regex(r'"(\w+)"')


class _Summary(NamedTuple):
    """The folders of the local modules that a module calls, whether these are all its calls, and the types that it
    declares itself and that rules are about, or that look as if they should. ``is_whole`` is False too if a part that
    cannot be understood may declare more of either.
    """

    calls: tuple[str, ...]
    is_whole: bool
    types: frozenset[str]


class FolderCache:
    """Modules by the real path of their folder, and the arguments that rules require of each resource type.

    ``has_tofu``: a file that OpenTofu alone reads is in a folder that was loaded.
    """

    def __init__(self, required: RequiredAttributes, tool: str = OPENTOFU) -> None:
        self.required = required
        self.has_tofu = False
        self._tool = tool
        self._folders: dict[str, Folder | InputError] = {}
        self._lowerings: dict[str, TerraformArgumentMap | None] = {}
        self._matters: dict[str, bool] = {}
        self._only_policies: dict[str, bool] = {}
        self._known: dict[str, _Summary | None] = {}
        self._beside: dict[tuple[str, str], str | None] = {}

    def load(self, path: str, directory: str) -> Folder:
        """Return the module in ``directory``, which reports call ``path``. Raises InputError if it cannot be read."""
        if directory not in self._folders and len(self._folders) >= _MOST:
            self._folders.clear()
        found = cached(self._folders, directory, lambda: _load(path, directory, self._tool))
        if isinstance(found, InputError):
            raise found
        return self._noted(found)

    def load_root(self, path: str, directory: str) -> Folder:
        """Return the module in ``directory`` without keeping it. Raises InputError if it cannot be listed."""
        return self._noted(load_folder(path, directory, self._tool))

    def _noted(self, folder: Folder) -> Folder:
        """Return a folder, and note whether OpenTofu alone reads a file in it."""
        self.has_tofu = self.has_tofu or any(map(is_of_opentofu, folder.names))
        return folder

    def argument_map(self, type_: str) -> TerraformArgumentMap | None:
        """Return the argument map of a resource type; None if it has no table, or no rule requires it."""
        if type_ not in self._lowerings:
            mapped = RESOURCES.get(type_)
            is_required = mapped is not None and self.required.paths_of(mapped.type) is not None
            self._lowerings[type_] = (
                TerraformArgumentMap(mapped, self.required) if mapped is not None and is_required else None
            )
        return self._lowerings[type_]

    def is_required(self, type_: str) -> bool:
        """Return whether a rule may require resources of a Terraform type."""
        return type_ in AZAPI or type_ in WITH_TEMPLATE or self.argument_map(type_) is not None

    def _is_relevant(self, type_: str) -> bool:
        """Return whether a module is read because it declares a type, whichever rules are selected."""
        mapped = RESOURCES.get(type_)
        known = mapped is not None and self.required.is_relevant(mapped.type)
        return known or type_ in AZAPI or type_ in WITH_TEMPLATE or is_vault_related(type_)

    def matters(self, folder: Folder, root: str) -> bool:
        """Return whether a module, or one that it calls, declares a relevant type; one that is not available may."""
        return cached(self._matters, folder.directory, lambda: self._reaches(folder, root))

    def has_only_policies(self, folder: Folder, root: str) -> bool:
        """Return whether a module is read only for its policy definitions, most of which contain no template."""
        return cached(self._only_policies, folder.directory, lambda: self._reaches_only_policies(folder, root))

    def _reaches_only_policies(self, folder: Folder, root: str) -> bool:
        found, is_whole = self._summaries(folder, root)
        return is_whole and all(one.types <= POLICY_DEFINITIONS for one in found.values())

    def _reaches(self, folder: Folder, root: str) -> bool:
        found, is_whole = self._summaries(folder, root)
        return not is_whole or any(one.types for one in found.values())

    def reached(self, folder: Folder, root: str) -> tuple[list[Folder], bool]:
        """Return a module with the local modules that it reaches, and whether it reaches no others."""
        directories, is_whole = self._summaries(folder, root)
        found = [folder]
        for directory in directories:
            if directory != folder.directory:
                try:
                    found.append(self.load(reported_path(root, directory), directory))
                except InputError:  # it has changed since
                    is_whole = False
        return found, is_whole

    def _summaries(self, folder: Folder, root: str) -> tuple[dict[str, _Summary], bool]:
        """Return what is known of a module and of the local modules that it reaches, by their folders.

        Also return whether it reaches no others. Each folder is read once, however many modules lead to it.
        """
        own = cached(self._known, folder.directory, lambda: self._summary(folder, root))
        own = self._summary(folder, root) if own is None else own
        found, is_whole, waiting = {folder.directory: own}, True, [own]
        for one in waiting:
            is_whole = is_whole and one.is_whole
            for directory in one.calls:
                inner = None if directory in found else self._summary_of(directory, root)
                if inner is not None:
                    found[directory] = inner
                    waiting.append(inner)
                elif directory not in found:
                    is_whole = False
        return found, is_whole

    def _summary_of(self, directory: str, root: str) -> _Summary | None:
        """Return what is known of a module; None if it cannot be read."""

        def make() -> _Summary | None:
            try:
                return self._summary(self.load(reported_path(root, directory), directory), root)
            except InputError:
                return None

        return cached(self._known, directory, make)

    def _summary(self, folder: Folder, root: str) -> _Summary:
        calls = [*self.local_calls(folder, root)]
        types = {local.rpartition(".")[0].removeprefix("data.") for local in folder.resources}
        types |= _removed_types(folder)
        relevant = frozenset(type_ for type_ in types if self._is_relevant(type_) or _KEY_VAULT in type_)
        directories = dict.fromkeys(directory for _, directory in calls)
        is_whole = len(calls) == len(folder.modules) and not self._may_hide_more(folder)
        return _Summary(tuple(directories), is_whole, relevant)

    def _may_hide_more(self, folder: Folder) -> bool:
        """Return whether a file with errors may declare a relevant type, or call a module, in what is not read."""
        if folder.unreadable:
            return True
        texts = [file.parsed.text for file in folder.files if file.parsed.faults]
        return any("module" in text or any(map(self._is_relevant, _TYPE.findall(text))) for text in texts)

    def local_calls(self, folder: Folder, root: str) -> Iterator[tuple[str, str]]:
        """Yield the calls of local modules in a module: the name of each, and the folder of its module."""
        for name, source in _calls(folder):
            directory = self.local_module(root, folder.directory, source) if source is not None else None
            if directory is not None:
                yield name, directory

    def local_module(self, root: str, directory: str, source: str) -> str | None:
        """Return the folder of a local source; None if the source is not local, or leads out of the project."""
        return cached(self._beside, (directory, source), lambda: _beside(root, directory, source))


def _load(path: str, directory: str, tool: str) -> Folder | InputError:
    try:
        return load_folder(path, directory, tool)
    except InputError as error:
        return error


def _beside(root: str, directory: str, source: str) -> str | None:
    try:
        return resolve_inside(root, directory, source.replace("\\", "/")) if is_local(source) else None
    except InputError:
        return None


def is_local(source: str) -> bool:
    """Return whether the source of a module is a folder beside its caller."""
    return source.startswith(("./", "../", ".\\", "..\\")) or source in (".", "..")
