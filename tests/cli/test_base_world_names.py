"""Base worlds of a template: results name its parameter files where these differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.linter.test_own_baseline import VAULT, parameters, write

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

FORMATS = ("text", "concise", "github", "azure", "markdown", "html", "junit", "gitlab", "rdjson", "sarif", "json")
SECRET = """param tenantName string = 'a'
resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: {vault}
  location: 'westeurope'
  properties: {
    sku: { family: 'A', name: 'standard' }
    tenantId: tenant().tenantId
    enableRbacAuthorization: true
    softDeleteRetentionInDays: {days}
  }
}
resource s 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {
  parent: kv
  name: 'n-${tenantName}'
  properties: { value: newGuid2 }
}
@secure()
param newGuid2 string
"""
WORLDS = ("dev", "test", "prod")
# What was written for a secret with three parameter files before results named them.
BASELINE = {
    "version": 1,
    "findings": [
        {
            "rule": "KV601",
            "path": "main.bicep",
            "outcome": "fail",
            "fingerprint": "8127ba85c53d3b4b97bca1ad4e1620ff",
            "resources": ["s", "s", "s"],
        }
    ],
}


@pytest.fixture(autouse=True)
def folder(kvlint: Kvlint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    checkout = tmp_path / "checkout"
    (checkout / ".git").mkdir(parents=True)
    monkeypatch.chdir(checkout)
    return checkout


WORLDS_OF_SECRET = {
    f"{name}.bicepparam": f"using 'main.bicep'\nparam tenantName = '{name}'\n"
    "param newGuid2 = readEnvironmentVariable('V', '')\n"
    for name in WORLDS
}


def secret(vault: str = "'kv-abc'", days: str = "90") -> dict[str, str]:
    return {"main.bicep": SECRET.replace("{vault}", vault).replace("{days}", days), **WORLDS_OF_SECRET}


def lines(kvlint: Kvlint, *words: str) -> list[str]:
    return kvlint(".", "--isolated", *words).out.splitlines()


@pytest.mark.parametrize("format_", FORMATS)
def test_every_format_names_the_worlds_with_a_result(format_: str, kvlint: Kvlint, folder: Path) -> None:
    write(folder, secret())
    text = kvlint(".", "--isolated", "--select", "KV601", "-f", format_).out
    assert "s (dev, prod, test)" in text
    assert "more: s" not in text


def test_a_resource_that_the_worlds_name_differently_is_one_line(kvlint: Kvlint, folder: Path) -> None:
    write(folder, secret())
    assert lines(kvlint, "--select", "KV001,KV601") == [
        "main.bicep:2:1: high[KV001] Purge protection is not enabled on kv",
        "main.bicep:12:1: medium[KV601] s (dev, prod, test) has no expiration date",
        "Found 2 issues (1 high, 1 medium) on 4 resources in 1 key vault.",
    ]


@pytest.mark.parametrize(
    ("vault", "count"),
    [
        ("'kv-abc'", "1 key vault"),
        ("'kv-${uniqueString(resourceGroup().id)}'", "1 key vault"),
        ("'kv-${tenantName}'", "3 key vaults"),
        ("'${tenantName}${uniqueString(resourceGroup().id)}'", "3 key vaults"),
    ],
)
def test_vault_is_counted_once_for_each_name(vault: str, count: str, kvlint: Kvlint, folder: Path) -> None:
    write(folder, secret(vault))
    assert lines(kvlint, "--select", "KV001")[-1].endswith(f" in {count}.")


def test_a_result_of_some_worlds_names_them(kvlint: Kvlint, folder: Path) -> None:
    files = {f"{name}.bicepparam": parameters("kv", purge=name == "prod") for name in WORLDS}
    write(folder, {"main.bicep": VAULT, **files})
    assert lines(kvlint, "--select", "KV001")[0].endswith("] Purge protection is not enabled on vault (dev, test)")


def test_worlds_with_other_values_are_named_apart(kvlint: Kvlint, folder: Path) -> None:
    write(folder, secret(days="tenantName == 'dev' ? 7 : tenantName == 'prod' ? 30 : 90"))
    (line, summary) = lines(kvlint, "--select", "KV003")
    fault = "days, which is outside the required range"
    assert line.endswith(f"] Soft-delete retention on kv (prod) is 30 {fault} [and 1 more: kv (dev)]")
    assert summary == "Found 1 issue (1 low) in 1 key vault."
    details = lines(kvlint, "--select", "KV003", "-v")
    assert f"    also: Soft-delete retention on kv is 7 {fault} (dev)" in details


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (("main.dev.bicepparam", "main.prod.bicepparam"), "dev, prod"),
        (("main.parameters.dev.json", "main.parameters.prod.json"), "dev, prod"),
        (("dev/main.bicepparam", "prod/main.bicepparam"), "dev/main, prod/main"),
        (("dev.bicepparam", "main.dev.bicepparam"), "dev.bicepparam, main.dev.bicepparam"),
        ((*(f"{number}.bicepparam" for number in range(6)),), "0, 1, 2, 3, 4, 5"),
        ((*(f"{number}.bicepparam" for number in range(9)),), "0, 1, 2, 3, 4, and 4 more"),
    ],
)
def test_a_world_has_the_shortest_name_that_no_other_has(
    files: tuple[str, ...], names: str, kvlint: Kvlint, folder: Path
) -> None:
    write(folder, {"main.bicep": VAULT})
    for number, file in enumerate(files):
        text = parameters(f"kv-{number}").replace("'main.bicep'", f"'{'../' * file.count('/')}main.bicep'")
        if file.endswith(".json"):
            text = json.dumps({"parameters": {"name": {"value": f"kv-{number}"}}})
        write(folder, {file: text})
    line = lines(kvlint, "--select", "KV001")[0]
    assert f"vault ({names}" in line


def test_unknown_results_name_their_worlds(kvlint: Kvlint, folder: Path) -> None:
    files = {f"{name}.bicepparam": parameters("kv", purge=True) for name in ("prod", "test")}
    unknown = "using 'main.bicep'\nparam name = 'kv'\nparam purge = bool(readEnvironmentVariable('P'))\n"
    write(folder, {"main.bicep": VAULT, **files, "dev.bicepparam": unknown})
    (line, *_) = lines(kvlint, "--select", "KV001", "--show-unknown")
    assert line.endswith(" (dev)")


def findings(kvlint: Kvlint, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(kvlint(".", "--isolated", *words, "-f", "json").out)["findings"]
    return found


def test_baseline_of_the_first_version_suppresses_the_result(kvlint: Kvlint, folder: Path) -> None:
    write(folder, {**secret(), "base.json": json.dumps(BASELINE)})
    assert [one["fingerprint"] for one in findings(kvlint, "--select", "KV601")] == [
        BASELINE["findings"][0]["fingerprint"]  # type: ignore[index]  # the types of JSON
    ]
    assert findings(kvlint, "--select", "KV601", "--baseline", "base.json") == []
