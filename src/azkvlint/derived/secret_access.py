"""Whether resources can read the secrets, certificates and keys of vaults that they refer to.

Which identity reads what, and from where, is in the table of consumers (``azkvlint.azure.consumers``). Other sources,
below learn.microsoft.com/azure: app-service/overview-vnet-integration, and azure-resource-manager/management/
resource-dependencies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from azkvlint.azure.consumers import IDENTIFIED, Use, items_and_path, path_of, types_with, uses_of
from azkvlint.derived.assignments import ASSIGNMENTS
from azkvlint.derived.certificates import APIM
from azkvlint.derived.companions import Sure, companions, elsewhere, is_one_of, is_set
from azkvlint.derived.consumer_permissions import NEEDS as PERMISSION_NEEDS
from azkvlint.derived.consumer_permissions import Reader, Thing, held, thing_in
from azkvlint.derived.consumers import graph_needs, keys_in_vaults, vault_named, vault_of_secret
from azkvlint.derived.identities import (
    IDENTITY,
    NO_IDENTITIES,
    Assigned,
    assigned_to,
    identity_in,
    identity_needs,
    is_assigned,
    is_system,
    owner_in,
)
from azkvlint.derived.machine_extension import observed_certificates
from azkvlint.derived.registry import (
    Context,
    absent,
    derived,
    joined,
    known,
    known_list,
    one_target,
    unknown,
    unknown_as,
)
from azkvlint.derived.secrets import (
    APPS,
    CONFIG,
    NAMED_VALUES,
    OF_SERVICE,
    SITES,
    has_settings,
    is_reference,
    places_of,
    references_of,
    setting_of,
    setting_references,
)
from azkvlint.derived.vaults import BY_POLICIES, POLICIES, VAULTS, model_of
from azkvlint.graph.references import reference_of
from azkvlint.model.pattern import known_start, remove_prefix, text_form
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Link, Path, Scalar, Unknown, Value

_ENVIRONMENTS = "microsoft.app/managedenvironments"
_VAULT = "Microsoft.KeyVault/vaults"
# The paths of the vaults, and of what is in them.
_VAULT_READS: Mapping[str, tuple[Path, ...]] = {
    **dict.fromkeys((VAULTS, "microsoft.keyvault/managedhsms"), (("id",), ("name",))),
    **{f"{VAULTS}/{kind}": (("parent",), ("name",)) for kind in ("secrets", "certificates", "keys")},
}
_SERVICE_NAME: Path = ("derived", "serviceName")
# Of an azurerm resource that is a part of another one: that one.
_SCOPE: Path = ("scope",)
ELSEWHERE = "the identity is not in the scanned files"
MAY_REFER = "the value may be a Key Vault reference"
_SECRETS, _KEYS = ("secret", "certificate"), ("key",)
# Without an identity, the service principal of Microsoft's reads.
_PLATFORM_WORD = "firstpartyidentity"
_USER_WORD = "userassignedidentity="


def _types(*reads: str) -> tuple[str, ...]:
    """Return the types, in lower case, that read with an identity."""
    return tuple(type_.lower() for type_ in types_with(reads=reads, otherwise=IDENTIFIED))


def all_readers() -> tuple[str, ...]:
    """Return the types, in lower case, that read secrets, certificates or keys with an identity."""
    return tuple(dict.fromkeys((*_types(*_SECRETS), *_types(*_KEYS))))


_BY_SERVICE = (NAMED_VALUES, OF_SERVICE)


def _rows(resource: Resource) -> Iterator[tuple[Use, bool]]:
    """Yield the rows of the table for a resource, and whether it certainly is of the kind that the row is for."""
    for use in uses_of(resource.type):
        if use.otherwise != "flag":
            named = ((resource.select(path_of(path)), word) for path, word in use.only.items())
            sure = min((is_one_of(answer, word) for answer, word in named), default=Sure.YES)
            if sure is not Sure.NO:
                yield use, sure is Sure.YES


def _needs(*reads: str) -> Mapping[str, tuple[Path, ...]]:
    """Return what is read to find what consumers of these kinds read, and as whom."""
    found: dict[str, dict[Path, None]] = {}

    def add(type_: str, *paths: Path) -> None:
        found.setdefault(type_, {}).update(dict.fromkeys(paths))

    for type_ in _types(*reads):
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
    for table in (identity_needs(), _VAULT_READS, *([graph_needs()] if "key" in reads else [])):
        for type_, these in table.items():
            add(type_, *these)
    for type_ in _BY_SERVICE:
        add(type_, _SERVICE_NAME)
    return {type_: tuple(paths) for type_, paths in found.items()}


# --- What a resource reads, each with the identity that it uses -----------------------------------------------------


class Reading(msgspec.Struct, frozen=True):
    """Something of a vault that a resource reads: as ``identity``, if its property is set, else as its row states.

    ``vault`` is None if the reference itself leads to it. Not ``is_sure``: the resource may be of another kind.
    """

    use: Use
    value: Value
    thing: Thing
    identity: Answer
    vault: Value | None = None
    is_sure: bool = True


def readings_of(
    resource: Resource, holder: Resource | None, context: Context, reads: Sequence[str] = (*_SECRETS, *_KEYS)
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


def _readings(use: Use, resource: Resource, holder: Resource | None, context: Context) -> Iterator[Reading]:
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


def _secrets(use: Use, resource: Resource, holder: Resource | None, context: Context) -> Iterator[Reading]:
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


def _named(use: Use, resource: Resource, holder: Resource | None) -> Answer:
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
        found = one_target(resource, via, context)
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


# --- Whether a resource has the identity that a reference uses ------------------------------------------------------


ASSIGNED, NO_IDENTITY, NOT_ASSIGNED = "assigned", "no identity", "not assigned"


@derived(
    "referenceIdentities",
    of=all_readers,
    label="identity of the Key Vault reference",
    reads=lambda: _needs(*_SECRETS, *_KEYS),
)
def _reference_identities(resource: Resource, context: Context) -> Answer:
    """Return for each reference whether the resource has the identity that reads it, each as an item.

    ``assigned``, ``not assigned``, or ``no identity`` if the resource itself has none at all.
    """
    holder = holder_of(resource, context)
    if not isinstance(holder, Resource):
        return _without_holder(resource, holder, (*_SECRETS, *_KEYS), context)
    assigned = assigned_in(resource, holder, context)
    found = [
        _if_reference(_identity_word(reading, resource, holder, assigned, context), reading, resource)
        for reading in readings_of(resource, holder, context)
    ]
    return known_list(resource, _each_once(found)) if found else absent(resource)


def _without_holder(resource: Resource, holder: Unknown | None, reads: Sequence[str], context: Context) -> Answer:
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


def _is_platform(reading: Reading, assigned: Assigned) -> bool:
    """Return whether a service principal of Microsoft's reads, or an identity that is not known."""
    if reading.identity.text.lower() == _PLATFORM_WORD:
        return True
    otherwise = reading.use.otherwise
    if otherwise == "own or platform":
        return assigned.are_none is Sure.YES
    return isinstance(reading.identity, Absent) and otherwise in ("platform", "unknown")


def _named_identity(reading: Reading) -> Answer:
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
    if _is_platform(reading, assigned) or reading.use.otherwise == "unknown":
        return known(at, ASSIGNED)
    if assigned.are_none is Sure.YES:
        word = NO_IDENTITY if holder is resource else NOT_ASSIGNED
        return known(at, word, f"`{holder.address}` has no managed identity")
    if assigned.are_none is Sure.PERHAPS:
        return unknown(at, assigned.why)
    named = _named_identity(reading)
    if isinstance(named, Absent) and reading.use.otherwise != "system":
        return known(at, ASSIGNED)
    sure = is_assigned(named, assigned, context)
    if sure is Sure.PERHAPS:
        return unknown_as(named, assigned.why or "the identity may be assigned")
    kind = "system-assigned" if is_system(named, context) is Sure.YES else "user-assigned"
    note = "" if sure is Sure.YES else f"the {kind} identity is not assigned to `{holder.address}`"
    return known(at, ASSIGNED if sure is Sure.YES else NOT_ASSIGNED, note)


def _each_once(items: list[Value]) -> list[Value]:
    """Return the items without those that state the same as an earlier one."""
    found: dict[object, Value] = {}
    for item in items:
        stated = (item.value, item.note) if isinstance(item, Scalar) else getattr(item, "why", "")
        found.setdefault(stated, item)
    return list(found.values())


# --- Whether that identity has the permissions ----------------------------------------------------------------------


@derived(
    "secretPermissions",
    of=lambda: _types(*_SECRETS),
    label="permission to read the secret",
    reads=lambda: joined(_needs(*_SECRETS), PERMISSION_NEEDS),
)
def _secret_permissions(resource: Resource, context: Context) -> Answer:
    """Return for each secret or certificate that a resource refers to whether its identity may read it.

    Only vaults that are deployed here count. Others may have grants that the input does not show.
    """
    return _permissions(resource, _SECRETS, context)


@derived(
    "keyPermissions",
    of=lambda: _types(*_KEYS),
    label="permission to use the key",
    reads=lambda: joined(_needs(*_KEYS), PERMISSION_NEEDS),
)
def _key_permissions(resource: Resource, context: Context) -> Answer:
    """Return for each customer-managed key of a resource whether its identity may use it."""
    return _permissions(resource, _KEYS, context)


def all_needs() -> Mapping[str, tuple[Path, ...]]:
    """Return what is read to find which grants a resource needs."""
    return joined(_needs(*_SECRETS, *_KEYS), PERMISSION_NEEDS)


def _permissions(resource: Resource, reads: Sequence[str], context: Context) -> Answer:
    holder = holder_of(resource, context)
    if not isinstance(holder, Resource):
        return _without_holder(resource, holder, reads, context)
    found: list[Value] = []
    assigned = assigned_in(resource, holder, context)
    for reading in readings_of(resource, holder, context, reads):
        vaults, is_certain = vaults_read(reading, resource, context)
        if vaults and _is_without_identity(reading, resource, holder, assigned):
            note = f"`{resource.address}` has no managed identity"
            found.append(known(reading.value, False, note) if is_certain else unknown_as(reading.value, MAY_REFER))
            continue
        readers, doubt = readers_of(reading, holder, assigned, context) if vaults else ((), "")
        for vault in (context.index.resources[address] for address in vaults):
            one = _permission(reading, vault, resource, readers, doubt, context)
            if one is not None and not is_certain:
                one = None if isinstance(one, Scalar) and one.value is True else unknown_as(reading.value, MAY_REFER)
            found += [] if one is None else [one]
    return known_list(resource, _each_once(found)) if found else absent(resource)


def _is_without_identity(reading: Reading, resource: Resource, holder: Resource, assigned: Assigned) -> bool:
    """Return whether a resource has a key, but no identity; other rules report this of secrets, and of its parts."""
    is_own = reading.use.reads == "key" and holder is resource and not _is_platform(reading, assigned)
    return is_own and reading.use.otherwise != "unknown" and assigned.are_none is Sure.YES


def _permission(
    reading: Reading, vault: Resource, resource: Resource, readers: Sequence[Reader], doubt: str, context: Context
) -> Value | None:
    """Return whether any of some identities has the permissions; ``doubt``: why they are not known."""
    if not readers:
        return unknown(reading.value, doubt) if doubt else None
    sure = max(held(vault, reading.thing, reader, reading.use.permissions, context).sure for reader in readers)
    model = model_of(vault)
    by_policies = isinstance(model, Scalar) and model.value == BY_POLICIES
    if reading.use.grants == "access policy":
        sure = max(sure, Sure.YES if by_policies else Sure.PERHAPS if isinstance(model, Unknown) else Sure.NO)
    kind = "an access policy" if by_policies else "a role assignment"
    if sure is Sure.NO and not (context.has_all_companions(resource) and vault.exists_with(resource)):
        return unknown(reading.value, elsewhere(vault, POLICIES if by_policies else ASSIGNMENTS))
    if sure is Sure.NO and doubt:
        return unknown(reading.value, doubt)
    if sure is Sure.PERHAPS:
        return unknown(
            reading.value, doubt or f"{kind} on `{vault.address}` may be for the identity or a group that it is in"
        )
    note = f"no {kind.partition(' ')[2]} on `{vault.address}` grants it" if sure is Sure.NO else ""
    return known(reading.value, sure is Sure.YES, note)


def readers_of(
    reading: Reading, holder: Resource, assigned: Assigned, context: Context
) -> tuple[Sequence[Reader], str]:
    """Return the identities any of which reads, and why they are not known.

    Empty if the resource has no such identity, which other rules report.
    """
    if _is_platform(reading, assigned):
        return [Reader(application=reading.use.principal)], ""
    named = _named_identity(reading)
    if isinstance(named, Absent) and reading.use.otherwise != "system":
        found = [context.index.resources[address] for address in assigned.addresses]
        found += [holder] if assigned.system is Sure.YES else []
        if assigned.more or assigned.texts or Sure.PERHAPS in (assigned.system, assigned.user):
            return [], assigned.why or ELSEWHERE
        return ((), ELSEWHERE) if any(one.existing for one in found) else ([Reader(one) for one in found], "")
    if reading.use.otherwise != "unknown" and is_assigned(named, assigned, context) is Sure.NO:
        return [], ""
    if is_system(named, context) is Sure.YES:
        return ([Reader(holder)], "") if assigned.system is Sure.YES else ([], assigned.why)
    identity = identity_in(named, context)
    if identity is None or identity.existing:
        return [], named.why if isinstance(named, Unknown) and not named.is_set else ELSEWHERE
    return [Reader(identity)], ""


# --- The vaults of the references, and the network from which a resource reads them ---------------------------------


_PLAN, _ENVIRONMENT = (
    ("properties", "serverFarmId"),
    (("properties", "managedEnvironmentId"), ("properties", "environmentId")),
)
_ISOLATED: Path = ("properties", "hostingEnvironmentProfile")
_SUBNET: Path = ("properties", "virtualNetworkSubnetId")
_NETWORK_NAME: Path = ("properties", "siteConfig", "vnetName")
_INFRASTRUCTURE: Path = ("properties", "vnetConfiguration", "infrastructureSubnetId")
_PLANS = "microsoft.web/serverfarms"
# Resources that connect an app to a network.
_CONNECTIONS = tuple(f"{type_}/{kind}" for type_ in SITES for kind in ("networkconfig", "virtualnetworkconnections"))


@derived(
    "secretVaultIds",
    of=lambda: _types(*_SECRETS),
    label="vault of the secret",
    reads=lambda: joined(
        {
            type_: (
                *places_of(type_),
                *(
                    items_and_path(path)[0]
                    for use in uses_of(type_)
                    for path in (*use.at, *use.only, use.vault)
                    if path
                ),
            )
            for type_ in _types(*_SECRETS)
        },
        _VAULT_READS,
    ),
)
def _secret_vault_ids(resource: Resource, context: Context) -> Answer:
    """Return the vaults of the secrets and certificates that a resource refers to."""
    found: list[Value] = []
    for reading in readings_of(resource, None, context, _SECRETS):
        vaults, is_certain = vaults_read(reading, resource, context)
        at = reading.value.at
        if is_certain:
            found += (Link(at=at, target=one, type=_VAULT) for one in vaults)
        elif vaults:
            why = reading.value.why if isinstance(reading.value, Unknown) else MAY_REFER
            found.append(Unknown(at=at, why=why, candidates=vaults, closed=True))
    return known_list(resource, found) if found else absent(resource)


@derived(
    "networkIntegration",
    of=(*SITES, *CONFIG, *APPS),
    label="virtual network integration",
    reads={
        **dict.fromkeys(SITES, (_SUBNET, _PLAN, _ISOLATED, _NETWORK_NAME, ("id",), ("parent",))),
        **dict.fromkeys(CONFIG, (("parent",),)),
        **dict.fromkeys(APPS, _ENVIRONMENT),
        **dict.fromkeys(_CONNECTIONS, (("parent",),)),
        _PLANS: (_ISOLATED, ("id",)),
        _ENVIRONMENTS: (_INFRASTRUCTURE, ("id",)),
    },
)
def _network_integration(resource: Resource, context: Context) -> Answer:
    """Return whether an app sends its traffic through a virtual network."""
    type_ = resource.type.lower()
    if type_ in CONFIG:
        app = one_target(resource, "parent", context)
        return (
            unknown(resource, "the app is not in the scanned files") if app is None else _of_app(app, resource, context)
        )
    if type_ in SITES:
        return _of_app(resource, resource, context)
    environments = [one for path in _ENVIRONMENT if (one := _target(resource, path, context)) is not None]
    if len(environments) != 1 or environments[0].existing:
        return unknown(resource, "the environment of the app is not in the scanned files")
    return _in_words(resource, is_set(environments[0].select(_INFRASTRUCTURE)), context)


def _of_app(app: Resource, resource: Resource, context: Context) -> Answer:
    plan = _target(app, _PLAN, context)
    sure = max(
        is_set(app.select(_SUBNET)),
        is_set(app.select(_NETWORK_NAME)),
        is_set(app.select(_ISOLATED)),
        *(found for type_ in _CONNECTIONS for _, found in companions(context, "parent", type_).naming(app.address)),
        is_set(plan.select(_ISOLATED)) if plan is not None else Sure.NO,
    )
    if sure is Sure.NO and (plan is None or plan.existing or app.existing):
        return unknown(resource, "the hosting plan of the app is not in the scanned files")
    return _in_words(resource, sure, context)


def _in_words(resource: Resource, sure: Sure, context: Context) -> Value:
    if sure is Sure.PERHAPS or (sure is Sure.NO and not context.has_all_companions(resource)):
        return unknown(resource, "the app may be integrated with a virtual network")
    return known(resource, sure is Sure.YES)


def _target(resource: Resource, path: Path, context: Context) -> Resource | None:
    """Return the one resource that an attribute certainly refers to."""
    value = resource.select(path)
    reference = reference_of(resource.address, "", value, context.index)
    targets = reference.targets if reference is not None else ()
    return context.index.resources[targets[0]] if len(targets) == 1 else None
