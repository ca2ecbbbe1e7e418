"""The checks of SARIF logs find what they are for: each mistake that no validator catches, made in a good log."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from azkvlint.config.run_config import Config
from azkvlint.linter.linter import check
from azkvlint.reporters import REPORTERS, SARIF_INCLUDED, Options
from tests.sarif import SCHEMA, faults, run_in, violations

Change: TypeAlias = Callable[[dict[str, Any]], object]
VAULT = 'resource "azurerm_key_vault" "kv" {\n\tname = "😀"\n  purge_protection_enabled = false\n}\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    (folder / ".git").mkdir()
    (folder / "main.tf").write_text(VAULT, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def good(folder: Path) -> dict[str, Any]:
    report = check(Config(paths=(str(folder),), with_controls=True))
    log = REPORTERS["sarif"](report, Options(included=frozenset(SARIF_INCLUDED)))
    assert isinstance(log, bytes)
    run = run_in(log.decode())
    assert list(faults(run, folder)) == []
    return run


def first(run: dict[str, Any]) -> dict[str, Any]:
    """The finding about purge protection, which has an attribute."""
    found: dict[str, Any] = next(one for one in run["results"] if one["ruleId"] == "KV001")
    return found


def place(run: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = first(run)["locations"][0]["physicalLocation"]
    return found


def passed(run: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in run["results"] if one.get("kind") == "pass")
    return found


MISTAKES: dict[str, Change] = {
    "open with a level": lambda run: passed(run).update(level="note"),
    "no columnKind": lambda run: run.pop("columnKind"),
    "a severity that is no number": lambda run: run["tool"]["driver"]["rules"][0]["properties"].update(
        {"security-severity": "0"}
    ),
    "a long description": lambda run: run["tool"]["driver"]["rules"][0]["shortDescription"].update(text="x" * 1_500),
    "30 tags": lambda run: run["tool"]["driver"]["rules"][0]["properties"].update(tags=list(map(str, range(30)))),
    "another text than the template's": lambda run: first(run)["message"].update(text="Something else."),
    "a link to nowhere": lambda run: first(run)["message"].update(text="See [this](9)."),
    "braces": lambda run: first(run)["message"].update(text="{0}"),
    "beyond the end of the file": lambda run: place(run)["region"].update(startLine=99, endLine=99),
    "beyond the end of the line": lambda run: place(run)["region"].update(endColumn=99),
    "on two lines": lambda run: place(run)["region"].update(endLine=4),
    "another column": lambda run: place(run)["region"].update(startColumn=4),
    "above the root": lambda run: place(run)["artifactLocation"].update(uri="../x/main.tf"),
    "a token": lambda run: run.update(versionControlProvenance=[{"repositoryUri": "https://t@example.com/x"}]),
    "not successful": lambda run: run["invocations"][0].update(executionSuccessful=False),
    "suppressions of one": lambda run: first(run).pop("suppressions"),
    "a baseline of one": lambda run: first(run).update(baselineState="new"),
    "a result twice": lambda run: run["results"].append(copy.deepcopy(run["results"][0])),
    "no context": lambda run: place(run).pop("contextRegion"),
    "a context like the region": lambda run: place(run)["contextRegion"].update(
        {name: value for name, value in place(run)["region"].items() if name != "snippet"}
    ),
    "a context beyond the end": lambda run: place(run)["contextRegion"].update(endLine=99),
    "another rule": lambda run: first(run).update(ruleId="KV002"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_mistake_is_found(mistake: str, good: dict[str, Any], folder: Path) -> None:
    (folder.parent / "x").mkdir(exist_ok=True)
    (folder.parent / "x" / "main.tf").write_text(VAULT, encoding="utf-8")
    run = copy.deepcopy(good)
    MISTAKES[mistake](run)
    assert list(faults(run, folder)) != []


VIOLATIONS: dict[str, Change] = {
    "a level that is none": lambda run: first(run).update(level="high"),
    "a blank in a path": lambda run: place(run)["artifactLocation"].update(uri="my vault/main.tf"),
    "a colon in the first part of a path": lambda run: place(run)["artifactLocation"].update(uri="c:x\\main.tf"),
    "a link that is none": lambda run: run["tool"]["driver"]["rules"][0].update(helpUri="docs/rules.md"),
    "a rank over 100": lambda run: first(run).update(rank=101),
    "a rule twice": lambda run: run["tool"]["driver"]["rules"].append(run["tool"]["driver"]["rules"][0]),
    "no tool": lambda run: run.pop("tool"),
    "a property of our own": lambda run: first(run).update(kvlint=True),
}


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_every_violation_of_the_schema_is_found(violation: str, good: dict[str, Any]) -> None:
    run = copy.deepcopy(good)
    assert violations({"version": "2.1.0", "runs": [run]}) == []
    VIOLATIONS[violation](run)
    assert violations({"version": "2.1.0", "runs": [run]}) != []


def test_schema_has_the_documented_digest() -> None:
    said = SCHEMA.with_name("README.md").read_text(encoding="utf-8")
    (digest,) = re.findall(r"`([0-9a-f]{64})`", said)
    assert hashlib.sha256(SCHEMA.read_bytes()).hexdigest() == digest
    assert json.loads(SCHEMA.read_text(encoding="utf-8"))["title"].startswith("Static Analysis Results Format")
