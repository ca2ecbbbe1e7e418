"""The table of azurerm and azuread, types that should be in it, and attributes with the id of a resource.

A data source has the rows of the resource of the same name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from azkvlint.azure.azurerm.table import CompiledRows, Mapped
from azkvlint.model.value import Scalar, Value
from azkvlint.util.table_files import read_table


def _load() -> CompiledRows:
    from azkvlint.azure.azurerm.row_loader import load_rows

    return load_rows().compile()


_ROWS = read_table("azurerm", CompiledRows, _load)
TYPES = _ROWS.types
"""The types in Azure by the resource types."""
_mapped = cache(_ROWS.resource)


class _Resources(Mapping[str, Mapped]):
    """The table. The arguments of a type are decoded on first use: templates and Bicep files require only the types."""

    def __getitem__(self, name: str) -> Mapped:
        return _mapped(name)

    def get(self, name: str, default: Any = None, /) -> Any:
        """Return the row of a resource type; ``default`` if there is none."""
        return _mapped(name) if name in TYPES else default

    def __contains__(self, name: object) -> bool:
        return name in TYPES

    def __iter__(self) -> Iterator[str]:
        return iter(TYPES)

    def __len__(self) -> int:
        return len(TYPES)


RESOURCES: Mapping[str, Mapped] = _Resources()

# Types of the directory, which has no types of ARM.
GROUPS, MEMBERS = "Terraform/groups", "Terraform/groupMembers"
# Members by privileged identity management: active ones, and those that can activate their membership.
ACTIVE_MEMBERS, ELIGIBLE_MEMBERS = "Terraform/activeGroupMembers", "Terraform/eligibleGroupMembers"
# Owners of applications, as resources of their own.
APPLICATION_OWNERS = "Terraform/applicationOwners"
# Federated identity credentials of applications, which their service principals have too.
APPLICATION_CREDENTIALS = "Terraform/applicationCredentials"

_CANONICAL = {type_.lower(): type_ for type_ in TYPES.values()}


def canonical(type_: str) -> str | None:
    """Return an Azure type in Azure's spelling; None if no table has it."""
    return _CANONICAL.get(type_.lower())


LOOKS_LIKE_VAULT = ("key_vault", "keyvault", "managed_hsm", "hardware_security_module")

# Data sources that only list or read, and a service other than Key Vault.
NOT_EVALUATED = frozenset(
    {
        "azurerm_dedicated_hardware_security_module",
        "azurerm_key_vault_certificate_data",
        "azurerm_key_vault_certificates",
        "azurerm_key_vault_encrypted_value",
        "azurerm_key_vault_secrets",
    }
)


def is_vault_related(type_: str) -> bool:
    """Return whether a Terraform type without a table looks like Key Vault's, so that it is reported."""
    return type_ not in RESOURCES and type_ not in NOT_EVALUATED and any(word in type_ for word in LOOKS_LIKE_VAULT)


def linked_type(type_: str) -> str:
    """Return the Azure type that the ID of a Terraform resource refers to, or ``type_`` if no table has it.

    It is empty for a type that may represent any resource, or one of Key Vault.
    """
    mapped = TYPES.get(type_)
    if mapped is not None:
        return mapped
    return type_ if type_.startswith("azurerm_") and not any(word in type_ for word in LOOKS_LIKE_VAULT) else ""


def unmapped_type_message(type_: str) -> str:
    """Return the message for a Key Vault resource of an unknown type."""
    return f"resource type `{type_}` is not supported, so the resource was not evaluated"


def name_of(value: Value | None, local: str) -> str:
    """Return a resource's name in Azure if known, else the last part of its address."""
    if isinstance(value, Scalar) and isinstance(value.value, str) and not value.sensitive:
        return value.value
    return local.rpartition(".")[2]


# The attributes that are a resource's own id, besides ``id``, by type prefix. Every other attribute that ends in "id"
# refers to another resource: ``key_vault_id`` of a secret is its vault.
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
    """Return whether a Terraform resource type belongs to Azure Resource Manager, so that its id may be an Azure id."""
    return type_.startswith(("azurerm_", "azapi_"))


def is_own_id(type_: str, attribute: str) -> bool:
    """Return whether an attribute of a resource is the resource's own id."""
    return attribute == "id" or any(
        attribute in attributes for prefix, attributes in _OWN_IDS.items() if type_.startswith(prefix)
    )
