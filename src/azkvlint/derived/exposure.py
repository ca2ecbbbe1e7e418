"""Network exposure of vaults: verdicts from public access, default action, bypass, IP rules and subnets.

Sources: learn.microsoft.com/azure/key-vault/general/network-security. A vault without rules is open to all networks;
"Disabled" and "SecuredByPerimeter" override the firewall's rules; rules under the default action Allow have no effect.
A managed HSM also supports service tags (learn.microsoft.com/azure/key-vault/managed-hsm/network-security).

An enforced perimeter overrides the switch, "Disabled" included. For a perimeter in learning mode, the page above states
that the switch decides, but learn.microsoft.com/azure/private-link/network-security-perimeter-transition that the
perimeter's rules still allow access: where this makes a difference, the verdict is unknown.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from azkvlint.azure.arm_defaults import SINCE
from azkvlint.azure.azurerm.arguments import name_as_written, state_value
from azkvlint.derived.answers import at_attribute, known, unknown
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, ListValue, Path, Scalar, Unknown, Value, path_text
from azkvlint.util.lazy_regex import regex

# The number of addresses from which a list of ranges counts as the world: three quarters of all. Public IPv4 space is
# about seven eighths of all addresses, and a /8 is far more than any one organization's offices.
WORLD_SIZE = 3 << 30
WIDE_SIZE = 1 << 24
_RANGE = regex(r"([0-9]{1,3}(?:\.[0-9]{1,3}){3})(?:/([0-9]{1,2}))?")


class Range(msgspec.Struct, frozen=True, order=True, gc=False):
    """The first address, and the address after the last."""

    start: int
    end: int

    @property
    def prefix(self) -> int:
        """Return the prefix length, such as 24 for a /24."""
        return 33 - (self.end - self.start).bit_length()

    def holds(self, other: Range) -> bool:
        """Return whether the range contains all of ``other``."""
        return self.start <= other.start and other.end <= self.end


def range_of(text: str) -> Range | None:
    """Return the range of ``1.2.3.4`` or ``1.2.3.0/24``; None if Azure would reject it."""
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        return None
    parts, length = match[1].split("."), int(match[2] or 32)
    if length > 32 or any(int(part) > 255 for part in parts):
        return None
    size = 1 << (32 - length)
    start = int.from_bytes(bytes(int(part) for part in parts), "big") // size * size
    # 0.0.0.0 alone means "any address" in older templates of Azure services.
    return Range(start, start + size) if text.strip() != "0.0.0.0" else Range(0, 1 << 32)


def union(ranges: list[Range]) -> int:
    """Return the number of distinct addresses in the ranges."""
    total, reached = 0, 0
    for one in sorted(ranges):
        total += max(0, one.end - max(one.start, reached))
        reached = max(reached, one.end)
    return total


def share(size: int) -> str:
    """Return a number of addresses in words."""
    if size >= WORLD_SIZE:
        return "all or nearly all addresses"
    return f"{size:,} addresses (/{32 - (size.bit_length() - 1)} or larger)"


def covered(ranges: list[Range]) -> dict[int, int]:
    """Return the index of each range that is contained in another one, with the index of that one.

    The first of several equal ranges is not contained.
    """
    found: dict[int, int] = {}
    widest = -1
    for at in sorted(range(len(ranges)), key=lambda at: (ranges[at].start, -ranges[at].end, at)):
        if widest >= 0 and ranges[widest].holds(ranges[at]):
            found[at] = widest
        elif widest < 0 or ranges[at].end > ranges[widest].end:
            widest = at
    return found


PRIVATE, SUBNETS, IPS, WIDE, WORLD = LATTICE = (
    "private access only", "listed subnets", "listed IP addresses", "large IP range", "all networks",
)  # fmt: skip

PUBLIC: Path = ("properties", "publicNetworkAccess")
ACLS: Path = ("properties", "networkAcls")
ACTION: Path = (*ACLS, "defaultAction")
BYPASS: Path = (*ACLS, "bypass")
IP_RULES: Path = (*ACLS, "ipRules")
SUBNET_RULES: Path = (*ACLS, "virtualNetworkRules")
_TAGS: Path = (*ACLS, "serviceTags")


ON, OFF, PERIMETER = "on", "off", "perimeter"
_MAY_OVERRIDE = "a network security perimeter may override the firewall"
MAY_ALLOW_MORE = "a network security perimeter in learning mode may allow more access"
RULES_NOT_KNOWN = "the access rules of the network security perimeter are not known"


def public_access(resource: Resource, enforced: bool | None) -> Scalar | Unknown:
    """Return the effect of the switch for public network access: ON (the firewall decides), OFF, or PERIMETER.

    ``enforced``: an association puts the vault into a network security perimeter, which then overrides the switch and
    the firewall; None if that is not known.
    """
    public = resource.select(PUBLIC)
    if isinstance(public, Unknown):
        return _unknown(public)
    word = str(public.value).lower() if isinstance(public, Scalar) else "enabled"
    if word == "enabled" and enforced is None:
        return _unknown(public, _MAY_OVERRIDE)
    if word == "securedbyperimeter" or (word in ("enabled", "disabled") and enforced):
        return _verdict(PERIMETER, public, PUBLIC, note="a network security perimeter controls access")
    if word not in ("enabled", "disabled"):
        return _unknown(public, f"public network access `{public.display()}` is not supported")
    return _verdict(ON if word == "enabled" else OFF, public, PUBLIC, resource.declared_as)


def in_perimeter(resource: Resource, enforced: bool | None) -> Scalar | Unknown:
    """Return whether a network security perimeter decides on access, regardless of the switch and the firewall.

    ``enforced`` as for public_access.
    """
    public = resource.select(PUBLIC)
    secured = isinstance(public, Scalar) and str(public.value).lower() == "securedbyperimeter"
    may_be_secured = isinstance(public, Unknown) and not _excludes_perimeter(public)
    if not (secured or enforced) and (enforced is None or may_be_secured):
        return _unknown(public, "" if enforced is False else _MAY_OVERRIDE)
    found = _verdict(PERIMETER, public, PUBLIC, resource.declared_as)
    return msgspec.structs.replace(found, value=secured or enforced is True)


def _excludes_perimeter(public: Unknown) -> bool:
    """Return whether an unknown switch cannot be "SecuredByPerimeter": the argument of azurerm is a Boolean."""
    return bool(public.one_of) and all(str(one).lower() != "securedbyperimeter" for one in public.one_of)


def exposure(resource: Resource, enforced: bool | None, inside: Callable[[], Scalar | Unknown | None]) -> Value:
    """Return one of LATTICE, with the attribute that decides; unknown if an unknown value could change the verdict.

    ``enforced`` as for public_access. ``inside`` returns the exposure through the perimeter; None if it is not known.
    """
    public = public_access(resource, enforced)
    if isinstance(public, Unknown):
        # Access that the firewall denies is denied by all other settings, too, except a perimeter.
        found = _firewall(resource) if _too_old(resource) else public
        return found if isinstance(found, Scalar) and found.value in (PRIVATE, SUBNETS, IPS) else public
    if public.value == PERIMETER:
        certain = inside()
        if certain is None:
            return _unknown(public, RULES_NOT_KNOWN)
        # An access rule that lets the world in is the place to edit; anything else is reported at the vault.
        is_open = isinstance(certain, Scalar) and certain.value in (WIDE, WORLD)
        return certain if is_open else msgspec.structs.replace(certain, at=public.at)
    if enforced is None:
        return _unknown(public, _MAY_OVERRIDE)
    found = msgspec.structs.replace(public, value=PRIVATE) if public.value == OFF else _firewall(resource)
    learning = inside() if isinstance(found, Scalar) and found.value != WORLD else None
    if learning is not None and worst([found, learning]) is not found:
        return _unknown(found, MAY_ALLOW_MORE)
    return found


IN_EFFECT, IGNORED, OVERRULED = "in effect", "ignored", "overruled"


def effect_of_rules(resource: Resource, enforced: bool | None) -> Scalar | Unknown:
    """Return whether rules of the firewall, if there are any, have an effect; ``enforced`` as for public_access."""
    public, action = public_access(resource, enforced), resource.select(ACTION)
    if isinstance(public, Scalar) and public.value != ON:
        return msgspec.structs.replace(public, value=OVERRULED)
    if isinstance(action, Unknown):
        return _unknown(action)
    is_deny = isinstance(action, Scalar) and str(action.value).lower() == "deny"
    effect = IN_EFFECT if is_deny else IGNORED
    if isinstance(public, Unknown):
        return msgspec.structs.replace(_unknown(public), one_of=(effect, OVERRULED))
    return _verdict(effect, action, ACTION, resource.declared_as, "" if is_deny else _action_note(resource, action))


def _action_note(resource: Resource, action: Answer) -> str:
    """Return a note on a default action that is not Deny; empty for one that is set."""
    name = name_as_written(resource.declared_as, path_text(ACTION))
    return "" if isinstance(action, Scalar) else f"`{name}` is not set (treated as Allow)"


def _firewall(resource: Resource) -> Scalar | Unknown:
    """Return the verdict where public network access is on."""
    acls = resource.select(ACLS)
    if isinstance(acls, Absent):
        return _verdict(WORLD, acls, ACLS, note="no network rules are set")
    action = resource.select(ACTION)
    if isinstance(action, Unknown):
        # Allow is the world, and so is Deny if the rules list the world.
        listed = _listed(resource)
        return listed if isinstance(listed, Scalar) and listed.value == WORLD else _unknown(action)
    if not isinstance(action, Scalar) or str(action.value).lower() != "deny":
        return _verdict(WORLD, action, ACTION, resource.declared_as, _action_note(resource, action))
    return _listed(resource)


EXEMPT, NOT_EXEMPT = "AzureServices", "None"
ALLOWED, DENIED = "allowed", "denied"


def bypass_of(resource: Resource) -> Scalar | Unknown:
    """Return whether the firewall exempts trusted Microsoft services: EXEMPT, which is the default, or NOT_EXEMPT."""
    bypass = resource.select(BYPASS)
    if isinstance(bypass, Unknown):
        return _unknown(bypass)
    word = str(bypass.value).lower() if isinstance(bypass, Scalar) else EXEMPT.lower()
    if word not in (EXEMPT.lower(), NOT_EXEMPT.lower()):
        return _unknown(bypass, f"the bypass `{bypass.display()}` is not supported")
    found, can = (EXEMPT, "can") if word == EXEMPT.lower() else (NOT_EXEMPT, "cannot")
    return _verdict(found, bypass, BYPASS, note=f"trusted Microsoft services {can} bypass the firewall")


def trusted_through_firewall(resource: Resource) -> Scalar | Unknown:
    """Return whether trusted Microsoft services pass the firewall: ALLOWED or DENIED.

    Only the exemption lets them in, because neither IP rules nor subnets cover them, or a firewall that is open to all.
    """
    bypass = bypass_of(resource)
    if isinstance(bypass, Scalar) and bypass.value == EXEMPT:
        return msgspec.structs.replace(bypass, value=ALLOWED)
    public, action = resource.select(PUBLIC), resource.select(ACTION)
    is_off = isinstance(public, Scalar) and str(public.value).lower() != "enabled"
    is_deny = isinstance(action, Scalar) and str(action.value).lower() == "deny"
    doubt = next((one for one in (public, action) if isinstance(one, Unknown)), None)
    if not (is_off or is_deny) and doubt is None:
        return _verdict(ALLOWED, action, ACTION, resource.declared_as)
    if isinstance(bypass, Unknown):
        return bypass
    if is_off or is_deny or doubt is None:
        return msgspec.structs.replace(bypass, value=DENIED)
    return _unknown(doubt)


def _too_old(resource: Resource) -> bool:
    """Return whether the API version of a resource predates public network access."""
    version = resource.select(("apiVersion",))
    text = str(version.value) if isinstance(version, Scalar) else ""
    return text < SINCE.get(resource.type.lower(), {}).get(PUBLIC, "")


def _listed(resource: Resource) -> Scalar | Unknown:
    """Return the verdict of a firewall that denies by default."""
    rules = resource.select(IP_RULES)
    if isinstance(rules, Unknown):
        return _unknown(rules)
    items = rules.items if isinstance(rules, ListValue) else ()
    values = [item.select(("value",)) for item in items]
    found = worst([verdict_on(rules, values, IP_RULES, resource.declared_as), *_tagged(resource)])
    subnets = resource.select(SUBNET_RULES)
    if isinstance(found, Unknown) or found.value != PRIVATE:
        return found
    if isinstance(subnets, Unknown) or (isinstance(subnets, ListValue) and subnets.items):
        return _verdict(SUBNETS, subnets, SUBNET_RULES, resource.declared_as)
    return _verdict(PRIVATE, resource.select(ACTION), ACTION, resource.declared_as)


def worst(verdicts: list[Scalar | Unknown]) -> Scalar | Unknown:
    """Return the widest verdict; an unknown verdict counts, unless it cannot change the result."""
    certain = [verdict for verdict in verdicts if isinstance(verdict, Scalar)]
    widest = max(certain, key=lambda verdict: LATTICE.index(str(verdict.value)), default=None)
    doubt = next((verdict for verdict in verdicts if isinstance(verdict, Unknown)), None)
    if widest is None or (doubt is not None and widest.value != WORLD):
        return doubt if doubt is not None else verdicts[0]
    return widest


def verdict_on(
    rules: Answer, values: list[Answer], path: Path, declared_as: str = "", subject: str = "IP rules cover"
) -> Scalar | Unknown:
    """Return the verdict on addresses and ranges that are allowed.

    ``rules`` is the list that they are from, at ``path`` of a resource ``declared_as``, and ``subject`` begins the
    sentence on the addresses.
    """
    spans = [(value, range_of(str(value.value))) for value in values if isinstance(value, Scalar)]
    ranges: list[Range] = [span for _, span in spans if span is not None]
    size = union(ranges)
    note = f"{subject} {share(size)}"
    if size >= WORLD_SIZE:
        return _verdict(WORLD, rules, path, note=note)
    for value in values:
        if not isinstance(value, Scalar):
            return _unknown(value, "" if isinstance(value, Unknown) else "an IP rule has no address")
    for value, span in spans:
        if span is None:
            named = f"`{value.display()}`" if value.text.strip() else "the empty string in the IP rules"
            return _unknown(value, f"{named} is not an IPv4 address or range")
    if size >= WIDE_SIZE:
        return _verdict(WIDE, rules, path, note=note)
    return _verdict(IPS if ranges else PRIVATE, rules, path, declared_as)


def _tagged(resource: Resource) -> list[Scalar | Unknown]:
    """Return the verdicts on the service tags that a managed HSM lists."""
    tags = resource.select(_TAGS)
    if isinstance(tags, Unknown):
        return [_unknown(tags)]
    items = tags.items if isinstance(tags, ListValue) else ()
    return [verdict_on_tag(item.select(("tag",)), _TAGS) for item in items]


def verdict_on_tag(tag: Answer, path: Path) -> Scalar | Unknown:
    """Return the verdict on a service tag that is allowed."""
    if not isinstance(tag, Scalar):
        return _unknown(tag, "a service tag is not a string")
    name = str(tag.value).lower()
    word = WORLD if name == "internet" else WIDE if name.partition(".")[0] == "azurecloud" else IPS
    return _verdict(word, tag, path, note=f"service tag `{tag.display()}` is allowed")


def _verdict(word: str, answer: Answer, path: Path, declared_as: str = "", note: str = "") -> Scalar:
    at = at_attribute(answer, path)
    return known(at, word, note or state_value(declared_as, path, answer))


def _unknown(answer: Answer, why: str = "") -> Unknown:
    return unknown(answer, why or (answer.why if isinstance(answer, Unknown) else ""))
