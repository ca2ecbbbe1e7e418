"""The state that all deployments of one root template share: limits, files and results."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeAlias

import msgspec

from azkvlint.evaluation.budget import Budget, UnitWork
from azkvlint.evaluation.reads import NO_INPUTS, Inputs, Recorder
from azkvlint.evaluation.values import Fields, Items, Result
from azkvlint.model.finding import INPUT_INCOMPLETE, TYPE_UNKNOWN, Declaration, Problem
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.readers.modules.required_members import AttributeFilter
from azkvlint.syntax.ast import Expression, Pointer
from azkvlint.syntax.json_decoder import JsonDocument
from azkvlint.util.errors import InputError
from azkvlint.values.origins import FollowedReferences
from azkvlint.values.parts import PartFinder

if TYPE_CHECKING:
    from azkvlint.graph.worlds import Variant

Load: TypeAlias = Callable[[str], JsonDocument | None]

# Read by what is evaluated again in each world.
EVERY_INPUT = "*"
# Of values within values, once all variables are evaluated. Azure allows 20 levels of objects.
_MAX_LEVELS = 400


class TemplateRead(msgspec.Struct, kw_only=True):
    """The result of reading a template or Bicep file.

    ``resources`` by address, in document order. ``closed``: the document is complete, so what is missing is
    missing. ``files`` holds the text, by reported path, of each file that a location in it may lie in. ``skipped`` are
    the declarations that were not evaluated; other uses of them may have been. ``secrets`` are the spans in the files
    of what was given to parameters whose values are secret, ``secret_texts`` what no message shows. ``is_whole``: no
    limit has ended the evaluation. ``is_for_callers``: it requires values that no file or option sets. ``variants`` are
    the other worlds that create declarations which ``resources`` do not have.
    """

    resources: dict[str, Resource]
    problems: list[Problem]
    closed: bool
    files: dict[str, str]
    skipped: list[Declaration] = []
    secrets: Mapping[str, Collection[tuple[int, int]]] = {}
    secret_texts: frozenset[str] = frozenset()
    is_whole: bool = True
    is_for_callers: bool = False
    variants: Sequence[Variant] = ()


class ModuleCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call of a module or file, or a root.

    ``prefix`` is what the addresses in it begin with. ``callers`` are the calls that lead to it, and ``copies`` is how
    many calls like it there are.
    """

    prefix: str = ""
    callers: tuple[Location, ...] = ()
    copies: int = 1


class Absence(NamedTuple):
    """A declaration without instances, or one of which nothing is known that creates them if ``is_unknown``.

    ``around`` are the addresses of such declarations around it, of those of the base world.
    """

    symbol: Any
    around: tuple[str, ...]
    is_unknown: bool = False


def base_values(given: Any) -> Any:
    """Return the values of the base world, which decide where a value comes from in all worlds."""
    return getattr(given, "of_base_world", given)


class Run:
    """The state of one root template. ``load`` returns linked templates by paths relative to its folder.

    ``closed`` turns false once something was not read in which more resources may be declared, and ``torn`` true if
    that is more than a module that is not available. ``unread`` turns true with either, unless only resources of Azure
    by their own types are missing. ``budget`` is that of the whole input, of which the template may be a part. ``unit``
    counts the work of all budgets of the unit.
    """

    DEPLOYMENTS = "nested deployments"

    def __init__(
        self,
        path: str,
        text: str,
        attribute_filter: AttributeFilter,
        load: Load | None,
        budget: Budget,
        unit: UnitWork | None = None,
    ) -> None:
        self.path = path
        self.attribute_filter = attribute_filter
        self.load = load
        self.budget = budget
        self.recorder: Recorder = budget.recorder
        self.unit = unit
        self.freezer = attribute_filter.freezer.within(self.budget)
        self.files = {path: text}
        self.resources: dict[str, Resource] = {}
        self.problems: list[Problem] = []
        self.skipped: list[Declaration] = []
        # The templates by their paths and pointers.
        self.template_files: dict[tuple[str, Pointer], object] = {}
        # The inputs that differ from the base world.
        self.changed: Inputs = NO_INPUTS
        self._closed = [True]
        self._torn = [False]
        self._unread = [False]
        self._skipped: set[tuple[str, object]] = set()
        self.secrets: dict[str, set[tuple[int, int]]] = {}
        self.followed, self.walk = FollowedReferences(), PartFinder()
        self.opened: list[Callable[[], None]] = [self.followed.clear, self.walk.clear]
        self._addresses: dict[str, dict[Pointer, str]] = {}
        self._reasons: set[str] = set()
        self._reported: set[tuple[str, Location | None]] = set()
        attribute_filter.expressions.limit()

    @property
    def closed(self) -> bool:
        """Return whether all parts were read that may declare resources, in each run that shares this state."""
        return self._closed[0]

    @closed.setter
    def closed(self, is_closed: bool) -> None:
        self.recorder.spoil()
        self._closed[0] = is_closed
        self._torn[0] |= not is_closed
        self._unread[0] |= not is_closed

    @property
    def torn(self) -> bool:
        """Return whether a part of the input itself was not read, rather than a module or a caller."""
        return self._torn[0]

    def leave_open(self) -> None:
        """Note that a module that is not available, or a caller, may declare more resources."""
        self.recorder.spoil()
        self._closed[0] = False
        self._unread[0] = True

    @property
    def unread(self) -> bool:
        """Return whether resources of any provider may be missing."""
        return self._unread[0]

    def leave_out_azure_resource(self) -> None:
        """Note that a resource was not read that has a type of Azure, and so does not use the provider azurerm."""
        self.recorder.spoil()
        self._closed[0], self._torn[0] = False, True

    def record(self, recorder: Recorder) -> None:
        """Record from now on what is read, and count what is made from the beginning."""
        self.budget.restart()
        self.budget.recorder = self.recorder = recorder

    def in_world(self, budget: Budget, recorder: Recorder, changed: Inputs) -> Self:
        """Return a run with resources and problems of its own, in which some inputs differ."""
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        other.budget, other.recorder = budget.recorded(recorder), recorder
        other.changed = changed | {EVERY_INPUT}
        other.freezer = self.freezer.within(other.budget)
        other.resources, other.problems = {}, []
        other.followed, other.walk = FollowedReferences(), PartFinder()
        other.opened = [other.followed.clear, other.walk.clear]
        other.separate(closed=self.closed)
        return other

    def separate(self, *, closed: bool) -> None:
        """Give a copy of a run a state of its own."""
        self._closed, self._torn, self._unread = [closed], [self.torn], [self.unread]
        self._reported = set(self._reported)

    def hide(self, at: Location) -> None:
        """Record a location whose text is a secret."""
        if at.span is not None:
            self.secrets.setdefault(at.path, set()).add(at.span)

    def problem(self, code: str, level: str, message: str, at: Location, hint: str = "") -> None:
        """Report something, once for each place."""
        self.recorder.spoil()
        if (message, at) not in self._reported:
            self._reported.add((message, at))
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
        why = error.message if isinstance(error, InputError) else "the nesting is too deep"
        if why not in self._reasons:
            self._reasons.add(why)
            self.not_whole("error", f"`{address}`, which may exist, was not evaluated: {why}", at)
        return why

    def missing_module(self, message: str, at: Location, hint: str) -> None:
        """Report a call of a module that is not available, in which more resources may be declared."""
        self.leave_open()
        if (message, at) not in self._reported:
            self._reported.add((message, at))
            self.problems.append(
                Problem(code=INPUT_INCOMPLETE, level="note", message=message, at=at, hint=hint, is_missing_module=True)
            )

    def type_not_known(self, level: str, message: str, at: Location) -> None:
        """Report a resource that cannot be checked because of its type."""
        self.problem(TYPE_UNKNOWN, level, message, at)

    def parse(self, text: str, at: Location) -> Expression | None:
        """Return the tree of an expression without its brackets; None, with a problem, if it is invalid."""
        found = self.attribute_filter.expressions.parse(text)
        if isinstance(found, str):
            self.problem(INPUT_INCOMPLETE, "error", f"invalid expression: {found}", at)
            return None
        return found

    def charge(self, result: Fields | Items) -> None:
        """Count the parts of what an expression amounts to. Raises InputError once all of them are too many.

        Variables that hold other variables twice grow beyond all memory in a few lines, and code that reads a value
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
        raise InputError(f"the expressions create values nested deeper than {_MAX_LEVELS} levels")

    def record_deployed(self, *values: Result | None) -> None:
        """Record values that are deployed: a file of which all was evaluated is not evaluated again."""

    def add_text(self, path: str, text: str) -> None:
        """Add a file that belongs to the unit, and extend the budget by its size."""
        if path not in self.files:
            self.files[path] = text
            self.budget.add_input(len(text))

    def count_deployment(self) -> None:
        """Count a deployment. Raises InputError for more of them than the budget has."""
        self.budget.add_deployments(1, self.DEPLOYMENTS)

    def may_follow_reference(self) -> bool:
        """Count a reference that is to be followed to the origin of its value; False once there are too many.

        Variables that refer to other variables twice lead along more paths than can be followed.
        """
        return self.budget.may_follow_reference()

    def count_resources(self, number: int) -> None:
        """Count resources before they are made. Raises InputError for more of them than the budget has."""
        self.budget.add_resources(number)

    def count_characters(self, number: int) -> None:
        """Count characters of names and addresses. Raises InputError for more of them than the budget has."""
        self.budget.add_characters(number)

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
        """Return the results, and release everything: no expression can be evaluated afterwards."""
        for close in self.opened:
            close()
        self.opened.clear()
        return TemplateRead(
            resources=self.resources, problems=self.problems, closed=self.closed, files=self.files,
            skipped=self.skipped, secrets=self.secrets, secret_texts=frozenset(self.budget.secrets.texts),
        )  # fmt: skip
