"""The state before a plan or what-if result: the same document, without what it changes."""

from __future__ import annotations

from typing import Any

import msgspec

from azkvlint.syntax.json_decoder import DECODE_ERRORS, decode
from azkvlint.util.errors import InputError, UsageError
from azkvlint.util.text import visible

TWO_INPUTS = "name two inputs: `kvlint diff BASE HEAD`"
PARTS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_RAWS = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
NULL = msgspec.Raw(b"null")
_NOTHING, _NO_ACTION = msgspec.Raw(b"{}"), msgspec.Raw(b'["no-op"]')


def plan_before(data: bytes) -> bytes | None:
    """Return a plan that changes nothing, in the state before ``data``; None if nothing exists before.

    What a plan shows of the configuration alone has no earlier state and is the same on both sides.
    """
    try:
        parts = PARTS.decode(data.removeprefix(b"\xef\xbb\xbf"))
        entries = _RAWS.decode(parts.get("resource_changes", msgspec.Raw(b"[]")))
        kept = [found for found in map(_entry_before, entries) if found is not None]
        if not any(bytes(entry.get("mode", b"")) != b'"data"' for entry in kept):
            return None
        parts["resource_changes"] = msgspec.Raw(msgspec.json.encode(kept))
        if "deferred_changes" in parts:
            later = [_deferred_before(one) for one in _RAWS.decode(parts["deferred_changes"])]
            parts["deferred_changes"] = msgspec.Raw(msgspec.json.encode([one for one in later if one is not None]))
        if "output_changes" in parts:
            outputs = {name: _change_before(raw) for name, raw in PARTS.decode(parts["output_changes"]).items()}
            parts["output_changes"] = msgspec.Raw(
                msgspec.json.encode({name: one for name, one in outputs.items() if one is not None})
            )
            added = {name for name, one in outputs.items() if one is None}
            if added:
                parts["configuration"] = _without_outputs(parts.get("configuration", _NOTHING), added)
        return msgspec.json.encode(parts)
    except DECODE_ERRORS as error:
        raise InputError("the state before the plan cannot be read") from error


def _entry_before(entry: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw] | None:
    """Return an entry of ``resource_changes`` before its change; None for a resource that does not exist then."""
    if bytes(entry.get("mode", b"")) == b'"data"':
        return entry
    change = _change_before(entry["change"])
    return None if change is None else {**entry, "change": change}


def _deferred_before(entry: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw] | None:
    change = _entry_before(PARTS.decode(entry["resource_change"]))
    return None if change is None else {**entry, "resource_change": msgspec.Raw(msgspec.json.encode(change))}


def _change_before(raw: msgspec.Raw) -> msgspec.Raw | None:
    change = PARTS.decode(raw)
    before = change.get("before", NULL)
    if bytes(before) == b"null":
        return None
    marks = change.get("before_sensitive", _NOTHING)
    return msgspec.Raw(
        msgspec.json.encode(
            {
                "actions": _NO_ACTION, "before": before, "after": before, "after_unknown": _NOTHING,
                "before_sensitive": marks, "after_sensitive": marks,
            }
        )
    )  # fmt: skip


def _without_outputs(raw: msgspec.Raw, names: set[str]) -> msgspec.Raw:
    """Return a configuration without outputs that the plan adds."""
    configuration = PARTS.decode(raw)
    if "root_module" not in configuration:
        return raw
    root = PARTS.decode(configuration["root_module"])
    if "outputs" not in root:
        return raw
    outputs = {name: one for name, one in PARTS.decode(root["outputs"]).items() if name not in names}
    root["outputs"] = msgspec.Raw(msgspec.json.encode(outputs))
    configuration["root_module"] = msgspec.Raw(msgspec.json.encode(root))
    return msgspec.Raw(msgspec.json.encode(configuration))


def what_if_before(data: bytes, word: str) -> bytes | None:
    """Return a what-if result without changes, in the state before ``data``; None if nothing exists before.

    Raise UsageError for a snapshot, which has no state before.
    """
    document = decode(data).value
    outer = document if isinstance(document, dict) else {}
    parts = outer if "changes" in outer else outer.get("properties")
    if not isinstance(parts, dict) or "changes" not in parts:
        raise UsageError(f"'{visible(word)}' is a snapshot, which has one state only", TWO_INPUTS)
    changes = parts["changes"]
    is_empty = True
    if isinstance(changes, dict):
        changes["resourceChanges"] = _changes_before(changes.get("resourceChanges"))
        is_empty = not changes["resourceChanges"]
    else:
        parts["changes"] = _changes_before(changes)
        is_empty = not parts["changes"]
    if "potentialChanges" in parts:
        parts["potentialChanges"] = _changes_before(parts["potentialChanges"])
        is_empty = is_empty and not parts["potentialChanges"]
    return None if is_empty else msgspec.json.encode(document)


def _changes_before(changes: object) -> list[Any]:
    """Return the changes of resources that exist before, without what changes in them."""
    found = []
    for item in changes if isinstance(changes, list) else ():
        word = str(item.get("changeType", "")).lower() if isinstance(item, dict) else ""
        if word != "create":
            found.append(_unchanged(item, word) if word in ("modify", "delete") else item)
    return found


def _unchanged(item: dict[str, Any], word: str) -> dict[str, Any]:
    """Return the change of a resource as none; a modification as it is if it does not show the state before."""
    holder = item.get("resourceConfigurationChanges")
    bodies = holder if isinstance(holder, dict) else item
    before = bodies.get("before")
    if not isinstance(before, dict):
        return {**item, "changeType": "NoChange"} if word == "delete" else item
    now = {**bodies, "after": before}
    now.pop("delta", None)
    found = {**item, "resourceConfigurationChanges": now} if bodies is holder else now
    return {**found, "changeType": "NoChange"}
