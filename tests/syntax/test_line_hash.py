"""GitHub's fingerprints of lines. The vectors are those that its own implementation is tested with."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azkvlint.graph.region_lookup import LineHashes
from azkvlint.syntax.texts import Lines, MarkedText

GREETINGS = (
    "e9496ae3ebfced30:1 fb7c023a8b9ccb3f:1 ce8ba1a563dcdaca:1 e20e36e16fcb0cc8:1 "
    "b3edc88f2938467e:1 c8e28b0b4002a3a0:1 c129715d7a2bc9a3:1"
)
VECTORS = {
    "": "c129715d7a2bc9a3:1",
    " a\nb\n  \t\tc\n d": "271789c17abda88f:1 54703d4cd895b18:1 180aee12dab6264:1 a23a3dc5e078b07b:1",
    " hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End": (
        "8b7cf3e952e7aeb2:1 b1ae1287ec4718d9:1 bff680108adb0fcc:1 "
        "c6805c5e1288b612:1 b86d3392aea1be30:1 e6ceba753e1a442:1"
    ),
    " hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End\n": GREETINGS,
    " hello; \t\nworld!!!\r\r\r  \t\tGreetings\r End\r": GREETINGS,
    " hello; \t\r\nworld!!!\r\n\r\n\r\n  \t\tGreetings\r\n End\r\n": GREETINGS,
    " hello; \t\nworld!!!\r\n\n\r  \t\tGreetings\r End\r\n": GREETINGS,
    "Lorem ipsum dolor sit amet.\n" * 10: (
        "a7f2ff13bc495cf2:1 a7f2ff13bc495cf2:2 a7f2ff13bc495cf2:3 a7f2ff13bc495cf2:4 a7f2ff13bc495cf2:5 "
        "a7f2ff13bc495cf2:6 a7f2ff1481e87703:1 a9cf91f7bbf1862b:1 55ec222b86bcae53:1 cc97dc7b1d7d8f7b:1 "
        "c129715d7a2bc9a3:1"
    ),
    "x = 2\nx = 1\nprint(x)\nx = 3\nprint(x)\nx = 4\nprint(x)\n": (
        "e54938cc54b302f1:1 bb609acbe9138d60:1 1131fd5871777f34:1 5c482a0f8b35ea28:1 54517377da7028d2:1 "
        "2c644846cb18d53e:1 f1b89f20de0d133:1 c129715d7a2bc9a3:1"
    ),
}


def hashes(text: str) -> list[str]:
    lines = Lines(text)
    found = LineHashes(lines)
    return [found.hash_line(line) for line in range(1, len(lines.starts) + 1)]


@pytest.mark.parametrize("text", VECTORS)
def test_line_hashes_are_those_of_the_reference(text: str) -> None:
    assert hashes(text) == VECTORS[text].split()


def rolling(text: str) -> list[str]:
    """The same, character by character, as a reader of a stream would make it."""
    units = [int.from_bytes(pair, "little") for pair in zip(*[iter(text.encode("utf-16-le"))] * 2, strict=True)]
    kept: list[int] = []
    starts: list[int] = []
    start, after_return = True, False
    for unit in (*units, 0xFFFF):
        if unit in (9, 32) or (after_return and unit == 10):
            after_return = False
            continue
        after_return = unit == 13
        if start:
            starts.append(len(kept))
        kept.append(10 if after_return else unit)
        start = kept[-1] == 10
    kept += [0] * 100
    values = [sum(kept[at + i] * 37 ** (99 - i) for i in range(100)) % 2**64 for at in starts]
    return [f"{value:x}:{values[: index + 1].count(value)}" for index, value in enumerate(values)]


@pytest.mark.parametrize("text", ["", "a", "a\nb", " a\nb\n  \t\tc\n d", "a\n\ufeffa\na", "x" * 99 + "\ny", "x" * 120])
def test_a_byte_order_mark_is_a_character_of_the_first_line(text: str) -> None:
    """GitHub reads the file without knowing of it."""
    assert hashes(MarkedText(text)) == rolling("\ufeff" + text)
    assert hashes(MarkedText(text))[0] != hashes(text)[0]


def test_text_that_is_not_utf_8_has_no_fingerprints() -> None:
    assert hashes(MarkedText("a\nb", is_utf8=False)) == ["", ""]


@given(st.text(st.sampled_from("ab \t\r\n{}é\U0001f600")) | st.text(st.sampled_from("a\n"), min_size=90))
def test_line_hashes_are_those_of_a_rolling_hash(text: str) -> None:
    assert hashes(text) == rolling(text)


def test_span_contains_all_characters_of_the_hash() -> None:
    text = "a\n" + "b  " * 60 + "\r\n" + "c" * 200
    start, end = LineHashes(Lines(text)).span(2)
    assert start == 2
    assert hashes(text[:end] + "x" * 9)[1] == hashes(text)[1]
    assert hashes(text[: end - 1] + "x" * 9)[1] != hashes(text)[1]


def test_each_of_many_lines_takes_no_longer_than_one() -> None:
    lines = LineHashes(Lines("".join(f"# line {number:06}\n" for number in range(100_000))))
    before = time.process_time()
    assert {lines.hash_line(number).partition(":")[2] for number in range(1, 100_000, 7)} == {"1"}
    assert time.process_time() - before < 5
