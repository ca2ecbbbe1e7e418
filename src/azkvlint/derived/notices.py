"""Who is told before an object in a vault expires: those who subscribe to its near-expiry events.

Source: learn.microsoft.com/azure/key-vault/general/event-grid-overview, and learn.microsoft.com/azure/event-grid
(event-filtering: without a list of types a subscription is to all; the first versions had the word All for that).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from azkvlint.derived.companions import Sure, companions, is_one_of, is_set, items_of, said
from azkvlint.derived.registry import Context, derived, known_object
from azkvlint.derived.vaults import VAULTS
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Path, Scalar, Value

TOPICS = "microsoft.eventgrid/systemtopics"
TOPIC_SUBSCRIPTIONS = "microsoft.eventgrid/systemtopics/eventsubscriptions"
SUBSCRIPTIONS = "microsoft.eventgrid/eventsubscriptions"

_SOURCE: Path = ("properties", "source")
_INCLUDED: Path = ("properties", "filter", "includedEventTypes")
# By the subject, which is the name of the object, or by anything in the event.
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
    label="near-expiry notifications",
    reads={
        TOPICS: (_SOURCE, ("name",)),
        TOPIC_SUBSCRIPTIONS: (("parent",), _TOPIC, _INCLUDED, *_NARROWED),
        SUBSCRIPTIONS: (("scope",), _INCLUDED, *_NARROWED),
    },
)
def _notices(resource: Resource, context: Context) -> Answer:
    """For which kinds of objects in a vault an event is sent to somebody when one will soon expire."""
    listening = list(companions(context, "scope", SUBSCRIPTIONS).of(resource.address))
    for topic, sure in companions(context, ".".join(map(str, _SOURCE)), TOPICS).of(resource.address):
        listening += ((one, min(sure, of_topic)) for one, of_topic in _subscriptions(topic, context))
    fields: dict[str, Value] = {}
    for kind, event in _EVENTS.items():
        sure = max((min(sure, _includes(one, event)) for one, sure in listening), default=Sure.NO)
        fields[kind] = said(resource, sure, context, f"no subscription to {event}", "a subscription may include it")
    return known_object(resource, fields)


def _subscriptions(topic: Resource, context: Context) -> Iterator[tuple[Resource, Sure]]:
    """The subscriptions of a system topic: azurerm names the topic by its name."""
    yield from companions(context, "parent", TOPIC_SUBSCRIPTIONS).of(topic.address)
    by_topic, name = _by_topic(context), topic.select(("name",))
    if isinstance(name, Scalar):
        yield from ((one, Sure.YES) for one in by_topic.get(str(name.value).lower(), ()))
        yield from ((one, Sure.PERHAPS) for one in by_topic.get("", ()))
    else:
        yield from ((one, Sure.PERHAPS) for found in by_topic.values() for one in found)


def _by_topic(context: Context) -> Mapping[str, list[Resource]]:
    """Subscriptions by the name that they give their topic, in lower case; empty where that is not known."""
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
    """Whether a subscription is to events of a type; without a list it is to all."""
    of_type = max(
        (is_one_of(item, event, "All") for item in items_of(subscription.select(_INCLUDED))), default=Sure.YES
    )
    filters = (item for path in _NARROWED for item in items_of(subscription.select(path)))
    return min(of_type, Sure.PERHAPS) if any(is_set(item) is not Sure.NO for item in filters) else of_type
