"""One place that names a key -> the ids of the key and of its vault."""

from __future__ import annotations

import msgspec

from azkvlint.evaluation.values import OPEN, pieces
from azkvlint.graph.references import Index
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Link, MapValue, Scalar, Unknown, Value, text_of
from azkvlint.util.lazy_regex import regex

# Fields of an object that names a key, in lower case.
URLS = ("keyidentifier", "keyurl", "keyuri", "keyid", "keyencryptionkeyurl", "kekurl")
_VAULT_URIS = ("keyvaulturi", "vaultbaseurl", "vaulturi")
_VAULT_IDS = ("keyvaultresourceid", "keyvaultarmid", "kekvaultresourceid")
# Objects with the id of the vault.
_VAULTS = ("sourcevault", "keyvault")

_VAULT_TYPES = ("microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms")
_OF_KEY = frozenset({"keyuri", "keyuriwithversion"})
_OF_VAULT = frozenset({"vaulturi", "hsmuri"})
_OF_TERRAFORM_VAULT = frozenset({"vault_uri", "hsm_uri"})
# ``uri(base, relative)`` that could not be evaluated: the vault stands in the base. A hole writes a slash as U+2215.
_URI_CALL = regex(r"\u27e8uri\('([^']*+)','\u2215?'\)\u27e9")
_MAX_TEXT = 20_000
_MAX_HOLES = 200


def key_and_vault(place: Value, index: Index) -> tuple[Value | None, Value | None]:
    """Key and vault of a URL, or of an object that names a key by a URL or in parts; None where nothing says them.

    ``index`` holds the resources that may be meant.
    """
    return _of_object(place, index) if isinstance(place, MapValue) else _of_url(place, index)


def _of_object(item: MapValue, index: Index) -> tuple[Value | None, Value | None]:
    """Key and vault of an object that names a key by a URL or in parts."""
    url, uri = field_of(item, *URLS), field_of(item, *_VAULT_URIS)
    id_ = field_of(field_of(item, *_VAULTS), "id")
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
    """Key and vault of a key's URL. A link, and a choice of links, lead to the key, which leads to its vault."""
    if not isinstance(url, Scalar | Unknown):
        return (url if isinstance(url, Link) else None), None
    if isinstance(url, Unknown) and url.candidates:
        return url, None
    place = _place_of(text_of(url), index)
    if place.id:
        return (_id(f"{place.id}/keys/{place.key}", url) if place.key else None), _id(place.id, url)
    if place.address:
        return url, Link(at=url.at, target=place.address)
    # The key of a vault that is not in the graph, or one that nobody knows: then its vault may be any.
    return url, url if isinstance(url, Unknown) else None


def _of_parts(uri: Value, name: Answer, index: Index) -> tuple[Value | None, Value | None]:
    """Key and vault of a vault's URI and a key's name."""
    text, key = text_of(uri), text_of(name)
    if isinstance(uri, Scalar) and isinstance(name, Scalar):
        sensitive = uri.sensitive or name.sensitive
        return _of_url(Scalar(at=uri.at, value=f"{text.rstrip('/')}/keys/{key}", sensitive=sensitive), index)
    place = _place_of(text, index)
    if place.id:
        return (_id(f"{place.id}/keys/{key}", uri, name.sensitive) if key else None), _id(place.id, uri)
    if place.address:
        return None, Link(at=uri.at, target=place.address)
    # Which vault it is decides: where that is not known, no more follows from the key's name.
    return None, uri if text or isinstance(uri, Link | Unknown) else None


def _id(text: str, source: Value, sensitive: bool = False) -> Scalar | Unknown:
    """An id (a pattern) as a value, ``sensitive`` where its source is, or something else that it was made of."""
    sensitive = sensitive or source.sensitive
    if OPEN not in text:
        return Scalar(at=source.at, value=text, sensitive=sensitive)
    why = source.why if isinstance(source, Unknown) else "the id is known only after deployment"
    return Unknown(at=source.at, why=why, pattern=text, sensitive=sensitive)


class _Place(msgspec.Struct, frozen=True):
    """What the text of a URL says: its vault by id (a pattern) or, while a plan does not know that, by address; a key.

    Each is empty where the text does not say it, or where the vault is not in the graph.
    """

    id: str = ""
    address: str = ""
    key: str = ""


def _place_of(text: str, index: Index) -> _Place:
    if not text or len(text) > _MAX_TEXT:
        return _Place()
    called = _URI_CALL.fullmatch(text)
    if called is not None:
        text = called[1].replace("\u2215", "/")
    if text[:8].lower() == "https://":
        host, _, path = text[8:].partition("/")
        vault = _vault_named(_vault_name(host), index)
        if vault is None:
            return _Place()
        return _Place(text_of(vault.select(("id",))), vault.address, _key_in(path))
    first, is_hole = next(pieces(text))
    asked, _, attribute = _unfolded(first[1:-1]).rpartition(".properties.") if is_hole else ("", "", "")
    if attribute.lower() in _OF_KEY:
        above, _, key = asked.rpartition("/keys/")
        return _Place(id=above, key=key)
    if attribute.lower() in _OF_VAULT:
        return _Place(id=asked, key=_key_in(text[len(first) :]))
    address, _, attribute = first[1:-1].rpartition(".") if is_hole else ("", "", "")
    vault = index.resources.get(address) if attribute in _OF_TERRAFORM_VAULT else None
    if vault is not None and vault.type.lower() in _VAULT_TYPES:
        return _Place(text_of(vault.select(("id",))), vault.address, _key_in(text[len(first) :]))
    return _Place(id=_only_mention(text))


def _vault_name(host: str) -> str:
    """The name in the host of a vault: all up to the first dot, or to Azure's suffix, which may not be known."""
    name = ""
    for piece, is_hole in pieces(host):
        if is_hole and piece.lower().rstrip("\u27e9").endswith((".keyvaultdns", ".managedhsmdns")):
            break
        certain = piece if is_hole else piece.partition(".")[0]
        name += certain
        if certain != piece:
            break
    return name


def _vault_named(name: str, index: Index) -> Resource | None:
    """The vault of this name; None if it is not in the graph, or if there are several."""
    found = [vault for type_ in _VAULT_TYPES for vault in index.named(type_, name.lower())]
    ids = {text_of(vault.select(("id",))) or vault.address for vault in found}
    return found[0] if len(ids) == 1 else None


def _key_in(path: str) -> str:
    parts = path.strip("/").split("/")
    return parts[1] if len(parts) > 1 and parts[0].lower() == "keys" else ""


def names_version(text: str) -> bool | None:
    """Whether a key's URL (a pattern) names a version of it; None if that is not known."""
    first, is_hole = next(pieces(text)) if text and len(text) <= _MAX_TEXT else ("", False)
    if not is_hole:
        path = text[8:].partition("/")[2] if text[:8].lower() == "https://" else ""
        return _versioned(path)
    asked, _, attribute = first[1:-1].lower().rpartition(".")
    rest = text[len(first) :]
    if asked.endswith(".properties") and attribute in _OF_KEY:
        return attribute == "keyuriwithversion" or bool(rest.strip("/"))
    return _versioned(rest) if asked and attribute in _OF_VAULT | _OF_TERRAFORM_VAULT else None


def _versioned(path: str) -> bool | None:
    """The same of what follows the host: ``keys/name``, and perhaps a version."""
    parts = path.strip("/").split("/")
    return len(parts) > 2 if len(parts) > 1 and parts[0].lower() == "keys" else None


def _unfolded(inner: str) -> str:
    """What a hole stands for, its slashes written as slashes again, but not those of the holes in it."""
    return "".join(piece if is_hole else piece.replace("\u2215", "/") for piece, is_hole in pieces(inner))


def _only_mention(text: str) -> str:
    """The id of the vault that a text hangs on, whatever is done to its URI: then no other vault can be meant."""
    found: set[str] = set()
    left, seen = [text], 0
    while left:
        for hole in (piece[1:-1] for piece, is_hole in pieces(left.pop()) if is_hole):
            seen += 1
            id_, _, attribute = hole.rpartition(".properties.")
            if attribute.lower() in _OF_VAULT:
                found.add(id_)
            elif OPEN in hole and seen < _MAX_HOLES:
                left.append(hole)
            else:
                # It hangs on something else, too, or is too much to look into.
                return ""
    return _unfolded(found.pop()) if len(found) == 1 else ""


def field_of(value: Answer, *names: str) -> Answer:
    """The first of these fields (lower case) that an object has; through an Unknown that Unknown."""
    if not isinstance(value, MapValue):
        return value if isinstance(value, Unknown) else Absent(at=value.at)
    for name, field in value.fields.items():
        if name.lower() in names:
            return field
    return value.rest if value.rest is not None else Absent(at=value.at)
