"""Terraform Stacks: a component is a call of a module, and each deployment is a base world."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cli.conftest import Kvlint

CANARY = "correct-horse-battery-staple"
MODULE = """variable "purge" {
  type    = bool
  default = true
}
variable "name" {
  type    = string
  default = "kv-stack"
}
resource "azurerm_key_vault" "kv" {
  name                     = var.name
  purge_protection_enabled = var.purge
}
output "name" {
  value = azurerm_key_vault.kv.name
}
"""
COMPONENTS = """variable "purge" {
  type = bool
}
component "vault" {
  source = "./vault"
  inputs = {
    purge = var.purge
  }
}
"""


def write(files: Mapping[str, str]) -> None:
    Path("repo/.git").mkdir(parents=True)
    for name, text in {"vault/main.tf": MODULE, **files}.items():
        file = Path("repo", name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def report(kvlint: Kvlint, *words: str) -> dict[str, Any]:
    ran = kvlint("repo", "--select", "KV001", "-f", "json", *words)
    found: dict[str, Any] = json.loads(ran.out)
    return found


def deployment(name: str, inputs: str) -> str:
    return f'deployment "{name}" {{\n  inputs = {{\n    {inputs}\n  }}\n}}\n'


def test_each_stack_deployment_sets_the_inputs(kvlint: Kvlint) -> None:
    deployments = deployment("prod", "purge = false") + deployment("dev", "purge = true")
    write({"main.tfcomponent.hcl": COMPONENTS, "d.tfdeploy.hcl": deployments})
    found = report(kvlint)
    (finding,) = found["findings"]
    assert finding["resource"] == "module.vault.azurerm_key_vault.kv"
    assert (finding["location"]["path"], finding["location"]["line"]) == ("main.tfcomponent.hcl", 7)
    assert "(prod)" in finding["message"]
    assert found["unknown"] == found["problems"] == []


@pytest.mark.parametrize("name", ["main.tfcomponent.hcl", "main.tfstack.hcl"])
def test_both_names_of_component_files_are_read(kvlint: Kvlint, name: str) -> None:
    write({name: COMPONENTS, "d.tfdeploy.hcl": deployment("prod", "purge = false")})
    assert len(report(kvlint)["findings"]) == 1


def test_files_in_json_are_read(kvlint: Kvlint) -> None:
    components = {
        "variable": {"purge": {"type": "bool"}},
        "component": {"vault": {"source": "./vault", "inputs": {"purge": "${var.purge}"}}},
    }
    deployments = {"deployment": {"prod": {"inputs": {"purge": False}}}}
    write({"main.tfcomponent.json": json.dumps(components), "d.tfdeploy.json": json.dumps(deployments)})
    found = report(kvlint)
    assert [one["location"]["path"] for one in found["findings"]] == ["main.tfcomponent.json"]
    assert found["problems"] == []


def test_declarations_may_be_in_several_files(kvlint: Kvlint) -> None:
    variable, component = COMPONENTS.split("component", 1)
    files = {
        "variables.tfcomponent.hcl": variable, "c.tfcomponent.hcl": f"component{component}",
        "locals.tfdeploy.hcl": "locals {\n  protected = !local.open\n  open = true\n}\n",
        "d.tfdeploy.hcl": deployment("prod", "purge = local.protected"),
    }  # fmt: skip
    write(files)
    assert len(report(kvlint)["findings"]) == 1


@pytest.mark.parametrize(
    "component",
    [
        'for_each = toset(["a", "b"])\n  inputs = {\n    purge = var.purge\n    name = "kv-${each.key}"\n  }',
        'for_each = toset(["a", "b"])\n  inputs = merge({ purge = var.purge }, { name = "kv-${each.key}" })',
        "for_each = local.vaults\n  inputs = each.value",
    ],
)
def test_a_component_may_have_instances(kvlint: Kvlint, component: str) -> None:
    values = (
        'locals {\n  vaults = { a = { purge = var.purge, name = "kv-a" }, b = { purge = false, name = "kv-b" } }\n}\n'
    )
    text = (
        f'variable "purge" {{\n  type = bool\n}}\n{values}component "v" {{\n  source = "./vault"\n  {component}\n}}\n'
    )
    write({"main.tfcomponent.hcl": text, "d.tfdeploy.hcl": deployment("prod", "purge = false")})
    ran = kvlint("repo", "--select", "KV001")
    assert "2 key vaults" in ran.out
    assert 'module.v["a"].azurerm_key_vault.kv' in ran.out
    assert 'module.v["b"].azurerm_key_vault.kv' in ran.out
    assert "unknown" not in ran.out


def test_an_output_of_a_component_is_an_input_of_another(kvlint: Kvlint) -> None:
    text = 'component "first" {\n  source = "./vault"\n  inputs = {}\n}\n'
    text += 'component "second" {\n  source = "./vault"\n  inputs = {\n    name  = "${component.first.name}-2"\n'
    write({"main.tfcomponent.hcl": f"{text}    purge = false\n  }}\n}}\n"})
    ran = kvlint("repo", "--select", "KV001", "-f", "json")
    assert [one["resource"] for one in json.loads(ran.out)["findings"]] == ["module.second.azurerm_key_vault.kv"]


def test_the_provider_of_a_component_is_its_own(kvlint: Kvlint) -> None:
    provider = 'provider "azurerm" "{}" {{\n  config {{\n    features {{\n      key_vault {{\n'
    provider += "        purge_soft_delete_on_destroy = {}\n      }}\n    }}\n  }}\n}}\n"
    component = 'component "{0}" {{\n  source = "./vault"\n  inputs = {{ purge = false }}\n'
    component += "  providers = {{\n    azurerm = provider.azurerm.{0}\n  }}\n}}\n"
    text = 'required_providers {\n  azurerm = {\n    source = "hashicorp/azurerm"\n    version = "~> 4.0"\n  }\n}\n'
    for name, flag in (("purging", "true"), ("keeping", "false")):
        text += provider.format(name, flag) + component.format(name)
    write({"main.tfcomponent.hcl": text})
    found = json.loads(kvlint("repo", "--select", "KV006", "-f", "json", "--profile", "all").out)
    assert [(one["resource"], one["location"]["line"]) for one in found["findings"]] == [
        ("provider.azurerm.purging", 11)
    ]
    assert found["problems"] == []


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("identity_token.azure.jwt", "a sensitive value is not known"),
        ("store.varset.settings.purge", "a sensitive value is not known"),
        ("upstream_input.network.purge", "the outputs of another stack are not available"),
        ("each.value", "`each` is not available in a deployment"),
    ],
)
def test_input_known_later_is_unknown(kvlint: Kvlint, value: str, why: str) -> None:
    write({"main.tfcomponent.hcl": COMPONENTS, "d.tfdeploy.hcl": deployment("prod", f"purge = {value}")})
    found = report(kvlint)
    assert found["findings"] == []
    assert [why in one["message"] for one in found["unknown"]] == [True]


def test_destroyed_deployment_has_no_findings(kvlint: Kvlint) -> None:
    destroyed = deployment("old", "purge = false").replace("inputs", "destroy = true\n  inputs")
    write({"main.tfcomponent.hcl": COMPONENTS, "d.tfdeploy.hcl": destroyed + deployment("new", "purge = true")})
    assert report(kvlint)["findings"] == []


def test_a_stack_without_deployments_is_a_root_module(kvlint: Kvlint) -> None:
    write({"main.tfcomponent.hcl": COMPONENTS})
    found = report(kvlint)
    assert (found["findings"], len(found["unknown"])) == ([], 1)
    assert "`var.purge` has no value" in found["unknown"][0]["message"]


def test_removed_component_has_no_findings(kvlint: Kvlint) -> None:
    removed = 'removed {\n  from   = component.vault\n  source = "./vault"\n  providers = {}\n}\n'
    write({"main.tfcomponent.hcl": removed, "d.tfdeploy.hcl": deployment("prod", "purge = false")})
    found = report(kvlint)
    assert (found["findings"], found["problems"]) == ([], [])


def test_a_module_that_is_not_installed_and_a_stack_in_a_stack_are_notes(kvlint: Kvlint) -> None:
    text = 'component "other" {\n  source  = "app.terraform.io/acme/other/azurerm"\n  version = "1.0.0"\n}\n'
    text += 'stack "inner" {\n  source = "acme/inner"\n}\n'
    write({"main.tfcomponent.hcl": COMPONENTS + text, "d.tfdeploy.hcl": deployment("prod", "purge = true")})
    found = report(kvlint)
    assert sorted((one["level"], one["location"]["line"], one["message"]) for one in found["problems"]) == [
        (
            "note",
            10,
            "module `app.terraform.io/acme/other/azurerm` is not installed, so its resources are not evaluated",
        ),
        ("note", 14, "stack `inner` in this stack is not evaluated"),
    ]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"main.tfcomponent.hcl": "component {\n"}, "main.tfcomponent.hcl:"),
        ({"main.tfcomponent.hcl": COMPONENTS.replace("./vault", "./missing")}, "main.tfcomponent.hcl:4:1: error"),
        ({"main.tfcomponent.hcl": COMPONENTS.replace("./vault", "../../outside")}, "the source is outside the project"),
        ({"main.tfcomponent.hcl": COMPONENTS, "d.tfdeploy.hcl": 'deployment "p" {\n  inputs = {\n'}, "d.tfdeploy.hcl:"),
        (
            {"main.tfcomponent.hcl": COMPONENTS, "d.tfdeploy.hcl": "locals {\n  a = local.b\n  b = local.a\n}\n"
             + deployment("prod", "purge = local.a")},
            "`local.a` refers to itself",
        ),
    ],
)  # fmt: skip
def test_an_error_names_its_file(kvlint: Kvlint, files: Mapping[str, str], expected: str) -> None:
    write(files)
    ran = kvlint("repo", "--select", "KV001")
    assert ran.code == 3
    assert expected in ran.out + ran.err
    assert "internal error" not in ran.out + ran.err


def test_paths_out_of_the_project_are_not_read(kvlint: Kvlint) -> None:
    Path("outside.hcl").write_text(deployment("prod", f'name = "{CANARY}"'))
    Path("outside").mkdir()
    Path("outside/main.tf").write_text(MODULE)
    write({"main.tfcomponent.hcl": COMPONENTS.replace("./vault", "./link")})
    Path("repo/d.tfdeploy.hcl").symlink_to("../outside.hcl")
    Path("repo/link").symlink_to("../outside")
    ran = kvlint("repo", "--select", "KV001", "--show-unknown")
    assert ran.code == 3
    assert CANARY not in ran.out + ran.err
    assert "azurerm_key_vault.kv" not in ran.out


def test_no_secret_of_a_deployment_is_shown(kvlint: Kvlint) -> None:
    module = MODULE + 'variable "password" {\n  type = string\n  sensitive = true\n}\n'
    module += 'resource "azurerm_key_vault_secret" "s" {\n'
    module += "  key_vault_id = azurerm_key_vault.kv.id\n  value = var.password\n}\n"
    components = (
        'variable "password" {\n  type = string\n  sensitive = true\n}\ncomponent "v" {\n  source = "./vault"\n'
    )
    components += "  inputs = {\n    password = var.password\n  }\n}\n"
    deployments = deployment("prod", f'password = "{CANARY}"')
    write({"vault/main.tf": module, "main.tfcomponent.hcl": components, "d.tfdeploy.hcl": deployments})
    for form in ("text", "json", "sarif", "html"):
        ran = kvlint("repo", "-f", form, "--profile", "all")
        assert CANARY not in ran.out + ran.err
    found = json.loads(kvlint("repo", "--select", "KV610", "-f", "json").out)
    assert [one["ruleId"] for one in found["findings"]] == ["KV610"]


def test_a_deployment_file_leads_to_its_stack(kvlint: Kvlint) -> None:
    write({"main.tfcomponent.hcl": COMPONENTS, "d.tfdeploy.hcl": deployment("prod", "purge = false")})
    ran = kvlint("repo/d.tfdeploy.hcl", "--select", "KV001", "-f", "json")
    assert len(json.loads(ran.out)["findings"]) == 1


def test_a_module_in_the_folder_of_a_stack_is_a_root_of_its_own(kvlint: Kvlint) -> None:
    root = MODULE.replace("default = true", "default = false")
    files = {"main.tf": root, "main.tfcomponent.hcl": COMPONENTS, "d.tfdeploy.hcl": deployment("prod", "purge = false")}
    write(files)
    found = report(kvlint)
    assert sorted(one["resource"] for one in found["findings"]) == [
        "azurerm_key_vault.kv", "module.vault.azurerm_key_vault.kv",
    ]  # fmt: skip


def test_the_number_of_deployments_is_limited(kvlint: Kvlint) -> None:
    deployments = "".join(deployment(f"d{number}", "purge = true") for number in range(101))
    write({"main.tfcomponent.hcl": COMPONENTS, "d.tfdeploy.hcl": deployments})
    ran = kvlint("repo", "--select", "KV001")
    assert ran.code == 3
    assert "more than 100 deployments" in ran.out


@pytest.mark.parametrize(
    "inputs",
    ["[" * 5_000, "{ a = " * 5_000, '"' + "${" * 2_000, "merge(" * 3_000 + ")" * 3_000, "{ (local.a) = true }", "null"],
)
def test_hostile_stack_inputs_cause_no_internal_error(kvlint: Kvlint, inputs: str) -> None:
    deployments = f'locals {{\n  a = "{CANARY}"\n}}\ndeployment "p" {{\n  inputs = {inputs}\n}}\n'
    write({"main.tfcomponent.hcl": COMPONENTS, "d.tfdeploy.hcl": deployments})
    ran = kvlint("repo", "--select", "KV001", "--show-unknown")
    assert ran.code in (0, 1, 3)
    assert "internal error" not in ran.out + ran.err
    assert CANARY not in ran.out + ran.err
    component = f'component "v" {{\n  source = "./vault"\n  inputs = {inputs}\n}}\n'
    Path("repo/main.tfcomponent.hcl").write_text(component)
    ran = kvlint("repo", "--select", "KV001", "--show-unknown")
    assert ran.code in (0, 1, 3)
    assert "internal error" not in ran.out + ran.err
