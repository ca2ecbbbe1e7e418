"""Arguments of a resource as its author wrote them, for the map of arguments to Azure's attributes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from azkvlint.azure.azurerm.argument_versions import requires_unsupported
from azkvlint.azure.azurerm.table import FILLED_IN, Field, Mapped
from azkvlint.evaluation.budget import VALUES_OF_A_BLOCK
from azkvlint.evaluation.freezer import Freezer
from azkvlint.evaluation.values import Items, Result, mark_sensitive
from azkvlint.model.location import Location
from azkvlint.model.provider_version import VersionRange
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.value import MAY_BE_ABSENT, Absent, ListValue, MapValue, Origin, Path, Plain, Scalar, Unknown, Value
from azkvlint.readers.argument_map import (
    ArgumentBlock,
    ArgumentBlocks,
    ArgumentTable,
    MoreBlocks,
    RecordedBlock,
    RequiredArgument,
    Tree,
    UnknownBlock,
    as_kind,
    fill,
    has,
    is_zero,
    overlap,
)

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

    def certain_blocks(
        self, name: str
    ) -> tuple[Sequence[BlockContent], Sequence[tuple[Unknown, Sequence[BlockContent]]]]:
        """Return the blocks of a type that certainly exist, and why others may, with what these are like."""

    def partial_list(self, name: str) -> Items | None:
        """Return a list with unknown parts."""


class TerraformArgumentMap:
    """The arguments of one azurerm type that the rules require, ready to be applied to many instances."""

    def __init__(self, mapped: Mapped, required: RequiredAttributes) -> None:
        self.type = mapped.type
        # By the identity of entries, which the tables keep.
        self._selected: dict[tuple[int, frozenset[str] | None], tuple[RequiredArgument, ...]] = {}
        self.requires_unsupported = requires_unsupported(required, mapped.type)
        self._table = ArgumentTable(mapped, required.paths_of(mapped.type) or frozenset(), required.reference_paths)
        self.default_of = self._table.default_of
        one_of = tuple(tuple(mapped.fields[name].arm.split(".")) for name in mapped.any_of)
        paths_read = self._table.paths_read
        self._any_of = one_of if all(any(overlap(path, arm) for path in paths_read) for arm in one_of) else ()
        self.texts = _TEXTS - {("name",)} if mapped.type.startswith(_IN_VAULTS) else _TEXTS

    def attributes(self, content: BlockContent, freezer: Freezer, version: VersionRange, is_read: bool) -> Tree:
        """Return the attributes of a resource as nested dicts of Values, with defaults of its provider version.

        A resource that ``is_read`` (a data source) has only its lookup arguments.
        """
        tree: Tree = {}
        at = content.at
        block: ArgumentBlock = _WrittenBlock(self, content, freezer, version, is_read)
        recorder = freezer.budget.recorder
        if recorder.is_recording:
            block = RecordedBlock(block, recorder, ())
        fill(tree, self._table.entries, block)
        _mark_only_choice(tree, () if is_read else self._any_of)
        for path in self._any_of:
            recorder.depend(path, *self._any_of)
        fixed = () if is_read else self._table.fixed
        constants = ((arm, Scalar(at=at, value=plain, origin=Origin.DEFAULT)) for arm, plain in fixed)
        self._table.complete(tree, constants, at)
        for name, target in self._table.listed:
            recorder.depend(target, (name,))
        return tree

    def select(
        self, entries: tuple[RequiredArgument, ...], written: frozenset[str] | None
    ) -> tuple[RequiredArgument, ...]:
        """Return the entries that make a difference if these arguments are ``written``.

        Most resources of a type are written alike, and set few of its arguments.
        """
        if written is None:
            return entries
        key = id(entries), written
        found = self._selected.get(key)
        if found is None:
            if len(self._selected) >= _MOST_SELECTED:
                self._selected.clear()
            found = self._selected[key] = tuple(entry for entry in entries if _makes_difference(entry, written))
        return found


# A limit for inputs in which every resource sets other arguments.
_MOST_SELECTED = 1_000


def _makes_difference(entry: RequiredArgument, written: frozenset[str]) -> bool:
    """Return whether an argument is written or has a default; blocks that are not written are an empty list."""
    field = entry.field
    return entry.name in written or bool(entry.arm and (field.kind == "blocks" or field.filled)) or bool(field.defaults)


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


class _WrittenBlock:
    """A resource or block as its author wrote it."""

    __slots__ = ("_arguments", "_content", "_freezer", "_is_read", "at", "version")

    def __init__(
        self,
        arguments: TerraformArgumentMap,
        content: BlockContent,
        freezer: Freezer,
        version: VersionRange,
        is_read: bool,
    ) -> None:
        self._arguments = arguments
        self._content = content
        self._freezer = freezer
        self._is_read = is_read
        self.at = content.at
        self.version = version

    def select(self, entries: tuple[RequiredArgument, ...]) -> tuple[RequiredArgument, ...]:
        """Return the entries that are written or have a default."""
        return self._arguments.select(entries, self._content.arguments)

    def value(self, entry: RequiredArgument) -> Value | Absent:
        """Return the value of an argument that is not a block."""
        found = _attribute(self._content, entry)
        if found is None:
            return Absent(at=self.at)
        # Most arguments are strings, numbers or booleans that only have to be stored.
        if (
            entry.simple
            and type(found) is Scalar
            and _is_typed(entry.field, found.value)
            and not (entry.drops_zero and is_zero(found.value))
        ):
            return found
        value = self._freezer.freeze(mark_sensitive(found) if entry.field.sensitive else found)
        if value is None or (entry.drops_zero and _is_zero(value)):
            return Absent(at=found.at)
        if isinstance(value, Unknown) and entry.arm in self._arguments.texts:
            return msgspec.structs.replace(value, pattern=None)
        return as_kind(entry.field, _convert(entry.field, value))

    def blocks(self, entry: RequiredArgument) -> ArgumentBlocks | UnknownBlock | None:
        """Return the blocks of a type."""
        field, arm = entry.field, entry.arm
        found = self._content.blocks(entry.name, single=field.kind == "block")
        more: list[MoreBlocks] = []
        if isinstance(found, Unknown):
            listed = field.kind == "blocks" and arm
            certain, doubts = self._content.certain_blocks(entry.name) if listed else ((), ())
            value = Unknown(at=found.at, why=found.why, sensitive=found.sensitive)
            for one, possible in doubts or ((found, ()),):
                why = Unknown(at=one.at, why=one.why, sensitive=one.sensitive, note=MAY_BE_ABSENT)
                more.append(MoreBlocks(why, self._inner_blocks(possible)))
            if not certain:
                is_described = any(one.blocks for one in more)
                return ArgumentBlocks(found.at, (), more, whole=value) if is_described else lambda _entries: value
            found = certain
        if not found:
            # An argument that the provider computes counts as not set; of any other there are none.
            is_empty = field.kind == "blocks" and arm and not field.computed and not self._is_read
            return ArgumentBlocks(self.at, ()) if is_empty else None
        items = self._inner_blocks(found, is_counted=bool(arm or field.kind == "blocks"))
        return ArgumentBlocks(found[0].at, items, more)

    def _inner_blocks(self, found: Sequence[BlockContent], *, is_counted: bool = True) -> list[ArgumentBlock]:
        if is_counted:
            self._freezer.budget.add_frozen(VALUES_OF_A_BLOCK * len(found))
        return [_WrittenBlock(self._arguments, one, self._freezer, self.version, self._is_read) for one in found]

    def default(self, entry: RequiredArgument, at: Location) -> Value | None:
        """Return the default of an argument that is not set."""
        if self._is_read:
            return None
        default = self._arguments.default_of(entry.field, self.version, at)
        if default is None and entry.field.filled and entry.arm:
            return Unknown(at=at, origin=Origin.DEFAULT, why=f"{_AFTER}: {FILLED_IN}")
        return default


def _attribute(content: BlockContent, entry: RequiredArgument) -> Result | None:
    """Return the value of an argument; of a list as much as is known of it."""
    found = content.attribute(entry.name)
    if type(found) is Unknown and entry.field.kind in ("value", "wrap"):
        joined = content.partial_list(entry.name)
        return found if joined is None else joined
    return found


# Arguments that identify a resource: an ID is not compared with a pattern of them. The names of objects in a vault are
# not compared with IDs, only with each other.
_TEXTS: frozenset[Path] = frozenset({("resourceGroupName",), ("name",)})
_IN_VAULTS = "Microsoft.KeyVault/vaults"


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
    return value
