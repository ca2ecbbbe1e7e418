"""Private endpoints: what they lead to, and in which DNS zones they are written.

The azurerm table says some of it directly; of a template or an azapi body it is made here. Source:
learn.microsoft.com/azure/private-link/private-endpoint-dns.
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.azure.azurerm.resources import RESOURCES, canonical, is_vault_related
from azkvlint.derived.registry import Context, absent, derived, known, known_list, or_absent, unknown, unknown_as
from azkvlint.graph.references import reference_of
from azkvlint.graph.resource_ids import HOLE
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Link, ListValue, Path, Scalar, Unknown, Value, select, text_of

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
# What names the target of an endpoint.
TARGET_READS: Mapping[str, tuple[Path, ...]] = {ENDPOINTS: (("properties",), _READ[_TARGET])}
OTHER = "other"
# The parts of services other than Key Vault that endpoints lead to, in lower case. Source:
# learn.microsoft.com/azure/private-link/private-endpoint-overview#private-link-resource.
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
    """A field of the endpoint's connection, be it ordered with or without approval: Azure takes only one."""
    have = resource.select(_READ[field])
    if not isinstance(have, Absent):
        return have
    for connections in _CONNECTIONS:
        found = resource.select(("properties", connections, 0, "properties", field))
        if isinstance(found, (Scalar, ListValue, Link, Unknown)):
            return found
    return have


@derived("privateLinkServiceId", of=ENDPOINTS, label="target", reads=TARGET_READS)
def _target(resource: Resource, _: Context) -> Answer:
    """Return what an endpoint leads to."""
    return connection(resource, _TARGET)


@derived("groupIds", of=ENDPOINTS, label="subresources", reads={ENDPOINTS: (("properties",), _READ[_PARTS])})
def _subresources(resource: Resource, _: Context) -> Answer:
    """Return the parts of its target that an endpoint leads to."""
    return connection(resource, _PARTS)


@derived(
    "manualConnection", of=ENDPOINTS, label="manual connection", reads={ENDPOINTS: (("properties",), _READ[_MANUAL])}
)
def _manual(resource: Resource, _: Context) -> Answer:
    """Whether the connection waits until the owner of the vault approves it."""
    have = resource.select(_READ[_MANUAL])
    if not isinstance(have, Absent):
        return have if isinstance(have, (Scalar, Unknown)) else absent(resource)
    lists = [resource.select(("properties", connections)) for connections in _CONNECTIONS]
    for manual, found in zip((False, True), lists, strict=True):
        if isinstance(found, ListValue) and found.items:
            return known(found, manual)
    return or_absent(next((found for found in lists if isinstance(found, Unknown)), None), resource)


@derived(
    "targetType", of=ENDPOINTS, label="target type", reads={ENDPOINTS: (("properties",), _READ[_TARGET], _READ[_PARTS])}
)
def _target_type(resource: Resource, context: Context) -> Answer:
    """The type of what an endpoint leads to; OTHER for a type that kvlint has no name for."""
    target = connection(resource, _TARGET)
    if isinstance(target, Absent):
        return target
    types = _types_of(target, context)
    if len(types) == 1 and "" not in types:
        type_ = types.pop()
        return known(target, type_, f"it leads to a {type_}")
    parts = connection(resource, _PARTS)
    if isinstance(parts, ListValue) and parts.items and all(map(_is_of_other, parts.items)):
        return known(target, OTHER, "its part is not one of Key Vault")
    return unknown_as(target, "the type of what it leads to is not known")


def _is_of_other(part: Value) -> bool:
    """Return whether a part is one of a service other than Key Vault."""
    return isinstance(part, Scalar) and str(part.value).lower() in _PARTS_OF_OTHERS


def _types_of(target: Value, context: Context) -> set[str]:
    """The types that a target can be of; the empty text for any type."""
    if isinstance(target, Link):
        return {target.type if "/" in target.type else _type_at(target.target, context)}
    _, providers, rest = text_of(target).rstrip("/").rpartition("/providers/")
    parts = rest.split("/")
    type_ = "/".join([parts[0], *parts[1::2]])
    if providers and len(parts) % 2 and HOLE not in type_:
        return {canonical(type_) or type_}
    if isinstance(target, Unknown) and target.closed and target.candidates:
        return {_type_at(address, context) for address in target.candidates}
    return {""}


def _type_at(address: str, context: Context) -> str:
    """The type of the resource at an address. No resource of Key Vault is without a table."""
    found = context.index.resources.get(address)
    if found is not None:
        return found.type
    parts = [part for part in address.split(".") if part.startswith("azurerm_")]
    return OTHER if parts and parts[-1] not in RESOURCES and not is_vault_related(parts[-1]) else ""


@derived("privateDnsZoneIds", of=ENDPOINTS, label="private DNS zones", reads=ZONE_NEEDS)
def zone_ids(resource: Resource, context: Context) -> Answer:
    """The private DNS zones that an endpoint is written in, by its zone groups."""
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
            id_ = select(config, ("properties", "privateDnsZoneId"))
            if not isinstance(id_, Absent):
                ids.append(id_)
    if ids:
        return known_list(ids[0], ids)
    if resource.address in groups or not groups.get(""):
        return absent(resource)
    return unknown(resource, f"{groups[''][0].address} may be its zone group")


def _groups(context: Context) -> dict[str, list[Resource]]:
    """The zone groups by the address of their endpoint; those that may be of any endpoint under the empty text."""
    found: dict[str, list[Resource]] = {}
    for group in context.index.of_type(ZONE_GROUPS):
        above = group.select(("parent",))
        reference = None if isinstance(above, Absent) else reference_of(group.address, "", above, context.index)
        if group.stays and reference is not None:
            for address in reference.targets:
                found.setdefault(address, []).append(group)
            if reference.candidates or reference.anything:
                found.setdefault("", []).append(group)
    return found


@derived("zoneNames", of=ENDPOINTS, label="private DNS zone names", reads=ZONE_NEEDS)
def _zone_names(resource: Resource, context: Context) -> Answer:
    """The names of those zones."""
    ids = zone_ids(resource, context)
    if not isinstance(ids, ListValue):
        return ids
    return known_list(ids, (zone_name(id_, context) for id_ in ids.items))


def zone_name(id_: Value, context: Context) -> Value:
    """The name of the zone that an id, or a link, is of."""
    reference = reference_of("", "", id_, context.index)
    if reference is not None and len(reference.targets) == 1 and not reference.candidates:
        name = context.index.resources[reference.targets[0]].select(("name",))
        if isinstance(name, Scalar):
            return _named(id_, str(name.value), sensitive=name.sensitive)
    text = text_of(id_).rstrip("/").rpartition("/")[2]
    if text and HOLE not in text:
        return _named(id_, text, sensitive=id_.sensitive)
    return unknown_as(id_, "the name of the zone is not known")


def _named(id_: Value, name: str, *, sensitive: bool) -> Scalar:
    note = "" if sensitive else f"the zone is {name}"
    return known(id_, name, note, sensitive=sensitive)
