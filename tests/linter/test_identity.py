"""Units, members and fingerprints, through the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.linter.rule_tests import expand
from tests.cli.conftest import kvlint
from tests.linter.test_own_baseline import CALL, OUTPUT, TWO_CALLS, VAULT, VAULTS, parameters, write

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

__all__ = ["kvlint"]

PLAN = expand("azurerm_key_vault.kv: {name: kv, purge_protection_enabled: false}").decode()
ROLE = """targetScope = 'subscription'
param role string
resource grant 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(role)
  properties: {
    principalId: '00000000-0000-0000-0000-000000000001'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
  }
}
"""
OWNER, CONTRIBUTOR = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "b24988ac-6180-42a0-ab88-20f7382dd24c"
# What the first version wrote for the outputs of a module that is called twice.
FIRST_VERSION = {
    "rule": "KV612",
    "path": "m/swa.bicep",
    "outcome": "fail",
    "fingerprint": "dbd065752162140f25b67e2cce40d9aa",
    "resources": ["one.outputs.key", "two.outputs.key"],
}
FILES = {
    "plan": {"team/plan.json": PLAN},
    "module": {"team/main.tf": CALL, "team/vaults/main.tf": VAULTS.format(90)},
    "Bicep file": {"team/main.bicep": TWO_CALLS, "team/inner.bicep": OUTPUT},
    "parameter files": {"team/main.bicep": VAULT, "team/a.bicepparam": parameters("kv-a")},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    top = tmp_path / "top"
    top.mkdir()
    monkeypatch.chdir(top)
    return top


def in_git(folder: Path) -> None:
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n")


def findings(kvlint: Kvlint, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(kvlint(*words, "--isolated", "-f", "json").out)["findings"]
    return found


def sarif(kvlint: Kvlint, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(kvlint(*words, "--isolated", "-f", "sarif").out)["runs"][0]["results"]
    return found


@pytest.mark.parametrize("files", FILES.values(), ids=FILES)
@pytest.mark.parametrize("is_checkout", [True, False])
def test_fingerprint_is_the_same_from_every_folder(
    kvlint: Kvlint, folder: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], is_checkout: bool
) -> None:
    write(folder, files)
    if is_checkout:
        in_git(folder)
    seen = []
    for here, named in ((folder, "team"), (folder, "."), (folder / "team", "."), (folder.parent, "top/team")):
        monkeypatch.chdir(here)
        seen.append(sorted(one["fingerprint"] for one in findings(kvlint, named)))
    monkeypatch.chdir(folder)
    assert seen[0]
    assert all(one == seen[0] for one in seen)


def test_sarif_keeps_the_former_fingerprint_and_adds_the_new_one_where_they_differ(
    kvlint: Kvlint, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, {"team/plan.json": PLAN})
    (above,) = sarif(kvlint, "team", "--select", "KV001")
    monkeypatch.chdir(folder / "team")
    (beside,) = sarif(kvlint, ".", "--select", "KV001")
    names = [set(one["partialFingerprints"]) for one in (above, beside)]
    assert names == [
        {"kvlintResource/v1", "kvlintResource/v2", "primaryLocationLineHash"},
        {"kvlintResource/v1", "primaryLocationLineHash"},
    ]
    assert above["partialFingerprints"]["kvlintResource/v2"] == beside["partialFingerprints"]["kvlintResource/v1"]


def test_baseline_applies_from_every_folder_outside_of_a_checkout(
    kvlint: Kvlint, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, {"plans/team/plan.json": PLAN})
    base = str(folder / "base.json")
    kvlint("plans", "--isolated", "--write-baseline", base)
    for here in (folder, folder / "plans", folder / "plans" / "team"):
        monkeypatch.chdir(here)
        assert kvlint(".", "--isolated", "--baseline", base).code == 0


def test_baseline_of_a_plan_does_not_hide_the_same_address_in_another_folder(kvlint: Kvlint, folder: Path) -> None:
    write(folder, {"a/plan.json": PLAN, "b/plan.json": PLAN})
    kvlint("a", "--isolated", "--write-baseline", "base.json")
    found = findings(kvlint, "a", "b", "--baseline", "base.json")
    assert {one["location"]["path"] for one in found} == {"b/plan.json"}


@pytest.mark.parametrize("left", [("one", "two"), ("one",), ("two",)])
def test_baseline_of_the_first_version_suppresses_every_member_of_a_unit(
    kvlint: Kvlint, folder: Path, left: tuple[str, ...]
) -> None:
    in_git(folder)
    calls = "".join(f"module {name} 'm/swa.bicep' = {{\n  name: '{name}'\n}}\n" for name in left)
    entries = {"version": 1, "findings": [FIRST_VERSION]}
    write(folder, {"m/swa.bicep": OUTPUT, "a.bicep": calls, "base.json": json.dumps(entries)})
    assert findings(kvlint, ".", "--select", "KV612", "--baseline", "base.json") == []


def test_sarif_fingerprint_of_an_output_is_that_of_the_first_version(kvlint: Kvlint, folder: Path) -> None:
    in_git(folder)
    calls = "".join(f"module {name} 'm/swa.bicep' = {{\n  name: '{name}'\n}}\n" for name in ("one", "two"))
    write(folder, {"m/swa.bicep": OUTPUT, "a.bicep": calls})
    (result,) = sarif(kvlint, ".", "--select", "KV612")
    marks = result["partialFingerprints"]
    assert marks["kvlintResource/v1"] == FIRST_VERSION["fingerprint"]
    (finding,) = findings(kvlint, ".", "--select", "KV612")
    assert {one["fingerprint"] for one in finding["occurrences"]} == {
        finding["fingerprint"],
        marks["kvlintResource/v2"],
    }


def test_comment_on_a_call_suppresses_findings_on_outputs_of_the_module(kvlint: Kvlint, folder: Path) -> None:
    in_git(folder)
    comment = "// kvlint: ignore[KV612] rotated after each deployment\n"
    write(folder, {"main.bicep": TWO_CALLS.replace("module two", f"{comment}module two"), "inner.bicep": OUTPUT})
    (finding,) = findings(kvlint, ".", "--select", "KV612")
    assert [one["resource"] for one in finding["occurrences"]] == ["one.outputs.key"]


def test_resources_that_share_an_argument_are_two_units(kvlint: Kvlint, folder: Path) -> None:
    in_git(folder)
    write(folder, FILES["module"])
    found = findings(kvlint, ".", "--select", "KV003")
    places = {(one["location"]["path"], one["location"]["line"]) for one in found}
    assert places == {("team/main.tf", 3)}
    assert [len(one["occurrences"]) for one in found] == [1, 2]
    assert len({one["fingerprint"] for one in found}) == 2


def test_parameter_files_are_members_of_one_unit(kvlint: Kvlint, folder: Path) -> None:
    in_git(folder)
    names = ("dev", "prod", "test")
    files = {f"{name}.bicepparam": parameters(f"kv-{name}") for name in names}
    write(folder, {"main.bicep": VAULT, **files, "stage.bicepparam": parameters("kv-test")})
    (finding,) = findings(kvlint, ".", "--select", "KV001")
    members = [(one["fullName"], one["worlds"]) for one in finding["occurrences"]]
    assert members == [
        ("kv-dev", ["dev.bicepparam"]),
        ("kv-prod", ["prod.bicepparam"]),
        ("kv-test", ["stage.bicepparam", "test.bicepparam"]),
    ]
    (result,) = sarif(kvlint, ".", "--select", "KV001")
    assert result["properties"]["kvlint/worlds"] == sorted([*files, "stage.bicepparam"])
    text = kvlint(".", "--isolated", "--select", "KV001").out
    assert text.splitlines()[0].endswith("] Purge protection is not enabled on vault (dev, prod, stage, test)")
    shutil.rmtree(folder / ".git")
    assert findings(kvlint, ".", "--select", "KV001") == [finding]


def test_parameter_files_with_different_severities_are_one_unit_with_the_highest(kvlint: Kvlint, folder: Path) -> None:
    in_git(folder)
    roles = {"a": CONTRIBUTOR, "b": OWNER}
    files = {f"{name}.bicepparam": f"using 'main.bicep'\nparam role = '{role}'\n" for name, role in roles.items()}
    write(folder, {"main.bicep": ROLE, "a.bicepparam": files["a.bicepparam"]})
    (finding,) = findings(kvlint, ".", "--select", "KV402")
    assert finding["severity"] == "medium"
    write(folder, files)
    (finding,) = findings(kvlint, ".", "--select", "KV402")
    assert (finding["severity"], sorted(one["worlds"] for one in finding["occurrences"])) == (
        "high", [["a.bicepparam"], ["b.bicepparam"]],
    )  # fmt: skip
