"""Room for deep evaluation, and only for it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

# Frames of Python for the depth that the evaluator allows (``evaluate.MAX_DEPTH``), each level of which takes several.
FRAMES = 8_000

_P = ParamSpec("_P")
_T = TypeVar("_T")


def with_room(read: Callable[_P, _T]) -> Callable[_P, _T]:
    """A function that reads a document, with room for evaluation as deep as its limit allows.

    Python's own limit is only in the way there; everywhere else it stays, for it keeps hostile input from the stack.
    """

    @wraps(read)
    def with_more(*arguments: _P.args, **named: _P.kwargs) -> _T:
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(max(before, FRAMES))
        try:
            return read(*arguments, **named)
        finally:
            sys.setrecursionlimit(before)

    return with_more
