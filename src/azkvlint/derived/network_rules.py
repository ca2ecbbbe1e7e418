"""What a firewall lists, one by one: its address rules, and the subnets that it admits.

Sources: learn.microsoft.com/azure/key-vault/general/network-security (IPv4 only, no private ranges),
.../general/overview-vnet-service-endpoints; RFC 6598, 1122 and 3927 for what is never a caller's public address.
"""

from __future__ import annotations

from azkvlint.derived.exposure import IP_RULES, SUBNET_RULES
from azkvlint.derived.ranges import Range, covered, range_of
from azkvlint.derived.registry import (
    Context,
    absent,
    derived,
    known,
    known_list,
    known_object,
    unknown,
    unknown_as,
)
from azkvlint.model.resource import Resource
from azkvlint.model.value import (
    Absent,
    Answer,
    Link,
    ListValue,
    Path,
    Scalar,
    Unknown,
    Value,
    display,
    select,
    text_of,
)

_VAULTS = "microsoft.keyvault/vaults"
_MANAGED_HSMS = "microsoft.keyvault/managedhsms"
_NETWORKS = "microsoft.network/virtualnetworks"
_SUBNETS = "microsoft.network/virtualnetworks/subnets"
_ENDPOINTS: Path = ("properties", "serviceEndpoints")
_SERVICE = "microsoft.keyvault"

_NOT_PUBLIC = [
    (span, kind, why)
    for kind, why, texts in (
        ("private", "a private range", ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")),
        ("reserved", "a range that no caller on the Internet has", ("100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16")),
    )
    for text in texts
    if (span := range_of(text)) is not None
]


@derived(
    "ipRules", of=(_VAULTS, _MANAGED_HSMS), label="IP rules", reads={_VAULTS: (IP_RULES,), _MANAGED_HSMS: (IP_RULES,)}
)
def _ip_rules(resource: Resource, _: Context) -> Answer:
    """Each address rule: its ``kind``, its ``prefix`` length, and the rule that it lies ``within``, if any."""
    rules = resource.select(IP_RULES)
    if isinstance(rules, Absent):
        return absent(resource)
    if not isinstance(rules, ListValue):
        return unknown_as(rules, "it is no list")
    values = [select(item, ("value",)) for item in rules.items]
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
        return unknown_as(value, "a rule names no address")
    kind, why = _kind(str(value.value), span)
    named = display(value) if str(value.value).strip() else f"item {number + 1} (an empty string)"
    fields: dict[str, Value] = {"kind": known(value, kind, f"{named} is {why}")}
    if span is not None:
        fields["prefix"] = known(value, span.prefix, f"{display(value)} holds {span.end - span.start:,} addresses")
    if outer is not None:
        fields["within"] = known(value, display(outer), f"{display(value)} lies in {display(outer)}")
    return known_object(value, fields)


def _kind(text: str, span: Range | None) -> tuple[str, str]:
    """What an address is to the firewall, and in words."""
    if span is None:
        return ("ipv6", "an IPv6 address") if ":" in text else ("invalid", "not an IPv4 address or range")
    for other, kind, why in _NOT_PUBLIC:
        if other.holds(span):
            return kind, why
    return "public", "a public range"


@derived(
    "subnets",
    of=_VAULTS,
    label="allowed subnets",
    reads={
        _VAULTS: (SUBNET_RULES,),
        _SUBNETS: (("id",), ("name",), _ENDPOINTS),
        _NETWORKS: (("id",), ("name",), ("properties", "subnets")),
    },
)
def _subnets(resource: Resource, context: Context) -> Answer:
    """Each subnet that a vault admits: whether it has a service endpoint for Key Vault."""
    rules = resource.select(SUBNET_RULES)
    if isinstance(rules, Absent):
        return absent(resource)
    if not isinstance(rules, ListValue):
        return unknown_as(rules, "it is no list")
    return known_list(rules, (_subnet(item, context) for item in rules.items))


def _subnet(rule: Value, context: Context) -> Value:
    id_ = select(rule, ("id",))
    if isinstance(id_, Absent):
        return unknown_as(id_, "the rule names no subnet")
    text = text_of(id_)
    found = (id_.target,) if isinstance(id_, Link) else context.index.find(text)[0] if text else ()
    subnet = context.index.resources.get(found[0]) if len(found) == 1 else None
    if subnet is not None and subnet.type.lower() == _SUBNETS and subnet.stays:
        if not subnet.existing:
            return _admitted(rule, id_, subnet.name, subnet.select(_ENDPOINTS))
        text = text_of(subnet.select(("id",))) or text
    return _in_network(rule, id_, text, context)


def _in_network(rule: Value, id_: Value, text: str, context: Context) -> Value:
    """A subnet that its network declares, by its id or the id's pattern."""
    above, _, name = text.rstrip("/").rpartition("/")
    network, _, kind = above.rpartition("/")
    found, _how = context.index.find(network) if kind.lower() == "subnets" else ((), "")
    declared = [
        one for one in (context.index.resources[address] for address in found) if not one.existing and one.stays
    ]
    if len(declared) == 1 and declared[0].type.lower() == _NETWORKS:
        subnets = declared[0].select(("properties", "subnets"))
        for subnet in subnets.items if isinstance(subnets, ListValue) else ():
            if text_of(select(subnet, ("name",))).lower() == name.lower():
                return _admitted(rule, id_, name, select(subnet, _ENDPOINTS))
    return unknown_as(id_, "the subnet is not part of this input")


def _admitted(rule: Value, id_: Value, name: str, endpoints: Answer) -> Value:
    has = _has_endpoint(endpoints)
    if has is None:
        why = endpoints.why if isinstance(endpoints, Unknown) else "one of them is not known"
        return unknown(id_, f"the service endpoints of the subnet {name} are not known: {why}")
    note = f"the subnet {name} has {'a' if has else 'no'} service endpoint for Microsoft.KeyVault"
    ignored = select(rule, ("ignoreMissingVnetServiceEndpoint",))
    if not has and isinstance(ignored, Scalar) and ignored.value is True:
        note += ", and ignoreMissingVnetServiceEndpoint hides that the rule has no effect"
    return known_object(id_, {"keyVaultEndpoint": known(id_, has, note)})


def _has_endpoint(endpoints: Answer) -> bool | None:
    """Whether one of them is Key Vault's; None if nobody knows."""
    if isinstance(endpoints, Absent):
        return False
    services = (
        [select(item, ("service",)) for item in endpoints.items] if isinstance(endpoints, ListValue) else [endpoints]
    )
    if any(isinstance(service, Scalar) and str(service.value).lower() == _SERVICE for service in services):
        return True
    return False if all(isinstance(service, Scalar) for service in services) else None
