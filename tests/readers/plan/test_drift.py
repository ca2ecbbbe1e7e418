"""Settings that were changed outside Terraform: the ``resource_drift`` of a plan."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Run

KV, SECRET, SETTING = "azurerm_key_vault.kv", "azurerm_key_vault_secret.s", "azurerm_monitor_diagnostic_setting.d"
VAULT = {
    "name": "kv",
    "public_network_access_enabled": False,
    "purge_protection_enabled": True,
    "rbac_authorization_enabled": False,
    "tags": {"a": "b"},
    "access_policy": [],
}
OPEN = VAULT | {"public_network_access_enabled": True}
POLICY = {"object_id": "1", "tenant_id": "2", "secret_permissions": ["Get"]}
CANARY = "correct-horse-battery-staple"
TEXT = "`public_network_access_enabled` is `true` instead of `false`"


def entry(address: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, action: str) -> Any:
    type_, _, name = address.partition(".")
    change = {"actions": [action], "before": before, "after": after, "after_unknown": {}}
    return {"address": address, "mode": "managed", "type": type_, "name": name, "change": change}


def warnings(run: Run, folder: Path, plan: dict[str, Any], *options: str) -> list[str]:
    """The messages about drift in the report of a plan, which never contains the canary."""
    document = {"format_version": "1.2", "configuration": {"root_module": {}}, "resource_changes": []} | plan
    (folder / "plan.json").write_text(json.dumps(document), encoding="utf-8")
    ran = run("-f", "json", *options, "plan.json", cwd=folder)
    assert CANARY not in ran.out + ran.err
    problems = [one for one in json.loads(ran.out)["problems"] if one["code"] == "KVE014"]
    assert {one["level"] for one in problems} <= {"warning"}
    return [one["message"] for one in problems]


@pytest.mark.parametrize(
    ("planned", "expected"),
    [
        pytest.param([entry(KV, OPEN, VAULT, "update")], f"{TEXT} (the plan restores it)", id="restored"),
        pytest.param([entry(KV, OPEN, OPEN, "no-op")], f"{TEXT} (the plan keeps it)", id="kept"),
        pytest.param([entry(KV, OPEN, None, "delete")], f"{TEXT} (the plan keeps it)", id="deleted"),
        pytest.param([], TEXT, id="not in the plan"),
    ],
)
def test_a_changed_setting_is_reported(planned: list[Any], expected: str, run: Run, tmp_path: Path) -> None:
    plan = {"resource_drift": [entry(KV, VAULT, OPEN, "update")], "resource_changes": planned}
    assert warnings(run, tmp_path, plan) == [f"`{KV}` was changed outside Terraform: {expected}"]


def test_settings_that_no_rule_reads_are_not_reported(run: Run, tmp_path: Path) -> None:
    drift = [entry(KV, VAULT, VAULT | {"tags": {"a": "c"}}, "update"), entry("azurerm_subnet.s", {}, {}, "update")]
    assert warnings(run, tmp_path, {"resource_drift": drift}) == []
    drift = [entry(KV, VAULT, OPEN, "update")]
    assert warnings(run, tmp_path, {"resource_drift": drift}, "--select", "KV001") == []


def test_a_deleted_resource_is_reported(run: Run, tmp_path: Path) -> None:
    values = {"name": "d", "target_resource_id": "x", "enabled_log": [{"category_group": "audit"}]}
    plan = {
        "resource_drift": [entry(SETTING, values, None, "delete")],
        "resource_changes": [entry(SETTING, None, values, "create")],
    }
    expected = f"`{SETTING}` was deleted outside Terraform (the plan creates it again)"
    assert warnings(run, tmp_path, plan) == [expected]


def test_secrets_are_not_shown(run: Run, tmp_path: Path) -> None:
    secret = {"name": "s", "value": "a", "content_type": "text"}
    app = "azurerm_linux_web_app.a"
    drift = [
        entry(SECRET, secret, secret | {"value": CANARY, "expiration_date": "2030-01-01T00:00:00Z"}, "update"),
        entry(app, {"app_settings": {"db_password": "a"}}, {"app_settings": {"db_password": CANARY}}, "update"),
    ]
    found = warnings(run, tmp_path, {"resource_drift": drift})
    expected = "`expiration_date` is `2030-01-01T00:00:00Z` instead of not set"
    assert found[0] == f"`{SECRET}` was changed outside Terraform: {expected}"


def test_policies_of_separate_resources_are_not_drift(run: Run, tmp_path: Path) -> None:
    drift = [entry(KV, VAULT, VAULT | {"access_policy": [POLICY]}, "update")]
    assert warnings(run, tmp_path, {"resource_drift": drift}) == [
        f"`{KV}` was changed outside Terraform: `access_policy` is different"
    ]
    separate = entry("azurerm_key_vault_access_policy.p", None, POLICY | {"key_vault_id": "x"}, "create")
    assert warnings(run, tmp_path, {"resource_drift": drift, "resource_changes": [separate]}) == []


def test_many_changes_are_counted(run: Run, tmp_path: Path) -> None:
    drift = [entry(f"azurerm_key_vault.kv{n}", VAULT, OPEN, "update") for n in range(30)]
    found = warnings(run, tmp_path, {"resource_drift": drift})
    assert (len(found), found[-1]) == (21, "10 more resources changed outside Terraform")


@pytest.mark.parametrize("drift", ["text", [1], [{"type": 1}], [entry(KV, VAULT, OPEN, "update") | {"change": 1}]])
def test_unreadable_parts_are_reported(drift: Any, run: Run, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(
        json.dumps({"format_version": "1.2", "configuration": {}, "resource_changes": [], "resource_drift": drift}),
        encoding="utf-8",
    )
    ran = run("-f", "json", "plan.json", cwd=tmp_path)
    problems = [one["message"] for one in json.loads(ran.out)["problems"]]
    assert ran.code == 3
    assert [one for one in problems if one.startswith("resource_drift cannot be read: ")]
