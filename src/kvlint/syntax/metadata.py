"""Directives in the metadata of JSON templates: ``"metadata": {"kvlint": {"ignore": [...]}}``.

An entry is about the object whose metadata it stands in, and everything in it: a resource, or a whole template. It is
an object with ``rules``, ``reason``, ``until`` and ``owner``, or a text as in a comment: ``[KV001] reason``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from kvlint.syntax.comments import Directive, day_of, directive_of
from kvlint.syntax.jsonc import Document, Pointer, locate

_NAME = "kvlint"
_KEYS = frozenset({"rules", "reason", "until", "owner"})


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """The directives of a document, each with the way to the object that it is about; ``text`` is the document's."""

    text: str
    found: tuple[tuple[Directive, Pointer], ...]


def metadata_of(document: Document) -> Metadata | None:
    """All directives in the metadata of a document, those that are wrong with their fault; None if there are none."""
    if _NAME not in document.text.lower():
        return None
    found = list(_entries(document.value))
    places = locate(document.text, [entry for _, entry, _ in found])
    said = []
    for about, entry, value in found:
        start, end = places.get(entry, (0, 0))
        said.append((_directive(value, start, end), about))
    return Metadata(text=document.text, found=tuple(said)) if said else None


def _entries(value: Any) -> Iterator[tuple[Pointer, Pointer, Any]]:
    """The way to each object with directives, to each of these, and what it says, in the order of the document."""
    waiting: list[tuple[Pointer, Any]] = [((), value)]
    while waiting:
        pointer, here = waiting.pop()
        inside: Iterator[tuple[str | int, Any]] = iter(())
        if isinstance(here, dict):
            yield from _of_object(pointer, here)
            inside = iter(here.items())
        elif isinstance(here, list):
            inside = iter(enumerate(here))
        below = [((*pointer, step), part) for step, part in inside if isinstance(part, dict | list)]
        waiting.extend(reversed(below))


def _of_object(pointer: Pointer, here: Mapping[str, Any]) -> Iterator[tuple[Pointer, Pointer, Any]]:
    for key in (key for key in here if key.lower() == "metadata"):
        metadata = here[key]
        for name in (name for name in metadata if name.lower() == _NAME) if isinstance(metadata, dict) else ():
            place = (*pointer, key, name)
            said = metadata[name]
            if not isinstance(said, dict):
                yield pointer, place, said
                continue
            for word, entries in said.items():
                if word.lower() != "ignore" or not isinstance(entries, list):
                    yield pointer, (*place, word), None
                    continue
                yield from ((pointer, (*place, word, index), entry) for index, entry in enumerate(entries))


def _directive(value: Any, start: int, end: int) -> Directive:
    """What an entry says."""

    def wrong(fault: str) -> Directive:
        return Directive(comment=0, start=start, end=end, fault=fault)

    if isinstance(value, str):
        said = value.strip()
        said = said if said[:6].lower() == "ignore" else f"ignore{said}"
        found = directive_of(said, 0, start, end)
        return wrong("a whole template is ignored in its own metadata") if found.whole_file else found
    if not isinstance(value, dict):
        return wrong("this is no directive of kvlint")
    unknown = next((key for key in value if key not in _KEYS), None)
    if unknown is not None:
        return wrong("it has a key that does not exist")
    rules = value.get("rules")
    rules = [rules] if isinstance(rules, str) else rules
    if not isinstance(rules, list) or not rules or not all(isinstance(rule, str) and rule.strip() for rule in rules):
        return wrong("it names no rule")
    texts = [value.get(key, "") for key in ("reason", "owner", "until")]
    if not all(isinstance(text, str) for text in texts):
        return wrong("what it says is no text")
    reason, owner, until = (" ".join(text.split()) for text in texts)
    if not any(char.isalnum() for char in reason):
        return wrong("it gives no reason")
    day = day_of(until) if "until" in value else None
    if "until" in value and day is None:
        return wrong("its end is no date")
    ids = tuple(dict.fromkeys(rule.strip() for rule in rules))
    return Directive(comment=0, start=start, end=end, ids=ids, reason=reason, owner=owner, until=day)
