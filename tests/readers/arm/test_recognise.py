"""Which files are templates or parameters, and which template is meant."""

from __future__ import annotations

import json
from typing import Any

import pytest

from azkvlint.readers.deployment.documents import looks_like_parameters, looks_like_template
from azkvlint.readers.json_kinds import mentions_template
from tests.readers.arm.conftest import SCHEMA, only, pattern, read, template, vault

BARE = {"resources": [vault()]}
_DEPLOYMENT = {"properties": {"template": template(vault()), "parameters": {"p": {"value": "[field('name')]"}}}}
POLICY = {"policyRule": {"then": {"effect": "deployIfNotExists", "details": {"deployment": _DEPLOYMENT}}}}


@pytest.mark.parametrize(
    ("value", "is_template"),
    [
        (template(), True),
        ({"$schema": SCHEMA.lower().rstrip("#")}, True),
        (BARE, True),
        ({"resources": {"kv": vault()}}, True),
        ({"resources": [{"type": "Microsoft.KeyVault/vaults", "properties": {}}]}, True),
        ({"resources": [{"type": "Microsoft.KeyVault/vaults", "id": "/subscriptions/s/x"}]}, False),
        ({"kind": "template", "properties": {"template": BARE}}, True),
        (POLICY, True),
        ({"properties": POLICY}, True),
        ({"resources": [{"type": "azurerm_key_vault", "name": "x"}]}, False),
        ({"resources": ["a.yaml"]}, False),
        ({"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#"}, False),
        ([vault()], False),
        ("x", False),
        (None, False),
    ],
)
def test_template_is_recognized_by_its_members(value: Any, is_template: bool) -> None:
    assert looks_like_template(value) is is_template
    if is_template:
        for data in (json.dumps(value), json.dumps(value, indent=2)):
            assert mentions_template(data.encode())
            assert mentions_template(data.encode("utf-16"))


@pytest.mark.parametrize(
    ("value", "is_file"),
    [
        ({"$schema": "https://schema.management.azure.com/schemas/2015-01-01/deploymentParameters.json#"}, True),
        ({"parameters": {"a": {"value": None}, "b": {"reference": {}}}}, True),
        ({"parameters": {"a": {"type": "string"}}}, False),
        (template(), False),
        ({}, False),
        ([], False),
    ],
)
def test_parameter_file_is_recognized_by_its_members(value: Any, is_file: bool) -> None:
    assert looks_like_parameters(value) is is_file


def test_template_of_a_policy_has_its_own_parameters() -> None:
    inner = template(vault("[parameters('p')]"), parameters={"p": {"type": "string", "defaultValue": "kv"}})
    value = {"template": inner, "parameters": {"p": {"value": "[field('name')]"}}}
    wrapped = {"policyRule": {"then": {"details": {"deployment": {"properties": value}}}}}
    found = only(wrapped)
    assert pattern(found, "name") == "{p}"
    assert found.at.pointer is not None
    assert found.at.pointer[:2] == ("policyRule", "then")
    assert not read(wrapped).closed
