"""Whether apps and services can read the secrets and certificates of vaults that they refer to.

Sources, below learn.microsoft.com/azure: app-service/app-service-key-vault-references (the system-assigned identity is
used unless ``keyVaultReferenceIdentity`` names another one), container-apps/manage-secrets,
container-apps/key-vault-certificates-manage, application-gateway/key-vault-certs and firewall/premium-certificates (the
user-assigned identities), api-management/api-management-howto-properties and .../configure-custom-domain (the
system-assigned identity unless a client ID is set), frontdoor/standard-premium/how-to-configure-https-custom-domain (a
profile without an identity uses the service principal of Front Door), app-service/overview-vnet-integration, and
key-vault/general/overview-vnet-service-endpoints (which services are trusted: App Service and Container Apps are not).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from azkvlint.azure.azurerm.resources import GROUPS, MEMBERS
from azkvlint.derived.assignments import ACTIVE, ASSIGNMENTS, COVERS, COVERS_NEEDS, GRANTS, Coverage
from azkvlint.derived.certificates import (
    APIM,
    FIREWALLS,
    FRONT_DOOR,
    GATEWAYS,
    OF_APP_SERVICE,
    OF_ENVIRONMENT,
)
from azkvlint.derived.certificates import NEEDS as CERTIFICATE_NEEDS
from azkvlint.derived.companions import Companions, Sure, companions, elsewhere, is_set, items_of
from azkvlint.derived.consumers import vault_of_secret
from azkvlint.derived.grants import DEPLOYER, RESOURCE_FAMILY, Grant, grants_of, owner_of
from azkvlint.derived.grants import NEEDS as GRANT_NEEDS
from azkvlint.derived.registry import Context, absent, derived, known, known_list, one_target, unknown, unknown_as
from azkvlint.derived.secrets import (
    APPS,
    CONFIG,
    NAMED_VALUES,
    OF_SERVICE,
    SITES,
    is_reference,
    references_of,
    setting_references,
)
from azkvlint.derived.secrets import PLACES as REFERENCE_PLACES
from azkvlint.derived.vaults import BY_POLICIES, BY_ROLES, POLICIES, RBAC, VAULTS, model_of
from azkvlint.graph.references import reference_of
from azkvlint.model.pattern import bare, declared_in, has_holes, pattern_from
from azkvlint.model.resource import Resource
from azkvlint.model.value import (
    Absent,
    Answer,
    Link,
    MapValue,
    Path,
    Scalar,
    Unknown,
    Value,
    select,
    string_of,
    text_of,
)
from azkvlint.util.lazy_regex import regex

_ENVIRONMENTS = "microsoft.app/managedenvironments"
# The paths of the references, by type.
_REFERENCES: Mapping[str, tuple[Path, ...]] = {
    **{type_: REFERENCE_PLACES[type_] for type_ in (*SITES, *CONFIG, *APPS, NAMED_VALUES, FRONT_DOOR)},
    **{type_: CERTIFICATE_NEEDS[type_] for type_ in (GATEWAYS, FIREWALLS, APIM, OF_ENVIRONMENT, OF_SERVICE)},
}
# The paths of the vaults, and of the secrets and certificates in them.
_VAULT_READS: Mapping[str, tuple[Path, ...]] = {
    **dict.fromkeys((VAULTS, "microsoft.keyvault/managedhsms"), (("id",), ("name",))),
    **{f"{VAULTS}/{kind}": (("parent",), ("name",)) for kind in ("secrets", "certificates")},
}
_VAULT = "Microsoft.KeyVault/vaults"
_OF_CERTIFICATE_VAULT: Path = ("properties", "keyVaultId")
_PROFILES = "microsoft.cdn/profiles"
_IDENTITIES = "microsoft.managedidentity/userassignedidentities"
_GROUPS, _MEMBERS = GROUPS.lower(), MEMBERS.lower()

_IDENTITY: Path = ("identity",)
_REFERENCE_IDENTITY: Path = ("properties", "keyVaultReferenceIdentity")
_SERVICE_NAME: Path = ("derived", "serviceName")
# Of an azurerm resource that is a part of an API Management service: the service.
_SCOPE: Path = ("scope",)

# --- The references of a resource, each with the identity that it uses ----------------------------------------------


# Resources that have identities of their own, and parts of such resources.
_HOLDERS = (*SITES, *APPS, GATEWAYS, FIREWALLS, APIM)
_TYPES = (*_HOLDERS, *CONFIG, FRONT_DOOR, OF_ENVIRONMENT, NAMED_VALUES, OF_SERVICE)
_ELSEWHERE = "the identity is not in the scanned files"
_MAY_REFER = "the value may be a Key Vault reference"
# The identity of a reference: any that the resource has; or the words for the system-assigned one.
_ANY = "any"
_SYSTEM_WORDS = ("system", "systemassigned", "")
# Where a list of references states the identity of each: its path, and the fields of the ID and of the identity.
_LISTED: Mapping[str, tuple[Path, str, str]] = {
    APIM: (("properties", "hostnameConfigurations"), "keyVaultId", "identityClientId"),
    **dict.fromkeys(APPS, (("properties", "configuration", "secrets"), "keyVaultUrl", "identity")),
}
# Where a resource with one reference states its identity.
_SINGLE: Mapping[str, Path] = {
    NAMED_VALUES: ("properties", "keyVault", "identityClientId"),
    OF_SERVICE: ("properties", "keyVault", "identityClientId"),
    OF_ENVIRONMENT: ("properties", "certificateKeyVaultProperties", "identity"),
}

_USED: Mapping[str, tuple[Path, ...]] = {
    **{type_: (*paths, _IDENTITY, ("parent",), ("scope",), ("id",)) for type_, paths in _REFERENCES.items()},
    **{type_: (*_REFERENCES[type_], _IDENTITY, _REFERENCE_IDENTITY, ("id",)) for type_ in SITES},
    **dict.fromkeys((_PROFILES, _ENVIRONMENTS), (_IDENTITY, ("id",))),
    **{type_: (*_REFERENCES[type_], path, _SERVICE_NAME, ("parent",)) for type_, path in _SINGLE.items()},
    _IDENTITIES: (("id",), ("name",), ("properties", "clientId"), ("properties", "principalId")),
}


class _Use(msgspec.Struct, frozen=True):
    """A reference, and the identity that reads it: an answer, or ``_ANY``."""

    value: Value
    identity: Answer | str


def _uses(resource: Resource, holder: Resource) -> Iterator[_Use]:
    """Yield the references of a resource to secrets and certificates. ``holder`` has the identities."""
    type_ = resource.type.lower()
    if type_ in _LISTED:
        where, id_, identity = _LISTED[type_]
        for item in items_of(resource.select(where)):
            value, named = select(item, (id_,)), select(item, (identity,))
            if isinstance(value, Link) and value.type and not value.type.lower().startswith(VAULTS):
                # In a plan, the references of an unknown block belong to any of its arguments.
                value = named = unknown(value, "the block is not known")
            # Azure rejects a secret of a container app without an identity.
            if not isinstance(value, Absent) and not (type_ in APPS and isinstance(named, Absent)):
                yield _Use(value, named)
        return
    used: Answer | str = _ANY
    if type_ in _SINGLE:
        used = resource.select(_SINGLE[type_])
    elif type_ in (*SITES, *CONFIG):
        used = holder.select(_REFERENCE_IDENTITY)
    yield from (_Use(value, used) for value in _values(resource))


def _values(resource: Resource) -> Iterator[Value]:
    """Yield the values that are, or may be, references."""
    if resource.type.lower() in (*SITES, *CONFIG):
        yield from (value for _, value in setting_references(resource))
    else:
        yield from (value for _, value, _ in references_of(resource))


def _vaults(value: Value, resource: Resource, context: Context) -> tuple[tuple[str, ...], bool]:
    """Return the vaults in the input that a reference may mean, and whether it certainly means the only one of them."""
    deployed: tuple[str, ...] | None = context.cache.get("deployed vaults")
    if deployed is None:
        every = context.index.of_type(VAULTS)
        deployed = tuple(vault.address for vault in every if vault.stays and not vault.existing)
        context.cache["deployed vaults"] = deployed
    vault = vault_of_secret(value, context) if is_reference(resource, value) else None
    reference = None if vault is None else reference_of("", "", vault, context.index)
    if reference is None or reference.anything:
        # A string that is known is the URL or the name of a vault outside the input.
        return ((), True) if isinstance(vault, Scalar) else (deployed, False)
    is_certain = not reference.candidates
    return tuple(one for one in (*reference.targets, *reference.candidates) if one in deployed), is_certain


def _holder(resource: Resource, context: Context) -> Resource | Unknown | None:
    """Return the resource with the identities; None if it is not in the graph or deployed elsewhere."""
    type_ = resource.type.lower()
    via = "scope" if type_ == APIM else "" if type_ in _HOLDERS else "parent"
    named = resource.select(_SERVICE_NAME if type_ in (NAMED_VALUES, OF_SERVICE) else (via,)) if via else None
    if named is None or (type_ == APIM and isinstance(named, Absent)):
        found: Resource | None = resource
    elif isinstance(named, Scalar) and type_ in (NAMED_VALUES, OF_SERVICE):
        services = context.index.named(APIM, text_of(named).lower())
        services = [one for one in services if isinstance(one.select(_SCOPE), Absent)]
        found = services[0] if len(services) == 1 else None
    else:
        found = one_target(resource, via, context)
        named = named if not isinstance(named, Absent) else resource.select((via,))
    if found is None and isinstance(named, Unknown) and not named.is_set:
        return named
    return found if found is not None and not found.existing and found.stays else None


class _Assigned(msgspec.Struct, frozen=True):
    """The identities of a resource: whether it has a system-assigned one, and the addresses of the others.

    ``more``: others may be assigned too. ``texts`` are the IDs of identities that are not in the graph.
    """

    system: Sure
    user: Sure
    addresses: tuple[str, ...]
    texts: frozenset[str]
    more: bool
    why: str

    @property
    def are_none(self) -> Sure:
        """Return whether the resource has no identity."""
        return Sure(Sure.YES - max(self.system, self.user))


def _assigned(holder: Resource, context: Context) -> _Assigned:
    type_ = select(holder.select(_IDENTITY), ("type",))
    if isinstance(type_, Unknown):
        return _Assigned(Sure.PERHAPS, Sure.PERHAPS, (), frozenset(), True, type_.why)
    words = text_of(type_).lower().replace("_", "") if isinstance(type_, Scalar) else ""
    system, user = (Sure.YES if word in words else Sure.NO for word in ("systemassigned", "userassigned"))
    addresses: dict[str, None] = {}
    texts: set[str] = set()
    more, why = False, ""
    for value in _assigned_values(holder):
        reference = reference_of(holder.address, "identity", value, context.index)
        if reference is not None and reference.targets:
            addresses.update(dict.fromkeys(reference.targets))
        elif text_of(value):
            texts.add(text_of(value).lower().rstrip("/"))
        else:
            more, why = True, value.why if isinstance(value, Unknown) else "an assigned identity is not known"
    return _Assigned(system, user, tuple(addresses), frozenset(texts), more, why)


def _assigned_values(holder: Resource) -> Iterator[Value]:
    """Yield the IDs of the user-assigned identities. In templates, these are the names of fields."""
    yield from items_of(holder.select((*_IDENTITY, "identityIds")))
    listed = holder.select((*_IDENTITY, "userAssignedIdentities"))
    if isinstance(listed, MapValue):
        for name in listed.fields:
            yield (
                Unknown(at=listed.at, why="the ID is known after deployment", pattern=pattern_from(name))
                if has_holes(name)
                else Scalar(at=listed.at, value=name)
            )
        if listed.rest is not None:
            yield from listed.names or (listed.rest,)
    elif isinstance(listed, Unknown):
        yield listed


# --- Whether a resource has the identity that a reference uses ------------------------------------------------------


ASSIGNED, NO_IDENTITY, NOT_ASSIGNED = "assigned", "no identity", "not assigned"


@derived(
    "referenceIdentities",
    of=_TYPES,
    label="identity of the Key Vault reference",
    reads={**_USED, **_VAULT_READS},
)
def _reference_identities(resource: Resource, context: Context) -> Answer:
    """Return for each reference whether the resource has the identity that reads it, each as an item.

    ``assigned``, ``not assigned``, or ``no identity`` if the resource itself has none at all.
    """
    holder = _holder(resource, context)
    if not isinstance(holder, Resource):
        return absent(resource) if holder is None else known_list(resource, [unknown_as(holder, _ELSEWHERE)])
    assigned = _assigned(holder, context)
    words = ((use, _identity_word(use, resource, holder, assigned, context)) for use in _uses(resource, holder))
    found = [_if_reference(word, use, resource) for use, word in words]
    return known_list(resource, _each_once(found)) if found else absent(resource)


def _if_reference(word: Value, use: _Use, resource: Resource) -> Value:
    """Return the word for an identity, which is unknown if it matters and the value may not be a reference."""
    if is_reference(resource, use.value) or (isinstance(word, Scalar) and word.value == ASSIGNED):
        return word
    return unknown_as(use.value, _MAY_REFER)


def _identity_word(use: _Use, resource: Resource, holder: Resource, assigned: _Assigned, context: Context) -> Value:
    if use.identity == _ANY and resource.type.lower() == FRONT_DOOR:
        return known(use.value, ASSIGNED)  # its service principal needs no identity
    if assigned.are_none is Sure.YES:
        word = NO_IDENTITY if holder is resource else NOT_ASSIGNED
        return known(use.value, word, f"`{holder.address}` has no managed identity")
    if assigned.are_none is Sure.PERHAPS:
        return unknown(use.value, assigned.why)
    if isinstance(use.identity, str):
        return known(use.value, ASSIGNED)
    sure = _is_assigned(use.identity, assigned, context)
    if sure is Sure.PERHAPS:
        return unknown_as(use.identity, assigned.why or "the identity may be assigned")
    kind = "system-assigned" if _is_system(use.identity, context) is Sure.YES else "user-assigned"
    note = "" if sure is Sure.YES else f"the {kind} identity is not assigned to `{holder.address}`"
    return known(use.value, ASSIGNED if sure is Sure.YES else NOT_ASSIGNED, note)


def _is_system(named: Answer, context: Context) -> Sure:
    """Return whether a reference uses the system-assigned identity."""
    if isinstance(named, Absent):
        return Sure.YES
    if isinstance(named, Scalar):  # every identity has a client ID, but only a user-assigned one has a resource ID
        return (
            Sure.YES if text_of(named).lower() in _SYSTEM_WORDS else Sure.NO if "/" in text_of(named) else Sure.PERHAPS
        )
    is_id = isinstance(named, Unknown) and named.is_set and _IDENTITIES in text_of(named).lower()
    return Sure.NO if isinstance(named, Link) or is_id or _identity_of(named, context) is not None else Sure.PERHAPS


def _is_assigned(named: Answer, assigned: _Assigned, context: Context) -> Sure:
    """Return whether the identity that a reference names is assigned to its resource."""
    system = _is_system(named, context)
    if system is Sure.YES:
        return assigned.system
    found = _identity_of(named, context)
    if found is not None:
        if found.address in assigned.addresses:
            return Sure.YES
        return Sure.PERHAPS if assigned.more or assigned.texts or found.existing else Sure.NO
    if text_of(named).lower().rstrip("/") in assigned.texts:
        return Sure.YES
    return Sure.NO if assigned.user is Sure.NO and system is Sure.NO else Sure.PERHAPS


def _identity_of(named: Answer, context: Context) -> Resource | None:
    """Return the user-assigned identity in the graph that an ID or a client ID identifies."""
    if isinstance(named, Absent):
        return None
    found = _principals(context).get(_owner_of(named)) if text_of(named) else None
    if found is None:
        reference = reference_of("", "identity", named, context.index)
        targets = reference.targets if reference is not None else ()
        found = context.index.resources[targets[0]] if len(targets) == 1 else None
    return found if found is not None and found.type.lower() == _IDENTITIES else None


def _each_once(items: list[Value]) -> list[Value]:
    """Return the items without those that state the same as an earlier one."""
    found: dict[object, Value] = {}
    for item in items:
        stated = (item.value, item.note) if isinstance(item, Scalar) else getattr(item, "why", "")
        found.setdefault(stated, item)
    return list(found.values())


# --- Whether that identity has permission to read secrets -----------------------------------------------------------


_READ = "secrets/get"
_PRINCIPAL_TYPE: Path = ("properties", "principalType")
_IDS = frozenset({"principalid", "objectid", "clientid", "id"})
# The IDs of the resources that are principals.
_OWN_IDS: Mapping[str, tuple[Path, ...]] = {
    **dict.fromkeys((*_HOLDERS, _PROFILES, _ENVIRONMENTS), (("id",), ("identity", "principalId"))),
    _IDENTITIES: (("id",), ("properties", "principalId"), ("properties", "clientId")),
    _GROUPS: (("objectId",),),
}
_KEY = regex(r"\[[^\]]*\]")


@derived(
    "secretPermissions",
    of=_TYPES,
    label="permission to read the secret",
    reads={
        **_USED,
        **{type_: paths for type_, paths in COVERS_NEEDS.items() if not type_.startswith(VAULTS)},
        **GRANT_NEEDS,
        **{type_: (*GRANT_NEEDS[type_], *COVERS_NEEDS[type_]) for type_ in (ASSIGNMENTS, ACTIVE)},
        **_VAULT_READS,
        VAULTS: (*GRANT_NEEDS[VAULTS], *COVERS_NEEDS[VAULTS], RBAC, ("name",)),
        _IDENTITIES: _USED[_IDENTITIES],
        _GROUPS: (("objectId",), ("properties", "members")),
        _MEMBERS: (("properties", "groupId"), ("properties", "memberId")),
    },
)
def _secret_permissions(resource: Resource, context: Context) -> Answer:
    """Return for each vault that a resource refers to whether the identity that it uses may read secrets there.

    Only vaults and identities that are deployed here count. Others may have permissions that the input does not show.
    """
    holder = _holder(resource, context)
    if not isinstance(holder, Resource):
        return absent(resource) if holder is None else known_list(resource, [unknown_as(holder, _ELSEWHERE)])
    found: list[Value] = []
    assigned = _assigned(holder, context)
    for use in _uses(resource, holder):
        vaults, is_certain = _vaults(use.value, resource, context)
        readers = _readers(use, holder, assigned, context) if vaults else ((), "")
        for vault in vaults:
            one = _permission(use.value, context.index.resources[vault], resource, *readers, context)
            if one is not None and not is_certain:
                one = None if isinstance(one, Scalar) and one.value is True else unknown_as(use.value, _MAY_REFER)
            found += [] if one is None else [one]
    return known_list(resource, _each_once(found)) if found else absent(resource)


def _permission(
    value: Value, vault: Resource, resource: Resource, principals: Sequence[Resource], doubt: str, context: Context
) -> Value | None:
    """Return whether any of some identities may read the secrets of a vault; ``doubt``: why they are not known."""
    if doubt or not principals:
        return unknown(value, doubt) if doubt else None
    sure = max(_may_read(vault, principal, context) for principal in principals)
    model = model_of(vault)
    by_policies = isinstance(model, Scalar) and model.value == BY_POLICIES
    kind = "an access policy" if by_policies else "a role assignment"
    if sure is Sure.NO and not (context.has_all_companions(resource) and vault.exists_with(resource)):
        return unknown(value, elsewhere(vault, POLICIES if by_policies else ASSIGNMENTS))
    if sure is Sure.PERHAPS:
        return unknown(value, f"{kind} on `{vault.address}` may be for the identity or a group that it is in")
    note = f"no {kind.partition(' ')[2]} on `{vault.address}` grants it" if sure is Sure.NO else ""
    return known(value, sure is Sure.YES, note)


def _readers(use: _Use, holder: Resource, assigned: _Assigned, context: Context) -> tuple[Sequence[Resource], str]:
    """Return the identities any of which reads a reference, and why they are not known.

    Empty if the resource has no such identity, which other rules report.
    """
    named = use.identity
    if isinstance(named, str):
        found = [context.index.resources[address] for address in assigned.addresses]
        found += [holder] if assigned.system is Sure.YES else []
        if assigned.more or assigned.texts or Sure.PERHAPS in (assigned.system, assigned.user):
            return [], assigned.why or _ELSEWHERE
        return ((), _ELSEWHERE) if any(one.existing for one in found) else (found, "")
    if _is_assigned(named, assigned, context) is Sure.NO:
        return [], ""
    if _is_system(named, context) is Sure.YES:
        return ([holder], "") if assigned.system is Sure.YES else ([], assigned.why)
    identity = _identity_of(named, context)
    if identity is None or identity.existing:
        return [], named.why if isinstance(named, Unknown) and not named.is_set else _ELSEWHERE
    return [identity], ""


def _may_read(vault: Resource, principal: Resource, context: Context) -> Sure:
    """Return whether an identity may read the secrets of a vault under the vault's permission model."""
    kept: dict[tuple[str, str], Sure] = context.cache.setdefault("readers", {})
    key = (vault.address, principal.address)
    if key not in kept:
        found = (_allows(grant, sure, principal, context) for grant, sure in _grants_on(vault, context))
        kept[key] = max(found, default=Sure.NO)
    return kept[key]


def _grants_on(vault: Resource, context: Context) -> Iterator[tuple[Grant | None, Sure]]:
    """Yield the access policies and role assignments that are effective on a vault; None for unknown ones."""
    model = model_of(vault)
    word = model.value if isinstance(model, Scalar) else ""
    sources: list[tuple[Resource, Sure]] = []
    if word != BY_ROLES:
        limit = Sure.YES if word == BY_POLICIES else Sure.PERHAPS
        sources.append((vault, limit))
        sources += [
            (one, min(sure, limit)) for one, sure in companions(context, "parent", POLICIES).naming(vault.address)
        ]
    if word != BY_POLICIES:
        limit = Sure.YES if word == BY_ROLES else Sure.PERHAPS
        sources += [(one, min(sure, limit)) for one, sure in _covering(context).naming(vault.address)]
    for source, sure in sources:
        grants = grants_of(source, context)
        if isinstance(grants, Unknown):
            yield None, Sure.PERHAPS
            continue
        is_sure = source.conditions <= vault.conditions and source.assumption == vault.assumption
        for grant in grants:
            yield grant, sure if is_sure else min(sure, Sure.PERHAPS)


def _covering(context: Context) -> Companions:
    found: Companions | None = context.cache.get("assignments by vault")
    if found is None:
        references = Coverage(context.index).references(COVERS, frozenset({ASSIGNMENTS, ACTIVE}))
        found = context.cache["assignments by vault"] = Companions(references, context)
    return found


def _allows(grant: Grant | None, sure: Sure, principal: Resource, context: Context) -> Sure:
    if grant is None:
        return sure
    permitted = Sure.YES if _READ in grant.permissions else Sure.PERHAPS if grant.doubt is not None else Sure.NO
    if Sure.NO in (permitted, sure):
        return Sure.NO
    return min(permitted, sure, _is_for(grant, principal, context))


def _is_for(grant: Grant, principal: Resource, context: Context) -> Sure:
    """Return whether a policy or assignment is for an identity: by its object ID, or by that of a group."""
    if grant.identity.kind == DEPLOYER:
        return Sure.NO
    text, owner = bare(string_of(grant.principal)).lower(), _owner_of(grant.principal)
    found = _principals(context).get(text) or _principals(context).get(owner)
    if found is not None:
        return _is_member(found, principal, context)
    is_other = grant.identity.family == RESOURCE_FAMILY and _base(owner) != _base(principal.address)
    is_other = is_other and owner.rpartition("/")[2] != principal.name.lower()
    return Sure.NO if is_other or _is_user(grant) else Sure.PERHAPS


def _base(address: str) -> str:
    """Return an address in lower case without its instance keys."""
    return _KEY.sub("", address.lower())


def _is_user(grant: Grant) -> bool:
    """Return whether a principal is a user, who never is an identity or a group."""
    declared = grant.source.select(_PRINCIPAL_TYPE) if grant.source.type.lower() in GRANTS else None
    is_declared = isinstance(declared, Scalar) and str(declared.value).lower() == "user"
    pattern = grant.principal.pattern if isinstance(grant.principal, Unknown) else None
    return is_declared or any(one.type.endswith("azuread_user") for one in declared_in(pattern))


def _is_member(found: Resource, principal: Resource, context: Context) -> Sure:
    if found.address == principal.address:
        return Sure.YES
    if found.type.lower() != _GROUPS:
        if _same_id(found, principal):
            return Sure.YES
        # The identity of an existing resource may be looked up under another name.
        return Sure.PERHAPS if found.existing else Sure.NO
    for member in _members(found, context):
        known_member = _principals(context).get(_owner_of(member))
        if known_member is not None and known_member.address == principal.address:
            return Sure.YES
    return Sure.PERHAPS


def _same_id(one: Resource, other: Resource) -> bool:
    text = text_of(one.select(("id",)))
    return text != "" and text.lower() == text_of(other.select(("id",))).lower()


def _members(group: Resource, context: Context) -> Iterator[Value]:
    """Yield the members of a group that this input declares."""
    if group.stays:
        yield from items_of(group.select(("properties", "members")))
    for resource in context.index.of_type(_MEMBERS):
        own = resource.select(("properties", "memberId"))
        of = _principals(context).get(_owner_of(resource.select(("properties", "groupId"))))
        is_sure = resource.stays and not resource.conditions and resource.assumption is None
        if is_sure and not isinstance(own, Absent) and of is not None and of.address == group.address:
            yield own


def _principals(context: Context) -> Mapping[str, Resource]:
    """Return the resources with identities, and groups, by address, ID and object ID, all in lower case."""
    found: dict[str, Resource] | None = context.cache.get("identities by id")
    if found is None:
        found = context.cache["identities by id"] = {}
        for type_, paths in _OWN_IDS.items():
            for resource in context.index.of_type(type_):
                if type_ == APIM and not isinstance(resource.select(_SCOPE), Absent):
                    continue
                found[resource.address.lower()] = resource
                ids = (bare(string_of(resource.select(path))).lower().rstrip("/") for path in paths)
                for text in filter(None, ids):
                    if not resource.existing or text not in found:
                        found[text] = resource
    return found


def _owner_of(answer: Answer) -> str:
    """Return the key of the resource that an ID, an object ID or a client ID identifies."""
    return owner_of(string_of(answer), _IDS).lower().rstrip("/")


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
    of=(*_REFERENCES, OF_APP_SERVICE),
    label="vault of the secret",
    reads={**_REFERENCES, OF_APP_SERVICE: (*CERTIFICATE_NEEDS[OF_APP_SERVICE], _OF_CERTIFICATE_VAULT), **_VAULT_READS},
)
def _secret_vault_ids(resource: Resource, context: Context) -> Answer:
    """Return the vaults of the secrets and certificates that a resource refers to."""
    own = resource.select(_OF_CERTIFICATE_VAULT) if resource.type.lower() == OF_APP_SERVICE else Absent(at=resource.at)
    if not isinstance(own, Absent):
        return known_list(resource, [own])
    found: list[Value] = []
    for value in _values(resource):
        vaults, is_certain = _vaults(value, resource, context)
        if is_certain:
            found += (Link(at=value.at, target=one, type=_VAULT) for one in vaults)
        elif vaults:
            why = value.why if isinstance(value, Unknown) else _MAY_REFER
            found.append(Unknown(at=value.at, why=why, candidates=vaults, closed=True))
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
    reference = None if isinstance(value, Absent) else reference_of(resource.address, "", value, context.index)
    targets = reference.targets if reference is not None else ()
    return context.index.resources[targets[0]] if len(targets) == 1 else None
