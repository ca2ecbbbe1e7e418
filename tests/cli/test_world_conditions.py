"""The condition of a world is sufficient: with its values, the deployment has what it is about, and does not fail."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.test_existence import PROVIDER, SCHEMA, checked, found, secret, variable, vault, words, write

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint


def stated(document: dict[str, Any], name: str) -> str | None:
    """Return the condition of the only evaluated resource with a name in its address."""
    (condition,) = [one["condition"] for one in document["evaluated"] if name in one["address"]]
    return condition if condition is None else str(condition)


SWITCHES = "param a bool = false\nparam b bool = false\nparam c bool = true\n"
VAULT = """
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = %s{
  name: 'kv-a'
  location: 'westeurope'
  properties: { sku: { family: 'A', name: 'standard' }, tenantId: tenant().tenantId }
}
"""
CHILD = """
resource child 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = if (b) {
  parent: kv
  name: 's'
  properties: { value: %s }
}
"""
MODULE = "module m 'm.bicep' = if (a) {\n  name: 'm'\n}\n"
OTHER = "module child 'm.bicep' = if (b) {\n  name: 'n'\n  params: { x: %s }\n}\n"
NEEDS = {
    "a parent": (VAULT % "if (a) " + CHILD % "'v'", "if a is true and b is true"),
    "a parent that exists": (VAULT % "if (c) " + CHILD % "'v'", "if b is true"),
    "a parent that excludes it": (VAULT % "if (!b) " + CHILD % "'v'", "if b is true"),
    "an existing parent": (
        "resource kv 'Microsoft.KeyVault/vaults@2023-07-01' existing = if (a) {\n  name: 'kv-a'\n}\n"
        + CHILD % "'v'",
        "if b is true",
    ),
    "an output": (VAULT % "" + MODULE + CHILD % "m.outputs.x", "if a is true and b is true"),
    "an output in a variable": (
        VAULT % "" + MODULE + "var x = { y: 'v-${m.outputs.x}' }\n" + CHILD % "x.y",
        "if a is true and b is true",
    ),
    "an output with a condition": (
        VAULT % "" + MODULE + CHILD % "a ? m.outputs.x : 'v'", "if b is true",
    ),
    "an output with a fallback": (
        VAULT % "" + MODULE + CHILD % "m.?outputs.x ?? 'v'", "if b is true",
    ),
    "what is deployed before it": (
        VAULT % "" + MODULE + CHILD.replace("  name", "  dependsOn: [m]\n  name") % "'v'",
        "if b is true",
    ),
    "the argument of a module": (
        MODULE + OTHER % "m.outputs.x", "if a is true and b is true",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NEEDS)
def test_condition_includes_the_resources_that_a_resource_refers_to(kvlint: Kvlint, name: str) -> None:
    text, condition = NEEDS[name]
    module = "param x string = 'y'\noutput x string = x\n" + (VAULT % "").replace("kv-a", "kv-${x}")
    document = checked(kvlint, {"main.bicep": SWITCHES + text, "m.bicep": module})
    assert stated(document, "child") == condition


def resource(type_: str, name: str, condition: object, **more: object) -> dict[str, object]:
    return {"type": type_, "apiVersion": "2023-07-01", "name": name, "condition": condition, **more}


DEPLOYMENT = {
    "mode": "Incremental",
    "template": {
        "$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": [],
        "outputs": {"x": {"type": "string", "value": "y"}},
    },
}  # fmt: skip
REFERENCE = "[reference(resourceId('Microsoft.Resources/deployments', 'm')).outputs.x.value]"
TEMPLATES = {
    "a parent": ("'v'", "if a is true and b is true"),
    "an output": (REFERENCE, "if a is true and b is true"),
    "an output with a condition": (f"[if(parameters('a'), {REFERENCE[1:-1]}, 'v')]", "if b is true"),
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_condition_in_a_template_includes_the_resources_that_a_resource_refers_to(kvlint: Kvlint, name: str) -> None:
    value, condition = TEMPLATES[name]
    is_vault = "[parameters('a')]" if name == "a parent" else True
    vault = resource(
        "Microsoft.KeyVault/vaults", "kv-a", is_vault, location="westeurope",
        properties={"tenantId": "[tenant().tenantId]", "sku": {"family": "A", "name": "standard"}},
    )  # fmt: skip
    child = resource(
        "Microsoft.KeyVault/vaults/secrets", "[format('{0}/{1}', 'kv-a', 'child')]", "[parameters('b')]",
        properties={"value": value},
    )  # fmt: skip
    deployment = resource("Microsoft.Resources/deployments", "m", "[parameters('a')]", properties=DEPLOYMENT)
    template = {
        "$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": [vault, child, deployment],
        "parameters": {one: {"type": "bool", "defaultValue": False} for one in "ab"},
    }  # fmt: skip
    document = checked(kvlint, {"t.json": json.dumps(template)})
    assert stated(document, "child") == condition


REFERENCES = {
    "an instance": ("azurerm_key_vault.kv[0].id", 'if var.mode is "x"'),
    "an instance with a fallback": ('try(azurerm_key_vault.kv[0].id, "v")', 'if var.mode is not "none"'),
    "an instance with a condition": ('var.mode == "x" ? azurerm_key_vault.kv[0].id : "v"', 'if var.mode is not "none"'),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_with_no_value_that_a_condition_permits_a_reference_fails(kvlint: Kvlint, name: str) -> None:
    reference, condition = REFERENCES[name]
    text = variable("mode", "string", '"none"') + vault('  count = var.mode == "x" || var.mode == "y" ? 1 : 0')
    text += secret('count = var.mode != "none" ? 1 : 0').replace("azurerm_key_vault.kv.id", reference)
    document = checked(kvlint, {"main.tf": PROVIDER + text})
    assert stated(document, "secret") == condition


def test_a_number_without_a_default_decides_on_a_resource_and_its_attributes(kvlint: Kvlint) -> None:
    text = 'variable "level" {\n  type = number\n}\n'
    text += vault("  count = var.level == 3 ? 1 : 0\n  purge_protection_enabled = var.level == 3")
    document = checked(kvlint, {"main.tf": PROVIDER + text})
    assert stated(document, "kv") == "if var.level is 3"
    assert found(document, "KV001") == found(document, "KV001", "unknown") == []


def test_of_an_unknown_number_of_resources_all_are_evaluated(kvlint: Kvlint) -> None:
    text = 'variable "number" {\n  type = number\n}\n'
    text += vault("  count = var.number\n  purge_protection_enabled = count.index == 0")
    document = checked(kvlint, {"main.tf": PROVIDER + text})
    assert stated(document, "kv") == "if var.number is 1"
    assert found(document, "KV001", "unknown") == ["azurerm_key_vault.kv[0]"]


@pytest.mark.parametrize("expected", ["premium", "other"])
def test_all_values_that_an_input_accepts_are_tried(kvlint: Kvlint, expected: str) -> None:
    condition = f"if (sku != 'none' && toUpper(sku) == '{expected.upper()}') "
    document = checked(
        kvlint, {"main.bicep": "param sku ('standard' | 'premium' | 'none') = 'none'\n" + VAULT % condition}
    )
    assert words(document, "KV001") == (['if sku is "premium"'] if expected == "premium" else [])
    assert len(document["skipped"]) == (expected == "other")


@pytest.mark.parametrize("of", ["var.s", "upper(var.s)"])
def test_condition_does_not_show_the_value_of_a_sensitive_variable(kvlint: Kvlint, of: str) -> None:
    text = variable("mode", "string", '"off"') + variable("s", "string", '"hunter2Secret!"\n  sensitive = true')
    write({"main.tf": PROVIDER + text + vault(f"  count = var.mode == nonsensitive({of}) ? 1 : 0")})
    for form in ("json", "text", "sarif"):
        said = kvlint("in", "-f", form)
        assert "var.mode has another value" in said.out
        assert "hunter2secret" not in (said.out + said.err).lower()


def test_a_problem_in_a_world_states_its_condition(kvlint: Kvlint) -> None:
    text = "resource x 'Microsoft.KeyVault/vaults/things@2023-07-01' = if (a) {\n  name: 'kv-a/x'\n}\n"
    write({"main.bicep": SWITCHES + text})
    (problem,) = json.loads(kvlint("in", "-f", "json").out)["problems"]
    assert problem["message"].endswith("so the resource was not evaluated (if a is true)")


@pytest.mark.parametrize(("value", "is_accepted"), [("prod", True), ("production", False)])
def test_a_template_accepts_the_allowed_strings_in_any_case(kvlint: Kvlint, value: str, is_accepted: bool) -> None:
    vault = resource(
        "Microsoft.KeyVault/vaults", "kv-a", f"[equals(parameters('env'), '{value}')]", location="westeurope",
        properties={"tenantId": "[tenant().tenantId]", "sku": {"family": "A", "name": "standard"}},
    )  # fmt: skip
    env = {"type": "string", "defaultValue": "Dev", "allowedValues": ["Dev", "Prod"]}
    template = {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "parameters": {"env": env}, "resources": [vault]}
    document = checked(kvlint, {"t.json": json.dumps(template)})
    assert words(document, "KV001") == (['if env is "prod"'] if is_accepted else [])


AZD_PARAMETERS = json.dumps({"parameters": {"store": {"value": "${STORE=sql}"}}})
OF_ENVIRONMENT = "using 'main.bicep'\nparam store = readEnvironmentVariable('STORE', 'sql')\n"


@pytest.mark.parametrize(
    ("name", "text"), [("main.parameters.json", AZD_PARAMETERS), ("main.bicepparam", OF_ENVIRONMENT)]
)
def test_a_fallback_of_the_environment_decides_as_a_default_does(name: str, text: str, kvlint: Kvlint) -> None:
    template = "@allowed(['sql', 'vault'])\nparam store string\n" + VAULT % "if (store == 'vault') "
    write({"main.bicep": template, name: text})
    document = json.loads(kvlint("in", "--select", "KV001", "-f", "json").out)
    assert document["skipped"] == []
    (finding,) = document["findings"]
    assert finding["condition"] == [{"input": "store", "is": "equal", "value": "vault"}]
