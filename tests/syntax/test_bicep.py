"""Expressions and types of Bicep: what the tree says of them, and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from azkvlint.syntax import ast
from azkvlint.syntax.bicep.parse import parse


def value(text: str) -> ast.Expression:
    parsed = parse(f"var x = {text}")
    assert parsed.faults == ()
    (variable,) = parsed.declarations
    assert isinstance(variable, ast.Variable)
    return variable.value


def listed(nodes: tuple[Any, ...]) -> str:
    return ", ".join(map(spelled, nodes))


_SPELLINGS: dict[type, Callable[[Any], str]] = {
    ast.Literal: lambda node: repr(node.value),
    ast.Name: lambda node: str(node.name),
    ast.Template: lambda node: f"T({' '.join(map(spelled, node.parts))})",
    ast.Member: lambda node: f"{spelled(node.of)}.{'?' * node.safe}{node.name}",
    ast.Nested: lambda node: f"{spelled(node.of)}::{node.name}",
    ast.NotNull: lambda node: f"{spelled(node.of)}!",
    ast.Item: lambda node: f"{spelled(node.of)}[{'?' * node.safe}{'^' * node.from_end}{spelled(node.index)}]",
    ast.Call: lambda node: f"{spelled(node.of) + '.' if node.of else ''}{node.name}({listed(node.arguments)})",
    ast.Unary: lambda node: f"({node.operator}{spelled(node.operand)})",
    ast.Binary: lambda node: f"({spelled(node.left)} {node.operator} {spelled(node.right)})",
    ast.Conditional: lambda node: f"({spelled(node.condition)} ? {spelled(node.yes)} : {spelled(node.no)})",
    ast.Lambda: lambda node: f"({', '.join(node.parameters)} => {spelled(node.body)})",
    ast.Spread: lambda node: f"...{spelled(node.value)}",
    ast.Array: lambda node: f"[{listed(node.items)}]",
    ast.Object: lambda node: f"{{{listed(node.members)}}}",
    ast.Property: lambda node: f"{node.key if isinstance(node.key, str) else spelled(node.key)}: {spelled(node.value)}",
    ast.For: lambda node: f"for {node.item},{node.index} in {spelled(node.over)}: {spelled(node.body)}",
    ast.If: lambda node: f"if {spelled(node.condition)} {spelled(node.body)}",
}


def spelled(node: Any) -> str:
    """The tree in one line: every operator in parentheses."""
    return _SPELLINGS[type(node)](node)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a && b || c == d + 1", "((a && b) || (c == (d + 1)))"),
        ("a ?? b || c", "(a ?? (b || c))"),
        ("a - b - c", "((a - b) - c)"),
        ("a + b * c - d % 2 / -e", "((a + (b * c)) - ((d % 2) / (-e)))"),
        ("a < b == c >= d", "((a < b) == (c >= d))"),
        ("a =~ 'x' && b !~ 'y' && c != d", "(((a =~ 'x') && (b !~ 'y')) && (c != d))"),
        ("(a + b) * c", "((a + b) * c)"),
        ("!a.b!.c", "(!a.b!.c)"),
        ("x!.y", "x!.y"),
        ("x! == y", "(x! == y)"),
        ("x!= y", "(x != y)"),
        ("a ?? b ? c : d", "((a ?? b) ? c : d)"),
        ("a ? b : c ? d : e", "(a ? b : (c ? d : e))"),
        ("a ? b ? c : d : e", "(a ? (b ? c : d) : e)"),
        ("a\n  ? b\n  // why\n  : c", "(a ? b : c)"),
        ("a // why\n  ? b : c", "(a ? b : c)"),
        ("[\n  a\n  // why\n    ? b\n    : c\n  d\n]", "[(a ? b : c), d]"),
        ("{\n  k: a\n    ? b\n    : c\n}", "{k: (a ? b : c)}"),
        ("a[0][?b][^1][?^c].d.?e::f", "a[0][?b][^1][?^c].d.?e::f"),
        ("a.b(c).d('x', [1, 2])", "a.b(c).d('x', [1, 2])"),
        ("f(\n  a,\n  b\n)", "f(a, b)"),
        ("f()", "f()"),
        ("map(a, x => x.b)", "map(a, (x => x.b))"),
        ("map(a, (x, i) =>\n  x + i)", "map(a, (x, i => (x + i)))"),
        ("f(() => 1)", "f(( => 1))"),
        ("[...a, b, ...c ? d : e]", "[...a, b, ...(c ? d : e)]"),
        ("{ ...a\n  b: 1 }", "{...a, b: 1}"),
        ("{ a: 1, 'b c': { }, '${d}e': [] }", "{a: 1, b c: {}, T(d 'e'): []}"),
        ("[for x in y: x]", "for x, in y: x"),
        ("[\n  for (x, i) in range(0, 2): {\n    a: i\n  }\n]", "for x,i in range(0, 2): {a: i}"),
        ("[for x in y: if (x.z) { a: 1 }]", "for x, in y: if x.z {a: 1}"),
        ("{ a: 1 }.a", "{a: 1}.a"),
        ("{\n  a: [1, 2][0]\n  b: {\n    c: 1\n  }.c\n}", "{a: [1, 2][0], b: {c: 1}.c}"),
        ("[\n  [1] == a\n  true\n  null\n]", "[([1] == a), True, None]"),
        ("18446744073709551615", "18446744073709551615"),
        ("{ resource: 1, for: 2, if: 3, null: 4 }", "{resource: 1, for: 2, if: 3, null: 4}"),
        ("{ // why\n  a /* b */ : /* c */ 1 /* d */\n  #disable-next-line x\n  b: 2 }", "{a: 1, b: 2}"),
    ],
)
def test_expressions_are_parsed(text: str, expected: str) -> None:
    assert spelled(value(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("''", ""),
        ("'a b'", "a b"),
        (r"'\n\r\t\\\'\${a}'", "\n\r\t\\'${a}"),
        (r"'\u{41}\u{1F600}\u{0000000042}'", "A\U0001f600B"),
        (r"'\u{D83D}\u{DE00}'", "\U0001f600"),
        (r"'\u{D83D}'", "\ufffd"),
        ("'$a $'", "$a $"),
        ("'''\nline\n  ${no}\\n'''", "line\n  ${no}\\n"),
        ("'''\r\n\r\nline'''", "\r\nline"),
        ("''''''", ""),
        ("'''it''s''''", "it''s'"),
    ],
)
def test_strings_are_parsed(text: str, expected: str) -> None:
    assert value(text) == ast.Literal(8, 8 + len(text), expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'${a}'", "T(a)"),
        ("'${'a'}'", "T('a')"),
        ("'a${b}c${d.e(f)}${g ? 'h' : '${i}'}'", "T('a' b 'c' d.e(f) (g ? 'h' : T(i)))"),
        ("'${{ a: '}' }.a}'", "T({a: '}'}.a)"),
        ("$'''\na ${b} $c $${d}'''", "T('a ' b ' $c $' d)"),
        ("$$'''a ${b} $${c}'''", "T('a ${b} ' c)"),
    ],
)
def test_interpolated_strings_are_parsed(text: str, expected: str) -> None:
    assert spelled(value(text)) == expected


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_every_node_has_its_exact_position(ends: str) -> None:
    lines = [
        "var x = {",
        "  a: 'b'",
        "  c: ( d )",
        "  e: [",
        "    1",
        "    f.g",
        "  ]",
        "  'h i': (j + 1) * k // l",
        "}",
    ]
    text = ends.join(lines)
    (variable,) = parse(text).declarations
    assert isinstance(variable, ast.Variable)
    assert isinstance(variable.value, ast.Object)

    def shown(node: ast.Node) -> str:
        return text[node.start : node.end]

    assert shown(variable) == text
    assert shown(variable.value) == text[8:]
    members = variable.value.members
    array = f"[{ends}    1{ends}    f.g{ends}  ]"
    assert [shown(member) for member in members] == ["a: 'b'", "c: ( d )", f"e: {array}", "'h i': (j + 1) * k"]
    values = [member.value for member in members]
    assert [shown(value) for value in values] == ["'b'", "d", array, "(j + 1) * k"]
    assert isinstance(values[2], ast.Array)
    assert [shown(item) for item in values[2].items] == ["1", "f.g"]


def typed(text: str) -> Any:
    parsed = parse(f"import * as m from 'p'\ntype x = {text}")
    assert parsed.faults == ()
    declaration = parsed.declarations[1]
    assert isinstance(declaration, ast.TypeDeclaration)
    return brief(declaration.type)


def brief(type_: ast.Type) -> Any:
    """A type as a tuple of what its kind needs."""
    of = tuple(map(brief, type_.of))
    match type_.kind:
        case "name":
            return (type_.name, *of)
        case "literal":
            return type_.value
        case "object":
            return {key: brief(field) for key, field in type_.fields}
        case "resource":
            return (type_.kind, type_.name, type_.value)
        case "member":
            return ("member", type_.name, *of)
    return (type_.kind, *of)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("string", ("string",)),
        ("string[]?", ("nullable", ("array", ("string",)))),
        ("'a' | 'b'", ("union", "a", "b")),
        ("| 'a'\n  | 1\n  // why\n  | true", ("union", "a", 1, True)),
        ("('a' | null)[]", ("array", ("union", "a", None))),
        ("-1", -1),
        ("!true", False),
        ("{}", {}),
        ("{ a: int, 'b': bool?\n *: string }", {"a": ("int",), "b": ("nullable", ("bool",)), "*": ("string",)}),
        ("{\n  @secure()\n  a: string\n}", {"a": ("string",)}),
        ("[string, int]", ("tuple", ("string",), ("int",))),
        ("[@minLength(3) string, @secure() @maxLength(2) string]", ("tuple", ("string",), ("string",))),
        ("m.t", ("m.t",)),
        ("sys.string", ("sys.string",)),
        ("m.t.a.*", ("member", "*", ("member", "a", ("m.t",)))),
        ("t.a", ("member", "a", ("t",))),
        ("t[*]", ("member", "*", ("t",))),
        ("t[1]", ("member", "1", ("t",))),
        ("t?!", ("t",)),
        ("resourceInput<'A/b@1'>", ("resource", "resourceInput", "A/b@1")),
        ("sys.resourceInput<'A/b@1'>", ("resource", "resourceInput", "A/b@1")),
        ("resourceOutput<\n  'A/b@1'\n>?", ("nullable", ("resource", "resourceOutput", "A/b@1"))),
        ("resourceInput<'A/b@1'>.sku", ("member", "sku", ("resource", "resourceInput", "A/b@1"))),
    ],
)  # fmt: skip
def test_types_are_parsed(text: str, expected: object) -> None:
    assert typed(text) == expected
