"""How conditions of declarations are written in Terraform: what decides on them, and what references in it mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

from azkvlint.evaluation import solve
from azkvlint.evaluation.operators import NOTHING, Local
from azkvlint.evaluation.solve import DeclaredInstances, Definition, Demand, Input
from azkvlint.evaluation.terraform.operators import FailedError
from azkvlint.evaluation.values import Fields, Items, Result, is_data, mark_sensitive
from azkvlint.model.condition import ITEM
from azkvlint.model.value import Scalar, Unknown
from azkvlint.readers.terraform.folder import FileAttribute, may_disable
from azkvlint.readers.terraform.module_evaluation import META, CallArguments, ModuleCallSymbol, TerraformModuleInstance
from azkvlint.readers.terraform.resource_symbols import TerraformResourceSymbol, TerraformSymbol
from azkvlint.syntax import ast
from azkvlint.values.secrecy import names_value

Goal: TypeAlias = tuple[object, ast.Node, Demand]
VAR = "var."
# Items of a loop whose members may be changed.
_MOST_ITEMS = 5


class TerraformExpressionScope(NamedTuple):
    """Where an expression is written.

    ``items`` are what variables stand for: an item of an expression in another scope, by its key.
    """

    instance: TerraformModuleInstance
    path: str
    local: Local = NOTHING
    items: Mapping[str, tuple[TerraformExpressionScope, ast.Node, str]] = {}


class Terraform:
    """The language of Terraform for the search of candidates. ``secret`` are the variables of the root that are."""

    def __init__(self, secret: frozenset[str]) -> None:
        self._secret = secret

    def resolve(self, scope: object, node: ast.Node) -> Input | Definition | DeclaredInstances | None:
        """Return what a reference means; None if that has no other values."""
        steps = _steps(node)
        if not isinstance(scope, TerraformExpressionScope) or not steps:
            return None
        if len(steps) == 1:
            return _of_item(scope.items[str(steps[0])], ()) if steps[0] in scope.items else None
        found = _meaning(scope, steps)
        return found._replace(is_secret=True) if isinstance(found, Definition) and _is_secret(scope, steps) else found

    def value(self, scope: object, node: ast.Node) -> Result | None:
        """Return the value of an expression; None if it fails.

        What a secret variable decides is secret, whatever functions have made of it.
        """
        if not isinstance(scope, TerraformExpressionScope):
            return None
        evaluator, recorder = scope.instance.scope(scope.path).evaluator, scope.instance.run.recorder
        try:
            found, inputs = recorder.apart(partial(evaluator.evaluate, node, scope.local))  # type: ignore[arg-type]  # a part of an expression
        except FailedError:
            return None
        is_secret = bool(self._secret) and (inputs is None or not self._secret.isdisjoint(inputs))
        return mark_sensitive(found) if is_secret and is_data(found) else found

    def items(self, scope: object, node: ast.Comprehension) -> Iterator[object]:
        """Yield the scopes of the items of a loop that are known, or of one that stands for all that there may be."""
        over = self.value(scope, node.over)
        if not isinstance(scope, TerraformExpressionScope):
            return
        if not isinstance(over, Fields | Items) or not (over.fields if isinstance(over, Fields) else over.items):
            item = Unknown(at=scope.instance.scope(scope.path).place(node), why="the items of the loop are not known")
            variables = dict.fromkeys(filter(None, (node.key, node.value)), item)
            yield scope._replace(
                local={**scope.local, **variables}, items={**scope.items, node.value: (scope, node.over, ITEM)}
            )
            return
        if isinstance(over, Items):
            return
        for key, value in islice(over.fields.items(), _MOST_ITEMS):
            local: Local = {**scope.local, node.value: value}
            if node.key:
                local = {**local, node.key: Scalar(at=value.at, value=key)}
            yield scope._replace(local=local, items={**scope.items, node.value: (scope, node.over, key)})

    def of_item(self, scope: object, name: str, over: ast.Node) -> object | None:  # noqa: ARG002  # HCL has no lambdas
        """Return None: HCL has no lambdas."""
        return None

    def parsed(self, scope: object, node: ast.Data) -> ast.Node | None:  # noqa: ARG002  # HCL has no such strings
        """Return None: there are no expressions in data."""
        return None


_Step: TypeAlias = str | int | None


def _meaning(scope: TerraformExpressionScope, steps: Sequence[_Step]) -> Input | Definition | DeclaredInstances | None:
    instance, (head, name, *rest) = scope.instance, steps
    match head:
        case "var":
            return _variable(instance, str(name), rest)
        case "local":
            return _written(scope, instance.folder.locals.get(str(name)), rest)
        case "each" if name == "value" and head in scope.items:
            return _of_item(scope.items[head], rest)
        case str() if head in scope.items:
            return _of_item(scope.items[head], [name, *rest])
        case "module":
            return _of_call(instance.module(str(name)), rest)
        case "data" if rest:
            return _of_resource(instance.resource(f"data.{name}.{rest[0]}"), rest[1:])
        case str():
            return _of_resource(instance.resource(f"{head}.{name}"), rest)
    return None


def _is_secret(scope: TerraformExpressionScope, steps: Sequence[_Step]) -> bool:
    """Return whether what a reference names is secret, by its declaration or by its name."""
    head, name, *_ = steps
    declaration = scope.instance.folder.variables.get(str(name)) if head == "var" else None
    if declaration is not None and declaration.is_marked:
        return True
    return any(names_value(step) for step in steps[1:] if isinstance(step, str))


def _steps(node: ast.Node) -> list[_Step]:
    """Return the names and keys of a reference, None for a key that is an expression; empty for all else."""
    found: list[_Step] = []
    while not isinstance(node, ast.Name):
        match node:
            case ast.Member(of=of, name=name):
                found.append(name)
            case ast.Item(of=of, index=ast.Literal(value=str() | int() as key)):
                found.append(key)
            case ast.Item(of=of):
                found.append(None)
            case _:
                return []
        node = of
    return [node.name, *reversed(found)]


def _with_path(scope: TerraformExpressionScope, node: ast.Node, rest: Sequence[_Step]) -> Definition | None:
    names = tuple(step for step in rest if isinstance(step, str))
    return Definition(scope, node, names) if len(names) == len(rest) else None


def _of_item(item: tuple[TerraformExpressionScope, ast.Node, str], rest: Sequence[_Step]) -> Definition | None:
    scope, over, key = item
    return _with_path(scope, over, [key, *rest])


def _written(scope: TerraformExpressionScope, piece: FileAttribute | None, rest: Sequence[_Step]) -> Definition | None:
    """Return the expression of an attribute in the same module, which has no variables of its own."""
    return None if piece is None else _of_piece(TerraformExpressionScope(scope.instance, piece.path), piece, rest)


def _of_piece(scope: TerraformExpressionScope, piece: FileAttribute, rest: Sequence[_Step]) -> Definition | None:
    node = piece.attribute.expression()
    return None if node is None else _with_path(scope, node, rest)


def _variable(instance: TerraformModuleInstance, name: str, rest: Sequence[_Step]) -> Input | Definition | None:
    given = instance.call.given
    if not isinstance(given, CallArguments):
        names = tuple(step for step in rest if isinstance(step, str))
        return Input(VAR + name, names) if len(names) == len(rest) else None
    piece = given.pieces.get(name) if name not in META else None
    return (
        None
        if piece is None
        else _of_piece(scope_in_block(given.symbol, given.step.key, given.local, piece), piece, rest)
    )


def scope_in_block(
    symbol: TerraformSymbol[Any], key: object, local: Local, piece: FileAttribute
) -> TerraformExpressionScope:
    """Return the scope of an argument of an instance."""
    instance = symbol.instance
    if not isinstance(instance, TerraformModuleInstance):
        raise TypeError("instance")
    over = symbol.declaration.attributes.get("for_each")
    node = over.attribute.expression() if over is not None else None
    if over is None or node is None or not isinstance(key, str):
        return TerraformExpressionScope(instance, piece.path, local)
    return TerraformExpressionScope(
        instance, piece.path, local, {"each": (TerraformExpressionScope(instance, over.path), node, key)}
    )


def _of_call(symbol: ModuleCallSymbol | None, rest: Sequence[_Step]) -> Definition | DeclaredInstances | None:
    if symbol is None:
        return None
    named = [step for step in rest if isinstance(step, str)]
    if not rest:
        return DeclaredInstances(goals_of(symbol))
    # The first may be the key of an instance.
    for use in symbol.instances[:1]:
        for at, name in enumerate(named[:2]):
            declaration = use.content.folder.outputs.get(name) if use.content is not None else None
            piece = declaration.attributes.get("value") if declaration is not None else None
            if piece is not None and use.content is not None:
                return _of_piece(TerraformExpressionScope(use.content, piece.path), piece, named[at + 1 :])
    return DeclaredInstances(goals_of(symbol)) if not symbol.instances else None


def _of_resource(
    symbol: TerraformResourceSymbol | None, rest: Sequence[_Step]
) -> Definition | DeclaredInstances | None:
    if symbol is None:
        return None
    if not rest or not symbol.instances:
        return DeclaredInstances(goals_of(symbol))
    entity = symbol.instances[0]
    named = [step for step in rest if isinstance(step, str)]
    for at, name in enumerate(named[:2]):
        piece = symbol.declaration.attributes.get(name)
        if piece is not None:
            return _of_piece(scope_in_block(symbol, entity.step.key, entity.local, piece), piece, named[at + 1 :])
    return None


def goals_of(symbol: TerraformSymbol[Any]) -> tuple[Goal, ...]:
    """Return the expressions that decide whether a declaration has instances, with what they are to be."""
    instance, attributes = symbol.instance, symbol.declaration.attributes
    if not isinstance(instance, TerraformModuleInstance):
        return ()
    target = [(attributes[name], kind) for name, kind in _AMOUNTS if name in attributes]
    target += [
        (part.attributes["enabled"], solve.TRUE) for part in symbol.declaration.blocks if may_disable(part.block)
    ]
    found: list[Goal] = []
    for piece, kind in target:
        node = piece.attribute.expression()
        if node is not None:
            found.append((TerraformExpressionScope(instance, piece.path), node, kind))
    return tuple(found)


_AMOUNTS = (("count", solve.POSITIVE), ("for_each", solve.NOT_EMPTY))
