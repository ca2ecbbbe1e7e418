"""Find the regions and line hashes of locations in templates and source files, and cut redacted excerpts.

Regions are computed only for locations that a report shows. Of JSON only the text around the excerpt is scanned.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property, lru_cache, partial
from itertools import accumulate
from operator import mul
from typing import Any, Protocol, TypeAlias

import msgspec

from azkvlint.model.location import Excerpt, LazyExcerpt, Location, Place
from azkvlint.syntax.json_decoder import COMMENT, STRING, Pointer
from azkvlint.syntax.json_positions import locate
from azkvlint.syntax.texts import MAX_CHARACTERS, Lines, MarkedText
from azkvlint.util.lazy_regex import regex
from azkvlint.util.run_state import part_of_run
from azkvlint.values.secrecy import (
    NAME,
    Spans,
    contains_secret,
    is_harmless,
    known_forms,
    may_contain_secret,
    may_name_secret,
    suggests_secret,
)

_LENGTH = 100
# A search is faster for a few lines; for each line it would take quadratic time.
_FEW = 50
_BASE = 37
_MASK = 2**64 - 1
# A module with more places is reported by few units.
_MAX_EXCERPTS = 5_000
_END = "\uffff"
# The factor of each code unit; those after the end of the text are zeros.
_POWERS = [pow(_BASE, _LENGTH - 1 - at, _MASK + 1) for at in range(_LENGTH)]
# The text that the fingerprint of a line covers, or slightly more.
_WINDOW = regex(r"(?:[ \t]*+(?:\r\n|[^ \t])){0,100}+")


class LineHashes:
    """The fingerprints of the lines of one text. Shared data is computed on first use."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._text = ""
        self._starts: list[int] = []
        self._counts: list[int] = []
        self._searches = 0
        self._spans: dict[int, tuple[int, int]] = {}

    def hash_line(self, line: int) -> str:
        """Return the fingerprint of a line (1-based): hexadecimal digits, a colon, a number; empty if it has none."""
        if isinstance(self._lines.text, MarkedText) and not self._lines.text.is_utf8:
            return ""
        if not self._starts:
            self._index_lines()
        window = self._window(self._starts[line - 1])
        return f"{_hash_of(window)}:{self._count(line, window)}"

    def span(self, line: int) -> tuple[int, int]:
        """Return the part of the text that a fingerprint is made of, which could be derived from it."""
        if line not in self._spans:
            start = self._lines.starts[line - 1]
            match = _WINDOW.match(self._lines.text, start)
            self._spans[line] = start, start if match is None else match.end()
        return self._spans[line]

    def _window(self, start: int) -> str:
        return self._text[start : start + _LENGTH]

    def _index_lines(self) -> None:
        text = self._lines.text
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if text.isascii():
            text = text.encode().translate(None, b" \t").decode() + _END
        else:
            text = text.replace(" ", "").replace("\t", "") + _END
            units = text.encode("utf-16", "surrogatepass")
            if len(units) != 2 * len(text) + 2:
                # A character beyond U+FFFF has two code units.
                text = "".join(map(chr, memoryview(units).cast("H")[1:]))
        mark = "\ufeff" if isinstance(self._lines.text, MarkedText) else ""
        # The leading line break makes the first line match like all others.
        self._text = f"\n{mark}{text}"
        self._starts = [0, *accumulate([len(line) + 1 for line in self._text.split("\n")])][1:-1]

    def _count(self, line: int, window: str) -> int:
        """Return how many lines up to this one begin with the same window."""
        self._searches += 1
        if self._searches <= _FEW:
            # The last of the occurrences up to this line is itself. Those of the end of the text may be in others.
            number, found, start = 0, -1, self._starts[line - 1]
            while found + 1 < start and self._searches <= _FEW:
                found = self._text.find(f"\n{window}", found + 1)
                number += 1
                self._searches += number > 1
            if found + 1 == start and (number == 1 or len(window) == _LENGTH):
                return number
        if not self._counts:
            seen: dict[str, int] = {}
            for start in self._starts:
                other = self._window(start)
                seen[other] = seen.get(other, 0) + 1
                self._counts.append(seen[other])
        return self._counts[line - 1]


@lru_cache(2_000)
def _hash_of(window: str) -> str:
    """Return the hash of the beginning of a line, in hexadecimal digits. Many lines begin alike."""
    return f"{sum(map(mul, map(ord, window), _POWERS)) & _MASK:x}"


Spot: TypeAlias = tuple[str, tuple[str | int, ...]]
Span: TypeAlias = tuple[int, int]
Places: TypeAlias = Mapping[Spot, Place]

# A string after a name that suggests a secret.
_SECRET = regex(
    rf"(?<!\w){NAME}"
    r"\w++['\"]?\s*+(?:[A-Za-z]++\??\s*+)?[:=]\s*+"
    r"(?P<text>\'\'\'(?:[^']|'(?!''))*+\'\'\'|'(?:[^'\\\n]|\\.)*+'|\"(?:[^\"\\\n]|\\.)*+\")",
    re.IGNORECASE,
)
_LITERAL = regex(r"'''(?:[^']|'(?!''))*+'''|'(?:[^'\\\n]|\\.)*+'|\"(?:[^\"\\\n]|\\.)*+\"")
# A comment, and what may look like one: a string. Then a name in a comment that suggests a secret, up to its value.
_COMMENT = regex(
    r"'''(?:[^']|'(?!''))*+'''|'(?:[^'\\\n]|\\.)*+'|\"(?:[^\"\\\n]|\\.)*+\""
    r"|(?P<comment>(?:\#|//)[^\r\n]*+|/\*(?:[^*]|\*(?!/))*+)"
)
_IN_COMMENT = regex(rf"(?<!\w){NAME}\w++['\"`]?\s*+[:=]\s*+", re.IGNORECASE)
_START_OF_KEY, _END_OF_KEY = regex(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY"), "-----END "
# A token, and what may continue it.
_REMARK = regex(r"[ \t,;)\]}\"']*+(?P<comment>(?:\#|//)[^\r\n]*+|/\*(?:[^*]|\*(?!/))*+)")
_LINE_END = regex(r"[\r\n]")
_QUOTE = regex("['\"]")
_KEY = regex(r"(?:'(?:[^'\\\n]|\\.)*+'|\"(?:[^\"\\\n]|\\.)*+\")\s*+:")
# A decorator, a parameter up to the value of its default, and the start of the next line.
_SECURE_DECORATOR = regex(r"@(?:sys[ \t]*+\.[ \t]*+)?secure[ \t]*+\(")
_DEFAULT = regex(r"^[ \t]*+param\b[^=\r\n]*+=[ \t]*+", re.MULTILINE)
_NEXT = regex(r"[\r\n]++(?=[\w@#/])")
# A line with strings: the header of a block or resource, or one named string, possibly cut off.
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
    """Language-specific secrets of one text.

    ``cache`` is for the last ``_Secrets`` of the text, by the spans of the other secrets that it was made with.
    ``found`` are the spans of values that no name shows to be secret.
    """

    found: Sequence[Span]
    cache: dict[tuple[Span, ...], Any]

    def within(self, low: int, high: int, /) -> list[tuple[int, int]]:
        """Return the secret spans between two offsets, and those that overlap them."""


class HiddenSpans:
    """Secret spans of one text."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self.found: Sequence[Span] = sorted(spans)
        self.cache: dict[tuple[Span, ...], Any] = {}
        self._spans = Spans(self.found)

    def within(self, low: int, high: int) -> list[Span]:
        """See ``Hidden``."""
        return self._spans.within(low, high)


def spans_at(text: str, values: Iterable[Pointer], keys: Iterable[Pointer]) -> Iterator[Span]:
    """Yield the spans of some values of a JSON text, without their keys, and those of some keys."""
    values, keys = [*values], [*keys]
    found = locate(text, [*values, *keys]) if values or keys else {}
    for pointer in values:
        if pointer in found:
            start, end = found[pointer]
            key = _KEY.match(text, start, end)
            value = text[start if key is None else key.end() : end].lstrip()
            yield end - len(value), end
    for pointer in keys:
        key = _KEY.match(text, *found[pointer]) if pointer in found else None
        if key is not None:
            yield key.start(), key.end() - 1


def spot_of(at: Location) -> Spot | None:
    """Return the identity of a place; None for a location without one."""
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
    """Return the place of each location that has one in ``files`` (texts by reported path).

    ``hidden`` returns language-specific secrets of a file, in addition to recognizable ones and the values at
    ``secrets``. ``data`` are the paths of files with values, whose excerpts have no text.
    """
    by_path = _spots(locations, files)
    secrets_by_path = _spots(secrets, by_path) if by_path else {}
    places: dict[Spot, Place] = {}
    for path, spots in by_path.items():
        text = files[path]
        indexed = _recent_texts().indexed(text)
        lines = indexed.lines
        if path in data:
            by_pointer = locate(text, [at.pointer for at in spots.values() if at.pointer is not None])
            for spot, at in spots.items():
                full_span = at.span if at.pointer is None else by_pointer.get(at.pointer)
                if full_span is not None:
                    places[spot] = lines.region(*full_span), partial(lines.without_text, *full_span)
            continue
        values = secrets_by_path.get(path, {})
        by_pointer = locate(text, [at.pointer for at in (spots | values).values() if at.pointer is not None])
        spans = {
            spot: at.span if at.pointer is None else by_pointer.get(at.pointer) for spot, at in (spots | values).items()
        }
        found = (_value_span(text, *span) for spot in values if (span := spans[spot]) is not None)
        value_spans = tuple(span for span in found if span is not None)
        # Most places are shown without an excerpt.
        of_text = cache(partial(_known_secrets, indexed, hidden, path, value_spans))
        for spot, at in spots.items():
            full_span = spans[spot]
            if full_span is not None:
                span = lines.shortened(*full_span)
                region = lines.region(*span)
                cut = partial(_excerpt, indexed, of_text, at, span, region.start_line)
                places[spot] = region, LazyExcerpt(cut)
    return places


_KnownSecrets: TypeAlias = "tuple[_Secrets, Hidden | None]"


def _known_secrets(
    indexed: _IndexedText, hidden: Callable[[str], Hidden | None], path: str, value_spans: tuple[Span, ...]
) -> _KnownSecrets:
    """Return the secrets in the text of a file, and those that are specific to its language."""
    found = hidden(path)
    return _secrets_of(indexed, found, value_spans), found


def _excerpt(
    indexed: _IndexedText, of_text: Callable[[], _KnownSecrets], at: Location, span: Span, line: int
) -> Excerpt:
    """Return the redacted excerpt of a span that starts on a line, with the fingerprint of the line."""
    secrets, hidden = of_text()
    is_json, pointer = at.pointer is not None or at.path.endswith(".json"), at.pointer or ()
    known = secrets.excerpts.get((span, is_json, pointer))
    if known is not None:
        return known
    spans, is_safe = secrets.around(*span, indexed.hashes.span(line), hidden, is_json, pointer)
    excerpt = indexed.lines.excerpt(*span, hidden=spans)
    found = msgspec.structs.replace(excerpt, line_hash=indexed.hashes.hash_line(line) if is_safe else "")
    if len(secrets.excerpts) >= _MAX_EXCERPTS:
        secrets.excerpts.clear()
    secrets.excerpts[span, is_json, pointer] = found
    return found


def _secrets_of(indexed: _IndexedText, hidden: Hidden | None, value_spans: tuple[Span, ...]) -> _Secrets:
    """Return the secrets of a text, those of an earlier call if they are the same."""
    cache = indexed.cache if hidden is None else hidden.cache
    found = cache.get(value_spans)
    if found is None or found.text is not indexed.lines.text:
        cache.clear()
        found = cache[value_spans] = _Secrets(indexed, value_spans)
    return found


def _spots(locations: Iterable[Location], paths: Container[str]) -> dict[str, dict[Spot, Location]]:
    """Return the locations with a place in these files, by path."""
    by_path: dict[str, dict[Spot, Location]] = {}
    for at in locations:
        spot = spot_of(at)
        if spot is not None and at.path in paths:
            by_path.setdefault(at.path, {})[spot] = at
    return by_path


class _IndexedText:
    """The lines of one text, with their fingerprints, and its recognizable secrets by the part that was searched."""

    def __init__(self, text: str) -> None:
        self.lines = Lines(text)
        self.hashes = LineHashes(self.lines)
        self.secrets: dict[Span, list[Span]] = {}
        self.cache: dict[tuple[Span, ...], _Secrets] = {}

    @cached_property
    def in_comments(self) -> Spans:
        """Return what comments say of secrets: of a line all that follows the name of one, in quotes or not."""
        text, found = self.lines.text, list[Span]()
        for one in _COMMENT.finditer(text) if may_name_secret(text) else ():
            at, end = one.span("comment")
            while at >= 0 and (name := _IN_COMMENT.search(text, at, end)) is not None:
                line = _LINE_END.search(text, name.end(), end)
                at = end if line is None else line.start()
                found.append((name.end(), at))
        return Spans(found)

    @cached_property
    def private_keys(self) -> Spans:
        """Return the private keys, each up to its end. Their lines show nothing by themselves."""
        text, found, at = self.lines.text, list[Span](), 0
        while (start := _START_OF_KEY.search(text, at)) is not None:
            end = text.find(_END_OF_KEY, start.end())
            at = len(text) if end < 0 else end
            found.append((start.start(), at))
        return Spans(found)


class _RecentTexts:
    """The texts with their indexes that were used last, up to a number of characters.

    Many units of a run report places in the files of the same modules, and so do the checks of an editor.
    """

    _ROOM, _OVERHEAD = 1_500_000, 1_000

    def __init__(self) -> None:
        self._texts: dict[tuple[type[str], bool, str], _IndexedText] = {}
        self._room = self._ROOM

    def indexed(self, text: str) -> _IndexedText:
        """Return a text with its index."""
        if len(text) > self._ROOM // 2:
            return _IndexedText(text)
        # A text with a byte order mark equals one without.
        key = type(text), isinstance(text, MarkedText) and text.is_utf8, text
        found = self._texts.pop(key, None)
        if found is None:
            found = _IndexedText(text)
            self._room -= len(text) + self._OVERHEAD
        self._texts[key] = found
        while self._room < 0:
            oldest = next(iter(self._texts))
            self._room += len(oldest[2]) + self._OVERHEAD
            del self._texts[oldest]
        return found


def _recent_texts() -> _RecentTexts:
    return part_of_run(_RecentTexts)


class _Secrets:
    """The secrets of one text, with the ``excerpts`` so far. Lines are scanned once: many places may be on one line."""

    def __init__(self, indexed: _IndexedText, value_spans: Sequence[Span] = ()) -> None:
        self._lines = indexed.lines
        self._own = sorted(value_spans)
        self.text = indexed.lines.text
        self._secure: Spans | None = None
        self._known = indexed.secrets
        self._indexed = indexed
        self._absent: dict[tuple[tuple[int, int], bool, bool], bool] = {}
        self.excerpts: dict[tuple[Span, bool, Pointer], Excerpt] = {}

    def around(
        self, start: int, end: int, first: Span, hidden: Hidden | None, is_json: bool, pointer: Pointer
    ) -> tuple[list[Span], bool]:
        """Return the parts to redact in the lines from ``start`` to ``end``, as far as an excerpt reaches.

        Also return whether ``first``, the beginning of the first line, contains no secret.
        """
        # A string in several lines is only found where its end is searched too, whatever the excerpt shows of it.
        reach, end = end, min(end, start + MAX_CHARACTERS)
        is_below = is_json and is_below_secret(pointer)
        key = first, is_json, is_below
        is_absent = self._absent.get(key)
        # Of a line that is not long, one search finds the secrets in both.
        is_near = start - first[0] < MAX_CHARACTERS // 2
        spans = self._secrets(start, *self._whole_lines(start, max(reach, first[1]) if is_near else reach), hidden)
        if is_absent is None:
            known = spans if is_near else self._secrets(first[0], *self._whole_lines(*first), hidden)
            is_absent = self._absent[key] = self._are_absent(first, known, is_json, is_below)
        if is_json:
            # One line may contain a whole document, so text beside the place may be any value.
            low, high = self._whole_lines(start, end)
            spans += text_beside(self.text, low, start, end, high)
            if pointer:
                spans += secret_values(self.text, start, end, is_below)
        return spans, is_absent

    def _whole_lines(self, start: int, end: int) -> tuple[int, int]:
        """Return the start and end of the lines that a span touches."""
        starts = self._lines.starts
        after = bisect_right(starts, end)
        high = starts[after] if after < len(starts) else len(self.text)
        return starts[bisect_right(starts, start) - 1], high

    def _secrets(self, start: int, low: int, high: int, hidden: Hidden | None) -> list[Span]:
        """Return the known secrets in the lines of a span."""
        secrets: list[Span] = []
        spans = self._spans(low, high)
        if spans:
            first = bisect_left(spans, (start - MAX_CHARACTERS,))
            secrets += spans[max(first - 1, 0) : bisect_left(spans, (start + MAX_CHARACTERS,))]
        if hidden is not None:
            secrets += hidden.within(max(low, start - MAX_CHARACTERS), min(high, start + MAX_CHARACTERS))
        if self._own:  # these do not overlap
            first = max(bisect_left(self._own, (max(low, start - MAX_CHARACTERS),)) - 1, 0)
            secrets += self._own[first : bisect_left(self._own, (min(high, start + MAX_CHARACTERS),))]
        if self._secure is None:
            self._secure = Spans(_secure_defaults(self.text) if "@" in self.text else ())
        near = start - MAX_CHARACTERS, start + MAX_CHARACTERS
        secrets += [*self._secure.within(*near), *self._indexed.private_keys.within(*near)]
        # A comment after a secret may contain the value before it.
        remarks = (_REMARK.match(self.text, end) for _, end in secrets)
        return secrets + [one.span("comment") for one in remarks if one is not None]

    def in_line(self, start: int, end: int, hidden: Hidden | None, is_json: bool) -> bool:
        """Return whether a secret overlaps a line."""
        spans = self._secrets(start, *self._whole_lines(start, end), hidden)
        if is_json:
            spans += secret_values(self.text, start, end)
        return any(low < end and high > start for low, high in spans)

    def _are_absent(self, span: Span, secrets: Sequence[Span], is_json: bool, is_below: bool) -> bool:
        """Return whether a span contains none of ``secrets``, and no other.

        A string without a name of its own (in a list, a map, a call or over several lines) may be one.
        """
        start, end = span
        more = secret_values(self.text, start, end, is_below) if is_json else ()
        if any(low < end and high > start for low, high in (*secrets, *more)):
            return False
        return all(_NAMED.fullmatch(line) for line in self.text[start:end].splitlines() if _QUOTED.search(line))

    def _spans(self, low: int, high: int) -> list[Span]:
        """Return the strings in some lines that are secret by their names or by their form."""
        found = self._known.get((low, high))
        if found is None:
            found, lines = [], self.text[low:high]
            if may_name_secret(lines):
                named = _SECRET.finditer(self.text, low, high)
                found += [one.span("text") for one in named if not is_harmless(one["text"])]
            if may_contain_secret(lines):
                literals = _LITERAL.finditer(self.text, low, high)
                found += [one.span() for one in literals if contains_secret(one[0][1:])]
            found += self._indexed.in_comments.within(low, high)
            forms = known_forms(lines)
            if forms is not None:
                found += [one.span() for one in forms.finditer(self.text, low, high)]
            found.sort()
            self._known[low, high] = found
        return found


def safe_lines(text: str, hidden: Hidden | None, *, is_json: bool) -> Callable[[int], bool]:
    """Return a function that states whether a line of a text (from 0, by line feeds) certainly shows no secret."""
    secrets = _Secrets(_recent_texts().indexed(text))
    starts = [0, *accumulate([len(line) + 1 for line in text.split("\n")])]

    def is_safe(number: int) -> bool:
        start, end = starts[number], min(starts[number + 1], len(text))
        return not secrets.in_line(start, end, hidden, is_json) and all(
            map(_is_named, _STRING.finditer(text[start:end]))
        )

    return is_safe


# A string, one that is not closed, or the start of one that continues on the next lines.
_STRING = regex(r"\'\'\'|'(?:[^'\\\n]|\\.)*+'|\"(?:[^\"\\\n]|\\.)*+\"|['\"]|<<[-~]?[A-Za-z]")
_NAME_BEFORE = regex(r"(?P<name>[\w.$-]++)[\"']?[ \t]*+[=:](?![=>:])")
_LABEL_BEFORE = regex(r"[ \t]*+[a-z]++[ \t]++(?:[\w.-]++[ \t]++|\"[^\"]*+\"[ \t]++)*+$")
_KEY_AFTER = regex(r"[ \t]*+[:=]")


def _is_named(string: re.Match[str]) -> bool:
    """Return whether a string on a line is a label, a key, or the value of a name that does not suggest a secret."""
    line, written = string.string, string[0]
    if len(written) < 2 or written[:2] in ("<<", "''") or contains_secret(written[1:]):
        return False
    if is_harmless(written) or _KEY_AFTER.match(line, string.end()):
        return True
    before = line[max(string.start() - _LONG, 0) : string.start()]
    names = list(_NAME_BEFORE.finditer(before))
    return not suggests_secret(names[-1]["name"]) if names else _LABEL_BEFORE.match(before) is not None


def _value_span(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Return the span from the first to the last quote of a value, after its key."""
    key = _KEY.match(text, start, end)
    first = _QUOTE.search(text, start if key is None else key.end(), end)
    if first is None:
        return None
    return first.start(), max(text.rfind(quote, start, end) for quote in "'\"") + 1


def _secure_defaults(text: str) -> Iterator[tuple[int, int]]:
    """Yield the default values of the secure parameters of a Bicep file."""
    end = 0
    for match in _SECURE_DECORATOR.finditer(text):
        parameter = _DEFAULT.search(text, match.end(), match.end() + MAX_CHARACTERS)
        if parameter is not None:
            if parameter.end() >= end:  # otherwise the next statement is the same as before
                following = _NEXT.search(text, parameter.end())
                end = len(text) if following is None else following.start()
            yield parameter.end(), end


# Lines of handwritten JSON are shorter: on longer ones, all text beside a place is redacted.
_LONG = 300
# A string that is cut off by the end of an excerpt is a token too.
_TOKEN = regex(
    rf"""(?P<comment>{COMMENT})|(?P<string>{STRING}|"[^"]*+)|(?P<open>[{{\[])|(?P<close>[}}\]])"""
    r"|(?P<colon>:)|(?P<comma>,)|(?P<word>[^\s,:{}\[\]\"/]++|/)",
    re.DOTALL,
)
_NO_SECRET = frozenset({"true", "false", "null"})
# Members that hold the value of their parent.
_VALUES = frozenset({"defaultvalue", "value"})
# Members whose values are never secret.
_HARMLESS_KEYS = frozenset({"$schema", "apiversion", "type"})


def text_beside(text: str, low: int, start: int, end: int, high: int) -> Iterator[Span]:
    """Yield the text on the lines of a place (``low`` to ``high``) before and after it, unless it is harmless.

    Keys, brackets, permissions and booleans are harmless.
    """
    for first, last in ((low, start), (end, high)):
        if last - first > _LONG or not _is_harmless(text, first, last):
            # One line may hold a whole document with many places. An excerpt reaches no further than this.
            low, high = max(first, start - MAX_CHARACTERS), min(last, end + MAX_CHARACTERS)
            shown = text[low:high]
            yield high - len(shown.lstrip()), low + len(shown.rstrip())


def _is_harmless(text: str, start: int, end: int) -> bool:
    tokens = list(_TOKEN.finditer(text, start, end))
    for number, token in enumerate(tokens):
        is_key = number + 1 < len(tokens) and tokens[number + 1].lastgroup == "colon"
        if token.lastgroup == "comment" or not (is_key or _shows_nothing(token)):
            return False
    return True


def is_below_secret(pointer: Sequence[str | int]) -> bool:
    """Return whether a place is below a name that suggests a secret."""
    names = [step for step in pointer if isinstance(step, str)]
    if names and names[-1].lower() in _HARMLESS_KEYS:
        return False
    # No value of a secure parameter is located below its declaration.
    return any(map(suggests_secret, names[-1:])) or any(
        suggests_secret(name) for name in names[:-1] if name.lower() not in _VALUES
    )


def secret_values(text: str, start: int, end: int, is_below: bool = False) -> Iterator[Span]:
    """Yield the values between two offsets that are below a name that suggests a secret, each as a whole.

    ``is_below``: all of them are. A value that continues after ``end`` is cut there.
    """
    if not (is_below or may_name_secret(text[start:end])):
        return
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
    """Return the index of the token after the value that begins at ``at``."""
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
