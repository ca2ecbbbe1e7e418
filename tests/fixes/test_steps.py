"""Edits that are made one after the other, as edits of the first text."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from azkvlint.fixes.sources import Sources
from azkvlint.fixes.steps import Steps
from azkvlint.model.fix import TextEdit, apply

PATH = "main.tf"
TEXT = "0123456789"


class InMemory(Sources):
    def __init__(self) -> None:
        super().__init__("/", {PATH: TEXT.encode()})


def edit(start: int, end: int, replacement: str, *names: tuple[int, str]) -> TextEdit:
    return TextEdit(path=PATH, start=start, end=end, replacement=replacement, names=names)


@st.composite
def edits_of(draw: st.DrawFn, length: int) -> tuple[TextEdit, ...]:
    places = sorted(draw(st.lists(st.integers(0, length), max_size=6, unique=True)))
    pairs = zip(places[::2], places[1::2], strict=False)
    return tuple(
        edit(start, draw(st.sampled_from((start, end))), draw(st.text("abc", max_size=3))) for start, end in pairs
    )


@settings(max_examples=200)
@given(data=st.data())
def test_composed_edits_result_in_the_same_text(data: st.DataObject) -> None:
    steps = Steps(InMemory())
    for _ in range(data.draw(st.integers(1, 4))):
        steps.add(data.draw(edits_of(len(steps.now.text(PATH)))))
    composed = steps.edits
    assert apply(TEXT, composed) == steps.now.text(PATH)
    # Digits that stay are in no edit.
    replaced = "".join(TEXT[one.start : one.end] for one in composed)
    assert set(replaced).isdisjoint(steps.now.text(PATH))


def test_a_name_refers_to_the_first_text() -> None:
    steps = Steps(InMemory())
    steps.add((edit(2, 4, "a", (1, "x")),))
    steps.add((edit(0, 0, "b", (9, "y"), (2, "in what is new")),))
    assert steps.edits == (edit(0, 0, "b", (1, "x")), edit(2, 4, "a"))


def test_no_edits_are_left_of_steps_that_cancel_each_other() -> None:
    steps = Steps(InMemory())
    steps.add((edit(3, 3, "ab"),))
    steps.add((edit(3, 5, ""),))
    assert steps.edits == ()
