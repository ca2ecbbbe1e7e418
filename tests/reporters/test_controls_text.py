"""An assessment for people: within its width, coloured only where that is asked for, and harmless for a terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from azkvlint.config.run_config import Config
from azkvlint.linter.controls import assess
from azkvlint.linter.rule_tests import expand
from azkvlint.model.framework import Assessment
from azkvlint.reporters import Options
from azkvlint.reporters.controls import CONTROLS_REPORTERS

COLOR = re.compile("\x1b\\[[0-9;]*m")
NAME = "kv\x1b[2J\u202e::set-output"


@pytest.fixture
def assessment(tmp_path: Path) -> Assessment:
    file = tmp_path / "plan.json"
    file.write_bytes(expand(f'azurerm_key_vault.kv: {{name: "{NAME.encode("unicode_escape").decode()}"}}'))
    return assess(Config(paths=(str(file),), with_controls=True, as_of="2026-11-01"), ["key-vault"])


def text(assessment: Assessment, options: Options) -> str:
    said = CONTROLS_REPORTERS["text"](assessment, options)
    assert isinstance(said, str)
    return said


def test_color_adds_nothing_but_color(assessment: Assessment) -> None:
    plain = text(assessment, Options(terminal=True, width=80))
    colored = text(assessment, Options(terminal=True, width=80, color=True))
    assert COLOR.search(plain) is None
    assert COLOR.search(colored) is not None
    assert COLOR.sub("", colored) == plain


@pytest.mark.parametrize(("width", "widest"), [(60, 60), (100, 100), (300, 120), (10, 40)])
def test_lines_fit_the_width_of_the_terminal(width: int, widest: int, assessment: Assessment) -> None:
    lines = text(assessment, Options(terminal=True, width=width)).splitlines()
    # What is not wrapped are titles of rows, and words that are longer than a line.
    wrapped = [line for line in lines if line.startswith(" " * 17)]
    assert all(len(line) <= widest or len(line.split()) == 1 for line in wrapped)
    assert any(len(line) > widest - 20 for line in wrapped)


def test_a_pipe_is_80_wide_and_has_the_words_of_a_terminal(assessment: Assessment) -> None:
    pipe = text(assessment, Options(width=300))
    assert pipe == text(assessment, Options(width=40))
    assert 70 < max(map(len, pipe.splitlines())) <= 80
    terminal = text(assessment, Options(terminal=True, width=80)).replace("\u2022", "")
    assert pipe.split() == terminal.split()


@pytest.mark.parametrize("form", CONTROLS_REPORTERS)
def test_report_contains_no_terminal_commands(form: str, assessment: Assessment) -> None:
    said = CONTROLS_REPORTERS[form](assessment, Options())
    shown = said.decode() if isinstance(said, bytes) else said
    assert "\x1b" not in shown
    assert "\u202e" not in shown
