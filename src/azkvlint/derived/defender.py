"""Which plans of Defender for Cloud are declared beside each other, for one subscription."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from azkvlint.derived.registry import Context, absent, derived, known_list, known_object
from azkvlint.graph.resource_ids import may_be
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import (
    Absent,
    Answer,
    Link,
    Path,
    Scalar,
    Unknown,
    Value,
    text_of,
)

PRICINGS = "microsoft.security/pricings"
_SCOPE: Path = ("scope",)
_TIER: Path = ("properties", "pricingTier")


@derived("plans", of=PRICINGS, label="Defender plans", reads={PRICINGS: (_SCOPE, ("provider",), ("name",), _TIER)})
def _plans(resource: Resource, context: Context) -> Answer:
    """The plans of a subscription by name and tier; said of the first of them alone, so that it is said once."""
    if resource.existing or not resource.stays:
        return absent(resource)
    groups = _by_subscription(context)
    own = _subscription(resource)
    same = groups[own]
    if next(one.address for one in same if not one.existing) != resource.address:
        return absent(resource)
    others = (one for key, group in groups.items() if key != own and _may_be_same(key, own) for one in group)
    items: list[Value] = [_plan(one, not one.exists_with(resource), resource.at) for one in same]
    items += (_plan(one, True, resource.at) for one in others)
    if not context.has_all_companions(resource):
        items.append(Unknown(at=resource.at, why="a plan that is not part of this input may be there"))
    return known_list(resource, items)


def _plan(plan: Resource, perhaps: bool, at: Location) -> Value:
    """One plan, told where the first one is. ``perhaps``: it may not be there, or be for another subscription."""
    doubt = Unknown(at=at, why=f"whether {plan.address} is there, and for this subscription, is not known")
    name, tier = plan.select(("name",)), plan.select(_TIER)
    is_vaults = isinstance(name, Scalar) and str(name.value).lower() == "keyvaults"
    certain = {
        "name": doubt if isinstance(name, Absent) or (perhaps and is_vaults) else name,
        "tier": doubt if isinstance(tier, Absent) or perhaps else tier,
    }
    fields: dict[str, Value] = {word: msgspec.structs.replace(value, at=at) for word, value in certain.items()}
    return known_object(at, fields)


def _by_subscription(context: Context) -> Mapping[tuple[str, str], list[Resource]]:
    """The plans of each subscription, in the order of the input."""
    if "plans" not in context.cache:
        found: dict[tuple[str, str], list[Resource]] = {}
        for plan in context.index.of_type(PRICINGS):
            if plan.stays:
                found.setdefault(_subscription(plan), []).append(plan)
        context.cache["plans"] = found
    plans: Mapping[tuple[str, str], list[Resource]] = context.cache["plans"]
    return plans


def _subscription(plan: Resource) -> tuple[str, str]:
    """What tells the subscription of a plan: its scope, or the provider block that manages it."""
    scope = text_of(plan.select(_SCOPE)).lower()
    provider = plan.select(("provider",))
    return ("scope", scope) if scope else ("provider", provider.target if isinstance(provider, Link) else "")


def _may_be_same(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Two scopes tell; a provider block does not say which subscription it has."""
    return one[0] != other[0] or one[0] == "provider" or may_be(one[1], other[1])
