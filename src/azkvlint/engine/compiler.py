"""Conditions -> functions that judge. A rule's conditions are turned into functions once and asked many times.

A judge answers an Outcome. Only when a trail is handed in does it also note what decided, so that what passes costs
nothing more: a trail ends up with exactly those answers that have the outcome of the whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azkvlint.engine.evidence import evidence_of, joined_path, mirrored, wanted_of
from azkvlint.engine.graph_index import GraphIndex, Predicate, Trail
from azkvlint.engine.link_conditions import linked_from, links_to
from azkvlint.engine.operators import OPERATORS, Operator
from azkvlint.engine.regular_expressions import Pattern
from azkvlint.engine.string_shapes import fits as fits_shape
from azkvlint.engine.three_valued import FAIL, PASS, UNDECIDED, negated
from azkvlint.model.finding import Outcome
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.rule import All, AnyOf, Attribute, Condition, Given, Items, Linked, Not
from azkvlint.model.value import Absent, Answer, ListValue, MapValue, Scalar, Unknown, path_text, select

_NOWHERE = Location(path="")


def compile_condition(condition: Condition, parameters: Mapping[str, Any]) -> Predicate:
    """The judge of a condition. ``parameters`` are the rule's, by name."""
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
            return linked_from(condition, compile_condition(condition.where, parameters))
        case Linked():
            return links_to(condition, compile_condition(condition.where, parameters))


def _attribute(condition: Attribute, parameters: Mapping[str, Any]) -> Predicate:
    path, name, default = condition.path, condition.operator, condition.default
    operand: Any = condition.operand
    if isinstance(operand, str) and operand.startswith("$"):
        operand = parameters[operand[1:]]
    operator = OPERATORS[name](operand)
    expression = Pattern(operand) if name == "matches" else None
    wanted = ""  # said when it is first told
    names_only = all(isinstance(step, str) for step in path)
    when_absent, when_set = FAIL, None
    if name == "is":
        when_absent, when_set = (PASS, FAIL) if operand == "absent" else (FAIL, PASS)
    elif default is not None:
        when_absent = operator(Scalar(at=_NOWHERE, value=default))

    def judge(subject: Answer, resource: Resource, world: GraphIndex, trail: Trail | None, prefix: str) -> Outcome:
        if trail is not None:
            nonlocal wanted
            wanted = wanted or wanted_of(name, operand)
            found = select(subject, path)
            outcome = of(found)
            trail.append(evidence_of(outcome, found, wanted, resource, joined_path(prefix, condition.text)))
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

    return judge


def _of_unknown(found: Unknown, operator: Operator, expression: Pattern | None) -> Outcome:
    """Return the outcome of all values that an unknown one may have, if that is the same."""
    fits = fits_shape(expression, found.pattern) if expression is not None and found.pattern else None
    if fits is not None:
        return PASS if fits else FAIL
    outcomes = {operator(Scalar(at=_NOWHERE, value=value)) for value in found.one_of}
    return outcomes.pop() if len(outcomes) == 1 else UNDECIDED


def _always(outcome: Outcome) -> Predicate:
    def judge(subject: Answer, resource: Resource, world: GraphIndex, trail: Trail | None, prefix: str) -> Outcome:
        return outcome

    return judge


def combine(judges: list[Predicate], worst: bool) -> Predicate:
    """All (the worst outcome counts) or any (the best one does)."""
    stop, start = (FAIL, PASS) if worst else (PASS, FAIL)

    def judge(subject: Answer, resource: Resource, world: GraphIndex, trail: Trail | None, prefix: str) -> Outcome:
        result = start
        if trail is None:
            for part in judges:
                outcome = part(subject, resource, world, None, prefix)
                if outcome is stop:
                    return stop
                if outcome is UNDECIDED:
                    result = UNDECIDED
            return result
        notes: list[tuple[Outcome, Trail]] = []
        for part in judges:
            own: Trail = []
            notes.append((part(subject, resource, world, own, prefix), own))
        outcomes = [outcome for outcome, _ in notes]
        if outcomes:
            result = min(outcomes) if worst else max(outcomes)
        for outcome, own in notes:
            if outcome is result:
                trail.extend(own)
        return result

    return judge


def _not(inner: Predicate) -> Predicate:
    def judge(subject: Answer, resource: Resource, world: GraphIndex, trail: Trail | None, prefix: str) -> Outcome:
        if trail is None:
            outcome = inner(subject, resource, world, None, prefix)
            return PASS if outcome is FAIL else FAIL if outcome is PASS else UNDECIDED
        own: Trail = []
        outcome = negated(inner(subject, resource, world, own, prefix))
        trail.extend(mirrored(note) for note in own)
        return outcome

    return judge


def _items(condition: Items, where: Predicate) -> Predicate:
    """some: the best item counts, none is FAIL. every: the worst one does, none is PASS.

    What is set but is no list can be neither looked into nor taken for an empty list.
    """
    path, some = condition.path, condition.quantifier == "some"
    empty = FAIL if some else PASS

    def judge(subject: Answer, resource: Resource, world: GraphIndex, trail: Trail | None, prefix: str) -> Outcome:
        found = select(subject, path)
        if type(found) is not ListValue or not found.items:
            outcome = empty if type(found) is ListValue or type(found) is Absent else UNDECIDED
            if trail is not None:
                wanted = "some item" if some else "every item"
                if outcome is UNDECIDED and not isinstance(found, Unknown):
                    found = Unknown(at=found.at, why="it is no list", sensitive=found.sensitive)
                trail.append(evidence_of(outcome, found, wanted, resource, joined_path(prefix, condition.text)))
            return outcome
        if trail is None:
            outcomes = [where(item, resource, world, None, "") for item in found.items]
            return max(outcomes) if some else min(outcomes)
        base = joined_path(prefix, condition.text)
        notes: list[tuple[Outcome, Trail]] = []
        for i, item in enumerate(found.items):
            own: Trail = []
            notes.append((where(item, resource, world, own, path_text((base, i))), own))
        outcomes = [outcome for outcome, _ in notes]
        result = max(outcomes) if some else min(outcomes)
        for outcome, own in notes:
            if outcome is result:
                trail.extend(own)
        return result

    return judge
