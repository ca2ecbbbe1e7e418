"""What all deployments of one root template share: limits, files, and what has been found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import Any, Self, TypeAlias

import msgspec

from kvlint.errors import InputError
from kvlint.expressions.evaluate import Budget
from kvlint.expressions.values import MAX_VALUES, Fields, Items, Result
from kvlint.model.graph import Resource
from kvlint.model.report import Declaration, Problem
from kvlint.model.source import Location
from kvlint.readers.arm.wanted import Wanted
from kvlint.readers.problems import NOT_WHOLE, TYPE_NOT_KNOWN
from kvlint.syntax.armexpr import parse_expression
from kvlint.syntax.jsonc import Document
from kvlint.syntax.tree import Expression

Pointer: TypeAlias = tuple[str | int, ...]
Load: TypeAlias = Callable[[str], Document | None]

# Azure takes 800 resources in a template, and deployments five deep.
MAX_DEPLOYMENTS = 10_000
MAX_RESOURCES = 100_000
# References that are followed to where values come from; what is behind those that are left is not known.
MAX_TRACED = 100_000
# Of values within values, once all variables have been filled in. Azure takes 20 levels of objects.
_MAX_LEVELS = 400
# Expressions that many templates share, by their text: a tree, or what is wrong. Emptied between two templates once
# there are too many characters of them.
_MAX_PARSED = 2_000_000


class _Parsed(dict[str, "Expression | str"]):
    """Trees by their texts; ``characters`` is how many those have together."""

    characters = 0


_parsed = _Parsed()

# A member with another usual spelling is not the one that is sought.
_USUAL = frozenset(
    {
        "$ref", "$schema", "allowedValues", "apiVersion", "batchSize", "comments", "condition", "contentVersion",
        "copy", "count", "defaultValue", "definitions", "dependsOn", "existing", "expressionEvaluationOptions",
        "extendedLocation", "functions", "identity", "input", "kind", "languageVersion", "location", "managedBy",
        "maxLength", "maxValue", "members", "metadata", "minLength", "minValue", "mode", "name", "namespace",
        "nullable", "output", "outputs", "parameters", "parametersLink", "plan", "properties", "reference",
        "relativePath", "resourceGroup", "resources", "scope", "sku", "subscriptionId", "tags", "template",
        "templateLink", "type", "uri", "value", "variables", "zones",
    }
)  # fmt: skip


class TemplateRead(msgspec.Struct, kw_only=True):
    """What reading a template or Bicep file gives.

    ``resources`` by address, in document order. ``closed``: the document says everything, so what is missing is
    missing. ``files`` holds the text, by reported path, of each file that a location in it may lie in. ``skipped`` are
    the declarations that were not evaluated; other uses of them may have been.
    """

    resources: dict[str, Resource]
    problems: list[Problem]
    closed: bool
    files: dict[str, str]
    skipped: list[Declaration] = []


class Run:
    """One root template being read. ``load`` gives linked templates; their paths start at the root template's folder.

    ``closed`` turns false once something was not read in which more resources may be declared.
    """

    DEPLOYMENTS = "nested deployments"

    def __init__(self, path: str, text: str, wanted: Wanted, load: Load | None) -> None:
        self.path = path
        self.wanted = wanted
        self.load = load
        self.freezer = wanted.freezer
        self.freezer.made = 0
        self.files = {path: text}
        self.resources: dict[str, Resource] = {}
        self.problems: list[Problem] = []
        self.skipped: list[Declaration] = []
        self.closed = True
        self.opened: list[Callable[[], None]] = []
        self.reset_limits()
        self._addresses: dict[str, int] = {}
        self._told: set[tuple[str, Location | None]] = set()
        if _parsed.characters > _MAX_PARSED:
            _parsed.clear()
            _parsed.characters = 0

    def reset_limits(self) -> None:
        """Count work from zero."""
        self.budget = Budget()
        self._charged = self._deployments = self._instances = self._traced = 0

    def apart(self) -> Self:
        """Return a run that shares everything with this one but its limits."""
        other = copy(self)
        other.reset_limits()
        return other

    def renamed(self) -> Self:
        """Return a run that shares everything with this one but the addresses that are taken."""
        other = copy(self)
        other._addresses = {}  # noqa: SLF001  # it is one of the same class
        return other

    def problem(self, code: str, level: str, message: str, at: Location, hint: str = "") -> None:
        """Report something, once for each place."""
        if (message, at) not in self._told:
            self._told.add((message, at))
            self.problems.append(Problem(code=code, level=level, message=message, at=at, hint=hint))

    def not_whole(self, level: str, message: str, at: Location, hint: str = "") -> None:
        """Report something that could not be read, in which more resources may be declared."""
        self.closed = False
        self.problem(NOT_WHOLE, level, message, at, hint)

    def type_not_known(self, level: str, message: str, at: Location) -> None:
        """Report a resource that cannot be judged because of its type."""
        self.problem(TYPE_NOT_KNOWN, level, message, at)

    def parsed(self, text: str, at: Location) -> Expression | None:
        """The tree of an expression, without its brackets; None, and a problem, if it is none."""
        found = _parsed.get(text)
        if found is None:
            try:
                found = parse_expression(text)
            except InputError as error:
                found = error.message
            _parsed[text] = found
            _parsed.characters += len(text)
        if isinstance(found, str):
            self.problem(NOT_WHOLE, "error", f"an expression cannot be read: {found}", at)
            return None
        return found

    def charge(self, result: Fields | Items) -> None:
        """Count the parts of what an expression amounts to. Raises InputError once all of them are too many.

        Variables that hold other variables twice grow beyond all memory in a few lines, and whoever looks at a value
        may recurse.
        """
        level: list[Result] = [result]
        for _ in range(_MAX_LEVELS):
            self._charged += len(level)
            if self._charged > MAX_VALUES:
                raise InputError(f"its expressions make more than {MAX_VALUES:,} values")
            inner: list[Result] = []
            for outer in level:
                if type(outer) is Fields:
                    inner.extend(outer.fields.values())
                elif type(outer) is Items:
                    inner.extend(outer.items)
            if not inner:
                return
            level = inner
        raise InputError(f"its expressions make values that are nested deeper than {_MAX_LEVELS} levels")

    def count_deployment(self) -> None:
        """Raises InputError once deployments hold deployments so often that none could be meant."""
        self._deployments += 1
        if self._deployments > MAX_DEPLOYMENTS:
            raise InputError(f"it has more than {MAX_DEPLOYMENTS:,} {self.DEPLOYMENTS}")

    def may_trace(self) -> bool:
        """Count a reference that is to be followed to where its value comes from; False once there are too many.

        Variables that hold other variables twice lead along more ways than anybody can go.
        """
        self._traced += 1
        return self._traced <= MAX_TRACED

    def count_resources(self, number: int) -> None:
        """Raises InputError for more resources than any deployment has."""
        self._instances += number
        if self._instances > MAX_RESOURCES:
            raise InputError(f"it declares more than {MAX_RESOURCES:,} resources")

    def unique(self, address: str) -> str:
        """``address``, or with a number behind it if it is taken."""
        number = self._addresses.get(address, 0) + 1
        self._addresses[address] = number
        return address if number == 1 else self.unique(f"{address} #{number}")

    def done(self) -> TemplateRead:
        """What has been found. Nothing can be evaluated any more."""
        for close in self.opened:
            close()
        self.opened.clear()
        return TemplateRead(
            resources=self.resources, problems=self.problems, closed=self.closed, files=self.files, skipped=self.skipped
        )


def is_usual(plain: Mapping[str, Any]) -> bool:
    """Whether all members have their usual spelling, so that what is not there by that is not there at all."""
    return plain.keys() <= _USUAL


def key_of(plain: Mapping[str, Any], name: str) -> str | None:
    """The key of a member as its author spells it, or None. ``name`` is the usual spelling."""
    if name in plain:
        return name
    if is_usual(plain):
        return None
    lower = name.lower()
    return next((key for key in plain if key.lower() == lower), None)


def member(plain: Any, *names: str) -> Any:
    """The member at the end of a path of usual spellings; None where there is none."""
    for name in names:
        key = key_of(plain, name) if isinstance(plain, dict) else None
        if key is None:
            return None
        plain = plain[key]
    return plain
