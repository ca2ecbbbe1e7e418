"""What readers tell besides resources: where values come from, outputs, module calls, arguments that tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from azkvlint.graph.value_origins import (
    FROM_SECRET,
    GENERATED,
    NONE,
    PRIVATE_KEY,
    SECRET,
    SECURITY_DOMAIN,
    UNTRACED,
    WRITTEN,
    Origins,
)
from azkvlint.model.location import Location
from azkvlint.model.provider_version import Version, VersionRange
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.model.value import Absent, ListValue, MapValue, Origin, Path, Scalar, Unknown, Value, select

SECRETS_TYPE = "microsoft.keyvault/vaults/secrets"
_CERTIFICATES_TYPE = "microsoft.keyvault/vaults/certificates"
TRACED_TYPES = (SECRETS_TYPE, _CERTIFICATES_TYPE, f"{_CERTIFICATES_TYPE}/issuers")
# Where the body of a secret says what it holds, and where an issuer has its password.
PATH_IN_BODY = ("properties", "value")
_OF_ISSUER = ("properties", "credentials", "password")
# The same in bodies of the data plane; the policy of a certificate holds no secret.
_IN_DATA_PLANE: Mapping[str, tuple[str, ...]] = {
    SECRETS_TYPE: ("value",),
    f"{_CERTIFICATES_TYPE}/issuers": ("credentials", "pwd"),
}
OUTPUT_TYPE, MODULE_TYPE = "Terraform/outputs", "Terraform/modules"
ARGUMENT_TYPE, READ_TYPE = "Terraform/arguments", "Terraform/reads"
PSEUDO_TYPES = (OUTPUT_TYPE, MODULE_TYPE, ARGUMENT_TYPE, READ_TYPE)
ORIGINS = "valueOrigins"
_RETENTION = ("writeOnly", "canBeWriteOnly")
_DOMAIN = "holdsSecurityDomain"
_ORIGIN_PATHS: frozenset[Path] = frozenset(("derived", name) for name in (ORIGINS, _DOMAIN, *_RETENTION))
_EPHEMERAL = "canBeEphemeral"
_WRITE_ONLY, _READ_ONLY = (4, 23), (4, 11)
# Words for what is not known, and why.
_UNKNOWN_REASONS: Mapping[str, str] = {
    UNTRACED: "where it comes from cannot be followed",
    FROM_SECRET: "a plan does not tell a secret from what is only reckoned from one, such as its length",
}
_REPORTED_ORIGINS: Origins = frozenset({SECRET, PRIVATE_KEY, GENERATED, UNTRACED, FROM_SECRET})


def requires_origins(required: RequiredAttributes, type_: str) -> bool:
    """Return whether any rule asks where the values of a type come from."""
    paths = required.paths_of(type_)
    return paths is not None and (() in paths or any(path[:2] in _ORIGIN_PATHS for path in paths))


def requires_outputs(required: RequiredAttributes, type_: str) -> bool:
    """Return whether any rule asks for outputs, which are no resources, by the type that stands for them."""
    return type_.lower() in required.paths


def with_derived(attributes: MapValue, derived: Mapping[str, Value]) -> MapValue:
    """Return ``attributes`` with more of what is derived, beside what there is."""
    have = attributes.fields.get("derived")
    whole = {**(have.fields if isinstance(have, MapValue) else {}), **derived}
    fields = {**attributes.fields, "derived": MapValue(at=attributes.at, fields=whole, origin=Origin.DERIVED)}
    return msgspec.structs.replace(attributes, fields=fields)


def path_in_body(type_: str, is_data_plane: bool) -> tuple[str, ...]:
    """Return where a body has its secret; empty if there is none."""
    return _IN_DATA_PLANE.get(type_.lower(), ()) if is_data_plane else PATH_IN_BODY


def secret_in(attributes: MapValue) -> Value | None:
    """Return the secret that a resource has; None if it has none."""
    answers = (select(attributes, path) for path in (PATH_IN_BODY, _OF_ISSUER))
    return next((answer for answer in answers if not isinstance(answer, Absent)), None)


def with_origins(attributes: MapValue, found: Origins, kept: Mapping[str, Value] | None = None) -> MapValue:
    """Return ``attributes`` with the origins of what is held, and with whether Terraform keeps it."""
    secret = secret_in(attributes)
    at = secret.at if secret is not None else select(attributes, PATH_IN_BODY).at
    return with_derived(attributes, {**_origins(found, at), **(kept or {})})


def origins_and_retention(found: Origins, name: str, version: VersionRange, at: Location) -> dict[str, Value]:
    """Return the same as derived attributes of a plan, all at one place. ``name``: the argument, if any."""
    return {**_origins(found, at), **(state_retention(name, version, at) if name else {})}


def _origins(found: Origins, at: Location) -> dict[str, Value]:
    domain = {_DOMAIN: Scalar(at=at, value=True, origin=Origin.DERIVED)} if SECURITY_DOMAIN in found else {}
    return {ORIGINS: origin_list(found, at), **domain}


def with_all_origins(attributes: MapValue, parts: Iterable[tuple[Origins, Location]]) -> MapValue:
    """Return the same for what is held in several places."""
    items = [item for found, at in parts for item in origin_list(found, at).items]
    at = items[0].at if items else attributes.at
    return with_derived(attributes, {ORIGINS: ListValue(at=at, items=tuple(items), origin=Origin.DERIVED)})


def origin_list(found: Origins, at: Location) -> ListValue:
    """Return the words as a value; what could not be followed is an item that is not known."""
    words = found - _UNKNOWN_REASONS.keys() or (NONE if found else frozenset({WRITTEN}))
    items: list[Scalar | Unknown] = [Scalar(at=at, value=word, origin=Origin.DERIVED) for word in sorted(words)]
    items += [Unknown(at=at, origin=Origin.DERIVED, why=why) for word, why in _UNKNOWN_REASONS.items() if word in found]
    return ListValue(at=at, items=tuple(items), origin=Origin.DERIVED)


def state_retention(argument: str, version: VersionRange, at: Location) -> Mapping[str, Value]:
    """Return whether the state keeps the value of a secret, by the argument that sets it, and whether it must.

    Source: the provider's changelog (``value_wo`` since 4.23; ephemeral resources for secrets since 4.11).
    """
    note = f"the argument is {argument}"
    write_only = Scalar(at=at, value=argument != "value", origin=Origin.DERIVED, note=note)
    return {_RETENTION[0]: write_only, _RETENTION[1]: _has(_WRITE_ONLY, "value_wo", version, at)}


def _has(since: Version, what: str, version: VersionRange, at: Location) -> Value:
    """Return whether a provider has something that its versions have from ``since`` on."""
    note = f"azurerm has {what} from version {since[0]}.{since[1]} on"
    if version.low < since < version.high:
        return Unknown(at=at, origin=Origin.DERIVED, why=note)
    return Scalar(at=at, value=version.high > since, origin=Origin.DERIVED, note=note)


def secret_read(address: str, version: VersionRange, at: Location) -> Resource:
    """Return what a data source reads of a secret, with whether the provider could read it without keeping it."""
    name = address.rpartition(".")[2]
    can = {_EPHEMERAL: _has(_READ_ONLY, "ephemeral secrets", version, at)}
    attributes = with_derived(MapValue(at=at, fields={"name": Scalar(at=at, value=name)}), can)
    return Resource(
        address=f"{address}.value", type=READ_TYPE, name=name, attributes=attributes, at=at, declared_as="data"
    )


def output(name: str, marked: Value, found: Origins, at: Location, ephemeral: Value | None = None) -> Resource:
    """Return an output of a Terraform root module as a resource. ``marked``: whether it is sensitive."""
    fields: dict[str, Value] = {"name": Scalar(at=at, value=name), "sensitive": marked}
    attributes = MapValue(at=at, fields=fields if ephemeral is None else {**fields, "ephemeral": ephemeral})
    return Resource(
        address=f"output.{name}", type=OUTPUT_TYPE, name=name, attributes=with_origins(attributes, found), at=at,
        declared_as="output",
    )  # fmt: skip


def default_sensitive(at: Location) -> Scalar:
    """Return whether an output is sensitive that does not say so."""
    return Scalar(at=at, value=False, origin=Origin.DEFAULT, note="not set, and the default is false")


def module_call(address: str, source: Value | None, version: Value | None, at: Location) -> Resource:
    """Return a module call as a resource."""
    name = address.rpartition(".")[2]
    fields: dict[str, Value] = {"name": Scalar(at=at, value=name)}
    fields |= {key: value for key, value in (("source", source), ("version", version)) if value is not None}
    return Resource(
        address=address, type=MODULE_TYPE, name=name, attributes=MapValue(at=at, fields=fields), at=at,
        declared_as="module",
    )  # fmt: skip


def argument(address: str, name: str, found: Origins, at: Location) -> Resource | None:
    """Return an argument that shows what it is given, as a resource; None if that is no secret for certain."""
    if not found & _REPORTED_ORIGINS:
        return None
    attributes = MapValue(at=at, fields={"name": Scalar(at=at, value=name)})
    return Resource(
        address=f"{address}.{name}", type=ARGUMENT_TYPE, name=name, attributes=with_origins(attributes, found), at=at,
        declared_as="argument",
    )  # fmt: skip
