"""All azurerm types that have a table, and how to tell that one without a table should have had one.

A data source has the table of the resource of the same name.
"""

from __future__ import annotations

from collections.abc import Mapping

from kvlint.model.value import Scalar, Value
from kvlint.readers.azurerm.authorization import AUTHORIZATION
from kvlint.readers.azurerm.consumers import CONSUMERS
from kvlint.readers.azurerm.hsm import HSM
from kvlint.readers.azurerm.monitor import MONITOR
from kvlint.readers.azurerm.network import NETWORK
from kvlint.readers.azurerm.objects import OBJECTS
from kvlint.readers.azurerm.table import Mapped
from kvlint.readers.azurerm.tls import TLS
from kvlint.readers.azurerm.vault import VAULT
from kvlint.readers.azurerm.workloads import WORKLOADS

RESOURCES: Mapping[str, Mapped] = {
    **VAULT,
    **OBJECTS,
    **HSM,
    **NETWORK,
    **MONITOR,
    **AUTHORIZATION,
    **CONSUMERS,
    **TLS,
    **WORKLOADS,
}

_CANONICAL = {mapped.type.lower(): mapped.type for mapped in RESOURCES.values()}


def canonical(type_: str) -> str | None:
    """An Azure type as Azure documents it, whatever case it was written in; None if no table knows it."""
    return _CANONICAL.get(type_.lower())


LOOKS_LIKE_VAULT = ("key_vault", "keyvault", "managed_hsm", "hardware_security_module")

# Data sources that only list or read what is there, a pointer to a vault, and a service that is not Key Vault.
NOT_JUDGED = frozenset(
    {
        "azurerm_data_factory_linked_service_key_vault",
        "azurerm_dedicated_hardware_security_module",
        "azurerm_key_vault_certificate_data",
        "azurerm_key_vault_certificates",
        "azurerm_key_vault_encrypted_value",
        "azurerm_key_vault_secrets",
    }
)


def is_vault_related(type_: str) -> bool:
    """Whether a Terraform type without a table looks as if it were one of Key Vault's, and so is passed over unseen."""
    return type_ not in RESOURCES and type_ not in NOT_JUDGED and any(word in type_ for word in LOOKS_LIKE_VAULT)


def passed_over(type_: str) -> str:
    """What is said of a resource that is vault related."""
    return f"'{type_}' looks like a Key Vault resource, but its type is not known and it was not judged"


def name_of(value: Value | None, local: str) -> str:
    """A resource's name in Azure, else the one its author gave it: the last part of its address."""
    if isinstance(value, Scalar) and isinstance(value.value, str) and not value.sensitive:
        return value.value
    return local.rpartition(".")[2]
