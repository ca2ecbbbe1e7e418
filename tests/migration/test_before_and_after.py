"""Applying a migration takes access from no principal, and gives no more than the report lists."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.migration.before_and_after import LANGUAGES, differences, of_world

pytestmark = pytest.mark.slow(8)

ROOT = Path(__file__).resolve().parents[2]
KVGEN = ROOT.parent / "shared" / "tools" / "kvgen" / "gen.py"
# Seeds whose worlds have vaults with access policies.
SEEDS = range(8)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("seed", SEEDS)
def test_migration_of_a_random_input_keeps_access(seed: int, language: str) -> None:
    assert of_world(seed, language) in (None, [])


def test_some_worlds_are_migrated() -> None:
    assert sum(of_world(seed, "terraform") is not None for seed in range(4)) >= 2


@pytest.mark.parametrize("options", [(), ("--built-in-roles",)])
def test_migration_of_the_sample_keeps_access(options: tuple[str, ...], tmp_path: Path) -> None:
    copy = tmp_path / "careless"
    shutil.copytree(ROOT / "samples" / "careless", copy)
    assert differences(copy, *options) == []


@pytest.mark.parametrize("language", ["hcl", "bicep"])
def test_migration_of_generated_inputs_keeps_access(language: str, tmp_path: Path) -> None:
    if not KVGEN.exists():
        pytest.skip(f"{KVGEN} is not available")
    command = [sys.executable, str(KVGEN), language, "--count", "20", "--out", str(tmp_path / "out")]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    assert differences(tmp_path / "out") in (None, [])
