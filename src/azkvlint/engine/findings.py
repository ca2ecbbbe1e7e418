"""Compiled rules, and the findings that result from them with their evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from azkvlint.engine.evidence import NAMED_BY, NONE, UNKNOWN_PREFIX, printed_name
from azkvlint.engine.graph_index import GraphIndex, Predicate, Trail
from azkvlint.engine.messages import (
    fact_text,
    failure_texts,
    fingerprint,
    full_name,
    marked_evidence,
    printed_address,
    unknown_texts,
)
from azkvlint.engine.three_valued import FAIL, PASS, UNKNOWN, implication
from azkvlint.model.finding import CALLED, CAUSED, Evidence, Finding, Note, Outcome
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.rule import Rule, Severity


class CompiledRule(msgspec.Struct, frozen=True):
    """A rule with its compiled conditions."""

    rule: Rule
    when: Predicate
    require: Predicate
    severity_if: tuple[tuple[Severity, Predicate], ...] = ()

    def holds(self, resource: Resource, index: GraphIndex) -> bool:
        """Return whether a rule passes for a resource; False if it does not apply."""
        return self.evaluate(resource, index) is PASS

    def evaluate(self, resource: Resource, index: GraphIndex) -> Outcome | None:
        """Return the outcome for one resource; None if the rule does not apply to it."""
        attributes = resource.attributes
        when = self.when(attributes, resource, index, None, "")
        if when is FAIL:
            return None
        return implication(when, self.require(attributes, resource, index, None, ""))

    def severity(self, resource: Resource, index: GraphIndex) -> Severity | None:
        """Return the severity for one resource; None if it is the rule's own."""
        for severity, when in self.severity_if:
            if when(resource.attributes, resource, index, None, "") is PASS:
                return severity
        return None


def bare_finding(compiled: CompiledRule, resource: Resource) -> Finding:
    """Return an unknown result without a reason, for counting only."""
    return Finding(
        rule=compiled.rule,
        outcome=UNKNOWN,
        message="",
        arguments=(),
        resource=resource.address,
        full_name=resource.name,
        type=resource.type,
        declared_as=resource.declared_as,
        at=resource.at,
        fingerprint="",
    )


def make_finding(compiled: CompiledRule, resource: Resource, index: GraphIndex, outcome: Outcome) -> Finding:
    """Return the finding with its evidence. The rule is evaluated again, with a trail."""
    trail: Trail = []
    require = compiled.require(resource.attributes, resource, index, trail, "")
    deciding = [note for note in trail if note.outcome is outcome] if require is outcome else []
    if require is not outcome or outcome is UNKNOWN:
        doubts: Trail = []
        if compiled.when(resource.attributes, resource, index, doubts, "") is UNKNOWN:
            deciding += [note for note in doubts if note.outcome is UNKNOWN]
    first = deciding[0] if deciding else None
    own = first is not None and first.at.address == resource.address
    place = first.at if own and first is not None else resource.at
    at = msgspec.structs.replace(place, address=resource.address, attribute=place.attribute if own else None)
    marked = marked_location(compiled.rule, deciding, at) if outcome is FAIL else None
    name = full_name(resource, index)
    texts = failure_texts(compiled.rule, resource, name, deciding)
    message, why, label = texts.message, "", texts.label
    if outcome is UNKNOWN:
        message, why, label = unknown_texts(deciding, resource)
    elif outcome is PASS:
        message = compiled.rule.title
    return Finding(
        rule=compiled.rule,
        outcome=outcome,
        message=message,
        arguments=texts.arguments,
        resource=resource.address,
        full_name=name,
        type=resource.type,
        declared_as=resource.declared_as,
        at=marked or at,
        fingerprint=fingerprint(compiled.rule.id, at, resource.callers),
        regraded=compiled.severity(resource, index) if compiled.severity_if else None,
        label=label,
        attribute=printed_name(resource, at.attribute) if at.attribute else "",
        is_absent=texts.is_absent,
        evidence=tuple(deciding),
        related=related_notes(resource, deciding, marked or at, at),
        why=why,
        resource_at=resource.at,
        attribute_at=at if marked is not None else None,
        callers=resource.callers,
    )


def marked_location(rule: Rule, deciding: Sequence[Evidence], at: Location) -> Location | None:
    """Return the place that a rule marks instead of ``at``: where a value of the resource was written, or the linked
    resource that decides; None if there is no such place, or several.
    """
    places: dict[tuple[object, ...], Location] = {}
    for note in marked_evidence(rule, deciding):
        place: Location | None = note.at
        if note.at.address == at.address:
            *_, place = (None, *_origins(note.at))
        if place is None:
            return None
        places[place.position_key] = place
    if len(places) != 1:
        return None
    (place,) = places.values()
    return msgspec.structs.replace(place, address=place.address or at.address, attribute=at.attribute, cause=None)


def related_notes(resource: Resource, deciding: Sequence[Evidence], at: Location, own: Location) -> tuple[Note, ...]:
    """Return the related locations: other resources in the evidence, the origins of values, and the module calls.

    ``own`` is the attribute of the resource, which is related if the finding at ``at`` marks another place. If an
    argument of a caller decides, the finding is in the caller's file, so the resource is related too.
    """
    notes: dict[str, Note] = {}
    if own.position_key != at.position_key:
        notes[resource.address] = Note(text=f"{printed_address(resource.address)} is affected", at=own)
    for note in deciding:
        address = note.at.address
        if note.at.position_key == at.position_key:
            continue
        if address is not None and address != resource.address and address not in notes:
            notes[address] = Note(text=_related_text(note, address), at=note.at)
    origins: dict[tuple[object, ...], Note] = {place.position_key: Note(text=CAUSED, at=place) for place in (at, own)}
    for note in deciding:
        if note.at.address == resource.address:
            for origin in _origins(note.at):
                origins.setdefault(origin.position_key, Note(text=CAUSED, at=origin))
    for place in (at, own):
        origins.pop(place.position_key, None)
    calls = [Note(text=CALLED, at=caller) for caller in resource.callers]
    if own.path != resource.at.path:
        calls.append(Note(text=f"{resource.address} is declared here", at=resource.at))
    if resource.assumption is not None:
        calls.append(Note(text=resource.assumption.text, at=resource.assumption.at))
    return (*notes.values(), *origins.values(), *calls)


def _related_text(note: Evidence, address: str) -> str:
    """Return what a piece of evidence states about another resource, the one at ``address``."""
    if note.attribute or note.found == NONE or note.found.startswith(UNKNOWN_PREFIX):
        return f"{address}: {fact_text(note, address)}"
    source = note.found.removeprefix(NAMED_BY)
    return f"{source} refers to {address}" if source != note.found else f"{address} refers to {note.found}"


def _origins(at: Location) -> Iterator[Location]:
    cause = at.cause
    while cause is not None:
        yield cause
        cause = cause.cause
