"""Locations in templates and source files -> regions and excerpts without secrets.

Regions are found only for locations that a report shows. Of JSON only the text of the excerpt is read, so that nothing
is known of a document but the names in it.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeAlias

import msgspec

from azkvlint.model.location import Excerpt, Location, Region
from azkvlint.syntax.json_decoder import COMMENT, STRING, Pointer
from azkvlint.syntax.json_positions import locate
from azkvlint.syntax.line_hash import LineHashes
from azkvlint.syntax.positions import MAX_CHARACTERS, Lines
from azkvlint.util.lazy_regex import regex
from azkvlint.util.secret_names import NAME, contains_secret, is_harmless, suggests_secret

Spot: TypeAlias = tuple[str, tuple[str | int, ...]]
Places: TypeAlias = Mapping[Spot, tuple[Region, Excerpt]]

# A string behind a name that speaks of a secret, whatever it is for.
_SECRET = regex(
    rf"(?<!\w){NAME}"
    r"\w++['\"]?\s*+(?:[A-Za-z]++\??\s*+)?[:=]\s*+"
    r"(?P<text>\'\'\'(?:[^']|'(?!''))*+\'\'\'|'(?:[^'\\\n]|\\.)*+'|\"(?:[^\"\\\n]|\\.)*+\")",
    re.IGNORECASE,
)
_LITERAL = regex(r"'''(?:[^']|'(?!''))*+'''|'(?:[^'\\\n]|\\.)*+'|\"(?:[^\"\\\n]|\\.)*+\"")
_QUOTE = regex("['\"]")
_KEY = regex(r"(?:'(?:[^'\\\n]|\\.)*+'|\"(?:[^\"\\\n]|\\.)*+\")\s*+:")
# A decorator, a parameter up to its default, and how the line after it begins.
_SECURE_DECORATOR = regex(r"@(?:sys[ \t]*+\.[ \t]*+)?secure[ \t]*+\(")
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


class Hidden(Protocol):
    """What must not be shown of one text, whatever language it is in."""

    def within(self, low: int, high: int, /) -> list[tuple[int, int]]:
        """Return the spans between two offsets, and those that reach into them."""


def spot_of(at: Location) -> Spot | None:
    """Return what tells a place from others; None for a location without one."""
    if at.pointer is not None:
        return at.path, at.pointer
    return None if at.span is None else (at.path, at.span)


def places_of(
    files: Mapping[str, str],
    locations: Iterable[Location],
    hidden: Callable[[str], Hidden | None] = lambda _: None,
    secrets: Iterable[Location] = (),
    data: Container[str] = (),
) -> Places:
    """Return region and excerpt of each location that has a place in ``files`` (texts by reported path).

    ``hidden`` returns what must not be shown of the text of a path, besides what speaks for itself and the texts of the
    values at ``secrets``. ``data`` are the paths of files that hold values: of those an excerpt has no text at all.
    """
    wanted = _spots(locations, files)
    kept = _spots(secrets, wanted) if wanted else {}
    found: dict[Spot, tuple[Region, Excerpt]] = {}
    for path, spots in wanted.items():
        text = files[path]
        lines = Lines(text)
        if path in data:
            pointed = locate(text, [at.pointer for at in spots.values() if at.pointer is not None])
            for spot, at in spots.items():
                whole = at.span if at.pointer is None else pointed.get(at.pointer)
                if whole is not None:
                    found[spot] = lines.region(*whole), lines.without_text(*whole)
            continue
        hashes = LineHashes(lines)
        values = kept.get(path, {})
        pointed = locate(text, [at.pointer for at in (spots | values).values() if at.pointer is not None])
        spans = {
            spot: at.span if at.pointer is None else pointed.get(at.pointer) for spot, at in (spots | values).items()
        }
        own = [_value_span(text, *span) for spot in values if (span := spans[spot]) is not None]
        around = _Secrets(lines, hidden(path), [span for span in own if span is not None])
        for spot, at in spots.items():
            whole = spans[spot]
            if whole is not None:
                span = lines.shortened(*whole)
                is_json = at.pointer is not None or path.endswith(".json")
                region = lines.region(*span)
                excerpt = lines.excerpt(*span, hidden=around.around(*span, is_json, at.pointer or ()))
                shown = around.are_absent_from(hashes.span(region.start_line), is_json, at.pointer or ())
                line_hash = hashes.hash_line(region.start_line) if shown else ""
                found[spot] = region, msgspec.structs.replace(excerpt, line_hash=line_hash)
    return found


def _spots(locations: Iterable[Location], paths: Container[str]) -> dict[str, dict[Spot, Location]]:
    """Return the locations that have a place in files with these paths, by path."""
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

    def around(self, start: int, end: int, is_json: bool, pointer: Pointer) -> list[tuple[int, int]]:
        """Return the parts of the lines from ``start`` to ``end`` that no excerpt shows, as far as it reaches."""
        low, high = self._whole_lines(start, end)
        found = self._secrets(start, low, high)
        if is_json:
            # Nobody knows what stands beside a place: one line may hold a whole document.
            found += text_beside(self._text, low, start, end, high)
            if pointer:
                below = is_below_secret(pointer)
                found += secret_values(self._text, start, min(end, start + MAX_CHARACTERS), below)
        return found

    def _whole_lines(self, start: int, end: int) -> tuple[int, int]:
        """Return where the lines that a span touches begin and end."""
        starts = self._lines.starts
        after = bisect_right(starts, end)
        high = starts[after] if after < len(starts) else len(self._text)
        return starts[bisect_right(starts, start) - 1], high

    def _secrets(self, start: int, low: int, high: int) -> list[tuple[int, int]]:
        """Return what is known to be secret of the lines of a span."""
        spans = self._spans(low, high)
        first = bisect_left(spans, (start - MAX_CHARACTERS,))
        last = bisect_left(spans, (start + MAX_CHARACTERS,))
        found = spans[max(first - 1, 0) : last]
        if self._hidden is not None:
            found += self._hidden.within(max(low, start - MAX_CHARACTERS), min(high, start + MAX_CHARACTERS))
        # They do not lie within each other.
        first = max(bisect_left(self._own, (max(low, start - MAX_CHARACTERS),)) - 1, 0)
        found += self._own[first : bisect_left(self._own, (min(high, start + MAX_CHARACTERS),))]
        if self._secure is None:
            self._secure = list(_secure_defaults(self._text)) if "@" in self._text else []
        return found + self._secure

    def are_absent_from(self, span: tuple[int, int], is_json: bool, pointer: Pointer) -> bool:
        """Return whether a span, which begins a line, holds no secret.

        Nobody knows what a text is that has no name of its own: in a list, a map, a call or over several lines.
        """
        start, end = span
        found = self._secrets(start, *self._whole_lines(start, end))
        if is_json:
            found += secret_values(self._text, start, end, is_below_secret(pointer))
        if any(low < end and high > start for low, high in found):
            return False
        return all(_NAMED.fullmatch(line) for line in self._text[start:end].splitlines() if _QUOTED.search(line))

    def _spans(self, low: int, high: int) -> list[tuple[int, int]]:
        if (low, high) not in self._known:
            matches = _SECRET.finditer(self._text, low, high)
            named = [one.span("text") for one in matches if not is_harmless(one["text"])]
            texts = _LITERAL.finditer(self._text, low, high)
            named += [one.span() for one in texts if "=" in one[0] and contains_secret(one[0][1:])]
            self._known[low, high] = sorted(named)
        return self._known[low, high]


def _value_span(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Return from the first to the last quote of what is written of a value, without the key before it."""
    key = _KEY.match(text, start, end)
    first = _QUOTE.search(text, start if key is None else key.end(), end)
    if first is None:
        return None
    return first.start(), max(text.rfind(quote, start, end) for quote in "'\"") + 1


def _secure_defaults(text: str) -> Iterator[tuple[int, int]]:
    """Yield the default values of the secure parameters of a Bicep file."""
    for match in _SECURE_DECORATOR.finditer(text):
        parameter = _DEFAULT.search(text, match.end(), match.end() + MAX_CHARACTERS)
        if parameter is not None:
            end = _NEXT.search(text, parameter.end())
            yield parameter.end(), len(text) if end is None else end.start()


Span: TypeAlias = tuple[int, int]

# Nobody writes longer lines of JSON by hand: what stands beside a place on such a line is not looked at.
_LONG = 300
# A string that the end of an excerpt cuts off, or of which there is only the beginning, is a token too.
_TOKEN = regex(
    rf"""(?P<comment>{COMMENT})|(?P<string>{STRING}|"[^"]*+)|(?P<open>[{{\[])|(?P<close>[}}\]])"""
    r"|(?P<colon>:)|(?P<comma>,)|(?P<word>[^\s,:{}\[\]\"/]++|/)",
    re.DOTALL,
)
_NO_SECRET = frozenset({"true", "false", "null"})
# Members that hold the value of whatever it is that they are members of.
_VALUES = frozenset({"defaultvalue", "value"})
# Members that say what something is. Their values are no secrets, whatever they are members of.
_HARMLESS_KEYS = frozenset({"$schema", "apiversion", "type"})


def text_beside(text: str, low: int, start: int, end: int, high: int) -> Iterator[Span]:
    """Yield what stands on the lines of a place (``low`` to ``high``) but is not part of it, unless that is harmless.

    Keys, brackets, permissions and what is true or false are.
    """
    for first, last in ((low, start), (end, high)):
        if last - first > _LONG or not _is_harmless(text, first, last):
            blank = len(text[first:last]) - len(text[first:last].lstrip())
            yield first + blank, first + blank + len(text[first + blank : last].rstrip())


def _is_harmless(text: str, start: int, end: int) -> bool:
    tokens = list(_TOKEN.finditer(text, start, end))
    for number, token in enumerate(tokens):
        is_key = number + 1 < len(tokens) and tokens[number + 1].lastgroup == "colon"
        if token.lastgroup == "comment" or not (is_key or _shows_nothing(token)):
            return False
    return True


def is_below_secret(pointer: Sequence[str | int]) -> bool:
    """Return whether a place lies below a name that speaks of a secret."""
    names = [step for step in pointer if isinstance(step, str)]
    if names and names[-1].lower() in _HARMLESS_KEYS:
        return False
    # Nothing of a secure parameter has a place below its declaration.
    return any(map(suggests_secret, names[-1:])) or any(
        suggests_secret(name) for name in names[:-1] if name.lower() not in _VALUES
    )


def secret_values(text: str, start: int, end: int, is_below: bool = False) -> Iterator[Span]:
    """Yield the values between two offsets that stand below a name that speaks of a secret, each as a whole.

    ``is_below``: all of it does. A value that goes on after ``end`` is one up to there.
    """
    tokens = [match for match in _TOKEN.finditer(text, start, end) if match.lastgroup != "comment"]
    at = 0
    while at < len(tokens):
        is_key = at + 1 < len(tokens) and tokens[at + 1].lastgroup == "colon"
        if is_key:
            key = tokens[at][0].strip('"')
            at += 2
            if not (is_below or suggests_secret(key)) or (is_below and key.lower() in _HARMLESS_KEYS):
                continue
        elif not is_below or tokens[at].lastgroup not in ("string", "word", "open"):
            at += 1
            continue
        last = _end_of_value(tokens, at)
        if not all(_shows_nothing(token) for token in tokens[at:last]):
            yield tokens[at].start(), tokens[last - 1].end() if last <= len(tokens) and at < last else end
        at = max(last, at + 1)


def _end_of_value(tokens: Sequence[re.Match[str]], at: int) -> int:
    """Return the number of the token behind the value that begins with a token."""
    depth = 0
    for number in range(at, len(tokens)):
        kind = tokens[number].lastgroup
        depth += (kind == "open") - (kind == "close")
        if depth <= 0:
            return number + 1
    return len(tokens)


def _shows_nothing(token: re.Match[str]) -> bool:
    if token.lastgroup == "string":
        return is_harmless(token[0])
    return token.lastgroup != "word" or token[0] in _NO_SECRET
