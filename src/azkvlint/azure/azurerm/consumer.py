"""How azurerm types say whose key they are encrypted with: what the tables of consumers have in common.

Whatever the argument is called, it goes to ``derived.keyId``, so that a rule can ask for consumers of a key without
knowing them. Arguments that split a key into vault, name and version go to ``derived.keyVaultId``, ``derived.keyName``
and ``derived.keyVersion``. A resource that only adds the key to another one has that one's type, and it as ``scope``.
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.azure.azurerm.table import Field, Mapped, block, link, value
from azkvlint.azure.azurerm.vault import PLACED

NAME = value("name")
SKU = value("sku.name")
KEY = link("derived.keyId")
# The tenant of an identity, which is that of its resource, is told once there is one.
IDENTITY = block("identity", {"tenant_id": value("tenantId", computed=True)})
SPLIT_KEY: Mapping[str, Field] = {
    "key_vault_id": link("derived.keyVaultId"),
    "key_name": value("derived.keyName"),
    "key_version": value("derived.keyVersion"),
}


def keys(*arguments: str) -> Mapping[str, Field]:
    """Arguments of which each names a key."""
    return dict.fromkeys(arguments, KEY)


def within(*arguments: str, computed: bool = False) -> Field:
    """A block with arguments of which each names a key."""
    return block("", keys(*arguments), computed=computed)


def placed(type_: str, **arguments: Field) -> Mapped:
    """A resource of its own in a resource group."""
    return Mapped(type=type_, fields={**PLACED, **arguments})


def child(type_: str, parent: str, **arguments: Field) -> Mapped:
    """A resource inside another one, which the argument ``parent`` names."""
    return Mapped(type=type_, fields={parent: link("parent"), **arguments})


def addition(type_: str, whole: str, **arguments: Field) -> Mapped:
    """A part of another resource of Azure's, which the argument ``whole`` names."""
    return Mapped(type=type_, fields={whole: link("scope"), **arguments})
