"""One of a thing is not told as several."""

from __future__ import annotations

import pytest

from azkvlint.util.text import pluralize


@pytest.mark.parametrize(
    ("number", "words", "told"),
    [
        (0, ("rule",), "0 rules"),
        (1, ("rule",), "1 rule"),
        (2, ("rule",), "2 rules"),
        (1, ("policy", "policies"), "1 policy"),
        (2, ("policy", "policies"), "2 policies"),
    ],
)
def test_count_has_singular_or_plural(number: int, words: tuple[str, ...], told: str) -> None:
    assert pluralize(number, *words) == told
