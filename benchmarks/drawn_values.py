"""Read the inputs of a root, and draw values of them that satisfy a condition, their types and their allowed values."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from azkvlint.model.condition import ITEM
from azkvlint.readers.terraform.folder import TerraformDeclaration, load_folder
from azkvlint.syntax import ast
from azkvlint.syntax.bicep.parse import parse
from azkvlint.syntax.json_decoder import decode

# The kinds of Bicep, templates and Terraform, by one name for each.
_KINDS: Mapping[str, str] = {
    "array": "list", "bool": "bool", "int": "number", "number": "number", "object": "object", "secureobject": "object",
    "securestring": "string", "string": "string", "list": "list", "set": "list", "map": "map",
}  # fmt: skip
_GUID = "{:08x}-1111-4222-8333-444455556666"
# Values that names of inputs and of members promise. A value of another form would be rejected by Azure.
_BY_NAME: Sequence[tuple[re.Pattern[str], str]] = (
    (re.compile(r"(principal|object|tenant|client|subscription)_?ids?$", re.IGNORECASE), _GUID),
    (re.compile(r"role(_definition)?(_?name)?$", re.IGNORECASE), "Key Vault Secrets User"),
    (
        re.compile(r"(vault|scope|resource|key)_?(resource_?)?ids?$", re.IGNORECASE),
        f"/subscriptions/{_GUID}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-drawn",
    ),
    (re.compile(r"location|region", re.IGNORECASE), "westeurope"),
    (re.compile(r"cidr|prefix|ip_?rules|ip_?range", re.IGNORECASE), "203.0.113.0/24"),
    (re.compile(r"expir|date$", re.IGNORECASE), "2031-01-01T00:00:00Z"),
)
DRAWS = 3
_MOST_LEVELS = 8


class CannotDrawError(Exception):
    """No value can be drawn. The text is the reason."""


class _Unstated:
    """The default of an input that has none, or one that is no constant."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


REQUIRED = _Unstated("it has no default")
COMPUTED = _Unstated("its default is not a constant")


class Shape(NamedTuple):
    """What an input accepts. ``fields``: name, shape, and whether the member is required. ``most``: of its length."""

    kind: str = "any"
    of: tuple[Shape, ...] = ()
    fields: tuple[tuple[str, Shape, bool], ...] = ()
    allowed: tuple[Any, ...] = ()
    least: int = 0
    most: int | None = None


class Input(NamedTuple):
    """A variable or parameter of a root."""

    name: str
    shape: Shape
    default: Any


class State(NamedTuple):
    """What a condition states of an input, or of the member of it at ``path``."""

    path: tuple[str, ...]
    word: str
    value: Any


# Terraform


def variables_of(folder: Path) -> dict[str, Input]:
    """Return the variables of a root module."""
    found = load_folder(str(folder), str(folder)).variables
    return {name: _variable(name, declaration) for name, declaration in found.items()}


def _variable(name: str, declaration: TerraformDeclaration) -> Input:
    type_ = _argument(declaration, "type")
    default = _argument(declaration, "default")
    value = REQUIRED if default is None else constant(default)
    shape = _terraform_shape(type_) if type_ is not None else _shape_like(value)
    conditions = [
        piece.attribute.expression()
        for part in declaration.blocks
        if part.block.type == "validation" and (piece := part.attributes.get("condition")) is not None
    ]
    allowed = tuple(one for condition in conditions if condition is not None for one in _listed(condition, name))
    return Input(name, shape._replace(allowed=allowed), value)


def _argument(declaration: TerraformDeclaration, name: str) -> ast.Expression | None:
    piece = declaration.attributes.get(name)
    return None if piece is None else piece.attribute.expression()


def _listed(condition: ast.Node, name: str) -> Iterator[Any]:
    """Yield the values that ``contains([...], var.name)`` lists."""
    for node in (condition, *ast.children(condition)):
        match node:
            case ast.Call(name="contains", arguments=(ast.Array() as values, ast.Member(name=member))) if (
                member == name
            ):
                yield from (one for one in (constant(values),) if isinstance(one, list) for one in one)
                return


def _terraform_shape(node: ast.Node) -> Shape:
    match node:
        case ast.Name(name=name):
            return Shape(_KINDS.get(name, "any"))
        case ast.Call(name="optional", arguments=(of, *_)):
            return _terraform_shape(of)
        case ast.Call(name="object", arguments=(ast.Object(members=members),)):
            return Shape("object", fields=tuple(_fields(members)))
        case ast.Call(name="tuple", arguments=(ast.Array(items=items),)):
            return Shape("tuple", of=tuple(map(_terraform_shape, items)))
        case ast.Call(name=name, arguments=(of,)):
            return Shape(_KINDS.get(name, "any"), of=(_terraform_shape(of),))
    return Shape()


def _fields(members: Sequence[ast.Node]) -> Iterator[tuple[str, Shape, bool]]:
    for one in members:
        if isinstance(one, ast.Property):
            key = one.key.name if isinstance(one.key, ast.Name) else constant(one.key)
            is_required = not (isinstance(one.value, ast.Call) and one.value.name == "optional")
            yield str(key), _terraform_shape(one.value), is_required


# Bicep and templates


def parameters_of(file: Path) -> dict[str, Input]:
    """Return the parameters of a Bicep file or a template."""
    text = file.read_text(encoding="utf-8-sig")
    return _of_bicep(text) if file.suffix == ".bicep" else _of_template(text)


def _of_bicep(text: str) -> dict[str, Input]:
    declarations = parse(text).declarations
    types = {one.name: one.type for one in declarations if isinstance(one, ast.TypeDeclaration)}
    found = {}
    for one in declarations:
        if isinstance(one, ast.ParameterDeclaration):
            shape = _bicep_shape(one.type, types) if one.type is not None else Shape()
            default = REQUIRED if one.default is None else constant(one.default)
            found[one.name] = Input(one.name, _decorated(shape, one.decorators), default)
    return found


def _decorated(shape: Shape, decorators: Sequence[ast.Expression]) -> Shape:
    for one in decorators:
        value = constant(one.arguments[0]) if isinstance(one, ast.Call) and one.arguments else None
        match one, value:
            case ast.Call(name="allowed"), list():
                shape = shape._replace(allowed=tuple(value))
            case ast.Call(name="minLength"), int():
                shape = shape._replace(least=value)
            case ast.Call(name="maxLength"), int():
                shape = shape._replace(most=value)
    return shape


def _bicep_shape(type_: ast.Type, types: Mapping[str, ast.Type], level: int = 0) -> Shape:
    if level > _MOST_LEVELS:
        return Shape()
    of = tuple(_bicep_shape(one, types, level + 1) for one in type_.of)
    match type_.kind:
        case "name" if type_.name in types:
            return _bicep_shape(types[type_.name], types, level + 1)
        case "name":
            return Shape(_KINDS.get(type_.name, "any"))
        case "array":
            return Shape("list", of=of)
        case "tuple":
            return Shape("tuple", of=of)
        case "nullable":
            return of[0]
        case "literal":
            return Shape(_kind_of(type_.value), allowed=(type_.value,))
        case "union":
            allowed = tuple(value for one in of for value in one.allowed)
            return Shape(of[0].kind, allowed=allowed) if of else Shape()
        case "object":
            fields = tuple(
                (name, _decorated(_bicep_shape(one, types, level + 1), one.decorators), one.kind != "nullable")
                for name, one in type_.fields
                if name != "*"
            )
            return Shape("object", fields=fields)
    return Shape()


def _of_template(text: str) -> dict[str, Input]:
    document = decode(text.encode()).value
    definitions = document.get("definitions", {})
    found = {}
    for name, one in document.get("parameters", {}).items():
        default = one.get("defaultValue", REQUIRED)
        is_computed = isinstance(default, str) and default.startswith("[") and not default.startswith("[[")
        found[name] = Input(name, _template_shape(one, definitions), COMPUTED if is_computed else default)
    return found


def _template_shape(type_: Mapping[str, Any], definitions: Mapping[str, Any], level: int = 0) -> Shape:
    if level > _MOST_LEVELS:
        return Shape()

    def inner(of: Mapping[str, Any]) -> Shape:
        return _template_shape(of, definitions, level + 1)

    if "$ref" in type_:
        return inner(definitions.get(type_["$ref"].removeprefix("#/definitions/"), {}))
    kind = _KINDS.get(str(type_.get("type", "")).lower(), "any")
    items, others = type_.get("items"), type_.get("additionalProperties")
    of = tuple(inner(one) for one in (items, others) if isinstance(one, Mapping))
    fields = tuple((name, inner(one), not _is_optional(one)) for name, one in type_.get("properties", {}).items())
    return Shape(
        "map" if kind == "object" and of and not fields else kind,
        of=of,
        fields=fields,
        allowed=tuple(type_.get("allowedValues", ())),
        least=type_.get("minLength", 0),
        most=type_.get("maxLength"),
    )


def _is_optional(member: Mapping[str, Any]) -> bool:
    return bool(member.get("nullable")) or "defaultValue" in member


def constant(node: ast.Node | str) -> Any:
    """Return the value of an expression; COMPUTED if it is not a constant."""
    match node:
        case str():
            return node
        case ast.Literal():
            return node.value
        case ast.Data():
            return node.plain
        case ast.Unary(operator="-", operand=ast.Literal(value=int() | float() as value)):
            return -value
        case ast.Array(items=items):
            values = [constant(one) for one in items]
            return COMPUTED if COMPUTED in values else values
        case ast.Object(members=members):
            found = {}
            for one in members:
                if not isinstance(one, ast.Property):
                    return COMPUTED
                key = one.key.name if isinstance(one.key, ast.Name) else constant(one.key)
                found[key] = constant(one.value)
            return COMPUTED if COMPUTED in found.values() or COMPUTED in found else found
    return COMPUTED


# Values


def values_of(one: Input, states: Sequence[State]) -> list[Any]:
    """Return the value of an input, or up to three that are drawn. Raise CannotDrawError."""
    found: list[Any] = []
    for number in range(DRAWS):
        value = _value_of(one, states, number)
        if value not in found:
            found.append(value)
    return found


def _value_of(one: Input, states: Sequence[State], number: int) -> Any:
    whole = [state for state in states if not state.path]
    members = [state for state in states if state.path]
    if whole:
        value = _satisfying(one.shape, whole, one.name, number, one.default)
    elif isinstance(one.default, dict):
        value = copy.deepcopy(one.default)
    elif one.default is COMPUTED:
        raise CannotDrawError(COMPUTED.reason)
    elif members and members[0].path[0] == ITEM:
        value = _drawn(one.shape, one.name, number) if one.shape.of else None
    else:
        value = _drawn(one.shape, one.name, number)
    for path in dict.fromkeys(state.path for state in members):
        of_path = [state for state in members if state.path == path]
        value = _placed(value, one.shape, path, of_path, number)
    return value


def _placed(value: Any, shape: Shape, path: tuple[str, ...], states: Sequence[State], number: int) -> Any:
    """Return a value with another member at a path."""
    if not path:
        return _satisfying(shape, states, "", number, value)
    name, *rest = path
    inner = _member(shape, name)
    if name == ITEM:
        return _with_item(value, shape, tuple(rest), states, number)
    if isinstance(value, list) and name.isdigit() and int(name) < len(value):
        value[int(name)] = _placed(value[int(name)], inner, tuple(rest), states, number)
        return value
    # Of a member of any type a string was drawn.
    value = {} if isinstance(value, str) and inner == Shape() else value
    if isinstance(value, str | int | float | list):
        raise CannotDrawError("a member is not in an object")
    members = dict(value or {})
    missing = _drawn(inner, name, number) if rest and inner.fields else None
    if not rest:
        members[name] = _satisfying(inner, states, name, number, members.get(name, REQUIRED))
    else:
        members[name] = _placed(members.get(name, missing), inner, tuple(rest), states, number)
    return members


def _with_item(value: Any, shape: Shape, rest: tuple[str, ...], states: Sequence[State], number: int) -> Any:
    """Return a list or map with an item of which a condition holds at a path: the same for all paths."""
    inner = shape.of[0] if shape.of else Shape()
    if value is None or isinstance(value, str | _Unstated):
        value = {"list": [], "map": {}, "object": {}}.get(shape.kind)
    if isinstance(value, dict):
        key = f"drawn{number}"
        return {**value, key: _placed(value.get(key, _item_with(inner, rest, number)), inner, rest, states, number)}
    if isinstance(value, list):
        first = value[0] if value and (isinstance(value[0], dict) or not rest) else _item_with(inner, rest, number)
        return [_placed(first, inner, rest, states, number), *value[1:]]
    raise CannotDrawError("its type and default do not state whether it is a list or a map")


def _item_with(shape: Shape, rest: tuple[str, ...], number: int) -> Any:
    return _drawn(shape, "", number, 1) if shape.fields or not rest else {}


def _member(shape: Shape, name: str) -> Shape:
    found = next((one for field, one, _ in shape.fields if field == name), None)
    return found or (shape.of[0] if shape.kind in ("map", "list") and shape.of else Shape())


def _satisfying(shape: Shape, states: Sequence[State], name: str, number: int, default: Any) -> Any:
    """Return a value of which a condition holds."""
    by_word: dict[str, list[Any]] = {}
    for state in states:
        by_word.setdefault(state.word, []).append(state.value)
    if "equal" in by_word:
        value = by_word["equal"][0]
        if isinstance(value, str) and value.endswith("..."):
            raise CannotDrawError("the report shortens the value")
        return value
    kind = shape.kind if shape.kind != "any" else _kind_of(default)
    # An input without a type accepts anything.
    kind = kind if kind != "any" else "list" if "not empty" in by_word else "string"
    shape = shape._replace(kind=kind)
    if "empty" in by_word:
        return {"list": [], "tuple": [], "string": ""}.get(kind, {})
    if "containing" in by_word:
        return _containing(shape, by_word["containing"], name, number)
    if "of length" in by_word:
        length = by_word["of length"][0]
        return (
            ("abcdefgh" * length)[:length]
            if kind == "string"
            else [_item(shape, name, number + at) for at in range(length)]
        )
    refused = [*by_word.get("not equal", ()), None, default if "another value" in by_word else None]
    for at in count(number):
        value = _drawn(shape, name, at)
        if value not in refused and value not in ("", [], {}):
            return value
        if at > number + 2 * DRAWS:
            raise CannotDrawError("no value of its type differs from the default")
    raise AssertionError


def _containing(shape: Shape, values: Sequence[Any], name: str, number: int) -> Any:
    if shape.kind in ("object", "map"):
        return {str(one): _drawn(_member(shape, str(one)), str(one), number, 1) for one in values}
    if shape.kind == "string":
        return "-".join(map(str, values))
    return [*values, *([_item(shape, name, number)] if number else [])]


def _item(shape: Shape, name: str, number: int) -> Any:
    inner = shape.of[0] if shape.of else Shape("string")
    return _drawn(inner, name, number)


def _drawn(shape: Shape, name: str, number: int, level: int = 0) -> Any:
    """Return a value of a type that is not empty."""
    if level > _MOST_LEVELS:
        raise CannotDrawError("its type has too many levels")
    if shape.allowed:
        return shape.allowed[-1 - number % len(shape.allowed)]
    match shape.kind:
        case "string":
            return _text(shape, name, number)
        case "number":
            return number + 1
        case "bool":
            return number % DRAWS < DRAWS - 1
        case "tuple":
            return [_drawn(one, name, number, level + 1) for one in shape.of]
        case "list":
            inner = shape.of[0] if shape.of else Shape("string")
            return [_drawn(inner, name, number + at, level + 1) for at in range(max(shape.least, 1))]
        case "map":
            inner = shape.of[0] if shape.of else Shape("string")
            return {f"drawn{number}": _drawn(inner, name, number, level + 1)}
        case "object" if shape.fields:
            return {
                field: _drawn(one, field, number, level + 1)
                for field, one, is_required in shape.fields
                if is_required or number % DRAWS == 1
            }
        case "object":
            return {f"drawn{number}": "drawn"}
    if level:
        return _text(shape, name, number)
    raise CannotDrawError("its type and default do not state what it accepts")


def _text(shape: Shape, name: str, number: int) -> str:
    form = next((form for pattern, form in _BY_NAME if pattern.search(name)), "drawn{}")
    text = form.format(number)
    if len(text) < shape.least:
        text = text.ljust(shape.least, "x")
    return text if shape.most is None else text[: shape.most]


def _kind_of(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "list"
        case dict():
            return "object"
    return "any"


def _shape_like(value: Any) -> Shape:
    """Return the shape that a default has."""
    match value:
        case list():
            return Shape("list", of=tuple(_shape_like(one) for one in value[:1]))
        case dict():
            return Shape("object", fields=tuple((name, _shape_like(one), True) for name, one in value.items()))
    return Shape(_kind_of(value))
