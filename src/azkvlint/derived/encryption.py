"""Encryption of resources with customer-managed or platform keys, and where those keys and their vaults are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from azkvlint.azure.azurerm.arguments import state_value
from azkvlint.azure.azurerm.providers import PROVIDER_TYPE, TENANT
from azkvlint.azure.azurerm.resources import is_azure
from azkvlint.azure.services import SERVICES, Service, Words
from azkvlint.derived import consumers
from azkvlint.derived.consumers import field_of, key_and_vault
from azkvlint.derived.registry import (
    Context,
    absent,
    derived,
    known,
    known_list,
    one_target,
    or_absent,
    unknown,
    unknown_as,
)
from azkvlint.derived.vaults import VAULTS
from azkvlint.graph.references import Index, reference_of
from azkvlint.model.location import Location
from azkvlint.model.pattern import NUMBER_START, CallHole, declared_in, numbered, pattern_from, restored, text_form
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, ListValue, MapValue, Origin, Path, Scalar, Unknown, Value
from azkvlint.util.lazy_regex import regex
from azkvlint.util.text import location_key

# UNLESS_ADDED: the resource has no key, but a separate resource may add one.
CUSTOMER, PLATFORM, UNLESS_ADDED = (
    "customer-managed key",
    "Microsoft-managed key",
    "Microsoft-managed key unless a separate resource adds one",
)

_BY_TYPE: Mapping[str, Service] = {type_.lower(): service for type_, service in SERVICES.items()}
_NAMED: tuple[Path, ...] = (consumers.KEY_ID, consumers.KEY_IDS, consumers.VAULT_ID)


def _profile_of(service: Service) -> str:
    """Return the path of the profile of the machines of a scale set, which may have none; empty for a machine."""
    profile = service.disks[0].rpartition(".storageProfile.")[0] if service.disks else ""
    return profile.removeprefix("properties").removeprefix(".") and profile


def _needs(type_: str, service: Service) -> tuple[Path, ...]:
    words = (
        meant.path for meant in (service.switch, service.spared, service.copies, service.inside) if meant is not None
    )
    more = (one for one in (service.unless, _profile_of(service)) if one)
    paths = (*words, *service.sets, *service.disks, *more)
    return (*(tuple(path.split(".")) for path in paths), *consumers.paths_of(type_), *_NAMED, ("scope",))


@derived(
    "encryptedWith",
    of=_BY_TYPE,
    label="encryption key",
    reads=lambda: {type_: _needs(type_, service) for type_, service in _BY_TYPE.items()},
)
def _encrypted_with(resource: Resource, context: Context) -> Answer:
    """Return one of the words above; absent for a resource that does not support customer-managed keys."""
    service = _BY_TYPE.get(resource.type.lower())
    if service is None:
        return absent(resource)
    spared = _spared(resource, service)
    if spared is True:
        return absent(resource)
    found = _switched(resource, service)
    if found is None:
        found = _found(resource, service, context.index)
    is_customer = isinstance(found, Scalar) and found.value == CUSTOMER
    return or_absent(found if is_customer or spared is False else spared, resource)


def _spared(resource: Resource, service: Service) -> bool | Unknown:
    """Return whether the resource does not support customer-managed keys."""
    if service.spared is None or not isinstance(resource.select(("scope",)), Absent):
        return False  # a resource that only adds a key to another one does not state its tier
    found = _is_among(resource, service.spared)
    if found is False or not service.unless:
        return found
    unless = at_path(resource.attributes, service.unless)
    return False if _is_set(unless) is True else unless if isinstance(unless, Unknown) else found


def _is_among(resource: Resource, meant: Words) -> bool | Unknown:
    answer = at_path(resource.attributes, meant.path)
    if isinstance(answer, Unknown):
        return answer
    text = _text(answer)
    return text in {word.lower() for word in meant.values}


def _switched(resource: Resource, service: Service) -> Value | None:
    """Return the value of the service's switch, if it is set."""
    if service.switch is None:
        return None
    answer = at_path(resource.attributes, service.switch.path)
    # An object is not a switch value: the key in it decides.
    if isinstance(answer, Unknown):
        return None if _is_set(answer) is True else unknown(answer, answer.why)
    if not isinstance(answer, Scalar) or not _text(answer):
        return None
    word = CUSTOMER if _text(answer) in {word.lower() for word in service.switch.values} else PLATFORM
    return known(answer.at, word, state_value(resource.declared_as, tuple(service.switch.path.split(".")), answer))


def _found(resource: Resource, service: Service, index: Index) -> Value | None:
    """Return the result for the keys and disk encryption sets that a resource refers to."""
    if service.disks:
        return _of_machine(resource, service)
    answers = list(_keys(resource, index)) if service.named else []
    answers += (at_path(resource.attributes, path) for path in service.sets)
    found = _best(resource.at, answers)
    if isinstance(found, Unknown) or found.value == CUSTOMER:
        return found
    inside = False if service.inside is None else _is_among(resource, service.inside)
    if isinstance(inside, Unknown):
        return unknown(inside, inside.why)
    if inside:
        return known(resource.at, CUSTOMER, "Azure Disk Encryption is enabled")
    if service.copies is not None and _is_among(resource, service.copies) is not False:
        return unknown(resource, "the disk uses the key of its source")
    # In Terraform an azurerm resource can also add a key to an azapi resource.
    if service.added_in_arm or (service.added and is_azure(resource.declared_as)):
        return known(resource.at, UNLESS_ADDED, found.note)
    return found


def _keys(resource: Resource, index: Index) -> Iterator[Answer]:
    """Yield the keys that are referred to, and their vaults."""
    yield from (resource.select(path) for path in _NAMED)
    for place in consumers.places_of(resource):
        yield from (value for value in key_and_vault(place, index) if value is not None)


def _of_machine(resource: Resource, service: Service) -> Value | None:
    """Return the weakest encryption of a VM's disks; None for a VM without disks that are created with it."""
    disks = [disk for path in service.disks for disk in _items(at_path(resource.attributes, path))]
    system = service.disks[0]
    profile = _profile_of(service)
    is_there = not profile or _is_set(at_path(resource.attributes, profile))
    if isinstance(at_path(resource.attributes, system), Absent) and is_there:
        # The OS disk always exists, even if it is not described.
        return _best(resource.at, [])
    found = [one for one in (_of_disk(disk) for disk in disks) if one is not None]
    ranks = {PLATFORM: 0, CUSTOMER: 2}
    return min(found, key=lambda one: ranks[str(one.value)] if isinstance(one, Scalar) else 1, default=None)


def _of_disk(disk: Value) -> Scalar | Unknown | None:
    """Return the encryption of one disk of a VM.

    None for a disk that is created elsewhere and only attached, or a file in a storage account.
    """
    managed, file = field_of(disk, "manageddisk"), field_of(field_of(disk, "vhd"), "uri")
    elsewhere = _is_set(field_of(managed, "id")) is True or _is_set(file) is True
    if elsewhere or _text(field_of(disk, "createoption")) == "attach":
        return None
    secure = field_of(field_of(field_of(managed, "securityprofile"), "diskencryptionset"), "id")
    return _best(disk.at, [field_of(field_of(managed, "diskencryptionset"), "id"), secure])


def _best(at: Location, answers: list[Answer]) -> Scalar | Unknown:
    """Return CUSTOMER if any answer is certainly set; else PLATFORM, or unknown if an answer may be set."""
    doubt: Unknown | None = None
    for answer in answers:
        if _is_set(answer) is True:
            return known(answer.at, CUSTOMER, "customer-managed key")
        # Some item of a list is not known.
        doubtful = (one for one in _items(answer) if isinstance(one, Unknown))
        doubt = next(doubtful, None) if doubt is None else doubt
    if doubt is not None:
        return unknown(doubt, doubt.why)
    return known(at, PLATFORM, "no customer-managed key is set")


def _is_set(answer: Answer) -> bool | None:
    """Return whether an answer is set; None if that is not known. An empty string counts as not set."""
    if isinstance(answer, Unknown):
        return True if answer.is_set else None
    if isinstance(answer, ListValue):
        found = [_is_set(item) for item in answer.items]
        return True if True in found else None if None in found else False
    return not (isinstance(answer, Absent) or (isinstance(answer, Scalar) and answer.value == ""))


def _text(answer: Answer) -> str:
    """Return a string or boolean in lower case; empty for anything else."""
    return str(answer.value).lower() if isinstance(answer, Scalar) else ""


def _items(answer: Answer) -> tuple[Value, ...]:
    if isinstance(answer, ListValue):
        return answer.items
    return () if isinstance(answer, Absent) else (answer,)


def at_path(value: Answer, path: str) -> Answer:
    """Return the answer at a dotted path, ignoring the case of names."""
    for step in path.lower().split("."):
        value = field_of(value, step)
    return value


# --- Vaults that the Azure platform reads itself: certificates for VMs, and keys of their disks ---------------------
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


@derived(
    "certificateVaultIds",
    of=_SECRETS,
    label="vault of the VM certificate",
    reads={type_: (path,) for type_, path in _SECRETS.items()},
)
def _certificate_vaults(resource: Resource, _: Context) -> Answer:
    """Return the vaults whose certificates Azure installs on a VM."""
    path = _SECRETS.get(resource.type.lower())
    secrets = resource.select(path) if path is not None else None
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
    reads={type_: (path,) for type_, path in _INLINE.items()},
)
def _encryption_vaults(resource: Resource, _: Context) -> Answer:
    """Return the vaults used for disk encryption inside a VM, as far as the VM resource itself states them."""
    path = _INLINE.get(resource.type.lower())
    found = resource.select(path) if path is not None else None
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
            return unknown(resource, "the tenant of the vault is not known")
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
        reference = reference_of(resource.address, via, value, context.index)
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
_KEY_VAULT: Path = ("derived", "keyVaultId")
_ACTIVE: Path = ("properties", "activeKey")


_REGION_READS: Mapping[str, tuple[Path, ...]] = {
    _SETS: (_LOCATION, _KEY, _KEY_VAULT, _ACTIVE),
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
    note = f"{resource.select(_LOCATION).display()} instead of {others[0].display()}"
    return known(resource, own in regions, note)


def _region(answer: Answer) -> str:
    """Return a region as Azure compares it: West Europe is westeurope."""
    return location_key(str(answer.value)) if isinstance(answer, Scalar) else ""


def _vaults(resource: Resource, context: Context) -> Iterator[str]:
    """Yield the vaults in the graph that certainly contain the key."""
    answers = [resource.select(_KEY_VAULT), resource.select(_KEY)]
    active = resource.select(_ACTIVE)
    if not isinstance(active, Absent):
        answers += [value for value in key_and_vault(active, context.index) if value is not None]
        answers.append(field_of(field_of(active, "sourcevault"), "id"))
    for answer in answers:
        reference = reference_of("", "", answer, context.index)
        for target in reference.targets if reference is not None else ():
            found = context.index.resources[target]
            if found.type.lower() in _VAULTS:
                yield target
            elif not isinstance(above := found.select(("parent",)), Absent):
                below = reference_of("", "", above, context.index)
                yield from below.targets if below is not None else ()


# --- Whether Microsoft grants access to the key -----------------------------------------------------------------------
# The system-assigned identity of a Machine Learning workspace gets its role assignments on the associated resources of
# the workspace from Microsoft; those of a user-assigned identity are the customer's. Source:
# learn.microsoft.com/azure/machine-learning/how-to-identity-based-service-authentication, workspace identity types.


_WORKSPACES = "microsoft.machinelearningservices/workspaces"
_IDENTITY_TYPE: Path = ("identity", "type")
_ASSOCIATED: Path = ("properties", "keyVault")
_IDENTITY_FOR_KEY: Path = ("properties", "encryption", "identity", "userAssignedIdentity")
_SYSTEM_ASSIGNED = "systemassigned"


@derived(
    "microsoftGrantsAccess",
    of=_WORKSPACES,
    label="access granted by Microsoft",
    reads=lambda: {
        **consumers.graph_needs(),
        _WORKSPACES: (*consumers.graph_needs()[_WORKSPACES], _IDENTITY_TYPE, _ASSOCIATED, _IDENTITY_FOR_KEY),
    },
)
def _microsoft_grants_access(resource: Resource, context: Context) -> Answer:
    """Return whether Microsoft grants the identity of a workspace access to the vault of its key."""
    identity, other = resource.select(_IDENTITY_TYPE), resource.select(_IDENTITY_FOR_KEY)
    for one in (identity, other):
        if isinstance(one, Unknown):
            return unknown(resource, one.why)
    if not isinstance(other, Absent) or (identity.text or _SYSTEM_ASSIGNED).lower() != _SYSTEM_ASSIGNED:
        return known(resource, False)
    associated = resource.select(_ASSOCIATED)
    own = reference_of("", "", associated, context.index)
    found = [reference_of("", "", value, context.index) for value in consumers.vaults_of(resource, context)]
    of_key = [reference for reference in found if reference is not None]
    if own is None or not of_key:
        return known(resource, False)
    if own.anything or own.candidates or any(one.anything or one.candidates for one in of_key):
        return unknown(resource, "the vault of the workspace, or of its key, is not known")
    return known(resource, all(one.targets == own.targets for one in of_key))
