"""Escape strings from scanned files for GitHub, GitLab and Azure DevOps Markdown.

Code spans are inert. Outside of them, not only Markdown and HTML are active: user names, issue numbers and addresses
become links, and mentions notify people.
"""

from __future__ import annotations

import re
from functools import lru_cache

from azkvlint.model.finding import Finding, Outcome
from azkvlint.model.value import shortened
from azkvlint.reporters.phrases import call_note, condition_note, occurrence_note
from azkvlint.util.lazy_regex import regex
from azkvlint.util.text import visible

_ACTIVE = regex(r"[\\`*_\[\]#!|~$<>&@]|:(?=//)|www(?=\.)")
# A zero-width space after one of these keeps it from becoming a link.
_JOINING = frozenset({"@", "#", ":", "www"})
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_APART = "&#8203;"
_TICKS = regex("`+")
_MAX_LENGTH = 300
# A backtick of the rule around a placeholder is not needed, because the value is a code span.
CODE_PLACEHOLDER = regex(r"`?\{([\w.]+)\}`?")
# The placeholder that stands for words of kvlint instead of a string from the input.
_CLAUSE = "because"
# Between the names of several attributes, which the rule's own backticks enclose.
_BETWEEN_NAMES = "`, `"


@lru_cache(maxsize=1024)
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
def prose(text: str, *, cell: bool = False) -> str:
    """Return a text on one line, with code spans as its only Markdown; in the ``cell`` of a table, bars are escaped."""
    parts = visible(" ".join(text.split())).split("`")
    if len(parts) % 2 == 0:
        return plain("`".join(parts))
    return "".join(code(part, cell=cell) if index % 2 else plain(part) for index, part in enumerate(parts))


def _prose_between(text: str) -> str:
    """Return a part of a message with the blanks around it."""
    inner = text.strip(" ")
    return text.replace(inner, prose(inner)) if inner else text


def message(finding: Finding, *, cell: bool = True) -> str:
    """Return the message of a finding or unknown result, with all strings from the input in code spans."""
    text = (
        prose(shortened(finding.message, _MAX_LENGTH)) if finding.outcome is Outcome.UNKNOWN else _fill(finding, cell)
    )
    return f"{text}{plain(condition_note(finding) + call_note(finding) + occurrence_note(finding))}"


def _fill(finding: Finding, cell: bool) -> str:
    """Return the rule's message with addresses and values in code spans."""
    names = list(dict.fromkeys(CODE_PLACEHOLDER.findall(finding.template)))
    values = dict(zip(names, finding.arguments, strict=True))
    text = ""
    for index, part in enumerate(CODE_PLACEHOLDER.split(finding.template)):
        if index % 2 == 0:
            text += _prose_between(part)
            continue
        span = prose(shortened(values[part], _MAX_LENGTH)) if part == _CLAUSE else _spans(values[part], cell)
        # Adjacent spans would be parsed as another span.
        text += f"{_APART}{span}" if text.endswith("`") else span
    return text


def _spans(text: str, cell: bool) -> str:
    """Return code spans, of which names of several attributes have one each."""
    return ", ".join(_span(part, cell) for part in text.split(_BETWEEN_NAMES)) or ""


def _span(text: str, cell: bool) -> str:
    return code(visible(shortened(text, _MAX_LENGTH)), cell=cell)
