"""Command lines are completed: by bash itself where there is one, and by the answers that the other shells get."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from azkvlint.cli.completion import as_check
from azkvlint.config.options import COMMANDS, OPTIONS
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.reporters import REPORTERS

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

SHELLS = ("bash", "zsh", "fish", "powershell")
CHECK = {name for option in OPTIONS if "check" in option.commands for name in option.names if name.startswith("--")}
# What bash does when somebody presses the tab key behind these words, printed word by word.
PRESS = """
. ./completions.bash
while IFS= read -r line; do
  read -r -a COMP_WORDS <<< "$line"
  case "$line" in *" ") COMP_WORDS+=("") ;; esac
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  COMPREPLY=()
  _kvlint_completion kvlint
  echo "${COMPREPLY[*]}"
done
"""


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_its_script(kvlint: Kvlint, shell: str) -> None:
    done = kvlint("completions", shell)
    assert (done.code, done.err) == (0, "")
    assert f"_KVLINT_COMPLETE=complete_{shell}" in done.out.replace('"', "").replace(" = ", "=").replace("$Env:", "")
    assert done.out.endswith("\n")
    assert "http" not in done.out


def test_a_shell_that_is_not_known_is_wrong_use(kvlint: Kvlint) -> None:
    done = kvlint("completions", "csh")
    text = "kvlint: there are no completions for 'csh' (one of bash, zsh, fish, powershell)\n"
    assert done == (2, "", text)


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes(kvlint: Kvlint, tmp_path: Path) -> None:
    (tmp_path / "completions.bash").write_text(kvlint("completions", "bash").out)
    program = tmp_path / "kvlint"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m azkvlint "$@"\n')
    program.chmod(0o755)
    rules = {rule.id for rule in builtin_rules()}
    wanted = {
        "kvlint ": set(COMMANDS),
        "kvlint --": CHECK | {"--help"},
        "kvlint main.tf --sarif-": {"--sarif-include", "--sarif-category", "--sarif-root-uri"},
        "kvlint check . -f ": set(REPORTERS),
        "kvlint suppressions . -f ": {"text", "json"},
        "kvlint controls --framework m": {"mcsb"},
        "kvlint . --select KV1": {id_ for id_ in rules if id_.startswith("KV1")},
        "kvlint . -o ": set(),  # bash offers files
        "kvlint $(touch\tpwned) `touch\tpwned` --fail-on l": {"low"},
    }
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["bash", "--norc", "-c", PRESS],  # noqa: S607  # the one that is installed
        input="".join(f"{line}\n" for line in wanted), env=environment, cwd=tmp_path,
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""
    found = done.stdout.splitlines()
    assert {line: set(words.split()) for line, words in zip(wanted, found, strict=True)} == wanted
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("shell", "typed"),
    [("zsh", "kvlint . --fail-on h"), ("fish", "kvlint . --fail-on h"), ("powershell", "kvlint . --fail-on h")],
)
def test_the_other_shells_are_answered(kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch, shell: str, typed: str) -> None:
    asked = {"_KVLINT_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": typed}
    asked |= {"_TYPER_COMPLETE_WORD_TO_COMPLETE": "h", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    for name, value in asked.items():
        monkeypatch.setenv(name, value)
    done = kvlint()
    assert (done.code, done.err) == (0, "")
    assert "high" in done.out
    assert "low" not in done.out


@pytest.mark.parametrize(
    ("typed", "current", "asked"),
    [
        ("kvlint main.tf --f", "2", "kvlint check main.tf --f"),
        ("kvlint\nmain.tf\n", "2", "kvlint\ncheck main.tf\n"),
        ("kvlint --f", "1", "kvlint check --f"),
        ("kvlint ma", "1", None),
        ("kvlint rules ", "2", None),
        ("kvlint --version ", "2", None),
        ("kvlint", "0", None),
        ("", "x", None),
    ],
)
def test_a_path_stands_for_a_check(typed: str, current: str, asked: str | None) -> None:
    words = {"COMP_WORDS": typed, "COMP_CWORD": current, "_TYPER_COMPLETE_ARGS": typed}
    as_check(words)
    one_more = current if asked is None else str(int(current) + 1)
    asked = typed if asked is None else asked
    assert words == {"COMP_WORDS": asked, "COMP_CWORD": one_more, "_TYPER_COMPLETE_ARGS": asked}
