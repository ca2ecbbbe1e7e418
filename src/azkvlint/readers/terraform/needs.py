"""What a resource or module call refers to without a fallback: the declarations of which it takes one instance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from azkvlint.model.value import Scalar
from azkvlint.readers.terraform.conditions import Terraform, TerraformExpressionScope, scope_in_block
from azkvlint.readers.terraform.folder import FileAttribute, TerraformDeclaration
from azkvlint.readers.terraform.module_evaluation import ModuleCallSymbol, TerraformModuleInstance
from azkvlint.readers.terraform.plan_failures import pieces_of
from azkvlint.readers.terraform.resource_symbols import TerraformResourceSymbol
from azkvlint.syntax import ast

AnySymbol: TypeAlias = TerraformResourceSymbol | ModuleCallSymbol
_Place: TypeAlias = tuple[TerraformExpressionScope, ast.Node]
# Of the parts of one declaration.
_MOST_NODES = 5_000
# Functions that return something else if an argument fails.
_FALLBACKS = frozenset({"try", "can"})


class TakenDeclarations:
    """Of which declarations others take one instance."""

    def __init__(self, language: Terraform) -> None:
        self._language = language
        # The arguments that may take an instance, by the identity of their declaration: all uses share it.
        self._arguments: dict[int, tuple[tuple[FileAttribute, ast.Node], ...]] = {}

    def by(self, symbol: AnySymbol) -> Iterator[AnySymbol]:
        """Yield the declarations of which the first instance of another certainly takes one by its number or key."""
        arguments = self._arguments_of(symbol.declaration)
        if not arguments or not isinstance(symbol.instance, TerraformModuleInstance):
            return
        waiting: list[_Place] = []
        for entity in symbol.instances[:1]:
            for piece, written in arguments:
                waiting.append((scope_in_block(symbol, entity.step.key, entity.step.local, piece), written))
        followed: set[str] = set()
        for _ in range(_MOST_NODES):
            if not waiting:
                return
            scope, node = waiting.pop()
            local = None
            if isinstance(node, ast.Item):
                found = _declared(scope.instance, node.of)
                if found is not None:
                    yield found
            elif isinstance(node, ast.Member):
                name = _local_name(node)
                local = scope.instance.folder.locals.get(name)
            if local is None:
                waiting += [(scope, part) for part in _certain_parts(scope, node, self._language)]
            elif name not in followed:
                followed.add(name)
                value = local.attribute.expression()
                waiting += [] if value is None else [(TerraformExpressionScope(scope.instance, local.path), value)]

    def _arguments_of(self, declaration: TerraformDeclaration) -> tuple[tuple[FileAttribute, ast.Node], ...]:
        """Return the arguments that take an item of something, perhaps through a local value."""
        found = self._arguments.get(id(declaration))
        if found is None:
            written = ((piece, piece.attribute.expression()) for piece in pieces_of(declaration))
            found = tuple((piece, node) for piece, node in written if node is not None and _may_take(node))
            self._arguments[id(declaration)] = found
        return found


def _may_take(node: ast.Node) -> bool:
    """Return whether an expression contains an item of something, or a local value, which may."""
    waiting = [node]
    while waiting:
        here = waiting.pop()
        if isinstance(here, ast.Item) or _local_name(here):
            return True
        waiting += ast.children(here)
    return False


def _local_name(node: ast.Node) -> str:
    match node:
        case ast.Member(of=ast.Name(name="local"), name=name):
            return name
    return ""


def _declared(instance: TerraformModuleInstance, node: ast.Node) -> AnySymbol | None:
    """Return the resource, data source or module call that a reference means as a whole."""
    match node:
        case ast.Member(of=ast.Name(name="module"), name=name):
            return instance.module(name)
        case ast.Member(of=ast.Name(name=type_), name=name):
            return instance.resource(f"{type_}.{name}")
        case ast.Member(of=ast.Member(of=ast.Name(name="data"), name=type_), name=name):
            return instance.resource(f"data.{type_}.{name}")
    return None


def _certain_parts(scope: TerraformExpressionScope, node: ast.Node, language: Terraform) -> list[ast.Node]:
    """Return the parts of an expression that are evaluated whatever is not known."""
    match node:
        case ast.Literal() | ast.Name():
            return []
        case ast.Conditional(condition=condition, yes=yes, no=no):
            found = language.value(scope, condition)
            return [condition, *((yes if found.value else no,) if isinstance(found, Scalar) else ())]
        case ast.Binary(operator="&&" | "||", left=left):
            return [left]
        case ast.Comprehension(over=over):
            return [over]
        case ast.Splat(of=of):
            return [of]
        case ast.Call(name=name) if name in _FALLBACKS:
            return []
    return ast.children(node)
