"""Conditions -> predicates. A rule's conditions are compiled once and evaluated many times.

A predicate returns an Outcome. Only with a trail it also records what decided, so that what passes costs nothing more:
a trail ends up with exactly the evidence that has the outcome of the whole condition.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from azkvlint.engine.evidence import (
    either_type,
    evidence_of,
    expectation,
    joined_path,
    link_evidence,
    mirrored,
    missing_link_evidence,
)
from azkvlint.engine.graph_index import GraphIndex, Predicate, Trail
from azkvlint.engine.operators import Operator, operator_of
from azkvlint.engine.string_shapes import fits as fits_shape
from azkvlint.engine.three_valued import FAIL, PASS, UNDECIDED, negated
from azkvlint.model.finding import Evidence, Outcome
from azkvlint.model.location import Location
from azkvlint.model.resource import Reference, Resource
from azkvlint.model.rule import All, AnyOf, Attribute, Condition, Given, Items, Linked, Not
from azkvlint.model.value import Absent, Answer, ListValue, MapValue, Scalar, Unknown, display, path_text, select
from azkvlint.util.safe_regex import RulePattern

_NOWHERE = Location(path="")


def compile_condition(condition: Condition, parameters: Mapping[str, Any]) -> Predicate:
    """Return the predicate of a condition. ``parameters`` are the rule's, by name."""
    match condition:
        case Attribute():
            return _attribute(condition, parameters)
        case All(of=(part,)) | AnyOf(of=(part,)):
            return compile_condition(part, parameters)
        case All(of=parts):
            return combine([compile_condition(part, parameters) for part in parts], worst=True)
        case AnyOf(of=parts):
            return combine([compile_condition(part, parameters) for part in parts], worst=False)
        case Not(of=part):
            return _not(compile_condition(part, parameters))
        case Items():
            return _items(condition, compile_condition(condition.where, parameters))
        case Given(parameter=name):
            return _always(FAIL if parameters[name] in ("", ()) else PASS)
        case Linked(direction="linked_from"):
            return linked_from_predicate(condition, compile_condition(condition.where, parameters))
        case Linked():
            return links_to_predicate(condition, compile_condition(condition.where, parameters))


def _attribute(condition: Attribute, parameters: Mapping[str, Any]) -> Predicate:
    path, name, default = condition.path, condition.operator, condition.default
    operand: Any = condition.operand
    if isinstance(operand, str) and operand.startswith("$"):
        operand = parameters[operand[1:]]
    operator = operator_of(name, operand, path)
    expression = RulePattern(operand) if name == "matches" else None
    expected = ""  # computed for the first trail
    names_only = all(isinstance(step, str) for step in path)
    when_absent, when_set = FAIL, None
    if name == "is":
        when_absent, when_set = (PASS, FAIL) if operand == "absent" else (FAIL, PASS)
    elif default is not None:
        when_absent = operator(Scalar(at=_NOWHERE, value=default))

    def predicate(subject: Answer, resource: Resource, index: GraphIndex, trail: Trail | None, prefix: str) -> Outcome:
        if trail is not None:
            nonlocal expected
            expected = expected or expectation(name, operand)
            found = select(subject, path)
            outcome = of(found)
            trail.append(evidence_of(outcome, found, expected, resource, joined_path(prefix, condition.text)))
            return outcome
        # This is asked more often than anything else, and mostly of objects in objects: no answer is made for nothing.
        here: Any = subject
        for step in path:
            if type(here) is not MapValue or not names_only:
                here = select(subject, path)
                break
            here = here.fields.get(step, here.rest)  # type: ignore[arg-type]  # there are only names
            if here is None:
                return when_absent
        return operator(here) if type(here) is Scalar else of(here)

    def of(found: Answer) -> Outcome:
        if isinstance(found, Absent):
            return when_absent
        if isinstance(found, Unknown):
            return when_set if when_set is not None and found.is_set else _of_unknown(found, operator, expression)
        return operator(found)

    return predicate


def _of_unknown(found: Unknown, operator: Operator, expression: RulePattern | None) -> Outcome:
    """Return the outcome of all values that an unknown one may have, if that is the same."""
    fits = fits_shape(expression, found.pattern) if expression is not None and found.pattern else None
    if fits is not None:
        return PASS if fits else FAIL
    outcomes = {operator(Scalar(at=_NOWHERE, value=value)) for value in found.one_of}
    return outcomes.pop() if len(outcomes) == 1 else UNDECIDED


def _always(outcome: Outcome) -> Predicate:
    def predicate(subject: Answer, resource: Resource, index: GraphIndex, trail: Trail | None, prefix: str) -> Outcome:
        return outcome

    return predicate


def combine(predicates: list[Predicate], worst: bool) -> Predicate:
    """Return all (the worst outcome counts) or any (the best one does)."""
    stop, start = (FAIL, PASS) if worst else (PASS, FAIL)

    def predicate(subject: Answer, resource: Resource, index: GraphIndex, trail: Trail | None, prefix: str) -> Outcome:
        result = start
        if trail is None:
            for part in predicates:
                outcome = part(subject, resource, index, None, prefix)
                if outcome is stop:
                    return stop
                if outcome is UNDECIDED:
                    result = UNDECIDED
            return result
        notes: list[tuple[Outcome, Trail]] = []
        for part in predicates:
            own: Trail = []
            notes.append((part(subject, resource, index, own, prefix), own))
        outcomes = [outcome for outcome, _ in notes]
        if outcomes:
            result = min(outcomes) if worst else max(outcomes)
        for outcome, own in notes:
            if outcome is result:
                trail.extend(own)
        return result

    return predicate


def _not(inner: Predicate) -> Predicate:
    def predicate(subject: Answer, resource: Resource, index: GraphIndex, trail: Trail | None, prefix: str) -> Outcome:
        if trail is None:
            outcome = inner(subject, resource, index, None, prefix)
            return PASS if outcome is FAIL else FAIL if outcome is PASS else UNDECIDED
        own: Trail = []
        outcome = negated(inner(subject, resource, index, own, prefix))
        trail.extend(mirrored(note) for note in own)
        return outcome

    return predicate


def _items(condition: Items, where: Predicate) -> Predicate:
    """some: the best item counts, none is FAIL. every: the worst one does, none is PASS.

    What is set but is no list can be neither looked into nor taken for an empty list.
    """
    path, some = condition.path, condition.quantifier == "some"
    empty = FAIL if some else PASS

    def predicate(subject: Answer, resource: Resource, index: GraphIndex, trail: Trail | None, prefix: str) -> Outcome:
        found = select(subject, path)
        if type(found) is not ListValue or not found.items:
            outcome = empty if type(found) is ListValue or type(found) is Absent else UNDECIDED
            if trail is not None:
                expected = "some item" if some else "every item"
                if outcome is UNDECIDED and not isinstance(found, Unknown):
                    found = Unknown(at=found.at, why="it is no list", sensitive=found.sensitive)
                trail.append(evidence_of(outcome, found, expected, resource, joined_path(prefix, condition.text)))
            return outcome
        if trail is None:
            outcomes = [where(item, resource, index, None, "") for item in found.items]
            return max(outcomes) if some else min(outcomes)
        base = joined_path(prefix, condition.text)
        notes: list[tuple[Outcome, Trail]] = []
        for i, item in enumerate(found.items):
            own: Trail = []
            notes.append((where(item, resource, index, own, path_text((base, i))), own))
        outcomes = [outcome for outcome, _ in notes]
        result = max(outcomes) if some else min(outcomes)
        for outcome, own in notes:
            if outcome is result:
                trail.extend(own)
        return result

    return predicate


# The most linked resources of the same outcome that are listed.
_MOST_NOTES = 5


class _Near(msgspec.Struct, frozen=True):
    """One linked resource: how sure the link is, the reference that makes it, and the address that it names.

    ``is_variant``: its attributes are those that it has under the assumption of the resource that is evaluated.
    """

    resource: Resource
    certain: bool
    reference: Reference
    target: str
    is_variant: bool = False


def linked_from_predicate(condition: Linked, where: Predicate) -> Predicate:
    """Some resource that stays names this one and satisfies ``where``."""
    types, via = frozenset(type_.lower() for type_ in condition.types), condition.via
    expected = f"{either_type(condition.types)} whose {via} is this resource"

    def predicate(subject: Answer, resource: Resource, index: GraphIndex, trail: Trail | None, prefix: str) -> Outcome:
        incoming = index.incoming(via, types)
        certain = incoming.certain.get(resource.address, ())
        perhaps = incoming.perhaps.get(resource.address, ())
        start, source = index.loose_best(id(where), incoming, where)
        why = f"{source} may name it, its {via} is not known" if source else ""
        if start is FAIL and not index.graph.has_all_companions(resource):
            start, why = UNDECIDED, "one that is not part of this input may name it"
        if not certain and not perhaps and trail is None:
            return start
        links = (
            _Near(index.graph.resources[reference.source], is_certain, reference, resource.address)
            for is_certain, found in ((True, certain), (False, perhaps))
            for reference in found
        )
        nothing = missing_link_evidence(start, resource, expected, why) if trail is not None else None
        return _best(links, where, index, trail, start, nothing)

    return predicate


def links_to_predicate(condition: Linked, where: Predicate) -> Predicate:
    """Some resource that stays is named by this one and satisfies ``where``."""
    types, via = frozenset(type_.lower() for type_ in condition.types), condition.via
    expected = f"{either_type(condition.types)} that its {via} names"

    def predicate(subject: Answer, resource: Resource, index: GraphIndex, trail: Trail | None, prefix: str) -> Outcome:
        references = index.outgoing(via, resource.address)
        start, why = FAIL, ""
        if not references and trail is None:
            return start
        for reference in references:
            if reference.anything:
                start, why = UNDECIDED, f"its {via} is {display(reference.value)}"
            elif reference.outside == "?" or reference.outside in types:
                # An id that is not known would not tell which one is meant.
                named = f"what its {via} names" if isinstance(reference.value, Unknown) else display(reference.value)
                start, why = UNDECIDED, f"{named} is not part of this input"
        links = (
            _Near(seen := resource.view(other), certain, reference, address, seen is not other)
            for certain in (True, False)
            for reference in references
            for address in _named(reference, resource, index, certain)
            if (other := index.graph.resources[address]).stays and other.type.lower() in types
        )
        nothing = missing_link_evidence(start, resource, expected, why) if trail is not None else None
        return _best(links, where, index, trail, start, nothing)

    return predicate


def _named(reference: Reference, resource: Resource, index: GraphIndex, certain: bool) -> tuple[str, ...]:
    """Return what ``resource`` certainly names, or perhaps, if it is deployed: it is evaluated as if it is."""
    if not reference.conditional:
        return reference.targets if certain else reference.candidates
    others = index.graph.resources
    sure = tuple(one for one in reference.conditional if others[one].conditions <= resource.conditions)
    if certain:
        return reference.targets + sure
    return tuple(one for one in reference.candidates if one not in sure)


def _best(
    links: Iterable[_Near],
    where: Predicate,
    index: GraphIndex,
    trail: Trail | None,
    start: Outcome,
    nothing: Evidence | None,
) -> Outcome:
    """Return the best outcome of all links, certain ones first; a link that is not certain makes no more than
    UNDECIDED.

    It stops where nothing better can follow: a scope may cover thousands of vaults. ``nothing`` is the evidence for
    ``start``, the outcome without any of these links.
    """
    result = start
    notes: list[tuple[Outcome, _Near]] = []
    for near in links:
        if result is PASS or (result is UNDECIDED and not near.certain):
            break
        if near.is_variant:
            outcome = where(near.resource.attributes, near.resource, index, None, "")
        else:
            outcome = index.cached(id(where), near.resource, where)
        if not near.certain:
            outcome = min(outcome, UNDECIDED)
        if trail is not None and (len(notes) < _MOST_NOTES or outcome > result):
            notes.append((outcome, near))
        result = max(result, outcome)
    if trail is not None:
        deciding = [(outcome, near) for outcome, near in notes if outcome is result]
        for outcome, near in deciding[:_MOST_NOTES]:
            trail.extend(_notes_of(near, outcome, where, index))
        if nothing is not None and (not deciding or result is start is UNDECIDED):
            trail.append(nothing)
    return result


def _notes_of(near: _Near, outcome: Outcome, where: Predicate, index: GraphIndex) -> Trail:
    """Return why a link counts as it does: because it is there, because it may be there, or what its resource says."""
    if outcome is PASS or (outcome is UNDECIDED and not near.certain):
        return [link_evidence(outcome, near.reference, near.resource, near.target)]
    own: Trail = []
    where(near.resource.attributes, near.resource, index, own, "")
    return [msgspec.structs.replace(note, hops=note.hops or near.reference.hops) for note in own]
