"""The access to vaults that an identity with federated credentials has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from azkvlint.azure.roles import CONTROL, IDENTITIES
from azkvlint.derived.access_policies import POLICIES, VAULTS
from azkvlint.derived.answers import known, known_list, unknown
from azkvlint.derived.assignments import (
    ACTIVE,
    ASSIGNMENTS,
    COVERS,
    COVERS_NEEDS,
    SCOPE,
    Coverage,
    level_of,
    operations,
    role_name,
)
from azkvlint.derived.companions import Sure
from azkvlint.derived.federation import (
    APPLICATION,
    APPLICATION_CREDENTIAL_TYPE,
    APPLICATIONS,
    CREDENTIAL_TYPES,
    CREDENTIALS,
    OBJECT_IDS,
    identities_of,
    resource_of,
    resources_by_id,
    service_principals,
)
from azkvlint.derived.grants import NEEDS, Grant, grants_of
from azkvlint.derived.registry import Context, derived
from azkvlint.derived.vaults import BY_ROLES, RBAC, model_of
from azkvlint.model.resource import Reference, Resource
from azkvlint.model.value import Absent, Answer, Scalar, Unknown, Value

# Permissions that reveal neither secrets nor private keys, and change nothing.
_HARMLESS = frozenset(
    {
        "secrets/list",
        "keys/get",
        "keys/list",
        "keys/encrypt",
        "keys/verify",
        "keys/getrotationpolicy",
        "certificates/get",
        "certificates/list",
    }
)


_KEY_VAULT = "microsoft.keyvault/"


class _Access(msgspec.Struct, frozen=True):
    """A policy or role assignment that allows access to a vault, and whether it certainly does."""

    source: Resource
    sure: Sure
    label: str


@derived(
    "vaultAccess",
    of=CREDENTIAL_TYPES,
    label="key vault access",
    reads={
        **COVERS_NEEDS,
        **NEEDS,
        **{type_: (*NEEDS[type_], SCOPE) for type_ in (ASSIGNMENTS, ACTIVE)},
        VAULTS: (*NEEDS[VAULTS], *COVERS_NEEDS[VAULTS], RBAC),
        CREDENTIALS: (("parent",),),
        APPLICATION_CREDENTIAL_TYPE: (APPLICATION,),
        IDENTITIES: (*NEEDS.get(IDENTITIES, ()), ("id",), *OBJECT_IDS),
        APPLICATIONS: (("id",), ("clientId",), *OBJECT_IDS),
    },
)
def _vault_access(resource: Resource, context: Context) -> Answer:
    """Return the access policies and role assignments by which the identity of a credential has access to a vault."""
    known_identities = _known_identities(context)
    found: dict[str, _Access] = {}
    identities = dict[str, Sure]()
    for identity, sure in identities_of(resource, context, known_identities.principals):
        identities[identity.address] = max(sure, identities.get(identity.address, Sure.NO))
    for address, sure in identities.items():
        for one in known_identities.access.get(address, ()):
            both = min(sure, one.sure, Sure.YES if one.source.exists_with(resource) else Sure.PERHAPS)
            known_as = found.get(one.source.address)
            if known_as is None or known_as.sure < both:
                found[one.source.address] = _Access(one.source, both, one.label)
    items: list[Value] = [
        known(resource, one.label, f"`{one.source.address}` ({one.label})")
        if one.sure is Sure.YES
        else unknown(resource, f"`{one.source.address}` may allow the identity to access a vault")
        for one in found.values()
    ]
    unsure = known_identities.access.get("", ()) if identities else ()
    if not identities and _may_be_any_identity(resource):
        unsure = [one for those in known_identities.access.values() for one in those]
    doubt = next(iter(unsure), None)
    if doubt is not None and not items:
        items.append(unknown(resource, f"`{doubt.source.address}` may allow the identity to access a vault"))
    return known_list(resource, items)


def _may_be_any_identity(credential: Resource) -> bool:
    """Return whether the identity of a credential is not known."""
    is_application = credential.type.lower() == APPLICATION_CREDENTIAL_TYPE
    return isinstance(credential.select(APPLICATION if is_application else ("parent",)), Unknown)


class _IdentityAccess(msgspec.Struct, frozen=True):
    """The service principals of applications, and the access of identities by their addresses.

    The access of principals that are not known is under the empty address.
    """

    principals: Mapping[str, list[Resource]]
    access: Mapping[str, list[_Access]]


def _known_identities(context: Context) -> _IdentityAccess:
    """Return what is known of identities, computed once per graph."""
    found: _IdentityAccess | None = context.cache.get("identities of credentials")
    if found is None:
        resources = resources_by_id(context.index, (IDENTITIES, APPLICATIONS))
        access: dict[str, list[_Access]] = {}
        for grant, one in _access(context):
            identity = resource_of(grant.identity, resources) if grant is not None else None
            if identity is not None:
                access.setdefault(identity.address, []).append(one)
            elif grant is None or (not grant.identity.family and grant.identity.kind in ("", "application")):
                access.setdefault("", []).append(one)
        found = _IdentityAccess(service_principals(context.index, resources), access)
        context.cache["identities of credentials"] = found
    return found


def _access(context: Context) -> Iterator[tuple[Grant | None, _Access]]:
    """Yield each policy and role assignment that allows access to a vault; no grant if the policies are not known."""
    for source in (one for type_ in (VAULTS, POLICIES) for one in context.index.of_type(type_) if one.stays):
        grants = grants_of(source, context)
        vault = source if source.type.lower() == VAULTS else context.target_of(source, "parent")
        model = model_of(vault) if vault is not None else None
        if isinstance(model, Scalar) and model.value == BY_ROLES:
            continue
        if isinstance(grants, Unknown):
            if not source.existing:
                yield None, _Access(source, Sure.PERHAPS, "access policy")
            continue
        sure = Sure.PERHAPS if isinstance(model, Unknown) else Sure.YES
        for grant in grants:
            if grant.permissions.keys() - _HARMLESS:
                yield grant, _Access(source, sure, "access policy")
            elif grant.doubt is not None:
                yield grant, _Access(source, Sure.PERHAPS, "access policy")
    coverage = Coverage(context.index)
    for source in (one for type_ in (ASSIGNMENTS, ACTIVE) for one in context.index.of_type(type_) if one.stays):
        scope, grants = source.select(SCOPE), grants_of(source, context)
        if isinstance(scope, Absent) or isinstance(grants, Unknown):
            continue
        covered = coverage.covered(source, COVERS, scope)
        for grant in grants:
            sure = _reach(source, grant, covered, context)
            if sure is not Sure.NO:
                yield grant, _Access(source, sure, _role_label(source, context))


def _role_label(assignment: Resource, context: Context) -> str:
    name = role_name(assignment, context)
    return str(name.value) if isinstance(name, Scalar) and not name.sensitive else "custom role"


def _reach(source: Resource, grant: Grant, covered: Reference, context: Context) -> Sure:
    """Return whether a role assignment allows access to what a vault contains, or lets its principal change one."""
    allowed = operations(source, context)
    items = allowed.as_items
    uses_data = bool(grant.permissions.keys() - _HARMLESS)
    controls = any(isinstance(one, Scalar) and one.value in CONTROL for one in items)
    level = level_of(covered.value, context.index)
    is_open = bool(covered.candidates) or covered.anything
    # A data role is for vaults only, so that a scope without vaults in the input is one of other vaults.
    is_broad = isinstance(level, Scalar) and level.value != "resource"
    if not (uses_data or controls):
        may_be = covered.targets or is_open or is_broad or covered.outside.lower() == VAULTS
        return Sure.PERHAPS if may_be and any(isinstance(one, Unknown) for one in items) else Sure.NO
    if covered.targets:
        return max(_in_vault(address, uses_data, controls, context) for address in covered.targets)
    if uses_data and (is_broad or covered.outside.lower() == VAULTS):
        return Sure.YES
    return Sure.PERHAPS if is_open else Sure.NO


def _in_vault(address: str, uses_data: bool, controls: bool, context: Context) -> Sure:
    """Return whether a role with these permissions allows access to its scope; data roles require Azure RBAC."""
    vault = context.index.resources[address]
    # A scope may be any resource: which others are read depends on the selected rules.
    if not vault.type.lower().startswith(_KEY_VAULT):
        return Sure.NO
    if controls or vault.type.lower() != VAULTS:
        return Sure.YES if controls else Sure.NO
    model = model_of(vault)
    if isinstance(model, Unknown):
        return Sure.PERHAPS
    return Sure.YES if uses_data and isinstance(model, Scalar) and model.value == BY_ROLES else Sure.NO
