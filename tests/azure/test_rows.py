"""Rows of azurerm arguments: their form, their faults, and that a resource type needs nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from azkvlint.azure import row_reader
from azkvlint.azure.arm_defaults import PROPERTIES, ArmProperty, faults_of
from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.azure.azurerm.row_loader import load_rows, rows_of
from azkvlint.azure.azurerm.table import CompiledRows
from azkvlint.azure.services import SERVICES, Service
from azkvlint.linter.compile_package import compile_tables
from azkvlint.util.errors import TableError
from tests.conftest import RunResult

Run = Callable[..., RunResult]

HEAD = "source: the documentation\nresources:\n  azurerm_example:\n    type: Microsoft.Example/examples\n"
KINDS = "value, boolean, number, flag, link, links, wrap, block, blocks, unmapped"
ROWS = """\
source: the documentation of the provider
resources:
  azurerm_example_vault:
    type: Microsoft.KeyVault/vaults
    include: [placed]
    arguments:
      purge_guard: {path: properties.enablePurgeProtection, kind: boolean, default: false}
      soft_delete_days: {path: properties.softDeleteRetentionInDays, kind: number, default: 90, since: "4.2"}
"""
SOURCE = """\
resource "azurerm_example_vault" "a" {
  name                = "a"
  location            = "westeurope"
  resource_group_name = "rg"
  purge_guard         = %s
}
"""


def faults(text: str) -> tuple[str, ...]:
    with pytest.raises(TableError) as caught:
        rows_of([("t.yaml", text)])
    return caught.value.faults


def argument(row: str) -> str:
    return f"{HEAD}    arguments:\n      name: name\n      sku: {row}\n"


def test_the_rows_of_the_package_are_valid() -> None:
    rows = load_rows()
    assert rows.resources.keys() == RESOURCES.keys()
    assert all(RESOURCES[name].type for name in rows.resources)
    assert len(rows.resources) > 180


def test_a_wheel_has_the_same_rows() -> None:
    compiled = compile_tables()
    azurerm = msgspec.json.decode(compiled["data/azurerm.json"], type=CompiledRows)
    assert {name: azurerm.resource(name) for name in azurerm.types} == RESOURCES
    assert azurerm.types == {name: mapped.type for name, mapped in RESOURCES.items()}
    assert (
        msgspec.json.decode(compiled["data/arm_properties.json"], type=dict[str, dict[str, ArmProperty]]) == PROPERTIES
    )
    assert msgspec.json.decode(compiled["data/services.json"], type=dict[str, Service]) == SERVICES


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("{path: sku.name, defualt: 1}", "Object contains unknown field `defualt` (did you mean 'default'?)"),
        ("{path: sku.name, kind: text}", f"`kind`: 'text' is none of {KINDS}"),
        ("{path: sku name}", "`sku`: `path` must be a path such as properties.sku.name, not `sku name`"),
        ("{kind: value}", "`sku`: `path` must be a path such as properties.sku.name, not ``"),
        ("{path: sku, kind: unmapped}", "`sku`: an unmapped argument has no `path`"),
        ("{path: sku, kind: flag}", "`sku`: `words` is required for kind flag"),
        ("{path: sku, item: id}", "`sku`: `item` is not allowed for kind value"),
        ("{path: sku, constants: {a: 1}}", "`sku`: `constants` and `include` are not allowed for kind value"),
        ("{path: sku, kind: block}", "`sku`: a block needs rows such as `sku.argument`"),
        ("{path: sku, kind: number, default: many}", "`sku`: the default does not have the type of kind number"),
        ("{path: sku, kind: number, default: true}", "`sku`: the default does not have the type of kind number"),
        ("{path: sku, kind: link, default: x}", "`sku`: the default does not have the type of kind link"),
        ("{path: sku, since: 4.20}", "Expected `str`, got `float` - at `$.since`"),
        ('{path: sku, since: "4"}', '`sku`: a version must be a string such as "4.42", not `4`'),
        (
            '{path: sku, since: "4.2", until: "4.1"}',
            "`sku`: `until` must be above `since`, and ranges of versions must not overlap",
        ),
        (
            '{path: sku, default: [{value: a, until: "4.1"}, {value: b, since: "4.0"}]}',
            "`sku`: `until` must be above `since`, and ranges of versions must not overlap",
        ),
    ],
)
def test_a_fault_of_a_row_names_its_file_and_line(row: str, fault: str) -> None:
    assert faults(argument(row)) == (f"t.yaml:7:7: {fault}",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("resources: {}\n", "t.yaml:1:1: Object missing required field `source`"),
        ("source: ''\nresources: {}\n", "t.yaml:1:1: `source` is empty"),
        ("source: x\nresources: [\n", "t.yaml:3:1: invalid YAML: the syntax is not valid here"),
        (f"{HEAD}    include: [placed]\n", "t.yaml:3:3: there is no set `placed`"),
        (f"{HEAD}    arguments:\n      Name: name\n", "t.yaml:6:7: `Name` is not the name of an argument"),
        (f"{HEAD}    arguments:\n      sku.name: name\n", "t.yaml:6:7: there is no block `sku` above"),
        (
            HEAD.replace("Microsoft.Example/examples", "examples") + "    arguments:\n      name: name\n",
            "t.yaml:3:3: `type` must be an Azure type such as Microsoft.KeyVault/vaults, not `examples`",
        ),
        (
            HEAD.replace("azurerm_example", "aws_example") + "    arguments:\n      name: name\n",
            "t.yaml:3:3: `aws_example` is not a resource type of azurerm, azuread, azuredevops or databricks",
        ),
        (
            argument("sku.name") + "    constants: {sku.name: x}\n",
            "t.yaml:3:3: `constants`: `sku.name` is not a path, or an argument has it",
        ),
        (
            argument("sku.name") + "    at_least_one_of: [tags]\n",
            "t.yaml:3:3: `at_least_one_of`: there is no argument `tags`",
        ),
        (
            argument("sku.name") + "    list_items: {policy: properties.policies}\n",
            "t.yaml:3:3: `list_items`: no argument has a path below `policy`, or `properties.policies` is not a path",
        ),
        (
            argument("sku.name") + "  azurerm_other: {like: azurerm_unknown}\n",
            "t.yaml:8:3: `like` must name a type above, which is not like another, without other keys",
        ),
        (
            f"sets:\n  a: {{b: {{kind: block, include: [a]}}}}\n{HEAD}    include: [a]\n",
            "t.yaml:2:7: set `a` includes itself",
        ),
        (
            f"sets:\n  a: {{name: name}}\n{HEAD}    include: [a]\n    arguments:\n      name: name\n",
            "t.yaml:9:7: there is another row for `name`",
        ),
    ],
)
def test_a_fault_of_a_file_names_its_line(text: str, expected: str) -> None:
    assert expected in faults(text)


def test_every_fault_is_reported_once() -> None:
    text = argument("{path: a b}") + "  azurerm_example: {type: Microsoft.Example/examples}\n"
    assert faults(text) == ("t.yaml:8:3: key `azurerm_example` is duplicated",)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("{default: 7, sinse: 2021-04-01}", "Object contains unknown field `sinse` (did you mean 'since'?)"),
        ("{kind: text}", "`kind`: 'text' is none of boolean, number, id"),
        ("{since: April}", "an API version must be a date such as 2021-06-01, not `April`"),
        (
            "{default: [{value: 7, until: 2021-04-01}, {value: 9, since: 2021-05-01}]}",
            "each default must begin with the version at which the one before ends",
        ),
    ],
)
def test_a_fault_of_an_arm_property_names_its_line(monkeypatch: pytest.MonkeyPatch, row: str, fault: str) -> None:
    text = f"source: x\ntypes:\n  Microsoft.KeyVault/vaults:\n    properties.a: {row}\n"
    monkeypatch.setattr(row_reader, "read_data", lambda _: text.encode())
    with pytest.raises(TableError) as caught:
        row_reader.load_by_property("t", ArmProperty, faults_of)
    assert caught.value.faults == (f"data/t.yaml:4:5: {fault}",)


def test_a_table_names_azure_types_and_properties(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "source: x\ntypes:\n  vaults: {properties.a: {}}\n  Microsoft.KeyVault/vaults: {sku: {}}\n"
    monkeypatch.setattr(row_reader, "read_data", lambda _: text.encode())
    with pytest.raises(TableError) as caught:
        row_reader.load_by_property("t", ArmProperty, faults_of)
    assert caught.value.faults == (
        "data/t.yaml:3:3: `vaults` is not an Azure type such as Microsoft.KeyVault/vaults",
        "data/t.yaml:4:31: `sku` is not a path such as properties.sku.name",
    )


@pytest.fixture
def package(installed: Path, tmp_path: Path) -> Path:
    """A copy of the package as a checkout has it, for rows of a test."""
    copied = shutil.copytree(installed / "azkvlint", tmp_path / "copy" / "azkvlint")
    (copied / "data" / "azurerm.json").unlink(missing_ok=True)
    return copied


def plan(guard: str) -> str:
    change = {"actions": ["create"], "before": None, "after_unknown": {"id": True}}
    after = {"name": "a", "location": "westeurope", "resource_group_name": "rg", "purge_guard": json.loads(guard)}
    resource = {"address": "azurerm_example_vault.a", "mode": "managed", "type": "azurerm_example_vault", "name": "a"}
    written = {name: {"constant_value": value} for name, value in after.items()}
    return json.dumps(
        {
            "format_version": "1.2",
            "terraform_version": "1.9.0",
            "resource_changes": [{**resource, "change": {**change, "after": after}}],
            "configuration": {"root_module": {"resources": [{**resource, "expressions": written}]}},
        }
    )


@pytest.mark.skipif(not Path(__file__).parents[2].joinpath("src").is_dir(), reason="a wheel has no rows")
@pytest.mark.parametrize(("guard", "is_fault"), [("false", True), ("true", False)])
def test_rows_alone_add_a_resource_type(run: Run, package: Path, tmp_path: Path, guard: str, is_fault: bool) -> None:
    (package / "data" / "azurerm" / "example.yaml").write_text(ROWS)
    for name, text in (("main.tf", SOURCE % guard), ("plan.json", plan(guard))):
        folder = tmp_path / name.partition(".")[0]
        folder.mkdir()
        (folder / name).write_text(text)
        environment = {"PYTHONPATH": str(package.parent)}
        done = run(name, "--select", "KV001", "-f", "concise", "--no-cache", cwd=folder, env=environment)
        assert done.code == int(is_fault), done.err
        assert ("KV001" in done.out) == is_fault
        assert ("azurerm_example_vault.a" in done.out) == is_fault


@pytest.mark.skipif(not Path(__file__).parents[2].joinpath("src").is_dir(), reason="a wheel has no rows")
def test_a_run_with_an_invalid_row_names_its_line(run: Run, package: Path, tmp_path: Path) -> None:
    (package / "data" / "azurerm" / "example.yaml").write_text(ROWS.replace("kind: number", "kind: count"))
    (tmp_path / "main.tf").write_text(SOURCE % "true")
    done = run("main.tf", cwd=tmp_path, env={"PYTHONPATH": str(package.parent)})
    assert done.code == 3
    assert "data/azurerm/example.yaml:8:7: `kind`: 'count' is none of value, " in done.err
