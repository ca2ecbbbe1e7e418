"""The destinations of audit events, the vaults whose keys encrypt these destinations, and the export of activity logs.

Source: learn.microsoft.com/azure/key-vault/general/logging, and of learn.microsoft.com/azure/azure-monitor the pages
platform/diagnostic-settings (categories, groups, destinations), platform/activity-log-schema (the categories of the
activity log) and logs/customer-managed-keys (a workspace uses the key of its cluster).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from azkvlint.derived import consumers
from azkvlint.derived.assignments import SCOPE, SCOPE_NEEDS, level_of
from azkvlint.derived.companions import Sure, companions, elsewhere, is_one_of, is_set, items_of
from azkvlint.derived.registry import Context, absent, derived, known, known_list, unknown, unknown_as
from azkvlint.derived.vaults import MANAGED_HSMS, VAULTS
from azkvlint.graph.references import reference_of
from azkvlint.model.resource import Reference, Resource
from azkvlint.model.value import Absent, Answer, Link, Path, Scalar, Unknown, Value, select, text_of

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


def _is_enabled(log: Value) -> Sure:
    enabled = select(log, ("enabled",))
    return (Sure.YES if enabled.value is True else Sure.NO) if isinstance(enabled, Scalar) else is_one_of(enabled)


def _is_audit(log: Value) -> Sure:
    category, group = select(log, ("category",)), select(log, ("categoryGroup",))
    return min(_is_enabled(log), max(is_one_of(category, "AuditEvent"), is_one_of(group, "audit", "allLogs")))


# --- The categories of the activity log that the diagnostic settings of a subscription export together ---------------


_ACTIVITY = (
    "Administrative", "Security", "ServiceHealth", "Alert", "Recommendation", "Policy", "Autoscale", "ResourceHealth",
)  # fmt: skip
_ACTIVITY_NAMES = frozenset(map(str.lower, _ACTIVITY))


class _Export(msgspec.Struct, frozen=True):
    """A setting that certainly or possibly exports the activity log of a subscription, and the categories.

    ``names_any``: a category of the activity log is written in it.
    """

    setting: Resource
    scope: Value
    certain: bool
    categories: Mapping[str, Sure]
    names_any: bool

    def same_subscription(self, other: _Export) -> Sure:
        """Return whether another setting exports the log of the same subscription."""
        scopes = self.scope, other.scope
        keys = [one.target if isinstance(one, Link) else text_of(one).lower() for one in scopes]
        if other.certain and keys[0] and keys[0] == keys[1]:
            return Sure.YES if other.setting.exists_with(self.setting) else Sure.PERHAPS
        return Sure.NO if all(isinstance(one, Scalar) for one in scopes) else Sure.PERHAPS


@derived(
    "activityCategories",
    of=SETTINGS,
    label="exported category of the activity log",
    reads={SETTINGS: (SCOPE, _LOGS), **SCOPE_NEEDS},
)
def _activity_categories(resource: Resource, context: Context) -> Answer:
    """Return the categories that all settings of a subscription export; only the first of them has the attribute."""
    exports = _activity_exports(context)
    own = next((one for one in exports if one.setting.address == resource.address), None)
    if own is None or not (own.certain or own.names_any):
        return absent(resource)
    found: dict[str, Sure] = {}
    for number, one in enumerate(exports):
        same = Sure.YES if one is own else own.same_subscription(one)
        if same is Sure.YES and number < exports.index(own):
            return absent(resource)
        for category, sure in one.categories.items():
            found[category] = max(min(same, sure), found.get(category, Sure.NO))
    certain = [category for category in _ACTIVITY if found.get(category) is Sure.YES]
    items: list[Value] = [known(resource, category) for category in certain]
    if Sure.PERHAPS in found.values():
        items.append(unknown(resource, "the exported categories of the activity log are not known"))
    elif not context.has_all_companions(resource):
        items.append(unknown(resource, elsewhere(resource, SETTINGS)))
    exported = ", ".join(f"`{category}`" for category in certain)
    return known_list(resource, items, f"only {exported}" if exported else "no category")


def _activity_exports(context: Context) -> list[_Export]:
    """Return the settings that may export the activity log of a subscription, computed once per graph."""
    found: list[_Export] | None = context.cache.get("activity exports")
    if found is None:
        found = context.cache["activity exports"] = []
        for setting in context.index.of_type(SETTINGS):
            scope = setting.select(SCOPE)
            if not setting.stays or isinstance(scope, Absent):
                continue
            level = level_of(scope, context.index)
            is_subscription = isinstance(level, Scalar) and level.value == "subscription"
            names = {str(one.value).lower() for one in _written_categories(setting)}
            # Resources and subscriptions have no category in common.
            if is_subscription or (isinstance(level, Unknown) and names <= _ACTIVITY_NAMES):
                categories = _exported_categories(setting)
                found.append(_Export(setting, scope, is_subscription, categories, bool(names)))
    return found


def _written_categories(setting: Resource) -> Iterator[Scalar]:
    for log in items_of(setting.select(_LOGS)):
        category = select(log, ("category",))
        if isinstance(category, Scalar):
            yield category


def _exported_categories(setting: Resource) -> Mapping[str, Sure]:
    """Return whether a diagnostic setting exports each category of the activity log.

    Azure rejects a setting without a destination, so that one is set where the setting is deployed.
    """
    logs = setting.select(_LOGS)
    if isinstance(logs, Unknown):
        return dict.fromkeys(_ACTIVITY, Sure.PERHAPS)
    return {
        category: max((_exports(log, category) for log in items_of(logs)), default=Sure.NO) for category in _ACTIVITY
    }


def _exports(log: Value, category: str) -> Sure:
    group = select(log, ("categoryGroup",))
    # The documentation does not state which categories of the activity log the group audit contains.
    in_group = max(is_one_of(group, "allLogs"), min(is_one_of(group, "audit"), Sure.PERHAPS))
    return min(_is_enabled(log), max(is_one_of(select(log, ("category",)), category), in_group))


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
