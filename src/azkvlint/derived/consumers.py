"""Which key a resource is encrypted with, and which vault that is in.

A key is named by its URL, or by the URI of its vault and its name; some types name the vault by its id too. All of it
becomes ids of ``derived.keyId`` and ``derived.keyVaultId``. The azurerm tables give the key directly, its vault only
where an argument names that.
Source: learn.microsoft.com/azure/templates, the reference of each type.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from azkvlint.derived.keys import field_of, key_and_vault
from azkvlint.derived.registry import Context, absent, derived, or_absent, unknown
from azkvlint.graph.references import Index, reference_of
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Link, ListValue, Path, Scalar, Unknown, Value, display

_ENCRYPTION = "properties.encryption"
_PROPERTIES = f"{_ENCRYPTION}.keyVaultProperties"
_CUSTOMER_KEY = f"{_ENCRYPTION}.customerManagedKeyEncryption"

# By type (lower case): where a key is named. There stands a URL, an object with the fields below, or a list of those.
_PLACES: Mapping[str, tuple[str, ...]] = {
    "microsoft.appconfiguration/configurationstores": (_PROPERTIES,),
    "microsoft.automation/automationaccounts": (_PROPERTIES,),
    "microsoft.batch/batchaccounts": (_PROPERTIES,),
    "microsoft.botservice/botservices": ("properties.cmekKeyVaultUrl",),
    "microsoft.cache/redisenterprise": (_CUSTOMER_KEY,),
    "microsoft.cognitiveservices/accounts": (_PROPERTIES,),
    "microsoft.compute/diskencryptionsets": ("properties.activeKey",),
    "microsoft.containerinstance/containergroups": ("properties.encryptionProperties",),
    "microsoft.containerregistry/registries": (_PROPERTIES,),
    "microsoft.containerservice/managedclusters": ("properties.securityProfile.azureKeyVaultKms",),
    "microsoft.databox/jobs": ("properties.details.keyEncryptionKey",),
    "microsoft.datafactory/factories": (_ENCRYPTION,),
    "microsoft.dataprotection/backupvaults": ("properties.securitySettings.encryptionSettings.keyVaultProperties",),
    "microsoft.databricks/workspaces": (
        f"{_ENCRYPTION}.entities.managedServices.keyVaultProperties",
        f"{_ENCRYPTION}.entities.managedDisk.keyVaultProperties",
        "properties.parameters.encryption.value",
    ),
    "microsoft.dbformysql/flexibleservers": (
        "properties.dataEncryption.primaryKeyURI", "properties.dataEncryption.geoBackupKeyURI",
    ),
    "microsoft.dbformysql/servers/keys": ("properties.uri",),
    "microsoft.dbforpostgresql/flexibleservers": (
        "properties.dataEncryption.primaryKeyURI", "properties.dataEncryption.geoBackupKeyURI",
    ),
    "microsoft.dbforpostgresql/servers/keys": ("properties.uri",),
    "microsoft.devices/iothubs": (_PROPERTIES,),
    "microsoft.devices/provisioningservices": (_PROPERTIES,),
    "microsoft.deviceupdate/accounts": (f"{_ENCRYPTION}.keyVaultKeyUri",),
    "microsoft.documentdb/cassandraclusters/datacenters": (
        "properties.managedDiskCustomerKeyUri", "properties.backupStorageCustomerKeyUri",
    ),
    "microsoft.documentdb/databaseaccounts": ("properties.keyVaultKeyUri",),
    "microsoft.documentdb/mongoclusters": (_CUSTOMER_KEY,),
    "microsoft.elasticsan/elasticsans/volumegroups": ("properties.encryptionProperties.keyVaultProperties",),
    "microsoft.eventhub/namespaces": (_PROPERTIES,),
    "microsoft.fluidrelay/fluidrelayservers": (_CUSTOMER_KEY,),
    "microsoft.hdinsight/clusters": ("properties.diskEncryptionProperties",),
    "microsoft.healthbot/healthbots": ("properties.keyVaultProperties",),
    "microsoft.healthcareapis/services": ("properties.cosmosDbConfiguration.keyVaultKeyUri",),
    "microsoft.healthcareapis/workspaces/dicomservices": (_CUSTOMER_KEY,),
    "microsoft.healthcareapis/workspaces/fhirservices": (_CUSTOMER_KEY,),
    "microsoft.kusto/clusters": ("properties.keyVaultProperties",),
    "microsoft.loadtestservice/loadtests": (f"{_ENCRYPTION}.keyUrl",),
    "microsoft.logic/integrationserviceenvironments": ("properties.encryptionConfiguration.encryptionKeyReference",),
    "microsoft.machinelearningservices/workspaces": (_PROPERTIES,),
    "microsoft.media/mediaservices": (_PROPERTIES,),
    "microsoft.mobilenetwork/simgroups": ("properties.encryptionKey",),
    "microsoft.netapp/netappaccounts": (_PROPERTIES,),
    "microsoft.operationalinsights/clusters": ("properties.keyVaultProperties",),
    "microsoft.recoveryservices/vaults": (_PROPERTIES,),
    "microsoft.servicebus/namespaces": (_PROPERTIES,),
    "microsoft.sql/managedinstances": ("properties.keyId",),
    # In templates these name one of the server's own keys, which names the vault's; azurerm gives that one directly.
    "microsoft.sql/managedinstances/encryptionprotector": (),
    "microsoft.sql/managedinstances/keys": ("properties.uri",),
    "microsoft.sql/servers": ("properties.keyId",),
    "microsoft.sql/servers/encryptionprotector": (),
    "microsoft.sql/servers/databases": ("properties.encryptionProtector",),
    "microsoft.sql/servers/keys": ("properties.uri",),
    "microsoft.storage/storageaccounts": (_PROPERTIES,),
    "microsoft.storage/storageaccounts/encryptionscopes": ("properties.keyVaultProperties",),
    "microsoft.storagecache/amlfilesystems": ("properties.encryptionSettings.keyEncryptionKey",),
    "microsoft.storagecache/caches": ("properties.encryptionSettings.keyEncryptionKey",),
    "microsoft.synapse/workspaces": (f"{_ENCRYPTION}.cmk.key.keyVaultUrl",),
    "microsoft.synapse/workspaces/keys": ("properties.keyVaultUrl",),
}  # fmt: skip
PATHS: Mapping[str, tuple[Path, ...]] = {
    type_: tuple(tuple(place.split(".")) for place in places) for type_, places in _PLACES.items()
}
# The one type whose keys the azurerm table gives as a list.
_SEVERAL = "microsoft.eventhub/namespaces"
# What azurerm arguments that name a key, or only its vault and its name, become.
KEY_ID, KEY_IDS, VAULT_ID = ("derived", "keyId"), ("derived", "keyIds"), ("derived", "keyVaultId")
_KEY_NAME: Path = ("derived", "keyName")
_KEYS = ("microsoft.keyvault/vaults/keys", "microsoft.keyvault/managedhsms/keys")
_VAULTS = ("microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms")


# What must be read of the consumers themselves.
NEEDS: Mapping[str, tuple[Path, ...]] = {
    type_: (*paths, KEY_ID, KEY_IDS, VAULT_ID, _KEY_NAME) for type_, paths in PATHS.items()
}
# And of what they name.
GRAPH_NEEDS: Mapping[str, tuple[Path, ...]] = {
    **NEEDS,
    **dict.fromkeys(_KEYS, (("parent",),)),
    **dict.fromkeys(_VAULTS, (("id",), ("name",))),
}


@derived("keyId", of=[type_ for type_ in PATHS if type_ != _SEVERAL], label="customer-managed key", reads=GRAPH_NEEDS)
def _key_id(resource: Resource, context: Context) -> Answer:
    return _keys(resource, context.index, KEY_ID)


@derived("keyIds", of=_SEVERAL, label="customer-managed keys", reads=GRAPH_NEEDS)
def _key_ids(resource: Resource, context: Context) -> Answer:
    """The same of the type that may have several."""
    return _keys(resource, context.index, KEY_IDS)


def _keys(resource: Resource, index: Index, field: Path) -> Answer:
    """Return the keys that all places name together; absent where an azurerm table has set the attribute."""
    if not isinstance(resource.select(field), Absent):
        return absent(resource)
    vault = resource.select(VAULT_ID)
    if not isinstance(vault, Absent):
        return or_absent(_key_in(vault, resource.select(_KEY_NAME), index), resource)
    return _joined(resource, (key_and_vault(place, index)[0] for place in places_of(resource)))


def _key_in(vault: Value, name: Answer, index: Index) -> Value | None:
    """The key of this name in this vault, if it is in the graph."""
    above = reference_of("", "", vault, index)
    if isinstance(name, Scalar) and isinstance(vault, Unknown) and (above is None or not above.targets):
        return unknown(vault, vault.why)  # any key of this name may be the one
    if above is None or not above.targets or not isinstance(name, Scalar):
        return name if isinstance(name, Unknown) else None
    for key in (key for type_ in _KEYS for key in index.named(type_, str(name.value).lower())):
        own = (
            reference_of("", "", key.attributes.fields["parent"], index) if "parent" in key.attributes.fields else None
        )
        if own is not None and own.targets == above.targets:
            return Link(at=vault.at, target=key.address, type=key.type, hops=above.hops)
    return None


@derived("keyVaultId", of=PATHS, label="vault of the customer-managed key", reads=GRAPH_NEEDS)
def _vault_id(resource: Resource, context: Context) -> Answer:
    """The vaults (or managed HSMs) of those keys. None where an azurerm argument has already said it."""
    if not isinstance(resource.select(VAULT_ID), Absent):
        return absent(resource)
    return _joined(resource, vaults_of(resource, context))


def vaults_of(resource: Resource, context: Context) -> tuple[Value, ...]:
    """The vaults of a consumer's keys."""
    vault = resource.select(VAULT_ID)
    if not isinstance(vault, Absent):
        return (vault,)
    found = (_vault_of(value, context) for value in keys_of(resource))
    return tuple(value for value in found if value is not None)


def keys_of(resource: Resource) -> tuple[Value, ...]:
    """The keys that azurerm arguments name, or what stands in the places where templates name them."""
    for field in (KEY_ID, KEY_IDS):
        found = resource.select(field)
        if not isinstance(found, Absent):
            return found.items if isinstance(found, ListValue) else (found,)
    return tuple(places_of(resource))


def _vault_of(value: Value, context: Context) -> Value | None:
    """The vault of a key. Where a key in the graph is named, it is what that key says of its vault."""
    index = context.index
    vault = key_and_vault(value, index)[1]
    if vault is not None:
        return vault
    reference = reference_of("", "", value, index)
    if reference is None:
        return None
    keys = [index.resources[address] for address in (*reference.targets, *reference.candidates)]
    above = [key.attributes.fields["parent"] for key in keys if "parent" in key.attributes.fields]
    if reference.targets and len(above) == 1:
        # It is told where the consumer names its key.
        return msgspec.structs.replace(above[0], at=value.at)
    if not above:
        return _outside(value, context)
    found = [one for one in (reference_of("", "", vault, index) for vault in above) if one is not None]
    vaults = tuple(address for one in found for address in (*one.targets, *one.candidates))
    why = value.why if isinstance(value, Unknown) else "which vault its key is in is not known"
    closed = not reference.anything and not reference.outside and not any(one.anything or one.outside for one in found)
    return Unknown(at=value.at, why=why, candidates=vaults, closed=closed, hops=reference.hops)


def _outside(value: Value, context: Context) -> Value:
    """The vault of a key that is not in the graph: another one, or one here whose name is not known."""
    if isinstance(value, Link):
        return msgspec.structs.replace(value, type="")
    nameless = _nameless(context) if isinstance(value, Scalar) else ()
    if not nameless:
        return value
    # One more candidate, which is not here: the vault of that name may be another.
    return Unknown(at=value.at, why="a vault's name is not known", candidates=(*nameless, display(value)), closed=True)


def _nameless(context: Context) -> tuple[str, ...]:
    """The vaults whose name is not known."""
    found = context.cache.get("nameless vaults")
    if not isinstance(found, tuple):
        vaults = (vault for type_ in _VAULTS for vault in context.index.of_type(type_))
        nameless = (vault.address for vault in vaults if isinstance(vault.select(("name",)), Unknown))
        found = context.cache["nameless vaults"] = tuple(nameless)
    return found


def _joined(resource: Resource, values: Iterable[Value | None]) -> Answer:
    """Return one value, or a list of several; absent for none."""
    found = tuple(value for value in values if value is not None)
    return found[0] if len(found) == 1 else ListValue(at=resource.at, items=found) if found else absent(resource)


def places_of(resource: Resource) -> Iterator[Value]:
    """What stands where the resource names a key.

    What is only looked up, and shows no key here, says no more than what is not mentioned at all.
    """
    for path in PATHS.get(resource.type.lower(), ()):
        found: Answer = resource.attributes
        for step in path:
            found = field_of(found, str(step).lower())
        for item in found.items if isinstance(found, ListValue) else (found,):
            if not isinstance(item, Absent) and not (resource.existing and isinstance(item, Unknown)):
                yield item
