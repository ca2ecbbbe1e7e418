"""The formats for build systems: what each does with findings, unknown questions and inputs that cannot be read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from azkvlint.linter.rule_tests import expand
from azkvlint.reporters import REPORTERS

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

ONE = ("--select", "KV001")  # a rule of severity high
BROKEN = "broken.json:1:2"


# --- inputs that cannot be read ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", REPORTERS)
def test_unreadable_input_is_in_every_format(kvlint: Kvlint, form: str) -> None:
    """Not in what somebody reads, and not in the file that a program reads."""
    ran = kvlint("good.json", "broken.json", *ONE, "-f", form)
    assert ran.code == 3
    assert "KVE001" in ran.out
    assert ("KVE001" in ran.err) is (form not in {"text", "concise", "markdown", "github", "azure"})
    into = kvlint("good.json", "broken.json", *ONE, "-f", f"{form}=out")
    assert into.code == 3
    assert "KVE001" in into.err
    assert Path("out").read_text(encoding="utf-8") == ran.out


def test_missing_input_is_reported_without_a_location(kvlint: Kvlint) -> None:
    Path("empty").mkdir()
    for form in REPORTERS:
        ran = kvlint("empty", "-f", form)
        assert (ran.code, "nothing to check in empty" in ran.out) == (3, True)


def test_problems_have_the_form_that_each_reader_understands(kvlint: Kvlint) -> None:
    said = {form: kvlint("broken.json", "-f", form).out for form in REPORTERS}
    assert said["concise"].startswith(f"{BROKEN}: KVE001 error invalid JSON")
    assert said["github"].startswith("::error title=kvlint (KVE001),file=broken.json,line=1,col=2,")
    assert said["azure"].startswith(
        "##vso[task.logissue type=error;sourcepath=broken.json;linenumber=1;columnnumber=2;"
    )
    assert '<testcase classname="broken.json" name="KVE001" file="broken.json">\n      <error ' in said["junit"]
    (entry,) = json.loads(said["gitlab"])
    assert (entry["check_name"], entry["severity"], entry["location"]["path"]) == ("KVE001", "blocker", "broken.json")
    (diagnostic,) = json.loads(said["rdjson"])["diagnostics"]
    assert (diagnostic["severity"], diagnostic["location"]["path"]) == ("ERROR", "broken.json")
    assert "- **error** KVE001 `broken.json:1:2` invalid JSON" in said["markdown"]


# --- unknown questions, and runs with nothing to say ----------------------------------------------------------------


def test_unknown_results_are_in_every_format(kvlint: Kvlint) -> None:
    said = {form: kvlint("doubtful.json", *ONE, "-f", form).out for form in REPORTERS}
    for form in ("concise", "github", "azure"):
        *notes, summary = said[form].splitlines()
        assert summary == (
            "No issues found in 1 key vault. 1 check is unknown because of 1 value (--show-unknown). 1 problem."
        )
        assert all("KVE008" in note for note in notes)
    assert json.loads(said["gitlab"]) == []
    assert json.loads(said["rdjson"])["diagnostics"] == []
    assert '<testsuites name="kvlint" tests="1" failures="0" errors="0">' in said["junit"]
    assert "<skipped message=" in said["junit"]
    assert "<details><summary>Unknown: 1</summary>" in said["markdown"]


def test_unknown_results_of_a_strict_run_are_errors_in_every_format(kvlint: Kvlint) -> None:
    line = ("doubtful.json", *ONE, "--strict")
    said = {form: kvlint(*line, "-f", form) for form in REPORTERS}
    assert {ran.code for ran in said.values()} == {1}
    assert "KV001 error `purge_protection_enabled` of azurerm_key_vault.kv is unknown: " in said["concise"].out
    assert said["github"].out.startswith("::error title=kvlint (KV001),file=doubtful.json,line=1,")
    assert "type=error;sourcepath=doubtful.json;" in said["azure"].out
    assert [one["severity"] for one in json.loads(said["gitlab"].out)] == ["critical"]
    assert [one["severity"] for one in json.loads(said["rdjson"].out)["diagnostics"]] == ["ERROR"]
    assert '<testsuite name="doubtful.json" tests="1" failures="1" errors="0" skipped="0">' in said["junit"].out


def test_report_without_findings_is_complete(kvlint: Kvlint) -> None:
    said = {form: kvlint("good.json", *ONE, "-f", form) for form in REPORTERS}
    assert {ran.code for ran in said.values()} == {0}
    for form in ("concise", "github", "azure"):
        assert said[form].out == "No issues found in 1 key vault.\n"
        assert kvlint("good.json", *ONE, "-q", "-f", form).out == ""
    assert said["gitlab"].out == "[]\n"
    assert json.loads(said["rdjson"].out)["diagnostics"] == []
    assert '<testcase classname="kvlint" name="nothing was found"/>' in said["junit"].out
    assert said["markdown"].out.startswith("## ✅ kvlint\n")


# --- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", REPORTERS)
def test_exit_zero_applies_to_findings_only(kvlint: Kvlint, form: str) -> None:
    ran = kvlint("bad.json", *ONE, "-f", form)
    assert kvlint("bad.json", *ONE, "-f", form, "--exit-zero") == (0, ran.out, ran.err)
    assert kvlint("broken.json", "--exit-zero", "-f", form).code == 3
    assert kvlint("bad.json", "--exit-zero", "--select", "nothing").code == 2


def test_summary_is_appended_to_the_file(kvlint: Kvlint) -> None:
    summary = Path("summary.md")
    summary.write_text("made before", encoding="utf-8")
    alone = kvlint("bad.json", *ONE, "-f", "markdown").out
    ran = kvlint("bad.json", *ONE, "--summary-file", "summary.md", "-f", "sarif=log.sarif")
    assert ran == (1, "", "")
    kvlint("good.json", *ONE, "--summary-file", "summary.md", "-q")
    after = kvlint("good.json", *ONE, "-f", "markdown").out
    assert summary.read_text(encoding="utf-8") == f"made before\n{alone}\n{after}"


def test_summary_of_unknown_results_is_the_markdown_report_with_any_format(kvlint: Kvlint) -> None:
    kvlint("doubtful.json", *ONE, "--summary-file", "summary.md", "-f", "github")
    assert kvlint("doubtful.json", *ONE, "-f", "markdown").out == Path("summary.md").read_text(encoding="utf-8")


def test_empty_name_of_the_summary_file_writes_none(kvlint: Kvlint) -> None:
    """Outside of GitHub the variable that names it is empty."""
    before = set(Path.cwd().iterdir())
    assert kvlint("bad.json", *ONE, "--summary-file", "") == kvlint("bad.json", *ONE)
    assert set(Path.cwd().iterdir()) == before


def test_summary_is_truncated_to_the_size_limit_of_the_file(kvlint: Kvlint) -> None:
    plan = "\n".join(f"azurerm_key_vault.kv{i}: {{name: kv{i}}}" for i in range(30))
    Path("many.json").write_bytes(expand(plan))
    Path("summary.md").write_bytes(b"x" * (900 * 1024 - 3000))
    kvlint("many.json", *ONE, "--summary-file", "summary.md", "-q")
    added = Path("summary.md").read_bytes()[900 * 1024 - 3000 :].decode()
    assert len(added.encode()) <= 3000
    assert re.search(r"\n\*\*Truncated:\*\* \d+ more lines omitted, because the summary has a size limit\.", added)


def test_show_suppressed(kvlint: Kvlint) -> None:
    Path("main.tf").write_text(
        '# kvlint: ignore[KV001] a sandbox\nresource "azurerm_key_vault" "kv" {\n  name = "kv"\n}\n',
        encoding="utf-8",
    )
    assert "a sandbox" not in kvlint("main.tf", *ONE).out
    shown = kvlint("main.tf", *ONE, "--show-suppressed").out
    assert shown.startswith("main.tf:2:1: suppressed[KV001] ")
    assert "\n    suppressed: a sandbox [main.tf:1:3]\n" in shown
    assert "a sandbox" not in kvlint("main.tf", *ONE, "-f", "markdown").out
    assert "<br>Suppressed: a sandbox" in kvlint("main.tf", *ONE, "-f", "markdown", "--show-suppressed").out


def test_error_message_contains_no_commands(kvlint: Kvlint) -> None:
    assert kvlint("bad.json", "-f", "x\x1b[2J\n::error::y").err == (
        f"kvlint: error: unknown format 'x\\x1b[2J\nkvlint: error: \\x3a:error::y' (one of {', '.join(REPORTERS)})\n"
    )
