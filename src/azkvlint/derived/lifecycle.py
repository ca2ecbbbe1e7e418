"""Terraform's ``lifecycle`` blocks, which a plan does not show.

The reader of Terraform source sets both attributes itself; templates and Bicep files have no such block.
"""

from __future__ import annotations

from azkvlint.derived.registry import ANY_TYPE, Context, absent, derived, unknown
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer


@derived("preventDestroy", of=ANY_TYPE, label="prevent_destroy", reads={}, local_only=True)
def _prevent_destroy(resource: Resource, _: Context) -> Answer:
    return _in_lifecycle(resource, "preventDestroy")


@derived("ignoredChanges", of=ANY_TYPE, label="ignore_changes", reads={}, local_only=True)
def _ignored_changes(resource: Resource, _: Context) -> Answer:
    return _in_lifecycle(resource, "ignoredChanges")


def _in_lifecycle(resource: Resource, name: str) -> Answer:
    # Azure's types have a slash; what Terraform calls a resource has none.
    is_terraform = "/" not in resource.declared_as and not resource.existing
    if not is_terraform or not isinstance(resource.select(("derived", name)), Absent):
        return absent(resource)
    return unknown(resource, "a plan does not show the lifecycle block of a resource")
