"""No command shows what a secret is made of, in any format: see ``secretshapes``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from azkvlint.reporters import REPORTERS
from azkvlint.reporters.access import ACCESS_REPORTERS
from azkvlint.reporters.controls import CONTROLS_REPORTERS
from tests.secretshapes import MARK, shape_of

if TYPE_CHECKING:
    from tests.conftest import Run

pytestmark = pytest.mark.slow(8)

LANGUAGES = ("terraform", "bicep", "arm")
CHECK = ("--profile", "all", "-v", "--strict", "--no-cache", "--sarif-include", "suppressed,unknown,passed,rules")


def files(names: Iterable[str]) -> tuple[str, ...]:
    """Return the options that write a report in each format."""
    return tuple(word for name in names for word in ("-f", f"{name}=reports/{name}"))


COMMANDS = {
    "check": (*CHECK, *files(REPORTERS)),
    "controls": ("--framework", "all", *files(CONTROLS_REPORTERS)),
    "access": files(ACCESS_REPORTERS),
    "fix": ("--unsafe", "--profile", "all", "--diff", *files(["json"])),
}


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shapes of each language, beside each other."""
    folder = tmp_path_factory.mktemp("shapes")
    (folder / ".git").mkdir()
    (folder / "reports").mkdir()
    for language in LANGUAGES:
        for steps in range(5):
            for path, text in shape_of(language, 2026, steps).files.items():
                file = folder / f"{language}-{steps}" / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_shows_the_parts_of_a_secret(command: str, shapes: Path, run: Run) -> None:
    ran = run(command, ".", *COMMANDS[command], cwd=shapes)
    assert ran.code in (0, 1)
    written = {file.name: file.read_text(encoding="utf-8") for file in (shapes / "reports").iterdir()}
    assert written
    for name, text in {**written, "stdout": ran.out, "stderr": ran.err}.items():
        at = text.find(MARK)
        assert at < 0, (name, text[max(at - 200, 0) : at + 40])
    if command == "fix":
        assert "+  public_network_access_enabled = false\n" in ran.out


def test_no_command_shows_a_secret_that_another_argument_repeats(run: Run, tmp_path: Path) -> None:
    text = (
        f'locals {{\n  z = "{MARK}1"\n}}\nresource "azurerm_key_vault" "v" {{\n  name = local.z\n'
        "  network_acls {\n    ip_rules = [local.z]\n  }\n}\n"
        'resource "azurerm_key_vault_secret" "s" {\n  name = "s"\n  value = local.z\n  content_type = local.z\n'
        "  key_vault_id = azurerm_key_vault.v.id\n}\n"
    )
    (tmp_path / "main.tf").write_text(text)
    (tmp_path / "reports").mkdir()
    for command in ("check", "controls", "fix"):
        ran = run(command, ".", *COMMANDS[command], cwd=tmp_path)
        assert MARK not in ran.out + ran.err
    for file in (tmp_path / "reports").iterdir():
        assert MARK not in file.read_text(encoding="utf-8"), file.name
