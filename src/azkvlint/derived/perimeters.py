"""Network security perimeters: which ones a vault is in, and the callers that their access rules allow.

Sources: learn.microsoft.com/azure/private-link/network-security-perimeter-concepts and -transition: an enforced
association overrides the resource's own firewall; without an inbound rule a perimeter denies all access from outside,
and resources of one perimeter may connect to each other. An inbound rule that names a subscription allows resources in
it; trusted services have no other exception (learn.microsoft.com/azure/key-vault/general/network-security).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from azkvlint.derived.exposure import verdict_on, verdict_on_tag, worst
from azkvlint.derived.registry import Context
from azkvlint.graph.references import parent_of, reference_of, without_conditional_targets
from azkvlint.model.resource import Resource
from azkvlint.model.value import Answer, ListValue, Path, Scalar, Unknown

ASSOCIATIONS = "microsoft.network/networksecurityperimeters/resourceassociations"
_PROFILES = "microsoft.network/networksecurityperimeters/profiles"
_ACCESS_RULES = "microsoft.network/networksecurityperimeters/profiles/accessrules"
_MODE: Path = ("properties", "accessMode")
PROFILE: Path = ("properties", "profile", "id")
_TARGET: Path = ("properties", "privateLinkResource", "id")
PREFIXES: Path = ("properties", "addressPrefixes")
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
            profile = membership.association.select(PROFILE)
            reference = reference_of("", "", profile, context.index)
            if not membership.certain or reference is None or len(reference.targets) != 1 or reference.candidates:
                return None
            found = _inbound(context, reference.targets[0])
            if found is None or context.index.resources[reference.targets[0]].existing:
                return None
            verdicts += [verdict_on(profile, [], PROFILE), *found]
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
    rules = rules_of(context, profile)
    if rules is None:
        return None
    inbound = [let_in(rule) for rule in rules]
    # The addresses of all rules are counted together, and reported at the first one that has some.
    addresses = [address for found, _ in inbound for address in found]
    at = addresses[0].at if addresses else context.index.resources[profile].at
    many = "rules" if sum(bool(found) for found, _ in inbound) > 1 else "rule"
    subject = f"{'' if many == 'rules' else 'an '}inbound {many} of the network security perimeter"
    subject += " allow" if many == "rules" else " allows"
    added = verdict_on(ListValue(at=at, items=()), addresses, PREFIXES, subject=subject)
    return [added, *(verdict for _, verdicts in inbound for verdict in verdicts)]


def rules_of(context: Context, profile: str) -> list[Resource] | None:
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


def let_in(rule: Resource) -> tuple[list[Answer], list[Scalar | Unknown]]:
    """Return the addresses that one access rule allows, and the verdicts on its other sources.

    Subscriptions are callers that authenticate with a token, and not a network.
    """
    direction = rule.select(("properties", "direction"))
    if isinstance(direction, Scalar) and str(direction.value).lower() != "inbound":
        return [], []
    if isinstance(direction, Unknown):
        return [], [direction]
    prefixes, tags = rule.select(PREFIXES), rule.select(_RULE_TAGS)
    doubt: list[Scalar | Unknown] = [one for one in (prefixes, tags) if isinstance(one, Unknown)]
    named = tags.items if isinstance(tags, ListValue) else ()
    addresses: list[Answer] = list(prefixes.items) if isinstance(prefixes, ListValue) else []
    return addresses, [*(verdict_on_tag(tag, _RULE_TAGS) for tag in named), *doubt]
