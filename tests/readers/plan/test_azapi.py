"""azapi: bodies that are Azure's own documents already, and updates that are laid over other resources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.model.value import Unknown

if TYPE_CHECKING:
    from tests.conftest import Run
    from tests.readers.conftest import Found, PlanJson, Reader

KV = "azapi_resource.kv"
OBJECT = "azapi_data_plane_resource.x"
TYPE = "Microsoft.KeyVault/vaults@2023-07-01"
GROUP = "/subscriptions/s/resourceGroups/rg"
ID = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv"
PURGE = "properties.enablePurgeProtection"
RBAC = "properties.enableRbacAuthorization"


def vault(plan: PlanJson, body: Any, *, type_: str = TYPE, **more: Any) -> str:
    after = {"type": type_, "name": "kv", "parent_id": GROUP, "body": body}
    return plan.resource(KV, after | more.pop("after", {}), **more)


def test_a_body_is_the_resource(plan: PlanJson, read: Reader) -> None:
    vault(plan, {"properties": {"enablePurgeProtection": True, "sku": {"name": "premium"}}, "tags": {"a": "b"}})
    found = read(plan)
    assert found.resource(KV).type == "Microsoft.KeyVault/vaults"
    assert found.get(KV, PURGE) is True
    assert found.get(KV, "properties.sku.name") == "premium"
    assert found.get(KV, "tags.a") == "b"
    assert found.get(KV, "derived.plannedAction") == "create"
    assert not found.problems


def test_a_body_may_be_json_text(plan: PlanJson, read: Reader) -> None:
    vault(plan, json.dumps({"properties": {"enablePurgeProtection": True}}))
    assert read(plan).get(KV, PURGE) is True


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "[" * 5000, '"x"', "null"])
def test_invalid_json_body_causes_no_error(text: str, plan: PlanJson, read: Reader) -> None:
    vault(plan, text)
    assert read(plan).get(KV, PURGE) in (False, "?")


@pytest.mark.parametrize("body", [None, {}, {"properties": None}, {"properties": {}}])
def test_property_missing_from_a_body_has_the_default_of_azure(body: Any, plan: PlanJson, read: Reader) -> None:
    vault(plan, body)
    found = read(plan)
    assert found.get(KV, PURGE) is False
    assert found.get(KV, "properties.softDeleteRetentionInDays") == 90
    assert found.get(KV, "derived.exposure") == "all networks"


@pytest.mark.parametrize(("version", "rbac"), [("2023-07-01", False), ("2026-02-01", True), ("2027-01-01", True)])
def test_defaults_follow_the_api_version(version: str, rbac: bool, plan: PlanJson, read: Reader) -> None:
    vault(plan, {}, type_=f"microsoft.keyvault/VAULTS@{version}")
    assert read(plan).get(KV, RBAC) is rbac


@pytest.mark.parametrize("action", ["update", "no-op"])
def test_existing_resource_keeps_properties_missing_from_the_body(action: str, plan: PlanJson, read: Reader) -> None:
    vault(plan, {"properties": {"enableRbacAuthorization": True}}, actions=[action])
    found = read(plan)
    assert (found.get(KV, RBAC), found.get(KV, PURGE), found.get(KV, "derived.exposure")) == (True, "?", "?")


@pytest.mark.parametrize("unknown", [{"body": True}, {"body": {"properties": True}}, True])
def test_a_body_that_is_not_known(unknown: Any, plan: PlanJson, read: Reader) -> None:
    vault(plan, None, unknown=unknown, written={"body": "${var.body}"})
    found = read(plan)
    for path in (PURGE, RBAC, "derived.exposure"):
        assert found.get(KV, path) == "?"


def test_a_part_of_a_body_that_is_not_known(plan: PlanJson, read: Reader) -> None:
    marks = {"body": {"properties": {"enablePurgeProtection": True}}}
    vault(plan, {"properties": {"enableRbacAuthorization": True}}, unknown=marks)
    found = read(plan)
    assert (found.get(KV, PURGE), found.get(KV, RBAC)) == ("?", True)


@pytest.mark.parametrize("body", [{}, {"properties": {"enableRbacAuthorization": True, "networkAcls": {}}}])
def test_property_missing_beside_a_sensitive_body_is_unknown(body: Any, plan: PlanJson, read: Reader) -> None:
    """It is merged in at every depth, and no plan shows it."""
    vault(plan, body, written={"body": {}, "sensitive_body": "${var.secret}"}, unknown={})
    found = read(plan)
    assert found.get(KV, PURGE) == "?"
    assert found.get(KV, "properties.networkAcls.defaultAction") == "?"
    assert found.get(KV, "derived.exposure") == "?"
    assert found.get(KV, RBAC) is (True if body else None) or found.get(KV, RBAC) == "?"


@pytest.mark.parametrize("sensitive", [{"body": True}, {"body": {"properties": True}}, True])
@pytest.mark.parametrize("as_text", [True, False])
def test_sensitive_part_of_a_body_is_sensitive(sensitive: Any, as_text: bool, plan: PlanJson, read: Reader) -> None:
    body: Any = {"properties": {"tenantId": "t"}}
    if as_text:
        body, sensitive = json.dumps(body), True if sensitive is True else {"body": True}
    vault(plan, body, sensitive=sensitive)
    assert read(plan).answer(KV, "properties.tenantId").sensitive


class TestLinks:
    def test_a_child_by_link(self, plan: PlanJson, read: Reader) -> None:
        vault(plan, {})
        key = {"type": "Microsoft.KeyVault/vaults/keys@2023-07-01", "name": "k", "body": {}}
        plan.resource("azapi_resource.k", key, written={"parent_id": "${azapi_resource.kv.id}"})
        assert read(plan).link("azapi_resource.k") == ("certain", KV)

    @pytest.mark.parametrize("known", [True, False])
    def test_id_in_another_case_links_to_the_resource(self, known: bool, plan: PlanJson, read: Reader) -> None:
        """Also one that is written out before the vault exists."""
        vault(plan, {}, after={"id": ID} if known else {}, unknown={} if known else {"id": True})
        plan.resource("azurerm_monitor_diagnostic_setting.d", {"name": "d", "target_resource_id": ID.upper()})
        assert read(plan).link("azurerm_monitor_diagnostic_setting.d", "scope") == ("certain", KV)

    def test_key_reference_may_be_the_parent_or_the_parent_of_it(self, plan: PlanJson, read: Reader) -> None:
        """``azapi_resource.kv[each.key].id`` and ``...parent_id`` look the same in a plan."""
        plan.resource("azurerm_resource_group.rg", {"name": "rg"})
        for key in ("a", "b"):
            after = {"type": TYPE, "name": f"kv{key}", "body": {}}
            plan.resource(KV, after, key=key, written={"parent_id": "${azurerm_resource_group.rg.id}"})
            child = {"type": "Microsoft.KeyVault/vaults/keys@2023-07-01", "name": "k", "body": {}}
            plan.resource("azapi_resource.k", child, key=key, written={"parent_id": "${azapi_resource.kv}${each.key}"})
        either = ("one of", f'{KV}["a"]', "azurerm_resource_group.rg")
        assert read(plan).link('azapi_resource.k["a"]') == either

    def test_a_vault_has_no_parent_but_a_group(self, plan: PlanJson, read: Reader) -> None:
        vault(plan, {})
        found = read(plan)
        assert found.link_of(KV, "parent") is None
        assert found.link_of(KV, "resourceGroupId") == GROUP

    def test_an_extension_has_a_scope(self, plan: PlanJson, read: Reader) -> None:
        vault(plan, {})
        setting = {"type": "Microsoft.Insights/diagnosticSettings@2021-05-01-preview", "name": "d", "body": {}}
        plan.resource("azapi_resource.d", setting, written={"parent_id": "${azapi_resource.kv.id}"})
        found = read(plan)
        assert found.link("azapi_resource.d", "scope") == ("certain", KV)
        assert found.link_of("azapi_resource.d", "parent") is None


class TestUpdates:
    def update(self, plan: PlanJson, after: dict[str, Any], **more: Any) -> None:
        body = {"properties": {"enablePurgeProtection": True}}
        plan.resource("azapi_update_resource.u", {"type": TYPE, "body": body} | after, **more)

    @pytest.fixture(params=["azurerm", "azapi"])
    def target(self, request: pytest.FixtureRequest, plan: PlanJson) -> str:
        """A vault that is not yet made."""
        if request.param == "azapi":
            return vault(plan, {"properties": {"enableRbacAuthorization": True}})
        after = {"name": "kv", "resource_group_name": "rg", "rbac_authorization_enabled": True}
        return plan.resource("azurerm_key_vault.kv", after)

    def test_by_link(self, target: str, plan: PlanJson, read: Reader) -> None:
        self.update(plan, {}, written={"resource_id": f"${{{target}.id}}"})
        self.is_laid_over(read(plan), target)

    def test_by_id_of_a_created_resource(self, target: str, plan: PlanJson, read: Reader) -> None:
        self.update(plan, {"resource_id": ID.replace("/kv", "/KV")})
        self.is_laid_over(read(plan), target)

    def test_by_id_of_an_existing_resource(self, target: str, plan: PlanJson, read: Reader) -> None:
        plan.changes[0]["change"] |= {"actions": ["no-op"], "after_unknown": {}}
        plan.changes[0]["change"]["after"]["id"] = ID
        self.update(plan, {"resource_id": ID.lower()})
        self.is_laid_over(read(plan), target)

    def test_by_parent_and_name(self, target: str, plan: PlanJson, read: Reader) -> None:
        self.update(plan, {"parent_id": GROUP, "name": "kv"})
        self.is_laid_over(read(plan), target)

    def is_laid_over(self, found: Found, target: str) -> None:
        assert not found.problems
        assert (found.get(target, PURGE), found.get(target, RBAC)) == (True, True)

    def test_a_child_does_not_change_its_parent(self, plan: PlanJson, read: Reader) -> None:
        vault(plan, {})
        body = {"properties": {"enablePurgeProtection": True}}
        child = {"type": "Microsoft.KeyVault/vaults/secrets@2023-07-01", "name": "s", "body": body}
        plan.resource("azapi_update_resource.u", child, written={"parent_id": "${azapi_resource.kv.id}"})
        found = read(plan)
        assert found.get(KV, PURGE) is False
        assert [problem.level for problem in found.problems] == ["warning"]

    def test_update_of_another_type_does_not_change_the_resource_in_its_id(self, plan: PlanJson, read: Reader) -> None:
        """``resource_id = "${azapi_resource.kv.id}/providers/Microsoft.Insights/diagnosticSettings/d"``."""
        vault(plan, {})
        body = {"properties": {"enablePurgeProtection": True}}
        other = {"type": "Microsoft.Insights/diagnosticSettings@2021-05-01-preview", "body": body}
        plan.resource("azapi_update_resource.u", other, written={"resource_id": "${azapi_resource.kv.id}"})
        assert read(plan).get(KV, PURGE) is False

    def test_a_removed_update_changes_nothing(self, plan: PlanJson, read: Reader) -> None:
        vault(plan, {})
        after = {"type": TYPE, "resource_id": ID, "body": {"properties": {"enablePurgeProtection": True}}}
        plan.resource("azapi_update_resource.u", before=after, actions=["delete"])
        assert read(plan).get(KV, PURGE) is False

    def test_a_child_of_the_same_name_elsewhere(self, plan: PlanJson, read: Reader) -> None:
        for name in ("a", "b"):
            local = f"azapi_resource.{name}"
            plan.resource(local, {"type": TYPE, "name": name, "parent_id": GROUP, "body": {}})
            key = {"type": "Microsoft.KeyVault/vaults/keys@2023-07-01", "name": "k", "body": {}}
            plan.resource(f"azapi_resource.k{name}", key, written={"parent_id": f"${{{local}.id}}"})
        update = {
            "type": "Microsoft.KeyVault/vaults/keys@2023-07-01",
            "name": "k",
            "body": {"properties": {"kty": "EC"}},
        }
        plan.resource("azapi_update_resource.u", update, written={"parent_id": "${azapi_resource.b.id}"})
        found = read(plan)
        assert (found.get("azapi_resource.ka", "properties.kty"), found.get("azapi_resource.kb", "properties.kty")) == (
            None,
            "EC",
        )

    @pytest.mark.parametrize("target", [{"resource_id": ID}, {"parent_id": GROUP, "name": "other"}, {}])
    def test_update_of_a_vault_outside_the_plan_is_a_warning(
        self, target: dict[str, Any], plan: PlanJson, read: Reader
    ) -> None:
        self.update(plan, target)
        (problem,) = read(plan).problems
        assert problem.level == "warning"
        assert "is not in the plan" in problem.message

    def test_a_vault_that_is_only_read_is_outside_the_plan(self, plan: PlanJson, read: Reader) -> None:
        data = {"address": "data.azurerm_key_vault.x", "mode": "data", "type": "azurerm_key_vault"}
        state = {"values": {"root_module": {"resources": [data | {"values": {"id": ID, "name": "kv"}}]}}}
        plan.more["prior_state"] = state
        self.update(plan, {"resource_id": ID})
        assert [problem.level for problem in read(plan).problems] == ["warning"]


class TestDataPlane:
    """``azapi_data_plane_resource``: bodies in the data plane's own words."""

    def read(self, plan: PlanJson, read: Reader, kind: str, body: Any, **more: Any) -> Found:
        type_ = f"Microsoft.KeyVault/vaults/{kind}@7.4"
        plan.resource(OBJECT, {"type": type_, "name": "x", "parent_id": "kv.vault.azure.net", "body": body}, **more)
        return read(plan)

    def test_names_are_those_of_the_tables(self, plan: PlanJson, read: Reader) -> None:
        policy = {
            "issuer": {"name": "Self"},
            "key_props": {"kty": "RSA", "key_size": 2048, "reuse_key": False},
            "lifetime_actions": [{"trigger": {"days_before_expiry": 30}}],
        }
        found = self.read(plan, read, "certificates", {"policy": policy, "tags": {"a": "b"}})
        assert found.resource(OBJECT).type == "Microsoft.KeyVault/vaults/certificates"
        assert found.get(OBJECT, "tags.a") == "b"
        assert found.get(OBJECT, "properties.policy.issuerParameters.name") == "Self"
        assert found.get(OBJECT, "properties.policy.keyProperties.keyType") == "RSA"
        assert found.get(OBJECT, "properties.policy.keyProperties.reuseKey") is False
        assert found.get(OBJECT, "properties.policy.lifetimeActions[0].trigger.daysBeforeExpiry") == 30

    def test_values_are_secret(self, plan: PlanJson, read: Reader) -> None:
        found = self.read(plan, read, "secrets", {"value": "hunter2", "attributes": {"exp": 1}})
        assert found.answer(OBJECT, "properties.value").sensitive
        assert found.get(OBJECT, "properties.attributes.exp") == 1

    def test_the_host_is_the_vault(self, plan: PlanJson, read: Reader) -> None:
        plan.resource("azurerm_key_vault.kv", {"name": "KV"})
        assert self.read(plan, read, "secrets", {}).link(OBJECT) == ("certain", "azurerm_key_vault.kv")

    @pytest.mark.parametrize("uri", ["azurerm_key_vault.kv.vault_uri", "azapi_resource.kv.output.properties.vaultUri"])
    def test_the_uri_leads_to_the_vault(self, uri: str, plan: PlanJson, read: Reader) -> None:
        vault = uri.partition(".kv")[0] + ".kv"
        plan.resource(vault, {"type": TYPE, "name": "kv"} if vault == KV else {"name": "kv"})
        after = {"type": "Microsoft.KeyVault/vaults/secrets@7.4", "name": "x", "body": {}}
        plan.resource(OBJECT, after, unknown={"parent_id": True}, written={"parent_id": f"${{{uri}}}"})
        assert read(plan).link(OBJECT) == ("certain", vault)

    def test_a_body_that_is_not_known(self, plan: PlanJson, read: Reader) -> None:
        found = self.read(plan, read, "certificates", None, unknown={"body": True})
        assert isinstance(found.answer(OBJECT, "properties.policy"), Unknown)


class TestUnsupportedTypes:
    def problems(self, plan: PlanJson, read: Reader) -> list[str]:
        return [problem.level for problem in read(plan).problems]

    def test_a_type_that_is_not_known_before_apply(self, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {"name": "kv", "body": {}}, unknown={"type": True})
        assert self.problems(plan, read) == ["error"]

    @pytest.mark.parametrize(
        ("local", "level"), [("azapi_data_plane_resource.s", "error"), ("azapi_resource_action.a", "warning")]
    )
    def test_unsupported_azapi_resource_of_key_vault_is_a_problem(
        self, local: str, level: str, plan: PlanJson, read: Reader
    ) -> None:
        plan.resource(local, {"type": "Microsoft.KeyVault/vaults/backups@7.4", "name": "s", "body": {}})
        assert self.problems(plan, read) == [level]

    @pytest.mark.parametrize(
        ("local", "type_"),
        [
            ("azapi_data_plane_resource.s", "Microsoft.AppConfiguration/configurationStores/keyValues@1.0"),
            ("azapi_resource_action.a", "Microsoft.AppConfiguration/configurationStores@2024-05-01"),
            ("azapi_resource_action.a", None),
        ],
    )
    def test_unsupported_azapi_resource_of_other_services_is_ignored(
        self, local: str, type_: Any, plan: PlanJson, read: Reader
    ) -> None:
        plan.resource(local, {"type": type_, "name": "s", "body": {}})
        assert self.problems(plan, read) == []

    @pytest.mark.parametrize("type_", ["Microsoft.KeyVault/vaults/newThings@2030-01-01", "microsoft.keyvault/pools@1"])
    def test_types_that_are_not_known(self, type_: str, plan: PlanJson, tmp_path: Path, run: Run) -> None:
        plan.resource("azapi_resource.x", {"type": type_, "name": "x", "body": {}})
        (tmp_path / "plan.json").write_bytes(plan.text())
        ran = run("plan.json", cwd=tmp_path)
        assert ran.code == 3
        assert (
            f"Key Vault type `{type_.partition('@')[0]}` is not supported, so the resource was not evaluated" in ran.out
        )

    def test_other_types_are_ignored(self, plan: PlanJson, read: Reader) -> None:
        plan.resource("azapi_resource.x", {"type": "Microsoft.Batch/batchAccounts@2024-02-01", "name": "x", "body": {}})
        assert self.problems(plan, read) == []
