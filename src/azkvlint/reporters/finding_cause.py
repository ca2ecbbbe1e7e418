"""What a finding rests on: on what is set, on what is not, or on what is worked out from other values.

The other formats list the evidence itself. SARIF has no place for it but the message, which goes on with this.
"""

from __future__ import annotations

from collections.abc import Sequence

from azkvlint.model.finding import Evidence, Finding
from azkvlint.model.value import Origin

EXPLICIT, ABSENT, DERIVED = "explicit", "absent", "derived"
# How the sentence begins that tells the cause, by its name.
CAUSE_SENTENCES = {
    EXPLICIT: "It is set so",
    ABSENT: "Nothing is set for it",
    DERIVED: "It is worked out from other values",
}
# How the notes of defaults begin that speak for themselves.
_NOT_SET = "not set"
# The sentence holds at most this much of the evidence.
_MAX_EVIDENCE = 3


def cause(finding: Finding) -> str:
    """Return which cause a finding has. What depends on several kinds of values, or on other resources, is computed."""
    kinds = {_kind(one, finding.resource) for one in finding.evidence}
    return kinds.pop() if len(kinds) == 1 else DERIVED


def reason(finding: Finding) -> str:
    """Return the evidence in words: ``properties.enablePurgeProtection is not set, and the default is false``."""
    return _join([_words(one, finding.resource) for one in finding.evidence]) or "the parameters of the rule"


def _kind(one: Evidence, resource: str) -> str:
    if one.origin == Origin.DERIVED or (one.attribute and one.at.address not in (None, resource)):
        return DERIVED
    if one.origin == Origin.ABSENT:
        return DERIVED if one.attribute.startswith("derived.") else ABSENT
    if not one.attribute:
        return DERIVED
    # What a resource has already is not what its author writes.
    return EXPLICIT if one.origin == Origin.WRITTEN else ABSENT


def _words(one: Evidence, resource: str) -> str:
    other = one.at.address if one.at.address not in (None, resource) else None
    if not one.attribute:
        if one.origin == Origin.ABSENT:
            return f"there is no {one.expected.removeprefix('a ')}"
        return f"the link with {other or resource}"
    where = f"{one.attribute} of {other}" if other else one.attribute
    if one.note.startswith(_NOT_SET) and one.origin == Origin.DEFAULT:
        return f"{where} is {one.note}"
    source = one.at.attribute if one.origin == Origin.DERIVED and one.at.attribute != one.attribute else ""
    said = f"{where} is {one.found}"
    said += f", from {source}" if source else ""
    said += {"default": " by default", "kept": " already"}.get(one.origin, "")
    return f"{said} ({one.note})" if one.note else said


def _join(texts: Sequence[str]) -> str:
    once = list(dict.fromkeys(texts))
    more = f"; and {len(once) - _MAX_EVIDENCE} more" if len(once) > _MAX_EVIDENCE else ""
    return "; ".join(once[:_MAX_EVIDENCE]) + more
