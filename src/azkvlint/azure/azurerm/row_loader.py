"""Load the rows of azurerm's arguments, YAML -> Rows. A checkout and the build need it; a wheel has them compiled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Literal

import msgspec

from azkvlint.azure.azurerm.table import NEVER, NONE, ArgumentDefault, Field, Mapped, Plain, ResourceRows, Rows
from azkvlint.azure.row_reader import AZURE_TYPE
from azkvlint.model.provider_version import Version
from azkvlint.syntax.row_reader import RowReader, TableLine, child, entries, place_of
from azkvlint.syntax.yaml_nodes import MapNode, Node, ScalarNode
from azkvlint.util.errors import InternalError
from azkvlint.util.project_files import data_files

FOLDER = "azurerm"
_ARGUMENT = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
_PATH = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*")
_TERRAFORM_TYPE = re.compile(r"(azure(rm|ad|devops)|databricks)_[a-z0-9_]+")
_BLOCKS = ("block", "blocks")
# The types that the default of a kind may have; a kind that is not here has none.
_DEFAULTS: Mapping[str, tuple[type, ...]] = {"value": (str,), "boolean": (bool,), "flag": (bool,), "number": (int,)}
_VERSION = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")


class DefaultRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The default of an argument in the provider versions from ``since`` up to, not including, ``until``."""

    value: Plain
    since: str = ""
    until: str = ""


class ArgumentRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One argument.

    ``path`` is its place in the ARM resource, or in the object of its block; empty for a block whose arguments belong
    to the surrounding object. ``kind``:

    - ``value``: unchanged; ``boolean`` and ``number``, to which Terraform converts strings
    - ``flag``: a boolean that becomes one of two ``words``, for true and for false
    - ``link``: the ID of another resource; the path ``parent`` is the containing one, ``scope`` the extended one
    - ``links``: a list or set of IDs
    - ``wrap``: a list of plain values, each of which becomes an object with the single field ``item``
    - ``block``: a block of at most one, which becomes an object; ``blocks``: a repeated one, which becomes a list
    - ``unmapped``: no property of Azure; for its versions only

    ``computed``: Optional+Computed in the provider, so that an argument that is not written is "known after apply" in a
    plan that creates the resource. It then counts as not set, unless ``filled``: what the provider computes is not a
    fixed default and stays unknown. ``default``: the value if it is not set, or one for each range of versions.
    ``zero_is_set``: a zero value has a meaning of its own, or is sent as it is. ``sensitive``: never printed.
    ``constants`` are added to each object of a block. ``include`` names sets of arguments inside a block. ``since`` and
    ``until``: the versions with the argument, without the latter; ``replaced_by`` another one. ``ignored_from``: the
    provider accepts the argument without an effect from this version on. ``required_since``: it must be set from this
    version on. Versions of arguments in blocks are not compared yet. ``source``: that of this row, if it is not
    the source of its file.
    """

    path: str = ""
    kind: Literal[
        "value", "boolean", "number", "flag", "link", "links", "wrap", "block", "blocks", "unmapped"
    ] = "value"  # fmt: skip
    default: Plain | list[DefaultRow] | None = None
    computed: bool = False
    filled: bool = False
    zero_is_set: bool = False
    sensitive: bool = False
    words: tuple[str, str] | None = None
    item: str = ""
    constants: dict[str, Plain] = {}
    include: list[str] = []
    since: str = ""
    until: str = ""
    ignored_from: str = ""
    replaced_by: str = ""
    required_since: str = ""
    source: str = ""


class ResourceTypeRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One resource type of Terraform, and the data source of that name.

    ``type`` is the Azure type. ``include`` names sets of arguments, to which ``arguments`` are added. ``constants`` are
    properties of every instance. ``list_items`` maps an object of flat arguments to the list whose only item it is. The
    provider requires ``at_least_one_of`` these arguments. Instead of everything else, ``like`` names another type of
    the same file with equal arguments.
    """

    type: str = ""
    like: str = ""
    include: list[str] = []
    arguments: dict[str, Any] = {}
    constants: dict[str, Plain] = {}
    list_items: dict[str, str] = {}
    at_least_one_of: tuple[str, ...] = ()
    source: str = ""


class TableFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file: resource types, and sets of arguments that several types have. ``source`` is that of all rows."""

    source: str
    sets: dict[str, dict[str, Any]] = {}
    resources: dict[str, Any] = {}


class _PlacedRow(msgspec.Struct, frozen=True):
    """A row with the names of the blocks around its argument, and its own."""

    names: tuple[str, ...]
    row: ArgumentRow
    place: TableLine


def load_rows() -> Rows:
    """Return the rows of the package. Raise TableError with the faults of all of them."""
    files = data_files(FOLDER, ".yaml")
    if not files:
        raise InternalError("the table of azurerm is missing", hint="Install kvlint again.")
    return rows_of((f"data/{FOLDER}/{name}", content.decode()) for name, content in files)


def rows_of(files: Iterable[tuple[str, str]]) -> Rows:
    """Return the rows of files, each a name and text. Raise TableError with the faults of all of them."""
    loader = _Loader()
    for path, text in files:
        loader.add(path, text)
    rows = loader.rows()
    loader.raise_faults()
    return rows


class _Loader(RowReader):
    """Loads files, and collects their faults."""

    def __init__(self) -> None:
        super().__init__()
        self._sets: dict[str, tuple[str, MapNode]] = {}
        self._expanded: dict[str, list[_PlacedRow] | None] = {}
        self._resources: dict[str, tuple[TableLine, ResourceTypeRow, Node | None]] = {}

    def add(self, path: str, text: str) -> None:
        """Read one file."""
        composed = self.compose(path, text, TableFile)
        if composed is None:
            return
        root, _ = composed
        for key, node in entries(child(root, "sets")):
            name = str(key.value)
            if name in self._sets:
                self.fault(place_of(path, key), f"set `{name}` is defined twice")
            elif isinstance(node, MapNode):
                self._sets[name] = path, node
        for key, node in entries(child(root, "resources")):
            self._add_resource(path, key, node)

    def _add_resource(self, path: str, key: ScalarNode, node: Node) -> None:
        name, place = str(key.value), place_of(path, key)
        resource = self.convert(node, ResourceTypeRow, place)
        if resource is None:
            return
        if name in self._resources:
            self.fault(place, f"resource type `{name}` is defined twice")
        if not _TERRAFORM_TYPE.fullmatch(name):
            self.fault(place, f"`{name}` is not a resource type of azurerm, azuread, azuredevops or databricks")
        self._resources[name] = place, resource, child(node, "arguments")

    def rows(self) -> Rows:
        """Return the resource types of the files that were added, and the sets that they include."""
        resources: dict[str, ResourceRows] = {}
        sets: dict[str, Mapping[str, Field]] = {}
        for name, (place, resource, node) in self._resources.items():
            if resource.like:
                if (
                    resource != ResourceTypeRow(like=resource.like)
                    or not resources.get(resource.like, ResourceRows()).type
                ):
                    self.fault(place, "`like` must name a type above, which is not like another, without other keys")
                resources[name] = ResourceRows(like=resource.like)
                continue
            if not AZURE_TYPE.fullmatch(resource.type):
                text = f"`type` must be an Azure type such as Microsoft.KeyVault/vaults, not `{resource.type}`"
                self.fault(place, text)
            fields = self._fields([*self._included(resource.include, place), *self._arguments(place.path, node)])
            for included in set(resource.include) - set(sets):
                sets[included] = self._fields(self._expanded.get(included) or ())
            shared = {name: field for included in resource.include for name, field in sets[included].items()}
            resources[name] = ResourceRows(
                type=resource.type,
                fields={name: field for name, field in fields.items() if shared.get(name) != field} or NONE,
                fixed=resource.constants or NONE,
                listed=resource.list_items or NONE,
                any_of=resource.at_least_one_of,
                include=tuple(resource.include),
            )
            self._check(msgspec.structs.replace(resources[name], fields=fields), place)
        return Rows(sets, resources)

    def _check(self, mapped: Mapped, place: TableLine) -> None:
        """Record the faults of a whole resource type."""
        if not mapped.fields:
            self.fault(place, "the type has no arguments")
        written = set(_paths(mapped.fields))
        for path in mapped.fixed:
            if not _PATH.fullmatch(path) or path in written:
                self.fault(place, f"`constants`: `{path}` is not a path, or an argument has it")
        for path, target in mapped.listed.items():
            if not _PATH.fullmatch(target) or not any(one.startswith(f"{path}.") for one in written):
                self.fault(place, f"`list_items`: no argument has a path below `{path}`, or `{target}` is not a path")
        for name in mapped.any_of:
            if name not in mapped.fields:
                self.fault(place, f"`at_least_one_of`: there is no argument `{name}`")

    def _included(self, names: Iterable[str], place: TableLine) -> Iterator[_PlacedRow]:
        """Yield the arguments of sets."""
        for name in names:
            if name not in self._sets:
                self.fault(place, f"there is no set `{name}`")
            elif name not in self._expanded:
                self._expanded[name] = None
                path, node = self._sets[name]
                self._expanded[name] = list(self._arguments(path, node))
            elif self._expanded[name] is None:
                self.fault(place, f"set `{name}` includes itself")
            yield from self._expanded.get(name) or ()

    def _arguments(self, path: str, node: Node | None) -> Iterator[_PlacedRow]:
        """Yield the rows of a mapping, and behind each block those of the sets that it includes."""
        for key, value in entries(node):
            name, place = str(key.value), place_of(path, key)
            if not _ARGUMENT.fullmatch(name):
                self.fault(place, f"`{name}` is not the name of an argument")
                continue
            if isinstance(value, ScalarNode):
                row = ArgumentRow(path=str(value.value))
            else:
                row = self.convert(value, ArgumentRow, place) or ArgumentRow(path="invalid")
            faults = list(_faults_of(row))
            for text in faults:
                self.fault(place, f"`{name}`: {text}")
            if faults:
                row = ArgumentRow(path=row.path, kind=row.kind)
            names = tuple(name.split("."))
            yield _PlacedRow(names, row, place)
            for inner in self._included(row.include, place):
                yield _PlacedRow((*names, *inner.names), inner.row, inner.place)

    def _fields(self, arguments: Iterable[_PlacedRow]) -> dict[str, Field]:
        """Return the fields of a resource or block, those in its blocks inside these."""
        own: dict[str, _PlacedRow] = {}
        below: dict[str, list[_PlacedRow]] = {}
        for argument in arguments:
            name, *inner = argument.names
            if inner:
                below.setdefault(name, []).append(_PlacedRow(tuple(inner), argument.row, argument.place))
            elif name in own:
                self.fault(argument.place, f"there is another row for `{name}`")
            else:
                own[name] = argument
        for name, inside in below.items():
            if name not in own or own[name].row.kind not in _BLOCKS:
                self.fault(inside[0].place, f"there is no block `{name}` above")
        fields = {}
        for name, argument in own.items():
            inner_fields = self._fields(below.get(name, ()))
            if argument.row.kind in _BLOCKS and not inner_fields:
                self.fault(argument.place, f"`{name}`: a block needs rows such as `{name}.argument`")
            fields[name] = _field(argument.row, inner_fields)
        return fields


def _faults_of(row: ArgumentRow) -> Iterator[str]:
    """Yield what is wrong with a row."""
    is_block = row.kind in _BLOCKS
    if row.kind == "unmapped" or (row.kind == "block" and not row.path):
        if row.path:
            yield "an unmapped argument has no `path`"
    elif not _PATH.fullmatch(row.path):
        yield f"`path` must be a path such as properties.sku.name, not `{row.path}`"
    for name, needed, value in (("words", row.kind == "flag", row.words), ("item", row.kind == "wrap", row.item)):
        if needed != bool(value):
            yield f"`{name}` is {'required' if needed else 'not allowed'} for kind {row.kind}"
    if not is_block and (row.constants or row.include):
        yield f"`constants` and `include` are not allowed for kind {row.kind}"
    if any(not _PATH.fullmatch(path) for path in row.constants):
        yield "`constants` must have paths as keys"
    ends = [row.since, row.until, row.ignored_from, row.required_since]
    for one in row.default if isinstance(row.default, list) else ():
        ends += (one.since, one.until)
    wrong = [text for text in ends if text and not _VERSION.fullmatch(text)]
    if wrong:
        yield f'a version must be a string such as "4.42", not `{wrong[0]}`'
    else:
        yield from _faults_of_defaults(row)


def _faults_of_defaults(row: ArgumentRow) -> Iterator[str]:
    defaults = _defaults(row)
    if any(not isinstance(one.value, _DEFAULTS.get(row.kind, ())) for one in defaults) or (
        row.kind == "number" and any(isinstance(one.value, bool) for one in defaults)
    ):
        yield f"the default does not have the type of kind {row.kind}"
    ordered = sorted(defaults, key=lambda one: one.since)
    ranges = [(_version(row.since, (0, 0)), _version(row.until)), *((one.since, one.until) for one in ordered)]
    overlap = any(first.until > second.since for first, second in pairwise(ordered))
    if overlap or any(since >= until for since, until in ranges):
        yield "`until` must be above `since`, and ranges of versions must not overlap"


def _version(text: str, default: Version = NEVER) -> Version:
    if not text:
        return default
    major, minor = text.split(".")
    return int(major), int(minor)


def _defaults(row: ArgumentRow) -> tuple[ArgumentDefault, ...]:
    if row.default is None:
        return ()
    if not isinstance(row.default, list):
        return (ArgumentDefault(row.default),)
    return tuple(ArgumentDefault(one.value, _version(one.since, (0, 0)), _version(one.until)) for one in row.default)


def _field(row: ArgumentRow, fields: Mapping[str, Field]) -> Field:
    is_typed = row.kind in ("boolean", "number")
    return Field(
        arm=row.path,
        kind="value" if is_typed else row.kind,
        boolean=row.kind == "boolean",
        numeric=row.kind == "number",
        computed=row.computed,
        filled=row.filled,
        defaults=_defaults(row),
        words=row.words or ("", ""),
        item=row.item,
        fields=fields or NONE,
        constants=row.constants or NONE,
        sensitive=row.sensitive,
        zero_is_set=row.zero_is_set,
        since=_version(row.since, (0, 0)),
        until=_version(row.until),
        ignored_from=_version(row.ignored_from),
        replaced_by=row.replaced_by,
        required_since=_version(row.required_since),
    )


def _paths(fields: Mapping[str, Field], above: str = "") -> Iterator[str]:
    """Yield the paths that arguments write."""
    for field in fields.values():
        path = f"{above}.{field.arm}".strip(".")
        yield path
        yield from _paths(field.fields, path)
