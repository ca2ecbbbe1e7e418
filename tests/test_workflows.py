"""The workflows: what linters of workflows cannot know of them, and the examples that the documentation gives."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from azkvlint import __version__
from tests.action import ACTION, ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CALLED = ROOT / ".github" / "workflows" / "check.yml"
DOCUMENTS = [ROOT / "README.md", ROOT / "docs" / "github-action.md"]
SLUG = "kvlint/kvlint"
PINNED = re.compile(r"uses: (?P<action>[\w.-]+(?:/[\w.-]+)+)@(?P<commit>[0-9a-f]{40}) # v\d+\.\d+\.\d+$")
FENCE = re.compile(r"^```yaml\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


def read(file: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return read


def examples() -> Iterator[dict[str, Any]]:
    """The workflows that the documents show."""
    for document in DOCUMENTS:
        for fence in FENCE.finditer(document.read_text(encoding="utf-8")):
            shown = yaml.safe_load(fence["text"])
            if isinstance(shown, dict) and "jobs" in shown:
                yield shown


def steps(workflow: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for job in workflow["jobs"].values():
        yield from job.get("steps", ())


def trigger(workflow: dict[Any, Any]) -> dict[str, Any]:
    """What a called workflow has below ``on``, which YAML reads as a boolean."""
    found: dict[str, Any] = workflow[True]["workflow_call"]
    return found


def bash(script: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    """Run a step as a runner on Linux does."""
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script],  # noqa: S607  # the one of the PATH
        cwd=folder,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_permissions_and_time_of_jobs_are_limited(file: Path) -> None:
    workflow = read(file)
    # A called workflow has the permissions of its caller, and would cancel that with a group of its own.
    if file != CALLED:
        assert workflow["permissions"] == {}
        assert workflow["concurrency"]["group"]
    for job in workflow["jobs"].values():
        assert ("permissions" in job) is (file != CALLED)
        assert "uses" in job or job["timeout-minutes"] <= 45  # a job that calls a workflow has its limits
    for step in steps(workflow):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_every_action_is_pinned_to_one_commit() -> None:
    commits: dict[str, set[str]] = {}
    for file in (ROOT / "action.yml", *WORKFLOWS):
        for line in file.read_text(encoding="utf-8").splitlines():
            if re.search(r"\buses:", line) and not re.search(r"uses: (?:\./(?:kvlint)? |\$/)", line):
                pinned = PINNED.search(line)
                assert pinned, line
                commits.setdefault(pinned["action"], set()).add(pinned["commit"])
    assert len(commits) == 14
    assert [action for action, known in commits.items() if len(known) > 1] == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash to run the step")
@pytest.mark.parametrize(
    ("tag", "heading", "told"),
    [
        (f"v{__version__}", f"## [{__version__}] - 2026-01-01", True),
        (f"v{__version__}", "## [9.9.9]", False),
        ("v9.9.9", f"## [{__version__}]", False),
        (__version__, f"## [{__version__}]", False),
        (f"v{__version__}$(touch pwned)", f"## [{__version__}]", False),
    ],
)
@pytest.mark.parametrize("is_release", [True, False])
def test_a_release_has_the_tag_of_its_version_and_notes(
    tag: str, heading: str, told: bool, is_release: bool, tmp_path: Path
) -> None:
    told = told and is_release
    build = read(ROOT / ".github" / "workflows" / "release.yml")["jobs"]["build"]
    (script,) = [step["run"] for step in build["steps"] if "GITHUB_REF_NAME" in step.get("run", "")]
    (tmp_path / "src" / "azkvlint").mkdir(parents=True)
    text = (ROOT / "src" / "azkvlint" / "__init__.py").read_text(encoding="utf-8")
    marked = re.sub(r"^IS_RELEASE = \w+$", f"IS_RELEASE = {is_release}", text, flags=re.MULTILINE)
    (tmp_path / "src" / "azkvlint" / "__init__.py").write_text(marked, encoding="utf-8")
    (tmp_path / "CHANGELOG.md").write_text(
        f"# Changelog\n\n## [Unreleased]\n\n- Later.\n\n{heading}\n\n### Added\n\n- This.\n\n## [0.0.1]\n\n- That.\n",
        encoding="utf-8",
    )
    ran = bash(script, tmp_path, {"GITHUB_REF_NAME": tag})
    assert (ran.returncode == 0) is told
    if told:
        notes = (tmp_path / "notes" / "notes.md").read_text(encoding="utf-8")
        assert notes.split() == ["###", "Added", "-", "This."]
    else:
        assert ran.stdout.startswith(b"::error::")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash to run the step")
@pytest.mark.parametrize(
    ("project", "published"), [("My.kvlint-project", True), ("kvlint", False), ("my_kvlint", False), ("*", False)]
)
def test_packages_are_published_under_their_name_only(project: str, published: bool, tmp_path: Path) -> None:
    job = read(ROOT / ".github" / "workflows" / "release.yml")["jobs"]["pypi"]
    (script,) = [step["run"] for step in job["steps"] if "run" in step]
    (tmp_path / "dist").mkdir()
    for name in ("my_kvlint_project-0.1.0-py3-none-any.whl", "my_kvlint_project-0.1.0.tar.gz"):
        (tmp_path / "dist" / name).touch()
    assert job["if"] == "${{ vars.PYPI_PROJECT != '' }}"
    assert (bash(script, tmp_path, {"PYPI_PROJECT": project}).returncode == 0) is published


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash to run the step")
@pytest.mark.parametrize(
    ("tag", "tags"),
    [
        ("v1.2.3", "ghcr.io/owner/kvlint:1.2.3,ghcr.io/owner/kvlint:latest"),
        ("v1.2.3rc1", "ghcr.io/owner/kvlint:1.2.3rc1"),
        ("v1.2.3,evil", ""),
        ("v1.2.3$(touch pwned)", ""),
    ],
)
def test_an_image_has_the_version_of_its_tag(tag: str, tags: str, tmp_path: Path) -> None:
    job = read(ROOT / ".github" / "workflows" / "release.yml")["jobs"]["image"]
    (script,) = [step["run"] for step in job["steps"] if "GITHUB_REF_NAME" in step.get("run", "")]
    environment = {"GITHUB_REF_NAME": tag, "GITHUB_REPOSITORY": "Owner/kvlint", "GITHUB_OUTPUT": str(tmp_path / "out")}
    ran = bash(script, tmp_path, environment)
    assert (ran.returncode == 0) is bool(tags)
    if tags:
        assert f"tags={tags}\n" in (tmp_path / "out").read_text(encoding="utf-8")
    assert not (tmp_path / "pwned").exists()


def test_release_publishes_tested_artifacts() -> None:
    jobs = read(ROOT / ".github" / "workflows" / "release.yml")["jobs"]
    assert [(name, job.get("needs")) for name, job in jobs.items()] == [
        ("build", None),
        ("test", "build"),
        ("bounds", None),
        ("sbom", ["test", "bounds"]),
        ("attest", "sbom"),
        ("image", ["test", "bounds"]),
        ("github", "attest"),
        ("pypi", "attest"),
    ]
    assert [name for name, job in jobs.items() if "write" in job["permissions"].values()] == [
        "attest",
        "image",
        "github",
        "pypi",
    ]
    assert [
        name for name, job in jobs.items() if any("checkout@" in one.get("uses", "") for one in job.get("steps", ()))
    ] == [
        "build",
        "test",
        "sbom",
        "image",
    ]


def test_the_documents_show_careful_workflows() -> None:
    shown = list(examples())
    assert len(shown) >= 5
    inputs = trigger(read(CALLED))["inputs"].keys()
    for workflow in shown:
        assert workflow["permissions"] == {}
        assert all(job.get("with", {}).keys() <= inputs for job in workflow["jobs"].values())
        assert all(job["permissions"]["contents"] == "read" for job in workflow["jobs"].values())
        used = [step for step in steps(workflow) if "uses" in step]
        for step in used:
            if step["uses"].startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False
        for step in used:
            if step["uses"].startswith(f"{SLUG}@"):
                assert step.get("with", {}).keys() <= ACTION["inputs"].keys()


def test_the_called_workflow_passes_its_inputs_to_the_action() -> None:
    workflow = read(CALLED)
    call = trigger(workflow)
    inputs = call["inputs"]
    own = {"compare", "runs-on"}
    (step,) = [step for step in steps(workflow) if step.get("uses") == "./kvlint"]
    passed = step["with"]
    assert passed.keys() <= ACTION["inputs"].keys()
    assert passed.keys() - {"diff-base", "checkout"} == inputs.keys() - own
    # A folder of the repository never decides which checkout is compared.
    checkouts = [step["with"] for step in steps(workflow) if step.get("uses", "").startswith("actions/checkout@")]
    assert [passed["checkout"]] == [one["path"] for one in checkouts if "repository" not in one]
    assert ACTION["inputs"].keys() - passed.keys() == {"plan", "source-root", "token"}
    for name in inputs.keys() - own - {"working-directory"}:
        assert passed[name] == f"${{{{ inputs.{name} }}}}"
        assert str(inputs[name]["default"]).lower() == ACTION["inputs"][name].get("default", "")
    for outputs in (call["outputs"], workflow["jobs"]["check"]["outputs"]):
        assert outputs.keys() == ACTION["outputs"].keys() - {"sarif-file"}


def test_the_document_of_the_action_names_all_inputs_and_outputs() -> None:
    text = DOCUMENTS[1].read_text(encoding="utf-8")
    for what, known in (("input", ACTION["inputs"]), ("output", ACTION["outputs"])):
        table = text.partition(f"| {what} |")[2].partition("\n\n")[0]
        cells = re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE)
        assert [name for cell in cells for name in re.findall(r"`([\w-]+)`", cell)] == list(known)
