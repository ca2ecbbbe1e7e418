"""What roles allow, and whom access is granted to, where the examples of rules cannot show it."""

from __future__ import annotations

import re
from time import process_time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azkvlint.azure.roles import CONTROL, DATA, fits, role_by_id, role_by_name
from azkvlint.derived.grants import _kind_of
from azkvlint.derived.operations import operations_of_built_in
from azkvlint.derived.permissions import relevant_roles
from azkvlint.model.pattern import DEPLOYMENT, call_hole, declared_hole, hole, join_texts
from azkvlint.model.value import Unknown
from tests.patterns import text_in_braces

if TYPE_CHECKING:
    from tests.readers.conftest import PlanJson, Reader

ROLE = "azurerm_role_assignment.r"
IDENTITY = "azurerm_user_assigned_identity.app"


class TestOperations:
    @given(word=st.text("ab/*", max_size=12), text=st.text("ab/", max_size=12))
    def test_an_asterisk_is_any_text(self, word: str, text: str) -> None:
        pattern = re.escape(word).replace(r"\*", ".*")
        assert fits(word, text) == (re.fullmatch(pattern, text, re.DOTALL) is not None)

    def test_many_asterisks_take_no_time(self) -> None:
        start = process_time()
        assert not fits("*a" * 5_000 + "*b*", "a" * 5_000)
        assert process_time() - start < 1

    def test_every_role_is_found_by_its_name_and_its_id(self) -> None:
        for guid, name in relevant_roles().items():
            role = role_by_name(name.lower())
            assert role is not None
            assert role.id == guid
            assert role_by_id(f"/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/{guid}") == name

    @pytest.mark.parametrize(
        ("name", "guid"),
        [
            ("Grafana Admin", "22926164-76b3-42b3-bc55-97df8dab3e41"),
            ("Virtual Machine Contributor", "9980e02c-c2be-4d73-94e8-173b1dc7cf3c"),
            ("AcrPull", "7f951dda-4ed3-4680-a7ca-43fe172d538d"),
            ("Storage Blob Data Owner", "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"),
        ],
    )
    def test_role_without_a_key_vault_operation_has_none(self, name: str, guid: str) -> None:
        found = operations_of_built_in(name.lower())
        assert found is not None
        assert not (*found.certain, *found.possible)
        assert role_by_id(guid.upper()) == name

    def test_both_names_of_a_renamed_role_are_found(self) -> None:
        old, new = role_by_name("azure ai user"), role_by_name("foundry user")
        assert old is not None
        assert new is not None
        assert old.id == new.id
        assert role_by_id(old.id) == "Foundry User"

    def test_a_custom_role_is_not_built_in(self) -> None:
        assert operations_of_built_in("vault operators of contoso") is None
        assert role_by_id("00000000-0000-0000-0000-00000000abcd") is None

    @pytest.mark.parametrize(
        ("role", "allowed", "refused"),
        [
            ("owner", CONTROL, tuple(DATA)),
            ("contributor", CONTROL[2:], CONTROL[:2]),
            ("key vault contributor", CONTROL[2:-1], (*CONTROL[:2], CONTROL[-1])),
            ("key vault administrator", tuple(DATA), CONTROL),
            ("user access administrator", CONTROL[:2], CONTROL[2:]),
            ("reader", (), CONTROL),
        ],
    )
    def test_built_in_role_has_its_operations(
        self, role: str, allowed: tuple[str, ...], refused: tuple[str, ...]
    ) -> None:
        found = operations_of_built_in(role)
        assert found is not None
        assert set(allowed) <= set(found.certain)
        assert not set(refused) & {*found.certain, *found.possible}

    def test_certificate_users_read_secrets(self) -> None:
        found = operations_of_built_in("key vault certificate user")
        assert found is not None
        assert "Microsoft.KeyVault/vaults/secrets/getSecret/action" in found.certain


def test_a_name_that_is_an_expression_of_an_id_does_not_hide_a_managed_identity() -> None:
    scope = join_texts(["/subscriptions/", hole("subscription")])
    name = join_texts(["id-", call_hole("uniqueString", [scope])])
    identity = join_texts([scope, "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/", name])
    assert _kind_of(declared_hole(DEPLOYMENT, identity, "properties.principalId")) == "application"
    assert _kind_of(declared_hole(DEPLOYMENT, identity, "properties.tenantId")) == ""


class TestOrigins:
    """A plan shows no identity that is still to be made, but where it comes from."""

    def principal(self, plan: PlanJson, read: Reader, written: Any, module: str = "") -> str:
        address = plan.resource(ROLE, {}, module=module, written={"principal_id": written})
        found = read(plan).answer(address, "properties.principalId")
        assert isinstance(found, Unknown)
        return text_in_braces(found)

    def test_attribute_of_an_identity_is_the_principal(self, plan: PlanJson, read: Reader) -> None:
        assert self.principal(plan, read, f"${{{IDENTITY}.principal_id}}") == f"{{{IDENTITY}.principal_id}}"

    def test_output_of_a_module_is_the_principal(self, plan: PlanJson, read: Reader) -> None:
        plan.module("module.m", outputs={"who": f"${{{IDENTITY}.principal_id}}"})
        found = self.principal(plan, read, "${module.m.who}")
        assert found == f"{{module.m.{IDENTITY}.principal_id}}"

    def test_variable_of_a_module_is_the_principal(self, plan: PlanJson, read: Reader) -> None:
        plan.module("module.m", who=f"${{{IDENTITY}.principal_id}}")
        found = self.principal(plan, read, "${var.who}", module="module.m")
        assert found == f"{{{IDENTITY}.principal_id}}"

    @pytest.mark.parametrize(
        "written",
        [
            "${local.who}",
            "${var.who}",
            "${module.gone.who}",
            {"references": [f"{IDENTITY}.principal_id", IDENTITY, "azurerm_user_assigned_identity.b.principal_id"]},
            {"references": [f"{IDENTITY}", "each.key"]},
            {"references": [f"{IDENTITY}.name", IDENTITY]},
        ],
    )
    def test_reference_to_several_attributes_is_not_a_principal(
        self, written: Any, plan: PlanJson, read: Reader
    ) -> None:
        assert self.principal(plan, read, written) == ""
