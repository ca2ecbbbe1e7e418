"""Conditions of role assignments and role definitions, evaluated as Azure evaluates them.

A condition is evaluated once for each request, which is a role to assign or a data action: may it be allowed?
Expressions on anything but the role (principal, time, network, names) are free: they hold for some requests only.
Source: learn.microsoft.com/azure/role-based-access-control/conditions-format and
.../delegate-role-assignments-examples, and learn.microsoft.com/azure/key-vault/general/rbac-abac.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from azkvlint.azure.roles import ASSIGNS, SECRET_NAME, UNNAMED, any_fits
from azkvlint.derived.companions import Sure
from azkvlint.model.pattern import Text, marked
from azkvlint.util.lazy_regex import regex

_HOLE = "\ue000"  # stands for an unknown part of a condition
_WORDS = regex(
    r"\s*(?:(?P<mark>\(|\)|!|&&|\|\|)"
    r"|(?P<word>AND|OR|NOT)\b"
    r"|(?P<action>ActionMatches|SubOperationMatches)\s*\{\s*(?P<actions>[^{}]*)\}"
    r"|(?P<exists>Exists)\s*@\w+\[[^\]\[]*\]"
    r"|@(?P<source>\w+)\[(?P<attribute>[^\]\[]*)\]\s*(?:(?P<all>For(?:Any|All)Of(?:Any|All)Values):)?(?P<operator>\w+)\s*"
    r"(?:\{(?P<several>[^{}]*)\}|(?P<one>@\w+\[[^\]\[]*\]|'[^']*'|[\w.:-]+)))",
    re.IGNORECASE,
)
_ROLE = "microsoft.authorization/roleassignments:roledefinitionid"
_PRINCIPALS = (
    "microsoft.authorization/roleassignments:principalid",
    "microsoft.authorization/roleassignments:principaltype",
)
_DEEPEST, _LONGEST = 60, 20_000
_Token: TypeAlias = Mapping[str, str | None]


class Truth(msgspec.Struct, frozen=True, gc=False):
    """The values that an expression may have for some request: certainly, and at most."""

    certain: frozenset[bool]
    possible: frozenset[bool]

    @property
    def sure(self) -> Sure:
        """Return whether the expression is true for some request."""
        return Sure.YES if True in self.certain else Sure.PERHAPS if True in self.possible else Sure.NO


_EITHER = frozenset({True, False})
_FREE = Truth(_EITHER, _EITHER)
_NOT_KNOWN = Truth(frozenset(), _EITHER)


def _sure(value: bool) -> Truth:
    return Truth(frozenset({value}), frozenset({value}))


def _not(one: Truth) -> Truth:
    return Truth(*(frozenset(not value for value in part) for part in (one.certain, one.possible)))


def _and(left: Truth, right: Truth) -> Truth:
    parts = ((left.certain, right.certain), (left.possible, right.possible))
    return Truth(*((a & b & {True}) | ((a | b) & {False}) for a, b in parts))


class _Misread(Exception):
    """A condition that cannot be parsed."""


class _ConditionEvaluation:
    """Evaluates a condition for a request: an action, and the ID of the role to assign (empty for other actions).

    ``is_listing``: the request is for no single secret, so that a comparison with its name is false. ``to_itself``: the
    principal assigns the role to itself, so that its ID and type are not free.
    """

    def __init__(
        self,
        tokens: list[_Token],
        role: str,
        action: str = ASSIGNS,
        *,
        is_listing: bool = False,
        to_itself: bool = False,
    ) -> None:
        self._role = role
        self._to_itself = to_itself
        self._action = action
        self._is_listing = is_listing
        self._tokens = tokens
        self._at = 0

    def truth(self) -> Truth:
        """Return whether the request is allowed. Raises _Misread if the condition cannot be parsed."""
        found = self._disjunction(0)
        if self._at < len(self._tokens):
            raise _Misread
        return found

    def _disjunction(self, depth: int) -> Truth:
        found = self._conjunction(depth)
        while self._takes("or", "||"):
            found = _not(_and(_not(found), _not(self._conjunction(depth))))
        return found

    def _conjunction(self, depth: int) -> Truth:
        found = self._operand(depth)
        while self._takes("and", "&&"):
            found = _and(found, self._operand(depth))
        return found

    def _operand(self, depth: int) -> Truth:
        if depth > _DEEPEST or self._at >= len(self._tokens):
            raise _Misread
        if self._takes("not", "!"):
            return _not(self._operand(depth + 1))
        if self._takes("("):
            found = self._disjunction(depth + 1)
            if not self._takes(")"):
                raise _Misread
            return found
        token = self._tokens[self._at]
        self._at += 1
        return self._atom(token)

    def _takes(self, *words: str) -> bool:
        here = self._tokens[self._at] if self._at < len(self._tokens) else {}
        found = ((here.get("mark") or here.get("word")) or "").lower() in words
        self._at += found
        return found

    def _atom(self, token: _Token) -> Truth:
        if token["action"]:
            words = _items(token["actions"])
            if token["action"].lower() == "actionmatches" and not any(_HOLE in word for word in words):
                return _sure(any_fits(words, self._action))
            return _NOT_KNOWN
        if token["exists"]:
            return _FREE
        if not token["operator"]:
            raise _Misread
        attribute = (token["attribute"] or "").strip().lower()
        if self._is_listing and attribute == SECRET_NAME:
            return _NOT_KNOWN if "not" in token["operator"].lower() else _sure(False)
        if not self._role and _fits_every_string(token):
            return _sure(True)
        if not self._role:
            return _FREE
        if (token["source"] or "").lower() == "resource" or (self._to_itself and attribute in _PRINCIPALS):
            # The existing resource has no attributes yet while the assignment is being created.
            return _NOT_KNOWN
        if attribute != _ROLE:
            return _FREE
        return self._about_role(token)

    def _about_role(self, token: _Token) -> Truth:
        operator, every = (token["operator"] or "").lower(), (token["all"] or "").lower().endswith("ofallvalues")
        ids = _items(token["several"] if token["several"] is not None else token["one"])
        if operator not in ("guidequals", "guidnotequals") or not ids or any(one.startswith("@") for one in ids):
            return _NOT_KNOWN
        # An id that is not known may be any id.
        same = [_NOT_KNOWN if _HOLE in one else _sure(_guid(one) == self._role) for one in ids]
        if operator == "guidnotequals":
            same = [_not(one) for one in same]
        found = same[0] if every else _not(same[0])
        for one in same[1:]:
            found = _and(found, one if every else _not(one))
        return found if every else _not(found)


def _fits_every_string(token: _Token) -> bool:
    """Return whether a comparison is true for every string."""
    operator, text = (token["operator"] or "").lower().removesuffix("ignorecase"), token["one"]
    if operator == "stringlike":
        return text is not None and set(text) == {"'", "*"}
    return operator in ("stringstartswith", "stringendswith", "stringcontains") and text == "''"


def _tokens(condition: Text) -> list[_Token] | None:
    """Return the tokens of a condition; None if it cannot be parsed."""
    text = marked(condition, _HOLE).rstrip()
    found: list[_Token] = []
    at = 0
    while at < len(text) <= _LONGEST:
        match = _WORDS.match(text, at)
        if match is None:
            return None
        found.append(match.groupdict())
        at = match.end()
    return found if at == len(text) else None


def _items(text: str | None) -> list[str]:
    return [one for one in (part.strip().strip("'\"").strip() for part in (text or "").split(",")) if one]


def _guid(text: str) -> str:
    """Return a GUID without hyphens, which conditions may leave out."""
    return text.lower().replace("-", "")


class RoleAssignmentCondition:
    """A condition, or none if its text is empty: then everything is allowed."""

    def __init__(self, text: Text) -> None:
        self._tokens = _tokens(text)
        listed = [token[key] for token in self._tokens or () for key in ("several", "one")]
        self._named = {_guid(one) for text_ in listed for one in _items(text_)}
        self._of_roles: dict[tuple[str, bool], Truth] = {}

    def of_role(self, role: str, *, to_itself: bool = False) -> Truth:
        """Return whether a role, by its ID, may be assigned. Roles that the condition does not name are all alike."""
        guid = _guid(role)
        key = (guid if guid in self._named else UNNAMED, to_itself)
        found = self._of_roles.get(key)
        if found is None:
            found = self._of_roles[key] = self._evaluated(guid, ASSIGNS, to_itself=to_itself)
        return found

    def of_action(self, action: str, *, is_listing: bool = False) -> Truth:
        """Return whether an action is allowed."""
        return self._evaluated("", action, is_listing=is_listing)

    def _evaluated(self, role: str, action: str, *, is_listing: bool = False, to_itself: bool = False) -> Truth:
        if self._tokens is None:
            return _NOT_KNOWN
        if not self._tokens:
            return _sure(True)
        try:
            return _ConditionEvaluation(self._tokens, role, action, is_listing=is_listing, to_itself=to_itself).truth()
        except _Misread:
            return _NOT_KNOWN
