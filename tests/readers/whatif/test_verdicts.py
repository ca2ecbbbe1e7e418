"""What the built-in rules say of what-if results and snapshots."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.readers.whatif.conftest import ID, KV, change, setting, snapshot, vault, what_if

if TYPE_CHECKING:
    from tests.readers.whatif.conftest import Judge

    Verdict = Callable[[Any, str], dict[str, str]]

SETTINGS = "Microsoft.Insights/diagnosticSettings"
ON: dict[str, Any] = {"enablePurgeProtection": True}
FAILS, UNKNOWN, PASSES = {KV: "fails"}, {KV: "unknown"}, dict[str, str]()


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (change("Create", vault(**ON)), PASSES),
        (change("Create", vault()), FAILS),
        (change("Create", vault(enablePurgeProtection="[reference('x').on]")), UNKNOWN),
        (change("Modify", vault(**ON), vault()), PASSES),
        (change("Modify", vault(), vault(**ON)), PASSES),
        (change("Modify", vault(enablePurgeProtection=False), vault()), FAILS),
        (change("Modify", vault(), vault()), UNKNOWN),
        (change("NoChange", vault(**ON), vault(**ON)), PASSES),
        (change("Deploy", resourceId=ID), UNKNOWN),
        (change("Unsupported", vault()), UNKNOWN),
        (change("Delete", None, vault()), PASSES),
        (change("Ignore", None, vault()), PASSES),
    ],
)
def test_change_decides_purge_protection(one: Any, expected: dict[str, str], verdict: Verdict) -> None:
    assert verdict(what_if(one), "KV001") == expected


@pytest.mark.parametrize("kind", ["Create", "Modify", "NoChange", "Ignore", "Deploy", "Delete"])
def test_deletion_of_a_vault_is_reported(kind: str, verdict: Verdict) -> None:
    expected = FAILS if kind == "Delete" else PASSES
    assert verdict(what_if(change(kind, vault(), vault())), "KV005") == expected


def test_message_about_a_deletion_names_the_what_if_result(judge: Judge) -> None:
    (finding,) = judge(what_if(change("Delete", None, vault()))).findings
    assert "the what-if result is Delete" in finding.message


@pytest.mark.parametrize(
    ("version", "expected"), [("2023-07-01", FAILS), ("2026-02-01", PASSES), ("[parameters('v')]", UNKNOWN)]
)
def test_the_permission_model_follows_the_api_version(version: str, expected: dict[str, str], verdict: Verdict) -> None:
    assert verdict(what_if(change("Create", vault(version=version))), "KV301") == expected
    assert verdict(snapshot(vault(version=version)), "KV301") == expected
    kept = verdict(what_if(change("Modify", vault(version=version), vault(version=version))), "KV301")
    assert kept == UNKNOWN


@pytest.mark.parametrize(
    ("companion", "expected"),
    [
        (None, FAILS),
        (change("Create", setting(ID)), PASSES),
        (change("NoChange", setting(ID.upper()), setting(ID)), PASSES),
        (change("Ignore", None, setting(ID)), PASSES),
        (change("Delete", None, setting(ID)), FAILS),
        (change("Create", setting(f"{ID}2")), FAILS),
        (change("Unsupported", resourceId=f"{setting(ID)['id']}"), PASSES),
        (change("Unsupported", resourceId=f"[extensionResourceId(reference('x').id, '{SETTINGS}', 'a')]"), UNKNOWN),
        (change("Unsupported", setting("?") | {"id": "[parameters('x')]"}), UNKNOWN),
    ],
)
def test_companion_of_a_vault_decides_the_result(companion: Any, expected: dict[str, str], verdict: Verdict) -> None:
    changes = [change("Create", vault())] + ([companion] if companion is not None else [])
    assert verdict(what_if(*changes), "KV201") == expected


def test_companion_that_may_not_be_deployed_is_unknown(verdict: Verdict) -> None:
    document = what_if(change("Create", vault()), potentialChanges=[change("Create", setting(ID))])
    assert verdict(document, "KV201") == UNKNOWN


def test_missing_companion_is_unknown_in_an_incomplete_input(verdict: Verdict) -> None:
    assert verdict(what_if(change("Create", vault()), "broken"), "KV201") == UNKNOWN
    assert verdict(snapshot(vault(), diagnostics=["a nested deployment was not expanded"]), "KV201") == UNKNOWN


def test_companions_in_a_snapshot_without_a_scope_are_linked(verdict: Verdict) -> None:
    def named(suffix: str) -> str:
        return (
            f"[format('/subscriptions/{{0}}/resourceGroups/{{1}}/providers/{KV}{suffix}', "
            "subscription().subscriptionId, resourceGroup().name)]"
        )

    kv = vault() | {"id": named("")}
    own = setting(ID) | {"id": named("/providers/Microsoft.Insights/diagnosticSettings/audit")}
    assert verdict(snapshot(kv), "KV201") == FAILS
    assert verdict(snapshot(kv, own), "KV201") == PASSES
