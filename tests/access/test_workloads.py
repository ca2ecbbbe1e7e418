"""Who can act as the identities of workloads: which actions of a role run code on each type of workload."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.azure.azurerm.resources import RESOURCES
from azkvlint.azure.roles import WORKLOADS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Run

pytestmark = pytest.mark.slow(8)

ID = "11111111-1111-1111-1111-111111111111"
AUTOMATION, FACTORY = "Microsoft.Automation/automationAccounts", "Microsoft.DataFactory/factories"
RUNBOOKS, PIPELINES = f"{AUTOMATION}/runbooks", f"{FACTORY}/pipelines"
LOGIC, ARC, SCRIPT = (
    "Microsoft.Logic/workflows",
    "Microsoft.HybridCompute/machines",
    "Microsoft.Resources/deploymentScripts",
)
ACCOUNT, MACHINE, DATA, WORKFLOW, CLI = (
    "azurerm_automation_account", "azurerm_arc_machine", "azurerm_data_factory", "azurerm_logic_app_workflow",
    "azurerm_resource_deployment_script_azure_cli",
)  # fmt: skip


def found(run: Run, folder: Path, type_: str, identity: str, role: dict[str, list[str]]) -> dict[str, Any]:
    """Return the row of a principal with a custom role on a workload whose identity reads secrets, if there is one."""
    is_own = identity == "SystemAssigned"
    reader = f"{type_}.w.identity[0].principal_id" if is_own else "azurerm_user_assigned_identity.u.principal_id"
    ids = "" if is_own else "identity_ids = [azurerm_user_assigned_identity.u.id]"
    lists = "\n".join(f"{name} = {json.dumps(actions)}" for name, actions in role.items())
    text = f"""
        resource "azurerm_resource_group" "g" {{ name = "g" }}
        resource "azurerm_user_assigned_identity" "u" {{ name = "u" }}
        resource "azurerm_key_vault" "kv" {{
          name                       = "kv"
          rbac_authorization_enabled = true
        }}
        resource "{type_}" "w" {{
          name                = "w"
          resource_group_name = azurerm_resource_group.g.name
          identity {{
            type = "{identity}"
            {ids}
          }}
        }}
        resource "azurerm_role_definition" "r" {{
          name  = "r"
          scope = azurerm_resource_group.g.id
          permissions {{
            {lists}
          }}
        }}
        resource "azurerm_role_assignment" "reader" {{
          scope                = azurerm_key_vault.kv.id
          role_definition_name = "Key Vault Secrets User"
          principal_id         = {reader}
        }}
        resource "azurerm_role_assignment" "operator" {{
          scope              = {type_}.w.id
          role_definition_id = azurerm_role_definition.r.role_definition_resource_id
          principal_id       = "{ID}"
        }}
        """
    (folder / "main.tf").write_text(text, encoding="utf-8")
    rows = json.loads(run("access", ".", "-f", "json", cwd=folder).out)["rows"]
    own = [row for row in rows if row["principal"] == ID]
    assert len(own) < 2
    return own[0] if own else {}


CASES: list[tuple[str, list[str], str]] = [
    (ACCOUNT, [f"{RUNBOOKS}/write", f"{AUTOMATION}/jobs/write"], "yes"),
    (ACCOUNT, [f"{RUNBOOKS}/draft/write", f"{RUNBOOKS}/publish/action", f"{AUTOMATION}/webhooks/write"], "yes"),
    (ACCOUNT, [f"{RUNBOOKS}/draft/content/write", f"{RUNBOOKS}/draft/testJob/write"], "yes"),
    (ACCOUNT, [f"{RUNBOOKS}/draft/write", f"{AUTOMATION}/jobs/write"], "perhaps"),  # a job runs what is published
    (ACCOUNT, [f"{RUNBOOKS}/draft/write", f"{RUNBOOKS}/publish/action"], "perhaps"),
    (ACCOUNT, [f"{AUTOMATION}/jobs/write"], ""),
    (ACCOUNT, [f"{AUTOMATION}/write"], ""),
    (DATA, [f"{PIPELINES}/write", f"{PIPELINES}/createRun/action"], "yes"),
    (DATA, [f"{PIPELINES}/write", f"{FACTORY}/triggers/write", f"{FACTORY}/triggers/start/action"], "yes"),
    (DATA, [f"{PIPELINES}/write", f"{FACTORY}/triggers/write"], "perhaps"),
    (DATA, [f"{PIPELINES}/createRun/action"], ""),
    (WORKFLOW, [f"{LOGIC}/write"], "yes"),
    (WORKFLOW, [f"{LOGIC}/run/action"], ""),
    (MACHINE, [f"{ARC}/extensions/write"], "yes"),
    (MACHINE, [f"{ARC}/runCommands/write"], "yes"),
    (MACHINE, [f"{ARC}/write"], ""),
]


@pytest.mark.parametrize(("type_", "actions", "certainty"), CASES)
def test_actions_that_run_code_grant_access(
    type_: str, actions: list[str], certainty: str, run: Run, tmp_path: Path
) -> None:
    assert found(run, tmp_path, type_, "SystemAssigned", {"actions": actions}).get("certainty", "") == certainty


@pytest.mark.parametrize(("type_", "actions", "certainty"), [one for one in CASES if one[2] == "yes"])
def test_an_action_that_the_definition_takes_away_runs_no_code(
    type_: str, actions: list[str], certainty: str, run: Run, tmp_path: Path
) -> None:
    role = {"actions": ["*"], "not_actions": [*actions, "Microsoft.Authorization/*", f"{actions[0].split('/')[0]}/*"]}
    assert certainty == "yes"
    assert found(run, tmp_path, type_, "SystemAssigned", role) == {}


def test_signing_in_to_an_arc_machine_is_possible_access(run: Run, tmp_path: Path) -> None:
    row = found(run, tmp_path, MACHINE, "SystemAssigned", {"actions": [], "data_actions": [f"{ARC}/login/action"]})
    assert (row["certainty"], row["decidedBy"]) == ("perhaps", "whether the workload lets the principal sign in")


@pytest.mark.parametrize(
    ("type_", "actions", "certainty"),
    [
        (ACCOUNT, [f"{RUNBOOKS}/*", f"{AUTOMATION}/jobs/*"], "yes"),
        (DATA, [f"{FACTORY}/*"], "perhaps"),
        (WORKFLOW, [f"{LOGIC}/*"], "perhaps"),
        (CLI, [f"{SCRIPT}/*"], "perhaps"),
        (CLI, [f"{SCRIPT}/read"], ""),
    ],
)
def test_identity_that_must_be_assigned_again_requires_its_action(
    type_: str, actions: list[str], certainty: str, run: Run, tmp_path: Path
) -> None:
    row = found(run, tmp_path, type_, "UserAssigned", {"actions": actions})
    assert row.get("certainty", "") == certainty
    assert ("also assign the identity" in row.get("decidedBy", "")) is (certainty == "perhaps")


def test_the_identity_of_every_workload_is_read_of_azurerm() -> None:
    mapped = {resource.type.lower() for resource in RESOURCES.values() if "identity" in resource.fields}
    assert WORKLOADS.keys() <= mapped
