"""Selectors: what is a path, and what people are told about what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonpath_ng.parser import parse

from azkvlint.model.value import Path, path_text
from azkvlint.syntax.attribute_path import PathError, parse_path

WILDCARD = "wildcards and slices are not supported; use `some:` or `every:`"
FILTER = "filters are not supported; use `some:` with `where:`"
UNION = "unions are not supported; use `any:`"
BACKTICKS = "words in backticks are not supported"
UNREADABLE = "not a path; join names with dots and quote names with special characters"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("$", ()),
        ("name", ("name",)),
        ("$.name", ("name",)),
        ("properties.networkAcls.ipRules[0].value", ("properties", "networkAcls", "ipRules", 0, "value")),
        ("$[2]", (2,)),
        ("[2]", (2,)),
        ("items[-1]", ("items", -1)),
        ("a[0][1]", ("a", 0, 1)),
        ("tags.'cost centre'", ("tags", "cost centre")),
        ('tags["a.b"]', ("tags", "a.b")),
        ("tags.'$'", ("tags", "$")),
        ("'it\\'s'", ("it's",)),
        ("a.(b.c)", ("a", "b", "c")),
        ("a-b.c_d", ("a-b", "c_d")),
    ],
)
def test_path_selects_one_value(text: str, path: Path) -> None:
    assert parse_path(text) == path


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("properties.logs[*].x", WILDCARD),
        ("a.*", WILDCARD),
        ("*", WILDCARD),
        ("a.'*'", WILDCARD),
        ("a[1:2]", "wildcards and slices are not supported; use `some:` or `every:`"),
        ("a[0,1]", UNION),
        ("a,b", UNION),
        ("a['x','y']", UNION),
        ("a|b", UNION),
        ("a&b", UNION),
        ("a..b", "`..` is not supported; write the whole path"),
        ("a[?(@.b == 1)]", FILTER),
        ("a where b", FILTER),
        ("a.`parent`", BACKTICKS),
        ("a.`this`", BACKTICKS),
        ("a.$", "`$` is only supported at the start of a path"),
        ("", UNREADABLE),
        ("a.", UNREADABLE),
        ("a b", UNREADABLE),
        ("é", UNREADABLE),
        ("a.''", UNREADABLE),
        ("a[100000]", UNREADABLE),
    ],
)
def test_other_paths_are_rejected_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(PathError) as caught:
        parse_path(text)
    assert str(caught.value) == f"`{text}`: {reason}"


def test_a_selector_has_a_limit() -> None:
    with pytest.raises(PathError, match="paths longer than 500 characters are not supported"):
        parse_path(".".join("a" * 2000))


names = st.from_regex(r"[abXY_][abXY_01]*", fullmatch=True)


@given(names, st.lists(names | st.integers(0, 99), max_size=6))
def test_selector_finds_the_value_that_jsonpath_ng_finds(first: str, rest: list[str | int]) -> None:
    path = (first, *rest)
    document: object = "here"
    for step in reversed(path):
        document = {step: document} if isinstance(step, str) else [None] * step + [document]
    text = path_text(path)
    assert parse_path(text) == path
    assert [match.value for match in parse(text).find(document)] == ["here"]


@given(st.text() | st.text(st.sampled_from("ab$.[]'\"*01:,|&`@?() \\")))
def test_any_string_is_parsed_or_rejected(text: str) -> None:
    try:
        path = parse_path(text)
    except PathError:
        return
    assert all(isinstance(step, str | int) for step in path)
