"""Facts that the companions of a resource determine together: alerts, diagnostic settings, subscriptions.

Each fact is certain, possible, or neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from itertools import chain

from azkvlint.azure.azurerm.arguments import type_as_written
from azkvlint.azure.azurerm.resources import canonical
from azkvlint.azure.nouns import may_refer
from azkvlint.derived.answers import known, unknown
from azkvlint.derived.registry import Context
from azkvlint.graph.references import Index, references_by
from azkvlint.model.resource import Reference, Resource
from azkvlint.model.value import Absent, Answer, Link, Scalar, Unknown, Value


def elsewhere(resource: Resource, type_: str) -> str:
    """Return the reason for an unknown fact about a resource that depends on resources of a type outside the input."""
    name = type_as_written(resource.declared_as, canonical(type_) or type_)
    return may_refer(f"{'an' if name[0] in 'aeio' else 'a'} `{name}`", resource.type)


class Sure(IntEnum):
    """How certain a fact is. The minimum of several is the certainty of all, the maximum that of any."""

    NO = 0
    PERHAPS = 1
    YES = 2


class Companions:
    """The resources that refer to others, certainly or possibly."""

    def __init__(self, references: Iterable[Reference], context: Context) -> None:
        self._resources = context.index.resources
        self._pairs = context.index.pairs
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

    def naming_any(self) -> Iterator[Resource]:
        """Yield the resources that refer, or may refer, to anything."""
        found = chain(*self._certain.values(), *self._perhaps.values(), self._loose)
        yield from (self._resources[source] for source in dict.fromkeys(found))

    def naming(self, address: str) -> Iterator[tuple[Resource, Sure]]:
        """Yield the resources that refer to an address, certain ones first."""
        yield from self.known(address)
        for source in self.loose():
            yield source, Sure.PERHAPS

    def known(self, address: str) -> Iterator[tuple[Resource, Sure]]:
        """Yield the resources that refer to an address, without those that may refer to anything."""
        for source in self._certain.get(address, ()):
            yield self._resources[source], Sure.YES
        perhaps = self._perhaps.get(address, ())
        self._pairs.add(len(perhaps))
        for source in perhaps:
            yield self._resources[source], Sure.PERHAPS

    def loose(self) -> Iterator[Resource]:
        """Yield the resources that may refer to anything."""
        self._pairs.add(len(self._loose))
        for source in self._loose:
            yield self._resources[source]


def companions(context: Context, via: str, type_: str) -> Companions:
    """Return the companions by the attribute ``via`` of a type (lower case); computed once per graph."""
    key = f"companions {via} {type_}"
    if key not in context.cache:
        context.cache[key] = Companions(references_by(via, frozenset({type_}), context.index), context)
    found: Companions = context.cache[key]
    return found


def targets_of(reference: Reference | None, index: Index) -> Iterator[tuple[Resource, Sure]]:
    """Yield the resources that a reference is to, and those that it may be to."""
    if reference is not None:
        yield from ((index.resources[address], Sure.YES) for address in reference.targets)
        yield from ((index.resources[address], Sure.PERHAPS) for address in reference.candidates)


def is_one_of(answer: Answer, *words: str) -> Sure:
    """Return whether a string is one of these words. Azure compares case-insensitively."""
    if isinstance(answer, Scalar):
        return Sure.YES if str(answer.value).lower() in map(str.lower, words) else Sure.NO
    return Sure.PERHAPS if isinstance(answer, Unknown | Link) else Sure.NO


def is_set(answer: Answer) -> Sure:
    """Return whether there is a value. An empty string counts as not set, as in optional parameters."""
    if isinstance(answer, Unknown) and not answer.is_set:
        return Sure.PERHAPS
    return Sure.NO if isinstance(answer, Absent) or (isinstance(answer, Scalar) and answer.value == "") else Sure.YES


def certainty_value(resource: Resource, sure: Sure, context: Context, type_: str, note: str, doubt: str) -> Value:
    """Return a fact about a resource as a value.

    The value is true, false, or unknown if a companion of type ``type_`` outside the input may make it true.
    """
    if sure is Sure.NO and not context.has_all_companions(resource):
        return unknown(resource, elsewhere(resource, type_))
    if sure is Sure.PERHAPS:
        return unknown(resource, doubt)
    return known(resource, sure is Sure.YES, "" if sure is Sure.YES else note)
