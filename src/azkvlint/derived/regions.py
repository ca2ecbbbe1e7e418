"""Whether a resource is in the region of the vault that it must be near.

The vault of a disk encryption set's key must be in the set's own region. Source:
learn.microsoft.com/azure/virtual-machines/disks-enable-customer-managed-keys-portal, its restrictions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from azkvlint.azure.locations import location_key
from azkvlint.derived.keys import field_of, key_and_vault
from azkvlint.derived.registry import Context, derived, known, unknown
from azkvlint.graph.references import reference_of
from azkvlint.model.resource import Resource
from azkvlint.model.value import Absent, Answer, Path, Scalar, display

_SETS = "microsoft.compute/diskencryptionsets"
_VAULTS = ("microsoft.keyvault/vaults", "microsoft.keyvault/managedhsms")
_LOCATION: Path = ("location",)
_KEY: Path = ("derived", "keyId")
_VAULT: Path = ("derived", "keyVaultId")
_ACTIVE: Path = ("properties", "activeKey")


_NEEDS: Mapping[str, tuple[Path, ...]] = {
    _SETS: (_LOCATION, _KEY, _VAULT, _ACTIVE),
    **dict.fromkeys(_VAULTS, (_LOCATION, ("id",))),
    **{f"{vault}/keys": (("parent",), ("id",)) for vault in _VAULTS},
}


@derived("inRegionOfVault", of=_SETS, label="region of the vault", reads=_NEEDS)
def _in_region_of_vault(resource: Resource, context: Context) -> Answer:
    vaults = list(dict.fromkeys(_vaults(resource, context)))
    own = _region(resource.select(_LOCATION))
    others = [context.index.resources[vault].select(_LOCATION) for vault in vaults]
    regions = {_region(other) for other in others}
    if len(vaults) != 1 or not own or "" in regions:
        why = "whether its vault is in the same region is not known"
        return unknown(resource, why)
    note = f"it is in {display(resource.select(_LOCATION))}, and its vault {vaults[0]} in {display(others[0])}"
    return known(resource, own in regions, note)


def _region(answer: Answer) -> str:
    """A region as Azure compares it: West Europe is westeurope."""
    return location_key(str(answer.value)) if isinstance(answer, Scalar) else ""


def _vaults(resource: Resource, context: Context) -> Iterator[str]:
    """The vaults in the graph that the key is certainly in."""
    answers = [resource.select(_VAULT), resource.select(_KEY)]
    active = resource.select(_ACTIVE)
    if not isinstance(active, Absent):
        answers += [value for value in key_and_vault(active, context.index) if value is not None]
        answers.append(field_of(field_of(active, "sourcevault"), "id"))
    for answer in answers:
        reference = None if isinstance(answer, Absent) else reference_of("", "", answer, context.index)
        for target in reference.targets if reference is not None else ():
            found = context.index.resources[target]
            if found.type.lower() in _VAULTS:
                yield target
            elif not isinstance(above := found.select(("parent",)), Absent):
                below = reference_of("", "", above, context.index)
                yield from below.targets if below is not None else ()
