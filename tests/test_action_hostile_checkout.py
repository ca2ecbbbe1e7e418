"""The action on checkouts of hostile pull requests: its scripts run unchanged, and none of these may pass the gate."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.action import Runner
from tests.test_action_pull_request import VAULT, commit, git
from tests.util.test_git import embed

pytestmark = [
    pytest.mark.slow(8),
    pytest.mark.skipif(
        shutil.which("bash") is None or shutil.which("git") is None or os.name == "nt",
        reason="there is no bash or no git to run the steps, or no links",
    ),
]

PROTECTED = VAULT.replace("}", "  purge_protection_enabled = true\n}")


@pytest.fixture
def action(tmp_path: Path, installed: Path) -> Runner:
    return Runner(tmp_path, installed)


def repository(folder: Path) -> Path:
    """A checkout whose pull request, the last commit, takes the protection of a vault away."""
    folder.mkdir(exist_ok=True)
    git(folder, "init", "--quiet")
    commit(folder, {"infra/main.tf": PROTECTED})
    commit(folder, {"infra/main.tf": VAULT})
    return folder


def test_repository_in_a_folder_is_not_run_and_is_not_the_base(action: Runner, tmp_path: Path) -> None:
    top = repository(action.workspace)
    embed(top / "infra", tmp_path)
    git(top, "add", "--all", "--force")
    git(top, "commit", "--quiet", "--amend", "--no-edit")
    done = action(working_directory="infra", diff_base="HEAD^1", fail_on="high", select="KV001")
    assert (done.code, done.outputs["exit-code"], done.outputs["new"]) == (1, "1", "1"), done.log
    assert [one["checkout_path"] for one in done.uploaded] == [str(top)]
    assert not list(tmp_path.rglob("pwned"))


def test_named_checkout_is_used_with_any_repository_around_and_inside_it(action: Runner, tmp_path: Path) -> None:
    """As in the reusable workflow, on a runner whose workspace has the checkout of an earlier job."""
    git(action.workspace, "init", "--quiet")
    commit(action.workspace, {"README.md": "1"})
    commit(action.workspace, {"README.md": "2"})
    top = repository(action.workspace / "repository")
    embed(top / "infra", tmp_path)
    (top / "infra" / "sub").mkdir()
    (top / "infra" / "sub" / ".git").write_text(f"gitdir: {tmp_path}\n")
    inputs = {"diff_base": "HEAD^1", "fail_on": "high", "select": "KV001", "checkout": "repository"}
    done = action(working_directory="repository/infra", **inputs)
    assert (done.code, done.outputs["new"]) == (1, "1"), done.log
    assert [one["checkout_path"] for one in done.uploaded] == [str(top)]
    done = action(working_directory=".", paths="repository/infra", **inputs)
    assert (done.code, done.outputs["new"]) == (1, "1"), done.log
    assert not list(tmp_path.rglob("pwned"))


def test_a_pull_request_does_not_choose_its_base(action: Runner) -> None:
    """In a checkout of the branch, the parent of HEAD is a commit of the pull request."""
    top = repository(action.workspace)
    commit(top, {"README.md": "The commit before took the protection away."})
    action.event = {"pull_request": {"number": 1}}
    inputs = {"diff_base": "HEAD^1", "fail_on": "high", "select": "KV001", "upload": "false"}
    done = action({"GITHUB_SHA": git(top, "rev-parse", "HEAD^1").strip()}, **inputs)
    assert (done.code, done.outputs["exit-code"]) == (2, "2")
    assert "the checkout is not at the commit" in done.log
    assert "HEAD is not the merge commit of the pull request" in done.log
    assert action({"GITHUB_SHA": git(top, "rev-parse", "HEAD").strip()}, **inputs).code == 0


@pytest.mark.parametrize("inputs", [{"working_directory": "infra"}, {"paths": "infra"}])
def test_link_in_place_of_the_compared_folder_is_an_error(
    inputs: dict[str, str], action: Runner, tmp_path: Path
) -> None:
    top = repository(action.workspace)
    elsewhere = tmp_path / "elsewhere"
    shutil.move(top / "infra", elsewhere)
    (elsewhere / "main.tf").write_text(PROTECTED)
    (top / "infra").symlink_to(elsewhere)
    commit(top, {})
    done = action(diff_base="HEAD^1", fail_on="high", **inputs)
    assert (done.code, done.outputs["exit-code"]) == (2, "2"), done.log
    assert "leads out of the checkout" in done.log


@pytest.mark.parametrize("inputs", [{"working_directory": "a", "paths": "../infra"}, {"paths": "a/../infra"}])
def test_link_before_two_dots_is_an_error(inputs: dict[str, str], action: Runner) -> None:
    top = repository(action.workspace)
    commit(top, {"deep/a/x": "", "deep/infra/main.tf": PROTECTED})
    (top / "a").symlink_to("deep/a")
    commit(top, {})
    done = action(diff_base="HEAD^1^1^1", fail_on="high", select="KV001", upload="false", **inputs)
    assert (done.code, done.outputs["exit-code"]) == (2, "2"), done.log
    assert "through a symbolic link of the checkout" in done.log


@pytest.mark.parametrize("event", ["pull_request_review", "pull_request_target"])
def test_a_pull_request_does_not_choose_its_base_in_other_events(event: str, action: Runner) -> None:
    top = repository(action.workspace)
    commit(top, {"README.md": "The commit before took the protection away."})
    environment = {"GITHUB_EVENT_NAME": event, "GITHUB_SHA": git(top, "rev-parse", "HEAD^1").strip()}
    done = action(environment, diff_base="HEAD^1", fail_on="high", select="KV001", upload="false")
    assert (done.code, done.outputs["exit-code"]) == (2, "2"), done.log
    assert "the checkout is not at the commit" in done.log


def test_no_program_of_the_checkout_runs(action: Runner, tmp_path: Path) -> None:
    """An earlier step may have added a folder of the checkout to PATH."""
    top = repository(action.workspace)
    (top / "bin").mkdir()
    for name in ("basename", "cat", "dirname", "env", "git", "mktemp", "python", "python3", "sed", "tr"):
        (top / "bin" / name).write_text(f"#!/bin/sh\n: >'{tmp_path}/pwned'\nexit 1\n")
        (top / "bin" / name).chmod(0o755)
    environment = {"PATH": f"{top / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    done = action(environment, diff_base="HEAD^1", fail_on="high", select="KV001", upload="false", comment="true")
    assert (done.code, done.outputs["new"]) == (1, "1"), done.log
    assert not list(tmp_path.rglob("pwned"))


def test_the_working_directory_is_not_searched(action: Runner, tmp_path: Path) -> None:
    repository(action.workspace)
    other = tmp_path / "other" / "infra"
    other.mkdir(parents=True)
    (other / "main.tf").write_text(PROTECTED)
    inputs = {"working_directory": "infra", "diff_base": "HEAD^1", "select": "KV001", "upload": "false"}
    done = action({"CDPATH": str(other.parent)}, **inputs)
    assert (done.code, done.outputs["new"]) == (1, "1"), done.log


def test_variables_of_git_have_no_effect(action: Runner, tmp_path: Path) -> None:
    top = repository(action.workspace)
    other = repository(tmp_path / "other")
    commit(other, {"README.md": "The base here has no protection."})
    environment = {
        "GIT_DIR": str(other / ".git"),
        "GIT_WORK_TREE": str(other),
        "GIT_OBJECT_DIRECTORY": str(other / ".git" / "objects"),
        "GIT_TRACE": str(tmp_path / "pwned"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.worktree",
        "GIT_CONFIG_VALUE_0": str(other),
    }
    assert git(top, "rev-parse", "HEAD^1") != git(other, "rev-parse", "HEAD^1")
    done = action(environment, diff_base="HEAD^1", fail_on="high", select="KV001")
    assert (done.code, done.outputs["new"]) == (1, "1"), done.log
    assert not list(tmp_path.rglob("pwned"))


def test_a_base_that_is_not_complete_fails_the_job(action: Runner, tmp_path: Path) -> None:
    source = repository(tmp_path / "source")
    git(source, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "--quiet", "--filter=blob:none", f"file://{source}", str(action.workspace))
    done = action(diff_base="HEAD^1", fail_on="none")
    assert (done.code, done.outputs["exit-code"], done.outputs["new"]) == (3, "3", "")
    assert "of the commit is not in the checkout" in done.log
    assert "::error title=kvlint::the commit of diff-base could not be written" in done.log


# Each takes the protection of a vault away and hides that: only the last commit has these files.
WAYS = {
    "a comment": {"infra/main.tf": f"# kvlint: ignore[KV001] a reason\n{VAULT}"},
    "a setting": {"kvlint.toml": 'ignore = ["KV001"]\n'},
    "a selection": {"kvlint.toml": 'select = ["KV201"]\n'},
    "a deeper setting": {"infra/kvlint.toml": 'min-severity = "critical"\n'},
    "test folders": {"kvlint.toml": 'test-folders = ["*"]\n'},
    "an override": {"kvlint.toml": '[[override]]\nrules = ["KV001"]\nseverity = "info"\n'},
    "excluded files": {"kvlint.toml": 'exclude = ["infra"]\n', "other/main.tf": PROTECTED},
}


@pytest.mark.parametrize("way", WAYS)
def test_disabled_finding_of_a_pull_request_fails_the_job(way: str, action: Runner) -> None:
    top = repository(action.workspace)
    commit(top, WAYS[way])
    done = action(diff_base="HEAD^1^1", fail_on="high", ignore="KV101", upload="false")
    assert (done.code, done.outputs["exit-code"]) == (1, "1"), done.log
    assert "KV001" in done.log.rpartition("::error")[2] or "suppressed (" in done.log


def test_only_the_accept_input_accepts_disabled_findings(action: Runner) -> None:
    top = repository(action.workspace)
    commit(top, {"kvlint.toml": "quiet = true\n"})
    commit(top, {**WAYS["a comment"], "kvlint.toml": 'accept = ["suppressed"]\n'})
    inputs = {"diff_base": "HEAD^1", "fail_on": "high", "select": "KV001", "upload": "false"}
    done = action({"INPUT_ACCEPT": "suppressed"}, **inputs)
    assert done.code != 0, done.log
    (top / "kvlint.toml").write_text("quiet = true\n")
    done = action(**inputs)
    assert (done.code, done.outputs["new"]) == (1, "0"), done.log
    assert "::error title=kvlint::Exit code 1, findings: 0, new: 0: suppressed (1)" in done.log
    assert "Checks turned off by this change" in done.summary
    done = action(accept="suppressed", **inputs)
    assert (done.code, done.outputs["new"]) == (0, "0"), done.log
    assert action(accept="everything", **inputs).code == 2
    assert action(**{**inputs, "fail_on": "none"}).code == 0


def test_a_pull_request_gains_nothing_by_preventing_the_comparison(action: Runner) -> None:
    top = repository(action.workspace)
    commit(top, {"infra/main.tf": VAULT, "b.bicep": "resource"})
    commit(top, {"b.bicep": "", **WAYS["a comment"], "kvlint.toml": 'ignore = ["KV001"]\n'})
    done = action(diff_base="HEAD^1", fail_on="high", ignore="KV101", upload="false")
    assert "::warning title=kvlint::The commit of diff-base could not be compared" in done.log
    assert (done.code, done.outputs["exit-code"]) == (1, "1"), done.log
    assert "KV001 (1 high)" in done.log.rpartition("::error title=kvlint::Exit code 1, findings: ")[2]


@pytest.mark.parametrize(("fail_on", "code"), [("one-way", 3), ("access-lost", 3), ("no-such-gate", 3), ("none", 0)])
def test_gate_that_cannot_be_evaluated_fails_the_job(fail_on: str, code: int, action: Runner) -> None:
    top = repository(action.workspace)
    commit(top, {"infra/main.tf": PROTECTED, "b.bicep": "resource"})
    commit(top, {"b.bicep": ""})
    done = action(diff_base="HEAD^1", fail_on=fail_on, select="KV001", upload="false")
    assert "::warning title=kvlint::The commit of diff-base could not be compared" in done.log
    assert (done.code, done.outputs["exit-code"]) == (code, str(code)), done.log


def test_log_states_without_a_base_that_settings_of_the_pull_request_apply(action: Runner) -> None:
    repository(action.workspace)
    action.event = {"pull_request": {"number": 1}}
    notice = "::notice title=kvlint::Without diff-base, settings and suppressions of this pull request have an effect"
    assert notice in action(select="KV001").log
    assert notice not in action(select="KV001", args="--untrusted").log
