"""The code action that ignores a finding: a comment or metadata with a reason and an end date, proven to work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta

from azkvlint.fixes.editor import editor_of
from azkvlint.model.edit import Literal, Refusal, TextEdit, apply
from azkvlint.model.finding import Finding, Report
from azkvlint.readers.discover import JSON, MODULE_ENDINGS
from azkvlint.syntax.positions import Lines

REASON = "state the reason"
_MARKERS = {".tf": "#", ".tofu": "#", ".hcl": "#", ".bicep": "//"}
_DAYS = 90
_IGNORE = ("metadata", "kvlint", "ignore")


def can_be_ignored(path: str) -> bool:
    """Return whether a comment, or metadata in a template, can ignore a finding in a file."""
    return _marker(path) != "" or _is_template(path)


def end_of(today: date) -> date:
    """Return the last day on which a new comment applies."""
    return today + timedelta(days=_DAYS)


def ignoring_edits(
    finding: Finding, text: str, until: date, report: Report, check: Callable[[str], Report]
) -> tuple[TextEdit, ...]:
    """Return the edits of ``text`` that ignore a finding of its ``report``; empty if none do.

    ``check`` returns the report with another text in place of it. Nothing else in the report becomes worse.
    """
    for edits in _candidates(finding, text, until):
        after = check(apply(text, edits))
        ignored = any(one.fingerprint == finding.fingerprint for one in after.suppressed)
        if ignored and len(after.problems) <= len(report.problems) and len(after.findings) < len(report.findings):
            return edits
    return ()


def _candidates(finding: Finding, text: str, until: date) -> Iterator[tuple[TextEdit, ...]]:
    """Yield comments above the finding and above its resource, then at the end of these lines; or metadata."""
    path, lines = finding.at.path, Lines(text)
    if _is_template(path):
        yield from _metadata(finding, text, until)
        return
    places = (finding.at, finding.attribute_at, finding.resource_at)
    numbers = [at.region.start_line for at in places if at is not None and at.path == path and at.region is not None]
    comment = f"{_marker(path)} kvlint: ignore[{finding.rule.id}] {REASON} until={until.isoformat()}"
    ending = "\r\n" if "\r\n" in text else "\n"
    starts = lines.starts
    spans = [(starts[number - 1], starts[number] if number < len(starts) else len(text)) for number in numbers]
    spans = list(dict.fromkeys(spans))
    for start, end in spans:
        line = text[start:end]
        indent = line[: len(line) - len(line.lstrip(" \t"))]
        yield (TextEdit(path=path, start=start, end=start, replacement=f"{indent}{comment}{ending}"),)
    for start, end in spans:
        at = start + len(text[start:end].rstrip())
        yield (TextEdit(path=path, start=at, end=at, replacement=f" {comment}"),)


def _metadata(finding: Finding, text: str, until: date) -> Iterator[tuple[TextEdit, ...]]:
    """Yield edits of the metadata of the resource in a template."""
    at = finding.resource_at or finding.at
    entry: dict[str, Literal] = {"rules": [finding.rule.id], "reason": REASON, "until": until.isoformat()}
    if at.path != finding.at.path or at.pointer is None:
        return
    # A resource is located at its type.
    resource = at.pointer[:-1] if at.pointer[-1:] == ("type",) else at.pointer
    try:
        editor = editor_of(at.path, text)
        if editor.lookup(resource, _IGNORE) is None:
            yield editor.set_value(resource, _IGNORE, [entry])
        else:
            yield editor.add_block((*resource, *_IGNORE[:-1]), _IGNORE[-1], entry)
    except Refusal:
        return


def _is_template(path: str) -> bool:
    """Return whether the file can be an ARM template: Terraform's JSON has neither comments nor metadata."""
    return path.lower().endswith(JSON) and not path.lower().endswith(MODULE_ENDINGS)


def _marker(path: str) -> str:
    """Return what begins a comment in a file; empty if it has none."""
    return next((marker for ending, marker in _MARKERS.items() if path.lower().endswith(ending)), "")
