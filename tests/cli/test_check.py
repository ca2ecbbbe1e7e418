"""``kvlint PATH...``: exit codes, options, and where reports go."""

from __future__ import annotations

import json
import os
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from kvlint.model.rule import Severity
from kvlint.readers.plan.compact import expand
from kvlint.reporters import REPORTERS

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint
    from tests.conftest import Run

ONE = ("--select", "KV001")  # a rule of severity high


# --- exit codes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", sorted(REPORTERS))
@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("good.json", 0),
        ("bad.json", 1),
        ("doubtful.json", 0),
        ("good.json bad.json", 1),
        ("broken.json", 3),
        ("bad.json broken.json", 3),
        ("doubtful.json --strict", 1),
        ("good.json --strict", 0),
        ("broken.json --strict", 3),
        ("bad.json --fail-on high", 1),
        ("bad.json --fail-on critical", 0),
        ("doubtful.json --strict --fail-on critical", 0),
        ("broken.json --fail-on critical", 3),
        ("bad.json --min-severity high", 1),
        ("bad.json --min-severity CRITICAL", 0),
        ("broken.json --min-severity critical", 3),
        ("bad.json --ignore KV0", 2),
        ("nowhere.json", 2),
        ("bad.json nowhere.json", 2),
    ],
)
def test_exit_code(kvlint: Kvlint, form: str, line: str, code: int) -> None:
    assert kvlint(*line.split(), *ONE, "-f", form).code == code


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nowhere.json", "'nowhere.json' does not exist (give a plan in JSON, a folder, or - for standard input)"),
        ("bad.json -f jsn", "there is no format 'jsn' (one of text, json, sarif)"),
        ("bad.json -f =x", "there is no format '' (one of text, json, sarif)"),
        (
            "bad.json --fail-on hgh",
            "--fail-on hgh: there is no such severity (one of info, low, medium, high, critical)",
        ),
        (
            "bad.json --min-severity all",
            "--min-severity all: there is no such severity (one of info, low, medium, high, critical)",
        ),
        ("bad.json --select KV0001", "no rule is called 'KV0001' (did you mean KV001?)"),
        ("bad.json --ignore purge-protecton", "no rule is called 'purge-protecton' (did you mean purge-protection?)"),
        ("bad.json --select zzzzzz", "no rule is called 'zzzzzz' (kvlint rules lists all rules)"),
        ("bad.json --select ,", "--select names no rule (kvlint rules lists all rules)"),
        ("bad.json --ignore=", "--ignore names no rule (kvlint rules lists all rules)"),
        (
            "bad.json --select KV001 --ignore KV0",
            "every rule that is selected is also ignored, so nothing would be judged",
        ),
        ("bad.json --rules nowhere", "there is no folder or file 'nowhere' to read rules from"),
        ("bad.json -f text -f json", "only one format can go to the standard output (write -f sarif=report.sarif)"),
        ("bad.json -f text -f json=-", "only one format can go to the standard output (write -f sarif=report.sarif)"),
        (
            "bad.json -f text -f json -o x",
            "--output takes exactly one format without a file of its own (write -f sarif=report.sarif)",
        ),
        (
            "bad.json -f text=t -o x",
            "--output takes exactly one format without a file of its own (write -f sarif=report.sarif)",
        ),
        (
            "bad.json -f text=x -f json=./x",
            "two formats go to one file (write -f json=report.json -f sarif=report.sarif)",
        ),
        ("bad.json -o nowhere/x", "'nowhere/x' cannot be written: No such file or directory"),
        ("bad.json -o .", "'.' cannot be written: Is a directory"),
    ],
)
def test_wrong_use_is_one_line_and_exits_with_2(kvlint: Kvlint, line: str, said: str) -> None:
    assert kvlint(*line.split()) == (2, "", f"kvlint: {said}\n")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("bad.json --frmat json", "--format"),
        ("bad.json --selct KV1", "--select"),
        ("bad.json -f", "requires an argument"),
        ("check", "Missing argument"),
        ("explain", "Missing argument"),
        ("rules tset", "test"),
    ],
)
def test_wrong_options_exit_with_2(kvlint: Kvlint, line: str, said: str) -> None:
    ran = kvlint(*line.split())
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_a_broken_input_says_how_to_make_a_good_one(kvlint: Kvlint) -> None:
    ran = kvlint("broken.json")
    assert ran.err == ""
    assert ran.out.startswith("broken.json:1:2: error KVE001 ")
    assert "terraform show -json tfplan > plan.json" in ran.out


# --- which rules, and what is shown -----------------------------------------------------------------------------------


def rules_in(kvlint: Kvlint, *words: str) -> set[str]:
    """The rules that ran."""
    return set(json.loads(kvlint("good.json", "-f", "json", *words).out)["rules"])


def test_select_and_ignore(kvlint: Kvlint) -> None:
    every = rules_in(kvlint)
    assert rules_in(kvlint, "--select", "kv") == every
    assert rules_in(kvlint, "--select", "KV001") == {"KV001"}
    assert rules_in(kvlint, "--select", "purge-protection") == {"KV001"}
    network = {rule for rule in every if rule.startswith("KV1")}
    assert rules_in(kvlint, "--select", "kv1") == network
    assert rules_in(kvlint, "--select", "KV1, KV001") == network | {"KV001"}
    assert rules_in(kvlint, "--select", "KV1", "--select", "KV001") == network | {"KV001"}
    assert rules_in(kvlint, "--ignore", "KV1,KV001") == every - network - {"KV001"}
    assert rules_in(kvlint, "--select", "KV1", "--ignore", "KV101") == network - {"KV101"}


def test_min_severity_hides_what_is_less_severe(kvlint: Kvlint) -> None:
    for severity in Severity:
        report = json.loads(kvlint("bad.json", "doubtful.json", "-f", "json", "--min-severity", severity.label).out)
        shown = {Severity[result["severity"].upper()] for result in report["findings"] + report["undecided"]}
        assert min(shown, default=severity) >= severity


def test_verbosity(kvlint: Kvlint) -> None:
    quiet, plain, loud = (kvlint("bad.json", *ONE, *words).out for words in (["-q"], [], ["-v"]))
    assert len(quiet.splitlines()) < len(plain.splitlines()) < len(loud.splitlines())
    assert quiet.splitlines() == plain.splitlines()[:1]
    assert kvlint("bad.json", *ONE, "-q", "-v").out == plain
    assert "     1 KV001 purge-protection\n" in kvlint("bad.json", *ONE, "--statistics").out


def test_problems_reach_people_whatever_the_report(kvlint: Kvlint) -> None:
    (told,) = [line for line in kvlint("broken.json", *ONE).out.splitlines() if "KVE001" in line]
    for words in (
        ["-q"],
        ["-f", "sarif"],
        ["-f", "json"],
        ["-o", "x"],
        ["-f", "text=x"],
        ["-f", "text=x", "-f", "json"],
    ):
        assert kvlint("broken.json", *ONE, *words).err == f"kvlint: {told}\n"
    assert kvlint("broken.json", *ONE, "-f", "text", "-f", "sarif=y").err == ""
    assert kvlint("broken.json", *ONE, "-q", "-v").err == ""
    assert kvlint("bad.json", *ONE, "-q", "-f", "text", "-f", "sarif=y").err == ""


def test_standard_input(kvlint: Kvlint, run: Run) -> None:
    for name, code in (("bad", 1), ("broken", 3)):
        data = Path(f"{name}.json").read_bytes()
        ran = run("-", *ONE, stdin=data)
        assert (ran.code, ran.err) == (code, "")
        assert ran.out.startswith("stdin:1:")


# --- where reports go -------------------------------------------------------------------------------------------------


def test_several_formats_in_one_run(kvlint: Kvlint) -> None:
    alone = {form: kvlint("bad.json", *ONE, "-f", form).out for form in REPORTERS}
    ran = kvlint("bad.json", *ONE, "-f", "text", "-f", "json=a.json", "-f", "sarif=b=c.sarif", "-f", "json=d.json")
    assert ran == (1, alone["text"], "")
    assert Path("a.json").read_text(encoding="utf-8") == Path("d.json").read_text(encoding="utf-8") == alone["json"]
    assert Path("b=c.sarif").read_text(encoding="utf-8") == alone["sarif"]
    assert kvlint("bad.json", *ONE, "-f", "json=a.json", "-f", "sarif", "-o", "e") == (1, "", "")
    assert Path("e").read_text(encoding="utf-8") == alone["sarif"]
    assert kvlint("bad.json", *ONE, "-f", "json", "-o", "-").out == alone["json"]


def test_a_file_is_complete_or_as_it_was(kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("old").write_text("old", encoding="utf-8")
    before = set(Path.cwd().iterdir())

    def fails(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fails)
        assert kvlint("bad.json", "-o", "old") == (2, "", "kvlint: 'old' cannot be written: No space left on device\n")
    assert Path("old").read_text(encoding="utf-8") == "old"
    assert set(Path.cwd().iterdir()) == before
    kvlint("bad.json", *ONE, "-o", "old")
    assert Path("old").read_text(encoding="utf-8") == kvlint("bad.json", *ONE).out
    assert set(Path.cwd().iterdir()) == before


def test_a_link_to_a_file_stays_a_link(kvlint: Kvlint, tmp_path: Path) -> None:
    Path("real").write_text("", encoding="utf-8")
    Path("link").symlink_to("real")
    kvlint("bad.json", *ONE, "-o", "link")
    assert Path("link").is_symlink()
    assert Path("real").read_text(encoding="utf-8") == kvlint("bad.json", *ONE).out


def test_a_pipe_or_device_is_written_to_and_not_replaced(kvlint: Kvlint) -> None:
    os.mkfifo("pipe")
    got: list[str] = []
    reader = Thread(target=lambda: got.append(Path("pipe").read_text(encoding="utf-8")), daemon=True)
    reader.start()
    assert kvlint("bad.json", *ONE, "-o", "pipe") == (1, "", "")
    reader.join(10)
    assert got == [kvlint("bad.json", *ONE).out]
    assert Path("pipe").is_fifo()


def test_many_results_come_with_a_warning(kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kvlint.command._SHOWN_RESULTS", 1)
    plan = "\n".join(f"azurerm_key_vault.kv{i}: {{name: kv{i}}}" for i in range(3))
    Path("three.json").write_bytes(expand(plan))
    ran = kvlint("three.json", *ONE, "-f", "sarif")
    assert ran.err.startswith("kvlint: 3 results; GitHub code scanning stores the first 1 (")
    assert kvlint("three.json", *ONE).err == ""


# --- one's own rules --------------------------------------------------------------------------------------------------

OWN = """\
id: ACME-2
name: premium-vault
title: Vaults are of the premium tier
severity: low
resource: Microsoft.KeyVault/vaults

require:
  - attribute: properties.sku.name
    equals: premium

message: "'{resource}' is of the tier '{value}'."
why: Our keys have to be in hardware.
fix: Set the tier.
references:
  - https://learn.microsoft.com/azure/key-vault/keys/about-keys

examples:
  - fails: the standard tier
    plan: |
      azurerm_key_vault.kv:  # <- ACME-2
        sku_name: standard
  - passes: the premium tier
    plan: |
      azurerm_key_vault.kv:
        sku_name: premium
"""


def own(text: str, name: str = "ACME-2-premium-vault.yaml") -> Path:
    Path("own").mkdir(exist_ok=True)
    file = Path("own", name)
    file.write_text(text, encoding="utf-8")
    return file


def test_own_rules_run_beside_the_built_in_ones(kvlint: Kvlint) -> None:
    file = own(OWN)
    for words in (["--rules", "own"], ["--rules", str(file)], ["--rules=own/"]):
        report = json.loads(kvlint("bad.json", "-f", "json", *words).out)
        assert {"KV001", "ACME-2"} <= {result["ruleId"] for result in report["findings"]}
    ran = kvlint("bad.json", "--rules", "own", "--select", "ACME")
    assert ran.out.splitlines()[0] == "bad.json:1:46: low ACME-2 'azurerm_key_vault.kv' is of the tier 'not set'."
    assert kvlint("bad.json", "--rules", "own", "--select", "KV001,acme-2").code == 1
    assert kvlint("bad.json", "--select", "ACME").code == 2


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        (
            OWN.replace("ACME-2", "KV001"),
            "KV001-premium-vault.yaml",
            "own/KV001-premium-vault.yaml:1:5: 'KV001' is also the id of rules/vault/KV001-purge-protection.yaml",
        ),
        ("", "ACME-2-premium-vault.yaml", "own/ACME-2-premium-vault.yaml:1:1: the file is empty"),
    ],
)
def test_an_own_rule_that_does_not_load_ends_the_run(kvlint: Kvlint, text: str, name: str, said: str) -> None:
    own(text, name)
    ran = kvlint("bad.json", "--rules", "own")
    assert (ran.code, ran.out) == (3, "")
    assert f"kvlint: {said}" in ran.err.splitlines()


def test_five_faults_are_five_lines_at_their_places(kvlint: Kvlint) -> None:
    faulty = OWN.replace("severity: low", "severity: hihg").replace("    equals: premium", "    equal: premium")
    faulty = faulty.replace("'{value}'.", "'{vlaue}'.").replace("https://learn", "http://learn")
    faulty = faulty.replace("title: Vaults are of the premium tier\n", "")
    own(faulty)
    ran = kvlint("bad.json", "--rules", "own")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.splitlines() == [
        f"kvlint: own/ACME-2-premium-vault.yaml:{fault}"
        for fault in (
            "1:1: a rule needs title:",
            "3:11: there is no severity 'hihg'; did you mean 'high'?",
            "8:5: an attribute condition has no key 'equal'; did you mean 'equals'?",
            "10:10: message has no placeholder 'vlaue'; did you mean 'value'?",
            "14:5: 'http://learn.microsoft.com/azure/key-vault/keys/about-keys' is not an https:// link",
        )
    ]
    for words in (["rules", "--rules", "own"], ["rules", "test", "own"], ["explain", "KV001", "--rules", "own"]):
        assert kvlint(*words) == (3, "", ran.err)
