"""Render a difference as text: the findings by state, the one-way doors, and access lost and gained.

Paths are relative to the current folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import msgspec

from azkvlint.model.difference import GAINED, GONE, LOST, NEW, UNKNOWN, AccessChange, Difference, FindingChange
from azkvlint.reporters import Options
from azkvlint.reporters.difference import words
from azkvlint.reporters.findings.text import Move, moved_finding, moved_location, paths_from
from azkvlint.reporters.folding import fold, unknown_causes
from azkvlint.reporters.phrases import full_text, label_of, place, problem_line
from azkvlint.reporters.text_content import (
    resource_list,
    rule_list,
    same_cause_note,
    short_address,
    with_short_addresses,
)
from azkvlint.util.text import visible


def text(difference: Difference, options: Options) -> str:
    """Return the difference as text that ends with a line break."""
    head = paths_from(difference.report.root, os.curdir) or _unchanged
    base = paths_from(difference.base_root, os.curdir) or _unchanged
    return "".join(f"{line}\n" for line in _lines(_moved(difference, base, head)))


def _unchanged(path: str) -> str:
    return path


def _moved(difference: Difference, base: Move, head: Move) -> Difference:
    return msgspec.structs.replace(
        difference,
        changes=tuple(
            msgspec.structs.replace(one, finding=moved_finding(one.finding, base if one.state == GONE else head))
            for one in difference.changes
        ),
        doors=tuple(
            msgspec.structs.replace(one, at=moved_location(one.at, base if one.is_in_base else head))
            for one in difference.doors
        ),
        access=tuple(_moved_access(one, base if one.direction == LOST else head) for one in difference.access),
    )


def _moved_access(change: AccessChange, move: Move) -> AccessChange:
    steps = tuple(
        step if step.at is None else msgspec.structs.replace(step, at=moved_location(step.at, move))
        for step in change.path.steps
    )
    return msgspec.structs.replace(change, path=msgspec.structs.replace(change.path, steps=steps))


def _lines(difference: Difference) -> Iterator[str]:
    for state, heading in words.SECTIONS:
        found = difference.of_state(state)
        if found:
            yield f"{heading}:"
            yield from (_unknown if state == UNKNOWN else _findings)(found)
            yield ""
    if difference.doors:
        yield "One-way doors:"
        yield from (f"  {place(door.at)}: {short_address(words.door_text(door))}" for door in difference.doors)
        yield ""
    for direction, heading in ((LOST, "Access lost"), (GAINED, "Access gained")):
        changes = [one for one in difference.access if one.direction == direction]
        if changes:
            yield f"{heading}:"
            for change in changes:
                yield f"  {short_address(words.access_text(change))}"
                yield f"    {short_address(words.access_path(change))}"
            yield ""
    yield from (problem_line(problem) for problem in difference.problems)
    yield from (words.gate_text(gate.gate, gate.count) for gate in difference.gates)
    yield words.summary(difference)


def _findings(changes: Sequence[FindingChange]) -> Iterator[str]:
    by_finding = {id(change.finding): change for change in changes}
    if changes[0].state != NEW:
        for change in changes:
            yield _line(change, "")
        return
    # Findings with one cause are one block, as in the report of a check.
    for block in fold(change.finding for change in changes):
        yield _line(by_finding[id(block.finding)], same_cause_note(block))
        yield from (_line(by_finding[id(other)], "") for other in block.others)


def _line(change: FindingChange, note: str) -> str:
    finding = with_short_addresses(change.finding)
    label = f"{label_of(finding)}[{visible(finding.rule.id)}]"
    return f"  {place(finding.at)}: {label} {full_text(finding)}{note}{short_address(words.remark(change))}"


def _unknown(changes: Sequence[FindingChange]) -> Iterator[str]:
    """Yield the causes of unknown results."""
    for cause in unknown_causes(change.finding for change in changes):
        rules = f"unknown[{rule_list(cause)}]"
        yield f"  {place(cause.at)}: {rules} {visible(short_address(cause.why))}: {resource_list(cause)}"
