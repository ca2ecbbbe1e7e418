"""The known parts of a pattern, by which the resources of a Bicep file and of its template are compared."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from azkvlint.evaluation.values import CLOSE, OPEN, is_one_hole, pieces
from azkvlint.linter.merge_bicep_and_arm import _known_parts

PATTERNS = st.text(st.sampled_from(["a", "/", OPEN, CLOSE]), max_size=12)


@given(PATTERNS)
def test_known_parts_are_the_characters_outside_of_holes(pattern: str) -> None:
    kept, depth = "", 0
    for character in pattern:
        depth += (character == OPEN) - (character == CLOSE)
        if depth == 0 or (depth == 1 and character == OPEN):
            kept += character
    assert _known_parts(pattern) == kept


@given(PATTERNS)
def test_one_hole_has_no_known_text(pattern: str) -> None:
    if is_one_hole(pattern):
        assert [text for text, is_hole in pieces(pattern) if not is_hole] == []
