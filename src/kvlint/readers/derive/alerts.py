"""Who is told what happens to a vault: alerts on activities and metrics, and notices before an object in it expires.

Sources: learn.microsoft.com/azure/azure-monitor/platform/activity-log-schema and alerts-activity-log (what an activity
log alert can ask for), learn.microsoft.com/azure/role-based-access-control/permissions/security (the operations),
learn.microsoft.com/azure/key-vault/general/alert (the metrics) and event-grid-overview (the events).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from kvlint.model.graph import Resource
from kvlint.model.value import Absent, Answer, MapValue, Path, Scalar, Unknown, Value, select, text_of
from kvlint.readers.derive.assignments import COVERS_NEEDS
from kvlint.readers.derive.attribute import Context, Derived
from kvlint.readers.derive.companions import Companions, Sure, companions, is_one_of, items_of, said
from kvlint.readers.derive.scope import Coverage
from kvlint.readers.derive.vaults import MANAGED_HSMS, VAULTS
from kvlint.readers.references import reference_of

ACTIVITY = "microsoft.insights/activitylogalerts"
METRIC = "microsoft.insights/metricalerts"
QUERY = "microsoft.insights/scheduledqueryrules"
TOPICS = "microsoft.eventgrid/systemtopics"
TOPIC_SUBSCRIPTIONS = "microsoft.eventgrid/systemtopics/eventsubscriptions"
SUBSCRIPTIONS = "microsoft.eventgrid/eventsubscriptions"

_SCOPES: Path = ("properties", "scopes")
_ENABLED: Path = ("properties", "enabled")
_CRITERIA: Path = ("derived", "criteria")
_CONDITION: Path = ("properties", "condition", "allOf")
_METRICS: Path = ("properties", "criteria", "allOf")
_SOURCE: Path = ("properties", "source")
_INCLUDED: Path = ("properties", "filter", "includedEventTypes")
_TOPIC: Path = ("derived", "topicName")

_GRANT = "Microsoft.Authorization/roleAssignments/write"
# By type: a word for what is done, and the operation in the activity log.
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
# By type: a word for a measure of health, and its metrics.
_HEALTH: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    VAULTS: {
        "availability": ("Availability",),
        "saturation": ("SaturationShoebox",),
        "latency": ("ServiceApiLatency",),
        "requests": ("ServiceApiResult", "ServiceApiHit"),
    },
    MANAGED_HSMS: {"availability": ("Availability",), "latency": ("ServiceApiLatency",)},
}
_EVENTS: Mapping[str, str] = {
    "secrets": "Microsoft.KeyVault.SecretNearExpiry",
    "keys": "Microsoft.KeyVault.KeyNearExpiry",
    "certificates": "Microsoft.KeyVault.CertificateNearExpiry",
}
# azurerm has a plural of most fields, a list of which one is enough.
_PLURALS: Mapping[str, str] = {
    "levels": "level",
    "statuses": "status",
    "subStatuses": "subStatus",
    "resourceProviders": "resourceProvider",
    "resourceTypes": "resourceType",
    "resourceGroups": "resourceGroup",
    "resourceIds": "resourceId",
}
_HAPPENS = ("started", "accepted", "succeeded")


class _Clause(NamedTuple):
    """One of the conditions of an alert: a field of the event, and what it may equal."""

    field: str
    values: tuple[Answer, ...]


def _alerted_on(resource: Resource, context: Context) -> Value | None:
    """Of what is done to a vault, and of its health, what any alert tells; in words of the tables above."""
    type_ = resource.type.lower()
    if type_ not in _OPERATIONS:
        return None
    watching = {one: tuple(_watchers(context, one).of(resource.address)) for one in (ACTIVITY, METRIC)}
    fields: dict[str, Value] = {}
    for word, operation in _OPERATIONS[type_].items():
        told = (min(sure, _fires(alert, operation, resource, context)) for alert, sure in watching[ACTIVITY])
        sure = max((*told, _asked_by_query(context, operation)), default=Sure.NO)
        fields[word] = said(resource, sure, context, f"no alert on {operation}", "an alert may or may not tell of it")
    for word, metrics in _HEALTH[type_].items():
        sure = max((min(sure, _measures(alert, metrics)) for alert, sure in watching[METRIC]), default=Sure.NO)
        fields[word] = said(resource, sure, context, f"no alert on {metrics[0]}", "an alert may or may not measure it")
    return MapValue(at=resource.at, fields=fields, origin="derived")


def _watchers(context: Context, type_: str) -> Companions:
    """Which alerts of a type have which vaults in their scopes."""
    key = f"watchers {type_}"
    if key not in context.kept:
        coverage = Coverage(context.index)
        references = [
            coverage.covered(alert, "properties.scopes", scope)
            for alert in context.index.of_type(type_)
            if alert.stays
            for scope in items_of(alert.select(_SCOPES))
        ]
        context.kept[key] = Companions(references, context)
    found: Companions = context.kept[key]
    return found


def _fires(alert: Resource, operation: str, vault: Resource, context: Context) -> Sure:
    """Whether an alert that has a vault in its scopes tells of an operation on it."""
    clauses = list(_clauses(alert))
    if not clauses:
        return Sure.PERHAPS
    holds = (
        max((_holds(clause, operation, vault, context) for clause in either), default=Sure.PERHAPS)
        for either in clauses
    )
    return min(_is_on(alert), *holds)


def _is_on(alert: Resource) -> Sure:
    on = alert.select(_ENABLED)
    if isinstance(on, Scalar):
        return Sure.YES if on.value is True else Sure.NO
    return Sure.YES if isinstance(on, Absent) else Sure.PERHAPS


def _clauses(alert: Resource) -> Iterator[list[_Clause]]:
    """What all has to hold for an alert to be raised, each as alternatives: azurerm's criteria, or ARM's conditions."""
    criteria = alert.select(_CRITERIA)
    if isinstance(criteria, MapValue):
        for name, value in criteria.fields.items():
            field = _PLURALS.get(name, name).lower()
            yield [_Clause(field, items_of(value))]
    for item in items_of(alert.select(_CONDITION)):
        alternatives = items_of(select(item, ("anyOf",))) or (item,)
        yield [_clause(one) for one in alternatives]


def _clause(item: Value) -> _Clause:
    equals, several = select(item, ("equals",)), select(item, ("containsAny",))
    values = items_of(several) if isinstance(equals, Absent) else (equals,)
    return _Clause(text_of(select(item, ("field",))).lower(), values)


def _holds(clause: _Clause, operation: str, vault: Resource, context: Context) -> Sure:
    return max((_equals(clause.field, value, operation, vault, context) for value in clause.values), default=Sure.NO)


def _equals(field: str, value: Answer, operation: str, vault: Resource, context: Context) -> Sure:
    """Whether a field of the event of an operation on a vault equals a value."""
    if field == "resourceid":
        return _is_vault(value, vault, context)
    text = text_of(value).lower() if isinstance(value, Scalar) else ""
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
            # Other fields narrow the alert down to some events, which nobody can tell apart beforehand.
            return Sure.PERHAPS


def _is_vault(value: Answer, vault: Resource, context: Context) -> Sure:
    """Whether an id names a vault."""
    named = None if isinstance(value, Absent) else reference_of("", "", value, context.index)
    if named is None or vault.address in named.targets:
        return Sure.NO if named is None else Sure.YES
    return Sure.PERHAPS if named.anything or vault.address in named.candidates else Sure.NO


def _asked_by_query(context: Context, operation: str) -> Sure:
    """Whether a log alert speaks of an operation. What its query makes of it is not looked into."""
    if "queries" not in context.kept:
        context.kept["queries"] = [query for rule in context.index.of_type(QUERY) for query in _queries(rule)]
    queries: list[Answer] = context.kept["queries"]
    speaks = any(isinstance(query, Unknown) or operation.lower() in text_of(query).lower() for query in queries)
    return Sure.PERHAPS if speaks else Sure.NO


def _queries(rule: Resource) -> Iterator[Answer]:
    """The queries of a log alert, in both versions of it."""
    if rule.stays:
        yield rule.select(("properties", "source", "query"))
        for item in items_of(rule.select(_METRICS)):
            yield select(item, ("query",))


def _measures(alert: Resource, metrics: tuple[str, ...]) -> Sure:
    """Whether a metric alert watches one of some metrics."""
    found = items_of(alert.select(_METRICS))
    measured = max((is_one_of(select(item, ("metricName",)), *metrics) for item in found), default=Sure.PERHAPS)
    return min(_is_on(alert), measured)


def _notices(resource: Resource, context: Context) -> Value | None:
    """For which kinds of objects in a vault an event is sent to somebody when one will soon expire."""
    if resource.type.lower() != VAULTS:
        return None
    listening = list(companions(context, "scope", SUBSCRIPTIONS).of(resource.address))
    for topic, sure in companions(context, ".".join(map(str, _SOURCE)), TOPICS).of(resource.address):
        listening += ((one, min(sure, of_topic)) for one, of_topic in _subscriptions(topic, context))
    fields: dict[str, Value] = {}
    for kind, event in _EVENTS.items():
        sure = max((min(sure, _includes(one, event)) for one, sure in listening), default=Sure.NO)
        fields[kind] = said(resource, sure, context, f"no subscription to {event}", "a subscription may include it")
    return MapValue(at=resource.at, fields=fields, origin="derived")


def _subscriptions(topic: Resource, context: Context) -> Iterator[tuple[Resource, Sure]]:
    """The subscriptions of a system topic: azurerm names the topic by its name."""
    yield from companions(context, "parent", TOPIC_SUBSCRIPTIONS).of(topic.address)
    for one in context.index.of_type(TOPIC_SUBSCRIPTIONS):
        named = one.select(_TOPIC)
        if one.stays and not isinstance(named, Absent):
            yield one, is_one_of(named, topic.name)


def _includes(subscription: Resource, event: str) -> Sure:
    """Whether a subscription is to events of a type; without a list it is to all."""
    included = subscription.select(_INCLUDED)
    if isinstance(included, Absent):
        return Sure.YES
    return max((is_one_of(item, event) for item in items_of(included)), default=Sure.YES)


_PLACES: Mapping[str, tuple[Path, ...]] = {
    type_: paths for type_, paths in COVERS_NEEDS.items() if not type_.startswith("microsoft.authorization/")
}
ATTRIBUTES: Mapping[str, Derived] = {
    "alertedOn": Derived(
        _alerted_on,
        {
            **_PLACES,
            ACTIVITY: (_SCOPES, _ENABLED, _CRITERIA, _CONDITION),
            METRIC: (_SCOPES, _ENABLED, _METRICS),
            QUERY: (_SOURCE, _METRICS),
        },
    ),
    "notices": Derived(
        _notices,
        {
            TOPICS: (_SOURCE, ("name",)),
            TOPIC_SUBSCRIPTIONS: (("parent",), _TOPIC, _INCLUDED),
            SUBSCRIPTIONS: (("scope",), _INCLUDED),
        },
    ),
}
