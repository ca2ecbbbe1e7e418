"""Which folders or files of a scan others call, by who calls whom."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

from azkvlint.readers.missing_modules import EXAMPLES


def called_by_others(calls: Mapping[str, set[str]]) -> set[str]:
    """Return what is called by something else. Of those that only call each other in a circle, one is left out."""
    called = {callee for caller, callees in calls.items() for callee in callees if callee != caller}
    waiting = [one for one in calls if one not in called]
    reached: set[str] = set()
    for one in [*waiting, *calls]:
        if one in called and one not in reached:
            called.discard(one)
        todo = [one]
        while todo:
            here = todo.pop()
            if here not in reached:
                reached.add(here)
                todo.extend(calls.get(here, ()))
    return called


def callers_of(called: Collection[str], calls: Mapping[str, set[str]]) -> set[str]:
    """Return what calls one of the ``called`` folders or files, also through others."""
    callers: dict[str, list[str]] = {}
    for caller, callees in calls.items():
        for callee in callees:
            callers.setdefault(callee, []).append(caller)
    found: set[str] = set()
    waiting = list(called)
    while waiting:
        new = [caller for caller in callers.get(waiting.pop(), ()) if caller not in found]
        found.update(new)
        waiting += new
    return found


def called_by_examples(called: Collection[str], calls: Mapping[str, set[str]]) -> frozenset[str]:
    """Return those of the ``called`` folders, or files, that only examples and tests below their own folder call."""
    callers: dict[str, list[str]] = {}
    for caller, callees in calls.items():
        for callee in callees - {caller}:
            callers.setdefault(callee, []).append(caller)
    return frozenset(one for one in called if all(_is_example(caller, one) for caller in callers.get(one, ())))


def _is_example(caller: str, callee: str) -> bool:
    """Return whether a caller is in a folder for examples or tests below the folder of what it calls."""
    folder = os.path.dirname(callee) if os.path.splitext(callee)[1] == ".bicep" else callee
    steps = os.path.relpath(caller, folder).replace(os.sep, "/").lower().split("/")
    return steps[0] != ".." and not EXAMPLES.isdisjoint(steps)
