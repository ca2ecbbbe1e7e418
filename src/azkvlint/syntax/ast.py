"""Nodes of expressions and declarations, shared by Bicep, ARM template expressions and HCL.

``start`` and ``end`` of every node are offsets in code points into the parsed text, the end exclusive. What a template
in JSON declares has a ``pointer`` instead, which is empty in any other text.
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

import msgspec

Pointer: TypeAlias = tuple[str | int, ...]


class Node(msgspec.Struct, frozen=True, gc=False):
    """A span of the text."""

    start: int
    end: int


# The annotations of fields that contain no nodes, or nodes in pairs with their names.
_CHILDLESS = frozenset(
    {
        "int", "str", "bool", "str | int | float | bool | None", "tuple[str, ...]", "tuple[tuple[str, str], ...]",
        "tuple[tuple[str, Type], ...]", "Any", "Pointer",
    }
)  # fmt: skip


@cache
def _child_fields(kind: type[Node]) -> tuple[tuple[str, bool], ...]:
    """Return the fields of a type of node that may contain nodes, and whether each is a tuple of them."""
    annotated = ((name, str(annotation)) for name, annotation in kind.__annotations__.items())
    return tuple(
        (name, annotation.startswith("tuple[")) for name, annotation in annotated if annotation not in _CHILDLESS
    )


def children(node: Node) -> list[Node]:
    """Return the child nodes of a node, in order."""
    found: list[Node] = []
    for name, is_tuple in _child_fields(type(node)):
        value = getattr(node, name)
        if is_tuple:
            found += value
        elif isinstance(value, Node):
            found.append(value)
    return found


class Literal(Node, frozen=True, gc=False):
    """A string, number, boolean or null (None)."""

    value: str | int | float | bool | None


class Data(Node, frozen=True, gc=False):
    """A JSON value of a template, at ``pointer``. Its strings may be expressions, which are parsed on first use."""

    plain: Any
    pointer: Pointer


class Template(Node, frozen=True, gc=False):
    """An interpolated string: its expressions in order, with Literals for the strings between them."""

    parts: tuple[Expression, ...]


class Name(Node, frozen=True, gc=False):
    """A symbol."""

    name: str


class Member(Node, frozen=True, gc=False):
    """``of.name``, or ``of.?name`` where ``safe``."""

    of: Expression
    name: str
    safe: bool = False


class Item(Node, frozen=True, gc=False):
    """``of[index]``; ``safe``: ``of[?index]``; ``from_end``: ``of[^index]``, which counts from 1."""

    of: Expression
    index: Expression
    safe: bool = False
    from_end: bool = False


class Nested(Node, frozen=True, gc=False):
    """``of::name``, a resource declared within another."""

    of: Expression
    name: str


class NotNull(Node, frozen=True, gc=False):
    """``of!``."""

    of: Expression


class Call(Node, frozen=True, gc=False):
    """``name(arguments)``, or ``of.name(arguments)``. An ARM user function has its namespace in ``name``.

    ``spread``: HCL's ``name(a, b...)``, whose last argument is a list of arguments.
    """

    name: str
    arguments: tuple[Expression, ...]
    of: Expression | None = None
    spread: bool = False


class Unary(Node, frozen=True, gc=False):
    """``!``, ``-`` or ``+`` before an operand."""

    operator: str
    operand: Expression


class Binary(Node, frozen=True, gc=False):
    """Two operands with an operator as Bicep spells it, ``??`` included."""

    operator: str
    left: Expression
    right: Expression


class Conditional(Node, frozen=True, gc=False):
    """``condition ? yes : no``."""

    condition: Expression
    yes: Expression
    no: Expression


class Spread(Node, frozen=True, gc=False):
    """``...value`` in an array or object."""

    value: Expression


class Array(Node, frozen=True, gc=False):
    """``[a, b]``."""

    items: tuple[Expression | Spread, ...]


class Property(Node, frozen=True, gc=False):
    """``key: value``. A key is a string or a Template; in HCL any expression (``(expression) = value``)."""

    key: str | Expression
    value: Expression


class Object(Node, frozen=True, gc=False):
    """``{ key: value }``, with the ``resources`` declared in it."""

    members: tuple[Property | Spread, ...]
    resources: tuple[ResourceDeclaration, ...] = ()


class For(Node, frozen=True, gc=False):
    """``[for item in over: body]``, or ``[for (item, index) in over: body]``."""

    item: str
    index: str
    over: Expression
    body: Expression
    pointer: Pointer = ()


class Comprehension(Node, frozen=True, gc=False):
    """HCL's ``[for key, value in over : result if condition]``; with ``name`` it is ``{for ... : name => result}``.

    ``key`` is empty if there is only one variable. ``grouped``: ``result...``, a list for each name.
    """

    key: str
    value: str
    over: Expression
    result: Expression
    name: Expression | None = None
    condition: Expression | None = None
    grouped: bool = False


class Splat(Node, frozen=True, gc=False):
    """HCL's ``of[*]`` or ``of.*`` with the following accesses: ``each`` starts at ``Name("*")``, an item of ``of``.

    A value that is not a list counts as a list of one, null as an empty list.
    """

    of: Expression
    each: Expression


class If(Node, frozen=True, gc=False):
    """``if (condition) body``, of a resource, a module or a loop."""

    condition: Expression
    body: Expression


class Lambda(Node, frozen=True, gc=False):
    """``(parameters) => body``."""

    parameters: tuple[str, ...]
    body: Expression


Expression: TypeAlias = (
    Literal | Data | Template | Name | Member | Item | Nested | NotNull | Call | Unary | Binary | Conditional | Array
    | Object | For | If | Lambda | Comprehension | Splat
)  # fmt: skip


class Type(Node, frozen=True, gc=False):
    """A type, by its ``kind``.

    ::

        name        ``name`` (``string``, ``object``, a declared type, ``module.type``, ``resource``)
        literal     ``value``
        array       ``of[0]`` with any number of items
        tuple       ``of``
        object      ``fields``; ``*`` is the key of all others
        union       ``of``
        nullable    ``of[0]``
        member      ``name`` of the type ``of[0]`` (``*`` an array's item)
        resource    ``name`` is resourceInput, resourceOutput or resource, ``value`` the Azure type

    A property or an item of another type has ``decorators``.
    """

    kind: str
    name: str = ""
    value: str | int | float | bool | None = None
    of: tuple[Type, ...] = ()
    fields: tuple[tuple[str, Type], ...] = ()
    decorators: tuple[Expression, ...] = ()
    pointer: Pointer = ()


class TargetScope(Node, frozen=True, gc=False):
    """``targetScope = value``."""

    value: Expression


class ParameterDeclaration(Node, frozen=True, gc=False):
    """``param name type = default``; in a ``.bicepparam`` file ``default`` is the value. ``at``: the name's offset."""

    name: str
    type: Type | None
    default: Expression | None
    decorators: tuple[Expression, ...] = ()
    at: int = 0
    pointer: Pointer = ()


class Variable(Node, frozen=True, gc=False):
    """``var name = value``."""

    name: str
    value: Expression
    decorators: tuple[Expression, ...] = ()
    pointer: Pointer = ()


class OutputDeclaration(Node, frozen=True, gc=False):
    """``output name type = value``."""

    name: str
    type: Type | None
    value: Expression
    decorators: tuple[Expression, ...] = ()
    pointer: Pointer = ()


class ResourceDeclaration(Node, frozen=True, gc=False):
    """``resource name 'type@version' = body``. ``head`` is the offset where the header ends, before ``= body``.

    ``body`` is an Object, an If, or a For of either.
    """

    name: str
    type: Expression
    existing: bool
    body: Expression
    decorators: tuple[Expression, ...] = ()
    head: int = 0
    pointer: Pointer = ()


class ModuleDeclaration(Node, frozen=True, gc=False):
    """``module name 'path' = body``."""

    name: str
    path: Expression
    body: Expression
    decorators: tuple[Expression, ...] = ()
    head: int = 0


class TypeDeclaration(Node, frozen=True, gc=False):
    """``type name = type``."""

    name: str
    type: Type
    decorators: tuple[Expression, ...] = ()


class FunctionDeclaration(Node, frozen=True, gc=False):
    """``func name(parameters) type => body``."""

    name: str
    parameters: tuple[str, ...]
    body: Expression
    decorators: tuple[Expression, ...] = ()
    pointer: Pointer = ()


class Import(Node, frozen=True, gc=False):
    """``import { a as b } from 'path'`` (``names``: exported and local), or ``import * as alias from 'path'``."""

    path: Expression
    names: tuple[tuple[str, str], ...] = ()
    alias: str = ""


class Using(Node, frozen=True, gc=False):
    """``using 'path'`` or ``using none`` (``path`` is None), in a parameter file."""

    path: Expression | None


class Extends(Node, frozen=True, gc=False):
    """``extends 'path'``, in a parameter file."""

    path: Expression


class Other(Node, frozen=True, gc=False):
    """A declaration that deploys nothing: metadata, assert, test, extension, provider, extensionConfig."""

    keyword: str
    name: str = ""


Declaration: TypeAlias = (
    TargetScope | ParameterDeclaration | Variable | OutputDeclaration | ResourceDeclaration | ModuleDeclaration
    | TypeDeclaration | FunctionDeclaration | Import | Using
    | Extends | Other
)  # fmt: skip


class Fault(msgspec.Struct, frozen=True, gc=False):
    """A syntax error at an offset."""

    message: str
    at: int
