"""The templates for GitLab and Azure Pipelines: their scripts run here with what the service would set."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from jsonschema import validators

from azkvlint.cli.pipelines import PIPELINES, pipeline_text
from tests.action import PROGRAM, ROOT
from tests.test_action import CARELESS, HOSTILE
from tests.test_action_pull_request import FIXED, SECOND, add_programs_of_git, commit, git

GITLAB, AZURE = ROOT / "docs" / "ci" / "gitlab.yml", ROOT / "docs" / "ci" / "azure-pipelines.yml"
SERVICES = ["gitlab", "azure"]
UNREADABLE = "resource"

pytestmark = [
    pytest.mark.slow(8),
    pytest.mark.skipif(
        shutil.which("bash") is None or shutil.which("git") is None,
        reason="there is no bash or no git to run the scripts",
    ),
]


def gitlab() -> tuple[dict[str, Any], dict[str, Any]]:
    """The inputs of the template, and its job."""
    head, body = yaml.safe_load_all(GITLAB.read_text(encoding="utf-8"))
    (job,) = body.values()
    return head["spec"]["inputs"], job


def azure() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The parameters of the template, and the step with the script."""
    template = yaml.safe_load(AZURE.read_text(encoding="utf-8"))
    (step,) = [step for step in template["steps"] if "bash" in step]
    return template["parameters"], step


class JobResult(NamedTuple):
    code: int
    log: str


class Job:
    """A checkout of a service, with the files of the job beside it."""

    def __init__(self, service: str, folder: Path, installed: Path) -> None:
        self.service = service
        self.checkout, self.temp, self._bin = folder / "check out", folder / "temp", folder / "bin"
        for made in (self.checkout, self.temp, self._bin):
            made.mkdir()
        program = self._bin / "kvlint"
        program.write_text(
            f'#!/bin/sh\nexec "{sys.executable}" -I -c "{PROGRAM.format(str(installed))}" "$@"\n', encoding="utf-8"
        )
        program.chmod(0o755)
        git(self.checkout, "init", "--quiet")
        self.provider = "TfsGit"

    def __call__(
        self, *, paths: str = ".", args: str = "", fail_on: str = "", compare: bool = False, accepted: bool = False
    ) -> JobResult:
        inputs = {"INPUT_VERSION": "x", "INPUT_PATHS": paths, "INPUT_ARGS": args, "INPUT_FAIL_ON": fail_on}
        inputs["INPUT_ACCEPT"] = "suppressed" if accepted else "$(notSet)"
        inputs["INPUT_ACCEPT_LABEL"] = "kvlint: accepted"
        labels = {"CI_MERGE_REQUEST_LABELS": "bug,kvlint: accepted" if accepted else "kvlint: accepted too,kvlint"}
        environment = {"PATH": f"{self._bin}:{os.environ['PATH']}", "HOME": str(self.temp), "TMPDIR": str(self.temp)}
        environment |= {"LC_ALL": "C.UTF-8", "CI": "true", **labels}
        if self.service == "gitlab":
            script = gitlab()[1]["script"][0]
            inputs["INPUT_COMPARE"] = str(compare).lower()
            shell = ["/bin/sh", "-c", script]
            if compare:
                environment["CI_MERGE_REQUEST_DIFF_BASE_SHA"] = git(self.checkout, "rev-parse", "HEAD^1").strip()
        else:
            script = azure()[1]["bash"]
            inputs["INPUT_COMPARE"] = str(compare)
            shell = ["bash", "--noprofile", "--norc", "-c", script]
            environment |= {
                "AGENT_TEMPDIRECTORY": str(self.temp),
                "BUILD_ARTIFACTSTAGINGDIRECTORY": str(self.temp / "out"),
            }
            environment["BUILD_REASON"] = "PullRequest" if compare else "IndividualCI"
            environment["BUILD_REPOSITORY_PROVIDER"] = self.provider
        ran = subprocess.run(
            shell,
            cwd=self.checkout,
            env=environment | inputs,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=60,
        )
        return JobResult(ran.returncode, ran.stdout.decode())

    def results(self) -> list[dict[str, Any]]:
        file = (
            self.checkout / "kvlint.sarif"
            if self.service == "gitlab"
            else self.temp / "out" / "kvlint" / "kvlint.sarif"
        )
        runs: list[dict[str, Any]] = json.loads(file.read_bytes())["runs"]
        return runs[0]["results"]  # type: ignore[no-any-return]

    def difference(self) -> Path:
        return self.checkout / "kvlint-diff.md" if self.service == "gitlab" else self.temp / "kvlint" / "diff.md"


@pytest.fixture(params=SERVICES)
def job(request: pytest.FixtureRequest, tmp_path: Path, installed: Path) -> Job:
    return Job(request.param, tmp_path, installed)


def test_findings_fail_the_job_and_are_in_the_reports(job: Job) -> None:
    commit(job.checkout, {"main.bicep": CARELESS})
    ran = job(args="--select=KV001,KV101\n--min-severity=low\n")
    assert ran.code == 1
    assert sorted(one["ruleId"] for one in job.results()) == ["KV001", "KV101"]
    if job.service == "gitlab":
        quality = json.loads((job.checkout / "gl-code-quality.json").read_bytes())
        assert {entry["check_name"] for entry in quality} == {"KV001", "KV101"}
        assert "<testcase" in (job.checkout / "kvlint.xml").read_text(encoding="utf-8")
    else:
        assert "##vso[task.logissue type=error;sourcepath=main.bicep;linenumber=1" in ran.log
        assert f"##vso[task.uploadsummary]{job.temp}/kvlint/kvlint.md\n" in ran.log
    assert job(fail_on="critical").code == 0


def test_only_new_findings_fail_a_comparison(job: Job) -> None:
    commit(job.checkout, {"main.bicep": CARELESS, ".gitattributes": "* export-ignore\n"})
    commit(job.checkout, {"main.bicep": f"// new\n{CARELESS}"})
    old = job(compare=True)
    assert (old.code, len(job.results()) > 0) == (0, True)
    assert "✅ kvlint diff" in job.difference().read_text(encoding="utf-8")
    commit(job.checkout, {"main.bicep": FIXED, "other.bicep": SECOND})
    new = job(compare=True, fail_on="high")
    assert new.code == 1
    assert "`other.bicep:1:1`" in job.difference().read_text(encoding="utf-8")
    assert job(compare=True, fail_on="none").code == 0
    assert git(job.checkout, "worktree", "list").count("\n") == 1


def test_disabled_finding_fails_unless_it_is_accepted_outside_of_the_change(job: Job) -> None:
    commit(job.checkout, {"main.bicep": FIXED, "kvlint.toml": 'select = ["KV001"]\n'})
    commit(job.checkout, {"main.bicep": f"// kvlint: ignore[KV001] a reason\n{CARELESS}"})
    assert job().code == 0
    assert job(compare=True).code == 1
    assert job(compare=True, accepted=True).code == 0


def test_settings_of_the_change_are_ignored_without_a_comparison(job: Job) -> None:
    commit(job.checkout, {"a/main.bicep": CARELESS, "b/main.bicep": UNREADABLE})
    commit(job.checkout, {"b/main.bicep": "", "kvlint.toml": 'exclude = ["a"]\n'})
    ran = job(compare=True, fail_on="high", args="--select=KV001")
    assert "the base could not be compared" in ran.log
    assert ran.code == 1


def test_a_comparison_runs_no_hook_and_no_filter_of_lfs(job: Job, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    commit(job.checkout, {"main.bicep": CARELESS, ".gitattributes": "*.bin filter=lfs\n", "a.bin": "oid"})
    commit(job.checkout, {"other.bicep": ""})
    add_programs_of_git(job.checkout, trace)
    assert job(compare=True).code == 0
    assert not trace.exists()


def test_all_findings_fail_if_the_base_is_unreadable(job: Job) -> None:
    commit(job.checkout, {"main.bicep": CARELESS, "b.bicep": UNREADABLE})
    commit(job.checkout, {"b.bicep": ""})
    ran = job(compare=True)
    assert ran.code == 1
    assert "the base could not be compared" in ran.log


TEMPLATE = json.dumps(
    {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "resources": [
            {
                "type": "Microsoft.KeyVault/vaults", "apiVersion": "2026-02-01", "name": "kv", "location": "x",
                "properties": {"enablePurgeProtection": None},
            }
        ],
    }
)  # fmt: skip
CALLED = "examples/kv/main.bicep"
OVERWRITTEN: dict[str, tuple[dict[str, str], dict[str, str], str]] = {
    "a template with the name of a report": (
        {}, {"gl-code-quality.json": TEMPLATE, "kvlint.toml": 'exclude = ["gl-code-quality.json"]'}, "",
    ),
    "a link to a template": ({}, {"a.json": TEMPLATE, "kvlint.toml": 'exclude = ["a.json"]'}, "a.json"),
    "a link to a script": (
        {"x.sh": f"az deployment group create -f {CALLED}\n", CALLED: FIXED}, {CALLED: CARELESS}, "x.sh",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OVERWRITTEN)
def test_reports_overwrite_nothing_that_is_compared(name: str, job: Job) -> None:
    base, head, target = OVERWRITTEN[name]
    commit(job.checkout, {"main.bicep": FIXED, **base})
    if target:
        (job.checkout / "kvlint.sarif").symlink_to(target)
    commit(job.checkout, head)
    ran = job(args="--select=KV001", compare=True)
    assert (ran.code, "KV001" in ran.log) == (1, True)
    if target:
        assert (job.checkout / target).read_text(encoding="utf-8") in (*base.values(), *head.values())
    assert isinstance(job.results(), list)


def test_without_a_merge_commit_the_parent_is_not_the_base(tmp_path: Path, installed: Path) -> None:
    """In Bitbucket, Azure Pipelines checks out the last commit of the pull request."""
    job = Job("azure", tmp_path, installed)
    commit(job.checkout, {"main.bicep": FIXED})
    commit(job.checkout, {"main.bicep": CARELESS})
    commit(job.checkout, {"README.md": ""})
    assert job(args="--select=KV001", compare=True).code == 0
    job.provider = "Bitbucket"
    ran = job(args="--select=KV001", compare=True)
    assert (ran.code, "so all findings count" in ran.log) == (1, True)


def test_inputs_are_texts(job: Job) -> None:
    for name in HOSTILE:
        (job.checkout / f"{name}.bicep").write_text(CARELESS, encoding="utf-8")
    ran = job(paths="\n".join(f"{name}.bicep" for name in HOSTILE), args=f"--exclude={HOSTILE[0]}\n--select=KV001")
    assert (ran.code, len(job.results())) == (1, len(HOSTILE))
    assert job(paths=HOSTILE[0]).code == 2
    assert not list(job.checkout.rglob("pwned"))


# --- the files --------------------------------------------------------------------------------------------------------


def schema(name: str) -> Any:
    # Only its files are read: importing it requires a later click than the lowest typer allows.
    package = find_spec("check_jsonschema")
    if package is None or package.origin is None:
        pytest.skip("the schemas are not installed")
    file = Path(package.origin).with_name("builtin_schemas") / "vendor" / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8"))


def filled_in(value: Any, inputs: dict[str, Any]) -> Any:
    """A template, as GitLab fills it in after it has read the YAML."""
    if isinstance(value, dict):
        return {filled_in(key, inputs): filled_in(one, inputs) for key, one in value.items()}
    if isinstance(value, list):
        return [filled_in(one, inputs) for one in value]
    if not isinstance(value, str):
        return value
    return re.sub(
        r"\$\[\[ inputs\.([\w-]+) \]\]", lambda found: str(inputs[found[1]].get("default", "v1")).lower(), value
    )


def test_the_template_of_gitlab_meets_its_schema() -> None:
    known = schema("gitlab-ci")
    head, body = yaml.safe_load_all(GITLAB.read_text(encoding="utf-8"))
    inputs = head["spec"]["inputs"]
    kind = validators.validator_for(known)(known)
    kind.validate(head)
    kind.validate(filled_in(body, inputs))
    assert set(re.findall(r"inputs\.([\w-]+)", str(body))) == inputs.keys()
    assert "$[[" not in gitlab()[1]["script"][0]
    kind.validate(yaml.safe_load(pipeline_text(PIPELINES["gitlab"].text, "main")))
    assert {one["inputs"].keys() <= inputs.keys() for one in yaml.safe_load(PIPELINES["gitlab"].text)["include"]} == {
        True
    }


def test_forms_for_issues_meet_their_schema() -> None:
    known = schema("github-issue-forms")
    forms = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    assert forms
    for form in forms:
        validators.validator_for(known)(known).validate(yaml.safe_load(form.read_text(encoding="utf-8")))


def test_the_page_names_all_inputs() -> None:
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
    assert [name for cell in cells for name in re.findall(r"`([\w-]+)`", cell)] == list(gitlab()[0])
    sentence = text.partition("The parameters ")[2].partition(" are ")[0]
    assert re.findall(r"`(\w+)`", sentence) == [one["name"] for one in azure()[0]]


def test_the_template_of_azure_meets_its_schema() -> None:
    known = schema("azure-pipelines")
    kind = validators.validator_for(known)(known)
    for text in (AZURE.read_text(encoding="utf-8"), pipeline_text(PIPELINES["azure"].text, "main")):
        # Every scalar is a string to the schema, as it is to the service before it is converted.
        kind.validate(yaml.load(text, Loader=yaml.BaseLoader))  # noqa: S506  # which makes nothing but strings
    parameters, step = azure()
    assert {f"${{{{ parameters.{one['name']} }}}}" for one in parameters} == set(step["env"].values())
    assert "${{" not in step["bash"]


@pytest.mark.parametrize("script", [gitlab()[1]["script"][0], azure()[1]["bash"]], ids=SERVICES)
def test_scripts_have_no_faults(script: str) -> None:
    shellcheck = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if shellcheck is None:
        pytest.skip("shellcheck is not installed")
    shell = "bash" if "[[" in script else "sh"
    ran = subprocess.run([shellcheck, "--shell", shell, "-"], input=script.encode(), capture_output=True, check=False)
    assert ran.stdout.decode() == ""
