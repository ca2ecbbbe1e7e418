"""Network security perimeters: which ones a vault is in, and whom they let in.

Sources: learn.microsoft.com/azure/private-link/network-security-perimeter-concepts and -transition: an enforced
association overrules the resource's own firewall; without a rule that lets in, a perimeter denies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from azkvlint.derived.exposure import verdict_on, verdict_on_tag, worst
from azkvlint.derived.registry import Context
from azkvlint.graph.references import certain_only, reference_of
from azkvlint.model.value import Absent, Answer, ListValue, Path, Scalar, Unknown

if TYPE_CHECKING:
    from azkvlint.model.resource import Resource

ASSOCIATIONS = "microsoft.network/networksecurityperimeters/resourceassociations"
_PROFILES = "microsoft.network/networksecurityperimeters/profiles"
_ACCESS_RULES = "microsoft.network/networksecurityperimeters/profiles/accessrules"
_MODE: Path = ("properties", "accessMode")
_PROFILE: Path = ("properties", "profile", "id")
_TARGET: Path = ("properties", "privateLinkResource", "id")
_PREFIXES: Path = ("properties", "addressPrefixes")
_TAGS: Path = ("properties", "serviceTags")

PERIMETER_NEEDS: Mapping[str, tuple[Path, ...]] = {
    ASSOCIATIONS: (("properties",),),
    _PROFILES: (("id",), ("name",)),
    _ACCESS_RULES: (("parent",), ("properties",)),
}


class Membership(NamedTuple):
    """An association that puts a vault into a perimeter, or perhaps does."""

    association: Resource
    certain: bool


class Perimeters(NamedTuple):
    """All that may put one vault into a perimeter."""

    memberships: tuple[Membership, ...] = ()

    @property
    def enforced(self) -> bool | None:
        """Whether a perimeter overrules the vault's own firewall; None if nobody knows."""
        doubt = False
        for association, certain in self.memberships:
            mode = association.select(_MODE)
            if isinstance(mode, Scalar) and str(mode.value).lower() == "enforced":
                if certain:
                    return True
                doubt = True
            doubt = doubt or isinstance(mode, Unknown)
        return None if doubt else False

    def lets_in(self, context: Context) -> Scalar | Unknown | None:
        """Whom the perimeters let in, in the words of exposure; None if nobody knows."""
        verdicts: list[Scalar | Unknown] = []
        for association, certain in self.memberships:
            profile = association.select(_PROFILE)
            reference = None if isinstance(profile, Absent) else reference_of("", "", profile, context.index)
            if not certain or reference is None or len(reference.targets) != 1 or reference.candidates:
                return None
            found = _inbound(context, reference.targets[0])
            if found is None or context.index.resources[reference.targets[0]].existing:
                return None
            verdicts += [verdict_on(profile, [], _PROFILE), *found]
        return worst(verdicts) if verdicts else None


def perimeters_of(resource: Resource, context: Context) -> Perimeters:
    """The perimeters that a vault is in, as far as this input says."""
    found = context.cache.get("perimeters")
    if not isinstance(found, dict):
        found = context.cache["perimeters"] = _by_target(context)
    return Perimeters((*found.get(resource.address, ()), *found.get("", ())))


def _by_target(context: Context) -> dict[str, list[Membership]]:
    """The memberships by the address of the vault; those that may be of any vault under the empty text."""
    found: dict[str, list[Membership]] = {}
    for association in context.index.of_type(ASSOCIATIONS):
        link = association.select(_TARGET)
        reference = None if isinstance(link, Absent) else reference_of(association.address, "", link, context.index)
        if association.stays and reference is not None:
            reference = certain_only(reference, association, context.index)
            for target in reference.targets:
                found.setdefault(target, []).append(Membership(association, True))
            for target in (*reference.candidates, *([""] if reference.anything else [])):
                found.setdefault(target, []).append(Membership(association, False))
    return found


def _inbound(context: Context, profile: str) -> list[Scalar | Unknown] | None:
    """The verdicts on the rules of a profile that let in; None if a rule may belong to any profile."""
    rules = context.cache.get("perimeterRules")
    if not isinstance(rules, dict):
        rules = context.cache["perimeterRules"] = _by_profile(context)
    if "" in rules:
        return None
    inbound = [_let_in(rule) for rule in rules.get(profile, ())]
    # What one rule lets in adds to what the others do.
    addresses = [address for found, _ in inbound for address in found]
    added = verdict_on(ListValue(at=context.index.resources[profile].at, items=()), addresses, _PREFIXES)
    return [added, *(verdict for _, verdicts in inbound for verdict in verdicts)]


def _by_profile(context: Context) -> dict[str, list[Resource]]:
    """The access rules by the address of their profile; those that may be of any profile under the empty text."""
    found: dict[str, list[Resource]] = {}
    for rule in context.index.of_type(_ACCESS_RULES):
        above = rule.select(("parent",))
        reference = None if isinstance(above, Absent) else reference_of(rule.address, "", above, context.index)
        if rule.stays:
            certain = reference is not None and reference.targets and not reference.candidates
            for profile in reference.targets if reference is not None and certain else ("",):
                found.setdefault(profile, []).append(rule)
    return found


def _let_in(rule: Resource) -> tuple[list[Answer], list[Scalar | Unknown]]:
    """The addresses that one access rule lets in, and the verdicts on what else it does.

    Subscriptions are callers with a token of their own, and no network.
    """
    direction = rule.select(("properties", "direction"))
    if isinstance(direction, Scalar) and str(direction.value).lower() != "inbound":
        return [], []
    if isinstance(direction, Unknown):
        return [], [direction]
    prefixes, tags = rule.select(_PREFIXES), rule.select(_TAGS)
    doubt: list[Scalar | Unknown] = [one for one in (prefixes, tags) if isinstance(one, Unknown)]
    named = tags.items if isinstance(tags, ListValue) else ()
    addresses: list[Answer] = list(prefixes.items) if isinstance(prefixes, ListValue) else []
    return addresses, [*(verdict_on_tag(tag, _TAGS) for tag in named), *doubt]
