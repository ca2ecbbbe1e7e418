"""Which values of a template no excerpt shows, though no name suggests a secret."""

from __future__ import annotations

import json
from typing import Any

import pytest

from azkvlint.readers.deployment.secret_sources import secret_places

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


def template(**sections: Any) -> dict[str, Any]:
    return {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": [], **sections}


def hidden(plain: dict[str, Any]) -> set[tuple[str | int, ...]]:
    return secret_places({"main.json": json.dumps(plain)})["main.json"].values


def test_default_of_a_parameter_with_a_secure_definition_is_hidden() -> None:
    places = hidden(
        template(
            definitions={"word": {"type": "securestring"}},
            parameters={"first": {"$ref": "#/definitions/word", "defaultValue": "Tr0ub4dor"}},
        )
    )
    assert places == {("parameters", "first", "defaultValue")}


def test_argument_of_a_secure_parameter_of_a_nested_deployment_is_hidden() -> None:
    nested = {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2022-09-01",
        "name": "nested",
        "properties": {
            "expressionEvaluationOptions": {"scope": "inner"},
            "parameters": {"own": {"value": "[variables('word')]"}, "other": {"value": "plain"}},
            "template": template(parameters={"own": {"type": "securestring"}, "other": {"type": "string"}}),
        },
    }
    assert hidden(template(variables={"word": "Tr0ub4dor"}, resources=[nested])) == {("variables", "word")}


def with_output(value: str) -> dict[str, Any]:
    """A template whose secret has this value, and whose nested deployment has two outputs."""
    outputs = {name: {"type": "string", "value": f"Tr0ub4dor-{name}"} for name in ("x", "y")}
    nested = {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2022-09-01",
        "name": "nest",
        "properties": {
            "expressionEvaluationOptions": {"scope": "inner"},
            "template": template(outputs=outputs),
        },
    }
    secret = {"type": "Microsoft.KeyVault/vaults/secrets", "name": "kv/s", "properties": {"value": value}}
    return template(resources=[nested, secret])


OUTPUTS = ("resources", 0, "properties", "template", "outputs")


@pytest.mark.parametrize(
    "path",
    [
        ".outputs.x.value",
        ".Outputs.X.Value",
        "['outputs'].x.value",
        "['OUTPUTS']['x']['value']",
        ".properties.outputs.x.value",
        ".properties['Outputs'].x.value",
        "[variables('member')].x.value",
    ],
)
def test_output_of_a_nested_deployment_is_hidden_in_any_notation_of_its_path(path: str) -> None:
    assert hidden(with_output(f"[reference('nest'){path}]")) == {(*OUTPUTS, "x", "value")}


@pytest.mark.parametrize("value", ["string(reference('nest'))", "reference('nest', '2022-09-01', 'Full').properties"])
def test_all_outputs_are_hidden_if_the_result_of_a_deployment_is_a_secret(value: str) -> None:
    assert {(*OUTPUTS, "x", "value"), (*OUTPUTS, "y", "value")} <= hidden(with_output(f"[{value}]"))


def test_no_output_is_hidden_if_a_secret_is_another_property_of_a_deployment() -> None:
    assert hidden(with_output("[reference('nest').correlationId]")) == set()


@pytest.mark.parametrize("key", [".key", ".Key", "['key']"])
def test_keys_of_items_are_hidden_in_any_notation_of_the_member(key: str) -> None:
    secret = {
        "type": "Microsoft.KeyVault/vaults/secrets",
        "name": "kv/s",
        "properties": {"value": f"[items(variables('pairs'))[0]{key}]"},
    }
    plain = template(variables={"pairs": {"Tr0ub4dor": 1}}, resources=[secret])
    places = secret_places({"main.json": json.dumps(plain)})["main.json"]
    assert places.keys == {("variables", "pairs", "Tr0ub4dor")}


@pytest.mark.parametrize(
    "value",
    [
        "[createObject('name', 'x', 'securevalue', 'Tr0ub4dor')]", "[createObject('se-cret', 'Tr0ub4dor')]",
        "[concat('Password=', 'Tr0ub4dor')]", "[format('pwd: {0}', 'Tr0ub4dor')]",
    ],
)  # fmt: skip
def test_expression_with_a_secret_name_is_hidden(value: str) -> None:
    assert hidden(template(variables={"settings": value})) == {("variables", "settings")}


@pytest.mark.parametrize("value", ["[createObject('subnet', 'x')]", "[concat('tokens', 'x')]", "[format('{0}', 'x')]"])
def test_expression_without_a_secret_name_is_shown(value: str) -> None:
    assert hidden(template(variables={"settings": value})) == set()


def test_secrets_of_resources_are_hidden_in_any_spelling_of_their_members() -> None:
    secret = {"TYPE": "Microsoft.KeyVault/vaults/secrets", "Name": "kv/s", "Properties": {"Value": "Tr0ub4dor"}}
    assert hidden(template(resources=[secret])) == {("resources", 0, "Properties", "Value")}
