"""Expressions of Terraform's language: what the tree says of them, and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from azkvlint.syntax import ast
from azkvlint.syntax.hcl.expressions import parse_template
from azkvlint.syntax.hcl.parse import parse_file
from azkvlint.util.errors import InputError


def value(text: str) -> ast.Expression:
    file = parse_file(f"a = {text}\n")
    assert file.faults == []
    attribute = file.body.attributes["a"]
    node = attribute.expression()
    assert node is not None, attribute.fault
    return node


def fault(text: str) -> ast.Fault:
    """What is wrong with an expression, by its own offsets."""
    file = parse_file(f"a = {text}\n")
    assert file.faults == []
    attribute = file.body.attributes["a"]
    assert attribute.expression() is None
    assert attribute.fault is not None
    return ast.Fault(attribute.fault.message, attribute.fault.at - 4)


def listed(nodes: tuple[Any, ...]) -> str:
    return ", ".join(map(spelled, nodes))


def loop(node: ast.Comprehension) -> str:
    variables = f"{node.key}, {node.value}" if node.key else node.value
    result = f"{spelled(node.name)} => {spelled(node.result)}" if node.name else spelled(node.result)
    condition = f" if {spelled(node.condition)}" if node.condition else ""
    return f"<for {variables} in {spelled(node.over)}: {result}{'...' * node.grouped}{condition}>"


_SPELLINGS: dict[type, Callable[[Any], str]] = {
    ast.Literal: lambda node: repr(node.value),
    ast.Name: lambda node: str(node.name),
    ast.Template: lambda node: f"T({' '.join(map(spelled, node.parts))})",
    ast.Member: lambda node: f"{spelled(node.of)}.{node.name}",
    ast.Item: lambda node: f"{spelled(node.of)}[{spelled(node.index)}]",
    ast.Splat: lambda node: f"S({spelled(node.of)}: {spelled(node.each)})",
    ast.Call: lambda node: f"{node.name}({listed(node.arguments)}{'...' * node.spread})",
    ast.Unary: lambda node: f"({node.operator}{spelled(node.operand)})",
    ast.Binary: lambda node: f"({spelled(node.left)} {node.operator} {spelled(node.right)})",
    ast.Conditional: lambda node: f"({spelled(node.condition)} ? {spelled(node.yes)} : {spelled(node.no)})",
    ast.Array: lambda node: f"[{listed(node.items)}]",
    ast.Object: lambda node: f"{{{listed(node.members)}}}",
    ast.Property: lambda node: (
        f"{node.key if isinstance(node.key, str) else '(' + spelled(node.key) + ')'}: {spelled(node.value)}"
    ),
    ast.Comprehension: loop,
}


def spelled(node: Any) -> str:
    """The tree in one line: every operator in parentheses."""
    return _SPELLINGS[type(node)](node)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", "1"),
        ("-5", "-5"),
        ("1.5", "1.5"),
        ("1e3", "1000"),
        ("1.5e+2", "150"),
        ("true", "True"),
        ("null", "None"),
        ("nullable", "nullable"),
        ("a-b", "a-b"),
        ("ñ.é", "ñ.é"),
        ('a.b["c"][0].d', "a.b['c'][0].d"),
        ("a.0.b", "a[0].b"),
        ("a . b [ 0 ]", "a.b[0]"),
        ('a["b${c}"]', "a[T('b' c)]"),
        ("a[b.c]", "a[b.c]"),
        ("a[count.index + 1].b", "a[(count.index + 1)].b"),
        ("(a).b", "a.b"),
        ("(a + b).c", "(a + b).c"),
        ("f(a)[0].b", "f(a)[0].b"),
        ("[a, b][0]", "[a, b][0]"),
        ("{ a = 1 }.a", "{a: 1}.a"),
    ],
)
def test_values_and_accesses_are_parsed(text: str, expected: str) -> None:
    assert spelled(value(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a && b || c == d + 1 * 2", "((a && b) || (c == (d + (1 * 2))))"),
        ("a - b - c", "((a - b) - c)"),
        ("a < b == c >= d", "((a < b) == (c >= d))"),
        ("5-3", "(5 - 3)"),
        ("5 -3", "(5 - 3)"),
        ("5 - -3", "(5 - -3)"),
        ("-a.b + c", "((-a.b) + c)"),
        ("!a.b == c", "((!a.b) == c)"),
        ("!!a", "(!(!a))"),
        ("- -1", "(-(-1))"),
        ("!-!a[0]", "(!(-(!a[0])))"),
        ("a ? b : c ? d : e", "(a ? b : (c ? d : e))"),
        ("a == 1 ? b : c + 1", "((a == 1) ? b : (c + 1))"),
        ("a ? b ? 1 : 2 : 3", "(a ? (b ? 1 : 2) : 3)"),
        ("(a ? b : c) + 1", "((a ? b : c) + 1)"),
        ("(\n  a\n  - b\n)", "(a - b)"),
        ("[1\n - 2]", "[(1 - 2)]"),
        ("a /* one */ + /* two */ b", "(a + b)"),
        ("(a # one\n + b)", "(a + b)"),
        ("a/b", "(a / b)"),
        ("a<b", "(a < b)"),
    ],
)
def test_operators_are_parsed(text: str, expected: str) -> None:
    assert spelled(value(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f()", "f()"),
        ("f (a, 1)", "f(a, 1)"),
        ("f(\n  a,\n  b,\n)", "f(a, b)"),
        ("f(a, b...)", "f(a, b...)"),
        ("f((a) + b, (c))", "f((a + b), c)"),
        ("f(g(1), h(2))", "f(g(1), h(2))"),
        ("f(a ? b : c, !d)", "f((a ? b : c), (!d))"),
        ("provider::time::parse(x)", "provider::time::parse(x)"),
        ('core::upper("x")', "core::upper('x')"),
        ("f(<<E\nx\nE\n, 2)", "f('x\\n', 2)"),
        ("[for x in y : x]", "<for x in y: x>"),
        ("[for k, v in y : k if v != null]", "<for k, v in y: k if (v != None)>"),
        ("[for x in y : x ? 1 : 2]", "<for x in y: (x ? 1 : 2)>"),
        ("[for x in a ? b : c : x]", "<for x in (a ? b : c): x>"),
        ("{for k, v in y : k => v}", "<for k, v in y: k => v>"),
        ("{\n  for k, v in y :\n  k => v...\n  if v\n}", "<for k, v in y: k => v... if v>"),
        ("{for k in y : k.a => [for l in k : l]}", "<for k in y: k.a => <for l in k: l>>"),
        ("[for in_x in y : in_x]", "<for in_x in y: in_x>"),
        ("[format]", "[format]"),
    ],
)
def test_calls_and_for_expressions_are_parsed(text: str, expected: str) -> None:
    assert spelled(value(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a[*]", "S(a: *)"),
        ("a[*].b[0]", "S(a: *.b[0])"),
        ("a.*.b[0]", "S(a: *.b)[0]"),
        ("a.*.b.0.c", "S(a: *.b[0].c)"),
        ("a.*.b[0].c", "S(a: *.b)[0].c"),
        ("a[*].b[*].c", "S(a: S(*.b: *.c))"),
        ("a[*][*].b", "S(a: S(*: *.b))"),
        ("a.*.b[*].c", "S(S(a: *.b): *.c)"),
        ("a[*].b.*.c", "S(a: S(*.b: *.c))"),
        ("a[ * ][ x + 1 ]", "S(a: *[(x + 1)])"),
        ("f(a)[*].b", "S(f(a): *.b)"),
        ("f(a[*]...)", "f(S(a: *)...)"),
    ],
)
def test_splats_are_parsed(text: str, expected: str) -> None:
    assert spelled(value(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", "[]"),
        ("[ # none\n]", "[]"),
        ("[1, a.b, [2],\n # one\n 3, ]", "[1, a.b, [2], 3]"),
        ("{}", "{}"),
        ("{ a = 1, b: 2 }", "{a: 1, b: 2}"),
        ("{\n  a = 1 # one\n\n  // two\n  b = 2,\n}", "{a: 1, b: 2}"),
        ('{ "a b" = 1, "a${b}" = 2, (c) = 3, ("d") = 4 }', "{a b: 1, (T('a' b)): 2, (c): 3, ('d'): 4}"),
        ("{ true = 1, null = 2, 3 = 4 }", "{true: 1, null: 2, (3): 4}"),
        ("{ in = 1, if = 2 }", "{in: 1, if: 2}"),
        ("{ a = b ? c : d, e = [f] }", "{a: (b ? c : d), e: [f]}"),
        ("[{\n a = 1\n b = 2 }]", "[{a: 1, b: 2}]"),
    ],
)
def test_tuples_and_objects_are_parsed(text: str, expected: str) -> None:
    assert spelled(value(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('""', "''"),
        (r'"a\n\t\"\\\u00e9\U0001F600"', repr('a\n\t"\\é😀')),
        ('"$${a} %%{b} $c 5% $"', repr("${a} %{b} $c 5% $")),
        ('"${a}"', "a"),
        ('"${a.b}"', "a.b"),
        ('"${ a }-${b}"', "T(a '-' b)"),
        ('"x${f("y", "${z}")}"', "T('x' f('y', z))"),
        ('"x${a ? "y" : "z"}"', "T('x' (a ? 'y' : 'z'))"),
        ('"x${\n  a\n}"', "T('x' a)"),
        ('"a ${~ b ~} c"', "T('a' b 'c')"),
        ('"${~ b ~}"', "b"),
        ('" ${~ b}"', "T(b)"),
        ('"%{ if a }b%{ endif }"', "(a ? 'b' : '')"),
        ('"%{ if a }b%{ else }c${d}%{ endif }"', "(a ? 'b' : T('c' d))"),
        ('"x%{ if a ~} b %{~ endif } y"', "T('x' (a ? 'b' : '') ' y')"),
        ('"%{ for k, v in a }${k}=${v}%{ endfor }"', "join('', <for k, v in a: T(k '=' v)>)"),
        ('"%{ for v in a }${v}%{ endfor }"', "join('', <for v in a: T(v)>)"),
        ('"%{ if a }%{ if b }c%{ endif }%{ endif }"', "(a ? (b ? 'c' : '') : '')"),
    ],
)
def test_strings_are_parsed(text: str, expected: str) -> None:
    assert spelled(value(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<<E\na\n b\nE", repr("a\n b\n")),
        ("<<E\nE", "''"),
        ("<<E\r\na\r\nE\r", repr("a\r\n")),
        ("<<_E-1\na\n  _E-1  ", repr("a\n")),
        ('<<E\n\\n "${a}" $${b}\nE', "T('\\\\n \"' a '\" ${b}\\n')"),
        ("<<E\n${a}\nE", "T(a '\\n')"),
        ("<<-E\n    a\n      b\n\n    c\n    E", repr("a\n  b\n\nc\n")),
        ("<<-E\n    a\n  ${b}\n  E", "T('  a\\n' b '\\n')"),
        ("<<-E\n  a\n${b}\n  E", "T('  a\\n' b '\\n')"),
        (
            "<<E\n%{ for a in b ~}\n  x${a}\n%{ endfor ~}\nend\nE",
            "T(join('', <for a in b: T('  x' a '\\n')>) 'end\\n')",
        ),
        ("<<E\n<<F\nE", repr("<<F\n")),
    ],
)
def test_heredocs_are_parsed(text: str, expected: str) -> None:
    assert spelled(value(text)) == expected


def all_nodes(node: Any) -> list[ast.Node]:
    if isinstance(node, tuple):
        return [found for item in node for found in all_nodes(item)]
    if not isinstance(node, ast.Node):
        return []
    return [node, *(found for name in node.__struct_fields__[2:] for found in all_nodes(getattr(node, name)))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a.b["c"]', ['a.b["c"]', "a.b", "a", '"c"']),
        ("(a) + b * (c) # d", ["(a) + b * (c)", "a", "b * (c)", "b", "c"]),
        ("!!a", ["!!a", "!a", "a"]),
        ("f(a, -1)", ["f(a, -1)", "a", "-1"]),
        ("[ a , 1 ]", ["[ a , 1 ]", "a", "1"]),
        ("{ a = 1 , b = (c) }", ["{ a = 1 , b = (c) }", "a = 1", "1", "b = (c)", "c"]),
        ('"a${b}c"', ['"a${b}c"', "a", "b", "c"]),
        ("a[*].b", ["a[*].b", "a", "[*].b", "[*]"]),
        ("(a).*.b[0]", ["(a).*.b[0]", "(a).*.b", "a", ".*.b", ".*", "0"]),
        ("[for x in y : z]", ["[for x in y : z]", "y", "z"]),
        ("<<E\nx${a}\nE", ["<<E\nx${a}\nE", "x", "a", "\n"]),
        ('"%{ if a }b%{ endif }"', ["%{ if a }b%{ endif }", "a", "b", ""]),
    ],
)
def test_every_node_has_its_position(text: str, expected: list[str]) -> None:
    whole = f"a = {text}"
    assert [whole[node.start : node.end] for node in all_nodes(value(text))] == expected


@pytest.mark.parametrize(
    ("text", "message", "at"),
    [
        ("", "expected an expression, found the end of the line", 0),
        ("1 b = 2", "expected the end of the line, found a name", 2),
        ("1,", "expected the end of the line, found `,`", 1),
        ("${a}", "expected an expression, found `$`", 0),
        ("a +", "expected an expression, found the end of the line", 3),
        ("a ? b", "expected `:`, found the end of the line", 5),
        ("a ? b + c ? d : e", "expected `:`, found the end of the line", 17),
        ("a : b", "expected the end of the line, found `:`", 2),
        ("a & b", "expected the end of the line, found `&`", 2),
        ("a == == b", "expected an expression, found `==`", 5),
        ("'a'", "expected an expression, found `'` (strings have double quotes)", 0),
        ("f(1 2)", "expected `,` or `)`, found a number", 4),
        ("f(...)", "expected an expression, found `.`", 2),
        ("f(1,,2)", "expected an expression, found `,`", 4),
        ("f(a..., b)", "expected `)`, found `,`", 6),
        ("(a)(b)", "expected the end of the line, found `(`", 3),
        ('"${a}"(b)', "expected the end of the line, found `(`", 6),
        ("a.b(c)", "expected the end of the line, found `(`", 3),
        ("(a)::b(c)", "expected the end of the line, found `:`", 3),
        ("a::b", "expected `(` after the function name, found the end of the line", 4),
        ("a.", "expected a name after `.`, found the end of the line", 2),
        ("{ a = 1 b = 2 }", "expected a new line, `,` or `}`, found a name", 8),
        ("{ a }", "expected `=` after a key, found `}`", 4),
        ("[1 2]", "expected `,` or `]`, found a number", 3),
        ("[for x in y : k => x]", "expected `if` or `]`, found `=>`", 16),
        ("[for x in y : x...]", "expected `if` or `]`, found `.`", 15),
        ("[for x, y, z in a : x]", "expected `in`, found `,`", 9),
        ("[for x of y : x]", "expected `in`, found a name", 7),
        ("[for 1 in y : x]", "expected a name, found a number", 5),
        ("[for x in y : x if a if b]", "expected `]`, found a name", 21),
        ("{for x in y : x}", "expected `=>`, found `}`", 15),
        ("{for x in y : x => 1 z}", "expected `if` or `}`, found a name", 21),
        ('"${}"', "expected an expression, found `}`", 3),
        ('"${a b}"', "expected `}`, found a name", 5),
        (r'"\q"', "this character cannot be escaped with a backslash", 1),
        (r'"\ud800"', "this escape is not a Unicode character", 1),
        ('"%{ else }"', "unexpected `else`", 1),
        ('"%{ if a }%{ endfor }"', "unexpected `endfor`", 10),
        ('"%{ if a }"', "`if` is not closed", 1),
        ('"%{ hunter2 }"', "expected `if`, `else`, `endif`, `for` or `endfor`, found a name", 4),
        ('"%{ for x of y }%{ endfor }"', "expected `in`, found a name", 10),
        ("1e999", "this number is too large", 0),
        ("9" * 500, "this number is too long", 0),
    ],
)
def test_invalid_expression_has_a_message_and_a_position(text: str, message: str, at: int) -> None:
    assert fault(text) == ast.Fault(message, at)


def test_an_expression_is_read_once() -> None:
    attribute = parse_file("a = [b]").body.attributes["a"]
    assert attribute.expression() is attribute.expression()


def test_a_template_file_is_one_expression() -> None:
    text = "a ${b}\n%{ for c in d ~}\n - ${c}\\n\n%{ endfor }"
    expected = r"T('a ' b '\n' join('', <for c in d: T(' - ' c '\\n\n')>))"
    assert spelled(parse_template(text)) == expected
    assert spelled(parse_template("\ufeff${a}")) == "a"
    assert spelled(parse_template("")) == "''"


def test_invalid_template_file_has_a_position() -> None:
    with pytest.raises(InputError) as caught:
        parse_template("first\n${ a b }")
    assert (caught.value.message, caught.value.line, caught.value.column) == (
        "invalid template: expected `}`, found a name", 2, 6,
    )  # fmt: skip
