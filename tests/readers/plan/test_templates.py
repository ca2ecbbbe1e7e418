"""Templates that a plan deploys: what they hold is judged, or told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Run
    from tests.readers.conftest import PlanJson, Reader

GROUP = "azurerm_resource_group_template_deployment.d"
AZAPI = "azapi_resource.d"
KV = "Microsoft.KeyVault/vaults/kv"
PURGE = "properties.enablePurgeProtection"
VAULT = {
    "type": "Microsoft.KeyVault/vaults",
    "apiVersion": "2023-07-01",
    "name": "[parameters('name')]",
    "properties": {"enablePurgeProtection": "[parameters('purge')]"},
}
TEMPLATE = {"parameters": {"purge": {"type": "bool"}, "name": {"type": "string"}}, "resources": [VAULT]}
GIVEN = {"purge": {"value": False}, "name": {"value": "kv"}}


def azapi(plan: PlanJson, body: Any, **more: Any) -> None:
    plan.resource(AZAPI, {"type": "Microsoft.Resources/deployments@2022-09-01", "name": "d", "body": body}, **more)


@pytest.mark.parametrize("level", ["resource_group", "subscription", "management_group", "tenant"])
def test_resources_of_a_template_deployment_are_read(level: str, plan: PlanJson, read: Reader) -> None:
    local = f"azurerm_{level}_template_deployment.d"
    plan.resource(local, {"template_content": json.dumps(TEMPLATE), "parameters_content": json.dumps(GIVEN)})
    found = read(plan)
    assert found.get(f"{local}/{KV}", PURGE) is False
    assert found.get(f"{local}/{KV}", "name") == "kv"
    assert not found.problems


@pytest.mark.parametrize("encoded", [False, True])
def test_azapi_deployment_is_read(encoded: bool, plan: PlanJson, read: Reader) -> None:
    body = {"properties": {"template": TEMPLATE, "parameters": GIVEN}}
    azapi(plan, json.dumps(body) if encoded else body)
    found = read(plan)
    assert found.get(f"{AZAPI}/{KV}", PURGE) is False
    assert not found.problems


def test_unknown_parameter_of_an_azapi_deployment_hides_no_other_value(plan: PlanJson, read: Reader) -> None:
    given = {"purge": {"value": None}, "name": {"value": "kv"}}
    unknown = {"body": {"properties": {"parameters": {"purge": {"value": True}}}}}
    azapi(plan, {"properties": {"template": TEMPLATE, "parameters": given}}, unknown=unknown)
    assert read(plan).get(f"{AZAPI}/{KV}", PURGE) == "?"


@pytest.mark.parametrize(("given", "purge"), [({"parameters_body": json.dumps(GIVEN)}, False), ({}, "?")])
def test_deployment_of_an_old_azurerm_version_is_read(given: Any, purge: Any, plan: PlanJson, read: Reader) -> None:
    template = {**TEMPLATE, "resources": [VAULT | {"name": "kv"}]}
    after = {"template_body": json.dumps(template)} | (given or {"parameters": {"purge": "false"}})
    plan.resource("azurerm_template_deployment.d", after)
    assert read(plan).get(f"azurerm_template_deployment.d/{KV}", PURGE) == purge


def test_unknown_parameters_are_unknown(plan: PlanJson, read: Reader) -> None:
    template = {**TEMPLATE, "resources": [VAULT | {"name": "kv"}]}
    written = {"parameters_content": "${azurerm_subnet.s.id}"}
    plan.resource(GROUP, {"template_content": json.dumps(template)}, written=written)
    assert read(plan).get(f"{GROUP}/{KV}", PURGE) == "?"


@pytest.mark.parametrize(
    ("after", "unknown", "level"),
    [
        ({}, {"template_content": True}, "error"),
        ({"template_content": None}, {}, "error"),
        ({"template_content": "{}}"}, {}, "error"),
        ({"template_spec_version_id": "/x"}, {}, "note"),
    ],
)
def test_unknown_template_is_a_problem(after: Any, unknown: Any, level: str, plan: PlanJson, read: Reader) -> None:
    plan.resource(GROUP, after, unknown=unknown)
    found = read(plan)
    assert [problem.level for problem in found.problems] == [level]
    assert [problem.at.address for problem in found.problems if problem.at] == [GROUP]


@pytest.mark.parametrize("body", [None, "no JSON", {}, {"properties": {"template": "x"}}])
def test_unknown_azapi_deployment_is_a_problem(body: Any, plan: PlanJson, read: Reader) -> None:
    azapi(plan, body)
    assert [problem.level for problem in read(plan).problems] in (["warning"], ["error"])


def test_deleted_deployment_has_no_resources(plan: PlanJson, read: Reader) -> None:
    plan.resource(GROUP, before={"template_content": json.dumps(TEMPLATE)}, actions=["delete"])
    found = read(plan)
    assert not found.problems


def test_each_finding_has_its_place_in_the_plan(plan: PlanJson, run: Run, tmp_path: Path) -> None:
    vaults = [VAULT | {"name": f"vault-{number}", "properties": {}} for number in range(3)]
    plan.resource(GROUP, {"template_content": json.dumps({"resources": vaults})})
    (tmp_path / "plan.json").write_bytes(plan.text())
    found = json.loads(run("plan.json", "--select", "KV001", "-f", "json", cwd=tmp_path).out)
    assert len({finding["fingerprint"] for finding in found["findings"]}) == len(found["findings"]) == 3
    assert all(finding["location"]["column"] > 1 for finding in found["findings"])
