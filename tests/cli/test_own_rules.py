"""``--rules``: one's own rules beside the built-in ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint


OWN = """\
id: ACME-2
name: premium-vault
title: Vaults are of the premium tier
severity: low
resource: Microsoft.KeyVault/vaults

require:
  - attribute: properties.sku.name
    equals: premium

message: "'{resource}' is of the tier '{value}'."
why: Our keys have to be in hardware.
fix: Set the tier.
references:
  - https://learn.microsoft.com/azure/key-vault/keys/about-keys

examples:
  - fails: the standard tier
    plan: |
      azurerm_key_vault.kv:  # <- ACME-2
        sku_name: standard
  - passes: the premium tier
    plan: |
      azurerm_key_vault.kv:
        sku_name: premium
"""


def own(text: str, name: str = "ACME-2-premium-vault.yaml") -> Path:
    Path("own").mkdir(exist_ok=True)
    file = Path("own", name)
    file.write_text(text, encoding="utf-8")
    return file


def test_own_rules_run_beside_the_built_in_ones(kvlint: Kvlint) -> None:
    file = own(OWN)
    for words in (["--rules", "own"], ["--rules", str(file)], ["--rules=own/"]):
        report = json.loads(kvlint("bad.json", "-f", "json", *words).out)
        assert {"KV001", "ACME-2"} <= {result["ruleId"] for result in report["findings"]}
    ran = kvlint("bad.json", "--rules", "own", "--select", "ACME")
    assert ran.out.splitlines()[0] == "bad.json:1:46: low[ACME-2] azurerm_key_vault.kv is of the tier not set"
    assert kvlint("bad.json", "--rules", "own", "--select", "KV001,acme-2").code == 1
    assert kvlint("bad.json", "--select", "ACME").code == 2


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        (
            OWN.replace("ACME-2", "KV001"),
            "KV001-premium-vault.yaml",
            "own/KV001-premium-vault.yaml:1:5: 'KV001' is also the id of rules/vault/KV001-purge-protection.yaml",
        ),
        ("", "ACME-2-premium-vault.yaml", "own/ACME-2-premium-vault.yaml:1:1: the file is empty"),
    ],
)
def test_an_own_rule_that_does_not_load_ends_the_run(kvlint: Kvlint, text: str, name: str, said: str) -> None:
    own(text, name)
    ran = kvlint("bad.json", "--rules", "own")
    assert (ran.code, ran.out) == (3, "")
    assert f"kvlint: error: {said}" in ran.err.splitlines()


def test_five_faults_are_five_lines_at_their_places(kvlint: Kvlint) -> None:
    faulty = OWN.replace("severity: low", "severity: hihg").replace("    equals: premium", "    equal: premium")
    faulty = faulty.replace("'{value}'.", "'{vlaue}'.").replace("https://learn", "http://learn")
    faulty = faulty.replace("title: Vaults are of the premium tier\n", "")
    own(faulty)
    ran = kvlint("bad.json", "--rules", "own")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.splitlines() == [
        f"kvlint: error: own/ACME-2-premium-vault.yaml:{fault}"
        for fault in (
            "1:1: a rule needs title:",
            "3:11: there is no severity 'hihg'; did you mean 'high'?",
            "8:5: an attribute condition has no key 'equal'; did you mean 'equals'?",
            "10:10: message has no placeholder 'vlaue'; did you mean 'value'?",
            "14:5: 'http://learn.microsoft.com/azure/key-vault/keys/about-keys' is not an https:// link",
        )
    ]
    for words in (["rules", "--rules", "own"], ["rules", "test", "own"], ["explain", "KV001", "--rules", "own"]):
        assert kvlint(*words) == (3, "", ran.err)


@pytest.mark.parametrize("path", ["derived", "derived[0]", "derived.nothing", "properties"])
def test_a_path_without_a_value_is_absent(kvlint: Kvlint, path: str) -> None:
    own(OWN.replace("properties.sku.name", path))
    ran = kvlint("bad.json", "--rules", "own", "--select", "ACME")
    assert (ran.code, ran.err) == (1, "")
    assert "ACME-2" in ran.out
