"""The hooks of .pre-commit-hooks.yaml, run as pre-commit runs them, and by pre-commit itself where it is installed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from tests.conftest import Run, RunResult

pytestmark = pytest.mark.slow(8)

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = ROOT / ".pre-commit-hooks.yaml"
HOOKS: dict[str, dict[str, Any]] = {hook["id"]: hook for hook in yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))}
SAMPLES = ROOT / "samples"


def run_hook(name: str, names: list[str], folder: Path, run: Run) -> RunResult:
    """What pre-commit does once it has a hook's environment: the entry, its arguments, and the changed files."""
    hook = HOOKS[name]
    passed = [one for one in names if re.search(hook["files"], one)] if hook.get("pass_filenames", True) else []
    program, *words = shlex.split(hook["entry"])
    assert program == "kvlint"
    return run(*words, *hook["args"], *passed, cwd=folder)


@pytest.mark.parametrize(
    ("path", "is_checked"),
    [
        ("main.tf", True),
        ("a b/main.tofu", True),
        ("main.tf.json", True),
        ("main.tofu.json", True),
        ("main.bicep", True),
        ("main.prod.bicepparam", True),
        ("prod.tfvars", False),
        ("prod.auto.tfvars.json", False),
        ("live/terragrunt.hcl", True),
        ("terragrunt.hcl", True),
        ("main.tfcomponent.hcl", True),
        ("root.hcl", False),
        ("plan.json", False),
        ("main.tf.bak", False),
        ("maintf", False),
    ],
)
def test_files_that_are_inputs_by_their_name_are_checked_alone(path: str, is_checked: bool) -> None:
    assert bool(re.search(HOOKS["kvlint-files"]["files"], path)) is is_checked


def test_the_whole_repository_is_checked_for_every_commit() -> None:
    """Any file can change a result, also one that is deleted, and pre-commit passes no names of those."""
    hook = HOOKS["kvlint"]
    assert hook["always_run"]
    assert not hook["pass_filenames"]
    assert not {"files", "types", "types_or", "exclude", "stages"} & hook.keys()


def test_whole_repository_hook_reports_all_files(tmp_path: Path, run: Run) -> None:
    shutil.copy(SAMPLES / "hardened" / "main.bicep", tmp_path)
    assert run_hook("kvlint", ["main.bicep"], tmp_path, run).code == 0
    careless(tmp_path / "careless")
    ran = run_hook("kvlint", ["main.bicep"], tmp_path, run)
    assert ran.code == 1
    assert "careless/azuredeploy.json:20:7: high[KV101] vaults/kv-app-careless allows access " in ran.out
    assert "careless/main.bicep:12:1: high[KV101] app allows access " in ran.out


def test_changed_files_hook_reports_those_files(tmp_path: Path, run: Run) -> None:
    for name in ("one.bicep", "--output=two.bicep", "-q.bicep"):
        shutil.copy(SAMPLES / "careless" / "main.bicep", tmp_path / name)
    shutil.copy(SAMPLES / "careless" / "grant.bicep", tmp_path)
    ran = run_hook("kvlint-files", ["--output=two.bicep", "-q.bicep", "README.md"], tmp_path, run)
    assert ran.code == 1
    found = [line for line in ran.out.splitlines() if "[KV001] " in line]
    message = "high[KV001] Purge protection is not enabled on app [and 1 more: app (./-q.bicep:12:1)] [also KV307]"
    assert found == [f"./--output=two.bicep:12:1: {message}"]
    assert not (tmp_path / "two.bicep").exists()


def test_hooks_run_with_pre_commit(tmp_path: Path) -> None:
    """All but the installation: the hooks run with ``language: system``, on the kvlint of the tests."""
    pytest.importorskip("pre_commit", reason="pre-commit is not installed")
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PRE_COMMIT_HOME": str(tmp_path / "pre-commit"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "LC_ALL": "C.UTF-8",
    }
    hooks, project = tmp_path / "hooks", tmp_path / "project"
    hooks.mkdir()
    shutil.copy(MANIFEST, hooks)
    commit = committed(hooks, environment)
    careless(project)
    config = {
        "repos": [
            {
                "repo": str(hooks),
                "rev": commit,
                "hooks": [{"id": "kvlint", "language": "system"}, {"id": "kvlint-files", "language": "system"}],
            }
        ]
    }
    (project / ".pre-commit-config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    committed(project, environment)
    command = [sys.executable, "-m", "pre_commit", "run", "--color=never"]
    # A template has no name of its own, and the files of a commit that deletes one are none at all.
    for files in (["--files", "azuredeploy.json"], []):
        ran = subprocess.run([*command, *files], cwd=project, env=environment, capture_output=True, check=False)
        whole, _, single = ran.stdout.decode().partition("kvlint (changed files)")
        assert ran.returncode == 1, ran.stdout
        assert "azuredeploy.json:20:7: high[KV101]" in whole
        assert "(no files to check)Skipped" in single
    ran = subprocess.run(
        [*command, "--files", "main.bicep"], cwd=project, env=environment, capture_output=True, check=False
    )
    whole, _, single = ran.stdout.decode().partition("kvlint (changed files)")
    assert ran.returncode == 1, ran.stdout
    assert whole.count("Failed") == single.count("Failed") == 1
    assert "azuredeploy.json:20:7: high[KV101] vaults/kv-app-careless allows access from " in whole
    assert "main.bicep:12:1: high[KV101] app allows access from " in whole
    assert "main.bicep:12:1: high[KV101]" in single
    assert "azuredeploy.json" not in single


def careless(folder: Path) -> None:
    """A Bicep file in ``folder`` with findings, and a template with findings of its own."""
    folder.mkdir()
    for name in ("main.bicep", "grant.bicep"):
        shutil.copy(SAMPLES / "careless" / name, folder)
    shutil.copy(SAMPLES / "careless" / "main.json", folder / "azuredeploy.json")


def committed(folder: Path, environment: Mapping[str, str]) -> str:
    """Make ``folder`` a git repository, and answer its commit."""
    git = ["git", "-c", "user.name=kvlint", "-c", "user.email=kvlint@example.invalid"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "all"]):
        subprocess.run([*git, *words], cwd=folder, env=dict(environment), check=True)
    said = subprocess.run(
        [*git, "rev-parse", "HEAD"], cwd=folder, env=dict(environment), capture_output=True, check=True
    )
    return said.stdout.decode().strip()
