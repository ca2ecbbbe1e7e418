"""The first fault of JSON, found without the errors of a library, whose texts and places differ between versions."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest

from azkvlint.syntax.json_decoder import is_nested_deeper
from azkvlint.syntax.json_faults import JsonFault, first_fault, shape_fault


def value(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.randrange(7 if depth < 4 else 5)
    if kind < 3:
        return chance.choice([chance.randrange(-99, 1000), chance.random(), True, None])
    if kind < 5:
        return "".join(chance.choice('a"\\é\n{}[],:') for _ in range(chance.randrange(6)))
    if kind == 5:
        return [value(chance, depth + 1) for _ in range(chance.randrange(4))]
    keys = [str(number) + chance.choice('"{x') for number in range(chance.randrange(4))]
    return {key: value(chance, depth + 1) for key in keys}


@pytest.mark.parametrize("seed", range(4))
def test_a_text_has_a_fault_exactly_if_python_refuses_it(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  # repeatable
    for _ in range(500):
        text = json.dumps(value(chance), indent=chance.choice([None, 1]), ensure_ascii=chance.random() < 0.5)
        if chance.random() < 0.8:
            at = chance.randrange(len(text))
            text = text[:at] + chance.choice(["", ",", '"', "}", "[", "1", "x", "\\", "\x01"]) + text[at + 1 :]
        try:
            json.loads(text)
        except json.JSONDecodeError:
            assert first_fault(text) is not None, text
        else:
            assert first_fault(text) is None, text


def test_strings_may_contain_control_characters_where_a_reader_allows_it() -> None:
    assert first_fault('["a\tb"]') == JsonFault(3, "a string contains a control character")
    assert first_fault('["a\tb"]', strict=False) is None


@pytest.mark.parametrize("part", ["[", "{", '{"a":', "[1,", '"a",', "[],", '{"a":{},', "[[],"])
def test_a_search_takes_linear_time_at_any_depth(part: str) -> None:
    assert first_fault(part * 50_000) is not None


class Item(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    tags: list[str] | None = None


class Items(msgspec.Struct):
    items: list[Item]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "expected an object, found an array"),
        ('{"items": {}}', "`items`: expected an array, found an object"),
        ('{"items": [{"name": 1}]}', "`items[0].name`: expected a string, found an integer"),
        ('{"items": [{"name": "a", "tags": 1}]}', "`items[0].tags`: expected an array or null, found an integer"),
        ('{"items": [{}]}', "`items[0]`: `name` is missing"),
        ('{"items": [{"name": "a", "secret value": 1}]}', "`items[0]`: the value is not supported"),
        ("{}", "`items` is missing"),
    ],
)
def test_another_shape_is_described_with_its_path(text: str, message: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(text, type=Items)
    assert shape_fault(caught.value) == message


def test_the_words_of_a_library_are_never_repeated() -> None:
    assert shape_fault(msgspec.ValidationError("Something new: `hunter2`")) == "the value is not supported"


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        (b"[[[1]]]", 3),
        (b'{"a[":"]]]{{{\\"[[[","b":[{}]}', 3),
        (b'{"a":{"a":{"a":{},"b":1},"b":1},"b":1}', 4),
        (b'["\\\\",["\\\\\\"["]]', 2),
        (b"[" * 9, 9),
        (b"[" * 9 + b'"]]', 9),
    ],
)
def test_nesting_is_counted_outside_of_strings(text: bytes, depth: int) -> None:
    assert is_nested_deeper(text, depth - 1)
    assert not is_nested_deeper(text, depth)
