"""kvlint migrate-rbac in the tests' own process: roles, generated code, steps, and what bad input gets."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.linter.rule_tests import expand

if TYPE_CHECKING:
    from tests.cli.conftest import CommandOutput, Kvlint

GUID = "11111111-1111-1111-1111-111111111111"
OTHER = "22222222-2222-2222-2222-222222222222"
VAULT = """
resource "azurerm_key_vault" "app" {{
  name                       = "app"
  resource_group_name        = "rg"
  tenant_id                  = "33333333-3333-3333-3333-333333333333"
  rbac_authorization_enabled = false
{policies}
}}
"""
INLINE = """
  access_policy {{
    object_id = {who}
    {words}
  }}
"""
READS = 'secret_permissions = ["Get"]'
SEPARATE = """
resource "azurerm_key_vault_access_policy" "{name}" {{
  {more}
  key_vault_id = azurerm_key_vault.app.id
  object_id    = {who}
  {words}
}}
"""


def vault(*policies: str) -> str:
    return VAULT.format(policies="".join(policies))


def inline(who: str = f'"{GUID}"', words: str = READS) -> str:
    return INLINE.format(who=who, words=words)


def separate(name: str = "who", who: str = f'"{GUID}"', words: str = READS, more: str = "") -> str:
    return SEPARATE.format(name=name, who=who, words=words, more=more)


class Input:
    """A folder with what a test writes into it, and the migration of it."""

    def __init__(self, folder: Path, kvlint: Kvlint) -> None:
        self.folder = folder
        self._kvlint = kvlint

    def write(self, text: str | bytes, name: str = "main.tf") -> Input:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return self

    def run(self, *words: str) -> CommandOutput:
        return self._kvlint("migrate-rbac", ".", *words)

    def report(self, *words: str) -> Any:
        said = self.run("-f", "json", *words)
        assert said.code == 0, said.err
        return json.loads(said.out)

    def policies(self, *words: str) -> list[Any]:
        return [one for own in self.report(*words)["vaults"] for one in own["policies"]]

    def code(self, *words: str) -> str:
        return self.run("-f", "code", *words).out

    def problems(self) -> str:
        """What kvlint finds fault with in the folder, as it is now."""
        report = json.loads(self._kvlint("check", ".", "-f", "json", "--select", "KV001").out)
        return json.dumps([one for one in report["problems"] if one["level"] != "note"])


@pytest.fixture
def given(kvlint: Kvlint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Input:
    folder = tmp_path / "given"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Input(folder, kvlint)


def flat(text: str) -> str:
    return " ".join(text.split())


def parsed(code: str) -> dict[str, dict[str, Any]]:
    """The resources of Terraform code by address, as another parser reads them."""
    import hcl2

    found = hcl2.loads(code)
    return {
        f"{type_}.{name}".replace('"', ""): body
        for one in found.get("resource", [])
        for type_, named in one.items()
        for name, body in named.items()
    }


BICEP_OF_PARAMETERS = f"""
param name string
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {{
  name: name
  properties: {{ accessPolicies: [{{ objectId: '{GUID}', permissions: {{ secrets: ['get'] }} }}] }}
}}
"""


# --- generated Terraform ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "who",
    [
        "data.azurerm_client_config.current.object_id",
        "var.prod ? azuread_group.a.object_id : azuread_group.b.object_id",
        "azurerm_linux_web_app.app.identity[0].principal_id",
        'lookup(local.ids, "app")',
    ],
)
@pytest.mark.parametrize("is_inline", [True, False])
def test_the_object_id_is_repeated_as_written(given: Input, who: str, is_inline: bool) -> None:
    text = vault(inline(who)) if is_inline else vault() + separate(who=who)
    given.write('data "azurerm_client_config" "current" {}\nlocals { ids = {} }\nvariable "prod" {}\n' + text)
    code = given.code()
    assert f"= {who}\n" in code
    assert "scope                = azurerm_key_vault.app.id" in code
    (own,) = parsed(code).values()
    assert own["role_definition_name"].strip('"') == "Key Vault Secrets User"
    given.write(code, "roles.tf")
    assert given.problems() == "[]"


@pytest.mark.parametrize(
    ("more", "who"),
    [
        ("for_each = var.readers", "each.value"),
        ("count = length(var.list)", "var.list[count.index]"),
        ("provider = azurerm.other", f'"{GUID}"'),
    ],
)
def test_meta_arguments_are_repeated(given: Input, more: str, who: str) -> None:
    given.write(
        vault() + separate(who=who, more=more)
        + f'variable "readers" {{ default = {{ a = "{GUID}", b = "{OTHER}" }} }}\n'
        + f'variable "list" {{ default = ["{GUID}", "{OTHER}"] }}\n'
    )  # fmt: skip
    code = given.code()
    assert more in code
    assert code.count('resource "azurerm_role_assignment"') == 1
    assert f"= {who}\n" in code


def test_a_policy_in_a_vault_with_instances_has_the_same_instances(given: Input) -> None:
    text = (
        vault(inline("var.who"))
        .replace('"app"\n', "each.key\n")
        .replace('"app" {', '"app" {\n  for_each = toset(["a", "b"])')
    )
    code = given.write(text + 'variable "who" {}\n').code()
    assert "azurerm_key_vault.app[each.key].id" in code
    assert 'for_each = toset(["a", "b"])' in code
    assert code.count("resource ") == 1


def test_instances_with_different_permissions_are_written_out(given: Input) -> None:
    given.write(
        vault()
        + separate(who="each.value.id", words="secret_permissions = each.value.words", more="for_each = local.policies")
        + f'locals {{\n policies = {{\n a = {{ id = "{GUID}", words = ["Get"] }}\n b = {{ id = "{OTHER}", words ='
        ' ["Get", "List", "Set", "Delete", "Recover", "Backup", "Restore", "Purge"] }\n }\n}\n'
    )
    found = {name: (one["role_definition_name"], one["principal_id"]) for name, one in parsed(given.code()).items()}
    assert {name: tuple(word.strip('"') for word in pair) for name, pair in found.items()} == {
        "azurerm_role_assignment.who_a_secrets_user": ("Key Vault Secrets User", GUID),
        "azurerm_role_assignment.who_b_secrets_officer": ("Key Vault Secrets Officer", OTHER),
    }


def dynamic(over: str, who: str, words: str = READS) -> str:
    return f'dynamic "access_policy" {{\nfor_each = {over}\ncontent {{\nobject_id = {who}\n{words}\n}}\n}}\n'


VARIABLES = """
variable "ids" {
  type = list(string)
}
variable "on" {
  type = bool
}
variable "who" {
  type = string
}
"""


@pytest.mark.parametrize(
    ("over", "who", "repeat", "principal"),
    [
        ("var.ids", "access_policy.value", "for_each = { for key, value in var.ids : key => value }", "each.value"),
        (f'["{GUID}"]', "access_policy.value", f'for key, value in ["{GUID}"] : key => value', "each.value"),
        ("var.on ? var.ids : []", "access_policy.value", "for key, value in (var.on ? var.ids : []) :", "each.value"),
        ("toset(var.ids)", '"${access_policy.value}"', "for key, value in toset(var.ids) :", "each.value"),
        ('var.who != "" ? [1] : []', "var.who", 'count = (var.who != "") ? 1 : 0', "var.who"),
        ('var.who == "" ? [] : [1]', "var.who", 'count = !(var.who == "") ? 1 : 0', "var.who"),
        (
            "var.on ? [var.who] : []",
            "access_policy.value",
            "for key, value in (var.on ? [var.who] : []) :",
            "each.value",
        ),
        (
            "{ a = var.who }",
            "lookup({ b = access_policy.value }, access_policy.key)",
            "{ a = var.who } : key => { key = key, value = value } }",
            "lookup({ b = each.value.value }, each.value.key)",
        ),
    ],
)
@pytest.mark.parametrize("others", ["", inline(f'"{OTHER}"')])
def test_a_dynamic_block_is_repeated(
    given: Input, over: str, who: str, repeat: str, principal: str, others: str
) -> None:
    code = given.write(VARIABLES + vault(others, dynamic(over, who))).code()
    assert repeat in code
    assert principal in code
    assert {one["status"] for one in given.policies()} == {"replaced"}
    assert len(parsed(code)) == 1 + bool(others)
    given.write(code, "roles.tf")
    assert given.problems() == "[]"


def test_dynamic_block_of_a_vault_with_a_count_is_repeated(given: Input) -> None:
    text = vault(dynamic("var.ids", "access_policy.value")).replace('"app" {', '"app" {\n  count = var.on ? 1 : 0', 1)
    code = given.write(VARIABLES + text).code()
    assert "for_each = { for key, value in var.ids : key => value if (var.on ? 1 : 0) > 0 }" in code
    assert "azurerm_key_vault.app[0].id" in code


def test_conditional_policy_of_a_vault_with_instances_keeps_its_condition(given: Input) -> None:
    text = vault(dynamic('var.who != "" ? [1] : []', "var.who")).replace('= "app"', "= each.key", 1)
    text = text.replace('"app" {', '"app" {\n  for_each = toset(["a", "b"])', 1)
    code = given.write(VARIABLES + text).code()
    assert 'for_each = { for key, value in toset(["a", "b"]) : key => value if (var.who != "") }' in code
    assert "azurerm_key_vault.app[each.key].id" in code


@pytest.mark.parametrize(
    "words",
    ["secret_permissions = access_policy.value", 'application_id = "x"\n' + READS, "secret_permissions = var.w"],
)
def test_an_unknown_loop_without_written_permissions_is_unknown(given: Input, words: str) -> None:
    given.write(VARIABLES + 'variable "w" {}\n' + vault(dynamic("var.ids", "access_policy.value", words)))
    (policy,) = given.policies()
    assert (policy["status"], "`var.ids` has no value" in policy["reason"]) == ("unknown", True)


def test_an_unknown_loop_does_not_hide_another_one(given: Input) -> None:
    blocks = dynamic("var.ids", "access_policy.value"), dynamic("var.more", "var.who", "secret_permissions = var.more")
    given.write(VARIABLES + 'variable "more" {}\n' + vault(inline(), *blocks))
    assert [one["status"] for one in given.policies()] == ["replaced", "unknown", "unknown"]


def test_a_name_in_use_is_not_taken(given: Input) -> None:
    taken = ASSIGNMENT.format(name="who_secrets_user", role="Reader", who=OTHER)
    code = given.write(vault() + separate() + taken).code()
    assert list(parsed(code)) == ["azurerm_role_assignment.who_secrets_user_2"]


def test_code_belongs_to_the_folder_of_the_policy(given: Input) -> None:
    given.write(vault() + 'module "m" {\n  source = "./m"\n  vault = azurerm_key_vault.app.id\n}\n')
    given.write(
        'variable "vault" {}\nresource "azurerm_key_vault_access_policy" "p" {\n  key_vault_id = var.vault\n'
        f'  object_id = "{GUID}"\n  {READS}\n}}\n',
        "m/main.tf",
    )
    (code,) = given.report()["code"]
    assert code["path"] == "m"
    assert "= var.vault\n" in code["text"]


MODULE = vault(inline(words="secret_permissions = var.words")) + 'variable "words" {}\n'


def test_permissions_of_one_caller_do_not_get_into_a_module(given: Input) -> None:
    given.write(MODULE, "m/main.tf")
    for name, word in (("one", "Get"), ("two", "List")):
        given.write(f'module "m" {{\n  source = "../m"\n  words = ["{word}"]\n}}\n', f"{name}/main.tf")
    report = given.report()
    assert [one["path"] for one in report["code"]] == [None, None]
    assert "var.key_vault_id_app" in report["code"][0]["text"]


def test_permissions_that_all_callers_have_get_into_the_module(given: Input) -> None:
    given.write(MODULE, "m/main.tf")
    for name in ("one", "two"):
        given.write('module "m" {\n  source = "../m"\n  words = ["Get"]\n}\n', f"{name}/main.tf")
    (code,) = given.report()["code"]
    assert code["path"] == "m"
    assert code["text"].count("resource ") == 1


# --- custom roles -----------------------------------------------------------------------------------------------------


def test_a_custom_role_has_exactly_the_data_actions(given: Input) -> None:
    given.write(vault() + separate(words='key_permissions = ["Get", "List", "UnwrapKey"]'))
    resources = parsed(given.code())
    role = resources["azurerm_role_definition.who_role"]
    assert [one.strip('"') for one in role["permissions"][0]["data_actions"]] == [
        "Microsoft.KeyVault/vaults/keys/read", "Microsoft.KeyVault/vaults/keys/unwrap/action",
    ]  # fmt: skip
    reference = resources["azurerm_role_assignment.who_custom"]["role_definition_id"]
    assert "azurerm_role_definition.who_role.role_definition_resource_id" in reference
    (policy,) = given.policies()
    assert policy["builtInRoles"] == {
        "roles": ["Key Vault Crypto Service Encryption User"], "surplus": ["keys/wrapkey"],
    }  # fmt: skip
    assert policy["customRole"]["surplus"] == []


def test_vaults_of_one_subscription_share_a_custom_role(given: Input) -> None:
    one = vault(inline(words='secret_permissions = ["Get", "Set"]'))
    code = given.write(one + one.replace('"app"', '"other"')).code()
    resources = parsed(code)
    assert len([name for name in resources if name.startswith("azurerm_role_definition")]) == 1
    assert 'split("/resourceGroups/", azurerm_key_vault.app.id)[0]' in code
    assert len(resources) == 3


def test_a_vault_of_another_provider_has_a_custom_role_of_its_own(given: Input) -> None:
    one = vault(inline(words='secret_permissions = ["Get", "Set"]'))
    other = one.replace('"app"', '"other"').replace("{\n  name ", "{\n  provider = azurerm.b\n  name ", 1)
    code = given.write(one + other + 'provider "azurerm" {\n  alias = "b"\n  features {}\n}\n').code()
    assert code.count('resource "azurerm_role_definition"') == 2


def test_built_in_roles_option_creates_no_custom_role(given: Input) -> None:
    given.write(vault() + separate(words='key_permissions = ["Get", "List", "UnwrapKey"]'))
    assert list(parsed(given.code("--built-in-roles"))) == [
        "azurerm_role_assignment.who_crypto_service_encryption_user"
    ]
    (policy,) = given.policies("--built-in-roles")
    assert policy["customRole"] is None


# --- generated Bicep --------------------------------------------------------------------------------------------------

BICEP = """
param who string
param isProd bool
resource id 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {{ name: 'id', location: 'westeurope' }}
resource app 'Microsoft.KeyVault/vaults@2023-07-01' = {condition}{{
  name: 'app'
  location: 'westeurope'
  properties: {{
    tenantId: subscription().tenantId
    enableRbacAuthorization: false
    accessPolicies: [
      {{ tenantId: subscription().tenantId, objectId: {who}, permissions: {{ secrets: ['get', 'list'] }} }}
    ]
  }}
}}
"""


@pytest.mark.parametrize(
    ("who", "name"),
    [
        ("who", "who"),
        (f"'{GUID}'", f"'{GUID}'"),
        ("id.properties.principalId", "id.id"),
        ("deployer().objectId", "'deployer().objectId'"),
        ("isProd ? 'a' : 'b'", r"'isProd ? \'a\' : \'b\''"),
    ],
)
def test_assignment_name_is_a_guid_of_values_known_at_the_start(given: Input, who: str, name: str) -> None:
    given.write(BICEP.format(who=who, condition=""), "main.bicep")
    (code,) = given.report()["code"]
    assert code["path"] == "main.bicep"
    assert f"name: guid(app.id, {name}, '4633458b-17de-408a-b874-0445c86b69e6')" in code["text"]
    assert f"principalId: {who}\n" in code["text"]
    with (given.folder / "main.bicep").open("a") as out:
        out.write(code["text"])
    assert given.problems() == "[]"


def test_the_condition_of_a_vault_is_repeated(given: Input) -> None:
    given.write(BICEP.format(who="who", condition="if (isProd) "), "main.bicep")
    assert "= if (isProd) {" in given.code()


LOOP = "param ids array\n" + BICEP.format(who="one", condition="")


def looped(over: str = "one in ids", text: str = LOOP) -> str:
    return text.replace("accessPolicies: [", f"accessPolicies: [ for {over}:")


@pytest.mark.parametrize(
    ("over", "who", "head", "name"),
    [
        ("one in ids", "one", "[for one in ids: {", "one"),
        (f"one in ['{GUID}']", "one", f"[for one in ['{GUID}']: {{", "one"),
        ("(one, i) in ids", "ids[i]", "[for (one, i) in ids: {", "ids[i]"),
        ("one in ids", "one.id", "[for one in ids: {", "one.id"),
    ],
)
def test_a_loop_is_repeated(given: Input, over: str, who: str, head: str, name: str) -> None:
    text = looped(over).replace("objectId: one", f"objectId: {who}")
    code = given.write(text, "main.bicep").code()
    assert f"= {head}\n" in code
    assert f"name: guid(app.id, {name}, '4633458b-17de-408a-b874-0445c86b69e6')" in code
    assert f"principalId: {who}\n" in code
    assert code.count("resource ") == 1
    given.write(text + code, "main.bicep")
    assert given.problems() == "[]"


def test_loop_over_values_known_after_deployment_is_not_repeated(given: Input) -> None:
    (policy,) = given.write(looped("one in [id.properties.principalId]"), "main.bicep").policies()
    assert (policy["status"], "known only after the deployment" in policy["reason"]) == ("unknown", True)


def test_the_custom_role_of_a_loop_is_declared_once(given: Input) -> None:
    code = given.write(looped().replace("['get', 'list']", "['get', 'set']"), "main.bicep").code()
    assert code.count("[for one in ids: {") == 1
    assert "appPolicy1Role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {" in code


def test_a_loop_over_vaults_is_repeated(given: Input) -> None:
    text = "param names array\n" + BICEP.format(who="who", condition="[for name in names: ")
    text = text[: text.rindex("}")] + "}]\n"
    code = given.write(text.replace("name: 'app'", "name: name"), "main.bicep").code()
    assert "= [for (name, index) in names: {" in code
    assert "scope: app[index]\n" in code
    assert "guid(app[index].id, who," in code


def test_a_condition_of_policies_is_repeated(given: Input) -> None:
    text = BICEP.format(who="who", condition="").replace("accessPolicies: [", "accessPolicies: !isProd ? [] : [")
    code = given.write(text, "main.bicep").code()
    assert "= if (!(!isProd)) {" in code
    (policy,) = given.policies()
    assert policy["condition"] == "if `!(!isProd)`"


def test_custom_role_is_declared_in_bicep(given: Input) -> None:
    text = BICEP.format(who="who", condition="").replace("['get', 'list']", "['get', 'set']")
    code = given.write(text, "main.bicep").code()
    assert "'Microsoft.KeyVault/vaults/secrets/setSecret/action'" in code
    assert "roleDefinitionId: appPolicy1Role.id" in code
    given.write(text + code, "main.bicep")
    assert given.problems() == "[]"


def test_all_includes_the_permission_to_purge_as_a_surplus(given: Input) -> None:
    text = BICEP.format(who="who", condition="").replace("['get', 'list']", "['all']")
    (policy,) = given.write(text, "main.bicep").policies()
    assert policy["builtInRoles"] == {"roles": ["Key Vault Secrets Officer"], "surplus": ["secrets/purge"]}


# --- other inputs and the other language ------------------------------------------------------------------------------

TEMPLATE: dict[str, Any] = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "parameters": {"who": {"type": "string"}},
    "resources": [
        {
            "type": "Microsoft.KeyVault/vaults",
            "apiVersion": "2023-07-01",
            "name": "app",
            "properties": {
                "enableRbacAuthorization": False,
                "accessPolicies": [{"objectId": "[parameters('who')]", "permissions": {"secrets": ["get"]}}],
            },
        }
    ],
}


def test_arm_template_results_in_a_complete_bicep_file(given: Input) -> None:
    given.write(json.dumps(TEMPLATE), "main.json")
    (code,) = given.report()["code"]
    assert (code["path"], code["language"]) == (None, "bicep")
    assert "param who string" in code["text"]
    assert "existing = {\n  name: 'app'\n}" in code["text"]
    given.write(code["text"], "alone.bicep")
    assert given.problems() == "[]"


def test_policy_for_an_unknown_vault_has_no_code(given: Input) -> None:
    permissions = {"secrets": ["get"]}
    policies = [{"tenantId": "x", "objectId": "[parameters('who')]", "permissions": permissions}]
    policy = {
        "type": "Microsoft.KeyVault/vaults/accessPolicies",
        "apiVersion": "2023-07-01",
        "name": "[concat(parameters('vault'), '/add')]",
        "properties": {"accessPolicies": policies},
    }
    named = {**TEMPLATE["resources"][0], "properties": {"tenantId": "x"}}
    parameters = {name: {"type": "string"} for name in ("who", "vault")}
    given.write(json.dumps({**TEMPLATE, "parameters": parameters, "resources": [policy, named]}), "main.json")
    report = given.report()
    assert report["code"] == []
    assert {one["status"] for vault in report["vaults"] for one in vault["policies"]} == {"unknown"}


def test_the_other_language_has_known_object_ids_only(given: Input) -> None:
    given.write(vault(inline(), inline("var.who")) + 'variable "who" {}\n')
    code = given.code("--output-language", "bicep")
    assert f"principalId: '{GUID}'" in code
    assert "var.who" not in code
    assert [one["status"] for one in given.policies("--output-language", "bicep")] == ["replaced", "unknown"]
    (given.folder / "main.tf").unlink()
    given.write(BICEP.format(who=f"'{GUID}'", condition=""), "main.bicep")
    code = given.code("--output-language", "terraform")
    assert parsed(code)["azurerm_role_assignment.app_policy_1_secrets_user"]["scope"] in (
        "${var.key_vault_id_app}", "var.key_vault_id_app",
    )  # fmt: skip


PLAN = f"""
azurerm_key_vault.app:
  name: app
  rbac_authorization_enabled: false
  access_policy: [{{object_id: "{GUID}", secret_permissions: [Get]}}]
"""


def test_plan_without_its_source_has_code_with_ids(given: Input) -> None:
    given.write(expand(PLAN), "plan.json")
    (code,) = given.report()["code"]
    assert code["path"] is None
    (own,) = parsed(code["text"]).values()
    assert own["principal_id"].strip('"') == GUID
    assert "azurerm_key_vault.app.id" in own["scope"]


def test_a_plan_with_its_source_repeats_the_expressions_of_it(given: Input) -> None:
    given.write(expand(PLAN), "plan.json").write(vault(inline("var.who")) + 'variable "who" {}\n')
    report = given.report("--source-root", ".")
    assert [one["resource"] for one in report["vaults"]] == ["azurerm_key_vault.app"]
    assert "principal_id         = var.who" in report["code"][0]["text"]
    assert report["vaults"][0]["location"]["path"] == "main.tf"


# --- policies without a replacement -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "status", "reason"),
    [
        (
            inline(words=f'application_id = "44444444-4444-4444-4444-444444444444"\n{READS}'),
            "refused",
            "does not support compound identities",
        ),
        (inline(words="secret_permissions = var.words"), "unknown", "the permissions are unknown: `var.words` has no"),
        (inline(words='secret_permissions = ["Gett"]'), "unknown", "`Gett` is not a permission of access policies"),
        (inline(who='"00000000-0000-0000-0000-000000000000"'), "unknown", "the object ID consists of zeros"),
        (inline(who="azuread_application.app.client_id"), "unknown", "belongs to an application"),
    ],
)
def test_a_policy_that_is_not_replaced_blocks_the_switch(given: Input, policy: str, status: str, reason: str) -> None:
    report = given.write(vault(policy, inline(who=f'"{OTHER}"')) + 'variable "words" {}\n').report()
    (own,) = report["vaults"]
    first, second = own["policies"]
    assert (first["status"], reason in first["reason"]) == (status, True)
    assert (first["builtInRoles"], first["customRole"]) == (None, None)
    assert second["status"] == "replaced"
    steps = {step["kind"]: step for step in own["steps"]}
    assert steps["switch"]["blocked"]
    assert steps["remove"]["blocked"]
    assert "1 access policy has no replacement" in steps["switch"]["text"]
    assert own["check"] == {"principals": 1, "lost": []}


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (inline(words="secret_permissions = []"), "it has no permissions"),
        (inline(words=f'tenant_id = "{OTHER}"\n{READS}'), "the tenant ID differs from that of the vault"),
    ],
)
def test_a_policy_without_effect_does_not_block(given: Input, policy: str, reason: str) -> None:
    (own,) = given.write(vault(policy)).report()["vaults"]
    assert [(one["status"], one["reason"]) for one in own["policies"]] == [("without effect", reason)]
    assert not any(step["blocked"] for step in own["steps"])


def test_role_assignments_that_the_switch_would_remove_are_not_generated(given: Input) -> None:
    text = vault().replace("= false", "= var.rbac") + separate(
        who="each.value", more="for_each = var.rbac ? [] : var.who"
    )
    given.write(text + 'variable "rbac" { default = false }\nvariable "who" {}\n')
    (policy,) = given.policies("--var", "rbac=false")
    assert policy["status"] == "unknown"
    assert "its existence depends on `var.rbac`, and so does the permission model" in policy["reason"]
    (given.folder / "main.tf").unlink()
    text = BICEP.format(who="who", condition="if (!isProd) ").replace("Authorization: false", "Authorization: isProd")
    given.write(text.replace("param isProd bool", "param isProd bool = false"), "main.bicep")
    (policy,) = given.policies()
    assert "its existence depends on `isProd`" in policy["reason"]


# --- steps and the check ----------------------------------------------------------------------------------------------


def test_the_steps_are_in_an_order_in_which_no_principal_loses_access(given: Input) -> None:
    given.write(
        vault(inline()).replace("rbac_authorization_enabled", "enable_rbac_authorization ") + separate(who=f'"{OTHER}"')
    )
    (own,) = given.report()["vaults"]
    assert [step["kind"] for step in own["steps"]] == ["compare", "assign", "wait", "switch", "remove"]
    texts = [step["text"] for step in own["steps"]]
    assert "az keyvault show --name app" in texts[0]
    assert "`Microsoft.Authorization/roleAssignments/write`" in texts[1]
    assert "roleDefinitions" not in texts[1]
    assert texts[3].startswith("Set `enable_rbac_authorization = true` in azurerm_key_vault.app")
    assert "set `access_policy = []` in azurerm_key_vault.app" in texts[4]
    assert "remove azurerm_key_vault_access_policy.who" in texts[4]
    assert own["check"]["principals"] == 2


@pytest.mark.parametrize(
    ("model", "text"),
    [
        ("false", "Set `rbac_authorization_enabled = true` in azurerm_key_vault.app, and"),
        ("var.rbac", "Set `var.rbac` so that `rbac_authorization_enabled` is `true` in azurerm_key_vault.app, and"),
    ],
)
def test_step_names_the_setting_that_enables_azure_rbac(given: Input, model: str, text: str) -> None:
    given.write(vault(inline()).replace("= false", f"= {model}") + 'variable "rbac" { default = false }\n')
    (own,) = given.report("--var", "rbac=false")["vaults"]
    assert own["steps"][3]["text"].startswith(text)


def test_the_steps_of_a_blocked_migration_keep_the_policies(given: Input) -> None:
    given.write(vault(inline('"x"', "secret_permissions = var.unknown")))
    (own,) = given.report()["vaults"]
    assert own["steps"][-1]["blocked"]
    assert own["steps"][-1]["text"].startswith("Keep the access policies until Azure RBAC is enabled")


def test_code_without_some_policies_is_not_silent(given: Input) -> None:
    given.write(vault(inline(), inline('"x"', "secret_permissions = var.unknown")))
    said = given.run("-f", "code")
    assert said.code == 0
    assert "1 access policy has no replacement in the generated code (-f text lists the reasons)" in said.err
    assert given.run("-f", "json").err == ""


def test_a_name_that_is_unknown_is_not_in_a_command(given: Input) -> None:
    given.write(vault(inline()).replace('"app"\n', "var.name\n", 1) + 'variable "name" {}\n')
    (own,) = given.report()["vaults"]
    assert "az keyvault show --name NAME " in own["steps"][0]["text"]


def test_a_policy_without_permissions_does_not_have_unknown_ones(given: Input) -> None:
    lines = given.write(vault(inline(words=""))).run().out.splitlines()
    at = lines.index(f"  without effect  {GUID}")
    assert lines[at + 1].strip() == "it has no permissions"


ASSIGNMENT = """
resource "azurerm_role_assignment" "{name}" {{
  scope                = azurerm_key_vault.app.id
  role_definition_name = "{role}"
  principal_id         = "{who}"
}}
"""


def test_a_role_that_is_assigned_already_is_not_assigned_again(given: Input) -> None:
    own = ASSIGNMENT.format(name="old", role="Key Vault Secrets User", who=GUID)
    report = given.write(vault(inline()) + own).report()
    assert report["code"] == []
    assert [step["kind"] for step in report["vaults"][0]["steps"]] == ["compare", "switch", "remove"]
    assert report["vaults"][0]["policies"][0]["assigned"] == [
        {"role": "Key Vault Secrets User", "resource": "azurerm_role_assignment.old"}
    ]


def test_two_policies_of_a_principal_do_not_assign_a_role_twice(given: Input) -> None:
    given.write(vault(inline(), inline(who="local.who")) + separate() + f'locals {{ who = "{GUID}" }}\n')
    assert list(parsed(given.code())) == ["azurerm_role_assignment.app_policy_1_secrets_user"]


def test_role_assignments_that_take_effect_are_listed(given: Input) -> None:
    own = ASSIGNMENT.format(name="old", role="Key Vault Crypto Service Release User", who=OTHER)
    assert given.write(vault(inline()) + own).report()["activated"] == [
        {
            "principal": OTHER,
            "permissions": ["keys/release"],
            "vaults": ["azurerm_key_vault.app"],
            "origin": None,
            "by": "role `Key Vault Crypto Service Release User` at azurerm_key_vault.app (azurerm_role_assignment.old)",
        }
    ]
    assert "Role assignments that take effect when the vaults use Azure RBAC:" in given.run().out


def test_a_vault_that_uses_azure_rbac_is_listed(given: Input) -> None:
    other = 'resource "azurerm_key_vault" "new" {\n  name = "new"\n  rbac_authorization_enabled = true\n}\n'
    said = given.write(vault(inline()) + other).run()
    assert said.code == 0
    assert "azurerm_key_vault.new (main.tf:" in said.out
    assert "already uses Azure RBAC" in said.out


# --- filters, formats and files ---------------------------------------------------------------------------------------


def test_a_principal_alone_does_not_switch_the_vault(given: Input) -> None:
    given.write(vault(inline(), inline(who=f'"{OTHER}"')))
    report = given.report("--principal", GUID)
    (own,) = report["vaults"]
    assert [one["principal"] for one in own["policies"]] == [GUID]
    assert own["steps"][3]["blocked"]
    assert OTHER not in report["code"][0]["text"]


def test_code_is_written_to_a_new_file_in_the_folder(given: Input, tmp_path: Path) -> None:
    given.write(vault(inline()))
    assert given.run("-f", "code", "-o", "roles.tf").code == 0
    text = (given.folder / "roles.tf").read_text()
    assert 'resource "azurerm_role_assignment"' in text
    said = given.run("-f", "code", "-o", "roles.tf")
    assert said.code == 2
    assert (given.folder / "roles.tf").read_text() == text
    said = given.run("-f", "code", "-o", str(tmp_path / "roles.tf"))
    assert (said.code, "outside the current folder" in said.err) == (2, True)
    assert not (tmp_path / "roles.tf").exists()


def test_code_for_several_places_is_not_one_file(given: Input) -> None:
    given.write(vault(inline()), "one/main.tf").write(vault(inline()), "two/main.tf")
    said = given.run("-f", "code", "-o", "roles.tf")
    assert (said.code, "2 places: one, two" in said.err) == (2, True)
    assert not (given.folder / "roles.tf").exists()
    assert "# Add to one\n" in given.code()


def test_equal_inputs_result_in_equal_bytes(given: Input) -> None:
    given.write(vault(inline(), inline("var.who")) + separate() + 'variable "who" {}\n')
    assert given.run("-f", "json").out == given.run("-f", "json").out
    assert given.run().out == given.run().out


def test_secrets_are_not_shown(given: Input) -> None:
    secret = "5up3r-s3cret-v4lue-x9"
    given.write(vault(inline(who="var.who")) + f'variable "who" {{\n  default = "{secret}"\n  sensitive = true\n}}\n')
    for form in ("text", "json", "code"):
        said = given.run("-f", form)
        assert secret not in said.out + said.err


def test_control_characters_do_not_get_into_code(given: Input) -> None:
    given.write(vault(inline(who='"\x1b[31m"'), inline(who='"\u202e"'), inline(who="var.who")) + 'variable "who" {}\n')
    assert [one["status"] for one in given.policies()] == ["unknown", "unknown", "replaced"]
    for form in ("text", "code"):
        assert not {"\x1b", "\u202e"} & {*given.run("-f", form).out}


@pytest.mark.parametrize("separator", ["\\n", "\\r"])
def test_a_string_in_bicep_code_is_on_one_line(given: Input, separator: str) -> None:
    given.write(vault(inline(who=f'"a{separator}b"')))
    code = given.code("--output-language", "bicep")
    assert all(line.count("'") % 2 == 0 for line in code.splitlines()), code


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_line_separators_do_not_get_into_code(given: Input, separator: str) -> None:
    given.write(vault(inline(who=f'"a{separator}b"')))
    assert [one["status"] for one in given.policies()] == ["unknown"]
    assert separator not in given.code()


def test_equal_code_for_several_parameter_files_is_generated_once(given: Input) -> None:
    given.write(BICEP_OF_PARAMETERS, "app.bicep")
    for name in ("dev", "prod"):
        given.write("using 'app.bicep'\nparam name = 'kv-app'\n", f"{name}.bicepparam")
    assert given.code("--output-language", "terraform").count('variable "') == 1


# --- bad input --------------------------------------------------------------------------------------------------------

MIGRATED = vault().replace("= false", "= true")


@pytest.mark.parametrize(
    ("text", "words", "message"),
    [
        ('resource "azurerm_resource_group" "rg" {}\n', (), "the input has no key vault"),
        (MIGRATED, (), "azurerm_key_vault.app already uses Azure RBAC"),
        (MIGRATED.replace("= true", "= var.rbac") + 'variable "rbac" {}\n', (), "the permission model of azurerm_key_"),
        (vault(inline()), ("--vault", "ap"), "no key vault `ap` (did you mean"),
        (vault(inline()), ("--principal", GUID[:-1]), f"for principal `{GUID[:-1]}` (did you mean"),
        (vault(inline()), ("--output-language", "bicp"), "`bicp` is not a language of generated code (did you mean"),
        (vault(inline()), ("-f", "yaml"), "yaml"),
    ],
)
def test_invalid_arguments_are_an_error(given: Input, text: str, words: tuple[str, ...], message: str) -> None:
    said = given.write(text).run(*words)
    assert (said.code, said.out) == (2, "")
    assert message in said.err


@pytest.mark.parametrize(("name", "text"), [("main.tf", 'resource "azurerm_key_vault" "x" {'), ("plan.json", "{")])
def test_an_input_that_cannot_be_read(given: Input, name: str, text: str) -> None:
    assert given.write(text, name).run().code == 3


def test_a_file_that_does_not_exist(kvlint: Kvlint) -> None:
    assert kvlint("migrate-rbac", "nowhere.tf").code in (2, 3)


def test_the_text_lists_the_alternatives(given: Input) -> None:
    out = flat(given.write(vault(inline(words='secret_permissions = ["Get", "List", "Set"]'))).run().out)
    assert "custom role, no surplus --built-in-roles: Key Vault Secrets Officer, surplus: secrets delete, backup" in out
    assert "1 access policy is replaced by roles in 1 vault." in out


# --- many vaults ------------------------------------------------------------------------------------------------------


def test_hundreds_of_vaults_are_one_line_each_and_steps_are_stated_once(given: Input) -> None:
    policies = inline() + inline(f'"{GUID[:-1]}f"', 'secret_permissions = ["Get", "Set"]')
    texts = (vault(policies).replace('"app"', f'"app{number}"') for number in range(300))
    out = given.write("\n".join(texts)).run().out
    assert len(out.splitlines()) <= 400
    assert out.startswith("600 access policies are replaced by roles in 300 vaults.\n300 vaults are ready, 0 blocked.")
    assert "2 principals. 1 set of permissions requires a custom role." in out
    for once in ("1. Compare", "RoleAssignmentExists", "status 403", "without a condition", "access_policy = []"):
        assert flat(out).count(once) == 1, once


def test_the_summary_states_which_vaults_are_blocked_and_why(given: Input) -> None:
    out = given.write(vault(inline(), inline('"0"', 'secret_permissions = ["Wrong"]'))).run().out
    assert out.splitlines()[1].startswith("0 vaults are ready, 1 blocked. 2 principals.")
    assert out.splitlines()[2].startswith("Blocked: app: ")
    assert "`Wrong` is not a permission of access policies" in flat(out)


def test_csv_has_a_row_for_each_policy(given: Input) -> None:
    out = given.write(vault(inline(), inline(words='secret_permissions = ["Wrong"]'))).run("-f", "csv").out
    rows = list(csv.DictReader(out.splitlines()))
    assert [(one["state"], one["status"], one["role"]) for one in rows] == [
        ("blocked", "replaced", "Key Vault Secrets User"), ("blocked", "unknown", ""),
    ]  # fmt: skip
    assert "Wrong" in rows[1]["reason"]


def test_a_policy_that_may_not_exist_has_no_application(given: Input) -> None:
    out = given.write(VARIABLES + vault(inline(), dynamic('var.who != "" ? [1] : []', "var.who"))).run().out
    assert "application" not in out
    assert "on behalf of" not in flat(out)
    assert 'if `(var.who != "")`' in flat(out)


def test_an_object_id_of_zeros_is_repeated_as_an_expression(given: Input) -> None:
    nil = "00000000-0000-0000-0000-000000000000"
    given.write(vault(inline("var.who")) + f'variable "who" {{\n  default = "{nil}"\n}}\n')
    assert [one["status"] for one in given.policies()] == ["replaced"]
    assert "= var.who\n" in given.code()
    assert nil not in given.code()


# --- identity and waves -----------------------------------------------------------------------------------------------

POLICIED = vault(inline())
CALLER = 'module "kv" {\n  source = "../m"\n}\n'


def test_vaults_of_several_roots_have_different_names(given: Input) -> None:
    given.write(POLICIED, "m/main.tf")
    for name in ("dev", "prod"):
        given.write(CALLER, f"envs/{name}/main.tf".replace("envs/", ""))
    out = given.run().out
    assert "app of dev\n" in out
    assert "app of prod\n" in out
    vaults = given.report()["vaults"]
    assert [(one["root"], one["wave"]) for one in vaults] == [("dev", 1), ("prod", 3)]
    rows = list(csv.DictReader(given.run("-f", "csv").out.splitlines()))
    assert [(one["root"], one["wave"]) for one in rows] == [("dev", "1"), ("prod", "3")]


def test_vaults_of_several_parameter_files_have_different_names(given: Input) -> None:
    given.write(BICEP_OF_PARAMETERS, "app.bicep")
    for name in ("dev", "prod"):
        given.write("using 'app.bicep'\nparam name = 'kv-app'\n", f"{name}.bicepparam")
    out = given.run().out
    assert "kv-app (dev)\n" in out
    assert "kv-app (prod)\n" in out
    worlds = [(one["world"], one["wave"]) for one in given.report()["vaults"]]
    assert worlds == [("dev.bicepparam", 1), ("prod.bicepparam", 3)]


def test_a_vault_that_uses_roles_is_named_with_its_root(given: Input) -> None:
    given.write(MIGRATED, "m/main.tf")
    for name in ("dev", "prod"):
        given.write(CALLER, f"{name}/main.tf")
    assert "azurerm_key_vault.app of dev, module.kv.azurerm_key_vault.app of prod already use" in given.run().err


@pytest.mark.parametrize(
    ("name", "others", "wave"),
    [
        ("kv-dev", 1, 1), ("kv-dev", 6, 2), ("kv-app", 5, 3), ("kv-prod", 6, 4), ("kvdevice", 1, 3), ("kv_test1", 1, 1),
    ],
)  # fmt: skip
def test_wave_depends_on_environment_and_number_of_principals(given: Input, name: str, others: int, wave: int) -> None:
    policies = (inline(f'"{number}{GUID[1:]}"') for number in range(others))
    (own,) = given.write(vault(*policies).replace('= "app"', f'= "{name}"')).report()["vaults"]
    assert own["wave"] == wave


def test_a_blocked_vault_has_no_wave(given: Input) -> None:
    given.write(vault(inline(), inline('"0"', 'secret_permissions = ["Wrong"]')))
    (own,) = given.report()["vaults"]
    assert own["wave"] is None


def test_the_page_has_each_policy_and_is_inert(given: Input) -> None:
    hostile = '"<script>alert(1)</script>"'
    given.write(vault(inline(hostile), inline('"0"', 'secret_permissions = ["<b>"]')))
    page = given.run("-f", "html").out
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<b>`" not in page
    for words in ("Key Vault Secrets User", "is not a permission of access policies", "Compare these access policies"):
        assert words in page


@pytest.mark.parametrize("who", ['"=1+1"', '"@SUM(A1)"', '"+1"', '"-1"'])
def test_csv_has_no_formulas(given: Input, who: str) -> None:
    (row,) = csv.DictReader(given.write(vault(inline(who))).run("-f", "csv").out.splitlines())
    assert row["principal"].startswith("'")


@pytest.mark.parametrize("who", ['"a${"b"}c$${d}%%{if}"', '"a\\"b"', '"a\'b"', '"a\\\\"', '"<EOT"', '"a}b{"'])
def test_hostile_ids_stay_strings_in_the_code(given: Input, who: str) -> None:
    given.write(vault(inline(who)))
    for language in ("terraform", "bicep"):
        code = given.code("--output-language", language)
        assert code.count("resource ") == 1 + (language == "bicep")
    assert len(parsed(given.code())) == 1
    given.write(given.code(), "roles.tf")
    assert given.problems() == "[]"


# --- loops and conditions that generated code must repeat exactly -----------------------------------------------------

VAULTS_OF_NAMES = (
    'variable "names" { type = set(string) }\n'
    'resource "azurerm_key_vault" "app" {\n  for_each = var.names\n  name = each.value\n'
    "  rbac_authorization_enabled = false\n}\n"
    'resource "azurerm_key_vault" "other" {\n  name = "other"\n  rbac_authorization_enabled = false\n}\n'
)
DEFERRED = "azurerm_user_assigned_identity.app.principal_id"
IDENTITY = 'resource "azurerm_user_assigned_identity" "app" {\n  name = "app"\n}\n'


@pytest.mark.parametrize(
    ("who", "principal"),
    [
        ("access_policy.key", "each.value.key"),
        (
            f'access_policy.key == 0 ? "{OTHER}" : access_policy.value',
            f'each.value.key == 0 ? "{OTHER}" : each.value.value',
        ),
        ("[for one in [access_policy] : one.value][0]", "[for one in [each.value] : one.value][0]"),
    ],
)
@pytest.mark.parametrize("over", ["var.ids", f'["{GUID}", "{GUID[:-1]}f"]'])
def test_the_key_of_an_item_is_not_the_key_of_an_instance(given: Input, over: str, who: str, principal: str) -> None:
    code = given.write(VARIABLES + vault(dynamic(over, who))).code()
    assert f"for_each = {{ for key, value in {over} : key => {{ key = key, value = value }} }}\n" in code
    assert f"= {principal}\n" in code


def test_the_index_of_a_for_expression_is_in_the_value(given: Input) -> None:
    result = f'{{ object_id = i == 0 ? "{OTHER}" : one, secret_permissions = ["Get"] }}'
    code = given.write(vault(f'  access_policy = [for i, one in ["{GUID}"] : {result}]')).code()
    assert f'for_each = {{ for key, value in ["{GUID}"] : key => {{ key = key, value = value }} }}\n' in code
    assert f'= each.value.key == 0 ? "{OTHER}" : each.value.value\n' in code


@pytest.mark.parametrize(
    ("who", "repeated"),
    [
        ("access_policy.value.id", "[for value in var.objects : value] : key => value }"),
        ("access_policy.key.id", "[for value in var.objects : { key = value, value = value }] : key => value }"),
    ],
)
def test_the_items_of_a_set_of_objects_are_not_keys(given: Input, who: str, repeated: str) -> None:
    given.write('variable "objects" { type = set(object({ id = string })) }\n' + vault(dynamic("var.objects", who)))
    assert repeated in given.code()


def test_a_collection_that_may_be_a_set_of_objects_has_a_note(given: Input) -> None:
    over = "var.objects"
    given.write('variable "objects" {}\n' + vault(dynamic(over, "access_policy.value.id")))
    out = flat(given.run().out)
    assert f"If `{over}` is a set, Terraform rejects the generated code" in out
    assert f"write `tolist({over})`" in out


@pytest.mark.parametrize("name", ["main.tf", "main.bicep"])
def test_a_principal_that_is_twice_in_a_loop_is_written_once(given: Input, name: str) -> None:
    if name == "main.tf":
        text = vault(dynamic(f'["{GUID}", "{OTHER}", "{GUID}"]', "access_policy.value"))
    else:
        text = looped(f"one in ['{GUID}', '{OTHER}', '{GUID}']")
    code = given.write(text, name).code()
    assert (code.count(f'"{GUID}"' if name == "main.tf" else f"principalId: '{GUID}'"), code.count("resource ")) == (
        1,
        2,
    )
    assert "for " not in code.replace("for the", "")


def test_loops_with_a_common_principal_are_written_out(given: Input) -> None:
    blocks = (dynamic(f'["{one}", "{OTHER}"]', "access_policy.value") for one in (GUID, GUID[:-1] + "f"))
    found = parsed(given.write(vault(*blocks)).code())
    assert [one["principal_id"].strip('"') for one in found.values() if "for_each" not in one] == [GUID[:-1] + "f"]
    assert len(found) == 2


def test_loops_over_the_same_ids_assign_a_role_once(given: Input) -> None:
    blocks = (
        dynamic("var.ids", "access_policy.value"),
        dynamic("var.ids", "access_policy.value", 'secret_permissions = ["Get", "List"]'),
    )
    code = given.write(VARIABLES + vault(*blocks)).code()
    assert len(parsed(code)) == 1


@pytest.mark.parametrize(
    ("type_", "who", "is_noted"),
    [
        ("list(string)", "access_policy.value", True),
        ("set(string)", "access_policy.value", False),
        ("map(string)", "access_policy.value", True),
        ("map(string)", "access_policy.key", False),
    ],
)
def test_items_that_may_be_equal_have_a_note(given: Input, type_: str, who: str, is_noted: bool) -> None:
    given.write(f'variable "ids" {{ type = {type_} }}\n' + vault(dynamic("var.ids", who)))
    (policy,) = given.policies()
    assert (len(policy["notes"]) == 1) is is_noted
    assert ("no two items of `var.ids` may have the same object ID" in flat(given.run().out)) is is_noted


def test_loops_that_may_have_a_common_principal_have_a_note(given: Input) -> None:
    text = 'variable "a" { type = set(string) }\nvariable "b" { type = set(string) }\n'
    given.write(text + vault(inline(), *(dynamic(f"var.{one}", "access_policy.value") for one in "ab")))
    first, *loops = given.policies()
    assert first["notes"] == []
    assert all("no item of the loop may have the object ID of access policy 1 of" in one["notes"][0] for one in loops)


@pytest.mark.parametrize("others", ["", inline(f'"{OTHER}"')])
def test_a_condition_that_is_known_after_apply_is_not_that_of_a_resource(given: Input, others: str) -> None:
    given.write(IDENTITY + vault(others, dynamic(f'{DEFERRED} != "" ? [1] : []', DEFERRED)))
    policy = given.policies()[-1]
    assert policy["status"] == "unknown"
    assert policy["reason"].startswith("a loop or condition of a resource must be known before apply: `azurerm_user")
    assert "count" not in given.code()


def test_a_set_of_ids_that_are_known_after_apply_is_written_out(given: Input) -> None:
    code = given.write(IDENTITY + vault(dynamic(f"toset([{DEFERRED}])", "access_policy.value"))).code()
    assert "for_each" not in code
    assert f"= {DEFERRED}\n" in code
    code = given.write(IDENTITY + vault(dynamic(f"[{DEFERRED}]", "access_policy.value"))).code()
    assert f"for key, value in [{DEFERRED}] : key => value" in code


@pytest.mark.parametrize(
    ("over", "who"),
    [
        ('{ a = { id = var.who, password = "CANARY-1" } }', "access_policy.value.id"),
        ('var.token == "CANARY-2" ? [1] : []', "var.who"),
        ('var.on && "password=CANARY-3" != "" ? [1] : []', "var.who"),
        ('contains(["CANARY-4"], var.token) ? [1] : []', "var.who"),
        ("var.ids", 'lookup({ client_secret = "CANARY-5" }, "id", access_policy.value)'),
    ],
)
@pytest.mark.parametrize("form", ["text", "json", "csv", "html", "code"])
def test_literals_with_names_of_secrets_are_in_no_report(given: Input, over: str, who: str, form: str) -> None:
    token = 'variable "token" {\n  sensitive = true\n}\n'
    said = given.write(VARIABLES + token + vault(dynamic(over, who))).run("-f", form)
    assert said.code == 0
    assert "CANARY" not in said.out + said.err
    is_known = over.startswith("{")
    assert form == "code" or is_known or "its declaration contains a sensitive value" in flat(said.out)


def test_literals_with_names_of_secrets_in_bicep_are_in_no_report(given: Input) -> None:
    text = looped("one in [{ id: ids[0], password: 'CANARY-1' }]").replace("objectId: one", "objectId: one.id")
    text = text.replace("isProd bool", "isProd bool\n@secure()\nparam token string").replace(
        "= {\n  name: 'app'", "= if (token != 'CANARY-2') {\n  name: 'app'"
    )
    given.write(text, "main.bicep")
    for form in ("text", "json", "csv", "html", "code"):
        assert "CANARY" not in given.run("-f", form).out


def test_a_policy_for_an_unknown_instance_is_not_listed_on_other_vaults(given: Input) -> None:
    own = separate(more="for_each = { for one in var.names : one => one }").replace(".app.id", ".app[each.value].id")
    given.write(VAULTS_OF_NAMES + own)
    found = {one["resource"]: len(one["policies"]) for one in given.report()["vaults"]}
    assert found == {"azurerm_key_vault.other": 0, "azurerm_key_vault.app[*]": 1}


def test_instances_that_are_written_out_are_for_their_folder(given: Input) -> None:
    text = vault(dynamic("each.value", "access_policy.value")).replace(
        '"app" {', f'"app" {{\n  for_each = {{ a = ["{GUID}"], b = ["{OTHER}"] }}', 1
    )
    (code,) = given.write(text.replace('= "app"', "= each.key", 1) + 'variable "x" {}\n').report()["code"]
    assert code["path"] == "."
    assert 'azurerm_key_vault.app["a"].id' in code["text"]


def test_loop_is_counted_as_a_loop(given: Input) -> None:
    own = inline(), dynamic("var.ids", "access_policy.value"), dynamic("var.more", "access_policy.value")
    out = given.write(VARIABLES + 'variable "more" { type = list(string) }\n' + vault(*own)).run().out
    assert "1 access policy and those of 2 loops are replaced by roles in 1 vault." in flat(out)
    assert "1 principal and those of 2 loops." in flat(out)
    assert "access_policy.value: secrets get" in flat(out)
    assert "each.value:" not in out
    (plan,) = given.report()["vaults"]
    assert plan["wave"] == 4


def test_a_wrong_format_lists_the_formats(given: Input) -> None:
    said = given.write(vault(inline())).run("-f", "sarif")
    assert said.code == 2
    assert "text" in said.err
    assert "csv" in said.err


def test_a_module_that_is_deployed_twice_does_not_have_a_principal_twice(given: Input) -> None:
    given.write(BICEP_OF_PARAMETERS, "vault.bicep")
    call = "module kv 'vault.bicep' = [for one in ['init', 'idem']: {\n  name: one\n  params: { name: 'kv' }\n}]\n"
    report = given.write(call, "main.bicep").report()
    assert {one["status"] for vault in report["vaults"] for one in vault["policies"]} == {"replaced"}
    assert [(one["path"], one["text"].count("resource ")) for one in report["code"]] == [("vault.bicep", 1)]


# --- one role assignment for several vaults ---------------------------------------------------------------------------


def in_group(name: str, *policies: str, group: str = '"rg"') -> str:
    return vault(*policies).replace('"app"', f'"{name}"').replace('"rg"', group)


def test_a_principal_with_the_same_roles_on_all_vaults_of_a_group_is_offered_one_assignment(given: Input) -> None:
    given.write(in_group("a", inline(), inline(f'"{OTHER}"')) + in_group("b", inline()))
    report = given.report()
    (shared,) = report["shared"]
    assert (shared["principal"], shared["roles"], shared["vaults"]) == (GUID, ["Key Vault Secrets User"], ["a", "b"])
    (own,) = parsed(shared["text"]).values()
    assert 'split("/providers/", azurerm_key_vault.a.id)[0]' in own["scope"]
    assert "split(" not in report["code"][0]["text"] + given.code()
    out = flat(given.run().out)
    assert f"{GUID}: Key Vault Secrets User on the resource group of a, b, instead of on 2 vaults" in out
    given.write(shared["text"], "group.tf")
    assert given.problems() == "[]"


@pytest.mark.parametrize(
    "other",
    [
        in_group("b", inline(words='secret_permissions = ["Get", "List", "Set", "Delete"]')),
        in_group("b", inline(f'"{OTHER}"')),
        in_group("b", inline(), group='"other"'),
        in_group("b", inline()) + in_group("c"),
        in_group("b", inline()) + in_group("c", group="var.group") + 'variable "group" {}\n',
        in_group("b", inline()) + in_group("c", inline()).replace("= false", "= true"),
        in_group("b", inline(words=f'application_id = "x"\n{READS}')),
    ],
)
def test_one_assignment_is_offered_only_for_the_same_access_to_all_vaults(given: Input, other: str) -> None:
    assert given.write(in_group("a", inline()) + other).report()["shared"] == []


def test_one_assignment_in_bicep_is_on_the_group_of_the_deployment(given: Input) -> None:
    app = BICEP.format(who="who", condition="")
    text = app + app[app.index("resource app") :].replace("app", "web")
    (shared,) = given.write(text, "main.bicep").report()["shared"]
    assert "name: guid(resourceGroup().id, who, " in shared["text"]
    assert "scope:" not in shared["text"]
    given.write(text + shared["text"], "main.bicep")
    assert given.problems() == "[]"


def test_markdown_has_each_policy_and_is_inert(given: Input) -> None:
    out = given.write(vault(inline('"<b>|x"'))).run("-f", "markdown").out
    assert out.startswith("# Migration to Azure RBAC\n")
    assert "<b>" not in out.partition("```")[0]
    assert "Key Vault Secrets User" in out


# --- several access policies for one principal ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("repeat", "expected"),
    [
        ("count = 2", None),
        ('for_each = toset(["a", "b"])', 'length(toset(["a", "b"])) > 0 ? 1 : 0'),
        ('count = length(["a", "b"])', '(length(["a", "b"])) > 0 ? 1 : 0'),
    ],
)
def test_instances_for_one_principal_are_replaced_by_one_assignment(given: Input, repeat: str, expected: str) -> None:
    given.write(vault() + separate(more=repeat))
    report = given.report()
    policies = [one for vault in report["vaults"] for one in vault["policies"]]
    assert [one["status"] for one in policies] == ["replaced"] * 2
    assert "a vault has one access policy for each object ID" in policies[0]["notes"][0]
    (own,) = parsed(report["code"][0]["text"]).values()
    assert own.get("count", "").removeprefix("${").removesuffix("}") == (expected or "")
    assert "for_each" not in own
    assert own["principal_id"].strip('"') == GUID


def test_instances_for_several_principals_are_repeated(given: Input) -> None:
    who = f'["{GUID}", "{OTHER}"][count.index]'
    report = given.write(vault() + separate(who=who, more="count = 2")).report()
    assert [one["notes"] for vault in report["vaults"] for one in vault["policies"]] == [[], []]
    (own,) = parsed(report["code"][0]["text"]).values()
    assert own["count"] == 2
    assert "[count.index]" in own["principal_id"]


def test_a_format_of_findings_is_refused_with_the_command_that_writes_it(given: Input) -> None:
    said = given.write(vault(inline())).run("-f", "sarif")
    assert (said.code, said.out) == (2, "")
    assert "unknown format 'sarif' (one of text, json, " in said.err
    assert "; `kvlint check -f sarif` writes findings)" in said.err


def test_the_summary_lists_as_many_reasons_as_fit(given: Input) -> None:
    given.write(vault(*(inline(words=f'secret_permissions = ["Wrong{number}"]') for number in range(40))))
    lines = [line for line in given.run().out.splitlines() if line.startswith("Blocked: ")]
    assert lines[0] == "Blocked: app: `Wrong0` is not a permission of access policies"
    assert (len(lines), lines[-1]) == (31, "Blocked: 10 more reasons, which -f csv lists")
