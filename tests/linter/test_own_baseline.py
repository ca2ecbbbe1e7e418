"""A baseline holds its own findings: the same run is green with it, whatever the input, options and formats are."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.conftest import kvlint
from tests.moduletrees import make

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

pytestmark = pytest.mark.slow(8)

__all__ = ["kvlint"]

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
BASE = "base.json"
OUTPUT = """param secret string = 'x'
resource app 'Microsoft.Web/staticSites@2022-09-01' = {
  name: secret
  location: 'westeurope'
}
output key string = app.listSecrets().properties.apiKey
"""
TWO_CALLS = """module one 'inner.bicep' = {
  name: 'one'
}
module two 'inner.bicep' = {
  name: 'two'
}
"""
VAULT = """param name string
param rules array = []
param purge bool = false
resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: name
  location: 'westeurope'
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enablePurgeProtection: purge ? true : null
    networkAcls: { defaultAction: 'Deny', ipRules: [for one in rules: { value: one }] }
  }
}
"""
VAULTS = """variable "days" {{
  default = {0}
}}
resource "azurerm_key_vault" "one" {{
  name                       = "kv-one"
  location                   = "westeurope"
  resource_group_name        = "rg"
  tenant_id                  = "00000000-0000-0000-0000-000000000000"
  sku_name                   = "standard"
  soft_delete_retention_days = var.days
}}
resource "azurerm_key_vault" "two" {{
  for_each                   = toset(["a", "b"])
  name                       = "kv-${{each.key}}"
  location                   = "westeurope"
  resource_group_name        = "rg"
  tenant_id                  = "00000000-0000-0000-0000-000000000000"
  sku_name                   = "standard"
  soft_delete_retention_days = var.days
}}
"""
CALL = """module "vaults" {
  source = "./vaults"
  days   = 7
}
"""
TEMPLATE = """resource "azurerm_resource_group_template_deployment" "held" {
  name                = "held"
  resource_group_name = "rg"
  deployment_mode     = "Incremental"
  template_content = jsonencode({
    "$schema"      = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    contentVersion = "1.0.0.0"
    resources = [{
      type       = "Microsoft.KeyVault/vaults/secrets"
      apiVersion = "2019-09-01"
      name       = "kv-a/${var.name}"
      properties = { value = var.name }
    }]
  })
}
variable "name" {
  type = string
}
"""
HOLDERS = "".join(f'module "m{name}" {{\n  source = "./inner"\n  name = "{name}"\n}}\n' for name in "ab")


def parameters(name: str, **values: Any) -> str:
    given = {"name": name, **values}
    return "using 'main.bicep'\n" + "".join(f"param {key} = {text(value)}\n" for key, value in given.items())


def text(value: Any) -> str:
    return json.dumps(value).replace('"', "'")


PROJECTS: dict[str, dict[str, str]] = {
    "outputs of a module that is called twice": {"inner.bicep": OUTPUT, "main.bicep": TWO_CALLS},
    "parameter files with different names": {
        "main.bicep": VAULT,
        **{f"{name}.bicepparam": parameters(f"kv-{name}", rules=["0.0.0.0/0"]) for name in ("dev", "test", "prod")},
    },
    "parameter files with one name": {
        "main.bicep": VAULT,
        **{f"{name}.bicepparam": parameters("kv", purge=name == "prod") for name in ("dev", "test", "prod")},
    },
    "copies of a module": {f"{name}/main.tf": VAULTS.format(7) for name in ("a", "b", "c/d")},
    "an argument for two resources": {"main.tf": CALL, "vaults/main.tf": VAULTS.format(90)},
    "a template in a module that is called twice": {"main.tf": HOLDERS, "inner/main.tf": TEMPLATE},
}  # fmt: skip
OPTIONS: tuple[tuple[str, ...], ...] = (
    ("--strict",),
    ("--profile", "all"),
    ("--include-tests",),
    ("--show-unknown",),
    ("--min-severity", "medium"),
    ("--jobs", "1"),
)


def check_own_baseline(kvlint: Kvlint, folder: Path, seed: object, *inputs: str) -> int:
    """Write a baseline, check with it in three formats, and return how many results it has."""
    chance = random.Random(str(seed))  # noqa: S311  # nothing here is secret
    options = chance.sample(OPTIONS, chance.randrange(len(OPTIONS)))
    fixed = [("--isolated",), ("--as-of", "2027-01-01"), *((one,) for one in inputs or (".",))]

    def words(*more: tuple[str, ...]) -> list[str]:
        groups = [*options, *fixed, *more]
        chance.shuffle(groups)
        return [word for group in groups for word in group]

    files = {name: folder / f"after.{name}" for name in ("json", "sarif", "text")}
    first = kvlint(*words(("--write-baseline", str(folder / BASE)), ("-f", chance.choice(["text", "json", "sarif"]))))
    assert first.code in (0, 1), first
    again = words(("--baseline", str(folder / BASE)), *(("-f", f"{name}={file}") for name, file in files.items()))
    second = kvlint(*again)
    report = json.loads(files["json"].read_text())
    assert [one for one in report["findings"] if not one["inTests"]] == [], again
    assert (second.code, [one for one in report["problems"] if one["code"] == "KVE012"]) == (0, []), again
    results = json.loads(files["sarif"].read_text())["runs"][0]["results"]
    assert all(one.get("properties", {}).get("kvlint/inTests") for one in results), again
    assert files["text"].read_text().splitlines()[-1].startswith("No "), again
    entries = json.loads((folder / BASE).read_text())["findings"]
    return sum(len(one["resources"]) for one in entries)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "checkout"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    monkeypatch.chdir(folder)
    return folder


def write(folder: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


@pytest.mark.parametrize("in_git", [True, False])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("project", PROJECTS)
def test_the_run_that_wrote_a_baseline_is_green_with_it(
    kvlint: Kvlint, checkout: Path, tmp_path: Path, project: str, seed: int, in_git: bool
) -> None:
    write(checkout, PROJECTS[project])
    if not in_git:
        shutil.rmtree(checkout / ".git")
    assert check_own_baseline(kvlint, checkout, (project, seed)) > 0


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("sample", ["careless", "hardened"])
def test_samples_are_green_with_their_baseline(
    kvlint: Kvlint, checkout: Path, sample: str, seed: int
) -> None:  # fmt: skip
    shutil.copytree(SAMPLES / sample, checkout / "infra")
    check_own_baseline(kvlint, checkout, (sample, seed))


@pytest.mark.parametrize("seed", range(25))
def test_generated_modules_with_their_plans_are_green_with_their_baseline(
    kvlint: Kvlint, checkout: Path, seed: int
) -> None:
    tree = make(seed, checkout)
    (checkout / tree.root / "plan.json").write_text(json.dumps(tree.plan))
    if seed % 3 == 0:
        shutil.copytree(
            checkout / tree.root, checkout / "copy", dirs_exist_ok=True, ignore=shutil.ignore_patterns(".git", "copy")
        )
    named = (".", f"{tree.root or '.'}/plan.json") if seed % 2 else (".",)
    check_own_baseline(kvlint, checkout, seed, *named)
