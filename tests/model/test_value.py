"""Values: what a path leads to, and what of a value may be seen."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Answer, Link, ListValue, MapValue, Path, Scalar, Unknown, Value, path_text

AT = Location(path="plan.json")
HERE = Location(path="plan.json", attribute="here")
SECRET = "correct-horse"
UNKNOWN = Unknown(at=AT, why="known after apply")
LINK = Link(at=AT, target="azurerm_key_vault.kv", type="Microsoft.KeyVault/vaults")
ONE = Scalar(at=AT, value=1)


def mapping(rest: Unknown | None = None, **fields: Value) -> MapValue:
    return MapValue(at=HERE, fields=fields, rest=rest)


def items(*values: Value) -> ListValue:
    return ListValue(at=HERE, items=values)


NAMES = st.sampled_from(["a", "b", "c"])
LEAVES: st.SearchStrategy[Value] = st.sampled_from([ONE, UNKNOWN, LINK, Scalar(at=AT, value="")])
TREES: st.SearchStrategy[Value] = st.recursive(
    LEAVES,
    lambda below: st.one_of(
        st.lists(below, max_size=3).map(lambda values: items(*values)),
        st.builds(
            lambda fields, rest: mapping(rest, **fields),
            st.dictionaries(NAMES, below, max_size=3),
            st.sampled_from([None, UNKNOWN]),
        ),
    ),
    max_leaves=8,
)
PATHS: st.SearchStrategy[Path] = st.lists(st.one_of(NAMES, st.integers(-4, 4)), max_size=4).map(tuple)


# --- select -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "path", "found"),
    [
        (mapping(a=ONE), ("a",), ONE),
        (mapping(a=mapping(b=ONE)), ("a", "b"), ONE),
        (mapping(a=items(ONE, LINK)), ("a", 1), LINK),
        (items(ONE, LINK), (-1,), LINK),
        (mapping(a=UNKNOWN), ("a", "b", 3, "c"), UNKNOWN),
        (items(UNKNOWN), (0, "a"), UNKNOWN),
        (mapping(UNKNOWN, a=ONE), ("a",), ONE),
        (mapping(UNKNOWN, a=ONE), ("b", "c"), UNKNOWN),
        (mapping(a=Scalar(at=AT, value=False)), ("a",), Scalar(at=AT, value=False)),
    ],
)
def test_existing_value_is_selected(value: Value, path: Path, found: Value) -> None:
    assert value.select(path) == found


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (mapping(), ("a",)),
        (mapping(a=mapping()), ("a", "b")),
        (mapping(a=ONE), (0,)),
        (items(ONE), ("a",)),
        (items(ONE), (1,)),
        (items(ONE), (-2,)),
        (items(), (0,)),
        (ONE, ("a",)),
        (LINK, ("a",)),
    ],
)
def test_missing_value_is_absent(value: Value, path: Path) -> None:
    found = value.select(path)
    assert isinstance(found, Absent)
    assert found.path == path_text(path)


def test_absent_is_at_the_nearest_thing_that_exists() -> None:
    found = mapping(a=MapValue(at=Location(path="p", attribute="a"), fields={})).select(("a", "b", "c"))
    assert found.at.attribute == "a"


@given(TREES, PATHS, PATHS)
def test_a_path_is_walked_step_by_step(value: Value, first: Path, second: Path) -> None:
    at_once, in_steps = value.select(first + second), value.select(first).select(second)
    assert type(at_once) is type(in_steps)
    assert isinstance(at_once, Absent) or at_once == in_steps


@given(TREES, PATHS)
def test_values_below_an_unknown_value_are_unknown(value: Value, path: Path) -> None:
    for length in range(len(path)):
        if isinstance(value.select(path[:length]), Unknown):
            assert isinstance(value.select(path), Unknown)


# --- truth ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [ONE, LINK, UNKNOWN, mapping(), items(ONE), Absent(at=AT)])
def test_no_value_is_true_or_false(value: Answer) -> None:
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(value)


# --- what is shown ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Scalar(at=AT, value=True), "true"),
        (Scalar(at=AT, value=False), "false"),
        (Scalar(at=AT, value=1), "1"),
        (Scalar(at=AT, value="x"), "x"),
        (items(ONE, UNKNOWN), "[1, unknown: known after apply]"),
        (items(), "[]"),
        (mapping(a=ONE, b=items(LINK)), "(a: 1, b: [azurerm_key_vault.kv])"),
        (LINK, "azurerm_key_vault.kv"),
        (UNKNOWN, "unknown: known after apply"),
        (Absent(at=AT, path="a"), "not set"),
    ],
)
def test_value_is_displayed(value: Answer, shown: str) -> None:
    assert value.display() == shown
    assert repr(value) == f"<{type(value).__name__} {shown}>"


def hide(value: Value) -> Value:
    return msgspec.structs.replace(value, sensitive=True)


SENSITIVE: st.SearchStrategy[Value] = st.sampled_from(
    [
        hide(Scalar(at=AT, value=SECRET)),
        hide(MapValue(at=AT, fields={SECRET: ONE})),
        hide(items(Scalar(at=AT, value=SECRET))),
        hide(Link(at=AT, target=SECRET)),
        hide(Unknown(at=AT, why=SECRET)),
    ]
)


@given(SENSITIVE, st.integers(0, 2))
def test_no_text_of_a_sensitive_value_contains_it(value: Value, depth: int) -> None:
    for level in range(depth):
        value = mapping(a=value) if level % 2 else items(ONE, value)
    for text in (value.display(), repr(value), str(value), f"{value}", f"{value!r}", repr([value]), pretty_repr(value)):
        assert SECRET not in text
        assert "(sensitive)" in text


@pytest.mark.parametrize(
    ("path", "text"),
    [((), ""), (("a",), "a"), (("a", "b"), "a.b"), (("a", 0, "b"), "a[0].b"), (("a", 0, 1), "a[0][1]")],
)
def test_path_is_displayed(path: Path, text: str) -> None:
    assert path_text(path) == text


@pytest.mark.parametrize("value", [Scalar(at=AT, value="x" * 1_000_000), items(*[ONE] * 1_000_000), mapping(a=UNKNOWN)])
def test_displayed_value_is_short(value: Value) -> None:
    """Expressions make texts and lists of any size."""
    assert len(items(*[value] * 1000).display()) < 1_100
    assert len(items(items(*[value] * 1000)).display()) < 1_100
