"""Operations of the editors on files as people write them, in each language and style."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from azkvlint.fixes.sources import editor_of
from azkvlint.model.fix import Code, Refusal, apply

HCL, BICEP, PARAMETERS, ARM, TF_JSON = "main.tf", "main.bicep", "main.bicepparam", "azuredeploy.json", "main.tf.json"


class Case(msgspec.Struct):
    """An operation on the place of the string ``at`` in ``text``, or at a pointer."""

    name: str
    path: str
    text: str
    at: str | tuple[str | int, ...]
    operation: tuple[Any, ...]
    expected: str


def edited(case: Case, text: str, at: Any = None) -> str:
    editor = editor_of(case.path, text)
    at = case.at if at is None else at
    if isinstance(at, str):
        start = text.index(at)
        at = start, start + len(at)
    operation, *arguments = case.operation
    return apply(text, getattr(editor, operation)(at, *arguments))


CASES = [
    Case(
        "argument in columns", HCL,
        'resource "azurerm_key_vault" "kv" {\n  for_each = var.vaults\n\n  name     = "kv" # its name\n'
        '  location = var.l\n\n  network_acls {\n    bypass = "None"\n  }\n}\n',
        'resource "azurerm_key_vault" "kv"', ("set_value", ("purge_protection_enabled",), True),
        'resource "azurerm_key_vault" "kv" {\n  for_each = var.vaults\n\n'
        '  name                     = "kv" # its name\n  location                 = var.l\n'
        '  purge_protection_enabled = true\n\n  network_acls {\n    bypass = "None"\n  }\n}\n',
    ),
    Case(
        "argument not in columns, before tags", HCL,
        'resource "a" "b" {\n  name = "kv"\n  location  = var.l // here\n  tags = {\n    a = 1\n  }\n}\n',
        'resource "a" "b"', ("set_value", ("x",), 5),
        'resource "a" "b" {\n  name = "kv"\n  location  = var.l // here\n  x = 5\n  tags = {\n    a = 1\n  }\n}\n',
    ),
    Case(
        "argument in columns that are wider than its names", HCL,
        'a "b" {\n  group  = (\n    1\n  )\n  name      = "kv"\n  location  = var.l\n}\n', 'a "b"',
        ("set_value", ("enabled",), True),
        'a "b" {\n  group  = (\n    1\n  )\n  name      = "kv"\n  location  = var.l\n  enabled   = true\n}\n',
    ),
    Case(
        "argument that makes columns wider", HCL, 'a {\n  b   = "kv"\n  cc  = var.l\n}\n', "a {",
        ("set_value", ("enabled",), True), 'a {\n  b       = "kv"\n  cc      = var.l\n  enabled = true\n}\n',
    ),
    Case(
        "removal from columns that are wider than their names", HCL, "a {\n  long   = 1\n  b      = 2\n}\n", "a {",
        ("remove", ("long",)), "a {\n  b      = 2\n}\n",
    ),
    Case(
        "name in columns that are wider than their names", HCL, "a {\n  id_of   = x\n  b       = 2\n}\n", "a {",
        ("rename", ("id_of",), "id"), "a {\n  id      = x\n  b       = 2\n}\n",
    ),
    Case(
        "argument of a block found by another argument", HCL,
        'resource "a" "b" {\n  network_acls {\n    default_action = "Allow" /* all */\n  }\n}\n',
        'default_action = "Allow"', ("set_value", ("bypass",), "None"),
        'resource "a" "b" {\n  network_acls {\n    default_action = "Allow" /* all */\n    bypass         = "None"\n'
        '  }\n}\n',
    ),
    Case(
        "value found by its own argument", HCL,
        'resource "a" "b" {\n  enabled = var.x ? 1 : 2 # why\n  other   = 1\n}\n',
        "enabled = var.x ? 1 : 2", ("replace_value", False),
        'resource "a" "b" {\n  enabled = false # why\n  other   = 1\n}\n',
    ),
    Case(
        "argument after a heredoc", HCL,
        'resource "a" "b" {\n  script = <<-EOT\n    x = "{"\n    }\n  EOT\n}\n', 'resource "a" "b"',
        ("set_value", ("x",), 'a\n"${b}%{c}'),
        'resource "a" "b" {\n  script = <<-EOT\n    x = "{"\n    }\n  EOT\n  x      = "a\\n\\"$${b}%%{c}"\n}\n',
    ),
    Case(
        "heredoc replaced", HCL, 'resource "a" "b" {\n  x = <<EOT\n}\nEOT\n  y = 1\n}\n', 'resource "a" "b"',
        ("set_value", ("x",), "v"), 'resource "a" "b" {\n  x = "v"\n  y = 1\n}\n',
    ),
    Case(
        "block on one line", HCL, 'variable "a" { type = string }\n', 'variable "a"',
        ("set_value", ("sensitive",), True), 'variable "a" {\n  type      = string\n  sensitive = true\n}\n',
    ),
    Case(
        "value in a block on one line", HCL, 'resource "a" "b" {\n  acls { action = "Allow" } # c\n}\n',
        'resource "a" "b"', ("set_value", ("acls", "action"), "Deny"),
        'resource "a" "b" {\n  acls { action = "Deny" } # c\n}\n',
    ),
    Case(
        "nested blocks in an empty block", HCL, 'provider "azurerm" {\n  features {}\n}\n', 'provider "azurerm"',
        ("set_value", ("features", "key_vault", "purge"), False),
        'provider "azurerm" {\n  features {\n    key_vault {\n      purge = false\n    }\n  }\n}\n',
    ),
    Case(
        "argument of a block with a comment only", HCL, "a {\n  # nothing\n}\n", "a {",
        ("set_value", ("x",), [1, "b"]), 'a {\n  # nothing\n  x = [1, "b"]\n}\n',
    ),
    Case(
        "argument before the only block", HCL, "a {\n\n  b {}\n}\n", "a {", ("set_value", ("x",), Code("var.x")),
        "a {\n  x = var.x\n\n\n  b {}\n}\n",
    ),
    Case(
        "argument of a dynamic block", HCL,
        'a {\n  dynamic "acls" {\n    for_each = var.x\n    content {\n      bypass = "None"\n    }\n  }\n}\n', "a {",
        ("set_value", ("acls", "action"), "Deny"),
        'a {\n  dynamic "acls" {\n    for_each = var.x\n    content {\n      bypass = "None"\n      action = "Deny"\n'
        "    }\n  }\n}\n",
    ),
    Case(
        "argument of a module", HCL, 'module "kv" {\n  source = "x" # from\n}\n', 'module "kv"',
        ("set_value", ("acls", "action"), "Deny"),
        'module "kv" {\n  source = "x" # from\n  acls = {\n    action = "Deny"\n  }\n}\n',
    ),
    Case(
        "member of an object argument", HCL, 'module "kv" {\n  acls = { bypass = "None" }\n}\n', 'module "kv"',
        ("set_value", ("acls", "action"), "Deny"),
        'module "kv" {\n  acls = { bypass = "None", action = "Deny" }\n}\n',
    ),
    Case(
        "member of an object with commas and colons", HCL,
        'a {\n  b = {\n    "x": 1, # one\n    "y": 2,\n  }\n'
        '}\n', "a {",
        ("set_value", ("b", "z"), {"k": [1]}),
        'a {\n  b = {\n    "x": 1, # one\n    "y": 2,\n    "z": {\n      k = [1]\n    },\n  }\n}\n',
    ),
    Case(
        "member in jsonencode", HCL,
        'resource "azapi_resource" "a" {\n  body = jsonencode({\n    properties = {\n      id = "x"\n    }\n  })\n}\n',
        'resource "azapi_resource" "a"', ("set_value", ("body", "properties", "enablePurgeProtection"), True),
        'resource "azapi_resource" "a" {\n  body = jsonencode({\n    properties = {\n'
        '      id                    = "x"\n'
        "      enablePurgeProtection = true\n    }\n  })\n}\n",
    ),
    Case(
        "new object of azapi", HCL,
        'resource "azapi_resource" "a" {\n  type = "t@v"\n'
        '}\n', 'resource "azapi_resource" "a"',
        ("set_value", ("body", "properties", "x"), True),
        'resource "azapi_resource" "a" {\n  type = "t@v"\n  body = {\n    properties = {\n      x = true\n    }\n'
        '  }\n}\n',
    ),
    Case(
        "removal with the comment in the line", HCL, "a {\n  longest = 1 # c\n  b       = 2\n}\n", "a {",
        ("remove", ("longest",)), "a {\n  b = 2\n}\n",
    ),
    Case(
        "removal of a block between empty lines", HCL, "a {\n  x = 1\n\n  b {\n    c = 1\n  }\n\n  d = 1\n}\n", "a {",
        ("remove", ("b",)), "a {\n  x = 1\n\n  d = 1\n}\n",
    ),
    Case("removal from a block on one line", HCL, "a { x = 1 }\n", "a", ("remove", ("x",)), "a {}\n"),
    Case("removal of one block of several", HCL, "a {\n  b {\n    c = 1\n  }\n  b {\n    c = 2\n  }\n}\n",
         "b {\n    c = 2\n  }", ("remove", ()), "a {\n  b {\n    c = 1\n  }\n}\n"),
    Case("removal of an item of a list", HCL,
    'a {\n  r = ["0.0.0.0/0", "10.0.0.1"]\n'
    '}\n', '"0.0.0.0/0"', ("remove", ()),
         'a {\n  r = ["10.0.0.1"]\n}\n'),
    Case("name", HCL, "a {\n  id_of = x # c\n  b     = 2\n}\n", "a {", ("rename", ("id_of",), "id"),
         "a {\n  id = x # c\n  b  = 2\n}\n"),
    Case(
        "new block", HCL, "a {\n  x = 1\n}\n", "a {",
        ("add_block", "lifecycle", {"rules": {"n": 1}, "prevent_destroy": True, "ignore_changes": [Code("tags")]}),
        "a {\n  x = 1\n\n  lifecycle {\n    prevent_destroy = true\n    ignore_changes  = [tags]\n\n    rules {\n"
        "      n = 1\n    }\n  }\n}\n",
    ),
    Case("part of a string", HCL, 'a {\n  type = "T@2019-09-01"\n}\n', 'type = "T@2019-09-01"',
         ("replace_text", "2019-09-01", "2023-07-01"), 'a {\n  type = "T@2023-07-01"\n}\n'),
    Case("value of a variables file", "a.tfvars", "a = 1 # c\nb = 2\n", "a = 1", ("set_value", ("a",), Code("[\n]")),
         "a = [\n] # c\nb = 2\n"),
    Case("sensitive", HCL, 'output "a" {\n  value = 1\n}\n', 'output "a"', ("add_decorator", "secure"),
         'output "a" {\n  value     = 1\n  sensitive = true\n}\n'),
    Case(
        "property", BICEP, "resource a 'T@v' = {\n  name: 'a' // c\n\n  properties: {\n    // none\n  }\n}\n",
        "resource a 'T@v'", ("set_value", ("properties", "enabled"), True),
        "resource a 'T@v' = {\n  name: 'a' // c\n\n  properties: {\n    // none\n    enabled: true\n  }\n}\n",
    ),
    Case(
        "nested properties in a loop with a condition", BICEP,
        "resource a 'T@v' = [for n in names: if (n != 'x') {\n  name: n\n}]\n", "resource a 'T@v'",
        ("set_value", ("properties", "acls", "defaultAction"), "De'ny${"),
        "resource a 'T@v' = [for n in names: if (n != 'x') {\n  name: n\n  properties: {\n    acls: {\n"
        "      defaultAction: 'De\\'ny\\${'\n    }\n  }\n}]\n",
    ),
    Case("object on one line", BICEP, "resource a 'T@v' = if (x) {\n  sku: { name: 's' }\n}\n", "resource a 'T@v'",
         ("set_value", ("sku", "a-b"), {"x": [1, -2]}),
         "resource a 'T@v' = if (x) {\n  sku: { name: 's', 'a-b': { x: [1, -2] } }\n}\n"),
    Case("beside a multi-line string", BICEP, "resource a 'T@v' = {\n  text: '''\n x: {\n'''\n}\n", "resource a 'T@v'",
         ("set_value", ("x",), "y"), "resource a 'T@v' = {\n  text: '''\n x: {\n'''\n  x: 'y'\n}\n"),
    Case("before nested resources, after a spread", BICEP,
         "resource a 'T@v' = {\n  ...base\n\n  resource b 'U' = {\n    name: 'b'\n  }\n}\n", "resource a 'T@v'",
         ("set_value", ("x",), Code("f(y)")),
         "resource a 'T@v' = {\n  ...base\n  x: f(y)\n\n  resource b 'U' = {\n    name: 'b'\n  }\n}\n"),
    Case("nested resource", BICEP,
    "resource a 'T@v' = {\n  resource b 'U' = {\n    name: 'b'\n  }\n"
    "}\n", "resource b 'U'",
         ("set_value", ("x",), 1), "resource a 'T@v' = {\n  resource b 'U' = {\n    name: 'b'\n    x: 1\n  }\n}\n"),
    Case("parameter of a module", BICEP,
    "module m 'm.bicep' = {\n  params: {\n    'x': 1\n  }\n"
    "}\n", "module m 'm.bicep'",
         ("set_value", ("params", "X"), 2), "module m 'm.bicep' = {\n  params: {\n    'x': 2\n  }\n}\n"),
    Case("branch of a condition", BICEP, "resource a 'T@v' = {\n  x: p ? true : null // c\n}\n", "null",
         ("replace_value", True), "resource a 'T@v' = {\n  x: p ? true : true // c\n}\n"),
    Case("API version", BICEP,
    "resource a 'T/v@2019-09-01' = {\n  name: '2019-09-01'\n"
    "}\n", "resource a 'T/v@2019-09-01'",
         ("replace_text", "2019-09-01", "2023-07-01"), "resource a 'T/v@2023-07-01' = {\n  name: '2019-09-01'\n}\n"),
    Case("decorator below others", BICEP, "@description('d')\n@minLength(1) // c\nparam p string\n", "param p string",
         ("add_decorator", "secure"), "@description('d')\n@minLength(1) // c\n@secure()\nparam p string\n"),
    Case("decorator with a namespace", BICEP,
    "param p string\n"
    "var secure = 1\n", "p string", ("add_decorator", "secure"),
         "@sys.secure()\nparam p string\nvar secure = 1\n"),
    Case("decorator that is there", BICEP, "@sys.secure()\nparam p string\n", "param p string",
         ("add_decorator", "secure"), "@sys.secure()\nparam p string\n"),
    Case("removal of a property", BICEP,
    "resource a 'T@v' = {\n  x: 1 // c\n  y: { a: 1, b: 2 }\n"
    "}\n", "resource a 'T@v'",
         ("remove", ("x",)), "resource a 'T@v' = {\n  y: { a: 1, b: 2 }\n}\n"),
    Case("removal from an object on one line", BICEP,
    "resource a 'T@v' = {\n  y: { a: 1, b: 2 }\n"
    "}\n", "y: { a: 1, b: 2 }",
         ("remove", ("b",)), "resource a 'T@v' = {\n  y: { a: 1 }\n}\n"),
    Case("new item of an array", BICEP, "resource a 'T@v' = {\n  p: [\n    {\n      a: 1\n    }\n  ]\n}\n",
         "resource a 'T@v'", ("add_block", "p", {"b": {"c": "d"}}),
         "resource a 'T@v' = {\n  p: [\n    {\n      a: 1\n    }\n    {\n      b: {\n        c: 'd'\n      }\n    }\n"
         "  ]\n}\n"),
    Case("name of a property", BICEP, "resource a 'T@v' = {\n  x: 1 // c\n}\n", "x: 1", ("rename", (), "y"),
         "resource a 'T@v' = {\n  y: 1 // c\n}\n"),
    Case("value of a parameter", PARAMETERS, "using 'main.bicep'\nparam a = 'b' // c\n", "param a = 'b'",
         ("replace_value", ["c"]), "using 'main.bicep'\nparam a = ['c'] // c\n"),
    Case("property of a parameter", PARAMETERS, "using 'm.bicep'\nparam a = {\n  b: 1\n}\n", "param a = {\n  b: 1\n}",
         ("set_value", ("c",), 2), "using 'm.bicep'\nparam a = {\n  b: 1\n  c: 2\n}\n"),
    Case("default in parentheses", BICEP, "@minValue(1)\nparam a int = (1 + 2) // c\n", "a int", ("replace_value", 3),
         "@minValue(1)\nparam a int = 3 // c\n"),
    Case("default of a parameter", BICEP, "param a bool = false\n", "a bool", ("replace_value", True),
         "param a bool = true\n"),
    Case(
        "member before a comment", ARM, '{\n  "r": [\n    {\n      "name": "a" // c\n    }\n  ]\n}\n', ("r", 0),
        ("set_value", ("properties", "enabled"), True),
        '{\n  "r": [\n    {\n      "name": "a", // c\n      "properties": {\n        "enabled": true\n      }\n'
        '    }\n  ]\n}\n',
    ),
    Case("member after a trailing comma", ARM, '{\n  "p": {\n    "a": 1, /* c */\n  }\n}\n', ("p", "a"),
         ("set_value", ("b",), ["x\n€"]), '{\n  "p": {\n    "a": 1, /* c */\n    "b": ["x\\n€"],\n  }\n}\n'),
    Case("object on one line in JSON", ARM, '{"r": {"a": 1, "p": {}}}\n', ("r",), ("set_value", ("p", "x", "y"), 1),
         '{"r": {"a": 1, "p": {"x": {"y": 1}}}}\n'),
    Case("empty object in JSON", ARM, '{\n  "r": {}\n}\n', ("r",), ("set_value", ("x",), Code("parameters('x')")),
         '{\n  "r": {\n    "x": "[parameters(\'x\')]"\n  }\n}\n'),
    Case("member in another case", ARM, '{\n  "r": {\n    "Enabled": "false"\n  }\n}\n', ("r",),
         ("set_value", ("enabled",), "[x]"), '{\n  "r": {\n    "Enabled": "[[x]"\n  }\n}\n'),
    Case("API version in JSON", ARM, '{\n  "apiVersion": "2019-09-01" // c\n}\n', ("apiVersion",),
         ("replace_text", "2019-09-01", "2023-07-01"), '{\n  "apiVersion": "2023-07-01" // c\n}\n'),
    Case("secure type", ARM, '{\n  "p": { "type": "String" }\n}\n', ("p",), ("add_decorator", "secure"),
         '{\n  "p": { "type": "securestring" }\n}\n'),
    Case("removal of the last member", ARM, '{\n  "a": 1, // one\n  "b": 2 // two\n}\n', (), ("remove", ("b",)),
         '{\n  "a": 1 // one\n}\n'),
    Case("removal of an array's item", ARM,
    '{\n  "r": [\n    {"a": 1},\n    {"a": 2}\n  ]\n'
    '}\n', ("r", 1), ("remove", ()),
         '{\n  "r": [\n    {"a": 1}\n  ]\n}\n'),
    Case("removal on one line", ARM, '{"a": 1, /* c */ "b": 2}\n', ("a",), ("remove", ()), '{/* c */ "b": 2}\n'),
    Case("key", ARM, '{\n  "a": 1 // c\n}\n', (), ("rename", ("a",), 'b"'), '{\n  "b\\"": 1 // c\n}\n'),
    Case("new item of an empty array", ARM, '{\n  "p": []\n}\n', (), ("add_block", "p", {"a": 1}),
         '{\n  "p": [\n    {\n      "a": 1\n    }\n  ]\n}\n'),
    Case(
        "block in an array", TF_JSON,
        '{\n  "resource": {\n    "t": {\n      "n": [{"acls": [{"a": 1}]}]\n    }\n'
        '  }\n}\n',
        '"n"', ("set_value", ("acls", "b"), Code("var.x")),
        '{\n  "resource": {\n    "t": {\n      "n": [{"acls": [{"a": 1, "b": "${var.x}"}]}]\n    }\n  }\n}\n',
    ),
    Case("sensitive in JSON", TF_JSON, '{\n  "variable": {\n    "v": {}\n  }\n}\n', '"v"', ("add_decorator", "secure"),
         '{\n  "variable": {\n    "v": {\n      "sensitive": true\n    }\n  }\n}\n'),
]  # fmt: skip


def in_tabs(text: str) -> str:
    lines = [(line, len(line) - len(line.lstrip(" "))) for line in text.split("\n")]
    return "\n".join("\t" * (blanks // 2) + " " * (blanks % 2) + line[blanks:] for line, blanks in lines)


STYLES: dict[str, Callable[[str], str]] = {
    "as written": lambda text: text,
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "tabs": in_tabs,
    "byte order mark": lambda text: "\ufeff" + text,
    "no line break at the end": lambda text: text.rstrip("\n"),
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_operation_results_in_the_expected_text(case: Case, style: str) -> None:
    if case.name == "block on one line" and style == "tabs":
        pytest.skip("no line of the file is indented")
    change = STYLES[style]
    at = change(case.at).lstrip("\ufeff").rstrip() if isinstance(case.at, str) else case.at
    assert edited(case, change(case.text), at) == change(case.expected)


@pytest.mark.parametrize("case", [case for case in CASES if case.operation[0] in {"set_value", "add_block"}])
def test_the_same_again_changes_nothing(case: Case) -> None:
    if not isinstance(case.at, str) or case.at in case.expected:
        assert edited(case, case.expected) == case.expected


# Files with an argument `x`, whose line is at the mark, and the place of its container.
SITUATIONS: list[tuple[str, str, str, str | tuple[str | int, ...]]] = [
    ("comments", HCL, "# a\na {\n  /* b */\n  b = 2 // c = 3@\n  # d\n}\n", "a {"),
    ("heredoc", HCL, "a {\n  h = <<-E\n    x = 3\n    }\n  E@\n\n  n {\n    x = 4\n  }\n}\n", "a {"),
    ("for_each", HCL, 'r "a" "b" {\n  for_each = var.x\n\n  b = 2@\n\n  lifecycle {}\n}\n', 'r "a" "b"'),
    ("module argument", HCL, 'module "a" {\n  source = "./x"\n\n  b = [\n    2\n  ]@\n}\n', 'module "a"'),
    ("object argument", HCL, 'module "a" {\n  b = {\n    c = 2@\n  }\n}\n', "c = 2"),
    ("comments", BICEP, "// a\nresource a 'T' = {\n  /* b */\n  b: 2 // c: 3@\n  // d\n}\n", "resource a 'T'"),
    ("multi-line string", BICEP, "resource a 'T' = {\n  b: '''\n  x: 3\n}\n'''@\n}\n", "resource a 'T'"),
    ("loop", BICEP, "resource a 'T' = [for x in xs: if (y) {\n  b: x@\n}]\n", "resource a 'T'"),
    ("module parameter", BICEP, "module a 'm' = {\n  params: {\n    b: 2@\n  }\n}\n", "b: 2"),
    ("bicepparam", PARAMETERS, "using 'm'\nparam a = {\n  b: [\n    2\n  ]@\n}\n", "param a = {\n  b: ["),
    ("comments", ARM, '{\n  "r": { // a\n    /* b */\n    "b": 2@ // c\n    // d\n  }\n}\n', ("r",)),
    ("copy", ARM, '{\n  "r": [{\n    "copy": {"count": 2},\n    "b": "[x()]"@\n  }]\n}\n', ("r", 0)),
    ("module", TF_JSON, '{"module": {"a": {\n  "source": "./x"@\n}}}\n', '"a"'),
    ("for_each", TF_JSON, '{"resource": {"t": {"a": {\n  "for_each": "${x}"@\n}}}}\n', '"a"'),
]  # fmt: skip
MARKS = {HCL: "\n{}x = {}", BICEP: "\n{}x: {}", PARAMETERS: "\n{}x: {}", ARM: ',\n{}"x": {}', TF_JSON: ',\n{}"x": {}'}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("operation", ["insert", "set", "replace", "rename", "remove"])
@pytest.mark.parametrize(("name", "path", "text", "at"), SITUATIONS, ids=[f"{one[1]}, {one[0]}" for one in SITUATIONS])
def test_operation_applies_in_each_situation(
    name: str, path: str, text: str, at: str | tuple[str | int, ...], operation: str, style: str
) -> None:
    line = text[: text.index("@")].rpartition("\n")[2]
    indent = "  " if "E" in line or "'''" in line else line[: len(line) - len(line.lstrip())]
    if name == "comments" and path == ARM:
        text = text.replace("@ // c", "@") if operation != "set" else text.replace("@ // c", " @")

    def written(member: str, value: str) -> str:
        return text.replace("@", MARKS[path].format(indent, value).replace("x", member, 1))

    absent, one = text.replace("@", ""), written("x", "1")
    cases = {
        "insert": (absent, ("set_value", ("x",), 1), one),
        "set": (one, ("set_value", ("x",), 2), written("x", "2")),
        "replace": (
            one,
            ("replace_value", Code("f(1)")),
            written("x", {ARM: '"[f(1)]"', TF_JSON: '"${f(1)}"'}.get(path, "f(1)")),
        ),
        "rename": (one, ("rename", ("x",), "y"), written("y", "1")),
        "remove": (one, ("remove", ("x",)), absent),
    }
    before, arguments, after = cases[operation]
    change = STYLES[style]
    place: Any = change(at).lstrip("\ufeff") if isinstance(at, str) else at
    if operation == "replace":
        mark = change(MARKS[path].format(indent, "1")).lstrip("\ufeff,\r\n\t ")
        place = mark if isinstance(at, str) else (*at, "x")
    assert edited(Case(name, path, before, at, arguments, after), change(before), place) == change(after)


REFUSED: list[tuple[str, str, str, tuple[str | int, ...], tuple[Any, ...]]] = [
    ("mixed line ends", HCL, "a {\r\n}\n", (0, 1), ("set_value", ("x",), 1)),
    ("mixed line ends", BICEP, "param a int = 1\r\rparam b int\n", (0, 1), ("replace_value", 1)),
    ("is generated", ".terraform.lock.hcl", "a {}\n", (0, 1), ("set_value", ("x",), 1)),
    ("is generated", ".terraform/modules/kv/main.tf", "a {}\n", (0, 1), ("set_value", ("x",), 1)),
    ("is generated", ARM, '{"metadata": {"_generator": {}}}', (), ("set_value", ("x",), 1)),
    ("is generated", ARM, '{"format_version": "1.2"}', (), ("set_value", ("x",), 1)),
    ("a syntax error", HCL, "a {\n  x = \n}\n", (0, 1), ("set_value", ("x",), 1)),
    ("a syntax error", BICEP, "param\n", (0, 1), ("set_value", ("x",), 1)),
    ("a syntax error", ARM, '{"a": }', (), ("set_value", ("x",), 1)),
    ("a syntax error", TF_JSON, '{"a": 1,}', (0, 1), ("set_value", ("x",), 1)),
    ("cannot be edited", "main.py", "a = 1", (0, 1), ("set_value", ("x",), 1)),
    ("is an expression", HCL, "a {\n  b = merge(c, {})\n}\n", (0, 1), ("set_value", ("b", "x"), 1)),
    ("is an expression", HCL, "locals {\n  b = var.c\n}\n", (11, 20), ("set_value", ("x",), 1)),
    ("is an expression", BICEP, "param a object = b\n", (0, 18), ("set_value", ("x",), 1)),
    ("is an expression", ARM, '{"a": "[b()]"}', (), ("set_value", ("a", "x"), 1)),
    ("is a list", ARM, '{"a": []}', (), ("set_value", ("a", "x"), 1)),
    ("is a block", HCL, "a {\n  b {}\n}\n", (0, 1), ("set_value", ("b",), 1)),
    ("on a condition", HCL, "a {\n  b = c ? 1 : 2\n}\n", (0, 1), ("set_value", ("b",), 1)),
    ("on a condition", BICEP, "resource a 'T' = {\n  b: c ? 1 : 2\n}\n", (0, 14), ("set_value", ("b",), 1)),
    ("on a condition", ARM, '{"b": "[if(c(), 1, 2)]"}', (), ("set_value", ("b",), 1)),
    ("`b` occurs several times", HCL, "a {\n  b {}\n  b {}\n}\n", (0, 1), ("set_value", ("b", "x"), 1)),
    ("`b` occurs several times", ARM, '{"b": 1, "b": 2}', (), ("set_value", ("b",), 1)),
    ("already set", HCL, "a {\n  b = 1\n  c = 2\n}\n", (0, 1), ("rename", ("b",), "c")),
    ("already set", BICEP, "resource a 'T' = {\n  b: {}\n}\n", (0, 14), ("add_block", "b", {})),
    ("would not parse", HCL, "a {\n  b = 1\n}\n", (0, 1), ("set_value", ("b",), Code("(")),),
    ("not in the file", ARM, '{"a": [1]}', ("a", 1), ("replace_value", 1)),
    ("not a value or a block", HCL, "a {}\n# b\n", (6, 7), ("set_value", ("x",), 1)),
    ("not a value", HCL, "a {\n  b = c(1)\n}\n", (11, 12), ("replace_value", 1)),
    ("to replace occurs several times", HCL, 'a {\n  b = "1 1"\n}\n', (6, 15), ("replace_text", "1", "2")),
    ("not there", HCL, 'a {\n  b = "1 1"\n}\n', (6, 15), ("replace_text", "2", "3")),
    ("need escapes", HCL, 'a {\n  b = "1"\n}\n', (6, 13), ("replace_text", "1", "${x}")),
    ("can be secure", ARM, '{"a": {"type": "int"}}', ("a",), ("add_decorator", "secure")),
    ("has decorators", BICEP, "@secure()\nparam a string\n", (10, 24), ("remove", ())),
    ("not a declaration", BICEP, "targetScope = 'tenant'\n", (0, 11), ("add_decorator", "secure")),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "path", "text", "at", "operation"), REFUSED)
def test_unsupported_operation_is_refused(
    reason: str, path: str, text: str, at: Any, operation: tuple[Any, ...]
) -> None:
    with pytest.raises(Refusal, match=reason):
        edited(Case("", path, text, at, operation, ""), text, at)
