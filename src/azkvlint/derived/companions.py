"""What the companions of a resource say of it together: alerts, diagnostic settings, subscriptions that name it.

Answers are three-valued here too: certain, possible, or neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum

from azkvlint.derived.registry import Context, known, unknown
from azkvlint.graph.references import references_by
from azkvlint.model.resource import Reference, Resource
from azkvlint.model.value import Absent, Answer, Link, ListValue, Scalar, Unknown, Value

_ELSEWHERE = "one that is not part of this input may do so"


class Sure(IntEnum):
    """How sure it is. All of several is the least of them, any is the greatest."""

    NO = 0
    PERHAPS = 1
    YES = 2


class Companions:
    """Which resources name which others, for certain or perhaps."""

    def __init__(self, references: Iterable[Reference], context: Context) -> None:
        self._resources = context.index.resources
        self._certain: dict[str, list[str]] = {}
        self._perhaps: dict[str, list[str]] = {}
        self._loose: list[str] = []
        for reference in references:
            for target in reference.targets:
                self._certain.setdefault(target, []).append(reference.source)
            for target in reference.candidates:
                self._perhaps.setdefault(target, []).append(reference.source)
            if reference.anything:
                self._loose.append(reference.source)

    def naming(self, address: str) -> Iterator[tuple[Resource, Sure]]:
        """Yield the resources that name one, certain ones first."""
        for source in self._certain.get(address, ()):
            yield self._resources[source], Sure.YES
        for source in (*self._perhaps.get(address, ()), *self._loose):
            yield self._resources[source], Sure.PERHAPS


def companions(context: Context, via: str, type_: str) -> Companions:
    """Return those that the attribute ``via`` of a type (lower case) makes; made once for a graph."""
    key = f"companions {via} {type_}"
    if key not in context.cache:
        context.cache[key] = Companions(references_by(via, frozenset({type_}), context.index), context)
    found: Companions = context.cache[key]
    return found


def is_one_of(answer: Answer, *words: str) -> Sure:
    """Return whether a text is one of these. Azure compares without case."""
    if isinstance(answer, Scalar):
        return Sure.YES if str(answer.value).lower() in map(str.lower, words) else Sure.NO
    return Sure.PERHAPS if isinstance(answer, Unknown | Link) else Sure.NO


def is_set(answer: Answer) -> Sure:
    """Return whether there is a value at all. An empty text sets nothing: so a parameter says that there is none."""
    if isinstance(answer, Unknown) and not answer.is_set:
        return Sure.PERHAPS
    return Sure.NO if isinstance(answer, Absent) or (isinstance(answer, Scalar) and answer.value == "") else Sure.YES


def items_of(answer: Answer) -> tuple[Value, ...]:
    """Return the items of a list; what is no list, and set, is one itself."""
    if isinstance(answer, ListValue):
        return answer.items
    return () if isinstance(answer, Absent) else (answer,)


def said(resource: Resource, sure: Sure, context: Context, note: str, doubt: str) -> Value:
    """Return an answer about a resource as a value.

    True, false, or not known where a companion elsewhere may make it true.
    """
    if sure is Sure.NO and not context.has_all_companions(resource):
        return unknown(resource, _ELSEWHERE)
    if sure is Sure.PERHAPS:
        return unknown(resource, doubt)
    return known(resource, sure is Sure.YES, "" if sure is Sure.YES else note)
