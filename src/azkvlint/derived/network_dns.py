"""Private DNS: which zone a record or a network link is in, and whether a record leads to an endpoint's vault.

Until azurerm 5.0 a zone is given by its name, which says which one it is if there is one of that name.
"""

from __future__ import annotations

from azkvlint.derived.endpoints import ENDPOINTS, TARGET_READS, VAULTS, ZONES, connection, zone_name
from azkvlint.derived.registry import Context, absent, derived, known, unknown
from azkvlint.graph.references import reference_of
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Link, Origin, Path, Scalar, Unknown, text_of

LINKS = "microsoft.network/privatednszones/virtualnetworklinks"
_RECORDS = "microsoft.network/privatednszones/a"
_ZONE_NAME: Path = ("derived", "zoneName")
_GROUP: Path = ("resourceGroupName",)
# How the zones of the private link begin, and those of the public name, which a private zone may overlay.
_ASKED = {
    VAULTS[0]: ("vault.", "vaultcore.", "privatelink.vaultcore."),
    VAULTS[1]: ("managedhsm.", "privatelink.managedhsm."),
}


HEADS: tuple[Path, ...] = (("parent",), ("name",), _GROUP, _ZONE_NAME)


@derived(
    "zone",
    of=(LINKS, _RECORDS),
    label="private DNS zone",
    reads={LINKS: HEADS, _RECORDS: HEADS, ZONES: (("id",), ("name",), _GROUP)},
)
def zone_of(resource: Resource, context: Context) -> Answer:
    """The zone that something is in."""
    above, name = resource.select(("parent",)), resource.select(_ZONE_NAME)
    if not isinstance(above, Absent):
        return above
    if not isinstance(name, Scalar):
        return absent(resource) if isinstance(name, Absent) else name
    found = [one for one in _named(ZONES, str(name.value).lower(), context) if _may_be_beside(one, resource)]
    perhaps = [one for one in _nameless(ZONES, context) if _may_be_beside(one, resource)]
    if len(found) == 1 and not perhaps:
        return Link(at=name.at, target=found[0].address, type=found[0].type, origin=Origin.DERIVED)
    candidates = tuple(zone.address for zone in (*found, *perhaps))
    why = f"it may be any of {len(candidates)} zones" if len(candidates) > 1 else f"it may be {''.join(candidates)}"
    return (
        Unknown(at=name.at, origin=Origin.DERIVED, why=why, candidates=candidates, closed=True)
        if candidates
        else absent(resource)
    )


def _may_be_beside(zone: Resource, resource: Resource) -> bool:
    """Whether two resources may be in one group: what names a zone by its name says the zone's group, too."""
    one, other = zone.select(_GROUP), resource.select(_GROUP)
    certain = isinstance(one, Scalar) and isinstance(other, Scalar)
    return not certain or text_of(one).lower() == text_of(other).lower()


@derived(
    "dnsRecord",
    of=ENDPOINTS,
    label="private DNS record",
    reads={**TARGET_READS, _RECORDS: HEADS, ZONES: (("id",), ("name",)), **dict.fromkeys(VAULTS, (("id",), ("name",)))},
)
def _dns_record(resource: Resource, context: Context) -> Answer:
    """True if an address record has the name of the vault that an endpoint leads to, in a zone that callers ask."""
    target = connection(resource, "privateLinkServiceId")
    reference = None if isinstance(target, Absent) else reference_of("", "", target, context.index)
    if reference is None:
        return absent(resource)
    doubtful = list(_nameless(_RECORDS, context))
    vaults = (context.index.resources[address] for address in reference.targets)
    for vault in (one for one in vaults if one.type.lower() in VAULTS):
        name = vault.select(("name",))
        words = (str(name.value).lower(), "*") if isinstance(name, Scalar) else ("*",)
        for record in (one for word in words for one in _named(_RECORDS, word, context)):
            asked = _is_asked(record, vault, context)
            if asked:
                return known(record, True)
            doubtful += [record] if asked is None else []
        doubtful = doubtful if isinstance(name, Scalar) else context.index.of_type(_RECORDS)
        doubtful = [record for record in doubtful if _is_asked(record, vault, context) is not False]
    if reference.candidates or reference.anything:
        doubtful = context.index.of_type(_RECORDS)
    if not doubtful:
        return absent(resource)
    return unknown(resource, f"{doubtful[0].address} may be its record")


def _is_asked(record: Resource, vault: Resource, context: Context) -> bool | None:
    """Whether a record is in a zone in which the name of a vault is looked up; None if nobody knows."""
    above = record.select(("parent",))
    name = record.select(_ZONE_NAME) if isinstance(above, Absent) else zone_name(above, context)
    return str(name.value).lower().startswith(_ASKED[vault.type.lower()]) if isinstance(name, Scalar) else None


def _named(type_: str, name: str, context: Context) -> list[Resource]:
    """The resources whose name in Azure is certainly this one."""
    found = context.index.named(type_, name)
    return [one for one in found if one.stays and isinstance(one.select(("name",)), Scalar)]


def _nameless(type_: str, context: Context) -> list[Resource]:
    """The resources whose name is not known."""
    key = f"nameless {type_}"
    found = context.cache.get(key)
    if not isinstance(found, list):
        named = context.index.of_type(type_)
        found = context.cache[key] = [one for one in named if one.stays and isinstance(one.select(("name",)), Unknown)]
    return found
