"""Whether a consumer of a customer-managed key is in the tenant and region of the vault that contains the key.

A resource is in the tenant of its identities and of its administrators; in Terraform also in that of its provider
block. The attribute is absent if the tenant of the resource is not stated.
Source: learn.microsoft.com/azure/storage/common/customer-managed-keys-configure-cross-tenant-existing-account,
learn.microsoft.com/azure/virtual-machines/disks-cross-tenant-customer-managed-keys and
learn.microsoft.com/azure/azure-sql/database/transparent-data-encryption-byok-overview.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from azkvlint.azure.azurerm.provider_features import PROVIDER_TYPE, TENANT
from azkvlint.azure.locations import location_key
from azkvlint.derived import consumers
from azkvlint.derived.consumers import field_of, key_and_vault
from azkvlint.derived.registry import Context, absent, derived, known, one_target, unknown, unknown_as
from azkvlint.derived.vaults import VAULTS
from azkvlint.graph.references import reference_of
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Path, Scalar, Unknown, Value, display, text_of

_SQL = "microsoft.sql/servers"
_TYPES = (
    "microsoft.compute/diskencryptionsets", _SQL, f"{_SQL}/encryptionprotector", f"{_SQL}/keys",
    "microsoft.storage/storageaccounts",
)  # fmt: skip
_VAULT_TENANT: Path = ("properties", "tenantId")
_IDENTITY: Path = ("identity", "tenantId")
_OWN: tuple[Path, ...] = (_IDENTITY, ("properties", "administrators", "tenantId"))
# The attributes that refer to the parent resource, and to the provider block.
_WHOLE, _PROVIDER = ("parent", "scope"), "provider"
# The identity that runs Terraform is in the tenant of the provider.
_OF_PROVIDER = "azurerm_client_config."


_TENANT_READS: Mapping[str, tuple[Path, ...]] = {
    **consumers.GRAPH_NEEDS,
    **{type_: (*consumers.GRAPH_NEEDS[type_], *_OWN, *((via,) for via in (*_WHOLE, _PROVIDER))) for type_ in _TYPES},
    VAULTS: (("id",), _VAULT_TENANT),
    PROVIDER_TYPE.lower(): ((TENANT,),),
}


@derived("inTenantOfVault", of=_TYPES, label="match with the tenant of the vault", reads=_TENANT_READS)
def _in_tenant_of_vault(resource: Resource, context: Context) -> Answer:
    stated = list(_tenants(resource, context))
    by_provider = _of_its_provider(resource, context)
    own = next((one for one in (*stated, by_provider) if one is not None), None)
    vaults = consumers.vaults_of(resource, context)
    if own is None and vaults and _has_unknown_parent(resource, context):
        own = unknown(resource, "the server, or its tenant, is not known")
    if own is None or not vaults:
        return absent(resource)
    for value in vaults:
        reference = reference_of("", "", value, context.index)
        is_open = reference is None or reference.anything or bool(reference.candidates)
        found = [context.index.resources[address] for address in reference.targets] if reference is not None else []
        if len(found) == 1 and not is_open:
            is_vault = found[0].type.lower() == VAULTS
            return _same_tenant(own, found[0], resource) if is_vault else absent(resource)
        # A vault outside the graph is usually in the tenant of the provider block that looks it up.
        if is_open or stated:
            return unknown(resource, "the tenant of the vault is not known")
    return absent(resource)


def _same_tenant(own: Value, vault: Resource, resource: Resource) -> Answer:
    other = vault.select(_VAULT_TENANT)
    if isinstance(own, Scalar) and isinstance(other, Scalar):
        same = text_of(own).lower() == text_of(other).lower()
        note = f"tenant differs from `{vault.address}`"
        return known(resource, same, "" if same else note)
    if isinstance(other, Absent) or _OF_PROVIDER in text_of(other):
        return absent(resource)
    if text_of(own) and text_of(own) == text_of(other):
        return known(resource, True)
    doubt = own if isinstance(own, Unknown) else other
    return unknown(resource, unknown_as(doubt, f"`{vault.address}` may be in the same tenant").why)


def _tenants(resource: Resource, context: Context) -> Iterator[Value]:
    """Yield the tenant that a resource states, and that of its parent resource."""
    whole = next((one for via in _WHOLE if (one := one_target(resource, via, context)) is not None), None)
    for part in (resource, whole):
        if part is None or part.existing:
            continue
        for path in _OWN:
            stated = part.select(path)
            # The tenant of an identity that is created now is known later: it is that of the provider.
            if not isinstance(stated, Absent) and (not isinstance(stated, Unknown) or path != _IDENTITY):
                yield stated


def _has_unknown_parent(resource: Resource, context: Context) -> bool:
    """Return whether it is not known which resource is the parent."""
    for via in _WHOLE:
        value = resource.select((via,))
        reference = None if isinstance(value, Absent) else reference_of(resource.address, via, value, context.index)
        if reference is not None and (reference.anything or reference.candidates):
            return True
    return False


def _of_its_provider(resource: Resource, context: Context) -> Value | None:
    provider = one_target(resource, _PROVIDER, context)
    tenant = provider.select((TENANT,)) if provider is not None and provider.type == PROVIDER_TYPE else None
    return None if isinstance(tenant, Absent) else tenant


# --- Whether a resource is in the same region as the vault of its key -----------------------------------------------
# The vault of a disk encryption set's key must be in the set's own region. Source:
# learn.microsoft.com/azure/virtual-machines/disks-enable-customer-managed-keys-portal, its restrictions.


_SETS = "microsoft.compute/diskencryptionsets"
_VAULTS = ("microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms")
_LOCATION: Path = ("location",)
_KEY: Path = ("derived", "keyId")
_VAULT: Path = ("derived", "keyVaultId")
_ACTIVE: Path = ("properties", "activeKey")


_REGION_READS: Mapping[str, tuple[Path, ...]] = {
    _SETS: (_LOCATION, _KEY, _VAULT, _ACTIVE),
    **dict.fromkeys(_VAULTS, (_LOCATION, ("id",))),
    **{f"{vault}/keys": (("parent",), ("id",)) for vault in _VAULTS},
}


@derived("inRegionOfVault", of=_SETS, label="match with the region of the vault", reads=_REGION_READS)
def _in_region_of_vault(resource: Resource, context: Context) -> Answer:
    vaults = list(dict.fromkeys(_vaults(resource, context)))
    own = _region(resource.select(_LOCATION))
    others = [context.index.resources[vault].select(_LOCATION) for vault in vaults]
    regions = {_region(other) for other in others}
    if len(vaults) != 1 or not own or "" in regions:
        doubt = next((one for one in (resource.select(_LOCATION), *others) if isinstance(one, Unknown)), None)
        return unknown(resource, "the vault of the key is not known" if doubt is None else doubt.why)
    note = f"{display(resource.select(_LOCATION))} instead of {display(others[0])}"
    return known(resource, own in regions, note)


def _region(answer: Answer) -> str:
    """Return a region as Azure compares it: West Europe is westeurope."""
    return location_key(str(answer.value)) if isinstance(answer, Scalar) else ""


def _vaults(resource: Resource, context: Context) -> Iterator[str]:
    """Yield the vaults in the graph that certainly contain the key."""
    answers = [resource.select(_VAULT), resource.select(_KEY)]
    active = resource.select(_ACTIVE)
    if not isinstance(active, Absent):
        answers += [value for value in key_and_vault(active, context.index) if value is not None]
        answers.append(field_of(field_of(active, "sourcevault"), "id"))
    for answer in answers:
        reference = None if isinstance(answer, Absent) else reference_of("", "", answer, context.index)
        for target in reference.targets if reference is not None else ():
            found = context.index.resources[target]
            if found.type.lower() in _VAULTS:
                yield target
            elif not isinstance(above := found.select(("parent",)), Absent):
                below = reference_of("", "", above, context.index)
                yield from below.targets if below is not None else ()
