"""What a plan does with each resource, and data sources that it has read already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.model.value import Unknown

if TYPE_CHECKING:
    from tests.readers.conftest import PlanJson, Reader

KV = "azurerm_key_vault.kv"
ID = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv"
VALUES = {"id": ID, "name": "kv", "purge_protection_enabled": True}


@pytest.mark.parametrize(
    ("actions", "action", "stays"),
    [
        (["create"], "create", True),
        (["update"], "update", True),
        (["no-op"], "no-op", True),
        (["delete"], "delete", False),
        (["delete", "create"], "replace", True),
        (["create", "delete"], "replace", True),
        (["forget"], "forget", False),
        (["create", "forget"], "replace", True),
        (["read"], "read", True),
    ],
)
def test_actions_of_a_change_set_the_planned_action(
    actions: list[str], action: str, stays: bool, plan: PlanJson, read: Reader
) -> None:
    after = VALUES if stays else None
    plan.resource(KV, actions=actions, before=VALUES, change={"after": after, "after_unknown": {}})
    found = read(plan)
    assert found.resource(KV).action == action
    assert found.resource(KV).stays is stays
    assert found.get(KV, "derived.plannedAction") == action
    assert found.get(KV, "properties.enablePurgeProtection") is True
    assert found.get(KV, "id") == ID


@pytest.mark.parametrize(("actions", "action"), [(["no-op"], "import"), (["update"], "update"), (["create"], "create")])
def test_import_is_an_action_without_other_changes(
    actions: list[str], action: str, plan: PlanJson, read: Reader
) -> None:
    plan.resource(KV, VALUES, actions=actions, before=VALUES, change={"importing": {"id": ID}})
    assert read(plan).get(KV, "derived.plannedAction") == action


def test_replacement_names_the_paths_that_force_it(plan: PlanJson, read: Reader) -> None:
    paths = {"replace_paths": [["name"], ["network_acls", 0, "bypass"]]}
    plan.resource(KV, VALUES, actions=["delete", "create"], before=VALUES, change=paths)
    found = read(plan)
    assert found.get(KV, "derived.replacePaths") == ["name", "network_acls[0].bypass"]
    assert "forced by name, network_acls[0].bypass" in found.answer(KV, "derived.plannedAction").note


@pytest.mark.parametrize("action", ["create", "update", "delete"])
def test_deferred_change_may_have_any_action(action: str, plan: PlanJson, read: Reader) -> None:
    """Terraform puts it into deferred_changes (JSON Output Format in its documentation)."""
    plan.resource("azurerm_key_vault.other", VALUES)
    plan.resource(KV, VALUES, actions=[action], before=VALUES)
    plan.more["deferred_changes"] = [
        {"reason": "provider_config_unknown", "resource_change": plan.changes.pop()},
        {"resource_change": {"address": "azurerm_thing.x", "type": "azurerm_thing", "change": {}}},
    ]
    found = read(plan)
    planned = found.answer(KV, "derived.plannedAction")
    assert isinstance(planned, Unknown)
    assert "later plan" in planned.why
    assert "provider_config_unknown" in planned.why
    assert found.get(KV, "properties.enablePurgeProtection") is True
    assert found.get("azurerm_key_vault.other", "derived.plannedAction") == "create"
    assert not found.read.closed
    assert not found.problems


@pytest.mark.parametrize("entry", [None, {}, {"resource_change": None}, {"reason": 1, "resource_change": {}}, 7])
def test_a_deferred_change_that_cannot_be_read(entry: object, plan: PlanJson, read: Reader) -> None:
    plan.resource(KV, VALUES)
    plan.more["deferred_changes"] = [entry]
    found = read(plan)
    assert ["deferred_changes" in problem.message for problem in found.problems] == [True]
    assert found.get(KV, "derived.plannedAction") == "create"


def test_member_named_deferred_does_not_defer_a_change(plan: PlanJson, read: Reader) -> None:
    plan.resource(KV, VALUES, head={"deferred": "so they say"})
    assert read(plan).get(KV, "derived.plannedAction") == "create"


def test_deleted_resource_has_its_current_values(plan: PlanJson, read: Reader) -> None:
    """Nothing of it is unknown, and what is sensitive is told by the marks from before."""
    change = {"after_unknown": True, "after_sensitive": True, "before_sensitive": {"tenant_id": True}}
    plan.resource(KV, before=VALUES | {"tenant_id": "t"}, actions=["delete"], change=change)
    found = read(plan)
    assert found.get(KV, "name") == "kv"
    assert not found.answer(KV, "name").sensitive
    assert found.answer(KV, "properties.tenantId").sensitive


def test_deposed_objects_are_not_the_resource(plan: PlanJson, read: Reader) -> None:
    plan.resource(KV, before=VALUES | {"name": "old"}, actions=["delete"], head={"deposed": "00000001"})
    plan.resource(KV, VALUES)
    plan.resource(KV, before=VALUES | {"name": "older"}, actions=["delete"], head={"deposed": "00000002"})
    found = read(plan)
    assert (found.get(KV, "name"), found.resource(KV).action) == ("kv", "create")
    assert found.read.numbers[KV] == 1
    old = f"{KV} (deposed object 00000001)"
    assert (found.get(old, "name"), found.resource(old).action) == ("old", "delete")


def test_deleted_resource_has_no_references(plan: PlanJson, read: Reader) -> None:
    plan.resource(KV, VALUES, actions=["no-op"])
    plan.resource("azurerm_key_vault_secret.s", before={"name": "s", "key_vault_id": ID}, actions=["delete"])
    found = read(plan)
    assert not found.graph.references["parent"]
    assert found.link_of("azurerm_key_vault_secret.s", "parent") == ID


@pytest.mark.parametrize("mode", ["data", "managed"])
def test_unsupported_key_vault_types_are_reported(mode: str, plan: PlanJson, read: Reader) -> None:
    """A resource that was not judged is told; a data source is nothing to judge."""
    local = "azurerm_key_vault_new_thing.x"
    plan.resource(local if mode == "managed" else f"data.{local}", {"name": "x"})
    problems = read(plan).problems
    assert [problem.level for problem in problems] == (["error"] if mode == "managed" else [])
    if problems:
        assert "resource type `azurerm_key_vault_new_thing` is not supported" in problems[0].message
        assert problems[0].at is not None
        assert problems[0].at.address == local


class TestDataSources:
    def state(self, *resources: dict[str, Any]) -> dict[str, Any]:
        child = {"address": "module.m", "resources": resources[1:]}
        return {"values": {"root_module": {"resources": resources[:1], "child_modules": [child]}}}

    def data(self, address: str, type_: str, **values: Any) -> dict[str, Any]:
        return {"address": address, "mode": "data", "type": type_, "values": values}

    def test_data_source_in_the_prior_state_is_a_target_of_links(self, plan: PlanJson, read: Reader) -> None:
        root = self.data("data.azurerm_key_vault.x", "azurerm_key_vault", id=ID, name="kv")
        inner = self.data('module.m.data.azurerm_key_vault.y["a"]', "azurerm_key_vault", id=f"{ID}2", name="kv2")
        plan.more["prior_state"] = self.state(root, inner)
        plan.resource("azurerm_key_vault_secret.s", {"name": "s", "key_vault_id": ID.upper()})
        plan.resource("azurerm_key_vault_secret.t", {"name": "t", "key_vault_id": f"{ID}2"})
        found = read(plan)
        assert found.resource("data.azurerm_key_vault.x").existing
        assert found.link("azurerm_key_vault_secret.s") == ("certain", "data.azurerm_key_vault.x")
        assert found.link("azurerm_key_vault_secret.t") == ("certain", 'module.m.data.azurerm_key_vault.y["a"]')

    def test_sensitive_values_in_the_prior_state_are_sensitive(self, plan: PlanJson, read: Reader) -> None:
        item = self.data("data.azurerm_key_vault.x", "azurerm_key_vault", id=ID, name="kv", tenant_id="t")
        plan.more["prior_state"] = self.state(item | {"sensitive_values": {"tenant_id": True, "name": True}})
        found = read(plan)
        assert found.answer("data.azurerm_key_vault.x", "properties.tenantId").sensitive
        assert found.answer("data.azurerm_key_vault.x", "name").sensitive
        assert found.resource("data.azurerm_key_vault.x").name != "kv"

    def test_managed_resources_in_the_prior_state_are_ignored(self, plan: PlanJson, read: Reader) -> None:
        managed = {"address": KV, "mode": "managed", "type": "azurerm_key_vault", "values": VALUES}
        plan.more["prior_state"] = self.state(managed, self.data("data.azurerm_subscription.s", "azurerm_subscription"))
        plan.resource("azurerm_key_vault.other", {"name": "other"})
        assert KV not in read(plan).graph.resources

    def test_data_source_in_the_plan_replaces_that_of_the_prior_state(self, plan: PlanJson, read: Reader) -> None:
        plan.resource("data.azurerm_key_vault.x", {"name": "new"}, actions=["read"], unknown={"id": True})
        plan.more["prior_state"] = self.state(self.data("data.azurerm_key_vault.x", "azurerm_key_vault", name="old"))
        assert read(plan).get("data.azurerm_key_vault.x", "name") == "new"

    @pytest.mark.parametrize(
        "state",
        [
            None,
            [],
            {"values": None, "x": "data"},
            {"values": {"root_module": {"resources": [{"mode": "data"}]}}},
            {"values": {"root_module": {"resources": [
                {"address": "data.a.b", "mode": "data", "type": "azurerm_key_vault", "values": []}]}}},
        ],
    )  # fmt: skip
    def test_prior_state_of_another_shape_is_ignored_or_reported(
        self, state: Any, plan: PlanJson, read: Reader
    ) -> None:
        plan.more["prior_state"] = state
        plan.resource(KV, {"name": "kv"})
        found = read(plan)
        assert found.get(KV, "name") == "kv"
        assert [problem.message.partition(" ")[0] for problem in found.problems] in ([], ["prior_state"])


def test_recovered_vault_is_an_existing_resource(plan: PlanJson, read: Reader) -> None:
    """createMode recover brings a vault back as it was, whatever else is written."""
    body = {"properties": {"createMode": "recover"}}
    plan.resource("azapi_resource.kv", {"type": "Microsoft.KeyVault/vaults@2023-07-01", "name": "kv", "body": body})
    plan.resource("azapi_resource.new", {"type": "Microsoft.KeyVault/vaults@2023-07-01", "name": "new", "body": {}})
    found = read(plan)
    assert found.resource("azapi_resource.kv").existing
    assert not found.resource("azapi_resource.new").existing
