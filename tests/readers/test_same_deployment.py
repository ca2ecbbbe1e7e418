"""A Bicep file and the template that it compiles to are the same deployment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from azkvlint.model.pattern import text_form
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.model.value import ListValue, Scalar
from azkvlint.readers.bicep.files import BicepRun, ModuleCache
from azkvlint.readers.bicep.read import read_bicep
from azkvlint.readers.deployment.read import read_template
from azkvlint.readers.modules.run import TemplateRead
from azkvlint.syntax.json_decoder import decode_text
from tests.patterns import in_braces

_ALL = RequiredAttributes(paths={}, reference_paths={}, everything=True)
_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
_VAULT = "Microsoft.KeyVault/vaults@2023-07-01"


def read_source(folder: Path, text: str, **modules: str) -> TemplateRead:
    """Return what is read of a Bicep file, with modules beside it."""
    for name, module in modules.items():
        (folder / f"{name}.bicep").write_text(module, encoding="utf-8")
    file = folder / "main.bicep"
    file.write_text(text, encoding="utf-8")
    return read_bicep(BicepRun("main.bicep", text, _ALL, ModuleCache(), str(folder)), str(file))


def read_compiled(**sections: Any) -> TemplateRead:
    """Return what is read of a template."""
    return read_template("main.json", decode_text(json.dumps({"$schema": _SCHEMA, **sections})), _ALL, {})


def vault(name: str, **members: Any) -> dict[str, Any]:
    """Return a vault as a template declares it."""
    type_, _, version = _VAULT.partition("@")
    return {"type": type_, "apiVersion": version, "name": name, **members}


def identity(resource: Resource) -> tuple[str, str, bool, frozenset[str]]:
    """Return the type, the ID and the conditions of a resource."""
    own = text_form(resource.select(("id",)).string)
    return resource.type, own, resource.assumption is not None, resource.conditions


def identities(read: TemplateRead) -> list[tuple[str, str, bool, frozenset[str]]]:
    """Return the identities of the vaults, in order."""
    return sorted(identity(one) for one in read.resources.values() if one.type == "Microsoft.KeyVault/vaults")


def test_a_loop_over_a_list_without_a_value_has_the_same_items(tmp_path: Path) -> None:
    source = read_source(
        tmp_path,
        f"param names array\nresource kv '{_VAULT}' = [for n in names: {{\n  name: n\n  location: 'westeurope'\n}}]\n",
    )
    loop = {"name": "kv", "count": "[length(parameters('names'))]"}
    compiled = read_compiled(
        parameters={"names": {"type": "array"}}, resources=[vault("[parameters('names')[copyIndex()]]", copy=loop)]
    )
    assert identities(source) == identities(compiled)
    assert in_braces(identities(source)[0][1]).endswith("/Microsoft.KeyVault/vaults/{{names}[*]}")


def test_the_loops_of_nested_deployments_have_the_same_items(tmp_path: Path) -> None:
    source = read_source(
        tmp_path,
        "param groups array\n"
        "module m 'inner.bicep' = [for g in groups: {\n  name: 'm-${g}'\n  params: { vaults: g.vaults }\n}]\n",
        inner=f"param vaults array\nresource kv '{_VAULT}' = [for v in vaults: {{\n  name: v.name\n}}]\n",
    )
    inner = {
        "$schema": _SCHEMA,
        "parameters": {"vaults": {"type": "array"}},
        "resources": [
            vault(
                "[parameters('vaults')[copyIndex()].name]",
                copy={"name": "kv", "count": "[length(parameters('vaults'))]"},
            )
        ],
    }
    deployment = {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2022-09-01",
        "name": "[format('m-{0}', parameters('groups')[copyIndex()])]",
        "copy": {"name": "m", "count": "[length(parameters('groups'))]"},
        "properties": {
            "expressionEvaluationOptions": {"scope": "inner"},
            "mode": "Incremental",
            "parameters": {"vaults": {"value": "[parameters('groups')[copyIndex()].vaults]"}},
            "template": inner,
        },
    }
    compiled = read_compiled(parameters={"groups": {"type": "array"}}, resources=[deployment])
    assert [own for _, own, *_ in identities(source)] == [own for _, own, *_ in identities(compiled)] != [""]


def test_a_condition_that_a_default_disables_is_the_same(tmp_path: Path) -> None:
    source = read_source(
        tmp_path, f"param deploy bool = false\nresource kv '{_VAULT}' = if (deploy) {{\n  name: 'kv-one'\n}}\n"
    )
    compiled = read_compiled(
        parameters={"deploy": {"type": "bool", "defaultValue": False}},
        resources=[vault("kv-one", condition="[parameters('deploy')]")],
    )
    (own,), (other,) = source.variants, compiled.variants
    assert own.condition.inputs == other.condition.inputs
    assert [len(one.created) for one in (own, other)] == [1, 1]


def test_the_condition_of_a_parent_applies_to_children_in_it_in_a_bicep_file_only(tmp_path: Path) -> None:
    source = read_source(
        tmp_path,
        f"param location string\nresource kv '{_VAULT}' = if (location == 'x') {{\n  name: 'kv-one'\n"
        "  resource s 'secrets' = {\n    name: 's'\n  }\n}\n",
    )
    secret = {"type": "secrets", "apiVersion": "2023-07-01", "name": "s"}
    compiled = read_compiled(
        parameters={"location": {"type": "string"}},
        resources=[vault("kv-one", condition="[equals(parameters('location'), 'x')]", resources=[secret])],
    )
    assert [bool(one.conditions) for one in source.resources.values()] == [True, True]
    assert [bool(one.conditions) for one in compiled.resources.values()] == [True, False]


def origins(read: TemplateRead) -> list[object]:
    """Return the origins of the values of the secrets that are deployed."""
    values = [one.select(("derived", "valueOrigins")) for one in read.resources.values() if not one.existing]
    return [
        [item.value for item in one.items if isinstance(item, Scalar)] for one in values if isinstance(one, ListValue)
    ]


def test_conditional_secret_has_the_origin_of_the_selected_value(tmp_path: Path) -> None:
    source = read_source(
        tmp_path,
        f"param deployed bool = true\nresource kv '{_VAULT}' existing = {{\n  name: 'kv-one'\n}}\n"
        "module m 'inner.bicep' = {\n  name: 'm'\n"
        "  params: { value: deployed ? kv.getSecret('db') : 'changeme' }\n}\n",
        inner=f"@secure()\nparam value string\nresource v '{_VAULT}' existing = {{\n  name: 'kv-one'\n}}\n"
        "resource s 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {\n  parent: v\n  name: 's'\n"
        "  properties: { value: value }\n}\n",
    )
    reference = "createObject('keyVault', createObject('id', 'x'), 'secretName', 'db')"
    chosen = f"createObject('reference', {reference}), createObject('value', 'changeme')"
    secret = {
        "type": "Microsoft.KeyVault/vaults/secrets",
        "apiVersion": "2023-07-01",
        "name": "kv-one/s",
        "properties": {"value": "[parameters('value')]"},
    }
    inner = {"$schema": _SCHEMA, "parameters": {"value": {"type": "securestring"}}, "resources": [secret]}
    deployment = {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2022-09-01",
        "name": "m",
        "properties": {
            "expressionEvaluationOptions": {"scope": "inner"},
            "mode": "Incremental",
            "parameters": {"value": f"[if(parameters('deployed'), {chosen})]"},
            "template": inner,
        },
    }
    compiled = read_compiled(parameters={"deployed": {"type": "bool", "defaultValue": True}}, resources=[deployment])
    assert origins(source) == origins(compiled) != []
