"""What ``lifecycle`` blocks say, in all the ways in which Terraform takes them."""

from __future__ import annotations

import json

import pytest

from azkvlint.model.value import ListValue, Scalar, Unknown
from azkvlint.readers.terraform.read import TerraformRead
from tests.readers.terraform.conftest import Read, plain, shown, value

KV = "azurerm_key_vault.kv"


def ignored(read: TerraformRead, address: str = KV) -> list[object]:
    found = value(read, address, "derived", "ignoredChanges")
    assert isinstance(found, ListValue)
    return [item.value if isinstance(item, Scalar) else type(item) for item in found.items]


def vault(lifecycle: str, type_: str = "azurerm_key_vault") -> str:
    return f'resource "{type_}" "kv" {{\n  name = "kv"\n  lifecycle {{\n    {lifecycle}\n  }}\n}}\n'


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("prevent_destroy = true", True),
        ('prevent_destroy = "true"', True),
        ("prevent_destroy = false", False),
        ("prevent_destroy = null", False),
        ("create_before_destroy = true", False),
    ],
)
def test_prevent_destroy_is_read(read: Read, written: str, found: bool) -> None:
    assert plain(read(vault(written)), KV, "derived", "preventDestroy") is found


@pytest.mark.parametrize("written", ["prevent_destroy = var.guarded", "prevent_destroy = []"])
def test_unknown_prevent_destroy_is_unknown(read: Read, written: str) -> None:
    found = read(vault(written) + 'variable "guarded" {\n  type = bool\n}\n')
    assert isinstance(value(found, KV, "derived", "preventDestroy"), Unknown)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("[]", []),
        ("all", ["all"]),
        ('["all"]', ["all"]),
        ('[tags, tags["a"], contact]', ["tags", "tags", "derived.certificateContacts"]),
        ("[network_acls[0].ip_rules, enable_rbac_authorization]",
         ["properties.networkAcls", "properties.enableRbacAuthorization"]),
        ('["network_acls", "access_policy.0.object_id"]', ["properties.networkAcls", "properties.accessPolicies"]),
        ("[1 + 1, no_such_argument]", [Unknown, "no_such_argument"]),
        ("", []),
    ],
)  # fmt: skip
def test_ignore_changes_has_property_names_of_azure(read: Read, written: str, found: list[object]) -> None:
    assert ignored(read(vault(f"ignore_changes = {written}" if written else ""))) == found


def test_ignore_changes_of_an_azapi_body_is_read(read: Read) -> None:
    written = "ignore_changes = [body, body.tags, body.properties.networkAcls.ipRules, name]"
    text = vault(written, "azapi_resource").replace('name = "kv"', 'type = "Microsoft.KeyVault/vaults@2023-07-01"')
    found = ignored(read(text), "azapi_resource.kv")
    assert found == ["properties", "tags", "properties.networkAcls", "name"]


def test_json_lifecycle_is_read(read: Read) -> None:
    block = {"lifecycle": {"prevent_destroy": True, "ignore_changes": ["network_acls", 'tags["a"]']}}
    other = {"lifecycle": [{"ignore_changes": "all"}]}
    found = read("", {"kv.tf.json": json.dumps({"resource": {"azurerm_key_vault": {"kv": block, "other": other}}})})
    assert plain(found, KV, "derived", "preventDestroy") is True
    assert ignored(found) == ["properties.networkAcls", "tags"]
    assert ignored(found, "azurerm_key_vault.other") == ["all"]


def test_override_replaces_single_arguments_of_lifecycle(read: Read) -> None:
    text = vault("prevent_destroy = true\n    ignore_changes = [tags]")
    found = read(text, {"main_override.tf": vault("prevent_destroy = false")})
    assert plain(found, KV, "derived", "preventDestroy") is False
    assert shown(found, KV, "derived", "preventDestroy") == "prevent_destroy = false"
    assert ignored(found) == ["tags"]


CALL = 'module "kv" {\n  source  = "Azure/avm-res-keyvault-vault/azurerm"\n  version = "0.10.2"\n  name = "kv"\n}\n'


def test_lifecycle_of_an_unknown_module_release_is_unknown(read: Read) -> None:
    found = read(CALL.replace("0.10.2", "0.13.0"))
    for name in ("preventDestroy", "ignoredChanges"):
        assert isinstance(value(found, "module.kv.azurerm_key_vault.this", "derived", name), Unknown)


def test_the_lifecycle_of_a_known_release_is_known(read: Read) -> None:
    found = read(CALL)
    assert plain(found, "module.kv.azurerm_key_vault.this", "derived", "preventDestroy") is False
    assert ignored(found, "module.kv.azurerm_key_vault.this") == []


def test_lifecycle_of_a_broken_block_is_unknown(read: Read) -> None:
    found = read(vault("prevent_destroy = true").replace('name = "kv"', "]]\n  name"))
    assert isinstance(value(found, KV, "derived", "preventDestroy"), Unknown)


def test_data_source_has_no_lifecycle(read: Read) -> None:
    found = read('data "azurerm_key_vault" "kv" {\n  name = "kv"\n}\n')
    assert plain(found, "data.azurerm_key_vault.kv", "derived", "preventDestroy") is None


def removed(body: str, of: str = KV) -> str:
    return f"removed {{\n  from = {of}\n{body}}}\n"


@pytest.mark.parametrize(
    ("body", "action", "planned"),
    [
        ("  lifecycle {\n    destroy = true\n  }\n", "delete", "delete"),
        ('  lifecycle {\n    destroy = "true"\n  }\n', "delete", "delete"),
        ("  lifecycle {\n    destroy = false\n  }\n", "forget", "forget"),
        # Terraform destroys it, OpenTofu does not.
        ("", "forget", Unknown),
        ("  lifecycle {}\n", "forget", Unknown),
        ("  lifecycle {\n    destroy = []\n  }\n", "forget", Unknown),
        ("  lifecycle {\n    destroy = null\n  }\n", "forget", Unknown),
    ],
)
def test_removed_block_sets_the_planned_action(read: Read, body: str, action: str, planned: object) -> None:
    found = read(removed(body))
    resource = found.resources[KV]
    assert (resource.action, resource.stays, resource.type) == (action, False, "Microsoft.KeyVault/vaults")
    told = value(found, KV, "derived", "plannedAction")
    assert (told.value if isinstance(told, Scalar) else type(told)) == planned


def test_opentofu_forgets_without_a_lifecycle_block(read: Read) -> None:
    found = read("", {"removed.tofu": removed("")})
    assert plain(found, KV, "derived", "plannedAction") == "forget"


@pytest.mark.parametrize(
    ("of", "told"),
    [
        *((of, ["warning"]) for of in ("module.vault", "azurerm_key_vault", "1", "", "module.a.module.b")),
        ("azapi_resource.kv", ["note"]),
        ("random_id.a", []),
    ],
)
def test_removed_block_of_an_unsupported_address_adds_no_resource(read: Read, of: str, told: list[str]) -> None:
    found = read(removed("  lifecycle {\n    destroy = true\n  }\n", of) + vault(""))
    assert list(found.resources) == [KV]
    assert [problem.level for problem in found.problems] == told


def test_removed_block_of_a_module_resource_is_read(read: Read) -> None:
    found = read(removed("  lifecycle {\n    destroy = true\n  }\n", f"module.a.module.b.{KV}"))
    assert list(found.resources) == [f"module.a.module.b.{KV}"]


def test_declared_resource_with_a_removed_block_is_kept(read: Read) -> None:
    """Terraform refuses both together."""
    found = read(removed("") + vault(""))
    assert found.resources[KV].stays
