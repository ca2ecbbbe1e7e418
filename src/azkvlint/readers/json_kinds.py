"""Tell from the text of a JSON file which inputs it may be, without decoding it and without importing their readers."""

from __future__ import annotations

from azkvlint.util.lazy_regex import regex

# In the order in which Terraform prints them: the first is at the top of the file.
_PLAN_MARKS = (b'"planned_values"', b'"resource_changes"')
PREDICTED_RESOURCES = "predictedResources"
_CHANGE_MARKS = (b'"changeType"', b'"potentialChanges"', b'"resourceChanges"')
_SNAPSHOT_MARK = f'"{PREDICTED_RESOURCES}"'.encode()
# In lower case. A template names its schema, or else has resources with API versions or types of Microsoft's.
_SCHEMA, _RESOURCES, _OF_RESOURCES = b"deploymenttemplate.json", b'"resources"', (b'"apiversion"', b'"microsoft.')
_TEMPLATE_MARKS = (_SCHEMA, _RESOURCES, *_OF_RESOURCES)
# A character of ASCII that JSON writes as an escape.
_ESCAPED = regex(rb"\\u00([0-7][0-9a-f])")
# More bytes than any of the marks has, with each character written as an escape of UTF-16.
LONGEST_MARK = 500


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


def mentions_template(data: bytes) -> bool:
    """Return whether a file may be a template, without decoding it; if it cannot be decoded, that is a problem.

    Little other JSON mentions the same: whether it is a template is seen once it is decoded.
    """
    return _is_of_template(_template_marks(_narrow(data)))


class JsonMentions:
    """What a file mentions that is read in blocks, of which each begins with the last LONGEST_MARK bytes before it."""

    def __init__(self) -> None:
        self.plan = self._prediction = False
        self._marks: set[bytes] = set()
        self._is_wide: bool | None = None

    @property
    def any(self) -> bool:
        """Return whether the file may be an input."""
        return self.plan or self._prediction or _is_of_template(self._marks)

    def add(self, block: bytes) -> None:
        """Add the next block."""
        if self._is_wide is None:
            self._is_wide = _is_wide(block)
        if self._is_wide:
            block = block.replace(b"\0", b"")
        self.plan = self.plan or mentions_plan(block)
        self._prediction = self._prediction or mentions_prediction(block)
        self._marks |= _template_marks(block)


def _template_marks(data: bytes) -> set[bytes]:
    lower = data.lower()
    if b"\\u00" in lower:
        lower = _ESCAPED.sub(lambda found: bytes((int(found[1], 16),)).lower(), lower)
    return {mark for mark in _TEMPLATE_MARKS if mark in lower}


def _is_of_template(marks: set[bytes]) -> bool:
    return _SCHEMA in marks or (_RESOURCES in marks and not marks.isdisjoint(_OF_RESOURCES))


def _mentions(data: bytes, marks: tuple[bytes, ...]) -> bool:
    data = _narrow(data)
    return any(mark in data for mark in marks)


def _narrow(data: bytes) -> bytes:
    return data.replace(b"\0", b"") if _is_wide(data) else data


def _is_wide(data: bytes) -> bool:
    """Return whether a file is UTF-16."""
    return b"\0" in data[:4]


def is_of_stack(changes: object) -> bool:
    """Return whether the changes of a what-if result are those of a deployment stack."""
    return isinstance(changes, dict) and "resourceChanges" in changes


def is_stack_result(value: object) -> bool:
    """Return whether a decoded document is the what-if result of a stack, which may also contain the template."""
    properties = value.get("properties") if isinstance(value, dict) else None
    return isinstance(properties, dict) and is_of_stack(properties.get("changes"))
