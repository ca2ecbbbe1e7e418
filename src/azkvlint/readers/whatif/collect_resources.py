"""What one document of predicted resources gives: resources that anyone asks for, and problems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from azkvlint.azure.azurerm.resources import canonical
from azkvlint.evaluation.budget import Budget
from azkvlint.evaluation.values import OPEN, Fields, Result, hole, mark_sensitive, pattern_of
from azkvlint.model.finding import Problem
from azkvlint.model.location import Location
from azkvlint.model.problem_codes import INPUT_INCOMPLETE, TYPE_UNKNOWN
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.model.value import Path, Unknown
from azkvlint.readers.arm.attribute_filter import Asked, pruned, wanted
from azkvlint.readers.arm.resource import Declaration, make
from azkvlint.readers.arm.run import TemplateRead
from azkvlint.readers.whatif.identity import Identity, identity, relative
from azkvlint.readers.whatif.values import Values
from azkvlint.util.lazy_regex import regex

# What only this program says of a resource: a document cannot.
_OURS = frozenset({"derived", "provider"})
_PROPERTIES = "properties"
_KEY_VAULT = "microsoft.keyvault/"
_SECRETS = ("microsoft.keyvault/vaults/secrets",)
# Types of Key Vault that hold nothing to judge.
_HARMLESS = ("/privateendpointconnections", "/eventgridfilters", "/deletedvaults", "/deletedmanagedhsms")
_QUOTED = regex(r"'[^']*+'|\"[^\"]*+\"|[\x00-\x1f\x7f]++")
_LONGEST = 300


class Subject(msgspec.Struct, frozen=True):
    """A resource that somebody asks for: its identity, the place of its id, a free address, and what is asked of it."""

    identity: Identity
    at: Location
    address: str
    asked: Asked


class Gathering:
    """The resources and problems of a document of ``size`` bytes, and whether it is complete."""

    def __init__(self, path: str, required: RequiredAttributes, size: int) -> None:
        budget = Budget(size)
        self.values = Values(path, budget)
        self.resources: dict[str, Resource] = {}
        self.problems: list[Problem] = []
        self.closed = True
        self._wanted = wanted(required)
        self._wanted.freezer.budget = budget
        self._addresses: Counter[str] = Counter()

    def read(self, text: str) -> TemplateRead:
        """All that was gathered; ``text`` is the document's."""
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

    def subject(self, written: object, pointer: Path, body: Mapping[str, Any]) -> Subject | None:
        """The resource with the id ``written`` at ``pointer``; None if nobody asks for its type.

        ``body`` says type and name where the id does not.
        """
        pattern = pattern_of(self.values.result(written, pointer)) if isinstance(written, str) else ""
        found = identity(pattern)
        shown = relative(pattern) if found is not None else ""
        if found is None:
            found = self._identity_of(body, pattern, pointer)
            if found is None:
                return None
            shown = "/".join([found.type, *found.names])
        asked = self._wanted.of(canonical(found.type) or found.type)
        if asked is None:
            self._pass_over(found.type, shown, pointer)
            return None
        if found.above.startswith(OPEN):
            # Others may name it by an id that begins in another way.
            self.closed = False
        return Subject(found, self.values.location(pointer), self._free(shown), asked)

    def resource(
        self,
        subject: Subject,
        body: Mapping[str, Result],
        version: object,
        *,
        action: str | None = None,
        existing: bool = False,
        conditions: frozenset[str] = frozenset(),
    ) -> Resource:
        """The resource that ``body`` makes of ``subject``. ``version``: its API version as the document says it."""
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
        return make(declared, self._wanted.freezer)

    def body(
        self, subject: Subject, written: Mapping[str, Any], pointer: Path, rest: Unknown | None
    ) -> dict[str, Result]:
        """The members of a resource that anyone asks for. ``rest`` stands for properties that are not there."""
        found: dict[str, Result] = {}
        tree = subject.asked.tree
        for key, value in written.items():
            lower = key.lower()
            if lower not in _OURS and (tree is None or lower in tree):
                found[key] = self.values.result(value, (*pointer, key), rest if lower == _PROPERTIES else None)
        if rest is not None and all(key.lower() != _PROPERTIES for key in found):
            found["properties"] = Fields(at=subject.at, fields={}, rest=rest)
        if subject.identity.type.lower() in _SECRETS:
            found = {key: _without_secret(key, item) for key, item in found.items()}
        kept = pruned(Fields(at=subject.at, fields=found), tree)
        return kept.fields if isinstance(kept, Fields) else found

    def _identity_of(self, body: Mapping[str, Any], pattern: str, pointer: Path) -> Identity | None:
        """The identity of a resource whose id says nothing, as far as its type and name do."""
        type_ = body.get("type")
        if not isinstance(type_, str) or type_[:1] == "[" or "/" not in type_:
            self.closed = False
            text = "the id and the type of a resource are not known, so it was not judged"
            self.problem("warning", text, pointer, TYPE_UNKNOWN)
            return None
        name = body.get("name")
        names = pattern_of(self.values.result(name, pointer)).split("/") if isinstance(name, str) else []
        fits = len(names) == type_.count("/") and all(names)
        # What it lies in is not known, but the same for all whose ids are the same.
        return Identity(type_, tuple(names) if fits else (), hole(pattern or f"id of item {pointer}"), False)

    def _pass_over(self, type_: str, shown: str, pointer: Path) -> None:
        """Nobody asks for the type: a problem if it may be one that rules should know."""
        lower = type_.lower()
        if lower.startswith(_KEY_VAULT) and canonical(type_) is None and not lower.endswith(_HARMLESS):
            text = f"'{type_}' is a Key Vault type that is not known, so '{shown}' was not judged"
            self.problem("error", text, pointer, TYPE_UNKNOWN)

    def _free(self, shown: str) -> str:
        """An address that no other resource has."""
        while True:
            self._addresses[shown] += 1
            number = self._addresses[shown]
            address = shown if number == 1 else f"{shown} #{number}"
            if address not in self.resources:
                return address


def _without_secret(key: str, found: Result) -> Result:
    """A member of a secret; what the secret is, is hidden."""
    if key.lower() != _PROPERTIES or not isinstance(found, Fields):
        return found
    fields = {name: mark_sensitive(item) if name.lower() == "value" else item for name, item in found.fields.items()}
    return msgspec.structs.replace(found, fields=fields)


def told(message: object) -> str:
    """What Azure says, on one line and not too long. What it quotes may be a value, so it is left out."""
    if not isinstance(message, str):
        return ""
    text = " ".join(_QUOTED.sub(lambda match: "'...'" if match[0][0] in "'\"" else " ", message).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
