"""Where a customer-managed key is kept, and whether its consumer names one version of it."""

from __future__ import annotations

from collections.abc import Iterator

from azkvlint.derived import consumers
from azkvlint.derived.keys import URLS, field_of, names_version
from azkvlint.derived.registry import Context, absent, derived, known, unknown, unknown_as
from azkvlint.graph.references import Index, reference_of
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Link, MapValue, Path, Scalar, Unknown, Value, text_of

_VAULTS, _HSMS = "microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms"
_STORES = {_VAULTS: "vault", _HSMS: "managed-hsm"}
_VERSION: Path = ("derived", "keyVersion")
# What ends the name of an attribute of Terraform's that is a key with, or without, a version. The id of a key in a
# managed HSM has none. Source: the provider's documentation of azurerm_key_vault_key and ..._security_module_key.
_WITHOUT, _WITH = "versionless_id", ("id", "versioned_id", "resource_id")
_HSM_KEY = "hardware_security_module_key"


@derived("keyStore", of=consumers.PATHS, label="store of the key", reads=consumers.GRAPH_NEEDS)
def _key_store(resource: Resource, context: Context) -> Answer:
    """``vault`` or ``managed-hsm``: where the keys of a consumer are kept; of several keys, ``vault`` if any is."""
    found = [_store_of(value, context.index) for value in consumers.vaults_of(resource, context)]
    vaults = [one for one in found if isinstance(one, Scalar) and one.value == _STORES[_VAULTS]]
    doubts = [one for one in found if isinstance(one, Unknown)]
    ranked: list[Scalar | Unknown] = [*vaults, *doubts, *found]
    return ranked[0] if ranked else absent(resource)


def _store_of(value: Value, index: Index) -> Scalar | Unknown:
    reference = reference_of("", "", value, index)
    text = text_of(value).lower()
    types: set[str] = set()
    if text.startswith("https://"):
        types = {_HSMS if ".managedhsm." in text else _VAULTS}
    elif reference is not None and not reference.anything:
        named = (*reference.targets, *reference.candidates)
        types = {index.resources[address].type.lower() for address in named}
        types |= {reference.outside} if reference.outside else set()
    words = {_STORES.get(type_) for type_ in types}
    word = words.pop() if len(words) == 1 else None
    if word is None:
        return unknown_as(value, "whether it is a vault or a managed HSM is not known")
    return known(value, word, f"its key is in a {word.replace('-', ' ')}")


@derived(
    "pinsKeyVersion",
    of=consumers.PATHS,
    label="pinned key version",
    reads={type_: (*paths, _VERSION) for type_, paths in consumers.NEEDS.items()},
)
def _pins_version(resource: Resource, _: Context) -> Answer:
    """Whether a consumer names one version of its key; of several keys, of any. None where it names no key."""
    found = list(_pins(resource))
    pinned = [one for one in found if isinstance(one, Scalar) and one.value is True]
    doubts = [one for one in found if isinstance(one, Unknown)]
    ranked: list[Scalar | Unknown] = [*pinned, *doubts, *found]
    return ranked[0] if ranked else absent(resource)


def _pins(resource: Resource) -> Iterator[Scalar | Unknown]:
    if not isinstance(resource.select(consumers.VAULT_ID), Absent):
        yield _beside(resource.select(_VERSION), resource.select(consumers.VAULT_ID))
        return
    for key in consumers.keys_of(resource):
        if not isinstance(key, MapValue):
            yield _named(key)
            continue
        url = field_of(key, *URLS)
        yield _beside(field_of(key, "keyversion"), key) if isinstance(url, Absent) else _named(url)


def _beside(version: Answer, key: Answer) -> Scalar | Unknown:
    """What an argument or a field of its own says, in which an empty text is no version."""
    # The version of a key that is to be made is not known yet, but it has one.
    if isinstance(version, Unknown) and not version.pattern.endswith(".version\u27e9"):
        return unknown(version, version.why)
    pinned = text_of(version) != ""
    return known(version.at if pinned else key.at, pinned)


def _named(key: Value) -> Scalar | Unknown:
    """What the name of the key itself says."""
    pinned = _by_attribute(key) if isinstance(key, Link) else names_version(text_of(key))
    if pinned is None:
        return unknown_as(key, "whether it names a version of its key is not known")
    return known(key, pinned)


def _by_attribute(key: Link) -> bool | None:
    """By the attribute of a key that is referred to: the last one, if it went through modules."""
    last = key.hops[-1] if key.hops else ""
    attribute = last.rpartition(".")[2]
    if attribute.endswith(_WITHOUT):
        return False
    return None if attribute not in _WITH else attribute != "id" or _HSM_KEY not in last
