"""Phrases that the formats of a difference share, each on one line and safe to print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from azkvlint.model.difference import (
    CHANGED,
    GAINED,
    GONE,
    LOST,
    MOVED,
    NEW,
    SUPPRESSED,
    UNKNOWN,
    AccessChange,
    Difference,
    FindingChange,
    OneWayDoor,
    counted,
)
from azkvlint.reporters.access.words import listed, path_text, principal_text
from azkvlint.util.text import pluralize, visible

SECTIONS = (
    (NEW, "New"),
    (GONE, "Gone"),
    (CHANGED, "Changed"),
    (UNKNOWN, "Newly unknown"),
    (SUPPRESSED, "Newly suppressed"),
)
"""The states that are listed, with their headings."""
_NONE = "No differences."
_WITHOUT_RESOURCES = "JSON reports contain neither access nor resources, so only findings are compared."


def remark(change: FindingChange) -> str:
    """Return what the state of a finding does not express, in parentheses; "" for most findings."""
    notes = [change.note] if change.note else []
    if change.state == CHANGED and change.before is not None and not change.note:
        notes.append(f"before: {change.before.message}")
    reason = change.finding.suppressed
    if change.state == SUPPRESSED and reason is not None and reason.justification:
        notes.append(f"reason: {reason.justification}")
    return visible(f" ({'; '.join(notes)})") if notes else ""


def door_text(door: OneWayDoor) -> str:
    """Return a one-way door, with what decides it if it is not certain."""
    return visible(door.text if door.is_certain else f"perhaps: {door.text}; decided by: {door.doubt}")


def access_text(change: AccessChange) -> str:
    """Return what a principal gains or loses, as one sentence."""
    what = _joined([visible(label) for label in change.labels])
    who = principal_text(change.principal)
    if change.direction == LOST:
        verb = "can no longer" if change.after == "no" else "may no longer be able to"
        note = ", which was only possible before" if change.before == "perhaps" else ""
    else:
        verb = "can now" if change.after == "yes" else "may now be able to"
        note = ", which was only possible before" if change.before == "perhaps" else ""
    left = ", and has no access left" if change.is_lockout else ""
    return f"{listed(change.vaults)}: {who} {verb} {what}{note}{left}"


def access_path(change: AccessChange) -> str:
    """Return by which path a principal has the access now, or had it before."""
    when = "before" if change.direction == LOST else "by"
    doubt = f"; decided by: {visible(change.path.doubt)}" if change.path.doubt and change.after == "perhaps" else ""
    return f"{when}: {path_text(change.path)}{doubt}"


def _joined(words: list[str]) -> str:
    return " and ".join(word for word in (", ".join(words[:-1]), words[-1]) if word)


def summary(difference: Difference) -> str:
    """Return the numbers of differences in one sentence."""
    parts = list(_counts(difference))
    text = f"{', '.join(parts)}." if parts else _NONE
    moved = len(difference.of_state(MOVED))
    if moved:
        text += f" {pluralize(moved, 'finding')} moved."
    if not difference.has_access:
        text += f" {_WITHOUT_RESOURCES}"
    return text


def _counts(difference: Difference) -> Iterator[str]:
    report = difference.report
    for state in (NEW, GONE, CHANGED):
        found = difference.of_state(state)
        own = counted(found, report)
        if own:
            counts = Counter(one.finding.severity for one in own)
            graded = ", ".join(f"{counts[severity]} {severity.label}" for severity in sorted(counts, reverse=True))
            count = pluralize(len(own), "new finding") if state == NEW else f"{pluralize(len(own), 'finding')} {state}"
            yield f"{count} ({graded})"
        if len(found) > len(own):
            yield f"{len(found) - len(own)} {state} in tests and examples"
    unknown, suppressed = difference.of_state(UNKNOWN), difference.of_state(SUPPRESSED)
    if unknown:
        yield f"{pluralize(len(unknown), 'result')} newly unknown"
    if suppressed:
        yield f"{pluralize(len(suppressed), 'finding')} newly suppressed"
    if difference.doors:
        yield pluralize(len(difference.doors), "one-way door")
    for direction, verb in ((LOST, "lose"), (GAINED, "gain")):
        principals = {one.principal.key for one in difference.access if one.direction == direction}
        if principals:
            yield f"{pluralize(len(principals), 'principal')} {verb}{'s' if len(principals) == 1 else ''} access"


def gate_text(gate: str, count: int) -> str:
    """Return that a gate is broken."""
    return f"{visible(gate)}: {pluralize(count, 'difference')}"
