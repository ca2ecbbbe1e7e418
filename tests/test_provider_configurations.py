"""Configurations that Azure accepts: those of the acceptance tests of the provider azurerm.

``KVLINT_PROVIDER_CONFIGURATIONS`` names a folder with a folder for each configuration,
``SERVICE/FILE__FUNCTION/main.tf``, extracted from hashicorp/terraform-provider-azurerm; without it, the tests are
skipped.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.engine.rule_store import builtin_rules

if TYPE_CHECKING:
    from tests.conftest import Run

FOLDER = os.environ.get("KVLINT_PROVIDER_CONFIGURATIONS", "")
pytestmark = pytest.mark.skipif(not FOLDER, reason="KVLINT_PROVIDER_CONFIGURATIONS does not name a folder")
# What a message says if Azure or the provider rejects something, or if a principal lacks access to something.
_REJECTED = re.compile(
    r"reject|is invalid|are invalid|No principal has|no permission|no managed identity|unassigned|same name as"
)
# Rules whose message does not say that the deployment fails.
OTHERS = {"KV055", "KV907", "KV912"}
# Why a rule of this kind reports a configuration (rule, configuration) all the same.
REASONS = {
    ("KV010", "mssql*/*transparent_data_encryption*"): "the extraction replaces a random string by a longer one",
    ("KV011", "keyvault/key_vault_key_resource__template"): "the extraction has no value for the parameter",
    ("KV308", "*"): "the vault exists, but nothing reads or writes keys, secrets or certificates in it",
    ("KV310", "keyvault/*__requiresImport"): "the test expects the error",
    ("KV310", "machinelearning/ai_foundry_project_resource__userIdentity*"): (
        "Azure accepts any object ID; a policy for the client ID of an identity has no effect"
    ),
    ("KV603", "keyvault/*__requiresImport"): "the test expects the error",
    ("KV907", "compute/disk_encryption_set_resource__keyRotateInvalid"): "the test expects the error",
    ("KV910", "synapse/synapse_workspace_resource__customerManagedKey"): (
        "the workspace is created without access to its key, and not activated"
    ),
}
# The declarations that a report counts as evaluated or skipped.
_DECLARED = re.compile(
    r'^resource "(?:azurerm_key_vault(?:_(?:key|secret|certificate|access_policy))?|azurerm_role_assignment'
    r'|azurerm_key_vault_managed_hardware_security_module(?:_key|_role_assignment)?)" ',
    re.MULTILINE,
)


def name_of(path: str) -> str:
    return path.removesuffix("/main.tf")


def reason_for(rule: str, path: str) -> tuple[str, str] | None:
    return next((key for key in REASONS if key[0] == rule and fnmatch(name_of(path), key[1])), None)


def places(found: dict[str, Any], kind: str) -> Iterator[tuple[str, str]]:
    """The rule and the file of each finding, or the message and the file of each problem."""
    for one in found[kind]:
        yield one.get("ruleId") or one["message"], one["location"]["path"]


@pytest.fixture
def report(run: Run) -> dict[str, Any]:
    ran = run("-f", "json", "--profile", "all", "--no-cache", ".", cwd=Path(FOLDER))
    assert ran.code in (0, 1, 3)
    found: dict[str, Any] = json.loads(ran.out)
    return found


def test_every_configuration_is_read(report: dict[str, Any]) -> None:
    configurations = [path.relative_to(FOLDER).as_posix() for path in Path(FOLDER).glob("*/*/main.tf")]
    assert len(configurations) > 700
    assert {name_of(path) for path in configurations} <= {name_of(source) for source in report["sources"]}
    # The extraction leaves syntax errors in a few configurations.
    problems = dict(places(report, "problems"))
    assert all(message.startswith("expected ") for message in problems)
    broken = {path for _, path in places(report, "problems")}
    assert len(broken) < 25
    accounted = Counter(one["path"] for one in (*report["evaluated"], *report["skipped"]))
    silent = [
        path
        for path in configurations
        if path not in broken
        and accounted[path] < len(_DECLARED.findall(Path(FOLDER, path).read_text(encoding="utf-8")))
    ]
    assert not silent


def test_no_rule_rejects_a_configuration_that_the_provider_deploys(report: dict[str, Any]) -> None:
    about = {rule.id for rule in builtin_rules() if _REJECTED.search(rule.message) or rule.id in OTHERS}
    assert {"KV010", "KV625", "KV910"} <= about
    found = [(rule, path) for rule, path in places(report, "findings") if rule in about]
    without = [(rule, path) for rule, path in found if reason_for(rule, path) is None]
    assert not without
    assert {reason_for(rule, path) for rule, path in found} == set(REASONS), "a reason is no longer needed"
