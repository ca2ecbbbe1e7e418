"""Every format prints the same numbers of findings and unknown results, and JSON names paths of Azure only."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.conftest import kvlint
from tests.linter.test_own_baseline import PROJECTS, VAULT, parameters, write

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

__all__ = ["kvlint"]

OPEN = """variable "days" {}
resource "azurerm_key_vault" "kv" {
  for_each                    = toset(["a", "b"])
  name                        = var.days
  location                    = "westeurope"
  resource_group_name         = "rg"
  tenant_id                   = "00000000-0000-0000-0000-000000000000"
  sku_name                    = "standard"
  enabled_for_disk_encryption = var.days
  soft_delete_retention_days  = var.days
}
"""
WITH_UNKNOWN = {"main.tf": OPEN, "tests/main.tf": OPEN}
WITHOUT_EXPLANATION = ("gitlab", "rdjson")
PROVIDER = """terraform {
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 3.0"
    }
  }
}
provider "azurerm" {
  features {}
}
output "key" {
  value = "hunter2-hunter2-hunter2"
}
resource "azurerm_key_vault" "kv" {
  name                = "kv-abc"
  location            = "westeurope"
  resource_group_name = "rg"
  tenant_id           = "00000000-0000-0000-0000-000000000001"
  sku_name            = "standard"
  access_policy {
    tenant_id          = "00000000-0000-0000-0000-000000000001"
    object_id          = "00000000-0000-0000-0000-000000000005"
    secret_permissions = ["Get", "Purge"]
  }
}
"""


@pytest.fixture(autouse=True)
def checkout(kvlint: Kvlint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "checkout"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    monkeypatch.chdir(folder)
    return folder


def numbers(line: str) -> tuple[int, int]:
    """Return the numbers of findings and of unknown results in a summary."""
    found, unknown = (
        re.search(pattern, line) for pattern in (r"Found (\d+) issue", r"(\d+) checks? (?:is|are) unknown")
    )
    return int(found[1]) if found else 0, int(unknown[1]) if unknown else 0


@pytest.mark.parametrize("project", [*PROJECTS.values(), WITH_UNKNOWN], ids=[*PROJECTS, "unknown"])
def test_all_formats_print_the_same_numbers(kvlint: Kvlint, checkout: Path, project: dict[str, str]) -> None:
    write(checkout, project)
    document = json.loads(kvlint(".", "--isolated", "-f", "json").out)
    summary = document["summary"]
    expected = sum(summary["findings"].values()), summary["unknown"]
    assert [len(document[name]) for name in ("findings", "unknown")] == [
        expected[0] + summary["findingsInTests"], expected[1] + summary["unknownInTests"],
    ]  # fmt: skip
    for name in ("text", "concise", "github", "azure", "markdown", "html"):
        assert numbers(kvlint(".", "--isolated", "-f", name).out) == expected, name
    log = json.loads(kvlint(".", "--isolated", "-f", "sarif", "--sarif-include", "unknown").out)
    assert len(log["runs"][0]["results"]) == len(document["findings"]) + len(document["unknown"])
    totals = dict(re.findall(r"<b>(\d+)</b> (unknown|suppressed)", kvlint(".", "--isolated", "-f", "html").out))
    assert totals == ({str(expected[1]): "unknown"} if expected[1] else {})
    if project is WITH_UNKNOWN:
        assert expected[1] > 1 < summary["unknownInTests"]


def test_vault_with_the_same_name_in_two_parameter_files_counts_once(kvlint: Kvlint, checkout: Path) -> None:
    files = {"a": "kv-one", "b": "kv-one", "c": "kv-two"}
    write(checkout, {"main.bicep": VAULT, **{f"{file}.bicepparam": parameters(name) for file, name in files.items()}})
    assert " in 2 key vaults." in kvlint(".", "--isolated", "--select", "KV001").out
    document = json.loads(kvlint(".", "--isolated", "-f", "json").out)
    assert document["summary"]["evaluatedResources"] == {"Microsoft.KeyVault/vaults": 2}


def test_resources_with_one_finding_are_counted_once(kvlint: Kvlint, checkout: Path) -> None:
    write(checkout, PROJECTS["outputs of a module that is called twice"])
    assert kvlint(".", "--isolated").out.splitlines()[-1] == "Found 1 issue (1 high) on 2 resources."


def paths(document: dict[str, Any]) -> set[str]:
    results = [one for name in ("findings", "unknown", "suppressed") for one in document[name]]
    found = [*results, *(one for result in results for one in result["evidence"])]
    for one in found:
        assert one["fact"] is None or (one["azurePath"], one["attribute"]) == (None, None), one
    return {one["azurePath"] for one in found if one["azurePath"]}


def test_json_names_paths_of_azure_only(kvlint: Kvlint, checkout: Path) -> None:
    write(checkout, {"main.tf": PROVIDER})
    document = json.loads(kvlint(".", "--isolated", "--profile", "all", "-f", "json").out)
    found = paths(document)
    assert found
    assert all(re.match(r"(?:properties|tags|identity|sku)\b|(?:name|location)$", path) for path in found), found
    results = {one["ruleId"]: one for one in document["findings"]}
    assert results["KV007"]["fact"] == "prevent_destroy"
    assert results["KV006"]["attribute"].startswith("features.key_vault")


def test_difference_reads_reports_of_this_version(kvlint: Kvlint, checkout: Path) -> None:
    write(checkout, {"main.tf": PROVIDER})
    kvlint(".", "--isolated", "--profile", "all", "-f", "json=after.json")
    report = json.loads(Path("after.json").read_text())
    former = report | {"version": 2}
    Path("before.json").write_text(json.dumps(former))
    done = kvlint("diff", "before.json", "after.json", "-f", "json")
    assert (done.code, json.loads(done.out)["summary"]["new"]) == (0, 0)
