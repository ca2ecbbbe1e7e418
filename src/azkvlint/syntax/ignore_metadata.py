"""Parse directives in the metadata of JSON templates: ``"metadata": {"kvlint": {"ignore": [...]}}``.

An entry applies to the object that has the metadata, and to everything in it: a resource, or a whole template. It is an
object with ``rules``, ``reason``, ``until`` and ``owner``, or a string as in a comment: ``[KV001] reason``.
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
    """The directives of a document, each with the pointer of its target, and those for Checkov."""

    text: str
    found: tuple[tuple[Directive, Pointer], ...]
    peers: tuple[tuple[PeerComment, Pointer], ...] = ()


def metadata_of(document: Document) -> Metadata | None:
    """Return all directives in the metadata of a document, including invalid ones; None without any."""
    entries = list(_entries(document.value))
    places = locate(document.text, [entry for _, entry, _, _ in entries])
    own_directives: list[tuple[Directive, Pointer]] = []
    peers: list[tuple[PeerComment, Pointer]] = []
    for about, entry, name, value in entries:
        start, end = places.get(entry, (0, 0))
        if name == _NAME:
            own_directives.append((_directive(value, start, end), about))
        else:
            peers += ((one, about) for one in _skips(value, start, end))
    return (
        Metadata(text=document.text, found=tuple(own_directives), peers=tuple(peers))
        if own_directives or peers
        else None
    )


def _entries(value: Any) -> Iterator[tuple[Pointer, Pointer, str, Any]]:
    """Yield each directive in document order: the pointers of its target and of itself, the tool, and its value."""
    pending: list[tuple[Pointer, Any]] = [((), value)]
    while pending:
        pointer, node = pending.pop()
        members: Iterator[tuple[str | int, Any]] = iter(())
        if isinstance(node, dict):
            yield from _object_entries(pointer, node)
            members = iter(node.items())
        elif isinstance(node, list):
            members = iter(enumerate(node))
        nested = [((*pointer, step), part) for step, part in members if isinstance(part, dict | list)]
        pending.extend(reversed(nested))


def _object_entries(pointer: Pointer, node: Mapping[str, Any]) -> Iterator[tuple[Pointer, Pointer, str, Any]]:
    for key in (key for key in node if key.lower() == "metadata"):
        metadata = node[key]
        for name in metadata if isinstance(metadata, dict) else ():
            place, entry_value = (*pointer, key, name), metadata[name]
            if name.lower() == _NAME:
                yield from ((pointer, at, _NAME, entry) for at, entry in _own_entries(place, entry_value))
            elif name == CHECKOV:
                yield from ((pointer, at, CHECKOV, entry) for at, entry in _checkov_entries(place, entry_value))


def _own_entries(place: Pointer, value: Any) -> Iterator[tuple[Pointer, Any]]:
    """Yield the entries of kvlint's own metadata; None for an invalid one."""
    if not isinstance(value, dict):
        yield place, value
        return
    for word, entries in value.items():
        if word.lower() != "ignore" or not isinstance(entries, list):
            yield (*place, word), None
            continue
        yield from (((*place, word, index), entry) for index, entry in enumerate(entries))


def _checkov_entries(place: Pointer, value: Any) -> Iterator[tuple[Pointer, Any]]:
    """Yield the entries of Checkov's metadata: below ``skip``, in a list, or a single one."""
    if isinstance(value, dict):
        place, value = (*place, "skip"), value.get("skip")
    if isinstance(value, list):
        yield from (((*place, index), entry) for index, entry in enumerate(value))
    elif value is not None:
        yield place, value


def _skips(value: Any, start: int, end: int) -> Iterator[PeerComment]:
    """Parse an entry of Checkov's metadata: an object with ``id`` and ``comment``, or ``ID:comment``."""
    id_, reason = (value.get("id"), value.get("comment", "")) if isinstance(value, dict) else (value, "")
    if not isinstance(id_, str):
        return
    skip = skip_of(f"{id_}:{reason}" if isinstance(reason, str) and reason else id_)
    if skip is not None:
        yield PeerComment(tool=CHECKOV, ids=skip[0], reason=skip[1], reach=Reach.AROUND, start=start, end=end)


def _directive(value: Any, start: int, end: int) -> Directive:
    def wrong(fault: str) -> Directive:
        return Directive(comment=0, start=start, end=end, fault=fault)

    if isinstance(value, str):
        content = value.strip()
        content = content if content[:6].lower() == "ignore" else f"ignore{content}"
        directive = directive_of(content, 0, start, end)
        return wrong("`ignore-file` is not supported in metadata") if directive.whole_file else directive
    if not isinstance(value, dict):
        return wrong("the directive is not supported")
    unknown = next((key for key in value if key not in _KEYS), None)
    if unknown is not None:
        return wrong("the directive has an unsupported key")
    rules = value.get("rules")
    rules = [rules] if isinstance(rules, str) else rules
    if not isinstance(rules, list) or not rules or not all(isinstance(rule, str) and rule.strip() for rule in rules):
        return wrong("the rule is missing")
    texts = [value.get(key, "") for key in ("reason", "owner", "until")]
    if not all(isinstance(text, str) for text in texts):
        return wrong("`reason`, `owner` and `until` must be strings")
    reason, owner, until = (" ".join(text.split()) for text in texts)
    if not any(char.isalnum() for char in reason):
        return wrong("the reason is missing")
    day = day_of(until) if "until" in value else None
    if "until" in value and day is None:
        return wrong("`until` is not a date")
    ids = tuple(dict.fromkeys(rule.strip() for rule in rules))
    return Directive(comment=0, start=start, end=end, ids=ids, reason=reason, owner=owner, until=day)
