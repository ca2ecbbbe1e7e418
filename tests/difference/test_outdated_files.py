"""A fix of a source leaves what was made from it outdated: a compiled template, or a plan. Its findings are not new."""

from __future__ import annotations

import json

import pytest

from azkvlint.linter.rule_tests import expand
from tests.difference.conftest import Compared, Diff

PROTECTION = "    enablePurgeProtection: true\n"


def bicep(*, protected: bool, name: str = "kv-a") -> str:
    return (
        f"resource kv 'Microsoft.KeyVault/vaults@2026-02-01' = {{\n  name: '{name}'\n  location: 'westeurope'\n"
        "  properties: {\n    tenantId: tenant().tenantId\n    sku: { family: 'A', name: 'standard' }\n"
        f"{PROTECTION if protected else ''}  }}\n}}\n"
    )


def template(*, protected: bool, name: str = "kv-a") -> str:
    properties: dict[str, object] = {"tenantId": "[tenant().tenantId]", "sku": {"family": "A", "name": "standard"}}
    vault = {
        "type": "Microsoft.KeyVault/vaults", "apiVersion": "2026-02-01", "name": name, "location": "westeurope",
        "properties": properties | ({"enablePurgeProtection": True} if protected else {}),
    }  # fmt: skip
    return json.dumps(
        {
            "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
            "contentVersion": "1.0.0.0",
            "metadata": {"_generator": {"name": "bicep", "version": "0.30.23.60470", "templateHash": "1"}},
            "resources": [vault],
        },
        indent=2,
    )


def compared(diff: Diff, base: tuple[bool, bool], head: tuple[bool, bool], *words: str) -> Compared:
    """Compare states: whether the Bicep file has purge protection, and whether its template has it."""
    for name, (source, compiled) in (("base", base), ("head", head)):
        files = {"main.bicep": bicep(protected=source), "main.json": template(protected=compiled)}
        diff.write(name, files)
    return diff.compare("base", "head", "--select", "KV001,KV201", *words)


def test_a_template_that_is_outdated_since_its_source_was_fixed_has_no_new_finding(diff: Diff) -> None:
    found = compared(diff, (False, False), (True, False))
    assert found.findings("new") == found.findings("changed") == found.findings("gone") == []
    assert found.findings("moved") == [("KV001", "Microsoft.KeyVault/vaults/kv-a")]
    assert (found.code, found.findings("unchanged")) == (0, [("KV201", "kv")])


@pytest.mark.parametrize(
    ("base", "head", "state"),
    [
        ((True, True), (True, False), "new"),  # someone changed the template
        ((False, True), (True, False), "new gone"),  # the template had the property
        ((True, True), (False, False), "new"),
        ((False, True), (False, False), "unchanged"),
        ((False, False), (False, True), "unchanged"),  # the Bicep file still has the fault
        ((True, False), (True, True), "gone"),  # compiled again
        ((False, False), (True, True), "gone"),
    ],
)
def test_previous_state_of_a_template_decides_whether_its_finding_is_new(
    base: tuple[bool, bool], head: tuple[bool, bool], state: str, diff: Diff
) -> None:
    found = compared(diff, base, head)
    states = {one: found.findings(one) for one in ("new", "gone", "changed", "unchanged", "moved")}
    assert [one for one, findings in states.items() if any(rule == "KV001" for rule, _ in findings)] == state.split()
    assert found.code == ("new" in state)


def test_another_vault_of_the_template_is_new(diff: Diff) -> None:
    diff.write("base", {"main.bicep": bicep(protected=False), "main.json": template(protected=False)})
    head = json.loads(template(protected=False))
    head["resources"].append(json.loads(template(protected=False, name="kv-b"))["resources"][0])
    diff.write("head", {"main.bicep": bicep(protected=True), "main.json": json.dumps(head)})
    found = diff.compare("base", "head", "--select", "KV001")
    assert found.findings("new") == [("KV001", "Microsoft.KeyVault/vaults/kv-b")]
    assert found.findings("moved") == [("KV001", "Microsoft.KeyVault/vaults/kv-a")]


def test_a_plan_that_is_outdated_since_its_source_was_fixed_has_no_new_finding(diff: Diff) -> None:
    source = 'resource "azurerm_key_vault" "a" {\n  name = "kv-a"\n%s}\n'
    for name, line in (("base", ""), ("head", "  purge_protection_enabled = true\n")):
        diff.write(name, {"main.tf": source % line})
        diff.write(f"{name}/plan.json", expand("azurerm_key_vault.a: {name: kv-a}"))
    found = diff.compare("base", "head", "--select", "KV001")
    assert (found.code, found.findings("new")) == (0, [])
