"""What a derived attribute is made of, and what it may look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, TypeAlias

import msgspec

from azkvlint.graph.references import Index
from azkvlint.model.resource import Resource
from azkvlint.model.value import Path, Value


class Context(msgspec.Struct, frozen=True):
    """What a derived attribute may look at: all resources of a root, and the day that counts as today.

    ``kept`` holds what is worked out once for a graph, by a name of its maker's own. ``closed``: the input says
    everything, so what is missing is missing.
    """

    index: Index
    today: date
    cache: dict[str, Any]
    is_complete: bool = True

    def has_all_companions(self, resource: Resource) -> bool:
        """Return whether a companion of ``resource`` that is missing here is really missing."""
        return self.is_complete and resource.assumption is None


DeriveFunction: TypeAlias = Callable[[Resource, Context], "Value | None"]


class Derived(msgspec.Struct, frozen=True):
    """One derived attribute: how it is made of a resource (None: it has none), and what must be read for that.

    ``needs`` maps each type that ``make`` looks at, in lower case, to the paths that it looks at. No maker may rely on
    another derived attribute having been made. ``local_only``: it depends on nothing but
    ``Resource.shared_attributes``, whether the resource exists, and the day; so it is computed once for all resources
    that share those.
    """

    make: DeriveFunction
    needs: Mapping[str, tuple[Path, ...]]
    local_only: bool = False
