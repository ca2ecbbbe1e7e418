"""Which values of a template no excerpt shows, though no name suggests a secret."""

from __future__ import annotations

import json
from typing import Any

from azkvlint.readers.arm.secret_sources import secret_places

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


def template(**sections: Any) -> dict[str, Any]:
    return {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": [], **sections}


def hidden(plain: dict[str, Any]) -> set[tuple[str | int, ...]]:
    return secret_places({"main.json": json.dumps(plain)})["main.json"].values


def test_the_default_of_a_parameter_with_a_secure_definition_is_hidden() -> None:
    places = hidden(
        template(
            definitions={"word": {"type": "securestring"}},
            parameters={"first": {"$ref": "#/definitions/word", "defaultValue": "Tr0ub4dor"}},
        )
    )
    assert places == {("parameters", "first", "defaultValue")}


def test_what_a_secure_parameter_of_a_nested_deployment_receives_is_hidden() -> None:
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
