"""Terraform that nobody on this team wrote: all of it is judged, and what cannot be is named.

It lies beside the checkout and is other people's files, so it is read in place, and absent for most.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Run

pytestmark = pytest.mark.slow(8)

ROOT = Path(__file__).resolve().parents[1]
CORPORA = ROOT.parent / "shared" / "corpora" / "tf"
GONE = "the folder does not exist"
# The first world that creates the module which calls them.
ITEM = "if var.keyvaults is not empty"
# Modules that were left out of the collection, and one file that Terraform refuses as well.
ERRORS = {
    "aztfmod-caf/modules/security/keyvault/diagnostics.tf": {f"module `diagnostics` cannot be read: {GONE} ({ITEM})"},
    "aztfmod-caf/modules/security/keyvault/private_endpoints.tf": {
        f"module `private_endpoint` cannot be read: {GONE} ({ITEM})"
    },
    "azurerm-docs/r/stack_hci_deployment_setting/1/main.tf": {"`azurerm_role_assignment.connect` is declared twice"},
    "parse-hard/checkov-graph-resources-modules/nested_modules_instances/module/main.tf": {
        f"module `inner_s3_module` cannot be read: {GONE}",
        f"module `inner_s3_module_2` cannot be read: {GONE}",
    },
    "parse-hard/checkov-graph-resources-modules/same_var_names/main.tf": {f"module `module2` cannot be read: {GONE}"},
    "parse-hard/checkov-graph-resources-modules/same_var_names/module1/main.tf": {
        f"module `submodule2` cannot be read: {GONE}"
    },
    "parse-hard/checkov-graph-resources-modules/stacks/stage/main.tf": {f"module `s3` cannot be read: {GONE}"},
    "parse-hard/checkov-graph-variable_rendering-resources/count_examples/simple_count/main.tf": {
        f"module `simple` cannot be read: {GONE}"
    },
    "parse-hard/checkov-graph-variable_rendering-resources/foreach_module_with_more_than_two_resources/main.tf": {
        f"module `s3_module` cannot be read: {GONE}",
        f"module `s3_module2` cannot be read: {GONE}",
    },
    "parse-hard/checkov-graph-variable_rendering-resources/os_example_large_count_with_nested_module/modules.tf": {
        f"module `modules` cannot be read: {GONE}"
    },
    "parse-hard/checkov-graph-variable_rendering-test_resources/tfvar_module_variables/install_airpods.tf": {
        f"module `airpods` cannot be read: {GONE}"
    },
}

if not CORPORA.is_dir():
    pytest.skip(f"the corpora are not here: no Terraform in {CORPORA}", allow_module_level=True)

FOLDERS = sorted(folder.name for folder in CORPORA.iterdir() if folder.is_dir())


def judge(folder: Path, run: Run, tmp_path: Path) -> tuple[int, dict[str, Any]]:
    """The exit code and the report, which the other formats must not contradict."""
    ran = run("-f", f"json={tmp_path / 'report.json'}", "-f", f"sarif={tmp_path / 'report.sarif'}", folder)
    assert "internal error" not in ran.err
    assert "Traceback" not in ran.err
    report: dict[str, Any] = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    log = json.loads((tmp_path / "report.sarif").read_text(encoding="utf-8"))
    assert len(log["runs"][0]["results"]) == len(report["findings"])
    return ran.code, report


def test_unreadable_files_are_reported_as_errors(run: Run, tmp_path: Path) -> None:
    code, report = judge(CORPORA, run, tmp_path)
    errors: dict[str, set[str]] = {}
    for problem in report["problems"]:
        assert "internal error" not in problem["message"]
        if problem["level"] == "error":
            errors.setdefault(problem["location"]["path"], set()).add(problem["message"])
    assert errors == ERRORS
    assert code == 3
    assert report["summary"]["evaluatedResources"]["Microsoft.KeyVault/vaults"] > 100


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_collection_is_evaluated(folder: str, run: Run, tmp_path: Path) -> None:
    code, report = judge(CORPORA / folder, run, tmp_path)
    broken = any(path.startswith(f"{folder}/") for path in ERRORS)
    assert code in ({3} if broken else {0, 1})
    assert {problem["code"] for problem in report["problems"]} <= {"KVE001", "KVE002", "KVE003"}


def test_every_location_is_at_an_attribute_block_or_name(run: Run, tmp_path: Path) -> None:
    _, report = judge(CORPORA, run, tmp_path)
    lines: dict[str, list[str]] = {}
    for finding in report["findings"] + report["unknown"]:
        location = finding["location"]
        path = location["path"]
        if path not in lines:
            lines[path] = (CORPORA / path).read_text(encoding="utf-8-sig").split("\n")
        line = lines[path][location["line"] - 1]
        start, end = location["column"] - 1, location["endColumn"] - 1
        said = line[start : end if location["endLine"] == location["line"] else None].strip()
        assert said, location
        # A resource is told at its header, or in JSON at its name; all else at an attribute or a block.
        assert ".terraform/" not in path
        assert said[0].isalnum() or said[0] in "\"'_[{<$", (location, said)
