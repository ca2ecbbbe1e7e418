"""Measure and compare the time and peak memory of processes."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

MEBIBYTE = 1 << 20


class Cost(NamedTuple):
    """The cost of one process: wall time and CPU time in seconds, and peak memory in MiB."""

    wall: float
    cpu: float
    peak: float


def measure(command: Sequence[str]) -> Cost:
    """Run ``command`` once, without output. End the benchmark if it fails, because a partial run would look fast.

    The CPU time includes processes that it started. Without an option, kvlint keeps no results between runs in CI.
    """
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    start = time.perf_counter()
    child = subprocess.Popen(
        command,
        env=environment | {"BC_SKIP_MAPPING": "TRUE", "CI": "true"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in {0, 1}:
        sys.exit(f"exit code {child.returncode} from: {' '.join(command)}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / MEBIBYTE)


def race(commands: Sequence[Sequence[str]], rounds: int) -> list[list[Cost]]:
    """Return the costs of each command in each round, after one round that warms the caches."""
    for command in commands:
        measure(command)
    costs = [[measure(command) for command in commands] for _ in range(rounds)]
    return [list(column) for column in zip(*costs, strict=True)]


def median(costs: Sequence[Cost]) -> Cost:
    """Return the median of each part."""
    return Cost(*(statistics.median(column) for column in zip(*costs, strict=True)))
