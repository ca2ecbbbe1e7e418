"""Whose key a resource is encrypted with: what templates and azapi bodies say, as links to keys and vaults."""

from __future__ import annotations

import json
from typing import Any

import pytest

from azkvlint.derived.build_graph import build_graph, with_needs
from azkvlint.derived.consumers import paths_by_type
from azkvlint.linter.rule_tests import expand
from azkvlint.model.resource import Reference, RequiredAttributes
from azkvlint.readers.deployment.read import read_template
from azkvlint.readers.plan.read import read_plan
from azkvlint.syntax.json_decoder import decode
from tests.readers.arm.conftest import resource, template

KEY_ID, KEY_IDS, VAULT_ID = "derived.keyId", "derived.keyIds", "derived.keyVaultId"
KEY = "Microsoft.KeyVault/vaults/keys"
STORAGE = "Microsoft.Storage/storageAccounts"
DISKS = "Microsoft.Compute/diskEncryptionSets"
EVENTS = "Microsoft.EventHub/namespaces"
DATABRICKS = "Microsoft.Databricks/workspaces"
V, K = "Microsoft.KeyVault/vaults/{name}", "Microsoft.KeyVault/vaults/{name}/keys/cmk"
PARAMETERS = {"name": {"type": "string"}, "other": {"type": "string"}}
ID = "resourceId('Microsoft.KeyVault/vaults', parameters('name'))"
URI = f"reference({ID}).vaultUri"
DNS = "environment().suffixes.keyvaultDns"
DEMAND = with_needs(
    RequiredAttributes(
        paths=dict.fromkeys(("microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms", KEY.lower()), frozenset()),
        reference_paths={"parent": frozenset({KEY.lower()})}
        | dict.fromkeys((KEY_ID, KEY_IDS, VAULT_ID), frozenset(paths_by_type())),
    )
)


def found(type_: str, *resources: Any, **properties: Any) -> dict[str, Reference]:
    """The references of a consumer beside a vault and a key of it whose name is a parameter, by their attribute."""
    vault = resource("Microsoft.KeyVault/vaults", "[parameters('name')]")
    key = resource(KEY, "[format('{0}/cmk', parameters('name'))]", p={"kty": "RSA"})
    names = "/".join(["x"] * type_.count("/"))
    text = template(vault, key, *resources, resource(type_, names, p=properties), parameters=PARAMETERS)
    read = read_template("main.json", decode(json.dumps(text).encode()), DEMAND, {}, None)
    graph = build_graph(read.resources, DEMAND, True)
    return {via: one[0] for via, one in graph.references.items() if via != "parent" and one}


def leads_to(type_: str, *resources: Any, **properties: Any) -> dict[str, tuple[str, ...]]:
    """What each attribute certainly names."""
    return {via: reference.targets for via, reference in found(type_, *resources, **properties).items()}


def key_properties(**fields: Any) -> dict[str, Any]:
    return {"encryption": {"keyVaultProperties": fields}}


class TestUrls:
    @pytest.mark.parametrize(
        "url",
        [
            f"[reference(resourceId('{KEY}', parameters('name'), 'cmk')).keyUriWithVersion]",
            f"[reference(resourceId('{KEY}', parameters('name'), 'cmk'), '2023-07-01', 'Full').properties.keyUri]",
            f"[concat(reference(resourceId('{KEY}', parameters('name'), 'cmk')).keyUri, '/00')]",
            f"[concat({URI}, 'keys/cmk')]",
            "[format('https://{0}.vault.azure.net/keys/cmk', parameters('name'))]",
            f"[format('https://{{0}}{{1}}/keys/cmk/00', parameters('name'), {DNS})]",
        ],
    )
    def test_key_url_of_the_template_links_to_the_key(self, url: str) -> None:
        assert leads_to(DISKS, activeKey={"keyUrl": url}) == {KEY_ID: (K,), VAULT_ID: (V,)}

    @pytest.mark.parametrize(
        "url",
        [
            f"[concat({URI}, 'keys/another')]",
            f"[concat({URI}, 'keys/', parameters('other'))]",
        ],
    )
    def test_url_of_another_key_links_to_the_vault(self, url: str) -> None:
        assert leads_to(DISKS, activeKey={"keyUrl": url})[VAULT_ID] == (V,)

    @pytest.mark.parametrize(
        "url",
        [
            "[parameters('other')]",
            "[format('https://{0}.vault.azure.net/keys/cmk', parameters('other'))]",
            "[reference(parameters('other')).keyUri]",
            "[reference('cmk').keyUriWithVersion]",
        ],
    )
    def test_unknown_key_url_may_be_any_key(self, url: str) -> None:
        links = found(DISKS, activeKey={"keyUrl": url})
        assert links[KEY_ID].anything
        assert links[VAULT_ID].anything
        assert not links[VAULT_ID].targets

    @pytest.mark.parametrize("url", ["https://other.vault.azure.net/keys/cmk", "", "cmk", 7])
    def test_literal_or_invalid_url_has_no_links(self, url: Any) -> None:
        assert not any(link.targets or link.anything for link in found(DISKS, activeKey={"keyUrl": url}).values())

    def test_vault_id_beside_an_unknown_url_links_to_the_vault(self) -> None:
        active = {"keyUrl": "[parameters('other')]", "sourceVault": {"id": f"[{ID}]"}}
        assert leads_to(DISKS, activeKey=active) == {KEY_ID: (), VAULT_ID: (V,)}

    def test_a_long_text_is_not_taken_apart(self) -> None:
        url = f"[concat({URI}, 'keys/', '{'x' * 30_000}', parameters('other'))]"
        assert VAULT_ID in found(DISKS, activeKey={"keyUrl": url})


class TestParts:
    @pytest.mark.parametrize(
        "uri",
        [
            f"[{URI}]",
            f"[reference({ID}, '2023-07-01', 'Full').properties.vaultUri]",
            f"[uri(format('https://{{0}}{{1}}', parameters('name'), {DNS}), '/')]",
            f"[concat('https://', parameters('name'), {DNS}, '/')]",
        ],
    )
    def test_vault_uri_and_key_name_link_to_the_key(self, uri: str) -> None:
        links = leads_to(STORAGE, encryption={"keyvaultproperties": {"keyname": "cmk", "keyvaulturi": uri}})
        assert links == {KEY_ID: (K,), VAULT_ID: (V,)}

    @pytest.mark.parametrize(
        "uri",
        [
            f"[if(endsWith({URI}, '/'), substring({URI}, 0, sub(length({URI}), 1)), {URI})]",
            f"[replace({URI}, '.net/', '.net')]",
        ],
    )
    def test_changed_form_of_the_vault_uri_links_to_the_vault(self, uri: str) -> None:
        links = leads_to(STORAGE, **key_properties(keyVaultUri=uri, keyName="cmk"))
        assert links == {KEY_ID: (K,), VAULT_ID: (V,)}

    def test_unknown_key_of_a_known_vault_links_to_the_vault(self) -> None:
        links = found(STORAGE, **key_properties(keyVaultUri=f"[{URI}]", keyName="[parameters('other')]"))
        assert links[KEY_ID].candidates == (K,)
        assert links[VAULT_ID].targets == (V,)

    def test_vault_name_of_an_expression_links_to_the_vault(self) -> None:
        name = "concat('kv', uniqueString(resourceGroup().id, parameters('other')))"
        uri = f"reference(resourceId('Microsoft.KeyVault/vaults', {name})).vaultUri"
        cut = f"[if(endsWith({uri}, '/'), substring({uri}, 0, 9), {uri})]"
        other = resource("Microsoft.KeyVault/vaults", f"[{name}]")
        (target,) = leads_to(STORAGE, other, **key_properties(keyVaultUri=cut, keyName="x"))[VAULT_ID]
        assert "uniqueString" in target

    @pytest.mark.parametrize("depth", [10, 1000])
    def test_deeply_nested_uri_is_unknown(self, depth: int) -> None:
        uri = URI
        for _ in range(depth):
            uri = f"trim({uri})"
        assert VAULT_ID in found(STORAGE, **key_properties(keyVaultUri=f"[{uri}]", keyName="x"))

    def test_conditional_vault_is_unknown(self) -> None:
        uri = f"[if(equals(parameters('other'), ''), {URI}, parameters('other'))]"
        link = found(STORAGE, **key_properties(keyVaultUri=uri, keyName="cmk"))[VAULT_ID]
        assert link.anything
        assert not link.targets

    def test_literal_uri_is_not_a_vault_of_the_template(self) -> None:
        links = found(STORAGE, **key_properties(keyVaultUri="https://other.vault.azure.net/", keyName="cmk"))
        assert not any(link.targets or link.anything for link in links.values())

    def test_several_keys_link_to_each_known_key(self) -> None:
        other = {"keyVaultUri": "https://other.vault.azure.net", "keyName": "x"}
        mine = {"keyVaultUri": f"[{URI}]", "keyName": "cmk"}
        assert leads_to(EVENTS, encryption={"keyVaultProperties": [mine, other]}) == {KEY_IDS: (K,), VAULT_ID: (V,)}

    def test_keys_in_several_properties_link_to_the_key(self) -> None:
        disk = {"keyVaultProperties": {"keyVaultUri": f"[{URI}]", "keyName": "cmk"}}
        links = leads_to(DATABRICKS, encryption={"entities": {"managedDisk": disk}})
        assert links == {KEY_ID: (K,), VAULT_ID: (V,)}


class TestMissingLinks:
    @pytest.mark.parametrize(
        "properties",
        [
            {},
            {"encryption": None},
            {"encryption": {"keySource": "Microsoft.Storage"}},
            {"encryption": {"keyVaultProperties": None}},
            key_properties(keyName="cmk"),
            {"encryption": "Microsoft.Storage"},
        ],
    )
    def test_encryption_without_a_key_has_no_links(self, properties: Any) -> None:
        assert not found(STORAGE, **properties)

    def test_encryption_from_a_parameter_is_unknown(self) -> None:
        assert found(STORAGE, encryption="[parameters('other')]")[VAULT_ID].anything


@pytest.mark.parametrize("type_", sorted(paths_by_type()))
def test_every_place_is_read(type_: str) -> None:
    url = "[parameters('other')]"
    for path in paths_by_type()[type_]:
        properties: Any = url
        for step in reversed(path[1:]):
            properties = {str(step): properties}
        assert any(link.anything for link in found(type_, **properties).values()), path


def test_azapi_body_links_to_resources_of_azurerm() -> None:
    plan = expand(
        """
azurerm_key_vault.kv:
  name: kv
azurerm_key_vault_key.cmk:
  name: cmk
  key_vault_id: ${azurerm_key_vault.kv.id}
azapi_resource.sa:
  type: Microsoft.Storage/storageAccounts@2023-05-01
  name: sa
  parent_id: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg
  body:
    properties:
      encryption:
        keyvaultproperties:
          keyvaulturi: https://kv.vault.azure.net/
          keyname: cmk
"""
    )
    read = read_plan("plan.json", plan, DEMAND)
    links = build_graph(read.resources, DEMAND, True).references
    assert links[VAULT_ID][0].targets == ("azurerm_key_vault.kv",)
    assert links[KEY_ID][0].targets == ("azurerm_key_vault_key.cmk",)
