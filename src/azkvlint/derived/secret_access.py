"""Whether resources can read the secrets, certificates and keys of vaults that they refer to.

Which identity reads what, and from where, is in the table of consumers (``azkvlint.azure.consumers``). Other sources,
below learn.microsoft.com/azure: app-service/overview-vnet-integration, and azure-resource-manager/management/
resource-dependencies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from azkvlint.azure.consumers import IDENTIFIED, ConsumerRead, items_and_path, path_of, types_with, uses_of
from azkvlint.derived.access_policies import VAULTS
from azkvlint.derived.answers import absent, known, known_list, unknown, unknown_as
from azkvlint.derived.companions import Sure, is_one_of
from azkvlint.derived.consumer_permissions import Thing, thing_in
from azkvlint.derived.consumers import graph_needs, keys_in_vaults
from azkvlint.derived.identities import (
    IDENTITY,
    NO_IDENTITIES,
    Assigned,
    assigned_to,
    identity_needs,
    is_assigned,
    is_system,
    owner_in,
)
from azkvlint.derived.machine_extension import observed_certificates
from azkvlint.derived.registry import Context, derived
from azkvlint.derived.secret_vaults import vault_named, vault_of_secret
from azkvlint.derived.secrets import (
    APPS,
    NAMED_VALUES,
    OF_SERVICE,
    has_settings,
    is_reference,
    places_of,
    references_of,
    setting_of,
    setting_references,
)
from azkvlint.derived.tls_services import APIM
from azkvlint.graph.references import reference_of
from azkvlint.model.pattern import known_start, remove_prefix, text_form
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Link, Path, Scalar, Unknown, Value

# The paths of the vaults, and of what is in them.
VAULT_READS: Mapping[str, tuple[Path, ...]] = {
    **dict.fromkeys((VAULTS, "microsoft.keyvault/managedhsms"), (("id",), ("name",))),
    **{f"{VAULTS}/{kind}": (("parent",), ("name",)) for kind in ("secrets", "certificates", "keys")},
}
_SERVICE_NAME: Path = ("derived", "serviceName")
# Of an azurerm resource that is a part of another one: that one.
_SCOPE: Path = ("scope",)
ELSEWHERE = "the identity of the service is not in the scanned files"
MAY_REFER = "the value may be a Key Vault reference"
SECRETS, KEYS = ("secret", "certificate"), ("key",)
# Without an identity, the service principal of Microsoft's reads.
_PLATFORM_WORD = "firstpartyidentity"
_USER_WORD = "userassignedidentity="


def types(*reads: str) -> tuple[str, ...]:
    """Return the types, in lower case, that read with an identity."""
    return tuple(type_.lower() for type_ in types_with(reads=reads, otherwise=IDENTIFIED))


def all_readers() -> tuple[str, ...]:
    """Return the types, in lower case, that read secrets, certificates or keys with an identity."""
    return tuple(dict.fromkeys((*types(*SECRETS), *types(*KEYS))))


_BY_SERVICE = (NAMED_VALUES, OF_SERVICE)


def _rows(resource: Resource) -> Iterator[tuple[ConsumerRead, bool]]:
    """Yield the rows of the table for a resource, and whether it certainly is of the kind that the row is for."""
    for use in uses_of(resource.type):
        if use.otherwise != "flag":
            named = ((resource.select(path_of(path)), word) for path, word in use.only.items())
            sure = min((is_one_of(answer, word) for answer, word in named), default=Sure.YES)
            if sure is not Sure.NO:
                yield use, sure is Sure.YES


def needs(*reads: str) -> Mapping[str, tuple[Path, ...]]:
    """Return what is read to find what consumers of these kinds read, and as whom."""
    found: dict[str, dict[Path, None]] = {}

    def add(type_: str, *paths: Path) -> None:
        found.setdefault(type_, {}).update(dict.fromkeys(paths))

    for type_ in types(*reads):
        for use in (use for use in uses_of(type_) if use.reads in reads):
            above = use.identity.removeprefix("../") if use.identity.startswith("../") else ""
            own = "" if above else use.identity
            paths = [items_and_path(path)[0] for path in (*use.at, *use.only, own, use.vault) if path]
            add(type_, *paths, *places_of(type_), ("parent",), _SCOPE)
            whole = type_ if use.holder == "self" else type_.rpartition("/")[0]
            if use.has_own_identity:
                add(whole, IDENTITY, ("id",), _SCOPE)
            if above:
                add(whole, path_of(above))
    for table in (identity_needs(), VAULT_READS, *([graph_needs()] if "key" in reads else [])):
        for type_, these in table.items():
            add(type_, *these)
    for type_ in _BY_SERVICE:
        add(type_, _SERVICE_NAME)
    return {type_: tuple(paths) for type_, paths in found.items()}


class Reading(msgspec.Struct, frozen=True):
    """Something of a vault that a resource reads: as ``identity``, if its property is set, else as its row states.

    ``vault`` is None if the reference itself leads to it. Not ``is_sure``: the resource may be of another kind.
    """

    use: ConsumerRead
    value: Value
    thing: Thing
    identity: Answer
    vault: Value | None = None
    is_sure: bool = True


def readings_of(
    resource: Resource, holder: Resource | None, context: Context, reads: Sequence[str] = (*SECRETS, *KEYS)
) -> Iterator[Reading]:
    """Yield what a resource reads. ``holder`` has the identities; None if they do not matter.

    Several attributes need it, so it is computed once.
    """
    kept: dict[tuple[int, bool], tuple[Resource, tuple[Reading, ...]]] = context.cache.setdefault("readings", {})
    key = id(resource), holder is None
    if key not in kept:
        kept[key] = resource, tuple(_all_readings(resource, holder, context))
    return (reading for reading in kept[key][1] if reading.use.reads in reads)


def _all_readings(resource: Resource, holder: Resource | None, context: Context) -> Iterator[Reading]:
    for use, is_sure in _rows(resource):
        for reading in _readings(use, resource, holder, context):
            yield reading if is_sure else msgspec.structs.replace(reading, is_sure=False)


def _readings(use: ConsumerRead, resource: Resource, holder: Resource | None, context: Context) -> Iterator[Reading]:
    if use.reads == "key":
        named = _named(use, resource, holder)
        for key, vault in keys_in_vaults(resource, context):
            yield Reading(use, vault, _key_in(key, context), named, vault)
    else:
        yield from _secrets(use, resource, holder, context)


def _key_in(key: Answer, context: Context) -> Thing:
    found = thing_in(key, context)
    is_name = not found.kind and isinstance(key, Scalar)
    return Thing("keys", key.text.lower()) if is_name else msgspec.structs.replace(found, kind="keys")


def _secrets(use: ConsumerRead, resource: Resource, holder: Resource | None, context: Context) -> Iterator[Reading]:
    if use.form == "extension":
        for certificate, identity in observed_certificates(resource, use):
            yield Reading(use, certificate, _secret_in(certificate, context), identity)
        return
    items, inside = items_and_path(use.identity) if "[]" in use.identity else ((), ())
    if items:
        for item in resource.select(items).as_items:
            value, named = item.select(items_and_path(use.at[0])[1]), item.select(inside)
            if isinstance(value, Link) and value.type and not value.type.lower().startswith(VAULTS):
                # In a plan, the references of an unknown block belong to any of its arguments.
                value = named = unknown(value, "the block is not known")
            # Azure rejects a secret of a container app without an identity.
            if not isinstance(value, Absent) and not (resource.type.lower() in APPS and isinstance(named, Absent)):
                yield Reading(use, value, _secret_in(value, context), named)
        return
    named = _named(use, resource, holder)
    apart = resource.select(path_of(use.vault)) if use.vault else Absent(at=resource.at)
    if not isinstance(apart, Absent):
        name = text_form(resource.select(path_of(use.at[0])).string).lower() if use.at else ""
        vault: Value | None = apart
        if not _leads_to_vault(apart, context):
            vault = vault_named(apart, context) if use.form == "name" else vault_of_secret(apart, context)
        found = apart if vault is None else vault
        yield Reading(use, apart, Thing("secrets" if name else "", name), named, found)
        return
    yield from (Reading(use, value, _secret_in(value, context), named) for value in _values(resource))


def _leads_to_vault(value: Value, context: Context) -> bool:
    reference = reference_of("", "", value, context.index)
    return reference is not None and bool(reference.targets)


def _named(use: ConsumerRead, resource: Resource, holder: Resource | None) -> Answer:
    """Return the identity that a property of the resource, or of the one with the identities, names."""
    if not use.identity or holder is None:
        return Absent(at=resource.at)
    if use.identity.startswith("../"):
        return holder.select(path_of(use.identity.removeprefix("../")))
    items, inside = items_and_path(use.identity)
    if "[]" in use.identity:
        found = [item.select(inside) for item in resource.select(items).as_items]
        return next((one for one in found if not isinstance(one, Absent)), Absent(at=resource.at))
    return resource.select(items)


def _secret_in(value: Value, context: Context) -> Thing:
    words = setting_of(value.string)
    if words is None:
        return thing_in(value, context)
    if words.get("secreturi"):
        return thing_in(value.with_string(words["secreturi"]), context)
    name = text_form(words.get("secretname", "")).lower()
    return Thing("secrets", name) if name else Thing()


def _values(resource: Resource) -> Iterator[Value]:
    """Yield the values that are, or may be, references."""
    if has_settings(resource):
        yield from (value for _, value in setting_references(resource))
    else:
        yield from (value for _, value, _ in references_of(resource))


def vaults_read(reading: Reading, resource: Resource, context: Context) -> tuple[tuple[str, ...], bool]:
    """Return the vaults in the input that a reference may mean, and whether it certainly means the only one of them."""
    deployed: tuple[str, ...] | None = context.cache.get("deployed vaults")
    if deployed is None:
        every = context.index.of_type(VAULTS)
        deployed = tuple(vault.address for vault in every if vault.stays and not vault.existing)
        context.cache["deployed vaults"] = deployed
    vault = reading.vault
    if vault is None and is_reference(resource, reading.value):
        vault = vault_of_secret(reading.value, context)
    reference = None if vault is None else reference_of("", "", vault, context.index)
    if reference is None or reference.anything:
        # A string that is known is the URL or the name of a vault outside the input.
        return ((), True) if isinstance(vault, Scalar) else (deployed, False)
    is_certain = reading.is_sure and not reference.candidates
    return tuple(one for one in (*reference.targets, *reference.candidates) if one in deployed), is_certain


def holder_of(resource: Resource, context: Context) -> Resource | Unknown | None:
    """Return the resource with the identities; None if it is not in the graph or deployed elsewhere."""
    type_ = resource.type.lower()
    is_part = not isinstance(resource.select(_SCOPE), Absent)
    is_below = any(use.holder == "parent" for use in uses_of(type_))
    via = "scope" if is_part else "parent" if is_below else ""
    named = resource.select(_SERVICE_NAME if type_ in _BY_SERVICE else (via,)) if via else None
    if named is None:
        found: Resource | None = resource
    elif isinstance(named, Scalar) and type_ in _BY_SERVICE:
        services = context.index.named(APIM, named.text.lower())
        services = [one for one in services if isinstance(one.select(_SCOPE), Absent)]
        found = services[0] if len(services) == 1 else None
    else:
        found = context.target_of(resource, via)
        named = named if not isinstance(named, Absent) else resource.select((via,))
        if found is None:
            # An ID of another provider is not an ID of Azure, and so not a reference.
            wholes = context.index.of_type(type_.rpartition("/")[0])
            found = next((one for one in wholes if one.address.lower() == owner_in(named)), None)
    if found is None and isinstance(named, Unknown) and not named.is_set:
        return named
    return found if found is not None and not found.existing and found.stays else None


def assigned_in(resource: Resource, holder: Resource, context: Context) -> Assigned:
    """Return the identities of the holder; none if the resource reads with none of them."""
    is_own = any(use.has_own_identity for use in uses_of(resource.type))
    return assigned_to(holder, context) if is_own else NO_IDENTITIES


ASSIGNED, NO_IDENTITY, NOT_ASSIGNED = "assigned", "no identity", "not assigned"


@derived(
    "referenceIdentities",
    of=all_readers,
    label="identity of the Key Vault reference",
    reads=lambda: needs(*SECRETS, *KEYS),
)
def _reference_identities(resource: Resource, context: Context) -> Answer:
    """Return for each reference whether the resource has the identity that reads it, each as an item.

    ``assigned``, ``not assigned``, or ``no identity`` if the resource itself has none at all.
    """
    holder = holder_of(resource, context)
    if not isinstance(holder, Resource):
        return without_holder(resource, holder, (*SECRETS, *KEYS), context)
    assigned = assigned_in(resource, holder, context)
    found = [
        _if_reference(_identity_word(reading, resource, holder, assigned, context), reading, resource)
        for reading in readings_of(resource, holder, context)
    ]
    return known_list(resource, each_once(found)) if found else absent(resource)


def without_holder(resource: Resource, holder: Unknown | None, reads: Sequence[str], context: Context) -> Answer:
    """Return the answer for a resource whose identities are not in the input: absent if they do not matter."""
    if holder is None or next(readings_of(resource, None, context, reads), None) is None:
        return absent(resource)
    return known_list(resource, [unknown_as(holder, ELSEWHERE)])


def _if_reference(word: Value, reading: Reading, resource: Resource) -> Value:
    """Return the word for an identity, which is unknown if it matters and the value may not be a reference."""
    vault = reading.vault
    names_vault = vault is not None and not (isinstance(vault, Unknown) and not vault.is_set)
    is_certain = reading.is_sure and (names_vault or is_reference(resource, reading.value))
    if is_certain or (isinstance(word, Scalar) and word.value == ASSIGNED):
        return word
    return unknown_as(reading.value, MAY_REFER)


def is_platform(reading: Reading, assigned: Assigned) -> bool:
    """Return whether a service principal of Microsoft's reads, or an identity that is not known."""
    if reading.identity.text.lower() == _PLATFORM_WORD:
        return True
    otherwise = reading.use.otherwise
    if otherwise == "own or platform":
        return assigned.are_none is Sure.YES
    return isinstance(reading.identity, Absent) and otherwise in ("platform", "unknown")


def named_identity(reading: Reading) -> Answer:
    """Return the identity that a property names, without a word before its ID."""
    text = reading.identity.string
    if not isinstance(reading.identity, Absent) and known_start(text).lower().startswith(_USER_WORD):
        return reading.identity.with_string(remove_prefix(text, known_start(text)[: len(_USER_WORD)]))
    return reading.identity


def _identity_word(
    reading: Reading, resource: Resource, holder: Resource, assigned: Assigned, context: Context
) -> Value:
    at = reading.value
    # Whether an identity that is not documented must be assigned to the resource is not documented either.
    if is_platform(reading, assigned) or reading.use.otherwise == "unknown":
        return known(at, ASSIGNED)
    if assigned.are_none is Sure.YES:
        word = NO_IDENTITY if holder is resource else NOT_ASSIGNED
        return known(at, word, f"`{holder.address}` has no managed identity")
    if assigned.are_none is Sure.PERHAPS:
        return unknown(at, assigned.why)
    named = named_identity(reading)
    if isinstance(named, Absent) and reading.use.otherwise != "system":
        return known(at, ASSIGNED)
    sure = is_assigned(named, assigned, context)
    if sure is Sure.PERHAPS:
        why = f"the identity might not be assigned to `{holder.address}`"
        return unknown_as(named, assigned.why or why)
    kind = "system-assigned" if is_system(named, context) is Sure.YES else "user-assigned"
    note = "" if sure is Sure.YES else f"the {kind} identity is not assigned to `{holder.address}`"
    return known(at, ASSIGNED if sure is Sure.YES else NOT_ASSIGNED, note)


def each_once(items: list[Value]) -> list[Value]:
    """Return the items without those that state the same as an earlier one."""
    found: dict[object, Value] = {}
    for item in items:
        stated = (item.value, item.note) if isinstance(item, Scalar) else getattr(item, "why", "")
        found.setdefault(stated, item)
    return list(found.values())
