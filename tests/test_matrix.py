"""However a diagnostic setting names its vault, and whatever language says so: the verdict is the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from azkvlint.linter.rule_tests import expand

if TYPE_CHECKING:
    from tests.conftest import Run

pytestmark = pytest.mark.slow(8)

RULE = "KV201"
ID = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/"


class Case(NamedTuple):
    """One way to name a vault: the verdicts on the vaults that are deployed, and its sources by language."""

    verdicts: tuple[str, ...]
    terraform: Mapping[str, str]
    plan: str
    bicep: Mapping[str, str]
    arm: str


def vault(name: str = "kv", more: str = "") -> str:
    return f"""
resource "azurerm_key_vault" "{name}" {{
  {more}
  name                = "{name}"
  resource_group_name = "rg"
}}
"""


def setting(target: str, more: str = "") -> str:
    return f"""
resource "azurerm_monitor_diagnostic_setting" "logs" {{
  {more}
  name                       = "logs"
  target_resource_id         = {target}
  log_analytics_workspace_id = "{ID.replace("Microsoft.KeyVault/vaults", "Microsoft.OperationalInsights/workspaces")}w"
  enabled_log {{
    category_group = "audit"
  }}
}}
"""


def planned_setting(target: str, address: str = "azurerm_monitor_diagnostic_setting.logs") -> str:
    return f"""
{address}:
  name: logs
  target_resource_id: {target}
  log_analytics_workspace_id: /subscriptions/s/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/w
  enabled_log: [{{category_group: audit}}]
"""


BICEP_VAULT = "resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = { name: 'kv', properties: {} }\n"
LOGS = "{ workspaceId: 'w', logs: [{ categoryGroup: 'audit', enabled: true }] }"


def bicep_setting(scope: str) -> str:
    return (
        "resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = "
        f"{{ name: 'logs', scope: {scope}, properties: {LOGS} }}\n"
    )


ARM_VAULT = {"type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": "kv", "properties": {}}
ARM_LOGS = {"workspaceId": "w", "logs": [{"categoryGroup": "audit", "enabled": True}]}


def arm_setting(scope: str) -> dict[str, object]:
    return {
        "type": "Microsoft.Insights/diagnosticSettings", "apiVersion": "2021-05-01-preview", "name": "logs",
        "scope": scope, "properties": ARM_LOGS,
    }  # fmt: skip


def template(*resources: object, **more: object) -> dict[str, object]:
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    return {"$schema": schema, "contentVersion": "1.0.0.0", **more, "resources": list(resources)}


def nested(name: str, inner: dict[str, object], parameters: dict[str, object] | None = None) -> dict[str, object]:
    return {
        "type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": name,
        "properties": {
            "mode": "Incremental", "expressionEvaluationOptions": {"scope": "inner"},
            "parameters": {key: {"value": value} for key, value in (parameters or {}).items()}, "template": inner,
        },
    }  # fmt: skip


TARGET = {"target": {"type": "string"}}
OUTPUT = {"id": {"type": "string", "value": "[resourceId('Microsoft.KeyVault/vaults', 'kv')]"}}
ID_OUT = 'output "id" {\n  value = azurerm_key_vault.kv.id\n}\n'
ID_IN = 'variable "target" {\n  type = string\n}\n'
OTHER = f"{ID}other"

CASES = {
    "the same module": Case(
        ("pass",),
        {"main.tf": vault() + setting("azurerm_key_vault.kv.id")},
        "azurerm_key_vault.kv: {name: kv}" + planned_setting("${azurerm_key_vault.kv.id}"),
        {"main.bicep": BICEP_VAULT + bicep_setting("kv")},
        json.dumps(template(ARM_VAULT, arm_setting("[resourceId('Microsoft.KeyVault/vaults', 'kv')]"))),
    ),
    "from parent to child": Case(
        ("pass",),
        {
            "main.tf": vault() + 'module "logs" {\n  source = "./logs"\n  target = azurerm_key_vault.kv.id\n}\n',
            "logs/main.tf": ID_IN + setting("var.target"),
        },
        "azurerm_key_vault.kv: {name: kv}\nmodule.logs: {target: '${azurerm_key_vault.kv.id}'}"
        + planned_setting("${var.target}", "module.logs.azurerm_monitor_diagnostic_setting.logs"),
        {
            "main.bicep": BICEP_VAULT + "module logs 'logs.bicep' = { name: 'logs', params: { target: kv.name } }\n",
            "logs.bicep": "param target string\nresource kv 'Microsoft.KeyVault/vaults@2023-07-01' existing = "
            "{ name: target }\n" + bicep_setting("kv"),
        },
        json.dumps(
            template(
                ARM_VAULT,
                nested(
                    "logs",
                    template(arm_setting("[parameters('target')]"), parameters=TARGET),
                    {"target": "[resourceId('Microsoft.KeyVault/vaults', 'kv')]"},
                ),
            )
        ),
    ),
    "from child to parent, by an output": Case(
        ("pass",),
        {"main.tf": 'module "kv" {\n  source = "./kv"\n}\n' + setting("module.kv.id"), "kv/main.tf": vault() + ID_OUT},
        "module.kv.azurerm_key_vault.kv: {name: kv}" + planned_setting("${module.kv.id}"),
        {
            "main.bicep": "module kv 'kv.bicep' = { name: 'kv' }\n"
            "resource there 'Microsoft.KeyVault/vaults@2023-07-01' existing = { name: kv.outputs.name }\n"
            + bicep_setting("there"),
            "kv.bicep": BICEP_VAULT + "output name string = kv.name\n",
        },
        "",
    ),
    "from sibling to sibling, through the root": Case(
        ("pass",),
        {
            "main.tf": 'module "kv" {\n  source = "./kv"\n}\n'
            'module "logs" {\n  source = "./logs"\n  target = module.kv.id\n}\n',
            "kv/main.tf": vault() + ID_OUT,
            "logs/main.tf": ID_IN + setting("var.target"),
        },
        "module.kv.azurerm_key_vault.kv: {name: kv}\nmodule.logs: {target: '${module.kv.id}'}"
        + planned_setting("${var.target}", "module.logs.azurerm_monitor_diagnostic_setting.logs"),
        {
            "main.bicep": "module kv 'kv.bicep' = { name: 'kv' }\n"
            "module logs 'logs.bicep' = { name: 'logs', params: { target: kv.outputs.name } }\n",
            "kv.bicep": BICEP_VAULT + "output name string = kv.name\n",
            "logs.bicep": "param target string\nresource kv 'Microsoft.KeyVault/vaults@2023-07-01' existing = "
            "{ name: target }\n" + bicep_setting("kv"),
        },
        "",
    ),
    "by the key of a loop": Case(
        ("pass", "pass"),
        {
            "main.tf": vault(more='for_each = toset(["a", "b"])').replace('"kv"\n  res', "each.key\n  res")
            + setting("azurerm_key_vault.kv[each.key].id", 'for_each = toset(["a", "b"])')
        },
        "\n".join(
            f"'azurerm_key_vault.kv[\"{key}\"]': {{name: {key}}}"
            + planned_setting(
                "${azurerm_key_vault.kv[each.key].id}", f"'azurerm_monitor_diagnostic_setting.logs[\"{key}\"]'"
            )
            for key in "ab"
        ),
        {
            "main.bicep": "resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = [for name in ['a', 'b']: "
            "{ name: name, properties: {} }]\n"
            "resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = [for (name, i) in ['a', 'b']: "
            f"{{ name: 'logs', scope: kv[i], properties: {LOGS} }}]\n"
        },
        json.dumps(
            template(
                {**ARM_VAULT, "name": "[concat('kv', copyIndex())]", "copy": {"name": "kv", "count": 2}},
                {
                    **arm_setting("[resourceId('Microsoft.KeyVault/vaults', concat('kv', copyIndex()))]"),
                    "copy": {"name": "logs", "count": 2},
                },
            )
        ),
    ),
    "by an id that is written out": Case(
        ("pass",),
        {"main.tf": vault() + setting(f'"{ID}kv"')},
        f"azurerm_key_vault.kv: {{name: kv, resource_group_name: rg}}{planned_setting(f'{ID}kv')}",
        {},
        json.dumps(template(ARM_VAULT, arm_setting("Microsoft.KeyVault/vaults/kv"))),
    ),
    "of a vault that a data source reads": Case(
        ("fail",),
        {
            "main.tf": vault()
            + 'data "azurerm_key_vault" "other" {\n  name = "other"\n  resource_group_name = "rg"\n}\n'
            + setting("data.azurerm_key_vault.other.id")
        },
        "azurerm_key_vault.kv: {name: kv}\ndata.azurerm_key_vault.other: {name: other}"
        + planned_setting("${data.azurerm_key_vault.other.id}"),
        {
            "main.bicep": BICEP_VAULT
            + "resource other 'Microsoft.KeyVault/vaults@2023-07-01' existing = { name: 'other' }\n"
            + bicep_setting("other")
        },
        json.dumps(template(ARM_VAULT, arm_setting("[resourceId('Microsoft.KeyVault/vaults', 'other')]"))),
    ),
    "of an existing vault, by its id": Case(
        ("fail",),
        {"main.tf": vault() + setting(f'"{OTHER}"')},
        f"azurerm_key_vault.kv: {{name: kv}}{planned_setting(OTHER)}",
        {},
        json.dumps(template(ARM_VAULT, arm_setting(OTHER))),
    ),
}


def plan_of(case: Case) -> bytes:
    """The plan; a module of it that holds the vault gives its id back."""
    plan = json.loads(expand(case.plan))
    for block in plan["configuration"]["root_module"]["resources"]:
        for expression in block["expressions"].values():
            # Terraform lists a key that is no constant on its own.
            if isinstance(expression, dict) and any("each.key" in text for text in expression.get("references", ())):
                expression["references"] = ["azurerm_key_vault.kv", "each.key"]
    module = plan["configuration"]["root_module"]["module_calls"].get("kv")
    if module is not None:
        references = ["azurerm_key_vault.kv.id", "azurerm_key_vault.kv"]
        module["module"]["outputs"] = {"id": {"expression": {"references": references}}}
    return json.dumps(plan).encode()


def verdicts(run: Run, folder: Path, *names: str) -> tuple[str, ...]:
    ran = run("-f", "json", "--select", RULE, *(folder / name for name in names))
    report = json.loads(ran.out)
    assert not [problem for problem in report["problems"] if problem["level"] == "error"], report["problems"]
    told = []
    for word, kind in (("fail", "findings"), ("unknown", "unknown")):
        told += [word for one in report[kind] for _ in one["occurrences"]]
    judged = sum(count for type_, count in report["summary"]["evaluatedResources"].items() if type_.endswith("/vaults"))
    return tuple(told + ["pass"] * (judged - len(told)))


@pytest.mark.parametrize("language", ["terraform", "plan", "bicep", "arm"])
@pytest.mark.parametrize("name", CASES)
def test_a_link_is_followed_in_every_language(name: str, language: str, run: Run, tmp_path: Path) -> None:
    case = CASES[name]
    said = getattr(case, language)
    if not said:
        pytest.skip("this language has no way to say so")
    files = {"terraform": "main.tf", "plan": "plan.json", "bicep": "main.bicep", "arm": "main.json"}
    if language == "plan":
        (tmp_path / "plan.json").write_bytes(plan_of(case))
    else:
        for path, text in ({"main.json": said} if language == "arm" else said).items():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_text(text, encoding="utf-8")
    assert verdicts(run, tmp_path, files[language]) == case.verdicts
