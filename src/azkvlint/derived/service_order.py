"""The order of deployment: whether the grants that a service needs to read a vault exist before the service."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from azkvlint.derived.answers import absent, unknown, unknown_as
from azkvlint.derived.consumer_permissions import VaultReader, held
from azkvlint.derived.deployment import depends
from azkvlint.derived.reader_permissions import all_needs, readers_of
from azkvlint.derived.registry import Context, derived
from azkvlint.derived.secret_access import (
    ELSEWHERE,
    MAY_REFER,
    Reading,
    all_readers,
    assigned_in,
    holder_of,
    readings_of,
    vaults_read,
)
from azkvlint.graph.pseudo_resources import AFTER
from azkvlint.model.resource import Resource
from azkvlint.model.value import Answer, ListValue, Scalar, Unknown


@derived("waitsForAccess", of=all_readers, label="dependency on the role assignment or access policy", reads=all_needs)
def _waits_for_access(resource: Resource, context: Context) -> Answer:
    """Return whether a service depends on the grants without which it cannot read its keys, secrets or certificates.

    Absent if none is needed: a vault has the policy itself, or the identity does not exist before the service.
    """
    made_after = resource.select(("derived", AFTER))
    holder = holder_of(resource, context) if isinstance(made_after, ListValue) else None
    if not isinstance(made_after, ListValue) or holder is None:
        return absent(resource)
    before = frozenset(str(item.value) for item in made_after.items if isinstance(item, Scalar))
    found: Answer = absent(resource)
    doubts: dict[bool, Unknown] = {}
    for reading in readings_of(resource, holder if isinstance(holder, Resource) else None, context):
        if reading.use.later:
            continue
        vaults, is_certain = vaults_read(reading, resource, context)
        readers, why = _readers(reading, resource, holder, context) if vaults else ((), "")
        if not is_certain or len(vaults) > 1:
            why = why or unknown_as(reading.value, MAY_REFER).why
        if why and is_certain in doubts:
            continue
        for vault, reader in product(vaults, readers):
            there = context.index.resources[vault]
            permissions = held(there, reading.thing, reader, reading.use.permissions, context)
            one = depends(permissions, there, resource, before, context, reading.value)
            if one is None:
                continue
            if isinstance(one, Scalar) and one.value is True:
                found = one
            elif isinstance(one, Scalar) and not why:
                return one
            else:
                doubts.setdefault(is_certain, unknown(reading.value, why) if why else unknown_as(one, why))
            if why and is_certain in doubts:
                break  # a doubt cannot be removed, and each pair of a vault and an identity takes long
    # A certain reference is a better reason than a value that may be none.
    return doubts.get(True, doubts.get(False, found))


def _readers(
    reading: Reading, resource: Resource, holder: Resource | Unknown, context: Context
) -> tuple[Sequence[VaultReader], str]:
    """Return the identities that may read and exist before the service; and why it is not known which one reads.

    Grants to an identity outside the input are not in it either.
    """
    anyone = VaultReader(unless=resource)
    if isinstance(holder, Unknown):
        return [anyone], holder.why
    readers, why = readers_of(reading, holder, assigned_in(resource, holder, context), context)
    if why:
        return ([], "") if why == ELSEWHERE else ([anyone], why)
    why = f"`{resource.address}` has several identities, and any of them may read the vault" if len(readers) > 1 else ""
    # The documentation does not state which identity reads.
    named = [reader if reader.key[0] else anyone for reader in readers]
    return [reader for reader in named if reader.resource is not resource], why
