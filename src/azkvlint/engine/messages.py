"""The words of a finding: message, name, reason, fingerprint."""

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
# A message names at most this many places; the evidence holds them all.
_MOST = 3
_MAX_PARENTS = 4
# How the reason begins that a plan gives most often: "known after apply".
_KNOWN = "known "


def filled(template: str, resource: Resource, name: str, deciding: list[Evidence]) -> tuple[str, tuple[str, ...]]:
    """Return a rule's message with its placeholders filled, and their values in the order of first appearance."""
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
            return _joined([note.found for note in deciding])
        case "attribute":
            return _joined([note.at.attribute for note in deciding if note.at.attribute])
        case _:
            # That there is no companion says something only where nothing else does.
            noted = [note for note in deciding if note.attribute or note.note or note.found != NONE]
            return _joined([note.note or _plainly(note) for note in noted or deciding])


def _plainly(note: Evidence) -> str:
    if note.attribute:
        return f"{note.attribute} is {note.found}"
    # What names this resource is of more use than what it calls it.
    names_this = note.expected.endswith("a link") and not note.found.startswith(NAMED_BY)
    return note.at.address or note.found if names_this else note.found


def _joined(texts: list[str]) -> str:
    once = list(dict.fromkeys(texts))
    more = f" and {len(once) - _MOST} more" if len(once) > _MOST else ""
    return ", ".join(once[:_MOST]) + more


def undecided_reason(deciding: list[Evidence], resource: Resource) -> str:
    """Return what is not known, for people, without a final period."""
    return _joined([_doubt(note, resource) for note in deciding]) or "its answer is not known"


def _doubt(note: Evidence, resource: Resource) -> str:
    found = note.found.removeprefix("not known: ")
    if not note.attribute:
        return found
    whose = f" of {note.at.address}" if note.at.address not in (None, resource.address) else ""
    return (
        f"{note.attribute}{whose} is {found}"
        if found.startswith(_KNOWN)
        else f"{note.attribute}{whose} is not known: {found}"
    )


def full_name(resource: Resource, index: GraphIndex) -> str:
    """Return the name in Azure with the names of the resources above it: ``vault/secret``."""
    names = [resource.name]
    here = resource
    for _ in range(_MAX_PARENTS):
        above = here.attributes.fields.get("parent")
        if above is None:
            break
        target = getattr(above, "target", None)
        parent = index.graph.resources.get(target) if target is not None else None
        if parent is None:
            if not above.sensitive:
                names[:0] = _names_in(text_of(above))
            break
        names.insert(0, parent.name)
        here = parent
    return "/".join(names)


def _names_in(id_: str) -> list[str]:
    """Return the names in a resource's id, or in its pattern, the outermost first."""
    _, providers, kinds_and_names = id_.rstrip("/").rpartition("/providers/")
    names = kinds_and_names.split("/")
    return names[2::2] if providers else names[-1:] if len(names) > 1 else []


def fingerprint(rule_id: str, at: Location, callers: Sequence[Location] = ()) -> str:
    """Return what stays the same while lines and items move: a hash of rule, path, address and attribute, 32 hex
    digits.

    Which item of a list it is counts no more than the line: sets are printed in another order whenever one is added.
    Nor do instances count in a text that declares all of them at once, or who uses the module that it belongs to
    (``callers``, outermost first): there the address is what its own file calls the resource.
    """
    address = at.address or ""
    if at.span is not None or at.pointer is not None:
        address = _within_file(address, at.path, callers)
    parts = (rule_id, at.path, address, _INDEX.sub("[]", at.attribute) if at.attribute else "")
    # A path need not be Unicode: Python then holds its bytes as surrogates.
    return sha256_hex("\0".join(parts).encode("utf-8", "surrogatepass"))[:32]


def _within_file(address: str, path: str, callers: Sequence[Location]) -> str:
    """Return an address as from the file ``path``: without keys, and without the calls that stand in the files around
    it.
    """
    address = static_address(address)
    for caller in callers:
        if caller.path == path:
            break
        inner = address.removeprefix("module.").partition(".")[2]
        if inner:
            address = inner
    return address
