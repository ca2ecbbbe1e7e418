"""A selection of rules never changes the results of the selected rules."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from azkvlint.config.run_config import Config
from azkvlint.linter.linter import all_rules, check
from azkvlint.model.finding import Finding, Report

ROOT = Path(__file__).resolve().parents[2]
CORPORA = ROOT.parent / "shared" / "corpora"
TODAY = "2026-01-15"
RULES = tuple(rule.id for rule in all_rules((), examples=False))

# A finding in each module depends on which modules a run reads.
MODULES: Mapping[str, Mapping[str, str]] = {
    "secret-shown-in-a-called-module": {
        "main.tf": """
            data "azurerm_key_vault_secret" "token" {
              name         = "token"
              key_vault_id = var.vault
            }
            module "files" {
              source = "./files"
              token  = data.azurerm_key_vault_secret.token.value
            }
        """,
        "files/main.tf": """
            variable "token" {}
            resource "local_file" "settings" {
              filename = "settings"
              content  = var.token
            }
        """,
    },
    "provider-beside-a-private-endpoint": {
        "main.tf": """
            provider "azurerm" {
              features {}
            }
            resource "azurerm_private_endpoint" "storage" {
              name                = "pe-storage"
              location            = "westeurope"
              resource_group_name = "rg"
              subnet_id           = var.subnet
              private_service_connection {
                name                           = "storage"
                private_connection_resource_id = var.storage
                is_manual_connection           = false
                subresource_names              = ["vault"]
              }
            }
        """,
    },
    "key-in-a-vault": {
        "main.tf": """
            resource "azurerm_key_vault" "app" {
              name                = "kv-app"
              location            = "westeurope"
              resource_group_name = "rg"
              tenant_id           = "00000000-0000-0000-0000-000000000001"
              sku_name            = "standard"
            }
            resource "azurerm_key_vault_key" "signing" {
              name         = "signing"
              key_vault_id = azurerm_key_vault.app.id
              key_type     = "RSA"
              key_size     = 1024
              key_opts     = ["sign"]
            }
        """,
    },
}


def run(path: Path, select: Collection[str]) -> Report:
    """The report on one path; no selection means all rules."""
    profiles = () if select else ("all",)
    return check(Config(paths=(str(path),), jobs=1, as_of=TODAY, select=tuple(select), profiles=profiles))


def results(report: Report, rules: Collection[str]) -> list[Finding]:
    """The failed and unknown results of the given rules, in the order of the report."""
    return [one for one in (*report.findings, *report.unknown) if one.rule.id in rules]


def assert_same_results(path: Path, groups: Collection[Collection[str]]) -> None:
    full = run(path, ())
    for group in groups:
        assert results(run(path, group), group) == results(full, group), group


@pytest.mark.parametrize("name", MODULES)
def test_each_rule_alone_returns_its_results_of_the_full_run(name: str, tmp_path: Path) -> None:
    for file, text in MODULES[name].items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text, encoding="utf-8")
    full = run(tmp_path, ())
    found = {one.rule.id for one in (*full.findings, *full.unknown)}
    assert found
    assert_same_results(tmp_path, [[rule] for rule in sorted(found)])


def test_a_secret_is_found_where_a_called_module_shows_it(tmp_path: Path) -> None:
    for file, text in MODULES["secret-shown-in-a-called-module"].items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text, encoding="utf-8")
    assert [one.resource for one in results(run(tmp_path, ["KV622"]), ["KV622"])] == [
        "module.files.local_file.settings.content"
    ]


@pytest.mark.parametrize("sample", ["careless", "hardened"])
def test_each_rule_alone_returns_its_results_on_a_sample(sample: str) -> None:
    assert_same_results(ROOT / "samples" / sample, [[rule] for rule in RULES])


@pytest.mark.slow(10)
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("part", ["arm", "bicep", "pairs", "plan", "tf", "whatif", "snapshot"])
def test_random_selections_return_their_results_on_real_inputs(part: str, seed: int) -> None:
    if not CORPORA.is_dir():
        pytest.skip("../shared/corpora is not available")
    shuffled = list(RULES)
    random.Random(seed).shuffle(shuffled)  # noqa: S311  # repeatable on purpose
    assert_same_results(CORPORA / part, [shuffled[: len(RULES) // 4]])
