"""What python-hcl2 takes long to say is kept in the user's cache directory, and nothing depends on that."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

# One expression that is no plain value, and which modules it took to read it.
PROGRAM = """
import sys
from kvlint.syntax.hcl.parse import parse_file
text = sys.argv[1]
print(parse_file(f"a = {text}").body.attributes["a"].expression())
print(*sorted({"hcl2", "lark"} & set(sys.modules)))
"""
SUM = "Binary(start=4, end=9, operator='+', left=Name(start=4, end=5, name='b'), right=Name(start=8, end=9, name='c'))"

pytestmark = pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="their cache directories are elsewhere")


def read(text: str, **environment: str | Path) -> tuple[str, str]:
    """The tree of an expression in a process of its own, and which modules that took."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, text],
        env={"PATH": os.environ["PATH"], **{name: str(value) for name, value in environment.items()}},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stderr == ""
    first, modules = done.stdout.splitlines()
    return first, modules


def kept(folder: Path) -> dict[str, bytes]:
    return {file.name.split("-", maxsplit=1)[0]: file.read_bytes() for file in (folder / "kvlint").iterdir()}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache directory that a first run has filled."""
    folder = tmp_path_factory.mktemp("cache")
    assert read("b + c", XDG_CACHE_HOME=folder) == (SUM, "hcl2 lark")
    return folder


def copied(full: Path, to: Path) -> Path:
    """A copy of what is kept, in a folder to itself."""
    folder = to / "kvlint"
    folder.mkdir(mode=0o700)
    for file in (full / "kvlint").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def test_plain_values_need_no_grammar(tmp_path: Path) -> None:
    found, modules = read('[b.c[0], { d = "e${f}" }, -1]', XDG_CACHE_HOME=tmp_path)
    assert found.startswith("Array(")
    assert modules == ""
    assert list(tmp_path.iterdir()) == []


def test_what_a_run_has_asked_the_next_one_knows(full: Path) -> None:
    assert set(kept(full)) == {"hcl2", "expressions"}
    assert (full / "kvlint").stat().st_mode & 0o777 == 0o700
    assert read("b + c", XDG_CACHE_HOME=full) == (SUM, "")


def test_what_is_new_needs_the_compiled_grammar_only(full: Path, tmp_path: Path) -> None:
    copied(full, tmp_path)
    before = kept(tmp_path)
    found, modules = read("b ? c : d", XDG_CACHE_HOME=tmp_path)
    assert found.startswith("Conditional(")
    assert modules == "lark"
    assert kept(tmp_path)["hcl2"] == before["hcl2"]
    assert read("b ? c : d", XDG_CACHE_HOME=tmp_path)[1] == ""
    assert read("b + c", XDG_CACHE_HOME=tmp_path) == (SUM, "")


def test_damaged_files_are_made_anew(full: Path, tmp_path: Path) -> None:
    for file in copied(full, tmp_path).iterdir():
        data = file.read_bytes()
        file.write_bytes(data[:-1] if file.suffix == ".json" else data[:1000] + b"?" + data[1001:])
    assert read("b + c", XDG_CACHE_HOME=tmp_path) == (SUM, "hcl2 lark")
    assert set(kept(tmp_path)) == {"hcl2", "expressions"}
    assert read("b + c", XDG_CACHE_HOME=tmp_path) == (SUM, "")


def test_no_cache_directory_is_needed(tmp_path: Path) -> None:
    package = find_spec("hcl2")
    assert package is not None
    assert package.submodule_search_locations is not None
    installed = Path(package.submodule_search_locations[0])
    before = sorted(installed.iterdir())
    place = tmp_path / "file"
    place.write_text("no folder")
    assert read("b + c") == (SUM, "hcl2 lark")
    assert read("b + c", XDG_CACHE_HOME=place) == (SUM, "hcl2 lark")
    assert place.read_text() == "no folder"
    assert sorted(installed.iterdir()) == before


def test_the_folder_of_others_is_not_used(full: Path, tmp_path: Path) -> None:
    folder = copied(full, tmp_path)
    before = kept(tmp_path)
    folder.chmod(0o777)
    assert read("b + c", XDG_CACHE_HOME=tmp_path) == (SUM, "hcl2 lark")
    assert kept(tmp_path) == before


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_not_to_be_written_to_is_read(full: Path, tmp_path: Path) -> None:
    copied(full, tmp_path).chmod(0o500)
    assert read("b + c", XDG_CACHE_HOME=tmp_path) == (SUM, "")
    assert read("b ? c : d", XDG_CACHE_HOME=tmp_path)[1] == "lark"


def test_home_is_the_second_choice(full: Path, tmp_path: Path) -> None:
    (tmp_path / ".cache").mkdir()
    copied(full, tmp_path / ".cache")
    assert read("b + c", HOME=tmp_path, XDG_CACHE_HOME="not/absolute") == (SUM, "")
