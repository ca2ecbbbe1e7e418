"""ARCHITECTURE.md names what exists: every room, and no path or module that is not there."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

TOP = Path(__file__).parents[1]
PACKAGE = TOP / "src" / "azkvlint"
TEXT = (TOP / "ARCHITECTURE.md").read_text(encoding="utf-8")
LAYERS = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]["layers"]
ROOMS = [room for layer in LAYERS for room in layer.split(" | ") if room != "__main__"]


def test_it_shows_the_layers_of_the_import_contract() -> None:
    table = TEXT.partition("```\n__main__")[2].partition("```")[0]
    names = [re.split(r" {2,}", line)[0] for line in f"__main__{table}".splitlines()]
    assert names == LAYERS


def test_each_room_has_a_paragraph_with_an_invariant() -> None:
    sections = dict(re.findall(r"^### (\w+)\n\n(.*?)(?=^##)", TEXT, re.MULTILINE | re.DOTALL))
    assert list(sections) == ROOMS
    assert sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py")) == sorted(ROOMS)
    assert [room for room, section in sections.items() if "\n**Invariant:** " not in section] == []


def test_every_path_that_it_names_exists() -> None:
    paths = set(re.findall(r"(?<![\w/])[\w.-]+(?:/[\w.-]*)*(?:\.py|\.md|\.toml|/)(?![\w/])", TEXT))
    assert len(paths) > 40
    assert [path for path in sorted(paths) if not ((TOP / path).exists() or (PACKAGE / path).exists())] == []


def test_it_is_short_enough_to_be_read() -> None:
    assert len(TEXT.splitlines()) <= 210


MODULES = {file.relative_to(PACKAGE): file.read_text(encoding="utf-8") for file in PACKAGE.rglob("*.py")}


def test_modules_and_rooms_have_a_limited_length() -> None:
    lines = {path: len(text.splitlines()) for path, text in MODULES.items()}
    assert {path: count for path, count in lines.items() if count > 700} == {}
    for room in ROOMS:
        assert sum(count for path, count in lines.items() if path.parts[0] == room) <= 0.3 * sum(lines.values())


def test_functions_are_short() -> None:
    functions = (
        (path, node)
        for path, text in MODULES.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    assert [(path, node.name) for path, node in functions if (node.end_lineno or 0) - node.lineno >= 60] == []
