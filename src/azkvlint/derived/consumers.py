"""Customer-managed keys of resources, and the vaults that contain them.

A resource refers to a key by its URL, or by the URI of its vault and its name; some types also state the vault's id.
All forms become the ids in ``derived.keyId`` and ``derived.keyVaultId``. The azurerm tables set the key directly, and
its vault only if an argument refers to it.
Source: learn.microsoft.com/azure/templates, the reference of each type.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

import msgspec

from azkvlint.azure.consumers import types_with, uses_of
from azkvlint.derived.answers import absent, or_absent, unknown
from azkvlint.derived.registry import Context, derived
from azkvlint.graph.references import Index, reference_of
from azkvlint.model.pattern import (
    CallHole,
    DeclaredHole,
    Hole,
    Text,
    join_texts,
    known_start,
    length_of,
    parts_of,
    remove_prefix,
    split_text,
    strip_text,
    text_form,
)
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Link, ListValue, MapValue, Path, Scalar, Unknown, Value

# Fields of an object that identify a key, in lower case.
URLS = ("keyidentifier", "keyurl", "keyuri", "keyid", "keyencryptionkeyurl", "kekurl")
_VAULT_URIS = ("keyvaulturi", "vaultbaseurl", "vaulturi")
_VAULT_IDS = ("keyvaultresourceid", "keyvaultarmid", "kekvaultresourceid")
# Objects with the id of the vault.
_VAULT_FIELDS = ("sourcevault", "keyvault")

_VAULT_TYPES = ("microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms")
_OF_KEY = frozenset({"keyuri", "keyuriwithversion"})
_OF_VAULT = frozenset({"vaulturi", "hsmuri"})
_OF_TERRAFORM_VAULT = frozenset({"vault_uri", "hsm_uri"})
_MAX_TEXT = 20_000
_MAX_HOLES = 200


def key_and_vault(place: Value, index: Index) -> tuple[Value | None, Value | None]:
    """Return the key and vault of a URL, or of an object with a URL or its parts; None for each that is not stated.

    ``index`` holds the resources that the reference may mean.
    """
    return _of_object(place, index) if isinstance(place, MapValue) else _of_url(place, index)


def _of_object(item: MapValue, index: Index) -> tuple[Value | None, Value | None]:
    """Return the key and vault of an object that has a URL or its parts."""
    url, uri = field_of(item, *URLS), field_of(item, *_VAULT_URIS)
    id_ = field_of(field_of(item, *_VAULT_FIELDS), "id")
    if isinstance(id_, Absent):
        id_ = field_of(item, *_VAULT_IDS)
    if not isinstance(url, Absent):
        key, vault = _of_url(url, index)
    elif not isinstance(uri, Absent):
        key, vault = _of_parts(uri, field_of(item, "keyname"), index)
    else:
        key = vault = None
    return key, vault if isinstance(id_, Absent) else id_


def _of_url(url: Value, index: Index) -> tuple[Value | None, Value | None]:
    """Return the key and vault of a key's URL. A link, or a choice of links, leads to the key, which has a vault."""
    if not isinstance(url, Scalar | Unknown):
        return (url if isinstance(url, Link) else None), None
    if isinstance(url, Unknown) and url.candidates:
        return url, None
    place = _place_of(url.string, index)
    if place.id:
        key = _id(join_texts([place.id, "/keys/", place.key]), url) if place.key else None
        return key, _id(place.id, url)
    if place.address:
        return url, Link(at=url.at, target=place.address)
    # The key is in a vault outside the graph, or is not known: then its vault may be any.
    return url, url if isinstance(url, Unknown) and not _is_vault(url, index) else None


def _is_vault(id_: Value, index: Index) -> bool:
    """Return whether an ID is certainly that of a vault, and so of no key: Azure rejects it in place of one."""
    named = reference_of("", "", id_, index) if isinstance(id_, Link) or "/providers/" in id_.text else None
    return named is not None and any(index.resources[one].type.lower() in VAULTS for one in named.targets)


def _of_parts(uri: Value, name: Answer, index: Index) -> tuple[Value | None, Value | None]:
    """Return the key and vault of a vault's URI and a key's name."""
    text, key = uri.string, name.string
    if isinstance(uri, Scalar) and isinstance(name, Scalar):
        sensitive = uri.sensitive or name.sensitive
        return _of_url(Scalar(at=uri.at, value=f"{uri.text.rstrip('/')}/keys/{name.text}", sensitive=sensitive), index)
    place = _place_of(text, index)
    if place.id:
        own = _id(join_texts([place.id, "/keys/", key]), uri, name.sensitive) if key else None
        return own, _id(place.id, uri)
    if place.address:
        return None, Link(at=uri.at, target=place.address)
    # The vault decides: if it is not known, the key's name alone is not enough.
    return None, uri if text or isinstance(uri, Link | Unknown) else None


def _id(text: Text, source: Value, sensitive: bool = False) -> Scalar | Unknown:
    """Return an id (a pattern) as a value, marked sensitive if its source or another part of it is."""
    sensitive = sensitive or source.sensitive
    if isinstance(text, str):
        return Scalar(at=source.at, value=text, sensitive=sensitive)
    why = source.why if isinstance(source, Unknown) else "the key ID is known after deployment"
    return Unknown(at=source.at, why=why, pattern=text, sensitive=sensitive)


class _UrlParts(msgspec.Struct, frozen=True):
    """The parts of a URL: its vault by id (a pattern) or, while a plan does not know the id, by address; and its key.

    Each is empty if the URL does not contain it, or if the vault is not in the graph.
    """

    id: Text = ""
    address: str = ""
    key: Text = ""


def _place_of(text: Text, index: Index) -> _UrlParts:
    if not text or length_of(text) > _MAX_TEXT:
        return _UrlParts()
    if isinstance(text, CallHole) and text.name == "uri" and text.arguments[1:] in (("",), ("/",)):
        # It was not evaluated: the base contains the vault.
        text = text.arguments[0] or text
    if known_start(text)[:8].lower() == "https://":
        host, *path = steps_of_url(text)
        vault = _vault_named(vault_name(host), index)
        if vault is None:
            return _UrlParts()
        return _UrlParts(vault.select(("id",)).string, vault.address, _key_in_path(path))
    first, *rest = parts_of(text)
    if not isinstance(first, DeclaredHole):
        return _UrlParts(id=_only_mention(text))
    path = split_text(join_texts(rest), "/")
    attribute = _property_of(first)
    if attribute in _OF_KEY:
        steps = split_text(first.address, "/")
        if steps[-2:-1] == ["keys"]:
            return _UrlParts(id=join_texts(steps[:-2], "/"), key=steps[-1])
        return _UrlParts(key=first.address)
    if attribute in _OF_VAULT:
        return _UrlParts(id=first.address, key=_key_in_path(path))
    vault = index.resources.get(text_form(first.address)) if first.path in _OF_TERRAFORM_VAULT else None
    if vault is not None and vault.type.lower() in _VAULT_TYPES:
        return _UrlParts(vault.select(("id",)).string, vault.address, _key_in_path(path))
    return _UrlParts(id=_only_mention(text))


def _property_of(hole: DeclaredHole) -> str:
    """Return the property of a resource in a template, in lower case; empty for anything else."""
    above, _, attribute = hole.path.lower().rpartition(".")
    return attribute if above == "properties" else ""


def steps_of_url(text: Text) -> list[Text]:
    """Return the host of a URL and the steps of its path."""
    return split_text(remove_prefix(text, known_start(text)[:8]), "/")


def vault_name(host: Text) -> str:
    """Return the vault's name in a host: the part before the first dot, or before a suffix that may be unknown."""
    name = ""
    for part in parts_of(host):
        if isinstance(part, str):
            name += part.partition(".")[0]
            if "." in part:
                break
        elif isinstance(part, DeclaredHole) and part.attribute.lower() in ("keyvaultdns", "managedhsmdns"):
            break
        else:
            name += part.text
    return name


def _vault_named(name: str, index: Index) -> Resource | None:
    """Return the vault of this name; None if it is not in the graph, or if there are several."""
    found = [vault for type_ in _VAULT_TYPES for vault in index.named(type_, name.lower())]
    ids = {vault.select(("id",)).text or vault.address for vault in found}
    return found[0] if len(ids) == 1 else None


def _key_in_path(path: list[Text]) -> Text:
    """Return the key in the steps of a path, which may begin and end with a slash."""
    steps = split_text(strip_text(join_texts(path, "/"), "/"), "/")
    return steps[1] if len(steps) > 1 and text_form(steps[0]).lower() == "keys" else ""


def names_version(text: Text) -> bool | None:
    """Return whether a key's URL (a pattern) contains a version; None if that is not known."""
    first = next(iter(parts_of(text)), "") if length_of(text) <= _MAX_TEXT else ""
    if isinstance(first, str):
        form = text_form(text)
        path = form[8:].partition("/")[2] if form[:8].lower() == "https://" else ""
        return _versioned(path)
    if not isinstance(first, DeclaredHole):
        return None
    attribute, rest = first.attribute.lower(), text_form(join_texts(parts_of(text)[1:]))
    if f".{first.path}".lower() == f".properties.{attribute}" and attribute in _OF_KEY:
        return attribute == "keyuriwithversion" or bool(rest.strip("/"))
    return _versioned(rest) if attribute in _OF_VAULT | _OF_TERRAFORM_VAULT else None


def _versioned(path: str) -> bool | None:
    """Return whether the path after the host, such as ``keys/name``, contains a version; None if that is not known."""
    parts = path.strip("/").split("/")
    return len(parts) > 2 if len(parts) > 1 and parts[0].lower() == "keys" else None


def _only_mention(text: Text) -> Text:
    """Return the id of the only vault whose URI a string depends on, whatever functions are applied to the URI."""
    found: set[Text] = set()
    left, seen = [part for part in parts_of(text) if isinstance(part, Hole)], 0
    while left:
        hole = left.pop()
        seen += 1
        if isinstance(hole, DeclaredHole) and _property_of(hole) in _OF_VAULT:
            found.add(hole.address)
        elif hole.within and seen < _MAX_HOLES:
            left += hole.within
        else:
            # It also depends on another resource, or is too long to evaluate.
            return ""
    return found.pop() if len(found) == 1 else ""


def field_of(value: Answer, *names: str) -> Answer:
    """Return the first of these fields (lower case) that an object has; for an Unknown object, that Unknown."""
    if not isinstance(value, MapValue):
        return value if isinstance(value, Unknown) else Absent(at=value.at)
    for name, field in value.fields.items():
        if name.lower() in names:
            return field
    return value.rest if value.rest is not None else Absent(at=value.at)


@cache
def paths_of(type_: str) -> tuple[Path, ...]:
    """Return the paths of a key in resources of a type: a URL, an object with the fields above, or a list of those."""
    return tuple(tuple(place.split(".")) for use in uses_of(type_) if use.reads == "key" for place in use.at)


def paths_by_type() -> Mapping[str, tuple[Path, ...]]:
    """Return the paths of keys by type, in lower case."""
    return {type_: paths_of(type_) for type_ in map(str.lower, types_with(reads=["key"]))}


# The only type whose keys the azurerm table sets as a list.
_SEVERAL = "microsoft.eventhub/namespaces"
# The attributes for azurerm arguments that refer to a key, or only to its vault and its name.
KEY_ID, KEY_IDS, VAULT_ID = ("derived", "keyId"), ("derived", "keyIds"), ("derived", "keyVaultId")
_KEY_NAME: Path = ("derived", "keyName")
_KEYS = ("microsoft.keyvault/vaults/keys", "microsoft.keyvault/managedhsms/keys")
VAULTS = ("microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms")


def own_needs() -> Mapping[str, tuple[Path, ...]]:
    """Return what is read of the consumers themselves."""
    return {type_: (*paths, KEY_ID, KEY_IDS, VAULT_ID, _KEY_NAME) for type_, paths in paths_by_type().items()}


def graph_needs() -> Mapping[str, tuple[Path, ...]]:
    """Return what is read of the consumers, and of the resources that they refer to."""
    return {**own_needs(), **dict.fromkeys(_KEYS, (("parent",),)), **dict.fromkeys(VAULTS, (("id",), ("name",)))}


def _with_one_key() -> Iterator[str]:
    return (type_ for type_ in paths_by_type() if type_ != _SEVERAL)


@derived("keyId", of=_with_one_key, label="customer-managed key", reads=graph_needs)
def _key_id(resource: Resource, context: Context) -> Answer:
    return _keys(resource, context.index, KEY_ID)


@derived("keyIds", of=_SEVERAL, label="customer-managed key", reads=graph_needs)
def _key_ids(resource: Resource, context: Context) -> Answer:
    """Return the customer-managed keys of the type that may have several."""
    return _keys(resource, context.index, KEY_IDS)


def _keys(resource: Resource, index: Index, field: Path) -> Answer:
    """Return the keys that all paths refer to; absent if an azurerm table has set the attribute."""
    if not isinstance(resource.select(field), Absent):
        return absent(resource)
    vault = resource.select(VAULT_ID)
    if not isinstance(vault, Absent):
        return or_absent(_key_in(vault, resource.select(_KEY_NAME), index), resource)
    return _joined(resource, (key_and_vault(place, index)[0] for place in places_of(resource)))


def _key_in(vault: Value, name: Answer, index: Index) -> Value | None:
    """Return the key of this name in this vault, if it is in the graph."""
    above = reference_of("", "", vault, index)
    if isinstance(name, Scalar) and isinstance(vault, Unknown) and (above is None or not above.targets):
        return unknown(vault, vault.why)  # it may be any key of this name
    if above is None or not above.targets or not isinstance(name, Scalar):
        return name if isinstance(name, Unknown) else None
    for key in (key for type_ in _KEYS for key in index.named(type_, str(name.value).lower())):
        own = (
            reference_of("", "", key.attributes.fields["parent"], index) if "parent" in key.attributes.fields else None
        )
        if own is not None and own.targets == above.targets:
            return Link(at=vault.at, target=key.address, type=key.type, hops=above.hops)
    return None


@derived("keyVaultId", of=paths_by_type, label="vault of the customer-managed key", reads=graph_needs)
def _vault_id(resource: Resource, context: Context) -> Answer:
    """Return the vaults (or managed HSMs) of the keys; absent if an azurerm argument has already set the attribute."""
    if not isinstance(resource.select(VAULT_ID), Absent):
        return absent(resource)
    return _joined(resource, vaults_of(resource, context))


def vaults_of(resource: Resource, context: Context) -> tuple[Value, ...]:
    """Return the vaults of a consumer's keys."""
    return tuple(vault for _, vault in keys_in_vaults(resource, context))


def keys_in_vaults(resource: Resource, context: Context) -> Iterator[tuple[Answer, Value]]:
    """Yield the ID of each key of a consumer, or its name alone, with its vault."""
    vault = resource.select(VAULT_ID)
    if not isinstance(vault, Absent):
        yield resource.select(_KEY_NAME), vault
        return
    for value in keys_of(resource):
        found = vault_of(value, context)
        if found is not None:
            key = key_and_vault(value, context.index)[0]
            yield value if key is None else key, found


def keys_of(resource: Resource) -> tuple[Value, ...]:
    """Return the keys that azurerm arguments refer to, or the values at the key paths of templates."""
    for field in (KEY_ID, KEY_IDS):
        found = resource.select(field)
        if not isinstance(found, Absent):
            return found.as_items
    return tuple(places_of(resource))


def vault_of(value: Value, context: Context) -> Value | None:
    """Return the vault of a key. For a key in the graph, it is the vault that the key resource refers to."""
    index = context.index
    vault = key_and_vault(value, index)[1]
    if vault is not None or _is_vault(value, index):
        return vault
    reference = reference_of("", "", value, index)
    if reference is None:
        return None
    keys = [index.resources[address] for address in (*reference.targets, *reference.candidates)]
    above = [key.attributes.fields["parent"] for key in keys if "parent" in key.attributes.fields]
    if reference.targets and len(above) == 1:
        # The finding is reported where the consumer refers to its key.
        return msgspec.structs.replace(above[0], at=value.at)
    if not above:
        return outside(value, context)
    found = [one for one in (reference_of("", "", vault, index) for vault in above) if one is not None]
    vaults = tuple(address for one in found for address in (*one.targets, *one.candidates))
    why = value.why if isinstance(value, Unknown) else "the vault of the key is not known"
    closed = not reference.anything and not reference.outside and not any(one.anything or one.outside for one in found)
    return Unknown(at=value.at, why=why, candidates=vaults, closed=closed, hops=reference.hops)


def outside(value: Value, context: Context) -> Value:
    """Return the vault of a key outside the graph: another vault, or one in the graph whose name is not known."""
    if isinstance(value, Link):
        return msgspec.structs.replace(value, type="")
    nameless = _nameless(context) if isinstance(value, Scalar) else ()
    if not nameless:
        return value
    # One more candidate is outside the graph: the vault of that name may be another one.
    why = f"the name of `{nameless[0]}` is not known"
    return Unknown(at=value.at, why=why, candidates=(*nameless, value.display()), closed=True)


def _nameless(context: Context) -> tuple[str, ...]:
    """Return the vaults whose name is not known."""
    found = context.cache.get("nameless vaults")
    if not isinstance(found, tuple):
        vaults = (vault for type_ in VAULTS for vault in context.index.of_type(type_))
        nameless = (vault.address for vault in vaults if isinstance(vault.select(("name",)), Unknown))
        found = context.cache["nameless vaults"] = tuple(nameless)
    return found


def _joined(resource: Resource, values: Iterable[Value | None]) -> Answer:
    """Return one value, or a list of several; absent if there are none."""
    found = tuple(value for value in values if value is not None)
    return found[0] if len(found) == 1 else ListValue(at=resource.at, items=found) if found else absent(resource)


def places_of(resource: Resource) -> Iterator[Value]:
    """Yield the values at the key paths of a resource.

    An existing resource without a visible key counts like a resource without the property.
    """
    for path in paths_of(resource.type):
        found: Answer = resource.attributes
        for step in path:
            found = field_of(found, str(step).lower())
        for item in found.as_items:
            if not isinstance(item, Absent) and not (resource.existing and isinstance(item, Unknown)):
                yield item
