"""The record of the values of options: it repeats the table of options, for type checkers, and is written from it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import azkvlint
from azkvlint.config import options
from azkvlint.config.option import Option
from azkvlint.config.options import COMMANDS, OPTIONS
from azkvlint.util import project_files
from azkvlint.util.errors import TableError
from tests.conftest import RunResult

Run = Callable[..., RunResult]

RECORD = Path(azkvlint.__file__).parent / "config" / "option_values.py"
START = '''"""The values of options by their fields. This module is written by ``make samples``."""

from __future__ import annotations

import msgspec


class OptionValues(msgspec.Struct, frozen=True, kw_only=True):
    """The values of options, not validated, as ``data/options.yaml`` lists them."""

'''


def line_of(option: Option) -> str:
    """The field of an option."""
    if option.many or option.values > 1:
        return f"    {option.field}: tuple[str, ...] = ()\n"
    if option.takes_value:
        return f'    {option.field}: str = "{option.default}"\n'
    return f"    {option.field}: bool = False\n"


def lines() -> Iterator[str]:
    yield from dict.fromkeys(map(line_of, OPTIONS))


def test_the_record_has_the_fields_of_the_table(pytestconfig: pytest.Config) -> None:
    expected = START + "".join(lines())
    if pytestconfig.getoption("--write-expected"):
        RECORD.write_text(expected, encoding="utf-8")
    assert RECORD.read_text(encoding="utf-8") == expected


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("{names: [--day], metavr: DAY, help: A day.}", "unknown field `metavr` (did you mean 'metavar'?)"),
        ("{names: [--day], kind: dya, help: A day.}", "`kind`: 'dya' is none of text, "),
        ("{names: [--day], commands: all, help: A day.}", "Expected `array`, got `str` - at `$.commands`"),
        ("{help: A day.}", "missing required field `names`"),
    ],
)
def test_a_fault_of_a_row_names_its_line(monkeypatch: pytest.MonkeyPatch, row: str, fault: str) -> None:
    text = f"groups: {{none: []}}\npanels:\n  General:\n    - {{names: [--on], help: On.}}\n    - {row}\n"
    monkeypatch.setattr(project_files, "read_data", lambda _: text.encode())
    with pytest.raises(TableError) as caught:
        options.load_options()
    (said,) = caught.value.faults
    assert said.startswith("data/options.yaml:5:7: ")
    assert fault in said


@pytest.mark.skipif(not Path(__file__).parents[2].joinpath("src").is_dir(), reason="a wheel has no rows")
def test_a_row_without_its_field_names_the_step_that_adds_it(run: Run, installed: Path, tmp_path: Path) -> None:
    package = shutil.copytree(installed / "azkvlint", tmp_path / "copy" / "azkvlint")
    (package / "data" / "options.json").unlink(missing_ok=True)
    rows = package / "data" / "options.yaml"
    added = "  General:\n    - {names: [--new], metavar: WORD, help: New., commands: [check]}\n"
    rows.write_text(rows.read_text(encoding="utf-8").replace("  General:\n", added, 1), encoding="utf-8")
    environment = {"PYTHONPATH": str(package.parent)}
    assert "--new WORD" in run("check", "--help", env=environment).out
    for words in (["x.tf", "--new", "a"], ["x.tf", "--new=a", "-vq"]):
        done = run("check", *words, env=environment)
        assert done.code == 3
        assert "lacks a row of data/options.yaml (Run make samples.)" in done.err


def test_options_of_one_field_have_one_type() -> None:
    fields = [line.split(":")[0] for line in lines()]
    assert len(set(fields)) == len(fields)


def test_options_belong_to_known_commands() -> None:
    for option in OPTIONS:
        assert set(option.commands) <= set(COMMANDS), option.names
        assert set(option.configured or ()) <= set(option.commands), option.names


def test_each_panel_is_one_part_of_the_table() -> None:
    panels = [option.panel for option in OPTIONS]
    assert panels == sorted(panels, key=list(dict.fromkeys(panels)).index)
