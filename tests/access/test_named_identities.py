"""Identities that a template names by another resource group, of which the deployment's own group may be the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.cli.app import run

if TYPE_CHECKING:
    from pathlib import Path

ID, OTHER = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
TYPE = "Microsoft.ManagedIdentity/userAssignedIdentities"
ROLE = "subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '%s')"
SECRETS_USER, IDENTITY_CONTRIBUTOR = "4633458b-17de-408a-b874-0445c86b69e6", "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"


def assigned(name: str, role: str, principal: str, scope: str) -> dict[str, Any]:
    return {
        "type": "Microsoft.Authorization/roleAssignments",
        "apiVersion": "2022-04-01",
        "name": f"[guid('{name}')]",
        "scope": f"[{scope}]",
        "properties": {"principalId": principal, "roleDefinitionId": f"[{ROLE % role}]"},
    }


def certainties(folder: Path, declared: str, named: str) -> dict[str, str]:
    """Return who reads secrets with the identity that ``named`` is, beside a declared one, by label."""
    identity = f"resourceId({named})"
    vault, app = "resourceId('Microsoft.KeyVault/vaults', 'kv')", "resourceId('Microsoft.App/containerApps', 'app')"
    resources = [
        {
            "type": "Microsoft.KeyVault/vaults",
            "apiVersion": "2023-07-01",
            "name": "kv",
            "properties": {"enableRbacAuthorization": True},
        },
        {"type": TYPE, "apiVersion": "2023-01-31", "name": declared},
        {
            "type": "Microsoft.App/containerApps",
            "apiVersion": "2024-03-01",
            "name": "app",
            "identity": {"type": "UserAssigned", "userAssignedIdentities": {f"[{identity}]": {}}},
        },
        assigned("controls", IDENTITY_CONTRIBUTOR, ID, f"resourceId('{TYPE}', '{declared}')"),
        assigned("runs", CONTRIBUTOR, OTHER, app),
        assigned("reads", SECRETS_USER, f"[reference({identity}, '2023-01-31').principalId]", vault),
    ]
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    document = {"$schema": schema, "contentVersion": "1.0.0.0", "resources": resources}
    (folder / "azuredeploy.json").write_text(json.dumps(document), encoding="utf-8")
    report = folder / "report.out"
    assert run(["access", str(folder), "-f", f"json={report}"]) == 0
    found = json.loads(report.read_text(encoding="utf-8"))
    labels = {one["key"]: (one["label"], one["kind"]) for one in found["principals"]}
    assert {labels[row["principal"]][1] for row in found["rows"]} <= {"", "user-assigned identity"}
    return {labels[row["principal"]][0].rpartition("/")[2]: row["certainty"] for row in found["rows"]}


@pytest.mark.parametrize(
    ("declared", "named", "expected"),
    [
        ("own", f"'{TYPE}', 'own'", {"own": "yes", ID: "yes", OTHER: "yes"}),
        ("own", f"'rg-a', '{TYPE}', 'other'", {"other of rg-a": "yes", OTHER: "yes"}),
    ],
)
def test_an_identity_is_that_of_its_name(declared: str, named: str, expected: dict[str, str], tmp_path: Path) -> None:
    assert certainties(tmp_path, declared, named) == expected


def test_a_declared_identity_may_be_the_one_of_another_group(tmp_path: Path) -> None:
    found = certainties(tmp_path, "shared", f"'rg-a', '{TYPE}', 'shared'")
    # The identity in the group, and the code that has it, are certain; the declared one and who controls it are not.
    assert (found[ID], found[OTHER]) == ("perhaps", "yes")


def test_two_identities_of_one_name_are_two_principals(tmp_path: Path) -> None:
    certainties(tmp_path, "shared", f"'rg-a', '{TYPE}', 'shared'")
    found = json.loads((tmp_path / "report.out").read_text(encoding="utf-8"))
    labels = {one["key"]: one["label"] for one in found["principals"]}
    own = {labels[row["principal"]]: row["certainty"] for row in found["rows"] if "shared" in labels[row["principal"]]}
    assert own == {f"{TYPE}/shared": "perhaps", "shared of rg-a": "yes"}
