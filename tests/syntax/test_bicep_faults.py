"""What is wrong with a Bicep file: one fault a declaration."""

from __future__ import annotations

import pytest

from azkvlint.syntax import ast
from azkvlint.syntax.bicep.parse import MAX_FAULTS, parse


@pytest.mark.parametrize(
    ("text", "message", "at"),
    [
        ("foo", "expected a declaration", 0),
        ("param x ?", "expected a type, found `?`", 8),
        ("param x", "expected a type, found the end of the file", 7),
        ("var x =", "expected an expression, found the end of the file", 7),
        ("var x = 'a", "this string is not closed on its line", 8),
        ("var x = '''a", "this string is not closed", 8),
        ("var x = '\\q'", r"expected one of the escapes `\n`, `\r`, `\t`, `\\`, `\'`, `\$` or `\u{...}`", 9),
        ("var x = '\\u{110000}'", "this escape is not a Unicode character", 9),
        ("var x = 99999999999999999999", "this number is too large", 8),
        ("var x = 1.5", "expected the end of the line, found `.`", 9),
        ("var x = [1 2]", "expected a new line, `,` or `]`, found a number", 11),
        ("var x = {\n  a: 1 hunter2\n}", "expected a new line, `,` or `}`, found a name", 17),
        ("var x = (1, 2)", "expected one expression in these parentheses", 8),
        ("var x = (1) => 2", "expected only names before `=>`", 8),
        ("var x = f(1,)", "expected an expression, found `)`", 12),
        ("var x = a.?b()", "a function cannot be called with `.?`", 10),
        ("resource a 'b' = []", "expected a loop, found an array", 17),
        ("resource a 'b' = {\n  @c()\n  d: 1\n}", "expected a resource after decorators in an object, found `@`", 21),
        ("@secure\nparam a string", "expected `(` after the decorator name", 1),
        ("var a = 1\n/* b", "this comment is not closed", 10),
        ("var a = \x00", "expected an expression, found a control character", 8),
        ("type a = '${b}'", "a string type cannot contain an expression", 9),
    ],
)  # fmt: skip
def test_syntax_errors_have_a_message_and_a_position(text: str, message: str, at: int) -> None:
    assert parse(text).faults[0] == ast.Fault(message, at)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_syntax_error_affects_one_declaration(ends: str) -> None:
    lines = [
        "var a = 1",
        "resource b 'c' = {",
        "  d: [",
        "param e string",
        "var f = = 2",
        "  ]",
        "@secure()",
        "param g string",
    ]
    parsed = parse(ends.join(lines))
    assert [getattr(node, "name", "") for node in parsed.declarations] == ["a", "e", "g"]
    assert len(parsed.faults) == 2


def test_faults_are_counted_only_up_to_a_limit() -> None:
    assert len(parse("var\n" * (MAX_FAULTS + 50)).faults) == MAX_FAULTS
