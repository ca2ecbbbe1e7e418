"""Services that connect to a vault in a network security perimeter."""

from __future__ import annotations

from collections.abc import Iterator

from azkvlint.derived.exposure import RULES_NOT_KNOWN, WORLD, verdict_on
from azkvlint.derived.perimeters import PREFIXES, PROFILE, Membership, Perimeters, let_in, perimeters_of, rules_of
from azkvlint.derived.registry import Context
from azkvlint.graph.references import may_equal, reference_of
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, ListValue, Path, Scalar, Unknown

_SUBSCRIPTIONS: Path = ("properties", "subscriptions")
_OTHER_PERIMETERS: Path = ("properties", "networkSecurityPerimeters")


def admission(perimeters: Perimeters, service: Resource, context: Context) -> bool | str:
    """Return whether a service may connect to a vault through its perimeters, or the reason why that is not known.

    Services of the same perimeter may, and those that an inbound rule of its profile covers.
    """
    own = {_perimeter_of(one, context) for one in perimeters.memberships}
    if not all(one.certain for one in perimeters.memberships):
        return "the perimeter of the vault is not known"
    doubt = ""
    for other in (one for address in _with_owners(service, context) for one in _memberships(address, context)):
        perimeter = _perimeter_of(other, context)
        if other.certain and perimeter and perimeter in own:
            return True
        if not (other.certain and perimeter and all(own)) or any(may_equal(perimeter, one) for one in own):
            doubt = "the service may be in the same network security perimeter"
    for one in perimeters.memberships:
        found = _through_rules(one.association, service, context)
        if found is True:
            return True
        doubt = doubt or ("" if isinstance(found, bool) else found)
    return doubt or False


def _memberships(address: str, context: Context) -> tuple[Membership, ...]:
    return perimeters_of(context.index.resources[address], context).memberships


def _with_owners(service: Resource, context: Context) -> Iterator[str]:
    """Yield the address of a service, and of the resources that it is a part of."""
    known, open_ = {service.address}, [service]
    while open_:
        one = open_.pop()
        yield one.address
        for path in (("parent",), ("scope",)):
            value = one.select(path)
            reference = reference_of("", "", value, context.index)
            for target in reference.targets if reference is not None else ():
                if target not in known:
                    known.add(target)
                    open_.append(context.index.resources[target])


def _perimeter_of(membership: Membership, context: Context) -> str:
    """Return what identifies the perimeter of an association: its address or id; empty if that is not known."""
    association = membership.association
    found = _identity(association, ("parent",), context)
    if found:
        return found
    profile = association.select(PROFILE)
    reference = reference_of("", "", profile, context.index)
    if reference is not None and len(reference.targets) == 1 and not reference.candidates:
        return _identity(context.index.resources[reference.targets[0]], ("parent",), context) or reference.targets[0]
    return profile.text.lower().rpartition("/profiles/")[0]


def _identity(resource: Resource, path: Path, context: Context) -> str:
    value = resource.select(path)
    reference = reference_of("", "", value, context.index)
    if reference is not None and len(reference.targets) == 1 and not reference.candidates:
        return reference.targets[0]
    return value.text.lower()


def _through_rules(association: Resource, service: Resource, context: Context) -> bool | str:
    """Return whether an inbound rule covers a service, or the reason why that is not known."""
    profile = association.select(PROFILE)
    reference = reference_of("", "", profile, context.index)
    if isinstance(profile, Absent):
        return False
    if reference is None or len(reference.targets) != 1 or context.index.resources[reference.targets[0]].existing:
        return RULES_NOT_KNOWN
    rules = rules_of(context, reference.targets[0])
    if rules is None:
        return RULES_NOT_KNOWN
    found = [_covers(rule, service) for rule in rules]
    return True if True in found else next((one for one in found if isinstance(one, str)), False)


def _covers(rule: Resource, service: Resource) -> bool | str:
    addresses, verdicts = let_in(rule)
    prefixes = verdict_on(rule.select(PREFIXES), addresses, PREFIXES)
    subscriptions = rule.select(_SUBSCRIPTIONS)
    direction = rule.select(("properties", "direction"))
    if isinstance(direction, Scalar) and str(direction.value).lower() != "inbound":
        return False
    if any(isinstance(one, Scalar) and one.value == WORLD for one in (prefixes, *verdicts)):
        return True
    named = subscriptions.items if isinstance(subscriptions, ListValue) else ()
    own = service.select(("id",)).text.lower()
    doubt = any(isinstance(one, Unknown) for one in (direction, prefixes, subscriptions)) or bool(verdicts)
    for item in named:
        text = item.select(("id",)).text.lower().rstrip("/")
        if text and own.startswith(f"{text}/") and not doubt:
            return True
        doubt = doubt or not (text and own) or not _differ(text, own)
    doubt = doubt or not isinstance(rule.select(_OTHER_PERIMETERS), Absent)
    return f"an access rule of the network security perimeter may cover {service.address}" if doubt else False


def _differ(subscription: str, id_: str) -> bool:
    """Return whether a resource id is certainly of another subscription: both are known GUIDs."""
    one, other = subscription.split("/")[2:3], id_.split("/")[2:3]
    return bool(one and other) and _is_plain(one[0]) and _is_plain(other[0]) and one != other


def _is_plain(text: str) -> bool:
    return len(text) == 36 and set(text) <= set("0123456789abcdef-")
