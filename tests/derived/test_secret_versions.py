"""Whether the id of a secret names a version of it, however it is written."""

from __future__ import annotations

import pytest

from azkvlint.derived.secrets import _of_setting, pins_version, setting_of
from azkvlint.model.location import Location
from azkvlint.model.value import Link, Scalar, Unknown, Value
from tests.patterns import from_braces

AT = Location(path="x")
VERSION = "0123456789abcdef0123456789abcdef"


def known(text: str) -> Value:
    """A text, or the pattern of one."""
    return Unknown(at=AT, why="?", pattern=from_braces(text)) if "{" in text else Scalar(at=AT, value=text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://kv.vault.azure.net/secrets/db", False),
        ("https://kv.vault.azure.net/secrets/db/", False),
        (f"HTTPS://kv.vault.azure.net/Secrets/db/{VERSION}", True),
        (f"https://kv.vault.azure.net/certificates/tls/{VERSION}", True),
        ("https://kv.vault.azure.net/keys/cmk", None),
        ("https://example.com", None),
        ("", None),
        ("{azurerm_key_vault.kv.vault_uri}secrets/db", False),
        (f"{{azurerm_key_vault.kv.vault_uri}}secrets/db/{VERSION}", True),
        ("{azurerm_key_vault_secret.db.id}", True),
        ("{data.azurerm_key_vault_secret.db.versionless_id}", False),
        (f"{{azurerm_key_vault_secret.db.versionless_id}}/{VERSION}", True),
        ("{azurerm_storage_account.sa.id}", None),
        ("{module.kv.versionless_id}", None),
        ("{secretUri}", None),
        ("{a\u2215b.properties.secretUriWithVersion}", True),
        ("https://kv.vault.azure.net/secrets/db" * 1000, None),
    ],
)
def test_version_in_an_id_is_found(text: str, expected: bool | None) -> None:
    assert pins_version(known(text)) is expected


def test_version_of_a_linked_secret_is_found() -> None:
    for hop, expected in (("azurerm_key_vault_certificate.c.secret_id", True), ("azurerm_key_vault.kv.id", None)):
        assert pins_version(Link(at=AT, target="a.b", hops=("local.x", hop))) is expected
    assert pins_version(Link(at=AT, target="a.b")) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("VaultName=kv;SecretName=db", False),
        ("VaultName = kv ; SecretName = db ; SecretVersion = ", False),
        (f"SecretName=db;SecretVersion={VERSION}", True),
        ("SecretUri=https://kv.vault.azure.net/secrets/db", False),
        ("nothing", None),
        ("", None),
    ],
)
def test_version_in_an_app_service_reference_is_found(text: str, expected: bool | None) -> None:
    words = setting_of(f"@Microsoft.KeyVault({text})")
    assert words is not None
    assert _of_setting(words) is expected
