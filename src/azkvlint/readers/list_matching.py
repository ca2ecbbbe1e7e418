"""The same item in two lists that need not have it in the same place: a plan prints sets in an order of its own."""

from __future__ import annotations

from collections.abc import Sequence

from azkvlint.model.value import Answer, ListValue, MapValue, Path, Scalar, Step, Value, select

# So much of an item of a list tells it from the others.
_MOST_SAID = 200


def same_path(path: Path, planned: Value, source: Value) -> Path:
    """Return the path in ``source`` of what stands at ``path`` in ``planned``.

    An item is looked for by what it says. Where none says that, or several do, the path ends at the list.
    """
    found: list[Step] = []
    said: Answer = planned
    here: Answer = source
    for step in path:
        same: Step = step
        if isinstance(step, int) and isinstance(said, ListValue) and isinstance(here, ListValue):
            index = _same_item(step, said.items, here.items)
            if index is None:
                break
            same = index
        found.append(same)
        said, here = select(said, (step,)), select(here, (same,))
    return tuple(found)


def _same_item(index: int, planned: Sequence[Value], source: Sequence[Value]) -> int | None:
    """Return which item of ``source`` is the one at ``index`` of ``planned``; the one in its place, if that says as
    much.
    """
    if not -len(planned) <= index < len(planned):
        return None
    said = _said(planned[index])
    scores = [len(said & _said(item)) for item in source]
    best = max(scores, default=0)
    likely = [at for at, score in enumerate(scores) if score == best]
    if index in likely and (best or len(planned) == len(source)):
        return index
    return likely[0] if best and len(likely) == 1 else None


def _said(value: Value) -> frozenset[tuple[Path, str]]:
    """Return the texts, numbers and booleans in a value, with the way to each; of an item of a list, only that it is
    there.
    """
    found: set[tuple[Path, str]] = set()
    waiting: list[tuple[Path, Value]] = [((), value)]
    while waiting and len(found) < _MOST_SAID:
        path, here = waiting.pop()
        if isinstance(here, Scalar):
            found.add((path, str(here.value)))
        elif isinstance(here, MapValue):
            waiting += (((*path, name), field) for name, field in here.fields.items())
        elif isinstance(here, ListValue):
            waiting += ((path, item) for item in here.items)
    return frozenset(found)
