"""Modules in registries: restored ones, those that kvlint knows, and those that are not at hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from azkvlint.model.value import Absent, Unknown
from tests.readers.bicep.conftest import Read, graph, messages, plain, shown, value

LOGS = "Microsoft.Insights/diagnosticSettings"
VAULT = "br/public:avm/res/key-vault/vault:0.13.3"
TEMPLATE = json.dumps(
    {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "parameters": {"name": {"type": "string"}, "days": {"type": "int", "defaultValue": 8}},
        "resources": [
            {
                "type": "Microsoft.KeyVault/vaults",
                "apiVersion": "2023-07-01",
                "name": "[parameters('name')]",
                "properties": {"softDeleteRetentionInDays": "[parameters('days')]", "enablePurgeProtection": True},
            }
        ],
    }
)
NOT_AT_HAND = "module `{}` is not restored, so its resources are not evaluated"


def use(reference: str, params: str = "name: 'kv'", symbol: str = "m") -> str:
    return f"module {symbol} '{reference}' = {{\n  name: 'x'\n  params: {{\n    {params}\n  }}\n}}\n"


@pytest.mark.parametrize(
    "reference",
    ["br/public:a/b:1", "br:host.azurecr.io/a:1", "br/alias:a:1", "ts:0000/group/name:1", "ts/alias:name:1", "br:x"],
)
def test_each_call_of_a_module_that_is_not_restored_is_a_note(read: Read, reference: str) -> None:
    found = read(use(reference) + use(reference, symbol="n"))
    assert messages(found) == [("KVE002", "note", NOT_AT_HAND.format(reference))] * 2
    assert "bicep restore" in found.problems[0].hint
    assert not found.closed


@pytest.mark.parametrize(
    ("reference", "folder"),
    [
        ("br/public:storage/thing:1.0", "br/mcr.microsoft.com/bicep$storage$thing/1.0$"),
        ("br:Host.azurecr.io:5000/a/b:V1", "br/host.azurecr.io$5000/a$b/V1$1"),
        ("br/mine:b:2", "br/mine.azurecr.io/team$b/2$"),
        (f"br:h.io/a@sha256:{'0' * 64}", f"br/h.io/a/sha256#{'0' * 64}"),
        ("ts/specs:Name:1.0", "ts/0000-11/group/name/1.0"),
    ],
)
@pytest.mark.parametrize("place", ["home", "variable", "configuration"])
def test_restored_module_is_evaluated_at_its_call(
    read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: str, folder: str, place: str
) -> None:
    config: dict[str, object] = {
        "moduleAliases": {
            "br": {"mine": {"registry": "mine.azurecr.io", "modulePath": "team"}},
            "ts": {"specs": {"subscription": "0000-11", "resourceGroup": "Group"}},
        }
    }
    root = tmp_path / "home" / ".bicep"
    if place == "variable":
        root = tmp_path / "cache"
        monkeypatch.setenv("BICEP_CACHE_DIRECTORY", str(root))
    elif place == "configuration":
        root = tmp_path / "project" / "cache"
        config["cacheRootDirectory"] = "cache"
    (root / folder).mkdir(parents=True)
    (root / folder / "main.json").write_text(TEMPLATE)
    params = "name: 'kv'\n    days: 9"
    found = read(use(reference, params), {"bicepconfig.json": f"// aliases\n{json.dumps(config)}"})
    assert messages(found) == []
    (address,) = found.resources
    assert shown(found, address, "properties", "softDeleteRetentionInDays") == "days: 9"
    assert shown(found, address, "properties", "enablePurgeProtection") == f"module m '{reference}'"
    at = found.resources[address].at
    assert at.span is not None
    assert (at.path, found.files["main.bicep"][slice(*at.span)]) == ("main.bicep", f"module m '{reference}'")
    assert found.resources[address].callers == ()
    assert list(found.files) == ["main.bicep"]


def test_configuration_cannot_redirect_the_module_cache(read: Read, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere" / "br" / "h.io" / "a" / "1$"
    folder.mkdir(parents=True)
    (folder / "main.json").write_text(TEMPLATE)
    config = json.dumps({"cacheRootDirectory": str(tmp_path / "elsewhere")})
    assert read(use("br:h.io/a:1"), {"bicepconfig.json": config}).resources == {}


def test_public_key_vault_module_is_built_in(read: Read) -> None:
    found = read(use(VAULT))
    assert list(found.resources) == ["m.vault"]
    expected = {
        "enablePurgeProtection": True,
        "enableRbacAuthorization": True,
        "softDeleteRetentionInDays": 90,
        "enabledForDeployment": True,
        "publicNetworkAccess": "Enabled",
    }
    assert {name: plain(found, "m.vault", "properties", name) for name in expected} == expected
    answer = value(found, "m.vault", "properties", "enableRbacAuthorization")
    assert (answer.origin, shown(found, "m.vault", "properties", "enableRbacAuthorization")) == (
        "default",
        f"module m '{VAULT}'",
    )
    assert "the default of module avm/res/key-vault/vault is true" in answer.note
    assert found.closed
    assert messages(found) == []
    assert list(found.files) == ["main.bicep"]


@pytest.mark.parametrize("said", ["false", "true", "protect"])
def test_public_module_sends_no_false_purge_protection_and_always_the_permission_model(read: Read, said: str) -> None:
    """A false for purge protection, which Azure refuses; the permission model, so that no API version decides it."""
    found = read("param protect bool\n" + use(VAULT, f"name: 'kv'\n    enablePurgeProtection: {said}"))
    vault = graph(found).resources["m.vault"]
    assert isinstance(vault.select(("derived", "writtenPurgeProtection")), Absent)
    assert shown(found, "m.vault", "properties", "enablePurgeProtection") == f"enablePurgeProtection: {said}"
    assert getattr(vault.select(("derived", "modelIsStated")), "value", None) is True


def test_arguments_of_the_public_module_have_locations_and_companions(read: Read) -> None:
    found = read(
        "param w string\nvar owner = { principalId: w, roleDefinitionIdOrName: 'Owner' }\n"
        + use(
            VAULT,
            "name: 'kv'\n    enablePurgeProtection: false\n    diagnosticSettings: [{ workspaceResourceId: w }]\n"
            "    privateEndpoints: [{ subnetResourceId: w }]\n    lock: { kind: 'CanNotDelete' }\n"
            "    secrets: [{ name: 's', value: w, attributes: { exp: 5 }, roleAssignments: [owner] }]\n"
            "    keys: [{ name: 'k', kty: 'RSA' }]\n    networkAcls: {}",
        )
        + f"resource logs '{LOGS}@2021-05-01-preview' = {{\n  scope: kv\n  name: 'mine'\n}}\n"
        "resource kv 'Microsoft.KeyVault/vaults@2023-07-01' existing = {\n  name: m.outputs.name\n}\n"
    )
    assert plain(found, "m.vault", "properties", "enablePurgeProtection") is False
    assert shown(found, "m.vault", "properties", "enablePurgeProtection") == "enablePurgeProtection: false"
    assert plain(found, "m.vault", "properties", "publicNetworkAccess") == "Disabled"
    assert plain(found, "m.vault::secret[0]", "properties", "attributes", "exp") == 5
    assert shown(found, "m.vault::secret[0]", "properties", "attributes", "exp") == "exp: 5"
    assert plain(found, "m.vault::key[0]", "properties", "keySize") == 4096
    assert plain(found, "m.vaultLock", "properties", "level") == "CanNotDelete"
    assert plain(found, "m.logs[0]", "properties", "logs", 0, "categoryGroup") == "allLogs"
    assert plain(found, "m.secretGrant[0]", "properties", "roleDefinitionName") == "Owner"
    references = graph(found, scope=LOGS).references["scope"]
    assert {reference.source: reference.targets for reference in references} == {
        "m.logs[0]": ("m.vault",),
        "logs": ("m.vault",),
    }
    references = graph(found, scope="Microsoft.Authorization/roleAssignments").references["scope"]
    assert [reference.targets for reference in references] == [("m.vault::secret[0]",)]


def test_version_of_the_public_module_outside_the_table_is_not_available(read: Read) -> None:
    for version in ("0.5.1", "0.99.0", "1.0.0"):
        reference = f"br/public:avm/res/key-vault/vault:{version}"
        assert messages(read(use(reference))) == [("KVE002", "note", NOT_AT_HAND.format(reference))]


def test_metrics_only_setting_sends_no_logs_from_a_version_on(read: Read) -> None:
    given = "name: 'kv'\n    diagnosticSettings: [{ metricCategories: [{ category: 'AllMetrics' }] }]"
    newer = read(use(VAULT, given))
    older = read(use("br/public:avm/res/key-vault/vault:0.9.0", given))
    assert getattr(value(newer, "m.logs[0]", "properties", "logs"), "items", None) == ()
    assert isinstance(value(older, "m.logs[0]", "properties", "logs"), Unknown)
