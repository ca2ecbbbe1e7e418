"""Modules that are files: what they are given and give back, where they go, and what cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from azkvlint.model.value import Unknown
from tests.patterns import in_braces, text_in_braces
from tests.readers.bicep.conftest import Read, graph, messages, plain, shown, value

KV = "Microsoft.KeyVault/vaults@2023-07-01"
LOGS = "Microsoft.Insights/diagnosticSettings"
MODULE = f"""\
param name string
param purge bool = true
@secure()
param secretName string = 'x'
resource kv '{KV}' = {{
  name: name
  properties: {{
    enablePurgeProtection: purge
    softDeleteRetentionInDays: 7
  }}
}}
output id string = kv.id
@secure()
output hidden string = secretName
"""
TEMPLATE = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "parameters": {"Name": {"type": "string"}},
    "resources": [
        {
            "type": "Microsoft.KeyVault/vaults",
            "apiVersion": "2023-07-01",
            "name": "[parameters('name')]",
            "properties": {},
        }
    ],
    "outputs": {"id": {"type": "string", "value": "[resourceId('Microsoft.KeyVault/vaults', parameters('name'))]"}},
}


def use(path: str = "m.bicep", params: str = "name: 'kv'", symbol: str = "m", more: str = "") -> str:
    return f"module {symbol} '{path}' = {{\n  name: 'x'\n{more}  params: {{\n    {params}\n  }}\n}}\n"


def test_arguments_are_located_in_the_caller_and_other_values_in_the_module(read: Read) -> None:
    found = read(use(params="name: 'kv'\n    purge: false"), {"m.bicep": MODULE})
    assert list(found.resources) == ["m.kv"]
    assert plain(found, "m.kv", "properties", "enablePurgeProtection") is False
    assert shown(found, "m.kv", "properties", "enablePurgeProtection") == "purge: false"
    assert value(found, "m.kv", "properties", "enablePurgeProtection").at.path == "main.bicep"
    assert shown(found, "m.kv", "properties", "softDeleteRetentionInDays") == "softDeleteRetentionInDays: 7"
    assert found.resources["m.kv"].at.path == "m.bicep"
    callers = [found.files[at.path][slice(*at.span)] for at in found.resources["m.kv"].callers if at.span is not None]
    assert callers == ["module m 'm.bicep'"]
    assert set(found.files) == {"main.bicep", "m.bicep"}


def test_outputs_of_a_module_link_to_its_resources(read: Read) -> None:
    found = read(
        f"{use()}resource logs '{LOGS}@2021-05-01-preview' = {{\n  scope: kv\n  name: 'x'\n}}\n"
        f"resource kv '{KV}' existing = {{\n  name: last(split(m.outputs.id, '/'))\n}}\n"
        f"resource other '{KV}' = {{\n  name: 'o'\n  properties: {{\n    a: m.outputs.id\n    b: m.outputs.hidden\n"
        "    c: m.outputs.nothing\n  }\n}\n",
        {"m.bicep": MODULE},
    )
    assert value(found, "other", "properties", "a") == value(found, "other", "properties", "a")
    assert text_in_braces(value(found, "other", "properties", "a")).endswith("/vaults/kv")
    assert value(found, "other", "properties", "b").sensitive
    assert text_in_braces(value(found, "other", "properties", "c")) == "{m.outputs.nothing}"
    assert graph(found, scope=LOGS).references["scope"] != ()


def test_loops_and_conditions_of_modules_apply_to_their_resources(read: Read) -> None:
    found = read(
        "param p bool\nparam names array\n"
        "module m 'm.bicep' = [for (n, i) in ['a', 'b']: {\n  name: n\n  params: { name: '${n}${i}' }\n}]\n"
        "module no 'm.bicep' = if (false) {\n  name: 'x'\n  params: { name: 'no' }\n}\n"
        "module maybe 'm.bicep' = if (p) {\n  name: 'x'\n  params: { name: 'maybe' }\n}\n"
        "module all 'm.bicep' = [for n in names: {\n  name: n\n  params: { name: n }\n}]\n",
        {"m.bicep": MODULE},
    )
    assert list(found.resources) == ["m[0].kv", "m[1].kv", "maybe.kv", "all[*].kv"]
    assert [plain(found, f"m[{i}].kv", "name") for i in range(2)] == ["a0", "b1"]
    assert set(map(in_braces, found.resources["maybe.kv"].conditions)) == {"{p}"}
    assert found.resources["all[*].kv"].conditions != frozenset()


@pytest.mark.parametrize(
    ("condition", "expected"), [("true", "kv-out"), ("false", "none"), ("p", None), ("!p && false", "none")]
)
def test_safe_access_to_a_module_is_null_if_its_condition_is_false(
    read: Read, condition: str, expected: str | None
) -> None:
    found = read(
        f"param p bool\nmodule m 'm.bicep' = if ({condition}) {{\n  name: 'x'\n}}\n"
        f"module l 'm.bicep' = [for i in range(0, 2): if (i == 0 && {condition}) {{\n  name: 'l${{i}}'\n}}]\n"
        f"resource c '{KV}' = if ({condition}) {{\n  name: 'c'\n  tags: {{ t: 'kv-out' }}\n}}\n"
        f"resource kv '{KV}' = {{\n  name: 'kv'\n  tags: {{\n    a: m.?outputs.o ?? 'none'\n"
        "    b: l[0].?outputs.?o ?? 'none'\n    c: c.?tags.t ?? 'none'\n    d: l[1].?outputs.o ?? 'none'\n  }\n}\n",
        {"m.bicep": "output o string = 'kv-out'\n"},
    )
    assert [plain(found, "kv", "tags", name) for name in "abc"] == [expected] * 3
    assert plain(found, "kv", "tags", "d") == "none"


def test_parameters_without_values_differ_between_uses(read: Read) -> None:
    found = read(use(symbol="a", params="") + use(symbol="b", params=""), {"m.bicep": MODULE})
    assert [text_in_braces(value(found, f"{one}.kv", "name")) for one in "ab"] == ["{a.name}", "{b.name}"]


@pytest.mark.parametrize(
    ("scope", "id_"),
    [
        ("", "/subscriptions/{subscription}/resourceGroups/{resourceGroup}"),
        ("  scope: resourceGroup('g')\n", "/subscriptions/{subscription}/resourceGroups/g"),
        ("  scope: resourceGroup('s', 'g')\n", "/subscriptions/s/resourceGroups/g"),
        ("  scope: rg\n", "/subscriptions/{subscription}/resourceGroups/r"),
        ("  scope: subscription()\n", "/subscriptions/{subscription}"),
    ],
)
def test_scope_of_a_module_applies_to_its_resources(read: Read, scope: str, id_: str) -> None:
    body = "{\n  scope: subscription()\n  name: 'r'\n}\n"
    group = f"resource rg 'Microsoft.Resources/resourceGroups@2022-09-01' existing = {body}"
    found = read(group + use(more=scope), {"m.bicep": MODULE})
    expected = f"{id_}/providers/Microsoft.KeyVault/vaults/kv"
    assert text_in_braces(value(found, "m.kv", "id")) or plain(found, "m.kv", "id") == expected
    assert text_in_braces(value(found, "m.kv", "id")) == expected


def test_a_scope_that_is_not_known_is_one_of_its_own(read: Read) -> None:
    found = read(use(more="  scope: nothing\n") + use(symbol="n"), {"m.bicep": MODULE})
    ids = [text_in_braces(value(found, f"{one}.kv", "id")) for one in "mn"]
    assert ids[0] != ids[1]
    assert all(ids)


def test_arm_template_can_be_a_module(read: Read) -> None:
    found = read(
        f"{use('t.json')}resource o '{KV}' = {{\n  name: 'o'\n  properties: {{ a: m.outputs.id }}\n}}\n",
        {"t.json": json.dumps(TEMPLATE)},
    )
    assert len(found.resources) == 2
    address = next(address for address in found.resources if address.startswith("m."))
    assert plain(found, address, "name") == "kv"
    assert found.resources[address].at.path == "t.json"
    assert [at.path for at in found.resources[address].callers] == ["main.bicep"]
    assert text_in_braces(value(found, "o", "properties", "a")).endswith("/vaults/kv")


def test_imported_variables_functions_and_types_are_used(read: Read) -> None:
    found = read(
        "import { on as enabled, f, t } from 'lib/a.bicep'\nimport * as lib from 'lib/a.bicep'\n"
        "param p t\nparam q lib.t\n"
        f"resource kv '{KV}' = {{\n  name: 'kv'\n  properties: {{\n    a: enabled\n    b: f(1)\n    c: lib.f(2)\n"
        "    d: lib.on\n    e: p\n    f: q\n    g: lib.missing\n  }\n}\n",
        {
            "lib/a.bicep": "import { u } from 'b.bicep'\n@export()\nvar on = u\n@export()\nfunc f(a int) int => a + 1\n"
            "@export()\ntype t = string?\n",
            "lib/b.bicep": "@export()\nvar u = true\n",
        },
    )
    assert [plain(found, "kv", "properties", name) for name in "abcd"] == [True, 2, 3, True]
    assert {"e", "f"}.isdisjoint(getattr(value(found, "kv", "properties"), "fields", {}))
    assert isinstance(value(found, "kv", "properties", "g"), Unknown)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("missing.bicep", "the file does not exist"),
        ("../secret.bicep", "the path is outside the project"),
        ("/etc/passwd", "the path is outside the project"),
        ("link.bicep", "the path is outside the project"),
        ("main.bicep", "the module uses itself"),
        ("broken.json", "the file is not an ARM template"),
    ],
)
def test_unreadable_module_is_an_error_and_nothing_outside_of_the_project_is_read(
    read: Read, tmp_path: Path, path: str, why: str
) -> None:
    (tmp_path / "secret.bicep").write_text(MODULE)
    (tmp_path / "project" / "link.bicep").symlink_to(tmp_path / "secret.bicep")
    found = read(use(path), {"broken.json": "{}"})
    assert messages(found) == [("KVE001", "error", f"module `{path}` cannot be read: {why}")]
    assert found.resources == {}
    assert not found.closed


def test_modules_that_use_each_other_end(read: Read) -> None:
    found = read(use(params=""), {"m.bicep": MODULE + use("n.bicep", symbol="n"), "n.bicep": use("main.bicep")})
    assert list(found.resources) == ["m.kv"]
    assert messages(found) == [("KVE001", "error", "module `main.bicep` cannot be read: the module uses itself")]


def test_a_hundred_modules_deep_works_and_more_is_a_problem(read: Read) -> None:
    def chain(number: int) -> dict[str, str]:
        files = {f"m{i}.bicep": "param name string\n" + use(f"m{i + 1}.bicep", "name: name") for i in range(number)}
        return {**files, f"m{number}.bicep": MODULE}

    found = read(use("m0.bicep"), chain(98))
    assert [one.name for one in found.resources.values()] == ["kv"]
    found = read(use("m0.bicep"), chain(150))
    assert [message for _, _, message in messages(found)] == [
        "module `m100.bicep` cannot be read: modules are nested deeper than 100 levels"
    ]


def test_modules_that_multiply_are_a_problem(read: Read) -> None:
    loop = "module m '{}' = [for i in range(0, 9000): {{\n  name: 'x'\n}}]\n"
    found = read(loop.format("m.bicep"), {"m.bicep": loop.format("n.bicep"), "n.bicep": "var a = 1\n"})
    assert (
        "KVE002",
        "error",
        "the input has more than 4,000 nested deployments, the limit for an input of this size",
    ) in messages(found)
