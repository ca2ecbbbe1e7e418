"""Whether a resource is in the same region as the vault of its key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from azkvlint.derived.answers import known, unknown
from azkvlint.derived.consumers import field_of, key_and_vault
from azkvlint.derived.registry import Context, derived
from azkvlint.graph.references import reference_of
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Path, Scalar, Unknown
from azkvlint.util.text import location_key

# The vault of a disk encryption set's key must be in the set's own region. Source:
# learn.microsoft.com/azure/virtual-machines/disks-enable-customer-managed-keys-portal, its restrictions.


_SETS = "microsoft.compute/diskencryptionsets"
_VAULTS = ("microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms")
_LOCATION: Path = ("location",)
_KEY: Path = ("derived", "keyId")
_KEY_VAULT: Path = ("derived", "keyVaultId")
_ACTIVE: Path = ("properties", "activeKey")


_REGION_READS: Mapping[str, tuple[Path, ...]] = {
    _SETS: (_LOCATION, _KEY, _KEY_VAULT, _ACTIVE),
    **dict.fromkeys(_VAULTS, (_LOCATION, ("id",))),
    **{f"{vault}/keys": (("parent",), ("id",)) for vault in _VAULTS},
}


@derived("inRegionOfVault", of=_SETS, label="match with the region of the vault", reads=_REGION_READS)
def _in_region_of_vault(resource: Resource, context: Context) -> Answer:
    vaults = list(dict.fromkeys(_vaults(resource, context)))
    own = _region(resource.select(_LOCATION))
    others = [context.index.resources[vault].select(_LOCATION) for vault in vaults]
    regions = {_region(other) for other in others}
    if len(vaults) != 1 or not own or "" in regions:
        doubt = next((one for one in (resource.select(_LOCATION), *others) if isinstance(one, Unknown)), None)
        return unknown(resource, "the vault of the key is not known" if doubt is None else doubt.why)
    note = f"{resource.select(_LOCATION).display()} instead of {others[0].display()}"
    return known(resource, own in regions, note)


def _region(answer: Answer) -> str:
    """Return a region as Azure compares it: West Europe is westeurope."""
    return location_key(str(answer.value)) if isinstance(answer, Scalar) else ""


def _vaults(resource: Resource, context: Context) -> Iterator[str]:
    """Yield the vaults in the graph that certainly contain the key."""
    answers = [resource.select(_KEY_VAULT), resource.select(_KEY)]
    active = resource.select(_ACTIVE)
    if not isinstance(active, Absent):
        answers += [value for value in key_and_vault(active, context.index) if value is not None]
        answers.append(field_of(field_of(active, "sourcevault"), "id"))
    for answer in answers:
        reference = reference_of("", "", answer, context.index)
        for target in reference.targets if reference is not None else ():
            found = context.index.resources[target]
            if found.type.lower() in _VAULTS:
                yield target
            elif not isinstance(above := found.select(("parent",)), Absent):
                below = reference_of("", "", above, context.index)
                yield from below.targets if below is not None else ()
