"""What is certain of an unknown value holds of every value that it may turn out to be, and so do results from it."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest

from azkvlint.evaluation.known import facts_of, text_lengths
from azkvlint.evaluation.terraform.operators import FailedError
from azkvlint.evaluation.values import Fields, Items, Result, as_optional, unknown_in
from azkvlint.model.location import Location
from azkvlint.model.pattern import hole, join_texts, operation, pattern_from
from azkvlint.model.value import NOT_EMPTY, NOTHING_KNOWN, TEXT, Absent, Known, Scalar, Unknown
from tests.evaluation.conftest import Language
from tests.evaluation.terraform.conftest import Terraform

Evaluate = Callable[..., Result]
AT = Location(path="main.tf")
LITERALS = ("'kv'", "''"), ('"kv"', '""')
TEXTS = (
    "",
    "a",
    "kv",
    "kv-a",
    "kv-prod",
    "/subscriptions/x",
    "null",
    "0",
    "\r\n",
    "e\u0301",
    "\u0301",
    "\u0301a",
    "x" * 20,
    "5",
    "true",
)
# A value whose type is not known may be one of these.
OTHERS = (5, 7, 0, True)
NAMES = ("x", "y", "z")
LISTS = ("p", "q")
PROPERTIES = {
    "text": [
        "{text}", "{text}", "({flag} ? {text} : {text})", '(x != "" ? x : {text})', "(y == null ? {text} : y)",
        '(x == "" || y == "a" ? {text} : x)', '(z != null && z != "kv" ? z : {text})',
        '(x != "a" ? {text} : x)', '(x != "" ? {text} : x)', "(y != null ? {text} : y)",
        "(length(x) > 0 ? x : {text})", '"kv-${{text}}"', '"${{text}}-${{text}}"',
        "lower({text})", "substr({text}, 0, 2)", "substr({text}, 1, -1)", "coalesce({text}, {text})", '"kv"', '""',
        "md5({text})", 'join("-", [{text}, {text}])', 'format("%s-%s", {text}, {text})', "sha256({text})",
        "tostring({text})", "tostring(tonumber({text}))",
        'coalesce(x == "5" ? null : x, 5)',
        '(x != "5" ? x : 7)', '(z == "a" ? 5 : z)', '(y == "5" ? 5 : y)', "tostring(length({list}))", "upper({text})",
    ],
    "flag": [
        '{text} == ""', '{text} != ""', "{text} == null", "{text} != null", '{text} == "kv"', "{text} == {text}",
        '"a" != {text}', "!({flag})", "({flag}) && ({flag})", "({flag}) || ({flag})", 'startswith({text}, "kv-")',
        'startswith({text}, "/sub")', 'endswith({text}, "a")', "length({text}) > 0", "length({text}) == 0",
        "length({text}) <= 24", "length({list}) > 0", "length({list}) != 0", "length({list}) < 3",
        'contains({list}, "a")', '{text} != "5"', '"true" == {text}', "length({list}) < 2",
        "length(convert({ s = {list} }, object({ s = set(string) })).s) < 2", "length({list}) >= 2",
    ],
    "list": [
        "p", '["a"]', "[]", "q", "convert({list}, set(string))", "convert({list}, list(string))",
        "[{text}, {text}]", "concat({list}, {list})", "({flag} ? {list} : {list})",
        "[for i in {list} : i]", "[for i in {list} : i if {flag}]", "sort({list})", "reverse({list})", "toset({list})",
        "compact({list})", "distinct({list})",
    ],
}  # fmt: skip
BICEP = {
    "text": [
        "{text}", "{text}", "({flag} ? {text} : {text})", "(x != '' ? x : {text})", "({text} ?? {text})",
        "'${{text}}-${{text}}'", "'kv-${{text}}'", "'${take({list}, 1)}'", "toUpper({text})", "first({list})",
        "first([for i in {list}: '${i}z'])", "({flag} ? {text} : 5)",
    ],
    "flag": [
        "{text} == ''", "{text} != ''", "{text} == null", "{text} == '5'", "({flag}) && ({flag})", "!({flag})",
        "{list} == {list}", "{list} != {list}", "length({list}) == length({list})", "length({list}) >= 2",
        "length({list}) == 2", "empty({list})", "'${take({list}, 1)}' == '[\"abc\"]'", "first({list}) == first({list})",
        "first([for i in p: '${i}z']) == first(p)", "[...p, 'x'] == p", "length([...p, 'x']) == length(p)",
    ],
    "list": [
        "p", "q", "['a']", "[{text}, {text}]", "[...{list}, 'x']", "[...{list}, ...{list}]", "[for i in {list}: i]",
        "[for i in {list}: '${i}z']", "union({list}, {list})", "union([{text}], [{text}])", "take({list}, 1)",
        "skip({list}, 1)", "({flag} ? {list} : {list})", "concat({list}, {list})",
    ],
}  # fmt: skip
PART = re.compile(r"\{(text|flag|list)\}")
AZURE = {
    "text": [
        "{text}", "{text}", "if({flag}, {text}, {text})",
        "if(equals(parameters('x'), ''), {text}, parameters('x'))",
        "if(not(empty(parameters('y'))), parameters('y'), {text})",
        "if(empty(parameters('z')), {text}, parameters('z'))",
        "if(not(equals(parameters('x'), '')), {text}, parameters('x'))",
        "if(or(equals(parameters('x'), null()), equals(parameters('x'), '')), {text}, parameters('x'))",
        "concat('kv-', {text})", "concat({text}, '-', {text})",
        "toLower({text})", "take({text}, 2)", "skip({text}, 1)", "coalesce({text}, {text})", "'kv'", "''",
        "format('{0}-{1}', {text}, {text})", "toUpper({text})", "if({flag}, {text}, 5)", "if({flag}, true(), {text})",
        "format('{0}-{1}', {list}, {text})", "format('{0}', take({list}, 1))",
    ],
    "flag": [
        "equals({text}, '')", "not(equals({text}, ''))", "empty({text})", "not(empty({text}))",
        "equals({text}, null())",
        "not(equals({text}, null()))", "equals({text}, 'null')", "not(equals({text}, 'kv'))", "and({flag}, {flag})",
        "or({flag}, {flag})", "startsWith({text}, 'kv-')", "greater(length({text}), 0)", "equals(length({text}), 0)",
        "lessOrEquals(length({text}), 24)", "empty({list})", "greater(length({list}), 0)", "contains({list}, 'a')",
        "equals({text}, '5')", "equals({text}, 'true')", "greaterOrEquals(length({list}), 2)",
        "lessOrEquals(length({list}), 1)", "equals(format('{0}', take({list}, 1)), '[\"abc\"]')",
        "equals(length({list}), 2)",
    ],
    "list": [
        "parameters('p')", "createArray('a')", "parameters('q')", "union({list}, {list})",
        "union(createArray({text}), createArray({text}))",
        "createArray({text}, {text})", "concat({list}, {list})", "if({flag}, {list}, {list})",
        "take({list}, 1)", "skip({list}, 1)",
    ],
}  # fmt: skip


def drawing(seed: int | str) -> random.Random:
    return random.Random(seed)  # noqa: S311  # the same values in each run


def made(forms: Mapping[str, list[str]], kind: str, draw: random.Random, depth: int, leaf: str) -> str:
    """Return an expression of a kind, made of others."""
    if kind == "text" and (depth <= 0 or draw.random() < 0.3):
        return leaf.format(draw.choice(NAMES)) if draw.random() < 0.8 else draw.choice(LITERALS[leaf == "{}"])
    form = draw.choice(forms[kind][:2] if depth <= 0 and kind == "list" else forms[kind])
    return PART.sub(lambda part: made(forms, part[1], draw, depth - 1, leaf), form)


def drawn(draw: random.Random, name: str) -> tuple[Unknown, str | float | None]:
    """Return an unknown value with what may be known of it, and a value that it may turn out to be."""
    value = draw.choice([*TEXTS, None, draw.choice(OTHERS)])
    pattern = hole(name)
    if not isinstance(value, str):
        return Unknown(at=AT, why="unknown", pattern=pattern, given=value is not None and draw.random() < 0.5), value
    least, most = text_lengths(value)
    others = [text for text in TEXTS if text != value]
    known = Known(
        least=draw.choice([0, least]),
        most=draw.choice([None, most, most + 2]),
        starts=draw.choice(["", value[:1], value]),
        differs=tuple(draw.sample(others, draw.randrange(3))),
    )
    unknown = Unknown(
        at=AT, why="unknown", pattern=pattern, given=draw.random() < 0.5,
        known=draw.choice([known, NOTHING_KNOWN, NOT_EMPTY if value else NOTHING_KNOWN]),
    )  # fmt: skip
    if value.startswith("kv-") and draw.random() < 0.5:
        unknown = msgspec.structs.replace(unknown, pattern=pattern_from(join_texts(["kv-", hole(f"{name}.rest")])))
    return unknown, value


def drawn_list(draw: random.Random, name: str) -> tuple[Unknown, list[str]]:
    """Return an unknown list of strings with what may be known of it, and a value that it may turn out to be."""
    items = draw.choices(["a", "abc", "kv-a", ""], k=draw.randrange(4))
    known = Known(least=draw.randrange(len(items) + 1), most=draw.choice([None, len(items), len(items) + 1]))
    return Unknown(at=AT, why="unknown", pattern=hole(name), given=True, known=known), items


def agrees(found: Result, real: Result, length: Callable[[str], int]) -> bool:
    """Return whether a result that is known in part allows the one that is known in whole."""
    if isinstance(real, Unknown):
        return True
    if isinstance(found, Unknown):
        if isinstance(real, Absent):
            return not found.is_set or as_optional(found) is not None
        return allows(found.known, real, length)
    if isinstance(found, Scalar):
        return isinstance(real, Scalar) and type(found.value) is type(real.value) and found.value == real.value
    if isinstance(found, Items) and found.kind != "set":
        pairs = zip(found.items, real.items, strict=True) if isinstance(real, Items) else ()
        return isinstance(real, Items) and len(real.items) == len(found.items) and all(
            agrees(one, other, length) for one, other in pairs
        )  # fmt: skip
    return isinstance(real, type(found))


def allows(known: Known, real: Result, length: Callable[[str], int]) -> bool:
    """Return whether what is known of a value holds of it."""
    if isinstance(real, Scalar):
        if any(type(one) is type(real.value) and one == real.value for one in known.differs):
            return False
        if not isinstance(real.value, str):
            size = real.value if known.is_number and not isinstance(real.value, bool) else None
        elif known.is_number or not real.value.startswith(known.starts):
            return False
        else:
            size = length(real.value)
    else:
        size = len(real.items) if isinstance(real, Items) else len(real.fields) if isinstance(real, Fields) else None
    return size is None or (known.least <= size and (known.most is None or size <= known.most))


def check(evaluate: Evaluate, text: str, draw: random.Random, length: Callable[[str], int]) -> bool:
    """Compare an expression of unknown strings with the same of known ones. Return whether the first is decided."""
    values: dict[str, tuple[Unknown, Any]] = {name: drawn(draw, name) for name in NAMES}
    values |= {name: drawn_list(draw, name) for name in LISTS}
    try:
        real = evaluate(text, **{name: value for name, (_, value) in values.items()})
    except FailedError:
        return False
    try:
        found = evaluate(text, **{name: unknown for name, (unknown, _) in values.items()})
    except FailedError as error:
        # What is unknown of known strings, such as the length of combined letters, may fail as well.
        if unknown_in(real) is None:
            raise AssertionError(f"{text} with {values} succeeds") from error
        return False
    assert agrees(found, real, length), f"{text} with {values}: {found!r} is {real!r}"
    return not isinstance(found, Unknown)


def graphemes(text: str) -> int:
    """Return the length of the strings of this test as Terraform counts it."""
    return len(text.replace("\r\n", "\n").replace("\u0301", "")) + text.startswith("\u0301")


def units(text: str) -> int:
    """Return the length of a string as Azure counts it."""
    return len(text.encode("utf-16-le")) // 2


CASES = 1_500


@pytest.mark.parametrize("seed", range(2))
def test_terraform_agrees_with_every_value(seed: int) -> None:
    draw, terraform = drawing(seed), Terraform()
    decided = 0
    for _ in range(CASES):
        text = made(PROPERTIES, draw.choice(["text", "flag", "flag", "list"]), draw, 3, "{}")
        decided += check(terraform.result, text, draw, graphemes)
    assert decided > CASES // 10


@pytest.mark.parametrize("seed", range(2))
def test_templates_agree_with_every_value(seed: int, arm: Language) -> None:
    draw = drawing(seed)
    decided = 0
    for _ in range(CASES):
        text = made(AZURE, draw.choice(["text", "flag", "flag", "list"]), draw, 3, "parameters('{}')")
        decided += check(arm.result, text, draw, units)
    assert decided > CASES // 10


@pytest.mark.parametrize("seed", range(2))
def test_bicep_expressions_agree_with_every_value(seed: int, bicep: Language) -> None:
    draw = drawing(seed)
    decided = 0
    for _ in range(CASES):
        text = made(BICEP, draw.choice(["text", "flag", "flag", "list"]), draw, 3, "{}")
        decided += check(bicep.result, text.replace('"kv"', "'kv'").replace('""', "''"), draw, units)
    assert decided > CASES // 20


BICEP_FORMS = [
    "x != null ? x : 'a'", "x != '' ? x : 'kv'", "empty(x) ? 'kv' : x", "!empty(x) ? x : y", "x == 'null' ? 'a' : x",
    "x ?? y", "'${x}-${y}'", "x == '' || y == ''", "x != '' && y != '' ? x : y", "length('kv-${x}') > 2", "x == null",
    "(x != '' ? x : 'kv') == ''", "empty('${x}-')", "startsWith('kv-${x}', 'kv-')", "x == '0' ? 'a' : x",
]  # fmt: skip


@pytest.mark.parametrize("text", BICEP_FORMS)
def test_bicep_agrees_with_every_value(text: str, bicep: Language) -> None:
    draw = drawing(text)
    for _ in range(60):
        check(bicep.result, text, draw, units)


def certain(text: str, **known: Any) -> Unknown:
    return Unknown(at=AT, why="unknown", pattern=hole(text), **known)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('(x != "" ? x : "kv") == ""', False),
        ("(x != null ? x : y) == null", "?"),
        ('(x != null ? x : "a") == null', False),
        ('(x != null && x != "" ? x : "a") == ""', False),
        ('(x == "a" ? "b" : x) == "a"', False),
        ('(x == "a" ? x : "b") == "c"', "?"),
        ('(length(x) > 0 ? x : "a") == ""', False),
        ("length(md5(x))", 32),
        ("length(sha1(x))", 40),
        ("length(sha256(x))", 64),
        ("length(base64sha512(x))", 88),
        ("length(uuid())", 36),
        ('length("kv-${md5(x)}")', "?"),
        ('length("kv-${md5(x)}") <= 35', True),
        ('length("kv-${md5(x)}") > 24', True),
        ("length(substr(md5(x), 0, 8)) == 8", True),
        ('substr("kv-${x}", 0, 2)', "kv"),
        ('length(concat(w, ["a"])) > 0', True),
        ("length(concat(w, [x])) == 0", False),
        ("length([for i in [x, y] : i if i != u]) < 3", True),
        ('"kv-${x}" == ""', False),
        ('startswith("kv-${x}", "kv-")', True),
        ('coalesce(x, "a") == ""', False),
        ('length(convert({ s = concat(w, ["a", "a"]) }, object({ s = set(string) })).s) < 2', "?"),
        ('length(convert({ s = concat(w, ["a", "a"]) }, object({ s = set(string) })).s) > 0', True),
        ('length(convert({ s = concat(w, ["a", "a"]) }, object({ s = list(string) })).s) < 2', False),
        ('(x == "5" ? 5 : x) != "5"', "?"),
        ('(x == "true" ? true : x) != "true"', "?"),
        ('coalesce(x == "5" ? null : x, 5) == "5"', "?"),
        ('tostring(x != "5" ? x : 7) != "5"', "?"),
        ('tostring(x != "true" ? x : 7) != "true"', "?"),
        ('tostring(x != "a" ? x : 7) == "a"', False),
        ('startswith("kv-e\u0301${x}", "kv-")', True),
        ("tostring(x) == x", "?"),
        ('length(merge(x == "a" ? { a = 1 } : {}, w)) > 0', "?"),
        ('length(merge(w, x == "a" ? { a = 1 } : {})) > 0', "?"),
        ('"${x}${""}" == x', "?"),
        ('merge(x == "a" ? merge(w, { a = 1 }) : merge(y, { a = 1 })).b == w.b', "?"),
        ("convert(merge(w, { a = 1 }), map(string)).b == w.b", "?"),
        ('length([for i in ["a"] : [][0] if x == i]) < 1', True),
    ],
)
def test_terraform_decides_comparisons_of_values_that_are_not_null(text: str, expected: Any) -> None:
    found = Terraform().result(text, x=certain("x"), y=certain("y"))
    assert (found.value if isinstance(found, Scalar) else "?") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(x != '' ? x : 'kv') == ''", False),
        ("(empty(x) ? 'kv' : x) == ''", False),
        ("empty(!empty(x) ? x : 'kv')", False),
        ("(x == 'null' ? 'a' : x) == null", "?"),
        ("(x == null ? 'a' : x) == null", False),
        ("length(uniqueString(x))", 13),
        ("length('kv-${uniqueString(x)}')", 16),
        ("length(guid(x)) > 24", True),
        ("length(take(uniqueString(x), 5))", 5),
        ("length(toLower(uniqueString(x)))", 13),
        ("empty(concat(x, ['a']))", False),
        ("startsWith('kv-${x}', 'kv-')", True),
        ("x == ''", "?"),
        ("length(union(p, [x, y])) >= 2", "?"),
        ("length(union(p, [x, y])) >= 1", True),
        ("length(union(p, ['a', 'b'])) >= 2", True),
        ("length(union([x], [y])) == 2", "?"),
        ("length(union([x], [y])) < 3", True),
        ("length(union([x], [x]))", 1),
        ("length(union([{ a: 1, b: x }], [{ a: 2 }]))", 2),
        ("'${take(p, 1)}' != '[\"abc\"]'", "?"),
        ("length([...p, 'x']) == length(p)", "?"),
        ("[...p, 'x'] == p", "?"),
        ("length([...p, 'x']) > 0", True),
        ("first([for i in p: '${i}z']) == first(p)", "?"),
        ("[for i in p: '${i}z'] == p", "?"),
        ("[for i in p: i] == p", True),
        ("length([...union([x], [y]), 'x']) == 3", "?"),
        ("length(concat(union([x], [y]), p)) >= 2", "?"),
        ("length(flatten(union([[x]], [[y]]))) >= 2", "?"),
        ("[for i in concat(p, ['a']): '${i}z'] == concat(p, ['a'])", "?"),
        ("contains({ '\"a': 1 }, x != '\"a' ? x : 'b')", "?"),
        ("startsWith(toUpper('ß${x}'), 'SS')", "?"),
        ("({...o}).b == null", "?"),
        ("({...o}).b == o", "?"),
        ("({...o}).b == o.b", True),
        ("({ a: 1, ...o }).?a == o.?a", "?"),
        ("({ ...o, a: 1 }).a", 1),
        ("({ ...p, ...o }).?b == o.?b", "?"),
        ("({ ...p, ...o }).?b == ({ ...p, ...o }).?b", True),
        ("({ a: 1, ...o }).?b == ({ a: 2, ...o }).?b", "?"),
        ("({ '${x}': 1 }).?b == null", "?"),
        ("({ '${x}': 1 }).b == x", "?"),
        ("({ '${x}': 1, '${x}': 2 }).b == x", "?"),
        ("(y == 'a' ? { ...o } : { ...p }).?b == o.?b", "?"),
        ("(y == 'a' ? { ...o } : { ...o }).?b == o.?b", True),
        ("(y == 'a' ? { ...o } : { a: 1 }).?b == o.?b", "?"),
        ("(y == 'a' ? { ...o } : { b: o }).b == o", "?"),
        ("union(o, { k: { a: 1 } }).k.?b == o", "?"),
        ("union(o, { k: { a: 1 } }).?k.?b == o.?k.?b", True),
        ("union({ a: { b: 1 } }, { a: o }).a == o", "?"),
        ("union({ a: 1 }, { a: o }).a == o", True),
        ("union(p, { a: '${x}-' }).a == '${x}-'", True),
        ("union({ b: 1 }, y == 'a' ? { b: x } : {}).b == x", "?"),
        ("shallowMerge([o]).b == o", "?"),
        ("(x != '' ? '${x}' : 'kv') == ''", "?"),
        ("'${x}' == x", "?"),
        ("'${x}' == '${x}'", True),
        ("'${s}' == s", True),
        ("(s != '' ? '${s}' : 'kv') == ''", False),
        ("('${x}' != '' ? '${x}' : 'kv') == ''", False),
        ("first(concat(x, y)) == first('${x}${y}')", "?"),
        ("'${concat(x, y)}' == concat(x, y)", "?"),
        ("length({ A: 1, ...{ a: x } })", 1),
        ("{ A: 1, ...{ a: 2 } }.A", 2),
        ("{ ...{ a: 1 }, A: 2 }.a", 2),
        ("length(x == 'a' ? { a: 1 } : { b: null }) == 2", "?"),
        ("contains(x == 'a' ? { a: 1 } : { b: null }, 'b')", "?"),
        ("empty(x == 'a' ? {} : { b: null })", "?"),
        ("{ a: 1, ...(x == 'a' ? { a: null } : {}) }.a == null", "?"),
        ("length({ a: 1, ...(x == 'a' ? { a: null } : {}) })", 1),
        ("contains(x == 'a' ? (y == 'a' ? { a: 1 } : {}) : { a: 2 }, 'a')", "?"),
        ("contains(union(o, x == 'a' ? { a: null } : {}), 'a')", "?"),
        ("length(shallowMerge([{ a: 1 }, x == 'a' ? { A: null } : {}]))", 1),
        ("'${[x, 'b']}' == '[\"a\",\"b\"]'", "?"),
        ("endsWith('${[x, 'b']}', ',b]')", "?"),
    ],
)
def test_bicep_decides_comparisons_of_values_that_are_not_null(text: str, expected: Any, bicep: Language) -> None:
    o, s = certain("o", given=True), certain("s", given=True, known=TEXT)
    found = bicep.result(text, x=certain("x"), y=certain("y"), p=certain("p"), o=o, s=s)
    assert (found.value if isinstance(found, Scalar) else "?") == expected


def test_a_condition_that_is_too_long_states_nothing() -> None:
    condition = operation("&&", [operation("!=", [hole(f"x{number}"), "null"]) for number in range(100)])
    assert len(facts_of(condition, holds=True)) < 100
