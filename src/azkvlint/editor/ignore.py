"""The code action that ignores a finding: a comment with a reason and an end date, where it has an effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta

from azkvlint.model.edit import TextEdit, apply
from azkvlint.model.finding import Finding, Report
from azkvlint.syntax.positions import Lines

REASON = "state the reason"
_MARKERS = {".tf": "#", ".tofu": "#", ".hcl": "#", ".bicep": "//"}
_DAYS = 90


def can_be_ignored(path: str) -> bool:
    """Return whether a comment in a file can ignore a finding."""
    return _marker(path) != ""


def end_of(today: date) -> date:
    """Return the last day on which a new comment applies."""
    return today + timedelta(days=_DAYS)


def ignoring_edit(
    finding: Finding, text: str, until: date, report: Report, check: Callable[[str], Report]
) -> TextEdit | None:
    """Return the edit of ``text`` that ignores a finding of its ``report``; None if no comment does.

    ``check`` returns the report with another text in place of it. The edit changes nothing else in the report.
    """
    for edit in _candidates(finding, text, until):
        after = check(apply(text, [edit]))
        ignored = any(one.fingerprint == finding.fingerprint for one in after.suppressed)
        if ignored and len(after.problems) <= len(report.problems) and len(after.findings) < len(report.findings):
            return edit
    return None


def _candidates(finding: Finding, text: str, until: date) -> Iterator[TextEdit]:
    """Yield comments above the finding and above its resource, then at the end of these lines."""
    path, lines = finding.at.path, Lines(text)
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
        yield TextEdit(path=path, start=start, end=start, replacement=f"{indent}{comment}{ending}")
    for start, end in spans:
        at = start + len(text[start:end].rstrip())
        yield TextEdit(path=path, start=at, end=at, replacement=f" {comment}")


def _marker(path: str) -> str:
    """Return what begins a comment in a file; empty if it has none."""
    return next((marker for ending, marker in _MARKERS.items() if path.lower().endswith(ending)), "")
