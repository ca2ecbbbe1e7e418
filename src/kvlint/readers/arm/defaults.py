"""What Azure does where a template or azapi body says nothing, by type and API version.

Sources: Azure's REST specifications and learn.microsoft.com/azure/key-vault (general/access-control-default,
general/soft-delete-overview, general/network-security). Where the sources disagree there is no entry, so that a rule
asks for an explicit value: purge protection of a managed HSM is such a case.
"""

from __future__ import annotations

from typing import NamedTuple

from kvlint.model.value import Absent, MapValue, Path, Plain, Scalar, Value, select


class _Default(NamedTuple):
    path: Path
    value: Plain
    since: str = ""
    until: str = "9999"


_TABLE: dict[str, tuple[_Default, ...]] = {
    "microsoft.keyvault/vaults": (
        _Default(("properties", "enablePurgeProtection"), False),
        _Default(("properties", "enableSoftDelete"), False, until="2019-09-01"),
        _Default(("properties", "enableSoftDelete"), True, since="2019-09-01"),
        _Default(("properties", "softDeleteRetentionInDays"), 90),
        _Default(("properties", "enableRbacAuthorization"), False, until="2026-02-01"),
        _Default(("properties", "enableRbacAuthorization"), True, since="2026-02-01"),
        _Default(("properties", "publicNetworkAccess"), "Enabled"),
        _Default(("properties", "enabledForDeployment"), False),
        _Default(("properties", "enabledForDiskEncryption"), False),
        _Default(("properties", "enabledForTemplateDeployment"), False),
        _Default(("properties", "networkAcls", "bypass"), "AzureServices"),
    ),
    "microsoft.keyvault/managedhsms": (
        _Default(("properties", "softDeleteRetentionInDays"), 90),
        _Default(("properties", "publicNetworkAccess"), "Enabled"),
    ),
    "microsoft.keyvault/vaults/keys": (_Default(("properties", "attributes", "enabled"), True),),
    "microsoft.keyvault/vaults/secrets": (_Default(("properties", "attributes", "enabled"), True),),
}
# The key size that Azure picks where none is given, by key type.
_RSA_SIZE = 2048


def with_defaults(attributes: MapValue, type_: str, api_version: str) -> MapValue:
    """``attributes`` with the defaults of its type and API version where nothing is set.

    A default below an object that is itself not set is left out: the whole object is absent.
    """
    for default in _TABLE.get(type_.lower(), ()):
        if default.since <= api_version < default.until:
            attributes = _with(attributes, default.path, default.value, api_version)
    kind = select(attributes, ("properties", "kty"))
    is_rsa = isinstance(kind, Scalar) and str(kind.value).upper().startswith("RSA")
    if is_rsa and type_.lower() == "microsoft.keyvault/vaults/keys":
        attributes = _with(attributes, ("properties", "keySize"), _RSA_SIZE, api_version)
    return attributes


def _with(attributes: MapValue, path: Path, plain: Plain, api_version: str) -> MapValue:
    if not isinstance(select(attributes, path), Absent):
        return attributes
    head, rest = str(path[0]), path[1:]
    fields: dict[str, Value] = dict(attributes.fields)
    if rest:
        below = fields.get(head)
        if not isinstance(below, MapValue):
            if below is not None or head != "properties":
                return attributes
            below = MapValue(at=attributes.at, fields={})
        fields[head] = _with(below, rest, plain, api_version)
    else:
        word = str(plain).lower() if isinstance(plain, bool) else str(plain)
        note = f"not set, and the default of API version {api_version} is {word}"
        fields[head] = Scalar(at=attributes.at, value=plain, origin="default", note=note)
    return MapValue(at=attributes.at, fields=fields, rest=attributes.rest)
