"""One of several results, nobody knows which: what is certain of it, and which resources it may name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from azkvlint.evaluation.budget import Budget
from azkvlint.evaluation.terraform.equality import same
from azkvlint.evaluation.terraform.failure import FailedError
from azkvlint.evaluation.values import (
    VALUES_A_STEP,
    Fields,
    Items,
    Result,
    first,
    hidden,
    hole,
    is_large,
    is_sensitive,
    pattern_of,
    perhaps,
    size,
)
from azkvlint.model.location import Location
from azkvlint.model.value import PERHAPS, Absent, Scalar, Unknown

_DATA = (Scalar, Unknown, Absent, Items, Fields)
# An expression that may name more resources than this says nothing of use.
_MAX_CANDIDATES = 1_000


class Watch:
    """What one evaluator keeps count of: its work, and ``risks``, all that may yet fail for what nobody knows."""

    __slots__ = ("budget", "risks")

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.risks = 0

    def spend(self, steps: int) -> None:
        """Count work that takes as long as so many steps. Raises InputError once that is more than any input needs."""
        self.budget.spend(steps)

    def weigh(self, results: Iterable[Result]) -> None:
        """Count what it takes to walk through results."""
        for result in results:
            self.spend(1 + size(result) // VALUES_A_STEP)


class Alternatives:
    """One of several results, resources among them: what is asked of it is asked of each."""

    def __init__(self, results: Sequence[Result], doubt: Unknown, watch: Watch) -> None:
        self.results = results
        self.doubt = doubt
        self.watch = watch
        self.at = doubt.at

    def each(self, ask: Callable[[Result], Result]) -> Result:
        """What ``ask`` finds in one of them. Where it fails, Terraform would, so it is one of the others."""
        self.watch.spend(len(self.results))
        found: list[Result] = []
        failed: FailedError | None = None
        for result in self.results:
            try:
                found.append(ask(result))
            except FailedError as error:
                self.watch.risks += 1
                failed = error.with_traceback(None)  # with it, this frame would hold itself
        if failed is not None and not found:
            raise failed
        self.watch.weigh(found)
        return uncertain(found, self.doubt, self.watch)

    def member(self, name: str, at: Location) -> Result:
        """A member of one of them."""
        from azkvlint.evaluation.terraform.indexing import member_of

        return self.each(lambda result: member_of(result, name, at, self.watch))

    def item(self, index: Result, at: Location) -> Result:
        """An item of one of them."""
        from azkvlint.evaluation.terraform.indexing import item_of

        return self.each(lambda result: item_of(result, index, at, self.watch))

    def data(self, at: Location) -> Result:
        """What is written in one of them."""
        from azkvlint.evaluation.terraform.indexing import data_of

        return self.each(lambda result: data_of(result, at))


def uncertain(results: Sequence[Result], doubt: Unknown, watch: Watch | None = None) -> Result:
    """One of ``results``, at least one: what they share is known, the rest is as unknown as ``doubt``.

    It names a resource that one of them names. Whoever calls it has counted what it takes to walk through them.
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
        return kept[0] if len(kept) == 1 else Alternatives(kept, doubt, watch or Watch(Budget()))
    if any(isinstance(result, Items | Fields) and is_large(result) for result in results):
        return Unknown(at=doubt.at, why=doubt.why, sensitive=any(map(is_sensitive, results)))
    return _one_of(results, doubt)


def _one_of(results: Sequence[Result], doubt: Unknown) -> Result:
    head = results[0]
    if all(same(head, other) is True for other in results[1:]):
        return hidden(head) if any(map(is_sensitive, results)) and not is_sensitive(head) else head
    if all(isinstance(result, Fields) for result in results):
        return _fields([result for result in results if isinstance(result, Fields)], doubt)
    if isinstance(head, Items) and all(
        isinstance(result, Items) and len(result.items) == len(head.items) and result.kind == head.kind != "set"
        for result in results
    ):
        columns = zip(*(result.items for result in results if isinstance(result, Items)), strict=True)
        return Items(at=head.at, items=[uncertain(column, doubt) for column in columns], kind=head.kind)
    parts = [doubt.pattern, *map(_part, results)]
    pattern = hole(f"if({','.join(parts)})") if all(parts) else ""
    # A list is no reference, though what is in it may be.
    given = all(is_given(result) and not isinstance(result, Items | Fields) for result in results)
    return gathered(results, doubt, pattern, given)


def _fields(results: Sequence[Fields], doubt: Unknown) -> Fields:
    """An object that is one of several; a field that not all of them have may not be there."""
    names = {name: None for result in results for name in result.fields}
    fields: dict[str, Result] = {}
    for name in names:
        values: list[Result] = []
        missing: list[str] = []
        for number, result in enumerate(results):
            value = result.fields.get(name)
            if value is not None:
                values.append(value)
                optional = perhaps(value) is not None
            else:
                optional = True
                if result.rest is not None:
                    values.append(below(result.rest, f".{name}", doubt.at))
            if optional:
                missing.append(str(number))
        found = uncertain(values, doubt)
        fields[name] = maybe(found, marked(doubt, f"{' '.join(missing)}:")) if missing else found
    rest = first(*(result.rest for result in results))
    kind = results[0].kind if len({result.kind for result in results}) == 1 else ""
    return Fields(at=results[0].at, fields=fields, rest=rest if isinstance(rest, Unknown) else None, kind=kind)


def marked(doubt: Unknown, mark: str) -> Unknown:
    """``doubt`` about something else than itself: what hangs on it in another way has another pattern."""
    return msgspec.structs.replace(doubt, pattern=hole(mark + doubt.pattern) if doubt.pattern and mark else "")


def maybe(result: Result, doubt: Unknown) -> Unknown:
    """The value of a field that may not be there."""
    if isinstance(result, Unknown):
        return msgspec.structs.replace(result, note=PERHAPS)
    parts = [doubt.pattern, _part(result)]
    pattern = hole(f"maybe({','.join(parts)})") if all(parts) else ""
    found = gathered([result], doubt, pattern, is_given(result))
    return msgspec.structs.replace(found, note=PERHAPS)


def gathered(results: Iterable[Result], doubt: Unknown, pattern: str = "", given: bool = False) -> Unknown:
    """An unknown value made of ``results``, as unknown as ``doubt``; it names what any of them, or their parts, names.

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
        at=doubt.at, why=doubt.why, pattern=pattern, given=given, sensitive=sensitive,
        candidates=tuple(candidates), closed=closed and bool(candidates), hops=hops if candidates else (),
    )  # fmt: skip


def _leaves(results: Iterable[Result]) -> Iterator[Result]:
    """All that is in results but lists and objects; something unknown at the end where that is too much."""
    for result in results:
        if not isinstance(result, Items | Fields):
            yield result
        elif is_large(result):
            yield Unknown(at=result.at, why="it is too large to be looked at", sensitive=True)
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


def below(of: Unknown, step: str, at: Location) -> Unknown:
    """What is asked of something unknown: ``step`` tells it apart from whatever else may be asked of it."""
    return Unknown(
        at=at, why=of.why, pattern=hole(of.pattern + step) if of.pattern and step else "", sensitive=of.sensitive,
        candidates=of.candidates, closed=of.closed, hops=of.hops,
    )  # fmt: skip


def is_given(result: Result) -> bool:
    """Whether a result is certainly not null."""
    return result.is_set if isinstance(result, Unknown) else not isinstance(result, Absent)


def _part(result: Result) -> str:
    """How a result is written in a pattern; empty if that would not tell it apart from others."""
    if isinstance(result, Absent):
        return "null"
    return f'"{pattern_of(result)}"' if _is_text(result) else pattern_of(result)


def _is_text(result: Result) -> bool:
    return isinstance(result, Scalar) and isinstance(result.value, str) and not result.sensitive
