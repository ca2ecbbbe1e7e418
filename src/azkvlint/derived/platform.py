"""Vaults that the Azure platform itself reads for somebody: certificates for machines, and keys of their disks.

Source: learn.microsoft.com/azure/templates, Microsoft.Compute/virtualMachines; and
learn.microsoft.com/azure/virtual-machines/extensions/azure-disk-enc-windows and -linux (KeyVaultResourceId).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from azkvlint.derived.keys import field_of
from azkvlint.derived.registry import Context, absent, derived, known, known_list, or_absent
from azkvlint.model.resource import Resource
from azkvlint.model.value import (
    Absent,
    Answer,
    ListValue,
    MapValue,
    Origin,
    Path,
    Scalar,
    Unknown,
    Value,
    select,
    text_of,
)
from azkvlint.util.lazy_regex import regex

_SECRETS: Mapping[str, Path] = {
    "microsoft.compute/virtualmachines": ("properties", "osProfile", "secrets"),
    "microsoft.compute/virtualmachinescalesets": ("properties", "virtualMachineProfile", "osProfile", "secrets"),
}
_EXTENSIONS = ("microsoft.compute/virtualmachines/extensions", "microsoft.compute/virtualmachinescalesets/extensions")
# What encrypts disks from inside: an extension in a scale set, and the older settings of a machine's own disk.
_INLINE: Mapping[str, Path] = {
    "microsoft.compute/virtualmachines": ("properties", "storageProfile", "osDisk", "encryptionSettings"),
    "microsoft.compute/virtualmachinescalesets": (
        "properties", "virtualMachineProfile", "extensionProfile", "extensions",
    ),
}  # fmt: skip
_ENCRYPTS = "azurediskencryption"
_SETTINGS: Path = ("properties", "settings")
_VAULT = "keyvaultresourceid"
# The settings are a JSON text in Terraform. Where a part of it is not known, so is the whole call of jsonencode, which
# then stands in a pattern with quotes of its own and U+2215 for a slash.
_IN_JSON = regex(r"""(["'])keyvaultresourceid\1\s*:\s*\1([^"']*)\1""", re.IGNORECASE)
_SLASH = "\u2215"


@derived(
    "certificateVaultIds",
    of=_SECRETS,
    label="vaults of the VM certificates",
    reads={type_: (path,) for type_, path in _SECRETS.items()},
)
def _certificate_vaults(resource: Resource, _: Context) -> Answer:
    """The vaults whose certificates Azure puts on a machine."""
    path = _SECRETS.get(resource.type.lower())
    secrets = resource.select(path) if path is not None else None
    if isinstance(secrets, Unknown):
        return secrets
    if not isinstance(secrets, ListValue) or not secrets.items:
        return absent(resource)
    found = [select(item, ("sourceVault", "id")) for item in secrets.items]
    items = tuple(one for one in found if not isinstance(one, Absent))
    return known_list(secrets, items)


@derived(
    "encryptionVaultId",
    of=_EXTENSIONS,
    label="vault of the disk encryption key",
    reads=dict.fromkeys(_EXTENSIONS, (_SETTINGS,)),
)
def _encryption_vault(resource: Resource, _: Context) -> Answer:
    """The vault that the settings of an extension name."""
    return or_absent(_vault_in(resource.select(_SETTINGS)), resource)


def _vault_in(settings: Answer) -> Value | None:
    """The vault that the settings of an extension name."""
    if isinstance(settings, MapValue):
        found = field_of(settings, _VAULT)
        return None if isinstance(found, Absent) else found
    match = _IN_JSON.search(text_of(settings))
    if match is None:
        return settings if isinstance(settings, Unknown) else None
    text = match[2].replace(_SLASH, "/")
    if isinstance(settings, Unknown):
        return Unknown(at=settings.at, why=settings.why, pattern=text, given=True, origin=Origin.DERIVED)
    return known(settings, text, sensitive=settings.sensitive)


@derived(
    "encryptionVaultIds",
    of=_INLINE,
    label="vaults of the disk encryption keys",
    reads={type_: (path,) for type_, path in _INLINE.items()},
)
def _encryption_vaults(resource: Resource, _: Context) -> Answer:
    """The vaults that encrypt a machine's disks from inside, as far as the machine itself says so."""
    path = _INLINE.get(resource.type.lower())
    found = resource.select(path) if path is not None else None
    if isinstance(found, Unknown):
        return found
    vaults: list[Value | Answer | None] = []
    if isinstance(found, MapValue):
        on = select(found, ("enabled",))
        if not (isinstance(on, Scalar) and on.value is False):
            keys = ("diskEncryptionKey", "keyEncryptionKey")
            vaults = [on if isinstance(on, Unknown) else select(found, (key, "sourceVault", "id")) for key in keys]
    for item in found.items if isinstance(found, ListValue) else ():
        kind = select(item, ("properties", "type"))
        if isinstance(kind, Unknown):
            vaults.append(kind)
        elif isinstance(kind, Scalar) and str(kind.value).lower().startswith(_ENCRYPTS):
            vaults.append(_vault_in(select(item, _SETTINGS)))
    items = tuple(one for one in vaults if one is not None and not isinstance(one, Absent))
    return known_list(resource, items) if items else absent(resource)
