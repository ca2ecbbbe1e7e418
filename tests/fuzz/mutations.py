"""Mutations of text by tokens, of JSON by subtrees, and of bytes. All randomness is in the generator that is passed."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from typing import Any, NamedTuple

import msgspec

from tests.fuzz.words import CHARACTERS, EXPRESSION_OPENINGS, NAMES, NUMBERS, OPENINGS, STRINGS, SURROGATES

# The limit for what repetition makes of an input.
MAX_SIZE = 600_000
_TOKEN = re.compile(r"""[A-Za-z_][\w-]*|\d+(?:\.\d+)?|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[ \t]+|(?s:.)""")
_ARGUMENT = re.compile(
    r"""(?P<key>\s*(?:- |resource |param |var |output |[\w "'@/.-]{0,60}?)[\w."-]+\s*[=:]\s*)"""
    r"""(?P<value>(?P<quote>['"]?).*)"""
)


class Language(NamedTuple):
    """The vocabulary of a language: ``names``, ``openings`` that nest, and ``donors``, which returns other texts."""

    names: Sequence[str]
    openings: Sequence[tuple[str, str]]
    donors: Callable[[], str]


def language(name: str, donors: Callable[[], str], names: Sequence[str] = ()) -> Language:
    """Return the vocabulary of a language, with more ``names``."""
    return Language((*NAMES[name], *names), OPENINGS[name], donors)


def repeats(rng: random.Random, most: int = 40_000) -> int:
    """Return how often to repeat something: a few times, and rarely very often."""
    chance = rng.random()
    if chance < 0.86:
        return rng.randint(2, 6)
    if chance < 0.975:
        return rng.randint(7, 300)
    return int(math.exp(rng.uniform(math.log(300), math.log(most))))


# --- text -----------------------------------------------------------------------------------------------------------


def mutate_text(rng: random.Random, text: str, words: Language) -> str:
    """Return the text with one to three mutations."""
    tokens = _TOKEN.findall(text) or [""]
    for _ in range(_count(rng)):
        rng.choice(_TEXT)(rng, tokens, words)
    return "".join(tokens)[:MAX_SIZE]


def _count(rng: random.Random) -> int:
    return rng.choice((1, 1, 1, 1, 2, 2, 3))


def _span(rng: random.Random, tokens: Sequence[str]) -> tuple[int, int]:
    start = rng.randrange(len(tokens) + 1)
    return start, min(len(tokens), start + rng.choice((1, 1, 1, 2, 3, 5, 10, 40)))


def _word_at(rng: random.Random, tokens: Sequence[str]) -> int:
    """Return the index of a token, preferably of one that is not white space."""
    for _ in range(4):
        at = rng.randrange(len(tokens))
        if tokens[at].strip():
            return at
    return rng.randrange(len(tokens))


def _delete(rng: random.Random, tokens: list[str], words: Language) -> None:
    start, end = _span(rng, tokens)
    if end - start < len(tokens):
        del tokens[start:end]


def _duplicate(rng: random.Random, tokens: list[str], words: Language) -> None:
    start, end = _span(rng, tokens)
    tokens[rng.choice((start, end, rng.randrange(len(tokens) + 1))) : 0] = tokens[start:end]


def _swap(rng: random.Random, tokens: list[str], words: Language) -> None:
    one, other = _word_at(rng, tokens), _word_at(rng, tokens)
    tokens[one], tokens[other] = tokens[other], tokens[one]


def _rename(rng: random.Random, tokens: list[str], words: Language) -> None:
    tokens[_word_at(rng, tokens)] = rng.choice(words.names)


def _insert(rng: random.Random, tokens: list[str], words: Language) -> None:
    tokens.insert(rng.randrange(len(tokens) + 1), rng.choice(words.names))


def _splice(rng: random.Random, tokens: list[str], words: Language) -> None:
    other = _TOKEN.findall(words.donors())
    start, end = _span(rng, other)
    at = rng.randrange(len(tokens) + 1)
    tokens[at : at + rng.choice((0, 0, end - start))] = other[start:end]


def _repeat(rng: random.Random, tokens: list[str], words: Language) -> None:
    at = _word_at(rng, tokens)
    end = min(len(tokens), at + rng.choice((1, 1, 2, 4)))
    part = "".join(tokens[at:end])
    tokens[at:end] = [part * min(repeats(rng), MAX_SIZE // max(1, len(part)))]


def _nest(rng: random.Random, tokens: list[str], words: Language) -> None:
    opening, closing = rng.choice(words.openings)
    at, depth = _word_at(rng, tokens), repeats(rng)
    tokens[at] = opening * depth + tokens[at] + closing * (depth if rng.random() < 0.5 else rng.choice((0, depth - 1)))


def _call(rng: random.Random, tokens: list[str], words: Language) -> None:
    at = _word_at(rng, tokens)
    more = "".join(f", {rng.choice(tokens)}" for _ in range(rng.choice((0, 0, 1, 2))))
    tokens[at] = f"{rng.choice(words.names)}({tokens[at]}{more})"


def _lines(rng: random.Random, tokens: list[str], words: Language) -> None:
    """Repeat a line or several, with a different number in each copy."""
    lines = "".join(tokens).split("\n")
    start = rng.randrange(len(lines))
    part = "\n".join(lines[start : start + rng.choice((1, 1, 2, 5, 10))])
    many = min(repeats(rng, 5000), MAX_SIZE // (len(part) + 8))
    name = rng.choice(re.findall(r"[A-Za-z_]\w*", part) or [""])
    numbered = [part.replace(name, f"{name}{number}") for number in range(many)] if name else [part] * many
    lines[start:start] = numbered
    tokens[:] = ["\n".join(lines)]


def _value(rng: random.Random, tokens: list[str], words: Language) -> None:
    """Replace the value of an argument, so that the syntax stays valid: by another value, a call, or itself nested."""
    lines = "".join(tokens).split("\n")
    found = [(at, match) for at, line in enumerate(lines) if (match := _ARGUMENT.fullmatch(line)) is not None]
    if not found:
        return
    at, match = rng.choice(found)
    value = match["value"]
    other = [one["value"] for line in words.donors().split("\n") if (one := _ARGUMENT.fullmatch(line)) is not None]
    values = [
        value,
        *other,
        *rng.sample(words.names, 3),
        rng.choice(NUMBERS),
        f"{match['quote']}{rng.choice(STRINGS)}{match['quote']}",
    ]
    chance = rng.random()
    if chance < 0.5:
        made = rng.choice(values[1:])
    elif chance < 0.85:
        arguments = ", ".join(rng.choices(values, k=rng.choice((0, 1, 1, 2, 2, 3))))
        made = f"{rng.choice(words.names)}({arguments})"
    else:
        opening, closing = rng.choice(words.openings)
        depth = repeats(rng)
        made = f"{opening * depth}{value}{closing * depth}"
    lines[at] = f"{match['key']}{made}"
    tokens[:] = ["\n".join(lines)]


def _append(rng: random.Random, tokens: list[str], words: Language) -> None:
    """Add another whole text before or after this one."""
    tokens.insert(rng.choice((0, len(tokens))), f"\n{words.donors()}\n")


def _number(rng: random.Random, tokens: list[str], words: Language) -> None:
    places = [at for at, token in enumerate(tokens) if token[:1].isdigit()]
    at = rng.choice(places) if places else _word_at(rng, tokens)
    tokens[at] = rng.choice(NUMBERS)


def _string(rng: random.Random, tokens: list[str], words: Language) -> None:
    places = [at for at, token in enumerate(tokens) if token[:1] in "\"'" and len(token) > 1]
    at = rng.choice(places) if places else _word_at(rng, tokens)
    quote = tokens[at][0] if tokens[at][:1] in ("'", '"') else ""
    if rng.random() < 0.4:
        inner = tokens[at].strip(quote) if quote else tokens[at]
        tokens[at] = f"{quote}{mutate_text(rng, inner[:2000], words)}{quote}"
    else:
        tokens[at] = f"{quote}{rng.choice(STRINGS)}{quote}"


def _character(rng: random.Random, tokens: list[str], words: Language) -> None:
    at = rng.randrange(len(tokens))
    inside = rng.randrange(len(tokens[at]) + 1)
    tokens[at] = tokens[at][:inside] + rng.choice(CHARACTERS) + tokens[at][inside:]


def _cut(rng: random.Random, tokens: list[str], words: Language) -> None:
    if rng.random() < 0.5:
        del tokens[rng.randrange(len(tokens)) + 1 :]
    else:
        del tokens[: rng.randrange(len(tokens))]


def _comment(rng: random.Random, tokens: list[str], words: Language) -> None:
    mark = rng.choice(("# ", "// ", "/* ", "#"))
    what = rng.choice(("ignore", "ignore-file", "ignor", "disable-next-line", "disable-diagnostics"))
    rule = rng.choice(("KV001", "purge-protection", "KV001, KV003", "KV", "", "*", "KV999", "a" * 300))
    reason = rng.choice(("", "because", "x until=2099-01-01 owner=@a", "until=2020-13-45 x", rng.choice(STRINGS)))
    text = f"{what} {rule}" if what.startswith("disable") else f"kvlint: {what}[{rule}] {reason}"
    tokens.insert(rng.randrange(len(tokens) + 1), rng.choice((f"{mark}{text}\n", f"\n{mark}{text}\n")))


_TEXT = (
    _delete,
    _delete,
    _duplicate,
    _swap,
    _rename,
    _rename,
    _insert,
    _splice,
    _splice,
    _repeat,
    _nest,
    _call,
    _lines,
    _value,
    _value,
    _value,
    _value,
    _value,
    _value,
    _append,
    _number,
    _string,
    _string,
    _character,
    _cut,
    _comment,
)


# --- JSON -----------------------------------------------------------------------------------------------------------


class Document:
    """A JSON document and its mutations. What no encoder writes, such as huge numbers, is a mark until the end."""

    def __init__(self, root: Any, names: Sequence[str], donor: Callable[[], Any], words: Language) -> None:
        self.root = root
        self._names = names
        self._donor = donor
        self._words = words
        self._raw: dict[str, str] = {}

    def mutate(self, rng: random.Random) -> None:
        """Apply one to three mutations."""
        for _ in range(_count(rng)):
            places = _one_label(rng, _places(self.root))
            if not places:
                return
            rng.choice(self._MUTATIONS)(self, rng, places)

    def _replace(self, rng: random.Random, places: list[_Place]) -> None:
        holder, key, _ = rng.choice(places)
        holder[key] = self._odd(rng)

    def _odd(self, rng: random.Random) -> Any:
        chance = rng.randrange(8)
        if chance == 0:
            return rng.choice((None, True, False, "", [], {}, 0, 1, -1, [None], {"": ""}, [[]], [{}]))
        if chance == 1:
            return self._mark(rng.choice(NUMBERS))
        if chance == 2:
            opening, closing = rng.choice(OPENINGS["plan"] + OPENINGS["arm"])
            depth = repeats(rng)
            return self._mark(f"{opening * depth}0{closing * (depth if rng.random() < 0.9 else depth - 1)}")
        if chance == 3:
            return rng.choice(self._names)
        return rng.choice(STRINGS)

    def _mark(self, text: str) -> str:
        mark = f"@raw{len(self._raw)}@"
        self._raw[f'"{mark}"'] = text
        return mark

    def _delete(self, rng: random.Random, places: list[_Place]) -> None:
        holder, key, _ = rng.choice(places)
        del holder[key]

    def _swap(self, rng: random.Random, places: list[_Place]) -> None:
        (one, here, _), (other, there, _) = rng.choice(places), rng.choice(places)
        # A subtree must not contain itself.
        if not (_holds(one[here], other) or _holds(other[there], one)):
            one[here], other[there] = other[there], one[here]

    def _copy(self, rng: random.Random, places: list[_Place]) -> None:
        (one, here, _), (other, there, _) = rng.choice(places), rng.choice(places)
        if not _holds(one[here], other):
            other[there] = one[here]

    def _graft(self, rng: random.Random, places: list[_Place]) -> None:
        found = _places(self._donor())
        if found:
            holder, key, _ = rng.choice(found)
            same = [place for place in places if place.key == key] or places
            mine, at, _ = rng.choice(same if rng.random() < 0.7 else places)
            mine[at] = holder[key]

    def _rename(self, rng: random.Random, places: list[_Place]) -> None:
        holder, key, _ = rng.choice(places)
        if isinstance(holder, dict):
            holder[rng.choice(self._names)] = holder.pop(key) if rng.random() < 0.5 else holder[key]

    def _add(self, rng: random.Random, places: list[_Place]) -> None:
        holder, _, _ = rng.choice(places)
        if isinstance(holder, dict):
            holder[rng.choice((*self._names, *STRINGS[:8]))] = self._odd(rng)
        else:
            holder.insert(rng.randrange(len(holder) + 1), self._odd(rng))

    def _wrap(self, rng: random.Random, places: list[_Place]) -> None:
        holder, key, _ = rng.choice(places)
        for _ in range(min(repeats(rng), 100)):
            holder[key] = rng.choice(([holder[key]], {rng.choice(self._names): holder[key]}))

    def _unwrap(self, rng: random.Random, places: list[_Place]) -> None:
        holder, key, _ = rng.choice(places)
        value = holder[key]
        if isinstance(value, dict) and value:
            holder[key] = rng.choice(list(value.values()))
        elif isinstance(value, list) and value:
            holder[key] = rng.choice(value)

    def _repeat(self, rng: random.Random, places: list[_Place]) -> None:
        """Repeat an item of a list or an entry of an object, with a different number in each copy."""
        holder, key, _ = rng.choice(places)
        value = holder[key]
        many = 20_000 if rng.random() < 0.2 else repeats(rng)
        many = min(many, MAX_SIZE // (len(json.dumps(value)) + 8) + 1)
        names = re.findall(r"[A-Za-z_]\w{2,}", value) if isinstance(value, str) else []
        if isinstance(holder, dict):
            holder.update({f"{key}{number}": deepcopy(value) for number in range(many)})
        elif names:
            holder[key:key] = [value.replace(names[-1], f"{names[-1]}{number}") for number in range(many)]
        else:
            # One object in many places would grow in all of them with the next mutation.
            holder[key:key] = [deepcopy(value) for _ in range(many)]

    def _text(self, rng: random.Random, places: list[_Place]) -> None:
        """Mutate a string, which may be an expression, an address or a name, by its tokens."""
        found = _one_label(rng, [place for place in places if isinstance(place.holder[place.key], str)])
        if found:
            holder, key, _ = rng.choice(found)
            holder[key] = mutate_text(rng, holder[key], self._words)

    def _expression(self, rng: random.Random, places: list[_Place]) -> None:
        """Nest a string, or repeat an opening at its end."""
        found = _one_label(rng, [place for place in places if isinstance(place.holder[place.key], str)])
        if found:
            holder, key, _ = rng.choice(found)
            opening, closing = rng.choice(
                (*EXPRESSION_OPENINGS, ("[", ""), ("[", "]"), (".a", ""), ('["', '"]'), ("[0]", ""))
            )
            depth = rng.randint(50_000, 90_000) if rng.random() < 0.2 else repeats(rng)
            value, closed = holder[key], closing * depth * rng.choice((0, 1))
            bare = value.removeprefix("[").removesuffix("]")
            holder[key] = rng.choice((value + opening * depth + closed, f"[{opening * depth}{bare}{closed}]"))

    def _character(self, rng: random.Random, places: list[_Place]) -> None:
        holder, key, _ = rng.choice(places)
        name = key if isinstance(holder, dict) and rng.random() < 0.3 else None
        value = name if name is not None else holder[key]
        if isinstance(value, str):
            at = rng.randrange(len(value) + 1)
            changed = value[:at] + rng.choice((*CHARACTERS, *SURROGATES * 4)) + value[at:]
            if name is None:
                holder[key] = changed
            else:
                holder[changed] = holder.pop(key)

    def _twice(self, rng: random.Random, places: list[_Place]) -> None:
        """Write a key twice."""
        found = [place for place in places if isinstance(place.holder, dict)]
        if found:
            holder, key, _ = rng.choice(found)
            other = rng.choice(list(holder))
            holder[key] = self._mark(f"{_plain(holder[key])}, {json.dumps(other)}: {_plain(self._odd(rng))}")

    _MUTATIONS: Sequence[Callable[[Document, random.Random, list[_Place]], None]] = (
        _replace,
        _replace,
        _delete,
        _delete,
        _swap,
        _copy,
        _graft,
        _graft,
        _rename,
        _add,
        _wrap,
        _unwrap,
        _repeat,
        _repeat,
        _text,
        _text,
        _text,
        _expression,
        _expression,
        _character,
        _character,
        _twice,
    )

    def written(self, rng: random.Random) -> str:
        """Return the document as JSON, compact or indented."""
        text = json.dumps(self.root, ensure_ascii=rng.random() < 0.5, separators=(",", ":"))
        with suppress(UnicodeEncodeError, msgspec.DecodeError):  # a lone surrogate
            text = msgspec.json.format(text, indent=rng.choice((-1, -1, 0, 1, 2, 4)))
        for mark, raw in self._raw.items():
            text = text.replace(mark, raw)
        return text


class _Place(NamedTuple):
    """A value in a document: its holder and key, and the nearest name, of itself or of the list that holds it."""

    holder: Any
    key: Any
    label: str


def _places(root: Any) -> list[_Place]:
    """Return the values of a document; of a large one only the first."""
    found: list[_Place] = []
    waiting = [("", root)]
    while waiting and len(found) < 4000:
        above, holder = waiting.pop()
        for key, value in holder.items() if isinstance(holder, dict) else enumerate(holder):
            label = key if isinstance(key, str) else above
            found.append(_Place(holder, key, label))
            if isinstance(value, dict | list):
                waiting.append((label, value))
    return found


def _one_label(rng: random.Random, places: list[_Place]) -> list[_Place]:
    """Return all places, or half of the time those of one label, so that rare names get their share."""
    if not places or rng.random() < 0.5:
        return places
    label = rng.choice(list(dict.fromkeys(place.label for place in places)))
    return [place for place in places if place.label == label]


def _holds(tree: Any, part: Any) -> bool:
    waiting = [tree]
    while waiting:
        here = waiting.pop()
        if here is part:
            return True
        if isinstance(here, dict | list):
            waiting.extend(here.values() if isinstance(here, dict) else here)
    return False


def _plain(value: Any) -> str:
    return json.dumps(value)


# --- bytes ----------------------------------------------------------------------------------------------------------

_BAD = (
    b"\xff",
    b"\xfe",
    b"\x80",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf5\x80\x80\x80",
    b"\xc0\xaf",
    b"\xe2\x82",
    b"\x00",
    b"\x1a",
)


def mutate_bytes(rng: random.Random, data: bytes) -> bytes:
    """Return the bytes with one to three changes."""
    changed = bytearray(data or b"\0")
    for _ in range(_count(rng)):
        at = rng.randrange(len(changed))
        match rng.randrange(6):
            case 0:
                changed[at] ^= 1 << rng.randrange(8)
            case 1:
                changed[at : at + 1] = rng.choice(_BAD)
            case 2:
                changed[at:at] = rng.choice(_BAD)
            case 3:
                del changed[at : at + rng.choice((1, 2, 8, 64))]
            case 4:
                changed[at:at] = changed[at : at + rng.choice((1, 4, 32))] * rng.choice((1, 2, 50))
            case _:
                changed[at] = rng.randrange(256)
        changed = changed or bytearray(b"\0")
    return bytes(changed)


def encoded(rng: random.Random, text: str, *, odd: bool) -> bytes:
    """Return a text as UTF-8; if ``odd``, sometimes with a byte order mark or other line ends, or as UTF-16."""
    if not odd or rng.random() < 0.85:
        return text.encode("utf-8", "surrogatepass")
    match rng.randrange(6):
        case 0:
            return b"\xef\xbb\xbf" + text.encode("utf-8", "surrogatepass")
        case 1:
            return text.encode("utf-16", "surrogatepass")
        case 2:
            return b"\xfe\xff" + text.encode("utf-16-be", "surrogatepass")
        case 3:
            return text.replace("\n", "\r\n").encode("utf-8", "surrogatepass")
        case 4:
            return text.replace("\n", "\r").encode("utf-8", "surrogatepass")
        case _:
            return text.encode("utf-16-le", "surrogatepass")
