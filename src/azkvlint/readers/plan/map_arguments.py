"""Arguments of a plan's resources, for the map of arguments to Azure's attributes.

Large plans repeat themselves: thousands of secrets say the same but for their name and their vault. What resources say
alike is mapped once, and all of them share the same object, so that rules evaluate it only once too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from azkvlint.azure.azurerm.azapi import AZAPI, WITH_TEMPLATE
from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.azure.azurerm.table import FILLED_IN, Field, Mapped
from azkvlint.graph.pseudo_resources import PATH_IN_BODY
from azkvlint.model.location import Location
from azkvlint.model.provider_version import VersionRange
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.value import Absent, ListValue, MapValue, Origin, Path, Scalar, Unknown, Value
from azkvlint.readers.argument_map import (
    OWN,
    ArgumentBlocks,
    ArgumentTable,
    RequiredArgument,
    Tree,
    UnknownBlock,
    as_kind,
    fill,
    freeze,
    is_zero,
)
from azkvlint.readers.plan.address import Names
from azkvlint.readers.plan.document import ChangeDecoder
from azkvlint.readers.plan.planned_resource import KNOWN_AFTER_APPLY, ArgumentPath, PlannedInstance, mark

_ID = Field(arm="id")
_NOTHING: Mapping[str, Any] = {}
_PLAIN = frozenset({str, bool, int, float})


class _Own(msgspec.Struct, frozen=True):
    """An argument that identifies a resource: its target attribute, and whether it is the ID of another resource."""

    name: str
    arm: str
    is_link: bool


class PlanTable(ArgumentTable):
    """The arguments of one azurerm type that rules require: whatever does not depend on a plan."""

    def __init__(self, mapped: Mapped, paths: frozenset[Path], vias: frozenset[str]) -> None:
        super().__init__(mapped, paths, vias, {"id": _ID})
        own = [entry for entry in self.entries if len(entry.arm) == 1 and entry.arm[0] in OWN]
        self.own = tuple(_Own(entry.name, str(entry.arm[0]), entry.field.kind == "link") for entry in own)
        # A rule that requires an object around a secret receives the secret inside the object.
        around = {PATH_IN_BODY[:length] for length in range(len(PATH_IN_BODY))}
        secrets = () if around & self.paths_read else (entry for entry in self.entries if entry.arm == PATH_IN_BODY)
        self.secrets = tuple(secrets)
        self.decoder = ChangeDecoder({entry.name for entry in self.entries} | {"name"})
        self.entries = tuple(entry for entry in self.entries if entry not in own and entry not in self.secrets)
        self.is_plain = all(entry.field == Field(arm=entry.field.arm, sensitive=True) for entry in self.secrets)
        # Whether the meaning of a value of an existing resource depends on the configuration.
        self.depends_on_block = any(
            entry.rivals or (entry.field.kind == "blocks" and entry.field.computed) for entry in self.entries
        )
        # Arguments with a provider default: only the configuration shows whether the author set them.
        self.filled = tuple(entry.name for entry in self.entries if entry.field.defaults)


@lru_cache(2_000)
def argument_table(type_: str, paths: frozenset[Path], vias: frozenset[str]) -> PlanTable:
    """Return the table of a Terraform type, built once in a process for the same required paths and references."""
    return PlanTable(RESOURCES[type_], paths, vias)


class PlanArgumentMap:
    """The arguments of one azurerm type that the rules require, ready to be applied to many instances of a plan.

    ``is_lazy``: no rule evaluates the type, so its resources are only mapped if another resource refers to them.
    """

    def __init__(self, table: PlanTable, at: Location, is_lazy: bool = False) -> None:
        self.type = table.type
        self.is_lazy = is_lazy
        self.decoder = table.decoder
        self._at = at
        self._own = table.own
        self._own_names = frozenset(entry.name for entry in table.own)
        self._identity = tuple(entry for entry in table.own if entry.arm in ("id", "name"))
        self._unknown_id = Unknown(at=at, why=KNOWN_AFTER_APPLY)
        self._secrets = table.secrets
        self._table = table
        self._is_plain = table.is_plain
        self._depends_on_block = table.depends_on_block
        self._filled = table.filled
        self._fixed = tuple((arm, Scalar(at=at, value=plain, origin=Origin.DEFAULT)) for arm, plain in table.fixed)
        self._unwritten: dict[tuple[Names, str], frozenset[str]] = {}
        self._alike: dict[frozenset[str], frozenset[str]] = {}
        self._written: dict[tuple[Names, str, str], bool] = {}
        self._expressions: dict[tuple[Names, str], bytes] = {}
        self._known: dict[tuple[bytes, VersionRange, bytes | None, frozenset[str]], MapValue] = {}
        self._defaults: dict[tuple[int, VersionRange], Value | None] = {}
        self.flags = {flag: Scalar(at=at, value=flag) for flag in (True, False)}
        self.absent = Absent(at=at)

    def identity(self, instance: PlannedInstance) -> dict[str, Value] | None:
        """Return the ID and the name of an instance, or None if they depend on more than its own values."""
        marks, secrets = instance.unknown, instance.sensitive
        found: dict[str, Value] = {}
        for entry in self._identity:
            name = entry.name
            value = instance.values.get(name)
            if (marks.get(name) if type(marks) is dict else marks) is True:
                if entry.arm != "id" or instance.writes(name):
                    return None
                found["id"] = self._unknown_id
            elif type(value) is str:
                hidden = secrets is True or (type(secrets) is dict and secrets.get(name) is True)
                found[entry.arm] = Scalar(at=self._at, value=value, sensitive=hidden)
        return found if "id" in found and "name" in found else None

    def own_attributes(self, instance: PlannedInstance) -> dict[str, Value]:
        """Remove ID, name and links from the values of an instance, and return them: others may share the rest."""
        values, marks, secrets = instance.values, instance.unknown, instance.sensitive
        own: dict[str, Value] = {}
        for entry in self._own:
            name = entry.name
            value = values.pop(name, None)
            doubt = marks.pop(name, None) if type(marks) is dict else marks
            if doubt is True:
                if entry.is_link:
                    own[entry.arm] = instance.resolve_link((name,))
                elif entry.arm == "id" and not self._writes(instance, name):
                    own["id"] = self._unknown_id
                else:
                    own[entry.arm] = instance.unknown_value((name,))
            elif type(value) is str and (value or not entry.is_link):
                hidden = secrets is True or (type(secrets) is dict and secrets.get(name) is True)
                own[entry.arm] = Scalar(at=self._at, value=value, sensitive=hidden)
        return own

    def _writes(self, instance: PlannedInstance, argument: str) -> bool:
        """Return whether the author wrote an argument, which is looked up once for all instances of a block."""
        place = (instance.names, instance.resource, argument)
        found = self._written.get(place)
        if found is None:
            found = self._written[place] = bool(instance.writes(argument))
        return found

    def _secret(self, instance: PlannedInstance, version: VersionRange) -> Value | None:
        """Return the secret of one instance, taken out of its values in the same way: few say the same."""
        marks = instance.unknown
        plain = self._plain_secret(instance.values, marks)
        if plain is not None:
            return Scalar(at=self._at, value=plain, sensitive=True)
        values = {entry.name: instance.values.pop(entry.name, None) for entry in self._secrets}
        unknown = {entry.name: marks.pop(entry.name, None) for entry in self._secrets} if type(marks) is dict else marks
        tree: Tree = {}
        fill(tree, self._secrets, _PlannedBlock(self, instance, version, values, (unknown, instance.sensitive)))
        found: Value | None = tree.get(PATH_IN_BODY[0], {}).get(PATH_IN_BODY[1])
        return found

    def shared_attributes(self, instance: PlannedInstance, version: VersionRange) -> tuple[MapValue, Value | None]:
        """Return the attributes that an instance may share with others, and its secret."""
        secret = self._secret(instance, version) if self._secrets else None
        return self._common(instance, version), secret

    def _plain_secret(self, values: dict[str, Any], marks: Any) -> str | None:
        """Remove and return a secret in its most common form: a known string in the first of its arguments."""
        first, *others = self._secrets
        found = values.get(first.name)
        if not self._is_plain or type(found) is not str or type(marks) is not dict or marks.get(first.name):
            return None
        if any(values.get(other.name) is not None or marks.get(other.name) for other in others):
            return None
        for entry in self._secrets:
            values.pop(entry.name, None)
            marks.pop(entry.name, None)
        return found

    def _common(self, instance: PlannedInstance, version: VersionRange) -> MapValue:
        """Return the attributes that an instance may share with others, including defaults of the provider version.

        Unknown values depend on the expressions of the instance's block, so only instances of blocks with equal ones
        share them. The same applies if the configuration shows which values of an existing resource its author set.
        """
        doubts = msgspec.json.encode(instance.unknown)
        encoded = msgspec.json.encode(
            (instance.values, instance.sensitive, instance.action, instance.replace_paths, instance.deferred)
        )
        by_block = b"true" in doubts or (self._depends_on_block and not instance.creates)
        block = (instance.names, instance.resource)
        unwritten = self._unwritten.get(block)
        if unwritten is None:
            names = instance.unwritten(self._filled)
            # Most blocks omit the same arguments.
            unwritten = self._unwritten[block] = self._alike.setdefault(names, names)
        instance.filled = unwritten
        key = (encoded + doubts, version, self._block_expressions(instance) if by_block else None, unwritten)
        found = self._known.get(key)
        if found is None:
            instance.followed = False
            found = freeze(self._tree(instance, version), self._at)
            if not instance.followed:
                self._known[key] = found
        return found

    def _block_expressions(self, instance: PlannedInstance) -> bytes:
        """Return the expressions in the block of an instance, encoded; nothing for an instance without a block.

        Without those of the arguments that identify a resource, which no value of another argument depends on.
        """
        place = (instance.names, instance.resource)
        found = self._expressions.get(place)
        if found is None:
            block = instance.configuration.resource(*place)
            written = block.get("expressions")
            if isinstance(written, dict):
                written = {name: one for name, one in written.items() if name not in self._own_names}
            found = self._expressions[place] = msgspec.json.encode(written) if block else b""
        return found

    def written(self, instance: PlannedInstance) -> MapValue:
        """Return what the arguments of an instance set, without the attributes that identify it."""
        tree: Tree = {}
        marks = instance.unknown, instance.sensitive
        fill(tree, self._table.entries, _PlannedBlock(self, instance, VersionRange(), instance.values, marks))
        return freeze(tree, self._at)

    def _tree(self, instance: PlannedInstance, version: VersionRange) -> Tree:
        tree: Tree = {"derived": planned_attributes(instance)}
        marks = instance.unknown, instance.sensitive
        fill(tree, self._table.entries, _PlannedBlock(self, instance, version, instance.values, marks))
        self._table.complete(tree, self._fixed, self._at)
        return tree

    def as_filled(
        self, found: Value, entry: RequiredArgument, instance: PlannedInstance, version: VersionRange
    ) -> Value:
        """Return a top-level argument, as a default if its author did not set it."""
        filled = instance.filled
        if type(found) is not Scalar or entry.name not in filled or not filled.issuperset(entry.rivals):
            return found
        if entry.field.computed and not instance.creates:
            return msgspec.structs.replace(found, origin=Origin.KEPT)
        default = self.default(entry.field, version)
        return default if type(default) is Scalar and default.value == found.value else found

    def default(self, field: Field, version: VersionRange) -> Value | None:
        """Return the default of an argument in the possible provider versions.

        Kept by the field's identity: the tables live as long as the program.
        """
        key = (id(field), version)
        if key not in self._defaults:
            self._defaults[key] = self._table.default_of(field, version, self._at)
        return self._defaults[key]


class _PlannedBlock:
    """A resource or block of a plan: its values with the two trees of marks beside them, unknown and sensitive."""

    __slots__ = ("_arguments", "_doubts", "_instance", "_path", "_secrets", "_values", "at", "version")

    def __init__(
        self,
        arguments: PlanArgumentMap,
        instance: PlannedInstance,
        version: VersionRange,
        values: Mapping[str, Any],
        marks: tuple[Any, Any],
        path: ArgumentPath = (),
    ) -> None:
        self._arguments = arguments
        self._instance = instance
        self._values = values
        self._path = path
        # A mark is True for everything below it.
        doubts, secrets = marks
        self._doubts = doubts if doubts is True or type(doubts) is dict else _NOTHING
        self._secrets = secrets if secrets is True or type(secrets) is dict else _NOTHING
        self.at = instance.at
        self.version = version

    def select(self, entries: tuple[RequiredArgument, ...]) -> Iterable[RequiredArgument]:
        """Return all entries: most arguments have a value."""
        return entries

    def value(self, entry: RequiredArgument) -> Value | Absent:
        """Return the value of an argument that is not a block."""
        name, doubts, secrets = entry.name, self._doubts, self._secrets
        value: Any = self._values.get(name)
        doubt = True if doubts is True else doubts.get(name)
        found: Value | None
        if not doubt and (value is None or (not value and entry.drops_zero and is_zero(value))):
            return self._arguments.absent
        if not doubt and entry.simple and type(value) in _PLAIN and secrets is not True and name not in secrets:
            found = self._arguments.flags[value] if type(value) is bool else Scalar(at=self.at, value=value)
        elif self._is_left_out(entry, doubt):
            return self._arguments.absent
        else:
            found = _value(entry.field, self._instance, value, doubt, mark(secrets, name), (*self._path, name))
        if found is None:
            return self._arguments.absent
        return found if self._path else self._arguments.as_filled(found, entry, self._instance, self.version)

    def _is_left_out(self, entry: RequiredArgument, doubt: Any) -> bool:
        """Return whether an argument counts as not set although it has a value or is unknown."""
        field, instance = entry.field, self._instance
        if not entry.rivals and not (doubt is True and field.computed):
            return False
        path = (*self._path, entry.name)
        if doubt is True and field.computed and not field.filled and instance.is_left_out(path):
            return True
        return bool(entry.rivals) and instance.is_overruled(path, entry.rivals)

    def blocks(self, entry: RequiredArgument) -> ArgumentBlocks | UnknownBlock | None:
        """Return the blocks of a type."""
        name, instance, field = entry.name, self._instance, entry.field
        value: Any = self._values.get(name)
        doubt = mark(self._doubts, name)
        if (not doubt and value is None) or self._is_left_out(entry, doubt):
            return None
        if doubt is True:
            return self._unknown
        hidden = mark(self._secrets, name)
        path = (*self._path, name)
        values = value if isinstance(value, list) else []
        items = []
        for i in range(max(len(values), len(doubt) if isinstance(doubt, list) else 0)):
            item = values[i] if i < len(values) and isinstance(values[i], dict) else {}
            marks = mark(doubt, i), mark(hidden, i)
            items.append(_PlannedBlock(self._arguments, instance, self.version, item, marks, (*path, i)))
        if field.kind == "blocks" and not items and not isinstance(value, list):
            return None
        kept = field.kind == "blocks" and field.computed and instance.is_kept(path)
        return ArgumentBlocks(self.at, items, origin=Origin.KEPT if kept else Origin.WRITTEN)

    def _unknown(self, entries: tuple[RequiredArgument, ...]) -> Unknown:
        """Return the value of an argument in a block that may not exist."""
        path = (*self._path, *(entry.name for entry in entries))
        if entries[-1].field.filled and self._instance.is_left_out(path):
            return Unknown(at=self.at, origin=Origin.DEFAULT, why=FILLED_IN)
        return self._instance.unknown_value(path)

    def default(self, entry: RequiredArgument, _at: Location) -> Value | None:
        """Return the default of an argument that is not set; what the provider computes is in the plan."""
        return self._arguments.default(entry.field, self.version)


def planned_attributes(instance: PlannedInstance) -> Tree:
    """Return the planned action on a resource as attributes."""
    if instance.deferred:
        why = f"the change is deferred to a later plan ({instance.deferred})"
        return {"plannedAction": Unknown(at=instance.at, why=why)}
    action, paths = instance.action, instance.replace_paths
    forced = f", forced by {', '.join(paths)}" if paths else ""
    note = f"the plan's action is {action}{forced}"
    tree: Tree = {"plannedAction": Scalar(at=instance.at, value=action, origin=Origin.DERIVED, note=note)}
    if paths:
        items = tuple(Scalar(at=instance.at, value=path, origin=Origin.DERIVED) for path in paths)
        tree["replacePaths"] = ListValue(at=instance.at, items=items, origin=Origin.DERIVED)
    return tree


def _value(
    field: Field, instance: PlannedInstance, value: Any, unknown: Any, sensitive: Any, path: ArgumentPath
) -> Value | None:
    """Return one argument that is not a block."""
    if field.kind in ("link", "links") and unknown is True:
        return instance.resolve_link(path)
    if field.kind == "links" and isinstance(unknown, list) and any(unknown):
        return instance.links(value, unknown, sensitive, path)
    found = instance.plain(value, unknown, True if field.sensitive else sensitive, path)
    return None if found is None else as_kind(field, found)


class ArgumentMaps:
    """The argument maps of the types that rules require.

    There is no reference to the plan, because garbage collection is off and a cycle would keep the plan in memory.
    """

    def __init__(self, required: RequiredAttributes, at: Location) -> None:
        self._required = required
        self._vias = frozenset(required.reference_paths)
        self._at = at
        self._known: dict[str, PlanArgumentMap | None] = {}

    def find(self, type_: str) -> PlanArgumentMap | None:
        """Return the argument map of a type; None if no rule requires it."""
        if type_ not in self._known:
            mapped = RESOURCES.get(type_)
            paths = None if mapped is None else self._required.paths_of(mapped.type)
            table = None if paths is None else argument_table(type_, paths, self._vias)
            self._known[type_] = (
                None if table is None else PlanArgumentMap(table, self._at, self._required.is_only_target(table.type))
            )
        return self._known[type_]

    def is_required(self, type_: str) -> bool:
        """Return whether a rule requires resources of a Terraform type."""
        if type_.startswith("azapi_"):
            return type_ in AZAPI
        return type_ in WITH_TEMPLATE or self.find(type_) is not None
