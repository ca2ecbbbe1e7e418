"""Who can reach a vault: one verdict from public network access, default action, IP rules and subnets together.

Sources: learn.microsoft.com/azure/key-vault/general/network-security. A vault without rules answers every network;
"Disabled" and "SecuredByPerimeter" overrule the firewall's rules; rules under the default action Allow do nothing. A
managed HSM may list service tags besides addresses (learn.microsoft.com/azure/key-vault/managed-hsm/network-security).

An enforced perimeter overrules the switch, "Disabled" included. Of one that only learns the page above says that the
switch decides, and learn.microsoft.com/azure/private-link/network-security-perimeter-transition that its rules let in
all the same: where that makes a difference, nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from azkvlint.azure.arm_defaults import SINCE
from azkvlint.derived.ranges import WIDE_SIZE, WORLD_SIZE, Range, range_of, share, union
from azkvlint.derived.registry import known, unknown
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, ListValue, Path, Scalar, Unknown, Value, display, select

PRIVATE, SUBNETS, IPS, WIDE, WORLD = LATTICE = ("private-only", "listed-subnets", "listed-ips", "wide-range", "world")

PUBLIC: Path = ("properties", "publicNetworkAccess")
ACLS: Path = ("properties", "networkAcls")
ACTION: Path = (*ACLS, "defaultAction")
IP_RULES: Path = (*ACLS, "ipRules")
SUBNET_RULES: Path = (*ACLS, "virtualNetworkRules")
_TAGS: Path = (*ACLS, "serviceTags")


ON, OFF, PERIMETER = "on", "off", "perimeter"


def public_access(resource: Resource, enforced: bool | None) -> Scalar | Unknown:
    """What the switch for public network access amounts to: ON (the firewall decides), OFF, or PERIMETER.

    ``enforced``: an association puts the vault into a network security perimeter, which then overrules the switch and
    the firewall; None if that is not known.
    """
    public = resource.select(PUBLIC)
    if isinstance(public, Unknown):
        return _unknown(public)
    word = str(public.value).lower() if isinstance(public, Scalar) else "enabled"
    if word == "enabled" and enforced is None:
        return _unknown(public, "a network security perimeter may overrule it")
    if word == "securedbyperimeter" or (word in ("enabled", "disabled") and enforced):
        return _verdict(PERIMETER, public, PUBLIC, "a network security perimeter decides who can reach it")
    if word not in ("enabled", "disabled"):
        return _unknown(public, f"'{display(public)}' is neither Enabled nor Disabled")
    return _verdict(ON if word == "enabled" else OFF, public, PUBLIC)


def in_perimeter(resource: Resource, enforced: bool | None) -> Scalar | Unknown:
    """Whether a network security perimeter decides who connects, whatever the switch and the firewall say.

    ``enforced`` as for public_access.
    """
    public = resource.select(PUBLIC)
    secured = isinstance(public, Scalar) and str(public.value).lower() == "securedbyperimeter"
    if not (secured or enforced) and (enforced is None or isinstance(public, Unknown)):
        return _unknown(public, "" if enforced is False else "a network security perimeter may overrule it")
    return msgspec.structs.replace(_verdict(PERIMETER, public, PUBLIC), value=secured or enforced is True)


def exposure(resource: Resource, enforced: bool | None, inside: Callable[[], Scalar | Unknown | None]) -> Value:
    """One of LATTICE, with the attribute that decided; unknown if what is not known could change the verdict.

    ``enforced`` as for public_access. ``inside`` answers whom the perimeter lets in; None if nobody knows.
    """
    public = public_access(resource, enforced)
    if isinstance(public, Unknown):
        # What the firewall does not let in, no other gate does either, but for a perimeter.
        found = _firewall(resource) if _too_old(resource) else public
        return found if isinstance(found, Scalar) and found.value in (PRIVATE, SUBNETS, IPS) else public
    if public.value == PERIMETER:
        certain = inside()
        # It is told where the vault stands, whatever it is in the perimeter that decides.
        return _unknown(public, public.note) if certain is None else msgspec.structs.replace(certain, at=public.at)
    if enforced is None:
        return _unknown(public, "a network security perimeter may overrule it")
    found = msgspec.structs.replace(public, value=PRIVATE) if public.value == OFF else _firewall(resource)
    learning = inside() if isinstance(found, Scalar) and found.value != WORLD else None
    if learning is not None and worst([found, learning]) is not found:
        return _unknown(found, "a network security perimeter that is not enforced may let in more")
    return found


def _firewall(resource: Resource) -> Scalar | Unknown:
    """The verdict where public network access is on."""
    acls = resource.select(ACLS)
    if isinstance(acls, Absent):
        return _verdict(WORLD, acls, ACLS, "no network rules are set, so every network may connect")
    action = resource.select(ACTION)
    if isinstance(action, Unknown):
        # Allow is the world, and so is Deny where the rules list the world.
        listed = _listed(resource)
        return listed if isinstance(listed, Scalar) and listed.value == WORLD else _unknown(action)
    if not isinstance(action, Scalar) or str(action.value).lower() != "deny":
        note = "" if isinstance(action, Scalar) else "the default action is not set, and Azure then allows"
        return _verdict(WORLD, action, ACTION, note)
    return _listed(resource)


def _too_old(resource: Resource) -> bool:
    """Whether the API version of a resource is from before there was public network access."""
    version = resource.select(("apiVersion",))
    text = str(version.value) if isinstance(version, Scalar) else ""
    return text < SINCE.get(resource.type.lower(), {}).get(PUBLIC, "")


def _listed(resource: Resource) -> Scalar | Unknown:
    """The verdict of a firewall that denies by default."""
    rules = resource.select(IP_RULES)
    if isinstance(rules, Unknown):
        return _unknown(rules)
    items = rules.items if isinstance(rules, ListValue) else ()
    values = [select(item, ("value",)) for item in items]
    found = worst([verdict_on(rules, values, IP_RULES), *_tagged(resource)])
    subnets = resource.select(SUBNET_RULES)
    if isinstance(found, Unknown) or found.value != PRIVATE:
        return found
    if isinstance(subnets, Unknown) or (isinstance(subnets, ListValue) and subnets.items):
        return _verdict(SUBNETS, subnets, SUBNET_RULES)
    return _verdict(PRIVATE, resource.select(ACTION), ACTION)


def worst(verdicts: list[Scalar | Unknown]) -> Scalar | Unknown:
    """The widest of some verdicts; one that is not known counts, unless it can change nothing."""
    certain = [verdict for verdict in verdicts if isinstance(verdict, Scalar)]
    widest = max(certain, key=lambda verdict: LATTICE.index(str(verdict.value)), default=None)
    doubt = next((verdict for verdict in verdicts if isinstance(verdict, Unknown)), None)
    if widest is None or (doubt is not None and widest.value != WORLD):
        return doubt if doubt is not None else verdicts[0]
    return widest


def verdict_on(rules: Answer, values: list[Answer], path: Path) -> Scalar | Unknown:
    """What addresses and ranges amount to that are let in; ``rules`` is the list that they are from, at ``path``."""
    spans = [(value, range_of(str(value.value))) for value in values if isinstance(value, Scalar)]
    ranges: list[Range] = [span for _, span in spans if span is not None]
    size = union(ranges)
    what = f"the IP rules {_told(rules, values)} are {share(size)}"
    if size >= WORLD_SIZE:
        return _verdict(WORLD, rules, path, what)
    for value in values:
        if not isinstance(value, Scalar):
            return _unknown(value, "" if isinstance(value, Unknown) else "a rule names no address")
    for value, span in spans:
        if span is None:
            return _unknown(value, f"'{display(value)}' is not an IPv4 address or range")
    if size >= WIDE_SIZE:
        return _verdict(WIDE, rules, path, what)
    return _verdict(IPS if ranges else PRIVATE, rules, path)


def _told(rules: Answer, values: list[Answer]) -> str:
    """The addresses themselves, without what Azure wraps each of them in."""
    if not isinstance(rules, ListValue) or rules.sensitive:
        return display(rules)
    items = tuple(value for value in values if not isinstance(value, Absent))
    return display(msgspec.structs.replace(rules, items=items))


def _tagged(resource: Resource) -> list[Scalar | Unknown]:
    """The verdicts on the service tags that a managed HSM lists."""
    tags = resource.select(_TAGS)
    if isinstance(tags, Unknown):
        return [_unknown(tags)]
    items = tags.items if isinstance(tags, ListValue) else ()
    return [verdict_on_tag(select(item, ("tag",)), _TAGS) for item in items]


def verdict_on_tag(tag: Answer, path: Path) -> Scalar | Unknown:
    """What a service tag amounts to that is let in."""
    if not isinstance(tag, Scalar):
        return _unknown(tag, "a service tag is not known")
    name = str(tag.value).lower()
    word = WORLD if name == "internet" else WIDE if name.partition(".")[0] == "azurecloud" else IPS
    return _verdict(word, tag, path, f"the service tag {display(tag)} is let in")


def _verdict(word: str, answer: Answer, path: Path, note: str = "") -> Scalar:
    attribute = ".".join(str(step) for step in path)
    note = note or answer.note or f"{attribute} is {display(answer)}"
    at = msgspec.structs.replace(answer.at, attribute=attribute)
    return known(at, word, note)


def _unknown(answer: Answer, why: str = "") -> Unknown:
    return unknown(answer, why or (answer.why if isinstance(answer, Unknown) else ""))
