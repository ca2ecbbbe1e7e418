"""Judges of conditions about other resources: who names this one, and whom it names."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from azkvlint.engine.evidence import either_type, link_evidence, missing_link_evidence
from azkvlint.engine.graph_index import GraphIndex, Predicate, Trail
from azkvlint.engine.three_valued import FAIL, PASS, UNDECIDED
from azkvlint.model.finding import Evidence, Outcome
from azkvlint.model.resource import Reference, Resource
from azkvlint.model.rule import Linked
from azkvlint.model.value import Answer, Unknown, display

# Of many linked resources that decide alike, so many are told.
_MOST_NOTES = 5


class _Near(msgspec.Struct, frozen=True):
    """One linked resource: how sure the link is, the reference that makes it, and the address that it names."""

    resource: Resource
    certain: bool
    reference: Reference
    target: str


def linked_from(condition: Linked, where: Predicate) -> Predicate:
    """Some resource that stays names this one and satisfies ``where``."""
    types, via = frozenset(type_.lower() for type_ in condition.types), condition.via
    wanted = f"{either_type(condition.types)} whose {via} is this resource"

    def judge(subject: Answer, resource: Resource, world: GraphIndex, trail: Trail | None, prefix: str) -> Outcome:
        incoming = world.incoming(via, types)
        certain = incoming.certain.get(resource.address, ())
        perhaps = incoming.perhaps.get(resource.address, ())
        start, source = world.loose_best(id(where), incoming, where)
        why = f"{source} may name it, its {via} is not known" if source else ""
        if start is FAIL and not world.graph.has_all_companions(resource):
            start, why = UNDECIDED, "one that is not part of this input may name it"
        if not certain and not perhaps and trail is None:
            return start
        links = (
            _Near(world.graph.resources[reference.source], is_certain, reference, resource.address)
            for is_certain, found in ((True, certain), (False, perhaps))
            for reference in found
        )
        nothing = missing_link_evidence(start, resource, wanted, why) if trail is not None else None
        return _best(links, where, world, trail, start, nothing)

    return judge


def links_to(condition: Linked, where: Predicate) -> Predicate:
    """Some resource that stays is named by this one and satisfies ``where``."""
    types, via = frozenset(type_.lower() for type_ in condition.types), condition.via
    wanted = f"{either_type(condition.types)} that its {via} names"

    def judge(subject: Answer, resource: Resource, world: GraphIndex, trail: Trail | None, prefix: str) -> Outcome:
        references = world.outgoing(via, resource.address)
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
            _Near(other, certain, reference, address)
            for certain in (True, False)
            for reference in references
            for address in _named(reference, resource, world, certain)
            if (other := world.graph.resources[address]).stays and other.type.lower() in types
        )
        nothing = missing_link_evidence(start, resource, wanted, why) if trail is not None else None
        return _best(links, where, world, trail, start, nothing)

    return judge


def _named(reference: Reference, resource: Resource, world: GraphIndex, certain: bool) -> tuple[str, ...]:
    """What ``resource`` certainly names, or perhaps, if it is deployed: it is judged as if it is."""
    if not reference.conditional:
        return reference.targets if certain else reference.candidates
    others = world.graph.resources
    sure = tuple(one for one in reference.conditional if others[one].conditions <= resource.conditions)
    if certain:
        return reference.targets + sure
    return tuple(one for one in reference.candidates if one not in sure)


def _best(
    links: Iterable[_Near],
    where: Predicate,
    world: GraphIndex,
    trail: Trail | None,
    start: Outcome,
    nothing: Evidence | None,
) -> Outcome:
    """The best outcome of all links, certain ones first; a link that is not certain makes no more than UNDECIDED.

    It stops where nothing better can follow: a scope may cover thousands of vaults. ``nothing`` is the evidence for
    ``start``, the outcome without any of these links.
    """
    result = start
    notes: list[tuple[Outcome, _Near]] = []
    for near in links:
        if result is PASS or (result is UNDECIDED and not near.certain):
            break
        outcome = world.cached(id(where), near.resource, where)
        if not near.certain:
            outcome = min(outcome, UNDECIDED)
        if trail is not None and (len(notes) < _MOST_NOTES or outcome > result):
            notes.append((outcome, near))
        result = max(result, outcome)
    if trail is not None:
        told = [(outcome, near) for outcome, near in notes if outcome is result]
        for outcome, near in told[:_MOST_NOTES]:
            trail.extend(_notes_of(near, outcome, where, world))
        if nothing is not None and (not told or result is start is UNDECIDED):
            trail.append(nothing)
    return result


def _notes_of(near: _Near, outcome: Outcome, where: Predicate, world: GraphIndex) -> Trail:
    """Why a link counts as it does: because it is there, because it may be there, or what its resource says."""
    if outcome is PASS or (outcome is UNDECIDED and not near.certain):
        return [link_evidence(outcome, near.reference, near.resource, near.target)]
    own: Trail = []
    where(near.resource.attributes, near.resource, world, own, "")
    return [msgspec.structs.replace(note, hops=note.hops or near.reference.hops) for note in own]
