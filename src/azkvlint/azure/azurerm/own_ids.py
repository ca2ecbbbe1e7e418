"""Which attribute of a Terraform resource is its own ID in Azure, and which attributes are always set."""

from __future__ import annotations

# The attributes that are a resource's own id, besides ``id``, by the beginning of its type. Every other attribute that
# ends in "id" names something else: of a secret, ``key_vault_id`` is its vault.
_OWN_IDS = {
    "azurerm_key_vault": (
        "resource_id",
        "resource_manager_id",
        "resource_versionless_id",
        "versionless_id",
        "versioned_id",
        "secret_id",
        "versionless_secret_id",
    ),
    "azurerm_role_definition": ("role_definition_id", "role_definition_resource_id"),
    "azurerm_storage_": ("resource_manager_id", "resource_manager_versionless_id"),
}

# Attributes that the providers time and random always compute.
ALWAYS_SET_OF = ("time_", "random_")
ALWAYS_SET = frozenset(
    {
        "rfc3339", "base_rfc3339", "rotation_rfc3339", "unix", "year", "month", "day", "id", "result", "hex", "dec",
        "b64_std", "b64_url",
    }
)  # fmt: skip


def is_azure(type_: str) -> bool:
    """Whether a Terraform resource type is Azure Resource Manager's, so that its id can be an id of Azure's."""
    return type_.startswith(("azurerm_", "azapi_"))


def is_own_id(type_: str, attribute: str) -> bool:
    """Whether an attribute of a resource is the resource's own id."""
    return attribute == "id" or any(
        attribute in attributes for prefix, attributes in _OWN_IDS.items() if type_.startswith(prefix)
    )
