"""What Azure knows of a resource and no document says: exposure, scope levels, coverage, roles, policies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.model.value import Scalar

if TYPE_CHECKING:
    from tests.readers.conftest import PlanJson, Reader

KV = "azurerm_key_vault.kv"
ROLE = "azurerm_role_assignment.r"
SUBSCRIPTION = "/subscriptions/11111111-0000-0000-0000-000000000000"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg"
ID = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv"
SUBNET = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/v/subnets/s"


class TestExposure:
    def exposure(self, plan: PlanJson, read: Reader, **acls: Any) -> Any:
        plan.resource(KV, {"network_acls": [{"default_action": "Deny", "bypass": "None"} | acls]})
        return read(plan).get(KV, "derived.exposure")

    @pytest.mark.parametrize(
        ("rules", "expected"),
        [
            ([], "private access only"),
            (["203.0.113.7"], "listed IP addresses"),
            (["203.0.113.0/24", "198.51.100.0/24"], "listed IP addresses"),
            (["10.0.0.0/9"], "listed IP addresses"),
            (["10.0.0.0/8"], "large IP range"),
            (["10.1.2.3/8"], "large IP range"),
            (["10.0.0.0/9", "10.128.0.0/9"], "large IP range"),
            (["10.0.0.0/9", "10.0.0.0/9"], "listed IP addresses"),
            (["10.0.0.0/9", "10.64.0.0/10", "10.127.255.255"], "listed IP addresses"),
            (["0.0.0.0/1"], "large IP range"),
            (["0.0.0.0/1", "128.0.0.0/1"], "all networks"),
            (["128.0.0.0/1", "0.0.0.0/1"], "all networks"),
            (["0.0.0.0/1", "128.0.0.0/2"], "all networks"),
            (["0.0.0.0/0"], "all networks"),
            (["203.0.113.7/0"], "all networks"),
            (["0.0.0.0"], "all networks"),
            (["0.0.0.0/32"], "listed IP addresses"),
            ([" 203.0.113.7 "], "listed IP addresses"),
        ],
    )
    def test_ranges_add_up(self, rules: Sequence[str], expected: str, plan: PlanJson, read: Reader) -> None:
        assert self.exposure(plan, read, ip_rules=list(rules)) == expected

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "any",
            "1.2.3",
            "1.2.3.4.5",
            "256.1.1.1",
            "1.2.3.4/33",
            "1.2.3.4/",
            "1.2.3.4/²",
            "1.2.3.٤",
            "::1",
            "2001:db8::/32",
            "1.2.3.4/24/24",
            "-1.2.3.4",
            "9" * 5000 + ".1.1.1",
            "1.1.1.1/" + "9" * 5000,
            "1.2.3.4-1.2.3.9",
        ],
    )
    def test_invalid_range_is_unknown(self, text: str, plan: PlanJson, read: Reader) -> None:
        assert self.exposure(plan, read, ip_rules=[text, "203.0.113.7"]) == "?"

    @pytest.mark.parametrize(
        ("type_", "version", "expected", "behind_firewall"),
        [
            ("vaults", "2016-10-01", "?", "?"),  # which knows no firewall either
            ("vaults", "2019-09-01", "?", "private access only"),
            ("vaults", "2021-06-01-preview", "private access only", "private access only"),
            ("vaults", "2026-02-01", "private access only", "private access only"),
            ("managedHSMs", "2020-04-01-preview", "?", "?"),
            ("managedHSMs", "2021-04-01-preview", "private access only", "private access only"),
        ],
    )
    def test_public_access_depends_on_the_api_version(
        self, type_: str, version: str, expected: str, behind_firewall: str, plan: PlanJson, read: Reader
    ) -> None:
        body: dict[str, Any] = {"properties": {"publicNetworkAccess": "Disabled"}}
        address = plan.resource(
            "azapi_resource.kv", {"type": f"Microsoft.KeyVault/{type_}@{version}", "name": "kv", "body": body}
        )
        assert read(plan).get(address, "derived.exposure") == expected
        body["properties"]["networkAcls"] = {"defaultAction": "Deny"}
        assert read(plan).get(address, "derived.exposure") == behind_firewall

    def test_range_of_all_addresses_decides_beside_an_invalid_range(self, plan: PlanJson, read: Reader) -> None:
        assert self.exposure(plan, read, ip_rules=["any", "0.0.0.0/0"]) == "all networks"

    def test_range_of_all_addresses_decides_beside_an_unknown_range(self, plan: PlanJson, read: Reader) -> None:
        acls = {"default_action": "Deny", "ip_rules": ["0.0.0.0/0", None]}
        plan.resource(KV, {"network_acls": [acls]}, unknown={"network_acls": [{"ip_rules": [False, True]}]})
        assert read(plan).get(KV, "derived.exposure") == "all networks"

    def test_listed_subnets_are_the_exposure(self, plan: PlanJson, read: Reader) -> None:
        assert self.exposure(plan, read, virtual_network_subnet_ids=[SUBNET]) == "listed subnets"

    def test_listed_addresses_prevail_over_subnets(self, plan: PlanJson, read: Reader) -> None:
        rules = {"virtual_network_subnet_ids": [SUBNET], "ip_rules": ["203.0.113.7"]}
        assert self.exposure(plan, read, **rules) == "listed IP addresses"

    @pytest.mark.parametrize("action", ["Allow", "allow", None])
    def test_rules_do_nothing_where_everything_is_allowed(self, action: Any, plan: PlanJson, read: Reader) -> None:
        assert self.exposure(plan, read, default_action=action, ip_rules=["203.0.113.7"]) == "all networks"

    @pytest.mark.parametrize(
        ("public", "acls", "expected"),
        [
            (True, None, "all networks"),
            (None, None, "all networks"),
            (False, None, "private access only"),
            (False, [{"default_action": "Allow", "bypass": "None"}], "private access only"),
            (True, [{"default_action": "Deny", "bypass": "None"}], "private access only"),
        ],
    )
    def test_public_access_comes_first(
        self, public: Any, acls: Any, expected: str, plan: PlanJson, read: Reader
    ) -> None:
        plan.resource(KV, {"public_network_access_enabled": public, "network_acls": acls})
        assert read(plan).get(KV, "derived.exposure") == expected

    def test_note_of_addresses_that_cover_all_networks(self, plan: PlanJson, read: Reader) -> None:
        acls = {"default_action": "Deny", "bypass": "None", "ip_rules": ["0.0.0.0/1", "128.0.0.0/2"]}
        plan.resource(KV, {"network_acls": [acls]})
        found = read(plan).answer(KV, "derived.exposure")
        assert isinstance(found, Scalar)
        assert found.note == "IP rules cover all or nearly all addresses"

    @pytest.mark.parametrize("whole", [True, False])
    def test_sensitive_addresses_are_not_shown(self, whole: bool, plan: PlanJson, read: Reader) -> None:
        acls = {"default_action": "Deny", "bypass": "None", "ip_rules": ["0.0.0.0/1", "128.0.0.0/2"]}
        secret = {"network_acls": [{"ip_rules": True if whole else [True, True]}]}
        plan.resource(KV, {"network_acls": [acls]}, sensitive=secret)
        found = read(plan).answer(KV, "derived.exposure")
        assert isinstance(found, Scalar)
        assert "0.0" not in found.note

    def test_public_access_that_is_not_known(self, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {}, unknown={"public_network_access_enabled": True})
        assert read(plan).get(KV, "derived.exposure") == "?"

    @pytest.mark.parametrize(
        ("word", "expected"),
        [
            ("Enabled", "all networks"),
            ("enabled", "all networks"),
            ("Disabled", "private access only"),
            ("DISABLED", "private access only"),
            ("SecuredByPerimeter", "?"),
            ("", "?"),
            ("Enabeld", "?"),
        ],
    )
    def test_values_of_azure_are_recognized(self, word: str, expected: str, plan: PlanJson, read: Reader) -> None:
        body = {"properties": {"publicNetworkAccess": word}}
        vault = {"type": "Microsoft.KeyVault/vaults@2023-07-01", "name": "kv", "body": body}
        plan.resource("azapi_resource.kv", vault)
        assert read(plan).get("azapi_resource.kv", "derived.exposure") == expected

    @pytest.mark.parametrize(
        ("mode", "expected"),
        [("Enforced", "?"), ("enforced", "?"), ("Learning", "all networks"), ("Audit", "all networks")],
    )
    @pytest.mark.parametrize("known", [True, False])
    def test_mode_of_a_perimeter_decides_the_exposure(
        self, known: bool, mode: str, expected: str, plan: PlanJson, read: Reader
    ) -> None:
        """An enforced one decides instead of the vault's own firewall."""
        plan.resource(KV, {"name": "kv", "resource_group_name": "rg"})
        after = {"name": "a", "access_mode": mode} | ({"resource_id": ID} if known else {})
        written = {} if known else {"resource_id": f"${{{KV}.id}}"}
        plan.resource("azurerm_network_security_perimeter_association.a", after, written=written)
        assert read(plan).get(KV, "derived.exposure") == expected

    def test_removed_perimeter_association_is_ignored(self, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {"name": "kv", "id": ID}, actions=["no-op"])
        before = {"name": "a", "access_mode": "Enforced", "resource_id": ID}
        plan.resource("azurerm_network_security_perimeter_association.a", before=before, actions=["delete"])
        assert read(plan).get(KV, "derived.exposure") == "all networks"

    def test_closed_vault_in_a_perimeter_has_unknown_exposure(self, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {"name": "kv", "public_network_access_enabled": False})
        written = {"resource_id": f"${{{KV}.id}}"}
        association = {"name": "a", "access_mode": "Enforced"}
        plan.resource("azurerm_network_security_perimeter_association.a", association, written=written)
        assert read(plan).get(KV, "derived.publicAccess") == "perimeter"
        assert read(plan).get(KV, "derived.exposure") == "?"

    def test_closed_vault_beside_an_unknown_association_has_unknown_exposure(
        self, plan: PlanJson, read: Reader
    ) -> None:
        plan.resource(KV, {"name": "kv", "public_network_access_enabled": False})
        association = {"name": "a", "access_mode": "Enforced"}
        plan.resource("azurerm_network_security_perimeter_association.a", association, unknown={"resource_id": True})
        assert read(plan).get(KV, "derived.exposure") == "?"

    def test_closed_vault_in_a_learning_perimeter_is_private(self, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {"name": "kv", "public_network_access_enabled": False})
        written = {"resource_id": f"${{{KV}.id}}"}
        association = {"name": "a", "access_mode": "Learning"}
        plan.resource("azurerm_network_security_perimeter_association.a", association, written=written)
        assert read(plan).get(KV, "derived.exposure") == "private access only"

    def test_managed_hsm_has_its_exposure(self, plan: PlanJson, read: Reader) -> None:
        hsm = "azurerm_key_vault_managed_hardware_security_module.h"
        plan.resource(hsm, {"name": "h", "network_acls": [{"default_action": "Deny", "bypass": "None"}]})
        assert read(plan).get(hsm, "derived.exposure") == "private access only"


class TestScopeLevel:
    @pytest.mark.parametrize(
        ("scope", "expected"),
        [
            ("/", "tenant"),
            ("/providers/Microsoft.Management/managementGroups/mg", "management group"),
            ("/PROVIDERS/microsoft.management/managementgroups/mg/", "management group"),
            (SUBSCRIPTION, "subscription"),
            (f"{SUBSCRIPTION.upper()}/", "subscription"),
            (GROUP, "resource group"),
            (GROUP.lower(), "resource group"),
            (ID, "resource"),
            (f"{ID}/secrets/s", "object"),
            (f"{ID.upper()}/keys/k/versions/v", "object"),
            (f"{SUBSCRIPTION}/providers/Microsoft.Foo/bars/b", "resource"),
            ("/subscriptions", "?"),
            ("subscription", "?"),
            ("", "?"),
        ],
    )
    def test_by_id(self, scope: str, expected: str, plan: PlanJson, read: Reader) -> None:
        plan.resource(ROLE, {"scope": scope})
        assert read(plan).get(ROLE, "derived.scopeLevel") == expected

    @pytest.mark.parametrize(
        ("local", "expected"),
        [
            ("azurerm_resource_group.x", "resource group"),
            ("azurerm_management_group.x", "management group"),
            ("azurerm_subscription.x", "subscription"),
            ("data.azurerm_subscription.x", "subscription"),
            ("azurerm_key_vault.x", "resource"),
            ("azurerm_logic_app_workflow.x", "resource"),
        ],
    )
    def test_link_decides_the_scope_level(self, local: str, expected: str, plan: PlanJson, read: Reader) -> None:
        actions = ["read"] if local.startswith("data.") else ["create"]
        plan.resource(local, {"name": "x"}, actions=actions, unknown={"id": True})
        plan.resource(ROLE, {}, written={"scope": f"${{{local}.id}}"})
        assert read(plan).get(ROLE, "derived.scopeLevel") == expected

    def test_local_scope_has_an_unknown_level(self, plan: PlanJson, read: Reader) -> None:
        plan.resource("random_pet.x", {"length": 2})
        plan.resource(ROLE, {}, written={"scope": "${local.scope}"})
        assert read(plan).get(ROLE, "derived.scopeLevel") == "?"

    @pytest.mark.parametrize(
        ("made", "level"),
        [
            (("azurerm_linux_web_app.w",), "resource"),
            (("azurerm_resource_group.g",), "?"),
            (("azurerm_management_group.g",), "?"),
        ],
    )
    def test_local_scope_may_be_any_resource_of_the_plan(
        self, made: tuple[str, ...], level: str, plan: PlanJson, read: Reader
    ) -> None:
        """A role assignment is a resource too, so with a group it may be at either level."""
        for local in ("azurerm_key_vault.kv", *made):
            plan.resource(local, {"name": "x"})
        plan.resource(ROLE, {}, written={"scope": "${local.scope}${azurerm_key_vault.kv.id}"})
        assert read(plan).get(ROLE, "derived.scopeLevel") == level


class TestCovers:
    """The vaults that lie in a scope."""

    OTHER = "/subscriptions/22222222-0000-0000-0000-000000000000"

    def vaults(self, plan: PlanJson) -> None:
        """One that is there, one that is still to be made in the same group, and one in another."""
        plan.resource("azurerm_key_vault.there", {"name": "there", "id": ID}, actions=["no-op"])
        plan.resource("azurerm_key_vault.new", {"name": "new", "resource_group_name": "RG"})
        plan.resource("azurerm_key_vault.far", {"name": "far", "resource_group_name": "other"})

    @pytest.mark.parametrize(
        ("scope", "certain", "perhaps"),
        [
            ("/", ["far", "new", "there"], []),
            ("/providers/Microsoft.Management/managementGroups/mg", [], ["far", "new", "there"]),
            (SUBSCRIPTION, ["there"], ["far", "new"]),
            (SUBSCRIPTION.upper(), ["there"], ["far", "new"]),
            (OTHER, [], ["far", "new"]),
            (GROUP, ["new", "there"], []),
            (GROUP.upper(), ["new", "there"], []),
            (f"{OTHER}/resourceGroups/rg", ["new"], []),
            (f"{SUBSCRIPTION}/resourceGroups/nowhere", [], []),
            (ID, ["there"], []),
            (ID.upper(), ["there"], []),
            (f"{ID}/secrets/s", ["there"], []),
            (f"{ID}/", ["there"], []),
            (f"{ID}2", [], []),
        ],
    )
    def test_by_id(self, scope: str, certain: list[str], perhaps: list[str], plan: PlanJson, read: Reader) -> None:
        self.vaults(plan)
        plan.resource(ROLE, {"scope": scope})
        found = read(plan).reference(ROLE, "derived.covers")
        assert sorted(found.targets) == [f"azurerm_key_vault.{name}" for name in certain]
        assert sorted(found.candidates) == [f"azurerm_key_vault.{name}" for name in perhaps]
        assert not found.anything

    def test_created_resource_group_covers_its_vaults(self, plan: PlanJson, read: Reader) -> None:
        plan.resource("azurerm_resource_group.rg", {"name": "RG"})
        self.vaults(plan)
        plan.resource(ROLE, {}, written={"scope": "${azurerm_resource_group.rg.id}"})
        found = read(plan).reference(ROLE, "derived.covers")
        assert set(found.targets) == {"azurerm_key_vault.new", "azurerm_key_vault.there"}
        assert found.hops == ("azurerm_resource_group.rg.id",)

    def test_resource_group_with_an_unknown_name_may_cover_any_vault(self, plan: PlanJson, read: Reader) -> None:
        plan.resource("azurerm_resource_group.rg", {}, unknown={"id": True, "name": True})
        self.vaults(plan)
        plan.resource(ROLE, {}, written={"scope": "${azurerm_resource_group.rg.id}"})
        found = read(plan).reference(ROLE, "derived.covers")
        assert (found.targets, len(found.candidates)) == ((), 3)

    def test_scope_of_a_secret_covers_its_vault(self, plan: PlanJson, read: Reader) -> None:
        self.vaults(plan)
        secret = {"key_vault_id": "${azurerm_key_vault.new.id}"}
        plan.resource("azurerm_key_vault_secret.s", {"name": "s"}, written=secret)
        plan.resource(ROLE, {}, written={"scope": "${azurerm_key_vault_secret.s.resource_versionless_id}"})
        assert read(plan).link(ROLE, "derived.covers") == ("certain", "azurerm_key_vault.new")

    def test_one_of_two_scopes_covers_its_vaults(self, plan: PlanJson, read: Reader) -> None:
        plan.resource("azurerm_resource_group.rg", {"name": "rg"})
        self.vaults(plan)
        scope = "${azurerm_resource_group.rg.id}${azurerm_key_vault.far.id}"
        plan.resource(ROLE, {}, written={"scope": scope})
        link = read(plan).link(ROLE, "derived.covers")
        assert link == ("one of", "azurerm_key_vault.far", "azurerm_key_vault.new", "azurerm_key_vault.there")

    def test_unknown_scope_may_cover_any_vault(self, plan: PlanJson, read: Reader) -> None:
        self.vaults(plan)
        plan.resource(ROLE, {}, written={"scope": "${local.scope}"})
        assert read(plan).link(ROLE, "derived.covers") == ("perhaps",)

    def test_scope_of_another_resource_covers_no_vault(self, plan: PlanJson, read: Reader) -> None:
        self.vaults(plan)
        plan.resource(ROLE, {"scope": SUBNET})
        found = read(plan).reference(ROLE, "derived.covers")
        assert (found.targets, found.candidates, found.anything) == ((), (), False)

    def test_azapi_vault_is_in_the_scope_of_its_parent(self, plan: PlanJson, read: Reader) -> None:
        vault = {"type": "Microsoft.KeyVault/vaults@2023-07-01", "name": "a", "parent_id": GROUP, "body": {}}
        plan.resource("azapi_resource.a", vault)
        plan.resource(ROLE, {"scope": SUBSCRIPTION})
        assert read(plan).link(ROLE, "derived.covers") == ("certain", "azapi_resource.a")

    def test_azapi_vault_is_covered_by_its_created_resource_group(self, plan: PlanJson, read: Reader) -> None:
        plan.resource("azurerm_resource_group.rg", {"name": "rg"})
        vault = {"type": "Microsoft.KeyVault/vaults@2023-07-01", "name": "a", "body": {}}
        plan.resource("azapi_resource.a", vault, written={"parent_id": "${azurerm_resource_group.rg.id}"})
        plan.resource(ROLE, {}, written={"scope": "${azurerm_resource_group.rg.id}"})
        assert read(plan).link(ROLE, "derived.covers") == ("certain", "azapi_resource.a")

    def test_deleted_vault_is_not_covered(self, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, before={"name": "kv", "id": ID}, actions=["delete"])
        plan.resource(ROLE, {"scope": GROUP})
        assert not read(plan).reference(ROLE, "derived.covers").targets


class TestReferences:
    """Ids that are written out."""

    @pytest.mark.parametrize("text", [ID, ID.upper(), f"{ID}/"])
    @pytest.mark.parametrize("known", [True, False])
    def test_id_in_any_notation_links_to_the_vault(self, known: bool, text: str, plan: PlanJson, read: Reader) -> None:
        """Of a vault that is still to be made only the name is known."""
        after = {"name": "kv", "resource_group_name": "rg"} | ({"id": ID} if known else {})
        plan.resource(KV, after, actions=["no-op" if known else "create"])
        plan.resource("azurerm_key_vault_secret.s", {"name": "s", "key_vault_id": text})
        found = read(plan)
        assert found.link("azurerm_key_vault_secret.s") == ("certain", KV)
        assert found.reference("azurerm_key_vault_secret.s").hops == ("by id" if known else "by name",)

    @pytest.mark.parametrize(
        "text", [ID.replace("/rg/", "/other/"), ID + "2", ID.replace("vaults", "managedHSMs"), GROUP, "kv"]
    )
    def test_id_of_another_vault_is_outside_of_the_plan(self, text: str, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {"name": "kv", "resource_group_name": "rg"})
        plan.resource("azurerm_key_vault_secret.s", {"name": "s", "key_vault_id": text})
        assert read(plan).link("azurerm_key_vault_secret.s")[0] == "outside"

    def test_target_outside_of_the_plan_has_its_type(self, plan: PlanJson, read: Reader) -> None:
        plan.resource("azurerm_key_vault_secret.s", {"name": "s", "key_vault_id": ID})
        assert read(plan).link("azurerm_key_vault_secret.s") == ("outside", "microsoft.keyvault/vaults")

    def test_two_vaults_of_one_name_are_ambiguous(self, plan: PlanJson, read: Reader) -> None:
        for local in ("azurerm_key_vault.a", "azurerm_key_vault.b"):
            plan.resource(local, {"name": "kv", "resource_group_name": "rg"})
        plan.resource("azurerm_key_vault_secret.s", {"name": "s", "key_vault_id": ID})
        assert read(plan).link("azurerm_key_vault_secret.s")[0] == "outside"

    @pytest.mark.parametrize(
        ("url", "certain"),
        [
            ("https://kv.vault.azure.net/keys/k", True),
            ("https://KV.vault.azure.net:443/keys/K/0123456789abcdef", True),
            ("https://kv.vault.azure.cn/keys/k/", True),
            ("https://other.vault.azure.net/keys/k", False),
            ("https://kv.vault.azure.net/secrets/k", False),
            ("https://kv.example.com/keys/k", False),
        ],
    )
    def test_key_url_links_to_the_key(self, url: str, certain: bool, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {"name": "kv"})
        plan.resource("azurerm_key_vault_key.k", {"name": "k"}, written={"key_vault_id": f"${{{KV}.id}}"})
        plan.resource("azurerm_disk_encryption_set.d", {"name": "d", "key_vault_key_id": url})
        link = read(plan).link("azurerm_disk_encryption_set.d", "derived.keyId")
        assert link == (("certain", "azurerm_key_vault_key.k") if certain else ("outside", "?"))


class TestRoles:
    OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"

    @pytest.mark.parametrize(
        ("after", "expected"),
        [
            ({"role_definition_name": "Key Vault Reader"}, "Key Vault Reader"),
            ({"role_definition_id": f"/providers/Microsoft.Authorization/roleDefinitions/{OWNER}"}, "Owner"),
            ({"role_definition_id": f"{SUBSCRIPTION}/PROVIDERS/x/roleDefinitions/{OWNER.upper()}/"}, "Owner"),
            ({"role_definition_id": OWNER}, "Owner"),
            ({"role_definition_id": "/x/custom"}, "/x/custom"),
        ],
    )
    def test_role_name_or_id_decides_the_role(
        self, after: dict[str, str], expected: str, plan: PlanJson, read: Reader
    ) -> None:
        names = ("role_definition_id", "role_definition_name")
        unknown = {"id": True, **{name: True for name in names if name not in after}}
        plan.resource(ROLE, after | {"scope": ID}, unknown=unknown, written=after)
        assert read(plan).get(ROLE, "derived.roleName") == expected

    @pytest.mark.parametrize("attribute", ["role_definition_resource_id", "role_definition_id", "id"])
    def test_created_role_definition_has_its_name_and_operations(
        self, attribute: str, plan: PlanJson, read: Reader
    ) -> None:
        permissions = [{"actions": ["*"], "not_actions": []}, {"actions": ["Microsoft.KeyVault/vaults/read"]}]
        plan.resource("azurerm_role_definition.d", {"name": "My role", "permissions": permissions})
        plan.resource(ROLE, {}, written={"role_definition_id": f"${{azurerm_role_definition.d.{attribute}}}"})
        found = read(plan)
        assert found.get(ROLE, "derived.roleName") == "My role"
        assert "Microsoft.KeyVault/vaults/accessPolicies/write" in found.get(ROLE, "derived.operations")

    def test_existing_role_definition_has_its_name_and_operations(self, plan: PlanJson, read: Reader) -> None:
        """The provider puts the scope behind its own id of a definition."""
        role = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{'a' * 8}"
        definition = {"id": f"{role}|{SUBSCRIPTION}", "name": "My role", "role_definition_id": "a" * 8}
        plan.resource(
            "azurerm_role_definition.d", definition | {"permissions": [{"actions": ["*"]}]}, actions=["no-op"]
        )
        plan.resource(ROLE, {"role_definition_id": role}, written={"role_definition_id": role})
        found = read(plan)
        assert found.get(ROLE, "derived.roleName") == "My role"
        assert "Microsoft.KeyVault/vaults/write" in found.get(ROLE, "derived.operations")

    def test_local_role_name_is_unknown(self, plan: PlanJson, read: Reader) -> None:
        plan.resource(ROLE, {}, written={"role_definition_name": "${local.role}"})
        assert read(plan).get(ROLE, "derived.roleName") == "?"

    def test_a_secret_role_stays_secret(self, plan: PlanJson, read: Reader) -> None:
        plan.resource(ROLE, {"role_definition_id": "/x/custom", "scope": "x"}, sensitive={"role_definition_id": True})
        assert read(plan).answer(ROLE, "derived.roleName").sensitive


OWN = {"object_id": "own", "tenant_id": "t"}
OTHER = {"object_id": "other", "tenant_id": "t"}


class TestAccessPolicies:
    """Azure keeps one list, so that an existing vault shows in it what separate resources made."""

    def policies(self, plan: PlanJson, read: Reader) -> list[Any]:
        return [policy.get("objectId") for policy in read(plan).get(KV, "properties.accessPolicies")]

    def vault(self, plan: PlanJson, action: str) -> None:
        vault = {"name": "kv", "id": ID, "access_policy": [OWN, OTHER]}
        plan.resource(KV, vault, actions=[action], unknown={})

    @pytest.mark.parametrize("action", ["no-op", "update"])
    @pytest.mark.parametrize("removed", [False, True])
    def test_existing_vault_keeps_its_policies(self, removed: bool, action: str, plan: PlanJson, read: Reader) -> None:
        self.vault(plan, action)
        policy = {"key_vault_id": ID, **OTHER, "object_id": "OTHER"}
        after, actions = ({}, ["delete"]) if removed else (policy, ["no-op"])
        change = {"after": None if removed else after}
        plan.resource("azurerm_key_vault_access_policy.p", after, before=policy, actions=actions, change=change)
        assert self.policies(plan, read) == ["own"]

    def test_new_vault_has_its_own_policies(self, plan: PlanJson, read: Reader) -> None:
        self.vault(plan, "create")
        plan.resource("azurerm_key_vault_access_policy.p", OTHER, written={"key_vault_id": f"${{{KV}.id}}"})
        assert self.policies(plan, read) == ["own", "other"]

    def test_identities_that_are_not_known_are_not_the_same(self, plan: PlanJson, read: Reader) -> None:
        vault = {"name": "kv", "id": ID, "access_policy": [OWN, {"tenant_id": "t"}]}
        marks = {"access_policy": [{}, {"object_id": True}]}
        plan.resource(KV, vault, actions=["update"], unknown=marks)
        policy = {"key_vault_id": ID, "tenant_id": "t"}
        plan.resource("azurerm_key_vault_access_policy.p", policy, unknown={"object_id": True})
        assert self.policies(plan, read) == ["own", "?"]

    @pytest.mark.parametrize(
        ("rbac", "expected"), [(True, "Azure RBAC"), (False, "access policies"), (None, "access policies")]
    )
    def test_the_permission_model_is_the_vaults(self, rbac: Any, expected: str, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {"name": "kv", "rbac_authorization_enabled": rbac})
        policy = "azurerm_key_vault_access_policy.p"
        plan.resource(policy, OTHER, written={"key_vault_id": f"${{{KV}.id}}"})
        found = read(plan)
        assert found.get(KV, "derived.accessModel") == found.get(policy, "derived.accessModel") == expected

    def test_permission_model_of_one_of_two_vaults_is_unknown(self, plan: PlanJson, read: Reader) -> None:
        plan.resource("azurerm_key_vault.a", {"name": "a", "rbac_authorization_enabled": True})
        plan.resource("azurerm_key_vault.b", {"name": "b", "rbac_authorization_enabled": False})
        policy = "azurerm_key_vault_access_policy.p"
        vaults = "${azurerm_key_vault.a.id}${azurerm_key_vault.b.id}"
        plan.resource(policy, OTHER, written={"key_vault_id": vaults})
        assert read(plan).get(policy, "derived.accessModel") == "?"

    @pytest.mark.parametrize(
        ("rbac", "note"),
        [(None, "`rbac_authorization_enabled` is not set (default: false)"), (True, "the value is `true`")],
    )
    def test_permission_model_has_a_note(self, rbac: Any, note: str, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {"name": "kv", "rbac_authorization_enabled": rbac})
        found = read(plan).answer(KV, "derived.accessModel")
        assert isinstance(found, Scalar)
        assert found.note == note

    def test_permissions_name_their_argument(self, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {"name": "kv", "access_policy": [{**OWN, "secret_permissions": ["Get"]}]})
        found = read(plan).answer(KV, "derived.grants[0].permissions[0]")
        assert isinstance(found, Scalar)
        assert (found.value, found.note) == ("secrets/get", "secret_permissions: Get")

    @pytest.mark.parametrize(("count", "note"), [(1_024, ""), (1_025, "more than 1,024 policies")])
    def test_policies_above_the_limit_have_a_note(self, count: int, note: str, plan: PlanJson, read: Reader) -> None:
        plan.resource(KV, {"name": "kv", "access_policy": [{**OWN, "object_id": str(one)} for one in range(count)]})
        found = read(plan).answer(KV, "derived.policyCount")
        assert isinstance(found, Scalar)
        assert (found.value, found.note) == (count, note)
