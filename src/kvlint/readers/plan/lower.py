"""azurerm arguments of a plan -> attributes in Azure's vocabulary, by the tables of ``readers/azurerm``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kvlint.model.graph import Demand
from kvlint.model.value import ListValue, MapValue, Path, Scalar, Unknown, Value
from kvlint.readers.azurerm.table import Field, Mapped
from kvlint.readers.azurerm.version import VersionRange
from kvlint.readers.plan.instance import ArgumentPath, Instance, mark

NEVER = (9999, 0)
# What every resource needs to be named and linked, whatever the rules ask.
ALWAYS = ("id", "name", "parent", "scope", "resourceGroupName", "location")

Tree = dict[str, Any]
Entries = tuple[tuple[str, Field, tuple[str, ...]], ...]


class Lowering:
    """The arguments of one azurerm type that anyone asks for, ready to be applied to many instances."""

    def __init__(self, mapped: Mapped, demand: Demand) -> None:
        self.type = mapped.type
        paths = demand.of(mapped.type) or frozenset()
        asked = paths | {(name,) for name in ALWAYS} | {tuple(via.split(".")) for via in demand.vias}
        self.listed = tuple((name, tuple(path.split("."))) for name, path in mapped.listed.items())
        asked |= {(name,) for name, target in self.listed if any(_meet(path, target) for path in asked)}
        self.entries = _entries(mapped.fields, asked)
        self.fixed = tuple(
            (arm, plain)
            for arm, plain in ((tuple(path.split(".")), plain) for path, plain in mapped.fixed.items())
            if any(_meet(path, arm) for path in asked)
        )

    def attributes(self, instance: Instance, version: VersionRange) -> MapValue:
        """The attributes of one instance, defaults of its provider version included."""
        tree: Tree = {}
        self._fill(tree, self.entries, instance, version, instance.values, instance.unknown, instance.sensitive, ())
        for path, plain in self.fixed:
            _put(tree, path, Scalar(at=instance.at, value=plain, origin="default"))
        for name, target in self.listed:
            if name in tree:
                item = _frozen(tree.pop(name), instance)
                _put(tree, target, ListValue(at=instance.at, items=(item,)))
        return _frozen(tree, instance)

    def _fill(
        self, tree: Tree, entries: Entries, instance: Instance, version: VersionRange,
        values: Mapping[str, Any], unknown: Any, sensitive: Any, path: ArgumentPath,
    ) -> None:  # fmt: skip
        """Write the arguments of one block, or of the resource itself, into ``tree``."""
        for name, field, arm in entries:
            here = (*path, name)
            value, hidden = values.get(name), mark(sensitive, name)
            doubt = mark(unknown, name)
            if doubt is True and field.computed and not field.filled and instance.is_left_out(here):
                continue
            if field.until <= version.low:
                continue
            if field.kind in ("block", "blocks"):
                self._blocks(tree, field, arm, instance, version, value, doubt, hidden, here)
                continue
            found = _value(field, instance, value, doubt, hidden, here)
            if found is not None and field.until < version.high and field.until != NEVER:
                found = Unknown(at=instance.at, why=f"azurerm ignores {name} from version {_dotted(field.until)} on")
            if found is not None:
                _put(tree, arm, found)
        for _, field, arm in entries:
            if field.defaults and not _has(tree, arm):
                default = _default(field, version, instance)
                if default is not None:
                    _put(tree, arm, default)

    def _blocks(
        self, tree: Tree, field: Field, arm: tuple[str, ...], instance: Instance, version: VersionRange,
        value: Any, unknown: Any, sensitive: Any, path: ArgumentPath,
    ) -> None:  # fmt: skip
        entries = _entries_of(field)
        if unknown is True:
            self._unknown_block(tree, field, arm, instance, path)
            return
        count = max(len(items) if isinstance(items, list) else 0 for items in (value, unknown))
        objects: list[Value] = []
        for i in range(count):
            item = value[i] if isinstance(value, list) and i < len(value) and isinstance(value[i], dict) else {}
            inside: Tree = tree if not arm and field.kind == "block" else {}
            self._fill(
                inside, entries, instance, version, item, mark(unknown, i), mark(sensitive, i), (*path, i)
            )
            for constant, plain in field.constants.items():
                _put(inside, tuple(constant.split(".")), Scalar(at=instance.at, value=plain))
            if inside is not tree:
                objects.append(_frozen(inside, instance))
        if field.kind == "blocks" and isinstance(value, list):
            _put(tree, arm, ListValue(at=instance.at, items=tuple(objects)))
        elif objects:
            _put(tree, arm, objects[0])

    @staticmethod
    def _unknown_block(
        tree: Tree, field: Field, arm: tuple[str, ...], instance: Instance, path: ArgumentPath
    ) -> None:
        """A whole block that is not known: so is everything that it would say."""
        if arm:
            _put(tree, arm, instance.not_known(path))
            return
        for _, inner, inner_arm in _entries_of(field):
            Lowering._unknown_block(tree, inner, inner_arm, instance, path)


def _value(
    field: Field, instance: Instance, value: Any, unknown: Any, sensitive: Any, path: ArgumentPath
) -> Value | None:
    """One argument that is no block."""
    if field.kind in ("link", "links") and unknown is True:
        return instance.linked(path)
    if field.kind == "links" and isinstance(unknown, list) and any(unknown):
        return instance.linked(path)
    found = instance.plain(value, unknown, True if field.sensitive else sensitive, path)
    if field.kind == "links" and isinstance(found, Scalar):
        return ListValue(at=found.at, items=(found,))
    if field.kind == "flag" and isinstance(found, Scalar):
        on, off = field.words
        return Scalar(at=found.at, value=on if found.value is True else off)
    if field.kind == "wrap" and isinstance(found, ListValue):
        items = tuple(MapValue(at=found.at, fields={field.item: item}) for item in found.items)
        return ListValue(at=found.at, items=items)
    return found


def _default(field: Field, version: VersionRange, instance: Instance) -> Value | None:
    """What an argument that is not set amounts to in the provider versions that are possible."""
    possible = [default for default in field.defaults if version.meets(default.since, default.until)]
    if not possible:
        return None
    if len({default.value for default in possible}) > 1:
        return Unknown(at=instance.at, why="its default depends on the provider version, which the plan does not say")
    plain = possible[0].value
    if field.kind == "flag":
        plain = field.words[0 if plain is True else 1]
    return Scalar(at=instance.at, value=plain, origin="default", note="not set, and the default is " + _word(plain))


def _word(plain: Any) -> str:
    return str(plain).lower() if isinstance(plain, bool) else str(plain)


def _entries(fields: Mapping[str, Field], asked: frozenset[Path]) -> Entries:
    """The fields that lie on, above or below a path that is asked for."""
    found = []
    for name, field in fields.items():
        arm = tuple(field.arm.split(".")) if field.arm else ()
        if not arm:
            if _entries(field.fields, asked):
                found.append((name, field, arm))
        elif any(_meet(path, arm) for path in asked):
            found.append((name, field, arm))
    return tuple(found)


def _meet(path: Path, arm: Path) -> bool:
    """Whether one of two paths lies on the other."""
    return path[: len(arm)] == arm[: len(path)]


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


_INNER: dict[int, Entries] = {}


def _entries_of(field: Field) -> Entries:
    """The fields of a block, split once. The tables live as long as the program, so their ids do not move."""
    found = _INNER.get(id(field))
    if found is None:
        found = _INNER[id(field)] = _entries(field.fields, frozenset({()}))
    return found


def _has(tree: Tree, path: tuple[str, ...]) -> bool:
    here: Any = tree
    for step in path:
        if not isinstance(here, dict):
            return isinstance(here, Unknown)
        if step not in here:
            return False
        here = here[step]
    return True


def _put(tree: Tree, path: tuple[str, ...], value: Value) -> None:
    """Write ``value``. Of several arguments for one path the first that is set counts; lists are joined."""
    here = tree
    for step in path[:-1]:
        below = here.setdefault(step, {})
        if not isinstance(below, dict):
            return
        here = below
    last = path[-1]
    have = here.get(last)
    if isinstance(have, ListValue) and isinstance(value, ListValue):
        here[last] = ListValue(at=value.at, items=have.items + value.items)
    elif have is None or (isinstance(have, Unknown) and not isinstance(value, Unknown)):
        here[last] = value


def _frozen(tree: Tree, instance: Instance) -> MapValue:
    fields = {name: _frozen(below, instance) if isinstance(below, dict) else below for name, below in tree.items()}
    return MapValue(at=instance.at, fields=fields)
