"""Render a difference as text, Markdown, JSON or SARIF.

Text has the findings by state, the one-way doors, and access lost and gained, with paths relative to the current
folder. Markdown is for the comment of a pull request or the page of a build. JSON is version 1 of the document in
docs/diff.md: within a version, fields are added but never removed, renamed or redefined. SARIF is the log of HEAD, in
which each result has its ``baselineState``.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from azkvlint.model.difference import (
    ACCEPTED,
    BY_BASE,
    BY_ITSELF,
    BY_NONE,
    CHANGED,
    GAINED,
    GONE,
    LOST,
    MOVED,
    NARROWER,
    NEW,
    STATES,
    SUPPRESSED,
    UNCHANGED,
    UNKNOWN,
    WIDER,
    AccessChange,
    Difference,
    FindingChange,
    KeptSetting,
    OneWayDoor,
    TurnedOff,
    counted,
)
from azkvlint.model.finding import Finding, Outcome
from azkvlint.model.location import Location
from azkvlint.reporters import Options, Reporter
from azkvlint.reporters import document as doc
from azkvlint.reporters.access import listed, path_text, principal_text
from azkvlint.reporters.document.text import text as write_text
from azkvlint.reporters.findings.json import location, problem, result, root_fields, suppression
from azkvlint.reporters.findings.markdown import LIMIT, MARKS, RESERVE, fit
from azkvlint.reporters.findings.text import Move, moved_finding, moved_location, paths_from
from azkvlint.reporters.grouping import fold, unknown_causes
from azkvlint.reporters.phrases import (
    call_note,
    condition_note,
    full_text,
    label_of,
    occurrence_note,
    place,
    problem_line,
    test_folders,
)
from azkvlint.reporters.text_content import (
    resource_list,
    rule_list,
    same_cause_note,
    short_address,
    with_short_addresses,
)
from azkvlint.util.text import encode, pluralize, visible

FORMAT_VERSION = 1
_COLUMNS = (doc.Column("Severity"), doc.Column("Rule"), doc.Column("Location"), doc.Column("Message"))
# The states of SARIF by those of findings; any other is an update.
_STATES = {NEW: "new", UNCHANGED: "unchanged"}
_SECTIONS = (
    (NEW, "New"),
    (GONE, "Gone"),
    (CHANGED, "Changed"),
    (UNKNOWN, "Newly unknown"),
    (SUPPRESSED, "Newly suppressed"),
)
"""The states that are listed, with their headings."""
_NONE = "No differences."
_SHORT = 12
_KEPT = "Unchanged on existing vaults"
_TURNED_OFF = "Checks turned off by this change"
_ACCEPT = f"To accept it, run kvlint with --accept {SUPPRESSED}; nothing in the checkout can accept it."
_INCOMPLETE = "Comparison incomplete: what a file declares that cannot be read is unknown."
_WITHOUT_RESOURCES = "JSON reports contain neither access nor resources, so only findings are compared."


def text(difference: Difference, options: Options) -> str:
    """Return the difference as text that ends with a line break."""
    head = paths_from(difference.report.root, os.curdir) or _unchanged
    base = paths_from(difference.base_root, os.curdir) or _unchanged
    return write_text(_document(_moved(difference, base, head), is_text=True), options)


def _unchanged(path: str) -> str:
    return path


def _moved(difference: Difference, base: Move, head: Move) -> Difference:
    return msgspec.structs.replace(
        difference,
        changes=tuple(
            msgspec.structs.replace(one, finding=moved_finding(one.finding, base if one.is_in_base else head))
            for one in difference.changes
        ),
        doors=tuple(
            msgspec.structs.replace(one, at=moved_location(one.at, base if one.is_in_base else head))
            for one in difference.doors
        ),
        kept=tuple(msgspec.structs.replace(one, at=moved_location(one.at, head)) for one in difference.kept),
        access=tuple(_moved_access(one, base if one.direction == LOST else head) for one in difference.access),
        turned_off=tuple(
            msgspec.structs.replace(one, at=moved_location(one.at, base if one.is_in_base else head))
            for one in difference.turned_off
        ),
    )


def _moved_access(change: AccessChange, move: Move) -> AccessChange:
    steps = tuple(
        step if step.at is None else msgspec.structs.replace(step, at=moved_location(step.at, move))
        for step in change.path.steps
    )
    return msgspec.structs.replace(change, path=msgspec.structs.replace(change.path, steps=steps))


def markdown(difference: Difference, options: Options) -> str:
    """Return the difference as Markdown that ends with a line break, short enough to be shown."""
    from azkvlint.reporters.document.markdown import markdown_lines

    lines = markdown_lines(_document(difference, is_text=False))
    return "".join(f"{line}\n" for line in fit(lines, LIMIT - RESERVE))


def _document(difference: Difference, *, is_text: bool) -> doc.Document:
    """Return the difference. In text, each finding is one line that begins with its place; else there are tables."""
    shorten = short_address if is_text else _unchanged
    basis = basis_text(difference)
    settings = tuple(_placed(one.at, doc.Span(shorten(one.text), doc.PROSE)) for one in difference.kept)
    doors = tuple(_placed(one.at, doc.Span(shorten(_door_text(one)), doc.PROSE)) for one in difference.doors)
    others = (*_listed("One-way doors", doors), *_listed(_KEPT, settings), *_access(difference, shorten))
    # In Markdown, the tables are last: they may be too long to be shown.
    found = (_lists if is_text else _tables)(difference)
    return doc.Document(
        title=f"{'❌' if difference.gates or not difference.is_complete else '✅'} kvlint diff",
        summary=_summary(difference),
        notes=(basis,) if basis and not difference.turned_off else (),
        problems=tuple(map(problem_line, difference.problems)),
        problems_title="Notes",
        failures=tuple(gate_text(gate.gate, gate.count) for gate in difference.gates),
        blocks=(*_turned_off(difference, basis, shorten), *((*found, *others) if is_text else (*others, *found))),
        heading=2,
        width=0,
    )


def _placed(at: Location, content: str | doc.Span) -> doc.ListItem:
    return doc.ListItem((doc.Span(place(at), doc.CODE), ": ", content))


def _listed(title: str, items: tuple[doc.ListItem, ...]) -> Iterator[doc.Section]:
    if items:
        yield doc.Section(title, (doc.ItemList(items),))


def _turned_off(difference: Difference, basis: str, shorten: Move) -> Iterator[doc.Section]:
    if difference.turned_off:
        items = tuple(_placed(one.at, shorten(_turned_off_text(one))) for one in difference.turned_off)
        yield doc.Section(_TURNED_OFF, (doc.ItemList(items), doc.Paragraph(basis)))


def _access(difference: Difference, shorten: Move) -> Iterator[doc.Section]:
    headings = {LOST: "Access lost", GAINED: "Access gained", WIDER: "Wider scopes", NARROWER: "Narrower scopes"}
    for direction, heading in headings.items():
        items = (
            doc.ListItem(
                shorten(_access_text(one)),
                doc.BAD if one.is_lockout else "",
                (doc.ListItem(shorten(_access_path(one))),),
            )
            for one in difference.access
            if one.direction == direction
        )
        yield from _listed(heading, tuple(items))


def _lists(difference: Difference) -> Iterator[doc.Section]:
    for state, heading in _SECTIONS:
        found = difference.of_state(state)
        yield from _listed(heading, tuple((_unknown if state == UNKNOWN else _findings)(found)) if found else ())


def _findings(changes: Sequence[FindingChange]) -> Iterator[doc.ListItem]:
    if changes[0].state != NEW:
        yield from (_finding(change, "") for change in changes)
        return
    by_finding = {id(change.finding): change for change in changes}
    # Findings with one cause are one block, as in the report of a check.
    for block in fold(change.finding for change in changes):
        yield _finding(by_finding[id(block.finding)], same_cause_note(block))
        yield from (_finding(by_finding[id(other)], "") for other in block.others)


def _finding(change: FindingChange, note: str) -> doc.ListItem:
    finding = with_short_addresses(change.finding)
    label = f"{label_of(finding)}[{finding.rule.id}]"
    return _placed(finding.at, f"{label} {full_text(finding)}{note}{short_address(_remark(change))}")


def _unknown(changes: Sequence[FindingChange]) -> Iterator[doc.ListItem]:
    """Yield the causes of unknown results."""
    for cause in unknown_causes(change.finding for change in changes):
        text = f"unknown[{rule_list(cause)}] {short_address(cause.why)}: {resource_list(cause)}"
        yield _placed(cause.at, text)


def _tables(difference: Difference) -> Iterator[doc.Section]:
    for state, heading in _SECTIONS:
        found = difference.of_state(state)
        if found:
            table = doc.Table(_COLUMNS, tuple(map(_row, found)))
            is_new = state == NEW
            yield doc.Section(heading if is_new else f"{heading}: {len(found)}", (table,), is_folded=not is_new)


def _row(change: FindingChange) -> doc.Row:
    finding = change.finding
    mark = "" if change.state == GONE else f"{MARKS[finding.severity]} "
    notes = condition_note(finding) + call_note(finding) + occurrence_note(finding) + _remark(change)
    at, message = doc.Span(place(finding.at), doc.CODE), (doc.Span(finding.message, doc.PROSE), notes)
    return doc.Row((doc.Cell(f"{mark}{label_of(finding)}"), doc.Cell(finding.rule.id), doc.Cell(at), doc.Cell(message)))


def json(difference: Difference, options: Options) -> bytes:
    """Return the difference as UTF-8; equal differences result in equal bytes."""
    report = difference.report
    return encode(
        {
            "version": FORMAT_VERSION,
            "tool": {"name": "kvlint", "version": report.version},
            "repository": report.repository,
            "base": difference.base,
            "baseCommit": difference.base_commit or None,
            "head": difference.head,
            "basis": difference.basis,
            "summary": _summary_json(difference),
            "turnedOff": [_turned_off_json(one) for one in difference.turned_off],
            "findings": [_change_json(one) for one in difference.changes],
            "oneWayDoors": [_door_json(one) for one in difference.doors],
            "unchangedOnExistingVaults": [_kept_json(one) for one in difference.kept],
            "access": [_access_json(one) for one in difference.access],
            "comparesAccess": difference.has_access,
            "gates": [{"gate": one.gate, "count": one.count} for one in difference.gates],
            "problems": [problem(one) for one in difference.problems],
        }
    )


def _summary_json(difference: Difference) -> dict[str, int]:
    access = difference.access
    return {
        **{state: len(difference.of_state(state)) for state in STATES},
        "turnedOff": len(difference.turned_off),
        "oneWayDoors": len(difference.doors),
        "unchangedOnExistingVaults": len(difference.kept),
        "accessLost": sum(one.direction == LOST for one in access),
        "accessGained": sum(one.direction == GAINED for one in access),
        "scopesWider": sum(one.direction == WIDER for one in access),
        "scopesNarrower": sum(one.direction == NARROWER for one in access),
    }


def _change_json(change: FindingChange) -> dict[str, Any]:
    found = {
        "state": change.state,
        "note": change.note,
        "isWorse": change.is_worse,
        "isInBase": change.is_in_base,
        "before": None if change.before is None else _before_json(change.before),
        **result(change.finding),
    }
    if change.state == UNKNOWN:
        found["why"] = change.finding.why
    if change.state == SUPPRESSED:
        found["suppression"] = suppression(change.finding)
    return found


def _before_json(finding: Finding) -> dict[str, Any]:
    return {
        "severity": finding.severity.label,
        "resource": finding.resource,
        "message": finding.message,
        "condition": None if finding.condition is None else finding.condition.data(),
        "location": location(finding.at),
    }


def _turned_off_json(entry: TurnedOff) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "text": entry.text,
        "rules": entry.rules,
        "resource": entry.resource or None,
        "isInBase": entry.is_in_base,
        "isCounted": entry.is_counted,
        "location": location(entry.at),
    }


def _door_json(door: OneWayDoor) -> dict[str, Any]:
    return {
        **_setting_json(door),
        "certain": door.is_certain,
        "decidedBy": door.doubt,
        "nameFreeOn": door.free_on or None,
        "location": location(door.at),
    }


def _kept_json(setting: KeptSetting) -> dict[str, Any]:
    return {**_setting_json(setting), "location": location(setting.at)}


def _setting_json(setting: KeptSetting) -> dict[str, Any]:
    return {
        "kind": setting.kind,
        "resource": setting.resource,
        "name": setting.name or None,
        **root_fields(setting),
        "text": setting.text,
    }


def _access_json(change: AccessChange) -> dict[str, Any]:
    return {
        "direction": change.direction,
        "principal": change.principal.label,
        "kind": change.principal.kind,
        "permissions": change.capabilities,
        "vaults": [vault.name for vault in change.vaults],
        "of": [
            {"name": one.name, "resource": one.address, "root": one.root, "world": one.world or None}
            for one in change.vaults
        ],
        "before": change.before,
        "after": change.after,
        "lockout": change.is_lockout,
        "only": change.only,
        "exceptFor": change.except_for,
        "oldScope": change.old_scope or None,
        "newScope": change.new_scope or None,
        "decidedBy": change.path.doubt,
        "path": [{"kind": step.kind, "text": step.text, "location": location(step.at)} for step in change.path.steps],
    }


def sarif(difference: Difference, options: Options) -> bytes:
    """Return the log as UTF-8; equal differences result in equal bytes.

    The log is complete: a log of the new results alone would close the alerts of the others.
    """
    from azkvlint.reporters.findings.sarif import BaselineStates, log

    found: dict[int, set[str]] = {}
    for change in difference.changes:
        before = change.before
        # Unknown and suppressed results are not in the log of BASE.
        is_new = before is not None and (before.outcome is not Outcome.FAIL or before.suppressed is not None)
        found.setdefault(id(change.whole), set()).add("new" if is_new else _STATES.get(change.state, "updated"))
    states = {key: words.pop() if len(words) == 1 else "updated" for key, words in found.items()}
    for finding in difference.report.findings:
        # Of a rule that did not run on both sides nothing earlier is known.
        states.setdefault(id(finding), "new")
    absent = [
        change.finding
        for change in difference.of_state(GONE)
        if change.finding.outcome is Outcome.FAIL and len(change.finding.occurrences) == len(change.whole.occurrences)
    ]
    kept = {id(finding): states[id(finding)] for finding in difference.report.findings}
    return log(difference.report, options, BaselineStates(kept, absent))


def _remark(change: FindingChange) -> str:
    """Return what the state of a finding does not express, in parentheses; "" for most findings."""
    notes = [change.note] if change.note else []
    if change.state == CHANGED and change.before is not None and not change.note:
        notes.append(f"before: {change.before.message}")
    reason = change.finding.suppressed
    if change.state == SUPPRESSED and reason is not None and reason.justification:
        notes.append(f"reason: {reason.justification}")
    return visible(f" ({'; '.join(notes)})") if notes else ""


def _turned_off_text(entry: TurnedOff) -> str:
    return visible(entry.text if entry.is_counted else f"{entry.text} (not counted)")


def basis_text(difference: Difference) -> str:
    """Return by which configuration and suppressions the difference was made, where that matters; else ""."""
    basis, has_entries = difference.basis, bool(difference.turned_off)
    if basis.kind == BY_ITSELF:
        own = difference.report.suppressed or difference.report.configuration
        return "There is no base: the input was checked with its own configuration and suppressions." if own else ""
    if not has_entries:
        return ""
    if basis.kind == ACCEPTED:
        return f"--accept {SUPPRESSED}: each side was checked with its own configuration and suppressions."
    if basis.kind == BY_NONE:
        return (
            "BASE has no configuration of kvlint, so the defaults applied. Only entries about new and changed resources"
            f" count for --fail-on {SUPPRESSED}. {_ACCEPT}"
        )
    of_base = " and the configuration of BASE applied" if basis.kind == BY_BASE else ""
    return f"What this change turns off had no effect{of_base}. {_ACCEPT}"


def _door_text(door: OneWayDoor) -> str:
    """Return a one-way door, with what decides it if it is not certain."""
    return visible(door.text if door.is_certain else f"perhaps: {door.text}; decided by: {door.doubt}")


def _access_text(change: AccessChange) -> str:
    """Return what a principal gains or loses, as one sentence."""
    what = _joined([visible(label) for label in change.labels])
    who = principal_text(change.principal)
    vaults = listed([vault.label for vault in change.vaults])
    if change.direction in (WIDER, NARROWER):
        rest = ": also of every vault that is added to it" if change.direction == WIDER else ""
        scopes = f"at {visible(change.new_scope)}, before at {visible(change.old_scope)}"
        return f"{vaults}: {who} can {what} {scopes}{rest}"
    if change.direction == LOST:
        verb = "can no longer" if change.after == "no" else "may no longer be able to"
        note = ", which was only possible before" if change.before == "perhaps" else ""
    else:
        verb = "can now" if change.after == "yes" else "may now be able to"
        note = ", which was only possible before" if change.before == "perhaps" else ""
    left = ", and has no access left" if change.is_lockout else ""
    return f"{vaults}: {who} {verb} {what}{_objects_text(change)}{note}{left}"


def _objects_text(change: AccessChange) -> str:
    """Return the objects that a change is limited to, in parentheses; "" for all."""
    if change.only:
        return visible(f" (only {listed(list(change.only))})")
    return visible(f" (all but {listed(list(change.except_for))})") if change.except_for else ""


def _access_path(change: AccessChange) -> str:
    """Return by which path a principal has the access now, or had it before."""
    when = "before" if change.direction == LOST else "by"
    doubt = f"; decided by: {visible(change.path.doubt)}" if change.path.doubt and change.after == "perhaps" else ""
    return f"{when}: {path_text(change.path)}{doubt}"


def _joined(words: list[str]) -> str:
    return " and ".join(word for word in (", ".join(words[:-1]), words[-1]) if word)


def _summary(difference: Difference) -> str:
    """Return the numbers of differences in one sentence."""
    parts = list(_counts(difference))
    line = f"{', '.join(parts)}." if parts else _NONE
    moved = len(difference.of_state(MOVED))
    if moved:
        line += f" {pluralize(moved, 'finding')} moved."
    if difference.base_commit:
        line += f" BASE is the commit {difference.base_commit[:_SHORT]}."
    if not difference.is_complete:
        line += f" {_INCOMPLETE}"
    if not difference.has_access:
        line += f" {_WITHOUT_RESOURCES}"
    return line


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
            folders = test_folders(report) if state != GONE else ""
            yield f"{len(found) - len(own)} {state} in tests and examples{folders}"
    if difference.turned_off:
        yield f"{pluralize(len(difference.turned_off), 'check')} turned off"
    unknown, suppressed = difference.of_state(UNKNOWN), difference.of_state(SUPPRESSED)
    if unknown:
        yield f"{pluralize(len(unknown), 'result')} newly unknown"
    if suppressed:
        yield f"{pluralize(len(suppressed), 'finding')} newly suppressed"
    if difference.doors:
        yield pluralize(len(difference.doors), "one-way door")
    if difference.kept:
        yield f"{pluralize(len(difference.kept), 'setting')} unchanged on existing vaults"
    yield from _access_counts(difference)


def _access_counts(difference: Difference) -> Iterator[str]:
    for direction, verb in ((LOST, "lose"), (GAINED, "gain")):
        changes = [one for one in difference.access if one.direction == direction]
        sure = {_principal_id(one) for one in changes if one.after != "perhaps"}
        possible = {_principal_id(one) for one in changes} - sure
        if sure:
            yield f"{pluralize(len(sure), 'principal')} {verb}{'s' if len(sure) == 1 else ''} access"
        if possible:
            yield f"{pluralize(len(possible), 'principal')} may {verb} access"
    for direction in (WIDER, NARROWER):
        wide = {_principal_id(one) for one in difference.access if one.direction == direction}
        if wide:
            yield f"{pluralize(len(wide), 'principal')} with a {direction} scope"


def _principal_id(change: AccessChange) -> tuple[str, ...]:
    """Return what identifies a principal: its object ID, or its root, base world and key."""
    own, vault = change.principal, change.vaults[0]
    return (own.key,) if own.is_known_everywhere else (vault.root, vault.world, own.key)


def gate_text(gate: str, count: int) -> str:
    """Return that a gate is broken."""
    return f"{visible(gate)}: {pluralize(count, 'difference')}"


DIFFERENCE_REPORTERS: Mapping[str, Reporter[Difference]] = {
    "text": text,
    "json": json,
    "markdown": markdown,
    "sarif": sarif,
}
"""All formats of ``kvlint diff`` by their names in ``--format``."""
