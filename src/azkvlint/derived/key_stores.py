"""The store of a customer-managed key, and whether its consumer refers to a specific version."""

from __future__ import annotations

from collections.abc import Iterator

from azkvlint.derived.answers import absent, known, unknown, unknown_as
from azkvlint.derived.consumers import (
    URLS,
    VAULT_ID,
    VAULTS,
    field_of,
    graph_needs,
    keys_of,
    names_version,
    own_needs,
    paths_by_type,
    vaults_of,
)
from azkvlint.derived.registry import Context, derived
from azkvlint.graph.references import Index, reference_of
from azkvlint.model.pattern import DeclaredHole, parts_of
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Link, MapValue, Path, Scalar, Unknown, Value

_STORES = dict(zip(VAULTS, ("vault", "managed HSM"), strict=True))
_VERSION: Path = ("derived", "keyVersion")
# The last part of a Terraform reference to a key with, or without, a version. The id of a key in a managed HSM has no
# version. Source: the provider's documentation of azurerm_key_vault_key and ..._security_module_key.
_WITHOUT, _WITH = "versionless_id", ("id", "versioned_id", "resource_id")
_HSM_KEY = "hardware_security_module_key"


@derived("keyStore", of=paths_by_type, label="store of the key", reads=graph_needs)
def _key_store(resource: Resource, context: Context) -> Answer:
    """Return ``vault`` or ``managed HSM``: the store of a consumer's keys.

    With several keys, ``vault`` if any of them is in a vault.
    """
    found = [_store_of(value, context.index) for value in vaults_of(resource, context)]
    vaults = [one for one in found if isinstance(one, Scalar) and one.value == "vault"]
    doubts = [one for one in found if isinstance(one, Unknown)]
    ranked: list[Scalar | Unknown] = [*vaults, *doubts, *found]
    return ranked[0] if ranked else absent(resource)


def _store_of(value: Value, index: Index) -> Scalar | Unknown:
    reference = reference_of("", "", value, index)
    text = value.text.lower()
    types: set[str] = set()
    if text.startswith("https://"):
        types = {VAULTS[".managedhsm." in text]}
    elif reference is not None and not reference.anything:
        named = (*reference.targets, *reference.candidates)
        types = {index.resources[address].type.lower() for address in named}
        types |= {reference.outside} if reference.outside else set()
    words = {_STORES.get(type_) for type_ in types}
    word = words.pop() if len(words) == 1 else None
    if word is None:
        return unknown_as(value, "the key may be in a vault or in a managed HSM")
    return known(value, word, f"key in a {word}")


@derived(
    "pinsKeyVersion",
    of=paths_by_type,
    label="pinned key version",
    reads=lambda: {type_: (*paths, _VERSION) for type_, paths in own_needs().items()},
)
def _pins_version(resource: Resource, _: Context) -> Answer:
    """Return whether a consumer pins a version of any of its keys; absent if it refers to no key."""
    found = list(_pins(resource))
    pinned = [one for one in found if isinstance(one, Scalar) and one.value is True]
    doubts = [one for one in found if isinstance(one, Unknown)]
    ranked: list[Scalar | Unknown] = [*pinned, *doubts, *found]
    return ranked[0] if ranked else absent(resource)


def _pins(resource: Resource) -> Iterator[Scalar | Unknown]:
    if not isinstance(resource.select(VAULT_ID), Absent):
        yield _beside(resource.select(_VERSION), resource.select(VAULT_ID))
        return
    for key in keys_of(resource):
        if not isinstance(key, MapValue):
            yield _named(key)
            continue
        url = field_of(key, *URLS)
        yield _beside(field_of(key, "keyversion"), key) if isinstance(url, Absent) else _named(url)


def _beside(version: Answer, key: Answer) -> Scalar | Unknown:
    """Return whether a separate version argument or field is set; an empty string is not a version."""
    # The version of a key that is not created yet is not known, but it has one.
    is_of_key = isinstance(version, Unknown) and any(one.attribute == "version" for one in _last_hole(version))
    if isinstance(version, Unknown) and not is_of_key:
        return unknown(version, version.why)
    pinned = version.text != ""
    return known(version.at if pinned else key.at, pinned)


def _last_hole(value: Unknown) -> list[DeclaredHole]:
    """Return the attribute of a resource that a string ends in, if it does."""
    return [part for part in parts_of(value.pattern)[-1:] if isinstance(part, DeclaredHole)]


def _named(key: Value) -> Scalar | Unknown:
    """Return whether the key reference itself contains a version."""
    pinned = _by_attribute(key) if isinstance(key, Link) else names_version(key.string)
    if pinned is None:
        named = f"`{key.hops[-1]}`" if isinstance(key, Link) and key.hops else "the ID of the key"
        return unknown_as(key, f"{named} may contain a version")
    return known(key, pinned)


def _by_attribute(key: Link) -> bool | None:
    """Return whether the attribute that a reference ends in, perhaps through modules, contains a version."""
    last = key.hops[-1] if key.hops else ""
    attribute = last.rpartition(".")[2]
    if attribute.endswith(_WITHOUT):
        return False
    return None if attribute not in _WITH else attribute != "id" or _HSM_KEY not in last
