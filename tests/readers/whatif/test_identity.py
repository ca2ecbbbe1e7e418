"""Ids taken apart, and put together again."""

from __future__ import annotations

import pytest

from azkvlint.model.pattern import Text, access, hole, join_texts
from azkvlint.readers.deployment.scope import resource_id
from azkvlint.readers.whatif import WhatIfIdentity, parse_id, relative_id

GROUP = "/subscriptions/s/resourceGroups/rg"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv"
MANAGEMENT_GROUP = "/providers/Microsoft.Management/managementGroups/mg"
LOCK = "Microsoft.Authorization/locks"


@pytest.mark.parametrize(
    ("pattern", "type_", "names", "above", "extends"),
    [
        (VAULT, "Microsoft.KeyVault/vaults", ("kv",), GROUP, False),
        (f"{VAULT}/secrets/a", "Microsoft.KeyVault/vaults/secrets", ("kv", "a"), GROUP, False),
        (f"{VAULT}/providers/{LOCK}/l", LOCK, ("l",), VAULT, True),
        (f"{VAULT}/secrets/a/providers/{LOCK}/l", LOCK, ("l",), f"{VAULT}/secrets/a", True),
        (f"{GROUP}/providers/{LOCK}/l", LOCK, ("l",), GROUP, False),
        (f"/subscriptions/s/providers/{LOCK}/l", LOCK, ("l",), "/subscriptions/s", False),
        (f"/providers/{LOCK}/l", LOCK, ("l",), "", False),
        (f"{MANAGEMENT_GROUP}/providers/{LOCK}/l", LOCK, ("l",), MANAGEMENT_GROUP, False),
        (GROUP, "Microsoft.Resources/resourceGroups", ("rg",), "/subscriptions/s", False),
        (
            f"{GROUP}/providers/Microsoft.KeyVault/vaults/providers",
            "Microsoft.KeyVault/vaults", ("providers",), GROUP, False,
        ),
        (
            join_texts([hole("reference(x).id"), "/providers/Microsoft.KeyVault/vaults/kv"]),
            "Microsoft.KeyVault/vaults", ("kv",), hole("reference(x).id"), False,
        ),
    ],
)  # fmt: skip
def test_an_id_is_taken_apart(pattern: Text, type_: str, names: tuple[str, ...], above: Text, extends: bool) -> None:
    found = parse_id(pattern)
    assert found == WhatIfIdentity(type_, names, above, extends)
    assert resource_id(above, type_, names) == pattern


@pytest.mark.parametrize(
    "text",
    [
        "", "/", "//", "x", "kv", "/subscriptions", "/subscriptions/s", "/subscriptions/s/resourceGroups",
        f"{GROUP}/x", f"{GROUP}/providers", f"{GROUP}/providers/Microsoft.KeyVault",
        f"{GROUP}/providers/Microsoft.KeyVault/vaults", f"{VAULT}/secrets", f"{VAULT}/providers/{LOCK}",
        f"{VAULT}/providers", f"{GROUP}//providers/Microsoft.KeyVault/vaults/kv", hole("reference(x).id"),
    ],
)  # fmt: skip
def test_invalid_resource_id_is_not_parsed(text: Text) -> None:
    assert parse_id(text) is None


@pytest.mark.parametrize(
    ("pattern", "shown"),
    [
        (VAULT, "Microsoft.KeyVault/vaults/kv"),
        (f"{VAULT}/secrets/a", "Microsoft.KeyVault/vaults/kv/secrets/a"),
        (GROUP, "resourceGroups/rg"),
        (join_texts([f"{VAULT}/secrets/", access(hole("a"), ".b/c")]), "Microsoft.KeyVault/vaults/kv/secrets/{a.b/c}"),
        (f"{MANAGEMENT_GROUP}/providers/{LOCK}/l", f"Microsoft.Management/managementGroups/mg/providers/{LOCK}/l"),
    ],
)
def test_an_id_is_shown_without_its_group(pattern: Text, shown: str) -> None:
    assert relative_id(pattern) == shown


@pytest.mark.parametrize("text", ["/" * 100_000, "/subscriptions/s" + "/providers/a.b/c/d" * 20_000])
def test_very_long_id_is_not_parsed(text: str) -> None:
    assert parse_id(text + "x") is None
