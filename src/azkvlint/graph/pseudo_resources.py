"""Pseudo resources for outputs, module calls and arguments, and derived attributes that readers add."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence

import msgspec

from azkvlint.model.location import Location
from azkvlint.model.provider_version import Version, VersionRange
from azkvlint.model.resource import RequiredAttributes, Resource
from azkvlint.model.value import Absent, ListValue, MapValue, Origin, Path, Scalar, Unknown, Value
from azkvlint.values.origins import (
    CODE,
    COMMAND,
    CONFIGURATION,
    CREDENTIAL,
    DEFAULT,
    EXPOSED,
    EXTERNAL,
    FROM_SECRET,
    GENERATED,
    GIVEN,
    IN_MODULE,
    MAY_BE_PARAMETER,
    MISSING_OUTPUT,
    NONE,
    PARAMETER,
    PRIVATE_KEY,
    RESOURCE,
    SECRET,
    SECURE,
    SECURITY_DOMAIN,
    UNTRACED,
    WRITTEN,
    Origins,
    ValueOrigin,
    of_shown,
)

SECRETS_TYPE = "microsoft.keyvault/vaults/secrets"
CERTIFICATES_TYPE = "microsoft.keyvault/vaults/certificates"
TRACED_TYPES = (SECRETS_TYPE, CERTIFICATES_TYPE, f"{CERTIFICATES_TYPE}/issuers")
# The paths of the value of a secret, and of the password of an issuer.
PATH_IN_BODY = ("properties", "value")
_OF_ISSUER = ("properties", "credentials", "password")
# The same paths in data-plane bodies; the policy of a certificate contains no secret.
_IN_DATA_PLANE: Mapping[str, tuple[str, ...]] = {
    SECRETS_TYPE: ("value",),
    f"{CERTIFICATES_TYPE}/issuers": ("credentials", "pwd"),
}
OUTPUT_TYPE, MODULE_TYPE = "Terraform/outputs", "Terraform/modules"
ARGUMENT_TYPE, READ_TYPE = "Terraform/arguments", "Terraform/reads"
ORIGINS = "valueOrigins"
_RETENTION = ("writeOnly", "canBeWriteOnly")
_DOMAIN = "holdsSecurityDomain"
_ORIGIN_PATHS: frozenset[Path] = frozenset(("derived", name) for name in (ORIGINS, _DOMAIN, *_RETENTION))
_EPHEMERAL = "canBeEphemeral"
_WRITE_ONLY, _READ_ONLY = (4, 23), (4, 11)
# Reasons for unknown origins, and the origins that one of them may be.
_POSSIBLE: Mapping[str, tuple[str, ...]] = {
    MAY_BE_PARAMETER: (PARAMETER, GENERATED),
    MISSING_OUTPUT: (RESOURCE, IN_MODULE, PARAMETER, CREDENTIAL, PRIVATE_KEY),
}
_UNKNOWN_REASONS: Mapping[str, str] = {
    UNTRACED: "the value leads through an expression that is not supported",
    MAY_BE_PARAMETER: "the value is generated, or comes from an input",
    MISSING_OUTPUT: "the value is the output of a module that is not in the scanned files",
    FROM_SECRET: "a plan does not distinguish a secret from a value that is computed from it, such as its length",
}
# The origins in words.
_ORIGIN_NOTES: Mapping[str, str] = {
    WRITTEN: "literal value",
    DEFAULT: "default of a variable or parameter",
    GIVEN: "value from a file of values",
    COMMAND: "value from the command line",
    SECURE: "value of a secure parameter",
    PARAMETER: "parameter that is not secure",
    EXTERNAL: "result of an `external` data source",
    EXPOSED: "secret that passes through a parameter that is not secure",
    SECRET: "secret from Key Vault",
    CREDENTIAL: "key or connection string of a resource",
    PRIVATE_KEY: "private key",
    GENERATED: "generated password",
    CONFIGURATION: "configuration value",
}
# The maximum number of sources that a note lists.
_MOST_SOURCES = 3
_REPORTED_ORIGINS: Origins = frozenset({SECRET, PRIVATE_KEY, GENERATED, UNTRACED, FROM_SECRET})


def requires_origins(required: RequiredAttributes, type_: str) -> bool:
    """Return whether a rule requires the value origins of a type that has a secret value."""
    paths = required.paths_of(type_) if type_.lower() in TRACED_TYPES else None
    return paths is not None and (() in paths or any(path[:2] in _ORIGIN_PATHS for path in paths))


def with_derived(attributes: MapValue, derived: Mapping[str, Value]) -> MapValue:
    """Return ``attributes`` with additional derived attributes."""
    current = attributes.fields.get("derived")
    merged = {**(current.fields if isinstance(current, MapValue) else {}), **derived}
    fields = {**attributes.fields, "derived": MapValue(at=attributes.at, fields=merged, origin=Origin.DERIVED)}
    return msgspec.structs.replace(attributes, fields=fields)


def path_in_body(type_: str, is_data_plane: bool) -> tuple[str, ...]:
    """Return the path of the secret in a body; empty if it has none."""
    return _IN_DATA_PLANE.get(type_.lower(), ()) if is_data_plane else PATH_IN_BODY


def secret_in(attributes: MapValue) -> Value | None:
    """Return the secret value of a resource; None if it has none."""
    answers = (attributes.select(path) for path in (PATH_IN_BODY, _OF_ISSUER))
    return next((answer for answer in answers if not isinstance(answer, Absent)), None)


def with_origins(
    attributes: MapValue, found: Origins, kept: Mapping[str, Value] | None = None, sources: Sequence[ValueOrigin] = ()
) -> MapValue:
    """Return ``attributes`` with the origins of the secret value, and with whether the Terraform state stores it."""
    secret = secret_in(attributes)
    at = secret.at if secret is not None else attributes.select(PATH_IN_BODY).at
    return with_derived(attributes, {**_origins(found, at, sources), **(kept or {})})


def origins_and_retention(
    found: Origins, arguments: Sequence[str], version: VersionRange, at: Location, sources: Sequence[ValueOrigin] = ()
) -> dict[str, Value]:
    """Return the derived attributes of a plan for value origins, all at one place. ``arguments`` may set the value."""
    return {**_origins(found, at, sources), **(state_retention(arguments, version, at) if arguments else {})}


def _origins(origins: Origins, at: Location, sources: Sequence[ValueOrigin]) -> dict[str, Value]:
    domain = {_DOMAIN: Scalar(at=at, value=True, origin=Origin.DERIVED)} if SECURITY_DOMAIN in origins else {}
    return {ORIGINS: origin_list(origins, at, sources), **domain}


def with_all_origins(attributes: MapValue, parts: Iterable[tuple[Origins, Location]]) -> MapValue:
    """Return ``attributes`` with the origins of several values."""
    items = [item for origins, at in parts for item in origin_list(of_shown(origins), at).items]
    at = items[0].at if items else attributes.at
    return with_derived(attributes, {ORIGINS: ListValue(at=at, items=tuple(items), origin=Origin.DERIVED)})


def origin_list(origins: Origins, at: Location, sources: Sequence[ValueOrigin] = ()) -> ListValue:
    """Return origins as a derived list, in which untraced origins are unknown items.

    A source that is the only one of its kind is the cause of the item's location.
    """
    words = origins - _UNKNOWN_REASONS.keys() or (NONE if origins else frozenset({WRITTEN}))
    items: list[Scalar | Unknown] = [_origin_item(word, at, sources, bool(words & CODE)) for word in sorted(words)]
    items += [_doubt(word, at, sources) for word in _UNKNOWN_REASONS if word in origins]
    return ListValue(at=at, items=tuple(items), origin=Origin.DERIVED)


def _doubt(word: str, at: Location, sources: Sequence[ValueOrigin]) -> Unknown:
    """Return an unknown origin; its reason states the sources that cannot be traced, or that may be the value."""
    possible = _POSSIBLE.get(word, ())
    why = _texts_of((word,), sources)
    if not why:
        may_be = _texts_of(possible, sources) if word == MAY_BE_PARAMETER else ""
        why = f"{_UNKNOWN_REASONS[word]}: {may_be}" if may_be else _UNKNOWN_REASONS[word]
    return Unknown(at=at, origin=Origin.DERIVED, why=why, one_of=possible)


def _texts_of(kinds: Container[str], sources: Sequence[ValueOrigin]) -> str:
    return _joined([*dict.fromkeys(source.text for source in sources if source.origin in kinds)][:_MOST_SOURCES])


def _joined(texts: Sequence[str]) -> str:
    """Join sentences: those that begin as the first does, up to what it names, are its other objects."""
    start = texts[0].partition("`")[0] if texts else ""
    rest = [text.removeprefix(start) if start and text.endswith("`") else text for text in texts[1:]]
    return " and ".join([*texts[:1], *rest])


def _origin_item(word: str, at: Location, sources: Sequence[ValueOrigin], is_in_code: bool) -> Scalar:
    texts = {source.text: source.at for source in sources if source.origin == word}
    note = " and ".join([*texts][:_MOST_SOURCES]) or _ORIGIN_NOTES.get(word, "")
    if word == SECURE and is_in_code:
        note = "marked as sensitive or secure"
    only = next(iter(texts.values())) if len(texts) == 1 else None
    place = at if only is None else at.caused_by(_exact(at, only))
    return Scalar(at=place, value=word, origin=Origin.DERIVED, note=note)


def _exact(at: Location, source: Location) -> Location:
    """Return the place in a source that the evaluator has found, such as an item of a default; else the source."""
    origin = at
    while origin.cause is not None:
        origin = origin.cause
    if origin.path != source.path or origin.span is None or source.span is None:
        return source
    return origin if source.span[0] <= origin.span[0] and origin.span[1] <= source.span[1] else source


def possible_arguments(values: Iterable[tuple[str, object]]) -> tuple[str, ...]:
    """Return the arguments that may set a value. Exactly one of those that are written is not null."""
    possible: list[str] = []
    for name, value in values:
        if value is None or isinstance(value, Absent):
            continue
        if not isinstance(value, Unknown) or value.is_set:
            return (name,)
        possible.append(name)
    return tuple(possible)


def state_retention(arguments: Sequence[str], version: VersionRange, at: Location) -> Mapping[str, Value]:
    """Return whether the state stores a secret, and whether the provider version requires that.

    One of ``arguments`` sets the secret. Source: the provider's changelog (``value_wo`` since 4.23; ephemeral resources
    for secrets since 4.11).
    """
    if len(arguments) == 1:
        note = f"`{arguments[0]}` is set"
        write_only: Value = Scalar(at=at, value=arguments[0] != "value", origin=Origin.DERIVED, note=note)
    else:
        names = " and ".join(f"`{name}`" for name in arguments)
        why = f"{names} may be null"
        write_only = Unknown(at=at, origin=Origin.DERIVED, why=why)
    return {_RETENTION[0]: write_only, _RETENTION[1]: _has(_WRITE_ONLY, "`value_wo`", version, at)}


def _has(since: Version, what: str, version: VersionRange, at: Location) -> Value:
    """Return whether the provider versions have a feature introduced in ``since``."""
    note = f"azurerm supports {what} from version {since[0]}.{since[1]} on"
    if version.low < since < version.high:
        return Unknown(at=at, origin=Origin.DERIVED, why=note)
    return Scalar(at=at, value=version.high > since, origin=Origin.DERIVED, note=note)


def secret_read(address: str, version: VersionRange, at: Location) -> Resource:
    """Return a data source that reads a secret as a pseudo resource."""
    name = address.rpartition(".")[2]
    can = {_EPHEMERAL: _has(_READ_ONLY, "ephemeral secrets", version, at)}
    attributes = with_derived(MapValue(at=at, fields={"name": Scalar(at=at, value=name)}), can)
    return Resource(
        address=f"{address}.value", type=READ_TYPE, name=name, attributes=attributes, at=at, declared_as="data"
    )


def output(
    name: str, marked: Value, found: Origins, at: Location, ephemeral: Value | None, sources: Sequence[ValueOrigin]
) -> Resource:
    """Return an output of a Terraform root module as a pseudo resource. ``marked`` states whether it is sensitive."""
    fields: dict[str, Value] = {"name": Scalar(at=at, value=name), "sensitive": marked}
    attributes = MapValue(at=at, fields=fields if ephemeral is None else {**fields, "ephemeral": ephemeral})
    attributes = with_origins_of_shown(attributes, found, sources)
    return Resource(
        address=f"output.{name}", type=OUTPUT_TYPE, name=name, attributes=attributes, at=at, declared_as="output"
    )


def with_origins_of_shown(attributes: MapValue, found: Origins, sources: Sequence[ValueOrigin]) -> MapValue:
    """Return ``attributes`` with the origins of a value that is shown; of its sources, only untraced ones matter."""
    doubts = [source for source in sources if source.origin == UNTRACED]
    return with_origins(attributes, of_shown(found), sources=doubts)


def default_sensitive(at: Location) -> Scalar:
    """Return the ``sensitive`` value of an output that does not set it."""
    return Scalar(at=at, value=False, origin=Origin.DEFAULT, note="not set (default: false)")


def module_call(address: str, source: Value | None, version: Value | None, at: Location) -> Resource:
    """Return a module call as a pseudo resource."""
    name = address.rpartition(".")[2]
    fields: dict[str, Value] = {"name": Scalar(at=at, value=name)}
    fields |= {key: value for key, value in (("source", source), ("version", version)) if value is not None}
    return Resource(
        address=address, type=MODULE_TYPE, name=name, attributes=MapValue(at=at, fields=fields), at=at,
        declared_as="module",
    )  # fmt: skip


def argument(
    address: str, name: str, found: Origins, at: Location, sources: Sequence[ValueOrigin] = ()
) -> Resource | None:
    """Return an argument that exposes its value as a pseudo resource; None if the value is certainly not a secret."""
    if not found & _REPORTED_ORIGINS:
        return None
    attributes = MapValue(at=at, fields={"name": Scalar(at=at, value=name)})
    return Resource(
        address=f"{address}.{name}",
        type=ARGUMENT_TYPE,
        name=name,
        attributes=with_origins_of_shown(attributes, found, sources),
        at=at,
        declared_as="argument",
    )


# What the deployment identity writes through the data plane, and the types of grants, in Terraform.
OBJECTS = frozenset({"azurerm_key_vault_secret", "azurerm_key_vault_key", "azurerm_key_vault_certificate"})
GRANTS = frozenset({"azurerm_role_assignment", "azurerm_key_vault_access_policy"})
# The types of grants in templates, in lower case.
GRANT_TYPES = frozenset({"microsoft.authorization/roleassignments", "microsoft.keyvault/vaults/accesspolicies"})
# The addresses of the grants that a resource is made after. One that ends with any of ``STARTS`` stands for all that
# begin with it, and one after ``UNRESOLVED`` may be among them: alone, that is any grant.
AFTER = "after"
UNRESOLVED = "?"
STARTS = (".", "/", "[")
_ORDER: tuple[Path, ...] = (("derived", "waitsForGrant"), ("derived", "waitsForAccess"))


def requires_order(required: RequiredAttributes) -> bool:
    """Return whether any rule depends on the order in which resources are deployed."""
    return any(path in paths for paths in required.paths.values() for path in _ORDER)


def with_dependencies(attributes: MapValue, addresses: Iterable[str]) -> MapValue:
    """Return ``attributes`` of what is made after all that has these addresses, without the keys of instances."""
    return with_derived(attributes, {AFTER: dependency_list(addresses, attributes.at)})


def dependency_list(addresses: Iterable[str], at: Location) -> ListValue:
    """Return what something is made after, as a value."""
    items = tuple(Scalar(at=at, value=address, origin=Origin.DERIVED) for address in sorted(addresses))
    return ListValue(at=at, items=items, origin=Origin.DERIVED)
