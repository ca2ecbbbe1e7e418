"""Network security perimeters: which ones a vault is in, and the callers that their access rules allow.

Sources: learn.microsoft.com/azure/private-link/network-security-perimeter-concepts and -transition: an enforced
association overrides the resource's own firewall; without an inbound rule a perimeter denies all access from outside,
and resources of one perimeter may connect to each other. An inbound rule that names a subscription allows resources in
it; trusted services have no other exception (learn.microsoft.com/azure/key-vault/general/network-security).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from azkvlint.derived.exposure import RULES_NOT_KNOWN, WORLD, verdict_on, verdict_on_tag, worst
from azkvlint.derived.registry import Context
from azkvlint.graph.references import may_equal, parent_of, reference_of, without_conditional_targets
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, ListValue, Path, Scalar, Unknown

ASSOCIATIONS = "microsoft.network/networksecurityperimeters/resourceassociations"
_PROFILES = "microsoft.network/networksecurityperimeters/profiles"
_ACCESS_RULES = "microsoft.network/networksecurityperimeters/profiles/accessrules"
_MODE: Path = ("properties", "accessMode")
_PROFILE: Path = ("properties", "profile", "id")
_TARGET: Path = ("properties", "privateLinkResource", "id")
_PREFIXES: Path = ("properties", "addressPrefixes")
_RULE_TAGS: Path = ("properties", "serviceTags")

PERIMETER_NEEDS: Mapping[str, tuple[Path, ...]] = {
    ASSOCIATIONS: (("properties",), ("parent",)),
    _PROFILES: (("id",), ("name",), ("parent",)),
    _ACCESS_RULES: (("parent",), ("properties",)),
}


class Membership(msgspec.Struct, frozen=True):
    """An association that certainly or possibly puts a vault into a perimeter."""

    association: Resource
    certain: bool


class Perimeters(msgspec.Struct, frozen=True):
    """The associations that may put one vault into a perimeter."""

    memberships: tuple[Membership, ...] = ()

    @property
    def enforced(self) -> bool | None:
        """Return whether a perimeter overrides the vault's own firewall; None if that is not known."""
        doubt = False
        for membership in self.memberships:
            mode = membership.association.select(_MODE)
            if isinstance(mode, Scalar) and str(mode.value).lower() == "enforced":
                if membership.certain:
                    return True
                doubt = True
            doubt = doubt or isinstance(mode, Unknown)
        return None if doubt else False

    @property
    def is_certain(self) -> bool | None:
        """Return whether the vault is in a perimeter, in whatever mode; None if that is not known."""
        return any(one.certain for one in self.memberships) or (None if self.memberships else False)

    def lets_in(self, context: Context) -> Scalar | Unknown | None:
        """Return the exposure through the perimeters' inbound rules; None if that is not known."""
        verdicts: list[Scalar | Unknown] = []
        for membership in self.memberships:
            profile = membership.association.select(_PROFILE)
            reference = reference_of("", "", profile, context.index)
            if not membership.certain or reference is None or len(reference.targets) != 1 or reference.candidates:
                return None
            found = _inbound(context, reference.targets[0])
            if found is None or context.index.resources[reference.targets[0]].existing:
                return None
            verdicts += [verdict_on(profile, [], _PROFILE), *found]
        return worst(verdicts) if verdicts else None


def perimeters_of(resource: Resource, context: Context) -> Perimeters:
    """Return the perimeters that a vault is in, as far as this input states them."""
    found = context.cache.get("perimeters")
    if not isinstance(found, dict):
        found = context.cache["perimeters"] = _by_target(context)
    return Perimeters((*found.get(resource.address, ()), *found.get("", ())))


def _by_target(context: Context) -> dict[str, list[Membership]]:
    """Return the memberships by the address of the vault; those that may be of any vault under the empty string."""
    found: dict[str, list[Membership]] = {}
    for association in context.index.of_type(ASSOCIATIONS):
        link = association.select(_TARGET)
        reference = reference_of(association.address, "", link, context.index)
        if association.stays and reference is not None:
            reference = without_conditional_targets(reference, association, context.index)
            for target in reference.targets:
                found.setdefault(target, []).append(Membership(association, True))
            for target in (*reference.candidates, *([""] if reference.anything else [])):
                found.setdefault(target, []).append(Membership(association, False))
    return found


def _inbound(context: Context, profile: str) -> list[Scalar | Unknown] | None:
    """Return the verdicts on the inbound rules of a profile; None if a rule may belong to any profile."""
    rules = _rules_of(context, profile)
    if rules is None:
        return None
    inbound = [_let_in(rule) for rule in rules]
    # The addresses of all rules are counted together, and reported at the first one that has some.
    addresses = [address for found, _ in inbound for address in found]
    at = addresses[0].at if addresses else context.index.resources[profile].at
    many = "rules" if sum(bool(found) for found, _ in inbound) > 1 else "rule"
    subject = f"{'' if many == 'rules' else 'an '}inbound {many} of the network security perimeter"
    subject += " allow" if many == "rules" else " allows"
    added = verdict_on(ListValue(at=at, items=()), addresses, _PREFIXES, subject=subject)
    return [added, *(verdict for _, verdicts in inbound for verdict in verdicts)]


def _rules_of(context: Context, profile: str) -> list[Resource] | None:
    """Return the access rules of a profile; None if a rule may belong to any profile."""
    rules = context.cache.get("perimeterRules")
    if not isinstance(rules, dict):
        rules = context.cache["perimeterRules"] = _by_profile(context)
    return None if "" in rules else rules.get(profile, [])


def _by_profile(context: Context) -> dict[str, list[Resource]]:
    """Return the access rules by the address of their profile.

    Rules that may be of any profile are under the empty string.
    """
    found: dict[str, list[Resource]] = {}
    for rule in context.index.of_type(_ACCESS_RULES):
        reference = parent_of(rule, context.index)
        if rule.stays:
            certain = reference is not None and reference.targets and not reference.candidates
            for profile in reference.targets if reference is not None and certain else ("",):
                found.setdefault(profile, []).append(rule)
    return found


def _let_in(rule: Resource) -> tuple[list[Answer], list[Scalar | Unknown]]:
    """Return the addresses that one access rule allows, and the verdicts on its other sources.

    Subscriptions are callers that authenticate with a token, and not a network.
    """
    direction = rule.select(("properties", "direction"))
    if isinstance(direction, Scalar) and str(direction.value).lower() != "inbound":
        return [], []
    if isinstance(direction, Unknown):
        return [], [direction]
    prefixes, tags = rule.select(_PREFIXES), rule.select(_RULE_TAGS)
    doubt: list[Scalar | Unknown] = [one for one in (prefixes, tags) if isinstance(one, Unknown)]
    named = tags.items if isinstance(tags, ListValue) else ()
    addresses: list[Answer] = list(prefixes.items) if isinstance(prefixes, ListValue) else []
    return addresses, [*(verdict_on_tag(tag, _RULE_TAGS) for tag in named), *doubt]


# --- Services that connect to a vault in a perimeter ----------------------------------------------------------------


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
    profile = association.select(_PROFILE)
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
    profile = association.select(_PROFILE)
    reference = reference_of("", "", profile, context.index)
    if isinstance(profile, Absent):
        return False
    if reference is None or len(reference.targets) != 1 or context.index.resources[reference.targets[0]].existing:
        return RULES_NOT_KNOWN
    rules = _rules_of(context, reference.targets[0])
    if rules is None:
        return RULES_NOT_KNOWN
    found = [_covers(rule, service) for rule in rules]
    return True if True in found else next((one for one in found if isinstance(one, str)), False)


def _covers(rule: Resource, service: Resource) -> bool | str:
    addresses, verdicts = _let_in(rule)
    prefixes = verdict_on(rule.select(_PREFIXES), addresses, _PREFIXES)
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
