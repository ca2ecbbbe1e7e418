"""Derived attributes of templates: roles by patterns of ids, what is only named, what access policies do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from azkvlint.derived.build_graph import build_graph
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.model.value import Absent, Scalar, Unknown
from azkvlint.readers.deployment.read import read_template
from azkvlint.syntax.attribute_path import parse_path
from azkvlint.syntax.json_decoder import JsonDocument

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
EVERYTHING = RequiredAttributes(paths={}, reference_paths={}, everything=True)
VAULT = "Microsoft.KeyVault/vaults"
ROLE = "Microsoft.Authorization/roleAssignments"
DEFINITION = "Microsoft.Authorization/roleDefinitions"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
OWN = "11111111-2222-3333-4444-555555555555"


def read(**resources: Any) -> dict[str, Resource]:
    """The resources of a template by their symbols."""
    for one in resources.values():
        one.setdefault("apiVersion", "2023-07-01")
    text = {"type": "string"}
    value = {"$schema": SCHEMA, "languageVersion": "2.0", "parameters": {"p": text}, "resources": resources}
    found = read_template("main.json", JsonDocument(value, json.dumps(value)), EVERYTHING, {}, None)
    return dict(build_graph(found.resources, EVERYTHING, found.closed).resources)


def asked(resource: Resource, path: str) -> Any:
    """The attribute at ``path``: "?" if it is not known, None if it is not set."""
    found = resource.select(parse_path(path))
    if isinstance(found, Scalar):
        return found.value
    return "?" if isinstance(found, Unknown) else None if isinstance(found, Absent) else found


def vault(name: str = "kv", **more: Any) -> dict[str, Any]:
    return {"type": VAULT, "name": name, **more}


def policies(name: str) -> dict[str, Any]:
    return {"type": f"{VAULT}/accessPolicies", "name": name, "properties": {"accessPolicies": [{"objectId": "x"}]}}


def role(definition: str) -> dict[str, Any]:
    return {"type": ROLE, "name": "r", "properties": {"roleDefinitionId": definition}}


class TestRoles:
    @pytest.mark.parametrize(
        ("definition", "expected"),
        [
            (f"[subscriptionResourceId('{DEFINITION}', '{OWNER}')]", "Owner"),
            (f"[concat(subscription().id, '/providers/{DEFINITION}/', '{OWNER.upper()}')]", "Owner"),
            (f"[subscriptionResourceId('{DEFINITION}', '{ACR_PULL}')]", "AcrPull"),
            (f"[subscriptionResourceId('{DEFINITION}', '{OWN}')]", OWN),
            (f"[subscriptionResourceId('{DEFINITION}', parameters('p'))]", "?"),
            (f"[subscriptionResourceId('{DEFINITION}', concat('{OWNER[:8]}', parameters('p')))]", "?"),
            ("[parameters('p')]", "?"),
        ],
    )
    def test_guid_in_a_role_definition_id_decides_the_role(self, definition: str, expected: str) -> None:
        assert asked(read(r=role(definition))["r"], "derived.roleName") == expected

    @pytest.mark.parametrize(("name", "expected"), [(OWNER, "Owner"), (OWN, OWN), ("[parameters('p')]", "?")])
    def test_existing_role_definition_is_identified_by_its_guid(self, name: str, expected: str) -> None:
        id_ = f"[resourceId('{DEFINITION}', {name.strip('[]') if name[0] == '[' else repr(name)})]"
        found = read(d={"existing": True, "type": DEFINITION, "name": name}, r=role(id_))
        assert asked(found["r"], "derived.roleName") == expected

    @pytest.mark.parametrize("name", ["custom", "[parameters('p')]"])
    def test_created_role_definition_has_its_name(self, name: str) -> None:
        id_ = f"[resourceId('{DEFINITION}', {name.strip('[]') if name[0] == '[' else repr(name)})]"
        made = {"type": DEFINITION, "name": name, "properties": {"roleName": "My role", "permissions": []}}
        assert asked(read(d=made, r=role(id_))["r"], "derived.roleName") == "My role"


class TestExistingResources:
    @pytest.mark.parametrize("type_", [VAULT, "Microsoft.KeyVault/managedHSMs"])
    def test_existing_resource_has_a_name_and_unknown_settings(self, type_: str) -> None:
        found = read(kv={"existing": True, "type": type_, "name": "kv"})["kv"]
        assert found.existing
        assert asked(found, "name") == "kv"
        assert asked(found, "properties.enablePurgeProtection") == "?"
        assert asked(found, "derived.exposure") == "?"

    def test_recovered_vault_has_unknown_settings(self) -> None:
        properties = {"createMode": "Recover", "enableRbacAuthorization": True, "enablePurgeProtection": True}
        found = read(kv=vault(properties=properties), p=policies("kv/add"))
        assert found["kv"].existing
        assert asked(found["kv"], "properties.enablePurgeProtection") == "?"
        assert asked(found["kv"], "derived.accessModel") == asked(found["p"], "derived.accessModel") == "?"

    @pytest.mark.parametrize("mode", ["[parameters('p')]", "[if(parameters('p'), 'recover', null())]"])
    def test_vault_that_may_be_recovered_has_unknown_settings(self, mode: str) -> None:
        properties = {"createMode": mode, "enableRbacAuthorization": True, "networkAcls": {"defaultAction": "Deny"}}
        found = read(kv=vault(properties=properties), p=policies("kv/add"))
        assert not found["kv"].existing
        assert asked(found["kv"], "properties.networkAcls.defaultAction") == "?"
        assert asked(found["kv"], "properties.enablePurgeProtection") == "?"
        assert asked(found["kv"], "derived.accessModel") == asked(found["p"], "derived.accessModel") == "?"

    def test_a_new_vault_has_its_defaults(self) -> None:
        found = read(kv=vault(properties={"createMode": "default"}))["kv"]
        assert not found.existing
        assert asked(found, "properties.enablePurgeProtection") is False


class TestAccessPolicies:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("kv/add", "add"),
            ("kv/Remove", "remove"),
            ("kv/replace", "replace"),
            ("kv/other", None),
            ("[concat('kv/', parameters('p'))]", "?"),
            ("[concat(parameters('p'), '/remove')]", "remove"),
        ],
    )
    def test_name_of_the_policies_decides_the_change(self, name: str, expected: str | None) -> None:
        assert asked(read(kv=vault(), p=policies(name))["p"], "derived.policyChange") == expected

    def test_policies_of_the_vault_itself_have_no_change(self) -> None:
        assert asked(read(kv=vault("remove"))["kv"], "derived.policyChange") is None

    @pytest.mark.parametrize(
        ("version", "rbac", "expected"),
        [
            ("2023-07-01", None, "access policies"),
            ("2026-02-01", None, "Azure RBAC"),
            ("2026-02-01", False, "access policies"),
            ("2023-07-01", True, "Azure RBAC"),
            ("[parameters('p')]", None, "?"),
        ],
    )
    def test_permission_model_of_a_policy_is_located_at_the_policy(
        self, version: str, rbac: bool | None, expected: str
    ) -> None:
        properties = {"enableRbacAuthorization": rbac}
        found = read(kv=vault(apiVersion=version, properties=properties), p=policies("kv/add"))
        assert asked(found["kv"], "derived.accessModel") == asked(found["p"], "derived.accessModel") == expected
        assert found["p"].select(parse_path("derived.accessModel")).at.span == found["p"].at.span


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [(["0.0.0.0/0"], "all networks"), (["0.0.0.0/1", "128.0.0.0/1"], "all networks"), (["203.0.113.7"], "?")],
)
def test_rules_that_list_the_world_need_no_default_action(ranges: list[str], expected: str) -> None:
    """Whether it turns out to be Allow or Deny, everyone may connect."""
    acls = {"defaultAction": "[parameters('p')]", "ipRules": [{"value": value} for value in ranges]}
    found = read(kv=vault(properties={"networkAcls": acls}))
    assert asked(found["kv"], "derived.exposure") == expected
