"""The commands that the README and the pages of docs/ show can be run as they stand, and print what is shown there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", *sorted(f"docs/{file.name}" for file in (ROOT / "docs").glob("*.md")))
# A block of a session, and in it a command with what it prints.
BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.DOTALL | re.MULTILINE)
STEP = re.compile(r"^\$ (?P<command>(?:.*\\\n)*.*)\n(?P<shown>(?:(?!\$ ).*\n)*)", re.MULTILINE)
OWN_RULE = re.compile(r"^```yaml\n(id: ACME-.*?)^```$", re.DOTALL | re.MULTILINE)
KVLINT = 'kvlint() { "$PYTHON" -m azkvlint "$@"; }\n'


def steps(page: str) -> list[re.Match[str]]:
    text = (ROOT / page).read_text(encoding="utf-8")
    found: list[re.Match[str]] = []
    for block in BLOCK.finditer(text):
        inside = list(STEP.finditer(text, *block.span()))
        # Nothing in a block may be passed over.
        assert "".join(step[0] for step in inside) == block[0]
        found += inside
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which there is all that the commands name."""
    folder = tmp_path_factory.mktemp("shown")
    careless = ROOT / "samples" / "careless"
    shutil.copytree(careless, folder / "samples" / "careless")
    shutil.copytree(careless / "grant", folder / "infra" / "grant")
    shutil.copy(careless / "main.tf", folder / "infra")
    shutil.copy(careless / "plan.json", folder)
    shutil.copy(careless / "main.tf", folder / "what-the-editor-holds")
    (own,) = OWN_RULE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    (folder / "my-rules").mkdir()
    (folder / "my-rules" / "ACME-2-premium-vault.yaml").write_text(own, encoding="utf-8")
    return folder


def ran(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8", "PYTHON": sys.executable}
    return subprocess.run(
        ["/bin/sh", "-c", f"{KVLINT}{command}\n"],
        cwd=folder,
        env=clean,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )


def told(page: str, folder: Path) -> Iterator[tuple[str, str, str]]:
    """Each command, up to where another program than kvlint reads it, with what the page shows and what it prints."""
    for step in steps(page):
        if step["command"].startswith("kvlint "):
            # A watch has no end; what it does first, the same command does without it.
            done = ran(step["command"].partition(" | ")[0].replace(" --watch", ""), folder)
            assert done.returncode in (0, 1), f"{step['command']}: {done.stderr}"
            yield step["command"], step["shown"], done.stdout


@pytest.mark.parametrize("page", [page for page in PAGES if steps(page)])
def test_commands(page: str, folder: Path, pytestconfig: pytest.Config) -> None:
    now = list(told(page, folder))
    if pytestconfig.getoption("--write-expected"):
        file = ROOT / page
        text = file.read_text(encoding="utf-8")
        for command, shown, printed in now:
            text = text.replace(f"$ {command}\n{shown}", f"$ {command}\n{printed if shown else ''}")
        file.write_text(text, encoding="utf-8")
    else:
        assert [(command, shown) for command, shown, _ in now if shown] == [
            (command, printed) for command, shown, printed in now if shown
        ]


def test_targets_of_make_are_there() -> None:
    if not (ROOT / "Makefile").exists():
        pytest.skip("the Makefile is not here")
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    shown = [step["command"].split() for page in PAGES for step in steps(page)]
    named = {words[1] for words in shown if words[0] == "make"}
    assert named
    assert named <= set(targets)


def test_output_is_shown_where_it_says_most() -> None:
    shown = {page: [step["command"] for step in steps(page) if step["shown"]] for page in PAGES}
    assert shown["README.md"] == ["kvlint samples/careless/main.tf"]
    assert shown["docs/index.md"] == ["kvlint samples/careless/main.tf --select KV101,KV402"]
