"""Templates made by hand in few words, and what is read from them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from azkvlint.derived.build_graph import build_graph
from azkvlint.evaluation.values import Result
from azkvlint.model.resource import Reference, RequiredAttributes, Resource
from azkvlint.model.value import Answer, ListValue, MapValue, Scalar, Unknown
from azkvlint.readers.deployment.read import read_template
from azkvlint.readers.modules.run import TemplateRead
from azkvlint.syntax.attribute_path import parse_path
from azkvlint.syntax.json_decoder import JsonDocument
from tests.patterns import text_in_braces

PATH = "infra/main.json"
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
EVERYTHING = RequiredAttributes(paths={}, reference_paths={}, everything=True)
LINKS = RequiredAttributes(
    paths={},
    reference_paths={
        "parent": frozenset({"microsoft.keyvault/vaults/secrets"}),
        "scope": frozenset({"microsoft.insights/diagnosticsettings"}),
    },
    everything=True,
)
VAULT = "Microsoft.KeyVault/vaults"
SECRET = "Microsoft.KeyVault/vaults/secrets"
SETTING = "Microsoft.Insights/diagnosticSettings"


def resource(type_: str, name: str, **more: Any) -> dict[str, Any]:
    """A resource as a template has it; ``p`` are its properties."""
    properties = more.pop("p", None)
    found = {"type": type_, "apiVersion": "2023-07-01", "name": name, **more}
    return found if properties is None else {**found, "properties": properties}


def vault(name: str = "kv", **more: Any) -> dict[str, Any]:
    """A vault."""
    return resource(VAULT, name, **more)


def template(*resources: Any, **sections: Any) -> dict[str, Any]:
    """A template with these resources."""
    return {"$schema": SCHEMA, "contentVersion": "1.0.0.0", **sections, "resources": list(resources)}


def symbolic(resources: Mapping[str, Any], **sections: Any) -> dict[str, Any]:
    """A template whose resources have symbols."""
    return {"$schema": SCHEMA, "languageVersion": "2.0", **sections, "resources": dict(resources)}


def deployment(name: str, inner: Any, expressions: str = "inner", **more: Any) -> dict[str, Any]:
    """A nested deployment; ``parameters`` are plain values or expressions."""
    given = {key: {"value": value} for key, value in more.pop("parameters", {}).items()}
    properties = {"mode": "Incremental", "parameters": given, "template": inner}
    if expressions:
        properties["expressionEvaluationOptions"] = {"scope": expressions}
    return {"type": "Microsoft.Resources/deployments", "apiVersion": "2022-09-01", "name": name, **more} | {
        "properties": properties
    }


def read(
    value: Any,
    given: Mapping[str, Result] | None = None,
    load: Callable[[str], JsonDocument | None] | None = None,
    required: RequiredAttributes = EVERYTHING,
) -> TemplateRead:
    """What is read from a template that is judged as a file."""
    return read_template(PATH, JsonDocument(value, json.dumps(value)), required, given or {}, load)


def only(value: Any, type_: str = VAULT, **more: Any) -> Resource:
    """The one resource of a type in a template."""
    found = [one for one in read(value, **more).resources.values() if one.type == type_]
    assert len(found) == 1, [one.address for one in found]
    return found[0]


def plain(answer: Answer) -> Any:
    """An answer in short: its data, ``?why`` if it is not known, None if it is not set."""
    match answer:
        case Scalar(value=value):
            return value
        case ListValue(items=items):
            return [plain(item) for item in items]
        case MapValue(fields=fields):
            return {key: plain(item) for key, item in fields.items()}
        case Unknown(why=why):
            return f"?{why}"
        case _:
            return None


def asked(one: Resource, path: str) -> Any:
    """An attribute of a resource, in short."""
    return plain(one.select(parse_path(path)))


def pattern(one: Resource, path: str) -> str:
    """The pattern of an attribute that is not known."""
    found = one.select(parse_path(path))
    assert isinstance(found, Unknown), found
    return text_in_braces(found)


def references(value: Any, via: str, **more: Any) -> dict[str, Reference]:
    """The references by an attribute, by the address of their source."""
    found = read(value, **more)
    return {one.source: one for one in build_graph(found.resources, LINKS, found.closed).references[via]}
