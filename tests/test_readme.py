"""What the README shows of kvlint's output is what kvlint prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
OUTPUT = re.compile(r"<!-- output:(?P<name>[\w./-]+) -->\n(?P<shown>.*?)<!-- /output -->", re.DOTALL)


def shown(name: str) -> str:
    """The README's block for an input in the samples: the command and all that it prints."""
    printed = (ROOT / "samples" / f"{name}.expected.txt").read_text(encoding="utf-8")
    return f"```console\n$ kvlint samples/{name}\n{printed}```\n"


def fresh(block: re.Match[str]) -> str:
    return f"<!-- output:{block['name']} -->\n{shown(block['name'])}<!-- /output -->"


def test_output_is_the_samples_own(pytestconfig: pytest.Config) -> None:
    text = README.read_text(encoding="utf-8")
    if pytestconfig.getoption("--write-expected"):
        text = OUTPUT.sub(fresh, text)
        README.write_text(text, encoding="utf-8")
    blocks = {block["name"]: block["shown"] for block in OUTPUT.finditer(text)}
    assert blocks == {name: shown(name) for name in ("careless/main.tf",)}
