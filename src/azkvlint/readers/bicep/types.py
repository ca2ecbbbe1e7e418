"""The types of parameters: whether a value may be null, and whether it is secret, through types of other files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeAlias

from azkvlint.model.value import Path
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


def is_secure_at(parts: SecureParts | None, path: Path) -> bool:
    """Return whether the value at ``path`` in a value with these secure parts, or a part of it, is secure."""
    for step in path:
        if parts is None or parts.is_whole:
            break
        parts = parts.below(str(step) if str(step).startswith("[") else f".{step}")
    return parts is not None


def secure_parts(instance: DeclaredTypes, type_: ast.Type | None) -> SecureParts | None:
    """Return which parts of a type are marked as secure; None if no part is."""
    return None if type_ is None else _secure_parts([(instance, type_)])


class SecureParts:
    """The parts of a type that are marked as secure. ``types`` are the alternatives, with their names resolved."""

    def __init__(self, types: list[_Located], is_whole: bool) -> None:
        self._types = types
        self.is_whole = is_whole

    def below(self, step: str) -> SecureParts | None:
        """Return the parts of a member (``.name``) or an item (``[0]``, ``[*]``); None if no part is secure."""
        return _secure_parts([(there, part) for there, type_ in self._types for part in _parts_at(type_, step)])


_Located: TypeAlias = tuple[DeclaredTypes, ast.Type]


def _parts_at(type_: ast.Type, step: str) -> Sequence[ast.Type]:
    """Return the types that a member or an item may have; all of them if the step is not known."""
    index = step[1:-1] if step.startswith("[") else ""
    if type_.kind == "array":
        return type_.of
    if type_.kind == "tuple":
        return type_.of[int(index) : int(index) + 1] if _INDEX.fullmatch(index) else type_.of
    fields = dict(type_.fields)
    name = index.strip("\"'") if index else step[1:]
    if name in fields and name != "*":
        return (fields[name],)
    if step.startswith("."):
        return (fields["*"],) if "*" in fields else ()
    return [*fields.values()]


def _secure_parts(types: list[_Located]) -> SecureParts | None:
    """Return the secure parts of alternative types; None if none has any."""
    whole: list[_Located] = []
    is_whole = False
    for instance, type_ in types:
        for there, one, is_marked in _alternatives(instance, type_):
            whole.append((there, one))
            is_whole = is_whole or is_marked
    if is_whole or _has_secure_part(whole):
        return SecureParts(whole, is_whole)
    return None


def _alternatives(instance: DeclaredTypes, type_: ast.Type) -> Iterator[tuple[DeclaredTypes, ast.Type, bool]]:
    """Yield the types that a type stands for, and whether each is marked as secure as a whole."""
    waiting = [(instance, type_, False)]
    seen: set[tuple[int, int]] = set()
    while waiting:
        here, one, is_marked = waiting.pop()
        if (id(here), id(one)) in seen:
            continue
        seen.add((id(here), id(one)))
        is_marked = is_marked or is_decorated(one.decorators, "secure")
        if one.kind in ("nullable", "union"):
            waiting += [(here, part, is_marked) for part in one.of]
        elif one.kind == "member":
            below = _member(here, one, 0)
            waiting += [] if below is None else [(*below, is_marked)]
        elif one.kind == "name" and (found := here.declared_type(one.name)) is not None:
            there, declared = found
            waiting.append((there, declared.type, is_marked or is_decorated(declared.decorators, "secure")))
        else:
            yield here, one, is_marked


def _has_secure_part(types: list[_Located]) -> bool:
    """Return whether a member or an item of the types, at any depth, is marked as secure."""
    waiting = [(here, part) for here, one in types for part in _parts_of(one)]
    seen: set[tuple[int, int]] = set()
    while waiting:
        here, part = waiting.pop()
        if (id(here), id(part)) in seen:
            continue
        seen.add((id(here), id(part)))
        for there, one, is_marked in _alternatives(here, part):
            if is_marked:
                return True
            waiting += [(there, inner) for inner in _parts_of(one)]
    return False


def _parts_of(type_: ast.Type) -> tuple[ast.Type, ...]:
    return (*type_.of, *(field for _, field in type_.fields))


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
