"""The azurerm provider blocks of a plan: their features, and the provider versions they can mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from azkvlint.azure.azurerm.provider_features import (
    KEY_VAULT_FLAGS,
    PROVIDER_PREFIX,
    PROVIDER_TYPE,
    TENANT,
    TENANT_ARGUMENT,
    VERSION,
    flag_value,
    version_value,
)
from azkvlint.model.location import Location
from azkvlint.model.provider_version import EVIDENCE, VersionRange, narrow_by_arguments, range_of_constraint
from azkvlint.model.resource import Resource
from azkvlint.model.value import Link, MapValue, Scalar, Unknown, Value
from azkvlint.readers.plan.configuration import Configuration, Node
from azkvlint.readers.plan.document import ChangeDecoder, Plan, ResourceChange, decode_entry, whole_changes
from azkvlint.syntax.json_decoder import DECODE_ERRORS


class ManagingProvider(msgspec.Struct, frozen=True):
    """The provider versions that a resource can have been planned with, and a link to its provider block if shown."""

    version: VersionRange
    link: Link | None


class Providers:
    """The azurerm provider blocks of one plan, by provider key."""

    def __init__(self, plan: Plan, configuration: Configuration, path: str) -> None:
        self._configuration = configuration
        self._path = path
        self._evidence = _evidence(plan)
        blocks = {key: block for key, block in configuration.providers().items() if _is_azurerm(key, block)}
        self._versions = {
            key: self._narrow_by_evidence(range_of_constraint(str(block.get("version_constraint", ""))))
            for key, block in blocks.items()
        }
        self.resources = tuple(_resource(key, block, self._versions[key], path) for key, block in blocks.items())
        self._only = next(iter(blocks)) if len(blocks) == 1 else ""
        self._addresses = {resource.address for resource in self.resources}
        self._known: dict[tuple[tuple[str, ...], str], ManagingProvider] = {}

    def _narrow_by_evidence(self, version: VersionRange) -> VersionRange:
        for type_, keys in self._evidence:
            version = narrow_by_arguments(type_, keys, version)
        return version

    def find(self, names: tuple[str, ...], resource: str) -> ManagingProvider:
        """Return the provider that manages a resource, by its static place."""
        place = (names, resource)
        found = self._known.get(place)
        if found is None:
            # A resource without a block was removed from the configuration; a single provider must have managed it.
            key = self._configuration.provider_key(names, resource) or self._only
            version = self._versions.get(key)
            address = PROVIDER_PREFIX + key
            link = Link(at=Location(path=self._path), target=address) if address in self._addresses else None
            found = self._known[place] = ManagingProvider(
                version if version is not None else self._narrow_by_evidence(VersionRange()), link
            )
        return found


def _evidence(plan: Plan) -> list[tuple[str, frozenset[str]]]:
    """Return the first resource of each type that dates its provider, and the arguments it shows."""
    found: dict[str, frozenset[str]] = {}
    decoder = whole_changes()
    for type_, entry in zip(plan.types, plan.entries, strict=False):
        if type_ in found or (type_ is not None and type_ not in EVIDENCE):
            continue
        try:
            change = decode_entry(entry)
            is_evidence = change.type in EVIDENCE and change.type not in found
            keys = _keys(change, decoder) if is_evidence else None
        except DECODE_ERRORS:
            continue  # reported where resources are read
        if keys is not None:
            found[change.type] = keys
            if len(found) == len(EVIDENCE):
                break
    return list(found.items())


def _keys(entry: ResourceChange, decoder: ChangeDecoder) -> frozenset[str] | None:
    """Return the arguments that a resource shows; None for a data source."""
    if entry.mode != "managed":
        return None
    change = decoder.change(entry.change)
    unknown = change.after_unknown if isinstance(change.after_unknown, dict) else {}
    return frozenset({*(change.after or decoder.values(change.before)), *unknown})


def _is_azurerm(key: str, block: Node) -> bool:
    name = str(block.get("full_name") or block.get("name") or key)
    return name.rpartition("/")[2] == "azurerm"


def _resource(key: str, block: Node, version: VersionRange, path: str) -> Resource:
    address = PROVIDER_PREFIX + key
    at = Location(path=path, address=address)
    expressions = _object(block.get("expressions"))
    features = _object(expressions.get("features"))
    flags: dict[str, Value] = {}
    written = _object(features.get("key_vault"))
    for flag, name in KEY_VAULT_FLAGS.items():
        flags[name] = _flag(flag, written.get(flag), version, at)
    features_value = MapValue(at=at, fields={"keyVault": MapValue(at=at, fields=flags)})
    fields: dict[str, Value] = {
        "features": features_value,
        "name": Scalar(at=at, value=key),
        VERSION: version_value(version, at),
    }
    if TENANT_ARGUMENT in expressions:
        fields[TENANT] = _constant(expressions[TENANT_ARGUMENT], at)
    attributes = MapValue(at=at, fields=fields)
    return Resource(address=address, type=PROVIDER_TYPE, name=key, attributes=attributes, at=at, declared_as="provider")


def _flag(name: str, expression: Any, version: VersionRange, at: Location) -> Value:
    if not isinstance(expression, dict):
        return flag_value(name, None, version, at)
    found = _constant(expression, at)
    return found if isinstance(found, Unknown) else flag_value(name, found, version, at)


def _constant(expression: Any, at: Location) -> Scalar | Unknown:
    plain = expression.get("constant_value") if isinstance(expression, dict) else None
    if isinstance(plain, str | bool):
        return Scalar(at=at, value=plain)
    return Unknown(at=at, why="the provider block sets the value with an expression that is not shown in a plan")


def _object(value: Any) -> Mapping[str, Any]:
    """Return a block as the configuration writes it: an object, or a list of one."""
    if isinstance(value, list):
        value = value[0] if value else None
    return value if isinstance(value, dict) else {}
