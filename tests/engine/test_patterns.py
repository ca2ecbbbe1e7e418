"""Regular expressions of rules: what they fit, and that none takes long on a text that somebody chose."""

from __future__ import annotations

import time

import pytest

from azkvlint.engine.regular_expressions import Pattern, is_sound

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
    assert Pattern(pattern).fits(text) is not True
    assert time.process_time() - before < 5


@pytest.mark.parametrize(
    ("pattern", "fitting", "other"),
    [
        ("kv-[a-z]+-(dev|prod)", ["kv-app-dev", "KV-APP-PROD"], ["kv-app", "xkv-app-dev", "kv-app-dev\n"]),
        ("kv(-[a-z]+)+", ["kv-a-b", "kv" + "-ab" * 200], ["kv-", "kv" + "-ab" * 200 + "-"]),
        ("(?!.*--)[a-z]+[a-z-]*", ["a-b"], ["a--b"]),
        (r"a|(b|c)+", ["a", "bc"], ["ab", "abc"]),
        (r"(?s)(.|x)*y", ["a\ny"], ["a\n"]),
        ("(?!.*--)[a-z][a-z0-9-]{1,22}[a-z0-9]", ["a-b"], ["a--b", "a" * 10_000]),
        (r".*a.*", ["x" * 300 + "A" + "x" * 300], ["x" * 600, "a\n"]),
    ],
)
def test_what_fits(pattern: str, fitting: list[str], other: list[str]) -> None:
    assert [Pattern(pattern).fits(text) for text in (*fitting, *other)] == [True] * len(fitting) + [False] * len(other)


def test_what_would_take_too_long_is_not_told() -> None:
    assert Pattern("(a|b)*" * 20).fits("ab" * 100_000) is None
    assert Pattern("(?!x)a*b*").fits("a" * 10_000) is None
    assert Pattern("(?!x)a*b*").fits("a" * 100) is True


@pytest.mark.parametrize("pattern", ["(a+)+$", "(?!.*--)[a-z]+[a-z-]*", "kv-.*", "(?=x).+"])
def test_sound(pattern: str) -> None:
    assert is_sound(pattern)


@pytest.mark.parametrize(
    "pattern", ["(?=a)(a+)+$", "(?x)(a+) +$", "(?ix)(a+) # a\n+", r"(a)\1(a+)+", "(?=a)" + "a?" * 40]
)
def test_not_sound(pattern: str) -> None:
    assert not is_sound(pattern)
