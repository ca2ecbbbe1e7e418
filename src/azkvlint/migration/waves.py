"""The order in which vaults are migrated: by environment, then by the number of principals."""

from __future__ import annotations

from azkvlint.model.migration import VaultPlan
from azkvlint.util.lazy_regex import regex

_FEW = 5
# Words of the names of environments without production data.
_NON_PRODUCTION = frozenset(
    {
        "dev", "devel", "development", "test", "tst", "testing", "sandbox", "sbx", "lab", "poc", "demo", "qa", "sit",
        "uat", "acc", "acceptance", "stage", "staging", "stg", "nonprod", "nonproduction", "preprod", "preproduction",
    }
)  # fmt: skip
_WORD = regex(r"[a-z]+")

RULE = (
    "Waves: 1 are non-production vaults with at most 5 principals, 2 other non-production vaults, 3 other vaults with"
    " at most 5 principals, and 4 the rest. A non-production vault has a word such as `dev` or `test` in its name, its"
    " input or its parameter file. A blocked vault has no wave."
)
"""How waves are assigned, in words."""


def wave_of(vault: VaultPlan) -> int:
    """Return the wave of a vault, from 1 on; 0 if it is blocked."""
    if vault.is_blocked:
        return 0
    words = {word for text in (vault.name, vault.root, vault.world_name) for word in _WORD.findall(text.lower())}
    is_small = len({policy.principal for policy in vault.policies}) <= _FEW and not any(
        policy.is_loop for policy in vault.policies
    )
    return (2 - is_small) if words & _NON_PRODUCTION else (4 - is_small)
