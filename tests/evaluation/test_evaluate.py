"""The evaluator: what is certain, what is not, and where it stops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.evaluation.evaluate import MAX_DEPTH
from azkvlint.evaluation.freezer import Freezer
from azkvlint.evaluation.known_parts import conjuncts
from azkvlint.evaluation.operators import is_same, merge_alternatives
from azkvlint.evaluation.values import (
    MAX_LEVELS,
    Fields,
    Items,
    Partly,
    Result,
    is_sensitive,
    mark_sensitive,
    unknown_in,
    wrap,
)
from azkvlint.model.location import Location
from azkvlint.model.pattern import Pattern, hole
from azkvlint.model.value import MapValue, Scalar, Unknown
from azkvlint.syntax import ast
from azkvlint.util.errors import InputError
from tests.evaluation.conftest import unknown

if TYPE_CHECKING:
    from tests.evaluation.conftest import Language

AT = Location(path="main.bicep")

EXPRESSIONS: list[tuple[str, Any]] = [
    # three-valued logic: one operand may decide
    ("u && false", False),
    ("false && u", False),
    ("u || true", True),
    ("u && true", "?"),
    ("false || u", "?"),
    ("!u", "?"),
    ("u && true && v", "?⟨⟨u⟩&&⟨v⟩⟩"),
    ("u || v", "?⟨⟨u⟩||⟨v⟩⟩"),
    ("true && u", "?⟨u⟩"),
    ("(u && v) == u", "?"),
    ("u && mystery", "?"),
    ("-u == u", "?"),
    ("!(1 == 2)", True),
    ("u == u", True),
    ("u != u", False),
    ("u == v", "?"),
    ("mystery == mystery", "?"),
    ("'kv-${u}' == ''", False),
    ("'kv-${u}' == 'st-a'", False),
    ("'${u}-kv' != 'KV'", True),
    ("'kv-${u}' == 'KV-a'", "?"),
    ("'a${u}a' == 'a'", False),
    ("u == 'a'", "?"),
    ("[1, u] == [2, u]", False),
    ("[1, u] == [1, v]", "?"),
    ("{ a: 1 } == { a: 1 }", True),
    ("null == []", False),
    ("'A' =~ 'a'", True),
    # null
    ("null ?? 'a'", "a"),
    ("'a' ?? u", "a"),
    ("u ?? 'a'", "?⟨coalesce(⟨u⟩,a)⟩"),
    ("null ?? u", "?⟨u⟩"),
    # either of two
    ("true ? 1 : u", 1),
    ("u ? 'a' : 'a'", "a"),
    ("u ? 'a' : 'b'", "?⟨if(⟨u⟩,a,b)⟩"),
    ("u ? { a: 1, b: 2 } : { a: 1, b: 3 }", {"a": 1, "b": "?⟨if(⟨u⟩,2,3)⟩"}),
    ("u ? { A: 1 } : { a: 1 }", {"A": 1}),
    ("u ? [1, 2] : [1, 3]", [1, "?⟨if(⟨u⟩,2,3)⟩"]),
    ("u ? [1] : []", "?"),
    ("(u ? open : { a: 1 }).a", 1),
    # spread
    ("[...[1], 2, ...[]]", [1, 2]),
    ("[1, ...u]", [1, "*"]),
    ("{ a: 1, ...{ a: 2, b: 3 } }", {"a": 2, "b": 3}),
    ("{ a: 1, ...u, b: 2 }", {"b": 2, "*": "?⟨...({'a':1},⟨u⟩)⟩"}),
    ("{ ...u, b: 2 }", {"b": 2, "*": "?⟨u⟩"}),
    ("{ z: 1, ...open }", {"a": 1, "*": "?⟨...({'z':1},⟨rest⟩)⟩"}),
    ("{ '${u}': 1, b: 2 }", {"b": 2, "*": "?"}),
    # members
    ("open.a", 1),
    ("open.b", "?⟨⟨rest⟩.b⟩"),
    ("{ a: 1 }.?b", None),
    ("{ a: 1 }.?b.c.d", None),
    ("{ a: 1 }.?b.c[0].d ?? 'none'", "none"),
    ("[1][?3]", None),
    ("[1, 2][^1]", 2),
    ("{ aB: 1 }['Ab']", 1),
    ("{ aB: 1 }.AB", 1),
    ("{ Owner: 1 }[?'/roles/${u}'] ?? 'id'", "id"),
    ("{ Owner: 1 }[?u] ?? 'id'", "?"),
    ("{ Owner: 1 }[?'o${u}'] ?? 'id'", "?"),
    ("{ Owner: 1, ...open }[?'/roles/${u}'] ?? 'id'", "?"),
    ("u.a[0].b", "?⟨⟨⟨⟨u⟩.a⟩[0]⟩.b⟩"),
    ("u['a'] == u.a", True),
    ("[u, 1][0]", "?⟨u⟩"),
    # loops and lambdas
    ("[for i in range(0, 2): i]", [0, 1]),
    ("[for (x, i) in ['a', u]: { n: i, x: x }]", [{"n": 0, "x": "a"}, {"n": 1, "x": "?⟨u⟩"}]),
    ("[for x in u: x]", "?⟨u⟩"),
    ("map([1], x => map([2], y => x + y))", [[3]]),
    ("reduce([1, 2], 0, (a, b, i) => a + b * i)", 2),
    # arithmetic
    ("7 / 2 + -7 % 2", 2),
    ("1 < 2 && 'a' < 'b'", True),
    ("'${u}-x' == '${u}-x'", True),
]


@pytest.mark.parametrize(("text", "expected"), EXPRESSIONS)
def test_expression_has_its_value(bicep: Language, text: str, expected: Any) -> None:
    found = bicep(text)
    if expected == "?":
        assert isinstance(found, str)
        assert found.startswith("?")
    else:
        assert found == expected


REFUSED = [
    ("'true' ? 1 : 2", "the condition is not a Boolean, so the deployment fails"),
    ("true && 'a'", "an operand is not a Boolean, so the deployment fails"),
    ("{ a: 1 }.b", "property `b` does not exist, so the deployment fails"),
    ("[1][3]", "array index 3 is out of range, so the deployment fails"),
    ("null.a", "property `a` is accessed on a non-object, so the deployment fails"),
    ("1 / 0", "operator `/` does not support these operands"),
    ("[for x in 'abc': x]", "a loop expects an array"),
]


@pytest.mark.parametrize(("text", "why"), REFUSED)
def test_invalid_expression_has_a_reason(bicep: Language, text: str, why: str) -> None:
    assert bicep.why(text) == why


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("u && v", ["⟨u⟩", "⟨v⟩"]),
        ("(u && v) && !w", ["⟨u⟩", "⟨v⟩", "⟨!⟨w⟩⟩"]),
        ("!(u && v)", ["⟨!⟨⟨u⟩&&⟨v⟩⟩⟩"]),
        ("u || v", ["⟨⟨u⟩||⟨v⟩⟩"]),
        ("u == 'a&&b'", ["⟨⟨u⟩==a&&b⟩"]),
        ("u", ["⟨u⟩"]),
    ],
)
def test_conjunction_is_split_into_its_conditions(bicep: Language, text: str, parts: list[str]) -> None:
    found = bicep.result(text, w=unknown("⟨w⟩"))
    assert isinstance(found, Unknown)
    assert found.pattern is not None
    assert conjuncts(found.pattern) == parts


def test_secrets_have_no_pattern(bicep: Language) -> None:
    found = bicep.result("'${secret}-${u}'")
    assert isinstance(found, Unknown)
    assert found.sensitive
    assert not found.pattern


def test_steps_are_limited(bicep: Language) -> None:
    """Work on a long text counts as steps, so that a loop over it ends."""
    loop = "map(range(0, 10000), x => length(replace(long, 'a', 'b')))"
    with pytest.raises(InputError, match="steps"):
        bicep(loop, long="x" * 1_000_000)


SOME = Unknown(at=Location(path="main.bicep"), why="", pattern=hole("x"))


@pytest.mark.parametrize(
    ("text", "least"),
    [
        ("map(long, x => 1)", 10_000),
        ("[for x in long: 1]", 10_000),
        ("range(0, 10000)", 2_000),
        ("json(text)", 50_000),
        ("concat(long, [])", 200),
        ("[...long]", 200),
        ("long == other", 5_000),
        ("text =~ text", 4_000),
        ("string(long)", 2_000),
        ("union({}, long)", 2_000),
        ("'${text}x'", 2_000),
        ("padLeft('', 400000)", 2_000),
        ("toUpper(text)", 2_000),
        ("toUpper('${some}${text}')", 2_000),
        ("u ? long : other", 5_000),
    ],
)
def test_work_on_values_is_steps(bicep: Language, text: str, least: int) -> None:
    """What takes time or memory counts, so that a loop over it ends."""
    symbols = {"long": [0] * 10_000, "other": [*[0] * 9_999, 1], "text": f"[{'1,' * 200_000}1]", "some": SOME}
    assert bicep.steps(text, symbols) >= least


def test_the_pattern_of_operands_stays_short(bicep: Language) -> None:
    pattern: Pattern = hole("p")
    seen = set()
    for _ in range(40):
        found = bicep.result("x * x", x=Unknown(at=Location(path="main.bicep"), why="", pattern=pattern))
        assert isinstance(found, Unknown)
        assert found.pattern is not None
        pattern = found.pattern
        seen.add(pattern)
    assert len(seen) == 40
    assert len(pattern.text) < 30_000


def test_depth_is_limited(bicep: Language) -> None:
    node: ast.Expression = ast.Literal(0, 0, 1)
    for _ in range(MAX_DEPTH + 1):
        node = ast.Array(0, 0, (node,))
    found = bicep.evaluated(node)
    assert isinstance(found, Items)
    doubt = unknown_in(found)
    assert doubt is not None


def doubled(times: int) -> Result:
    """A value with 2 to the power of ``times`` parts, which takes no memory."""
    value: Result = Scalar(at=AT, value=1)
    for _ in range(times):
        value = Items(at=AT, items=[value, value])
    return value


def nested(levels: int) -> Result:
    value: Result = Scalar(at=AT, value=1)
    for _ in range(levels):
        value = Items(at=AT, items=[value])
    return value


@pytest.mark.parametrize("value", [doubled(60), nested(100_000)])
def test_endless_value_is_unknown(value: Result) -> None:
    doubt = Unknown(at=AT, why="nobody knows")
    assert unknown_in(value) is not None
    assert is_sensitive(value)
    assert is_same(value, Items(at=AT, items=list(value.items))) is None  # type: ignore[union-attr]  # it is Items
    assert isinstance(merge_alternatives(value, value, doubt), Unknown)
    assert isinstance(mark_sensitive(value), Unknown)
    freezer = Freezer()
    freezer.budget.frozen = freezer.budget.limits.values - 10_000  # as if much had been made before
    with pytest.raises(InputError):
        freezer.freeze(value)


@pytest.mark.parametrize(
    "value",
    ["reduce(range(0, 9999), [], (all, item) => [all])", "reduce(range(0, 99), [1], (all, item) => [all, all])"],
)
def test_endlessly_nested_lambda_is_unknown(bicep: Language, value: str) -> None:
    assert bicep.why(f"string({value})") == "the value is too large"
    assert bicep.why(f"contains([{value}], {value})")
    assert isinstance(bicep.result(f"union([{value}], [{value}])"), Partly)
    assert bicep.why(f"'${{{value}}}'")


def test_freezing_keeps_known_members() -> None:
    value = Fields(at=AT, fields={"a": wrap({"b": [1, None]}, AT), "n": wrap(None, AT)}, rest=Unknown(at=AT, why="x"))
    found = Freezer().freeze(value)
    assert isinstance(found, MapValue)
    assert list(found.fields) == ["a"]
    assert found.rest is not None
    assert unknown_in(nested(MAX_LEVELS - 1)) is None
    assert Freezer().freeze(nested(MAX_LEVELS - 1)) is not None
