"""The reasons of unknown results: each names what is not known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Run

pytestmark = pytest.mark.slow(8)

FOREIGN = 'module "kv" {\n  source = "git::https://example.com/kv"\n}\n'
VAULT = 'resource "azurerm_key_vault" "{0}" {{\n  name = "{0}"\n  rbac_authorization_enabled = {1}\n}}\n'
POLICY = """
resource "azurerm_key_vault_access_policy" "p" {{
  key_vault_id       = {}
  tenant_id          = "a"
  object_id          = "b"
  secret_permissions = ["Get"]
}}
"""


@pytest.mark.parametrize(
    ("more", "vault", "why"),
    [
        (FOREIGN, "module.kv.id", "`module.kv.id` is the output of a module that is not in the scanned files"),
        (
            'data "azurerm_key_vault" "kv" {\n  name = "kv"\n  resource_group_name = "g"\n}\n',
            "data.azurerm_key_vault.kv.id",
            "`data.azurerm_key_vault.kv` is read from Azure",
        ),
        (
            'variable "rbac" {}\n' + VAULT.format("kv", "var.rbac"),
            "azurerm_key_vault.kv.id",
            "`var.rbac` has no value",
        ),
    ],
)
def test_unknown_permission_model_has_a_reason(more: str, vault: str, why: str, tmp_path: Path, run: Run) -> None:
    (tmp_path / "main.tf").write_text(more + POLICY.format(vault))
    found = json.loads(run("-f", "json", "--select", "KV304", ".", cwd=tmp_path).out)
    assert [one["label"] for one in found["unknown"]] == [why]


def test_reason_names_the_data_source_that_the_policy_refers_to(tmp_path: Path, run: Run) -> None:
    lookup = 'data "azurerm_key_vault" "{}" {{\n  name = "kv"\n  resource_group_name = "g"\n}}\n'
    policy = POLICY.format("data.azurerm_key_vault.policies.id")
    (tmp_path / "main.tf").write_text(lookup.format("first") + lookup.format("policies") + policy)
    (message,) = labels(run, tmp_path, "KV304")
    assert message.endswith("is unknown: `data.azurerm_key_vault.policies.id` is known after apply")


@pytest.mark.parametrize(
    ("argument", "ending"),
    [
        ("", "`data.azurerm_key_vault.v` is read from Azure"),
        (
            "  waits = azurerm_key_vault_access_policy.p.id\n",
            "the dependency on `azurerm_key_vault_access_policy.p` cannot be traced",
        ),
    ],
)
def test_missing_module_waits_only_for_resources_named_in_its_call(
    argument: str, ending: str, tmp_path: Path, run: Run
) -> None:
    module = FOREIGN.replace('"\n}', '"\n' + argument + "}")
    vault = 'data "azurerm_key_vault" "v" {\n  name = "v"\n}\n'
    policy = POLICY.format("data.azurerm_key_vault.v.id").replace('"b"', "module.deployer.id").replace("Get", "Set")
    deployer = FOREIGN.replace('"kv"', '"deployer"')
    secret = (
        'resource "azurerm_key_vault_secret" "s" {\n  name         = "s"\n  value        = module.kv.value\n'
        "  key_vault_id = data.azurerm_key_vault.v.id\n}\n"
    )
    (tmp_path / "main.tf").write_text(vault + module + deployer + policy + secret)
    (message,) = labels(run, tmp_path, "KV055")
    assert message.endswith(ending)


def test_instance_of_an_unknown_loop_has_a_reason(tmp_path: Path, run: Run) -> None:
    (tmp_path / "main.bicep").write_text(
        "param names array\nparam index int\n"
        "resource id 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = [for one in names: {\n"
        "  name: one\n}]\n"
        "resource kv 'Microsoft.KeyVault/vaults@2026-02-01' existing = {\n  name: 'kv'\n}\n"
        "resource p 'Microsoft.KeyVault/vaults/accessPolicies@2026-02-01' = {\n  parent: kv\n  name: 'add'\n"
        "  properties: {\n    accessPolicies: [\n      { tenantId: tenant().tenantId,"
        " objectId: id[index].properties.principalId, permissions: {} }\n    ]\n  }\n}\n"
    )
    (message,) = labels(run, tmp_path, "KV310")
    assert message == "the principals with access through p are unknown: parameter `names` has no value"


def test_value_that_may_be_a_secret_is_named(tmp_path: Path, run: Run) -> None:
    (tmp_path / "main.bicep").write_text(
        "@secure()\nparam settings object = { list: [{ name: 'Schedule', value: 'daily' }] }\n"
        "resource script 'Microsoft.Resources/deploymentScripts@2023-08-01' = {\n  name: 'script'\n"
        "  kind: 'AzureCLI'\n  properties: {\n"
        "    environmentVariables: settings.list\n  }\n}\n"
    )
    (message,) = labels(run, tmp_path, "KV622")
    assert message == "script may expose a secret: the value of `Schedule` in `environmentVariables` may be a secret"


@pytest.mark.parametrize(("more", "is_unknown"), [("", False), (FOREIGN, True)])
def test_azapi_resource_of_an_unknown_type_uses_no_provider_block_of_azurerm(
    more: str, is_unknown: bool, tmp_path: Path, run: Run
) -> None:
    (tmp_path / "main.tf").write_text(
        'provider "azurerm" {\n  features {}\n}\nvariable "type" {}\n'
        'resource "azapi_resource" "r" {\n  type = var.type\n  name = "r"\n}\n' + more
    )
    assert bool(labels(run, tmp_path, "KV006")) is is_unknown


def test_reason_names_the_principal_of_which_less_is_known(tmp_path: Path, run: Run) -> None:
    group = 'data "azuread_group" "g" {\n  display_name = "g"\n}\n'
    policy = POLICY.replace('"b"', "{}").replace('"p"', '"{}"')
    policies = policy.format("p", '"id"', "data.azuread_group.g.object_id") + policy.format("q", '"id"', "var.id")
    (tmp_path / "main.tf").write_text('variable "id" {}\n' + group + policies)
    for message in labels(run, tmp_path, "KV310"):
        assert message.endswith("may be for the same principal: `var.id` has no value")


def test_a_sensitive_input_without_a_value_is_named(tmp_path: Path, run: Run) -> None:
    text = (
        'variable "secrets" {\n  sensitive = true\n}\n'
        'resource "azurerm_key_vault_secret" "s" {\n  name         = "s"\n  value        = var.secrets.value\n'
        "  content_type = var.secrets.type\n}\n"
    )
    (tmp_path / "main.tf").write_text(text)
    (found,) = json.loads(run("-f", "json", "--select", "KV602", ".", cwd=tmp_path).out)["unknown"]
    assert found["label"] == "`var.secrets` has no value"


def labels(run: Run, folder: Path, rule: str) -> list[str]:
    """Return the messages of the unknown results of one rule."""
    found = json.loads(run("-f", "json", "--select", rule, ".", cwd=folder).out)
    return [one["message"] for one in found["unknown"]]


SECRETS = """
variable "first" {}
data "azurerm_key_vault" "kv" {
  name                = "kv"
  resource_group_name = "g"
}
resource "azurerm_key_vault_secret" "a" {
  name         = var.first
  value        = "x"
  key_vault_id = data.azurerm_key_vault.kv.id
}
resource "azurerm_key_vault_secret" "b" {
  name         = "b"
  value        = "x"
  key_vault_id = data.azurerm_key_vault.kv.id
}
"""


def test_reason_names_an_object_that_may_have_the_same_name(tmp_path: Path, run: Run) -> None:
    (tmp_path / "main.tf").write_text(SECRETS)
    (message,) = labels(run, tmp_path, "KV603")
    assert message == (
        "azurerm_key_vault_secret.b may have the name of another object: "
        "`azurerm_key_vault_secret.a` may have the same name in the same vault: `var.first` has no value"
    )


def test_reason_names_a_policy_that_may_be_for_the_same_principal(tmp_path: Path, run: Run) -> None:
    policy = POLICY.replace('"b"', "{}").replace('"p"', '"{}"')
    policies = [policy.format(name, "azurerm_key_vault.kv.id", f"var.{name}") for name in ("p", "q")]
    vault = VAULT.format("kv", "false")
    (tmp_path / "main.tf").write_text('variable "p" {}\nvariable "q" {}\n' + vault + "".join(policies))
    reason = "`azurerm_key_vault_access_policy.{}` may be for the same principal: `var.{}` has no value"
    first, second = labels(run, tmp_path, "KV310")
    assert first.startswith("the principals with access through azurerm_key_vault_access_policy.p are unknown: ")
    assert first.endswith(reason.format("q", "p"))
    assert second.endswith(reason.format("p", "q"))


def test_unknown_role_has_a_reason(tmp_path: Path, run: Run) -> None:
    (tmp_path / "main.bicep").write_text(
        "param role string\nparam principal string\n"
        "resource kv 'Microsoft.KeyVault/vaults@2026-02-01' existing = {\n  name: 'kv'\n}\n"
        "resource ra 'Microsoft.Authorization/roleAssignments@2022-04-01' = {\n  name: guid(kv.id)\n  scope: kv\n"
        "  properties: {\n    principalId: principal\n"
        "    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)\n  }\n}\n"
    )
    existing = "`kv` is an existing resource with properties that are known only in Azure"
    role = "parameter `role` has no value"
    assert labels(run, tmp_path, "KV307") == [f"the permissions that ra grants are unknown: {role}, {existing}"]
    assert labels(run, tmp_path, "KV305") == [f"ra: {existing}, {role}"]


def test_unknown_object_name_has_a_reason(tmp_path: Path, run: Run) -> None:
    (tmp_path / "main.bicep").write_text(
        "param prefix string\nresource kv 'Microsoft.KeyVault/vaults@2026-02-01' existing = {\n  name: 'kv'\n}\n"
        "resource s 'Microsoft.KeyVault/vaults/secrets@2026-02-01' = {\n  parent: kv\n"
        "  name: '${prefix}-${uniqueString(deployment().name)}'\n  properties: {\n    value: 'x'\n  }\n}\n"
    )
    assert labels(run, tmp_path, "KV513") == ["`name` of s is unknown: parameter `prefix` has no value"]


def test_secret_name_of_a_vault_has_a_reason(tmp_path: Path, run: Run) -> None:
    vault = (
        "@secure()\nparam vaultName string{}\nresource kv 'Microsoft.KeyVault/vaults@2026-02-01' = {{\n"
        "  name: vaultName\n  location: 'westeurope'\n  properties: {{\n    tenantId: tenant().tenantId\n"
        "    sku: {{ family: 'A', name: 'standard' }}\n  }}\n}}\n"
    )
    (tmp_path / "main.bicep").write_text(vault.format(""))
    assert labels(run, tmp_path, "KV010") == ["`name` of kv is unknown: parameter `vaultName` has no value"]


def test_unknown_name_of_a_loop_over_a_secret_has_a_reason(tmp_path: Path, run: Run) -> None:
    (tmp_path / "main.bicep").write_text(
        "@secure()\nparam secrets object\n"
        "resource kv 'Microsoft.KeyVault/vaults@2026-02-01' existing = {\n  name: 'kv'\n}\n"
        "resource s 'Microsoft.KeyVault/vaults/secrets@2026-02-01' = [for one in items(secrets): {\n  parent: kv\n"
        "  name: one.key\n  properties: {\n    value: one.value\n  }\n}]\n"
    )
    (message,) = labels(run, tmp_path, "KV513")
    assert message == "`name` of s (all instances) is unknown: parameter `secrets` has no value"


def test_resources_outside_the_input_are_a_reason(tmp_path: Path, run: Run) -> None:
    logs = 'module "logs" {\n  source = "git::https://example.com/logs"\n  id     = azurerm_key_vault.kv.id\n}\n'
    (tmp_path / "main.tf").write_text(VAULT.format("kv", "true") + logs)
    message = "an `azurerm_monitor_diagnostic_setting` outside the scanned files may refer to the key vault"
    assert labels(run, tmp_path, "KV201") == [f"azurerm_key_vault.kv: {message}"]


@pytest.mark.parametrize(
    ("secrets", "is_unknown"),
    [
        ("cfg.kind == 'x' ? [{ name: 'pat', value: cfg.pat }] : []", False),
        ("cfg.kind == 'x' ? [{ name: 'pat', value: cfg.pat }] : [{ name: 'a', value: 'b' }, { name: 'c' }]", False),
        ("cfg.kind == 'x' ? [{ name: 'pat', keyVaultUrl: cfg.url, identity: 'system' }] : []", True),
        ("cfg.kind == 'x' ? cfg.secrets : []", True),
    ],
)
def test_conditional_arrays_have_a_reason(secrets: str, is_unknown: bool, tmp_path: Path, run: Run) -> None:
    (tmp_path / "main.bicep").write_text(
        "param cfg object\nresource job 'Microsoft.App/jobs@2024-03-01' = {\n  name: 'j'\n  location: 'x'\n"
        "  properties: {\n    environmentId: cfg.id\n    configuration: {\n      triggerType: 'Manual'\n"
        f"      replicaTimeout: 10\n      secrets: {secrets}\n    }}\n  }}\n}}\n"
    )
    assert bool(labels(run, tmp_path, "KV630")) is is_unknown


def test_reason_names_the_attribute_of_a_block(tmp_path: Path, run: Run) -> None:
    inputs = 'variable "ids" {}\ndata "azurerm_key_vault" "kv" {\n  name                = "kv"\n}\n'
    app = 'resource "azurerm_linux_web_app" "a" {\n  identity {\n    type = var.ids[1]\n  }\n}\n'
    policy = POLICY.format("data.azurerm_key_vault.kv.id")
    own = policy.replace('"b"', "azurerm_linux_web_app.a.identity[0].principal_id")
    other = policy.replace('"p"', '"q"').replace('"b"', "data.azuread_service_principal.s.object_id")
    inputs += 'data "azuread_service_principal" "s" {\n  client_id = var.ids[0]\n}\n'
    (tmp_path / "main.tf").write_text(inputs + app + own + other)
    first, second = labels(run, tmp_path, "KV310")
    assert first.endswith("`azurerm_linux_web_app.a.identity[0].principal_id` is known after apply")
    assert second.endswith("`data.azuread_service_principal.s.object_id` is known after apply")


def test_unknown_zone_name_has_a_reason(tmp_path: Path, run: Run) -> None:
    (tmp_path / "main.tf").write_text(
        'variable "zone" {}\ndata "azurerm_private_dns_zone" "z" {\n  name = var.zone\n}\n'
        + VAULT.format("kv", "true")
        + 'resource "azurerm_private_endpoint" "e" {\n  private_service_connection {\n'
        '    private_connection_resource_id = azurerm_key_vault.kv.id\n    subresource_names = ["vault"]\n  }\n'
        "  private_dns_zone_group {\n    private_dns_zone_ids = [data.azurerm_private_dns_zone.z.id]\n  }\n}\n"
    )
    (message,) = labels(run, tmp_path, "KV120")
    assert message == "private DNS zone name of azurerm_private_endpoint.e is unknown: `var.zone` has no value"


@pytest.mark.parametrize(
    ("name", "is_unknown"),
    [
        ('"hub-tx-${var.stage}-key"', False),
        ('"${var.stage}-hub-key"', True),
        ('"hub-${var.other}-key"', True),
        ('"hub-${var.stage}-${var.stage}-key"', True),
    ],
)
def test_names_with_the_same_unknown_part_are_compared(name: str, is_unknown: bool, tmp_path: Path, run: Run) -> None:
    secret = 'resource "azurerm_key_vault_secret" "{}" {{\n  name = {}\n  value = "x"\n  key_vault_id = var.id\n}}\n'
    inputs = 'variable "stage" {}\nvariable "other" {}\nvariable "id" {}\n'
    secrets = secret.format("a", '"hub-${var.stage}-key"') + secret.format("b", name)
    (tmp_path / "main.tf").write_text(inputs + secrets)
    assert bool(labels(run, tmp_path, "KV603")) is is_unknown


def test_names_of_one_loop_in_two_resources_may_be_equal(tmp_path: Path, run: Run) -> None:
    secret = (
        'resource "azurerm_key_vault_secret" "{}" {{\n  for_each = var.apps\n  name = "${{each.key}}{}"\n'
        '  value = "x"\n  key_vault_id = var.id\n}}\n'
    )
    inputs = 'variable "apps" {\n  type = map(string)\n}\nvariable "id" {}\n'
    (tmp_path / "main.tf").write_text(inputs + secret.format("a", "-key") + secret.format("b", "-key-key"))
    assert labels(run, tmp_path, "KV603")


def test_tenant_of_a_managed_identity_is_not_unknown(tmp_path: Path, run: Run) -> None:
    app = 'resource "azurerm_linux_web_app" "a" {\n  identity {\n    type = "SystemAssigned"\n  }\n}\n'
    policy = POLICY.format("var.id").replace('"a"', "azurerm_linux_web_app.a.identity[0].tenant_id")
    policy = policy.replace('"b"', "azurerm_linux_web_app.a.identity[0].principal_id")
    (tmp_path / "main.tf").write_text('variable "id" {}\n' + app + policy)
    assert labels(run, tmp_path, "KV310") == []


def _plan(outputs: Mapping[str, object], module: Mapping[str, object]) -> str:
    root = {"outputs": outputs, "module_calls": {"db": {"source": "./db", "module": module}}}
    return json.dumps(
        {"format_version": "1.2", "resource_changes": [], "configuration": {"root_module": root}},
    )


@pytest.mark.parametrize(
    ("references", "why"),
    [
        (["local.a"], "a plan does not contain the expression of `local.a`"),
        (["local.a", "local.b"], "a plan does not contain the expression of `local.a` and `local.b`"),
        (["module.other.password"], "a plan does not contain the expression of `module.db.module.other.password`"),
    ],
)
def test_output_without_its_source_in_the_plan_is_named(
    references: list[str], why: str, tmp_path: Path, run: Run
) -> None:
    module = {"outputs": {"text": {"expression": {"references": references}}}}
    outputs = {"text": {"expression": {"references": ["module.db.text", "module.db"]}}}
    (tmp_path / "plan.json").write_text(_plan(outputs, module))
    (found,) = json.loads(run("-f", "json", "--select", "KV612", "plan.json", cwd=tmp_path).out)["unknown"]
    assert found["label"] == why


_NESTED = """param id string
resource nested 'Microsoft.Resources/deployments@2022-09-01' = {{
  name: 'nested'
  properties: {{
    mode: 'Incremental'
    template: json(loadTextContent('nested.json'))
    parameters: {{ id: {{ value: {} }} }}
  }}
}}
"""


@pytest.mark.parametrize(
    ("argument", "value", "why"),
    [
        ("id", "[parameters('id')]", "parameter `id` has no value"),
        ("guid(id)", "[parameters('id')]", "`guid()` is computed by Azure"),
        # Azure shows the names of resources.
        ("id", "[extensionResourceId(parameters('id'), 'Microsoft.Authorization/locks', 'lock')]", None),
        # The secret is in the ID.
        ("id", "[resourceId('Microsoft.Web/sites', listKeys('a', '2023-05-01').keys[0].value)]", "fail"),
    ],
)
def test_an_output_of_a_template_in_a_file(
    argument: str, value: str, why: str | None, tmp_path: Path, run: Run
) -> None:
    parameters, outputs = {"id": {"type": "string"}}, {"id": {"type": "string", "value": value}}
    nested = {"contentVersion": "1.0.0.0", "parameters": parameters, "resources": [], "outputs": outputs}
    (tmp_path / "nested.json").write_text(json.dumps(nested))
    (tmp_path / "main.bicep").write_text(_NESTED.format(argument))
    document = json.loads(run("-f", "json", "--select", "KV612", "main.bicep", cwd=tmp_path).out)
    assert [one["label"] for one in document["unknown"]] == ([why] if why not in (None, "fail") else [])
    assert len(document["findings"]) == (why == "fail")


@pytest.mark.parametrize(("name", "rule"), [("plain", "KV610"), ("key", "KV611")])
def test_the_items_that_a_loop_passes_to_a_nested_template(name: str, rule: str, tmp_path: Path, run: Run) -> None:
    key = "listKeys('logs', '2023-05-01').keys[0].value"
    loop = {
        "name": "value",
        "count": "[length(parameters('items'))]",
        "input": f"[createObject('plain', 'Tr0ub4dor', 'key', {key}, 'item', parameters('items')[copyIndex('value')])]",
    }
    secret = {
        "type": "Microsoft.KeyVault/vaults/secrets",
        "apiVersion": "2023-07-01",
        "name": "kv/db",
        "properties": {"value": f"[parameters('items')[0].{name}]"},
    }
    nested = {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2022-09-01",
        "name": "nested",
        "properties": {
            "mode": "Incremental",
            "expressionEvaluationOptions": {"scope": "inner"},
            "parameters": {"items": {"copy": [loop]}},
            "template": {"parameters": {"items": {"type": "array"}}, "resources": [secret]},
        },
    }
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "parameters": {"items": {"type": "array", "defaultValue": ["a"]}},
        "resources": [nested],
    }
    (tmp_path / "main.json").write_text(json.dumps(template))
    document = json.loads(run("-f", "json", "--select", "KV610,KV611", "main.json", cwd=tmp_path).out)
    assert document["unknown"] == []
    assert [one["ruleId"] for one in document["findings"]] == [rule]


KEY = """
resource "azurerm_key_vault_key" "k" {{
  name         = {}
  key_vault_id = "x"
  key_type     = "RSA"
  key_opts     = []
}}
"""


@pytest.mark.parametrize(
    ("more", "name", "why"),
    [
        (
            'locals {\n  m   = { a = "b" }\n  key = "c"\n}\n',
            "local.m[local.key]",
            "`local.m[local.key]` does not exist: the map has no such key, so the plan fails",
        ),
        ("", 'join("", toset(var))', "`var` is not a value, so the plan fails"),
        ("", 'join("", toset(hunter2))', "a name without quotation marks is not a value, so the plan fails"),
        ("", "other.resource.id", "the resource that the expression refers to is not declared"),
    ],
)
def test_reason_names_the_value_that_is_missing(more: str, name: str, why: str, tmp_path: Path, run: Run) -> None:
    (tmp_path / "main.tf").write_text(more + KEY.format(name))
    (found,) = json.loads(run("-f", "json", "--select", "KV513", ".", cwd=tmp_path).out)["unknown"]
    assert found["label"] == why


def test_the_word_resource_before_a_reference_changes_nothing(tmp_path: Path, run: Run) -> None:
    password = 'resource "random_password" "p" {\n  count  = 1\n  length = 20\n}\n'
    vault = VAULT.format("kv", "true") + POLICY.format("azurerm_key_vault.kv.id")
    secret = (
        'resource "azurerm_key_vault_secret" "s" {{\n  name         = "s"\n  value        = {}\n'
        "  key_vault_id = {}azurerm_key_vault.kv.id\n  depends_on   = [{}azurerm_key_vault_access_policy.p]\n}}\n"
    )
    found = []
    for word in ("", "resource."):
        written = secret.format(f"{word}random_password.p[0].result", word, word)
        (tmp_path / "main.tf").write_text(password + vault + written)
        document = json.loads(run("-f", "json", "--profile", "all", ".", cwd=tmp_path).out)
        found.append([(one["ruleId"], one["message"]) for one in document["findings"] + document["unknown"]])
    assert found[0] == found[1]


NETWORK = """
resource net 'Microsoft.Network/virtualNetworks@2023-04-01' = {{
  name: 'net'
  properties: {{
    subnets: [{{ name: 'a', properties: {{ serviceEndpoints: [{}] }} }}]
  }}
}}
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {{
  name: 'kv-a'
  properties: {{
    sku: {{ family: 'A', name: 'standard' }}
    tenantId: tenant().tenantId
    networkAcls: {{ defaultAction: 'Deny', virtualNetworkRules: [{{ id: {} }}] }}
  }}
}}
"""
ENDPOINT = "{ service: 'Microsoft.KeyVault' }"


@pytest.mark.parametrize(
    ("endpoints", "subnet", "outcome"),
    [
        (ENDPOINT, "net.properties.subnets[0].id", None),
        ("", "net.properties.subnets[0].id", "fail"),
        ("", "net.properties.subnets[0].other", "`other` is known after deployment"),
    ],
)
def test_a_subnet_in_the_array_of_its_network_has_an_id(
    endpoints: str, subnet: str, outcome: str | None, tmp_path: Path, run: Run
) -> None:
    (tmp_path / "main.bicep").write_text(NETWORK.format(endpoints, subnet))
    document = json.loads(run("-f", "json", "--select", "KV124", ".", cwd=tmp_path).out)
    found = [one["outcome"] if one["outcome"] == "fail" else one["label"] for one in document["findings"]]
    found += [one["label"] for one in document["unknown"]]
    assert found == ([] if outcome is None else [outcome])


@pytest.mark.parametrize(
    ("access", "outcome"),
    [
        (".subnets[0].id", "fail"),
        (".subnets[0].other", "`other` is known after deployment"),
        (".other", "`other` is known after deployment"),
        (", 'Full').properties.subnets[0].id", "fail"),
        (", 'Full').identity.principalId", "`principalId` is known after deployment"),
    ],
)
def test_a_subnet_that_a_template_reads_from_its_network_has_an_id(
    access: str, outcome: str, tmp_path: Path, run: Run
) -> None:
    network = "resourceId('Microsoft.Network/virtualNetworks', 'net'), '2023-04-01'"
    subnet = f"[reference({network}{access if access.startswith(',') else ')' + access}]"
    subnets = [{"name": "a", "properties": {"serviceEndpoints": []}}]
    rules = {"defaultAction": "Deny", "virtualNetworkRules": [{"id": subnet}]}
    properties = {"sku": {"family": "A", "name": "standard"}, "tenantId": "x", "networkAcls": rules}
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "resources": [
            {
                "type": "Microsoft.Network/virtualNetworks",
                "apiVersion": "2023-04-01",
                "name": "net",
                "properties": {"subnets": subnets},
            },
            {
                "type": "Microsoft.KeyVault/vaults",
                "apiVersion": "2023-07-01",
                "name": "kv-a",
                "properties": properties,
            },
        ],
    }
    (tmp_path / "main.json").write_text(json.dumps(template))
    document = json.loads(run("-f", "json", "--select", "KV124", ".", cwd=tmp_path).out)
    found = ["fail"] * len(document["findings"]) + [one["label"] for one in document["unknown"]]
    assert found == [outcome]
