"""Where resources would be declared and an expression stays unknown, the analysis is incomplete, never clean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.conftest import Run

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
VAULT = {
    "type": "Microsoft.KeyVault/vaults",
    "apiVersion": "2023-07-01",
    "name": "kv-nested",
    "location": "westeurope",
    "properties": {"tenantId": "t", "sku": {"family": "A", "name": "standard"}},
}


def template(resources: Any, **more: Any) -> dict[str, Any]:
    return {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": resources, **more}


NESTED = template([VAULT])


def deployment(properties: Any, **more: Any) -> dict[str, Any]:
    head = {"type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": "nested"}
    return {**head, "properties": properties, **more}


def remedy(expression: str) -> dict[str, Any]:
    details = {"type": "x", "deployment": {"properties": {"mode": "incremental", "template": expression}}}
    return {"if": {}, "then": {"effect": "deployIfNotExists", "details": details}}


def computed(expression: Any, **more: Any) -> dict[str, Any]:
    return template([deployment({"mode": "Incremental", "template": expression})], **more)


STACK = {"type": "Microsoft.Resources/deploymentStacks", "apiVersion": "2024-03-01", "name": "s"}
APPLICATION = {"type": "Microsoft.Solutions/applicationDefinitions", "apiVersion": "2021-07-01", "name": "a"}
POLICY = {"type": "Microsoft.Authorization/policyDefinitions", "apiVersion": "2021-06-01", "name": "p"}
FUNCTION = {"parameters": [], "output": {"type": "object", "value": NESTED}}
OBJECT = {"type": "object"}
# Templates whose nested vault is in the same file, wherever it is.
EVALUATED: dict[str, dict[str, Any]] = {
    "variable": computed("[variables('$fxv#0')]", variables={"$fxv#0": NESTED}),
    "default": computed("[parameters('t')]", parameters={"t": {**OBJECT, "defaultValue": NESTED}}),
    "json": computed(f"[json('{json.dumps(NESTED)}')]"),
    "text": computed(json.dumps(NESTED)),
    "union": computed(
        "[union(variables('a'), variables('b'))]", variables={"a": template([]), "b": {"resources": [VAULT]}}
    ),
    "item": computed("[variables('ts')[0]]", variables={"ts": [NESTED]}),
    "function": computed("[n.f()]", functions=[{"namespace": "n", "members": {"f": FUNCTION}}]),
    "properties": template([deployment("[variables('p')]")], variables={"p": {"template": NESTED}}),
    "loop": template(
        [deployment({"template": "[variables('ts')[copyIndex()]]"}, copy={"name": "c", "count": 1})],
        variables={"ts": [NESTED]},
    ),
    "escaped": computed(
        "[variables('t')]",
        variables={
            "t": template([{**VAULT, "name": "[[parameters('n')]"}], parameters={"n": {"defaultValue": "kv-nested"}})
        },
    ),
    "stack": template([{**STACK, "properties": {"template": "[variables('t')]"}}], variables={"t": NESTED}),
    "application": template([{**APPLICATION, "properties": {"mainTemplate": NESTED}}]),
}
ARRAY = {"rs": {"type": "array"}}
UNKNOWN: dict[str, dict[str, Any]] = {
    "parameter": computed("[parameters('t')]", parameters={"t": OBJECT}),
    "reference": computed("[reference('x').outputs.t.value]"),
    "if": computed(
        "[if(parameters('b'), variables('t'), variables('u'))]",
        parameters={"b": {"type": "bool"}}, variables={"t": NESTED, "u": template([])},
    ),
    "array": computed([NESTED]),
    "properties": template([deployment("[parameters('p')]")], parameters={"p": OBJECT}),
    "no-properties": template([{k: v for k, v in deployment({}).items() if k != "properties"}]),
    "no-template": template([deployment({"mode": "Incremental"})]),
    "path": template(
        [deployment({"templateLink": {"relativePath": "[parameters('u')]"}})], parameters={"u": {"type": "string"}}
    ),
    "link": template([deployment({"templateLink": "[parameters('u')]"})], parameters={"u": OBJECT}),
    "resources": template("[variables('rs')]", variables={"rs": [VAULT]}),
    "resources-parameter": template("[parameters('rs')]", parameters=ARRAY),
    "resource": template(["[variables('r')]"], variables={"r": VAULT}),
    "symbolic": template({"kv": "[variables('r')]"}, variables={"r": VAULT}, languageVersion="2.0"),
    "children": template([{**VAULT, "resources": "[variables('c')]"}], variables={"c": []}),
    "nested-resources": computed(template("[parameters('rs')]"), parameters=ARRAY),
    "variable-resources": computed(
        "[variables('t')]", variables={"t": template("[parameters('rs')]")}, parameters=ARRAY
    ),
    "type": template([{**VAULT, "type": "[parameters('t')]"}], parameters={"t": {"type": "string"}}),
    "stack": template([{**STACK, "properties": {"template": "[parameters('t')]"}}], parameters={"t": OBJECT}),
    "policy": template(
        [{**POLICY, "properties": {"policyRule": remedy("[parameters('t')]")}}], parameters={"t": OBJECT}
    ),
}  # fmt: skip
HEAD = 'provider "azurerm" {\n  features {}\n}\nvariable "x" {}\n'
GROUP = 'resource "azurerm_resource_group_template_deployment" "d" {{\n  name = "d"\n  {}\n}}\n'
AZAPI = 'resource "azapi_resource" "d" {{\n  type = {}\n  name = "d"\n  body = {}\n}}\n'
ACTION = 'resource "azapi_resource_action" "d" {{\n  type = {}\n  resource_id = "/x"\n  method = "{}"\n}}\n'
DEPLOYMENTS, VAULTS = '"Microsoft.Resources/deployments@2022-09-01"', '"Microsoft.KeyVault/vaults@2023-07-01"'
TERRAFORM = {
    "variable": GROUP.format("template_content = var.x"),
    "file": GROUP.format("template_content = file(var.x)"),
    "gone": GROUP.format('template_content = file("gone.json")'),
    "resources": GROUP.format("template_content = jsonencode({ resources = var.x })"),
    "item": GROUP.format("template_content = jsonencode({ resources = [var.x] })"),
    "none": GROUP.format(""),
    "azapi-type": AZAPI.format("var.x", "{}"),
    "azapi-body": AZAPI.format(DEPLOYMENTS, "var.x"),
    "azapi-template": AZAPI.format(DEPLOYMENTS, "{ properties = { template = var.x } }"),
    "azapi-put": ACTION.format(VAULTS, "PUT"),
    "azapi-put-type": ACTION.format("var.x", "PUT"),
    "module": 'module "m" {\n  source = var.x\n}\n',
}
BICEP = {
    "template": "resource d 'Microsoft.Resources/deployments@2022-09-01' = {\n  name: 'd'\n"
    "  properties: { template: x }\n}\n",
    "properties": "resource d 'Microsoft.Resources/deployments@2022-09-01' = {\n  name: 'd'\n  properties: x\n}\n",
    "stack": "resource d 'Microsoft.Resources/deploymentStacks@2024-03-01' = {\n  name: 'd'\n"
    "  properties: { template: x }\n}\n",
    "type": "resource d '${x}' = {\n  name: 'd'\n}\n",
    "path": "module d '${x}.bicep' = {\n  name: 'd'\n}\n",
}


def report(run: Run, folder: Path) -> tuple[int, dict[str, Any]]:
    found = run("-f", "json", "--select", "KV001", ".", cwd=folder)
    return found.code, json.loads(found.out)


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def test_a_nested_template_in_the_same_file_is_evaluated(tmp_path: Path, run: Run) -> None:
    write(tmp_path, {f"{name}/main.json": json.dumps(one, indent=1) for name, one in EVALUATED.items()})
    code, found = report(run, tmp_path)
    assert code == 1
    assert not found["problems"]
    places = {one["location"]["path"].split("/")[0]: one["resource"] for one in found["findings"]}
    assert set(places) == set(EVALUATED)
    assert all(resource.endswith("kv-nested") for resource in places.values())


def test_a_finding_in_a_variable_is_at_the_resource_in_it(tmp_path: Path, run: Run) -> None:
    text = json.dumps(EVALUATED["variable"], indent=1)
    write(tmp_path, {"main.json": text})
    code, found = report(run, tmp_path)
    assert code == 1
    line = text.splitlines()[found["findings"][0]["location"]["line"] - 1]
    assert "Microsoft.KeyVault/vaults" in line


def test_unknown_value_in_place_of_resources_is_an_error(tmp_path: Path, run: Run) -> None:
    files = {f"arm-{name}/main.json": json.dumps(one, indent=1) for name, one in UNKNOWN.items()}
    files |= {f"tf-{name}/main.tf": HEAD + text for name, text in TERRAFORM.items()}
    files |= {f"bicep-{name}/main.bicep": f"param x object\n{text}" for name, text in BICEP.items()}
    files["terragrunt/terragrunt.hcl"] = 'terraform {\n  source = get_env("MODULES")\n}\n'
    write(tmp_path, files)
    code, found = report(run, tmp_path)
    assert code == 3
    errors = {one["location"]["path"] for one in found["problems"] if one["level"] == "error"}
    assert errors == set(files)


def test_an_existing_deployment_has_no_template(tmp_path: Path, run: Run) -> None:
    resources = {"old": {**deployment({}), "existing": True}, "kv": VAULT}
    write(tmp_path, {"main.json": json.dumps(template(resources, languageVersion="2.0"))})
    code, found = report(run, tmp_path)
    assert (code, found["problems"]) == (1, [])
