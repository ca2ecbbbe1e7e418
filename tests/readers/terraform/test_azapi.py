"""azapi resources in source: their body is an ARM resource."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from azkvlint.model.value import Origin, Unknown
from tests.readers.terraform.conftest import plain, shown, value, variable, vault

if TYPE_CHECKING:
    from tests.readers.terraform.conftest import Judge, Read

KV = "azapi_resource.kv"
PURGE = ("properties", "enablePurgeProtection")
BODY = "{\n    properties = {\n      enablePurgeProtection = false\n    }\n  }"


def resource(body: str, more: str = "", type_: str = '"Microsoft.KeyVault/vaults@2023-07-01"') -> str:
    written = f"  body = {body}\n" if body else ""
    return (
        f'resource "azapi_resource" "kv" {{\n  type = {type_}\n  name = "kv"\n'
        f'  parent_id = "/subscriptions/s/resourceGroups/rg"\n{written}{more}}}\n'
    )


def update(target: str, purge: str, more: str = "") -> str:
    return (
        f'resource "azapi_update_resource" "u" {{\n  type = "Microsoft.KeyVault/vaults@2023-07-01"\n{more}'
        f"  resource_id = {target}\n  body = {{\n    properties = {{\n"
        f"      enablePurgeProtection = {purge}\n    }}\n  }}\n}}\n"
    )


@pytest.mark.parametrize(
    "body",
    [
        BODY,
        f"jsonencode({BODY})",
        "local.body",
        "merge(local.body, {})",
        'jsondecode(file("body.json"))',
        "jsondecode(jsonencode(local.body))",
    ],
)
def test_body_of_any_notation_is_read(body: str, read: Read) -> None:
    text = f"locals {{\n  body = {BODY}\n}}\n" + resource(body)
    found = read(text, {"body.json": '{"properties": {"enablePurgeProtection": false}}'})
    assert plain(found, KV, *PURGE) is False
    assert plain(found, KV, "location") is None
    assert not found.problems


@pytest.mark.parametrize("body", [BODY, f"jsonencode({BODY})"])
def test_the_place_is_that_of_the_property(body: str, read: Read) -> None:
    assert shown(read(resource(body)), KV, *PURGE) == "enablePurgeProtection = false"


@pytest.mark.parametrize("body", ["var.b", "jsonencode(var.b)", 'file("gone.json")', '"{}"', 'templatefile("a", {})'])
def test_a_body_that_is_not_known(body: str, read: Read) -> None:
    assert isinstance(value(read(variable("b") + resource(body)), KV, *PURGE), Unknown)


def test_missing_property_of_a_body_has_its_default(read: Read) -> None:
    found = value(read(resource("")), KV, *PURGE)
    assert found.origin == Origin.DEFAULT
    assert plain(read(resource(BODY)), KV, "properties", "enableSoftDelete") is True


def test_a_secret_body_may_set_anything(read: Read) -> None:
    found = read(resource(BODY, '  sensitive_body = {\n    x = "canary"\n  }\n'))
    assert isinstance(value(found, KV, "properties", "enableSoftDelete"), Unknown)


TYPE_NOT_KNOWN = "the type of `azapi_resource.kv` is unknown, so the resource was not evaluated"


@pytest.mark.parametrize("type_", ['"Microsoft.KeyVault"', "null", "5", '"@2020"'])
def test_invalid_type_is_an_error(type_: str, judge: Judge) -> None:
    found = judge(resource(BODY, type_=type_))
    assert [message for *_, message in found.errors()] == [TYPE_NOT_KNOWN]
    assert found.code == 3


@pytest.mark.parametrize("type_", ["var.t", '"${var.t}@2023-07-01"', "local.t"])
def test_a_type_that_only_a_plan_knows_is_an_error(type_: str, judge: Judge) -> None:
    """It may be a vault, or the diagnostic setting that the vault needs."""
    declared = variable("t") + 'locals {\n  t = "${var.t}/vaults"\n}\n'
    found = judge(declared + resource(BODY, type_=type_) + vault("true"))
    assert [message for *_, message in found.errors()] == [TYPE_NOT_KNOWN]
    assert found.code == 3
    assert found.outcomes("KV201") == {"azurerm_key_vault.kv": "unknown"}


def test_type_is_compared_without_case(judge: Judge) -> None:
    for type_ in ('"microsoft.keyvault/VAULTS@2023-07-01"', "local.t"):
        text = 'locals {\n  t = "Microsoft.KeyVault/vaults@2023-07-01"\n}\n' + resource(BODY, type_=type_)
        assert judge(text).outcomes("KV001") == {KV: "fail"}


def test_unknown_key_vault_type_is_incomplete(judge: Judge) -> None:
    found = judge(resource(BODY, type_='"Microsoft.KeyVault/newThings@2030-01-01"'))
    assert found.code == 3
    assert judge(resource(BODY, type_='"Microsoft.Storage/storageAccounts@2023-01-01"')).code == 0


class TestUpdates:
    def test_update_of_an_azapi_resource_applies(self, judge: Judge) -> None:
        assert judge(resource(BODY) + update(f"{KV}.id", "true")).outcomes("KV001") == {}

    def test_update_of_an_azurerm_resource_applies(self, judge: Judge) -> None:
        found = judge(update("azurerm_key_vault.kv.id", "false") + vault())
        assert found.outcomes("KV001") == {"azurerm_key_vault.kv": "fail"}
        assert found.told("KV001") == [("fail", "main.tf", 6)]

    def test_update_of_an_instance_applies_to_that_instance(self, judge: Judge) -> None:
        text = resource(BODY, "  count = 2\n") + update(f"{KV}[count.index].id", "count.index == 0", "  count = 2\n")
        assert judge(text).outcomes("KV001") == {f"{KV}[1]": "fail"}

    @pytest.mark.parametrize("target", ["var.id", '"/subscriptions/x"', "azurerm_key_vault.gone.id"])
    def test_update_of_another_resource_is_a_warning(self, target: str, judge: Judge) -> None:
        found = judge(variable("id") + vault() + update(target, "false"))
        assert [message for *_, message in found.notes()] == [
            "the target of azapi_update_resource is not declared here, so the resource was not evaluated"
        ]

    def test_conditional_update_applies_under_its_condition(self, judge: Judge) -> None:
        perhaps = "  count = var.p ? 1 : 0\n"
        text = variable("p") + vault() + update("azurerm_key_vault.kv.id", "false", perhaps)
        assert judge(text).outcomes("KV001") == {"azurerm_key_vault.kv": "unknown"}
        text = variable("p") + vault("true", perhaps) + update("azurerm_key_vault.kv[0].id", "false", perhaps)
        assert judge(text).outcomes("KV001") == {"azurerm_key_vault.kv[0]": "fail"}

    def test_one_that_is_not_known(self, judge: Judge) -> None:
        text = variable("p") + vault() + update("azurerm_key_vault.kv.id", "var.p")
        assert judge(text).outcomes("KV001") == {"azurerm_key_vault.kv": "unknown"}
