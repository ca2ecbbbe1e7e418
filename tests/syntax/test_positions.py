"""Offsets as lines and columns, and excerpts that show no secret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azkvlint.model.location import Region
from azkvlint.syntax.texts import HIDDEN, MAX_CHARACTERS, MAX_LINES, Lines

TEXTS = st.text(st.sampled_from("ab \t\n\r\u2028é😀"), max_size=40)


@pytest.mark.parametrize(
    ("text", "offset", "place"),
    [
        ("", 0, (1, 1)),
        ("abc", 2, (1, 3)),
        ("abc", 3, (1, 4)),
        ("abc", 99, (1, 4)),
        ("abc", -1, (1, 1)),
        ("a\nb", 1, (1, 2)),
        ("a\nb", 2, (2, 1)),
        ("a\r\nb", 2, (1, 3)),
        ("a\r\nb", 3, (2, 1)),
        ("a\rb", 2, (2, 1)),
        ("a\r\rb", 3, (3, 1)),
        ("a\n\rb", 3, (3, 1)),
        ("a\n", 2, (2, 1)),
        ("a\u2028\x0b\x85b", 4, (1, 5)),
        ("😀b", 1, (1, 2)),
    ],
)
def test_offset_has_a_line_and_column(text: str, offset: int, place: tuple[int, int]) -> None:
    assert Lines(text).place(offset) == place


@given(TEXTS)
def test_places_are_those_of_a_walk_through_the_text(text: str) -> None:
    lines = Lines(text)
    line = column = 1
    for offset, character in enumerate(text):
        assert lines.place(offset) == (line, column)
        if character == "\n" or (character == "\r" and text[offset + 1 : offset + 2] != "\n"):
            line, column = line + 1, 1
        else:
            column += 1
    assert lines.place(len(text)) == (line, column)


def test_span_has_a_region() -> None:
    assert Lines("ab\ncd\nef").region(1, 7) == Region(1, 2, 3, 2)


def test_a_region_never_ends_before_it_starts() -> None:
    assert Lines("ab\ncd").region(4, 1) == Region(2, 2, 2, 2)


def test_an_excerpt_shows_the_whole_lines_around() -> None:
    excerpt = Lines("one\n  two: 2\nthree\n").excerpt(6, 9)
    assert excerpt.text == "two"
    assert excerpt.context_text == "  two: 2"
    assert excerpt.context == Region(2, 1, 2, 9)
    assert excerpt.utf16 is None
    assert excerpt.context_utf16 is None


def test_a_region_that_ends_with_a_line_does_not_touch_the_next() -> None:
    assert Lines("one\r\ntwo\r\nthree").excerpt(5, 10).context_text == "two\n"


def test_every_line_break_is_shown_as_a_line_feed() -> None:
    excerpt = Lines("a\r\nb\rc\nd").excerpt(0, 8)
    assert excerpt.text == excerpt.context_text == "a\nb\nc\nd"


def test_an_excerpt_has_a_limit_of_lines() -> None:
    excerpt = Lines("x\n" * 100).excerpt(10, 150)
    assert excerpt.context == Region(6, 1, 5 + MAX_LINES, 2)
    assert excerpt.text == excerpt.context_text == "\n".join("x" * MAX_LINES)


def test_excerpt_of_one_long_line_begins_shortly_before_the_region() -> None:
    excerpt = Lines("y" * 50_000 + "here" + "z" * 50_000).excerpt(50_000, 50_004)
    assert excerpt.text == "here"
    assert len(excerpt.context_text) == MAX_CHARACTERS
    assert excerpt.context_text.startswith("y" * 200 + "here")
    assert excerpt.context.start_column == 50_001 - 200


def test_columns_in_utf16_where_they_differ() -> None:
    excerpt = Lines("é\n😀 ab 😀").excerpt(4, 6)
    assert excerpt.text == "ab"
    assert excerpt.utf16 == Region(2, 4, 2, 6)
    assert excerpt.context == Region(2, 1, 2, 7)
    assert excerpt.context_utf16 == Region(2, 1, 2, 9)
    assert Lines("é ab").excerpt(2, 4).utf16 is None


@pytest.mark.parametrize(
    ("hidden", "text", "context"),
    [
        ([], "key: secret", 'a key: secret "x"'),
        ([(7, 13)], f"key: {HIDDEN}", f'a key: {HIDDEN} "x"'),
        ([(7, 9), (8, 13)], f"key: {HIDDEN}", f'a key: {HIDDEN} "x"'),
        ([(9, 13), (7, 8)], f"key: {HIDDEN}e{HIDDEN}", f'a key: {HIDDEN}e{HIDDEN} "x"'),
        ([(0, 99)], HIDDEN, HIDDEN),
        ([(11, 16)], f"key: secr{HIDDEN}", f'a key: secr{HIDDEN}"'),
        ([(20, 30), (3, 3)], "key: secret", 'a key: secret "x"'),
    ],
)
def test_hidden_spans_are_replaced(hidden: list[tuple[int, int]], text: str, context: str) -> None:
    excerpt = Lines('a key: secret "x"\nnext line\n').excerpt(2, 13, hidden)
    assert (excerpt.text, excerpt.context_text) == (text, context)
    assert excerpt.context == Region(1, 1, 1, 18)


SPANS = st.tuples(st.integers(-2, 45), st.integers(-2, 45))


@given(TEXTS, SPANS, st.lists(SPANS, max_size=4))
def test_no_hidden_character_is_shown_with_any_spans(
    text: str, span: tuple[int, int], hidden: list[tuple[int, int]]
) -> None:
    secret = set().union(*(range(max(start, 0), end) for start, end in hidden))
    marked = "".join("S" if offset in secret else character for offset, character in enumerate(text))
    excerpt = Lines(marked).excerpt(*span, hidden)
    assert "S" not in excerpt.text + excerpt.context_text
    assert excerpt.text in excerpt.context_text


@pytest.mark.parametrize(
    ("text", "span", "context", "shown"),
    [
        ("a\nbc\nd", (2, 4), Region(2, 1, 3, 1), "bc\n"),
        ("a\r\nbc\r\nd", (3, 5), Region(2, 1, 3, 1), "bc\n"),
        ("a\nbc", (2, 4), Region(1, 2, 2, 3), "\nbc"),
        ("a\r\nbc", (3, 5), Region(1, 2, 2, 3), "\nbc"),
        ("a\rbc", (2, 4), Region(1, 2, 2, 3), "\nbc"),
        ("bc\n", (0, 2), Region(1, 1, 2, 1), "bc\n"),
        ("bc\nd", (1, 3), Region(1, 1, 2, 1), "bc\n"),  # with the break
        ("bc", (0, 2), Region(1, 1, 1, 3), "bc"),
    ],
)
def test_context_of_a_whole_line_includes_a_line_break(
    text: str, span: tuple[int, int], context: Region, shown: str
) -> None:
    excerpt = Lines(text).excerpt(*span)
    assert (excerpt.context, excerpt.context_text) == (context, shown)


def test_excerpt_of_a_long_span_shows_its_beginning() -> None:
    for text in ("x" * 5_000, " " * 900 + "x" * 4_000 + "\ny"):
        start = text.index("x")
        lines = Lines(text)
        span = lines.shortened(start, start + 4_000)
        excerpt = lines.excerpt(*span)
        assert excerpt.text == text[slice(*span)]
        assert MAX_CHARACTERS / 2 < span[1] - span[0] < MAX_CHARACTERS
        assert excerpt.text in excerpt.context_text
        assert excerpt.context.end_column > lines.region(*span).end_column
    assert Lines("x\n" * 5_000).shortened(0, 4_000) == (0, 4_000)
