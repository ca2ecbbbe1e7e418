"""Resources of the azapi provider, which take an ARM resource as their body: what is common to all who read them."""

from __future__ import annotations

AZAPI_RESOURCE, AZAPI_UPDATE = "azapi_resource", "azapi_update_resource"
AZAPI_DATA_PLANE, AZAPI_ACTION = "azapi_data_plane_resource", "azapi_resource_action"
AZAPI = frozenset({AZAPI_RESOURCE, AZAPI_UPDATE, AZAPI_DATA_PLANE, AZAPI_ACTION})
# Extension types: their parent_id is what they extend.
_EXTENSIONS = (
    "microsoft.insights/diagnosticsettings", "microsoft.authorization/", "microsoft.security/pricings",
    "microsoft.eventgrid/eventsubscriptions",
)  # fmt: skip


def above_of(type_: str) -> str:
    """What ``parent_id`` is to a type: what it extends, the resource it lies in, or no more than its group."""
    if type_.lower().startswith(_EXTENSIONS):
        return "scope"
    return "parent" if type_.count("/") > 1 else "resourceGroupId"


def is_key_vault_type(type_: str) -> bool:
    """Whether an Azure type is one of Key Vault's."""
    return type_.lower().startswith("microsoft.keyvault/")


def not_understood(declared_as: str) -> str:
    """What is said of a resource of Key Vault that may change anything."""
    return f"an {declared_as} of Key Vault is not understood, so it was not judged"


def type_not_known(type_: str) -> str:
    """What is said of a type of Key Vault that no table knows."""
    return f"'{type_}' is a Key Vault type that is not known, so it was not judged"
