"""Which files a configuration that came with the code may have kvlint write: reports, and nobody's work."""

from __future__ import annotations

import os

from azkvlint.util.lazy_regex import regex
from azkvlint.util.output_files import read_ends

_ENDINGS = (".sarif", ".json", ".xml", ".md", ".txt", ".log")
_PART = 4_000
# How reports begin: JSON of each kind that names its tool, the list that GitLab takes, JUnit's XML, and Markdown.
_BEGINS = regex(
    rb"""\{\s*"(?:version|\$schema|source)"[\s\S]*"name":\s*"kvlint"|\[\s*\]\s*\Z"""
    rb"""|\[\s*\{\s*"description":[\s\S]*"check_name":\s*"[A-Z]{2,8}-?[0-9]{1,6}\""""
    rb"""|<\?xml[^>]*>\s*<testsuites\ name="kvlint"|\#\#\ [^\n]{1,20}\ kvlint\s"""
)
# How those end that are lines of text.
_ENDS = regex(rb"(?:^|\n)[^\n]*: [0-9,]+ findings?[^\n]*, [0-9,]+ undecided[^\n]*, [0-9,]+ problems?\s*\Z")


def why_not_written(file: str) -> str:
    """Why nobody but the user may have kvlint write to a file; "" if it may."""
    if not file.lower().endswith(_ENDINGS):
        return "it does not end as the name of a report does"
    return "it is there, and is no report of kvlint's" if os.path.lexists(file) and not _is_report(file) else ""


def _is_report(file: str) -> bool:
    """Whether there is nothing in a file but a report of kvlint's, or nothing at all."""
    ends = read_ends(file, _PART)
    if ends is None:
        return False
    head, tail = ends
    return not head.strip() or _BEGINS.match(head) is not None or _ENDS.search(tail) is not None
