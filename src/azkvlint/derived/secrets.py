"""Secrets that are written in the configuration of a workload instead of a vault: their names, never their values.

Sources: learn.microsoft.com/azure/app-service/app-service-key-vault-references (how a setting refers to a secret) and
learn.microsoft.com/azure/data-factory/store-credentials-in-key-vault.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

import msgspec

from azkvlint.azure.azurerm.secret_attributes import attribute_origins
from azkvlint.azure.consumers import ConsumerRead, items_and_path, path_of, types_with, uses_of
from azkvlint.derived.answers import absent, known, known_list, known_object, unknown, unknown_as
from azkvlint.derived.registry import Context, derived
from azkvlint.derived.tls_services import FRONT_DOOR, certificates_of, needs_of
from azkvlint.evaluation.values import RETURNS_SECRET, wrap
from azkvlint.model.location import Location
from azkvlint.model.pattern import (
    NUMBER_START,
    DeclaredHole,
    Text,
    join_texts,
    known_start,
    length_of,
    numbered,
    parts_of,
    restored,
    text_form,
)
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Link, ListValue, MapValue, Path, Scalar, Unknown, Value
from azkvlint.syntax.json_decoder import decode_json
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex
from azkvlint.values.name_kinds import NameKind, is_plain_name, kind_of_name
from azkvlint.values.origins import CREDENTIAL
from azkvlint.values.paths import ANY
from azkvlint.values.secrecy import contains_secret, is_secure_type
from azkvlint.values.secret_formats import (
    Placeholder,
    has_credential,
    is_configuration,
    known_text,
    looks_generated,
    placeholder_in,
)

SITES = ("microsoft.web/sites", "microsoft.web/sites/slots")
CONFIG = ("microsoft.web/sites/config", "microsoft.web/sites/slots/config")
LINKED = "microsoft.datafactory/factories/linkedservices"
KEY_VALUES = "microsoft.appconfiguration/configurationstores/keyvalues"
APPS = ("microsoft.app/containerapps", "microsoft.app/jobs")
NAMED_VALUES = "microsoft.apimanagement/service/namedvalues"
OF_SERVICE = "microsoft.apimanagement/service/certificates"

_SECRET = "microsoft.keyvault/vaults/secrets"
_VALUE: Path = ("properties", "value")
_SETTINGS: Path = ("properties", "siteConfig", "appSettings")
_SECRETS: Path = ("properties", "configuration", "secrets")
_CONNECTIONS: Path = ("properties", "siteConfig", "connectionStrings")
_PROPERTIES: Path = ("properties",)
_CONTENT_TYPE: Path = ("properties", "contentType")
# Source: learn.microsoft.com/azure/azure-app-configuration/use-key-vault-references-dotnet-core.
_REFERENCE_TYPE = "vnd.microsoft.appconfig.keyvaultref"
_MAY_BE_SECRET = "the value may be a secret"  # where no other reason is known
_TYPE_PROPERTIES: Path = ("properties", "typeProperties")

# Properties that are visible to every reader of the resource. Source: the template reference of these types.
_EXPOSING_RESOURCES: Mapping[str, tuple[Path, ...]] = {
    "microsoft.resources/deploymentscripts": (
        ("properties", "arguments"), ("properties", "environmentVariables"), ("properties", "scriptContent"), ("tags",),
    ),
    "microsoft.compute/virtualmachines": (("properties", "osProfile", "customData"), ("properties", "userData")),
    "microsoft.compute/virtualmachines/extensions": (("properties", "settings"),),
    KEY_VALUES: (_VALUE,),
}  # fmt: skip
# Properties that are objects or lists, of which only a part may be secret.
_OBJECTS = frozenset({"environmentVariables", "settings", "tags"})
REFERENCE = "@microsoft.keyvault("
# A name with this ending is that of a secret; a longer name may be that of the secret's location.
_NAME = regex(
    r"(?i).*(?:password|passwd|pwd|secret|token|api_?key|access_?key|account_?key|shared_?key|connection_?string|_sas)"
)
# Words with spaces between them, or the name of a file.
_SENTENCE = regex(r"\s|\.[A-Za-z0-9]{1,4}(?:\\|$)")
_PLACEHOLDERS = (Placeholder.SAMPLE, Placeholder.LIKELY, Placeholder.CERTAIN)
# The address of a service only: the data sent to it is not part of the configuration.
_ADDRESS = regex(r"(?i)(?:https?://[^\s?]*|true|false|\d*)")


_PARAMETERS: Path = ("properties", "parameters")
# A Front Door template states the version of a secret in separate properties.
_LATEST, _VERSION = (*_PARAMETERS, "useLatestVersion"), (*_PARAMETERS, "secretVersion")


@cache
def _uses_of(type_: str) -> tuple[ConsumerRead, ...]:
    """Return how resources of a type (lower case) name secrets and certificates."""
    return tuple(use for use in uses_of(type_) if use.reads != "key" and use.otherwise != "flag" and use.at)


def places_of(type_: str) -> tuple[Path, ...]:
    """Return the paths of secrets and certificates in resources of a type (lower case)."""
    return tuple(
        path
        for use in _uses_of(type_)
        for path in (needs_of(type_) if use.reads == "certificate" else [items_and_path(one)[0] for one in use.at])
    ) + ((_LATEST, _VERSION) if type_ == FRONT_DOOR else ())


def places_by_type() -> Mapping[str, tuple[Path, ...]]:
    """Return these paths by type, in lower case."""
    found = {type_: places_of(type_) for type_ in map(str.lower, types_with(reads=["secret", "certificate"]))}
    return {type_: paths for type_, paths in found.items() if paths}


def _with_identity() -> Iterator[str]:
    """Yield the types, in lower case, that read with identities of their own."""
    found = types_with(reads=["secret", "certificate"], holder=["self"], otherwise=["own", "system"])
    return map(str.lower, found)


@derived(
    "inlineSecrets",
    of=(*SITES, *CONFIG, LINKED, KEY_VALUES),
    label="secret in the configuration",
    reads={
        KEY_VALUES: (("name",), _VALUE, _CONTENT_TYPE),
        **dict.fromkeys(SITES, (_SETTINGS, _CONNECTIONS)),
        **dict.fromkeys(CONFIG, (_PROPERTIES,)),
        LINKED: (_TYPE_PROPERTIES,),
    },
)
def _inline_secrets(resource: Resource, _: Context) -> Answer:
    """Return the names of the secrets that are written in the configuration, each as an item.

    A possible secret is an unknown item.
    """
    match resource.type.lower():
        case type_ if type_ in SITES:
            found = [*_settings(resource.select(_SETTINGS)), *_settings(resource.select(_CONNECTIONS))]
        case type_ if type_ in CONFIG:
            name = resource.name.lower().rpartition("/")[2]
            found = [*_settings(resource.select(_PROPERTIES))] if name in ("appsettings", "connectionstrings") else []
        case "microsoft.datafactory/factories/linkedservices":
            found = [*_linked(resource.select(_TYPE_PROPERTIES))]
        case type_ if type_ == KEY_VALUES:
            found = [*_key_value(resource)]
        case _:
            return absent(resource)
    return known_list(found[0].at if found else resource.at, found)


@derived(
    "vaultReferences",
    of=_with_identity,
    label="Key Vault reference",
    reads=lambda: {type_: (*places_of(type_), ("scope",)) for type_ in _with_identity()},
)
def _vault_references(resource: Resource, _: Context) -> Answer:
    """Return the names of the references of a resource to Key Vault, each as an item.

    Absent for a resource that only adds references to another one, which has the identity.
    """
    if not isinstance(resource.select(("scope",)), Absent):
        return absent(resource)
    named = ((name, value) for name, value, _ in references_of(resource))
    found = [
        known(value, name) if is_reference(resource, value) else unknown_as(value, _MAY_BE_SECRET)
        for name, value in (setting_references(resource) if has_settings(resource) else named)
    ]
    return known_list(found[0].at if found else resource.at, found)


def has_settings(resource: Resource) -> bool:
    """Return whether the references of a resource are settings of an app."""
    return any(use.form == "settings" for use in _uses_of(resource.type.lower()))


def is_reference(resource: Resource, value: Value) -> bool:
    """Return whether a value that ``references_of`` yields is certainly a reference.

    A setting may contain something else, and a property that holds the ID of a secret may be null.
    """
    text = value.text.lower()
    if has_settings(resource):
        return text.lstrip().startswith(REFERENCE)
    is_id = _is_of_resource(value) and any(word in text for word in ("key_vault", "keyvault"))
    return not isinstance(value, Unknown) or value.is_set or value.closed or is_id


def _is_of_resource(value: Value) -> bool:
    """Return whether a string begins with an attribute of an Azure resource, which is not a reference itself."""
    first = next(iter(parts_of(value.string)), None)
    is_id = isinstance(first, DeclaredHole) and known_start(first.address).startswith("/")
    return isinstance(first, DeclaredHole) and (is_id or first.type.removeprefix("data.").startswith("azurerm_"))


def setting_references(resource: Resource) -> Iterator[tuple[str, Value]]:
    """Yield the name and the value of each setting of an app that is, or may be, a reference."""
    for path in (path for use in _uses_of(resource.type.lower()) for path in _settings_in(resource, use)):
        yield from ((name, value) for name, value in _setting_values(resource.select(path)) if _may_refer(value))


def _setting_values(answer: Answer) -> Iterator[tuple[str, Value]]:
    """Yield all settings of an object of strings, or of a list of objects that have a name."""
    match answer:
        case Unknown():
            yield "", answer
        case MapValue(fields=fields, rest=rest):
            for name, value in fields.items():
                yield name, value.fields.get("value", value) if isinstance(value, MapValue) else value
            if rest is not None:
                yield "", rest
        case ListValue(items=items):
            for item in items:
                for field in ("value", "connectionString"):
                    found = item.select((field,))
                    if not isinstance(found, Absent):
                        yield item.select(("name",)).text, found


def _may_refer(value: Value) -> bool:
    certain = known_start(value.string).lower().lstrip()
    if not isinstance(value, Unknown):
        return certain.startswith(REFERENCE)
    # Neither an attribute that an Azure resource computes nor one of its keys is a reference.
    may = certain.startswith(REFERENCE) or REFERENCE.startswith(certain)
    return may and not _is_of_resource(value) and not value.why.endswith(RETURNS_SECRET)


def _settings(answer: Answer) -> Iterator[Value]:
    """Yield the settings of an app: an object of strings, or a list of objects that have a name."""
    match answer:
        case Unknown():
            yield unknown_as(answer, _MAY_BE_SECRET)
        case MapValue(fields=fields, rest=rest):
            for name, value in fields.items():
                # A connection string is an object that contains its value.
                inner = value.fields.get("value", value) if isinstance(value, MapValue) else value
                yield from _setting(name, inner, is_connection=isinstance(value, MapValue))
            if rest is not None:
                yield unknown_as(rest, _MAY_BE_SECRET)
        case ListValue(items=items):
            for item in items:
                if isinstance(item, MapValue):
                    label = item.fields.get("name", item)
                    name = "(sensitive)" if label.sensitive else label.text
                    connection = item.fields.get("connectionString")
                    found = connection if connection is not None else item.fields.get("value")
                    if found is not None:
                        yield from _setting(name, found, is_connection=connection is not None)
                else:
                    yield unknown_as(item, "a setting is not an object")


def _key_value(resource: Resource) -> Iterator[Value]:
    """Yield the value of an App Configuration key, unless its content type states that it is a reference."""
    value, kind, label = resource.select(_VALUE), resource.select(_CONTENT_TYPE), resource.select(("name",))
    if isinstance(value, Absent) or _REFERENCE_TYPE in kind.text.lower():
        return
    # A slash in the name of a key is written as ~2F, and the label of the value follows a dollar sign.
    name = label.text.rpartition("/")[2].partition("$")[0].replace("~2F", "/")
    doubt = next((one for one in (kind, label) if isinstance(one, Unknown) and one.pattern is None), None)
    found = list(_setting("password" if doubt is label else name, value, is_connection=False))
    for one in found:
        shown = (
            msgspec.structs.replace(one, value="(sensitive)") if label.sensitive and isinstance(one, Scalar) else one
        )
        yield shown if doubt is None else unknown_as(doubt, _MAY_BE_SECRET)


def _setting(name: str, value: Value, *, is_connection: bool) -> Iterator[Value]:
    text = value.text
    if text.lower().lstrip().startswith(REFERENCE):
        return
    if contains_secret(text) or _has_credential_of_resource(value):
        yield known(value, name)
    elif is_connection or _NAME.fullmatch(name):
        if isinstance(value, Unknown):
            yield _named_secret(name, value)
        elif isinstance(value, Scalar) and not is_connection and not _ADDRESS.fullmatch(text):
            yield known(value, name)


def _has_credential_of_resource(value: Value) -> bool:
    """Return whether an unknown string certainly contains a key or connection string of an Azure resource.

    The connection string of Application Insights is not a secret. Source:
    learn.microsoft.com/azure/azure-monitor/app/connection-strings#is-the-connection-string-a-secret.
    """
    if not isinstance(value, Unknown):
        return False
    holes = [hole for hole in parts_of(value.string) if isinstance(hole, DeclaredHole)]
    types = ((hole.type.removeprefix("data."), hole.attribute) for hole in holes)
    return any(
        CREDENTIAL in attribute_origins(type_, name) for type_, name in types if type_ != "azurerm_application_insights"
    )


def _named_secret(name: str, value: Unknown) -> Value:
    """Return an unknown value with the name of a secret: one if a function returns it that returns secrets."""
    return known(value, name) if value.why.endswith(RETURNS_SECRET) else unknown_as(value, _MAY_BE_SECRET)


def _names_secret(name: str) -> bool:
    """Return whether the name of a setting suggests a secret."""
    return _NAME.fullmatch(name) is not None


def _linked(answer: Answer) -> Iterator[Value]:
    """Yield the credentials of a linked service."""
    if isinstance(answer, Scalar):
        answer = _decoded(answer)
    if isinstance(answer, Unknown):
        yield unknown_as(answer, _MAY_BE_SECRET)
    for name, value in answer.fields.items() if isinstance(answer, MapValue) else ():
        if isinstance(value, MapValue):
            kind = value.fields.get("type")
            if isinstance(kind, Unknown):
                yield unknown_as(kind, _MAY_BE_SECRET)
            elif kind is None and "value" in value.fields:
                yield known(value.fields["value"], name)
            elif kind is not None and is_secure_type(kind.text):
                yield known(value, name)
        elif contains_secret(value.text) or _has_credential_of_resource(value):
            yield known(value, name)
        elif _NAME.fullmatch(name):
            if isinstance(value, Unknown):
                yield _named_secret(name, value)
            elif not name.lower().endswith("connectionstring"):
                yield known(value, name)


def _decoded(text: Scalar) -> Value:
    """Return the value of a JSON string, as in azurerm's custom services."""
    from azkvlint.evaluation.freezer import Freezer

    try:
        found = Freezer().freeze(wrap(decode_json(str(text.value), object), text.at, text.sensitive))
    except InputError:
        found = None
    return found if isinstance(found, MapValue) else Unknown(at=text.at, why="the value is not a JSON object")


@derived("exposedSecrets", of=_EXPOSING_RESOURCES, label="exposed secret", reads=_EXPOSING_RESOURCES)
def _exposed_secrets(resource: Resource, _: Context) -> Answer:
    """Return the properties that expose a secret to readers of the resource, each as an item."""
    paths = _EXPOSING_RESOURCES.get(resource.type.lower(), ())
    found = tuple(item for path in paths for item in _exposed_at(resource, path))
    return known_list(resource, found) if paths else absent(resource)


def _exposed_at(resource: Resource, path: Path) -> Iterator[Value]:
    """Yield an item for each secret in a property, an unknown one for each value that may be a secret."""
    name, answer = str(path[-1]), resource.select(path)
    # The secret part of an object without a known value may be in another property.
    is_hidden = isinstance(resource.select(path[:-1]), Unknown) or (
        name in _OBJECTS and isinstance(answer, Unknown) and not answer.given
    )
    files = {resource.at.path, *(at.path for at in resource.callers)}
    for part, secret, around in _secrets(answer, "", resource.at):
        is_certain = secret.sensitive and not is_hidden and not _may_be_plain(secret, part)
        place = f"`{part}` in `{name}`" if part else f"`{name}`"
        doubt = f"the value of {place} may be a secret"
        item = known(secret, name, f"`{name}` contains a secret") if is_certain else unknown_as(secret, doubt)
        if item.at.path not in files:
            # It must be changed where it is passed, not where another module outputs it.
            item = msgspec.structs.replace(item, at=msgspec.structs.replace(around, cause=item.at))
        yield item


def _may_be_plain(secret: Value, name: str) -> bool:
    """Return whether a value of a secure object may be one of its plain members, by its name and its format.

    An unknown URL or other address may contain a credential. A known value may be plain if neither its name nor its
    format suggests a credential.
    """
    if isinstance(secret, Unknown):
        return (
            kind_of_name(name) is NameKind.PLAIN and secret.pattern is None and not secret.why.endswith(RETURNS_SECRET)
        )
    text = str(secret.value) if isinstance(secret, Scalar) else ""
    return bool(name and text) and kind_of_name(name) is NameKind.NEUTRAL and not looks_generated(text)


def _secrets(answer: Answer, name: str, around: Location) -> Iterator[tuple[str, Value, Location]]:
    """Yield the name, the value and the surrounding location of each secret part of a value.

    Secure environment variables of a script are skipped.
    """
    match answer:
        case MapValue(fields=fields) if fields:
            variable = fields["name"].text if "name" in fields else ""
            for key, value in fields.items():
                if key.lower() == "value" and variable:
                    yield from _secrets(value, variable, fields["name"].at)
                elif key.lower() != "securevalue" and not (key.lower() == "name" and "value" in fields):
                    yield from _secrets(value, key, answer.at)
        case ListValue(items=items) if items:
            for item in items:
                yield from _secrets(item, name, answer.at)
        case Absent():
            return
        case _ if answer.sensitive and not _is_plain_part(answer, name):
            yield name, answer, around
        case Unknown(pattern=None, is_set=False, sensitive=False):
            yield name, answer, around


def _is_plain_part(answer: Answer, name: str) -> bool:
    """Return whether a part of a secret value is not secret itself: a secure object may also have other members.

    A part without a name is secret by its declaration.
    """
    if not name:
        return False
    text = str(answer.value) if isinstance(answer, Scalar) else known_text(answer.string)
    if is_configuration([name], text) and (text or is_plain_name(name)):
        return True
    is_neutral = bool(text) and kind_of_name(name) is NameKind.NEUTRAL and not has_credential(text)
    return is_neutral and (bool(_SENTENCE.search(text)) or placeholder_in(text) in _PLACEHOLDERS)


def secret_places(resources: Iterable[Resource]) -> Iterator[Location]:
    """Yield the locations at which the values of secrets and of the settings of apps are written."""
    from azkvlint.azure.secret_properties import secret_properties  # a plan has no excerpts

    for resource in resources:
        for path in secret_properties(resource.type):
            # A provider may have an object instead of a list.
            yield from _places(resource.select(path[: path.index(ANY)] if ANY in path else path))
        match resource.type.lower():
            case type_ if type_ == KEY_VALUES:
                yield from (found.at for found in _key_value(resource))
            case type_ if type_ == LINKED:
                yield from (found.at for found in _linked(resource.select(_TYPE_PROPERTIES)))


def _places(answer: Answer) -> Iterator[Location]:
    """Yield the locations of all strings in a value."""
    match answer:
        case MapValue(fields=fields):
            for field in fields.values():
                yield from _places(field)
        case ListValue(items=items):
            for item in items:
                # The name of a setting in a list is not secret.
                members = item.fields.items() if isinstance(item, MapValue) else [("", item)]
                for name, member in members:
                    yield from _places(member) if name != "name" else ()
        case Scalar(value=str()):
            yield answer.at


# Sources: learn.microsoft.com/azure/application-gateway/key-vault-certs,
# .../api-management/api-management-howto-properties, .../container-apps/manage-secrets,
# .../app-service/app-service-key-vault-references and
# .../frontdoor/standard-premium/how-to-configure-https-custom-domain: each follows the rotation of a secret that is
# referred to without a version.


# The parts of an app's configuration that contain settings.
_CONFIGURED = ("appsettings", "connectionstrings", "functionappsettings")
_LABELS = {NAMED_VALUES: "named value"}
# Only in these places of App Service a string can refer to a secret.
_SETTING = regex(r"(?is)\s*@Microsoft\.KeyVault\((.*)\)\s*")
MOST = 10_000
_VERSIONED = ("secrets", "certificates")
# The last part of a reference to an attribute of a secret or certificate, in lower case: whether it has a version.
_OF_TERRAFORM = {"versionless_id": False, "versionless_secret_id": False, "id": True, "secret_id": True}
_OF_TEMPLATE = {"secreturi": False, "secreturiwithversion": True}
_OF_VAULT = ("vaulturi", "vault_uri")
_TERRAFORM_TYPES = ("azurerm_key_vault_secret", "azurerm_key_vault_certificate")
_TERRAFORM = regex(r"\bazurerm_key_vault_(?:secret|certificate)\.")


@derived("secretReferences", of=places_by_type, label="secret reference", reads=places_by_type)
def _secret_references(resource: Resource, _: Context) -> Answer:
    """Return each secret or certificate that a resource refers to, and whether it ``pinsVersion``."""
    found = tuple(_item(name, value, pins) for name, value, pins in references_of(resource))
    return known_list(resource, found) if found else absent(resource)


def _item(name: str, value: Value, pins: bool | None) -> Value:
    pinned: Value = unknown(value, "the secret ID may contain a version")
    if pins is not None:
        pinned = known(value, pins, name)
    return known_object(value, {"pinsVersion": pinned})


def references_of(resource: Resource) -> Iterator[tuple[str, Value, bool | None]]:
    """Yield the name and the value of each reference, and whether it pins a version; None if that is not known."""
    type_ = resource.type.lower()
    for use in _uses_of(type_):
        if use.form == "settings":
            for path in _settings_in(resource, use):
                yield from _of_settings(resource.select(path))
        elif use.reads == "certificate":
            for value in certificates_of(resource):
                yield "certificate", value, _pins(resource, use, value)
        else:
            for items, inside in dict.fromkeys(map(items_and_path, use.at)):
                yield from _of_places(resource.select(items), inside, _LABELS.get(type_, "secret"))


def _settings_in(resource: Resource, use: ConsumerRead) -> tuple[Path, ...]:
    """Return the paths of the settings of an app; a part of its configuration may contain something else."""
    if use.holder == "parent" and resource.name.lower().rpartition("/")[2] not in _CONFIGURED:
        return ()
    return tuple(map(path_of, use.at))


def _pins(resource: Resource, use: ConsumerRead, value: Value) -> bool | None:
    """Return whether the reference to a certificate has a version."""
    if resource.type.lower() == FRONT_DOOR:
        return _of_front_door(resource, value)
    # If vault and name are separate properties, no version can be stated.
    is_apart = use.form == "parts" and not isinstance(resource.select(path_of(use.at[0])), Absent)
    return False if is_apart else pins_version(value)


def _of_front_door(resource: Resource, value: Value) -> bool | None:
    latest, version = resource.select(_LATEST), resource.select(_VERSION)
    if isinstance(latest, Scalar) and latest.value is True:
        return False
    if not isinstance(version, Absent):
        return None if isinstance(version, Unknown) or isinstance(latest, Unknown) else True
    return None if isinstance(latest, Unknown) else pins_version(value)


def _of_places(answer: Answer, inside: Path, label: str) -> Iterator[tuple[str, Value, bool | None]]:
    """Yield the references in a list of objects, or one that is the answer itself."""
    if not inside and not isinstance(answer, Absent):
        yield label, answer, pins_version(answer)
    elif isinstance(answer, Unknown):
        yield label, answer, None
    for item in answer.items if inside and isinstance(answer, ListValue) else ():
        value = item.select(inside)
        if not isinstance(value, Absent):
            yield _label(_plain_name(item.select(("name",))), label), value, pins_version(value)


def _of_settings(answer: Answer) -> Iterator[tuple[str, Value, bool | None]]:
    """Yield the settings that refer to a secret, in an object of strings, or in a list of objects with a name."""
    if isinstance(answer, Unknown):
        yield "setting", answer, None
    if isinstance(answer, MapValue):
        for name, value in answer.fields.items():
            inner = value.fields.get("value", value) if isinstance(value, MapValue) else value
            yield from _of_value(name, inner, isinstance(value, MapValue))
        if answer.rest is not None:
            yield "setting", answer.rest, None
    for item in answer.items if isinstance(answer, ListValue) else ():
        if isinstance(item, Unknown):
            yield "setting", item, None
            continue
        for field in ("value", "connectionString"):
            found = item.select((field,))
            if not isinstance(found, Absent):
                yield from _of_value(_plain_name(item.select(("name",))), found, field != "value")


def _of_value(name: str, value: Value, is_connection: bool) -> Iterator[tuple[str, Value, bool | None]]:
    """Yield a setting that refers to a secret, or that may refer to one, by its name."""
    found = setting_of(value.string)
    if found is not None:
        yield _label(name, "setting"), value, _of_setting(found)
    elif isinstance(value, Unknown) and (is_connection or _names_secret(name)) and _may_refer(value):
        yield _label(name, "setting"), value, None


def setting_of(text: Text) -> dict[str, Text] | None:
    """Return the parts of an App Service reference by their names in lower case; None for any other string."""
    if length_of(text) > MOST or NUMBER_START in text_form(text):
        return None
    match = _SETTING.fullmatch(numbered(text))
    if match is None:
        return None
    parts = (part.partition("=") for part in match[1].split(";"))
    return {key.strip().lower(): restored(word.strip(), text) for key, _, word in parts}


def _of_setting(words: Mapping[str, Text]) -> bool | None:
    """Return whether an App Service reference has a version: in the URI of the secret, or beside its name."""
    if "secreturi" in words:
        return _of_text(words["secreturi"])
    return bool(words.get("secretversion")) if "secretname" in words else None


def _plain_name(answer: Answer) -> str:
    """Return a name, empty if it is not known or must not be shown."""
    return answer.text if isinstance(answer, Scalar) and not answer.sensitive else ""


def _label(name: str, otherwise: str) -> str:
    return f"`{name}`" if name else otherwise


def pins_version(value: Value) -> bool | None:
    """Return whether the id of a secret or certificate contains a version; None if that is not known."""
    if isinstance(value, Link):
        return _of_attribute(value.hops[-1] if value.hops else "")
    return _of_text(value.string)


def _of_text(text: Text) -> bool | None:
    if not text or length_of(text) > MOST:
        return None
    first, *others = parts_of(text)
    if isinstance(first, str):
        form = text_form(text)
        return _versioned(form[8:].partition("/")[2]) if form[:8].lower() == "https://" else None
    if not isinstance(first, DeclaredHole):
        return None
    rest = text_form(join_texts(others))
    if first.attribute.lower() in _OF_VAULT:
        return _versioned(rest)
    found = _of_hole(first)
    return found if not rest.strip("/") else True if found is False else None


def _of_hole(hole: DeclaredHole) -> bool | None:
    """Return whether an attribute of a secret or certificate contains a version."""
    above, _, attribute = f".{hole.path}".lower().rpartition(".")
    if above.endswith(".properties") and attribute in _OF_TEMPLATE:
        return _OF_TEMPLATE[attribute]
    return _OF_TERRAFORM.get(attribute) if hole.type.removeprefix("data.") in _TERRAFORM_TYPES else None


def _of_attribute(hop: str) -> bool | None:
    """Return whether the attribute of a secret or certificate that a reference ends in contains a version."""
    of, _, attribute = hop.lower().rpartition(".")
    return _OF_TERRAFORM.get(attribute) if _TERRAFORM.search(of) is not None else None


def _versioned(path: str) -> bool | None:
    """Return whether the path after the host, such as ``secrets/name``, has a version; None if that is not known."""
    parts = path.strip("/").split("/")
    return len(parts) > 2 if len(parts) > 1 and parts[0].lower() in _VERSIONED else None
