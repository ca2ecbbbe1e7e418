"""kvlint controls in the tests' own process: whose an answer is, what is suppressed, unread or declared elsewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.engine.rule_store import builtin_frameworks, builtin_rules
from azkvlint.linter.rule_tests import expand

if TYPE_CHECKING:
    from tests.cli.conftest import CommandOutput, Kvlint

# --- what is whose ----------------------------------------------------------------------------------------------------


class Input:
    """A folder with what a test writes into it, and the answers about that."""

    def __init__(self, folder: Path, kvlint: Kvlint) -> None:
        self.folder = folder
        self._kvlint = kvlint
        self.paths = ["."]

    def write(self, name: str, text: str | bytes) -> Input:
        data = text if isinstance(text, bytes) else text.encode()
        (self.folder / name).write_bytes(data)
        return self

    def run(self, *words: str) -> CommandOutput:
        return self._kvlint("controls", *self.paths, "--as-of", "2026-11-01", *words)

    def document(self, *words: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.run("-f", "json", *words).out)
        return answer

    def row(self, id_: str, *words: str) -> dict[str | None, dict[str, Any]]:
        """A row of each vault, by the vault's name."""
        rows = {}
        for vault in self.document(*words)["vaults"]:
            (rows[vault["name"]],) = [row for row in vault["frameworks"][0]["controls"] if row["id"] == id_]
        return rows

    def status(self, id_: str, *words: str) -> dict[str | None, str]:
        return {name: row["status"] for name, row in self.row(id_, *words).items()}


def statuses(vault: dict[str, Any]) -> dict[str, str]:
    return {row["id"]: row["status"] for row in vault["frameworks"][0]["controls"]}


@pytest.fixture
def given(kvlint: Kvlint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Input:
    folder = tmp_path / "given"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Input(folder, kvlint)


OWN = """
name: acme
title: What ACME asks for
about: A few rows.
references: [https://acme.example/controls]
controls:
  - {id: purge, title: Purge protection, rules: [KV001]}
  - {id: secrets, title: Secrets expire, rules: [KV601]}
  - {id: logs, title: Logs are exported, rules: [KV201, KV202]}
  - {id: grants, title: Narrow grants, rules: [KV402]}
  - {id: self, title: No grants to oneself, rules: [KV403]}
  - {id: provider, title: Nothing is purged, rules: [KV006]}
  - {id: nothing, title: Something nobody asks for}
  - id: sku
    title: Secrets of premium vaults expire
    also:
      - rules: [KV601]
        when: {attribute: properties.sku.name, equals: premium}
  - id: rbac
    title: Secrets of a vault with RBAC expire
    rules: [KV601]
    when: {attribute: derived.accessModel, equals: Azure RBAC}
"""


@pytest.fixture
def acme(given: Input) -> Input:
    (given.folder.parent / "acme.yaml").write_text(OWN, encoding="utf-8")
    return given


ACME = ("--framework", "../acme.yaml")
TWO = """
azurerm_key_vault.a: {name: a, purge_protection_enabled: true, rbac_authorization_enabled: true}
azurerm_key_vault.b: {name: b, purge_protection_enabled: false, rbac_authorization_enabled: false}
"""


def test_each_vault_has_its_own_control_status(acme: Input) -> None:
    acme.write("plan.json", expand(TWO))
    assert acme.status("purge", *ACME) == {"a": "met", "b": "not met"}
    assert acme.run(*ACME).code == 1


ACTIVITY = """
azurerm_key_vault.a: {name: a}
azurerm_monitor_diagnostic_setting.activity:
  name: activity
  target_resource_id: /subscriptions/00000000-0000-0000-0000-000000000000
  log_analytics_workspace_id: /subscriptions/0/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/w
  enabled_log: [%s]
"""
SECURITY = "{category: Administrative}, {category: Alert}, {category: Policy}, {category: Security}"


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        pytest.param("azurerm_key_vault.a: {name: a}", "guaranteed by the platform", id="no export"),
        pytest.param(ACTIVITY % "{category: ServiceHealth}", "not met", id="service health only"),
        pytest.param(ACTIVITY % SECURITY, "met", id="all security categories"),
    ],
)
def test_an_export_of_the_activity_log_decides_on_the_audit_of_the_control_plane(
    plan: str, expected: str, given: Input
) -> None:
    given.write("plan.json", expand(plan))
    assert given.status("5.1") == {"a": expected}


def test_cis_control_requires_an_export_and_another_its_categories(given: Input) -> None:
    given.write("plan.json", expand(ACTIVITY % "{category: ServiceHealth}"))
    cis = ("--framework", "cis-azure-6.0.0")
    assert given.status("6.1.1.1", *cis) == {"a": "met"}
    assert given.status("6.1.1.2", *cis) == {"a": "not met"}
    assert given.status("7.16", *cis) == {"a": "not met"}


def test_met_control_has_evidence(acme: Input) -> None:
    acme.write("main.tf", 'resource "azurerm_key_vault" "a" {\n  name = "a"\n  purge_protection_enabled = true\n}\n')
    (evidence,) = acme.row("purge", *ACME)["a"]["evidence"]
    assert (evidence["ruleId"], evidence["outcome"]) == ("KV001", "pass")
    assert (evidence["resource"], evidence["location"]["line"]) == ("azurerm_key_vault.a", 3)
    assert evidence["found"] == "`purge_protection_enabled` is `true`"


def test_object_belongs_to_the_row_of_its_vault(acme: Input) -> None:
    secret = 'azurerm_key_vault_secret.s: {name: s, value: x, key_vault_id: "${azurerm_key_vault.b.id}"}'
    acme.write("plan.json", expand(TWO + secret))
    assert acme.status("secrets", *ACME) == {"a": "not applicable", "b": "not met"}


def test_object_of_one_of_two_vaults_is_unknown_for_both(acme: Input) -> None:
    acme.write(
        "main.tf",
        """
        variable "first" { type = bool }
        resource "azurerm_key_vault" "a" { name = "a" }
        resource "azurerm_key_vault" "b" { name = "b" }
        resource "azurerm_key_vault_secret" "s" {
          name         = "s"
          value        = "x"
          key_vault_id = var.first ? azurerm_key_vault.a.id : azurerm_key_vault.b.id
        }
        """,
    )
    assert acme.status("secrets", *ACME) == {"a": "unknown", "b": "unknown", None: "not met"}
    rows = acme.row("secrets", *ACME)
    assert [rows[name]["evidence"][0]["perhaps"] for name in ("a", "b", None)] == [True, True, False]
    assert acme.run(*ACME).code == 1


def test_an_object_in_a_vault_that_is_not_in_the_input(acme: Input) -> None:
    acme.write(
        "main.tf",
        """
        variable "vault" {}
        resource "azurerm_key_vault_secret" "s" {
          name         = "s"
          value        = "x"
          key_vault_id = var.vault
        }
        """,
    )
    (outside,) = acme.document(*ACME)["vaults"]
    assert (outside["name"], outside["root"]) == (None, ".")
    # Rows about a vault have nothing to do with it; whether its vault uses RBAC, nobody knows.
    assert statuses(outside) == {"secrets": "not met", "sku": "unknown", "rbac": "unknown"}
    assert acme.run(*ACME).code == 1
    assert "No vault: " in acme.run(*ACME).out


def test_object_of_an_unknown_vault_makes_the_control_unknown(acme: Input) -> None:
    acme.write(
        "main.tf",
        """
        variable "vault" {}
        resource "azurerm_key_vault" "a" { name = "a" }
        resource "azurerm_key_vault_secret" "s" {
          count        = 20
          name         = "s${count.index}"
          value        = "x"
          key_vault_id = var.vault
        }
        """,
    )
    rows = acme.row("secrets", *ACME)
    assert {name: row["status"] for name, row in rows.items()} == {"a": "unknown", None: "not met"}
    assert [len(rows[name]["evidence"]) for name in ("a", None)] == [5, 20]


def test_vault_of_a_data_source_is_unknown(acme: Input) -> None:
    secret = 'azurerm_key_vault_secret.s: {name: s, value: x, key_vault_id: "${data.azurerm_key_vault.old.id}"}'
    data = "data.azurerm_key_vault.old: {name: old, resource_group_name: rg}"
    acme.write("plan.json", expand(f"{data}\n{secret}\n"))
    assert acme.status("secrets", *ACME) == {"old": "not met"}
    assert acme.status("purge", *ACME) == {"old": "unknown"}


def test_vault_of_a_data_source_without_objects_is_not_listed(acme: Input) -> None:
    acme.write("plan.json", expand(f"{TWO}\ndata.azurerm_key_vault.old: {{name: old, resource_group_name: rg}}"))
    assert set(acme.status("purge", *ACME)) == {"a", "b"}


def test_deleted_vault_is_not_listed(acme: Input) -> None:
    acme.write("plan.json", expand(f"{TWO}\nazurerm_key_vault.old: {{$action: delete, name: old}}"))
    assert set(acme.status("purge", *ACME)) == {"a", "b"}


def test_role_assignment_on_the_subscription_affects_every_vault(acme: Input) -> None:
    grant = "azurerm_role_assignment.g: {scope: /subscriptions/1, role_definition_name: Owner, principal_id: p}"
    acme.write("plan.json", expand(TWO + grant))
    assert acme.status("grants", *ACME) == {"a": "not met", "b": "not met"}


def test_role_assignment_affects_only_vaults_with_access_policies(acme: Input) -> None:
    """Whoever may write a vault can grant themselves access, where that is by access policies: in b."""
    group = "azurerm_resource_group.g: {name: g, location: x}"
    vaults = TWO.replace("{name", "{resource_group_name: '${azurerm_resource_group.g.name}', name")
    grant = (
        'azurerm_role_assignment.g: {scope: "${azurerm_resource_group.g.id}", role_definition_name: Owner, '
        "principal_id: p}"
    )
    acme.write("plan.json", expand(f"{group}\n{vaults.replace('${azurerm_resource_group.g.name}', 'g')}\n{grant}\n"))
    assert acme.status("self", *ACME) == {"a": "not applicable", "b": "not met"}


def test_result_of_a_provider_applies_to_every_vault(acme: Input) -> None:
    text = 'provider "azurerm" {\n  features {}\n}\nresource "azurerm_key_vault" "a" {\n  name = "a"\n}\n'
    acme.write("main.tf", text)
    assert acme.status("provider", *ACME) == {"a": "not met"}


def test_result_of_a_provider_applies_to_the_vaults_of_its_plan_only(acme: Input) -> None:
    acme.write("main.tf", 'resource "azurerm_key_vault" "a" {\n  name = "a"\n}\n')
    for name, on in (("dev", "true"), ("prod", "false")):
        switches = "".join(
            f"purge_soft_deleted_{one}_on_destroy: {on}, " for one in ("secrets", "keys", "certificates")
        )
        features = f"{{key_vault: {{{switches}purge_soft_delete_on_destroy: {on}}}}}"
        provider = f'provider.azurerm: {{version: "~> 4.0", features: {features}}}'
        acme.write(f"{name}.json", expand(f"{provider}\nazurerm_key_vault.a: {{name: a}}\n"))
    rows = {
        vault["root"]: statuses(vault)["provider"] for vault in acme.document("dev.json", "prod.json", *ACME)["vaults"]
    }
    assert rows == {"dev.json": "not met", "prod.json": "met"}


def test_role_assignment_without_a_vault_has_a_row_of_its_own(acme: Input) -> None:
    acme.write(
        "plan.json",
        expand(
            "azurerm_role_assignment.g: {scope: /subscriptions/1, role_definition_name: Owner, principal_id: p}\n"
            "data.azurerm_key_vault.old: {name: old, resource_group_name: rg}"
        ),
    )
    assert set(acme.status("grants", *ACME).values()) == {"not met"}


def test_diagnostic_setting_belongs_to_the_vault_that_it_names(acme: Input) -> None:
    setting = (
        'azurerm_monitor_diagnostic_setting.d: {name: d, target_resource_id: "${azurerm_key_vault.a.id}", '
        "log_analytics_workspace_id: w, enabled_log: [{category: AuditEvent}]}"
    )
    acme.write("plan.json", expand(TWO + setting))
    assert acme.status("logs", *ACME) == {"a": "met", "b": "not met"}


def test_control_for_other_vaults_is_not_applicable(acme: Input) -> None:
    secrets = "\n".join(
        f'azurerm_key_vault_secret.{name}: {{name: s, value: x, key_vault_id: "${{azurerm_key_vault.{name}.id}}"}}'
        for name in "ab"
    )
    acme.write("plan.json", expand(TWO + secrets))
    assert acme.status("rbac", *ACME) == {"a": "not met", "b": "not applicable"}
    why = "the control applies to other vaults: permission model: access policies (the value is `false`)"
    assert acme.row("rbac", *ACME)["b"]["why"] == why


def test_row_that_may_be_about_this_vault_is_unknown(acme: Input) -> None:
    vault = "azurerm_key_vault.a: {name: a, rbac_authorization_enabled: '${var.rbac}'}"
    secret = 'azurerm_key_vault_secret.s: {name: s, value: x, key_vault_id: "${azurerm_key_vault.a.id}"}'
    acme.write("plan.json", expand(f"{vault}\n{secret}\n"))
    assert acme.status("rbac", *ACME) == {"a": "unknown"}


@pytest.mark.parametrize(
    ("sku", "status"), [("premium", "not met"), ("standard", "not applicable"), ("${var.sku}", "unknown")]
)
def test_control_of_a_rule_with_a_condition_is_not_applicable_to_other_vaults(
    sku: str, status: str, acme: Input
) -> None:
    vault = f"azurerm_key_vault.a: {{name: a, sku_name: '{sku}'}}"
    secret = 'azurerm_key_vault_secret.s: {name: s, value: x, key_vault_id: "${azurerm_key_vault.a.id}"}'
    acme.write("plan.json", expand(f"{vault}\n{secret}\n"))
    assert acme.status("sku", *ACME) == {"a": status}


def test_deleted_secret_belongs_to_its_vault(acme: Input) -> None:
    """A deleted secret refers to nothing any more, but its vault's id is known."""
    vault = "/subscriptions/1/resourceGroups/g/providers/Microsoft.KeyVault/vaults/a"
    plan = f"azurerm_key_vault_secret.s: {{$action: delete, name: s, $before: {{name: s, key_vault_id: {vault}}}}}"
    (acme.folder.parent / "acme.yaml").write_text(OWN.replace("[KV601]", "[KV005]"), encoding="utf-8")
    acme.write("plan.json", expand(TWO + plan))
    assert acme.status("secrets", *ACME) == {"a": "not met", "b": "met"}


def test_a_row_without_a_rule_is_never_met(acme: Input) -> None:
    acme.write("plan.json", expand(TWO))
    assert acme.status("nothing", *ACME) == {"a": "no rule", "b": "no rule"}


# --- suppressed, not whole, strict ------------------------------------------------------------------------------------


def test_suppressed_finding_is_not_met_and_shows_its_reason(acme: Input) -> None:
    acme.write(
        "main.tf",
        """
        # kvlint: ignore[KV001] thrown away every night
        resource "azurerm_key_vault" "a" { name = "a" }
        """,
    )
    row = acme.row("purge", *ACME)["a"]
    assert row["status"] == "not met"
    assert row["evidence"][0]["suppression"]["justification"] == "thrown away every night"
    assert acme.run(*ACME).code == 1
    assert "suppressed: thrown away every night" in " ".join(acme.run(*ACME).out.split())


def test_finding_disabled_in_bicep_is_not_met(acme: Input) -> None:
    acme.write(
        "main.bicep",
        """
#disable-next-line KV001
resource a 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: 'a'
  properties: {}
}
""",
    )
    row = acme.row("purge", *ACME)["a"]
    assert row["status"] == "not met"
    assert row["evidence"][0]["suppression"] is not None


def test_an_input_that_cannot_be_read(acme: Input) -> None:
    acme.write("plan.json", expand(TWO)).write("broken.tf", 'resource "azurerm_key_vault" "x" {')
    for form in ("text", "markdown", "html"):
        assert acme.run(*ACME, "-f", form).code == 3
        assert "broken.tf" in acme.run(*ACME, "-f", form).out
    assert acme.document(*ACME)["problems"]


def test_unknown_counts_only_with_strict(acme: Input) -> None:
    only = "name: one\ntitle: One\nabout: One.\nreferences: [https://a.b/]\ncontrols:\n"
    (acme.folder.parent / "acme.yaml").write_text(f"{only}  - {{id: p, title: P, rules: [KV001]}}\n", encoding="utf-8")
    acme.write("plan.json", expand("azurerm_key_vault.a: {name: a, purge_protection_enabled: '${var.p}'}"))
    assert acme.status("p", *ACME) == {"a": "unknown"}
    assert (acme.run(*ACME).code, acme.run(*ACME, "--strict").code) == (0, 1)


def test_input_without_a_vault_has_no_rows(given: Input) -> None:
    given.write("main.tf", 'resource "azurerm_resource_group" "g" {\n  name = "g"\n}\n')
    assert given.run().code == 0
    for form in ("text", "markdown", "html"):
        assert "o vault or managed HSM was found in the input" in given.run("-f", form).out


def test_folder_without_input_is_incomplete(given: Input) -> None:
    assert given.run().code == 3


# --- several inputs ---------------------------------------------------------------------------------------------------


def test_two_sets_of_parameters_are_two_deployments(acme: Input) -> None:
    acme.write(
        "main.bicep",
        """
param purge bool
resource a 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: 'a'
  properties: { enablePurgeProtection: purge }
}
""",
    )
    for name, value in (("dev", "false"), ("prod", "true")):
        text = f'{{"$schema": "x/deploymentParameters.json#", "parameters": {{"purge": {{"value": {value}}}}}}}'
        acme.write(f"main.parameters.{name}.json", text)
    rows = {vault["parameters"]: statuses(vault)["purge"] for vault in acme.document(*ACME)["vaults"]}
    assert rows == {"main.parameters.dev.json": "not met", "main.parameters.prod.json": "met"}


def test_vaults_of_different_deployments_have_different_names(acme: Input) -> None:
    for folder in ("shared", "envs/dev", "envs/prod"):
        (acme.folder / folder).mkdir(parents=True)
    acme.write("shared/main.tf", 'resource "azurerm_key_vault" "kv" {\n  name = "kv"\n}\n')
    for name in ("dev", "prod"):
        acme.write(f"envs/{name}/main.tf", 'module "kv" {\n  source = "../../shared"\n}\n')
    acme.write(
        "main.bicep",
        """
param purge bool
resource a 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: 'kv'
  properties: { enablePurgeProtection: purge }
}
resource b 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: 'kv'
  properties: { enablePurgeProtection: purge }
}
""",
    )
    for name, value in (("dev", "false"), ("prod", "true")):
        text = f'{{"$schema": "x/deploymentParameters.json#", "parameters": {{"purge": {{"value": {value}}}}}}}'
        acme.write(f"main.parameters.{name}.json", text)
    labels = [
        "kv of envs/dev", "kv of envs/prod", "kv of main.bicep (dev), a", "kv of main.bicep (dev), b",
        "kv of main.bicep (prod), a", "kv of main.bicep (prod), b",
    ]  # fmt: skip
    assert sorted(re.findall("^kv .*", acme.run(*ACME).out, re.MULTILINE)) == labels
    assert sorted(re.findall("^## (.*)", acme.run(*ACME, "-f", "markdown").out, re.MULTILINE)) == labels
    page = acme.run(*ACME, "-f", "html").out
    assert sorted(re.findall('<a href="#vault-[0-9]">(.*?)</a>', page)) == labels


def test_two_plans_of_one_root_are_two_deployments(acme: Input) -> None:
    text = 'variable "p" { type = bool }\nresource "azurerm_key_vault" "a" {\n  name = "a"\n'
    acme.write("main.tf", f"{text}  purge_protection_enabled = var.p\n}}\n")
    for name, value in (("dev", "false"), ("prod", "true")):
        acme.write(f"{name}.json", expand(f"azurerm_key_vault.a: {{name: a, purge_protection_enabled: {value}}}"))
    rows = {
        vault["root"]: statuses(vault)["purge"] for vault in acme.document("dev.json", "prod.json", *ACME)["vaults"]
    }
    assert rows == {"dev.json": "not met", "prod.json": "met"}


def test_bicep_file_and_its_compiled_template_are_one_deployment(acme: Input) -> None:
    acme.write(
        "main.bicep", "resource a 'Microsoft.KeyVault/vaults@2023-07-01' = {\n  name: 'a'\n  properties: {}\n}\n"
    )
    resource = {"type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": "a", "properties": {}}
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "metadata": {"_generator": {"name": "bicep"}},
        "resources": [resource],
    }
    acme.write("main.json", json.dumps(template))
    (vault,) = acme.document(*ACME)["vaults"]
    assert (vault["resource"], statuses(vault)["purge"]) == ("a", "not met")


# --- frameworks -------------------------------------------------------------------------------------------------------


def test_several_frameworks_are_reported_in_one_run(given: Input) -> None:
    given.write("plan.json", expand(TWO))
    found = given.document("--framework", "mcsb,cis-azure-5.0.0", "--framework", "cis-azure")
    assert [one["name"] for one in found["frameworks"]] == ["mcsb", "cis-azure-5.0.0", "cis-azure-6.0.0"]
    assert [one["name"] for one in found["vaults"][0]["frameworks"]] == ["mcsb", "cis-azure-5.0.0", "cis-azure-6.0.0"]


def test_all_selects_every_framework(given: Input) -> None:
    given.write("plan.json", expand(TWO))
    found = given.document("--framework", "all")
    assert len(found["frameworks"]) == len(builtin_frameworks(builtin_rules()))


def test_unknown_framework_is_an_error(given: Input) -> None:
    given.write("plan.json", expand(TWO))
    ran = given.run("--framework", "cis-azure-5.1")
    assert (ran.code, ran.out) == (2, "")
    assert "unknown control framework 'cis-azure-5.1' (did you mean 'cis-azure-5.0.0'?)" in ran.err


def test_missing_framework_file_is_an_error(given: Input) -> None:
    given.write("plan.json", expand(TWO))
    said = given.run("--framework", "none.yaml")
    assert (said.code, said.out) == (2, "")
    assert "the control framework file 'none.yaml' does not exist" in said.err


@pytest.mark.parametrize("words", [("-f", "sarif"), ("--framework", ","), ("--set", "KV003.nothing=1")])
def test_invalid_arguments_are_an_error(words: tuple[str, str], given: Input) -> None:
    given.write("plan.json", expand(TWO))
    assert given.run(*words).code == 2


def test_several_formats_in_one_run(given: Input) -> None:
    given.write("plan.json", expand(TWO))
    said = given.run("-f", "text", "-f", "html=../page.html", "-f", "json=../answers.json")
    assert said.out.startswith("Framework: Security controls for Azure Key Vault (key-vault)\n")
    assert (given.folder.parent / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert json.loads((given.folder.parent / "answers.json").read_bytes())["version"] == 1


def test_invalid_framework_file_is_an_error(acme: Input) -> None:
    acme.write("plan.json", expand(TWO))
    (acme.folder.parent / "acme.yaml").write_text(OWN.replace("KV402", "KV402x"), encoding="utf-8")
    ran = acme.run(*ACME)
    assert (ran.code, ran.out) == (3, "")
    assert "../acme.yaml:10:48: there is no rule 'KV402x'; did you mean 'KV402'?" in ran.err


def test_custom_rule_decides_the_controls_that_it_names(given: Input) -> None:
    rule = """
id: ACME-1
name: tagged
title: Every vault says who owns it
severity: low
resource: Microsoft.KeyVault/vaults
require: {attribute: tags.owner, is: set}
message: "'{resource}' has no owner."
why: Ask.
fix: Tag it.
references: [https://acme.example/]
controls: {mcsb: [AM-2]}
examples:
  - fails: none
    plan: |
      azurerm_key_vault.a:  # <- ACME-1
        name: a
  - passes: one
    plan: |
      azurerm_key_vault.a:
        name: a
        tags: {owner: me}
"""
    (given.folder.parent / "ACME-1-tagged.yaml").write_text(rule, encoding="utf-8")
    given.write("plan.json", expand(TWO))
    words = ("--framework", "mcsb", "--rules", "../ACME-1-tagged.yaml")
    assert given.status("AM-2", *words) == {"a": "not met", "b": "not met"}


def test_parameters_of_rules_can_be_set(acme: Input) -> None:
    (acme.folder.parent / "acme.yaml").write_text(OWN.replace("[KV001]", "[KV003]"), encoding="utf-8")
    acme.write("plan.json", expand("azurerm_key_vault.a: {name: a, soft_delete_retention_days: 30}"))
    assert acme.status("purge", *ACME) == {"a": "not met"}
    assert acme.status("purge", *ACME, "--set", "KV003.minimum=30") == {"a": "met"}
