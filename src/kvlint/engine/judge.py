"""Conditions -> functions that judge. A rule's conditions are turned into functions once and asked many times.

A judge answers an Outcome. Only when a trail is handed in does it also note what decided, so that what passes costs
nothing more: a trail ends up with exactly those answers that have the outcome of the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from kvlint.engine.logic import FAIL, PASS, UNDECIDED, negated
from kvlint.engine.operators import OPERATORS
from kvlint.engine.world import Judge, Trail, World
from kvlint.model.graph import Reference, Resource
from kvlint.model.report import Evidence, Outcome
from kvlint.model.rule import All, AnyOf, Attribute, Condition, Items, Linked, Not
from kvlint.model.source import Location
from kvlint.model.value import Absent, Answer, ListValue, Scalar, Unknown, display, path_text, select

_NOWHERE = Location(path="")
# Of many linked resources that decide alike, so many are told.
_MOST_NOTES = 5


def judge_of(condition: Condition, parameters: Mapping[str, Any]) -> Judge:
    """The judge of a condition. ``parameters`` are the rule's, by name."""
    match condition:
        case Attribute():
            return _attribute(condition, parameters)
        case All(of=(part,)) | AnyOf(of=(part,)):
            return judge_of(part, parameters)
        case All(of=parts):
            return _together([judge_of(part, parameters) for part in parts], worst=True)
        case AnyOf(of=parts):
            return _together([judge_of(part, parameters) for part in parts], worst=False)
        case Not(of=part):
            return _not(judge_of(part, parameters))
        case Items():
            return _items(condition, judge_of(condition.where, parameters))
        case Linked(direction="linked_from"):
            return _linked_from(condition, judge_of(condition.where, parameters))
        case Linked():
            return _links_to(condition, judge_of(condition.where, parameters))


def _attribute(condition: Attribute, parameters: Mapping[str, Any]) -> Judge:
    path, name, default = condition.path, condition.operator, condition.default
    operand: Any = condition.operand
    if isinstance(operand, str) and operand.startswith("$"):
        operand = parameters[operand[1:]]
    operator = OPERATORS[name](operand)
    when_absent = FAIL
    if name == "is" and operand == "absent":
        when_absent = PASS
    elif default is not None:
        when_absent = operator(Scalar(at=_NOWHERE, value=default))

    def judge(subject: Answer, resource: Resource, world: World, trail: Trail | None, prefix: str) -> Outcome:
        found = select(subject, path)
        if isinstance(found, Absent):
            outcome = when_absent
        elif isinstance(found, Unknown):
            outcome = UNDECIDED
        else:
            outcome = operator(found)
        if trail is not None:
            trail.append(_evidence(outcome, found, _wanted(name, operand), resource, prefix, condition.text))
        return outcome

    return judge


def _wanted(operator: str, operand: Any) -> str:
    word = str(operand).lower() if isinstance(operand, bool) else operand
    if isinstance(operand, (tuple, list)):
        word = ", ".join(str(item) for item in operand)
    return f"{operator.replace('_', ' ')} {word}"


def _evidence(
    outcome: Outcome, found: Answer, wanted: str, resource: Resource, prefix: str, text: str,
    hops: tuple[str, ...] = (),
) -> Evidence:  # fmt: skip
    asked = prefix if text == "$" else f"{prefix}.{text}" if prefix else text
    where = found.at
    at = Location(
        path=where.path, region=where.region, address=resource.address, attribute=where.attribute or asked or None
    )
    return Evidence(
        outcome=outcome, found=display(found), wanted=wanted, at=at, asked=asked, origin=found.origin, note=found.note,
        hops=hops,
    )  # fmt: skip


def _together(judges: list[Judge], worst: bool) -> Judge:
    """All (the worst outcome counts) or any (the best one does)."""
    stop, start = (FAIL, PASS) if worst else (PASS, FAIL)

    def judge(subject: Answer, resource: Resource, world: World, trail: Trail | None, prefix: str) -> Outcome:
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


def _not(inner: Judge) -> Judge:
    def judge(subject: Answer, resource: Resource, world: World, trail: Trail | None, prefix: str) -> Outcome:
        if trail is None:
            return negated(inner(subject, resource, world, None, prefix))
        own: Trail = []
        outcome = negated(inner(subject, resource, world, own, prefix))
        trail.extend(
            msgspec.structs.replace(note, outcome=negated(note.outcome), wanted=_negated_words(note.wanted))
            for note in own
        )
        return outcome

    return judge


def _negated_words(wanted: str) -> str:
    return wanted[4:] if wanted.startswith("not ") else f"not {wanted}"


def _items(condition: Items, where: Judge) -> Judge:
    """some: the best item counts, none is FAIL. every: the worst one does, none is PASS."""
    path, some = condition.path, condition.quantifier == "some"
    empty = FAIL if some else PASS

    def judge(subject: Answer, resource: Resource, world: World, trail: Trail | None, prefix: str) -> Outcome:
        found = select(subject, path)
        if type(found) is not ListValue or not found.items:
            outcome = UNDECIDED if type(found) is Unknown else empty
            if trail is not None:
                wanted = "some item" if some else "every item"
                trail.append(_evidence(outcome, found, wanted, resource, prefix, condition.text))
            return outcome
        if trail is None:
            outcomes = [where(item, resource, world, None, "") for item in found.items]
            return max(outcomes) if some else min(outcomes)
        base = f"{prefix}.{condition.text}" if prefix else condition.text
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


class _Near(NamedTuple):
    """One linked resource: how sure the link is, and the reference that makes it."""

    resource: Resource
    certain: bool
    reference: Reference


def _best(
    links: Iterable[_Near], where: Judge, world: World, trail: Trail | None, start: Outcome, nothing: Evidence | None
) -> Outcome:
    """The best outcome of all links, certain ones first; a link that is not certain makes no more than UNDECIDED.

    It stops where nothing better can follow: a scope may cover thousands of vaults.
    """
    result = start
    notes: list[tuple[Outcome, _Near]] = []
    for near in links:
        if result is PASS or (result is UNDECIDED and not near.certain):
            break
        outcome = world.kept(id(where), near.resource, where)
        if not near.certain:
            outcome = min(outcome, UNDECIDED)
        if (trail is not None and len(notes) < _MOST_NOTES) or outcome > result:
            notes.append((outcome, near))
        result = max(result, outcome)
    if trail is not None:
        before = len(trail)
        for outcome, near in notes:
            if outcome is result and len(trail) - before < _MOST_NOTES:
                trail.extend(_notes_of(near, outcome, where, world))
        if len(trail) == before and nothing is not None:
            trail.append(nothing)
    return result


def _notes_of(near: _Near, outcome: Outcome, where: Judge, world: World) -> Trail:
    """Why a link counts as it does: what its resource says, or that it is not certain."""
    value, hops = near.reference.value, near.reference.hops
    if outcome is PASS:
        return [_evidence(PASS, value, "a link", near.resource, "", "", hops)]
    if not near.certain:
        return [_evidence(outcome, value, "a certain link", near.resource, "", "", hops)]
    own: Trail = []
    where(near.resource.attributes, near.resource, world, own, "")
    return [msgspec.structs.replace(note, hops=note.hops or hops) for note in own]


def _linked_from(condition: Linked, where: Judge) -> Judge:
    types, via = frozenset(type_.lower() for type_ in condition.types), condition.via
    what = " or ".join(condition.types)

    def judge(subject: Answer, resource: Resource, world: World, trail: Trail | None, prefix: str) -> Outcome:
        incoming = world.incoming(via, types)
        links = (
            _Near(world.graph.resources[reference.source], certain, reference)
            for certain, found in ((True, incoming.certain), (False, incoming.perhaps))
            for reference in found.get(resource.address, ())
        )
        start, source = world.loose_best(id(where), incoming, where)
        why = f"{source} may, its {via} is known only after apply" if source else ""
        if not world.graph.closed and start is FAIL:
            start, why = UNDECIDED, "one that is not part of this input may"
        nothing = (
            _absence(start, resource, f"a {what} whose {via} is this resource", why) if trail is not None else None
        )
        return _best(links, where, world, trail, start, nothing)

    return judge


def _absence(outcome: Outcome, resource: Resource, wanted: str, why: str) -> Evidence:
    """That nothing (certain) is at the other end of a link."""
    found = f"not known: {why}" if why else "none"
    return Evidence(outcome=outcome, found=found, wanted=wanted, at=resource.at)


def _links_to(condition: Linked, where: Judge) -> Judge:
    types, via = frozenset(type_.lower() for type_ in condition.types), condition.via
    what = " or ".join(condition.types)

    def judge(subject: Answer, resource: Resource, world: World, trail: Trail | None, prefix: str) -> Outcome:
        references = world.outgoing(via, resource.address)
        start, why = FAIL, ""
        for reference in references:
            if reference.anything:
                start, why = UNDECIDED, f"its {via} is {display(reference.value)}"
            elif reference.outside == "?" or reference.outside in types:
                start, why = UNDECIDED, f"{display(reference.value)} is not part of this input"
        links = (
            _Near(other, certain, reference)
            for certain in (True, False)
            for reference in references
            for address in (reference.targets if certain else reference.candidates)
            if (other := world.graph.resources[address]).type.lower() in types
        )
        nothing = _absence(start, resource, f"a {what} that its {via} names", why) if trail is not None else None
        return _best(links, where, world, trail, start, nothing)

    return judge
