"""Managed storage accounts: storage account keys that a vault regenerates."""

from __future__ import annotations

from azkvlint.derived.answers import known, or_absent
from azkvlint.derived.registry import Context, derived
from azkvlint.derived.rotation import duration
from azkvlint.model.resource import Resource
from azkvlint.model.value import Answer, Path, Unknown

# Source: learn.microsoft.com/azure/key-vault/secrets/overview-storage-keys.


STORAGE = "microsoft.keyvault/vaults/storage"
_PERIOD: Path = ("properties", "regenerationPeriod")


@derived("regenerationDays", of=STORAGE, label="regeneration period", reads=(_PERIOD,))
def _regeneration_days(resource: Resource, _: Context) -> Answer:
    """Return the days after which a key is regenerated."""
    period = resource.select(_PERIOD)
    days = duration(period)
    if days is None or isinstance(days, Unknown):
        return or_absent(days, resource)
    return known(period, int(days) if days.is_integer() else days)
