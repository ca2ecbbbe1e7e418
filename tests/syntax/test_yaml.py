"""YAML as located nodes: JSON's scalars only, and nothing that means something else than it seems to."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azkvlint.syntax.yaml_nodes import MAX_DEPTH, ListNode, MapNode, ScalarNode, compose, data


def read(text: str) -> Any:
    document = compose(text)
    assert document.faults == ()
    assert document.root is not None
    return data(document.root)


def faults(text: str) -> list[str]:
    """The faults, where what PyYAML says is cut off: its two parsers say it differently."""
    found = compose(text).faults
    return [
        f"{fault.line}:{fault.column}: {re.sub('^invalid YAML: .*', 'invalid YAML', fault.text)}" for fault in found
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("", None),
        ("0", 0),
        ("-12", -12),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        ("-0.5", -0.5),
        ("9223372036854775807", 2**63 - 1),
        ("on", "on"),
        ("No", "No"),
        ("True", "True"),
        ("~", "~"),
        ("010", "010"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("+1", "+1"),
        (".5", ".5"),
        ("1.", "1."),
        (".inf", ".inf"),
        ("1:30", "1:30"),
        ("2026-01-31", "2026-01-31"),
        ('"true"', "true"),
        ("'1'", "1"),
        ("''", ""),
        ("<<", "<<"),
    ],
)
def test_only_the_scalars_of_json_are_more_than_text(text: str, value: object) -> None:
    found = read(f"key: {text}")["key"]
    assert (found, type(found)) == (value, type(value))


def test_a_key_is_always_text() -> None:
    assert read("1: a\ntrue: b\n1.10: c\n") == {"1": "a", "true": "b", "1.10": "c"}


def test_block_and_folded_scalars_are_read() -> None:
    assert read("a: |\n  x: 1 # kept\n  y\nb: >\n  one\n  two\n") == {"a": "x: 1 # kept\ny\n", "b": "one two\n"}


def test_every_node_has_its_position_in_code_points() -> None:
    root = compose("# comment\n'😀é': [1, {b: x}]\n").root
    assert isinstance(root, MapNode)
    ((key, value),) = root.entries
    assert isinstance(value, ListNode)
    first, second = value.items
    assert isinstance(second, MapNode)
    ((inner_key, inner),) = second.entries
    nodes = (root, key, value, first, second, inner_key, inner)
    assert [(n.line, n.column) for n in nodes] == [(2, 1), (2, 1), (2, 7), (2, 8), (2, 11), (2, 12), (2, 15)]


def test_a_byte_order_mark_and_windows_line_ends_change_nothing() -> None:
    root = compose("\ufeffa: 1\r\nb: |\r\n  x\r\n").root
    assert isinstance(root, MapNode)
    assert data(root) == {"a": 1, "b": "x\n"}
    assert [(key.line, key.column) for key, _ in root.entries] == [(1, 1), (2, 1)]


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "\ufeff"])
def test_an_empty_text_has_no_root_and_no_fault(text: str) -> None:
    document = compose(text)
    assert (document.root, document.faults) == (None, ())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: 1\nb: 2\na: 3\n", ["3:1: key `a` is duplicated"]),
        ("a: {b: 1, b: 2}\n", ["1:11: key `b` is duplicated"]),
        ("a: &here 1\n", ["1:4: anchors (`&here`) are not supported"]),
        ("a: !!str 1\n", ["1:4: tag `tag:yaml.org,2002:str` is not supported"]),
        ("a: ! x\n", ["1:4: tag `!` is not supported"]),
        ("a: 1\n<<: {b: 2}\n", ["2:1: merge keys (`<<`) are not supported; repeat the keys"]),
        ("? [a, b]\n: 1\n", ["1:3: a key must be a string"]),
        ("a: 1e999\n", ["1:4: the number is out of range"]),
        ("a: 9223372036854775808\n", ["1:4: the number is out of range"]),
        ("a: " + "9" * 5000, ["1:4: the number is out of range"]),
        ("a: *x\n", ["1:4: aliases (`*x`) are not supported; repeat the value"]),
        ("a: 1\n---\nb: 2\n", ["2:1: only one document per file is supported"]),
        ("a: b: c\n", ["1:5: invalid YAML"]),
        ("x:\n  - 'a\n", ["3:1: invalid YAML"]),
        ("a: 1\n\x07b: 2", ["2:1: YAML does not allow the character '\\x07'"]),
        ("a: \ud800", ["1:4: YAML does not allow the character '\\ud800'"]),
    ],
)  # fmt: skip
def test_unsupported_yaml_has_a_message_and_a_position(text: str, found: list[str]) -> None:
    assert faults(text) == found


def test_errors_before_a_syntax_error_are_kept() -> None:
    assert faults("a: 1\na: 2\nb: [\n") == [
        "2:1: key `a` is duplicated",
        "4:1: invalid YAML",
    ]


def test_of_duplicates_the_first_is_kept() -> None:
    root = compose("a: 1\na: 2\n").root
    assert root is not None
    assert data(root) == {"a": 1}


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_depth_is_limited(opening: str) -> None:
    (fault,) = faults(opening * 900)
    assert fault.endswith(f"the nesting is deeper than {MAX_DEPTH} levels")
    assert len(faults(opening * 100_000)) == 1


def test_the_deepest_level_is_allowed() -> None:
    assert faults("[" * MAX_DEPTH + "]" * MAX_DEPTH) == []


def test_a_scalar_alone_is_a_document() -> None:
    assert compose("x").root == ScalarNode(line=1, column=1, value="x")


printable = st.characters(exclude_categories=["C", "Zl", "Zp"])
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(printable),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(printable, max_size=9), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_json_is_read_as_by_a_json_reader(value: object) -> None:
    assert read(json.dumps(value, ensure_ascii=False)) == value


@given(st.text(st.characters()))
def test_any_text_is_read_or_refused(text: str) -> None:
    document = compose(text)
    assert all(fault.line >= 1 and fault.column >= 1 and "\n" not in fault.text for fault in document.faults)


@given(st.text(st.sampled_from("ab:-?[]{},&*!|>'\"%#@` \n\t<")))
def test_any_soup_of_punctuation_is_read_or_refused(text: str) -> None:
    compose(text)
