"""The command line inside the tests' own process, and small plans to run it on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest

from azkvlint.__main__ import _run_with_error_handling
from azkvlint.linter.rule_tests import expand

GOOD = "azurerm_key_vault.kv: {name: kv, purge_protection_enabled: true}"
BAD = "azurerm_key_vault.kv: {name: kv, purge_protection_enabled: false}"
DOUBTFUL = "azurerm_key_vault.kv: {name: kv, purge_protection_enabled: '${var.x}'}"


class CommandOutput(NamedTuple):
    """What a command line left: its exit code, stdout and stderr."""

    code: int
    out: str
    err: str


class Kvlint(Protocol):
    """Runs a command line, as the entry point does, and answers what it said."""

    def __call__(self, *words: str | Path) -> CommandOutput: ...


@pytest.fixture
def kvlint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Kvlint:
    """In a folder with a plan of each kind, and nothing in the environment that changes the output."""
    for name, plan in (("good", GOOD), ("bad", BAD), ("doubtful", DOUBTFUL)):
        (tmp_path / f"{name}.json").write_bytes(expand(plan))
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", *(name for name in os.environ if name.startswith("KVLINT_"))):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))

    def run(*words: str | Path) -> CommandOutput:
        code = _run_with_error_handling([str(word) for word in words])
        said = capfdbinary.readouterr()
        return CommandOutput(code, said.out.decode(), said.err.decode())

    return run
