"""Every sample says what its expected output says, byte for byte (``make samples`` writes it anew)."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Run

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
NAMES = sorted(path.parent.name for path in SAMPLES.glob("*/plan.json"))
EXIT_CODES = {"careless": 1, "hardened": 0}
FORMATS = {"expected.txt": "text", "expected.sarif": "sarif"}
SECRET = "correct-horse-battery-staple"  # in samples/careless: a variable, and a secret's value


@pytest.fixture
def away(tmp_path: Path) -> Path:
    """A copy of the samples outside of any checkout: inside, a report names the commit that it was made from."""
    shutil.copytree(SAMPLES, tmp_path / "samples")
    return tmp_path


def test_there_are_samples() -> None:
    assert sorted(EXIT_CODES) == NAMES


@pytest.mark.parametrize("expected", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_output(name: str, expected: str, away: Path, run: Run, pytestconfig: pytest.Config) -> None:
    ran = run("-f", FORMATS[expected], f"samples/{name}/plan.json", cwd=away)
    assert (ran.code, ran.err) == (EXIT_CODES[name], "")
    file = SAMPLES / name / expected
    if pytestconfig.getoption("--write-expected"):
        file.write_bytes(ran.out.encode())
    assert ran.out.encode() == file.read_bytes()


@pytest.mark.parametrize("seed", ["0", "1", "2026"])
@pytest.mark.parametrize("name", NAMES)
def test_output_does_not_hang_on_the_hash_seed(name: str, seed: str, away: Path, run: Run) -> None:
    plan = f"samples/{name}/plan.json"
    assert run("-f", "sarif", plan, cwd=away, env={"PYTHONHASHSEED": seed}) == run("-f", "sarif", plan, cwd=away)


@pytest.mark.parametrize("form", ["text", "json", "sarif"])
def test_the_secret_in_the_plan_is_not_printed(form: str, away: Path, run: Run) -> None:
    plan = away / "samples" / "careless" / "plan.json"
    assert SECRET in plan.read_text(encoding="utf-8")
    ran = run("-v", "-f", form, plan)
    assert ran.code == 1
    assert SECRET not in ran.out + ran.err
