"""Whether an expression can match a string of which only parts are known, compared with every string it may be."""

from __future__ import annotations

import re
import time
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azkvlint.util.regex_language import Part, may_match
from azkvlint.util.safe_regex import is_bounded

pytestmark = pytest.mark.slow(8)

LETTERS = "a_-1"
FILLINGS = ["".join(one) for length in range(4) for one in product(LETTERS, repeat=length)]
EXPRESSIONS = [
    "(?!.*--)[A-Za-z][A-Za-z0-9-]{1,3}[A-Za-z0-9]", "[a-z0-9-]{1,4}", "[^_]*", "a.*", ".*_", "a{2}(1|-)?", "(?!a)[a1]+",
    "(?=a).+", "(?!a)a|1", "(a-|_){2,}", r"\w+", r"\W*1", "A+", "(?-i)A+", r"(?!\Aa)a.*", r"a\b.*", "(?!(a|1)_).*", "",
]  # fmt: skip


def strings(parts: tuple[Part, ...]) -> list[str]:
    """Return strings that consist of parts."""
    choices = [
        FILLINGS if part is None else [one for one in FILLINGS if len(one) == part] if isinstance(part, int) else [part]
        for part in parts
    ]
    return ["".join(one) for one in product(*choices)]


part = st.one_of(st.none(), st.integers(0, 2), st.text(LETTERS, min_size=1, max_size=3))


@given(st.sampled_from(EXPRESSIONS), st.lists(part, max_size=3).map(tuple))
def test_a_string_that_matches_is_always_possible(expression: str, parts: tuple[Part, ...]) -> None:
    compiled = re.compile(f"(?i:{expression})" if "(?-i)" not in expression else expression[5:])
    if any(compiled.fullmatch(one) for one in strings(parts)):
        assert may_match(expression, parts)


@pytest.mark.parametrize(
    ("expression", "parts"),
    [
        ("[a-z0-9-]{3,24}", ("kv_", None)),
        ("[a-z0-9-]{3,24}", (None, "_", None)),
        ("[a-z0-9-]{3,24}", ("a" * 25, None)),
        ("[a-z0-9-]{3,24}", ("a" * 20, 5)),
        ("[a-z][a-z0-9-]{1,22}[a-z0-9]", ("1", None)),
        ("[a-z][a-z0-9-]{1,22}[a-z0-9]", (None, "-")),
        ("(?!.*--)[a-z][a-z0-9-]{1,22}[a-z0-9]", ("kv--", None)),
        ("(?!.*--)[a-z][a-z0-9-]{1,22}[a-z0-9]", (None, "--", None, "x")),
        ("-----BEGIN .*", ("Server=", None)),
        ("ab|cd", ("a", None, "d")),
        (".*", (None, "\n")),
    ],
)
def test_no_string_matches(expression: str, parts: tuple[Part, ...]) -> None:
    assert not may_match(expression, parts)


@pytest.mark.parametrize(
    ("expression", "parts"),
    [
        ("[a-z0-9-]{3,24}", ("kv-", None)),
        ("(?!.*--)[a-z][a-z0-9-]{1,22}[a-z0-9]", ("kv-", None, "-", None)),
        ("(", ("kv-", None)),
        (r"\p{Lu}", ("1", None)),
    ],
)
def test_a_string_may_match_or_it_is_unknown(expression: str, parts: tuple[Part, ...]) -> None:
    assert may_match(expression, parts)


@pytest.mark.parametrize("expression", [".*a.{60}b", "(?!.*a.{60}b)[ab]*", "(a|b){1,60}c", ".*.*.*.*x"])
def test_no_expression_takes_long(expression: str) -> None:
    before = time.process_time()
    may_match(expression, ("ab" * 500, None, "ab" * 500, 500, None, "_"))
    assert time.process_time() - before < 5


def test_expressions_of_rules_are_bounded() -> None:
    assert all(map(is_bounded, EXPRESSIONS))
