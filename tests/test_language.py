"""The docstrings, comments and names of the package are plain technical English.

String literals other than docstrings are not checked here.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "azkvlint"
DONE = (
    "__main__.py", "azure", "cli", "config", "derived", "engine", "evaluation", "graph", "linter", "model", "readers",
    "syntax", "util",
)  # fmt: skip
"""The rooms whose docstrings, comments and names are held to the list."""

# Words without a meaning of their own in code, each with what to write instead.
WORDS = {
    "told": "reported",
    "tells": "reports, states",
    "said": "reported, stated, or the noun",
    "says": "states",
    "whoever": "the principal, the user",
    "somebody": "a principal, a user",
    "nobody": "no principal, no caller",
    "anybody": "any principal",
    "everybody": "all users",
    "heed": "respect",
    "heeds": "respects",
    "heeded": "respected",
    "judge": "check, evaluate",
    "judges": "checks, evaluates",
    "judged": "checked, evaluated",
    "judging": "checking, evaluating",
    "ask": "check, require, request",
    "asks": "checks, requires, requests",
    "asked": "checked, required, requested",
    "asking": "checking, requesting",
    "want": "require, expect",
    "wants": "requires, expects",
    "wanted": "expected, operand",
    "gives": "returns, grants",
    "reckon": "compute",
    "reckoned": "computed",
    "mend": "fix",
    "mends": "fixes",
    "anew": "again",
}
# Literal translations, for docstrings and comments.
PHRASES = {
    r"hangs? on": "depends on",
    r"at hand": "available",
    r"made anew|brought back": "recreated, recovered",
    r"by heart": "built-in support for",
    r"switched off": "disabled",
    r"stands? in|stand-ins?|stands? there": "is in, default",
    r"(?<!there )(?:is|are|was|were) no (?!longer\b|more\b|other\b|such\b)\w+": "is not a",
    r"not whole": "incomplete",
    r"open questions?|unknown questions?": "unknown result",
    r"asks? for|gives? back|takes? in": "requires, returns, adds",
    r"moment of the run": "apply time",
    r"made ahead": "allocated in advance",
    r"as many as pay": "automatic",
    r"something that is|somebody else": "the noun",
    r"makes? no sense": "is invalid",
}
_WORD = re.compile(rf"\b(?:{'|'.join(WORDS)})\b", re.IGNORECASE)
_PHRASE = re.compile("|".join(rf"\b(?:{phrase})\b" for phrase in PHRASES), re.IGNORECASE)
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def docstrings(tree: ast.Module) -> list[tuple[int, str]]:
    """Return the docstrings of modules, classes, functions and attributes, with their lines."""
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    constants = [node.value for node in statements if isinstance(node.value, ast.Constant)]
    return [(node.lineno, node.value) for node in constants if isinstance(node.value, str)]


def comments(source: str) -> list[tuple[int, str]]:
    """Return the comments, with their lines."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]


def names(tree: ast.Module) -> list[tuple[int, str]]:
    """Return the names that a module defines: uses of names from other rooms are not its own."""
    found: list[tuple[int, str | None]] = []
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.ExceptHandler():
                found.append((node.lineno, node.name))
            case ast.MatchAs() | ast.MatchStar():
                found.append((node.lineno, node.name))
            case ast.MatchMapping():
                found.append((node.lineno, node.rest))
            case ast.arg():
                found.append((node.lineno, node.arg))
            case ast.Name(ctx=ast.Store()):
                found.append((node.lineno, node.id))
            case ast.Attribute(ctx=ast.Store()):
                found.append((node.lineno, node.attr))
            case ast.Import() | ast.ImportFrom():
                found += [(node.lineno, alias.asname) for alias in node.names]
    return [(line, name) for line, name in found if name is not None]


def faults(source: str) -> list[str]:
    """Return ``line: word`` for each word of the lists in docstrings, comments and names."""
    tree = ast.parse(source)
    prose = [(line, " ".join(text.split())) for line, text in (*docstrings(tree), *_joined(comments(source)))]
    reported = [(line, match[0]) for line, text in prose for match in (*_WORD.finditer(text), *_PHRASE.finditer(text))]
    for line, name in names(tree):
        reported += [(line, name) for part in _PART.findall(name) if part.lower() in WORDS]
    return [f"{line}: {word}" for line, word in sorted(set(reported))]


def _joined(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return comments with consecutive lines as one text, since a phrase may be split over two lines."""
    blocks: list[tuple[int, int, str]] = []
    for line, text in lines:
        if blocks and blocks[-1][1] == line - 1:
            start, _, before = blocks.pop()
            blocks.append((start, line, f"{before} {text.removeprefix('#').strip()}"))
        else:
            blocks.append((line, line, text))
    return [(start, text) for start, _, text in blocks]


@pytest.mark.parametrize("room", DONE)
def test_docstrings_comments_and_names_are_plain_english(room: str) -> None:
    path = PACKAGE / room
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    reported = [f"{file.relative_to(PACKAGE)}:{fault}" for file in files for fault in faults(file.read_text("utf-8"))]
    assert files
    assert not reported, "\n".join(reported)


@pytest.mark.parametrize(
    "source",
    [
        '"""What a user is told."""',
        "x = 1  # nobody asked",
        "# a value that\n# hangs on another",
        'def f():\n    """Return None if it is no list."""',
        'X = 1\n"""Reckoned of every vault."""',
        "def told(x): ...",
        "def f(what_was_asked): ...",
        "class Judge: ...",
        "wantedValue = 1",
        "import os as somebody",
    ],
)
def test_a_word_of_the_lists_is_a_fault(source: str) -> None:
    assert faults(source)


@pytest.mark.parametrize(
    "source",
    [
        '"""Report it. There is no rule; it is no longer checked."""',
        'x = "nobody is told"',
        "x.told(asked=1)",
        "task, mask, basket = 1, 2, 3  # multitasking, recommended",
    ],
)
def test_plain_text_and_strings_are_no_fault(source: str) -> None:
    assert not faults(source)
