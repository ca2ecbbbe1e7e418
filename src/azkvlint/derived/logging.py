"""The destinations of audit events, and the vaults whose keys encrypt these destinations.

Source: learn.microsoft.com/azure/key-vault/general/logging, and of learn.microsoft.com/azure/azure-monitor the pages
platform/diagnostic-settings (categories, groups, destinations) and logs/customer-managed-keys (a workspace uses the
key of its cluster).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from azkvlint.derived import consumers
from azkvlint.derived.companions import Sure, companions, elsewhere, is_one_of, is_set, items_of
from azkvlint.derived.registry import Context, absent, derived, known, known_list, unknown, unknown_as
from azkvlint.derived.vaults import MANAGED_HSMS, VAULTS
from azkvlint.graph.references import reference_of
from azkvlint.model.resource import Reference, Resource
from azkvlint.model.value import Absent, Answer, Path, Scalar, Unknown, Value, select, text_of

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
_DESTINATION_NAMES: Mapping[str, str] = {
    "workspace": "a Log Analytics workspace",
    "storage": "a storage account",
    "event-hub": "an event hub",
    "partner": "a partner solution",
}
_CLUSTER: Path = ("properties", "writeAccessResourceId")
_NAMESPACE_NAME: Path = ("derived", "namespaceName")


_DESTINATION_PATHS = tuple(path for paths in _DESTINATIONS.values() for path in paths)


@derived(
    "auditDestinations",
    of=(VAULTS, MANAGED_HSMS),
    label="destination of audit events",
    reads={SETTINGS: (("scope",), _LOGS, *_DESTINATION_PATHS)},
)
def _audit_destinations(resource: Resource, context: Context) -> Answer:
    """Return the destination kinds to which all diagnostic settings of a vault together send its audit events."""
    found: dict[str, Sure] = {}
    for setting, sure in companions(context, "scope", SETTINGS).naming(resource.address):
        for kind, is_sent in _audit_destinations_of(setting, context).items():
            found[kind] = max(min(sure, is_sent), found.get(kind, Sure.NO))
    certain = [kind for kind, sure in found.items() if sure is Sure.YES]
    items: list[Value] = [known(resource, kind) for kind in certain]
    if Sure.PERHAPS in found.values():
        items.append(unknown(resource, "the destination of audit events is not known"))
    elif not context.has_all_companions(resource):
        items.append(unknown(resource, elsewhere(resource, SETTINGS)))
    return known_list(resource, items, " and ".join(_DESTINATION_NAMES[kind] for kind in certain) or "no destination")


def _audit_destinations_of(setting: Resource, context: Context) -> Mapping[str, Sure]:
    """Return whether a diagnostic setting sends audit events to each kind of destination, computed once."""
    known_settings: dict[str, dict[str, Sure]] = context.cache.setdefault("audit destinations", {})
    found = known_settings.get(setting.address)
    if found is None:
        audits = _audits(setting)
        found = {kind: min(audits, _sent_to(setting, kind)) for kind in _DESTINATIONS}
        known_settings[setting.address] = found
    return found


@derived("exportsAudit", of=SETTINGS, label="export of audit events", reads={SETTINGS: (_LOGS, *_DESTINATION_PATHS)})
def _exports_audit(resource: Resource, _: Context) -> Answer:
    """Return whether a diagnostic setting exports audit events, and has a destination at all."""
    audits = _audits(resource)
    sure = min(audits, max(_sent_to(resource, kind) for kind in _DESTINATIONS))
    if sure is Sure.PERHAPS:
        return unknown_as(_open_value(resource, audits), "the setting may export audit events")
    missing = "no enabled log has the category `AuditEvent`" if audits is Sure.NO else "no destination is set"
    return known(resource, sure is Sure.YES, "" if sure is Sure.YES else missing)


def _open_value(setting: Resource, audits: Sure) -> Answer:
    """Return the unknown value that decides whether a diagnostic setting exports audit events."""
    logs = setting.select(_LOGS)
    possible = [log for log in items_of(logs) if _is_audit(log) is Sure.PERHAPS]
    parts = [select(log, (name,)) for log in possible for name in ("enabled", "category", "categoryGroup")]
    destinations = [setting.select(path) for path in _DESTINATION_PATHS]
    candidates = (logs, *possible, *parts) if audits is Sure.PERHAPS else destinations
    return next((one for one in candidates if isinstance(one, Unknown)), logs)


def _sent_to(setting: Resource, kind: str) -> Sure:
    """Return whether a diagnostic setting has a destination of a kind."""
    return max(is_set(setting.select(path)) for path in _DESTINATIONS[kind])


def _audits(setting: Resource) -> Sure:
    """Return whether a diagnostic setting exports audit events."""
    logs = setting.select(_LOGS)
    if isinstance(logs, Unknown):
        return Sure.PERHAPS
    return max((_is_audit(log) for log in items_of(logs)), default=Sure.NO)


def _is_audit(log: Value) -> Sure:
    enabled = select(log, ("enabled",))
    on = (Sure.YES if enabled.value is True else Sure.NO) if isinstance(enabled, Scalar) else is_one_of(enabled)
    category, group = select(log, ("category",)), select(log, ("categoryGroup",))
    return min(on, max(is_one_of(category, "AuditEvent"), is_one_of(group, "audit", "allLogs")))


class _Vaults(msgspec.Struct, frozen=True):
    """The vaults whose keys encrypt a resource, certainly and possibly. ``anything``: it may be any vault."""

    certain: frozenset[str] = frozenset()
    perhaps: frozenset[str] = frozenset()
    anything: bool = False

    @property
    def doubted(self) -> _Vaults:
        """Return the same vaults, none of them certain."""
        return _Vaults(perhaps=self.certain | self.perhaps, anything=self.anything)


def _joined(parts: Iterable[_Vaults]) -> _Vaults:
    found = list(parts)
    return _Vaults(
        frozenset().union(*(one.certain for one in found)),
        frozenset().union(*(one.perhaps for one in found)),
        any(one.anything for one in found),
    )


@derived(
    "sinkNeedsSource",
    of=SETTINGS,
    label="dependency of the log destination on the vault",
    reads={
        SETTINGS: (("scope",), *_DESTINATION_PATHS),
        **{type_: (("scope",), *consumers.GRAPH_NEEDS[type_]) for type_ in (_STORAGE, _CLUSTERS)},
        _NAMESPACES: (("scope",), ("name",), *consumers.GRAPH_NEEDS[_NAMESPACES]),
        _NAMESPACE_RULES: (("parent",), _NAMESPACE_NAME),
        _WORKSPACES: (("id",),),
        _LINKED: (("parent",), _CLUSTER),
        **dict.fromkeys((VAULTS, MANAGED_HSMS), (("id",),)),
        **dict.fromkeys((f"{VAULTS}/keys", f"{MANAGED_HSMS}/keys"), (("parent",),)),
    },
)
def _sink_needs_source(resource: Resource, context: Context) -> Answer:
    """Return whether a destination of a vault's events is encrypted with a key from the same vault."""
    scope = resource.select(("scope",))
    if isinstance(scope, Absent):
        return absent(resource)
    source = reference_of("", "", scope, context.index)
    if source is None:
        return absent(resource)
    keys, targets = _joined(_of_sinks(resource, context)), frozenset(source.targets)
    if keys.certain & targets:
        return known(resource, True)
    audited, certain = targets | set(source.candidates), keys.certain | keys.perhaps
    doubt = certain & audited or (keys.anything and audited) or (source.anything and (certain or keys.anything))
    if doubt:
        return unknown(resource, "the key that encrypts the destination is not known")
    return known(resource, False)


def _of_sinks(setting: Resource, context: Context) -> Iterator[_Vaults]:
    """Yield the vaults of the keys of a setting's destinations: an account, a namespace, the cluster of a workspace."""
    yield _encrypting(setting.select(_ACCOUNT), _STORAGE, context)
    workspace = _reference(setting.select(_WORKSPACE), context)
    if workspace is not None:
        for address in (*workspace.targets, *workspace.candidates):
            for service, sure in companions(context, "parent", _LINKED).naming(address):
                found = _encrypting(service.select(_CLUSTER), _CLUSTERS, context)
                yield found if sure is Sure.YES and address in workspace.targets else found.doubted
        if workspace.anything:
            yield _any_of(_CLUSTERS, context)
    for path in (_HUB, _OLD_HUB):
        yield _of_namespace(setting.select(path), context)


def _of_namespace(rule: Answer, context: Context) -> _Vaults:
    """Return the vaults of the keys of an authorization rule's namespace.

    The namespace is the start of the rule's id, or its parent.
    """
    start, found, _ = text_of(rule).lower().partition("/authorizationrules/")
    if found and isinstance(rule, Scalar | Unknown):
        certain = "pattern" if isinstance(rule, Unknown) else "value"
        return _encrypting(msgspec.structs.replace(rule, **{certain: start}), _NAMESPACES, context)
    named = _reference(rule, context)
    if named is None:
        return _Vaults()
    if named.anything or named.candidates:
        return _any_of(_NAMESPACES, context)
    return _joined(_of_rule(context.index.resources[address], context) for address in named.targets)


def _of_rule(rule: Resource, context: Context) -> _Vaults:
    """Return the vaults of the keys of an authorization rule in the input; azurerm states the namespace by name."""
    name = rule.select(_NAMESPACE_NAME)
    if isinstance(name, Absent):
        return _encrypting(rule.select(("parent",)), _NAMESPACES, context)
    if not isinstance(name, Scalar):
        return _any_of(_NAMESPACES, context)
    same = context.index.named(_NAMESPACES, str(name.value).lower())
    nameless = (one for one in context.index.of_type(_NAMESPACES) if isinstance(one.select(("name",)), Unknown))
    return _joined((*(_of_one(one, context) for one in same), *(_of_one(one, context).doubted for one in nameless)))


def _encrypting(sink: Answer, type_: str, context: Context) -> _Vaults:
    """Return the vaults whose keys encrypt the resource that a value refers to; if unknown, any of a type."""
    named = _reference(sink, context)
    if named is None:
        return _Vaults()
    resources = context.index.resources
    certain = (_of_one(resources[address], context) for address in named.targets)
    perhaps = (_of_one(resources[address], context).doubted for address in named.candidates)
    return _joined((*certain, *perhaps, *((_any_of(type_, context),) if named.anything else ())))


def _any_of(type_: str, context: Context) -> _Vaults:
    """Return the vaults whose keys encrypt any resource of a type."""
    key = f"encrypting {type_}"
    if key not in context.cache:
        context.cache[key] = _joined(_of_one(one, context) for one in context.index.of_type(type_)).doubted
    found: _Vaults = context.cache[key]
    return found


def _of_one(sink: Resource, context: Context) -> _Vaults:
    """Return the vaults whose keys encrypt one destination, through itself or resources that only add a key to it."""
    certain: dict[str, _Vaults] = context.cache.setdefault("encrypting", {})
    found = certain.get(sink.address)
    if found is None:
        own = [_of_keys(sink, context)]
        for one, sure in companions(context, "scope", sink.type.lower()).naming(sink.address):
            added = _of_keys(one, context)
            own.append(added if sure is Sure.YES else added.doubted)
        found = certain[sink.address] = _joined(own)
    return found


def _of_keys(consumer: Resource, context: Context) -> _Vaults:
    """Return the vaults of the keys that a resource itself refers to."""
    vaults = (_reference(vault, context) for vault in consumers.vaults_of(consumer, context))
    return _joined(
        _Vaults(frozenset(one.targets), frozenset(one.candidates), one.anything) for one in vaults if one is not None
    )


def _reference(answer: Answer, context: Context) -> Reference | None:
    return None if isinstance(answer, Absent) else reference_of("", "", answer, context.index)
