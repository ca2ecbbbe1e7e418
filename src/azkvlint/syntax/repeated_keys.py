"""Find repeated keys in JSON, also those that differ in letter case only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from azkvlint.syntax.json_decoder import COMMENT, MAX_DEPTH, JsonDocument, decode_string
from azkvlint.syntax.json_positions import JsonArray, JsonObject, NotJsonError, Plain, Value, parse
from azkvlint.util.lazy_regex import regex

# The end of a string before a colon: all keys, and a few other strings.
_GAP = rf"(?:[ \t\r\n]++|{COMMENT})"
_SPACED = regex(rf'"{_GAP}++:')
_STRINGS = regex(rf'"(?:[^"\\]++|\\.)*+"({_GAP}*+:)?', 16)


class RepeatedKey(msgspec.Struct, frozen=True, gc=False):
    """A key at an offset that its object has before; ``is_exact``: in the same letter case.

    ``above`` are the objects around it, outermost first.
    """

    at: int
    is_exact: bool
    above: tuple[JsonObject, ...]


def repeated_keys(document: JsonDocument) -> list[RepeatedKey]:
    """Return the repeated keys of a decoded document. Only a document that has some is parsed again."""
    text = document.text
    count, names = _keys_of(document.value)
    found = text.count('":') + sum(1 for _ in _SPACED.finditer(text))
    if found != count:
        found = sum(1 for match in _STRINGS.finditer(text) if match[1])
    has_variants = len({name.lower() for name in names}) != len(names) and _has_variants(document.value)
    if found == count and not has_variants:
        return []
    try:
        root = parse(text, _key, MAX_DEPTH)
    except (NotJsonError, ValueError):  # an extension that only the decoder reads
        return []
    return list(_repeated(root))


def _keys_of(value: Any) -> tuple[int, set[str]]:
    """Return the number of keys in a value, and all keys."""
    count, names = 0, set[str]()
    pending = [value]
    while pending:
        one = pending.pop()
        if type(one) is dict:
            count += len(one)
            names.update(one)
            pending += one.values()
        elif type(one) is list:
            pending += one
    return count, names


def _has_variants(value: Any) -> bool:
    """Return whether an object has two keys that differ in letter case only."""
    pending = [value]
    while pending:
        one = pending.pop()
        if type(one) is dict:
            if len({name.lower() for name in one}) != len(one):
                return True
            pending += one.values()
        elif type(one) is list:
            pending += one
    return False


def _repeated(root: Value) -> Iterator[RepeatedKey]:
    """Yield the repeated keys in order."""
    pending: list[tuple[Value, tuple[JsonObject, ...]]] = [(root, ())]
    while pending:
        value, above = pending.pop()
        if isinstance(value, JsonArray):
            pending += [(item, above) for item in reversed(value.items)]
        elif isinstance(value, JsonObject):
            inner = (*above, value)
            seen: dict[str, set[str]] = {}
            for member in value.members:
                same = seen.setdefault(member.key.lower(), set())
                if same:
                    yield RepeatedKey(member.start, member.key in same, inner)
                same.add(member.key)
            pending += [(member.value, inner) for member in reversed(value.members)]


def _key(written: str, _at: int) -> Plain:
    """Return a key, or nothing for another scalar than a string."""
    return decode_string(written) if written.startswith('"') else None
