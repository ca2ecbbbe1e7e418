"""The pipelines that `kvlint init` writes."""

from __future__ import annotations

from typing import NamedTuple

from azkvlint import IS_RELEASE, PROJECT, __version__
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex

_COMMIT = regex(r"[0-9a-f]{40}")
# Names of branches that have no meaning in YAML or in the patterns of a trigger.
_BRANCH = regex(r"[A-Za-z0-9_][A-Za-z0-9_./-]*")
# What YAML reads as another type than a string.
_VALUES = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})


UNKNOWN_COMMIT = "COMMIT"
"""What stands for the commit of kvlint if it is not known."""
_CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
_GITHUB = """\
# kvlint checks Azure Key Vault in infrastructure code: {project}
name: kvlint

on:
  push:
    branches: [{branch}]
  pull_request:

permissions: {{}}

concurrency:
  group: kvlint-${{{{ github.ref }}}}
  cancel-in-progress: true

jobs:
  kvlint:
    name: kvlint
    runs-on: ubuntu-latest
    timeout-minutes: 10
    permissions:
      actions: read # only in private repositories
      contents: read
      security-events: write # to upload the findings to code scanning
    steps:
      - uses: {checkout}
        with:
          fetch-depth: 2 # the merge commit of a pull request, and its base
          persist-credentials: false
      - uses: kvlint/kvlint@{commit}
        with:
          # New findings, and checks that it turns off, fail a pull request
          diff-base: ${{{{ github.event_name == 'pull_request' && 'HEAD^1' || '' }}}}
          # Without code scanning, add upload: "false" and format: github
"""
_GITLAB = """\
include:
  - remote: https://raw.githubusercontent.com/kvlint/kvlint/{commit}/docs/ci/gitlab.yml
    inputs:
      version: {commit}
      compare: true # new findings, and checks that it turns off, fail a merge request
"""
_AZURE_STEPS = """\
steps:
  - checkout: self
    persistCredentials: false
  - task: UsePythonVersion@0
    inputs:
      versionSpec: "3.13"
  - bash: |
      set -euo pipefail
      python -m venv "$(Agent.TempDirectory)/kvlint"
      "$(Agent.TempDirectory)/kvlint/bin/pip" install --quiet {project}/archive/{commit}.tar.gz
      "$(Agent.TempDirectory)/kvlint/bin/kvlint" . -f azure -f "sarif=$(Build.ArtifactStagingDirectory)/kvlint.sarif"
    displayName: Check Azure Key Vault
  - publish: $(Build.ArtifactStagingDirectory)
    artifact: CodeAnalysisLogs # the name that the Scans tab requires
    condition: always()
"""
_AZURE = (
    """\
# kvlint checks Azure Key Vault in infrastructure code: {project}
trigger: [{branch}]
pr: [{branch}] # no effect in Azure Repos: add a build validation policy to the branch

pool:
  vmImage: ubuntu-latest

"""
    + _AZURE_STEPS
)


class Pipeline(NamedTuple):
    """The pipeline of a service: the ``file`` to write, and what to add instead if that file has other content.

    Without an ``addition``, the file is kvlint's own. Its host names have one of the ``hosts`` in them.
    """

    hosts: tuple[str, ...]
    file: str
    text: str
    addition: str = ""


PIPELINES = {
    "github": Pipeline(("github.",), ".github/workflows/kvlint.yml", _GITHUB),
    "gitlab": Pipeline(("gitlab",), ".gitlab-ci.yml", _GITLAB, _GITLAB),
    "azure": Pipeline(("dev.azure.com", ".visualstudio.com"), "azure-pipelines.yml", _AZURE, _AZURE_STEPS),
}
"""The pipelines, by the words of ``--ci``."""


def pipeline_text(template: str, branch: str) -> str:
    """Return the text of a pipeline for the default branch of a repository."""
    name = branch if _BRANCH.fullmatch(branch) else "main"
    name = name if name[0].isalpha() and name.lower() not in _VALUES else f'"{name}"'
    return template.format(project=PROJECT, checkout=_CHECKOUT, branch=name, commit=installed_commit())


def installed_commit() -> str:
    """Return the commit from which kvlint was installed, or the tag of its release."""
    from importlib.metadata import PackageNotFoundError, distribution

    from azkvlint.syntax.json_decoder import decode_json

    try:
        text = distribution("azkvlint").read_text("direct_url.json")
        document = decode_json((text or "{}").encode(), dict)
        commit = str((document.get("vcs_info") or {}).get("commit_id"))
    except (PackageNotFoundError, InputError, OSError, AttributeError):
        commit = ""
    if _COMMIT.fullmatch(commit):
        return commit
    return f"v{__version__}" if IS_RELEASE else UNKNOWN_COMMIT
