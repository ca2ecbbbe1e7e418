"""Storage accounts whose keys a vault manages.

Source: learn.microsoft.com/azure/key-vault/secrets/overview-storage-keys.
"""

from __future__ import annotations

from collections.abc import Mapping

from azkvlint.derived.attribute import Context, Derived
from azkvlint.derived.rotation import duration
from azkvlint.model.resource import Resource
from azkvlint.model.value import Origin, Path, Scalar, Unknown, Value

STORAGE = "microsoft.keyvault/vaults/storage"
_PERIOD: Path = ("properties", "regenerationPeriod")


def _regeneration_days(resource: Resource, context: Context) -> Value | None:
    """After how many days a key is made anew."""
    del context
    if resource.type.lower() != STORAGE:
        return None
    period = resource.select(_PERIOD)
    days = duration(period)
    if days is None or isinstance(days, Unknown):
        return days
    return Scalar(at=period.at, value=int(days) if days.is_integer() else days, origin=Origin.DERIVED)


ATTRIBUTES: Mapping[str, Derived] = {"regenerationDays": Derived(_regeneration_days, {STORAGE: (_PERIOD,)})}
