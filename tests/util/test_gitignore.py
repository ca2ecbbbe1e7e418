"""Which pattern ignores a file, and which lines include it again: as git does."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from azkvlint.util.gitignore import GitIgnore

BASELINE, WORKFLOW = "kvlint-baseline.json", ".github/workflows/kvlint.yml"
NAMES = [BASELINE, "kvlint.toml", WORKFLOW, "a/b/kvlint.toml"]
PATTERNS = [
    "*.json", "*.toml", "*", "**", "/*", "!*.json", "!*/", "kvlint*", "/kvlint-baseline.json", "kvlint-baseline.json",
    "kvlint-baseline.json/", "!/kvlint-baseline.json", ".github", ".github/", "/.github/*", "!/.github/", ".github/**",
    "**/workflows", "workflows/", "!workflows/", "a/**/kvlint.toml", "a/*/kvlint.toml", "b", "/b", "!b", "**/b/*",
    "kvlint?baseline.json", "[jk]vlint-*", "[!k]*", "[^k]*", "[[:alpha:]]vlint*", "# *.json", "", "   ", "\\!x",
    "*.json ", "*.json\\ ", "kvlint-baseline.jso", "a/b/", "**/kvlint.toml", ".git*", "!.github",
    "!.github/workflows/*", "*.y*ml",
    "./kvlint.toml", "../kvlint.toml", "[", "k*t*.t*l", "\\kvlint.toml", "/a/b/kvlint.toml", "!!x", "\\#x",
]  # fmt: skip


def checkout(folder: Path, **files: str) -> Path:
    (folder / ".git" / "info").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def pattern_of(folder: Path, name: str) -> tuple[str, int, str] | None:
    found = GitIgnore(str(folder)).ignored_by(name)
    return None if found is None else (found.file, found.line, found.text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("*.json\n", (1, "*.json")),
        ("# all\r\n*.json\r\n", (2, "*.json")),
        ("*.json\n!kvlint-baseline.json\n", None),
        ("!kvlint-baseline.json\n*.json\n", (2, "*.json")),
        ("*.json/\n", None),
        ("/kvlint-baseline.json", (1, "/kvlint-baseline.json")),
        ("infra/*.json\n", None),
        ("\ufeff*.json\n", (1, "*.json")),
        ("*.json  \n", (1, "*.json")),
        ("KVLINT*\n", None),
    ],
)
def test_the_last_pattern_of_a_file_decides(text: str, line: tuple[int, str] | None, tmp_path: Path) -> None:
    folder = checkout(tmp_path, **{".gitignore": text})
    assert pattern_of(folder, BASELINE) == (None if line is None else (".gitignore", *line))


def test_the_nearest_file_decides_and_an_ignored_folder_is_final(tmp_path: Path) -> None:
    files = {".gitignore": "*.yml\n", ".github/.gitignore": "!kvlint.yml\n", ".git/info/exclude": "kvlint.toml\n"}
    folder = checkout(tmp_path, **files)
    assert pattern_of(folder, WORKFLOW) is None
    assert pattern_of(folder, ".gitlab-ci.yml") == (".gitignore", 1, "*.yml")
    assert pattern_of(folder, "kvlint.toml") == (".git/info/exclude", 1, "kvlint.toml")
    (folder / ".gitignore").write_text("workflows/\n")
    assert pattern_of(folder, WORKFLOW) == (".gitignore", 1, "workflows/")


@pytest.mark.parametrize(
    ("files", "name", "lines"),
    [
        ({".gitignore": "*.json\n"}, BASELINE, {".gitignore": ["!/kvlint-baseline.json"]}),
        ({".git/info/exclude": "*.json\n"}, BASELINE, {".gitignore": ["!/kvlint-baseline.json"]}),
        (
            {".gitignore": "*\n!*.tf\n"},
            WORKFLOW,
            {".gitignore": ["!/.github/", "!/.github/workflows/", f"!/{WORKFLOW}"]},
        ),
        (
            {".gitignore": ".github/\n"},
            WORKFLOW,
            {
                ".gitignore": [
                    "!/.github/", "/.github/*", "!/.github/workflows/", "/.github/workflows/*", f"!/{WORKFLOW}"
                ]
            },
        ),
        ({".github/.gitignore": "*.yml\n"}, WORKFLOW, {".github/.gitignore": ["!/workflows/kvlint.yml"]}),
        ({".gitignore": "*.yml\n"}, BASELINE, {}),
    ],
)  # fmt: skip
def test_the_lines_include_a_file_and_no_other_one(
    files: dict[str, str], name: str, lines: dict[str, list[str]], tmp_path: Path
) -> None:
    folder = checkout(tmp_path, **files)
    assert GitIgnore(str(folder)).lines_to_include(name) == lines
    others = ["other.json", ".github/other.yml", ".github/workflows/other.yml"]
    before = [pattern_of(folder, other) is not None for other in others]
    for file, added in lines.items():
        with (folder / file).open("a") as stream:
            stream.writelines(f"{line}\n" for line in added)
    assert pattern_of(folder, name) is None
    assert [pattern_of(folder, other) is not None for other in others] == before


def test_a_linked_or_missing_file_has_no_patterns(tmp_path: Path) -> None:
    folder = checkout(tmp_path / "checkout", patterns="*.json\n")
    (folder / ".gitignore").symlink_to("patterns")
    assert pattern_of(folder, BASELINE) is None
    (folder / ".gitignore").unlink()
    (folder / ".gitignore").mkdir()
    assert pattern_of(folder, BASELINE) is None


def test_a_worktree_has_the_patterns_of_its_repository(tmp_path: Path) -> None:
    main = checkout(tmp_path / "main", **{".git/info/exclude": "*.json\n"})
    (main / ".git" / "worktrees" / "one").mkdir(parents=True)
    (main / ".git" / "worktrees" / "one" / "commondir").write_text("../..\n")
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / ".git").write_text(f"gitdir: {main}/.git/worktrees/one\n")
    assert pattern_of(tmp_path / "one", BASELINE) == (".git/info/exclude", 1, "*.json")


def test_ignored_files_are_those_of_git(tmp_path: Path) -> None:
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run([git, "init", "-q", str(tmp_path)], check=True, env=environment)
    chance = random.Random(4)  # noqa: S311
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for _ in range(80):
        for file in (".gitignore", "a/.gitignore", ".github/.gitignore", ".git/info/exclude"):
            few = chance.choices(PATTERNS, k=chance.choice([0, 1, 2, 5]))
            (tmp_path / file).write_text("".join(f"{pattern}\n" for pattern in few))
        words = [git, "-C", str(tmp_path), "check-ignore", "--no-index", *NAMES]
        done = subprocess.run(words, check=False, env=environment, capture_output=True, text=True)
        patterns = GitIgnore(str(tmp_path))
        assert [name for name in NAMES if patterns.ignored_by(name)] == done.stdout.splitlines()
        for name in done.stdout.splitlines():
            for file, lines in patterns.lines_to_include(name).items():
                with (tmp_path / file).open("a") as stream:
                    stream.writelines(f"{line}\n" for line in lines)
            assert GitIgnore(str(tmp_path)).ignored_by(name) is None
        done = subprocess.run(words, check=False, env=environment, capture_output=True, text=True)
        assert done.stdout == ""
