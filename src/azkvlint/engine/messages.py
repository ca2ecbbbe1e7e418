"""The texts of a finding: message, name, reason and fingerprint."""

from __future__ import annotations

import re
from collections.abc import Sequence

from azkvlint.engine.evidence import NAMED_BY, NONE
from azkvlint.engine.graph_index import GraphIndex
from azkvlint.model.finding import Evidence
from azkvlint.model.location import Location, static_address
from azkvlint.model.resource import Resource
from azkvlint.model.value import text_of
from azkvlint.util.lazy_regex import regex
from azkvlint.util.sha256 import sha256_hex

_PLACEHOLDER = regex(r"\{(\w+)\}")
_INDEX = regex(r"\[[0-9]+\]")
# The maximum number of values in a message. The evidence has all of them.
_MOST = 3
_MAX_PARENTS = 4
# The prefix of the most frequent reason in plans, "known after apply".
_KNOWN = "known "


def fill_message(template: str, resource: Resource, name: str, deciding: list[Evidence]) -> tuple[str, tuple[str, ...]]:
    """Return a rule's message with its placeholders replaced, and their values by first appearance."""
    values: dict[str, str] = {}

    def fill(match: re.Match[str]) -> str:
        word = match[1]
        if word not in values:
            values[word] = _value(word, resource, name, deciding)
        return values[word]

    text = _PLACEHOLDER.sub(fill, template)
    return text, tuple(values.values())


def _value(word: str, resource: Resource, name: str, deciding: list[Evidence]) -> str:
    match word:
        case "resource":
            return resource.address
        case "name":
            return name
        case "value":
            return _join([note.found for note in deciding])
        case "attribute":
            return _join([note.at.attribute for note in deciding if note.at.attribute])
        case _:
            # A missing link is mentioned only if there is no other evidence.
            noted = [note for note in deciding if note.attribute or note.note or note.found != NONE]
            return _join([note.note or _fact(note) for note in noted or deciding])


def _fact(note: Evidence) -> str:
    if note.attribute:
        return f"{note.attribute} is {note.found}"
    # The address of the source is more useful than its reference.
    names_this = note.expected.endswith("a link") and not note.found.startswith(NAMED_BY)
    return note.at.address or note.found if names_this else note.found


def _join(texts: list[str]) -> str:
    distinct = list(dict.fromkeys(texts))
    suffix = f" and {len(distinct) - _MOST} more" if len(distinct) > _MOST else ""
    return ", ".join(distinct[:_MOST]) + suffix


def unknown_reason(deciding: list[Evidence], resource: Resource) -> str:
    """Return the reason of an unknown result, without a period."""
    return _join([_unknown_fact(note, resource) for note in deciding]) or "its answer is not known"


def _unknown_fact(note: Evidence, resource: Resource) -> str:
    found = note.found.removeprefix("not known: ")
    if not note.attribute:
        return found
    owner = f" of {note.at.address}" if note.at.address not in (None, resource.address) else ""
    return (
        f"{note.attribute}{owner} is {found}"
        if found.startswith(_KNOWN)
        else f"{note.attribute}{owner} is not known: {found}"
    )


def full_name(resource: Resource, index: GraphIndex) -> str:
    """Return the resource's name in Azure with the names of its parents: ``vault/secret``."""
    names = [resource.name]
    current = resource
    for _ in range(_MAX_PARENTS):
        parent_value = current.attributes.fields.get("parent")
        if parent_value is None:
            break
        target = getattr(parent_value, "target", None)
        parent = index.graph.resources.get(target) if target is not None else None
        if parent is None:
            if not parent_value.sensitive:
                names[:0] = _names_in(text_of(parent_value))
            break
        names.insert(0, parent.name)
        current = parent
    return "/".join(names)


def _names_in(id_: str) -> list[str]:
    """Return the names in a resource id or its pattern, outermost first."""
    _, providers, kinds_and_names = id_.rstrip("/").rpartition("/providers/")
    names = kinds_and_names.split("/")
    return names[2::2] if providers else names[-1:] if len(names) > 1 else []


def fingerprint(rule_id: str, at: Location, callers: Sequence[Location] = ()) -> str:
    """Return a hash of rule, path, address and attribute (32 hex digits) that is stable when code moves.

    Indexes of list items are left out, because sets change their order when an item is added. In source code, the
    address is the one in the file itself: without instance keys, and without the module calls around it (``callers``,
    outermost first).
    """
    address = at.address or ""
    if at.span is not None or at.pointer is not None:
        address = _within_file(address, at.path, callers)
    parts = (rule_id, at.path, address, _INDEX.sub("[]", at.attribute) if at.attribute else "")
    # Paths with bytes that are not UTF-8 contain surrogates.
    return sha256_hex("\0".join(parts).encode("utf-8", "surrogatepass"))[:32]


def _within_file(address: str, path: str, callers: Sequence[Location]) -> str:
    """Return an address relative to the file ``path``: without instance keys and outer module calls."""
    address = static_address(address)
    for caller in callers:
        if caller.path == path:
            break
        inner = address.removeprefix("module.").partition(".")[2]
        if inner:
            address = inner
    return address
