"""What a pattern decides of names whose unknown part has a known length, compared with every string it may have."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import product

import pytest

from azkvlint.engine.compiler import matches_pattern
from azkvlint.engine.rule_patterns import rule_pattern
from azkvlint.model.pattern import Text, call_hole, hole, join_texts, pattern_from
from azkvlint.util.safe_regex import RulePattern

NAMES = ["", "kv-", "KV7", "7", "a--", "é"]
EXPRESSIONS = [
    "(?!.*--)[a-zA-Z][a-zA-Z0-9-]{1,22}[a-zA-Z0-9]",
    "[a-zA-Z0-9-]{3,24}",
    "[0-9]{3}.*",
    ".*[0-9]",
    r"\w+",
    r"\d+",
    "[a-z]+",
    "-.*",
]


def name(before: str, length: int, after: str) -> Text:
    """Return a name with a hash of which some characters are taken."""
    unique = call_hole("uniqueString", [hole("resourceGroup().id")])
    return join_texts([before, call_hole("take", [unique, str(length)]), after])


@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize("length", [1, 2, 3])
def test_decided_pattern_match_applies_to_every_string(expression: str, length: int) -> None:
    compiled = re.compile(expression, re.IGNORECASE | re.ASCII)
    for before, after in product(NAMES, NAMES):
        strings = (f"{before}{''.join(middle)}{after}" for middle in product("az09", repeat=length))
        outcomes = {compiled.fullmatch(string) is not None for string in strings}
        pattern = pattern_from(name(before, length, after))
        assert pattern is not None
        expected = outcomes.pop() if len(outcomes) == 1 else None
        assert matches_pattern(rule_pattern(expression), pattern) is expected, (before, after)


def test_an_expression_with_letters_of_its_own_decides_nothing() -> None:
    pattern = pattern_from(name("kv-", 2, ""))
    assert pattern is not None
    assert matches_pattern(rule_pattern("kv-.*"), pattern) is None
    assert matches_pattern(rule_pattern(".{3}[a-zA-Z0-9]{2}"), pattern) is True


def test_each_string_is_matched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name of many parts has as many strings as a name of one part and the same length."""
    counted: list[int] = []

    def count(_: RulePattern, texts: Iterable[str]) -> bool:
        counted.append(len(list(texts)))
        return True

    monkeypatch.setattr(RulePattern, "match_all", count)
    one = call_hole("take", [call_hole("uniqueString", ["a"]), "1"])
    pattern = pattern_from(join_texts([one] * 14))
    assert pattern is not None
    matches_pattern(rule_pattern("[a-z0-9]{14}"), pattern)
    assert counted == [1 << 14]
