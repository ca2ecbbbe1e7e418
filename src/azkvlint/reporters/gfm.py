"""Text from scanned files inside Markdown, as GitHub, GitLab and Azure DevOps read it: it stays text.

Inside a code span nothing acts. Outside of one, not only Markdown and HTML do: names of people and numbers of issues
become links, and notify those people; so does what looks like an address.
"""

from __future__ import annotations

import re
from functools import lru_cache

from azkvlint.model.finding import Finding, Outcome
from azkvlint.reporters.phrases import call_note, occurrence_note, pieces
from azkvlint.util.lazy_regex import regex
from azkvlint.util.safe_text import visible

_ACTIVE = regex(r"[\\`*_\[\]#!|~$<>&@]|:(?=//)|www(?=\.)")
# After these a character that nobody sees parts what must not be read as one.
_JOINING = frozenset({"@", "#", ":", "www"})
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_APART = "&#8203;"
_TICKS = regex("`+")
_MAX_LENGTH = 300


def plain(text: str) -> str:
    """Return text that neither Markdown nor HTML takes for more."""
    return _ACTIVE.sub(_inert, text)


def _inert(match: re.Match[str]) -> str:
    found = match[0]
    shown = _ENTITIES.get(found) or (found if found in _JOINING - {"#"} else f"\\{found}")
    return shown + _APART if found in _JOINING else shown


def code(text: str, *, cell: bool = True) -> str:
    """Return text in a code span, which ends at no backtick that is in it; a ``cell`` of a table ends at a bar even
    there.
    """
    if not text:
        return ""
    ticks = "`" * (max((len(run) for run in _TICKS.findall(text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    span = f"{ticks}{pad}{text}{pad}{ticks}"
    return span.replace("|", "\\|") if cell else span


@lru_cache(maxsize=1024)
def prose(text: str) -> str:
    """Return a rule's own words on one line: of Markdown they have code spans, and nothing else."""
    parts = visible(" ".join(text.split())).split("`")
    if len(parts) % 2 == 0:
        return plain("`".join(parts))
    return "".join(code(part, cell=False) if index % 2 else plain(part) for index, part in enumerate(parts))


def message(finding: Finding, *, cell: bool = True) -> str:
    """Return what is wrong, or that it is unknown, with everything of the input in code spans."""
    if finding.outcome is Outcome.UNDECIDED:
        said = f"{_span(finding.resource, cell)} cannot be judged: {plain(visible(_cut(finding.why)))}"
    else:
        said = _fill(finding, cell)
    return f"{said}{plain(call_note(finding) + occurrence_note(finding))}"


def _fill(finding: Finding, cell: bool) -> str:
    """Return the rule's message with code spans instead of its quotes."""
    said = ""
    quoted = False
    for piece in pieces(finding.rule.message):
        if isinstance(piece, str):
            said += plain(visible(piece.removeprefix("'") if quoted else piece))
            quoted = False
            continue
        span = _span(finding.arguments[piece], cell)
        quoted = bool(span) and said.endswith("'")
        said = said.removesuffix("'") if quoted else said
        # Two spans that touch would be read as another one.
        said += f"{_APART}{span}" if said.endswith("`") else span
    return said


def _span(text: str, cell: bool) -> str:
    return code(visible(_cut(text)), cell=cell)


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}..."
