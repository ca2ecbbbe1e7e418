"""Subscriptions to the near-expiry events of a vault."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from azkvlint.derived.access_policies import VAULTS
from azkvlint.derived.answers import known_object
from azkvlint.derived.companions import Sure, certainty_value, companions, is_one_of, is_set
from azkvlint.derived.registry import Context, derived
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Path, Scalar, Value

# Source: learn.microsoft.com/azure/key-vault/general/event-grid-overview, and learn.microsoft.com/azure/event-grid
# (event-filtering: without a list of types a subscription includes all; the first API versions used the word All).


TOPICS = "microsoft.eventgrid/systemtopics"
TOPIC_SUBSCRIPTIONS = "microsoft.eventgrid/systemtopics/eventsubscriptions"
SUBSCRIPTIONS = "microsoft.eventgrid/eventsubscriptions"

_TOPIC_SOURCE: Path = ("properties", "source")
_INCLUDED: Path = ("properties", "filter", "includedEventTypes")
# Filters by subject, which is the name of the object, or by any other property of the event.
_NARROWED: tuple[Path, ...] = tuple(
    ("properties", "filter", name) for name in ("subjectBeginsWith", "subjectEndsWith", "advancedFilters")
)
_TOPIC: Path = ("derived", "topicName")
_EVENTS: Mapping[str, str] = {
    "secrets": "Microsoft.KeyVault.SecretNearExpiry",
    "keys": "Microsoft.KeyVault.KeyNearExpiry",
    "certificates": "Microsoft.KeyVault.CertificateNearExpiry",
}


@derived(
    "notices",
    of=VAULTS,
    label="near-expiry notification",
    reads={
        TOPICS: (_TOPIC_SOURCE, ("name",)),
        TOPIC_SUBSCRIPTIONS: (("parent",), _TOPIC, _INCLUDED, *_NARROWED),
        SUBSCRIPTIONS: (("scope",), _INCLUDED, *_NARROWED),
    },
)
def _notices(resource: Resource, context: Context) -> Answer:
    """Return the kinds of objects in a vault whose near-expiry events have a subscription."""
    listening = list(companions(context, "scope", SUBSCRIPTIONS).naming(resource.address))
    for topic, sure in companions(context, ".".join(map(str, _TOPIC_SOURCE)), TOPICS).naming(resource.address):
        listening += ((one, min(sure, of_topic)) for one, of_topic in _subscriptions(topic, context))
    fields: dict[str, Value] = {}
    for kind, event in _EVENTS.items():
        sure = max((min(sure, _includes(one, event)) for one, sure in listening), default=Sure.NO)
        fields[kind] = certainty_value(
            resource, sure, context, TOPICS, f"no subscription to `{event}`", f"a subscription may include `{event}`"
        )
    return known_object(resource, fields)


def _subscriptions(topic: Resource, context: Context) -> Iterator[tuple[Resource, Sure]]:
    """Yield the subscriptions of a system topic, which azurerm refers to by its name."""
    yield from companions(context, "parent", TOPIC_SUBSCRIPTIONS).naming(topic.address)
    by_topic, name = _by_topic(context), topic.select(("name",))
    if isinstance(name, Scalar):
        yield from ((one, Sure.YES) for one in by_topic.get(str(name.value).lower(), ()))
        yield from ((one, Sure.PERHAPS) for one in by_topic.get("", ()))
    else:
        yield from ((one, Sure.PERHAPS) for found in by_topic.values() for one in found)


def _by_topic(context: Context) -> Mapping[str, list[Resource]]:
    """Return the subscriptions by the lower-case name of their topic; empty where the name is not known."""
    if "subscriptions by topic" not in context.cache:
        found: dict[str, list[Resource]] = {}
        for one in context.index.of_type(TOPIC_SUBSCRIPTIONS):
            name = one.select(_TOPIC)
            if one.stays and not isinstance(name, Absent):
                certain = str(name.value).lower() if isinstance(name, Scalar) else ""
                found.setdefault(certain, []).append(one)
        context.cache["subscriptions by topic"] = found
    by_topic: Mapping[str, list[Resource]] = context.cache["subscriptions by topic"]
    return by_topic


def _includes(subscription: Resource, event: str) -> Sure:
    """Return whether a subscription includes an event type; without a list it includes all types."""
    of_type = max((is_one_of(item, event, "All") for item in subscription.select(_INCLUDED).as_items), default=Sure.YES)
    filters = (item for path in _NARROWED for item in subscription.select(path).as_items)
    return min(of_type, Sure.PERHAPS) if any(is_set(item) is not Sure.NO for item in filters) else of_type
