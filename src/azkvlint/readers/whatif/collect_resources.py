"""Collects the resources that rules read from a what-if result or a snapshot, and the problems."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from azkvlint.azure.azurerm.resources import canonical
from azkvlint.evaluation.budget import Budget
from azkvlint.evaluation.evaluate import Evaluator
from azkvlint.evaluation.operations import Local
from azkvlint.evaluation.values import CLOSE, OPEN, Fields, Items, Result, hole, mark_sensitive, pattern_of, pieces
from azkvlint.model.finding import Problem
from azkvlint.model.location import Location
from azkvlint.model.problem_codes import INPUT_INCOMPLETE, TYPE_UNKNOWN
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.model.value import Absent, Path, Scalar, Unknown
from azkvlint.readers.arm.attribute_filter import RequiredMembers, attribute_filter, prune
from azkvlint.readers.arm.resource import Declaration, make_resource
from azkvlint.readers.arm.run import TemplateRead
from azkvlint.readers.arm.scope import Scope, call, scope_of
from azkvlint.syntax import ast
from azkvlint.syntax.arm.expression import is_expression, parse_expression, unescaped
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex

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
        self._scope = Scope()
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
        if isinstance(found, Unknown) and not found.pattern and not found.sensitive and not _FRESH.search(inner):
            return msgspec.structs.replace(found, pattern=hole(inner))
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


_SLASH = "\u2215"
# No id of Azure's has nearly as many steps.
_MOST_PARTS = 200


class Identity(NamedTuple):
    """``names``: one for each segment of ``type`` after the namespace. ``above``: the id of the scope, or of the
    resource that it ``extends``; the id of the whole is these three put combine again.
    """

    type: str
    names: tuple[str, ...]
    above: str
    extends: bool


def parse_id(pattern: str) -> Identity | None:
    """Parse an ID; None for anything else, and for a scope that is not a resource (a subscription)."""
    parts = pattern.rstrip("/").split("/", _MOST_PARTS)
    if len(parts) > _MOST_PARTS:
        return None
    if (parts[0] and not parts[0].startswith(OPEN)) or not all(parts[1:]):
        return None
    # An unknown beginning of an ID cannot be parsed.
    start = 1 if parts[0] else _scope_end(parts)
    if start == len(parts) == 5:
        return Identity("Microsoft.Resources/resourceGroups", (parts[4],), "/".join(parts[:3]), False)
    return _resource(parts, start)


def _scope_end(parts: list[str]) -> int:
    """Return how many parts of an ID (the first is empty) are its subscription and resource group."""
    words = [part.lower() for part in parts[1:4]]
    if words[:1] != ["subscriptions"]:
        return 1
    return 5 if words[2:] == ["resourcegroups"] and len(parts) > 4 else 3


def _resource(parts: list[str], at: int) -> Identity | None:
    """Return the last resource of ``providers/NAMESPACE/TYPE/NAME...``; each further ``providers`` extends it."""
    above, extends = "/".join(parts[:at]), False
    while at + 3 < len(parts) and parts[at].lower() == "providers":
        end = at + 4
        # A name may be "providers", but no type is: types are at every second position.
        while end + 1 < len(parts) and parts[end].lower() != "providers":
            end += 2
        if end == len(parts):
            type_ = "/".join([parts[at + 1], *parts[at + 2 : end : 2]])
            return Identity(type_, tuple(parts[at + 3 : end : 2]), above, extends)
        above = "/".join(parts[:end])
        extends, at = scope_of(above) is None, end
    return None


def relative_id(pattern: str) -> str:
    """Return an ID without its subscription and group, as in the output of what-if, unknown parts in braces."""
    parts = pattern.strip("/").split("/")
    words = [part.lower() for part in parts]
    if words[:1] == ["subscriptions"]:
        parts = parts[4 if words[2:3] == ["resourcegroups"] and len(parts) > 4 else 2 :]
    text = "/".join(parts[1:] if parts[0].lower() == "providers" else parts)
    return "".join(_in_braces(part) if is_hole else part for part, is_hole in pieces(text))


def _in_braces(part: str) -> str:
    inside = part.replace(OPEN, "").replace(CLOSE, "").replace(_SLASH, "/")
    return f"{{{inside}}}"


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

    identity: Identity
    at: Location
    address: str
    members: RequiredMembers


class PredictedResources:
    """The resources and problems of a document of ``size`` bytes, and whether it is complete."""

    def __init__(self, path: str, required: RequiredAttributes, size: int) -> None:
        budget = Budget(size)
        self.values = DocumentValues(path, budget)
        self.resources: dict[str, Resource] = {}
        self.problems: list[Problem] = []
        self.closed = True
        self._attribute_filter = attribute_filter(required)
        self._attribute_filter.freezer.budget = budget
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
            shown = "/".join([found.type, *found.names])
        required = self._attribute_filter.members_of(canonical(found.type) or found.type)
        if required is None:
            self._pass_over(found.type, shown, pointer)
            return None
        if found.above.startswith(OPEN):
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
        declared = Declaration(
            address=subject.address,
            type=type_,
            version=version if isinstance(version, str) and version[:1] != "[" else "",
            names=names,
            above=above,
            extends=extends,
            body=body,
            at=subject.at,
            action=action,
            existing=existing,
            conditions=conditions,
        )
        return make_resource(declared, self._attribute_filter.freezer)

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

    def _identity_of(self, body: Mapping[str, Any], pattern: str, pointer: Path) -> Identity | None:
        """Return the identity of a resource without a usable ID, from its type and name."""
        type_ = body.get("type")
        if not isinstance(type_, str) or type_[:1] == "[" or "/" not in type_:
            self.closed = False
            text = "the ID and type of a resource are unknown, so the resource was not evaluated"
            self.problem("warning", text, pointer, TYPE_UNKNOWN)
            return None
        name = body.get("name")
        names = pattern_of(self.values.result(name, pointer)).split("/") if isinstance(name, str) else []
        fits = len(names) == type_.count("/") and all(names)
        # Its scope is not known, but the same for all equal IDs.
        return Identity(type_, tuple(names) if fits else (), hole(pattern or f"id of item {pointer}"), False)

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
