"""Commands state with which values of inputs the resources exist that no default creates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from azkvlint import CheckSettings, lint
from azkvlint.fleet.rows import result_of
from tests.cli.test_existence import BODY, PROVIDER, checked, variable, vault, words, write
from tests.cli.test_worlds import POLICY

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

DEPLOYED = PROVIDER + variable("a", "bool", "false") + vault("  count = var.a ? 1 : 0")
DEPLOYED += (POLICY % "var.a ? 1 : 0").replace("azurerm_key_vault.kv.id", "azurerm_key_vault.kv[0].id")
ACCESS_FORMATS = ("text", "json", "markdown", "html", "csv")


@pytest.mark.parametrize("form", ACCESS_FORMATS)
def test_access_to_a_vault_that_a_switch_creates_is_possible(kvlint: Kvlint, form: str) -> None:
    write({"main.tf": DEPLOYED})
    found = kvlint("access", "in", "-f", form).out
    assert "only if var.a is true" in found
    assert not [word for word in ("\n  yes ", '"yes"', "**yes**", ",yes,", "1 principal has") if word in found]
    assert kvlint("access", "in", "--deny", "secrets/get").code == 0
    assert kvlint("access", "in", "--deny", "secrets/get", "--strict").code == 1
    assert "\n  yes " in kvlint("access", "in", "--var", "a=true").out


def test_role_on_the_group_grants_possible_access_to_a_vault_that_a_switch_creates(kvlint: Kvlint) -> None:
    text = DEPLOYED + vault("", "other") + (
        'resource "azurerm_resource_group" "rg" {\n  name = "rg"\n  location = "westeurope"\n}\n'
        'resource "azurerm_role_assignment" "r" {\n  scope = azurerm_resource_group.rg.id\n'
        '  role_definition_name = "Key Vault Contributor"\n  principal_id = "00000000-0000-0000-0000-000000000003"\n}\n'
    )  # fmt: skip
    write({"main.tf": text.replace('group_name = "rg"', "group_name = azurerm_resource_group.rg.name")})
    document = json.loads(kvlint("access", "in", "--permission", "delete", "-f", "json").out)
    names = [one["resource"] for one in document["vaults"]]
    rows = {tuple(names[one] for one in document["vaultSets"][row["vaultSet"]]): row for row in document["rows"]}
    assert {vaults: row["decidedBy"] for vaults, row in rows.items()} == {
        ("azurerm_key_vault.kv[0]",): "whether azurerm_key_vault.kv[0] exists (only if var.a is true)",
        ("azurerm_key_vault.other",): "",
    }


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_change_of_access_to_a_vault_that_a_switch_creates_is_possible(kvlint: Kvlint, form: str) -> None:
    base, head = Path("base"), Path("head")
    for folder, text in ((base, PROVIDER), (head, DEPLOYED)):
        folder.mkdir(exist_ok=True)
        (folder / "main.tf").write_text(text)
    found = kvlint("diff", "base", "head", "-f", form).out
    if form == "json":
        document = json.loads(found)
        assert [one["after"] for one in document["access"]] == ["perhaps"]
        assert [one["certain"] for one in document["oneWayDoors"]] == [False]
    else:
        assert "may now be able to read secrets" in found.replace("&#32;", " ")
        assert "1 principal may gain access" in found
        assert "can now" not in found
        assert found.count("(only if var.a is true)") == 2


def test_vault_that_becomes_a_default_is_reported_as_worse(kvlint: Kvlint) -> None:
    for folder, default in (("base", "false"), ("head", "true")):
        Path(folder).mkdir()
        (Path(folder) / "main.tf").write_text(DEPLOYED.replace("default = false", f"default = {default}"))
    found = kvlint("diff", "base", "head").out
    assert "azurerm_key_vault.kv[0] (before: if var.a is true)" in found
    assert "perhaps: azurerm_key_vault.kv[0] is created" in found
    assert "1 principal gains access." in found
    found = kvlint("diff", "head", "base").out
    assert "azurerm_key_vault.kv[0] (if var.a is true) (before: with the defaults)" in found
    assert "azurerm_key_vault.kv[0] may be deleted" in found
    assert "decided by: whether azurerm_key_vault.kv[0] exists (only if var.a is true)" in found


REPEATED = {
    "one": ("var.a ? 1 : 0", "count = var.a ? 1 : 0", "[0]"),
    "several": ("var.a ? 2 : 0", "count = (var.a ? 2 : 0) > 0 ? 1 : 0", "[0]"),
}


@pytest.mark.parametrize("name", REPEATED)
def test_roles_for_a_vault_that_a_switch_creates_exist_where_it_does(kvlint: Kvlint, name: str) -> None:
    amount, expected, index = REPEATED[name]
    text = DEPLOYED.replace('"p" {\n  count = var.a ? 1 : 0', f'"p" {{\n  count = {amount}')
    text = text.replace('["Get"]', '["Get", "Purge"]')
    write({"main.tf": text})
    found = kvlint("migrate-rbac", "in").out
    assert "azurerm_key_vault.kv[0] · wave 3 · in/main.tf:8:1 (if var.a is true)" in found
    assert f'resource "azurerm_role_definition" "p_role" {{\n  {expected}\n\n' in found
    assert f"azurerm_role_definition.p_role{index}.role_definition_resource_id" in found
    assert "each.key" not in found
    assert f'resource "azurerm_role_assignment" "p_custom" {{\n  {expected}\n\n' in found
    assert ("Terraform rejects the other instances of the access policy" in found) is (name == "several")
    document = json.loads(kvlint("migrate-rbac", "in", "-f", "json").out)
    (planned,) = document["vaults"]
    assert planned["condition"] == planned["policies"][0]["condition"] == "if var.a is true"


def test_generated_roles_grant_the_same_access_with_the_values_of_the_condition(kvlint: Kvlint) -> None:
    text = DEPLOYED.replace('["Get"]', '["Get", "Purge"]')
    write({"main.tf": text})
    code = kvlint("migrate-rbac", "in", "-f", "code").out
    write({"main.tf": text + code})
    for options in ((), ("--var", "a=true")):
        assert kvlint("in", *options, "--fail-on", "none").code == 0
    write({"main.tf": text.replace("sku_name", "rbac_authorization_enabled = true\n  sku_name") + code})
    found = kvlint("access", "in", "--var", "a=true").out
    assert "1 principal has access to 1 vault." in found


def test_a_single_policy_of_a_vault_that_a_switch_creates_is_replaced_under_its_condition(kvlint: Kvlint) -> None:
    policies = 'dynamic "access_policy" {\n    for_each = ["x"]\n    content {\n' + POLICY.partition("kv.id\n")[2][:-3]
    text = PROVIDER + variable("a", "bool", "false") + vault(f"  count = var.a ? 1 : 0\n  {policies}\n    }}\n  }}")
    write({"main.tf": text})
    (planned,) = json.loads(kvlint("migrate-rbac", "in", "-f", "json").out)["vaults"]
    assert [one["reason"] for one in planned["policies"]] == [None]
    code = kvlint("migrate-rbac", "in", "-f", "code").out
    assert 'for_each = { for key, value in ["x"] : key => value if (var.a ? 1 : 0) > 0 }' in code


SECURE = (
    "  purge_protection_enabled = true\n  soft_delete_retention_days = 90\n  rbac_authorization_enabled = true\n"
    "  public_network_access_enabled = false"
)


def statuses(kvlint: Kvlint, *options: str) -> dict[str, str]:
    """Return the statuses of the controls of the only vault."""
    (found,) = json.loads(kvlint("controls", "in", "-f", "json", "--framework", "all", *options).out)["vaults"]
    every = found["frameworks"]
    return {f"{framework['name']} {one['id']}": one["status"] for framework in every for one in framework["controls"]}


@pytest.mark.parametrize("more", [SECURE, "", "  rbac_authorization_enabled = true"])
def test_no_control_is_met_by_a_vault_that_a_switch_creates(kvlint: Kvlint, more: str) -> None:
    write({"main.tf": PROVIDER + variable("a", "bool", "false") + vault(f"  count = var.a ? 1 : 0\n{more}")})
    there = statuses(kvlint, "--var", "a=true")
    assert statuses(kvlint) == {name: "unknown" if status == "met" else status for name, status in there.items()}
    assert "met" in there.values()


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
def test_controls_state_the_condition_of_a_vault(kvlint: Kvlint, form: str) -> None:
    write({"main.tf": PROVIDER + variable("a", "bool", "false") + vault(f"  count = var.a ? 1 : 0\n{SECURE}")})
    found = kvlint("controls", "in", "-f", form).out
    assert "exists only if var.a is true" in found
    assert form == "json" or "(if var.a is true)" in found


def test_no_control_of_a_vault_is_met_by_a_key_that_a_switch_creates(kvlint: Kvlint) -> None:
    key = (
        'resource "azurerm_key_vault_key" "k" {\n  count = var.a ? 1 : 0\n  name = "k"\n  key_type = "RSA"\n'
        '  key_size = 4096\n  key_opts = ["sign"]\n  key_vault_id = azurerm_key_vault.kv.id\n'
        '  expiration_date = "2030-01-01T00:00:00Z"\n}\n'
    )  # fmt: skip
    write({"main.tf": PROVIDER + variable("a", "bool", "false") + vault(SECURE) + key})
    without, there = statuses(kvlint, "--var", "a=false"), statuses(kvlint, "--var", "a=true")
    assert [name for name, status in there.items() if (status, without[name]) == ("met", "not applicable")]
    assert {name: status for name, status in statuses(kvlint).items() if status == "met"}.items() <= without.items()


@pytest.mark.parametrize("rule", ["KV006", "KV051"])
def test_result_of_a_provider_has_the_condition_of_its_resources(kvlint: Kvlint, rule: str) -> None:
    versions = 'terraform {\n  required_providers {\n    azurerm = { version = "= 3.0.0" }\n  }\n}\n'
    switches = variable("a", "bool", "false") + variable("b", "bool", "false")
    text = versions + PROVIDER
    switched = vault("  count = var.a ? 1 : 0") + vault("  count = var.b ? 1 : 0", "other")
    document = checked(kvlint, {"main.tf": text + switches + switched}, "--select", rule)
    assert words(document, rule) == ["if var.a is true"]
    document = checked(kvlint, {"main.tf": text + switches + switched + vault("", "third")}, "--select", rule)
    assert words(document, rule) == [None]


@pytest.mark.parametrize("form", ["mermaid", "dot"])
def test_a_graph_states_the_condition_of_a_resource(kvlint: Kvlint, form: str) -> None:
    write({"main.tf": DEPLOYED})
    assert kvlint("graph", "in", "-f", form).out.count("if var.a is true") == 2


@pytest.mark.parametrize("form", ["text", "html"])
def test_a_cause_of_an_unknown_result_states_the_condition_of_the_resource(kvlint: Kvlint, form: str) -> None:
    text = PROVIDER + variable("a", "bool", "false") + 'variable "p" {\n  type = bool\n}\n'
    write({"main.tf": text + vault("  count = var.a ? 1 : 0\n  purge_protection_enabled = var.p")})
    assert "azurerm_key_vault.kv[0] (if var.a is true)" in kvlint("in", "--select", "KV001", "-f", form).out


MODEL = PROVIDER + variable("rbac", "bool", "false")
MODEL += vault("  rbac_authorization_enabled = var.rbac") + POLICY % "var.rbac ? 0 : 1"
ROLE = """resource "azurerm_role_assignment" "r" {
  count                = var.rbac ? 1 : 0
  scope                = azurerm_key_vault.kv.id
  role_definition_name = "Key Vault Administrator"
  principal_id         = "00000000-0000-0000-0000-000000000003"
}
"""


def test_access_by_a_role_depends_on_the_permission_model_where_the_role_exists(kvlint: Kvlint) -> None:
    write({"main.tf": MODEL + ROLE})
    rows = json.loads(kvlint("access", "in", "--permission", "secrets/get", "-f", "json").out)["rows"]
    assert {(row["certainty"], row["decidedBy"]) for row in rows} == {
        ("yes", ""),
        ("perhaps", "whether azurerm_role_assignment.r[0] exists (only if var.rbac is true)"),
    }


def test_access_by_a_policy_depends_on_the_permission_model_where_the_policy_exists(kvlint: Kvlint) -> None:
    write({"main.tf": (MODEL + ROLE).replace("default = false", "default = true")})
    rows = json.loads(kvlint("access", "in", "--permission", "secrets/get", "-f", "json").out)["rows"]
    assert {(row["certainty"], row["decidedBy"]) for row in rows} == {
        ("yes", ""),
        ("perhaps", "whether azurerm_key_vault_access_policy.p[0] exists (only if var.rbac is false)"),
    }


def test_access_by_a_policy_depends_on_the_vault_in_their_common_world(kvlint: Kvlint) -> None:
    text = PROVIDER + variable("rbac", "bool", "true") + variable("on", "bool", "false")
    text += vault("  count = var.on ? 1 : 0\n  rbac_authorization_enabled = var.rbac")
    text += (POLICY % "var.on && !var.rbac ? 1 : 0").replace("kv.id", "kv[0].id")
    write({"main.tf": text})
    (row,) = json.loads(kvlint("access", "in", "--permission", "secrets/get", "-f", "json").out)["rows"]
    assert row["certainty"] == "perhaps"
    assert "(only if var.on is true and var.rbac is false)" in row["decidedBy"]


def test_a_migration_lists_roles_that_its_switch_creates(kvlint: Kvlint) -> None:
    write({"main.tf": MODEL + ROLE})
    (role,) = json.loads(kvlint("migrate-rbac", "in", "-f", "json").out)["activated"]
    assert role["principal"] == "00000000-0000-0000-0000-000000000003"


def test_a_result_of_several_parameter_files_is_stated_without_a_condition_first(kvlint: Kvlint) -> None:
    template = f"""param on bool = false
param name string
resource kv 'Microsoft.KeyVault/vaults@2026-02-01' = if (on) {{
  name: name
  location: 'westeurope'
  {BODY}
}}
"""
    files = {
        "main.bicep": template,
        "a.bicepparam": "using 'main.bicep'\nparam name = 'kv-a'\n",
        "b.bicepparam": "using 'main.bicep'\nparam on = true\nparam name = 'kv-b'\n",
    }
    write(files)
    found = kvlint("in", "--select", "KV001", "-v").out
    assert "enabled on kv (b) [and 1 more: kv (a) (if on is true)]" in found
    assert "exists only" not in found
    (finding,) = json.loads(kvlint("in", "--select", "KV001", "-f", "json").out)["findings"]
    assert finding["condition"] is None
    assert [one["condition"] for one in finding["occurrences"]] == [None, "if on is true"]


def test_a_condition_is_in_the_sentence_of_a_sarif_message(kvlint: Kvlint) -> None:
    write({"main.tf": DEPLOYED})
    log = json.loads(kvlint("in", "--select", "KV001", "-f", "sarif").out)
    (result,) = log["runs"][0]["results"]
    assert result["message"]["text"].endswith(" (if var.a is true). See [this place](1).")


@pytest.mark.parametrize("form", ["text", "html"])
def test_every_listed_resource_has_its_condition(kvlint: Kvlint, form: str) -> None:
    call = 'module "{0}" {{\n  source = "./m"\n  on = {1}\n}}\n'
    calls = call.format("a", "true") + call.format("b", "var.b") + variable("b", "bool", "false") + PROVIDER
    write({"main.tf": calls, "m/main.tf": variable("on", "bool", "false") + vault("  count = var.on ? 1 : 0")})
    found = kvlint("in", "--select", "KV001", "-f", form, "-v").out
    rows = [line for line in found.replace("<li>", "\n").splitlines() if "module.b.azurerm_key_vault.kv[0]" in line]
    assert rows
    assert all("(if var.b is true)" in line for line in rows)
    assert "exists only" not in found
    assert found.count("called here") in (0, 2)


def test_a_row_of_a_fleet_has_the_condition(kvlint: Kvlint) -> None:
    write({"main.tf": DEPLOYED})
    assert kvlint("in").code == 1
    settings = CheckSettings(select=("KV001",))
    rows = map(json.loads, result_of("in", lint("in", settings=settings), settings).rows.splitlines())
    assert [row["condition"] for row in rows if row["kind"] == "finding"] == ["if var.a is true"]
