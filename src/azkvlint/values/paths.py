"""Paths into the value of an expression: members by name, and items by key or of any index."""

from __future__ import annotations

from azkvlint.model.value import Path
from azkvlint.syntax import ast

# A step into any item of a list or map, into the keys of an object, and the start of a step by key.
ANY, KEYS, _KEYED = "[*]", "[keys]", "["
# Before the key of an instance, which selects an item but does not describe its value.
_OF_INSTANCE = "\0"


def item_of_instance(key: str) -> str:
    """Return the step into the item of a map that an instance of ``for_each`` is for."""
    return f"{_KEYED}{_OF_INSTANCE}{key}]"


def step_of(index: ast.Expression) -> str:
    """Return the step into an item."""
    return f"{_KEYED}{index.value}]" if isinstance(index, ast.Literal) and isinstance(index.value, str) else ANY


def is_index(step: str | int) -> bool:
    """Return whether a step is an index, or a key in brackets."""
    return not isinstance(step, str) or step.startswith(_KEYED)


def is_any(step: str | int) -> bool:
    """Return whether a step may lead to any member."""
    return step == ANY or not isinstance(step, str)


def member_of(step: str | int) -> str:
    """Return the name or key of the member that a step leads to."""
    text = str(step)
    return text[1:-1].removeprefix(_OF_INSTANCE) if text.startswith(_KEYED) else text


def name_of(step: str | int) -> str:
    """Return what a step indicates about the value: its name or key, nothing for the key of an instance."""
    name = str(step).strip("[]")
    return ANY.strip("[]") if name.startswith(_OF_INSTANCE) else name


def names_of(path: Path) -> tuple[str, ...]:
    """Return the steps of a path without indexes."""
    return tuple(str(step) for step in path if not is_index(step))


def without_indexes(path: Path) -> Path:
    """Return a path without the indexes at its start, such as that of an instance."""
    start = next((number for number, step in enumerate(path) if not is_index(step)), len(path))
    return path[start:]


def path_of(node: ast.Node) -> tuple[str, ...]:
    """Return the steps of a path such as ``data.a.b["k"].c``, including indexes; empty if it is not a path."""
    names: list[str] = []
    current = node
    while not isinstance(current, ast.Name):
        match current:
            case ast.Member(of=of, name=name):
                names.append(name)
                current = of
            case ast.Item(of=of, index=index):
                names.append(step_of(index))
                current = of
            case ast.NotNull(of=of):
                current = of
            case ast.Splat(of=of, each=each):
                names += reversed((ANY, *path_of(each)[1:]))
                current = of
            case _:
                return ()
    return (current.name, *reversed(names))


def part_at(node: ast.Expression, rest: Path) -> ast.Node:
    """Return the member of a literal object to which a path leads, or the innermost object around it."""
    innermost: ast.Node = node
    current = node
    for step in rest:
        name = member_of(step)
        members = current.members if isinstance(current, ast.Object) else ()
        member = next((entry for entry in members if isinstance(entry, ast.Property) and entry.key == name), None)
        if member is None:
            break
        innermost, current = member, member.value
    return innermost
