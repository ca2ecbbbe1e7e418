"""Vaults in templates that other resources hold: stacks, template specs, policy definitions, deployments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

pytestmark = pytest.mark.slow(8)

STACK = "Microsoft.Resources/deploymentStacks"
SPEC = "Microsoft.Resources/templateSpecs/versions"
POLICY = "Microsoft.Authorization/policyDefinitions"
DEPLOYMENT = "Microsoft.Resources/deployments"
TYPES = (STACK, SPEC, POLICY, DEPLOYMENT)
# The rules that the vault below fails.
RULES = "KV001,KV002"


def write(files: dict[str, str]) -> None:
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")


def vault(name: str = "kv-inner", **properties: Any) -> dict[str, Any]:
    return {
        "type": "Microsoft.KeyVault/vaults",
        "apiVersion": "2023-07-01",
        "name": name,
        "location": "westeurope",
        "properties": {"enableSoftDelete": False} | properties,
    }


def holder(type_: str, template: object, parameters: object = None) -> dict[str, Any]:
    """The properties of a resource that holds a template."""
    given = {} if parameters is None else {"parameters": parameters}
    match type_.partition("/")[2]:
        case "policyDefinitions":
            then = {"effect": "deployIfNotExists", "details": {"type": "Microsoft.KeyVault/vaults"}}
            then["details"]["deployment"] = {"properties": {"mode": "incremental", "template": template} | given}  # type: ignore[index]
            return {"policyType": "Custom", "policyRule": {"if": {"field": "type", "equals": "x"}, "then": then}}
        case "templateSpecs/versions":
            return {"mainTemplate": template}
        case _:
            return {"template": template} | given


def arm(type_: str, properties: object) -> dict[str, Any]:
    name = "spec/1" if type_ == SPEC else "holder"
    return {"type": type_, "apiVersion": "2024-03-01", "name": name, "properties": properties}


def bicep_of(value: object, indent: int = 0) -> str:
    """JSON data as a Bicep literal."""
    space = "  " * (indent + 1)
    match value:
        case dict():
            inner = "".join(f"{space}'{key}': {bicep_of(item, indent + 1)}\n" for key, item in value.items())
            return f"{{\n{inner}{'  ' * indent}}}"
        case list():
            inner = "".join(f"{space}{bicep_of(item, indent + 1)}\n" for item in value)
            return f"[\n{inner}{'  ' * indent}]"
        case str():
            return "'" + value.replace("'", "\\'") + "'"
        case _:
            return json.dumps(value)


def azapi(type_: str, body: str) -> str:
    return (
        f'resource "azapi_resource" "holder" {{\n  type = "{type_}@2024-03-01"\n  name = "x"\n'
        f'  parent_id = "/subscriptions/00000000-0000-0000-0000-000000000001"\n  body = {body}\n}}\n'
    )


def inputs(type_: str, resource: object) -> dict[str, str]:
    """The same resource in a template, by language."""
    properties = holder(type_, {"resources": [resource]})
    name = "spec/1" if type_ == SPEC else "holder"
    template = {"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"}
    body = json.dumps({"properties": properties}, indent=2)
    return {
        "main.json": json.dumps(template | {"resources": [arm(type_, properties)]}, indent=2),
        "main.bicep": f"resource holder '{type_}@2024-03-01' = {{\n  name: '{name}'\n"
        f"  properties: {bicep_of(properties, 1)}\n}}\n",
        "main.tf": azapi(type_, body),
        "text.tf": azapi(type_, f"jsonencode({body})"),
    }


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("name", ["main.json", "main.bicep", "main.tf", "text.tf"])
def test_a_vault_in_a_template_is_evaluated_on_its_own_lines(kvlint: Kvlint, type_: str, name: str) -> None:
    text = inputs(type_, vault())[name]
    write({name: text})
    found = kvlint(name, "--select", RULES, "-f", "json")
    assert found.code == 1, found
    lines = {one["ruleId"]: one["location"]["line"] for one in json.loads(found.out)["findings"]}
    assert set(lines) == {"KV001", "KV002"}
    assert "enableSoftDelete" in text.splitlines()[lines["KV002"] - 1]
    assert lines["KV002"] - lines["KV001"] <= 5


@pytest.mark.parametrize("kind", ["azurerm_policy_definition", "azurerm_management_group_policy_definition"])
@pytest.mark.parametrize("form", ["encoded", "heredoc", "file"])
def test_template_of_an_azurerm_policy_definition_is_evaluated(kvlint: Kvlint, kind: str, form: str) -> None:
    rule = json.dumps(holder(POLICY, {"resources": [vault()]})["policyRule"])
    written = {"encoded": f"jsonencode({rule})", "heredoc": f"<<R\n{rule}\nR", "file": 'file("rule.json")'}[form]
    text = f'resource "{kind}" "p" {{\n  name = "p"\n  policy_rule = {written}\n}}\n'
    write({"main.tf": text, "rule.json": rule})
    found = kvlint("main.tf", "--select", RULES)
    assert found.code == 1, found
    assert "KV002" in found.out
    assert "main.tf:3" in found.out


@pytest.mark.parametrize("type_", [STACK, SPEC, DEPLOYMENT, POLICY])
def test_a_template_that_bicep_loads_is_evaluated_there(kvlint: Kvlint, type_: str) -> None:
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    template = {"$schema": schema, "resources": [vault()]}
    loaded: object = template if type_ != POLICY else holder(POLICY, template)["policyRule"]
    call = "loadJsonContent('loaded.json')"
    written = f"{{ {'mainTemplate' if type_ == SPEC else 'policyRule' if type_ == POLICY else 'template'}: {call} }}"
    text = f"resource holder '{type_}@2024-03-01' = {{\n  name: 'a/1'\n  properties: {written}\n}}\n"
    write({"x/main.bicep": text, "x/loaded.json": json.dumps(loaded)})
    report = json.loads(kvlint("x", "--select", "KV002", "-f", "json").out)
    assert [one["location"]["path"] for one in report["findings"]] == ["x/main.bicep"]


def test_policy_rule_in_a_separate_file_is_reported_once(kvlint: Kvlint) -> None:
    """It is reported once: where Terraform deploys it, or else in the file."""
    rule = holder(POLICY, {"resources": [vault()]})["policyRule"]
    text = 'resource "azurerm_policy_definition" "p" {\n  policy_rule = file("rule.json")\n}\n'
    write({"policies/main.tf": text, "policies/rule.json": json.dumps(rule, indent=1)})
    report = json.loads(kvlint("policies", "--select", "KV002", "-f", "json").out)
    assert [one["location"]["path"] for one in report["findings"]] == ["policies/main.tf"]
    report = json.loads(kvlint("policies/rule.json", "--select", "KV002", "-f", "json").out)
    assert [one["location"]["path"] for one in report["findings"]] == ["policies/rule.json"]


def test_a_policy_definition_without_a_template_is_silent(kvlint: Kvlint) -> None:
    rule = {"if": {"field": "type", "equals": "x"}, "then": {"effect": "audit"}}
    write(
        {
            "alone/main.tf": 'provider "azurerm" {\n  version = "2.0"\n  features {}\n}\n'
            'resource "azurerm_policy_definition" "p" {\n'
            f"  policy_rule = jsonencode({json.dumps(rule)})\n}}\n",
            "alone/main.bicep": f"resource p '{POLICY}@2024-03-01' = {{\n  name: 'p'\n"
            f"  properties: {{ policyRule: {bicep_of(rule, 1)} }}\n}}\n",
        },
    )
    found = kvlint("alone")
    assert found.code == 0, found
    assert "KVE" not in found.out


def test_a_policy_leaves_the_deployment_around_it_complete(kvlint: Kvlint) -> None:
    """Its outputs are not evaluated, and what is not known in it is no reason to doubt that something is missing."""
    inner = {"resources": "[parameters('r')]", "outputs": {"o": {"type": "string", "value": "[parameters('p')]"}}}
    policies = [holder(POLICY, inner), {"policyRule": "[parameters('rule')]"}]
    resources = [vault(), *(arm(POLICY, one) | {"name": f"p{number}"} for number, one in enumerate(policies))]
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    write(
        {
            "x/main.json": json.dumps(
                {"$schema": schema, "parameters": {"rule": {"type": "object"}}, "resources": resources}
            )
        }
    )
    report = json.loads(kvlint("x", "--select", "KV201,KV612", "-f", "json").out)
    assert [one["ruleId"] for one in report["findings"]] == ["KV201"]
    assert not report["unknown"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("main.tf", 'variable "r" {}\nresource "azurerm_policy_definition" "p" {\n  policy_rule = var.r\n}\n'),
        (
            "main.bicep",
            f"param t object\nresource s '{STACK}@2024-03-01' = {{\n  name: 's'\n  properties: {{ template: t }}\n}}\n",
        ),
        (
            "main.bicep",
            f"param t object\nresource s '{SPEC}@2022-02-01' = {{ name: 'a/1', properties: {{ mainTemplate: t }} }}\n",
        ),
        (
            "main.bicep",
            f"resource s '{STACK}@2024-03-01' = {{ name: 's', properties: {{ templateLink: {{ uri: 'u' }} }} }}\n",
        ),
        ("main.tf", azapi(STACK, '{ properties = { templateLink = { id = "x" } } }')),
    ],
)
def test_a_template_that_is_not_known_is_reported(kvlint: Kvlint, name: str, text: str) -> None:
    write({name: text})
    found = kvlint(name)
    # A linked template is elsewhere, and a policy rule may deploy nothing; a template in the file has resources.
    assert found.code == (3 if "param t" in text else 0), found
    assert "not evaluated" in found.out


def test_each_template_has_the_parameters_of_its_own_language(kvlint: Kvlint) -> None:
    """Brackets that are escaped in the outer template are expressions of the inner one; others are the outer's."""
    inner = {
        "parameters": {"purge": {"type": "bool"}, "soft": {"type": "bool", "defaultValue": False}},
        "resources": [vault(enablePurgeProtection="[[parameters('purge')]", enableSoftDelete="[parameters('soft')]")],
    }
    outer = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "parameters": {"soft": {"type": "bool", "defaultValue": True}},
        "resources": [arm(STACK, holder(STACK, inner, {"purge": {"value": False}}))],
    }
    write({"main.json": json.dumps(outer)})
    found = kvlint("main.json", "--select", RULES)
    assert ("KV001" in found.out, "KV002" in found.out) == (True, False)


def test_parameter_that_a_policy_passes_is_unknown(kvlint: Kvlint) -> None:
    inner = {
        "parameters": {"purge": {"type": "bool", "defaultValue": True}},
        "resources": [vault(enablePurgeProtection="[parameters('purge')]")],
    }
    properties = holder(POLICY, inner, {"purge": {"value": "[parameters('purge')]"}})
    write(
        {
            "main.bicep": f"resource p '{POLICY}@2024-03-01' = {{\n  name: 'p'\n"
            f"  properties: {bicep_of(properties)}\n}}\n"
        },
    )
    found = kvlint("main.bicep", "--select", "KV001", "-f", "json")
    report = json.loads(found.out)
    assert [one["ruleId"] for one in report["unknown"]] == ["KV001"]
    assert not report["findings"]


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("name", ["main.json", "main.bicep", "main.tf", "text.tf"])
def test_no_secret_in_a_template_is_shown(kvlint: Kvlint, type_: str, name: str) -> None:
    secret = {
        "type": "Microsoft.KeyVault/vaults/secrets",
        "apiVersion": "2023-07-01",
        "name": "kv/pw",
        "properties": {"value": "h7Rt-99-Zq-pq81"},
    }
    write({name: inputs(type_, secret)[name]})
    for form in ("text", "json", "sarif"):
        found = kvlint(name, "--select", "KV610", "-f", form)
        assert found.code == 1, found
        assert "KV610" in found.out
        assert "h7Rt" not in found.out


def test_templates_in_templates_end_with_a_limit(kvlint: Kvlint) -> None:
    inner: dict[str, Any] = {"resources": [vault()]}
    for number in range(60):
        inner = {"resources": [arm(STACK, holder(STACK, inner)) | {"name": f"s{number}"}]}
    write(
        {"main.json": json.dumps(inner), "main.tf": azapi(STACK, json.dumps({"properties": holder(STACK, inner)}))},
    )
    for name in ("main.json", "main.tf"):
        found = kvlint(name, "--select", "KV002")
        assert found.code in (1, 3), found
        assert ("KV002" in found.out) is (found.code == 1)
        assert "Traceback" not in found.err


@pytest.mark.parametrize("type_", TYPES)
def test_many_copies_of_a_template_end_with_a_limit(kvlint: Kvlint, type_: str) -> None:
    loop = {"copy": {"name": "many", "count": 800}}
    one = arm(type_, holder(type_, {"resources": [vault("[[concat('kv', copyIndex())]") | loop]}))
    write(
        {
            "main.json": json.dumps(
                {
                    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
                    "resources": [one | {"name": "[concat('x', copyIndex(), '/1')]"} | loop],
                }
            )
        },
    )
    found = kvlint("main.json", "--select", "KV001")
    assert found.code == 3, found.out[:500]
    assert "the limit for an input of this size" in found.out


def test_changes_of_a_stack_what_if_result_are_evaluated(kvlint: Kvlint) -> None:
    """Its changes count, not the template that it holds as well."""
    of_group = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers"
    change = {
        "id": f"{of_group}/Microsoft.KeyVault/vaults/kv",
        "changeType": "create",
        "changeCertainty": "definite",
        "resourceConfigurationChanges": {"before": None, "after": vault(), "delta": []},
    }
    result = {
        "type": "Microsoft.Resources/deploymentStacksWhatIfResults",
        "properties": {
            "provisioningState": "succeeded",
            "template": {"resources": [vault("[parameters('name')]", enableSoftDelete=True)]},
            "changes": {"resourceChanges": [change], "denySettingsChange": {}},
        },
    }
    write({"stack/result.json": json.dumps(result, indent=1)})
    for path in ("stack", "stack/result.json"):
        found = json.loads(kvlint(path, "--select", "KV002", "-f", "json").out)["findings"]
        assert [(one["ruleId"], one["resource"]) for one in found] == [("KV002", "Microsoft.KeyVault/vaults/kv")]
