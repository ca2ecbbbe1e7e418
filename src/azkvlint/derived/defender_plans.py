"""Defender for Cloud plans that are declared together for one subscription."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from azkvlint.derived.answers import absent, known_list, known_object
from azkvlint.derived.companions import elsewhere
from azkvlint.derived.registry import Context, derived
from azkvlint.graph.references import may_equal
from azkvlint.model.location import Location
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Link, Path, Scalar, Unknown, Value

PRICINGS = "microsoft.security/pricings"
_SCOPE: Path = ("scope",)
_TIER: Path = ("properties", "pricingTier")


@derived("plans", of=PRICINGS, label="Defender plan", reads=(_SCOPE, ("provider",), ("name",), _TIER))
def _plans(resource: Resource, context: Context) -> Answer:
    """Return the plans of a subscription by name and tier; only the first plan has the attribute, to report it once."""
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
        items.append(Unknown(at=resource.at, why=elsewhere(resource, PRICINGS)))
    return known_list(resource, items)


def _plan(plan: Resource, perhaps: bool, at: Location) -> Value:
    """Return one plan, located at the first one.

    ``perhaps``: it may not exist, or may be for another subscription.
    """
    doubt = Unknown(at=at, why=f"`{plan.address}` may not be deployed, or not in this subscription")
    name, tier = plan.select(("name",)), plan.select(_TIER)
    is_vaults = isinstance(name, Scalar) and str(name.value).lower() == "keyvaults"
    certain = {
        "name": doubt if isinstance(name, Absent) or (perhaps and is_vaults) else name,
        "tier": doubt if isinstance(tier, Absent) or perhaps else tier,
    }
    fields: dict[str, Value] = {word: msgspec.structs.replace(value, at=at) for word, value in certain.items()}
    return known_object(at, fields)


def _by_subscription(context: Context) -> Mapping[tuple[str, str], list[Resource]]:
    """Return the plans of each subscription, in the order of the input."""
    if "plans" not in context.cache:
        found: dict[tuple[str, str], list[Resource]] = {}
        for plan in context.index.of_type(PRICINGS):
            if plan.stays:
                found.setdefault(_subscription(plan), []).append(plan)
        context.cache["plans"] = found
    plans: Mapping[tuple[str, str], list[Resource]] = context.cache["plans"]
    return plans


def _subscription(plan: Resource) -> tuple[str, str]:
    """Return the identity of a plan's subscription: its scope, or the provider block that manages it."""
    scope = plan.select(_SCOPE).text.lower()
    provider = plan.select(("provider",))
    return ("scope", scope) if scope else ("provider", provider.target if isinstance(provider, Link) else "")


def _may_be_same(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Return whether two scopes may be the same; the subscription of a provider block is not known."""
    return one[0] != other[0] or one[0] == "provider" or may_equal(one[1], other[1])
