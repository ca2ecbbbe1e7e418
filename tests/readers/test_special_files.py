"""What has the name of a file and is none is told as what it is, and takes nothing else with it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from azkvlint.config.run_config import Config
from azkvlint.linter.linter import check

VAULT = 'resource "azurerm_key_vault" "kv" {\n  name = "kv"\n}\n'


def _loop(file: Path) -> None:
    file.symlink_to(file.name)


def _broken(file: Path) -> None:
    file.symlink_to("nowhere")


def _device(file: Path) -> None:
    file.symlink_to("/dev/zero")


KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "folder": (Path.mkdir, "the path is a folder"),
    "loop": (_loop, "the path is a broken symbolic link"),
    "broken link": (_broken, "the path is a broken symbolic link"),
    "pipe": (os.mkfifo, "the path is not a regular file"),
    "device": (_device, "the path is a symbolic link that leads out of the project"),
}


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither pipes in folders nor links for everybody")
@pytest.mark.parametrize("kind", KINDS)
def test_special_file_of_a_module_is_an_error(kind: str, tmp_path: Path) -> None:
    make, message = KINDS[kind]
    (tmp_path / "main.tf").write_text(VAULT, encoding="utf-8")
    make(tmp_path / "other.tf")
    report = check(Config(paths=(str(tmp_path),), select=("KV001",)))
    assert [(one.level, one.message) for one in report.problems] == [("error", message)]
    assert len(report.findings) == 1


def test_removed_file_is_an_error(tmp_path: Path) -> None:
    text = "module m 'gone.bicep' = {\n  name: 'm'\n}\n"
    (tmp_path / "main.bicep").write_text(text, encoding="utf-8")
    (problem,) = check(Config(paths=(str(tmp_path),))).problems
    assert problem.message == "module `gone.bicep` cannot be read: the file does not exist"
