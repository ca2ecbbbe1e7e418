"""The resources of a world that are not those of its base world, over the resources of that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

from azkvlint.model.resource import Resource


class Overlay(Mapping[str, Resource]):
    """Resources by address: ``own``, and those of ``base`` but for ``gone``. It grows with what differs alone."""

    __slots__ = ("_base", "_gone", "own")

    def __init__(self, base: Mapping[str, Resource], own: Mapping[str, Resource], gone: frozenset[str]) -> None:
        self._base = base
        self._gone = gone - own.keys()
        self.own = own

    def __getitem__(self, address: str) -> Resource:
        found = self.own.get(address)
        if found is not None:
            return found
        if address in self._gone:
            raise KeyError(address)
        return self._base[address]

    def __iter__(self) -> Iterator[str]:
        base, own = self._base, self.own
        return chain((one for one in base if one not in self._gone), (one for one in own if one not in base))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def whole(self) -> dict[str, Resource]:
        """Return all resources."""
        found = {**self._base, **self.own}
        for address in self._gone:
            found.pop(address, None)
        return found
