"""Who may enter a vault: the verdict on each kind of caller, which rules and controls read instead of the settings.

The perimeter is first, since an enforced one overrides all settings but private endpoints; then the switch for public
network access, the firewall, and its exemption for trusted Microsoft services, which also holds where public network
access is disabled. Sources: learn.microsoft.com/azure/key-vault/general/network-security, and those of
``exposure.py`` and ``perimeters.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from azkvlint.derived.access_policies import VAULTS
from azkvlint.derived.answers import known, known_list, unknown
from azkvlint.derived.companions import Companions, Sure, elsewhere, is_one_of
from azkvlint.derived.endpoints import CONNECTION_READS, ENDPOINTS, connection
from azkvlint.derived.exposure import (
    ACLS,
    ALLOWED,
    DENIED,
    MAY_ALLOW_MORE,
    PRIVATE,
    PUBLIC,
    SUBNET_RULES,
    SUBNETS,
    bypass_of,
    effect_of_rules,
    exposure,
    in_perimeter,
    public_access,
    trusted_through_firewall,
)
from azkvlint.derived.perimeters import ASSOCIATIONS, PERIMETER_NEEDS, perimeters_of
from azkvlint.derived.registry import Context, derived
from azkvlint.derived.vaults import MANAGED_HSMS
from azkvlint.graph.references import reference_of
from azkvlint.model.resource import Reference, Resource
from azkvlint.model.value import Absent, Answer, ListValue, Path, Scalar, Unknown, Value

_TYPES = (VAULTS, MANAGED_HSMS)
_SETTINGS: tuple[Path, ...] = (PUBLIC, ACLS, ("apiVersion",))
ENTRY_READS: Mapping[str, tuple[Path, ...]] = {**dict.fromkeys(_TYPES, _SETTINGS), **PERIMETER_NEEDS}


@derived("exposure", of=_TYPES, label="network exposure", reads=ENTRY_READS)
def exposure_of(resource: Resource, context: Context) -> Answer:
    """Return the exposure to callers without a private endpoint, on the internet or in a subnet."""
    perimeters = perimeters_of(resource, context)
    return exposure(resource, perimeters.enforced, lambda: perimeters.lets_in(context))


@derived("publicAccess", of=_TYPES, label="public network access", reads=ENTRY_READS)
def _public_access(resource: Resource, context: Context) -> Answer:
    return public_access(resource, perimeters_of(resource, context).enforced)


@derived("inPerimeter", of=_TYPES, label="network security perimeter", reads=ENTRY_READS)
def _in_perimeter(resource: Resource, context: Context) -> Answer:
    return in_perimeter(resource, perimeters_of(resource, context).enforced)


@derived("networkRules", of=_TYPES, label="effect of network rules", reads=ENTRY_READS)
def _network_rules(resource: Resource, context: Context) -> Answer:
    return effect_of_rules(resource, perimeters_of(resource, context).enforced)


@derived("bypass", of=_TYPES, label="bypass for trusted Microsoft services", reads=_SETTINGS)
def _bypass(resource: Resource, _: Context) -> Answer:
    return bypass_of(resource)


NONE, LEARNING, ENFORCED, MISSING = "none", "learning", "enforced", "missing"


@derived("perimeter", of=_TYPES, label="network security perimeter", reads=ENTRY_READS)
def _perimeter(resource: Resource, context: Context) -> Answer:
    """Return one of the words above: MISSING if the vault is left to a perimeter that it is not in."""
    perimeters = perimeters_of(resource, context)
    decides = in_perimeter(resource, perimeters.enforced)
    if isinstance(decides, Unknown):
        return decides
    inside = perimeters.is_certain
    if inside is None:
        return unknown(resource, "the target of a network security perimeter association is not known")
    if decides.value is not True:
        return known(decides, LEARNING if inside else NONE)
    if inside or context.has_all_companions(resource):
        return known(decides if inside else resource, ENFORCED if inside else MISSING, decides.note)
    return unknown(resource, elsewhere(resource, ASSOCIATIONS))


TRUSTED, MEMBERS, ENDPOINT = "trusted services", "members of the perimeter", "private endpoints"
_EITHER = f"{TRUSTED} or {MEMBERS}"


@derived("reachable", of=_TYPES, label="network access", reads={**ENTRY_READS, **CONNECTION_READS})
def _reachable(resource: Resource, context: Context) -> Answer:
    """Return whether any caller may enter."""
    callers = callers_of(resource, context)
    for caller in callers.items:
        if isinstance(caller, Scalar):
            return known(caller, True, f"{caller.value} may enter")
    doubt = next((caller for caller in callers.items if isinstance(caller, Unknown)), None)
    return known(callers, False, "no caller may enter") if doubt is None else doubt


def callers_of(resource: Resource, context: Context) -> ListValue:
    """Return the kinds of callers that may enter: the exposure unless it is PRIVATE, and those above."""
    outside = exposure_of(resource, context)
    where = outside if isinstance(outside, Scalar | Unknown) else resource
    found = [*_outside(resource, outside, context), *_trusted(resource, context)]
    if perimeters_of(resource, context).is_certain:
        found.append(known(where, MEMBERS))
    sure = endpoint_of(resource, context)
    if sure is Sure.YES:
        found.append(known(where, ENDPOINT))
    elif not any(isinstance(one, Scalar) for one in found):
        if sure is Sure.PERHAPS:
            found.append(unknown(resource, "the target or the subresource of a private endpoint is not known"))
        elif not context.has_all_companions(resource):
            found.append(unknown(resource, elsewhere(resource, ENDPOINTS)))
    return known_list(where, found)


def _outside(resource: Resource, found: Answer, context: Context) -> Iterator[Value]:
    public = _public_access(resource, context)
    if isinstance(public, Unknown):
        # The exposure is then an upper bound.
        yield public
    elif isinstance(found, Unknown):
        yield found
    elif isinstance(found, Scalar) and found.value != PRIVATE:
        subnets = resource.select(SUBNET_RULES)
        may_be_empty = found.value == SUBNETS and isinstance(subnets, Unknown)
        yield unknown(found, subnets.why) if may_be_empty and isinstance(subnets, Unknown) else found


def _trusted(resource: Resource, context: Context) -> Iterator[Value]:
    found = trusted_services(resource, context)
    if isinstance(found, Scalar):
        if found.value == ALLOWED:
            yield known(found, TRUSTED)
        return
    own = trusted_through_firewall(resource)
    # Where a perimeter may override the exemption, its members may enter instead.
    is_either = isinstance(own, Scalar) and own.value == ALLOWED
    yield known(found, _EITHER) if is_either else found


BY_PERIMETER = "by perimeter"


def trusted_services(resource: Resource, context: Context) -> Scalar | Unknown:
    """Return whether trusted Microsoft services may enter: ALLOWED, DENIED, or BY_PERIMETER, which decides for each."""
    perimeters = perimeters_of(resource, context)
    decides = in_perimeter(resource, perimeters.enforced)
    if isinstance(decides, Unknown):
        return decides
    if decides.value is True:
        return msgspec.structs.replace(decides, value=BY_PERIMETER)
    found = trusted_through_firewall(resource)
    if perimeters.memberships and isinstance(found, Scalar) and found.value == DENIED:
        return unknown(found, MAY_ALLOW_MORE)
    return found


def endpoint_of(resource: Resource, context: Context) -> Sure:
    """Return whether a private endpoint of a vault exists, which no setting overrides."""
    found = context.cache.get("endpoints of vaults")
    if found is None:
        found = context.cache["endpoints of vaults"] = Companions(_endpoint_references(context), context)
    connected = (min(sure, _has_part(endpoint)) for endpoint, sure in found.naming(resource.address))
    return max(connected, default=Sure.NO)


def _endpoint_references(context: Context) -> Iterator[Reference]:
    for endpoint in context.index.of_type(ENDPOINTS):
        target = connection(endpoint, "privateLinkServiceId")
        reference = None
        if endpoint.stays and not isinstance(target, Absent):
            reference = reference_of(endpoint.address, "", target, context.index)
        if reference is not None:
            yield reference


def _has_part(endpoint: Resource) -> Sure:
    """Return whether an endpoint connects to the subresource of a vault or managed HSM."""
    parts = connection(endpoint, "groupIds")
    if not isinstance(parts, ListValue):
        return Sure.PERHAPS if isinstance(parts, Unknown) else Sure.NO
    return max((is_one_of(part, "vault", "managedhsm") for part in parts.items), default=Sure.NO)
