"""Which plans of Defender for Cloud are declared beside each other, for one subscription."""

from __future__ import annotations

from collections.abc import Mapping

from kvlint.model.graph import Resource
from kvlint.model.value import Absent, Link, ListValue, Path, Scalar, Unknown, Value, text_of
from kvlint.readers.derive.attribute import Context, Derived
from kvlint.readers.ids import may_be

PRICINGS = "microsoft.security/pricings"
_SCOPE: Path = ("scope",)


def _plans(resource: Resource, context: Context) -> Value | None:
    """What the plans of a subscription protect; said of the first of them alone, so that it is said once."""
    if resource.type.lower() != PRICINGS or resource.existing:
        return None
    own = _subscription(resource)
    here = [one for one in context.index.of_type(PRICINGS) if one.stays]
    same = [one for one in here if _subscription(one) == own]
    if next(one.address for one in same if not one.existing) != resource.address:
        return None
    others = (one for one in here if _subscription(one) != own and _may_be_same(_subscription(one), own))
    items: list[Value] = [*map(_protected, same), *(_perhaps(one) for one in others)]
    if not context.closed:
        items.append(Unknown(at=resource.at, why="a plan that is not part of this input may be there"))
    return ListValue(at=resource.at, items=tuple(items), origin="derived")


def _protected(plan: Resource) -> Value:
    name = plan.select(("name",))
    if isinstance(name, Absent) or plan.conditions:
        return Unknown(at=plan.at, why="whether it is there, or what it protects, is not known")
    return name


def _perhaps(plan: Resource) -> Value:
    """A plan that may be for the same subscription: it counts if it may protect vaults."""
    name = plan.select(("name",))
    if isinstance(name, Scalar) and str(name.value).lower() != "keyvaults":
        return name
    return Unknown(at=plan.at, why=f"{plan.address} may be for the same subscription")


def _subscription(plan: Resource) -> tuple[str, str]:
    """What tells the subscription of a plan: its scope, or the provider block that manages it."""
    scope = text_of(plan.select(_SCOPE)).lower()
    provider = plan.select(("provider",))
    return ("scope", scope) if scope else ("provider", provider.target if isinstance(provider, Link) else "")


def _may_be_same(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Two scopes tell; a provider block does not say which subscription it has."""
    return one[0] != other[0] or one[0] == "provider" or may_be(one[1], other[1])


ATTRIBUTES: Mapping[str, Derived] = {"plans": Derived(_plans, {PRICINGS: (_SCOPE, ("name",))})}
