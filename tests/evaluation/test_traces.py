from __future__ import annotations

import pytest

from azkvlint.evaluation.traces import SPOILED, Evaluations, Read, SharedEvaluation, Trace, is_same
from azkvlint.evaluation.values import Fields, Items, Partly, Result
from azkvlint.model.location import Location
from azkvlint.model.value import Absent, Scalar, Unknown

AT = Location(path="main.tf")


def scalar(value: str | float) -> Scalar:
    return Scalar(at=AT, value=value)


def both(one: Result, other: Result) -> Fields:
    return Fields(at=AT, fields={"a": one, "b": other})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (scalar(1), scalar(True)),
        (scalar(1), scalar(1.0)),
        (scalar("1"), scalar(1)),
        (scalar("a"), Absent(at=AT)),
        (scalar("a"), Scalar(at=AT, value="a", sensitive=True)),
        (both(scalar(1), scalar(2)), Fields(at=AT, fields={"b": scalar(2), "a": scalar(1)})),
        (both(scalar(1), scalar(2)), both(scalar(1), scalar(3))),
        (both(scalar(1), scalar(2)), both(scalar(True), scalar(2))),
        (Items(at=AT, items=[scalar(0)]), Items(at=AT, items=[scalar(False)])),
        (Items(at=AT, items=[scalar(0)]), Items(at=AT, items=[scalar(0)], kind="set")),
        (Partly(at=AT, why="", items=(scalar(1),)), Partly(at=AT, why="", items=(scalar(True),))),
        (Unknown(at=AT, why="", one_of=(1,)), Unknown(at=AT, why="", one_of=(True,))),
    ],
)
def test_values_that_expressions_distinguish_are_not_the_same(one: Result, other: Result) -> None:
    assert not is_same(one, other)
    assert is_same(one, one)


def test_only_the_read_part_of_a_value_is_compared() -> None:
    value = both(both(scalar(1), scalar(2)), scalar(3))
    read = Read("value", "local.x", scalar(2), ("a", "b"))
    assert read.is_of(value)
    assert read.is_of(both(both(scalar(7), scalar(2)), scalar(8)))
    assert not read.is_of(both(both(scalar(1), scalar(7)), scalar(3)))
    assert not read.is_of(both(scalar(2), scalar(2)))


def test_only_a_chain_of_members_narrows_a_recorded_read() -> None:
    owner, trace = object(), Trace()
    trace.enter(owner, {})
    value = both(scalar(1), scalar(2))
    trace.read(0, owner, Read("value", "local.x", value))
    trace.step(0, value, "a")
    assert trace.log == [Read("value", "local.x", scalar(1), ("a",))]
    trace.step(1, value.fields["a"], "b")
    trace.step(0, both(scalar(1), scalar(2)), "a")
    assert trace.log == [Read("value", "local.x", scalar(1), ("a",))]


def test_evaluation_that_reads_another_module_or_one_world_is_not_kept() -> None:
    trace, kept, node = Trace(), Evaluations(), object()
    trace.enter(object(), {})
    trace.read(0, object(), Read("value", "local.x", scalar(1)))
    assert trace.log == [SPOILED]
    kept.add(node, SharedEvaluation((SPOILED,), scalar(1)))
    kept.add(node, SharedEvaluation((Read("value", "local.x", Undeclared()),), scalar(1)))
    assert kept.of(node) == []
    kept.add(node, SharedEvaluation((Read("declaration", (False, "a.b"), ("one",)),), scalar(1)))
    assert len(kept.of(node)) == 1


def test_evaluation_that_reads_bound_variables_is_not_kept() -> None:
    owner, trace = object(), Trace()
    trace.enter(owner, {})
    around, item = trace.enter(owner, {"each": "bound"}), scalar(1)
    trace.read_local("each", "bound", item)
    trace.read_local("x", "bound", item)
    assert [read.name for read in trace.log] == ["each"]
    trace.leave(around, 0)
    assert trace.log[-1] is SPOILED


class Undeclared:
    """A value that is no data."""

    at = AT
