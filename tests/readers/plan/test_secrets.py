"""A plan holds secrets in clear text. Not four characters of one reach any output, whatever its place in the plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Run
    from tests.readers.conftest import PlanJson

CANARY = "QzX7~jWvK9!yPqG3"
PIECES = [CANARY[at : at + 4] for at in range(len(CANARY) - 3)]
ID = f"/subscriptions/s/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/{CANARY}"
FORMATS = ["text", "json", "sarif"]


def secret_values(plan: PlanJson) -> None:
    """What the provider marks as sensitive, and what it does not."""
    value = {"name": "s", "value": CANARY, "value_wo": CANARY, "content_type": ""}
    written = {"key_vault_id": "${azurerm_key_vault.kv.id}", "value": CANARY}
    for sensitive in ({}, {"value": True}, True, False):
        local = f"azurerm_key_vault_secret.s{len(plan.changes)}"
        plan.resource(local, value, written=written, sensitive=sensitive)
    plan.resource("azurerm_key_vault_secret.gone", before=value, actions=["delete"])
    plan.resource("azurerm_key_vault_secret.new", value, before=value, actions=["delete", "create"], written=written)
    certificate = {"name": "c", "certificate": [{"contents": CANARY, "password": CANARY}]}
    plan.resource("azurerm_key_vault_certificate.c", certificate, written={"certificate": [{"contents": CANARY}]})
    plan.resource("azurerm_key_vault_certificate_issuer.i", {"name": "i", "password": CANARY})
    hsm = {"name": "h", "security_domain_encrypted_data": CANARY}
    plan.resource("azurerm_key_vault_managed_hardware_security_module.h", hsm)


def sensitive_arguments(plan: PlanJson) -> None:
    """What an author marks as sensitive: values, names and ids."""
    acls = {"default_action": CANARY, "bypass": CANARY, "ip_rules": [CANARY, "0.0.0.0/0"]}
    policy = {"object_id": CANARY, "secret_permissions": ["All", CANARY], "key_permissions": ["Purge", CANARY]}
    vault: dict[str, Any] = {
        "name": CANARY,
        "location": CANARY,
        "tenant_id": CANARY,
        "sku_name": CANARY,
        "tags": {CANARY: CANARY},
    }
    vault |= {"network_acls": [acls], "access_policy": [policy], "soft_delete_retention_days": 7}
    plan.resource("azurerm_key_vault.marked", vault, sensitive=True)
    marks: dict[str, Any] = {name: True for name in vault if name != "network_acls"}
    marks |= {"network_acls": [{"ip_rules": [True, False], "bypass": True, "default_action": True}]}
    plan.resource("azurerm_key_vault.parts", vault, sensitive=marks)
    plan.resource("azurerm_key_vault.public", {"network_acls": [acls | {"default_action": "Deny"}]}, sensitive=marks)
    ids = {"key_vault_id": ID, "scope": ID, "target_resource_id": ID, "role_definition_id": CANARY}
    ids |= {"role_definition_name": CANARY, "principal_id": CANARY, "name": CANARY, "content_type": CANARY}
    ids |= {"expiration_date": CANARY, "lock_level": CANARY, "resource_id": ID, "access_mode": "Enforced"}
    for type_ in ("key_vault_secret", "key_vault_key", "key_vault_access_policy", "role_assignment", "management_lock"):
        plan.resource(f"azurerm_{type_}.x", {**ids, **policy}, sensitive=dict.fromkeys([*ids, *policy], True))
    for scope in ("/subscriptions/" + CANARY, CANARY, ID):
        role = {"role_definition_name": "Owner", "scope": scope}
        plan.resource(f"azurerm_role_assignment.r{len(plan.changes)}", role, sensitive={"scope": True})
    plan.resource("azurerm_monitor_diagnostic_setting.d", ids, sensitive=True)
    plan.resource("azurerm_role_definition.d", {"name": CANARY, "permissions": [{"actions": ["*"]}]}, sensitive=True)
    private = {"private_connection_resource_id": ID, "subresource_names": [CANARY]}
    plan.resource("azurerm_private_endpoint.e", {"private_service_connection": [private]}, sensitive=True)


def azapi_bodies(plan: PlanJson) -> None:
    """Bodies as objects and as text, and updates of other resources."""
    body: Any = {"properties": {"publicNetworkAccess": CANARY, "tenantId": CANARY, "enableSoftDelete": CANARY}}
    for form in (body, json.dumps(body)):
        vault = {"type": "Microsoft.KeyVault/vaults@2023-07-01", "name": CANARY, "parent_id": CANARY, "body": form}
        marks = dict.fromkeys(["name", "parent_id", "body"], True)
        plan.resource(f"azapi_resource.x{len(plan.changes)}", vault, sensitive=marks)
    update = {"type": "Microsoft.KeyVault/vaults@2023-07-01", "resource_id": ID, "body": body}
    plan.resource("azapi_update_resource.u", update, sensitive={"body": True, "resource_id": True})


def other_parts(plan: PlanJson) -> None:
    """All that a plan holds besides its changes."""
    values = {"id": ID, "name": "kv", "value": CANARY, "tenant_id": CANARY}
    data = [
        {"address": f"data.{type_}.x", "mode": "data", "type": type_, "values": values, "sensitive_values": True}
        for type_ in ("azurerm_key_vault", "azurerm_key_vault_secret")
    ]
    state = {"root_module": {"resources": data}}
    plan.provider("azurerm", CANARY, purge_soft_delete_on_destroy=CANARY, recover_soft_deleted_key_vaults=CANARY)
    plan.providers["azurerm"]["expressions"]["client_secret"] = {"constant_value": CANARY}
    plan.module("module.m", password=CANARY, outputs={"password": CANARY})
    plan.more |= {
        "variables": {"password": {"value": CANARY}},
        "planned_values": {"outputs": {"x": {"sensitive": True, "value": CANARY}}, **state},
        "prior_state": {"values": state},
        "output_changes": {"x": {"actions": ["create"], "after": CANARY, "after_sensitive": True}},
        "resource_drift": [{"address": "azurerm_key_vault.kv", "change": {"before": values, "after": values}}],
        "relevant_attributes": [{"resource": "x", "attribute": [CANARY]}],
        "checks": [{"status": CANARY}],
    }


def broken_changes(plan: PlanJson) -> None:
    """Parts that cannot be read; what is said of them must not hold them."""
    for after in (CANARY, [CANARY], {"network_acls": CANARY, "access_policy": [CANARY], "ip_rules": {CANARY: CANARY}}):
        plan.resource(f"azurerm_key_vault.b{len(plan.changes)}", change={"after": after}, sensitive=True)
    plan.resource("azurerm_key_vault.actions", change={"actions": {CANARY: CANARY}})
    plan.resource("azapi_resource.type", {"type": CANARY, "body": CANARY}, sensitive=True)


PARTS = [secret_values, sensitive_arguments, azapi_bodies, other_parts, broken_changes]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("indent", [None, 2])
def test_secret_of_a_plan_is_not_printed(
    indent: int | None, form: str, plan: PlanJson, tmp_path: Path, run: Run
) -> None:
    plan.resource("azurerm_key_vault.kv", {"name": "kv", "sku_name": "standard"})
    for part in PARTS:
        part(plan)
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan.document(), indent=indent))
    ran = run("-v", "--statistics", "-f", form, file)
    assert ran.code == 3
    assert "KV001" in ran.out
    assert "internal error" not in ran.err
    assert [piece for piece in PIECES if piece in ran.out + ran.err] == []


@pytest.mark.parametrize("end", ["", '"', '",', '"}', f'" "{CANARY}', "\\", "\n", "\x00"])
def test_content_of_a_broken_plan_is_not_printed(end: str, tmp_path: Path, run: Run) -> None:
    file = tmp_path / "plan.json"
    file.write_text('{"resource_changes":[],"variables":{"a":{"value":"' + CANARY + end)
    ran = run("-v", file)
    assert ran.code == 3
    assert "invalid JSON" in ran.out
    assert [piece for piece in PIECES if piece in ran.out + ran.err] == []
