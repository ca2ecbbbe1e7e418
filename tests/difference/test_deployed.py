"""What Azure keeps of a deployed vault: its permission model, purge protection and retention, and no other tenant."""

from __future__ import annotations

import pytest

from tests.difference.conftest import Compared, Diff
from tests.difference.test_access_changes import GROUP, WHO, assigned, vault
from tests.difference.test_one_way_doors import door

OLD, NEW = "2023-07-01", "2026-02-01"
TENANT, OTHER_TENANT = "11111111-1111-1111-1111-111111111111", "33333333-3333-3333-3333-333333333333"
BICEP = """
resource kv 'Microsoft.KeyVault/vaults@%s' = {
  name: 'kv-app'
  location: 'westeurope'
  properties: {
    tenantId: '%s'
    sku: { family: 'A', name: 'standard' }
    accessPolicies: [{ tenantId: '%s', objectId: '22222222-2222-2222-2222-222222222222', permissions: { secrets: ['get', 'purge'] } }]
    %s
  }
}
"""  # noqa: E501
READER = "22222222-2222-2222-2222-222222222222"
PURGE = "enablePurgeProtection: true"


def bicep(version: str, *more: str, tenant: str = TENANT) -> str:
    return BICEP % (version, tenant, tenant, "\n    ".join(more))


def write(diff: Diff, base: str, head: str) -> None:
    diff.write("base", {"main.bicep": base})
    diff.write("head", {"main.bicep": head})


def kept(diff: Diff) -> list[tuple[str, str]]:
    document = diff.compare("base", "head").document
    return [(one["kind"], one["text"].partition(": ")[2]) for one in document["unchangedOnExistingVaults"]]


def test_a_newer_api_version_keeps_the_permission_model(diff: Diff) -> None:
    write(diff, bicep(OLD, PURGE), bicep(NEW, PURGE))
    found = diff.compare("base", "head")
    assert (found.access, found.doors) == ([], [])
    assert kept(diff) == [
        (
            "permission-model",
            "unchanged on the existing key vault (access policies); a new environment gets Azure RBAC",
        )
    ]
    said = diff.run("base", "head", "--fail-on", "access-lost")
    assert (said.code, "Access lost" in said.out) == (0, False)
    assert "Unchanged on existing vaults:\n" in said.out
    assert "### Unchanged on existing vaults\n" in diff.run("base", "head", "-f", "markdown").out


def test_a_vault_that_was_explicit_keeps_its_permission_model(diff: Diff) -> None:
    write(diff, bicep(NEW, PURGE, "enableRbacAuthorization: false"), bicep(NEW, PURGE))
    assert diff.compare("base", "head").access == []
    assert [kind for kind, _ in kept(diff)] == ["permission-model"]


def test_a_new_vault_has_the_new_default(diff: Diff) -> None:
    write(diff, bicep(OLD, PURGE), bicep(NEW, PURGE).replace("kv-app", "kv-web"))
    assert kept(diff) == []
    assert [one for one in diff.compare("base", "head").access if one[0] == "gained"] == []


def test_a_permission_model_that_head_sets_is_changed(diff: Diff) -> None:
    write(diff, bicep(OLD, PURGE), bicep(NEW, PURGE, "enableRbacAuthorization: true"))
    assert diff.compare("base", "head").access == [("lost", READER, ("secrets/get",), "yes", "no", True)]
    assert kept(diff) == []


def test_purge_protection_that_is_left_out_stays(diff: Diff) -> None:
    write(diff, bicep(OLD, PURGE), bicep(OLD))
    found = diff.compare("base", "head")
    assert (found.access, found.doors) == ([], [])
    assert kept(diff) == [
        ("purge-protection", "unchanged on the existing key vault; a new environment gets no purge protection")
    ]


def test_azure_rejects_that_purge_protection_is_turned_off(diff: Diff) -> None:
    write(diff, bicep(OLD, PURGE), bicep(OLD, "enablePurgeProtection: false"))
    found = diff.compare("base", "head")
    assert (found.access, found.doors, kept(diff)) == ([], [("purge-protection", "kv")], [])
    assert door(found)["text"].endswith("Azure rejects this")


def test_removed_purge_protection_lets_no_principal_purge_an_existing_vault(diff: Diff) -> None:
    protected = vault("  purge_protection_enabled = true\n", rbac="true") + assigned("Key Vault Secrets Officer")
    for name, text in (("base", protected), ("head", protected.replace("= true\n\n", "= false\n\n", 1))):
        diff.write(name, {"main.tf": GROUP + text})
    said = diff.run("base", "head", "--fail-on", "access-gained")
    assert (said.code, WHO in said.out) == (0, False)


@pytest.mark.parametrize(("head", "is_rejected"), [((), False), (("softDeleteRetentionInDays: 90",), True)])
def test_the_retention_stays(head: tuple[str, ...], is_rejected: bool, diff: Diff) -> None:
    write(diff, bicep(OLD, PURGE, "softDeleteRetentionInDays: 7"), bicep(OLD, PURGE, *head))
    found = diff.compare("base", "head")
    assert found.doors == ([("retention", "kv")] if is_rejected else [])
    note = ("retention", "unchanged on the existing key vault (7 days); a new environment gets 90 days")
    assert kept(diff) == ([] if is_rejected else [note])


def test_another_tenant_makes_the_access_policies_void(diff: Diff) -> None:
    write(diff, bicep(OLD, PURGE), bicep(OLD, PURGE, tenant=OTHER_TENANT))
    found = diff.compare("base", "head")
    assert found.doors == [("tenant", "kv")]
    assert "every access policy of the old tenant is void" in door(found)["text"]
    # An object ID of one tenant is nobody in another one.
    assert found.access == [
        ("lost", READER, ("secrets/get",), "yes", "no", True),
        ("gained", READER, ("secrets/get",), "no", "yes", False),
    ]


def test_azure_rejects_another_location(diff: Diff) -> None:
    base = bicep(OLD)
    write(diff, base, base.replace("westeurope", "northeurope"))
    found = door(diff.compare("base", "head"))
    assert (found["kind"], found["certain"]) == ("location", True)
    assert "from westeurope to northeurope: Azure rejects this (InvalidResourceLocation)" in found["text"]
    write(diff, base, base.replace("'westeurope'", "'West Europe'"))
    assert diff.compare("base", "head").doors == []


def notes(found: Compared) -> list[tuple[str, str, str, str]]:
    return sorted(
        (one["state"], one["ruleId"], occurrence["resource"], one["note"])
        for one in found.document["findings"]
        if one["state"] in ("new", "gone")
        for occurrence in one["occurrences"]
    )


def test_findings_on_kept_settings_concern_new_environments_only(diff: Diff) -> None:
    """The existing vault keeps purge protection and its access policies; what HEAD sets is changed."""
    other = "resource other" + bicep(OLD, PURGE).replace("kv-app", "kv-other").partition("resource kv")[2]
    explicit = other.replace(OLD, NEW).replace(PURGE, f"{PURGE}\n    enableRbacAuthorization: true")
    write(diff, bicep(OLD, PURGE) + other, bicep(NEW) + explicit)
    only = "in a new environment only"
    assert [one for one in notes(diff.compare("base", "head")) if one[1] in ("KV001", "KV301", "KV304", "KV050")] == [
        ("gone", "KV050", "kv", ""),
        ("gone", "KV050", "other", ""),
        ("gone", "KV301", "kv", only),
        ("gone", "KV301", "other", ""),
        ("new", "KV001", "kv", only),
        ("new", "KV304", "kv", only),
        ("new", "KV304", "other", ""),
    ]


@pytest.mark.parametrize(
    ("old", "new", "moved"),
    [
        ("", "count = 1", ""),
        ("count = 1", "", ""),
        (
            'for_each = { x = "app" }',
            'for_each = { y = "app" }',
            'moved {\n  from = azurerm_key_vault.kv["x"]\n  to = azurerm_key_vault.kv["y"]\n}\n',
        ),
    ],
)
def test_findings_on_a_vault_that_moves_are_not_new(old: str, new: str, moved: str, diff: Diff) -> None:
    text = 'resource "azurerm_key_vault" "kv" {{\n  name = "kv-app"\n  resource_group_name = "g"\n  {0}\n}}\n'
    diff.write("base", {"main.tf": text.format(old)})
    diff.write("head", {"main.tf": text.format(new) + moved})
    found = diff.compare("base", "head")
    assert (found.code, found.counts, notes(found)) == (0, {}, [])


@pytest.mark.parametrize("version", [OLD, NEW])
def test_a_vault_that_head_recovers_stays_with_its_access_and_properties(diff: Diff, version: str) -> None:
    rbac = "enableRbacAuthorization: false"
    write(diff, bicep(OLD, rbac), bicep(version, "enableRbacAuthorization: true", PURGE, "createMode: 'recover'"))
    found = diff.compare("base", "head")
    assert (found.access, found.doors, kept(diff)) == ([], [], [])
    write(diff, bicep(OLD, rbac), bicep(version, rbac, "createMode: 'default'"))
    found = diff.compare("base", "head")
    assert (found.access, found.doors) == ([], [])


def test_a_renamed_vault_that_head_recovers_is_another_one(diff: Diff) -> None:
    head = bicep(OLD, "createMode: 'recover'").replace("kv-app", "kv-other")
    write(diff, bicep(OLD, "enableRbacAuthorization: false"), head)
    found = diff.compare("base", "head")
    (door,) = found.document["oneWayDoors"]
    assert door["kind"] == "deleted"
    assert "only a deployment stack" in door["decidedBy"]


AZAPI = """
resource "azapi_resource" "kv" {
  type      = "Microsoft.KeyVault/vaults@2023-07-01"
  name      = "kv-app"
  location  = "%s"
  parent_id = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/a"
  body      = { properties = { sku = { family = "A", name = "standard" }, accessPolicies = [], createMode = "%s" } }
  %s
}
"""


@pytest.mark.parametrize(
    ("lifecycle", "kind"), [("", "replaced"), ("lifecycle { prevent_destroy = true }", "prevent-destroy")]
)
def test_terraform_replaces_a_vault_that_head_recovers_in_another_location(
    diff: Diff, lifecycle: str, kind: str
) -> None:
    diff.write("base", {"main.tf": AZAPI % ("westeurope", "default", "")})
    diff.write(
        "head", {"main.tf": AZAPI % ("northeurope", "recover", lifecycle.replace("{ ", "{\n").replace(" }", "\n}"))}
    )
    (door,) = diff.compare("base", "head").document["oneWayDoors"]
    assert door["kind"] == kind


def test_azure_does_not_recover_a_vault_in_another_location(diff: Diff) -> None:
    head = bicep(OLD, "createMode: 'recover'").replace("westeurope", "northeurope")
    write(diff, bicep(OLD), head)
    (door,) = diff.compare("base", "head").document["oneWayDoors"]
    assert "the location of kv cannot change" in door["text"]
