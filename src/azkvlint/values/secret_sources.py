"""Find where secret values are written, whatever lies between: no excerpt shows such a place, whichever rules are run.

The walk begins at expressions whose values are secret and follows references backwards: through locals, variables,
parameters, module calls, outputs, loops and functions, into lists and objects as far as the path is known. It does not
evaluate anything: a value that may be a part of the secret is hidden, in each branch of a conditional.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import pairwise
from typing import Protocol, TypeAlias, TypeVar

from azkvlint.model.value import Path
from azkvlint.syntax import ast
from azkvlint.values.parts import (
    COMPOSED,
    Loop,
    PartFinder,
    PartRelation,
    ValuePart,
    Within,
    base_of,
    scope_in,
    variable_of,
)
from azkvlint.values.paths import KEYS
from azkvlint.values.secrecy import (
    SENSITIVE,
    ends_with_name,
    has_literal,
    is_content,
    marks_secret,
    names_value,
    text_of_key,
)

# Of a longer path, or of more paths into one expression, all is hidden that they may lead to.
_MOST_STEPS, _MOST_PATHS = 8, 20
# The parts of a type that are visited.
_MOST_PARTS = 5_000
_TYPE = "type"


class SecretScope(Protocol):
    """The meaning of names in an expression, and where it is written. ``key`` identifies both."""

    @property
    def key(self) -> Hashable:
        """Return the identity of the scope."""

    def written(self, node: ast.Node, rest: Path, /) -> Iterable[HiddenPart] | None:
        """Return what a reference leads to at ``rest``; None if the expression does not refer to a declaration."""

    def hide(self, node: ast.Node, /) -> None:
        """Record that an expression is a part of a secret."""

    def hide_key(self, node: ast.Property, /) -> None:
        """Record that the key of a property is a part of a secret."""


HiddenPart: TypeAlias = ValuePart[SecretScope]
_Type = TypeVar("_Type")
_Known: TypeAlias = dict[tuple[int, Hashable, tuple[int, ...]], set[Path]]


def hide_sources(secrets: Iterable[HiddenPart], limit: int) -> bool:
    """Hide what the values of secrets are made of. Return False if that takes more than ``limit`` steps."""
    waiting, walk = [*secrets], PartFinder()
    known: _Known = {}
    # The identity of a node is that of another one once it is gone.
    kept: list[ast.Node] = []
    while waiting:
        part = waiting.pop()
        scope = part.scope
        key = id(part.node), base_of(scope).key, scope.loops if isinstance(scope, Loop) else ()
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
        waiting += _hidden_in(part.node, scope, rest, walk)
    return True


def secrets_in(part: HiddenPart, properties_of: Callable[[object], Iterable[Path]]) -> Iterator[HiddenPart]:
    """Yield the members of objects in an expression whose names are those of secrets, and what is marked as one.

    ``properties_of`` returns the paths of the secrets in a resource by its type.
    """
    waiting: list[tuple[ast.Node, Within[SecretScope]]] = [(part.node, part.scope)]
    # A hot loop: it compares types in the order of their frequency.
    while waiting:
        node, scope = waiting.pop()
        if isinstance(node, (ast.Literal, ast.Name)):
            continue
        if isinstance(node, ast.Property):
            key = node.key
            if names_value(text_of_key(key)):
                yield ValuePart(node.value, scope)
                continue
            if not isinstance(key, str):
                waiting.append((key, scope))
            waiting.append((node.value, scope))
            continue
        if isinstance(node, (ast.For, ast.Comprehension)):
            body = node.body if isinstance(node, ast.For) else node.result
            waiting += [(node.over, scope), (body, scope_in(node, scope))]
            continue
        if isinstance(node, ast.Object):
            for path in properties_of(_type_in(node.members)):
                yield ValuePart(node, scope, path)
        elif isinstance(node, ast.Template):
            yield from (ValuePart(one, scope) for before, one in pairwise(node.parts) if _is_named_by(before))
        elif isinstance(node, ast.Call) and marks_secret(node):
            yield ValuePart(node, scope)
            continue
        waiting += [(child, scope) for child in ast.children(node)]


def secure_paths(
    type_: _Type, parts_of: Callable[[_Type], Iterable[tuple[Path, _Type]]], is_secure: Callable[[_Type], bool]
) -> Iterator[Path]:
    """Yield the paths of the secure parts of a type.

    ``parts_of`` returns the types that a type directly consists of, each with its path. A type may contain itself: one
    with too many parts may have a secure one anywhere.
    """
    waiting: deque[tuple[Path, _Type]] = deque([((), type_)])
    for _ in range(_MOST_PARTS):
        if not waiting:
            return
        path, one = waiting.popleft()
        if is_secure(one):
            yield path
        else:
            waiting += [((*path, *steps), part) for steps, part in parts_of(one)]
    yield ()


def _is_named_by(before: ast.Node) -> bool:
    return isinstance(before, ast.Literal) and isinstance(before.value, str) and ends_with_name(before.value)


def may_hold_secrets(text: str) -> bool:
    """Return whether ``secrets_in`` may yield anything of an expression of Terraform, by its text: True if it does.

    All that ``secrets_in`` yields is a member of an object or a part of a string, which are written in braces, or a
    call of ``sensitive``. An escape in JSON may stand for each of these characters. Names are not compared here: there
    are too many spellings.
    """
    return "{" in text or SENSITIVE in text or "\\" in text


def _type_in(members: Iterable[ast.Node]) -> object:
    """Return the type of a resource, if it is the value of a member of an object."""
    for member in members:
        if isinstance(member, ast.Property):
            key, value = member.key, member.value
            if isinstance(key, str) and len(key) == len(_TYPE) and key.lower() == _TYPE:
                return value.value if isinstance(value, ast.Literal) else None
    return None


def _hidden_in(node: ast.Node, scope: Within[SecretScope], rest: Path, walk: PartFinder) -> Iterable[HiddenPart]:
    """Hide the strings and numbers of an expression itself, and return what else its value at ``rest`` consists of."""
    base = base_of(scope)
    if isinstance(node, ast.Literal):
        if is_content(node.value):
            base.hide(node)
        return ()
    if type(node) in COMPOSED:
        is_whole = not rest and isinstance(node, (ast.Object, ast.Array))
        if (is_whole or isinstance(node, (ast.Literal, ast.Template))) and has_literal(node):
            base.hide(node)
        if isinstance(node, ast.Object) and rest[:1] == (KEYS,):
            for member in node.members:
                if isinstance(member, ast.Property) and isinstance(member.key, str):
                    base.hide_key(member)
        parts = None
    else:
        parts = variable_of(node, scope, rest)
        written = base.written(node, rest) if parts is None else None
        if written is not None:
            return written
    parts = parts or walk.parts_of(node, scope, rest)
    values = parts.values
    match parts.relation:
        case PartRelation.PROPERTY | PartRelation.LOOKUP:
            return ()
        case PartRelation.CONTENT:
            return values[1:]
    return (*values, *parts.keys)
