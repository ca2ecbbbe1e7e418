"""Kleene's logic, in the tables and in whole trees of conditions."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azkvlint.model.finding import FAIL, PASS, UNKNOWN, Outcome, implication, negate
from azkvlint.model.rule import All, AnyOf, AttributeCondition, Condition, Not

if TYPE_CHECKING:
    from tests.engine.conftest import Build

OUTCOMES = tuple(Outcome)
POSSIBLE = {FAIL: {False}, UNKNOWN: {False, True}, PASS: {True}}


def kleene(possible: set[bool]) -> Outcome:
    """The outcome of a question that may be answered in these ways."""
    return UNKNOWN if len(possible) == 2 else PASS if True in possible else FAIL


def test_outcomes_are_ordered() -> None:
    assert FAIL < UNKNOWN < PASS


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_not_is_its_own_inverse(outcome: Outcome) -> None:
    assert negate(negate(outcome)) is outcome
    assert negate(outcome) is kleene({not answer for answer in POSSIBLE[outcome]})


@pytest.mark.parametrize(("when", "require"), list(product(OUTCOMES, OUTCOMES)))
def test_implication_is_decided_only_if_it_is_for_every_unknown_value(when: Outcome, require: Outcome) -> None:
    possible = {not a or b for a, b in product(POSSIBLE[when], POSSIBLE[require])}
    assert implication(when, require) is kleene(possible)


# --- trees of conditions ----------------------------------------------------------------------------------------------

# Attributes a to e of the resource that is asked; each may be true, false or not known.
LEAVES = st.sampled_from(
    [AttributeCondition(path=(name,), text=name, operator="equals", operand=True) for name in "abcde"],
)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    LEAVES,
    lambda below: st.one_of(
        st.lists(below, max_size=3).map(lambda parts: All(tuple(parts))),
        st.lists(below, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
        below.map(Not),
    ),
    max_leaves=8,
)
WORLDS = st.fixed_dictionaries({name: st.sampled_from([True, False, None]) for name in "abcde"})


def table(condition: Condition, world: dict[str, bool | None]) -> Outcome:
    """The textbook's answer."""
    match condition:
        case AttributeCondition(text=name):
            known = world[name]
            return UNKNOWN if known is None else PASS if known else FAIL
        case All(of=parts):
            return min((table(part, world) for part in parts), default=PASS)
        case AnyOf(of=parts):
            return max((table(part, world) for part in parts), default=FAIL)
        case Not(of=part):
            return negate(table(part, world))
        case _:
            raise AssertionError


def say(build: Build, world: dict[str, bool | None]) -> dict[str, object]:
    return {name: build.unknown if known is None else known for name, known in world.items()}


@given(CONDITIONS, WORLDS)
def test_conditions_follow_the_tables(build: Build, condition: Condition, world: dict[str, bool | None]) -> None:
    assert build.ask(condition, build.resource(**say(build, world))).outcome is table(condition, world)


@given(CONDITIONS, WORLDS)
def test_evidence_is_of_the_outcome_it_explains(
    build: Build, condition: Condition, world: dict[str, bool | None]
) -> None:
    answer = build.ask(condition, build.resource(**say(build, world)))
    assert {note.outcome for note in answer.trail} <= {answer.outcome}


@given(CONDITIONS, WORLDS)
def test_evidence_is_all_that_decides(build: Build, condition: Condition, world: dict[str, bool | None]) -> None:
    """Whatever is not among the evidence may change as it likes: the outcome stays."""
    answer = build.ask(condition, build.resource(**say(build, world)))
    told = {note.attribute for note in answer.trail}
    for other in (True, False, None):
        changed = {name: known if name in told else other for name, known in world.items()}
        if answer.outcome is UNKNOWN:
            # What is told is what is not known.
            assert all(world[name] is None for name in told)
        else:
            assert table(condition, changed) is answer.outcome


@given(CONDITIONS, WORLDS, st.sampled_from("abcde"))
def test_unknown_value_never_reverses_a_result(
    build: Build, condition: Condition, world: dict[str, bool | None], name: str
) -> None:
    before = build.ask(condition, build.resource(**say(build, world))).outcome
    after = build.ask(condition, build.resource(**say(build, world | {name: None}))).outcome
    assert after in (before, UNKNOWN)
