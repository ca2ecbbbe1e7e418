"""Render a difference as Markdown, for the comment of a pull request or the page of a build."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from azkvlint.model.difference import GAINED, GONE, LOST, NEW, Difference, FindingChange
from azkvlint.reporters import Options
from azkvlint.reporters.difference import words
from azkvlint.reporters.findings.markdown import LIMIT, MARKS, RESERVE, fit, folded
from azkvlint.reporters.gfm import code, plain, prose
from azkvlint.reporters.phrases import call_note, label_of, occurrence_note, place, problem_line
from azkvlint.util.text import visible


def markdown(difference: Difference, options: Options) -> str:
    """Return the difference as Markdown that ends with a line break, short enough to be shown."""
    return "".join(f"{line}\n" for line in fit(_lines(difference), LIMIT - RESERVE))


def _lines(difference: Difference) -> Iterator[str]:
    yield f"## {'❌' if difference.gates else '✅'} kvlint diff"
    yield ""
    yield plain(words.summary(difference))
    for gate in difference.gates:
        yield ""
        yield f"- {plain(words.gate_text(gate.gate, gate.count))}"
    if difference.doors:
        yield ""
        yield "### One-way doors"
        yield ""
        for door in difference.doors:
            yield f"- ⚠️ {code(place(door.at), cell=False)} {prose(words.door_text(door))}"
    yield from _access(difference)
    for state, heading in words.SECTIONS:
        found = difference.of_state(state)
        if not found:
            continue
        if state == NEW:
            yield ""
            yield f"### {heading}"
            yield ""
            yield from _table(found)
        else:
            yield from folded(f"{heading}: {len(found)}", _table(found))
    if difference.problems:
        yield ""
        yield "### Notes"
        yield ""
        yield from (f"- {plain(problem_line(problem))}" for problem in difference.problems)


def _access(difference: Difference) -> Iterator[str]:
    for direction, heading in ((LOST, "Access lost"), (GAINED, "Access gained")):
        changes = [one for one in difference.access if one.direction == direction]
        if changes:
            yield ""
            yield f"### {heading}"
            yield ""
            for change in changes:
                yield f"- {'🔒 ' if change.is_lockout else ''}{plain(words.access_text(change))}"
                yield f"  <br>{plain(words.access_path(change))}"


def _table(changes: Sequence[FindingChange]) -> Iterator[str]:
    yield "| Severity | Rule | Location | Message |"
    yield "|---|---|---|---|"
    for change in changes:
        finding = change.finding
        mark = "" if change.state == GONE else f"{MARKS[finding.severity]} "
        notes = plain(call_note(finding) + occurrence_note(finding) + words.remark(change))
        text = f"{prose(finding.message, cell=True)}{notes}"
        rule = plain(visible(finding.rule.id))
        yield f"| {mark}{plain(label_of(finding))} | {rule} | {code(place(finding.at))} | {text} |"
