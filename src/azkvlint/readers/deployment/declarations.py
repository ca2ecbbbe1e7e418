"""What declarations consist of: bodies, members and types, which parts are secure, and values of the type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeAlias

import msgspec

from azkvlint.evaluation.known_parts import is_scope
from azkvlint.evaluation.values import Fields, Items, Result, SecretParts, WithItem, unknown_with_secrets
from azkvlint.model.location import Location
from azkvlint.model.value import NOTHING_KNOWN, Known, Path, Plain, Scalar, Unknown
from azkvlint.syntax import ast
from azkvlint.util.lazy_regex import regex
from azkvlint.values.paths import is_any, member_of

_MAX_DEPTH = 20
_INDEX = regex(r"[0-9]{1,9}")


def inner_resources(node: ast.ResourceDeclaration) -> tuple[ast.ResourceDeclaration, ...]:
    """Return the resources that are declared in the body of another."""
    return body_of(node.body).resources


def body_of(body: ast.Expression) -> ast.Object:
    """Return the object that declares a resource or module, within its loop and condition."""
    while not isinstance(body, ast.Object):
        if not isinstance(body, (ast.For, ast.If)):
            return ast.Object(body.start, body.end, ())
        body = body.body
    return body


def properties_of(body: ast.Object) -> dict[str, ast.Property] | None:
    """Return the members of an object by name; None if not all names are literals."""
    found: dict[str, ast.Property] = {}
    for member in body.members:
        if type(member) is not ast.Property or type(member.key) is not str:
            return None
        found[member.key] = member
    return found


def written_type(node: ast.ResourceDeclaration) -> str | None:
    """Return the type of a resource as it is written, without its version; None if it is an expression."""
    type_ = node.type
    if isinstance(type_, ast.Literal):
        return str(type_.value).partition("@")[0]
    text = type_.plain if isinstance(type_, ast.Data) else None
    return text.strip("/") if isinstance(text, str) and text[:1] != "[" else None


def output_in(steps: Path) -> tuple[str, Path] | None:
    """Return the output of a module to which a path in it leads, and the path in that; None if it leads elsewhere.

    The name is empty for any output.
    """
    start = next((number for number, step in enumerate(steps) if not is_any(step)), len(steps))
    steps = steps[start:]
    if not steps:
        return "", ()
    if member_of(steps[0]).lower() != "outputs":
        return None
    name = "" if len(steps) < 2 or is_any(steps[1]) else member_of(steps[1])
    return name, steps[2:]


def is_decorated(decorators: tuple[ast.Expression, ...], name: str) -> bool:
    """Return whether a declaration has the decorator ``@name(...)`` or ``@sys.name(...)``."""
    # Most declarations have no decorators.
    return bool(decorators) and any(type(node) is ast.Call and node.name == name for node in decorators)


# The decorators that limit a number, or the length of anything else.
NUMBER_LIMITS, LENGTH_LIMITS = ("minValue", "maxValue"), ("minLength", "maxLength")
# Below all integers of a template, which have 64 bits.
_LEAST = -(2**63)


def limits_of(node: ast.ParameterDeclaration) -> Known:
    """Return what decorators require of the value of a parameter."""
    found = {
        one.name: one.arguments[0].value for one in node.decorators
        if type(one) is ast.Call and len(one.arguments) == 1 and isinstance(one.arguments[0], ast.Literal)
    }  # fmt: skip
    for names, is_number in ((NUMBER_LIMITS, True), (LENGTH_LIMITS, False)):
        least, most = (_integer(found.get(name)) for name in names)
        if least is not None or most is not None:
            unlimited = _LEAST if is_number else 0
            return Known(least=unlimited if least is None else least, most=most, is_number=is_number)
    return NOTHING_KNOWN


def _integer(plain: object) -> int | None:
    return plain if isinstance(plain, int) and not isinstance(plain, bool) else None


class DeclaredTypes(Protocol):
    """The types that a file declares or imports."""

    def declared_type(self, name: str) -> tuple[DeclaredTypes, ast.TypeDeclaration] | None:
        """Return a type by its name in this file, and the file that declares it; None if there is none."""


def needs_values(instance: DeclaredTypes, parameters: Iterable[ast.ParameterDeclaration]) -> bool:
    """Return whether a parameter has no default and may not be null."""
    return any(node.default is None and not is_nullable(instance, node.type) for node in parameters)


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


def literals(instance: DeclaredTypes, type_: ast.Type | None) -> list[Plain]:
    """Return all values but null that a type has, if it lists them."""
    every = [] if type_ is None else [one for _, one, _ in _alternatives(instance, type_)][::-1]
    if not all(one.kind == "literal" for one in every):
        return []
    return [one.value for one in every if one.value is not None]


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


_NUMBER = regex(r"-?[0-9]{1,15}")


def convert_argument(found: Result, kind: str) -> Result:
    """Return a given value in the type of its parameter: a parameter file may write a boolean or integer as a string.

    The Azure Developer CLI converts it. Azure converts it too or rejects it, and then nothing is deployed.
    """
    if not isinstance(found, Scalar) or not isinstance(found.value, str):
        return found
    if kind == "bool" and found.value.lower() in ("true", "false"):
        return msgspec.structs.replace(found, value=found.value.lower() == "true")
    if kind == "int" and _NUMBER.fullmatch(found.value):
        return msgspec.structs.replace(found, value=int(found.value))
    return found


def mark_secret(found: Result, at: Location | None = None) -> Result:
    """Return ``found`` with every part secret, and without patterns, which may contain parts of the secret.

    Where the deployment goes is not secret.

    ``at``: the location of all parts.
    """
    where = found.at if at is None else at
    match found:
        case Fields():
            fields = {key: mark_secret(item, at) for key, item in found.fields.items()}
            rest = None if found.rest is None else Unknown(at=where, why=found.rest.why, sensitive=True)
            return Fields(at=where, fields=fields, rest=rest)
        case Items():
            return Items(at=where, items=[mark_secret(item, at) for item in found.items])
        case Scalar():
            return Scalar(at=where, value=found.value, sensitive=True)
        case Unknown() if not is_scope(found.pattern):
            return Unknown(at=where, why=found.why, given=found.given, known=found.known, sensitive=True)
        case _:
            return found


def mark_secret_parts(found: Result, parts: SecretParts | None, at: Location) -> Result:
    """Return ``found`` with the parts marked that are secret by its type; ``at`` is the location of secrets."""
    if parts is None:
        return found
    if parts.is_whole:
        return mark_secret(found, at)
    match found:
        case Fields():
            fields = {key: mark_secret_parts(item, parts.below(f".{key}"), at) for key, item in found.fields.items()}
            rest = None if found.rest is None else unknown_with_secrets(found.rest, parts, at)
            return Fields(at=found.at, fields=fields, rest=rest)
        case Items():
            items = [mark_secret_parts(item, parts.below(f"[{i}]"), at) for i, item in enumerate(found.items)]
            return Items(at=found.at, items=items)
        case WithItem(item=item) if not found.sensitive:
            return msgspec.structs.replace(found, item=mark_secret_parts(item, parts.below("[*]"), at), sensitive=True)
        case Unknown() if not found.sensitive:
            return unknown_with_secrets(found, parts, found.at)
        case _:
            return found
