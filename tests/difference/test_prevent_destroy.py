"""Terraform refuses a plan that destroys what `prevent_destroy` protects, and no access to it is lost."""

from __future__ import annotations

import pytest

from tests.difference.conftest import Diff
from tests.difference.test_access_changes import POLICY, WHO

PROVIDER = 'provider "azurerm" {\n  features {}\n}\n'
PROTECTED = "  lifecycle {\n    prevent_destroy = true\n  }\n"
VAULT = """
resource "azurerm_key_vault" "kv" {{
  {}
  name                = "kv-app-{}"
  resource_group_name = "rg"
  location            = "westeurope"
{}
}}
"""
OBJECT = """
resource "azurerm_key_vault_{0}" "one" {{
  for_each     = toset([{1}])
  name         = each.key
  key_vault_id = "/subscriptions/0/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv"
{2}
}}
"""
REFUSED = "Terraform refuses this (`prevent_destroy`)"


def vault(meta: str, name: str, *more: str) -> str:
    return VAULT.format(meta, name, "".join((POLICY, *more)))


def doors(diff: Diff, base: str, head: str) -> list[tuple[str, str, bool]]:
    diff.write("base", {"main.tf": base})
    diff.write("head", {"main.tf": head})
    found = diff.compare("base", "head").document["oneWayDoors"]
    return [(one["kind"], one["resource"], one["certain"]) for one in found]


@pytest.mark.parametrize("head", ["count = 1", "count = 0"])
def test_an_instance_of_a_protected_vault_is_not_destroyed(diff: Diff, head: str) -> None:
    texts = [vault(meta, "${count.index}", PROTECTED) for meta in ("count = 2", head)]
    found = doors(diff, *texts)
    numbers = [1] if head == "count = 1" else [0, 1]
    assert found == [("prevent-destroy", f"azurerm_key_vault.kv[{number}]", True) for number in numbers]
    compared = diff.compare("base", "head")
    assert compared.access == []
    assert compared.document["oneWayDoors"][-1]["text"] == f"azurerm_key_vault.kv[1] would be destroyed: {REFUSED}"
    assert compared.document["oneWayDoors"][-1]["location"]["path"].startswith("head/")


def test_an_instance_under_another_key_is_not_destroyed(diff: Diff) -> None:
    texts = [vault(f'for_each = toset(["{key}"])', "one", PROTECTED) for key in ("x", "y")]
    assert doors(diff, *texts) == [("prevent-destroy", 'azurerm_key_vault.kv["x"]', True)]
    assert diff.compare("base", "head").access == []


def test_protection_that_head_adds_counts_and_one_that_it_removes_does_not(diff: Diff) -> None:
    plain, protected = (vault("count = 2", "${count.index}", more) for more in ("", PROTECTED))
    assert doors(diff, plain, protected.replace("= 2", "= 1"))[0][0] == "prevent-destroy"
    assert doors(diff, protected, plain.replace("= 2", "= 1"))[0][0] == "deleted"


def test_a_protected_block_that_is_removed_is_destroyed(diff: Diff) -> None:
    rest = 'resource "azurerm_resource_group" "rg" {\n  name = "rg"\n  location = "westeurope"\n}\n'
    assert doors(diff, rest + vault("", "one", PROTECTED), rest) == [("deleted", "azurerm_key_vault.kv", True)]
    assert diff.compare("base", "head").access == [("lost", WHO, ("secrets/get", "manage"), "yes", "no", True)]
    # A block of another name in its place protects another resource.
    renamed = vault("", "one", PROTECTED).replace('"kv"', '"main"')
    assert doors(diff, vault("", "one", PROTECTED), renamed)[0][0] == "replaced"


@pytest.mark.parametrize("kind", ["key", "secret", "certificate"])
def test_an_instance_of_a_protected_object_is_not_destroyed(diff: Diff, kind: str) -> None:
    texts = [PROVIDER + OBJECT.format(kind, names, PROTECTED) for names in ('"a", "b"', '"a"')]
    assert doors(diff, *texts) == [("prevent-destroy", f'azurerm_key_vault_{kind}.one["b"]', True)]


@pytest.mark.parametrize("kind", ["secret", "certificate"])
def test_a_protected_object_is_not_replaced(diff: Diff, kind: str) -> None:
    base = OBJECT.format(kind, '"a"', PROTECTED)
    head = base.replace("each.key", '"other"')
    assert doors(diff, base, head) == [("prevent-destroy", f'azurerm_key_vault_{kind}.one["a"]', True)]
    assert doors(diff, base.replace(PROTECTED, ""), head.replace(PROTECTED, "")) == []


@pytest.mark.parametrize(("head", "expected"), [("count = 1", True), ("count = 0", False)])
def test_a_vault_in_an_instance_of_a_module_is_protected_too(diff: Diff, head: str, expected: bool) -> None:
    module = vault("", "${var.index}", PROTECTED) + 'variable "index" {}\n'
    call = 'module "m" {{\n  source = "./m"\n  {}\n  index  = count.index\n}}\n'
    for name, meta in (("base", "count = 2"), ("head", head)):
        diff.write(name, {"main.tf": call.format(meta), "m/main.tf": module})
    found = diff.compare("base", "head")
    last = found.document["oneWayDoors"][-1]
    if expected:
        assert (last["kind"], last["certain"], found.access) == ("prevent-destroy", True, [])
    else:
        # Whether the module that is not called still protects it is not known.
        assert (last["kind"], last["certain"]) == ("deleted", False)
        assert {one[3:5] for one in found.access} == {("yes", "perhaps")}


def test_keys_in_a_protected_vault_are_compared_by_themselves(diff: Diff) -> None:
    key = OBJECT.format("key", '"a", "b"', "").replace(
        '"/subscriptions/0/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv"', "azurerm_key_vault.kv[1].id"
    )
    base = vault("count = 2", "${count.index}", PROTECTED) + key
    head = base.replace("count = 2", "count = 1").replace('"a", "b"', '"a"')
    assert [one[:2] for one in doors(diff, base, head)] == [
        ("prevent-destroy", "azurerm_key_vault.kv[1]"),
        ("key-destroyed", 'azurerm_key_vault_key.one["b"]'),
    ]
