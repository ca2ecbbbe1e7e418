"""azurerm arguments of a plan in Azure's vocabulary: what is left out, what is not known, and what was before."""

from __future__ import annotations

import gc
import json
import sys
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from azkvlint.derived.build_graph import with_needs
from azkvlint.engine.required_attributes import required_by
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.model.provider_version import VersionRange, narrow_by_arguments, range_of_constraint
from azkvlint.model.resource import RequiredAttributes
from azkvlint.model.value import Absent, Answer, MapValue, Origin, Scalar, Unknown
from azkvlint.readers.plan.read import read_plan

if TYPE_CHECKING:
    from tests.readers.conftest import PlanJson, Reader

KV = "azurerm_key_vault.kv"
RBAC = "properties.enableRbacAuthorization"
ACLS = "properties.networkAcls"
BOTH = {"rbac_authorization_enabled": True, "enable_rbac_authorization": True}


class TestPermissionModel:
    """4.42 to 4.81 know two names of one argument; both are computed, and on create the provider sends false."""

    def test_neither_is_written(self, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {"name": "kv"}, unknown={"id": True, **BOTH})
        answer = read(plan).answer(KV, RBAC)
        assert (answer.origin, getattr(answer, "value", None)) == ("default", False)

    @pytest.mark.parametrize("name", BOTH)
    @pytest.mark.parametrize("value", [True, False])
    def test_one_is_written(self, name: str, value: bool, plan: PlanJson, read: Reader) -> None:
        unknown = {"id": True, **{other: True for other in BOTH if other != name}}
        plan.resource(KV, {name: value}, written={name: value}, unknown=unknown)
        answer = read(plan).answer(KV, RBAC)
        assert (answer.origin, getattr(answer, "value", None)) == ("written", value)

    @pytest.mark.parametrize("name", BOTH)
    def test_one_is_written_and_not_known(self, name: str, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {}, written={name: "${data.external.x.result}"}, unknown={"id": True, **BOTH})
        assert read(plan).get(KV, RBAC) == "?"

    @pytest.mark.parametrize("name", BOTH)
    def test_reference_that_a_plan_does_not_resolve_is_unknown(self, name: str, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {}, written={name: {}}, unknown={"id": True, **BOTH})
        assert read(plan).get(KV, RBAC) == "?"

    def test_before_there_were_two(self, plan: PlanJson, read: Reader) -> None:
        plan.provider("azurerm", "~> 4.10")
        plan.resource(KV, {"enable_rbac_authorization": None})
        assert read(plan).get(KV, RBAC) is False

    def test_after_there_were_two(self, plan: PlanJson, read: Reader) -> None:
        """From 5.0 on it must be written, so there is no default."""
        plan.provider("azurerm", ">= 5.0")
        plan.resource(KV, {"rbac_authorization_enabled": None})
        found = read(plan)
        assert found.get(KV, RBAC) is None
        assert found.get(KV, "derived.accessModel") == "?"

    def test_permission_model_is_unknown_without_a_configuration(self, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {}, unknown={"id": True, **BOTH}, configured=False)
        assert read(plan).get(KV, RBAC) == "?"

    @pytest.mark.parametrize("name", BOTH)
    @pytest.mark.parametrize("value", [True, False])
    def test_an_update_keeps_the_other_name_as_it_was(
        self, name: str, value: bool, plan: PlanJson, read: Reader
    ) -> None:
        after = dict.fromkeys(BOTH, not value) | {name: value}
        plan.resource(KV, after, written={name: value}, actions=["update"])
        assert read(plan).get(KV, RBAC) is value

    @pytest.mark.parametrize("name", BOTH)
    def test_update_to_an_unknown_value_is_unknown(self, name: str, plan: PlanJson, read: Reader) -> None:
        (other,) = set(BOTH) - {name}
        written = {name: "${data.external.x.result}"}
        plan.resource(KV, {other: False}, written=written, unknown={name: True}, actions=["update"])
        assert read(plan).get(KV, RBAC) == "?"

    def test_an_update_that_writes_neither(self, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, dict.fromkeys(BOTH, True), actions=["update"])
        assert read(plan).get(KV, RBAC) is True

    def test_vaults_of_several_blocks_that_show_the_same(self, plan: PlanJson, read: Reader) -> None:
        """What the configuration decides must not be shared with another block."""
        after = {"enable_rbac_authorization": True, "rbac_authorization_enabled": False}
        for name in BOTH:
            plan.resource(f"azurerm_key_vault.{name}", after, written={name: after[name]}, actions=["update"])
        found = read(plan)
        for name in BOTH:
            assert found.get(f"azurerm_key_vault.{name}", RBAC) is after[name]


PURGE, DAYS, ACCESS = "purge_protection_enabled", "soft_delete_retention_days", "public_network_access_enabled"
PURGED = "properties.enablePurgeProtection"


class TestOrigins:
    """The provider fills in defaults, so a plan has values that nobody wrote: the configuration tells them apart."""

    def test_missing_argument_has_the_default_of_the_provider(self, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {"name": "kv", PURGE: False, DAYS: 90, ACCESS: True}, written={"name": "kv"})
        found = read(plan)
        for path, note in (
            (PURGED, "not set (default: false)"),
            ("properties.softDeleteRetentionInDays", "not set (default: 90)"),
            ("properties.publicNetworkAccess", "not set (default: true)"),
        ):
            answer = found.answer(KV, path)
            assert (answer.origin, answer.note) == ("default", note)

    @pytest.mark.parametrize("value", [False, "${var.x}"])
    def test_argument_set_to_its_default_is_set(self, value: object, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {"name": "kv", PURGE: False}, written={"name": "kv", PURGE: value})
        assert read(plan).answer(KV, PURGED).origin == Origin.WRITTEN

    def test_missing_argument_with_another_value_is_set(self, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {"name": "kv", PURGE: True}, written={"name": "kv"})
        answer = read(plan).answer(KV, PURGED)
        assert (answer.origin, read(plan).get(KV, PURGED)) == ("written", True)

    def test_value_is_set_without_a_configuration(self, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {"name": "kv", PURGE: False}, configured=False)
        assert read(plan).answer(KV, PURGED).origin == Origin.WRITTEN

    def test_value_of_a_data_source_is_set(self, plan: PlanJson, read: Reader) -> None:
        plan.resource(f"data.{KV}", {"name": "kv", PURGE: False}, actions=["read"], unknown={})
        assert read(plan).answer(f"data.{KV}", PURGED).origin == Origin.WRITTEN

    @pytest.mark.parametrize(
        ("actions", "origin"), [(["create"], "default"), (["update"], "kept"), (["no-op"], "kept")]
    )
    def test_value_of_an_existing_resource_is_kept(
        self, actions: list[str], origin: str, plan: PlanJson, read: Reader
    ) -> None:
        plan.resource(KV, dict.fromkeys(BOTH, False), written={"name": "kv"}, actions=actions, unknown={})
        assert read(plan).answer(KV, RBAC).origin == origin

    @pytest.mark.parametrize("name", BOTH)
    def test_one_of_two_names_is_written(self, name: str, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, dict.fromkeys(BOTH, False), written={name: False}, unknown={})
        assert read(plan).answer(KV, RBAC).origin == Origin.WRITTEN

    def test_vaults_of_several_blocks_that_show_the_same(self, plan: PlanJson, read: Reader) -> None:
        for name, written in (("a", {PURGE: False}), ("b", {}), ("c", {})):
            plan.resource(f"azurerm_key_vault.{name}", {"name": "kv", PURGE: False}, written={"name": "kv", **written})
        found = read(plan)
        origins = {name: found.answer(f"azurerm_key_vault.{name}", PURGED).origin for name in "abc"}
        assert origins == {"a": "written", "b": "default", "c": "default"}
        assert (
            found.resource("azurerm_key_vault.b").shared_attributes
            is found.resource("azurerm_key_vault.c").shared_attributes
        )


def test_renamed_block_is_read_by_one_name_only(plan: PlanJson, read: Reader) -> None:
    """``log`` is computed: it still shows the category that ``enabled_log`` no longer has."""
    setting = "azurerm_monitor_diagnostic_setting.d"
    log = [{"category": "AuditEvent", "category_group": "", "enabled": True}]
    plan.provider("azurerm", "~> 3.80")
    plan.resource(
        setting,
        {"enabled_log": [{"category": "AzurePolicyEvaluationDetails", "category_group": ""}], "log": log},
        written={"enabled_log": [{"category": "AzurePolicyEvaluationDetails"}]},
        actions=["update"],
    )
    assert [item["category"] for item in read(plan).get(setting, "properties.logs")] == ["AzurePolicyEvaluationDetails"]


class TestFirewall:
    @pytest.mark.parametrize("unknown", [{"network_acls": True}, {"network_acls": True, **BOTH}])
    def test_missing_network_rules_allow_all_networks(
        self, unknown: dict[str, Any], plan: PlanJson, read: Reader
    ) -> None:
        plan.resource(KV, {"name": "kv"}, unknown={"id": True} | unknown)
        found = read(plan)
        assert found.get(KV, ACLS) is None
        assert found.get(KV, "derived.exposure") == "all networks"

    def test_unknown_default_action_is_unknown(self, plan: PlanJson, read: Reader) -> None:
        written = {"network_acls": [{"default_action": "${data.external.x.result}"}]}
        plan.resource(KV, {}, written=written, unknown={"network_acls": True})
        found = read(plan)
        assert found.get(KV, ACLS) == "?"
        assert found.get(KV, "derived.exposure") == "?"

    def test_an_update_that_leaves_it_out_keeps_it(self, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {"network_acls": [{"default_action": "Deny", "bypass": "None"}]}, actions=["update"])
        assert read(plan).get(KV, f"{ACLS}.defaultAction") == "Deny"

    def test_an_update_that_is_not_known_is_not_left_out(self, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {}, unknown={"network_acls": True}, actions=["update"])
        assert read(plan).get(KV, ACLS) == "?"

    def test_a_replacement_that_leaves_it_out(self, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {}, unknown={"id": True, "network_acls": True}, actions=["delete", "create"])
        assert read(plan).get(KV, "derived.exposure") == "all networks"

    @pytest.mark.parametrize("empty", [None, []])
    def test_null_and_empty_are_not_set(self, empty: Any, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {"network_acls": empty})
        assert read(plan).get(KV, ACLS) is None

    def test_an_item_that_is_not_known(self, plan: PlanJson, read: Reader) -> None:
        acls = {"default_action": "Deny", "ip_rules": ["203.0.113.7", None]}
        marks = {"network_acls": [{"ip_rules": [False, True]}]}
        plan.resource(KV, {"network_acls": [acls]}, unknown=marks)
        found = read(plan)
        assert found.get(KV, f"{ACLS}.ipRules") == [{"value": "203.0.113.7"}, {"value": "?"}]
        assert found.get(KV, "derived.exposure") == "?"

    def test_an_item_that_is_left_out_at_the_end(self, plan: PlanJson, read: Reader) -> None:
        """As generators of plans write it that drop what is null."""
        acls = {"default_action": "Deny", "ip_rules": ["203.0.113.7"]}
        plan.resource(KV, {"network_acls": [acls]}, unknown={"network_acls": [{"ip_rules": [False, True]}]})
        assert read(plan).get(KV, f"{ACLS}.ipRules") == [{"value": "203.0.113.7"}, {"value": "?"}]

    def test_unknown_argument_of_a_block_is_unknown(self, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {"network_acls": [{"bypass": "None"}]}, unknown={"network_acls": [{"default_action": True}]})
        assert read(plan).get(KV, ACLS) == {"bypass": "None", "defaultAction": "?"}

    def test_a_block_that_is_not_known_in_a_list(self, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {"network_acls": [None]}, unknown={"network_acls": [True]})
        assert read(plan).get(KV, f"{ACLS}.defaultAction") == "?"


POLICY = {"object_id": "o", "tenant_id": "t", "secret_permissions": ["Get"]}


class TestLists:
    def test_unknown_argument_of_one_policy_is_unknown(self, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {"access_policy": [POLICY]}, unknown={"access_policy": [{}, {"object_id": True}]})
        found = read(plan).get(KV, "properties.accessPolicies")
        assert [policy.get("objectId") for policy in found] == ["o", "?"]

    def test_unknown_block_is_unknown_as_a_whole(self, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {}, written={"access_policy": {}}, unknown={"access_policy": True})
        assert read(plan).get(KV, "properties.accessPolicies") == "?"

    def test_ids_that_are_known_stay(self, plan: PlanJson, read: Reader) -> None:
        role = "azurerm_role_definition.r"
        plan.resource(KV, {"name": "kv"})
        plan.resource(
            role,
            {"name": "r", "assignable_scopes": ["/subscriptions/s", None]},
            written={"assignable_scopes": "${azurerm_key_vault.kv.id}"},
            unknown={"assignable_scopes": [False, True]},
        )
        found = read(plan)
        assert found.get(role, "properties.assignableScopes") == ["/subscriptions/s", f"-> {KV}"]
        assert found.get(role, "derived.scopeLevels") == ["subscription", "resource"]


@pytest.mark.parametrize(
    ("action", "after", "expected"),
    [
        ("create", {"purge_protection_enabled": None}, False),
        ("create", {}, False),
        ("create", {"purge_protection_enabled": True}, True),
        ("update", {"purge_protection_enabled": None}, False),
    ],
)
def test_null_is_not_set(action: str, after: dict[str, Any], expected: bool, plan: PlanJson, read: Reader) -> None:
    plan.resource(KV, after, actions=[action])
    assert read(plan).get(KV, "properties.enablePurgeProtection") is expected


def test_all_of_a_resource_may_be_unknown(plan: PlanJson, read: Reader) -> None:
    plan.resource(KV, {}, unknown=True, written={"purge_protection_enabled": {}, "network_acls": [{}]})
    found = read(plan)
    for path in ("properties.enablePurgeProtection", ACLS, "properties.sku.name", "name", "id"):
        assert found.get(KV, path) == "?"


@pytest.mark.parametrize("marks", [None, False, {}])
def test_resource_without_unknown_values_is_known(marks: Any, plan: PlanJson, read: Reader) -> None:
    plan.resource(KV, {"name": "kv"}, change={"after_unknown": marks})
    assert read(plan).get(KV, "name") == "kv"


class TestSoftDelete:
    @pytest.mark.parametrize(
        ("version", "written", "expected"),
        [
            ("~> 4.0", None, True),
            ("~> 4.0", False, True),
            ("2.41.0", None, False),
            ("2.41.0", True, True),
            ("2.42.0", False, True),
            ("2.42.0", None, True),
            (">= 2.0", False, "?"),
            (">= 2.0", None, "?"),
        ],
    )
    def test_version_decides_the_default(
        self, version: str, written: bool | None, expected: Any, plan: PlanJson, read: Reader
    ) -> None:
        plan.provider("azurerm", version)
        plan.resource(KV, {"soft_delete_enabled": written})
        assert read(plan).get(KV, "properties.enableSoftDelete") == expected


class TestVersions:
    @pytest.mark.parametrize(
        ("constraint", "low", "high"),
        [
            ("", (0, 0), (9999, 0)),
            ("~> 4.50", (4, 50), (5, 0)),
            ("~> 4.50.1", (4, 50), (4, 51)),
            ("~> 4", (4, 0), (5, 0)),
            ("4.50.1", (4, 50), (4, 51)),
            ("= 4.50", (4, 50), (4, 51)),
            ("v3.116.0", (3, 116), (3, 117)),
            (">= 4.81, < 5.2", (4, 81), (5, 2)),
            ("> 4.81, <= 5.2", (4, 81), (5, 3)),
            ("< 5.0.1", (0, 0), (5, 1)),
            (">=3.0,!=3.5,<4", (3, 0), (4, 0)),
            (">= 5.0, < 4.0", (5, 0), (9999, 0)),
            ("nonsense", (0, 0), (9999, 0)),
            (">= 4.0.0-beta1", (4, 0), (9999, 0)),
        ],
    )
    def test_constraint_is_a_range_of_versions(
        self, constraint: str, low: tuple[int, int], high: tuple[int, int]
    ) -> None:
        assert range_of_constraint(constraint) == VersionRange(low, high)

    @pytest.mark.parametrize("constraint", ["~> " + "9" * 5000, "9" * 5000 + ".1", ">= ²", "~> 4.٣"])
    def test_constraints_that_no_person_writes(self, constraint: str) -> None:
        found = range_of_constraint(constraint)
        assert found.low < found.high

    @pytest.mark.parametrize(
        ("keys", "low", "high"),
        [
            ({"soft_delete_enabled"}, (2, 0), (3, 0)),
            ({"enable_rbac_authorization", "public_network_access_enabled"}, (3, 19), (4, 42)),
            ({"enable_rbac_authorization"}, (3, 0), (3, 19)),
            (set(BOTH), (4, 42), (5, 0)),
            ({"rbac_authorization_enabled", "network_acls", "tenant_id"}, (5, 0), (9999, 0)),
            ({"rbac_authorization_enabled"}, (0, 0), (9999, 0)),
        ],
    )
    def test_arguments_of_a_vault_narrow_the_provider_version(
        self, keys: set[str], low: tuple[int, int], high: tuple[int, int]
    ) -> None:
        assert narrow_by_arguments("azurerm_key_vault", keys, VersionRange()) == VersionRange(low, high)


class TestProviders:
    FLAG = "features.keyVault.purgeSoftDeleteOnDestroy"

    @pytest.mark.parametrize(
        ("features", "expected"),
        [
            ({}, True),
            ({"purge_soft_delete_on_destroy": False}, False),
            ({"purge_soft_delete_on_destroy": "false"}, False),
            ({"purge_soft_delete_on_destroy": True}, True),
            ({"purge_soft_delete_on_destroy": "${var.purge}"}, "?"),
            ({"purge_soft_delete_on_destroy": {}}, "?"),
        ],
    )
    def test_features_set_the_provider_flag(
        self, features: dict[str, Any], expected: Any, plan: PlanJson, read: Reader
    ) -> None:
        plan.provider("azurerm", "~> 4.0", **features)
        plan.resource(KV, {"name": "kv"})
        found = read(plan)
        assert found.get("provider.azurerm", self.FLAG) == expected
        assert found.link(KV, "provider") == ("certain", "provider.azurerm")

    def test_before_there_were_defaults(self, plan: PlanJson, read: Reader) -> None:
        plan.provider("azurerm", "~> 2.90")
        assert read(plan).get("provider.azurerm", self.FLAG) == "?"

    def test_aliases_and_provider_configurations_of_modules_are_distinguished(
        self, plan: PlanJson, read: Reader
    ) -> None:
        plan.provider("azurerm.west", "~> 4.0", purge_soft_delete_on_destroy=False)
        plan.provider("module.m:azurerm", "2.41.0")
        plan.resource(KV, {"name": "kv"}, provider="azurerm.west")
        inner = plan.resource(KV, {"name": "kv"}, module="module.m", provider="module.m:azurerm")
        inherits = plan.resource(KV, {"name": "kv"}, module="module.n.module.o", provider="module.n.module.o:azurerm")
        found = read(plan)
        assert found.link(KV, "provider") == ("certain", "provider.azurerm.west")
        assert found.link(inner, "provider") == ("certain", "provider.module.m:azurerm")
        assert found.link(inherits, "provider") == ("certain", "provider.azurerm")
        assert found.get(inner, "properties.enableSoftDelete") is False
        assert found.get(KV, "properties.enableSoftDelete") is True

    def test_deleted_resource_without_a_configuration_has_the_only_provider(self, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, before={"name": "kv"}, actions=["delete"], configured=False)
        assert read(plan).link_of(KV, "provider") == "-> provider.azurerm"

    def test_deleted_resource_with_several_providers_has_none(self, plan: PlanJson, read: Reader) -> None:
        plan.provider("azurerm.west", "~> 4.0")
        plan.resource(KV, before={"name": "kv"}, actions=["delete"], configured=False)
        assert read(plan).link_of(KV, "provider") is None

    def test_only_azurerm_providers_are_resources(self, plan: PlanJson, read: Reader) -> None:
        plan.providers["azapi"] = {"name": "azapi", "full_name": "registry.terraform.io/azure/azapi"}
        plan.providers["tofu"] = {"name": "azurerm", "full_name": "registry.opentofu.org/hashicorp/azurerm"}
        found = read(plan)
        assert set(found.graph.resources) == {"provider.azurerm", "provider.tofu"}


def test_equal_secrets_share_their_attributes(plan: PlanJson, read: Reader) -> None:
    """Thousands of secrets are lowered, and judged, once; but not where their configuration differs."""
    secret = "azurerm_key_vault_secret.s"
    written = {"key_vault_id": "${azurerm_key_vault.kv.id}", "content_type": "${var.x}"}
    plan.resource(KV, {"name": "kv"})
    for n in range(3):
        plan.resource(secret, {"name": f"s{n}", "value": "x"}, key=n, written=written)
    plan.resource(f"{secret}2", {"name": "s", "value": "x"}, written=written | {"content_type": "${var.y}"})
    found = read(plan)
    first, second, third = (found.resource(f"{secret}[{n}]") for n in range(3))
    assert first.shared_attributes is second.shared_attributes is third.shared_attributes
    assert first.shared_attributes is not None
    assert found.resource(f"{secret}2").shared_attributes is not first.shared_attributes
    assert "var.y" in getattr(found.answer(f"{secret}2", "properties.contentType"), "why", "")


class TestCommonAttributes:
    """Secrets that differ in nothing but their value say the same; each keeps its own, in its place."""

    SECRET = "azurerm_key_vault_secret.s"
    ASKED: ClassVar[dict[str, Any]] = {
        "paths": {"microsoft.keyvault/vaults/secrets": frozenset({("properties", "value"), ("tags",)})},
        "reference_paths": {},
    }

    def values(self, plan: PlanJson, required: RequiredAttributes) -> tuple[list[MapValue | None], list[Answer]]:
        found = read_plan("plan.json", json.dumps(plan.document()).encode(), required).resources
        secrets = [one for address, one in found.items() if address.startswith(self.SECRET)]
        return [one.shared_attributes for one in secrets], [one.select(("properties", "value")) for one in secrets]

    def test_known_values_are_not_common_attributes(self, plan: PlanJson) -> None:
        for n in range(2):
            plan.resource(self.SECRET, {"name": "s", "value": f"v{n}"}, key=n)
        commons, values = self.values(plan, RequiredAttributes(**self.ASKED))
        assert commons[0] is commons[1] is not None
        assert [getattr(value, "value", None) for value in values] == ["v0", "v1"]
        assert all(value.sensitive for value in values)

    @pytest.mark.parametrize("name", ["value", "value_wo"])
    def test_a_value_that_is_not_known(self, name: str, plan: PlanJson) -> None:
        plan.resource(self.SECRET, {"name": "s", "value": "v"}, key=0)
        plan.resource(self.SECRET, {"name": "s"}, key=1, unknown={"id": True, name: True})
        plan.resource(self.SECRET, {"name": "s", "value": None}, key=2)
        commons, values = self.values(plan, RequiredAttributes(**self.ASKED))
        assert commons[0] is commons[1] is commons[2]
        assert [type(value) for value in values] == [Scalar, Unknown, Absent]

    def test_by_its_other_name(self, plan: PlanJson) -> None:
        plan.resource(self.SECRET, {"name": "s", "value": None, "value_wo": "v"})
        _, values = self.values(plan, RequiredAttributes(**self.ASKED))
        assert [getattr(value, "value", None) for value in values] == ["v"]

    def test_common_attributes_include_parent_objects_if_required(self, plan: PlanJson) -> None:
        for n in range(2):
            plan.resource(self.SECRET, {"name": "s", "value": f"v{n}"}, key=n)
        paths = {"microsoft.keyvault/vaults/secrets": frozenset({("properties",), ("properties", "value")})}
        commons, values = self.values(plan, RequiredAttributes(paths=paths, reference_paths={}))
        assert commons[0] is not commons[1]
        assert commons[0] is not None
        assert commons[0].fields["properties"].fields["value"] == values[0]  # type: ignore[union-attr]  # an object

    def test_previous_values_are_not_common_attributes(self, plan: PlanJson) -> None:
        change = ("derived", "changedFrom", "properties", "value")
        before = {"name": "s", "value": "old"}
        plan.resource(self.SECRET, {"name": "s", "value": "new"}, key=0, before=before, actions=["update"])
        plan.resource(self.SECRET, {"name": "s", "value": "old"}, key=1, before=before, actions=["update"])
        paths = {"microsoft.keyvault/vaults/secrets": frozenset({("properties", "value"), change})}
        found = read_plan(
            "plan.json", json.dumps(plan.document()).encode(), RequiredAttributes(paths=paths, reference_paths={})
        ).resources
        first, second = (found[f"{self.SECRET}[{n}]"] for n in range(2))
        assert getattr(first.select(change), "value", None) == "old"
        assert isinstance(second.select(change), Absent)
        assert first.shared_attributes is not second.shared_attributes

    def test_of_a_data_source_that_was_read_before(self, plan: PlanJson) -> None:
        head = {"address": f"data.{self.SECRET}", "mode": "data", "type": "azurerm_key_vault_secret"}
        item = head | {"values": {"name": "s", "value": "v"}}
        plan.more["prior_state"] = {"values": {"root_module": {"resources": [item]}}}
        found = read_plan("plan.json", json.dumps(plan.document()).encode(), RequiredAttributes(**self.ASKED)).resources
        value = found[f"data.{self.SECRET}"].select(("properties", "value"))
        assert (getattr(value, "value", None), value.sensitive) == ("v", True)


@pytest.mark.slow(8)
def test_plan_is_released_after_reading(plan: PlanJson) -> None:
    """Nobody looks for garbage while kvlint runs, so that what is held in a circle would stay until its end."""
    plan.resource(KV, {"name": "kv"})
    plan.resource("azurerm_key_vault_secret.s", {"name": "s"}, written={"key_vault_id": f"${{{KV}.id}}"})
    data = json.dumps(plan.document()).encode()
    gc.disable()
    try:
        before = sys.getrefcount(data)
        found = read_plan("plan.json", data, with_needs(required_by(builtin_rules())))
        assert KV in found.resources
        del found
        assert sys.getrefcount(data) == before
    finally:
        gc.enable()


def test_order_of_keys_does_not_matter(plan: PlanJson, read: Reader) -> None:
    """``jq -S`` sorts keys, so that an entry's type comes after its change."""
    plan.resource(KV, {"name": "kv", "type": "x"})
    plan.resource("azurerm_thing.x", {"type": "azurerm_key_vault"})
    found = read(json.dumps(plan.document(), sort_keys=True).encode())
    assert found.get(KV, "name") == "kv"
    assert "azurerm_thing.x" not in found.graph.resources
