"""The evaluator of Terraform's expressions: their values before apply, with Unknown for what is known only later."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, TypeAlias

import msgspec

from azkvlint.evaluation.budget import CHARACTERS_A_STEP, ITEMS_A_STEP, MAX_ITEMS, MAX_TEXT, Budget
from azkvlint.evaluation.evaluate import Evaluator
from azkvlint.evaluation.functions.table import UnknownResult
from azkvlint.evaluation.known import chosen, joined, size_of
from azkvlint.evaluation.operators import Local, printed
from azkvlint.evaluation.reads import Bound, KeptParts
from azkvlint.evaluation.terraform import operators
from azkvlint.evaluation.terraform.alternatives import (
    Alternatives,
    EvaluationCounters,
    data_of,
    gather,
    item_of,
    member_of,
    number_of_instances,
    one_of_results,
    stands_for_all,
    step_into,
    tag_pattern,
)
from azkvlint.evaluation.terraform.functions.call import FUNCTION_NAMES, FUNCTIONS
from azkvlint.evaluation.terraform.functions.table import ModuleEvaluator, TerraformDocument
from azkvlint.evaluation.terraform.operators import AccessError, FailedError, may_be, primitive, text_of
from azkvlint.evaluation.terraform.types import keeps_order, unify
from azkvlint.evaluation.values import (
    BY_RUN,
    HAS_FIELDS,
    Fields,
    Items,
    Result,
    WithItem,
    as_optional,
    doubt_in,
    is_sensitive,
    mark_map_sensitive,
    mark_sensitive,
    name_of,
    pattern_of,
    unknown_in,
    with_item,
)
from azkvlint.model.location import Location
from azkvlint.model.pattern import Pattern, Text, hole, join_texts, length_of, operation, text_form
from azkvlint.model.value import NOTHING_KNOWN, Absent, Known, Scalar, Unknown
from azkvlint.syntax import ast
from azkvlint.util.errors import InputError

__all__ = ["FUNCTION_NAMES", "TerraformDocument", "TerraformEvaluator"]

_WRITTEN_OUT = frozenset((ast.Object, ast.Array))
_LEAVES = (Scalar, Unknown, Absent)
_ARITHMETIC = frozenset("+-*/%")


class TerraformEvaluator(ModuleEvaluator):
    """Evaluates the expressions of one module.

    Raises FailedError where Terraform would reject an expression, and InputError once they cause more work than any
    input needs.
    """

    def __init__(self, document: TerraformDocument, budget: Budget) -> None:
        super().__init__(document, FUNCTIONS, budget)
        self.watch = EvaluationCounters(budget)
        self.kept: KeptParts | None = None

    def for_document(self, document: TerraformDocument) -> TerraformEvaluator:
        """Return an evaluator for another document, with the same budget."""
        return TerraformEvaluator(document, self.budget)

    def member(self, of: Result, name: str, safe: bool, at: Location) -> Result:  # noqa: ARG002  # HCL has no ?.
        """Return ``of.name``. Raise FailedError where there is none."""
        return member_of(of, name, at, self.watch)

    def item(self, of: Result, index: Result, safe: bool, from_end: bool, at: Location) -> Result:  # noqa: ARG002  # nor [^i]
        """Return ``of[index]``. Raise FailedError where there is none."""
        return item_of(of, index, at, self.watch)

    def join(self, parts: Sequence[Result], at: Location) -> Result:
        """Return the text that parts make together; its pattern where not all of them are known."""
        return join_strings(parts, at, self.watch)

    def choose(self, condition: Result, yes: ast.Expression, no: ast.Expression, local: Local) -> Result:
        """Return one of two branches; what they share where the condition is not known."""
        return evaluate_conditional(self, condition, yes, no, local)

    def _member(self, node: ast.Member, local: Local) -> Result:
        """Evaluate a chain of members at once, the most frequent expression of modules."""
        steps = [node]
        of = node.of
        while type(of) is ast.Member:
            steps.append(of)
            of = of.of
        self.watch.spend(len(steps) - 1)
        recorder = self.budget.recorder
        trace = recorder.trace
        start, begin = len(recorder.log), 0 if trace is None else len(trace.log)
        found = self.evaluate(of, local)
        if recorder.is_recording:
            recorder.settle(of)
        is_named = type(of) is ast.Name
        while steps:
            step = steps.pop()
            if trace is not None and is_named:
                trace.step(begin, found, step.name)
            inner = found.fields.get(step.name) if type(found) is Fields else None
            if inner is None or type(inner) is Unknown:
                at = self.document.place(step)
                try:
                    inner = member_of(found, step.name, at, self.watch)
                except AccessError as error:
                    raise error.named(step, at) from None
            if recorder.is_recording:
                recorder.step(start, found, step.name, inner)
            found = inner
        return found

    def _item(self, node: ast.Item, local: Local) -> Result:
        of, index = self.evaluate(node.of, local), self.evaluate(node.index, local)
        at = self.document.place(node)
        try:
            return item_of(of, index, at, self.watch)
        except AccessError as error:
            raise error.named(node, at) from None

    def _name(self, node: ast.Name, local: Local) -> Result:
        found = local.get(node.name)
        if found is not None:
            value = found.evaluate() if isinstance(found, Bound) else found
            trace = self.budget.recorder.trace
            if trace is not None:
                trace.read_local(node.name, found, value)
            return value
        # What fails in a symbol's own expression is not this one's risk.
        risks = self.watch.risks
        try:
            return self.document.symbol(node)
        finally:
            self.watch.risks = risks

    def _call(self, node: ast.Call, local: Local) -> Result:
        if node.name != "merge" or node.spread:
            return super()._call(node, local)
        merged = self.budget.recorder.merged()
        kept = self.kept if not local else None
        given: list[Result] = []
        for argument in node.arguments:
            shared = self._shared(argument, kept)
            risks = self.watch.risks
            given.append(self.evaluate(argument, local) if shared is None else shared)
            if merged is not None:
                read = merged.add(given[-1], argument)
                if kept is not None and kept.is_base:
                    kept.keep(argument, given[-1], read, self.watch.risks - risks)
        found = FUNCTIONS.call(node, local, self, given)
        if merged is not None:
            merged.finish(found)
        return found

    def _shared(self, node: ast.Node, kept: KeptParts | None) -> Result | None:
        """Return the value of a part of an expression in the base world, if it is the same here."""
        found = kept.unchanged(node) if kept is not None else None
        if found is None:
            return None
        self.watch.risks += found[1]
        return found[0]

    def _unary(self, node: ast.Unary, local: Local) -> Result:
        at, found = self.document.place(node), self.operand(node.operand, local)
        return operators.negate(found, at) if node.operator == "!" else operators.minus(found, at)

    def operand(self, node: ast.Expression, local: Local) -> Result:
        """Return an operand, which its operator may reject if it is unknown."""
        found = self.evaluate(node, local)
        if isinstance(found, Unknown) and not found.is_set:
            self.watch.risks += 1
        return found

    def _binary(self, node: ast.Binary, local: Local) -> Result:
        at, name = self.document.place(node), node.operator
        if name in ("&&", "||"):
            return evaluate_logical(self, node, name == "&&", at, local)
        if name in ("==", "!="):
            left, right = self.evaluate(node.left, local), self.evaluate(node.right, local)
            self.weigh(left, right)
            return operators.equal(_whole(left, right), _whole(right, left), name == "==", at)
        left, right = self.operand(node.left, local), self.operand(node.right, local)
        return (operators.calculate if name in _ARITHMETIC else operators.compare)(name, left, right, at)

    def _array(self, node: ast.Array, local: Local) -> Result:
        return Items(at=self.document.place(node), items=[self._at_item(item, local) for item in node.items])  # type: ignore[arg-type]  # HCL spreads nothing into a tuple

    def _object(self, node: ast.Object, local: Local) -> Result:
        fields: dict[str, Result] = {}
        rest: Unknown | None = None
        at = self.document.place(node)
        recorder = self.budget.recorder
        parts = recorder.parts() if recorder.is_recording else None
        kept = self.kept if not local else None
        for member in node.members:
            if not isinstance(member, ast.Property):
                continue
            key = member.key
            if isinstance(key, str):
                shared = self._shared(member, kept)
                risks = self.watch.risks
                fields[key] = self.property(member, local) if shared is None else shared
                if parts is not None:
                    read = parts.add(key, fields[key], member.value if shared is None else None)
                    if kept is not None and kept.is_base:
                        kept.keep(member, fields[key], read, self.watch.risks - risks)
                continue
            if parts is not None:
                parts.mix()
            name = primitive(self.evaluate(key, local), "string", at)
            if isinstance(name, Absent):
                raise FailedError("an object key is null", at)
            value = self.property(member, local)
            known_name = name_of(name, name.at)
            if isinstance(known_name, str):
                fields[known_name] = value
                continue
            # It may be the name of any before it, or null.
            self.watch.risks += 1
            doubt = known_name
            for known, before in fields.items():
                if may_be(doubt, known):
                    self.watch.weigh((before, value))
                    fields[known] = one_of_results([before, value], tag_pattern(doubt, f"{known!r}="), self.watch)
            rest = gather([value] if rest is None else [rest, value], doubt, known=HAS_FIELDS)
        whole = Fields(at=at, fields=fields, rest=rest)
        return whole if parts is None else parts.finish(whole)

    def property(self, node: ast.Property, local: Local) -> Result:
        """Return the value of a property, placed where its author edits it: at the property, unless it came from
        elsewhere.
        """
        value = node.value
        kind = type(value)
        at = self.document.place(node)
        if kind is ast.Literal:
            plain = value.value  # type: ignore[union-attr]  # mypy does not narrow by type()
            return Absent(at=at) if plain is None else Scalar(at=at, value=plain)
        found = self.evaluate(value, local)
        if isinstance(found, _LEAVES):
            return self.document.settled(found, at)
        if kind in _WRITTEN_OUT:
            if type(found) is Fields:
                placed = Fields(at=at, fields=found.fields, rest=found.rest, kind=found.kind)
                self.budget.recorder.replace(found, placed)
                return placed
            if type(found) is Items:
                return Items(at=at, items=found.items, kind=found.kind)
        return found

    def _comprehension(self, node: ast.Comprehension, local: Local) -> Result:
        return evaluate_for(self, node, self.evaluate(node.over, local), local)

    def _splat(self, node: ast.Splat, local: Local) -> Result:
        return evaluate_splat(self, node, self.evaluate(node.of, local), local)

    HANDLERS: ClassVar[dict[type, Callable[[Any, Any, Local], Result]]] = {
        **Evaluator.HANDLERS,
        ast.Name: _name,
        ast.Member: _member,
        ast.Item: _item,
        ast.Call: _call,
        ast.Unary: _unary,
        ast.Binary: _binary,
        ast.Array: _array,
        ast.Object: _object,
        ast.Comprehension: _comprehension,
        ast.Splat: _splat,
    }


def _whole(result: Result, other: Result) -> Result:
    """Return a resource as what is written in it, where it is compared with data that is not null."""
    if isinstance(result, (*_LEAVES, Items, Fields)):
        return result
    if isinstance(other, Absent):
        return Fields(at=result.at, fields={}) if not hasattr(result, "results") else data_of(result, result.at)
    return data_of(result, result.at)


# What certainly goes with a text.
_PLAIN = frozenset((ast.Literal, ast.Template))


def evaluate_conditional(
    evaluator: TerraformEvaluator, condition: Result, yes: ast.Expression, no: ast.Expression, local: Local
) -> Result:
    """Return one of two branches; what they share where the condition is not known."""
    at = condition.at
    if isinstance(condition, Absent):
        raise FailedError("the condition is null", at)
    found = primitive(condition, "bool", at)
    if isinstance(found, Scalar):
        taken, other = (yes, no) if found.value else (no, yes)
        result = _converted(evaluator, evaluator.evaluate(taken, local), other, local)
        return mark_sensitive(result) if found.sensitive else result
    if not isinstance(found, Unknown) or not found.is_set:
        evaluator.watch.risks += 1
    results: list[Result] = []
    failed: FailedError | None = None
    for node in (yes, no):
        try:
            results.append(evaluator.evaluate(node, local))
        except FailedError as error:
            # The other branch applies, or none.
            failed = error.with_traceback(None)  # with it, this frame would hold itself
            evaluator.watch.risks += 1
    if failed is not None and not results:
        raise failed
    evaluator.watch.weigh(results)
    if len(results) == 2 and all(isinstance(result, Scalar | Items | Fields) for result in results):
        results = _of_one_type(evaluator, results, at)
    doubt = doubt_in("the condition is unknown", at, found)
    if doubt.why == BY_RUN:
        # What a comparison with the time selects does not change with each run, as what is computed from it does.
        doubt = msgspec.structs.replace(doubt, why="the condition depends on the apply time")
    return chosen(one_of_results(results, doubt, evaluator.watch), results, doubt.pattern)


def _of_one_type(evaluator: TerraformEvaluator, results: list[Result], at: Location) -> list[Result]:
    """Return both branches as the type that they have in common. Raise FailedError if it is certain that they have
    none.
    """
    doubtful = any(not isinstance(result, Scalar) and unknown_in(result) is not None for result in results)
    evaluator.watch.risks += doubtful
    try:
        return unify(results, at)
    except UnknownResult:
        return results
    except FailedError:
        if doubtful:
            return results
        raise


def _converted(evaluator: TerraformEvaluator, result: Result, other: ast.Expression, local: Local) -> Result:
    """Return a branch as the type that both have: a number or boolean becomes a text where the other one is a text."""
    kind = type(result)
    if kind is Absent or (kind is Scalar and type(result.value) is str and type(other) in _PLAIN):  # type: ignore[union-attr]  # mypy does not narrow by type()
        return result
    if kind not in (Scalar, Items, Fields):
        return result
    risks = evaluator.watch.risks
    try:
        found = evaluator.evaluate(other, local)
    except FailedError:
        return result
    finally:
        evaluator.watch.risks = risks
    if not isinstance(found, Scalar | Items | Fields):
        # A list or object may be of a type that does not go with what is not known.
        evaluator.watch.risks += kind is not Scalar and isinstance(found, Unknown)
        return result
    evaluator.watch.weigh((result, found))
    return _of_one_type(evaluator, [result, found], result.at)[0]


def evaluate_logical(
    evaluator: TerraformEvaluator, node: ast.Binary, neutral: bool, at: Location, local: Local
) -> Result:
    """Evaluate ``&&`` (``neutral`` true) or ``||`` (false), the second operand only if the first does not decide."""
    one = primitive(evaluator.operand(node.left, local), "bool", at)
    if isinstance(one, Scalar) and one.value is not neutral:
        return Scalar(at=at, value=not neutral, sensitive=one.sensitive)
    try:
        other = primitive(evaluator.operand(node.right, local), "bool", at)
    except FailedError as error:
        if isinstance(one, Scalar | Absent):
            raise
        # Perhaps it is never evaluated.
        evaluator.watch.risks += 1
        other = Unknown(at=at, why=f"an operand of the condition fails: {error.why}")
    sensitive = is_sensitive(one) or is_sensitive(other)
    if isinstance(other, Scalar) and other.value is not neutral:
        return Scalar(at=at, value=not neutral, sensitive=sensitive)
    if isinstance(one, Absent) or isinstance(other, Absent):
        # Terraform accepts null as false with one operator, and rejects it with the other.
        if neutral:
            return Scalar(at=at, value=False, sensitive=sensitive)
        if isinstance(one, Absent | Scalar) and isinstance(other, Absent | Scalar):
            raise FailedError("an operand of `||` is null", at)
        evaluator.watch.risks += 1
    doubts = [
        doubt_in("the value is unknown", at, each) for each in (one, other) if not isinstance(each, Scalar | Absent)
    ]
    if not doubts:
        return Scalar(at=at, value=neutral, sensitive=sensitive)
    patterns = [doubt.pattern for doubt in doubts if doubt.pattern is not None]
    pattern = patterns[0] if patterns and len(patterns) == len(doubts) else None
    if len(doubts) > 1 and pattern is not None:
        # The pattern of one operand alone would make the whole the same as that.
        pattern = operation("&&" if neutral else "||", patterns)
    return Unknown(at=at, why=doubts[0].why, pattern=pattern, given=True, sensitive=sensitive)


_Pair: TypeAlias = tuple[Result, Result]


def evaluate_splat(evaluator: TerraformEvaluator, node: ast.Splat, of: Result, local: Local) -> Result:
    """Return ``of[*]`` and what follows: a list of one for what is not a list, an empty one for null."""
    at = evaluator.place(node)
    if isinstance(of, Alternatives):
        return of.each(lambda result: evaluate_splat(evaluator, node, result, local))
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
        one = step_into(of, "[*]", at)
        return _splat_of_unknown(evaluator, node, of, one, local, at)
    all_of = stands_for_all(of)
    if all_of is not None:
        doubt = number_of_instances(of, at)
        return _splat_of_unknown(evaluator, node, doubt, all_of, local, at)
    return Items(at=at, items=[evaluator.evaluate(node.each, {**local, "*": of})])


def _splat_of_unknown(
    evaluator: TerraformEvaluator, node: ast.Splat, doubt: Unknown, one: Result, local: Local, at: Location
) -> Result:
    """Return a list of unknown length, each item of which is the result for ``one``."""
    found = [evaluator.evaluate(node.each, {**local, "*": item}) for item in _each(one)]
    inner = found[0] if len(found) == 1 else None
    # All that is below something unknown, and all ids of a resource, are the same wherever they are read.
    each = inner.pattern if isinstance(inner, Unknown) and (doubt.pattern is not None or inner.closed) else None
    return _many(evaluator, found, doubt, hole("[*]", each) if each is not None else None, at)


def _each(one: Result) -> Sequence[Result]:
    return one.items if isinstance(one, Items) else [one]


def _many(
    evaluator: TerraformEvaluator,
    results: list[Result],
    doubt: Unknown,
    pattern: Pattern | None,
    at: Location,
    size: Known = NOTHING_KNOWN,
) -> Unknown:
    evaluator.watch.weigh(results)
    return gather(results, Unknown(at=at, why=doubt.why, sensitive=doubt.sensitive), pattern, known=size)


def _size(node: ast.Comprehension, over: Result) -> Known:
    """Return how many items a ``for`` expression over a collection certainly returns."""
    known = size_of(over)
    least = known.least if node.condition is None else 0
    return Known(least=min(least, 1) if node.grouped else least, most=known.most)


def _doubt(of: Result, at: Location) -> Unknown:
    return doubt_in("the number of items in the set is unknown", at, of)


def _numbered(evaluator: TerraformEvaluator, of: Items, at: Location) -> list[_Pair] | None:
    """Return the keys and items of a list or set; None if the items of a set, or their order, are unknown."""
    if len(of.items) > MAX_ITEMS:
        raise InputError(f"a loop has more than {MAX_ITEMS:,} items")
    evaluator.spend(len(of.items))
    if of.kind == "set":
        evaluator.weigh(of)
        return [(item, item) for item in of.items] if keeps_order(of) else None
    return [(Scalar(at=at, value=number), item) for number, item in enumerate(of.items)]


def evaluate_for(evaluator: TerraformEvaluator, node: ast.Comprehension, over: Result, local: Local) -> Result:
    """Evaluate a ``for`` expression over the collection ``over``."""
    at = evaluator.place(node)
    if isinstance(over, Alternatives):
        return over.each(lambda result: evaluate_for(evaluator, node, result, local))
    all_of = stands_for_all(over)
    if all_of is not None:
        doubt = number_of_instances(over, at)
        return _over_unknown(evaluator, node, doubt, [(Unknown(at=at, why=doubt.why, given=True), all_of)], local)
    over = data_of(over, at)
    if isinstance(over, Unknown):
        evaluator.watch.risks += 1
        key, value = step_into(over, "[key]", at), step_into(over, "[each]", at)
        found = _over_unknown(evaluator, node, over, [(key, value)], local, _size(node, over))
        if isinstance(over, WithItem) and isinstance(found, Unknown) and not node.grouped:
            return _with_item(evaluator, node, found, _bound(node, key, over.named_item(value.pattern), local))
        return found
    if isinstance(over, Items):
        pairs = _numbered(evaluator, over, at)
        if pairs is None:
            items = [(item, item) for item in over.items]
            return _over_unknown(evaluator, node, _doubt(over, at), items, local, _size(node, over))
        return _loop(evaluator, node, pairs, local)
    if isinstance(over, Fields):
        return _over_fields(evaluator, node, over, local, at)
    raise FailedError("a `for` expression expects a list, set, map or object", at)


def _over_fields(
    evaluator: TerraformEvaluator, node: ast.Comprehension, over: Fields, local: Local, at: Location
) -> Result:
    if len(over.fields) > MAX_ITEMS:
        raise InputError(f"a loop has more than {MAX_ITEMS:,} items")
    evaluator.spend(len(over.fields))
    secret = over.hides_keys
    keys = sorted(over.fields)
    pairs: list[_Pair] = [(Scalar(at=over.at, value=key, sensitive=secret), over.fields[key]) for key in keys]
    if over.rest is None and not any(as_optional(value) is not None for _, value in pairs):
        return _loop(evaluator, node, pairs, local)
    doubt = doubt_in(
        "the keys of the map are unknown", at, *(value for _, value in pairs if as_optional(value) is not None)
    )
    if over.rest is not None:
        doubt = over.rest
        pairs.append((step_into(over.rest, "[key]", at), step_into(over.rest, "[each]", at)))
    return _over_unknown(evaluator, node, doubt, pairs, local, _size(node, over))


def _over_unknown(
    evaluator: TerraformEvaluator,
    node: ast.Comprehension,
    doubt: Unknown,
    pairs: Iterable[_Pair],
    local: Local,
    size: Known = NOTHING_KNOWN,
) -> Result:
    """Return the result for a collection of unknown length; ``pairs`` are what it may contain."""
    at = evaluator.place(node)
    results: list[Result] = []
    may_keep = node.condition is None or doubt.sensitive
    for key, value in pairs:
        inner = _bound(node, key, value, local)
        try:
            if node.condition is not None:
                condition = primitive(evaluator.evaluate(node.condition, inner), "bool", at)
                if isinstance(condition, Scalar) and not condition.value:
                    continue
            may_keep = True
            results.append(evaluator.evaluate(node.result, inner))
        except FailedError:
            # There may be no such item.
            evaluator.watch.risks += 1
            may_keep = True
    if not may_keep:
        # The condition excludes whatever the collection contains.
        return Items(at=at, items=[]) if node.name is None else Fields(at=at, fields={})
    each = pattern_of(results[0]) if len(results) == 1 else ""
    pattern = None
    if doubt.pattern is not None and each and node.condition is None and node.name is None:
        pattern = hole("[for ", doubt.pattern, ":", each, "]")
    return _many(evaluator, results, doubt, pattern, at, size)


def _with_item(evaluator: TerraformEvaluator, node: ast.Comprehension, whole: Unknown, local: Local) -> Unknown:
    """Return the result for a collection, with the result for an item of which more is known, if that is in it."""
    risks = evaluator.watch.risks
    try:
        if node.condition is not None:
            condition = primitive(evaluator.evaluate(node.condition, local), "bool", whole.at)
            if not isinstance(condition, Scalar) or not condition.value:
                return whole
        item = evaluator.evaluate(node.result, local)
    except FailedError:
        return whole
    finally:
        evaluator.watch.risks = risks
    return with_item(whole, item)


def _bound(node: ast.Comprehension, key: Result, value: Result, local: Local) -> Local:
    inner = {**local, node.value: value}
    if node.key:
        inner[node.key] = key
    return inner


def _loop(evaluator: TerraformEvaluator, node: ast.Comprehension, pairs: list[_Pair], local: Local) -> Result:
    """Return the result for a collection whose items are known, or unknown one by one."""
    at = evaluator.place(node)
    kept: list[tuple[Result | None, Result]] = []
    doubt: Unknown | None = None
    least = 0
    for key, value in pairs:
        inner = _bound(node, key, value, local)
        is_certain = True
        if node.condition is not None:
            condition = primitive(evaluator.evaluate(node.condition, inner), "bool", at)
            if isinstance(condition, Absent):
                raise FailedError("the condition of a `for` expression is null", at)
            if not isinstance(condition, Scalar):
                doubt = doubt_in("the condition of a `for` expression is unknown", at, condition)
                is_certain = False
            elif not condition.value:
                continue
        try:
            name = None if node.name is None else _name(evaluator, node.name, inner, at)
            kept.append((name, evaluator.evaluate(node.result, inner)))
        except FailedError:
            if is_certain:
                raise
            # There may be no such item.
            evaluator.watch.risks += 1
            continue
        least += is_certain
        if name is not None and not isinstance(name, Scalar):
            doubt = doubt_in("a key of a `for` expression is unknown", at, name)
    if doubt is not None:
        evaluator.watch.risks += 1
        size = Known(least=min(least, 1) if node.grouped else least, most=len(kept))
        return _many(evaluator, [result for _, result in kept], doubt, None, at, size)
    if node.name is None:
        return Items(at=at, items=[result for _, result in kept])
    return _object(node, kept, at)


def _name(evaluator: TerraformEvaluator, node: ast.Expression, local: Local, at: Location) -> Result:
    name = primitive(evaluator.evaluate(node, local), "string", at)
    if isinstance(name, Absent):
        raise FailedError("a key of a `for` expression is null", at)
    return name


def _object(node: ast.Comprehension, pairs: list[tuple[Result | None, Result]], at: Location) -> Result:
    fields: dict[str, Result] = {}
    lists: dict[str, list[Result]] = {}
    for name, result in pairs:
        key = text_of(name.value) if isinstance(name, Scalar) else ""
        if node.grouped:
            lists.setdefault(key, []).append(result)
        elif key in fields:
            raise FailedError("a `for` expression returns the same key twice", at)
        else:
            fields[key] = result
    if node.grouped:
        fields = {key: Items(at=at, items=items) for key, items in lists.items()}
    found = Fields(at=at, fields=fields)
    return mark_map_sensitive(found) if any(isinstance(name, Scalar) and name.sensitive for name, _ in pairs) else found


def join_strings(parts: Sequence[Result], at: Location, watch: EvaluationCounters) -> Result:
    """Return the text that parts make together; its pattern where not all of them are known. Raise FailedError for
    null.
    """
    texts: list[Text] = []
    converted: list[Result] = []
    doubt: Unknown | None = None
    sensitive = False
    known = True
    watch.spend(len(parts) // ITEMS_A_STEP)
    for part in parts:
        found = primitive(part, "string", at)
        if isinstance(found, Scalar):
            sensitive = sensitive or found.sensitive
            texts.append(str(found.value))
            known = known and not found.sensitive
        elif isinstance(found, Absent):
            raise FailedError("null is inserted into a string", at)
        else:
            doubt = doubt if doubt is not None else doubt_in("a resource is inserted into a string", at, found)
            sensitive = sensitive or is_sensitive(found)
            if not isinstance(found, Unknown) or not found.is_set:
                watch.risks += 1
            texts.append(pattern_of(found))
            known = known and bool(texts[-1])
        converted.append(found)
    length = sum(map(length_of, texts))
    watch.spend(length // CHARACTERS_A_STEP)
    if length > MAX_TEXT:
        why = f"strings longer than {MAX_TEXT:,} characters are not supported"
        return Unknown(at=at, why=why, given=True, sensitive=sensitive)
    if doubt is not None:
        pattern = printed("tostring", join_texts(texts), doubt) if known else None
        return Unknown(
            at=at, why=doubt.why, pattern=pattern, given=True, known=joined(converted, adds_up=False),
            sensitive=sensitive,
        )  # fmt: skip
    return Scalar(at=at, value=text_form(join_texts(texts)), sensitive=sensitive)
