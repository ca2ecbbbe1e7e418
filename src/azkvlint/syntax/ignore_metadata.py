"""Directives in the metadata of JSON templates: ``"metadata": {"kvlint": {"ignore": [...]}}``.

An entry is about the object whose metadata it stands in, and everything in it: a resource, or a whole template. It is
an object with ``rules``, ``reason``, ``until`` and ``owner``, or a text as in a comment: ``[KV001] reason``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from azkvlint.model.suppression import CHECKOV
from azkvlint.syntax.ignore_comments import Directive, day_of, directive_of
from azkvlint.syntax.json_decoder import Document, Pointer
from azkvlint.syntax.json_positions import locate
from azkvlint.syntax.peer_comments import PeerComment, Reach, skip_of

_NAME = "kvlint"
_KEYS = frozenset({"rules", "reason", "until", "owner"})


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """The directives of a document, each with the pointer of the object that it applies to, and those for Checkov.

    ``text`` is the document's.
    """

    text: str
    found: tuple[tuple[Directive, Pointer], ...]
    peers: tuple[tuple[PeerComment, Pointer], ...] = ()


def metadata_of(document: Document) -> Metadata | None:
    """Return all directives in the metadata of a document, those that are wrong with their fault; None without any."""
    found = list(_entries(document.value))
    places = locate(document.text, [entry for _, entry, _, _ in found])
    own: list[tuple[Directive, Pointer]] = []
    peers: list[tuple[PeerComment, Pointer]] = []
    for about, entry, name, value in found:
        start, end = places.get(entry, (0, 0))
        if name == _NAME:
            own.append((_directive(value, start, end), about))
        else:
            peers += ((one, about) for one in _skips(value, start, end))
    return Metadata(text=document.text, found=tuple(own), peers=tuple(peers)) if own or peers else None


def _entries(value: Any) -> Iterator[tuple[Pointer, Pointer, str, Any]]:
    """Yield each directive of a tool in document order: the object that it is for, its own place, the tool, itself."""
    waiting: list[tuple[Pointer, Any]] = [((), value)]
    while waiting:
        pointer, here = waiting.pop()
        inside: Iterator[tuple[str | int, Any]] = iter(())
        if isinstance(here, dict):
            yield from _object_entries(pointer, here)
            inside = iter(here.items())
        elif isinstance(here, list):
            inside = iter(enumerate(here))
        below = [((*pointer, step), part) for step, part in inside if isinstance(part, dict | list)]
        waiting.extend(reversed(below))


def _object_entries(pointer: Pointer, here: Mapping[str, Any]) -> Iterator[tuple[Pointer, Pointer, str, Any]]:
    for key in (key for key in here if key.lower() == "metadata"):
        metadata = here[key]
        for name in metadata if isinstance(metadata, dict) else ():
            place, said = (*pointer, key, name), metadata[name]
            if name.lower() == _NAME:
                yield from ((pointer, at, _NAME, entry) for at, entry in _own_entries(place, said))
            elif name == CHECKOV:
                yield from ((pointer, at, CHECKOV, entry) for at, entry in _checkov_entries(place, said))


def _own_entries(place: Pointer, said: Any) -> Iterator[tuple[Pointer, Any]]:
    """Yield the entries of kvlint's own metadata; None for one that is wrong."""
    if not isinstance(said, dict):
        yield place, said
        return
    for word, entries in said.items():
        if word.lower() != "ignore" or not isinstance(entries, list):
            yield (*place, word), None
            continue
        yield from (((*place, word, index), entry) for index, entry in enumerate(entries))


def _checkov_entries(place: Pointer, said: Any) -> Iterator[tuple[Pointer, Any]]:
    """Yield the entries of Checkov's metadata: below ``skip``, in a list, or a single one."""
    if isinstance(said, dict):
        place, said = (*place, "skip"), said.get("skip")
    if isinstance(said, list):
        yield from (((*place, index), entry) for index, entry in enumerate(said))
    elif said is not None:
        yield place, said


def _skips(value: Any, start: int, end: int) -> Iterator[PeerComment]:
    """Yield what an entry of Checkov's metadata says: an object with ``id`` and ``comment``, or ``ID:comment``."""
    id_, reason = (value.get("id"), value.get("comment", "")) if isinstance(value, dict) else (value, "")
    if not isinstance(id_, str):
        return
    found = skip_of(f"{id_}:{reason}" if isinstance(reason, str) and reason else id_)
    if found is not None:
        yield PeerComment(tool=CHECKOV, ids=found[0], reason=found[1], reach=Reach.AROUND, start=start, end=end)


def _directive(value: Any, start: int, end: int) -> Directive:
    """Return what an entry says."""

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
