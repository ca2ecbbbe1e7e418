"""Tell from the text of a JSON file which inputs it may be, without decoding it and without importing their readers."""

from __future__ import annotations

# In the order in which Terraform prints them: the first is at the top of the file.
_PLAN_MARKS = (b'"planned_values"', b'"resource_changes"')
PREDICTED_RESOURCES = "predictedResources"
_CHANGE_MARKS = (b'"changeType"', b'"potentialChanges"', b'"resourceChanges"')
_SNAPSHOT_MARK = f'"{PREDICTED_RESOURCES}"'.encode()


def mentions_plan(data: bytes) -> bool:
    """Return whether a JSON file may be a plan, broken ones included, so that a folder's other JSON is left alone."""
    return _mentions(data, _PLAN_MARKS)


def mentions_what_if(data: bytes) -> bool:
    """Return whether a JSON file may be a what-if result, including an invalid one; other JSON is ignored."""
    return _mentions(data, _CHANGE_MARKS)


def mentions_snapshot(data: bytes) -> bool:
    """Return whether a JSON file may be a snapshot, including an invalid one; other JSON is ignored."""
    return _mentions(data, (_SNAPSHOT_MARK,))


def mentions_prediction(data: bytes) -> bool:
    """Return whether a JSON file may be a what-if result or a snapshot, without decoding it."""
    return _mentions(data, (*_CHANGE_MARKS, _SNAPSHOT_MARK))


def _mentions(data: bytes, marks: tuple[bytes, ...]) -> bool:
    if b"\0" in data[:4]:  # UTF-16
        data = data.replace(b"\0", b"")
    return any(mark in data for mark in marks)


def is_of_stack(changes: object) -> bool:
    """Return whether the changes of a what-if result are those of a deployment stack."""
    return isinstance(changes, dict) and "resourceChanges" in changes


def is_stack_result(value: object) -> bool:
    """Return whether a decoded document is the what-if result of a stack, which may also contain the template."""
    properties = value.get("properties") if isinstance(value, dict) else None
    return isinstance(properties, dict) and is_of_stack(properties.get("changes"))
