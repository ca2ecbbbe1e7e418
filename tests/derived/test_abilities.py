"""Rules about roles read what a role allows from its definition, whatever its name."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from azkvlint.azure.roles import Permission, role_by_name
from azkvlint.derived.companions import Sure
from azkvlint.derived.permissions import administrators, built_in, reaches_vaults, relevant_roles
from azkvlint.engine.rule_store import builtin_rules
from tests.conftest import Run

pytestmark = pytest.mark.slow(3)

# KV313 asks whether another role has fewer permissions, which is always so for a custom role. KV314 is about a vault.
RULES = ("KV305", "KV307", "KV312", "KV402", "KV403", "KV404", "KV407", "KV408")
SUBSCRIPTION = "${data.azurerm_subscription.current.id}"
SCOPES = {
    "subscription": SUBSCRIPTION,
    "group": "${azurerm_resource_group.rg.id}",
    "policies": "${azurerm_key_vault.policies.id}",
    "roles": "${azurerm_key_vault.roles.id}",
}
ROLE = "@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId]"
SECRETS_USER, ACR_PULL = "4633458b-17de-408a-b874-0445c86b69e6", "7f951dda-4ed3-4680-a7ca-43fe172d538d"
ADMINISTRATOR = "00482a5a-887f-4fb3-b363-3b7fe8e74483"


def vault(**settings: bool) -> dict[str, Any]:
    return {"name": "kv", "resource_group_name": "${azurerm_resource_group.rg.name}", **settings}


BASE: dict[str, Any] = {
    "data": {"azurerm_subscription": {"current": {}}},
    "resource": {
        "azurerm_resource_group": {"rg": {"name": "rg", "location": "westeurope"}},
        "azurerm_user_assigned_identity": {"app": {"name": "app"}},
        "azurerm_key_vault": {
            "policies": vault(rbac_authorization_enabled=False, enabled_for_template_deployment=True),
            "roles": vault(rbac_authorization_enabled=True),
        },
    },
}


def verdicts(run: Run, folder: Path, resources: dict[str, Any]) -> dict[str, set[tuple[str, str, str]]]:
    """Return the rules that fail or are unknown, with the severity, by the address of an assignment."""
    document = {**BASE, "resource": {**BASE["resource"], **resources}}
    (folder / "main.tf.json").write_text(json.dumps(document), encoding="utf-8")
    ran = run("check", ".", "--select", ",".join(RULES), "--profile", "all", "-f", "json", cwd=folder)
    report = json.loads(ran.out)
    found = defaultdict(set)
    for outcome in ("findings", "unknown"):
        for one in report[outcome]:
            found[one["resource"]].add((one["ruleId"], outcome, one["severity"]))
    return found


def assignment(role: dict[str, str], scope: str = SUBSCRIPTION, **more: str) -> dict[str, str]:
    principal = "${azurerm_user_assigned_identity.app.principal_id}"
    return {**role, "scope": scope, "principal_id": principal, **more}


def definition(*permissions: Permission) -> dict[str, Any]:
    names = ("actions", "not_actions", "data_actions", "not_data_actions")
    blocks = [{name: list(getattr(one, name)) for name in names} for one in permissions]
    return {"name": "custom", "scope": SUBSCRIPTION, "permissions": blocks}


def one(run: Run, folder: Path, role: str, **more: str) -> set[tuple[str, str, str]]:
    """Return the verdicts on one assignment of a built-in role."""
    given = assignment({"role_definition_name": role}, **more)
    return verdicts(run, folder, {"azurerm_role_assignment": {"r": given}})["azurerm_role_assignment.r"]


def test_a_custom_role_with_the_definition_of_a_built_in_role_has_the_same_results(run: Run, tmp_path: Path) -> None:
    roles = {}
    for at, name in enumerate(relevant_roles().values()):
        role, own = role_by_name(name.lower()), built_in(name.lower())
        # A custom role has no conditions in its definition.
        if role is None or own is None or not role.is_complete or own.assignable() is not None:
            continue
        # All that reach vaults, and a few others.
        if reaches_vaults(own) is not Sure.NO or at % 10 == 0:
            roles[role.id] = role
    assert len(roles) > 20
    definitions, active, eligible = {}, {}, {}
    for guid, role in roles.items():
        definitions[f"c{guid}"] = definition(*role.permissions)
        custom = f"${{azurerm_role_definition.c{guid}.role_definition_resource_id}}"
        for scope, value in SCOPES.items():
            active[f"b{guid}-{scope}"] = assignment({"role_definition_name": role.name}, value)
            active[f"c{guid}-{scope}"] = assignment({"role_definition_id": custom}, value)
        by_id = f"/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/{guid}"
        eligible[f"b{guid}-e"] = assignment({"role_definition_id": by_id})
        eligible[f"c{guid}-e"] = assignment({"role_definition_id": custom})
    found = verdicts(run, tmp_path, {
        "azurerm_role_definition": definitions,
        "azurerm_role_assignment": active,
        "azurerm_pim_eligible_role_assignment": eligible,
    })  # fmt: skip
    assert {rule for results in found.values() for rule, _, _ in results} == set(RULES)
    for type_, names in (("azurerm_role_assignment", active), ("azurerm_pim_eligible_role_assignment", eligible)):
        for name in (one for one in names if one.startswith("b")):
            guid = name[1:37]
            assert found[f"{type_}.{name}"] == found[f"{type_}.c{name[1:]}"], (roles[guid].name, name)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("subscription", {("KV307", "findings", "medium")}),
        ("group", set()),
        ("policies", set()),
    ],
)
def test_deleted_vaults_are_purged_from_the_subscription(
    scope: str, expected: set[Any], run: Run, tmp_path: Path
) -> None:
    assert one(run, tmp_path, "Key Vault Purge Operator", scope=SCOPES[scope]) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (f"{ROLE} ForAnyOfAnyValues:GuidEquals {{{ACR_PULL}}}", set()),
        (f"{ROLE} ForAnyOfAnyValues:GuidEquals {{{SECRETS_USER}}}", {("KV402", "findings", "high")}),
        (f"{ROLE} ForAnyOfAllValues:GuidNotEquals {{{ADMINISTRATOR}}}", {("KV402", "findings", "high")}),
        (f"{ROLE} ForAnyOfAnyValues:GuidEquals {{{ADMINISTRATOR}}}", {("KV404", "findings", "high")}),
        ("something else", {("KV402", "unknown", "high"), ("KV404", "unknown", "high")}),
    ],
)
def test_condition_of_a_role_administrator_decides_the_result(
    condition: str, expected: set[Any], run: Run, tmp_path: Path
) -> None:
    found = one(run, tmp_path, "Role Based Access Control Administrator", condition=condition, condition_version="2.0")
    assert {result for result in found if result[0] != "KV407"} == expected


def test_owner_with_a_condition_on_the_roles_is_not_an_owner(run: Run, tmp_path: Path) -> None:
    condition = f"{ROLE} ForAnyOfAnyValues:GuidEquals {{{ACR_PULL}}}"
    scope = SCOPES["policies"]
    assert ("KV403", "findings", "medium") in one(run, tmp_path, "Owner", scope=scope)
    assert ("KV403", "findings", "critical") in one(run, tmp_path, "Owner", scope=scope, condition=condition)


def test_a_role_that_is_not_declared_is_unknown(run: Run, tmp_path: Path) -> None:
    found = one(run, tmp_path, "Operators of the platform")
    assert {(rule, outcome) for rule, outcome, _ in found} >= {("KV402", "unknown"), ("KV404", "unknown")}
    assert not any(outcome == "findings" for _, outcome, _ in found)


def test_administrators_among_the_built_in_roles_are_certain() -> None:
    assert {name for name, sure in administrators().items() if sure is Sure.YES} == {
        "Key Vault Administrator",
        "Key Vault Data Access Administrator",
        "Owner",
        "Role Based Access Control Administrator",
        "User Access Administrator",
    }
    assert Sure.PERHAPS not in administrators().values()


def test_only_a_rule_about_local_roles_names_roles() -> None:
    """A condition that compares names of roles passes for a custom role that allows the same."""
    found = set()
    for rule in builtin_rules():
        parts = (rule.when, rule.require, rule.severity_if, [(one.name, one.default) for one in rule.parameters])
        if any(role_by_name(text.lower()) is not None for text in re.findall(r"'([^']*)'", repr(parts))):
            found.add(rule.id)
    assert found == {"KV823"}  # roles of managed HSMs have no definition in Azure
