"""kvlint init in the tests' own process: what it writes, for which service, and what it never touches."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml

from azkvlint.cli import pipelines
from azkvlint.cli.pipelines import PIPELINES, installed_commit
from tests.action import ACTION, ROOT
from tests.cli.conftest import CommandOutput, Kvlint

VAULT = 'resource "azurerm_key_vault" "app" {\n  name = "kv-app-prod"\n}\n'
LEAK = 'resource "azurerm_key_vault_secret" "leak" {\n  key_vault_id = azurerm_key_vault.app.id\n  name = "db"\n'
LEAK += '  value = "Tr0ub4dor-Horse-9"\n}\n'
GITHUB, GITLAB = "https://github.com/owner/repository", "git@gitlab.example.com:owner/repository.git"
COMMIT = "0123456789abcdef0123456789abcdef01234567"

Repository = Callable[..., Path]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kvlint: Kvlint) -> Repository:
    """Makes a checkout with these files, and enters it; ``kvlint`` has prepared the environment."""

    def make(remote: str = GITHUB, /, branch: str = "main", **files: str) -> Path:
        folder = tmp_path / "checkout"
        written = files or {"main.tf": VAULT}
        written |= {".git/HEAD": f"ref: refs/heads/{branch}\n", ".git/config": f'[remote "origin"]\n  url = {remote}\n'}
        for name, text in written.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        monkeypatch.chdir(folder)
        return folder

    return make


def written(folder: Path) -> set[str]:
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {name for name in files if not name.startswith(".git/")} - {"main.tf"}


def with_commit(monkeypatch: pytest.MonkeyPatch, document: object) -> None:
    class Installed:
        @staticmethod
        def read_text(name: str) -> str | None:
            assert name == "direct_url.json"
            return document if isinstance(document, str) or document is None else json.dumps(document)

    monkeypatch.setattr(metadata, "distribution", lambda _: Installed)


def test_run_after_init_passes(repository: Repository, kvlint: Kvlint) -> None:
    folder = repository()
    said = kvlint("init")
    assert said.code == 0
    assert written(folder) == {"kvlint.toml", "kvlint-baseline.json", ".github/workflows/kvlint.yml"}
    count = len(json.loads((folder / "kvlint-baseline.json").read_bytes())["findings"])
    assert re.findall(r"^Created (.*)$", said.out, re.MULTILINE) == [
        "kvlint.toml",
        f"kvlint-baseline.json with {count} findings",
        ".github/workflows/kvlint.yml",
    ]
    page = "https://github.com/kvlint/kvlint"
    where = ".github/workflows/kvlint.yml"
    assert f"\nReplace COMMIT in {where} with the full SHA of a commit of {page}.\n" in said.out
    assert f"\nkvlint . passes: No issues found in 1 key vault. {count} suppressed.\nNext: commit" in said.out
    assert kvlint(".").code == 0
    assert kvlint(".", "--no-ignores").code == 1


def test_run_without_findings_writes_no_baseline(repository: Repository, kvlint: Kvlint) -> None:
    folder = repository(**{"main.json": (ROOT / "samples" / "hardened" / "main.json").read_text(encoding="utf-8")})
    assert kvlint("init", "--ci", "none", "--profile", "cmk", "--exclude", 'a"\\b').code == 0
    assert written(folder) == {"main.json", "kvlint.toml"}
    settings = tomllib.loads((folder / "kvlint.toml").read_text(encoding="utf-8"))
    assert settings == {"profile": ["cmk"], "exclude": ['a"\\b']}


def test_a_baseline_hides_no_critical_finding(repository: Repository, kvlint: Kvlint) -> None:
    repository(**{"main.tf": VAULT + LEAK})
    said = kvlint("init")
    assert "Not in the baseline: 1 critical finding. Fix first: kvlint . --min-severity critical\n" in said.out
    left = kvlint(".", "-f", "json")
    assert left.code == 1
    assert {one["severity"] for one in json.loads(left.out)["findings"]} == {"critical"}


def test_a_dry_run_prints_the_files(repository: Repository, kvlint: Kvlint) -> None:
    folder = repository()
    said = kvlint("init", "--dry-run")
    assert (said.code, written(folder)) == (0, set())
    assert "\nWould create kvlint.toml:\n\n# The settings of kvlint" in said.out
    assert "\nWould create .github/workflows/kvlint.yml:\n\n# kvlint checks" in said.out


def test_no_file_is_replaced_without_force(repository: Repository, kvlint: Kvlint) -> None:
    folder = repository()
    assert kvlint("init").code == 0
    before = {name: (folder / name).read_bytes() for name in written(folder)}
    (folder / "main.tf").write_text(VAULT + LEAK, encoding="utf-8")
    (folder / "kvlint.toml").write_text("profile = ['all']\n", encoding="utf-8")
    said = kvlint("init")
    assert said.code == 2
    names = "`kvlint.toml`, `kvlint-baseline.json`, `.github/workflows/kvlint.yml` already exist"
    assert said.err == f"kvlint: error: {names} (use --force to replace)\n"
    assert (folder / "kvlint.toml").read_text(encoding="utf-8") == "profile = ['all']\n"
    # The profile of the file that is replaced has no effect on the baseline.
    assert kvlint("init", "--force").code == 0
    assert (folder / "kvlint.toml").read_bytes() == before["kvlint.toml"]


def test_a_table_in_another_file_stays_the_configuration(repository: Repository, kvlint: Kvlint) -> None:
    folder = repository(**{"main.tf": VAULT, "pyproject.toml": "[tool.kvlint]\nprofile = ['all']\n"})
    for words in ((), ("--force",)):
        said = kvlint("init", *words)
        assert (said.code, written(folder)) == (2, {"pyproject.toml"})
        assert "`pyproject.toml` already configures kvlint (move its settings to kvlint.toml)" in said.err


def test_force_does_not_override_a_table_in_another_file(repository: Repository, kvlint: Kvlint) -> None:
    files = {"main.tf": VAULT, "pyproject.toml": "[tool.kvlint]\nprofile = ['all']\n", "kvlint-baseline.json": "{}"}
    folder = repository(**files)
    said = kvlint("init", "--force")
    assert (said.code, written(folder)) == (2, {"pyproject.toml", "kvlint-baseline.json"})
    assert "`pyproject.toml` already configures kvlint (move its settings to kvlint.toml)" in said.err


@pytest.mark.parametrize(("name", "force"), [(".github", []), ("kvlint-baseline.json/x", ["--force"])])
def test_a_path_that_cannot_be_created_is_found_before_a_file_is_written(
    name: str, force: list[str], repository: Repository, kvlint: Kvlint
) -> None:
    folder = repository(**{"main.tf": VAULT, name: ""})
    said = kvlint("init", *force)
    assert (said.code, written(folder)) == (2, {name})
    reason = "`.github` is not a folder" if name == ".github" else "it is a folder"
    assert f" cannot be written: {reason}\n" in said.err


def test_incomplete_analysis_writes_no_files(repository: Repository, kvlint: Kvlint) -> None:
    folder = repository(**{"main.tf": VAULT, "old/main.bicep": "resource"})
    said = kvlint("init")
    assert (said.code, written(folder)) == (3, {"old/main.bicep"})
    assert said.out.startswith("Nothing was written, because some input could not be read.")
    assert "error[KVE001]" in said.err
    assert kvlint("init", "--exclude", "old/").code == 0
    assert kvlint(".").code == 0


def test_folder_without_input_is_not_set_up(repository: Repository, kvlint: Kvlint) -> None:
    folder = repository(**{"readme.md": ""})
    said = kvlint("init")
    assert (said.code, written(folder)) == (3, {"readme.md"})
    assert said.out == "Nothing was written, because there is no input. Run the command in another folder.\n"


def test_init_in_a_folder_of_a_checkout_writes_to_the_checkout(repository: Repository, kvlint: Kvlint) -> None:
    folder = repository()
    (folder / "infra").mkdir()
    os.chdir(folder / "infra")
    said = kvlint("init", "--ci", "none")
    assert f"Created ..{os.sep}kvlint.toml\n" in said.out
    assert (folder / "kvlint.toml").exists()


@pytest.mark.parametrize(
    ("name", "shown"), [("my infra", "'my infra'"), ("-x", "./-x"), ("$(x)'", """'$(x)'"'"''"""), ("a\nb", "FOLDER")]
)
@pytest.mark.skipif(os.name == "nt", reason="names of other systems")
def test_the_next_command_can_be_pasted(
    name: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kvlint: Kvlint
) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "main.tf").write_text(VAULT + LEAK, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    said = kvlint("init", "--", name)
    assert f"Fix first: kvlint {shown} --min-severity critical\n" in said.out
    assert f"\nkvlint {shown} fails with exit code 1: Found 1 issue (1 critical) in 1 key vault." in said.out


def test_a_variable_with_which_the_next_run_fails_is_reported(
    repository: Repository, kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository()
    monkeypatch.setenv("KVLINT_PROFILE", "nope")
    assert "\nkvlint . fails: " in kvlint("init").out


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_files_that_git_ignores_are_named_with_the_line_to_add(
    words: tuple[str, ...], repository: Repository, kvlint: Kvlint
) -> None:
    files = {"main.tf": VAULT, ".gitignore": "\n*.json\n", ".git/info/exclude": "/kvlint.toml\n"}
    folder = repository(**files)
    said = kvlint("init", *words)
    assert said.code == 0
    assert (
        "git ignores kvlint-baseline.json, because of `*.json` (.gitignore:2).\n"
        "Add this line at the end of .gitignore, so that the file is committed:\n  !/kvlint-baseline.json\n"
    ) in said.out
    assert "git ignores kvlint.toml, because of `/kvlint.toml` (.git/info/exclude:1).\n" in said.out
    assert "git ignores .github" not in said.out
    (folder / ".gitignore").write_text("*.json\n!/kvlint-baseline.json\n!/kvlint.toml\n", encoding="utf-8")
    assert "git ignores" not in kvlint("init", *words, "--force").out


def test_a_pattern_of_a_file_that_git_ignores_is_escaped(repository: Repository, kvlint: Kvlint) -> None:
    repository(**{"main.tf": VAULT, ".gitignore": "kvlint*\x1b[31m\nkvlint[\x1b-]baseline*\n"})
    said = kvlint("init")
    assert "\x1b" not in said.out
    assert "git ignores kvlint-baseline.json, because of `kvlint[" in said.out


def test_invalid_arguments_are_errors(repository: Repository, kvlint: Kvlint) -> None:
    repository()
    for words, text in (
        (["nowhere"], "'nowhere' is not a folder"),
        (["--ci", "githb"], "--ci githb: unknown service (did you mean 'github'?)"),
        (["--profile", "strikt"], "strikt"),
        (["--exclude", "a/../b"], "--exclude"),
    ):
        said = kvlint("init", *words)
        assert said.code == 2
        assert text in said.err


# --- links ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("link", [".github", ".github/workflows", "kvlint.toml"])
@pytest.mark.parametrize("target", ["../outside", ".git"])
@pytest.mark.parametrize("force", [[], ["--force"]])
def test_broken_link_is_an_error(
    link: str, target: str, force: list[str], repository: Repository, kvlint: Kvlint, tmp_path: Path
) -> None:
    folder = repository()
    outside = tmp_path / "outside"
    outside.mkdir()
    (folder / link).parent.mkdir(exist_ok=True)
    (folder / link).symlink_to(os.path.relpath(folder / target, (folder / link).parent))
    before = sorted((folder / ".git").rglob("*"))
    said = kvlint("init", *force)
    assert said.code in {2, 3}  # a link that leads out is an input that cannot be read, too
    assert "Traceback" not in said.err
    assert not list(outside.iterdir())
    assert not {"kvlint.toml", "kvlint-baseline.json"} & {
        path.name for path in folder.iterdir() if not path.is_symlink()
    }
    assert sorted((folder / ".git").rglob("*")) == before


# --- services ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("remote", "file"),
    [
        (GITHUB, ".github/workflows/kvlint.yml"),
        ("git@github.com:owner/repository.git", ".github/workflows/kvlint.yml"),
        (GITLAB, ".gitlab-ci.yml"),
        ("https://gitlab.com/owner/repository", ".gitlab-ci.yml"),
        ("https://owner@dev.azure.com/owner/project/_git/repository", "azure-pipelines.yml"),
        ("https://owner.visualstudio.com/project/_git/repository", "azure-pipelines.yml"),
    ],
)
def test_the_remote_decides(remote: str, file: str, repository: Repository, kvlint: Kvlint) -> None:
    folder = repository(remote)
    assert kvlint("init").code == 0
    assert written(folder) == {"kvlint.toml", "kvlint-baseline.json", file}
    assert isinstance(yaml.safe_load((folder / file).read_text(encoding="utf-8")), dict)


def test_existing_pipelines_decide_and_are_not_changed(repository: Repository, kvlint: Kvlint) -> None:
    files = {"main.tf": VAULT, ".gitlab-ci.yml": "stages: [test]\n"}
    folder = repository("ssh://git.example.com/owner/repository", **files)
    said = kvlint("init", "--force")
    assert said.code == 0
    assert "\nAdd this to .gitlab-ci.yml:\n\ninclude:\n" in said.out
    assert (folder / ".gitlab-ci.yml").read_text(encoding="utf-8") == "stages: [test]\n"


def test_an_unknown_service_has_no_pipeline(repository: Repository, kvlint: Kvlint) -> None:
    folder = repository("ssh://git.example.com/owner/repository")
    assert "use --ci github, gitlab or azure.\n" in kvlint("init", "--dry-run").out
    said = kvlint("init")
    text = "No pipeline: the service is not known. To add one, use --ci github, gitlab or azure, and --force.\n"
    assert text in said.out
    assert written(folder) == {"kvlint.toml", "kvlint-baseline.json"}
    # The files that have been written must not prevent the next command.
    assert kvlint("init", "--ci", "azure", "--force").code == 0


def test_azure_repos_start_pull_requests_by_a_policy(repository: Repository, kvlint: Kvlint) -> None:
    """A trigger for pull requests has an effect for repositories in other services only."""
    folder = repository("https://dev.azure.com/owner/project/_git/repository")
    assert kvlint("init").code == 0
    text = (folder / "azure-pipelines.yml").read_text(encoding="utf-8")
    assert "pr: [main] # no effect in Azure Repos: add a build validation policy to the branch\n" in text


@pytest.mark.parametrize("file", ["refs/heads/main", "packed-refs", "refs/remotes/origin/main"])
def test_the_branch_of_the_change_is_not_the_default_branch(file: str, repository: Repository, kvlint: Kvlint) -> None:
    text = f"{COMMIT} refs/heads/main\n" if file == "packed-refs" else f"{COMMIT}\n"
    folder = repository(GITHUB, branch="add-kvlint", **{"main.tf": VAULT, f".git/{file}": text})
    assert kvlint("init").code == 0
    assert "branches: [main]\n" in (folder / ".github/workflows/kvlint.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("branch", "shown"),
    [
        ("1.0", "1.0"),
        ("on", "on"),
        ("null", "null"),
        ("trunk", "trunk"),
        ("release/1.0", "release/1.0"),
        ("x'; y: [", "main"),
        ("!main", "main"),
        ("**", "main"),
    ],
)
def test_the_default_branch_is_a_name(branch: str, shown: str, repository: Repository, kvlint: Kvlint) -> None:
    folder = repository(branch=branch)
    assert kvlint("init").code == 0
    workflow: dict[Any, Any] = yaml.safe_load((folder / ".github/workflows/kvlint.yml").read_text(encoding="utf-8"))
    assert workflow[True]["push"]["branches"] == [shown]
    (folder / ".git" / "refs" / "remotes" / "origin").mkdir(parents=True)
    (folder / ".git/refs/remotes/origin/HEAD").write_text("ref: refs/remotes/origin/next\n", encoding="utf-8")
    assert kvlint("init", "--force", "--ci", "azure").code == 0
    pipeline = yaml.safe_load((folder / "azure-pipelines.yml").read_text(encoding="utf-8"))
    assert pipeline["pr"] == pipeline["trigger"] == ["next"]


# --- the commit of kvlint ---------------------------------------------------------------------------------------------


def test_pipelines_name_the_commit_that_is_installed(
    repository: Repository, kvlint: Kvlint, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_commit(monkeypatch, {"url": "https://github.com/kvlint/kvlint", "vcs_info": {"commit_id": COMMIT}})
    folder = repository()
    said: CommandOutput = kvlint("init")
    assert "COMMIT" not in said.out
    assert "COMMIT" not in kvlint("init", "--force", "--dry-run").out
    text = (folder / ".github/workflows/kvlint.yml").read_text(encoding="utf-8")
    assert f"uses: kvlint/kvlint@{COMMIT}\n" in text


@pytest.mark.parametrize(
    "document",
    [None, "{", "[]", {}, {"vcs_info": {"commit_id": "x\n- run: evil"}}, {"vcs_info": []}, {"dir_info": {}}],
)
def test_a_commit_that_is_not_known_is_not_invented(document: object, monkeypatch: pytest.MonkeyPatch) -> None:
    with_commit(monkeypatch, document)
    assert installed_commit() == "COMMIT"


def test_pipelines_are_those_of_the_documentation() -> None:
    """The commits of other actions are those that Dependabot updates, and the inputs are known."""
    text = PIPELINES["github"].text
    (pinned,) = re.findall(r"actions/checkout@\S+ # v\S+", (ROOT / "README.md").read_text(encoding="utf-8"))[:1] or [""]

    known = (ROOT / ".github" / "workflows" / "check.yml").read_text(encoding="utf-8")
    assert f"uses: {pipelines._CHECKOUT}\n" in known
    assert pinned in ("", pipelines._CHECKOUT)
    assert {"diff-base", *re.findall(r"add (\w+): \S+ and (\w+):", text)[0]} <= ACTION["inputs"].keys()
