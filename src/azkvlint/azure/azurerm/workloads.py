"""What takes secrets at work: named values of API Management, linked services of Data Factory, settings of apps.

Source: the provider's documentation and schema, versions 3.0 to 5.10.
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.azure.azurerm.table import Field, Mapped, block, blocks, link, value
from azkvlint.azure.azurerm.vault import PLACED

_LINKED = "Microsoft.DataFactory/factories/linkedservices"
_IN_VAULT: Mapping[str, Field] = {"secret_name": value("secretName")}
_OF_VAULT = {"type": "AzureKeyVaultSecret"}
_AT = "properties.typeProperties."
# Most linked services take several of these.
_LINKED_FIELDS: Mapping[str, Field] = {
    "name": value("name"),
    "data_factory_id": link("parent"),
    "connection_string": value(f"{_AT}connectionString", sensitive=True),
    "key_vault_connection_string": block(f"{_AT}connectionString", _IN_VAULT, constants=_OF_VAULT),
    "password": value(f"{_AT}password.value", sensitive=True),
    "key_vault_password": block(f"{_AT}password", _IN_VAULT, constants=_OF_VAULT),
    "access_token": value(f"{_AT}accessToken.value", sensitive=True),
}
_SERVICES = (
    "azure_sql_database", "azure_blob_storage", "azure_databricks", "azure_file_storage", "cosmosdb", "mysql",
    "odbc", "postgresql", "sftp", "snowflake", "sql_server", "synapse",
)  # fmt: skip

_SETTINGS: Mapping[str, Field] = {
    "app_settings": value("properties.siteConfig.appSettings", sensitive=True),
    "connection_string": blocks(
        "properties.siteConfig.connectionStrings",
        {"name": value("name"), "value": value("connectionString", sensitive=True)},
    ),
}
_IDENTITY = {"identity": block("identity", {"type": value("type")})}
_APP = Mapped(type="Microsoft.Web/sites", fields={**PLACED, **_SETTINGS, **_IDENTITY})
_SLOT = Mapped(
    type="Microsoft.Web/sites/slots",
    fields={"name": value("name"), "tags": value("tags"), **_SETTINGS, **_IDENTITY},
)
_CONTAINERS: Mapping[str, Field] = {
    "secret": blocks(
        "properties.configuration.secrets",
        {
            "name": value("name"),
            "key_vault_secret_id": link("keyVaultUrl"),
        },
    )
}
_APPS = tuple(f"{system}_{kind}" for system in ("linux", "windows") for kind in ("web_app", "function_app"))

WORKLOADS: Mapping[str, Mapped] = {
    "azurerm_api_management_named_value": Mapped(
        type="Microsoft.ApiManagement/service/namedValues",
        fields={
            "name": value("name"),
            "secret": value("properties.secret", default=False),
            "value": value("properties.value", sensitive=True),
            "value_from_key_vault": block(
                "properties.keyVault",
                {"secret_id": link("secretIdentifier"), "identity_client_id": value("identityClientId")},
            ),
        },
    ),
    **{
        f"azurerm_data_factory_linked_service_{service}": Mapped(type=_LINKED, fields=_LINKED_FIELDS)
        for service in _SERVICES
    },
    "azurerm_data_factory_linked_custom_service": Mapped(
        type=_LINKED,
        fields={
            "name": value("name"),
            "data_factory_id": link("parent"),
            "type": value("properties.type"),
            # A text of JSON, which may hold credentials anywhere.
            "type_properties_json": value("properties.typeProperties", sensitive=True),
        },
    ),
    "azurerm_container_app": Mapped(
        type="Microsoft.App/containerApps", fields={"name": value("name"), "tags": value("tags"), **_CONTAINERS}
    ),
    "azurerm_container_app_job": Mapped(type="Microsoft.App/jobs", fields={**PLACED, **_CONTAINERS}),
    **{f"azurerm_{app}": _APP for app in (*_APPS, "function_app_flex_consumption", "logic_app_standard")},
    **{f"azurerm_{app}_slot": _SLOT for app in _APPS},
}
