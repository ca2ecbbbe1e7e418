from __future__ import annotations

import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azkvlint.util.text import encode, encode_in_parts, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain: a::b #1 [x] größe 名 🔑", "plain: a::b #1 [x] größe 名 🔑"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\x9b1m\x7f", r"\x9b1m\x7f"),
        ("\u202eabc\u2066", r"\u202eabc\u2066"),
        ("\udc80", r"\udc80"),
        ("\U000e0041", r"\U000e0041"),
        ("\ufffe\uffff", r"\ufffe\uffff"),
        ("#\u00ad#vso[y] \u115f\u3164\ufe0f", r"#\xad#vso[y] \u115f\u3164\ufe0f"),
        ("::warning::x", r"\x3a:warning::x"),
        ("a ::b", r"a \x3a:b"),
        ("##[group]x##vso[y]", r"\x23#[group]x\x23#vso[y]"),
    ],
)
def test_text_is_escaped_for_a_terminal(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_visible_is_printable_and_settled(text: str) -> None:
    shown = visible(text)
    assert not any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in shown)
    assert visible(shown) == shown
    assert len(shown.splitlines()) <= 1


@given(st.recursive(st.text() | st.integers(-9, 9) | st.none(), lambda inner: st.dictionaries(st.text(), inner)))
def test_encode_reads_back(document: object) -> None:
    assert json.loads(encode(document)) == document


@pytest.mark.parametrize("text", ["##vso[a]", "###vso[a]", "##[error]", '\\"##[', "####[[##vso[", "#\u00ad#vso[x]"])
def test_encode_leaves_no_command_to_an_agent(text: str) -> None:
    shown = encode({text: [text]}).decode()
    assert "##[" not in shown
    assert "##vso[" not in shown
    assert "\u00ad" not in shown
    assert json.loads(shown) == {text: [text]}


@given(st.text(st.characters(categories=["Cc", "Cf", "Zl", "Zp"]), min_size=1))
def test_encode_leaves_nothing_that_acts(text: str) -> None:
    shown = encode([text]).decode()
    assert visible(shown.replace("\n", "")) == shown.replace("\n", "")
    assert json.loads(shown) == [text]


def test_encode_escapes_a_control_after_characters_with_the_same_first_byte() -> None:
    assert encode("\u27e8a\u27e9 \u2026 \u2066") == '"\u27e8a\u27e9 \u2026 \\u2066"\n'.encode()


@given(st.text(st.characters()), st.text(st.characters(categories=["Cs", "Cc", "Lu"])))
def test_encode_takes_every_text(name: str, value: str) -> None:
    text = encode({name: [value, (value,)]}).decode()
    assert all(ord(character) not in range(0x7F, 0xA0) for character in text)
    json.loads(text)


class Entry(msgspec.Struct):
    path: str
    names: tuple[str, ...]


@pytest.mark.parametrize("text", ["a", "\ud800", "a\udcffb"])
def test_encode_accepts_every_string_in_a_struct(text: str) -> None:
    expected = re.sub("[\ud800-\udfff]", "\ufffd", text)
    assert json.loads(encode({"entries": [Entry(text, (text,))]})) == {
        "entries": [{"path": expected, "names": [expected]}]
    }


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1500])
def test_arrays_that_are_encoded_in_parts_have_the_same_bytes(count: int) -> None:
    items = [{"number": number, "nested": {"empty": [], "text": "\u202e##[\udc80"}} for number in range(count)]
    document = {"version": 1, "items": items, "object": {"a": [1]}, "none": [], "text": "\udc80"}
    parts = document | {"items": iter(items), "none": iter([])}
    assert encode_in_parts(parts) == encode(document)


def test_items_of_any_size_that_are_encoded_in_parts_have_the_same_bytes() -> None:
    items = [{"number": number, "text": "x" * (600_000 if number % 5 == 2 else number)} for number in range(40)]
    assert encode_in_parts({"items": iter(items)}) == encode({"items": items})


@pytest.mark.parametrize("document", [{}, {"a": 1}, {"a": {}}, {"a": []}])
def test_an_object_that_is_encoded_in_parts_has_the_same_bytes(document: dict[str, object]) -> None:
    assert encode_in_parts(document) == encode(document)
