"""Find out what a call in a template refers to, and what is at a path in the JSON of a template."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from azkvlint.model.value import Path
from azkvlint.readers.deployment.documents import Sections, key_of, member
from azkvlint.syntax import ast
from azkvlint.syntax.json_decoder import Pointer
from azkvlint.values.paths import is_any, is_index, member_of

_SECTIONS = frozenset({"parameters", "variables"})


def declaration_of(node: ast.Node | None) -> tuple[str, str] | None:
    """Return the section and the name of what ``parameters()`` or ``variables()`` refers to; None for other nodes.

    The name is empty if it is an expression.
    """
    if not isinstance(node, ast.Call) or node.name.lower() not in _SECTIONS:
        return None
    first = node.arguments[0] if node.arguments else None
    return node.name.lower(), str(first.value) if isinstance(first, ast.Literal) else ""


def returns_keys(function: str) -> bool:
    """Return whether a function returns keys of a resource: ``listKeys()``."""
    return function.lower().startswith("list")


def path_in_outputs(rest: Path) -> Path | None:
    """Return where ``rest``, a path in the result of ``reference()``, leads in the outputs of a deployment.

    It is empty if all of them are included, and None if it leads elsewhere. A step that may lead to any member may lead
    to them.
    """
    after_any: Path | None = None
    for number, step in enumerate(rest):
        if is_any(step):
            after_any = rest[number + 1 :]
            continue
        name = member_of(step).lower()
        if name == "outputs":
            return rest[number + 1 :]
        if name != "properties":
            return after_any
    return ()


def variable_of(sections: Sections, name: str, rest: Path) -> tuple[Any, Pointer, Path] | None:
    """Return a variable as it is written, and the path in that to what is at ``rest``. Of a loop, it is any item."""
    key = name.lower()
    if key in sections.variables:
        return (*sections.variables[key], rest)
    loop, pointer = sections.loops.get(key, ({}, ()))
    spelled = key_of(loop, "input")
    if spelled is None:
        return None
    return loop[spelled], (*pointer, spelled), rest[1:] if rest and is_index(rest[0]) else rest


def values_below(plain: Any, at: Pointer, rest: Path) -> Iterator[tuple[Any, Pointer, Path]]:
    """Yield the members or items that the value at ``rest`` consists of, with their pointers, and the paths in them."""
    if isinstance(plain, dict):
        sought = None if not rest or is_any(rest[0]) else member_of(rest[0]).lower()
        for key, value in plain.items():
            if sought is None or key.lower() == sought:
                yield value, (*at, key), rest[1:]
            elif key.lower() == "copy":
                yield from _of_copies(value, (*at, key), sought, rest)
    elif isinstance(plain, list):
        below = rest[1:] if rest and is_index(rest[0]) else rest
        for number, value in enumerate(plain):
            yield value, (*at, number), below


def _of_copies(loops: Any, at: Pointer, sought: str, rest: Path) -> Iterator[tuple[Any, Pointer, Path]]:
    """Yield the inputs of the loops that make a member. That of an output, which is not in a list, is its value."""
    listed = [((*at, number), loop) for number, loop in enumerate(loops)] if isinstance(loops, list) else [(at, loops)]
    for pointer, loop in listed:
        key = key_of(loop, "input") if isinstance(loop, dict) else None
        name = "value" if pointer == at else str(member(loop, "name")).lower()
        if key is not None and name == sought:
            below = rest[2:] if rest[1:] and is_index(rest[1]) else rest[1:]
            yield loop[key], (*pointer, key), below
