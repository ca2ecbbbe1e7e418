"""What is common to resource and module declarations: iterations, found when they are first asked for."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from azkvlint.evaluation.operations import Local
from azkvlint.evaluation.values import Entity, Fields, Items, Result, find_field
from azkvlint.model.location import Location
from azkvlint.model.value import Unknown
from azkvlint.readers.bicep.document import properties_of
from azkvlint.readers.bicep.loops import Iteration, Iterations, iterations
from azkvlint.syntax import ast

if TYPE_CHECKING:
    from azkvlint.readers.bicep.module_evaluation import Instance


class Closable(Entity, Protocol):
    """An entity that holds others."""

    def close(self) -> None:
        """Let go of everything."""


_One = TypeVar("_One", bound=Closable)


class Symbol(Generic[_One]):
    """One declaration in one module instance, and in one iteration of the resource around it."""

    address: str

    def __init__(self, instance: Instance, node: ast.Resource | ast.Module, local: Local, address: str) -> None:
        self.instance = instance
        self.declaration = node
        self.local = local
        self.address = address
        self._expanded: Iterations | None = None
        self._entities: list[_One] = []
        self._keyed: list[_One] = []
        self._result: Result | None = None

    def close(self) -> None:
        """Let go of everything: see ``Instance.close``."""
        for entity in (*self._entities, *self._keyed):
            entity.close()
        self._entities.clear()
        self._keyed.clear()
        self._expanded = self._result = None

    @abstractmethod
    def entity(self, iteration: Iteration) -> _One:
        """What one iteration deploys."""

    @property
    def entities(self) -> list[_One]:
        """One for each iteration. Raises InputError for more of them than anybody deploys."""
        self.expanded()
        return self._entities

    def expanded(self) -> Iterations:
        """The iterations. Raises InputError for more of them than anybody deploys."""
        if self._expanded is None:
            budget = self.instance.run.budget
            found = iterations(self.instance.evaluator, self.declaration.body, self.local, self.address, budget)
            self._entities = [self.entity(iteration) for iteration in found.items]
            self._expanded = found
        return self._expanded

    def used(self, iteration: Iteration) -> _One | None:
        """Return what an iteration with the same key deploys; of one that stands for all, as it is with that key."""
        found = self.expanded()
        for known, entity in zip(found.items, self._entities, strict=True):
            if known.key == iteration.key:
                return entity
        if not found.symbolic:
            return None
        one = found.items[0]
        entity = self.entity(
            Iteration(key=iteration.key, local=one.local, body=one.body, condition=one.condition, loop=one.loop)
        )
        self._keyed.append(entity)
        return entity

    def result(self) -> Result:
        """What the symbol means in an expression: a resource or module, or a list of them."""
        if self._result is None:
            found, at = self.expanded(), self.instance.head(self.declaration)
            if not found.is_loop:
                self._result = self._entities[0]
            elif found.symbolic:
                self._result = Symbolic(self._entities[0], found.positions, at)
            else:
                self._result = Items(at=at, items=list(self._entities))
        return self._result


class Symbolic:
    """All instances of a loop whose length is not known, which one stands for."""

    def __init__(self, one: Entity, positions: frozenset[str], at: Location) -> None:
        self.one = one
        self.positions = positions
        self.at = at

    def member(self, name: str, at: Location) -> Result:
        """Unknown: a loop has no members."""
        return Unknown(at=at, why=f"'{name}' is asked of all instances of a loop at once")

    def item(self, index: Result, at: Location) -> Result:
        """The one that stands for all, in a loop over the same; which one another number means is not known."""
        if isinstance(index, Unknown) and index.pattern in self.positions:
            return self.one
        return Unknown(at=at, why="how many items the loop has is not known")


class Body:
    """The members that an author wrote into one declaration, each evaluated once, when it is asked for."""

    def __init__(self, instance: Instance, name: str, iteration: Iteration) -> None:
        self.evaluator = instance.evaluator
        self.name = name
        self.object = iteration.body
        self.local = iteration.local
        self.at = instance.place(iteration.body)
        self.properties = properties_of(self.object)
        self._values: dict[str, Result | None] = {}
        self._busy: set[str] = set()

    def close(self) -> None:
        """Let go of everything: see ``Instance.close``."""
        self._values.clear()

    def get(self, name: str) -> Result | None:
        """The value of a member; None if it is not written."""
        if name in self._values:
            return self._values[name]
        if self.properties is not None and name not in self.properties:
            return None
        if name in self._busy:
            return Unknown(at=self.at, why=f"'{self.name}' refers to itself")
        self._busy.add(name)
        try:
            found = self._values[name] = self._evaluate(name)
        finally:
            self._busy.discard(name)
        return found

    def _evaluate(self, name: str) -> Result | None:
        if self.properties is not None:
            return self.evaluator.property(self.properties[name], self.local)
        whole = self.whole()
        found = find_field(whole, name)
        return found if found is not None else whole.rest

    def whole(self) -> Fields:
        """All members at once, where their names are not written out."""
        node = self.object
        found = self.evaluator.evaluate(ast.Object(node.start, node.end, node.members), self.local)
        return found if isinstance(found, Fields) else Fields(at=self.at, fields={})
