"""Conditions -> functions that judge. A rule's conditions are turned into functions once and asked many times.

A judge answers an Outcome. Only when a trail is handed in does it also note what decided, so that what passes costs
nothing more: a trail ends up with exactly those answers that have the outcome of the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from kvlint.engine.logic import FAIL, PASS, UNDECIDED, negated
from kvlint.engine.operators import OPERATORS, same
from kvlint.engine.world import World
from kvlint.model.graph import Reference, Resource
from kvlint.model.report import Evidence, Outcome
from kvlint.model.rule import All, AnyOf, Attribute, Condition, Items, Linked, Not
from kvlint.model.value import Absent, Answer, ListValue, Unknown, display, path_text, select

Trail: TypeAlias = list[Evidence]
# The subject: a value to look in, the resource it belongs to, and the path of the value in the resource (for people).
Judge: TypeAlias = Callable[[Answer, Resource, World, "Trail | None", str], Outcome]


def judge_of(condition: Condition, parameters: Mapping[str, Any]) -> Judge:
    """The judge of a condition. ``parameters`` are the rule's, by name."""
    match condition:
        case Attribute():
            return _attribute(condition, parameters)
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
    operator = OPERATORS[name]
    when_absent = FAIL
    if name == "is" and operand == "absent":
        when_absent = PASS
    elif default is not None:
        when_absent = PASS if _holds_default(name, operand, default) else FAIL

    def judge(subject: Answer, resource: Resource, world: World, trail: Trail | None, prefix: str) -> Outcome:
        found = select(subject, path)
        if isinstance(found, Absent):
            outcome = when_absent
        else:
            outcome = UNDECIDED if type(found) is Unknown else operator(found, operand)
        if trail is not None:
            trail.append(_evidence(outcome, found, _wanted(name, operand), resource, prefix, condition.text))
        return outcome

    return judge


def _holds_default(operator: str, operand: Any, default: Any) -> bool:
    """Whether the rule's own default for an attribute that is not set is as wanted."""
    match operator:
        case "equals":
            return same(default, operand)
        case "in":
            return any(same(default, item) for item in operand)
        case "at_least":
            return bool(default >= operand)
        case "at_most":
            return bool(default <= operand)
        case _:
            return False


def _wanted(operator: str, operand: Any) -> str:
    word = str(operand).lower() if isinstance(operand, bool) else operand
    if isinstance(operand, (tuple, list)):
        word = ", ".join(str(item) for item in operand)
    return f"{operator.replace('_', ' ')} {word}"


def _evidence(
    outcome: Outcome, found: Answer, wanted: str, resource: Resource, prefix: str, text: str,
    hops: tuple[str, ...] = (),
) -> Evidence:  # fmt: skip
    attribute = found.at.attribute or (prefix if text == "$" else f"{prefix}.{text}" if prefix else text)
    at = msgspec.structs.replace(found.at, address=resource.address, attribute=attribute)
    return Evidence(
        outcome=outcome, found=display(found), wanted=wanted, at=at, origin=found.origin, note=found.note, hops=hops
    )


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


class _Link:
    """One linked resource, as found: how sure the link is, and the hops that led to it."""

    __slots__ = ("certain", "hops", "resource", "value")

    def __init__(self, resource: Resource, certain: bool, reference: Reference) -> None:
        self.resource = resource
        self.certain = certain
        self.hops = reference.hops
        self.value = reference.value


def _best(
    links: list[_Link], where: Judge, world: World, trail: Trail | None, start: Outcome, nothing: Evidence | None
) -> Outcome:
    """The best outcome of all links; a link that is not certain cannot make more than UNDECIDED."""
    result = start
    notes: list[tuple[Outcome, Trail]] = []
    for link in links:
        own: Trail = []
        outcome = world.kept(id(where), link.resource, lambda other: _ask(where, other, world, None))
        if not link.certain:
            outcome = min(outcome, UNDECIDED)
        if trail is not None and outcome is not PASS:
            _ask(where, link.resource, world, own)
            if not link.certain:
                own = [_evidence(UNDECIDED, link.value, "a certain link", link.resource, "", "")]
            notes.append((outcome, [msgspec.structs.replace(note, hops=note.hops or link.hops) for note in own]))
        elif trail is not None:
            note = _evidence(PASS, link.value, "a link", link.resource, "", "", link.hops)
            notes.append((outcome, [note]))
        result = max(result, outcome)
        if result is PASS and trail is None:
            return PASS
    if trail is not None:
        kept = [note for outcome, own in notes if outcome is result for note in own]
        trail.extend(kept or ([nothing] if nothing is not None else []))
    return result


def _ask(where: Judge, other: Resource, world: World, trail: Trail | None) -> Outcome:
    return where(other.attributes, other, world, trail, "")


def _linked_from(condition: Linked, where: Judge) -> Judge:
    types, via = frozenset(type_.lower() for type_ in condition.types), condition.via
    what = " or ".join(condition.types)

    def ask_loose(world: World) -> Callable[[Resource], Outcome]:
        def ask(other: Resource) -> Outcome:
            if other.type.lower() not in types:
                return FAIL
            return min(UNDECIDED, world.kept(id(where), other, lambda o: _ask(where, o, world, None)))

        return ask

    def judge(subject: Answer, resource: Resource, world: World, trail: Trail | None, prefix: str) -> Outcome:
        incoming = world.incoming(via)
        resources = world.graph.resources
        links = [
            _Link(resources[reference.source], certain, reference)
            for certain, found in ((True, incoming.certain), (False, incoming.perhaps))
            for reference in found.get(resource.address, ())
            if resources[reference.source].type.lower() in types
        ]
        start, source = world.loose_best(id(where), via, ask_loose(world))
        nothing = None
        if not world.graph.closed and start is FAIL:
            start = UNDECIDED
            nothing = _absence(UNDECIDED, resource, what, via, "one that is not part of this input may")
        elif trail is not None:
            why = f"{source} may, its {via} is known only after apply" if source else ""
            nothing = _absence(start, resource, what, via, why)
        return _best(links, where, world, trail, start, nothing)

    return judge


def _absence(outcome: Outcome, resource: Resource, what: str, via: str, why: str) -> Evidence:
    """That nothing (certain) refers to a resource."""
    found = f"not known: {why}" if why else "none"
    return Evidence(outcome=outcome, found=found, wanted=f"a {what} whose {via} is this resource", at=resource.at)


def _links_to(condition: Linked, where: Judge) -> Judge:
    types, via = frozenset(type_.lower() for type_ in condition.types), condition.via
    what = " or ".join(condition.types)

    def judge(subject: Answer, resource: Resource, world: World, trail: Trail | None, prefix: str) -> Outcome:
        links: list[_Link] = []
        start, why = FAIL, ""
        for reference in world.incoming(via).by_source.get(resource.address, ()):
            for certain, addresses in ((True, reference.targets), (False, reference.candidates)):
                for address in addresses:
                    other = world.graph.resources[address]
                    if other.type.lower() in types:
                        links.append(_Link(other, certain, reference))
            if reference.anything:
                start, why = UNDECIDED, f"its {via} is {display(reference.value)}"
            elif reference.outside == "?" or reference.outside in types:
                start, why = UNDECIDED, f"{display(reference.value)} is not part of this input"
        nothing = _absence(start, resource, what, via, why) if trail is not None else None
        if nothing is not None:
            nothing = msgspec.structs.replace(nothing, wanted=f"a {what} that its {via} names")
        return _best(links, where, world, trail, start, nothing)

    return judge
