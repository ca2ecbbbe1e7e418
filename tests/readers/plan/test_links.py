"""Where references lead: certainly one resource, one of several, or perhaps anything.

A link that is certain and wrong makes findings that are wrong, so most of these are about what must not be certain.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import process_time
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.model.value import Unknown

if TYPE_CHECKING:
    from azkvlint.model.resource import Reference
    from tests.readers.conftest import PlanJson, Reader

KV = "azurerm_key_vault.kv"
SECRET = "azurerm_key_vault_secret.s"
Key = str | int | None


def vaults(plan: PlanJson, *keys: Key, local: str = KV, module: str = "", **more: Any) -> None:
    for key in keys:
        plan.resource(local, {"name": f"kv-{key}"}, key=key, module=module, **more)


def secret(plan: PlanJson, target: Any, key: Key = None, module: str = "", for_each: Any = None) -> str:
    """A secret whose vault is not known yet; ``target`` is what its author wrote for key_vault_id."""
    return plan.resource(
        SECRET, {"name": "s"}, key=key, module=module, written={"key_vault_id": target}, for_each=for_each
    )


class TestOneModule:
    def test_id_of_a_resource_links_to_it(self, plan: PlanJson, read: Reader) -> None:
        vaults(plan, None)
        found = read_with(plan, read, "${azurerm_key_vault.kv.id}")
        assert found.link(SECRET) == ("certain", KV)
        assert found.reference(SECRET).hops == ("azurerm_key_vault.kv.id",)

    @pytest.mark.parametrize("key", ["a", "b.c", 'quo"te', "x[0]", "ü", "kv/ pw", "", 0, 7])
    def test_a_key_that_is_written_out(self, key: Key, plan: PlanJson, read: Reader) -> None:
        vaults(plan, key, "other", 1)
        text = f"[{key}]" if isinstance(key, int) else '["' + str(key).replace('"', '\\"') + '"]'
        found = read_with(plan, read, {"references": [f"{KV}{text}.id", f"{KV}{text}", KV]})
        (target,) = (
            change["address"] for change in plan.changes if change.get("index") == key and "kv" in change["name"]
        )
        assert found.link(SECRET) == ("certain", target)

    def test_another_attribute_that_ends_in_id_is_not_the_resource(self, plan: PlanJson, read: Reader) -> None:
        plan.resource("azurerm_user_assigned_identity.x", {"name": "x"})
        found = read_with(plan, read, "${azurerm_user_assigned_identity.x.principal_id}")
        assert found.link(SECRET) == ("perhaps",)

    @pytest.mark.parametrize(
        "text", ["time_static.x.id", "random_id.x.hex", "random_id.x.id", "azuread_group.x.object_id"]
    )
    def test_resources_that_are_not_azures(self, text: str, plan: PlanJson, read: Reader) -> None:
        vaults(plan, None)
        assert read_with(plan, read, f"${{{text}}}").link(SECRET) == ("perhaps",)

    @pytest.mark.parametrize("attribute", ["name", "vault_uri", "access_policy"])
    def test_a_part_of_a_resource_makes_no_link(self, attribute: str, plan: PlanJson, read: Reader) -> None:
        vaults(plan, None)
        assert read_with(plan, read, f"${{azurerm_key_vault.kv.{attribute}}}").link(SECRET) == ("perhaps",)

    def test_vault_id_of_another_resource_links_to_that_vault(self, plan: PlanJson, read: Reader) -> None:
        """``azurerm_key_vault_access_policy.me.key_vault_id`` makes a secret wait for the policy."""
        vaults(plan, None)
        plan.resource("azurerm_key_vault_access_policy.me", {}, written={"key_vault_id": f"${{{KV}.id}}"})
        found = read_with(plan, read, "${azurerm_key_vault_access_policy.me.key_vault_id}")
        assert found.link(SECRET) == ("certain", KV)
        assert found.reference(SECRET).hops == (
            "azurerm_key_vault_access_policy.me.key_vault_id",
            "azurerm_key_vault.kv.id",
        )

    def test_vault_id_of_another_resource_is_followed_by_key(self, plan: PlanJson, read: Reader) -> None:
        """A key in a reference hides the attribute: it cannot be the policy's own id."""
        vaults(plan, "a", "b")
        for key in ("a", "b"):
            policy = {"key_vault_id": f"${{{KV}}}${{each.key}}"}
            plan.resource("azurerm_key_vault_access_policy.me", {}, key=key, written=policy)
        for key in ("a", "b"):
            secret(plan, "${azurerm_key_vault_access_policy.me}${each.key}", key)
        assert read(plan).link(f'{SECRET}["b"]') == ("certain", f'{KV}["b"]')

    def test_computed_attribute_may_be_any_link(self, plan: PlanJson, read: Reader) -> None:
        plan.resource("azurerm_kubernetes_cluster.k", {"name": "k"})
        plan.resource(
            "azurerm_role_assignment.r", {}, written={"scope": "${azurerm_kubernetes_cluster.k.node_resource_group_id}"}
        )
        assert read(plan).link("azurerm_role_assignment.r", "scope") == ("perhaps",)

    @pytest.mark.parametrize("attribute", ["id", "versionless_id", "resource_id", "resource_versionless_id"])
    def test_each_id_attribute_of_a_key_links_to_the_key(self, attribute: str, plan: PlanJson, read: Reader) -> None:
        plan.resource("azurerm_key_vault_key.k", {"name": "k"})
        written = {"key_vault_key_id": f"${{azurerm_key_vault_key.k.{attribute}}}"}
        plan.resource("azurerm_disk_encryption_set.d", {"name": "d"}, written=written)
        found = read(plan)
        assert found.link("azurerm_disk_encryption_set.d", "derived.keyId") == ("certain", "azurerm_key_vault_key.k")

    def test_a_data_source_that_is_read_during_apply(self, plan: PlanJson, read: Reader) -> None:
        data = plan.resource("data.azurerm_key_vault.x", {"name": "kv"}, actions=["read"], unknown={"id": True})
        assert read_with(plan, read, "${data.azurerm_key_vault.x.id}").link(SECRET) == ("certain", data)

    @pytest.mark.parametrize("target", ["${local.vault_id}", {}, "${var.vault_id}", "${path.module}", "${self.id}"])
    def test_reference_that_a_plan_does_not_resolve_may_be_any_link(
        self, target: Any, plan: PlanJson, read: Reader
    ) -> None:
        vaults(plan, None)
        assert read_with(plan, read, target).link(SECRET) == ("perhaps",)

    def test_resource_without_a_block_may_have_any_link(self, plan: PlanJson, read: Reader) -> None:
        vaults(plan, None)
        plan.resource(SECRET, {"name": "s"}, unknown={"key_vault_id": True}, configured=False)
        assert read(plan).link(SECRET) == ("perhaps",)


def read_with(plan: PlanJson, read: Reader, target: Any, key: Key = None) -> Any:
    secret(plan, target, key)
    return read(plan)


class TestAlternatives:
    def test_conditional_of_two_resources_links_to_one_of_both(self, plan: PlanJson, read: Reader) -> None:
        for name in ("a", "b", "c"):
            vaults(plan, None, local=f"azurerm_key_vault.{name}")
        found = read_with(plan, read, "${azurerm_key_vault.a.id}${azurerm_key_vault.b.id}")
        assert found.link(SECRET) == ("one of", "azurerm_key_vault.a", "azurerm_key_vault.b")

    def test_conditional_with_null_links_to_the_resource(self, plan: PlanJson, read: Reader) -> None:
        """``var.on ? azurerm_key_vault.kv[0].id : null``: what is not known yet cannot come from a variable."""
        vaults(plan, 0)
        found = read_with(plan, read, "${var.on}${azurerm_key_vault.kv[0].id}")
        assert found.link(SECRET) == ("certain", f"{KV}[0]")
        assert found.reference(SECRET).hops == ("azurerm_key_vault.kv[0].id",)

    def test_conditional_with_a_data_source_of_no_values_links_to_the_resource(
        self, plan: PlanJson, read: Reader
    ) -> None:
        """``var.on ? azurerm_key_vault.kv[0].id : data.azurerm_key_vault.x[0].id`` with nothing of the data source."""
        vaults(plan, 0)
        found = read_with(plan, read, "${var.on}${azurerm_key_vault.kv[0].id}${data.azurerm_key_vault.x[0].id}")
        assert found.link(SECRET) == ("certain", f"{KV}[0]")

    def test_conditional_with_an_unresolved_reference_may_be_another_link(self, plan: PlanJson, read: Reader) -> None:
        vaults(plan, 0)
        found = read_with(plan, read, "${azurerm_key_vault.kv[0].id}${local.vault_id}")
        assert found.link(SECRET) == ("perhaps", f"{KV}[0]")

    def test_splat_beside_another_id_links_to_one_of_both(self, plan: PlanJson, read: Reader) -> None:
        """``coalesce(one(azurerm_key_vault.a[*].id), azurerm_key_vault.b.id)``."""
        vaults(plan, 0, local="azurerm_key_vault.a")
        vaults(plan, None, local="azurerm_key_vault.b")
        found = read_with(plan, read, "${azurerm_key_vault.a}${azurerm_key_vault.b.id}")
        assert found.link(SECRET) == ("one of", "azurerm_key_vault.a[0]", "azurerm_key_vault.b")

    def test_empty_splat_beside_another_id_links_to_the_other(self, plan: PlanJson, read: Reader) -> None:
        vaults(plan, None, local="azurerm_key_vault.b")
        found = read_with(plan, read, "${azurerm_key_vault.a}${azurerm_key_vault.b.id}")
        assert found.link(SECRET) == ("certain", "azurerm_key_vault.b")

    def test_id_built_from_two_resources_is_uncertain(self, plan: PlanJson, read: Reader) -> None:
        """``"${azurerm_resource_group.rg.id}/providers/Microsoft.KeyVault/vaults/${azurerm_key_vault.kv.name}"``."""
        vaults(plan, None)
        plan.resource("azurerm_resource_group.rg", {"name": "rg"})
        found = read_with(plan, read, "${azurerm_resource_group.rg.id}${azurerm_key_vault.kv.name}")
        assert found.link(SECRET)[0] == "perhaps"

    def test_a_candidate_outside_the_plan_is_not_forgotten(self, plan: PlanJson, read: Reader) -> None:
        vaults(plan, None)
        found = read_with(plan, read, "${azurerm_key_vault.kv.id}${azurerm_bastion_host.x.id}")
        assert found.link(SECRET) == ("perhaps", KV)


class TestKeys:
    """What stands in the brackets of ``azurerm_key_vault.kv[...].id``, which a plan keeps apart from the rest."""

    def links(self, plan: PlanJson, read: Reader, index: str, keys: Sequence[Key], for_each: Any = None) -> list[Any]:
        for key in keys:
            secret(plan, f"${{{KV}}}{index}", key, for_each=for_each)
        found = read(plan)
        return [found.link(change["address"]) for change in plan.changes if "secret" in change["type"]]

    def test_each_key_links_to_the_instance_with_the_key(self, plan: PlanJson, read: Reader) -> None:
        vaults(plan, "a", "b")
        assert self.links(plan, read, "${each.key}", ["a", "b"]) == [
            ("certain", f'{KV}["a"]'),
            ("certain", f'{KV}["b"]'),
        ]

    @pytest.mark.parametrize("between", ["/", ".", ":", "_", "-"])
    def test_composite_key_that_begins_with_the_key_of_a_vault_links_to_it(
        self, between: str, plan: PlanJson, read: Reader
    ) -> None:
        vaults(plan, "kv1", "kv2")
        keys = [f"kv2{between}pw", f"kv1{between}pw"]
        assert self.links(plan, read, "${each.key}", keys) == [("certain", f'{KV}["kv2"]'), ("certain", f'{KV}["kv1"]')]

    @pytest.mark.parametrize("between", ["/", ".", ":", "|"])
    def test_composite_keys_of_a_local_collection_link_by_their_beginning(
        self, between: str, plan: PlanJson, read: Reader
    ) -> None:
        """The flattened product of vaults and secrets: ``kv[each.value.vault].id``, keys ``kv1/pw``."""
        vaults(plan, "kv1", "kv2")
        found = self.links(
            plan, read, "${each.value.vault}", [f"kv2{between}pw", f"kv1{between}pw"], "${local.secrets}"
        )
        assert found == [("certain", f'{KV}["kv2"]'), ("certain", f'{KV}["kv1"]')]

    def test_for_each_key_that_only_begins_with_the_key_of_a_vault_selects_none(
        self, plan: PlanJson, read: Reader
    ) -> None:
        """``{"db-password" = {vault = "main"}}`` is not in the vault ``db``."""
        vaults(plan, "db", "main")
        both = ("one of", f'{KV}["db"]', f'{KV}["main"]')
        assert self.links(plan, read, "${each.value.vault}", ["db-password"]) == [both]

    def test_keys_that_happen_to_be_the_same(self, plan: PlanJson, read: Reader) -> None:
        """``{app = {vault = "shared"}, db = {vault = "app"}}``."""
        vaults(plan, "app", "shared")
        both = ("one of", f'{KV}["app"]', f'{KV}["shared"]')
        assert self.links(plan, read, "${each.value.vault}", ["app", "db"]) == [both, both]
        assert self.links(plan, read, "${each.value.vault}", ["shared"])[-1] == both

    def test_composite_key_that_begins_with_two_keys_is_ambiguous(self, plan: PlanJson, read: Reader) -> None:
        vaults(plan, "prod", "prod/db")
        both = ("one of", f'{KV}["prod"]', f'{KV}["prod/db"]')
        assert self.links(plan, read, "${each.value.vault}", ["prod/db/password"]) == [both]

    def test_one_key_that_fits_is_not_enough(self, plan: PlanJson, read: Reader) -> None:
        vaults(plan, "a", "b")
        both = ("one of", f'{KV}["a"]', f'{KV}["b"]')
        assert self.links(plan, read, "${each.value.vault}", ["a/x", "other"]) == [both, both]

    def test_key_from_a_lookup_is_ambiguous(self, plan: PlanJson, read: Reader) -> None:
        """``azurerm_key_vault.kv[local.vault_of[each.key]].id``."""
        vaults(plan, "a", "b")
        both = ("one of", f'{KV}["a"]', f'{KV}["b"]')
        assert self.links(plan, read, "${local.vault_of}${each.key}", ["a", "b"]) == [both, both]

    def test_items_of_the_same_set_link_by_key(self, plan: PlanJson, read: Reader) -> None:
        vaults(plan, "a", "b")
        found = self.links(plan, read, "${each.value}", ["a", "b"], "${var.names}")
        assert found == [("certain", f'{KV}["a"]'), ("certain", f'{KV}["b"]')]

    def test_values_of_a_map_are_ambiguous(self, plan: PlanJson, read: Reader) -> None:
        """``for_each = {app = "shared"}``."""
        vaults(plan, "app", "shared")
        both = ("one of", f'{KV}["app"]', f'{KV}["shared"]')
        assert self.links(plan, read, "${each.value}", ["app"], {"constant_value": {"app": "shared"}}) == [both]

    def test_count(self, plan: PlanJson, read: Reader) -> None:
        vaults(plan, 0, 1)
        assert self.links(plan, read, "${count.index}", [0, 1]) == [("certain", f"{KV}[0]"), ("certain", f"{KV}[1]")]

    def test_count_of_another_resource_is_ambiguous(self, plan: PlanJson, read: Reader) -> None:
        """``count.index % 2`` and ``count.index + 1`` look the same in a plan."""
        vaults(plan, 0, 1)
        both = ("one of", f"{KV}[0]", f"{KV}[1]")
        assert self.links(plan, read, "${count.index}", [0, 1, 2]) == [both] * 3
        plan.changes = [
            change for change in plan.changes if change.get("index") != 2 and "secret" not in change["type"]
        ]
        assert self.links(plan, read, "${count.index}", [0]) == [both]

    def test_splat_links_to_one_of_all_instances(self, plan: PlanJson, read: Reader) -> None:
        vaults(plan, 0, 1)
        assert read_with(plan, read, f"${{{KV}}}").link(SECRET) == ("one of", f"{KV}[0]", f"{KV}[1]")

    def test_splat_of_one_instance_links_to_it(self, plan: PlanJson, read: Reader) -> None:
        vaults(plan, 0)
        assert read_with(plan, read, f"${{{KV}}}").link(SECRET) == ("certain", f"{KV}[0]")

    def test_an_instance_that_has_a_key_itself_but_uses_none(self, plan: PlanJson, read: Reader) -> None:
        """``values(azurerm_key_vault.kv)[0].id`` in each instance of a for_each."""
        vaults(plan, "a", "b")
        both = ("one of", f'{KV}["a"]', f'{KV}["b"]')
        assert self.links(plan, read, "", ["a", "b"]) == [both, both]
        assert self.links(plan, read, "${var.main}", ["a", "b"])[-1] == both

    def test_for_each_over_resources_links_by_key(self, plan: PlanJson, read: Reader) -> None:
        """``for_each = azurerm_key_vault.kv`` and ``each.value.id``."""
        vaults(plan, "a", "b", "b-c")
        for key in ("a", "b", "b-c"):
            secret(plan, "${each.value.id}", key, for_each=f"${{{KV}}}")
        found = read(plan)
        for key in ("a", "b", "b-c"):
            assert found.link(f'{SECRET}["{key}"]') == ("certain", f'{KV}["{key}"]')

    def test_for_each_over_resources_with_other_keys_is_ambiguous(self, plan: PlanJson, read: Reader) -> None:
        """``for_each = { for k, v in azurerm_key_vault.kv : v.name => v }``."""
        vaults(plan, "a", "b")
        secret(plan, "${each.value.id}", "kv-a", for_each=f"${{{KV}}}")
        assert read(plan).link(f'{SECRET}["kv-a"]') == ("one of", f'{KV}["a"]', f'{KV}["b"]')

    def test_map_of_objects_with_ids_is_ambiguous(self, plan: PlanJson, read: Reader) -> None:
        """``for_each = {x = {id = azurerm_key_vault.a.id}, y = {id = azurerm_key_vault.b.id}}``."""
        for name in ("a", "b"):
            vaults(plan, None, local=f"azurerm_key_vault.{name}")
        items = "${azurerm_key_vault.a.id}${azurerm_key_vault.b.id}"
        secret(plan, "${each.value.id}", "x", for_each=items)
        both = ("one of", "azurerm_key_vault.a", "azurerm_key_vault.b")
        assert read(plan).link(f'{SECRET}["x"]') == both


class TestModules:
    def test_argument_of_a_module_links_to_the_resource_of_the_caller(self, plan: PlanJson, read: Reader) -> None:
        vaults(plan, None)
        plan.module("module.m", vault_id="${azurerm_key_vault.kv.id}")
        source = secret(plan, "${var.vault_id}", module="module.m")
        found = read(plan)
        assert found.link(source) == ("certain", KV)
        assert found.reference(source).hops == ("var.vault_id", "azurerm_key_vault.kv.id")

    def test_output_of_a_module_links_to_its_resource(self, plan: PlanJson, read: Reader) -> None:
        vaults(plan, None, module="module.m")
        plan.module("module.m", outputs={"id": "${azurerm_key_vault.kv.id}"})
        found = read_with(plan, read, "${module.m.id}")
        assert found.link(SECRET) == ("certain", f"module.m.{KV}")
        assert found.reference(SECRET).hops == ("module.m.id", "azurerm_key_vault.kv.id")

    def test_output_passed_to_another_module_links_to_its_resource(self, plan: PlanJson, read: Reader) -> None:
        vaults(plan, None, module="module.a")
        plan.module("module.a", outputs={"vault": "${azurerm_key_vault.kv.id}"})
        plan.module("module.b", target="${module.a.vault}")
        source = secret(plan, "${var.target}", module="module.b")
        found = read(plan)
        assert found.link(source) == ("certain", f"module.a.{KV}")
        assert found.reference(source).hops == ("var.target", "module.a.vault", "azurerm_key_vault.kv.id")

    def test_module_instance_links_to_its_own_resource(self, plan: PlanJson, read: Reader) -> None:
        for key in ("a", "b"):
            vaults(plan, None, module=f'module.m["{key}"]')
            secret(plan, "${azurerm_key_vault.kv.id}", module=f'module.m["{key}"]')
        found = read(plan)
        for key in ("a", "b"):
            assert found.link(f'module.m["{key}"].{SECRET}') == ("certain", f'module.m["{key}"].{KV}')

    def test_module_instance_without_the_resource_links_to_no_other_instance(
        self, plan: PlanJson, read: Reader
    ) -> None:
        vaults(plan, None, module='module.m["y"]')
        source = secret(plan, f"${{{KV}}}${{each.key}}", "y", module='module.m["x"]')
        assert read(plan).link(source) == ("perhaps",)

    @pytest.mark.parametrize("keys", [("a", "b"), (0, 1)])
    def test_module_instances_link_by_key(self, keys: tuple[Key, Key], plan: PlanJson, read: Reader) -> None:
        plan.module("module.m", outputs={"id": "${azurerm_key_vault.kv.id}", "name": "${azurerm_key_vault.kv.name}"})
        word = "each.key" if isinstance(keys[0], str) else "count.index"
        for key in keys:
            vaults(plan, None, module=f"module.m[{key!r}]".replace("'", '"'))
            secret(plan, f"${{module.m}}${{{word}}}", key)
        found = read(plan)
        for change in [change for change in plan.changes if "secret" in change["type"]]:
            bracket = change["address"].removeprefix(SECRET)
            assert found.link(change["address"]) == ("certain", f"module.m{bracket}.{KV}")

    def test_literal_module_instance_is_followed(self, plan: PlanJson, read: Reader) -> None:
        plan.module("module.m", outputs={"id": "${azurerm_key_vault.kv.id}"})
        for key in ("a", "b"):
            vaults(plan, None, module=f'module.m["{key}"]')
        assert read_with(plan, read, '${module.m["b"].id}').link(SECRET) == ("certain", f'module.m["b"].{KV}')

    def test_output_with_a_lost_name_may_be_any_output_with_an_id(self, plan: PlanJson, read: Reader) -> None:
        """``module.vault[each.key].id`` where the module has more than one id to give."""
        outputs = {
            "id": "${azurerm_key_vault.kv.id}",
            "endpoint_id": "${azurerm_private_endpoint.e.id}",
            "principal_id": "${azurerm_user_assigned_identity.u.principal_id}",
            "uri": "${azurerm_key_vault.kv.vault_uri}",
            "location": "${local.location}",
        }
        plan.module("module.m", outputs=outputs)
        for key in ("a", "b"):
            vaults(plan, None, module=f'module.m["{key}"]')
            plan.resource("azurerm_private_endpoint.e", {"name": "e"}, module=f'module.m["{key}"]')
            secret(plan, "${module.m}${each.key}", key)
        both = ("one of", f'module.m["b"].{KV}', 'module.m["b"].azurerm_private_endpoint.e')
        assert read(plan).link(f'{SECRET}["b"]') == both

    def test_output_with_a_lost_name_may_be_any_whole_resource(self, plan: PlanJson, read: Reader) -> None:
        """``module.vault[each.key].vault.id`` beside an output ``identity_id``."""
        outputs = {"vault": "${azurerm_key_vault.kv}", "identity_id": "${azurerm_user_assigned_identity.u.id}"}
        plan.module("module.m", outputs=outputs)
        vaults(plan, None, module='module.m["a"]')
        plan.resource("azurerm_user_assigned_identity.u", {"name": "u"}, module='module.m["a"]')
        secret(plan, "${module.m}${each.key}", "a")
        link = read(plan).link(f'{SECRET}["a"]')
        assert link == ("one of", f'module.m["a"].{KV}', 'module.m["a"].azurerm_user_assigned_identity.u')

    def test_output_that_is_one_vault_for_all_links_to_it(self, plan: PlanJson, read: Reader) -> None:
        """``values(azurerm_key_vault.kv)[0].id`` is not the vault with the secret's key."""
        plan.module("module.m", outputs={"main_id": f"${{{KV}}}"})
        vaults(plan, "a", "b", module="module.m")
        secret(plan, "${module.m.main_id}", "b")
        both = ("one of", f'module.m.{KV}["a"]', f'module.m.{KV}["b"]')
        assert read(plan).link(f'{SECRET}["b"]') == both

    @pytest.mark.parametrize("target", ['${module.m.ids["b"]}', "${module.m.ids}${each.key}"])
    def test_map_of_ids_links_by_key(self, target: str, plan: PlanJson, read: Reader) -> None:
        """``output "ids" { value = { for k, v in azurerm_key_vault.kv : k => v.id } }``."""
        plan.module("module.m", outputs={"ids": f"${{{KV}}}"})
        vaults(plan, "a", "b", "b/c", module="module.m")
        for key in ("a", "b"):
            secret(plan, target, key)
        assert read(plan).link(f'{SECRET}["b"]') == ("certain", f'module.m.{KV}["b"]')

    def test_a_key_that_no_instance_has(self, plan: PlanJson, read: Reader) -> None:
        """``ids["b-c"]`` is not the vault ``b``: the map was made with keys of its own."""
        plan.module("module.m", outputs={"ids": f"${{{KV}}}"})
        vaults(plan, "a", "b", module="module.m")
        both = ("one of", f'module.m.{KV}["a"]', f'module.m.{KV}["b"]')
        assert read_with(plan, read, '${module.m.ids["b-c"]}').link(SECRET) == both

    def test_map_passed_to_a_module_links_by_key(self, plan: PlanJson, read: Reader) -> None:
        vaults(plan, "a", "b")
        plan.module("module.m", vaults=f"${{{KV}}}")
        for key in ("a", "b"):
            secret(plan, "${var.vaults}${each.key}", key, module="module.m")
        other = plan.resource(
            "azurerm_key_vault_key.k",
            {"name": "k"},
            module="module.m",
            written={"key_vault_id": '${var.vaults["a"].id}'},
        )
        found = read(plan)
        assert found.link(f'module.m.{SECRET}["b"]') == ("certain", f'{KV}["b"]')
        assert found.link(other) == ("certain", f'{KV}["a"]')

    def test_the_items_of_two_lists_cannot_be_counted(self, plan: PlanJson, read: Reader) -> None:
        """``concat(azurerm_key_vault.a[*].id, azurerm_key_vault.b[*].id)[1]``."""
        vaults(plan, 0, local="azurerm_key_vault.a")
        vaults(plan, 0, 1, local="azurerm_key_vault.b")
        plan.module("module.m", ids="${azurerm_key_vault.a}${azurerm_key_vault.b}")
        source = secret(plan, "${var.ids[1]}", module="module.m")
        every = ("azurerm_key_vault.a[0]", "azurerm_key_vault.b[0]", "azurerm_key_vault.b[1]")
        assert read(plan).link(source) == ("one of", *every)

    def test_object_with_one_id_links_to_its_resource(self, plan: PlanJson, read: Reader) -> None:
        """``vault = { id = azurerm_key_vault.kv.id, name = azurerm_key_vault.kv.name, rg = local.rg }``."""
        vaults(plan, None)
        plan.module("module.m", vault="${azurerm_key_vault.kv.id}${azurerm_key_vault.kv.name}${local.rg}")
        source = secret(plan, "${var.vault.id}", module="module.m")
        assert read(plan).link(source) == ("certain", KV)

    def test_whole_resource_links_to_itself(self, plan: PlanJson, read: Reader) -> None:
        vaults(plan, None)
        plan.module("module.m", vault=f"${{{KV}}}")
        source = secret(plan, "${var.vault.id}", module="module.m")
        assert read(plan).link(source) == ("certain", KV)

    @pytest.mark.parametrize("other", ["azurerm_log_analytics_workspace.w", "module.law.workspace", "module.law"])
    def test_object_with_several_ids_is_ambiguous(self, other: str, plan: PlanJson, read: Reader) -> None:
        """``target = { id = azurerm_key_vault.kv.id, workspace = ... }`` and ``var.target.workspace.id``."""
        vaults(plan, None)
        workspace = "azurerm_log_analytics_workspace.w"
        plan.resource(workspace, {"name": "w"})
        plan.resource(workspace, {"name": "w"}, module="module.law")
        plan.module("module.law", outputs={"workspace": f"${{{workspace}}}"})
        plan.module("module.m", target=f"${{azurerm_key_vault.kv.id}}${{{other}}}")
        source = secret(plan, "${var.target.workspace.id}", module="module.m")
        link = read(plan).link(source)
        assert link == ("one of", KV, workspace if other == workspace else f"module.law.{workspace}")

    def test_a_field_of_a_resource_is_not_the_resource(self, plan: PlanJson, read: Reader) -> None:
        plan.resource("azurerm_linux_web_app.w", {"name": "w"})
        plan.module("module.m", app="${azurerm_linux_web_app.w}")
        source = secret(plan, "${var.app.identity[0].principal_id}", module="module.m")
        assert read(plan).link(source) == ("perhaps",)

    def test_secret_passed_as_a_whole_object_links_to_its_vault(self, plan: PlanJson, read: Reader) -> None:
        vaults(plan, None)
        plan.resource("azurerm_key_vault_key.k", {"name": "k"}, written={"key_vault_id": f"${{{KV}.id}}"})
        plan.module("module.m", key="${azurerm_key_vault_key.k}")
        source = secret(plan, "${var.key.key_vault_id}", module="module.m")
        assert read(plan).link(source) == ("certain", KV)

    def test_argument_of_a_call_with_for_each_links_by_key(self, plan: PlanJson, read: Reader) -> None:
        vaults(plan, "a", "b")
        plan.module("module.m", vault_id=f"${{{KV}}}${{each.key}}", for_each="${local.all}")
        for key in ("a", "b"):
            secret(plan, "${var.vault_id}", module=f'module.m["{key}"]')
        assert read(plan).link(f'module.m["b"].{SECRET}') == ("certain", f'{KV}["b"]')

    def test_call_for_each_vault_links_by_key(self, plan: PlanJson, read: Reader) -> None:
        vaults(plan, "a", "b")
        plan.module("module.m", vault_id="${each.value.id}", for_each=f"${{{KV}}}")
        for key in ("a", "b"):
            secret(plan, "${var.vault_id}", module=f'module.m["{key}"]')
        assert read(plan).link(f'module.m["b"].{SECRET}') == ("certain", f'{KV}["b"]')

    def test_constant_beside_an_id_leaves_the_link_certain(self, plan: PlanJson, read: Reader) -> None:
        """``var.on ? azurerm_key_vault.kv[0].id : var.vault_id`` where the caller passes constants."""
        plan.module("module.m", on=True)
        vaults(plan, 0, module="module.m")
        source = secret(plan, "${var.on}${azurerm_key_vault.kv[0].id}${var.vault_id}", module="module.m")
        assert read(plan).link(source) == ("certain", f"module.m.{KV}[0]")

    def test_two_ids_in_one_expression_are_ambiguous(self, plan: PlanJson, read: Reader) -> None:
        """``try(one(azurerm_key_vault.kv[*].id), var.vault_id)`` where the caller passes another vault."""
        plan.module("module.m", vault_id="${azurerm_key_vault.outer.id}")
        vaults(plan, None, local="azurerm_key_vault.outer")
        vaults(plan, 0, module="module.m")
        source = secret(plan, f"${{{KV}}}${{var.vault_id}}", module="module.m")
        assert read(plan).link(source) == ("one of", "azurerm_key_vault.outer", f"module.m.{KV}[0]")

    def test_a_call_that_is_not_in_the_configuration(self, plan: PlanJson, read: Reader) -> None:
        source = secret(plan, "${var.vault_id}", module="module.m")
        plan.root["module_calls"] = {}
        assert read(plan).link(source) == ("perhaps",)


class TestLocals:
    """``key_vault_id = coalesce(each.value.vault_id, azurerm_key_vault.kv.id)`` over a local value of the root."""

    def read(self, plan: PlanJson, read: Reader, above: str = "") -> Reference:
        module = f"{above}module.m"
        plan.module(module, grants="${local.grants}")
        vaults(plan, None, module=module)
        target = f"${{each.value.vault_id}}${{{KV}.id}}"
        source = secret(plan, target, key="a", module=module, for_each="${var.grants}")
        return read(plan).reference(source)

    def types(self, plan: PlanJson, read: Reader, above: str = "") -> tuple[str, ...]:
        reference = self.read(plan, read, above)
        assert reference.anything
        assert reference.candidates == (f"{above}module.m.{KV}",)
        assert isinstance(reference.value, Unknown)
        return reference.value.types

    def test_of_a_module_that_makes_nothing_unknown(self, plan: PlanJson, read: Reader) -> None:
        assert self.read(plan, read).targets == (f"module.m.{KV}",)

    @pytest.mark.parametrize("written", [{}, {"name": "kv"}, {"name": "${var.name}"}])
    def test_data_read_while_planning_leaves_the_target_certain(
        self, written: dict[str, Any], plan: PlanJson, read: Reader
    ) -> None:
        plan.providers["azurerm"]["expressions"]["subscription_id"] = {"references": ["var.subscription_id"]}
        plan.resource("data.azurerm_client_config.me", {}, actions=["read"], written=written, unknown={})
        assert self.read(plan, read).targets == (f"module.m.{KV}",)

    @pytest.mark.parametrize(
        "written", [{"name": "${azurerm_resource_group.g.name}"}, {"name": "${local.name}"}, {"name": "${module.m.x}"}]
    )
    def test_data_that_may_be_read_later_leaves_the_type_unknown(
        self, written: dict[str, Any], plan: PlanJson, read: Reader
    ) -> None:
        plan.resource("data.azurerm_subscription.s", {}, actions=["read"], written=written, unknown={})
        assert self.types(plan, read) == ()

    @pytest.mark.parametrize("where", ["data", "provider", "call", "nothing"])
    def test_data_that_waits_for_a_resource_leaves_the_type_unknown(
        self, where: str, plan: PlanJson, read: Reader
    ) -> None:
        plan.module("module.d")
        plan.resource("data.azurerm_subscription.s", {}, actions=["read"], unknown={}, module="module.d")
        call = plan.root["module_calls"]["d"]
        if where == "data":
            call["module"]["resources"][0]["depends_on"] = ["azurerm_resource_group.g"]
        elif where == "call":
            call["depends_on"] = ["azurerm_resource_group.g"]
        elif where == "provider":
            plan.providers["azurerm"]["expressions"]["subscription_id"] = {"references": ["local.subscription_id"]}
        if where == "nothing":
            assert self.read(plan, read, "module.d.").targets == (f"module.d.module.m.{KV}",)
        else:
            assert self.types(plan, read, "module.d.") == ()

    def test_resources_with_unknown_ids_add_their_types(self, plan: PlanJson, read: Reader) -> None:
        plan.resource("azurerm_management_group.g", {"name": "g"})
        plan.resource("azurerm_linux_web_app.w", {"name": "w"})
        assert self.types(plan, read) == (
            "Microsoft.KeyVault/vaults",
            "Microsoft.Management/managementGroups",
            "Microsoft.Web/sites",
        )

    @pytest.mark.parametrize(
        "other",
        [
            "random_uuid.x",
            "azapi_resource.x",
            "azurerm_subscription_template_deployment.x",
            "terraform_data.subscription",
        ],
    )
    def test_reference_to_a_resource_of_any_content_has_no_type(self, other: str, plan: PlanJson, read: Reader) -> None:
        plan.resource(other, {"name": "x"})
        assert self.types(plan, read) == ()

    @pytest.mark.parametrize(("outputs", "types"), [({}, 1), ({"id": "${azurerm_management_group.g.id}"}, 2)])
    def test_outputs_of_modules_add_their_types(
        self, outputs: dict[str, Any], types: int, plan: PlanJson, read: Reader
    ) -> None:
        """Only what its outputs may show can be seen."""
        plan.resource("azurerm_linux_web_app.w", {"name": "w"}, module="module.web")
        plan.module("module.web.module.other", outputs=outputs)
        plan.resource("azurerm_management_group.g", {"name": "g"}, module="module.web.module.other")
        plan.module("module.web", outputs={"id": "${azurerm_linux_web_app.w.id}"})
        assert len(self.types(plan, read)) == 1 + types

    def test_local_value_computed_from_an_id_has_no_type(self, plan: PlanJson, read: Reader) -> None:
        """``local.scope = "/subscriptions/${split("/", azurerm_key_vault.kv.id)[2]}"``."""
        vaults(plan, None)
        value = read_with(plan, read, "${local.vault_id}").reference(SECRET).value
        assert isinstance(value, Unknown)
        assert value.types == ()

    def test_module_argument_with_an_id_limits_the_type(self, plan: PlanJson, read: Reader) -> None:
        vaults(plan, None)
        plan.module("module.m", vault_id=f"${{{KV}.id}}")
        plan.module("module.m.module.inner", vault_id="${local.vault_id}")
        assert self.types(plan, read, "module.m.module.inner.") == ("Microsoft.KeyVault/vaults",)


class TestLongReferences:
    def test_reference_through_a_hundred_hops_is_followed(self, plan: PlanJson, read: Reader) -> None:
        """Fifty modules down through variables, and fifty up through outputs."""
        depth = 50
        down = [".".join(f"module.d{n}" for n in range(level + 1)) for level in range(depth)]
        up = [".".join(f"module.u{n}" for n in range(level + 1)) for level in range(depth)]
        vaults(plan, None, module=up[-1])
        for level in range(depth):
            inner = "${azurerm_key_vault.kv.id}" if level == depth - 1 else f"${{module.u{level + 1}.id}}"
            plan.module(up[level], outputs={"id": inner})
            plan.module(down[level], id="${module.u0.id}" if level == 0 else "${var.id}")
        source = secret(plan, "${var.id}", module=down[-1])
        found = read(plan)
        assert found.link(source) == ("certain", f"{up[-1]}.{KV}")
        assert len(found.reference(source).hops) == 1 + 1 + depth + 1 - 1

    @pytest.mark.parametrize("fields", [1, 2, 5])
    def test_circular_references_end(self, fields: int, plan: PlanJson, read: Reader) -> None:
        """No Terraform plans one, but whoever writes one by hand must not keep kvlint busy for ever."""
        outputs = "".join(f"${{var.v{n}.x{n}}}" for n in range(fields))
        inputs = "".join(f"${{module.m.o{n}.y{n}}}" for n in range(fields))
        arguments = {f"v{n}": inputs for n in range(fields)}
        plan.module("module.m", outputs={f"o{n}": outputs for n in range(fields)}, **arguments)
        started = process_time()
        assert read_with(plan, read, "${module.m.o0}").link(SECRET) == ("perhaps",)
        assert process_time() - started < 1
