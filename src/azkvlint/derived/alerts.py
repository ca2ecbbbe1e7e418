"""Diagnostic settings and logs of vaults, alerts on their activities and metrics, near-expiry notifications, Defender.

Sources: learn.microsoft.com/azure/azure-monitor/platform/activity-log-schema and alerts-activity-log (the conditions of
an activity log alert), learn.microsoft.com/azure/role-based-access-control/permissions/security (the operations),
learn.microsoft.com/azure/key-vault/general/alert (the metrics).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from azkvlint.derived import consumers
from azkvlint.derived.access_policies import VAULTS
from azkvlint.derived.answers import absent, known, known_list, known_object, unknown, unknown_as
from azkvlint.derived.assignments import COVERS_NEEDS, Coverage
from azkvlint.derived.companions import Sure, certainty_value, companions, elsewhere, is_one_of, is_set
from azkvlint.derived.registry import Context, derived
from azkvlint.derived.vaults import MANAGED_HSMS
from azkvlint.graph.references import reference_of
from azkvlint.model.pattern import join_texts, split_text, text_form
from azkvlint.model.resource import Reference, Resource
from azkvlint.model.value import Absent, Answer, MapValue, Path, Scalar, Unknown, Value

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


@derived(
    "exportsAudit",
    of=SETTINGS,
    label="export of audit events",
    reads=(_LOGS, *_DESTINATION_PATHS),
    local_only=True,
)
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
    possible = [log for log in logs.as_items if _is_audit(log) is Sure.PERHAPS]
    parts = [log.select((name,)) for log in possible for name in ("enabled", "category", "categoryGroup")]
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
    return max((_is_audit(log) for log in logs.as_items), default=Sure.NO)


def is_enabled(log: Value) -> Sure:
    """Return whether an item of the logs of a diagnostic setting is enabled."""
    enabled = log.select(("enabled",))
    return (Sure.YES if enabled.value is True else Sure.NO) if isinstance(enabled, Scalar) else is_one_of(enabled)


def _is_audit(log: Value) -> Sure:
    category, group = log.select(("category",)), log.select(("categoryGroup",))
    return min(is_enabled(log), max(is_one_of(category, "AuditEvent"), is_one_of(group, "audit", "allLogs")))


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
    reads=lambda: {
        SETTINGS: (("scope",), *_DESTINATION_PATHS),
        **{type_: (("scope",), *consumers.graph_needs()[type_]) for type_ in (_STORAGE, _CLUSTERS)},
        _NAMESPACES: (("scope",), ("name",), *consumers.graph_needs()[_NAMESPACES]),
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
        return unknown(resource, f"the key that encrypts the destination of `{resource.address}` is not known")
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
    steps = split_text(rule.string, "/")
    words = [text_form(step).lower() for step in steps]
    if "authorizationrules" in words[1:-1] and not isinstance(rule, Absent):
        namespace = join_texts(steps[: words.index("authorizationrules", 1)], "/")
        return _encrypting(rule.with_string(namespace), _NAMESPACES, context)
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
    return _joined((*(_of_sink(one, context) for one in same), *(_of_sink(one, context).doubted for one in nameless)))


def _encrypting(sink: Answer, type_: str, context: Context) -> _Vaults:
    """Return the vaults whose keys encrypt the resource that a value refers to; if unknown, any of a type."""
    named = _reference(sink, context)
    if named is None:
        return _Vaults()
    resources = context.index.resources
    certain = (_of_sink(resources[address], context) for address in named.targets)
    perhaps = (_of_sink(resources[address], context).doubted for address in named.candidates)
    return _joined((*certain, *perhaps, *((_any_of(type_, context),) if named.anything else ())))


def _any_of(type_: str, context: Context) -> _Vaults:
    """Return the vaults whose keys encrypt any resource of a type."""
    key = f"encrypting {type_}"
    if key not in context.cache:
        context.cache[key] = _joined(_of_sink(one, context) for one in context.index.of_type(type_)).doubted
    found: _Vaults = context.cache[key]
    return found


def _of_sink(sink: Resource, context: Context) -> _Vaults:
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
    return reference_of("", "", answer, context.index)


ACTIVITY = "microsoft.insights/activitylogalerts"
METRIC = "microsoft.insights/metricalerts"
QUERY = "microsoft.insights/scheduledqueryrules"

_SCOPES: Path = ("properties", "scopes")
_ENABLED: Path = ("properties", "enabled")
_CRITERIA: Path = ("derived", "criteria")
_CONDITION: Path = ("properties", "condition", "allOf")
_METRICS: Path = ("properties", "criteria", "allOf")
_TARGET: Path = ("properties", "targetResourceType")
_SOURCE: Path = ("properties", "source")

_GRANT = "Microsoft.Authorization/roleAssignments/write"
# By type: a short name of each operation, and the operation in the activity log.
_OPERATIONS: Mapping[str, Mapping[str, str]] = {
    VAULTS: {
        "delete": "Microsoft.KeyVault/vaults/delete",
        "write": "Microsoft.KeyVault/vaults/write",
        "accessPolicies": "Microsoft.KeyVault/vaults/accessPolicies/write",
        "purge": "Microsoft.KeyVault/locations/deletedVaults/purge/action",
        "roleAssignments": _GRANT,
    },
    MANAGED_HSMS: {
        "delete": "Microsoft.KeyVault/managedHSMs/delete",
        "write": "Microsoft.KeyVault/managedHSMs/write",
        "purge": "Microsoft.KeyVault/locations/deletedManagedHSMs/purge/action",
        "roleAssignments": _GRANT,
    },
}
# By type: a short name of each health measure, and its metrics.
_HEALTH: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    VAULTS: {
        "availability": ("Availability",),
        "saturation": ("SaturationShoebox",),
        "latency": ("ServiceApiLatency",),
        "requests": ("ServiceApiResult", "ServiceApiHit"),
    },
    MANAGED_HSMS: {"availability": ("Availability",), "latency": ("ServiceApiLatency",)},
}
# azurerm has a plural of most fields: a list of which any item may match.
_PLURALS: Mapping[str, str] = {
    "levels": "level",
    "statuses": "status",
    "subStatuses": "subStatus",
    "resourceProviders": "resourceProvider",
    "resourceTypes": "resourceType",
    "resourceGroups": "resourceGroup",
    "resourceIds": "resourceId",
}
_RESOURCE = "resourceid"
_HAPPENS = ("started", "accepted", "succeeded")


class _Clause(msgspec.Struct, frozen=True):
    """One condition of an alert: a field of the event, and the values that it may equal."""

    field: str
    values: tuple[Answer, ...]


_PLACES: Mapping[str, tuple[Path, ...]] = {
    type_: paths for type_, paths in COVERS_NEEDS.items() if not type_.startswith("microsoft.authorization/")
}


@derived(
    "alertedOn",
    of=_OPERATIONS,
    label="alert coverage",
    reads={
        **_PLACES,
        ACTIVITY: (_SCOPES, _ENABLED, _CRITERIA, _CONDITION, _TARGET),
        METRIC: (_SCOPES, _ENABLED, _CRITERIA, _CONDITION, _METRICS, _TARGET),
        QUERY: (_SOURCE, _METRICS),
    },
)
def _alerted_on(resource: Resource, context: Context) -> Answer:
    """Return the operations and health measures of a vault that any alert covers."""
    type_ = resource.type.lower()
    if type_ not in _OPERATIONS:
        return absent(resource)
    alerted = _alerted(context).get(resource.address, {})
    fields: dict[str, Value] = {}
    for word, operation in _OPERATIONS[type_].items():
        sure = max(alerted.get(operation, Sure.NO), _mentioned_in_query(context, operation))
        fields[word] = certainty_value(
            resource, sure, context, ACTIVITY, f"`{operation}`", f"an alert on `{operation}` may apply to the resource"
        )
    for word, metrics in _HEALTH[type_].items():
        sure = max(alerted.get(metric, Sure.NO) for metric in metrics)
        fields[word] = certainty_value(
            resource, sure, context, METRIC, f"`{metrics[0]}`", f"an alert on `{metrics[0]}` may apply to the resource"
        )
    return known_object(resource, fields)


def _alerted(context: Context) -> Mapping[str, Mapping[str, Sure]]:
    """Return the operations and metrics that any alert covers, by the address of the vault; computed once per graph."""
    if "alerted" not in context.cache:
        best: dict[str, dict[str, Sure]] = {}
        coverage = Coverage(context.index)
        for alert, covered in _alerts(context):
            sures = {what: sure for what, sure in covered.items() if sure is not Sure.NO}
            for vault, watched in _watched(alert, coverage).items() if sures else ():
                own = best.setdefault(vault, {})
                for what, sure in sures.items():
                    own[what] = max(own.get(what, Sure.NO), min(sure, watched))
        context.cache["alerted"] = best
    found: Mapping[str, Mapping[str, Sure]] = context.cache["alerted"]
    return found


def _alerts(context: Context) -> Iterator[tuple[Resource, dict[str, Sure]]]:
    """Yield every alert, with the operations or metrics that it covers."""
    for alert in context.index.of_type(ACTIVITY):
        if alert.stays:
            yield alert, {one: _fires(alert, one) for of_type in _OPERATIONS.values() for one in of_type.values()}
    metrics = {one for of_type in _HEALTH.values() for several in of_type.values() for one in several}
    for alert in context.index.of_type(METRIC):
        if alert.stays:
            yield alert, {one: _measures(alert, one) for one in metrics}


def _watched(alert: Resource, coverage: Coverage) -> Mapping[str, Sure]:
    """Return the vaults in the scopes of an alert, limited to the resources that its conditions name."""
    found = _covered(alert, alert.select(_SCOPES).as_items, coverage)
    target = alert.select(_TARGET)
    if not isinstance(target, Absent):
        # A metric alert on a resource group or subscription covers only one resource type.
        types = {vault: coverage.index.resources[vault].type for vault in found}
        found = {vault: min(sure, is_one_of(target, types[vault])) for vault, sure in found.items()}
    for clause, *others in _clauses(alert):
        if clause.field == _RESOURCE and not others:
            among = _covered(alert, clause.values, coverage)
            found = {vault: min(sure, among.get(vault, Sure.NO)) for vault, sure in found.items()}
    return found


def _covered(alert: Resource, scopes: Iterable[Answer], coverage: Coverage) -> dict[str, Sure]:
    found: dict[str, Sure] = {}
    for scope in scopes:
        if not isinstance(scope, Absent):
            reference = coverage.covered(alert, "properties.scopes", scope)
            for vault in (*reference.candidates, *(coverage.all if reference.anything else ())):
                found.setdefault(vault, Sure.PERHAPS)
            found |= dict.fromkeys(reference.targets, Sure.YES)
    return found


def _fires(alert: Resource, operation: str) -> Sure:
    """Return whether an alert covers an operation on the resources in its scope."""
    clauses = [either for either in _clauses(alert) if len(either) > 1 or either[0].field != _RESOURCE]
    if not clauses:
        return min(_is_on(alert), Sure.PERHAPS)
    return min(_is_on(alert), *(max(_holds(clause, operation) for clause in either) for either in clauses))


def _is_on(alert: Resource) -> Sure:
    on = alert.select(_ENABLED)
    if isinstance(on, Scalar):
        return Sure.YES if on.value is True else Sure.NO
    return Sure.YES if isinstance(on, Absent) else Sure.PERHAPS


def _clauses(alert: Resource) -> Iterator[list[_Clause]]:
    """Yield the conditions that must all hold for an alert to fire, each as a list of alternatives.

    They are azurerm's criteria or ARM's conditions.
    """
    criteria = alert.select(_CRITERIA)
    if isinstance(criteria, MapValue):
        for name, value in criteria.fields.items():
            field, values = _PLURALS.get(name, name).lower(), value.as_items
            if values:  # the provider omits an empty list
                yield [_Clause(field, values)]
    for item in alert.select(_CONDITION).as_items:
        alternatives = item.select(("anyOf",)).as_items or (item,)
        yield [_clause(one) for one in alternatives]


def _clause(item: Value) -> _Clause:
    equals, several = item.select(("equals",)), item.select(("containsAny",))
    values = several.as_items if isinstance(equals, Absent) else (equals,)
    return _Clause(item.select(("field",)).text.lower(), values)


def _holds(clause: _Clause, operation: str) -> Sure:
    return max((_equals(clause.field, value, operation) for value in clause.values), default=Sure.NO)


def _equals(field: str, value: Answer, operation: str) -> Sure:
    """Return whether a field of the event of an operation equals a value."""
    text = value.text.lower() if isinstance(value, Scalar) else ""
    if not text:
        return Sure.PERHAPS
    match field:
        case "category":
            return is_one_of(value, "administrative")
        case "operationname":
            return is_one_of(value, operation)
        case "status":
            return is_one_of(value, *_HAPPENS)
        case "resourceprovider":
            return Sure.YES if operation.lower().startswith(f"{text}/") else Sure.NO
        case "resourcetype" if operation.lower().startswith(f"{text}/"):
            return Sure.YES
        case _:
            # Other fields narrow the alert to some events, which cannot be determined before deployment.
            return Sure.PERHAPS


def _mentioned_in_query(context: Context, operation: str) -> Sure:
    """Return whether the query of a log alert mentions an operation. The query itself is not evaluated."""
    if "queries" not in context.cache:
        queries = [query for rule in context.index.of_type(QUERY) for query in _queries(rule)]
        is_open = any(isinstance(query, Unknown) for query in queries)
        context.cache["queries"] = is_open, " ".join(query.text.lower() for query in queries)
    is_open, texts = context.cache["queries"]
    return Sure.PERHAPS if is_open or operation.lower() in texts else Sure.NO


def _queries(rule: Resource) -> Iterator[Answer]:
    """Yield the queries of a log alert, in both of its versions."""
    if rule.stays:
        yield rule.select(("properties", "source", "query"))
        for item in rule.select(_METRICS).as_items:
            yield item.select(("query",))


def _measures(alert: Resource, metric: str) -> Sure:
    """Return whether a metric alert watches a metric."""
    found = alert.select(_METRICS).as_items
    measured = max((is_one_of(item.select(("metricName",)), metric) for item in found), default=Sure.PERHAPS)
    return min(_is_on(alert), measured)
