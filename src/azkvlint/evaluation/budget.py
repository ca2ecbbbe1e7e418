"""The budget of one unit: the work that it may cause, in proportion to the bytes that are read for it.

Many small inputs may each use what the smallest may cause, and many callers may each evaluate the same large module.
What all units of a run cause together is therefore limited as well, in proportion to the number of units and the bytes
of their files.
"""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock  # threading would delay each start
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import msgspec

from azkvlint.evaluation.reads import WITHOUT_RECORD, Recorder
from azkvlint.evaluation.secret_texts import SecretTexts
from azkvlint.util.errors import InputError

# The largest file that a person writes; only plans are larger, and what they hold grows with them.
_LARGE = 10_000_000


class Limit(msgspec.Struct, frozen=True, gc=False):
    """``base`` for the smallest input, ``per_kilobyte`` more for each kilobyte, and at most ``most`` up to 10 MB."""

    base: int
    per_kilobyte: int
    most: int

    def for_size(self, size: int) -> int:
        """Return the limit for an input of ``size`` bytes."""
        return min(self.base + size // 1000 * self.per_kilobyte, self.most * max(1, size // _LARGE))


# A root of a few lines with `count = 200` and `for_each` over 50 items has 10,000 resources, and Azure accepts 800
# resources in a template, in deployments five levels deep. Real inputs need a hundredth of what follows.
STEPS = Limit(500_000, 20_000, 1_000_000)
VALUES = Limit(400_000, 200, 1_000_000)
RESOURCES = Limit(12_000, 10, 100_000)
DEPLOYMENTS = Limit(4_000, 10, 10_000)
# Characters of names and addresses, for each resource that an input may have. Those that people write have a hundred.
CHARACTERS_OF_A_RESOURCE = 500
# Limits for one document. Azure accepts templates of 4 MB and loops of 800.
MAX_ITEMS = 10_000
MAX_TEXT = 1_000_000
# What costs about one step of the evaluator: items of an array copied, characters read, values visited or
# made.
ITEMS_A_STEP, CHARACTERS_A_STEP, VALUES_A_STEP = 50, 200, 4
# Declarations that are passed over in the time of one step of the evaluator.
DECLARATIONS_A_STEP = 5
# A block in a resource costs as much, in what is derived from it, as so many values.
VALUES_OF_A_BLOCK = 5
# References that are followed to the origin of a value. Further origins are unknown.
REFERENCES = Limit(20_000, 1_000, 100_000)
# References in a plan that are followed to the resources that unknown values name. A walk follows a few.
STEPS_OF_WALKS = Limit(200_000, 100, 2_000_000)
# Pairs of resources that are compared, and the connections of references that take as long. Roots of people need a few
# for each resource.
PAIRS, PAIRS_PER_RESOURCE = 1_000_000, 50
CONNECTIONS_OF_A_PAIR = 10
# Characters of the names and addresses in one graph. Each finding of a resource repeats them in each report.
CHARACTERS = 100_000
# A root with other values than its defaults, before anything in it is evaluated, costs so many steps.
STEPS_OF_A_SCENARIO = 50

# What all units of a run may cause together, in steps of the evaluator, and the steps that other work takes as long as.
# Roots of people take a few hundred on average, those of whole landing zones up to 50,000.
_RUN = 400_000
_RUN_PER_UNIT = 4_000
_RUN_PER_KILOBYTE = 1_500
STEPS_OF_A_RESOURCE = 20
_STEPS_OF_A_DEPLOYMENT = 30
_VALUES_A_STEP = 4
_FROZEN_A_STEP = 2
_PAIRS_A_STEP = 5
_BYTES_A_STEP = 500


def limit_of_run(units: int, size: int) -> int:
    """Return the work that a number of units, whose files have ``size`` bytes together, may cause in one run."""
    return _RUN + units * _RUN_PER_UNIT + size // 1000 * _RUN_PER_KILOBYTE


class UnitWork:
    """The work that one unit causes, which is read and evaluated in parts: its budgets, and the pairs of its graphs.

    ``recorder`` may record which inputs the values of the unit read.
    """

    __slots__ = ("budgets", "pairs", "recorder")

    def __init__(self, recorder: Recorder = WITHOUT_RECORD) -> None:
        self.budgets: list[Budget] = []
        self.pairs: list[Pairs] = []
        self.recorder = recorder

    @property
    def steps(self) -> int:
        """Return the work so far, in steps of the evaluator."""
        sizes = {id(budget.limits): budget.limits.size for budget in self.budgets}
        pairs = sum(counted.number for counted in self.pairs)
        steps = sum(budget.work for budget in self.budgets)
        return steps + sum(sizes.values()) // _BYTES_A_STEP + pairs // _PAIRS_A_STEP


class Limits:
    """What the inputs of one unit, of ``size`` bytes together, may cause: so many ``steps``, ``values`` and so on."""

    __slots__ = ("deployments", "references", "resources", "size", "steps", "values")

    def __init__(self) -> None:
        self.size = 0
        self.add(0)

    def add(self, size: int) -> None:
        """Extend the limits for an input of ``size`` bytes that is read in addition."""
        self.size += size
        self.steps, self.values = STEPS.for_size(self.size), VALUES.for_size(self.size)
        self.resources, self.deployments = RESOURCES.for_size(self.size), DEPLOYMENTS.for_size(self.size)
        self.references = REFERENCES.for_size(self.size)


class Budget:
    """Counts what one unit causes, and raises InputError for more than is in proportion to its size.

    All readers and evaluators that work on one unit share it. ``steps`` are those of the evaluator, ``depth`` is how
    deep it is in expressions, ``values`` are parts of results, ``frozen`` are values of the resource graph. ``secrets``
    are the texts of the unit that no message shows. ``unit`` counts the work of the unit, of which this
    budget is a part, and may record which inputs are read.
    """

    __slots__ = (
        "characters", "deployments", "depth", "frozen", "limits", "recorder", "references", "resources", "secrets",
        "steps", "values",
    )  # fmt: skip

    def __init__(
        self,
        size: int = 0,
        limits: Limits | None = None,
        secrets: SecretTexts | None = None,
        unit: UnitWork | None = None,
    ) -> None:
        self.steps = self.depth = self.values = self.frozen = 0
        self.resources = self.deployments = self.references = self.characters = 0
        self.limits = Limits() if limits is None else limits
        self.limits.add(size)
        self.secrets = SecretTexts() if secrets is None else secrets
        self.recorder = WITHOUT_RECORD if unit is None else unit.recorder
        if unit is not None:
            unit.budgets.append(self)

    @property
    def work(self) -> int:
        """What has been counted so far, in steps of the evaluator."""
        resources = self.resources * STEPS_OF_A_RESOURCE + self.deployments * _STEPS_OF_A_DEPLOYMENT
        return self.steps + self.values // _VALUES_A_STEP + self.frozen // _FROZEN_A_STEP + resources

    def second_budget(self, unit: UnitWork | None) -> Budget:
        """Return a second budget for the same inputs, those included that are still to be read."""
        return Budget(limits=self.limits, secrets=self.secrets, unit=unit)

    def restart(self) -> None:
        """Count resources, deployments and characters from the beginning, because all are made again."""
        self.resources = self.deployments = self.characters = 0

    def recorded(self, recorder: Recorder) -> Budget:
        """Return a further budget for the same inputs, for an evaluation of which a recorder takes note."""
        other = Budget(limits=self.limits, secrets=self.secrets)
        other.recorder, other.steps = recorder, self.steps
        return other

    def add_input(self, size: int) -> None:
        """Extend the budget for an input of ``size`` bytes that is read in addition."""
        self.limits.add(size)

    def spend(self, steps: int) -> None:
        """Count work that costs ``steps`` steps of the evaluator."""
        self.steps += steps
        if self.steps > self.limits.steps:
            raise self.limit_error("the expressions require", self.limits.steps, "steps")

    def add_values(self, number: int) -> None:
        """Count parts of results, before they are made."""
        self.values += number
        if self.values > self.limits.values:
            raise self.limit_error("the expressions create", self.limits.values, "values")

    def add_frozen(self, number: int) -> None:
        """Count values of the resource graph."""
        self.frozen += number
        if self.frozen > self.limits.values:
            raise self.limit_error("the expressions create", self.limits.values, "values")

    def add_resources(self, number: int) -> None:
        """Count resources, before they are made."""
        self.resources += number
        self.expect_resources(0)

    def expect_resources(self, number: int) -> None:
        """Refuse ``number`` resources that are not counted yet, but certain to follow, such as a count of counts."""
        most = self.limits.resources
        if self.resources > most or number > most:
            raise self.limit_error("the input declares", most, "resources")

    def add_characters(self, number: int) -> None:
        """Count characters of names and addresses."""
        self.characters += number
        most = self.limits.resources * CHARACTERS_OF_A_RESOURCE
        if self.characters > most:
            raise self.limit_error("its names and addresses have", most, "characters")

    def add_deployments(self, number: int, what: str) -> None:
        """Count nested deployments, or instances of modules, as ``what`` calls them."""
        self.deployments += number
        self.expect_deployments(0, what)

    def expect_deployments(self, number: int, what: str) -> None:
        """Refuse ``number`` deployments that are not counted yet, but certain to follow."""
        most = self.limits.deployments
        if self.deployments > most or number > most:
            raise self.limit_error("the input has", most, what)

    def may_follow_reference(self) -> bool:
        """Count a reference that is to be followed to the origin of its value; False once there are too many."""
        self.references += 1
        return self.references <= self.limits.references

    @staticmethod
    def limit_error(what: str, most: int, unit: str) -> InputError:
        """Return the error of a limit that is exceeded."""
        return InputError(f"{what} more than {most:,} {unit}, the limit for an input of this size")


class Pairs:
    """Counts the pairs of resources in one graph that are compared or connected, and raises InputError for too many."""

    __slots__ = ("_connections", "_most", "number")

    def __init__(self, resources: int, unit: UnitWork | None = None) -> None:
        self.number = self._connections = 0
        self._most = PAIRS + PAIRS_PER_RESOURCE * resources
        if unit is not None:
            unit.pairs.append(self)

    def add(self, number: int) -> None:
        """Count pairs before they are compared."""
        self.number += number
        if self.number > self._most:
            raise InputError(
                f"its resources make more than {self._most:,} pairs that may refer to each other, the limit for their "
                "number"
            )

    def connect(self, number: int) -> None:
        """Count the resources that one reference refers to, certainly or possibly."""
        pairs, self._connections = divmod(self._connections + number, CONNECTIONS_OF_A_PAIR)
        self.add(pairs)


def check_characters(characters: int, resources: int) -> None:
    """Raise InputError if the names and addresses of the resources in one graph are too long."""
    most = CHARACTERS + CHARACTERS_OF_A_RESOURCE * resources
    if characters > most:
        text = (
            f"the names and addresses of its resources have more than {most:,} characters, the limit for their number"
        )
        raise InputError(text)


# Frames of Python for the depth that the evaluator allows (``evaluate.MAX_DEPTH``), with several for each level.
FRAMES = 8_000

_P = ParamSpec("_P")
_T = TypeVar("_T")


def with_recursion_limit(read: Callable[_P, _T]) -> Callable[_P, _T]:
    """Return a function that reads a document, with room for evaluation as deep as its limit allows.

    Python's own limit is only in the way there; everywhere else it stays, for it keeps hostile input from the stack.
    """

    @wraps(read)
    def with_more(*arguments: _P.args, **named: _P.kwargs) -> _T:
        with _MORE_FRAMES:
            return read(*arguments, **named)

    return with_more


class _MoreFrames:
    """Python's limit of recursion, which is that of all threads: it is raised while at least one of them reads."""

    def __init__(self) -> None:
        self._renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)  # a thread that is not copied may hold the lock

    def _renew(self) -> None:
        self._lock, self._readers = allocate_lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._readers:
                self._before = sys.getrecursionlimit()
                sys.setrecursionlimit(max(self._before, FRAMES))
            self._readers += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._readers -= 1
            if not self._readers:
                sys.setrecursionlimit(self._before)


_MORE_FRAMES = _MoreFrames()
