"""Bicep files that nobody on this team wrote: all that are Bicep are read without a fault.

They lie beside the checkout and are other people's files, so they are read in place, and absent for most.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from azkvlint.syntax.bicep.parse import parse

CORPORA = Path(__file__).resolve().parents[3] / "shared" / "corpora"
FILES = sorted(file for file in CORPORA.rglob("*.bicep*") if file.suffix in {".bicep", ".bicepparam"})
# Written to be wrong, each in its own way, to test Bicep's own compiler or other tools.
INVALID = {
    "bicep/bicepparam-baselines/Invalid_Extensions/parameters.bicepparam",
    "bicep/bicepparam-baselines/Invalid_Imports/foo.bicep",
    "bicep/invalid-baselines/InvalidCycles_CRLF/main.bicep",
    "bicep/invalid-baselines/InvalidFunctions_LF/main.bicep",
    "bicep/invalid-baselines/InvalidMetadata_CRLF/main.bicep",
    "bicep/invalid-baselines/InvalidModules_LF/ChildModules/modulea.bicep",
    "bicep/invalid-baselines/InvalidModules_LF/cycle.bicep",
    "bicep/invalid-baselines/InvalidModules_LF/main.bicep",
    "bicep/invalid-baselines/InvalidMultilineString_CRLF/main.bicep",
    "bicep/invalid-baselines/InvalidResources_CRLF/main.bicep",
    "bicep/invalid-baselines/InvalidTestFramework_CRLF/main.bicep",
    "bicep/invalid-baselines/InvalidTestFramework_CRLF/samples/broken.bicep",
    "bicep/invalid-baselines/InvalidTypeDeclarations_LF/main.bicep",
    "bicep/invalid-baselines/InvalidVariables_LF/main.bicep",
    "pairs/bicep-baselines/InvalidLambdas_LF/main.bicep",
    "pairs/template-analyzer/Cli.FunctionalTests-AnInvalidTemplate/main.bicep",
}

if not FILES:
    pytest.skip(f"the corpora are not here: no Bicep in {CORPORA}", allow_module_level=True)


def test_all_files_that_are_bicep_are_read_without_a_fault() -> None:
    faulty = {
        file.relative_to(CORPORA).as_posix()
        for file in FILES
        if parse(file.read_bytes().decode("utf-16" if file.read_bytes()[:2] == b"\xff\xfe" else "utf-8")).faults
    }
    assert faulty == INVALID
