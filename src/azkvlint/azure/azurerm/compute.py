"""Machines that Azure hands secrets of a vault to, and the extension that encrypts their disks from inside.

Source: the provider's documentation and schema, versions 2.0 to 5.10.
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.azure.azurerm.table import Field, Mapped, block, blocks, link, value
from azkvlint.azure.azurerm.vault import PLACED

# Certificates that are put on a machine, by the vault that they come from.
_SOURCE: Mapping[str, Field] = {"key_vault_id": link("sourceVault.id")}
_EXTENSION: Mapping[str, Field] = {
    "publisher": value("properties.publisher"),
    "type": value("properties.type"),
    "settings": value("properties.settings"),
}
# The same within a scale set.
_EXTENSIONS = blocks(
    "properties.virtualMachineProfile.extensionProfile.extensions", {"name": value("name"), **_EXTENSION}
)

COMPUTE: Mapping[str, Mapped] = {
    **{
        f"azurerm_{system}_virtual_machine": Mapped(
            type="Microsoft.Compute/virtualMachines",
            fields={**PLACED, "secret": blocks("properties.osProfile.secrets", _SOURCE)},
        )
        for system in ("linux", "windows")
    },
    **{
        f"azurerm_{system}_virtual_machine_scale_set": Mapped(
            type="Microsoft.Compute/virtualMachineScaleSets",
            fields={
                **PLACED,
                "secret": blocks("properties.virtualMachineProfile.osProfile.secrets", _SOURCE),
                "extension": _EXTENSIONS,
            },
        )
        for system in ("linux", "windows")
    },
    "azurerm_orchestrated_virtual_machine_scale_set": Mapped(
        type="Microsoft.Compute/virtualMachineScaleSets",
        fields={
            **PLACED,
            "os_profile": block(
                "properties.virtualMachineProfile.osProfile",
                {
                    f"{system}_configuration": block("", {"secret": blocks("secrets", _SOURCE)})
                    for system in ("linux", "windows")
                },
            ),
            "extension": _EXTENSIONS,
        },
    ),
    "azurerm_virtual_machine": Mapped(
        type="Microsoft.Compute/virtualMachines",
        fields={
            **PLACED,
            "os_profile_secrets": blocks("properties.osProfile.secrets", {"source_vault_id": link("sourceVault.id")}),
        },
    ),
    "azurerm_virtual_machine_extension": Mapped(
        type="Microsoft.Compute/virtualMachines/extensions",
        fields={"name": value("name"), "virtual_machine_id": link("parent"), **_EXTENSION},
    ),
    "azurerm_virtual_machine_scale_set_extension": Mapped(
        type="Microsoft.Compute/virtualMachineScaleSets/extensions",
        fields={"name": value("name"), "virtual_machine_scale_set_id": link("parent"), **_EXTENSION},
    ),
}
