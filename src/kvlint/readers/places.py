"""Locations in templates and Bicep files -> regions and excerpts, found only for those that somebody will see."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from kvlint.model.source import Excerpt, Location, Region
from kvlint.syntax.jsonc import locate
from kvlint.syntax.lines import Lines

Spot: TypeAlias = tuple[str, tuple[str | int, ...]]
Places: TypeAlias = Mapping[Spot, tuple[Region, Excerpt]]

# Values that an excerpt must not show, whatever it is for: what stands behind a name that speaks of a secret.
_SECRET = re.compile(
    r"(?:password|passwd|pwd|secret|token|credential|connectionstring|privatekey|sas|value)\w*['\"]?\s*[:=]\s*"
    r"(?P<text>\'\'\'(?:[^']|'(?!''))*+\'\'\'|'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\")",
    re.IGNORECASE,
)
# A value that is no secret: an IP rule's.
_ADDRESS = re.compile(r"['\"][0-9]+\.[0-9]+\.[0-9]+\.[0-9]+(?:/[0-9]+)?['\"]")


def spot_of(at: Location) -> Spot | None:
    """What tells a place from others; None for a location without one."""
    if at.pointer is not None:
        return at.path, at.pointer
    return None if at.span is None else (at.path, at.span)


def places_of(files: Mapping[str, str], locations: Iterable[Location]) -> Places:
    """Region and excerpt of each location that has a place in ``files`` (texts by reported path)."""
    wanted: dict[str, dict[Spot, Location]] = {}
    for at in locations:
        spot = spot_of(at)
        if spot is not None and at.path in files:
            wanted.setdefault(at.path, {})[spot] = at
    found: dict[Spot, tuple[Region, Excerpt]] = {}
    for path, spots in wanted.items():
        text = files[path]
        lines = Lines(text)
        pointed = locate(text, [at.pointer for at in spots.values() if at.pointer is not None])
        for spot, at in spots.items():
            span = at.span if at.pointer is None else pointed.get(at.pointer)
            if span is not None:
                found[spot] = lines.region(*span), lines.excerpt(*span, hidden=_hidden(text, *span))
    return found


def _hidden(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The parts of the lines from ``start`` to ``end`` that may be secrets."""
    low = text.rfind("\n", 0, start) + 1
    high = text.find("\n", end)
    high = len(text) if high < 0 else high
    found = _SECRET.finditer(text, low, high)
    return [match.span("text") for match in found if _ADDRESS.fullmatch(match["text"]) is None]
