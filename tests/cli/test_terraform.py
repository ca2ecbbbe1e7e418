"""Terraform source as users give it: folders, files, options, exit codes, and what is printed in each format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import CommandOutput, Kvlint
    from tests.conftest import Run

VAULT = (
    'resource "azurerm_key_vault" "kv" {\n  name                     = "kv"\n  purge_protection_enabled = var.p\n}\n'
)
PURGE = 'variable "p" {\n  type    = bool\n  default = %s\n}\n'
MODULE = {"main.tf": 'module "m" {\n  source = "./m"\n  p      = false\n}\n', "m/main.tf": PURGE % "true" + VAULT}


def write(files: Mapping[str, str]) -> None:
    """Write files below ``infra`` in the current folder."""
    for path, text in files.items():
        file = Path("infra", path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def report(said: CommandOutput) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said.out)
    return found


def told(said: CommandOutput, rule: str = "KV001") -> list[tuple[str, str, int]]:
    """Outcome, path and line of what a rule says."""
    found = report(said)
    return [
        (one["outcome"], one["location"]["path"], one["location"]["line"])
        for one in (*found["findings"], *found["unknown"])
        if one["ruleId"] == rule
    ]


def test_folder_file_and_module_have_the_same_finding(kvlint: Kvlint) -> None:
    write(MODULE)
    assert told(kvlint("infra", "-f", "json")) == [("fail", "infra/main.tf", 3)]
    assert told(kvlint("infra/main.tf", "-f", "json")) == [("fail", "infra/main.tf", 3)]
    assert told(kvlint("infra/m", "-f", "json")) == []
    assert told(kvlint("infra/m", "infra", "-f", "json")) == [("fail", "infra/main.tf", 3)]


def test_text_report_shows_the_line_of_the_call(kvlint: Kvlint) -> None:
    write({**MODULE, "main.tf": 'module "m" {\n  source = "./m"\n}\n', "m/main.tf": PURGE % "false" + VAULT})
    said = kvlint("infra", "--select", "KV001")
    assert said.code == 1
    line = "infra/m/main.tf:7:3: high[KV001] Purge protection is not enabled on module.m.azurerm_key_vault.kv"
    assert said.out.startswith(line)
    assert "[called at infra/main.tf:1:1]" in said.out


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"main.tf": PURGE % "true" + VAULT}, 0),
        ({"main.tf": PURGE % "false" + VAULT}, 1),
        ({"main.tf": 'resource "random_id" "x" {\n}\n'}, 0),
        ({"main.tf": ""}, 0),
        ({"readme.md": ""}, 3),
        ({"main.tf": PURGE % "true" + VAULT, "b.tf": "{"}, 3),
        ({"main.tf": PURGE % "false" + VAULT, "b.tf": "{"}, 3),
        ({"main.tf": 'module "m" {\n  source = "./gone"\n}\n'}, 3),
        ({"main.tf": 'module "m" {\n  source = "ns/name/azurerm"\n}\n'}, 0),
    ],
)
@pytest.mark.parametrize("form", ["text", "json", "sarif"])
def test_exit_code_depends_on_the_module_with_any_format(
    files: dict[str, str], code: int, form: str, kvlint: Kvlint
) -> None:
    write(files)
    assert kvlint("infra", "--select", "KV001", "-f", form).code == code


def test_unknown_results_fail_a_strict_run_only(kvlint: Kvlint) -> None:
    write({"main.tf": 'variable "p" {\n}\n' + VAULT})
    assert kvlint("infra", "--select", "KV001").code == 0
    assert kvlint("infra", "--select", "KV001", "--strict").code == 1


def test_variable_options_set_values(kvlint: Kvlint) -> None:
    write({"main.tf": PURGE % "true" + VAULT, "prod.tfvars": "p = false\n"})
    assert told(kvlint("infra", "-f", "json")) == []
    assert told(kvlint("infra", "-f", "json", "--var", "p=false")) == [("fail", "infra/main.tf", 7)]
    assert told(kvlint("infra", "-f", "json", "--var=p=false")) == [("fail", "infra/main.tf", 7)]
    assert told(kvlint("infra", "-f", "json", "--var-file", "infra/prod.tfvars")) == [("fail", "infra/main.tf", 7)]
    assert told(kvlint("infra", "-f", "json", "--var-file", "infra/prod.tfvars", "--var", "p=true")) == []


@pytest.mark.parametrize("words", [["--var", "p"], ["--var-file", "gone.tfvars"], ["--var"], ["--source-root", "gone"]])
def test_invalid_variable_options_are_errors(words: list[str], kvlint: Kvlint) -> None:
    write({"main.tf": PURGE % "true" + VAULT})
    said = kvlint("infra", *words)
    assert said.code in {2, 3}
    assert said.out == "" or said.code == 3
    assert "Traceback" not in said.err


def test_missing_companion_in_a_lone_module_is_unknown_unless_closed(kvlint: Kvlint) -> None:
    write({"main.tf": 'variable "p" {\n}\n' + VAULT})
    assert told(kvlint("infra", "-f", "json"), "KV201") == [("unknown", "infra/main.tf", 3)]
    assert told(kvlint("infra", "-f", "json", "--closed"), "KV201") == [("fail", "infra/main.tf", 3)]


def test_directive_ends_after_its_date(kvlint: Kvlint) -> None:
    ignore = " # kvlint: ignore[KV001] moving out until=2026-12-31"
    write({"main.tf": PURGE % "false" + VAULT.replace("var.p", "var.p" + ignore)})
    before, after = (kvlint("infra", "-f", "json", "--as-of", day) for day in ("2026-12-31", "2027-01-01"))
    assert told(before) == []
    (one,) = report(before)["suppressed"]
    assert one["suppression"] == {
        "kind": "inSource",
        "justification": "moving out",
        "until": "2026-12-31",
        "owner": None,
        "tool": None,
        "location": one["suppression"]["location"],
    }
    assert told(after) == [("fail", "infra/main.tf", 7)]
    assert [problem["code"] for problem in report(after)["problems"]] == ["KVE006"]


def test_suppressed_finding_does_not_set_the_exit_code(kvlint: Kvlint) -> None:
    write({"main.tf": "# kvlint: ignore-file[KV001] a sandbox\n" + PURGE % "false" + VAULT})
    assert kvlint("infra", "--select", "KV001").code == 0


def test_places_in_sarif_are_of_the_line_to_edit(kvlint: Kvlint) -> None:
    write(MODULE)
    (result,) = [
        one for one in report(kvlint("infra", "-f", "sarif"))["runs"][0]["results"] if one["ruleId"] == "KV001"
    ]
    (location,) = result["locations"]
    region = location["physicalLocation"]["region"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "infra/main.tf"
    assert (region["startLine"], region["endLine"], region["snippet"]["text"]) == (3, 3, "p      = false")


CANARY = "c4nary-hunter2"
SECRETS = {
    "main.tf": """
variable "password" {
  sensitive = true
  default   = "c4nary-hunter2"
}
variable "token" {
  type      = string
  ephemeral = true
}
variable "map" {
  sensitive = true
  default   = { a = "c4nary-hunter2" }
}
locals {
  copy    = "x${var.password}y"
  listed  = [var.password, var.map]
  encoded = jsonencode(local.listed)
}
resource "azurerm_key_vault" "kv" {
  name                       = local.copy
  purge_protection_enabled   = local.encoded
  soft_delete_retention_days = var.password
  sku_name                   = var.token
  tags                       = var.map
  network_acls {
    default_action = var.password
    bypass         = "None"
    ip_rules       = [var.password, var.token, "${var.password}/8"]
  }
  access_policy {
    object_id          = var.password
    secret_permissions = [var.password, "Purge"]
  }
}
resource "azurerm_key_vault" "same" {
  for_each                 = var.map
  name                     = each.value
  purge_protection_enabled = each.value == "x"
}
resource "azurerm_key_vault_secret" "s" {
  name            = var.password
  key_vault_id    = azurerm_key_vault.kv.id
  value           = <<E
c4nary-hunter2
E
  content_type    = nonsensitive("x") == var.password ? "" : null
  expiration_date = var.password
}
resource "azurerm_key_vault_secret" "t" { value = "c4nary-hunter2" }
resource "azurerm_role_assignment" "r" {
  scope                = "/subscriptions/${var.password}"
  role_definition_name = "Owner"
  principal_id         = var.token
}
module "m" {
  source = "./m"
  secret = "c4nary-hunter2"
}
""",
    "m/main.tf": 'variable "secret" {\n  sensitive = true\n}\n'
    'resource "azurerm_key_vault" "kv" {\n  purge_protection_enabled = var.secret\n}\n'
    'output "o" {\n  sensitive = true\n  value = var.secret\n}\n',
    "terraform.tfvars": 'token = "c4nary-hunter2"\n',
    "j.tf.json": '{"resource": {"azurerm_key_vault_secret": {"j": {"name": "j", "value": ["c4nary-hunter2"]}}}}',
    "open.tf": 'resource "azurerm_key_vault_secret" "e" {\n  value = file("c4nary-hunter2")\n'
    '  key_vault_id = regex("c4nary-hunter2", "[")\n}\n',
}


@pytest.mark.parametrize("words", [["-f", "text", "-v"], ["-f", "json"], ["-f", "sarif"]], ids=" ".join)
def test_secrets_are_printed_in_no_format(words: list[str], kvlint: Kvlint) -> None:
    write(SECRETS)
    said = kvlint("infra", *words)
    assert said.code in {1, 3}
    assert "KV001" in said.out
    assert CANARY not in said.out + said.err
    assert CANARY not in kvlint("graph", "infra").out


def test_several_roots_have_one_finding_with_any_number_of_processes(kvlint: Kvlint) -> None:
    for index in range(6):
        write({f"r{index}/main.tf": 'module "m" {\n  source = "../m"\n}\n'})
    write({"m/main.tf": PURGE % "false" + VAULT})
    alone = kvlint("infra", "-f", "json", "--jobs", "1")
    assert told(alone) == [("fail", "infra/m/main.tf", 7)]
    (finding,) = [one for one in report(alone)["findings"] if one["ruleId"] == "KV001"]
    assert [one["root"] for one in finding["occurrences"]] == [f"infra/r{index}" for index in range(6)]
    assert kvlint("infra", "-f", "json", "--jobs", "3").out == alone.out


def test_plan_replaces_the_results_of_its_source(kvlint: Kvlint) -> None:
    write({"main.tf": 'variable "p" {\n}\n' + VAULT})
    Path("infra/plan.json").write_bytes(Path("bad.json").read_bytes())
    assert told(kvlint("infra/main.tf", "-f", "json")) == [("unknown", "infra/main.tf", 5)]
    assert told(kvlint("infra", "-f", "json")) == [("fail", "infra/main.tf", 5)]
    assert told(kvlint("infra/plan.json", "-f", "json")) == [("fail", "infra/main.tf", 5)]
    assert told(kvlint("bad.json", "--source-root", "infra", "-f", "json")) == [("fail", "infra/main.tf", 5)]


@pytest.mark.parametrize(
    "written",
    [
        "for_each = var.s\n  name     = each.key",
        "for_each = toset(keys(var.s))\n  name     = each.key",
        "for_each = toset([for k, v in var.s : k])\n  name     = each.value",
        "name = keys(var.s)[0]",
        'name = join("-", keys(var.s))',
    ],
)
def test_keys_of_a_secret_map_are_printed_nowhere(written: str, run: Run, tmp_path: Path) -> None:
    variable = 'variable "s" {\n  type      = map(string)\n  default   = { "hunter2" = "x" }\n  sensitive = true\n}\n'
    provider = 'provider "azurerm" {\n  features {}\n}\n'
    (tmp_path / "main.tf").write_text(f'{provider}{variable}resource "azurerm_key_vault" "kv" {{\n  {written}\n}}\n')
    for form in ("text", "json", "sarif"):
        ran = run("-v", "-f", form, tmp_path)
        assert ran.code == 1
        assert "hunter2" not in ran.out + ran.err


def test_module_without_key_vault_resources_passes(run: Run, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('# azurerm_key_vault\nresource "aws_s3_bucket" "b" {}\n')
    for words in ((tmp_path,), (tmp_path / "main.tf",), ("--select", "KV7", tmp_path / "main.tf")):
        ran = run(*words)
        assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize("given", ["--var=nope=1", "--var-file=values.tfvars"])
def test_variable_that_no_module_declares_is_reported(given: str, run: Run, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.tf").write_text(PURGE % "true" + VAULT)
    (tmp_path / "values.tfvars").write_text("nope = 1\np = true\n")
    report = json.loads(run("-f", "json", given, ".", cwd=tmp_path).out)
    level = "error" if given.startswith("--var=") else "warning"
    assert [(one["level"], "`nope`" in one["message"]) for one in report["problems"]] == [(level, True)]


def test_block_is_not_a_value(run: Run, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(PURGE % "true" + VAULT)
    (tmp_path / "values.tfvars").write_text("p {}\n")
    ran = run("--var-file", "values.tfvars", ".", cwd=tmp_path)
    assert ran.code == 3
    assert "values.tfvars:1:1: error[KVE002] block `p` is not supported in a variable file" in ran.out


def test_file_of_values_is_not_an_input(run: Run, tmp_path: Path) -> None:
    (tmp_path / "values.tfvars").write_text("p = true\n")
    ran = run("values.tfvars", cwd=tmp_path)
    assert ran.code == 3
    assert "--var-file" in ran.out


@pytest.mark.parametrize("text", ['# mine\nresource "a" "b" {}\n', "param x string\n", "terraform {\n}\n"])
def test_standard_input_takes_no_source(text: str, run: Run) -> None:
    ran = run("-", stdin=text.encode())
    assert ran.code == 3
    assert "specify the path of the file" in ran.out


def test_a_module_is_drawn(run: Run, tmp_path: Path) -> None:
    for path, text in {**MODULE, "other.tf": "locals {}\n"}.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    ran = run("graph", tmp_path)
    assert ran.code == 0
    assert "module.m.azurerm_key_vault.kv" in ran.out


@pytest.mark.parametrize(
    ("type_", "body", "reference"),
    [
        ("azapi_resource", "{ properties = { value = %s } }", "body.properties.value"),
        ("azapi_resource", "{ properties = { value = %s } }", 'body["properties"].value'),
        ("azapi_data_plane_resource", "{ value = %s }", "body.value"),
        ("azapi_resource", "jsonencode({ properties = { value = %s } })", "body"),
    ],
)
def test_a_secret_of_azapi_stays_secret_elsewhere(type_: str, body: str, reference: str, kvlint: Kvlint) -> None:
    secret = "QXZJWYQJXWZYQWXJ"
    text = f"""resource "{type_}" "s" {{
  type      = "Microsoft.KeyVault/vaults/secrets@2023-07-01"
  name      = "s"
  parent_id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv"
  body      = {body % f'"{secret}"'}
}}
resource "azurerm_key_vault" "kv" {{
  name     = {type_}.s.{reference}
  sku_name = {type_}.s.{reference}
}}
"""
    write({"main.tf": text})
    said = kvlint("infra", "-f", "json", "--profile", "all")
    assert secret not in said.out + said.err
    assert "`sku_name` is (sensitive)" in said.out


def test_a_secret_that_is_a_word_of_a_rule_is_hidden_only_where_the_input_has_it(kvlint: Kvlint) -> None:
    text = """locals {
  settings = {
    STORAGE_METHOD  = "AZURE"
    DB_PASSWORD     = "policies"
    ADMIN_PASSWORD  = "zebra-crossing"
    ACCESS_TOKEN    = "password"
  }
}
resource "azurerm_key_vault" "kv" {
  for_each = toset(["policies", "zebra-crossing", "password"])
  name     = "kv-${each.key}"
}
resource "azurerm_linux_function_app" "app" {
  app_settings = local.settings
}
"""
    write({"main.tf": text})
    said = kvlint("infra", "-f", "json", "--profile", "all")
    found = report(said)
    (one,) = (one for one in found["findings"] if one["ruleId"] == "KV301")
    end = "uses access policies instead of Azure RBAC"
    shown = sorted(each["message"] for each in one["occurrences"])
    assert shown == [
        f'azurerm_key_vault.kv["(sensitive)"] {end}',
        f'azurerm_key_vault.kv["password"] {end}',
    ]
    assert "zebra" not in json.dumps(found)
