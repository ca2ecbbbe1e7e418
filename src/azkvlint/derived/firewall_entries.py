"""The individual entries of a firewall: its address rules, and the subnets that it allows."""

from __future__ import annotations

from functools import cache

from azkvlint.derived.answers import absent, known, known_list, known_object, unknown, unknown_as
from azkvlint.derived.exposure import IP_RULES, SUBNET_RULES, Range, covered, range_of
from azkvlint.derived.registry import Context, derived
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Link, ListValue, Path, Scalar, Unknown, Value

# Sources: learn.microsoft.com/azure/key-vault/general/network-security (IPv4 only, no private ranges),
# .../general/overview-vnet-service-endpoints; RFC 6598, 1122 and 3927 for ranges that are not public addresses.


_VAULTS = "microsoft.keyvault/vaults"
_MANAGED_HSMS = "microsoft.keyvault/managedhsms"
_NETWORKS = "microsoft.network/virtualnetworks"
_SUBNETS = "microsoft.network/virtualnetworks/subnets"
_ENDPOINTS: Path = ("properties", "serviceEndpoints")
_SERVICE = "microsoft.keyvault"

_NOT_PUBLIC = (
    ("private", "a private range", ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")),
    ("reserved", "a reserved range", ("100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16")),
)


@cache
def _ranges_not_public() -> list[tuple[Range, str, str]]:
    """Return the ranges that are not public, each with its kind and description."""
    return [
        (span, kind, why) for kind, why, texts in _NOT_PUBLIC for text in texts if (span := range_of(text)) is not None
    ]


@derived("ipRules", of=(_VAULTS, _MANAGED_HSMS), label="IP rule", reads=(IP_RULES,))
def _ip_rules(resource: Resource, _: Context) -> Answer:
    """Return each address rule: its ``kind``, its ``prefix`` length, and the rule that it is ``within``, if any."""
    rules = _rules(resource, IP_RULES)
    if not isinstance(rules, ListValue):
        return rules
    values = [item.select(("value",)) for item in rules.items]
    spans = [range_of(value.value) if isinstance(value, Scalar) and isinstance(value.value, str) else None
             for value in values]  # fmt: skip
    certain = [at for at, span in enumerate(spans) if span is not None]
    inner = covered([span for span in spans if span is not None])
    within = {certain[at]: values[certain[other]] for at, other in inner.items()}
    items = tuple(
        _ip_rule(at, value, span, within.get(at)) for at, (value, span) in enumerate(zip(values, spans, strict=True))
    )
    return known_list(rules, items)


def _ip_rule(number: int, value: Answer, span: Range | None, outer: Answer | None) -> Value:
    if not isinstance(value, Scalar):
        return unknown_as(value, "an IP rule has no address")
    kind, why = _kind(str(value.value), span)
    shown = value.display()
    named = shown if str(value.value).strip() else f"the empty string in item {number + 1}"
    fields: dict[str, Value] = {"kind": known(value, kind, f"{named} is {why}")}
    if span is not None:
        fields["prefix"] = known(value, span.prefix, f"{shown} contains {span.end - span.start:,} addresses")
    if outer is not None:
        fields["within"] = known(value, outer.display(), f"{shown} is included in {outer.display()}")
    return known_object(value, fields)


def _kind(text: str, span: Range | None) -> tuple[str, str]:
    """Return the kind of an address for the firewall, and its description."""
    if span is None:
        return ("ipv6", "an IPv6 address") if ":" in text else ("invalid", "not an IPv4 address or range")
    for other, kind, why in _ranges_not_public():
        if other.holds(span):
            return kind, why
    return "public", "a public range"


@derived(
    "subnets",
    of=_VAULTS,
    label="allowed subnet",
    reads={
        _VAULTS: (SUBNET_RULES,),
        _SUBNETS: (("id",), ("name",), _ENDPOINTS),
        _NETWORKS: (("id",), ("name",), ("properties", "subnets")),
    },
)
def _subnets(resource: Resource, context: Context) -> Answer:
    """Return each subnet that a vault allows, and whether it has a service endpoint for Key Vault."""
    rules = _rules(resource, SUBNET_RULES)
    return (
        known_list(rules, (_subnet(item, context) for item in rules.items)) if isinstance(rules, ListValue) else rules
    )


def _rules(resource: Resource, path: Path) -> ListValue | Unknown | Absent:
    """Return the list of rules at a path."""
    rules = resource.select(path)
    if isinstance(rules, Absent):
        return absent(resource)
    return rules if isinstance(rules, ListValue) else unknown_as(rules, "the value is not a list")


def _subnet(rule: Value, context: Context) -> Value:
    id_ = rule.select(("id",))
    if isinstance(id_, Absent):
        return unknown_as(id_, "a virtual network rule has no subnet ID")
    text = id_.text
    found = (id_.target,) if isinstance(id_, Link) else context.index.find(text)[0] if text else ()
    subnet = context.index.resources.get(found[0]) if len(found) == 1 else None
    if subnet is not None and subnet.type.lower() == _SUBNETS and subnet.stays:
        if not subnet.existing:
            return _admitted(rule, id_, subnet.name, subnet.select(_ENDPOINTS))
        text = subnet.select(("id",)).text or text
    return _in_network(rule, id_, text, context)


def _in_network(rule: Value, id_: Value, text: str, context: Context) -> Value:
    """Return a subnet that its network declares, by its id or the id's pattern."""
    above, _, name = text.rstrip("/").rpartition("/")
    network, _, kind = above.rpartition("/")
    found, _how = context.index.find(network) if kind.lower() == "subnets" else ((), "")
    declared = [
        one for one in (context.index.resources[address] for address in found) if not one.existing and one.stays
    ]
    if len(declared) == 1 and declared[0].type.lower() == _NETWORKS:
        subnets = declared[0].select(("properties", "subnets"))
        for subnet in subnets.items if isinstance(subnets, ListValue) else ():
            if subnet.select(("name",)).text.lower() == name.lower():
                return _admitted(rule, id_, name, subnet.select(_ENDPOINTS))
    alike = [context.index.resources[address] for address in context.index.find_candidates(text)]
    deployed = [one.address for one in alike if not one.existing and one.stays]
    if deployed:
        return unknown(id_, f"the subnet may be `{deployed[0]}`")
    return unknown_as(id_, "the subnet is not declared in the scanned files")


def _admitted(rule: Value, id_: Value, name: str, endpoints: Answer) -> Value:
    has = _has_endpoint(endpoints)
    if has is None:
        doubt = next((one for one in _services(endpoints) if isinstance(one, Unknown)), None)
        return unknown(id_, doubt.why if doubt is not None else f"a service endpoint of subnet `{name}` has no service")
    note = f"subnet `{name}` has {'a' if has else 'no'} `Microsoft.KeyVault` service endpoint"
    ignored = rule.select(("ignoreMissingVnetServiceEndpoint",))
    if not has and isinstance(ignored, Scalar) and ignored.value is True:
        note += " (ignored because of `ignoreMissingVnetServiceEndpoint`)"
    return known_object(id_, {"keyVaultEndpoint": known(id_, has, note)})


def _has_endpoint(endpoints: Answer) -> bool | None:
    """Return whether one of the endpoints is for Key Vault; None if that is not known."""
    services = _services(endpoints)
    if any(isinstance(service, Scalar) and str(service.value).lower() == _SERVICE for service in services):
        return True
    return False if all(isinstance(service, Scalar) for service in services) else None


def _services(endpoints: Answer) -> list[Answer]:
    """Return the service of each endpoint."""
    if isinstance(endpoints, ListValue):
        return [item.select(("service",)) for item in endpoints.items]
    return [] if isinstance(endpoints, Absent) else [endpoints]
