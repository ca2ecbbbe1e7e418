"""Vaults that the Azure platform reads itself: certificates of virtual machines, and keys of their disks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from azkvlint.azure.azurerm.providers import PROVIDER_TYPE, TENANT
from azkvlint.derived import consumers
from azkvlint.derived.access_policies import VAULTS
from azkvlint.derived.answers import absent, known, known_list, or_absent, unknown, unknown_as
from azkvlint.derived.consumers import field_of
from azkvlint.derived.registry import Context, derived
from azkvlint.graph.references import reference_of
from azkvlint.model.pattern import NUMBER_START, CallHole, declared_in, numbered, pattern_from, restored, text_form
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, ListValue, MapValue, Origin, Path, Scalar, Unknown, Value
from azkvlint.util.lazy_regex import regex

# Source: learn.microsoft.com/azure/templates, Microsoft.Compute/virtualMachines; and
# learn.microsoft.com/azure/virtual-machines/extensions/azure-disk-enc-windows and -linux (KeyVaultResourceId).


_SECRETS: Mapping[str, Path] = {
    "microsoft.compute/virtualmachines": ("properties", "osProfile", "secrets"),
    "microsoft.compute/virtualmachinescalesets": ("properties", "virtualMachineProfile", "osProfile", "secrets"),
}
_EXTENSIONS = ("microsoft.compute/virtualmachines/extensions", "microsoft.compute/virtualmachinescalesets/extensions")
# Encryption inside the VM: an extension in a scale set, and the older settings of a VM's own disk.
_INLINE: Mapping[str, Path] = {
    "microsoft.compute/virtualmachines": ("properties", "storageProfile", "osDisk", "encryptionSettings"),
    "microsoft.compute/virtualmachinescalesets": (
        "properties", "virtualMachineProfile", "extensionProfile", "extensions",
    ),
}  # fmt: skip
_ENCRYPTS = "azurediskencryption"
_SETTINGS: Path = ("properties", "settings")
_VAULT = "keyvaultresourceid"
# The settings are a JSON string in Terraform. If a part of it is not known, the whole jsonencode call is unknown; its
# pattern has quotes of its own and U+2215 for a slash.
_IN_JSON = regex(r"""(["'])keyvaultresourceid\1\s*:\s*\1([^"']*)\1""", re.IGNORECASE)


def _reads(paths: Mapping[str, Path]) -> Mapping[str, tuple[Path, ...]]:
    return {type_: (path,) for type_, path in paths.items()}


@derived(
    "certificateVaultIds",
    of=_SECRETS,
    label="vault of the VM certificate",
    reads=_reads(_SECRETS),
)
def _certificate_vaults(resource: Resource, _: Context) -> Answer:
    """Return the vaults whose certificates Azure installs on a VM."""
    secrets = resource.select(_SECRETS[resource.type.lower()])
    if isinstance(secrets, Unknown):
        return secrets
    if not isinstance(secrets, ListValue) or not secrets.items:
        return absent(resource)
    found = [item.select(("sourceVault", "id")) for item in secrets.items]
    items = tuple(one for one in found if not isinstance(one, Absent))
    return known_list(secrets, items)


@derived("encryptionVaultId", of=_EXTENSIONS, label="vault of the disk encryption key", reads=(_SETTINGS,))
def _encryption_vault(resource: Resource, _: Context) -> Answer:
    """Return the vault that the settings of an extension refer to."""
    return or_absent(_vault_in(resource.select(_SETTINGS)), resource)


def _vault_in(settings: Answer) -> Value | None:
    """Return the vault in the settings of an extension, if they contain one."""
    if isinstance(settings, MapValue):
        found = field_of(settings, _VAULT)
        return None if isinstance(found, Absent) else found
    text = settings.string
    if isinstance(text, CallHole) and text.name == "jsonencode" and len(text.arguments) == 1:
        text = text.arguments[0]
    match = _IN_JSON.search(numbered(text)) if NUMBER_START not in text_form(text) else None
    if match is None:
        return settings if isinstance(settings, Unknown) else None
    id_ = restored(match[2], text)
    if isinstance(settings, Unknown):
        pattern = pattern_from(id_)
        return Unknown(at=settings.at, why=settings.why, pattern=pattern, given=True, origin=Origin.DERIVED)
    return known(settings, text_form(id_), sensitive=settings.sensitive)


@derived(
    "encryptionVaultIds",
    of=_INLINE,
    label="vault of the disk encryption key",
    reads=_reads(_INLINE),
)
def _encryption_vaults(resource: Resource, _: Context) -> Answer:
    """Return the vaults used for disk encryption inside a VM, as far as the VM resource itself states them."""
    found = resource.select(_INLINE[resource.type.lower()])
    if isinstance(found, Unknown):
        return found
    vaults: list[Value | Answer | None] = []
    if isinstance(found, MapValue):
        on = found.select(("enabled",))
        if not (isinstance(on, Scalar) and on.value is False):
            keys = ("diskEncryptionKey", "keyEncryptionKey")
            vaults = [on if isinstance(on, Unknown) else found.select((key, "sourceVault", "id")) for key in keys]
    for item in found.items if isinstance(found, ListValue) else ():
        kind = item.select(("properties", "type"))
        if isinstance(kind, Unknown):
            vaults.append(kind)
        elif isinstance(kind, Scalar) and str(kind.value).lower().startswith(_ENCRYPTS):
            vaults.append(_vault_in(item.select(_SETTINGS)))
    items = tuple(one for one in vaults if one is not None and not isinstance(one, Absent))
    return known_list(resource, items) if items else absent(resource)


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
_OF_PROVIDER = "data.azurerm_client_config"


def _tenant_reads() -> Mapping[str, tuple[Path, ...]]:
    needs = consumers.graph_needs()
    return {
        **needs,
        **{type_: (*needs[type_], *_OWN, *((via,) for via in (*_WHOLE, _PROVIDER))) for type_ in _TYPES},
        VAULTS: (("id",), _VAULT_TENANT),
        PROVIDER_TYPE.lower(): ((TENANT,),),
    }


@derived("inTenantOfVault", of=_TYPES, label="match with the tenant of the vault", reads=_tenant_reads)
def _in_tenant_of_vault(resource: Resource, context: Context) -> Answer:
    vaults = consumers.vaults_of(resource, context)
    if not vaults:
        return absent(resource)
    stated = list(_tenants(resource, context))
    by_provider = _of_its_provider(resource, context)
    own = next((one for one in (*stated, by_provider) if one is not None), None)
    if own is None and _has_unknown_parent(resource, context):
        own = unknown(resource, "the server, or its tenant, is not known")
    if own is None:
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
            why = value.why if isinstance(value, Unknown) else f"`{value.display()}` is not in the scanned files"
            return unknown(resource, f"the tenant of the vault is unknown: {why}")
    return absent(resource)


def _same_tenant(own: Value, vault: Resource, resource: Resource) -> Answer:
    other = vault.select(_VAULT_TENANT)
    if isinstance(own, Scalar) and isinstance(other, Scalar):
        same = own.text.lower() == other.text.lower()
        note = f"tenant differs from `{vault.address}`"
        return known(resource, same, "" if same else note)
    if isinstance(other, Absent) or any(one.type == _OF_PROVIDER for one in declared_in(other.string)):
        return absent(resource)
    if own.text and own.text == other.text:
        return known(resource, True)
    doubt = own if isinstance(own, Unknown) else other
    return unknown(resource, unknown_as(doubt, f"`{vault.address}` may be in the same tenant").why)


def _tenants(resource: Resource, context: Context) -> Iterator[Value]:
    """Yield the tenant that a resource states, and that of its parent resource."""
    whole = next((one for via in _WHOLE if (one := context.target_of(resource, via)) is not None), None)
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
        reference = reference_of(resource.address, via, value, context.index)
        if reference is not None and (reference.anything or reference.candidates):
            return True
    return False


def _of_its_provider(resource: Resource, context: Context) -> Value | None:
    provider = context.target_of(resource, _PROVIDER)
    tenant = provider.select((TENANT,)) if provider is not None and provider.type == PROVIDER_TYPE else None
    return None if isinstance(tenant, Absent) else tenant
