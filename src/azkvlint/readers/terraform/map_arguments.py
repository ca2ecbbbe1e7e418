"""azurerm arguments as written -> attributes in Azure's vocabulary, by the tables of the provider."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import msgspec

from azkvlint.azure.azurerm.arguments import (
    NEVER,
    Entry,
    Tree,
    default_of,
    entries_of,
    freeze,
    has,
    is_zero,
    overlap,
    put,
    requires_unsupported,
)
from azkvlint.azure.azurerm.table import FILLED_IN, Field, Mapped
from azkvlint.evaluation.budget import VALUES_OF_A_BLOCK
from azkvlint.evaluation.freezer import Freezer
from azkvlint.evaluation.values import Items, Result, mark_sensitive
from azkvlint.model.location import Location
from azkvlint.model.provider_version import VersionRange
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.value import MAY_BE_ABSENT, Link, ListValue, MapValue, Origin, Path, Plain, Scalar, Unknown, Value

ALWAYS = ("id", "name", "parent", "scope", "resourceGroupName")
_AFTER = "known after apply"
_BOOLEANS = {"true": True, "false": False}


class BlockContent(Protocol):
    """The attributes and blocks of a resource or block."""

    @property
    def at(self) -> Location:
        """Return the location of its head."""

    @property
    def arguments(self) -> frozenset[str] | None:
        """Return the names of all attributes and blocks that are written; None if others may be."""

    def attribute(self, name: str) -> Result | None:
        """Return the value of an attribute; None if it is not set."""

    def blocks(self, name: str, single: bool = False) -> Sequence[BlockContent] | Unknown | None:
        """Return the blocks of a type; None if there is none."""

    def certain_blocks(self, name: str) -> Sequence[BlockContent]:
        """Return the blocks of a type that certainly exist."""

    def partial_list(self, name: str) -> Items | None:
        """Return a list with unknown parts."""


_Select: TypeAlias = Callable[[tuple[Entry, ...], frozenset[str] | None], Sequence[tuple[Entry, bool]]]


class ArgumentMap:
    """The arguments of one azurerm type that the rules require, ready to be applied to many instances."""

    def __init__(self, mapped: Mapped, required: RequiredAttributes) -> None:
        self.type = mapped.type
        # By the identity of entries, which the tables keep.
        self._selected: dict[tuple[int, frozenset[str] | None], list[tuple[Entry, bool]]] = {}
        self.requires_unsupported = requires_unsupported(required, mapped.type)
        paths = required.paths_of(mapped.type) or frozenset()
        paths_read = paths | {(name,) for name in ALWAYS} | {tuple(via.split(".")) for via in required.reference_paths}
        self._listed = tuple((name, tuple(path.split("."))) for name, path in mapped.listed.items())
        paths_read |= {(name,) for name, target in self._listed if any(overlap(path, target) for path in paths_read)}
        self._entries = entries_of(mapped.fields, paths_read)
        one_of = tuple(tuple(mapped.fields[name].arm.split(".")) for name in mapped.any_of)
        self._texts = _TEXTS - {("name",)} if mapped.type.startswith(_IN_VAULTS) else _TEXTS
        self._any_of = one_of if all(any(overlap(path, arm) for path in paths_read) for arm in one_of) else ()
        fixed = ((tuple(path.split(".")), plain) for path, plain in mapped.fixed.items())
        self._fixed = tuple((arm, plain) for arm, plain in fixed if any(overlap(path, arm) for path in paths_read))

    def attributes(self, content: BlockContent, freezer: Freezer, version: VersionRange, is_read: bool) -> Tree:
        """Return the attributes of a resource as nested dicts of Values, with defaults of its provider version.

        A resource that ``is_read`` (a data source) has only its lookup arguments.
        """
        tree: Tree = {}
        _ArgumentMapping(freezer, version, is_read, self._texts, self._select).fill(tree, self._entries, content)
        _mark_only_choice(tree, () if is_read else self._any_of)
        for arm, plain in () if is_read else self._fixed:
            put(tree, arm, Scalar(at=content.at, value=plain, origin=Origin.DEFAULT))
        for name, target in self._listed:
            if name in tree:
                item = freeze(tree.pop(name), content.at)
                put(tree, target, ListValue(at=content.at, items=(item,)))
        return tree

    def _select(self, entries: tuple[Entry, ...], written: frozenset[str] | None) -> Sequence[tuple[Entry, bool]]:
        """Return the entries that make a difference if these arguments are ``written``, and whether each is.

        Most resources of a type are written alike, and set few of its arguments.
        """
        key = id(entries), written
        found = self._selected.get(key)
        if found is None:
            if len(self._selected) >= _MOST_SELECTED:
                self._selected.clear()
            is_written = [written is None or _is_in(entry, written) for entry in entries]
            pairs = zip(entries, is_written, strict=True)
            found = self._selected[key] = [pair for pair in pairs if pair[1] or _has_default(pair[0])]
        return found


# A limit for inputs in which every resource sets other arguments.
_MOST_SELECTED = 1_000


def _is_in(entry: Entry, written: frozenset[str]) -> bool:
    """Return whether an argument is written; blocks that are not are an empty list."""
    return entry.name in written or (entry.field.kind == "blocks" and bool(entry.arm))


def _has_default(entry: Entry) -> bool:
    return bool(entry.field.defaults) or (entry.field.filled and bool(entry.arm))


def _mark_only_choice(tree: Tree, paths: tuple[Path, ...]) -> None:
    """Mark the only one of ``paths`` that is written as set: at least one of them has to be."""
    written = [path for path in paths if has(tree, path)]
    if len(written) != 1:
        return
    here: Any = tree
    for step in written[0][:-1]:
        here = here[step]
    last = written[0][-1]
    if isinstance(here[last], Unknown):
        here[last] = msgspec.structs.replace(here[last], given=True)


class _ArgumentMapping:
    """One resource while its attributes are gathered."""

    def __init__(
        self, freezer: Freezer, version: VersionRange, is_read: bool, texts: frozenset[Path], select: _Select
    ) -> None:
        self.select = select
        self.freezer = freezer
        self.texts = texts
        self.is_read = is_read
        self.version = version

    def fill(self, tree: Tree, entries: tuple[Entry, ...], content: BlockContent) -> None:
        """Write the arguments of one block, or of the resource itself, into ``tree``."""
        missing: list[tuple[Entry, Location]] = []
        for entry, is_written in self.select(entries, content.arguments):
            if not is_written:
                missing.append((entry, content.at))
                continue
            field = entry.field
            if entry.simple:
                found = _attribute(content, entry)
                # Most arguments are strings, numbers or booleans that only have to be stored.
                if type(found) is Scalar and _is_typed(field, found.value) and not _is_dropped(entry, found.value):
                    put(tree, entry.arm, found)
                    continue
                value = None if found is None else self._value(entry, found)
                if value is None:
                    missing.append((entry, content.at if found is None else found.at))
                else:
                    put(tree, entry.arm, value)
            elif field.until <= self.version.low:
                missing.append((entry, content.at))
            elif field.kind in ("block", "blocks"):
                if not self._blocks(tree, entry, content):
                    missing.append((entry, content.at))
            else:
                found = _attribute(content, entry)
                value = None if found is None else self._value(entry, found)
                if value is None:
                    missing.append((entry, content.at if found is None else found.at))
                else:
                    put(tree, entry.arm, value)
        for entry, at in () if self.is_read else missing:
            if not has(tree, entry.arm):
                self._missing(tree, entry, at)

    def _missing(self, tree: Tree, entry: Entry, at: Location) -> None:
        """Write the default of an argument that is not set."""
        default = default_of(entry.field, self.version, at)
        if default is not None:
            put(tree, entry.arm, default)
        elif entry.field.filled and entry.arm:
            put(tree, entry.arm, Unknown(at=at, origin=Origin.DEFAULT, why=f"{_AFTER}: {FILLED_IN}"))

    def _blocks(self, tree: Tree, entry: Entry, content: BlockContent) -> bool:
        """Write a block, or several; False if there is none."""
        field, arm = entry.field, entry.arm
        found = content.blocks(entry.name, single=field.kind == "block")
        more: tuple[Unknown, ...] = ()
        if isinstance(found, Unknown):
            certain = content.certain_blocks(entry.name) if field.kind == "blocks" else []
            if not (certain and arm):
                _unknown_block(tree, entry, found)
                return True
            more = (Unknown(at=found.at, why=found.why, sensitive=found.sensitive, note=MAY_BE_ABSENT),)
            found = certain
        if not found:
            # An argument that the provider computes counts as not set; of any other there are none.
            if field.kind == "blocks" and arm and not field.computed and not self.is_read:
                put(tree, arm, ListValue(at=content.at, items=()))
            return False
        objects: list[Value] = []
        for block in found:
            inside: Tree = tree if not arm and field.kind == "block" else {}
            self.fill(inside, entry.inner, block)
            for constant, plain in field.constants.items():
                put(inside, tuple(constant.split(".")), Scalar(at=block.at, value=plain))
            if inside is not tree:
                self.freezer.budget.add_frozen(VALUES_OF_A_BLOCK)
                objects.append(freeze(inside, block.at))
        if field.kind == "blocks":
            put(tree, arm, ListValue(at=found[0].at, items=(*objects, *more)))
        elif objects:
            put(tree, arm, objects[0])
        return True

    def _value(self, entry: Entry, found: Result) -> Value | None:
        """Return one argument that is not a block; None for null."""
        field = entry.field
        if field.sensitive:
            found = mark_sensitive(found)
        value = self.freezer.freeze(found)
        if value is None or (entry.drops_zero and _is_zero(value)):
            return None
        if field.until < self.version.high and field.until != NEVER:
            since = ".".join(map(str, field.until))
            return Unknown(at=value.at, why=f"azurerm ignores `{entry.name}` from version {since} on")
        if field.kind in ("link", "links"):
            return _links(field, value)
        if isinstance(value, Unknown) and entry.arm in self.texts:
            return msgspec.structs.replace(value, pattern="")
        return _convert(field, value)


def _attribute(content: BlockContent, entry: Entry) -> Result | None:
    """Return the value of an argument; of a list as much as is known of it."""
    found = content.attribute(entry.name)
    if type(found) is Unknown and entry.field.kind in ("value", "wrap"):
        joined = content.partial_list(entry.name)
        return found if joined is None else joined
    return found


# Arguments that identify a resource: an ID is not compared with a pattern of them. The names of objects in a vault are
# not compared with IDs, only with each other.
_TEXTS: frozenset[Path] = frozenset({("resourceGroupName",), ("name",)})
_IN_VAULTS = ("Microsoft.KeyVault/vaults/", "Microsoft.KeyVault/managedHSMs/")


def _is_dropped(entry: Entry, plain: Plain) -> bool:
    """Return whether the provider treats a value as not set."""
    return not plain and entry.drops_zero and is_zero(plain)


def _is_zero(value: Value) -> bool:
    """Return whether a value is certainly the zero value of a type other than a boolean."""
    match value:
        case Scalar(value=plain):
            return is_zero(plain)
        case ListValue(items=items):
            return not items
        case MapValue(fields=fields, rest=rest):
            return not fields and rest is None
    return False


def _links(field: Field, value: Value) -> Value:
    if field.kind == "links" and isinstance(value, Scalar | Link):
        return ListValue(at=value.at, items=(value,))
    return value


def _is_typed(field: Field, plain: Plain) -> bool:
    """Return whether a plain value needs no conversion."""
    if type(plain) is str:
        return not field.numeric and not (field.boolean and plain in _BOOLEANS)
    return type(plain) is not bool or field.boolean


def _convert(field: Field, value: Value) -> Value:
    """Return a value in the type that Azure has it in: Terraform takes ``"true"`` for true and back, ``"90"`` for a
    number.
    """
    if isinstance(value, Scalar):
        plain = value.value
        if isinstance(plain, str):
            if plain in _BOOLEANS and (field.boolean or field.kind == "flag"):
                value = msgspec.structs.replace(value, value=_BOOLEANS[plain])
            elif field.numeric and plain.strip().lstrip("-").isdecimal() and len(plain) < 20:
                value = msgspec.structs.replace(value, value=int(plain))
        elif isinstance(plain, bool) and field.kind == "value" and not field.boolean and not field.numeric:
            value = msgspec.structs.replace(value, value="true" if plain else "false")
        if field.kind == "flag":
            return msgspec.structs.replace(value, value=field.words[0 if value.value is True else 1])
    if field.kind == "wrap":
        if isinstance(value, Scalar | Link):
            value = ListValue(at=value.at, items=(value,))
        if isinstance(value, ListValue):
            items = tuple(
                item if item.note == MAY_BE_ABSENT else MapValue(at=item.at, fields={field.item: item})
                for item in value.items
            )
            return ListValue(at=value.at, items=items)
    return value


def _unknown_block(tree: Tree, entry: Entry, found: Unknown) -> None:
    """Write unknown values for all arguments of a block that may not exist."""
    if entry.arm:
        put(tree, entry.arm, Unknown(at=found.at, why=found.why, sensitive=found.sensitive))
        return
    for inner in entry.inner:
        _unknown_block(tree, inner, found)
    for constant in entry.field.constants:
        put(tree, tuple(constant.split(".")), Unknown(at=found.at, why=found.why, sensitive=found.sensitive))
