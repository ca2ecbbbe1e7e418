"""The lock of what the action installs: it pins everything that kvlint and its build need, on every system."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from itertools import product

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.action import ROOT

FOLDER = ROOT / ".github" / "action"
PINNED = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[\w.+!-]+)(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n")
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


def lock() -> dict[str, str]:
    """The pinned versions by name."""
    text = (FOLDER / "requirements.txt").read_text(encoding="utf-8")
    return {canonicalize_name(found["name"]): found["version"] for found in PINNED.finditer(text)}


def asked() -> list[Requirement]:
    lines = (FOLDER / "requirements.in").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if not line.startswith("#")]


def declared() -> list[Requirement]:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [Requirement(text) for text in document["project"]["dependencies"] + document["build-system"]["requires"]]


def needed(environment: Mapping[str, str], pinned: Mapping[str, str]) -> Iterator[Requirement]:
    """What kvlint and its build need in an environment, as far as the packages at the pinned versions are installed."""
    waiting, seen = declared(), set()
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


def test_every_line_pins_a_version_by_hashes() -> None:
    text = (FOLDER / "requirements.txt").read_text(encoding="utf-8")
    left = PINNED.sub("", text)
    assert all(not line or line.lstrip().startswith("#") for line in left.splitlines())
    assert len(lock()) == text.count("==")
    # No server, no folder of one machine.
    assert "://" not in text


def test_what_is_asked_for_is_what_pyproject_declares() -> None:
    texts = {str(requirement) for requirement in asked()}
    assert {str(requirement) for requirement in declared()} <= texts
    assert all(requirement.marker is None for requirement in asked())


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda one: f"{one['python_version']}-{one['sys_platform']}")
def test_everything_that_is_needed_is_pinned_to_what_satisfies_it(environment: Mapping[str, str]) -> None:
    pinned = lock()
    found = list(needed(environment, pinned))
    assert len(found) >= len(declared())
    for requirement in found:
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), str(requirement)
