"""No excerpt shows where a secret is written, however many steps are between that and its use: see ``secretshapes``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from azkvlint.engine.required_attributes import required_by
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.model.location import Location
from azkvlint.readers.discover import Source
from azkvlint.readers.read_result import ReadResult
from azkvlint.readers.reader import Reader
from azkvlint.readers.units import Unit
from azkvlint.syntax.json_decoder import decode_text
from azkvlint.syntax.texts import Lines
from tests.secretshapes import MARK, Files, Shape, shape_of

pytestmark = pytest.mark.slow(8)

LANGUAGES = ("terraform", "bicep", "arm")
SEEDS = 25
VAULT = 'resource "azurerm_key_vault" "kv" {\n  name = "kv-orders"\n}\n'
# The rules of a run do not matter: one that reads no secret hides them too.
RULES = {"one rule": ("KV001",), "all rules": ()}


@pytest.mark.parametrize("selected", RULES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_excerpt_shows_the_parts_of_a_secret(language: str, selected: str, tmp_path: Path) -> None:
    chosen = [rule for rule in builtin_rules() if rule.id in RULES[selected] or not RULES[selected]]
    required = required_by(chosen)
    leaks = []
    for seed in range(SEEDS):
        for steps in range(5):
            shape = shape_of(language, seed, steps)
            folder = tmp_path / f"{seed}-{steps}"
            write(shape.files, folder)
            read = Reader(required, str(folder)).read(unit_of(shape, folder))
            assert read is not None, shape.made
            shown = [*excerpts(read, shape.files)]
            leaks += [(seed, steps, shape.made, text[:200]) for text in shown if MARK in text]
            assert any("kv-orders" in text for text in shown), shape.made
    assert leaks == []


def write(files: Files, folder: Path) -> None:
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def unit_of(shape: Shape, folder: Path) -> Unit:
    file = str(folder) if shape.main == "." else str(folder / shape.main)
    return Unit(source=Source(path=shape.main, file=file, is_explicit=True), module=shape.main == ".")


def excerpts(read: ReadResult, files: Files) -> Iterator[str]:
    """Yield the excerpts of each line of the files of an input, and of each value of those in JSON."""
    places = [place for path, text in files.items() for place in places_in(path, text)]
    find = read.locate(places)
    for place in places:
        found = find(place)
        if found is not None:
            excerpt = found[1]()
            yield excerpt.text
            yield excerpt.context_text


def places_in(path: str, text: str) -> Iterator[Location]:
    starts = [*Lines(text).starts, len(text)]
    for start, end in pairwise(starts):
        yield Location(path=path, span=(start, end))
    if path.endswith(".json") and not path.endswith(".tf.json"):
        waiting: list[tuple[object, tuple[str | int, ...]]] = [(decode_text(text).value, ())]
        while waiting:
            value, pointer = waiting.pop()
            yield Location(path=path, pointer=pointer)
            members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
            waiting += [(inner, (*pointer, key)) for key, inner in members]


@pytest.mark.parametrize(
    "use",
    [
        "x = sensitive(local.o.s)",
        "x = core::sensitive(local.o.s)",
        "x = nonsensitive(sensitive(local.o.s))",
        "x = { a = [sensitive(local.o.s)] }",
        "x = { clientKey = local.o.s }",
        "x = { request_headers = { Authorization = local.o.s } }",
        'x = { "Ocp-Apim-Subscription-Key" = local.o.s }',
        'x = { "Cookie" : local.o.s }',
        "x = { protectedSettings = local.o.s }",
        'x = { ("password") = local.o.s }',
        'x = { type = "Microsoft.Web/sites/config", properties = local.o.s }',
        'x = "Server=a;Password=${local.o.s};"',
        'x = "https://a:${local.o.s}@b"',
        'x = "Authorization: Bearer ${local.o.s}"',
        'x = <<EOT\n{"value": "${local.o.s}"}\nEOT',
    ],
)
def test_no_excerpt_shows_a_value_that_an_expression_marks_as_secret(use: str, tmp_path: Path) -> None:
    text = f'locals {{\n  o = {{ a = "kv-orders", s = "{MARK}" }}\n  {use}\n}}\n{VAULT}'
    shape = Shape({"main.tf": text}, ".", use)
    write(shape.files, tmp_path)
    read = Reader(required_by(builtin_rules()), str(tmp_path)).read(unit_of(shape, tmp_path))
    assert read is not None
    shown = [*excerpts(read, shape.files)]
    assert shown
    assert not [one for one in shown if MARK in one]


@pytest.mark.parametrize(
    "block",
    [
        'check "x" {\n  assert {\n    condition = sensitive(local.s) != ""\n  }\n}',
        'variable "v" {\n  validation {\n    condition = var.v != sensitive(local.s)\n  }\n}',
        'output "o" {\n  value = 1\n  precondition {\n    condition = sensitive(local.s) != ""\n  }\n}',
        'resource "azapi_resource" "x" {\n  sensitive_body = { a = local.s }\n}',
        'resource "azurerm_container_group" "x" {\n  container {\n    secure_environment_variables = local.s\n  }\n}',
        'resource "kubernetes_secret" "x" {\n  data = { a = local.s }\n}',
    ],
)
def test_no_excerpt_shows_a_value_that_a_block_marks_as_secret(block: str, tmp_path: Path) -> None:
    text = f'locals {{\n  s = "{MARK}"\n}}\n{block}\n{VAULT}'
    assert not shown_with_mark(Shape({"main.tf": text}, ".", block), tmp_path)


def shown_with_mark(shape: Shape, folder: Path) -> list[str]:
    """Return the excerpts with the mark of a shape that is not all hidden."""
    write(shape.files, folder)
    read = Reader(required_by(builtin_rules()), str(folder)).read(unit_of(shape, folder))
    assert read is not None
    shown = [*excerpts(read, shape.files)]
    assert any("kv-orders" in one for one in shown)
    return [one for one in shown if MARK in one]


def test_no_excerpt_shows_a_value_that_a_validation_compares_with_a_secret(tmp_path: Path) -> None:
    condition = f'contains(["{MARK}"], var.v)'
    text = (
        f'variable "v" {{\n  validation {{\n    condition = {condition}\n  }}\n}}\nlocals {{\n  password = var.v\n}}\n'
    )
    assert not shown_with_mark(Shape({"main.tf": text + VAULT}, ".", condition), tmp_path)


def test_no_excerpt_of_json_shows_a_key_that_is_a_secret(tmp_path: Path) -> None:
    secret = {"s": {"value": "${keys(local.z)[0]}"}}
    resources = {"azurerm_key_vault": {"kv": {"name": "kv-orders"}}, "azurerm_key_vault_secret": secret}
    text = json.dumps({"locals": {"z": {MARK: 1}}, "resource": resources}, indent=1)
    assert not shown_with_mark(Shape({"main.tf.json": text}, ".", "key"), tmp_path)


CREDENTIAL = "type t = {\n  @secure()\n  a: string\n}\n"


@pytest.mark.parametrize(
    "text",
    [
        f"{CREDENTIAL}var z = '{MARK}'\noutput o t = {{\n  a: z\n}}\n",
        f"{CREDENTIAL}param p [string, t] = [\n  'x'\n  {{ a: '{MARK}' }}\n]\n",
        f"import * as lib from 'lib.bicep'\nparam p lib.t = {{\n  a: '{MARK}'\n}}\n",
        f"@secure()\n@allowed([\n  '{MARK}'\n])\nparam p string\n",
        f"var z = '{MARK}'\nvar c = 'Password=${{z}};'\n",
    ],
)
def test_no_excerpt_of_bicep_shows_a_value_that_a_declaration_marks_as_secret(text: str, tmp_path: Path) -> None:
    vault = "resource kv 'Microsoft.KeyVault/vaults@2023-07-01' = {\n  name: 'kv-orders'\n}\n"
    files = {"main.bicep": f"{text}{vault}", "lib.bicep": f"@export()\n{CREDENTIAL}"}
    assert not shown_with_mark(Shape(files, "main.bicep", text), tmp_path)


def test_the_secure_parts_of_a_type_that_contains_itself_are_found_in_bounded_time(tmp_path: Path) -> None:
    fields = "".join(f"  a{number}: t\n" for number in range(60))
    text = f"type t = {{\n{fields}}}\nparam p t\nvar z = 'kv-orders'\n"
    assert not shown_with_mark(Shape({"main.bicep": text}, "main.bicep", "recursion"), tmp_path)


def nested(scope: str, **template: object) -> dict[str, object]:
    properties = {"expressionEvaluationOptions": {"scope": scope}, "template": {"resources": [], **template}}
    return {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2022-09-01",
        "name": "n",
        "properties": properties,
    }


def secret(value: str) -> dict[str, object]:
    type_ = "Microsoft.KeyVault/vaults/secrets"
    return {"type": type_, "apiVersion": "2023-07-01", "name": "kv-orders/s", "properties": {"value": value}}


OF_OUTPUT = secret("[reference('n').outputs.o.value]")
IN_PART = {"d": {"type": "object", "properties": {"p": {"type": "securestring"}}}}


@pytest.mark.parametrize(
    "template",
    [
        {"resources": [nested("outer", outputs={"o": {"type": "string", "value": "[variables('z')]"}}), OF_OUTPUT]},
        {"resources": [nested("outer", outputs={"o": {"type": "secureString", "value": "[variables('z')]"}})]},
        {
            "resources": [
                nested("inner", outputs={"o": {"type": "array", "copy": {"count": 1, "input": MARK}}}),
                secret("[reference('n').outputs.o.value[0]]"),
            ]
        },
        {"outputs": {"o": {"type": "secureObject", "copy": {"count": 1, "input": "[variables('z')]"}}}},
        {"outputs": {"o": {"type": "object", **IN_PART["d"], "value": {"p": "[variables('z')]"}}}},
        {"definitions": IN_PART, "parameters": {"a": {"$ref": "#/definitions/d", "defaultValue": {"p": MARK}}}},
        {"parameters": {"a": {"type": "securestring", "allowedValues": [MARK]}}},
        {"outputs": {"o": {"type": "string", "value": "[string(createObject('Authorization', variables('z')))]"}}},
        {"outputs": {"o": {"type": "string", "value": "[concat('Password=', variables('z'))]"}}},
        {"outputs": {"o": {"type": "string", "value": "[format('{0} Password={1}', 'a', variables('z'))]"}}},
        {
            "resources": [
                {"type": "Microsoft.Cache/redis", "apiVersion": "2024-03-01", "name": "r", "tags": {"a": MARK}},
                secret("[reference('r', '2024-03-01', 'full').tags.a]"),
            ]
        },
    ],
)
def test_no_excerpt_of_a_template_shows_a_value_declared_or_named_as_secret(
    template: dict[str, object], tmp_path: Path
) -> None:
    vault = {"type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": "kv-orders", "properties": {}}
    variables = {"z": MARK} if "variables" in json.dumps(template) else {}
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    own = template.get("resources", [])
    assert isinstance(own, list)
    text = json.dumps({"$schema": schema, "variables": variables, **template, "resources": [vault, *own]}, indent=1)
    assert not shown_with_mark(Shape({"main.json": text}, "main.json", ""), tmp_path)


@pytest.mark.parametrize("path", [".outputs.x", "['outputs'].x", "['outputs']['x']", ".Outputs.X", "!.outputs.?x"])
def test_no_excerpt_shows_the_output_of_a_module_that_is_a_secret(path: str, tmp_path: Path) -> None:
    main = f"module m 'm.bicep' = {{\n  name: 'kv-orders'\n}}\nvar password = m{path}\n"
    shape = Shape({"main.bicep": main, "m.bicep": f"output x string = '{MARK}'\n"}, "main.bicep", path)
    write(shape.files, tmp_path)
    read = Reader(required_by(builtin_rules()), str(tmp_path)).read(unit_of(shape, tmp_path))
    assert read is not None
    shown = [*excerpts(read, shape.files)]
    assert shown
    assert not [one for one in shown if MARK in one]
