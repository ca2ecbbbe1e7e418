"""Recognize literals and references in the text of a value, and count where a variable is used."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from azkvlint.syntax import ast
from azkvlint.syntax.bicep.parse import parse
from azkvlint.util.lazy_regex import regex

_PLAIN = regex(r"""true|false|null|-?\d+(?:\.\d+)?|"[^"\\$%{}\[\]\n]*+"|'[^'\\$\n]*+'""")
# A list or object of plain values. Anything with other names, calls or operators is computed.
_PARTS = regex(
    r"""(?:[\s\[\]{},:=]|//[^\n]*|\#[^\n]*|true\b|false\b|null\b|-?\d+(?:\.\d+)?\b|"[^"\\$%{}\[\]\n]*+"|'[^'\\$\n]*+'
    |[A-Za-z_]\w*[ \t]*+[:=](?!=))*+""".replace("\n    ", "")
)
_TERRAFORM = regex(r'(?:"\$\{\s*)?(var|local|each)\.((?:[\w-]+\.)*)([\w-]+)(?:\s*\}")?')
_BICEP = regex(r"()()([A-Za-z_]\w*)")
_ARM = regex(r"\"\[\s*(parameters|variables)\(\s*()'([^']+)'\s*\)\s*\]\"", 2)
_CONSTANTS = frozenset({"true", "false", "null"})


class Reference(NamedTuple):
    """A value that is a variable, local, parameter or item of a loop and nothing else.

    ``kind`` is the word before the name, empty in Bicep. ``is_part``: the value is a part of that object.
    """

    kind: str
    name: str
    is_part: bool = False


def is_literal(text: str) -> bool:
    """Return whether the text of a value contains neither references nor calculations."""
    text = text.strip()
    return bool(_PLAIN.fullmatch(text)) or (text[:1] in ("[", "{") and bool(_PARTS.fullmatch(text)))


def reference_in(text: str, path: str) -> Reference | None:
    """Return the reference that is the whole text of a value in the file ``path``; None for other expressions."""
    lower = path.lower()
    is_template = lower.endswith((".json", ".jsonc")) and not lower.endswith((".tf.json", ".tofu.json"))
    pattern = _BICEP if lower.endswith(".bicep") else _ARM if is_template else _TERRAFORM
    match = pattern.fullmatch(text.strip())
    if match is None or match[3] in _CONSTANTS:
        return None
    return Reference(match[1], match[3], is_part=bool(match[2]) or match[1] == "each")


def uses(reference: Reference, path: str, texts: Iterable[str]) -> int:
    """Return how often a variable is used in the texts of its module. Outside of Bicep, comments count too."""
    name = re.escape(reference.name)
    if path.lower().endswith(".bicep"):
        return sum(_uses_in_bicep(reference.name, text) for text in texts)
    if reference.kind in ("parameters", "variables"):
        pattern = re.compile(rf"\b{reference.kind}\(\s*'{name}'\s*\)", re.IGNORECASE)
    elif reference.is_part:
        pattern = re.compile(rf"\.{name}\b")
    else:
        pattern = re.compile(rf"\b{reference.kind}\.{name}\b")
    return sum(len(pattern.findall(text)) for text in texts)


def _uses_in_bicep(name: str, text: str) -> int:
    nodes: list[ast.Node] = list(parse(text).declarations)
    count = 0
    while nodes:
        node = nodes.pop()
        count += isinstance(node, ast.Name) and node.name == name
        nodes += ast.children(node)
    return count
