"""Rules on secrets tell secrets from the plain values that are declared or passed beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.linter.rule_tests import expand

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
FAIL, UNKNOWN, PASS = "fail", "unknown", "pass"


def outcomes(kvlint: Kvlint, rule: str, name: str, text: str | bytes) -> dict[str, str]:
    """Return the outcome of a rule by resource; resources without one passed."""
    file = Path("in", name)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    document = json.loads(kvlint("in", "-f", "json", "--select", rule).out)
    assert not [one for one in document["problems"] if one["level"] != "note"]
    return {one["resource"]: one["outcome"] for one in (*document["findings"], *document["unknown"])}


def outcome(kvlint: Kvlint, rule: str, name: str, text: str | bytes) -> str:
    """Return the outcome of a rule on the one resource in a text."""
    found = outcomes(kvlint, rule, name, text)
    assert len(found) <= 1
    return next(iter(found.values()), PASS)


def nested(passed: dict[str, Any], declared: dict[str, Any], resources: object, **more: object) -> str:
    """Return a template with a deployment of inner scope, to which parameters are passed."""
    inner = {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "languageVersion": "2.0", "parameters": declared}
    properties = {
        "mode": "Incremental",
        "expressionEvaluationOptions": {"scope": "inner"},
        "parameters": {name: {"value": value} for name, value in passed.items()},
        "template": {**inner, "resources": resources},
    }
    deployment = {"type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": "inner"}
    whole = {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": [{**deployment, "properties": properties}]}
    return json.dumps({**whole, **more})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("SEARCH-INDEX-NAME", "articles", PASS),
        ("OPENAI-API-VERSION", "2025-01-01-preview", PASS),
        ("SEARCH-ADMIN-KEY", "articles", FAIL),
    ],
)
def test_a_secret_in_the_name_of_the_vault_does_not_hide_that_of_the_object(
    kvlint: Kvlint, name: str, value: str, expected: str
) -> None:
    secret = {
        "type": "Microsoft.KeyVault/vaults/secrets", "apiVersion": "2023-07-01",
        "name": "[format('{0}/{1}', parameters('vault'), parameters('name'))]",
        "properties": {"value": "[parameters('value')]"},
    }  # fmt: skip
    passed = {"vault": "[format('kv-{0}', parameters('token'))]", "name": name, "value": value}
    declared = {"vault": {"type": "string"}, "name": {"type": "string"}, "value": {"type": "securestring"}}
    text = nested(passed, declared, {"secret": secret}, parameters={"token": {"type": "securestring"}})
    assert outcome(kvlint, "KV610", "t.json", text) == expected


def test_expression_of_a_name_is_not_a_label(kvlint: Kvlint) -> None:
    secret = {
        "type": "Microsoft.KeyVault/vaults/secrets", "apiVersion": "2023-07-01",
        "name": "[concat(parameters('vaultName'), '/', newGuid(), parameters('vaultName'))]",
        "properties": {"value": "correct-horse"},
    }  # fmt: skip
    parameters = {"vaultName": {"type": "securestring"}}
    whole = {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "parameters": parameters, "resources": [secret]}
    assert outcome(kvlint, "KV610", "t.json", json.dumps(whole)) == FAIL


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("RESOURCE_GROUP", "[resourceGroup().name]", PASS),
        ("SUBSCRIPTION", "[subscription().subscriptionId]", PASS),
        ("SCOPE_OF_WORK", "[resourceGroup().id]", PASS),
        ("ANYTHING", "[concat('correct-horse', resourceGroup().id)]", FAIL),
        ("STAGES", "blue|green", UNKNOWN),
        ("STAGES", "Blue|gr33n!", FAIL),
        ("API_TOKEN", "blue|green", FAIL),
        ("HOST_NAME", "host-#_namePrefix_#-Web01", PASS),
    ],
)
def test_members_of_a_secure_object_may_be_plain(kvlint: Kvlint, name: str, value: str, expected: str) -> None:
    script = {
        "type": "Microsoft.Resources/deploymentScripts", "apiVersion": "2023-08-01", "name": "script",
        "kind": "AzureCLI", "properties": {"environmentVariables": "[parameters('variables').list]"},
    }  # fmt: skip
    passed = {"variables": {"list": [{"name": name, "value": value}]}}
    text = nested(passed, {"variables": {"type": "secureObject"}}, {"script": script})
    assert outcome(kvlint, "KV622", "t.json", text) == expected


LOGIN = (
    "type login = {\n  mode: string\n  @secure()\n  sharedKey: string\n}\n"
    "param one login\nparam many login[]\n@secure()\nparam all login\n"
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("one.mode", PASS),
        ("one.sharedKey", FAIL),
        ("string(one)", FAIL),
        ("many[0].mode", PASS),
        ("many[0].sharedKey", FAIL),
        ("string(length(filter(many, item => item.sharedKey == 'x')))", PASS),
        ("join(map(many, item => item.sharedKey), ',')", FAIL),
        ("all.sharedKey", FAIL),
    ],
)
def test_only_the_secure_members_of_a_type_are_secrets(kvlint: Kvlint, value: str, expected: str) -> None:
    script = "resource s 'Microsoft.Resources/deploymentScripts@2023-08-01' = {\n  name: 's'\n  kind: 'AzureCLI'\n"
    text = f"{LOGIN}{script}  properties: {{ arguments: '--data ${{{value}}}' }}\n}}\noutput out string = {value}\n"
    found = outcomes(kvlint, "KV612,KV622", "main.bicep", text)
    assert found.get("outputs.out", PASS) == expected
    if "filter" not in value:  # nothing is known of a number, but that it was computed from an object with a secret
        assert found.get("s", PASS) == expected


@pytest.mark.parametrize(
    ("type_", "name", "expected"),
    [
        ("string", "sshPublicKey", PASS),
        ("string", "publicKeySecretValueBase64", PASS),
        ("string", "sshPrivateKeyBase64", FAIL),
        ("string", "publicKeyPassword", FAIL),
        ("string", "login", FAIL),
    ],
)
def test_public_key_declared_as_secure_is_not_a_secret(kvlint: Kvlint, type_: str, name: str, expected: str) -> None:
    bicep = f"@secure()\nparam {name} {type_}\noutput out string = base64ToString({name})\n"
    assert outcome(kvlint, "KV612", "main.bicep", bicep) == expected
    Path("in", "main.bicep").unlink()
    outputs = {"out": {"type": "string", "value": f"[base64ToString(parameters('{name}'))]"}}
    template = {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "parameters": {name: {"type": "securestring"}}}
    text = json.dumps({**template, "resources": [], "outputs": outputs})
    assert outcome(kvlint, "KV612", "t.json", text) == expected


PROVIDER = (
    'terraform {\n  required_providers {\n    azurerm = { source = "hashicorp/azurerm", version = "~> 4.23" }\n  }\n}\n'
)
EITHER = (
    "value = var.wo ? null : random_password.db.result\n"
    "  value_wo = var.wo ? ephemeral.random_password.db.result : null"
)
SECRET = 'resource "azurerm_key_vault_secret" "db" {\n  name = "db"\n'


@pytest.mark.parametrize(
    ("more", "arguments", "expected"),
    [
        ("", "value = null\n  value_wo = ephemeral.random_password.db.result", PASS),
        ('variable "p" { type = string }\n', "value = var.p\n  value_wo = null", FAIL),
        ('variable "p" { type = string }\n', "value = var.p", FAIL),
        ('variable "p" { default = null }\n', "value = var.p\n  value_wo = ephemeral.random_password.db.result", PASS),
        (
            'variable "wo" { type = bool }\nresource "random_password" "db" { length = 32 }\n',
            EITHER,
            UNKNOWN,
        ),
        (
            'variable "all" { type = map(object({ value = optional(string), value_wo = optional(string) })) }\n',
            "for_each = var.all\n  value = each.value.value\n  value_wo = each.value.value_wo",
            UNKNOWN,
        ),
    ],
)
def test_the_argument_that_is_not_null_sets_the_secret(
    kvlint: Kvlint, more: str, arguments: str, expected: str
) -> None:
    text = f"{PROVIDER}{more}{SECRET}  {arguments}\n}}\n"
    assert outcome(kvlint, "KV613", "main.tf", text) == expected


@pytest.mark.parametrize(
    ("value", "planned", "expected"),
    [
        ("${var.password}", "null", PASS),
        ("${var.password}", "correct-horse", FAIL),
        ("${module.db.password}", "", UNKNOWN),
    ],
)
def test_a_plan_shows_which_argument_sets_the_secret(kvlint: Kvlint, value: str, planned: str, expected: str) -> None:
    written = f'azurerm_key_vault_secret.db:\n  name: db\n  value: "{value}"\n  value_wo: "${{var.password_wo}}"\n'
    more = f"  $planned: {{value: {planned}, value_wo: null}}\n" if planned else ""
    assert outcome(kvlint, "KV613", "plan.json", expand(written + more)) == expected
