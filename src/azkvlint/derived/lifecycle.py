"""What Terraform's ``lifecycle`` blocks say, which a plan does not show.

The reader of Terraform source gives both attributes itself; templates and Bicep files have no such block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from azkvlint.derived.attribute import Context, Derived
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Origin, Unknown, Value


def _said(name: str) -> Callable[[Resource, Context], Value | None]:
    def make(resource: Resource, context: Context) -> Value | None:
        # Azure's types have a slash; what Terraform calls a resource has none.
        is_terraform = "/" not in resource.declared_as and not resource.existing
        if not is_terraform or not isinstance(resource.select(("derived", name)), Absent):
            return None
        return Unknown(
            at=resource.at, origin=Origin.DERIVED, why="a plan does not show the lifecycle block of a resource"
        )

    return make


ATTRIBUTES: Mapping[str, Derived] = {
    name: Derived(_said(name), needs={}, local_only=True) for name in ("preventDestroy", "ignoredChanges")
}
