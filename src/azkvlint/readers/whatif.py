"""Read the predicted resources of a deployment: a what-if result of Azure, or a snapshot of the Bicep CLI."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import msgspec

from azkvlint.azure.azurerm.resources import canonical
from azkvlint.evaluation.budget import Budget, UnitWork, with_recursion_limit
from azkvlint.evaluation.evaluate import Evaluator
from azkvlint.evaluation.operators import Local
from azkvlint.evaluation.values import Fields, Items, Result, mark_sensitive, pattern_of
from azkvlint.graph.changes import with_changes
from azkvlint.model.finding import INPUT_INCOMPLETE, TYPE_UNKNOWN, Problem
from azkvlint.model.location import Location
from azkvlint.model.pattern import (
    Text,
    hole,
    in_braces,
    join_texts,
    known_start,
    rstrip_text,
    split_text,
    strip_text,
    text_form,
)
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.model.value import Absent, ListValue, MapValue, Origin, Path, Scalar, Unknown, Value
from azkvlint.readers.deployment.resource import EvaluatedDeclaration, ResourceIdentity, make_resource
from azkvlint.readers.deployment.scope import DeploymentScope, call, scope_of
from azkvlint.readers.json_kinds import PREDICTED_RESOURCES, is_of_stack
from azkvlint.readers.modules.required_members import AttributeFilter, RequiredMembers, prune
from azkvlint.readers.modules.run import TemplateRead
from azkvlint.syntax import ast
from azkvlint.syntax.arm_expression import is_expression, parse_expression, unescaped
from azkvlint.syntax.json_decoder import JsonDocument
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex

_Json: TypeAlias = Mapping[str, Any]
_Unit: TypeAlias = UnitWork | None
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


@with_recursion_limit
def read_what_if(path: str, document: JsonDocument, required: RequiredAttributes, unit: _Unit = None) -> TemplateRead:
    """Read the what-if result ``document``, named ``path`` in reports. Raises InputError if it is not valid."""
    found = _parts(document.value)
    if found is None:
        raise InputError("invalid what-if result: `changes` is missing", MAKE_WHAT_IF)
    parts, pointer = found
    reader = _WhatIfReader(PredictedResources(path, required, Budget(len(document.text), unit=unit)))
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


class _WhatIfReader:
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


# An expression that could not be evaluated has a call in it; a text such as "[]" or "[::1]" has none.
_CALL = regex(r"\[\s*+[A-Za-z_][\w.]*+\s*+\(")
# What an expression may still name, although its value is not in the document: mostly because it is a secret.
_NAMED = ("parameters", "variables")
# What is another value each time that it is evaluated: equal expressions are not equal values.
_FRESH = regex(r"newguid|utcnow", re.IGNORECASE)
_NAME = regex(r"[\w-]{1,80}")


class DocumentValues:
    """Evaluates the values of the document ``path`` within its ``budget``."""

    def __init__(self, path: str, budget: Budget) -> None:
        self.path = path
        self._budget = budget
        self._scope = DeploymentScope()
        self._text = ""
        self._at = Location(path=path)
        self._evaluator: Evaluator | None = None

    def location(self, pointer: Path) -> Location:
        """Return the location of one member or item."""
        return Location(path=self.path, pointer=pointer)

    def result(self, plain: Any, pointer: Path, rest: Unknown | None = None) -> Result:
        """Return the result of decoded JSON. ``rest``: objects outside lists may have more members than they show.

        Raises InputError for expressions above the limit of work.
        """
        kind, at = type(plain), Location(path=self.path, pointer=pointer)
        if kind is str:
            return self._string(plain, at)
        if kind is dict:
            fields = {key: self.result(item, (*pointer, key), rest) for key, item in plain.items()}
            return Fields(at=at, fields=fields, rest=rest)
        if kind is list:
            return Items(at=at, items=[self.result(item, (*pointer, i)) for i, item in enumerate(plain)])
        return Absent(at=at) if plain is None else Scalar(at=at, value=plain)

    def _string(self, text: str, at: Location) -> Result:
        if text[:1] != "[" or not is_expression(text):
            return Scalar(at=at, value=unescaped(text))
        if _CALL.match(text) is None:
            return Scalar(at=at, value=text)
        inner = text[1:-1]
        try:
            node = parse_expression(inner)
        except InputError:
            return Unknown(at=at, why="the expression is invalid", pattern=hole(text))
        self._text, self._at = inner, at
        found = self._ready().evaluate(node, {})
        if isinstance(found, Unknown) and found.pattern is None and not found.sensitive and not _FRESH.search(inner):
            return msgspec.structs.replace(found, pattern=hole(inner) if inner else None)
        return found

    def _ready(self) -> Evaluator:
        """Return the evaluator, which most documents do not need."""
        if self._evaluator is None:
            from azkvlint.evaluation.functions.languages import ARM

            self._evaluator = Evaluator(self, ARM, self._budget)
        return self._evaluator

    def place(self, node: ast.Node) -> Location:  # noqa: ARG002  # the interface of all documents
        """Return the location of the expression."""
        return self._at

    def symbol(self, node: ast.Name) -> Result:  # noqa: ARG002  # the interface of all documents
        """Return Unknown: expressions of templates have no names."""
        return Unknown(at=self._at, why="the expression is invalid")

    def call(self, node: ast.Call, local: Local) -> Result | None:
        """Evaluate a function that depends on the deployment; None for others."""
        name = node.name.lower()
        if name in _NAMED:
            return Unknown(at=self._at, why=_why(node), pattern=hole(self._text[node.start : node.end]))
        if call(name, (), self._scope, self._at) is None:
            return None
        arguments = [self._ready().evaluate(argument, local) for argument in node.arguments]
        return call(name, arguments, self._scope, self._at)


def _why(node: ast.Call) -> str:
    first = node.arguments[0] if node.arguments else None
    if isinstance(first, ast.Literal) and isinstance(first.value, str) and _NAME.fullmatch(first.value):
        return f"the value of `{node.name}('{first.value}')` is not shown"
    return f"the value of `{node.name}()` is not shown"


# No id of Azure's has nearly as many steps.
_MOST_PARTS = 200


class WhatIfIdentity(NamedTuple):
    """``names``: one for each segment of ``type`` after the namespace. ``above``: the id of the scope, or of the
    resource that it ``extends``; the id of the whole is these three put combine again.
    """

    type: str
    names: tuple[Text, ...]
    above: Text
    extends: bool


def parse_id(id_: Text) -> WhatIfIdentity | None:
    """Parse an ID; None for anything else, and for a scope that is not a resource (a subscription)."""
    if text_form(id_).count("/") > _MOST_PARTS:
        return None
    parts = split_text(rstrip_text(id_, "/"), "/")
    if known_start(parts[0]) or not all(parts[1:]):
        return None
    # An unknown beginning of an ID cannot be parsed.
    start = 1 if parts[0] else _scope_end(parts)
    if start == len(parts) == 5:
        return WhatIfIdentity("Microsoft.Resources/resourceGroups", (parts[4],), join_texts(parts[:3], "/"), False)
    return _resource(parts, start)


def _scope_end(parts: list[Text]) -> int:
    """Return how many parts of an ID (the first is empty) are its subscription and resource group."""
    words = [text_form(part).lower() for part in parts[1:4]]
    if words[:1] != ["subscriptions"]:
        return 1
    return 5 if words[2:] == ["resourcegroups"] and len(parts) > 4 else 3


def _resource(parts: list[Text], at: int) -> WhatIfIdentity | None:
    """Return the last resource of ``providers/NAMESPACE/TYPE/NAME...``; each further ``providers`` extends it."""
    words = [text_form(part).lower() for part in parts]
    above, extends = join_texts(parts[:at], "/"), False
    while at + 3 < len(parts) and words[at] == "providers":
        end = at + 4
        # A name may be "providers", but no type is: types are at every second position.
        while end + 1 < len(parts) and words[end] != "providers":
            end += 2
        if end == len(parts):
            type_ = text_form(join_texts([parts[at + 1], *parts[at + 2 : end : 2]], "/"))
            return WhatIfIdentity(type_, tuple(parts[at + 3 : end : 2]), above, extends)
        above = join_texts(parts[:end], "/")
        extends, at = scope_of(above) is None, end
    return None


def relative_id(id_: Text) -> str:
    """Return an ID without its subscription and group, as in the output of what-if, unknown parts in braces."""
    parts = split_text(strip_text(id_, "/"), "/")
    words = [text_form(part).lower() for part in parts]
    if words[:1] == ["subscriptions"]:
        parts = parts[4 if words[2:3] == ["resourcegroups"] and len(parts) > 4 else 2 :]
    return in_braces(join_texts(parts[1:] if text_form(parts[0]).lower() == "providers" else parts, "/"))


# Attributes that only kvlint adds to a resource.
_OURS = frozenset({"derived", "provider"})
_PROPERTIES = "properties"
_KEY_VAULT = "microsoft.keyvault/"
_SECRETS = ("microsoft.keyvault/vaults/secrets",)
# Types of Key Vault that no rule could check.
_HARMLESS = ("/privateendpointconnections", "/eventgridfilters", "/deletedvaults", "/deletedmanagedhsms")
_QUOTED = regex(r"'[^']*+'|\"[^\"]*+\"|[\x00-\x1f\x7f]++")
_LONGEST = 300


class RequiredResource(msgspec.Struct, frozen=True):
    """A resource that rules read: its identity, the location of its ID, its address, and its required members."""

    identity: WhatIfIdentity
    at: Location
    address: str
    members: RequiredMembers


class PredictedResources:
    """The resources and problems of a document, and whether it is complete."""

    def __init__(self, path: str, required: RequiredAttributes, budget: Budget) -> None:
        self.values = DocumentValues(path, budget)
        self.resources: dict[str, Resource] = {}
        self.problems: list[Problem] = []
        self.closed = True
        self._attribute_filter = required.form(AttributeFilter)
        self._freezer = self._attribute_filter.freezer.within(budget)
        self._addresses: Counter[str] = Counter()

    def read(self, text: str) -> TemplateRead:
        """Return the resources and problems; ``text`` is the text of the document."""
        return TemplateRead(
            resources=self.resources,
            problems=self.problems,
            closed=self.closed,
            files={self.values.path: text},
        )

    def problem(
        self, level: str, message: str, pointer: Path = (), code: str = INPUT_INCOMPLETE, hint: str = ""
    ) -> None:
        """Report what is missing or not understood; an error may hide resources."""
        if level == "error":
            self.closed = False
        at = self.values.location(pointer)
        self.problems.append(Problem(code=code, level=level, message=message, at=at, hint=hint))

    def required_resource(self, written: object, pointer: Path, body: Mapping[str, Any]) -> RequiredResource | None:
        """Return the resource with the ID ``written`` at ``pointer``; None if no rule reads its type.

        ``body`` has its type and name where the ID does not.
        """
        pattern = pattern_of(self.values.result(written, pointer)) if isinstance(written, str) else ""
        found = parse_id(pattern)
        shown = relative_id(pattern) if found is not None else ""
        if found is None:
            found = self._identity_of(body, pattern, pointer)
            if found is None:
                return None
            shown = text_form(join_texts([found.type, *found.names], "/"))
        required = self._attribute_filter.members_of(canonical(found.type) or found.type)
        if required is None:
            self._pass_over(found.type, shown, pointer)
            return None
        if found.above and not known_start(found.above):
            # Others may name it by an id that begins in another way.
            self.closed = False
        return RequiredResource(found, self.values.location(pointer), self._unique_address(shown), required)

    def resource(
        self,
        subject: RequiredResource,
        body: Mapping[str, Result],
        version: object,
        *,
        action: str | None = None,
        existing: bool = False,
        conditions: frozenset[str] = frozenset(),
    ) -> Resource:
        """Return the resource that ``body`` describes. ``version``: its API version in the document."""
        type_, names, above, extends = subject.identity
        shown = version if isinstance(version, str) and version[:1] != "[" else ""
        declared = EvaluatedDeclaration(
            address=subject.address,
            identity=ResourceIdentity(type_, shown, names, above, extends),
            body=body,
            at=subject.at,
            action=action,
            existing=existing,
            conditions=conditions,
        )
        return make_resource(declared, self._freezer)

    def body(
        self, subject: RequiredResource, written: Mapping[str, Any], pointer: Path, rest: Unknown | None
    ) -> dict[str, Result]:
        """Return the required members of a resource. ``rest`` stands for properties that are not shown."""
        found: dict[str, Result] = {}
        tree = subject.members.tree
        for key, value in written.items():
            lower = key.lower()
            if lower not in _OURS and (tree is None or lower in tree):
                found[key] = self.values.result(value, (*pointer, key), rest if lower == _PROPERTIES else None)
        if rest is not None and all(key.lower() != _PROPERTIES for key in found):
            found["properties"] = Fields(at=subject.at, fields={}, rest=rest)
        if subject.identity.type.lower() in _SECRETS:
            found = {key: _without_secret(key, item) for key, item in found.items()}
        kept = prune(Fields(at=subject.at, fields=found), tree)
        return kept.fields if isinstance(kept, Fields) else found

    def _identity_of(self, body: Mapping[str, Any], id_: Text, pointer: Path) -> WhatIfIdentity | None:
        """Return the identity of a resource without a usable ID, from its type and name."""
        type_ = body.get("type")
        if not isinstance(type_, str) or type_[:1] == "[" or "/" not in type_:
            self.closed = False
            text = "the ID and type of a resource are unknown, so the resource was not evaluated"
            self.problem("error", text, pointer, TYPE_UNKNOWN)
            return None
        name = body.get("name")
        names = split_text(pattern_of(self.values.result(name, pointer)), "/") if isinstance(name, str) else []
        fits = len(names) == type_.count("/") and all(names)
        # Its scope is not known, but the same for all equal IDs.
        return WhatIfIdentity(type_, tuple(names) if fits else (), hole(id_ or f"id of item {pointer}"), False)

    def _pass_over(self, type_: str, shown: str, pointer: Path) -> None:
        """Report a type that no rule reads, if it may be one that rules should support."""
        lower = type_.lower()
        if lower.startswith(_KEY_VAULT) and canonical(type_) is None and not lower.endswith(_HARMLESS):
            text = f"Key Vault type `{type_}` is not supported, so `{shown}` was not evaluated"
            self.problem("error", text, pointer, TYPE_UNKNOWN)

    def _unique_address(self, shown: str) -> str:
        """Return an address that no other resource has."""
        while True:
            self._addresses[shown] += 1
            number = self._addresses[shown]
            address = shown if number == 1 else f"{shown} #{number}"
            if address not in self.resources:
                return address


def _without_secret(key: str, found: Result) -> Result:
    """Return a member of a secret, with its value marked as sensitive."""
    if key.lower() != _PROPERTIES or not isinstance(found, Fields):
        return found
    fields = {name: mark_sensitive(item) if name.lower() == "value" else item for name, item in found.fields.items()}
    return msgspec.structs.replace(found, fields=fields)


def one_line(message: object) -> str:
    """Return a message of Azure on one line, shortened. Quoted parts may be values and are omitted."""
    if not isinstance(message, str):
        return ""
    text = " ".join(_QUOTED.sub(lambda match: "'...'" if match[0][0] in "'\"" else " ", message).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


MAKE_SNAPSHOT = "create a snapshot with `bicep snapshot main.bicepparam --mode overwrite`"


def looks_like_snapshot(value: object) -> bool:
    """Return whether a decoded document is a snapshot."""
    return isinstance(value, dict) and PREDICTED_RESOURCES in value


@with_recursion_limit
def read_snapshot(path: str, document: JsonDocument, required: RequiredAttributes, unit: _Unit = None) -> TemplateRead:
    """Read the snapshot ``document``, known as ``path``. Raises InputError if it is none, or too large."""
    value = document.value
    entries = value.get(PREDICTED_RESOURCES) if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(entries, list):
        raise InputError(f"invalid Bicep snapshot: `{PREDICTED_RESOURCES}` is not a list", MAKE_SNAPSHOT)
    predicted = PredictedResources(path, required, Budget(len(document.text), unit=unit))
    for number, entry in enumerate(entries):
        pointer = (PREDICTED_RESOURCES, number)
        if isinstance(entry, dict):
            _add(predicted, entry, pointer)
        else:
            predicted.problem("error", f"`{PREDICTED_RESOURCES}[{number}]` cannot be read: expected an object", pointer)
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


def read_prediction(
    path: str, document: JsonDocument, required: RequiredAttributes, unit: _Unit = None
) -> TemplateRead | None:
    """Read a what-if result or a snapshot; None for anything else. Raises InputError."""
    if looks_like_what_if(document.value):
        return read_what_if(path, document, required, unit)
    return read_snapshot(path, document, required, unit) if looks_like_snapshot(document.value) else None
