"""Attributes of a resource that are mapped when one of them is first read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from azkvlint.model.value import Value


class LazyFields(Mapping[str, Value]):
    """The attributes of a resource by name. ``first`` are those that are known without mapping the others."""

    __slots__ = ("_every", "_first", "_map")

    def __init__(self, first: Mapping[str, Value], map_all: Callable[[], Mapping[str, Value]]) -> None:
        self._first = first
        self._map: Callable[[], Mapping[str, Value]] | None = map_all
        self._every: Mapping[str, Value] = {}

    @property
    def is_mapped(self) -> bool:
        """Return whether the other attributes have been mapped."""
        return self._map is None

    def _all(self) -> Mapping[str, Value]:
        if self._map is not None:
            self._every, self._map = self._map(), None
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
