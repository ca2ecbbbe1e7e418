"""What CONTRIBUTING.md says of the package is what holds."""

from __future__ import annotations

import tomllib
from pathlib import Path

TOP = Path(__file__).parents[1]


def test_it_shows_the_layers_as_they_are_held() -> None:
    held = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]["layers"]
    table = (TOP / "CONTRIBUTING.md").read_text().partition("```\n__main__")[2].partition("```")[0]
    names = "\n".join(line.partition("  ")[0] for line in f"__main__{table}".splitlines())
    assert names.replace("|\n", "| ").splitlines() == held
