"""Properties that are computed on first use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

_Value = TypeVar("_Value")


class lazy_property(Generic[_Value]):  # noqa: N801  # used as a decorator, as functools.cached_property
    """A property that is computed once.

    Python 3.11 takes a lock for each ``functools.cached_property``, which costs more than most values do.
    """

    def __init__(self, compute: Callable[[Any], _Value]) -> None:
        self._compute = compute
        self._name = compute.__name__
        self.__doc__ = compute.__doc__

    @overload
    def __get__(self, holder: None, owner: type) -> Self: ...

    @overload
    def __get__(self, holder: object, owner: type) -> _Value: ...

    def __get__(self, holder: object, owner: type) -> Self | _Value:
        if holder is None:
            return self
        value = vars(holder)[self._name] = self._compute(holder)
        return value
