"""``--write-baseline`` and ``--baseline``: what was found before does not count, and nothing new is hidden."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

BARE = """resource "azurerm_key_vault" "this" {
  name                = "kv-prod"
  location            = "westeurope"
  resource_group_name = "rg"
  tenant_id           = "00000000-0000-0000-0000-000000000000"
  sku_name            = "standard"
}
"""
KEYED = BARE.replace("{\n", "{{\n  for_each = toset({keys})\n", 1).replace("}\n", "}}\n")
BASE = "baseline.json"


@pytest.fixture(autouse=True)
def project(kvlint: Kvlint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one vault, in a/main.tf; the current folder."""
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    monkeypatch.chdir(folder)
    write("a/main.tf", BARE)
    return folder


def write(name: str, text: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text, encoding="utf-8")


def report(kvlint: Kvlint, *words: str) -> dict[str, Any]:
    said = kvlint(*(words or (".",)), "--baseline", BASE, "-f", "json")
    assert said.code in (0, 1), said
    document: dict[str, Any] = json.loads(said.out)
    assert said.code == bool(document["findings"])
    return document


def held() -> list[dict[str, Any]]:
    document = json.loads(Path(BASE).read_text(encoding="utf-8"))
    assert document["version"] == 1
    entries: list[dict[str, Any]] = document["findings"]
    return entries


def codes(document: dict[str, Any]) -> list[str]:
    return [problem["code"] for problem in document["problems"]]


def test_finding_in_the_baseline_is_not_reported(kvlint: Kvlint) -> None:
    before = json.loads(kvlint(".", "-f", "json").out)["findings"]
    said = kvlint(".", "--write-baseline", BASE, "-f", "json=x.json")
    assert (said.code, said.out) == (1, "")
    assert [one["fingerprint"] for one in held()] == [
        one["fingerprint"] for one in sorted(before, key=lambda one: one["ruleId"])
    ]
    assert held()[0] == {
        "rule": "KV001",
        "path": "a/main.tf",
        "outcome": "fail",
        "fingerprint": before[0]["fingerprint"],
        "resources": ["azurerm_key_vault.this"],
    }
    document = report(kvlint)
    assert (document["findings"], len(document["suppressed"]), document["problems"]) == ([], len(before), [])
    reason = {"kind": "external", "justification": "baseline", "owner": None, "until": None, "tool": None}
    nowhere = {"path": BASE, "line": None, "column": None, "endLine": None, "endColumn": None}
    assert document["suppressed"][0]["suppression"] == reason | {"location": nowhere}
    assert json.loads(kvlint(".", "--baseline", BASE, "-f", "sarif").out)["runs"][0]["results"] == []
    # Lines may move.
    write("a/main.tf", f"# a comment\n\n\n{BARE}")
    assert report(kvlint)["findings"] == []


def test_a_new_vault_with_an_old_name_is_reported_in_full(kvlint: Kvlint) -> None:
    kvlint("a/main.tf", "--write-baseline", BASE)
    before = len(held())
    assert before >= 4
    write("b/main.tf", BARE)
    for paths in ((".",), ("a", "b"), ("a/main.tf", "b/main.tf"), ("b",)):
        document = report(kvlint, *paths)
        assert [one["location"]["path"] for one in document["findings"]] == ["b/main.tf"] * before
        assert codes(document) == []


def test_baseline_suppresses_as_many_findings_as_it_has_of_one_fingerprint(kvlint: Kvlint) -> None:
    write("a/main.tf", KEYED.format(keys='["b"]'))
    kvlint(".", "--select", "KV001", "--write-baseline", BASE)
    assert [one["resources"] for one in held()] == [['azurerm_key_vault.this["b"]']]
    write("a/main.tf", KEYED.format(keys='["a", "b", "c"]'))
    document = report(kvlint, ".", "--select", "KV001")
    (shown,), (hidden,) = document["findings"], document["suppressed"]
    assert shown["fingerprint"] == hidden["fingerprint"]
    assert [one["resource"] for one in shown["occurrences"]] == [
        'azurerm_key_vault.this["a"]',
        'azurerm_key_vault.this["c"]',
    ]
    assert [one["resource"] for one in hidden["occurrences"]] == ['azurerm_key_vault.this["b"]']
    # Both are in the next baseline.
    kvlint(".", "--select", "KV001", "--baseline", BASE, "--write-baseline", BASE)
    assert [len(one["resources"]) for one in held()] == [3]
    write("a/main.tf", KEYED.format(keys='["a", "b"]'))
    document = report(kvlint, ".", "--select", "KV001")
    assert (document["findings"], codes(document)) == ([], ["KVE012"])
    assert "is no longer found (1 of 3 times)" in document["problems"][0]["message"]


def test_several_items_on_several_lines_are_several(kvlint: Kvlint) -> None:
    rules = 'network_acls {{\n  default_action = "Deny"\n  bypass = "None"\n  ip_rules = [\n{}  ]\n}}\n}}\n'
    wide = ['    "4.0.0.0/8",\n', '    "5.0.0.0/8",\n']
    write("a/main.tf", BARE.replace("}\n", rules.format(wide[0])))
    kvlint(".", "--select", "KV102", "--write-baseline", BASE)
    write("a/main.tf", BARE.replace("}\n", rules.format("".join(wide))))
    now = json.loads(kvlint(".", "--select", "KV102", "-f", "json").out)["findings"]
    document = report(kvlint, ".", "--select", "KV102")
    assert len(document["findings"]) == len(now) - 1
    assert codes(document) == []


def test_resolved_baseline_entry_is_reported_if_its_file_was_evaluated(kvlint: Kvlint) -> None:
    write("b/main.tf", BARE)
    kvlint(".", "--write-baseline", BASE)
    half = len(held()) // 2
    write("a/main.tf", BARE.replace("}\n", "  purge_protection_enabled = true\n}\n"))
    document = report(kvlint)
    (problem,) = document["problems"]
    assert (problem["code"], problem["level"], problem["location"]["path"]) == ("KVE012", "warning", BASE)
    assert problem["message"] == "obsolete entry: KV001 on azurerm_key_vault.this in a/main.tf is no longer found"
    assert codes(report(kvlint, "a/main.tf")) == codes(report(kvlint, "a")) == ["KVE012"]
    assert codes(report(kvlint, "b")) == []
    assert codes(report(kvlint, ".", "--select", "KV101")) == []
    assert codes(report(kvlint, ".", "--min-severity", "critical")) == ["KVE012"]
    Path("b/main.tf").unlink()
    assert codes(report(kvlint)) == ["KVE012"] * (half + 1)
    write("b/main.tf", 'resource "azurerm_key_vault" {')
    said = kvlint(".", "--baseline", BASE)
    assert (said.code, "KVE012" in said.out) == (3, False)


@pytest.mark.parametrize(("count", "told"), [(51, "1 obsolete entry"), (60, "10 obsolete entries")])
def test_many_stale_entries_are_counted(kvlint: Kvlint, count: int, told: str) -> None:
    for number in range(count):
        write(f"m{number}/main.tf", BARE)
    kvlint(".", "--select", "KV001", "--write-baseline", BASE)
    for number in range(count):
        Path(f"m{number}/main.tf").unlink()
    problems = report(kvlint, ".", "--select", "KV001")["problems"]
    assert len(problems) == 51
    assert problems[-1]["message"] == f"{told} of the baseline not listed"


def test_unknown_results_are_in_the_baseline_of_a_strict_run_only(kvlint: Kvlint) -> None:
    write("a/main.tf", 'variable "x" {}\n' + BARE.replace("}\n", "  purge_protection_enabled = var.x\n}\n"))
    one = (".", "--select", "KV001")
    kvlint(*one, "--write-baseline", BASE)
    assert held() == []
    assert kvlint(*one, "--strict", "--write-baseline", BASE).code == 1
    assert [entry["outcome"] for entry in held()] == ["unknown"]
    assert kvlint(*one, "--strict", "--baseline", BASE, "-f", "sarif").code == 0
    assert kvlint(*one, "--baseline", BASE).code == 0
    # What has been a question and fails now is new.
    write("a/main.tf", BARE)
    assert len(report(kvlint, *one)["findings"]) == 1


def test_suppressed_finding_is_not_in_the_baseline(kvlint: Kvlint) -> None:
    write("a/main.tf", BARE.replace("{\n", "{ # kvlint: ignore[KV001] a lab\n", 1))
    kvlint(".", "--write-baseline", BASE)
    assert "KV001" not in [entry["rule"] for entry in held()]
    document = report(kvlint)
    assert (document["findings"], document["problems"]) == ([], [])
    audit = json.loads(kvlint(".", "--baseline", BASE, "--no-ignores", "-f", "json").out)
    assert (len(audit["findings"]), audit["suppressed"], audit["problems"]) == (len(held()) + 1, [], [])


def test_baseline_can_be_set_in_the_configuration(kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch) -> None:
    write("kvlint.toml", f"baseline = '{BASE}'")
    hint = "write one with --write-baseline FILE"
    assert kvlint(".").err == f"kvlint: error: baseline `{BASE}` cannot be read: the file does not exist ({hint})\n"
    assert kvlint(".", "--write-baseline", BASE).code == 1
    assert kvlint(".").code == 0
    assert kvlint(".", "--write-baseline", BASE).code == 0  # nothing is lost when it is written again
    assert kvlint(".").code == 0
    monkeypatch.chdir("a")
    assert kvlint("main.tf").code == 0


def test_baseline_bytes_do_not_depend_on_order_and_current_folder(
    kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("b/main.tf", BARE)
    kvlint("a", "b", "--write-baseline", BASE)
    first = Path(BASE).read_bytes()
    kvlint("b", "a", "--jobs", "2", "-f", "sarif", "--write-baseline", "second.json")
    assert Path("second.json").read_bytes() == first
    monkeypatch.chdir("a")
    kvlint("../b", str(Path.cwd()), "--write-baseline", "../third.json")
    assert Path("../third.json").read_bytes() == first
    assert first.endswith(b"}\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a baseline of kvlint: invalid JSON: unexpected end of file"),
        ("<<<<<<< ours", "not a baseline of kvlint: invalid JSON: expected a value"),
        ("[]", "not a baseline of kvlint: expected an object, found an array"),
        ("{}", "not a baseline of kvlint: `version` is missing"),
        (
            '{"version": 2, "findings": []}',
            "baseline version 2 is not supported (write one with --write-baseline FILE)",
        ),
        (
            '{"version": "\\u001b[31m", "findings": []}',
            "not a baseline of kvlint: `version`: expected an integer, found a string",
        ),
        ('{"version": 1}', "not a baseline of kvlint: `findings` is missing"),
        (
            '{"version": 1, "findings": [{"rule": "KV001"}]}',
            "not a baseline of kvlint: `findings[0]`: `path` is missing",
        ),
        ("[" * 100_000, "not a baseline of kvlint: "),
    ],
)
def test_invalid_baseline_file_is_an_error(kvlint: Kvlint, text: str, said: str) -> None:
    Path(BASE).write_text(text, encoding="utf-8")
    ran = kvlint(".", "--baseline", BASE)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"kvlint: error: {BASE}: {said}")
    assert "\x1b" not in ran.err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fingerprint": "x"}, "findings[1]: the fingerprint is not valid"),
        ({"fingerprint": 5}, "`findings[1].fingerprint`: expected a string, found an integer"),
        ({"outcome": "passed"}, "findings[1]: the outcome is neither fail nor unknown"),
        ({"resources": []}, "findings[1]: resources is empty"),
        ({"resources": "x"}, "`findings[1].resources`: expected an array, found a string"),
        ({}, ""),
        ({"later": "versions may say more"}, ""),
    ],
)
def test_invalid_baseline_entry_is_an_error(kvlint: Kvlint, change: dict[str, Any], said: str) -> None:
    kvlint(".", "--write-baseline", BASE)
    document = json.loads(Path(BASE).read_text(encoding="utf-8"))
    document["findings"][1].update(change)
    Path(BASE).write_text(json.dumps(document), encoding="utf-8")
    ran = kvlint(".", "--baseline", BASE)
    if not said:
        assert ran.code == 0
        document["findings"].append(document["findings"][0])
        Path(BASE).write_text(json.dumps(document), encoding="utf-8")
        ran, said = kvlint(".", "--baseline", BASE), "findings[4]: the fingerprint is repeated"
    assert ran.code == 2
    assert ran.err.startswith(f"kvlint: error: {BASE}: not a baseline of kvlint: {said}")


def test_unusable_baseline_paths_are_errors(kvlint: Kvlint) -> None:
    os.mkfifo("pipe")
    assert kvlint(".", "--baseline", "pipe").code == 2
    assert kvlint(".", "--baseline", "a").code == 2
    said = kvlint(".", "--write-baseline", "nowhere/x.json")
    assert (said.code, said.err) == (2, "kvlint: error: cannot write 'nowhere/x.json': No such file or directory\n")
    assert kvlint(".", "--write-baseline", "-").err == "kvlint: error: --write-baseline requires a file\n"
    said = kvlint(".", "-f", "json=x", "--write-baseline", "./x")
    assert (said.code, said.err) == (
        2,
        "kvlint: error: a report and the baseline are written to the same file, './x'\n",
    )
    assert not Path("x").exists()


def test_names_in_a_baseline_are_escaped(kvlint: Kvlint) -> None:
    write("a/main.tf", KEYED.format(keys='["x\\u001b[31m\\n::error::"]'))
    kvlint(".", "--write-baseline", BASE)
    assert b"\x1b" not in Path(BASE).read_bytes()
    assert report(kvlint)["findings"] == []
    write("a/main.tf", "")
    out = kvlint(".", "--baseline", BASE).out
    assert "KVE012" in out
    assert "\x1b" not in out
    assert "\n::" not in out


def test_plan_and_source_share_baseline_entries(kvlint: Kvlint) -> None:
    from azkvlint.linter.rule_tests import expand

    plan = expand("azurerm_key_vault.this: {name: kv-prod, purge_protection_enabled: false}")
    Path("a/plan.json").write_bytes(plan)
    write("a/main.tf", BARE.replace("}\n", "  purge_protection_enabled = false\n}\n"))
    one = ("a/plan.json", "--select", "KV001")
    kvlint(*one, "--write-baseline", BASE)
    assert [entry["path"] for entry in held()] == ["a/main.tf"]
    assert report(kvlint, *one)["findings"] == []
    assert report(kvlint, "a", "--select", "KV001")["findings"] == []
    Path("a/plan.json").write_bytes(plan.replace(b"false", b"true"))
    write("a/main.tf", BARE.replace("}\n", "  purge_protection_enabled = true\n}\n"))
    assert codes(report(kvlint, *one)) == ["KVE012"]


def test_baseline_contains_a_file_name_that_is_not_utf_8(kvlint: Kvlint) -> None:
    """Whatever the name of a file is, its findings can be written and are known again."""
    try:
        write(os.fsdecode(b"a/\xff.tf"), BARE.replace("this", "other"))
    except OSError:
        pytest.skip("the file system accepts only names in UTF-8")
    kvlint(".", "--write-baseline", BASE)
    assert {entry["path"] for entry in held()} == {"a/main.tf", "a/\ufffd.tf"}
    assert report(kvlint)["findings"] == []


def test_baseline_of_an_earlier_version_suppresses_unknown_results(kvlint: Kvlint) -> None:
    write("a/main.tf", BARE.replace("}\n", '  purge_protection_enabled = var.x\n}\nvariable "x" {}\n'))
    strict = ("--select", "KV001", "--strict")
    assert kvlint("a", *strict, "--write-baseline", BASE).code == 1
    text = Path(BASE).read_text(encoding="utf-8")
    assert '"unknown"' in text
    Path(BASE).write_text(text.replace('"unknown"', '"undecided"'), encoding="utf-8")
    said = kvlint("a", *strict, "--baseline", BASE)
    assert (said.code, said.err) == (0, "")
    kvlint("a", *strict, "--baseline", BASE, "--write-baseline", BASE)
    assert Path(BASE).read_text(encoding="utf-8") == text
