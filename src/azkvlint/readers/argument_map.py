"""azurerm arguments -> attributes in Azure's vocabulary, by the tables of the provider: one map for source and plans.

A reader passes a block of arguments, as its author wrote them or as a plan shows them; this module knows what becomes
of them. What a reader knows of the values is its own: ``terraform/map_arguments.py`` and ``plan/map_arguments.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

import msgspec

from azkvlint.azure.azurerm.table import NEVER, Field, Mapped
from azkvlint.evaluation.reads import Recorder
from azkvlint.model.location import Location
from azkvlint.model.provider_version import VersionRange
from azkvlint.model.value import (
    MAY_BE_ABSENT,
    Absent,
    Known,
    Link,
    ListValue,
    MapValue,
    Origin,
    Path,
    Plain,
    Possible,
    Scalar,
    Unknown,
    Value,
)

# The attributes that identify a resource among equal ones. Always read, for names and links.
OWN = ("id", "name", "parent", "scope")
_ALWAYS = (*OWN, "resourceGroupName")


_WITH_ZERO = frozenset({str, int, float, list, dict})


class RequiredArgument(msgspec.Struct, frozen=True):
    """One required argument. ``simple``: a known plain value is copied unchanged.

    ``rivals`` are the other names of the same argument in provider versions that have several. ``drops_zero``: the
    provider treats zero values as not set. ``may_be_ignored``: some versions ignore it.
    """

    name: str
    field: Field
    arm: Path
    simple: bool
    inner: tuple[RequiredArgument, ...]
    rivals: tuple[str, ...]
    drops_zero: bool
    may_be_ignored: bool


def is_zero(plain: object) -> bool:
    """Return whether plain data is the zero value of a type other than a boolean."""
    return not plain and type(plain) in _WITH_ZERO


def entries_of(fields: Mapping[str, Field], required: frozenset[Path]) -> tuple[RequiredArgument, ...]:
    """Return the fields at, above or below a required path."""
    entries = []
    # Most fields are outside of the properties that rules require.
    first_steps = {path[:1] for path in required}
    for name, field in fields.items():
        arm = tuple(field.arm.split(".")) if field.arm else ()
        inner: tuple[RequiredArgument, ...] = ()
        if not arm:
            inner = entries_of(field.fields, required)
            is_required = bool(inner)
        else:
            is_required = not first_steps.isdisjoint(((), arm[:1])) and any(overlap(path, arm) for path in required)
            inner = entries_of(field.fields, frozenset({()})) if is_required else ()
        if is_required:
            rivals: tuple[str, ...] = ()
            if arm and field.computed:
                aliases = (other for other, alias in fields.items() if alias.computed and alias.arm == field.arm)
                rivals = tuple(other for other in aliases if other != name)
            may_be_ignored = field.ignored_from != NEVER
            simple = field.kind in ("value", "link") and not field.sensitive and not may_be_ignored and not rivals
            entries.append(
                RequiredArgument(name, field, arm, simple, inner, rivals, field.zero_is_unset, may_be_ignored)
            )
    return tuple(entries)


def overlap(path: Path, arm: Path) -> bool:
    """Return whether one of two paths is a prefix of the other."""
    return path[: len(arm)] == arm[: len(path)]


def _default(field: Field, version: VersionRange) -> tuple[Plain | None, str] | None:
    possible = [default for default in field.defaults if version.meets(default.since, default.until)]
    if not possible:
        return None
    if len({default.value for default in possible}) > 1:
        return None, "the version constraint allows azurerm versions with different defaults"
    plain = possible[0].value
    word = str(plain).lower() if isinstance(plain, bool) else str(plain)
    if field.kind == "flag":
        plain = field.words[0 if plain is True else 1]
    return plain, f"not set (default: {word})"


Tree: TypeAlias = dict[str, Any]


def freeze(tree: Tree, at: Location) -> MapValue:
    """Return nested dicts of Values as a MapValue."""
    fields = {name: freeze(below, at) if type(below) is dict else below for name, below in tree.items()}
    return MapValue(at=at, fields=fields)


def has(tree: Tree, path: Path) -> bool:
    """Return whether a value exists at ``path``, or may exist inside an Unknown."""
    here: Any = tree
    for step in path:
        if not isinstance(here, dict):
            return isinstance(here, Unknown)
        if step not in here:
            return False
        here = here[step]
    return True


def put(tree: Tree, path: Path, value: Value) -> None:
    """Set a value. The first of several arguments for one path that is set counts; lists are joined.

    An empty list represents a block that is not written: an unknown value may contain more.
    """
    here: Any = tree
    for step in path[:-1]:
        child = here.get(step)
        if child is None:
            child = here[step] = {}
        elif type(child) is not dict:
            return
        here = child
    last = path[-1]
    current = here.get(last)
    if current is None:
        here[last] = value
    elif isinstance(current, ListValue) and isinstance(value, ListValue):
        here[last] = ListValue(at=value.at, items=current.items + value.items)
    elif isinstance(current, Unknown) and not isinstance(value, Unknown):
        if not _is_empty(value):
            here[last] = value
    elif isinstance(value, Unknown) and _is_empty(current):
        here[last] = value


def _is_empty(value: Value) -> bool:
    return isinstance(value, ListValue) and not value.items


class MoreBlocks(NamedTuple):
    """Why any number of blocks may exist, and what they are like, as far as the code states it."""

    why: Unknown
    blocks: Sequence[ArgumentBlock]


class ArgumentBlocks(msgspec.Struct):
    """The blocks of one type in another one, and ``more`` that may exist beside them. ``whole``: none is certain."""

    at: Location
    items: Sequence[ArgumentBlock]
    more: Sequence[MoreBlocks] = ()
    origin: Origin = Origin.WRITTEN
    whole: Unknown | None = None


# Returns the value of an argument, the last of the entries on the way to it, in a block that may not exist.
UnknownBlock: TypeAlias = Callable[[tuple[RequiredArgument, ...]], Unknown]


class ArgumentBlock(Protocol):
    """A resource or block with arguments, in the provider versions ``version``."""

    @property
    def at(self) -> Location:
        """Return its location."""

    @property
    def version(self) -> VersionRange:
        """Return the provider versions that may have it."""

    def select(self, entries: tuple[RequiredArgument, ...]) -> Iterable[RequiredArgument]:
        """Return the entries that can make a difference."""

    def value(self, entry: RequiredArgument) -> Value | Absent:
        """Return the value of an argument that is not a block, in the type that Azure has it in."""

    def blocks(self, entry: RequiredArgument) -> ArgumentBlocks | UnknownBlock | None:
        """Return the blocks of a type: a function if any number of them may exist, None if they count as not set."""

    def default(self, entry: RequiredArgument, at: Location, /) -> Value | None:
        """Return the default of an argument that is not set; None if it has none."""


class RecordedBlock:
    """A block, with a record of what its arguments read, by the path of their attribute below that of the block."""

    def __init__(self, block: ArgumentBlock, recorder: Recorder, path: Path) -> None:
        self._block = block
        self._recorder = recorder
        self._path = path
        self.at = block.at
        self.version = block.version

    def select(self, entries: tuple[RequiredArgument, ...]) -> Iterable[RequiredArgument]:
        """Return the entries that can make a difference."""
        return self._block.select(entries)

    def value(self, entry: RequiredArgument) -> Value | Absent:
        """Return the value of an argument that is not a block."""
        found, read = self._recorder.of(self._block.value, entry)
        self._recorder.attribute((*self._path, *entry.arm), read)
        return found

    def blocks(self, entry: RequiredArgument) -> ArgumentBlocks | UnknownBlock | None:
        """Return the blocks of a type."""
        found, read = self._recorder.of(self._block.blocks, entry)
        path = (*self._path, *entry.arm)
        for at in (path,) if entry.arm else _paths_in(entry):
            self._recorder.attribute((*self._path, *at), read)
        if not isinstance(found, ArgumentBlocks):
            return found
        items = [RecordedBlock(inner, self._recorder, path) for inner in found.items]
        return msgspec.structs.replace(found, items=items)

    def default(self, entry: RequiredArgument, at: Location, /) -> Value | None:
        """Return the default of an argument that is not set."""
        return self._block.default(entry, at)


def _paths_in(entry: RequiredArgument) -> Iterator[Path]:
    """Yield the paths of the attributes that the arguments in a block map to, and its constants."""
    yield from (_steps(constant) for constant in entry.field.constants)
    for inner in entry.inner:
        if inner.arm:
            yield inner.arm
        else:
            yield from _paths_in(inner)


class ArgumentTable:
    """The arguments of one azurerm type that rules require: whatever does not depend on an input.

    ``paths`` are the required attributes, ``vias`` those that lead to other resources, ``further`` more arguments.
    """

    def __init__(
        self,
        mapped: Mapped,
        paths: frozenset[Path],
        vias: Iterable[str],
        further: Mapping[str, Field] | None = None,
    ) -> None:
        self.type = mapped.type
        # With its note, or the reason why it is unknown; by the identity of the field, which the tables keep.
        self._defaults: dict[tuple[int, VersionRange], tuple[Plain | None, str] | None] = {}
        listed = tuple((name, _steps(path)) for name, path in mapped.listed.items())
        read = paths | {(name,) for name in _ALWAYS} | {_steps(via) for via in vias}
        read |= {(name,) for name, target in listed if any(overlap(path, target) for path in read)}
        self.listed = listed
        self.paths_read = read
        self.entries = entries_of({**(further or {}), **mapped.fields}, read)
        fixed = ((_steps(path), plain) for path, plain in mapped.fixed.items())
        self.fixed: tuple[tuple[Path, Plain], ...] = tuple(
            (arm, plain) for arm, plain in fixed if any(overlap(path, arm) for path in read)
        )

    def default_of(self, field: Field, version: VersionRange, at: Location) -> Value | None:
        """Return the default of an argument in the possible provider versions; None if it has none."""
        if not field.defaults:
            return None
        key = (id(field), version)
        if key not in self._defaults:
            self._defaults[key] = _default(field, version)
        default = self._defaults[key]
        if default is None:
            return None
        plain, note = default
        if plain is None:
            return Unknown(at=at, why=note)
        return Scalar(at=at, value=plain, origin=Origin.DEFAULT, note=note)

    def complete(self, tree: Tree, fixed: Iterable[tuple[Path, Scalar]], at: Location) -> None:
        """Add constant properties to the attributes of a resource, and put objects of flat arguments into lists."""
        for arm, plain in fixed:
            put(tree, arm, plain)
        for name, target in self.listed:
            if name in tree:
                item = freeze(tree.pop(name), at)
                put(tree, target, ListValue(at=at, items=(item,)))


def fill(tree: Tree, entries: tuple[RequiredArgument, ...], block: ArgumentBlock) -> None:
    """Write the arguments of a resource or block into ``tree``, with the defaults of its provider versions."""
    version = block.version
    missing: list[tuple[RequiredArgument, Location]] = []
    for entry in block.select(entries):
        field, at = entry.field, block.at
        is_set = False
        if entry.may_be_ignored and field.ignored_from <= version.low:
            pass
        elif entry.inner:
            is_set = _fill_blocks(tree, entry, block)
        else:
            value = block.value(entry)
            if isinstance(value, Absent):
                at = value.at
            else:
                is_set = True
                is_ignored = entry.may_be_ignored and field.ignored_from < version.high
                put(tree, entry.arm, _ignored(entry, value) if is_ignored else value)
        if not is_set and (field.defaults or field.filled):
            missing.append((entry, at))
    for entry, at in missing:
        if not has(tree, entry.arm):
            default = block.default(entry, at)
            if default is not None:
                put(tree, entry.arm, default)


def _ignored(entry: RequiredArgument, value: Value) -> Unknown:
    since = ".".join(map(str, entry.field.ignored_from))
    return Unknown(at=value.at, why=f"azurerm ignores `{entry.name}` from version {since} on")


def _fill_blocks(tree: Tree, entry: RequiredArgument, block: ArgumentBlock) -> bool:
    """Write a block, or several; False if there is none."""
    found = block.blocks(entry)
    if found is None:
        return False
    if not isinstance(found, ArgumentBlocks):
        _fill_unknown(tree, (entry,), found)
        return True
    field, arm = entry.field, entry.arm
    objects = _objects(entry, found.items, tree if not arm and field.kind == "block" else None)
    if field.kind == "blocks":
        possible = [_objects(entry, more.blocks) for more in found.more]
        if found.whole is not None:
            put(tree, arm, _with_possible(found.whole, [one for each in possible for one in each]))
            return True
        more = (_with_possible(one.why, each) for one, each in zip(found.more, possible, strict=True))
        put(tree, arm, ListValue(at=found.at, items=(*objects, *more), origin=found.origin))
    elif objects:
        put(tree, arm, objects[0])
    return True


def _objects(entry: RequiredArgument, blocks: Sequence[ArgumentBlock], tree: Tree | None = None) -> list[Value]:
    """Return blocks as objects; write their arguments into ``tree`` instead, if there is one."""
    objects: list[Value] = []
    for inner in blocks:
        inside: Tree = {} if tree is None else tree
        fill(inside, entry.inner, inner)
        for constant, plain in entry.field.constants.items():
            put(inside, _steps(constant), Scalar(at=inner.at, value=plain))
        if tree is None:
            objects.append(freeze(inside, inner.at))
    return objects


def _with_possible(why: Unknown, items: Sequence[Value]) -> Unknown:
    """Return why any number of items may exist, with what they are like."""
    return msgspec.structs.replace(why, known=Known(possible=Possible(tuple(items)))) if items else why


def _fill_unknown(tree: Tree, entries: tuple[RequiredArgument, ...], make: UnknownBlock) -> None:
    """Write unknown values for all arguments of a block that may not exist, which is the last of ``entries``."""
    entry = entries[-1]
    if entry.arm:
        put(tree, entry.arm, _with_names(entry, make(entries)))
        return
    for inner in entry.inner:
        _fill_unknown(tree, (*entries, inner), make)
    for constant in entry.field.constants:
        put(tree, _steps(constant), make(entries))


def _with_names(entry: RequiredArgument, block: Unknown) -> Unknown:
    """Return a block that may not exist with the names that its attributes can have: those of its arguments."""
    if entry.field.kind != "block" or not entry.inner or block.known.names is not None:
        return block
    names = {str(path[0]).lower() for path in _paths_in(entry)}
    return msgspec.structs.replace(block, known=msgspec.structs.replace(block.known, names=tuple(sorted(names))))


def as_kind(field: Field, value: Value) -> Value:
    """Return a value in the form that Azure has it in, by the kind of its argument."""
    match field.kind:
        case "flag" if isinstance(value, Scalar):
            return msgspec.structs.replace(value, value=field.words[0 if value.value is True else 1])
        case "flag" if isinstance(value, Unknown) and (value.is_set or field.defaults):
            # A null is the default, which is one of the words too.
            return msgspec.structs.replace(value, one_of=tuple(field.words))
        case "links" if isinstance(value, Scalar | Link):
            return ListValue(at=value.at, items=(value,))
        case "wrap":
            items = (
                (value,) if isinstance(value, Scalar | Link) else value.items if isinstance(value, ListValue) else ()
            )
            if items or isinstance(value, ListValue):
                wrapped = (
                    item if item.note == MAY_BE_ABSENT else MapValue(at=item.at, fields={field.item: item})
                    for item in items
                )
                return ListValue(at=value.at, items=tuple(wrapped))
    return value


def _steps(path: str) -> Path:
    return tuple(path.split("."))
