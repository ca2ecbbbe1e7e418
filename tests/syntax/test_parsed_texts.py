"""What is kept between the checks of an editor."""

from __future__ import annotations

from typing import Any

import pytest

from azkvlint.syntax import texts
from azkvlint.syntax.texts import ParsedTexts


class Parser:
    """Counts the texts that it parses."""

    def __init__(self) -> None:
        self.texts = ParsedTexts()
        self.parsed: list[str] = []

    def _parse(self, text: str) -> Any:
        self.parsed.append(text)
        return (text,)

    def check(self, *used: str) -> int:
        """Return how many texts a check parses that uses these."""
        self.texts.begin()
        before = len(self.parsed)
        parse = self._parse
        for text in used:
            assert self.texts.parsed(parse, text) == (text,)
        return len(self.parsed) - before


def test_parsed_texts_are_kept_during_a_check_only() -> None:
    parser = Parser()
    texts = parser.texts
    assert texts.parsed(parser._parse, "a") == texts.parsed(parser._parse, "a") == ("a",)
    assert parser.parsed == ["a", "a"]


def test_a_check_that_uses_nothing_drops_nothing() -> None:
    parser = Parser()
    assert parser.check("a", "b") == 2
    assert [parser.check() for _ in range(100)] == [0] * 100
    assert parser.check("a", "b") == 0


def test_a_text_that_is_not_used_is_dropped() -> None:
    parser = Parser()
    assert parser.check("old", "b") == 2
    assert sum(parser.check(str(number), "b") for number in range(2 * texts._CHECKS)) == 2 * texts._CHECKS
    assert parser.check("b") == 0
    assert parser.check("old") == 1


def test_long_texts_are_dropped_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "_CHARACTERS", 10)
    parser = Parser()
    assert parser.check("a" * 20) == 1
    assert parser.check("a" * 20) == 0
    assert parser.check("b" * 20) == 1
    assert parser.check("c" * 20) == 1
    assert parser.check("a" * 20) == 1
