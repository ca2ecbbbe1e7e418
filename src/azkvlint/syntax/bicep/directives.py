"""Directives of a Bicep file: which diagnostics its author does not want to see, and where."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from azkvlint.util.lazy_regex import regex

Suppression: TypeAlias = tuple[int, tuple[str, ...]]
Region: TypeAlias = tuple[int, int, tuple[str, ...]]

_MARKS = regex(
    r"(?P<text>'(?:''(?s:.*?)(?:'''(?!')|\Z)|(?:[^'\\\r\n]++|\\.)*+))"
    r"|//[^\r\n]*+|/\*(?s:.*?)(?:\*/|\Z)"
    r"|(?:\A\ufeff?|(?<=[\r\n]))[ \t]*+\#(?P<what>disable-next-line|disable-diagnostics|restore-diagnostics)"
    r"(?P<ids>(?:[ \t]++[A-Za-z0-9_-]++)*+)[^\r\n]*+(?:\r?\n|\r|\Z)"
)


def directives(text: str, texts: Mapping[int, int]) -> tuple[tuple[Suppression, ...], tuple[Region, ...]]:
    """Return the lines and regions in which IDs are disabled. ``texts``: spans of strings that are not plain."""
    if "#disable-" not in text:
        return (), ()
    lines: list[Suppression] = []
    regions: list[Region] = []
    opened: dict[str, int] = {}
    for match in _matches(text, texts):
        what, ids = match["what"], tuple(match["ids"].split())
        if what == "disable-next-line":
            lines.append((match.end(), ids))
        elif what == "disable-diagnostics":
            for id_ in ids:
                opened.setdefault(id_, match.end())
        else:
            regions.extend((opened.pop(id_), match.start(), (id_,)) for id_ in ids if id_ in opened)
    regions.extend((start, len(text), (id_,)) for id_, start in opened.items())
    return tuple(lines), tuple(sorted(regions))


def _matches(text: str, texts: Mapping[int, int]) -> Iterator[re.Match[str]]:
    """Yield the directives in their order, not those within comments and texts."""
    at = 0
    while (match := _MARKS.search(text, at)) is not None:
        at = match.end()
        if match["what"]:
            yield match
        elif match["text"]:
            # What is known of a text is right; the pattern does not see that one text can be within another.
            at = max(texts.get(match.start(), at), match.start() + 1)
