"""Who needs a vault's keys: artificial intelligence, health and devices.

Source: the provider's documentation, schema and 5.0 upgrade guide, versions 3.116 to 5.10.
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.azure.azurerm.consumer import KEY, NAME, SKU, addition, child, placed, within
from azkvlint.azure.azurerm.table import Mapped, block, flag, value

CONSUMERS_INTELLIGENCE: Mapping[str, Mapped] = {
    "azurerm_ai_foundry": placed("Microsoft.MachineLearningServices/workspaces", encryption=within("key_id")),
    "azurerm_ai_services": placed(
        "Microsoft.CognitiveServices/accounts", customer_managed_key=within("key_vault_key_id", "managed_hsm_key_id")
    ),
    "azurerm_bot_channels_registration": placed("Microsoft.BotService/botServices", cmk_key_vault_url=KEY),
    "azurerm_bot_service_azure_bot": placed("Microsoft.BotService/botServices", cmk_key_vault_key_url=KEY),
    "azurerm_cognitive_account": placed(
        "Microsoft.CognitiveServices/accounts", customer_managed_key=within("key_vault_key_id")
    ),
    "azurerm_cognitive_account_customer_managed_key": addition(
        "Microsoft.CognitiveServices/accounts", "cognitive_account_id", key_vault_key_id=KEY
    ),
    "azurerm_healthbot": placed("Microsoft.HealthBot/healthBots"),
    "azurerm_healthcare_dicom_service": child(
        "Microsoft.HealthcareApis/workspaces/dicomservices", "workspace_id", name=NAME, encryption_key_url=KEY
    ),
    "azurerm_healthcare_fhir_service": child(
        "Microsoft.HealthcareApis/workspaces/fhirservices", "workspace_id", name=NAME
    ),
    "azurerm_healthcare_service": placed(
        "Microsoft.HealthcareApis/services", cosmosdb_key_vault_key_versionless_id=KEY
    ),
    # The provider has no argument for the keys of IoT services, nor for those of health bots and FHIR services.
    "azurerm_iothub": placed("Microsoft.Devices/IotHubs"),
    "azurerm_iothub_device_update_account": placed("Microsoft.DeviceUpdate/accounts"),
    "azurerm_iothub_dps": placed("Microsoft.Devices/provisioningServices"),
    "azurerm_machine_learning_workspace": placed(
        "Microsoft.MachineLearningServices/workspaces",
        kind=value("kind", default="Default"),
        encryption=within("key_id"),
    ),
    "azurerm_media_services_account": placed(
        "Microsoft.Media/mediaservices",
        encryption=block(
            "",
            {
                "type": value("properties.encryption.type", default="SystemKey"),
                "key_vault_key_identifier": KEY,
            },
        ),
    ),
    "azurerm_mobile_network_sim_group": placed("Microsoft.MobileNetwork/simGroups", encryption_key_url=KEY),
    "azurerm_search_service": placed(
        "Microsoft.Search/searchServices",
        sku=SKU,
        customer_managed_key_enforcement_enabled=flag(
            "properties.encryptionWithCmk.enforcement", "Enabled", "Disabled", default=False
        ),
    ),
}
