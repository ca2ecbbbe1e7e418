"""The variables and parameters from which a value is computed: those of its expressions, not of strings or comments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from azkvlint.syntax import ast
from azkvlint.syntax.arm_expression import is_expression, parse_expression
from azkvlint.syntax.bicep.parse import parse
from azkvlint.syntax.json_decoder import decode_text
from azkvlint.util.errors import InputError

if TYPE_CHECKING:
    from azkvlint.syntax.hcl.parse import Body

_FROM_OUTSIDE = ("var", "local", "each")
_OF_TEMPLATE = ("parameters", "variables")
# Blank characters, and what separates attributes in an object.
_BETWEEN = " \t\r\n,"


def names_in(texts: Sequence[str], language: str, file: str) -> list[str] | None:
    """Return what values, or attributes with their names, are computed from; None if a text has no known syntax.

    ``file`` is the text that contains them.
    """
    found: dict[str, None] = {}
    for text in filter(None, (text.strip(_BETWEEN) for text in texts)):
        nodes = _NODES[language](text)
        if nodes is None:
            return None
        for node in nodes:
            found.update(dict.fromkeys(_NAMES[language](node, file)))
    return list(found)


def _in_terraform(text: str) -> list[ast.Node] | None:
    # Templates need no parser of Terraform, which takes longer to import than a small template to check.
    from azkvlint.syntax.hcl.expressions import parse_reference
    from azkvlint.syntax.hcl.parse import parse_file

    # In JSON, attributes are those of an object.
    node = parse_reference(text) or parse_reference(f"{{\n{text}\n}}")
    if node is not None:
        return [node]
    parsed = parse_file(text)
    nodes = list(_expressions(parsed.body))
    return None if parsed.faults or None in nodes else [one for one in nodes if one is not None]


def _expressions(body: Body) -> Iterator[ast.Expression | None]:
    for attribute in body.attributes.values():
        yield attribute.expression()
    for block in body.blocks:
        yield from _expressions(block.body)


def _names_in_terraform(node: ast.Node, _: str) -> Iterator[str]:
    from azkvlint.readers.terraform.folder import references_in

    for names in references_in(node):
        if names[0] in _FROM_OUTSIDE:
            yield ".".join(names[:2])


def _in_bicep(text: str) -> list[ast.Node] | None:
    for value in (text, f"{{\n{text}\n}}"):
        parsed = parse(f"var value = {value}\n")
        if not parsed.faults:
            return list(parsed.declarations)
    return None


def _names_in_bicep(node: ast.Node, file: str) -> Iterator[str]:
    for one in _within(node):
        if isinstance(one, ast.Name) and one.name in _variables_in(file):
            yield one.name


@lru_cache(16)
def _variables_in(text: str) -> frozenset[str]:
    """Return the names of the parameters and variables of a Bicep file, in which many fixes are made."""
    return frozenset(
        one.name for one in parse(text).declarations if isinstance(one, ast.ParameterDeclaration | ast.Variable)
    )


def _in_template(text: str) -> list[ast.Node] | None:
    for value in (text, f"{{{text}\n}}"):
        try:
            strings = _strings(decode_text(value).value)
            return [parse_expression(one[1:-1]) for one in strings if one and is_expression(one)]
        except InputError:
            continue
    return None


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in (*value, *value.values()):
            yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)


def _names_in_template(node: ast.Node, _: str) -> Iterator[str]:
    for one in _within(node):
        if isinstance(one, ast.Call) and one.name.lower() in _OF_TEMPLATE:
            for argument in one.arguments:
                yield str(argument.value) if isinstance(argument, ast.Literal) else one.name


def _within(node: ast.Node) -> Iterator[ast.Node]:
    """Yield a node and all nodes in it, in order."""
    waiting = [node]
    while waiting:
        here = waiting.pop()
        yield here
        waiting += ast.children(here)[::-1]


_NODES = {"terraform": _in_terraform, "bicep": _in_bicep, "arm": _in_template}
_NAMES = {"terraform": _names_in_terraform, "bicep": _names_in_bicep, "arm": _names_in_template}
