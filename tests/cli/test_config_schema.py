"""The JSON Schema of configuration files: it is fresh, and says what their reader takes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import azkvlint
from azkvlint.cli.schema import schema
from azkvlint.config.config_file import KEYS, OVERRIDE_KEYS, read_file

if TYPE_CHECKING:
    from tests.conftest import Run

SHIPPED = Path(azkvlint.__file__).with_name("kvlint.schema.json")
DOCUMENT: dict[str, Any] = json.loads(schema())
# A value of each type, as TOML writes it.
VALUES = {"boolean": "true", "integer": "1", "array": '["x"]', "string": '"x"', "object": "{KV003 = {minimum = 1}}"}


def test_shipped_schema_of_the_configuration_is_current(pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("--write-expected"):
        SHIPPED.write_bytes(schema())
    assert SHIPPED.read_bytes() == schema()


def test_command_prints_the_schema_of_the_configuration(run: Run) -> None:
    said = run("schema")
    assert (said.code, said.out.encode(), said.err) == (0, schema(), "")


def test_schema_lists_the_settings_that_the_reader_accepts() -> None:
    assert set(DOCUMENT["properties"]) == {*KEYS, "override"}
    assert set(DOCUMENT["properties"]["override"]["items"]["properties"]) == set(OVERRIDE_KEYS)
    assert DOCUMENT["additionalProperties"] is False


@pytest.mark.parametrize("key", sorted(KEYS))
def test_reader_accepts_exactly_the_types_of_the_schema(tmp_path: Path, key: str) -> None:
    file = tmp_path / "kvlint.toml"
    named = DOCUMENT["properties"][key]["type"]
    for type_, value in VALUES.items():
        file.write_text(f"{key} = {value}\n", encoding="utf-8")
        read = read_file(str(file), is_explicit=True)
        assert read is not None
        assert set(read.values) == ({KEYS[key].field} if type_ == named else set())
        assert [f":1:1: {key} must be " in error.message for error in read.errors] == [True] * (type_ != named)


def test_package_contains_the_schema_of_the_configuration() -> None:
    code = "import importlib.resources as r; print(r.files('azkvlint').joinpath('kvlint.schema.json').is_file())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "True"


@pytest.mark.parametrize("page", ["configuration.md", "suppressions.md"])
def test_configuration_examples_in_the_documentation_are_valid(tmp_path: Path, page: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / page).read_text(encoding="utf-8")
    shown = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert shown
    for number, block in enumerate(shown):
        file = tmp_path / f"{number}.toml"
        file.write_text(block, encoding="utf-8")
        read = read_file(str(file), is_explicit=True)
        assert read is not None
        assert read.values or read.overrides
        assert not read.errors
        assert not [override.fault for override in read.overrides if override.fault]
