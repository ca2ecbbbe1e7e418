"""No test is in neither part: the everyday part and the slow one are together every test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.sampling import DIVIDED, MANY

ROOT = Path(__file__).parents[1]
SEEDS = [str(number) for number in range(20)]
FILE = f"""
import pytest

@pytest.mark.parametrize("case", range({2 * MANY}))
def test_many(case): pass

@pytest.mark.parametrize("case", range(6))
def test_few(case): pass

@pytest.mark.slow(3)
@pytest.mark.parametrize("case", range(6))
def test_marked(case): pass

@pytest.mark.slow(2)
def test_single(): assert False

def test_fast(): pass
"""


class SampledTests(NamedTuple):
    """What a run of FILE wrote, and which tests it ran."""

    output: str
    tests: frozenset[str]


def run(folder: Path, *options: str) -> SampledTests:
    (folder / "test_it.py").write_text(FILE)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-v",
            "-p",
            "tests.sampling",
            "-p",
            "no:cacheprovider",
            *options,
            "test_it.py",
        ],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode <= 1, done.stdout
    return SampledTests(
        done.stdout, frozenset(re.findall(r"^test_it\.py::(\S+) (?:PASS|FAIL)ED", done.stdout, re.MULTILINE))
    )


def functions(tests: frozenset[str]) -> Counter[str]:
    return Counter(name.partition("[")[0] for name in tests)


def test_every_collected_test_is_in_the_everyday_part_or_a_case_of_a_slow_test(request: pytest.FixtureRequest) -> None:
    divided = request.config.stash[DIVIDED]
    slow = divided.part("slow", "")
    assert not slow.intersection(divided.fast)
    assert {*request.session.items} <= slow.union(divided.fast)
    for seed in SEEDS:
        everyday = divided.part("everyday", seed)
        assert slow.union(divided.fast) == slow.union(everyday)
        for test in divided.slow:
            assert int(test.average) <= len(everyday.intersection(test.cases)) <= int(test.average) + 1


def test_every_case_of_a_slow_test_has_its_turn(request: pytest.FixtureRequest) -> None:
    (test,) = [one for one in request.config.stash[DIVIDED].slow if one.name.endswith("test_slow_for_its_own_sake")]
    seeds = [str(number) for number in range(200)]
    assert {item for seed in seeds for item in test.share(seed)} == {*test.cases}
    assert 30 <= sum(len(test.share(seed)) for seed in seeds) <= 70  # of 200 times 2 / 8


@pytest.mark.slow(8)
@pytest.mark.parametrize("case", range(2))
def test_slow_for_its_own_sake(case: int) -> None:
    assert case in range(2)


def test_both_parts_are_every_test_and_a_seed_repeats_its_share(tmp_path: Path) -> None:
    every = run(tmp_path, "--seed=a")
    slow = run(tmp_path, "--part=slow")
    some, again, other = (run(tmp_path, "--part=everyday", f"--seed={seed}") for seed in ("a", "a", "b"))
    assert len(every.tests) == 2 * MANY + 14
    assert functions(slow.tests) == {"test_many": 2 * MANY, "test_marked": 6, "test_single": 1}
    for part in (some, other):
        assert part.tests | slow.tests == every.tests
        counts = functions(part.tests)
        assert counts.pop("test_single", 0) <= 1
        assert counts == {"test_many": MANY, "test_few": 6, "test_marked": 2, "test_fast": 1}
    assert again.tests == some.tests != other.tests
    assert "part: everyday, seed: b" in other.output
    assert (
        "Repeat a test: .venv/bin/python -m pytest --seed=2026-03-01 'TEST'"
        in run(tmp_path, "--seed=2026-03-01").output
    )


def test_make_runs_both_parts_of_all_tests() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    rules = dict(re.findall(r"^([a-z-]+):.*\n((?:\t.*\n)+)", text, re.MULTILINE))
    assert rules["check-source"].strip() == "$(BIN)/python -m pytest $(PARALLEL) $(EVERYDAY)"
    assert rules["slow"].strip() == "$(BIN)/python -m pytest $(PARALLEL) --part=slow $(CHANCE)"
    assert "\nEVERYDAY := --part=everyday $(CHANCE)\n" in text
