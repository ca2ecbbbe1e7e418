"""A rule that is ready to be asked, and its answer in words: a Finding with the evidence that decided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from azkvlint.engine.graph_index import GraphIndex, Predicate, Trail
from azkvlint.engine.messages import filled, fingerprint, full_name, undecided_reason
from azkvlint.engine.three_valued import FAIL, PASS, UNDECIDED, implied
from azkvlint.model.finding import CALLED, CAUSED, Evidence, Finding, Note, Outcome
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.rule import Rule


class CompiledRule(msgspec.Struct, frozen=True):
    """A rule whose conditions have been turned into judges."""

    rule: Rule
    when: Predicate
    require: Predicate

    def holds(self, resource: Resource, world: GraphIndex) -> bool:
        """Whether the rule is about a resource, or may be, and holds for it."""
        return self.evaluate(resource, world) is PASS

    def evaluate(self, resource: Resource, world: GraphIndex) -> Outcome | None:
        """The rule's answer about one resource; None if it is not about that."""
        attributes = resource.attributes
        when = self.when(attributes, resource, world, None, "")
        if when is FAIL:
            return None
        return implied(when, self.require(attributes, resource, world, None, ""))


def bare_finding(ready: CompiledRule, resource: Resource) -> Finding:
    """An undecided question of which nobody wants to know more than that there is one."""
    return Finding(
        rule=ready.rule,
        outcome=UNDECIDED,
        message="",
        arguments=(),
        resource=resource.address,
        full_name=resource.name,
        type=resource.type,
        declared_as=resource.declared_as,
        at=resource.at,
        fingerprint="",
    )


def make_finding(ready: CompiledRule, resource: Resource, world: GraphIndex, outcome: Outcome) -> Finding:
    """The finding, with the evidence that decided: the same question asked again, with a trail."""
    trail: Trail = []
    require = ready.require(resource.attributes, resource, world, trail, "")
    deciding = [note for note in trail if note.outcome is outcome] if require is outcome else []
    if require is not outcome or outcome is UNDECIDED:
        doubts: Trail = []
        if ready.when(resource.attributes, resource, world, doubts, "") is UNDECIDED:
            deciding += [note for note in doubts if note.outcome is UNDECIDED]
    first = deciding[0] if deciding else None
    own = first is not None and first.at.address == resource.address
    place = first.at if own and first is not None else resource.at
    at = msgspec.structs.replace(place, address=resource.address, attribute=place.attribute if own else None)
    name = full_name(resource, world)
    message, arguments = filled(ready.rule.message, resource, name, deciding)
    why = undecided_reason(deciding, resource) if outcome is UNDECIDED else ""
    if outcome is not FAIL:
        message = f"'{resource.address}': not decided, {why}." if why else f"{ready.rule.title}."
    return Finding(
        rule=ready.rule,
        outcome=outcome,
        message=message,
        arguments=arguments,
        resource=resource.address,
        full_name=name,
        type=resource.type,
        declared_as=resource.declared_as,
        at=at,
        fingerprint=fingerprint(ready.rule.id, at, resource.callers),
        evidence=tuple(deciding),
        related=related(resource, deciding, at),
        why=why,
        resource_at=resource.at,
        callers=resource.callers,
    )


def related(resource: Resource, deciding: Sequence[Evidence], at: Location) -> tuple[Note, ...]:
    """The other resources that the evidence is about, each once, where values come from, and the calls that lead here.

    A value that a caller hands in is edited in the caller's file: then the resource itself is worth a look too.
    """
    notes: dict[str, Note] = {}
    for note in deciding:
        address = note.at.address
        if address is not None and address != resource.address and address not in notes:
            said = f"{note.asked} is {note.found}" if note.asked else note.found
            text = f"{address}: {said}"
            notes[address] = Note(text=text, at=note.at)
    origins: dict[tuple[object, ...], Note] = {at.position_key: Note(text=CAUSED, at=at)}
    for note in deciding:
        if note.at.address == resource.address:
            for cause in _causes(note.at):
                origins.setdefault(cause.position_key, Note(text=CAUSED, at=cause))
    del origins[at.position_key]
    calls = [Note(text=CALLED, at=caller) for caller in resource.callers]
    if at.path != resource.at.path:
        calls.append(Note(text=f"{resource.address} is declared here", at=resource.at))
    if resource.assumption is not None:
        calls.append(Note(text=resource.assumption.text, at=resource.assumption.at))
    return (*notes.values(), *origins.values(), *calls)


def _causes(at: Location) -> Iterator[Location]:
    """Where a value comes from, the nearest place first."""
    cause = at.cause
    while cause is not None:
        yield cause
        cause = cause.cause
