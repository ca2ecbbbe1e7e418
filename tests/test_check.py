"""The whole run: one input that breaks kvlint does not take the others with it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kvlint import work as module
from kvlint.check import check, exit_code
from kvlint.config import Config
from kvlint.judged import judge
from kvlint.readers.read import Read

SAMPLE = Path(__file__).resolve().parents[1] / "samples" / "careless" / "plan.json"


def test_an_error_of_our_own_is_a_problem_of_one_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.json", "b.json"):
        shutil.copy(SAMPLE, tmp_path / name)
    whole = check(Config(paths=(str(tmp_path / "b.json"),)))

    def broken(read: Read, *rest: object) -> object:
        if read.path.endswith("a.json"):
            raise ValueError("a value of the input: hunter2")
        return judge(read, *rest)  # type: ignore[arg-type]  # handed through

    monkeypatch.setattr(module, "judge", broken)
    config = Config(paths=(str(tmp_path),))
    report = check(config)
    assert [finding.message for finding in report.findings] == [finding.message for finding in whole.findings]
    (problem,) = report.problems
    assert problem.at is not None
    assert problem.at.path == "a.json"
    assert problem.message.startswith("internal error: ValueError at test_check.py:")
    assert "hunter2" not in problem.message + problem.hint
    assert exit_code(report, config) == 3
