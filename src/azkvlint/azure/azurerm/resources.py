"""All azurerm types that have a table, and how to tell that one without a table should have had one.

A data source has the table of the resource of the same name.
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.azure.azurerm.alerts import ALERTS
from azkvlint.azure.azurerm.authorization import AUTHORIZATION
from azkvlint.azure.azurerm.compute import COMPUTE
from azkvlint.azure.azurerm.consumers_analytics import CONSUMERS_ANALYTICS
from azkvlint.azure.azurerm.consumers_compute import CONSUMERS_COMPUTE
from azkvlint.azure.azurerm.consumers_databases import CONSUMERS_DATABASES
from azkvlint.azure.azurerm.consumers_intelligence import CONSUMERS_INTELLIGENCE
from azkvlint.azure.azurerm.consumers_storage import CONSUMERS_STORAGE
from azkvlint.azure.azurerm.hsm import HSM
from azkvlint.azure.azurerm.monitor import MONITOR
from azkvlint.azure.azurerm.network import NETWORK
from azkvlint.azure.azurerm.objects import OBJECTS
from azkvlint.azure.azurerm.sinks import SINKS
from azkvlint.azure.azurerm.table import Mapped
from azkvlint.azure.azurerm.tls import TLS
from azkvlint.azure.azurerm.vault import VAULT
from azkvlint.azure.azurerm.workloads import WORKLOADS
from azkvlint.model.value import Scalar, Value

# Several may say something of one type: each says what its own rules ask for.
TABLES: tuple[Mapping[str, Mapped], ...] = (
    VAULT,
    OBJECTS,
    HSM,
    NETWORK,
    MONITOR,
    ALERTS,
    SINKS,
    AUTHORIZATION,
    COMPUTE,
    CONSUMERS_ANALYTICS,
    CONSUMERS_COMPUTE,
    CONSUMERS_DATABASES,
    CONSUMERS_INTELLIGENCE,
    CONSUMERS_STORAGE,
    TLS,
    WORKLOADS,
)


def _joined(tables: tuple[Mapping[str, Mapped], ...]) -> Mapping[str, Mapped]:
    """One table. Of what two say of a type, both holds; a test sees to it that they do not contradict each other."""
    found: dict[str, Mapped] = {}
    for type_, mapped in (item for table in tables for item in table.items()):
        have = found.get(type_)
        found[type_] = mapped if have is None else _both(have, mapped)
    return found


def _both(one: Mapped, other: Mapped) -> Mapped:
    return Mapped(
        type=one.type,
        fields={**one.fields, **other.fields},
        fixed={**one.fixed, **other.fixed},
        listed={**one.listed, **other.listed},
        any_of=one.any_of or other.any_of,
    )


RESOURCES: Mapping[str, Mapped] = _joined(TABLES)

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


def linked_type(type_: str) -> str:
    """Return the Azure type that the ID of a Terraform resource names, or ``type_`` itself where no table has it.

    It is empty for a type that may stand for any resource, and for one that may be of Key Vault.
    """
    mapped = RESOURCES.get(type_)
    if mapped is not None:
        return mapped.type
    return type_ if type_.startswith("azurerm_") and not any(word in type_ for word in LOOKS_LIKE_VAULT) else ""


def passed_over(type_: str) -> str:
    """What is said of a resource that is vault related."""
    return f"'{type_}' looks like a Key Vault resource, but its type is not known and it was not judged"


def name_of(value: Value | None, local: str) -> str:
    """A resource's name in Azure, else the one its author gave it: the last part of its address."""
    if isinstance(value, Scalar) and isinstance(value.value, str) and not value.sensitive:
        return value.value
    return local.rpartition(".")[2]
