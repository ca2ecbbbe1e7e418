"""Where the audit events of a vault go, and what their keeping hangs on.

Source: learn.microsoft.com/azure/key-vault/general/logging, and of learn.microsoft.com/azure/azure-monitor the pages
platform/diagnostic-settings (categories, groups, destinations) and logs/customer-managed-keys (a workspace takes the
key of its cluster).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from kvlint.model.graph import Resource
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
        audits = min(sure, exports_audit(setting))
        for kind, paths in _DESTINATIONS.items():
            sent = min(audits, max(is_set(setting.select(path)) for path in paths))
            found[kind] = max(sent, found.get(kind, Sure.NO))
    items: list[Value] = [
        Scalar(at=resource.at, value=kind, origin="derived") for kind, sure in found.items() if sure is Sure.YES
    ]
    if Sure.PERHAPS in found.values():
        items.append(Unknown(at=resource.at, origin="derived", why="where its audit events go is not known"))
    elif not context.closed:
        why = "a diagnostic setting that is not part of this input may send them elsewhere, too"
        items.append(Unknown(at=resource.at, origin="derived", why=why))
    return ListValue(at=resource.at, items=tuple(items), origin="derived")


def exports_audit(setting: Resource) -> Sure:
    """Whether a diagnostic setting exports audit events."""
    logs = setting.select(_LOGS)
    if isinstance(logs, Unknown):
        return Sure.PERHAPS
    return max((_is_audit(log) for log in items_of(logs)), default=Sure.NO)


def _is_audit(log: Value) -> Sure:
    enabled = select(log, ("enabled",))
    on = (Sure.YES if enabled.value is True else Sure.NO) if isinstance(enabled, Scalar) else is_one_of(enabled)
    category, group = select(log, ("category",)), select(log, ("categoryGroup",))
    return min(on, max(is_one_of(category, "auditevent"), is_one_of(group, "audit", "alllogs")))


def _sink_needs_source(resource: Resource, context: Context) -> Value | None:
    """Whether where a vault's events are kept is encrypted with a key of that very vault."""
    scope = resource.select(("scope",))
    if resource.type.lower() != SETTINGS or isinstance(scope, Absent):
        return None
    source = reference_of(resource.address, "scope", scope, context.index)
    audited = source.targets if source is not None else ()
    answers = [_hangs_on(sink, audited, context) for sink in _sinks(resource, context)]
    sure = max(answers, default=Sure.NO)
    if sure is Sure.PERHAPS:
        return Unknown(at=resource.at, origin="derived", why="whose key encrypts the destination is not known")
    return Scalar(at=resource.at, value=sure is Sure.YES, origin="derived")


def _sinks(setting: Resource, context: Context) -> Iterator[Resource]:
    """What a setting sends to, as far as it is part of the input: accounts, namespaces, clusters of workspaces."""
    for path in (_ACCOUNT, _WORKSPACE):
        yield from _named(setting.select(path), context)
    for workspace in _named(setting.select(_WORKSPACE), context):
        for service, sure in companions(context, "parent", _LINKED).of(workspace.address):
            if sure is Sure.YES:
                yield from _named(service.select(_CLUSTER), context)
    for path in (_HUB, _OLD_HUB):
        yield from _namespaces(setting.select(path), context)


def _namespaces(rule: Answer, context: Context) -> Iterator[Resource]:
    """The namespace of an authorization rule: the start of its id, or what the rule itself says."""
    start, found, _ = text_of(rule).lower().partition("/authorizationrules/")
    if found and isinstance(rule, Scalar | Unknown):
        known = "pattern" if isinstance(rule, Unknown) else "value"
        yield from _named(msgspec.structs.replace(rule, **{known: start}), context)
    for one in _named(rule, context) if not found else ():
        yield from _named(one.select(("parent",)), context)
        name = text_of(one.select(_NAMESPACE_NAME)).lower()
        yield from context.index.named(_NAMESPACES, name) if name else ()


def _hangs_on(sink: Resource, audited: tuple[str, ...], context: Context) -> Sure:
    """Whether a key of an audited vault encrypts a destination, itself or by a resource that only adds the key."""
    additions = companions(context, "scope", sink.type.lower()).of(sink.address)
    consumers_of = (sink, *(one for one, sure in additions if sure is Sure.YES))
    return max(
        (_in_one_of(key, audited, context) for one in consumers_of for key in _keys(one, context)), default=Sure.NO
    )


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
    return Sure.PERHAPS if named.anything or (named.candidates and vaults) else Sure.NO


def _named(answer: Answer, context: Context) -> tuple[Resource, ...]:
    """The resources that a value certainly names."""
    named = reference_of("", "", answer, context.index) if not isinstance(answer, Absent | ListValue) else None
    return tuple(context.index.resources[address] for address in named.targets) if named is not None else ()


_DESTINATION_PATHS = tuple(path for paths in _DESTINATIONS.values() for path in paths)
_CONSUMED: tuple[Path, ...] = (("scope",), *(("derived", name) for name in _KEY_FIELDS))
ATTRIBUTES: Mapping[str, Derived] = {
    "auditDestinations": Derived(_audit_destinations, {SETTINGS: (("scope",), _LOGS, *_DESTINATION_PATHS)}),
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
