"""Whose key a resource is encrypted with, where a template or an azapi body says it in Azure's own words.

A key is named by its URL, or by the URI of its vault and its name; some types name the vault by its id too. All of it
becomes ids of ``derived.keyId`` and ``derived.keyVaultId``, which the azurerm tables give directly.
Source: learn.microsoft.com/azure/templates, the reference of each type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kvlint.model.graph import Resource
from kvlint.model.value import Absent, Answer, ListValue, MapValue, Path, Unknown, Value
from kvlint.readers.derive.attribute import Context, Derived
from kvlint.readers.references import Index

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
    "microsoft.documentdb/cassandraclusters/datacenters": (
        "properties.managedDiskCustomerKeyUri", "properties.backupStorageCustomerKeyUri",
    ),
    "microsoft.documentdb/databaseaccounts": ("properties.keyVaultKeyUri",),
    "microsoft.documentdb/mongoclusters": (_CUSTOMER_KEY,),
    "microsoft.elasticsan/elasticsans/volumegroups": ("properties.encryptionProperties.keyVaultProperties",),
    "microsoft.eventhub/namespaces": (_PROPERTIES,),
    "microsoft.fluidrelay/fluidrelayservers": (_CUSTOMER_KEY,),
    "microsoft.hdinsight/clusters": ("properties.diskEncryptionProperties",),
    "microsoft.healthcareapis/services": ("properties.cosmosDbConfiguration.keyVaultKeyUri",),
    "microsoft.healthcareapis/workspaces/dicomservices": (_CUSTOMER_KEY,),
    "microsoft.kusto/clusters": ("properties.keyVaultProperties",),
    "microsoft.loadtestservice/loadtests": (f"{_ENCRYPTION}.keyUrl",),
    "microsoft.machinelearningservices/workspaces": (_PROPERTIES,),
    "microsoft.netapp/netappaccounts": (_PROPERTIES,),
    "microsoft.operationalinsights/clusters": ("properties.keyVaultProperties",),
    "microsoft.recoveryservices/vaults": (_PROPERTIES,),
    "microsoft.servicebus/namespaces": (_PROPERTIES,),
    "microsoft.sql/managedinstances": ("properties.keyId",),
    "microsoft.sql/managedinstances/keys": ("properties.uri",),
    "microsoft.sql/servers": ("properties.keyId",),
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


def _key_id(resource: Resource, context: Context) -> Value | None:
    return None if resource.type.lower() == _SEVERAL else _joined(resource, context.index, "keyId")


def _key_ids(resource: Resource, context: Context) -> Value | None:
    """The same of the type that may have several."""
    return _joined(resource, context.index, "keyIds") if resource.type.lower() == _SEVERAL else None


def _vault_id(resource: Resource, context: Context) -> Value | None:
    """The vaults (or managed HSMs) of those keys, as far as the resource itself says them."""
    return _joined(resource, context.index, "keyVaultId")


ATTRIBUTES: Mapping[str, Derived] = {
    "keyId": Derived(_key_id, PATHS),
    "keyIds": Derived(_key_ids, PATHS),
    "keyVaultId": Derived(_vault_id, PATHS),
}


def _joined(resource: Resource, index: Index, field: str) -> Value | None:
    """The keys or vaults that all places name together. None where an azurerm table has already said it."""
    places = list(_places(resource)) if isinstance(resource.select(("derived", field)), Absent) else []
    if not places:
        return None
    from kvlint.readers.derive.keys import key_and_vault

    at = 1 if field == "keyVaultId" else 0
    found = [value for place in places if (value := key_and_vault(place, index)[at]) is not None]
    return found[0] if len(found) == 1 else ListValue(at=resource.at, items=tuple(found)) if found else None


def _places(resource: Resource) -> Iterator[Value]:
    """What stands where the resource names a key."""
    for path in PATHS.get(resource.type.lower(), ()):
        found: Answer = resource.attributes
        for step in path:
            found = field_of(found, str(step).lower())
        for item in found.items if isinstance(found, ListValue) else (found,):
            if not isinstance(item, Absent):
                yield item


def field_of(value: Answer, *names: str) -> Answer:
    """The first of these fields (lower case) that an object has; through an Unknown that Unknown."""
    if not isinstance(value, MapValue):
        return value if isinstance(value, Unknown) else Absent(at=value.at)
    for name, field in value.fields.items():
        if name.lower() in names:
            return field
    return value.rest if value.rest is not None else Absent(at=value.at)
