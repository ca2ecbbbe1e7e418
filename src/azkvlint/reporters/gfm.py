"""Escape strings from scanned files for GitHub, GitLab and Azure DevOps Markdown.

Code spans are inert. Outside of them, not only Markdown and HTML are active: user names, issue numbers and addresses
become links, and mentions notify people.
"""

from __future__ import annotations

import re
from functools import lru_cache

from azkvlint.model.finding import Finding, Outcome
from azkvlint.reporters.phrases import call_note, occurrence_note, pieces
from azkvlint.util.lazy_regex import regex
from azkvlint.util.safe_text import visible

_ACTIVE = regex(r"[\\`*_\[\]#!|~$<>&@]|:(?=//)|www(?=\.)")
# A zero-width space after one of these keeps it from becoming a link.
_JOINING = frozenset({"@", "#", ":", "www"})
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_APART = "&#8203;"
_TICKS = regex("`+")
_MAX_LENGTH = 300


def plain(text: str) -> str:
    """Return a string with all Markdown and HTML escaped."""
    return _ACTIVE.sub(_inert, text)


def _inert(match: re.Match[str]) -> str:
    found = match[0]
    escaped = _ENTITIES.get(found) or (found if found in _JOINING - {"#"} else f"\\{found}")
    return escaped + _APART if found in _JOINING else escaped


def code(text: str, *, cell: bool = True) -> str:
    """Return a code span that no backtick in ``text`` ends; in the ``cell`` of a table, bars are escaped too."""
    if not text:
        return ""
    ticks = "`" * (max((len(run) for run in _TICKS.findall(text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    span = f"{ticks}{pad}{text}{pad}{ticks}"
    return span.replace("|", "\\|") if cell else span


@lru_cache(maxsize=1024)
def prose(text: str) -> str:
    """Return a rule's text on one line, with code spans as its only Markdown."""
    parts = visible(" ".join(text.split())).split("`")
    if len(parts) % 2 == 0:
        return plain("`".join(parts))
    return "".join(code(part, cell=False) if index % 2 else plain(part) for index, part in enumerate(parts))


def message(finding: Finding, *, cell: bool = True) -> str:
    """Return the message of a finding or unknown result, with all strings from the input in code spans."""
    if finding.outcome is Outcome.UNKNOWN:
        text = f"{_span(finding.resource, cell)} cannot be judged: {plain(visible(_cut(finding.why)))}"
    else:
        text = _fill(finding, cell)
    return f"{text}{plain(call_note(finding) + occurrence_note(finding))}"


def _fill(finding: Finding, cell: bool) -> str:
    """Return the rule's message with code spans instead of its quotes."""
    text = ""
    quoted = False
    for piece in pieces(finding.rule.message):
        if isinstance(piece, str):
            text += plain(visible(piece.removeprefix("'") if quoted else piece))
            quoted = False
            continue
        span = _span(finding.arguments[piece], cell)
        quoted = bool(span) and text.endswith("'")
        text = text.removesuffix("'") if quoted else text
        # Adjacent spans would be parsed as another span.
        text += f"{_APART}{span}" if text.endswith("`") else span
    return text


def _span(text: str, cell: bool) -> str:
    return code(visible(_cut(text)), cell=cell)


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}..."
