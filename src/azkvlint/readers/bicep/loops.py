"""The iterations of a resource or module declaration: one, one for each item of a loop, or one for all items."""

from __future__ import annotations

import msgspec

from azkvlint.evaluation.budget import Budget
from azkvlint.evaluation.evaluate import Evaluator
from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.string_patterns import conjuncts
from azkvlint.evaluation.values import MAX_ITEMS, Items, PartlySecret, Result, hole
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.bicep.document import body_of
from azkvlint.syntax import ast
from azkvlint.util.errors import InputError


class Iteration(msgspec.Struct, frozen=True, kw_only=True):
    """One iteration of a declaration.

    ``key`` is the suffix of its address after the symbol: ``[0]``, or ``[*]`` for all iterations of a loop of unknown
    length. ``local`` are the loop variables, including those of outer loops. ``condition`` determines whether the
    iteration exists; ``loop`` is a text for the condition that the loop has items, empty if that is certain.
    """

    key: str
    local: Local
    body: ast.Object
    condition: ast.Expression | None = None
    loop: str = ""


class Iterations(msgspec.Struct, frozen=True, kw_only=True):
    """All iterations. ``symbolic``: one represents all of them, and ``positions`` are the patterns of its index."""

    is_loop: bool
    items: list[Iteration]
    symbolic: bool = False
    positions: frozenset[str] = frozenset()


def written_length(body: ast.Expression) -> int:
    """Return how many resources a declaration makes, as far as the number is written out: at least 0."""
    if not isinstance(body, ast.For):
        return 1
    match body.over:
        case ast.Call(name="range", arguments=(ast.Literal(), ast.Literal(value=int(number)))):
            return int(number) if 0 <= number <= MAX_ITEMS else 0
        case ast.Array(items=items):
            return sum(not isinstance(item, ast.Spread) for item in items)
    return 0


def is_unconditional(body: ast.Expression) -> bool:
    """Return whether a declaration, or each iteration of its loop, has no condition."""
    return not isinstance(body.body if isinstance(body, ast.For) else body, ast.If)


def iterations(evaluator: Evaluator, body: ast.Expression, local: Local, address: str, budget: Budget) -> Iterations:
    """Return the iterations of a declaration whose symbol has the address ``address``.

    Raises InputError for a loop with more items than ``budget`` allows.
    """
    found = _iterations(evaluator, body, local, address, budget)
    if not found.is_loop or found.symbolic:
        budget.add_resources(1)
    return found


def _iterations(evaluator: Evaluator, body: ast.Expression, local: Local, address: str, budget: Budget) -> Iterations:
    if not isinstance(body, ast.For):
        return Iterations(is_loop=False, items=[_iteration("", local, body)])
    over = evaluator.evaluate(body.over, local)
    if isinstance(over, Absent):
        return Iterations(is_loop=True, items=[])
    if isinstance(over, Items):
        if len(over.items) > MAX_ITEMS:
            raise InputError(f"a loop has more than {MAX_ITEMS:,} items")
        budget.add_resources(len(over.items))
        found = []
        for number, item in enumerate(over.items):
            inner = _with_variables(body, local, item, Scalar(at=over.at, value=number))
            found.append(_iteration(f"[{number}]", inner, body.body))
        return Iterations(is_loop=True, items=found)
    return _symbolic(evaluator, body, local, address, over)


def _symbolic(evaluator: Evaluator, body: ast.For, local: Local, address: str, over: Result) -> Iterations:
    """Return one iteration for an unknown loop. Loops over the same value have the same items."""
    known = isinstance(over, Unknown)
    why = over.why if isinstance(over, Unknown) else "a loop expects an array"
    name = over.pattern if isinstance(over, Unknown) and over.pattern else address
    sensitive = isinstance(over, Unknown) and over.sensitive
    at = over.at if known else evaluator.document.place(body)
    item = Unknown(at=at, why=why, pattern="" if sensitive else hole(f"{name}[*]"), sensitive=sensitive)
    if isinstance(over, PartlySecret):
        item = over.below("[*]", at)
    number = Unknown(at=at, why=why, pattern=hole(f"{name}[#]"))
    positions = {number.pattern}
    if name.startswith("\u27e8range(0,") and item.pattern:
        positions.add(item.pattern)
    one = _iteration("[*]", _with_variables(body, local, item, number), body.body, hole(f"{name}[]"))
    return Iterations(is_loop=True, items=[one], symbolic=True, positions=frozenset(positions))


def _with_variables(body: ast.For, local: Local, item: Result, number: Result) -> Local:
    inner = {**local, body.item: item}
    if body.index:
        inner[body.index] = number
    return inner


def _iteration(key: str, local: Local, body: ast.Expression, loop: str = "") -> Iteration:
    condition = body.condition if isinstance(body, ast.If) else None
    return Iteration(key=key, local=local, body=body_of(body), condition=condition, loop=loop)


def condition_of(evaluator: Evaluator, iteration: Iteration, address: str) -> frozenset[str] | None:
    """Return the unknown conditions of an iteration as strings; None if the iteration does not exist.

    A condition that is not a boolean counts as unknown.
    """
    texts = {iteration.loop} if iteration.loop else set()
    if iteration.condition is not None:
        found = evaluator.evaluate(iteration.condition, iteration.local)
        if isinstance(found, Scalar) and found.value is False:
            return None
        if not (isinstance(found, Scalar) and found.value is True):
            pattern = found.pattern if isinstance(found, Unknown) else ""
            texts.update(conjuncts(pattern or hole(f"if {address}")))
    return frozenset(texts)
