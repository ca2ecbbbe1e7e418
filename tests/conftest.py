"""Fixtures: the command line as users run it, with nothing of the developer's own environment."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest
from hypothesis import settings

import azkvlint
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.linter.compile_package import compile_package
from azkvlint.util.run_state import separate_run

pytest_plugins = ["tests.sampling"]

# How long one example takes says more of the machine, and of what it is the first to import, than of kvlint.
settings.register_profile("without deadline", deadline=None)
settings.load_profile("without deadline")


# MkDocs, but whoever opens a connection fails.
OFFLINE = """
import socket

def refuse(*_):
    raise RuntimeError("the build of the site uses the network")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from mkdocs.__main__ import cli
cli()
"""


class RunResult(NamedTuple):
    """What a run of kvlint left: its exit code, and what it wrote, line ends untouched."""

    code: int
    out: str
    err: str


class Run(Protocol):
    """Runs kvlint with ``arguments``; in an empty folder unless ``cwd`` says where; ``env`` adds to the environment."""

    def __call__(
        self,
        *arguments: str | Path,
        cwd: Path | None = None,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
    ) -> RunResult: ...


def pytest_configure() -> None:
    """Give the tests the default reactions to signals, which a parent such as ``nohup`` may have turned off."""
    for name, handler in (("SIGINT", signal.default_int_handler), ("SIGHUP", signal.SIG_DFL)):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-expected", action="store_true", help="write expected outputs anew instead of comparing")


# The files that take longest, in an order that keeps all processes busy until the end.
LONGEST = (
    "test_bounds.py",
    "test_fuzz.py",
    "test_graph_bounds.py",
    "test_readme.py",
    "test_processes.py",
    "test_site.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest."""
    order = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


@pytest.fixture(autouse=True)
def own_run() -> Iterator[None]:
    """Each test starts without what an earlier run was allowed to read."""
    with separate_run():
        yield


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the package as a wheel holds it, its rules compiled: reading a checkout's takes most of a run."""
    package = Path(azkvlint.__file__).parent
    if (package / "rules").is_dir():
        return package.parent
    folder = tmp_path_factory.mktemp("installed")
    copied = shutil.copytree(package, folder / "azkvlint")
    shutil.copytree(package.parents[1] / "rules" / "controls", copied / "rules" / "controls")
    for path, content in compile_package(builtin_rules()).items():
        (copied / path).write_bytes(content)
    return folder


@pytest.fixture
def run(tmp_path: Path, installed: Path) -> Run:
    home = tmp_path / "home"
    home.mkdir()
    clean = {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", "COLUMNS": "120"}
    clean["PYTHONPATH"] = str(installed)

    def run_kvlint(
        *arguments: str | Path,
        cwd: Path | None = None,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
    ) -> RunResult:
        done = subprocess.run(
            [sys.executable, "-m", "azkvlint", *map(str, arguments)],
            cwd=cwd or home,
            input=stdin,
            env=clean | dict(env or {}),
            capture_output=True,
            check=False,
            timeout=120,
        )
        return RunResult(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run_kvlint


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the documentation's site, built once, with no way into a network."""
    pytest.importorskip("mkdocs", reason="MkDocs is not installed, so nobody builds the site")
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-c", OFFLINE, "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        words,
        cwd=Path(__file__).resolve().parents[1],
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return folder
