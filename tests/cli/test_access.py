"""kvlint access in the tests' own process: paths, filters, gates, formats, and what bad input gets."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.linter.rule_tests import expand
from tests.reporters.browser import Parsed, find_chromium, results

if TYPE_CHECKING:
    from tests.cli.conftest import CommandOutput, Kvlint

VAULT = """
resource "azurerm_resource_group" "rg" {
  name     = "rg"
  location = "westeurope"
}

resource "azurerm_key_vault" "app" {
  name                       = "app"
  resource_group_name        = azurerm_resource_group.rg.name
  rbac_authorization_enabled = %s
}
"""
ASSIGNMENT = """
resource "azurerm_role_assignment" "{name}" {{
  scope                = {scope}
  role_definition_name = "{role}"
  principal_id         = {principal}
  {more}
}}
"""
GUID = '"11111111-1111-1111-1111-111111111111"'
OTHER = '"22222222-2222-2222-2222-222222222222"'
GROUP, APP = "azurerm_resource_group.rg.id", "azurerm_key_vault.app.id"


def assignment(role: str, scope: str = APP, principal: str = GUID, more: str = "", name: str = "who") -> str:
    return ASSIGNMENT.format(name=name, scope=scope, role=role, principal=principal, more=more)


class Input:
    """A folder with what a test writes into it, and the access in it."""

    def __init__(self, folder: Path, kvlint: Kvlint) -> None:
        self.folder = folder
        self._kvlint = kvlint

    def write(self, text: str, name: str = "main.tf") -> Input:
        (self.folder / name).write_text(text)
        return self

    def run(self, *words: str) -> CommandOutput:
        return self._kvlint("access", ".", *words)

    def rows(self, *words: str) -> dict[tuple[str, str], tuple[str, str, str]]:
        """The certainty, last step and edit of the best path, by principal and permission."""
        report: dict[str, Any] = json.loads(self.run("-f", "json", *words).out)
        labels = {one["key"]: one["label"] for one in report["principals"]}
        found: dict[tuple[str, str], tuple[str, str, str]] = {}
        for row in report["rows"]:
            key = labels[row["principal"]], row["permission"]
            if key not in found or found[key][0] == "perhaps":
                found[key] = row["certainty"], row["path"][-1]["text"], row["edit"]
        return found

    def sure(self, permission: str, *words: str) -> dict[str, str]:
        return {who: row[0] for (who, what), row in self.rows(*words).items() if what == permission}


@pytest.fixture
def given(kvlint: Kvlint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Input:
    folder = tmp_path / "given"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Input(folder, kvlint)


WHO = GUID.strip('"')

# --- paths ------------------------------------------------------------------------------------------------------------


def test_a_policy_is_narrowed_by_the_words_of_the_permission(given: Input) -> None:
    policy = f'access_policy {{\n  object_id = {GUID}\n  secret_permissions = ["Get", "List", "Set"]\n}}\n}}'
    rows = given.write((VAULT % "false").rstrip().removesuffix("}") + policy).rows()
    assert rows[WHO, "secrets/get"][2] == "remove `Get` from `secret_permissions` in azurerm_key_vault.app"
    assert rows[WHO, "manage"][2] == "remove `Set` from `secret_permissions` in azurerm_key_vault.app"
    assert (WHO, "purge") not in rows


@pytest.mark.parametrize("expression", ["var.id", "local.object_id", 'lookup({ id = var.id }, "id", "")'])
def test_a_variable_named_like_an_attribute_keeps_its_name(given: Input, expression: str) -> None:
    policy = f'access_policy {{\n  object_id = {expression}\n  secret_permissions = ["Get"]\n}}\n}}\n'
    inputs = 'variable "id" {}\nvariable "who" {}\nlocals { object_id = var.who }\n'
    rows = given.write((VAULT % "false").rstrip().removesuffix("}") + policy + inputs).rows()
    assert {who for who, _ in rows} == {"var.who" if "local" in expression else "var.id"}


def test_a_policy_for_one_permission_is_removed(given: Input) -> None:
    policy = f"""
resource "azurerm_key_vault_access_policy" "who" {{
  key_vault_id       = {APP}
  object_id          = {GUID}
  secret_permissions = ["Get"]
}}
"""
    rows = given.write(VAULT % "false" + policy).rows()
    assert rows == {(WHO, "secrets/get"): (
        "yes", "access policy azurerm_key_vault_access_policy.who", "remove azurerm_key_vault_access_policy.who",
    )}  # fmt: skip


def test_not_actions_are_subtracted(given: Input) -> None:
    role = """
resource "azurerm_role_definition" "ops" {
  name  = "ops"
  scope = azurerm_resource_group.rg.id
  permissions {
    actions          = ["Microsoft.KeyVault/*"]
    not_actions      = ["Microsoft.KeyVault/vaults/write"]
    data_actions     = ["Microsoft.KeyVault/vaults/secrets/*"]
    not_data_actions = ["Microsoft.KeyVault/vaults/secrets/getSecret/action"]
  }
}
"""
    rows = given.write(VAULT % "true" + role + assignment("ops")).rows()
    assert {what: row[0] for (_, what), row in rows.items()} == {"manage": "yes", "purge": "yes", "delete": "yes"}


def test_a_condition_may_exclude_data_actions(given: Input) -> None:
    limited = assignment("Key Vault Secrets User", more="condition = \"@Resource[name] StringEquals 'a'\"")
    assert given.write(VAULT % "true" + limited).sure("secrets/get") == {WHO: "perhaps"}


@pytest.mark.parametrize(("role", "sure"), [("00482a5a-887f-4fb3-b363-3b7fe8e74483", "yes"), ("acdd72a7", None)])
def test_condition_of_a_role_administrator_limits_the_roles_to_assign(
    given: Input, role: str, sure: str | None
) -> None:
    text = (
        "(!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR "
        f"(@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] GuidEquals {role})"
    )
    limited = assignment("Role Based Access Control Administrator", more=f'condition = "{text}"')
    assert given.write(VAULT % "true" + limited).sure("secrets/get").get(WHO) == sure


def test_an_eligible_role_must_be_activated(given: Input) -> None:
    eligible = f"""
resource "azurerm_pim_eligible_role_assignment" "who" {{
  scope              = {APP}
  role_definition_id = "/providers/Microsoft.Authorization/roleDefinitions/4633458b-17de-408a-b874-0445c86b69e6"
  principal_id       = {GUID}
}}
"""
    assert given.write(VAULT % "true" + eligible).sure("secrets/get") == {WHO: "perhaps"}


def test_a_role_that_is_not_declared_may_allow_anything(given: Input) -> None:
    rows = given.write(VAULT % "true" + assignment("Elsewhere")).rows()
    assert {row[0] for row in rows.values()} == {"perhaps"}
    assert {what for _, what in rows} >= {"secrets/get", "keys/use", "purge", "network", "access", "delete"}


def test_a_role_on_one_secret_reads_no_more_than_secrets(given: Input) -> None:
    rows = given.write(VAULT % "true" + assignment("Owner", f'"${{{APP}}}/secrets/one"')).rows()
    assert {what for _, what in rows} == {"secrets/get", "manage", "purge"}


def test_a_custom_role_is_found_by_its_id_if_its_name_is_unknown(given: Input) -> None:
    role = """
variable "name" {}
resource "azurerm_role_definition" "own" {
  name  = var.name
  scope = azurerm_resource_group.rg.id
  permissions {
    data_actions = ["Microsoft.KeyVault/vaults/keys/sign/action"]
  }
}
"""
    text = assignment("").replace(
        'role_definition_name = ""', "role_definition_id = azurerm_role_definition.own.role_definition_resource_id"
    )
    rows = given.write(VAULT % "true" + role + text).rows()
    assert {what: row[0] for (_, what), row in rows.items()} == {"keys/use": "yes"}


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("Key Vault Crypto User", {"keys/list"}),
        ("Key Vault Crypto Officer", {"keys/list", "keys/getrotationpolicy", "keys/setrotationpolicy"}),
        ("Key Vault Reader", {"keys/list", "keys/getrotationpolicy", "certificates/list", "certificates/getissuers"}),
        ("Key Vault Certificates Officer",
         {"certificates/list", "certificates/getissuers", "certificates/setissuers", "certificates/managecontacts"}),
    ],
)  # fmt: skip
def test_roles_allow_every_permission_that_policies_have(given: Input, role: str, allowed: set[str]) -> None:
    words = (
        "keys/list", "keys/getrotationpolicy", "keys/setrotationpolicy", "certificates/list", "certificates/getissuers",
        "certificates/setissuers", "certificates/managecontacts",
    )  # fmt: skip
    rows = given.write(VAULT % "true" + assignment(role)).rows(*(f"--permission={word}" for word in words))
    assert {what: row[0] for (_, what), row in rows.items()} == dict.fromkeys(allowed, "yes")


@pytest.mark.parametrize(("scope", "found"), [("data.azurerm_subscription.s.id", True), (GROUP, False)])
def test_deleted_vaults_belong_to_the_subscription(given: Input, scope: str, found: bool) -> None:
    text = VAULT % "true" + 'data "azurerm_subscription" "s" {}\n' + assignment("Key Vault Purge Operator", scope)
    assert ((WHO, "purge") in given.write(text).rows()) == found


def test_purge_protection_removes_the_permission_to_purge(given: Input) -> None:
    vault = (VAULT % "true").replace("  rbac", "  purge_protection_enabled = true\n  rbac")
    text = vault + assignment("Key Vault Administrator") + assignment("Owner", GROUP, OTHER, name="owner")
    rows = given.write(text).rows()
    assert "purge" not in {what for _, what in rows}
    assert rows[WHO, "secrets/get"][0] == "yes"


def test_key_vault_contributor_has_no_permission_on_managed_hsms(given: Input) -> None:
    hsm = """
resource "azurerm_resource_group" "rg" {
  name = "rg"
}

resource "azurerm_key_vault_managed_hardware_security_module" "app" {
  name                = "app"
  resource_group_name = azurerm_resource_group.rg.name
  admin_object_ids    = ["22222222-2222-2222-2222-222222222222"]
}
"""
    given.write(hsm + assignment("Key Vault Contributor", GROUP) + assignment("Contributor", GROUP, OTHER, name="c"))
    rows = given.rows()
    assert {who for who, _ in rows} == {OTHER.strip('"')}
    assert {what: row[0] for (_, what), row in rows.items()} == dict.fromkeys(
        ("keys/use", "manage", "purge", "network", "access", "delete"), "yes"
    )


def test_the_auditor_of_a_managed_hsm_is_disputed(given: Input) -> None:
    hsm = """
resource "azurerm_key_vault_managed_hardware_security_module" "app" {
  name                     = "app"
  resource_group_name      = "rg"
  purge_protection_enabled = false
}

resource "azurerm_key_vault_managed_hardware_security_module_role_assignment" "who" {
  managed_hsm_id     = azurerm_key_vault_managed_hardware_security_module.app.id
  scope              = "/keys"
  role_definition_id = "/providers/Microsoft.Authorization/roleDefinitions/2c18b078-7c48-4d3a-af88-5a3a1b3f82b3"
  principal_id       = "11111111-1111-1111-1111-111111111111"
}
"""
    assert {what: row[0] for (_, what), row in given.write(hsm).rows().items()} == {"purge": "perhaps"}


@pytest.mark.parametrize("flag", ["true", "false"])
def test_role_to_deploy_templates_reads_secrets_of_the_vault(given: Input, flag: str) -> None:
    vault = (VAULT % "true").replace("  rbac", f"  enabled_for_template_deployment = {flag}\n  rbac")
    assert given.write(vault + assignment("Contributor", GROUP)).sure("secrets/get") == {WHO: "yes"}


def test_chain_through_groups_apps_and_federated_credentials_is_followed(given: Input) -> None:
    text = (
        VAULT % "true"
        + assignment("Website Contributor", GROUP)
        + assignment("Key Vault Secrets User", principal="azuread_group.team.object_id", name="team")
        + """
resource "azurerm_user_assigned_identity" "web" {
  name                = "web"
  resource_group_name = azurerm_resource_group.rg.name
}

resource "azurerm_linux_web_app" "web" {
  name                = "web"
  resource_group_name = azurerm_resource_group.rg.name
  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.web.id]
  }
}

resource "azuread_group" "team" {
  display_name = "team"
  members      = [azurerm_user_assigned_identity.web.principal_id]
}

resource "azurerm_federated_identity_credential" "pull" {
  name      = "pull"
  parent_id = azurerm_user_assigned_identity.web.id
  issuer    = "https://token.actions.githubusercontent.com"
  subject   = "repo:acme/web:pull_request"
}
"""
    )
    report = json.loads(given.write(text).run("-f", "json").out)
    labels = {one["key"]: one["label"] for one in report["principals"]}
    paths = {labels[row["principal"]]: [step["kind"] for step in row["path"]] for row in report["rows"]}
    assert paths == {
        WHO: ["role", "run as", "group", "role"],
        "azuread_group.team": ["role"],
        "azurerm_user_assigned_identity.web": ["group", "role"],
        "repo:acme/web:pull_request of https://token.actions.githubusercontent.com": ["federated", "group", "role"],
    }
    lines = {step["location"]["line"] for row in report["rows"] for step in row["path"]}
    assert None not in lines
    assert {row["certainty"] for row in report["rows"]} == {"yes"}


@pytest.mark.parametrize("argument", ["application_id", "application_object_id"])
def test_subject_of_a_federated_credential_has_access(given: Input, argument: str) -> None:
    attribute = "id" if argument == "application_id" else "object_id"
    text = f"""
resource "azuread_application" "deploys" {{
  display_name = "deploys"
}}

resource "azuread_service_principal" "deploys" {{
  client_id = azuread_application.deploys.client_id
}}

resource "azuread_application_federated_identity_credential" "main" {{
  {argument} = azuread_application.deploys.{attribute}
  display_name = "main"
  issuer = "https://token.actions.githubusercontent.com"
  subject = "repo:acme/web:ref:refs/heads/main"
}}
"""
    reads = assignment("Key Vault Secrets User", principal="azuread_service_principal.deploys.object_id")
    assert given.write(VAULT % "true" + text + reads).sure("secrets/get") == {
        "azuread_service_principal.deploys": "yes",
        "repo:acme/web:ref:refs/heads/main of https://token.actions.githubusercontent.com": "yes",
    }


def test_identities_that_act_as_each_other_share_access(given: Input) -> None:
    identities = "".join(
        f'resource "azurerm_user_assigned_identity" "{name}" {{\n  name = "{name}"\n  resource_group_name = "rg"\n}}\n'
        for name in "ab"
    )
    text = VAULT % "true" + identities
    for name in "ab":
        text += assignment("Contributor", GROUP, f"azurerm_user_assigned_identity.{name}.principal_id", name=name)
    text += assignment(
        "Key Vault Secrets User", principal="azurerm_user_assigned_identity.a.principal_id", name="reads"
    )
    found = given.write(text).sure("secrets/get")
    assert found == {"azurerm_user_assigned_identity.a": "yes", "azurerm_user_assigned_identity.b": "yes"}


@pytest.mark.parametrize(
    ("level", "sure"),
    [
        ("CanNotDelete", {"secrets/get": "yes", "network": "yes", "delete": "perhaps"}),
        ("ReadOnly", {"secrets/get": "perhaps", "network": "perhaps", "delete": "perhaps"}),
        ("NotSpecified", {"secrets/get": "yes", "network": "yes", "delete": "yes"}),
    ],
)
def test_a_management_lock_is_to_be_deleted_first(given: Input, level: str, sure: dict[str, str]) -> None:
    lock = f"""
resource "azurerm_management_lock" "lock" {{
  name       = "lock"
  scope      = {GROUP}
  lock_level = "{level}"
}}
"""
    owner = assignment("Owner", GROUP, OTHER, name="owner")
    rows = given.write(VAULT % "false" + lock + assignment("Contributor", GROUP) + owner).rows()
    assert {what: rows[WHO, what][0] for what in sure} == sure
    assert {rows[OTHER.strip('"'), what][0] for what in sure} == {"yes"}


def test_policy_of_another_tenant_grants_no_access(given: Input) -> None:
    vault = (VAULT % "false").replace("  rbac", f"  tenant_id = {OTHER}\n  rbac")
    policy = """
resource "azurerm_key_vault_access_policy" "{name}" {{
  key_vault_id       = azurerm_key_vault.app.id
  tenant_id          = {tenant}
  object_id          = "{name}"
  secret_permissions = ["Get"]
}}
"""
    policies = policy.format(name="own", tenant=OTHER) + policy.format(name="foreign", tenant=GUID)
    assert given.write(vault + policies).sure("secrets/get") == {"own": "yes"}


def test_client_id_in_place_of_an_object_id_is_possible_access(given: Input) -> None:
    policy = f"""
resource "azuread_application" "app" {{
  display_name = "app"
}}

resource "azurerm_key_vault_access_policy" "who" {{
  key_vault_id       = {APP}
  object_id          = azuread_application.app.client_id
  secret_permissions = ["Get"]
}}
"""
    assert set(given.write(VAULT % "false" + policy).sure("secrets/get").values()) == {"perhaps"}


def test_unknown_number_of_policies_grants_possible_access(given: Input) -> None:
    dynamic = """
  dynamic "access_policy" {
    for_each = var.policies
    content {
      object_id          = access_policy.value
      secret_permissions = ["Get"]
    }
  }
}
variable "policies" {}
"""
    rows = given.write((VAULT % "false").rstrip().removesuffix("}") + dynamic).rows()
    assert {row[0] for row in rows.values()} == {"perhaps"}
    assert "secrets/get" in {what for _, what in rows}


def test_a_plan_that_is_named_replaces_its_source_and_has_the_places_of_it(given: Input) -> None:
    given.write(TWO)
    plan = {
        "azurerm_resource_group.rg": {"name": "rg"},
        "azurerm_key_vault.app": {"name": "app", "resource_group_name": "rg", "rbac_authorization_enabled": True},
        "azurerm_role_assignment.who": {
            "scope": "${azurerm_key_vault.app.id}", "role_definition_name": "Key Vault Secrets User",
            "principal_id": WHO,
        },
        "azurerm_role_assignment.other": {
            "scope": "${azurerm_resource_group.rg.id}", "role_definition_name": "Contributor",
            "principal_id": OTHER.strip('"'),
        },
    }  # fmt: skip
    (given.folder / "plan.json").write_bytes(expand(json.dumps(plan)))
    found = json.loads(given.run("-f", "json").out)
    assert sorted(vault["root"] for vault in found["vaults"]) == [".", "plan.json"]
    report = json.loads(given.run("plan.json", "-f", "json").out)
    assert [(vault["root"], vault["location"]["path"]) for vault in report["vaults"]] == [("plan.json", "main.tf")]
    assert {step["location"]["path"] for row in report["rows"] for step in row["path"]} == {"main.tf"}


# --- filters and gates ------------------------------------------------------------------------------------------------

TWO = VAULT % "true" + assignment("Key Vault Secrets User") + assignment("Contributor", GROUP, OTHER, name="other")


def test_filters_select_principals_permissions_and_vaults(given: Input) -> None:
    given.write(TWO)
    assert {who for who, _ in given.rows("--principal", WHO)} == {WHO}
    assert {what for _, what in given.rows("--permission", "network")} == {"network"}
    assert {what for _, what in given.rows("--permission", "keys/sign")} == {"keys/sign"}
    assert given.rows("--vault", "APP") == given.rows("--vault", "azurerm_key_vault.app") == given.rows()


SUMMARIES = (
    (
        "only perhaps",
        'variable "rbac" { type = bool }' + VAULT % "var.rbac" + assignment("Key Vault Secrets User"),
        "1 principal perhaps has access to 1 vault.",
    ),
    (
        "one of each",
        VAULT % "true" + assignment("Key Vault Secrets User")
        + 'variable "rbac" { type = bool }'
        + """
        resource "azurerm_key_vault" "other" {
          name                       = "other"
          rbac_authorization_enabled = var.rbac
        }
        """
        + assignment("Key Vault Secrets User", "azurerm_key_vault.other.id", OTHER, name="other"),
        "1 principal has access to 1 of 2 vaults, and perhaps to 1 more; 1 other perhaps has access.",
    ),
)  # fmt: skip


@pytest.mark.parametrize(("what", "text", "line"), SUMMARIES, ids=[one[0] for one in SUMMARIES])
def test_summary_counts_certain_access_apart(given: Input, what: str, text: str, line: str) -> None:
    assert given.write(text).run().out.endswith(f"\n{line}\n"), what


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--max", "secrets/get=2"), 0),
        (("--max", "secrets/get=1"), 1),
        (("--max", "keys/sign=0"), 0),
        (("--max", "keys/sign=0", "--strict"), 1),
        (("--max", "keys/sign=1", "--strict"), 0),
        (("--deny", "network"), 1),
        (("--deny", "keys/sign"), 0),
        (("--deny", "keys/sign", "--strict"), 1),
        (("--deny", "network", "--permission", "secrets/get"), 1),
        (("--deny", "network", "--principal", WHO), 0),
        (("--deny", "network,delete"), 1),
    ],
)
def test_gate_that_is_exceeded_sets_the_exit_code(given: Input, words: tuple[str, ...], code: int) -> None:
    said = given.write(TWO).run(*words)
    assert said.code == code
    assert (" broken." in said.out) == bool(code)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--vault", "apq"), "--vault: the input has no key vault or managed HSM `apq` (did you mean 'app'?)"),
        (("--principal", "nobody"), "--principal: the input has no principal `nobody`"),
        (("--permission", "secrets/gett"), "--permission: `secrets/gett` is not a permission (did you mean"),
        (("--max", "secrets/get"), "--max: `secrets/get` is not a permission with a number"),
        (("--max", "secrets/get=many"), "--max: `secrets/get=many` is not a permission with a number"),
        (("--max", "=1"), "--max: `` is not a permission"),
        (("--max", ""), "--max: `` is not a permission with a number"),
        (("--deny", "purge=1"), "--deny: `purge=1` has a number"),
        (("--deny", "nothing"), "--deny: `nothing` is not a permission"),
        (("--max", "purge=1", "--deny", "purge"), "`--max purge=1` conflicts with `--deny purge`"),
        (("--max", "purge=1,purge=2"), "`--max purge=1` conflicts with `--max purge=2`"),
        (("-f", "sarif"), "unknown format 'sarif'"),
    ],
)
def test_invalid_arguments_are_an_error(given: Input, words: tuple[str, ...], message: str) -> None:
    said = given.write(TWO).run(*words)
    assert (said.code, said.out) == (2, "")
    assert message in said.err


def test_variables_of_the_command_line_are_set(given: Input) -> None:
    given.write(VAULT % "var.rbac" + 'variable "rbac" {}\n' + assignment("Key Vault Secrets User"))
    assert given.sure("secrets/get", "--var", "rbac=true") == {WHO: "yes"}
    assert given.run("--var", "rbac=true").err == ""


def test_folder_without_input_is_incomplete(given: Input) -> None:
    assert given.run().code == 3
    assert given.write("{", "plan.json").run("--deny", "purge").code == 3
    said = given.write('resource "azurerm_key_vault" "app" {', "main.tf").run("--vault", "app")
    assert (said.code, "no key vault" in said.err) == (3, False)


def test_an_input_that_cannot_be_read_hides_no_access(given: Input) -> None:
    (given.folder / "other").mkdir()
    given.write(TWO).write('resource "azurerm_key_vault" "app" {', "other/main.tf")
    said = given.run("--deny", "network")
    assert said.code == 3
    assert "gate broken" in said.out


def test_a_module_alone_is_not_the_whole_deployment(given: Input) -> None:
    module = 'variable "principal" {}\n' + VAULT % "true" + assignment("Owner", principal="var.principal")
    assert "the input is not the whole deployment of azurerm_key_vault.app" in given.write(module).run().out


def test_a_bicep_module_is_read_with_its_caller_only(given: Input) -> None:
    given.write("param who string\n" + BICEP, "vault.bicep")
    given.write(f"module vault 'vault.bicep' = {{ name: 'vault', params: {{ who: '{WHO}' }} }}", "main.bicep")
    assert set(given.sure("secrets/get")) == {WHO}


READER = """
param name string
param reader string
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: name
  location: 'westeurope'
  properties: {
    enableRbacAuthorization: false
    accessPolicies: [{ objectId: reader, permissions: { secrets: ['get'] } }]
  }
}
resource id 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = { name: 'id', location: 'westeurope' }
resource own 'Microsoft.KeyVault/vaults/accessPolicies@2023-07-01' = {
  parent: kv
  name: 'add'
  properties: { accessPolicies: [{ objectId: id.properties.principalId, permissions: { secrets: ['get'] } }] }
}
"""


def test_an_existing_vault_that_a_module_declares_again_is_one_vault(given: Input) -> None:
    given.write(
        """
        param keyVaultName string
        resource kv 'Microsoft.KeyVault/vaults@2023-07-01' existing = { name: keyVaultName }
        module grants 'grants.bicep' = { params: { vaultName: kv.name } }
        """,
        "main.bicep",
    )
    given.write(
        """
        param vaultName string
        resource own 'Microsoft.KeyVault/vaults@2023-07-01' existing = { name: vaultName }
        resource policies 'Microsoft.KeyVault/vaults/accessPolicies@2023-07-01' = {
          parent: own
          name: 'add'
          properties: {
            accessPolicies: [
              {
                tenantId: subscription().tenantId
                objectId: '11111111-1111-1111-1111-111111111111'
                permissions: { secrets: ['get'] }
              }
            ]
          }
        }
        """,
        "grants.bicep",
    )
    report = json.loads(given.run("-f", "json").out)
    assert [one["resource"] for one in report["vaults"]] == ["kv"]
    assert [(row["permission"], row["decidedBy"]) for row in report["rows"]] == [
        ("secrets/get", "the permission model of the vault")
    ]


def test_each_parameter_file_is_a_vault_of_its_own(given: Input) -> None:
    given.write(READER, "main.bicep")
    for number, name in enumerate(("dev", "prod"), 1):
        values = f"param name = 'kv-{name}'\nparam reader = '11111111-1111-000{number}-1111-111111111111'\n"
        given.write(f"using 'main.bicep'\n{values}", f"{name}.bicepparam")
    rows = [row for row in csv.DictReader(io.StringIO(given.run("-f", "csv").out)) if not row["kind"]]
    assert [(row["names"], row["root"], row["parameters"], row["principal"]) for row in rows] == [
        ("kv-dev", "main.bicep", "dev.bicepparam", "11111111-1111-0001-1111-111111111111"),
        ("kv-prod", "main.bicep", "prod.bicepparam", "11111111-1111-0002-1111-111111111111"),
    ]
    for format_ in ("text", "markdown", "html"):
        out = given.run("-f", format_).out
        assert "kv-dev (dev)" in out
        assert "kv-prod (prod)" in out
    # The identity of each deployment is another principal, though both have one address.
    document = json.loads(given.run("-f", "json").out)
    assert [(one["name"], one["world"]) for one in document["vaults"]] == [
        ("kv-dev", "dev.bicepparam"), ("kv-prod", "prod.bicepparam"),
    ]  # fmt: skip
    identities = [one for one in document["principals"] if one["label"] == "id"]
    assert [(one["key"], one["world"]) for one in identities] == [
        ("id (dev)", "dev.bicepparam"), ("id (prod)", "prod.bicepparam"),
    ]  # fmt: skip
    assert {row["principal"] for row in document["rows"]} == {one["key"] for one in document["principals"]}
    assert "4 principals have access to 2 vaults." in given.run().out
    # What breaks a gate is named too.
    assert "2 principals on kv (dev): " in given.run("--deny", "secrets/get").out


def test_roots_that_share_a_module_have_headings_of_their_own(given: Input) -> None:
    for name in ("modules/vault", "envs/dev", "envs/prod"):
        (given.folder / name).mkdir(parents=True)
    module = 'variable "name" {}\n' + VAULT.replace('"app"\n  resource', "var.name\n  resource") % "true"
    given.write(module + assignment("Key Vault Secrets User"), "modules/vault/main.tf")
    for name in ("dev", "prod"):
        call = 'variable "end" {}\nmodule "v" {\n  source = "../../modules/vault"\n  name = "kv-${var.end}"\n}\n'
        given.write(call, f"envs/{name}/main.tf")
    out = given.run().out
    for name in ("dev", "prod"):
        assert f"app of envs/{name}\n  module.v.azurerm_key_vault.app of envs/{name}, Azure RBAC" in out
    assert [row["root"] for row in csv.DictReader(io.StringIO(given.run("-f", "csv").out))] == ["envs/dev", "envs/prod"]
    # The object ID is one principal.
    assert "1 principal has access to 2 vaults." in out


def test_a_single_root_is_not_named(given: Input) -> None:
    given.write(VAULT % "true" + assignment("Key Vault Secrets User"))
    assert given.run().out.startswith("app\n  azurerm_key_vault.app, Azure RBAC, network: all networks, main.tf:7:1\n")


BICEP = """
resource app 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: 'app'
  location: 'westeurope'
  properties: {
    accessPolicies: [{ objectId: who, permissions: { secrets: ['get'], keys: ['all'] } }]
  }
}
"""


@pytest.mark.parametrize(("assigned", "sure"), [(("a",), "yes"), (("a", "b"), "yes"), (("b",), None)])
def test_identity_of_a_bicep_workload_has_its_access(given: Input, assigned: tuple[str, ...], sure: str | None) -> None:
    """The properties of userAssignedIdentities have computed names."""
    ids = "\n".join(f"'${{{name}.id}}': {{}}" for name in assigned)
    given.write(
        f"""
param who string
resource app 'Microsoft.KeyVault/vaults@2023-07-01' = {{
  name: 'app'
  properties: {{ accessPolicies: [{{ objectId: a.properties.principalId, permissions: {{ secrets: ['get'] }} }}] }}
}}
resource a 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {{ name: 'a' }}
resource b 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {{ name: 'b' }}
resource vm 'Microsoft.Compute/virtualMachines@2023-01-01' = {{
  name: 'vm'
  identity: {{
    type: 'UserAssigned'
    userAssignedIdentities: {{
      {ids}
    }}
  }}
}}
resource runs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {{
  name: 'runs'
  scope: vm
  properties: {{
    principalId: who
    roleDefinitionId: '/providers/Microsoft.Authorization/roleDefinitions/9980e02c-c2be-4d73-94e8-173b1dc7cf3c'
  }}
}}
""",
        "main.bicep",
    )
    assert given.sure("secrets/get").get("who") == sure


def test_bicep_names_its_own_arguments(given: Input) -> None:
    rows = given.write("param who string\n" + BICEP, "main.bicep").rows()
    assert rows["who", "secrets/get"][2] == "remove `get` from `permissions.secrets` in app"
    # No source states whether `all` includes purge.
    assert rows["who", "purge"][0] == "perhaps"


# --- formats ----------------------------------------------------------------------------------------------------------


def test_the_matrix_has_a_line_for_each_of_fifty_principals(given: Input) -> None:
    people = "".join(
        assignment(("Owner", "Reader")[n % 2], principal=f'"{n:08}-0000-0000-0000-000000000000"', name=f"p{n}")
        for n in range(100)
    )
    lines = given.write(VAULT % "true" + people).run().out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.endswith("  principal"))
    matrix = lines[at + 1 : lines.index("", at)]
    assert len(matrix) == 50
    assert {len(line) for line in matrix} == {len(matrix[0])}


def test_markdown_and_csv_escape_principal_names(given: Input) -> None:
    given.write(VAULT % "true" + assignment("Owner", principal='"=cmd|<b>, \\"x\\""'))
    table = given.run("-f", "markdown").out
    assert '| `=cmd\\|<b>, "x"` |' in table
    rows = csv.DictReader(io.StringIO(given.run("-f", "csv").out))
    assert {row["principal"] for row in rows} == {'\'=cmd|<b>, "x"'}
    assert "&lt;b&gt;" in given.run("-f", "html").out


def test_equal_inputs_result_in_equal_bytes(given: Input) -> None:
    given.write(TWO)
    for form in ("text", "json", "markdown", "html", "csv"):
        assert given.run("-f", form).out == given.run("-f", form).out != ""


def test_secrets_are_not_shown(given: Input) -> None:
    secret = "hunter2-hunter2-hunter2"
    text = VAULT % "true" + f'variable "who" {{\n  sensitive = true\n  default = "{secret}"\n}}\n'
    given.write(text + assignment("Owner", principal="var.who"))
    for form in ("text", "json", "markdown", "html", "csv"):
        assert secret not in given.run("-f", form).out


def test_the_page_fits_a_desk_and_a_phone(given: Input, tmp_path: Path) -> None:
    people = "".join(
        assignment("Owner", principal=f'"{n:08}-0000-0000-0000-000000000000"', name=f"p{n}") for n in range(50)
    )
    page = given.write(VAULT % "true" + people).run("-f", "html", "--deny", "purge").out
    parsed = Parsed(page)
    assert parsed.open == []
    assert [name for name, _ in parsed.elements].count("summary") == 50
    measure = """() => ({
      width: document.documentElement.scrollWidth,
      rows: [...document.querySelectorAll('summary')].filter(one => one.offsetHeight).length,
      marks: [...document.querySelectorAll('summary .pill')].filter(one => one.offsetWidth).length,
      tall: Math.max(...[...document.querySelectorAll('summary')].map(one => one.offsetHeight)),
    })"""
    desk, phone = results(find_chromium(), tmp_path, measure, (page, 1280), (page, 390))
    assert (desk["width"], phone["width"]) == (1280, 390)
    assert (desk["rows"], desk["marks"]) == (phone["rows"], phone["marks"]) == (50, 400)
    assert desk["tall"] < 50
    assert phone["tall"] < 180


def test_browser_lays_out_visible_rows_only(given: Input, tmp_path: Path) -> None:
    roles = ("Owner", "Contributor", "Key Vault Reader", "Key Vault Secrets User")
    people = "".join(
        assignment(roles[n % 4], principal=f'"{n:08}-0000-0000-0000-000000000000"', name=f"p{n}") for n in range(200)
    )
    page = given.write(VAULT % "true" + people).run("-f", "html").out
    shown = """() => ({rows: [...document.querySelectorAll('.opens summary > :first-child')].map(
      one => one.checkVisibility({contentVisibilityAuto: true}))})"""
    paper = page.replace("@media print", "@media screen")
    frames = ((page, 1280), (page, 390), (paper, 1280))
    desk, phone, printed = (one["rows"] for one in results(find_chromium(), tmp_path, shown, *frames))
    assert len(desk) == len(phone) == len(printed) > 100
    assert (desk[-1], phone[-1]) == (False, False)
    assert all(printed)


POSSIBLE_ACTION = """
resource "azurerm_key_vault" "kv" {
  name                       = "kv"
  rbac_authorization_enabled = false
  access_policy {
    object_id          = azurerm_container_app.app.identity[0].principal_id
    secret_permissions = ["Get"]
  }
}
resource "azurerm_container_app" "app" {
  name = "app"
  identity { type = "SystemAssigned" }
}
resource "azurerm_role_definition" "deploys" {
  name  = "Writes container apps"
  scope = "/subscriptions/00000000-0000-0000-0000-000000000000"
  permissions { actions = ["Microsoft.App/containerApps/*/write"] }
}
resource "azurerm_role_assignment" "deploys" {
  scope              = azurerm_container_app.app.id
  role_definition_id = azurerm_role_definition.deploys.role_definition_resource_id
  principal_id       = "11111111-1111-1111-1111-111111111111"
}
"""


def test_unconfirmed_action_grants_possible_access(kvlint: Kvlint, tmp_path: Path) -> None:
    (tmp_path / "possible.tf").write_text(POSSIBLE_ACTION, encoding="utf-8")
    said = kvlint("access", "possible.tf", "--principal", "11111111-1111-1111-1111-111111111111")
    assert "  perhaps secrets/get: role `Writes container apps`" in said.out
    assert "decided by: the actions of role `Writes container apps` are not confirmed" in said.out
    assert kvlint("access", "possible.tf", "--deny", "secrets/list").code == 0


def test_token_for_the_console_of_a_container_app_grants_access(kvlint: Kvlint, tmp_path: Path) -> None:
    text = POSSIBLE_ACTION.replace("/*/write", "/getAuthToken/action")
    (tmp_path / "certain.tf").write_text(text, encoding="utf-8")
    said = kvlint("access", "certain.tf", "--principal", "11111111-1111-1111-1111-111111111111")
    assert "  yes secrets/get: role `Writes container apps`" in said.out


ROLES = """
resource "azurerm_resource_group" "rg" {
  name     = "rg"
  location = "westeurope"
}
resource "azurerm_key_vault" "kv" {
  name                       = "kv"
  resource_group_name        = azurerm_resource_group.rg.name
  rbac_authorization_enabled = true
  purge_protection_enabled   = true
}
resource "azurerm_linux_virtual_machine" "vm" {
  name                = "vm"
  resource_group_name = azurerm_resource_group.rg.name
  identity { type = "SystemAssigned" }
}
resource "azurerm_role_assignment" "vm" {
  scope                = azurerm_key_vault.kv.id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azurerm_linux_virtual_machine.vm.identity[0].principal_id
}
resource "azurerm_role_assignment" "a" {
  scope                = azurerm_resource_group.rg.id
  role_definition_name = "%s"
  principal_id         = "11111111-1111-1111-1111-111111111111"
}
"""


@pytest.mark.parametrize(
    ("role", "row", "how"),
    [
        # The conditions of these roles allow only roles without access to vaults.
        ("Foundry Owner", "", ""),
        ("Azure Sphere Owner", "", ""),
        ("Azure IoT Operations Onboarding", "", ""),
        ("Log Analytics Reader", "", ""),
        ("Azure Stack HCI Administrator", "yes - yes yes - - yes -", "can assign itself role `Key Vault Secrets User`"),
        (
            "Key Vault Data Access Administrator",
            "yes yes yes yes - - yes -",
            "can assign itself role `Key Vault Administrator`",
        ),
        ("User Access Administrator", "yes yes yes yes - yes yes yes", "can assign itself any role"),
        ("Log Analytics Contributor", "yes - - - - - - -", "(`Microsoft.Compute/virtualMachines/extensions/write`)"),
        (
            "Azure Container Storage Contributor",
            "yes - - - - - - -",
            "can assign itself role `Azure Container Storage Operator`, which can run code on",
        ),
        ("VM Restore Operator", "yes - - - - - - -", "(`Microsoft.Compute/virtualMachines/write`)"),
        (
            "Virtual Machine User Login",
            "? - - - - - - -",
            "decided by: whether the workload lets the principal sign in",
        ),
        (
            "Virtual Machine Data Access Administrator (preview)",
            "? - - - - - - -",
            "can assign itself role `Virtual Machine Administrator Login`, which can sign in to",
        ),
    ],
)
def test_role_grants_the_access_of_its_definition(given: Input, role: str, row: str, how: str) -> None:
    said = given.write(ROLES % role).run("--principal", "11111111-1111-1111-1111-111111111111")
    text = " ".join(said.out.split())
    assert (f"{row} kv," in text) == bool(row), said.out
    assert how in text
    if not row:
        assert "0 principals" in text or "No principal" in text, said.out


@pytest.mark.parametrize(
    ("schedule", "kind", "expected"),
    [
        ("assignment", "member", "yes"),
        ("eligibility", "member", "?"),
        ("assignment", "owner", "yes"),
        ("eligibility", "owner", "?"),
    ],
)
def test_eligible_membership_of_a_group_is_possible_access(
    given: Input, schedule: str, kind: str, expected: str
) -> None:
    said = given.write(
        f"""
resource "azurerm_key_vault" "kv" {{
  name                       = "kv"
  rbac_authorization_enabled = true
}}
resource "azuread_group" "g" {{ display_name = "g" }}
resource "azurerm_role_assignment" "g" {{
  scope                = azurerm_key_vault.kv.id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azuread_group.g.object_id
}}
resource "azuread_privileged_access_group_{schedule}_schedule" "m" {{
  group_id        = azuread_group.g.object_id
  principal_id    = "11111111-1111-1111-1111-111111111111"
  assignment_type = "{kind}"
  duration        = "P30D"
}}
"""
    ).run()
    text = " ".join(said.out.split())
    assert f"{expected} - - - - - - - 11111111" in text, said.out
    assert f"{kind} of azuread_group.g" in text
    assert ("decided by: whether the principal activates its membership" in text) == (expected == "?")
