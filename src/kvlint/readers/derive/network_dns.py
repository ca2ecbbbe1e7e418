"""Private DNS: which zone a record or a network link is in, and whether a record leads to an endpoint's vault.

Until azurerm 5.0 a zone is given by its name, which says which one it is if there is one of that name.
"""

from __future__ import annotations

from collections.abc import Mapping

from kvlint.model.graph import Resource
from kvlint.model.value import Absent, Link, Path, Scalar, Unknown, Value
from kvlint.readers.derive.attribute import Context, Derived
from kvlint.readers.derive.endpoints import ENDPOINTS, PATHS, VAULTS, ZONES, connection
from kvlint.readers.references import reference_of

LINKS = "microsoft.network/privatednszones/virtualnetworklinks"
_RECORDS = "microsoft.network/privatednszones/a"
_ZONE_NAME: Path = ("derived", "zoneName")


def _zone(resource: Resource, context: Context) -> Value | None:
    """The zone that something is in."""
    if resource.type.lower() not in (LINKS, _RECORDS):
        return None
    above, name = resource.select(("parent",)), resource.select(_ZONE_NAME)
    if not isinstance(above, Absent):
        return above
    if not isinstance(name, Scalar):
        return None if isinstance(name, Absent) else name
    found = _named(ZONES, str(name.value).lower(), context)
    if len(found) == 1:
        return Link(at=name.at, target=found[0].address, type=found[0].type, origin="derived")
    candidates = tuple(zone.address for zone in found)
    why = f"there are {len(found)} zones of this name"
    return Unknown(at=name.at, origin="derived", why=why, candidates=candidates, closed=False) if found else name


def _dns_record(resource: Resource, context: Context) -> Value | None:
    """True if an address record has the name of the vault that an endpoint leads to."""
    if resource.type.lower() != ENDPOINTS:
        return None
    target = connection(resource, "privateLinkServiceId")
    reference = None if isinstance(target, Absent) else reference_of("", "", target, context.index)
    for address in reference.targets if reference is not None else ():
        name = context.index.resources[address].select(("name",))
        words = (str(name.value).lower(), "*") if isinstance(name, Scalar) else ("*",)
        for record in (one for word in words for one in _named(_RECORDS, word, context)):
            return Scalar(at=record.at, value=True, origin="derived")
        for record in context.index.of_type(_RECORDS) if isinstance(name, Unknown) else _nameless(context):
            return Unknown(at=resource.at, origin="derived", why=f"{record.address} may be its record")
    return None


def _named(type_: str, name: str, context: Context) -> list[Resource]:
    """The resources whose name in Azure is certainly this one."""
    found = context.index.named(type_, name)
    return [one for one in found if one.stays and isinstance(one.select(("name",)), Scalar)]


def _nameless(context: Context) -> list[Resource]:
    """The records whose name is not known."""
    found = context.kept.get("namelessRecords")
    if not isinstance(found, list):
        records = context.index.of_type(_RECORDS)
        found = [one for one in records if one.stays and isinstance(one.select(("name",)), Unknown)]
        context.kept["namelessRecords"] = found
    return found


_HEADS: tuple[Path, ...] = (("parent",), ("name",), _ZONE_NAME)
ATTRIBUTES: Mapping[str, Derived] = {
    "zone": Derived(_zone, {LINKS: _HEADS, _RECORDS: _HEADS, ZONES: (("id",), ("name",))}),
    "dnsRecord": Derived(
        _dns_record,
        {**PATHS, _RECORDS: (("name",),), **dict.fromkeys(VAULTS, (("id",), ("name",)))},
    ),
}
