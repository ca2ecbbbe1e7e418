"""Secrets that stand in the configuration of a workload instead of in a vault: their names, never their values.

Sources: learn.microsoft.com/azure/app-service/app-service-key-vault-references (how a setting names a secret) and
learn.microsoft.com/azure/data-factory/store-credentials-in-key-vault.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from azkvlint.derived.registry import Context, absent, derived, known, known_list, unknown_as
from azkvlint.evaluation.functions.languages import GIVES_SECRET
from azkvlint.evaluation.to_value import Freezer
from azkvlint.evaluation.values import wrap
from azkvlint.graph.resource_ids import HOLE
from azkvlint.graph.secret_formats import Placeholder, has_credential, is_configuration, known_text, placeholder_in
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import (
    Absent,
    Answer,
    ListValue,
    MapValue,
    Path,
    Scalar,
    Unknown,
    Value,
    select,
    text_of,
)
from azkvlint.syntax.json_decoder import decode_json
from azkvlint.util.errors import InputError
from azkvlint.util.lazy_regex import regex
from azkvlint.util.secret_names import NameKind, kind_of_name, names_no_secret, tells_secret

SITES = ("microsoft.web/sites", "microsoft.web/sites/slots")
CONFIG = ("microsoft.web/sites/config", "microsoft.web/sites/slots/config")
LINKED = "microsoft.datafactory/factories/linkedservices"

_SECRET = "microsoft.keyvault/vaults/secrets"
_VALUE: Path = ("properties", "value")
_SETTINGS: Path = ("properties", "siteConfig", "appSettings")
_CONNECTIONS: Path = ("properties", "siteConfig", "connectionStrings")
_PROPERTIES: Path = ("properties",)
_TYPE_PROPERTIES: Path = ("properties", "typeProperties")

# What shows its value to whoever may read the resource. Source: the template reference of these types.
_TELLING: Mapping[str, tuple[Path, ...]] = {
    "microsoft.resources/deploymentscripts": (
        ("properties", "arguments"), ("properties", "environmentVariables"), ("properties", "scriptContent"), ("tags",),
    ),
    "microsoft.compute/virtualmachines": (("properties", "osProfile", "customData"), ("properties", "userData")),
    "microsoft.compute/virtualmachines/extensions": (("properties", "settings"),),
    "microsoft.appconfiguration/configurationstores/keyvalues": (("properties", "value"),),
}  # fmt: skip
# Those of them that are objects or lists, of which only a part may be secret.
_OBJECTS = frozenset({"environmentVariables", "settings", "tags"})
REFERENCE = "@microsoft.keyvault("
# What a resource of Azure computes is not a reference.
_OF_RESOURCE = f"{HOLE}azurerm_"
# A name that ends so is that of a secret; what is behind a longer one may be where to find it.
_NAME = regex(
    r"(?i).*(?:password|passwd|pwd|secret|token|api_?key|access_?key|account_?key|shared_?key|connection_?string|_sas)"
)
# Words with spaces between them, or the name of a file.
_SENTENCE = regex(r"\s|\.[A-Za-z0-9]{1,4}(?:\\|$)")
# Where a service is, and no more: what is sent there is the caller's own.
_ADDRESS = regex(r"(?i)(?:https?://[^\s?]*|true|false|\d*)")


@derived(
    "inlineSecrets",
    of=(*SITES, *CONFIG, LINKED),
    label="secrets in the configuration",
    reads={
        **dict.fromkeys(SITES, (_SETTINGS, _CONNECTIONS)),
        **dict.fromkeys(CONFIG, (_PROPERTIES,)),
        LINKED: (_TYPE_PROPERTIES,),
    },
)
def _inline_secrets(resource: Resource, _: Context) -> Answer:
    """The names of what is a secret and stands there, each as an item; one that may be is an item that is not known."""
    match resource.type.lower():
        case type_ if type_ in SITES:
            found = [*_settings(resource.select(_SETTINGS)), *_settings(resource.select(_CONNECTIONS))]
        case type_ if type_ in CONFIG:
            name = resource.name.lower().rpartition("/")[2]
            found = [*_settings(resource.select(_PROPERTIES))] if name in ("appsettings", "connectionstrings") else []
        case "microsoft.datafactory/factories/linkedservices":
            found = [*_linked(resource.select(_TYPE_PROPERTIES))]
        case _:
            return absent(resource)
    return known_list(found[0].at if found else resource.at, found)


@derived(
    "vaultReferences", of=SITES, label="Key Vault references", reads=dict.fromkeys(SITES, (_SETTINGS, _CONNECTIONS))
)
def _vault_references(resource: Resource, _: Context) -> Answer:
    """Return the names of the settings of an app that refer to Key Vault, each as an item."""
    found = [item for path in (_SETTINGS, _CONNECTIONS) for item in _references(resource.select(path))]
    return known_list(found[0].at if found else resource.at, found)


def _references(answer: Answer) -> Iterator[Value]:
    match answer:
        case Unknown():
            yield unknown_as(answer, "it is no setting")
        case MapValue(fields=fields):
            for name, value in fields.items():
                yield from _reference(name, value)
        case ListValue(items=items):
            for item in items:
                name = text_of(select(item, ("name",)))
                yield from _reference(name, select(item, ("value",)))
                yield from _reference(name, select(item, ("connectionString",)))


def _reference(name: str, value: Answer) -> Iterator[Value]:
    if isinstance(value, Absent):
        return
    text = text_of(value).lower().lstrip()
    certain = text.partition(HOLE)[0] if isinstance(value, Unknown) else text
    if certain.startswith(REFERENCE):
        yield known(value, name)
    elif isinstance(value, Unknown) and REFERENCE.startswith(certain) and not text.startswith(_OF_RESOURCE):
        yield unknown_as(value, "it is no setting")


def _settings(answer: Answer) -> Iterator[Value]:
    """The settings of an app: an object of texts, or a list of objects that have a name."""
    match answer:
        case Unknown():
            yield unknown_as(answer, "it is no setting")
        case MapValue(fields=fields, rest=rest):
            for name, value in fields.items():
                # A connection string is an object with its value in it.
                inner = value.fields.get("value", value) if isinstance(value, MapValue) else value
                yield from _setting(name, inner, is_connection=isinstance(value, MapValue))
            if rest is not None:
                yield unknown_as(rest, "it is no setting")
        case ListValue(items=items):
            for item in items:
                if isinstance(item, MapValue):
                    label = item.fields.get("name", item)
                    name = "(sensitive)" if label.sensitive else text_of(label)
                    connection = item.fields.get("connectionString")
                    found = connection if connection is not None else item.fields.get("value")
                    if found is not None:
                        yield from _setting(name, found, is_connection=connection is not None)
                else:
                    yield unknown_as(item, "it is no setting")


def _setting(name: str, value: Value, *, is_connection: bool) -> Iterator[Value]:
    text = text_of(value)
    if text.lower().lstrip().startswith(REFERENCE):
        return
    if tells_secret(text):
        yield known(value, name)
    elif is_connection or _NAME.fullmatch(name):
        if isinstance(value, Unknown):
            yield unknown_as(value, "it is no setting")
        elif isinstance(value, Scalar) and not is_connection and not _ADDRESS.fullmatch(text):
            yield known(value, name)


def speaks_of_secret(name: str) -> bool:
    """Whether a setting is called like a secret."""
    return _NAME.fullmatch(name) is not None


def _linked(answer: Answer) -> Iterator[Value]:
    """The credentials of a linked service."""
    if isinstance(answer, Scalar):
        answer = _decoded(answer)
    if isinstance(answer, Unknown):
        yield unknown_as(answer, "it is no setting")
    for name, value in answer.fields.items() if isinstance(answer, MapValue) else ():
        if isinstance(value, MapValue):
            kind = value.fields.get("type")
            if isinstance(kind, Unknown):
                yield unknown_as(kind, "it is no setting")
            elif kind is None and "value" in value.fields:
                yield known(value.fields["value"], name)
            elif kind is not None and text_of(kind).lower() == "securestring":
                yield known(value, name)
        elif tells_secret(text_of(value)):
            yield known(value, name)
        elif _NAME.fullmatch(name):
            if isinstance(value, Unknown):
                yield unknown_as(value, "it is no setting")
            elif not name.lower().endswith("connectionstring"):
                yield known(value, name)


def _decoded(text: Scalar) -> Value:
    """What a text of JSON says, as azurerm's custom services have it."""
    try:
        found = Freezer().freeze(wrap(decode_json(str(text.value), object), text.at, text.sensitive))
    except InputError:
        found = None
    return found if isinstance(found, MapValue) else Unknown(at=text.at, why="it is no JSON object that can be read")


@derived("toldSecrets", of=_TELLING, label="exposed secrets", reads=_TELLING)
def _told_secrets(resource: Resource, _: Context) -> Answer:
    """Return the properties that expose a secret to readers of the resource, each as an item."""
    paths = _TELLING.get(resource.type.lower(), ())
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
        is_certain = secret.sensitive and not is_hidden and not _may_be_an_address(secret, part)
        item = known(secret, name) if is_certain else unknown_as(secret, "it is no setting")
        if item.at.path not in files:
            # It is to be changed where it is passed, not where another module outputs it.
            item = msgspec.structs.replace(item, at=msgspec.structs.replace(around, cause=item.at))
        yield item


def _may_be_an_address(secret: Value, name: str) -> bool:
    """Return whether the name of an unknown value names a URL or another address, which may have a credential in it."""
    is_open = isinstance(secret, Unknown) and not secret.pattern and not secret.why.endswith(GIVES_SECRET)
    return is_open and kind_of_name(name) is NameKind.PLAIN


def _secrets(answer: Answer, name: str, around: Location) -> Iterator[tuple[str, Value, Location]]:
    """Yield the name, the value and the surrounding place of each secret part of a value.

    A variable of a script shows no secure value.
    """
    match answer:
        case MapValue(fields=fields) if fields:
            variable = text_of(fields["name"]) if "name" in fields else ""
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
        case Unknown(pattern="", is_set=False, sensitive=False):
            yield name, answer, around


def _is_plain_part(answer: Answer, name: str) -> bool:
    """Return whether a part of what is declared as secret is none: a secure object may have others beside its secrets.

    What has no name is a secret by its declaration.
    """
    if not name:
        return False
    text = str(answer.value) if isinstance(answer, Scalar) else known_text(text_of(answer))
    if is_configuration([name], text) and (text or names_no_secret(name)):
        return True
    is_neutral = bool(text) and kind_of_name(name) is NameKind.NEUTRAL and not has_credential(text)
    return is_neutral and (bool(_SENTENCE.search(text)) or placeholder_in(text) is not Placeholder.NONE)


def secret_places(resources: Iterable[Resource]) -> Iterator[Location]:
    """Where the values of secrets and of the settings of apps are written."""
    for resource in resources:
        type_ = resource.type.lower()
        if type_ == _SECRET:
            yield from _places(resource.select(_VALUE))
        elif type_ in SITES:
            yield from _places(resource.select(_SETTINGS))
            yield from _places(resource.select(_CONNECTIONS))
        elif type_ in CONFIG:
            yield from _places(resource.select(_PROPERTIES))
        elif type_ == LINKED:
            yield from (found.at for found in _linked(resource.select(_TYPE_PROPERTIES)))


def _places(answer: Answer) -> Iterator[Location]:
    """The places of all texts in a value."""
    match answer:
        case MapValue(fields=fields):
            for field in fields.values():
                yield from _places(field)
        case ListValue(items=items):
            for item in items:
                # Of a setting in a list the name is no secret.
                members = item.fields.items() if isinstance(item, MapValue) else [("", item)]
                for name, member in members:
                    yield from _places(member) if name != "name" else ()
        case Scalar(value=str()):
            yield answer.at
