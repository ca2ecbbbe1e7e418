"""Who needs a vault's keys: machines and their disks, containers, platform services.

Source: the provider's documentation, schema and 5.0 upgrade guide, versions 3.116 to 5.10.
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.azure.azurerm.consumer import IDENTITY, KEY, SKU, keys, placed, within
from azkvlint.azure.azurerm.table import Field, Mapped, block, blocks, link, value

# A disk that is made with a machine.
_DISK: Mapping[str, Field] = {
    "disk_encryption_set_id": link("managedDisk.diskEncryptionSet.id"),
    "secure_vm_disk_encryption_set_id": link("managedDisk.securityProfile.diskEncryptionSet.id"),
}
_OLD_DISK: Mapping[str, Field] = {
    "create_option": value("createOption"),
    "managed_disk_id": link("managedDisk.id", computed=True),
    "vhd_uri": value("vhd.uri"),
}

CONSUMERS_COMPUTE: Mapping[str, Mapped] = {
    "azurerm_app_configuration": placed(
        "Microsoft.AppConfiguration/configurationStores",
        sku=value("sku.name", default="free"),
        encryption=within("key_vault_key_identifier"),
    ),
    "azurerm_automation_account": placed(
        "Microsoft.Automation/automationAccounts", encryption=within("key_vault_key_id")
    ),
    "azurerm_batch_account": placed("Microsoft.Batch/batchAccounts", encryption=within("key_vault_key_id")),
    "azurerm_container_group": placed("Microsoft.ContainerInstance/containerGroups", key_vault_key_id=KEY),
    "azurerm_container_registry": placed(
        "Microsoft.ContainerRegistry/registries",
        sku=SKU,
        encryption=within("key_vault_key_id", computed=True),
    ),
    "azurerm_disk_encryption_set": placed(
        "Microsoft.Compute/diskEncryptionSets",
        **keys("key_vault_key_id", "managed_hsm_key_id"),
        federated_client_id=value("properties.federatedClientId"),
        identity=IDENTITY,
        auto_key_rotation_enabled=value("properties.rotationToLatestKeyVersionEnabled", default=False),
        encryption_type=value("properties.encryptionType", default="EncryptionAtRestWithCustomerKey"),
    ),
    "azurerm_fluid_relay_server": placed(
        "Microsoft.FluidRelay/fluidRelayServers", customer_managed_key=within("key_vault_key_id")
    ),
    # Retired. The provider had no argument for its key.
    "azurerm_integration_service_environment": placed("Microsoft.Logic/integrationServiceEnvironments"),
    "azurerm_kubernetes_cluster": placed(
        "Microsoft.ContainerService/managedClusters",
        disk_encryption_set_id=link("properties.diskEncryptionSetID"),
        key_management_service=block(
            "",
            {
                "key_vault_key_id": KEY,
                "key_vault_network_access": value(
                    "properties.securityProfile.azureKeyVaultKms.keyVaultNetworkAccess", default="Public"
                ),
            },
            # Where the block is, the service is on.
            constants={"properties.securityProfile.azureKeyVaultKms.enabled": True},
        ),
        service_principal=block("properties.servicePrincipalProfile", {"client_id": value("clientId")}),
        key_vault_secrets_provider=block(
            "properties.addonProfiles.azureKeyvaultSecretsProvider",
            {
                "secret_rotation_enabled": value("config.enableSecretRotation", default=False),
                "secret_rotation_interval": value("config.rotationPollInterval"),
            },
            constants={"enabled": True},
        ),
    ),
    "azurerm_load_test": placed("Microsoft.LoadTestService/loadTests", encryption=within("key_url")),
    "azurerm_managed_disk": placed(
        "Microsoft.Compute/disks",
        create_option=value("properties.creationData.createOption"),
        disk_encryption_set_id=link("properties.encryption.diskEncryptionSetId"),
        # Required where it was an argument; since 4.0 it is on where the block is.
        encryption_settings=block(
            "properties.encryptionSettingsCollection", {"enabled": value("enabled", default=True)}
        ),
        secure_vm_disk_encryption_set_id=link("properties.securityProfile.secureVMDiskEncryptionSetId"),
    ),
    **{
        f"azurerm_{system}_virtual_machine": placed(
            "Microsoft.Compute/virtualMachines",
            # First, for of two arguments for one path the first that is set counts.
            os_managed_disk_id=link("properties.storageProfile.osDisk.managedDisk.id"),
            os_disk=block("properties.storageProfile.osDisk", _DISK),
        )
        for system in ("linux", "windows")
    },
    # The older machine, which could not be made with a disk encryption set.
    "azurerm_virtual_machine": placed(
        "Microsoft.Compute/virtualMachines",
        storage_os_disk=block("properties.storageProfile.osDisk", _OLD_DISK),
        storage_data_disk=blocks("properties.storageProfile.dataDisks", _OLD_DISK),
    ),
    **{
        f"azurerm_{system}_virtual_machine_scale_set": placed(
            "Microsoft.Compute/virtualMachineScaleSets",
            os_disk=block("properties.virtualMachineProfile.storageProfile.osDisk", _DISK),
            data_disk=blocks("properties.virtualMachineProfile.storageProfile.dataDisks", _DISK),
        )
        for system in ("linux", "orchestrated", "windows")
    },
}
