"""Whether what takes a secret or certificate from a vault names one version of it, and so stays with that one.

Sources: learn.microsoft.com/azure/application-gateway/key-vault-certs,
.../api-management/api-management-howto-properties,
.../container-apps/manage-secrets, .../app-service/app-service-key-vault-references and
.../frontdoor/standard-premium/how-to-configure-https-custom-domain: each follows a secret that it names without a
version.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from azkvlint.derived import tls
from azkvlint.derived.registry import Context, absent, derived, known, known_list, known_object, unknown
from azkvlint.derived.secrets import CONFIG, REFERENCE, SITES, speaks_of_secret
from azkvlint.evaluation.values import OPEN, pieces
from azkvlint.model.resource import Resource
from azkvlint.model.value import (
    Absent,
    Answer,
    Link,
    ListValue,
    MapValue,
    Path,
    Scalar,
    Unknown,
    Value,
    select,
    text_of,
)
from azkvlint.util.lazy_regex import regex

_APPS = ("microsoft.app/containerapps", "microsoft.app/jobs")
_NAMED_VALUES = "microsoft.apimanagement/service/namedvalues"
_OF_SERVICE = "microsoft.apimanagement/service/certificates"
_WITH_CERTIFICATES = (tls.GATEWAYS, tls.APIM, tls.OF_ENVIRONMENT, tls.OF_APP_SERVICE, _OF_SERVICE)
_SECRETS: Path = ("properties", "configuration", "secrets")
_IDENTIFIER: Path = ("properties", "keyVault", "secretIdentifier")
_SETTINGS: Path = ("properties", "siteConfig", "appSettings")
_CONNECTIONS: Path = ("properties", "siteConfig", "connectionStrings")
_PROPERTIES: Path = ("properties",)
_NAME_APART: Path = ("properties", "keyVaultSecretName")
# The parts of an app's configuration that hold settings.
_CONFIGURED = ("appsettings", "connectionstrings")
_PARAMETERS: Path = ("properties", "parameters")
# Of Front Door a template says apart which version of a secret it takes.
_LATEST, _VERSION = (*_PARAMETERS, "useLatestVersion"), (*_PARAMETERS, "secretVersion")
# In these places of App Service, and nowhere else, a text refers to a secret.
_SETTING = regex(r"(?is)\s*@Microsoft\.KeyVault\((.*)\)\s*")
_MOST = 10_000
_OBJECTS = ("secrets", "certificates")
# What ends the reference to an attribute of a secret or certificate, in lower case: whether it names a version.
_OF_TERRAFORM = {"versionless_id": False, "versionless_secret_id": False, "id": True, "secret_id": True}
_OF_TEMPLATE = {"secreturi": False, "secreturiwithversion": True}
_OF_VAULT = ("vaulturi", "vault_uri")
_TERRAFORM = regex(r"\bazurerm_key_vault_(?:secret|certificate)\.")


_PLACES: Mapping[str, tuple[Path, ...]] = {
    **{type_: tls.NEEDS[type_] for type_ in _WITH_CERTIFICATES},
    tls.FRONT_DOOR: (*tls.NEEDS[tls.FRONT_DOOR], _LATEST, _VERSION),
    _NAMED_VALUES: (_IDENTIFIER,),
    **dict.fromkeys(_APPS, (_SECRETS,)),
    **dict.fromkeys(SITES, (_SETTINGS, _CONNECTIONS)),
    **dict.fromkeys(CONFIG, (_PROPERTIES,)),
}


@derived("secretReferences", of=_PLACES, label="secret references", reads=_PLACES)
def _references(resource: Resource, _: Context) -> Answer:
    """Each secret or certificate that a resource names: whether it ``pinsVersion``."""
    found = tuple(_item(name, value, pins) for name, value, pins in _named(resource))
    return known_list(resource, found) if found else absent(resource)


def _item(name: str, value: Value, pins: bool | None) -> Value:
    pinned: Value = unknown(value, "whether it names a version of its secret is not known")
    if pins is not None:
        pinned = known(value, pins, name)
    return known_object(value, {"pinsVersion": pinned})


def _named(resource: Resource) -> Iterator[tuple[str, Value, bool | None]]:
    """The name of each place, the value in it, and whether that pins a version; None if nobody knows."""
    match resource.type.lower():
        case type_ if type_ == tls.FRONT_DOOR:
            for value in tls.named(resource):
                yield "its certificate", value, _of_front_door(resource, value)
        # Where vault and name are written apart, there is no place for a version.
        case tls.OF_APP_SERVICE if not isinstance(resource.select(_NAME_APART), Absent):
            yield "its certificate", resource.attributes, False
        case type_ if type_ in _WITH_CERTIFICATES:
            for value in tls.named(resource):
                yield "its certificate", value, pins_version(value)
        case type_ if type_ == _NAMED_VALUES:
            named = resource.select(_IDENTIFIER)
            if not isinstance(named, Absent):
                yield "its value", named, pins_version(named)
        case type_ if type_ in _APPS:
            yield from _of_list(resource.select(_SECRETS), "keyVaultUrl")
        case type_ if type_ in SITES:
            yield from _of_settings(resource.select(_SETTINGS))
            yield from _of_settings(resource.select(_CONNECTIONS))
        case type_ if type_ in CONFIG and resource.name.lower().rpartition("/")[2] in _CONFIGURED:
            yield from _of_settings(resource.select(_PROPERTIES))


def _of_front_door(resource: Resource, value: Value) -> bool | None:
    latest, version = resource.select(_LATEST), resource.select(_VERSION)
    if isinstance(latest, Scalar) and latest.value is True:
        return False
    if not isinstance(version, Absent):
        return None if isinstance(version, Unknown) or isinstance(latest, Unknown) else True
    return None if isinstance(latest, Unknown) else pins_version(value)


def _of_list(answer: Answer, field: str) -> Iterator[tuple[str, Value, bool | None]]:
    if isinstance(answer, Unknown):
        yield "a secret", answer, None
    for item in answer.items if isinstance(answer, ListValue) else ():
        value = select(item, (field,))
        if not isinstance(value, Absent):
            yield _label(select(item, ("name",))), value, pins_version(value)


def _of_settings(answer: Answer) -> Iterator[tuple[str, Value, bool | None]]:
    """The settings that refer to a secret, in an object of texts, or in a list of objects with a name."""
    if isinstance(answer, Unknown):
        yield "a setting", answer, None
    if isinstance(answer, MapValue):
        for name, value in answer.fields.items():
            inner = value.fields.get("value", value) if isinstance(value, MapValue) else value
            yield from _of_value(name, inner, isinstance(value, MapValue))
        if answer.rest is not None:
            yield "a setting", answer.rest, None
    for item in answer.items if isinstance(answer, ListValue) else ():
        if isinstance(item, Unknown):
            yield "a setting", item, None
            continue
        for field in ("value", "connectionString"):
            found = select(item, (field,))
            if not isinstance(found, Absent):
                yield from _of_value(_label(select(item, ("name",))), found, field != "value")


def _of_value(name: str, value: Value, is_connection: bool) -> Iterator[tuple[str, Value, bool | None]]:
    """A setting that refers to a secret, or that is called like one and may."""
    text = text_of(value)
    match = _SETTING.fullmatch(text) if len(text) <= _MOST else None
    if match is not None:
        yield name, value, _of_setting(match[1])
    elif isinstance(value, Unknown) and (is_connection or speaks_of_secret(name)):
        certain = text.partition(OPEN)[0].lstrip().lower()
        if certain.startswith(REFERENCE) or REFERENCE.startswith(certain):
            yield name, value, None


def _of_setting(text: str) -> bool | None:
    """Whether a reference of App Service names a version: in the URI of the secret, or beside its name."""
    words = {key.strip().lower(): word.strip() for key, _, word in (part.partition("=") for part in text.split(";"))}
    if "secreturi" in words:
        return _of_text(words["secreturi"])
    return bool(words.get("secretversion")) if "secretname" in words else None


def _label(answer: Answer) -> str:
    return text_of(answer) if isinstance(answer, Scalar) and not answer.sensitive else "a secret"


def pins_version(value: Value) -> bool | None:
    """Whether the id of a secret or certificate names a version; None if that is not known."""
    if isinstance(value, Link):
        return _of_attribute(value.hops[-1] if value.hops else "")
    return _of_text(text_of(value))


def _of_text(text: str) -> bool | None:
    if not text or len(text) > _MOST:
        return None
    first, is_hole = next(pieces(text))
    if not is_hole:
        return _versioned(text[8:].partition("/")[2]) if text[:8].lower() == "https://" else None
    inner, rest = first[1:-1], text[len(first) :]
    if inner.rpartition(".")[2].lower() in _OF_VAULT:
        return _versioned(rest)
    return _of_attribute(inner) if not rest.strip("/") else True if _of_attribute(inner) is False else None


def _of_attribute(path: str) -> bool | None:
    """By the attribute of a secret or certificate that is referred to."""
    of, _, attribute = path.rstrip("\u27e9").lower().rpartition(".")
    if of.endswith(".properties") and attribute in _OF_TEMPLATE:
        return _OF_TEMPLATE[attribute]
    return _OF_TERRAFORM.get(attribute) if _TERRAFORM.search(of) is not None else None


def _versioned(path: str) -> bool | None:
    """The same of what follows the host: ``secrets/name``, and perhaps a version."""
    parts = path.strip("/").split("/")
    return len(parts) > 2 if len(parts) > 1 and parts[0].lower() in _OBJECTS else None
