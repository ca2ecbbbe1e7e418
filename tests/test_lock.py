"""The lock files: they pin everything that the action, the tests and the demo install, on every system and Python."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from itertools import chain, product
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.action import ROOT

ACTION, DEV, TEST = (ROOT / ".github" / name for name in ("action/requirements", "development/dev", "development/test"))
LOCKS = [ACTION, DEV, TEST]
PINNED = re.compile(
    r"(?P<name>[\w.-]+)==(?P<version>[\w.+!-]+)(?: ; (?P<marker>[^\\\n]+?))?"
    r"(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n"
)
DOCUMENT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SYSTEMS = {"linux": ("Linux", "posix"), "darwin": ("Darwin", "posix"), "win32": ("Windows", "nt")}
ENVIRONMENTS = [
    {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "sys_platform": system,
        "platform_system": SYSTEMS[system][0],
        "os_name": SYSTEMS[system][1],
        "extra": "",
    }
    for python, system in product(("3.11", "3.12", "3.13", "3.14"), SYSTEMS)
]


def lock(file: Path, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The pinned versions by name, all or those for an environment."""
    text = file.with_suffix(".txt").read_text(encoding="utf-8")
    return {
        canonicalize_name(found["name"]): found["version"]
        for found in PINNED.finditer(text)
        if environment is None or found["marker"] is None or Marker(found["marker"]).evaluate(dict(environment))
    }


def asked(file: Path) -> list[Requirement]:
    lines = file.with_suffix(".in").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if not line.startswith("#")]


def group(name: str) -> list[str]:
    found = DOCUMENT["dependency-groups"][name]
    return [text for item in found for text in ([item] if isinstance(item, str) else group(item["include-group"]))]


def declared(file: Path) -> list[Requirement]:
    run, build = DOCUMENT["project"]["dependencies"], DOCUMENT["build-system"]["requires"]
    texts = {ACTION: run + build, DEV: run + build + group("dev"), TEST: run + group("test")}[file]
    return [Requirement(text) for text in texts]


def needed(file: Path, environment: Mapping[str, str], pinned: Mapping[str, str]) -> Iterator[Requirement]:
    """What kvlint and its build need in an environment, as far as the packages at the pinned versions are installed."""
    waiting, seen = declared(file), set()
    while waiting:
        requirement = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate(dict(environment)):
            continue
        yield requirement
        name = canonicalize_name(requirement.name)
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            continue
        if name not in seen and installed.version == pinned.get(name):
            waiting += map(Requirement, installed.requires or ())
        seen.add(name)


@pytest.mark.parametrize("file", LOCKS, ids=lambda file: file.name)
def test_every_line_pins_a_version_by_hashes(file: Path) -> None:
    text = file.with_suffix(".txt").read_text(encoding="utf-8")
    left = PINNED.sub("", text)
    assert all(not line or line.lstrip().startswith("#") for line in left.splitlines())
    assert len(lock(file)) > 10
    # No server, no folder of one machine.
    assert "://" not in text


@pytest.mark.parametrize("file", LOCKS, ids=lambda file: file.name)
def test_requirements_of_lock_files_are_those_of_pyproject(file: Path) -> None:
    texts = {str(requirement) for requirement in asked(file)}
    assert {str(requirement) for requirement in declared(file)} <= texts
    assert all(requirement.marker is None for requirement in asked(file))


@pytest.mark.parametrize("file", LOCKS, ids=lambda file: file.name)
@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda one: f"{one['python_version']}-{one['sys_platform']}")
def test_every_requirement_is_pinned_to_a_matching_version(environment: Mapping[str, str], file: Path) -> None:
    pinned = lock(file, environment)
    found = list(needed(file, environment, pinned))
    assert len(found) >= len(declared(file))
    for requirement in found:
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), str(requirement)


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda one: f"{one['python_version']}-{one['sys_platform']}")
def test_the_tests_install_every_extra(environment: Mapping[str, str]) -> None:
    pinned = lock(DEV, environment)
    for requirement in map(Requirement, chain.from_iterable(DOCUMENT["project"]["optional-dependencies"].values())):
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), str(requirement)


def test_the_lowest_and_the_latest_versions_are_those_that_pyproject_allows() -> None:
    script = str(ROOT / ".github" / "development" / "bounds.py")
    for kind in ("lowest", "latest"):
        words = [sys.executable, script, kind]
        printed = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
        extras = DOCUMENT["project"]["optional-dependencies"].values()
        declared_ranges = {*DOCUMENT["project"]["dependencies"], *chain.from_iterable(extras)}
        assert len(printed.splitlines()) == len(declared_ranges)
        for line, text in zip(printed.splitlines(), sorted(declared_ranges, key=str.lower), strict=True):
            (specifier,) = Requirement(line).specifier if kind == "lowest" else [None]
            assert line == text if specifier is None else Requirement(text).specifier.contains(specifier.version)
