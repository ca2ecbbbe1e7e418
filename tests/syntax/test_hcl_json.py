"""Terraform files in JSON: the same blocks, attributes and expressions that Terraform's own language has."""

from __future__ import annotations

import json
from typing import Any

import pytest

from azkvlint.syntax import ast
from azkvlint.syntax.hcl.json_file import parse_json_file
from azkvlint.syntax.hcl.parse import REPEATED, Block, HclFile


def parsed(value: Any, **options: Any) -> HclFile:
    file = parse_json_file(json.dumps(value, indent=2), **options)
    assert list(file.faults) == []
    return file


def names(blocks: Any) -> list[str]:
    return [" ".join((block.type, *block.labels)) for block in blocks]


def plain(node: Any) -> Any:
    """A tree without its places: literals as they are, all else by its parts."""
    if isinstance(node, tuple):
        return [plain(item) for item in node]
    if isinstance(node, ast.Literal):
        return node.value
    if isinstance(node, ast.Name):
        return f"<{node.name}>"
    if isinstance(node, ast.Member):
        return f"{plain(node.of)[:-1]}.{node.name}>"
    if isinstance(node, ast.Object):
        return {
            member.key if isinstance(member.key, str) else repr(plain(member.key)): plain(member.value)
            for member in node.members
            if isinstance(member, ast.Property)
        }
    if isinstance(node, ast.Array | ast.Template):
        return [plain(item) for item in (node.items if isinstance(node, ast.Array) else ("T", *node.parts))]
    if isinstance(node, ast.Call):
        return {node.name: plain(node.arguments)}
    return node


def attributes(block: Block) -> dict[str, Any]:
    assert list(block.body.faults) == []
    return {name: plain(attribute.expression()) for name, attribute in block.body.attributes.items()}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"resource": {"a": {"b": {}, "c": {}}, "d": {"e": {}}}}, ["resource a b", "resource a c", "resource d e"]),
        ({"data": [{"a": {"b": {}}}, {"a": [{"c": {}}, {"d": {}}]}]}, ["data a b", "data a c", "data a d"]),
        ({"resource": {"a": {"b": [{}, {}]}}}, ["resource a b", "resource a b"]),
        ({"ephemeral": {"a": {"b": {}}}}, ["ephemeral a b"]),
        ([{"variable": {"a": {}}}, {"output": {"b": {}}}], ["variable a", "output b"]),
        ({"provider": {"a": [{"alias": "b"}, {}]}}, ["provider a", "provider a"]),
        ({"module": {"a": {"source": "./a"}}, "check": {"b": {}}}, ["module a", "check b"]),
        ({"terraform": {}, "locals": {"a": 1}, "moved": [{}, {}]}, ["terraform", "locals", "moved", "moved"]),
        ({"import": {}, "removed": {}}, ["import", "removed"]),
        ({"//": "a comment", "resource": {"//": 1, "a": {"//": {}, "b": {"//": "c"}}}}, ["resource a b"]),
        ({"resource": None, "data": {"a": None}}, []),
        ({}, []),
        ([], []),
    ],
)
def test_blocks_are_read_from_nested_objects(value: Any, expected: list[str]) -> None:
    assert names(parsed(value).body.blocks) == expected


def test_nested_blocks_are_recognized_by_their_names() -> None:
    lifecycle = {"precondition": [{"condition": True}, {"condition": False}], "ignore_changes": ["tags", "a[0].b"]}
    resource = {
        "name": "kv${var.a}",
        "network_acls": {"bypass": "None"},
        "lifecycle": lifecycle,
        "provisioner": [{"local-exec": {"command": "x"}}],
        "connection": {"host": "h"},
        "dynamic": {"a": {"for_each": "${var.b}", "content": {"x": 1, "dynamic": {"b": {"content": {}}}}}},
    }
    terraform = {"required_providers": {"p": {"source": "q"}}, "backend": {"s": {}}, "cloud": {"workspaces": {}}}
    file = parsed({"resource": {"a": {"b": resource}}, "terraform": terraform, "check": {"c": {"assert": {}}}})
    vault, root, check = file.body.blocks
    assert names(vault.body.blocks) == ["lifecycle", "provisioner local-exec", "connection", "dynamic a"]
    assert attributes(vault) == {"name": ["T", "kv", "<var.a>"], "network_acls": {"bypass": "None"}}
    assert names(vault.body.blocks[0].body.blocks) == ["precondition", "precondition"]
    dynamic = vault.body.blocks[3]
    assert attributes(dynamic) == {"for_each": "<var.b>"}
    assert attributes(dynamic.body.blocks[0]) == {"x": 1}
    assert names(dynamic.body.blocks[0].body.blocks) == ["dynamic b"]
    assert names(root.body.blocks) == ["required_providers", "backend s", "cloud"]
    assert attributes(root.body.blocks[0]) == {"p": {"source": "q"}}
    assert names(root.body.blocks[2].body.blocks) == ["workspaces"]
    assert names(check.body.blocks) == ["assert"]


def test_texts_are_templates_literals_or_references() -> None:
    text = "${upper(var.a)}-$${b} %%{c} \\n"
    file = parsed({
        "locals": {"a": text, "b": [text], "c": {"${var.x}": 1, "$${y}": None}, "d": 1.5, "e": "%{ if a }b%{ endif }"},
        "variable": {"v": {"type": "list(string)", "default": {"x": text}, "description": "d"}},
        "module": {"m": {"source": "./m", "providers": {"p": "p.west"}, "depends_on": ["a.b"], "x": "a.b"}},
        "resource": {"r": {"s": {"provider": "p.west", "depends_on": ["${a.b}"]}}},
    })  # fmt: skip
    local, variable, module, resource = file.body.blocks
    found = attributes(local)
    template = ["T", {"upper": ["<var.a>"]}, "-${b} %{c} \\n"]
    assert found["a"] == template
    assert found["b"] == [template]
    assert found["c"] == {"'<var.x>'": 1, "${y}": None}
    assert found["d"] == 1.5
    assert isinstance(found["e"], ast.Conditional)
    assert attributes(variable) == {"type": {"list": ["<string>"]}, "default": {"x": text}, "description": "d"}
    assert attributes(module) == {"source": "./m", "providers": {"p": "<p.west>"}, "depends_on": ["<a.b>"], "x": "a.b"}
    assert attributes(resource) == {"provider": "<p.west>", "depends_on": ["<a.b>"]}


@pytest.mark.parametrize("options", [{}, {"variables": True}])
def test_files_of_variables_are_literal(options: dict[str, bool]) -> None:
    file = parsed({"a": "${b}", "c": {"d": ["%{e"]}, "provider": "f"}, **options)
    found = {name: plain(attribute.expression()) for name, attribute in file.body.attributes.items()}
    assert found == {"a": "${b}", "c": {"d": ["%{e"]}, "provider": "f"}
    assert parsed({"locals": {"a": 1}}, variables=True).body.blocks == []


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_nodes_have_their_positions(ends: str, mark: str) -> None:
    lines = ["{", '  "resource": {"a": {"b": {', '    "x": [{"y": "é${z.w}"}],', '    "//": "no"', "  }}}", "}"]
    text = mark + ends.join(lines)
    file = parse_json_file(text)
    (block,) = file.body.blocks
    assert text[block.start : block.head] == '"b"'
    assert text[block.brace : block.end].startswith("{" + ends)
    assert text[block.end - 1 : block.end + 2] == "}}}"
    attribute = block.body.attributes["x"]
    assert text[attribute.start : attribute.end] == '"x": [{"y": "é${z.w}"}]'
    assert text[attribute.value_start : attribute.end] == '[{"y": "é${z.w}"}]'
    assert [text[start:end] for start, end in file.comments] == ['"//": "no"']
    node = attribute.expression()
    assert isinstance(node, ast.Array)
    assert text[node.start : node.end].startswith('"x"')
    (inner,) = node.items
    assert isinstance(inner, ast.Object)
    (member,) = inner.members
    assert isinstance(member, ast.Property)
    template = member.value
    assert isinstance(template, ast.Template)
    for part in (member, template, *template.parts):
        assert text[part.start : part.end].startswith('"y"')


def test_repeated_arguments_are_errors_and_repeated_blocks_are_not() -> None:
    text = '{"locals": {"a": 1, "b": 2, "a": 3}, "resource": {"a": {"b": {"c": 1}, "b": {"c": 2}}, "a": {"d": {}}}}'
    local, *resources = parse_json_file(text).body.blocks
    # Terraform rejects a repeated argument. A repeated block is another block.
    assert [(fault.message, fault.at) for fault in local.body.faults] == [(REPEATED, text.index('"a": 3'))]
    assert list(local.body.attributes) == ["b", "a"]
    assert text[local.body.attributes["a"].value_start] == "3"
    assert names(resources) == ["resource a b", "resource a b", "resource a d"]
    assert [attributes(block) for block in resources] == [{"c": 1}, {"c": 2}, {}]


@pytest.mark.parametrize(
    ("text", "message", "at"),
    [
        ("", "invalid JSON: expected a value, found the end of the file", 0),
        ("{", "invalid JSON: expected a key in double quotes, found the end of the file", 1),
        ('{"a"}', "invalid JSON: expected `:`, found `}`", 4),
        ('{"a": }', "invalid JSON: expected a value, found `}`", 6),
        ('{"a": hunter2}', "invalid JSON: expected a value, found a name", 6),
        ('{"a": 1 "b": 2}', "invalid JSON: expected `,` or `}`, found a string", 8),
        ('{"a": 1,}', "invalid JSON: expected a key in double quotes, found `}`", 8),
        ("[1, ]", "invalid JSON: expected a value, found `]`", 4),
        ('{"a": "b', "invalid JSON: this string is not closed", 6),
        ('{"a": "\n"}', "invalid JSON: a string contains a control character", 7),
        ('{"a": "\\q"}', "invalid JSON: this character cannot be escaped with a backslash", 7),
        ("{} {}", "invalid JSON: expected the end of the file, found `{`", 3),
        ('{"a": 1e999}', "invalid JSON: this number is too large", 6),
        ("1", "expected an object, or an array of objects", 0),
        ("[1]", "expected an object", 1),
        ('{"resource": {"a": "b"}}', "expected an object, or an array of objects", 19),
        ('{"resource": {"a": {"b": 1}}}', "expected an object, or an array of objects", 25),
    ],
)
def test_invalid_json_has_a_message_and_a_position(text: str, message: str, at: int) -> None:
    assert list(parse_json_file(text).faults) == [ast.Fault(message, at)]


def test_syntax_error_in_a_string_is_at_the_string() -> None:
    text = '{"locals": {"a": ["${b c}"], "d": "${e}"}}'
    (block,) = parse_json_file(text).body.blocks
    attribute = block.body.attributes["a"]
    assert attribute.expression() is None
    assert attribute.fault == ast.Fault("expected `}`, found a name", text.index('"${b'))
    assert plain(block.body.attributes["d"].expression()) == "<e>"
