"""The problem matchers for the concise format read what kvlint really prints, coloured or not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from azkvlint.linter.rule_tests import expand

if TYPE_CHECKING:
    from tests.conftest import Run

pytestmark = pytest.mark.slow(8)

ROOT = Path(__file__).resolve().parents[2]
# What users of the format have been promised of built-in rules.
PROMISED = re.compile(r"^(.+?):(\d+):(\d+): (KV\d{3}) (error|warning|info) (.*)$")


@pytest.fixture
def lines(run: Run, tmp_path: Path) -> list[str]:
    """A report with findings of every level, a problem, and the line that counts them."""
    folder = tmp_path / "a: b:1:2: KV999 error"
    folder.mkdir()
    (folder / "plan.json").write_bytes(expand("azurerm_key_vault.kv: {name: kv}"))
    (folder / "broken.tf").write_text('resource "azurerm_key_vault" "b" {', encoding="utf-8")
    ran = run(folder, "--profile", "all", "-f", "concise", cwd=tmp_path)
    assert ran.code == 3
    return ran.out.splitlines()


def colored(line: str) -> str:
    """A line as a program might colour it that runs kvlint."""
    path, number, column, rest = line.split(":", 3)
    code, level, text = rest[1:].split(" ", 2)
    return (
        f"\x1b[1m{path}\x1b[0m:{number}:{column}\x1b[36m:\x1b[0m \x1b[1;31m{code}\x1b[0m \x1b[33m{level}\x1b[0m "
        f"{text}\x1b[0m"
    )


@pytest.mark.parametrize("shown", [str, colored])
def test_githubs_matcher_reads_every_line_but_the_last(lines: list[str], shown: Callable[[str], str]) -> None:
    matchers = json.loads((ROOT / ".github" / "kvlint-matcher.json").read_text(encoding="utf-8"))["problemMatcher"]
    *told, summary = lines
    levels = set()
    for line in told:
        tried = [(one, re.search(one["pattern"][0]["regexp"], shown(line))) for one in matchers]
        ((matcher, match),) = [(one, match) for one, match in tried if match is not None]
        said = {name: match[group] for name, group in matcher["pattern"][0].items() if name != "regexp"}
        # GitHub knows no "info", so the lines of that level have a matcher with a level of its own.
        level = said.get("severity", "info")
        assert matcher.get("severity", "notice") == "notice"
        assert f"{said['file']}:{said['line']}:{said['column']}: {said['code']} {level} {said['message']}" == line
        levels.add(level)
    assert levels == {"error", "warning", "info"}
    assert not any(re.search(one["pattern"][0]["regexp"], summary) for one in matchers)


def test_a_path_cannot_forge_a_line(lines: list[str]) -> None:
    paths = {match[1] for line in lines if (match := PROMISED.match(line)) is not None}
    assert paths == {r"a\x3a b\x3a1\x3a2\x3a KV999 error/plan.json"}


def test_pattern_for_editors_in_the_documentation_matches_every_line(lines: list[str]) -> None:
    docs = (ROOT / "docs" / "editors.md").read_text(encoding="utf-8")
    (pattern,) = set(re.findall(r'"regexp": "(.*?)"', docs))
    editors = re.compile(json.loads(f'"{pattern}"'))
    assert [editors.match(line) is not None for line in lines] == [True] * (len(lines) - 1) + [False]
    assert all(editors.match(line) is not None for line in lines if PROMISED.match(line))
