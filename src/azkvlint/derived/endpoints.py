"""Private endpoints: their targets, and the private DNS zones that they are registered in.

The azurerm table sets some of the attributes directly; for a template or an azapi body they are computed here. Source:
learn.microsoft.com/azure/private-link/private-endpoint-dns.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import msgspec

from azkvlint.azure.azurerm.resources import RESOURCES, canonical, is_vault_related
from azkvlint.derived.answers import absent, known, known_list, or_absent, unknown, unknown_as
from azkvlint.derived.registry import Context, derived
from azkvlint.graph.references import may_equal_segment, parent_of, reference_of
from azkvlint.model.pattern import has_holes
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Link, ListValue, Origin, Path, Scalar, Unknown, Value

ENDPOINTS = "microsoft.network/privateendpoints"
ZONE_GROUPS = "microsoft.network/privateendpoints/privatednszonegroups"
ZONES = "microsoft.network/privatednszones"
VAULTS = ("microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms")
_TARGET, _PARTS, _MANUAL, _ZONE_IDS = "privateLinkServiceId", "groupIds", "manualConnection", "privateDnsZoneIds"
_READ = {name: ("derived", name) for name in (_TARGET, _PARTS, _MANUAL, _ZONE_IDS)}
_CONNECTIONS = ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections")
ZONE_NEEDS: Mapping[str, tuple[Path, ...]] = {
    ENDPOINTS: (_READ[_ZONE_IDS],),
    ZONE_GROUPS: (("parent",), ("properties", "privateDnsZoneConfigs")),
    ZONES: (("id",), ("name",)),
}
# The attributes that identify the target of an endpoint.
TARGET_READS: Mapping[str, tuple[Path, ...]] = {ENDPOINTS: (("properties",), _READ[_TARGET])}
CONNECTION_READS: Mapping[str, tuple[Path, ...]] = {ENDPOINTS: (*TARGET_READS[ENDPOINTS], _READ[_PARTS])}
OTHER = "other"
# The subresources (group IDs) of Key Vault and of other services, in lower case. Source:
# learn.microsoft.com/azure/private-link/private-endpoint-overview#private-link-resource. The name of a slot of an app
# follows ``sites-``. Source: learn.microsoft.com/azure/app-service/overview-private-endpoint.
_OWN_PARTS, _OF_SLOTS = ("vault", "managedhsm"), "sites-"
_PARTS_OF_OTHERS = frozenset(
    {
        "account", "amlregistry", "amlworkspace", "analytical", "azurebackup", "azuremonitor", "azuresiterecovery",
        "batchaccount", "blob", "blob_secondary", "browser_authentication", "cassandra", "configurationstores",
        "databricks_ui_api", "datafactory", "dev", "dfs", "dfs_secondary", "disks", "domain", "dscandhybridworker",
        "file", "file_secondary", "gateway", "grafana", "gremlin", "headnode", "iotdps", "iothub", "managedinstance",
        "management", "mariadbserver", "mongodb", "mysqlserver", "namespace", "nodemanagement", "postgresqlserver",
        "queue", "queue_secondary", "rediscache", "redisenterprise", "registry", "searchservice", "signalr", "sites",
        "sql", "sqlondemand", "sqlserver", "table", "table_secondary", "topic", "web", "web_secondary", "webhook",
    }
)  # fmt: skip


def connection(resource: Resource, field: str) -> Answer:
    """Return a field of the endpoint's connection, with automatic or manual approval: Azure accepts only one."""
    have = resource.select(_READ[field])
    if not isinstance(have, Absent):
        return have
    for connections in _CONNECTIONS:
        found = resource.select(("properties", connections, 0, "properties", field))
        if isinstance(found, (Scalar, ListValue, Link, Unknown)):
            return found
    return have


@derived("privateLinkServiceId", of=ENDPOINTS, label="target of the private endpoint", reads=TARGET_READS)
def _target(resource: Resource, _: Context) -> Answer:
    """Return the target of an endpoint."""
    return connection(resource, _TARGET)


@derived("groupIds", of=ENDPOINTS, label="subresource", reads=(("properties",), _READ[_PARTS]))
def _subresources(resource: Resource, _: Context) -> Answer:
    """Return the subresources of its target that an endpoint connects to."""
    found = connection(resource, _PARTS)
    if not isinstance(found, ListValue):
        return found
    items = tuple(
        msgspec.structs.replace(item, note=f"subresource is `{item.display()}`") if isinstance(item, Scalar) else item
        for item in found.items
    )
    return msgspec.structs.replace(found, items=items)


@derived("manualConnection", of=ENDPOINTS, label="manual connection", reads=(("properties",), _READ[_MANUAL]))
def _manual(resource: Resource, _: Context) -> Answer:
    """Return whether the connection waits for the approval of the vault's owner."""
    have = resource.select(_READ[_MANUAL])
    if not isinstance(have, Absent):
        return have if isinstance(have, (Scalar, Unknown)) else absent(resource)
    lists = [resource.select(("properties", connections)) for connections in _CONNECTIONS]
    for manual, found in zip((False, True), lists, strict=True):
        if isinstance(found, ListValue) and found.items:
            return known(found, manual)
    return or_absent(next((found for found in lists if isinstance(found, Unknown)), None), resource)


@derived("targetType", of=ENDPOINTS, label="target type", reads=(("properties",), _READ[_TARGET], _READ[_PARTS]))
def _target_type(resource: Resource, context: Context) -> Answer:
    """Return the type of an endpoint's target; OTHER for a type that is not in the tables of kvlint."""
    target = connection(resource, _TARGET)
    if isinstance(target, Absent):
        return target
    types = _types_of(target, context)
    if len(types) == 1 and "" not in types:
        type_ = types.pop()
        return known(target, type_, f"target type is {type_}")
    if "" not in types and not any(type_.lower() in VAULTS for type_ in types):
        return known(target, OTHER, "no possible target is a vault or managed HSM")
    parts = connection(resource, _PARTS)
    if isinstance(parts, ListValue) and parts.items and all(map(_is_of_other, parts.items)):
        return known(target, OTHER, "subresource does not belong to Key Vault")
    return unknown_as(target, "the type of the target is not known")


def _is_of_other(part: Value) -> bool:
    """Return whether a subresource belongs to a service other than Key Vault, as far as its name is known."""
    text = part.text.lower()
    if text.startswith(_OF_SLOTS) or text in _PARTS_OF_OTHERS:
        return True
    if not has_holes(text):
        return False
    could_be = partial(may_equal_segment, text)
    return any(map(could_be, _PARTS_OF_OTHERS)) and not any(map(could_be, _OWN_PARTS))


def _types_of(target: Value, context: Context) -> set[str]:
    """Return the types that a target can have; the empty string for any type."""
    if isinstance(target, Link):
        return {target.type if "/" in target.type else _type_at(target.target, context)}
    _, providers, rest = target.text.rstrip("/").rpartition("/providers/")
    parts = rest.split("/")
    type_ = "/".join([parts[0], *parts[1::2]])
    if providers and len(parts) % 2 and not has_holes(type_):
        return {canonical(type_) or type_}
    if isinstance(target, Unknown) and target.closed and target.candidates:
        of_candidates = {_type_at(address, context) for address in target.candidates}
        of_types = {canonical(type_) or type_ for type_ in target.types} or {""}
        return of_types if "" in of_candidates else of_candidates
    return {""}


def _type_at(address: str, context: Context) -> str:
    """Return the type of the resource at an address. Every resource type of Key Vault has a table."""
    found = context.index.resources.get(address)
    if found is not None:
        return found.type
    parts = [part for part in address.split(".") if part.startswith("azurerm_")]
    return OTHER if parts and parts[-1] not in RESOURCES and not is_vault_related(parts[-1]) else ""


@derived("privateDnsZoneIds", of=ENDPOINTS, label="private DNS zone", reads=ZONE_NEEDS)
def zone_ids(resource: Resource, context: Context) -> Answer:
    """Return the private DNS zones of an endpoint, from its zone groups."""
    have = resource.select(_READ[_ZONE_IDS])
    if not isinstance(have, Absent):
        return have
    groups = context.cache.get("zoneGroups")
    if not isinstance(groups, dict):
        groups = context.cache["zoneGroups"] = _groups(context)
    ids: list[Value] = []
    for group in groups.get(resource.address, ()):
        configs = group.select(("properties", "privateDnsZoneConfigs"))
        if isinstance(configs, Unknown):
            return configs
        for config in configs.items if isinstance(configs, ListValue) else ():
            id_ = config.select(("properties", "privateDnsZoneId"))
            if not isinstance(id_, Absent):
                ids.append(id_)
    if ids:
        return known_list(ids[0], ids)
    if resource.address in groups or not groups.get(""):
        return absent(resource)
    return unknown(resource, f"`{groups[''][0].address}` may be the DNS zone group of the endpoint")


def _groups(context: Context) -> dict[str, list[Resource]]:
    """Return the zone groups by the address of their endpoint.

    Groups that may be of any endpoint are under the empty string.
    """
    found: dict[str, list[Resource]] = {}
    for group in context.index.of_type(ZONE_GROUPS):
        reference = parent_of(group, context.index)
        if group.stays and reference is not None:
            for address in reference.targets:
                found.setdefault(address, []).append(group)
            if reference.candidates or reference.anything:
                found.setdefault("", []).append(group)
    return found


@derived("zoneNames", of=ENDPOINTS, label="private DNS zone name", reads=ZONE_NEEDS)
def _zone_names(resource: Resource, context: Context) -> Answer:
    """Return the names of the private DNS zones of an endpoint."""
    ids = zone_ids(resource, context)
    if not isinstance(ids, ListValue):
        return ids
    return known_list(ids, (zone_name(id_, context) for id_ in ids.items))


def zone_name(id_: Value, context: Context) -> Value:
    """Return the name of the zone that an id, or a link, refers to."""
    reference = reference_of("", "", id_, context.index)
    if reference is not None and len(reference.targets) == 1 and not reference.candidates:
        name = context.index.resources[reference.targets[0]].select(("name",))
        if isinstance(name, Scalar):
            return _named(id_, str(name.value), sensitive=name.sensitive)
        if isinstance(name, Unknown):
            return unknown(
                id_, f"the name of `{reference.targets[0]}` is unknown: {name.why}", sensitive=name.sensitive
            )
    text = id_.text.rstrip("/").rpartition("/")[2]
    if text and not has_holes(text):
        return _named(id_, text, sensitive=id_.sensitive)
    return unknown_as(id_, f"the private DNS zone `{id_.display()}` has an unknown name")


def _named(id_: Value, name: str, *, sensitive: bool) -> Scalar:
    note = "" if sensitive else f"zone is `{name}`"
    return known(id_, name, note, sensitive=sensitive)


# Before azurerm 5.0 a zone is referred to by its name, which is enough if there is one zone of that name.


LINKS = "microsoft.network/privatednszones/virtualnetworklinks"
_RECORDS = "microsoft.network/privatednszones/a"
_ZONE_NAME: Path = ("derived", "zoneName")
_GROUP: Path = ("resourceGroupName",)
# The prefixes of the private link zones, and those of the public zone names, which a private zone may override.
_RESOLVED_PREFIXES = {
    VAULTS[0]: ("vault.", "vaultcore.", "privatelink.vaultcore."),
    VAULTS[1]: ("managedhsm.", "privatelink.managedhsm."),
}


HEADS: tuple[Path, ...] = (("parent",), ("name",), _GROUP, _ZONE_NAME)


@derived(
    "zone",
    of=(LINKS, _RECORDS),
    label="private DNS zone",
    reads={LINKS: HEADS, _RECORDS: HEADS, ZONES: (("id",), ("name",), _GROUP)},
)
def zone_of(resource: Resource, context: Context) -> Answer:
    """Return the zone of a DNS record or network link."""
    above, name = resource.select(("parent",)), resource.select(_ZONE_NAME)
    if not isinstance(above, Absent):
        return above
    if not isinstance(name, Scalar):
        return absent(resource) if isinstance(name, Absent) else name
    found = [one for one in _resources_named(ZONES, str(name.value).lower(), context) if _may_be_beside(one, resource)]
    perhaps = [one for one in _nameless(ZONES, context) if _may_be_beside(one, resource)]
    if len(found) == 1 and not perhaps:
        return Link(at=name.at, target=found[0].address, type=found[0].type, origin=Origin.DERIVED)
    candidates = tuple(zone.address for zone in (*found, *perhaps))
    why = f"the private DNS zone may be any of {len(candidates)}"
    if len(candidates) == 1:
        why = f"the private DNS zone may be `{candidates[0]}`"
    return (
        Unknown(at=name.at, origin=Origin.DERIVED, why=why, candidates=candidates, closed=True)
        if candidates
        else absent(resource)
    )


def _may_be_beside(zone: Resource, resource: Resource) -> bool:
    """Return whether two resources may be in one group: a reference to a zone by name also states the zone's group."""
    one, other = zone.select(_GROUP), resource.select(_GROUP)
    certain = isinstance(one, Scalar) and isinstance(other, Scalar)
    return not certain or one.text.lower() == other.text.lower()


@derived(
    "dnsRecord",
    of=ENDPOINTS,
    label="private DNS record",
    reads={**TARGET_READS, _RECORDS: HEADS, ZONES: (("id",), ("name",)), **dict.fromkeys(VAULTS, (("id",), ("name",)))},
)
def _dns_record(resource: Resource, context: Context) -> Answer:
    """Return true if a record in a zone that clients resolve has the name of the vault that an endpoint leads to."""
    target = connection(resource, "privateLinkServiceId")
    reference = reference_of("", "", target, context.index)
    if reference is None:
        return absent(resource)
    doubtful = list(_nameless(_RECORDS, context))
    vaults = (context.index.resources[address] for address in reference.targets)
    for vault in (one for one in vaults if one.type.lower() in VAULTS):
        name = vault.select(("name",))
        words = (str(name.value).lower(), "*") if isinstance(name, Scalar) else ("*",)
        for record in (one for word in words for one in _resources_named(_RECORDS, word, context)):
            is_resolved = _is_in_resolved_zone(record, vault, context)
            if is_resolved:
                return known(record, True)
            doubtful += [record] if is_resolved is None else []
        doubtful = doubtful if isinstance(name, Scalar) else context.index.of_type(_RECORDS)
        doubtful = [record for record in doubtful if _is_in_resolved_zone(record, vault, context) is not False]
    if reference.candidates or reference.anything:
        doubtful = context.index.of_type(_RECORDS)
    if not doubtful:
        return absent(resource)
    return unknown(resource, f"`{doubtful[0].address}` may be the DNS record of the endpoint")


def _is_in_resolved_zone(record: Resource, vault: Resource, context: Context) -> bool | None:
    """Return whether a record is in a zone in which clients resolve a vault's name; None if that is not known."""
    above = record.select(("parent",))
    name = record.select(_ZONE_NAME) if isinstance(above, Absent) else zone_name(above, context)
    return (
        str(name.value).lower().startswith(_RESOLVED_PREFIXES[vault.type.lower()]) if isinstance(name, Scalar) else None
    )


def _resources_named(type_: str, name: str, context: Context) -> list[Resource]:
    """Return the resources whose name in Azure is certainly this one."""
    found = context.index.named(type_, name)
    return [one for one in found if one.stays and isinstance(one.select(("name",)), Scalar)]


def _nameless(type_: str, context: Context) -> list[Resource]:
    """Return the resources whose name is not known."""
    key = f"nameless {type_}"
    found = context.cache.get(key)
    if not isinstance(found, list):
        named = context.index.of_type(type_)
        found = context.cache[key] = [one for one in named if one.stays and isinstance(one.select(("name",)), Unknown)]
    return found
