"""Compile conditions to predicates. A rule's conditions are compiled once and evaluated many times.

A predicate returns an Outcome. With a trail, it also records evidence: the trail then holds the evidence that has the
outcome of the whole condition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache, partial
from itertools import product
from typing import Any

import msgspec

from azkvlint.azure.nouns import may_refer
from azkvlint.engine.evidence import (
    Expectation,
    describe_types,
    evidence_of,
    join_path,
    link_evidence,
    linking_resource,
    missing_link_evidence,
    negate_evidence,
    quoted_name,
    reason_of,
)
from azkvlint.engine.findings import EVERY_ITEM, SOME_ITEM, expectation
from azkvlint.engine.graph_index import GraphIndex, Predicate, Trail
from azkvlint.engine.operators import Operator, operator_of
from azkvlint.engine.rule_patterns import rule_pattern
from azkvlint.model.finding import FAIL, PASS, UNKNOWN, Evidence, Outcome, negate
from azkvlint.model.location import Location
from azkvlint.model.pattern import CallHole, Hole, Pattern, Text, parts_of
from azkvlint.model.resource import Reference, Resource
from azkvlint.model.rule import All, AnyOf, AttributeCondition, Condition, Given, ItemsCondition, Linked, Not
from azkvlint.model.value import Absent, Answer, ListValue, MapValue, Scalar, Unknown, path_text
from azkvlint.util.lazy_regex import regex
from azkvlint.util.safe_regex import RulePattern

# One letter represents all letters and one digit all digits, so an expression must not contain any literally.
_LETTER, _DIGIT = "x", "7"
_ALIKE = regex(r"[{][0-9]*,?[0-9]*[}]|A-Z|a-z|0-9|\\[dwsDWS]|\(\?[:!=]")
_NAMED = regex(r"[A-Za-z0-9]")
_SHORT_NUMBER = regex(r"[0-9]{1,4}")
# uniqueString() returns 13 lower-case letters and digits. Source:
# learn.microsoft.com/azure/azure-resource-manager/bicep/bicep-functions-string.
_UNIQUE_LENGTH = 13
_CASED = ("toLower", "toUpper")
_MAX_STRINGS = 1 << 14


def matches_pattern(expression: RulePattern, text: Pattern) -> bool | None:
    """Return whether every string of a pattern matches: False if none does, None if unknown."""
    return _matches(expression.text, text) if text.holes else None


@lru_cache(1000)
def _matches(expression: str, text: Pattern) -> bool | None:
    parts = list(_parts(text))
    found = None
    if None not in parts and not _NAMED.search(_ALIKE.sub("", expression)):
        found = _of_known_length(expression, parts)
    return False if found is None and not rule_pattern(expression).may_match(parts) else found


def _of_known_length(expression: str, parts: Iterable[str | int | None]) -> bool | None:
    alike = {code: _LETTER if chr(code).isalpha() else _DIGIT for code in range(128) if chr(code).isalnum()}
    return _all_match(expression, tuple([part.translate(alike) if isinstance(part, str) else part for part in parts]))


@lru_cache(1000)
def _all_match(expression: str, shape: tuple[str | int | None, ...]) -> bool | None:
    """Return whether all strings of a shape match. Names of one length, such as ``kv-`` and a hash, have one shape."""
    lengths = [part for part in shape if isinstance(part, int)]
    if 1 << sum(lengths) > _MAX_STRINGS:
        return None
    choices = [_strings(part) if isinstance(part, int) else (part or "",) for part in shape]
    return rule_pattern(expression).match_all(map("".join, product(*choices)))


@cache
def _strings(length: int) -> list[str]:
    """Return the strings of a length, first those that are most likely to differ: letters or digits only."""
    ends = _LETTER * length, _DIGIT * length
    return [*dict.fromkeys((*ends, *map("".join, product(_LETTER + _DIGIT, repeat=length))))]


def _parts(text: Text) -> Iterator[str | int | None]:
    """Yield the known parts of a text, and the lengths of alphanumeric unknown parts (None: unknown length)."""
    for part in parts_of(text):
        if isinstance(part, Hole):
            yield from _expand(part)
        else:
            yield part


def _expand(part: Hole) -> Iterator[str | int | None]:
    """Yield the parts of an unknown part if it is a call with a result of known length."""
    match part:
        case CallHole(name="uniqueString"):
            yield _UNIQUE_LENGTH
        case CallHole(name=name, arguments=(of,)) if name in _CASED:
            yield from _parts(of)
        case CallHole(name="take", arguments=(of, str() as length)) if _SHORT_NUMBER.fullmatch(length):
            yield from _cut(list(_parts(of)), 0, int(length))
        case CallHole(name="substring", arguments=(of, str() as start, str() as length)) if _SHORT_NUMBER.fullmatch(
            start
        ) and _SHORT_NUMBER.fullmatch(length):
            yield from _cut(list(_parts(of)), int(start), int(length))
        case _:
            yield None


def _cut(parts: list[str | int | None], start: int, length: int) -> Iterator[str | int | None]:
    """Yield up to ``length`` characters of ``parts`` from ``start``."""
    for part in parts:
        size = len(part) if isinstance(part, str) else part
        if size is None:
            yield None
            return
        kept = max(0, min(size - start, length))
        if kept:
            yield part[start : start + kept] if isinstance(part, str) else kept
            length -= kept
        start = max(0, start - size)


_NOWHERE = Location(path="")


def compile_condition(condition: Condition, parameters: Mapping[str, Any]) -> Predicate:
    """Return the predicate of a condition. ``parameters`` are the values of the rule's parameters by name."""
    match condition:
        case AttributeCondition():
            return _attribute(condition, parameters)
        case All(of=parts) | AnyOf(of=parts):
            return combine_parts(condition, [compile_condition(part, parameters) for part in parts])
        case Not(of=part):
            return combine_parts(condition, [compile_condition(part, parameters)])
        case ItemsCondition():
            return _items(condition, compile_condition(condition.where, parameters))
        case Given(parameter=name):
            return always(FAIL if parameters[name] in ("", ()) else PASS)
        case Linked(direction="linked_from"):
            return linked_from_predicate(condition, compile_condition(condition.where, parameters))
        case Linked():
            return links_to_predicate(condition, compile_condition(condition.where, parameters))


def combine_parts(condition: Condition, predicates: list[Predicate]) -> Predicate:
    """Return the predicate of a condition on other conditions, given the predicates of those."""
    if isinstance(condition, Not):
        return opposite(predicates[0])
    return combine(predicates, worst=isinstance(condition, All))


def _attribute(condition: AttributeCondition, parameters: Mapping[str, Any]) -> Predicate:
    path, name, default = condition.path, condition.operator, condition.default
    operand: Any = condition.operand
    is_configured = isinstance(operand, str) and operand.startswith("$")
    if is_configured:
        operand = parameters[operand[1:]]
    operator = operator_of(name, operand, path)
    expression = rule_pattern(operand) if name == "matches" else None
    expected: Expectation | None = None  # computed for the first trail
    names_only = all(isinstance(step, str) for step in path)
    when_absent, when_set = FAIL, None
    if name == "is":
        when_absent, when_set = (PASS, FAIL) if operand == "absent" else (FAIL, PASS)
    elif default is not None:
        when_absent = operator(Scalar(at=_NOWHERE, value=default))

    def predicate(subject: Answer, resource: Resource, index: GraphIndex, trail: Trail | None, prefix: str) -> Outcome:
        if trail is not None:
            nonlocal expected
            expected = expected or expectation(name, operand, is_configured)
            value = subject.select(path)
            outcome = outcome_of(value)
            trail.append(evidence_of(outcome, value, expected, resource, join_path(prefix, condition.text)))
            return outcome
        # The most frequent path, mostly through objects only: no Answer is allocated for a lookup.
        current: Any = subject
        for step in path:
            if type(current) is not MapValue or not names_only:
                current = subject.select(path)
                break
            current = current.fields.get(step, current.rest)  # type: ignore[arg-type]  # the path has only names
            if current is None:
                return when_absent
        return operator(current) if type(current) is Scalar else outcome_of(current)

    def outcome_of(value: Answer) -> Outcome:
        if isinstance(value, Absent):
            return when_absent
        if isinstance(value, Unknown):
            return when_set if when_set is not None and value.is_set else _of_unknown(value, operator, expression)
        return operator(value)

    return predicate


def _of_unknown(value: Unknown, operator: Operator, expression: RulePattern | None) -> Outcome:
    """Return the outcome that all possible values share; UNKNOWN if they differ."""
    fits = matches_pattern(expression, value.pattern) if expression is not None and value.pattern is not None else None
    if fits is not None:
        return PASS if fits else FAIL
    outcomes = {operator(Scalar(at=_NOWHERE, value=item)) for item in value.one_of}
    return outcomes.pop() if len(outcomes) == 1 else UNKNOWN


def always(outcome: Outcome) -> Predicate:
    """Return the predicate that has one outcome for every resource."""

    def predicate(subject: Answer, resource: Resource, index: GraphIndex, trail: Trail | None, prefix: str) -> Outcome:
        return outcome

    return predicate


def combine(predicates: list[Predicate], worst: bool) -> Predicate:
    """Return the conjunction (worst outcome) or disjunction (best outcome) of predicates."""
    if len(predicates) == 1:
        return predicates[0]
    stop, start = (FAIL, PASS) if worst else (PASS, FAIL)

    def predicate(subject: Answer, resource: Resource, index: GraphIndex, trail: Trail | None, prefix: str) -> Outcome:
        result = start
        if trail is None:
            for part in predicates:
                outcome = part(subject, resource, index, None, prefix)
                if outcome is stop:
                    return stop
                if outcome is UNKNOWN:
                    result = UNKNOWN
            return result
        # Evidence takes much longer than an outcome, so it is recorded only for the parts that decide.
        outcomes = [part(subject, resource, index, None, prefix) for part in predicates]
        if outcomes:
            result = min(outcomes) if worst else max(outcomes)
        for part, outcome in zip(predicates, outcomes, strict=True):
            if outcome is result:
                part(subject, resource, index, trail, prefix)
        return result

    return predicate


def opposite(inner: Predicate) -> Predicate:
    """Return the negation of a predicate."""

    def predicate(subject: Answer, resource: Resource, index: GraphIndex, trail: Trail | None, prefix: str) -> Outcome:
        if trail is None:
            outcome = inner(subject, resource, index, None, prefix)
            return PASS if outcome is FAIL else FAIL if outcome is PASS else UNKNOWN
        own: Trail = []
        outcome = negate(inner(subject, resource, index, own, prefix))
        trail.extend(negate_evidence(note) for note in own)
        return outcome

    return predicate


def _items(condition: ItemsCondition, where: Predicate) -> Predicate:
    """Return the predicate of a quantifier: the best item decides ``some``, the worst item ``every``.

    An empty list fails ``some`` and passes ``every``. A value that is not a list makes both UNKNOWN.
    """
    path, some = condition.path, condition.quantifier == "some"
    empty = FAIL if some else PASS

    def predicate(subject: Answer, resource: Resource, index: GraphIndex, trail: Trail | None, prefix: str) -> Outcome:
        value = subject.select(path)
        if type(value) is not ListValue or not value.items:
            outcome = empty if type(value) is ListValue or type(value) is Absent else UNKNOWN
            if trail is not None:
                expected = SOME_ITEM if some else EVERY_ITEM
                if outcome is UNKNOWN and not isinstance(value, Unknown):
                    why = f"{quoted_name(resource, join_path(prefix, condition.text))} is not a list"
                    value = Unknown(at=value.at, why=why, sensitive=value.sensitive)
                trail.append(evidence_of(outcome, value, expected, resource, join_path(prefix, condition.text)))
            return outcome
        outcomes = [where(item, resource, index, None, "") for item in value.items]
        result = max(outcomes) if some else min(outcomes)
        if trail is not None:
            base = join_path(prefix, condition.text)
            for i, outcome in enumerate(outcomes):
                if outcome is result:
                    where(value.items[i], resource, index, trail, path_text((base, i)))
        return result

    return predicate


# The maximum number of linked resources with the same outcome that are listed.
_MOST_NOTES = 5


class _LinkedResource(msgspec.Struct, frozen=True):
    """A linked resource, whether the link is certain, and the reference from which it results.

    ``is_variant``: its attributes are those under the assumption of the resource that is evaluated.
    """

    resource: Resource
    certain: bool
    reference: Reference
    target: str
    is_variant: bool = False


def linked_from_predicate(condition: Linked, where: Predicate) -> Predicate:
    """Return the predicate: a resource that stays refers to this one and satisfies ``where``."""
    types, via = frozenset(type_.lower() for type_ in condition.types), condition.via

    def predicate(subject: Answer, resource: Resource, index: GraphIndex, trail: Trail | None, prefix: str) -> Outcome:
        incoming = index.incoming(via, types)
        start, source = index.best_loose_outcome(incoming, where)
        is_incomplete = start is FAIL and not index.graph.has_all_companions(resource)
        if is_incomplete:
            start = UNKNOWN
        if trail is None:
            result = max(start, index.best_of_sources(incoming.certain.groups(resource.address), where))
            if result is not FAIL:
                return result
            # An uncertain link is at most UNKNOWN.
            return min(UNKNOWN, index.best_of_sources(incoming.perhaps.groups(resource.address), where))
        links = (
            _LinkedResource(index.graph.resources[reference.source], is_certain, reference, resource.address)
            for is_certain, found in ((True, incoming.certain), (False, incoming.perhaps))
            for reference in found.references(resource.address)
        )
        others = describe_types(condition.types, resource.declared_as)
        why = may_refer(others, resource.type) if is_incomplete else ""
        if source and not is_incomplete:
            why = f"the target of {quoted_name(index.graph.resources[source], via)} on {source} is unknown"
        expected = linking_resource(condition.types, via, resource.declared_as)
        nothing = missing_link_evidence(start, resource, expected, why)
        return _best_outcome(links, where, index, trail, start, nothing)

    return predicate


def links_to_predicate(condition: Linked, where: Predicate) -> Predicate:
    """Return the predicate: this resource refers to one that stays and satisfies ``where``."""
    types, via = frozenset(type_.lower() for type_ in condition.types), condition.via

    def predicate(subject: Answer, resource: Resource, index: GraphIndex, trail: Trail | None, prefix: str) -> Outcome:
        references = index.outgoing(via, resource.address)
        start, why = FAIL, ""
        if trail is None and resource.variants is None and len(references) < 2:
            if not references:
                return start
            target = references[0].only_target
            if target is not None:
                fitting = index.fitting((target,), types)
                return index.cached_outcome(where, index.graph.resources[target]) if fitting else start
        for reference in references:
            if reference.anything:
                start, why = UNKNOWN, reason_of(reference.value)
            elif reference.outside == "?" or reference.outside in types:
                # The display of an unknown id would not identify the resource.
                is_id = not isinstance(reference.value, Unknown)
                named = f"the resource that {quoted_name(resource, via)} refers to"
                target = f"`{reference.value.display()}`" if is_id else named
                start, why = UNKNOWN, f"{target} is outside the scanned files"
        if trail is None and resource.variants is None:
            return _best_target(references, resource, where, types, index, start)
        links = (
            _LinkedResource(view := resource.view(other), certain, reference, address, view is not other)
            for certain in (True, False)
            for reference in references
            for address in _fitting_targets(reference, resource, index, certain, types)
            for other in (index.graph.resources[address],)
        )
        nothing = None
        if trail is not None:
            others = describe_types(condition.types, resource.declared_as)
            expected = f"{others} as the target of {quoted_name(resource, via)}"
            nothing = missing_link_evidence(start, resource, expected, why)
        return _best_outcome(links, where, index, trail, start, nothing)

    return predicate


def _best_certain(start: Outcome, addresses: Iterable[str], where: Predicate, index: GraphIndex) -> Outcome:
    """Return the best outcome for resources that are certainly linked, at least ``start``."""
    result = start
    for outcome in index.cached_outcomes(where, addresses if start is not PASS else ()):
        if outcome > result:
            result = outcome
            if result is PASS:
                break
    return result


def _best_possible(addresses: Iterable[str], where: Predicate, index: GraphIndex) -> Outcome:
    """Return the best outcome for resources that may be linked: at most UNKNOWN."""
    return UNKNOWN if any(outcome is not FAIL for outcome in index.cached_outcomes(where, addresses)) else FAIL


def _best_target(
    references: Iterable[Reference],
    resource: Resource,
    where: Predicate,
    types: frozenset[str],
    index: GraphIndex,
    start: Outcome,
) -> Outcome:
    """Return the best outcome for the targets of references, at least ``start``."""

    def best(targets: tuple[str, ...], certain: bool, find: Callable[..., tuple[str, ...]]) -> Outcome:
        fitting = find(targets, types)
        return _best_certain(FAIL, fitting, where, index) if certain else _best_possible(fitting, where, index)

    result = start
    for certain in (True, False):
        if result is PASS or (result is UNKNOWN and not certain):
            break
        for reference in references:
            targets = _targets(reference, resource, index, certain)
            if _is_shared(reference, targets):
                key = (id(where), id(targets), certain)
                found = index.cached_best(key, partial(best, targets, certain, index.fitting_targets))
            else:
                found = best(targets, certain, index.fitting)
            result = max(result, found)
            if result is PASS:
                break
    return result


def _is_shared(reference: Reference, targets: tuple[str, ...]) -> bool:
    """Return whether other references may have the same targets, which do not depend on the resource."""
    return len(targets) > 1 and not reference.conditional


def _fitting_targets(
    reference: Reference, resource: Resource, index: GraphIndex, certain: bool, types: frozenset[str]
) -> tuple[str, ...]:
    """Return the targets of a reference that stay and are of some types (lower case)."""
    targets = _targets(reference, resource, index, certain)
    find = index.fitting_targets if _is_shared(reference, targets) else index.fitting
    return find(targets, types)


def _targets(reference: Reference, resource: Resource, index: GraphIndex, certain: bool) -> tuple[str, ...]:
    """Return the certain targets of a reference, or else the candidates, given that ``resource`` is deployed."""
    if not reference.conditional:
        return reference.targets if certain else reference.candidates
    others = index.graph.resources
    certain_targets = tuple(
        address for address in reference.conditional if others[address].conditions <= resource.conditions
    )
    if certain:
        return reference.targets + certain_targets
    known = frozenset(certain_targets)
    return tuple(address for address in reference.candidates if address not in known)


def _best_outcome(
    links: Iterable[_LinkedResource],
    where: Predicate,
    index: GraphIndex,
    trail: Trail | None,
    start: Outcome,
    nothing: Evidence | None,
) -> Outcome:
    """Return the best outcome of all links; one that is not certain is at most UNKNOWN.

    Certain links come first, and the loop stops once no better outcome is possible, because a scope may cover thousands
    of vaults. ``nothing`` is the evidence for ``start``, the outcome without any link.
    """
    result = start
    notes: list[tuple[Outcome, _LinkedResource]] = []
    for linked in links:
        if result is PASS or (result is UNKNOWN and not linked.certain):
            break
        if linked.is_variant:
            outcome = where(linked.resource.attributes, linked.resource, index, None, "")
        else:
            outcome = index.cached_outcome(where, linked.resource)
        if not linked.certain:
            outcome = min(outcome, UNKNOWN)
        if trail is not None and (len(notes) < _MOST_NOTES or outcome > result):
            notes.append((outcome, linked))
        result = max(result, outcome)
    if trail is not None:
        deciding = [(outcome, linked) for outcome, linked in notes if outcome is result]
        for outcome, linked in deciding[:_MOST_NOTES]:
            trail.extend(_link_evidence(linked, outcome, where, index))
        if nothing is not None and (not deciding or result is start is UNKNOWN):
            trail.append(nothing)
    return result


def _link_evidence(linked: _LinkedResource, outcome: Outcome, where: Predicate, index: GraphIndex) -> Trail:
    """Return the evidence for the outcome of a link: the link itself, or that of its resource."""
    if outcome is PASS or (outcome is UNKNOWN and not linked.certain):
        return [link_evidence(outcome, linked.reference, linked.resource, linked.target)]
    own: Trail = []
    where(linked.resource.attributes, linked.resource, index, own, "")
    return [msgspec.structs.replace(note, hops=note.hops or linked.reference.hops) for note in own]
