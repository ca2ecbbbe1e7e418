"""What a deployment would do, as Azure or the Bicep CLI predicts it: which of the two a document is, and its reader."""

from __future__ import annotations

from azkvlint.model.resource import Demand
from azkvlint.readers.arm.read import TemplateRead
from azkvlint.readers.whatif.snapshot import looks_like_snapshot, mentions_snapshot, read_snapshot
from azkvlint.readers.whatif.whatif import is_of_stack, looks_like_what_if, mentions_what_if, read_what_if
from azkvlint.syntax.jsonc import Document


def mentions_prediction(data: bytes) -> bool:
    """Whether a JSON file may be a what-if result or a snapshot, without decoding it."""
    return mentions_what_if(data) or mentions_snapshot(data)


def is_stack_result(value: object) -> bool:
    """Return whether a decoded document is the what-if result of a stack, which may hold the template as well."""
    properties = value.get("properties") if isinstance(value, dict) else None
    return isinstance(properties, dict) and is_of_stack(properties.get("changes"))


def read_prediction(path: str, document: Document, demand: Demand) -> TemplateRead | None:
    """Read a what-if result or a snapshot; None for anything else. Raises InputError."""
    if looks_like_what_if(document.value):
        return read_what_if(path, document, demand)
    return read_snapshot(path, document, demand) if looks_like_snapshot(document.value) else None
