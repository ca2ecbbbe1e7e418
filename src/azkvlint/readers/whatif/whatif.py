"""Reads the output of ``az deployment ... what-if --no-pretty-print``: resources with their planned actions.

The form is the REST API's ``WhatIfOperationResult``, whose parts may be below ``properties``:
``{"status", "error", "changes": [...], "potentialChanges": [...], "diagnostics": [...]}``.

What ``az stack ... what-if`` prints is a ``DeploymentStacksWhatIfResult``: ``{"properties": {"provisioningState",
"changes": {"resourceChanges": [...]}, "diagnostics": [...]}}``. Its changes have other members.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import msgspec

from azkvlint.evaluation.budget import with_recursion_limit
from azkvlint.evaluation.values import Fields, Result
from azkvlint.graph.changes import with_changes
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.model.value import ListValue, MapValue, Origin, Path, Scalar, Unknown, Value
from azkvlint.readers.arm.run import TemplateRead
from azkvlint.readers.whatif.collect_resources import PredictedResources, RequiredResource, one_line
from azkvlint.syntax.json_decoder import Document
from azkvlint.util.errors import InputError

_Json: TypeAlias = Mapping[str, Any]
_MARKS = tuple(
    f'"{word}"'.encode(code)
    for word in ("changeType", "potentialChanges", "resourceChanges")
    for code in ("utf-8", "utf-16-le", "utf-16-be")
)
MAKE_WHAT_IF = (
    "create a result with `az deployment group what-if --no-pretty-print --result-format FullResourcePayloads`"
)


class _Kind(NamedTuple):
    """A type of change: Azure's word, the action in Terraform plans, and the reason for values that are missing."""

    word: str
    action: str
    missing: str = ""


_KEPT = "the what-if result does not contain the value, and Azure keeps the existing one"
_NOT_KNOWN = "the what-if result does not contain the value"
# By Azure's word in lower case. Only created resources have the defaults of their API version.
_KINDS = {
    kind.word.lower(): kind
    for kind in (
        _Kind("Create", "create"),
        _Kind("Modify", "update", _KEPT),
        _Kind("NoChange", "no-op", _KEPT),
        _Kind("Ignore", "no-op", _KEPT),
        _Kind("Detach", "no-op", _KEPT),
        _Kind("Delete", "delete", _KEPT),
        _Kind("Deploy", "create", _NOT_KNOWN),
        _Kind("Unsupported", "create", _NOT_KNOWN),
    )
}
# A resource that is not deployed keeps its previous state; a detached resource stays in Azure.
_EXISTING = ("Ignore", "Detach")
_BEFORE = ("Delete", *_EXISTING)
_NO_VALUES = "the what-if result does not contain the values"


class _Members(NamedTuple):
    """Where a change has the id of its resource, and the resource itself before and after."""

    id: str = "resourceId"
    body: tuple[str, ...] = ()


_OF_DEPLOYMENT = _Members()
_OF_STACK = _Members("id", ("resourceConfigurationChanges",))


class _ShapeError(Exception):
    """Raised for a change with an unexpected structure. The message contains no input."""


def mentions_what_if(data: bytes) -> bool:
    """Return whether a JSON file may be a what-if result, including an invalid one; other JSON is ignored."""
    return any(mark in data for mark in _MARKS)


def looks_like_what_if(value: object) -> bool:
    """Return whether a decoded document is a what-if result."""
    found = _parts(value)
    if found is None:
        return False
    changes = found[0]["changes"]
    if is_of_stack(changes):
        return True
    if isinstance(changes, list) and any(isinstance(item, dict) and "changeType" in item for item in changes):
        return True
    return isinstance(value, dict) and isinstance(value.get("status"), str)


def is_of_stack(changes: object) -> bool:
    """Return whether the changes of a result are those of a deployment stack."""
    return isinstance(changes, dict) and "resourceChanges" in changes


@with_recursion_limit
def read_what_if(path: str, document: Document, required: RequiredAttributes) -> TemplateRead:
    """Read the what-if result ``document``, named ``path`` in reports. Raises InputError if it is not valid."""
    found = _parts(document.value)
    if found is None:
        raise InputError("invalid what-if result: `changes` is missing", MAKE_WHAT_IF)
    parts, pointer = found
    reader = _Reader(PredictedResources(path, required, len(document.text)))
    reader.outcome(document.value, ())
    if pointer:
        reader.outcome(parts, pointer)
    changes, at = parts["changes"], (*pointer, "changes")
    if is_of_stack(changes):
        reader.changes(changes["resourceChanges"], (*at, "resourceChanges"), potential=False, members=_OF_STACK)
    else:
        reader.changes(changes, at, potential=False)
    reader.changes(parts.get("potentialChanges"), (*pointer, "potentialChanges"), potential=True)
    reader.diagnostics(parts.get("diagnostics"), (*pointer, "diagnostics"))
    reader.report_bare()
    return reader.predicted.read(document.text)


def _parts(value: object) -> tuple[dict[str, Any], Path] | None:
    """Return the object that contains the changes, and its pointer."""
    if isinstance(value, dict):
        if "changes" in value:
            return value, ()
        inner = value.get("properties")
        if isinstance(inner, dict) and "changes" in inner:
            return inner, ("properties",)
    return None


class _Reader:
    def __init__(self, predicted: PredictedResources) -> None:
        self.predicted = predicted
        # The resources of which only the id is shown.
        self.bare: list[Path] = []

    def outcome(self, parts: _Json, pointer: Path) -> None:
        """Report a what-if operation that did not succeed."""
        word = "status" if "status" in parts else "provisioningState"
        status, error = parts.get(word), parts.get("error")
        if isinstance(status, str) and status.lower() != "succeeded":
            text = f"the what-if operation did not succeed: status {one_line(status)}"
            self.predicted.problem("error", text, (*pointer, word))
        if error is not None:
            self.predicted.problem(
                "error", _with_message("the what-if operation ended with an error", error), (*pointer, "error")
            )

    def diagnostics(self, found: object, pointer: Path) -> None:
        """Report the diagnostics of Azure: resources of the deployment may be missing."""
        if found is not None and not isinstance(found, list):
            self.predicted.problem("error", "`diagnostics` cannot be read: expected an array", pointer)
        for number, item in enumerate(found if isinstance(found, list) else ()):
            level = item.get("level") if isinstance(item, dict) else None
            if not isinstance(level, str) or level.lower() != "info":
                self.predicted.closed = False
            self.predicted.problem(
                "note", _with_message("diagnostic of the what-if operation", item), (*pointer, number)
            )

    def changes(self, found: object, pointer: Path, potential: bool, members: _Members = _OF_DEPLOYMENT) -> None:
        """Collect the changes of one list; ``potential`` ones may not happen."""
        if found is None:
            return
        if not isinstance(found, list):
            self.predicted.problem("error", f"`{pointer[-1]}` cannot be read: expected an array", pointer)
            return
        for number, item in enumerate(found):
            try:
                self._change(item, (*pointer, number), potential, members)
            except _ShapeError as error:
                text = f"`{pointer[-1]}[{number}]` cannot be read: {error}"
                self.predicted.problem("error", text, (*pointer, number))

    def _change(self, item: object, pointer: Path, potential: bool, members: _Members) -> None:
        if not isinstance(item, dict):
            raise _ShapeError("expected an object")
        word = item.get("changeType")
        kind = _KINDS.get(word.lower()) if isinstance(word, str) else None
        if kind is None:
            raise _ShapeError("`changeType` is not supported")
        if members is _OF_STACK:
            if item.get("extension") is not None:
                return  # none of Azure's resources
            potential = str(item.get("changeCertainty")).lower() == "potential"
        id_ = item.get(members.id)
        if not isinstance(id_, str):
            raise _ShapeError(f"`{members.id}` is missing")
        bodies_of: _Json = item
        for name in members.body:
            bodies_of = _object(bodies_of, name) or {}
        before, after = _object(bodies_of, "before"), _object(bodies_of, "after")
        subject = self.predicted.required_resource(id_, (*pointer, members.id), after or before or {})
        if subject is None:
            return
        if kind.word == "Unsupported":
            reason = one_line(item.get("unsupportedReason")) or "no reason stated"
            self.predicted.problem(
                "warning", f"the what-if result for `{subject.address}` is incomplete: {reason}", pointer
            )
        elif after is None and kind.word not in (*_BEFORE, "NoChange" if before else ""):
            self.bare.append((*pointer, members.id))
        bodies = [("after", after), ("before", before if kind.missing == _KEPT else None)]
        if kind.word in _BEFORE:
            bodies = [("before", before), ("after", after if before is None else None)]
        made = [
            self._resource(subject, kind, potential, body_json, (*pointer, *members.body, name))
            for name, body_json in bodies
            if body_json is not None
        ]
        found = made[0] if made else self._resource(subject, kind, potential, None, pointer)
        for kept in made[1:]:
            attributes = with_changes(_with_kept(found.attributes, kept.attributes), kept.attributes)
            found = msgspec.structs.replace(found, attributes=attributes)
        self.predicted.resources[subject.address] = found

    def _resource(
        self, subject: RequiredResource, kind: _Kind, potential: bool, body_json: _Json | None, pointer: Path
    ) -> Resource:
        """Return the resource with the values of ``before`` or ``after``; None: its values are unknown."""
        body: dict[str, Result] = {"properties": Unknown(at=subject.at, why=_NO_VALUES)}
        if body_json is not None:
            rest = Unknown(at=subject.at, why=kind.missing) if kind.missing else None
            body = self.predicted.body(subject, body_json, pointer, rest)
        action = Scalar(
            at=subject.at, value=kind.action, origin=Origin.DERIVED, note=f"the what-if result is {kind.word}"
        )
        body["derived"] = Fields(at=subject.at, fields={"plannedAction": action})
        return self.predicted.resource(
            subject,
            body,
            body_json.get("apiVersion") if body_json is not None else None,
            action=kind.action,
            existing=kind.word in _EXISTING,
            conditions=frozenset({f"`{subject.address}` is deployed"}) if potential else frozenset(),
        )

    def report_bare(self) -> None:
        """Report the resources without values in one problem."""
        if self.bare:
            number = len(self.bare)
            what = "1 resource has" if number == 1 else f"{number:,} resources have"
            text = f"{what} no values in the what-if result (`ResourceIdOnly`), so the values were not evaluated"
            self.predicted.problem("warning", text, self.bare[0], hint=MAKE_WHAT_IF)


def _with_message(what: str, found: object) -> str:
    """Return ``what`` with the code and message of an error or diagnostic."""
    words = [one_line(found.get(name)) for name in ("code", "message")] if isinstance(found, dict) else []
    return ": ".join([what, *(word for word in words if word)])


def _object(item: _Json, name: str) -> _Json | None:
    found = item.get(name)
    if found is not None and not isinstance(found, dict):
        raise _ShapeError(f"`{name}` is not an object")
    return found


def _with_kept(after: MapValue, before: MapValue) -> MapValue:
    """Return ``after`` with the values that only ``before`` has, at any depth: Azure keeps them.

    What-if is known to show such properties as removed, so that they are missing proves nothing.
    """
    fields = dict(after.fields)
    for name, old in before.fields.items():
        new = fields.get(name)
        if new is None:
            fields[name] = _mark_kept(old)
        elif isinstance(new, MapValue) and isinstance(old, MapValue):
            fields[name] = _with_kept(new, old)
    return msgspec.structs.replace(after, fields=fields)


def _mark_kept(value: Value) -> Value:
    if isinstance(value, MapValue):
        fields = {name: _mark_kept(field) for name, field in value.fields.items()}
        return msgspec.structs.replace(value, fields=fields, origin=Origin.KEPT)
    if isinstance(value, ListValue):
        return msgspec.structs.replace(value, items=tuple(_mark_kept(item) for item in value.items), origin=Origin.KEPT)
    return msgspec.structs.replace(value, origin=Origin.KEPT)
