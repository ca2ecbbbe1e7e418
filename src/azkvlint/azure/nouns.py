"""Name resources by their type in sentences, where an address would repeat what the sentence is about."""

from __future__ import annotations

from collections.abc import Mapping

_NOUNS: Mapping[str, str] = {
    "microsoft.authorization/roleassignments": "role assignment",
    "microsoft.compute/diskencryptionsets": "disk encryption set",
    "microsoft.insights/diagnosticsettings": "diagnostic setting",
    "microsoft.keyvault/managedhsms": "managed HSM",
    "microsoft.keyvault/managedhsms/keys": "key",
    "microsoft.keyvault/vaults": "key vault",
    "microsoft.keyvault/vaults/certificates": "certificate",
    "microsoft.keyvault/vaults/keys": "key",
    "microsoft.keyvault/vaults/secrets": "secret",
    "microsoft.network/privatednszones": "private DNS zone",
    "microsoft.network/privateendpoints": "private endpoint",
    "terraform/providers": "provider configuration",
}


def noun_of(type_: str) -> str:
    """Return the noun for a resource of a type: ``key vault``, or ``resource`` for types that need no name."""
    return _NOUNS.get(type_.lower(), "resource")


def may_refer(others: str, type_: str) -> str:
    """Return the reason for a result that depends on ``others`` outside the input, which may refer to a resource."""
    return f"{others} outside the scanned files may refer to the {noun_of(type_)}"
