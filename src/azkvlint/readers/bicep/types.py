"""The types of parameters: whether a value may be null, and whether it is secret, through types of other files."""

from __future__ import annotations

from typing import Protocol

from azkvlint.readers.bicep.document import is_decorated
from azkvlint.syntax import ast
from azkvlint.util.lazy_regex import regex

_MAX_DEPTH = 20
_INDEX = regex(r"[0-9]{1,9}")


class DeclaredTypes(Protocol):
    """The types that a file declares or imports."""

    def declared_type(self, name: str) -> tuple[DeclaredTypes, ast.TypeDeclaration] | None:
        """Return a type by its name in this file, and the file that declares it; None if there is none."""


def is_nullable(instance: DeclaredTypes, type_: ast.Type | None, depth: int = 0) -> bool:
    """Return whether a value of the type may be null."""
    if type_ is None or depth > _MAX_DEPTH:
        return False
    match type_.kind:
        case "nullable":
            return True
        case "literal":
            return type_.value is None
        case "union":
            return any(is_nullable(instance, part, depth + 1) for part in type_.of)
        case "name":
            found = instance.declared_type(type_.name)
            return found is not None and is_nullable(found[0], found[1].type, depth + 1)
        case "member":
            below = _member(instance, type_, depth + 1)
            return below is not None and is_nullable(below[0], below[1], depth + 1)
        case _:
            return False


def primitive(instance: DeclaredTypes, type_: ast.Type | None) -> str:
    """Return the name of the type that others are made of, such as ``bool``; empty for a type with parts."""
    for _ in range(_MAX_DEPTH):
        if type_ is None or type_.kind not in ("nullable", "name"):
            break
        if type_.kind == "nullable":
            type_ = type_.of[0]
            continue
        found = instance.declared_type(type_.name)
        if found is None:
            return type_.name
        instance, type_ = found[0], found[1].type
    return ""


def is_secure(instance: DeclaredTypes, type_: ast.Type | None) -> bool:
    """Return whether a type, or a part of it, is marked as secure. What has a secret part is secret as a whole."""
    waiting = [] if type_ is None else [(instance, type_)]
    seen: set[tuple[int, int]] = set()
    while waiting:
        here, one = waiting.pop()
        if (id(here), id(one)) in seen:
            continue
        seen.add((id(here), id(one)))
        if is_decorated(one.decorators, "secure"):
            return True
        waiting += [(here, part) for part in (*one.of, *(field for _, field in one.fields)) if one.kind != "member"]
        if one.kind == "member":
            below = _member(here, one, 0)
            waiting += [] if below is None else [below]
        elif one.kind == "name":
            found = here.declared_type(one.name)
            if found is not None and is_decorated(found[1].decorators, "secure"):
                return True
            waiting += [] if found is None else [(found[0], found[1].type)]
    return False


def _member(instance: DeclaredTypes, type_: ast.Type, depth: int) -> tuple[DeclaredTypes, ast.Type] | None:
    """Return the type of a member of another type."""
    if depth > _MAX_DEPTH:
        return None
    whole = _resolve(instance, type_.of[0], depth + 1)
    if whole is None:
        return None
    there, outer = whole
    if outer.kind == "array" and type_.name == "*":
        return there, outer.of[0]
    if outer.kind == "tuple" and _INDEX.fullmatch(type_.name) and int(type_.name) < len(outer.of):
        return there, outer.of[int(type_.name)]
    found = dict(outer.fields).get(type_.name)
    return None if found is None else (there, found)


def _resolve(instance: DeclaredTypes, type_: ast.Type, depth: int) -> tuple[DeclaredTypes, ast.Type] | None:
    """Return a type with its names resolved."""
    if depth > _MAX_DEPTH:
        return None
    if type_.kind == "name":
        found = instance.declared_type(type_.name)
        return None if found is None else _resolve(found[0], found[1].type, depth + 1)
    if type_.kind == "nullable":
        return _resolve(instance, type_.of[0], depth + 1)
    if type_.kind == "member":
        below = _member(instance, type_, depth + 1)
        return None if below is None else _resolve(*below, depth + 1)
    return instance, type_
