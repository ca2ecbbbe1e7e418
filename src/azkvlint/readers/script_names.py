"""The names of scripts and pipelines, which may contain deployment commands."""

from __future__ import annotations

import re

# Names of files that may contain deployment commands, in lower case.
_ENDINGS = (
    ".yml", ".yaml", ".sh", ".bash", ".zsh", ".ksh", ".ps1", ".psm1", ".cmd", ".bat", ".mk", ".groovy", ".just",
    ".jenkinsfile", ".dockerfile", ".toml", ".env",
)  # fmt: skip
# Also with another ending, such as Jenkinsfile.prod.
_STEMS = frozenset({"makefile", "gnumakefile", "justfile", "jenkinsfile", "dockerfile", "rakefile", "earthfile"})
_NAMES = frozenset({"package.json", "project.json"})
# A pipeline whose name has one of these words tests, unless it has one of the others too.
_TESTING = frozenset({"test", "tests", "testing", "e2e", "example", "examples", "terratest"})
_DEPLOYING = frozenset({"deploy", "deployment", "release", "cd", "prod", "production", "provision"})


def is_script(name: str) -> bool:
    """Return whether a file with this name may contain deployment commands."""
    lower = name.lower()
    is_named = lower.endswith(_ENDINGS) or lower in _NAMES or lower.partition(".")[0] in _STEMS
    return is_named and not is_testing(lower)


def is_testing(name: str) -> bool:
    """Return whether the name of a script, in lower case, is that of one for tests."""
    words = set(re.split(r"[^a-z0-9]+", name))
    return not words.isdisjoint(_TESTING) and words.isdisjoint(_DEPLOYING)
