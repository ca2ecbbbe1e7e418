"""What all deployments of one root template share: limits, files, and what has been found."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import msgspec

from azkvlint.evaluation.budget import Budget
from azkvlint.evaluation.values import MAX_ITEMS, Fields, Items, Result
from azkvlint.model.finding import Declaration, Problem
from azkvlint.model.location import Location
from azkvlint.model.problem_codes import INPUT_INCOMPLETE, TYPE_UNKNOWN
from azkvlint.model.resource import Resource
from azkvlint.readers.arm.attribute_filter import Wanted
from azkvlint.syntax.arm.expression import parse_expression
from azkvlint.syntax.ast import Expression
from azkvlint.syntax.json_decoder import Document
from azkvlint.util.errors import InputError

if TYPE_CHECKING:
    from azkvlint.readers.arm.template import Sections

Pointer: TypeAlias = tuple[str | int, ...]
Load: TypeAlias = Callable[[str], Document | None]

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
    the declarations that were not evaluated; other uses of them may have been. ``secrets`` are the spans in the files
    of what was given to parameters whose values are secret, ``secret_texts`` what no message shows.
    """

    resources: dict[str, Resource]
    problems: list[Problem]
    closed: bool
    files: dict[str, str]
    skipped: list[Declaration] = []
    secrets: Mapping[str, Collection[tuple[int, int]]] = {}
    secret_texts: frozenset[str] = frozenset()


class Run:
    """One root template being read. ``load`` gives linked templates; their paths start at the root template's folder.

    ``closed`` turns false once something was not read in which more resources may be declared. ``budget`` is that of
    the unit, if the template is only a part of it.
    """

    DEPLOYMENTS = "nested deployments"

    def __init__(self, path: str, text: str, wanted: Wanted, load: Load | None, budget: Budget | None = None) -> None:
        self.path = path
        self.wanted = wanted
        self.load = load
        self.freezer = wanted.freezer
        self.budget = Budget(len(text)) if budget is None else budget
        self.freezer.budget = self.budget
        self.files = {path: text}
        self.resources: dict[str, Resource] = {}
        self.problems: list[Problem] = []
        self.skipped: list[Declaration] = []
        self.sections: dict[tuple[str, Pointer], Sections] = {}
        self._closed = [True]
        self._skipped: set[tuple[str, object]] = set()
        self.secrets: dict[str, set[tuple[int, int]]] = {}
        self.opened: list[Callable[[], None]] = []
        self._addresses: dict[str, dict[Pointer, str]] = {}
        self._reasons: set[str] = set()
        self._told: set[tuple[str, Location | None]] = set()
        if _parsed.characters > _MAX_PARSED:
            _parsed.clear()
            _parsed.characters = 0

    @property
    def closed(self) -> bool:
        """Whether everything was read in which more resources may be declared, in each run that shares this."""
        return self._closed[0]

    @closed.setter
    def closed(self, is_closed: bool) -> None:
        self._closed[0] = is_closed

    def apart(self) -> Self:
        """Return a run that shares everything with this one but the budget, which is a further one."""
        other = copy(self)
        other.budget = self.budget.second_budget()
        other.freezer = self.freezer.within(other.budget)
        return other

    def hide(self, at: Location) -> None:
        """Take note of a place whose text is a secret."""
        if at.span is not None:
            self.secrets.setdefault(at.path, set()).add(at.span)

    def problem(self, code: str, level: str, message: str, at: Location, hint: str = "") -> None:
        """Report something, once for each place."""
        if (message, at) not in self._told:
            self._told.add((message, at))
            self.problems.append(Problem(code=code, level=level, message=message, at=at, hint=hint))

    def not_whole(self, level: str, message: str, at: Location, hint: str = "") -> None:
        """Report something that could not be read, in which more resources may be declared."""
        self.closed = False
        self.problem(INPUT_INCOMPLETE, level, message, at, hint)

    def skip(self, declaration: Declaration) -> None:
        """Account for a declaration that is not evaluated, once for all its uses."""
        place = declaration.at.path, declaration.at.span or declaration.at.pointer
        if place not in self._skipped:
            self._skipped.add(place)
            self.skipped.append(declaration)

    def skip_for(self, error: InputError | RecursionError, address: str, at: Location) -> str:
        """Return why a declaration that may exist is not evaluated. Each reason is reported for the first of them."""
        why = error.message if isinstance(error, InputError) else "it is nested too deep"
        if why not in self._reasons:
            self._reasons.add(why)
            self.not_whole("error", f"'{address}', which may exist, was not evaluated: {why}", at)
        return why

    def missing_module(self, message: str, at: Location, hint: str) -> None:
        """Report a call of a module that is not available, in which more resources may be declared."""
        self.closed = False
        if (message, at) not in self._told:
            self._told.add((message, at))
            self.problems.append(
                Problem(code=INPUT_INCOMPLETE, level="note", message=message, at=at, hint=hint, is_missing_module=True)
            )

    def type_not_known(self, level: str, message: str, at: Location) -> None:
        """Report a resource that cannot be judged because of its type."""
        self.problem(TYPE_UNKNOWN, level, message, at)

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
            self.problem(INPUT_INCOMPLETE, "error", f"an expression cannot be read: {found}", at)
            return None
        return found

    def charge(self, result: Fields | Items) -> None:
        """Count the parts of what an expression amounts to. Raises InputError once all of them are too many.

        Variables that hold other variables twice grow beyond all memory in a few lines, and whoever looks at a value
        may recurse.
        """
        level: list[Result] = [result]
        for _ in range(_MAX_LEVELS):
            self.budget.add_values(len(level))
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

    def add_text(self, path: str, text: str) -> None:
        """Add a file that belongs to the unit, and extend the budget by its size."""
        if path not in self.files:
            self.files[path] = text
            self.budget.add_input(len(text))

    def count_deployment(self) -> None:
        """Count a deployment. Raises InputError for more of them than the budget has."""
        self.budget.add_deployments(1, self.DEPLOYMENTS)

    def may_trace(self) -> bool:
        """Count a reference that is to be followed to the origin of its value; False once there are too many.

        Variables that refer to other variables twice lead along more paths than can be followed.
        """
        return self.budget.may_follow_reference()

    def count_resources(self, number: int) -> None:
        """Count resources before they are made. Raises InputError for more of them than the budget has."""
        self.budget.add_resources(number)

    def expect(self, resources: int, deployments: int) -> None:
        """Raise InputError if more resources or deployments are certain to follow than the budget has."""
        self.budget.expect_resources(resources)
        self.budget.expect_deployments(deployments, self.DEPLOYMENTS)

    def unique(self, address: str, key: Pointer) -> str:
        """Return ``address``, with a number behind it if it is that of another declaration than the one at ``key``.

        So a declaration has the same address in each scenario.
        """
        taken = self._addresses.setdefault(address, {})
        found = taken.get(key)
        if found is None:
            taken[key] = found = address if not taken else self.unique(f"{address} #{len(taken) + 1}", key)
        return found

    def done(self) -> TemplateRead:
        """What has been found. Nothing can be evaluated any more."""
        for close in self.opened:
            close()
        self.opened.clear()
        return TemplateRead(
            resources=self.resources, problems=self.problems, closed=self.closed, files=self.files,
            skipped=self.skipped, secrets=self.secrets, secret_texts=frozenset(self.budget.secrets.texts),
        )  # fmt: skip


def written_copies(plain: Mapping[str, Any]) -> int:
    """Return how many resources a declaration makes, as far as the number is written out: at least 0."""
    key = key_of(plain, "copy")
    if key is None or not isinstance(plain[key], dict):
        return 1
    count = member(plain[key], "count")
    return count if type(count) is int and 0 <= count <= MAX_ITEMS else 0


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
