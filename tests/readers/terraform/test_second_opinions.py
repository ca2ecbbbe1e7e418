"""What a report adds to a syntax error: whether python-hcl2 also rejects the file, too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.config.run_config import Config
from azkvlint.linter.linter import check
from azkvlint.readers.terraform import second_opinions
from azkvlint.readers.terraform.second_opinions import MAX_BYTES, syntax_error

if TYPE_CHECKING:
    from tests.conftest import Run

pytestmark = pytest.mark.slow(8)


def vault(*lines: str) -> str:
    return "".join(f"{line}\n" for line in ('resource "azurerm_key_vault" "a" {', *lines, "}"))


VAULT = vault('name = "a"')
# Valid for python-hcl2 and Terraform, and nested deeper than kvlint reads.
DEEP = vault(f"name = {'(' * 120}1{')' * 120}")
INVALID = vault('name = ["hunter2"', "hunter2]")
OPERATORS = vault("name = var.b ? [for x in y : -x][0] : z[*].a")
ACCEPTED = "a second parser accepts this file; if `terraform validate` does too, report a bug in kvlint"

# Runs kvlint and writes to standard error what it opened for writing or read from a pickle.
AUDITED = """
import os, sys
def audit(event, arguments):
    if event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        print("wrote", arguments[0], file=sys.stderr)
    if event.startswith("pickle."):
        print(event, file=sys.stderr)
sys.addaudithook(audit)
sys.argv[0] = "kvlint"
from azkvlint.__main__ import main
code = main()
print("hcl2" in sys.modules, "lark" in sys.modules, file=sys.stderr)
sys.exit(code)
"""


def problems(folder: Path) -> list[tuple[str, str, str]]:
    report = check(Config(paths=(str(folder),)))
    return [(one.at.path if one.at else "", one.message, one.hint) for one in report.problems if one.level == "error"]


def test_an_invalid_file_is_rejected_twice(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(INVALID)
    hint = "a second parser also rejects this file, on line 3, column 1"
    assert problems(tmp_path) == [("main.tf", "expected `,` or `]`, found a name", hint)]


def test_a_valid_file_that_kvlint_rejects_is_a_bug(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(DEEP)
    assert problems(tmp_path) == [("main.tf", "the nesting is too deep", ACCEPTED)]


def test_the_first_syntax_error_of_a_file_has_the_hint(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(vault("name = 1 +", "tenant_id = 2 +"))
    first, second = problems(tmp_path)
    assert first[2].startswith("a second parser also rejects")
    assert second[2] == ""


def test_a_variable_file_has_the_hint(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('variable "a" {}\n' + vault("name = var.a"))
    (tmp_path / "terraform.tfvars").write_text("a = [1 2]\n")
    ((path, _, hint),) = problems(tmp_path)
    assert path == "terraform.tfvars"
    assert hint.startswith("a second parser also rejects")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("main.tf", vault('name = "a"', 'name = "b"')),
        ("main.tf", VAULT + VAULT),
        ("main.tf.json", '{"resource": {"azurerm_key_vault": {"a": {"name": "${1 +}"}}}}'),
        ("main.tf", f"{'#' * MAX_BYTES}\n{INVALID}"),
    ],
    ids=["repeated attribute", "repeated resource", "JSON", "large file"],
)
def test_python_hcl2_has_no_opinion(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    ((_, _, hint),) = problems(tmp_path)
    assert "second parser" not in hint


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_large_file_has_no_second_opinion_with_any_number_of_processes(jobs: str, tmp_path: Path, run: Run) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.tf").write_text(f"{DEEP}{'#' * MAX_BYTES}\n")
    code, out, _ = run(str(tmp_path), "--jobs", jobs)
    assert code == 3
    assert out.count("error[KVE001]") == 2
    assert "second parser" not in out


def test_python_hcl2_reads_three_files_at_most(tmp_path: Path, run: Run) -> None:
    for number in range(6):
        folder = tmp_path / f"root{number}"
        folder.mkdir()
        (folder / "main.tf").write_text(INVALID)
    reports = []
    for jobs in (1, 2):
        ran = run(tmp_path, "-f", "json", "--jobs", str(jobs))
        assert ran.code == 3
        reports.append(json.loads(ran.out)["problems"])
    assert reports[0] == reports[1]
    hints = {one["location"]["path"]: one["hint"] for one in reports[0]}
    assert [path for path, hint in hints.items() if hint] == [f"root{number}/main.tf" for number in range(3)]
    assert len(hints) == 6


def test_failure_of_python_hcl2_only_omits_the_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> Any:
        raise KeyError("hunter2")

    monkeypatch.setattr(second_opinions, "grammar", fails)
    (tmp_path / "main.tf").write_text(INVALID)
    assert problems(tmp_path) == [("main.tf", "expected `,` or `]`, found a name", "")]


def test_a_link_out_of_the_checkout_is_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / ".git").mkdir()
    (root / "main.tf").write_text(VAULT)
    (tmp_path / "secret.tf").write_text(INVALID)
    (root / "other.tf").symlink_to(tmp_path / "secret.tf")
    assert all("hcl2" not in hint for _, _, hint in problems(root))


def audited(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", "-c", AUDITED, str(folder), "-f", "json"],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache")},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(("text", "code", "is_asked"), [(DEEP, 3, True), (INVALID, 3, True), (OPERATORS, 1, False)])
def test_nothing_is_written_and_no_pickle_is_read(text: str, code: int, is_asked: bool, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(text)
    ran = audited(tmp_path)
    assert ran.returncode == code
    assert ran.stderr.splitlines()[-1] == f"{is_asked} {is_asked}"
    assert "wrote" not in ran.stderr
    assert "pickle." not in ran.stderr
    assert "hunter2" not in ran.stdout + ran.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["main.tf"]


@pytest.mark.parametrize(
    ("text", "message", "at"),
    [
        ("a = }", "does not expect `}`", 4),
        ("a = [1 hunter2]", "does not expect a name", 7),
        ('a = b "hunter2"', "does not expect a string", 6),
        ("a = 1 2", "does not expect a number", 6),
        ("a = (\n", "does not expect the end of the file", 6),
        ("a = \n", "does not expect the end of the line", 4),
        ("a = \x01", "does not expect a control character", 4),
        ("a = <<hunter2\n", "does not expect `<`", 4),
        ('a = "$${hunter2', "does not expect `$`", 5),
    ],
)
def test_message_contains_no_text_of_the_file(text: str, message: str, at: int) -> None:
    fault = syntax_error(text)
    assert fault is not None
    assert (fault.message, fault.at) == (message, at)


# The first four take time that grows with the square of their length.
HOSTILE = {
    "digits and signs": "a = " + "-5" * MAX_BYTES,
    "digits and signs in a template": 'a = "${' + "0-" * MAX_BYTES,
    "blank lines in an open heredoc": "a = <<E\n" + "\n" * MAX_BYTES,
    "blanks in an open heredoc": "a = <<E\n" + " \n" * MAX_BYTES,
    "operators": "a = 1" + "+1" * MAX_BYTES,
    "conditionals": "a = " + "b?c:" * MAX_BYTES,
    "parentheses": "a = " + "(" * MAX_BYTES,
    "closed parentheses": "a = " + "(" * (MAX_BYTES // 2 - 3) + "1" + ")" * (MAX_BYTES // 2 - 3),
    "blocks": "a{" * (MAX_BYTES // 3) + "}" * (MAX_BYTES // 3),
    "open comments": "/*" * MAX_BYTES,
    "escapes": 'a = "' + "$${" * MAX_BYTES,
    "dollars": 'a = "' + "$" * MAX_BYTES,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_takes_at_most_a_second(name: str) -> None:
    second_opinions.grammar()
    start = time.process_time()
    syntax_error(HOSTILE[name][:MAX_BYTES])
    assert time.process_time() - start < 2
