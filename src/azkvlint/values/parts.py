"""Find what the value of an expression is made of: the walk behind origins of values and places of secrets.

The parts of operators, functions, loops, collections and accesses are the same in every language. What a name refers to
is up to the scope.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Generic, TypeAlias, TypeVar

import msgspec

from azkvlint.model.value import Path
from azkvlint.syntax import ast
from azkvlint.values.paths import ANY, KEYS, is_any, is_index, member_of, path_of, step_of

_S = TypeVar("_S")


class PartRelation(Enum):
    """How the value of an expression depends on its parts."""

    SAME = "each part is the value, or is or contains a part of it"
    CHOICE = "one of the parts is the value"
    COMPUTED = "the value is computed from the parts"
    CONTENT = "the value is the content of the file at the first part, into which the other parts may be inserted"
    DIGEST = "the value is a key, hash or match of the parts, which are not known from it"
    PROPERTY = "the value is a property of the parts, such as a length, and no part of them"
    LOOKUP = "the value is outside of the code, where the parts name it"


class Loop(Generic[_S]):
    """The scope of the body of a loop or lambda: its ``items`` are any item of ``over``, its ``keys`` any key.

    ``base`` is the scope around all loops, and ``loops`` identifies those around the body.
    """

    def __init__(
        self, outer: Within[_S], node: ast.Node, over: ast.Expression, items: Sequence[str], keys: Sequence[str]
    ) -> None:
        self.outer, self.over, self.items, self.keys = outer, over, items, keys
        self.base: _S = outer.base if isinstance(outer, Loop) else outer
        self.loops: tuple[int, ...] = (id(node), *(outer.loops if isinstance(outer, Loop) else ()))


Within: TypeAlias = _S | Loop[_S]


class ValuePart(msgspec.Struct, Generic[_S], frozen=True, eq=False):
    """An expression in its scope, of which the value at ``rest`` is a part of another value."""

    node: ast.Node
    scope: Within[_S]
    rest: Path = ()


class ValueParts(msgspec.Struct, Generic[_S], frozen=True, eq=False):
    """The parts of a value, and the expressions of its ``keys``, of which the value itself does not consist."""

    relation: PartRelation
    values: Sequence[ValuePart[_S]]
    keys: Sequence[ValuePart[_S]] = ()


def scope_in(node: ast.For | ast.Comprehension, scope: Within[_S]) -> Loop[_S]:
    """Return the scope of the body of a loop."""
    if isinstance(node, ast.For):
        return Loop(scope, node, node.over, (node.item,), (node.index,) if node.index else ())
    return Loop(scope, node, node.over, (node.value,), (node.key,) if node.key else ())


def base_of(scope: Within[_S]) -> _S:
    """Return the scope around all loops."""
    return scope.base if isinstance(scope, Loop) else scope


class _ArgumentPart(Enum):
    """What of an argument of a function is a part of the value at a path of its result."""

    SAME = "the value at the same path"
    ITEM = "any item"
    MEMBER = "any member, instead of the first step"
    KEYS = "the keys"
    ALL = "the whole value"


class _Function(msgspec.Struct, frozen=True):
    """How the result of a function depends on its arguments, on those from ``first`` to ``last``."""

    relation: PartRelation
    argument: _ArgumentPart = _ArgumentPart.ALL
    first: int = 0
    last: int | None = None


def _functions(names: str, function: _Function) -> dict[str, _Function]:
    return dict.fromkeys(names.split(), function)


# The functions of all languages, in lower case. The result of any other is computed from its arguments.
_FUNCTIONS: Mapping[str, _Function] = {
    **_functions("coalesce try", _Function(PartRelation.CHOICE, _ArgumentPart.SAME)),
    "if": _Function(PartRelation.CHOICE, _ArgumentPart.SAME, 1),
    **_functions(
        "merge concat flatten one tomap tolist toset sensitive nonsensitive union ephemeralasnull setunion compact"
        " distinct reverse sort",
        _Function(PartRelation.SAME, _ArgumentPart.SAME),
    ),
    "values": _Function(PartRelation.SAME, _ArgumentPart.MEMBER, 0, 1),
    **_functions(
        "coalescelist any slice take skip intersection setintersection setsubtract defaults shallowmerge filter",
        _Function(PartRelation.COMPUTED, _ArgumentPart.SAME),
    ),
    **_functions("element first last", _Function(PartRelation.COMPUTED, _ArgumentPart.ITEM, 0, 1)),
    "objectvalues": _Function(PartRelation.COMPUTED, _ArgumentPart.MEMBER, 0, 1),
    **_functions("keys objectkeys", _Function(PartRelation.DIGEST, _ArgumentPart.KEYS)),
    **_functions("guid uniquestring uuidv5 regexall", _Function(PartRelation.DIGEST)),
    **_functions(
        "file filebase64 templatefile loadtextcontent loadjsoncontent loadyamlcontent", _Function(PartRelation.CONTENT)
    ),
    **_functions(
        "empty length can contains startswith endswith equals not and or less lessorequals greater greaterorequals"
        " alltrue anytrue indexof lastindexof index type fileexists issensitive",
        _Function(PartRelation.PROPERTY),
    ),
    **_functions(
        "reference references resourceid subscriptionresourceid extensionresourceid tenantresourceid"
        " managementgroupresourceid resourcegroup subscription getsecret",
        _Function(PartRelation.LOOKUP),
    ),
}
_COMPUTED = _Function(PartRelation.COMPUTED)
_COMPARING = frozenset({"==", "!=", "=~", "!~", "<", "<=", ">", ">=", "&&", "||", "!"})
# Functions of lambdas that return some of the items, and those that return the result for each.
_SELECTING, _MAPPING = frozenset({"filter", "sort"}), frozenset({"map", "mapvalues"})
# Expressions that consist of others by their syntax. Any other may be a reference.
COMPOSED = frozenset((
    ast.Literal, ast.Template, ast.Unary, ast.Binary, ast.Conditional, ast.Spread, ast.Array, ast.Property, ast.Object,
    ast.For, ast.If, ast.Lambda, ast.Comprehension,
))  # fmt: skip


class Members(msgspec.Struct, frozen=True, eq=False):
    """The values of an object: by name, by name in lower case, by an expression as name; and what is spread into it."""

    named: Mapping[str, ast.Expression]
    in_lower_case: Mapping[str, Sequence[ast.Expression]]
    computed: Sequence[ast.Expression]
    spread: Sequence[ast.Spread]
    is_repeated: bool

    def at(self, step: str | int) -> Sequence[ast.Expression]:
        """Return the values to which a step may lead. The case of a name does not matter in templates."""
        if is_any(step):
            return [value for values in self.in_lower_case.values() for value in values]
        name = member_of(step)
        exact = None if self.is_repeated else self.named.get(name)
        return self.in_lower_case.get(name.lower(), ()) if exact is None else [exact]


class PartFinder:
    """Finds the parts of expressions. It keeps the members of large objects, to which many references may lead."""

    _LARGE, _MOST = 20, 100

    def __init__(self) -> None:
        # With their objects, because the identity of an object is that of another one once it is gone.
        self._members: dict[int, tuple[ast.Object, Members]] = {}

    def clear(self) -> None:
        """Release all objects."""
        self._members.clear()

    def members_of(self, node: ast.Object) -> Members:
        """Return the members of an object."""
        known = self._members.get(id(node))
        if known is not None:
            return known[1]
        named: dict[str, ast.Expression] = {}
        in_lower_case: dict[str, list[ast.Expression]] = {}
        computed: list[ast.Expression] = []
        for member in node.members:
            if isinstance(member, ast.Property):
                if isinstance(member.key, str):
                    named[member.key] = member.value
                    in_lower_case.setdefault(member.key.lower(), []).append(member.value)
                else:
                    computed.append(member.value)
        spread = [member for member in node.members if isinstance(member, ast.Spread)]
        is_repeated = len(named) + len(computed) + len(spread) < len(node.members)
        members = Members(named, in_lower_case, computed, spread, is_repeated)
        if len(node.members) > self._LARGE:
            if len(self._members) >= self._MOST:
                self._members.clear()
            self._members[id(node)] = node, members
        return members

    def parts_of(self, node: ast.Node, scope: Within[_S], rest: Path) -> ValueParts[_S]:
        """Return the parts of the value at ``rest`` in an expression, apart from what a name refers to."""
        match node:
            case ast.Object():
                return self._of_object(node, scope, rest)
            case ast.Array(items=items):
                return _of_items(items, scope, rest)
            case ast.Conditional(yes=first, no=second) | ast.Binary(operator="??", left=first, right=second):
                return _same([first, second], scope, rest, PartRelation.CHOICE)
            case ast.Binary(operator=operator) | ast.Unary(operator=operator) if operator in _COMPARING:
                return _same(ast.children(node), scope, (), PartRelation.PROPERTY)
            case ast.For(body=body):
                return _same([body], scope_in(node, scope), rest[1:])
            case ast.Comprehension():
                return _of_comprehension(node, scope, rest)
            case ast.If(body=value) | ast.Spread(value=value) | ast.NotNull(of=value):
                return _same([value], scope, rest)
            case ast.Call():
                return _of_call(node, scope, rest)
            case ast.Member(of=of) | ast.Item(of=of) | ast.Splat(of=of):
                return _same([of], scope, (*_steps_of(node), *rest))
        return _same(ast.children(node), scope, (), PartRelation.COMPUTED)

    def _of_object(self, node: ast.Object, scope: Within[_S], rest: Path) -> ValueParts[_S]:
        if not rest:
            return _same(node.members, scope, (), PartRelation.COMPUTED)
        members = self.members_of(node)
        spread = [ValuePart(value, scope, rest) for value in members.spread]
        if rest[0] == KEYS:
            keys = [key for key in map(_key_of, node.members) if isinstance(key, ast.Node)]
            return ValueParts(PartRelation.COMPUTED, [*(ValuePart(key, scope) for key in keys), *spread])
        values = (*members.at(rest[0]), *members.computed)
        return ValueParts(PartRelation.SAME, [*(ValuePart(value, scope, rest[1:]) for value in values), *spread])


def _key_of(member: ast.Property | ast.Spread) -> str | ast.Expression | None:
    return member.key if isinstance(member, ast.Property) else None


def variable_of(node: ast.Node, scope: Within[_S], rest: Path) -> ValueParts[_S] | None:
    """Return what a variable of a loop around an expression stands for at ``rest``; None for other expressions."""
    if not isinstance(scope, Loop):
        return None
    steps = path_of(node)
    current: Within[_S] = scope
    while steps and isinstance(current, Loop):
        if steps[0] in current.items or steps[0] in current.keys:
            items = (
                [ValuePart(current.over, current.outer, (ANY, *steps[1:], *rest))] if steps[0] in current.items else []
            )
            keys = [ValuePart(current.over, current.outer, (KEYS,))] if steps[0] in current.keys else []
            return ValueParts(PartRelation.SAME, items, keys)
        current = current.outer
    return None


def _same(
    nodes: Iterable[ast.Node], scope: Within[_S], rest: Path = (), relation: PartRelation = PartRelation.SAME
) -> ValueParts[_S]:
    return ValueParts(relation, [ValuePart(node, scope, rest) for node in nodes])


def _steps_of(node: ast.Member | ast.Item | ast.Splat) -> Path:
    """Return the path from a value to what an access to it leads to."""
    match node:
        case ast.Member(name=name):
            return (name,)
        case ast.Item(index=index):
            return (step_of(index),)
        case ast.Splat(each=each):
            return (ANY, *path_of(each)[1:])


def _of_items(items: Sequence[ast.Node], scope: Within[_S], rest: Path) -> ValueParts[_S]:
    """Return the parts of an array. A single value may stand for a list of it."""
    if not rest:
        return _same(items, scope, (), PartRelation.COMPUTED)
    below = rest[1:] if is_index(rest[0]) else rest
    return ValueParts(
        PartRelation.SAME, [ValuePart(item, scope, rest if isinstance(item, ast.Spread) else below) for item in items]
    )


def _of_comprehension(node: ast.Comprehension, scope: Within[_S], rest: Path) -> ValueParts[_S]:
    inner = scope_in(node, scope)
    keys: list[ValuePart[_S]] = [ValuePart(node.name, inner)] if node.name is not None else []
    if rest and rest[0] == KEYS:
        return ValueParts(PartRelation.SAME, (), keys)
    below = rest[1:] if rest and (node.name is not None or is_index(rest[0])) else rest
    if node.grouped and below and is_index(below[0]):
        below = below[1:]
    return ValueParts(PartRelation.SAME, [ValuePart(node.result, inner, below)], () if rest else keys)


def _of_call(node: ast.Call, scope: Within[_S], rest: Path) -> ValueParts[_S]:
    name, arguments = node.name.lower().rpartition("::")[2], node.arguments
    function = _FUNCTIONS.get(name, _COMPUTED)
    if function.argument is not _ArgumentPart.ALL:
        if name in _SELECTING:
            arguments = tuple(argument for argument in arguments if not isinstance(argument, ast.Lambda))
        chosen = arguments[function.first : function.last]
        if name == "try":
            chosen = chosen[: _number_tried(chosen)]
        return _same(chosen, scope, _path_in_argument(function.argument, rest), function.relation)
    if function is _COMPUTED:
        if any(isinstance(argument, ast.Lambda) for argument in arguments):
            return _of_lambdas(name, arguments, scope, rest)
        parts = _of_collection(name, arguments, scope, rest)
        if parts is not None:
            return parts
    return _same(ast.children(node), scope, (), function.relation)


def _number_tried(arguments: Sequence[ast.Expression]) -> int:
    """Return how many arguments of ``try`` may be its result: those up to the first that cannot fail.

    A variable or local value as a whole is never an error there: null is its value, and does not lead to the next one.
    """
    for number, argument in enumerate(arguments, 1):
        path = path_of(argument)
        if isinstance(argument, ast.Literal) or (len(path) == 2 and path[0] in ("var", "local")):
            return number
    return len(arguments)


def _path_in_argument(argument: _ArgumentPart, rest: Path) -> Path:
    match argument:
        case _ArgumentPart.ITEM:
            return (ANY, *rest)
        case _ArgumentPart.MEMBER:
            return (ANY, *rest[1:])
        case _ArgumentPart.KEYS:
            return (KEYS,)
    return rest


def _of_collection(
    name: str, arguments: Sequence[ast.Expression], scope: Within[_S], rest: Path
) -> ValueParts[_S] | None:
    """Return the parts of a call that makes a list or an object, or selects from one; None for any other call."""
    if name == "lookup" and len(arguments) > 1:
        defaults = [ValuePart(default, scope, rest) for default in arguments[2:]]
        return ValueParts(
            PartRelation.COMPUTED, [ValuePart(arguments[0], scope, (step_of(arguments[1]), *rest)), *defaults]
        )
    if name == "items" and rest[1:]:
        if member_of(rest[1]).lower() == "key":
            return _same(arguments, scope, (KEYS,), PartRelation.DIGEST)
        return _same(arguments, scope, (ANY, *rest[2:]))
    if name == "createarray" and rest:
        return _of_items(arguments, scope, rest)
    if name == "createobject" and rest:
        if rest[0] == KEYS:
            return _same(arguments[::2], scope, (), PartRelation.COMPUTED)
        pairs = zip(arguments[::2], arguments[1::2], strict=False)
        return _same([value for key, value in pairs if _may_lead_to(rest[0], key)], scope, rest[1:])
    return None


def _may_lead_to(step: str | int, key: ast.Expression) -> bool:
    """Return whether a step may refer to the member of an object with this key."""
    return is_any(step) or not isinstance(key, ast.Literal) or str(key.value).lower() == member_of(step).lower()


def _of_lambdas(name: str, arguments: Sequence[ast.Expression], scope: Within[_S], rest: Path) -> ValueParts[_S]:
    """Return the parts of a call such as ``map(list, one => one.value)``; a parameter is any item of the list."""
    others = [argument for argument in arguments if not isinstance(argument, ast.Lambda)]
    lambdas = [argument for argument in arguments if isinstance(argument, ast.Lambda)] if others else []
    parts: list[ValuePart[_S]] = []
    for node in lambdas:
        inner = Loop(scope, node, others[0], node.parameters, node.parameters)
        parts.append(ValuePart(node.body, inner, rest[1:] if name in _MAPPING else ()))
    # A single lambda of other functions, such as that of `groupBy()`, returns the key of an item.
    is_replaced = name in _MAPPING or name == "reduce" or len(lambdas) > 1
    return ValueParts(
        PartRelation.COMPUTED, [*parts, *(ValuePart(argument, scope) for argument in others[is_replaced:])]
    )
