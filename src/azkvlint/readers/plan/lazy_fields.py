"""Attributes of a resource that are mapped when one of them is first read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from azkvlint.model.value import Value
from azkvlint.readers.plan.document import ResourceChange

_NOTHING: Mapping[str, Value] = {}


class LazyFields(Mapping[str, Value]):
    """The attributes of a resource by name.

    ``first`` are those that are known without mapping the others; ``map_all`` maps the change to all of them. A large
    plan has thousands of these objects, so they have no closures.
    """

    __slots__ = ("_change", "_every", "_first", "_map")

    def __init__(
        self,
        first: Mapping[str, Value],
        map_all: Callable[[ResourceChange], Mapping[str, Value]],
        change: ResourceChange,
    ) -> None:
        self._first = first
        self._map = map_all
        self._change: ResourceChange | None = change
        self._every: Mapping[str, Value] = _NOTHING

    @property
    def is_mapped(self) -> bool:
        """Return whether the other attributes have been mapped."""
        return self._change is None

    def _all(self) -> Mapping[str, Value]:
        if self._change is not None:
            self._every, self._change = self._map(self._change), None
        return self._every

    def __getitem__(self, name: str) -> Value:
        found = self._first.get(name)
        return self._all()[name] if found is None else found

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute; ``default`` if there is none."""
        found = self._first.get(name)
        return self._all().get(name, default) if found is None else found

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())
