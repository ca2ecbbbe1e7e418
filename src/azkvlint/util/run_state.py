"""Hold the state of runs: what a run may read, what it has read, and the texts that replace files.

Each part of it is an object of a class of the module that needs it. The command line has one run in a process, which is
the state of the process; functions of the Python API begin their own, so that runs of other threads do not share any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

_T = TypeVar("_T")


class RunState:
    """The parts of the state of a run, each created on first use."""

    def __init__(self) -> None:
        self._parts: dict[Callable[[], Any], Any] = {}

    def part(self, kind: Callable[[], _T]) -> _T:
        """Return the part of a kind, which creates it without arguments."""
        part: _T | None = self._parts.get(kind)
        if part is None:
            part = self._parts[kind] = kind()
        return part


# Forked processes start with a copy of the state of the thread that forks.
_current: ContextVar[RunState] = ContextVar("run", default=RunState())  # noqa: B039  # the state of the process


def part_of_run(kind: Callable[[], _T]) -> _T:
    """Return a part of the state of the current run."""
    return _current.get().part(kind)


@contextmanager
def separate_run() -> Iterator[None]:
    """Give what runs in this thread a new state, until the end of the block."""
    token = _current.set(RunState())
    try:
        yield
    finally:
        _current.reset(token)
