"""Declarations of Bicep and of parameter files, and the directives between them."""

from __future__ import annotations

import pytest

from azkvlint.syntax import ast
from azkvlint.syntax.bicep.parse import Parsed, parse


def read(text: str) -> Parsed:
    parsed = parse(text)
    assert parsed.faults == ()
    return parsed


def only(text: str) -> ast.Declaration:
    (declaration,) = read(text).declarations
    assert text[declaration.start : declaration.end] == text[declaration.start :].strip()
    return declaration


@pytest.mark.parametrize(
    "text", ["", "\n\n", "\ufeff", "// only this", "/* a\nb */", "#disable-next-line x", "\r\r\n \t"]
)
def test_file_without_declarations_is_parsed(text: str) -> None:
    assert read(text).declarations == ()


def test_parameter_is_parsed() -> None:
    text = "@description('why')\n@sys.allowed([\n  'a'\n])\n@secure()\nparam p string = 'a'"
    found = only(text)
    assert isinstance(found, ast.ParameterDeclaration)
    assert (found.name, found.at, found.start) == ("p", text.index("p string"), text.index("param"))
    assert found.type == ast.Type(found.at + 2, found.at + 8, "name", "string")
    assert found.default == ast.Literal(len(text) - 3, len(text), "a")
    calls = [call for call in found.decorators if isinstance(call, ast.Call)]
    assert [call.name for call in calls] == ["description", "allowed", "secure"]
    assert [text[call.start : call.end] for call in calls] == [
        "description('why')",
        "sys.allowed([\n  'a'\n])",
        "secure()",
    ]


def test_parameter_of_a_resource_type_is_parsed() -> None:
    found = only("param p resource 'A/b@1'")
    assert isinstance(found, ast.ParameterDeclaration)
    assert found.type is not None
    assert (found.type.kind, found.type.name, found.type.value) == ("resource", "resource", "A/b@1")


def test_parameter_file_is_parsed() -> None:
    lines = ["\ufeffusing 'main.bicep'", "extends 'base.bicepparam'", "param a = 1", "param b = {", "  c: d('X')", "}"]
    text = "\n".join(lines)
    using, extends, first, second = read(text).declarations
    assert isinstance(using, ast.Using)
    assert using.path == ast.Literal(7, 19, "main.bicep")
    assert isinstance(extends, ast.Extends)
    assert isinstance(first, ast.ParameterDeclaration)
    assert first.type is None
    assert first.default == ast.Literal(56, 57, 1)
    assert isinstance(second, ast.ParameterDeclaration)
    assert isinstance(second.default, ast.Object)
    assert only("using none") == ast.Using(0, 10, None)
    assert isinstance(only("using 'a' with {\n  mode: 'stack'\n}"), ast.Using)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_nested_resources_are_parsed(ends: str) -> None:
    lines = [
        "@batchSize(1)",
        "resource /* the */ kv 'Microsoft.KeyVault/vaults@2023-07-01' = [for (n, i) in names: if (on) {",
        "  name: n",
        "  resource /* a */ secret 'secrets' = {",
        "    name: 's'",
        "    resource version 'versions' existing = {}",
        "  }",
        "  @onlyIfNotExists()",
        "  resource key 'keys' =",
        "    if (i == 0) {}",
        "}]",
    ]
    text = ends.join(lines) + ends
    vaults = only(text)
    assert isinstance(vaults, ast.ResourceDeclaration)
    assert (vaults.name, vaults.existing, len(vaults.decorators)) == ("kv", False, 1)
    assert text[vaults.start : vaults.head] == "resource /* the */ kv 'Microsoft.KeyVault/vaults@2023-07-01'"
    loop = vaults.body
    assert isinstance(loop, ast.For)
    assert (loop.item, loop.index) == ("n", "i")
    assert isinstance(loop.body, ast.If)
    body = loop.body.body
    assert isinstance(body, ast.Object)
    assert [member.key for member in body.members if isinstance(member, ast.Property)] == ["name"]
    secret, key = body.resources
    assert text[secret.start : secret.head] == "resource /* a */ secret 'secrets'"
    assert isinstance(secret.body, ast.Object)
    (version,) = secret.body.resources
    assert version.existing
    assert text[version.start : version.head] == "resource version 'versions' existing"
    assert (key.name, len(key.decorators), type(key.body)) == ("key", 1, ast.If)


@pytest.mark.parametrize("body", ["{\n  name: 'a'\n}", "if (a) {}", "[for x in y: {}]", "[for x in y: if (x) {}]"])
def test_modules_are_parsed(body: str) -> None:
    text = f"module m './m.bicep' = {body}"
    found = only(text)
    assert isinstance(found, ast.ModuleDeclaration)
    assert (found.name, text[found.path.start : found.path.end]) == ("m", "'./m.bicep'")
    assert text[found.start : found.head] == "module m './m.bicep'"
    assert text[found.body.start : found.body.end] == body


def test_imports_are_parsed() -> None:
    text = "import { a, b as c\n  'd-e' as f } from 'x.bicep'"
    assert only(text) == ast.Import(
        0, len(text), ast.Literal(39, 48, "x.bicep"), (("a", "a"), ("b", "c"), ("d-e", "f"))
    )
    found = only("import * as all from 'br/public:a:1'")
    assert isinstance(found, ast.Import)
    assert (found.names, found.alias) == ((), "all")


def test_functions_are_parsed() -> None:
    found = only("@export()\nfunc f(a string, b {\n  c: int\n}[]?) object => {\n  d: a\n}")
    assert isinstance(found, ast.FunctionDeclaration)
    assert (found.name, found.parameters, type(found.body)) == ("f", ("a", "b"), ast.Object)
    assert isinstance(only("func g(\n  a string\n  ,b int\n) string =>\n  'x${a}'"), ast.FunctionDeclaration)


def test_variables_outputs_types_and_scope_are_parsed() -> None:
    assert isinstance(only("var v = a"), ast.Variable)
    assert isinstance(only("var v string[] = ['a']"), ast.Variable)
    assert isinstance(only("targetScope = 'subscription'"), ast.TargetScope)
    assert isinstance(only("@export()\ntype t = {\n  a: string?\n}"), ast.TypeDeclaration)
    output = only("output o { a: string } = {\n  a: kv.name\n}")
    assert isinstance(output, ast.OutputDeclaration)
    assert output.type is not None
    assert output.type.kind == "object"


@pytest.mark.parametrize(
    ("text", "keyword", "name"),
    [
        ("metadata m = { a: 1 }", "metadata", "m"),
        ("assert a = b == c", "assert", "a"),
        ("test t 'a.bicep' = {\n  params: {}\n}", "test", "t"),
        ("extension kubernetes", "extension", "kubernetes"),
        ("extension 'br:x:1' as k", "extension", "k"),
        ("extension kubernetes with {\n  a: 'b'\n} as k8s", "extension", "k8s"),
        ("extensionConfig k8s with { a: 'b' }", "extensionConfig", "k8s"),
        ("provider 'br/public:az@0.2' as az", "provider", "az"),
        ("import 'az@1.0.0' as az", "import", "az"),
    ],
)
def test_other_declarations_are_parsed(text: str, keyword: str, name: str) -> None:
    assert only(text) == ast.Other(0, len(text), keyword, name)


def test_disable_next_line_directives_are_parsed() -> None:
    text = (
        "#disable-next-line KV001 no-secrets // why\nvar a = 'x'\n"
        "/*\n#disable-next-line KV002\n*/\n"
        "var b = {\r\n  #disable-next-line KV003\r\n  c: '${'/*'}'\r\n}\n"
        "var d = '''\n#disable-next-line KV004\n'''\n"
        "  #disable-next-line KV005"
    )
    parsed = read(text)
    starts = [text.index("var a"), text.index("  c:"), len(text)]
    assert parsed.suppressions == tuple(zip(starts, [("KV001", "no-secrets"), ("KV003",), ("KV005",)], strict=True))
    assert parsed.disabled == ()


def test_disable_diagnostics_directives_are_parsed() -> None:
    text = "#disable-diagnostics A B\nvar a = 1\n#restore-diagnostics A\nvar b = 2\n"
    assert read(text).disabled == ((25, 35, ("A",)), (25, len(text), ("B",)))
