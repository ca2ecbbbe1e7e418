"""Command lines are completed: by bash itself where there is one, and by the answers that the other shells get."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from azkvlint.cli.help import _services
from azkvlint.cli.init import NO_PIPELINE
from azkvlint.cli.pipelines import PIPELINES
from azkvlint.config.options import COMMANDS, OPTIONS
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.reporters import REPORTERS

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

pytestmark = pytest.mark.slow(3)

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


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes(kvlint: Kvlint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_KVLINT_COMPLETE", "source_bash")
    (tmp_path / "completions.bash").write_text(kvlint().out)
    program = tmp_path / "kvlint"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m azkvlint "$@"\n')
    program.chmod(0o755)
    rules = {rule.id for rule in builtin_rules()}
    wanted = {
        "kvlint ": set(COMMANDS),
        "kvlint --": CHECK | {"--help", "--version", "--install-completion", "--show-completion"},
        "kvlint main.tf --sarif-": {"--sarif-include", "--sarif-category", "--sarif-root-uri"},
        "kvlint check . -f ": set(REPORTERS),
        "kvlint suppressions . -f ": {"text", "json"},
        "kvlint controls --framework m": {"mcsb", "mcsb-v2"},
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
def test_zsh_fish_and_powershell_complete_values(
    kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch, shell: str, typed: str
) -> None:
    asked = {"_KVLINT_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": typed}
    asked |= {"_TYPER_COMPLETE_WORD_TO_COMPLETE": "h", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    for name, value in asked.items():
        monkeypatch.setenv(name, value)
    done = kvlint()
    assert (done.code, done.err) == (0, "")
    assert "high" in done.out
    assert "low" not in done.out


def test_completion_lists_the_services_of_pipelines() -> None:
    assert [*_services()] == [*PIPELINES, NO_PIPELINE]
