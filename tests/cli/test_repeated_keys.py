"""A property, argument or key that its object sets twice is reported, as the tool that deploys treats it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Kvlint

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deployment{}.json#"
TWICE_IN_BICEP = "this property is set twice"
TWICE_IN_TERRAFORM = "this attribute is set twice"
LAST = "this key is repeated in its object, so only the last value was evaluated"
CASE = "this key differs from another one in its object only in letter case, so the value is unknown"


def template(properties: str, type_: str = "Microsoft.KeyVault/vaults") -> str:
    return (
        f'{{"$schema": "{SCHEMA.format("Template")}", "contentVersion": "1.0.0.0", "resources": [\n'
        f'{{"type": "{type_}", "apiVersion": "2023-07-01", "name": "x", "properties": {{{properties}}}}}]}}'
    )


def problems(kvlint: Kvlint, *paths: str) -> tuple[int, list[tuple[str, str]]]:
    said = kvlint(*paths, "--no-cache", "-f", "json")
    found = [(one["level"], one["message"]) for one in json.loads(said.out)["problems"] if one["level"] != "note"]
    return said.code, found


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.bicep", "var a = { b: 1, b: 2 }\n", TWICE_IN_BICEP),
        ("a.bicep", "var a = {\n  b: 1 // c\n  'b': [\n    1\n  ]\n}\n", TWICE_IN_BICEP),
        ("a.bicep", "resource v 'Microsoft.KeyVault/vaults@2023-07-01' = if (true) { name: 'v', name: 'w' }\n",
         TWICE_IN_BICEP),
        ("a.bicep", "output a array = [for i in range(0, 2): { inner: { b: i, b: i } }]\n", TWICE_IN_BICEP),
        ("a.tf", 'resource "azurerm_key_vault" "v" {\n  name = "v"\n  name = "w"\n}\n', TWICE_IN_TERRAFORM),
        ("a.tf.json", '{"resource": {"azurerm_key_vault": {"v": {"name": "v", "sku_name": "a", "name": "w"}}}}',
         TWICE_IN_TERRAFORM),
        ("a.tf.json", '{"resource": {"azurerm_key_vault": {"v": {"name": "v", "network_acls": {"a": 1, "a": 2}}}}}',
         TWICE_IN_TERRAFORM),
        ("a.tf.json", '{"//": 1, "//": 2, "resource": {"azurerm_key_vault": {"v": {"name": "v"}}}}', ""),
        ("a.json", template('"enableRbacAuthorization": true, "EnableRbacAuthorization": false'), CASE),
        ("a.bicep", "var a = { b: 1, B: 2, c: { b: 1 } }\n", ""),
    ],
)  # fmt: skip
def test_a_name_that_is_set_twice_is_an_error(
    kvlint: Kvlint, tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / name).write_text(text)
    code, found = problems(kvlint, name)
    assert found == ([("error", message)] if message else [])
    assert (code == 3) is bool(message)


@pytest.mark.parametrize(
    ("properties", "type_", "messages"),
    [
        ('"a": 1, "a": 2', "Microsoft.KeyVault/vaults", [LAST]),
        ('"a" : 1, "b": {"a": 1}, "a" /* c */ : 2', "Microsoft.KeyVault/vaults", [LAST]),
        ('"a": "x\\": y", "a": ":", "b": ["\\" :"]', "Microsoft.KeyVault/vaults", [LAST]),
        ('"a": 1, "\\u0061": 2', "Microsoft.KeyVault/vaults", [LAST]),
        ('"a": "\\": 1", "b": ": 1"', "Microsoft.KeyVault/vaults", []),
        ('"a": {"b": 1}, "B": 1', "Microsoft.KeyVault/vaults", []),
        # A map of another service, in which letter case may matter.
        ('"http_proxy": 1, "HTTP_PROXY": 2', "Microsoft.Web/sites/config", [CASE]),
    ],
)
def test_a_repeated_key_of_a_template_is_a_warning(
    kvlint: Kvlint, tmp_path: Path, properties: str, type_: str, messages: list[str]
) -> None:
    (tmp_path / "a.json").write_text(template(properties, type_))
    code, found = problems(kvlint, "a.json")
    assert found == [("warning", message) for message in messages]
    assert code != 3


def test_repeated_keys_of_parameter_files_and_linked_templates_are_reported(kvlint: Kvlint, tmp_path: Path) -> None:
    given = '{"value": "a"}, "p": {"value": "b"}'
    parameters = f'{{"$schema": "{SCHEMA.format("Parameters")}", "parameters": {{"p": {given}}}}}'
    (tmp_path / "main.parameters.json").write_text(parameters)
    (tmp_path / "inner.json").write_text(template('"a": 1, "a": 2'))
    link = '"mode": "Incremental", "templateLink": {"relativePath": "inner.json"}'
    outer = template(link, "Microsoft.Resources/deployments").replace(
        '"resources"', '"parameters": {"p": {"type": "string"}}, "resources"'
    )
    (tmp_path / "main.json").write_text(outer)
    said = kvlint("main.json", "--parameters", "main.parameters.json", "--no-cache", "-f", "json")
    found = [one for one in json.loads(said.out)["problems"] if one["message"] == LAST]
    assert {one["location"]["path"] for one in found} == {"main.parameters.json", "inner.json"}


def test_a_template_without_repeated_keys_is_parsed_once(
    kvlint: Kvlint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Positions are only computed for a template that repeats a key, because that takes longer than decoding it."""
    from azkvlint.syntax import repeated_keys

    parsed: list[str] = []
    monkeypatch.setattr(repeated_keys, "parse", lambda text, *_: parsed.append(text))
    (tmp_path / "a.json").write_text(template('"a": "x\\": y", "A2": {"a": ": "}, "b" : 1'))
    assert problems(kvlint, "a.json")[1] == []
    assert not parsed
