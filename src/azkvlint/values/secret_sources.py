"""Find where secret values are written, whatever lies between: no excerpt shows such a place, whichever rules are run.

The walk begins at expressions whose values are secret and follows references backwards: through locals, variables,
parameters, module calls, outputs, loops and functions, into lists and objects as far as the path is known. It does not
evaluate anything: a value that may be a part of the secret is hidden, in each branch of a conditional.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from azkvlint.model.value import Path
from azkvlint.syntax import ast
from azkvlint.util.secret_names import is_secret_name
from azkvlint.values.origins import ANY, members_of, path_of
from azkvlint.values.secret_formats import has_literal

# The step into the keys of an object.
KEYS = "[keys]"
# Of a longer path, or of more paths into one expression, all is hidden that they may lead to.
_MOST_STEPS, _MOST_PATHS = 8, 20
# Functions that return one of their arguments, or a collection of the items of their arguments.
_SAME = frozenset(
    {
        "coalesce", "try", "merge", "concat", "flatten", "one", "tomap", "tolist", "toset", "sensitive", "nonsensitive",
        "union", "ephemeralasnull", "setunion", "setintersection", "setsubtract", "compact", "distinct", "reverse",
        "sort", "coalescelist", "any", "slice", "take", "skip", "intersection", "defaults", "shallowmerge",
    }
)  # fmt: skip
# Functions that return an item of their first argument.
_ITEMS = frozenset({"element", "first", "last", "values", "objectvalues"})
# Functions that reveal a property of a value, or read what is not in the code: they name it.
_REVEALING = frozenset(
    {
        "empty", "length", "can", "contains", "startswith", "endswith", "equals", "not", "and", "or", "less",
        "lessorequals", "greater", "greaterorequals", "alltrue", "anytrue", "indexof", "lastindexof", "index", "type",
        "fileexists", "issensitive", "reference", "references", "resourceid", "subscriptionresourceid", "getsecret",
        "extensionresourceid", "tenantresourceid", "managementgroupresourceid", "resourcegroup", "subscription",
    }
)  # fmt: skip
_COMPARING = frozenset({"==", "!=", "=~", "!~", "<", "<=", ">", ">=", "&&", "||", "!"})
# Functions with a path as their first argument.
_READING = frozenset({"file", "filebase64", "templatefile", "loadtextcontent", "loadjsoncontent", "loadyamlcontent"})
# Functions of lambdas that return some of the items, or the result for each.
_CHOOSING, _MAPPING = frozenset({"filter", "sort"}), frozenset({"map", "mapvalues"})
_SETTINGS: tuple[Path, ...] = (
    ("properties", "siteConfig", "appSettings", ANY, "value"),
    ("properties", "siteConfig", "connectionStrings", ANY, "connectionString"),
)
# The secrets of Azure's resource types, by the end of the type; the names of members show others.
_BY_TYPE: Mapping[str, tuple[Path, ...]] = {
    "/secrets": (("properties", "value"),),
    "/keyvalues": (("properties", "value"),),
    "/namedvalues": (("properties", "value"),),
    "/sites": _SETTINGS,
    "/sites/slots": _SETTINGS,
    "/sites/config": (("properties",),),
    "/sites/slots/config": (("properties",),),
    "/config": (("properties",),),
}
_SECRET_MEMBERS = frozenset({"securevalue", "protectedsettings", "protectedparameters"})
_REFERENCES = (ast.Name, ast.Member, ast.Item, ast.Splat, ast.NotNull)


class Scope(Protocol):
    """The meaning of names in an expression, and where it is written. ``key`` identifies both."""

    @property
    def key(self) -> Hashable:
        """Return the identity of the scope."""

    def written(self, node: ast.Node, rest: Path, /) -> Iterable[Part] | None:
        """Return what a reference leads to at ``rest``; None if the expression does not refer to a declaration."""

    def hide(self, node: ast.Node, /) -> None:
        """Record that an expression is a part of a secret."""

    def hide_key(self, node: ast.Property, /) -> None:
        """Record that the key of a property is a part of a secret."""


class Part(NamedTuple):
    """An expression in its scope, of which the value at ``rest`` is secret."""

    node: ast.Node
    scope: Scope
    rest: Path = ()


_Known: TypeAlias = dict[tuple[int, Hashable], set[Path]]


def hide_sources(secrets: Iterable[Part], limit: int) -> bool:
    """Hide what the values of secrets are made of. Return False if that takes more than ``limit`` steps."""
    waiting = [*secrets]
    known: _Known = {}
    # The identity of a node is that of another one once it is gone.
    kept: list[ast.Node] = []
    while waiting:
        part = waiting.pop()
        key = id(part.node), part.scope.key
        paths = known.get(key)
        if paths is None:
            paths = known[key] = set()
            kept.append(part.node)
        rest = part.rest[:_MOST_STEPS] if len(paths) < _MOST_PATHS else ()
        if rest in paths or () in paths:
            continue
        paths.add(rest)
        limit -= 1
        if limit < 0:
            return False
        waiting += _parts_of(part.node, part.scope, rest)
    return True


def places_by_type(type_: ast.Node | None) -> tuple[Path, ...]:
    """Return where the secrets of a resource are, by its type as written; a nested resource has only the last name."""
    text = type_.value if isinstance(type_, ast.Literal) else None
    name = text.partition("@")[0].lower() if isinstance(text, str) else ""
    return next((paths for ending, paths in _BY_TYPE.items() if f"/{name}".endswith(ending)), ())


def secrets_in(part: Part) -> Iterator[Part]:
    """Yield the members of objects in an expression whose names are those of secrets, and what is marked as one."""
    waiting = [part]
    while waiting:
        node, scope, _ = waiting.pop()
        match node:
            case ast.Property(key=str() as key, value=value) if names_value(key):
                yield Part(value, scope)
            case ast.Object():
                types = [*_members_named(node, "type"), None]
                yield from (Part(node, scope, path) for path in places_by_type(types[0]))
                waiting += [Part(one, scope) for one in ast.children(node)]
            case ast.Call(name="sensitive"):
                yield Part(node, scope)
            case ast.For(item=item, index=index, over=over, body=body):
                waiting += [Part(over, scope), Part(body, Bound(scope, node, {item: over}, {index: over}))]
            case ast.Comprehension(over=over, result=result):
                waiting += [Part(over, scope), Part(result, _inner(node, scope))]
            case _:
                waiting += [Part(one, scope) for one in ast.children(node)]


def _parts_of(node: ast.Node, scope: Scope, rest: Path) -> Iterable[Part]:
    """Hide the strings and numbers of an expression itself, and return what else its value at ``rest`` consists of."""
    match node:
        case ast.Literal():
            if has_literal(node):
                scope.hide(node)
            return ()
        case ast.Object():
            return _of_object(node, scope, rest)
        case ast.Array(items=items):
            return _of_array(node, items, scope, rest)
        case ast.For(item=item, index=index, over=over, body=body):
            return [Part(body, Bound(scope, node, {item: over}, {index: over}), rest[1:])]
        case ast.Comprehension():
            return _of_comprehension(node, scope, rest)
        case ast.If(body=value) | ast.Spread(value=value) | ast.Property(value=value):
            return [Part(value, scope, rest)]
        case ast.Conditional() | ast.Binary() | ast.Unary():
            return _of_operands(node, scope, rest)
        case ast.Template():
            if has_literal(node):
                scope.hide(node)
            return [Part(one, scope) for one in node.parts]
    found = scope.written(node, rest)
    if found is not None:
        return found
    return _of_call(node, scope, rest) if isinstance(node, ast.Call) else _of_access(node, scope, rest)


def _of_operands(node: ast.Conditional | ast.Binary | ast.Unary, scope: Scope, rest: Path) -> Iterable[Part]:
    if isinstance(node, ast.Conditional):
        return [Part(node.yes, scope, rest), Part(node.no, scope, rest)]
    if node.operator in _COMPARING:
        return ()
    if isinstance(node, ast.Unary):
        return [Part(node.operand, scope)]
    below = rest if node.operator == "??" else ()
    return [Part(node.left, scope, below), Part(node.right, scope, below)]


def _of_object(node: ast.Object, scope: Scope, rest: Path) -> Iterable[Part]:
    if not rest:
        if has_literal(node):
            scope.hide(node)
        keys = [one.key for one in node.members if isinstance(one, ast.Property)]
        return [Part(one, scope) for one in (*node.members, *keys) if isinstance(one, ast.Node)]
    by_name, others, spread = members_of(node)
    found = [Part(one, scope, rest) for one in spread]
    if rest[0] == KEYS:
        for one in node.members:
            if isinstance(one, ast.Property):
                if isinstance(one.key, ast.Node):
                    found.append(Part(one.key, scope))
                else:
                    scope.hide_key(one)
        return found
    is_repeated = len(by_name) + len(others) + len(spread) < len(node.members)
    if not is_any(rest[0]) and name_of(rest[0]) in by_name and not is_repeated:
        chosen = [by_name[name_of(rest[0])], *others]
    else:
        chosen = [*_members_named(node, rest[0]), *others]
    return found + [Part(one, scope, rest[1:]) for one in chosen]


def _members_named(node: ast.Object, step: str | int) -> list[ast.Expression]:
    """Return all members to which a step may lead; the case of a name does not matter in templates."""
    lower = name_of(step).lower()
    return [
        one.value
        for one in node.members
        if isinstance(one, ast.Property) and isinstance(one.key, str) and (is_any(step) or one.key.lower() == lower)
    ]


def _of_array(node: ast.Array, items: Sequence[ast.Node], scope: Scope, rest: Path) -> Iterable[Part]:
    if not rest:
        if has_literal(node):
            scope.hide(node)
        return [Part(one, scope) for one in items]
    below = rest[1:] if is_index(rest[0]) else rest
    return [Part(one, scope, rest if isinstance(one, ast.Spread) else below) for one in items]


def _of_comprehension(node: ast.Comprehension, scope: Scope, rest: Path) -> Iterable[Part]:
    inner = _inner(node, scope)
    names = [Part(node.name, inner)] if node.name is not None else []
    if rest and rest[0] == KEYS:
        return names
    if not rest:
        return [*names, Part(node.result, inner)]
    below = rest[1:] if node.name is not None or is_index(rest[0]) else rest
    if node.grouped and below and is_index(below[0]):
        below = below[1:]
    return [Part(node.result, inner, below)]


def _inner(node: ast.Comprehension, scope: Scope) -> Bound:
    return Bound(scope, node, {node.value: node.over}, {node.key: node.over} if node.key else {})


def _of_call(node: ast.Call, scope: Scope, rest: Path) -> Iterable[Part]:
    name, arguments = node.name.lower().rpartition("::")[2], node.arguments
    if name in _REVEALING or name.startswith("list"):
        return ()
    if any(isinstance(one, ast.Lambda) for one in arguments):
        return _of_lambdas(name, arguments, scope, rest)
    if name in _SAME:
        return [Part(one, scope, rest) for one in arguments]
    if name in _READING or name == "if":
        return [Part(one, scope, rest if name == "if" else ()) for one in arguments[1:]]
    found = _of_collection(name, arguments, scope, rest)
    return [Part(one, scope) for one in (node.of, *arguments) if one is not None] if found is None else found


def _of_collection(name: str, arguments: Sequence[ast.Expression], scope: Scope, rest: Path) -> Iterable[Part] | None:
    """Return the parts of a call that selects from lists or objects, or makes one; None for any other call."""
    if name in ("keys", "objectkeys"):
        return [Part(one, scope, (KEYS,)) for one in arguments]
    if name == "lookup" and len(arguments) > 1:
        key = arguments[1].value if isinstance(arguments[1], ast.Literal) else None
        step = f"[{key}]" if isinstance(key, str) else ANY
        return [Part(arguments[0], scope, (step, *rest)), *(Part(one, scope, rest) for one in arguments[2:])]
    if name in _ITEMS and arguments:
        return [Part(arguments[0], scope, (ANY, *(rest[1:] if name.endswith("values") else rest)))]
    if name == "items" and rest[1:]:
        below = (KEYS,) if rest[1] == "key" else (ANY, *rest[2:])
        return [Part(one, scope, below) for one in arguments]
    if rest and name == "createarray":
        return [Part(one, scope, rest[1:] if is_index(rest[0]) else rest) for one in arguments]
    if rest and name == "createobject":
        return _of_pairs(arguments, scope, rest)
    return None


def _of_pairs(arguments: Sequence[ast.Expression], scope: Scope, rest: Path) -> Iterable[Part]:
    if rest[0] == KEYS:
        return [Part(key, scope) for key in arguments[::2]]
    sought = name_of(rest[0]).lower()
    return [
        Part(value, scope, rest[1:])
        for key, value in zip(arguments[::2], arguments[1::2], strict=False)
        if is_any(rest[0]) or not isinstance(key, ast.Literal) or str(key.value).lower() == sought
    ]


def _of_lambdas(name: str, arguments: Sequence[ast.Expression], scope: Scope, rest: Path) -> Iterable[Part]:
    """Return the parts of a call such as ``map(list, one => one.value)``; a parameter is any item of the list."""
    others = [one for one in arguments if not isinstance(one, ast.Lambda)]
    found: list[Part] = []
    for one in arguments:
        if isinstance(one, ast.Lambda) and name not in _CHOOSING and others:
            items = dict.fromkeys(one.parameters, others[0])
            found.append(Part(one.body, Bound(scope, one, items, items), rest[1:] if name in _MAPPING else ()))
    if name in _CHOOSING:
        return [Part(one, scope, rest) for one in others]
    return found + [Part(one, scope) for one in others[1:]]


def _of_access(node: ast.Node, scope: Scope, rest: Path) -> Iterable[Part]:
    match node:
        case ast.Member(of=of, name=name):
            return [Part(of, scope, (name, *rest))]
        case ast.Item(of=of, index=index):
            step = f"[{index.value}]" if isinstance(index, ast.Literal) and isinstance(index.value, str) else ANY
            return [Part(of, scope, (step, *rest))]
        case ast.Splat(of=of, each=each):
            return [Part(of, scope, (ANY, *path_of(each)[1:], *rest))]
        case ast.NotNull(of=of):
            return [Part(of, scope, rest)]
    return ()


class Bound:
    """The scope of the body of a loop: what its variables stand for. ``node`` is the loop."""

    def __init__(
        self, outer: Scope, node: ast.Node, items: Mapping[str, ast.Expression], keys: Mapping[str, ast.Expression]
    ) -> None:
        self._outer, self._node, self._items, self._keys = outer, node, items, keys
        self.key = "loop", id(node), outer.key

    def written(self, node: ast.Node, rest: Path) -> Iterable[Part] | None:
        """See ``Scope``."""
        path = path_of(node) if isinstance(node, _REFERENCES) else ()
        found: list[Part] = []
        if path and path[0] in self._items:
            found.append(Part(self._items[path[0]], self._outer, (ANY, *path[1:], *rest)))
        if path and path[0] in self._keys:
            found.append(Part(self._keys[path[0]], self._outer, (KEYS,)))
        return found or self._outer.written(node, rest)

    def hide(self, node: ast.Node) -> None:
        """See ``Scope``."""
        self._outer.hide(node)

    def hide_key(self, node: ast.Property) -> None:
        """See ``Scope``."""
        self._outer.hide_key(node)


def names_value(name: str) -> bool:
    """Return whether the value of a member is a secret, by its name."""
    return is_secret_name(name) or name.replace("_", "").lower() in _SECRET_MEMBERS


def is_index(step: str | int) -> bool:
    """Return whether a step is an index, or a key in brackets."""
    return not isinstance(step, str) or step.startswith("[")


def is_any(step: str | int) -> bool:
    """Return whether a step may lead to any member."""
    return step == ANY or not isinstance(step, str)


def name_of(step: str | int) -> str:
    """Return the name of a step."""
    text = str(step)
    return text[1:-1] if text.startswith("[") else text
