"""The order of deployment: whether the grants that a service needs to read a vault exist before the service."""

from __future__ import annotations

from azkvlint.derived.companions import Sure
from azkvlint.derived.consumer_permissions import Reader, held
from azkvlint.derived.deployment import is_created, late_grants
from azkvlint.derived.identities import assigned_to
from azkvlint.derived.registry import Context, absent, derived, known, unknown
from azkvlint.derived.secret_access import (
    Reading,
    all_needs,
    all_readers,
    holder_of,
    readers_of,
    readings_of,
    vaults_read,
)
from azkvlint.graph.pseudo_resources import AFTER, UNRESOLVED
from azkvlint.model.resource import Resource
from azkvlint.model.value import Answer, ListValue, Scalar


@derived(
    "waitsForAccess",
    of=all_readers,
    label="dependency on the role assignment or access policy",
    reads=all_needs,
)
def _waits_for_access(resource: Resource, context: Context) -> Answer:
    """Return whether a service depends on the grants without which it cannot read its keys, secrets or certificates.

    Absent if none is needed: a vault has the policy itself, or the identity does not exist before the service.
    """
    made_after = resource.select(("derived", AFTER))
    holder = holder_of(resource, context) if isinstance(made_after, ListValue) else None
    if not isinstance(made_after, ListValue) or not isinstance(holder, Resource):
        return absent(resource)
    before = frozenset(str(item.value) for item in made_after.items if isinstance(item, Scalar))
    assigned = assigned_to(holder, context)
    found: Answer = absent(resource)
    for reading in readings_of(resource, holder, context):
        vaults, is_certain = vaults_read(reading, resource, context)
        if not is_certain or len(vaults) != 1:
            continue
        readers, doubt = readers_of(reading, holder, assigned, context)
        # With several identities, any may be the one that reads.
        late = None if doubt or len(readers) != 1 else _needed_late(reading, vaults[0], readers[0], before, context)
        if late is None or readers[0].resource is resource:
            continue
        if late and UNRESOLVED in before:
            return unknown(reading.value, f"the dependency on `{late}` cannot be traced")
        if late:
            return known(reading.value, False, late)
        found = known(resource, True)
    return found


def _needed_late(reading: Reading, vault: str, reader: Reader, before: frozenset[str], context: Context) -> str | None:
    """Return a grant that is needed and not made before; empty if all that are needed are, None if none is."""
    permissions = held(context.index.resources[vault], reading.thing, reader, reading.use.permissions, context)
    if permissions.sure is not Sure.YES:
        return None
    is_any = False
    for sources in permissions.sources:
        grants = tuple(sorted(sources))
        if any(not is_created(context.index.resources[grant]) for grant in grants):
            continue
        is_any = True
        late = late_grants(grants, before, context)
        if len(late) == len(grants):
            return late[0]
    return "" if is_any else None
