"""The script that compares two installations: it reports what differs, and nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow(8)

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "compare_verdicts.py"
DYING = """

sound = main


def main() -> int:
    import os

    return os._exit(9) if sys.argv[1] == "a.json" else sound()
"""
VAULT = 'resource "azurerm_key_vault" "kv" {\n  name = "kv-prod"\n}\n'


@pytest.fixture
def changed(tmp_path: Path, installed: Path) -> Path:
    """A copy of the package, to be changed."""
    shutil.copytree(installed / "azkvlint", tmp_path / "changed" / "azkvlint")
    return tmp_path / "changed"


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    folder = tmp_path / "inputs"
    (folder / "root").mkdir(parents=True)
    (folder / "root" / "main.tf").write_text(VAULT)
    (folder / "root" / "notes.txt").write_text("x")
    (folder / "a.json").write_text("{")
    (folder / "b.json").write_text("{")
    return folder


def change_rule(package: Path, id_: str, **fields: Any) -> None:
    file = package / "azkvlint" / "rules" / "compiled.json"
    rules = json.loads(file.read_text())
    (rule,) = (rule for rule in rules if rule["id"] == id_)
    rule |= fields
    file.write_text(json.dumps(rules))


def compare(before: Path, after: Path, *words: str | Path) -> tuple[int, list[str]]:
    command = [sys.executable, SCRIPT, "--before", before, "--after", after, "--jobs", "1", *words]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=300)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize("words", [[], ["--bytes"]])
def test_equal_installations_do_not_differ(installed: Path, changed: Path, inputs: Path, words: list[str]) -> None:
    version = changed / "azkvlint" / "__init__.py"
    version.write_text(version.read_text().replace("0.1.0", "99.0.0"))
    assert compare(installed, changed, inputs, *words) == (0, ["4 inputs: 0 differ, in 0 ways"])


def test_verdicts_that_differ(installed: Path, changed: Path, inputs: Path) -> None:
    change_rule(changed, "KV001", id="KV999")
    change_rule(changed, "KV101", message="Another message on '{resource}'.")
    code, lines = compare(installed, changed, inputs)
    assert code == 1
    # The input is the folder of the root module, and once more the folder around it.
    text = "\n".join(lines)
    for group, place in (
        ("2 x KV001: findings -> none", "root: azurerm_key_vault.kv at root/main.tf:1"),
        ("2 x KV999: none -> findings", "root: azurerm_key_vault.kv at root/main.tf:1"),
        ("2 x KV101: message, occurrences", "root: azurerm_key_vault.kv at root/main.tf:1"),
        ("4 x rules: only before", 'a.json: "KV001"'),
    ):
        assert f"{group}\n" in text
        assert place in text
    assert lines[-1].startswith("4 inputs: 4 differ")


def test_bytes_that_differ(installed: Path, changed: Path, inputs: Path) -> None:
    change_rule(changed, "KV101", message="Another message on '{resource}'.")
    code, lines = compare(installed, changed, inputs, "--bytes")
    assert code == 1
    text = "\n".join(lines)
    for name in ("text", "concise", "junit", "gitlab"):
        assert f"2 x {name}: other bytes\n" in text
    assert "-root/main.tf:1:1: high[KV101]" in text
    assert "graph" not in text


def test_crashed_installation_is_reported_and_the_rest_is_compared(
    installed: Path, changed: Path, inputs: Path
) -> None:
    with (changed / "azkvlint" / "__main__.py").open("a") as file:
        file.write(DYING)
    code, lines = compare(installed, changed, inputs)
    assert code == 1
    assert lines[0].endswith("1 x exit codes 3 -> the process ended with 9")
    assert lines[-1].startswith("4 inputs: 1 differ")
