"""What makes the plan of a root module fail in a world, whether a rule reads it or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice
from typing import NamedTuple, TypeAlias

from azkvlint.evaluation import solve
from azkvlint.evaluation.operators import NOTHING
from azkvlint.evaluation.reads import Inputs, Recorder
from azkvlint.evaluation.solve import Target
from azkvlint.evaluation.values import Result
from azkvlint.model.value import Scalar
from azkvlint.readers.terraform.conditions import Goal, Scope, scope_in_block
from azkvlint.readers.terraform.expansion import Step
from azkvlint.readers.terraform.folder import Declaration, Folder, Part, Piece
from azkvlint.readers.terraform.module_evaluation import META, ModuleCallSymbol, ModuleInstance
from azkvlint.readers.terraform.resource_symbols import ResourceSymbol
from azkvlint.syntax import ast

_Place: TypeAlias = tuple[str, str, int, str]
# Of the instances of one declaration that are checked.
_MOST_INSTANCES = 20
# No number of instances is below it.
_LEAST_COUNT = Target(solve.LEAST, 0)


class _Fragile(NamedTuple):
    """The expressions of a module that take an item of something, which may not be there."""

    locals: tuple[Piece, ...]
    outputs: tuple[Piece, ...]
    arguments: Mapping[str, tuple[Piece, ...]]


class PlanCheck:
    """Evaluates what may make a plan fail. What reads none of the inputs that differ is as in the base world."""

    def __init__(self) -> None:
        self._fragile: dict[int, _Fragile] = {}
        self._preconditions: dict[int, tuple[tuple[Declaration, Piece], ...]] = {}
        self._inputs: dict[_Place, Inputs | None] = {}
        self._is_false: set[_Place] = set()

    def evaluate(self, instance: ModuleInstance, recorder: Recorder) -> None:
        """Evaluate the expressions of a module that may fail, which records those that do."""
        fragile = self._fragile_in(instance.folder)
        for piece in (*fragile.locals, *fragile.outputs):
            self._evaluate(instance, piece, "", NOTHING, recorder)
        for local, pieces in fragile.arguments.items():
            for step in _steps_of(instance, local):
                for piece in pieces:
                    self._evaluate(instance, piece, step.bracket, step.local, recorder)

    def _evaluate(
        self, instance: ModuleInstance, piece: Piece, bracket: str, local: Mapping[str, object], recorder: Recorder
    ) -> Result | None:
        """Return the value of an expression; None if it is that of the base world."""
        place = (instance.prefix, piece.path, piece.attribute.start, bracket)
        if instance.run.changed:
            known = self._inputs.get(place)
            is_same = known is not None and known.isdisjoint(instance.run.changed)
            return None if is_same else instance.evaluate(piece, local)  # type: ignore[arg-type]  # values of variables
        found, self._inputs[place] = recorder.apart(partial(instance.evaluate, piece, local))  # type: ignore[arg-type]
        return found

    def refused(self, instance: ModuleInstance, recorder: Recorder) -> Iterator[Goal]:
        """Yield the preconditions and counts of a module that let the plan fail, with what they are to be."""
        for declaration, piece in self._preconditions_in(instance.folder):
            for step in _steps_of(instance, declaration.local):
                found = self._evaluate(instance, piece, step.bracket, step.local, recorder)
                place = (instance.prefix, piece.path, piece.attribute.start, step.bracket)
                if not isinstance(found, Scalar) or found.value is not False:
                    continue
                if not instance.run.changed:
                    self._is_false.add(place)
                symbol, node = instance.resource(declaration.local), piece.attribute.expression()
                if place not in self._is_false and symbol is not None and node is not None:
                    yield scope_in_block(symbol, step.key, step.local, piece), node, solve.TRUE
        for declaration in (*instance.folder.resources.values(), *instance.folder.modules.values()):
            count = declaration.attributes.get("count")
            node = count.attribute.expression() if count is not None else None
            if count is not None and node is not None and not isinstance(node, ast.Literal):
                found = self._evaluate(instance, count, "", NOTHING, recorder)
                if isinstance(found, Scalar) and not isinstance(found.value, bool | str) and found.value < 0:
                    yield Scope(instance, count.path), node, _LEAST_COUNT

    def _fragile_in(self, folder: Folder) -> _Fragile:
        found = self._fragile.get(id(folder))
        if found is None:
            fragile = {name for name, piece in folder.locals.items() if _takes_item(piece)}
            outputs = [one.attributes["value"] for one in folder.outputs.values() if "value" in one.attributes]
            declared = (*folder.resources.items(), *folder.modules.items())
            arguments = {local: tuple(filter(_takes_item, _pieces_of(one))) for local, one in declared}
            found = self._fragile[id(folder)] = _Fragile(
                tuple(folder.locals[name] for name in sorted(fragile)), tuple(filter(_takes_item, outputs)),
                {local: pieces for local, pieces in arguments.items() if pieces},
            )  # fmt: skip
        return found

    def _preconditions_in(self, folder: Folder) -> tuple[tuple[Declaration, Piece], ...]:
        found = self._preconditions.get(id(folder))
        if found is None:
            found = self._preconditions[id(folder)] = tuple(
                (declaration, inner.attributes["condition"])
                for declaration in folder.resources.values() for part in declaration.blocks
                if part.block.type == "lifecycle" for inner in part.blocks
                if inner.block.type == "precondition" and "condition" in inner.attributes
            )  # fmt: skip
        return found


def _steps_of(instance: ModuleInstance, local: str) -> Iterator[Step]:
    """Yield the instances of a declaration."""
    symbol: ResourceSymbol | ModuleCallSymbol | None = instance.resource(local) or instance.module(local)
    found = symbol.expanded() if symbol is not None else None
    yield from islice(found.steps if found is not None else (), _MOST_INSTANCES)


def _pieces_of(declaration: Declaration) -> Iterator[Piece]:
    """Yield the arguments of a declaration, also in its blocks but for those that are loops."""
    yield from (piece for name, piece in declaration.attributes.items() if name not in META)
    waiting: list[Part] = [*declaration.blocks]
    while waiting:
        part = waiting.pop()
        if part.block.type not in ("dynamic", "lifecycle"):
            yield from part.attributes.values()
            waiting += part.blocks


def _takes_item(piece: Piece) -> bool:
    """Return whether an expression takes an item of something by its number or key."""
    node = piece.attribute.expression()
    waiting: list[ast.Node] = [] if node is None else [node]
    while waiting:
        here = waiting.pop()
        if isinstance(here, ast.Item) and isinstance(here.index, ast.Literal):
            return True
        if not isinstance(here, ast.Literal):
            waiting += ast.children(here)
    return False
