"""Units and stacks of Terragrunt: each is evaluated, or a note names it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cli.conftest import Kvlint

MODULE = """variable "purge" {
  type    = bool
  default = true
}
variable "tags" {
  type    = map(string)
  default = {}
}
resource "azurerm_key_vault" "kv" {
  name                       = "kv-unit"
  purge_protection_enabled   = var.purge
  soft_delete_retention_days = lookup(var.tags, "days", 90)
}
"""
LOCAL = 'terraform {\n  source = "../modules/vault"\n}\n'
AVM = "Azure/avm-res-keyvault-vault/azurerm"
REPOSITORY = "Azure/terraform-azurerm-avm-res-keyvault-vault"


def write(files: Mapping[str, str]) -> None:
    """A checkout with a module and other files."""
    Path("repo/.git").mkdir(parents=True)
    for name, text in {"modules/vault/main.tf": MODULE, **files}.items():
        file = Path("repo", name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def found(kvlint: Kvlint, *words: str, select: str = "KV001", status: str = "findings") -> list[tuple[str, str, int]]:
    """Rule, file, and line of each finding."""
    report = json.loads(kvlint(*(words or ("repo",)), "--select", select, "-f", "json").out)
    return [(one["ruleId"], one["location"]["path"], one["location"]["line"]) for one in report[status]]


@pytest.mark.parametrize(
    "source",
    [
        "../modules/vault",
        "../modules//vault",
        "..//modules/vault",
        "${get_terragrunt_dir()}/../modules/vault",
        "${get_repo_root()}/modules//vault?ref=v1",
        "${get_path_to_repo_root()}/modules/vault",
        '${dirname(find_in_parent_folders("modules/vault/main.tf"))}',
        "${local.base}/vault",
    ],
)
def test_a_module_of_the_project_is_evaluated_with_the_inputs(kvlint: Kvlint, source: str) -> None:
    terraform = f'terraform {{\n  source = "{source}"\n}}\n'
    write({"live/terragrunt.hcl": f'locals {{\n  base = "../modules"\n}}\n{terraform}inputs = {{ purge = false }}\n'})
    assert found(kvlint) == [("KV001", "live/terragrunt.hcl", 7)]


@pytest.mark.parametrize(
    "source",
    [
        f"tfr:///{AVM}?version=0.10.0",
        f"tfr://registry.terraform.io/{AVM}?version=0.10.0",
        f"git::https://github.com/{REPOSITORY}.git?ref=v0.10.0",
        f"git::ssh://git@github.com/{REPOSITORY}.git?ref=v0.10.0",
        f"git@github.com:{REPOSITORY}.git?ref=v0.10.0",
        f"github.com/{REPOSITORY}?ref=0.10.0",
    ],
)
def test_a_public_module_is_evaluated_with_the_inputs(kvlint: Kvlint, source: str) -> None:
    inputs = 'inputs = {\n  name = "kv"\n  purge_protection_enabled = false\n}\n'
    write({"live/terragrunt.hcl": f'terraform {{\n  source = "{source}"\n}}\n{inputs}'})
    assert found(kvlint) == [("KV001", "live/terragrunt.hcl", 6)]


@pytest.mark.parametrize(
    "source",
    [
        "git::https://person:t0ps3cret@git.example.com/modules.git//vault?ref=v1&sshkey=t0ps3cret",
        "tfr:///acme/keyvault/azurerm?version=1.0.0",
        "s3::https://s3.amazonaws.com/bucket/vault.zip?token=t0ps3cret",
        "../../elsewhere/vault",
    ],
)
def test_a_module_that_is_not_available_is_a_note_that_names_the_unit(kvlint: Kvlint, source: str) -> None:
    write({"live/terragrunt.hcl": f'terraform {{\n  source = "{source}"\n}}\n'})
    for path in ("repo/live", "repo/live/terragrunt.hcl"):
        ran = kvlint(path)
        assert ran.code == 0, ran
        assert "live/terragrunt.hcl:1:1: note" in ran.out
        assert "Terragrunt unit" in ran.out
        assert "t0ps3cret" not in ran.out


@pytest.mark.parametrize("source", ['${get_env("SOURCE")}', "${values.source}"])
def test_unit_with_an_unknown_source_makes_the_analysis_incomplete(kvlint: Kvlint, source: str) -> None:
    write({"live/terragrunt.hcl": f'terraform {{\n  source = "{source}"\n}}\n'})
    for path in ("repo/live", "repo/live/terragrunt.hcl"):
        ran = kvlint(path)
        assert ran.code == 3, ran
        assert "live/terragrunt.hcl:1:1: error" in ran.out


def test_a_module_that_is_not_available_is_one_note_for_all_its_units(kvlint: Kvlint) -> None:
    source = 'terraform {\n  source = "git::ssh://git@git.example.com/modules.git//%s?ref=%s"\n}\n'
    units = {"a": ("vault", "v1"), "b": ("vault", "v2"), "c/d": ("network", "v1")}
    write({f"live/{path}/terragrunt.hcl": source % module for path, module in units.items()})
    notes = json.loads(kvlint("repo", "-f", "json").out)["problems"]
    assert [(one["level"], one["location"]["path"], "(2 calls)" in one["message"]) for one in notes] == [
        ("note", "live/a/terragrunt.hcl", True),
        ("note", "live/c/d/terragrunt.hcl", False),
    ]


def test_each_unit_evaluates_the_module_with_its_own_inputs(kvlint: Kvlint) -> None:
    write({f"{name}/terragrunt.hcl": LOCAL + f"inputs = {{ purge = {name == 'b'} }}\n".lower() for name in "ab"})
    assert found(kvlint) == [("KV001", "a/terragrunt.hcl", 4)]


def test_the_module_has_no_other_root(kvlint: Kvlint) -> None:
    write({"live/terragrunt.hcl": f"{LOCAL}inputs = {{}}\n"})
    summary = json.loads(kvlint("repo", "-f", "json").out)["summary"]
    assert summary["evaluatedResources"] == {"Microsoft.KeyVault/vaults": 1}
    excluded = found(kvlint, "repo", "--exclude", "**/terragrunt.hcl", select="KV003", status="unknown")
    assert excluded == []
    assert found(kvlint, "repo/live/terragrunt.hcl", "repo/modules/vault/main.tf") == []


def test_a_unit_without_a_source_is_the_module_beside_it(kvlint: Kvlint) -> None:
    write({"live/terragrunt.hcl": "inputs = { purge = false }\n", "live/main.tf": MODULE})
    assert found(kvlint, "repo/live") == [("KV001", "live/terragrunt.hcl", 1)]


INCLUDED = {
    "root.hcl": "locals {\n  strict = false\n}\ninputs = {\n  purge = local.strict\n  tags = { days = 7 }\n}\n",
    "env/env.hcl": "locals {\n  days = 30\n}\n",
}
DAYS = "inputs = {\n  tags = { days = local.env.locals.days }\n}\n"
INCLUDE = 'include "root" {\n  path = find_in_parent_folders("root.hcl")\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{INCLUDE}}}\n", [("KV001", "root.hcl", 5), ("KV003", "root.hcl", 6)]),
        ('include {\n  path = "../../root.hcl"\n}\n', [("KV001", "root.hcl", 5), ("KV003", "root.hcl", 6)]),
        (f"{INCLUDE}}}\ninputs = {{ purge = true }}\n", [("KV003", "root.hcl", 6)]),
        (f'{INCLUDE}  merge_strategy = "no_merge"\n}}\n', []),
        (f"{INCLUDE}}}\ninputs = {{ tags = {{}} }}\n", [("KV001", "root.hcl", 5)]),
        (
            f'{INCLUDE}  merge_strategy = "deep"\n}}\ninputs = {{ tags = {{ a = "b" }} }}\n',
            [("KV001", "root.hcl", 5), ("KV003", "root.hcl", 6)],
        ),
        (
            f"{INCLUDE}  expose = true\n}}\ninputs = {{\n  tags = {{}}\n  purge = include.root.locals.strict\n}}\n",
            [("KV001", "root.hcl", 2)],
        ),
        (
            f'locals {{\n  env = read_terragrunt_config(find_in_parent_folders("env.hcl"))\n}}\n{DAYS}',
            [("KV003", "env/env.hcl", 2)],
        ),
        (
            f'locals {{\n  env = read_terragrunt_config("gone.hcl", {{ locals = {{ days = 8 }} }})\n}}\n{DAYS}',
            [("KV003", "env/unit/terragrunt.hcl", 5)],
        ),
        (
            'feature "safe" {\n  default = false\n}\ninputs = {\n  purge = feature.safe.value\n}\n',
            [("KV001", "env/unit/terragrunt.hcl", 5)],
        ),
        ('inputs = {\n  purge = get_env("PURGE", false)\n}\n', [("KV001", "env/unit/terragrunt.hcl", 2)]),
    ],
)
def test_includes_and_locals_are_evaluated(kvlint: Kvlint, text: str, expected: list[tuple[str, str, int]]) -> None:
    terraform = 'terraform {\n  source = "${get_repo_root()}/modules/vault"\n}\n'
    write({**INCLUDED, "env/unit/terragrunt.hcl": text + terraform})
    assert sorted(found(kvlint, "repo/env/unit", select="KV001,KV003")) == sorted(expected)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("dependency.other.outputs.purge", "the outputs of dependency `other` are not available"),
        ('get_env("PURGE")', "environment variable `PURGE` is not read"),
        ("values.purge", "only in a Terragrunt stack"),
        ('tobool(run_cmd("x"))', "run_cmd"),
    ],
)
def test_value_known_only_to_terragrunt_is_unknown(
    kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch, value: str, why: str
) -> None:
    monkeypatch.setenv("PURGE", "false")
    dependency = 'dependency "other" {\n  config_path = "../o"\n}\n'
    write({"live/terragrunt.hcl": f"{LOCAL}{dependency}inputs = {{ purge = {value} }}\n"})
    assert found(kvlint, status="unknown") == [("KV001", "live/terragrunt.hcl", 7)]
    assert why in kvlint("repo", "--select", "KV001").out


def test_an_included_source_is_called_by_the_unit(kvlint: Kvlint) -> None:
    common = 'terraform {\n  source = "${get_repo_root()}/modules/vault"\n}\n'
    unit = 'include "common" {\n  path = "../common/vault.hcl"\n}\ninputs = { purge = false }\n'
    write({"common/vault.hcl": common, "a/terragrunt.hcl": unit})
    assert "[called at repo/a/terragrunt.hcl:1:1]" in kvlint("repo", "--select", "KV001").out


def test_variable_files_of_extra_arguments_are_read(kvlint: Kvlint) -> None:
    arguments = 'extra_arguments "v" {\n    commands = ["plan"]\n    required_var_files = ["common.tfvars"]\n  }\n}\n'
    write(
        {
            "live/terragrunt.hcl": LOCAL.replace("\n}\n", f"\n  {arguments}"),
            "live/common.tfvars": "purge = false\n",
        }
    )
    assert found(kvlint) == [("KV001", "live/common.tfvars", 1)]


def test_parent_configuration_is_not_a_unit(kvlint: Kvlint) -> None:
    write(
        {
            "live/terragrunt.hcl": 'terraform {\n  source = "${path_relative_to_include()}/gone"\n}\n',
            "live/a/terragrunt.hcl": "include {\n  path = find_in_parent_folders()\n}\n"
            + LOCAL.replace("../", "../../"),
        }
    )
    ran = kvlint("repo", "--select", "KV001")
    assert ran.code == 0, ran
    assert "note" not in ran.out


def test_json_unit_is_read(kvlint: Kvlint) -> None:
    unit = {
        "include": {"root": {"path": '${find_in_parent_folders("root.hcl")}'}},
        "terraform": {"source": "../modules/vault"},
        "inputs": {"tags": {}},
    }
    write({**INCLUDED, "live/terragrunt.hcl.json": json.dumps(unit)})
    assert found(kvlint) == [("KV001", "root.hcl", 5)]


def test_the_copies_of_terragrunt_are_not_read(kvlint: Kvlint) -> None:
    write({"live/terragrunt.hcl": LOCAL, "live/.terragrunt-cache/a/b/main.tf": MODULE.replace("var.purge", "false")})
    assert found(kvlint) == []


@pytest.mark.parametrize("place", ["input", "module"])
def test_directive_in_a_unit_suppresses_the_finding(kvlint: Kvlint, place: str) -> None:
    inputs = "inputs = {\n  purge = false # kvlint: ignore[KV001] accepted\n}\n"
    above = ""
    if place == "module":
        above, inputs = "# kvlint: ignore[KV001] accepted\n", "inputs = { purge = false }\n"
    write({"live/terragrunt.hcl": above + LOCAL + inputs})
    report = json.loads(kvlint("repo", "--select", "KV001", "-f", "json").out)
    assert (len(report["findings"]), report["summary"]["suppressed"]) == (0, 1)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"live/terragrunt.hcl": 'include {\n  path = "terragrunt.hcl"\n}\n'}, "the file includes or reads itself"),
        (
            {
                "live/terragrunt.hcl": 'include {\n  path = "../b.hcl"\n}\n',
                "b.hcl": 'include {\n  path = "live/terragrunt.hcl"\n}\n',
            },
            "which Terragrunt does not support",
        ),
        (
            {
                "live/terragrunt.hcl": 'locals {\n  a = read_terragrunt_config("../b.hcl")\n}\ninputs = local.a\n',
                "b.hcl": 'locals {\n  b = read_terragrunt_config("live/terragrunt.hcl")\n}\n',
            },
            "the file includes or reads itself",
        ),
        (
            {"live/terragrunt.hcl": "locals {\n  a = local.b\n  b = local.a\n}\ninputs = { x = local.a }\n"},
            "refers to itself",
        ),
        ({"live/terragrunt.hcl": 'inputs = {\n  a = "\n}\n'}, "live/terragrunt.hcl"),
        (
            {
                "live/terragrunt.hcl": 'inputs = read_terragrunt_config("../f0.hcl")\n',
                **{
                    f"f{n}.hcl": f'locals {{\n  a = read_terragrunt_config("f{n + 1}.hcl")\n'
                    f'  b = read_terragrunt_config("f{n + 1}.hcl")\n}}\n'
                    for n in range(40)
                },
            },
            "files read each other",
        ),
        ({"live/terragrunt.hcl": 'terraform {\n  source = "../gone"\n}\n'}, "the folder does not exist"),
        ({"live/terragrunt.hcl": f"inputs = {'[' * 3000}1{']' * 3000}\n"}, "live/terragrunt.hcl"),
    ],
)
def test_broken_terragrunt_configuration_is_an_error(kvlint: Kvlint, files: dict[str, str], message: str) -> None:
    write(files)
    ran = kvlint("repo/live")
    assert ran.code == 3, ran
    assert message in ran.out
    assert "internal error" not in ran.out


@pytest.mark.skipif(sys.platform == "win32", reason="links need a permission on Windows")
@pytest.mark.parametrize("kind", ["include", "module", "folder", "unit"])
def test_links_out_of_the_checkout_are_not_followed(kvlint: Kvlint, kind: str) -> None:
    Path("outside/module").mkdir(parents=True)
    Path("outside/x.hcl").write_text("inputs = { purge = false }\n", encoding="utf-8")
    Path("outside/module/main.tf").write_text(MODULE.replace("var.purge", "false"), encoding="utf-8")
    texts = {
        "include": 'include {\n  path = "../x.hcl"\n}\n' + LOCAL,
        "module": 'terraform {\n  source = "../linked"\n}\n',
        "folder": 'include {\n  path = "../linked/x.hcl"\n}\n' + LOCAL,
        "unit": LOCAL,
    }
    write({"live/terragrunt.hcl": texts[kind]})
    Path("repo/x.hcl").symlink_to(Path("outside/x.hcl").resolve())
    Path("repo/linked").symlink_to(Path("outside/module" if kind == "module" else "outside").resolve())
    if kind == "unit":
        Path("repo/live/terragrunt.hcl").unlink()
        Path("repo/live/terragrunt.hcl").symlink_to(Path("outside/x.hcl").resolve())
    ran = kvlint("repo/live", "--select", "KV001")
    assert ran.code == 3, ran
    assert "high[KV001] " not in ran.out


@pytest.mark.parametrize(
    "text",
    [
        'include {\n  path = "a\\u0000b"\n}\n',
        'terraform {\n  source = "../a\\u0000b"\n}\n',
        'inputs = { x = find_in_parent_folders("a\\u0000b") }\n',
        'inputs = { x = read_terragrunt_config("a\\u0000b", {}) }\n',
        "inputs = { x = get_env(), y = find_in_parent_folders(1, 2, 3), z = read_terragrunt_config() }\n",
        "inputs = [1]\ninclude {\n}\nterraform {\n}\nfeature {\n}\n",
        'inputs = { x = path_relative_to_include("none"), y = include.none.inputs, z = include, l = local }\n',
        "terraform {\n  source = 1\n}\n",
        "",
    ],
)
def test_unusual_units_cause_no_internal_error(kvlint: Kvlint, text: str) -> None:
    write({"live/terragrunt.hcl": text, "live/main.tf": MODULE})
    ran = kvlint("repo/live", "-v")
    assert "internal error" not in ran.out + ran.err
    assert "Traceback" not in ran.err


def test_graph_contains_the_resources_of_a_unit(kvlint: Kvlint) -> None:
    write({"live/terragrunt.hcl": LOCAL})
    assert "azurerm_key_vault.kv" in kvlint("graph", "repo/live/terragrunt.hcl").out


def test_unit_is_read_from_standard_input(kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write({"live/terragrunt.hcl": LOCAL})
    (tmp_path / "input").write_text(f"{LOCAL}inputs = {{ purge = false }}\n", encoding="utf-8")
    with (tmp_path / "input").open() as text:
        monkeypatch.setattr("sys.stdin", text)
        assert found(kvlint, "-", "--stdin-filename", "repo/live/terragrunt.hcl") == [
            ("KV001", "live/terragrunt.hcl", 4)
        ]


def test_an_included_file_alone_names_the_way(kvlint: Kvlint) -> None:
    write(INCLUDED)
    ran = kvlint("repo/root.hcl")
    assert (ran.code, "specify the `terragrunt.hcl` that includes the file" in ran.out) == (3, True)


UNIT = 'unit "{}" {{\n  source = "{}"\n  inputs = {{}}\n}}\n'


def test_a_stack_is_a_note_that_names_its_key_vault_modules(kvlint: Kvlint) -> None:
    name = "terragrunt.stack.hcl"
    text = UNIT.format("vault", "./modules/vault") + UNIT.format("net", "./net")
    text += UNIT.format("other", "app.terraform.io/acme/other/azurerm")
    write({name: text, "net/main.tf": 'resource "azurerm_virtual_network" "n" {\n}\n'})
    ran = kvlint("repo", "--select", "KV001")
    assert ran.code == 0, ran
    (note,) = [line for line in ran.out.splitlines() if "note" in line]
    assert note.startswith(f"repo/{name}:1:1: note[KVE002] ")
    assert "`vault` (./modules/vault)" in note
    assert "`other` (app.terraform.io/acme/other/azurerm)" in note
    assert "net" not in note


def test_files_of_terraform_stacks_alone_are_read(kvlint: Kvlint) -> None:
    deployment = 'deployment "prod" {\n  inputs = {}\n}\n'
    write({"s/deployments.tfdeploy.hcl": deployment, "t/c.tfcomponent.hcl": "component {\n"})
    assert kvlint("repo/s").code == 0
    assert kvlint("repo/s/deployments.tfdeploy.hcl").code == 0
    assert kvlint("repo/t").code == 3


def test_value_that_a_unit_leaves_out_is_final(kvlint: Kvlint) -> None:
    """A unit is a caller: what its inputs disable, or do not enable, is skipped with the reason."""
    enabled = (
        'variable "{0}" {{\n  default = {1}\n}}\nresource "azurerm_key_vault" "{0}" {{\n  count = var.{0} ? 1 : 0\n}}\n'
    )
    module = enabled.format("set", "false") + enabled.format("unset", "false") + enabled.format("on", "true")
    write({"modules/vault/main.tf": module, "unit/terragrunt.hcl": LOCAL + "inputs = {\n  set = false\n}\n"})
    report = json.loads(kvlint("repo", "--select", "KV001", "-f", "json").out)
    assert [one["address"] for one in report["evaluated"]] == ["azurerm_key_vault.on"]
    assert {one["address"]: one["reason"] for one in report["skipped"]} == {
        "azurerm_key_vault.set": "`count` is 0 with the given value of `var.set`",
        "azurerm_key_vault.unset": "`count` is 0",
    }


GENERATED = (
    ('provider "azurerm" {\n  subscription_id = "${get_env("SUBSCRIPTION")}"\n}\n', "x.tf", 0, ""),
    ('terraform {\n  required_version = "1.9"\n}\n', "x.tf", 0, ""),
    ('resource "random_id" "x" {\n}\n', "x.tf", 0, ""),
    ('resource "azurerm_key_vault" "x" {\n}\n', "x.txt", 0, ""),
    ('resource "azurerm_key_vault" "x" {\n  name = "${get_env("X")}"\n}\n', "x.tf", 0, "`x` generates is unknown"),
    ('resource "azurerm_key_vault" "x" {\n', "x.tf", 3, "`x` generates cannot be read"),
    ('module "x" {\n  source = "./x"\n}\n', "x.tf", 3, "`x` generates declares resources or modules"),
)


@pytest.mark.parametrize(("contents", "path", "code", "text"), GENERATED)
def test_a_file_that_a_unit_generates_is_reported_if_it_may_matter(
    kvlint: Kvlint, contents: str, path: str, code: int, text: str
) -> None:
    block = f'generate "x" {{\n  path = "{path}"\n  if_exists = "skip"\n  contents = <<EOF\n{contents}EOF\n}}\n'
    write({"live/terragrunt.hcl": LOCAL + block})
    ran = kvlint("repo", "--select", "KV001")
    assert ran.code == code, ran
    assert text in ran.out
    assert ("generates" in ran.out) == bool(text)
