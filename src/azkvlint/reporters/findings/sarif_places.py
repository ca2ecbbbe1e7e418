"""Convert places and strings to SARIF."""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import Any

from azkvlint.model.location import Excerpt, Location, Region
from azkvlint.reporters.findings.sarif_rules import encode_uri
from azkvlint.util.lazy_regex import regex
from azkvlint.util.safe_text import visible

ROOT = "%SRCROOT%"
_BRACES = str.maketrans("{}", "()")
_SPECIAL = regex(r"[{}]|\]\(")


def physical(at: Location, excerpt: Excerpt | None) -> dict[str, Any]:
    """Return the physicalLocation of a result, with its excerpt."""
    if at.region is None or excerpt is None:
        # GitHub rejects a log if one result has no line.
        return {"region": {"startLine": 1}} | place(at)
    location: dict[str, Any] = {"artifactLocation": _artifact(at.path)}
    region = _first_line(excerpt.utf16 or at.region)
    if not excerpt.is_shown:
        return location | {"region": region}
    location["region"] = region | {"snippet": {"text": excerpt.text.split("\n", 1)[0]}}
    context = excerpt.context_utf16 or excerpt.context
    if _contains(context, region):
        location["contextRegion"] = _whole(context) | {"snippet": {"text": excerpt.context_text}}
    return location


def place(at: Location) -> dict[str, Any]:
    """Return a physicalLocation with a line only: without an excerpt, columns cannot be converted."""
    line = {} if at.region is None else {"region": {"startLine": at.region.start_line}}
    return {"artifactLocation": _artifact(at.path), **line}


def logical(address: str, name: str) -> dict[str, str]:
    """Return a resource as a logicalLocation."""
    return {"name": name or address, "fullyQualifiedName": address, "kind": "resource"}


@cache
def uri(path: str) -> str:
    """Return a reported path as a URI reference."""
    return encode_uri(path)


@lru_cache(maxsize=8192)
def inert(text: str) -> str:
    """Return a string from a scanned file without placeholders, links and control characters."""
    if _SPECIAL.search(text):
        text = text.translate(_BRACES).replace("](", "] (")
    return visible(text)


def _first_line(region: Region) -> dict[str, int]:
    """Return a region on one line: GitHub shows an alert in a pull request only if the change touches all its lines."""
    if region.end_line > region.start_line:
        return {"startLine": region.start_line, "startColumn": region.start_column}
    return _whole(region)


def _whole(region: Region) -> dict[str, int]:
    return {
        "startLine": region.start_line,
        "startColumn": region.start_column,
        "endLine": region.end_line,
        "endColumn": region.end_column,
    }


def _contains(outer: Region, inner: dict[str, int]) -> bool:
    """Return whether ``outer`` is larger than ``inner``, as a contextRegion must be. No end is the end of the line."""
    start = inner["startLine"], inner["startColumn"]
    end = inner["startLine"], inner.get("endColumn", math.inf)
    low, high = (outer.start_line, outer.start_column), (outer.end_line, outer.end_column)
    return low <= start and end <= high and (low, high) != (start, end)


def _artifact(path: str) -> dict[str, str]:
    return {"uri": uri(path), "uriBaseId": ROOT}
