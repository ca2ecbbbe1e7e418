"""The action in a pull request: the comparison with its base, the comment, the cache, and the inputs for rules."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.action import REPOSITORY, ROOT, TOKEN, Outcome, Runner
from tests.test_action import CARELESS, HOSTILE, UNDATED, results

pytestmark = [
    pytest.mark.slow(8),
    pytest.mark.skipif(
        shutil.which("bash") is None or shutil.which("git") is None,
        reason="there is no bash or no git to run the steps",
    ),
]

SPEC = importlib.util.spec_from_file_location("comment", ROOT / ".github" / "action" / "comment.py")
assert SPEC is not None
assert SPEC.loader is not None
comment: Any = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(comment)

FIXED = CARELESS.replace("properties: {}", "properties: { enablePurgeProtection: true }")
SECOND = CARELESS.replace("resource kv", "resource other").replace("'kv'", "'other'")
# The folder of the base is not in the checkout, and a module beside the folder that is checked is read.
MODULE = 'module "kv" { source = "../vault" }\n'
VAULT = 'resource "azurerm_key_vault" "kv" {\n  name = "kv"\n}\n'


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", *identity, *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True).stdout.decode()


def commit(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "change")


@pytest.fixture
def action(tmp_path: Path, installed: Path) -> Runner:
    runner = Runner(tmp_path, installed)
    git(runner.workspace, "init", "--quiet")
    git(runner.workspace, "remote", "add", "origin", "https://github.com/owner/repository")
    return runner


class Server(ThreadingHTTPServer):
    """The comments of a pull request. ``status`` other than 200 is what it responds with."""

    comments: list[dict[str, Any]]
    status = 200
    tokens: set[str]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        self.server.tokens.add(self.headers["Authorization"])
        assert self.path.startswith(f"/repos/{REPOSITORY}/issues/")
        found: Any = {}
        if self.command == "GET":
            found = self.server.comments
        elif self.command == "POST" and self.server.status == 200:
            self.server.comments.append({"id": 7, "user": {"type": "Bot"}, **body})
        elif self.command == "PATCH" and self.server.status == 200:
            assert self.path.endswith("/issues/comments/7")
            self.server.comments[-1].update(body)
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())

    do_GET = do_POST = do_PATCH = do  # noqa: N815  # the names that the standard library calls

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def api(action: Runner) -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    # A person's comment with the marker of the comment is another one.
    server.comments = [
        {"id": 1, "user": {"type": "User"}, "body": comment.body_of("<!-- kvlint e3b0c44298fc1c14 -->", "x")}
    ]
    server.tokens = set()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    action.api = f"http://127.0.0.1:{server.server_port}"
    action.event = {"pull_request": {"number": 12, "head": {"repo": {"full_name": REPOSITORY}}}}
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def compared(action: Runner, base: dict[str, str], head: dict[str, str], **inputs: str) -> Outcome:
    commit(action.workspace, base)
    commit(action.workspace, head)
    return action(**{"diff_base": "HEAD^1", **inputs})


def test_old_findings_pass_and_remain_in_the_log(action: Runner) -> None:
    head = {"main.bicep": f"// new\n{CARELESS}"}
    done = compared(action, {"main.bicep": CARELESS, ".gitattributes": "* export-ignore\n"}, head)
    assert (done.code, done.outputs["exit-code"], done.outputs["new"], done.outputs["gone"]) == (0, "0", "0", "0")
    assert int(done.outputs["findings"]) == len(results(done.uploaded[0]["sarif_file"])) > 0
    assert "kvlint: nothing that fails the job (findings: " in done.log
    assert "## ✅ kvlint diff" in done.summary
    assert git(action.workspace, "status", "--porcelain") == ""
    assert git(action.workspace, "worktree", "list").count("\n") == 1


def test_a_new_finding_fails_and_has_one_comment(action: Runner, api: Server) -> None:
    head = {"main.bicep": FIXED, "other.bicep": SECOND}
    done = compared(action, {"main.bicep": CARELESS}, head, comment="true")
    assert (done.code, done.outputs["exit-code"]) == (1, "1")
    assert int(done.outputs["new"]) > 0 < int(done.outputs["gone"])
    assert re.search(rf", new: {done.outputs['new']}: KV001 \(1 high\), KV101 \(1 high\), .*\)\n", done.log)
    assert "kvlint: a comment was added" in done.log
    added = api.comments[-1]["body"]
    assert added.startswith("<!-- kvlint e3b0c44298fc1c14 -->\n## ❌ kvlint diff\n")
    assert "`other.bicep:1:1`" in added
    assert str(action.temp) not in added

    commit(action.workspace, {"other.bicep": "", "main.bicep": CARELESS})
    again = action(diff_base="HEAD^1^1", comment="true")
    assert (again.code, again.outputs["new"]) == (0, "0")
    assert "kvlint: the comment was updated" in again.log
    assert len(api.comments) == 2
    assert "## ✅ kvlint diff" in api.comments[-1]["body"]
    assert api.tokens == {f"Bearer {TOKEN}"}


def test_failed_comment_does_not_fail_the_job(action: Runner, api: Server) -> None:
    commit(action.workspace, {"main.bicep": CARELESS})
    api.status = 403
    done = action(comment="true", fail_on="none", upload="false")
    assert done.code == 0
    assert "::warning title=kvlint::the comment failed: GitHub responded with 403 (the job needs" in done.log
    api.tokens.clear()
    action.event["pull_request"]["head"]["repo"] = {"full_name": "stranger/repository"}
    done = action(comment="true", fail_on="none", upload="false")
    assert (done.code, api.tokens) == (0, set())
    assert "kvlint: no comment: the pull request is from a fork" in done.log


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({}, "this job is not for a pull request"),
        ([], "this job is not for a pull request"),
        ({"pull_request": {"number": "1; id"}}, "this job is not for a pull request"),
        ({"pull_request": {"number": 1, "head": {"repo": None}}}, "the pull request is from a fork"),
    ],
)
def test_events_without_a_pull_request_have_no_comment(event: Any, reason: str) -> None:
    assert str(comment.pull_request(event, REPOSITORY)).startswith(reason)


def test_a_comment_is_as_long_as_github_accepts() -> None:
    text = comment.body_of("<!-- kvlint -->", "<details>\n" + "| a | b |\n" * 20_000)
    assert len(text) < 65_536
    assert text.endswith("| a | b |\n\n</details>\n\nThe rest is in the summary of the job.")


def test_a_token_is_sent_to_https_only() -> None:
    with pytest.raises(ValueError, match="https"):
        comment.Api("http://example.com", REPOSITORY, TOKEN)


@pytest.mark.parametrize(("fail_on", "code"), [("critical, one-way", 1), ("none", 0), ("no-such-gate", 1)])
def test_gates_are_those_of_the_comparison(fail_on: str, code: int, action: Runner) -> None:
    done = compared(action, {"main.bicep": CARELESS}, {"main.bicep": FIXED}, fail_on=fail_on)
    assert done.code == code
    assert ("::error title=kvlint::Exit code 1, findings: 6, new: 0: one-way (1)\n" in done.log) is ("way" in fail_on)
    # What the comparison refuses is no reason to pass.
    assert ("could not be compared, so all findings count" in done.log) is (fail_on == "no-such-gate")


def test_all_findings_fail_without_a_complete_base(action: Runner, api: Server) -> None:
    done = compared(
        action, {"main.bicep": CARELESS, "b.bicep": "resource"}, {"b.bicep": ""}, comment="true", upload="false"
    )
    assert (done.code, done.outputs["exit-code"], done.outputs["new"]) == (1, "1", "")
    text = "could not be compared, so all findings count, without settings and suppressions."
    assert f"::warning title=kvlint::The commit of diff-base {text}" in done.log
    assert f"{text}\n\n## " in api.comments[-1]["body"]


@pytest.mark.parametrize("name", ["infra", "-x $(touch pwned); '; touch pwned; '"])
def test_a_folder_of_a_checkout_is_compared_with_itself(name: str, action: Runner) -> None:
    files = {f"{name}/main.tf": MODULE, "vault/main.tf": VAULT}
    head = {"vault/main.tf": VAULT.replace("}", "  public_network_access_enabled = false\n}")}
    done = compared(action, files, head, working_directory=name)
    assert done.code == 0, done.log
    assert (done.outputs["new"], done.outputs["gone"] != "0") == ("0", True)
    found = {
        one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for one in results(done.outputs["sarif-file"])
    }
    assert found == {"vault/main.tf"}
    assert not list(action.workspace.rglob("pwned"))


def add_programs_of_git(checkout: Path, trace: Path) -> None:
    """Let a hook and the filter of Git LFS leave a trace and fail, as those that an earlier step has installed."""
    (checkout / "hooks").mkdir()
    program = checkout / "hooks" / "post-index-change"
    program.write_text(f"#!/bin/sh\necho ran >>'{trace}'\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    for name, value in (
        ("core.hooksPath", "hooks"),
        ("core.fsmonitor", str(program)),
        ("filter.lfs.smudge", str(program)),
        ("filter.lfs.required", "true"),
    ):
        git(checkout, "config", name, value)
    trace.unlink(missing_ok=True)


def test_a_comparison_runs_no_hook_and_no_filter_of_lfs(action: Runner, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    commit(action.workspace, {"main.bicep": CARELESS, ".gitattributes": "*.bin filter=lfs\n", "a.bin": "oid"})
    add_programs_of_git(action.workspace, trace)
    done = action(diff_base="HEAD")
    assert (done.code, done.outputs["new"]) == (0, "0"), done.log
    assert not trace.exists()


@pytest.mark.parametrize("base", [HOSTILE[0], "--all", "0" * 40])
def test_a_base_is_a_commit_of_the_checkout(base: str, action: Runner) -> None:
    commit(action.workspace, {"main.bicep": UNDATED})
    done = action(diff_base=base)
    assert (done.code, done.outputs["exit-code"], len(done.uploaded)) == (2, "2", 1)
    assert "::error title=kvlint::diff-base is not a commit of this checkout" in done.log
    assert not list(action.workspace.rglob("pwned"))


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({"diff_base": "HEAD", "plan": "plan.json"}, "plan cannot be used with diff-base"),
        ({"diff_base": "HEAD", "paths": "a\nb"}, "paths must be one path with diff-base"),
        ({"working_directory": "-"}, "working-directory must be an existing folder"),
        ({"cache": "yes"}, "cache must be true or false"),
        ({"comment": ""}, "comment must be true or false"),
    ],
)
def test_inputs_that_are_refused(inputs: dict[str, str], text: str, action: Runner) -> None:
    done = action(**inputs)
    assert (done.code, done.uploaded) == (2, [])
    assert f"::error title=kvlint::{text}" in done.log


def test_inputs_for_rules_and_arguments_are_texts(action: Runner) -> None:
    (action.workspace / "main.bicep").write_text(CARELESS + UNDATED.replace(" kv ", " old ").replace(": kv", ": old"))
    rules = {"select": "KV001, KV101\r\n\nKV201", "ignore": "KV201", "profile": "strict\ndefault"}
    done = action(**rules, args=f"--set\nKV003.minimum=30\n--exclude={HOSTILE[0]}\n", upload="false")
    assert {one["ruleId"] for one in results(done.outputs["sarif-file"])} == {"KV001", "KV101"}
    assert not list(action.workspace.rglob("pwned"))

    (action.workspace / "base.json").write_text('{"version": 1, "findings": []}')
    done = action(baseline="base.json", rules=f"{HOSTILE[0]}\n", upload="false")
    assert done.code == 2
    assert f"{HOSTILE[0]}: the file or folder does not exist" in done.log


def test_results_are_reused_but_never_for_a_fork(action: Runner) -> None:
    (action.workspace / "main.bicep").write_text(CARELESS)
    environment = {"KVLINT_CACHE_KEY": "a-secret-of-the-repository"}
    first = action(environment, cache="true", upload="false", fail_on="none")
    (key,) = action.caches
    assert key.startswith("kvlint-Linux-kvlint--refs-heads-main--")
    assert list(action.caches[key].rglob("*"))
    before = {path: path.stat().st_mtime_ns for path in action.caches[key].rglob("*") if path.is_file()}
    second = action(environment, cache="true", upload="false", fail_on="none")
    assert second.log.splitlines()[1:-2] == first.log.splitlines()[1:-2]
    assert len(action.caches) == 2
    restored = {path.name for path in action.caches[list(action.caches)[-1]].rglob("*") if path.is_file()}
    assert restored == {path.name for path in before}
    action.event = {"pull_request": {"number": 1, "head": {"repo": {"full_name": "stranger/repository"}}}}
    fork = action(environment, cache="true", upload="false", fail_on="none")
    assert len(action.caches) == 2
    assert "no results of earlier jobs are used" in fork.log
