"""Where the audit events of a vault go, and what their keeping hangs on.

Source: learn.microsoft.com/azure/key-vault/general/logging, and of learn.microsoft.com/azure/azure-monitor the pages
platform/diagnostic-settings (categories, groups, destinations) and logs/customer-managed-keys (a workspace takes the
key of its cluster).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from kvlint.model.graph import Reference, Resource
from kvlint.model.value import Absent, Answer, ListValue, Path, Scalar, Unknown, Value, select, text_of
from kvlint.readers.derive import consumers
from kvlint.readers.derive.attribute import Context, Derived
from kvlint.readers.derive.companions import Sure, companions, is_one_of, is_set, items_of
from kvlint.readers.derive.vaults import MANAGED_HSMS, VAULTS
from kvlint.readers.references import reference_of

SETTINGS = "microsoft.insights/diagnosticsettings"
_STORAGE = "microsoft.storage/storageaccounts"
_NAMESPACES = "microsoft.eventhub/namespaces"
_NAMESPACE_RULES = "microsoft.eventhub/namespaces/authorizationrules"
_WORKSPACES = "microsoft.operationalinsights/workspaces"
_LINKED = "microsoft.operationalinsights/workspaces/linkedservices"
_CLUSTERS = "microsoft.operationalinsights/clusters"

_LOGS: Path = ("properties", "logs")
_WORKSPACE: Path = ("properties", "workspaceId")
_ACCOUNT: Path = ("properties", "storageAccountId")
_HUB: Path = ("properties", "eventHubAuthorizationRuleId")
_OLD_HUB: Path = ("properties", "serviceBusRuleId")
_PARTNER: Path = ("properties", "marketplacePartnerId")
_DESTINATIONS: Mapping[str, tuple[Path, ...]] = {
    "workspace": (_WORKSPACE,),
    "storage": (_ACCOUNT,),
    "event-hub": (_HUB, _OLD_HUB),
    "partner": (_PARTNER,),
}
_CLUSTER: Path = ("properties", "writeAccessResourceId")
_NAMESPACE_NAME: Path = ("derived", "namespaceName")
_KEY_FIELDS = ("keyId", "keyIds", "keyVaultId")


def _audit_destinations(resource: Resource, context: Context) -> Value | None:
    """The kinds of places that all diagnostic settings of a vault together send its audit events to."""
    if resource.type.lower() not in (VAULTS, MANAGED_HSMS):
        return None
    found: dict[str, Sure] = {}
    for setting, sure in companions(context, "scope", SETTINGS).of(resource.address):
        audits = min(sure, _audits(setting))
        for kind in _DESTINATIONS:
            found[kind] = max(min(audits, _sent_to(setting, kind)), found.get(kind, Sure.NO))
    items: list[Value] = [
        Scalar(at=resource.at, value=kind, origin="derived") for kind, sure in found.items() if sure is Sure.YES
    ]
    if Sure.PERHAPS in found.values():
        items.append(Unknown(at=resource.at, origin="derived", why="where its audit events go is not known"))
    elif not context.closed:
        why = "a diagnostic setting that is not part of this input may send them elsewhere, too"
        items.append(Unknown(at=resource.at, origin="derived", why=why))
    return ListValue(at=resource.at, items=tuple(items), origin="derived")


def _exports_audit(resource: Resource, context: Context) -> Value | None:
    """Whether a diagnostic setting exports audit events, and anywhere at all."""
    if resource.type.lower() != SETTINGS:
        return None
    audits = _audits(resource)
    sure = min(audits, max(_sent_to(resource, kind) for kind in _DESTINATIONS))
    if sure is Sure.PERHAPS:
        return Unknown(at=resource.at, origin="derived", why="whether it exports audit events is not known")
    missing = "no log of it that is on has audit events" if audits is Sure.NO else "it names no destination"
    return Scalar(at=resource.at, value=sure is Sure.YES, origin="derived", note="" if sure is Sure.YES else missing)


def _sent_to(setting: Resource, kind: str) -> Sure:
    """Whether a diagnostic setting has a destination of a kind."""
    return max(is_set(setting.select(path)) for path in _DESTINATIONS[kind])


def _audits(setting: Resource) -> Sure:
    """Whether audit events are among what a diagnostic setting exports."""
    logs = setting.select(_LOGS)
    if isinstance(logs, Unknown):
        return Sure.PERHAPS
    return max((_is_audit(log) for log in items_of(logs)), default=Sure.NO)


def _is_audit(log: Value) -> Sure:
    enabled = select(log, ("enabled",))
    on = (Sure.YES if enabled.value is True else Sure.NO) if isinstance(enabled, Scalar) else is_one_of(enabled)
    category, group = select(log, ("category",)), select(log, ("categoryGroup",))
    return min(on, max(is_one_of(category, "AuditEvent"), is_one_of(group, "audit", "allLogs")))


def _sink_needs_source(resource: Resource, context: Context) -> Value | None:
    """Whether where a vault's events are kept is encrypted with a key of that very vault."""
    scope = resource.select(("scope",))
    if resource.type.lower() != SETTINGS or isinstance(scope, Absent):
        return None
    source = reference_of(resource.address, "scope", scope, context.index)
    if source is None:
        return None
    keys = ((key, min(sure, of)) for sink, sure in _sinks(resource, context) for key, of in _keys_of(sink, context))
    found = max((min(sure, _in_source(key, source, context)) for key, sure in keys), default=Sure.NO)
    if found is Sure.PERHAPS:
        return Unknown(at=resource.at, origin="derived", why="whose key encrypts the destination is not known")
    return Scalar(at=resource.at, value=found is Sure.YES, origin="derived")


def _in_source(key: Value, source: Reference, context: Context) -> Sure:
    """Whether a key lies in the vault that a setting is for, as far as it is known which one that is."""
    if source.anything:
        return Sure.PERHAPS
    perhaps = min(Sure.PERHAPS, _in_one_of(key, source.candidates, context))
    return max(_in_one_of(key, source.targets, context), perhaps)


def _sinks(setting: Resource, context: Context) -> Iterator[tuple[Resource, Sure]]:
    """What a setting sends to, as far as it is part of the input: accounts, namespaces, clusters of workspaces."""
    yield from _named(setting.select(_ACCOUNT), _STORAGE, context)
    for workspace, sure in _named(setting.select(_WORKSPACE), _WORKSPACES, context):
        for service, of in companions(context, "parent", _LINKED).of(workspace.address):
            named = _named(service.select(_CLUSTER), _CLUSTERS, context)
            yield from ((cluster, min(sure, of, by)) for cluster, by in named)
    for path in (_HUB, _OLD_HUB):
        yield from _namespaces(setting.select(path), context)


def _namespaces(rule: Answer, context: Context) -> Iterator[tuple[Resource, Sure]]:
    """The namespace of an authorization rule: the start of its id, or what the rule itself says."""
    start, found, _ = text_of(rule).lower().partition("/authorizationrules/")
    if found and isinstance(rule, Scalar | Unknown):
        known = "pattern" if isinstance(rule, Unknown) else "value"
        yield from _named(msgspec.structs.replace(rule, **{known: start}), _NAMESPACES, context)
    elif isinstance(rule, Unknown) and not rule.closed:
        yield from ((one, Sure.PERHAPS) for one in context.index.of_type(_NAMESPACES))
    for one, sure in _named(rule, _NAMESPACE_RULES, context) if not found else ():
        above = _named(one.select(("parent",)), _NAMESPACES, context)
        yield from ((namespace, min(sure, of)) for namespace, of in above)
        name = one.select(_NAMESPACE_NAME)
        for namespace in context.index.of_type(_NAMESPACES) if not isinstance(name, Absent) else ():
            yield namespace, min(sure, is_one_of(name, namespace.name))


def _keys_of(sink: Resource, context: Context) -> Iterator[tuple[Value, Sure]]:
    """The keys that encrypt a destination, by what it says itself or by resources that only add a key to it."""
    yield from ((key, Sure.YES) for key in _keys(sink, context))
    for one, sure in companions(context, "scope", sink.type.lower()).of(sink.address):
        yield from ((key, sure) for key in _keys(one, context))


def _keys(consumer: Resource, context: Context) -> Iterator[Value]:
    """What says whose key a consumer uses: ids of keys and vaults."""
    for name in _KEY_FIELDS:
        have = consumer.select(("derived", name))
        made = consumers.ATTRIBUTES[name].make(consumer, context) if isinstance(have, Absent) else have
        yield from items_of(made) if made is not None else ()


def _in_one_of(key: Value, vaults: tuple[str, ...], context: Context) -> Sure:
    """Whether a key, or a vault, is one of these vaults or lies in it."""
    named = reference_of("", "", key, context.index)
    if named is None:
        return Sure.NO
    for address in named.targets:
        above = context.index.resources[address].select(("parent",))
        inside = None if isinstance(above, Absent) else reference_of("", "", above, context.index)
        if address in vaults or (inside is not None and set(inside.targets) & set(vaults)):
            return Sure.YES
        if inside is not None and (inside.anything or set(inside.candidates) & set(vaults)):
            return Sure.PERHAPS
    return Sure.PERHAPS if vaults and (named.anything or named.candidates) else Sure.NO


def _named(answer: Answer, type_: str, context: Context) -> Iterator[tuple[Resource, Sure]]:
    """The resources that a value names, certainly or perhaps; what is not known may be any of a type."""
    named = None if isinstance(answer, Absent) else reference_of("", "", answer, context.index)
    if named is None:
        return
    for address in named.targets:
        yield context.index.resources[address], Sure.YES
    for address in named.candidates:
        yield context.index.resources[address], Sure.PERHAPS
    if named.anything:
        yield from ((one, Sure.PERHAPS) for one in context.index.of_type(type_))


_DESTINATION_PATHS = tuple(path for paths in _DESTINATIONS.values() for path in paths)
_CONSUMED: tuple[Path, ...] = (("scope",), *(("derived", name) for name in _KEY_FIELDS))
ATTRIBUTES: Mapping[str, Derived] = {
    "auditDestinations": Derived(_audit_destinations, {SETTINGS: (("scope",), _LOGS, *_DESTINATION_PATHS)}),
    "exportsAudit": Derived(_exports_audit, {SETTINGS: (_LOGS, *_DESTINATION_PATHS)}),
    "sinkNeedsSource": Derived(
        _sink_needs_source,
        {
            SETTINGS: (("scope",), *_DESTINATION_PATHS),
            **{type_: (*_CONSUMED, *consumers.PATHS[type_]) for type_ in (_STORAGE, _NAMESPACES, _CLUSTERS)},
            _NAMESPACE_RULES: (("parent",), _NAMESPACE_NAME),
            _WORKSPACES: (("id",),),
            _LINKED: (("parent",), _CLUSTER),
            **dict.fromkeys((VAULTS, MANAGED_HSMS), (("id",),)),
            **dict.fromkeys((f"{VAULTS}/keys", f"{MANAGED_HSMS}/keys"), (("parent",),)),
        },
    ),
}
