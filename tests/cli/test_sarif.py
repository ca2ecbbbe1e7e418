"""SARIF logs of whole runs: what no validator looks at, and the options that only they have."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from azkvlint.graph.region_lookup import LineHashes
from azkvlint.syntax.texts import Lines
from tests.sarif import faults, run_in

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
INPUTS = [
    f"{name}/{file}"
    for name in ("careless", "hardened")
    for file in ("main.tf", "plan.json", "main.bicep", "main.json")
] + ["careless/grant", "careless/grant.bicep"]
AUDIT = ("--sarif-include", "suppressed,unknown,passed")
SECRET = """
# kvlint: ignore[KV602] the type is known
resource "azurerm_key_vault_secret" "s" {
  name         = "s"
  key_vault_id = var.vault
  value        = "hunter2-hunter2"
}

resource "azurerm_key_vault" "kv" {
  name                     = "kv"
  purge_protection_enabled = var.purge
}

variable "vault" {}
variable "purge" {}
"""


ARM = """{
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "contentVersion": "1.0.0.0",
  "resources": [
    {
      "type": "Microsoft.KeyVault/vaults",
      "apiVersion": "2023-07-01",
      "name": "kv",
      "properties": {
        "enableSoftDelete": false
      }
    }
  ]
}
"""

RunOf: TypeAlias = Callable[..., dict[str, Any]]


@pytest.fixture
def run_of(kvlint: Kvlint) -> RunOf:
    """Answers the one run of the log that a command line prints."""

    def answer(*words: str | Path) -> dict[str, Any]:
        said = kvlint(*words, "-f", "sarif", "--as-of", "2026-11-01")
        assert said.code in (0, 1), said.err
        return run_in(said.out)

    return answer


@pytest.fixture(params=INPUTS)
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An input in a checkout of its own, whose root is its grandparent."""
    shutil.copytree(SAMPLES, tmp_path / "checkout")
    (tmp_path / "checkout" / ".git").mkdir()
    return tmp_path / "checkout" / str(request.param)


@pytest.mark.parametrize("words", [(), AUDIT], ids=["findings", "audit"])
def test_a_log_has_none_of_the_mistakes_that_pass_validators(
    run_of: RunOf, sample: Path, words: tuple[str, ...]
) -> None:
    run = run_of(sample, *words)
    assert list(faults(run, sample.parents[1])) == []
    kinds = {result.get("kind", "fail") for result in run["results"]}
    assert kinds <= ({"fail", "open", "pass"} if words else {"fail"})
    if words:
        assert "pass" in kinds


def test_line_hashes_are_those_that_github_makes(run_of: RunOf, sample: Path) -> None:
    run = run_of(sample)
    for result in run["results"]:
        place = result["locations"][0]["physicalLocation"]
        found = result["partialFingerprints"].get("primaryLocationLineHash")
        text = (sample.parents[1] / place["artifactLocation"]["uri"]).read_text(encoding="utf-8")
        made = LineHashes(Lines(text)).hash_line(place["region"]["startLine"])
        if found != made:  # a second result of the rule on the line, or one whose line holds a secret
            others = [one for one in run["results"] if one["ruleId"] == result["ruleId"] and one is not result]
            lines = [one["locations"][0]["physicalLocation"]["region"]["startLine"] for one in others]
            assert place["region"]["startLine"] in lines or found is None


def test_a_line_with_a_secret_has_no_hash(run_of: RunOf, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "main.tf").write_text(SECRET, encoding="utf-8")
    run = run_of(tmp_path / "in", "--profile", "all")
    marks = {one["ruleId"]: one["partialFingerprints"] for one in run["results"]}
    assert "primaryLocationLineHash" not in marks["KV610"]
    assert "hunter2" not in json.dumps(run)


BICEP = "resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {\n  name: 'kv'\n}\n"
WIDE = {
    "main.tf": (
        'resource "azurerm_key_vault" "kv" {\n\t/* 😀\t */ purge_protection_enabled = false # 😀\n}\n',
        "purge_protection_enabled = false",
    ),
    "main.bicep": (
        BICEP.replace("name: 'kv'", "/* 😀 */ properties: { /* 😀\t */ enablePurgeProtection: false }"),
        "enablePurgeProtection: false",
    ),
    "main.json": (
        ARM.replace('"enableSoftDelete": false', '/* 😀\t */ "enablePurgeProtection": false'),
        '"enablePurgeProtection": false',
    ),
}


@pytest.mark.parametrize("name", WIDE)
def test_columns_behind_emoji_and_tabs_are_those_of_utf_16(run_of: RunOf, tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    text, marked = WIDE[name]
    (tmp_path / "in" / name).write_text(text, encoding="utf-8")
    run = run_of(tmp_path / "in" / name)
    assert list(faults(run, tmp_path)) == []
    (found,) = [one for one in run["results"] if one["ruleId"] == "KV001"]
    region = found["locations"][0]["physicalLocation"]["region"]
    line = next(line for line in text.split("\n") if marked in line)
    before = len(line[: line.index(marked)].encode("utf-16-le")) // 2
    assert before > line.index(marked)
    assert (region["startColumn"], region["endColumn"]) == (before + 1, before + 1 + len(marked))


HEADS = {
    "main.tf": 'resource "azurerm_key_vault" "kv" {\n  name = "kv"\n}\n',
    "main.bicep": BICEP,
    "main.json": ARM,
    "main.tf.json": '{\n "resource": {"azurerm_key_vault": {\n  "kv": {\n   "name": "kv"\n}}}}\n',
}


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_line_hashes_ignore_a_byte_order_mark(run_of: RunOf, tmp_path: Path, name: str, encoding: str) -> None:
    (tmp_path / "in").mkdir()
    data = HEADS[name].encode(encoding)
    (tmp_path / "in" / name).write_bytes(data)
    results = run_of(tmp_path / "in" / name)["results"]
    assert results
    marks = {
        (
            one["locations"][0]["physicalLocation"]["region"]["startLine"],
            one["partialFingerprints"]["primaryLocationLineHash"],
        )
        for one in results
        if "primaryLocationLineHash" in one["partialFingerprints"]
    }
    if encoding == "utf-16":
        assert not marks
        return
    # As GitHub reads it.
    made = LineHashes(Lines(data.decode("utf-8")))
    assert marks
    assert marks == {(line, made.hash_line(line)) for line, _ in marks}
    if name in ("main.tf", "main.bicep"):
        assert 1 in {line for line, _ in marks}


def test_sarif_include_adds_suppressed_unknown_and_passed_results(run_of: RunOf, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "main.tf").write_text(SECRET, encoding="utf-8")
    plain = run_of(tmp_path / "in")["results"]
    assert not [one for one in plain if one["ruleId"] == "KV602" or "suppressions" in one or "kind" in one]
    told = run_of(tmp_path / "in", *AUDIT)["results"]
    (suppressed,) = [one for one in told if one["suppressions"]]
    assert suppressed["ruleId"] == "KV602"
    (suppression,) = suppressed["suppressions"]
    assert suppression["kind"] == "inSource"
    assert suppression["justification"] == "the type is known"
    assert suppression["location"]["physicalLocation"]["region"]["startLine"] == 2
    assert {one.get("kind", "fail") for one in told} == {"fail", "open", "pass"}


def test_sarif_category_is_set_only_by_its_option(run_of: RunOf, sample: Path) -> None:
    assert "automationDetails" not in run_of(sample)
    assert run_of(sample, "--sarif-category", "terraform/prod")["automationDetails"] == {"id": "terraform/prod/"}


def test_log_for_editors_contains_the_root_uri(kvlint: Kvlint, run_of: RunOf, tmp_path: Path) -> None:
    for folder, uri in ((".sarif", f"{tmp_path.as_uri()}/"), ("other", None)):
        (tmp_path / folder).mkdir()
        assert kvlint("bad.json", "-f", "sarif", "-o", f"{folder}/kvlint.sarif").code == 1
        (run,) = json.loads((tmp_path / folder / "kvlint.sarif").read_text(encoding="utf-8"))["runs"]
        assert run["originalUriBaseIds"]["%SRCROOT%"].get("uri") == uri
    run = run_of("bad.json", "--sarif-root-uri", "file:///somewhere/else")
    assert run["originalUriBaseIds"]["%SRCROOT%"]["uri"] == "file:///somewhere/else/"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--sarif-include", "undecided"), "unknown value (did you mean 'unknown'?)"),
        (("--sarif-root-uri", "C:\\here"), "expected a URI that begins with file:///"),
    ],
)
def test_unknown_value_of_a_sarif_option_is_an_error(kvlint: Kvlint, words: tuple[str, ...], told: str) -> None:
    said = kvlint("bad.json", "-f", "sarif", *words)
    assert said.code == 2
    assert told in said.err


def test_output_and_call_in_the_configuration_of_a_plan_have_their_own_lines(run_of: RunOf, tmp_path: Path) -> None:
    plan = json.loads((tmp_path / "bad.json").read_text(encoding="utf-8"))
    root = plan["configuration"].setdefault("root_module", {})
    root["outputs"] = {"vault": {"expression": {"references": ["azurerm_key_vault.kv.name"]}}}
    root["module_calls"] = {"kv": {"source": "Azure/avm-res-keyvault-vault/azurerm", "module": {}}}
    text = json.dumps(plan, indent=2)
    (tmp_path / "named.json").write_text(text, encoding="utf-8")
    told = run_of("named.json", *AUDIT, "--select", "KV612,KV057")["results"]
    lines = {one["ruleId"]: one["locations"][0]["physicalLocation"]["region"] for one in told}
    shown = text.split("\n")
    for rule, name in (("KV612", '"vault"'), ("KV057", '"kv"')):
        assert shown[lines[rule]["startLine"] - 1].strip().startswith(f"{name}: ")
        assert lines[rule]["snippet"]["text"] == name
