"""What a side may declare in a file that cannot be read is unknown; everything else is compared, with exit code 3."""

from __future__ import annotations

import json
import shutil
import tempfile
from typing import Any

import pytest

from tests.difference.conftest import Diff
from tests.difference.inputs import encoded, plan_with
from tests.util.test_git import commit, git

READER = "11111111-1111-1111-1111-111111111111"
GROUP = 'resource "azurerm_resource_group" "rg" {\n  name = "rg"\n  location = "westeurope"\n}\n'
VAULT = """resource "azurerm_key_vault" "{0}" {{
  name                       = "kv-{0}"
  resource_group_name        = azurerm_resource_group.rg.name
  rbac_authorization_enabled = true
  purge_protection_enabled   = {1}
}}
"""
ROLE = f"""resource "azurerm_role_assignment" "reader" {{
  scope                = azurerm_key_vault.a.id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = "{READER}"
}}
"""
BROKEN = 'resource "azurerm_key_vault" {\n'
TEMPLATE = """param env string = 'def'
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: 'kv-${env}'
  location: 'westeurope'
  properties: { tenantId: tenant().tenantId, sku: { family: 'A', name: 'standard' }, enableRbacAuthorization: true }
}
"""


def compared(diff: Diff, *words: str) -> dict[str, Any]:
    said = diff.run(*words, "-f", "json")
    assert said.code == 3, said.err
    document: dict[str, Any] = json.loads(said.out)
    assert any(one["level"] == "error" for one in document["problems"])
    return document


def states(document: dict[str, Any], rule: str = "KV001") -> list[tuple[str, str]]:
    return sorted(
        (one["state"], occurrence["resource"])
        for one in document["findings"]
        if one["ruleId"] == rule and one["state"] != "unchanged"
        for occurrence in one["occurrences"]
    )


def doors(document: dict[str, Any]) -> list[tuple[str, str, bool, str]]:
    return [(one["kind"], one["resource"], one["certain"], one["decidedBy"]) for one in document["oneWayDoors"]]


def access(document: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one["direction"], one["before"], one["after"]) for one in document["access"]]


# Vault `a` is in a file that is read on both sides. Vault `b` and the role are in the other one.
MAIN = GROUP + VAULT.format("a", "true")
MORE = VAULT.format("b", "false") + ROLE
PARAMETERS = "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"
DECIDES = "what `more.tf` of {} declares, which cannot be read"


def test_resource_in_a_broken_file_of_head_is_unknown_and_not_gone(diff: Diff) -> None:
    diff.write("base", {"main.tf": MAIN, "more.tf": MORE})
    diff.write("head", {"main.tf": MAIN, "more.tf": BROKEN})
    found = compared(diff, "base", "head")
    assert states(found) == [("unknown", "azurerm_key_vault.b")]
    doubt = DECIDES.format("HEAD")
    assert ("deleted", "azurerm_key_vault.b", False, doubt) in doors(found)
    assert not any(certain for kind, _, certain, _ in doors(found) if kind == "deleted")
    assert [(one["direction"], one["after"], one["decidedBy"]) for one in found["access"]] == [
        ("lost", "perhaps", doubt)
    ]  # fmt: skip
    assert found["gates"] == []
    assert [one["text"] for one in found["unchangedOnExistingVaults"]] == []
    out = diff.run("base", "head").out
    assert f"base/more.tf:1:1: unknown[KV001, KV101, KV201] {doubt}: azurerm_key_vault.b" in out
    assert "HEAD: this `{` is not closed" in out
    assert out.endswith("Comparison incomplete: what a file declares that cannot be read is unknown.\n")


def test_resource_in_a_broken_file_of_base_is_unknown_and_not_new(diff: Diff) -> None:
    diff.write("base", {"main.tf": MAIN, "more.tf": BROKEN})
    diff.write("head", {"main.tf": MAIN, "more.tf": MORE})
    found = compared(diff, "base", "head")
    assert states(found) == [("unknown", "azurerm_key_vault.b")]
    assert doors(found) == [("retention", "azurerm_key_vault.b", False, DECIDES.format("BASE"))]
    assert access(found) == [("gained", "perhaps", "yes")]
    assert not any(one["gate"] == "--fail-on new" for one in found["gates"])


def test_the_rest_is_compared(diff: Diff) -> None:
    bad = MAIN.replace("azurerm_resource_group.rg.name", '"rg"').replace("  purge_protection_enabled   = true\n", "")
    diff.write("base", {"main.tf": bad, "more.tf": MORE})
    diff.write("head", {"main.tf": MAIN, "more.tf": BROKEN})
    found = compared(diff, "base", "head")
    assert states(found) == [("gone", "azurerm_key_vault.a"), ("unknown", "azurerm_key_vault.b")]
    assert ("purge-protection", "azurerm_key_vault.a", True, "") in doors(found)
    assert ("new", "azurerm_key_vault.a") in states(compared(diff, "head", "base"))


def test_only_the_roots_with_the_file_are_affected(diff: Diff) -> None:
    module = {"m/main.tf": GROUP + VAULT.format("a", "false")}
    call = {"one/main.tf": 'module "m" {\n  source = "../m"\n}\n', "two/main.tf": GROUP + VAULT.format("b", "false")}
    diff.write("base", {**module, **call, "three/main.tf": GROUP + VAULT.format("c", "false")})
    broken = VAULT.format("z", "true") + BROKEN
    diff.write("head", {"m/main.tf": broken, **call, "two/main.tf": GROUP, "three/main.tf": GROUP + BROKEN})
    found = compared(diff, "base", "head")
    assert states(found) == [
        ("gone", "azurerm_key_vault.b"), ("unknown", "azurerm_key_vault.c"),
        ("unknown", "module.m.azurerm_key_vault.a"),
    ]  # fmt: skip
    assert {(kind, one, certain) for kind, one, certain, _ in doors(found) if kind == "deleted"} == {
        ("deleted", "azurerm_key_vault.b", True), ("deleted", "azurerm_key_vault.c", False),
        ("deleted", "module.m.azurerm_key_vault.a", False),
    }  # fmt: skip


def test_another_address_may_have_a_moved_block_in_the_file(diff: Diff) -> None:
    diff.write("base", {"main.tf": MAIN, "more.tf": ""})
    diff.write("head", {"main.tf": GROUP + VAULT.format("a", "true").replace('"a" {', '"z" {'), "more.tf": BROKEN})
    assert doors(compared(diff, "base", "head")) == [
        ("replaced", "azurerm_key_vault.a", False, DECIDES.format("HEAD"))
    ]  # fmt: skip


ARM_VAULT = "Microsoft.KeyVault/vaults/kv-"


def template(name: str) -> str:
    vault = {
        "type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": name, "location": "westeurope",
        "properties": {"tenantId": "[tenant().tenantId]", "enableRbacAuthorization": True},
    }  # fmt: skip
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    return json.dumps({"$schema": schema, "contentVersion": "1.0.0.0", "resources": [vault]})


def test_vault_of_an_unreadable_template_is_unknown_and_not_renamed(diff: Diff) -> None:
    diff.write("base", {"a.json": template("kv-a"), "b.json": template("kv-b")})
    diff.write("head", {"a.json": template("kv-a") + "]", "b.json": template("kv-b"), "c.json": template("kv-c")})
    found = compared(diff, "base", "head")
    assert states(found) == [("new", ARM_VAULT + "c"), ("unknown", ARM_VAULT + "a")]
    deleted = [one for one in doors(found) if one[0] == "deleted"]
    assert [one[1:3] for one in deleted] == [(ARM_VAULT + "a", False)]
    assert "what `a.json` of HEAD declares, which cannot be read" in deleted[0][3]
    assert states(compared(diff, "head", "base")) == [("gone", ARM_VAULT + "c"), ("unknown", ARM_VAULT + "a")]


def test_a_module_of_bicep_that_cannot_be_read(diff: Diff) -> None:
    main = "module m 'm/kv.bicep' = {\n  name: 'm'\n}\n" + TEMPLATE.replace("'def'", "'root'")
    diff.write("base", {"main.bicep": main, "m/kv.bicep": TEMPLATE})
    diff.write("head", {"main.bicep": main, "m/kv.bicep": "resource kv 'x' = {\n"})
    found = compared(diff, "base", "head")
    assert states(found) == [("unknown", "m.kv")]
    assert [one[:3] for one in doors(found)] == [("deleted", "m.kv", False)]


@pytest.mark.parametrize("file", ["prod.bicepparam", "main.parameters.prod.json"])
def test_a_parameter_file_that_cannot_be_read(file: str, diff: Diff) -> None:
    def values(name: str) -> str:
        if file.endswith("bicepparam"):
            return f"using 'main.bicep'\nparam env = '{name}'\n"
        return json.dumps({"$schema": PARAMETERS, "contentVersion": "1.0.0.0", "parameters": {"env": {"value": name}}})

    dev = file.replace("prod", "dev")
    files = {"main.bicep": TEMPLATE, dev: values("dev")}
    diff.write("base", {**files, file: values("prod")})
    diff.write("head", {**files, file: values("prod")[:-3]})
    found = compared(diff, "base", "head")
    assert not {state for state, _ in states(found)} & {"new", "gone"}
    assert not any(certain for _, _, certain, _ in doors(found))


def test_a_plan_that_cannot_be_read(diff: Diff) -> None:
    plans = {"a.json": encoded(plan_with()).decode(), "b.json": encoded(plan_with("public network on")).decode()}
    diff.write("base", plans)
    diff.write("head", {**plans, "b.json": plans["b.json"][:-9]})
    found = compared(diff, "base", "head")
    assert {state for state, _ in states(found, "KV101")} <= {"unknown", "unchanged"}
    assert not any(certain for kind, _, certain, _ in doors(found) if kind == "deleted")


def test_plan_that_ended_with_an_error_leaves_vaults_unknown(diff: Diff) -> None:
    base = diff.write("base.json", encoded(plan_with("public network on")))
    head = plan_with() | {"errored": True}
    head["resource_changes"] = head["resource_changes"][:1]
    found = compared(diff, base, diff.write("head.json", encoded(head)))
    assert states(found, "KV101") == [("gone", "azurerm_key_vault.private")]
    assert [one[:3] for one in doors(found)] == [("deleted", "azurerm_key_vault.shared", False)]


def test_a_file_that_is_too_large_is_one_that_cannot_be_read(diff: Diff) -> None:
    diff.write("base", {"main.tf": MAIN, "more.tf": MORE})
    diff.write("head", {"main.tf": MAIN, "more.tf": "#" * 30_000_000})
    found = compared(diff, "base", "head")
    assert states(found) == [("unknown", "azurerm_key_vault.b")]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_file_of_a_commit_that_cannot_be_read(diff: Diff) -> None:
    git(diff.folder, "init", "--quiet", "--initial-branch=main")
    commit(diff.folder, {"infra/main.tf": MAIN, "infra/more.tf": BROKEN})
    (diff.folder / "infra" / "more.tf").write_text(MORE, encoding="utf-8")
    found = compared(diff, "--base", "HEAD", "infra")
    assert states(found) == [("unknown", "azurerm_key_vault.b")]
    assert doors(found)[0][3] == DECIDES.format("BASE")
    assert all(tempfile.gettempdir() not in one["message"] for one in found["problems"])


def test_every_format_is_written(diff: Diff) -> None:
    diff.write("base", {"main.tf": MAIN, "more.tf": MORE})
    diff.write("head", {"main.tf": MAIN, "more.tf": BROKEN})
    said = diff.run("base", "head", "-f", "markdown=d.md", "-f", "sarif=d.sarif", "-f", "json=d.json")
    assert said.code == 3
    assert "HEAD: this `{` is not closed" in said.err
    markdown = (diff.folder / "d.md").read_text(encoding="utf-8")
    assert markdown.startswith("## ❌ kvlint diff")
    assert "Comparison incomplete" in markdown
    run = json.loads((diff.folder / "d.sarif").read_text(encoding="utf-8"))["runs"][0]
    assert [one["level"] for one in run["invocations"][0]["toolExecutionNotifications"]] == ["error"]
    assert not any(one.get("baselineState") in ("new", "absent") for one in run["results"])


def test_a_broken_file_does_not_hide_a_vault_that_moves_to_an_excluded_folder(diff: Diff) -> None:
    settings = 'exclude = ["old/"]\n'
    diff.write("base", {"kvlint.toml": settings, "live/main.tf": GROUP + VAULT.format("b", "false"), "x/x.tf": MAIN})
    moved = {"old/main.tf": GROUP + VAULT.format("b", "false"), "old/broken.tf": BROKEN}
    diff.write("head", {"kvlint.toml": settings, "x/x.tf": MAIN, **moved})
    said = diff.run("base", "head", "-f", "json")
    kinds = [one["resource"] for one in json.loads(said.out)["turnedOff"]]
    assert "azurerm_key_vault.b" in kinds
    assert said.code == 1
