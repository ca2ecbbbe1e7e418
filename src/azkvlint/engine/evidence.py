"""What decided, as Evidence: a found answer, a missing link, a link that is or may be there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from azkvlint.engine.three_valued import PASS, negated
from azkvlint.model.finding import Evidence, Outcome
from azkvlint.model.resource import Reference, Resource
from azkvlint.model.value import Absent, Answer, Origin, Unknown, display

# What is found where a link leads nowhere.
NONE = "none"
# How a link is told that another resource has.
NAMED_BY = "named by "
# A list of types is told in words up to this many.
_MOST_TYPES = 3


def joined_path(prefix: str, text: str) -> str:
    """The path ``text``, which starts at ``prefix`` (the path of an item, or nothing), as people read it."""
    text = text.removeprefix("$").removeprefix(".")
    joint = "." if prefix and text and text[0] != "[" else ""
    return f"{prefix}{joint}{text}"


def evidence_of(outcome: Outcome, found: Answer, wanted: str, resource: Resource, asked: str) -> Evidence:
    """That the attribute ``asked`` of a resource is ``found``."""
    at = msgspec.structs.replace(found.at, address=resource.address, attribute=found.at.attribute or asked or None)
    return Evidence(
        outcome=outcome,
        found=display(found),
        wanted=wanted,
        at=at,
        asked=asked,
        origin=Origin.ABSENT if type(found) is Absent else found.origin,
        note=found.note,
    )


def link_evidence(outcome: Outcome, reference: Reference, resource: Resource, target: str) -> Evidence:
    """That a reference leads to ``target`` (PASS), or that it may. ``resource`` is the one at its other end."""
    value, wanted = reference.value, "a link"
    # An id of which a part is known only after deployment may lead to its target all the same.
    found = target if isinstance(value, Unknown) else display(value)
    if resource.address == target:
        found = f"{NAMED_BY}{reference.source}"
    if outcome is not PASS:
        wanted = "a certain link"
        if target in reference.conditional:
            found = f"not known: {reference.source}, which names {target}, may not be deployed"
        else:
            why = value.why if isinstance(value, Unknown) and not value.sensitive else f"it is {display(value)}"
            found = f"not known: {reference.via} of {reference.source} may name {target}, {why}"
    at = msgspec.structs.replace(resource.at, address=resource.address)
    return Evidence(outcome=outcome, found=found, wanted=wanted, at=at, hops=reference.hops)


def missing_link_evidence(outcome: Outcome, resource: Resource, wanted: str, why: str) -> Evidence:
    """That nothing (certain) is at the other end of a link."""
    if why:
        return Evidence(outcome=outcome, found=f"not known: {why}", wanted=wanted, at=resource.at)
    return Evidence(outcome=outcome, found=NONE, wanted=wanted, at=resource.at, origin=Origin.ABSENT)


def mirrored(note: Evidence) -> Evidence:
    """The same below ``not``."""
    wanted = note.wanted[4:] if note.wanted.startswith("not ") else f"not {note.wanted}"
    return msgspec.structs.replace(note, outcome=negated(note.outcome), wanted=wanted)


def wanted_of(operator: str, operand: Any) -> str:
    """An operator and its operand in words: ``at least 90``."""
    word = str(operand).lower() if isinstance(operand, bool) else operand
    if isinstance(operand, (tuple, list)):
        word = ", ".join(str(item) for item in operand)
    return f"{operator.replace('_', ' ')} {word}"


def either_type(types: Sequence[str]) -> str:
    """``a X or Y``; of many types only the first."""
    shown = list(types) if len(types) <= _MOST_TYPES else [*types[:1], f"another of {len(types)} types"]
    return f"a {' or '.join(shown)}"
