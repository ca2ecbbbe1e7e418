"""Whether the identity that a reference uses has the permissions that it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from azkvlint.derived.access_policies import POLICIES
from azkvlint.derived.answers import absent, known, known_list, unknown, unknown_as
from azkvlint.derived.assignments import ASSIGNMENTS
from azkvlint.derived.companions import Sure, elsewhere
from azkvlint.derived.consumer_permissions import NEEDS as PERMISSION_NEEDS
from azkvlint.derived.consumer_permissions import VaultReader, held
from azkvlint.derived.identities import Assigned, identity_in, is_assigned, is_system
from azkvlint.derived.registry import Context, DeriveFunction, derived, joined
from azkvlint.derived.secret_access import (
    ELSEWHERE,
    KEYS,
    MAY_REFER,
    SECRETS,
    Reading,
    assigned_in,
    each_once,
    holder_of,
    is_platform,
    named_identity,
    needs,
    readings_of,
    types,
    vaults_read,
    without_holder,
)
from azkvlint.derived.vaults import BY_POLICIES, model_of
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Path, Scalar, Unknown, Value


def _derived(name: str, label: str, kinds: Sequence[str]) -> Callable[[DeriveFunction], DeriveFunction]:
    """Register a function that compares references of some kinds with the permissions of the identity."""
    return derived(name, of=lambda: types(*kinds), label=label, reads=lambda: joined(needs(*kinds), PERMISSION_NEEDS))


@_derived("secretPermissions", "permission to read the secret", SECRETS)
def _secret_permissions(resource: Resource, context: Context) -> Answer:
    """Return for each secret or certificate that a resource refers to whether its identity may read it.

    Only vaults that are deployed here count. Others may have grants that the input does not show.
    """
    return _permissions(resource, SECRETS, context)


@_derived("keyPermissions", "permission to use the key", KEYS)
def _key_permissions(resource: Resource, context: Context) -> Answer:
    """Return for each customer-managed key of a resource whether its identity may use it."""
    return _permissions(resource, KEYS, context)


def all_needs() -> Mapping[str, tuple[Path, ...]]:
    """Return what is read to find which grants a resource needs."""
    return joined(needs(*SECRETS, *KEYS), PERMISSION_NEEDS)


def _permissions(resource: Resource, reads: Sequence[str], context: Context) -> Answer:
    holder = holder_of(resource, context)
    if not isinstance(holder, Resource):
        return without_holder(resource, holder, reads, context)
    found: list[Value] = []
    assigned = assigned_in(resource, holder, context)
    for reading in readings_of(resource, holder, context, reads):
        vaults, is_certain = vaults_read(reading, resource, context)
        if vaults and _is_without_identity(reading, resource, holder, assigned):
            note = f"`{resource.address}` has no managed identity"
            found.append(known(reading.value, False, note) if is_certain else unknown_as(reading.value, MAY_REFER))
            continue
        readers, doubt = readers_of(reading, holder, assigned, context) if vaults else ((), "")
        for vault in (context.index.resources[address] for address in vaults):
            one = _permission(reading, vault, resource, readers, doubt, context)
            if one is not None and not is_certain:
                one = None if isinstance(one, Scalar) and one.value is True else unknown_as(reading.value, MAY_REFER)
            found += [] if one is None else [one]
    return known_list(resource, each_once(found)) if found else absent(resource)


def _is_without_identity(reading: Reading, resource: Resource, holder: Resource, assigned: Assigned) -> bool:
    """Return whether a resource has a key, but no identity; other rules report this of secrets, and of its parts."""
    is_own = reading.use.reads == "key" and holder is resource and not is_platform(reading, assigned)
    return is_own and reading.use.otherwise != "unknown" and assigned.are_none is Sure.YES


def _permission(
    reading: Reading, vault: Resource, resource: Resource, readers: Sequence[VaultReader], doubt: str, context: Context
) -> Value | None:
    """Return whether any of some identities has the permissions; ``doubt``: why they are not known."""
    if not readers:
        return unknown(reading.value, doubt) if doubt else None
    sure = max(held(vault, reading.thing, reader, reading.use.permissions, context).sure for reader in readers)
    model = model_of(vault)
    by_policies = isinstance(model, Scalar) and model.value == BY_POLICIES
    if reading.use.grants == "access policy":
        sure = max(sure, Sure.YES if by_policies else Sure.PERHAPS if isinstance(model, Unknown) else Sure.NO)
    kind = "an access policy" if by_policies else "a role assignment"
    if sure is Sure.NO and not (context.has_all_companions(resource) and vault.exists_with(resource)):
        return unknown(reading.value, elsewhere(vault, POLICIES if by_policies else ASSIGNMENTS))
    if sure is Sure.NO and doubt:
        return unknown(reading.value, doubt)
    if sure is Sure.PERHAPS:
        return unknown(
            reading.value, doubt or f"{kind} on `{vault.address}` may be for the identity or a group that it is in"
        )
    note = f"no {kind.partition(' ')[2]} on `{vault.address}` grants it" if sure is Sure.NO else ""
    return known(reading.value, sure is Sure.YES, note)


def readers_of(
    reading: Reading, holder: Resource, assigned: Assigned, context: Context
) -> tuple[Sequence[VaultReader], str]:
    """Return the identities any of which reads, and why they are not known.

    Empty if the resource has no such identity, which other rules report.
    """
    if is_platform(reading, assigned):
        return [VaultReader(application=reading.use.principal)], ""
    named = named_identity(reading)
    if isinstance(named, Absent) and reading.use.otherwise != "system":
        found = [context.index.resources[address] for address in assigned.addresses]
        found += [holder] if assigned.system is Sure.YES else []
        if assigned.more or assigned.texts or Sure.PERHAPS in (assigned.system, assigned.user):
            return [], assigned.why or ELSEWHERE
        return ((), ELSEWHERE) if any(one.existing for one in found) else ([VaultReader(one) for one in found], "")
    if reading.use.otherwise != "unknown" and is_assigned(named, assigned, context) is Sure.NO:
        return [], ""
    if is_system(named, context) is Sure.YES:
        return ([VaultReader(holder)], "") if assigned.system is Sure.YES else ([], assigned.why)
    identity = identity_in(named, context)
    if identity is None or identity.existing:
        return [], named.why if isinstance(named, Unknown) and not named.is_set else ELSEWHERE
    return [VaultReader(identity)], ""
