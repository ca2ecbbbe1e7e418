"""Every operator against every kind of value, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azkvlint.engine.operators import OPERATORS, are_equal, key_of
from azkvlint.engine.schema import OPERATORS as VOCABULARY
from azkvlint.model.finding import FAIL, PASS, UNKNOWN, Outcome, negate
from azkvlint.model.location import Location
from azkvlint.model.rule import Not
from azkvlint.model.value import Link, ListValue, MapValue, Scalar, Unknown, Value

if TYPE_CHECKING:
    from tests.engine.conftest import Build

AT = Location(path="plan.json")
UNKNOWN_VALUE = Unknown(at=AT, why="known after apply")
LINK = Link(at=AT, target="azurerm_key_vault.kv")


def text(value: Any) -> Scalar:
    return Scalar(at=AT, value=value)


def items(*values: Value) -> ListValue:
    return ListValue(at=AT, items=values)


def mapping(rest: Unknown | None = None, **fields: Value) -> MapValue:
    return MapValue(at=AT, fields=fields, rest=rest)


# One value of each kind, in this order, for the columns below.
KINDS: Mapping[str, Value] = {
    "Rbac": text("Rbac"),
    "3": text(3),
    "3.0": text(3.0),
    "true": text(True),
    "1": text(1),
    "''": text(""),
    "[]": items(),
    "[rbac, 3]": items(text("rbac"), text(3)),
    "[?, x]": items(UNKNOWN_VALUE, text("x")),
    "[link]": items(LINK),
    "{}": mapping(),
    "{a: 3}": mapping(a=text(3)),
    "{?}": mapping(UNKNOWN_VALUE),
    "link": LINK,
    "?": UNKNOWN_VALUE,
}
P, F, U = PASS, FAIL, UNKNOWN
#                                   Rbac 3  3.0 true 1 ''  []  [rbac,3] [?,x] [link] {} {a:3} {?} link ?
TABLE: list[tuple[str, Any, tuple[Outcome, ...]]] = [
    ("equals", "rbac", (P, F, F, F, F, F, F, F, F, F, F, F, F, U, U)),
    ("equals", 3, (F, P, P, F, F, F, F, F, F, F, F, F, F, U, U)),
    ("equals", 1, (F, F, F, F, P, F, F, F, F, F, F, F, F, U, U)),
    ("equals", True, (F, F, F, P, F, F, F, F, F, F, F, F, F, U, U)),
    ("equals", "", (F, F, F, F, F, P, F, F, F, F, F, F, F, U, U)),
    ("in", ("RBAC", 1), (P, F, F, F, P, F, F, F, F, F, F, F, F, U, U)),
    ("contains", "RBAC", (P, F, F, F, F, F, F, P, U, U, F, F, F, U, U)),
    ("contains", "ba", (P, F, F, F, F, F, F, F, U, U, F, F, F, U, U)),
    ("contains", "x", (F, F, F, F, F, F, F, F, P, U, F, F, F, U, U)),
    ("contains", 3, (F, F, F, F, F, F, F, P, U, U, F, F, F, U, U)),
    ("matches", "rb.c", (P, F, F, F, F, F, F, F, F, F, F, F, F, U, U)),
    ("matches", "b", (F, F, F, F, F, F, F, F, F, F, F, F, F, U, U)),
    ("matches", ".*", (P, F, F, F, F, P, F, F, F, F, F, F, F, U, U)),
    ("at_least", 2, (F, P, P, F, F, F, F, F, F, F, F, F, F, U, U)),
    ("at_least", 3, (F, P, P, F, F, F, F, F, F, F, F, F, F, U, U)),
    ("at_most", 2, (F, F, F, F, P, F, F, F, F, F, F, F, F, U, U)),
    ("at_most", 3.0, (F, P, P, F, P, F, F, F, F, F, F, F, F, U, U)),
    ("is", "set", (P, P, P, P, P, P, P, P, P, P, P, P, P, P, U)),
    ("is", "absent", (F, F, F, F, F, F, F, F, F, F, F, F, F, F, U)),
    ("length_at_least", 0, (P, F, F, F, F, P, P, P, P, P, P, P, P, U, U)),
    ("length_at_least", 1, (P, F, F, F, F, F, F, P, P, P, F, P, U, U, U)),
    ("has_all", ("RBAC", 3), (F, F, F, F, F, F, F, P, U, U, F, F, U, U, U)),
    ("has_all", ("X",), (F, F, F, F, F, F, F, F, P, U, F, F, U, U, U)),
    ("has_all", ("A",), (F, F, F, F, F, F, F, F, U, U, F, P, U, U, U)),
    ("overlaps", ("0.0.0.0/0",), (F, F, F, F, F, F, F, F, F, F, F, F, F, U, U)),
    ("inside", ("0.0.0.0/0",), (F, F, F, F, F, F, F, F, F, F, F, F, F, U, U)),
    ("length_at_least", 2, (P, F, F, F, F, F, F, P, P, F, F, F, U, U, U)),
]
CASES = [(name, operand, kind, row[i]) for name, operand, row in TABLE for i, kind in enumerate(KINDS)]


@pytest.mark.parametrize(
    ("found", "wanted", "outcome"),
    [
        ("203.0.113.7", ("203.0.113.0/24",), P),
        ("203.0.113.0/24", ("203.0.113.0/24",), P),
        ("203.0.113.9/24", ("203.0.113.0/25", "203.0.113.128/25"), F),
        ("203.0.113.0/23", ("203.0.113.0/24",), F),
        ("198.51.100.1", ("203.0.113.0/24", "198.51.100.1"), P),
        ("2001:db8::1", ("2001:db8::/32",), P),
        ("2001:db8::1", ("0.0.0.0/0",), F),
        ("AzureCloud", ("0.0.0.0/0",), F),
    ],
)
def test_inside_passes_if_one_expected_range_contains_the_value(
    build: Build, found: str, wanted: tuple[str, ...], outcome: Outcome
) -> None:
    condition = build.attribute("a", inside=wanted)
    assert build.ask(condition, build.resource(a=found)).outcome is outcome


@pytest.mark.parametrize(
    ("found", "wanted", "outcome"),
    [
        ("203.0.113.7", ("203.0.113.0/24",), P),
        ("203.0.113.0/24", ("203.0.113.0/24",), P),
        ("203.0.113.0/24", ("203.0.113.128/25",), P),
        ("203.0.113.0/25", ("203.0.113.128/25",), F),
        ("203.0.113.0/24", ("198.51.100.1", "203.0.113.9"), P),
        ("2001:db8::/32", ("2001:db8::1",), P),
        ("2001:db8::1", ("0.0.0.0/0",), F),
        ("AzureCloud", ("0.0.0.0/0",), F),
    ],
)
def test_overlaps_passes_if_one_expected_range_overlaps_the_value(
    build: Build, found: str, wanted: tuple[str, ...], outcome: Outcome
) -> None:
    condition = build.attribute("a", overlaps=wanted)
    assert build.ask(condition, build.resource(a=found)).outcome is outcome


def test_table_contains_every_operator() -> None:
    assert {name for name, _, _ in TABLE} == set(OPERATORS) == set(VOCABULARY)
    assert {len(row) for _, _, row in TABLE} == {len(KINDS)}


@pytest.mark.parametrize(("name", "operand", "kind", "outcome"), CASES)
def test_operator_has_its_outcome(build: Build, name: str, operand: Any, kind: str, outcome: Outcome) -> None:
    condition = build.attribute("a.b", **{name: operand})
    answer = build.ask(condition, build.resource(a={"b": KINDS[kind]}))
    assert answer.outcome is outcome
    (note,) = answer.trail
    assert (note.outcome, note.attribute, note.at.attribute) == (outcome, "a.b", "a.b")
    assert build.ask(Not(condition), build.resource(a={"b": KINDS[kind]})).outcome is negate(outcome)


@pytest.mark.parametrize(("name", "operand"), [(name, operand) for name, operand, _ in TABLE])
def test_missing_value_fails_every_operator_but_absent(build: Build, name: str, operand: Any) -> None:
    outcome = PASS if (name, operand) == ("is", "absent") else FAIL
    answer = build.ask(build.attribute("a.b", **{name: operand}), build.resource(a={}))
    assert (answer.outcome, answer.trail[0].found) == (outcome, "not set")


@pytest.mark.parametrize(
    ("name", "operand", "default", "outcome"),
    [
        ("equals", True, True, PASS),
        ("equals", True, False, FAIL),
        ("equals", False, False, PASS),
        ("equals", 0, 0, PASS),
        ("equals", "a", "A", PASS),
        ("in", ("a", "b"), "b", PASS),
        ("in", ("a", "b"), "", FAIL),
        ("contains", "a", "cat", PASS),
        ("contains", "a", "dog", FAIL),
        ("matches", "a+", "AA", PASS),
        ("at_least", 2, 2, PASS),
        ("at_most", 2, 3, FAIL),
        ("length_at_least", 1, "", FAIL),
        ("length_at_least", 1, "a", PASS),
    ],
)
def test_default_replaces_a_missing_value_only(
    build: Build, name: str, operand: Any, default: Any, outcome: Outcome
) -> None:
    condition = build.attribute("a", default=default, **{name: operand})
    assert build.ask(condition, build.resource()).outcome is outcome
    assert build.ask(condition, build.resource(a=build.unknown)).outcome is UNKNOWN
    assert build.ask(condition, build.resource(a=[])).outcome is FAIL


def test_an_operand_may_be_a_parameter(build: Build) -> None:
    condition = build.attribute("a", at_least="$least")
    assert build.ask(condition, build.resource(a=5), parameters={"least": 5}).outcome is PASS
    answer = build.ask(condition, build.resource(a=5), parameters={"least": 6})
    assert (answer.outcome, answer.trail[0].expected) == (FAIL, "at least 6")


# --- what is the same -------------------------------------------------------------------------------------------------

# "$" would name a parameter.
PLAIN = st.one_of(
    st.text(st.characters(exclude_characters="$"), max_size=4),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([0.0, 1.0, 2.5, -0.0]),
)


@given(PLAIN, PLAIN)
def test_same_is_an_equivalence_that_keeps_types_apart(one: Any, two: Any) -> None:
    assert are_equal(one, one)
    assert are_equal(one, two) is are_equal(two, one)
    if isinstance(one, bool) is not isinstance(two, bool) or isinstance(one, str) is not isinstance(two, str):
        assert not are_equal(one, two)
    assert are_equal(one, two) is (key_of(one) == key_of(two))


@given(PLAIN, PLAIN)
def test_equals_and_in_agree(build: Build, found: Any, wanted: Any) -> None:
    resource = build.resource(a=found)
    equal = build.ask(build.attribute("a", equals=wanted), resource).outcome
    assert build.ask(build.attribute("a", None, **{"in": (wanted,)}), resource).outcome is equal
    assert build.ask(build.attribute("a", contains=wanted), build.resource(a=[found])).outcome is equal


@pytest.mark.parametrize(("one", "two"), [("ß", "SS"), ("İ", "i̇"), ("Ärger", "äRGER"), ("K", "k")])
def test_case_is_more_than_ascii(one: str, two: str) -> None:
    assert are_equal(one, two)


@pytest.mark.parametrize(("one", "two"), [("West Europe", "westeurope"), ("westeurope", "West Europe")])
def test_locations_compare_without_spaces(build: Build, one: str, two: str) -> None:
    resource = build.resource(location=one, other=one)
    for operator in ({"equals": two}, {"in": ("northeurope", two)}):
        assert build.ask(build.attribute("location", None, **operator), resource).outcome is PASS
        assert build.ask(build.attribute("other", None, **operator), resource).outcome is FAIL
    given, wanted = {"allowed": (two,)}, build.attribute("location", None, **{"in": "$allowed"})
    assert build.ask(wanted, resource, parameters=given).outcome is PASS
    # What is shown is what is written.
    assert one in str(build.ask(build.attribute("location", equals="northeurope"), resource).trail)


def test_locations_of_links_compare_without_spaces(build: Build) -> None:
    vault = build.resource("kv", location="West Europe")
    near = build.resource("near", "Microsoft.Network/privateEndpoints", location="westeurope")
    graph = build.graph(vault, near, references=(build.reference("near", targets=("kv",)),))
    linked = build.linked("linked_from", near.type, where=build.attribute("location", equals="WestEurope"))
    assert build.ask(linked, graph).outcome is PASS


@pytest.mark.parametrize("found", [text(1), LINK, UNKNOWN_VALUE])
def test_location_that_is_not_a_string_fails(build: Build, found: Value) -> None:
    expected = FAIL if isinstance(found, Scalar) else UNKNOWN
    assert build.ask(build.attribute("location", equals="x"), build.resource(location=found)).outcome is expected
