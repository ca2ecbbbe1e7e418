"""Items, and conditions together: what decides, and nothing else is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from azkvlint.model.finding import FAIL, PASS, UNKNOWN, Outcome, negate
from azkvlint.model.location import Location
from azkvlint.model.rule import All, AnyOf, Condition, Not
from azkvlint.model.value import Origin, Scalar, Unknown

if TYPE_CHECKING:
    from tests.engine.conftest import Build

AT = Location(path="plan.json")


def asked(build: Build, condition: Condition, graph: Any, address: str = "kv") -> tuple[Outcome, list[str]]:
    """The outcome, and what each piece of evidence is about."""
    outcome, trail = build.ask(condition, graph, address)
    assert {note.outcome for note in trail} <= {outcome}
    return outcome, [note.attribute for note in trail]


# --- items ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "some", "every"),
    [
        (None, FAIL, PASS),
        ([], FAIL, PASS),
        ("unknown", UNKNOWN, UNKNOWN),
        ([1], PASS, PASS),
        ([2], FAIL, FAIL),
        ([1, 2], PASS, FAIL),
        (["unknown"], UNKNOWN, UNKNOWN),
        ([1, "unknown"], PASS, UNKNOWN),
        ([2, "unknown"], UNKNOWN, FAIL),
        ([1, 2, "unknown"], PASS, FAIL),
        # Set, but no list: it may not pass for an empty one.
        ("link", UNKNOWN, UNKNOWN),
        ("text", UNKNOWN, UNKNOWN),
        ({"a": 1}, UNKNOWN, UNKNOWN),
    ],
)
def test_some_and_every_follow_the_outcomes_of_items(build: Build, found: Any, some: Outcome, every: Outcome) -> None:
    words = {"unknown": build.unknown, "link": build.link}

    def meant(plain: Any) -> Any:
        return [meant(item) for item in plain] if isinstance(plain, list) else words.get(str(plain), plain)

    resource = build.resource(a=meant(found))
    one = build.attribute("$", equals=1)
    assert asked(build, build.items("some", "a", one), resource)[0] is some
    assert asked(build, build.items("every", "a", one), resource)[0] is every
    # De Morgan.
    assert asked(build, Not(build.items("every", "a", Not(one))), resource)[0] is some


@pytest.mark.parametrize(
    ("values", "outcome"),
    [((), UNKNOWN), ((1,), PASS), ((2,), FAIL), ((1, 2), UNKNOWN), ((2, 3), FAIL), ((1, 1.0), PASS)],
)
def test_unknown_choice_of_values_follows_the_outcomes_of_each(
    build: Build, values: tuple[int, ...], outcome: Outcome
) -> None:
    unknown = Unknown(at=AT, why="later", one_of=values)
    resource = build.resource(a=unknown)
    assert asked(build, build.attribute("a", equals=1), resource)[0] is outcome
    assert asked(build, Not(build.attribute("a", equals=1)), resource)[0] is negate(outcome)
    assert asked(build, build.attribute("a.b", equals=1), resource)[0] is UNKNOWN
    assert asked(build, build.attribute("a", **{"is": "set"}), resource)[0] is (PASS if values else UNKNOWN)
    assert asked(build, build.attribute("a", **{"is": "absent"}), resource)[0] is (FAIL if values else UNKNOWN)


@pytest.mark.parametrize(
    ("quantifier", "items", "told"),
    [
        ("some", [1, 2, 1], ["a[0]", "a[2]"]),
        ("some", [2, 3], ["a[0]", "a[1]"]),
        ("some", [], ["a"]),
        ("every", [1, 2, 1, 3], ["a[1]", "a[3]"]),
        ("every", [1, 1], ["a[0]", "a[1]"]),
        ("every", [], ["a"]),
    ],
)
def test_evidence_is_of_the_items_that_decide(build: Build, quantifier: str, items: list[int], told: list[str]) -> None:
    condition = build.items(quantifier, "a", build.attribute("$", equals=1))
    assert asked(build, condition, build.resource(a=items))[1] == told


def test_nested_items_have_their_paths(build: Build) -> None:
    resource = build.resource(a=[{"b": [{"c": 1}, {"c": 2}]}, {"b": []}])
    for text in ("c", "$.c"):
        condition = build.items("every", "a", build.items("every", "b", build.attribute(text, equals=1)))
        assert asked(build, condition, resource) == (FAIL, ["a[0].b[1].c"])
    assert asked(build, build.attribute("$.a", equals=1), resource) == (FAIL, ["a"])


def test_nested_lists_have_their_paths(build: Build) -> None:
    condition = build.items("every", "a", build.items("every", "$", build.attribute("$", equals=1)))
    assert asked(build, condition, build.resource(a=[[1], [1, 2]])) == (FAIL, ["a[1][1]"])
    assert asked(build, condition, build.resource(a=[[1], build.unknown])) == (UNKNOWN, ["a[1]"])


# --- all, any, not ----------------------------------------------------------------------------------------------------


def test_evidence_contains_only_deciding_conditions(build: Build) -> None:
    a, b, c = (build.attribute(name, equals=True) for name in "abc")
    resource = build.resource(a=True, b=False, c=build.unknown)
    assert asked(build, All((a, b, c)), resource) == (FAIL, ["b"])
    assert asked(build, AnyOf((a, b, c)), resource) == (PASS, ["a"])
    assert asked(build, AnyOf((b, c)), resource) == (UNKNOWN, ["c"])
    assert asked(build, All((a, c)), resource) == (UNKNOWN, ["c"])
    assert asked(build, All((AnyOf((a, b)), AnyOf((b, Not(a))))), resource) == (FAIL, ["b", "a"])


def test_negation_keeps_evidence(build: Build) -> None:
    condition = build.attribute("a", equals=True)
    resource = build.resource(a=True)
    (note,) = build.ask(Not(condition), resource).trail
    assert (note.outcome, note.expected, note.found) == (FAIL, "false", "true")
    (note,) = build.ask(Not(Not(condition)), resource).trail
    assert (note.outcome, note.expected) == (PASS, "true")
    both = All((condition, build.attribute("b", **{"is": "set"})))
    assert asked(build, Not(both), resource) == (PASS, ["b"])


def test_evidence_has_the_source_of_a_derived_value(build: Build) -> None:
    at = Location(path="plan.json", attribute="properties.networkAcls")
    world = Scalar(at=at, value="world", origin=Origin.DERIVED, note="no rules are set")
    (note,) = build.ask(
        build.attribute("derived.exposure", equals="x"), build.resource(derived={"exposure": world})
    ).trail
    assert (note.attribute, note.at.attribute, note.origin, note.note) == (
        "derived.exposure",
        "properties.networkAcls",
        "derived",
        "no rules are set",
    )
    assert note.at.address == "kv"


def test_evidence_shows_no_sensitive_value(build: Build) -> None:
    secret = Scalar(at=Location(path="plan.json"), value="correct-horse", sensitive=True)
    (note,) = build.ask(build.attribute("a", equals="x"), build.resource(a=secret)).trail
    assert note.found == "(sensitive)"
