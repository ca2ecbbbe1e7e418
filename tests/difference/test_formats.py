"""The formats of a difference: SARIF with baseline states, JSON, Markdown and text, also with hostile names."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from azkvlint.reporters.difference import DIFFERENCE_REPORTERS
from tests.cli.conftest import Kvlint
from tests.cli.test_canary import CANARY, INPUTS, OTHER
from tests.difference.conftest import Diff
from tests.difference.inputs import IN_TERRAFORM, TERRAFORM, encoded, plan_with
from tests.sarif import run_in

pytestmark = pytest.mark.slow(3)

ROOT = Path(__file__).resolve().parents[2]
VALIDATE = ROOT.parent / "shared" / "tools" / "sarif" / "validate"
RBAC, RANGE, LOGS = "RBAC off", "range widened", "diagnostic setting removed"


def changed(*names: str) -> str:
    text = TERRAFORM
    for name in names:
        text = IN_TERRAFORM[name](text)
    return text


@pytest.fixture
def sides(diff: Diff) -> Diff:
    """One finding that is gone, one that is new, one that changes, one that moves, and one that stays."""
    base = changed(RBAC, RANGE, LOGS)
    head = changed(RANGE, LOGS, "public network on").replace("203.0.0.0/8", "200.0.0.0/6")
    endpoint = 'resource "azurerm_key_vault_secret" "s" {\n  name         = "s"\n  value        = "x"\n'
    secret = f"{endpoint}  key_vault_id = azurerm_key_vault.shared.id\n}}\n"
    diff.write("base", {"main.tf": base, "secret.tf": secret})
    diff.write("head", {"main.tf": head, "secrets.tf": secret})
    return diff


def results_of(text: str) -> list[dict[str, Any]]:
    return list(run_in(text)["results"])


def test_a_log_is_that_of_head_with_states(sides: Diff, kvlint: Kvlint) -> None:
    results = results_of(sides.run("base", "head", "-f", "sarif").out)
    states: dict[str, set[str]] = {}
    for one in results:
        states.setdefault(one["baselineState"], set()).add(one["ruleId"])
    assert states["new"] == {"KV101"}
    assert states["absent"] == {"KV301"}
    assert states["unchanged"] == {"KV201"}
    assert states["updated"] >= {"KV102", "KV601"}
    # Apart from the states, the log has the results of a check, with the same fingerprints.
    own = [{key: value for key, value in one.items() if key not in ("baselineState", "ruleIndex")} for one in results]
    checked = [
        {key: value for key, value in one.items() if key != "ruleIndex"}
        for one in results_of(kvlint("head", "-f", "sarif").out)
    ]
    assert [one for one, result in zip(own, results, strict=True) if result["baselineState"] != "absent"] == checked
    assert [one["baselineState"] for one in results][-1] == "absent"


def test_each_result_has_a_state(sides: Diff) -> None:
    for words in (("base", "head"), ("head", "base"), ("base", "base")):
        results = results_of(sides.run(*words, "-f", "sarif").out)
        assert results
        assert all(one["baselineState"] in ("new", "unchanged", "updated", "absent") for one in results)
        rules = [rule["id"] for rule in run_in(sides.run(*words, "-f", "sarif").out)["tool"]["driver"]["rules"]]
        assert all(rules[one["ruleIndex"]] == one["ruleId"] for one in results)


def test_the_states_of_a_plan(diff: Diff) -> None:
    name = diff.write("plan.json", encoded(plan_with(RBAC)))
    assert [one["baselineState"] for one in results_of(diff.run(name, "-f", "sarif").out)] == ["new"]


@pytest.mark.skipif(not VALIDATE.is_file(), reason=f"no validator is here: {VALIDATE}")
def test_the_validator_finds_nothing(sides: Diff) -> None:
    (sides.folder / ".git").mkdir()
    (sides.folder / ".git" / "HEAD").write_text("a" * 40, encoding="utf-8")
    (sides.folder / ".git" / "config").write_text('[remote "origin"]\n  url = https://example.com/me/code.git\n')
    (sides.folder / "log.sarif").write_text(sides.run("base", "head", "-f", "sarif").out, encoding="utf-8")
    environment = os.environ | {"npm_config_offline": "true"}
    done = subprocess.run(
        [VALIDATE, "log.sarif"], capture_output=True, text=True, env=environment, timeout=300, check=False
    )
    if done.returncode == 2:
        pytest.skip("the validator is not installed")
    assert done.returncode == 0, done.stdout + done.stderr


def test_text_lists_each_state(sides: Diff) -> None:
    said = sides.run("base", "head")
    headings = [line for line in said.out.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings == ["New:", "Gone:", "Changed:"]
    assert said.out.splitlines()[1].startswith(
        "  head/main.tf:13:1: high[KV101] azurerm_key_vault.private allows access"
    )
    assert said.out.splitlines()[-2:] == [
        "--fail-on new: 1 difference",
        "1 new finding (1 high), 1 finding gone (1 medium), 1 finding changed (1 high). 2 findings moved.",
    ]


def test_text_lists_each_result_that_is_newly_unknown(diff: Diff) -> None:
    policy = "{ tenantId: tenant().tenantId, objectId: %s, permissions: { secrets: ['get'] } }"
    vault = "resource kv 'Microsoft.KeyVault/vaults@2026-02-01' = {\n  name: 'kv'\n  properties: {\n"
    vault += "    accessPolicies: [%s]\n  }\n}\n"
    app = (
        "resource app 'Microsoft.Web/sites@2024-04-01' = {\n  name: 'app'\n  identity: { type: 'SystemAssigned' }\n}\n"
    )
    one, other = policy % "'11111111-1111-1111-1111-111111111111'", policy % "other"
    diff.write("base", {"main.bicep": app + vault % one})
    diff.write("head", {"main.bicep": "param other string\n" + app + vault % f"{one}, {other}"})
    lines = diff.run("base", "head").out.splitlines()
    assert "unknown[KV310]" in lines[lines.index("Newly unknown:") + 1]


def test_text_has_short_addresses_in_every_section(diff: Diff) -> None:
    def template(**properties: Any) -> bytes:
        policy = {
            "tenantId": "t",
            "objectId": "11111111-1111-1111-1111-111111111111",
            "permissions": {"secrets": ["get"]},
        }
        vault = {
            "type": "Microsoft.KeyVault/vaults", "apiVersion": "2026-02-01", "name": "kv-app",
            "properties": {"tenantId": "t", "accessPolicies": [policy], **properties},
        }  # fmt: skip
        schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
        return encoded({"$schema": schema, "resources": [vault]})

    base = diff.write("base.json", template(enableRbacAuthorization=False))
    head = diff.write("head.json", template(enablePurgeProtection=True, enableRbacAuthorization=True))
    out = diff.run(base, head).out
    assert "purge protection of vaults/kv-app is turned on" in out
    assert "before: access policy 1 of vaults/kv-app" in out
    assert "Microsoft.KeyVault/vaults/kv-app" not in out


def test_json_has_all_findings_with_their_states(sides: Diff) -> None:
    document = sides.compare("base", "head").document
    assert list(document) == [
        "version", "tool", "repository", "base", "baseCommit", "head", "basis", "summary", "turnedOff", "findings",
        "oneWayDoors",
        "unchangedOnExistingVaults", "access", "comparesAccess", "gates", "problems",
    ]  # fmt: skip
    assert (document["version"], document["base"], document["head"]) == (1, "base", "head")
    assert document["gates"] == [{"gate": "--fail-on new", "count": 1}]
    (one,) = [one for one in document["findings"] if one["state"] == "changed"]
    assert "16,777,216" in one["before"]["message"]
    page = (ROOT / "docs" / "diff.md").read_text(encoding="utf-8")
    assert [name for name in document if f"`{name}`" not in page] == []


def test_reports_are_compared_as_their_inputs_are(sides: Diff, kvlint: Kvlint) -> None:
    for name in ("base", "head"):
        kvlint(name, "--profile", "strict", "-f", f"json={name}.json")
    ours, theirs = sides.compare("base.json", "head.json"), sides.compare("base", "head", "--profile", "strict")
    for state in ("new", "gone", "changed", "unchanged"):
        assert ours.findings(state) == theirs.findings(state)
    assert (ours.document["comparesAccess"], theirs.document["comparesAccess"]) == (False, True)
    said = sides.run("base.json", "head.json", "-f", "sarif")
    assert (said.code, said.out) == (2, "")
    assert "a SARIF log cannot be made from JSON reports" in said.err


def test_markdown_has_one_table_for_each_state(sides: Diff) -> None:
    text = sides.run("base", "head", "-f", "markdown").out
    rendered = MarkdownIt("gfm-like", {"linkify": False}).render(text)
    assert rendered.count("<table>") == 3
    assert "❌ kvlint diff" in rendered
    assert sides.run("base", "base", "-f", "markdown").out.startswith("## ✅ kvlint diff\n\nNo differences.")


def test_reports_go_to_files_and_equal_differences_are_equal_bytes(sides: Diff) -> None:
    for number in "12":
        words = [word for form in DIFFERENCE_REPORTERS for word in ("-f", f"{form}={form}{number}")]
        assert sides.run("base", "head", *words).code == 1
    for form in DIFFERENCE_REPORTERS:
        assert (sides.folder / f"{form}1").read_bytes() == (sides.folder / f"{form}2").read_bytes()


HOSTILE = "a|b`c</details>\x1b[31m\n::error::x\n##[section] @somebody https://evil.example ](x) {0}\u202e"


def test_hostile_names_stay_inert(diff: Diff) -> None:
    name = json.dumps(HOSTILE)[1:-1]
    vault = f'resource "azurerm_key_vault" "kv" {{\n  name = "{name}"\n  location = "{name}"\n}}\n'
    policy = f'  access_policy {{\n    object_id = "{name}"\n    secret_permissions = ["Get"]\n  }}\n}}\n'
    base = vault.rstrip("}\n") + "\n" + policy
    diff.write("base", {"main.tf": base})
    diff.write("head", {"main.tf": vault.replace("location", "purge_protection_enabled = true\n  location")})
    for form in DIFFERENCE_REPORTERS:
        out = diff.run("base", "head", "-f", form).out
        assert not re.search(r"^\s*::|##\[|\x1b|\u202e", out, re.MULTILINE), form
    text = diff.run("base", "head", "-f", "markdown").out
    rendered = MarkdownIt("gfm-like", {"linkify": False}).render(text)
    assert "evil.example" in rendered
    assert not re.search(r'href="[^"]*evil', rendered)
    assert text.count("</details>") == text.count("<details>")


@pytest.mark.parametrize("kind", ["arm", "bicep", "plan", "terraform", "tfjson", "whatif"])
def test_no_secret_is_in_any_format(kind: str, diff: Diff) -> None:
    shutil.copytree(INPUTS / kind, diff.folder / "head")
    shutil.copytree(INPUTS / kind, diff.folder / "base")
    for file in (diff.folder / "base").rglob("*"):
        if file.is_file():
            file.write_text(file.read_text(encoding="utf-8").replace(CANARY, OTHER), encoding="utf-8")
    single = {"plan": "head/plan.json", "whatif": "head/whatif.json"}
    runs = [("base", "head"), ("head", "base"), *([(single[kind],)] if kind in single else [])]
    windows = {secret[at : at + 4] for secret in (CANARY, OTHER) for at in range(len(secret) - 3)}
    for words in runs:
        for form in DIFFERENCE_REPORTERS:
            said = diff.run(*words, "-f", form, "--profile", "all")
            assert said.code in (0, 1), said.err
            assert said.out
            assert not [window for window in windows if window in said.out.upper() + said.err.upper()]
