"""Shorten the addresses of resources in ARM templates whose names are expressions, for output that a person reads."""

from __future__ import annotations

import re

import msgspec

from azkvlint.model.finding import Evidence, Finding, Note
from azkvlint.util.lazy_regex import regex

# A call in braces, which is a name that is known only after deployment: {guid('a', 'b')}.
_CALL = regex(r"\{(\w+)\(((?:'(?:[^']|'')*'|[^'{}])*)\)\}")
# The same, cut off because the address is too long.
_CUT_CALL = regex(r"\{(\w+)\((?:'(?:[^']|'')*+'|[^'{}])*+'[^'{}]*?\.\.\.(?=\s|$)")
_LITERAL = regex(r"'((?:[^']|'')*)'")
# Shorter calls stay as they are.
_SHORT, _LONGEST_LITERAL = 24, 40


def short_address(text: str) -> str:
    """Return a text in which each long call in braces has only its last literal: ``{guid(..., 'owner')}``."""
    return _CUT_CALL.sub(r"{\1(...)}", _CALL.sub(_shorten, text)) if "{" in text else text


def _shorten(match: re.Match[str]) -> str:
    literals = [one for one in _LITERAL.findall(match[2]) if one]
    if len(match[0]) <= _SHORT:
        return match[0]
    last = literals[-1] if literals and len(literals[-1]) <= _LONGEST_LITERAL else ""
    return f"{{{match[1]}(..., '{last}')}}" if last else f"{{{match[1]}(...)}}"


def with_short_addresses(finding: Finding) -> Finding:
    """Return a finding with short addresses in all of its texts."""
    texts = (finding.message, *(note.at.address or "" for note in finding.evidence))
    if not any("{" in text for text in texts):
        return finding
    return msgspec.structs.replace(
        finding,
        message=short_address(finding.message),
        arguments=tuple(map(short_address, finding.arguments)),
        resource=short_address(finding.resource),
        label=short_address(finding.label),
        why=short_address(finding.why),
        evidence=tuple(map(_evidence, finding.evidence)),
        related=tuple(Note(text=short_address(note.text), at=note.at) for note in finding.related),
        occurrences=tuple(
            msgspec.structs.replace(one, address=short_address(one.address), message=short_address(one.message))
            for one in finding.occurrences
        ),
    )


def _evidence(evidence: Evidence) -> Evidence:
    address = evidence.at.address
    at = evidence.at if address is None else msgspec.structs.replace(evidence.at, address=short_address(address))
    hops = tuple(map(short_address, evidence.hops))
    return msgspec.structs.replace(
        evidence, found=short_address(evidence.found), note=short_address(evidence.note), at=at, hops=hops
    )
