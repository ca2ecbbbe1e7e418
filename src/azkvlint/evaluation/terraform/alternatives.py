"""A value that is one of several results: what is certain of it, and which resources it may name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from azkvlint.evaluation.budget import VALUES_A_STEP, Budget
from azkvlint.evaluation.functions.table import UnknownResult
from azkvlint.evaluation.known import is_given, one_of
from azkvlint.evaluation.terraform.operators import AccessError, FailedError, as_number, is_same, may_be, text_of
from azkvlint.evaluation.values import (
    ANY_ATTRIBUTE,
    Closure,
    Fields,
    Items,
    Result,
    as_optional,
    is_large,
    is_sensitive,
    mark_sensitive,
    pattern_of,
    size,
)
from azkvlint.model.location import Location
from azkvlint.model.pattern import Pattern, Text, access, bare, call_hole, hole, join_texts, known_or_pattern, text_form
from azkvlint.model.value import MAY_BE_ABSENT, NOTHING_KNOWN, Absent, Known, Scalar, Unknown

_WITHOUT_MEMBERS = (Scalar, Items, Closure)
_ITEM = "an item"
# Maps of more keys have no pattern.
_FEW = 20


def member_of(of: Result, name: str, at: Location, watch: EvaluationCounters) -> Result:
    """Return ``of.name``. Raise FailedError where there is none."""
    if isinstance(of, Fields):
        return _field(of, name, at, watch)
    if isinstance(of, Unknown):
        watch.risks += 1
        return step_into(of, f".{name}", at)
    if isinstance(of, Alternatives):
        return of.each(lambda result: member_of(result, name, at, watch))
    if isinstance(of, Absent):
        raise AccessError(f"attribute `{name}`", "the object is null", at)
    if isinstance(of, _WITHOUT_MEMBERS):
        raise AccessError(f"attribute `{name}`", "the value is not an object", at)
    # What a resource or a local value fails of, or is unknown for, is its own affair.
    risks = watch.risks
    try:
        return of.member(name, at)
    finally:
        watch.risks = risks


def _field(of: Fields, name: str, at: Location, watch: EvaluationCounters) -> Result:
    found = of.fields.get(name)
    if found is None:
        if of.rest is None:
            raise AccessError(f"attribute `{name}`", "", at)
        watch.risks += 1
        return step_into(of.rest, f".{name}", at)
    return require_present(found, watch) if isinstance(found, Unknown) and found.is_optional else found


def require_present(found: Unknown, watch: EvaluationCounters) -> Unknown:
    """Return the value of a field that may be absent, where its absence is an error."""
    watch.risks += 1
    return msgspec.structs.replace(found, note="")


def item_of(of: Result, index: Result, at: Location, watch: EvaluationCounters) -> Result:
    """Return ``of[index]``, sensitive if the index is. Raise FailedError where there is none."""
    found = _item_of(of, index, at, watch)
    return mark_sensitive(found) if isinstance(index, Scalar) and index.sensitive else found


def _item_of(of: Result, index: Result, at: Location, watch: EvaluationCounters) -> Result:
    if isinstance(of, Alternatives):
        return of.each(lambda result: item_of(result, index, at, watch))
    if isinstance(index, Absent | Items | Fields):
        raise AccessError(_ITEM, "the index is not a string or number", at)
    if isinstance(of, Items):
        return _item(of, index, at, watch)
    if isinstance(of, Fields):
        return _keyed(of, index, at, watch)
    if isinstance(of, Unknown):
        watch.risks += 1
        return step_into(of, _step(index), at)
    if isinstance(of, Scalar | Absent | Closure):
        raise AccessError(_ITEM, "the value is not a list or map", at)
    risks = watch.risks
    try:
        return of.item(index, at)
    finally:
        watch.risks = risks


def _step(index: Result) -> Text:
    """Return how an index is written in a pattern; ``a["b"]`` is ``a.b``."""
    if isinstance(index, Scalar) and isinstance(index.value, str):
        known = pattern_of(index)
        return join_texts([".", known]) if known else ""
    known = pattern_of(index)
    return join_texts(["[", known, "]"]) if known else ""


def _item(of: Items, index: Result, at: Location, watch: EvaluationCounters) -> Result:
    if of.kind == "set":
        raise AccessError(_ITEM, "a set cannot be indexed", at)
    if not isinstance(index, Scalar):
        if not of.items:
            raise AccessError(_ITEM, "the list is empty", at)
        return _some(of.items, index, "[]", at, watch)
    try:
        number = as_number(index.value)
    except UnknownResult:
        number = None
    if not isinstance(number, int) or not 0 <= number < len(of.items):
        raise AccessError(_ITEM, "the list has fewer items", at)
    return of.items[number]


def _keyed(of: Fields, index: Result, at: Location, watch: EvaluationCounters) -> Result:
    if isinstance(index, Scalar):
        name = text_of(index.value)
        if name in of.fields or of.rest is not None:
            return _field(of, name, at, watch)
        raise AccessError(_ITEM, "the map has no such key", at)
    watch.spend(len(of.fields) // 10)
    mark = keys_of(of)
    values = [value for key, value in of.fields.items() if not isinstance(index, Unknown) or may_be(index, key)]
    if of.rest is not None:
        values.append(step_into(of.rest, _step(index), at))
    if not values:
        raise AccessError(_ITEM, "the map has no such key", at)
    return _some(values, index, mark, at, watch)


def keys_of(of: Fields) -> str:
    """Return the keys of a map, which distinguish maps with the same values; empty if there are too many."""
    return f"[{','.join(map(repr, of.fields))}]" if len(of.fields) <= _FEW and of.rest is None else ""


def _some(values: list[Result], index: Result, mark: str, at: Location, watch: EvaluationCounters) -> Result:
    """Return one of the items, which an unknown index names, if it names any."""
    watch.risks += 1
    watch.weigh(values)
    doubt = index if isinstance(index, Unknown) else Unknown(at=at, why="an index is a resource")
    some = [require_present(value, watch) if isinstance(value, Unknown) else value for value in values]
    found = one_of_results(some, tag_pattern(doubt, mark), watch)
    if isinstance(found, Scalar):
        return gather([found], doubt, given=is_given(found))
    return found


def data_of(result: Result, at: Location) -> Result:
    """Return the data of a resource or module; Unknown if not all of it is known; any other result unchanged."""
    if isinstance(result, Scalar | Unknown | Absent | Items | Fields):
        return result
    data = getattr(result, "data", None)
    found: Result | None = data(at) if data is not None else None
    if isinstance(found, Scalar | Unknown | Absent | Items | Fields):
        return found
    address = getattr(result, "address", "")
    return Unknown(at=at, why=f"some attributes of {f'`{address}`' if address else 'a resource or module'} are unknown")


def stands_for_all(result: Result) -> Result | None:
    """Return the instance that stands for all of a collection of unknown length; None for all else.

    ``number_of_instances`` is why the length is not known.
    """
    if isinstance(result, Scalar | Unknown | Absent | Items | Fields):
        return None
    found: Result | None = getattr(result, "one", None)
    return (
        found if found is not None else getattr(result, "each", None) if not isinstance(result, Alternatives) else None
    )


_DATA = (Scalar, Unknown, Absent, Items, Fields)
# An expression that may refer to more resources than this has no use.
_MAX_CANDIDATES = 1_000


class EvaluationCounters:
    """The counters of one evaluator: its work, and ``risks``, operations that may fail because of unknown values."""

    __slots__ = ("budget", "risks")

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.risks = 0

    def spend(self, steps: int) -> None:
        """Count the cost of work in steps. Raise InputError above the limit."""
        self.budget.spend(steps)

    def weigh(self, results: Iterable[Result]) -> None:
        """Count the cost of walking through results."""
        for result in results:
            self.spend(1 + size(result) // VALUES_A_STEP)


class Alternatives:
    """One of several results, resources among them. Each access is an access to each of them."""

    def __init__(self, results: Sequence[Result], doubt: Unknown, watch: EvaluationCounters) -> None:
        self.results = results
        self.doubt = doubt
        self.watch = watch
        self.at = doubt.at

    def each(self, action: Callable[[Result], Result]) -> Result:
        """Return the result of ``action`` for one of them. Failures are left out, as Terraform would fail too."""
        self.watch.spend(len(self.results))
        found: list[Result] = []
        failed: FailedError | None = None
        for result in self.results:
            try:
                found.append(action(result))
            except FailedError as error:
                self.watch.risks += 1
                failed = error.with_traceback(None)  # with it, this frame would hold itself
        if failed is not None and not found:
            raise failed
        self.watch.weigh(found)
        return one_of_results(found, self.doubt, self.watch)

    def member(self, name: str, at: Location) -> Result:
        """Return a member of one of them."""
        return self.each(lambda result: member_of(result, name, at, self.watch))

    def item(self, index: Result, at: Location) -> Result:
        """Return an item of one of them."""
        return self.each(lambda result: item_of(result, index, at, self.watch))

    def data(self, at: Location) -> Result:
        """Return what is written in one of them."""
        return self.each(lambda result: data_of(result, at))


def number_of_instances(collection: Result, at: Location) -> Unknown:
    """Return the number of instances that one of a collection stands for, as an unknown value with its reason."""
    return Unknown(at=at, why=getattr(collection, "why", "the number of instances is unknown"))


def one_of_results(results: Sequence[Result], doubt: Unknown, watch: EvaluationCounters | None = None) -> Result:
    """Return one of ``results``, at least one: what they share is known, the rest is as unknown as ``doubt``.

    It names a resource that one of them names. The caller counts the cost of walking through them.
    """
    if len(results) == 1:
        return results[0]
    if not all(isinstance(result, _DATA) for result in results):
        flat: list[Result] = []
        for result in results:
            if isinstance(result, Alternatives):
                flat.extend(result.results)
            else:
                flat.append(result)
        # The same resource may be reached on several ways.
        kept = list({id(result): result for result in flat}.values())
        return kept[0] if len(kept) == 1 else Alternatives(kept, doubt, watch or EvaluationCounters(Budget()))
    if any(isinstance(result, Items | Fields) and is_large(result) for result in results):
        return Unknown(at=doubt.at, why=doubt.why, sensitive=any(map(is_sensitive, results)))
    return _one_of(results, doubt)


def _one_of(results: Sequence[Result], doubt: Unknown) -> Result:
    head = results[0]
    if all(is_same(head, other) is True for other in results[1:]):
        return mark_sensitive(head) if any(map(is_sensitive, results)) and not is_sensitive(head) else head
    if all(isinstance(result, Fields) for result in results):
        return _fields([result for result in results if isinstance(result, Fields)], doubt)
    if isinstance(head, Items) and all(
        isinstance(result, Items) and len(result.items) == len(head.items) and result.kind == head.kind != "set"
        for result in results
    ):
        columns = zip(*(result.items for result in results if isinstance(result, Items)), strict=True)
        return Items(at=head.at, items=[one_of_results(column, doubt) for column in columns], kind=head.kind)
    parts = [known_or_pattern(doubt.pattern), *map(_part, results)]
    pattern = call_hole("if", parts) if all(parts) else None
    # A list is not a reference, though its items may be.
    given = all(is_given(result) and not isinstance(result, Items | Fields) for result in results)
    return gather(results, doubt, pattern, given, one_of(results))


def _fields(results: Sequence[Fields], doubt: Unknown) -> Fields:
    """Return an object that is one of several; a field that not all of them have may not be there."""
    names = {name: None for result in results for name in result.fields}
    fields: dict[str, Result] = {}
    for name in names:
        values: list[Result] = []
        missing: list[str] = []
        for number, result in enumerate(results):
            value = result.fields.get(name)
            if value is not None:
                values.append(value)
                optional = as_optional(value) is not None
            else:
                optional = True
                if result.rest is not None:
                    values.append(step_into(result.rest, f".{name}", doubt.at))
            if optional:
                missing.append(str(number))
        found = one_of_results(values, doubt)
        fields[name] = mark_optional(found, tag_pattern(doubt, f"{' '.join(missing)}:")) if missing else found
    others = [result.rest for result in results if result.rest is not None]
    rest = others[0] if others else None
    if rest is not None and (len(others) < len(results) or any(other.pattern != rest.pattern for other in others)):
        rest = gather(others, rest)
    kind = results[0].kind if len({result.kind for result in results}) == 1 else ""
    return Fields(at=results[0].at, fields=fields, rest=rest, kind=kind)


def tag_pattern(doubt: Unknown, mark: str) -> Unknown:
    """Return ``doubt`` with another pattern, for a value that depends on it in another way."""
    pattern = hole(mark, doubt.pattern) if doubt.pattern is not None and mark else None
    return msgspec.structs.replace(doubt, pattern=pattern)


def mark_optional(result: Result, doubt: Unknown) -> Unknown:
    """Return the value of a field that may not be there."""
    if isinstance(result, Unknown):
        return msgspec.structs.replace(result, note=MAY_BE_ABSENT)
    parts = [known_or_pattern(doubt.pattern), _part(result)]
    pattern = call_hole("maybe", parts) if all(parts) else None
    found = gather([result], doubt, pattern, is_given(result))
    return msgspec.structs.replace(found, note=MAY_BE_ABSENT)


def keep_optional(before: Result, after: Result) -> Result:
    """Return the value of a field in another type, which may not be there if that may not."""
    found = as_optional(before)
    return mark_optional(after, found) if found is not None and as_optional(after) is None else after


def gather(
    results: Iterable[Result],
    doubt: Unknown,
    pattern: Pattern | None = None,
    given: bool = False,
    known: Known = NOTHING_KNOWN,
) -> Unknown:
    """Return an unknown value made of ``results``, as unknown as ``doubt``; it names what any of them, or their parts,
    names.

    ``closed`` if all that is in them names one of its candidates, or is null.
    """
    candidates: dict[str, None] = {}
    hops: tuple[str, ...] = ()
    closed = True
    sensitive = doubt.sensitive
    for leaf in _leaves(results):
        sensitive = sensitive or (isinstance(leaf, Scalar | Unknown | Absent) and leaf.sensitive)
        if isinstance(leaf, Unknown):
            candidates.update(dict.fromkeys(leaf.candidates))
            hops = hops or leaf.hops
            closed = closed and leaf.closed
        elif not isinstance(leaf, Absent):
            closed = False
    if len(candidates) > _MAX_CANDIDATES:
        candidates, closed = {}, False
    return Unknown(
        at=doubt.at, why=doubt.why, pattern=pattern, given=given, known=known, sensitive=sensitive,
        candidates=tuple(candidates), closed=closed and bool(candidates), hops=hops if candidates else (),
    )  # fmt: skip


def _leaves(results: Iterable[Result]) -> Iterator[Result]:
    """Yield all that is in results but lists and objects; something unknown at the end where that is too much."""
    for result in results:
        if not isinstance(result, Items | Fields):
            yield result
        elif is_large(result):
            yield Unknown(at=result.at, why="the value is too large", sensitive=True)
        else:
            left: list[Result] = [result]
            while left:
                item = left.pop()
                if isinstance(item, Items):
                    left.extend(reversed(item.items))
                elif isinstance(item, Fields):
                    left.extend(reversed(item.fields.values()))
                    if item.rest is not None:
                        left.append(item.rest)
                else:
                    yield item


def step_into(of: Unknown, step: Text, at: Location) -> Unknown:
    """Return a member or item of an unknown value: ``step`` distinguishes it from its others."""
    pattern = access(of.pattern, step) if of.pattern is not None and step else None
    why = of.why
    if pattern is not None and why.startswith(ANY_ATTRIBUTE):
        why = f"`{bare(pattern)}` is known after apply"
    return Unknown(
        at=at, why=why, pattern=pattern, sensitive=of.sensitive,
        candidates=of.candidates, closed=of.closed, hops=of.hops,
    )  # fmt: skip


def _part(result: Result) -> Text:
    """Return how a result is written in a pattern; empty if that would not distinguish it from others."""
    if isinstance(result, Absent):
        return "null"
    return f'"{text_form(pattern_of(result))}"' if _is_text(result) else pattern_of(result)


def _is_text(result: Result) -> bool:
    return isinstance(result, Scalar) and isinstance(result.value, str) and not result.sensitive
