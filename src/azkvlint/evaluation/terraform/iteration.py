"""``for`` expressions and splats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from azkvlint.evaluation.operations import Local
from azkvlint.evaluation.terraform.alternatives import Alternatives, below, gathered
from azkvlint.evaluation.terraform.failure import FailedError
from azkvlint.evaluation.terraform.indexing import data_of, stands_for_all
from azkvlint.evaluation.terraform.primitive_types import primitive, text_of
from azkvlint.evaluation.terraform.set_order import keeps_order
from azkvlint.evaluation.values import (
    MAX_ITEMS,
    Fields,
    Items,
    Result,
    doubt_in,
    hides_keys,
    hole,
    pattern_of,
    perhaps,
    sealed,
)
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.syntax import ast
from azkvlint.util.errors import InputError

if TYPE_CHECKING:
    from azkvlint.evaluation.terraform.evaluate import TerraformEvaluator

_Pair: TypeAlias = tuple[Result, Result]


def splatted(evaluator: TerraformEvaluator, node: ast.Splat, of: Result, local: Local) -> Result:
    """``of[*]`` and what follows: a list of one for what is no list, an empty one for null."""
    at = evaluator.place(node)
    if isinstance(of, Alternatives):
        return of.each(lambda result: splatted(evaluator, node, result, local))
    if isinstance(of, Items):
        pairs = _numbered(evaluator, of, at)
        if pairs is None:
            return _splat_of_unknown(evaluator, node, _doubt(of, at), of, local, at)
        found = [evaluator.evaluate(node.each, {**local, "*": item}) for _, item in pairs]
        return Items(at=at, items=found, kind="list" if of.kind else "")
    if isinstance(of, Absent):
        return Items(at=at, items=[])
    if isinstance(of, Unknown):
        evaluator.watch.risks += 1
        one = below(of, "[*]", at)
        return _splat_of_unknown(evaluator, node, of, one, local, at)
    all_of = stands_for_all(of)
    if all_of is not None:
        doubt = Unknown(at=at, why="how many there are is not known")
        return _splat_of_unknown(evaluator, node, doubt, all_of, local, at)
    return Items(at=at, items=[evaluator.evaluate(node.each, {**local, "*": of})])


def _splat_of_unknown(
    evaluator: TerraformEvaluator, node: ast.Splat, doubt: Unknown, one: Result, local: Local, at: Location
) -> Result:
    """A list of nobody knows how many, each of which is what ``one`` gives."""
    found = [evaluator.evaluate(node.each, {**local, "*": item}) for item in _each(one)]
    inner = found[0] if len(found) == 1 else None
    # All that is below something unknown, and all ids of a resource, are the same wherever they are asked for.
    steady = isinstance(inner, Unknown) and inner.pattern and (doubt.pattern or inner.closed)
    return _many(evaluator, found, doubt, hole(f"[*]{inner.pattern}") if steady else "", at)  # type: ignore[union-attr]  # steady says so


def _each(one: Result) -> Sequence[Result]:
    return one.items if isinstance(one, Items) else [one]


def _many(evaluator: TerraformEvaluator, results: list[Result], doubt: Unknown, pattern: str, at: Location) -> Unknown:
    evaluator.watch.weigh(results)
    return gathered(results, Unknown(at=at, why=doubt.why, sensitive=doubt.sensitive), pattern)


def _doubt(of: Result, at: Location) -> Unknown:
    return doubt_in("how many items a set has is not known", at, of)


def _numbered(evaluator: TerraformEvaluator, of: Items, at: Location) -> list[_Pair] | None:
    """The keys and items of a list or set; None if nobody knows how many a set has, or in which order."""
    if len(of.items) > MAX_ITEMS:
        raise InputError(f"a loop has more than {MAX_ITEMS:,} items")
    evaluator.spend(len(of.items))
    if of.kind == "set":
        evaluator.weigh(of)
        return [(item, item) for item in of.items] if keeps_order(of) else None
    return [(Scalar(at=at, value=number), item) for number, item in enumerate(of.items)]


def comprehended(evaluator: TerraformEvaluator, node: ast.Comprehension, over: Result, local: Local) -> Result:
    """A ``for`` expression, whose collection is ``over``."""
    at = evaluator.place(node)
    if isinstance(over, Alternatives):
        return over.each(lambda result: comprehended(evaluator, node, result, local))
    all_of = stands_for_all(over)
    if all_of is not None:
        doubt = Unknown(at=at, why="how many there are is not known")
        return _over_unknown(evaluator, node, doubt, [(Unknown(at=at, why=doubt.why, given=True), all_of)], local)
    over = data_of(over, at)
    if isinstance(over, Unknown):
        evaluator.watch.risks += 1
        key, value = below(over, "[key]", at), below(over, "[each]", at)
        return _over_unknown(evaluator, node, over, [(key, value)], local)
    if isinstance(over, Items):
        pairs = _numbered(evaluator, over, at)
        if pairs is None:
            return _over_unknown(evaluator, node, _doubt(over, at), [(item, item) for item in over.items], local)
        return _loop(evaluator, node, pairs, local)
    if isinstance(over, Fields):
        return _over_fields(evaluator, node, over, local, at)
    raise FailedError("a 'for' expression runs over something that is neither a list nor a map", at)


def _over_fields(
    evaluator: TerraformEvaluator, node: ast.Comprehension, over: Fields, local: Local, at: Location
) -> Result:
    if len(over.fields) > MAX_ITEMS:
        raise InputError(f"a loop has more than {MAX_ITEMS:,} items")
    evaluator.spend(len(over.fields))
    secret = hides_keys(over)
    keys = sorted(over.fields)
    pairs: list[_Pair] = [(Scalar(at=over.at, value=key, sensitive=secret), over.fields[key]) for key in keys]
    if over.rest is None and not any(perhaps(value) is not None for _, value in pairs):
        return _loop(evaluator, node, pairs, local)
    doubt = doubt_in(
        "which items a map has is not known", at, *(value for _, value in pairs if perhaps(value) is not None)
    )
    if over.rest is not None:
        doubt = over.rest
        pairs.append((below(over.rest, "[key]", at), below(over.rest, "[each]", at)))
    return _over_unknown(evaluator, node, doubt, pairs, local)


def _over_unknown(
    evaluator: TerraformEvaluator, node: ast.Comprehension, doubt: Unknown, pairs: Iterable[_Pair], local: Local
) -> Result:
    """What comes of a collection of which nobody knows how many items it has; ``pairs`` are what it may have."""
    at = evaluator.place(node)
    results: list[Result] = []
    for key, value in pairs:
        inner = _bound(node, key, value, local)
        try:
            if node.condition is not None:
                condition = primitive(evaluator.evaluate(node.condition, inner), "bool", at)
                if isinstance(condition, Scalar) and not condition.value:
                    continue
            results.append(evaluator.evaluate(node.result, inner))
        except FailedError:
            # There may be no such item.
            evaluator.watch.risks += 1
    each = pattern_of(results[0]) if len(results) == 1 and doubt.pattern else ""
    simple = each and node.condition is None and node.name is None
    return _many(evaluator, results, doubt, hole(f"[for {doubt.pattern}:{each}]") if simple else "", at)


def _bound(node: ast.Comprehension, key: Result, value: Result, local: Local) -> Local:
    inner = {**local, node.value: value}
    if node.key:
        inner[node.key] = key
    return inner


def _loop(evaluator: TerraformEvaluator, node: ast.Comprehension, pairs: list[_Pair], local: Local) -> Result:
    """What comes of a collection whose items are known, or unknown one by one."""
    at = evaluator.place(node)
    kept: list[tuple[Result | None, Result]] = []
    doubt: Unknown | None = None
    for key, value in pairs:
        inner = _bound(node, key, value, local)
        if node.condition is not None:
            condition = primitive(evaluator.evaluate(node.condition, inner), "bool", at)
            if isinstance(condition, Absent):
                raise FailedError("the condition of a 'for' expression is null", at)
            if not isinstance(condition, Scalar):
                doubt = doubt_in("the condition of a 'for' expression is not known", at, condition)
            elif not condition.value:
                continue
        name = None if node.name is None else _name(evaluator, node.name, inner, at)
        kept.append((name, evaluator.evaluate(node.result, inner)))
        if name is not None and not isinstance(name, Scalar):
            doubt = doubt_in("a key that a 'for' expression makes is not known", at, name)
    if doubt is not None:
        evaluator.watch.risks += 1
        return _many(evaluator, [result for _, result in kept], doubt, "", at)
    if node.name is None:
        return Items(at=at, items=[result for _, result in kept])
    return _object(node, kept, at)


def _name(evaluator: TerraformEvaluator, node: ast.Expression, local: Local, at: Location) -> Result:
    name = primitive(evaluator.evaluate(node, local), "string", at)
    if isinstance(name, Absent):
        raise FailedError("a key that a 'for' expression makes is null", at)
    return name


def _object(node: ast.Comprehension, pairs: list[tuple[Result | None, Result]], at: Location) -> Result:
    fields: dict[str, Result] = {}
    lists: dict[str, list[Result]] = {}
    for name, result in pairs:
        key = text_of(name.value) if isinstance(name, Scalar) else ""
        if node.grouped:
            lists.setdefault(key, []).append(result)
        elif key in fields:
            raise FailedError("two items of a 'for' expression have the same key", at)
        else:
            fields[key] = result
    if node.grouped:
        fields = {key: Items(at=at, items=items) for key, items in lists.items()}
    found = Fields(at=at, fields=fields)
    return sealed(found) if any(isinstance(name, Scalar) and name.sensitive for name, _ in pairs) else found
