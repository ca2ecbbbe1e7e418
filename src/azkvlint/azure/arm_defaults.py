"""Defaults of Azure for properties that a template or azapi body does not set, by type and API version.

Sources: Azure's REST specifications and learn.microsoft.com/azure/key-vault (general/access-control-default,
general/soft-delete-overview, general/network-security). Where the sources disagree there is no entry, so that a rule
requires an explicit value: purge protection of a managed HSM is such a case.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import msgspec

from azkvlint.model.location import Location
from azkvlint.model.value import ListValue, MapValue, Origin, Path, Plain, Scalar, Unknown, Value


class _Default(NamedTuple):
    path: Path
    value: Plain
    since: str = ""
    until: str = "9999"


_KEYS = "microsoft.keyvault/vaults/keys"
_HSM_KEYS = "microsoft.keyvault/managedhsms/keys"
_ALL_KEYS = (_KEYS, _HSM_KEYS)
_SETTINGS = "microsoft.insights/diagnosticsettings"
_TABLE: dict[str, tuple[_Default, ...]] = {
    "microsoft.compute/diskencryptionsets": (_Default(("properties", "rotationToLatestKeyVersionEnabled"), False),),
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
    _KEYS: (_Default(("properties", "attributes", "enabled"), True),),
    "microsoft.keyvault/vaults/secrets": (_Default(("properties", "attributes", "enabled"), True),),
}
# The first API version that has a property, previews included.
SINCE: Mapping[str, Mapping[Path, str]] = {
    "microsoft.keyvault/vaults": {
        ("properties", "enablePurgeProtection"): "2016-10-01",
        ("properties", "networkAcls"): "2018-02-14",
        ("properties", "enableRbacAuthorization"): "2019-09-01",
        ("properties", "softDeleteRetentionInDays"): "2019-09-01",
        ("properties", "publicNetworkAccess"): "2021-06-01",
    },
    "microsoft.keyvault/managedhsms": {
        ("properties", "networkAcls"): "2021-04-01",
        ("properties", "networkAcls", "serviceTags"): "2025-05-01",
        ("properties", "publicNetworkAccess"): "2021-04-01",
    },
    _KEYS: {
        ("properties", "rotationPolicy"): "2021-04-01",
        ("properties", "release_policy"): "2021-06-01",
    },
}
# A stable version that does not have what a preview before it had.
GAPS: Mapping[tuple[str, Path], str] = {(_KEYS, ("properties", "rotationPolicy")): "2021-10-01"}
# What has no default here, or one that is not known, and is no text; and ids, of which an empty text is none.
_BOOLEAN, _NUMBER, _ID = "boolean", "number", "id"
_TYPED: Mapping[str, Mapping[Path, str]] = {
    "microsoft.containerservice/managedclusters": {
        ("properties", "securityProfile", "azureKeyVaultKms", "enabled"): _BOOLEAN,
        ("properties", "securityProfile", "azureKeyVaultKms", "keyVaultResourceId"): _ID,
    },
    "microsoft.insights/activitylogalerts": {("properties", "enabled"): _BOOLEAN},
    "microsoft.insights/metricalerts": {("properties", "enabled"): _BOOLEAN},
    "microsoft.keyvault/managedhsms": {("properties", "enablePurgeProtection"): _BOOLEAN},
    "microsoft.keyvault/vaults": {("properties", "enableRbacAuthorization"): _BOOLEAN},
    "microsoft.operationalinsights/workspaces": {
        ("properties", "retentionInDays"): _NUMBER,
        ("properties", "workspaceCapping", "dailyQuotaGb"): _NUMBER,
    },
    "microsoft.operationalinsights/workspaces/tables": {
        ("properties", "retentionInDays"): _NUMBER,
        ("properties", "totalRetentionInDays"): _NUMBER,
    },
    "microsoft.sql/managedinstances/encryptionprotector": {("properties", "autoRotationEnabled"): _BOOLEAN},
    "microsoft.sql/servers/databases": {("properties", "encryptionProtectorAutoRotation"): _BOOLEAN},
    "microsoft.sql/servers/encryptionprotector": {("properties", "autoRotationEnabled"): _BOOLEAN},
    "microsoft.storage/storageaccounts": {
        ("properties", "immutableStorageWithVersioning", "enabled"): _BOOLEAN,
        ("properties", "immutableStorageWithVersioning", "immutabilityPolicy", "allowProtectedAppendWrites"): _BOOLEAN,
    },
}
_ODD = "it is a {} where Azure asks for a {}, and what Azure makes of it is not documented"
_MAX_DIGITS = 16
# How many steps lead to a property.
_OF_PROPERTIES = 2
# The size that Azure picks for an RSA key where none is given; one that only imports others is a key exchange key.
_RSA_SIZE, _EXCHANGE_SIZE = 2048, 4096


def with_defaults(attributes: MapValue, type_: str, api_version: str) -> MapValue:
    """Return ``attributes`` with the defaults of its type and API version where nothing is set.

    A default below an object that is itself not set is left out: the whole object is absent. An empty ``api_version``
    is one that is not known: then only what holds for all of them is certain.
    """
    if type_.lower() == _SETTINGS:
        return _with_logs(attributes)
    attributes = _check_types(attributes, type_)
    rows = _rows(type_.lower(), api_version)
    properties = attributes.fields.get("properties", attributes.rest)
    if not (rows or type_.lower() in _ALL_KEYS) or not (properties is None or isinstance(properties, MapValue)):
        return attributes
    if properties is None:
        properties = MapValue(at=attributes.at, fields={})
    fields: dict[str, Value] = dict(properties.fields)
    for row in rows:
        name = row.path[1]
        below = fields.get(str(name))
        if len(row.path) == _OF_PROPERTIES:
            if below is None and properties.rest is None:
                fields[str(name)] = row.at(properties.at)
            elif isinstance(row.value, int) and isinstance(below, Scalar):
                fields[str(name)] = _convert(below, _BOOLEAN if isinstance(row.value, bool) else _NUMBER)
        elif isinstance(below, MapValue) and row.path[2] not in below.fields and below.rest is None:
            inner = {**below.fields, str(row.path[2]): row.at(below.at)}
            fields[str(name)] = MapValue(at=below.at, fields=inner)
    fields.update(_unsupported(fields, type_.lower(), api_version, rows))
    if type_.lower() in _ALL_KEYS and properties.rest is None:
        given = fields.get("keySize")
        size = _rsa_size(fields, api_version, properties.at) if given is None else None
        if isinstance(given, Scalar):
            size = _convert(given, _NUMBER)
        if size is not None:
            fields["keySize"] = size
    properties = MapValue(at=properties.at, fields=fields, rest=properties.rest)
    return MapValue(at=attributes.at, fields={**attributes.fields, "properties": properties}, rest=attributes.rest)


def _unsupported(fields: dict[str, Value], type_: str, api_version: str, rows: tuple[_Row, ...]) -> dict[str, Value]:
    """Return what those properties are worth that are written, though the API version does not have them."""
    silence = {row.path: row.value for row in rows}
    return {
        str(path[1]): _doubt(fields[str(path[1])], str(path[1]), silence.get(path), api_version)
        for path, since in SINCE.get(type_, {}).items()
        if len(path) == _OF_PROPERTIES and api_version and api_version < since and path[1] in fields
    }


def _doubt(written: Value, name: str, silence: Plain | None, api_version: str) -> Value:
    """Return the value of a property that an API version does not have: what Azure makes of it is not documented.

    What would hold without it holds in any case. Of the firewall only what it says is open to doubt, not its rules.
    """
    if isinstance(written, MapValue):
        action = written.fields.get("defaultAction")
        if not isinstance(action, Scalar):
            return written
        fields = {**written.fields, "defaultAction": _doubt(action, name, "Allow", api_version)}
        return MapValue(at=written.at, fields=fields, rest=written.rest)
    if not isinstance(written, Scalar) or str(written.value).lower() == str(silence).lower():
        return written
    why = f"API version {api_version} does not know {name}"
    return Unknown(at=written.at, why=why, given=True, sensitive=written.sensitive)


def _check_types(attributes: MapValue, type_: str) -> MapValue:
    """Return a resource in which a value is not known that is of another type than Azure asks for."""
    for path, wanted in _TYPED.get(type_.lower(), {}).items():
        attributes = _check_type(attributes, path, wanted)
    return attributes


def _check_type(outer: MapValue, path: Path, wanted: str) -> MapValue:
    """Return an object in which what stands at a path is not known where that is of another type than wanted."""
    name, *inner = map(str, path)
    below = outer.fields.get(name)
    found: Value | None = below
    if inner and isinstance(below, MapValue):
        found = _check_type(below, tuple(inner), wanted)
    elif not inner and isinstance(below, Scalar):
        if wanted == _ID and below.value == "":
            fields = {key: value for key, value in outer.fields.items() if key != name}
            return MapValue(at=outer.at, fields=fields, rest=outer.rest)
        found = _convert(below, wanted)
    if found is None or found is below:
        return outer
    return MapValue(at=outer.at, fields={**outer.fields, name: found}, rest=outer.rest)


def _with_logs(attributes: MapValue) -> MapValue:
    """Return a diagnostic setting in which whether a log is enabled is not known where a text says so."""
    properties = attributes.fields.get("properties")
    logs = properties.fields.get("logs") if isinstance(properties, MapValue) else None
    if not isinstance(properties, MapValue) or not isinstance(logs, ListValue):
        return attributes
    logs = ListValue(at=logs.at, items=tuple(_log(item) for item in logs.items))
    properties = MapValue(at=properties.at, fields={**properties.fields, "logs": logs}, rest=properties.rest)
    return MapValue(at=attributes.at, fields={**attributes.fields, "properties": properties}, rest=attributes.rest)


def _log(item: Value) -> Value:
    enabled = item.fields.get("enabled") if isinstance(item, MapValue) else None
    if not isinstance(item, MapValue) or not isinstance(enabled, Scalar):
        return item
    return MapValue(at=item.at, fields={**item.fields, "enabled": _convert(enabled, _BOOLEAN)}, rest=item.rest)


def _convert(given: Scalar, wanted: str) -> Scalar | Unknown:
    """Return a value in the type that Azure expects; Unknown where a value of another type may mean anything.

    A string that spells a boolean or integer is that value, or Azure rejects it and nothing is deployed.
    """
    plain = given.value
    if isinstance(plain, str):
        word = plain.strip().lower()
        if wanted == _BOOLEAN and word in ("true", "false"):
            return msgspec.structs.replace(given, value=word == "true", note=f"written as the string '{plain}'")
        if wanted == _NUMBER and word.isdecimal() and len(word) < _MAX_DIGITS:
            return msgspec.structs.replace(given, value=int(word), note=f"written as the string '{plain}'")
    kind = _BOOLEAN if isinstance(plain, bool) else _NUMBER if isinstance(plain, int | float) else "text"
    if wanted in (kind, _ID):
        return given
    return Unknown(at=given.at, why=_ODD.format(kind, wanted), sensitive=given.sensitive)


class _Row(NamedTuple):
    """A default of one type and API version. ``value`` is None where it depends on the version, which is not known."""

    path: Path
    value: Plain | None
    note: str

    def at(self, at: Location) -> Scalar | Unknown:
        """Return the default, as a value at a place."""
        if self.value is None:
            return Unknown(at=at, origin=Origin.DEFAULT, why=self.note)
        return Scalar(at=at, value=self.value, origin=Origin.DEFAULT, note=self.note)


@lru_cache(256)
def _rows(type_: str, api_version: str) -> tuple[_Row, ...]:
    table = _TABLE.get(type_, ())
    rows: list[_Row] = []
    for default in table:
        if not api_version and any(other.path == default.path and other != default for other in table):
            rows.append(_Row(default.path, None, "its default depends on the API version, which is not known"))
        elif not api_version or default.since <= api_version < default.until:
            rows.append(_Row(default.path, default.value, _note(default.value, api_version)))
    return tuple(rows)


def is_default(found: Value, type_: str, path: Path, api_version: str) -> bool:
    """Return whether a value is the default of its type and API version, and not one that a module always sends."""
    note = found.why if isinstance(found, Unknown) else found.note
    rows = _rows(type_.lower(), api_version)
    return found.origin == Origin.DEFAULT and any(row.path == path and row.note == note for row in rows)


def _note(plain: Plain, api_version: str) -> str:
    word = str(plain).lower() if isinstance(plain, bool) else str(plain)
    version = f" of API version {api_version}" if api_version else ""
    return f"not set, and the default{version} is {word}"


def _rsa_size(properties: dict[str, Value], api_version: str, at: Location) -> Scalar | Unknown | None:
    """Return the default size of a key in bits; None for a key that is no RSA key.

    Source: the key properties of Microsoft.KeyVault/vaults/keys and .../managedHSMs/keys in Azure's template reference.
    """
    kind, operations = properties.get("kty"), properties.get("keyOps")
    if not isinstance(kind, Scalar) or not str(kind.value).upper().startswith("RSA"):
        return None
    items = operations.items if isinstance(operations, ListValue) else ()
    if isinstance(operations, Unknown) or any(isinstance(item, Unknown) for item in items):
        return Unknown(at=at, origin=Origin.DEFAULT, why="its default depends on keyOps, which is not known")
    words = [str(item.value).lower() for item in items if isinstance(item, Scalar)]
    size = _EXCHANGE_SIZE if words == ["import"] else _RSA_SIZE
    return Scalar(at=at, value=size, origin=Origin.DEFAULT, note=_note(size, api_version))
