"""Which part of the tests a run takes: every test, the everyday part, or every slow test.

``--part everyday`` runs each fast test and a random share of the cases of each slow one; ``--part slow`` runs all cases
of the slow ones. Together they are every test. The same ``--seed`` chooses the same tests.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

import pytest

# A test with more cases than this is slow, and this many are its share.
MANY = 25


class Slow(NamedTuple):
    """The cases of a slow test, and how many of them are a share: on average, if it is no whole number."""

    name: str
    cases: tuple[pytest.Item, ...]
    average: float

    def share(self, seed: str) -> list[pytest.Item]:
        """Return a random share, which depends on the names of the cases alone."""
        count = int(self.average + _draw(seed, self.name))
        return sorted(self.cases, key=lambda item: _draw(seed, item.nodeid))[:count]


class Divided(NamedTuple):
    """All collected tests: each is fast, or a case of a slow test."""

    fast: tuple[pytest.Item, ...]
    slow: tuple[Slow, ...]

    def part(self, name: str, seed: str) -> set[pytest.Item]:
        """Return the tests of the part ``everyday`` or ``slow``."""
        if name == "slow":
            return {item for test in self.slow for item in test.cases}
        return {*self.fast, *(item for test in self.slow for item in test.share(seed))}


DIVIDED = pytest.StashKey[Divided]()


def _draw(seed: str, name: str) -> float:
    """Return a number from 0 to 1 that looks random."""
    return int.from_bytes(sha256(f"{seed} {name}".encode()).digest()[:6]) / 256**6


def divide(items: Iterable[pytest.Item]) -> Divided:
    """Divide tests into fast ones and slow ones, which are marked ``slow(one_in)`` or have many cases."""
    tests: dict[str, list[pytest.Item]] = {}
    for item in items:
        tests.setdefault(item.nodeid.partition("[")[0], []).append(item)
    fast, slow = [], []
    for name, cases in tests.items():
        marker = cases[0].get_closest_marker("slow")
        if marker:
            slow.append(Slow(name, tuple(cases), min(MANY, len(cases) / marker.args[0])))
        elif len(cases) > MANY:
            slow.append(Slow(name, tuple(cases), MANY))
        else:
            fast += cases
    return Divided(tuple(fast), tuple(slow))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that choose a part."""
    parser.addoption("--part", choices=("all", "everyday", "slow"), default="all", help="the tests to run")
    parser.addoption("--seed", default=str(datetime.now(tz=UTC).date()), help="what chance depends on (default: today)")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", "slow(one_in): of so many cases, one is in the everyday part")


def pytest_report_header(config: pytest.Config) -> str:
    """Show the part and the seed."""
    return f"part: {config.option.part}, seed: {config.option.seed}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not in the part."""
    config.stash[DIVIDED] = divided = divide(items)
    if config.option.part == "all":
        return
    part = divided.part(config.option.part, config.option.seed)
    config.hook.pytest_deselected(items=[item for item in items if item not in part])
    items[:] = [item for item in items if item in part]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show how to repeat what failed."""
    if {"failed", "error"} & terminalreporter.stats.keys():
        terminalreporter.write_line(f"Repeat a test: .venv/bin/python -m pytest --seed={config.option.seed} 'TEST'")


@pytest.fixture(scope="session")
def seed(pytestconfig: pytest.Config) -> str:
    """Return the seed of the run."""
    return str(pytestconfig.option.seed)
