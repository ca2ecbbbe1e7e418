"""State whether a finding is caused by an explicit value, an absent one, or a derived one.

Other formats list the evidence itself. SARIF's only place for it is the message, to which this is appended.
"""

from __future__ import annotations

from collections.abc import Sequence

from azkvlint.model.finding import Evidence, Finding
from azkvlint.model.value import Origin

EXPLICIT, ABSENT, DERIVED = "explicit", "absent", "derived"
# The first words of the sentence about each cause.
CAUSE_SENTENCES = {
    EXPLICIT: "It is set so",
    ABSENT: "Nothing is set for it",
    DERIVED: "It is worked out from other values",
}
# The prefix of notes of defaults that need no further words.
_NOT_SET = "not set"
# The limit of evidence in the sentence.
_MAX_EVIDENCE = 3


def cause(finding: Finding) -> str:
    """Return the cause of a finding. Evidence of several kinds, or about other resources, counts as derived."""
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
    # A value that only the resource has was not written by the author.
    return EXPLICIT if one.origin == Origin.WRITTEN else ABSENT


def _words(one: Evidence, resource: str) -> str:
    address = one.at.address if one.at.address not in (None, resource) else None
    if not one.attribute:
        if one.origin == Origin.ABSENT:
            return f"there is no {one.expected.removeprefix('a ')}"
        return f"the link with {address or resource}"
    where = f"{one.attribute} of {address}" if address else one.attribute
    if one.note.startswith(_NOT_SET) and one.origin == Origin.DEFAULT:
        return f"{where} is {one.note}"
    source = one.at.attribute if one.origin == Origin.DERIVED and one.at.attribute != one.attribute else ""
    text = f"{where} is {one.found}"
    text += f", from {source}" if source else ""
    text += {"default": " by default", "kept": " already"}.get(one.origin, "")
    return f"{text} ({one.note})" if one.note else text


def _join(texts: Sequence[str]) -> str:
    unique = list(dict.fromkeys(texts))
    suffix = f"; and {len(unique) - _MAX_EVIDENCE} more" if len(unique) > _MAX_EVIDENCE else ""
    return "; ".join(unique[:_MAX_EVIDENCE]) + suffix
