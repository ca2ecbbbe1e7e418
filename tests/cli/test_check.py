"""``kvlint PATH...``: exit codes, options, and what is said of mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from azkvlint.model.rule import Severity
from azkvlint.reporters import REPORTERS

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
def test_exit_code_depends_on_the_inputs_with_any_format(kvlint: Kvlint, form: str, line: str, code: int) -> None:
    assert kvlint(*line.split(), *ONE, "-f", form).code == code


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "nowhere.json",
            "'nowhere.json' does not exist (name a plan, a template, a Terraform or Bicep file, a folder, or -)",
        ),
        ("bad.json -f jsn", "unknown format 'jsn' (did you mean 'json'?)"),
        ("bad.json -f =x", f"unknown format '' (one of {', '.join(REPORTERS)})"),
        (
            "bad.json --fail-on hgh",
            "--fail-on hgh: unknown severity (did you mean 'high'?)",
        ),
        (
            "bad.json --min-severity all",
            "--min-severity all: unknown severity (one of info, low, medium, high, critical)",
        ),
        ("bad.json --select KV0001", "no rule matches 'KV0001' (did you mean 'KV001'?)"),
        ("bad.json --ignore purge-protecton", "no rule matches 'purge-protecton' (did you mean 'purge-protection'?)"),
        ("bad.json --select zzzzzz", "no rule matches 'zzzzzz' (kvlint rules lists all rules)"),
        ("bad.json --select ,", "--select requires a rule (kvlint rules lists all rules)"),
        ("bad.json --ignore ,", "--ignore requires a rule (kvlint rules lists all rules)"),
        (
            "bad.json --select KV001 --ignore KV0",
            "every selected rule is also ignored, so there is nothing to check (shorten --ignore)",
        ),
        ("bad.json --rules nowhere", "--rules nowhere: the file or folder does not exist"),
        (
            "bad.json -f text -f json",
            "only one format can be written to standard output (write -f text -f sarif=report.sarif)",
        ),
        (
            "bad.json -f text -f json=-",
            "only one format can be written to standard output (write -f text -f sarif=report.sarif)",
        ),
        (
            "bad.json -f text -f json -o x",
            "--output requires exactly one format without a file (write -f text -f sarif=report.sarif)",
        ),
        (
            "bad.json -f text=t -o x",
            "--output requires exactly one format without a file (write -f text -f sarif=report.sarif)",
        ),
        (
            "bad.json -f text=x -f json=./x",
            "two formats are written to the same file (write -f json=report.json -f sarif=report.sarif)",
        ),
        ("bad.json -o nowhere/x", "cannot write 'nowhere/x': No such file or directory"),
        ("bad.json --summary-file nowhere/x -o out", "cannot write 'nowhere/x': No such file or directory"),
        ("bad.json -o out --summary-file ./out", "the summary and a report are written to the same file"),
        ("bad.json --var dbpassword", "--var ...: expected NAME=VALUE (such as environment=prod)"),
        ("bad.json --var =x", "--var : expected NAME=VALUE (such as environment=prod)"),
        ("bad.json -o .", "cannot write '.': Is a directory"),
    ],
)
def test_usage_error_is_one_line_and_exits_with_2(kvlint: Kvlint, line: str, said: str) -> None:
    assert kvlint(*line.split()) == (2, "", f"kvlint: error: {said}\n")


def test_invalid_json_input_has_a_hint_how_to_create_a_plan(kvlint: Kvlint) -> None:
    ran = kvlint("broken.json")
    assert ran.err == ""
    assert ran.out.startswith("broken.json:1:2: error[KVE001] invalid JSON: ")
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


def test_min_severity_hides_less_severe_results(kvlint: Kvlint) -> None:
    for severity in Severity:
        report = json.loads(kvlint("bad.json", "doubtful.json", "-f", "json", "--min-severity", severity.label).out)
        shown = {Severity[result["severity"].upper()] for result in report["findings"] + report["unknown"]}
        assert min(shown, default=severity) >= severity


def test_verbosity_controls_the_length_of_the_report(kvlint: Kvlint) -> None:
    quiet, plain, loud = (kvlint("bad.json", *ONE, *words).out for words in (["-q"], [], ["-v"]))
    assert len(quiet.splitlines()) < len(plain.splitlines()) < len(loud.splitlines())
    assert quiet.splitlines() == plain.splitlines()[:1]
    assert kvlint("bad.json", *ONE, "-q", "-v").out == plain
    assert "     1 KV001 purge-protection\n" in kvlint("bad.json", *ONE, "--statistics").out


def test_problems_are_printed_with_every_report_format(kvlint: Kvlint) -> None:
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


def test_plan_is_read_from_standard_input(kvlint: Kvlint, run: Run) -> None:
    for name, code in (("bad", 1), ("broken", 3)):
        data = Path(f"{name}.json").read_bytes()
        ran = run("-", *ONE, stdin=data)
        assert (ran.code, ran.err) == (code, "")
        assert ran.out.startswith("stdin:1:")
