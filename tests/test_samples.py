"""Every sample says what its expected output says, byte for byte (``make samples`` writes it anew).

A sample is one deployment, spelled in several ways: all of them must be judged alike.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Run

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
INPUTS = ("plan.json", "main.bicep", "main.json")
NAMES = sorted(path.parent.name for path in SAMPLES.glob("*/plan.json"))
EXIT_CODES = {"careless": 1, "hardened": 0}
FORMATS = {"txt": "text", "sarif": "sarif"}
SECRET = "correct-horse-battery-staple"  # in samples/careless: a variable's or parameter's, and a secret's value
# What only one of the spellings can say: how the provider destroys, and a certificate.
ONLY_TERRAFORM = {"KV006", "KV701"}
# The plan names the subscription of a role assignment, but not the vault's own, so there the question stays open.
ONLY_TEMPLATES = {"KV403"}


@pytest.fixture
def away(tmp_path: Path) -> Path:
    """A copy of the samples outside of any checkout: inside, a report names the commit that it was made from."""
    shutil.copytree(SAMPLES, tmp_path / "samples")
    return tmp_path


def test_there_are_samples() -> None:
    assert sorted(EXIT_CODES) == NAMES
    assert all((SAMPLES / name / source).is_file() for name in NAMES for source in INPUTS)


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("source", INPUTS)
@pytest.mark.parametrize("name", NAMES)
def test_output(name: str, source: str, ending: str, away: Path, run: Run, pytestconfig: pytest.Config) -> None:
    ran = run("-f", FORMATS[ending], f"samples/{name}/{source}", cwd=away)
    assert (ran.code, ran.err) == (EXIT_CODES[name], "")
    file = SAMPLES / name / f"{source}.expected.{ending}"
    if pytestconfig.getoption("--write-expected"):
        file.write_bytes(ran.out.encode())
    assert ran.out.encode() == file.read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_every_spelling_is_judged_alike(name: str, away: Path, run: Run) -> None:
    """The rule, the type and the name of what it is about; the address is each spelling's own."""
    found = {}
    for source in INPUTS:
        report = json.loads(run("-f", "json", f"samples/{name}/{source}", cwd=away).out)
        rules = ONLY_TEMPLATES if source != "plan.json" else ONLY_TERRAFORM
        found[source] = sorted(
            (finding["ruleId"], finding["type"], _name(finding))
            for finding in report["findings"]
            if finding["ruleId"] not in rules
        )
    assert found["main.bicep"] == found["plan.json"]
    assert found["main.json"] == found["plan.json"]


def _name(finding: dict[str, str]) -> str:
    """What Azure calls the resource; a role assignment's name is a GUID that only a deployment knows."""
    return "" if finding["type"] == "Microsoft.Authorization/roleAssignments" else finding["fullName"]


@pytest.mark.parametrize("seed", ["0", "1", "2026"])
@pytest.mark.parametrize("source", INPUTS)
@pytest.mark.parametrize("name", NAMES)
def test_output_does_not_hang_on_the_hash_seed(name: str, source: str, seed: str, away: Path, run: Run) -> None:
    file = f"samples/{name}/{source}"
    assert run("-f", "sarif", file, cwd=away, env={"PYTHONHASHSEED": seed}) == run("-f", "sarif", file, cwd=away)


@pytest.mark.parametrize("form", ["text", "json", "sarif"])
@pytest.mark.parametrize("source", INPUTS)
def test_the_secret_in_it_is_not_printed(source: str, form: str, away: Path, run: Run) -> None:
    file = away / "samples" / "careless" / source
    assert SECRET in file.read_text(encoding="utf-8")
    ran = run("-v", "-f", form, file)
    assert ran.code == 1
    assert SECRET not in ran.out + ran.err
