"""What makes the plan of a root module fail in a world, whether a rule reads it or not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

from azkvlint.evaluation import solve
from azkvlint.evaluation.operators import NOTHING
from azkvlint.evaluation.reads import Inputs, Readers, Recorder
from azkvlint.evaluation.solve import Demand
from azkvlint.evaluation.values import Result
from azkvlint.model.value import Scalar
from azkvlint.readers.modules.run import EVERY_INPUT
from azkvlint.readers.terraform.conditions import Goal, Terraform, TerraformExpressionScope, scope_in_block
from azkvlint.readers.terraform.expansion import InstanceStep
from azkvlint.readers.terraform.folder import FileAttribute, FileBlock, Folder, TerraformDeclaration
from azkvlint.readers.terraform.module_evaluation import META, CallArguments, ModuleCallSymbol, TerraformModuleInstance
from azkvlint.readers.terraform.resource_symbols import TerraformResourceSymbol
from azkvlint.syntax import ast

_Place: TypeAlias = tuple[str, str, int, str]
# Of the parts of an expression that are looked at.
_MOST_PARTS = 500
# Of the instances of one declaration that are checked.
_MOST_INSTANCES = 20
# No number of instances is below it.
_LEAST_COUNT = Demand(solve.LEAST, 0)


class _FallibleExpressions(NamedTuple):
    """Expressions that may fail: of the instances of the declaration ``local``, if there is one."""

    key: str
    local: str
    pieces: tuple[FileAttribute, ...]


class _Checks(NamedTuple):
    """What may make the plan of a module fail: taking an item of something, preconditions and counts."""

    fragile: Mapping[str, _FallibleExpressions]
    preconditions: Mapping[str, _FallibleExpressions]
    counts: Mapping[str, _FallibleExpressions]


class PlanCheck:
    """Evaluates what may make a plan fail. What reads none of the inputs that differ is as in the base world."""

    def __init__(self) -> None:
        self._checks: dict[int, _Checks] = {}
        # The inputs that the checks of a module read in the base world, by its prefix.
        self._reads: dict[str, dict[str, Inputs]] = {}
        self._readers: dict[str, Readers[str]] = {}
        self._is_false: set[_Place] = set()

    def evaluate(self, instance: TerraformModuleInstance, recorder: Recorder) -> None:
        """Evaluate the expressions of a module that may fail, which records those that do."""
        for check in self._changed(instance, self._checks_in(instance.folder).fragile):
            # What is known in another world was evaluated there, or is that of the base world.
            if not instance.run.changed or instance.known(check.key) is None:
                for _ in self._evaluated(instance, check, recorder):
                    pass

    def refused(self, instance: TerraformModuleInstance, recorder: Recorder) -> Iterator[Goal]:
        """Yield the preconditions and counts of a module that let the plan fail, with what they are to be."""
        checks = self._checks_in(instance.folder)
        for check in self._changed(instance, checks.preconditions):
            for piece, step, found in self._evaluated(instance, check, recorder):
                place = (instance.prefix, piece.path, piece.attribute.start, step.bracket)
                if not isinstance(found, Scalar) or found.value is not False:
                    continue
                if not instance.run.changed:
                    self._is_false.add(place)
                symbol, node = instance.resource(check.local), piece.attribute.expression()
                if place not in self._is_false and symbol is not None and node is not None:
                    yield scope_in_block(symbol, step.key, step.local, piece), node, solve.TRUE
        for check in self._changed(instance, checks.counts):
            for piece, _, found in self._evaluated(instance, check, recorder):
                node = piece.attribute.expression()
                is_number = isinstance(found, Scalar) and not isinstance(found.value, bool | str)
                if node is not None and is_number and found.value < 0:  # type: ignore[union-attr,operator]  # a number
                    yield TerraformExpressionScope(instance, piece.path), node, _LEAST_COUNT

    def may_differ(self, instance: TerraformModuleInstance, changed: Inputs) -> bool:
        """Return whether a use of a module in the base world may fail where some inputs differ, and not there."""
        return any(not inputs.isdisjoint(changed) for inputs in self._reads.get(instance.prefix, {}).values())

    def _changed(
        self, instance: TerraformModuleInstance, checks: Mapping[str, _FallibleExpressions]
    ) -> Iterable[_FallibleExpressions]:
        """Return the checks that may have another result than in the base world."""
        reads = self._reads.get(instance.prefix) if instance.run.changed else None
        if reads is None or not checks:
            return checks.values()
        readers = self._readers.get(instance.prefix)
        if readers is None:
            readers = self._readers[instance.prefix] = Readers(reads.items())
        return [checks[key] for key in readers.of(instance.run.changed) if key in checks]

    def _evaluated(
        self, instance: TerraformModuleInstance, check: _FallibleExpressions, recorder: Recorder
    ) -> Iterator[tuple[FileAttribute, InstanceStep, Result]]:
        """Yield the values of the expressions of a check, and record what they read in the base world."""

        def evaluate() -> list[tuple[FileAttribute, InstanceStep, Result]]:
            steps = list(_steps_of(instance, check.local)) if check.local else [_ALONE]
            return [(piece, step, instance.evaluate(piece, step.local)) for step in steps for piece in check.pieces]

        if instance.run.changed:
            yield from evaluate()
            return
        found, inputs = recorder.apart(evaluate)
        known = self._reads.setdefault(instance.prefix, {})
        known[check.key] = frozenset((EVERY_INPUT,)) if inputs is None else inputs
        yield from found

    def _checks_in(self, folder: Folder) -> _Checks:
        found = self._checks.get(id(folder))
        if found is None:
            outputs = {
                name: one.attributes["value"] for name, one in folder.outputs.items() if "value" in one.attributes
            }
            named = [*(("local", *one) for one in sorted(folder.locals.items()))]
            named += [("output", *one) for one in outputs.items()]
            fragile = [
                _FallibleExpressions(f"{kind}.{name}", "", (piece,))
                for kind, name, piece in named
                if _takes_item(piece)
            ]
            declared = (*folder.resources.items(), *folder.modules.items())
            arguments = ((local, tuple(filter(_takes_item, pieces_of(one)))) for local, one in declared)
            fragile += [_FallibleExpressions(f"items {local}", local, pieces) for local, pieces in arguments if pieces]
            conditions = ((local, tuple(_preconditions_of(one))) for local, one in folder.resources.items())
            counts = ((local, one.attributes.get("count")) for local, one in declared)
            preconditions = [
                _FallibleExpressions(f"if {local}", local, pieces) for local, pieces in conditions if pieces
            ]
            failing = [
                _FallibleExpressions(f"count {local}", "", (piece,))
                for local, piece in counts
                if piece and _may_fail(piece)
            ]
            found = _Checks(*({one.key: one for one in every} for every in (fragile, preconditions, failing)))
            self._checks[id(folder)] = found
        return found


def not_evaluated(
    language: Terraform, scope: TerraformExpressionScope, node: ast.Node | None, start: int
) -> Iterator[Goal]:
    """Yield what lets Terraform not evaluate an expression that fails: each alone. ``start`` is where it is."""
    if node is not None:
        yield from _other_branches(language, scope, node)
    instance = scope.instance
    for declared in (*instance.folder.resources.values(), *instance.folder.modules.values()):
        for part in declared.layers:
            if part.path == scope.path and part.block.start <= start < part.block.end:
                yield from _without_instances(instance, declared)
    given = instance.call.given
    while isinstance(given, CallArguments):
        yield from _without_instances(given.caller, given.symbol.declaration)
        given = given.caller.call.given


def _other_branches(language: Terraform, scope: TerraformExpressionScope, node: ast.Node) -> Iterator[Goal]:
    """Yield the conditions with other values of which a part of an expression that fails is not evaluated."""
    waiting: list[ast.Node] = [node]
    for _ in range(_MOST_PARTS):
        if not waiting:
            return
        here = waiting.pop()
        if isinstance(here, ast.Conditional):
            condition = language.value(scope, here.condition)
            if isinstance(condition, Scalar):
                taken = here.yes if condition.value is True else here.no
                if language.value(scope, taken) is None:
                    yield scope, here.condition, solve.FALSE if condition.value is True else solve.TRUE
                    waiting.append(taken)
                continue
        if not isinstance(here, ast.Literal | ast.Comprehension):
            waiting += ast.children(here)


def _without_instances(instance: Any, declared: TerraformDeclaration) -> Iterator[Goal]:
    for name, target in _NO_INSTANCES:
        piece = declared.attributes.get(name)
        node = piece.attribute.expression() if piece is not None else None
        if piece is not None and node is not None and isinstance(instance, TerraformModuleInstance):
            yield TerraformExpressionScope(instance, piece.path), node, target


_NO_INSTANCES = (("count", Demand(solve.MOST, 0)), ("for_each", solve.IS_EMPTY))
_ALONE = InstanceStep(key=None, bracket="", local=NOTHING)


def _may_fail(count: FileAttribute) -> bool:
    node = count.attribute.expression()
    return node is not None and not isinstance(node, ast.Literal)


def _preconditions_of(declaration: TerraformDeclaration) -> Iterator[FileAttribute]:
    for part in declaration.blocks:
        for inner in part.blocks if part.block.type == "lifecycle" else ():
            if inner.block.type == "precondition" and "condition" in inner.attributes:
                yield inner.attributes["condition"]


def _steps_of(instance: TerraformModuleInstance, local: str) -> Iterator[InstanceStep]:
    """Yield the instances of a declaration."""
    symbol: TerraformResourceSymbol | ModuleCallSymbol | None = instance.resource(local) or instance.module(local)
    found = symbol.expanded() if symbol is not None else None
    yield from islice(found.steps if found is not None else (), _MOST_INSTANCES)


def pieces_of(declaration: TerraformDeclaration) -> Iterator[FileAttribute]:
    """Yield the arguments of a declaration, also in its blocks but for those that are loops."""
    yield from (piece for name, piece in declaration.attributes.items() if name not in META)
    waiting: list[FileBlock] = [*declaration.blocks]
    while waiting:
        part = waiting.pop()
        if part.block.type not in ("dynamic", "lifecycle"):
            yield from part.attributes.values()
            waiting += part.blocks


def _takes_item(piece: FileAttribute) -> bool:
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
