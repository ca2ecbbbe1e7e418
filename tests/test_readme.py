"""The commands in the README and in docs/ run as shown, and print the output that is shown.

On the pages of ``ON_TERMINAL`` they run on a terminal, elsewhere with their output in a pipe.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from azkvlint.engine.rule_store import builtin_rules
from sitegen.terminal import COMMAND, PICTURES, picture, picture_text, terminal_text

pytestmark = pytest.mark.slow(3)

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", *sorted(f"docs/{file.name}" for file in (ROOT / "docs").glob("*.md")))
ON_TERMINAL = {"README.md": 100, "docs/tutorial.md": 80}
TODAY = "2026-11-01"
# A block of code, with the file that it is to be written to.
BLOCK = re.compile(
    r'^```(?P<language>\w+)(?: title="(?P<file>[^"\n]+)")?\n(?P<text>.*?)^```$', re.DOTALL | re.MULTILINE
)
# A command in a console block, with its output.
STEP = re.compile(r"^\$ (?P<command>(?:.*\\\n)*.*)\n(?P<shown>(?:(?!\$ ).*\n)*)", re.MULTILINE)
OWN_RULE = re.compile(r"^```yaml\n(id: ACME-1\n.*?)^```$", re.DOTALL | re.MULTILINE)
KVLINT = 'kvlint() { "$PYTHON" -m azkvlint "$@"; }\n'


class Step(NamedTuple):
    """A command of a page, its output there, and the files that the page shows before it."""

    command: str
    shown: str
    files: dict[str, str]


def steps(page: str) -> list[Step]:
    text = (ROOT / page).read_text(encoding="utf-8")
    found: list[Step] = []
    files: dict[str, str] = {}
    for block in BLOCK.finditer(text):
        if block["file"]:
            files[block["file"]] = block["text"]
        if block["language"] == "console":
            inside = list(STEP.finditer(block["text"]))
            assert "".join(step[0] for step in inside) == block["text"], "a console block has other lines than steps"
            found += [Step(step["command"], step["shown"], dict(files)) for step in inside]
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with all files that the commands name."""
    folder = tmp_path_factory.mktemp("shown")
    careless = ROOT / "samples" / "careless"
    shutil.copytree(careless, folder / "samples" / "careless")
    shutil.copytree(careless / "grant", folder / "infra" / "grant")
    shutil.copy(careless / "main.tf", folder / "infra")
    shutil.copy(careless / "plan.json", folder)
    shutil.copy(careless / "main.tf", folder / "what-the-editor-holds")
    (own,) = OWN_RULE.findall((ROOT / "docs" / "rules-language.md").read_text(encoding="utf-8"))
    (folder / "my-rules").mkdir()
    (folder / "my-rules" / "ACME-1-vault-has-an-owner.yaml").write_text(own, encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def compiled_rules(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the rules of a checkout takes longer than most of these commands."""
    monkeypatch.setenv("PYTHONPATH", str(installed))


def piped_output(command: str, folder: Path) -> str:
    clean = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ["PYTHONPATH"],
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "PYTHON": sys.executable,
    }
    done = subprocess.run(
        ["/bin/sh", "-c", f"{KVLINT}{command}\n"],
        cwd=folder,
        env={**clean, "KVLINT_AS_OF": TODAY},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    assert done.returncode in (0, 1), f"{command}: {done.stderr}"
    return done.stdout


def outputs(page: str, folder: Path) -> Iterator[tuple[Step, str]]:
    """Yield each kvlint command of a page, up to where another program reads it, with its output."""
    for step in steps(page):
        if step.command.startswith("kvlint "):
            for name, text in step.files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(text, encoding="utf-8")
            # A watch does not end; its first check is that of the same command without it.
            command = step.command.partition(" | ")[0].replace(" --watch", "")
            if step.shown and page in ON_TERMINAL:
                yield step, terminal_text(command, ON_TERMINAL[page], folder, {"KVLINT_AS_OF": TODAY})
            else:
                yield step, piped_output(command, folder)


@pytest.mark.parametrize("page", [page for page in PAGES if steps(page)])
def test_commands_in_the_documentation_have_their_output(page: str, folder: Path, pytestconfig: pytest.Config) -> None:
    now = list(outputs(page, folder))
    if pytestconfig.getoption("--write-expected"):
        file = ROOT / page
        text, done = file.read_text(encoding="utf-8"), 0
        for step, output in now:
            block = f"$ {step.command}\n{step.shown}"
            start = text.index(block, done)
            text = text[:start] + f"$ {step.command}\n{output if step.shown else ''}" + text[start + len(block) :]
            done = start + 1
        file.write_text(text, encoding="utf-8")
    else:
        assert [(step.command, step.shown) for step, _ in now if step.shown] == [
            (step.command, output) for step, output in now if step.shown
        ]


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_show_the_current_output(name: str, pytestconfig: pytest.Config) -> None:
    file, columns = ROOT / "docs" / "assets" / name, PICTURES[name]
    if pytestconfig.getoption("--write-expected"):
        file.write_text(picture(COMMAND, columns), encoding="utf-8")
    svg = file.read_text(encoding="utf-8")
    assert picture_text(svg) == "".join(f"${COMMAND}{terminal_text(COMMAND, columns)}".split())
    assert not re.search(r"url\((?!#)|@import|href=", svg)


def test_make_targets_in_the_documentation_exist() -> None:
    if not (ROOT / "Makefile").exists():
        pytest.skip("the Makefile is not here")
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    shown = [step.command.split() for page in PAGES for step in steps(page)]
    named = {words[1] for words in shown if words[0] == "make"}
    assert {"demo", "test"} <= named
    assert named <= set(targets)


def test_readme_is_current(pytestconfig: pytest.Config) -> None:
    file = ROOT / "README.md"
    text = file.read_text(encoding="utf-8")
    if pytestconfig.getoption("--write-expected"):
        text = re.sub(r"(\| Rules for Key Vault \| )\d+", rf"\g<1>{len(builtin_rules())}", text)
        file.write_text(text, encoding="utf-8")
    assert len(text.splitlines()) <= 150
    first = " ".join(text.partition("\n## ")[0].split())
    assert "`make demo`" in first
    assert "`make test`" in first
    assert f"| Rules for Key Vault | {len(builtin_rules())} |" in text


def test_output_is_shown_where_it_matters() -> None:
    shown = {page: [step.command for step in steps(page) if step.shown] for page in PAGES}
    assert shown["README.md"] == [
        "kvlint samples/careless/main.tf --select KV001",
        "kvlint fix samples/careless/main.tf --select KV001 --unsafe --diff",
    ]
    assert shown["docs/tutorial.md"] == ["kvlint terraform"] * 3 + ["kvlint bicep"] * 3 + ["kvlint arm"] * 3
