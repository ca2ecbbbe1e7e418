"""The distribution is called azkvlint: kvlint on PyPI is another project, and no text may tell anyone to install it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from azkvlint import PROJECT

ROOT = Path(__file__).parents[1]
# A command that installs the other project, or azkvlint before it is published.
INSTALLS = re.compile(
    r"""(?:pipx?|uv|uvx|poetry|pdm)\s+(?:tool\s+)?(?:pip\s+)?(?:install|add|run|inject)?\s*(?:-\S+\s+)*['"]?(?:az)?kvlint\b"""
    r"""(?!(?:\[\w+\])?\s*@)|uvx\s+(?:az)?kvlint\b|\bkvlint\[\w+\]"""
)
TEXTS = (".md", ".py", ".toml", ".yml", ".yaml", ".html", ".js", ".css", ".txt")
# These lines are about the commands themselves.
EXCEPT = {"tests/test_distribution.py"}


def texts() -> list[Path]:
    folders = [ROOT / name for name in ("src", "docs", "rules", "samples", "tests", ".github", "benchmarks")]
    files = [file for folder in folders for file in folder.rglob("*") if file.suffix in TEXTS and file.is_file()]
    files += (ROOT / "editors" / "vscode").glob("*.md")
    return [*files, *(file for file in ROOT.iterdir() if file.suffix in TEXTS and file.is_file())]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("pip install kvlint", True),
        ("pip install 'kvlint[watch]'", True),
        ("pipx install --force azkvlint", True),
        ("uv tool install kvlint", True),
        ("uvx azkvlint plan.json", True),
        ("pip install azkvlint", True),
        ("pip install 'azkvlint @ git+https://example.com/kvlint'", False),
        ("pip install --editable .", False),
        ("run `pip install watchfiles`", False),
        ("kvlint plan.json", False),
    ],
)
def test_install_commands_are_recognized(text: str, is_one: bool) -> None:
    assert bool(INSTALLS.search(text)) is is_one


def test_no_text_installs_a_package_of_that_name() -> None:
    found = [
        f"{file.relative_to(ROOT)}: {match[0]}"
        for file in texts()
        if file.relative_to(ROOT).as_posix() not in EXCEPT
        for match in INSTALLS.finditer(file.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []


def test_distribution_has_its_name_and_address() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == "azkvlint"
    assert project["scripts"] == dict.fromkeys(("kvlint", "azkvlint"), "azkvlint.__main__:run_and_exit")
    assert all(url.startswith(PROJECT) for url in project["urls"].values())
    if (ROOT / "mkdocs.yml").exists():
        assert PROJECT in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
