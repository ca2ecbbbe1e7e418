"""The texts of the derived, azure and graph rooms that reach users: notes, reasons of unknown values, and labels."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from azkvlint.derived.dates import expiry_note
from azkvlint.derived.registry import labels
from tests.test_language import _PHRASE, _WORD, PACKAGE

ROOMS = ("azure", "derived", "graph")
# The data sheet of secret formats contains words of placeholders in several languages.
MODULES = [
    path
    for room in ROOMS
    for path in sorted((PACKAGE / room).rglob("*.py"))
    if path.name != "secret_formats.py"
]  # fmt: skip
# A text names its subject.
_NO_SUBJECT = re.compile(r"(?:it|its|what|which|whether|whose|who|where|one|nobody|somebody)\b", re.IGNORECASE)
# The words after the head of a label.
_AFTER_HEAD = re.compile(r" (?:of|in|on|for|with|from|that|computed|until|beyond)\b")
_LABEL = re.compile(r"(?!(?:a|an|the|is|are|whether|what|which)\b)[A-Za-z_][\w -]*")


def texts(source: str) -> Iterator[tuple[int, str]]:
    """Yield the string literals with a space, except docstrings, with their lines. A hole in an f-string is "`x`"."""
    tree = ast.parse(source)
    seen = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in (node for node in ast.walk(tree) if isinstance(node, ast.expr)):
        text = ""
        if isinstance(node, ast.JoinedStr):
            seen |= {id(part) for part in node.values}
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "`x`" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in seen:
            text = node.value
        if " " in text.strip():
            yield node.lineno, text


def faults(source: str) -> list[str]:
    """Return the texts with a word of the list, or without a subject."""
    return [
        f"line {line}: {text}"
        for line, text in texts(source)
        if _WORD.search(text) or _PHRASE.search(text) or _NO_SUBJECT.match(text)
    ]


def test_faults_are_found() -> None:
    lines = ("'it is a docstring'", 'WHY = f"{name} is told"', 'NOTE = "it expires today"', 'OK = f"expires {day}"')
    source = "\n".join(lines)
    assert faults(source) == ["line 2: `x` is told", "line 3: it expires today"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_texts_are_plain_and_have_a_subject(path: Path) -> None:
    assert faults(path.read_text()) == []


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (-2, "expired on 2026-12-15 (2 days ago)"),
        (-1, "expired on 2026-12-15 (1 day ago)"),
        (0, "expires on 2026-12-15 (today)"),
        (1, "expires on 2026-12-15 (in 1 day)"),
        (14, "expires on 2026-12-15 (in 14 days)"),
    ],
)
def test_expiry_note_is_in_words(days: int, expected: str) -> None:
    assert expiry_note("2026-12-15", days) == expected


def test_labels_are_noun_phrases() -> None:
    found = labels().values()
    assert [label for label in found if not _LABEL.fullmatch(label)] == []
    heads = {label: _AFTER_HEAD.split(label)[0] for label in found}
    plurals = [label for label, head in heads.items() if head.endswith("s") and not head.endswith(("ss", "_changes"))]
    assert plurals == []
