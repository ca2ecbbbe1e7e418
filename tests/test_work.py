"""Several processes that judge."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from kvlint import work
from kvlint.check import rules_of
from kvlint.config import Config
from kvlint.judged import Judged
from kvlint.readers.discover import Source
from kvlint.readers.units import Unit


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process that starts anew knows nothing of the test's own worker")
def test_a_process_that_is_killed_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As by a system that is out of memory: nothing hangs, and nothing is lost in silence."""

    def judge(self: work.Worker, unit: Unit) -> Judged:
        if unit.source.path == "3":
            os.kill(os.getpid(), signal.SIGKILL)
        return Judged(read=[unit.source.path])

    monkeypatch.setattr(work.Worker, "judge", judge)
    units = [Unit(source=Source(file=str(tmp_path / str(n)), path=str(n), asked=True)) for n in range(8)]
    config = Config(paths=(str(tmp_path),), jobs=2)
    found = list(work.judge_units(units, config, rules_of(config), str(tmp_path)))
    assert [one.read for one in found] == [[str(n)] for n in range(8)]
    problems = [problem for one in found for problem in one.problems]
    assert all("ended from outside" in problem.message for problem in problems)
    assert "3" in [problem.at.path for problem in problems if problem.at is not None]
