"""Edits of one file."""

from __future__ import annotations

import pytest

from azkvlint.model.fix import Refusal, TextEdit, apply


def edit(start: int, end: int, replacement: str) -> TextEdit:
    return TextEdit(path="main.tf", start=start, end=end, replacement=replacement)


def test_edits_are_applied_in_any_order() -> None:
    assert apply("abcdef", [edit(4, 5, "E"), edit(0, 1, ""), edit(6, 6, "!")]) == "bcdEf!"


def test_equal_edits_count_once_and_insertions_keep_their_order() -> None:
    assert apply("ab", [edit(1, 1, "2"), edit(1, 1, "1"), edit(1, 1, "2"), edit(0, 1, "A")]) == "A21b"


@pytest.mark.parametrize("edits", [[edit(0, 3, "x"), edit(2, 4, "y")], [edit(1, 3, "x"), edit(2, 2, "y")]])
def test_overlapping_edits_are_refused(edits: list[TextEdit]) -> None:
    with pytest.raises(Refusal, match="two edits change the same place"):
        apply("abcdef", edits)


def test_an_edit_outside_the_file_is_refused() -> None:
    with pytest.raises(Refusal, match="outside the file"):
        apply("abc", [edit(2, 4, "")])
