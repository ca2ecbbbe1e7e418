"""Texts of which only some parts are known: what functions on them keep, and their text form."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import azkvlint
from azkvlint.model.pattern import (
    DEPLOYMENT,
    TERRAFORM,
    CallHole,
    DeclaredHole,
    Hole,
    Pattern,
    Text,
    access,
    bare,
    call_hole,
    declared_hole,
    declared_in,
    escaped,
    hole,
    in_braces,
    join_texts,
    known_end,
    known_ends,
    known_start,
    marked,
    numbered,
    operation,
    parts_of,
    remove_prefix,
    restored,
    rstrip_text,
    split_text,
    strip_text,
    text_form,
    without_last,
    written_call,
)
from tests.patterns import text_of_form

_PART: st.SearchStrategy[Text] = st.one_of(
    st.text(st.sampled_from(["a", "B", "/", "-", "."]), max_size=4),
    st.sampled_from([hole("x"), hole("f(", hole("y"), "/z)"), declared_hole(TERRAFORM, "a_b.c", "id", "a_b")]),
)
TEXTS: st.SearchStrategy[Text] = st.lists(_PART, max_size=6).map(join_texts)
ID = join_texts(["/subscriptions/", hole("subscription"), "/providers/a.b/c/", hole("name")])


def _merged(text: Text) -> bool:
    """Return whether no known text is empty or stands beside another."""
    kinds = [isinstance(part, str) for part in parts_of(text)]
    return "" not in parts_of(text) and not any(one and other for one, other in pairwise(kinds))


@given(TEXTS, st.sampled_from(["/", "-", "a"]))
def test_the_parts_of_a_split_text_make_it_again(text: Text, delimiter: str) -> None:
    assert join_texts(split_text(text, delimiter), delimiter) == text
    assert all(map(_merged, split_text(text, delimiter)))


@given(TEXTS, st.sampled_from(["/", "a"]), st.sampled_from([1, 2, 3]))
def test_a_text_without_its_last_parts_ends_before_a_delimiter(text: Text, delimiter: str, number: int) -> None:
    kept = without_last(text, delimiter, number)
    assert kept == join_texts(split_text(text, delimiter)[:-number], delimiter)
    assert _merged(kept) or not kept


@given(TEXTS)
def test_a_text_without_holes_is_a_string(text: Text) -> None:
    assert isinstance(text, str) == (not any(isinstance(part, Hole) for part in parts_of(text)))
    assert _merged(text)


@given(TEXTS)
def test_functions_on_texts_agree_with_those_on_text_forms(text: Text) -> None:
    form = text_form(text)
    assert text_form(strip_text(text, "/")) == form.strip("/")
    assert text_form(rstrip_text(text, "/")) == form.rstrip("/")
    assert [text_form(part) for part in split_text(text, "/")] == form.split("/")
    ends = known_ends(form)
    assert (known_start(text), known_end(text)) == (ends or (form, form))
    assert text_of_form(form) == text
    assert text_form(remove_prefix(text, known_start(text)[:2])) == form.removeprefix(known_start(text)[:2])


@given(TEXTS)
def test_a_numbered_text_is_restored(text: Text) -> None:
    assert restored(numbered(text), text) == text
    assert marked(text, "").count("\u27e8") == 0


def test_a_text_with_characters_of_private_use_is_not_numbered() -> None:
    with pytest.raises(ValueError, match="private use"):
        numbered(join_texts(["\ue0000\ue001", hole("x")]))


def test_a_prefix_that_ends_in_a_hole_is_not_removed() -> None:
    assert remove_prefix(ID, "/subscriptions/\u27e8sub") == ID
    assert remove_prefix(ID, join_texts(["/subscriptions/", hole("subscription"), "/"])) == join_texts(
        ["providers/a.b/c/", hole("name")]
    )


def test_a_reference_keeps_its_address_through_members_and_items() -> None:
    found = access(access(declared_hole(TERRAFORM, 'azurerm_app.a["x.y"]', "identity"), "[0]"), ".principal_id")
    assert isinstance(found, DeclaredHole)
    assert (found.address, found.path, found.attribute) == (
        'azurerm_app.a["x.y"]',
        "identity[0].principal_id",
        "principal_id",
    )
    assert found.text == '\u27e8\u27e8\u27e8azurerm_app.a["x.y"].identity\u27e9[0]\u27e9.principal_id\u27e9'
    assert bare(found) == 'azurerm_app.a["x.y"].identity[0].principal_id'


def test_an_id_in_a_reference_has_no_slash_in_the_text_form() -> None:
    found = declared_hole(DEPLOYMENT, ID, "properties.vaultUri")
    assert "/" not in found.text
    assert found.address == ID
    assert in_braces(join_texts([found, "keys/a"])) == (
        "{/subscriptions/subscription/providers/a.b/c/name.properties.vaultUri}keys/a"
    )


def test_references_in_the_arguments_of_functions_are_found() -> None:
    text = join_texts(["a-", call_hole("lower", [call_hole("trim", [declared_hole(TERRAFORM, "a_b.c", "id", "a_b")])])])
    assert [found.address for found in declared_in(text)] == ["a_b.c"]
    assert not list(declared_in(join_texts(["a", hole("x")])))


def test_calls_and_operators_keep_their_operands() -> None:
    found = written_call("take", ["'kv\u27e8x\u27e9'", "5"], [join_texts(["kv", hole("x")]), "5"])
    assert isinstance(found, CallHole)
    assert (found.name, text_form(found.arguments[0]), found.arguments[1]) == ("take", "kv\u27e8x\u27e9", "5")
    assert found.text == "\u27e8take('kv\u27e8x\u27e9',5)\u27e9"
    assert operation("&&", [hole("a"), hole("b")]).text == "\u27e8\u27e8a\u27e9&&\u27e8b\u27e9\u27e9"


def test_long_expressions_differ_by_a_digest() -> None:
    long, other = hole("x" * 20_000), hole("x" * 20_001)
    assert len(long.text) < 100
    assert long != other


def test_patterns_with_the_same_text_form_are_equal() -> None:
    assert hole("a_b.c.id") == declared_hole(TERRAFORM, "a_b.c", "id")
    assert len({hole("a"), hole("a"), Pattern((hole("a"),))}) == 1
    assert hole("a") != "\u27e8a\u27e9"


def test_a_known_text_never_has_the_form_of_a_hole() -> None:
    assert escaped("\u27e8x\u27e9") == "(x)"


def test_no_other_module_has_the_characters_of_text_forms() -> None:
    marks = ("\u27e8", "\u27e9", "\u2215", "\\u27e8", "\\u27e9", "\\u2215")
    package = Path(azkvlint.__file__).parent
    found = [file for file in package.rglob("*.py") if any(mark in file.read_text("utf-8") for mark in marks)]
    assert [str(file.relative_to(package)) for file in found] == [str(Path("model", "pattern.py"))]
