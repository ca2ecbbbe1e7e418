"""Azure's defaults for properties that a template or azapi body does not set, by type and API version.

The rows are in ``data/arm_properties.yaml``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import msgspec

from azkvlint.model.location import Location
from azkvlint.model.value import ListValue, MapValue, Origin, Path, Plain, Scalar, Unknown, Value
from azkvlint.util.lazy_regex import regex
from azkvlint.util.table_files import read_table

# The types of properties other than string without a known default; the empty string is not an id.
_BOOLEAN, _NUMBER, _ID = "boolean", "number", "id"
_VERSION = regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class PropertyDefault(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """The default of a property in API versions from ``since`` up to, not including, ``until``."""

    value: Plain
    since: str = ""
    until: str = "9999"


class ArmProperty(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """A property of an ARM resource.

    ``default``: its value if it is not set, or one for each range of API versions. ``since`` is the first API version
    that has it, previews included; ``not_in`` a stable one without a property of an earlier preview. ``kind`` is the
    type of one without a known default.
    """

    default: Plain | tuple[PropertyDefault, ...] | None = None
    since: str = ""
    not_in: str = ""
    kind: Literal["", "boolean", "number", "id"] = ""


def _load() -> dict[str, dict[str, ArmProperty]]:
    from azkvlint.azure.row_reader import load_by_property

    return load_by_property("arm_properties", ArmProperty, faults_of)


def faults_of(row: ArmProperty) -> Iterator[str]:
    """Yield what is wrong with a row."""
    ranges = row.default if isinstance(row.default, tuple) else ()
    ends = (row.since, row.not_in, *(one.since for one in ranges), *(one.until for one in ranges))
    wrong = [text for text in ends if text not in ("", "9999") and not _VERSION.fullmatch(text)]
    if wrong:
        yield f"an API version must be a date such as 2021-06-01, not `{wrong[0]}`"
    if any(one.until != other.since for one, other in pairwise(ranges)):
        yield "each default must begin with the version at which the one before ends"


PROPERTIES: Mapping[str, Mapping[str, ArmProperty]] = read_table(
    "arm_properties", dict[str, dict[str, ArmProperty]], _load
)
_PROPERTIES: Mapping[str, Mapping[Path, ArmProperty]] = {
    type_.lower(): {tuple(path.split(".")): row for path, row in rows.items()} for type_, rows in PROPERTIES.items()
}
# The first API version that has a property, by type in lower case.
SINCE: Mapping[str, Mapping[Path, str]] = {
    type_: since
    for type_, rows in _PROPERTIES.items()
    if (since := {path: row.since for path, row in rows.items() if row.since})
}
# Stable versions without a property that an earlier preview has.
GAPS: Mapping[tuple[str, Path], str] = {
    (type_, path): row.not_in for type_, rows in _PROPERTIES.items() for path, row in rows.items() if row.not_in
}
_KEYS = "microsoft.keyvault/vaults/keys"
_HSM_KEYS = "microsoft.keyvault/managedhsms/keys"
_ALL_KEYS = (_KEYS, _HSM_KEYS)
_SETTINGS = "microsoft.insights/diagnosticsettings"
_ODD = "the value is a {} instead of a {}"
_MAX_DIGITS = 16
# The length of a path to a property.
_OF_PROPERTIES = 2
# Azure's default size of an RSA key; a key that only imports others is a key exchange key.
_RSA_SIZE, _EXCHANGE_SIZE = 2048, 4096


def unsupported_properties(type_: str, api_version: str) -> list[str]:
    """Return the names of the properties that an API version lacks; of an unknown version, all that some lack."""
    rows = SINCE.get(type_.lower(), {})
    return [
        str(path[-1])
        for path, since in rows.items()
        if api_version[: len(since)] < since or api_version == GAPS.get((type_.lower(), path))
    ]


def with_defaults(attributes: MapValue, type_: str, api_version: str) -> MapValue:
    """Return ``attributes`` with the defaults of its type and API version for properties that are not set.

    A default inside an object that is not set is omitted: the whole object is absent. An empty ``api_version`` is
    unknown, and then only defaults common to all versions are certain.
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
        key_size = fields.get("keySize")
        size = _rsa_size(fields, api_version, properties.at) if key_size is None else None
        if isinstance(key_size, Scalar):
            size = _convert(key_size, _NUMBER)
        if size is not None:
            fields["keySize"] = size
    properties = MapValue(at=properties.at, fields=fields, rest=properties.rest)
    return MapValue(at=attributes.at, fields={**attributes.fields, "properties": properties}, rest=attributes.rest)


def _unsupported(fields: dict[str, Value], type_: str, api_version: str, rows: tuple[_Row, ...]) -> dict[str, Value]:
    """Return the values of properties that are set although the API version does not have them."""
    defaults = {row.path: row.value for row in rows}
    return {
        str(path[1]): _doubt(fields[str(path[1])], str(path[1]), defaults.get(path), api_version)
        for path, since in SINCE.get(type_, {}).items()
        if len(path) == _OF_PROPERTIES and api_version and api_version < since and path[1] in fields
    }


def _doubt(written: Value, name: str, silence: Plain | None, api_version: str) -> Value:
    """Return the value of a property that an API version does not have: its effect is not documented.

    If the default is the same, the value is certain. Of the network ACLs only the default action is in doubt.
    """
    if isinstance(written, MapValue):
        action = written.fields.get("defaultAction")
        if not isinstance(action, Scalar):
            return written
        fields = {**written.fields, "defaultAction": _doubt(action, name, "Allow", api_version)}
        return MapValue(at=written.at, fields=fields, rest=written.rest)
    if not isinstance(written, Scalar) or str(written.value).lower() == str(silence).lower():
        return written
    why = f"`{name}` is not supported in API version {api_version}"
    return Unknown(at=written.at, why=why, given=True, sensitive=written.sensitive)


def _check_types(attributes: MapValue, type_: str) -> MapValue:
    """Return a resource in which values of an unexpected type are unknown."""
    for path, row in _PROPERTIES.get(type_.lower(), {}).items():
        if row.kind:
            attributes = _check_type(attributes, path, row.kind)
    return attributes


def _check_type(outer: MapValue, path: Path, kind: str) -> MapValue:
    """Return an object in which the value at a path is unknown if it is not of the type ``kind``."""
    name, *inner = map(str, path)
    below = outer.fields.get(name)
    checked: Value | None = below
    if inner and isinstance(below, MapValue):
        checked = _check_type(below, tuple(inner), kind)
    elif not inner and isinstance(below, Scalar):
        if kind == _ID and below.value == "":
            fields = {key: value for key, value in outer.fields.items() if key != name}
            return MapValue(at=outer.at, fields=fields, rest=outer.rest)
        checked = _convert(below, kind)
    if checked is None or checked is below:
        return outer
    return MapValue(at=outer.at, fields={**outer.fields, name: checked}, rest=outer.rest)


def _with_logs(attributes: MapValue) -> MapValue:
    """Return a diagnostic setting in which ``enabled`` of a log is unknown if it is an unexpected string."""
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


def _convert(scalar: Scalar, expected: str) -> Scalar | Unknown:
    """Return a value converted to the expected type; Unknown if the effect of its own type is not documented.

    Azure parses a string that contains a boolean or integer, or rejects the deployment.
    """
    plain = scalar.value
    if isinstance(plain, str):
        word = plain.strip().lower()
        if expected == _BOOLEAN and word in ("true", "false"):
            return msgspec.structs.replace(scalar, value=word == "true", note=f"written as the string `{plain}`")
        if expected == _NUMBER and word.isdecimal() and len(word) < _MAX_DIGITS:
            return msgspec.structs.replace(scalar, value=int(word), note=f"written as the string `{plain}`")
    kind = _BOOLEAN if isinstance(plain, bool) else _NUMBER if isinstance(plain, int | float) else "string"
    if expected in (kind, _ID):
        return scalar
    return Unknown(at=scalar.at, why=_ODD.format(kind, expected), sensitive=scalar.sensitive)


class _Row(msgspec.Struct, frozen=True, gc=False):
    """A default of one type and API version. ``value`` is None if it depends on an unknown version."""

    path: Path
    value: Plain | None
    note: str

    def at(self, at: Location) -> Scalar | Unknown:
        """Return the default as a value at a location."""
        if self.value is None:
            return Unknown(at=at, origin=Origin.DEFAULT, why=self.note)
        return Scalar(at=at, value=self.value, origin=Origin.DEFAULT, note=self.note)


@lru_cache(256)
def _rows(type_: str, api_version: str) -> tuple[_Row, ...]:
    rows: list[_Row] = []
    for path, row in _PROPERTIES.get(type_, {}).items():
        defaults = row.default if isinstance(row.default, tuple) else ()
        if defaults and not api_version:
            rows.append(_Row(path, None, "the default depends on `apiVersion`, which has no value"))
        plain = [one.value for one in defaults if one.since <= api_version < one.until] if api_version else []
        if row.default is not None and not isinstance(row.default, tuple):
            plain = [row.default]
        rows += [_Row(path, value, _note(value, api_version)) for value in plain]
    return tuple(rows)


def is_default(value: Value, type_: str, path: Path, api_version: str) -> bool:
    """Return whether a value is the default of its type and API version, and not one that a module always sends."""
    note = value.why if isinstance(value, Unknown) else value.note
    rows = _rows(type_.lower(), api_version)
    return value.origin == Origin.DEFAULT and any(row.path == path and row.note == note for row in rows)


def default_in(type_: str, path: Path, api_version: str) -> Plain | None:
    """Return the default of a property in an API version; None if there is none, or if it is not known."""
    return next((row.value for row in _rows(type_.lower(), api_version) if row.path == path), None)


def _note(plain: Plain, api_version: str) -> str:
    word = str(plain).lower() if isinstance(plain, bool) else str(plain)
    version = f" in API version {api_version}" if api_version else ""
    return f"not set (default{version}: {word})"


def _rsa_size(properties: dict[str, Value], api_version: str, at: Location) -> Scalar | Unknown | None:
    """Return the default size of a key in bits; None for a key other than RSA.

    Source: the key properties of Microsoft.KeyVault/vaults/keys and .../managedHSMs/keys in Azure's template reference.
    """
    kind, operations = properties.get("kty"), properties.get("keyOps")
    if not isinstance(kind, Scalar) or not str(kind.value).upper().startswith("RSA"):
        return None
    items = operations.items if isinstance(operations, ListValue) else ()
    if isinstance(operations, Unknown) or any(isinstance(item, Unknown) for item in items):
        return Unknown(at=at, origin=Origin.DEFAULT, why="the default depends on `keyOps`, which has no value")
    words = [str(item.value).lower() for item in items if isinstance(item, Scalar)]
    size = _EXCHANGE_SIZE if words == ["import"] else _RSA_SIZE
    return Scalar(at=at, value=size, origin=Origin.DEFAULT, note=_note(size, api_version))
