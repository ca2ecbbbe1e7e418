"""Where a value comes from, in words: what rules about secrets ask for, as they must not see the value itself.

The words are found by following references through an expression as it is written. What chooses among values (the
condition of a conditional, an index) is no origin of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeAlias

from azkvlint.evaluation.operations import Local
from azkvlint.evaluation.values import Fields, Items, Result
from azkvlint.graph.secret_formats import Placeholder, placeholder_in
from azkvlint.model.value import Path, Scalar
from azkvlint.syntax import ast
from azkvlint.util.secret_names import (
    NameKind,
    is_name_of_plain_secret,
    is_name_of_resource,
    is_plain_name,
    kind_of_path,
)

Origins: TypeAlias = frozenset[str]

# In the code itself, in the default of a parameter, in a file of values beside the code.
WRITTEN, DEFAULT, GIVEN = "written", "default", "given"
# From outside, through a parameter that is declared as secret, or through one that is not.
SECURE, PARAMETER = "secure", "parameter"
# From outside, and known here: an option, or the plan that was made.
COMMAND = "command-line"
# Made up at random by the deployment; a secret that is read from Key Vault; a key or connection string of a resource.
GENERATED, SECRET, CREDENTIAL, PRIVATE_KEY = "generated", "secret", "credential", "private-key"
# What a managed HSM is recovered from, encrypted for those who hold its shares.
SECURITY_DOMAIN = "security-domain"
# The output of a program, which Terraform does not treat as sensitive.
EXTERNAL = "external"
# A file whose path comes from outside; an identifier such as a deployment makes with newGuid().
FILE, IDENTIFIER = "file", "identifier"
# A secret that goes through a parameter which is not declared as secret.
EXPOSED = "exposed"
# What a name on the way to the value describes as no secret: a user name, an address, an ID, a region.
CONFIGURATION = "configuration"
# Anything else that a resource, a module or the deployment says.
RESOURCE = "resource"
UNTRACED = "?"
# Of a plan: it refers to a secret, which may be it, or what it is computed from.
FROM_SECRET = "?secret"

NONE: Origins = frozenset()
_CODE: Origins = frozenset({WRITTEN, DEFAULT, GIVEN})
_PLAIN: Origins = _CODE | {PARAMETER, RESOURCE, FILE, IDENTIFIER, CONFIGURATION}
_SECRETS: Origins = frozenset({SECURE, GENERATED, SECRET, CREDENTIAL, PRIVATE_KEY, EXTERNAL})
# Functions that give one of their arguments.
_CHOOSING = frozenset({"coalesce", "try", "if"})
# Functions that give what is in their arguments, as it is there.
_COLLECTING = frozenset(
    {
        "merge", "concat", "flatten", "values", "one", "tomap", "tolist", "toset", "sensitive", "nonsensitive", "union",
        "ephemeralasnull", "setunion", "compact", "distinct", "reverse", "sort",
    }
)  # fmt: skip

# What says something about a value, and does not give it away: whether there is one, how long it is, what it is not.
_REVEALING = frozenset(
    {
        "empty", "length", "can", "contains", "startswith", "endswith", "equals", "not", "and", "or", "less",
        "lessorequals", "greater", "greaterorequals", "alltrue", "anytrue", "keys", "objectkeys", "indexof",
        "lastindexof", "index", "type", "fileexists", "regexall", "issensitive",
    }
)  # fmt: skip
# The functions of ARM templates that stand for a name.
_REFERRING = frozenset({"parameters", "variables"})
# What makes an identifier of its arguments, from which they cannot be computed.
_HASHING = frozenset({"guid", "uniquestring", "uuidv5"})
# Functions that read a file: their argument is its path.
_READING = frozenset({"file", "filebase64", "templatefile"})
_COMPARING = frozenset({"==", "!=", "=~", "!~", "<", "<=", ">", ">=", "&&", "||", "!"})


class Scope(Protocol):
    """What the names and calls of an expression mean where it stands."""

    def origins(self, node: ast.Expression, rest: Path, /) -> Origins | None:
        """Return the origins at ``rest`` in a name, a path or a call; None if they are those of its parts."""

    def value(self, node: ast.Expression, local: Local, /) -> Result | None:
        """Return the value of an expression with variables of loops, None if it cannot be evaluated here."""


# Of a longer loop it is not known which branch of a conditional applies.
_MAX_ITERATIONS = 20
# A step into any item of a list or map, and how one by its key begins.
ANY = "[*]"
_KEYED = "["


def origins_of(node: ast.Node, scope: Scope, rest: Path = ()) -> Origins:
    """Return the origins of what is at ``rest`` in an expression; none if it is literal."""
    if isinstance(node, ast.Literal):
        return NONE
    choices = _alternatives(node)
    if choices is not None:
        chosen = _alternative_origins(choices, scope, rest)
        # Defaults and literals decide which of two values an expression has.
        decided = _applicable_branch(node, scope) if chosen & _SECRETS else None
        return chosen if decided is None else _alternative_origins([decided], scope, rest)
    if isinstance(node, ast.Call) and node.name.lower() in _READING:
        return _file_origins(node, scope)
    if _reveals_little(node):
        return frozenset({RESOURCE}) if any(origins_of(part, scope) for part in parts_of(node)) else NONE
    found = _collection_origins(node, scope, rest)
    if found is None and isinstance(node, _NAMED):
        found = scope.origins(node, rest)
        if found is None:
            found = _access_origins(node, scope, rest)
    return found if found is not None else _combined_origins([origins_of(part, scope) for part in parts_of(node)])


def _combined_origins(parts: list[Origins]) -> Origins:
    """Return the origins of a value of several parts: text around an address changes what it is."""
    found = combine(parts)
    return found - {CONFIGURATION} | {RESOURCE} if CONFIGURATION in found and len(parts) > 1 else found


def _file_origins(node: ast.Call, scope: Scope) -> Origins:
    """Return those of the content of a file, and of what a template is filled with."""
    path, *values = node.arguments or (None,)
    inner = [origins_of(value, scope) for value in values]
    outside = path is not None and origins_of(path, scope)
    return combine([*inner, frozenset({FILE}) if outside else NONE])


def _alternatives(node: ast.Node) -> tuple[ast.Expression, ...] | None:
    """Return the expressions of which one counts; None if it is no choice."""
    match node:
        case ast.Conditional(yes=yes, no=no):
            return yes, no
        case ast.Binary(operator="??", left=left, right=right):
            return left, right
        case ast.Call(name=name, arguments=arguments) if name.lower() in _CHOOSING:
            return arguments[1:] if name.lower() == "if" else arguments
    return None


def _applicable_branch(node: ast.Node, scope: Scope) -> ast.Expression | None:
    """Return the branch of a conditional that applies in all rounds of the loops around it, if that is known."""
    match node:
        case ast.Conditional(condition=condition, yes=yes, no=no):
            pass
        case ast.Call(name=name, arguments=(condition, yes, no)) if name.lower() == "if":
            pass
        case _:
            return None
    found = scope.value(condition, {})
    if isinstance(found, Scalar) and isinstance(found.value, bool):
        return yes if found.value else no
    return None


def _reveals_little(node: ast.Node) -> bool:
    """Return whether an expression is about a value that it does not give."""
    match node:
        case ast.Call(name=name):
            return name.lower() in _REVEALING or name.lower() in _HASHING
        case ast.Binary(operator=operator) | ast.Unary(operator=operator):
            return operator in _COMPARING
    return False


def _collection_origins(node: ast.Node, scope: Scope, rest: Path) -> Origins | None:
    """Return the origins of what is in a collection, however it is made; None for anything else."""
    match node:
        case ast.Call(name=name, arguments=arguments) if name.lower() in _COLLECTING:
            return union(origins_of(argument, scope, rest) for argument in arguments)
        case ast.Call(name=name, arguments=(over,)) if name.lower() == "items" and len(rest) > 1:
            return frozenset({RESOURCE}) if rest[1] == "key" else origins_of(over, scope, (ANY, *rest[2:]))
        case ast.Comprehension(name=name, result=result):
            inner = Loop(scope, node.value, node.key, node.over)
            return origins_of(result, inner, rest[1:] if rest and (name is not None or _is_key(rest[0])) else rest)
        case ast.For(item=item, index=index, over=over, body=body):
            return origins_of(body, Loop(scope, item, index, over), rest[1:] if rest else rest)
        case ast.Object() if rest:
            return _member_origins(node, scope, rest)
        case ast.Call(name=name, arguments=arguments) if rest and name.lower() == "createobject":
            pairs = zip(arguments[::2], arguments[1::2], strict=False)
            meant = [value for key, value in pairs if _may_be(key, rest[0])]
            return union(origins_of(value, scope, rest[1:]) for value in meant)
        case ast.Call(name=name, arguments=items) if rest and name.lower() == "createarray":
            return union(origins_of(item, scope, rest[1:] if _is_key(rest[0]) else rest) for item in items)
        case ast.Array(items=items) if rest:
            return union(origins_of(item, scope, rest[1:] if _is_key(rest[0]) else rest) for item in items)
    return None


def _may_be(key: ast.Expression, step: str | int) -> bool:
    """Return whether a step goes into the member of an object that has a key."""
    if step == ANY or not isinstance(key, ast.Literal):
        return True
    return str(key.value).lower() == str(step).strip("[]").lower()


def _access_origins(node: ast.Node, scope: Scope, rest: Path) -> Origins | None:
    """Return the origins of a step into something that has no name; None if there is none."""
    match node:
        case ast.Member(of=of, name=name):
            return origins_of(of, scope, (name, *rest))
        case ast.Item(of=of):
            return origins_of(of, scope, (_key_of(node), *rest))
        case ast.Splat(of=of, each=each):
            return origins_of(of, scope, (ANY, *path_of(each)[1:], *rest))
        case ast.NotNull(of=of):
            return origins_of(of, scope, rest)
    return None


class Loop:
    """The scope of a loop's body: its variable is any item of what it runs over, its key is no secret."""

    def __init__(self, outer: Scope, value: str, key: str, over: ast.Expression) -> None:
        self._outer = outer
        self._value = value
        self._key = key
        self._over = over

    def origins(self, node: ast.Expression, rest: Path) -> Origins | None:
        """Return see Scope."""
        path = path_of(node)
        if path and path[0] == self._value:
            return origins_of(self._over, self._outer, (ANY, *path[1:], *rest))
        return NONE if path and path[0] == self._key else self._outer.origins(node, rest)

    def value(self, node: ast.Expression, local: Local) -> Result | None:
        """Return the value that an expression has in all rounds, None if it differs."""
        over = self._outer.value(self._over, {})
        found: Result | None = None
        for key, item in _iterations(over):
            here = self._outer.value(node, {self._value: item, self._key: key, **local})
            if not isinstance(here, Scalar) or (isinstance(found, Scalar) and found.value != here.value):
                return None
            found = here
        return found


def _iterations(over: Result | None) -> list[tuple[Result, Result]]:
    """Return the key and the item of each round over a collection that is known, and not too large."""
    pairs: list[tuple[Result, Result]] = []
    if isinstance(over, Fields) and over.rest is None:
        pairs = [(Scalar(at=over.at, value=key), item) for key, item in over.fields.items()]
    elif isinstance(over, Items):
        pairs = [(Scalar(at=over.at, value=number), item) for number, item in enumerate(over.items)]
    return pairs if len(pairs) <= _MAX_ITERATIONS else []


def _member_origins(node: ast.Object, scope: Scope, rest: Path) -> Origins:
    """Return the origins of what is at ``rest`` in an object: of all its members, if any of them may be meant."""
    by_name, others, spread = _members(node)
    if rest[0] == ANY:
        meant = [*by_name.values(), *others]
    else:
        named = by_name.get(str(rest[0]).strip("[]"))
        meant = others if named is None else [named, *others]
    return union(
        [
            *(origins_of(value, scope, rest[1:]) for value in meant),
            *(origins_of(value, scope, rest) for value in spread),
        ]
    )


_Members: TypeAlias = tuple[dict[str, ast.Expression], list[ast.Expression], list[ast.Expression]]
# The members of large objects, which many others may look into; the node is kept so that its identity stays its own.
_cache: dict[int, tuple[ast.Object, _Members]] = {}
_LARGE, _MOST_KNOWN = 20, 100


def _members(node: ast.Object) -> _Members:
    """Return an object's values by key, those whose keys are expressions, and the objects spread into it."""
    found = _cache.get(id(node))
    if found is not None:
        return found[1]
    properties = [member for member in node.members if isinstance(member, ast.Property)]
    members: _Members = (
        {member.key: member.value for member in properties if isinstance(member.key, str)},
        [member.value for member in properties if not isinstance(member.key, str)],
        [member.value for member in node.members if isinstance(member, ast.Spread)],
    )
    if len(properties) > _LARGE:
        if len(_cache) >= _MOST_KNOWN:
            _cache.clear()
        _cache[id(node)] = node, members
    return members


def combine(parts: list[Origins]) -> Origins:
    """Return the origins of a value of several parts: a host or user beside a secret is no secret."""
    for weaker in (_PLAIN, _CODE):
        found = union(part for part in parts if not part <= weaker)
        if found:
            return found
    return union(parts)


_NAMED = (ast.Name, ast.Member, ast.Item, ast.Splat, ast.Call, ast.Nested, ast.NotNull)


def _alternative_origins(nodes: Iterable[ast.Expression], scope: Scope, rest: Path) -> Origins:
    """Return those of any of several values, of which each may be the one that counts; a placeholder adds none."""
    nodes = [*nodes]
    nodes = [node for node in nodes if not _is_placeholder(node)] or nodes
    return union(
        origins_of(node, scope, rest) or (NONE if rest or is_nothing(node) else frozenset({WRITTEN})) for node in nodes
    )


def _is_placeholder(node: ast.Node) -> bool:
    """Return whether a text stands for a value that is set later."""
    text = node.value if isinstance(node, ast.Literal) else None
    return isinstance(text, str) and bool(text) and placeholder_in(text) is Placeholder.CERTAIN


def is_nothing(node: ast.Node | None) -> bool:
    """Return whether an expression says no more than that nothing is set."""
    match node:
        case None | ast.Object(members=()) | ast.Array(items=()):
            return True
        case ast.Literal(value=value):
            return value in (None, "")
    return False


def parts_of(node: ast.Node) -> Iterator[ast.Node]:
    """Yield the nodes in a node."""
    for name in node.__struct_fields__:
        value = getattr(node, name)
        if isinstance(value, ast.Node):
            yield value
        elif isinstance(value, tuple):
            yield from (item for item in value if isinstance(item, ast.Node))


def union(found: Iterable[Origins]) -> Origins:
    """Return all of them together."""
    return frozenset().union(*found)


def path_of(node: ast.Expression) -> tuple[str, ...]:
    """Return the steps of a path such as ``data.a.b["k"].c``, indexes included; none if it is not a path."""
    names: list[str] = []
    here: ast.Expression = node
    while not isinstance(here, ast.Name):
        match here:
            case ast.Member(of=of, name=name):
                names.append(name)
                here = of
            case ast.Item(of=of):
                names.append(_key_of(here))
                here = of
            case ast.NotNull(of=of):
                here = of
            case ast.Splat(of=of, each=each):
                names += reversed((ANY, *path_of(each)[1:]))
                here = of
            case _:
                return ()
    return (here.name, *reversed(names))


def names_of(path: Path) -> tuple[str, ...]:
    """Return the steps of a path without indexes."""
    return tuple(str(step) for step in path if not _is_key(step))


def _key_of(node: ast.Item) -> str:
    index = node.index
    return f"[{index.value}]" if isinstance(index, ast.Literal) and isinstance(index.value, str) else ANY


def _is_key(step: str | int) -> bool:
    return str(step).startswith(_KEYED)


def secure_parameter_origins(found: Origins, rest: Path = ()) -> Origins:
    """Return those of what is at ``rest`` in a parameter that is declared as secret, whatever it is given.

    A secure object may have names and identifiers beside its secrets.
    """
    if IDENTIFIER in found:
        found = found - {IDENTIFIER} | {GENERATED}
    if rest and _kind_of(rest) is NameKind.PLAIN:
        return found - {SECURE} or frozenset({CONFIGURATION})
    return found if found & _SECRETS or UNTRACED in found else found - {CONFIGURATION} | {SECURE}


def is_plain(found: Origins, steps: Path) -> bool:
    """Return whether a value is configuration, or is from code or a resource and has no name of a secret."""
    if found == {CONFIGURATION}:
        return True
    return bool(found) and found <= _CODE | {RESOURCE, CONFIGURATION} and _kind_of(steps) is not NameKind.SECRET


def _kind_of(steps: Iterable[str | int]) -> NameKind:
    return kind_of_path(str(step).strip("[]") for step in steps)


def vault_secret_origins(name: ast.Node | None) -> Origins:
    """Return those of a secret in a vault; ``name`` is the expression of its name."""
    match name:
        case ast.Literal(value=str() as text):
            is_plain_one = is_plain_name(text)
        case ast.Call(name=function, arguments=(ast.Literal(value=str() as text),)) if function in _REFERRING:
            is_plain_one = is_name_of_plain_secret(text)
        case ast.Name() | ast.Member() | ast.Item() | ast.NotNull():
            is_plain_one = is_name_of_plain_secret((names_of(path_of(name)) or ("",))[-1])
        case _:
            is_plain_one = False
    return frozenset({CONFIGURATION if is_plain_one else SECRET})


def variable_origins(found: Origins, steps: Path, value: ast.Node | None) -> Origins:
    """Return those of a variable. What is only declared as secret is none in the name of a resource."""
    refers = isinstance(value, ast.Literal | ast.Name | ast.Member | ast.Item | ast.NotNull) or (
        isinstance(value, ast.Call) and value.name.lower() in _REFERRING
    )
    if SECURE in found and found - {SECURE} <= _PLAIN and not refers and is_name_of_resource(str(steps[-1])):
        return frozenset({CONFIGURATION})
    return with_name_kind(found, steps)


def list_function_origins(rest: Path) -> Origins:
    """Return those of what is at ``rest`` in the answer of a ``list*`` function: keys, beside their names."""
    plain = _kind_of(rest) is NameKind.PLAIN
    return frozenset({CONFIGURATION if plain else CREDENTIAL})


def with_name_kind(found: Origins, steps: Iterable[str | int]) -> Origins:
    """Return ``found``, or that it is configuration if that is what the names on the way to the value say."""
    if found <= _PLAIN and _kind_of(steps) is NameKind.PLAIN:
        return frozenset({CONFIGURATION})
    return found


def known_value_origins(found: Origins) -> Origins:
    """Return the origins of a known value, which cannot come from an unknown one."""
    if found == {CONFIGURATION}:
        return found
    known = found & {DEFAULT, GIVEN, COMMAND} or frozenset({WRITTEN})
    return known | (found & {SECURE})
