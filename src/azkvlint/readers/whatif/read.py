"""Reads the predicted resources of a deployment: a what-if result of Azure, or a snapshot of the Bicep CLI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azkvlint.evaluation.budget import with_recursion_limit
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.value import Path
from azkvlint.readers.arm.read import TemplateRead
from azkvlint.readers.whatif.collect_resources import PredictedResources, one_line
from azkvlint.readers.whatif.whatif import is_of_stack, looks_like_what_if, mentions_what_if, read_what_if
from azkvlint.syntax.json_decoder import Document
from azkvlint.util.errors import InputError

_RESOURCES = "predictedResources"
_MARKS = tuple(f'"{_RESOURCES}"'.encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be"))
MAKE_SNAPSHOT = "create a snapshot with `bicep snapshot main.bicepparam --mode overwrite`"


def mentions_snapshot(data: bytes) -> bool:
    """Return whether a JSON file may be a snapshot, including an invalid one; other JSON is ignored."""
    return any(mark in data for mark in _MARKS)


def looks_like_snapshot(value: object) -> bool:
    """Return whether a decoded document is a snapshot."""
    return isinstance(value, dict) and _RESOURCES in value


@with_recursion_limit
def read_snapshot(path: str, document: Document, required: RequiredAttributes) -> TemplateRead:
    """Read the snapshot ``document``, known as ``path``. Raises InputError if it is none, or too large."""
    value = document.value
    entries = value.get(_RESOURCES) if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(entries, list):
        raise InputError(f"invalid Bicep snapshot: `{_RESOURCES}` is not a list", MAKE_SNAPSHOT)
    predicted = PredictedResources(path, required, len(document.text))
    for number, entry in enumerate(entries):
        pointer = (_RESOURCES, number)
        if isinstance(entry, dict):
            _add(predicted, entry, pointer)
        else:
            predicted.problem("error", f"`{_RESOURCES}[{number}]` cannot be read: expected an object", pointer)
    _diagnostics(predicted, value.get("diagnostics"))
    return predicted.read(document.text)


def _add(predicted: PredictedResources, entry: Mapping[str, Any], pointer: Path) -> None:
    id_ = entry.get("id")
    if id_ is None:
        # A resource of an extension, such as Microsoft Graph or Kubernetes: none of Azure's.
        return
    subject = predicted.required_resource(id_, (*pointer, "id"), entry)
    if subject is not None:
        body = predicted.body(subject, entry, pointer, None)
        existing = entry.get("existing") is True
        made = predicted.resource(subject, body, entry.get("apiVersion"), existing=existing)
        predicted.resources[subject.address] = made


def _diagnostics(predicted: PredictedResources, diagnostics: object) -> None:
    """Report diagnostics of the Bicep expansion: resources of the deployment may be missing."""
    if diagnostics is None or diagnostics == []:
        return
    predicted.closed = False
    if not isinstance(diagnostics, list):
        predicted.problem("error", "`diagnostics` cannot be read: expected an array", ("diagnostics",))
        return
    for number, text in enumerate(diagnostics):
        message = ": ".join(word for word in ("diagnostic of the snapshot", one_line(text)) if word)
        predicted.problem("note", message, ("diagnostics", number))


def mentions_prediction(data: bytes) -> bool:
    """Return whether a JSON file may be a what-if result or a snapshot, without decoding it."""
    return mentions_what_if(data) or mentions_snapshot(data)


def is_stack_result(value: object) -> bool:
    """Return whether a decoded document is the what-if result of a stack, which may also contain the template."""
    properties = value.get("properties") if isinstance(value, dict) else None
    return isinstance(properties, dict) and is_of_stack(properties.get("changes"))


def read_prediction(path: str, document: Document, required: RequiredAttributes) -> TemplateRead | None:
    """Read a what-if result or a snapshot; None for anything else. Raises InputError."""
    if looks_like_what_if(document.value):
        return read_what_if(path, document, required)
    return read_snapshot(path, document, required) if looks_like_snapshot(document.value) else None
