"""The Dockerfile, as far as it can be read. ``python -m tests.container`` runs it."""

from __future__ import annotations

import re

import pytest

from tests.container import DOCKERFILE, ROOT, context, is_in_context, steps_of

if not DOCKERFILE.exists():
    pytest.skip("the Dockerfile is not here", allow_module_level=True)

STEPS = steps_of(DOCKERFILE.read_text(encoding="utf-8"))


def test_every_base_is_a_digest_or_another_stage() -> None:
    stages: list[str] = []
    for words in (step.words for step in STEPS if step.name == "FROM"):
        source, _, name = words.partition(" AS ")
        assert source in stages or re.fullmatch(r"python:3\.\d+-slim-\w+@sha256:[0-9a-f]{64}", source)
        stages.append(name)
    assert stages == ["base", "build", ""]


def test_the_image_runs_kvlint_without_root() -> None:
    last = max(number for number, step in enumerate(STEPS) if step.name == "FROM")
    final = {step.name: step.words for step in STEPS[last:]}
    assert "RUN" not in final
    user, group = final["USER"].split(":")
    assert int(user) > 0 < int(group)
    assert (final["ENTRYPOINT"], final["WORKDIR"]) == ('["kvlint"]', "/src")


def test_packages_come_from_the_lock_file_alone() -> None:
    commands = [part.strip() for step in STEPS if step.name == "RUN" for part in step.words.split("&&")]
    fetching = [command for command in commands if "--no-index" not in command and "-m venv" not in command]
    assert [command.split()[1] for command in fetching] == ["download", "--python"]
    assert "--require-hashes" in fetching[0]
    assert "--only-binary=:all:" in fetching[0]
    assert fetching[1].endswith(" check")


def test_copied_files_are_in_the_build_context() -> None:
    files = list(context())
    for step in STEPS:
        if step.name == "COPY" and not step.words.startswith("--from="):
            for source in step.words.split()[:-1]:
                assert any(name == source or name.startswith(f"{source}/") for name in files), source
    assert {name.partition("/")[0] for name in files} <= {
        ".github", "LICENSE", "README.md", "hatch_build.py", "pyproject.toml", "rules", "src",
    }  # fmt: skip
    assert [name for name in files if name.startswith(".github")] == [".github/action/requirements.txt"]


@pytest.mark.parametrize(
    ("name", "included"), [("src/a.py", True), ("src/__pycache__/a.pyc", False), ("tests/a.py", False), (".git", False)]
)
def test_build_context_is_limited_to_required_files(name: str, included: bool) -> None:
    patterns = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert is_in_context(name, patterns) is included
