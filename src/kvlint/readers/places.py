"""Locations in templates and Bicep files -> regions and excerpts, found only for those that somebody will see."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Protocol, TypeAlias

import msgspec

from kvlint.model.source import Excerpt, Location, Region
from kvlint.regex import regex
from kvlint.syntax.jsonc import locate
from kvlint.syntax.linehash import LineHashes
from kvlint.syntax.lines import MAX_CHARACTERS, Lines

Spot: TypeAlias = tuple[str, tuple[str | int, ...]]
Places: TypeAlias = Mapping[Spot, tuple[Region, Excerpt]]

# Values that an excerpt must not show, whatever it is for: what stands behind a name that speaks of a secret. A name is
# looked at once, from its start, or a long one would take the square of its length.
_NAME = (
    r"(?=\w*?(?=[acempstv])(?:contents|password|passwd|passphrase|pfx|pwd|secret|token|credential|connection_?string"
    r"|sas|signature|value"
    r"|(?:access|account|api|auth|encryption|master|primary|private|secondary|shared|signing|storage)_?key))"
)
_NAMES = regex(_NAME, re.IGNORECASE)
_SECRET = regex(
    rf"(?<!\w){_NAME}"
    r"\w++['\"]?\s*+(?:[A-Za-z]++\??\s*+)?[:=]\s*+"
    r"(?P<text>\'\'\'(?:[^']|'(?!''))*+\'\'\'|'(?:[^'\\\n]|\\.)*+'|\"(?:[^\"\\\n]|\\.)*+\")",
    re.IGNORECASE,
)
# A text that says of itself that it holds one: a connection string, a signed address.
_LITERAL = regex(r"'''(?:[^']|'(?!''))*+'''|'(?:[^'\\\n]|\\.)*+'|\"(?:[^\"\\\n]|\\.)*+\"")
_TELLS = regex(r"(?i)(?:^|[;?&\s])(?:password|pwd|accountkey|sharedaccesskey|sharedaccesssignature|sig)\s*=\s*\S")
_QUOTE = regex("['\"]")
_KEY = regex(r"(?:'(?:[^'\\\n]|\\.)*+'|\"(?:[^\"\\\n]|\\.)*+\")\s*+:")
# Nobody writes longer lines of JSON by hand: of one that a program wrote, only the place itself is shown.
_LONG_LINE = 300
# A decorator, a parameter up to its default, and how the line after it begins.
_SECURE = regex(r"@(?:sys[ \t]*+\.[ \t]*+)?secure[ \t]*+\(")
_DEFAULT = regex(r"^[ \t]*+param\b[^=\r\n]*+=", re.MULTILINE)
_NEXT = regex(r"[\r\n]++(?=[\w@#/])")
# A line with texts: the head of a block or resource, or one text by its name, perhaps cut off.
_QUOTED = regex(r"['\"]|<<")
_NAMED = regex(
    r"""[ \t]*+(?:
      [A-Za-z]++(?:[ \t]++[\w"'-]++)*+[ \t]*+\{?
    | (?:resource|module|param|var|output)\b[^'"(\[{]*+(?:'[^'\n]*+'?)?+[ \t]*+=?[ \t]*+(?:if\b[^'"]*+)?+[\[{]?
    | [\w.-]++[ \t]*+[=:][ \t]*+(?:"[^"\n]*+"?|'[^'\n]*+'?),?[ \t]*+(?:(?:\#|//)[^'"]*+)?
    | "[\w.$-]*+"[ \t]*+:[ \t]*+(?:"[^"\n]*+"?|[^'"\[{]*+[\[{]?),?
    | "[\w.$-]*+
    )[ \t]*+""",
    re.VERBOSE,
)
# A value that is no secret: an IP rule's.
_ADDRESS = regex(r"['\"]?[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+(?:/[0-9]+)?['\"]?")


class Hidden(Protocol):
    """What must not be shown of one text, by whoever can read it."""

    def within(self, low: int, high: int, /) -> list[tuple[int, int]]:
        """The spans between two offsets, and those that reach into them."""


def spot_of(at: Location) -> Spot | None:
    """What tells a place from others; None for a location without one."""
    if at.pointer is not None:
        return at.path, at.pointer
    return None if at.span is None else (at.path, at.span)


def names_secret(name: str) -> bool:
    """Whether a name speaks of a secret."""
    return _NAMES.match(name) is not None


def tells_secret(text: str) -> bool:
    """Whether a text holds a secret by what it says of itself: ``...;AccountKey=...``."""
    return _TELLS.search(text) is not None


def is_address(text: str) -> bool:
    """Whether a value is an IP rule's, and so no secret whatever its name."""
    return _ADDRESS.fullmatch(text) is not None


def places_of(
    files: Mapping[str, str],
    locations: Iterable[Location],
    hidden: Callable[[str], Hidden | None] = lambda _: None,
    secrets: Iterable[Location] = (),
) -> Places:
    """Region and excerpt of each location that has a place in ``files`` (texts by reported path).

    ``hidden`` tells of a path what must not be shown of its text, besides what speaks for itself and the texts of the
    values at ``secrets``.
    """
    wanted = _spots(locations, files)
    kept = _spots(secrets, wanted) if wanted else {}
    found: dict[Spot, tuple[Region, Excerpt]] = {}
    for path, spots in wanted.items():
        text = files[path]
        lines = Lines(text)
        hashes = LineHashes(lines)
        values = kept.get(path, {})
        pointed = locate(text, [at.pointer for at in (spots | values).values() if at.pointer is not None])
        told = {
            spot: at.span if at.pointer is None else pointed.get(at.pointer) for spot, at in (spots | values).items()
        }
        own = [_written(text, *span) for spot in values if (span := told[spot]) is not None]
        around = _Secrets(lines, hidden(path), [span for span in own if span is not None])
        for spot, at in spots.items():
            whole = told[spot]
            if whole is not None:
                span = lines.shortened(*whole)
                is_json = at.pointer is not None or path.endswith(".json")
                region = lines.region(*span)
                excerpt = lines.excerpt(*span, hidden=around.around(*span, is_json))
                shown = around.are_apart_from(hashes.span(region.start_line), is_json)
                line_hash = hashes.of(region.start_line) if shown else ""
                found[spot] = region, msgspec.structs.replace(excerpt, line_hash=line_hash)
    return found


def _spots(locations: Iterable[Location], paths: Container[str]) -> dict[str, dict[Spot, Location]]:
    """The locations that have a place in files with these paths, by path."""
    found: dict[str, dict[Spot, Location]] = {}
    for at in locations:
        spot = spot_of(at)
        if spot is not None and at.path in paths:
            found.setdefault(at.path, {})[spot] = at
    return found


class _Secrets:
    """What must not be shown of one text. Lines are looked through once, for any number of places may lie in one."""

    def __init__(self, lines: Lines, hidden: Hidden | None, own: Iterable[tuple[int, int]] = ()) -> None:
        self._lines = lines
        self._own = sorted(own)
        self._hidden = hidden
        self._text = lines.text
        self._secure: list[tuple[int, int]] | None = None
        self._known: dict[tuple[int, int], list[tuple[int, int]]] = {}

    def around(self, start: int, end: int, is_json: bool) -> list[tuple[int, int]]:
        """The parts of the lines from ``start`` to ``end`` that may be secrets, as far as an excerpt reaches."""
        starts = self._lines.starts
        low = starts[bisect_right(starts, start) - 1]
        after = bisect_right(starts, end)
        high = starts[after] if after < len(starts) else len(self._text)
        spans = self._spans(low, high)
        first = bisect_left(spans, (start - MAX_CHARACTERS,))
        last = bisect_left(spans, (start + MAX_CHARACTERS,))
        found = spans[max(first - 1, 0) : last]
        if self._hidden is not None:
            found += self._hidden.within(max(low, start - MAX_CHARACTERS), min(high, start + MAX_CHARACTERS))
        # They do not lie within each other.
        first = max(bisect_left(self._own, (max(low, start - MAX_CHARACTERS),)) - 1, 0)
        found += self._own[first : bisect_left(self._own, (min(high, start + MAX_CHARACTERS),))]
        if not is_json:
            if self._secure is None:
                self._secure = list(_secure_defaults(self._text))
            found += self._secure
        else:
            found += [side for side in ((low, start), (end, high)) if side[1] - side[0] > _LONG_LINE]
        return found

    def are_apart_from(self, span: tuple[int, int], is_json: bool) -> bool:
        """Whether a span, which begins a line, holds no part of any.

        Nobody knows what a text is that has no name of its own: in a list, a map, a call or over several lines.
        """
        start, end = span
        if any(low < end and high > start for low, high in self.around(start, end, is_json)):
            return False
        return all(_NAMED.fullmatch(line) for line in self._text[start:end].splitlines() if _QUOTED.search(line))

    def _spans(self, low: int, high: int) -> list[tuple[int, int]]:
        if (low, high) not in self._known:
            matches = _SECRET.finditer(self._text, low, high)
            named = [one.span("text") for one in matches if not is_address(one["text"])]
            texts = _LITERAL.finditer(self._text, low, high)
            named += [one.span() for one in texts if "=" in one[0] and tells_secret(one[0][1:])]
            self._known[low, high] = sorted(named)
        return self._known[low, high]


def _written(text: str, start: int, end: int) -> tuple[int, int] | None:
    """From the first to the last quote of what is written of a value, without the key before it."""
    key = _KEY.match(text, start, end)
    first = _QUOTE.search(text, start if key is None else key.end(), end)
    if first is None:
        return None
    return first.start(), max(text.rfind(quote, start, end) for quote in "'\"") + 1


def _secure_defaults(text: str) -> Iterator[tuple[int, int]]:
    """The default values of the secure parameters of a Bicep file."""
    for match in _SECURE.finditer(text):
        parameter = _DEFAULT.search(text, match.end(), match.end() + MAX_CHARACTERS)
        if parameter is not None:
            end = _NEXT.search(text, parameter.end())
            yield parameter.end(), len(text) if end is None else end.start()
