"""Trace the origins of a value through unevaluated expressions and the references in them.

The condition of a conditional and an index choose among values, and are not origins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from azkvlint.evaluation.values import Fields, Items, Result
from azkvlint.model.value import Path, Scalar
from azkvlint.syntax import ast
from azkvlint.values.origins import (
    CONFIGURATION,
    FILE,
    MISSING_OUTPUT,
    NONE,
    RESOURCE,
    SECRETS,
    UNTRACED,
    WRITTEN,
    Origins,
    alternatives,
    combine,
    is_nothing,
    union,
)
from azkvlint.values.parts import COMPOSED, Loop, PartFinder, PartRelation, ValuePart, Within, base_of, variable_of
from azkvlint.values.secret_formats import Placeholder, placeholder_in

if TYPE_CHECKING:
    from azkvlint.evaluation.operators import Local


class TracingScope(Protocol):
    """The meaning of names and calls in the scope of an expression."""

    @property
    def walk(self) -> PartFinder:
        """Return the walk of the unit."""

    def origins(self, node: ast.Node, rest: Path, /) -> Origins | None:
        """Return the origins at ``rest`` in a reference or a call; None if they are those of its parts."""

    def value(self, node: ast.Expression, local: Local, /) -> Result | None:
        """Evaluate an expression with variables of loops; None if it cannot be evaluated here."""


# Functions of templates that return an ID. What is not known of the names in it is not secret: Azure shows them.
_IDS = frozenset(
    {"resourceid", "extensionresourceid", "subscriptionresourceid", "tenantresourceid", "managementgroupresourceid"}
)
# In a longer loop, conditionals are not decided.
_MAX_ITERATIONS = 20


def origins_of(node: ast.Node, scope: Within[TracingScope], rest: Path = ()) -> Origins:
    """Return the origins of the value at ``rest`` in an expression; none if it is literal."""
    if isinstance(node, ast.Literal):
        return NONE
    base = base_of(scope)
    parts = None
    if type(node) not in COMPOSED:
        parts = variable_of(node, scope, rest)
        origins = base.origins(node, rest) if parts is None else None
        if origins is not None:
            return origins
    parts = parts or base.walk.parts_of(node, scope, rest)
    values = parts.values
    match parts.relation:
        case PartRelation.SAME:
            return union([origins_of(part.node, part.scope, part.rest) for part in values])
        case PartRelation.CHOICE:
            return _choice_origins(node, scope, values)
        case PartRelation.DIGEST | PartRelation.PROPERTY:
            return frozenset({RESOURCE}) if any(origins_of(part.node, part.scope) for part in values) else NONE
        case PartRelation.CONTENT:
            return _content_origins(values)
    origins = combine([origins_of(part.node, part.scope, part.rest) for part in values])
    doubts = origins & {UNTRACED, MISSING_OUTPUT}
    if doubts and isinstance(node, ast.Call) and node.name.lower() in _IDS:
        return origins - doubts | {RESOURCE}
    # Text around an address changes its meaning.
    is_mixed = CONFIGURATION in origins and len(ast.children(node)) > 1
    return origins - {CONFIGURATION} | {RESOURCE} if is_mixed else origins


def _content_origins(values: Sequence[ValuePart[TracingScope]]) -> Origins:
    """Return the origins of a file's content, and of the values that a template is rendered with."""
    path, *inserted = [origins_of(part.node, part.scope, part.rest) for part in values] or [NONE]
    return combine([*inserted, frozenset({FILE}) if path else NONE])


def _choice_origins(node: ast.Node, scope: Within[TracingScope], choices: Sequence[ValuePart[TracingScope]]) -> Origins:
    """Return the origins of alternatives; defaults and literals may decide which of them applies."""
    every = _alternative_origins(choices)
    branch = applicable_branch(node, scope) if every & SECRETS else None
    if branch is None:
        return every
    return _alternative_origins([choice for choice in choices if choice.node is branch])


def applicable_branch(node: ast.Node, scope: Within[TracingScope]) -> ast.Expression | None:
    """Return the branch of a conditional that applies in all iterations of the loops around it, if known."""
    match node:
        case ast.Conditional(condition=condition, yes=yes, no=no):
            pass
        case ast.Call(name=name, arguments=(condition, yes, no)) if name.lower() == "if":
            pass
        case _:
            return None
    condition_value = _value_in(scope, condition, {})
    if isinstance(condition_value, Scalar) and isinstance(condition_value.value, bool):
        return yes if condition_value.value else no
    return None


def _value_in(scope: Within[TracingScope], node: ast.Expression, local: Local) -> Result | None:
    """Return the value of an expression if it is the same in all iterations of the loops around it, else None."""
    if not isinstance(scope, Loop):
        return scope.value(node, local)
    if scope.items == scope.keys:  # of a lambda
        return None
    result: Result | None = None
    for key, item in _iterations(_value_in(scope.outer, scope.over, {})):
        names = {**dict.fromkeys(scope.items, item), **dict.fromkeys(scope.keys, key)}
        iteration_value = _value_in(scope.outer, node, {**names, **local})
        if not isinstance(iteration_value, Scalar) or (
            isinstance(result, Scalar) and result.value != iteration_value.value
        ):
            return None
        result = iteration_value
    return result


def _iterations(over: Result | None) -> list[tuple[Result, Result]]:
    """Return the key and item of each iteration over a known collection of limited size."""
    pairs: list[tuple[Result, Result]] = []
    if isinstance(over, Fields) and over.rest is None:
        pairs = [(Scalar(at=over.at, value=key), item) for key, item in over.fields.items()]
    elif isinstance(over, Items):
        pairs = [(Scalar(at=over.at, value=number), item) for number, item in enumerate(over.items)]
    return pairs if len(pairs) <= _MAX_ITERATIONS else []


def _alternative_origins(choices: Sequence[ValuePart[TracingScope]]) -> Origins:
    """Return the origins of alternatives; a placeholder adds none."""
    choices = [choice for choice in choices if not _is_placeholder(choice.node)] or choices
    return alternatives(
        origins_of(choice.node, choice.scope, choice.rest)
        or (NONE if choice.rest or is_nothing(choice.node) else frozenset({WRITTEN}))
        for choice in choices
    )


def _is_placeholder(node: ast.Node) -> bool:
    """Return whether a literal is a placeholder for a value that is set later."""
    text = node.value if isinstance(node, ast.Literal) else None
    return isinstance(text, str) and bool(text) and placeholder_in(text) is Placeholder.CERTAIN
