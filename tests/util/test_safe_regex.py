"""Regular expressions of rules: what they fit, and that none takes long on a text that somebody chose."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azkvlint.engine.parameters import refuse_unsound_patterns
from azkvlint.engine.rule_store import builtin_rules
from azkvlint.util.errors import UnprovenPatternError
from azkvlint.util.safe_regex import RulePattern, compile_pattern, is_bounded

LONG = 3_000


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"(a+)+$", "a" * LONG + "-"),
        (r"(a|a)*", "a" * LONG + "-"),
        ("a?" * 40 + "a" * 40, "a" * 39),
        (r".*.*.*.*.*.*x", "a" * 200),
        (r".*([#{}\[\]<>$%]|__.+__).*", "_" * LONG + "\n"),
        (r"(?s).*@Request\[[^\]]*:RoleDefinitionId\]\s*(?:\w+:)?GuidEquals\b.*", "@Request[" * LONG),
        (r"(?i).*[^/:]/(?:.*[/_-])?v?\d+\.\d+.*\.(?:zip|tar)(?:[/?].*)?", "a/-1.1" * LONG),
        (r"(?i).*[?&](?:ref|rev)=[^&]+.*", "?ref=" * LONG + "&\n"),
        (r"(?!.*--)[a-z]*[a-z-]*[a-z]*", "a" * 100 * LONG + "_"),
    ],
)
def test_no_text_takes_long(pattern: str, text: str) -> None:
    before = time.process_time()
    assert RulePattern(pattern).matches(text) is not True
    assert time.process_time() - before < 5


@pytest.mark.parametrize(
    ("pattern", "fitting", "other"),
    [
        ("kv-[a-z]+-(dev|prod)", ["kv-app-dev", "KV-APP-PROD"], ["kv-app", "xkv-app-dev", "kv-app-dev\n"]),
        ("kv(-[a-z]+)+", ["kv-a-b", "kv" + "-ab" * 200], ["kv-", "kv" + "-ab" * 200 + "-"]),
        ("(?!.*--)[a-z]+[a-z-]*", ["a-b"], ["a--b"]),
        (r"a|(b|c)+", ["a", "bc"], ["ab", "abc"]),
        (r"(?s)(.)*y", ["a\ny", "Y"], ["a\n"]),
        ("(?!.*--)[a-z][a-z0-9-]{1,22}[a-z0-9]", ["a-b"], ["a--b", "a" * 10_000]),
        (r".*a.*", ["x" * 300 + "A" + "x" * 300], ["x" * 600, "a\n"]),
    ],
)
def test_pattern_matches_whole_strings(pattern: str, fitting: list[str], other: list[str]) -> None:
    assert [RulePattern(pattern).matches(text) for text in (*fitting, *other)] == [True] * len(fitting) + [False] * len(
        other
    )


def test_match_that_takes_too_long_is_unknown() -> None:
    assert RulePattern("(a|b)*" * 20).matches("ab" * 100_000) is None
    assert RulePattern("(?!x)a*a*a*").matches("a" * 10_000) is None
    assert RulePattern("(?!x)a*a*a*").matches("a" * 100) is True
    assert RulePattern("(?!x)a*b*").matches("a" * 10_000) is True


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+b)+$",
        "(?!.*--)[a-z]+[a-z-]*",
        "kv-.*",
        "(?=x).+",
        "(?:foo|bar)*",
        "[^/]+(/[^/]+){3,8}",
        r"(\d{1,3}\.){3}\d{1,3}",
        ".*a.*b.*",
    ],
)
def test_bounded_pattern_is_recognized(pattern: str) -> None:
    assert is_bounded(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "(?=a)(a+)+$",
        "(?x)(a+) +$",
        "(?ix)(a+) # a\n+",
        r"(a)\1(a+)+",
        "(?=a)" + "a?" * 40,
        "(a+)+$",
        "(a|a)*",
        "(a*)*",
        "(a|aa)+",
        "(?:a?){40}b",
        "([a-z]+)*",
        "(?i)(?:A|a)*",
        "(?:\\w|[^/])*",
        "(a|b(?=c))*",
        "(?<=a)b",
        ".*.*.*.*.*.*x",
        "(?:k|\u212a)*",
        "[",
        "a**",
        "(?P=x)",
    ],
)
def test_unbounded_pattern_is_recognized(pattern: str) -> None:
    assert not is_bounded(pattern)


def test_built_in_patterns_are_bounded() -> None:
    refuse_unsound_patterns(builtin_rules())


_REPEATS = ["*", "+", "?", "*?", "{2,3}", "{0,70}"]
_PATTERNS = st.recursive(
    st.sampled_from(["a", "b", "[ab]", "[^a]", "."]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda two: f"({two[0]}|{two[1]})"),
        st.tuples(inner, st.sampled_from(_REPEATS)).map(lambda two: f"({two[0]}){two[1]}"),
    ),
    max_leaves=6,
)


@given(_PATTERNS, st.text("ab-", max_size=12))
def test_matches_are_those_of_python(pattern: str, text: str) -> None:
    try:
        compiled = compile_pattern(pattern)
        compiled.work(len(text), anywhere=True)
    except UnprovenPatternError:
        return
    found, expected = compiled.search(text), re.search(pattern, text)
    assert (found and (found.span(), found.groups())) == (expected and (expected.span(), expected.groups()))


@given(_PATTERNS, st.text("ab-", min_size=1, max_size=3))
def test_bounded_pattern_is_fast(pattern: str, unit: str) -> None:
    try:
        compiled = compile_pattern(f"{pattern}[^ab-]")
        for length in (30, 300, 3_000):
            compiled.work(length, anywhere=True)
            before = time.process_time()
            assert compiled.search(unit * (length // len(unit))) is None
            assert time.process_time() - before < 3
    except UnprovenPatternError:
        return
