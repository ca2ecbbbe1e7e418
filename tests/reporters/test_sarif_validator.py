"""The SARIF standard's own validator finds nothing, at no level, where it is at hand: it is large, and not Python.

benchmarks/sarif_logs.py asks it about many more logs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Run

pytestmark = pytest.mark.slow(8)

ROOT = Path(__file__).resolve().parents[2]
VALIDATE = ROOT.parent / "shared" / "tools" / "sarif" / "validate"
AUDIT = ("--profile", "all", "--sarif-include", "suppressed,unknown,passed")
# The script keeps the validator in the user's cache and must not download it.
ENVIRONMENT = os.environ | {"npm_config_offline": "true"}
FOUND = 1
# All samples together; and what cannot be read, or not in full.
FOLDERS = {"samples": 1, "broken": 3}

if not VALIDATE.is_file():
    pytest.skip(f"no validator is here: {VALIDATE}", allow_module_level=True)


@pytest.fixture
def logs(tmp_path: Path, run: Run) -> Mapping[str, Path]:
    """A log of each folder, with findings alone and with all that an audit asks for, from a checkout with a remote."""
    inputs = tmp_path / "in"
    shutil.copytree(ROOT / "samples", inputs / "samples")
    (inputs / ".git").mkdir()
    (inputs / ".git" / "HEAD").write_text("a" * 40, encoding="utf-8")
    config = '[remote "origin"]\n  url = https://example.com/me/code.git\n'
    (inputs / ".git" / "config").write_text(config, encoding="utf-8")
    shutil.copytree(ROOT / "samples" / "careless", inputs / "broken")
    (inputs / "broken" / "main.tf").write_bytes((inputs / "broken" / "main.tf").read_bytes()[:-20])
    (inputs / "broken" / "main.json").write_bytes(b"\xff{")
    (inputs / "broken" / "one line.bicep").write_bytes(b"resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {}\n")
    made = {}
    for folder, code in FOLDERS.items():
        for number, words in enumerate(((), AUDIT)):
            log = tmp_path / f"{folder}{number}.sarif"
            ran = run(inputs / folder, "-f", "sarif", "-o", log, *words)
            assert ran.code == code, ran.err
            made[" ".join((folder, *words))] = log
    return made


def asked(log: Path) -> tuple[int, str]:
    done = subprocess.run([VALIDATE, log], capture_output=True, text=True, env=ENVIRONMENT, timeout=300, check=False)
    return done.returncode, done.stdout + done.stderr


def test_validator_reports_no_errors(logs: Mapping[str, Path], tmp_path: Path) -> None:
    code, text = asked(VALIDATE.with_name("good.sarif"))
    if code:
        pytest.skip(f"the validator does not work here: {text[:200]}")
    with ThreadPoolExecutor(2) as pool:
        said = dict(zip(logs, pool.map(asked, logs.values()), strict=True))
    assert {name: text for name, (code, text) in said.items() if code} == {}
    # It would have said so.
    log = next(iter(logs.values())).read_text(encoding="utf-8")
    (tmp_path / "wrong.sarif").write_text(log.replace('"endColumn": ', '"endColumn": -'), encoding="utf-8")
    assert asked(tmp_path / "wrong.sarif")[0] == FOUND
