"""ARM template expressions as trees."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from azkvlint.syntax.arm_expression import MAX_DEPTH, MAX_LENGTH, is_expression, parse_expression, unescaped
from azkvlint.syntax.ast import Call, Expression, Item, Literal, Member
from azkvlint.util.errors import InputError


def shown(node: Expression) -> str:
    """The tree as an expression again, without blanks."""
    match node:
        case Literal(value=str() as text):
            return "'" + text.replace("'", "''") + "'"
        case Literal(value=value):
            return str(value)
        case Member(of=of, name=name):
            return f"{shown(of)}.{name}"
        case Item(of=of, index=index):
            return f"{shown(of)}[{shown(index)}]"
        case Call(name=name, arguments=arguments):
            return f"{name}({','.join(map(shown, arguments))})"
    raise AssertionError(node)


def spans(node: Expression) -> list[tuple[int, int]]:
    below: tuple[Expression, ...] = ()
    match node:
        case Member(of=of):
            below = (of,)
        case Item(of=of, index=index):
            below = (of, index)
        case Call(arguments=arguments):
            below = arguments
    return [(node.start, node.end), *(span for part in below for span in spans(part))]


@pytest.mark.parametrize(
    "text",
    [
        "''",
        "'a''b'",
        "''''",
        "'line\nbreak'",
        "1",
        "-12",
        "1.5",
        "resourceGroup().location",
        "parameters('a')",
        "PARAMETERS('a').b.c[0]['d e'].f",
        "concat('a',variables('b'),string(3),'/')",
        "contoso.fn(1)",
        "__bicep.fn('x')[parameters('i')].y",
        "if(equals(a(),b()),null(),true())",
        "map(range(0,3),lambda('i',lambdaVariables('i')))",
        "a().$schema._b2",
        "a()[b()[c()[0]]]",
    ],
)
def test_expressions_are_parsed(text: str) -> None:
    assert shown(parse_expression(text)) == text


def test_blanks_are_allowed_everywhere() -> None:
    text = " \r\n concat ( 'a b' ,\tcontoso . fn ( ) . x [ 0 ] ) \n"
    assert shown(parse_expression(text)) == "concat('a b',contoso.fn().x[0])"


def test_tree_has_offsets() -> None:
    assert parse_expression(" f('a', -1).b[0]") == Item(
        1,
        16,
        Member(1, 13, Call(1, 11, "f", (Literal(3, 6, "a"), Literal(8, 10, -1))), "b"),
        Literal(14, 15, 0),
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [("+5", 5), ("-0", 0), ("1e3", 1000.0), ("-1.50", -1.5), (str(2**63 - 1), 2**63 - 1), (str(-(2**63)), -(2**63))],
)
def test_numbers_are_parsed(text: str, value: float) -> None:
    node = parse_expression(text)
    assert isinstance(node, Literal)
    assert node.value == value
    assert type(node.value) is type(value)


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("", "expected a function call, a string in single quotes or a number, found the end", 1),
        ("  ", "expected a function call, a string in single quotes or a number, found the end", 3),
        ("true", "expected `(` after the name, found the end", 5),
        ("a.b.c()", "expected `(` after the name, found `(`", 6),
        ("hunter2 x", "expected `(` after the name, found a name", 9),
        ("f(", "expected a function call, a string in single quotes or a number, found the end", 3),
        ("f(,)", "expected a function call, a string in single quotes or a number, found `,`", 3),
        ("f(1,)", "expected a function call, a string in single quotes or a number, found `)`", 5),
        ("f(1", "expected `,` or `)`, found the end", 4),
        ("f(1 2)", "expected `,` or `)`, found a number", 5),
        ("f(1]", "expected `,` or `)`, found `]`", 4),
        ("f()[]", "expected a function call, a string in single quotes or a number, found `]`", 5),
        ("f()[)", "expected a function call, a string in single quotes or a number, found `)`", 5),
        ("f()[0", "expected `]`, found the end", 6),
        ("f()[0,1]", "expected `]`, found `,`", 6),
        ("f()(", "expected the end of the expression, found `(`", 4),
        ("f())", "expected the end of the expression, found `)`", 4),
        ("f().", "expected a name after `.`, found the end", 5),
        ("f().'x'", "expected a name after `.`, found a string", 5),
        ("f().?x", "expected a name after `.`, found `?`", 5),
        ("'a'.b", "expected the end of the expression, found `.`", 4),
        ("f('a'[0])", "expected `,` or `)`, found `[`", 6),
        ("f('a", "the string has no closing quote", 3),
        ('f("a")', 'expected a function call, a string in single quotes or a number, found `"`', 3),
        ("a + b", "expected `(` after the name, found `+`", 3),
        ("12x", "expected a function call, a string in single quotes or a number, found a number", 1),
        ("9999999999999999999", "the number is out of range", 1),
        ("f(1e999)", "the number is out of range", 3),
        ("1" * 10_000, "the number is out of range", 1),
        ("f(\u00a7)", "expected a function call, a string in single quotes or a number, found another character", 3),
    ],
)
def test_syntax_errors_have_an_expected_token_and_a_column(text: str, message: str, column: int) -> None:
    with pytest.raises(InputError) as caught:
        parse_expression(text)
    assert (caught.value.message, caught.value.column) == (message, column)


@pytest.mark.parametrize(
    "text", ["[hunter2]", "f('hunter2'", "f(hunter2)", "'hunter2", "f().hunter2 hunter2", "f(hunter2.)"]
)
def test_messages_contain_no_text_of_the_expression(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_expression(text)
    assert "hunter" not in caught.value.message


def test_the_length_is_azures_own() -> None:
    parse_expression("'" + "x" * (MAX_LENGTH - 2) + "'")
    with pytest.raises(InputError, match="24,577 characters; Azure allows 24,576"):
        parse_expression("'" + "x" * (MAX_LENGTH - 1) + "'")


@pytest.mark.parametrize(
    ("start", "middle", "end"),
    [("f(", "1", ")"), ("", "f()", ".a"), ("", "f()", "[0]"), ("f()[", "1", "]"), ("", "f()", ".a[g()]")],
)
def test_trees_have_a_limit_of_height(start: str, middle: str, end: str) -> None:
    parse_expression(start * 49 + middle + end * 49)
    with pytest.raises(InputError, match=f"nested deeper than {MAX_DEPTH} levels"):
        parse_expression(start * 101 + middle + end * 101)


def test_chains_within_calls_are_part_of_the_limit() -> None:
    chain = "f(" * 10 + "g()" + ".a" * 60 + ")" * 10
    parse_expression(chain)
    with pytest.raises(InputError, match="nested deeper"):
        parse_expression(chain + ".b" * 60)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a()]", True),
        ("[]", True),
        ("[a()\n]", True),
        ("[[a()]", False),
        ("[a()", False),
        ("[a()] ", False),
        (" [a()]", False),
        ("[a] b", False),
        ("[", False),
        ("]", False),
        ("", False),
        ("x", False),
        ("[[]]", False),
    ],
)
def test_is_expression(text: str, expected: bool) -> None:
    assert is_expression(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[a]", "[a]"),
        ("[[[a]]", "[[a]]"),
        ("[[]", "[]"),
        ("[[a", "[[a"),
        ("[a", "[a"),
        ("[a] b", "[a] b"),
        ("", ""),
        ("a]", "a]"),
    ],
)
def test_escaped_brackets_are_unescaped(text: str, expected: str) -> None:
    assert unescaped(text) == expected


PIECES = st.sampled_from([*"()[].,' \n-+1aé$_?\"😀", "f(", "g()", "''", "'x'", ".b", "[0]", "1.5", "\ud800"])


@given(st.text() | st.lists(PIECES, max_size=30).map("".join))
@example("((((((((")
@example("\u0661()")
@example("f()\u0661")
def test_arbitrary_text_is_a_tree_or_an_input_error(text: str) -> None:
    is_expression(text)
    unescaped(text)
    column = None
    try:
        node = parse_expression(text)
    except InputError as error:
        column = error.column or 0
    if column is not None:
        assert 1 <= column <= len(text) + 1
    else:
        assert all(0 <= start < end <= len(text) for start, end in spans(node))
        assert shown(parse_expression(shown(node))) == shown(node)


TREES = st.recursive(
    st.text(max_size=5).map(lambda text: Literal(0, 0, text))
    | st.integers(-9, 9).map(lambda number: Literal(0, 0, number)),
    lambda parts: st.builds(
        lambda name, arguments: Call(0, 0, name, tuple(arguments)),
        st.sampled_from(["f", "concat", "contoso.fn"]),
        st.lists(parts, max_size=3),
    ).flatmap(lambda call: st.sampled_from([call, Member(0, 0, call, "m"), Item(0, 0, call, Literal(0, 0, "i"))])),
    max_leaves=10,
)


@given(TREES)
def test_reads_back_every_tree(tree: Expression) -> None:
    text = shown(tree)
    node = parse_expression(text)
    assert shown(node) == text
    assert (node.start, node.end) == (0, len(text))


def test_hostile_text_takes_no_time() -> None:
    for text in ("f" * MAX_LENGTH, "'" * (MAX_LENGTH - 1), "a." * (MAX_LENGTH // 2), " " * MAX_LENGTH, "f() " * 6_000):
        with pytest.raises(InputError):
            parse_expression(text)
