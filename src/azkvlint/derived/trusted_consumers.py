"""Services that reach a vault only as trusted Microsoft services: which there are, and whether each may enter.

The services are those of Microsoft's list that read a key or certificate from networks of Microsoft, so that neither IP
rules nor subnets cover them: learn.microsoft.com/azure/key-vault/general/overview-vnet-service-endpoints. The ones of
``NETWORKED`` have a network of their own, and may reach the vault from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from azkvlint.azure.consumers import CONSUMERS, has_use
from azkvlint.azure.nouns import may_refer
from azkvlint.derived.access_policies import VAULTS
from azkvlint.derived.answers import known, known_list, known_object, unknown
from azkvlint.derived.companions import Sure, elsewhere
from azkvlint.derived.endpoints import CONNECTION_READS
from azkvlint.derived.entry import BY_PERIMETER, ENTRY_READS, endpoint_of, trusted_services
from azkvlint.derived.exposure import ALLOWED, DENIED, IN_EFFECT, SUBNET_RULES, effect_of_rules
from azkvlint.derived.perimeter_services import admission
from azkvlint.derived.perimeters import ASSOCIATIONS, perimeters_of
from azkvlint.derived.registry import Context, attribute_of, derived
from azkvlint.derived.vaults import MANAGED_HSMS
from azkvlint.graph.references import reference_of
from azkvlint.model.resource import Resource
from azkvlint.model.value import Answer, ListValue, Scalar, Unknown, Value
from azkvlint.model.value import Path as Steps

KEY, CERTIFICATE, MACHINE = "key", "certificate", "certificate of a virtual machine"


class ServicePath(msgspec.Struct, frozen=True):
    """How some types of services reach a vault: the attribute ``via`` refers to it, and they read its ``reads``.

    The types are ``types`` (lower case), or those of the table of consumers with the ``words``.
    """

    via: str
    reads: str
    words: Mapping[str, tuple[str, ...]] = {}
    types: tuple[str, ...] = ()
    networked: bool = False

    def all_types(self) -> tuple[str, ...]:
        """Return the types of services."""
        return self.types_of(map(str.lower, CONSUMERS))

    def types_of(self, consumers: Iterable[str]) -> tuple[str, ...]:
        """Return the types of services, of those in the table some only: decoding all of its rows takes time."""
        return self.types or tuple(type_ for type_ in consumers if has_use(type_, self.words))


_THINGS = ("secret", "certificate")
_TRUSTED = ("trusted",)
_WITH_IDENTITY = ("own", "system", "platform", "own or platform")
PATHS = (
    ServicePath("keyVaultId", KEY, {"reads": ("key",), "network": _TRUSTED}),
    ServicePath("secretVaultIds", CERTIFICATE, {"reads": _THINGS, "network": _TRUSTED, "otherwise": _WITH_IDENTITY}),
    ServicePath("secretVaultIds", CERTIFICATE, {"reads": _THINGS, "network": ("trusted or network",)}, networked=True),
    ServicePath(
        "certificateVaultIds", CERTIFICATE, {"reads": ("certificate",), "network": _TRUSTED, "otherwise": ("flag",)}
    ),
    ServicePath(
        "encryptionVaultId",
        MACHINE,
        types=(
            "microsoft.compute/virtualmachines/extensions",
            "microsoft.compute/virtualmachinescalesets/extensions",
        ),
    ),
    ServicePath(
        "encryptionVaultIds",
        MACHINE,
        types=("microsoft.compute/virtualmachines", "microsoft.compute/virtualmachinescalesets"),
    ),
)


def _reads() -> Mapping[str, tuple[Steps, ...]]:
    types = (type_ for path in PATHS for type_ in path.all_types())
    # What identifies a service, and the resource that it is a part of.
    return {**dict.fromkeys(types, (("id",), ("parent",), ("scope",))), **ENTRY_READS, **CONNECTION_READS}


class TrustedServiceUse(msgspec.Struct, frozen=True):
    """A service that certainly, or possibly (then ``doubt`` is the reason), reads something of a vault."""

    service: Resource
    path: ServicePath
    doubt: str = ""


def uses_of(vault: Resource, context: Context) -> Iterable[TrustedServiceUse]:
    """Return the uses of a vault by services of ``PATHS``, certain ones first.

    Of the uses that may be of any vault there is at most one of each kind.
    """
    found: dict[str, list[TrustedServiceUse]] | None = context.cache.get("uses of vaults")
    if found is None:
        found = context.cache["uses of vaults"] = {}
        for use, target in _uses(context):
            found.setdefault(target, []).append(use)
    loose = {(use.path.reads, use.path.networked): use for use in found.get("", ())}
    return sorted((*found.get(vault.address, ()), *loose.values()), key=lambda use: bool(use.doubt))


def _uses(context: Context) -> Iterator[tuple[TrustedServiceUse, str]]:
    """Yield each use with the address of the vault; empty if it may be any."""
    present = {type_.lower() for type_ in context.index.types()}
    consumers = [type_ for type_ in map(str.lower, CONSUMERS) if type_ in present]
    for path in PATHS:
        types = path.types_of(consumers)
        for service in (one for type_ in types for one in context.index.of_type(type_) if one.stays):
            answer = attribute_of(service, path.via, context)
            values = answer.as_items
            for value in values:
                reference = reference_of(service.address, path.via, value, context.index)
                if reference is None:
                    continue
                why = value.why if isinstance(value, Unknown) else f"{service.address} may refer to another vault"
                yield from ((TrustedServiceUse(service, path), target) for target in reference.targets)
                yield from ((TrustedServiceUse(service, path, why), target) for target in reference.candidates)
                if reference.anything:
                    yield TrustedServiceUse(service, path, why), ""


@derived(
    "trustedConsumers",
    of=(VAULTS, MANAGED_HSMS),
    label="trusted service that uses the vault",
    reads=_reads,
    uses=tuple(dict.fromkeys(path.via for path in PATHS)),
)
def _trusted_consumers(resource: Resource, context: Context) -> Answer:
    """Return each service that reaches the vault only as a trusted service: what it ``reads``, and its ``entry``.

    ``needs`` is true where the service certainly uses the vault.
    """
    uses = list(uses_of(resource, context))
    items = [item for use in uses if (item := _item(resource, use, context)) is not None]
    if not context.has_all_companions(resource) and all(use.doubt for use in uses):
        why = may_refer("a service", resource.type)
        entry = _entry_of_any(resource, context)
        items.append(_consumer(resource, unknown(resource, why), unknown(resource, why), entry))
    return known_list(resource, items)


def _item(vault: Resource, use: TrustedServiceUse, context: Context) -> Value | None:
    """Return a use as an item of the list; None for a service that has another way to the vault."""
    doubt = use.doubt
    if use.path.networked:
        has_way = _has_way_from_networks(vault, context)
        if has_way is Sure.YES:
            return None
        if has_way is Sure.PERHAPS:
            doubt = doubt or f"{use.service.address} may reach the vault from its own network"
    entry = _entry_of(vault, use, context)
    if doubt:
        if not (isinstance(entry, Scalar) and entry.value == ALLOWED):
            entry = unknown(vault, doubt)
        return _consumer(vault, known(vault, use.path.reads), unknown(vault, doubt), entry)
    return _consumer(vault, known(vault, use.path.reads), known(vault, True), entry)


def _consumer(vault: Resource, reads: Value, needs: Value, entry: Value) -> Value:
    return known_object(vault, {"reads": reads, "needs": needs, "entry": entry})


def _has_way_from_networks(vault: Resource, context: Context) -> Sure:
    """Return whether callers in a virtual network may enter, through a private endpoint or a subnet rule."""
    subnets = vault.select(SUBNET_RULES)
    effect = effect_of_rules(vault, perimeters_of(vault, context).enforced)
    by_rule = Sure.NO
    if isinstance(subnets, Unknown) or (isinstance(subnets, ListValue) and subnets.items):
        by_rule = Sure.YES if isinstance(effect, Scalar) and effect.value == IN_EFFECT else Sure.NO
        if isinstance(effect, Unknown) or (by_rule and isinstance(subnets, Unknown)):
            by_rule = Sure.PERHAPS
    found = max(by_rule, endpoint_of(vault, context))
    return Sure.PERHAPS if found is Sure.NO and not context.has_all_companions(vault) else found


def _entry_of_any(vault: Resource, context: Context) -> Value:
    found = trusted_services(vault, context)
    return (
        unknown(vault, "the perimeter decides for each service") if found.note and _is(found, BY_PERIMETER) else found
    )


def _is(answer: Answer, word: str) -> bool:
    return isinstance(answer, Scalar) and answer.value == word


def _entry_of(vault: Resource, use: TrustedServiceUse, context: Context) -> Value:
    """Return whether a service may enter: ALLOWED or DENIED."""
    found = trusted_services(vault, context)
    name = use.service.address
    if _is(found, DENIED):
        return msgspec.structs.replace(found, note=f"the firewall blocks {name}, which trusted services could bypass")
    if not _is(found, BY_PERIMETER):
        return found
    perimeters = perimeters_of(vault, context)
    admitted = admission(perimeters, use.service, context)
    if isinstance(admitted, str):
        return unknown(vault, admitted)
    if admitted:
        return known(vault, ALLOWED, f"the network security perimeter allows {name}")
    if not (context.has_all_companions(vault) and context.has_all_companions(use.service)):
        return unknown(vault, elsewhere(vault, ASSOCIATIONS))
    return known(vault, DENIED, f"the network security perimeter does not allow {name}")
