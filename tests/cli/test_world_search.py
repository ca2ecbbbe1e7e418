"""Whether declarations exist where not all that decides on it is known, and what other declarations make of that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.cli.test_existence import BODY, PROVIDER, checked, secret, variable, vault, words, write

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

VAULT = "'Microsoft.KeyVault/vaults@2023-07-01'"


def test_an_object_with_an_unknown_key_is_not_empty(kvlint: Kvlint) -> None:
    text = 'variable "key" {\n  type = string\n}\nlocals {\n  vaults = { (var.key) = {} }\n}\n'
    for number, amount in enumerate(
        ("length(local.vaults) > 0", "local.vaults != {}", "length(keys(local.vaults)) != 0")
    ):
        text += vault(f"  count = {amount} ? 1 : 0", f"v{number}").replace("kv-existence", f"kv-existence{number}")
    text += vault("  for_each = local.vaults", "each")
    document = checked(kvlint, {"main.tf": PROVIDER + text}, "--select", "KV001")
    assert {(one["resource"], one["condition"]) for one in document["findings"]} == {
        *((f"azurerm_key_vault.v{number}[0]", None) for number in range(3)), ("azurerm_key_vault.each[*]", None),
    }  # fmt: skip


def test_a_bicep_object_with_an_unknown_key_is_not_empty(kvlint: Kvlint) -> None:
    text = "param key string\nvar vaults = { '${key}': { sku: 'standard' } }\n"
    amounts = ("if (!empty(vaults))", "if (length(vaults) > 0)", "if (vaults != {})", "[for one in items(vaults):")
    for number, amount in enumerate(amounts):
        end = "]" if amount.startswith("[") else ""
        text += f"resource v{number} {VAULT} = {amount} {{\n  name: 'kv-existence{number}'\n"
        text += f"  location: 'westeurope'\n  {BODY}\n}}{end}\n"
    document = checked(kvlint, {"main.bicep": text}, "--select", "KV001")
    assert {(one["resource"], one["condition"]) for one in document["findings"]} == {
        *((f"v{number}", None) for number in range(3)), ("v3[*]", None),
    }  # fmt: skip


def test_more_instances_than_are_evaluated_are_no_error_of_the_plan(kvlint: Kvlint) -> None:
    text = variable("on", "bool", "false") + vault("  count = var.on ? 1 : 0\n  tags = { last = local.last }")
    text += 'locals {\n  last = try(azurerm_key_vault_secret.n[0].id, "")\n}\n'
    text += secret("count = var.on ? 20000 : 0", "n").replace("kv.id", "kv[0].id")
    write({"main.tf": PROVIDER + text})
    document = json.loads(kvlint("in", "-f", "json", "--select", "KV001").out)
    assert words(document, "KV001") == ["if var.on is true"]
    assert not [one for one in document["skipped"] if one["address"] == "azurerm_key_vault.kv"]
