"""Where a template reads Key Vault with an API version of its own: a change of a declaration does not change these.

Sources: learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-resource (``reference``,
``list*``) and learn.microsoft.com/azure/azure-resource-manager/bicep/existing-resource.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache

from azkvlint.fixes.checkout import contains
from azkvlint.readers.discover import JSON
from azkvlint.syntax import ast
from azkvlint.syntax.arm_expression import is_expression, parse_expression
from azkvlint.syntax.bicep.parse import parse
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex

_KEY_VAULT = "microsoft.keyvault/"
_VERSION = regex(r"\d{4}-\d\d-\d\d(?:-preview)?")
_STRING = regex(r'"\[(?:[^"\\\n]|\\.)*+"')
# A variable with the ID of a vault, a key or a secret.
_VARIABLE = regex(r'"([\w-]+)"\s*+:\s*+"\[[^"\n]*Microsoft\.KeyVault/', 2)
_READ = regex(r"\b(?:reference|list\w*)\s*\(", 2)
# What a Bicep file with a read contains: to parse it takes longer than the edit, and so does the expression.
_WORDS_OF_READS = ("existing", "reference", "list")
_MAY_READ = regex(r"\b(?:existing\b|reference\b|list)", 2)
_MOST = 3


def also_read(path: str, text: str, before: str) -> str:
    """Return a clause that names the reads with an API version before another one; empty if there are none."""
    found: dict[str, list[int]] = {}
    for version, start in _reads_in(path[path.rfind(".") :].lower(), text):
        if version[: len(before)] < before:
            found.setdefault(version, []).append(text.count("\n", 0, start) + 1)
    parts = []
    for version, lines in found.items():
        places = [f"{path}:{line}" for line in sorted(lines)]
        more = [f"{len(places) - _MOST} more"] if len(places) > _MOST else []
        *first, last = [*places[:_MOST], *more]
        listed = f"{', '.join(first)} and {last}" if first else last
        parts.append(f"with API version {version} at {listed}")
    return f"Key Vault is also read {', and '.join(parts)}" if parts else ""


# A file is searched for each of its vaults.
@lru_cache(16)
def _reads_in(ending: str, text: str) -> list[tuple[str, int]]:
    """Return the API versions of the reads in a file with an ending, with their offsets, in order."""
    reads = _in_bicep(text) if ending == ".bicep" else _in_template(text) if ending in JSON else ()
    return sorted(set(reads))


def _in_bicep(text: str) -> Iterator[tuple[str, int]]:
    """Yield the API versions of existing resources and of functions in a Bicep file, with their offsets."""
    may_read = contains(text.lower(), _WORDS_OF_READS) and _MAY_READ.search(text) is not None
    nodes: list[ast.Node] = list(parse(text).declarations) if may_read else []
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.ResourceDeclaration) and node.existing and isinstance(node.type, ast.Literal):
            type_, _, version = str(node.type.value).partition("@")
            if type_.lower().startswith(_KEY_VAULT) and _VERSION.fullmatch(version):
                yield version, node.type.start
        yield from _of_call(node, frozenset())
        nodes += ast.children(node)


def _in_template(text: str) -> Iterator[tuple[str, int]]:
    """Yield the API versions of the functions in a template, with their offsets."""
    variables = frozenset(name.lower() for name in _VARIABLE.findall(text))
    for match in _STRING.finditer(text):
        if _READ.search(match[0]):
            for version in _in_string(match[0], variables):
                yield version, match.start()


# A template is searched for each of its vaults, and with the edits of others.
@lru_cache(4096)
def _in_string(text: str, variables: frozenset[str]) -> tuple[str, ...]:
    """Return the API versions of the functions in a string of a template."""
    try:
        value = json.loads(text)
        nodes: list[ast.Node] = [parse_expression(value[1:-1])] if is_expression(value) else []
    except (InputError, ValueError):
        return ()
    found: list[str] = []
    while nodes:
        node = nodes.pop()
        found += (version for version, _ in _of_call(node, variables))
        nodes += ast.children(node)
    return tuple(found)


def _of_call(node: ast.Node, variables: frozenset[str]) -> Iterator[tuple[str, int]]:
    """Yield the API version of a call of ``reference`` or ``list*`` for a resource of Key Vault, with its offset."""
    if not isinstance(node, ast.Call) or len(node.arguments) < 2:
        return
    of, version = node.arguments[:2]
    is_read = node.name.lower() == "reference" or node.name.lower().startswith("list")
    if is_read and isinstance(version, ast.Literal) and _VERSION.fullmatch(str(version.value)):
        nodes: list[ast.Node] = [of]
        while nodes:
            part = nodes.pop()
            word = str(part.value).lower() if isinstance(part, ast.Literal) else ""
            if word.startswith(_KEY_VAULT) or (word in variables and variables):
                yield str(version.value), node.start
                return
            nodes += ast.children(part)
